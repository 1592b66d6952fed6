//! Notes as matrices of frames and keys.

use std::ops::Range;

use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};

use crate::{FrameGrid, KeyRange, Note, Rounding};

/// Which frames a note covers: every published system draws it a little differently.
///
/// All rules give every note at least one frame. `on` and `off` are the positions of onset and offset
/// on the grid, in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollRule {
    /// Sounding `[floor(on), floor(off))`, onset at `floor(on)`. The frame that *contains* the onset;
    /// read back at its start, an onset is early by half a frame on average.
    Floor,
    /// Sounding `[round(on), round(off))`, onset at `round(on)`, half to even: without bias.
    /// (jongwook/onsets-and-frames.)
    #[default]
    Round,
    /// Sounding `[floor(on), ceil(off))`, onset over the 32 ms after `on` by the same rule and not past
    /// the note's end: two frames at 31.25 frames/s. (Magenta.)
    Magenta,
    /// Sounding `[round(on), round(off)]`, last frame included. (Kong et al. 2020.)
    Inclusive,
}

/// Length of Magenta's onset and offset labels, in seconds.
const MAGENTA_LABEL: f64 = 0.032;

impl RollRule {
    /// Rows of a note on a grid: where its onset label, its sound and its offset label lie.
    fn rows(self, note: &Note, grid: &FrameGrid) -> NoteRows {
        use Rounding::{Ceil, Floor, Nearest};
        let row = |time, rounding| grid.frame_with(time, rounding);
        let at_least_one = |start: usize, end: usize| start..end.max(start + 1);
        match self {
            Self::Floor | Self::Round => {
                let rounding = if self == Self::Floor { Floor } else { Nearest };
                let on = row(note.onset(), rounding);
                let sound = at_least_one(on, row(note.offset(), rounding));
                NoteRows { onset: on..on + 1, offset: sound.end..sound.end + 1, sound }
            }
            Self::Magenta => {
                let on = row(note.onset(), Floor);
                let sound = at_least_one(on, row(note.offset(), Ceil));
                let onset = on..row(note.onset() + MAGENTA_LABEL, Ceil).clamp(on + 1, sound.end);
                let off = row(note.offset(), Floor);
                let offset = at_least_one(off, row(note.offset() + MAGENTA_LABEL, Ceil));
                NoteRows { onset, sound, offset }
            }
            Self::Inclusive => {
                let on = row(note.onset(), Nearest);
                let off = row(note.offset(), Nearest);
                NoteRows { onset: on..on + 1, sound: on..off + 1, offset: off..off + 1 }
            }
        }
    }
}

/// Half-open row ranges of one note, in whole-piece frames.
struct NoteRows {
    onset: Range<usize>,
    sound: Range<usize>,
    offset: Range<usize>,
}

/// What drawing a roll could not keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollReport {
    /// Notes outside the keys of the roll, left out.
    pub outside_keys: usize,
    /// Notes that start at or after the last frame, left out.
    pub outside_frames: usize,
    /// Notes whose onset shares its cell with the onset of another note of the same key.
    pub collisions: usize,
}

/// Notes as matrices `[frames, keys]`: where they start, sound, end, and how hard they were struck.
#[derive(Clone, Debug, PartialEq)]
pub struct PianoRoll {
    /// Time of the rows.
    pub grid: FrameGrid,
    /// Keys of the columns.
    pub keys: KeyRange,
    /// 1 where a note starts, else 0.
    pub onset: Array2<f32>,
    /// 1 where a note sounds, else 0.
    pub frame: Array2<f32>,
    /// 1 where a note has just ended, else 0.
    pub offset: Array2<f32>,
    /// Velocity as a fraction of 127 wherever a note sounds, else 0.
    pub velocity: Array2<f32>,
}

impl PianoRoll {
    /// The roll of the first `frames` frames of a piece.
    ///
    /// Notes may come in any order. Of two notes in one cell the later in the list wins the velocity.
    pub fn from_notes(
        notes: &[Note],
        grid: FrameGrid,
        keys: KeyRange,
        frames: usize,
        rule: RollRule,
    ) -> Self {
        Self::window(notes, grid, keys, 0..frames, rule).0
    }

