//! One change of a recording, with all its parameters.

use mir_core::{AudioBuffer, SampleRate};
use serde::{Deserialize, Serialize};

use super::{
    filter::Biquad,
    noise::{self, NoiseColor},
    reverb::reverberate,
    stretch,
};
use crate::{Error, Result, mix};

/// One change of a recording. Plain data: stored beside a recording, it says how that came about.
///
/// Lengths stay except with `Crop`, `Stretch` and `Speed`; [`moved`](Self::moved) says where an event
/// lies afterwards, [`semitones`](Self::semitones) how far pitches moved.
///
/// ```
/// use mir_audio::{AudioBuffer, SampleRate, augment::Transform};
/// let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.25, -0.5]);
/// let flipped = Transform::InvertPolarity.apply(audio)?;
/// assert_eq!(flipped.channel(0), [-0.25, 0.5]);
/// # Ok::<(), mir_audio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Transform {
    /// Samples from `start` on, `samples` of them; silence follows where the recording ends before.
    Crop {
        /// First sample.
        start: usize,
        /// Length of the result.
        samples: usize,
    },
    /// All samples times −1.
    InvertPolarity,
    /// The channels in reverse order.
    SwapChannels,
    /// Silence in front, or for a negative delay the beginning left out; the length stays.
    Delay {
        /// Samples.
        samples: i64,
    },
    /// Longer or shorter at the same pitch, by a phase vocoder (Laroche and Dolson 1999). A stroke spreads
    /// over up to 46 ms (at 44.1 kHz) around its time, which stays exact.
    Stretch {
        /// New duration over old, 0.25 to 4.
        ratio: f64,
    },
    /// Higher or lower at the same duration: [`Stretch`](Self::Stretch), then resampled. Formants move
    /// along.
    Pitch {
        /// −24 to 24, met within 0.2 cent for ±12 and within 0.5 cent beyond.
        semitones: f64,
    },
    /// Played faster or slower, as a tape: pitch and duration together.
    Speed {
        /// 0.25 to 4, rounded to 1/8000.
        factor: f64,
    },
    /// A peaking equalizer (second order).
    Peak {
        /// Centre; at or above half the rate nothing changes. Above 0.
        hz: f64,
        /// Centre over bandwidth. Above 0.
        q: f64,
        /// Gain at the centre, −60 to 60.
        decibels: f64,
    },
    /// A narrow band left out (second-order notch).
    BandReject {
        /// Centre; at or above half the rate nothing changes. Above 0.
        hz: f64,
        /// Centre over bandwidth. Above 0.
        q: f64,
    },
    /// A made-up room: exponentially falling noise is added as reverberation. For a measured room, see
    /// [`convolve`](super::convolve).
    Reverb {
        /// Time in which it falls by 60 dB, above 0 and at most 20 s.
        seconds: f64,
        /// Reverberation over direct sound, for a steady broad-band sound; −100 to 40 dB.
        decibels: f64,
        /// Of the room.
        seed: u64,
    },
    /// Noise, independent in every channel. To silence none is added.
    Noise {
        /// Its colour.
        color: NoiseColor,
        /// Power of the recording over power of the noise, −100 to 200 dB.
        snr: f64,
        /// Of the noise.
        seed: u64,
    },
    /// All samples times `10^(decibels / 20)`.
    Gain {
        /// −200 to 200 dB.
        decibels: f64,
    },
}

impl Transform {
    /// The changed recording. Nothing is clipped.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a parameter outside its range.
    pub fn apply(&self, mut audio: AudioBuffer) -> Result<AudioBuffer> {
        self.validate()?;
        match *self {
            Self::Crop { start, samples } => return crop(&audio, start, samples),
            Self::InvertPolarity => return Ok(mix::gain(audio, -1.0)),
            Self::SwapChannels => {
                let reversed: Vec<usize> = (0..audio.channels()).rev().collect();
                return mix::select_channels(&audio, &reversed);
            }
            Self::Delay { samples } => delay(&mut audio, samples),
            Self::Stretch { ratio } => return stretch::stretch(&audio, ratio),
            Self::Pitch { semitones } => return stretch::shift(&audio, semitones),
            Self::Speed { factor } => return stretch::speed(&audio, factor),
            Self::Peak { hz, q, decibels } => {
                if let Some(filter) = Biquad::peak(audio.sample_rate(), hz, q, decibels) {
                    filter.apply(&mut audio);
                }
            }
            Self::BandReject { hz, q } => {
                if let Some(filter) = Biquad::notch(audio.sample_rate(), hz, q) {
                    filter.apply(&mut audio);
                }
            }
            Self::Reverb { seconds, decibels, seed } => {
                return reverberate(&audio, seconds, mix::from_db(decibels), seed);
            }
            Self::Noise { color, snr, seed } => {
                let noise = noise::like(&audio, color, seed)?;
                return mix::at_snr(&audio, &noise, snr);
            }
            Self::Gain { decibels } => return Ok(mix::gain(audio, mix::from_db(decibels))),
        }
        Ok(audio)
    }

