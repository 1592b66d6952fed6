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

use std::ops::Range;

use mir_core::{Cents, Note};
use serde::{Deserialize, Serialize};

use crate::{
    Counts, Error, NamedScores, Result, Score, Side,
    error::check_tolerance,
    matching::{Graph, Pairs, match_ranges, sweep},
};

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
    /// [`Error::Config`] names the first field outside its range.
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

    fn onsets_match(&self, a: f64, b: f64) -> bool {
        self.within(rounded_distance(a, b), self.onset_tolerance)
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
/// [`Error::Config`] for a bad configuration, [`Error::EmptyNote`] for a note of no length.
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
/// [`Error::Config`]; [`Error::Length`] if intervals and frequencies differ in number;
/// [`Error::InvalidTime`], [`Error::EmptyNote`] and [`Error::InvalidFrequency`] for a bad note.
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

/// Validated notes in columns.
pub(crate) struct NoteTable {
    pub(crate) intervals: Vec<[f64; 2]>,
    /// Pitch on a logarithmic scale.
    pitch: Vec<f64>,
    /// What one unit of that scale is in cents: notes count in semitones and frequencies in octaves, so
    /// that neither is rounded before it is compared.
    cents_per_unit: f64,
}

impl NoteTable {
    pub(crate) fn from_notes(side: Side, notes: &[Note]) -> Result<Self> {
        let intervals: Vec<_> = notes.iter().map(|n| [n.onset(), n.offset()]).collect();
        check_intervals(side, &intervals)?;
        Ok(Self {
            intervals,
            pitch: notes.iter().map(|n| n.pitch().midi()).collect(),
            cents_per_unit: 100.0,
        })
    }

    pub(crate) fn from_hz(side: Side, intervals: &[[f64; 2]], hz: &[f64]) -> Result<Self> {
        check_length(side, "frequencies", intervals.len(), hz.len())?;
        let intervals = intervals.to_vec();
        check_intervals(side, &intervals)?;
        if let Some(index) = hz.iter().position(|hz| !(hz.is_finite() && *hz > 0.0)) {
            return Err(Error::InvalidFrequency {
                side,
                index,
                actual: hz[index],
                low: f64::MIN_POSITIVE,
                high: f64::MAX,
            });
        }
        Ok(Self {
            intervals,
            pitch: hz.iter().map(|hz| hz.log2()).collect(),
            cents_per_unit: 1200.0,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.intervals.len()
    }
}

pub(crate) fn check_length(
    side: Side,
    series: &'static str,
    expected: usize,
    actual: usize,
) -> Result<()> {
    if actual == expected {
        return Ok(());
    }
    Err(Error::Length { side, series, expected, actual })
}

fn check_intervals(side: Side, intervals: &[[f64; 2]]) -> Result<()> {
    for (index, &[onset, offset]) in intervals.iter().enumerate() {
        for actual in [onset, offset] {
            if !(actual.is_finite() && actual >= 0.0) {
                return Err(Error::InvalidTime { side, index, actual });
            }
        }
        if offset <= onset {
            return Err(Error::EmptyNote { side, index, onset, offset });
        }
    }
    Ok(())
}

fn evaluate_tables(
    reference: &NoteTable,
    estimate: &NoteTable,
    config: &TranscriptionConfig,
) -> Result<TranscriptionScores> {
    config.validate()?;
    let (with_offset, without) = match_both(reference, estimate, config);
    let score = |pairs: Vec<_>| note_scores(reference, estimate, &pairs, config.beta);
    let counts =
        |matched| Counts { matched, reference: reference.len(), estimated: estimate.len() };
    let onsets = count_onsets(reference, estimate, config);
    let offsets =
        config.offset_ratio.map(|ratio| count_offsets(reference, estimate, ratio, config));
    Ok(TranscriptionScores {
        note_with_offset: with_offset.map(score),
        note: score(without),
        onset: counts(onsets).score(config.beta),
        offset: offsets.map(|matched| counts(matched).score(config.beta)),
    })
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

/// Pairs that agree in onset, pitch and (unless `offset_ratio` is `None`) offset.
fn match_tables(
    reference: &NoteTable,
    estimate: &NoteTable,
    config: &TranscriptionConfig,
) -> Vec<(usize, usize)> {
    let (with_offset, without) = match_both(reference, estimate, config);
    with_offset.unwrap_or(without)
}

/// Pairs with offset (unless `offset_ratio` is `None`) and without, from one search for candidates.
pub(crate) fn match_both(
    reference: &NoteTable,
    estimate: &NoteTable,
    config: &TranscriptionConfig,
) -> (Option<Pairs>, Pairs) {
    let index = OnsetIndex::new(reference, config);
    let mut without = Graph::with_references(reference.len());
    let mut with_offset = Graph::with_references(reference.len());
    let mut candidates = Vec::new();
    for note in 0..estimate.len() {
        candidates.clear();
        index.for_each_candidate(estimate, note, |r| candidates.push(r));
        without.push_estimate(candidates.iter().copied());
        if let Some(ratio) = config.offset_ratio {
            let offset = estimate.intervals[note][1];
            with_offset.push_estimate(candidates.iter().copied().filter(|&r| {
                let [r_on, r_off] = reference.intervals[r];
                let tolerance = config.offset_tolerance(ratio, r_off - r_on);
                config.within(rounded_distance(r_off, offset), tolerance)
            }));
        }
    }
    let with_offset = config.offset_ratio.map(|_| with_offset.maximum_matching());
    (with_offset, without.maximum_matching())
}

/// Reference notes sorted by band of pitch, then onset: candidates of a note are short runs in its own
/// band and the two beside it.
struct OnsetIndex<'a> {
    reference: &'a NoteTable,
    config: &'a TranscriptionConfig,
    /// Width of a band, in units of the reference's pitch. Notes within the tolerance lie in the same
    /// band or in neighbouring ones.
    band_width: f64,
    /// Bands that have notes, ascending, with their range of `sorted`.
    bands: Vec<(i64, Range<usize>)>,
    /// (onset, index of the note) by band, then onset.
    sorted: Vec<(f64, usize)>,
}

impl<'a> OnsetIndex<'a> {
    fn new(reference: &'a NoteTable, config: &'a TranscriptionConfig) -> Self {
        // A little wider than the tolerance, against rounding; and never so narrow that the number of
        // a band overflows.
        let cents = config.pitch_tolerance.0.max(1.0) * 1.001;
        let band_width = cents / reference.cents_per_unit;
        let mut keyed: Vec<(i64, f64, usize)> = (0..reference.len())
            .map(|i| {
                let band = (reference.pitch[i] / band_width).floor() as i64;
                (band, reference.intervals[i][0], i)
            })
            .collect();
        keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        let mut bands: Vec<(i64, Range<usize>)> = Vec::new();
        for (position, &(band, ..)) in keyed.iter().enumerate() {
            match bands.last_mut() {
                Some((last, range)) if *last == band => range.end = position + 1,
                _ => bands.push((band, position..position + 1)),
            }
        }
        Self {
            reference,
            config,
            band_width,
            bands,
            sorted: keyed.into_iter().map(|(_, onset, i)| (onset, i)).collect(),
        }
    }

    /// Calls `found` with every reference note that agrees in onset and pitch.
    fn for_each_candidate(&self, estimate: &NoteTable, note: usize, mut found: impl FnMut(usize)) {
        let onset = estimate.intervals[note][0];
        let pitch = estimate.pitch[note];
        let band = (pitch / self.band_width).floor() as i64;
        // Rounding to four decimals can add half of 1e-4 s to the reach; the exact test follows.
        let reach = self.config.onset_tolerance + 1e-4;
        let first = self.bands.partition_point(|&(b, _)| b < band - 1);
        let near = self.bands[first..].iter().take_while(|&&(b, _)| b <= band + 1);
        for (_, range) in near {
            let run = &self.sorted[range.clone()];
            let start = run.partition_point(|&(r, _)| r < onset - reach);
            for &(r_onset, r) in run[start..].iter().take_while(|&&(r, _)| r <= onset + reach) {
                let cents = self.reference.cents_per_unit * (self.reference.pitch[r] - pitch);
                if self.config.within(cents.abs(), self.config.pitch_tolerance.0)
                    && self.config.onsets_match(r_onset, onset)
                {
                    found(r);
                }
            }
        }
    }
}

/// One column of the intervals, ascending.
fn sorted_times(table: &NoteTable, column: usize) -> Vec<f64> {
    let mut times: Vec<f64> = table.intervals.iter().map(|i| i[column]).collect();
    times.sort_unstable_by(f64::total_cmp);
    times
}

/// Size of the maximum matching of onsets alone.
fn count_onsets(
    reference: &NoteTable,
    estimate: &NoteTable,
    config: &TranscriptionConfig,
) -> usize {
    sweep(
        &sorted_times(reference, 0),
        &sorted_times(estimate, 0),
        |r, e| r < e && !config.onsets_match(r, e),
        |r, e| config.onsets_match(r, e),
    )
    .len()
}

/// Size of the maximum matching of offsets alone. Every reference has a tolerance of its own, so the
/// candidates are runs of different lengths in the sorted estimates.
fn count_offsets(
    reference: &NoteTable,
    estimate: &NoteTable,
    ratio: f64,
    config: &TranscriptionConfig,
) -> usize {
    let times = sorted_times(estimate, 1);
    let run = |&[onset, offset]: &[f64; 2]| {
        let tolerance = config.offset_tolerance(ratio, offset - onset);
        let close = |e: f64| config.within(rounded_distance(offset, e), tolerance);
        let start = times.partition_point(|&e| e < offset && !close(e));
        let end = times.partition_point(|&e| e < offset || close(e));
        start..end.max(start)
    };
    match_ranges(reference.intervals.iter().map(run).collect())
}
