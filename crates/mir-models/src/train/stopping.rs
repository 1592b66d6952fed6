//! Early stopping.

use serde::{Deserialize, Serialize};

use crate::{config::EarlyStoppingConfig, schedule::Goal};

/// Why a training ended before its last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Validation had stopped to improve.
    Patience,
    /// Validation reached the target.
    Target,
    /// Validation was worse than the limit.
    Diverged,
    /// Validation gave no number.
    NotFinite,
    /// An observer asked for it.
    Requested,
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Patience => "validation has stopped to improve",
            Self::Target => "validation has reached the target",
            Self::Diverged => "validation is worse than the limit",
            Self::NotFinite => "validation gave no number",
            Self::Requested => "it was asked to",
        })
    }
}

/// What one validation means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The value is the best so far, by more than the least difference.
    pub improved: bool,
    /// The training should end.
    pub stop: Option<StopReason>,
}

/// The best value so far and the patience that is left: plain data, part of a checkpoint.
///
/// ```
/// use mir_models::{
///     config::EarlyStoppingConfig,
///     train::{EarlyStopping, StopReason},
/// };
///
/// let config = EarlyStoppingConfig { patience: 2, ..Default::default() };
/// let mut stopping = EarlyStopping::default();
/// assert!(stopping.observe(&config, 0.5).improved);
/// assert_eq!(stopping.observe(&config, 0.5).stop, None); // a tie is no improvement
/// assert_eq!(stopping.observe(&config, 0.4).stop, Some(StopReason::Patience));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    best: Option<f64>,
    /// Validations without improvement in a row.
    bad: u64,
    seen: u64,
    stopped: Option<StopReason>,
}

impl EarlyStopping {
    /// The best value so far.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// Why the training ended, if it did. One that had lost its patience goes on when it is given more.
    pub fn stopped(&self, config: &EarlyStoppingConfig) -> Option<StopReason> {
        self.stopped.filter(|reason| *reason != StopReason::Patience || self.bad >= config.patience)
    }

    /// Takes in the value of a validation.
    pub fn observe(&mut self, config: &EarlyStoppingConfig, value: f64) -> Verdict {
        self.seen += 1;
        let warm = self.seen > config.warmup;
        let improved = value.is_finite()
            && self.best.is_none_or(|best| {
                let scale = if config.relative { best.abs() } else { 1.0 };
                better(config.goal, value, best) && (value - best).abs() > config.min_delta * scale
            });
        if improved {
            self.best = Some(value);
            self.bad = 0;
        } else if warm {
            self.bad += 1;
        }
        let beyond = |limit: Option<f64>, hit: &dyn Fn(f64) -> bool| limit.is_some_and(hit);
        self.stopped = if !value.is_finite() && config.check_finite {
            Some(StopReason::NotFinite)
        } else if beyond(config.target, &|target| !better(config.goal, target, value)) {
            // What is no number is not as good as any target.
            value.is_finite().then_some(StopReason::Target)
        } else if warm && beyond(config.divergence, &|limit| better(config.goal, limit, value)) {
            Some(StopReason::Diverged)
        } else if self.bad >= config.patience {
            Some(StopReason::Patience)
        } else {
            None
        };
        Verdict { improved, stop: self.stopped }
    }
}

