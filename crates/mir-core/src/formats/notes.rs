//! Notes as delimited text.

use std::{fmt::Write as _, path::Path};

use super::text::{Row, lines, read_text};
use crate::{Error, Note, Pitch, Result, Velocity, publish};

/// Notes of a text file, sorted by onset.
///
/// One note a line: onset and offset in seconds, MIDI note (fractional allowed, 0 to 127), velocity
/// (0 to 127; may be missing, then 64), separated by tabs or commas. A first line that does not start
/// with a number is a header; lines that are empty or start with `#` are skipped. This reads the files
/// that [`write_notes`] writes and the MAPS label files of jongwook/onsets-and-frames.
///
/// # Errors
/// As [`read_text`], and [`Error::Parse`] with line and column for a field that is missing, not a
/// number, or outside its range.
pub fn read_notes(path: impl AsRef<Path>) -> Result<Vec<Note>> {
    parse_notes(&read_text(&path)?, path.as_ref())
}

/// Notes of a text in memory; `path` only names it in errors. As [`read_notes`].
///
/// # Errors
/// [`Error::Parse`] as [`read_notes`].
///
/// ```
/// use mir_core::formats::{parse_notes, render_notes};
///
/// let text = "onset\toffset\tnote\tvelocity\n0.500000\t1.250000\t60\t80\n";
/// let notes = parse_notes(text, "piece.tsv".as_ref())?;
/// assert_eq!(notes[0].offset(), 1.25);
/// assert_eq!(render_notes(&notes), text);
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn parse_notes(text: &str, path: &Path) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    for (line, content) in lines(text) {
        if content.starts_with('#') {
            continue;
        }
        let mut fields = content.split(['\t', ',']).map(str::trim);
        let first = fields.next();
        if line == 1 && is_header(first) {
            continue;
        }
        let row = Row { path, line };
        let onset = row.time("onset", first)?;
        let offset = row.time("offset", fields.next())?;
        let pitch = midi_pitch(&row, "note", fields.next())?;
        let velocity = velocity(&row, fields.next().filter(|field| !field.is_empty()))?;
        notes.push(note(&row, onset, offset, pitch, velocity)?);
    }
    Note::sort(&mut notes);
    Ok(notes)
}

/// Whether a first field is the name of a column.
pub(super) fn is_header(first: Option<&str>) -> bool {
    first.unwrap_or_default().trim().parse::<f64>().is_err()
}

/// A field with a MIDI number that belongs to a key.
pub(super) fn midi_pitch(row: &Row<'_>, name: &'static str, field: Option<&str>) -> Result<Pitch> {
    const EXPECTED: &str = "a MIDI number from 0 to 127";
    let midi = row.number(name, EXPECTED, field)?;
    Pitch::from_midi(midi)
        .ok()
        .filter(|pitch| pitch.key().is_some())
        .ok_or_else(|| row.error(name, EXPECTED, field.unwrap_or_default()))
}

/// A field with a velocity, rounded to a whole one; 64 where there is no such field.
pub(super) fn velocity(row: &Row<'_>, field: Option<&str>) -> Result<Velocity> {
    const EXPECTED: &str = "0 to 127";
    let Some(text) = field else { return Ok(Velocity::MEDIUM) };
    let value = row.number("velocity", EXPECTED, Some(text))?.round_ties_even();
    if !(0.0..=127.0).contains(&value) {
        return Err(row.error("velocity", EXPECTED, text));
    }
    Velocity::new(value as u8)
}

/// A note whose end is checked.
pub(super) fn note(
    row: &Row<'_>,
    onset: f64,
    offset: f64,
    pitch: Pitch,
    velocity: Velocity,
) -> Result<Note> {
    Note::new(onset, offset, pitch, velocity).map_err(|_| {
        let actual = format!("{onset} and {offset}");
        row.error("onset and offset", "0 <= onset <= offset", &actual)
    })
}

/// Notes as the text of this workspace: a header line, then tab-separated onset and offset (seconds,
/// six decimals), MIDI note, velocity. See [`parse_notes`].
pub fn render_notes(notes: &[Note]) -> String {
    render_delimited(notes, '\t')
}

/// Notes as comma-separated values: [`render_notes`] with commas in place of tabs.
///
/// ```
/// use mir_core::{Key, Note, Velocity, formats::{parse_notes, render_notes_csv}};
///
/// let note = Note::new(0.5, 1.25, Key::new(60)?.pitch(), Velocity::new(80)?)?;
/// let text = render_notes_csv(&[note]);
/// assert_eq!(text, "onset,offset,note,velocity\n0.500000,1.250000,60,80\n");
/// assert_eq!(parse_notes(&text, "piece.csv".as_ref())?, [note]);
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn render_notes_csv(notes: &[Note]) -> String {
    render_delimited(notes, ',')
}

fn render_delimited(notes: &[Note], separator: char) -> String {
    let mut text = String::with_capacity(32 * (notes.len() + 1));
    text.push_str(&["onset", "offset", "note", "velocity"].join(separator.to_string().as_str()));
    text.push('\n');
    for note in notes {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:.6}{separator}{:.6}{separator}{}{separator}{}",
            note.onset(),
            note.offset(),
            note.pitch().midi(),
            note.velocity().value()
        );
    }
    text
}

/// Writes notes as [`render_notes`] gives them; the file appears complete or not at all.
///
/// # Errors
/// [`Error::Io`].
pub fn write_notes(path: impl AsRef<Path>, notes: &[Note]) -> Result<()> {
    publish::write(path.as_ref(), render_notes(notes).as_bytes())
}

