//! Rolls of bytes: velocities as they stand in a file, for keys and pedals.
//!
//! [`PianoRoll`](mir_core::PianoRoll) holds what a network is trained on, in `f32`. A [`VelocityRoll`] is
//! a quarter of its size, keeps velocities and pedal positions exactly, and takes an hour of piano in
//! milliseconds: cheap enough to draw it from the sparse notes whenever it is needed, on any grid.
//!
//! # Example
//! ```
//! use mir_core::{FrameGrid, Key, KeyRange, Note, RollRule, SampleRate, Velocity};
//! use mir_midi::{Performance, roll::VelocityRoll};
//!
//! let note = Note::new(0.1, 0.2, Key::new(60)?.pitch(), Velocity::new(80)?)?;
//! let grid = FrameGrid::new(SampleRate::HZ_16000, 384, 0)?;
//! let performance = Performance::from(vec![note]);
//! let (roll, report) =
//!     VelocityRoll::new(&performance, grid, KeyRange::MIDI, 12, RollRule::OnsetsVelocities);
//! assert_eq!(roll.onset[(4, 60)], 80);
//! assert_eq!(roll.frame.column(60).to_vec(), [0, 0, 0, 0, 80, 80, 80, 80, 0, 0, 0, 0]);
//! assert_eq!(report.collisions, 0);
//! # Ok::<(), mir_midi::Error>(())
//! ```

use std::ops::Range;

use mir_core::{FrameGrid, KeyRange, RollReport, RollRule};
use ndarray::Array2;

use crate::{Pedal, Performance};

/// Velocities and pedal positions, 0..=127, as matrices of frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VelocityRoll {
    /// Velocity where a note starts, else 0, `[frames, keys]`.
    pub onset: Array2<u8>,
    /// Velocity where a note sounds, else 0, `[frames, keys]`.
    pub frame: Array2<u8>,
    /// Velocity where a note has just ended, else 0, `[frames, keys]`.
    pub offset: Array2<u8>,
    /// Positions of sustain, soft and sostenuto pedal, `[frames, 3]`: each from the frame of a movement
    /// to that of the next.
    pub pedals: Array2<u8>,
}

impl VelocityRoll {
    /// The roll of the first `frames` frames, and what it could not keep.
    ///
    /// The notes are drawn as they are: apply a pedal rule before. Where several meet in a cell the
    /// largest velocity stays. Velocity 0 is drawn as 1, since 0 means nothing. Under
    /// [`RollRule::OnsetsVelocities`] an event after the last frame counts as in the last one, under the
    /// other rules it is left out.
    pub fn new(
        performance: &Performance,
        grid: FrameGrid,
        keys: KeyRange,
        frames: usize,
        rule: RollRule,
    ) -> (Self, RollReport) {
        let mut roll = Self::silence(frames, keys);
        let report = roll.draw(performance, &grid, keys, rule);
        (roll, report)
    }

    /// Draws another performance in the same number of frames. Where the number of keys stays, no matrix is
    /// allocated, which is most of the work of [`new`](Self::new).
    pub fn redraw(
        &mut self,
        performance: &Performance,
        grid: FrameGrid,
        keys: KeyRange,
        rule: RollRule,
    ) -> RollReport {
        if self.frame.ncols() == keys.len() {
            for matrix in [&mut self.onset, &mut self.frame, &mut self.offset, &mut self.pedals] {
                matrix.fill(0);
            }
        } else {
            *self = Self::silence(self.frames(), keys);
        }
        self.draw(performance, &grid, keys, rule)
    }

    fn silence(frames: usize, keys: KeyRange) -> Self {
        Self {
            onset: Array2::zeros((frames, keys.len())),
            frame: Array2::zeros((frames, keys.len())),
            offset: Array2::zeros((frames, keys.len())),
            pedals: Array2::zeros((frames, 3)),
        }
    }

    /// Draws on silence.
    fn draw(
        &mut self,
        performance: &Performance,
        grid: &FrameGrid,
        keys: KeyRange,
        rule: RollRule,
    ) -> RollReport {
        let frames = self.frames();
        let mut report = RollReport::default();
        let clamps = rule == RollRule::OnsetsVelocities;
        for note in &performance.notes {
            let Some(column) = note.pitch().key().and_then(|key| keys.index_of(key)) else {
                report.outside_keys += 1;
                continue;
            };
            let mut rows = rule.rows(note, grid);
            if clamps && frames > 0 {
                let last = frames - 1;
                let on = rows.onset.start.min(last);
                let off = rows.offset.start.min(last);
                (rows.onset, rows.sound, rows.offset) = (on..on + 1, on..off, off..off + 1);
            }
            if rows.onset.start >= frames {
                report.outside_frames += 1;
                continue;
            }
            let velocity = note.velocity().value().max(1);
            let draw = |matrix: &mut Array2<u8>, rows: Range<usize>| {
                for row in rows.start..rows.end.min(frames) {
                    let cell = &mut matrix[(row, column)];
                    *cell = (*cell).max(velocity);
                }
            };
            report.collisions += usize::from(self.onset[(rows.onset.start, column)] > 0);
            draw(&mut self.onset, rows.onset);
            draw(&mut self.frame, rows.sound);
            draw(&mut self.offset, rows.offset);
        }
        for (column, pedal) in
            [Pedal::Sustain, Pedal::Soft, Pedal::Sostenuto].into_iter().enumerate()
        {
            self.draw_pedal(performance, grid, rule, pedal, column);
        }
        report
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.frame.nrows()
    }

    /// Draws the movements of one pedal. Of several in a frame the last counts.
    fn draw_pedal(
        &mut self,
        performance: &Performance,
        grid: &FrameGrid,
        rule: RollRule,
        pedal: Pedal,
        column: usize,
    ) {
        let frames = self.frames();
        let events = performance.pedals.iter().filter(|event| event.pedal == pedal);
        let mut moves: Vec<(f64, u8)> = events
            .filter(|event| event.time.is_finite() && event.time >= 0.0)
            .map(|event| (event.time, event.value.min(127)))
            .collect();
        moves.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (i, &(time, value)) in moves.iter().enumerate() {
            let row = |time| rule.frame_of(time, grid).min(frames);
            let end = moves.get(i + 1).map_or(frames, |&(next, _)| row(next));
            for row in row(time)..end {
                self.pedals[(row, column)] = value;
            }
        }
    }
}
