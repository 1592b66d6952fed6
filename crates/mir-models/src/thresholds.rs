//! Which thresholds? Searched on validation recordings, then frozen.

use mir_core::{Note, PianoRoll, RollRule};
use mir_eval::{
    frame::{self, FrameConfig, FrameScores},
    pedal::PedalConfig,
    transcription::{self, TranscriptionConfig},
};
use serde::{Deserialize, Serialize};

use crate::{
    Result,
    activations::TranscriptionActivations,
    decode::{
        EndModel, NoteDecoderConfig, PedalDecoderConfig, RegressionDecoderConfig, decode,
        decode_pedal_key, decode_regression,
    },
};

/// The values that are tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchConfig {
    /// Onset thresholds, each in [0, 1].
    pub onset: Vec<f64>,
    /// Frame thresholds, each in [0, 1]: of the ends of notes, and of rolls; those of offsets, where there are any.
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
pub struct Tuned<D = NoteDecoderConfig> {
    /// The decoder with the thresholds put in.
    pub decoder: D,
    /// Mean note F1 over the recordings, onsets and pitch only.
    pub note_f1: f64,
    /// Mean note F1 over the recordings, offsets included.
    pub note_with_offset_f1: f64,
    /// Where the frame probabilities alone make the best [roll](roll_scores).
    pub roll_threshold: f64,
    /// Mean F1 of these rolls over the recordings.
    pub roll_f1: f64,
}

/// What a network says of each validation recording, and what is played there.
type Recordings<'a> = [(&'a TranscriptionActivations, &'a [Note])];

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
    let base = NoteDecoderConfig { ends: None, ..base.clone() };
    let mut best = Climb::new(base, recordings, search, decode)?;
    best.over(&search.onset, Aim::Note, |decoder, threshold| decoder.onset_threshold = threshold)?;
    best.over(&search.frame, Aim::NoteWithOffset, |decoder, threshold| {
        decoder.frame_threshold = threshold
    })?;
    if let Some(ends) = EndModel::fit(recordings, &best.tuned.decoder)? {
        let decoder = NoteDecoderConfig { ends: Some(ends), ..best.tuned.decoder.clone() };
        best.try_one(decoder, Aim::NoteWithOffset)?;
    }
    Ok(best.tuned)
}

/// The same for the decoder of networks that say how near events are: first its onset threshold, then that of frames,
/// then that of offsets.
///
/// # Errors
/// As [`tune`].
pub fn tune_regression(
    recordings: &[(&TranscriptionActivations, &[Note])],
    base: &RegressionDecoderConfig,
    search: &SearchConfig,
) -> Result<Tuned<RegressionDecoderConfig>> {
    let mut best = Climb::new(base.clone(), recordings, search, decode_regression)?;
    best.over(&search.onset, Aim::Note, |decoder, threshold| decoder.onset_threshold = threshold)?;
    best.over(&search.frame, Aim::NoteWithOffset, |decoder, threshold| {
        decoder.frame_threshold = threshold
    })?;
    best.over(&search.frame, Aim::NoteWithOffset, |decoder, threshold| {
        decoder.offset_threshold = threshold
    })?;
    Ok(best.tuned)
}

/// The same for the pedal, as activations of [its key](crate::activations::PedalActivations::into_key) and presses as
/// notes: the threshold of frames for the best mean F1 of presses, that of offsets for the best with their ends; both
/// under the tolerances of [`PedalConfig`].
///
/// # Errors
/// As [`tune`]; [`Error::Shape`](crate::Error::Shape) for activations of other keys.
pub fn tune_pedal(
    recordings: &[(&TranscriptionActivations, &[Note])],
    base: &PedalDecoderConfig,
    search: &SearchConfig,
) -> Result<Tuned<PedalDecoderConfig>> {
    let mut best = Climb::new(base.clone(), recordings, search, decode_pedal_key)?;
    best.tolerances = PedalConfig::default().notes();
    best.over(&search.frame, Aim::Note, |decoder, threshold| decoder.frame_threshold = threshold)?;
    best.over(&search.frame, Aim::NoteWithOffset, |decoder, threshold| {
        decoder.offset_threshold = threshold
    })?;
    Ok(best.tuned)
}

/// Which mean a search is after.
#[derive(Clone, Copy, Debug)]
enum Aim {
    Note,
    NoteWithOffset,
}

/// The best decoder so far of one kind.
struct Climb<'a, D> {
    tuned: Tuned<D>,
    recordings: &'a Recordings<'a>,
    tolerances: TranscriptionConfig,
    decode: fn(&TranscriptionActivations, &D) -> Result<Vec<Note>>,
}

