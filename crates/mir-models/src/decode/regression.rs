//! Notes out of activations that say how near events are, with their times between frames (Kong et al.,
//! "High-Resolution Piano Transcription with Pedals by Regressing Onset and Offset Times", IEEE/ACM TASLP 2021,
//! section III-B).

use mir_core::{Note, Velocity};
use ndarray::ArrayView1;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, activations::TranscriptionActivations};

/// Thresholds of the decoder; those of the published program by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegressionDecoderConfig {
    /// An onset is a peak above this, in [0, 1].
    pub onset_threshold: f64,
    /// An offset is a peak above this, in [0, 1].
    pub offset_threshold: f64,
    /// A note has ended where its frame probability is not above this, in [0, 1].
    pub frame_threshold: f64,
    /// Frames to either side over which an onset falls, 1 to 1000.
    pub onset_slope: usize,
    /// Frames to either side over which an offset falls, 1 to 1000.
    pub offset_slope: usize,
    /// Longest note in frames, at least 1.
    pub max_frames: usize,
}

impl Default for RegressionDecoderConfig {
    fn default() -> Self {
        Self {
            onset_threshold: 0.3,
            offset_threshold: 0.3,
            frame_threshold: 0.1,
            onset_slope: 2,
            offset_slope: 4,
            max_frames: 600,
        }
    }
}

impl RegressionDecoderConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        for (field, value) in [
            ("onset_threshold", self.onset_threshold),
            ("offset_threshold", self.offset_threshold),
            ("frame_threshold", self.frame_threshold),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::config(field, "0 to 1", value));
            }
        }
        for (field, value) in
            [("onset_slope", self.onset_slope), ("offset_slope", self.offset_slope)]
        {
            if !(1..=1000).contains(&value) {
                return Err(Error::config(field, "1 to 1000 frames", value));
            }
        }
        if self.max_frames == 0 {
            return Err(Error::config("max_frames", "at least 1", 0));
        }
        Ok(())
    }
}

/// Frames that a note lasts at least: its two ends are placed between frames, and could else be one and the same.
const SHORTEST: f64 = 0.5;

/// A place between frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Peak {
    /// The frame of the largest value.
    pub(super) frame: usize,
    /// Where the top of the triangle lies, frames from there, −½ to ½.
    pub(super) shift: f64,
}

impl Peak {
    fn place(self) -> f64 {
        self.frame as f64 + self.shift
    }
}

/// The peaks of a row of values: above a threshold, and nowhere rising for `slope` frames away from them. They are that
/// far from both ends.
pub(super) fn peaks(values: ArrayView1<'_, f32>, threshold: f64, slope: usize) -> Vec<Peak> {
    let falls = |n: usize| {
        (0..slope).all(|i| values[n - i] >= values[n - i - 1] && values[n + i] >= values[n + i + 1])
    };
    (slope..values.len().saturating_sub(slope))
        .filter(|&n| f64::from(values[n]) > threshold && falls(n))
        .map(|n| Peak { frame: n, shift: shift(values, n) })
        .collect()
}

/// Where the top of a triangle lies whose largest three values are these: both its sides have one slope, and the
/// steeper of the two differences shows it.
fn shift(values: ArrayView1<'_, f32>, n: usize) -> f64 {
    let [a, b, c] = [n - 1, n, n + 1].map(|i| f64::from(values[i]));
    let steeper = b - a.min(c);
    if steeper > 0.0 { (c - a) / (2.0 * steeper) } else { 0.0 }
}

