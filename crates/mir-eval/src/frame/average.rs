//! Averages over keys and over frames, as scikit-learn defines them.

use ndarray::ArrayRef2;
use serde::{Deserialize, Serialize};

use super::check_shape;
use crate::{Counts, Error, Result, stats::UndefinedPolicy};

/// What enters the averages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AverageConfig {
    /// What to do with a key or frame whose score is undefined: scikit-learn's `zero_division=0` is
    /// [`UndefinedPolicy::Zero`], `zero_division=nan` is [`UndefinedPolicy::Skip`].
    pub undefined: UndefinedPolicy,
    /// Whether keys that the reference never has are left out of the average over keys.
    pub occurring_keys_only: bool,
}

impl Default for AverageConfig {
    /// As scikit-learn: undefined scores count as 0, and all keys count.
    fn default() -> Self {
        Self { undefined: UndefinedPolicy::Zero, occurring_keys_only: false }
    }
}

/// Scores averaged in one way, each in [0, 1], or `None` if nothing was left to average.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Average {
    /// `TP / (TP + FP)`.
    pub precision: Option<f64>,
    /// `TP / (TP + FN)`.
    pub recall: Option<f64>,
    /// `2·TP / (2·TP + FP + FN)` of each key or frame, averaged: not the F-measure of the two above.
    pub f1: Option<f64>,
    /// `TP / (TP + FP + FN)`, the Jaccard index; what music papers call accuracy.
    pub accuracy: Option<f64>,
    /// Keys or frames that the average is over.
    pub units: usize,
    /// Those of them in which nothing is in either roll: F1 and accuracy are undefined there.
    pub empty: usize,
}

/// One comparison of two rolls under every average.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AveragedScores {
    /// All cells pooled: what the other functions of [`frame`](crate::frame) give.
    pub micro: Average,
    /// Mean over keys, each with the same weight.
    pub per_key: Average,
    /// Mean over keys, weighted by how often the reference has them.
    pub weighted: Average,
    /// Mean over frames ("samples").
    pub per_frame: Average,
    /// Fraction of the frames that are right in all keys, in [0, 1]: scikit-learn's `accuracy_score`.
    /// `None` without frames.
    pub exact_frames: Option<f64>,
    /// Counts of each key (column).
    pub keys: Vec<Counts>,
}

/// Micro, macro, weighted and per-sample precision, recall, F1 and accuracy of two rolls `[frames, keys]`,
/// equal to scikit-learn's for multilabel indicator matrices (`precision_recall_fscore_support`,
/// `jaccard_score`, `accuracy_score`); only a weighted average without any weight is `None` under
/// [`UndefinedPolicy::Skip`] and not 0.
///
/// The four averages answer different questions: of all cells, how many are right (micro); how is a key
/// found on average, rare ones included (macro); how is a moment transcribed on average (per sample).
///
/// # Errors
/// [`Error::Shape`] if the shapes differ; [`Error::UndefinedValue`] with the first key or frame that has
/// an undefined score, under [`UndefinedPolicy::Refuse`].
///
/// ```
/// use mir_eval::frame::{AverageConfig, evaluate_averages};
/// use ndarray::array;
/// let reference = array![[true, false, true], [false, false, true]];
/// let estimate = array![[true, false, false], [false, false, true]];
/// let scores = evaluate_averages(&reference, &estimate, &AverageConfig::default())?;
/// assert_eq!(scores.micro.recall, Some(2.0 / 3.0));
/// assert_eq!(scores.per_key.recall, Some(0.5)); // 1, 0 (never there), 1/2
/// assert_eq!(scores.per_frame.recall, Some(0.75));
/// # Ok::<(), mir_eval::Error>(())
/// ```
pub fn evaluate_averages(
    reference: &ArrayRef2<bool>,
    estimate: &ArrayRef2<bool>,
    config: &AverageConfig,
) -> Result<AveragedScores> {
    check_shape(reference, estimate)?;
    let mut keys = vec![Counts::default(); reference.ncols()];
    let mut frames = Vec::with_capacity(reference.nrows());
    for (r_row, e_row) in reference.rows().into_iter().zip(estimate.rows()) {
        let mut frame = Counts::default();
        for ((&r, &e), key) in r_row.iter().zip(e_row).zip(&mut keys) {
            let cell = Counts {
                matched: usize::from(r && e),
                reference: usize::from(r),
                estimated: usize::from(e),
            };
            *key = *key + cell;
            frame = frame + cell;
        }
        frames.push(frame);
    }
    let wrong = |c: &&Counts| c.matched < c.reference.max(c.estimated);
    let exact = frames.len() - frames.iter().filter(wrong).count();
    let pooled: Counts = keys.iter().copied().sum();
    let counted: Vec<Counts> = (keys.iter().copied())
        .filter(|key| key.reference > 0 || !config.occurring_keys_only)
        .collect();
    let policy = config.undefined;
    Ok(AveragedScores {
        micro: average(&[pooled], |_| 1, policy)?,
        per_key: average(&counted, |_| 1, policy)?,
        weighted: average(&counted, |key| key.reference, policy)?,
        per_frame: average(&frames, |_| 1, policy)?,
        exact_frames: (!frames.is_empty()).then(|| exact as f64 / frames.len() as f64),
        keys,
    })
}

/// Means of the scores of all units under weights.
fn average(
    units: &[Counts],
    weight: impl Fn(&Counts) -> usize,
    policy: UndefinedPolicy,
) -> Result<Average> {
    let mean = |score: fn(&Counts) -> Option<f64>| -> Result<Option<f64>> {
        let (mut sum, mut total) = (0.0, 0usize);
        for (index, unit) in units.iter().enumerate() {
            let value = match (score(unit), policy) {
                (Some(value), _) => value,
                (None, UndefinedPolicy::Zero) => 0.0,
                (None, UndefinedPolicy::Skip) => continue,
                (None, UndefinedPolicy::Refuse) => return Err(Error::UndefinedValue { index }),
            };
            sum += value * weight(unit) as f64;
            total += weight(unit);
        }
        let unweighted = policy == UndefinedPolicy::Zero && !units.is_empty();
        Ok((total > 0).then(|| sum / total as f64).or(unweighted.then_some(0.0)))
    };
    Ok(Average {
        precision: mean(Counts::precision)?,
        recall: mean(Counts::recall)?,
        f1: mean(Counts::f1)?,
        accuracy: mean(Counts::accuracy)?,
        units: units.len(),
        empty: units.iter().filter(|c| c.reference + c.estimated == 0).count(),
    })
}
