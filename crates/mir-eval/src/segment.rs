//! Structural segmentation: are the boundaries between parts found, and is what belongs together said
//! to belong together?
//!
//! # Conventions
//! Segments are intervals (seconds, ordered by start) with a label each; labels are compared without
//! regard to case and only within one annotation. Both annotations are extended to 0 s, and the estimate
//! is cropped or filled to the end of the reference.
//!
//! # Criteria
//! *Boundaries* are the ends of all segments, to 5 decimals, each once, with `trim` without the first and
//! last: [`detection`] matches them within 0.5 s and 3 s, [`deviation`] gives the median distance to the
//! nearest one. *Structure* is compared on frames of `frame_size` (0.1 s) by how often label `i` of the
//! reference meets label `j` of the estimate, the [`Contingency`]: agreement of pairs of frames, mutual
//! information, conditional entropies.
//!
//! # Empty and undefined cases
//! | case | scores |
//! |---|---|
//! | no reference | all 0, deviations undefined |
//! | no estimate | those of one segment as long as the reference |
//! | no boundary on one side after trimming | detection 0, deviations undefined |
//! | reference shorter than a frame | all scores on frames 0 |
//! | no two frames of one label | pairwise scores 0 |
//!
//! An undefined deviation is `None`, and NaN among the [`NamedScores`], as in mir_eval.
//!
//! Sources: Levy and Sandler, "Structural segmentation of musical audio by constrained clustering", IEEE
//! TASLP 16(2), 2008; Turnbull et al., ISMIR 2007; Lukashevich, "Towards quantitative measures of
//! evaluating song segmentation", ISMIR 2008; Hubert and Arabie, "Comparing partitions", Journal of
//! Classification 2, 1985; Vinh, Epps and Bailey, "Information theoretic measures for clusterings
//! comparison", JMLR 11, 2010; Rosenberg and Hirschberg, "V-measure", EMNLP 2007.
//!
//! # Differences from mir_eval
//! Values agree with `mir_eval.segment` 0.8.2, its frame times in single precision included. Cases in
//! which it stops or gives NaN have the values of the table; where one side has a single label, its
//! normalized mutual information is rounding noise and ours 0. Memory grows with the number of frames, not
//! with its square. A frame that no segment covers has the label `none`.
//!
//! ```
//! use mir_eval::segment::{SegmentConfig, evaluate};
//! let scores = evaluate(
//!     &[[0.0, 10.0], [10.0, 20.0]], &["verse", "chorus"],
//!     &[[0.0, 10.2], [10.2, 20.0]], &["A", "B"],
//!     &SegmentConfig::default(),
//! )?;
//! assert_eq!(scores.detection_short.f1, 1.0);
//! assert!(scores.pairwise.f1 > 0.95);
//! # Ok::<(), mir_eval::Error>(())
//! ```

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::{
    Counts, Error, NamedScores, Result, Score, Side,
    error::{check_length, check_tolerance},
    f_measure,
    intervals::{adjust, check_intervals},
    matching::match_events,
    score::{Undefined, Value},
};

/// The windows of boundary detection, seconds.
const WINDOWS: [f64; 2] = [0.5, 3.0];

/// More frames than this are a mistake in `frame_size`.
const MAX_FRAMES: f64 = 1e8;

/// Parameters of the segmentation metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SegmentConfig {
    /// Length of a frame in seconds, above 0.
    pub frame_size: f64,
    /// Weight of recall in all F-measures, at least 0.
    pub beta: f64,
    /// Whether the first and last boundary are left out: they are the ends of the piece.
    pub trim: bool,
}

impl Default for SegmentConfig {
    fn default() -> Self {
        Self { frame_size: 0.1, beta: 1.0, trim: false }
    }
}

impl SegmentConfig {
    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// [`Error::Config`] names the first field outside its range.
    pub fn validate(&self) -> Result<()> {
        check_tolerance("beta", self.beta)?;
        if !(self.frame_size.is_finite() && self.frame_size > 0.0) {
            let (field, expected) = ("frame_size", "finite and above 0");
            return Err(Error::Config { field, expected, actual: self.frame_size });
        }
        Ok(())
    }
}

/// Median distance from each boundary to the nearest one of the other side, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// From the reference to the estimate.
    pub reference_to_estimate: f64,
    /// From the estimate to the reference.
    pub estimate_to_reference: f64,
}

