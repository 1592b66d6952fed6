//! Notes as matrices of frames and keys.

use std::ops::Range;

use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};

use crate::{FrameGrid, KeyRange, Note, Rounding, Velocity};

/// Which frames a note covers: every published system draws it a little differently.
///
/// All rules but the last give every note at least one frame. `on` and `off` are the positions of onset
/// and offset on the grid, in frames.
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
    /// Sounding `[last(on), last(off))`, where `last` is the last frame whose time, the product of its
    /// number and the period of the grid in `f64`, is not after the event; onset at `last(on)`. A note
    /// within a frame has an onset and no sound. (Fernandez 2023, onsets and velocities.)
    OnsetsVelocities,
}

/// Length of Magenta's onset and offset labels, in seconds.
const MAGENTA_LABEL: f64 = 0.032;

impl RollRule {
    /// All rules.
    pub const ALL: [Self; 5] =
        [Self::Floor, Self::Round, Self::Magenta, Self::Inclusive, Self::OnsetsVelocities];

    /// The frame that an event falls into: that of an onset.
    pub fn frame_of(self, seconds: f64, grid: &FrameGrid) -> usize {
        match self {
            Self::Floor | Self::Magenta => grid.frame_with(seconds, Rounding::Floor),
            Self::Round | Self::Inclusive => grid.frame_with(seconds, Rounding::Nearest),
            Self::OnsetsVelocities => last_frame(grid, seconds),
        }
    }

    /// Rows of a note on a grid: where its onset label, its sound and its offset label lie.
    pub fn rows(self, note: &Note, grid: &FrameGrid) -> NoteRows {
        let ceil = |time| grid.frame_with(time, Rounding::Ceil);
        let (on, off) = (self.frame_of(note.onset(), grid), self.frame_of(note.offset(), grid));
        let at_least_one = |start: usize, end: usize| start..end.max(start + 1);
        match self {
            Self::Floor | Self::Round => {
                let sound = at_least_one(on, off);
                NoteRows { onset: on..on + 1, offset: sound.end..sound.end + 1, sound }
            }
            Self::Magenta => {
                let sound = at_least_one(on, ceil(note.offset()));
                let onset = on..ceil(note.onset() + MAGENTA_LABEL).clamp(on + 1, sound.end);
                let offset = at_least_one(off, ceil(note.offset() + MAGENTA_LABEL));
                NoteRows { onset, sound, offset }
            }
            Self::Inclusive => {
                NoteRows { onset: on..on + 1, sound: on..off + 1, offset: off..off + 1 }
            }
            Self::OnsetsVelocities => {
                NoteRows { onset: on..on + 1, sound: on..off, offset: off..off + 1 }
            }
        }
    }

    /// Whether an onset label is a single row, so that two in a row are two notes.
    const fn marks_one_row(self) -> bool {
        !matches!(self, Self::Magenta)
    }

    /// How many frames the sound of a note reaches past the frame of its end.
    const fn beyond_end(self) -> usize {
        matches!(self, Self::Inclusive) as usize
    }
}

/// The greatest frame `i` with `i · period <= seconds`. Not the rounded-down quotient: 3 · 0.024 is above
/// 0.072 in `f64`.
fn last_frame(grid: &FrameGrid, seconds: f64) -> usize {
    let origin = grid.origin() as f64 / f64::from(grid.sample_rate().hz());
    let time = |frame: usize| frame as f64 * grid.period() + origin;
    let frame = grid.frame_with(seconds, Rounding::Floor);
    if time(frame) > seconds {
        frame.saturating_sub(1)
    } else if time(frame.saturating_add(1)) <= seconds {
        frame.saturating_add(1)
    } else {
        frame
    }
}

