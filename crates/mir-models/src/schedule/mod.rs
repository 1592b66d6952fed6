//! Learning rates as pure functions of the step.
//!
//! A [`Schedule`] has no state: the rate of a step is the same whether a run came there without a stop or
//! was resumed. What depends on validation scores is [`Plateau`], a factor whose state is saved.

mod plateau;
#[cfg(test)]
mod tests;

use std::{f64::consts::PI, fmt::Write};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

pub use plateau::{Goal, Plateau, PlateauConfig};

/// Learning rate over the optimiser steps, which count from 0.
///
/// ```
/// use mir_models::schedule::Schedule;
///
/// // A ramp over 500 steps, then cosine down to 0 at step 2500.
/// let cosine = Schedule::Cosine { initial: 1e-3, floor: 0.0, steps: Some(2000) };
/// let schedule = Schedule::Warmup { steps: 500, start: 0.0, then: Box::new(cosine) };
/// schedule.validate()?;
/// assert!((schedule.rate(250, 2500) - 5e-4).abs() < 1e-12);
/// assert!((schedule.rate(1500, 2500) - 5e-4).abs() < 1e-12);
/// # Ok::<(), mir_models::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Always the same.
    Constant {
        /// The rate, above 0.
        rate: f64,
    },
    /// A staircase: `initial · factor^⌊step / every⌋`, or without stairs `initial · factor^(step / every)`.
    Exponential {
        /// Rate of the first steps, above 0.
        initial: f64,
        /// Factor of each stair, in (0, 1].
        factor: f64,
        /// Steps of each stair, at least 1.
        every: u64,
        /// Without stairs.
        #[serde(default)]
        smooth: bool,
    },
    /// `initial · factor^(milestones that were reached)`.
    MultiStep {
        /// Rate of the first steps, above 0.
        initial: f64,
        /// Factor at each milestone, in (0, 1].
        factor: f64,
        /// Steps from which one more factor counts, ascending.
        milestones: Vec<u64>,
    },
    /// `end + (initial − end) · (1 − step / steps)^power`, then `end`. A power of 1 is a straight line, up
    /// or down.
    Polynomial {
        /// Rate of the first step, at least 0.
        initial: f64,
        /// Rate at the end, at least 0.
        end: f64,
        /// Power, above 0.
        power: f64,
        /// Steps until the end; the steps of the run if left out.
        #[serde(default)]
        steps: Option<u64>,
    },
    /// Half a cosine (Loshchilov and Hutter 2017, without restarts):
    /// `floor + (initial − floor) · (1 + cos(π·step / steps)) / 2`, then `floor`.
    Cosine {
        /// Rate of the first step, above 0.
        initial: f64,
        /// Rate at the end, at least 0 and at most `initial`.
        floor: f64,
        /// Steps until the end; the steps of the run if left out.
        #[serde(default)]
        steps: Option<u64>,
    },
    /// Half a cosine from the peak to the floor in each cycle (SGDR, Loshchilov and Hutter 2017). Cycle
    /// `c` lasts `period · growthᶜ` steps, from `peak · decayᶜ`.
    CosineRestarts {
        /// Rate at the start of the first cycle, above 0.
        peak: f64,
        /// Rate at the end of a cycle, at least 0 and at most `peak`.
        floor: f64,
        /// Steps of the first cycle, at least 1.
        period: u64,
        /// Factor on the length of each further cycle, at least 1.
        growth: u64,
        /// Factor on the peak of each further cycle, in (0, 1].
        decay: f64,
    },
    /// A quarter of a cosine in each cycle, after a straight ramp from 0 (onsets and velocities,
    /// Fernández 2023): in cycle `c` of `P = round(period · slowdownᶜ)` steps, at its step `j`,
    /// `m + (M − m) · cos(π/2 · j / (P − 1))` with `M = peak · decayᶜ` and `m = floor · decayᶜ`.
    ///
    /// The published program computes the cosine in 32-bit floats, which gives a tiny negative value at the
    /// end of a cycle; here it is `m`.
    QuarterCosineRestarts {
        /// Highest rate of the first cycle, above 0.
        peak: f64,
        /// Lowest rate of the first cycle, at least 0 and at most `peak`.
        floor: f64,
        /// Steps of the ramp `peak · step / ramp` before the first cycle; 0 for none.
        ramp: u64,
        /// Steps of the first cycle, at least 2.
        period: u64,
        /// Factor on both rates of each further cycle, in (0, 1].
        decay: f64,
        /// Factor on the length of each further cycle, at least 1.
        slowdown: f64,
        /// Steps by which the first cycle starts early, mirrored (the cosine is even): 1 for the first
        /// published version, whose counter starts at −1.
        #[serde(default)]
        early: u64,
    },
    /// In epochs (contrastive predictive coding): `(epoch + 1) / ramp` of the rate in the first `ramp`
    /// epochs; then `factor^⌊(epoch − ramp) / every⌋` of it.
    EpochRamp {
        /// The full rate, above 0.
        rate: f64,
        /// Steps of an epoch, at least 1.
        epoch: u64,
        /// Epochs of the ramp; 0 for none.
        ramp: u64,
        /// Factor of each stair, in (0, 1].
        factor: f64,
        /// Epochs of each stair, at least 1.
        every: u64,
    },
    /// One cycle (Smith and Topin 2018): up from `peak / 25` over the first `warmup` of the steps, down
    /// to `peak / 10,000` over the rest, both along half a cosine.
    OneCycle {
        /// The highest rate, above 0.
        peak: f64,
        /// Share of the steps that go up, in [0, 1).
        warmup: f64,
    },
    /// One cycle as PyTorch counts it: up from `peak / start_divisor` until step `warmup · steps − 1`,
    /// down to `peak / start_divisor / end_divisor` at the last step.
    TorchOneCycle {
        /// The highest rate, above 0.
        peak: f64,
        /// Share of the steps that go up, in [0, 1); PyTorch's default is 0.3.
        warmup: f64,
        /// `peak` over the first rate, above 0; PyTorch's default is 25.
        start_divisor: f64,
        /// The first rate over the last, above 0; PyTorch's default is 10,000.
        end_divisor: f64,
        /// Along straight lines instead of half cosines.
        #[serde(default)]
        linear: bool,
    },
    /// A straight ramp from `start · r` to `r`, the first rate of another schedule, which follows.
    Warmup {
        /// Steps of the ramp.
        steps: u64,
        /// Factor of the first step, in [0, 1].
        start: f64,
        /// The other schedule; its steps count from the end of the ramp.
        then: Box<Schedule>,
    },
    /// One schedule for a number of steps, then another one from its own step 0.
    Then {
        /// The first schedule.
        first: Box<Schedule>,
        /// Its steps.
        steps: u64,
        /// The schedule that follows.
        then: Box<Schedule>,
    },
    /// The product of two schedules, step by step.
    Times {
        /// One.
        left: Box<Schedule>,
        /// The other.
        right: Box<Schedule>,
    },
}

