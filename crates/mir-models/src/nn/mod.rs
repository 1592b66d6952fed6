//! Building blocks, initialised as PyTorch initialises them.
//!
//! LibTorch's Rust layers start from other distributions (batch-norm scales uniform in (0, 1), Kaiming
//! weights with a ReLU's gain), which changes training curves; these constructors draw PyTorch's.

mod attention;
mod conv;
pub(crate) mod layers;
mod lstm;
mod norm;
mod recurrent;
mod trace;

pub use attention::{SelfAttention, TransformerLayer};
pub use conv::{
    Conv1d, Conv2d, ConvOptions, ConvTranspose1d, ConvTranspose2d, Convolution,
    TransposedConvolution,
};
pub use layers::{Embedding, Linear, PRelu, dropout};
pub use lstm::BiLstm;
pub use norm::{BatchNorm, BatchNormOptions, GroupNorm, LayerNorm, instance_norm};
pub use recurrent::{Cell, Recurrent, RecurrentOptions, RecurrentState};
pub use trace::{LayerOutput, Recording};

use tch::{Kind, Tensor};

use crate::{Result, config::Precision, error::TorchContext};

/// Frames that are computed at once outside of training: a longer recording is read in blocks of these, with the
/// same result, so that what lies between the layers does not grow with its length.
pub(crate) const BLOCK: usize = 2048;

/// How a forward pass is to be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Training: dropout active, batch statistics used and recorded.
    pub train: bool,
    /// Arithmetic of convolutions and linear layers.
    pub precision: Precision,
}

impl Mode {
    /// Evaluation in 32-bit floats.
    pub const EVAL: Self = Self { train: false, precision: Precision::F32 };

    /// The tensor in the kind that convolutions and linear layers compute in.
    pub(crate) fn cast(self, tensor: &Tensor) -> Result<Tensor> {
        let kind = match self.precision {
            Precision::F32 => Kind::Float,
            Precision::Bf16 => Kind::BFloat16,
        };
        if tensor.kind() == kind {
            return Ok(tensor.shallow_clone());
        }
        tensor.f_to_kind(kind).during("casting")
    }
}
