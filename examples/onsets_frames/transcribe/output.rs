//! A transcription as the files that were asked for; each appears complete or not at all.

use std::path::{Path, PathBuf};

use mir_audio::{WavFormat, write_wav};
use mir_core::{
    AudioBuffer, Note,
    formats::{self, Jams, JamsAnnotation, JamsMetadata, PitchUnit},
    publish,
};
use mir_datasets::arrays::{Array, write_npz};
use mir_eval::plots::{RollPlot, piano_roll};
use mir_midi::{
    Pedal, PedalEvent, Performance, Score,
    piano::{self, PianoConfig},
};
use mir_models::{activations::TranscriptionActivations, decode::KeysAndPedal};
use ndarray::Array1;
use serde_json::{Value, json};

use super::settings::{Instrument, Setup};
use crate::{
    args::{Offsets, OutputFormat},
    common::failure::{Failure, Outcome},
};

/// What was heard in a recording.
#[derive(Debug)]
pub struct Transcript {
    /// Name of its file.
    pub name: String,
    /// Its length.
    pub seconds: f64,
    /// The notes as they sound.
    pub notes: Vec<Note>,
    /// Keys and pedal, if they were asked for.
    pub played: Option<KeysAndPedal>,
    /// What the network said, if it was asked for.
    pub activations: Option<TranscriptionActivations>,
}

impl Transcript {
    /// The notes with the ends that were asked for.
    fn notes(&self) -> &[Note] {
        self.played.as_ref().map_or(&self.notes, |played| &played.keys)
    }

    /// The same with the pedal, if there is one.
    fn performance(&self) -> Performance {
        let spans = self.played.as_ref().map_or(&[][..], |played| &played.pedal);
        let event = |time, value| PedalEvent { time, pedal: Pedal::Sustain, value };
        Performance {
            notes: self.notes().to_vec(),
            pedals: spans.iter().flat_map(|s| [event(s.down, 127), event(s.up, 0)]).collect(),
        }
    }
}

/// Writes `OUT.mid`, `OUT.tsv` and so on.
///
/// # Errors
/// A data failure that names the file.
pub fn write(format: OutputFormat, out: &Path, heard: &Transcript, setup: &Setup) -> Outcome<()> {
    let path = |extension: &str| {
        let mut name = out.as_os_str().to_owned();
        name.push(extension);
        PathBuf::from(name)
    };
    match format {
        OutputFormat::Mid => Score::from_performance(&heard.performance()).write(path(".mid"))?,
        OutputFormat::Tsv => formats::write_notes(path(".tsv"), heard.notes())?,
        OutputFormat::Json => {
            publish::write(path(".json"), format!("{:#}\n", description(heard, setup)).as_bytes())?;
        }
        OutputFormat::Jams => jams(heard).write(path(".jams"))?,
        OutputFormat::Png => {
            let plot = RollPlot { title: heard.name.clone(), ..RollPlot::default() };
            piano_roll(None, heard.notes(), &plot)?.write(path(".png"))?;
        }
        OutputFormat::Wav => write_wav(path(".wav"), &sound(heard, setup)?, WavFormat::Int16)?,
        OutputFormat::Npz => {
            let missing = || Failure::data("the activations were not kept");
            write_activations(&path(".npz"), heard.activations.as_ref().ok_or_else(missing)?)?;
        }
    }
    Ok(())
}

/// All that is known about the notes.
fn description(heard: &Transcript, setup: &Setup) -> Value {
    let ends = heard.played.as_ref().map(|played| &played.sounding);
    let notes = heard.notes().iter().enumerate().map(|(index, note)| {
        let key = note.pitch().key();
        let mut value = json!({
            "onset": note.onset(),
            "offset": note.offset(),
            "pitch": key.map(|key| key.number()),
            "name": key.map(|key| key.to_string()),
            "velocity": note.velocity().value(),
        });
        if let Some(sounding) = ends.and_then(|ends| ends.get(index)) {
            value["sounds_until"] = json!(sounding.offset());
        }
        value
    });
    let offsets = match setup.offsets {
        Offsets::Sound => "sound",
        Offsets::Keys => "keys",
    };
    let mut value = json!({
        "file": heard.name,
        "seconds": heard.seconds,
        "weights": setup.weights,
        "settings": { "offsets": offsets, "decoder": setup.settings.decoder },
        "notes": notes.collect::<Vec<_>>(),
    });
    if let Some(played) = &heard.played {
        value["settings"]["keys"] = json!(setup.settings.keys);
        value["pedal"] = json!(played.pedal);
    }
    value
}

fn jams(heard: &Transcript) -> Jams {
    let mut jams = Jams::new(&JamsMetadata {
        title: heard.name.clone(),
        duration: Some(heard.seconds),
        ..JamsMetadata::default()
    });
    jams.push(JamsAnnotation::from_notes(heard.notes(), PitchUnit::Midi));
    jams
}

/// How it sounds on the instrument that was chosen.
fn sound(heard: &Transcript, setup: &Setup) -> Outcome<AudioBuffer> {
    let performance = heard.performance();
    Ok(match &setup.instrument {
        Instrument::Piano => {
            piano::render(&performance, &PianoConfig::grand(), setup.rate, setup.seed)?
        }
        #[cfg(feature = "synth")]
        Instrument::SoundFont(font) => {
            let part = mir_midi::ScorePart { channel: 0, program: 0, performance };
            font.render(&[part.into()], true, setup.rate)?
        }
    })
}

/// `onset` and `frame`, `offset` and `velocity` where there are any, and the `times` of their rows.
fn write_activations(path: &Path, activations: &TranscriptionActivations) -> Outcome<()> {
    let times: Array1<f64> =
        (0..activations.frames()).map(|frame| activations.grid.time_of(frame)).collect();
    let mut arrays =
        vec![("onset", Array::from(&activations.onset)), ("frame", (&activations.frame).into())];
    for (name, values) in [("offset", &activations.offset), ("velocity", &activations.velocity)] {
        arrays.extend(values.as_ref().map(|values| (name, Array::from(values))));
    }
    arrays.push(("times", (&times).into()));
    Ok(write_npz(path, &arrays)?)
}
