//! Recurrent layers: plain, LSTM, GRU.

use tch::{Kind, Tensor};

use crate::{
    Error, Result,
    error::TorchContext,
    nn::{Mode, layers::float, trace},
    params::{Init, Scope},
};

/// The cell of a recurrent layer. Gates in PyTorch's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// `h = tanh(W·x + U·h + b)` (Elman 1990).
    Tanh,
    /// Long short-term memory (Hochreiter and Schmidhuber 1997): input, forget, cell, output.
    Lstm,
    /// Gated recurrent unit (Cho et al. 2014), the reset gate after the product: reset, update, new.
    Gru,
}

impl Cell {
    fn gates(self) -> usize {
        match self {
            Self::Tanh => 1,
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }
}

/// Weights of a layer and direction: of the input and of the hidden values, and the biases of both.
const TENSORS: usize = 4;

/// Shape of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecurrentOptions {
    /// The cell.
    pub cell: Cell,
    /// Units of each layer and direction, at least 1.
    pub hidden: usize,
    /// Layers on top of each other, at least 1.
    pub layers: usize,
    /// One more set of cells that reads backwards, its outputs appended.
    pub bidirectional: bool,
    /// Dropout between layers in training, in [0, 1).
    pub dropout: f64,
}

/// The state between two calls: one tensor, two for the LSTM (hidden, cell), each
/// `[layers · directions, batch, hidden]`.
pub type RecurrentState = Vec<Tensor>;

/// Recurrent layers, always in 32-bit floats. Tensors and names (`weight_ih_l0`, `…_reverse`) are PyTorch's;
/// everything starts uniform in `±1/√hidden`.
#[derive(Debug)]
pub struct Recurrent {
    weights: Vec<Tensor>,
    options: RecurrentOptions,
}

impl Recurrent {
    /// Layers that read `inputs` features.
    ///
    /// # Errors
    /// [`Error::Config`] for senseless options; [`Error::DuplicateParameter`], or what LibTorch says.
    pub fn new(mut scope: Scope<'_>, inputs: usize, options: RecurrentOptions) -> Result<Self> {
        let RecurrentOptions { cell, hidden, layers, bidirectional, dropout } = options;
        if hidden == 0 || layers == 0 {
            return Err(Error::config("hidden, layers", "at least 1", hidden.min(layers)));
        }
        if !(0.0..1.0).contains(&dropout) {
            return Err(Error::config("dropout", "at least 0 and below 1", dropout));
        }
        let init = Init::fan_in(hidden);
        let rows = cell.gates() * hidden;
        let directions: &[&str] = if bidirectional { &["", "_reverse"] } else { &[""] };
        let mut weights = Vec::new();
        for layer in 0..layers {
            let width = if layer == 0 { inputs } else { hidden * directions.len() };
            for direction in directions {
                for (name, shape) in [
                    ("weight_ih", vec![rows, width]),
                    ("weight_hh", vec![rows, hidden]),
                    ("bias_ih", vec![rows]),
                    ("bias_hh", vec![rows]),
                ] {
                    let name = format!("{name}_l{layer}{direction}");
                    weights.push(scope.weight(&name, &shape, init)?);
                }
            }
        }
        Ok(Self { weights, options })
    }

    /// `[batch, frames, in]` → `[batch, frames, directions · hidden]`, forward direction first, and the state
    /// after the last frame. Without a state it starts at 0.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn forward(
        &self,
        x: &Tensor,
        state: Option<&RecurrentState>,
        mode: Mode,
    ) -> Result<(Tensor, RecurrentState)> {
        let x = float(x)?;
        let RecurrentOptions { cell, hidden, layers, bidirectional, dropout } = self.options;
        let directions = if bidirectional { 2 } else { 1 };
        let fresh;
        let state = match state {
            Some(state) => state,
            None => {
                let zeros = || initial_state(&x, layers * directions, hidden);
                fresh = if cell == Cell::Lstm { vec![zeros()?, zeros()?] } else { vec![zeros()?] };
                &fresh
            }
        };
        let Some(first) = state.first() else {
            return Err(Error::Shape {
                what: "the state of a recurrent layer",
                expected: "one tensor, two for the LSTM".to_owned(),
                actual: vec![0],
            });
        };
        let (layers, train) = (layers as i64, mode.train);
        let w = &self.weights;
        let (output, state) = match cell {
            Cell::Tanh => x
                .f_rnn_tanh(first, w, true, layers, dropout, train, bidirectional, true)
                .map(|(output, h)| (output, vec![h])),
            Cell::Gru => x
                .f_gru(first, w, true, layers, dropout, train, bidirectional, true)
                .map(|(output, h)| (output, vec![h])),
            Cell::Lstm => x
                .f_lstm(state, w, true, layers, dropout, train, bidirectional, true)
                .map(|(output, h, c)| (output, vec![h, c])),
        }
        .during("a recurrent layer")?;
        if let Some(first) = self.weights.first() {
            trace::output(first, &output)?;
        }
        Ok((output, state))
    }
}

