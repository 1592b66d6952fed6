//! What a transcription is made with.

use std::{fs::File, path::Path};

use mir_core::{Fingerprint, Note, SampleRate};
use mir_models::{
    decode::{KeyConfig, KeysAndPedal, NoteDecoderConfig, keys_and_pedal},
    infer::Transcriber,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    args::{Offsets, OutputFormat, TranscribeArgs},
    common::{
        CommonArgs, config,
        failure::{Failure, Outcome},
    },
    evaluate,
};

/// What `--config` and `--set` change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The decoder; that of the weights, if nothing is changed.
    pub decoder: NoteDecoderConfig,
    /// Keys and pedal, for `--offsets keys`.
    pub keys: KeyConfig,
    /// Rate of sound, Hz.
    pub sample_rate: u32,
}

/// Everything that the files of one call share.
#[derive(Debug)]
pub struct Setup {
    pub transcriber: Transcriber,
    pub settings: Settings,
    /// Of sound.
    pub rate: SampleRate,
    /// In the order of writing, each once.
    pub formats: Vec<OutputFormat>,
    pub offsets: Offsets,
    pub instrument: Instrument,
    pub seed: u64,
    pub quiet: bool,
    /// Which weights, for those who read the notes later.
    pub weights: Value,
}

/// What plays the notes.
#[derive(Debug)]
pub enum Instrument {
    /// The piano of this workspace.
    Piano,
    /// The first instrument of a SoundFont.
    #[cfg(feature = "synth")]
    SoundFont(mir_midi::soundfont::SoundFont),
}

impl Instrument {
    fn new(soundfont: Option<&Path>) -> Outcome<Self> {
        match soundfont {
            None => Ok(Self::Piano),
            #[cfg(feature = "synth")]
            Some(path) => Ok(Self::SoundFont(mir_midi::soundfont::SoundFont::read(path)?)),
            #[cfg(not(feature = "synth"))]
            Some(_) => Err(Failure::usage(
                "this program was built without SoundFonts; add --features synth",
            )),
        }
    }
}

impl Setup {
    /// From the command line.
    ///
    /// # Errors
    /// A usage failure for settings that do not go together, a data failure for weights that cannot be read.
    pub fn new(common: &CommonArgs, args: &TranscribeArgs) -> Outcome<Self> {
        let mut formats = args.format.clone();
        formats.sort_unstable();
        formats.dedup();
        if args.soundfont.is_some() && !formats.contains(&OutputFormat::Wav) {
            return Err(Failure::usage("--soundfont is for sound: add wav to --format"));
        }
        let mut model = evaluate::open_model(args.weights.as_deref(), common)?;
        let defaults = Settings {
            decoder: model.meta().decoder.clone(),
            keys: KeyConfig::default(),
            sample_rate: 44_100,
        };
        let settings = config::resolve(&defaults, common.config.as_deref(), &common.set)?;
        settings.decoder.validate()?;
        settings.keys.validate()?;
        let rate = SampleRate::new(settings.sample_rate)
            .map_err(|e| Failure::usage(format!("sample_rate: {e}")))?;
        model.meta_mut().decoder = settings.decoder.clone();
        let fingerprint = match &args.weights {
            None => Fingerprint::of_bytes(evaluate::SHIPPED),
            Some(path) => Fingerprint::of_reader(File::open(path)?)?,
        };
        let weights = json!({
            "file": args.weights.as_deref().and_then(Path::file_name).map(|n| n.to_string_lossy()),
            "sha256_first_16_bytes": fingerprint.to_string(),
            "steps": model.meta().step,
            "training_data": model.meta().training_data,
        });
        Ok(Self {
            transcriber: Transcriber::new(model)?,
            settings,
            rate,
            formats,
            offsets: args.offsets,
            instrument: Instrument::new(args.soundfont.as_deref())?,
            seed: common.seed.unwrap_or(0),
            quiet: common.quiet,
            weights,
        })
    }

    /// Keys and pedal behind the notes, if they are wanted.
    ///
    /// # Errors
    /// Of the estimate.
    pub fn played(&self, notes: &[Note]) -> Outcome<Option<KeysAndPedal>> {
        Ok(match self.offsets {
            Offsets::Sound => None,
            Offsets::Keys => Some(keys_and_pedal(notes, &self.settings.keys)?),
        })
    }
}
