//! Configurations of the optimisers.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The optimiser and its constants. The learning rate is the [`Schedule`](crate::schedule::Schedule)'s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OptimizerConfig {
    /// Adam, AdamW, AMSGrad.
    Adam(AdamConfig),
    /// Stochastic gradient descent, with momentum or without.
    Sgd(SgdConfig),
    /// RMSprop.
    RmsProp(RmsPropConfig),
    /// Adadelta.
    Adadelta(AdadeltaConfig),
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::Adam(AdamConfig::default())
    }
}

/// Whose formula, where two published ones differ in more than rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flavour {
    /// PyTorch's.
    #[default]
    Torch,
    /// TensorFlow 1's.
    TensorFlow,
}

/// Adam (Kingma and Ba 2015), with PyTorch's defaults.
///
/// With `t` counting from 1: `m = β₁m + (1−β₁)g`, `v = β₂v + (1−β₂)g²`, and
/// - `Torch`: `p −= lr/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε)`,
/// - `TensorFlow`: `p −= lr·√(1−β₂ᵗ)/(1−β₁ᵗ) · m / (√v + ε)`: ε counts more in the first steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// Decay of the first moment, in [0, 1).
    pub beta1: f64,
    /// Decay of the second moment, in [0, 1).
    pub beta2: f64,
    /// Added to the denominator, above 0.
    pub eps: f64,
    /// Weight decay `λ`, at least 0.
    pub weight_decay: f64,
    /// Decay the weights directly, `p *= 1 − lr·λ` (AdamW, Loshchilov and Hutter 2019), instead of
    /// through the gradient, `g += λp`.
    pub decoupled: bool,
    /// The largest `v` so far in place of `v` (Reddi et al. 2018).
    pub amsgrad: bool,
    /// Where ε stands.
    pub flavour: Flavour,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            decoupled: false,
            amsgrad: false,
            flavour: Flavour::Torch,
        }
    }
}

/// Stochastic gradient descent: `g += λp`; `u = μu + (1−τ)g`, at the first step `u = g`;
/// `p −= lr·u`, with Nesterov's momentum `p −= lr·(g + μu)`. Without momentum `p −= lr·g`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdConfig {
    /// Momentum `μ`, in [0, 1).
    pub momentum: f64,
    /// Dampening `τ`, in [0, 1]; 0 with Nesterov's momentum.
    pub dampening: f64,
    /// Nesterov's momentum; `momentum` is above 0 then.
    pub nesterov: bool,
    /// Weight decay `λ`, at least 0.
    pub weight_decay: f64,
}

/// RMSprop (Hinton's lecture 6e, 2012): `v = αv + (1−α)g²`, `p −= lr·g / (√v + ε)`, with PyTorch's
/// defaults. `centred` subtracts the square of the mean gradient from `v`.
///
/// `TensorFlow` puts ε inside the root, starts `v` at 1, and has the learning rate inside the momentum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsPropConfig {
    /// Decay `α` of the mean square, in [0, 1).
    pub alpha: f64,
    /// `ε`, above 0.
    pub eps: f64,
    /// Momentum of the update, in [0, 1).
    pub momentum: f64,
    /// Divide by the standard deviation of the gradient instead of by its root mean square.
    pub centred: bool,
    /// Weight decay through the gradient, at least 0.
    pub weight_decay: f64,
    /// Whose formula.
    pub flavour: Flavour,
}

impl Default for RmsPropConfig {
    fn default() -> Self {
        Self {
            alpha: 0.99,
            eps: 1e-8,
            momentum: 0.0,
            centred: false,
            weight_decay: 0.0,
            flavour: Flavour::Torch,
        }
    }
}

/// Adadelta (Zeiler 2012): `r = ρr + (1−ρ)g²`, `Δ = √(s+ε)/√(r+ε)·g`, `p −= lr·Δ`,
/// `s = ρs + (1−ρ)Δ²`, with PyTorch's defaults. `s` takes in `Δ` before the learning rate, as PyTorch
/// and Lasagne compute it (Lasagne's documentation says otherwise).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdadeltaConfig {
    /// Decay `ρ` of both means, in [0, 1).
    pub rho: f64,
    /// `ε`, above 0.
    pub eps: f64,
    /// Weight decay through the gradient, at least 0.
    pub weight_decay: f64,
}

impl Default for AdadeltaConfig {
    fn default() -> Self {
        Self { rho: 0.9, eps: 1e-6, weight_decay: 0.0 }
    }
}

