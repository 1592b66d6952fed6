//! What a transcription network says: probabilities of frames and keys.

use mir_core::{FrameGrid, KeyRange};
use ndarray::{Array1, Array2};

/// Probabilities `[frames, keys]` of one recording.
#[derive(Clone, Debug, PartialEq)]
pub struct TranscriptionActivations {
    /// Time of the rows.
    pub grid: FrameGrid,
    /// Keys of the columns.
    pub keys: KeyRange,
    /// Probability that a note starts, in [0, 1].
    pub onset: Array2<f32>,
    /// Probability that a note sounds, in [0, 1].
    pub frame: Array2<f32>,
    /// Probability that a note has just ended, in [0, 1], from networks with an offset head.
    pub offset: Option<Array2<f32>>,
    /// Velocity of a note that starts here, as a fraction of 127, from networks with a velocity head.
    pub velocity: Option<Array2<f32>>,
}

impl TranscriptionActivations {
    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.onset.nrows()
    }
}

/// Probabilities, one a frame, of the sustain pedal.
#[derive(Clone, Debug, PartialEq)]
pub struct PedalActivations {
    /// Time of the values.
    pub grid: FrameGrid,
    /// How near it is to going down, in [0, 1].
    pub onset: Array1<f32>,
    /// How near it is to coming up, in [0, 1].
    pub offset: Array1<f32>,
    /// Probability that it is down, in [0, 1].
    pub frame: Array1<f32>,
}
