//! Weights from elsewhere: another network's file, or one of PyTorch, under other names.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    path::Path,
};

use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result, names,
    params::Params,
    pytorch::{DType, PyTorchFile},
};

/// How the names of a file become the names of a network, rule by rule in this order.
///
/// ```
/// use mir_models::weights::NameMap;
///
/// let map = NameMap {
///     prefix: "model.".to_owned(),
///     ignore: vec!["*.num_batches_tracked".to_owned()],
///     rename: vec![("encoder.".to_owned(), "onset_stack.0.".to_owned())],
/// };
/// assert_eq!(map.apply("model.encoder.bias").as_deref(), Some("onset_stack.0.bias"));
/// assert_eq!(map.apply("optimizer.state"), None);
/// assert_eq!(map.apply("model.norm.num_batches_tracked"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NameMap {
    /// Only names that start with this are taken, without it.
    pub prefix: String,
    /// Names that are left out; `*` stands for anything.
    pub ignore: Vec<String>,
    /// Beginnings of names and what stands in their place; the first that fits counts.
    pub rename: Vec<(String, String)>,
}

impl Default for NameMap {
    /// All names as they are, but for the step counters of PyTorch's normalisation layers, which this
    /// library does not keep.
    fn default() -> Self {
        Self {
            prefix: String::new(),
            ignore: vec!["*num_batches_tracked".to_owned()],
            rename: Vec::new(),
        }
    }
}

impl NameMap {
    /// The name in the network, `None` for one that is left out.
    pub fn apply(&self, name: &str) -> Option<String> {
        let name = name.strip_prefix(&self.prefix)?;
        if self.ignore.iter().any(|pattern| names::matches(pattern, name)) {
            return None;
        }
        let renamed = self
            .rename
            .iter()
            .find_map(|(from, to)| Some(format!("{to}{}", name.strip_prefix(from)?)));
        Some(renamed.unwrap_or_else(|| name.to_owned()))
    }
}

/// What an import may leave open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// Every tensor of the network is filled and every one of the file used, or nothing is changed.
    #[default]
    Strict,
    /// What fits is taken over: a warm start.
    Partial,
}

/// A tensor that has another shape in the file than in the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Its name in the network.
    pub name: String,
    /// Its shape in the file.
    pub file: Vec<usize>,
    /// Its shape in the network.
    pub network: Vec<usize>,
}

/// What became of the tensors of a file and of a network. The lists are in order of name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Tensors of the network that fit.
    pub loaded: Vec<String>,
    /// Tensors of the network that the file does not have.
    pub missing: Vec<String>,
    /// Tensors of the file that the network does not have, or that two of its names lead to.
    pub unexpected: Vec<String>,
    /// Tensors of both that differ in shape.
    pub mismatched: Vec<Mismatch>,
}

impl ImportReport {
    /// Whether file and network fit exactly.
    pub fn is_exact(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.mismatched.is_empty()
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tensors fit", self.loaded.len())?;
        for (what, names) in [("missing", &self.missing), ("unexpected", &self.unexpected)] {
            if let Some(first) = names.first() {
                write!(f, ", {} {what} ('{first}'", names.len())?;
                f.write_str(if names.len() > 1 { ", …)" } else { ")" })?;
            }
        }
        if let Some(Mismatch { name, file, network }) = self.mismatched.first() {
            let count = self.mismatched.len();
            write!(
                f,
                ", {count} of another shape ('{name}': {file:?} in the file, {network:?} here)"
            )?;
        }
        Ok(())
    }
}

