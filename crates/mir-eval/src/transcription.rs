//! Note transcription: which estimated notes are right, and how many of the true notes were found?
//!
//! # Criteria
//! An estimated note may be matched with a reference note if
//! - the onsets differ by at most `onset_tolerance` (0.05 s),
//! - the pitches differ by at most `pitch_tolerance` (50 cents), and
//! - for the scores *with offset*, the offsets differ by at most
//!   `max(offset_ratio · duration of the reference, offset_min_tolerance)` (0.2 and 0.05 s).
//!
//! Time differences are rounded to four decimals before they are compared, so that 50 ms are 50 ms
//! whatever their binary form: 0.05004 s passes, 0.0501 s does not. With `strict`, "less than"
//! replaces "at most". Each note is used at most once, and the number of pairs is maximal
//! ([`matching`](crate::matching)).
//!
//! - precision = pairs / estimated notes, recall = pairs / reference notes, F-measure from both;
//! - overlap = mean over the pairs of the length of the intersection over the length of the union span,
//!   0 without a pair.
//!
//! Two more scores ignore pitch: *onset* and *offset* match these times alone.
//!
//! # Empty lists
//! | reference | estimate | all scores |
//! |---|---|---|
//! | empty | any | 0 |
//! | any | empty | 0 |
//!
//! Two empty lists give 0 too, as in `mir_eval`; [`Counts`] tells the cases apart.
//!
//! # Differences from mir_eval
//! Values agree (`mir_eval.transcription` 0.8.2), the overlap included, because the same maximum
//! matching is found. Times that are not finite are refused, and memory grows with the pairs of notes
//! that are close to each other, not with the product of the two lists.
//!
//! Source: J. Salamon, "Melody extraction from polyphonic music signals", PhD thesis, Universitat
//! Pompeu Fabra 2013, p. 186; MIREX Multiple F0 Estimation, task 2.
//!
//! ```
//! use mir_eval::transcription::{TranscriptionConfig, evaluate};
//! use mir_eval::{Key, Note, Velocity};
//!
//! let note = |onset, offset| Note::new(onset, offset, Key::new(60)?.pitch(), Velocity::MEDIUM);
//! let reference = [note(0.0, 1.0)?, note(1.0, 2.0)?];
//! let estimate = [note(0.01, 0.5)?, note(1.02, 1.9)?];
//! let scores = evaluate(&reference, &estimate, &TranscriptionConfig::default())?;
//! assert_eq!(scores.note.f1, 1.0);
//! assert_eq!(scores.note_with_offset.unwrap().recall, 0.5);
//! # Ok::<(), mir_eval::Error>(())
//! ```

mod search;

use mir_core::{Cents, Note};
use serde::{Deserialize, Serialize};

use crate::{
    Counts, NamedScores, Result, Score, Side,
    error::check_tolerance,
    score::{Value, values_by_counts},
};

pub(crate) use search::{Candidates, NoteTable};

/// Tolerances of the note metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TranscriptionConfig {
    /// Largest difference of onsets in seconds, at least 0.
    pub onset_tolerance: f64,
    /// Largest difference of pitch, at least 0.
    pub pitch_tolerance: Cents,
    /// Largest difference of offsets as a fraction of the reference's duration, at least 0; `None`
    /// leaves out the scores with offset.
    pub offset_ratio: Option<f64>,
    /// The offset tolerance is not below this many seconds, at least 0.
    pub offset_min_tolerance: f64,
    /// Whether a difference has to lie *below* its tolerance.
    pub strict: bool,
    /// Weight of recall against precision in the F-measure, at least 0.
    pub beta: f64,
}

impl Default for TranscriptionConfig {
    fn default() -> Self {
        Self {
            onset_tolerance: 0.05,
            pitch_tolerance: Cents(50.0),
            offset_ratio: Some(0.2),
            offset_min_tolerance: 0.05,
            strict: false,
            beta: 1.0,
        }
    }
}

impl TranscriptionConfig {
    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) names the first field outside its range.
    pub fn validate(&self) -> Result<()> {
        check_tolerance("onset_tolerance", self.onset_tolerance)?;
        check_tolerance("pitch_tolerance", self.pitch_tolerance.0)?;
        check_tolerance("offset_ratio", self.offset_ratio.unwrap_or(0.0))?;
        check_tolerance("offset_min_tolerance", self.offset_min_tolerance)?;
        check_tolerance("beta", self.beta)
    }

    /// Whether a difference lies within a tolerance.
    fn within(&self, difference: f64, tolerance: f64) -> bool {
        if self.strict { difference < tolerance } else { difference <= tolerance }
    }

    pub(crate) fn onsets_match(&self, a: f64, b: f64) -> bool {
        self.within(rounded_distance(a, b), self.onset_tolerance)
    }

    /// Whether two pitches in semitones lie within the tolerance.
    pub(crate) fn pitches_match(&self, a: f64, b: f64) -> bool {
        self.within(100.0 * (a - b).abs(), self.pitch_tolerance.0)
    }

    /// Largest difference of offsets for a reference note of this duration.
    fn offset_tolerance(&self, ratio: f64, duration: f64) -> f64 {
        (ratio * duration).max(self.offset_min_tolerance)
    }
}

