//! SpecAugment: bands of frequency and spans of time set to a constant, so that a network learns not to depend
//! on any one of them (Park et al. 2019, "SpecAugment: A Simple Data Augmentation Method for Automatic Speech
//! Recognition", without time warping).
//!
//! What is masked is a function of the seed alone. Masking before [harmonic stacking](crate::HarmonicStacking)
//! masks all copies alike.

use ndarray::{ArrayRef3, Axis};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How much is masked.
///
/// ```
/// use mir_features::{SpecAugment, SpecAugmentConfig};
/// let config = SpecAugmentConfig { time_masks: 4, ..SpecAugmentConfig::default() };
/// assert!(SpecAugment::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpecAugmentConfig {
    /// Chance that anything is masked, 0 to 1.
    pub probability: f64,
    /// Number of frequency masks.
    pub frequency_masks: usize,
    /// Widest frequency mask, bins, at least 1; widths are uniform from 1.
    pub frequency_width: usize,
    /// Number of time masks.
    pub time_masks: usize,
    /// Longest time mask, frames, at least 1; lengths are uniform from 1.
    pub time_width: usize,
    /// What masked values become; finite.
    pub value: f64,
}

impl Default for SpecAugmentConfig {
    /// Two masks of up to 26 bins and one of up to 4 frames in three of four examples: the setting for
    /// melody networks on constant-Q transforms of 60 bins in an octave.
    fn default() -> Self {
        Self {
            probability: 0.75,
            frequency_masks: 2,
            frequency_width: 26,
            time_masks: 1,
            time_width: 4,
            value: 0.0,
        }
    }
}

/// A planned masking.
///
/// ```
/// use mir_features::{SpecAugment, SpecAugmentConfig};
/// use ndarray::Array3;
/// let config = SpecAugmentConfig { probability: 1.0, ..SpecAugmentConfig::default() };
/// let mut map = Array3::ones((1, 50, 360));
/// SpecAugment::new(config)?.apply(&mut map, 7);
/// assert!(map.iter().any(|&x| x == 0.0));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SpecAugment {
    config: SpecAugmentConfig,
}

impl SpecAugment {
    /// Validates the configuration.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for the first field that is not admissible.
    pub fn new(config: SpecAugmentConfig) -> Result<Self> {
        let check = |ok, field, expected, actual| {
            if ok { Ok(()) } else { Err(Error::OutOfRange { field, expected, actual }) }
        };
        let p = config.probability;
        check((0.0..=1.0).contains(&p), "probability", "0 to 1", p)?;
        let width = config.frequency_width;
        check(width > 0, "frequency_width", "at least 1 bin", width as f64)?;
        check(config.time_width > 0, "time_width", "at least 1 frame", config.time_width as f64)?;
        check(config.value.is_finite(), "value", "a finite number", config.value)?;
        Ok(Self { config })
    }

    /// The configuration.
    pub const fn config(&self) -> &SpecAugmentConfig {
        &self.config
    }

    /// Masks `[channels, frames, bins]` in place: the same bins and frames in all channels.
    pub fn apply(&self, map: &mut ArrayRef3<f32>, seed: u64) {
        let (_, frames, bins) = map.dim();
        let mut random = SplitMix(seed);
        if random.uniform() >= self.config.probability {
            return;
        }
        let value = self.config.value as f32;
        for _ in 0..self.config.frequency_masks {
            let (first, end) = random.span(self.config.frequency_width, bins);
            map.slice_axis_mut(Axis(2), (first..end).into()).fill(value);
        }
        for _ in 0..self.config.time_masks {
            let (first, end) = random.span(self.config.time_width, frames);
            map.slice_axis_mut(Axis(1), (first..end).into()).fill(value);
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// First element and end of a span of 1 to `widest` of `len` elements.
    fn span(&mut self, widest: usize, len: usize) -> (usize, usize) {
        let width = (1 + (self.uniform() * widest as f64) as usize).min(len);
        let first = (self.uniform() * (len - width + 1) as f64) as usize;
        (first, first + width)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    #[test]
    fn masks_are_rows_and_columns_of_bounded_width() {
        let config = SpecAugmentConfig { probability: 1.0, ..SpecAugmentConfig::default() };
        let augment = SpecAugment::new(config).unwrap();
        let (mut widest, mut longest) = (0, 0);
        for seed in 0..500 {
            let mut map = Array3::ones((2, 40, 300));
            augment.apply(&mut map, seed);
            let masked_bin = |k| (0..40).all(|t| map[(0, t, k)] == 0.0);
            let masked_frame = |t| (0..300).all(|k| map[(1, t, k)] == 0.0);
            for ((_, t, k), &value) in map.indexed_iter() {
                assert_eq!(value == 0.0, masked_bin(k) || masked_frame(t), "seed {seed}");
            }
            widest = widest.max((0..300).filter(|&k| masked_bin(k)).count());
            longest = longest.max((0..40).filter(|&t| masked_frame(t)).count());
            assert!((1..=52).contains(&widest) && (1..=4).contains(&longest));
            let mut again = Array3::ones((2, 40, 300));
            augment.apply(&mut again, seed);
            assert_eq!(map, again);
        }
        assert!(widest > 30 && longest == 4);
    }

    #[test]
    fn the_probability_counts_and_small_maps_are_masked_whole_at_most() {
        let augment = SpecAugment::new(SpecAugmentConfig::default()).unwrap();
        let masked = (0..1000)
            .filter(|&seed| {
                let mut map = Array3::ones((1, 2, 3));
                augment.apply(&mut map, seed);
                map.iter().any(|&x| x == 0.0)
            })
            .count();
        assert!((700..800).contains(&masked), "{masked}");
        augment.apply(&mut Array3::zeros((0, 0, 0)), 1);
        let bad = SpecAugmentConfig { probability: 1.5, ..SpecAugmentConfig::default() };
        assert!(matches!(
            SpecAugment::new(bad),
            Err(Error::OutOfRange { field: "probability", .. })
        ));
    }
}
