//! Decibels: from powers and amplitudes to a logarithmic scale, and back.
//!
//! `dB = 10·log10(max(x, floor)) − 10·log10(max(reference, floor))` for powers, 20 for amplitudes. A range
//! (`top_db`) raises everything below `maximum − top_db` of *the array that is passed in* to that limit:
//! with a range, or with the maximum as reference, a value depends on the whole array.

use ndarray::{Array, ArrayRef, Dimension};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, ln::scaled_ln};

/// What counts as 0 dB.
///
/// ```
/// use mir_features::db::{DbConfig, DbReference, power_to_db};
/// let config = DbConfig { reference: DbReference::Max, ..DbConfig::power() };
/// assert_eq!(power_to_db(&ndarray::array![1.0, 4.0], &config)?[1], 0.0);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DbReference {
    /// A value, in the unit of the input, above 0.
    Value(f64),
    /// The largest value of the array.
    Max,
}

impl Default for DbReference {
    fn default() -> Self {
        Self::Value(1.0)
    }
}

/// How values become decibels.
///
/// ```
/// use mir_features::db::{DbConfig, power_to_db};
/// let config = DbConfig { top_db: Some(30.0), ..DbConfig::power() };
/// let db = power_to_db(&ndarray::array![1.0, 1e-9], &config)?;
/// assert!((db[0] - db[1] - 30.0).abs() < 1e-4);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbConfig {
    /// What counts as 0 dB.
    pub reference: DbReference,
    /// Smallest value that is taken as it is, 1e-37 to 1e30; everything below counts as this.
    pub floor: f64,
    /// Range in dB below the maximum of the array, above 0: everything lower is raised to that limit.
    pub top_db: Option<f64>,
}

impl Default for DbConfig {
    /// [`power`](Self::power).
    fn default() -> Self {
        Self::power()
    }
}

impl DbConfig {
    /// `librosa.power_to_db`: reference 1, floor 1e-10, 80 dB range.
    pub const fn power() -> Self {
        Self { reference: DbReference::Value(1.0), floor: 1e-10, top_db: Some(80.0) }
    }

