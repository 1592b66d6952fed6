//! Harmonic-percussive separation: tones are ridges along time in a spectrogram, strokes along frequency.
//!
//! A median over time keeps the ridges of tones, one over frequency those of strokes; soft masks share the
//! spectrogram out between them. Fitzgerald 2010, "Harmonic/percussive separation using median filtering"; margins
//! after Driedger, Müller and Disch 2014, "Extending harmonic-percussive separation of audio signals". As
//! librosa 0.11's `decompose.hpss`. A frame depends on `harmonic` frames around it, and there is no streaming form.

use ndarray::{Array2, ArrayRef2, ArrayView1, ArrayViewMut1, Axis, Zip};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    mask::{ZeroMask, check_magnitudes, soft_mask},
};

/// How tones and strokes are told apart.
///
/// ```
/// use mir_features::{Hpss, HpssConfig};
/// let config = HpssConfig { power: None, ..HpssConfig::default() };
/// assert!(Hpss::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HpssConfig {
    /// Frames of the median along time, at least 1.
    pub harmonic: usize,
    /// Bins of the median along frequency, at least 1.
    pub percussive: usize,
    /// Power of the soft masks, above 0; `None` for hard masks.
    pub power: Option<f64>,
    /// By how much tones have to exceed strokes, at least 1. With margins above 1 a residual is left.
    pub margin_harmonic: f64,
    /// By how much strokes have to exceed tones, at least 1.
    pub margin_percussive: f64,
}

impl Default for HpssConfig {
    /// librosa's defaults: medians of 31, power 2, no margins.
    fn default() -> Self {
        Self {
            harmonic: 31,
            percussive: 31,
            power: Some(2.0),
            margin_harmonic: 1.0,
            margin_percussive: 1.0,
        }
    }
}

/// The two parts of a spectrogram, or their masks, `[frames, bins]` each.
///
/// ```
/// use mir_features::{Hpss, HpssConfig};
/// let mut spectra = ndarray::Array2::zeros((64, 65));
/// spectra.column_mut(20).fill(1.0);
/// let parts = Hpss::new(HpssConfig::default())?.process(&spectra)?;
/// // A line along time is a tone.
/// assert!(parts.harmonic[(30, 20)] > parts.percussive[(30, 20)]);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HpssParts {
    /// Tones.
    pub harmonic: Array2<f32>,
    /// Strokes.
    pub percussive: Array2<f32>,
}

/// A planned harmonic-percussive separation.
///
/// ```
/// use mir_features::{Hpss, HpssConfig};
/// use ndarray::Array2;
/// let mut spectrogram = Array2::zeros((60, 80));
/// spectrogram.column_mut(20).fill(1.0); // a tone
/// spectrogram.row_mut(30).fill(1.0); // a stroke
/// let parts = Hpss::new(HpssConfig::default())?.process(&spectrogram)?;
/// assert_eq!((parts.harmonic[(10, 20)], parts.percussive[(10, 20)]), (1.0, 0.0));
/// assert_eq!((parts.harmonic[(30, 50)], parts.percussive[(30, 50)]), (0.0, 1.0));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Hpss {
    config: HpssConfig,
}

impl Hpss {
    /// Validates the configuration.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for the first field that is not admissible.
    pub fn new(config: HpssConfig) -> Result<Self> {
        let check = |ok, field, expected, actual| {
            if ok { Ok(()) } else { Err(Error::OutOfRange { field, expected, actual }) }
        };
        check(config.harmonic > 0, "harmonic", "at least 1 frame", config.harmonic as f64)?;
        check(config.percussive > 0, "percussive", "at least 1 bin", config.percussive as f64)?;
        let power = config.power.unwrap_or(1.0);
        check(power.is_finite() && power > 0.0, "power", "a finite number above 0", power)?;
        let margin = |m: f64| m.is_finite() && m >= 1.0;
        let expected = "a finite number of at least 1";
        check(margin(config.margin_harmonic), "margin_harmonic", expected, config.margin_harmonic)?;
        check(
            margin(config.margin_percussive),
            "margin_percussive",
            expected,
            config.margin_percussive,
        )?;
        Ok(Self { config })
    }

    /// The configuration.
    pub const fn config(&self) -> &HpssConfig {
        &self.config
    }

    /// The tones and strokes of a magnitude or power spectrogram `[frames, bins]`. Complex spectra are
    /// multiplied by the [`masks`](Self::masks) of their magnitudes instead. Allocates.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a value that is negative or not finite.
    pub fn process(&self, spectrogram: &ArrayRef2<f32>) -> Result<HpssParts> {
        let mut parts = self.masks(spectrogram)?;
        parts.harmonic.zip_mut_with(spectrogram, |mask, &x| *mask *= x);
        parts.percussive.zip_mut_with(spectrogram, |mask, &x| *mask *= x);
        Ok(parts)
    }

