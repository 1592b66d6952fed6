//! The operations of which publishing consists, each of which can be made to fail.

use std::{
    fs,
    io::{self, Seek, Write},
    path::{Path, PathBuf},
};

use super::fault::{Operation, point};

/// A file that is being written.
#[derive(Debug)]
pub(super) struct DiskFile {
    file: fs::File,
    path: PathBuf,
}

impl DiskFile {
    /// Makes a file that is not there yet.
    pub(super) fn create_new(path: &Path) -> io::Result<Self> {
        point(Operation::Create, path, || Ok(()))?;
        Ok(Self { file: fs::File::create_new(path)?, path: path.to_owned() })
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        point(Operation::Sync, &self.path, || Ok(()))?;
        self.file.sync_all()
    }
}

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = &mut self.file;
        point(Operation::Write, &self.path, || file.write_all(&bytes[..bytes.len() / 2]))?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for DiskFile {
    fn seek(&mut self, position: io::SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}

pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    point(Operation::Create, path, || Ok(()))?;
    fs::create_dir_all(path)
}

pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    point(Operation::Rename, to, || Ok(()))?;
    fs::rename(from, to)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    // A folder of the working directory has no name.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    point(Operation::Sync, path, || Ok(()))?;
    // Not every system opens folders, and not every file system syncs them.
    match fs::File::open(path).and_then(|folder| folder.sync_all()) {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(error),
        _ => Ok(()),
    }
}

pub(super) fn remove_folder(path: &Path) -> io::Result<()> {
    point(Operation::Remove, path, || Ok(()))?;
    fs::remove_dir_all(path)
}
