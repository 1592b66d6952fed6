//! Sample rates.

use std::{fmt, num::NonZeroU32};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Samples per second of one channel: a whole number of hertz, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SampleRate(NonZeroU32);

impl SampleRate {
    /// 16 kHz: speech and piano transcription.
    pub const HZ_16000: Self = Self::constant(16_000);
    /// 22.05 kHz: librosa's default.
    pub const HZ_22050: Self = Self::constant(22_050);
    /// 44.1 kHz: compact disc.
    pub const HZ_44100: Self = Self::constant(44_100);
    /// 48 kHz: video.
    pub const HZ_48000: Self = Self::constant(48_000);

    /// From a literal, at compile time.
    const fn constant(hz: u32) -> Self {
        match NonZeroU32::new(hz) {
            Some(hz) => Self(hz),
            None => panic!("a sample rate constant is not zero"),
        }
    }

    /// From hertz.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for 0.
    pub fn new(hz: u32) -> Result<Self> {
        NonZeroU32::new(hz).map(Self).ok_or(Error::OutOfRange {
            field: "sample rate",
            expected: "at least 1 Hz",
            actual: 0.0,
        })
    }

    /// In hertz.
    pub const fn hz(self) -> u32 {
        self.0.get()
    }

    /// Time of a sample in seconds: `index / rate`.
    pub fn seconds(self, index: usize) -> f64 {
        index as f64 / f64::from(self.hz())
    }

    /// The sample nearest to a time: `round(seconds · rate)`, 0 for negative times and NaN.
    pub fn sample_at(self, seconds: f64) -> usize {
        // A float-to-integer cast saturates, and takes NaN to 0.
        (seconds * f64::from(self.hz())).round() as usize
    }
}

impl fmt::Display for SampleRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.hz())
    }
}

impl TryFrom<u32> for SampleRate {
    type Error = Error;

    fn try_from(hz: u32) -> Result<Self> {
        Self::new(hz)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_refused() {
        assert!(matches!(SampleRate::new(0), Err(Error::OutOfRange { .. })));
        assert!(serde_json::from_str::<SampleRate>("0").is_err());
    }

    #[test]
    fn seconds_and_samples_are_inverse() {
        for index in [0, 1, 44_099, 1_587_600_001] {
            assert_eq!(SampleRate::HZ_44100.sample_at(SampleRate::HZ_44100.seconds(index)), index);
        }
        assert_eq!(SampleRate::HZ_16000.sample_at(-1.0), 0);
        assert_eq!(SampleRate::HZ_16000.sample_at(f64::NAN), 0);
    }
}
