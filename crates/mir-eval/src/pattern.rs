//! Discovery of repeated patterns: were the themes found, and where they come back?
//!
//! # Conventions
//! A [`Pattern`] is a list of occurrences, the first one its prototype; an occurrence is a list of points
//! (onset in beats or seconds, MIDI pitch). Points count as equal if both numbers are. Two occurrences are
//! as similar as `|A ∩ B| / max(|A|, |B|)`.
//!
//! # Criteria
//! | function | question |
//! |---|---|
//! | [`standard`] | how many prototypes were found exactly, up to a shift? |
//! | [`establishment`] | how similar is the best occurrence of each pattern? |
//! | [`occurrence`] | of patterns that were found, how many occurrences? |
//! | [`three_layer`] | F-measures of points in occurrences, of occurrences in patterns, of patterns |
//!
//! Without reference or without estimated patterns all scores are 0.
//!
//! Sources: Collins, MIREX 2013, Discovery of Repeated Themes & Sections; Meredith, "COSIATEC and
//! SIATECCompress", MIREX 2013.
//!
//! # Differences from mir_eval
//! Values agree with `mir_eval.pattern` 0.8.2, where `evaluate` uses the threshold 0.75 for the scores
//! called `_occ.5` too; [`PatternConfig::occurrence_thresholds`] has the same default. Occurrences without
//! points are refused.
//!
//! ```
//! use mir_eval::pattern::{PatternConfig, evaluate};
//! let theme = vec![[0.0, 60.0], [1.0, 62.0], [2.0, 64.0]];
//! let shifted = theme.iter().map(|[onset, midi]| [onset + 8.0, midi + 5.0]).collect();
//! let scores = evaluate(&[vec![theme]], &[vec![shifted]], &PatternConfig::default())?;
//! assert_eq!((scores.standard.f1, scores.establishment.f1), (1.0, 0.0));
//! # Ok::<(), mir_eval::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use crate::{
    Counts, Error, NamedScores, Result, Side,
    error::check_tolerance,
    f_measure,
    score::{Undefined, Value},
};

/// Points (onset, MIDI pitch) that sound as one.
pub type Occurrence = Vec<[f64; 2]>;
/// Occurrences of one pattern, the prototype first.
pub type Pattern = Vec<Occurrence>;

/// Parameters of the pattern metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PatternConfig {
    /// Points of a prototype may be off by less than this after a shift, at least 0.
    pub tolerance: f64,
    /// Similarity from which a pattern counts as found, for the two occurrence scores, at least 0.
    pub occurrence_thresholds: [f64; 2],
    /// Number of estimated patterns of the "first n" scores.
    pub first: usize,
}

impl Default for PatternConfig {
    fn default() -> Self {
        Self { tolerance: 1e-5, occurrence_thresholds: [0.75; 2], first: 5 }
    }
}

/// Precision, recall and F-measure, each in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatternScore {
    /// Of the estimate.
    pub precision: f64,
    /// Of the reference.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
}

impl PatternScore {
    fn new(precision: f64, recall: f64) -> Self {
        Self { precision, recall, f1: f_measure(precision, recall, 1.0) }
    }
}

/// All scores of one list of patterns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatternScores {
    /// Prototypes found exactly.
    pub standard: PatternScore,
    /// Patterns found approximately.
    pub establishment: PatternScore,
    /// Occurrences of patterns found, at either threshold.
    pub occurrence: [PatternScore; 2],
    /// Three-layer score.
    pub three_layer: PatternScore,
    /// Three-layer precision of the first n estimated patterns.
    pub first_precision: f64,
    /// Establishment recall of the first n estimated patterns.
    pub first_recall: f64,
    /// Patterns of the reference.
    pub reference: usize,
    /// Patterns of the estimate.
    pub estimated: usize,
}

impl NamedScores for PatternScores {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        let names = [
            ["F", "P", "R"],
            ["F_est", "P_est", "R_est"],
            ["F_occ.5", "P_occ.5", "R_occ.5"],
            ["F_occ.75", "P_occ.75", "R_occ.75"],
            ["F_3", "P_3", "R_3"],
        ];
        let [low, high] = self.occurrence;
        let scores = [self.standard, self.establishment, low, high, self.three_layer];
        let mut entries: Vec<_> = names
            .into_iter()
            .zip(scores)
            .flat_map(|([f, p, r], s)| [(f, s.f1), (p, s.precision), (r, s.recall)])
            .collect();
        entries.extend([("FFP", self.first_precision), ("FFTP_est", self.first_recall)]);
        entries
    }

    fn values(&self) -> Vec<(&'static str, Value)> {
        let counts = Counts { matched: 0, reference: self.reference, estimated: self.estimated };
        let nothing = (counts.reference == 0).then_some(Undefined::EmptyReference);
        let reason = counts.missing_both().or(nothing);
        let value = |(name, score)| (name, Value::unless(reason, score));
        self.entries().into_iter().map(value).collect()
    }
}

