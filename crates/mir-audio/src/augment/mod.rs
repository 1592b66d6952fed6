//! Augmentation: what else could this recording have sounded like?
//!
//! [`AugmentConfig`] says what may vary and how far; [`AugmentConfig::draw`] draws one variant as a list of
//! [`Transform`]s, which is plain data to be kept beside the result; [`apply`] carries them out.
//!
//! # Conventions
//! - Everything is off by default. Ranges are `[lowest, highest]`, drawn uniformly; a probability is from
//!   0 to 1.
//! - A draw depends on its seed and on the number of the item alone: not on threads, order or machine.
//!   Every variation draws its own number, so that switching one on does not change the others.
//! - Sound on two machines may differ in the last bits, as their sines do; on one it does not.
//! - For several parts of one mixture, apply the same or different lists to the parts and add them up
//!   again ([`mix::sum`](crate::mix::sum)): the mixture stays the sum of its parts.
//! - Times and pitches of annotations move with [`Transform::moved`] and [`Transform::semitones`].
//!
//! Augmentation of features rather than of sound is in `mir-features` and `mir-datasets`.
//!
//! # Example
//! ```
//! use mir_audio::{AudioBuffer, SampleRate, augment::{self, AugmentConfig, NoiseColor, NoiseRange}};
//! let config = AugmentConfig {
//!     gain: Some([-6.0, 6.0]),
//!     pitch: Some([-0.1, 0.1]),
//!     noise: Some(NoiseRange { color: NoiseColor::Pink, snr: [20.0, 50.0] }),
//!     ..AugmentConfig::default()
//! };
//! let audio = AudioBuffer::silence(SampleRate::HZ_16000, 1, 16_000)?;
//! for item in 0..3 {
//!     let transforms = config.draw(7, item)?;
//!     assert_eq!(transforms.len(), 3);
//!     let variant = augment::apply(audio.clone(), &transforms)?;
//!     assert_eq!(variant.len(), audio.len());
//! }
//! # Ok::<(), mir_audio::Error>(())
//! ```

mod filter;
mod noise;
mod random;
mod reverb;
mod stretch;
mod transform;

use mir_core::AudioBuffer;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};
pub use noise::NoiseColor;
use random::Random;
pub use reverb::convolve;
pub use transform::Transform;
use transform::within;

/// The recording after all the changes, one after the other.
///
/// ```
/// use mir_audio::{AudioBuffer, SampleRate, augment::{Transform, apply}};
/// let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.5, -0.25]);
/// let changes = [Transform::InvertPolarity, Transform::Delay { samples: 1 }];
/// assert_eq!(apply(audio, &changes)?.channel(0), [0.0, -0.5]);
/// # Ok::<(), mir_audio::Error>(())
/// ```
///
/// # Errors
/// As [`Transform::apply`].
pub fn apply(audio: AudioBuffer, transforms: &[Transform]) -> Result<AudioBuffer> {
    transforms.iter().try_fold(audio, |audio, transform| transform.apply(audio))
}

/// Which variations are drawn, and how far they go.
///
/// They are carried out in this order: polarity, channels, delay, stretch, speed, pitch, equalizers, band
/// reject, reverberation, noise, gain.
///
/// ```
/// use mir_audio::augment::AugmentConfig;
/// let config = AugmentConfig { gain: Some([-6.0, 6.0]), ..AugmentConfig::default() };
/// // The same seed and item give the same variant.
/// assert_eq!(config.draw(1, 5)?, config.draw(1, 5)?);
/// assert!(AugmentConfig::default().draw(1, 5)?.is_empty());
/// # Ok::<(), mir_audio::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Probability of inverted polarity.
    pub invert_polarity: f64,
    /// Probability of channels in reverse order.
    pub swap_channels: f64,
    /// Delay in samples; whole numbers.
    pub delay: Option<[i64; 2]>,
    /// New duration over old at the same pitch, within 0.25 to 4.
    pub stretch: Option<[f64; 2]>,
    /// Speed of a tape, within 0.25 to 4.
    pub speed: Option<[f64; 2]>,
    /// Semitones at the same duration, within ±24.
    pub pitch: Option<[f64; 2]>,
    /// Number of peaking equalizers.
    pub equalizers: usize,
    /// What each of them is drawn from.
    pub equalizer: EqualizerRange,
    /// A band left out.
    pub band_reject: Option<BandRejectRange>,
    /// A made-up room.
    pub reverb: Option<ReverbRange>,
    /// Added noise.
    pub noise: Option<NoiseRange>,
    /// Gain in dB, within ±200.
    pub gain: Option<[f64; 2]>,
}