/// Mutual information of two labellings of the same frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MutualInformation {
    /// In nats.
    pub raw: f64,
    /// Corrected for chance: 0 expected for random labels, 1 for equal ones.
    pub adjusted: f64,
    /// Divided by the geometric mean of both entropies.
    pub normalized: f64,
}

/// Conditional entropies as scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Homogeneity {
    /// 1 unless one label of the reference is spread over several of the estimate (over-segmentation).
    pub over: f64,
    /// 1 unless one label of the estimate mixes several of the reference (under-segmentation).
    pub under: f64,
    /// F-measure of `over` as precision and `under` as recall.
    pub f_measure: f64,
}

/// All scores of one segmentation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentScores {
    /// Boundaries within 0.5 s.
    pub detection_short: Score,
    /// Boundaries within 3 s.
    pub detection_long: Score,
    /// Distances of boundaries; `None` without boundaries on one side.
    pub deviation: Option<Deviation>,
    /// Pairs of frames with the same label.
    pub pairwise: Score,
    /// Fraction of all pairs of frames on which both sides agree.
    pub rand_index: f64,
    /// The same corrected for chance.
    pub adjusted_rand_index: f64,
    /// Mutual information.
    pub mutual_information: MutualInformation,
    /// Conditional entropies divided by the largest that there can be for the number of labels.
    pub nce: Homogeneity,
    /// Conditional entropies divided by the entropy of the labels: the V-measure.
    pub v_measure: Homogeneity,
    /// Length of the reference in seconds.
    pub duration: f64,
}

impl NamedScores for SegmentScores {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        let deviation = self.deviation.unwrap_or(Deviation {
            reference_to_estimate: f64::NAN,
            estimate_to_reference: f64::NAN,
        });
        vec![
            ("Precision@0.5", self.detection_short.precision),
            ("Recall@0.5", self.detection_short.recall),
            ("F-measure@0.5", self.detection_short.f1),
            ("Precision@3.0", self.detection_long.precision),
            ("Recall@3.0", self.detection_long.recall),
            ("F-measure@3.0", self.detection_long.f1),
            ("Ref-to-est deviation", deviation.reference_to_estimate),
            ("Est-to-ref deviation", deviation.estimate_to_reference),
            ("Pairwise Precision", self.pairwise.precision),
            ("Pairwise Recall", self.pairwise.recall),
            ("Pairwise F-measure", self.pairwise.f1),
            ("Rand Index", self.rand_index),
            ("Adjusted Rand Index", self.adjusted_rand_index),
            ("Mutual Information", self.mutual_information.raw),
            ("Adjusted Mutual Information", self.mutual_information.adjusted),
            ("Normalized Mutual Information", self.mutual_information.normalized),
            ("NCE Over", self.nce.over),
            ("NCE Under", self.nce.under),
            ("NCE F-measure", self.nce.f_measure),
            ("V Precision", self.v_measure.over),
            ("V Recall", self.v_measure.under),
            ("V-measure", self.v_measure.f_measure),
        ]
    }

    fn values(&self) -> Vec<(&'static str, Value)> {
        let empty = (self.duration <= 0.0).then_some(Undefined::EmptyReference);
        let value = |(name, score): (_, f64)| {
            let reason = empty.or(score.is_nan().then_some(Undefined::EmptyEstimate));
            (name, Value::unless(reason, score))
        };
        self.entries().into_iter().map(value).collect()
    }
}

