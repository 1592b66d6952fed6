//! RWC Popular, Classical, Jazz and Genre: beats, choruses, chords, and what sounds when, by AIST.
//!
//! # Layout
//! ```text
//! ROOT/annotations/AIST.RWC-MDB-C-2001.BEAT/RM-C003.BEAT.TXT       and CHORUS, CHORD, VOCA_INST
//! ROOT/metadata-master/rwc-c.csv                                   title, artist, composer, place on disc
//! ROOT/audio/rwc-c-m01/3.wav                                       by disc and number on it
//! ```
//! A piece is listed if it has beats or choruses. The letter is P, C, J or G.
//!
//! # Conventions
//! - Times of beats and choruses are centiseconds, those of chords and instruments seconds.
//! - The third column of beats is 384 at a downbeat and −1 where nothing is counted; such rows are left out.
//!   Positions count from each downbeat. A first, incomplete bar counts backwards from the length of the bar
//!   after it. Some pieces repeat a downbeat; both are kept.
//! - `events instruments`: each state lasts until the next begins; the last row only ends the one before.
//!
//! Source: M. Goto, H. Hashiguchi, T. Nishimura, R. Oka, ISMIR 2002; M. Goto, AIST annotation for the RWC
//! music database, ISMIR 2006.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use mir_core::{
    Beat, Beats, Interval, Labeled,
    formats::{Delimiter, read_text, text_rows},
};

use super::{
    collection::{Collection, FileTrack, Info},
    common::{first_there, list},
    read,
};
use crate::{Kind, Result};

/// RWC Popular Music.
pub const POPULAR: Info = Info {
    name: "rwc_popular",
    title: "RWC Popular Music",
    version: "1.0",
    license: "by signed pledge; the release of 2026 CC BY-NC 4.0: non-commercial use",
    citation: "M. Goto, H. Hashiguchi, T. Nishimura, R. Oka: RWC music database: Popular, classical and \
               jazz music databases. ISMIR, 2002. M. Goto: AIST annotation for the RWC music database. \
               ISMIR, 2006.",
    holds: &[Kind::Beats, Kind::Segments, Kind::Chords, Kind::Events],
    layout: "annotations/AIST.RWC-MDB-P-2001.BEAT/RM-P001.BEAT.TXT (and CHORUS, CHORD, VOCA_INST), \
             metadata-master/rwc-p.csv, audio/rwc-p-m01/1.wav",
    home: "staff.aist.go.jp/m.goto/RWC-MDB; release of 2026 at Zenodo 17170844",
    remotes: &[],
};

/// RWC Classical Music.
pub const CLASSICAL: Info = Info {
    name: "rwc_classical",
    title: "RWC Classical Music",
    holds: &[Kind::Beats, Kind::Segments],
    layout: "annotations/AIST.RWC-MDB-C-2001.BEAT/RM-C003.BEAT.TXT (and CHORUS), \
             metadata-master/rwc-c.csv, audio/rwc-c-m01/3.wav",
    ..POPULAR
};

/// RWC Jazz Music.
pub const JAZZ: Info = Info {
    name: "rwc_jazz",
    title: "RWC Jazz Music",
    holds: &[Kind::Beats, Kind::Segments],
    layout: "annotations/AIST.RWC-MDB-J-2001.BEAT/RM-J004.BEAT.TXT (and CHORUS), \
             metadata-master/rwc-j.csv, audio/rwc-j-m01/4.wav",
    ..POPULAR
};

/// RWC Music Genre.
pub const GENRE: Info = Info {
    name: "rwc_genre",
    title: "RWC Music Genre",
    citation: "M. Goto, H. Hashiguchi, T. Nishimura, R. Oka: RWC music database: Music genre database and \
               musical instrument sound database. ISMIR, 2003. M. Goto: AIST annotation for the RWC music \
               database. ISMIR, 2006.",
    holds: &[Kind::Beats, Kind::Segments],
    layout: "annotations/AIST.RWC-MDB-G-2001.BEAT/RM-G001.BEAT.TXT (and CHORUS), \
             metadata-master/rwc-g.csv, audio/rwc-g-m01/1.wav",
    ..POPULAR
};

