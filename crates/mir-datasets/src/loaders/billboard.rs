//! Billboard: chords of songs from the charts (McGill).
//!
//! # Layout
//! ```text
//! ROOT/McGill-Billboard/0003/full.lab           and majmin, majmin7, majmininv, majmin7inv
//! ROOT/billboard-2.0-index.csv                  date in the charts, title, artist
//! ROOT/audio/1960s/ARTIST/TITLE/audio.flac      your own copies
//! ```
//! `chords full` comes first, then the smaller vocabularies. Some songs occur twice, under two numbers; their
//! piece is artist and title, so that they stay together.
//!
//! Source: J. A. Burgoyne, J. Wild, I. Fujinaga, ISMIR 2011.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use super::{
    collection::{Collection, FileTrack, Info},
    common::{first_there, list},
    read,
};
use crate::{Kind, Result};

/// What is known of it.
pub const INFO: Info = Info {
    name: "billboard",
    title: "McGill Billboard",
    version: "2.0",
    license: "annotations CC0; audio is not distributed",
    citation: "J. A. Burgoyne, J. Wild, I. Fujinaga: An expert ground truth set for audio chord recognition \
               and music analysis. ISMIR, 2011.",
    holds: &[Kind::Chords],
    layout: "McGill-Billboard/0003/full.lab (and majmin.lab …), billboard-2.0-index.csv, \
             audio/1960s/ARTIST/TITLE/audio.flac",
    home: "ddmal.ca/research/The_McGill_Billboard_Project_(Chord_Analysis_Dataset), open",
    remotes: &[],
};

const VOCABULARIES: [&str; 5] = ["full", "majmin", "majmin7", "majmininv", "majmin7inv"];

#[derive(Deserialize)]
struct Row {
    id: String,
    chart_date: String,
    title: String,
    artist: String,
    peak_rank: String,
    weeks_on_chart: String,
}

/// Lists its songs; reads its table and nothing else.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout, errors of the table.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    let table = root.join("billboard-2.0-index.csv");
    let rows: Vec<(u64, Row)> = if table.is_file() { read::table(&table)? } else { Vec::new() };
    let rows: BTreeMap<String, Row> =
        rows.into_iter().map(|(_, row)| (format!("{:0>4}", row.id), row)).collect();
    let songs = root.join("McGill-Billboard");
    let mut tracks = Vec::new();
    for folder in if songs.is_dir() { list(&songs)? } else { Vec::new() } {
        if !folder.join("full.lab").is_file() {
            continue;
        }
        let id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let field = |of: fn(&Row) -> &str| rows.get(&id).map_or("", of);
        let (title, artist) = (field(|row| &row.title), field(|row| &row.artist));
        let decade: String = field(|row| &row.chart_date).chars().take(3).collect();
        let base = root.join("audio").join(format!("{decade}0s")).join(artist).join(title);
        let sounds = ["flac", "wav", "mp3"].map(|ending| base.join(format!("audio.{ending}")));
        let mut track = FileTrack::new(&INFO, &id, first_there(sounds.into()))?
            .artist(artist)
            .meta("title", title)
            .meta("chart_date", field(|row| &row.chart_date))
            .meta("peak_rank", field(|row| &row.peak_rank))
            .meta("weeks_on_chart", field(|row| &row.weeks_on_chart));
        if !title.is_empty() {
            track = track.piece(format!("{artist}: {title}"));
        }
        for vocabulary in VOCABULARIES {
            let path = folder.join(format!("{vocabulary}.lab"));
            track = track.label_if_there(Kind::Chords, vocabulary, path, read::labels);
        }
        tracks.push(track);
    }
    Collection::new(&INFO, root, tracks)
}
