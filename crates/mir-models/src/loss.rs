//! The transcription losses.

use mir_core::batch::{NearTargets, TranscriptionTargets};
use tch::{Device, Kind, Reduction, Tensor};

use crate::{
    Error, Result,
    arch::{Heads, NoteHeads, PedalHeads},
    config::LossConfig,
    error::TorchContext,
    tensor,
};

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
    /// Share of the frames that count, or of the cells where they count one by one.
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

    /// The frames, or cells, and the onsets that count, of each batch.
    pub(crate) fn counts<'a>(
        batches: impl Iterator<Item = &'a TranscriptionTargets>,
    ) -> Vec<[f64; 2]> {
        batches
            .map(|targets| {
                let frames = match &targets.near {
                    None => targets.mask.iter().map(|&m| f64::from(m)).sum(),
                    Some(near) => targets
                        .mask
                        .iter()
                        .zip(near.mask.lanes(ndarray::Axis(2)))
                        .map(|(&m, keys)| f64::from(m * keys.sum()))
                        .sum(),
                };
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

/// Targets as tensors on the device of the network, each `[batch, frames, keys]` but for the mask.
#[derive(Debug)]
pub struct TargetTensors {
    /// 1 where a note starts.
    pub onset: Tensor,
    /// 1 where a note has just ended.
    pub offset: Tensor,
    /// 1 where a note sounds.
    pub frame: Tensor,
    /// Velocity as a fraction of 127 where a note sounds.
    pub velocity: Tensor,
    /// `[batch, frames, 1]`, or nothing where every frame counts.
    pub mask: Option<Tensor>,
    /// Where events lie between frames, if the targets say so.
    pub near: Option<NearTensors>,
}

/// How near events are, as tensors `[batch, frames, keys]`.
#[derive(Debug)]
pub struct NearTensors {
    /// How near an onset is.
    pub onset: Tensor,
    /// How near an offset is.
    pub offset: Tensor,
    /// 1 in the cells that count, 0 also in padded frames.
    pub mask: Tensor,
}

impl TargetTensors {
    /// `c` for the frame cells in which a note starts, `c / n` for its n-th cell after that, 1 elsewhere: also for
    /// notes that began before the window, as nobody knows when.
    fn frame_weights(&self, c: f64) -> Result<Tensor> {
        let operation = "weighting frames";
        // A note's age: frames since the last onset of its key, counted by a running maximum.
        let frames = self.frame.size()[1];
        let numbers = Tensor::f_arange(frames, (Kind::Float, self.frame.device()))
            .and_then(|t| t.f_reshape([1, frames, 1]))
            .during(operation)?;
        let starts = self
            .onset
            .f_gt(0.5)
            .and_then(|onset| {
                numbers.f_where_self(&onset, &Tensor::from(-1f32).f_to_device(self.frame.device())?)
            })
            .and_then(|starts| starts.f_cummax(1))
            .during(operation)?
            .0;
        let age = numbers.f_sub(&starts).during(operation)?;
        let known = starts.f_ge(0.0).and_then(|k| k.f_logical_and(&self.frame.f_gt(0.5)?));
        let weight = age.f_clamp_min(1.0).and_then(|age| age.f_reciprocal()?.f_mul_scalar(c));
        weight
            .and_then(|weight| {
                weight.f_where_self(&known?, &Tensor::from(1f32).f_to_device(self.frame.device())?)
            })
            .during(operation)
    }

    /// Copies the targets to a device.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn new(targets: &TranscriptionTargets, device: Device) -> Result<Self> {
        let full = targets.mask.iter().all(|&m| m >= 1.0);
        let frames = |mask| tensor::from_array(mask, device)?.f_unsqueeze(-1).during("masking");
        let mask = (!full).then(|| frames(&targets.mask)).transpose()?;
        let near = |near: &NearTargets| -> Result<NearTensors> {
            let cells = tensor::from_array(&near.mask, device)?;
            Ok(NearTensors {
                onset: tensor::from_array(&near.onset, device)?,
                offset: tensor::from_array(&near.offset, device)?,
                mask: match &mask {
                    None => cells,
                    Some(frames) => cells.f_mul(frames).during("masking")?,
                },
            })
        };
        Ok(Self {
            onset: tensor::from_array(&targets.onset, device)?,
            offset: tensor::from_array(&targets.offset, device)?,
            frame: tensor::from_array(&targets.frame, device)?,
            velocity: tensor::from_array(&targets.velocity, device)?,
            near: targets.near.as_ref().map(near).transpose()?,
            mask,
        })
    }
}

/// The loss of the heads against their targets, as [`LossConfig`] defines it, each part times the batch's
/// share: the losses of the batches of a step add up to that of one large batch.
///
/// # Errors
/// [`Error::Shape`] for targets of other frames or keys than the heads', or what LibTorch says.
pub fn transcription_loss(
    heads: &Heads,
    targets: &TargetTensors,
    config: &LossConfig,
    share: Share,
) -> Result<Loss> {
    let gamma = config.focal_gamma;
    let cells = |logits: &Tensor, target: &Tensor, positive: f64, weight: Option<&Tensor>| {
        cross_entropy(
            logits,
            target,
            &Cells { positive, gamma, weight, mask: targets.mask.as_ref() },
        )
    };
    let onset = cells(&heads.onset, &targets.onset, config.onset_positive_weight, None)?;
    let weight = (config.frame_onset_weight > 0.0)
        .then(|| targets.frame_weights(config.frame_onset_weight))
        .transpose()?;
    let frame = cells(&heads.frame, &targets.frame, config.frame_positive_weight, weight.as_ref())?;
    let mut terms = vec![("onset", config.onset, onset), ("frame", config.frame, frame)];
    if let Some(offset) = &heads.offset {
        let loss = cells(offset, &targets.offset, config.offset_positive_weight, None)?;
        terms.push(("offset", config.offset, loss));
    }
    if let Some(velocity) = &heads.velocity {
        let error = velocity.f_sub(&targets.velocity).and_then(|e| e.f_square());
        let term = mean_over_onsets(&error.during("the velocity loss")?, targets)?;
        terms.push(("velocity", config.velocity, term));
    }
    sum(&terms, share)
}

/// The loss of a high-resolution network (Kong et al., IEEE/ACM TASLP 2021, section III-C): cross entropy of onsets and
/// offsets against how near they are, and of frames, over the cells of notes that lie within the window; and of the
/// velocity as a fraction of 128 where a note starts. Weights, focal exponent and share as in [`transcription_loss`];
/// a weight of positive cells weighs them by their value.
///
/// The published program keeps probabilities 1e-7 away from 0 and 1, where the logarithm ends; from logits it has no
/// end.
///
/// # Errors
/// [`Error::Config`] for targets that do not say how near events are; as [`transcription_loss`].
pub fn high_resolution_loss(
    heads: &NoteHeads,
    targets: &TargetTensors,
    config: &LossConfig,
    share: Share,
) -> Result<Loss> {
    let events = [&heads.onset, &heads.offset, &heads.frame];
    let mut terms = event_losses(events, targets, config)?;
    let loud = targets.velocity.f_mul_scalar(127.0 / 128.0).during("the velocity loss")?;
    let none: Option<&Tensor> = None;
    let error = heads
        .velocity
        .f_binary_cross_entropy_with_logits(&loud, none, none, Reduction::None)
        .during("the velocity loss")?;
    terms.push(("velocity", config.velocity, mean_over_onsets(&error, targets)?));
    sum(&terms, share)
}

/// The loss of a high-resolution network for the pedal: that of [`high_resolution_loss`] without velocities, of the
/// one key that stands for the pedal.
///
/// # Errors
/// As [`high_resolution_loss`].
pub fn pedal_loss(
    heads: &PedalHeads,
    targets: &TargetTensors,
    config: &LossConfig,
    share: Share,
) -> Result<Loss> {
    let events = [&heads.onset, &heads.offset, &heads.frame];
    sum(&event_losses(events, targets, config)?, share)
}

/// The unweighted losses of onset, frame and offset with their weights, of logits of onset, offset and frame.
fn event_losses(
    [onset, offset, frame]: [&Tensor; 3],
    targets: &TargetTensors,
    config: &LossConfig,
) -> Result<Vec<(&'static str, f64, Tensor)>> {
    let Some(near) = &targets.near else {
        let expected = "targets that say how near events are (`reach` of the loader)";
        return Err(Error::config("reach", expected, "targets of whole frames"));
    };
    let gamma = config.focal_gamma;
    let cells = |logits: &Tensor, target: &Tensor, positive: f64, weight: Option<&Tensor>| {
        cross_entropy(logits, target, &Cells { positive, gamma, weight, mask: Some(&near.mask) })
    };
    let weight = (config.frame_onset_weight > 0.0)
        .then(|| targets.frame_weights(config.frame_onset_weight))
        .transpose()?;
    let onset = cells(onset, &near.onset, config.onset_positive_weight, None)?;
    let frame = cells(frame, &targets.frame, config.frame_positive_weight, weight.as_ref())?;
    let offset = cells(offset, &near.offset, config.offset_positive_weight, None)?;
    Ok(vec![
        ("onset", config.onset, onset),
        ("frame", config.frame, frame),
        ("offset", config.offset, offset),
    ])
}

/// The weighted sum of named terms, each times the batch's share.
fn sum(terms: &[(&'static str, f64, Tensor)], share: Share) -> Result<Loss> {
    let device = terms.first().map_or(Device::Cpu, |(.., term)| term.device());
    let mut total = Tensor::f_zeros([], (Kind::Float, device)).during("the loss")?;
    let mut parts = Vec::with_capacity(terms.len());
    for &(name, weight, ref term) in terms {
        let share = if name == "velocity" { share.onsets } else { share.frames };
        parts.push((name, share * term.f_double_value(&[]).during("the loss")?));
        let term = term.f_mul_scalar(weight * share).during("the loss")?;
        total = total.f_add(&term).during("the loss")?;
    }
    Ok(Loss { total, parts })
}

/// How the cells of a cross entropy count.
#[derive(Debug)]
struct Cells<'a> {
    /// Weight of positive ones.
    positive: f64,
    /// Exponent of the focal loss.
    gamma: f64,
    /// A weight for each.
    weight: Option<&'a Tensor>,
    /// Frames, or cells, that count.
    mask: Option<&'a Tensor>,
}

/// Mean binary cross entropy of logits over all cells that count.
fn cross_entropy(logits: &Tensor, target: &Tensor, cells: &Cells<'_>) -> Result<Tensor> {
    let operation = "the cross entropy";
    // LibTorch would repeat one key for all.
    if logits.size() != target.size() {
        return Err(Error::Shape {
            what: "targets",
            expected: format!("{:?}, as the network says", logits.size()),
            actual: target.size().iter().map(|&n| n as usize).collect(),
        });
    }
    let none: Option<&Tensor> = None;
    // A weight of one would be multiplied into every cell all the same: the plain form is the faster one.
    let positive = ((cells.positive - 1.0).abs() > f64::EPSILON)
        .then(|| Tensor::f_from_slice(&[cells.positive as f32])?.f_to_device(logits.device()))
        .transpose()
        .during(operation)?;
    let plain = cells.gamma <= 0.0;
    let reduction = if plain && cells.mask.is_none() { Reduction::Mean } else { Reduction::None };
    let entropy = logits
        .f_binary_cross_entropy_with_logits(target, cells.weight, positive.as_ref(), reduction)
        .during(operation)?;
    if reduction == Reduction::Mean {
        return Ok(entropy);
    }
    let focused = if plain {
        entropy
    } else {
        // 1 − p of what is true, without leaving the range of the logarithm.
        let miss = logits
            .f_binary_cross_entropy_with_logits(target, none, none, Reduction::None)
            .and_then(|entropy| entropy.f_neg()?.f_exp()?.f_neg()?.f_add_scalar(1.0))
            .and_then(|miss| miss.f_clamp_min(1e-12)?.f_pow_tensor_scalar(cells.gamma))
            .during(operation)?;
        entropy.f_mul(&miss).during(operation)?
    };
    let Some(mask) = cells.mask else {
        return focused.f_mean(Kind::Float).during(operation);
    };
    // A mask of frames counts for every key.
    let keys = logits.numel() as f64 / mask.numel().max(1) as f64;
    let count = mask.f_sum(Kind::Float).and_then(|n| n.f_mul_scalar(keys)).during(operation)?;
    let count = count.f_clamp_min(1.0).during(operation)?;
    focused
        .f_mul(mask)
        .and_then(|c| c.f_sum(Kind::Float))
        .and_then(|sum| sum.f_div(&count))
        .during(operation)
}

/// `Σ onset·error / Σ onset`, 0 without onsets.
fn mean_over_onsets(error: &Tensor, targets: &TargetTensors) -> Result<Tensor> {
    let operation = "the velocity loss";
    let onsets = match &targets.mask {
        None => targets.onset.shallow_clone(),
        Some(mask) => targets.onset.f_mul(mask).during(operation)?,
    };
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
            near: None,
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
    fn frames_weigh_less_the_longer_a_note_lasts() {
        // Key 0: sounds from before, starts again in frame 2. Key 1: starts in frame 1.
        let mut cells = targets(0.0, 1.0);
        cells.frame.slice_mut(ndarray::s![0, .., 0]).fill(1.0);
        cells.frame.slice_mut(ndarray::s![0, 1.., 1]).fill(1.0);
        (cells.onset[(0, 2, 0)], cells.onset[(0, 1, 1)]) = (1.0, 1.0);
        let tensors = TargetTensors::new(&cells, Device::Cpu).unwrap();
        let weights = tensors.frame_weights(6.0).unwrap();
        for (key, expected) in [(0, [1.0, 1.0, 6.0, 6.0]), (1, [1.0, 6.0, 6.0, 3.0]), (2, [1.0; 4])]
        {
            for (frame, expected) in expected.into_iter().enumerate() {
                let found: f64 = weights.double_value(&[0, frame as i64, key]);
                assert!((found - expected).abs() < 1e-6, "key {key}, frame {frame}: {found}");
            }
        }
        let config = LossConfig { frame_onset_weight: 6.0, ..LossConfig::default() };
        let weighted = transcription_loss(&heads(0.0), &tensors, &config, Share::WHOLE).unwrap();
        let extra = 5.0 * 4.0 + 2.0;
        let expected = std::f64::consts::LN_2 * (1.0 + extra / (4.0 * 88.0));
        assert!((part(&weighted, "frame") - expected).abs() < 1e-6);
    }

    #[test]
    fn the_focal_loss_counts_what_is_known_for_less() {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        for (mask, logit) in [(1.0, 0.7), (0.0, 0.7), (1.0, 40.0), (1.0, -3.0)] {
            let targets = TargetTensors::new(&targets(1.0, mask), Device::Cpu).unwrap();
            let config = LossConfig {
                focal_gamma: 2.0,
                onset_positive_weight: 3.0,
                offset_positive_weight: 9.0,
                ..LossConfig::default()
            };
            let loss = transcription_loss(&heads(logit), &targets, &config, Share::WHOLE).unwrap();
            let p = sigmoid(logit);
            assert!((part(&loss, "onset") + 3.0 * (1.0 - p).powi(2) * p.ln()).abs() < 1e-5);
            assert!((part(&loss, "frame") + (1.0 - p).powi(2) * p.ln()).abs() < 1e-5);
            // No offset is positive.
            let expected = -p.powi(2) * sigmoid(-logit).ln();
            assert!((part(&loss, "offset") / expected - 1.0).abs() < 1e-4);
        }
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
            near: Some(NearTargets {
                onset: cells(&|t, k| 0.5 * hit(t, k) + 0.25 * hit(t + 2, k)),
                offset: cells(&|t, k| 0.75 * hit(t, k + 5)),
                mask: cells(&|t, k| 1.0 - hit(t + 4, k)),
            }),
        };
        let logits = Tensor::from_slice(
            &(0..40 * 88).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect::<Vec<f32>>(),
        )
        .reshape([1, 40, 88]);
        let config =
            LossConfig { velocity: 0.7, onset_positive_weight: 3.0, ..LossConfig::quick() };
        let loss = |regressed: bool, from: usize, to: usize, share: Share| {
            let cut = |x: &Array3<f32>| x.slice(ndarray::s![.., from..to, ..]).to_owned();
            let near = all.near.as_ref().filter(|_| regressed);
            let targets = TranscriptionTargets {
                onset: cut(&all.onset),
                offset: cut(&all.offset),
                frame: cut(&all.frame),
                velocity: cut(&all.velocity),
                mask: all.mask.slice(ndarray::s![.., from..to]).to_owned(),
                near: near.map(|near| NearTargets {
                    onset: cut(&near.onset),
                    offset: cut(&near.offset),
                    mask: cut(&near.mask),
                }),
            };
            let part = logits.narrow(1, from as i64, (to - from) as i64);
            let head = || part.shallow_clone();
            let tensors = TargetTensors::new(&targets, Device::Cpu).unwrap();
            let loss = if regressed {
                let (onset, offset, frame, velocity) = (head(), head(), head(), head());
                let heads = NoteHeads { onset, offset, frame, velocity };
                high_resolution_loss(&heads, &tensors, &config, share)
            } else {
                let (offset, velocity) = (Some(head()), Some(head()));
                let heads = Heads { onset: head(), frame: head(), offset, velocity };
                transcription_loss(&heads, &tensors, &config, share)
            };
            (loss.unwrap().total.double_value(&[]), targets)
        };
        for regressed in [false, true] {
            let whole = loss(regressed, 0, 40, Share::WHOLE).0;
            let cuts = [(0, 9), (9, 10), (10, 40)];
            let targets = cuts.map(|(from, to)| loss(regressed, from, to, Share::WHOLE).1);
            let parts = cuts.iter().zip(Share::of(targets.iter()));
            let sum: f64 = parts.map(|(&(a, b), share)| loss(regressed, a, b, share).0).sum();
            assert!((sum - whole).abs() < 1e-6 * whole, "{sum} instead of {whole}");
            assert_eq!(Share::of(targets[..1].iter()), [Share::WHOLE]);
        }
    }

    #[test]
    fn regressed_times_are_compared_cell_by_cell() {
        // An oracle in 64 bits: each cell with a logit, targets and a mask of its own, the last frame padded.
        let value = |i: usize, modulus: usize| (i * 37 % modulus) as f64 / modulus as f64;
        let cells = |f: &dyn Fn(usize) -> f64| {
            Array3::from_shape_fn((1, 4, 88), |(_, t, k)| f(t * 88 + k) as f32)
        };
        let known = |i: usize| f64::from(u8::from(!i.is_multiple_of(5)));
        let starts = |i: usize| f64::from(u8::from(i.is_multiple_of(11)));
        let frame = |i: usize| f64::from(u8::from(i.is_multiple_of(3)));
        let targets = TranscriptionTargets {
            onset: cells(&starts),
            frame: cells(&frame),
            velocity: cells(&|i| value(i, 103)),
            near: Some(NearTargets {
                onset: cells(&|i| value(i, 17)),
                offset: cells(&|i| value(i, 23)),
                mask: cells(&known),
            }),
            ..targets(0.0, 0.0)
        };
        let logit = |i: usize, shift: f64| 4.0 * value(i, 29) - 2.0 + shift;
        let head = |shift: f64| {
            let all: Vec<f32> = (0..4 * 88).map(|i| logit(i, shift) as f32).collect();
            Tensor::from_slice(&all).reshape([1, 4, 88])
        };
        let heads = NoteHeads {
            onset: head(0.0),
            offset: head(0.5),
            frame: head(1.0),
            velocity: head(-0.5),
        };
        let tensors = TargetTensors::new(&targets, Device::Cpu).unwrap();
        let config = LossConfig { velocity: 0.5, ..LossConfig::default() };
        let loss = high_resolution_loss(&heads, &tensors, &config, Share::WHOLE).unwrap();
        let mean = |shift: f64, target: &dyn Fn(usize) -> f64, weight: &dyn Fn(usize) -> f64| {
            let cells = 0..3 * 88;
            let sum: f64 = (cells.clone())
                .map(|i| {
                    let (p, y) = (1.0 / (1.0 + (-logit(i, shift)).exp()), target(i));
                    -weight(i) * (y * p.ln() + (1.0 - y) * (1.0 - p).ln())
                })
                .sum();
            sum / cells.map(weight).sum::<f64>()
        };
        let loud = |i: usize| value(i, 103) * 127.0 / 128.0;
        let expected = [
            ("onset", mean(0.0, &|i| value(i, 17), &known)),
            ("frame", mean(1.0, &frame, &known)),
            ("offset", mean(0.5, &|i| value(i, 23), &known)),
            ("velocity", mean(-0.5, &loud, &starts)),
        ];
        for ((name, expected), (found, value)) in expected.into_iter().zip(&loss.parts) {
            assert_eq!(name, *found);
            assert!((value - expected).abs() < 1e-6, "{name}: {value} instead of {expected}");
        }
        let total = expected.iter().map(|(_, value)| value).sum::<f64>() - 0.5 * expected[3].1;
        assert!((loss.total.double_value(&[]) - total).abs() < 1e-5);

        let one = heads.onset.narrow(2, 0, 1);
        let pedal =
            PedalHeads { onset: one.shallow_clone(), offset: one.shallow_clone(), frame: one };
        let refused = pedal_loss(&pedal, &tensors, &config, Share::WHOLE).unwrap_err();
        assert!(matches!(refused, Error::Shape { what: "targets", .. }), "{refused}");

        let whole = TranscriptionTargets { near: None, ..targets };
        let tensors = TargetTensors::new(&whole, Device::Cpu).unwrap();
        let refused = high_resolution_loss(&heads, &tensors, &config, Share::WHOLE).unwrap_err();
        assert!(matches!(refused, Error::Config { field: "reach", .. }), "{refused}");
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
