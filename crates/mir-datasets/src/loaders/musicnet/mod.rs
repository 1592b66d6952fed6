//! MusicNet: classical chamber music with note labels, and the better labels of MusicNet-EM.
//!
//! # Layout
//! ```text
//! ROOT/train_data/1727.wav   ROOT/train_labels/1727.csv      (test_data, test_labels)
//! ROOT/musicnet_metadata.csv                                 (here or above ROOT)
//! ROOT/musicnet_em/1727.mid
//! ```
//! or, with the feature `hdf5`, all in one file:
//! ```text
//! ROOT/musicnet.h5                 groups id_1727 …, in each the series `data` and the table `labels`
//! ```
//! `musicnet_16k` is the copy that the program JTM makes for its training ([`open_16k`]): the first layout below
//! `musicnet_lousy`, audio and times of labels at 16 kHz, a table for each part above it.
//!
//! ROOT may also be the folder that holds `musicnet/`. [`open`] lists what has audio or labels, and takes the
//! one file where there are no others; [`open_em`] lists what has a MIDI file of MusicNet-EM, whose notes
//! then come first. The third package is not read: `musicnet.npz` keeps audio and labels as pickled objects,
//! which are programs. In Python,
//! `for k, (x, t) in numpy.load("musicnet.npz", allow_pickle=True).items()` gives both, to be written in the
//! first layout.
//!
//! # Conventions
//! - Times of labels are samples at 44.1 kHz; instruments are General MIDI programs counted from 1;
//!   `end_beat` is a duration. [`mir_core::formats::parse_musicnet`] keeps all three as they are.
//! - About 4 % of the labels are wrong by the authors' estimate. In MusicNet-EM onsets lie on a grid of
//!   32 ms, and the first note of a file has no reliable time.
//! - Recordings are told apart by id; three pairs have equal lengths.
//!
//! # Splits
//! `official` (320 and 10), `paper` (327 and 3), `framewise-pitch` (279, 41 and 10).
//!
//! Source: J. Thickstun, Z. Harchaoui, S. Kakade, ICLR 2017; B. Maman, A. H. Bermano, ICML 2022.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use mir_core::{
    Note,
    formats::{MusicNetLabel, parse_musicnet, read_text},
};
use serde::Deserialize;

use super::{
    collection::{Collection, FileTrack, Info},
    common::{first_there, has_ending, list, stem},
    read,
};
use crate::{Erratum, Error, Kind, Result};

#[cfg(feature = "hdf5")]
mod packed;
mod resampled;

pub use resampled::{INFO_16K, open_16k, read_notes_16k};

/// What is known of it.
pub const INFO: Info = Info {
    name: "musicnet",
    title: "MusicNet",
    version: "1",
    license: "CC BY 4.0",
    citation: "J. Thickstun, Z. Harchaoui, S. M. Kakade: Learning features of music from scratch. \
               International Conference on Learning Representations, 2017.",
    holds: &[Kind::Notes],
    layout: "train_data/1727.wav beside train_labels/1727.csv (and test_data, test_labels), or musicnet.h5",
    home: "Zenodo 5120004, open; 11 GB",
    remotes: &[super::Remote {
        name: "midi",
        url: "https://zenodo.org/records/5120004/files/musicnet_midis.tar.gz",
        file: "musicnet_midis.tar.gz",
        checksum: super::Checksum::Sha256(
            "943cc47731ec5f397bd6fbab4dff78342472890cd484bd30ffb2e16047eef908",
        ),
        unpack: Some(""),
    }],
};

/// What is known of MusicNet-EM.
pub const INFO_EM: Info = Info {
    name: "musicnet_em",
    title: "MusicNet-EM",
    license: "CC BY-NC-SA 4.0: non-commercial use; the recordings CC BY 4.0",
    citation: "B. Maman, A. H. Bermano: Unaligned supervision for automatic music transcription in the \
               wild. ICML, 2022. J. Thickstun, Z. Harchaoui, S. M. Kakade: Learning features of music \
               from scratch. ICLR, 2017.",
    layout: "musicnet_em/1727.mid (or 1727.mid) beside train_data and test_data of MusicNet",
    home: "benadar293.github.io, open; the recordings are those of MusicNet",
    remotes: &[],
    ..INFO
};

