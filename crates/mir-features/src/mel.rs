//! Mel filterbanks: how much energy lies in each of a series of overlapping triangular bands?
//!
//! # Conventions
//! Band edges `p_0 … p_(n+1)` are equally spaced on a mel scale between `f_min` and `f_max`. Band `i`
//! weighs a frequency `f` by `max(0, min((f − p_i)/(p_(i+1) − p_i), (p_(i+2) − f)/(p_(i+2) − p_(i+1))))`,
//! a triangle of height 1 over `p_i … p_(i+2)`, optionally scaled to unit area.
//!
//! # Differences from librosa and torchaudio
//! librosa designs the filters in `f64` and rounds to `f32`, torchaudio computes them in `f32`
//! throughout; we do as librosa. Weights agree with librosa 0.11 to 1e-7 of the largest weight.

use mir_core::SampleRate;
use ndarray::Array2;
use pulp::{Scalar, Simd};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A formula that turns hertz into mel.
///
/// ```
/// use mir_features::MelScale;
/// assert!((MelScale::Htk.mel(1000.0) - 1000.0).abs() < 0.1);
/// assert!((MelScale::Slaney.mel(1000.0) - 15.0).abs() < 1e-9);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MelScale {
    /// `2595·log10(1 + f/700)` (O'Shaughnessy 1987; HTK).
    #[default]
    Htk,
    /// Linear below 1 kHz (200/3 Hz for each mel), logarithmic above (27 mel for each factor of 6.4):
    /// Slaney 1998, "Auditory Toolbox, version 2". librosa's default.
    Slaney,
}

impl MelScale {
    /// Slaney: hertz of one mel in the linear part.
    const LINEAR_STEP: f64 = 200.0 / 3.0;
    /// Slaney: where the logarithmic part begins, in Hz.
    const LOG_START: f64 = 1000.0;
    /// Slaney: ln of the ratio of one mel in the logarithmic part, `ln(6.4) / 27`.
    const LOG_STEP: f64 = 0.068_751_777_420_949_12;

    /// Mel of a frequency in Hz, at least 0.
    pub fn mel(self, hz: f64) -> f64 {
        match self {
            Self::Htk => 2595.0 * (1.0 + hz / 700.0).log10(),
            Self::Slaney if hz < Self::LOG_START => hz / Self::LINEAR_STEP,
            Self::Slaney => {
                Self::LOG_START / Self::LINEAR_STEP + (hz / Self::LOG_START).ln() / Self::LOG_STEP
            }
        }
    }

    /// Frequency in Hz of a mel value, the inverse of [`mel`](Self::mel).
    pub fn hz(self, mel: f64) -> f64 {
        let log_start = Self::LOG_START / Self::LINEAR_STEP;
        match self {
            Self::Htk => 700.0 * (10f64.powf(mel / 2595.0) - 1.0),
            Self::Slaney if mel < log_start => mel * Self::LINEAR_STEP,
            Self::Slaney => Self::LOG_START * ((mel - log_start) * Self::LOG_STEP).exp(),
        }
    }
}

/// How the triangles of a filterbank are scaled.
///
/// ```
/// use mir_features::{FilterNorm, MelConfig, MelFilterbank};
/// let config = MelConfig { filter_norm: FilterNorm::None, ..MelConfig::default() };
/// let bank = MelFilterbank::new(config)?;
/// assert!(bank.to_matrix().iter().all(|&w| w <= 1.0));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterNorm {
    /// Height 1.
    None,
    /// Unit area: `2 / (p_(i+2) − p_i)` times height 1, in 1/Hz. librosa's default.
    #[default]
    Slaney,
}

