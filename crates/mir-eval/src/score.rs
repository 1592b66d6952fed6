//! Precision, recall and F-measure of counts.

use std::{fmt, iter::Sum, ops::Add};

use serde::{Deserialize, Serialize};

/// How many items each side has and how many were matched. Counts of several pieces add up, which
/// gives pooled ("micro") scores beside the usual mean over pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Pairs of one reference and one estimate.
    pub matched: usize,
    /// Items of the reference.
    pub reference: usize,
    /// Items of the estimate.
    pub estimated: usize,
}

impl Counts {
    /// `matched / estimated`, or `None` without an estimate.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.matched, self.estimated)
    }

    /// `matched / reference`, or `None` without a reference.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.matched, self.reference)
    }

    /// `2·matched / (reference + estimated)`, or `None` where both sides are empty.
    pub fn f1(&self) -> Option<f64> {
        ratio(2 * self.matched, self.reference + self.estimated)
    }

    /// `matched / (reference + estimated − matched)`: pairs over everything that is in either; `None`
    /// where both sides are empty.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.matched, self.reference + self.estimated - self.matched)
    }

    /// All three scores, undefined ones as 0: the convention of `mir_eval`.
    pub fn score(&self, beta: f64) -> Score {
        let precision = self.precision().unwrap_or(0.0);
        let recall = self.recall().unwrap_or(0.0);
        Score { precision, recall, f1: f_measure(precision, recall, beta), counts: *self }
    }
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            matched: self.matched + other.matched,
            reference: self.reference + other.reference,
            estimated: self.estimated + other.estimated,
        }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

/// Precision, recall and F-measure, each in [0, 1].
///
/// Without reference or without estimate all three are 0, as in `mir_eval`;
/// [`Counts::precision`] and [`Counts::recall`] tell "nothing to score" from "all wrong".
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Fraction of the estimates that are right.
    pub precision: f64,
    /// Fraction of the references that were found.
    pub recall: f64,
    /// F-measure under the configured β; F1 unless the configuration says otherwise.
    pub f1: f64,
    /// The counts behind the scores.
    pub counts: Counts,
}

/// `(1 + β²)·P·R / (β²·P + R)`, and 0 if both are 0. β above 1 weighs recall higher.
pub fn f_measure(precision: f64, recall: f64, beta: f64) -> f64 {
    let weight = beta * beta;
    let denominator = weight * precision + recall;
    if denominator > 0.0 { (1.0 + weight) * precision * recall / denominator } else { 0.0 }
}

/// Why a score has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Undefined {
    /// The reference has nothing that this score is about.
    EmptyReference,
    /// The estimate has nothing that this score is about.
    EmptyEstimate,
    /// Neither side has anything that this score is about.
    BothEmpty,
    /// The score is a mean over pairs, and nothing was matched.
    NothingMatched,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyReference => "nothing in the reference",
            Self::EmptyEstimate => "nothing in the estimate",
            Self::BothEmpty => "nothing on either side",
            Self::NothingMatched => "nothing matched",
        })
    }
}

/// A score, or the reason why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A number, not NaN.
    Defined(f64),
    /// No number.
    Undefined(Undefined),
}

impl Value {
    /// `score`, unless there is a reason why it means nothing.
    pub(crate) fn unless(reason: Option<Undefined>, score: f64) -> Self {
        reason.map_or(Self::Defined(score), Self::Undefined)
    }

    /// The number, if there is one.
    pub fn defined(self) -> Option<f64> {
        match self {
            Self::Defined(score) => Some(score),
            Self::Undefined(_) => None,
        }
    }
}

impl Counts {
    fn missing_estimate(&self) -> Option<Undefined> {
        (self.estimated == 0).then_some(Undefined::EmptyEstimate)
    }

    fn missing_reference(&self) -> Option<Undefined> {
        (self.reference == 0).then_some(Undefined::EmptyReference)
    }

    pub(crate) fn missing_both(&self) -> Option<Undefined> {
        self.missing_reference().and(self.missing_estimate()).map(|_| Undefined::BothEmpty)
    }

    /// The reason why a score that is a ratio of these counts has no value, by the name of the score: a
    /// precision needs estimates, a recall or an error needs references, a mean over pairs needs pairs,
    /// anything else something on one side.
    pub(crate) fn undefined(&self, name: &str) -> Option<Undefined> {
        let has = |part: &str| name.contains(part);
        if has("Precision") {
            self.missing_estimate()
        } else if has("Recall") || has("Error") {
            self.missing_reference()
        } else if has("Overlap") {
            (self.matched == 0).then_some(Undefined::NothingMatched)
        } else {
            self.missing_both()
        }
    }
}

/// Entries with the reasons that the counts behind each give.
pub(crate) fn values_by_counts(
    entries: Vec<(&'static str, f64)>,
    counts: impl Fn(&str) -> Counts,
) -> Vec<(&'static str, Value)> {
    let value = |(name, score)| (name, Value::unless(counts(name).undefined(name), score));
    entries.into_iter().map(value).collect()
}

/// Scores as a list of names and values: the names and the order of `mir_eval`, so that scripts and
/// tables can switch between the two.
pub trait NamedScores {
    /// The entries, in order, with `mir_eval`'s numbers: 0 (for a few NaN) where a score is undefined.
    fn entries(&self) -> Vec<(&'static str, f64)>;

    /// The entries, in order, with a reason in place of a number where the score means nothing.
    ///
    /// ```
    /// use mir_eval::{NamedScores, Undefined, Value, onset};
    /// let scores = onset::evaluate(&[1.0], &[], &onset::OnsetConfig::default())?;
    /// assert_eq!(scores.entries()[1], ("Precision", 0.0));
    /// let precision = Value::Undefined(Undefined::EmptyEstimate);
    /// assert_eq!(scores.values()[1], ("Precision", precision));
    /// assert_eq!(scores.values()[2], ("Recall", Value::Defined(0.0)));
    /// # Ok::<(), mir_eval::Error>(())
    /// ```
    fn values(&self) -> Vec<(&'static str, Value)> {
        let value = |(name, score): (_, f64)| {
            let reason = score.is_nan().then_some(Undefined::EmptyReference);
            (name, Value::unless(reason, score))
        };
        self.entries().into_iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_and_zero_are_told_apart() {
        let nothing = Counts::default();
        assert_eq!(nothing.precision(), None);
        assert_eq!(nothing.score(1.0).f1.total_cmp(&0.0), std::cmp::Ordering::Equal);
        let wrong = Counts { matched: 0, reference: 3, estimated: 2 };
        assert_eq!(wrong.precision(), Some(0.0));
        assert_eq!([wrong, wrong].into_iter().sum::<Counts>().reference, 6);
    }

    #[test]
    fn beta_weighs_recall() {
        assert!((f_measure(0.5, 1.0, 1.0) - 2.0 / 3.0).abs() < 1e-15);
        assert!((f_measure(0.5, 1.0, 2.0) - 2.5 / 3.0).abs() < 1e-15);
    }
}
