//! SALAMI: the form of 1,400 recordings, by up to two annotators on three levels.
//!
//! # Layout
//! ```text
//! ROOT/annotations/2/parsed/textfile1_functions.txt      and uppercase, lowercase; textfile2: the second
//! ROOT/metadata/metadata.csv                             (or both below salami-data-public…/)
//! ROOT/audio/2.mp3                                       your own copies
//! ```
//!
//! # Conventions
//! `segments 1 functions`, `segments 2 lowercase` …; a recording has what its folder has. Rows are a time and
//! a label, the last row `End` is the end of the last section. Of two rows at one time the later stays. An
//! empty file is an annotation without sections.
//!
//! Source: J. B. L. Smith, J. A. Burgoyne, I. Fujinaga, D. De Roure, J. S. Downie, ISMIR 2011.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use mir_core::{
    Interval, Labeled,
    formats::{Delimiter, read_text, text_rows},
};
use serde::Deserialize;

use super::{
    collection::{Collection, FileTrack, Info},
    common::{first_there, list},
    read,
};
use crate::{Kind, Result};

/// What is known of it.
pub const INFO: Info = Info {
    name: "salami",
    title: "SALAMI",
    version: "2.0-corrected",
    license: "annotations CC0; audio is not distributed",
    citation: "J. B. L. Smith, J. A. Burgoyne, I. Fujinaga, D. De Roure, J. S. Downie: Design and creation \
               of a large-scale database of structural annotations. ISMIR, 2011.",
    holds: &[Kind::Segments],
    layout: "annotations/2/parsed/textfile1_functions.txt and metadata/metadata.csv",
    home: "github.com/DDMAL/salami-data-public, open",
    remotes: &[],
};

const LEVELS: [&str; 3] = ["functions", "uppercase", "lowercase"];

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Row {
    song_id: String,
    source: String,
    song_duration: String,
    song_title: String,
    artist: String,
    class: String,
    genre: String,
}

/// Lists its recordings; reads its table and nothing else.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout, errors of the table.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    let inner = list(root)?.into_iter().find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("salami-data-public") && path.is_dir()
    });
    let home = inner.unwrap_or_else(|| root.to_owned());
    let table = home.join("metadata/metadata.csv");
    let rows: Vec<(u64, Row)> = if table.is_file() { read::table(&table)? } else { Vec::new() };
    let rows: BTreeMap<String, Row> =
        rows.into_iter().map(|(_, row)| (row.song_id.clone(), row)).collect();
    let annotations = home.join("annotations");
    let folders: Vec<PathBuf> = if annotations.is_dir() { list(&annotations)? } else { Vec::new() };
    let mut tracks = Vec::new();
    for folder in folders.into_iter().filter(|folder| folder.join("parsed").is_dir()) {
        let id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sounds = ["mp3", "wav", "flac"].map(|e| root.join("audio").join(format!("{id}.{e}")));
        let mut track = FileTrack::new(&INFO, &id, first_there(sounds.into()))?;
        for annotator in [1, 2] {
            for level in LEVELS {
                let path = folder.join(format!("parsed/textfile{annotator}_{level}.txt"));
                let variant = format!("{annotator} {level}");
                track = track.label_if_there(Kind::Segments, &variant, path, read_segments);
            }
        }
        if let Some(row) = rows.get(&id) {
            track = track
                .artist(&row.artist)
                .meta("title", &row.song_title)
                .meta("class", &row.class)
                .meta("genre", &row.genre)
                .meta("source", &row.source)
                .duration(row.song_duration.parse().ok());
        }
        tracks.push(track);
    }
    Collection::new(&INFO, root, tracks)
}

/// Reads sections: a time and a label a line, the last label being `End`.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) with the line of a time that is none or runs backwards.
pub fn read_segments(path: &Path) -> Result<Vec<Labeled<String>>> {
    let text = read_text(path)?;
    let mut starts: Vec<(f64, String)> = Vec::new();
    for row in text_rows(&text, Delimiter::Tab, path) {
        let time = row.time(0, "time")?;
        let label = row.rest(1);
        match starts.last_mut() {
            Some((last, _)) if *last > time => {
                return Err(row.error(0, "time", "not before that of the line before").into());
            }
            Some((last, previous)) if last.total_cmp(&time).is_eq() => *previous = label,
            _ => starts.push((time, label)),
        }
    }
    let sections = starts.windows(2).map(|pair| {
        let interval = Interval::new(pair[0].0, pair[1].0)?;
        Ok(Labeled { interval, label: pair[0].1.clone() })
    });
    sections.collect()
}
