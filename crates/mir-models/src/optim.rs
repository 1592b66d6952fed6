//! The optimiser, with state that can be saved.
//!
//! LibTorch's optimisers do not hand out their moments, so an exact resume needs our own.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use crate::{
    Error, Result,
    config::{AdamConfig, Clip},
    error::TorchContext,
    params::Params,
};

/// Moments of one parameter.
#[derive(Debug)]
pub(crate) struct Moments {
    pub(crate) first: Tensor,
    pub(crate) second: Tensor,
}

/// Adam or AdamW over all trainable tensors of a [`Params`].
///
/// With `t` counting from 1: `m = β₁m + (1−β₁)g`, `v = β₂v + (1−β₂)g²`,
/// `p −= lr/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε)`; `λ` enters as `g += λp` (Adam) or `p *= 1 − lr·λ` (AdamW).
#[derive(Debug)]
pub struct Adam {
    config: AdamConfig,
    steps: u64,
    moments: BTreeMap<String, Moments>,
}

impl Adam {
    /// Zero moments for every trainable tensor.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn new(params: &Params, config: AdamConfig) -> Result<Self> {
        let mut moments = BTreeMap::new();
        for (name, tensor) in params.trainable() {
            let zeros =
                || tensor.f_zeros_like().and_then(|t| t.f_detach()).during("making Adam's moments");
            moments.insert(name.to_owned(), Moments { first: zeros()?, second: zeros()? });
        }
        Ok(Self { config, steps: 0, moments })
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    pub(crate) fn restore_steps(&mut self, steps: u64) {
        self.steps = steps;
    }

    pub(crate) fn moments(&self) -> &BTreeMap<String, Moments> {
        &self.moments
    }

    /// One update with the gradients that are there; a parameter without one keeps value and state.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn step(&mut self, params: &Params, rate: f64) -> Result<()> {
        let _guard = tch::no_grad_guard();
        self.steps += 1;
        let AdamConfig { beta1, beta2, eps, weight_decay, decoupled } = self.config;
        let exponent = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let correction1 = 1.0 - beta1.powi(exponent);
        let correction2 = 1.0 - beta2.powi(exponent);
        let operation = "an Adam step";
        for (name, tensor) in params.trainable() {
            let gradient = tensor.grad();
            if !gradient.defined() {
                continue;
            }
            let Some(Moments { first, second }) = self.moments.get_mut(name) else {
                continue;
            };
            let mut value = tensor.shallow_clone();
            let mut gradient = gradient;
            if weight_decay > 0.0 {
                if decoupled {
                    let _ = value.f_mul_scalar_(1.0 - rate * weight_decay).during(operation)?;
                } else {
                    let decay = value.f_mul_scalar(weight_decay).during(operation)?;
                    gradient = gradient.f_add(&decay).during(operation)?;
                }
            }
            let _ = first.f_lerp_(&gradient, 1.0 - beta1).during(operation)?;
            let scaled = gradient.f_mul_scalar((1.0 - beta2).sqrt()).during(operation)?;
            let _ = second
                .f_mul_scalar_(beta2)
                .and_then(|mut v| v.f_addcmul_(&scaled, &scaled))
                .during(operation)?;
            let denominator = second
                .f_sqrt()
                .and_then(|mut v| v.f_mul_scalar_(1.0 / correction2.sqrt()))
                .and_then(|mut v| v.f_add_scalar_(eps))
                .during(operation)?;
            let update = first.f_mul_scalar(-rate / correction1).during(operation)?;
            let _ = value.f_addcdiv_(&update, &denominator).during(operation)?;
        }
        Ok(())
    }
}

/// Forgets all gradients.
pub(crate) fn zero_gradients(params: &Params) {
    for (_, tensor) in params.trainable() {
        tensor.shallow_clone().zero_grad();
    }
}

