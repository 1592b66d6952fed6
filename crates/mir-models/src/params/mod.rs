//! The parameters and buffers of a network, by name.
//!
//! Names are PyTorch's (`onset_stack.0.cnn.3.weight`), sorted wherever order matters. Initial values are
//! drawn from a generator seeded by (seed, name): adding a layer does not change the others.

mod init;

use std::collections::BTreeMap;

use mir_core::Fingerprint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use crate::{Error, Result, error::TorchContext};

pub use init::{Init, Nonlinearity};

#[derive(Debug)]
struct Param {
    tensor: Tensor,
    trainable: bool,
}

/// Parameters and buffers of a network.
#[derive(Debug)]
pub struct Params {
    device: Device,
    seed: u64,
    map: BTreeMap<String, Param>,
}

impl Params {
    /// An empty set on a device, with the seed of its initial values.
    pub fn new(device: Device, seed: u64) -> Self {
        Self { device, seed, map: BTreeMap::new() }
    }

    /// Where the tensors live.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The root of the names, for the constructors of layers.
    pub fn root(&mut self) -> Scope<'_> {
        Scope { params: self, prefix: String::new() }
    }

    /// Number of trainable values.
    pub fn count_trainable(&self) -> usize {
        self.trainable().map(|(_, tensor)| tensor.numel()).sum()
    }

    /// Trainable tensors with their names, in order of name.
    pub fn trainable(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.map.iter().filter(|(_, p)| p.trainable).map(|(name, p)| (name.as_str(), &p.tensor))
    }

    /// All tensors, buffers included, with their names, in order of name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.map.iter().map(|(name, p)| (name.as_str(), &p.tensor))
    }

    /// Copies values into the tensor of a name.
    ///
    /// # Errors
    /// [`Error::Shape`] if the name is unknown or the number of values differs.
    pub fn assign(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Result<()> {
        let wrong = |expected: String| Error::Shape {
            what: "a named tensor",
            expected: format!("{name}: {expected}"),
            actual: shape.to_vec(),
        };
        let Some(param) = self.map.get_mut(name) else {
            return Err(wrong("no such tensor".to_owned()));
        };
        let size: Vec<usize> = param.tensor.size().iter().map(|&n| n as usize).collect();
        if size != shape || values.len() != param.tensor.numel() {
            return Err(wrong(format!("{size:?}")));
        }
        let source = Tensor::f_from_slice(values).during("copying weights")?;
        let source = source.f_reshape(param.tensor.size()).during("copying weights")?;
        let _guard = tch::no_grad_guard();
        param.tensor.f_copy_(&source).during("copying weights")
    }

    /// Takes over the values of parameters of the same names and shapes, for some of them others in their place.
    pub(crate) fn copy_from<'a>(
        &self,
        from: &Self,
        instead: impl Iterator<Item = (&'a str, &'a Tensor)>,
    ) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let instead: BTreeMap<&str, &Tensor> = instead.collect();
        for ((name, target), (_, source)) in self.all().zip(from.all()) {
            let source = instead.get(name).copied().unwrap_or(source);
            target.shallow_clone().f_copy_(source).during("copying weights")?;
        }
        Ok(())
    }

    /// Draws the values of a tensor anew, in as many equal parts of its first axis as there are ways to start: the
    /// gates of a recurrent layer lie one below the other.
    pub(crate) fn redraw(&mut self, name: &str, parts: &[Init]) -> Result<()> {
        let size = self.map.get(name).map_or_else(Vec::new, |param| param.tensor.size());
        let whole: Vec<usize> = size.iter().map(|&n| n as usize).collect();
        let mut shape = whole.clone();
        shape.iter_mut().take(1).for_each(|rows| *rows /= parts.len());
        let mut values = Vec::new();
        for (part, init) in parts.iter().enumerate() {
            values.extend(init.values(&shape, || named_rng(self.seed, &format!("{name}/{part}"))));
        }
        self.assign(name, &whole, &values)
    }

    /// Copies of the tensors that are not trained, in order of name.
    pub(crate) fn copy_buffers(&self) -> Result<Vec<Tensor>> {
        let buffers = self.map.values().filter(|p| !p.trainable);
        buffers.map(|p| p.tensor.f_detach_copy().during("keeping statistics")).collect()
    }

    /// Puts copies of them back.
    pub(crate) fn restore_buffers(&mut self, copies: &[Tensor]) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for (param, copy) in self.map.values_mut().filter(|p| !p.trainable).zip(copies) {
            param.tensor.f_copy_(copy).during("restoring statistics")?;
        }
        Ok(())
    }

    fn insert(&mut self, name: String, tensor: Tensor, trainable: bool) -> Result<Tensor> {
        if self.map.contains_key(&name) {
            return Err(Error::DuplicateParameter { name });
        }
        let tensor = tensor.f_to_device(self.device).during("placing a parameter")?;
        let tensor = tensor.f_set_requires_grad(trainable).during("placing a parameter")?;
        let handle = tensor.shallow_clone();
        self.map.insert(name, Param { tensor, trainable });
        Ok(handle)
    }
}

