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

/// How much of an optimiser step's targets a batch holds, when several batches make one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Share of the frames that count.
    pub frames: f64,
    /// Share of the onsets that count.
    pub onsets: f64,
}

impl Share {
    /// A batch that is a step by itself.
    pub const WHOLE: Self = Self { frames: 1.0, onsets: 1.0 };

    /// The shares of the batches of one step.
    pub fn of<'a>(batches: impl Iterator<Item = &'a TranscriptionTargets>) -> Vec<Self> {
        let counts = Self::counts(batches);
        if counts.len() == 1 {
            return vec![Self::WHOLE];
        }
        let total = |part: usize| counts.iter().map(|c| c[part]).sum::<f64>();
        Self::within(&counts, [total(0), total(1)])
    }

    /// The frames and the onsets that count, of each batch.
    pub(crate) fn counts<'a>(
        batches: impl Iterator<Item = &'a TranscriptionTargets>,
    ) -> Vec<[f64; 2]> {
        batches
            .map(|targets| {
                let frames = targets.mask.iter().map(|&m| f64::from(m)).sum();
                let onsets = targets
                    .mask
                    .iter()
                    .zip(targets.onset.lanes(ndarray::Axis(2)))
                    .map(|(&m, keys)| f64::from(m * keys.sum()))
                    .sum();
                [frames, onsets]
            })
            .collect()
    }

    /// The shares of batches with these counts in a step with these totals.
    pub(crate) fn within(counts: &[[f64; 2]], totals: [f64; 2]) -> Vec<Self> {
        let share = |&[frames, onsets]: &[f64; 2]| Self {
            frames: frames / totals[0].max(1.0),
            onsets: onsets / totals[1].max(1.0),
        };
        counts.iter().map(share).collect()
    }
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

/// The loss of the heads against their targets, as [`LossConfig`] defines it, each part times the batch's
/// share: the losses of the batches of a step add up to that of one large batch.
///
/// # Errors
/// What LibTorch says.
pub fn transcription_loss(
    heads: &Heads,
    targets: &TargetTensors,
    config: &LossConfig,
    share: Share,
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
        let share = if name == "velocity" { share.onsets } else { share.frames };
        parts.push((name, share * term.f_double_value(&[]).during("the loss")?));
        let term = term.f_mul_scalar(weight * share).during("the loss")?;
        total = total.f_add(&term).during("the loss")?;
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
        let loss = transcription_loss(&heads(0.7), &targets, &config, Share::WHOLE).unwrap();
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
        let loss = transcription_loss(&heads(0.0), &targets, &LossConfig::default(), Share::WHOLE)
            .unwrap();
        assert!(part(&loss, "velocity").abs() < 1e-12);
    }

    #[test]
    fn the_batches_of_a_step_add_up_to_one_batch() {
        // 40 frames of which some do not count, cut unevenly; onsets here and there.
        let cells = |f: &dyn Fn(usize, usize) -> f32| {
            Array3::from_shape_fn((1, 40, 88), |(_, t, k)| f(t, k))
        };
        let hit = |t: usize, k: usize| f32::from(u8::from((t * 5 + k * 3).is_multiple_of(17)));
        let all = TranscriptionTargets {
            onset: cells(&hit),
            offset: cells(&|t, k| hit(t + 1, k)),
            frame: cells(&|t, k| hit(t, k + 1)),
            velocity: cells(&|t, k| (t + k) as f32 / 200.0),
            mask: Array2::from_shape_fn((1, 40), |(_, t)| f32::from(u8::from(t % 7 != 3))),
        };
        let logits = Tensor::from_slice(
            &(0..40 * 88).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect::<Vec<f32>>(),
        )
        .reshape([1, 40, 88]);
        let config =
            LossConfig { velocity: 0.7, onset_positive_weight: 3.0, ..LossConfig::quick() };
        let loss = |from: usize, to: usize, share: Share| {
            let cut = |x: &Array3<f32>| x.slice(ndarray::s![.., from..to, ..]).to_owned();
            let targets = TranscriptionTargets {
                onset: cut(&all.onset),
                offset: cut(&all.offset),
                frame: cut(&all.frame),
                velocity: cut(&all.velocity),
                mask: all.mask.slice(ndarray::s![.., from..to]).to_owned(),
            };
            let part = logits.narrow(1, from as i64, (to - from) as i64);
            let heads = Heads {
                onset: part.shallow_clone(),
                frame: part.shallow_clone(),
                offset: Some(part.shallow_clone()),
                velocity: Some(part),
            };
            let tensors = TargetTensors::new(&targets, Device::Cpu).unwrap();
            let loss = transcription_loss(&heads, &tensors, &config, share).unwrap();
            (loss.total.double_value(&[]), targets)
        };
        let whole = loss(0, 40, Share::WHOLE).0;
        let cuts = [(0, 9), (9, 10), (10, 40)];
        let targets = cuts.map(|(from, to)| loss(from, to, Share::WHOLE).1);
        let shares = Share::of(targets.iter());
        let sum: f64 = cuts.iter().zip(shares).map(|(&(a, b), share)| loss(a, b, share).0).sum();
        assert!((sum - whole).abs() < 1e-6 * whole, "{sum} instead of {whole}");
        assert_eq!(Share::of(targets[..1].iter()), [Share::WHOLE]);
    }

    #[test]
    fn padded_frames_do_not_count() {
        let mut wrong = heads(0.7);
        let _ = wrong.onset.narrow(1, 3, 1).fill_(-50.0);
        let masked = TargetTensors::new(&targets(1.0, 0.0), Device::Cpu).unwrap();
        let loss =
            transcription_loss(&wrong, &masked, &LossConfig::default(), Share::WHOLE).unwrap();
        let p = 1.0 / (1.0 + (-0.7f64).exp());
        assert!((part(&loss, "onset") + p.ln()).abs() < 1e-6);
        let counted = TargetTensors::new(&targets(1.0, 1.0), Device::Cpu).unwrap();
        let loss =
            transcription_loss(&wrong, &counted, &LossConfig::default(), Share::WHOLE).unwrap();
        assert!(part(&loss, "onset") > 10.0);
        wrong.offset = None;
        let loss =
            transcription_loss(&wrong, &counted, &LossConfig::default(), Share::WHOLE).unwrap();
        assert_eq!(loss.parts.len(), 3);
    }
}