impl<'a, D: Clone> Climb<'a, D> {
    /// From a decoder that nothing is known of; the rolls are searched already.
    fn new(
        decoder: D,
        recordings: &'a Recordings<'a>,
        search: &SearchConfig,
        decode: fn(&TranscriptionActivations, &D) -> Result<Vec<Note>>,
    ) -> Result<Self> {
        if recordings.is_empty() {
            return Err(crate::Error::config("validation recordings", "at least 1", 0));
        }
        let (roll_threshold, roll_f1) = best_roll(recordings, search)?;
        let (note_f1, note_with_offset_f1) = (-1.0, -1.0);
        let tuned = Tuned { decoder, note_f1, note_with_offset_f1, roll_threshold, roll_f1 };
        Ok(Self { tuned, recordings, tolerances: TranscriptionConfig::default(), decode })
    }

    /// Takes over the best of some decoders, each the present one with a threshold in it, the first of equals, if it is
    /// better than this one.
    fn over(&mut self, thresholds: &[f64], aim: Aim, set: fn(&mut D, f64)) -> Result<()> {
        for &threshold in thresholds {
            let mut decoder = self.tuned.decoder.clone();
            set(&mut decoder, threshold);
            self.try_one(decoder, aim)?;
        }
        Ok(())
    }

    /// Takes over a decoder if it is better than the present one.
    fn try_one(&mut self, decoder: D, aim: Aim) -> Result<()> {
        let (mut note_f1, mut note_with_offset_f1) = (0.0, 0.0);
        for (activations, reference) in self.recordings {
            let estimate = (self.decode)(activations, &decoder)?;
            let scores = transcription::evaluate(reference, &estimate, &self.tolerances)?;
            note_f1 += scores.note.f1;
            note_with_offset_f1 += scores.note_with_offset.map_or(0.0, |scores| scores.f1);
        }
        note_f1 /= self.recordings.len() as f64;
        note_with_offset_f1 /= self.recordings.len() as f64;
        let best = &mut self.tuned;
        let better = match aim {
            Aim::Note => note_f1 > best.note_f1,
            Aim::NoteWithOffset => note_with_offset_f1 > best.note_with_offset_f1,
        };
        if better {
            (best.note_f1, best.note_with_offset_f1) = (note_f1, note_with_offset_f1);
            best.decoder = decoder;
        }
        Ok(())
    }
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
fn best_roll(recordings: &Recordings<'_>, search: &SearchConfig) -> Result<(f64, f64)> {
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
    fn every_threshold_of_a_regression_is_searched() {
        // Two notes, each a triangle of its onset; a third triangle that is none, lower. The first ends where its
        // offset is near, which its frames outlast; the second has no offset.
        let (keys, grid) = (KeyRange::PIANO, FrameGrid::new(SampleRate::HZ_16000, 160, 0).unwrap());
        let mut cells = [(); 3].map(|()| Array2::zeros((120, 88)));
        let [onset, offset, frame] = &mut cells;
        let triangle = |roll: &mut Array2<f32>, top: usize, height: f32| {
            for (distance, part) in [1.0, 0.8, 0.6, 0.4, 0.2].into_iter().enumerate() {
                roll[[top - distance, 39]] = part * height;
                roll[[top + distance, 39]] = part * height;
            }
        };
        triangle(onset, 10, 0.9);
        triangle(onset, 60, 0.8);
        triangle(onset, 95, 0.3);
        triangle(offset, 40, 0.35);
        frame.slice_mut(ndarray::s![10..48, 39]).fill(0.7);
        frame.slice_mut(ndarray::s![60..80, 39]).fill(0.7);
        frame.slice_mut(ndarray::s![80..118, 39]).fill(0.3);
        let [onset, offset, frame] = cells;
        let activations = TranscriptionActivations {
            grid,
            keys,
            onset,
            frame,
            offset: Some(offset),
            velocity: None,
        };
        let pitch = Key::new(60).unwrap().pitch();
        let note = |on, off| Note::new(on, off, pitch, Velocity::MEDIUM).unwrap();
        let notes = [note(0.1, 0.4), note(0.6, 0.8)];
        let base = RegressionDecoderConfig { offset_threshold: 0.9, ..Default::default() };
        let start = decode_regression(&activations, &base).unwrap();
        assert_eq!(start.len(), 3, "{start:?}");
        let found = tune_regression(&[(&activations, &notes)], &base, &SearchConfig::default());
        let Tuned { decoder, note_f1, note_with_offset_f1, .. } = found.unwrap();
        assert!((note_f1 - 1.0).abs() < 1e-9 && (note_with_offset_f1 - 1.0).abs() < 1e-9);
        // The lowest that do: above the onset and the frames that are none, below the offset.
        let found = [decoder.onset_threshold, decoder.frame_threshold, decoder.offset_threshold];
        for (found, expected) in found.into_iter().zip([0.35, 0.35, 0.1]) {
            assert!((found - expected).abs() < 1e-9, "{decoder:?}");
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
