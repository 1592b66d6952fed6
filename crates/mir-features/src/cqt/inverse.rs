//! The inverse constant-Q transform.

use std::sync::Arc;

use mir_core::AudioBuffer;
use mir_fft::{ComplexToReal, RealPlanner32, num_complex::Complex};
use ndarray::ArrayView2;

use super::{
    CqtConfig,
    decimate::{Decimator, interpolate},
    wavelet::Kernel,
};
use crate::{Error, Gamma, Result, Spectrum};

/// A planned inverse constant-Q transform: an approximation of the signal, octave by octave, as librosa 0.11's
/// `icqt`.
///
/// Each bin is spread over its wavelet's spectrum, scaled so that a steady sine keeps its amplitude; frames
/// are averaged where they overlap. Only frequencies of the bins come back, and those well only where bins
/// overlap and the hop is at most half of the shortest wavelet. Wavelets are designed at librosa's rates
/// whatever the configuration's `wavelet_rate`. It needs all frames; there is no streaming form.
///
/// ```
/// use mir_features::{AudioBuffer, Cqt, CqtConfig, InverseCqt, SampleRate};
/// # use std::f64::consts::TAU;
/// let config = CqtConfig { hop: 128, ..CqtConfig::default() };
/// let sine = |n| (TAU * 440.0 * f64::from(n) / 22050.0).sin() as f32;
/// let audio = AudioBuffer::mono(SampleRate::HZ_22050, (0..22050).map(sine).collect());
/// let spectrum = Cqt::new(config.clone())?.spectrum(&audio)?;
/// let again = InverseCqt::new(config)?.process(&spectrum, audio.len())?;
/// for n in 8000..14000 {
///     assert!((again.channel(0)[n] - audio.channel(0)[n]).abs() < 0.05);
/// }
/// # Ok::<(), mir_features::Error>(())
/// ```
pub struct InverseCqt {
    config: CqtConfig,
    octaves: Vec<Octave>,
}

impl std::fmt::Debug for InverseCqt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InverseCqt").field("config", &self.config).finish_non_exhaustive()
    }
}

struct Octave {
    first: usize,
    /// How often the rate is halved.
    level: u32,
    fft: Arc<dyn ComplexToReal<f32>>,
    /// Conjugate wavelets with their gains.
    kernels: Vec<Kernel>,
    /// Doubles the rate.
    filter: Decimator,
}

impl InverseCqt {
    /// Validates the configuration and designs the wavelets.
    ///
    /// # Errors
    /// As [`Cqt::new`](super::Cqt::new); [`Error::OutOfRange`] for a `gamma` other than 0.
    pub fn new(config: CqtConfig) -> Result<Self> {
        mir_core::FrameGrid::new(config.sample_rate, config.hop, 0)?;
        config.validate()?;
        if config.gamma != Gamma::Hz(0.0) {
            return Err(Error::OutOfRange {
                field: "gamma",
                expected: "0: only constant-Q transforms are inverted",
                actual: config.gamma_hz(),
            });
        }
        let count = config.bins.div_ceil(config.bins_per_octave);
        let mut planner = RealPlanner32::new();
        let octaves = (0..count)
            .map(|index| {
                let first = index * config.bins_per_octave;
                let end = (first + config.bins_per_octave).min(config.bins);
                let level = config.hop.trailing_zeros().min((count - 1 - index) as u32);
                let longest = config.wavelet(first, level).length.ceil() as usize;
                let n_fft = longest.next_power_of_two().max(2);
                let kernels: Vec<Kernel> = (first..end)
                    .map(|bin| {
                        let sparsity = config.sparsity.max(1e-5);
                        let mut kernel =
                            config.wavelet(bin, level).kernel(n_fft, sparsity, config.far_lobes());
                        let power: f64 = kernel.coefficients.iter().map(|c| c.norm_sqr()).sum();
                        let length = config.length(bin);
                        let mut gain = n_fft as f64 / length / power;
                        if config.scale {
                            gain *= length.sqrt();
                        }
                        kernel.coefficients.iter_mut().for_each(|c| *c = c.conj() * gain);
                        kernel
                    })
                    .collect();
                let last = kernels.iter().map(|k| k.first + k.coefficients.len() - 1).max();
                let pass = last.unwrap_or(0) as f64 / n_fft as f64;
                let fft = planner.plan_fft_inverse(n_fft);
                Octave { first, level, fft, kernels, filter: Decimator::half_band(pass.min(0.47)) }
            })
            .collect();
        Ok(Self { octaves, config })
    }

