//! Single notes, found by instrument, pitch and manner.

use std::{collections::BTreeMap, sync::Arc};

use mir_audio::augment::Transform;
use mir_core::{AudioBuffer, Key};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How loud a note was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteLevel {
    /// Soft.
    Piano,
    /// In between.
    Mezzo,
    /// Loud.
    Forte,
}

/// What a note is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NoteKey {
    /// The instrument.
    pub instrument: String,
    /// Its pitch, as MIDI number.
    pub pitch: u8,
    /// How loud it is.
    pub level: NoteLevel,
    /// How it is played, `NO` for normally.
    pub style: String,
    /// Which one of several instruments of the kind, from 1.
    pub make: u8,
}

/// One recorded note.
#[derive(Clone, Debug, PartialEq)]
pub struct SampledNote {
    /// What it is.
    pub key: NoteKey,
    /// Its sound, mono, from its onset on.
    pub audio: AudioBuffer,
}

/// What was taken in place of what was wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// What was wanted.
    pub wanted: NoteKey,
    /// What was taken.
    pub taken: NoteKey,
}

/// The outcome of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundNote {
    /// The sound, at the wanted pitch.
    pub audio: Arc<AudioBuffer>,
    /// What was taken, if not what was wanted.
    pub replaced: Option<Replaced>,
}

/// Recorded notes of one sample rate.
#[derive(Clone, Debug, Default)]
pub struct NoteBank {
    notes: BTreeMap<NoteKey, Arc<AudioBuffer>>,
}

impl NoteBank {
    /// An empty bank.
    pub const fn new() -> Self {
        Self { notes: BTreeMap::new() }
    }

    /// Adds a note; one with the same key is replaced. Its silence at the start is left out: it begins with the
    /// first sample above 0.01 within the first frame of 1024 samples (128 apart) whose RMS is above 0.01. A
    /// note that is never so loud stays as it is.
    ///
    /// # Errors
    /// [`Error::SampleRate`] for another rate than that of the notes before.
    pub fn add(&mut self, note: SampledNote) -> Result<()> {
        if let Some(first) = self.notes.values().next()
            && first.sample_rate() != note.audio.sample_rate()
        {
            return Err(Error::SampleRate {
                expected: first.sample_rate(),
                actual: note.audio.sample_rate(),
            });
        }
        let audio = note.audio.into_mono();
        let start = onset(audio.channel(0));
        let audio = audio.excerpt(start..audio.len());
        self.notes.insert(note.key, Arc::new(audio));
        Ok(())
    }

    /// Adds the notes of a recording of a chromatic scale, one after the other from `lowest` upwards, each where
    /// its interval says.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if the scale leaves the MIDI range; as [`add`](Self::add).
    pub fn add_scale(
        &mut self,
        first: &NoteKey,
        audio: &AudioBuffer,
        notes: &[mir_core::Interval],
    ) -> Result<()> {
        let rate = audio.sample_rate();
        for (step, interval) in notes.iter().enumerate() {
            let pitch = usize::from(first.pitch) + step;
            let pitch = u8::try_from(pitch).ok().filter(|&pitch| Key::new(pitch).is_ok());
            let Some(pitch) = pitch else {
                return Err(Error::InvalidConfig {
                    field: "notes of a scale",
                    expected: "MIDI numbers up to 127",
                    actual: format!("{} from {} on", notes.len(), first.pitch),
                });
            };
            let end = rate.sample_at(interval.end()).min(audio.len());
            let start = rate.sample_at(interval.start()).min(end);
            let audio = audio.excerpt(start..end);
            self.add(SampledNote { key: NoteKey { pitch, ..first.clone() }, audio })?;
        }
        Ok(())
    }

    /// Number of notes.
    pub fn len(&self) -> usize {
        self.notes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// The note, or the nearest of the same instrument: first another loudness (the nearest), then another
    /// make, then another style, then a pitch up to two semitones away, which is shifted.
    ///
    /// # Errors
    /// [`Error::NoNote`] if there is none of them; [`Error::Augment`] if it cannot be shifted.
    pub fn find(&self, wanted: &NoteKey) -> Result<FoundNote> {
        if let Some(audio) = self.notes.get(wanted) {
            return Ok(FoundNote { audio: Arc::clone(audio), replaced: None });
        }
        let cost = |key: &NoteKey| {
            (
                key.pitch.abs_diff(wanted.pitch),
                key.style != wanted.style,
                key.make != wanted.make,
                (key.level as i8).abs_diff(wanted.level as i8),
            )
        };
        let near = self.notes.iter().filter(|(key, _)| {
            key.instrument == wanted.instrument && key.pitch.abs_diff(wanted.pitch) <= 2
        });
        let Some((key, audio)) = near.min_by_key(|(key, _)| cost(key)) else {
            return Err(Error::NoNote { wanted: Box::new(wanted.clone()) });
        };
        let semitones = f64::from(wanted.pitch) - f64::from(key.pitch);
        let audio = if key.pitch == wanted.pitch {
            Arc::clone(audio)
        } else {
            let shifted = Transform::Pitch { semitones }
                .apply(audio.as_ref().clone())
                .map_err(|source| Error::Augment { source: Box::new(source) })?;
            Arc::new(shifted)
        };
        let replaced = Some(Replaced { wanted: wanted.clone(), taken: key.clone() });
        Ok(FoundNote { audio, replaced })
    }
}

/// Where a note begins, as [`NoteBank::add`] says.
fn onset(samples: &[f32]) -> usize {
    const WINDOW: usize = 1024;
    const HOP: usize = 128;
    const THRESHOLD: f64 = 0.01;
    let mut start = 0;
    while start < samples.len() {
        let frame = &samples[start..samples.len().min(start + WINDOW)];
        let power: f64 = frame.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        if (power / WINDOW as f64).sqrt() > THRESHOLD {
            // A frame may hold much silence before the sound.
            let loud = |sample: &f32| f64::from(sample.abs()) > THRESHOLD;
            return start + frame.iter().position(loud).unwrap_or(0);
        }
        start += HOP;
    }
    0
}
