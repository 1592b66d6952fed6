//! Convolution, linear layer, batch normalisation, dropout.

use tch::{Kind, Tensor};

use crate::{
    Result,
    error::TorchContext,
    nn::Mode,
    params::{Init, Scope},
};

/// Two-dimensional convolution, stride 1, zero padding that keeps the size, with bias.
/// Weights `[out, in, height, width]`, uniform in `±1/√(in·height·width)` like the biases.
#[derive(Debug)]
pub struct Conv2d {
    weight: Tensor,
    bias: Tensor,
    padding: [i64; 2],
}

impl Conv2d {
    /// A layer with an odd kernel `[height, width]`.
    ///
    /// # Errors
    /// [`Error::DuplicateParameter`](crate::Error::DuplicateParameter), or what LibTorch says.
    pub fn new(
        mut scope: Scope<'_>,
        inputs: usize,
        outputs: usize,
        kernel: [usize; 2],
    ) -> Result<Self> {
        let init = Init::fan_in(inputs * kernel[0] * kernel[1]);
        Ok(Self {
            weight: scope.weight("weight", &[outputs, inputs, kernel[0], kernel[1]], init)?,
            bias: scope.weight("bias", &[outputs], init)?,
            padding: kernel.map(|k| (k / 2) as i64),
        })
    }

    /// `[batch, in, height, width]` → `[batch, out, height, width]`.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let (weight, bias) = (mode.cast(&self.weight)?, mode.cast(&self.bias)?);
        mode.cast(x)?
            .f_conv2d(&weight, Some(&bias), [1, 1], self.padding, [1, 1], 1)
            .during("a convolution")
    }
}

/// `y = W·x + b` over the last axis. Weights `[out, in]`, uniform in `±1/√in` like the biases.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// A layer.
    ///
    /// # Errors
    /// [`Error::DuplicateParameter`](crate::Error::DuplicateParameter), or what LibTorch says.
    pub fn new(mut scope: Scope<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let init = Init::fan_in(inputs);
        Ok(Self {
            weight: scope.weight("weight", &[outputs, inputs], init)?,
            bias: scope.weight("bias", &[outputs], init)?,
        })
    }

    /// `[…, in]` → `[…, out]`.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let (weight, bias) = (mode.cast(&self.weight)?, mode.cast(&self.bias)?);
        mode.cast(x)?.f_linear(&weight, Some(&bias)).during("a linear layer")
    }
}

/// Batch normalisation over axis 1 (Ioffe and Szegedy 2015): scale 1, shift 0, running mean 0, running
/// variance 1 at the start; `eps` 1e-5 and momentum 0.1 as in PyTorch. Statistics are 32-bit whatever
/// the input is.
#[derive(Debug)]
pub struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
}

impl BatchNorm {
    const EPS: f64 = 1e-5;
    const MOMENTUM: f64 = 0.1;

    /// A layer for a number of channels.
    ///
    /// # Errors
    /// [`Error::DuplicateParameter`](crate::Error::DuplicateParameter), or what LibTorch says.
    pub fn new(mut scope: Scope<'_>, channels: usize) -> Result<Self> {
        Ok(Self {
            weight: scope.weight("weight", &[channels], Init::Constant(1.0))?,
            bias: scope.weight("bias", &[channels], Init::Constant(0.0))?,
            running_mean: scope.buffer("running_mean", &[channels], Init::Constant(0.0))?,
            running_var: scope.buffer("running_var", &[channels], Init::Constant(1.0))?,
        })
    }

    /// Same shape in and out, `[batch, channels, …]`.
    ///
    /// # Errors
    /// What LibTorch says; in training, also for a single value per channel.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        x.f_batch_norm(
            Some(&self.weight),
            Some(&self.bias),
            Some(&self.running_mean),
            Some(&self.running_var),
            mode.train,
            Self::MOMENTUM,
            Self::EPS,
            true,
        )
        .during("batch normalisation")
    }
}

/// Element-wise dropout: in training each value is kept with probability `1 − p` and scaled by
/// `1 / (1 − p)`; in evaluation nothing happens.
///
/// # Errors
/// What LibTorch says.
pub fn dropout(x: Tensor, p: f64, mode: Mode) -> Result<Tensor> {
    if mode.train && p > 0.0 { x.f_dropout(p, true).during("dropout") } else { Ok(x) }
}

/// The tensor in 32-bit floats.
pub(crate) fn float(x: &Tensor) -> Result<Tensor> {
    if x.kind() == Kind::Float {
        return Ok(x.shallow_clone());
    }
    x.f_to_kind(Kind::Float).during("casting")
}
