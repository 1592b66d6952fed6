//! The bidirectional LSTM.

use tch::{Kind, Tensor};

use crate::{
    Result,
    error::TorchContext,
    nn::{Mode, layers::float},
    params::{Init, Scope},
};

/// One layer of bidirectional LSTM (Hochreiter and Schmidhuber 1997), always in 32-bit floats.
///
/// Tensors, gate order (input, forget, cell, output) and names (`weight_ih_l0`, `…_reverse`) are
/// PyTorch's; everything starts uniform in `±1/√hidden`.
#[derive(Debug)]
pub struct BiLstm {
    weights: Vec<Tensor>,
    hidden: i64,
}

impl BiLstm {
    /// A layer with `hidden` units in each direction.
    ///
    /// # Errors
    /// [`Error::DuplicateParameter`](crate::Error::DuplicateParameter), or what LibTorch says.
    pub fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> Result<Self> {
        let init = Init::fan_in(hidden);
        let mut weights = Vec::with_capacity(8);
        for direction in ["", "_reverse"] {
            for (name, shape) in [
                ("weight_ih_l0", vec![4 * hidden, inputs]),
                ("weight_hh_l0", vec![4 * hidden, hidden]),
                ("bias_ih_l0", vec![4 * hidden]),
                ("bias_hh_l0", vec![4 * hidden]),
            ] {
                weights.push(scope.weight(&format!("{name}{direction}"), &shape, init)?);
            }
        }
        Ok(Self { weights, hidden: hidden as i64 })
    }

    /// `[batch, frames, in]` → `[batch, frames, 2·hidden]`, forward direction first.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let x = float(x)?;
        let zeros = || {
            Tensor::f_zeros([2, x.size()[0], self.hidden], (Kind::Float, x.device()))
                .during("an LSTM's initial state")
        };
        let state = [zeros()?, zeros()?];
        let weights: Vec<&Tensor> = self.weights.iter().collect();
        let state: Vec<&Tensor> = state.iter().collect();
        let (output, _, _) =
            x.f_lstm(&state, &weights, true, 1, 0.0, mode.train, true, true).during("an LSTM")?;
        Ok(output)
    }
}
