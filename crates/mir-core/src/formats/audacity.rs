//! Audacity's label tracks.

use std::{fmt::Write as _, path::Path};

use super::{
    names::{note_name, parse_note_name},
    text::{Row, finite, lines, one_line},
};
use crate::{Error, Interval, Note, Pitch, Result, Velocity};

/// One label of an Audacity label track.
#[derive(Clone, Debug, PartialEq)]
pub struct AudacityLabel {
    /// When it holds; a point label has no length.
    pub interval: Interval,
    /// Its text.
    pub text: String,
    /// Lowest and highest frequency in Hz of a spectral selection; −1 stands for an open end, as
    /// Audacity writes it.
    pub band: Option<(f64, f64)>,
}

impl AudacityLabel {
    /// A note: its text is the note name, or the MIDI number of a pitch between the keys.
    pub fn from_note(note: &Note) -> Self {
        let interval =
            Interval::new(note.onset(), note.offset()).expect("a note starts before it ends");
        Self { interval, text: note_name(note.pitch()), band: None }
    }

    /// The note that the text names (a note name or a MIDI number), with velocity 64; `None` if it names
    /// none.
    pub fn note(&self) -> Option<Note> {
        let pitch: Pitch = parse_note_name(&self.text)?;
        Note::new(self.interval.start(), self.interval.end(), pitch, Velocity::MEDIUM).ok()
    }
}

/// The labels of an Audacity label track, in their order: tab-separated start, end (seconds) and text.
/// A line that starts with a backslash gives the frequencies of the label before it. A missing end or
/// text is taken for a point label and for no text.
///
/// # Errors
/// [`Error::Parse`] with line and column for a time or frequency that is not a number, a negative time,
/// an end before its start, or frequencies without a label.
///
/// ```
/// let text = "0.5\t1.25\tC4\n\\\t220.0\t440.0\n2.0\t2.0\tclick\n";
/// let labels = mir_core::formats::parse_audacity(text, "labels.txt".as_ref())?;
/// assert_eq!(labels[0].band, Some((220.0, 440.0)));
/// assert_eq!(labels[0].note().map(|note| note.pitch().midi()), Some(60.0));
/// assert_eq!(labels[1].interval.duration(), 0.0);
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn parse_audacity(text: &str, path: &Path) -> Result<Vec<AudacityLabel>> {
    let mut labels: Vec<AudacityLabel> = Vec::new();
    for (line, content) in lines(text) {
        let row = Row { path, line };
        if let Some(rest) = content.strip_prefix('\\') {
            const EXPECTED: &str = "a frequency in Hz, or -1 for none";
            let mut fields = rest.trim_start_matches('\t').splitn(2, '\t');
            let low = row.number("low frequency", EXPECTED, fields.next())?;
            let high = row.number("high frequency", EXPECTED, fields.next())?;
            let label = labels.last_mut().filter(|label| label.band.is_none());
            let label = label.ok_or_else(|| row.error("line", "a label before it", content))?;
            label.band = Some((low, high));
            continue;
        }
        let mut fields = content.splitn(3, '\t');
        let start_text = fields.next();
        let start = row.time("start", start_text)?;
        let second = fields.next();
        // Two columns may also be a time and a text.
        let is_text = second.is_some_and(|field| finite(field.trim()).is_none());
        let (end, text) = match second {
            None => (start, ""),
            Some(text) if is_text && content.matches('\t').count() == 1 => (start, text),
            Some(end) => (row.time("end", Some(end))?, fields.next().unwrap_or_default()),
        };
        let interval = Interval::new(start, end)
            .map_err(|_| row.error("end", "not before the start", &end.to_string()))?;
        labels.push(AudacityLabel { interval, text: text.to_owned(), band: None });
    }
    Ok(labels)
}

/// Labels as an Audacity label track with six decimals, see [`parse_audacity`]. Control characters of
/// texts become spaces.
///
/// ```
/// use mir_core::{Key, Note, Velocity, formats::{AudacityLabel, render_audacity}};
///
/// let note = Note::new(0.5, 1.25, Key::new(60)?.pitch(), Velocity::MEDIUM)?;
/// assert_eq!(render_audacity(&[AudacityLabel::from_note(&note)]), "0.500000\t1.250000\tC4\n");
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn render_audacity(labels: &[AudacityLabel]) -> String {
    let mut out = String::new();
    for label in labels {
        let (start, end) = (label.interval.start(), label.interval.end());
        let _ = writeln!(out, "{start:.6}\t{end:.6}\t{}", one_line(&label.text));
        if let Some((low, high)) = label.band {
            let _ = writeln!(out, "\\\t{low:.6}\t{high:.6}");
        }
    }
    out
}

/// The notes of labels whose texts name pitches, sorted by onset.
///
/// # Errors
/// [`Error::Entry`] for the first label that names none.
pub(super) fn label_notes(labels: &[AudacityLabel], path: &Path) -> Result<Vec<Note>> {
    let note = |(index, label): (usize, &AudacityLabel)| {
        label.note().ok_or_else(|| Error::Entry {
            path: path.to_owned(),
            place: format!("label {}", index + 1),
            field: "text",
            expected: "a note name such as F#4, or a MIDI number",
            actual: super::text::excerpt(&label.text),
        })
    };
    let mut notes = labels.iter().enumerate().map(note).collect::<Result<Vec<_>>>()?;
    Note::sort(&mut notes);
    Ok(notes)
}
