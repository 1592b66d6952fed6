//! Note transcription with velocity: was the note right *and* struck about as hard as it should be?
//!
//! # Criterion
//! Notes are matched by onset, pitch and offset as in [`transcription`](crate::transcription). Then
//! 1. reference velocities are scaled to `(v − min) / max(1, max − min)` over all reference notes;
//! 2. a straight line is fitted by least squares from the matched estimated velocities to the scaled
//!    reference velocities, because loudness and gain of a recording are nobody's fault;
//! 3. a pair stays if `|line(estimate) − scaled reference| < velocity_tolerance` (0.1), with "less than".
//!
//! Precision, recall, F-measure and overlap follow from the pairs that stay. Empty lists give 0.
//!
//! Source: Hawthorne et al., "Onsets and Frames: dual-objective piano transcription", ISMIR 2018;
//! values agree with `mir_eval.transcription_velocity` 0.8.2.

use mir_core::Note;
use serde::{Deserialize, Serialize};

use crate::{
    Error, NamedScores, Result, Side,
    error::{check_length, check_tolerance},
    score::{Value, values_by_counts},
    transcription::{
        Candidates, NoteScores, NoteTable, TranscriptionConfig, match_notes, note_entries,
        note_scores,
    },
};

/// What the velocity tolerance is a fraction of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VelocityScale {
    /// The range of velocities in the piece, at least 1: the published metric.
    #[default]
    Piece,
    /// The full MIDI range, 128. What `mir_eval` computes for velocities that were divided by 128
    /// before, as jongwook/onsets-and-frames does; more generous wherever a piece does not use the whole
    /// range.
    FullRange,
}

/// Tolerances of the note metrics with velocity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TranscriptionVelocityConfig {
    /// How notes are matched.
    pub notes: TranscriptionConfig,
    /// Admissible error of the fitted velocity as a fraction of the scale, at least 0.
    pub velocity_tolerance: f64,
    /// The scale.
    pub velocity_scale: VelocityScale,
}

impl Default for TranscriptionVelocityConfig {
    fn default() -> Self {
        Self {
            notes: TranscriptionConfig::default(),
            velocity_tolerance: 0.1,
            velocity_scale: VelocityScale::Piece,
        }
    }
}

impl TranscriptionVelocityConfig {
    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// [`Error::Config`] names the first field outside its range.
    pub fn validate(&self) -> Result<()> {
        self.notes.validate()?;
        check_tolerance("velocity_tolerance", self.velocity_tolerance)
    }
}

/// All scores of one transcription with velocities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TranscriptionVelocityScores {
    /// Onset, pitch, offset and velocity agree. `None` if `offset_ratio` is `None`.
    pub note_with_offset: Option<NoteScores>,
    /// Onset, pitch and velocity agree.
    pub note: NoteScores,
}

impl NamedScores for TranscriptionVelocityScores {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        note_entries(self.note_with_offset.as_ref(), &self.note)
    }

    fn values(&self) -> Vec<(&'static str, Value)> {
        let with_offset = self.note_with_offset.map_or(self.note.counts, |scores| scores.counts);
        values_by_counts(self.entries(), |name| {
            if name.ends_with("_no_offset") { self.note.counts } else { with_offset }
        })
    }
}

/// All scores of an estimate. The lists may be in any order.
///
/// # Errors
/// [`Error::Config`] for a bad configuration, [`Error::EmptyNote`] for a note of no length.
pub fn evaluate(
    reference: &[Note],
    estimate: &[Note],
    config: &TranscriptionVelocityConfig,
) -> Result<TranscriptionVelocityScores> {
    let velocities = |notes: &[Note]| -> Vec<f64> {
        notes.iter().map(|n| f64::from(n.velocity().value())).collect()
    };
    evaluate_tables(
        &NoteTable::from_notes(Side::Reference, reference)?,
        &velocities(reference),
        &NoteTable::from_notes(Side::Estimate, estimate)?,
        &velocities(estimate),
        config,
    )
}

/// Plain notes with velocities: one entry for each note in all three.
#[derive(Clone, Copy, Debug)]
pub struct VelocityNotes<'a> {
    /// Onset and offset in seconds.
    pub intervals: &'a [[f64; 2]],
    /// Frequencies in hertz.
    pub hz: &'a [f64],
    /// Velocities, at least 0.
    pub velocities: &'a [f64],
}

impl VelocityNotes<'_> {
    fn table(&self, side: Side) -> Result<NoteTable> {
        let table = NoteTable::from_hz(side, self.intervals, self.hz)?;
        check_length(side, "velocities", self.intervals.len(), self.velocities.len())?;
        let bad = |v: &f64| !(v.is_finite() && *v >= 0.0);
        match self.velocities.iter().position(bad) {
            None => Ok(table),
            Some(index) => {
                Err(Error::InvalidVelocity { side, index, actual: self.velocities[index] })
            }
        }
    }
}

