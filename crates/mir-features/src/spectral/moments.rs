//! Centroid, bandwidth, roll-off and flatness: one number for each spectrum.

use std::f64::consts::LN_2;

use mir_core::SampleRate;
use serde::{Deserialize, Serialize};

use super::{SpectrumFeature, spectrum_feature_methods};
use crate::{
    BinAxis, Error, Result, Spectrogram, SpectrogramConfig, SpectrumPower, StftConfig, db,
};

/// The magnitude spectrogram of a configuration.
pub(super) fn magnitudes(stft: &StftConfig) -> Result<Spectrogram> {
    Spectrogram::new(SpectrogramConfig { stft: stft.clone(), power: SpectrumPower::Magnitude })
}

/// As [`magnitudes`], in double precision: a logarithm shows all digits of the quietest bins.
pub(super) fn exact_magnitudes(stft: &StftConfig) -> Result<Spectrogram> {
    Spectrogram::in_double_precision(SpectrogramConfig {
        stft: stft.clone(),
        power: SpectrumPower::Magnitude,
    })
}

/// librosa's default transform.
pub(super) fn default_stft() -> StftConfig {
    StftConfig::librosa(SampleRate::HZ_22050)
}

/// The sum of a spectrum; 1 for silence, so that it can be divided by.
fn total(spectrum: &[f32]) -> f64 {
    let sum: f64 = spectrum.iter().map(|&s| f64::from(s)).sum();
    if sum < f64::from(f32::MIN_POSITIVE) { 1.0 } else { sum }
}

fn centroid(spectrum: &[f32], frequencies: &[f64]) -> f64 {
    let weighted: f64 = spectrum.iter().zip(frequencies).map(|(&s, f)| f64::from(s) * f).sum();
    weighted / total(spectrum)
}

/// Where the centre of mass of the spectrum should be taken.
///
/// ```
/// use mir_features::{SampleRate, SpectralCentroid, SpectralCentroidConfig, StftConfig};
/// let config = SpectralCentroidConfig { stft: StftConfig::librosa(SampleRate::HZ_44100) };
/// assert!(SpectralCentroid::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpectralCentroidConfig {
    /// The transform.
    pub stft: StftConfig,
}

impl Default for SpectralCentroidConfig {
    /// librosa's.
    fn default() -> Self {
        Self { stft: default_stft() }
    }
}

/// The centre of mass of the magnitude spectrum, `Σ f·|X| / Σ |X|` in Hz; 0 for silence.
///
/// ```
/// use mir_features::{AudioBuffer, SampleRate, SpectralCentroid, SpectralCentroidConfig};
/// let tone = (0..22_050).map(|n| (0.3 * n as f32).sin()).collect();
/// let audio = AudioBuffer::mono(SampleRate::HZ_22050, tone);
/// let map = SpectralCentroid::new(SpectralCentroidConfig::default())?.process(&audio)?;
/// assert_eq!(map.data.dim(), (1, 44, 1));
/// let expected = 0.3 * 22_050.0 / std::f32::consts::TAU;
/// assert!((map.data[(0, 20, 0)] - expected).abs() < 20.0);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct SpectralCentroid {
    config: SpectralCentroidConfig,
    spectrogram: Spectrogram,
    frequencies: Vec<f64>,
}

impl SpectralCentroid {
    /// Validates the configuration and plans the transform.
    ///
    /// # Errors
    /// As [`StftConfig::validate`].
    pub fn new(config: SpectralCentroidConfig) -> Result<Self> {
        Ok(Self {
            spectrogram: magnitudes(&config.stft)?,
            frequencies: config.stft.frequencies(),
            config,
        })
    }
}

impl SpectrumFeature for SpectralCentroid {
    type Memory = ();

    fn spectrogram(&self) -> &Spectrogram {
        &self.spectrogram
    }

    fn value_axis(&self) -> BinAxis {
        BinAxis::values("spectral centroid, Hz", 1)
    }