/// A place in the tree of names.
#[derive(Debug)]
pub struct Scope<'a> {
    params: &'a mut Params,
    prefix: String,
}

impl Scope<'_> {
    /// The scope below this one.
    pub fn child(&mut self, name: impl std::fmt::Display) -> Scope<'_> {
        let prefix = self.full(&name.to_string());
        Scope { params: self.params, prefix }
    }

    /// A trainable tensor.
    ///
    /// # Errors
    /// [`Error::DuplicateParameter`], or what LibTorch says.
    pub fn weight(&mut self, name: &str, shape: &[usize], init: Init) -> Result<Tensor> {
        self.tensor(name, shape, init, true)
    }

    /// A tensor that is saved and not trained.
    ///
    /// # Errors
    /// As [`weight`](Self::weight).
    pub fn buffer(&mut self, name: &str, shape: &[usize], init: Init) -> Result<Tensor> {
        self.tensor(name, shape, init, false)
    }

    fn tensor(
        &mut self,
        name: &str,
        shape: &[usize],
        init: Init,
        trainable: bool,
    ) -> Result<Tensor> {
        let name = self.full(name);
        let values = init.values(shape, || named_rng(self.params.seed, &name));
        let shape: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
        let tensor = Tensor::f_from_slice(&values)
            .and_then(|t| t.f_reshape(&shape))
            .during("making a parameter")?;
        self.params.insert(name, tensor, trainable)
    }

    fn full(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) }
    }
}

/// The generator of a seed and a purpose: independent streams for independent names.
pub(crate) fn named_rng(seed: u64, name: &str) -> impl Rng + use<> {
    let mut text = seed.to_le_bytes().to_vec();
    text.extend_from_slice(name.as_bytes());
    let mut key = [0; 32];
    key[..16].copy_from_slice(Fingerprint::of_bytes(&text).as_bytes());
    ChaCha8Rng::from_seed(key)
}

/// The values of a tensor as `f32`, row by row, whatever its kind and device.
///
/// # Errors
/// What LibTorch says.
pub(crate) fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    let flat = tensor
        .f_detach()
        .and_then(|t| t.f_to_device(Device::Cpu))
        .and_then(|t| t.f_to_kind(Kind::Float))
        .and_then(|t| t.f_contiguous())
        .during("reading a tensor")?;
    let mut out = vec![0.0f32; flat.numel()];
    flat.f_copy_data(&mut out, flat.numel()).during("reading a tensor")?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_values_depend_on_name_and_seed_only() {
        let make = |seed, first: &str| {
            let mut params = Params::new(Device::Cpu, seed);
            let mut root = params.root();
            let _ = root.weight(first, &[3, 4], Init::fan_in(4)).unwrap();
            let b = root.child("b").weight("weight", &[100], Init::fan_in(4)).unwrap();
            values(&b).unwrap()
        };
        assert_eq!(make(1, "a"), make(1, "other"));
        assert_ne!(make(1, "a"), make(2, "a"));
        assert!(make(1, "a").iter().all(|x| x.abs() <= 0.5));
        let mut params = Params::new(Device::Cpu, 0);
        let _ = params.root().weight("x", &[1], Init::Constant(0.0)).unwrap();
        let twice = params.root().buffer("x", &[1], Init::Constant(0.0));
        assert!(matches!(twice, Err(Error::DuplicateParameter { .. })));
    }

    #[test]
    fn only_fitting_values_are_assigned() {
        let mut params = Params::new(Device::Cpu, 0);
        let _ = params.root().weight("x", &[2, 2], Init::Constant(0.0)).unwrap();
        params.assign("x", &[2, 2], &[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!(values(params.all().next().unwrap().1).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        assert!(matches!(params.assign("x", &[4], &[0.0; 4]), Err(Error::Shape { .. })));
        assert!(matches!(params.assign("y", &[1], &[0.0]), Err(Error::Shape { .. })));
    }
}
