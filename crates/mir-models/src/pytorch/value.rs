//! What a pickle builds. Objects live in one arena and refer to each other by index: a pickle may share
//! them, and may put one into itself.

use std::collections::HashMap;

use crate::pytorch::{DType, Problem, limits};

/// Index of a value in [`Heap::values`].
pub(super) type Id = usize;

#[derive(Debug)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// A whole number of more than 64 bits, or bytes.
    Bytes(Vec<u8>),
    Float(f64),
    Text(String),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or function by name. It is never looked up anywhere.
    Class {
        module: String,
        name: String,
    },
    /// Index into [`Heap::storages`].
    Storage(usize),
    /// Index into [`Heap::tensors`].
    Tensor(usize),
    /// What an unknown class was called with, and what was put into it afterwards.
    Object(Object),
}

#[derive(Debug)]
pub(super) struct Object {
    pub(super) class: Id,
    pub(super) state: Option<Id>,
    pub(super) items: Vec<(Id, Id)>,
    pub(super) list: Vec<Id>,
}

/// A storage as the pickle announces it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage {
    pub(super) key: String,
    pub(super) dtype: DType,
    /// Elements.
    pub(super) len: usize,
    /// Index of the storage that this one is a part of, and the element at which it starts there.
    pub(super) part_of: Option<(usize, usize)>,
}

/// A tensor as the pickle announces it; checked against its storage's announced length.
#[derive(Clone, Debug)]
pub(super) struct TensorView {
    pub(super) storage: usize,
    pub(super) dtype: DType,
    /// First element, in elements of `dtype`.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Heap {
    pub(super) values: Vec<Value>,
    pub(super) storages: Vec<Storage>,
    /// Index of each storage by its key.
    pub(super) keys: HashMap<String, usize>,
    pub(super) tensors: Vec<TensorView>,
}

impl Heap {
    pub(super) fn push(&mut self, value: Value, offset: u64) -> Result<Id, Problem> {
        if self.values.len() >= limits::OBJECTS {
            return Err(Problem::Objects { offset });
        }
        self.values.push(value);
        Ok(self.values.len() - 1)
    }

    /// A class by its two names, if the value is one.
    pub(super) fn class(&self, id: Id) -> Option<(&str, &str)> {
        match &self.values[id] {
            Value::Class { module, name } => Some((module, name)),
            _ => None,
        }
    }

    /// The members of a tuple, or of a list.
    pub(super) fn members(&self, id: Id) -> Option<&[Id]> {
        match &self.values[id] {
            Value::Tuple(members) | Value::List(members) => Some(members),
            _ => None,
        }
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match &self.values[id] {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number that is not negative.
    pub(super) fn count(&self, id: Id) -> Option<usize> {
        match self.values[id] {
            Value::Int(value) => usize::try_from(value).ok(),
            _ => None,
        }
    }

    /// `(text, number, number)`.
    pub(super) fn counts_after_text(&self, id: Id) -> Option<(String, usize, usize)> {
        match self.members(id)? {
            &[text, a, b] => Some((self.text(text)?.to_owned(), self.count(a)?, self.count(b)?)),
            _ => None,
        }
    }

    /// A tuple of such numbers.
    pub(super) fn counts(&self, id: Id) -> Option<Vec<usize>> {
        self.members(id)?.iter().map(|&member| self.count(member)).collect()
    }
}

impl TensorView {
    /// Elements of the storage up to the last one that the tensor sees, `None` beyond all bounds; 0 for a
    /// tensor without elements.
    pub(super) fn reach(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        let mut last = self.offset;
        for (&size, &stride) in self.shape.iter().zip(&self.strides) {
            last = last.checked_add((size - 1).checked_mul(stride)?)?;
        }
        last.checked_add(1)
    }

    /// The elements row by row, from the bytes of the storage.
    pub(super) fn gather(&self, storage: &[u8], file_bytes: usize) -> Result<Vec<u8>, Problem> {
        let width = self.dtype.size();
        let bytes = self.shape.iter().try_fold(width, |total, &size| total.checked_mul(size));
        let limit = limits::EXPANDED.max(file_bytes);
        let Some(bytes) = bytes.filter(|&bytes| bytes <= limit) else {
            let bytes = bytes.map_or(u64::MAX, |bytes| bytes as u64);
            return Err(Problem::Expanded { shape: self.shape.clone(), bytes });
        };
        let mut out = Vec::with_capacity(bytes);
        if bytes == 0 {
            return Ok(out);
        }
        // One dimension after the other from the last: those that lie densely are copied in one piece.
        let mut dense = width;
        let mut outer = self.shape.len();
        while outer > 0 && (self.shape[outer - 1] == 1 || self.strides[outer - 1] * width == dense)
        {
            dense *= self.shape[outer - 1];
            outer -= 1;
        }
        let mut index = vec![0; outer];
        while out.len() < bytes {
            let element: usize = index.iter().zip(&self.strides).map(|(i, s)| i * s).sum();
            let start = (self.offset + element) * width;
            let piece = storage.get(start..start + dense).ok_or(Problem::Bounds {
                offset: 0,
                needed: ((start + dense) / width) as u64,
                actual: (storage.len() / width) as u64,
            })?;
            out.extend_from_slice(piece);
            for axis in (0..outer).rev() {
                index[axis] += 1;
                if index[axis] < self.shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Ok(out)
    }
}
