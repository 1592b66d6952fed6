//! How annotation files of common forms are read; loaders name these functions where they list files.

use std::path::Path;

use mir_core::{
    Beats, F0Frame, F0Track, Labeled, MultiF0, Note,
    formats::{
        NoteColumn, parse_beats, parse_f0, parse_labels, parse_multi_f0, parse_note_columns,
        read_text,
    },
};
use mir_midi::{PedalRule, Score};
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// Time and Hz.
pub(super) fn f0(path: &Path) -> Result<F0Track> {
    Ok(parse_f0(&read_text(path)?, path)?)
}

/// Time and Hz, at a frame for every `hop` seconds: the times are printed with too few digits, so they are
/// computed again.
pub(super) fn f0_at(hop: f64) -> impl Fn(&Path) -> Result<F0Track> {
    move |path| {
        let track = f0(path)?;
        let frame =
            |(index, frame): (usize, &F0Frame)| F0Frame { time: index as f64 * hop, ..*frame };
        Ok(F0Track::new(track.frames().iter().enumerate().map(frame).collect())?)
    }
}

/// Time and any number of Hz.
pub(super) fn multi_f0(path: &Path) -> Result<MultiF0> {
    Ok(parse_multi_f0(&read_text(path)?, path)?)
}

/// Time and position.
pub(super) fn beats(path: &Path) -> Result<Beats> {
    Ok(parse_beats(&read_text(path)?, path)?)
}

/// Start, end, label.
pub(super) fn labels(path: &Path) -> Result<Vec<Labeled<String>>> {
    Ok(parse_labels(&read_text(path)?, path)?)
}

/// Notes in columns.
pub(super) fn notes(columns: &'static [NoteColumn]) -> impl Fn(&Path) -> Result<Vec<Note>> {
    move |path| Ok(parse_note_columns(&read_text(path)?, columns, path)?)
}

/// A MIDI file.
pub(super) fn score(path: &Path) -> Result<Score> {
    Score::read(path).map_err(|source| Error::Malformed {
        path: path.to_owned(),
        format: "MIDI",
        source: Box::new(source),
    })
}

/// The notes of a MIDI file, extended by its pedals.
pub(super) fn midi(path: &Path) -> Result<Vec<Note>> {
    Ok(score(path)?.notes(PedalRule::Default))
}

/// The content of a YAML file. `yes` and `no` are texts, as YAML 1.2 has it; aliases cannot blow up.
pub(super) fn yaml<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_saphyr::from_str(&read_text(path)?).map_err(|source| Error::Malformed {
        path: path.to_owned(),
        format: "YAML",
        source: Box::new(source),
    })
}

/// The rows of a comma-separated table with a header, and their lines.
pub(super) fn table<T: DeserializeOwned>(path: &Path) -> Result<Vec<(u64, T)>> {
    super::common::rows(&read_text(path)?, path)
}