/// Parameters that are updated in another way than the rest. The first group that names a parameter
/// has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterGroup {
    /// Names, in which `*` stands for anything: `["*.bias", "norm.*"]`.
    pub names: Vec<String>,
    /// Factor on the learning rate, at least 0.
    #[serde(default = "one")]
    pub rate: f64,
    /// Weight decay in place of the optimiser's, at least 0.
    #[serde(default)]
    pub weight_decay: Option<f64>,
}

fn one() -> f64 {
    1.0
}

impl ParameterGroup {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        not_negative("groups.rate", self.rate)?;
        not_negative("groups.weight_decay", self.weight_decay.unwrap_or(0.0))
    }
}

impl OptimizerConfig {
    /// Weight decay of the parameters of no group.
    pub fn weight_decay(&self) -> f64 {
        match self {
            Self::Adam(config) => config.weight_decay,
            Self::Sgd(config) => config.weight_decay,
            Self::RmsProp(config) => config.weight_decay,
            Self::Adadelta(config) => config.weight_decay,
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        not_negative("optimizer.weight_decay", self.weight_decay())?;
        match self {
            Self::Adam(config) => {
                fraction("optimizer.beta1", config.beta1)?;
                fraction("optimizer.beta2", config.beta2)?;
                positive("optimizer.eps", config.eps)
            }
            Self::Sgd(config) => {
                fraction("optimizer.momentum", config.momentum)?;
                if !(0.0..=1.0).contains(&config.dampening) {
                    let field = "optimizer.dampening";
                    return Err(Error::config(field, "at least 0 and at most 1", config.dampening));
                }
                if config.nesterov && (config.momentum <= 0.0 || config.dampening > 0.0) {
                    let expected = "false without momentum or with dampening";
                    return Err(Error::config("optimizer.nesterov", expected, true));
                }
                Ok(())
            }
            Self::RmsProp(config) => {
                fraction("optimizer.alpha", config.alpha)?;
                fraction("optimizer.momentum", config.momentum)?;
                positive("optimizer.eps", config.eps)
            }
            Self::Adadelta(config) => {
                fraction("optimizer.rho", config.rho)?;
                positive("optimizer.eps", config.eps)
            }
        }
    }
}

pub(super) fn fraction(field: &'static str, value: f64) -> Result<()> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::config(field, "at least 0 and below 1", value))
}

pub(super) fn positive(field: &'static str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(Error::config(field, "finite and above 0", value))
}

pub(super) fn not_negative(field: &'static str, value: f64) -> Result<()> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(Error::config(field, "finite and at least 0", value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_survive_toml() {
        for config in [
            OptimizerConfig::default(),
            OptimizerConfig::Sgd(SgdConfig::default()),
            OptimizerConfig::RmsProp(RmsPropConfig::default()),
            OptimizerConfig::Adadelta(AdadeltaConfig::default()),
        ] {
            config.validate().unwrap();
            let text = toml::to_string(&config).unwrap();
            assert_eq!(toml::from_str::<OptimizerConfig>(&text).unwrap(), config);
        }
        let short = toml::from_str::<OptimizerConfig>("kind = 'sgd'\nmomentum = 0.5").unwrap();
        let expected = SgdConfig { momentum: 0.5, ..SgdConfig::default() };
        assert_eq!(short, OptimizerConfig::Sgd(expected));
        assert!(toml::from_str::<OptimizerConfig>("kind = 'sgd'\nbeta1 = 0.5").is_err());
    }

    #[test]
    fn bad_values_are_named() {
        let field = |config: OptimizerConfig| match config.validate() {
            Err(Error::Config { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        let adam = AdamConfig { beta2: 1.0, ..AdamConfig::default() };
        assert_eq!(field(OptimizerConfig::Adam(adam)), "optimizer.beta2");
        let sgd = SgdConfig { nesterov: true, ..SgdConfig::default() };
        assert_eq!(field(OptimizerConfig::Sgd(sgd)), "optimizer.nesterov");
        let rms = RmsPropConfig { eps: 0.0, ..RmsPropConfig::default() };
        assert_eq!(field(OptimizerConfig::RmsProp(rms)), "optimizer.eps");
        let delta = AdadeltaConfig { weight_decay: f64::NAN, ..AdadeltaConfig::default() };
        assert_eq!(field(OptimizerConfig::Adadelta(delta)), "optimizer.weight_decay");
    }
}
