use tch::{Device, Kind};

use super::*;
use crate::{
    config::{AdadeltaConfig, AdamConfig, Flavour, RmsPropConfig, SgdConfig},
    params::{Init, values},
};

/// The formulas of the configurations, written out for one number in 64-bit floats.
struct Scalar {
    p: f64,
    slots: [f64; 3],
    t: i32,
}

impl Scalar {
    fn step(&mut self, config: &OptimizerConfig, rate: f64, gradient: f64) {
        self.t += 1;
        let decay = config.weight_decay();
        let decoupled = matches!(config, OptimizerConfig::Adam(adam) if adam.decoupled);
        if decoupled {
            self.p *= 1.0 - rate * decay;
        }
        let g = gradient + if decoupled { 0.0 } else { decay * self.p };
        let [a, b, c] = &mut self.slots;
        match config {
            OptimizerConfig::Adam(k) => {
                *a = k.beta1 * *a + (1.0 - k.beta1) * g;
                *b = k.beta2 * *b + (1.0 - k.beta2) * g * g;
                *c = c.max(*b);
                let v = if k.amsgrad { *c } else { *b };
                let (c1, c2) = (1.0 - k.beta1.powi(self.t), 1.0 - k.beta2.powi(self.t));
                self.p -= match k.flavour {
                    Flavour::Torch => rate / c1 * *a / ((v / c2).sqrt() + k.eps),
                    Flavour::TensorFlow => rate * c2.sqrt() / c1 * *a / (v.sqrt() + k.eps),
                };
            }
            OptimizerConfig::Sgd(k) => {
                *a = if self.t == 1 { g } else { k.momentum * *a + (1.0 - k.dampening) * g };
                self.p -= rate * if k.nesterov { g + k.momentum * *a } else { *a };
            }
            OptimizerConfig::RmsProp(k) => {
                let tensorflow = k.flavour == Flavour::TensorFlow;
                if tensorflow && self.t == 1 {
                    *a = 1.0;
                }
                *a = k.alpha * *a + (1.0 - k.alpha) * g * g;
                *b = k.alpha * *b + (1.0 - k.alpha) * g;
                let v = *a - if k.centred { *b * *b } else { 0.0 };
                if tensorflow {
                    *c = k.momentum * *c + rate * g / (v + k.eps).sqrt();
                    self.p -= *c;
                } else {
                    *c = k.momentum * *c + g / (v.sqrt() + k.eps);
                    self.p -= rate * *c;
                }
            }
            OptimizerConfig::Adadelta(k) => {
                *a = k.rho * *a + (1.0 - k.rho) * g * g;
                let delta = ((*b + k.eps) / (*a + k.eps)).sqrt() * g;
                *b = k.rho * *b + (1.0 - k.rho) * delta * delta;
                self.p -= rate * delta;
            }
        }
    }
}

fn all() -> Vec<OptimizerConfig> {
    let mut all = Vec::new();
    for weight_decay in [0.0, 0.1] {
        for (decoupled, amsgrad, flavour) in [
            (false, false, Flavour::Torch),
            (true, false, Flavour::Torch),
            (true, true, Flavour::Torch),
            (false, true, Flavour::TensorFlow),
        ] {
            // An ε that is felt.
            let eps = 1e-3;
            let adam = AdamConfig {
                eps,
                weight_decay,
                decoupled,
                amsgrad,
                flavour,
                beta2: 0.9,
                ..AdamConfig::default()
            };
            all.push(OptimizerConfig::Adam(adam));
        }
        for (momentum, dampening, nesterov) in
            [(0.0, 0.0, false), (0.9, 0.0, false), (0.5, 0.25, false), (0.9, 0.0, true)]
        {
            all.push(OptimizerConfig::Sgd(SgdConfig {
                momentum,
                dampening,
                nesterov,
                weight_decay,
            }));
        }
        for (momentum, centred) in [(0.0, false), (0.0, true), (0.9, false), (0.5, true)] {
            for flavour in [Flavour::Torch, Flavour::TensorFlow] {
                let rms = RmsPropConfig {
                    eps: 1e-3,
                    momentum,
                    centred,
                    weight_decay,
                    flavour,
                    ..RmsPropConfig::default()
                };
                all.push(OptimizerConfig::RmsProp(rms));
            }
        }
        all.push(OptimizerConfig::Adadelta(AdadeltaConfig {
            weight_decay,
            ..AdadeltaConfig::default()
        }));
    }
    all
}

/// One parameter with the value 0.5, and the loss `g·x` of a chosen gradient.
fn parameter() -> (Params, Tensor) {
    let mut params = Params::new(Device::Cpu, 0);
    let x = params.root().weight("x", &[1], Init::Constant(0.5)).unwrap();
    (params, x)
}

