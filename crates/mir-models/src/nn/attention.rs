//! Attention and the transformer layer.

use tch::Tensor;

use crate::{
    Error, Result,
    error::TorchContext,
    nn::{LayerNorm, Linear, Mode, dropout, layers::float, trace},
    params::{Init, Scope},
};

/// Self-attention of several heads (Vaswani et al. 2017), in 32-bit floats. Names and initial values are
/// those of PyTorch's `MultiheadAttention`: the projections of query, key and value are one matrix, Glorot
/// uniform, biases 0.
#[derive(Debug)]
pub struct SelfAttention {
    in_weight: Tensor,
    in_bias: Tensor,
    out_weight: Tensor,
    out_bias: Tensor,
    heads: i64,
    dropout: f64,
}

impl SelfAttention {
    /// A layer for `features`, which the number of heads divides; dropout of the attention weights in
    /// training, in [0, 1).
    ///
    /// # Errors
    /// [`Error::Config`] for senseless numbers; [`Error::DuplicateParameter`], or what LibTorch says.
    pub fn new(mut scope: Scope<'_>, features: usize, heads: usize, dropout: f64) -> Result<Self> {
        if heads == 0 || !features.is_multiple_of(heads) {
            return Err(Error::config("heads", "a divisor of the features", heads));
        }
        if !(0.0..1.0).contains(&dropout) {
            return Err(Error::config("dropout", "at least 0 and below 1", dropout));
        }
        let zero = Init::Constant(0.0);
        let glorot = Init::xavier_uniform(features, 3 * features, 1.0);
        let in_weight = scope.weight("in_proj_weight", &[3 * features, features], glorot)?;
        let in_bias = scope.weight("in_proj_bias", &[3 * features], zero)?;
        let mut out = scope.child("out_proj");
        Ok(Self {
            in_weight,
            in_bias,
            out_weight: out.weight("weight", &[features, features], Init::fan_in(features))?,
            out_bias: out.weight("bias", &[features], zero)?,
            heads: heads as i64,
            dropout,
        })
    }

    /// `[batch, frames, features]` → the same shape. `causal`: a frame sees only itself and earlier ones.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn forward(&self, x: &Tensor, causal: bool, mode: Mode) -> Result<Tensor> {
        let operation = "attention";
        let x = float(x)?;
        let features = self.out_bias.size()[0];
        let joined = x.f_linear(&self.in_weight, Some(&self.in_bias)).during(operation)?;
        // [B, T, 3·E] -> three times [B, heads, T, E / heads].
        let split = |part: i64| {
            joined
                .f_narrow(-1, part * features, features)
                .and_then(|t| t.f_unflatten(-1, [self.heads, features / self.heads]))
                .and_then(|t| t.f_transpose(1, 2))
                .during(operation)
        };
        let (query, key, value) = (split(0)?, split(1)?, split(2)?);
        let none: Option<&Tensor> = None;
        let p = if mode.train { self.dropout } else { 0.0 };
        let mixed = Tensor::f_scaled_dot_product_attention(
            &query, &key, &value, none, p, causal, None, false,
        )
        .and_then(|t| t.f_transpose(1, 2))
        .and_then(|t| t.f_flatten(-2, -1))
        .during(operation)?;
        let y = mixed.f_linear(&self.out_weight, Some(&self.out_bias)).during(operation)?;
        trace::output(&self.out_weight, &y)?;
        Ok(y)
    }
}

/// A transformer layer as published and as PyTorch's `TransformerEncoderLayer` has it: attention, then two
/// linear layers with a ReLU between, each added to its input and normalised after that.
#[derive(Debug)]
pub struct TransformerLayer {
    attention: SelfAttention,
    linear1: Linear,
    linear2: Linear,
    norm1: LayerNorm,
    norm2: LayerNorm,
    dropout: f64,
}

impl TransformerLayer {
    /// A layer with `inner` units between the linear layers; dropout after every part, in [0, 1).
    ///
    /// # Errors
    /// As [`SelfAttention::new`].
    pub fn new(
        mut scope: Scope<'_>,
        features: usize,
        heads: usize,
        inner: usize,
        dropout: f64,
    ) -> Result<Self> {
        Ok(Self {
            attention: SelfAttention::new(scope.child("self_attn"), features, heads, dropout)?,
            linear1: Linear::new(scope.child("linear1"), features, inner)?,
            linear2: Linear::new(scope.child("linear2"), inner, features)?,
            norm1: LayerNorm::new(scope.child("norm1"), features)?,
            norm2: LayerNorm::new(scope.child("norm2"), features)?,
            dropout,
        })
    }

    /// `[batch, frames, features]` → the same shape. `causal`: a frame sees only itself and earlier ones.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn forward(&self, x: &Tensor, causal: bool, mode: Mode) -> Result<Tensor> {
        let x = float(x)?;
        let add = |x: &Tensor, y: Tensor| {
            let y = dropout(float(&y)?, self.dropout, mode)?;
            x.f_add(&y).during("a residual connection")
        };
        let x = self.norm1.forward(&add(&x, self.attention.forward(&x, causal, mode)?)?)?;
        let inner = self.linear1.forward(&x, mode)?.f_relu().during("a ReLU")?;
        let inner = self.linear2.forward(&dropout(inner, self.dropout, mode)?, mode)?;
        self.norm2.forward(&add(&x, inner)?)
    }
}
