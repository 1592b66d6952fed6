//! Peaks of spectra between the bins, and the tuning that they agree on.

use mir_core::SampleRate;
use ndarray::ArrayRef2;
use serde::{Deserialize, Serialize};

use super::yin::parabolic_shifts;
use crate::{Error, Result};

/// Which peaks of a spectrum count.
///
/// ```
/// use mir_features::{PiptrackConfig, piptrack};
/// let config = PiptrackConfig { f_max: 1000.0, ..PiptrackConfig::default() };
/// assert!(piptrack(&ndarray::Array2::zeros((3, 1025)), &config)?.is_empty());
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PiptrackConfig {
    /// Rate of the audio that the spectra were made from.
    pub sample_rate: SampleRate,
    /// Length of their Fourier transform, even.
    pub n_fft: usize,
    /// Lowest frequency, Hz.
    pub f_min: f64,
    /// Bins from here on do not count, Hz.
    pub f_max: f64,
    /// Peaks are higher than this share of the maximum of their frame, 0 to 1.
    pub threshold: f64,
}

impl Default for PiptrackConfig {
    /// librosa's defaults: 2048 points at 22.05 kHz, 150 to 4000 Hz, a tenth of the maximum.
    fn default() -> Self {
        Self {
            sample_rate: SampleRate::HZ_22050,
            n_fft: 2048,
            f_min: 150.0,
            f_max: 4000.0,
            threshold: 0.1,
        }
    }
}

/// A peak of a spectrum, at the top of a parabola through three bins (Smith, "Spectral Audio Signal
/// Processing", quadratic interpolation of spectral peaks).
///
/// ```
/// use mir_features::{PiptrackConfig, piptrack};
/// let mut spectrum = ndarray::Array2::zeros((1, 1025));
/// (spectrum[(0, 40)], spectrum[(0, 41)], spectrum[(0, 42)]) = (1.0, 3.0, 1.0);
/// let peak = piptrack(&spectrum, &PiptrackConfig::default())?[0];
/// // Of equal neighbours the peak lies in the middle of its bin.
/// assert!((peak.hz - 41.0 * 22_050.0 / 2048.0).abs() < 1e-6);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpectralPeak {
    /// Frame of the peak.
    pub frame: usize,
    /// Its highest bin.
    pub bin: usize,
    /// Frequency, Hz.
    pub hz: f64,
    /// Height, in the unit of the spectrum.
    pub magnitude: f64,
}

/// The peaks of magnitude spectra `[frames, n_fft / 2 + 1]`, frame by frame from low to high, as librosa's
/// `piptrack`. Allocates.
///
/// # Errors
/// [`Error::OutOfRange`] for a field outside its range or a spectrum of another number of bins.
///
/// ```
/// use mir_features::{PiptrackConfig, piptrack};
/// use ndarray::Array2;
/// let mut spectrum = Array2::zeros((1, 1025));
/// (spectrum[(0, 40)], spectrum[(0, 41)], spectrum[(0, 42)]) = (1.0, 3.0, 1.0);
/// let peaks = piptrack(&spectrum, &PiptrackConfig::default())?;
/// assert_eq!((peaks.len(), peaks[0].bin), (1, 41));
/// # Ok::<(), mir_features::Error>(())
/// ```
pub fn piptrack(spectra: &ArrayRef2<f32>, config: &PiptrackConfig) -> Result<Vec<SpectralPeak>> {
    crate::mel::check_n_fft(config.n_fft)?;
    let bins = config.n_fft / 2 + 1;
    if spectra.ncols() != bins {
        return Err(Error::OutOfRange {
            field: "n_fft",
            expected: "a spectrum of n_fft / 2 + 1 bins; the number of bins came",
            actual: spectra.ncols() as f64,
        });
    }
    if !(0.0..=1.0).contains(&config.threshold) {
        return Err(Error::OutOfRange {
            field: "threshold",
            expected: "0 to 1",
            actual: config.threshold,
        });
    }
    let rate = f64::from(config.sample_rate.hz());
    let hz_per_bin = rate / config.n_fft as f64;
    let f_max = config.f_max.min(rate / 2.0);
    let mut shifts = vec![0.0; bins];
    let mut peaks = vec![];
    for (frame, spectrum) in spectra.rows().into_iter().enumerate() {
        let spectrum: Vec<f32> = spectrum.iter().map(|x| x.abs()).collect();
        parabolic_shifts(&spectrum, &mut shifts);
        let limit = config.threshold as f32 * spectrum.iter().copied().fold(0.0, f32::max);
        // What is not above the limit counts as nothing, also as a neighbour.
        let above = |bin: usize| if spectrum[bin] > limit { spectrum[bin] } else { 0.0 };
        for bin in 1..bins {
            let hz = bin as f64 * hz_per_bin;
            let rises = above(bin) > above(bin - 1);
            let peak = rises && (bin + 1 == bins || above(bin) >= above(bin + 1));
            if peak && hz >= config.f_min && hz < f_max {
                let slope = match spectrum.get(bin + 1) {
                    Some(next) => (next - spectrum[bin - 1]) / 2.0,
                    None => spectrum[bin] - spectrum[bin - 1],
                };
                peaks.push(SpectralPeak {
                    frame,
                    bin,
                    hz: (bin as f64 + f64::from(shifts[bin])) * hz_per_bin,
                    magnitude: f64::from(spectrum[bin] + 0.5 * slope * shifts[bin]),
                });
            }
        }
    }
    Ok(peaks)
}