/// All scores of an estimate: intervals in seconds, one label each.
///
/// # Errors
/// [`Error::Config`] for a bad configuration, also for a `frame_size` that gives more than 100 million
/// frames; [`Error::Length`] if labels and intervals differ in number; [`Error::InvalidTime`],
/// [`Error::EmptyInterval`], [`Error::Unsorted`] for bad intervals.
pub fn evaluate<R: AsRef<str>, E: AsRef<str>>(
    reference_intervals: &[[f64; 2]],
    reference_labels: &[R],
    estimate_intervals: &[[f64; 2]],
    estimate_labels: &[E],
    config: &SegmentConfig,
) -> Result<SegmentScores> {
    config.validate()?;
    check_intervals(Side::Reference, reference_intervals, reference_labels.len())?;
    check_intervals(Side::Estimate, estimate_intervals, estimate_labels.len())?;
    if reference_intervals.is_empty() {
        return Ok(SegmentScores::default());
    }
    let end = reference_intervals.iter().map(|i| i[1]).fold(0.0, f64::max);
    let span = [0.0, end];
    let labels: Vec<&str> = reference_labels.iter().map(AsRef::as_ref).collect();
    let (reference, reference_labels) =
        adjust(reference_intervals, &labels, span, "__T_MIN", "__T_MAX");
    let labels: Vec<&str> = estimate_labels.iter().map(AsRef::as_ref).collect();
    let (estimate, estimate_labels) =
        adjust(estimate_intervals, &labels, span, "__T_MIN", "__T_MAX");

    let contingency = Contingency::new(
        &frame_labels(&reference, &reference_labels, config.frame_size)?,
        &frame_labels(&estimate, &estimate_labels, config.frame_size)?,
    )?;
    Ok(SegmentScores {
        detection_short: detection(&reference, &estimate, WINDOWS[0], config)?,
        detection_long: detection(&reference, &estimate, WINDOWS[1], config)?,
        deviation: deviation(&reference, &estimate, config)?,
        pairwise: contingency.pairwise(config.beta),
        rand_index: contingency.rand_index(),
        adjusted_rand_index: contingency.adjusted_rand_index(),
        mutual_information: contingency.mutual_information(),
        nce: contingency.nce(config.beta),
        v_measure: contingency.v_measure(config.beta),
        duration: end,
    })
}

/// Precision, recall and F-measure of boundaries within `window` seconds (inclusive).
///
/// # Errors
/// As [`evaluate`], and [`Error::Config`] for a window that is negative or not finite.
pub fn detection(
    reference: &[[f64; 2]],
    estimate: &[[f64; 2]],
    window: f64,
    config: &SegmentConfig,
) -> Result<Score> {
    check_tolerance("window", window)?;
    let (reference, estimate) = both_boundaries(reference, estimate, config)?;
    let counts = Counts {
        matched: match_events(&reference, &estimate, window).len(),
        reference: reference.len(),
        estimated: estimate.len(),
    };
    Ok(counts.score(config.beta))
}

/// Median distances of boundaries; `None` without boundaries on one side.
///
/// # Errors
/// As [`evaluate`].
pub fn deviation(
    reference: &[[f64; 2]],
    estimate: &[[f64; 2]],
    config: &SegmentConfig,
) -> Result<Option<Deviation>> {
    let (reference, estimate) = both_boundaries(reference, estimate, config)?;
    let median_distance = |from: &[f64], to: &[f64]| {
        let nearest = |&time: &f64| {
            let right = to.partition_point(|&t| t < time);
            let around = &to[right.saturating_sub(1)..(right + 1).min(to.len())];
            around.iter().map(|t| (t - time).abs()).fold(f64::INFINITY, f64::min)
        };
        let mut distances: Vec<f64> = from.iter().map(nearest).collect();
        distances.sort_unstable_by(f64::total_cmp);
        let (low, high) = (distances[(distances.len() - 1) / 2], distances[distances.len() / 2]);
        (low + high) / 2.0
    };
    Ok((!reference.is_empty() && !estimate.is_empty()).then(|| Deviation {
        reference_to_estimate: median_distance(&reference, &estimate),
        estimate_to_reference: median_distance(&estimate, &reference),
    }))
}

/// One label number for each frame of `frame_size` seconds: equal numbers for labels that are equal
/// without regard to case. Frame `i` lies at `i·frame_size` in single precision; both ends of a segment
/// belong to it, and a later segment replaces an earlier one.
///
/// # Errors
/// As [`evaluate`].
pub fn frame_labels<L: AsRef<str>>(
    intervals: &[[f64; 2]],
    labels: &[L],
    frame_size: f64,
) -> Result<Vec<usize>> {
    SegmentConfig { frame_size, ..Default::default() }.validate()?;
    check_intervals(Side::Reference, intervals, labels.len())?;
    let end = intervals.iter().map(|i| i[1]).fold(0.0, f64::max);
    let frames = (end / frame_size).floor();
    if frames > MAX_FRAMES {
        let expected = "long enough for at most 100 million frames";
        return Err(Error::Config { field: "frame_size", expected, actual: frame_size });
    }
    let time = |frame: usize| f64::from(frame as f32 * frame_size as f32);
    let times: Vec<f64> = (0..frames as usize).map(time).collect();
    let mut known = HashMap::from([("none".to_owned(), 0)]);
    let mut frames = vec![0; times.len()];
    for (&[start, end], label) in intervals.iter().zip(labels) {
        let next = known.len();
        let number = *known.entry(label.as_ref().to_lowercase()).or_insert(next);
        let covered = times.partition_point(|&t| t < start)..times.partition_point(|&t| t <= end);
        frames[covered].fill(number);
    }
    Ok(frames)
}

