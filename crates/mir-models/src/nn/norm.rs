//! Normalisation layers: scale 1, shift 0, `eps` 1e-5 as in PyTorch.

use tch::Tensor;

use crate::{
    Error, Result,
    error::TorchContext,
    nn::{Mode, layers::float, trace},
    params::{Init, Scope},
};

const EPS: f64 = 1e-5;

/// Numbers of a batch normalisation; PyTorch's by default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormOptions {
    /// The running statistics become `(1 − momentum)·old + momentum·new`; in [0, 1].
    pub momentum: f64,
    /// Added to the variance, above 0.
    pub eps: f64,
}

impl Default for BatchNormOptions {
    fn default() -> Self {
        Self { momentum: 0.1, eps: EPS }
    }
}

/// Batch normalisation over axis 1 (Ioffe and Szegedy 2015): running mean 0, running variance 1 at the
/// start; momentum 0.1 as in PyTorch. Statistics are 32-bit whatever the input is.
#[derive(Debug)]
pub struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    options: BatchNormOptions,
}

impl BatchNorm {
    /// A layer for a number of channels.
    ///
    /// # Errors
    /// [`Error::DuplicateParameter`], or what LibTorch says.
    pub fn new(scope: Scope<'_>, channels: usize) -> Result<Self> {
        Self::with(scope, channels, BatchNormOptions::default())
    }

    /// A layer with other numbers.
    ///
    /// # Errors
    /// [`Error::Config`] for a momentum or an eps out of its range; as [`new`](Self::new).
    pub fn with(mut scope: Scope<'_>, channels: usize, options: BatchNormOptions) -> Result<Self> {
        let BatchNormOptions { momentum, eps } = options;
        if !(0.0..=1.0).contains(&momentum) {
            return Err(Error::config("momentum", "at least 0 and at most 1", momentum));
        }
        if !(eps.is_finite() && eps > 0.0) {
            return Err(Error::config("eps", "above 0", eps));
        }
        Ok(Self {
            weight: scope.weight("weight", &[channels], Init::Constant(1.0))?,
            bias: scope.weight("bias", &[channels], Init::Constant(0.0))?,
            running_mean: scope.buffer("running_mean", &[channels], Init::Constant(0.0))?,
            running_var: scope.buffer("running_var", &[channels], Init::Constant(1.0))?,
            options,
        })
    }

    /// Same shape in and out, `[batch, channels, …]`.
    ///
    /// # Errors
    /// What LibTorch says; in training, also for a single value per channel.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let y = x
            .f_batch_norm(
                Some(&self.weight),
                Some(&self.bias),
                Some(&self.running_mean),
                Some(&self.running_var),
                mode.train,
                self.options.momentum,
                self.options.eps,
                true,
            )
            .during("batch normalisation")?;
        trace::output(&self.weight, &y)?;
        Ok(y)
    }
}

/// Normalisation over the last axis (Ba et al. 2016), in 32-bit floats.
#[derive(Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    /// A layer for a number of features.
    ///
    /// # Errors
    /// [`Error::DuplicateParameter`], or what LibTorch says.
    pub fn new(mut scope: Scope<'_>, features: usize) -> Result<Self> {
        Ok(Self {
            weight: scope.weight("weight", &[features], Init::Constant(1.0))?,
            bias: scope.weight("bias", &[features], Init::Constant(0.0))?,
        })
    }

    /// Same shape in and out, `[…, features]`.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = float(x)?
            .f_layer_norm(self.weight.size(), Some(&self.weight), Some(&self.bias), EPS, true)
            .during("layer normalisation")?;
        trace::output(&self.weight, &y)?;
        Ok(y)
    }
}

/// Normalisation of groups of channels (Wu and He 2018), in 32-bit floats. As many groups as channels make
/// instance normalisation with scale and shift.
#[derive(Debug)]
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    groups: i64,
}

impl GroupNorm {
    /// A layer for a number of groups, which divides the number of channels.
    ///
    /// # Errors
    /// [`Error::Config`] if it does not; [`Error::DuplicateParameter`], or what LibTorch says.
    pub fn new(mut scope: Scope<'_>, groups: usize, channels: usize) -> Result<Self> {
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(Error::config("groups", "a divisor of the channels", groups));
        }
        Ok(Self {
            weight: scope.weight("weight", &[channels], Init::Constant(1.0))?,
            bias: scope.weight("bias", &[channels], Init::Constant(0.0))?,
            groups: groups as i64,
        })
    }

    /// Same shape in and out, `[batch, channels, …]`.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = float(x)?
            .f_group_norm(self.groups, Some(&self.weight), Some(&self.bias), EPS, true)
            .during("group normalisation")?;
        trace::output(&self.weight, &y)?;
        Ok(y)
    }
}

/// Each channel of each item to mean 0 and variance 1 (Ulyanov et al. 2016), without parameters, as
/// PyTorch's default has it. `[batch, channels, …]`.
///
/// # Errors
/// What LibTorch says; also for a single value per channel.
pub fn instance_norm(x: &Tensor) -> Result<Tensor> {
    let none: Option<&Tensor> = None;
    float(x)?
        .f_instance_norm(none, none, none, none, true, 0.1, EPS, true)
        .during("instance normalisation")
}
