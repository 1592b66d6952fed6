//! Many files at once: in parallel, each with its own result.

use std::path::{Path, PathBuf};

use mir_core::AudioBuffer;
use rayon::prelude::*;

use crate::{Error, LoadOptions, Result, find, load};

/// Calls `work` for every file on all cores, and gives its results in the order of the files.
///
/// Each file is read with `options` when a core is free for it; only the audio that is being worked on is
/// in memory. A file that cannot be read reaches `work` as its error, so one bad file stops nothing.
///
/// ```
/// use mir_audio::{LoadOptions, map_files};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("tone.wav");
/// # let silence = mir_audio::AudioBuffer::silence(mir_audio::SampleRate::HZ_44100, 2, 10)?;
/// # mir_audio::write_wav(&path, &silence, mir_audio::WavFormat::Int16)?;
/// let paths = [path, folder.path().join("missing.wav")];
/// let peaks = map_files(&paths, &LoadOptions::default(), |path, audio| match audio {
///     Ok(audio) => Some(audio.peak()),
///     Err(error) => {
///         eprintln!("{}: {error}", path.display());
///         None
///     }
/// });
/// assert_eq!(peaks, [Some(0.0), None]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn map_files<P, T>(
    paths: &[P],
    options: &LoadOptions,
    work: impl Fn(&Path, Result<AudioBuffer>) -> T + Sync,
) -> Vec<T>
where
    P: AsRef<Path> + Sync,
    T: Send,
{
    paths
        .par_iter()
        // Files differ in length: whoever is done takes the next one.
        .with_max_len(1)
        .map(|path| work(path.as_ref(), load(path, options)))
        .collect()
}

/// The recordings of a folder and its sub-folders, sorted by path, each with its audio or its error.
///
/// All of them are in memory at the end: for more than that, see [`map_files`].
///
/// ```no_run
/// for (path, audio) in mir_audio::load_folder("recordings", &Default::default())? {
///     println!("{}: {:.1} s", path.display(), audio?.duration());
/// }
/// # Ok::<(), mir_audio::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] if a folder cannot be listed.
pub fn load_folder(
    folder: impl AsRef<Path>,
    options: &LoadOptions,
) -> Result<Vec<(PathBuf, Result<AudioBuffer, Error>)>> {
    let paths = find(folder)?;
    let audio = map_files(&paths, options, |_, audio| audio);
    Ok(paths.into_iter().zip(audio).collect())
}
