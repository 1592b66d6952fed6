//! The transcription loss.

use mir_core::batch::TranscriptionTargets;
use tch::{Device, Kind, Reduction, Tensor};

use crate::{Result, arch::Heads, config::LossConfig, error::TorchContext, tensor};

/// The loss of a batch and its parts.
#[derive(Debug)]
pub struct Loss {
    /// The weighted sum, a scalar tensor with gradient.
    pub total: Tensor,
    /// The unweighted parts by name: `onset`, `frame`, and `offset`, `velocity` where there is a head.
    pub parts: Vec<(&'static str, f64)>,
}

/// Targets as tensors on the device of the network.
#[derive(Debug)]
pub struct TargetTensors {
    onset: Tensor,
    offset: Tensor,
    frame: Tensor,
    velocity: Tensor,
    /// `[batch, frames, 1]`, or nothing where every frame counts.
    mask: Option<Tensor>,
}

impl TargetTensors {
    /// Copies the targets to a device.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn new(targets: &TranscriptionTargets, device: Device) -> Result<Self> {
        let full = targets.mask.iter().all(|&m| m >= 1.0);
        Ok(Self {
            onset: tensor::from_array(&targets.onset, device)?,
            offset: tensor::from_array(&targets.offset, device)?,
            frame: tensor::from_array(&targets.frame, device)?,
            velocity: tensor::from_array(&targets.velocity, device)?,
            mask: (!full)
                .then(|| -> Result<Tensor> {
                    tensor::from_array(&targets.mask, device)?.f_unsqueeze(-1).during("masking")
                })
                .transpose()?,
        })
    }
}

/// The loss of the heads against their targets, as [`LossConfig`] defines it.
///
/// # Errors
/// What LibTorch says.
pub fn transcription_loss(
    heads: &Heads,
    targets: &TargetTensors,
    config: &LossConfig,
) -> Result<Loss> {
    let positive = Tensor::f_from_slice(&[config.onset_positive_weight as f32])
        .and_then(|t| t.f_to_device(heads.onset.device()))
        .during("the loss")?;
    let onset = cross_entropy(&heads.onset, &targets.onset, Some(&positive), targets)?;
    let frame = cross_entropy(&heads.frame, &targets.frame, None, targets)?;
    let mut terms = vec![("onset", config.onset, onset), ("frame", config.frame, frame)];
    if let Some(offset) = &heads.offset {
        let loss = cross_entropy(offset, &targets.offset, None, targets)?;
        terms.push(("offset", config.offset, loss));
    }
    if let Some(velocity) = &heads.velocity {
        terms.push(("velocity", config.velocity, velocity_loss(velocity, targets)?));
    }
    let mut total = Tensor::f_zeros([], (Kind::Float, heads.onset.device())).during("the loss")?;
    let mut parts = Vec::with_capacity(terms.len());
    for (name, weight, term) in terms {
        parts.push((name, term.f_double_value(&[]).during("the loss")?));
        total = total.f_add(&term.f_mul_scalar(weight).during("the loss")?).during("the loss")?;
    }
    Ok(Loss { total, parts })
}

/// Mean binary cross entropy of logits over all cells that count.
fn cross_entropy(
    logits: &Tensor,
    target: &Tensor,
    positive_weight: Option<&Tensor>,
    targets: &TargetTensors,
) -> Result<Tensor> {
    let operation = "the cross entropy";
    let none: Option<&Tensor> = None;
    match &targets.mask {
        None => logits
            .f_binary_cross_entropy_with_logits(target, none, positive_weight, Reduction::Mean)
            .during(operation),
        Some(mask) => {
            let cells = logits
                .f_binary_cross_entropy_with_logits(target, none, positive_weight, Reduction::None)
                .during(operation)?;
            let keys = logits.size().last().copied().unwrap_or(1) as f64;
            let count =
                mask.f_sum(Kind::Float).and_then(|n| n.f_mul_scalar(keys)).during(operation)?;
            let count = count.f_clamp_min(1.0).during(operation)?;
            cells
                .f_mul(mask)
                .and_then(|c| c.f_sum(Kind::Float))
                .and_then(|sum| sum.f_div(&count))
                .during(operation)
        }
    }
}