/// The notes of a recording, sorted by onset. `velocity` is taken as a fraction of 128 here, as the published network
/// gives it.
///
/// A note starts at each onset peak and ends at the first frame where the frame probability is not above its
/// threshold, or at the first offset peak before that if it lies in the second half of the note; at the latest one
/// frame before the next onset of its key, after `max_frames`, or at the end. No note is shorter than half a frame.
///
/// ```
/// # use mir_core::{FrameGrid, KeyRange, SampleRate};
/// # use mir_models::{activations::TranscriptionActivations, decode::{RegressionDecoderConfig, decode_regression}};
/// # use ndarray::Array2;
/// # let empty = Array2::<f32>::zeros((40, 88));
/// # let mut activations = TranscriptionActivations {
/// #     grid: FrameGrid::new(SampleRate::HZ_16000, 160, 0)?, keys: KeyRange::PIANO,
/// #     onset: empty.clone(), frame: empty.clone(), offset: Some(empty), velocity: None,
/// # };
/// // A triangle whose top lies 0.2 frames after frame 10.
/// for (frame, value) in [(8, 0.56), (9, 0.76), (10, 0.96), (11, 0.84), (12, 0.64)] {
///     activations.onset[(frame, 39)] = value;
/// }
/// (10..20).for_each(|frame| activations.frame[(frame, 39)] = 0.9);
/// let notes = decode_regression(&activations, &RegressionDecoderConfig::default())?;
/// assert!((notes[0].onset() - 0.102).abs() < 1e-6);
/// assert!((notes[0].offset() - 0.2).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Config`] for an invalid configuration; [`Error::Shape`] for activations without offsets.
pub fn decode_regression(
    activations: &TranscriptionActivations,
    config: &RegressionDecoderConfig,
) -> Result<Vec<Note>> {
    config.validate()?;
    let Some(offsets) = &activations.offset else {
        return Err(Error::Shape {
            what: "the activations of a network that regresses times",
            expected: "onset, frame and offset".to_owned(),
            actual: vec![activations.frames(), activations.keys.len()],
        });
    };
    let mut notes = Vec::new();
    let time = |place: f64| activations.grid.time_of(0) + place * activations.grid.period();
    for (column, key) in activations.keys.keys().enumerate() {
        let onsets =
            peaks(activations.onset.column(column), config.onset_threshold, config.onset_slope);
        let ends = peaks(offsets.column(column), config.offset_threshold, config.offset_slope);
        let frame = activations.frame.column(column);
        for (index, &onset) in onsets.iter().enumerate() {
            let limit = onsets.get(index + 1).map(|next| next.frame);
            let end = end(onset.frame, limit, frame, &ends, config);
            let velocity = activations.velocity.as_ref().map_or(Velocity::MEDIUM, |velocity| {
                let steps = (128.0 * f64::from(velocity[(onset.frame, column)])).floor();
                Velocity::from_unit(steps.max(1.0) / 127.0)
            });
            let (start, end) = (onset.place(), end.max(onset.place() + SHORTEST));
            notes.extend(Note::new(time(start).max(0.0), time(end), key.pitch(), velocity).ok());
        }
    }
    Note::sort(&mut notes);
    Ok(notes)
}

/// Where a note ends that starts in a frame, before the frame of the next onset of its key.
fn end(
    start: usize,
    limit: Option<usize>,
    frame: ArrayView1<'_, f32>,
    ends: &[Peak],
    config: &RegressionDecoderConfig,
) -> f64 {
    let last = (start + config.max_frames).min(frame.len() - 1);
    let shift_at =
        |n: usize| ends.iter().find(|peak| peak.frame == n).map_or(0.0, |peak| peak.shift);
    let silent = (start + 1..=last.min(limit.map_or(last, |next| next - 1)))
        .find(|&n| f64::from(frame[n]) <= config.frame_threshold);
    match (silent, limit) {
        (Some(silent), _) => {
            let offset = ends.iter().find(|peak| peak.frame > start && peak.frame <= silent);
            // Early in the note it is taken for a slip: what sounds on says more.
            match offset {
                Some(peak) if peak.frame - start > silent - peak.frame => peak.place(),
                _ => silent as f64 + shift_at(silent),
            }
        }
        (None, Some(next)) if next <= last => (next - 1) as f64,
        (None, _) => last as f64 + shift_at(last),
    }
}

#[cfg(test)]
mod tests {
    use mir_core::{FrameGrid, Key, KeyRange, RegressionRoll, SampleRate};
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    fn grid() -> FrameGrid {
        FrameGrid::new(SampleRate::HZ_16000, 160, 0).unwrap()
    }

    fn activations(frames: usize) -> TranscriptionActivations {
        let empty = Array2::<f32>::zeros((frames, 88));
        TranscriptionActivations {
            grid: grid(),
            keys: KeyRange::PIANO,
            onset: empty.clone(),
            frame: empty.clone(),
            offset: Some(empty),
            velocity: None,
        }
    }

    fn decoded(activations: &TranscriptionActivations) -> Vec<(f64, f64)> {
        let notes = decode_regression(activations, &RegressionDecoderConfig::default()).unwrap();
        notes.iter().map(|note| (note.onset(), note.offset())).collect()
    }

    #[test]
    fn a_note_has_a_length_even_if_it_ends_where_it_starts() {
        let mut activations = activations(40);
        // The top of the onset lies half a frame after frame 10; frame 11 is silent already, and the top of the
        // offset lies half a frame before it.
        for (frame, value) in [(8, 0.5), (9, 0.7), (10, 0.9), (11, 0.9), (12, 0.7), (13, 0.5)] {
            activations.onset[(frame, 39)] = value;
        }
        let offset = activations.offset.as_mut().unwrap();
        for (frame, value) in
            [(7, 0.3), (8, 0.5), (9, 0.7), (10, 0.9), (11, 0.9), (12, 0.7), (13, 0.5), (14, 0.3)]
        {
            offset[(frame, 39)] = value;
        }
        let notes = decoded(&activations);
        assert!(!notes.is_empty());
        assert!(notes.iter().all(|(onset, offset)| offset - onset > 0.0049), "{notes:?}");
    }

