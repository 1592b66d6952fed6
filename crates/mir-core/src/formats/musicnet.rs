//! The label files of MusicNet.

use std::{fmt::Write as _, path::Path};

use super::{
    notes::is_header,
    text::{Row, csv_fields, csv_quoted, lines},
};
use crate::{Error, Key, Note, Result, SampleRate, Velocity};

/// Samples in a second of MusicNet's audio, the unit of its times.
const RATE: SampleRate = SampleRate::HZ_44100;

/// Latest time that is read, in samples: a week.
const MAX_SAMPLES: f64 = 7.0 * 86_400.0 * 44_100.0;

const COLUMNS: [&str; 7] =
    ["start_time", "end_time", "instrument", "note", "start_beat", "end_beat", "note_value"];

/// A row of a MusicNet label file.
#[derive(Clone, Debug, PartialEq)]
pub struct MusicNetLabel {
    /// First sample at 44.1 kHz.
    pub start: u64,
    /// The sample after the last, not before `start`.
    pub end: u64,
    /// General MIDI program *counted from 1*: 1 piano, 41 violin, 72 clarinet. 0 to 128.
    pub instrument: u8,
    /// The key.
    pub key: Key,
    /// Position in the score, in beats of its metre.
    pub start_beat: f64,
    /// Length in the score, in beats. The file calls it `end_beat`, but it is no end.
    pub beats: f64,
    /// Written value, such as `Dotted Quarter`.
    pub note_value: String,
}

impl MusicNetLabel {
    /// The note in seconds, with velocity 64: MusicNet has none.
    pub fn note(&self) -> Note {
        let seconds = |sample: u64| RATE.seconds(sample as usize);
        let end = seconds(self.end.max(self.start));
        Note::new(seconds(self.start), end, self.key.pitch(), Velocity::MEDIUM)
            .expect("times of samples are finite, at least 0, and in order")
    }

    /// General MIDI program counted from 0, `None` if the file says 0.
    pub const fn gm_program(&self) -> Option<u8> {
        self.instrument.checked_sub(1)
    }

    /// From a note and a General MIDI program counted from 0 (0 to 127); without a place in a score.
    ///
    /// # Errors
    /// [`Error::NotRepresentable`] for a pitch that is no key of MIDI, [`Error::OutOfRange`] for a
    /// program above 127.
    pub fn from_note(note: &Note, program: u8) -> Result<Self> {
        if program > 127 {
            let actual = f64::from(program);
            return Err(Error::OutOfRange { field: "program", expected: "0 to 127", actual });
        }
        let midi = note.pitch().midi();
        let key = note.pitch().key().filter(|key| (key.pitch().midi() - midi).abs() < 1e-9);
        let key = key.ok_or(Error::NotRepresentable {
            format: "a MusicNet label",
            what: "pitch",
            actual: midi,
        })?;
        Ok(Self {
            start: RATE.sample_at(note.onset()) as u64,
            end: RATE.sample_at(note.offset()) as u64,
            instrument: program + 1,
            key,
            start_beat: 0.0,
            beats: 0.0,
            note_value: String::new(),
        })
    }
}

/// The rows of a MusicNet label file: comma-separated
/// `start_time,end_time,instrument,note,start_beat,end_beat,note_value`, in their order.
///
/// # Errors
/// [`Error::Parse`] with line and column for a field that is missing, not a number, or outside its
/// range.
///
/// ```
/// let text = "start_time,end_time,instrument,note,start_beat,end_beat,note_value\n\
///             44100,88200,1,69,0.0,3.0,Dotted Quarter\n";
/// let labels = mir_core::formats::parse_musicnet(text, "1733.csv".as_ref())?;
/// assert_eq!(labels[0].note().onset(), 1.0);
/// assert_eq!(labels[0].gm_program(), Some(0));
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn parse_musicnet(text: &str, path: &Path) -> Result<Vec<MusicNetLabel>> {
    let mut labels = Vec::new();
    for (line, content) in lines(text) {
        let fields = csv_fields(content);
        let field = |index: usize| fields.get(index).map(String::as_str);
        if line == 1 && is_header(field(0)) {
            continue;
        }
        let row = Row { path, line };
        let whole = |index: usize, expected, most: f64| {
            let name = COLUMNS[index];
            let value = row.number(name, expected, field(index))?;
            if value.fract() != 0.0 || !(0.0..=most).contains(&value) {
                return Err(row.error(name, expected, field(index).unwrap_or_default()));
            }
            Ok(value)
        };
        const SAMPLE: &str = "a whole number of samples at 44.1 kHz, at most a week";
        let start = whole(0, SAMPLE, MAX_SAMPLES)? as u64;
        let end = whole(1, SAMPLE, MAX_SAMPLES)? as u64;
        if end < start {
            return Err(row.error(COLUMNS[1], "not before start_time", &end.to_string()));
        }
        let instrument = whole(2, "a General MIDI program from 0 to 128", 128.0)? as u8;
        let key = Key::new(whole(3, "a MIDI number from 0 to 127", 127.0)? as u8)?;
        let start_beat = row.number(COLUMNS[4], "a number of beats", field(4))?;
        let beats = row.number(COLUMNS[5], "a number of beats", field(5))?;
        row.end(field(7))?;
        let note_value = field(6).unwrap_or_default().to_owned();
        labels.push(MusicNetLabel { start, end, instrument, key, start_beat, beats, note_value });
    }
    Ok(labels)
}

/// Rows as a MusicNet label file, see [`parse_musicnet`].
///
/// ```
/// use mir_core::{Key, Note, Velocity, formats::{MusicNetLabel, parse_musicnet, render_musicnet}};
///
/// let note = Note::new(1.0, 2.0, Key::new(69)?.pitch(), Velocity::MEDIUM)?;
/// let labels = [MusicNetLabel::from_note(&note, 40)?];
/// let text = render_musicnet(&labels);
/// assert!(text.contains("44100,88200,41,69,"));
/// assert_eq!(parse_musicnet(&text, "x.csv".as_ref())?, labels);
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn render_musicnet(labels: &[MusicNetLabel]) -> String {
    let mut text = COLUMNS.join(",") + "\n";
    for label in labels {
        let value = &label.note_value;
        let plain = value.chars().all(|c| c.is_alphanumeric() || c == ' ') && value.trim() == value;
        let value = if plain { value.clone() } else { csv_quoted(value) };
        let _ = writeln!(
            text,
            "{},{},{},{},{:?},{:?},{value}",
            label.start,
            label.end,
            label.instrument,
            label.key.number(),
            label.start_beat,
            label.beats,
        );
    }
    text
}