/// `|a − b|` in seconds, rounded to four decimals.
fn rounded_distance(a: f64, b: f64) -> f64 {
    ((a - b).abs() * 1e4).round_ties_even() / 1e4
}

/// Scores of matched notes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteScores {
    /// Fraction of the estimated notes that are right.
    pub precision: f64,
    /// Fraction of the reference notes that were found.
    pub recall: f64,
    /// F-measure under the configured β; F1 unless the configuration says otherwise.
    pub f1: f64,
    /// Mean overlap ratio of the matched notes, in [0, 1].
    pub overlap: f64,
    /// The counts behind the scores.
    pub counts: Counts,
}

/// All scores of one transcription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TranscriptionScores {
    /// Onset, pitch and offset agree. `None` if `offset_ratio` is `None`.
    pub note_with_offset: Option<NoteScores>,
    /// Onset and pitch agree: "note F1" of the literature.
    pub note: NoteScores,
    /// Onsets agree, whatever the pitch.
    pub onset: Score,
    /// Offsets agree, whatever the pitch. `None` if `offset_ratio` is `None`.
    pub offset: Option<Score>,
}

impl NamedScores for TranscriptionScores {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        let mut entries = note_entries(self.note_with_offset.as_ref(), &self.note);
        entries.extend([
            ("Onset_Precision", self.onset.precision),
            ("Onset_Recall", self.onset.recall),
            ("Onset_F-measure", self.onset.f1),
        ]);
        if let Some(offset) = &self.offset {
            entries.extend([
                ("Offset_Precision", offset.precision),
                ("Offset_Recall", offset.recall),
                ("Offset_F-measure", offset.f1),
            ]);
        }
        entries
    }

    fn values(&self) -> Vec<(&'static str, Value)> {
        let with_offset = self.note_with_offset.map_or(self.note.counts, |scores| scores.counts);
        values_by_counts(self.entries(), |name| match name {
            _ if name.starts_with("Onset") => self.onset.counts,
            _ if name.starts_with("Offset") => self.offset.map_or(Counts::default(), |s| s.counts),
            _ if name.ends_with("_no_offset") => self.note.counts,
            _ => with_offset,
        })
    }
}

/// The entries that the metrics with and without velocity share.
pub(crate) fn note_entries(
    with_offset: Option<&NoteScores>,
    note: &NoteScores,
) -> Vec<(&'static str, f64)> {
    let mut entries = Vec::with_capacity(14);
    if let Some(scores) = with_offset {
        entries.extend([
            ("Precision", scores.precision),
            ("Recall", scores.recall),
            ("F-measure", scores.f1),
            ("Average_Overlap_Ratio", scores.overlap),
        ]);
    }
    entries.extend([
        ("Precision_no_offset", note.precision),
        ("Recall_no_offset", note.recall),
        ("F-measure_no_offset", note.f1),
        ("Average_Overlap_Ratio_no_offset", note.overlap),
    ]);
    entries
}

/// All scores of an estimate. The lists may be in any order.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for a bad configuration, [`Error::EmptyNote`](crate::Error::EmptyNote) for a note of no length.
pub fn evaluate(
    reference: &[Note],
    estimate: &[Note],
    config: &TranscriptionConfig,
) -> Result<TranscriptionScores> {
    let reference = NoteTable::from_notes(Side::Reference, reference)?;
    let estimate = NoteTable::from_notes(Side::Estimate, estimate)?;
    evaluate_tables(&reference, &estimate, config)
}

/// [`evaluate`] on plain slices: intervals `[onset, offset]` in seconds and one frequency in hertz for
/// each.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config); [`Error::Length`](crate::Error::Length) if intervals and frequencies differ in number;
/// [`Error::InvalidTime`](crate::Error::InvalidTime), [`Error::EmptyNote`](crate::Error::EmptyNote) and [`Error::InvalidFrequency`](crate::Error::InvalidFrequency) for a bad note.
pub fn evaluate_hz(
    reference_intervals: &[[f64; 2]],
    reference_hz: &[f64],
    estimate_intervals: &[[f64; 2]],
    estimate_hz: &[f64],
    config: &TranscriptionConfig,
) -> Result<TranscriptionScores> {
    let reference = NoteTable::from_hz(Side::Reference, reference_intervals, reference_hz)?;
    let estimate = NoteTable::from_hz(Side::Estimate, estimate_intervals, estimate_hz)?;
    evaluate_tables(&reference, &estimate, config)
}