/// How often each label of the reference meets each label of the estimate. Only cells that occur are
/// stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contingency {
    frames: usize,
    /// Frames of each reference label.
    reference: Vec<usize>,
    /// Frames of each estimated label.
    estimate: Vec<usize>,
    /// Reference label, estimated label, frames with both.
    cells: Vec<(usize, usize, usize)>,
}

impl Contingency {
    /// From one label number per frame on each side.
    ///
    /// # Errors
    /// [`Error::Length`] if the sides differ in length.
    pub fn new(reference: &[usize], estimate: &[usize]) -> Result<Self> {
        check_length(Side::Estimate, "frames", reference.len(), estimate.len())?;
        let mut met: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for (&r, &e) in reference.iter().zip(estimate) {
            *met.entry((r, e)).or_default() += 1;
        }
        let (mut rows, mut columns) = (BTreeMap::new(), BTreeMap::new());
        let mut table = Self { frames: reference.len(), ..Default::default() };
        for ((r, e), frames) in met {
            let next = rows.len();
            let row = *rows.entry(r).or_insert(next);
            let next = columns.len();
            let column = *columns.entry(e).or_insert(next);
            table.reference.resize(rows.len(), 0);
            table.estimate.resize(columns.len(), 0);
            table.reference[row] += frames;
            table.estimate[column] += frames;
            table.cells.push((row, column, frames));
        }
        Ok(table)
    }

    /// Pairs of frames with the same label: in the reference, in the estimate, in both.
    pub fn pairwise(&self, beta: f64) -> Score {
        let (reference, estimated, matched) = self.pairs();
        Counts { matched, reference, estimated }.score(beta)
    }

    /// Fraction of all pairs of frames that are alike on both sides or different on both; 0 without
    /// pairs.
    pub fn rand_index(&self) -> f64 {
        let (reference, estimated, matched) = self.pairs();
        let all = pairs_of(self.frames);
        let agree = (all + 2 * matched) - reference - estimated;
        if all > 0 { agree as f64 / all as f64 } else { 0.0 }
    }

    /// The Rand index corrected for chance, at most 1; 0 without frames.
    pub fn adjusted_rand_index(&self) -> f64 {
        let labels = self.reference.len();
        if self.frames == 0 {
            return 0.0;
        }
        if labels == self.estimate.len() && (labels == 1 || labels == self.frames) {
            return 1.0;
        }
        let (reference, estimated, matched) = self.pairs();
        let (r, e) = (reference as f64, estimated as f64);
        let expected = r * e / pairs_of(self.frames) as f64;
        (matched as f64 - expected) / ((r + e) / 2.0 - expected)
    }

    /// Mutual information; 0 without frames.
    pub fn mutual_information(&self) -> MutualInformation {
        if self.frames == 0 {
            return MutualInformation::default();
        }
        let n = self.frames as f64;
        let information = |&(r, e, frames): &(usize, usize, usize)| {
            let frames = frames as f64;
            let independent = self.reference[r] as f64 * self.estimate[e] as f64;
            frames / n * (frames.ln() - n.ln() - independent.ln() + 2.0 * n.ln())
        };
        let raw: f64 = self.cells.iter().map(information).sum();
        if self.reference.len() == 1 && self.estimate.len() == 1 {
            return MutualInformation { raw, adjusted: 1.0, normalized: 1.0 };
        }
        if self.reference.len() == 1 || self.estimate.len() == 1 {
            // A single label tells nothing; the formulas would divide one rounding error by another.
            return MutualInformation::default();
        }
        let nats = |labels: &[usize]| entropy(labels) * std::f64::consts::LN_2;
        let (h_reference, h_estimate) = (nats(&self.reference), nats(&self.estimate));
        let expected = self.expected_information();
        let adjusted = (raw - expected) / (h_reference.max(h_estimate) - expected);
        MutualInformation {
            raw,
            adjusted: if adjusted.is_finite() { adjusted } else { 0.0 },
            normalized: raw / (h_reference * h_estimate).sqrt().max(1e-10),
        }
    }