    fn values(&self) -> usize {
        1
    }

    fn memory(&self) {}

    fn describe_into(&self, spectrum: &[f32], (): &mut (), out: &mut [f32]) {
        out[0] = centroid(spectrum, &self.frequencies) as f32;
    }
}

spectrum_feature_methods!(SpectralCentroid, SpectralCentroidConfig);

/// How the spread around the centroid should be measured.
///
/// ```
/// use mir_features::{SpectralBandwidth, SpectralBandwidthConfig};
/// let config = SpectralBandwidthConfig { power: 1.0, ..SpectralBandwidthConfig::default() };
/// assert!(SpectralBandwidth::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpectralBandwidthConfig {
    /// The transform.
    pub stft: StftConfig,
    /// Exponent `p` of the deviation, above 0.
    pub power: f64,
    /// Divides by the sum of the spectrum.
    pub normalised: bool,
}

impl Default for SpectralBandwidthConfig {
    /// librosa's: the standard deviation.
    fn default() -> Self {
        Self { stft: default_stft(), power: 2.0, normalised: true }
    }
}

/// The spread of the magnitude spectrum around its centroid, `(Σ |X|·|f − c|^p / Σ |X|)^(1/p)` in Hz.
///
/// ```
/// use mir_features::{AudioBuffer, SampleRate, SpectralBandwidth, SpectralBandwidthConfig};
/// let bandwidth = SpectralBandwidth::new(SpectralBandwidthConfig::default())?;
/// let click = (0..4096).map(|n| if n == 2048 { 1.0 } else { 0.0 }).collect();
/// let map = bandwidth.process(&AudioBuffer::mono(SampleRate::HZ_22050, click))?;
/// // A click has a flat spectrum: the standard deviation of a uniform distribution.
/// assert!((map.data[(0, 4, 0)] - 11_025.0 / 12f32.sqrt()).abs() < 5.0);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct SpectralBandwidth {
    config: SpectralBandwidthConfig,
    spectrogram: Spectrogram,
    frequencies: Vec<f64>,
}

impl SpectralBandwidth {
    /// Validates the configuration and plans the transform.
    ///
    /// # Errors
    /// As [`StftConfig::validate`]; [`Error::OutOfRange`] for the exponent.
    pub fn new(config: SpectralBandwidthConfig) -> Result<Self> {
        if !(config.power.is_finite() && config.power > 0.0) {
            return Err(Error::OutOfRange {
                field: "power",
                expected: "a finite number above 0",
                actual: config.power,
            });
        }
        Ok(Self {
            spectrogram: magnitudes(&config.stft)?,
            frequencies: config.stft.frequencies(),
            config,
        })
    }
}

impl SpectrumFeature for SpectralBandwidth {
    type Memory = ();

    fn spectrogram(&self) -> &Spectrogram {
        &self.spectrogram
    }

    fn value_axis(&self) -> BinAxis {
        BinAxis::values("spectral bandwidth, Hz", 1)
    }

    fn values(&self) -> usize {
        1
    }

    fn memory(&self) {}

    fn describe_into(&self, spectrum: &[f32], (): &mut (), out: &mut [f32]) {
        let centre = centroid(spectrum, &self.frequencies);
        let p = self.config.power;
        // The square is by far the most usual, and `powf` costs more than the transform.
        let squared = (p - 2.0).abs() < f64::EPSILON;
        let deviation = |f: f64| {
            let d = (f - centre).abs();
            if squared { d * d } else { d.powf(p) }
        };
        let bins = spectrum.iter().zip(&self.frequencies);
        let sum: f64 = bins.map(|(&s, &f)| f64::from(s) * deviation(f)).sum();
        let sum = if self.config.normalised { sum / total(spectrum) } else { sum };
        out[0] = sum.powf(p.recip()) as f32;
    }
}

spectrum_feature_methods!(SpectralBandwidth, SpectralBandwidthConfig);