const NAME: &str = "<number>.wav, <number>.csv, <number>.mid";

/// One row of the table of recordings. Tables may lack any column but the first.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct MusicNetRow {
    /// Number of the recording, its name here.
    pub id: String,
    /// Composer.
    #[serde(default)]
    pub composer: String,
    /// Composition.
    #[serde(default)]
    pub composition: String,
    /// Movement.
    #[serde(default)]
    pub movement: String,
    /// Ensemble, `Solo Piano` say.
    #[serde(default)]
    pub ensemble: String,
    /// Where the recording comes from.
    #[serde(default)]
    pub source: String,
    /// Who wrote the score that was aligned.
    #[serde(default)]
    pub transcriber: String,
    /// Number in a catalogue of works.
    #[serde(default)]
    pub catalog_name: String,
    /// Length in whole seconds; 0 where it is not known.
    #[serde(default)]
    pub seconds: f64,
}

/// Reads `musicnet_metadata.csv`.
///
/// # Errors
/// [`Error::Table`] with the line for a field that cannot be used.
pub fn read_table(path: impl AsRef<Path>) -> Result<Vec<MusicNetRow>> {
    Ok(read::table(path.as_ref())?.into_iter().map(|(_, row)| row).collect())
}

/// Reads a label file as it is, with instruments and places in the score.
///
/// # Errors
/// [`Error::Core`] with line and column.
pub fn read_labels(path: impl AsRef<Path>) -> Result<Vec<MusicNetLabel>> {
    let path = path.as_ref();
    Ok(parse_musicnet(&read_text(path)?, path)?)
}

fn read_notes(path: &Path) -> Result<Vec<Note>> {
    let mut notes: Vec<Note> = read_labels(path)?.iter().map(MusicNetLabel::note).collect();
    Note::sort(&mut notes);
    Ok(notes)
}

/// Lists its recordings; reads its table and nothing else.
///
/// # Errors
/// [`Error::NoRecordings`] for another layout, [`Error::Malformed`] where there is nothing but
/// `musicnet.npz`, errors of the table.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = inner(root.as_ref());
    list(&root)?;
    let mut ids = BTreeSet::new();
    for part in ["train", "test"] {
        ids.extend(numbers(&root.join(format!("{part}_data")), "wav")?);
        ids.extend(numbers(&root.join(format!("{part}_labels")), "csv")?);
    }
    if ids.is_empty() {
        return open_package(&root);
    }
    let table = table(&root)?;
    let tracks = ids.iter().map(|id| {
        let track = track(&INFO, &root, id, &table)?;
        let notes = part_file(&root, "labels", id, "csv");
        Ok(track.label(Kind::Notes, "", notes, read_notes))
    });
    Collection::new(&INFO, &root, tracks.collect::<Result<Vec<_>>>()?)
}

/// The recordings of a folder that has neither `train_data` nor `test_data`.
fn open_package(root: &Path) -> Result<Collection> {
    let packed = root.join("musicnet.h5");
    if packed.is_file() {
        return open_packed(root, &packed);
    }
    let pickled = root.join("musicnet.npz");
    if pickled.is_file() {
        return Err(Error::Malformed {
            path: pickled,
            format: "NumPy",
            source: "its labels are pickled Python objects, which are programs; write audio and labels as \
                     WAV and CSV with Python, as the documentation of this loader shows"
                .into(),
        });
    }
    Collection::new(&INFO, root, [])
}

#[cfg(feature = "hdf5")]
fn open_packed(root: &Path, file: &Path) -> Result<Collection> {
    use super::sound::Sound;

    let table = table(root)?;
    let tracks = packed::numbers(file)?.into_iter().map(|id| {
        let sound = Sound::Packed(std::sync::Arc::new(packed::Recording::new(file, &id)));
        let track = FileTrack::new(&INFO, &id, sound)?;
        let track = match table.get(&id) {
            Some(row) => described(track, row),
            None => track,
        };
        let read = move |path: &Path| packed::read_notes(path, &id);
        Ok(track.label(Kind::Notes, "", file.to_owned(), read))
    });
    Collection::new(&INFO, root, tracks.collect::<Result<Vec<_>>>()?)
}

