//! From activations to notes: where does each note start and end?
//!
//! The decoders are array code without LibTorch. [`NoteDecoder`] reads any number of frames at a time
//! and gives the notes as they end, so that memory does not grow with the recording; decoding a whole
//! recording at once is the same code ([`decode`]).
//!
//! # The rule
//! An onset is a frame whose onset probability exceeds the threshold and is the largest within
//! `merge` frames on either side (the earlier of two equal ones). The note sounds from there while the
//! frame probability (or the onset's own run) stays above its threshold; it ends at the first frame
//! that is not, or at the next onset of its key. Frames without an onset are ignored. Every note lasts
//! at least one frame.
//!
//! # Differences from the published decoders
//! - jongwook/onsets-and-frames does not split a note that is struck again while it sounds; the
//!   course's code ends a note at any later frame with an onset, adjacent ones included. Ours ends it
//!   at the next onset peak (Magenta's rule, with peaks instead of rising edges).
//! - Onset times are refined below the frame from the three probabilities around the peak
//!   ([`Refinement`]).
//! - Networks that learned labels rounded down are half a frame early; [`NoteDecoderConfig::row_shift`] takes
//!   it back.
//!
//! The decoders of the original programs are there too, to compare with their scores: [`OriginalDecoder`].
//!
//! Where validation recordings have taught it ([`EndModel`]), the end of a note is not a threshold's but the median
//! of what frame and offset probabilities say about it, from frame to frame.
//!
//! Notes end where their sound ends. [`keys_and_pedal`] estimates from that when the keys came up.

mod config;
mod ends;
mod keys;
mod originals;
mod pedal;
mod regression;

use std::collections::VecDeque;

pub use mir_core::PedalSpan;
use mir_core::{FrameGrid, KeyRange, Note, Velocity};
use ndarray::ArrayView1;

use self::ends::{Moment, Totals};
pub use self::{
    config::{NoteDecoderConfig, Refinement},
    ends::EndModel,
    keys::{KeyConfig, KeysAndPedal, keys_and_pedal},
    originals::OriginalDecoder,
    pedal::{PedalDecoderConfig, decode_pedal, decode_pedal_key},
    regression::{RegressionDecoderConfig, decode_regression},
};
use crate::{Result, activations::TranscriptionActivations};

/// One frame of activations: a row of each head.
#[derive(Clone, Copy, Debug)]
pub struct ActivationRow<'a> {
    /// Onset probabilities, one a key.
    pub onset: ArrayView1<'a, f32>,
    /// Frame probabilities, one a key.
    pub frame: ArrayView1<'a, f32>,
    /// Offset probabilities, one a key.
    pub offset: Option<ArrayView1<'a, f32>>,
    /// Velocities as fractions of 127, one a key.
    pub velocity: Option<ArrayView1<'a, f32>>,
}

/// The notes of a whole recording, sorted by onset.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for an invalid configuration.
pub fn decode(
    activations: &TranscriptionActivations,
    config: &NoteDecoderConfig,
) -> Result<Vec<Note>> {
    let mut decoder = NoteDecoder::new(config.clone(), activations.grid, activations.keys)?;
    let mut notes = Vec::new();
    for t in 0..activations.frames() {
        let row = ActivationRow {
            onset: activations.onset.row(t),
            frame: activations.frame.row(t),
            offset: activations.offset.as_ref().map(|v| v.row(t)),
            velocity: activations.velocity.as_ref().map(|v| v.row(t)),
        };
        decoder.push(row, &mut notes);
    }
    decoder.finish(&mut notes);
    Note::sort(&mut notes);
    Ok(notes)
}

/// A note that has begun and not ended.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Refined onset position in frames.
    onset: f64,
    /// First frame.
    start: usize,
    velocity: Velocity,
    /// The log-odds that it sounds in the frame after that, and the probability that it still does: for a decoder with
    /// [`NoteDecoderConfig::ends`].
    first: f64,
    survival: f64,
}

/// A frame of one key that waits until its neighbours to the right are known.
#[derive(Clone, Copy, Debug)]
struct Cell {
    onset: f32,
    frame: f32,
    offset: Option<f32>,
    velocity: Option<f32>,
}

