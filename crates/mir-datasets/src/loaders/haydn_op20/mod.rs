//! Haydn, string quartets op. 20: harmonic analyses of 24 movements.
//!
//! # Layout
//! ```text
//! ROOT/op20n1-01.hrm               or below folders of their own; a score in Humdrum with a spine `**harm`
//! ROOT/op20n1-01.midi              (or .mid) beside it, where you have made one of the score
//! ```
//!
//! # Conventions
//! - The analysis has places in the score and no times. [`read_harmony`] gives places in quarters;
//!   annotations are in seconds at 120 quarters a minute, the tempo that programs write into a MIDI file of
//!   such a score.
//! - `chords` are Roman numerals as they are written (`V7c/V`), each until the next; `keys` are
//!   `tonic:mode`.
//! - A piece is a quartet, so that its movements stay together.
//!
//! Source: N. Nápoles López, master's thesis, Universitat Pompeu Fabra, 2017; format: D. Huron, The Humdrum
//! Toolkit, 1995, with the representations `**kern` and `**harm`.

mod humdrum;

use std::path::{Path, PathBuf};

use mir_core::{Interval, Labeled};

pub use humdrum::{Harmony, read_harmony};

use super::{
    Checksum, Remote,
    collection::{Collection, FileTrack, Info},
    common::{first_there, has_ending, list, stem},
    read,
    sound::Sound,
};
use crate::{Kind, Result};

/// What is known of it.
pub const INFO: Info = Info {
    name: "haydn_op20",
    title: "Haydn Op. 20",
    version: "1.3",
    license: "CC BY-NC-SA 4.0: non-commercial use",
    citation: "N. Nápoles López: Joseph Haydn - String Quartets Op.20 - Harmonic Analysis Annotations \
               Dataset. Zenodo, 2017. doi:10.5281/zenodo.1095630",
    holds: &[Kind::Keys, Kind::Chords, Kind::Notes],
    layout: "op20n1-01.hrm, and op20n1-01.midi where there is one",
    home: "github.com/napulen/haydn_op20_harm, open",
    remotes: &[Remote {
        name: "all",
        url: "https://github.com/napulen/haydn_op20_harm/releases/download/v1.3/haydnop20v1.3_annotated.zip",
        file: "haydnop20v1.3_annotated.zip",
        checksum: Checksum::Md5("1c65c8da312e1c9dda681d0496bf527f"),
        unpack: Some(""),
    }],
};

/// What files are named.
const NAME: &str = "op20n<quartet>-<movement>.hrm";

/// Quarters in a second: 120 a minute.
const TEMPO: f64 = 2.0;

/// Lists its movements; reads none of them.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    let mut files: Vec<PathBuf> = Vec::new();
    for path in list(root)? {
        if path.is_dir() { files.extend(list(&path)?) } else { files.push(path) }
    }
    let mut tracks = Vec::new();
    for path in files.into_iter().filter(|path| has_ending(path, "hrm") && path.is_file()) {
        let id = stem(&path, NAME)?;
        let midi = first_there(["midi", "mid"].map(|ending| path.with_extension(ending)).into());
        let quartet = id.split('-').next().unwrap_or(&id).to_owned();
        tracks.push(
            FileTrack::new(&INFO, &id, Sound::Nowhere(path.with_extension("wav")))?
                .piece(quartet)
                .artist("Joseph Haydn")
                .instrument("string quartet")
                .label(Kind::Chords, "", path.clone(), |path: &Path| {
                    let harmony = read_harmony(path)?;
                    intervals(&harmony.numerals, harmony.quarters)
                })
                .label(Kind::Keys, "", path, |path: &Path| {
                    let harmony = read_harmony(path)?;
                    intervals(&harmony.keys, harmony.quarters)
                })
                .label_if_there(Kind::Notes, "", midi, read::midi),
        );
    }
    Collection::new(&INFO, root, tracks)
}

/// Each label until the next, the last to the end; in seconds.
fn intervals(starts: &[(f64, String)], end: f64) -> Result<Vec<Labeled<String>>> {
    let ends = starts.iter().skip(1).map(|(quarter, _)| *quarter).chain([end]);
    let labels = starts.iter().zip(ends).map(|((start, label), end)| {
        let interval = Interval::new(start / TEMPO, end.max(*start) / TEMPO)?;
        Ok(Labeled { interval, label: label.clone() })
    });
    labels.collect()
}
