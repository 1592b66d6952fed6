//! What transcribes: a network, or a peak picker; and how notes are made of what it says.

use std::{fmt, fs, path::Path};

use mir_core::{AudioBuffer, Note, PedalSpan, SampleRate};
use mir_datasets::{Dataset, Split};
use mir_eval::{pedal::PedalConfig, transcription::TranscriptionConfig};
use mir_models::{
    Device, DeviceChoice,
    activations::TranscriptionActivations,
    baseline::PeakPicker,
    decode::{
        NoteDecoderConfig, OriginalDecoder, PedalDecoderConfig, RegressionDecoderConfig, decode,
        decode_pedal, decode_pedal_key, decode_regression,
    },
    infer::{
        HighResolutionMeta, HighResolutionModel, HighResolutionTranscriber, Transcriber,
        TranscriptionModel,
    },
    thresholds::tune,
    weights::{ModelMeta, format_of},
};

use crate::{
    common::{
        CommonArgs,
        failure::{Failure, Outcome},
    },
    evaluate::Ahead,
    experiment::Experiment,
    report::Head,
};

/// The network that comes with the program.
pub const SHIPPED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/onsets_frames_maps.safetensors"));

/// A network from a file, or the one that comes with the program.
///
/// # Errors
/// A data failure if the file is unusable, a usage failure for a device that is not there.
pub fn open_model(weights: Option<&Path>, common: &CommonArgs) -> Outcome<TranscriptionModel> {
    let device = device(common)?;
    Ok(match weights {
        Some(path) => TranscriptionModel::open(path, device)?,
        None => TranscriptionModel::from_bytes(SHIPPED, "(the weights of this program)", device)?,
    })
}

/// The high-resolution networks, if the file holds them.
///
/// # Errors
/// As [`open_model`].
pub fn open_high_resolution(
    weights: Option<&Path>,
    common: &CommonArgs,
) -> Outcome<Option<HighResolutionTranscriber>> {
    let Some(path) = weights else { return Ok(None) };
    if format_of(path)? != HighResolutionMeta::FORMAT {
        return Ok(None);
    }
    let model = HighResolutionModel::open(path, device(common)?)?;
    Ok(Some(HighResolutionTranscriber::new(model)?))
}

fn device(common: &CommonArgs) -> Outcome<Device> {
    Ok(common.device.parse::<DeviceChoice>()?.resolve()?)
}

/// What transcribes.
#[derive(Debug)]
pub enum Method {
    /// A trained network, and whose decoder in place of ours.
    Network(Box<Transcriber>, Option<OriginalDecoder>),
    /// The high-resolution networks.
    HighResolution(Box<HighResolutionTranscriber>),
    /// A peak picker, and how its activations become notes.
    Peaks(Box<PeakPicker>, Decoding),
}

impl Method {
    /// Weights of any kind, or those that come with the program.
    ///
    /// # Errors
    /// As [`open_model`]; a usage failure for an original program's decoder where there is none.
    pub fn open(
        weights: Option<&Path>,
        original: Option<OriginalDecoder>,
        common: &CommonArgs,
    ) -> Outcome<Self> {
        let Some(transcriber) = open_high_resolution(weights, common)? else {
            return Self::network(open_model(weights, common)?, original);
        };
        if original.is_some() {
            let message = "--decoder: these weights have a decoder of their own kind";
            return Err(Failure::usage(message));
        }
        Ok(Self::HighResolution(Box::new(transcriber)))
    }

    /// A trained network.
    ///
    /// # Errors
    /// A data failure if its front end is unknown.
    pub fn network(model: TranscriptionModel, decoder: Option<OriginalDecoder>) -> Outcome<Self> {
        Ok(Self::Network(Box::new(Transcriber::new(model)?), decoder))
    }