/// Half a cosine from `from` at 0 to `to` at 1.
fn half_cosine(from: f64, to: f64, x: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + (PI * x).cos())
}

fn line(from: f64, to: f64, x: f64) -> f64 {
    from + (to - from) * x
}

/// `step / steps` in [0, 1]; at the end if there are no steps.
fn share(step: u64, steps: u64) -> f64 {
    if step >= steps { 1.0 } else { step as f64 / steps as f64 }
}

fn power(factor: f64, exponent: u64) -> f64 {
    factor.powf(exponent as f64)
}

/// Which cycle a step lies in, where in it, and how long it is, when cycle `c` lasts `length(c)` steps.
/// Cycles that are `equal` in length need no walk through all of them.
fn cycle(mut step: u64, equal: bool, length: impl Fn(u64) -> u64) -> (u64, u64, u64) {
    let mut cycle = 0;
    loop {
        let steps = length(cycle).max(1);
        if step < steps {
            return (cycle, step, steps);
        }
        let skipped = if equal { step / steps } else { 1 };
        step -= skipped * steps;
        cycle += skipped;
    }
}

impl Schedule {
    /// The rate of step `step` of `total`.
    pub fn rate(&self, step: u64, total: u64) -> f64 {
        match *self {
            Self::Constant { rate } => rate,
            Self::Exponential { initial, factor, every, smooth } => {
                let every = every.max(1);
                let stairs =
                    if smooth { step as f64 / every as f64 } else { (step / every) as f64 };
                initial * factor.powf(stairs)
            }
            Self::MultiStep { initial, factor, ref milestones } => {
                let reached = milestones.iter().filter(|&&milestone| milestone <= step).count();
                initial * power(factor, reached as u64)
            }
            Self::Polynomial { initial, end, power, steps } => {
                let left = 1.0 - share(step, steps.unwrap_or(total));
                end + (initial - end) * left.powf(power)
            }
            Self::Cosine { initial, floor, steps } => {
                half_cosine(initial, floor, share(step, steps.unwrap_or(total)))
            }
            Self::CosineRestarts { peak, floor, period, growth, decay } => {
                let length = |c| period.saturating_mul(growth.saturating_pow(saturate(c)));
                let (c, at, steps) = cycle(step, growth == 1, length);
                half_cosine(peak * power(decay, c), floor, at as f64 / steps as f64)
            }
            Self::QuarterCosineRestarts { peak, floor, ramp, period, decay, slowdown, early } => {
                if step < ramp {
                    return peak * step as f64 / ramp as f64;
                }
                let length = |c| (period as f64 * power(slowdown, c)).round() as u64;
                let (c, at, steps) = match (step - ramp).checked_sub(early) {
                    Some(step) => cycle(step, slowdown <= 1.0, length),
                    None => (0, early - (step - ramp), length(0)),
                };
                let turn = (PI / 2.0 * at as f64 / (steps.max(2) - 1) as f64).cos().max(0.0);
                power(decay, c) * (floor + (peak - floor) * turn)
            }
            Self::EpochRamp { rate, epoch, ramp, factor, every } => {
                let epoch = step / epoch.max(1);
                match epoch.checked_sub(ramp) {
                    None => rate * (epoch + 1) as f64 / ramp as f64,
                    Some(after) => rate * power(factor, after / every.max(1)),
                }
            }
            Self::OneCycle { peak, warmup } => {
                let at = (step as f64 / total.max(1) as f64).clamp(0.0, 1.0);
                if at < warmup {
                    half_cosine(peak / 25.0, peak, at / warmup)
                } else {
                    half_cosine(peak, peak / 1e4, (at - warmup) / (1.0 - warmup))
                }
            }
            Self::TorchOneCycle { peak, warmup, start_divisor, end_divisor, linear } => {
                let start = peak / start_divisor;
                let path = if linear { line } else { half_cosine };
                let last = total.max(2) as f64 - 1.0;
                let top = warmup * total as f64 - 1.0;
                let step = (step as f64).min(last);
                if step <= top {
                    path(start, peak, step / top)
                } else {
                    path(peak, start / end_divisor, (step - top) / (last - top))
                }
            }
            Self::Warmup { steps, start, ref then } => {
                let rest = total.saturating_sub(steps);
                match step.checked_sub(steps) {
                    Some(step) => then.rate(step, rest),
                    None => then.rate(0, rest) * line(start, 1.0, share(step, steps)),
                }
            }
            Self::Then { ref first, steps, ref then } => match step.checked_sub(steps) {
                Some(step) => then.rate(step, total.saturating_sub(steps)),
                None => first.rate(step, steps),
            },
            Self::Times { ref left, ref right } => left.rate(step, total) * right.rate(step, total),
        }
    }

