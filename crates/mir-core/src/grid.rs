//! Exact conversion between frames and time.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, SampleRate};

/// How a time between two frames is brought to one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// The frame whose time is the largest not above.
    Floor,
    /// The nearest frame; a time exactly half-way goes to the even one, as Python's `round` does.
    #[default]
    Nearest,
    /// The frame whose time is the smallest not below.
    Ceil,
}

/// Where the frames of a series lie in time: frame `n` is at `(n·hop + origin) / sample_rate` seconds.
///
/// The frame rate stays the exact fraction `sample_rate / hop`. A truncated one is not a detail: 22050
/// over 256, taken as 86 instead of 86.1328 frames per second, is 0.93 s wrong after ten minutes.
///
/// Any rational period is a grid: 10 ms is `sample_rate` 100 and `hop` 1, whatever the audio had.
///
/// ```
/// use mir_core::{FrameGrid, SampleRate};
/// let grid = FrameGrid::new(SampleRate::HZ_22050, 256, 0)?;
/// assert_eq!(grid.frame_at(600.0), 51_680);
/// assert!((grid.time_of(51_680) - 600.0).abs() < 0.006);
/// # Ok::<(), mir_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameGrid {
    sample_rate: SampleRate,
    hop: NonZeroU32,
    origin: i64,
}

impl FrameGrid {
    /// A grid with `hop` samples from frame to frame and frame 0 at sample `origin` (which may be
    /// negative: an uncentred analysis frame is dated by its middle, or by its start).
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a hop of 0.
    pub fn new(sample_rate: SampleRate, hop: u32, origin: i64) -> Result<Self> {
        let hop = NonZeroU32::new(hop).ok_or(Error::OutOfRange {
            field: "hop",
            expected: "at least 1 sample",
            actual: 0.0,
        })?;
        Ok(Self { sample_rate, hop, origin })
    }

    /// The rate that hop and origin are counted in.
    pub const fn sample_rate(&self) -> SampleRate {
        self.sample_rate
    }

    /// Samples from frame to frame.
    pub const fn hop(&self) -> u32 {
        self.hop.get()
    }

    /// Sample that frame 0 is dated to.
    pub const fn origin(&self) -> i64 {
        self.origin
    }

    /// The same grid with frame 0 at another sample.
    #[must_use]
    pub const fn with_origin(self, origin: i64) -> Self {
        Self { origin, ..self }
    }

    /// Frames per second. Exact only as the fraction `sample_rate / hop`; for display and estimates.
    pub fn frame_rate(&self) -> f64 {
        f64::from(self.sample_rate.hz()) / f64::from(self.hop.get())
    }

    /// Seconds from frame to frame, `hop / sample_rate`.
    pub fn period(&self) -> f64 {
        f64::from(self.hop.get()) / f64::from(self.sample_rate.hz())
    }

    /// Time of a frame, in seconds.
    pub fn time_of(&self, frame: usize) -> f64 {
        self.time_at(frame as f64)
    }

    /// Time of a fractional frame position, in seconds: `(position·hop + origin) / sample_rate`.
    pub fn time_at(&self, position: f64) -> f64 {
        (position * f64::from(self.hop.get()) + self.origin as f64)
            / f64::from(self.sample_rate.hz())
    }

    /// Fractional frame position of a time, the inverse of [`time_at`](Self::time_at). May be negative.
    pub fn position_of(&self, seconds: f64) -> f64 {
        (seconds * f64::from(self.sample_rate.hz()) - self.origin as f64)
            / f64::from(self.hop.get())
    }

    /// The frame nearest to a time; half-way goes to the even frame, times before frame 0 to frame 0.
    pub fn frame_at(&self, seconds: f64) -> usize {
        self.frame_with(seconds, Rounding::Nearest)
    }

    /// The frame of a time under a rounding rule; times before frame 0 give frame 0.
    pub fn frame_with(&self, seconds: f64, rounding: Rounding) -> usize {
        let position = self.position_of(seconds);
        // Float-to-integer casts saturate: negative positions and NaN become 0.
        (match rounding {
            Rounding::Floor => position.floor(),
            Rounding::Nearest => position.round_ties_even(),
            Rounding::Ceil => position.ceil(),
        }) as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn frame_at_inverts_time_of(
            frame in 0usize..10_000_000, hop in 1u32..4096, rate in 1u32..200_000, origin in -4096i64..4096,
        ) {
            let grid = FrameGrid::new(SampleRate::new(rate).unwrap(), hop, origin).unwrap();
            prop_assert_eq!(grid.frame_at(grid.time_of(frame)), frame);
        }
    }

    #[test]
    fn halves_go_to_the_even_frame() {
        let grid = FrameGrid::new(SampleRate::HZ_16000, 512, 0).unwrap();
        assert_eq!(grid.frame_at(0.016), 0);
        assert_eq!(grid.frame_at(0.048), 2);
        assert_eq!(grid.frame_with(0.031, Rounding::Floor), 0);
        assert_eq!(grid.frame_with(0.033, Rounding::Ceil), 2);
        assert_eq!(grid.frame_at(-5.0), 0);
    }

    #[test]
    fn a_zero_hop_is_refused() {
        assert!(FrameGrid::new(SampleRate::HZ_16000, 0, 0).is_err());
        let json = r#"{"sample_rate":16000,"hop":0,"origin":0}"#;
        assert!(serde_json::from_str::<FrameGrid>(json).is_err());
    }
}
