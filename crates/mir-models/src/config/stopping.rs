//! When a training ends before its last step, and what it tries before that.

use serde::{Deserialize, Serialize};

use super::{not_negative, positive};
use crate::{Error, Result, schedule::Goal};

/// When validation says that a training may end.
///
/// A value improves on the best one before it if it is better by more than `min_delta`, strictly: ties
/// keep the earlier network. The monitored score also selects the best network then.
///
/// ```
/// use mir_models::config::{EarlyStoppingConfig, TrainConfig};
///
/// let stopping = EarlyStoppingConfig { patience: 3, min_delta: 1e-3, ..Default::default() };
/// stopping.validate()?;
/// let config = TrainConfig { early_stopping: Some(stopping), ..TrainConfig::default() };
/// # drop(config);
/// # Ok::<(), mir_models::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStoppingConfig {
    /// Name of one of the scores that the validation notes in the model, as `validation/note_f1`; the score
    /// that the validation returns if left out.
    pub metric: Option<String>,
    /// Which direction is better.
    pub goal: Goal,
    /// The training ends at the so-many-th validation in a row without improvement, at least 1.
    pub patience: u64,
    /// Difference that an improvement has to exceed, at least 0.
    pub min_delta: f64,
    /// `min_delta` is a fraction of the magnitude of the best value.
    pub relative: bool,
    /// First validations that neither count against the patience nor as divergence.
    pub warmup: u64,
    /// Ends the training at a value that is no number; otherwise it counts as no improvement.
    pub check_finite: bool,
    /// Ends the training at a value worse than this.
    pub divergence: Option<f64>,
    /// Ends the training at a value as good as this.
    pub target: Option<f64>,
}

impl Default for EarlyStoppingConfig {
    fn default() -> Self {
        Self {
            metric: None,
            goal: Goal::Higher,
            patience: 10,
            min_delta: 0.0,
            relative: false,
            warmup: 0,
            check_finite: true,
            divergence: None,
            target: None,
        }
    }
}

impl EarlyStoppingConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        if self.patience == 0 {
            return Err(Error::config("early_stopping.patience", "at least 1", 0));
        }
        not_negative("early_stopping.min_delta", self.min_delta)?;
        for (field, value) in
            [("early_stopping.divergence", self.divergence), ("early_stopping.target", self.target)]
        {
            if value.is_some_and(|value| !value.is_finite()) {
                return Err(Error::config(field, "finite", value.unwrap_or_default()));
            }
        }
        Ok(())
    }
}

/// What happens first when the loss or a gradient is no number. When one answer does not help, the next
/// one in this order follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonFinitePolicy {
    /// The batches are passed over: weights, statistics and the number of the step stay.
    #[default]
    Skip,
    /// Back to the newest checkpoint, with a lower learning rate for a while and without those batches.
    Rollback,
    /// The training ends with [`Error::NonFinite`].
    Abort,
}

/// The limits of each answer to a loss or gradient that is no number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NonFiniteConfig {
    /// What happens first.
    pub policy: NonFinitePolicy,
    /// Skips in a row that are tolerated.
    pub in_a_row: u64,
    /// Skips among the last 1000 attempts that are tolerated, as a fraction in [0, 1).
    pub share: f64,
    /// Rollbacks of a run that are tolerated.
    pub rollbacks: u64,
    /// Factor on the learning rate after a rollback, in (0, 1].
    pub rate_factor: f64,
    /// Steps that it lasts.
    pub rate_steps: u64,
}

impl Default for NonFiniteConfig {
    fn default() -> Self {
        Self {
            policy: NonFinitePolicy::Skip,
            in_a_row: 3,
            share: 0.01,
            rollbacks: 2,
            rate_factor: 0.5,
            rate_steps: 1000,
        }
    }
}

impl NonFiniteConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        super::fraction("non_finite.share", self.share)?;
        positive("non_finite.rate_factor", self.rate_factor)?;
        if self.rate_factor > 1.0 {
            let expected = "above 0 and at most 1";
            return Err(Error::config("non_finite.rate_factor", expected, self.rate_factor));
        }
        Ok(())
    }
}

/// What happens when there is no memory left in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutOfMemoryPolicy {
    /// From then on every batch is cut in two and the gradients of the parts are added up, which gives the
    /// same step (only batch normalisation sees the parts apart); twice at most without success.
    #[default]
    Split,
    /// The training ends with a checkpoint and [`Error::OutOfMemory`].
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_bad_values_are_named() {
        let field = |result: Result<()>| match result {
            Err(Error::Config { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        let stopping = EarlyStoppingConfig::default();
        stopping.validate().unwrap();
        let text = toml::to_string(&stopping).unwrap();
        assert_eq!(toml::from_str::<EarlyStoppingConfig>(&text).unwrap(), stopping);
        let bad = EarlyStoppingConfig { patience: 0, ..stopping.clone() };
        assert_eq!(field(bad.validate()), "early_stopping.patience");
        let bad = EarlyStoppingConfig { min_delta: -1.0, ..stopping.clone() };
        assert_eq!(field(bad.validate()), "early_stopping.min_delta");
        let bad = EarlyStoppingConfig { target: Some(f64::INFINITY), ..stopping };
        assert_eq!(field(bad.validate()), "early_stopping.target");

        let trouble = NonFiniteConfig::default();
        trouble.validate().unwrap();
        let text = toml::to_string(&trouble).unwrap();
        assert_eq!(toml::from_str::<NonFiniteConfig>(&text).unwrap(), trouble);
        let bad = NonFiniteConfig { rate_factor: 1.5, ..trouble.clone() };
        assert_eq!(field(bad.validate()), "non_finite.rate_factor");
        let bad = NonFiniteConfig { share: 1.0, ..trouble };
        assert_eq!(field(bad.validate()), "non_finite.share");
    }
}
