//! Optimisers whose state can be saved, and the limits on gradients.
//!
//! LibTorch's optimisers do not hand out their moments, so an exact resume needs our own. The formulas
//! are those of PyTorch's optimisers (and of TensorFlow's and Lasagne's where they differ), written out
//! at their configurations in [`config`](crate::config).

mod clip;
mod update;

use std::collections::BTreeMap;

use tch::Tensor;

pub use clip::{clip_gradients, zero_gradients};

use crate::{
    Error, Result,
    config::{OptimizerConfig, ParameterGroup},
    error::TorchContext,
    names,
    params::Params,
};
use update::{Step, slots};

/// What an optimiser remembers of one parameter.
#[derive(Debug)]
struct State {
    /// Updates of this parameter so far: one without a gradient is passed over.
    steps: u64,
    /// Tensors in the order of [`slots`].
    slots: Vec<Tensor>,
    /// Factor on the learning rate.
    rate: f64,
    weight_decay: f64,
}

/// An optimiser over all trainable tensors of a [`Params`], with its state in 32-bit floats.
///
/// ```
/// use mir_models::{
///     config::{OptimizerConfig, SgdConfig},
///     optim::Optimizer,
///     params::{Init, Params},
/// };
///
/// let mut params = Params::new(mir_models::Device::Cpu, 0);
/// let x = params.root().weight("x", &[1], Init::Constant(2.0))?;
/// let mut optimizer = Optimizer::new(&params, OptimizerConfig::Sgd(SgdConfig::default()), &[])?;
/// (&x * &x).backward(); // the gradient of x² is 2x
/// optimizer.step(&params, 0.25)?;
/// assert!((x.double_value(&[0]) - 1.0).abs() < 1e-6);
/// # Ok::<(), mir_models::Error>(())
/// ```
#[derive(Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    names: Vec<&'static str>,
    states: BTreeMap<String, State>,
}

impl Optimizer {
    /// The state before the first step, for every trainable tensor.
    ///
    /// # Errors
    /// [`Error::Config`] for an invalid configuration, or a group that names no parameter; what LibTorch
    /// says.
    pub fn new(
        params: &Params,
        config: OptimizerConfig,
        groups: &[ParameterGroup],
    ) -> Result<Self> {
        config.validate()?;
        let layout = slots(&config);
        let mut used = vec![false; groups.len()];
        let mut states = BTreeMap::new();
        for (name, tensor) in params.trainable() {
            let group = groups
                .iter()
                .position(|g| g.names.iter().any(|pattern| names::matches(pattern, name)));
            let (mut rate, mut weight_decay) = (1.0, config.weight_decay());
            if let Some(index) = group {
                groups[index].validate()?;
                used[index] = true;
                rate = groups[index].rate;
                weight_decay = groups[index].weight_decay.unwrap_or(weight_decay);
            }
            let slots = layout
                .iter()
                .map(|&(_, start)| {
                    tensor
                        .f_full_like(start)
                        .and_then(|t| t.f_detach())
                        .during("making an optimiser's state")
                })
                .collect::<Result<_>>()?;
            states.insert(name.to_owned(), State { steps: 0, slots, rate, weight_decay });
        }
        if let Some(idle) = used.iter().position(|used| !used) {
            let expected = "names that a parameter has and no earlier group";
            return Err(Error::config("groups.names", expected, groups[idle].names.join(", ")));
        }
        let names = layout.iter().map(|&(name, _)| name).collect();
        Ok(Self { config, names, states })
    }

    /// The configuration.
    pub fn config(&self) -> &OptimizerConfig {
        &self.config
    }

    /// The updates of each parameter so far.
    pub fn steps(&self) -> BTreeMap<String, u64> {
        self.states.iter().map(|(name, state)| (name.clone(), state.steps)).collect()
    }

    /// Sets the updates of each parameter; `false` if the names are others.
    pub(crate) fn restore_steps(&mut self, steps: &BTreeMap<String, u64>) -> bool {
        if !steps.keys().eq(self.states.keys()) {
            return false;
        }
        for (state, &count) in self.states.values_mut().zip(steps.values()) {
            state.steps = count;
        }
        true
    }

    /// The tensors of the state, named `parameter/slot` (`m`, `v`, `vmax`, `u`, `mean`, `r`, `s` in the
    /// letters of the formulas), in order of parameter.
    pub fn tensors(&self) -> impl Iterator<Item = (String, &Tensor)> {
        self.states.iter().flat_map(|(name, state)| {
            let slots = self.names.iter().zip(&state.slots);
            slots.map(move |(slot, tensor)| (format!("{name}/{slot}"), tensor))
        })
    }

    /// One update with the gradients that are there; a parameter without one keeps value and state.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn step(&mut self, params: &Params, rate: f64) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for (name, tensor) in params.trainable() {
            let gradient = tensor.grad();
            if !gradient.defined() {
                continue;
            }
            let Some(state) = self.states.get_mut(name) else {
                continue;
            };
            state.steps += 1;
            let step = Step {
                rate: rate * state.rate,
                weight_decay: state.weight_decay,
                count: state.steps,
            };
            update::apply(&self.config, step, tensor, gradient, &mut state.slots)
                .during("an optimiser step")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
