//! A file as memory.
#![allow(unsafe_code)]

use std::{fs::File, io, ops::Range, path::Path};

use half::{f16, slice::HalfFloatSliceExt as _};
use memmap2::Mmap;

use super::values::{ByteRange, ValueFormat};

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

    /// Decodes little-endian values. Counted in values from byte `base`, which needs no alignment.
    ///
    /// # Panics
    /// If the values lie outside the file or `out` has another length.
    pub(super) fn read(
        &self,
        base: usize,
        format: ValueFormat,
        range: ByteRange,
        values: Range<usize>,
        out: &mut [f32],
    ) {
        assert_eq!(values.len(), out.len(), "the caller sized the buffer");
        let size = format.bytes();
        let bytes = &self.0[base + size * values.start..base + size * values.end];
        match format {
            ValueFormat::F32 => {
                // On little-endian machines the compiler makes a plain copy of this.
                for (value, word) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *value = f32::from_le_bytes(*word);
                }
            }
            ValueFormat::F16 => read_halves(bytes, out),
            ValueFormat::U8 => range.decode_into(bytes, out),
        }
    }
}

/// In blocks, so that the conversion runs on vectors whatever the alignment of the bytes.
fn read_halves(bytes: &[u8], out: &mut [f32]) {
    const BLOCK: usize = 256;
    let mut block = [f16::ZERO; BLOCK];
    let (words, _) = bytes.as_chunks::<2>();
    for (words, out) in words.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
        for (half, word) in block.iter_mut().zip(words) {
            *half = f16::from_le_bytes(*word);
        }
        block[..words.len()].convert_to_f32_slice(out);
    }
}
