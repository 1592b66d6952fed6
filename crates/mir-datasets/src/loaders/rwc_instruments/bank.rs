//! From the folder to a bank of notes.

use std::path::Path;

use mir_audio::LoadOptions;
use mir_core::{Interval, SampleRate};
use serde::{Deserialize, Serialize};

use super::{INFO, Loudness, ScaleNote, open, parse_name, scale};
use crate::{
    Dataset, Error, Kind, Result, Track, TrackId,
    sampled::{NoteBank, NoteKey, NoteLevel, SampledNote},
};

/// Which recordings become notes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RwcBankConfig {
    /// Numbers of the instruments, 1 to 50; empty for all.
    pub instruments: Vec<u8>,
    /// Makes, 1 to 3; empty for all.
    pub makes: Vec<u8>,
    /// Styles, in capitals; empty for all.
    pub styles: Vec<String>,
    /// Rate of the notes.
    pub sample_rate: SampleRate,
}

impl Default for RwcBankConfig {
    /// Bassoon, clarinet, tenor saxophone and violin of every make, played normally, at 44.1 kHz: the notes
    /// that Miron, Janer and Gómez 2017 play Bach's chorales with.
    fn default() -> Self {
        Self {
            instruments: vec![15, 27, 30, 31],
            makes: Vec::new(),
            styles: vec!["NO".to_owned()],
            sample_rate: SampleRate::HZ_44100,
        }
    }
}

impl RwcBankConfig {
    fn validate(&self) -> Result<()> {
        for (field, expected, most, values) in [
            ("instruments", "numbers from 1 to 50", 50, &self.instruments),
            ("makes", "numbers from 1 to 3", 3, &self.makes),
        ] {
            if let Some(value) = values.iter().find(|value| !(1..=most).contains(*value)) {
                return Err(Error::InvalidConfig { field, expected, actual: value.to_string() });
            }
        }
        Ok(())
    }
}

/// A bank, and where it comes from.
#[derive(Debug)]
pub struct RwcBank {
    /// The notes.
    pub bank: NoteBank,
    /// Recordings whose notes an annotation names.
    pub annotated: usize,
    /// Recordings whose notes were found in the sound.
    pub segmented: usize,
    /// Recordings that could not be used, and why.
    pub skipped: Vec<(TrackId, Error)>,
}

/// Reads the notes of some instruments. A recording that cannot be used is skipped and reported.
///
/// # Errors
/// Those of [`open`]; [`Error::InvalidConfig`] for a number outside its range; [`Error::NoRecordings`] where
/// no recording is of the instruments, makes and styles.
///
/// ```no_run
/// use mir_datasets::loaders::rwc_instruments::{RwcBankConfig, load_bank};
///
/// let rwc = load_bank("/data/rwc", &RwcBankConfig::default())?;
/// println!("{} notes of {} recordings", rwc.bank.len(), rwc.annotated + rwc.segmented);
/// # Ok::<(), mir_datasets::Error>(())
/// ```
pub fn load_bank(root: impl AsRef<Path>, config: &RwcBankConfig) -> Result<RwcBank> {
    config.validate()?;
    let root = root.as_ref();
    let mut found = RwcBank { bank: NoteBank::new(), annotated: 0, segmented: 0, skipped: vec![] };
    let mut wanted = 0;
    for track in open(root)?.tracks() {
        let Some(name) = parse_name(track.id().as_str()) else { continue };
        let asked = |list: &[u8], value: u8| list.is_empty() || list.contains(&value);
        if !asked(&config.instruments, name.instrument)
            || !asked(&config.makes, name.make)
            || !(config.styles.is_empty() || config.styles.contains(&name.style))
        {
            continue;
        }
        wanted += 1;
        let key = NoteKey {
            instrument: track.instrument().to_owned(),
            pitch: 0,
            level: match name.loudness {
                Loudness::Piano => NoteLevel::Piano,
                Loudness::Mezzo => NoteLevel::Mezzo,
                Loudness::Forte => NoteLevel::Forte,
            },
            style: name.style,
            make: name.make,
        };
        match add(&mut found.bank, track.as_ref(), &key, config.sample_rate) {
            Ok(true) => found.annotated += 1,
            Ok(false) => found.segmented += 1,
            Err(error) => found.skipped.push((track.id().clone(), error)),
        }
    }
    if wanted == 0 {
        return Err(Error::NoRecordings {
            dataset: INFO.title,
            path: root.to_owned(),
            expected: "recordings of the instruments, makes and styles that are asked for",
        });
    }
    Ok(found)
}

/// Adds the notes of a recording; says whether an annotation names them.
fn add(bank: &mut NoteBank, track: &dyn Track, key: &NoteKey, rate: SampleRate) -> Result<bool> {
    let options = LoadOptions { sample_rate: Some(rate), mono: true, ..LoadOptions::default() };
    let audio = track.audio(&options)?;
    let annotated = track.labels().iter().any(|label| label.kind == Kind::Notes);
    let notes = if annotated {
        let note = |note: &mir_core::Note| {
            let interval = Interval::new(note.onset(), note.offset()).ok()?;
            Some(ScaleNote { interval, key: note.pitch().key()? })
        };
        track.notes()?.iter().filter_map(note).collect()
    } else {
        scale(&audio)?.ok_or_else(|| Error::Malformed {
            path: track.files().into_iter().next().unwrap_or_default(),
            format: "chromatic scale",
            source: "its notes do not rise by a semitone each; say where they are in a .mat file"
                .into(),
        })?
    };
    for note in notes {
        let end = rate.sample_at(note.interval.end()).min(audio.len());
        let start = rate.sample_at(note.interval.start()).min(end);
        let key = NoteKey { pitch: note.key.number(), ..key.clone() };
        bank.add(SampledNote { key, audio: audio.excerpt(start..end) })?;
    }
    Ok(annotated)
}
