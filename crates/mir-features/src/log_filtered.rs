//! Logarithmically filtered spectrograms: a short-time spectrum in bands that are spaced like pitches.
//!
//! Band centres are `f_ref·2^(i / bands_per_octave)` between `f_min` and `f_max`, moved to the nearest Fourier bin;
//! centres that fall on the same bin are one. Band `i` is a triangle from centre `i` over centre `i + 1` to centre
//! `i + 2`, divided by its sum. So at low frequencies, where bins are further apart than bands, the axis is
//! linear. As madmom's `LogarithmicFilterbank` (Böck et al. 2016, "madmom: a new Python Audio and Music Signal
//! Processing Library"), and the input of Kelz et al. 2016, "On the Potential of Simple Framewise Approaches to
//! Piano Transcription".
//!
//! Frame `k` is centred on sample `k·hop`, sees zeros beyond the ends and a *symmetric* Hann window; there are
//! `⌈samples / hop⌉`. Each depends on its own samples only.

use mir_core::{Fingerprinted, SampleRate};
use serde::{Deserialize, Serialize};

use crate::{
    BinAxis, Error, FrameLayout, Pad, Result, Spectrogram, SpectrogramConfig, SpectrumFeature,
    SpectrumPower, StftConfig, bands::Bands, spectral::spectrum_feature_methods,
};

/// What a logarithmically filtered spectrogram should be.
///
/// ```
/// use mir_features::{LogFiltered, LogFilteredConfig};
/// let config = LogFilteredConfig { bands_per_octave: 24, ..LogFilteredConfig::default() };
/// assert!(LogFiltered::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogFilteredConfig {
    /// Rate of the audio.
    pub sample_rate: SampleRate,
    /// Length of frame, window and Fourier transform in samples: even, at least 2.
    pub n_fft: usize,
    /// Samples from frame to frame, at least 1.
    pub hop: u32,
    /// Bands in an octave, 1 to 4096.
    pub bands_per_octave: usize,
    /// Lowest band centre, Hz, above 0.
    pub f_min: f64,
    /// Highest band centre, Hz, above `f_min`.
    pub f_max: f64,
    /// A frequency that is a band centre, Hz, above 0.
    pub f_ref: f64,
    /// Whether bands are divided by the sum of their weights; otherwise their height is 1.
    pub norm_filters: bool,
    /// Factor `m` and offset `a` of the result `log10(m·x + a)`, both above 0; `None` for `x` itself.
    pub log: Option<(f64, f64)>,
}

impl Default for LogFilteredConfig {
    /// Kelz et al. 2016: 4096 samples every 1764 at 44.1 kHz, 48 bands in an octave from 30 to 8000 Hz, which
    /// are 229 bands, `log10(x + 1)`.
    fn default() -> Self {
        Self {
            sample_rate: SampleRate::HZ_44100,
            n_fft: 4096,
            hop: 1764,
            bands_per_octave: 48,
            f_min: 30.0,
            f_max: 8000.0,
            f_ref: 440.0,
            norm_filters: true,
            log: Some((1.0, 1.0)),
        }
    }
}

impl Fingerprinted for LogFilteredConfig {
    const DOMAIN: &'static str = "mir-features/log-filtered/1";
}

/// A planned logarithmically filtered spectrogram.
///
/// ```
/// use mir_features::{AudioBuffer, LogFiltered, LogFilteredConfig, SampleRate};
/// let filtered = LogFiltered::new(LogFilteredConfig::default())?;
/// let audio = AudioBuffer::silence(SampleRate::HZ_44100, 1, 44_100)?;
/// assert_eq!(filtered.process(&audio)?.data.dim(), (1, 25, 229));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct LogFiltered {
    config: LogFilteredConfig,
    spectrogram: Spectrogram,
    bands: Bands,
    centres: Vec<f64>,
}

impl LogFiltered {
    /// Validates the configuration and designs the bands.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for the first field that is not admissible, [`Error::InvalidBand`] unless `f_min` and
    /// `f_max` leave room for a band below half the sample rate, [`Error::Core`] for a hop of 0.
    pub fn new(config: LogFilteredConfig) -> Result<Self> {
        let spectrogram = Spectrogram::new(SpectrogramConfig {
            stft: StftConfig {
                sample_rate: config.sample_rate,
                n_fft: config.n_fft,
                hop: config.hop,
                symmetric_window: true,
                layout: FrameLayout::Started,
                pad: Pad::Zero,
                ..StftConfig::default()
            },
            power: SpectrumPower::Magnitude,
        })?;
        if !(1..=4096).contains(&config.bands_per_octave) {
            return Err(Error::OutOfRange {
                field: "bands_per_octave",
                expected: "1 to 4096",
                actual: config.bands_per_octave as f64,
            });
        }
        let positive = |x: f64| x.is_finite() && x > 0.0;
        if !(1e-3..=1e9).contains(&config.f_ref) {
            return Err(Error::OutOfRange {
                field: "f_ref",
                expected: "0.001 to 1e9 Hz",
                actual: config.f_ref,
            });
        }
        let (f_min, f_max) = (config.f_min, config.f_max);
        let nyquist = f64::from(config.sample_rate.hz()) / 2.0;
        let invalid = Error::InvalidBand { f_min, f_max, nyquist };
        if !(f_min >= 1e-3 && f_min < f_max && f_max <= nyquist) {
            return Err(invalid);
        }
        if let Some((factor, offset)) = config.log
            && !(positive(factor) && positive(offset))
        {
            return Err(Error::OutOfRange {
                field: "log",
                expected: "finite numbers above 0",
                actual: factor.min(offset),
            });
        }
        let bins = band_bins(&config);
        if bins.len() < 3 {
            return Err(invalid);
        }
        let hz_per_bin = f64::from(config.sample_rate.hz()) / config.n_fft as f64;
        let (mut bands, mut centres) = (Bands::default(), vec![]);
        for edges in bins.windows(3) {
            let (start, centre, stop) = (edges[0], edges[1], edges[2]);
            let rise = (0..centre - start).map(|i| i as f64 / (centre - start) as f64);
            let fall = (0..stop - centre).map(|i| 1.0 - i as f64 / (stop - centre) as f64);
            let triangle: Vec<f64> = rise.chain(fall).collect();
            let sum = if config.norm_filters { triangle.iter().sum() } else { 1.0 };
            bands.push(start, triangle.iter().map(|w| w / sum));
            centres.push(centre as f64 * hz_per_bin);
        }
        Ok(Self { config, spectrogram, bands, centres })
    }