    /// The roll of a range of frames of a piece, and what it could not keep.
    ///
    /// Row 0 is frame `frames.start` of `grid`. A note that began earlier and still sounds has frame and
    /// velocity cells but no onset cell. Equals the same rows of the whole piece's roll.
    pub fn window(
        notes: &[Note],
        grid: FrameGrid,
        keys: KeyRange,
        frames: Range<usize>,
        rule: RollRule,
    ) -> (Self, RollReport) {
        let shape = (frames.len(), keys.len());
        let mut roll = Self {
            grid: grid.with_origin(grid.origin() + frames.start as i64 * i64::from(grid.hop())),
            keys,
            onset: Array2::zeros(shape),
            frame: Array2::zeros(shape),
            offset: Array2::zeros(shape),
            velocity: Array2::zeros(shape),
        };
        let mut report = RollReport::default();
        let cut = |rows: Range<usize>| {
            let clamp =
                |row: usize| row.clamp(frames.start, frames.end.max(frames.start)) - frames.start;
            clamp(rows.start)..clamp(rows.end)
        };
        for note in notes {
            let Some(column) = note.pitch().key().and_then(|key| keys.index_of(key)) else {
                report.outside_keys += 1;
                continue;
            };
            let rows = rule.rows(note, &grid);
            if rows.sound.start >= frames.end {
                report.outside_frames += 1;
                continue;
            }
            let sound = cut(rows.sound);
            let mut onset_cells = roll.onset.slice_mut(s![cut(rows.onset), column]);
            if onset_cells.first().is_some_and(|&cell| cell > 0.0) {
                report.collisions += 1;
            }
            onset_cells.fill(1.0);
            roll.frame.slice_mut(s![sound.clone(), column]).fill(1.0);
            roll.velocity.slice_mut(s![sound, column]).fill(note.velocity().unit() as f32);
            roll.offset.slice_mut(s![cut(rows.offset), column]).fill(1.0);
        }
        (roll, report)
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.frame.nrows()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Key, SampleRate, Velocity};

    fn grid() -> FrameGrid {
        FrameGrid::new(SampleRate::HZ_16000, 512, 0).unwrap()
    }

    fn note(key: u8, onset: f64, offset: f64) -> Note {
        let velocity = Velocity::new(100).unwrap();
        Note::new(onset, offset, Key::new(key).unwrap().pitch(), velocity).unwrap()
    }

    fn rows_on(matrix: &Array2<f32>, column: usize) -> Vec<usize> {
        (0..matrix.nrows()).filter(|&row| matrix[(row, column)] > 0.0).collect()
    }

    /// The worked example of the Onsets-and-Frames label rules at 31.25 frames/s.
    #[test]
    fn the_published_example_under_every_rule() {
        let roll = |n: Note, rule| PianoRoll::from_notes(&[n], grid(), KeyRange::PIANO, 120, rule);
        let first = note(60, 0.10, 0.90);
        let column = 39;
        assert_eq!(
            rows_on(&roll(first, RollRule::Round).frame, column),
            (3..28).collect::<Vec<_>>()
        );
        assert_eq!(rows_on(&roll(first, RollRule::Round).offset, column), [28]);
        assert_eq!(
            rows_on(&roll(first, RollRule::Floor).frame, column),
            (3..28).collect::<Vec<_>>()
        );
        assert_eq!(rows_on(&roll(first, RollRule::Magenta).onset, column), [3, 4]);
        assert_eq!(
            rows_on(&roll(first, RollRule::Magenta).frame, column),
            (3..29).collect::<Vec<_>>()
        );
        assert_eq!(
            rows_on(&roll(first, RollRule::Inclusive).frame, column),
            (3..29).collect::<Vec<_>>()
        );
        let short = note(64, 0.30, 0.35);
        assert_eq!(rows_on(&roll(short, RollRule::Round).frame, 43), [9, 10]);
        assert_eq!(rows_on(&roll(short, RollRule::Floor).frame, 43), [9]);
    }

    #[test]
    fn every_note_gets_a_frame_and_losses_are_counted() {
        let notes = [
            note(60, 0.321, 0.322),
            note(60, 0.3215, 0.9),
            note(20, 0.1, 0.2),
            note(109, 0.1, 0.2),
            note(70, 99.0, 100.0),
        ];
        let (roll, report) =
            PianoRoll::window(&notes, grid(), KeyRange::PIANO, 0..100, RollRule::Round);
        assert!((roll.onset.sum() - 1.0).abs() < 1e-6);
        assert_eq!(report, RollReport { outside_keys: 2, outside_frames: 1, collisions: 1 });
    }

    proptest! {
        #[test]
        fn a_window_equals_the_rows_of_the_whole(
            raw in prop::collection::vec((21u8..109, 0.0f64..3.0, 0.0f64..1.0), 0..40),
            start in 0usize..80, length in 0usize..40,
            rule in prop::sample::select(vec![
                RollRule::Floor, RollRule::Round, RollRule::Magenta, RollRule::Inclusive]),
        ) {
            let notes: Vec<Note> = raw.iter().map(|&(k, on, d)| note(k, on, on + d)).collect();
            let whole = PianoRoll::from_notes(&notes, grid(), KeyRange::PIANO, 130, rule);
            let (part, _) = PianoRoll::window(&notes, grid(), KeyRange::PIANO, start..start + length, rule);
            for (a, b) in [(&whole.onset, &part.onset), (&whole.frame, &part.frame),
                           (&whole.offset, &part.offset), (&whole.velocity, &part.velocity)] {
                prop_assert_eq!(a.slice(s![start..start + length, ..]), b.view());
            }
            prop_assert!((part.grid.time_of(0) - whole.grid.time_of(start)).abs() < 1e-12);
            prop_assert!(whole.onset.iter().zip(&whole.frame).all(|(&o, &f)| o <= f));
        }
    }
}
