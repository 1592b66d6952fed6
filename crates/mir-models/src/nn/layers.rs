//! Linear layer, embedding, PReLU, dropout.

use tch::{Kind, Tensor};

use crate::{
    Result,
    error::TorchContext,
    nn::{Mode, trace},
    params::{Init, Scope},
};

/// `y = W·x + b` over the last axis. Weights `[out, in]`, uniform in `±1/√in` like the biases.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// A layer.
    ///
    /// # Errors
    /// [`Error::DuplicateParameter`](crate::Error::DuplicateParameter), or what LibTorch says.
    pub fn new(mut scope: Scope<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let init = Init::fan_in(inputs);
        let weight = scope.weight("weight", &[outputs, inputs], init)?;
        Ok(Self { weight, bias: Some(scope.weight("bias", &[outputs], init)?) })
    }

    /// A layer without bias.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn without_bias(mut scope: Scope<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = scope.weight("weight", &[outputs, inputs], Init::fan_in(inputs))?;
        Ok(Self { weight, bias: None })
    }

    /// `[…, in]` → `[…, out]`.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let weight = mode.cast(&self.weight)?;
        let bias = self.bias.as_ref().map(|bias| mode.cast(bias)).transpose()?;
        let y = mode.cast(x)?.f_linear(&weight, bias.as_ref()).during("a linear layer")?;
        trace::output(&self.weight, &y)?;
        Ok(y)
    }
}

/// A table of vectors. They start normal with deviation 1.
#[derive(Debug)]
pub struct Embedding {
    weight: Tensor,
}

impl Embedding {
    /// `count` vectors of `features` numbers.
    ///
    /// # Errors
    /// [`Error::DuplicateParameter`](crate::Error::DuplicateParameter), or what LibTorch says.
    pub fn new(mut scope: Scope<'_>, count: usize, features: usize) -> Result<Self> {
        let init = Init::Normal { deviation: 1.0 };
        Ok(Self { weight: scope.weight("weight", &[count, features], init)? })
    }

    /// Indices of any shape, 64-bit → `[…, features]`.
    ///
    /// # Errors
    /// What LibTorch says, also for an index out of range.
    pub fn forward(&self, indices: &Tensor) -> Result<Tensor> {
        Tensor::f_embedding(&self.weight, indices, -1, false, false).during("an embedding")
    }
}

/// `max(0, x) + a·min(0, x)` with a trained slope `a`, one for all or one for each channel (axis 1); 0.25
/// at the start (He et al. 2015).
#[derive(Debug)]
pub struct PRelu {
    weight: Tensor,
}

impl PRelu {
    /// A layer with a number of slopes: 1, or that of the channels.
    ///
    /// # Errors
    /// [`Error::DuplicateParameter`](crate::Error::DuplicateParameter), or what LibTorch says.
    pub fn new(mut scope: Scope<'_>, slopes: usize) -> Result<Self> {
        Ok(Self { weight: scope.weight("weight", &[slopes], Init::Constant(0.25))? })
    }

    /// Same shape in and out.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        float(x)?.f_prelu(&self.weight).during("a PReLU")
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
