//! Onset detection: which estimated onsets lie close to a reference onset?
//!
//! # Conventions
//! Onsets are seconds, ascending. A pair matches if |difference| is at most `window` (0.05 s,
//! inclusive, unrounded); each onset is used at most once and the number of pairs is maximal. Without
//! reference or without estimate all scores are 0.
//!
//! # Differences from mir_eval
//! Values agree with `mir_eval.onset` 0.8.2. Times above 30 000 s are accepted; negative times and
//! times that are not finite are refused.
//!
//! ```
//! use mir_eval::onset::{OnsetConfig, evaluate};
//! let scores = evaluate(&[1.0, 2.0, 3.0], &[1.04, 2.1], &OnsetConfig::default())?;
//! assert_eq!((scores.precision, scores.recall), (1.0 / 2.0, 1.0 / 3.0));
//! # Ok::<(), mir_eval::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use crate::{
    Counts, NamedScores, Result, Score, Side,
    error::{check_times, check_tolerance},
    matching::match_events,
    score::{Value, values_by_counts},
};

/// Tolerance of the onset metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnsetConfig {
    /// Largest difference in seconds, at least 0.
    pub window: f64,
}

impl Default for OnsetConfig {
    fn default() -> Self {
        Self { window: 0.05 }
    }
}

impl NamedScores for Score {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        vec![("F-measure", self.f1), ("Precision", self.precision), ("Recall", self.recall)]
    }

    fn values(&self) -> Vec<(&'static str, Value)> {
        values_by_counts(self.entries(), |_| self.counts)
    }
}

/// Precision, recall and F1 of estimated onset times.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for a bad window;
/// [`Error::InvalidTime`](crate::Error::InvalidTime) or [`Error::Unsorted`](crate::Error::Unsorted) for
/// a bad time.
pub fn evaluate(reference: &[f64], estimate: &[f64], config: &OnsetConfig) -> Result<Score> {
    check_tolerance("window", config.window)?;
    check_times(Side::Reference, reference)?;
    check_times(Side::Estimate, estimate)?;
    let counts = Counts {
        matched: match_events(reference, estimate, config.window).len(),
        reference: reference.len(),
        estimated: estimate.len(),
    };
    Ok(counts.score(1.0))
}
