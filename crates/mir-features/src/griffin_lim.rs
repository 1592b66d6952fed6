//! Griffin–Lim: which signal has this magnitude spectrogram?
//!
//! Phases are found by going back and forth between signal and spectrum, keeping the magnitudes (Griffin
//! and Lim 1984), with the momentum of the fast variant (Perraudin, Balazs and Søndergaard 2013), in the
//! form of librosa: `c ← X(x(m·c)) − α/(1+α)·X_previous`, then `c ← c/|c|`.
//!
//! Computed in double precision: equal to librosa's own double precision to 1e-7 after sixteen iterations.

use std::f64::consts::TAU;

use mir_core::AudioBuffer;
use mir_fft::num_complex::Complex;
use ndarray::{Array2, ArrayRef2, Axis};
use serde::{Deserialize, Serialize};

use crate::{
    Error, FeatureMap, Framing, Istft, IstftConfig, Result, StftConfig,
    spectrum::{DoubleFft, DoubleScratch, InverseDoubleFft, InverseDoubleScratch},
};

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
    istft: Istft,
    transforms: Transforms,
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
        let istft =
            Istft::new(IstftConfig { stft: config.stft.clone(), ..IstftConfig::default() })?;
        Ok(Self { transforms: Transforms::new(&config.stft, istft.floor())?, istft, config })
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
        let expected = (self.transforms.framing.frames(length), self.transforms.forward.bins());
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
        let mut previous: Option<Array2<Complex<f64>>> = None;
        let mut engine = self.transforms.engine(angles.nrows(), out.len());
        let momentum = self.config.momentum / (1.0 + self.config.momentum);
        for _ in 0..self.config.iterations {
            engine.inverse(&angles);
            engine.forward(&mut rebuilt);
            angles.assign(&rebuilt);
            if let Some(previous) = &previous {
                angles.zip_mut_with(previous, |angle, &previous| *angle -= previous * momentum);
            }
            angles.zip_mut_with(magnitude, |angle, &magnitude| {
                *angle = direction(*angle) * f64::from(magnitude);
            });
            let free = previous.take().unwrap_or_else(|| Array2::zeros(angles.dim()));
            previous = Some(std::mem::replace(&mut rebuilt, free));
        }
        engine.inverse(&angles);
        out.iter_mut().zip(&engine.samples).for_each(|(slot, &sample)| *slot = sample as f32);
    }

    fn first_guess(&self, magnitude: &ArrayRef2<f32>) -> Array2<Complex<f64>> {
        let mut state = match self.config.start {
            PhaseStart::Zero => return magnitude.mapv(|m| Complex::new(f64::from(m), 0.0)),
            PhaseStart::Random(seed) => seed,
        };
        magnitude.mapv(|m| {
            // SplitMix64 (Steele, Lea and Flood 2014): a phase needs no better generator.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            Complex::from_polar(f64::from(m), TAU * ((z >> 40) as f64 / f64::from(1u32 << 24)))
        })
    }
}

/// The number of magnitude 1 in the same direction; 0 for 0.
fn direction(z: Complex<f64>) -> Complex<f64> {
    let square = z.norm_sqr();
    // A smaller square has lost digits; the care that `norm` takes costs more than the transforms.
    let norm = if square > 1e-280 { square.sqrt() } else { z.norm() };
    z * (norm + f64::MIN_POSITIVE).recip()
}

/// The transform and its inverse in double precision: every iteration divides by magnitudes of which some are near 0,
/// and what was rounding becomes the sound.
#[derive(Debug)]
struct Transforms {
    framing: Framing,
    forward: DoubleFft,
    inverse: InverseDoubleFft,
    /// Window of the synthesis, with the scale of transform and inverse.
    synthesis: Vec<f64>,
    /// `w²` of the plain window.
    squared: Vec<f64>,
    /// Smallest sum of squared windows that is divided by.
    floor: f64,
}

impl Transforms {
    fn new(stft: &StftConfig, floor: f64) -> Result<Self> {
        let plain = stft.frame_window();
        let factor = 1.0 / (stft.factor() * stft.n_fft as f64);
        Ok(Self {
            framing: stft.framing()?,
            forward: DoubleFft::new(stft.exact_window()),
            inverse: InverseDoubleFft::new(stft.n_fft),
            synthesis: plain.iter().map(|w| w * factor).collect(),
            squared: plain.iter().map(|w| w * w).collect(),
            floor,
        })
    }

