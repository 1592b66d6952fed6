//! The update of one parameter by each optimiser.
//!
//! The operations and their order are PyTorch's, so that the rounding is the same as far as LibTorch's
//! Rust binding allows: it has no factor in `addcmul` and `addcdiv`, which goes into an operand here.

use tch::{TchError, Tensor};

use crate::config::{
    AdadeltaConfig, AdamConfig, Flavour, OptimizerConfig, RmsPropConfig, SgdConfig,
};

type Done = Result<(), TchError>;

/// What differs from step to step and from parameter to parameter.
pub(super) struct Step {
    pub(super) rate: f64,
    pub(super) weight_decay: f64,
    /// Updates of this parameter, this one included.
    pub(super) count: u64,
}

/// Names and initial values of the tensors that an optimiser keeps for each parameter.
pub(super) fn slots(config: &OptimizerConfig) -> Vec<(&'static str, f64)> {
    let kept = |slots: &[(&'static str, f64, bool)]| {
        slots.iter().filter(|slot| slot.2).map(|&(name, start, _)| (name, start)).collect()
    };
    match config {
        OptimizerConfig::Adam(config) => {
            kept(&[("m", 0.0, true), ("v", 0.0, true), ("vmax", 0.0, config.amsgrad)])
        }
        OptimizerConfig::Sgd(config) => kept(&[("u", 0.0, config.momentum > 0.0)]),
        OptimizerConfig::RmsProp(config) => {
            let start = if config.flavour == Flavour::TensorFlow { 1.0 } else { 0.0 };
            kept(&[
                ("v", start, true),
                ("mean", 0.0, config.centred),
                ("u", 0.0, config.momentum > 0.0),
            ])
        }
        OptimizerConfig::Adadelta(_) => kept(&[("r", 0.0, true), ("s", 0.0, true)]),
    }
}

/// Updates a parameter and its slots in place. Gradients are not to be recorded.
pub(super) fn apply(
    config: &OptimizerConfig,
    step: Step,
    parameter: &Tensor,
    mut gradient: Tensor,
    slots: &mut [Tensor],
) -> Done {
    // A second handle of the same storage: tch takes operands of in-place operations by exclusive
    // reference, the parameters are shared with the layers.
    let mut value = parameter.shallow_clone();
    let decoupled = matches!(config, OptimizerConfig::Adam(AdamConfig { decoupled: true, .. }));
    if step.weight_decay > 0.0 {
        if decoupled {
            let _ = value.f_mul_scalar_(1.0 - step.rate * step.weight_decay)?;
        } else {
            gradient = gradient.f_add(&value.f_mul_scalar(step.weight_decay)?)?;
        }
    }
    match config {
        OptimizerConfig::Adam(config) => adam(config, &step, &mut value, &gradient, slots),
        OptimizerConfig::Sgd(config) => sgd(config, &step, &mut value, gradient, slots),
        OptimizerConfig::RmsProp(config) => rms_prop(config, &step, &mut value, &gradient, slots),
        OptimizerConfig::Adadelta(config) => adadelta(config, &step, &mut value, &gradient, slots),
    }
}

/// `mean = decay·mean + (1 − decay)·x²`.
fn mean_square(mean: &mut Tensor, x: &Tensor, decay: f64) -> Done {
    let scaled = x.f_mul_scalar((1.0 - decay).sqrt())?;
    let _ = mean.f_mul_scalar_(decay)?;
    let _ = mean.f_addcmul_(&scaled, &scaled)?;
    Ok(())
}

fn adam(
    config: &AdamConfig,
    step: &Step,
    value: &mut Tensor,
    gradient: &Tensor,
    slots: &mut [Tensor],
) -> Done {
    let [first, second, largest @ ..] = slots else {
        return Ok(());
    };
    let exponent = i32::try_from(step.count).unwrap_or(i32::MAX);
    let correction1 = 1.0 - config.beta1.powi(exponent);
    let correction2 = 1.0 - config.beta2.powi(exponent);
    let _ = first.f_lerp_(gradient, 1.0 - config.beta1)?;
    mean_square(second, gradient, config.beta2)?;
    let second = match largest.first_mut() {
        None => second,
        Some(largest) => {
            let higher = largest.f_maximum(second)?;
            largest.f_copy_(&higher)?;
            largest
        }
    };
    let mut denominator = second.f_sqrt()?;
    let factor = match config.flavour {
        Flavour::Torch => {
            let _ = denominator.f_mul_scalar_(1.0 / correction2.sqrt())?;
            1.0 / correction1
        }
        Flavour::TensorFlow => correction2.sqrt() / correction1,
    };
    let _ = denominator.f_add_scalar_(config.eps)?;
    let update = first.f_mul_scalar(-step.rate * factor)?;
    let _ = value.f_addcdiv_(&update, &denominator)?;
    Ok(())
}

fn sgd(
    config: &SgdConfig,
    step: &Step,
    value: &mut Tensor,
    mut gradient: Tensor,
    slots: &mut [Tensor],
) -> Done {
    if let Some(momentum) = slots.first_mut() {
        if step.count == 1 {
            momentum.f_copy_(&gradient)?;
        } else {
            let fresh = gradient.f_mul_scalar(1.0 - config.dampening)?;
            let _ = momentum.f_mul_scalar_(config.momentum)?;
            let _ = momentum.f_add_(&fresh)?;
        }
        gradient = if config.nesterov {
            gradient.f_add(&momentum.f_mul_scalar(config.momentum)?)?
        } else {
            momentum.shallow_clone()
        };
    }
    let _ = value.f_add_(&gradient.f_mul_scalar(-step.rate)?)?;
    Ok(())
}

fn rms_prop(
    config: &RmsPropConfig,
    step: &Step,
    value: &mut Tensor,
    gradient: &Tensor,
    slots: &mut [Tensor],
) -> Done {
    let [square, rest @ ..] = slots else {
        return Ok(());
    };
    let (mean, momentum) = rest.split_at_mut(usize::from(config.centred));
    mean_square(square, gradient, config.alpha)?;
    let variance = match mean.first_mut() {
        None => square.shallow_clone(),
        Some(mean) => {
            let _ = mean.f_lerp_(gradient, 1.0 - config.alpha)?;
            square.f_sub(&mean.f_square()?)?
        }
    };
    let denominator = match config.flavour {
        Flavour::Torch => variance.f_sqrt()?.f_add_scalar(config.eps)?,
        Flavour::TensorFlow => variance.f_add_scalar(config.eps)?.f_sqrt()?,
    };
    let Some(momentum) = momentum.first_mut() else {
        let update = gradient.f_mul_scalar(-step.rate)?;
        let _ = value.f_addcdiv_(&update, &denominator)?;
        return Ok(());
    };
    let _ = momentum.f_mul_scalar_(config.momentum)?;
    match config.flavour {
        Flavour::Torch => {
            let _ = momentum.f_addcdiv_(gradient, &denominator)?;
            let _ = value.f_add_(&momentum.f_mul_scalar(-step.rate)?)?;
        }
        Flavour::TensorFlow => {
            let _ = momentum.f_addcdiv_(&gradient.f_mul_scalar(step.rate)?, &denominator)?;
            let _ = value.f_sub_(momentum)?;
        }
    }
    Ok(())
}

fn adadelta(
    config: &AdadeltaConfig,
    step: &Step,
    value: &mut Tensor,
    gradient: &Tensor,
    slots: &mut [Tensor],
) -> Done {
    let [square, updates] = slots else {
        return Ok(());
    };
    mean_square(square, gradient, config.rho)?;
    let deviation = square.f_add_scalar(config.eps)?.f_sqrt()?;
    let mut delta = updates.f_add_scalar(config.eps)?.f_sqrt()?;
    let _ = delta.f_div_(&deviation)?;
    let _ = delta.f_mul_(gradient)?;
    mean_square(updates, &delta, config.rho)?;
    let _ = value.f_add_(&delta.f_mul_scalar(-step.rate)?)?;
    Ok(())
}
