//! Chroma: how much of each pitch class sounds?
//!
//! Every Fourier bin is spread over the pitch classes by a Gaussian on the (circular) pitch axis, as wide as
//! the bin itself, and weighted by another one around the middle octaves (Ellis 2007, "Chroma feature analysis
//! and synthesis"), as `librosa.filters.chroma` has it.

use mir_core::{Fingerprinted, SampleRate};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::{
    BinAxis, Error, Result, Spectrogram, SpectrogramConfig, SpectrumFeature, SpectrumPower,
    StftConfig, VectorNorm, dct::dot, mel::check_n_fft, spectral::spectrum_feature_methods,
};

/// Octaves of a frequency above 27.5 Hz (A0) under a tuning: `log2(f / (A4/16))` with
/// `A4 = 440·2^(tuning/bins_per_octave)` Hz.
///
/// ```
/// assert!((mir_features::hz_to_octaves(440.0, 0.0, 12) - 4.0).abs() < 1e-12);
/// ```
pub fn hz_to_octaves(hz: f64, tuning: f64, bins_per_octave: usize) -> f64 {
    let a4 = 440.0 * (tuning / bins_per_octave as f64).exp2();
    (hz / (a4 / 16.0)).log2()
}

/// What a chroma filterbank should look like.
///
/// ```
/// use mir_features::{ChromaFilterbank, ChromaFilterbankConfig};
/// let config = ChromaFilterbankConfig { n_chroma: 24, ..ChromaFilterbankConfig::default() };
/// assert!(ChromaFilterbank::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChromaFilterbankConfig {
    /// Rate of the audio.
    pub sample_rate: SampleRate,
    /// Length of the Fourier transform: even, at least 4.
    pub n_fft: usize,
    /// Pitch classes, 1 to 1200.
    pub n_chroma: usize,
    /// Deviation from A = 440 Hz in fractions of a pitch class, finite.
    pub tuning: f64,
    /// Middle of the octave weighting, in octaves above A0.
    pub centre_octave: f64,
    /// Its standard deviation in octaves, above 0; `None` for equal weights.
    pub octave_width: Option<f64>,
    /// Length that each bin's column of weights is scaled to.
    pub norm: VectorNorm,
    /// Class 0 is C; otherwise A.
    pub base_c: bool,
}

impl Default for ChromaFilterbankConfig {
    /// librosa's, for 2048 samples at 22.05 kHz.
    fn default() -> Self {
        Self {
            sample_rate: SampleRate::HZ_22050,
            n_fft: 2048,
            n_chroma: 12,
            tuning: 0.0,
            centre_octave: 5.0,
            octave_width: Some(2.0),
            norm: VectorNorm::Lp(2.0),
            base_c: true,
        }
    }
}

/// A planned chroma filterbank, `[n_chroma, n_fft / 2 + 1]`.
///
/// ```
/// use mir_features::{ChromaFilterbank, ChromaFilterbankConfig};
/// let bank = ChromaFilterbank::new(ChromaFilterbankConfig::default())?;
/// // Bin 41 is at 441 Hz: an A, the tenth class from C.
/// let column = bank.weights().column(41);
/// let strongest = (0..12).max_by(|&a, &b| column[a].total_cmp(&column[b]));
/// assert_eq!(strongest, Some(9));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChromaFilterbank {
    config: ChromaFilterbankConfig,
    weights: Array2<f32>,
}

impl ChromaFilterbank {
    /// Validates the configuration and designs the filters.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for the first field that is not admissible.
    pub fn new(config: ChromaFilterbankConfig) -> Result<Self> {
        check_n_fft(config.n_fft)?;
        let check = |field, value: f64, ok, expected| {
            if ok { Ok(()) } else { Err(Error::OutOfRange { field, expected, actual: value }) }
        };
        let n_fft = config.n_fft;
        check("n_fft", n_fft as f64, n_fft >= 4, "an even number from 4 to 16777216")?;
        let classes = config.n_chroma;
        check("n_chroma", classes as f64, (1..=1200).contains(&classes), "1 to 1200")?;
        check("tuning", config.tuning, config.tuning.is_finite(), "a finite number")?;
        let centre = config.centre_octave;
        check("centre_octave", centre, centre.is_finite(), "a finite number")?;
        if let Some(width) = config.octave_width {
            let ok = width.is_finite() && width > 0.0;
            check("octave_width", width, ok, "a finite number above 0")?;
        }
        config.norm.validate()?;
        Ok(Self { weights: design(&config), config })
    }

