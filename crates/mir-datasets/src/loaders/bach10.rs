//! Bach10: ten chorales in four recorded parts, with the pitch and the notes of each.
//!
//! # Layout
//! ```text
//! ROOT/01-AchGottundHerr/01-AchGottundHerr.wav              (here, or below Sources/)
//!                        01-AchGottundHerr-violin.wav       and clarinet, saxphone (sic), bassoon
//!                        01-AchGottundHerr-GTF0s.mat        pitch of the parts
//!                        01-AchGottundHerr-GTNotes.mat      their notes
//!                        01-AchGottundHerr.txt              alignment with the score: read_alignment
//! ```
//! Version 1.1; the MIDI files of version 1.0 hold wrong notes.
//!
//! # Conventions
//! - Parts are soprano (violin), alto (clarinet), tenor (saxophone), bass (bassoon), in this order in all
//!   files. `notes` and `multi_f0` hold all four; `notes violin`, `f0 violin` one.
//! - Frame `n` of the pitch, from 0, is centred at 23 + 10·n ms. A note lasts from the centre of its first
//!   frame to that of its last and 10 ms more; its pitch is the median of its frames.
//! - **A frame that is unvoiced in one part is so in all**: the files follow the level of the ensemble.
//! - The alignment and the notes differ in number, because they join repeated notes in different ways.
//! - The mixture is a recording of its own. [`mix_stems`](super::mix_stems) sums the parts, which is what
//!   separation systems train on.
//!
//! Source: Z. Duan, B. Pardo, C. Zhang, IEEE TASLP 18(8), 2010.

use std::path::{Path, PathBuf};

use mir_core::{
    F0Frame, F0Track, MultiF0, Note, Pitch, Velocity,
    formats::{Delimiter, read_text, text_rows},
};

use super::{
    collection::{Collection, FileTrack, Info},
    common::{first_there, list},
    mat::{self, Value},
};
use crate::{Error, Kind, Result, Split};

/// What is known of it.
pub const INFO: Info = Info {
    name: "bach10",
    title: "Bach10",
    version: "1.1",
    license: "free for research with citation",
    citation: "Z. Duan, B. Pardo, C. Zhang: Multiple fundamental frequency estimation by modeling spectral \
               peaks and non-peak regions. IEEE Transactions on Audio, Speech and Language Processing \
               18(8), 2010.",
    holds: &[Kind::Notes, Kind::F0, Kind::MultiF0],
    layout: "NN-NAME/NN-NAME.wav with NN-NAME-violin.wav, NN-NAME-GTF0s.mat, NN-NAME-GTNotes.mat",
    home: "labsites.rochester.edu/air/resource.html, by request",
    remotes: &[],
};

/// The parts, from above, and how their files may be called.
const PARTS: [(&str, &[&str]); 4] = [
    ("violin", &["violin"]),
    ("clarinet", &["clarinet"]),
    ("saxophone", &["saxphone", "saxophone"]),
    ("bassoon", &["bassoon"]),
];

/// Centre of the first frame and distance of two, seconds.
const FIRST: f64 = 0.023;
const HOP: f64 = 0.010;

/// Lists its chorales; reads none of them.
///
/// # Errors
/// [`Error::NoRecordings`] for another layout.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    let mut folders = list(root)?;
    let below = root.join("Sources");
    if below.is_dir() {
        folders.extend(list(&below)?);
    }
    let mut tracks = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if folder.is_dir() && name.starts_with(|c: char| c.is_ascii_digit()) {
            tracks.push(track(&folder, &name)?);
        }
    }
    Ok(Collection::new(&INFO, root, tracks)?.all_for(Split::Test))
}

fn track(folder: &Path, name: &str) -> Result<FileTrack> {
    let file = |ending: &str| folder.join(format!("{name}{ending}"));
    let (pitch, notes) = (file("-GTF0s.mat"), file("-GTNotes.mat"));
    let mut track = FileTrack::new(&INFO, name, file(".wav"))?
        .artist("Johann Sebastian Bach")
        .instrument("violin, clarinet, saxophone, bassoon")
        .label(Kind::Notes, "", notes.clone(), |path: &Path| {
            let mut all: Vec<Note> = read_notes(path)?.into_iter().flatten().collect();
            Note::sort(&mut all);
            Ok(all)
        })
        .label(Kind::MultiF0, "", pitch.clone(), |path: &Path| multi_f0(&read_f0(path)?));
    for (index, (part, spellings)) in PARTS.into_iter().enumerate() {
        let sounds = spellings.iter().map(|name| file(&format!("-{name}.wav"))).collect();
        track = track
            .stem(part, part, first_there(sounds))
            .label(Kind::Notes, part, notes.clone(), move |path: &Path| {
                Ok(read_notes(path)?.swap_remove(index))
            })
            .label(Kind::F0, part, pitch.clone(), move |path: &Path| {
                Ok(read_f0(path)?.swap_remove(index))
            });
    }
    Ok(track)
}