/// Half-open row ranges of one note, in whole-piece frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteRows {
    /// The label of the onset.
    pub onset: Range<usize>,
    /// Where the note sounds.
    pub sound: Range<usize>,
    /// The label of the offset.
    pub offset: Range<usize>,
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

    /// The notes of the roll, which was drawn by `rule`, with the times of its frames.
    ///
    /// A note starts where the onset label begins, and ends where no sound follows or the next onset
    /// label begins; its velocity is that of its first frame. A note that only sounds, since it began
    /// before the roll, is left out. Notes on the grid that do not overlap come back as they were, if
    /// they are long enough to be told apart: notes of a key have to start two frames apart under
    /// [`RollRule::Magenta`], and under [`RollRule::Inclusive`] end a frame before the next begins. Under
    /// [`RollRule::OnsetsVelocities`] a time that is exactly that of a frame may have been drawn a frame
    /// early.
    pub fn to_notes(&self, rule: RollRule) -> Vec<Note> {
        let mut notes = Vec::new();
        for (column, key) in self.keys.keys().enumerate() {
            let on = |row: usize| self.onset[(row, column)] > 0.0;
            let starts = |row: usize| on(row) && (row == 0 || !on(row - 1) || rule.marks_one_row());
            let mut row = 0;
            while row < self.frames() {
                if !starts(row) {
                    row += 1;
                    continue;
                }
                let start = row;
                row += 1;
                while row < self.frames() && self.frame[(row, column)] > 0.0 && !starts(row) {
                    row += 1;
                }
                let end = if self.frame[(start, column)] > 0.0 {
                    row.saturating_sub(rule.beyond_end()).max(start)
                } else {
                    start
                };
                let velocity = (127.0 * self.velocity[(start, column)]).round() as u8;
                let (onset, offset) = (self.grid.time_of(start), self.grid.time_of(end));
                // Frames of a grid with a late origin lie before time 0, where no note can be.
                if let Ok(velocity) = Velocity::new(velocity) {
                    notes.extend(Note::new(onset, offset, key.pitch(), velocity));
                }
            }
        }
        Note::sort(&mut notes);
        notes
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

    /// Appendix D of the specification of the onsets-and-velocities system, at 24 ms a frame.
    #[test]
    fn the_frame_is_the_last_that_is_not_later() {
        let grid = FrameGrid::new(SampleRate::HZ_16000, 384, 0).unwrap();
        let cases = [
            (0.023_999_9, 0),
            (0.024, 1),
            (0.048, 2),
            (0.072, 2),
            (0.12, 5),
            (0.143_999, 5),
            (0.144, 5),
            (0.168, 7),
        ];
        for (time, frame) in cases {
            assert_eq!(last_frame(&grid, time), frame, "{time}");
        }
        let within = note(60, 0.03, 0.04);
        let roll =
            PianoRoll::from_notes(&[within], grid, KeyRange::PIANO, 4, RollRule::OnsetsVelocities);
        assert_eq!(rows_on(&roll.onset, 39), [1]);
        assert!(rows_on(&roll.frame, 39).is_empty());
    }

    #[test]
    fn touching_notes_are_told_apart() {
        let notes = [note(60, 0.0, 0.32), note(60, 0.32, 0.64)];
        for rule in [RollRule::Floor, RollRule::Round, RollRule::Magenta] {
            let roll = PianoRoll::from_notes(&notes, grid(), KeyRange::PIANO, 30, rule);
            assert_eq!(roll.to_notes(rule), notes, "{rule:?}");
        }
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
            rule in prop::sample::select(RollRule::ALL.to_vec()),
        ) {
            let notes: Vec<Note> = raw.iter().map(|&(k, on, d)| note(k, on, on + d)).collect();
            let whole = PianoRoll::from_notes(&notes, grid(), KeyRange::PIANO, 130, rule);
            let (part, _) = PianoRoll::window(&notes, grid(), KeyRange::PIANO, start..start + length, rule);
            for (a, b) in [(&whole.onset, &part.onset), (&whole.frame, &part.frame),
                           (&whole.offset, &part.offset), (&whole.velocity, &part.velocity)] {
                prop_assert_eq!(a.slice(s![start..start + length, ..]), b.view());
            }
            prop_assert!((part.grid.time_of(0) - whole.grid.time_of(start)).abs() < 1e-12);
            prop_assert!(rule == RollRule::OnsetsVelocities
                || whole.onset.iter().zip(&whole.frame).all(|(&o, &f)| o <= f));
        }

        #[test]
        fn notes_on_the_grid_come_back(
            raw in prop::collection::vec((21u8..109, 2usize..9, 2usize..20, 1u8..128), 0..40),
            rule in prop::sample::select(RollRule::ALL[..4].to_vec()),
        ) {
            // For each key notes one after the other, with a gap of two frames or more.
            let mut free = [0usize; 128];
            let mut notes: Vec<Note> = raw.iter().map(|&(key, gap, length, velocity)| {
                let start = free[usize::from(key)] + gap;
                free[usize::from(key)] = start + length;
                let (on, off) = (grid().time_of(start), grid().time_of(start + length));
                let velocity = Velocity::new(velocity).unwrap();
                Note::new(on, off, Key::new(key).unwrap().pitch(), velocity).unwrap()
            }).collect();
            Note::sort(&mut notes);
            let frames = free.iter().max().unwrap() + 2;
            let roll = PianoRoll::from_notes(&notes, grid(), KeyRange::PIANO, frames, rule);
            prop_assert_eq!(roll.to_notes(rule), notes);
        }
    }
}