/// State of one key: the frames around the one to be decided, and the note that sounds.
#[derive(Clone, Debug, Default)]
struct KeyState {
    /// The one to be decided has at most `merge` before it, and after it as many as the decoder looks ahead.
    cells: VecDeque<Cell>,
    /// How many of `cells` lie before the one to be decided.
    before: usize,
    open: Option<Open>,
    /// The onset of the open note is still above its threshold: the note sounds whatever the frame
    /// head says.
    in_onset_run: bool,
}

/// Decodes activations frame by frame, in constant memory.
#[derive(Clone, Debug)]
pub struct NoteDecoder {
    config: NoteDecoderConfig,
    grid: FrameGrid,
    keys: KeyRange,
    states: Vec<KeyState>,
    /// Frames read so far.
    read: usize,
    /// What all keys together say in the frames that wait, and in some before.
    totals: VecDeque<Totals>,
}

impl NoteDecoder {
    /// A decoder at the start of a recording.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for an invalid configuration.
    pub fn new(config: NoteDecoderConfig, grid: FrameGrid, keys: KeyRange) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            config,
            grid,
            keys,
            states: vec![KeyState::default(); keys.len()],
            read: 0,
            totals: VecDeque::new(),
        })
    }

    /// Frames between a frame's arrival and its decision: [`NoteDecoderConfig::delay`].
    pub fn delay(&self) -> usize {
        self.config.delay()
    }

    /// Reads the next frame and appends the notes that are known to have ended.
    ///
    /// # Panics
    /// If a row has another number of keys than the decoder.
    pub fn push(&mut self, row: ActivationRow<'_>, notes: &mut Vec<Note>) {
        assert_eq!(row.onset.len(), self.keys.len(), "one onset probability a key");
        assert_eq!(row.frame.len(), self.keys.len(), "one frame probability a key");
        self.read += 1;
        self.totals.push_back(Totals::of(row.frame, row.offset));
        let delay = self.config.delay();
        // A frame that is decided, and its neighbours.
        if self.totals.len() > delay + 2 {
            self.totals.pop_front();
        }
        for key in 0..self.states.len() {
            let cell = Cell {
                onset: row.onset[key],
                frame: row.frame[key],
                offset: row.offset.map(|v| v[key]),
                velocity: row.velocity.map(|v| v[key]),
            };
            self.states[key].cells.push_back(cell);
            if self.states[key].cells.len() > self.states[key].before + delay {
                self.decide(key, self.read - 1 - delay, notes);
            }
        }
    }

    /// Ends the recording: decides the last frames and closes the notes that still sound.
    pub fn finish(mut self, notes: &mut Vec<Note>) {
        for key in 0..self.states.len() {
            let waiting = self.states[key].cells.len() - self.states[key].before;
            for frame in self.read - waiting..self.read {
                self.decide(key, frame, notes);
            }
            self.close(key, self.read as f64, notes);
        }
    }

    /// Decides frame `t` of a key, whose right neighbours are there as far as the recording has any.
    fn decide(&mut self, key: usize, t: usize, notes: &mut Vec<Note>) {
        let state = &self.states[key];
        let at = state.before;
        let cell = state.cells[at];
        let threshold = self.config.onset_threshold as f32;
        let above = cell.onset > threshold;
        let is_peak = above
            && state.cells.iter().take(at).all(|c| c.onset < cell.onset)
            && state
                .cells
                .iter()
                .skip(at + 1)
                .take(self.config.merge)
                .all(|c| c.onset <= cell.onset);
        if is_peak {
            let onset = if self.config.refine { self.refined(key, t) } else { t as f64 };
            self.close(key, onset, notes);
            let velocity =
                cell.velocity.map_or(Velocity::MEDIUM, |v| Velocity::from_unit(f64::from(v)));
            let state = &mut self.states[key];
            state.open = Some(Open { onset, start: t, velocity, first: 0.0, survival: 1.0 });
            state.in_onset_run = true;
        } else if let (Some(open), Some(ends)) = (state.open, &self.config.ends) {
            let moment = self.moment(key, t, open);
            let survival = open.survival * (1.0 - ends.hazard(&moment));
            if survival <= EndModel::MEDIAN {
                self.close(key, t as f64, notes);
            } else {
                self.states[key].open = Some(Open { survival, first: moment.first, ..open });
            }
        } else if state.open.is_some() {
            self.states[key].in_onset_run &= above;
            let sounds =
                self.states[key].in_onset_run || cell.frame > self.config.frame_threshold as f32;
            if !sounds {
                self.close(key, t as f64, notes);
            }
        }
        let state = &mut self.states[key];
        if state.before == self.config.merge {
            state.cells.pop_front();
        } else {
            state.before += 1;
        }
    }

    /// What is known in frame `t` about the end of a note that began before; beyond the recording its last frame
    /// goes on.
    fn moment(&self, key: usize, t: usize, open: Open) -> Moment {
        let state = &self.states[key];
        let cell =
            |ahead: usize| &state.cells[(state.before + ahead - 1).min(state.cells.len() - 1)];
        // The last of the totals is that of the last frame that was read.
        let first = self.read - self.totals.len();
        let total = |ahead: usize| {
            self.totals[(t + ahead - 1).saturating_sub(first).min(self.totals.len() - 1)]
        };
        Moment::new(
            [0, 1, 2, 3].map(|ahead| cell(ahead).frame),
            [0, 1, 2].map(|ahead| cell(ahead).offset.unwrap_or(0.0)),
            [0, 1, 2].map(total),
            t - open.start,
            open.first,
        )
    }

    /// Where between `t − ½` and `t + ½` the onset lies; neighbours outside the recording are 0.
    fn refined(&self, key: usize, t: usize) -> f64 {
        let state = &self.states[key];
        let at = state.before;
        let value = |i: Option<usize>| {
            i.and_then(|i| state.cells.get(i)).map_or(0.0, |cell| f64::from(cell.onset))
        };
        let around = [value(at.checked_sub(1)), value(Some(at)), value(Some(at + 1))];
        (t as f64 + self.config.refinement.shift(around)).max(0.0)
    }

    /// Ends the open note of a key at frame position `end`, or after one frame if that is later.
    fn close(&mut self, key: usize, end: f64, notes: &mut Vec<Note>) {
        let Some(open) = self.states[key].open.take() else {
            return;
        };
        let shift = self.config.row_shift;
        let onset = self.grid.time_at(open.onset + shift).max(0.0);
        let offset = self.grid.time_at(end.max(open.start as f64 + 1.0) + shift).max(onset);
        if offset - onset < self.config.min_duration {
            return;
        }
        let pitch = self.keys.key_at(key).map(mir_core::Key::pitch);
        // The times are ordered and finite by construction, and the key exists.
        if let Some(note) = pitch.and_then(|p| Note::new(onset, offset, p, open.velocity).ok()) {
            notes.push(note);
        }
    }
}