/// All scores of an estimate.
///
/// # Errors
/// [`Error::Config`] for a tolerance or threshold that is negative or not finite;
/// [`Error::EmptyPattern`] for a pattern without occurrences or an occurrence without points;
/// [`Error::Entry`] for a point that is not finite.
pub fn evaluate(
    reference: &[Pattern],
    estimate: &[Pattern],
    config: &PatternConfig,
) -> Result<PatternScores> {
    let [low, high] = config.occurrence_thresholds;
    Ok(PatternScores {
        standard: standard(reference, estimate, config.tolerance)?,
        establishment: establishment(reference, estimate)?,
        occurrence: [occurrence(reference, estimate, low)?, occurrence(reference, estimate, high)?],
        three_layer: three_layer(reference, estimate)?,
        first_precision: first_n_three_layer_precision(reference, estimate, config.first)?,
        first_recall: first_n_target_proportion_recall(reference, estimate, config.first)?,
        reference: reference.len(),
        estimated: estimate.len(),
    })
}

/// Reference prototypes that are an estimated prototype shifted in time and pitch.
///
/// # Errors
/// As [`evaluate`].
pub fn standard(
    reference: &[Pattern],
    estimate: &[Pattern],
    tolerance: f64,
) -> Result<PatternScore> {
    check_tolerance("tolerance", tolerance)?;
    if !check_both(reference, estimate)? {
        return Ok(PatternScore::default());
    }
    let shifted = |r: &Occurrence, e: &Occurrence| {
        let apart = |i: usize, axis: usize| r[i][axis] - e[i][axis];
        let bends = |i: usize, axis| (apart(i + 1, axis) - apart(i, axis)).abs() >= tolerance;
        r.len() == e.len() && !(0..r.len() - 1).any(|i| bends(i, 0) || bends(i, 1))
    };
    let found = reference.iter().filter(|r| estimate.iter().any(|e| shifted(&r[0], &e[0])));
    let found = found.count() as f64;
    Ok(PatternScore::new(found / estimate.len() as f64, found / reference.len() as f64))
}

/// Mean over patterns of the best similarity of any of their occurrences.
///
/// # Errors
/// As [`evaluate`].
pub fn establishment(reference: &[Pattern], estimate: &[Pattern]) -> Result<PatternScore> {
    if !check_both(reference, estimate)? {
        return Ok(PatternScore::default());
    }
    let (reference, estimate) = (point_sets(reference), point_sets(estimate));
    let best = |r: &Vec<Points>, e: &Vec<Points>| {
        r.iter().flat_map(|r| e.iter().map(|e| r.similarity(e))).fold(0.0, f64::max)
    };
    Ok(layer(&reference, &estimate, best))
}

/// Among patterns with a similarity of at least `threshold`, how well all occurrences were found.
///
/// # Errors
/// As [`evaluate`].
pub fn occurrence(
    reference: &[Pattern],
    estimate: &[Pattern],
    threshold: f64,
) -> Result<PatternScore> {
    check_tolerance("threshold", threshold)?;
    if !check_both(reference, estimate)? {
        return Ok(PatternScore::default());
    }
    let (reference, estimate) = (point_sets(reference), point_sets(estimate));
    // Pairs of patterns that were found, with precision and recall over their occurrences.
    let mut found = Vec::new();
    for (i, r) in reference.iter().enumerate() {
        for (j, e) in estimate.iter().enumerate() {
            let best = r.iter().flat_map(|r| e.iter().map(|e| r.similarity(e)));
            if best.fold(0.0, f64::max) >= threshold {
                found.push((i, j, layer(r, e, Points::similarity)));
            }
        }
    }
    if found.is_empty() {
        return Ok(PatternScore::default());
    }
    let mean = |best: &dyn Fn(usize, usize) -> f64| {
        found.iter().map(|&(i, j, _)| best(i, j)).sum::<f64>() / found.len() as f64
    };
    let precision =
        mean(&|_, j| found.iter().filter(|f| f.1 == j).map(|f| f.2.precision).fold(0.0, f64::max));
    let recall =
        mean(&|i, _| found.iter().filter(|f| f.0 == i).map(|f| f.2.recall).fold(0.0, f64::max));
    Ok(PatternScore::new(precision, recall))
}