fn descend(optimizer: &mut Optimizer, params: &Params, x: &Tensor, gradient: f64) {
    zero_gradients(params);
    (x * gradient).sum(Kind::Float).backward();
    optimizer.step(params, 1e-2).unwrap();
}

fn gradient(t: u64) -> f64 {
    0.3 + (t as f64 * 0.7).sin()
}

#[test]
fn every_optimiser_follows_its_formula_over_a_hundred_steps() {
    for config in all() {
        let (params, x) = parameter();
        let mut optimizer = Optimizer::new(&params, config.clone(), &[]).unwrap();
        let mut scalar = Scalar { p: 0.5, slots: [0.0; 3], t: 0 };
        for t in 0..100 {
            let rounded = f64::from(gradient(t) as f32);
            descend(&mut optimizer, &params, &x, rounded);
            scalar.step(&config, 1e-2, rounded);
            let got = f64::from(values(&x).unwrap()[0]);
            // A hundred roundings of numbers around 1, amplified by momentum.
            let tolerance = 5e-6 * scalar.p.abs().max(1.0);
            assert!(
                (got - scalar.p).abs() < tolerance,
                "{config:?}, step {t}: {got} instead of {}",
                scalar.p
            );
        }
    }
}

#[test]
fn state_that_was_written_and_read_goes_on_bit_for_bit() {
    for config in all() {
        let (whole_params, whole) = parameter();
        let mut optimizer = Optimizer::new(&whole_params, config.clone(), &[]).unwrap();
        for t in 0..20 {
            descend(&mut optimizer, &whole_params, &whole, gradient(t));
        }
        let (params, x) = parameter();
        let mut first = Optimizer::new(&params, config.clone(), &[]).unwrap();
        for t in 0..7 {
            descend(&mut first, &params, &x, gradient(t));
        }
        let mut second = Optimizer::new(&params, config.clone(), &[]).unwrap();
        for ((a, from), (b, to)) in first.tensors().zip(second.tensors()) {
            assert_eq!(a, b);
            to.shallow_clone().copy_(from);
        }
        assert!(second.restore_steps(&first.steps()));
        for t in 7..20 {
            descend(&mut second, &params, &x, gradient(t));
        }
        assert_eq!(values(&x).unwrap(), values(&whole).unwrap(), "{config:?}");
        assert!(!second.restore_steps(&BTreeMap::new()));
    }
}

#[test]
fn groups_have_their_own_rate_and_decay() {
    let mut params = Params::new(Device::Cpu, 0);
    let mut make = |name: &str| params.root().weight(name, &[1], Init::Constant(1.0)).unwrap();
    let (free, slow, plain) = (make("norm.bias"), make("sinc.low"), make("other"));
    let group = |names: &str, rate, weight_decay| ParameterGroup {
        names: vec![names.to_owned()],
        rate,
        weight_decay,
    };
    let groups = [group("*.bias", 1.0, Some(0.0)), group("sinc.*", 0.5, None)];
    let config = OptimizerConfig::Sgd(SgdConfig { weight_decay: 0.5, ..SgdConfig::default() });
    let mut optimizer = Optimizer::new(&params, config.clone(), &groups).unwrap();
    ((&free + &slow + &plain).sum(Kind::Float) * 0.0).backward();
    optimizer.step(&params, 0.5).unwrap();
    let after = [free, slow, plain].map(|x| values(&x).unwrap());
    assert_eq!(after, [[1.0], [0.875], [0.75]]);
    let idle = Optimizer::new(&params, config, &[group("nothing*", 1.0, None)]);
    assert!(matches!(idle, Err(Error::Config { field: "groups.names", .. })));
}

#[test]
fn a_parameter_without_gradient_is_passed_over() {
    let mut params = Params::new(Device::Cpu, 0);
    let mut make = |name: &str| params.root().weight(name, &[1], Init::Constant(1.0)).unwrap();
    let (a, b) = (make("a"), make("b"));
    let mut optimizer = Optimizer::new(&params, OptimizerConfig::default(), &[]).unwrap();
    (&a * 1.0).backward();
    optimizer.step(&params, 0.1).unwrap();
    assert_eq!(values(&b).unwrap(), [1.0]);
    assert_eq!(optimizer.steps().into_values().collect::<Vec<_>>(), [1, 0]);
    // Its first step, when it comes, is corrected as a first step: the full rate.
    (&b * 1e-3).backward();
    optimizer.step(&params, 0.1).unwrap();
    assert!((values(&b).unwrap()[0] - 0.9).abs() < 1e-5);
}
