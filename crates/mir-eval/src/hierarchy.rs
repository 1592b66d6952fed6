//! Hierarchical structure: are parts, and parts of parts, found, and is what belongs closer together
//! said to belong closer together?
//!
//! # Conventions
//! A hierarchy is a list of [`Level`]s from coarse to fine, each a flat segmentation: intervals (seconds,
//! ordered by start) with a label each. Labels are compared without regard to case, and only within one
//! level of one annotation. [`evaluate`] extends both annotations to 0 s, and crops or fills the estimate
//! to the end of the reference. Time is cut into frames of `frame_size` (0.1 s), rounded down.
//!
//! # Criteria
//! Two frames are the closer, the deeper the last level at which they *meet*:
//!
//! - for the **T-measure** (tree), both lie in one segment of that level;
//! - for the **L-measure** (labels), both lie in segments of that level with one label.
//!
//! For each frame `q`, all pairs of frames `(i, j)` are taken of which the reference says that `i` is
//! closer to `q` than `j`. Recall is the fraction of them of which the estimate says so too, averaged over
//! all frames `q` that have such a pair; precision the same with the roles exchanged. *Reduced* T-measures
//! use pairs one level apart only, *full* ones and the L-measure all; the T-measures look no further than
//! `window` (15 s) from `q`.
//!
//! # Empty and undefined cases
//! | case | scores |
//! |---|---|
//! | no level, or none with a segment, in the reference | all 0 |
//! | no level in the estimate | those of one segment as long as the reference |
//! | a level without segments | it counts as one segment over the whole span |
//! | no pair of frames of which one is closer | 0 |
//!
//! Sources: McFee, Nieto and Bello, "Hierarchical evaluation of segment boundary detection", ISMIR 2015;
//! McFee, Nieto, Farbood and Bello, "Evaluating hierarchical structure in music annotations", Frontiers in
//! Psychology 8, 2017.
//!
//! # Differences from mir_eval
//! Values agree with `mir_eval.hierarchy` 0.8.2, its rounding of times to frames included. Cases in which it
//! stops have the values of the table; the segments of a level have to be in order, and all levels have to
//! start at 0 s, a single one too. Frames with the same segments around them are handled together, so that
//! time and memory grow with the number of segments (and, under a window, of frames) and not with the
//! square of the frames.
//!
//! ```
//! use mir_eval::hierarchy::{HierarchyConfig, Level, evaluate};
//! let quarters = [[0.0, 15.0], [15.0, 30.0], [30.0, 45.0], [45.0, 60.0]];
//! let reference = [
//!     Level { intervals: &[[0.0, 30.0], [30.0, 60.0]], labels: &["A", "B"] },
//!     Level { intervals: &quarters, labels: &["a", "b", "a", "c"] },
//! ];
//! let estimate = [
//!     Level { intervals: &[[0.0, 45.0], [45.0, 60.0]], labels: &["A", "B"] },
//!     Level { intervals: &quarters, labels: &["a", "a", "b", "b"] },
//! ];
//! let scores = evaluate(&reference, &estimate, &HierarchyConfig::default())?;
//! assert!((scores.t_full.f1 - 0.9482274580).abs() < 1e-9);
//! # Ok::<(), mir_eval::Error>(())
//! ```

mod triplets;

use serde::{Deserialize, Serialize};

use crate::{
    Error, NamedScores, Result, Side,
    error::{check_length, check_tolerance},
    intervals::{adjust, check_intervals},
    score::{Undefined, Value},
};

use triplets::{Blocks, triplets};

/// More frames than this are a mistake in `frame_size`.
const MAX_FRAMES: f64 = 1e8;

/// One level of a hierarchy: a flat segmentation.
#[derive(Clone, Copy, Debug)]
pub struct Level<'a, L> {
    /// Start and end of the segments in seconds, ordered by start.
    pub intervals: &'a [[f64; 2]],
    /// One label for each segment.
    pub labels: &'a [L],
}

/// Parameters of the hierarchical metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HierarchyConfig {
    /// Length of a frame in seconds, above 0.
    pub frame_size: f64,
    /// How far from a frame the T-measures look, in seconds, at least `frame_size`; `None` looks at the
    /// whole piece.
    pub window: Option<f64>,
    /// Weight of recall in all F-measures, at least 0.
    pub beta: f64,
}