    /// Frequencies of the peaks of the bands, Hz.
    pub fn centres(&self) -> &[f64] {
        &self.centres
    }
}

impl SpectrumFeature for LogFiltered {
    type Memory = ();

    fn spectrogram(&self) -> &Spectrogram {
        &self.spectrogram
    }

    /// Bands with the given centres, whose spacing is not that of any formula.
    fn value_axis(&self) -> BinAxis {
        BinAxis::Mel { centres_hz: self.centres.clone() }
    }

    fn values(&self) -> usize {
        self.bands.len()
    }

    fn memory(&self) {}

    fn describe_into(&self, spectrum: &[f32], (): &mut (), out: &mut [f32]) {
        self.bands.sum_into(spectrum, out);
        if let Some((factor, offset)) = self.config.log {
            for value in out {
                *value = (factor * f64::from(*value) + offset).log10() as f32;
            }
        }
    }
}

spectrum_feature_methods!(LogFiltered, LogFilteredConfig);

/// The different Fourier bins nearest to the band centres.
fn band_bins(config: &LogFilteredConfig) -> Vec<usize> {
    let per_octave = config.bands_per_octave as f64;
    let index = |hz: f64| (hz / config.f_ref).log2() * per_octave;
    let (low, high) = (index(config.f_min).floor() as i64, index(config.f_max).ceil() as i64);
    let hz_per_bin = f64::from(config.sample_rate.hz()) / config.n_fft as f64;
    // Half the rate itself is no bin here.
    let last = config.n_fft / 2 - 1;
    let mut bins: Vec<usize> = (low..high)
        .map(|i| config.f_ref * (i as f64 / per_octave).exp2())
        .filter(|&hz| hz >= config.f_min && hz <= config.f_max)
        .map(|hz| {
            // Half-way goes up.
            ((hz / hz_per_bin + 0.5).floor() as usize).clamp(0, last)
        })
        .collect();
    bins.dedup();
    bins
}

#[cfg(test)]
mod tests {
    use mir_core::AudioBuffer;

    use super::*;

    #[test]
    fn the_bands_are_the_published_ones() {
        let filtered = LogFiltered::new(LogFilteredConfig::default()).unwrap();
        assert_eq!((band_bins(filtered.config()).len(), filtered.bins()), (231, 229));
        let centres = filtered.centres();
        for (centre, expected) in [(0, 43.07), (1, 53.83), (2, 64.60), (228, 7784.25)] {
            assert!(
                (centres[centre] - expected).abs() < 0.006,
                "band {centre}: {}",
                centres[centre]
            );
        }
    }

    #[test]
    fn a_band_hears_its_centre_and_a_frame_its_own_samples() {
        let config = LogFilteredConfig { log: None, ..LogFilteredConfig::default() };
        let filtered = LogFiltered::new(config).unwrap();
        let hz = filtered.centres()[200];
        let sine = |n: usize| (std::f64::consts::TAU * hz * n as f64 / 44_100.0).sin() as f32;
        let mut samples: Vec<f32> = (0..44_100).map(sine).collect();
        let map = |samples: &[f32]| {
            filtered
                .process(&AudioBuffer::mono(SampleRate::HZ_44100, samples.to_vec()))
                .unwrap()
                .data
        };
        let before = map(&samples);
        let row = before.index_axis(ndarray::Axis(0), 0).row(10).to_owned();
        let best = (0..229usize).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        assert_eq!(best, 200);
        // The magnitude is a quarter of the frame at the centre (a Hann window sums to half), shared out.
        assert!(row[best] > 100.0 && row[best] < 1024.0);
        samples[10 * 1764 + 2100] += 1.0;
        assert!(map(&samples).index_axis(ndarray::Axis(0), 0).row(10) == row);
    }

    #[test]
    fn configurations_are_checked() {
        let base = LogFilteredConfig::default();
        for config in [
            LogFilteredConfig { bands_per_octave: 0, ..base.clone() },
            LogFilteredConfig { f_ref: 0.0, ..base.clone() },
            LogFilteredConfig { log: Some((1.0, 0.0)), ..base.clone() },
            LogFilteredConfig { n_fft: 7, ..base.clone() },
        ] {
            assert!(matches!(LogFiltered::new(config), Err(Error::OutOfRange { .. })));
        }
        for (f_min, f_max) in [(0.0, 8000.0), (100.0, 100.0), (30.0, 30_000.0), (440.0, 441.0)] {
            let config = LogFilteredConfig { f_min, f_max, ..base.clone() };
            assert!(matches!(LogFiltered::new(config), Err(Error::InvalidBand { .. })));
        }
    }
}