    /// The peak picker, its thresholds tuned on the validation split as those of a network are.
    ///
    /// # Errors
    /// A data failure that names the recording.
    pub fn tuned_peaks(dataset: &dyn Dataset, experiment: &Experiment) -> Outcome<Self> {
        let picker = PeakPicker::new()?;
        let mut recordings = Vec::new();
        for loaded in Ahead::new(dataset.split(Split::Validation)?, picker.sample_rate()) {
            let (_, audio, notes) = loaded?;
            recordings.push((picker.activations(&audio)?, notes));
        }
        let pairs: Vec<_> = recordings.iter().map(|(a, notes)| (a, notes.as_slice())).collect();
        let tuned = tune(&pairs, &experiment.decoder, &experiment.search)?;
        let decoding =
            Decoding { how: How::Ours(tuned.decoder), roll_threshold: tuned.roll_threshold };
        Ok(Self::Peaks(Box::new(picker), decoding))
    }

    /// What it says of a recording, and the pedal, if it hears it.
    ///
    /// # Errors
    /// A data failure for audio that it cannot hear.
    pub fn hear(
        &self,
        audio: &AudioBuffer,
    ) -> Outcome<(TranscriptionActivations, Option<Vec<PedalSpan>>)> {
        Ok(match self {
            Self::Network(transcriber, _) => (transcriber.activations(audio)?, None),
            Self::HighResolution(transcriber) => {
                let said = transcriber.activations(audio, |_| true)?;
                let said =
                    said.ok_or_else(|| Failure::data("the recording was not heard to its end"))?;
                let config = &transcriber.model().meta().pedal_decoder;
                let pedal = said.pedal.as_ref().map(|pedal| decode_pedal(pedal, config));
                (said.notes, pedal.transpose()?)
            }
            Self::Peaks(picker, _) => (picker.activations(audio)?, None),
        })
    }

    /// How it makes notes of activations.
    pub fn decoding(&self) -> Decoding {
        match self {
            Self::Network(transcriber, original) => {
                Decoding::of(transcriber.model().meta(), *original)
            }
            Self::HighResolution(transcriber) => Decoding::regression(transcriber.model().meta()),
            Self::Peaks(_, decoding) => decoding.clone(),
        }
    }

    /// Says in a report what it is.
    ///
    /// # Errors
    /// A data failure if the weights cannot be read again.
    pub fn describe(&self, weights: Option<&Path>, head: &mut Head) -> Outcome<()> {
        let (network, training_data, settings) = match self {
            Self::Peaks(..) => {
                head.fact("Weights", "none: a peak picker, which has learned nothing");
                return Ok(());
            }
            Self::Network(transcriber, _) => {
                let (model, meta) = (transcriber.model(), transcriber.model().meta());
                let network = format!("{} parameters, {} steps", model.parameters(), meta.step);
                (network, &meta.training_data, serde_json::to_string_pretty(meta))
            }
            Self::HighResolution(transcriber) => {
                let (model, meta) = (transcriber.model(), transcriber.model().meta());
                let parameters = model.parameters();
                let steps = match meta.step {
                    0 => String::new(),
                    steps => format!(", {steps} steps"),
                };
                let network = format!("high resolution, {parameters} parameters{steps}");
                (network, &meta.training_data, serde_json::to_string_pretty(meta))
            }
        };
        match weights {
            Some(path) => head.weights(&path.display().to_string(), &fs::read(path)?),
            None => head.weights("those of the program", SHIPPED),
        }
        head.fact("Network", network);
        head.fact("Trained on", &**training_data);
        head.settings = settings.map_err(|e| Failure::data(e.to_string()))?;
        Ok(())
    }

    /// The sample rate that it hears at.
    pub fn sample_rate(&self) -> SampleRate {
        match self {
            Self::Network(transcriber, _) => transcriber.sample_rate(),
            Self::HighResolution(transcriber) => transcriber.sample_rate(),
            Self::Peaks(picker, _) => picker.sample_rate(),
        }
    }

