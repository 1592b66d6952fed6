//! Combining audio: gain, channels, excerpts, joining, mixing down.

use std::{borrow::Borrow, f64::consts::FRAC_1_SQRT_2};

use mir_core::{AudioBuffer, SampleRate};
use ndarray::{Array2, Axis, concatenate};
use serde::{Deserialize, Serialize};

use crate::{Error, LoadOptions, Result};

/// The factor of a gain in decibels, `10^(dB / 20)`.
///
/// ```
/// assert!((mir_audio::mix::from_db(-6.0206) - 0.5).abs() < 1e-6);
/// ```
pub fn from_db(decibels: f64) -> f64 {
    10f64.powf(decibels / 20.0)
}

/// The audio, every sample multiplied by `factor`.
///
/// ```
/// use mir_audio::{AudioBuffer, SampleRate, mix};
/// let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.5, -0.25]);
/// assert_eq!(mix::gain(audio, 2.0).channel(0), [1.0, -0.5]);
/// ```
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
/// ```
/// use mir_audio::{AudioBuffer, SampleRate, mix};
/// let stereo = AudioBuffer::from_channels(SampleRate::HZ_16000, &[[0.1], [0.2]])?;
/// assert_eq!(mix::select_channels(&stereo, &[1])?.channel(0), [0.2]);
/// # Ok::<(), mir_audio::Error>(())
/// ```
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
/// ```
/// use mir_audio::{AudioBuffer, SampleRate, mix};
/// let part = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.1, 0.2]);
/// assert_eq!(mix::concat(&[part.clone(), part])?.len(), 4);
/// # Ok::<(), mir_audio::Error>(())
/// ```
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
/// ```
/// use mir_audio::{AudioBuffer, SampleRate, mix};
/// let long = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.25, 0.25]);
/// let short = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.5]);
/// assert_eq!(mix::sum(&[long, short])?.channel(0), [0.75, 0.25]);
/// # Ok::<(), mir_audio::Error>(())
/// ```
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

/// The recording with another one added, at a ratio of their powers: `10·log10(P(audio) / P(added)) = snr`.
///
/// Powers are means over all samples and channels of what is heard. The other is repeated if it is shorter,
/// and cut if it is longer. If either is silent, the recording stays as it is.
///
/// ```
/// use mir_audio::{AudioBuffer, SampleRate, mix};
/// let speech = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.5, -0.5, 0.5, -0.5]);
/// let street = AudioBuffer::mono(SampleRate::HZ_16000, vec![1.0, 1.0]);
/// let mixed = mix::at_snr(&speech, &street, 20.0)?;
/// assert!((mixed.channel(0)[3] - (-0.5 + 0.05)).abs() < 1e-6);
/// # Ok::<(), mir_audio::Error>(())
/// ```
///
/// # Errors
/// [`Error::Mismatch`] if rates or channel counts differ, [`Error::OutOfRange`] unless `snr` is finite.
pub fn at_snr(audio: &AudioBuffer, other: &AudioBuffer, snr: f64) -> Result<AudioBuffer> {
    let pair = [audio, other];
    common_format(&pair)?;
    if !snr.is_finite() {
        let expected = "a finite number of decibels";
        return Err(Error::OutOfRange { field: "snr", expected, actual: snr });
    }
    let heard = |channel| other.channel(channel).iter().cycle().take(audio.len());
    let square = |x: &f32| f64::from(*x).powi(2);
    let (mut signal, mut noise) = (0.0, 0.0);
    for channel in 0..audio.channels() {
        signal += audio.channel(channel).iter().map(square).sum::<f64>();
        noise += heard(channel).map(square).sum::<f64>();
    }
    let mut mixed = audio.clone();
    if signal > 0.0 && noise > 0.0 {
        let scale = (signal / noise).sqrt() * from_db(-snr);
        for channel in 0..audio.channels() {
            for (sum, &x) in mixed.channel_mut(channel).iter_mut().zip(heard(channel)) {
                *sum += (scale * f64::from(x)) as f32;
            }
        }
    }
    Ok(mixed)
}

