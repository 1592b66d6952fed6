//! MIREX05: the thirteen excerpts that were handed out for the melody extraction contest of 2005.
//!
//! # Layout
//! ```text
//! ROOT/train01.wav, train01REF.txt         (or below mirex05TrainFiles/)
//! ```
//! The reference has time and Hz every 10 ms, 0 without melody. For testing alone.
//!
//! Source: G. Poliner, D. Ellis et al., Melody transcription from music audio, IEEE TASLP 15(4), 2007.

use std::path::Path;

use super::{
    collection::{Collection, FileTrack, Info},
    common::{first_there, list},
    read,
};
use crate::{Kind, Result, Split};

/// What is known of it.
pub const INFO: Info = Info {
    name: "mirex05",
    title: "MIREX05",
    version: "1",
    license: "not stated",
    citation: "G. E. Poliner, D. P. W. Ellis, A. F. Ehmann, E. Gómez, S. Streich, B. Ong: Melody \
               transcription from music audio: Approaches and evaluation. IEEE Transactions on Audio, \
               Speech and Language Processing 15(4), 2007.",
    holds: &[Kind::F0],
    layout: "train01.wav and train01REF.txt, here or below mirex05TrainFiles/",
    home: "labrosa.ee.columbia.edu/projects/melody, open",
    remotes: &[],
};

/// Lists its excerpts; reads none of them.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    excerpts(&INFO, root.as_ref(), "mirex05TrainFiles", |_| String::new())
}

/// The excerpts of a contest: a reference `NAMEREF.txt` each.
pub(super) fn excerpts(
    info: &'static Info,
    root: &Path,
    inner: &str,
    genre: impl Fn(&str) -> String,
) -> Result<Collection> {
    let below = root.join(inner);
    let folder = if below.is_dir() { below.as_path() } else { root };
    let mut tracks = Vec::new();
    for path in list(folder)? {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix("REF.txt").filter(|name| !name.is_empty()) else {
            continue;
        };
        let sounds = ["wav", "WAV"].map(|ending| folder.join(format!("{name}.{ending}")));
        let track = FileTrack::new(info, name, first_there(sounds.into()))?;
        tracks.push(track.meta("genre", genre(name)).label(Kind::F0, "", path, read::f0));
    }
    Ok(Collection::new(info, root, tracks)?.all_for(Split::Test))
}