/// Which share of the spectrum should lie below the roll-off.
///
/// ```
/// use mir_features::{SpectralRolloff, SpectralRolloffConfig};
/// let config = SpectralRolloffConfig { share: 0.1, ..SpectralRolloffConfig::default() };
/// assert!(SpectralRolloff::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpectralRolloffConfig {
    /// The transform.
    pub stft: StftConfig,
    /// Share of the sum of magnitudes, above 0 and below 1.
    pub share: f64,
}

impl Default for SpectralRolloffConfig {
    /// librosa's.
    fn default() -> Self {
        Self { stft: default_stft(), share: 0.85 }
    }
}

/// The frequency of the first bin up to which a share of the sum of magnitudes lies, in Hz.
///
/// ```
/// use mir_features::{AudioBuffer, SampleRate, SpectralRolloff, SpectralRolloffConfig};
/// let rolloff = SpectralRolloff::new(SpectralRolloffConfig { share: 0.5, ..Default::default() })?;
/// let click = (0..4096).map(|n| if n == 2048 { 1.0 } else { 0.0 }).collect();
/// let map = rolloff.process(&AudioBuffer::mono(SampleRate::HZ_22050, click))?;
/// assert!((map.data[(0, 4, 0)] - 5512.5).abs() < 11.0);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct SpectralRolloff {
    config: SpectralRolloffConfig,
    spectrogram: Spectrogram,
    frequencies: Vec<f64>,
}

impl SpectralRolloff {
    /// Validates the configuration and plans the transform.
    ///
    /// # Errors
    /// As [`StftConfig::validate`]; [`Error::OutOfRange`] for the share.
    pub fn new(config: SpectralRolloffConfig) -> Result<Self> {
        if !(config.share > 0.0 && config.share < 1.0) {
            return Err(Error::OutOfRange {
                field: "share",
                expected: "above 0 and below 1",
                actual: config.share,
            });
        }
        Ok(Self {
            spectrogram: magnitudes(&config.stft)?,
            frequencies: config.stft.frequencies(),
            config,
        })
    }
}

impl SpectrumFeature for SpectralRolloff {
    type Memory = ();

    fn spectrogram(&self) -> &Spectrogram {
        &self.spectrogram
    }

    fn value_axis(&self) -> BinAxis {
        BinAxis::values("spectral roll-off, Hz", 1)
    }

    fn values(&self) -> usize {
        1
    }

    fn memory(&self) {}

    fn describe_into(&self, spectrum: &[f32], (): &mut (), out: &mut [f32]) {
        // The same order of additions twice: the last partial sum is the total to the bit.
        let sum: f64 = spectrum.iter().map(|&s| f64::from(s)).sum();
        let threshold = self.config.share * sum;
        let mut below = 0.0;
        let bin = spectrum.iter().position(|&s| {
            below += f64::from(s);
            below >= threshold
        });
        out[0] = self.frequencies[bin.unwrap_or(spectrum.len() - 1)] as f32;
    }
}

spectrum_feature_methods!(SpectralRolloff, SpectralRolloffConfig);

/// How the flatness of the spectrum should be measured.
///
/// ```
/// use mir_features::{SpectralFlatness, SpectralFlatnessConfig};
/// let config = SpectralFlatnessConfig { power: 1.0, ..SpectralFlatnessConfig::default() };
/// assert!(SpectralFlatness::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpectralFlatnessConfig {
    /// The transform.
    pub stft: StftConfig,
    /// Exponent of the magnitudes, above 0.
    pub power: f64,
    /// Smallest value that is taken as it is, 1e-37 to 1e30.
    pub floor: f64,
}

impl Default for SpectralFlatnessConfig {
    /// librosa's: powers above 1e-10.
    fn default() -> Self {
        Self { stft: default_stft(), power: 2.0, floor: 1e-10 }
    }
}

