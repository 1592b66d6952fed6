//! The score text of score-informed source separation.

use std::{fmt::Write as _, path::Path};

use super::{
    names::{note_name, parse_note_name},
    notes::note,
    text::{Row, lines},
};
use crate::{Note, Result, Velocity};

/// What a score text holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScoreText {
    /// The notes that have a pitch, sorted by onset, with velocity 64.
    pub notes: Vec<Note>,
    /// Lines, from 1, of notes whose name is `?` or no note name: they have no pitch and are left out.
    pub unpitched: Vec<usize>,
}

/// Reads a score text: one note a line as `onset,offset,name` with times in seconds, as in
/// `6.1600,6.7000,F4#`. `!` begins a comment. Names are those of
/// [`parse_note_name`].
///
/// The original (MTG/DeepConvSep) cuts names to three characters; here `C-1` and `F##4` are whole.
///
/// # Errors
/// [`Error::Parse`](crate::Error::Parse) with line and column for a time that is missing, not a number,
/// negative, or an end before its start.
///
/// ```
/// let score = mir_core::formats::parse_score_text("0.5,1.25,F4# ! high\n1.25,2,?\n", "x".as_ref())?;
/// assert_eq!(score.notes[0].pitch().midi(), 66.0);
/// assert_eq!(score.unpitched, [2]);
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn parse_score_text(text: &str, path: &Path) -> Result<ScoreText> {
    let mut score = ScoreText::default();
    for (line, content) in lines(text) {
        let content = content.split('!').next().unwrap_or_default();
        if content.trim().is_empty() {
            continue;
        }
        let row = Row { path, line };
        let mut fields = content.split(',');
        let onset = row.time("onset", fields.next())?;
        let offset = row.time("offset", fields.next())?;
        let name = fields.next().unwrap_or_default();
        row.end(fields.next())?;
        if name.trim().is_empty() {
            return Err(row.error("note", "a note name such as F#4", name));
        }
        match parse_note_name(name) {
            Some(pitch) => score.notes.push(note(&row, onset, offset, pitch, Velocity::MEDIUM)?),
            None => score.unpitched.push(line),
        }
    }
    Note::sort(&mut score.notes);
    Ok(score)
}

/// Notes as a score text, see [`parse_score_text`]: six decimals; pitches that are no whole key are
/// written as MIDI numbers.
///
/// ```
/// use mir_core::{Key, Note, Velocity, formats::render_score_text};
///
/// let note = Note::new(0.5, 1.25, Key::new(66)?.pitch(), Velocity::MEDIUM)?;
/// assert_eq!(render_score_text(&[note]), "0.500000,1.250000,F#4\n");
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn render_score_text(notes: &[Note]) -> String {
    let mut text = String::new();
    for note in notes {
        let name = note_name(note.pitch());
        let _ = writeln!(text, "{:.6},{:.6},{name}", note.onset(), note.offset());
    }
    text
}