    /// The masks of tones and strokes, 0 to 1. Allocates.
    ///
    /// # Errors
    /// As [`process`](Self::process).
    pub fn masks(&self, spectrogram: &ArrayRef2<f32>) -> Result<HpssParts> {
        check_magnitudes(spectrogram)?;
        let harmonic = medians(spectrogram, Axis(0), self.config.harmonic);
        let percussive = medians(spectrogram, Axis(1), self.config.percussive);
        let HpssConfig { margin_harmonic, margin_percussive, power, .. } = self.config;
        let power = power.unwrap_or(f64::INFINITY);
        // Without margins the masks sum to 1, also where there is nothing.
        let no_margin = margin_harmonic <= 1.0 && margin_percussive <= 1.0;
        let zero = if no_margin { ZeroMask::Half } else { ZeroMask::Zero };
        let raised = |x: &Array2<f32>, margin: f64| x.mapv(|x| x * margin as f32);
        Ok(HpssParts {
            harmonic: soft_mask(&harmonic, &raised(&percussive, margin_harmonic), power, zero)?,
            percussive: soft_mask(&percussive, &raised(&harmonic, margin_percussive), power, zero)?,
        })
    }
}

/// Medians of `size` values along an axis; `size / 2` of them come before. Beyond the ends the values are
/// mirrored, the last one repeated (SciPy's `median_filter(mode="reflect")`).
fn medians(map: &ArrayRef2<f32>, axis: Axis, size: usize) -> Array2<f32> {
    let mut out = Array2::zeros(map.raw_dim());
    let lanes = Zip::from(map.lanes(axis)).and(out.lanes_mut(axis));
    #[cfg(feature = "parallel")]
    lanes.par_for_each(|lane, out| lane_medians(lane, out, size));
    #[cfg(not(feature = "parallel"))]
    lanes.for_each(|lane, out| lane_medians(lane, out, size));
    out
}

fn lane_medians(lane: ArrayView1<'_, f32>, mut out: ArrayViewMut1<'_, f32>, size: usize) {
    let len = lane.len() as i64;
    if len == 0 {
        return;
    }
    let at = |position: i64| {
        let within = position.rem_euclid(2 * len);
        lane[within.min(2 * len - 1 - within) as usize]
    };
    // The window in order: one value leaves, one enters.
    let before = (size / 2) as i64;
    let mut window: Vec<f32> = (-before..size as i64 - before).map(at).collect();
    window.sort_unstable_by(f32::total_cmp);
    for (position, slot) in (0..len).zip(&mut out) {
        if position > 0 {
            let (old, new) = (at(position - 1 - before), at(position - 1 - before + size as i64));
            replace(&mut window, old, new);
        }
        *slot = window[size / 2];
    }
}

/// Replaces a value of a sorted window by another and keeps it sorted.
fn replace(window: &mut [f32], old: f32, new: f32) {
    let mut slot = window.partition_point(|x| x.total_cmp(&old).is_lt());
    while slot + 1 < window.len() && window[slot + 1].total_cmp(&new).is_lt() {
        window[slot] = window[slot + 1];
        slot += 1;
    }
    while slot > 0 && window[slot - 1].total_cmp(&new).is_gt() {
        window[slot] = window[slot - 1];
        slot -= 1;
    }
    window[slot] = new;
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn medians_are_those_of_sorted_windows() {
        let map = Array2::from_shape_fn((17, 3), |(i, j)| ((i * 7 + j * 5) % 11) as f32);
        for size in [1, 2, 3, 4, 5, 16, 40] {
            let fast = medians(&map, Axis(0), size);
            for ((i, j), &value) in fast.indexed_iter() {
                let mut window: Vec<f32> = (0..size)
                    .map(|k| {
                        let within = (i as i64 + k as i64 - (size / 2) as i64).rem_euclid(34);
                        map[(within.min(33 - within) as usize, j)]
                    })
                    .collect();
                window.sort_unstable_by(f32::total_cmp);
                assert_eq!(value.to_bits(), window[size / 2].to_bits(), "size {size}, frame {i}");
            }
        }
        assert_eq!(medians(&Array2::zeros((0, 3)), Axis(0), 5).dim(), (0, 3));
    }

    #[test]
    fn configurations_and_values_are_checked() {
        for config in [
            HpssConfig { harmonic: 0, ..HpssConfig::default() },
            HpssConfig { power: Some(0.0), ..HpssConfig::default() },
            HpssConfig { margin_harmonic: 0.5, ..HpssConfig::default() },
            HpssConfig { margin_percussive: f64::NAN, ..HpssConfig::default() },
        ] {
            assert!(matches!(Hpss::new(config), Err(Error::OutOfRange { .. })));
        }
        let hpss = Hpss::new(HpssConfig::default()).unwrap();
        assert!(matches!(hpss.process(&array![[-1.0]]), Err(Error::OutOfRange { .. })));
    }
}
