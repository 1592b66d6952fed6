//! WJazzD, the Weimar Jazz Database: transcribed solos.
//!
//! # Layout
//! Any of these; a solo is listed if it has notes, pitch or audio.
//! ```text
//! ROOT/wjazzd.db                               the database (feature `sqlite`)
//! ROOT/score_csv/ID_FINAL_solo.csv             MIDI, onset, duration; or ROOT/ID_FINAL_solo.csv
//! ROOT/df_solos.csv                            tempo, instrument, performer, year, title, tuning
//! ROOT/audio_f0/ID_Solo.wav, f0/ID_FINAL_f0.csv
//! ```
//! The audio is not distributed.
//!
//! # Conventions
//! - A track is named as its transcription, `BennyGoodman_Runnin'Wild`, without `_FINAL`.
//! - Onsets are seconds from the beginning of the solo. With the database, `beats`, `segments phrases`,
//!   `segments form` and `chords` come too, and `solo_start` in the metadata says where the solo is in its
//!   recording.
//! - The artist is the performer; the published split divides by performer.
//!
//! Source: M. Pfleiderer, K. Frieler, J. Abeßer, W.-G. Zaddach, B. Burkhart, Inside the jazzomat, 2017; the
//! layout of audio and pitch is that of kukas/music-transcription.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use mir_core::formats::NoteColumn::{Duration, Midi, Onset};
use serde::Deserialize;

use super::{
    collection::{Collection, FileTrack, Info},
    common::list,
    read,
};
use crate::{Kind, Result};

/// What is known of it.
pub const INFO: Info = Info {
    name: "wjazzd",
    title: "Weimar Jazz Database",
    version: "2",
    license: "ODbL; audio is not distributed",
    citation: "M. Pfleiderer, K. Frieler, J. Abeßer, W.-G. Zaddach, B. Burkhart (eds.): Inside the jazzomat: \
               New perspectives for jazz research. Schott, 2017.",
    holds: &[Kind::Notes, Kind::F0, Kind::Beats, Kind::Chords, Kind::Segments],
    layout: "wjazzd.db, or score_csv/ID_FINAL_solo.csv with df_solos.csv, or audio_f0/ID_Solo.wav with \
             f0/ID_FINAL_f0.csv",
    home: "jazzomat.hfm-weimar.de, open",
    remotes: &[],
};

#[derive(Deserialize)]
struct Row {
    base_name: String,
    avgtempo: String,
    instrument: String,
    performer: String,
    recording_year: String,
    title: String,
    tuning_frequency: String,
}

/// Lists its solos; reads the table or the database's list of solos.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout, errors of the table.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    let notes = files(&[root.join("score_csv"), root.to_owned()], "_FINAL_solo.csv")?;
    let pitch = files(&[root.join("f0")], "_FINAL_f0.csv")?;
    let audio = files(&[root.join("audio_f0"), root.join("audio")], "_Solo.wav")?;
    let about = table(&root.join("df_solos.csv"))?;
    #[cfg(feature = "sqlite")]
    let solos = super::wjazzd_db::solos(&root.join("wjazzd.db"))?;
    #[cfg(not(feature = "sqlite"))]
    let solos: BTreeMap<String, ()> = BTreeMap::new();

    let ids: BTreeSet<&String> =
        notes.keys().chain(pitch.keys()).chain(audio.keys()).chain(solos.keys()).collect();
    let mut tracks = Vec::new();
    for id in ids {
        let nowhere = root.join("audio_f0").join(format!("{id}_Solo.wav"));
        let mut track = FileTrack::new(&INFO, id, audio.get(id).cloned().unwrap_or(nowhere))?;
        if let Some(row) = about.get(id) {
            track = track
                .piece(&row.title)
                .artist(&row.performer)
                .instrument(&row.instrument)
                .meta("tempo", &row.avgtempo)
                .meta("year", &row.recording_year)
                .meta("tuning", &row.tuning_frequency);
        }
        if let Some(path) = notes.get(id) {
            let read = read::notes(&[Midi, Onset, Duration]);
            track = track.label(Kind::Notes, "", path.clone(), read);
        }
        if let Some(path) = pitch.get(id) {
            track = track.label(Kind::F0, "", path.clone(), read::f0);
        }
        #[cfg(feature = "sqlite")]
        if let Some(solo) = solos.get(id) {
            track = super::wjazzd_db::annotate(track, solo, &root.join("wjazzd.db"));
        }
        tracks.push(track);
    }
    Collection::new(&INFO, root, tracks)
}

/// Files that end so, by what stands before; the first folder that has one counts.
fn files(folders: &[PathBuf], ending: &str) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        for path in list(folder)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(id) = name.strip_suffix(ending) {
                found.entry(id.to_owned()).or_insert(path);
            }
        }
    }
    Ok(found)
}

fn table(path: &Path) -> Result<BTreeMap<String, Row>> {
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(u64, Row)> = read::table(path)?;
    let id = |row: &Row| row.base_name.trim_end_matches("_FINAL").to_owned();
    Ok(rows.into_iter().map(|(_, row)| (id(&row), row)).collect())
}