impl Default for HierarchyConfig {
    fn default() -> Self {
        Self { frame_size: 0.1, window: Some(15.0), beta: 1.0 }
    }
}

impl HierarchyConfig {
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
        match self.window {
            Some(window) if !(window.is_finite() && window >= self.frame_size) => {
                let (field, expected) = ("window", "finite and at least frame_size");
                Err(Error::Config { field, expected, actual: window })
            }
            _ => Ok(()),
        }
    }
}

/// Precision, recall and F-measure over triplets of frames, each in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TripletScore {
    /// Fraction of the orderings of the estimate that hold in the reference.
    pub precision: f64,
    /// Fraction of the orderings of the reference that hold in the estimate.
    pub recall: f64,
    /// F-measure under the configured β.
    pub f1: f64,
}

/// All scores of one hierarchy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HierarchyScores {
    /// T-measure over pairs one level apart.
    pub t_reduced: TripletScore,
    /// T-measure over all pairs of different levels.
    pub t_full: TripletScore,
    /// L-measure.
    pub l: TripletScore,
    /// Length of the reference in seconds.
    pub duration: f64,
}

impl NamedScores for HierarchyScores {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("T-Precision reduced", self.t_reduced.precision),
            ("T-Recall reduced", self.t_reduced.recall),
            ("T-Measure reduced", self.t_reduced.f1),
            ("T-Precision full", self.t_full.precision),
            ("T-Recall full", self.t_full.recall),
            ("T-Measure full", self.t_full.f1),
            ("L-Precision", self.l.precision),
            ("L-Recall", self.l.recall),
            ("L-Measure", self.l.f1),
        ]
    }

    fn values(&self) -> Vec<(&'static str, Value)> {
        let reason = (self.duration <= 0.0).then_some(Undefined::EmptyReference);
        let value = |(name, score)| (name, Value::unless(reason, score));
        self.entries().into_iter().map(value).collect()
    }
}

