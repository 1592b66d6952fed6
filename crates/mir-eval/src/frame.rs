//! Piano rolls cell by cell: in how much of the time and of the keys does the estimate agree?
//!
//! # Four definitions that are all called "frame F1"
//! They differ in what is compared, so their numbers must not be set beside each other:
//!
//! | definition | reference | estimate | here |
//! |---|---|---|---|
//! | `hw3` | label roll | probabilities at least 0.5 | [`evaluate`] with [`FrameConfig::hw3`] |
//! | `high_resolution` (Kong et al. 2020) | label roll, notes extended by the pedal | probabilities above 0.3 | [`evaluate`] with [`FrameConfig::high_resolution`] |
//! | `jongwook` (onsets-and-frames) | roll of the notes decoded from the label roll | roll of the decoded notes, frames rounded | [`evaluate_notes`] with [`NoteFrameConfig::jongwook`] |
//! | `magenta` | label roll | roll of the decoded notes, first frame rounded down and last one up, cut or padded to the labels | [`evaluate_notes`] with [`NoteFrameConfig::magenta`] and the labels' length |
//!
//! [`evaluate_averages`] has scikit-learn's averages over keys and over frames beside this one.
//!
//! All count cells over the whole piece ("micro"): `TP` in both, `FP` in the estimate only, `FN` in the
//! reference only; `P = TP / (TP + FP)`, `R = TP / (TP + FN)`, F1 their harmonic mean, each 0 where its
//! denominator is 0; accuracy `TP / (TP + FP + FN)`; and the error decomposition of
//! [`multipitch`](crate::multipitch). `mir_eval.multipitch` gives the same numbers for integer keys.
//!
//! ```
//! use mir_eval::frame::{FrameConfig, evaluate};
//! use ndarray::array;
//! let labels = array![[1.0, 0.0], [1.0, 1.0]];
//! let probabilities = array![[0.9, 0.1], [0.4, 0.5]];
//! let scores = evaluate(&labels, &probabilities, &FrameConfig::hw3())?;
//! assert_eq!((scores.precision, scores.recall), (1.0, 2.0 / 3.0));
//! # Ok::<(), mir_eval::Error>(())
//! ```

mod average;

use mir_core::{FrameGrid, KeyRange, Note, PianoRoll, RollRule, Rounding};
use ndarray::{ArrayRef2, Zip};
use serde::{Deserialize, Serialize};

use crate::{
    Counts, Error, NamedScores, Result, Score, Side,
    error::check_tolerance,
    multipitch::MultipitchScores,
    score::{Value, values_by_counts},
};

pub use average::{Average, AverageConfig, AveragedScores, evaluate_averages};

/// Sums over all frames of what is there, what was found, and what is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameCounts {
    /// Entries (cells, or pitches of a frame) of either side and of both.
    pub entries: Counts,
    /// Right in number, wrong in pitch.
    pub substituted: usize,
    /// References that nothing stands against.
    pub missed: usize,
    /// Estimates that nothing stands against.
    pub false_alarms: usize,
}

impl FrameCounts {
    /// Adds one frame.
    pub(crate) fn add_frame(&mut self, matched: usize, reference: usize, estimated: usize) {
        self.entries = self.entries + Counts { matched, reference, estimated };
        self.substituted += reference.min(estimated) - matched;
        self.missed += reference.saturating_sub(estimated);
        self.false_alarms += estimated.saturating_sub(reference);
    }

    /// Fraction of `cells` cells that are right, empty ones included, in [0, 1]; 0 without cells. Hardly
    /// informative for rolls, where most cells are empty, but published for some systems.
    pub fn accuracy_with_negatives(&self, cells: usize) -> f64 {
        let Counts { matched, reference, estimated } = self.entries;
        let wrong = reference + estimated - 2 * matched;
        if cells > 0 { cells.saturating_sub(wrong) as f64 / cells as f64 } else { 0.0 }
    }

    /// The scores of these sums.
    pub fn scores(&self) -> FrameScores {
        let over = |part: usize, whole: usize| {
            if whole > 0 { part as f64 / whole as f64 } else { 0.0 }
        };
        let errors = self.substituted + self.missed + self.false_alarms;
        let Score { precision, recall, f1, counts } = self.entries.score(1.0);
        FrameScores {
            precision,
            recall,
            f1,
            accuracy: counts.accuracy().unwrap_or(0.0),
            substitution: over(self.substituted, counts.reference),
            miss: over(self.missed, counts.reference),
            false_alarm: over(self.false_alarms, counts.reference),
            total_error: over(errors, counts.reference),
            counts: *self,
        }
    }
}

