//! vocadito: forty solo voices, with pitch, and notes by two annotators.
//!
//! # Layout
//! ```text
//! ROOT/Audio/vocadito_1.wav
//! ROOT/Annotations/F0/vocadito_1_f0.csv            time, Hz
//! ROOT/Annotations/Notes/vocadito_1_notesA1.csv    onset, Hz, duration; A2: the second annotator
//! ROOT/Annotations/Lyrics/vocadito_1_lyrics.txt    lines without times: read_lyrics
//! ROOT/vocadito_metadata.csv                       singer, average pitch, language
//! ```
//!
//! Source: R. M. Bittner et al., vocadito, ISMIR 2021 late-breaking; Zenodo 5578807.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use mir_core::formats::{
    NoteColumn::{Duration, Hertz, Onset},
    read_text,
};
use serde::Deserialize;

use super::{
    collection::{Collection, FileTrack, Info},
    common::{has_ending, list, stem},
    read,
};
use crate::{Kind, Result};

/// What is known of it.
pub const INFO: Info = Info {
    name: "vocadito",
    title: "vocadito",
    version: "1.0",
    license: "CC BY 4.0",
    citation: "R. M. Bittner, K. Pasalo, J. J. Bosch, G. Meseguer-Brocal, D. Rubinstein: vocadito: A \
               dataset of solo vocals with f0, note, and lyric annotations. ISMIR late-breaking demo, \
               2021.",
    holds: &[Kind::Notes, Kind::F0],
    layout: "Audio/vocadito_1.wav beside Annotations/F0, Annotations/Notes and vocadito_metadata.csv",
    home: "Zenodo 5578807, open",
    remotes: &[],
};

#[derive(Deserialize)]
struct Row {
    track_id: String,
    singer_id: String,
    average_pitch: String,
    language: String,
}

/// Lists its recordings; reads its table and nothing else.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout, errors of the table.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    let table = root.join("vocadito_metadata.csv");
    let rows: Vec<(u64, Row)> = if table.is_file() { read::table(&table)? } else { Vec::new() };
    let rows: BTreeMap<String, Row> =
        rows.into_iter().map(|(_, row)| (format!("vocadito_{}", row.track_id), row)).collect();
    let audio = root.join("Audio");
    let files: Vec<PathBuf> = if audio.is_dir() { list(&audio)? } else { Vec::new() };
    let mut tracks = Vec::new();
    for path in files.into_iter().filter(|path| has_ending(path, "wav")) {
        let id = stem(&path, "vocadito_<number>.wav")?;
        let annotation = |folder: &str, ending: &str| {
            root.join("Annotations").join(folder).join(format!("{id}_{ending}"))
        };
        let mut track = FileTrack::new(&INFO, &id, path)?.instrument("voice").label(
            Kind::F0,
            "",
            annotation("F0", "f0.csv"),
            read::f0,
        );
        for annotator in ["A1", "A2"] {
            let path = annotation("Notes", &format!("notes{annotator}.csv"));
            let read = read::notes(&[Onset, Hertz, Duration]);
            track = track.label(Kind::Notes, &annotator.to_lowercase(), path, read);
        }
        if let Some(row) = rows.get(&id) {
            track = track
                .artist(&row.singer_id)
                .meta("average_pitch", &row.average_pitch)
                .meta("language", &row.language);
        }
        tracks.push(track);
    }
    Collection::new(&INFO, root, tracks)
}

/// The lines of a file of lyrics; an empty line ends a verse.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) for a file that cannot be read.
pub fn read_lyrics(path: impl AsRef<Path>) -> Result<Vec<String>> {
    Ok(read_text(path)?.lines().map(|line| line.trim().to_owned()).collect())
}
