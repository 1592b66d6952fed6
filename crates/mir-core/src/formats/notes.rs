//! Notes as delimited text.

use std::{fmt::Write as _, fs, path::Path};

use crate::{Error, Note, Pitch, Result, Velocity, publish};

/// The header line that [`write_notes`] writes.
const HEADER: &str = "onset\toffset\tnote\tvelocity";

/// Notes of a text file, sorted by onset.
///
/// One note a line: onset and offset in seconds, MIDI note (fractional allowed, 0 to 127), velocity
/// (0 to 127; may be missing, then 64), separated by tabs or commas. A first line that does not start
/// with a number is a header; lines that are empty or start with `#` are skipped. This reads the files
/// that [`write_notes`] writes and the MAPS label files of jongwook/onsets-and-frames.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Parse`] with line and column for a field that is
/// missing, not a number, or outside its range.
pub fn read_notes(path: impl AsRef<Path>) -> Result<Vec<Note>> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|source| Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    parse_notes(&String::from_utf8_lossy(&bytes), path)
}

/// Notes of a text in memory; `path` only names it in errors. As [`read_notes`].
///
/// # Errors
/// As [`read_notes`], without [`Error::Io`].
pub fn parse_notes(text: &str, path: &Path) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r').trim_start_matches('\u{feff}');
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut fields = line.split(['\t', ',']).map(str::trim);
        let first = fields.next().unwrap_or_default();
        if index == 0 && first.parse::<f64>().is_err() {
            continue;
        }
        let row = Row { path, line: index + 1 };
        let onset = row.number("onset", "seconds", first)?;
        let offset = row.number("offset", "seconds", fields.next().unwrap_or_default())?;
        let field = fields.next().unwrap_or_default();
        let midi = row.number("note", "a MIDI number from 0 to 127", field)?;
        let pitch = Pitch::from_midi(midi)
            .ok()
            .filter(|pitch| pitch.key().is_some())
            .ok_or_else(|| row.error("note", "a MIDI number from 0 to 127", field))?;
        let velocity = match fields.next().filter(|field| !field.is_empty()) {
            None => Velocity::MEDIUM,
            Some(field) => {
                let value = row.number("velocity", "0 to 127", field)?.round_ties_even();
                if !(0.0..=127.0).contains(&value) {
                    return Err(row.error("velocity", "0 to 127", field));
                }
                Velocity::new(value as u8)?
            }
        };
        let note = Note::new(onset, offset, pitch, velocity).map_err(|_| {
            row.error("onset and offset", "0 <= onset <= offset", &format!("{onset} and {offset}"))
        })?;
        notes.push(note);
    }
    Note::sort(&mut notes);
    Ok(notes)
}

/// Notes as the text of this workspace: a header line, then tab-separated onset and offset (seconds,
/// six decimals), MIDI note, velocity.
pub fn render_notes(notes: &[Note]) -> String {
    let mut text = String::with_capacity(32 * (notes.len() + 1));
    text.push_str(HEADER);
    text.push('\n');
    for note in notes {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:.6}\t{:.6}\t{}\t{}",
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

/// Where a field stands, for error messages.
struct Row<'a> {
    path: &'a Path,
    line: usize,
}

impl Row<'_> {
    fn error(&self, field: &'static str, expected: &'static str, actual: &str) -> Error {
        Error::Parse {
            path: self.path.to_owned(),
            line: self.line,
            field,
            expected,
            actual: actual.chars().take(60).collect(),
        }
    }

    fn number(&self, field: &'static str, expected: &'static str, text: &str) -> Result<f64> {
        text.parse::<f64>()
            .ok()
            .filter(|value| value.is_finite())
            .ok_or_else(|| self.error(field, expected, text))
    }
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
        let ours = "onset\toffset\tnote\tvelocity\r\n0.521985\t6.701973\t62\t74\r\n\r\n";
        let notes = parse(maps).unwrap();
        assert_eq!(notes, parse(ours).unwrap());
        assert_eq!(notes, parse("0.521985,6.701973,62,74").unwrap());
        assert_eq!(notes, parse(&render_notes(&notes)).unwrap());
        assert_eq!(parse("").unwrap(), []);
        assert_eq!(parse("0.5\t1\t60").unwrap()[0].velocity(), Velocity::MEDIUM);
    }

    #[test]
    fn an_error_names_line_and_column() {
        for (row, column) in [
            ("x\t1\t60\t64", "onset"),
            ("0.1", "offset"),
            ("0.1\tnan\t60\t64", "offset"),
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
    }
}