    /// Normalized conditional entropies (Lukashevich): `1 − H(·|·) / log2(labels)`, 0 for a single label.
    pub fn nce(&self, beta: f64) -> Homogeneity {
        let most = |labels: &[usize]| (labels.len().max(1) as f64).log2();
        self.homogeneity(most(&self.reference), most(&self.estimate), beta)
    }

    /// V-measure: `1 − H(·|·) / H(·)`, 0 for a single label.
    pub fn v_measure(&self, beta: f64) -> Homogeneity {
        self.homogeneity(entropy(&self.reference), entropy(&self.estimate), beta)
    }

    fn homogeneity(&self, most_reference: f64, most_estimate: f64, beta: f64) -> Homogeneity {
        let (mut of_reference, mut of_estimate) = (0.0, 0.0);
        for &(r, e, frames) in &self.cells {
            let p = frames as f64 / self.frames as f64;
            of_reference -= p * (frames as f64 / self.estimate[e] as f64).log2();
            of_estimate -= p * (frames as f64 / self.reference[r] as f64).log2();
        }
        let score = |entropy: f64, most: f64| if most > 0.0 { 1.0 - entropy / most } else { 0.0 };
        let over = score(of_estimate, most_estimate);
        let under = score(of_reference, most_reference);
        Homogeneity { over, under, f_measure: f_measure(over, under, beta) }
    }

    fn pairs(&self) -> (usize, usize, usize) {
        let sum = |counts: &[usize]| counts.iter().map(|&count| pairs_of(count)).sum();
        let matched = self.cells.iter().map(|&(.., count)| pairs_of(count)).sum();
        (sum(&self.reference), sum(&self.estimate), matched)
    }

    /// Mutual information expected of labels with these counts in random order (Vinh et al., 2010,
    /// equation 24a), in nats.
    fn expected_information(&self) -> f64 {
        let n = self.frames;
        let log_factorial = log_factorials(n);
        let mut expected = 0.0;
        for &a in &self.reference {
            for &b in &self.estimate {
                let margins = log_factorial[a]
                    + log_factorial[b]
                    + log_factorial[n - a]
                    + log_factorial[n - b]
                    - log_factorial[n];
                let independent = (a as f64 * b as f64).ln();
                for both in (a + b).saturating_sub(n).max(1)..=a.min(b) {
                    let probability = margins
                        - log_factorial[both]
                        - log_factorial[a - both]
                        - log_factorial[b - both]
                        - log_factorial[n + both - a - b];
                    let information = (n as f64 * both as f64).ln() - independent;
                    expected += both as f64 / n as f64 * information * probability.exp();
                }
            }
        }
        expected
    }
}

/// Number of unordered pairs of `n` things.
fn pairs_of(n: usize) -> usize {
    n * n.saturating_sub(1) / 2
}

/// Entropy of counts in bits.
fn entropy(counts: &[usize]) -> f64 {
    let total: usize = counts.iter().sum();
    let bits = |&count: &usize| {
        let p = count as f64 / total as f64;
        -p * p.log2()
    };
    counts.iter().map(bits).sum()
}

/// `ln(k!)` for `k` from 0 to `n`, by a compensated sum: terms of size `n·ln n` are about to cancel.
fn log_factorials(n: usize) -> Vec<f64> {
    let (mut sum, mut lost) = (0.0f64, 0.0);
    let mut table = Vec::with_capacity(n + 1);
    table.push(0.0);
    for k in 1..=n {
        let term = (k as f64).ln() - lost;
        let next = sum + term;
        lost = (next - sum) - term;
        sum = next;
        table.push(sum);
    }
    table
}

/// The boundaries of both sides, after the checks.
fn both_boundaries(
    reference: &[[f64; 2]],
    estimate: &[[f64; 2]],
    config: &SegmentConfig,
) -> Result<(Vec<f64>, Vec<f64>)> {
    config.validate()?;
    let boundaries = |side, intervals: &[[f64; 2]]| -> Result<Vec<f64>> {
        check_intervals(side, intervals, intervals.len())?;
        let rounded: Vec<[f64; 2]> =
            intervals.iter().map(|i| i.map(|t| (t * 1e5).round_ties_even() / 1e5)).collect();
        let mut times = crate::intervals::boundaries(&rounded);
        if config.trim {
            times.pop();
            times.drain(..times.len().min(1));
        }
        Ok(times)
    };
    Ok((boundaries(Side::Reference, reference)?, boundaries(Side::Estimate, estimate)?))
}
