//! Approximations of a constant-Q transform from one Fourier transform for each frame, magnitudes only.

use std::{fmt, ops::Range, sync::Arc};

use mir_core::{AudioBuffer, FrameGrid};
use ndarray::{Array3, ArrayRef2, Axis};
use realfft::{RealFftPlanner, RealToComplex};

use super::{Cqt, CqtConfig, frames};
use crate::{
    BinAxis, Error, FeatureMap, Result, Window, extended::Extended, rows, stft::check_audio,
};

/// A planned pseudo constant-Q transform: `Σ_b |W_k[b]|·|X[b]|`, the magnitudes of the wavelets' spectra times
/// the magnitudes of a short-time spectrum under a Hann window as long as the longest wavelet's frame. As
/// librosa 0.11's `pseudo_cqt`: frequencies are right, times as coarse as those of the lowest bin. The
/// configuration's `gamma` and `wavelet_rate` have no effect.
///
/// ```
/// use mir_features::{AudioBuffer, CqtConfig, PseudoCqt, SampleRate};
/// let pseudo = PseudoCqt::new(CqtConfig::default())?;
/// let audio = AudioBuffer::silence(SampleRate::HZ_22050, 1, 22_050)?;
/// assert_eq!(pseudo.process(&audio)?.data.dim(), (1, 44, 84));
/// # Ok::<(), mir_features::Error>(())
/// ```
pub struct PseudoCqt {
    config: CqtConfig,
    grid: FrameGrid,
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
    /// First Fourier bin of each bin, and its weights.
    bands: Vec<(usize, Range<usize>)>,
    weights: Vec<f32>,
}

impl fmt::Debug for PseudoCqt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PseudoCqt").field("config", &self.config).finish_non_exhaustive()
    }
}

