//! Notes as rows of a table: onset and offset in seconds, MIDI pitch, velocity 0 to 127.

use mir_core::{Note, Pitch, Velocity};

use crate::Result;

/// Numbers of a row.
pub(crate) const COLUMNS: usize = 4;

pub(crate) fn row(note: &Note) -> [f64; COLUMNS] {
    [note.onset(), note.offset(), note.pitch().midi(), f64::from(note.velocity().value())]
}

/// # Errors
/// [`Error::Core`](crate::Error::Core) for numbers that make no note.
pub(crate) fn from_row(row: [f64; COLUMNS]) -> Result<Note> {
    // Whatever is no velocity becomes one that is refused.
    let velocity = if (0.0..=127.0).contains(&row[3]) { row[3] as u8 } else { u8::MAX };
    Ok(Note::new(row[0], row[1], Pitch::from_midi(row[2])?, Velocity::new(velocity)?)?)
}