    /// The configuration.
    pub const fn config(&self) -> &ChromaFilterbankConfig {
        &self.config
    }

    /// The weights, `[n_chroma, n_fft / 2 + 1]`.
    pub const fn weights(&self) -> &Array2<f32> {
        &self.weights
    }

    /// The energy in each pitch class: the product of the weights and a spectrum.
    ///
    /// # Panics
    /// If `spectrum` has not `n_fft / 2 + 1` elements or `out` not `n_chroma`.
    pub fn process_into(&self, spectrum: &[f32], out: &mut [f32]) {
        assert_eq!(spectrum.len(), self.weights.ncols(), "spectrum bins");
        assert_eq!(out.len(), self.weights.nrows(), "pitch classes");
        for (slot, weights) in out.iter_mut().zip(self.weights.rows()) {
            *slot = dot(weights.to_slice().expect("weights are kept in standard layout"), spectrum);
        }
    }
}

fn design(config: &ChromaFilterbankConfig) -> Array2<f32> {
    let (n_fft, classes) = (config.n_fft, config.n_chroma);
    let n = classes as f64;
    let bins = n_fft / 2 + 1;
    let hz_per_bin = f64::from(config.sample_rate.hz()) / n_fft as f64;
    // Pitch of every bin in classes above A0, one more than needed for the last width. A bin at 0 Hz has
    // none: it is put one and a half octaves below the first.
    let mut pitches: Vec<f64> = (1..=bins)
        .map(|bin| n * hz_to_octaves(bin as f64 * hz_per_bin, config.tuning, classes))
        .collect();
    pitches.insert(0, pitches[0] - 1.5 * n);
    let half = (n / 2.0).round_ties_even();
    let turn = if config.base_c { 3 * (classes / 12) } else { 0 };
    let mut weights = Array2::zeros((classes, bins));
    let mut column = vec![0.0; classes];
    for bin in 0..bins {
        let width = (pitches[bin + 1] - pitches[bin]).max(1.0);
        for (class, slot) in column.iter_mut().enumerate() {
            // Distance on the circle; half as wide a Gaussian as the bin.
            let distance = (pitches[bin] - class as f64 + half).rem_euclid(n) - half;
            *slot = (-0.5 * (2.0 * distance / width).powi(2)).exp();
        }
        let length = norm_length(&column, config.norm);
        let octave = match config.octave_width {
            Some(width) => {
                (-0.5 * ((pitches[bin] / n - config.centre_octave) / width).powi(2)).exp()
            }
            None => 1.0,
        };
        for (class, value) in column.iter().enumerate() {
            weights[((class + classes - turn) % classes, bin)] = (value / length * octave) as f32;
        }
    }
    weights
}

/// [`VectorNorm::length`] of a vector of `f64`; 1 for the shortest.
fn norm_length(x: &[f64], norm: VectorNorm) -> f64 {
    let length = match norm {
        VectorNorm::None => 1.0,
        VectorNorm::Max => x.iter().copied().fold(0.0, f64::max),
        VectorNorm::Min => x.iter().copied().fold(f64::INFINITY, f64::min),
        VectorNorm::Lp(p) => x.iter().map(|x| x.powf(p)).sum::<f64>().powf(p.recip()),
        VectorNorm::Count => x.iter().filter(|&&x| x > 0.0).count() as f64,
    };
    if length < f64::MIN_POSITIVE { 1.0 } else { length }
}