    /// The configuration.
    pub const fn config(&self) -> &CqtConfig {
        &self.config
    }

    /// The signal of a transform `[channels, frames, bins]`, `samples` long. Allocates.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for another number of bins than the configuration has, [`Error::Core`] for a
    /// transform without channels.
    pub fn process(&self, spectrum: &Spectrum, samples: usize) -> Result<AudioBuffer> {
        let (_, _, bins) = spectrum.data.dim();
        if bins != self.config.bins {
            return Err(Error::OutOfRange {
                field: "bins",
                expected: "the number of bins of the configuration",
                actual: bins as f64,
            });
        }
        let channels: Vec<Vec<f32>> =
            spectrum.data.outer_iter().map(|map| self.channel(map, samples)).collect();
        let views: Vec<&[f32]> = channels.iter().map(Vec::as_slice).collect();
        Ok(AudioBuffer::from_channels(self.config.sample_rate, &views)?)
    }

    fn channel(&self, map: ArrayView2<'_, Complex<f32>>, samples: usize) -> Vec<f32> {
        // Frames that the recording does not reach add nothing.
        let longest = self.config.length(0);
        let reached = ((samples as f64 + longest) / f64::from(self.config.hop)).ceil() as usize;
        let frames = map.nrows().min(reached);
        let mut out = vec![0.0; samples];
        for octave in &self.octaves {
            let mut signal = self.octave(octave, map, frames);
            for _ in 0..octave.level {
                signal = interpolate(&octave.filter, &signal);
            }
            out.iter_mut().zip(signal).for_each(|(slot, x)| *slot += x);
        }
        out
    }

    /// The part of the signal that an octave holds, at the rate of its design, from sample 0 on.
    fn octave(
        &self,
        octave: &Octave,
        map: ArrayView2<'_, Complex<f32>>,
        frames: usize,
    ) -> Vec<f32> {
        let n_fft = octave.fft.len();
        let hop = (self.config.hop >> octave.level) as usize;
        let len = hop * frames.saturating_sub(1);
        let mut sum = vec![0.0f32; len + n_fft];
        let mut spectrum = octave.fft.make_input_vec();
        let mut frame = octave.fft.make_output_vec();
        let mut scratch = octave.fft.make_scratch_vec();
        for index in 0..frames {
            spectrum.fill(Complex::default());
            for (kernel, value) in
                octave.kernels.iter().zip(map.row(index).iter().skip(octave.first))
            {
                for (slot, c) in spectrum[kernel.first..].iter_mut().zip(&kernel.coefficients) {
                    *slot += value * Complex::new(c.re as f32, c.im as f32);
                }
            }
            // Real signals have real values at 0 and half the rate.
            spectrum[0].im = 0.0;
            spectrum[n_fft / 2].im = 0.0;
            octave
                .fft
                .process_with_scratch(&mut spectrum, &mut frame, &mut scratch)
                .expect("buffers were made by the plan");
            for (slot, x) in sum[index * hop..].iter_mut().zip(&frame) {
                *slot += x / n_fft as f32;
            }
        }
        // Averages over the frames that see a sample; the first is centred on sample 0.
        (n_fft / 2..n_fft / 2 + len)
            .map(|n| {
                let last = (n / hop).min(frames.saturating_sub(1));
                let first = (n + 1).saturating_sub(n_fft).div_ceil(hop);
                let seen = (last + 1).saturating_sub(first);
                if seen > 0 { sum[n] / seen as f32 } else { 0.0 }
            })
            .collect()
    }
}
