//! Discrete cosine transforms of short vectors, as tables.
//!
//! | kind | `y[k]` |
//! |---|---|
//! | [`DctKind::I`] | `x[0] + (−1)^k·x[n−1] + 2·Σ x[i]·cos(πki/(n−1))`, `0 < i < n−1` |
//! | [`DctKind::II`] | `2·Σ x[i]·cos(πk(2i+1)/2n)` |
//! | [`DctKind::III`] | `x[0] + 2·Σ x[i]·cos(π(2k+1)i/2n)`, `i > 0` |
//! | [`DctKind::IV`] | `2·Σ x[i]·cos(π(2k+1)(2i+1)/4n)` |
//!
//! With `orthonormal`, rows and columns are scaled so that the table is an orthogonal matrix (SciPy's
//! `norm="ortho"`).

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The four usual cosine transforms.
///
/// ```
/// use mir_features::{Dct, DctKind};
/// assert!(Dct::new(DctKind::IV, 8, 8, true).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DctKind {
    /// Even around the first and the last point.
    I,
    /// Even around the points half before the first and half after the last.
    #[default]
    II,
    /// The inverse of the second.
    III,
    /// Even before the first, odd after the last.
    IV,
}

/// A planned cosine transform.
///
/// ```
/// use mir_features::{Dct, DctKind};
/// let dct = Dct::new(DctKind::II, 4, 2, true)?;
/// let mut out = [0.0; 2];
/// dct.process_into(&[1.0, 1.0, 1.0, 1.0], &mut out);
/// assert!((out[0] - 2.0).abs() < 1e-6 && out[1].abs() < 1e-6);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dct {
    length: usize,
    /// `[coefficients, length]`.
    table: Vec<f32>,
}

impl Dct {
    /// The first `coefficients` values of the transform of vectors of a length.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `1 <= coefficients <= length <= 65536`, and `length >= 2` for the
    /// first kind.
    pub fn new(
        kind: DctKind,
        length: usize,
        coefficients: usize,
        orthonormal: bool,
    ) -> Result<Self> {
        let shortest = if kind == DctKind::I { 2 } else { 1 };
        if length < shortest || length > 1 << 16 {
            return Err(Error::OutOfRange {
                field: "length",
                expected: "1 (2 for the first kind) to 65536",
                actual: length as f64,
            });
        }
        if coefficients == 0 || coefficients > length {
            return Err(Error::OutOfRange {
                field: "coefficients",
                expected: "1 to the length of the vector",
                actual: coefficients as f64,
            });
        }
        let n = length as f64;
        let last = length - 1;
        let entry = |k: usize, i: usize| {
            let (kf, f) = (k as f64, i as f64);
            let plain = match kind {
                DctKind::I if i == 0 => 1.0,
                DctKind::I if i == last => {
                    if k.is_multiple_of(2) {
                        1.0
                    } else {
                        -1.0
                    }
                }
                DctKind::I => 2.0 * (PI * kf * f / (n - 1.0)).cos(),
                DctKind::II => 2.0 * (PI * kf * (2.0 * f + 1.0) / (2.0 * n)).cos(),
                DctKind::III if i == 0 => 1.0,
                DctKind::III => 2.0 * (PI * (2.0 * kf + 1.0) * f / (2.0 * n)).cos(),
                DctKind::IV => 2.0 * (PI * (2.0 * kf + 1.0) * (2.0 * f + 1.0) / (4.0 * n)).cos(),
            };
            if !orthonormal {
                return plain;
            }
            let ends = |index: usize| index == 0 || index == last;
            let scale = match kind {
                DctKind::I => {
                    let row = if ends(k) { FRAC_1_SQRT_2 } else { 1.0 };
                    let column = if ends(i) { FRAC_1_SQRT_2.recip() } else { 1.0 };
                    row * column * (2.0 * (n - 1.0)).sqrt().recip()
                }
                DctKind::II if k == 0 => (4.0 * n).sqrt().recip(),
                DctKind::III if i == 0 => n.sqrt().recip(),
                _ => (2.0 * n).sqrt().recip(),
            };
            plain * scale
        };
        let rows = (0..coefficients).flat_map(|k| (0..length).map(move |i| (k, i)));
        Ok(Self { length, table: rows.map(|(k, i)| entry(k, i) as f32).collect() })
    }

    /// Number of coefficients.
    pub fn coefficients(&self) -> usize {
        self.table.len() / self.length
    }

    /// The transform of `x` into `out`.
    ///
    /// # Panics
    /// If `x` has another length, or `out` another number of coefficients.
    pub fn process_into(&self, x: &[f32], out: &mut [f32]) {
        assert_eq!(x.len(), self.length, "length of the vector");
        assert_eq!(out.len(), self.coefficients(), "number of coefficients");
        for (slot, row) in out.iter_mut().zip(self.table.chunks_exact(self.length)) {
            *slot = dot(row, x);
        }
    }
}

/// `Σ a·b`, in eight sums that do not wait for each other.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f64; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            sums[lane] += f64::from(a[lane]) * f64::from(b[lane]);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
    (sums.iter().sum::<f64>() + rest) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orthonormal_tables_are_orthogonal() {
        for kind in [DctKind::I, DctKind::II, DctKind::III, DctKind::IV] {
            let dct = Dct::new(kind, 7, 7, true).unwrap();
            let rows: Vec<&[f32]> = dct.table.chunks_exact(7).collect();
            for (i, a) in rows.iter().enumerate() {
                for (j, b) in rows.iter().enumerate() {
                    let expected = if i == j { 1.0 } else { 0.0 };
                    assert!((dot(a, b) - expected).abs() < 1e-6, "{kind:?} {i} {j}");
                }
            }
        }
    }

    #[test]
    fn the_third_kind_undoes_the_second() {
        let x = [0.3, -1.0, 2.0, 0.5, 4.0];
        let (mut y, mut z) = ([0.0; 5], [0.0; 5]);
        Dct::new(DctKind::II, 5, 5, false).unwrap().process_into(&x, &mut y);
        Dct::new(DctKind::III, 5, 5, false).unwrap().process_into(&y, &mut z);
        for (a, b) in x.iter().zip(z) {
            assert!((10.0 * a - b).abs() < 1e-5);
        }
        assert!(Dct::new(DctKind::I, 1, 1, false).is_err());
        assert!(Dct::new(DctKind::II, 4, 5, false).is_err());
    }
}