/// What a mel filterbank should look like.
///
/// ```
/// use mir_features::{MelConfig, MelFilterbank};
/// let config = MelConfig { n_mels: 80, ..MelConfig::default() };
/// assert!(MelFilterbank::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MelConfig {
    /// Rate of the audio.
    pub sample_rate: SampleRate,
    /// Length of the Fourier transform, at least 2 and even.
    pub n_fft: usize,
    /// Number of bands, at least 1.
    pub n_mels: usize,
    /// Lower edge of the lowest band, Hz, at least 0.
    pub f_min: f64,
    /// Upper edge of the highest band, Hz, above `f_min`, at most half the sample rate.
    pub f_max: f64,
    /// Spacing of the bands.
    pub mel_scale: MelScale,
    /// Height of the bands.
    pub filter_norm: FilterNorm,
}

impl Default for MelConfig {
    /// The bands of Onsets and Frames (jongwook's PyTorch port).
    fn default() -> Self {
        Self {
            sample_rate: SampleRate::HZ_16000,
            n_fft: 2048,
            n_mels: 229,
            f_min: 30.0,
            f_max: 8000.0,
            mel_scale: MelScale::Htk,
            filter_norm: FilterNorm::Slaney,
        }
    }
}

impl MelConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an odd or too small `n_fft` or no band, [`Error::InvalidBand`] unless
    /// `0 <= f_min < f_max <= sample_rate / 2`.
    pub fn validate(&self) -> Result<()> {
        check_n_fft(self.n_fft)?;
        if self.n_mels == 0 || self.n_mels > 1 << 16 {
            return Err(Error::OutOfRange {
                field: "n_mels",
                expected: "1 to 65536",
                actual: self.n_mels as f64,
            });
        }
        let nyquist = f64::from(self.sample_rate.hz()) / 2.0;
        let (f_min, f_max) = (self.f_min, self.f_max);
        if !(f_min >= 0.0 && f_min < f_max && f_max <= nyquist) {
            return Err(Error::InvalidBand { f_min, f_max, nyquist });
        }
        Ok(())
    }
}

/// A planned mel filterbank.
///
/// Every bin between two neighbouring edges is on the rising side of one band and on the falling side
/// of the band below: one pass over the bins with two products each computes all bands.
///
/// ```
/// use mir_features::mel::{MelConfig, MelFilterbank};
/// let config = MelConfig::default();
/// let bank = MelFilterbank::new(config.clone())?;
/// let mut bands = vec![0.0; config.n_mels];
/// bank.process_into(&vec![1.0; config.n_fft / 2 + 1], &mut bands);
/// // A flat spectrum gives each band the sum of its weights.
/// assert_eq!(bank.to_matrix().dim(), (config.n_mels, config.n_fft / 2 + 1));
/// assert!((bands[9] - bank.to_matrix().row(9).sum()).abs() < 1e-6);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MelFilterbank {
    config: MelConfig,
    /// Edges `p_0 … p_(n+1)`, Hz.
    edges: Vec<f64>,
    /// First bin at or above each edge.
    starts: Vec<usize>,
    /// Weight of each bin, from bin `starts[0]`, in the band whose rising side it is on.
    rise: Vec<f32>,
    /// Weight of each bin in the band whose falling side it is on.
    fall: Vec<f32>,
}

impl MelFilterbank {
    /// Validates the configuration and designs the filters.
    ///
    /// # Errors
    /// As [`MelConfig::validate`].
    pub fn new(config: MelConfig) -> Result<Self> {
        config.validate()?;
        let (f_min, f_max) = (config.f_min, config.f_max);
        let scale = config.mel_scale;
        let (low, high) = (scale.mel(f_min), scale.mel(f_max));
        let last = config.n_mels + 1;
        let mut edges: Vec<f64> =
            (0..=last).map(|i| scale.hz(low + (high - low) * i as f64 / last as f64)).collect();
        // The round trip through the scale must not push the last edge past the last bin.
        (edges[0], edges[last]) = (f_min, f_max);

        let hz_per_bin = f64::from(config.sample_rate.hz()) / config.n_fft as f64;
        let bins = config.n_fft / 2 + 1;
        let starts: Vec<usize> =
            edges.iter().map(|edge| ((edge / hz_per_bin).ceil() as usize).min(bins)).collect();
        let height = |band: usize| match config.filter_norm {
            FilterNorm::None => 1.0,
            FilterNorm::Slaney => 2.0 / (edges[band + 2] - edges[band]),
        };
        let (mut rise, mut fall) = (vec![], vec![]);
        for segment in 0..=config.n_mels {
            let (left, right) = (edges[segment], edges[segment + 1]);
            for bin in starts[segment]..starts[segment + 1] {
                let up = (bin as f64 * hz_per_bin - left) / (right - left);
                // The last segment rises into no band, the first falls from none.
                let up_weight = if segment < config.n_mels { up * height(segment) } else { 0.0 };
                let down_weight = if segment > 0 { (1.0 - up) * height(segment - 1) } else { 0.0 };
                rise.push(up_weight as f32);
                fall.push(down_weight as f32);
            }
        }
        Ok(Self { config, edges, starts, rise, fall })
    }

