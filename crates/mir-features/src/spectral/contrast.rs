//! Spectral contrast: how far do the peaks of each octave stand out from its valleys?

use std::ops::Range;

use mir_core::AudioBuffer;
use ndarray::{Array2, Array3, ArrayRef2, s};
use serde::{Deserialize, Serialize};

use super::{
    SpectrumFeature,
    moments::{default_stft, exact_magnitudes},
};
use crate::{
    BinAxis, Error, FeatureMap, FrameFeature, Framing, Result, Spectrogram, SpectrumScratch,
    StftConfig, db, frames::frame_feature_methods,
};

/// Which bands spectral contrast should compare.
///
/// ```
/// use mir_features::{SpectralContrast, SpectralContrastConfig};
/// let config = SpectralContrastConfig { linear: true, ..SpectralContrastConfig::default() };
/// assert!(SpectralContrast::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpectralContrastConfig {
    /// The transform.
    pub stft: StftConfig,
    /// Upper edge of the lowest band, Hz, above 0: bands reach from 0 to `f_min`, then octave by octave.
    pub f_min: f64,
    /// Number of bands above the lowest, 1 to 32; the last of them begins below half the rate.
    pub bands: usize,
    /// Share of the bins of a band that make its peak and its valley (at least one each), above 0 and
    /// below 1.
    pub quantile: f64,
    /// Gives the difference of the magnitudes themselves instead of decibels.
    pub linear: bool,
    /// Range in dB below the highest peak (and the highest valley) of the recording, above 0. Needs the
    /// whole recording; without effect when `linear`.
    pub top_db: Option<f64>,
}

impl Default for SpectralContrastConfig {
    /// librosa's, with the range of 80 dB of its `power_to_db`.
    fn default() -> Self {
        Self {
            stft: default_stft(),
            f_min: 200.0,
            bands: 6,
            quantile: 0.02,
            linear: false,
            top_db: Some(80.0),
        }
    }
}

/// The mean of the strongest bins of each octave less the mean of its weakest, in dB, `bands + 1` values
/// (Jiang et al. 2002, "Music type classification by spectral contrast feature").
///
/// As in librosa, magnitudes are taken for powers: `10·log10`. The limit `top_db` refers to each channel
/// for itself, librosa's to all of them.
///
/// ```
/// use mir_features::{AudioBuffer, SampleRate, SpectralContrast, SpectralContrastConfig};
/// let contrast = SpectralContrast::new(SpectralContrastConfig::default())?;
/// let audio = AudioBuffer::mono(SampleRate::HZ_22050, vec![0.0; 22_050]);
/// assert_eq!(contrast.process(&audio)?.data.dim(), (1, 44, 7));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct SpectralContrast {
    config: SpectralContrastConfig,
    extremes: Extremes,
}

/// Peak and valley of every band: peaks first.
#[derive(Debug)]
struct Extremes {
    spectrogram: Spectrogram,
    /// Bins of each band, and how many of them make a peak.
    bands: Vec<(Range<usize>, usize)>,
    decibels: bool,
}

impl SpectrumFeature for Extremes {
    type Memory = Vec<f32>;

    fn spectrogram(&self) -> &Spectrogram {
        &self.spectrogram
    }

    fn value_axis(&self) -> BinAxis {
        BinAxis::values("peaks and valleys", self.values())
    }

    fn values(&self) -> usize {
        2 * self.bands.len()
    }

    fn memory(&self) -> Vec<f32> {
        vec![0.0; self.spectrogram.bins()]
    }

    fn describe_into(&self, spectrum: &[f32], memory: &mut Vec<f32>, out: &mut [f32]) {
        let mean = |values: &[f32]| {
            let sum: f64 = values.iter().map(|&s| f64::from(s)).sum();
            let mean = sum / values.len() as f64;
            if self.decibels { 10.0 * mean.max(1e-10).log10() } else { mean }
        };
        let (peaks, valleys) = out.split_at_mut(self.bands.len());
        for (((range, count), peak), valley) in self.bands.iter().zip(peaks).zip(valleys) {
            let bins = &mut memory[..range.len()];
            bins.copy_from_slice(&spectrum[range.clone()]);
            let count = (*count).min(bins.len());
            // The quietest to the front, then the loudest to the end; their order does not matter.
            bins.select_nth_unstable_by(count - 1, f32::total_cmp);
            *valley = mean(&bins[..count]) as f32;
            let first = bins.len() - count;
            bins.select_nth_unstable_by(first, f32::total_cmp);
            *peak = mean(&bins[first..]) as f32;
        }
    }
}

