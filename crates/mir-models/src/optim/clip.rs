//! Limits on gradients.

use tch::{Kind, Tensor};

use crate::{Error, Result, config::Clip, error::TorchContext, params::Params};

/// Forgets all gradients.
pub fn zero_gradients(params: &Params) {
    for (_, tensor) in params.trainable() {
        tensor.shallow_clone().zero_grad();
    }
}

/// Limits the gradients and returns their global L2 norm before that.
///
/// The coefficient of the norms is `min(1, limit / (norm + 1e-6))`, as in PyTorch.
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
            Clip::Value(limit) => {
                let _ = gradient.f_clamp_(-limit, limit).during(operation)?;
                continue;
            }
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

    /// A parameter of two elements and one of one, with the gradient of a linear model.
    fn linear(a: [f32; 2], b: f32) -> (Params, Tensor, Tensor) {
        let mut params = Params::new(Device::Cpu, 0);
        let x = params.root().weight("x", &[2], Init::Constant(0.0)).unwrap();
        let y = params.root().weight("y", &[1], Init::Constant(0.0)).unwrap();
        ((&x * Tensor::from_slice(&a)).sum(Kind::Float) + &y * f64::from(b)).backward();
        (params, x, y)
    }

    #[test]
    fn each_mode_limits_what_it_says() {
        let gradients = |clip| {
            let (params, x, y) = linear([3.0, -4.0], 12.0);
            let norm = clip_gradients(&params, clip).unwrap();
            assert!((norm - 13.0).abs() < 1e-5, "{clip:?}: {norm}");
            let mut all = values(&x.grad()).unwrap();
            all.extend(values(&y.grad()).unwrap());
            all
        };
        let expect = |clip, expected: [f32; 3]| {
            mir_testkit::assert_all_close(&gradients(clip), &expected, 2e-6, &format!("{clip:?}"));
        };
        expect(Clip::None, [3.0, -4.0, 12.0]);
        expect(Clip::Value(3.5), [3.0, -3.5, 3.5]);
        expect(Clip::GlobalNorm(6.5), [1.5, -2.0, 6.0]);
        expect(Clip::GlobalNorm(20.0), [3.0, -4.0, 12.0]);
        expect(Clip::TensorNorm(10.0), [3.0, -4.0, 10.0]);
        expect(Clip::TensorNorm(2.5), [1.5, -2.0, 2.5]);
    }

    #[test]
    fn clipping_without_gradients_is_an_error() {
        let mut params = Params::new(Device::Cpu, 0);
        let _ = params.root().weight("x", &[2], Init::Constant(1.0)).unwrap();
        assert!(matches!(clip_gradients(&params, Clip::None), Err(Error::Shape { .. })));
    }
}
