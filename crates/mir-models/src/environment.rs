//! What the programs of this library find on this machine, and whether it works.

use std::{collections::BTreeSet, env, fs, path::Path, time::Instant};

use serde::Serialize;
use tch::{Cuda, Device, Kind, Tensor};

use crate::{
    Error, Result,
    config::OptimizerConfig,
    device::load_cuda,
    error::TorchContext,
    nn::{Linear, Mode},
    optim::{Optimizer, zero_gradients},
    params::{Params, values},
    threads, weights,
};

/// Versions, libraries, devices.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Environment {
    /// Version of this library.
    pub version: String,
    /// LibTorch: the version that the folder says it was loaded from, or the one that this was built for.
    pub libtorch: String,
    /// Files of LibTorch and what it brings along that are loaded into this process (Linux only).
    pub libraries: Vec<String>,
    /// Devices by the name that `--device` takes.
    pub devices: Vec<String>,
    /// The CUDA library that was loaded, or why there is none.
    pub cuda: String,
    /// Processor cores that this process may use.
    pub cores: usize,
    /// Threads of LibTorch's operators.
    pub threads: usize,
    /// Environment variables that matter and are set.
    pub variables: Vec<(String, String)>,
}

impl Environment {
    /// Looks around. This loads the CUDA library if there is one.
    pub fn probe() -> Self {
        let (cuda, count) = match load_cuda() {
            Ok(library) => (library.clone(), Cuda::device_count().max(0)),
            Err(reason) => (reason.clone(), 0),
        };
        let libraries = loaded_libraries();
        let mut devices = vec!["cpu".to_owned()];
        devices.extend((0..count).map(|index| format!("cuda:{index}")));
        let variables = [
            "LIBTORCH",
            "MIR_LIBTORCH_CUDA",
            "LD_LIBRARY_PATH",
            "OMP_NUM_THREADS",
            "GOMP_SPINCOUNT",
            "MALLOC_MMAP_THRESHOLD_",
            "CUDA_VISIBLE_DEVICES",
            "CUBLAS_WORKSPACE_CONFIG",
        ];
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            libtorch: libtorch_version(&libraries),
            libraries,
            devices,
            cuda,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            threads: threads(),
            variables: variables
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), env::var(name).ok()?)))
                .collect(),
        }
    }
}

/// The libraries of this process that LibTorch consists of.
fn loaded_libraries() -> Vec<String> {
    const PARTS: [&str; 6] = ["libtorch", "libc10", "libgomp", "libcudart", "libcupti", "libcudnn"];
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let paths: BTreeSet<&str> = maps
        .lines()
        .filter_map(|line| line.find('/').map(|at| &line[at..]))
        .filter(|path| {
            let name = Path::new(path).file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| PARTS.iter().any(|part| name.starts_with(part)))
        })
        .collect();
    paths.into_iter().map(str::to_owned).collect()
}

fn libtorch_version(libraries: &[String]) -> String {
    libraries
        .iter()
        .filter(|path| path.contains("libtorch_cpu"))
        .find_map(|path| {
            let folder = Path::new(path).parent()?.parent()?;
            let text = fs::read_to_string(folder.join("build-version")).ok()?;
            Some(text.trim().to_owned())
        })
        .unwrap_or_else(|| "2.11.0 (as built)".to_owned())
}

/// One part of the self-test.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// What was tried.
    pub name: &'static str,
    /// What went wrong, nothing if it works.
    pub failure: Option<String>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Computes, trains, saves and loads on a device: less than two seconds on a CPU.
pub fn self_test(device: Device) -> Vec<Check> {
    type Test = fn(Device) -> Result<()>;
    let tests: [(&'static str, Test); 3] = [
        ("a product of matrices", multiply),
        ("a hundred training steps", train),
        ("weights written and read", round_trip),
    ];
    tests
        .into_iter()
        .map(|(name, test)| {
            let start = Instant::now();
            let failure = test(device).err().map(|error| error.to_string());
            Check { name, failure, seconds: start.elapsed().as_secs_f64() }
        })
        .collect()
}

fn expect(good: bool, what: &'static str, value: f64) -> Result<()> {
    if good { Ok(()) } else { Err(Error::config(what, "a correct result", value)) }
}

/// `Σ (A·Aᵀ)` beside the same in 64-bit floats.
fn multiply(device: Device) -> Result<()> {
    let operation = "multiplying matrices";
    let a = Tensor::f_arange(250_000, (Kind::Float, Device::Cpu))
        .and_then(|t| t.f_sin()?.f_reshape([500, 500])?.f_to_device(device))
        .during(operation)?;
    let product = a.f_matmul(&a.tr()).and_then(|p| p.f_sum(Kind::Double)).during(operation)?;
    let exact = a
        .f_to_kind(Kind::Double)
        .and_then(|a| a.f_sum_dim_intlist(0, false, Kind::Double)?.f_square()?.f_sum(Kind::Double))
        .during(operation)?;
    let difference = product.f_sub(&exact).and_then(|d| d.f_double_value(&[])).during(operation)?;
    let size = exact.f_double_value(&[]).during(operation)?;
    // TF32, which some cards multiply with, has ten bits.
    expect(difference.abs() < 1e-2 * size.max(1.0), "matrix product", difference)
}

/// A linear layer learns the mean of its inputs.
fn train(device: Device) -> Result<()> {
    let mut params = Params::new(device, 0);
    let layer = Linear::new(params.root(), 8, 1)?;
    let mut optimizer = Optimizer::new(&params, OptimizerConfig::default(), &[])?;
    let x = Tensor::f_arange(64 * 8, (Kind::Float, device))
        .and_then(|t| t.f_sin()?.f_reshape([64, 8]))
        .during("training")?;
    let target = x.f_mean_dim(&[1i64][..], true, Kind::Float).during("training")?;
    let (mut first, mut last) = (f64::NAN, f64::NAN);
    for step in 0..100 {
        zero_gradients(&params);
        let error = layer.forward(&x, Mode::EVAL)?.f_sub(&target).during("training")?;
        let loss = error.f_square().and_then(|e| e.f_mean(Kind::Float)).during("training")?;
        last = loss.f_double_value(&[]).during("training")?;
        first = if step == 0 { last } else { first };
        loss.f_backward().during("training")?;
        optimizer.step(&params, 0.03)?;
    }
    expect(last < 0.1 * first, "loss after a hundred steps", last)
}

/// Tensors as safetensors and back.
fn round_trip(device: Device) -> Result<()> {
    let make = |seed| -> Result<Params> {
        let mut params = Params::new(device, seed);
        let _ = Linear::new(params.root().child("a"), 30, 20)?;
        Ok(params)
    };
    let (written, read) = (make(1)?, make(2)?);
    let bytes = weights::to_bytes(written.all(), None, weights::Storage::F32)?;
    weights::fill(&bytes, Path::new("(in memory)"), read.all())?;
    for ((_, a), (_, b)) in written.all().zip(read.all()) {
        let same = values(a)? == values(b)?;
        expect(same, "weights after a round trip", 0.0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_self_test_passes_and_the_environment_names_what_is_loaded() {
        let checks = self_test(Device::Cpu);
        assert!(checks.iter().all(|check| check.failure.is_none()), "{checks:?}");
        let environment = Environment::probe();
        assert_eq!(environment.devices[0], "cpu");
        assert!(environment.threads >= 1 && environment.cores >= 1);
        if cfg!(target_os = "linux") {
            assert!(environment.libraries.iter().any(|path| path.contains("libtorch_cpu")));
        }
        assert!(environment.libtorch.starts_with("2.11.0"), "{}", environment.libtorch);
    }
}
