//! Files that appear complete or not at all.
//!
//! Content goes to a temporary file in the same folder, is synced to disk, and takes its final name by
//! a rename. A reader sees the old file or the new one, never half of one; a full disk or a crash
//! leaves the old file untouched. [`write_folder`] does the same for a folder of files.
//!
//! [`fault`] makes any step of it fail, so that tests can show this.

mod disk;
pub mod fault;
mod folder;

use std::{
    fs,
    io::{self, BufWriter, Seek, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{Error, Result};
use disk::DiskFile;

pub use folder::{recover_folders, write_folder};

/// A file under construction. Dropped without [`commit`](Self::commit) it leaves nothing behind.
#[derive(Debug)]
pub struct AtomicFile {
    file: Option<BufWriter<DiskFile>>,
    temporary: PathBuf,
    path: PathBuf,
}

impl AtomicFile {
    /// Starts writing the file `path`; its folder has to exist.
    ///
    /// # Errors
    /// [`Error::Io`] if the temporary file cannot be made.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".tmp-{}", unique()));
        let temporary = path.with_file_name(name);
        let file = DiskFile::create_new(&temporary).map_err(|source| io_error(path, source))?;
        Ok(Self { file: Some(BufWriter::new(file)), temporary, path: path.to_owned() })
    }

    /// The path that the file will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path that the content has until [`commit`](Self::commit): for libraries that insist on
    /// opening a file by name.
    pub fn temporary_path(&self) -> &Path {
        &self.temporary
    }

    /// Syncs the content to disk and gives the file its name, replacing an older one.
    ///
    /// # Errors
    /// [`Error::Io`]; the older file is untouched then.
    pub fn commit(self) -> Result<()> {
        self.publish(true)
    }

    /// Gives the file its name without waiting for the disk: a process that is killed leaves it whole or not at
    /// all, but after a power failure its content may be missing. For what can be made again and carries a
    /// checksum by which a reader sees that.
    ///
    /// # Errors
    /// [`Error::Io`]; the older file is untouched then.
    pub fn commit_unsynced(self) -> Result<()> {
        self.publish(false)
    }

    fn publish(mut self, synced: bool) -> Result<()> {
        let publish = |file: Option<BufWriter<DiskFile>>| -> io::Result<()> {
            if let Some(file) = file {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                if synced {
                    file.sync()?;
                }
            }
            disk::rename(&self.temporary, &self.path)?;
            if synced {
                // The new name itself is durable once the folder is synced; the content is there in any case.
                let _ = disk::sync_folder(self.path.parent().unwrap_or(Path::new("")));
            }
            Ok(())
        };
        let file = self.file.take();
        publish(file).map_err(|source| io_error(&self.path, source))
    }

    fn writer(&mut self) -> io::Result<&mut BufWriter<DiskFile>> {
        self.file.as_mut().ok_or_else(|| io::Error::other("the file was already published"))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer()?.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, position: io::SeekFrom) -> io::Result<u64> {
        self.writer()?.seek(position)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        // After a commit the name is gone already, and removing nothing is harmless.
        self.file.take();
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Writes a whole file at once.
///
/// # Errors
/// [`Error::Io`]; an older file of that name is untouched then.
pub fn write(path: impl AsRef<Path>, content: &[u8]) -> Result<()> {
    let mut file = AtomicFile::create(&path)?;
    file.write_all(content).map_err(|source| io_error(path.as_ref(), source))?;
    file.commit()
}

/// Process and number: no two temporary names are equal.
fn unique() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { action: "write", path: path.to_owned(), source }
}
