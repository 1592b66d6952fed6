//! Which thresholds? Searched on validation recordings, then frozen.

use mir_core::Note;
use mir_eval::transcription::{self, TranscriptionConfig};
use serde::{Deserialize, Serialize};

use crate::{
    Result,
    activations::TranscriptionActivations,
    decode::{EndModel, NoteDecoderConfig, decode},
};

/// The values that are tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchConfig {
    /// Onset thresholds, each in [0, 1].
    pub onset: Vec<f64>,
    /// Frame thresholds, each in [0, 1].
    pub frame: Vec<f64>,
}

impl Default for SearchConfig {
    fn default() -> Self {
        let onset = (2..=14).map(|i| f64::from(i) * 0.05).collect();
        let frame = (2..=12).map(|i| f64::from(i) * 0.05).collect();
        Self { onset, frame }
    }
}

/// The best thresholds and what they reach on the validation recordings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    /// The decoder with the thresholds put in.
    pub decoder: NoteDecoderConfig,
    /// Mean note F1 over the recordings, onsets and pitch only.
    pub note_f1: f64,
    /// Mean note F1 over the recordings, offsets included.
    pub note_with_offset_f1: f64,
}

/// Searches the onset threshold for the best mean note F1, then, with that one fixed, the frame threshold
/// for the best mean of note F1 with offsets. Ties keep the lower threshold. At last the ends of notes are
/// [learned](EndModel), and kept if that mean is better with them.
///
/// Onsets do not depend on the frame threshold, so the two searches do not have to be nested.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for a threshold outside [0, 1] or an empty list of recordings;
/// [`Error::Eval`](crate::Error::Eval) if the reference notes cannot be scored.
pub fn tune(
    recordings: &[(&TranscriptionActivations, &[Note])],
    base: &NoteDecoderConfig,
    search: &SearchConfig,
) -> Result<Tuned> {
    if recordings.is_empty() {
        return Err(crate::Error::config("validation recordings", "at least 1", 0));
    }
    let config = TranscriptionConfig::default();
    let score = |decoder: &NoteDecoderConfig| -> Result<(f64, f64)> {
        let mut sum = (0.0, 0.0);
        for (activations, reference) in recordings {
            let estimate = decode(activations, decoder)?;
            let scores = transcription::evaluate(reference, &estimate, &config)?;
            sum.0 += scores.note.f1;
            sum.1 += scores.note_with_offset.map_or(0.0, |scores| scores.f1);
        }
        let n = recordings.len() as f64;
        Ok((sum.0 / n, sum.1 / n))
    };
    let base = &NoteDecoderConfig { ends: None, ..base.clone() };
    let mut best = Tuned { decoder: base.clone(), note_f1: -1.0, note_with_offset_f1: -1.0 };
    for &onset_threshold in &search.onset {
        let decoder = NoteDecoderConfig { onset_threshold, ..base.clone() };
        let (note_f1, note_with_offset_f1) = score(&decoder)?;
        if note_f1 > best.note_f1 {
            best = Tuned { decoder, note_f1, note_with_offset_f1 };
        }
    }
    for &frame_threshold in &search.frame {
        let decoder = NoteDecoderConfig { frame_threshold, ..best.decoder.clone() };
        let (note_f1, note_with_offset_f1) = score(&decoder)?;
        if note_with_offset_f1 > best.note_with_offset_f1 {
            best = Tuned { decoder, note_f1, note_with_offset_f1 };
        }
    }
    if let Some(ends) = EndModel::fit(recordings, &best.decoder)? {
        let decoder = NoteDecoderConfig { ends: Some(ends), ..best.decoder.clone() };
        let (note_f1, note_with_offset_f1) = score(&decoder)?;
        if note_with_offset_f1 > best.note_with_offset_f1 {
            best = Tuned { decoder, note_f1, note_with_offset_f1 };
        }
    }
    Ok(best)
}
