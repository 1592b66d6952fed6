//! A file as memory.
#![allow(unsafe_code)]

use std::{fs::File, io, ops::Range, path::Path};

use memmap2::Mmap;

/// A whole file, mapped read-only.
#[derive(Debug)]
pub(super) struct FileMap(Mmap);

impl FileMap {
    /// Maps a published store.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: a map is unsound if the file changes under it. Stores are written under another name,
        // renamed when complete, and never written again: a rebuilt store is a new file, and the map
        // keeps the old one alive. Nothing in this crate opens a published store for writing. (A foreign
        // program that truncates the file ends the process with a bus error; it cannot be prevented,
        // only avoided by `Hdf5Store::open_copying`.) The bytes are only read, and only as bytes, for
        // which every bit pattern is valid.
        unsafe { Mmap::map(&file) }.map(Self)
    }

    /// Length of the file.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Copies little-endian `f32` values. Counted in values from byte `base`, which needs no alignment.
    ///
    /// # Panics
    /// If the values lie outside the file or `out` has another length.
    pub(super) fn read(&self, base: usize, values: Range<usize>, out: &mut [f32]) {
        let bytes = &self.0[base + 4 * values.start..base + 4 * values.end];
        let (words, _) = bytes.as_chunks::<4>();
        assert_eq!(words.len(), out.len(), "the caller sized the buffer");
        // On little-endian machines the compiler makes a plain copy of this.
        for (value, word) in out.iter_mut().zip(words) {
            *value = f32::from_le_bytes(*word);
        }
    }
}
