//! Combining audio: gain, channels, joining.

use mir_core::{AudioBuffer, SampleRate};
use ndarray::{Array2, Axis, concatenate};

use crate::{Error, Result};

/// The factor of a gain in decibels, `10^(dB / 20)`.
pub fn from_db(decibels: f64) -> f64 {
    10f64.powf(decibels / 20.0)
}

/// The audio, every sample multiplied by `factor`.
#[must_use]
pub fn gain(mut audio: AudioBuffer, factor: f64) -> AudioBuffer {
    for channel in 0..audio.channels() {
        for x in audio.channel_mut(channel) {
            *x = (f64::from(*x) * factor) as f32;
        }
    }
    audio
}

/// The chosen channels, in the given order; a channel may be chosen more than once.
///
/// # Errors
/// [`Error::Mismatch`] for a channel that does not exist, [`Error::Core`] for none at all.
pub fn select_channels(audio: &AudioBuffer, channels: &[usize]) -> Result<AudioBuffer> {
    if let Some(&missing) = channels.iter().find(|&&c| c >= audio.channels()) {
        return Err(Error::Mismatch {
            field: "channel index",
            expected: audio.channels() as u64 - 1,
            actual: missing as u64,
        });
    }
    let chosen: Array2<f32> = audio.samples().select(Axis(0), channels);
    Ok(AudioBuffer::new(audio.sample_rate(), chosen)?)
}

/// The recordings one after the other.
///
/// # Errors
/// [`Error::Mismatch`] if rates or channel counts differ, [`Error::OutOfRange`] for no recording.
pub fn concat(parts: &[AudioBuffer]) -> Result<AudioBuffer> {
    let (rate, _) = common_format(parts)?;
    let views: Vec<_> = parts.iter().map(AudioBuffer::samples).collect();
    let joined = concatenate(Axis(1), &views).map_err(|_| Error::Mismatch {
        field: "number of channels",
        expected: parts[0].channels() as u64,
        actual: 0,
    })?;
    Ok(AudioBuffer::new(rate, joined)?)
}

/// The sum of the recordings, as long as the longest.
///
/// # Errors
/// As [`concat()`].
pub fn sum(parts: &[AudioBuffer]) -> Result<AudioBuffer> {
    let (rate, channels) = common_format(parts)?;
    let length = parts.iter().map(AudioBuffer::len).max().unwrap_or(0);
    let mut total = AudioBuffer::silence(rate, channels, length)?;
    for part in parts {
        for channel in 0..channels {
            for (sum, &x) in total.channel_mut(channel).iter_mut().zip(part.channel(channel)) {
                *sum += x;
            }
        }
    }
    Ok(total)
}

fn common_format(parts: &[AudioBuffer]) -> Result<(SampleRate, usize)> {
    let Some(first) = parts.first() else {
        return Err(Error::OutOfRange {
            field: "number of recordings",
            expected: "at least 1",
            actual: 0.0,
        });
    };
    for part in parts {
        let pairs = [
            (
                "sample rate in Hz",
                u64::from(first.sample_rate().hz()),
                u64::from(part.sample_rate().hz()),
            ),
            ("number of channels", first.channels() as u64, part.channels() as u64),
        ];
        for (field, expected, actual) in pairs {
            if expected != actual {
                return Err(Error::Mismatch { field, expected, actual });
            }
        }
    }
    Ok((first.sample_rate(), first.channels()))
}
