//! Notes in columns of any order.

use std::path::Path;

use super::{
    notes::{is_header, midi_pitch, note, velocity},
    text::{Row, lines},
};
use crate::{Note, Pitch, Result};

/// What a column of a note text holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoteColumn {
    /// Onset in seconds.
    Onset,
    /// Offset in seconds.
    Offset,
    /// Duration in seconds, in place of the offset.
    Duration,
    /// MIDI number, fractional allowed, 0 to 127.
    Midi,
    /// Frequency in Hz, in place of the MIDI number.
    Hertz,
    /// Velocity, 0 to 127; 64 where there is no such column.
    Velocity,
    /// Something else, which is not read.
    Other,
}

/// Notes of a text whose columns the caller names, sorted by onset. Tabs, commas, semicolons or spaces
/// separate; further columns are not read. A first line that does not begin with a number is a header,
/// `#` begins a comment.
///
/// Some files with an order of their own: madmom (onset, MIDI, duration, velocity), MIREX notes (onset,
/// offset, Hz), vocadito (onset, Hz, duration), pYIN (onset, duration, Hz), the solos of the Weimar Jazz
/// Database (MIDI, onset, duration).
///
/// # Errors
/// [`Error::Parse`](crate::Error::Parse) with line and column for a field that is missing, not a number, or
/// outside its range. Without a column for onset, end and pitch each, every row lacks that field.
///
/// ```
/// use mir_core::formats::{NoteColumn::*, parse_note_columns};
///
/// let notes = parse_note_columns("0.5 440.0 0.75\n", &[Onset, Hertz, Duration], "A1.csv".as_ref())?;
/// assert_eq!((notes[0].offset(), notes[0].pitch().midi()), (1.25, 69.0));
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn parse_note_columns(text: &str, columns: &[NoteColumn], path: &Path) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    for (line, content) in lines(text) {
        let content = content.trim();
        if content.starts_with('#') {
            continue;
        }
        let fields: Vec<&str> =
            content.split([',', ';', '\t', ' ']).filter(|field| !field.is_empty()).collect();
        if line == 1 && is_header(fields.first().copied()) {
            continue;
        }
        let row = Row { path, line };
        let field = |column: NoteColumn| {
            let index = columns.iter().position(|c| *c == column)?;
            Some(fields.get(index).copied().unwrap_or_default())
        };
        let onset = row.time("onset", field(NoteColumn::Onset))?;
        let offset = match field(NoteColumn::Duration) {
            Some(duration) => onset + row.time("duration", Some(duration))?,
            None => row.time("offset", field(NoteColumn::Offset))?,
        };
        let pitch = match field(NoteColumn::Hertz) {
            None => midi_pitch(&row, "note", field(NoteColumn::Midi))?,
            Some(hz) => {
                const EXPECTED: &str = "a frequency in Hz, above 0";
                let value = row.number("frequency", EXPECTED, Some(hz))?;
                Pitch::from_hz(value).map_err(|_| row.error("frequency", EXPECTED, hz))?
            }
        };
        let velocity = velocity(&row, field(NoteColumn::Velocity))?;
        notes.push(note(&row, onset, offset, pitch, velocity)?);
    }
    Note::sort(&mut notes);
    Ok(notes)
}