#[cfg(not(feature = "hdf5"))]
fn open_packed(_: &Path, file: &Path) -> Result<Collection> {
    Err(Error::Malformed {
        path: file.to_owned(),
        format: "MusicNet",
        source: "this program was built without the feature `hdf5`; build it with, or take the WAV and CSV \
                 files"
            .into(),
    })
}

/// Lists the recordings that MusicNet-EM labels.
///
/// # Errors
/// As [`open`].
pub fn open_em(root: impl AsRef<Path>) -> Result<Collection> {
    let root = inner(root.as_ref());
    list(&root)?;
    let folder = root.join("musicnet_em");
    let folder = if folder.is_dir() { folder } else { root.clone() };
    let table = table(&root)?;
    let mut tracks = Vec::new();
    for id in numbers(&folder, "mid")? {
        let midi = folder.join(format!("{id}.mid"));
        let track = track(&INFO_EM, &root, &id, &table)?.label(Kind::Notes, "em", midi, read::midi);
        let labels = part_file(&root, "labels", &id, "csv");
        tracks.push(track.label_if_there(Kind::Notes, "original", labels, read_notes));
    }
    let errata: Vec<Erratum> = numbers(&folder, "mid")?
        .into_iter()
        .map(|track| Erratum {
            track,
            what: "the time of the first note is not reliable",
            source: "comparison with the original labels",
        })
        .collect();
    let partitions = crate::splits::published(INFO.name);
    let mut em = Collection::new(&INFO_EM, &root, tracks)?.with_errata(errata);
    for partition in partitions.into_iter().rev() {
        em = em.with_partition(partition);
    }
    Ok(em)
}

/// The folder itself, or `musicnet` in it.
fn inner(root: &Path) -> PathBuf {
    let below = root.join("musicnet");
    if below.join("train_data").is_dir() || below.join("train_labels").is_dir() {
        return below;
    }
    root.to_owned()
}

/// The table by id; empty where there is none.
fn table(root: &Path) -> Result<BTreeMap<String, MusicNetRow>> {
    let name = "musicnet_metadata.csv";
    let path = first_there(vec![root.join(name), root.parent().unwrap_or(root).join(name)]);
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    Ok(read_table(path)?.into_iter().map(|row| (row.id.clone(), row)).collect())
}

/// Stems of the files of a folder that end in `.ending`; none where there is no folder.
fn numbers(folder: &Path, ending: &str) -> Result<BTreeSet<String>> {
    if !folder.is_dir() {
        return Ok(BTreeSet::new());
    }
    let files = list(folder)?;
    files.iter().filter(|path| has_ending(path, ending)).map(|path| stem(path, NAME)).collect()
}

/// A file of a recording in the folder of either part.
fn part_file(root: &Path, what: &str, id: &str, ending: &str) -> PathBuf {
    let file = |part: &str| root.join(format!("{part}_{what}")).join(format!("{id}.{ending}"));
    first_there(vec![file("train"), file("test")])
}

fn track(
    info: &Info,
    root: &Path,
    id: &str,
    table: &BTreeMap<String, MusicNetRow>,
) -> Result<FileTrack> {
    let track = FileTrack::new(info, id, part_file(root, "data", id, "wav"))?;
    Ok(match table.get(id) {
        Some(row) => described(track, row),
        None => track,
    })
}

/// What the table says of a recording. A piece is a movement, so that no two recordings of it are on two
/// sides; the artist is the composer, the only person whom the table names.
fn described(mut track: FileTrack, row: &MusicNetRow) -> FileTrack {
    if !row.composition.is_empty() {
        track = track.piece(format!("{}: {}, {}", row.composer, row.composition, row.movement));
    }
    track
        .artist(&row.composer)
        .instrument(&row.ensemble)
        .meta("composition", &row.composition)
        .meta("movement", &row.movement)
        .meta("source", &row.source)
        .meta("transcriber", &row.transcriber)
        .meta("catalog_name", &row.catalog_name)
        .duration(Some(row.seconds).filter(|seconds| *seconds > 0.0))
}