/// Lists the pieces of RWC Popular; reads the table and nothing else.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout, errors of the table.
pub fn open_popular(root: impl AsRef<Path>) -> Result<Collection> {
    open(&POPULAR, root.as_ref(), 'P')
}

/// Lists the pieces of RWC Classical.
///
/// # Errors
/// As [`open_popular`].
pub fn open_classical(root: impl AsRef<Path>) -> Result<Collection> {
    open(&CLASSICAL, root.as_ref(), 'C')
}

/// Lists the pieces of RWC Jazz.
///
/// # Errors
/// As [`open_popular`].
pub fn open_jazz(root: impl AsRef<Path>) -> Result<Collection> {
    open(&JAZZ, root.as_ref(), 'J')
}

/// Lists the pieces of RWC Music Genre.
///
/// # Errors
/// As [`open_popular`].
pub fn open_genre(root: impl AsRef<Path>) -> Result<Collection> {
    open(&GENRE, root.as_ref(), 'G')
}

/// A row of the table, by the names of its columns: they differ between the three sets.
type Row = BTreeMap<String, String>;

fn open(info: &'static Info, root: &Path, letter: char) -> Result<Collection> {
    list(root)?;
    let folder = |what: &str| root.join(format!("annotations/AIST.RWC-MDB-{letter}-2001.{what}"));
    let mut pieces = BTreeSet::new();
    for what in ["BEAT", "CHORUS"] {
        let folder = folder(what);
        for path in if folder.is_dir() { list(&folder)? } else { Vec::new() } {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(piece) = name.strip_suffix(&format!(".{what}.TXT")) {
                pieces.insert(piece.to_owned());
            }
        }
    }
    let table = root.join(format!("metadata-master/rwc-{}.csv", letter.to_ascii_lowercase()));
    let rows: Vec<(u64, Row)> = if table.is_file() { read::table(&table)? } else { Vec::new() };
    let number = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let rows: BTreeMap<String, Row> = rows
        .into_iter()
        .map(|(_, row)| {
            let piece = number(row.get("Piece No.").map_or("", String::as_str));
            (format!("RM-{letter}{piece:0>3}"), row)
        })
        .collect();
    let mut tracks = Vec::new();
    for piece in pieces {
        // Movements and versions of a piece share its row: RM-C025_A.
        let row = rows.get(piece.split('_').next().unwrap_or(&piece));
        let field = |name: &str| row.and_then(|row| row.get(name)).map_or("", String::as_str);
        let disc = field("Cat. Suffix").to_lowercase();
        let place = number(field("Tr. No."));
        let place = place.trim_start_matches('0');
        let base = format!("audio/rwc-{}-{disc}", letter.to_ascii_lowercase());
        let sounds = ["wav", "flac"].map(|ending| root.join(format!("{base}/{place}.{ending}")));
        let chords = [
            folder("CHORD").join(format!("{piece}.CHORD.TXT")),
            chord_file(&folder("CHORD"), &piece, &disc, place),
        ];
        let file = |what: &str| folder(what).join(format!("{piece}.{what}.TXT"));
        let artist =
            if field("Artist").is_empty() { field("Artist (Vocal)") } else { field("Artist") };
        tracks.push(
            FileTrack::new(info, &piece, first_there(sounds.into()))?
                .artist(artist)
                .meta("title", field("Title"))
                .meta("composer", field("Composer"))
                .meta("category", field("Category"))
                .meta("length", field("Length"))
                .meta("instruments", field("Instruments Used"))
                .label_if_there(Kind::Beats, "", file("BEAT"), read_beats)
                .label_if_there(Kind::Segments, "", file("CHORUS"), read_sections)
                .label_if_there(Kind::Chords, "", first_there(chords.into()), read::labels)
                .label_if_there(Kind::Events, "instruments", file("VOCA_INST"), read_states),
        );
    }
    Collection::new(info, root, tracks)
}