/// What a peaking equalizer is drawn from.
///
/// ```
/// assert_eq!(mir_audio::augment::EqualizerRange::default().decibels, [-10.0, 5.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EqualizerRange {
    /// Centre, drawn uniformly in octaves; above 0.
    pub hz: [f64; 2],
    /// Centre over bandwidth; above 0.
    pub q: [f64; 2],
    /// Gain at the centre, within ±60.
    pub decibels: [f64; 2],
}

impl Default for EqualizerRange {
    /// 32 Hz to 4096 Hz, Q of 2, −10 dB to 5 dB: as MAESTRO's transcription system was trained (Hawthorne et
    /// al. 2019, appendix).
    fn default() -> Self {
        Self { hz: [32.0, 4096.0], q: [2.0, 2.0], decibels: [-10.0, 5.0] }
    }
}

/// What a rejected band is drawn from.
///
/// ```
/// use mir_audio::augment::{AugmentConfig, BandRejectRange};
/// let band_reject = Some(BandRejectRange { hz: [100.0, 5000.0], q: [0.5, 2.0] });
/// let config = AugmentConfig { band_reject, ..AugmentConfig::default() };
/// assert_eq!(config.draw(0, 0)?.len(), 1);
/// # Ok::<(), mir_audio::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandRejectRange {
    /// Centre, drawn uniformly in octaves; above 0.
    pub hz: [f64; 2],
    /// Centre over bandwidth; above 0.
    pub q: [f64; 2],
}

/// What a room is drawn from.
///
/// ```
/// use mir_audio::augment::{AugmentConfig, ReverbRange};
/// // From a small room to a hall.
/// let reverb = Some(ReverbRange { seconds: [0.2, 1.8], decibels: [-20.0, -5.0] });
/// let config = AugmentConfig { reverb, ..AugmentConfig::default() };
/// assert_eq!(config.draw(0, 0)?.len(), 1);
/// # Ok::<(), mir_audio::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReverbRange {
    /// Seconds in which the reverberation falls by 60 dB, above 0 and at most 20.
    pub seconds: [f64; 2],
    /// Reverberation over direct sound in dB, within −100 to 40.
    pub decibels: [f64; 2],
}

/// What added noise is drawn from.
///
/// ```
/// use mir_audio::augment::{AugmentConfig, NoiseColor, NoiseRange};
/// let noise = Some(NoiseRange { color: NoiseColor::Pink, snr: [20.0, 50.0] });
/// let config = AugmentConfig { noise, ..AugmentConfig::default() };
/// assert_eq!(config.draw(0, 0)?.len(), 1);
/// # Ok::<(), mir_audio::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseRange {
    /// Its colour.
    #[serde(default)]
    pub color: NoiseColor,
    /// Power of the recording over power of the noise in dB, within −100 to 200.
    pub snr: [f64; 2],
}

impl AugmentConfig {
    /// One variant: its changes, in the order in which they are to be carried out.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn draw(&self, seed: u64, item: u64) -> Result<Vec<Transform>> {
        self.validate()?;
        let mut random = Random::new(seed, item);
        // All numbers are drawn, in this order, whatever is switched on.
        let polarity = random.uniform() < self.invert_polarity;
        let channels = random.uniform() < self.swap_channels;
        let mut out = Vec::new();
        out.extend(polarity.then_some(Transform::InvertPolarity));
        out.extend(channels.then_some(Transform::SwapChannels));
        let mut parts =
            std::array::from_fn::<_, 9, _>(|part| Random::new(random.next_u64(), part as u64))
                .into_iter();
        let mut part = || parts.next().expect("as many streams as variations");

