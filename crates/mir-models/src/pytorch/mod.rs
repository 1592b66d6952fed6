//! Weight files of PyTorch (`torch.save`), read without running anything that is in them.
//!
//! Such a file is a *pickle*: a program for a small stack machine whose instructions may import and call
//! any Python function. The reader here knows the instructions that build data, and no others; the few
//! functions that PyTorch itself calls to rebuild tensors are recognised by name and carried out by this
//! module. Every other class becomes a bag of attributes, so that a pickled module can be walked through.
//!
//! Both containers are read: the zip archive of PyTorch 1.6 and later, and the earlier stream of pickles
//! followed by storages. Every size is checked against the bytes that are there before anything is
//! allocated; stack, memo, nesting and number of objects have limits ([`limits`]).
//!
//! ```no_run
//! use mir_models::pytorch::PyTorchFile;
//!
//! let file = PyTorchFile::open("model.pth".as_ref())?;
//! for entry in file.tensors() {
//!     println!("{} {:?} {:?}", entry.name, entry.dtype, entry.shape);
//! }
//! let weight = file.read_f32("model.conv1.weight")?; // row by row
//! # drop(weight);
//! # Ok::<(), mir_models::Error>(())
//! ```
//!
//! # Names
//! Keys of dictionaries and indices of lists, joined by dots: `{"model": state_dict}` gives
//! `model.conv1.weight`. The `_modules`, `_parameters` and `_buffers` of a pickled module leave no trace in
//! the names, which are then those of its `state_dict`.
//!
//! # Not read
//! Tar archives (before PyTorch 0.1.10), big-endian files, compressed archives, sparse and quantised
//! tensors (these are listed in [`PyTorchFile::unsupported`]).

mod container;
mod dtype;
mod machine;
mod problem;
mod rebuild;
mod value;
mod walk;

use std::{fs, path::Path};

pub use dtype::DType;
pub use problem::Problem;

use crate::{Error, Result};
use value::{Heap, TensorView};

/// What a file may ask for.
pub mod limits {
    /// Objects in a pickle: about 64 bytes of memory each.
    pub const OBJECTS: usize = 4_000_000;
    /// Entries of the stack.
    pub const STACK: usize = 1_000_000;
    /// Containers in one another.
    pub const DEPTH: usize = 64;
    /// Objects that are visited in search of tensors; a shared one counts each time.
    pub const VISITS: usize = 1_000_000;
    /// Bytes of all names together.
    pub const NAMES: usize = 64 << 20;
    /// A tensor may be larger than the file (one value seen along many strides), up to these bytes.
    pub const EXPANDED: usize = 16 << 20;
}

/// A tensor in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorEntry {
    /// Its name.
    pub name: String,
    /// What its elements are.
    pub dtype: DType,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// A value in a file that is no tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
}

/// A weight file of PyTorch.
#[derive(Debug)]
pub struct PyTorchFile {
    path: std::path::PathBuf,
    bytes: Vec<u8>,
    entries: Vec<TensorEntry>,
    views: Vec<TensorView>,
    storages: Vec<container::Span>,
    scalars: Vec<(String, Scalar)>,
    unsupported: Vec<(String, String)>,
}

impl PyTorchFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::PyTorch`] as of [`from_bytes`](Self::from_bytes).
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|source| Error::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        Self::from_bytes(bytes, path)
    }

    /// Reads the bytes of a file; `path` only names it in errors.
    ///
    /// # Errors
    /// [`Error::PyTorch`] with the [`Problem`] and its place: not a file of PyTorch, damaged, or asking for
    /// something that is not data.
    pub fn from_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self> {
        let read = || {
            let mut heap = Heap::default();
            let loaded = container::load(&bytes, &mut heap)?;
            let found = walk::walk(&heap, loaded.root)?;
            Ok((heap, loaded, found))
        };
        let (heap, loaded, found) = read().map_err(|problem| wrap(path, problem))?;
        let mut entries = Vec::with_capacity(found.tensors.len());
        let mut views = Vec::with_capacity(found.tensors.len());
        for (name, tensor) in found.tensors {
            let view = heap.tensors[tensor].clone();
            entries.push(TensorEntry { name, dtype: view.dtype, shape: view.shape.clone() });
            views.push(view);
        }
        Ok(Self {
            path: path.to_owned(),
            entries,
            views,
            storages: loaded.storages,
            scalars: found.scalars,
            unsupported: found.unsupported,
            bytes,
        })
    }

    /// The tensors, in the order of the file.
    pub fn tensors(&self) -> &[TensorEntry] {
        &self.entries
    }

    /// The values that are no tensors (steps, configurations), by name.
    pub fn scalars(&self) -> &[(String, Scalar)] {
        &self.scalars
    }

    /// Tensors of kinds that are not read (sparse, quantised), with the function that would rebuild them.
    pub fn unsupported(&self) -> &[(String, String)] {
        &self.unsupported
    }

    /// The elements of a tensor as little-endian bytes, row by row, whatever its strides are in the file.
    ///
    /// # Errors
    /// [`Error::PyTorch`] if there is no tensor of this name, or it is larger than its storage allows.
    pub fn read_bytes(&self, name: &str) -> Result<Vec<u8>> {
        let index = self.entries.iter().position(|entry| entry.name == name);
        let view = index
            .map(|index| &self.views[index])
            .ok_or_else(|| wrap(&self.path, Problem::NoTensor { name: name.to_owned() }))?;
        let storage = &self.bytes[self.storages[view.storage].range()];
        view.gather(storage, self.bytes.len()).map_err(|problem| wrap(&self.path, problem))
    }

    /// The elements of a tensor as `f32`, row by row: floats rounded, whole numbers converted, truth values
    /// 0 or 1.
    ///
    /// # Errors
    /// As [`read_bytes`](Self::read_bytes); [`Error::PyTorch`] for complex numbers.
    pub fn read_f32(&self, name: &str) -> Result<Vec<f32>> {
        let bytes = self.read_bytes(name)?;
        let entry = self.entries.iter().find(|entry| entry.name == name);
        let values = entry.and_then(|entry| entry.dtype.to_f32(&bytes));
        values.ok_or_else(|| wrap(&self.path, Problem::Complex { name: name.to_owned() }))
    }
}

fn wrap(path: &Path, problem: Problem) -> Error {
    Error::PyTorch { path: path.to_owned(), problem: Box::new(problem) }
}