/// Limits the gradients and returns their global L2 norm before that.
///
/// The coefficient is `min(1, limit / (norm + 1e-6))`, as in PyTorch.
///
/// # Errors
/// What LibTorch says; [`Error::Shape`] if no parameter has a gradient.
pub fn clip_gradients(params: &Params, clip: Clip) -> Result<f64> {
    let _guard = tch::no_grad_guard();
    let operation = "clipping gradients";
    let mut gradients = Vec::new();
    for (_, tensor) in params.trainable() {
        let gradient = tensor.grad();
        if gradient.defined() {
            gradients.push(gradient);
        }
    }
    if gradients.is_empty() {
        return Err(Error::Shape {
            what: "the list of gradients",
            expected: "at least one; call backward before clipping".to_owned(),
            actual: vec![0],
        });
    }
    let norms =
        gradients.iter().map(|g| g.f_norm().during(operation)).collect::<Result<Vec<Tensor>>>()?;
    let norms =
        Tensor::f_stack(&norms, 0).and_then(|n| n.f_to_kind(Kind::Double)).during(operation)?;
    let norms: Vec<f64> = Vec::try_from(&norms).during(operation)?;
    let total = norms.iter().map(|n| n * n).sum::<f64>().sqrt();
    for (gradient, norm) in gradients.iter_mut().zip(&norms) {
        let (limit, norm) = match clip {
            Clip::None => continue,
            Clip::GlobalNorm(limit) => (limit, total),
            Clip::TensorNorm(limit) => (limit, *norm),
        };
        let coefficient = limit / (norm + 1e-6);
        if coefficient < 1.0 {
            let _ = gradient.f_mul_scalar_(coefficient).during(operation)?;
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::params::{Init, values};

    fn one(value: f64, gradient: f64) -> (Params, Tensor) {
        let mut params = Params::new(Device::Cpu, 0);
        let x = params.root().weight("x", &[2], Init::Constant(value)).unwrap();
        (x.shallow_clone() * gradient).sum(Kind::Float).backward();
        (params, x)
    }

    /// The update written out for one scalar.
    #[test]
    fn adam_follows_the_formula_over_many_steps() {
        for (decay, decoupled) in [(0.0, false), (0.1, false), (0.1, true)] {
            let config = AdamConfig { weight_decay: decay, decoupled, ..AdamConfig::default() };
            let (params, x) = one(0.5, 0.3);
            let mut adam = Adam::new(&params, config).unwrap();
            let (mut p, mut m, mut v) = (0.5f64, 0.0, 0.0);
            for t in 1..=100 {
                adam.step(&params, 1e-2).unwrap();
                if decoupled {
                    p *= 1.0 - 1e-2 * decay;
                }
                let g = 0.3 + if decoupled { 0.0 } else { decay * p };
                m = 0.9 * m + 0.1 * g;
                v = 0.999 * v + 0.001 * g * g;
                let root = (v / (1.0 - 0.999f64.powi(t))).sqrt();
                p -= 1e-2 / (1.0 - 0.9f64.powi(t)) * m / (root + 1e-8);
            }
            let got = f64::from(values(&x).unwrap()[0]);
            assert!((got - p).abs() < 2e-6, "{got} instead of {p}");
        }
    }

    #[test]
    fn clipping_caps_the_norm_and_reports_it() {
        for clip in [Clip::GlobalNorm(3.0), Clip::TensorNorm(3.0)] {
            let (params, x) = one(0.0, 10.0);
            let norm = clip_gradients(&params, clip).unwrap();
            assert!((norm - 200.0f64.sqrt()).abs() < 1e-4);
            let after = x.grad().norm().double_value(&[]);
            assert!((after - 3.0).abs() < 1e-4, "{after}");
        }
        let (params, x) = one(0.0, 1.0);
        clip_gradients(&params, Clip::GlobalNorm(3.0)).unwrap();
        assert_eq!(values(&x.grad()).unwrap(), [1.0, 1.0]);
    }

    #[test]
    fn clipping_without_gradients_is_an_error() {
        let mut params = Params::new(Device::Cpu, 0);
        let _ = params.root().weight("x", &[2], Init::Constant(1.0)).unwrap();
        assert!(clip_gradients(&params, Clip::None).is_err());
    }
}
