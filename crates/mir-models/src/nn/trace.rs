//! What the layers of a network put out, noted on the way.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    marker::PhantomData,
};

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::{Result, params::Params, tensor::TensorStatistics};

thread_local! {
    /// Looked at by every layer: a flag of its own keeps that cheap.
    static ACTIVE: Cell<bool> = const { Cell::new(false) };
    static NOTES: RefCell<Vec<Note>> = const { RefCell::new(Vec::new()) };
}

/// An output and the address of the weights that made it, by which the layer is known.
struct Note {
    weight: usize,
    kind: Kind,
    statistics: TensorStatistics,
}

/// What one layer put out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerOutput {
    /// Name of the layer, as `onset_stack.0.cnn.3`.
    pub layer: String,
    /// Kind of its values: `Float`, `BFloat16`.
    pub kind: String,
    /// The values.
    pub statistics: TensorStatistics,
}

/// Notes the outputs of all layers with weights that this thread computes, until it is finished or
/// dropped, by a panic as well. One at a time in a thread: a second one starts the notes anew.
///
/// ```
/// use mir_models::{
///     nn::{Linear, Mode, Recording},
///     params::Params,
///     Device,
/// };
///
/// let mut params = Params::new(Device::Cpu, 0);
/// let layer = Linear::new(params.root().child("fc"), 4, 3)?;
/// let recording = Recording::start();
/// # let x = mir_models::tensor::from_array(&ndarray::Array2::zeros((2, 4)), Device::Cpu)?;
/// let _ = layer.forward(&x, Mode::EVAL)?; // of `x: [2, 4]`
/// let outputs = recording.finish(&params);
/// assert_eq!(outputs[0].layer, "fc");
/// assert_eq!(outputs[0].statistics.count, 6);
/// # Ok::<(), mir_models::Error>(())
/// ```
#[derive(Debug)]
pub struct Recording {
    /// It belongs to its thread.
    _thread: PhantomData<*const ()>,
}

impl Recording {
    /// Begins.
    #[must_use = "the notes are dropped with it"]
    pub fn start() -> Self {
        NOTES.with_borrow_mut(Vec::clear);
        ACTIVE.set(true);
        Self { _thread: PhantomData }
    }

    /// The outputs in the order in which they were computed, their layers named as in `params`.
    pub fn finish(self, params: &Params) -> Vec<LayerOutput> {
        let names: BTreeMap<usize, &str> =
            params.all().map(|(name, tensor)| (address(tensor), name)).collect();
        let layer = |weight: &usize| {
            let name = names.get(weight).copied().unwrap_or("(elsewhere)");
            // A layer is what its weight is called without the last part.
            name.rsplit_once('.').map_or(name, |(layer, _)| layer).to_owned()
        };
        NOTES.with_borrow_mut(|notes| {
            let notes = notes.drain(..);
            notes
                .map(|note| LayerOutput {
                    layer: layer(&note.weight),
                    kind: format!("{:?}", note.kind),
                    statistics: note.statistics,
                })
                .collect()
        })
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        ACTIVE.set(false);
        NOTES.with_borrow_mut(Vec::clear);
    }
}

fn address(tensor: &Tensor) -> usize {
    tensor.data_ptr() as usize
}

/// Notes an output, if somebody listens.
pub(crate) fn output(weight: &Tensor, y: &Tensor) -> Result<()> {
    if !ACTIVE.get() {
        return Ok(());
    }
    let statistics = TensorStatistics::of_tensor(y)?;
    let note = Note { weight: address(weight), kind: y.kind(), statistics };
    NOTES.with_borrow_mut(|notes| notes.push(note));
    Ok(())
}
