//! Files that appear complete or not at all.
//!
//! Content goes to a temporary file in the same folder, is synced to disk, and takes its final name by
//! a rename. A reader sees the old file or the new one, never half of one; a full disk or a crash
//! leaves the old file untouched.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Seek, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{Error, Result};

/// A file under construction. Dropped without [`commit`](Self::commit) it leaves nothing behind.
#[derive(Debug)]
pub struct AtomicFile {
    file: Option<BufWriter<File>>,
    temporary: PathBuf,
    path: PathBuf,
}

impl AtomicFile {
    /// Starts writing the file `path`; its folder has to exist.
    ///
    /// # Errors
    /// [`Error::Io`] if the temporary file cannot be made.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let path = path.as_ref();
        let mut name = path.file_name().unwrap_or_default().to_owned();
        let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
        name.push(format!(".tmp-{}-{unique}", std::process::id()));
        let temporary = path.with_file_name(name);
        let file = File::create_new(&temporary).map_err(|source| io_error(path, source))?;
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
    pub fn commit(mut self) -> Result<()> {
        let publish = |file: Option<BufWriter<File>>| -> io::Result<()> {
            if let Some(file) = file {
                file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            }
            fs::rename(&self.temporary, &self.path)?;
            // The new name itself is durable once the folder is synced; not every system can do that.
            let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty());
            if let Some(Ok(folder)) = folder.map(File::open) {
                let _ = folder.sync_all();
            }
            Ok(())
        };
        let file = self.file.take();
        publish(file).map_err(|source| io_error(&self.path, source))
    }

    fn writer(&mut self) -> io::Result<&mut BufWriter<File>> {
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

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { action: "write", path: path.to_owned(), source }
}
