//! Masks: which share of a mixture belongs to each source?
//!
//! All work on arrays of any layout, element by element; magnitudes are at least 0.
//!
//! | | formula |
//! |---|---|
//! | [`soft_mask`] | `x^p / (x^p + y^p)`, two sources (librosa's `util.softmask`) |
//! | [`ratio_masks`] | `(y_j^p + ε) / Σ_k (y_k^p + ε)`: any number of sources, sums to 1; `p = 2` is the Wiener filter of stationary sources |
//!
//! A mask has no memory: streams may be masked frame by frame.

use ndarray::{Array, ArrayRef, Dimension, Zip};

use crate::{Error, Result};

/// What a mask is where both magnitudes vanish.
///
/// ```
/// use mir_features::{ZeroMask, soft_mask};
/// let silence = ndarray::array![0.0_f32];
/// assert_eq!(soft_mask(&silence, &silence, 2.0, ZeroMask::Half)?, ndarray::array![0.5]);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ZeroMask {
    /// 0.
    #[default]
    Zero,
    /// One half.
    Half,
}

/// The share of `x` beside `reference`: `x^p / (x^p + reference^p)`. For an infinite `power` 1 where `x` is
/// larger and 0 elsewhere. Allocates.
///
/// # Errors
/// [`Error::OutOfRange`] unless `power > 0`, or for a magnitude below 0 or NaN.
///
/// # Panics
/// If the shapes differ.
///
/// ```
/// use mir_features::{ZeroMask, soft_mask};
/// use ndarray::array;
/// let mask = soft_mask(&array![3.0, 0.0], &array![1.0, 0.0], 2.0, ZeroMask::Half)?;
/// assert!((mask[0] - 0.9_f32).abs() < 1e-6 && mask[1] == 0.5);
/// # Ok::<(), mir_features::Error>(())
/// ```
pub fn soft_mask<D: Dimension>(
    x: &ArrayRef<f32, D>,
    reference: &ArrayRef<f32, D>,
    power: f64,
    zero: ZeroMask,
) -> Result<Array<f32, D>> {
    check_power(power)?;
    check_magnitudes(x)?;
    check_magnitudes(reference)?;
    assert_eq!(x.raw_dim(), reference.raw_dim(), "shapes of the magnitudes");
    let power = power as f32;
    Ok(Zip::from(x).and(reference).map_collect(|&x, &y| soft(x, y, power, zero)))
}

fn soft(x: f32, y: f32, power: f32, zero: ZeroMask) -> f32 {
    if power.is_infinite() {
        return f32::from(u8::from(x > y));
    }
    // Relative to the larger one, so that no power overflows.
    let larger = x.max(y);
    if larger < f32::MIN_POSITIVE {
        return match zero {
            ZeroMask::Zero => 0.0,
            ZeroMask::Half => 0.5,
        };
    }
    let (x, y) = ((x / larger).powf(power), (y / larger).powf(power));
    x / (x + y)
}

/// The share of each source: `(y_j^p + ε) / Σ_k (y_k^p + ε)` over the first axis of `[sources, …]`. Sums to 1
/// everywhere for `ε > 0`; with `ε = 0` it is 0 where all sources vanish. Allocates.
///
/// # Errors
/// [`Error::OutOfRange`] unless `power > 0` is finite and `0 <= epsilon`, or for a magnitude below 0 or NaN.
///
/// ```
/// use mir_features::ratio_masks;
/// use ndarray::array;
/// let masks = ratio_masks(&array![[3.0, 0.0], [1.0, 0.0]], 1.0, 1e-8)?;
/// assert!((masks[(0, 0)] - 0.75_f32).abs() < 1e-6 && masks[(1, 1)] == 0.5);
/// # Ok::<(), mir_features::Error>(())
/// ```
pub fn ratio_masks<D: ndarray::RemoveAxis>(
    magnitudes: &ArrayRef<f32, D>,
    power: f64,
    epsilon: f64,
) -> Result<Array<f32, D>> {
    check_power(power)?;
    if power.is_infinite() {
        return Err(Error::OutOfRange {
            field: "power",
            expected: "a finite number above 0",
            actual: power,
        });
    }
    if !(epsilon.is_finite() && epsilon >= 0.0) {
        return Err(Error::OutOfRange {
            field: "epsilon",
            expected: "a finite number of at least 0",
            actual: epsilon,
        });
    }
    check_magnitudes(magnitudes)?;
    let raised = magnitudes.mapv(|y| f64::from(y).powf(power) + epsilon);
    let total = raised.sum_axis(ndarray::Axis(0));
    let mut masks = magnitudes.to_owned();
    for (mut mask, raised) in masks.outer_iter_mut().zip(raised.outer_iter()) {
        Zip::from(&mut mask).and(&raised).and(&total).for_each(|mask, &y, &total| {
            *mask = if total > 0.0 { (y / total) as f32 } else { 0.0 };
        });
    }
    Ok(masks)
}

fn check_power(power: f64) -> Result<()> {
    if power > 0.0 {
        return Ok(());
    }
    Err(Error::OutOfRange { field: "power", expected: "above 0", actual: power })
}

pub(crate) fn check_magnitudes<D: Dimension>(magnitudes: &ArrayRef<f32, D>) -> Result<()> {
    match magnitudes.iter().find(|x| !(**x >= 0.0 && x.is_finite())) {
        None => Ok(()),
        Some(&x) => Err(Error::OutOfRange {
            field: "magnitude",
            expected: "a finite number of at least 0",
            actual: f64::from(x),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn extreme_magnitudes_do_not_overflow() {
        let (x, y) = (array![1e38f32, 1e-30, 0.0], array![1e38f32, 3e-30, 2.0]);
        let mask = soft_mask(&x, &y, 2.0, ZeroMask::Zero).unwrap();
        assert!((mask[0] - 0.5).abs() < 1e-6 && (mask[1] - 0.1).abs() < 1e-6 && mask[2] == 0.0);
        let hard = soft_mask(&x, &y, f64::INFINITY, ZeroMask::Half).unwrap();
        assert_eq!(hard, array![0.0, 0.0, 0.0]);
    }

    #[test]
    fn bad_input_is_refused() {
        let (good, bad) = (array![1.0f32], array![-1.0f32]);
        for result in [
            soft_mask(&good, &bad, 1.0, ZeroMask::Zero),
            soft_mask(&good, &good, 0.0, ZeroMask::Zero),
            soft_mask(&good, &good, f64::NAN, ZeroMask::Zero),
            ratio_masks(&array![f32::NAN], 1.0, 0.0),
            ratio_masks(&good, f64::INFINITY, 0.0),
            ratio_masks(&good, 1.0, -1.0),
        ] {
            assert!(matches!(result, Err(Error::OutOfRange { .. })));
        }
    }

    #[test]
    fn ratio_masks_sum_to_one() {
        let y = array![[0.3f32, 0.0, 7.0], [0.1, 0.0, 0.0], [2.0, 0.0, 1e-20]];
        for power in [0.5, 1.0, 2.0] {
            let masks = ratio_masks(&y, power, 1e-8).unwrap();
            for sum in masks.sum_axis(ndarray::Axis(0)) {
                assert!((sum - 1.0).abs() < 1e-6);
            }
        }
        assert!(ratio_masks(&y, 1.0, 0.0).unwrap()[(0, 1)].abs() < f32::MIN_POSITIVE);
    }
}
