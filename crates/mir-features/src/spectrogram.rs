//! Spectrograms: magnitude or power of a short-time Fourier transform.

use serde::{Deserialize, Serialize};

use crate::{
    BinAxis, FrameBlock, FrameFeature, Framing, Result, StftConfig,
    frames::frame_feature_methods,
    spectrum::{Spectra, SpectrumScratch},
};

/// Which power of the spectrum's magnitude is taken.
///
/// ```
/// use mir_features::{SpectrogramConfig, SpectrumPower};
/// assert_eq!(SpectrogramConfig::default().power, SpectrumPower::Power);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpectrumPower {
    /// `|X|`.
    Magnitude,
    /// `|X|²`.
    #[default]
    Power,
}

impl SpectrumPower {
    /// From squared magnitudes, in place.
    pub(crate) fn apply(self, squared: &mut [f32]) {
        if self == Self::Magnitude {
            squared.iter_mut().for_each(|p| *p = p.sqrt());
        }
    }
}

/// What a magnitude or power spectrogram should be.
///
/// ```
/// use mir_features::{Spectrogram, SpectrogramConfig, SpectrumPower};
/// let power = SpectrumPower::Magnitude;
/// let config = SpectrogramConfig { power, ..SpectrogramConfig::default() };
/// assert!(Spectrogram::new(config).is_ok());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpectrogramConfig {
    /// The transform.
    pub stft: StftConfig,
    /// `|X|` or `|X|²`.
    pub power: SpectrumPower,
}

impl mir_core::Fingerprinted for SpectrogramConfig {
    const DOMAIN: &'static str = "mir-features/spectrogram/1";
}

/// A planned magnitude or power spectrogram: about twice as fast as the complex spectrum.
///
/// ```
/// use mir_features::{AudioBuffer, SampleRate, Spectrogram, SpectrogramConfig};
/// let spectrogram = Spectrogram::new(SpectrogramConfig::default())?;
/// let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.0; 16_000]);
/// assert_eq!(spectrogram.process(&audio)?.data.dim(), (1, 32, 1025));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct Spectrogram {
    config: SpectrogramConfig,
    framing: Framing,
    pub(crate) spectra: Spectra,
}

impl Spectrogram {
    /// Validates the configuration and plans the transform.
    ///
    /// # Errors
    /// As [`StftConfig::validate`].
    pub fn new(config: SpectrogramConfig) -> Result<Self> {
        config.stft.validate()?;
        Ok(Self {
            framing: config.stft.framing()?,
            spectra: Spectra::whole(config.stft.analysis_window(), config.stft.hop),
            config,
        })
    }

    /// As [`new`](Self::new), computed in double precision and rounded at the end: also what lies far below the
    /// loudest bin of a frame has all its digits.
    pub(crate) fn in_double_precision(config: SpectrogramConfig) -> Result<Self> {
        let spectra = Spectra::double(config.stft.exact_window());
        Ok(Self { spectra, ..Self::new(config)? })
    }

    /// The spectrum of one frame, in the working memory.
    pub(crate) fn spectrum<'a>(
        &self,
        samples: &[f32],
        scratch: &'a mut SpectrumScratch,
    ) -> &'a mut [f32] {
        self.spectra.magnitude(samples, self.config.power, scratch)
    }
}

impl FrameFeature for Spectrogram {
    type Scratch = SpectrumScratch;

    fn framing(&self) -> &Framing {
        &self.framing
    }

    fn axis(&self) -> BinAxis {
        self.config.stft.axis()
    }

    fn bins(&self) -> usize {
        self.spectra.bins()
    }

    fn scratch(&self) -> SpectrumScratch {
        self.spectra.scratch()
    }

    fn frame_into(&self, samples: &[f32], scratch: &mut SpectrumScratch, out: &mut [f32]) {
        self.spectra.magnitude_into(samples, self.config.power, scratch, out);
    }

    fn block_into(&self, block: FrameBlock<'_>, scratch: &mut SpectrumScratch, out: &mut [f32]) {
        self.spectra.magnitude_rows(block, self.config.power, scratch, out);
    }
}

frame_feature_methods!(Spectrogram, SpectrogramConfig);
