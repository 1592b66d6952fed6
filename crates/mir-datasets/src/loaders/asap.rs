//! ASAP: performances of piano scores with beats, downbeats, time and key signatures.
//!
//! # Layout
//! ```text
//! ROOT/metadata.csv                                           1,067 performances
//! ROOT/Bach/Fugue/bwv_846/Shi05M.mid, Shi05M_annotations.txt
//! ROOT/Bach/Fugue/bwv_846/Shi05M.wav                          where it was made from MAESTRO
//! ```
//! Performances whose MIDI file is not there are left out, so a part of the data set is one too.
//!
//! # Conventions
//! - A track is a performance, named by its path with `_` for `/`; its piece is the folder of the score.
//! - `notes` are extended by the pedal. `beats` count from each downbeat; before the first, and at beats of
//!   a rubato that has none, the position is 0. [`read_annotations`] keeps labels and signatures.
//! - Files of MAESTRO 2 that hold the same performance are in the metadata, `maestro_midi` and
//!   `maestro_audio`, with the seconds `start` and `end` where it is a part of them.
//!
//! Source: F. Foscarin, A. McLeod, P. Rigaux, F. Jacquemard, M. Sakai, ISMIR 2020.

use std::path::Path;

use mir_core::{
    Beat, Beats,
    formats::{Delimiter, read_text, text_rows},
};
use serde::Deserialize;

use super::{
    collection::{Collection, FileTrack, Info},
    common::{is_below, list},
    read,
    sound::Sound,
};
use crate::{Erratum, Error, Kind, Result};

/// What is known of it.
pub const INFO: Info = Info {
    name: "asap",
    title: "ASAP",
    version: "1",
    license: "CC BY-NC-SA 4.0: non-commercial use",
    citation: "F. Foscarin, A. McLeod, P. Rigaux, F. Jacquemard, M. Sakai: ASAP: A dataset of aligned \
               scores and performances for piano transcription. ISMIR, 2020.",
    holds: &[Kind::Notes, Kind::Beats],
    layout: "metadata.csv beside the folders of the composers",
    home: "github.com/fosfrancesco/asap-dataset, open; audio from MAESTRO 2",
    remotes: &[],
};

/// Performances whose annotations begin at a wrong place.
const WRONG_START: [(&str, &str); 4] = [
    ("bwv_874", "BianF01"),
    ("bwv_883", "Herbert02"),
    ("bwv_883", "Khmara04"),
    ("bwv_885", "SINKEV06"),
];

#[derive(Deserialize)]
struct Row {
    composer: String,
    title: String,
    folder: String,
    midi_performance: String,
    performance_annotations: String,
    maestro_midi_performance: String,
    maestro_audio_performance: String,
    start: String,
    end: String,
    audio_performance: String,
}

/// Lists the performances that are here; reads the table and nothing else.
///
/// # Errors
/// [`Error::NoRecordings`] for another layout, [`Error::Table`] for a row that cannot be used.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    let table = root.join("metadata.csv");
    let rows: Vec<(u64, Row)> = if table.is_file() { read::table(&table)? } else { Vec::new() };
    let (mut tracks, mut errata) = (Vec::new(), Vec::new());
    for (line, row) in rows {
        for path in [&row.midi_performance, &row.performance_annotations, &row.audio_performance] {
            if !path.is_empty() && !is_below(path) {
                return Err(Error::Table {
                    path: table,
                    line,
                    reason: format!("'{path}' is no path below the folder of the table"),
                });
            }
        }
        let midi = root.join(&row.midi_performance);
        if !midi.is_file() {
            continue;
        }
        let stem = row.midi_performance.trim_end_matches(".mid");
        let id = stem.replace('/', "_");
        if WRONG_START.iter().any(|(work, name)| row.folder.ends_with(work) && stem.ends_with(name))
        {
            errata.push(Erratum {
                track: id.clone(),
                what: "annotations begin at a wrong place",
                source: "fosfrancesco/asap-dataset",
            });
        }
        let sound = match row.audio_performance.as_str() {
            "" => Sound::Nowhere(midi.with_extension("wav")),
            path => Sound::File(root.join(path)),
        };
        let track = FileTrack::new(&INFO, &id, sound)?
            .piece(row.folder)
            .artist(row.composer)
            .instrument("piano")
            .meta("title", row.title)
            .meta("maestro_midi", row.maestro_midi_performance.trim_start_matches("{maestro}/"))
            .meta("maestro_audio", row.maestro_audio_performance.trim_start_matches("{maestro}/"))
            .meta("start", row.start)
            .meta("end", row.end)
            .label(Kind::Notes, "", midi, read::midi)
            .label(Kind::Beats, "", root.join(&row.performance_annotations), |path: &Path| {
                beats(&read_annotations(path)?)
            });
        tracks.push(track);
    }
    Ok(Collection::new(&INFO, root, tracks)?.with_errata(errata))
}

/// What an annotated time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsapBeat {
    /// A beat.
    Beat,
    /// A downbeat.
    Downbeat,
    /// A beat of a passage so free that it could only be guessed.
    Rubato,
}

/// A row of an annotation file.
#[derive(Clone, Debug, PartialEq)]
pub struct AsapRow {
    /// Seconds.
    pub time: f64,
    /// What happens then.
    pub beat: AsapBeat,
    /// A time signature that begins here, as it is written: `4/4`.
    pub time_signature: Option<String>,
    /// A key signature that begins here: sharps, or flats if negative.
    pub key_signature: Option<i8>,
}

/// Reads an annotation file: time twice, then `b`, `db` or `bR`, a time signature and a number of sharps.
///
/// # Errors
/// [`Error::Core`] with line and column.
pub fn read_annotations(path: impl AsRef<Path>) -> Result<Vec<AsapRow>> {
    let path = path.as_ref();
    let text = read_text(path)?;
    text_rows(&text, Delimiter::Tab, path)
        .map(|row| {
            let mut label = row.text(2).split(',').map(str::trim);
            let beat = match label.next() {
                Some("b") => AsapBeat::Beat,
                Some("db") => AsapBeat::Downbeat,
                Some("bR") => AsapBeat::Rubato,
                _ => return Err(row.error(2, "label", "b, db or bR").into()),
            };
            let time_signature = label.next().filter(|text| !text.is_empty()).map(str::to_owned);
            let key_signature = match label.next().filter(|text| !text.is_empty()) {
                None => None,
                Some(text) => match text.parse() {
                    Ok(sharps) if (-12..=12).contains(&sharps) => Some(sharps),
                    _ => return Err(row.error(2, "key signature", "-12 to 12 sharps").into()),
                },
            };
            Ok(AsapRow { time: row.time(0, "time")?, beat, time_signature, key_signature })
        })
        .collect()
}

fn beats(rows: &[AsapRow]) -> Result<Beats> {
    let mut position = 0;
    let beats = rows.iter().map(|row| {
        position = match row.beat {
            AsapBeat::Downbeat => 1,
            _ if position == 0 => 0,
            _ => position + 1,
        };
        Beat { time: row.time, position: Some(position) }
    });
    Ok(Beats::new(beats.collect())?)
}
