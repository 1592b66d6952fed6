//! The cache folder: which stores are in it, what do they take, and what can go?
//!
//! A cache folder holds finished stores (`NAME.h5`), the parts of interrupted builds (`NAME.parts`) and,
//! after a crash, unfinished files (`NAME.h5.tmp-…`). Stores of other settings or other recordings than
//! today's are never read, and never removed by themselves; [`purge`] does that.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Error, Hdf5Store, Result, build::staging, store::StoreHeader};

/// What an entry of a cache folder is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EntryKind {
    /// A store that can be read.
    Store(Box<StoreHeader>),
    /// A store that cannot be read: damaged, or of another version.
    Unreadable,
    /// Finished tracks of a build that was interrupted.
    Parts,
    /// A build that is at work now.
    Building,
    /// A file that was never finished.
    Unfinished,
}

/// One entry of a cache folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The file or folder.
    pub path: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    /// Its size, bytes.
    pub bytes: u64,
}

/// The stores and remains of builds in a cache folder, in order of their names. Other files are not
/// listed; a folder that does not exist is empty.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be read.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// assert!(mir_datasets::cache::entries(folder.path())?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn entries(folder: impl AsRef<Path>) -> Result<Vec<Entry>> {
    let folder = folder.as_ref();
    let failed = |source| Error::Io { action: "read", path: folder.to_owned(), source };
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut entries = Vec::new();
    for file in listing {
        let path = file.map_err(failed)?.path();
        let Some(kind) = kind_of(&path) else { continue };
        entries.push(Entry { bytes: size_of(&path), path, kind });
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// Removes the entries that `unwanted` picks, and gives them. A build at work is never touched.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be read or an entry cannot be removed; entries before it are gone.
///
/// ```
/// use mir_datasets::cache::{EntryKind, purge};
/// let folder = tempfile::tempdir()?;
/// // All but the stores.
/// let gone = purge(folder.path(), |entry| !matches!(entry.kind, EntryKind::Store(_)))?;
/// assert!(gone.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn purge(folder: impl AsRef<Path>, unwanted: impl Fn(&Entry) -> bool) -> Result<Vec<Entry>> {
    let mut gone = Vec::new();
    for entry in entries(folder)? {
        if entry.kind == EntryKind::Building || !unwanted(&entry) {
            continue;
        }
        let removed = if entry.path.is_dir() {
            fs::remove_dir_all(&entry.path)
        } else {
            fs::remove_file(&entry.path)
        };
        let path = &entry.path;
        removed.map_err(|source| Error::Io { action: "remove", path: path.clone(), source })?;
        gone.push(entry);
    }
    Ok(gone)
}

fn kind_of(path: &Path) -> Option<EntryKind> {
    let name = path.file_name()?.to_str()?;
    if let Some((store, _)) = name.split_once(".h5.tmp-") {
        let building = builders_of(path, store).any(|folder| !staging::is_idle(&folder));
        return Some(if building { EntryKind::Building } else { EntryKind::Unfinished });
    }
    match path.extension()?.to_str()? {
        "h5" => Some(match Hdf5Store::open(path) {
            Ok(store) => EntryKind::Store(Box::new(crate::FeatureStore::header(&store).clone())),
            Err(_) => EntryKind::Unreadable,
        }),
        staging::EXTENSION if path.is_dir() => {
            let idle = staging::is_idle(path);
            Some(if idle { EntryKind::Parts } else { EntryKind::Building })
        }
        _ => None,
    }
}

/// The folders in which a store of this name may be in work: theirs differs in the digits at the end.
fn builders_of(path: &Path, store: &str) -> impl Iterator<Item = PathBuf> {
    let prefix = store.rsplit_once('_').map_or(store, |(name, _)| name).to_owned();
    let folders = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    folders.into_iter().flatten().flatten().map(|file| file.path()).filter(move |path| {
        let parts = path.extension().is_some_and(|extension| extension == staging::EXTENSION);
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        parts && stem.and_then(|stem| stem.rsplit_once('_')).is_some_and(|(name, _)| name == prefix)
    })
}

/// Bytes of a file, or of all files in a folder of parts. What vanishes meanwhile counts nothing.
fn size_of(path: &Path) -> u64 {
    if path.is_dir() {
        let files = fs::read_dir(path).into_iter().flatten().flatten();
        return files.filter_map(|file| Some(file.metadata().ok()?.len())).sum();
    }
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}
