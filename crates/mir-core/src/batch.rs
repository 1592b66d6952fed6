//! What trainers eat: windows, batches, and the source they come from.
//!
//! `mir-datasets` fills these structs, `mir-models` turns them into tensors; neither knows the other.

use ndarray::{Array2, Array3, Axis};
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
    /// Where events lie between frames, for networks that learn that.
    pub near: Option<NearTargets>,
}

/// How near the onsets and offsets of notes are: a [`RegressionRoll`](crate::RegressionRoll) for each example, each
/// `[batch, frames, keys]` with values in [0, 1].
#[derive(Clone, Debug, PartialEq)]
pub struct NearTargets {
    /// How near an onset is.
    pub onset: Array3<f32>,
    /// How near an offset is.
    pub offset: Array3<f32>,
    /// 0 in the cells of notes that reach out of the window, of which a network that hears only the window cannot
    /// know, else 1; padded frames are those of the other mask.
    pub mask: Array3<f32>,
}

impl TranscriptionTargets {
    /// Without a note and all padding; with `near` also how far the next event is: nowhere near.
    pub fn zeros(batch: usize, frames: usize, keys: usize, near: bool) -> Self {
        let roll = || Array3::zeros((batch, frames, keys));
        let near = near.then(|| NearTargets {
            onset: roll(),
            offset: roll(),
            mask: Array3::ones((batch, frames, keys)),
        });
        let mask = Array2::zeros((batch, frames));
        Self { onset: roll(), offset: roll(), frame: roll(), velocity: roll(), mask, near }
    }

    /// The targets of some examples, in this order; one may come several times.
    ///
    /// # Panics
    /// If there is no such example.
    pub fn select(&self, examples: &[usize]) -> Self {
        let cells = |roll: &Array3<f32>| roll.select(Axis(0), examples);
        Self {
            onset: cells(&self.onset),
            offset: cells(&self.offset),
            frame: cells(&self.frame),
            velocity: cells(&self.velocity),
            mask: self.mask.select(Axis(0), examples),
            near: self.near.as_ref().map(|near| NearTargets {
                onset: cells(&near.onset),
                offset: cells(&near.offset),
                mask: cells(&near.mask),
            }),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selected_examples_keep_all_of_their_targets() {
        let mut targets = TranscriptionTargets::zeros(3, 4, 5, true);
        targets.velocity[(2, 3, 4)] = 0.5;
        targets.mask[(2, 0)] = 1.0;
        let near = targets.near.as_mut().unwrap();
        (near.onset[(2, 1, 0)], near.mask[(0, 1, 2)]) = (0.25, 0.0);
        let chosen = targets.select(&[2, 0, 2]);
        assert_eq!(chosen.frame.dim(), (3, 4, 5));
        for (example, velocity) in [(0, 0.5), (1, 0.0), (2, 0.5)] {
            assert!((chosen.velocity[(example, 3, 4)] - velocity).abs() < f32::EPSILON);
            assert!((chosen.mask[(example, 0)] - 2.0 * velocity).abs() < f32::EPSILON);
        }
        let near = chosen.near.unwrap();
        assert!((near.onset[(0, 1, 0)] - 0.25).abs() < f32::EPSILON && near.mask[(1, 1, 2)] < 0.5);
        assert_eq!(targets.select(&[0, 1, 2]), targets);
    }
}
