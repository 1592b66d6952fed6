//! ORCHSET: excerpts of symphonies with the melody, whoever plays it.
//!
//! # Layout
//! ```text
//! ROOT/audio/stereo/NAME.wav, audio/mono/NAME.wav
//! ROOT/GT/NAME.mel                                            time, Hz, every 10 ms
//! ROOT/Orchset - Predominant Melodic Instruments.csv          see OrchsetRow
//! ```
//!
//! # Conventions
//! The melody may move between instruments, and its octave is a matter of taste: score chroma, too. The
//! columns of the table are read by their names: another reader swaps those of strings and winds.
//!
//! Source: J. J. Bosch, R. Marxer, E. Gómez, Journal of New Music Research 45(2), 2016.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use super::{
    collection::{Collection, FileTrack, Info},
    common::{first_there, has_ending, list, stem},
    read,
};
use crate::{Error, Kind, Result, Split};

/// What is known of it.
pub const INFO: Info = Info {
    name: "orchset",
    title: "ORCHSET",
    version: "1.0",
    license: "CC BY-NC-SA 3.0 without redistribution by its read-me, 4.0 by mirdata: non-commercial use",
    citation: "J. J. Bosch, R. Marxer, E. Gómez: Evaluation and combination of pitch estimation methods \
               for melody extraction in symphonic classical music. Journal of New Music Research 45(2), \
               2016.",
    holds: &[Kind::F0],
    layout: "audio/stereo/NAME.wav, GT/NAME.mel, Orchset - Predominant Melodic Instruments.csv",
    home: "Zenodo 1289786, open",
    remotes: &[super::Remote {
        name: "all",
        url: "https://zenodo.org/records/1289786/files/Orchset_dataset_0.zip",
        file: "Orchset_dataset_0.zip",
        checksum: super::Checksum::Md5("cf6fe52d64624f61ee116c752fb318ca"),
        unpack: Some(""),
    }],
};

const TABLE: &str = "Orchset - Predominant Melodic Instruments.csv";

/// A row of the table: who plays the melody of an excerpt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrchsetRow {
    /// Name of the excerpt, without ending.
    pub excerpt: String,
    /// In words, `strings+winds`.
    pub description: String,
    /// Whether instruments take turns.
    pub alternating: bool,
    /// Whether strings, winds, brass play it.
    pub contains: Sections,
    /// Whether they alone do.
    pub only: Sections,
}

/// A flag for each section of the orchestra.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sections {
    /// Strings.
    pub strings: bool,
    /// Woodwinds.
    pub winds: bool,
    /// Brass.
    pub brass: bool,
}

#[derive(Deserialize)]
struct RawRow {
    excerpt: String,
    #[serde(rename = "Predominant melodic instrument(s) description")]
    description: String,
    #[serde(rename = "Alternating")]
    alternating: String,
    containsstrings: String,
    containswinds: String,
    containsbrass: String,
    #[serde(rename = "Onlystrings")]
    only_strings: String,
    #[serde(rename = "Onlywinds")]
    only_winds: String,
    #[serde(rename = "Onlybrass")]
    only_brass: String,
}

/// Reads the table of predominant instruments.
///
/// # Errors
/// [`Error::Table`] with the line for a flag that is neither `TRUE` nor `FALSE`.
pub fn read_table(path: impl AsRef<Path>) -> Result<Vec<OrchsetRow>> {
    let path = path.as_ref();
    let rows: Vec<(u64, RawRow)> = read::table(path)?;
    rows.into_iter()
        .map(|(line, row)| {
            let flag = |text: &str| match text.trim() {
                "TRUE" => Ok(true),
                "FALSE" => Ok(false),
                other => Err(Error::Table {
                    path: path.to_owned(),
                    line,
                    reason: format!("a flag is '{other}', expected TRUE or FALSE"),
                }),
            };
            // Some names lack their ending.
            let excerpt = row.excerpt.trim().trim_end_matches(".wav").to_owned();
            Ok(OrchsetRow {
                excerpt,
                description: row.description.trim().to_owned(),
                alternating: flag(&row.alternating)?,
                contains: Sections {
                    strings: flag(&row.containsstrings)?,
                    winds: flag(&row.containswinds)?,
                    brass: flag(&row.containsbrass)?,
                },
                only: Sections {
                    strings: flag(&row.only_strings)?,
                    winds: flag(&row.only_winds)?,
                    brass: flag(&row.only_brass)?,
                },
            })
        })
        .collect()
}

/// Composer and work of an excerpt's name, `Beethoven` and `S3-I` of `Beethoven-S3-I-ex1`.
///
/// ```
/// use mir_datasets::loaders::orchset::composer_and_work;
/// let name = "Musorgski-Ravel-PicturesExhibition-Promenade1-ex2";
/// assert_eq!(composer_and_work(name).0, "Musorgski-Ravel");
/// ```
pub fn composer_and_work(name: &str) -> (&str, &str) {
    let hyphenated = ["Musorgski-Ravel", "Rimski-Korsakov"];
    let composer = hyphenated.into_iter().find(|composer| name.starts_with(composer));
    let length = composer.map_or_else(|| name.find('-').unwrap_or(name.len()), str::len);
    let work = name[length..].trim_start_matches('-');
    (&name[..length], work.rsplit_once("-ex").map_or(work, |(work, _)| work))
}

/// Lists its excerpts; reads its table and nothing else.
///
/// # Errors
/// [`Error::NoRecordings`] for another layout, errors of the table.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    let table = root.join(TABLE);
    let rows = if table.is_file() { read_table(&table)? } else { Vec::new() };
    let rows: BTreeMap<&str, &OrchsetRow> =
        rows.iter().map(|row| (row.excerpt.as_str(), row)).collect();
    let folder = root.join("GT");
    let files = if folder.is_dir() { list(&folder)? } else { Vec::new() };
    let mut tracks = Vec::new();
    for path in files.into_iter().filter(|path| has_ending(path, "mel")) {
        let name = stem(&path, "NAME.mel")?;
        let sounds = ["stereo", "mono"]
            .map(|kind| root.join("audio").join(kind).join(format!("{name}.wav")));
        let (composer, work) = composer_and_work(&name);
        let mut track = FileTrack::new(&INFO, &name, first_there(sounds.into()))?
            .piece(format!("{composer}: {work}"))
            .artist(composer)
            .instrument("orchestra")
            .label(Kind::F0, "", path, read::f0);
        if let Some(row) = rows.get(name.as_str()) {
            track = track.meta("melody", &row.description);
        }
        tracks.push(track);
    }
    Ok(Collection::new(&INFO, root, tracks)?.all_for(Split::Test))
}