fn better(goal: Goal, a: f64, b: f64) -> bool {
    match goal {
        Goal::Higher => a > b,
        Goal::Lower => a < b,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAN: f64 = f64::NAN;

    /// Feeds a sequence; the values that improved and where it ended, counted from 1.
    fn script(
        config: &EarlyStoppingConfig,
        values: &[f64],
    ) -> (Vec<f64>, Option<(usize, StopReason)>) {
        let mut state = EarlyStopping::default();
        let mut improved = Vec::new();
        for (index, &value) in values.iter().enumerate() {
            let verdict = state.observe(config, value);
            if verdict.improved {
                improved.push(value);
            }
            if let Some(reason) = verdict.stop {
                return (improved, Some((index + 1, reason)));
            }
        }
        (improved, None)
    }

    #[test]
    fn scripted_sequences_end_where_they_should() {
        use StopReason::{Diverged, NotFinite, Patience, Target};
        let base = EarlyStoppingConfig { patience: 2, ..EarlyStoppingConfig::default() };
        let lower = EarlyStoppingConfig { goal: Goal::Lower, ..base.clone() };
        let delta = EarlyStoppingConfig { min_delta: 0.125, ..base.clone() };
        let relative = EarlyStoppingConfig { relative: true, min_delta: 0.5, ..base.clone() };
        let warm = EarlyStoppingConfig { warmup: 3, ..base.clone() };
        let lenient = EarlyStoppingConfig { check_finite: false, ..base.clone() };
        let target = EarlyStoppingConfig { target: Some(0.75), ..lenient.clone() };
        let target_low = EarlyStoppingConfig { target: Some(0.25), ..lower.clone() };
        let diverging = EarlyStoppingConfig { divergence: Some(8.0), ..lower.clone() };
        for (name, config, values, improved, end) in [
            ("rising", &base, vec![0.1, 0.2, 0.3], vec![0.1, 0.2, 0.3], None),
            ("ties", &base, vec![0.5, 0.5, 0.5], vec![0.5], Some((3, Patience))),
            (
                "a new best restores the patience",
                &base,
                vec![0.5, 0.4, 0.6, 0.5, 0.7, 0.1, 0.7],
                vec![0.5, 0.6, 0.7],
                Some((7, Patience)),
            ),
            ("falling losses", &lower, vec![3.0, 2.0, 2.5, 1.0], vec![3.0, 2.0, 1.0], None),
            // Exactly the least difference is no improvement.
            ("absolute", &delta, vec![0.5, 0.625, 0.6], vec![0.5], Some((3, Patience))),
            ("absolute, beyond", &delta, vec![0.5, 0.75], vec![0.5, 0.75], None),
            ("relative", &relative, vec![-2.0, -1.0, -0.75], vec![-2.0, -0.75], None),
            ("warm-up", &warm, vec![0.9, 0.1, 0.1, 0.1, 0.1], vec![0.9], Some((5, Patience))),
            ("no number", &base, vec![0.5, NAN], vec![0.5], Some((2, NotFinite))),
            ("infinity", &base, vec![f64::INFINITY], vec![], Some((1, NotFinite))),
            ("lenient", &lenient, vec![NAN, 0.5, NAN, 0.6], vec![0.5, 0.6], None),
            ("lenient to its end", &lenient, vec![0.5, NAN, NAN], vec![0.5], Some((3, Patience))),
            ("target", &target, vec![0.5, NAN, 0.75], vec![0.5, 0.75], Some((3, Target))),
            ("low target", &target_low, vec![0.5, 0.2], vec![0.5, 0.2], Some((2, Target))),
            ("divergence", &diverging, vec![2.0, 8.0, 9.0], vec![2.0], Some((3, Diverged))),
        ] {
            // "divergence" would also have lost its patience; the worse news is told.
            assert_eq!(script(config, &values), (improved, end), "{name}");
        }
    }

    #[test]
    fn more_patience_lets_a_stopped_training_go_on() {
        let config = EarlyStoppingConfig { patience: 1, ..EarlyStoppingConfig::default() };
        let mut state = EarlyStopping::default();
        state.observe(&config, 0.5);
        assert_eq!(state.observe(&config, 0.4).stop, Some(StopReason::Patience));
        assert_eq!(state.stopped(&config), Some(StopReason::Patience));
        assert_eq!(state.stopped(&EarlyStoppingConfig { patience: 3, ..config }), None);
    }

    proptest! {
        #[test]
        fn a_state_that_was_saved_goes_on_as_if_nothing_had_happened(
            values in prop::collection::vec(-1.0f64..1.0, 1..40),
            cut in 0usize..40,
            lower: bool,
        ) {
            let goal = if lower { Goal::Lower } else { Goal::Higher };
            let config =
                EarlyStoppingConfig { goal, patience: 3, min_delta: 0.1, ..Default::default() };
            let mut whole = EarlyStopping::default();
            let mut parts = EarlyStopping::default();
            for (index, &value) in values.iter().enumerate() {
                if index == cut {
                    let json = serde_json::to_string(&parts).unwrap();
                    parts = serde_json::from_str(&json).unwrap();
                }
                prop_assert_eq!(whole.observe(&config, value), parts.observe(&config, value));
            }
            prop_assert_eq!(whole, parts);
        }
    }
}
