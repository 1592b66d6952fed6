//! Where the bytes of a recording come from: a file, or memory.

use std::{
    fs::{self, File},
    io::{self, Cursor, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use symphonia::core::io::MediaSource;

/// Something that can be opened as often as needed.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    File(PathBuf),
    /// `name` stands for the path: in messages, and by its extension as a hint to the format.
    Memory {
        name: PathBuf,
        bytes: Arc<[u8]>,
    },
}

impl Input {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Memory { name, .. } => name,
        }
    }

    /// A source of its own: its position is independent of others of the same input.
    pub(crate) fn open(&self) -> io::Result<Source> {
        match self {
            Self::File(path) => {
                // Opening a folder succeeds on some systems, and only reading fails.
                let metadata = fs::metadata(path)?;
                if metadata.is_dir() {
                    return Err(io::ErrorKind::IsADirectory.into());
                }
                Ok(Source { length: metadata.len(), reader: Reader::File(File::open(path)?) })
            }
            Self::Memory { bytes, .. } => Ok(Source {
                length: bytes.len() as u64,
                reader: Reader::Memory(Cursor::new(Arc::clone(bytes))),
            }),
        }
    }
}

/// An open input.
#[derive(Debug)]
pub(crate) struct Source {
    reader: Reader,
    pub(crate) length: u64,
}

#[derive(Debug)]
enum Reader {
    File(File),
    Memory(Cursor<Arc<[u8]>>),
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.reader {
            Reader::File(file) => file.read(buffer),
            Reader::Memory(cursor) => cursor.read(buffer),
        }
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.reader {
            Reader::File(file) => file.seek(to),
            Reader::Memory(cursor) => cursor.seek(to),
        }
    }
}

impl MediaSource for Source {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length)
    }
}