/// [`evaluate`] on plain slices.
///
/// # Errors
/// [`Error::Config`]; [`Error::Length`] if a list has another number of entries; and
/// [`Error::InvalidTime`], [`Error::EmptyNote`], [`Error::InvalidFrequency`],
/// [`Error::InvalidVelocity`] for a bad note.
pub fn evaluate_hz(
    reference: VelocityNotes<'_>,
    estimate: VelocityNotes<'_>,
    config: &TranscriptionVelocityConfig,
) -> Result<TranscriptionVelocityScores> {
    evaluate_tables(
        &reference.table(Side::Reference)?,
        reference.velocities,
        &estimate.table(Side::Estimate)?,
        estimate.velocities,
        config,
    )
}

/// Which note belongs to which, as pairs of indices (reference, estimate) by reference: onset, pitch,
/// velocity and, unless `offset_ratio` is `None`, offset agree.
///
/// # Errors
/// As [`evaluate_hz`].
pub fn match_notes_hz(
    reference: VelocityNotes<'_>,
    estimate: VelocityNotes<'_>,
    config: &TranscriptionVelocityConfig,
) -> Result<Vec<(usize, usize)>> {
    config.validate()?;
    let (r, e) = (reference.table(Side::Reference)?, estimate.table(Side::Estimate)?);
    let (with_offset, without) = Candidates::new(&r, &e, &config.notes).matchings(&config.notes);
    let scaled = scale_velocities(reference.velocities, config.velocity_scale);
    let pairs = with_offset.unwrap_or(without);
    Ok(keep_close(&pairs, &scaled, estimate.velocities, config.velocity_tolerance))
}

/// How far the velocities of matched notes are off, without any fit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VelocityError {
    /// Mean absolute difference, MIDI units.
    pub mean_absolute: f64,
    /// Mean of estimate − reference, MIDI units: above 0 if the estimate is too loud.
    pub bias: f64,
    /// Notes that were matched.
    pub matched: usize,
}

/// Errors of velocity over the notes that agree in onset and pitch (offsets are ignored); `None` without
/// such a note. The other scores of this module do not change with the gain of a recording; these do.
///
/// # Errors
/// As [`evaluate`].
pub fn velocity_error(
    reference: &[Note],
    estimate: &[Note],
    config: &TranscriptionConfig,
) -> Result<Option<VelocityError>> {
    let config = TranscriptionConfig { offset_ratio: None, ..config.clone() };
    let pairs = match_notes(reference, estimate, &config)?;
    let velocity = |note: &Note| f64::from(note.velocity().value());
    let differences =
        || pairs.iter().map(|&(r, e)| velocity(&estimate[e]) - velocity(&reference[r]));
    let n = pairs.len() as f64;
    Ok((!pairs.is_empty()).then(|| VelocityError {
        mean_absolute: differences().map(f64::abs).sum::<f64>() / n,
        bias: differences().sum::<f64>() / n,
        matched: pairs.len(),
    }))
}

fn evaluate_tables(
    reference: &NoteTable,
    reference_velocities: &[f64],
    estimate: &NoteTable,
    estimate_velocities: &[f64],
    config: &TranscriptionVelocityConfig,
) -> Result<TranscriptionVelocityScores> {
    config.validate()?;
    let candidates = Candidates::new(reference, estimate, &config.notes);
    let (with_offset, without) = candidates.matchings(&config.notes);
    let scaled = scale_velocities(reference_velocities, config.velocity_scale);
    let score = |pairs: Vec<(usize, usize)>| {
        let kept = keep_close(&pairs, &scaled, estimate_velocities, config.velocity_tolerance);
        note_scores(reference, estimate, &kept, config.notes.beta)
    };
    Ok(TranscriptionVelocityScores {
        note_with_offset: with_offset.map(score),
        note: score(without),
    })
}

/// Velocities above the softest, as a fraction of the scale.
fn scale_velocities(velocities: &[f64], scale: VelocityScale) -> Vec<f64> {
    let low = velocities.iter().copied().fold(f64::INFINITY, f64::min);
    let high = velocities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = match scale {
        VelocityScale::Piece => (high - low).max(1.0),
        VelocityScale::FullRange => 128.0,
    };
    velocities.iter().map(|v| (v - low) / range).collect()
}

/// The pairs whose velocities lie within the tolerance of the least-squares line through all pairs.
fn keep_close(
    pairs: &[(usize, usize)],
    reference: &[f64],
    estimate: &[f64],
    tolerance: f64,
) -> Vec<(usize, usize)> {
    let n = pairs.len() as f64;
    let mean_x = pairs.iter().map(|&(_, e)| estimate[e]).sum::<f64>() / n;
    let mean_y = pairs.iter().map(|&(r, _)| reference[r]).sum::<f64>() / n;
    let (mut sxx, mut sxy) = (0.0, 0.0);
    for &(r, e) in pairs {
        sxx += (estimate[e] - mean_x).powi(2);
        sxy += (estimate[e] - mean_x) * (reference[r] - mean_y);
    }
    // Equal estimated velocities leave the slope open; every choice passes through the mean.
    let slope = if sxx > 0.0 { sxy / sxx } else { 0.0 };
    let close = |&&(r, e): &&(usize, usize)| {
        (mean_y + slope * (estimate[e] - mean_x) - reference[r]).abs() < tolerance
    };
    pairs.iter().filter(close).copied().collect()
}
