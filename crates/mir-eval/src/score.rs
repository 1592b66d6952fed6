//! Precision, recall and F-measure of counts.

use std::{iter::Sum, ops::Add};

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

/// Scores as a list of names and values: the names and the order of `mir_eval`, so that scripts and
/// tables can switch between the two.
pub trait NamedScores {
    /// The entries, in order.
    fn entries(&self) -> Vec<(&'static str, f64)>;
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