/// Which note belongs to which, as pairs of indices (reference, estimate) by reference: onset, pitch
/// and, unless `offset_ratio` is `None`, offset agree.
///
/// # Errors
/// As [`evaluate`].
pub fn match_notes(
    reference: &[Note],
    estimate: &[Note],
    config: &TranscriptionConfig,
) -> Result<Vec<(usize, usize)>> {
    config.validate()?;
    let reference = NoteTable::from_notes(Side::Reference, reference)?;
    let estimate = NoteTable::from_notes(Side::Estimate, estimate)?;
    Ok(match_tables(&reference, &estimate, config))
}

/// [`match_notes`] on plain slices.
///
/// # Errors
/// As [`evaluate_hz`].
pub fn match_notes_hz(
    reference_intervals: &[[f64; 2]],
    reference_hz: &[f64],
    estimate_intervals: &[[f64; 2]],
    estimate_hz: &[f64],
    config: &TranscriptionConfig,
) -> Result<Vec<(usize, usize)>> {
    config.validate()?;
    let reference = NoteTable::from_hz(Side::Reference, reference_intervals, reference_hz)?;
    let estimate = NoteTable::from_hz(Side::Estimate, estimate_intervals, estimate_hz)?;
    Ok(match_tables(&reference, &estimate, config))
}

/// Pairs of notes (reference, estimate), by reference, whose onsets agree, whatever their pitch.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config); [`Error::InvalidTime`](crate::Error::InvalidTime) and [`Error::EmptyNote`](crate::Error::EmptyNote) for a bad note.
pub fn match_note_onsets(
    reference_intervals: &[[f64; 2]],
    estimate_intervals: &[[f64; 2]],
    config: &TranscriptionConfig,
) -> Result<Vec<(usize, usize)>> {
    config.validate()?;
    search::check_intervals(Side::Reference, reference_intervals)?;
    search::check_intervals(Side::Estimate, estimate_intervals)?;
    Ok(search::match_onsets(reference_intervals, estimate_intervals, config))
}

/// Pairs of notes (reference, estimate), by reference, whose offsets agree, whatever their pitch. None if
/// `offset_ratio` is `None`.
///
/// # Errors
/// As [`match_note_onsets`].
pub fn match_note_offsets(
    reference_intervals: &[[f64; 2]],
    estimate_intervals: &[[f64; 2]],
    config: &TranscriptionConfig,
) -> Result<Vec<(usize, usize)>> {
    config.validate()?;
    search::check_intervals(Side::Reference, reference_intervals)?;
    search::check_intervals(Side::Estimate, estimate_intervals)?;
    Ok(config.offset_ratio.map_or_else(Vec::new, |ratio| {
        search::match_offsets(reference_intervals, estimate_intervals, ratio, config)
    }))
}

/// Mean over matched pairs (reference, estimate) of intersection over union span, 0 without a pair.
/// A pair that does not meet counts negative, as in `mir_eval`: its gap over its span.
///
/// # Panics
/// If a pair names an interval that is not there.
pub fn average_overlap_ratio(
    reference_intervals: &[[f64; 2]],
    estimate_intervals: &[[f64; 2]],
    pairs: &[(usize, usize)],
) -> f64 {
    if pairs.is_empty() {
        return 0.0;
    }
    let ratio = |&(r, e): &(usize, usize)| {
        let ([r_on, r_off], [e_on, e_off]) = (reference_intervals[r], estimate_intervals[e]);
        (r_off.min(e_off) - r_on.max(e_on)) / (r_off.max(e_off) - r_on.min(e_on))
    };
    pairs.iter().map(ratio).sum::<f64>() / pairs.len() as f64
}

