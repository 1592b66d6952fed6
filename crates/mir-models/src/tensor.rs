//! Between arrays and tensors, through slices: LibTorch's binding carries another `ndarray`.

use ndarray::{Array, Dimension};
use tch::{Device, Tensor};

use crate::{Result, error::TorchContext};

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