    proptest! {
        #[test]
        fn a_network_that_says_the_targets_gives_the_notes_to_a_tenth_of_a_millisecond(
            raw in prop::collection::vec((0.15f64..0.4, 0.12f64..1.0, 1u8..128), 1..6),
        ) {
            // One key, notes apart from each other, times anywhere between frames.
            let mut at = 0.1;
            let notes: Vec<Note> = raw.iter().map(|&(gap, length, velocity)| {
                let start = at + gap;
                at = start + length;
                let pitch = Key::new(60).unwrap().pitch();
                Note::new(start, at, pitch, Velocity::new(velocity).unwrap()).unwrap()
            }).collect();
            let frames = (100.0 * at) as usize + 30;
            let roll = RegressionRoll::window(&notes, grid(), KeyRange::PIANO, 0..frames, RegressionRoll::REACH);
            let mut said = activations(frames);
            let mut velocity = Array2::<f32>::zeros((frames, 88));
            for note in &notes {
                for n in 0..frames {
                    let t = grid().time_of(n);
                    if t > note.onset() - 0.02 && t <= note.offset() + 0.01 {
                        said.frame[(n, 39)] = 1.0;
                        velocity[(n, 39)] = (f32::from(note.velocity().value()) + 0.5) / 128.0;
                    }
                }
            }
            (said.onset, said.offset, said.velocity) = (roll.onset, Some(roll.offset), Some(velocity));
            let found = decode_regression(&said, &RegressionDecoderConfig::default()).unwrap();
            prop_assert_eq!(found.len(), notes.len());
            for (found, note) in found.iter().zip(&notes) {
                prop_assert!((found.onset() - note.onset()).abs() < 1e-4, "{found:?} {note:?}");
                prop_assert!((found.offset() - note.offset()).abs() < 1e-4, "{found:?} {note:?}");
                prop_assert_eq!(found.velocity(), note.velocity());
            }
        }

        #[test]
        fn whatever_a_network_says_notes_of_a_key_follow_each_other(
            values in prop::collection::vec(0.0f32..1.0, 3 * 60),
            slope in 1usize..4, threshold in 0.0f64..1.0, max_frames in 1usize..80,
        ) {
            let mut said = activations(60);
            for n in 0..60 {
                said.onset[(n, 0)] = values[n];
                said.frame[(n, 0)] = values[60 + n];
                if let Some(offset) = &mut said.offset {
                    offset[(n, 0)] = values[120 + n];
                }
            }
            let config = RegressionDecoderConfig {
                onset_threshold: threshold, onset_slope: slope, max_frames, ..Default::default()
            };
            let notes = decode_regression(&said, &config).unwrap();
            for pair in notes.windows(2) {
                prop_assert!(pair[0].offset() <= pair[1].onset() + 0.01);
            }
            prop_assert!(notes.iter().all(|note| note.offset() >= note.onset()));
        }
    }

    #[test]
    fn an_early_offset_counts_only_in_the_second_half_of_a_note() {
        let mut said = activations(60);
        let mut triangle = |offset: bool, centre: usize| {
            for n in centre - 5..=centre + 5 {
                let value = 1.0 - n.abs_diff(centre) as f32 / 6.0;
                match (&mut said.offset, offset) {
                    (Some(offsets), true) => offsets[(n, 0)] = value,
                    _ => said.onset[(n, 0)] = value,
                }
            }
        };
        triangle(false, 10);
        triangle(true, 22);
        (8..40).for_each(|n| said.frame[(n, 0)] = 0.9);
        assert_eq!(decoded(&said), [(0.1, 0.4)]);
        (30..40).for_each(|n| said.frame[(n, 0)] = 0.0);
        assert_eq!(decoded(&said), [(0.1, 0.22)]);
    }

    #[test]
    fn bad_settings_and_missing_heads_are_named() {
        let bad = RegressionDecoderConfig { frame_threshold: 2.0, ..Default::default() };
        let refused = decode_regression(&activations(9), &bad);
        assert!(matches!(refused, Err(Error::Config { field: "frame_threshold", .. })));
        let without = TranscriptionActivations { offset: None, ..activations(9) };
        let refused = decode_regression(&without, &RegressionDecoderConfig::default());
        assert!(matches!(refused, Err(Error::Shape { .. })));
        assert!(decoded(&activations(0)).is_empty() && decoded(&activations(3)).is_empty());
    }
}
