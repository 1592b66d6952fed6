//! What to read of a file, and how much of it at most.

use mir_core::SampleRate;
use serde::{Deserialize, Serialize};

use crate::{Error, ResampleMethod, Result};

/// What to read of a file.
///
/// ```
/// use mir_audio::{LoadOptions, SampleRate};
/// let speech = LoadOptions {
///     sample_rate: Some(SampleRate::HZ_16000),
///     mono: true,
///     ..LoadOptions::default()
/// };
/// # assert!(speech.mono);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadOptions {
    /// Rate of the result; `None` for the rate of the file.
    pub sample_rate: Option<SampleRate>,
    /// How to get there.
    pub resampling: ResampleMethod,
    /// Which audio stream of the file, from 0, as [`streams`](crate::streams) lists them; `None` for the
    /// one that the file prefers.
    pub stream: Option<usize>,
    /// Channels to keep, from 0, in this order; `None` for all.
    pub channels: Option<Vec<usize>>,
    /// Whether to mix the channels that are kept into one, by their mean.
    pub mono: bool,
    /// Where to begin, in seconds: finite, at least 0. Rounded to a sample of the file; past its end
    /// there are no samples.
    pub start: f64,
    /// How much to read, in seconds: finite, at least 0; `None` for everything to the end.
    pub duration: Option<f64>,
    /// Whether a file that ends too early, or is damaged, gives what can be read of it. A damaged
    /// packet becomes silence, so that what follows keeps its time.
    pub allow_truncated: bool,
    /// What to refuse.
    pub limits: Limits,
}

impl LoadOptions {
    /// The range in samples of a file of some rate: the first, and how many.
    pub(crate) fn range(&self, rate: SampleRate) -> Result<(u64, Option<u64>)> {
        let check = |field, seconds: f64| {
            if seconds.is_finite() && seconds >= 0.0 {
                Ok(rate.sample_at(seconds) as u64)
            } else {
                Err(Error::OutOfRange {
                    field,
                    expected: "finite and at least 0 s",
                    actual: seconds,
                })
            }
        };
        let start = check("start", self.start)?;
        let count = self.duration.map(|d| check("duration", d)).transpose()?;
        Ok((start, count))
    }

    /// The channels to keep of a file with `in_file` channels.
    pub(crate) fn kept_channels(&self, in_file: usize) -> Result<Vec<usize>> {
        let Some(channels) = &self.channels else { return Ok((0..in_file).collect()) };
        if channels.is_empty() {
            return Err(Error::OutOfRange {
                field: "number of channels to keep",
                expected: "at least 1",
                actual: 0.0,
            });
        }
        match channels.iter().find(|&&channel| channel >= in_file) {
            None => Ok(channels.clone()),
            Some(&missing) => Err(Error::Mismatch {
                field: "channel index",
                expected: in_file as u64 - 1,
                actual: missing as u64,
            }),
        }
    }
}

/// What to refuse, so that a broken or hostile file costs neither memory nor time.
///
/// Memory grows only as samples really come out of the decoder, never by what a header claims.
///
/// ```
/// use mir_audio::{Limits, LoadOptions};
/// let uploads = LoadOptions {
///     limits: Limits { max_duration: 600.0, max_channels: 2, ..Limits::default() },
///     ..LoadOptions::default()
/// };
/// # assert_eq!(uploads.limits.max_sample_rate, 768_000);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Longest audio to read, in seconds.
    pub max_duration: f64,
    /// Largest number of channels.
    pub max_channels: usize,
    /// Highest rate, in Hz.
    pub max_sample_rate: u32,
    /// Largest size of the decoded samples that [`load`](crate::load) keeps in memory, in bytes.
    pub max_bytes: u64,
}

impl Default for Limits {
    /// 24 hours, 64 channels, 768 kHz, 32 GiB.
    fn default() -> Self {
        Self {
            max_duration: 24.0 * 3600.0,
            max_channels: 64,
            max_sample_rate: 768_000,
            max_bytes: 32 << 30,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_rounded_to_samples() {
        let options = LoadOptions { start: 0.5, duration: Some(1e-4), ..LoadOptions::default() };
        let range = options.range(SampleRate::HZ_44100).unwrap();
        assert_eq!(range, (22_050, Some(4)));
        for start in [-1.0, f64::NAN, f64::INFINITY] {
            let options = LoadOptions { start, ..LoadOptions::default() };
            let error = options.range(SampleRate::HZ_44100).unwrap_err();
            assert!(matches!(error, Error::OutOfRange { field: "start", .. }));
        }
    }
}
