//! What a transcription is made with.

use std::{fs::File, path::Path};

use mir_core::{Fingerprint, Note, SampleRate};
use mir_models::{
    decode::{
        KeyConfig, KeysAndPedal, NoteDecoderConfig, PedalDecoderConfig, RegressionDecoderConfig,
        keys_and_pedal,
    },
    infer::{HighResolutionTranscriber, Segments, Transcriber},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    args::{Offsets, OutputFormat, TranscribeArgs},
    common::{
        CommonArgs, config,
        failure::{Failure, Outcome},
    },
    method,
};

/// What `--config` and `--set` change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings<D = Decoder> {
    /// The decoder; that of the weights, if nothing is changed.
    pub decoder: D,
    /// Keys and pedal, for `--offsets keys`.
    pub keys: KeyConfig,
    /// Rate of sound, Hz.
    pub sample_rate: u32,
}

/// Everything that the files of one call share.
#[derive(Debug)]
pub struct Setup {
    pub ear: Ear,
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

/// How notes are decoded: a network of its own kind, a decoder of its own.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Decoder {
    /// Of Onsets and Frames.
    Notes(NoteDecoderConfig),
    /// Of the high-resolution networks.
    HighResolution(HighResolutionDecoder),
}

/// How notes and pedal are decoded.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HighResolutionDecoder {
    /// The notes.
    pub notes: RegressionDecoderConfig,
    /// The pedal.
    pub pedal: PedalDecoderConfig,
}

/// What hears the notes.
#[derive(Debug)]
pub enum Ear {
    /// A network that hears notes, block by block.
    Notes(Box<Transcriber>),
    /// One that hears notes and pedal, in a whole recording.
    HighResolution(Box<HighResolutionTranscriber>),
}

impl Ear {
    /// Around the weights, and the decoder that they ask for.
    fn open(args: &TranscribeArgs, common: &CommonArgs) -> Outcome<Self> {
        let weights = args.weights.as_deref();
        if let Some(transcriber) = method::open_high_resolution(weights, common)? {
            if args.exact {
                let message = "--exact: these weights are published with segments of 10 s";
                return Err(Failure::usage(message));
            }
            return Ok(Self::HighResolution(Box::new(transcriber)));
        }
        let mut transcriber = Transcriber::new(method::open_model(weights, common)?)?;
        if args.exact {
            transcriber = transcriber.with_segments(Segments::WHOLE)?;
        }
        Ok(Self::Notes(Box::new(transcriber)))
    }

    /// The settings of the weights with the changes of the command line, which it takes over.
    fn settings(&mut self, common: &CommonArgs) -> Outcome<Settings> {
        match self {
            Self::Notes(ear) => {
                let own = &mut ear.model_mut().meta_mut().decoder;
                let settings = Settings::of(own.clone(), common)?;
                settings.decoder.validate()?;
                own.clone_from(&settings.decoder);
                Ok(settings.with(Decoder::Notes))
            }
            Self::HighResolution(ear) => {
                let meta = ear.model_mut().meta_mut();
                let (notes, pedal) = (meta.decoder.clone(), meta.pedal_decoder.clone());
                let settings = Settings::of(HighResolutionDecoder { notes, pedal }, common)?;
                let HighResolutionDecoder { notes, pedal } = settings.decoder.clone();
                notes.validate()?;
                pedal.validate()?;
                (meta.decoder, meta.pedal_decoder) = (notes, pedal);
                Ok(settings.with(Decoder::HighResolution))
            }
        }
    }

    /// The sample rate that it hears at.
    pub fn sample_rate(&self) -> SampleRate {
        match self {
            Self::Notes(ear) => ear.sample_rate(),
            Self::HighResolution(ear) => ear.sample_rate(),
        }
    }
}

impl<D: Serialize + DeserializeOwned> Settings<D> {
    /// Around a decoder, with the changes of the command line.
    fn of(decoder: D, common: &CommonArgs) -> Outcome<Self> {
        let defaults = Self { decoder, keys: KeyConfig::default(), sample_rate: 44_100 };
        config::resolve(&defaults, common.config.as_deref(), &common.set)
    }

    fn with(self, decoder: impl FnOnce(D) -> Decoder) -> Settings {
        let Self { decoder: own, keys, sample_rate } = self;
        Settings { decoder: decoder(own), keys, sample_rate }
    }
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
        let mut ear = Ear::open(args, common)?;
        if matches!((&ear, args.offsets), (Ear::HighResolution(_), Offsets::Keys)) {
            let text = "--offsets keys guesses a pedal, and these weights hear it; leave it out";
            return Err(Failure::usage(text));
        }
        let settings = ear.settings(common)?;
        settings.keys.validate()?;
        let rate = SampleRate::new(settings.sample_rate)
            .map_err(|e| Failure::usage(format!("sample_rate: {e}")))?;
        let fingerprint = match &args.weights {
            None => Fingerprint::of_bytes(method::SHIPPED),
            Some(path) => Fingerprint::of_reader(File::open(path)?)?,
        };
        let weights = json!({
            "file": args.weights.as_deref().and_then(Path::file_name).map(|n| n.to_string_lossy()),
            "sha256_first_16_bytes": fingerprint.to_string(),
            "steps": match &ear {
                Ear::Notes(ear) => Some(ear.model().meta().step),
                Ear::HighResolution(_) => None,
            },
            "training_data": match &ear {
                Ear::Notes(ear) => &ear.model().meta().training_data,
                Ear::HighResolution(ear) => &ear.model().meta().training_data,
            },
        });
        Ok(Self {
            ear,
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