impl std::iter::Sum for FrameCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), std::ops::Add::add)
    }
}

impl std::ops::Add for FrameCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            substituted: self.substituted + other.substituted,
            missed: self.missed + other.missed,
            false_alarms: self.false_alarms + other.false_alarms,
        }
    }
}

/// Scores of one way to compare frames; [`multipitch`](crate::multipitch) has the formulas. A ratio with
/// denominator 0 is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameScores {
    /// Fraction of the estimates that are right, in [0, 1].
    pub precision: f64,
    /// Fraction of the references that were found, in [0, 1].
    pub recall: f64,
    /// Harmonic mean of precision and recall, in [0, 1].
    pub f1: f64,
    /// Pairs over everything that is in either, in [0, 1].
    pub accuracy: f64,
    /// Substitution error, at least 0.
    pub substitution: f64,
    /// Miss error, at least 0.
    pub miss: f64,
    /// False-alarm error, at least 0.
    pub false_alarm: f64,
    /// Sum of the three errors.
    pub total_error: f64,
    /// The sums behind the scores.
    pub counts: FrameCounts,
}

impl NamedScores for FrameScores {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("Precision", self.precision),
            ("Recall", self.recall),
            ("F-measure", self.f1),
            ("Accuracy", self.accuracy),
            ("Substitution Error", self.substitution),
            ("Miss Error", self.miss),
            ("False Alarm Error", self.false_alarm),
            ("Total Error", self.total_error),
        ]
    }

    fn values(&self) -> Vec<(&'static str, Value)> {
        values_by_counts(self.entries(), |_| self.counts.entries)
    }
}

/// When an activation counts as on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrameConfig {
    /// Activation from which on a cell of the estimate counts, at least 0.
    pub threshold: f64,
    /// Whether an activation equal to the threshold counts.
    pub inclusive: bool,
}

impl Default for FrameConfig {
    /// As [`hw3`](Self::hw3).
    fn default() -> Self {
        Self::hw3()
    }
}

impl FrameConfig {
    /// At least 0.5.
    pub const fn hw3() -> Self {
        Self { threshold: 0.5, inclusive: true }
    }

    /// Above 0.3: Kong et al., "High-resolution piano transcription with pedals by regressing onset and
    /// offset times", 2020.
    pub const fn high_resolution() -> Self {
        Self { threshold: 0.3, inclusive: false }
    }
}

/// Compares activations `[frames, keys]` with a label roll of the same shape, whose cells count from 0.5
/// on. Takes arrays and views.
///
/// # Errors
/// [`Error::Config`] for a bad threshold, [`Error::Shape`] if the shapes differ,
/// [`Error::InvalidCell`] for NaN and infinities.
pub fn evaluate(
    reference: &ArrayRef2<f32>,
    estimate: &ArrayRef2<f32>,
    config: &FrameConfig,
) -> Result<FrameScores> {
    check_tolerance("threshold", config.threshold)?;
    check_cells(Side::Reference, reference)?;
    check_cells(Side::Estimate, estimate)?;
    // Compared in f32: the threshold 0.3 then means the activation 0.3.
    let threshold = config.threshold as f32;
    let on = |x: f32| x > threshold || (config.inclusive && x >= threshold);
    evaluate_binary(&reference.mapv(|x| x >= 0.5), &estimate.mapv(on))
}

/// Compares two rolls `[frames, keys]` of cells that are on or off.
///
/// # Errors
/// [`Error::Shape`] if the shapes differ.
pub fn evaluate_binary(
    reference: &ArrayRef2<bool>,
    estimate: &ArrayRef2<bool>,
) -> Result<FrameScores> {
    check_shape(reference, estimate)?;
    Ok(compare(reference, estimate))
}

