//! Descriptors of one spectrum: how bright, how wide, how noisy, how peaky is it?
//!
//! Every descriptor cuts frames as [`StftConfig`](crate::StftConfig) says, takes the magnitude spectrum and reduces
//! it to a few numbers. [`SpectrumFeature::process_spectrum`] computes several of them from one
//! spectrogram. Sums are kept in `f64`.
//!
//! | | value | unit |
//! |---|---|---|
//! | [`SpectralCentroid`] | `Σ f·S / Σ S` | Hz |
//! | [`SpectralBandwidth`] | `(Σ S·abs(f − centroid)^p / Σ S)^(1/p)` | Hz |
//! | [`SpectralRolloff`] | lowest frequency below which a share of the sum lies | Hz |
//! | [`SpectralFlatness`] | geometric over arithmetic mean | 0 to 1 |
//! | [`SpectralContrast`] | peaks less valleys, octave by octave | dB |
//! | [`SpectralFlux`] | how much the spectrum grows from frame to frame | magnitude |
//!
//! # Differences from librosa
//! The defaults are librosa's (2048/512 at 22.05 kHz, zeros beyond the ends). Values agree with librosa
//! 0.11 to a relative 1e-5.

mod contrast;
mod flux;
mod moments;

pub use contrast::{SpectralContrast, SpectralContrastConfig};
pub use flux::{FluxNorm, SpectralFlux, SpectralFluxConfig, StreamingSpectralFlux};
pub use moments::{
    SpectralBandwidth, SpectralBandwidthConfig, SpectralCentroid, SpectralCentroidConfig,
    SpectralFlatness, SpectralFlatnessConfig, SpectralRolloff, SpectralRolloffConfig,
};

use ndarray::Array3;

use crate::{
    BinAxis, Error, FeatureMap, FrameBlock, FrameFeature, Framing, Result, Spectrogram,
    SpectrumScratch, frames::fill_rows,
};

/// A feature that is computed from the spectrum of a frame.
///
/// Whatever implements this is a [`FrameFeature`]: it can be cropped and streamed.
///
/// ```
/// use mir_features::{
///     AudioBuffer, SampleRate, SpectralCentroid, SpectralCentroidConfig, SpectrumFeature,
/// };
/// let audio = AudioBuffer::mono(SampleRate::HZ_22050, (0..22_050).map(|n| (0.3 * n as f32).sin()).collect());
/// let centroid = SpectralCentroid::new(SpectralCentroidConfig::default())?;
/// // A spectrogram that is there already serves several features.
/// let spectra = centroid.spectrogram().process(&audio)?;
/// assert_eq!(centroid.process_spectrum(&spectra)?, centroid.process(&audio)?);
/// # Ok::<(), mir_features::Error>(())
/// ```
pub trait SpectrumFeature: std::fmt::Debug + Send + Sync {
    /// Working memory of one thread, beside that of the spectrum.
    type Memory;

    /// The spectrum that is described.
    fn spectrogram(&self) -> &Spectrogram;

    /// Meaning of the values.
    fn value_axis(&self) -> BinAxis;

    /// Number of values for each spectrum.
    fn values(&self) -> usize;

    /// Allocates the working memory.
    fn memory(&self) -> Self::Memory;

    /// Describes one spectrum of `n_fft / 2 + 1` bins, without allocating, in as many elements of `out`
    /// as there are values.
    fn describe_into(&self, spectrum: &[f32], memory: &mut Self::Memory, out: &mut [f32]);

    /// As [`FrameFeature::whole_signal_field`].
    fn whole_field(&self) -> Option<&'static str> {
        None
    }

    /// Describes spectra that are there already, `[channels, frames, n_fft / 2 + 1]`: magnitudes or powers,
    /// whichever [`spectrogram`](Self::spectrogram) has. Allocates.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of bins.
    fn process_spectrum(&self, spectra: &FeatureMap) -> Result<FeatureMap> {
        let expected = self.spectrogram().bins();
        if spectra.bins() != expected {
            return Err(Error::Shape {
                what: "spectrogram",
                expected: vec![spectra.channels(), spectra.frames(), expected],
                actual: spectra.data.shape().to_vec(),
            });
        }
        let mut data = Array3::zeros((spectra.channels(), spectra.frames(), self.values()));
        for (spectra, mut out) in spectra.data.outer_iter().zip(data.outer_iter_mut()) {
            let mut memory = self.memory();
            fill_rows(&spectra, &mut out, |spectrum, out| {
                self.describe_into(spectrum, &mut memory, out);
            });
        }
        Ok(FeatureMap { grid: spectra.grid, axis: self.value_axis(), data })
    }
}

impl<F: SpectrumFeature> FrameFeature for F {
    type Scratch = (SpectrumScratch, F::Memory, Vec<f32>);

    fn framing(&self) -> &Framing {
        FrameFeature::framing(self.spectrogram())
    }

    fn axis(&self) -> BinAxis {
        self.value_axis()
    }

    fn bins(&self) -> usize {
        self.values()
    }

    fn scratch(&self) -> Self::Scratch {
        (FrameFeature::scratch(self.spectrogram()), self.memory(), vec![])
    }

    fn frame_into(&self, samples: &[f32], scratch: &mut Self::Scratch, out: &mut [f32]) {
        let (fft, memory, _) = scratch;
        let spectrum = self.spectrogram().spectrum(samples, fft);
        self.describe_into(spectrum, memory, out);
    }

    fn block_into(&self, block: FrameBlock<'_>, scratch: &mut Self::Scratch, out: &mut [f32]) {
        let (fft, memory, spectra) = scratch;
        let bins = self.spectrogram().bins();
        // Grows once.
        spectra.resize(spectra.len().max(block.len() * bins), 0.0);
        let spectra = &mut spectra[..block.len() * bins];
        self.spectrogram().block_into(block, fft, spectra);
        let rows = spectra.chunks_exact(bins).zip(out.chunks_exact_mut(self.values()));
        rows.for_each(|(spectrum, out)| self.describe_into(spectrum, memory, out));
    }

    fn whole_signal_field(&self) -> Option<&'static str> {
        self.whole_field()
    }
}

/// Gives a planned descriptor the methods of its traits as its own.
macro_rules! spectrum_feature_methods {
    ($feature:ty, $config:ty) => {
        $crate::frames::frame_feature_methods!($feature, $config);

        impl $feature {
            /// The feature of spectra that are there already, `[channels, frames, n_fft / 2 + 1]`.
            /// Allocates.
            ///
            /// # Errors
            /// [`Error::Shape`](crate::Error::Shape) for another number of bins.
            pub fn process_spectrum(
                &self,
                spectra: &$crate::FeatureMap,
            ) -> $crate::Result<$crate::FeatureMap> {
                $crate::SpectrumFeature::process_spectrum(self, spectra)
            }
        }
    };
}
pub(crate) use spectrum_feature_methods;
