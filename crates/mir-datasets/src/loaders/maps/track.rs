//! One recording of MAPS.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use mir_audio::LoadOptions;
use mir_core::{
    AudioBuffer, Fingerprint, Note, PedalSpan,
    formats::{parse_maps, read_notes, read_text},
};

use mir_midi::Score;

use super::{
    super::{common::fingerprint, read, sound::Sound},
    MapsName,
};
use crate::{
    Annotation, Error, Kind, Label, Result, Track, TrackId,
    dataset::{not_annotated, only_notes},
};

/// The variant of the notes of the MIDI file, pedals applied.
const MIDI: &str = "midi";

/// How far the onset of a note in the text and in the MIDI file may lie apart, seconds. The text is made
/// from the MIDI file and rounds its times to microseconds; the shortest distance of two onsets of one
/// key is several milliseconds.
const SAME_ONSET: f64 = 0.002;

#[derive(Clone, Debug)]
pub(super) struct MapsTrack {
    pub(super) id: TrackId,
    pub(super) name: MapsName,
    pub(super) audio: PathBuf,
    piece: String,
    labels: PathBuf,
    /// The MIDI file of the original layout.
    midi: Option<PathBuf>,
    offered: Vec<Label>,
    metadata: BTreeMap<String, String>,
}

impl MapsTrack {
    pub(super) fn new(
        id: TrackId,
        name: MapsName,
        audio: PathBuf,
        labels: PathBuf,
        midi: Option<PathBuf>,
    ) -> Self {
        let mut offered = only_notes().to_vec();
        offered.extend(midi.as_ref().map(|_| Label::new(Kind::Notes, MIDI)));
        let metadata =
            name.describe().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self { id, piece: name.piece(), name, audio, labels, midi, offered, metadata }
    }

    /// The notes of the MIDI file.
    fn midi(&self, path: &Path) -> Result<Vec<Note>> {
        read::midi(path).map_err(|source| self.failed(MIDI, source))
    }

    fn failed(&self, variant: &str, source: Error) -> Error {
        Error::Annotation {
            track: self.id.clone(),
            label: Label::new(Kind::Notes, variant).to_string(),
            source: Box::new(source),
        }
    }
}

impl Track for MapsTrack {
    fn id(&self) -> &TrackId {
        &self.id
    }

    fn piece(&self) -> &str {
        &self.piece
    }

    fn instrument(&self) -> &str {
        self.name.piano.code()
    }

    fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    fn audio(&self, options: &LoadOptions) -> Result<AudioBuffer> {
        mir_audio::load(&self.audio, options)
            .map_err(|source| Error::Audio { track: self.id.clone(), source: Box::new(source) })
    }

    fn notes(&self) -> Result<Vec<Note>> {
        if self.labels.extension().is_some_and(|ending| ending == "txt") {
            let path = &self.labels;
            let notes = read_text(path).and_then(|text| parse_maps(&text, path));
            let notes = notes.map_err(|source| self.failed("", source.into()))?;
            return Ok(match &self.midi {
                Some(midi) => with_velocities(notes, &self.midi(midi)?),
                None => notes,
            });
        }
        read_notes(&self.labels)
            .map_err(|source| Error::Notes { track: self.id.clone(), source: Box::new(source) })
    }

    /// Of the MIDI file, where there is one.
    fn pedal(&self) -> Result<Vec<PedalSpan>> {
        let Some(midi) = &self.midi else {
            return Err(not_annotated(&self.id, "pedal".to_owned(), &self.offered));
        };
        let score = Score::read(midi).map_err(|source| {
            let track = self.id.clone();
            Error::Midi { track, source: Box::new(source) }
        })?;
        Ok(mir_midi::pedal::spans(&score.performance()))
    }

    fn labels(&self) -> &[Label] {
        &self.offered
    }

    fn annotation(&self, label: &Label) -> Result<Annotation> {
        match &self.midi {
            Some(midi) if *label == Label::new(Kind::Notes, MIDI) => {
                Ok(Annotation::Notes(self.midi(midi)?))
            }
            _ if only_notes().contains(label) => Ok(Annotation::Notes(self.notes()?)),
            _ => Err(not_annotated(&self.id, label.to_string(), &self.offered)),
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let midi = self.midi.iter();
        [&self.audio, &self.labels].into_iter().chain(midi).cloned().collect()
    }

    fn source_fingerprint(&self) -> Result<Fingerprint> {
        let files = self.files();
        let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        fingerprint("mir-datasets/maps/1", &files)
    }

    fn seconds(&self) -> Result<f64> {
        Sound::File(self.audio.clone()).seconds(&self.id)
    }

    fn duration_hint(&self) -> Option<f64> {
        // The labels of this data set reach to the end of the audio within a few seconds.
        self.notes().ok()?.iter().map(Note::offset).reduce(f64::max)
    }
}

/// The notes of a text with the velocities of the same notes in the MIDI file; both are sorted by onset.
/// Notes that the MIDI file does not have keep theirs.
fn with_velocities(mut notes: Vec<Note>, midi: &[Note]) -> Vec<Note> {
    for note in &mut notes {
        let first = midi.partition_point(|m| m.onset() < note.onset() - SAME_ONSET);
        let near = midi[first..].iter().take_while(|m| m.onset() <= note.onset() + SAME_ONSET);
        let same = near.filter(|m| m.pitch().key() == note.pitch().key()).min_by(|a, b| {
            (a.onset() - note.onset()).abs().total_cmp(&(b.onset() - note.onset()).abs())
        });
        if let Some(same) = same
            && let Ok(whole) = Note::new(note.onset(), note.offset(), note.pitch(), same.velocity())
        {
            *note = whole;
        }
    }
    notes
}
