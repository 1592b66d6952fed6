//! Folders that appear complete or not at all.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{disk, io_error, unique};
use crate::Result;

/// Folders under construction; the process and a number follow.
const TEMPORARY: &str = ".tmp-";
/// A folder that is being replaced; its name follows.
const REPLACED: &str = ".old-";

/// Writes a folder of files, each with its name, and gives it the name `path`: a reader sees all of them or
/// none. A folder of that name is replaced; its parent has to exist.
///
/// A folder cannot be replaced in one step everywhere: for a moment the old one has another name. A process
/// that dies in that moment leaves both, and [`recover_folders`] puts the old one back.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io); an older folder of that name is untouched then, and nothing else is left.
///
/// ```
/// # let parent = std::env::temp_dir().join(format!("mir-core-doc-folder-{}", std::process::id()));
/// # std::fs::create_dir_all(&parent)?;
/// let path = parent.join("model");
/// mir_core::publish::write_folder(&path, &[("weights", &[1, 2, 3]), ("notes.txt", b"good")])?;
/// assert_eq!(std::fs::read(path.join("notes.txt"))?, b"good");
/// # std::fs::remove_dir_all(&parent)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_folder(path: impl AsRef<Path>, files: &[(&str, &[u8])]) -> Result<()> {
    let path = path.as_ref();
    let parent = path.parent().unwrap_or(Path::new(""));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = parent.join(format!("{TEMPORARY}{}-{name}", unique()));
    let filled = fill(&temporary, files).and_then(|()| exchange(&temporary, path));
    filled.map_err(|source| {
        // Nothing is lost if this fails too: readers pass such folders over.
        let _ = fs::remove_dir_all(&temporary);
        io_error(path, source)
    })
}

fn fill(folder: &Path, files: &[(&str, &[u8])]) -> io::Result<()> {
    disk::create_folder(folder)?;
    for (name, bytes) in files {
        let mut file = disk::DiskFile::create_new(&folder.join(name))?;
        file.write_all(bytes)?;
        file.sync()?;
    }
    disk::sync_folder(folder)
}

/// Gives a complete folder its name.
fn exchange(complete: &Path, path: &Path) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new(""));
    let replaced = replaced_name(path);
    let replaces = path.exists();
    if replaces {
        if replaced.exists() {
            disk::remove_folder(&replaced)?;
        }
        disk::rename(path, &replaced)?;
    }
    if let Err(error) = disk::rename(complete, path) {
        if replaces {
            fs::rename(&replaced, path)?;
        }
        return Err(error);
    }
    // The new folder is there: what fails from here on costs durability or space, not its content.
    let _ = disk::sync_folder(parent);
    if replaces {
        let _ = disk::remove_folder(&replaced);
    }
    Ok(())
}

fn replaced_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{REPLACED}{name}"))
}

/// Clears up what interrupted calls of [`write_folder`] left in `parent`: incomplete folders are removed, and
/// a folder that lost its name without a successor gets it back. Only for a parent into which nobody is
/// writing at the time. What cannot be removed stays; a parent that is not there needs nothing.
pub fn recover_folders(parent: impl AsRef<Path>) {
    let Ok(entries) = fs::read_dir(&parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if let Some(former) = name.strip_prefix(REPLACED) {
            let former = entry.path().with_file_name(former);
            if !former.exists() {
                let _ = fs::rename(entry.path(), former);
                continue;
            }
        } else if !name.starts_with(TEMPORARY) {
            continue;
        }
        let _ = fs::remove_dir_all(entry.path());
    }
}
