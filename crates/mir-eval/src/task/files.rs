//! Folders of annotations: which estimate belongs to which reference?

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use mir_core::Error as CoreError;

use crate::{Error, Result};

/// Reference and estimate of one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePair {
    /// The name that they share, without folder and extension.
    pub name: String,
    /// The reference.
    pub reference: PathBuf,
    /// The estimate.
    pub estimate: PathBuf,
}

/// The pieces of two folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePairs {
    /// Pieces with both, in the order of their names.
    pub pairs: Vec<FilePair>,
    /// References without estimate.
    pub unmatched_references: Vec<PathBuf>,
    /// Estimates without reference.
    pub unmatched_estimates: Vec<PathBuf>,
}

/// Pairs the entries of two folders, files or folders, by their names without extension: the part of
/// the name before its last dot. Names that start with a dot are left out.
///
/// # Errors
/// [`mir_core::Error::Io`] if a folder cannot be read, [`Error::AmbiguousName`] for two entries that differ
/// only in their extension.
pub fn pair_files(references: &Path, estimates: &Path) -> Result<FilePairs> {
    let mut estimates = by_name(estimates)?;
    let mut found = FilePairs::default();
    for (name, reference) in by_name(references)? {
        match estimates.remove(&name) {
            Some(estimate) => found.pairs.push(FilePair { name, reference, estimate }),
            None => found.unmatched_references.push(reference),
        }
    }
    found.unmatched_estimates = estimates.into_values().collect();
    Ok(found)
}

/// The entries of a folder by name without extension.
fn by_name(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let error = |source| CoreError::Io { action: "read", path: folder.to_owned(), source };
    let mut paths = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>())
        .map_err(error)?;
    paths.sort();
    let mut named = BTreeMap::new();
    for path in paths {
        let stem = if path.is_dir() { path.file_name() } else { path.file_stem() };
        let name = stem.unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if let Some(first) = named.insert(name, path.clone()) {
            return Err(Error::AmbiguousName { first, second: path });
        }
    }
    Ok(named)
}
