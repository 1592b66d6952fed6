//! The folder of a build in progress: its lock and its finished tracks.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::{Error, Result};

/// Name of the lock in its folder.
pub(crate) const LOCK: &str = "lock";
/// Ending of the folders.
pub(crate) const EXTENSION: &str = "parts";

/// How often a waiting build looks again.
const PATIENCE: Duration = Duration::from_millis(50);

/// The right to build one store, and the place for its parts.
#[derive(Debug)]
pub(super) struct Staging {
    folder: PathBuf,
    /// Held until the end. `None` where the file system knows no locks.
    _lock: Option<File>,
}

/// Who else may hold the lock.
#[derive(Clone, Copy, Debug)]
enum Right {
    /// Nobody.
    Alone,
    /// Those who want it shared.
    Shared,
}

/// What came of an attempt to get the lock.
enum Entered {
    Yes(Staging),
    /// Another build holds it.
    Busy,
    /// The folder is not there.
    Gone,
}

impl Staging {
    /// Makes the folder and waits for the lock. `waiting` is called again and again meanwhile and may
    /// end the wait with an error.
    pub(super) fn enter(folder: &Path, waiting: impl FnMut() -> Result<()>) -> Result<Self> {
        Self::enter_as(Right::Alone, folder, waiting)
    }

    /// The same for one of several that write parts and nothing else: they keep builds out, not each other.
    pub(super) fn enter_beside_others(
        folder: &Path,
        waiting: impl FnMut() -> Result<()>,
    ) -> Result<Self> {
        Self::enter_as(Right::Shared, folder, waiting)
    }

    fn enter_as(
        right: Right,
        folder: &Path,
        mut waiting: impl FnMut() -> Result<()>,
    ) -> Result<Self> {
        let mut told = false;
        loop {
            fs::create_dir_all(folder).map_err(io_error("create", folder))?;
            match Self::try_enter(right, folder)? {
                Entered::Yes(staging) => return Ok(staging),
                Entered::Gone => {}
                Entered::Busy => {
                    if !told {
                        log::info!(
                            "{}: another build is at work; waiting for it",
                            folder.display()
                        );
                        told = true;
                    }
                    waiting()?;
                    thread::sleep(PATIENCE);
                }
            }
        }
    }

    /// What a killed build left, unless another one is at work on it.
    pub(super) fn abandoned(folder: &Path) -> Option<Self> {
        match Self::try_enter(Right::Alone, folder) {
            Ok(Entered::Yes(staging)) => Some(staging),
            _ => None,
        }
    }

    fn try_enter(right: Right, folder: &Path) -> Result<Entered> {
        let path = folder.join(LOCK);
        let lock = match File::create(&path) {
            // The folder was removed in between, by the build that was waited for.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Entered::Gone),
            other => other.map_err(io_error("create", &path))?,
        };
        let locked = match right {
            Right::Alone => lock.try_lock(),
            Right::Shared => lock.try_lock_shared(),
        };
        let lock = match locked {
            // The lock counts only if it is still the one that others find.
            Ok(()) if !is_at(&lock, &path) => return Ok(Entered::Gone),
            Ok(()) => Some(lock),
            Err(TryLockError::WouldBlock) => return Ok(Entered::Busy),
            Err(TryLockError::Error(error)) => {
                // Without locks two builds do the same work twice; their files still appear whole.
                log::warn!("{}: no lock: {error}", path.display());
                None
            }
        };
        Ok(Entered::Yes(Self { folder: folder.to_owned(), _lock: lock }))
    }

    /// Removes the parts that are in the store now, what killed builds left half-written, and the folder
    /// unless parts of other recordings are in it.
    pub(super) fn clear<'a>(&self, used: impl Iterator<Item = &'a Path>) {
        for path in used {
            let _ = fs::remove_file(path);
        }
        let Ok(files) = fs::read_dir(&self.folder) else { return };
        let mut others = 0;
        for file in files.flatten() {
            let path = file.path();
            let part = path.extension().is_some_and(|extension| extension == "part");
            if part {
                others += 1;
            } else if file.file_name() != LOCK {
                let _ = fs::remove_file(path);
            }
        }
        if others > 0 {
            log::info!("{}: {others} parts of other recordings stay", self.folder.display());
            return;
        }
        // While the lock is held nobody else removes it; if another build has just made a new one, the
        // folder is not empty and stays.
        let _ = fs::remove_file(self.folder.join(LOCK));
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Whether nobody builds in a folder of parts now.
pub(crate) fn is_idle(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
        Err(_) => true,
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// Elsewhere a file that is open is not removed.
#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action, path, source }
}