/// `RWC_Pop_Chords/N001-M01-T01.lab`: number of the piece, disc, number on the disc.
fn chord_file(folder: &Path, piece: &str, disc: &str, place: &str) -> PathBuf {
    let number: String = piece.chars().filter(char::is_ascii_digit).collect();
    folder.join(format!("RWC_Pop_Chords/N{number}-{}-T{place:0>2}.lab", disc.to_uppercase()))
}

const CENTISECONDS: &str = "centiseconds, 0 or more";

/// The value of a downbeat in the third column.
const DOWNBEAT: i64 = 384;

/// Reads beats.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) with line and column.
pub fn read_beats(path: &Path) -> Result<Beats> {
    let text = read_text(path)?;
    let mut rows: Vec<(f64, bool)> = Vec::new();
    for row in text_rows(&text, Delimiter::Any, path) {
        let time = row.number(0, "start", CENTISECONDS, |time| time >= 0.0)? / 100.0;
        let place = row.number(2, "position", "-1 or ticks from 0 to 384", |place| {
            place.fract() == 0.0 && (-1.0..=DOWNBEAT as f64).contains(&place)
        })? as i64;
        if place < 0 {
            continue;
        }
        if rows.last().is_some_and(|(last, _)| *last >= time) {
            return Err(row.error(0, "start", "later than in the line before").into());
        }
        rows.push((time, place == DOWNBEAT));
    }
    let downbeats: Vec<usize> =
        rows.iter().enumerate().filter(|(_, (_, down))| *down).map(|(index, _)| index).collect();
    let first = downbeats.first().copied().unwrap_or(0);
    let length = downbeats.windows(2).map(|pair| pair[1] - pair[0]).next();
    let mut position = 0;
    let beats = rows.iter().enumerate().map(|(index, (time, down))| {
        position = if *down { 1 } else { position + 1 };
        let place = match length {
            // Before the first downbeat: so many beats are left of a bar of that length.
            Some(length) if index < first => {
                u32::try_from((length + index + 1).saturating_sub(first)).unwrap_or(0)
            }
            _ if index < first => 0,
            _ => position,
        };
        Beat { time: *time, position: Some(place) }
    });
    Ok(Beats::new(beats.collect())?)
}

/// Reads choruses: start and end in centiseconds, a label in quotes.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) with line and column.
pub fn read_sections(path: &Path) -> Result<Vec<Labeled<String>>> {
    let text = read_text(path)?;
    text_rows(&text, Delimiter::Tab, path)
        .map(|row| {
            let time = |column, name| row.number(column, name, CENTISECONDS, |time| time >= 0.0);
            let interval = Interval::new(time(0, "start")? / 100.0, time(1, "end")? / 100.0)
                .map_err(|_| row.error(1, "end", "not before the start"))?;
            Ok(Labeled { interval, label: row.text(2).trim_matches('"').to_owned() })
        })
        .collect()
}

/// Reads states: a time in seconds and what begins then.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) with line and column.
pub fn read_states(path: &Path) -> Result<Vec<Labeled<String>>> {
    let text = read_text(path)?;
    let mut starts: Vec<(f64, String)> = Vec::new();
    for row in text_rows(&text, Delimiter::Any, path) {
        let time = row.time(0, "time")?;
        if starts.last().is_some_and(|(last, _)| *last > time) {
            return Err(row.error(0, "time", "not before that of the line before").into());
        }
        starts.push((time, row.rest(1)));
    }
    let states = starts.windows(2).map(|pair| {
        Ok(Labeled { interval: Interval::new(pair[0].0, pair[1].0)?, label: pair[0].1.clone() })
    });
    states.collect()
}