#[cfg(test)]
mod tests {
    use mir_core::{Key, SampleRate};
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;
    use crate::Error;

    fn activations(
        rows: usize,
        onsets: &[(usize, f32)],
        frames: &[usize],
    ) -> TranscriptionActivations {
        let keys = KeyRange::new(Key::new(60).unwrap(), Key::new(60).unwrap()).unwrap();
        let mut onset = Array2::zeros((rows, 1));
        let mut frame = Array2::zeros((rows, 1));
        onsets.iter().for_each(|&(t, p)| onset[(t, 0)] = p);
        frames.iter().for_each(|&t| frame[(t, 0)] = 1.0);
        let grid = FrameGrid::new(SampleRate::HZ_16000, 512, 0).unwrap();
        TranscriptionActivations { grid, keys, onset, frame, offset: None, velocity: None }
    }

    fn rows(activations: &TranscriptionActivations) -> Vec<(usize, usize)> {
        let config = NoteDecoderConfig { refine: false, merge: 1, ..NoteDecoderConfig::default() };
        let grid = activations.grid;
        decode(activations, &config)
            .unwrap()
            .iter()
            .map(|note| (grid.frame_at(note.onset()), grid.frame_at(note.offset())))
            .collect()
    }

    /// The table of cases in which the published decoders disagree.
    #[test]
    fn the_published_cases() {
        for (case, onsets, frames, expected) in [
            ("A", vec![2], vec![2, 3, 4, 5], vec![(2, 6)]),
            ("B", vec![2, 3], vec![2, 3, 4, 5], vec![(2, 6)]),
            ("C", vec![1, 5], (1..8).collect(), vec![(1, 5), (5, 8)]),
            ("D", vec![1], vec![2, 3, 5, 6], vec![(1, 4)]),
            ("E", vec![], vec![1, 2, 3, 4], vec![]),
            ("F", vec![7], vec![7, 8, 9], vec![(7, 10)]),
            ("G", vec![3], vec![], vec![(3, 4)]),
            ("H", vec![0], vec![0, 1, 2], vec![(0, 3)]),
        ] {
            let onsets: Vec<_> = onsets.into_iter().map(|t| (t, 1.0)).collect();
            assert_eq!(rows(&activations(10, &onsets, &frames)), expected, "case {case}");
        }
    }