/// Notes of a MAPS label text: a header, then tab-separated `OnsetTime`, `OffsetTime` (seconds, the
/// pedal included) and `MidiPitch`. There is no velocity; every note gets 64. White space of any kind
/// separates.
///
/// # Errors
/// [`Error::Parse`] with line and column for a field that is missing, too many, not a number, or outside
/// its range.
///
/// ```
/// let text = "OnsetTime\tOffsetTime\tMidiPitch\r\n0.5\t1.25\t60\r\n";
/// let notes = mir_core::formats::parse_maps(text, "MAPS_MUS-x_ENSTDkCl.txt".as_ref())?;
/// assert_eq!((notes[0].onset(), notes[0].pitch().midi()), (0.5, 60.0));
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn parse_maps(text: &str, path: &Path) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    for (line, content) in lines(text) {
        let mut fields = content.split_whitespace();
        let first = fields.next();
        if line == 1 && is_header(first) {
            continue;
        }
        let row = Row { path, line };
        let onset = row.time("OnsetTime", first)?;
        let offset = row.time("OffsetTime", fields.next())?;
        let pitch = midi_pitch(&row, "MidiPitch", fields.next())?;
        row.end(fields.next())?;
        notes.push(note(&row, onset, offset, pitch, Velocity::MEDIUM)?);
    }
    Note::sort(&mut notes);
    Ok(notes)
}

/// Notes as a MAPS label text, see [`parse_maps`]; velocities are not in it.
///
/// ```
/// use mir_core::{Key, Note, Velocity, formats::render_maps};
///
/// let note = Note::new(0.5, 1.25, Key::new(60)?.pitch(), Velocity::MEDIUM)?;
/// assert_eq!(render_maps(&[note]), "OnsetTime\tOffsetTime\tMidiPitch\n0.500000\t1.250000\t60\n");
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn render_maps(notes: &[Note]) -> String {
    let mut text = String::from("OnsetTime\tOffsetTime\tMidiPitch\n");
    for note in notes {
        let midi = note.pitch().midi();
        let _ = writeln!(text, "{:.6}\t{:.6}\t{midi}", note.onset(), note.offset());
    }
    text
}

/// Notes of a JSON text: a list of objects with `onset` and `offset` in seconds, `pitch` as a MIDI
/// number (fractional allowed) and `velocity`, sorted by onset.
///
/// # Errors
/// [`Error::Json`] with line and column.
///
/// ```
/// use mir_core::formats::{parse_notes_json, render_notes_json};
///
/// let text = r#"[{"onset": 0.5, "offset": 1.25, "pitch": 60, "velocity": 80}]"#;
/// let notes = parse_notes_json(text, "piece.json".as_ref())?;
/// assert_eq!(parse_notes_json(&render_notes_json(&notes)?, "again.json".as_ref())?, notes);
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn parse_notes_json(text: &str, path: &Path) -> Result<Vec<Note>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut notes: Vec<Note> = serde_json::from_str(text)
        .map_err(|source| Error::Json { path: path.to_owned(), source })?;
    Note::sort(&mut notes);
    Ok(notes)
}

/// Notes as JSON, one a line; see [`parse_notes_json`]. Times keep every bit.
///
/// # Errors
/// [`Error::Serialize`], which a list of notes does not cause.
pub fn render_notes_json(notes: &[Note]) -> Result<String> {
    let mut text = String::from("[");
    for (index, note) in notes.iter().enumerate() {
        text.push_str(if index == 0 { "\n  " } else { ",\n  " });
        text += &serde_json::to_string(note).map_err(|source| Error::Serialize { source })?;
    }
    text.push_str("\n]\n");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Note>> {
        parse_notes(text, Path::new("test.tsv"))
    }

    #[test]
    fn both_headers_are_read() {
        let maps = "# onset,offset,note,velocity\n0.521985\t6.701973\t62.000000\t74.000000\n";
        let ours = "\u{feff}onset\toffset\tnote\tvelocity\r\n0.521985\t6.701973\t62\t74\r\n\r\n";
        let notes = parse(maps).unwrap();
        assert_eq!(notes, parse(ours).unwrap());
        assert_eq!(notes, parse("0.521985,6.701973,62,74").unwrap());
        assert_eq!(notes, parse(&render_notes(&notes)).unwrap());
        assert_eq!(parse("").unwrap(), []);
        assert_eq!(parse("\u{feff}").unwrap(), []);
        assert_eq!(parse("0.5\t1\t60").unwrap()[0].velocity(), Velocity::MEDIUM);
    }

    #[test]
    fn an_error_names_line_and_column() {
        for (row, column) in [
            ("x\t1\t60\t64", "onset"),
            ("-0.1\t1\t60\t64", "onset"),
            ("0.1", "offset"),
            ("0.1\tnan\t60\t64", "offset"),
            ("0.1\tinf\t60\t64", "offset"),
            ("0.1\t1\t200\t64", "note"),
            ("0.1\t1\t-3\t64", "note"),
            ("0.1\t1\t60\t500", "velocity"),
            ("1\t0.5\t60\t64", "onset and offset"),
        ] {
            match parse(&format!("header\n{row}\n")) {
                Err(Error::Parse { line: 2, field, .. }) => assert_eq!(field, column, "{row}"),
                other => panic!("{row}: {other:?}"),
            }
        }
        let extra = parse_maps("0.5\t1\t60\t70\n", Path::new("maps.txt"));
        assert!(matches!(extra, Err(Error::Parse { line: 1, field: "line", .. })));
    }
}