impl SpectralContrast {
    /// Validates the configuration and plans the transform.
    ///
    /// # Errors
    /// As [`StftConfig::validate`]; [`Error::OutOfRange`] for a quantile or range that is not admissible,
    /// [`Error::InvalidBand`] for bands that begin above half the rate or hold no bin.
    pub fn new(config: SpectralContrastConfig) -> Result<Self> {
        let out_of_range =
            |field, expected, actual| Err(Error::OutOfRange { field, expected, actual });
        if !(config.quantile > 0.0 && config.quantile < 1.0) {
            return out_of_range("quantile", "above 0 and below 1", config.quantile);
        }
        if config.bands == 0 || config.bands > 32 {
            return out_of_range("bands", "1 to 32", config.bands as f64);
        }
        db::check_top_db(config.top_db)?;
        // Valleys are the quietest bins of all.
        let spectrogram = exact_magnitudes(&config.stft)?;
        let frequencies = config.stft.frequencies();
        let nyquist = f64::from(config.stft.sample_rate.hz()) / 2.0;
        let last_edge = config.f_min * 2f64.powi(config.bands as i32 - 1);
        let invalid = Error::InvalidBand { f_min: config.f_min, f_max: last_edge, nyquist };
        if !(config.f_min > 0.0 && last_edge < nyquist) {
            return Err(invalid);
        }
        let mut bands = vec![];
        for band in 0..=config.bands {
            let high = config.f_min * 2f64.powi(band as i32);
            let low = if band == 0 { 0.0 } else { high / 2.0 };
            let first = frequencies.partition_point(|&f| f < low);
            let end = frequencies.partition_point(|&f| f <= high);
            // A band takes the bin below its lower edge too; the last one everything above.
            let first = if band > 0 { first.saturating_sub(1) } else { first };
            let end = if band == config.bands { frequencies.len() } else { end };
            let bins = end.saturating_sub(first);
            // librosa counts before it leaves out the last bin of all bands but the last.
            let range = if band < config.bands { first..end.max(1) - 1 } else { first..end };
            if range.is_empty() {
                return Err(invalid);
            }
            let count = (config.quantile * bins as f64).round_ties_even().max(1.0) as usize;
            bands.push((range, count));
        }
        let extremes = Extremes { spectrogram, bands, decibels: !config.linear };
        Ok(Self { config, extremes })
    }

    /// Peaks and valleys `[frames, 2·(bands + 1)]` to contrasts.
    fn subtract(&self, extremes: &mut Array2<f32>, out: &mut ArrayRef2<f32>) {
        let bands = self.extremes.bands.len();
        let (mut peaks, mut valleys) = extremes.multi_slice_mut((s![.., ..bands], s![.., bands..]));
        if let Some(range) = self.config.top_db
            && !self.config.linear
        {
            db::limit_range(&mut peaks, range);
            db::limit_range(&mut valleys, range);
        }
        out.assign(&peaks);
        *out -= &*valleys;
    }

    fn whole_channel(&self, samples: &[f32], out: &mut ArrayRef2<f32>) {
        let mut extremes = Array2::zeros((out.nrows(), self.extremes.values()));
        self.extremes.process_into(samples, &mut extremes);
        self.subtract(&mut extremes, out);
    }
}

impl FrameFeature for SpectralContrast {
    type Scratch = ((SpectrumScratch, Vec<f32>, Vec<f32>), Vec<f32>);

    fn framing(&self) -> &Framing {
        self.extremes.framing()
    }

    fn axis(&self) -> BinAxis {
        BinAxis::values("spectral contrast, dB", self.extremes.bands.len())
    }

    fn bins(&self) -> usize {
        self.extremes.bands.len()
    }

    fn scratch(&self) -> Self::Scratch {
        (self.extremes.scratch(), vec![0.0; self.extremes.values()])
    }

    fn frame_into(&self, samples: &[f32], scratch: &mut Self::Scratch, out: &mut [f32]) {
        let (memory, extremes) = scratch;
        self.extremes.frame_into(samples, memory, extremes);
        let (peaks, valleys) = extremes.split_at(out.len());
        for ((slot, peak), valley) in out.iter_mut().zip(peaks).zip(valleys) {
            *slot = peak - valley;
        }
    }

    fn whole_signal_field(&self) -> Option<&'static str> {
        self.config.top_db.filter(|_| !self.config.linear).map(|_| "top_db")
    }

    fn process(&self, audio: &AudioBuffer) -> Result<FeatureMap> {
        crate::stft::check_audio(audio, self.framing().sample_rate())?;
        let shape = (audio.channels(), self.frames(audio.len()), FrameFeature::bins(self));
        let mut data = Array3::zeros(shape);
        for (channel, mut map) in data.outer_iter_mut().enumerate() {
            self.whole_channel(audio.channel(channel), &mut map);
        }
        Ok(FeatureMap { grid: self.grid(), axis: FrameFeature::axis(self), data })
    }

    fn process_into(&self, samples: &[f32], out: &mut ArrayRef2<f32>) {
        let shape = (self.frames(samples.len()), FrameFeature::bins(self));
        assert_eq!(out.dim(), shape, "shape of the output");
        self.whole_channel(samples, out);
    }
}

frame_feature_methods!(SpectralContrast, SpectralContrastConfig);

impl SpectralContrast {
    /// The contrast of magnitude spectra that are there already, `[channels, frames, n_fft / 2 + 1]`.
    /// Allocates.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of bins.
    pub fn process_spectrum(&self, spectra: &FeatureMap) -> Result<FeatureMap> {
        let extremes = self.extremes.process_spectrum(spectra)?;
        let mut data = Array3::zeros((spectra.channels(), spectra.frames(), self.bins()));
        for (extremes, mut out) in extremes.data.outer_iter().zip(data.outer_iter_mut()) {
            self.subtract(&mut extremes.to_owned(), &mut out);
        }
        Ok(FeatureMap { grid: spectra.grid, axis: self.axis(), data })
    }
}
