//! Networks for programs that have nothing of this library: TorchScript.
//!
//! A traced network is one file that PyTorch loads with `torch.jit.load`, in Python or C++; a JSON file
//! beside it says what goes in and what comes out. Safetensors ([`weights`](crate::weights)) stays the
//! format that this library reads.

use std::path::{Path, PathBuf};

use mir_core::publish;
use serde::{Deserialize, Serialize};
use tch::{CModule, Device, Kind, Tensor};

use crate::{
    Error, Result, error::TorchContext, infer::TranscriptionModel, nn::Mode, params::named_rng,
    weights::ModelMeta,
};

/// Largest difference between the traced network and ours that an export admits.
const TOLERANCE: f64 = 1e-5;

/// What the JSON file beside a TorchScript file says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportMeta {
    /// Shape of the input: `[batch, 1, frames, bins]` with the number of bins.
    pub input: String,
    /// The heads along the first axis of the output `[head, batch, frames, keys]`, all of them
    /// probabilities but the velocity, a fraction of 127.
    pub heads: Vec<String>,
    /// Network, features, decoder, scores.
    pub model: ModelMeta,
}

impl TranscriptionModel {
    /// Writes the network as TorchScript, and beside it, with the extension `json`, an [`ExportMeta`].
    /// Returns the path of that.
    ///
    /// The network is traced in evaluation mode, in 32-bit floats, on the CPU; batch and frames are free.
    /// Before the file appears it is loaded again and compared with this network on three shapes. It hears what it is
    /// given: [other keys](Self::hear_in_keys), which the JSON file names, are left to the caller.
    ///
    /// # Errors
    /// [`Error::Weights`] if the traced network computes something else, [`Error::Core`] if a file cannot be
    /// written, [`Error::Config`] if `path` itself ends in `.json`, or what LibTorch says.
    pub fn export_torchscript(&self, path: &Path) -> Result<PathBuf> {
        let beside = path.with_extension("json");
        if beside == path {
            return Err(Error::config("path", "another extension than json", path.display()));
        }
        // A copy on the CPU whose tensors do not ask for gradients: tracing takes in only such as constants.
        let model = Self::new(self.meta().clone(), Device::Cpu)?;
        model.params().copy_from(self.params(), std::iter::empty())?;
        for (_, tensor) in model.params().all() {
            let _ = tensor.f_set_requires_grad(false).during("freezing weights")?;
        }
        let bins = self.meta().architecture.bins;
        let example = noise(&[2, 1, 40, bins], 0)?;
        let (_, heads) = model.joined_heads(&example)?;
        let bytes = model.trace(&example)?;
        let temporary = Temporary::new(path);
        publish::write(&temporary.0, &bytes)?;
        model.compare(&temporary.0)?;
        publish::write(path, &bytes)?;
        let meta = ExportMeta {
            input: format!("[batch, 1, frames, {bins}]"),
            heads: heads.into_iter().map(str::to_owned).collect(),
            model: self.meta().clone(),
        };
        let json = serde_json::to_vec_pretty(&meta)
            .map_err(|source| Error::Json { what: "the description of an export", source })?;
        publish::write(&beside, &json)?;
        Ok(beside)
    }

    /// All heads as one tensor `[head, batch, frames, keys]`, and their names.
    ///
    /// # Errors
    /// As the network's forward pass.
    pub fn joined_heads(&self, input: &Tensor) -> Result<(Tensor, Vec<&'static str>)> {
        let heads = self.network().forward(input, Mode::EVAL)?;
        let probability = |x: &Tensor| x.f_sigmoid().during("a sigmoid");
        let mut names = vec!["onset", "frame"];
        let mut tensors = vec![probability(&heads.onset)?, probability(&heads.frame)?];
        if let Some(offset) = &heads.offset {
            names.push("offset");
            tensors.push(probability(offset)?);
        }
        if let Some(velocity) = heads.velocity {
            names.push("velocity");
            tensors.push(velocity);
        }
        Ok((Tensor::f_stack(&tensors, 0).during("joining heads")?, names))
    }

    /// The bytes of the traced network.
    fn trace(&self, example: &Tensor) -> Result<Vec<u8>> {
        let operation = "tracing the network";
        let _guard = tch::no_grad_guard();
        let mut failure = None;
        // A panic in here would leave the process tracing; an error is kept for later.
        let mut forward = |inputs: &[Tensor]| match self.joined_heads(&inputs[0]) {
            Ok((output, _)) => vec![output],
            Err(error) => {
                failure = Some(error);
                vec![inputs[0].shallow_clone()]
            }
        };
        let inputs = [example.shallow_clone()];
        let module = CModule::create_by_tracing("Transcriber", "forward", &inputs, &mut forward)
            .during(operation)?;
        if let Some(error) = failure {
            return Err(error);
        }
        // LibTorch writes to a path only.
        let temporary = Temporary::new(&std::env::temp_dir().join("traced.pt"));
        module.save(&temporary.0).during(operation)?;
        std::fs::read(&temporary.0).map_err(|source| Error::Io {
            action: "read",
            path: temporary.0.clone(),
            source,
        })
    }

    /// Loads a traced network and compares it with this one on shapes other than the traced one.
    fn compare(&self, path: &Path) -> Result<()> {
        let operation = "running the traced network";
        let _guard = tch::no_grad_guard();
        let module = CModule::load_on_device(path, Device::Cpu).during(operation)?;
        for (batch, frames) in [(1, 1), (3, 57), (1, 200)] {
            let x = noise(&[batch, 1, frames, self.meta().architecture.bins], frames as u64)?;
            let traced = module.forward_ts(&[&x]).during(operation)?;
            let (own, _) = self.joined_heads(&x)?;
            let wrong = |reason: String| Error::Weights { path: path.to_owned(), reason };
            if traced.size() != own.size() {
                let (traced, own) = (traced.size(), own.size());
                return Err(wrong(format!("the traced network gives {traced:?}, ours {own:?}")));
            }
            let difference = traced
                .f_sub(&own)
                .and_then(|d| d.f_abs()?.f_max()?.f_double_value(&[]))
                .during(operation)?;
            // Not a number is no agreement either.
            if difference.is_nan() || difference > TOLERANCE {
                return Err(wrong(format!("the traced network differs by {difference:e}")));
            }
        }
        Ok(())
    }
}

/// A file that is gone when the work on it is over.
struct Temporary(PathBuf);

impl Temporary {
    /// Beside a file, under a name of this process and this call.
    fn new(beside: &Path) -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = beside.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self(beside.with_file_name(format!(".{name}.{}.{count}", std::process::id())))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Uniform noise in ±4, the range of features, as a function of a seed.
fn noise(shape: &[usize], seed: u64) -> Result<Tensor> {
    use rand::RngExt;
    let mut rng = named_rng(seed, "export");
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| 8.0 * rng.random::<f32>() - 4.0).collect();
    let shape: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
    Tensor::from_slice(&values)
        .f_reshape(&shape)
        .and_then(|t| t.f_to_kind(Kind::Float))
        .during("making noise")
}
