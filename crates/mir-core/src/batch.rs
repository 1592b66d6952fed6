//! What trainers eat: windows, batches, and the source they come from.
//!
//! `mir-datasets` fills these structs, `mir-models` turns them into tensors; neither knows the other.

use ndarray::{Array2, Array3};
use serde::{Deserialize, Serialize};

/// A stretch of frames of one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// Index of the track in its store.
    pub track: usize,
    /// First frame.
    pub start: usize,
    /// Number of frames.
    pub frames: usize,
}

/// Inputs and targets of one training step, and where they were cut from.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<X, Y> {
    /// Network input, batch first: `[batch, channels, frames, bins]` for features.
    pub inputs: X,
    /// What the network should say.
    pub targets: Y,
    /// One window for each example of the batch.
    pub windows: Vec<Window>,
}

/// Targets of note transcription, each `[batch, frames, keys]` with values in [0, 1].
#[derive(Clone, Debug, PartialEq)]
pub struct TranscriptionTargets {
    /// 1 where a note starts.
    pub onset: Array3<f32>,
    /// 1 where a note has just ended.
    pub offset: Array3<f32>,
    /// 1 where a note sounds.
    pub frame: Array3<f32>,
    /// Velocity as a fraction of 127 where a note sounds.
    pub velocity: Array3<f32>,
    /// `[batch, frames]`: 1 where the recording covers the frame, 0 where the window was padded.
    pub mask: Array2<f32>,
}

/// A place in an endless stream of epochs: enough to continue it elsewhere, exactly.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct BatchPosition {
    /// Epoch, from 0.
    pub epoch: u64,
    /// Batches already taken from that epoch.
    pub batch: u64,
}

/// An endless stream of batches, epoch after epoch, that can be continued from any place.
///
/// The stream is a function of the source's seed and the position alone: two sources of equal seed
/// give equal batches at equal positions, whatever was read before and on however many threads.
pub trait BatchSource {
    /// The batch type.
    type Batch;
    /// What can go wrong while loading.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The batch at the current position; moves one on.
    ///
    /// # Errors
    /// Whatever stops the data from being read. The position does not move then.
    fn next_batch(&mut self) -> Result<Self::Batch, Self::Error>;

    /// Where the next batch comes from.
    fn position(&self) -> BatchPosition;

    /// Continues at a position that [`position`](Self::position) once gave.
    ///
    /// # Errors
    /// If the position lies outside the source, as after a change of the data.
    fn seek(&mut self, position: BatchPosition) -> Result<(), Self::Error>;

    /// Batches in one epoch, at least 1.
    fn batches_per_epoch(&self) -> u64;
}
