//! Griffin–Lim: which signal has this magnitude spectrogram?
//!
//! Phases are found by going back and forth between signal and spectrum, keeping the magnitudes (Griffin
//! and Lim 1984), with the momentum of the fast variant (Perraudin, Balazs and Søndergaard 2013), in the
//! form of librosa: `c ← X(x(m·c)) − α/(1+α)·X_previous`, then `c ← c/|c|`.

use std::f32::consts::TAU;

use mir_core::AudioBuffer;
use mir_fft::num_complex::Complex;
use ndarray::{Array2, ArrayRef2, Axis};
use serde::{Deserialize, Serialize};

use crate::{Error, FeatureMap, Istft, IstftConfig, Result, Stft, StftConfig};

/// The phases that the search starts from.
///
/// ```
/// use mir_features::{GriffinLimConfig, PhaseStart};
/// let config = GriffinLimConfig { start: PhaseStart::Zero, ..Default::default() };
/// assert_eq!(config.start, PhaseStart::Zero);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseStart {
    /// 0 everywhere.
    Zero,
    /// Uniformly random, the same for the same seed.
    Random(u64),
}

impl Default for PhaseStart {
    fn default() -> Self {
        Self::Random(0)
    }
}

/// How phases should be found.
///
/// ```
/// use mir_features::{GriffinLim, GriffinLimConfig};
/// let config = GriffinLimConfig { iterations: 100, ..GriffinLimConfig::default() };
/// assert!(GriffinLim::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GriffinLimConfig {
    /// The transform whose magnitudes are given.
    pub stft: StftConfig,
    /// Times back and forth, 0 to 100000.
    pub iterations: usize,
    /// Momentum `α`, 0 (the algorithm of 1984) to 1; more may diverge, up to 10 is accepted.
    pub momentum: f64,
    /// The phases at the beginning.
    pub start: PhaseStart,
}

impl Default for GriffinLimConfig {
    /// librosa's: 32 iterations with momentum 0.99 from random phases.
    fn default() -> Self {
        Self {
            stft: StftConfig::default(),
            iterations: 32,
            momentum: 0.99,
            start: PhaseStart::default(),
        }
    }
}

/// A planned phase reconstruction. Needs the whole spectrogram: there is no streaming form.
///
/// ```
/// use mir_features::{
///     AudioBuffer, GriffinLim, GriffinLimConfig, SampleRate, SpectrumPower, Stft, StftConfig,
/// };
/// let stft = Stft::new(StftConfig { hop: 256, n_fft: 1024, ..StftConfig::default() })?;
/// let tone = (0..8000).map(|n| (0.2 * n as f32).sin()).collect();
/// let audio = AudioBuffer::mono(SampleRate::HZ_16000, tone);
/// let magnitude = stft.process(&audio, SpectrumPower::Magnitude)?;
/// let config = GriffinLimConfig { stft: stft.config().clone(), ..Default::default() };
/// let found = GriffinLim::new(config)?.process(&magnitude, Some(8000))?;
/// assert_eq!(found.len(), 8000);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct GriffinLim {
    config: GriffinLimConfig,
    stft: Stft,
    istft: Istft,
}

impl GriffinLim {
    /// Validates the configuration and plans both transforms.
    ///
    /// # Errors
    /// As [`StftConfig::validate`]; [`Error::OutOfRange`] for iterations or momentum.
    pub fn new(config: GriffinLimConfig) -> Result<Self> {
        if config.iterations > 100_000 {
            return Err(Error::OutOfRange {
                field: "iterations",
                expected: "0 to 100000",
                actual: config.iterations as f64,
            });
        }
        if !(0.0..=10.0).contains(&config.momentum) {
            return Err(Error::OutOfRange {
                field: "momentum",
                expected: "0 to 10",
                actual: config.momentum,
            });
        }
        Ok(Self {
            stft: Stft::new(config.stft.clone())?,
            istft: Istft::new(IstftConfig { stft: config.stft.clone(), ..IstftConfig::default() })?,
            config,
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &GriffinLimConfig {
        &self.config
    }

    /// A signal for magnitudes `[channels, frames, n_fft / 2 + 1]`: `length` samples, or as many as the
    /// frames cover. Allocates.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of bins, or a length that has another number of frames.
    pub fn process(&self, magnitude: &FeatureMap, length: Option<usize>) -> Result<AudioBuffer> {
        let (channels, frames, bins) = magnitude.data.dim();
        let length = length.unwrap_or(self.istft.samples(frames));
        let expected = (self.stft.frames(length), self.stft.bins());
        if (frames, bins) != expected {
            return Err(Error::Shape {
                what: "magnitude spectrogram",
                expected: vec![channels, expected.0, expected.1],
                actual: vec![channels, frames, bins],
            });
        }
        let mut samples = Array2::zeros((channels, length));
        for (magnitude, mut out) in magnitude.data.outer_iter().zip(samples.axis_iter_mut(Axis(0)))
        {
            self.channel(&magnitude, out.as_slice_mut().expect("rows are contiguous"));
        }
        Ok(AudioBuffer::new(self.config.stft.sample_rate, samples)?)
    }

    fn channel(&self, magnitude: &ArrayRef2<f32>, out: &mut [f32]) {
        let mut angles = self.first_guess(magnitude);
        let mut rebuilt = Array2::zeros(angles.dim());
        let mut previous: Option<Array2<Complex<f32>>> = None;
        let momentum = (self.config.momentum / (1.0 + self.config.momentum)) as f32;
        for _ in 0..self.config.iterations {
            self.istft.process_into(&angles, out);
            self.stft.spectrum_into(out, &mut rebuilt);
            angles.assign(&rebuilt);
            if let Some(previous) = &previous {
                angles.zip_mut_with(previous, |angle, &previous| *angle -= previous * momentum);
            }
            angles.zip_mut_with(magnitude, |angle, &magnitude| {
                *angle *= magnitude / (angle.norm() + f32::MIN_POSITIVE);
            });
            let free = previous.take().unwrap_or_else(|| Array2::zeros(angles.dim()));
            previous = Some(std::mem::replace(&mut rebuilt, free));
        }
        self.istft.process_into(&angles, out);
    }

    fn first_guess(&self, magnitude: &ArrayRef2<f32>) -> Array2<Complex<f32>> {
        let mut state = match self.config.start {
            PhaseStart::Zero => return magnitude.mapv(|m| Complex::new(m, 0.0)),
            PhaseStart::Random(seed) => seed,
        };
        magnitude.mapv(|m| {
            // SplitMix64 (Steele, Lea and Flood 2014): a phase needs no better generator.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            Complex::from_polar(m, TAU * ((z >> 40) as f32 / (1u32 << 24) as f32))
        })
    }
}
