//! Which thresholds? Searched on validation recordings, then frozen.

use mir_core::{Note, PianoRoll, RollRule};
use mir_eval::{
    frame::{self, FrameConfig, FrameScores},
    transcription::{self, TranscriptionConfig},
};
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
    /// Frame thresholds, each in [0, 1]: of the ends of notes, and of rolls.
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
    /// Where the frame probabilities alone make the best [roll](roll_scores).
    pub roll_threshold: f64,
    /// Mean F1 of these rolls over the recordings.
    pub roll_f1: f64,
}

/// Searches the onset threshold for the best mean note F1, then, with that one fixed, the frame threshold
/// for the best mean of note F1 with offsets. Ties keep the lower threshold. At last the ends of notes are
/// [learned](EndModel), and kept if that mean is better with them.
///
/// The threshold of rolls is searched by itself, for the best mean F1 of their cells.
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
    let (roll_threshold, roll_f1) = best_roll(recordings, search)?;
    let mut best = Tuned {
        decoder: base.clone(),
        note_f1: -1.0,
        note_with_offset_f1: -1.0,
        roll_threshold,
        roll_f1,
    };
    for &onset_threshold in &search.onset {
        let decoder = NoteDecoderConfig { onset_threshold, ..base.clone() };
        let (note_f1, note_with_offset_f1) = score(&decoder)?;
        if note_f1 > best.note_f1 {
            best = Tuned { decoder, note_f1, note_with_offset_f1, ..best };
        }
    }
    for &frame_threshold in &search.frame {
        let decoder = NoteDecoderConfig { frame_threshold, ..best.decoder.clone() };
        let (note_f1, note_with_offset_f1) = score(&decoder)?;
        if note_with_offset_f1 > best.note_with_offset_f1 {
            best = Tuned { decoder, note_f1, note_with_offset_f1, ..best };
        }
    }
    if let Some(ends) = EndModel::fit(recordings, &best.decoder)? {
        let decoder = NoteDecoderConfig { ends: Some(ends), ..best.decoder.clone() };
        let (note_f1, note_with_offset_f1) = score(&decoder)?;
        if note_with_offset_f1 > best.note_with_offset_f1 {
            best = Tuned { decoder, note_f1, note_with_offset_f1, ..best };
        }
    }
    Ok(best)
}
/// The cells of frames and keys whose frame probability is at least `threshold`, against those in which the
/// reference notes sound, from their frame to their end, both rounded.
///
/// This is what systems report that score their frame head (Kong et al. 2020, hFT-Transformer), where others score
/// the roll of the decoded notes ([`frame::evaluate_notes`]).
///
/// # Errors
/// [`Error::Eval`](crate::Error::Eval) if a probability is not finite.
pub fn roll_scores(
    activations: &TranscriptionActivations,
    reference: &[Note],
    threshold: f64,
) -> Result<FrameScores> {
    let TranscriptionActivations { grid, keys, .. } = *activations;
    let rule = RollRule::Round;
    let labels = PianoRoll::from_notes(reference, grid, keys, activations.frames(), rule).frame;
    let config = FrameConfig { threshold, ..FrameConfig::hw3() };
    Ok(frame::evaluate(&labels, &activations.frame, &config)?)
}

/// The threshold of the best mean F1 by cells, and that mean; the lower of equals.
fn best_roll(
    recordings: &[(&TranscriptionActivations, &[Note])],
    search: &SearchConfig,
) -> Result<(f64, f64)> {
    let mut best = (0.5, -1.0);
    for &threshold in &search.frame {
        let mut sum = 0.0;
        for (activations, reference) in recordings {
            sum += roll_scores(activations, reference, threshold)?.f1;
        }
        let mean = sum / recordings.len() as f64;
        if mean > best.1 {
            best = (threshold, mean);
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use mir_core::{FrameGrid, Key, KeyRange, SampleRate, Velocity};
    use ndarray::Array2;

    use super::*;

    /// One key that sounds from frame 2 to 6 and rings on for two frames more, faintly; and a whisper of another.
    fn recording() -> (TranscriptionActivations, Vec<Note>) {
        let mut frame = Array2::zeros((12, 88));
        for (t, p) in [(2, 0.9), (3, 0.8), (4, 0.7), (5, 0.45), (6, 0.3), (7, 0.3)] {
            frame[[t, 39]] = p;
        }
        frame[[9, 50]] = 0.2;
        let mut onset = Array2::zeros((12, 88));
        onset[[2, 39]] = 0.9;
        let grid = FrameGrid::new(SampleRate::HZ_16000, 512, 0).unwrap();
        let keys = KeyRange::PIANO;
        let activations =
            TranscriptionActivations { grid, keys, onset, frame, offset: None, velocity: None };
        let pitch = Key::new(60).unwrap().pitch();
        let note = Note::new(0.064, 0.192, pitch, Velocity::MEDIUM).unwrap();
        (activations, vec![note])
    }

    #[test]
    fn a_roll_is_scored_by_its_cells() {
        let (activations, notes) = recording();
        for (threshold, matched, estimated) in [(0.5, 3, 3), (0.45, 4, 4), (0.3, 4, 6), (0.1, 4, 7)]
        {
            let counts = roll_scores(&activations, &notes, threshold).unwrap().counts.entries;
            assert_eq!(
                (counts.matched, counts.estimated, counts.reference),
                (matched, estimated, 4)
            );
        }
    }

    #[test]
    fn the_threshold_of_rolls_is_the_lowest_of_the_best() {
        let (activations, notes) = recording();
        let base = NoteDecoderConfig::default();
        let tuned = tune(&[(&activations, &notes)], &base, &SearchConfig::default()).unwrap();
        assert!((tuned.roll_threshold - 0.35).abs() < 1e-9, "{}", tuned.roll_threshold);
        assert!((tuned.roll_f1 - 1.0).abs() < 1e-9);
        assert!((tuned.note_f1 - 1.0).abs() < 1e-9);
    }
}