/// Which chroma should be computed from a Fourier transform.
///
/// ```
/// use mir_features::{ChromaStft, ChromaStftConfig};
/// let config = ChromaStftConfig { n_chroma: 24, ..ChromaStftConfig::default() };
/// assert!(ChromaStft::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChromaStftConfig {
    /// The transform.
    pub stft: StftConfig,
    /// What is summed up.
    pub power: SpectrumPower,
    /// Pitch classes, 1 to 1200.
    pub n_chroma: usize,
    /// Deviation from A = 440 Hz in fractions of a pitch class, finite. librosa estimates it from the
    /// recording unless it is given.
    pub tuning: f64,
    /// Middle of the octave weighting, in octaves above A0.
    pub centre_octave: f64,
    /// Its standard deviation in octaves, above 0; `None` for equal weights.
    pub octave_width: Option<f64>,
    /// Class 0 is C; otherwise A.
    pub base_c: bool,
    /// Length that each frame is scaled to.
    pub norm: VectorNorm,
}

impl Default for ChromaStftConfig {
    /// librosa's with a tuning of 0.
    fn default() -> Self {
        let bank = ChromaFilterbankConfig::default();
        Self {
            stft: StftConfig::librosa(SampleRate::HZ_22050),
            power: SpectrumPower::Power,
            n_chroma: bank.n_chroma,
            tuning: bank.tuning,
            centre_octave: bank.centre_octave,
            octave_width: bank.octave_width,
            base_c: bank.base_c,
            norm: VectorNorm::Max,
        }
    }
}

impl Fingerprinted for ChromaStftConfig {
    const DOMAIN: &'static str = "mir-features/chroma-stft/1";
}

/// Planned chroma of a Fourier transform.
///
/// ```
/// use mir_features::{AudioBuffer, ChromaStft, ChromaStftConfig, SampleRate};
/// let tone = (0..22_050).map(|n| (n as f32 * 440.0 / 22_050.0 * std::f32::consts::TAU).sin());
/// let audio = AudioBuffer::mono(SampleRate::HZ_22050, tone.collect());
/// let map = ChromaStft::new(ChromaStftConfig::default())?.process(&audio)?;
/// assert_eq!(map.data.dim(), (1, 44, 12));
/// assert!((map.data[(0, 20, 9)] - 1.0).abs() < 1e-6); // an A
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct ChromaStft {
    config: ChromaStftConfig,
    spectrogram: Spectrogram,
    bank: ChromaFilterbank,
}

impl ChromaStft {
    /// Validates the configuration, designs the filters and plans the transform.
    ///
    /// # Errors
    /// As [`StftConfig::validate`] and [`ChromaFilterbank::new`].
    pub fn new(config: ChromaStftConfig) -> Result<Self> {
        config.norm.validate()?;
        let spectrogram = SpectrogramConfig { stft: config.stft.clone(), power: config.power };
        let bank = ChromaFilterbankConfig {
            sample_rate: config.stft.sample_rate,
            n_fft: config.stft.n_fft,
            n_chroma: config.n_chroma,
            tuning: config.tuning,
            centre_octave: config.centre_octave,
            octave_width: config.octave_width,
            base_c: config.base_c,
            ..ChromaFilterbankConfig::default()
        };
        Ok(Self {
            spectrogram: Spectrogram::new(spectrogram)?,
            bank: ChromaFilterbank::new(bank)?,
            config,
        })
    }
}

impl SpectrumFeature for ChromaStft {
    type Memory = ();

    fn spectrogram(&self) -> &Spectrogram {
        &self.spectrogram
    }

    fn value_axis(&self) -> BinAxis {
        BinAxis::Chroma { bins: self.config.n_chroma }
    }

    fn values(&self) -> usize {
        self.config.n_chroma
    }

    fn memory(&self) {}

    fn describe_into(&self, spectrum: &[f32], (): &mut (), out: &mut [f32]) {
        self.bank.process_into(spectrum, out);
        self.config.norm.normalise(out);
    }
}

spectrum_feature_methods!(ChromaStft, ChromaStftConfig);