impl PseudoCqt {
    /// Validates the configuration and designs the wavelets.
    ///
    /// # Errors
    /// As [`Cqt::new`]; [`Error::OutOfRange`] for a hop of more than 4194304.
    pub fn new(mut config: CqtConfig) -> Result<Self> {
        config.gamma = super::Gamma::Hz(0.0);
        config.wavelet_rate = super::WaveletRate::Full;
        let grid = FrameGrid::new(config.sample_rate, config.hop, 0)?;
        config.validate()?;
        if config.hop > 1 << 22 {
            return Err(Error::OutOfRange {
                field: "hop",
                expected: "at most 4194304 samples",
                actual: f64::from(config.hop),
            });
        }
        // A frame of at least two hops.
        let hop = (config.hop as usize).next_power_of_two() * 2;
        let longest = config.length(0).ceil() as usize;
        let n_fft = longest.next_power_of_two().max(hop);
        let (mut bands, mut weights) = (vec![], vec![]);
        for bin in 0..config.bins {
            let kernel = config.wavelet(bin, 0).kernel(n_fft, config.sparsity);
            let gain = if config.scale {
                1.0 / (n_fft as f64).sqrt()
            } else {
                (config.length(bin) / n_fft as f64).sqrt()
            };
            let from = weights.len();
            weights.extend(kernel.coefficients.iter().map(|c| (c.norm() * gain) as f32));
            bands.push((kernel.first, from..weights.len()));
        }
        Ok(Self {
            window: Window::Hann.coefficients(n_fft).into_iter().map(|w| w as f32).collect(),
            fft: RealFftPlanner::new().plan_fft_forward(n_fft),
            grid,
            bands,
            weights,
            config,
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &CqtConfig {
        &self.config
    }

    /// Time of the frames.
    pub const fn grid(&self) -> FrameGrid {
        self.grid
    }

    /// Meaning of the bins.
    pub fn axis(&self) -> BinAxis {
        self.config.axis()
    }

    /// Number of bins.
    pub const fn bins(&self) -> usize {
        self.config.bins
    }

    /// Number of frames of a recording of `samples` samples; 0 for none.
    pub fn frames(&self, samples: usize) -> usize {
        frames(samples, self.config.hop)
    }

    /// The magnitudes of every channel, `[channels, frames, bins]`. Allocates.
    ///
    /// # Errors
    /// [`Error::SampleRate`] for audio of another rate, [`Error::Core`] for samples that are not finite.
    pub fn process(&self, audio: &AudioBuffer) -> Result<FeatureMap> {
        check_audio(audio, self.config.sample_rate)?;
        let mut data = Array3::zeros((audio.channels(), self.frames(audio.len()), self.bins()));
        for (channel, mut map) in data.outer_iter_mut().enumerate() {
            rows::fill_parallel(&mut map, 0, |frames, out| {
                self.fill(audio.channel(channel), frames.start, out);
            });
        }
        Ok(FeatureMap { grid: self.grid, axis: self.axis(), data })
    }

    fn fill(&self, samples: &[f32], first: usize, out: &mut ArrayRef2<f32>) {
        let source = Extended { samples, pad: self.config.pad };
        let n_fft = self.window.len() as i64;
        let mut frame = Vec::with_capacity(self.window.len());
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut magnitudes = vec![0.0; spectrum.len()];
        for (index, mut row) in (first..).zip(out.rows_mut()) {
            let start = index as i64 * i64::from(self.config.hop) - n_fft / 2;
            frame.clear();
            source.read(start..start + n_fft, &mut frame);
            frame.iter_mut().zip(&self.window).for_each(|(x, w)| *x *= w);
            self.fft
                .process_with_scratch(&mut frame, &mut spectrum, &mut scratch)
                .expect("buffers were made by the plan");
            for (slot, z) in magnitudes.iter_mut().zip(&spectrum) {
                *slot = z.norm_sqr().sqrt();
            }
            for (slot, (first, weights)) in row.iter_mut().zip(&self.bands) {
                let weights = &self.weights[weights.clone()];
                *slot = weights.iter().zip(&magnitudes[*first..]).map(|(w, x)| w * x).sum();
            }
        }
    }
}

/// A planned hybrid constant-Q transform: [`PseudoCqt`] for the high bins, whose wavelets' frames are shorter
/// than two hops, and [`Cqt`] for the others. As librosa 0.11's `hybrid_cqt`.
///
/// ```
/// use mir_features::{AudioBuffer, CqtConfig, HybridCqt, SampleRate};
/// let hybrid = HybridCqt::new(CqtConfig::default())?;
/// let audio = AudioBuffer::silence(SampleRate::HZ_22050, 1, 22_050)?;
/// assert_eq!(hybrid.process(&audio)?.data.dim(), (1, 44, 84));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct HybridCqt {
    config: CqtConfig,
    full: Option<Cqt>,
    pseudo: Option<PseudoCqt>,
}

impl HybridCqt {
    /// Validates the configuration and designs the wavelets.
    ///
    /// # Errors
    /// As [`PseudoCqt::new`].
    pub fn new(mut config: CqtConfig) -> Result<Self> {
        config.gamma = super::Gamma::Hz(0.0);
        FrameGrid::new(config.sample_rate, config.hop, 0)?;
        config.validate()?;
        let short = |bin: usize| {
            (config.length(bin).ceil() as usize).next_power_of_two() < 2 * config.hop as usize
        };
        let full = (0..config.bins).position(short).unwrap_or(config.bins);
        let cqt = CqtConfig { bins: full, ..config.clone() };
        let high = CqtConfig {
            f_min: config.hz(full),
            tuning: 0.0,
            bins: config.bins - full,
            ..config.clone()
        };
        Ok(Self {
            full: if cqt.bins > 0 { Some(Cqt::new(cqt)?) } else { None },
            pseudo: if high.bins > 0 { Some(PseudoCqt::new(high)?) } else { None },
            config,
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &CqtConfig {
        &self.config
    }

    /// The magnitudes of every channel, `[channels, frames, bins]`. Allocates.
    ///
    /// # Errors
    /// As [`PseudoCqt::process`].
    pub fn process(&self, audio: &AudioBuffer) -> Result<FeatureMap> {
        let low = self.full.as_ref().map(|cqt| cqt.process(audio)).transpose()?;
        let high = self.pseudo.as_ref().map(|pseudo| pseudo.process(audio)).transpose()?;
        let (low, high) = match (low, high) {
            (Some(low), Some(high)) => (low, high),
            (Some(map), None) | (None, Some(map)) => {
                return Ok(FeatureMap { axis: self.config.axis(), ..map });
            }
            (None, None) => unreachable!("a configuration has at least one bin"),
        };
        let mut data = Array3::zeros((low.channels(), low.frames(), self.config.bins));
        let (mut below, mut above) = data.view_mut().split_at(Axis(2), low.bins());
        below.assign(&low.data);
        above.assign(&high.data);
        Ok(FeatureMap { grid: low.grid, axis: self.config.axis(), data })
    }
}
