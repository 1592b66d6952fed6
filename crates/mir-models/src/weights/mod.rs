//! Weight files: safetensors with the whole description of the model inside.
//!
//! The header's metadata holds one key, `mir`, whose value is the JSON of a [`ModelMeta`]: one key,
//! because the order of several is not fixed and equal models should be equal files. A file can
//! therefore transcribe a recording without its user repeating a single parameter.

mod import;
mod originals;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fmt,
    fs::{self, File},
    io::Read,
    path::Path,
};

use mir_core::publish;
use mir_features::FrontEndConfig;
use ndarray::ArrayD;
use safetensors::{Dtype, SafeTensors, View, serialize};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tch::{Device, Kind, Tensor};

use crate::{
    Error, Result, config::OnsetsFramesConfig, decode::NoteDecoderConfig, error::TorchContext,
    params::Params,
};

pub use import::{Fit, ImportReport, Mismatch, NameMap, import, tensors_of};

/// The key of the metadata.
const META_KEY: &str = "mir";
/// What the metadata calls itself.
const FORMAT: &str = "mir-models/onsets-frames";
/// Version of the layout of names and metadata.
const VERSION: u32 = 1;
/// Longest header of a safetensors file, bytes.
const MAX_HEADER: u64 = 100_000_000;

/// Everything that a weight file says beside the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelMeta {
    /// Always `mir-models/onsets-frames`.
    pub format: String,
    /// Version of the layout, 1.
    pub version: u32,
    /// The network.
    pub architecture: OnsetsFramesConfig,
    /// The features that it reads.
    pub front_end: FrontEndConfig,
    /// Thresholds and options of the decoder, as tuned on validation data.
    pub decoder: NoteDecoderConfig,
    /// A key sounds in a frame whose frame probability is at least this, as tuned on validation data: for a roll, as
    /// scores by cells compare it. Where notes end is the decoder's.
    #[serde(default = "half")]
    pub roll_threshold: f64,
    /// In which other keys the network hears a recording, in semitones: see
    /// [`TranscriptionModel::hear_in_keys`](crate::infer::TranscriptionModel::hear_in_keys), which sets them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transpositions: Vec<i32>,
    /// Optimiser steps behind the weights.
    pub step: u64,
    /// Scores on validation data by name.
    pub scores: std::collections::BTreeMap<String, f64>,
    /// What it was trained on, and under which licence the data stands.
    pub training_data: String,
}

impl ModelMeta {
    /// The description of an untrained network.
    pub fn new(architecture: OnsetsFramesConfig, front_end: FrontEndConfig) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            architecture,
            front_end,
            decoder: NoteDecoderConfig::default(),
            roll_threshold: half(),
            transpositions: Vec::new(),
            step: 0,
            scores: std::collections::BTreeMap::new(),
            training_data: String::new(),
        }
    }
}

/// The threshold that nothing has tuned.
fn half() -> f64 {
    0.5
}

/// In which format floats are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// 32 bits, exact.
    #[default]
    F32,
    /// IEEE half precision: half the size, three decimal digits.
    F16,
}

/// One tensor on its way into a file.
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Tensors as the bytes of a safetensors file.
pub(crate) fn to_bytes<'a>(
    tensors: impl Iterator<Item = (&'a str, &'a Tensor)>,
    meta: Option<&str>,
    storage: Storage,
) -> Result<Vec<u8>> {
    let mut views = Vec::new();
    for (name, tensor) in tensors {
        let (kind, dtype, width) = match storage {
            Storage::F32 => (Kind::Float, Dtype::F32, 4),
            Storage::F16 => (Kind::Half, Dtype::F16, 2),
        };
        let flat = tensor
            .f_detach()
            .and_then(|t| t.f_to_device(Device::Cpu))
            .and_then(|t| t.f_to_kind(kind))
            .and_then(|t| t.f_contiguous())
            .during("saving weights")?;
        let mut bytes = vec![0; flat.numel() * width];
        flat.f_copy_data_u8(&mut bytes, flat.numel()).during("saving weights")?;
        let shape = flat.size().iter().map(|&n| n as usize).collect();
        views.push((name.to_owned(), Stored { dtype, shape, bytes }));
    }
    let info = meta.map(|json| HashMap::from([(META_KEY.to_owned(), json.to_owned())]));
    serialize(views, info)
        .map_err(|error| Error::Weights { path: "(in memory)".into(), reason: error.to_string() })
}

/// Fills tensors from the bytes of a safetensors file: every name has to be there, in its shape, and
/// nothing else may be. `path` only names the file in errors.
pub(crate) fn fill<'a>(
    bytes: &[u8],
    path: &Path,
    targets: impl Iterator<Item = (&'a str, &'a Tensor)>,
) -> Result<()> {
    let file = parse(bytes, path)?;
    let wrong = |reason: String| Error::Weights { path: path.to_owned(), reason };
    let mut unused: std::collections::BTreeSet<&str> = file.names().into_iter().collect();
    let _guard = tch::no_grad_guard();
    for (name, target) in targets {
        let view = file.tensor(name).map_err(|_| {
            wrong(format!("tensor '{name}' is missing: these weights are of another architecture"))
        })?;
        unused.remove(name);
        let shape: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
        if shape != target.size() {
            return Err(wrong(format!(
                "tensor '{name}' is {shape:?}, expected {:?}: these weights are of another architecture",
                target.size()
            )));
        }
        let kind = match view.dtype() {
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            other => {
                return Err(wrong(format!("tensor '{name}' has kind {other:?}, expected floats")));
            }
        };
        let value =
            Tensor::f_from_data_size(view.data(), &shape, kind).during("loading weights")?;
        target.shallow_clone().f_copy_(&value).during("loading weights")?;
    }
    match unused.first() {
        None => Ok(()),
        Some(name) => Err(wrong(format!(
            "{} tensors have no place in the network, '{name}' among them: these weights are of another architecture",
            unused.len()
        ))),
    }
}

