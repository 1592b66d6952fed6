//! Harmonic stacking: copies of a log-frequency map, shifted so that each bin sees its overtones.
//!
//! For a multiple `m` and `B` bins in an octave the copy is `(S_m X)[t, k] = X[t, k + s]` with
//! `s = round(B·log2 m)`, and 0 outside the map. So at bin `k` the copy reads the energy at `m` times that
//! bin's frequency: a harmonic constant-Q transform at the cost of one. With `interpolate`, shifts are not rounded
//! and values between two bins are interpolated. Frames do not depend on each other.

use ndarray::{Array3, ArrayRef3, Axis};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Which copies are stacked.
///
/// ```
/// use mir_features::{HarmonicStacking, HarmonicStackingConfig};
/// let config = HarmonicStackingConfig { bins: Some(360), ..HarmonicStackingConfig::default() };
/// assert!(HarmonicStacking::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HarmonicStackingConfig {
    /// Multiples of the frequency, finite and above 0, at least one.
    pub multiples: Vec<f64>,
    /// Bins in an octave, above 0.
    pub bins_per_octave: f64,
    /// Bins of the output, at least 1; `None` for as many as there are in the input.
    pub bins: Option<usize>,
    /// Whether shifts are exact, with interpolation between bins, or rounded to whole bins.
    pub interpolate: bool,
}

impl Default for HarmonicStackingConfig {
    /// One undertone and five overtones at 60 bins in an octave: ½, 1, 2, 3, 4, 5.
    fn default() -> Self {
        Self {
            multiples: Self::undertones_and_overtones(1, 5),
            bins_per_octave: 60.0,
            bins: None,
            interpolate: false,
        }
    }
}

impl HarmonicStackingConfig {
    /// `½, ⅓, … 1/(undertones + 1), 1, 2, … overtones`.
    pub fn undertones_and_overtones(undertones: u32, overtones: u32) -> Vec<f64> {
        let under = (2..=undertones + 1).map(|n| 1.0 / f64::from(n));
        under.chain((1..=overtones).map(f64::from)).collect()
    }
}

/// A planned harmonic stacking.
///
/// ```
/// use mir_features::{HarmonicStacking, HarmonicStackingConfig};
/// use ndarray::Array3;
/// let stacking = HarmonicStacking::new(HarmonicStackingConfig {
///     bins: Some(360),
///     ..HarmonicStackingConfig::default()
/// })?;
/// assert_eq!(stacking.shifts(), [-60.0, 0.0, 60.0, 95.0, 120.0, 139.0]);
/// assert_eq!(stacking.process(&Array3::zeros((1, 10, 540))).dim(), (6, 10, 360));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct HarmonicStacking {
    config: HarmonicStackingConfig,
    shifts: Vec<f64>,
}