/// All scores under each of several onset tolerances, from one search for pairs of notes that are close
/// to each other: as [`evaluate`] with that tolerance in place of the configured one, in the order given.
///
/// How fast the scores fall as the tolerance narrows tells how precise the onsets are. Offsets have the
/// tolerances of the configuration throughout.
///
/// # Errors
/// As [`evaluate`]; [`Error::Config`](crate::Error::Config) also for a tolerance that is negative or not finite.
///
/// ```
/// use mir_eval::transcription::{TranscriptionConfig, evaluate_at};
/// use mir_eval::{Key, Note, Velocity};
///
/// let note = |onset| Note::new(onset, onset + 1.0, Key::new(60)?.pitch(), Velocity::MEDIUM);
/// let (reference, estimate) = ([note(0.0)?, note(2.0)?], [note(0.02)?, note(2.04)?]);
/// let scores =
///     evaluate_at(&reference, &estimate, &[0.01, 0.03, 0.05], &TranscriptionConfig::default())?;
/// assert_eq!(scores.iter().map(|s| s.note.f1).collect::<Vec<_>>(), [0.0, 0.5, 1.0]);
/// # Ok::<(), mir_eval::Error>(())
/// ```
pub fn evaluate_at(
    reference: &[Note],
    estimate: &[Note],
    onset_tolerances: &[f64],
    config: &TranscriptionConfig,
) -> Result<Vec<TranscriptionScores>> {
    config.validate()?;
    onset_tolerances.iter().try_for_each(|&t| check_tolerance("onset_tolerances", t))?;
    let reference = NoteTable::from_notes(Side::Reference, reference)?;
    let estimate = NoteTable::from_notes(Side::Estimate, estimate)?;
    let widest = onset_tolerances.iter().copied().fold(0.0, f64::max);
    let at = |onset_tolerance| TranscriptionConfig { onset_tolerance, ..config.clone() };
    let candidates = Candidates::new(&reference, &estimate, &at(widest));
    let score = |&tolerance: &f64| scores_of(&reference, &estimate, &candidates, &at(tolerance));
    Ok(onset_tolerances.iter().map(score).collect())
}

fn evaluate_tables(
    reference: &NoteTable,
    estimate: &NoteTable,
    config: &TranscriptionConfig,
) -> Result<TranscriptionScores> {
    config.validate()?;
    let candidates = Candidates::new(reference, estimate, config);
    Ok(scores_of(reference, estimate, &candidates, config))
}

/// All scores, given candidates for an onset tolerance at least as wide as the configured one.
fn scores_of(
    reference: &NoteTable,
    estimate: &NoteTable,
    candidates: &Candidates,
    config: &TranscriptionConfig,
) -> TranscriptionScores {
    let (with_offset, without) = candidates.matchings(config);
    let score = |pairs: Vec<_>| note_scores(reference, estimate, &pairs, config.beta);
    let counts =
        |matched| Counts { matched, reference: reference.len(), estimated: estimate.len() };
    let onsets = search::count_onsets(reference, estimate, config);
    let offset = |ratio| {
        let matched = search::count_offsets(reference, estimate, ratio, config);
        counts(matched).score(config.beta)
    };
    TranscriptionScores {
        note_with_offset: with_offset.map(score),
        note: score(without),
        onset: counts(onsets).score(config.beta),
        offset: config.offset_ratio.map(offset),
    }
}

/// Scores of a list of matched pairs.
pub(crate) fn note_scores(
    reference: &NoteTable,
    estimate: &NoteTable,
    pairs: &[(usize, usize)],
    beta: f64,
) -> NoteScores {
    let counts =
        Counts { matched: pairs.len(), reference: reference.len(), estimated: estimate.len() };
    let Score { precision, recall, f1, counts } = counts.score(beta);
    NoteScores {
        precision,
        recall,
        f1,
        overlap: average_overlap_ratio(&reference.intervals, &estimate.intervals, pairs),
        counts,
    }
}

/// A pair of notes that agree in onset and pitch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotePair {
    pub(crate) reference: usize,
    pub(crate) estimate: usize,
    /// Whether the offsets of these two agree; true if `offset_ratio` is `None`.
    pub(crate) offset: bool,
}

/// The pairs behind the scores without offset, by reference, with a judgement of their offsets. The scores
/// *with* offset have a matching of their own, which may pair notes of one key in another way.
pub(crate) fn judged_pairs(
    reference: &[Note],
    estimate: &[Note],
    config: &TranscriptionConfig,
) -> Result<Vec<NotePair>> {
    let without = TranscriptionConfig { offset_ratio: None, ..config.clone() };
    let pair = |(r, e): (usize, usize)| {
        let offset = config.offset_ratio.is_none_or(|ratio| {
            let tolerance = config.offset_tolerance(ratio, reference[r].duration());
            config.within(rounded_distance(reference[r].offset(), estimate[e].offset()), tolerance)
        });
        NotePair { reference: r, estimate: e, offset }
    };
    Ok(match_notes(reference, estimate, &without)?.into_iter().map(pair).collect())
}

/// Pairs that agree in onset, pitch and (unless `offset_ratio` is `None`) offset.
fn match_tables(
    reference: &NoteTable,
    estimate: &NoteTable,
    config: &TranscriptionConfig,
) -> Vec<(usize, usize)> {
    let (with_offset, without) = Candidates::new(reference, estimate, config).matchings(config);
    with_offset.unwrap_or(without)
}
