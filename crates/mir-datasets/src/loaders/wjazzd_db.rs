//! The database of the Weimar Jazz Database.

use std::{collections::BTreeMap, path::Path};

use mir_core::{Beat, Beats, Interval, Labeled, Note, Pitch, Velocity};
use rusqlite::{Connection, OpenFlags, Row, types::ValueRef};

use super::collection::FileTrack;
use crate::{Error, Kind, Result};

/// What the tables of solos and transcriptions say of a solo.
pub(super) struct Solo {
    number: i64,
    fields: BTreeMap<&'static str, String>,
}

/// Columns of the list of solos that become metadata, by their names here.
const FIELDS: [(&str, &str); 9] = [
    ("performer", "s.performer"),
    ("title", "s.title"),
    ("instrument", "s.instrument"),
    ("style", "s.style"),
    ("tempo", "s.avgtempo"),
    ("tempo_class", "s.tempoclass"),
    ("rhythm_feel", "s.rhythmfeel"),
    ("key", "s.key"),
    ("solo_start", "t.solostart_sec"),
];

fn malformed(path: &Path, source: impl Into<crate::Cause>) -> Error {
    Error::Malformed { path: path.to_owned(), format: "WJazzD database", source: source.into() }
}

/// The rows of a query, each made into something.
fn query<T>(
    path: &Path,
    sql: &str,
    solo: Option<i64>,
    mut each: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let bad = |source: rusqlite::Error| malformed(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(bad)?;
    let mut statement = connection.prepare(sql).map_err(bad)?;
    let mut rows = match solo {
        Some(solo) => statement.query([solo]),
        None => statement.query([]),
    }
    .map_err(bad)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(bad)? {
        all.push(each(row)?);
    }
    Ok(all)
}

/// A column as text, whatever the database keeps in it; empty for NULL.
fn text(row: &Row<'_>, column: usize, path: &Path) -> Result<String> {
    let value = row.get_ref(column).map_err(|source| malformed(path, source))?;
    Ok(match value {
        ValueRef::Null | ValueRef::Blob(_) => String::new(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(value) => value.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
    })
}

/// A column as a number.
fn number(row: &Row<'_>, column: usize, path: &Path) -> Result<f64> {
    row.get(column).map_err(|source| malformed(path, source))
}

/// The solos by name; none where there is no database.
pub(super) fn solos(path: &Path) -> Result<BTreeMap<String, Solo>> {
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let columns: Vec<&str> = FIELDS.iter().map(|(_, column)| *column).collect();
    let sql = format!(
        "SELECT t.melid, t.filename_sv, {} FROM transcription_info t \
         JOIN solo_info s ON s.melid = t.melid ORDER BY t.melid",
        columns.join(", ")
    );
    let rows = query(path, &sql, None, |row| {
        let file = text(row, 1, path)?;
        let name = file.trim_end_matches(".sv").trim_end_matches("_FINAL").to_owned();
        let mut fields = BTreeMap::new();
        for (index, (name, _)) in FIELDS.iter().enumerate() {
            fields.insert(*name, text(row, index + 2, path)?);
        }
        Ok((name, Solo { number: number(row, 0, path)? as i64, fields }))
    })?;
    Ok(rows.into_iter().collect())
}

/// Adds what the database has of a solo.
pub(super) fn annotate(mut track: FileTrack, solo: &Solo, database: &Path) -> FileTrack {
    let number = solo.number;
    let field = |name: &str| solo.fields.get(name).map_or("", String::as_str);
    track = track.piece(field("title")).artist(field("performer")).instrument(field("instrument"));
    for (name, value) in &solo.fields {
        track = track.meta(name, value);
    }
    let path = || database.to_owned();
    track
        .label(Kind::Notes, "database", path(), move |path: &Path| notes(path, number))
        .label(Kind::Beats, "", path(), move |path: &Path| beats(path, number))
        .label(Kind::Chords, "", path(), move |path: &Path| sections(path, number, "CHORD"))
        .label(Kind::Segments, "phrases", path(), move |path: &Path| {
            sections(path, number, "PHRASE")
        })
        .label(Kind::Segments, "form", path(), move |path: &Path| sections(path, number, "FORM"))
}

fn notes(path: &Path, solo: i64) -> Result<Vec<Note>> {
    let sql = "SELECT onset, duration, pitch FROM melody WHERE melid = ? ORDER BY eventid";
    query(path, sql, Some(solo), |row| {
        let (onset, duration) = (number(row, 0, path)?, number(row, 1, path)?);
        let pitch = Pitch::from_midi(number(row, 2, path)?)?;
        Ok(Note::new(onset, onset + duration, pitch, Velocity::MEDIUM)?)
    })
    .map(|mut notes| {
        Note::sort(&mut notes);
        notes
    })
}

fn beats(path: &Path, solo: i64) -> Result<Beats> {
    let sql = "SELECT onset, beat FROM beats WHERE melid = ? ORDER BY onset";
    let beats = query(path, sql, Some(solo), |row| {
        let position = number(row, 1, path)?;
        let position = (0.0..=32.0).contains(&position).then_some(position as u32);
        Ok(Beat { time: number(row, 0, path)?, position })
    })?;
    Ok(Beats::new(beats)?)
}

/// Sections are numbers of notes; they last from the first to the end of the last.
fn sections(path: &Path, solo: i64, kind: &'static str) -> Result<Vec<Labeled<String>>> {
    let sql = "SELECT onset, duration FROM melody WHERE melid = ? ORDER BY eventid";
    let events =
        query(path, sql, Some(solo), |row| Ok((number(row, 0, path)?, number(row, 1, path)?)))?;
    let sql = "SELECT start, \"end\", value, type FROM sections WHERE melid = ? ORDER BY start";
    let rows = query(path, sql, Some(solo), |row| {
        Ok((number(row, 0, path)?, number(row, 1, path)?, text(row, 2, path)?, text(row, 3, path)?))
    })?;
    rows.into_iter()
        .filter(|(.., of)| of == kind)
        .map(|(first, last, label, _)| {
            let event = |index: f64| {
                events.get(index as usize).copied().filter(|_| index >= 0.0).ok_or_else(|| {
                    malformed(path, format!("a section names note {index} of {}", events.len()))
                })
            };
            let (start, (onset, duration)) = (event(first)?.0, event(last)?);
            Ok(Labeled { interval: Interval::new(start, onset + duration)?, label })
        })
        .collect()
}