    #[test]
    fn two_neighbouring_peaks_become_the_higher_one() {
        let a = activations(12, &[(3, 0.7), (5, 0.9)], &[3, 4, 5, 6]);
        let config = NoteDecoderConfig { refine: false, ..NoteDecoderConfig::default() };
        let notes = decode(&a, &config).unwrap();
        assert_eq!(notes.len(), 1);
        assert!((notes[0].onset() - a.grid.time_of(5)).abs() < 1e-12);
    }

    #[test]
    fn an_onset_between_two_frames_is_dated_between_them() {
        let a = activations(10, &[(4, 0.9), (5, 0.89)], &[4, 5, 6]);
        let notes = decode(&a, &NoteDecoderConfig::default()).unwrap();
        assert_eq!(notes.len(), 1);
        let position = a.grid.position_of(notes[0].onset());
        assert!((position - 4.497).abs() < 0.01, "{position}");
    }

    #[test]
    fn rows_that_stand_for_what_follows_are_dated_in_their_middle() {
        let a = activations(10, &[(4, 0.9)], &[4, 5, 6]);
        let shifted = NoteDecoderConfig { row_shift: 0.5, ..NoteDecoderConfig::default() };
        let (plain, late) =
            (decode(&a, &NoteDecoderConfig::default()).unwrap(), decode(&a, &shifted).unwrap());
        for (time, expected) in
            [(late[0].onset(), plain[0].onset()), (late[0].offset(), plain[0].offset())]
        {
            assert!((time - expected - 0.016).abs() < 1e-12);
        }
    }

    #[test]
    fn velocity_is_read_at_the_onset() {
        let mut a = activations(6, &[(2, 1.0)], &[2, 3]);
        let mut velocity = Array2::zeros((6, 1));
        velocity[(2, 0)] = 100.0 / 127.0;
        a.velocity = Some(velocity);
        assert_eq!(decode(&a, &NoteDecoderConfig::default()).unwrap()[0].velocity().value(), 100);
    }

    #[test]
    fn a_threshold_outside_its_range_is_refused() {
        let config = NoteDecoderConfig { onset_threshold: 1.5, ..NoteDecoderConfig::default() };
        let a = activations(1, &[], &[]);
        assert!(matches!(decode(&a, &config), Err(Error::Config { field: "onset_threshold", .. })));
    }

    proptest! {
        #[test]
        fn notes_do_not_overlap_and_start_at_onsets(
            onset in prop::collection::vec(0.0f32..1.0, 1..80),
            frame in prop::collection::vec(0.0f32..1.0, 80),
            merge in 1usize..4, refine: bool, gaussian: bool,
        ) {
            let rows = onset.len();
            let mut a = activations(rows, &[], &[]);
            for t in 0..rows {
                a.onset[(t, 0)] = onset[t];
                a.frame[(t, 0)] = frame[t];
            }
            let refinement = if gaussian { Refinement::Gaussian } else { Refinement::CentreOfMass };
            let config =
                NoteDecoderConfig { merge, refine, refinement, ..NoteDecoderConfig::default() };
            let notes = decode(&a, &config).unwrap();
            for note in &notes {
                prop_assert!(note.offset() > note.onset());
                let t = a.grid.frame_at(note.onset());
                let near = t.saturating_sub(1)..(t + 2).min(rows);
                prop_assert!(near.into_iter().any(|t| onset[t] > 0.5));
            }
            for pair in notes.windows(2) {
                prop_assert!(pair[0].offset() <= pair[1].onset() + 1e-9);
            }
        }
    }
}