    /// Where an event at `seconds` of the recording lies in the changed one; negative or past its end if it
    /// was cut off.
    ///
    /// ```
    /// use mir_audio::{SampleRate, augment::Transform};
    /// let slower = Transform::Stretch { ratio: 1.5 };
    /// assert_eq!(slower.moved(2.0, SampleRate::HZ_44100), 3.0);
    /// ```
    pub fn moved(&self, seconds: f64, rate: SampleRate) -> f64 {
        let rate = f64::from(rate.hz());
        match *self {
            Self::Crop { start, .. } => seconds - start as f64 / rate,
            Self::Delay { samples } => seconds + samples as f64 / rate,
            Self::Stretch { ratio } => seconds * ratio,
            Self::Speed { factor } => seconds / stretch::nearest_factor(factor),
            _ => seconds,
        }
    }

    /// By how many semitones pitches rise.
    ///
    /// ```
    /// use mir_audio::augment::Transform;
    /// assert_eq!(Transform::Speed { factor: 2.0 }.semitones(), 12.0);
    /// assert_eq!(Transform::Stretch { ratio: 2.0 }.semitones(), 0.0);
    /// ```
    pub fn semitones(&self) -> f64 {
        match *self {
            Self::Pitch { semitones } => semitones,
            Self::Speed { factor } => 12.0 * stretch::nearest_factor(factor).log2(),
            _ => 0.0,
        }
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] names the first one outside its range.
    pub fn validate(&self) -> Result<()> {
        match *self {
            Self::Stretch { ratio } => within("ratio", ratio, 0.25..=4.0, "0.25 to 4"),
            Self::Pitch { semitones } => {
                within("semitones", semitones, -24.0..=24.0, "-24 to 24 semitones")
            }
            Self::Speed { factor } => within("factor", factor, 0.25..=4.0, "0.25 to 4"),
            Self::Peak { hz, q, decibels } => positive("hz", hz).and(positive("q", q)).and(within(
                "decibels",
                decibels,
                -60.0..=60.0,
                "-60 to 60 dB",
            )),
            Self::BandReject { hz, q } => positive("hz", hz).and(positive("q", q)),
            Self::Reverb { seconds, decibels, .. } => positive("seconds", seconds)
                .and(within("seconds", seconds, 0.0..=20.0, "above 0 and at most 20 s"))
                .and(within("decibels", decibels, -100.0..=40.0, "-100 to 40 dB")),
            Self::Noise { snr, .. } => within("snr", snr, -100.0..=200.0, "-100 to 200 dB"),
            Self::Gain { decibels } => {
                within("decibels", decibels, -200.0..=200.0, "-200 to 200 dB")
            }
            Self::Crop { .. } | Self::InvertPolarity | Self::SwapChannels | Self::Delay { .. } => {
                Ok(())
            }
        }
    }
}

pub(super) fn within(
    field: &'static str,
    actual: f64,
    range: std::ops::RangeInclusive<f64>,
    expected: &'static str,
) -> Result<()> {
    if range.contains(&actual) {
        Ok(())
    } else {
        Err(Error::OutOfRange { field, expected, actual })
    }
}

fn positive(field: &'static str, actual: f64) -> Result<()> {
    if actual.is_finite() && actual > 0.0 {
        Ok(())
    } else {
        Err(Error::OutOfRange { field, expected: "finite and above 0", actual })
    }
}

fn crop(audio: &AudioBuffer, start: usize, samples: usize) -> Result<AudioBuffer> {
    let part = audio.excerpt(start..start.saturating_add(samples));
    let mut out = AudioBuffer::silence(audio.sample_rate(), audio.channels(), samples)?;
    for channel in 0..audio.channels() {
        out.channel_mut(channel)[..part.len()].copy_from_slice(part.channel(channel));
    }
    Ok(out)
}

fn delay(audio: &mut AudioBuffer, samples: i64) {
    let by = usize::try_from(samples.unsigned_abs()).unwrap_or(usize::MAX).min(audio.len());
    for channel in 0..audio.channels() {
        let x = audio.channel_mut(channel);
        if samples >= 0 {
            x.rotate_right(by);
            x[..by].fill(0.0);
        } else {
            x.rotate_left(by);
            let kept = x.len() - by;
            x[kept..].fill(0.0);
        }
    }
}