    /// The configuration.
    pub const fn config(&self) -> &MelConfig {
        &self.config
    }

    /// The band edges `p_0 … p_(n+1)`, Hz. Band `i` peaks at `p_(i+1)`.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// Frequencies of the peaks of the bands, Hz.
    pub fn centres(&self) -> &[f64] {
        &self.edges[1..=self.config.n_mels]
    }

    /// The energy in each band: the product of the weight matrix and a spectrum.
    ///
    /// # Panics
    /// If `spectrum` has not `n_fft / 2 + 1` elements or `out` not `n_mels`.
    pub fn process_into(&self, spectrum: &[f32], out: &mut [f32]) {
        self.process_lanes(Scalar, spectrum, out);
    }

    /// As [`process_into`](Self::process_into) for a spectrum in each lane, with the same bits. The bands are narrow:
    /// one spectrum at a time cannot be vectorised, all lanes take as long as one.
    #[inline(always)]
    pub(crate) fn process_lanes<S: Simd>(&self, simd: S, spectra: &[S::f32s], out: &mut [S::f32s]) {
        assert_eq!(spectra.len(), self.config.n_fft / 2 + 1, "spectrum bins");
        assert_eq!(out.len(), self.config.n_mels, "mel bands");
        let (first, zero) = (self.starts[0], simd.splat_f32s(0.0));
        let mut from = first;
        let mut rising = zero;
        for (segment, &to) in self.starts[1..].iter().enumerate() {
            let weights = from - first..to - first;
            let (mut up, mut down) = (zero, zero);
            for ((&x, &rise), &fall) in
                spectra[from..to].iter().zip(&self.rise[weights.clone()]).zip(&self.fall[weights])
            {
                up = simd.add_f32s(up, simd.mul_f32s(x, simd.splat_f32s(rise)));
                down = simd.add_f32s(down, simd.mul_f32s(x, simd.splat_f32s(fall)));
            }
            if segment > 0 {
                out[segment - 1] = simd.add_f32s(rising, down);
            }
            rising = up;
            from = to;
        }
    }

    /// The filters as a matrix `[n_mels, n_fft / 2 + 1]`. Allocates.
    pub fn to_matrix(&self) -> Array2<f32> {
        let n_mels = self.config.n_mels;
        let mut matrix = Array2::zeros((n_mels, self.config.n_fft / 2 + 1));
        for segment in 0..=n_mels {
            for bin in self.starts[segment]..self.starts[segment + 1] {
                let index = bin - self.starts[0];
                if segment < n_mels {
                    matrix[(segment, bin)] = self.rise[index];
                }
                if segment > 0 {
                    matrix[(segment - 1, bin)] = self.fall[index];
                }
            }
        }
        matrix
    }
}

/// Checks the length of a Fourier transform.
pub(crate) fn check_n_fft(n_fft: usize) -> Result<()> {
    if n_fft < 2 || n_fft % 2 == 1 || n_fft > 1 << 24 {
        return Err(Error::OutOfRange {
            field: "n_fft",
            expected: "an even number from 2 to 16777216",
            actual: n_fft as f64,
        });
    }
    Ok(())
}