/// Geometric over arithmetic mean of `max(|X|^p, floor)`: 1 for a flat spectrum, near 0 for a tone
/// (Dubnov 2004).
///
/// ```
/// use mir_features::{AudioBuffer, SampleRate, SpectralFlatness, SpectralFlatnessConfig};
/// let flatness = SpectralFlatness::new(SpectralFlatnessConfig::default())?;
/// let click = (0..4096).map(|n| if n == 2048 { 1.0 } else { 0.0 }).collect();
/// let map = flatness.process(&AudioBuffer::mono(SampleRate::HZ_22050, click))?;
/// assert!((map.data[(0, 4, 0)] - 1.0).abs() < 1e-4);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct SpectralFlatness {
    config: SpectralFlatnessConfig,
    spectrogram: Spectrogram,
}

impl SpectralFlatness {
    /// Validates the configuration and plans the transform.
    ///
    /// # Errors
    /// As [`StftConfig::validate`]; [`Error::OutOfRange`] for the exponent or the floor.
    pub fn new(config: SpectralFlatnessConfig) -> Result<Self> {
        if !(config.power.is_finite() && config.power > 0.0) {
            return Err(Error::OutOfRange {
                field: "power",
                expected: "a finite number above 0",
                actual: config.power,
            });
        }
        db::check_floor(config.floor)?;
        Ok(Self { spectrogram: exact_magnitudes(&config.stft)?, config })
    }
}

impl SpectrumFeature for SpectralFlatness {
    type Memory = ();

    fn spectrogram(&self) -> &Spectrogram {
        &self.spectrogram
    }

    fn value_axis(&self) -> BinAxis {
        BinAxis::values("spectral flatness", 1)
    }

    fn values(&self) -> usize {
        1
    }

    fn memory(&self) {}

    fn describe_into(&self, spectrum: &[f32], (): &mut (), out: &mut [f32]) {
        let squared = (self.config.power - 2.0).abs() < f64::EPSILON;
        let power = |&s: &f32| {
            let s = f64::from(s);
            let power = if squared { s * s } else { s.powf(self.config.power) };
            power.max(self.config.floor)
        };
        let n = spectrum.len() as f64;
        let arithmetic = spectrum.iter().map(power).sum::<f64>() / n;
        let geometric = (sum_of_logarithms(spectrum.iter().map(power)) / n).exp();
        out[0] = (geometric / arithmetic) as f32;
    }
}

/// `Σ ln x` of positive numbers, with a logarithm for hundreds of them: mantissas are multiplied, exponents added.
fn sum_of_logarithms(numbers: impl Iterator<Item = f64>) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    const ONE: u64 = 1023 << 52;
    let (mut sum, mut product, mut exponents) = (0.0, 1.0f64, 0i64);
    for x in numbers {
        if !x.is_normal() {
            sum += x.ln();
            continue;
        }
        let bits = x.to_bits();
        exponents += (bits >> 52) as i64 - 1023;
        product *= f64::from_bits(bits & MANTISSA | ONE);
        // The next mantissa is below 2.
        if product >= 1e300 {
            sum += product.ln();
            product = 1.0;
        }
    }
    sum + product.ln() + exponents as f64 * LN_2
}

spectrum_feature_methods!(SpectralFlatness, SpectralFlatnessConfig);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_add_up() {
        let numbers: Vec<f64> = (1..5000)
            .map(|n| (f64::from(n) * 0.7).sin().abs() * 10f64.powi(n % 300 - 200))
            .chain([f64::MIN_POSITIVE, 1e-310, 5e-324, f64::MAX, 1.0, 1.0 - f64::EPSILON])
            .collect();
        let expected: f64 = numbers.iter().map(|x| x.ln()).sum();
        let actual = sum_of_logarithms(numbers.iter().copied());
        assert!((actual - expected).abs() < 1e-11 * expected.abs(), "{actual}, {expected}");
        assert!(sum_of_logarithms(std::iter::empty()).abs() < 1e-300);
        let of_zero = sum_of_logarithms([1.0, 0.0].into_iter());
        assert!(of_zero.is_infinite() && of_zero < 0.0, "{of_zero}");
    }
}