/// The tensors of a safetensors file of 32-bit floats as arrays.
pub(crate) fn arrays(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, ArrayD<f32>>> {
    let file = parse(bytes, path)?;
    let wrong = |name: &str, what: &str| Error::Weights {
        path: path.to_owned(),
        reason: format!("tensor '{name}' {what}"),
    };
    file.iter()
        .map(|(name, view)| {
            if view.dtype() != Dtype::F32 {
                return Err(wrong(name, "is not of 32-bit floats"));
            }
            let (numbers, _) = view.data().as_chunks::<4>();
            let values = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            let array = ArrayD::from_shape_vec(view.shape(), values)
                .map_err(|_| wrong(name, "has another number of values than its shape says"))?;
            Ok((name.to_owned(), array))
        })
        .collect()
}

/// Opens the bytes of a safetensors file; its lengths are checked against the bytes that are there.
fn parse<'a>(bytes: &'a [u8], path: &Path) -> Result<SafeTensors<'a>> {
    SafeTensors::deserialize(bytes).map_err(|error| incomplete(&error, path))
}

fn incomplete(error: &impl fmt::Display, path: &Path) -> Error {
    Error::Weights {
        path: path.to_owned(),
        reason: format!("not a complete safetensors file ({error}); copy or download it again"),
    }
}

/// Writes weights with their description; the file appears complete or not at all.
///
/// # Errors
/// [`Error::Core`] if the file cannot be written, [`Error::Json`] if the description cannot be.
pub fn save(path: &Path, params: &Params, meta: &ModelMeta, storage: Storage) -> Result<()> {
    let json = serde_json::to_string(meta)
        .map_err(|source| Error::Json { what: "the model description", source })?;
    Ok(publish::write(path, &to_bytes(params.all(), Some(&json), storage)?)?)
}

/// The bytes of a weight file and its description, not yet a network.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Weights`] if it is truncated, no safetensors file,
/// or one without our description.
pub fn read(path: &Path) -> Result<(Vec<u8>, ModelMeta)> {
    let bytes = read_bytes(path)?;
    let meta = meta_of(&bytes, path)?;
    Ok((bytes, meta))
}

pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| Error::Io { action: "read", path: path.to_owned(), source })
}

/// The description inside the bytes of a weight file.
pub(crate) fn meta_of(bytes: &[u8], path: &Path) -> Result<ModelMeta> {
    described(bytes, path, FORMAT, VERSION)
}

/// The description of one format inside the bytes of a weight file.
pub(crate) fn described<T: DeserializeOwned>(
    bytes: &[u8],
    path: &Path,
    format: &str,
    version: u32,
) -> Result<T> {
    let wrong = |reason: String| Error::Weights { path: path.to_owned(), reason };
    parse(bytes, path)?;
    let description = description(bytes, path)?;
    let found = (description["format"].as_str(), description["version"].as_u64());
    if found != (Some(format), Some(version.into())) {
        return Err(wrong(format!(
            "format {} version {}, expected \"{format}\" version {version}",
            description["format"], description["version"]
        )));
    }
    serde_json::from_value(description).map_err(|error| {
        wrong(format!("the model description in the header is not understood: {error}"))
    })
}

/// Which kind of network a weight file holds: the `format` of its description, such as `mir-models/onsets-frames`.
/// Reads no further than the header.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Weights`] if its header is truncated, not that of a safetensors
/// file, or one without our description.
pub fn format_of(path: &Path) -> Result<String> {
    let unreadable = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let mut bytes = vec![];
    file.by_ref().take(8).read_to_end(&mut bytes).map_err(unreadable)?;
    let length = bytes.first_chunk().map_or(0, |&length| u64::from_le_bytes(length));
    // What the first bytes claim may be more than there is; no more than there is will be read.
    file.take(length.min(MAX_HEADER)).read_to_end(&mut bytes).map_err(unreadable)?;
    let description = description(&bytes, path)?;
    description["format"].as_str().map(str::to_owned).ok_or_else(|| Error::Weights {
        path: path.to_owned(),
        reason: "the model description names no format".to_owned(),
    })
}

/// Our entry of the header, which bytes begin with: its length in eight of them, and JSON.
fn description(bytes: &[u8], path: &Path) -> Result<serde_json::Value> {
    #[derive(Deserialize)]
    struct Header {
        #[serde(default, rename = "__metadata__")]
        metadata: HashMap<String, String>,
    }
    let wrong = |reason: String| Error::Weights { path: path.to_owned(), reason };
    let (length, rest) = bytes.split_first_chunk().unwrap_or((&[0; 8], &[]));
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let header = serde_json::from_slice::<Header>(&rest[..length.min(rest.len())])
        .map_err(|error| incomplete(&error, path))?;
    let json = header.metadata.get(META_KEY).ok_or_else(|| {
        wrong("the header has no 'mir' entry: not a weight file of this library".to_owned())
    })?;
    serde_json::from_str(json).map_err(|error| {
        wrong(format!("the model description in the header is not understood: {error}"))
    })
}