/// [`evaluate_binary`], and the same with keys taken modulo an octave, so that octave errors can be told
/// from others ([`MultipitchScores::octave_errors`]). Column `i` and column `i + 12` are an octave apart;
/// two keys of a frame that are octaves of each other count twice.
///
/// # Errors
/// [`Error::Shape`] if the shapes differ.
///
/// ```
/// use mir_eval::frame::evaluate_chroma;
/// use ndarray::Array2;
/// let key = |key: usize| Array2::from_shape_fn((1, 88), |(_, k)| k == key);
/// let scores = evaluate_chroma(&key(39), &key(51))?;
/// assert_eq!((scores.pitch.f1, scores.chroma.f1), (0.0, 1.0));
/// assert_eq!(scores.octave_errors().rate, 1.0);
/// # Ok::<(), mir_eval::Error>(())
/// ```
pub fn evaluate_chroma(
    reference: &ArrayRef2<bool>,
    estimate: &ArrayRef2<bool>,
) -> Result<MultipitchScores> {
    check_shape(reference, estimate)?;
    let mut counts = FrameCounts::default();
    Zip::from(reference.rows()).and(estimate.rows()).for_each(|reference, estimate| {
        let classes = |row: ndarray::ArrayView1<'_, bool>| {
            let mut classes = [0usize; 12];
            row.iter().enumerate().for_each(|(key, &on)| classes[key % 12] += usize::from(on));
            classes
        };
        let (r, e) = (classes(reference), classes(estimate));
        let both = r.iter().zip(e).map(|(&r, e)| r.min(e)).sum();
        counts.add_frame(both, r.iter().sum(), e.iter().sum());
    });
    Ok(MultipitchScores { pitch: compare(reference, estimate), chroma: counts.scores() })
}

fn check_shape(reference: &ArrayRef2<bool>, estimate: &ArrayRef2<bool>) -> Result<()> {
    if reference.dim() == estimate.dim() {
        return Ok(());
    }
    Err(Error::Shape { expected: reference.dim(), actual: estimate.dim() })
}

/// Counts over rolls of equal shape.
fn compare(reference: &ArrayRef2<bool>, estimate: &ArrayRef2<bool>) -> FrameScores {
    let mut counts = FrameCounts::default();
    Zip::from(reference.rows()).and(estimate.rows()).for_each(|reference, estimate| {
        let (mut both, mut r, mut e) = (0, 0, 0);
        for (&in_reference, &in_estimate) in reference.iter().zip(estimate) {
            r += usize::from(in_reference);
            e += usize::from(in_estimate);
            both += usize::from(in_reference && in_estimate);
        }
        counts.add_frame(both, r, e);
    });
    counts.scores()
}

fn check_cells(side: Side, roll: &ArrayRef2<f32>) -> Result<()> {
    match roll.indexed_iter().find(|(_, x)| !x.is_finite()) {
        None => Ok(()),
        Some(((row, column), &actual)) => Err(Error::InvalidCell { side, row, column, actual }),
    }
}

/// How notes are drawn as rolls to be compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoteFrameConfig {
    /// Which frames a note covers.
    pub rule: RollRule,
    /// The keys that count; other notes are left out.
    pub keys: KeyRange,
    /// Number of frames that count; `None` takes all that a note of either list covers.
    pub frames: Option<usize>,
}

impl Default for NoteFrameConfig {
    /// As [`jongwook`](Self::jongwook).
    fn default() -> Self {
        Self::jongwook()
    }
}

impl NoteFrameConfig {
    /// Frames rounded to the nearest, all that occur.
    pub const fn jongwook() -> Self {
        Self { rule: RollRule::Round, keys: KeyRange::PIANO, frames: None }
    }

    /// First frame rounded down, last one up, over the frames of the labels.
    pub const fn magenta(frames: usize) -> Self {
        Self { rule: RollRule::Magenta, keys: KeyRange::PIANO, frames: Some(frames) }
    }
}

/// Compares two note lists after drawing both on a grid of frames.
pub fn evaluate_notes(
    reference: &[Note],
    estimate: &[Note],
    grid: FrameGrid,
    config: &NoteFrameConfig,
) -> FrameScores {
    let needed = |notes: &[Note]| {
        let ends = notes.iter().map(|n| grid.frame_with(n.offset(), Rounding::Ceil));
        // Every note has at least one frame, and one rule includes the last.
        ends.max().map_or(0, |end| end + 1)
    };
    let frames = config.frames.unwrap_or_else(|| needed(reference).max(needed(estimate)));
    let roll = |notes| {
        PianoRoll::from_notes(notes, grid, config.keys, frames, config.rule).frame.mapv(|x| x > 0.0)
    };
    compare(&roll(reference), &roll(estimate))
}