    /// Training steps behind it, as far as they are known.
    pub fn steps(&self) -> u64 {
        match self {
            Self::Network(transcriber, _) => transcriber.model().meta().step,
            Self::HighResolution(transcriber) => transcriber.model().meta().step,
            Self::Peaks(..) => 0,
        }
    }
}

/// How notes are made of activations.
#[derive(Clone, Debug)]
pub struct Decoding {
    how: How,
    /// From which frame probability on a key sounds.
    pub roll_threshold: f64,
}

#[derive(Clone, Debug)]
enum How {
    Ours(NoteDecoderConfig),
    /// An original program's, with the thresholds of ours.
    Original(OriginalDecoder, NoteDecoderConfig),
    /// Of activations that fall off around onsets and offsets.
    Regression(RegressionDecoderConfig),
    /// Of the pedal.
    Pedal(PedalDecoderConfig),
}

impl Decoding {
    /// That of a network, or of an original program with its thresholds.
    pub fn of(meta: &ModelMeta, original: Option<OriginalDecoder>) -> Self {
        let ModelMeta { decoder, roll_threshold, .. } = meta;
        let decoder = decoder.clone();
        let how = match original {
            None => How::Ours(decoder),
            Some(original) => How::Original(original, decoder),
        };
        Self { how, roll_threshold: *roll_threshold }
    }

    /// That of the high-resolution networks.
    pub fn regression(meta: &HighResolutionMeta) -> Self {
        Self { how: How::Regression(meta.decoder.clone()), roll_threshold: meta.roll_threshold }
    }

    /// That of the pedal, whose presses are notes of one key.
    pub fn pedal(meta: &HighResolutionMeta) -> Self {
        let config = meta.pedal_decoder.clone();
        Self { roll_threshold: config.frame_threshold, how: How::Pedal(config) }
    }

    /// How far notes may lie from those of the reference.
    pub fn tolerances(&self) -> TranscriptionConfig {
        match &self.how {
            How::Pedal(_) => PedalConfig::default().notes(),
            _ => TranscriptionConfig::default(),
        }
    }

    /// The notes.
    ///
    /// # Errors
    /// Of the decoder.
    pub fn notes(&self, activations: &TranscriptionActivations) -> mir_models::Result<Vec<Note>> {
        match &self.how {
            How::Ours(config) => decode(activations, config),
            How::Original(original, config) => {
                original.decode(activations, config.onset_threshold, config.frame_threshold)
            }
            How::Regression(config) => decode_regression(activations, config),
            How::Pedal(config) => decode_pedal_key(activations, config),
        }
    }

    /// The threshold of onsets; that of frames for the pedal.
    pub fn onset_threshold(&self) -> f64 {
        match &self.how {
            How::Ours(config) | How::Original(_, config) => config.onset_threshold,
            How::Regression(config) => config.onset_threshold,
            How::Pedal(config) => config.frame_threshold,
        }
    }

    /// The same with another threshold of onsets.
    pub fn at(&self, onset_threshold: f64) -> Self {
        let mut other = self.clone();
        match &mut other.how {
            How::Ours(config) | How::Original(_, config) => {
                config.onset_threshold = onset_threshold
            }
            How::Regression(config) => config.onset_threshold = onset_threshold,
            How::Pedal(config) => config.frame_threshold = onset_threshold,
        }
        other
    }
}

impl fmt::Display for Decoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whose, frame_threshold) = match &self.how {
            How::Ours(config) => ("ours", config.frame_threshold),
            How::Original(original, config) => (original.name(), config.frame_threshold),
            How::Regression(config) => ("high resolution", config.frame_threshold),
            How::Pedal(config) => ("pedal", config.frame_threshold),
        };
        let onset_threshold = self.onset_threshold();
        write!(
            f,
            "{whose}, onset threshold {onset_threshold:.3}, frame threshold {frame_threshold:.3}"
        )
    }
}