    /// The rates of a run as comma-separated values, `step,rate`, every `every` steps and at the last one.
    pub fn to_csv(&self, total: u64, every: u64) -> String {
        let mut text = "step,rate\n".to_owned();
        let mut step = 0;
        while step < total {
            let _ = writeln!(text, "{step},{}", self.rate(step, total));
            // The last step is of interest whatever the interval.
            step = if step + 1 == total { total } else { (step + every.max(1)).min(total - 1) };
        }
        text
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        self.validate_to(16)
    }

    fn validate_to(&self, depth: u32) -> Result<()> {
        let inner = |schedule: &Self| match depth.checked_sub(1) {
            Some(depth) => schedule.validate_to(depth),
            None => Err(Error::config("schedule", "at most 16 schedules in one another", "more")),
        };
        match *self {
            Self::Constant { rate } => positive("schedule.rate", rate),
            Self::Exponential { initial, factor, every, .. } => {
                positive("schedule.initial", initial)?;
                at_least("schedule.every", every, 1, "at least 1")?;
                shrinking("schedule.factor", factor)
            }
            Self::MultiStep { initial, factor, ref milestones } => {
                positive("schedule.initial", initial)?;
                if !milestones.is_sorted() {
                    return Err(Error::config("schedule.milestones", "ascending", "not"));
                }
                shrinking("schedule.factor", factor)
            }
            Self::Polynomial { initial, end, power, .. } => {
                between("schedule.initial", initial, f64::MAX, "finite and at least 0")?;
                between("schedule.end", end, f64::MAX, "finite and at least 0")?;
                positive("schedule.power", power)
            }
            Self::Cosine { initial, floor, .. } => {
                positive("schedule.initial", initial)?;
                between("schedule.floor", floor, initial, "at least 0 and at most the rate above")
            }
            Self::CosineRestarts { peak, floor, period, growth, decay } => {
                positive("schedule.peak", peak)?;
                between("schedule.floor", floor, peak, "at least 0 and at most the peak")?;
                at_least("schedule.period", period, 1, "at least 1")?;
                at_least("schedule.growth", growth, 1, "at least 1")?;
                shrinking("schedule.decay", decay)
            }
            Self::QuarterCosineRestarts { peak, floor, period, decay, slowdown, .. } => {
                positive("schedule.peak", peak)?;
                between("schedule.floor", floor, peak, "at least 0 and at most the peak")?;
                at_least("schedule.period", period, 2, "at least 2")?;
                if !(slowdown.is_finite() && slowdown >= 1.0) {
                    return Err(Error::config("schedule.slowdown", "at least 1", slowdown));
                }
                shrinking("schedule.decay", decay)
            }
            Self::EpochRamp { rate, epoch, factor, every, .. } => {
                positive("schedule.rate", rate)?;
                at_least("schedule.epoch", epoch, 1, "at least 1")?;
                at_least("schedule.every", every, 1, "at least 1")?;
                shrinking("schedule.factor", factor)
            }
            Self::OneCycle { peak, warmup } => {
                positive("schedule.peak", peak)?;
                part("schedule.warmup", warmup)
            }
            Self::TorchOneCycle { peak, warmup, start_divisor, end_divisor, .. } => {
                positive("schedule.peak", peak)?;
                positive("schedule.start_divisor", start_divisor)?;
                positive("schedule.end_divisor", end_divisor)?;
                part("schedule.warmup", warmup)
            }
            Self::Warmup { start, ref then, .. } => {
                between("schedule.start", start, 1.0, "at least 0 and at most 1")?;
                inner(then)
            }
            Self::Then { ref first, ref then, .. } => inner(first).and_then(|()| inner(then)),
            Self::Times { ref left, ref right } => inner(left).and_then(|()| inner(right)),
        }
    }
}

fn saturate(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn positive(field: &'static str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(Error::config(field, "finite and above 0", value))
}

fn shrinking(field: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value <= 1.0 {
        return Ok(());
    }
    Err(Error::config(field, "above 0 and at most 1", value))
}

fn part(field: &'static str, value: f64) -> Result<()> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::config(field, "at least 0 and below 1", value))
}

fn between(field: &'static str, value: f64, high: f64, expected: &'static str) -> Result<()> {
    if (0.0..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::config(field, expected, value))
}

fn at_least(field: &'static str, value: u64, low: u64, expected: &'static str) -> Result<()> {
    if value >= low {
        return Ok(());
    }
    Err(Error::config(field, expected, value))
}
