//! A factor on the learning rate that falls when validation stops to improve.

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    schedule::{between, shrinking},
};

/// Which direction is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// A higher score, as of F-measures.
    #[default]
    Higher,
    /// A lower score, as of losses.
    Lower,
}

/// When a [`Plateau`] lowers its factor; defaults and rules are those of PyTorch's `ReduceLROnPlateau`,
/// but for the direction, which is that of scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlateauConfig {
    /// Which direction is better.
    pub goal: Goal,
    /// What the rate is multiplied by, in (0, 1].
    pub factor: f64,
    /// Validations without improvement that are tolerated.
    pub patience: u64,
    /// Improvement that counts, as a fraction of the best score, or absolute; at least 0.
    pub threshold: f64,
    /// `threshold` is absolute.
    pub absolute: bool,
    /// Validations after a reduction that are not counted.
    pub cooldown: u64,
    /// Lowest factor, at least 0 and at most 1.
    pub floor: f64,
}

impl Default for PlateauConfig {
    fn default() -> Self {
        Self {
            goal: Goal::Higher,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            absolute: false,
            cooldown: 0,
            floor: 0.0,
        }
    }
}

impl PlateauConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        shrinking("plateau.factor", self.factor)?;
        between("plateau.floor", self.floor, 1.0, "at least 0 and at most 1")?;
        if !(self.threshold.is_finite() && self.threshold >= 0.0) {
            let expected = "finite and at least 0";
            return Err(Error::config("plateau.threshold", expected, self.threshold));
        }
        Ok(())
    }
}

/// The factor and what it depends on: plain data, part of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plateau {
    factor: f64,
    best: Option<f64>,
    bad: u64,
    cooling: u64,
}

impl Default for Plateau {
    fn default() -> Self {
        Self { factor: 1.0, best: None, bad: 0, cooling: 0 }
    }
}

impl Plateau {
    /// The factor on the learning rate, in [0, 1].
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// Takes in the score of a validation. One that is no number counts as no improvement.
    pub fn observe(&mut self, config: &PlateauConfig, score: f64) {
        let better = match (self.best, config.goal) {
            (None, _) => !score.is_nan(),
            (Some(best), Goal::Higher) if config.absolute => score > best + config.threshold,
            (Some(best), Goal::Higher) => score > best * (1.0 + config.threshold),
            (Some(best), Goal::Lower) if config.absolute => score < best - config.threshold,
            (Some(best), Goal::Lower) => score < best * (1.0 - config.threshold),
        };
        if better {
            self.best = Some(score);
            self.bad = 0;
        } else {
            self.bad += 1;
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.bad = 0;
        }
        if self.bad > config.patience {
            self.factor = (self.factor * config.factor).max(config.floor);
            self.cooling = config.cooldown;
            self.bad = 0;
        }
    }
}
