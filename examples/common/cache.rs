//! Where the programs keep what they can make again.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The folder of this library in the user's cache: `$XDG_CACHE_HOME/mir`, or `~/.cache/mir`.
pub fn user_folder() -> PathBuf {
    env::var_os("XDG_CACHE_HOME")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(env::temp_dir)
        .join("mir")
}

/// Where computed features are kept, unless a flag names another folder.
pub fn feature_folder(flag: Option<&Path>) -> PathBuf {
    flag.map_or_else(|| user_folder().join("features"), Path::to_owned)
}