/// How finely a tuning is measured.
///
/// ```
/// use mir_features::{TuningConfig, estimate_tuning};
/// let silence = ndarray::Array2::zeros((3, 1025));
/// assert_eq!(estimate_tuning(&silence, &TuningConfig::default())?, 0.0);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TuningConfig {
    /// Which peaks count.
    pub peaks: PiptrackConfig,
    /// Step of the result in bins, above 0 and below 1; 0.01 is a cent for semitones.
    pub resolution: f64,
    /// Bins in an octave, at least 1.
    pub bins_per_octave: usize,
}

impl Default for TuningConfig {
    /// librosa's defaults: cents.
    fn default() -> Self {
        Self { peaks: PiptrackConfig::default(), resolution: 0.01, bins_per_octave: 12 }
    }
}

/// By which fraction of a bin, −0.5 to below 0.5, frequencies (Hz) deviate from A = 440 Hz: the most frequent
/// deviation, or 0 without any frequency above 0. As librosa's `pitch_tuning`.
///
/// # Errors
/// [`Error::OutOfRange`] for a resolution that is not between 1e-6 and 1, or no bins.
///
/// ```
/// use mir_features::pitch_tuning;
/// let sharp = [110.0, 220.0, 440.0].map(|hz: f64| hz * (0.25f64 / 12.0).exp2());
/// assert!((pitch_tuning(&sharp, 0.01, 12)? - 0.25).abs() < 0.011);
/// # Ok::<(), mir_features::Error>(())
/// ```
pub fn pitch_tuning(frequencies: &[f64], resolution: f64, bins_per_octave: usize) -> Result<f64> {
    if !(1e-6..1.0).contains(&resolution) {
        return Err(Error::OutOfRange {
            field: "resolution",
            expected: "1e-6 to below 1",
            actual: resolution,
        });
    }
    if bins_per_octave == 0 {
        return Err(Error::OutOfRange {
            field: "bins_per_octave",
            expected: "at least 1",
            actual: 0.0,
        });
    }
    let steps = (1.0 / resolution).ceil() as usize;
    // The last edge is exact.
    let edge = |i: usize| if i == steps { 0.5 } else { -0.5 + i as f64 * (1.0 / steps as f64) };
    let mut counts = vec![0usize; steps];
    for &hz in frequencies.iter().filter(|&&hz| hz > 0.0) {
        let position = bins_per_octave as f64 * (hz / (440.0 / 16.0)).log2();
        let mut residual = position.rem_euclid(1.0);
        if residual >= 0.5 {
            residual -= 1.0;
        }
        // The bin by division, then by its edges.
        let mut bin = (((residual + 0.5) * steps as f64) as usize).min(steps - 1);
        if residual < edge(bin) {
            bin -= 1;
        } else if bin + 1 < steps && residual >= edge(bin + 1) {
            bin += 1;
        }
        counts[bin] += 1;
    }
    if counts.iter().all(|&count| count == 0) {
        return Ok(0.0);
    }
    let best = (1..steps).fold(0, |best, i| if counts[i] > counts[best] { i } else { best });
    Ok(edge(best))
}

/// The tuning of magnitude spectra `[frames, n_fft / 2 + 1]`: [`pitch_tuning`] of those of their peaks that
/// are at least as high as the median. Needs the whole recording: there is no streaming form. As librosa's `estimate_tuning`.
///
/// # Errors
/// As [`piptrack`] and [`pitch_tuning`].
///
/// ```
/// use mir_features::{AudioBuffer, SampleRate, SpectrumPower, Stft, StftConfig, TuningConfig, estimate_tuning};
/// # use std::f64::consts::TAU;
/// let sine = |n| (TAU * 452.9 * f64::from(n) / 22050.0).sin() as f32;
/// let audio = AudioBuffer::mono(SampleRate::HZ_22050, (0..22050).map(sine).collect());
/// let stft = Stft::new(StftConfig { sample_rate: SampleRate::HZ_22050, ..StftConfig::default() })?;
/// let map = stft.process(&audio, SpectrumPower::Magnitude)?;
/// let tuning = estimate_tuning(&map.data.index_axis(ndarray::Axis(0), 0), &TuningConfig::default())?;
/// assert!((tuning - 0.5).abs() < 0.03 || (tuning + 0.5).abs() < 0.03);
/// # Ok::<(), mir_features::Error>(())
/// ```
pub fn estimate_tuning(spectra: &ArrayRef2<f32>, config: &TuningConfig) -> Result<f64> {
    let peaks = piptrack(spectra, &config.peaks)?;
    let mut heights: Vec<f64> = peaks.iter().map(|p| p.magnitude).collect();
    heights.sort_unstable_by(f64::total_cmp);
    let median = match heights.len() {
        0 => 0.0,
        n if n % 2 == 1 => heights[n / 2],
        n => f64::midpoint(heights[n / 2 - 1], heights[n / 2]),
    };
    let frequencies: Vec<f64> =
        peaks.iter().filter(|p| p.magnitude >= median && p.hz > 0.0).map(|p| p.hz).collect();
    pitch_tuning(&frequencies, config.resolution, config.bins_per_octave)
}
