//! What a transcription network says: probabilities of frames and keys.

use mir_core::{FrameGrid, KeyRange};
use ndarray::{Array1, Array2, Axis};

use crate::{Error, Result};

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

impl PedalActivations {
    /// The same as activations of the one key that stands for the pedal
    /// ([`PedalSpan::KEY`](mir_core::PedalSpan::KEY)).
    ///
    /// ```
    /// # use mir_core::{FrameGrid, SampleRate};
    /// # use mir_models::activations::PedalActivations;
    /// # use ndarray::Array1;
    /// let grid = FrameGrid::new(SampleRate::HZ_16000, 160, 0)?;
    /// let values = |x| Array1::from_elem(5, x);
    /// let said = PedalActivations { grid, onset: values(0.1), offset: values(0.2), frame: values(0.3) };
    /// let of_key = said.clone().into_key();
    /// assert_eq!(of_key.onset.dim(), (5, 1));
    /// assert_eq!(PedalActivations::of_key(&of_key)?, said);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_key(self) -> TranscriptionActivations {
        let column = |values: Array1<f32>| values.insert_axis(Axis(1));
        TranscriptionActivations {
            grid: self.grid,
            keys: KeyRange::PEDAL,
            onset: column(self.onset),
            frame: column(self.frame),
            offset: Some(column(self.offset)),
            velocity: None,
        }
    }

    /// The pedal again.
    ///
    /// # Errors
    /// [`Error::Shape`] for activations of other keys, or without offsets.
    pub fn of_key(said: &TranscriptionActivations) -> Result<Self> {
        let (KeyRange::PEDAL, Some(offset)) = (said.keys, &said.offset) else {
            return Err(Error::Shape {
                what: "activations of the pedal",
                expected: "onset, offset and frame of one key".to_owned(),
                actual: vec![said.frames(), said.keys.len()],
            });
        };
        let values = |of: &Array2<f32>| of.column(0).to_owned();
        let (onset, frame) = (values(&said.onset), values(&said.frame));
        Ok(Self { grid: said.grid, onset, offset: values(offset), frame })
    }
}