impl HarmonicStacking {
    /// Validates the configuration.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for the first field that is not admissible.
    pub fn new(config: HarmonicStackingConfig) -> Result<Self> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        if config.multiples.is_empty() {
            return Err(Error::OutOfRange {
                field: "multiples",
                expected: "at least one",
                actual: 0.0,
            });
        }
        if let Some(&actual) = config.multiples.iter().find(|m| !positive(**m)) {
            return Err(Error::OutOfRange {
                field: "multiples",
                expected: "finite multiples above 0",
                actual,
            });
        }
        if !positive(config.bins_per_octave) || config.bins_per_octave > 1e6 {
            return Err(Error::OutOfRange {
                field: "bins_per_octave",
                expected: "above 0, at most 1e6",
                actual: config.bins_per_octave,
            });
        }
        if config.bins == Some(0) {
            return Err(Error::OutOfRange { field: "bins", expected: "at least 1", actual: 0.0 });
        }
        let shift = |m: &f64| {
            let exact = config.bins_per_octave * m.log2();
            if config.interpolate { exact } else { exact.round() }
        };
        Ok(Self { shifts: config.multiples.iter().map(shift).collect(), config })
    }

    /// The configuration.
    pub const fn config(&self) -> &HarmonicStackingConfig {
        &self.config
    }

    /// Bins by which each copy is shifted down.
    pub fn shifts(&self) -> &[f64] {
        &self.shifts
    }

    /// The copies of `[channels, frames, bins]`, as `[multiples · channels, frames, bins]`: all channels of
    /// the first multiple, then all of the second. Allocates.
    pub fn process(&self, map: &ArrayRef3<f32>) -> Array3<f32> {
        let (channels, frames, bins) = map.dim();
        let out_bins = self.config.bins.unwrap_or(bins);
        let mut out = Array3::zeros((self.shifts.len() * channels, frames, out_bins));
        for (&shift, mut copy) in
            self.shifts.iter().zip(out.axis_chunks_iter_mut(Axis(0), channels.max(1)))
        {
            let whole = shift.floor();
            let part = (shift - whole) as f32;
            for (from, weight) in [(whole as i64, 1.0 - part), (whole as i64 + 1, part)] {
                // Output bins whose source lies inside the map.
                let first = (-from).clamp(0, out_bins as i64);
                let last = (bins as i64 - from).clamp(first, out_bins as i64);
                if weight > 0.0 && first < last {
                    let read = (first + from) as usize..(last + from) as usize;
                    let source = map.slice_axis(Axis(2), read.into());
                    let written = (first as usize..last as usize).into();
                    copy.slice_axis_mut(Axis(2), written).scaled_add(weight, &source);
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(multiples: &[f64], interpolate: bool, bins: Option<usize>) -> Array3<f32> {
        let config = HarmonicStackingConfig {
            multiples: multiples.to_vec(),
            bins_per_octave: 12.0,
            bins,
            interpolate,
        };
        let map =
            Array3::from_shape_fn((2, 3, 40), |(c, t, k)| (1 + k + 100 * t + 1000 * c) as f32);
        HarmonicStacking::new(config).unwrap().process(&map)
    }

    #[test]
    fn a_copy_reads_the_multiple_and_zeros_outside() {
        let out = stack(&[0.5, 1.0, 3.0], false, None);
        assert_eq!(out.dim(), (6, 3, 40));
        for ((channel, t, k), &value) in out.indexed_iter() {
            let shift = [-12, 0, 19][channel / 2];
            let source = k as i64 + shift;
            let expected = if (0..40).contains(&source) {
                (1 + source + 100 * t as i64 + 1000 * (channel % 2) as i64) as f32
            } else {
                0.0
            };
            assert_eq!(value.to_bits(), expected.to_bits(), "channel {channel}, bin {k}");
        }
        // Fewer bins out than in: overtones do not run out.
        assert!(stack(&[3.0], false, Some(21)).iter().all(|&x| x > 0.0));
        assert!(stack(&[1e9], false, Some(50)).iter().all(|&x| x == 0.0));
    }

    #[test]
    fn fractional_shifts_interpolate() {
        let out = stack(&[(0.25f64 / 12.0).exp2()], true, None);
        assert!((out[(0, 0, 10)] - 11.25).abs() < 1e-4);
        // Past the last bin there is nothing to interpolate with.
        assert!((out[(0, 0, 39)] - 30.0).abs() < 1e-3);
    }

    #[test]
    fn shifts_are_the_published_ones() {
        let config = HarmonicStackingConfig {
            multiples: HarmonicStackingConfig::undertones_and_overtones(8, 10),
            ..HarmonicStackingConfig::default()
        };
        let shifts = HarmonicStacking::new(config).unwrap().shifts;
        let expected = [
            -60, -95, -120, -139, -155, -168, -180, -190, 0, 60, 95, 120, 139, 155, 168, 180, 190,
            199,
        ];
        assert_eq!(shifts, expected.map(f64::from));
        for multiples in [vec![], vec![0.0], vec![f64::NAN]] {
            let config = HarmonicStackingConfig { multiples, ..HarmonicStackingConfig::default() };
            assert!(matches!(HarmonicStacking::new(config), Err(Error::OutOfRange { .. })));
        }
    }
}
