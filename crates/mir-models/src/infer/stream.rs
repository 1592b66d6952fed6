//! Audio that arrives in blocks.

use mir_core::{FrameGrid, KeyRange, Note};
use mir_features::{LogMel, StreamingLogMel};
use ndarray::{Array2, ArrayView2};

use super::{Rows, Segments, Transcriber};
use crate::{
    Error, Result,
    activations::TranscriptionActivations,
    decode::{ActivationRow, NoteDecoder},
};

/// A recording on its way through a [`Transcriber`].
#[derive(Debug)]
pub struct TranscriptionStream<'a> {
    transcriber: &'a Transcriber,
    segments: Segments,
    front_end: StreamingLogMel,
    decoder: NoteDecoder,
    bins: usize,
    /// Feature rows from frame `first` on, one after the other.
    features: Vec<f32>,
    first: usize,
    /// The first frame that has not been decoded.
    next: usize,
    kept: Option<Kept>,
}

impl<'a> TranscriptionStream<'a> {
    pub(super) fn new(transcriber: &'a Transcriber) -> Result<Self> {
        let grid = transcriber.front_end.grid();
        let meta = transcriber.model.meta();
        let decoder = NoteDecoder::new(meta.decoder.clone(), grid, meta.architecture.keys)?;
        let front_end = LogMel::new(transcriber.front_end.config().clone())?;
        Ok(Self {
            transcriber,
            segments: transcriber.segments,
            front_end: StreamingLogMel::new(front_end)?,
            decoder,
            bins: meta.architecture.bins,
            features: Vec::new(),
            first: 0,
            next: 0,
            kept: None,
        })
    }

    /// Keeps the activations too, for [`finish`](Self::finish) to hand over: 4 bytes for each frame, key and head,
    /// 40 MB for an hour of one head of a piano at 32 ms. Everything else needs memory that does not grow.
    #[must_use]
    pub fn keeping_activations(mut self) -> Self {
        self.kept = Some(Kept::default());
        self
    }

    /// Reads the next samples (mono, at the transcriber's rate) and appends the notes that are known to
    /// have ended, in order of their ends.
    ///
    /// # Errors
    /// [`Error::Core`] for samples that are not finite, or what LibTorch says.
    pub fn push(&mut self, samples: &[f32], notes: &mut Vec<Note>) -> Result<()> {
        if let Some(sample) = samples.iter().position(|x| !x.is_finite()) {
            let value = samples[sample];
            return Err(mir_core::Error::NonFiniteSample { channel: 0, sample, value }.into());
        }
        self.front_end.push(samples);
        self.collect_features();
        // A segment is complete once the context after it has arrived too.
        while self.available() >= self.next + self.segments.look_ahead() {
            self.segment(self.next + self.segments.keep, notes)?;
        }
        Ok(())
    }

    /// Ends the recording and appends the remaining notes; the activations, if they were
    /// [kept](Self::keeping_activations).
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn finish(mut self, notes: &mut Vec<Note>) -> Result<Option<TranscriptionActivations>> {
        self.front_end.finish();
        self.collect_features();
        while self.next < self.available() {
            let end = (self.next + self.segments.keep).min(self.available());
            self.segment(end, notes)?;
        }
        self.decoder.finish(notes);
        let grid = self.transcriber.front_end.grid();
        let keys = self.transcriber.model.meta().architecture.keys;
        self.kept.map(|kept| kept.into_activations(grid, keys)).transpose()
    }

    /// Takes over the feature rows that are complete.
    fn collect_features(&mut self) {
        let mut row = vec![0.0; self.bins];
        while self.front_end.pop_into(&mut row) {
            self.features.extend_from_slice(&row);
        }
    }

    /// One past the last frame whose features are known.
    fn available(&self) -> usize {
        self.first + self.features.len() / self.bins
    }

    /// Decodes the frames from `next` to `end`, and forgets the features that no later frame needs.
    fn segment(&mut self, end: usize, notes: &mut Vec<Note>) -> Result<()> {
        let from = self.next.saturating_sub(self.segments.before);
        let to = (end + self.segments.after).min(self.available());
        let row = |frame: usize| (frame - self.first) * self.bins;
        let shape = (to - from, self.bins);
        let part =
            ArrayView2::from_shape(shape, &self.features[row(from)..row(to)]).map_err(|_| {
                Error::Shape {
                    what: "buffered features",
                    expected: format!("{shape:?}"),
                    actual: vec![self.features.len()],
                }
            })?;
        let keep = self.next - from..end - from;
        let heard = self.transcriber.model.forward(&[part], &[keep])?.pop();
        let rows = heard.unwrap_or_else(|| unreachable!("one part was given"));
        for t in 0..rows.onset.nrows() {
            let row = ActivationRow {
                onset: rows.onset.row(t),
                frame: rows.frame.row(t),
                offset: rows.offset.as_ref().map(|v| v.row(t)),
                velocity: rows.velocity.as_ref().map(|v| v.row(t)),
            };
            self.decoder.push(row, notes);
        }
        if let Some(kept) = &mut self.kept {
            kept.push(&rows);
        }
        self.next = end;
        let needed = end.saturating_sub(self.segments.before);
        self.features.drain(..row(needed));
        self.first = needed;
        Ok(())
    }
}

/// Activations so far, row after row.
#[derive(Debug, Default)]
struct Kept {
    frames: usize,
    onset: Vec<f32>,
    frame: Vec<f32>,
    /// Empty, like those of velocity, without such a head.
    offset: Vec<f32>,
    velocity: Vec<f32>,
}

impl Kept {
    fn push(&mut self, rows: &Rows) {
        self.frames += rows.onset.nrows();
        self.onset.extend(&rows.onset);
        self.frame.extend(&rows.frame);
        self.offset.extend(rows.offset.iter().flatten());
        self.velocity.extend(rows.velocity.iter().flatten());
    }

    fn into_activations(self, grid: FrameGrid, keys: KeyRange) -> Result<TranscriptionActivations> {
        let shape = (self.frames, keys.len());
        let array = |values: Vec<f32>| {
            let length = values.len();
            Array2::from_shape_vec(shape, values).map_err(|_| Error::Shape {
                what: "kept activations",
                expected: format!("{shape:?}"),
                actual: vec![length],
            })
        };
        let some = |values: Vec<f32>| (!values.is_empty()).then(|| array(values)).transpose();
        Ok(TranscriptionActivations {
            grid,
            keys,
            onset: array(self.onset)?,
            frame: array(self.frame)?,
            offset: some(self.offset)?,
            velocity: some(self.velocity)?,
        })
    }
}
