//! Billboard: chords and sections of songs from the charts (McGill).
//!
//! # Layout
//! ```text
//! ROOT/McGill-Billboard/0003/full.lab           and majmin, majmin7, majmininv, majmin7inv
//! ROOT/McGill-Billboard/0003/salami_chords.txt  sections
//! ROOT/billboard-2.0-index.csv                  date in the charts, title, artist
//! ROOT/audio/1960s/ARTIST/TITLE/audio.flac      your own copies
//! ```
//! `chords full` comes first, then the smaller vocabularies. Some songs occur twice, under two numbers; their
//! piece is artist and title, so that they stay together.
//!
//! Sections have two layers: `segments functions` (intro, verse, chorus) and `segments letters` (A, B, A', and
//! Z for what is no music). Where a section has one of the two alone, it stands in both layers.
//!
//! Source: J. A. Burgoyne, J. Wild, I. Fujinaga, ISMIR 2011.

use std::{collections::BTreeMap, path::Path};

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
    name: "billboard",
    title: "McGill Billboard",
    version: "2.0",
    license: "annotations CC0; audio is not distributed",
    citation: "J. A. Burgoyne, J. Wild, I. Fujinaga: An expert ground truth set for audio chord recognition \
               and music analysis. ISMIR, 2011.",
    holds: &[Kind::Chords, Kind::Segments],
    layout: "McGill-Billboard/0003/full.lab (and majmin.lab …, salami_chords.txt), \
             billboard-2.0-index.csv, \
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
        for layer in [SectionLayer::Functions, SectionLayer::Letters] {
            let path = folder.join("salami_chords.txt");
            let read = move |path: &Path| read_sections(path, layer);
            track = track.label_if_there(Kind::Segments, layer.name(), path, read);
        }
        tracks.push(track);
    }
    Collection::new(&INFO, root, tracks)
}

/// One of the two descriptions of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectionLayer {
    /// What sections do: `intro`, `verse`.
    Functions,
    /// Which sections are alike: `A`, `B`, `A'`.
    Letters,
}

impl SectionLayer {
    /// The variant of the annotation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Functions => "functions",
            Self::Letters => "letters",
        }
    }
}

/// Reads the sections of `salami_chords.txt`: a time in seconds, a tab, then letter and function of the
/// section that begins, where one begins, and the chords between bars. A section lasts until the next one;
/// the last row (`end`) begins none.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) with line and column for a time that is no number or does not follow
/// the one before.
pub fn read_sections(path: &Path, layer: SectionLayer) -> Result<Vec<Labeled<String>>> {
    let text = read_text(path)?;
    let mut starts: Vec<(f64, String)> = Vec::new();
    for row in text_rows(&text, Delimiter::Tab, path) {
        if row.text(0).starts_with('#') {
            continue;
        }
        let time = row.time(0, "time")?;
        let said = row.text(1).split('|').next().unwrap_or_default();
        // Instruments that lead stand in brackets: `(voice`, `voice)`.
        let words = said.split(',').map(str::trim);
        let words = words.filter(|word| !word.is_empty() && !word.contains(['(', ')']));
        let (letters, functions): (Vec<&str>, Vec<&str>) = words.partition(|word| is_letter(word));
        let (own, other) = match layer {
            SectionLayer::Functions => (functions, letters),
            SectionLayer::Letters => (letters, functions),
        };
        let Some(label) = own.first().or(other.first()) else { continue };
        if starts.last().is_some_and(|(last, _)| *last > time) {
            return Err(row.error(0, "time", "not before that of the section before").into());
        }
        starts.push((time, (*label).to_owned()));
    }
    let sections = starts.windows(2).map(|pair| {
        Ok(Labeled { interval: Interval::new(pair[0].0, pair[1].0)?, label: pair[0].1.clone() })
    });
    sections.collect()
}

/// `A`, `B'`, `AA`: capitals, and primes after them.
fn is_letter(word: &str) -> bool {
    let capitals = word.trim_end_matches('\'');
    !capitals.is_empty() && capitals.bytes().all(|byte| byte.is_ascii_uppercase())
}