    /// `librosa.amplitude_to_db`: reference 1, floor 1e-5, 80 dB range.
    pub const fn amplitude() -> Self {
        Self { reference: DbReference::Value(1.0), floor: 1e-5, top_db: Some(80.0) }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a floor, reference or range that is not admissible.
    pub fn validate(&self) -> Result<()> {
        check_floor(self.floor)?;
        if let DbReference::Value(value) = self.reference
            && !(value.is_finite() && value > 0.0)
        {
            return Err(Error::OutOfRange {
                field: "reference",
                expected: "a finite number above 0",
                actual: value,
            });
        }
        check_top_db(self.top_db)
    }
}

/// Checks the smallest value under a logarithm.
pub(crate) fn check_floor(floor: f64) -> Result<()> {
    if (1e-37..=1e30).contains(&floor) {
        Ok(())
    } else {
        Err(Error::OutOfRange { field: "floor", expected: "1e-37 to 1e30", actual: floor })
    }
}

/// Checks a range in dB.
pub(crate) fn check_top_db(top_db: Option<f64>) -> Result<()> {
    match top_db {
        Some(range) if !(range.is_finite() && range > 0.0) => Err(Error::OutOfRange {
            field: "top_db",
            expected: "a finite number above 0",
            actual: range,
        }),
        _ => Ok(()),
    }
}

/// Raises everything to at least the maximum less `range`.
pub(crate) fn limit_range<D: Dimension>(values: &mut ArrayRef<f32, D>, range: f64) {
    let limit = values.iter().copied().fold(f32::NEG_INFINITY, f32::max) - range as f32;
    values.mapv_inplace(|y| y.max(limit));
}

/// `10·log10` of powers. Allocates.
///
/// NaN counts as the floor.
///
/// ```
/// use mir_features::db::{DbConfig, power_to_db};
/// let db = power_to_db(&ndarray::array![1.0, 0.1, 1e-20], &DbConfig::power())?;
/// assert!((db[1] + 10.0).abs() < 1e-5);
/// assert!((db[2] + 80.0).abs() < 1e-5); // the range, not the floor of −100 dB
/// # Ok::<(), mir_features::Error>(())
/// ```
///
/// # Errors
/// As [`DbConfig::validate`].
pub fn power_to_db<D: Dimension>(
    power: &ArrayRef<f32, D>,
    config: &DbConfig,
) -> Result<Array<f32, D>> {
    to_db(power, config, 10.0)
}

/// `20·log10` of the magnitudes of amplitudes. Allocates.
///
/// ```
/// use mir_features::db::{DbConfig, amplitude_to_db};
/// let db = amplitude_to_db(&ndarray::array![1.0, 0.1], &DbConfig::amplitude())?;
/// assert!((db[1] + 20.0).abs() < 1e-5);
/// # Ok::<(), mir_features::Error>(())
/// ```
///
/// # Errors
/// As [`DbConfig::validate`].
pub fn amplitude_to_db<D: Dimension>(
    amplitude: &ArrayRef<f32, D>,
    config: &DbConfig,
) -> Result<Array<f32, D>> {
    to_db(amplitude, config, 20.0)
}

fn to_db<D: Dimension>(
    values: &ArrayRef<f32, D>,
    config: &DbConfig,
    factor: f64,
) -> Result<Array<f32, D>> {
    config.validate()?;
    let mut out = values.mapv(f32::abs);
    let reference = match config.reference {
        DbReference::Value(value) => value,
        DbReference::Max => f64::from(out.iter().copied().fold(0.0, f32::max)),
    };
    let offset = (factor * reference.max(config.floor).log10()) as f32;
    let scale = factor * std::f64::consts::LOG10_E;
    if let Some(values) = out.as_slice_memory_order_mut() {
        scaled_ln(values, config.floor as f32, scale as f32);
    }
    out.mapv_inplace(|y| y - offset);
    if let Some(range) = config.top_db {
        limit_range(&mut out, range);
    }
    Ok(out)
}

/// Powers from decibels, `reference·10^(dB/10)`. Allocates.
///
/// ```
/// use mir_features::db::db_to_power;
/// assert!((db_to_power(&ndarray::array![-20.0], 1.0)[0] - 0.01).abs() < 1e-8);
/// ```
pub fn db_to_power<D: Dimension>(db: &ArrayRef<f32, D>, reference: f64) -> Array<f32, D> {
    db.mapv(|y| (reference * 10f64.powf(f64::from(y) / 10.0)) as f32)
}

/// Amplitudes from decibels, `reference·10^(dB/20)`. Allocates.
///
/// ```
/// use mir_features::db::db_to_amplitude;
/// assert!((db_to_amplitude(&ndarray::array![-20.0], 1.0)[0] - 0.1).abs() < 1e-6);
/// ```
pub fn db_to_amplitude<D: Dimension>(db: &ArrayRef<f32, D>, reference: f64) -> Array<f32, D> {
    db.mapv(|y| (reference * 10f64.powf(f64::from(y) / 20.0)) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_and_back() {
        let power = ndarray::array![[1e-4, 0.5], [2.0, 100.0]];
        for reference in [DbReference::Value(1.0), DbReference::Value(4.0)] {
            let DbReference::Value(value) = reference else { continue };
            let config = DbConfig { reference, top_db: None, ..DbConfig::power() };
            let back = db_to_power(&power_to_db(&power, &config).unwrap(), value);
            let amplitude = db_to_amplitude(&amplitude_to_db(&power, &config).unwrap(), value);
            for ((&x, &a), &b) in power.iter().zip(&back).zip(&amplitude) {
                assert!((x - a).abs() < 3e-6 * x && (x - b).abs() < 3e-6 * x, "{x}: {a}, {b}");
            }
        }
    }

    #[test]
    fn the_maximum_can_be_the_reference() {
        let config = DbConfig { reference: DbReference::Max, ..DbConfig::power() };
        let db = power_to_db(&ndarray::array![4.0, 0.4, f32::NAN], &config).unwrap();
        for (got, expected) in db.iter().zip([0.0, -10.0, -80.0]) {
            assert!((got - expected).abs() < 1e-5);
        }
        let none = power_to_db(&ndarray::Array1::zeros(0), &config).unwrap();
        assert!(none.is_empty());
    }

    #[test]
    fn settings_are_checked() {
        let bad = [
            DbConfig { floor: 0.0, ..DbConfig::power() },
            DbConfig { reference: DbReference::Value(-1.0), ..DbConfig::power() },
            DbConfig { top_db: Some(0.0), ..DbConfig::power() },
        ];
        for config in bad {
            assert!(matches!(config.validate(), Err(Error::OutOfRange { .. })), "{config:?}");
        }
    }
}