/// A copy of a part in seconds, cut at the end of the audio; both ends are rounded to samples.
///
/// ```
/// use mir_audio::{AudioBuffer, SampleRate, mix};
/// let audio = AudioBuffer::silence(SampleRate::HZ_16000, 1, 32_000)?;
/// assert_eq!(mix::excerpt(&audio, 0.5, Some(1.0))?.len(), 16_000);
/// assert_eq!(mix::excerpt(&audio, 1.5, None)?.len(), 8_000);
/// # Ok::<(), mir_audio::Error>(())
/// ```
///
/// # Errors
/// [`Error::OutOfRange`] unless `start` and `duration` are finite and at least 0.
pub fn excerpt(audio: &AudioBuffer, start: f64, duration: Option<f64>) -> Result<AudioBuffer> {
    let options = LoadOptions { start, duration, ..LoadOptions::default() };
    let (first, count) = options.range(audio.sample_rate())?;
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let last = count.map_or(usize::MAX, |count| index(first.saturating_add(count)));
    Ok(audio.excerpt(index(first)..last))
}

/// How several channels become fewer.
///
/// ```
/// use mir_audio::{AudioBuffer, SampleRate, mix::{Downmix, downmix}};
/// let stereo = AudioBuffer::from_channels(SampleRate::HZ_44100, &[[0.5], [0.5]])?;
/// assert_eq!(downmix(&stereo, Downmix::Mean)?.channel(0), [0.5]);
/// assert!((downmix(&stereo, Downmix::Power)?.channel(0)[0] - 0.5f32.sqrt()).abs() < 1e-6);
/// # Ok::<(), mir_audio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Downmix {
    /// One channel, the mean of all: cannot exceed full scale, and is quieter for unrelated channels.
    #[default]
    Mean,
    /// One channel, the sum over √channels: keeps the power of unrelated channels.
    Power,
    /// Two channels (ITU-R BS.775-3, table 2): `left + √½·centre + √½·left surround`, and the same on
    /// the right; low frequency effects are left out. May exceed full scale. One channel goes to both
    /// sides; two stay; otherwise the order is left, right, centre, (low frequency,) left surround,
    /// right surround.
    ItuStereo,
}

/// The audio with fewer channels.
///
/// ```
/// use mir_audio::{AudioBuffer, SampleRate, mix::{Downmix, downmix}};
/// let surround = AudioBuffer::silence(SampleRate::HZ_48000, 6, 100)?;
/// assert_eq!(downmix(&surround, Downmix::ItuStereo)?.channels(), 2);
/// assert_eq!(downmix(&surround, Downmix::Mean)?.channels(), 1);
/// # Ok::<(), mir_audio::Error>(())
/// ```
///
/// # Errors
/// [`Error::Mismatch`] for [`Downmix::ItuStereo`] of 4 or more than 6 channels, whose roles are not known.
pub fn downmix(audio: &AudioBuffer, rule: Downmix) -> Result<AudioBuffer> {
    let count = audio.channels();
    let half = FRAC_1_SQRT_2 as f32;
    let rows: Vec<Vec<f32>> = match rule {
        Downmix::Mean => vec![vec![1.0 / count as f32; count]],
        Downmix::Power => vec![vec![1.0 / (count as f32).sqrt(); count]],
        Downmix::ItuStereo => match count {
            1 => vec![vec![1.0], vec![1.0]],
            2 => vec![vec![1.0, 0.0], vec![0.0, 1.0]],
            3 => vec![vec![1.0, 0.0, half], vec![0.0, 1.0, half]],
            5 => vec![vec![1.0, 0.0, half, half, 0.0], vec![0.0, 1.0, half, 0.0, half]],
            6 => vec![vec![1.0, 0.0, half, 0.0, half, 0.0], vec![0.0, 1.0, half, 0.0, 0.0, half]],
            actual => {
                return Err(Error::Mismatch {
                    field: "number of channels (1, 2, 3, 5 or 6 have known roles)",
                    expected: 6,
                    actual: actual as u64,
                });
            }
        },
    };
    let mixed: Vec<Vec<f32>> = rows.iter().map(|weights| weighted_sum(audio, weights)).collect();
    Ok(AudioBuffer::from_channels(audio.sample_rate(), &mixed)?)
}

fn weighted_sum(audio: &AudioBuffer, weights: &[f32]) -> Vec<f32> {
    let mut total = vec![0.0; audio.len()];
    for (channel, &weight) in weights.iter().enumerate() {
        for (sum, &x) in total.iter_mut().zip(audio.channel(channel)) {
            *sum += weight * x;
        }
    }
    total
}

fn common_format<A: Borrow<AudioBuffer>>(parts: &[A]) -> Result<(SampleRate, usize)> {
    let Some(first) = parts.first().map(Borrow::borrow) else {
        return Err(Error::OutOfRange {
            field: "number of recordings",
            expected: "at least 1",
            actual: 0.0,
        });
    };
    for part in parts.iter().map(Borrow::borrow) {
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
