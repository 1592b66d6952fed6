//! A moving average of the weights.

use std::collections::BTreeMap;

use tch::Tensor;

use crate::{Result, error::TorchContext, params::Params};

/// `shadow = d·shadow + (1 − d)·weight` after every step, with `d = min(decay, (1 + t) / (10 + t))` and `t`
/// counted from the start of the average, before which the shadow equals the weights.
#[derive(Debug)]
pub struct Ema {
    decay: f64,
    start: u64,
    shadow: BTreeMap<String, Tensor>,
}

impl Ema {
    /// Equal to the current weights. `decay` is in [0, 1); averaging starts after step `start`.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn new(params: &Params, decay: f64, start: u64) -> Result<Self> {
        let mut shadow = BTreeMap::new();
        for (name, tensor) in params.trainable() {
            let copy = tensor.f_detach_copy().during("averaging weights")?;
            shadow.insert(name.to_owned(), copy);
        }
        Ok(Self { decay, start, shadow })
    }

    /// Takes in the weights after step `step`, which counts from 1.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn update(&mut self, params: &Params, step: u64) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let decay = match step.checked_sub(self.start) {
            None | Some(0) => 0.0,
            Some(t) => self.decay.min((1.0 + t as f64) / (10.0 + t as f64)),
        };
        for (name, tensor) in params.trainable() {
            if let Some(shadow) = self.shadow.get_mut(name) {
                let _ = shadow.f_lerp_(tensor, 1.0 - decay).during("averaging weights")?;
            }
        }
        Ok(())
    }

    /// The averages by name.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.shadow.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::params::{Init, values};

    #[test]
    fn the_average_follows_its_closed_form() {
        let mut params = Params::new(Device::Cpu, 0);
        let _ = params.root().weight("x", &[1], Init::Constant(0.0)).unwrap();
        let mut ema = Ema::new(&params, 0.5, 0).unwrap();
        params.assign("x", &[1], &[1.0]).unwrap();
        let mut expected = 0.0f64;
        for step in 1..=30u32 {
            ema.update(&params, u64::from(step)).unwrap();
            let decay = 0.5f64.min(f64::from(1 + step) / f64::from(10 + step));
            expected = decay * expected + (1.0 - decay);
        }
        let got = f64::from(values(ema.tensors().next().unwrap().1).unwrap()[0]);
        assert!((got - expected).abs() < 1e-6);
    }

    #[test]
    fn before_its_start_the_average_is_the_weights() {
        let mut params = Params::new(Device::Cpu, 0);
        let _ = params.root().weight("x", &[1], Init::Constant(0.0)).unwrap();
        let mut ema = Ema::new(&params, 0.5, 10).unwrap();
        for (step, value, expected) in [(1, 1.0, 1.0), (10, 3.0, 3.0), (11, 14.0, 12.0)] {
            params.assign("x", &[1], &[value]).unwrap();
            ema.update(&params, step).unwrap();
            // At its first step: 2/11 of what was, 9/11 of the new value.
            assert_eq!(values(ema.tensors().next().unwrap().1).unwrap(), [expected], "step {step}");
        }
    }
}
