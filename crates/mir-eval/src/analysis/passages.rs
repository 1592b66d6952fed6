//! Where is it worst?

use std::cmp::Ordering;

use mir_core::Note;
use serde::{Deserialize, Serialize};

use super::Analysis;
use crate::{Error, Result};

/// What makes a passage bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassageOrder {
    /// Many wrong notes; of equal ones the lower F1.
    #[default]
    Errors,
    /// A low F1; of equal ones more wrong notes.
    F1,
}

impl PassageOrder {
    /// The worse of two passages first, the earlier of two that are equally bad.
    pub fn compare(self, a: &Passage, b: &Passage) -> Ordering {
        let by_errors = b.errors().cmp(&a.errors());
        let by_f1 = a.f1().total_cmp(&b.f1());
        match self {
            Self::Errors => by_errors.then(by_f1),
            Self::F1 => by_f1.then(by_errors),
        }
        .then(a.start.total_cmp(&b.start))
    }
}

/// Which passages are looked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PassageConfig {
    /// Length in seconds, above 0.
    pub seconds: f64,
    /// Passages begin at multiples of this many seconds, above 0 and not above `seconds`.
    pub step: f64,
    /// Largest number of passages.
    pub count: usize,
    /// Passages with fewer notes (of both lists together) are left out; at least 1.
    pub least_notes: usize,
    /// What comes first.
    pub order: PassageOrder,
}

impl Default for PassageConfig {
    fn default() -> Self {
        Self { seconds: 8.0, step: 0.5, count: 6, least_notes: 8, order: PassageOrder::Errors }
    }
}

impl PassageConfig {
    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// [`Error::Config`] names the first field outside its range.
    pub fn validate(&self) -> Result<()> {
        let wrong = |field, expected, actual| Err(Error::Config { field, expected, actual });
        if !(self.seconds.is_finite() && self.seconds > 0.0) {
            return wrong("seconds", "finite and above 0", self.seconds);
        }
        // Below a thousandth there would be more windows than anyone can wait for.
        if !(self.step >= 1e-3 * self.seconds && self.step <= self.seconds) {
            return wrong("step", "a thousandth of `seconds` to `seconds`", self.step);
        }
        if self.least_notes == 0 {
            return wrong("least_notes", "at least 1", 0.0);
        }
        Ok(())
    }
}

/// A stretch of a piece and the notes that begin in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passage {
    /// Start in seconds.
    pub start: f64,
    /// End in seconds.
    pub end: f64,
    /// Reference notes.
    pub reference: usize,
    /// Those of them that were found.
    pub found: usize,
    /// Estimated notes.
    pub estimated: usize,
    /// Those of them that are right.
    pub right: usize,
}

impl Passage {
    /// Notes that were not found, and estimated notes that are not right.
    pub fn errors(&self) -> usize {
        self.reference - self.found + self.estimated - self.right
    }

    /// `(found + right) / (reference + estimated)`: the F1 of the note scores, but that a pair across the edge of
    /// the passage counts on one side. 1 without a note.
    pub fn f1(&self) -> f64 {
        let whole = self.reference + self.estimated;
        if whole == 0 { 1.0 } else { (self.found + self.right) as f64 / whole as f64 }
    }
}

/// The passages of a piece with the most wrong notes (or the lowest F1), the worst first. No two of them
/// overlap; those without a wrong note are left out.
///
/// The worst window of all is taken, then the worst of those that do not overlap it, and so on.
///
/// ```
/// use mir_eval::analysis::{AnalysisConfig, PassageConfig, analyze, worst_passages};
/// use mir_eval::{Key, Note, Velocity};
/// let note = |i: u32| {
///     Note::new(f64::from(i), f64::from(i) + 0.5, Key::new(60)?.pitch(), Velocity::MEDIUM)
/// };
/// let reference = (0..40).map(note).collect::<Result<Vec<_>, _>>()?;
/// // Nothing was heard from the 20th to the 29th second.
/// let estimate: Vec<Note> =
///     reference.iter().filter(|n| !(20.0..29.0).contains(&n.onset())).copied().collect();
/// let analysis = analyze(&reference, &estimate, &AnalysisConfig::default())?;
/// let worst = worst_passages(&reference, &estimate, &analysis, &PassageConfig::default())?;
/// assert_eq!((worst[0].start, worst[0].end, worst[0].errors()), (19.5, 27.5, 8));
/// # Ok::<(), mir_eval::Error>(())
/// ```
///
/// # Errors
/// [`Error::Config`]; [`Error::Length`] if the analysis is of other lists.
pub fn worst_passages(
    reference: &[Note],
    estimate: &[Note],
    analysis: &Analysis,
    config: &PassageConfig,
) -> Result<Vec<Passage>> {
    config.validate()?;
    analysis.check(reference, estimate)?;
    let mut windows = windows(reference, estimate, analysis, config);
    windows.retain(|w| w.errors() > 0 && w.reference + w.estimated >= config.least_notes);
    windows.sort_by(|a, b| config.order.compare(a, b));
    let mut worst: Vec<Passage> = Vec::new();
    for window in windows {
        if worst.len() == config.count {
            break;
        }
        if worst.iter().all(|w| window.end <= w.start || w.end <= window.start) {
            worst.push(window);
        }
    }
    Ok(worst)
}

/// All windows in which a note begins: those between them say nothing, however long the silence is.
fn windows(
    reference: &[Note],
    estimate: &[Note],
    analysis: &Analysis,
    config: &PassageConfig,
) -> Vec<Passage> {
    let tally = |notes: &[Note], judgements: &[super::Judgement]| {
        let mut onsets: Vec<(f64, bool)> = (notes.iter().zip(judgements))
            .map(|(note, judgement)| (note.onset(), judgement.class.is_right()))
            .collect();
        onsets.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        Tally::new(&onsets)
    };
    let r = tally(reference, &analysis.reference);
    let e = tally(estimate, &analysis.estimate);
    let mut starts: Vec<u64> = Vec::new();
    for &onset in r.onsets.iter().chain(&e.onsets) {
        let last = (onset / config.step).floor();
        let first = ((onset - config.seconds) / config.step).floor().max(-1.0) + 1.0;
        starts.extend(first as u64..=last as u64);
    }
    starts.sort_unstable();
    starts.dedup();
    let window = |index: u64| {
        let start = index as f64 * config.step;
        let end = start + config.seconds;
        let ((reference, found), (estimated, right)) =
            (r.between(start, end), e.between(start, end));
        Passage { start, end, reference, found, estimated, right }
    };
    starts.into_iter().map(window).collect()
}

/// Onsets in order, and how many notes are right up to each.
struct Tally {
    onsets: Vec<f64>,
    right: Vec<usize>,
}

impl Tally {
    fn new(onsets: &[(f64, bool)]) -> Self {
        let mut right = vec![0];
        for (index, &(_, is_right)) in onsets.iter().enumerate() {
            right.push(right[index] + usize::from(is_right));
        }
        Self { onsets: onsets.iter().map(|&(onset, _)| onset).collect(), right }
    }

    /// Notes in `start <= onset < end`, and those of them that are right.
    fn between(&self, start: f64, end: f64) -> (usize, usize) {
        let from = self.onsets.partition_point(|&t| t < start);
        let to = self.onsets.partition_point(|&t| t < end);
        (to - from, self.right[to] - self.right[from])
    }
}