#[cfg(test)]
mod tests {
    use mir_core::{Key, SampleRate, Velocity};
    use ndarray::{Array2, array, s};

    use super::*;

    fn grid() -> FrameGrid {
        FrameGrid::new(SampleRate::HZ_16000, 512, 0).unwrap()
    }

    fn note(key: u8, onset: f64, offset: f64) -> Note {
        let pitch = Key::new(key).unwrap().pitch();
        Note::new(onset, offset, pitch, Velocity::MEDIUM).unwrap()
    }

    #[test]
    fn thresholds_are_those_of_their_systems() {
        let labels = array![[1.0, 1.0, 0.0, 0.0]];
        let activations = array![[0.5, 0.3, 0.31, 0.49]];
        let counts = |config| evaluate(&labels, &activations, &config).unwrap().counts.entries;
        assert_eq!(counts(FrameConfig::hw3()).matched, 1);
        assert_eq!(counts(FrameConfig::hw3()).estimated, 1);
        assert_eq!(counts(FrameConfig::high_resolution()).matched, 1);
        assert_eq!(counts(FrameConfig::high_resolution()).estimated, 3);
    }

    #[test]
    fn errors_add_up_and_empty_rolls_score_zero() {
        let labels = array![[true, true, false], [true, false, false], [false, false, false]];
        let estimate = array![[false, true, true], [false, false, false], [true, false, false]];
        let scores = evaluate_binary(&labels, &estimate).unwrap();
        let c = scores.counts;
        assert_eq!((c.entries.matched, c.substituted, c.missed, c.false_alarms), (1, 1, 1, 1));
        assert!((scores.total_error - 1.0).abs() < 1e-15);
        assert!((c.accuracy_with_negatives(9) - 5.0 / 9.0).abs() < 1e-15);
        let none = Array2::from_elem((0, 88), false);
        assert_eq!(evaluate_binary(&none, &none).unwrap(), FrameScores::default());
    }

    #[test]
    fn notes_are_drawn_by_the_rule() {
        let reference = [note(60, 0.10, 0.90)];
        let estimate = [note(60, 0.10, 0.50), note(20, 0.0, 1.0)];
        let round = evaluate_notes(&reference, &estimate, grid(), &NoteFrameConfig::jongwook());
        assert_eq!((round.counts.entries.reference, round.counts.entries.estimated), (25, 13));
        assert!((round.precision - 1.0).abs() < 1e-15);
        let magenta = NoteFrameConfig::magenta(10);
        let cut = evaluate_notes(&reference, &estimate, grid(), &magenta);
        assert_eq!((cut.counts.entries.reference, cut.counts.entries.estimated), (7, 7));
        let nothing = evaluate_notes(&[], &[], grid(), &NoteFrameConfig::default());
        assert_eq!(nothing, FrameScores::default());
    }

    #[test]
    fn a_view_in_any_order_is_as_good_as_an_array() {
        let labels =
            Array2::from_shape_fn((6, 4), |(t, k)| if (t + k) % 3 == 0 { 1.0 } else { 0.0 });
        let turned = labels.t().as_standard_layout().into_owned();
        let scores = evaluate(&labels, &turned.t(), &FrameConfig::hw3()).unwrap();
        assert!((scores.f1 - 1.0).abs() < 1e-15);
        let part =
            evaluate(&labels.slice(s![..;2, ..]), &labels.slice(s![..;2, ..]), &FrameConfig::hw3());
        assert!((part.unwrap().accuracy - 1.0).abs() < 1e-15);
    }

    #[test]
    fn rolls_that_cannot_be_compared_are_refused() {
        let config = FrameConfig::hw3();
        let roll = Array2::<f32>::zeros((2, 88));
        let error = evaluate(&roll, &Array2::zeros((3, 88)), &config).unwrap_err();
        assert!(matches!(error, Error::Shape { expected: (2, 88), actual: (3, 88) }), "{error}");
        let mut bad = roll.clone();
        bad[(1, 5)] = f32::NAN;
        let error = evaluate(&roll, &bad, &config).unwrap_err();
        assert!(matches!(error, Error::InvalidCell { row: 1, column: 5, .. }), "{error}");
        let config = FrameConfig { threshold: f64::NAN, ..config };
        assert!(matches!(evaluate(&roll, &roll, &config), Err(Error::Config { .. })));
    }
}
