//! Which files of a folder are recordings?

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// Endings of the files that this crate can read, in lower case.
const EXTENSIONS: [&str; 17] = [
    "wav", "wave", "flac", "ogg", "oga", "mp3", "mp2", "m4a", "mp4", "aac", "alac", "aif", "aiff",
    "aifc", "caf", "mkv", "webm",
];

/// The files of a folder and its sub-folders whose names end like recordings, sorted by path.
///
/// Names that begin with a dot and symbolic links to folders are passed over.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// for name in ["b.flac", "a.WAV", "notes.txt", ".hidden.wav"] {
///     std::fs::write(folder.path().join(name), "")?;
/// }
/// let found = mir_audio::find(folder.path())?;
/// let names: Vec<_> = found.iter().filter_map(|path| path.file_name()).collect();
/// assert_eq!(names, ["a.WAV", "b.flac"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`] if a folder cannot be read.
pub fn find(folder: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.as_ref().to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |source| Error::Io { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let path = entry.path();
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(path);
            } else if is_recording(&path) && path.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_recording(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    EXTENSIONS.contains(&extension.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_are_found_at_any_depth_in_order() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        for name in ["z.WAV", "b/c/a.flac", "b/notes.txt", ".hidden.wav", "b/x.mp3"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found = find(folder.path()).unwrap();
        let names: Vec<_> = found.iter().map(|p| p.strip_prefix(folder.path()).unwrap()).collect();
        assert_eq!(names, ["b/c/a.flac", "b/x.mp3", "z.WAV"].map(Path::new));
        assert!(matches!(find(folder.path().join("none")), Err(Error::Io { .. })));
    }
}