    /// For a signal of `length` samples in `frames` frames.
    fn engine(&self, frames: usize, length: usize) -> Engine<'_> {
        let mut sums = vec![0.0; length];
        for frame in 0..frames {
            add(&mut sums, self.framing.start(frame), self.squared.iter().copied());
        }
        let divide = |sum: f64| if sum > self.floor { sum.recip() } else { 1.0 };
        Engine {
            transforms: self,
            weights: sums.into_iter().map(divide).collect(),
            samples: vec![0.0; length],
            frame: vec![0.0; self.squared.len()],
            forward: self.forward.scratch(),
            inverse: self.inverse.scratch(),
        }
    }
}

/// A signal that goes back and forth.
#[derive(Debug)]
struct Engine<'a> {
    transforms: &'a Transforms,
    /// One over the sum of squared windows at each sample.
    weights: Vec<f64>,
    samples: Vec<f64>,
    frame: Vec<f64>,
    forward: DoubleScratch,
    inverse: InverseDoubleScratch,
}

impl Engine<'_> {
    /// The samples of a spectrum.
    fn inverse(&mut self, spectrum: &ArrayRef2<Complex<f64>>) {
        let of = self.transforms;
        self.samples.fill(0.0);
        for (frame, spectrum) in spectrum.rows().into_iter().enumerate() {
            let samples = of.inverse.samples(spectrum.iter().copied(), &mut self.inverse);
            let windowed = samples.iter().zip(&of.synthesis).map(|(x, w)| x * w);
            add(&mut self.samples, of.framing.start(frame), windowed);
        }
        self.samples.iter_mut().zip(&self.weights).for_each(|(x, weight)| *x *= weight);
    }

    /// The spectrum of the samples.
    fn forward(&mut self, spectrum: &mut ArrayRef2<Complex<f64>>) {
        let of = self.transforms;
        let signal = of.framing.signal(&self.samples);
        for (frame, mut row) in spectrum.rows_mut().into_iter().enumerate() {
            let samples = signal.frame(of.framing.start(frame), &mut self.frame);
            let bins = of.forward.spectrum(samples.iter().copied(), &mut self.forward);
            row.iter_mut().zip(bins).for_each(|(slot, &bin)| *slot = bin);
        }
    }
}

/// Adds values from position `start` on to what of `out` they reach.
fn add(out: &mut [f64], start: i64, values: impl Iterator<Item = f64>) {
    let first = usize::try_from(start).unwrap_or(0).min(out.len());
    let skipped = usize::try_from(-start).unwrap_or(0);
    out[first..].iter_mut().zip(values.skip(skipped)).for_each(|(slot, value)| *slot += value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_has_length_one_or_none() {
        for norm in [1e-300, 1e-200, 1e-150, 1e-140, 1e-7, 1.0, 1e100] {
            let unit = direction(Complex::new(3.0 * norm, -4.0 * norm));
            assert!((unit - Complex::new(0.6, -0.8)).norm() < 1e-7, "{norm}: {unit}");
        }
        assert_eq!(direction(Complex::new(0.0, 0.0)), Complex::new(0.0, 0.0));
    }

    #[test]
    fn loud_magnitudes_of_a_silent_signal_stay_numbers() {
        // Frames that do not overlap and are 0 where they meet: some bins are exactly 0 on the way.
        let stft = StftConfig { n_fft: 8, hop: 16, ..StftConfig::default() };
        let config = GriffinLimConfig { stft, start: PhaseStart::Zero, ..Default::default() };
        let lim = GriffinLim::new(config).unwrap();
        let frames = lim.transforms.framing.frames(64);
        let data = ndarray::Array3::from_elem((1, frames, 5), 1e4);
        let grid = lim.transforms.framing.grid();
        let axis = lim.config.stft.axis();
        let samples = lim.process(&FeatureMap { grid, axis, data }, Some(64)).unwrap();
        assert!(samples.channel(0).iter().all(|x| x.is_finite()));
    }
}
