//! Groove MIDI: drummers on an electronic kit, as MIDI and audio.
//!
//! # Layout
//! ```text
//! ROOT/info.csv
//! ROOT/drummer1/eval_session/1_funk-groove1_138_beat_4-4.mid, .wav
//! ```
//!
//! # Conventions
//! - A track is a row of the table, its id with `_` for `/`; its piece is drummer and session, since takes of
//!   a session resemble each other, and the artist is the drummer.
//! - Pitches are those of a Roland TD-11: 22 of them. Pedals of a drum kit sustain nothing, so notes are as
//!   they were struck. Not every row has audio.
//!
//! Source: J. Gillick, A. Roberts, J. Engel, D. Eck, D. Bamman, ICML 2019.

use std::path::Path;

use mir_core::Note;
use mir_midi::PedalRule;
use serde::Deserialize;

use super::{
    Checksum, Remote,
    collection::{Collection, FileTrack, Info},
    common::{is_below, list},
    read,
    sound::Sound,
};
use crate::{Annotation, Error, Kind, Result, Split};

/// What is known of it.
pub const INFO: Info = Info {
    name: "groove_midi",
    title: "Groove MIDI",
    version: "1.0.0",
    license: "CC BY 4.0",
    citation: "J. Gillick, A. Roberts, J. Engel, D. Eck, D. Bamman: Learning to groove with inverse sequence \
               transformations. ICML, 2019.",
    holds: &[Kind::Notes, Kind::Tempo],
    layout: "info.csv beside drummer1/SESSION/NAME.mid and NAME.wav",
    home: "magenta.tensorflow.org/datasets/groove, open",
    remotes: &[Remote {
        name: "all",
        url: "https://storage.googleapis.com/magentadata/datasets/groove/groove-v1.0.0.zip",
        file: "groove-v1.0.0.zip",
        checksum: Checksum::Md5("99db7e2a087761a913b2abfb19e86181"),
        unpack: Some(""),
    }],
};

#[derive(Deserialize)]
struct Row {
    drummer: String,
    session: String,
    id: String,
    style: String,
    bpm: f64,
    beat_type: String,
    time_signature: String,
    midi_filename: String,
    audio_filename: String,
    duration: f64,
    split: String,
}

/// Lists its takes; reads its table and nothing else.
///
/// # Errors
/// [`Error::NoRecordings`] for another layout, [`Error::Table`] for a row that cannot be used.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    let below = root.join("groove/info.csv");
    let table = if below.is_file() { below } else { root.join("info.csv") };
    let home = table.parent().unwrap_or(root).to_owned();
    let rows: Vec<(u64, Row)> = if table.is_file() { read::table(&table)? } else { Vec::new() };
    let (mut tracks, mut sides) = (Vec::new(), Vec::new());
    for (line, row) in rows {
        let bad = |reason: String| Error::Table { path: table.clone(), line, reason };
        for path in [&row.midi_filename, &row.audio_filename] {
            if !path.is_empty() && !is_below(path) {
                return Err(bad(format!("'{path}' is no path below the folder of the table")));
            }
        }
        if !(row.bpm.is_finite() && row.bpm > 0.0) {
            return Err(bad(format!("bpm is {}, expected a number above 0", row.bpm)));
        }
        let split: Split = row.split.parse().map_err(|_| {
            bad(format!("split is '{}', expected train, validation or test", row.split))
        })?;
        let id = row.id.replace('/', "_");
        let midi = home.join(&row.midi_filename);
        let sound = match row.audio_filename.as_str() {
            "" => Sound::Nowhere(midi.with_extension("wav")),
            path => Sound::File(home.join(path)),
        };
        let tempo = row.bpm;
        let track = FileTrack::new(&INFO, &id, sound)?
            .piece(&row.session)
            .artist(&row.drummer)
            .instrument("drums")
            .meta("style", &row.style)
            .meta("beat_type", &row.beat_type)
            .meta("time_signature", &row.time_signature)
            .duration(Some(row.duration))
            .label(Kind::Notes, "", midi, |path: &Path| -> Result<Vec<Note>> {
                Ok(read::score(path)?.notes(PedalRule::None))
            })
            .label(Kind::Tempo, "", table.clone(), move |_: &Path| Ok(Annotation::Tempo(tempo)));
        tracks.push(track);
        sides.push((split, id));
    }
    let source = "column split of info.csv".to_owned();
    Ok(Collection::new(&INFO, root, tracks)?.divided("official", source, |partition| {
        for (split, id) in sides {
            partition.ids_mut(split).push(id);
        }
    }))
}
