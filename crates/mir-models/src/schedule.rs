//! Learning rates as pure functions of the step.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Learning rate over the optimiser steps, which count from 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Always the same.
    Constant {
        /// The rate, above 0.
        rate: f64,
    },
    /// A staircase: `initial · factor^⌊step / every⌋`.
    Exponential {
        /// Rate of the first steps, above 0.
        initial: f64,
        /// Factor of each stair, in (0, 1].
        factor: f64,
        /// Steps of each stair, at least 1.
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
}

impl Schedule {
    /// The rate of step `step` of `total`.
    pub fn rate(&self, step: u64, total: u64) -> f64 {
        match *self {
            Self::Constant { rate } => rate,
            Self::Exponential { initial, factor, every } => {
                initial * factor.powf((step / every.max(1)) as f64)
            }
            Self::OneCycle { peak, warmup } => {
                let at = (step as f64 / total.max(1) as f64).clamp(0.0, 1.0);
                let cosine = |from: f64, to: f64, x: f64| {
                    to + (from - to) * 0.5 * (1.0 + (std::f64::consts::PI * x).cos())
                };
                if at < warmup {
                    cosine(peak / 25.0, peak, at / warmup)
                } else {
                    cosine(peak, peak / 1e4, (at - warmup) / (1.0 - warmup))
                }
            }
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        let positive = |field, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(())
            } else {
                Err(Error::config(field, "finite and above 0", value))
            }
        };
        match *self {
            Self::Constant { rate } => positive("schedule.rate", rate),
            Self::Exponential { initial, factor, every } => {
                positive("schedule.initial", initial)?;
                if every == 0 {
                    return Err(Error::config("schedule.every", "at least 1", every));
                }
                if !(factor > 0.0 && factor <= 1.0) {
                    return Err(Error::config("schedule.factor", "above 0 and at most 1", factor));
                }
                Ok(())
            }
            Self::OneCycle { peak, warmup } => {
                positive("schedule.peak", peak)?;
                if !(0.0..1.0).contains(&warmup) {
                    return Err(Error::config("schedule.warmup", "at least 0 and below 1", warmup));
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_course_schedule_after_ten_thousand_steps() {
        let schedule = Schedule::Exponential { initial: 6e-4, factor: 0.98, every: 1000 };
        assert!((schedule.rate(999, 10_000) - 6e-4).abs() < 1e-15);
        assert!((schedule.rate(10_000, 10_000) - 4.902e-4).abs() < 1e-7);
    }

    #[test]
    fn one_cycle_rises_and_falls() {
        let schedule = Schedule::OneCycle { peak: 1e-3, warmup: 0.25 };
        assert!((schedule.rate(0, 100) - 4e-5).abs() < 1e-12);
        assert!((schedule.rate(25, 100) - 1e-3).abs() < 1e-12);
        assert!((schedule.rate(100, 100) - 1e-7).abs() < 1e-12);
        assert!(schedule.rate(10, 100) < schedule.rate(20, 100));
        assert!(schedule.rate(50, 100) > schedule.rate(60, 100));
        let none = Schedule::OneCycle { peak: 1e-3, warmup: 0.0 };
        assert!((none.rate(0, 100) - 1e-3).abs() < 1e-12);
    }

    #[test]
    fn senseless_schedules_are_refused() {
        assert!(Schedule::Constant { rate: 0.0 }.validate().is_err());
        assert!(Schedule::OneCycle { peak: 1.0, warmup: 1.0 }.validate().is_err());
        assert!(Schedule::Exponential { initial: 1.0, factor: 2.0, every: 1 }.validate().is_err());
    }
}
