//! Approximations of a constant-Q transform from one Fourier transform for each frame, magnitudes only.

use mir_core::{AudioBuffer, FrameGrid};
use ndarray::{Array3, Axis};

use super::{Cqt, CqtConfig, StreamingCqt};
use crate::{
    BinAxis, Error, FeatureMap, Result, Spectrogram, SpectrogramConfig, SpectrumFeature,
    SpectrumPower, StftConfig, Streaming, bands::Bands, spectral::spectrum_feature_methods,
};

/// A planned pseudo constant-Q transform: `Σ_b |W_k[b]|·|X[b]|`, the magnitudes of the wavelets' spectra times
/// the magnitudes of a short-time spectrum under a Hann window as long as the longest wavelet's frame. As
/// librosa 0.11's `pseudo_cqt`: frequencies are right, times as coarse as those of the lowest bin. The
/// configuration's `gamma` and `wavelet_rate` have no effect.
///
/// Each frame sees its own samples only: it can be cropped and streamed.
///
/// ```
/// use mir_features::{AudioBuffer, CqtConfig, PseudoCqt, SampleRate};
/// let pseudo = PseudoCqt::new(CqtConfig::default())?;
/// let audio = AudioBuffer::silence(SampleRate::HZ_22050, 1, 22_050)?;
/// assert_eq!(pseudo.process(&audio)?.data.dim(), (1, 44, 84));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct PseudoCqt {
    config: CqtConfig,
    spectrogram: Spectrogram,
    bands: Bands,
}

impl PseudoCqt {
    /// Validates the configuration and designs the wavelets.
    ///
    /// # Errors
    /// As [`Cqt::new`]; [`Error::OutOfRange`] for a hop of more than 4194304.
    pub fn new(mut config: CqtConfig) -> Result<Self> {
        config.gamma = super::Gamma::Hz(0.0);
        config.wavelet_rate = super::WaveletRate::Full;
        FrameGrid::new(config.sample_rate, config.hop, 0)?;
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
        let mut bands = Bands::default();
        for bin in 0..config.bins {
            let kernel = config.wavelet(bin, 0).kernel(n_fft, config.sparsity, true);
            let gain = if config.scale {
                1.0 / (n_fft as f64).sqrt()
            } else {
                (config.length(bin) / n_fft as f64).sqrt()
            };
            bands.push(kernel.first, kernel.coefficients.iter().map(|c| c.norm() * gain));
        }
        let stft = StftConfig {
            sample_rate: config.sample_rate,
            n_fft,
            hop: config.hop,
            pad: config.pad,
            ..StftConfig::default()
        };
        let spectrogram = SpectrogramConfig { stft, power: SpectrumPower::Magnitude };
        Ok(Self { spectrogram: Spectrogram::new(spectrogram)?, bands, config })
    }
}

impl SpectrumFeature for PseudoCqt {
    type Memory = ();

    fn spectrogram(&self) -> &Spectrogram {
        &self.spectrogram
    }

    fn value_axis(&self) -> BinAxis {
        self.config.axis()
    }

    fn values(&self) -> usize {
        self.bands.len()
    }

    fn memory(&self) {}

    fn describe_into(&self, spectrum: &[f32], (): &mut (), out: &mut [f32]) {
        self.bands.sum_into(spectrum, out);
    }
}

spectrum_feature_methods!(PseudoCqt, CqtConfig);

/// A planned hybrid constant-Q transform: [`PseudoCqt`] for the high bins, whose wavelets' frames are shorter
/// than two hops, and [`Cqt`] for the others. As librosa 0.11's `hybrid_cqt`.
///
/// Each frame sees its own samples only: [`stream`](Self::stream) gives the frames of the whole, bit for bit.
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

    /// Starts a stream of one channel.
    ///
    /// # Errors
    /// None but those of [`Streaming::new`], which a transform of single frames does not have.
    pub fn stream(self) -> Result<StreamingHybridCqt> {
        let low = self.full.as_ref().map_or(0, Cqt::bins);
        Ok(StreamingHybridCqt {
            frame: vec![0.0; self.config.bins],
            low,
            ready: (low == 0, low == self.config.bins),
            full: self.full.map(StreamingCqt::new),
            pseudo: self.pseudo.map(PseudoCqt::stream).transpose()?,
        })
    }
}

/// Push samples, pop frames: bit for bit the frames of [`HybridCqt::process`] on the whole.
///
/// ```
/// use mir_features::{CqtConfig, HybridCqt};
/// let mut stream = HybridCqt::new(CqtConfig::default())?.stream()?;
/// stream.push(&[0.0; 22_050]);
/// stream.finish();
/// let mut frame = vec![0.0; 84];
/// let mut frames = 0;
/// while stream.pop_into(&mut frame) {
///     frames += 1;
/// }
/// assert_eq!(frames, 44);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct StreamingHybridCqt {
    full: Option<StreamingCqt>,
    pseudo: Option<Streaming<PseudoCqt>>,
    /// The next frame, of which one part may be there before the other.
    frame: Vec<f32>,
    /// Bins of the constant-Q transform.
    low: usize,
    ready: (bool, bool),
}

impl StreamingHybridCqt {
    /// Adds the next samples.
    ///
    /// # Panics
    /// After [`finish`](Self::finish).
    pub fn push(&mut self, samples: &[f32]) {
        if let Some(full) = &mut self.full {
            full.push(samples);
        }
        if let Some(pseudo) = &mut self.pseudo {
            pseudo.push(samples);
        }
    }

    /// Says that no more samples follow: the last frames, which see what lies beyond the end, are ready now.
    pub fn finish(&mut self) {
        if let Some(full) = &mut self.full {
            full.finish();
        }
        if let Some(pseudo) = &mut self.pseudo {
            pseudo.finish();
        }
    }

    /// The next frame into `out`, or `false` if its samples have not all arrived.
    ///
    /// # Panics
    /// If `out` has not as many elements as there are bins.
    pub fn pop_into(&mut self, out: &mut [f32]) -> bool {
        assert_eq!(out.len(), self.frame.len(), "bins of a frame");
        let (low, high) = self.frame.split_at_mut(self.low);
        if let Some(full) = &mut self.full {
            self.ready.0 = self.ready.0 || full.pop_into(low);
        }
        if let Some(pseudo) = &mut self.pseudo {
            self.ready.1 = self.ready.1 || pseudo.pop_into(high);
        }
        if self.ready != (true, true) {
            return false;
        }
        out.copy_from_slice(&self.frame);
        self.ready = (self.full.is_none(), self.pseudo.is_none());
        true
    }
}
