//! Targets that say how near an event is, so that its time can be learned between frames (Kong et al.,
//! "High-Resolution Piano Transcription with Pedals by Regressing Onset and Offset Times", IEEE/ACM TASLP 2021,
//! section III-A).

use std::ops::Range;

use ndarray::{Array2, s};

use crate::{FrameGrid, KeyRange, Note};

/// How near the onsets and offsets of notes are, `[frames, keys]`.
///
/// A cell is `max(0, 1 − |t − e| / reach)` of the nearest event e of its key, t the time of its frame: each event draws
/// a triangle whose top lies where the event is, and not where a frame is.
///
/// ```
/// use mir_core::{FrameGrid, KeyRange, Note, Pitch, RegressionRoll, SampleRate, Velocity};
/// let note = Note::new(0.104, 0.5, Pitch::from_midi(60.0)?, Velocity::new(90)?)?;
/// let grid = FrameGrid::new(SampleRate::HZ_16000, 160, 0)?;
/// let roll = RegressionRoll::window(&[note], grid, KeyRange::PIANO, 0..100, RegressionRoll::REACH);
/// // 4 ms and 6 ms of 50 ms away.
/// assert!((roll.onset[(10, 39)] - 0.92).abs() < 1e-6);
/// assert!((roll.onset[(11, 39)] - 0.88).abs() < 1e-6);
/// # Ok::<(), mir_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RegressionRoll {
    /// How near an onset is, 0 to 1.
    pub onset: Array2<f32>,
    /// How near an offset is, 0 to 1.
    pub offset: Array2<f32>,
    /// 0 in the cells of notes that began before the window or end after it, else 1: what a network that hears
    /// only the window cannot know should not count.
    pub mask: Array2<f32>,
}

impl RegressionRoll {
    /// How far a triangle reaches to either side as published, seconds.
    pub const REACH: f64 = 0.05;

    /// The roll of a range of frames of a piece; `reach` in seconds, above 0. Notes outside the keys are left out.
    ///
    /// # Panics
    /// If `reach` is not above 0.
    pub fn window(
        notes: &[Note],
        grid: FrameGrid,
        keys: KeyRange,
        frames: Range<usize>,
        reach: f64,
    ) -> Self {
        assert!(reach > 0.0, "a triangle needs a width");
        let shape = (frames.len(), keys.len());
        let mut roll = Self {
            onset: Array2::zeros(shape),
            offset: Array2::zeros(shape),
            mask: Array2::ones(shape),
        };
        if frames.is_empty() {
            return roll;
        }
        let time = |row: usize| grid.time_of(frames.start + row);
        // Rows that lie in a stretch of time: the times of rows ascend.
        let first_at = |t: f64| {
            let guess = ((t - time(0)) / grid.period()).ceil().max(0.0) as usize;
            guess.min(frames.len())
        };
        let (begin, end) = (time(0), time(frames.len() - 1));
        for note in notes {
            let Some(column) = note.pitch().key().and_then(|key| keys.index_of(key)) else {
                continue;
            };
            for (target, event) in
                [(&mut roll.onset, note.onset()), (&mut roll.offset, note.offset())]
            {
                for row in first_at(event - reach)..first_at(event + reach) {
                    let near = 1.0 - (time(row) - event).abs() / reach;
                    let cell = &mut target[(row, column)];
                    *cell = cell.max(near as f32);
                }
            }
            let unknown = match (note.onset() < begin, note.offset() > end) {
                (true, _) if note.offset() > begin => 0..first_at(note.offset()),
                (false, true) if note.onset() <= end => first_at(note.onset())..frames.len(),
                _ => continue,
            };
            roll.mask.slice_mut(s![unknown, column]).fill(0.0);
        }
        roll
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Key, SampleRate, Velocity};

    fn grid() -> FrameGrid {
        FrameGrid::new(SampleRate::HZ_16000, 160, 0).unwrap()
    }

    fn note(onset: f64, offset: f64, key: u8) -> Note {
        Note::new(onset, offset, Key::new(key).unwrap().pitch(), Velocity::MEDIUM).unwrap()
    }

    proptest! {
        #[test]
        fn each_cell_is_the_distance_to_the_nearest_event(
            raw in prop::collection::vec((21u8..24, 0.0f64..2.0, 0.01f64..1.0), 0..12),
            start in 0usize..150, length in 0usize..80, reach in 0.005f64..0.2,
        ) {
            let notes: Vec<Note> = raw.iter().map(|&(k, on, l)| note(on, on + l, k)).collect();
            let roll = RegressionRoll::window(&notes, grid(), KeyRange::PIANO, start..start + length, reach);
            prop_assert_eq!(roll.onset.dim(), (length, 88));
            for row in 0..length {
                let t = grid().time_of(start + row);
                for key in 21u8..25 {
                    let of_key = || raw.iter().filter(|(k, ..)| *k == key);
                    let near = |events: &mut dyn Iterator<Item = f64>| {
                        events.map(|e| 1.0 - (t - e).abs() / reach).fold(0.0, f64::max)
                    };
                    let column = usize::from(key - 21);
                    let onset = near(&mut of_key().map(|(_, on, _)| *on));
                    let offset = near(&mut of_key().map(|(_, on, l)| on + l));
                    prop_assert!((f64::from(roll.onset[(row, column)]) - onset).abs() < 1e-5);
                    prop_assert!((f64::from(roll.offset[(row, column)]) - offset).abs() < 1e-5);
                }
            }
        }
    }

    #[test]
    fn notes_that_reach_out_of_the_window_do_not_count() {
        // Frames 100 to 199: 1.0 s to 1.99 s.
        let notes =
            [note(0.5, 1.2, 21), note(1.5, 2.5, 22), note(1.3, 1.4, 23), note(0.1, 3.0, 24)];
        let roll = RegressionRoll::window(&notes, grid(), KeyRange::PIANO, 100..200, 0.05);
        let masked = |column: usize| {
            let rows = (0..100).filter(|&row| roll.mask[(row, column)] < 0.5);
            (rows.clone().min(), rows.max())
        };
        assert_eq!(masked(0), (Some(0), Some(19)));
        assert_eq!(masked(1), (Some(50), Some(99)));
        assert_eq!(masked(2), (None, None));
        assert_eq!(masked(3), (Some(0), Some(99)));
        assert_eq!(masked(4), (None, None));
    }
}