/// All scores of an estimate.
///
/// # Errors
/// [`Error::Config`] for a bad configuration, also for a `frame_size` that gives more than 100 million
/// frames; [`Error::Length`] if labels and intervals of a level differ in number; [`Error::InvalidTime`],
/// [`Error::EmptyInterval`], [`Error::Unsorted`] for bad intervals; [`Error::LevelSpan`] if the levels of
/// the reference do not end together.
pub fn evaluate<R: AsRef<str>, E: AsRef<str>>(
    reference: &[Level<'_, R>],
    estimate: &[Level<'_, E>],
    config: &HierarchyConfig,
) -> Result<HierarchyScores> {
    config.validate()?;
    check_levels(Side::Reference, reference)?;
    check_levels(Side::Estimate, estimate)?;
    let end = last_end(reference.iter().map(|level| level.intervals));
    if end <= 0.0 {
        return Ok(HierarchyScores::default());
    }
    // Each level of the reference keeps its own end, so that a level that ends early is reported.
    let own_end = |level: &Level<'_, R>| match level.intervals {
        [] => end,
        intervals => last_end([intervals]),
    };
    let reference = Adjusted::new(reference, own_end);
    let mut estimate = Adjusted::new(estimate, |_| end);
    if estimate.0.is_empty() {
        estimate.0.push((vec![[0.0, end]], vec![START]));
    }
    let (reference, estimate) = (reference.levels(), estimate.levels());
    Ok(HierarchyScores {
        t_reduced: tmeasure(&reference, &estimate, false, config)?,
        t_full: tmeasure(&reference, &estimate, true, config)?,
        l: lmeasure(&reference, &estimate, config)?,
        duration: end,
    })
}

/// The T-measure of hierarchies that start at 0 s: `transitive` takes all pairs of different levels (the
/// *full* measure), otherwise pairs one level apart count (the *reduced* one). Labels play no part.
///
/// # Errors
/// As [`evaluate`]; also [`Error::LevelSpan`] for a level that does not start at 0 s or does not end with
/// the first one of its side, and [`Error::Length`] if the sides differ in frames.
pub fn tmeasure<R: AsRef<str>, E: AsRef<str>>(
    reference: &[Level<'_, R>],
    estimate: &[Level<'_, E>],
    transitive: bool,
    config: &HierarchyConfig,
) -> Result<TripletScore> {
    config.validate()?;
    let window = config.window.map(|window| (on_grid(window, config.frame_size)) as usize);
    let frames = common_frames(reference, estimate, config)?;
    let segments = |index: usize, _: &str| index;
    let reference = Blocks::new(reference, frames, config, segments);
    let estimate = Blocks::new(estimate, frames, config, segments);
    Ok(triplets(&reference, &estimate, transitive, window, config.beta))
}

/// The L-measure of hierarchies that start at 0 s.
///
/// # Errors
/// As [`tmeasure`].
pub fn lmeasure<R: AsRef<str>, E: AsRef<str>>(
    reference: &[Level<'_, R>],
    estimate: &[Level<'_, E>],
    config: &HierarchyConfig,
) -> Result<TripletScore> {
    config.validate()?;
    let frames = common_frames(reference, estimate, config)?;
    let reference = Blocks::new(reference, frames, config, |_, label| label.to_lowercase());
    let estimate = Blocks::new(estimate, frames, config, |_, label| label.to_lowercase());
    Ok(triplets(&reference, &estimate, true, None, config.beta))
}

/// Checks that a hierarchy is fit for [`tmeasure`] and [`lmeasure`], and gives the levels that are not
/// nested in those above them: some boundary (to 5 decimals) of a coarser level is missing there. The
/// measures are defined for these too.
///
/// # Errors
/// [`Error::Length`], [`Error::InvalidTime`], [`Error::EmptyInterval`], [`Error::Unsorted`];
/// [`Error::LevelSpan`] for a level that does not start at 0 s or does not end with the first one.
pub fn validate<L>(side: Side, levels: &[Level<'_, L>]) -> Result<Vec<usize>> {
    check_levels(side, levels)?;
    let mut expected_end = None;
    for (level, Level { intervals, .. }) in levels.iter().enumerate() {
        if intervals.is_empty() {
            continue;
        }
        let (start, end) = (intervals[0][0], last_end([*intervals]));
        let expected_end = *expected_end.get_or_insert(end);
        // The tolerances of numpy.allclose.
        let together = (expected_end - end).abs() <= 1e-8 + 1e-5 * end;
        if start > 1e-8 || !together {
            return Err(Error::LevelSpan { side, level, start, end, expected_end });
        }
    }
    let decimals = |time: &f64| (time * 1e5).round_ties_even() as i64;
    let mut above: Vec<i64> = Vec::new();
    let mut loose = Vec::new();
    for (level, Level { intervals, .. }) in levels.iter().enumerate() {
        let mut here: Vec<i64> = intervals.as_flattened().iter().map(decimals).collect();
        here.sort_unstable();
        here.dedup();
        if above.iter().any(|time| here.binary_search(time).is_err()) {
            loose.push(level);
        }
        above.append(&mut here);
        above.sort_unstable();
        above.dedup();
    }
    Ok(loose)
}

/// Label of time before the first and after the last segment of an annotation.
const START: &str = "__T_MIN";
const END: &str = "__T_MAX";

/// Levels that were brought to a span, with their labels borrowed.
struct Adjusted<'a>(Vec<(Vec<[f64; 2]>, Vec<&'a str>)>);

impl<'a> Adjusted<'a> {
    fn new<L: AsRef<str>>(levels: &[Level<'a, L>], end: impl Fn(&Level<'a, L>) -> f64) -> Self {
        let adjusted = |level: &Level<'a, L>| {
            let labels: Vec<&str> = level.labels.iter().map(AsRef::as_ref).collect();
            adjust(level.intervals, &labels, [0.0, end(level)], START, END)
        };
        Self(levels.iter().map(adjusted).collect())
    }

    fn levels(&self) -> Vec<Level<'_, &'a str>> {
        self.0.iter().map(|(intervals, labels)| Level { intervals, labels }).collect()
    }
}

fn check_levels<L>(side: Side, levels: &[Level<'_, L>]) -> Result<()> {
    levels.iter().try_for_each(|level| check_intervals(side, level.intervals, level.labels.len()))
}

/// The last end of any segment, 0 without one.
fn last_end<'a>(levels: impl IntoIterator<Item = &'a [[f64; 2]]>) -> f64 {
    levels.into_iter().flatten().map(|i| i[1]).fold(0.0, f64::max)
}

/// Position of a time on the grid of frames, in the steps of mir_eval: rounded down to a multiple of the
/// frame size first, which may already fall a hair below the multiple that it is.
fn on_grid(time: f64, frame_size: f64) -> f64 {
    (time - time % frame_size) / frame_size
}

/// Number of frames of one hierarchy.
fn frame_count<L>(levels: &[Level<'_, L>], frame_size: f64) -> Result<usize> {
    let ends = levels.iter().map(|level| level.intervals);
    let starts = levels.iter().flat_map(|level| level.intervals).map(|i| i[0]);
    let start = starts.fold(f64::INFINITY, f64::min);
    let end = last_end(ends);
    if end <= 0.0 {
        return Ok(0);
    }
    let rounded = |time: f64| time - time % frame_size;
    let frames = (rounded(end) - rounded(start)) / frame_size;
    if frames > MAX_FRAMES {
        let expected = "long enough for at most 100 million frames";
        return Err(Error::Config { field: "frame_size", expected, actual: frame_size });
    }
    Ok(frames as usize)
}

/// Number of frames of two valid hierarchies of one length.
fn common_frames<R, E>(
    reference: &[Level<'_, R>],
    estimate: &[Level<'_, E>],
    config: &HierarchyConfig,
) -> Result<usize> {
    validate(Side::Reference, reference)?;
    validate(Side::Estimate, estimate)?;
    let frames = frame_count(reference, config.frame_size)?;
    let actual = frame_count(estimate, config.frame_size)?;
    check_length(Side::Estimate, "frames", frames, actual)?;
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_that_do_not_fit_are_refused_or_named() {
        fn level<'a>(intervals: &'a [[f64; 2]], labels: &'a [&'a str]) -> Level<'a, &'a str> {
            Level { intervals, labels }
        }
        let top = level(&[[0.0, 5.0], [5.0, 10.0]], &["A", "B"]);
        let fine = level(&[[0.0, 2.0], [2.0, 5.0], [5.0, 10.0]], &["a", "b", "c"]);
        let loose = level(&[[0.0, 4.0], [4.0, 10.0]], &["a", "b"]);
        let short = level(&[[0.0, 9.0]], &["a"]);
        let late = level(&[[1.0, 10.0]], &["a"]);
        let side = Side::Estimate;
        assert_eq!(validate(side, &[top, fine]).unwrap(), [0usize; 0]);
        assert_eq!(validate(side, &[top, loose, fine]).unwrap(), [1, 2]);
        for bad in [short, late] {
            let error = validate(side, &[top, bad]).unwrap_err();
            assert!(matches!(error, Error::LevelSpan { level: 1, .. }), "{error}");
        }
        let config = HierarchyConfig::default();
        let error = tmeasure(&[top], &[short], true, &config).unwrap_err();
        assert!(matches!(error, Error::Length { series: "frames", .. }), "{error}");
        // What is filled in has an end of its own.
        let error = evaluate(&[top, short], &[top], &config).unwrap_err();
        assert!(matches!(error, Error::LevelSpan { side: Side::Reference, .. }), "{error}");
    }

    #[test]
    fn empty_hierarchies_have_the_documented_scores() {
        let none: [Level<'_, &str>; 0] = [];
        let empty = Level::<&str> { intervals: &[], labels: &[] };
        let whole = Level { intervals: &[[0.0, 10.0]], labels: &["x"] };
        let parts = Level { intervals: &[[0.0, 4.0], [4.0, 10.0]], labels: &["a", "b"] };
        let config = HierarchyConfig::default();
        for reference in [&none[..], &[empty]] {
            let scores = evaluate(reference, &[parts], &config).unwrap();
            assert_eq!(scores, HierarchyScores::default());
        }
        let missing = evaluate(&[parts], &none, &config).unwrap();
        assert_eq!(missing, evaluate(&[parts], &[whole], &config).unwrap());
        assert_eq!(missing, evaluate(&[parts], &[empty], &config).unwrap());
        assert_eq!(missing.t_full, TripletScore::default());
        let equal = evaluate(&[whole, parts], &[whole, parts], &config).unwrap();
        assert!((equal.t_full.f1 - 1.0).abs() < 1e-15 && (equal.l.f1 - 1.0).abs() < 1e-15);
    }
}
