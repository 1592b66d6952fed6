//! Between arrays and tensors, through slices: LibTorch's binding carries another `ndarray`.

use ndarray::{Array, Dimension};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::{Result, error::TorchContext, params::values};

/// A copy of an array on a device, of the same shape.
///
/// # Errors
/// What LibTorch says.
pub fn from_array<D: Dimension>(array: &Array<f32, D>, device: Device) -> Result<Tensor> {
    let shape: Vec<i64> = array.shape().iter().map(|&n| n as i64).collect();
    let contiguous = array.as_standard_layout();
    let slice = contiguous.as_slice().unwrap_or_default();
    Tensor::f_from_slice(slice)
        .and_then(|t| t.f_reshape(&shape))
        .and_then(|t| t.f_to_device(device))
        .during("copying an array to a tensor")
}

/// What the values of a tensor look like, those that are finite; all 0 if there are none.
///
/// ```
/// use mir_models::tensor::TensorStatistics;
///
/// let statistics = TensorStatistics::of(&[3.0, f32::NAN, -1.0]);
/// assert_eq!((statistics.count, statistics.not_finite), (3, 1));
/// assert!((statistics.mean - 1.0).abs() < 1e-12 && (statistics.deviation - 2.0).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorStatistics {
    /// Values, all of them.
    pub count: usize,
    /// Values that are infinite or no number.
    pub not_finite: usize,
    /// Lowest value.
    pub min: f64,
    /// Highest value.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation, `√(mean of (x − mean)²)`.
    pub deviation: f64,
    /// L2 norm.
    pub norm: f64,
}

impl TensorStatistics {
    /// The statistics of values, summed up in 64 bits.
    pub fn of(all: &[f32]) -> Self {
        let finite = || all.iter().map(|&x| f64::from(x)).filter(|x| x.is_finite());
        let count = finite().count();
        if count == 0 {
            return Self { count: all.len(), not_finite: all.len(), ..Self::default() };
        }
        let mean = finite().sum::<f64>() / count as f64;
        let spread = finite().map(|x| (x - mean).powi(2)).sum::<f64>() / count as f64;
        Self {
            count: all.len(),
            not_finite: all.len() - count,
            min: finite().fold(f64::INFINITY, f64::min),
            max: finite().fold(f64::NEG_INFINITY, f64::max),
            mean,
            deviation: spread.sqrt(),
            norm: finite().map(|x| x * x).sum::<f64>().sqrt(),
        }
    }

    /// The statistics of a tensor of any kind and device.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn of_tensor(tensor: &Tensor) -> Result<Self> {
        Ok(Self::of(&values(tensor)?))
    }
}