fn malformed(path: &Path, fault: &'static str) -> Error {
    Error::Malformed { path: path.to_owned(), format: "Bach10 MATLAB", source: fault.into() }
}

/// Reads `NN-NAME-GTF0s.mat`: the pitch of the four parts, from above.
///
/// # Errors
/// [`Error::Malformed`] for a file that is no MATLAB file or holds another matrix.
pub fn read_f0(path: impl AsRef<Path>) -> Result<Vec<F0Track>> {
    let path = path.as_ref();
    let rows = mat::variable(path, "GTF0s")?.rows().filter(|rows| rows.len() == PARTS.len());
    let rows = rows.ok_or_else(|| malformed(path, "GTF0s is no matrix of four rows"))?;
    rows.into_iter()
        .map(|row| {
            let frame = |(n, midi): (usize, f64)| {
                let pitch = (midi != 0.0).then(|| Pitch::from_midi(midi)).transpose();
                let pitch =
                    pitch.map_err(|_| malformed(path, "GTF0s holds what is no MIDI number"))?;
                let voicing = if pitch.is_some() { 1.0 } else { 0.0 };
                Ok(F0Frame { time: FIRST + HOP * n as f64, pitch, voicing })
            };
            let frames = row.into_iter().enumerate().map(frame).collect::<Result<Vec<_>>>()?;
            Ok(F0Track::new(frames)?)
        })
        .collect()
}

fn multi_f0(parts: &[F0Track]) -> Result<MultiF0> {
    let frames = parts.first().map_or(&[][..], F0Track::frames);
    let times = frames.iter().map(|frame| frame.time).collect();
    let pitches = (0..frames.len())
        .map(|n| {
            let mut sounding: Vec<Pitch> = Vec::new();
            for pitch in parts.iter().filter_map(|part| part.frames()[n].pitch) {
                if !sounding.contains(&pitch) {
                    sounding.push(pitch);
                }
            }
            sounding
        })
        .collect();
    Ok(MultiF0::new(times, pitches)?)
}

/// Reads `NN-NAME-GTNotes.mat`: the notes of the four parts, from above.
///
/// # Errors
/// [`Error::Malformed`] for a file that is no MATLAB file or holds other cells.
pub fn read_notes(path: impl AsRef<Path>) -> Result<Vec<Vec<Note>>> {
    let path = path.as_ref();
    let Value::Cells(parts) = mat::variable(path, "GTNotes")? else {
        return Err(malformed(path, "GTNotes is no cell array"));
    };
    if parts.len() != PARTS.len() {
        return Err(malformed(path, "GTNotes has not four cells"));
    }
    parts
        .iter()
        .map(|part| match part {
            Value::Cells(notes) => notes.iter().map(|note| read_note(note, path)).collect(),
            _ => Err(malformed(path, "a part of GTNotes is no cell array")),
        })
        .collect()
}

/// A note: frame numbers from 1 in the first row, MIDI numbers in the second.
fn read_note(note: &Value, path: &Path) -> Result<Note> {
    let rows = note.rows().filter(|rows| rows.len() == 2 && !rows[0].is_empty());
    let rows = rows.ok_or_else(|| malformed(path, "a note is no matrix of two rows"))?;
    let centre = |frame: f64| FIRST + HOP * (frame - 1.0);
    let mut midi = rows[1].clone();
    midi.sort_by(f64::total_cmp);
    let (first, last) = (rows[0][0], rows[0][rows[0].len() - 1]);
    Pitch::from_midi(midi[midi.len() / 2])
        .and_then(|pitch| Note::new(centre(first), centre(last) + HOP, pitch, Velocity::MEDIUM))
        .map_err(|_| malformed(path, "a note has impossible frames or an impossible pitch"))
}

/// A row of the alignment with the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlignedNote {
    /// Onset in the recording, ms.
    pub onset: u32,
    /// Onset in the score, ms.
    pub score_onset: u32,
    /// MIDI number.
    pub midi: u8,
    /// Part, from 1 (violin) to 4 (bassoon).
    pub part: u8,
}

/// Reads `NN-NAME.txt`: four whole numbers a row.
///
/// # Errors
/// [`Error::Core`] with line and column.
pub fn read_alignment(path: impl AsRef<Path>) -> Result<Vec<AlignedNote>> {
    let path: PathBuf = path.as_ref().to_owned();
    let text = read_text(&path)?;
    text_rows(&text, Delimiter::Any, &path)
        .map(|row| {
            let whole = |column, name, expected, most: f64| {
                row.number(column, name, expected, |value| {
                    value.fract() == 0.0 && (0.0..=most).contains(&value)
                })
            };
            const MS: &str = "a whole number of milliseconds";
            Ok(AlignedNote {
                onset: whole(0, "onset", MS, 1e9)? as u32,
                score_onset: whole(1, "score onset", MS, 1e9)? as u32,
                midi: whole(2, "pitch", "a MIDI number from 0 to 127", 127.0)? as u8,
                part: whole(3, "channel", "1 to 4", 4.0)? as u8,
            })
        })
        .collect()
}