impl Recurrent {
    /// [`forward`](Self::forward) without a state and outside of training, in blocks of so many frames: one direction
    /// takes them from first to last, the other from last to first, each handing its state from block to block.
    ///
    /// # Errors
    /// What LibTorch says.
    pub(super) fn forward_in_blocks(&self, x: &Tensor, block: usize) -> Result<Tensor> {
        let mut x = float(x)?;
        let directions = if self.options.bidirectional { 2 } else { 1 };
        for layer in self.weights.chunks(directions * TENSORS) {
            let ways: Vec<Tensor> = layer
                .chunks(TENSORS)
                .zip([false, true])
                .map(|(weights, backwards)| self.direction_in_blocks(&x, weights, backwards, block))
                .collect::<Result<_>>()?;
            x = Tensor::f_cat(&ways, -1).during("joining directions")?;
        }
        Ok(x)
    }

    fn direction_in_blocks(
        &self,
        x: &Tensor,
        weights: &[Tensor],
        backwards: bool,
        block: usize,
    ) -> Result<Tensor> {
        let alone = Self {
            weights: weights.iter().map(Tensor::shallow_clone).collect(),
            options: RecurrentOptions { layers: 1, bidirectional: false, ..self.options },
        };
        let turned = |x: Tensor| if backwards { x.f_flip([1]) } else { Ok(x) };
        let mut blocks = x.f_split(block as i64, 1).during("cutting blocks")?;
        if backwards {
            blocks.reverse();
        }
        let mut state = None;
        let mut outputs = Vec::with_capacity(blocks.len());
        for part in blocks {
            let part = turned(part).during("turning a block")?;
            let (output, next) = alone.forward(&part, state.as_ref(), Mode::EVAL)?;
            outputs.push(turned(output).during("turning a block")?);
            state = Some(next);
        }
        if backwards {
            outputs.reverse();
        }
        Tensor::f_cat(&outputs, 1).during("joining blocks")
    }
}

/// Zeros `[rows, batch, hidden]` whose batch is that of `x` even in a traced program, which would keep a
/// number that was read in Rust for ever.
pub(super) fn initial_state(x: &Tensor, rows: usize, hidden: usize) -> Result<Tensor> {
    let first = x.f_select(1, 0).and_then(|x| x.f_narrow(1, 0, 1));
    first
        .and_then(|x| x.f_zeros_like())
        .and_then(|x| x.f_to_kind(Kind::Float))
        .and_then(|x| x.f_expand([rows as i64, -1, hidden as i64], false))
        .and_then(|x| x.f_contiguous())
        .during("an initial state")
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::params::Params;

    #[test]
    fn blocks_change_nothing() {
        for cell in [Cell::Tanh, Cell::Lstm, Cell::Gru] {
            for bidirectional in [false, true] {
                let options =
                    RecurrentOptions { cell, hidden: 5, layers: 2, bidirectional, dropout: 0.0 };
                let mut params = Params::new(Device::Cpu, 3);
                let layers = Recurrent::new(params.root(), 4, options).unwrap();
                let x = Tensor::f_rand([2, 23, 4], (Kind::Float, Device::Cpu)).unwrap();
                let (whole, _) = layers.forward(&x, None, Mode::EVAL).unwrap();
                for block in [1, 7, 22, 23, 100] {
                    let blocks = layers.forward_in_blocks(&x, block).unwrap();
                    let most = (&blocks - &whole).abs().max().double_value(&[]);
                    assert!(most < 1e-6, "{cell:?}, {bidirectional}, blocks of {block}: {most}");
                }
            }
        }
    }
}