/// F-measures of points, then of occurrences by these, then of patterns by those.
///
/// # Errors
/// As [`evaluate`].
pub fn three_layer(reference: &[Pattern], estimate: &[Pattern]) -> Result<PatternScore> {
    if !check_both(reference, estimate)? {
        return Ok(PatternScore::default());
    }
    let (reference, estimate) = (point_sets(reference), point_sets(estimate));
    let points = |r: &Points, e: &Points| {
        let common = r.common(e) as f64;
        f_measure(common / r.len as f64, common / e.len as f64, 1.0)
    };
    Ok(layer(&reference, &estimate, |r: &Vec<Points>, e: &Vec<Points>| layer(r, e, points).f1))
}

/// Precision of [`three_layer`] for the first `n` estimated patterns.
///
/// # Errors
/// As [`evaluate`].
pub fn first_n_three_layer_precision(
    reference: &[Pattern],
    estimate: &[Pattern],
    n: usize,
) -> Result<f64> {
    Ok(three_layer(reference, &estimate[..n.min(estimate.len())])?.precision)
}

/// Recall of [`establishment`] for the first `n` estimated patterns.
///
/// # Errors
/// As [`evaluate`].
pub fn first_n_target_proportion_recall(
    reference: &[Pattern],
    estimate: &[Pattern],
    n: usize,
) -> Result<f64> {
    Ok(establishment(reference, &estimate[..n.min(estimate.len())])?.recall)
}

/// Mean of the best value of each estimate (precision) and of each reference (recall).
fn layer<T>(reference: &[T], estimate: &[T], value: impl Fn(&T, &T) -> f64) -> PatternScore {
    let mut best_of_estimate = vec![0.0f64; estimate.len()];
    let mut recall = 0.0;
    for r in reference {
        let mut best = 0.0f64;
        for (e, best_of_estimate) in estimate.iter().zip(&mut best_of_estimate) {
            let value = value(r, e);
            best = best.max(value);
            *best_of_estimate = best_of_estimate.max(value);
        }
        recall += best;
    }
    let precision: f64 = best_of_estimate.iter().sum();
    PatternScore::new(precision / estimate.len() as f64, recall / reference.len() as f64)
}

/// An occurrence as a set of points.
struct Points {
    /// Points, repeated ones included.
    len: usize,
    /// Ascending, each once.
    set: Vec<[f64; 2]>,
}

impl Points {
    fn new(occurrence: &Occurrence) -> Self {
        // Adding 0 makes −0 the same as 0.
        let mut set: Vec<[f64; 2]> = occurrence.iter().map(|p| p.map(|x| x + 0.0)).collect();
        set.sort_unstable_by(compare);
        set.dedup_by(|a, b| compare(a, b).is_eq());
        Self { len: occurrence.len(), set }
    }

    fn common(&self, other: &Self) -> usize {
        self.set.iter().filter(|p| other.set.binary_search_by(|q| compare(q, p)).is_ok()).count()
    }

    fn similarity(&self, other: &Self) -> f64 {
        self.common(other) as f64 / self.len.max(other.len) as f64
    }
}

fn compare(a: &[f64; 2], b: &[f64; 2]) -> std::cmp::Ordering {
    a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1]))
}

fn point_sets(patterns: &[Pattern]) -> Vec<Vec<Points>> {
    patterns.iter().map(|pattern| pattern.iter().map(Points::new).collect()).collect()
}

/// Checks both sides and says whether both have patterns.
fn check_both(reference: &[Pattern], estimate: &[Pattern]) -> Result<bool> {
    for (side, patterns) in [(Side::Reference, reference), (Side::Estimate, estimate)] {
        for (pattern, occurrences) in patterns.iter().enumerate() {
            if occurrences.is_empty() || occurrences.iter().any(Vec::is_empty) {
                return Err(Error::EmptyPattern { side, pattern });
            }
            let bad = occurrences.iter().flatten().flatten().find(|x| !x.is_finite());
            if let Some(&actual) = bad {
                let (series, expected) = ("a point of pattern", "finite numbers");
                return Err(Error::Entry { side, series, index: pattern, expected, actual });
            }
        }
    }
    Ok(!reference.is_empty() && !estimate.is_empty())
}