        let mut random = part();
        out.extend(self.delay.map(|[low, high]| {
            let width = usize::try_from(high.abs_diff(low)).unwrap_or(usize::MAX - 1);
            Transform::Delay { samples: low.saturating_add_unsigned(random.up_to(width) as u64) }
        }));
        let mut random = part();
        out.extend(self.stretch.map(|range| Transform::Stretch { ratio: random.between(range) }));
        let mut random = part();
        out.extend(self.speed.map(|range| Transform::Speed { factor: random.between(range) }));
        let mut random = part();
        out.extend(self.pitch.map(|range| Transform::Pitch { semitones: random.between(range) }));
        let mut random = part();
        out.extend((0..self.equalizers).map(|_| Transform::Peak {
            hz: random.between(self.equalizer.hz.map(f64::log2)).exp2(),
            q: random.between(self.equalizer.q),
            decibels: random.between(self.equalizer.decibels),
        }));
        let mut random = part();
        out.extend(self.band_reject.as_ref().map(|range| Transform::BandReject {
            hz: random.between(range.hz.map(f64::log2)).exp2(),
            q: random.between(range.q),
        }));
        let mut random = part();
        out.extend(self.reverb.as_ref().map(|range| Transform::Reverb {
            seconds: random.between(range.seconds),
            decibels: random.between(range.decibels),
            seed: random.next_u64(),
        }));
        let mut random = part();
        out.extend(self.noise.as_ref().map(|range| Transform::Noise {
            color: range.color,
            snr: random.between(range.snr),
            seed: random.next_u64(),
        }));
        let mut random = part();
        out.extend(self.gain.map(|range| Transform::Gain { decibels: random.between(range) }));
        Ok(out)
    }

    /// Checks probabilities and ranges.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] names the first value that is not admissible.
    pub fn validate(&self) -> Result<()> {
        within("invert_polarity", self.invert_polarity, 0.0..=1.0, "a probability, 0 to 1")?;
        within("swap_channels", self.swap_channels, 0.0..=1.0, "a probability, 0 to 1")?;
        if let Some([low, high]) = self.delay {
            ordered("delay", [low as f64, high as f64])?;
        }
        for (field, range) in [
            ("stretch", self.stretch),
            ("speed", self.speed),
            ("pitch", self.pitch),
            ("gain", self.gain),
            ("equalizer.hz", Some(self.equalizer.hz)),
            ("equalizer.q", Some(self.equalizer.q)),
            ("equalizer.decibels", Some(self.equalizer.decibels)),
            ("band_reject.hz", self.band_reject.as_ref().map(|range| range.hz)),
            ("band_reject.q", self.band_reject.as_ref().map(|range| range.q)),
            ("reverb.seconds", self.reverb.as_ref().map(|range| range.seconds)),
            ("reverb.decibels", self.reverb.as_ref().map(|range| range.decibels)),
            ("noise.snr", self.noise.as_ref().map(|range| range.snr)),
        ] {
            if let Some(range) = range {
                ordered(field, range)?;
            }
        }
        // Ranges are convex: whatever lies between two admissible ends is admissible.
        (0..2).try_for_each(|end| self.end(end).iter().try_for_each(Transform::validate))
    }

    /// The transforms at the lower (0) or upper (1) ends of the ranges.
    fn end(&self, end: usize) -> Vec<Transform> {
        let mut out = vec![Transform::Peak {
            hz: self.equalizer.hz[end],
            q: self.equalizer.q[end],
            decibels: self.equalizer.decibels[end],
        }];
        out.extend(self.stretch.map(|range| Transform::Stretch { ratio: range[end] }));
        out.extend(self.speed.map(|range| Transform::Speed { factor: range[end] }));
        out.extend(self.pitch.map(|range| Transform::Pitch { semitones: range[end] }));
        out.extend(self.gain.map(|range| Transform::Gain { decibels: range[end] }));
        out.extend(
            self.band_reject
                .as_ref()
                .map(|range| Transform::BandReject { hz: range.hz[end], q: range.q[end] }),
        );
        out.extend(self.reverb.as_ref().map(|range| Transform::Reverb {
            seconds: range.seconds[end],
            decibels: range.decibels[end],
            seed: 0,
        }));
        out.extend(self.noise.as_ref().map(|range| Transform::Noise {
            color: range.color,
            snr: range.snr[end],
            seed: 0,
        }));
        out
    }
}

fn ordered(field: &'static str, [low, high]: [f64; 2]) -> Result<()> {
    if low.is_finite() && high.is_finite() && low <= high {
        return Ok(());
    }
    let expected = "two finite numbers, the lower one first";
    Err(Error::OutOfRange { field, expected, actual: high })
}

/// A random excerpt of `samples` samples, every place equally likely; a shorter recording is followed by
/// silence.
///
/// ```
/// use mir_audio::{AudioBuffer, SampleRate, augment};
/// let audio = AudioBuffer::silence(SampleRate::HZ_16000, 1, 16_000)?;
/// let crop = augment::random_crop(&audio, 4_000, 7, 0);
/// assert_eq!(crop.apply(audio)?.len(), 4_000);
/// # Ok::<(), mir_audio::Error>(())
/// ```
pub fn random_crop(audio: &AudioBuffer, samples: usize, seed: u64, item: u64) -> Transform {
    let start = Random::new(seed, item).up_to(audio.len().saturating_sub(samples));
    Transform::Crop { start, samples }
}