/// Fills a network from a safetensors file, ours or not, or from one of PyTorch.
///
/// # Errors
/// [`Error::Io`], [`Error::PyTorch`], or [`Error::Weights`] if the file cannot be read; [`Error::Weights`]
/// with the report if `fit` is [`Fit::Strict`] and something is missing, left over or of another shape: the
/// network is unchanged then.
pub fn import(path: &Path, params: &mut Params, map: &NameMap, fit: Fit) -> Result<ImportReport> {
    let source = Source::open(path)?;
    let mut file: BTreeMap<String, (String, Vec<usize>)> = BTreeMap::new();
    let mut report = ImportReport::default();
    for (name, shape) in source.tensors()? {
        if let Some(target) = map.apply(&name) {
            match file.entry(target) {
                Entry::Occupied(_) => report.unexpected.push(name),
                Entry::Vacant(place) => {
                    place.insert((name, shape));
                }
            }
        }
    }
    let mut fitting = Vec::new();
    for (name, tensor) in params.all() {
        let network: Vec<usize> = tensor.size().iter().map(|&n| n as usize).collect();
        match file.remove(name) {
            None => report.missing.push(name.to_owned()),
            Some((original, shape)) if shape == network => {
                report.loaded.push(name.to_owned());
                fitting.push((name.to_owned(), original, shape));
            }
            Some((_, shape)) => {
                report.mismatched.push(Mismatch { name: name.to_owned(), file: shape, network });
            }
        }
    }
    report.unexpected.extend(file.into_values().map(|(original, _)| original));
    report.unexpected.sort();
    if fit == Fit::Strict && !report.is_exact() {
        let reason = format!("{report}: these weights are of another architecture");
        return Err(Error::Weights { path: path.to_owned(), reason });
    }
    // Everything is read before anything is changed.
    let values = fitting
        .iter()
        .map(|(_, original, _)| source.read_f32(original))
        .collect::<Result<Vec<_>>>()?;
    for ((name, _, shape), values) in fitting.iter().zip(values) {
        params.assign(name, shape, &values)?;
    }
    Ok(report)
}

/// Names and shapes of the tensors of a safetensors file, or of one of PyTorch, as they stand there.
///
/// ```no_run
/// for (name, shape) in mir_models::weights::tensors_of("model-10000.pt".as_ref())? {
///     println!("{name} {shape:?}");
/// }
/// # Ok::<(), mir_models::Error>(())
/// ```
///
/// # Errors
/// As [`import`], for a file that cannot be read.
pub fn tensors_of(path: &Path) -> Result<Vec<(String, Vec<usize>)>> {
    Source::open(path)?.tensors()
}

/// A file of either format.
enum Source<'a> {
    Safetensors { bytes: Vec<u8>, path: &'a Path },
    PyTorch(PyTorchFile),
}

impl<'a> Source<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let bytes = super::read_bytes(path)?;
        // A zip archive, or a pickle of protocol 2. Read as the length of a safetensors header these
        // would be some gigabytes.
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0x80, 2]) {
            return Ok(Self::PyTorch(PyTorchFile::from_bytes(bytes, path)?));
        }
        super::parse(&bytes, path)?;
        Ok(Self::Safetensors { bytes, path })
    }

    fn tensors(&self) -> Result<Vec<(String, Vec<usize>)>> {
        Ok(match self {
            Self::Safetensors { bytes, path } => {
                let file: SafeTensors<'_> = super::parse(bytes, path)?;
                let views = file.iter();
                views.map(|(name, view)| (name.to_owned(), view.shape().to_vec())).collect()
            }
            Self::PyTorch(file) => {
                let entries = file.tensors().iter();
                entries.map(|entry| (entry.name.clone(), entry.shape.clone())).collect()
            }
        })
    }

    fn read_f32(&self, name: &str) -> Result<Vec<f32>> {
        let (bytes, path) = match self {
            Self::PyTorch(file) => return file.read_f32(name),
            Self::Safetensors { bytes, path } => (bytes, *path),
        };
        let wrong = |reason: String| Error::Weights { path: path.to_owned(), reason };
        let file = super::parse(bytes, path)?;
        let view = file.tensor(name).map_err(|error| wrong(format!("'{name}': {error}")))?;
        let dtype = match view.dtype() {
            Dtype::BOOL => DType::Bool,
            Dtype::U8 => DType::U8,
            Dtype::I8 => DType::I8,
            Dtype::U16 => DType::U16,
            Dtype::I16 => DType::I16,
            Dtype::U32 => DType::U32,
            Dtype::I32 => DType::I32,
            Dtype::U64 => DType::U64,
            Dtype::I64 => DType::I64,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::Bf16,
            Dtype::F32 => DType::F32,
            Dtype::F64 => DType::F64,
            other => {
                return Err(wrong(format!(
                    "tensor '{name}' has kind {other:?}, which is not read"
                )));
            }
        };
        dtype.to_f32(view.data()).ok_or_else(|| wrong(format!("tensor '{name}' is complex")))
    }
}
