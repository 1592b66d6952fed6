//! The bidirectional LSTM.

use tch::Tensor;

use crate::{
    Result,
    nn::{BLOCK, Cell, Mode, Recurrent, RecurrentOptions},
    params::Scope,
};

/// Bidirectional LSTM: a [`Recurrent`] of the usual shape, without its state.
#[derive(Debug)]
pub struct BiLstm(Recurrent);

impl BiLstm {
    /// `layers` on top of each other, each with `hidden` units in each direction.
    ///
    /// # Errors
    /// As [`Recurrent::new`].
    pub fn new(scope: Scope<'_>, inputs: usize, hidden: usize, layers: usize) -> Result<Self> {
        let options = RecurrentOptions {
            cell: Cell::Lstm,
            hidden,
            layers,
            bidirectional: true,
            dropout: 0.0,
        };
        Recurrent::new(scope, inputs, options).map(Self)
    }

    /// `[batch, frames, in]` → `[batch, frames, 2·hidden]`, forward direction first.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        if !mode.train && x.size().get(1).is_some_and(|&frames| frames > BLOCK as i64) {
            return self.0.forward_in_blocks(x, BLOCK);
        }
        self.0.forward(x, None, mode).map(|(output, _)| output)
    }
}