/// `Σ onset·(v − v̂)² / Σ onset`, 0 without onsets.
fn velocity_loss(estimate: &Tensor, targets: &TargetTensors) -> Result<Tensor> {
    let operation = "the velocity loss";
    let onsets = match &targets.mask {
        None => targets.onset.shallow_clone(),
        Some(mask) => targets.onset.f_mul(mask).during(operation)?,
    };
    let error = estimate.f_sub(&targets.velocity).and_then(|e| e.f_square()).during(operation)?;
    let sum = error.f_mul(&onsets).and_then(|e| e.f_sum(Kind::Float)).during(operation)?;
    // Without an onset the numerator is 0, and 0 / 1 is the documented value.
    let count = onsets.f_sum(Kind::Float).and_then(|n| n.f_clamp_min(1.0)).during(operation)?;
    sum.f_div(&count).during(operation)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3};

    use super::*;

    fn targets(onset: f32, mask: f32) -> TranscriptionTargets {
        let cells = |value| Array3::from_elem((1, 4, 88), value);
        let mut mask_rows = Array2::ones((1, 4));
        mask_rows[(0, 3)] = mask;
        TranscriptionTargets {
            onset: cells(onset),
            offset: cells(0.0),
            frame: cells(onset),
            velocity: cells(0.5),
            mask: mask_rows,
        }
    }

    fn heads(logit: f64) -> Heads {
        let cells = |value: f64| Tensor::full([1, 4, 88], value, (Kind::Float, Device::Cpu));
        Heads {
            onset: cells(logit),
            frame: cells(logit),
            offset: Some(cells(logit)),
            velocity: Some(cells(0.25)),
        }
    }

    fn part(loss: &Loss, name: &str) -> f64 {
        loss.parts.iter().find(|(n, _)| *n == name).unwrap().1
    }

    #[test]
    fn logits_give_the_cross_entropy_of_their_probabilities() {
        let targets = TargetTensors::new(&targets(1.0, 1.0), Device::Cpu).unwrap();
        let config = LossConfig { velocity: 2.0, ..LossConfig::default() };
        let loss = transcription_loss(&heads(0.7), &targets, &config).unwrap();
        let p = 1.0 / (1.0 + (-0.7f64).exp());
        assert!((part(&loss, "onset") + p.ln()).abs() < 1e-6);
        assert!((part(&loss, "offset") + (1.0 - p).ln()).abs() < 1e-6);
        assert!((part(&loss, "velocity") - 0.0625).abs() < 1e-6);
        let expected = -2.0 * p.ln() - (1.0 - p).ln() + 0.125;
        assert!((loss.total.double_value(&[]) - expected).abs() < 1e-5);
    }

    #[test]
    fn without_onsets_the_velocity_loss_is_zero() {
        let targets = TargetTensors::new(&targets(0.0, 1.0), Device::Cpu).unwrap();
        let loss = transcription_loss(&heads(0.0), &targets, &LossConfig::default()).unwrap();
        assert!(part(&loss, "velocity").abs() < 1e-12);
    }

    #[test]
    fn padded_frames_do_not_count() {
        let mut wrong = heads(0.7);
        let _ = wrong.onset.narrow(1, 3, 1).fill_(-50.0);
        let masked = TargetTensors::new(&targets(1.0, 0.0), Device::Cpu).unwrap();
        let loss = transcription_loss(&wrong, &masked, &LossConfig::default()).unwrap();
        let p = 1.0 / (1.0 + (-0.7f64).exp());
        assert!((part(&loss, "onset") + p.ln()).abs() < 1e-6);
        let counted = TargetTensors::new(&targets(1.0, 1.0), Device::Cpu).unwrap();
        let loss = transcription_loss(&wrong, &counted, &LossConfig::default()).unwrap();
        assert!(part(&loss, "onset") > 10.0);
        wrong.offset = None;
        let loss = transcription_loss(&wrong, &counted, &LossConfig::default()).unwrap();
        assert_eq!(loss.parts.len(), 3);
    }
}
