//! All settings of an experiment, and the presets of the data sets.

use mir_core::RollRule;
use mir_datasets::{
    AugmentConfig, LoaderConfig, WindowConfig, loaders::MapsConfig, mini::MiniConfig,
};
use mir_features::{FrontEndConfig, LogMelConfig};
use mir_models::{
    config::{Clip, CourseModel, HeadKind, LossConfig, OnsetsFramesConfig, Stem, TrainConfig},
    decode::{NoteDecoderConfig, OriginalDecoder, Refinement},
    schedule::Schedule,
    thresholds::SearchConfig,
};
use serde::{Deserialize, Serialize};

use crate::{
    args::PresetName,
    common::{CommonArgs, config, failure::Outcome},
    model::ModelArgs,
};

/// Everything that decides the outcome of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The features.
    pub front_end: FrontEndConfig,
    /// The network.
    pub model: OnsetsFramesConfig,
    /// The training.
    pub train: TrainConfig,
    /// The batches.
    pub loader: LoaderConfig,
    /// The decoder, before its thresholds are tuned.
    pub decoder: NoteDecoderConfig,
    /// From which frame probability on a key sounds, before it is tuned.
    pub roll_threshold: f64,
    /// Decode as an original program does, with the thresholds of `decoder`, and tune nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_decoder: Option<OriginalDecoder>,
    /// The thresholds that are tried on the validation split.
    pub search: SearchConfig,
    /// The built-in data set.
    pub mini: MiniConfig,
    /// The division of MAPS.
    pub maps: MapsConfig,
}

impl Experiment {
    /// The preset of a data set with the changes of the command line.
    ///
    /// # Errors
    /// A usage failure that names the setting.
    pub fn resolve(
        preset: PresetName,
        model: &ModelArgs,
        common: &CommonArgs,
        steps: Option<u64>,
    ) -> Outcome<Self> {
        let mut preset = match preset {
            PresetName::Mini => Self::mini(),
            PresetName::Maps => Self::maps(),
            PresetName::Compat => Self::compat(),
        };
        model.apply(&mut preset)?;
        let mut experiment: Self = config::resolve(&preset, common.config.as_deref(), &common.set)?;
        if let Some(seed) = common.seed {
            experiment.train.seed = seed;
            experiment.loader.seed = seed;
            experiment.mini.seed = seed;
        }
        if let Some(steps) = steps {
            experiment.train.steps = steps;
        }
        experiment.model.validate()?;
        experiment.train.validate()?;
        experiment.decoder.validate()?;
        Ok(experiment)
    }

    /// A few minutes of training on the built-in data set.
    fn mini() -> Self {
        let front_end = LogMelConfig::jongwook();
        Self {
            model: OnsetsFramesConfig::small(),
            train: TrainConfig {
                steps: 1400,
                schedule: Schedule::OneCycle { peak: 2e-3, warmup: 0.1 },
                loss: LossConfig::quick(),
                clip: Clip::GlobalNorm(3.0),
                ema_decay: 0.99,
                validate_every: 800,
                checkpoint_every: 200,
                ..TrainConfig::default()
            },
            loader: LoaderConfig {
                batch_size: 8,
                window: WindowConfig { frames: 160, padding: SILENCE, ..WindowConfig::default() },
                augment: augmentation(),
                ..LoaderConfig::default()
            },
            front_end: FrontEndConfig::LogMel(front_end),
            decoder: NoteDecoderConfig {
                refinement: Refinement::Gaussian,
                ..NoteDecoderConfig::default()
            },
            roll_threshold: 0.5,
            original_decoder: None,
            search: SearchConfig::default(),
            mini: MiniConfig::default(),
            maps: MapsConfig::default(),
        }
    }

    /// The training, the labels and the decoding of the course GCT634, homework 3.
    fn compat() -> Self {
        let rate =
            Schedule::Exponential { initial: 6e-4, factor: 0.98, every: 1000, smooth: false };
        Self {
            front_end: FrontEndConfig::LogMel(LogMelConfig::hw3()),
            model: OnsetsFramesConfig::course(CourseModel::Cnn, 48, 256),
            train: TrainConfig {
                steps: 10_000,
                schedule: rate,
                clip: Clip::TensorNorm(3.0),
                validate_every: 1000,
                checkpoint_every: 1000,
                ..TrainConfig::default()
            },
            loader: LoaderConfig {
                batch_size: 16,
                window: WindowConfig { frames: 200, padding: SILENCE, ..WindowConfig::default() },
                roll: RollRule::Floor,
                ..LoaderConfig::default()
            },
            // For whoever decodes the trained network with ours.
            decoder: NoteDecoderConfig {
                row_shift: NoteDecoderConfig::row_shift_of(RollRule::Floor),
                ..NoteDecoderConfig::default()
            },
            original_decoder: Some(OriginalDecoder::Hw3),
            ..Self::mini()
        }
    }

    /// Training on MAPS: the network that comes with the program, whose other settings are in `models/README.md`.
    fn maps() -> Self {
        let mini = Self::mini();
        Self {
            model: OnsetsFramesConfig {
                stem: Stem::Strided,
                frame_head: HeadKind::Own,
                offset_head: HeadKind::Shared,
                lstm_units: 128,
                fc_dropout: 0.3,
                ..OnsetsFramesConfig::small()
            },
            train: TrainConfig {
                steps: 9000,
                ema_decay: 0.995,
                loss: LossConfig { offset_positive_weight: 5.0, ..mini.train.loss },
                validate_every: 4500,
                checkpoint_every: 250,
                ..mini.train
            },
            loader: LoaderConfig {
                window: WindowConfig { frames: 200, ..mini.loader.window },
                augment: other_pianos_and_rooms(),
                ..mini.loader
            },
            ..mini
        }
    }
}

/// The value of silence in the features: ln 1e-5.
const SILENCE: f64 = -11.512_925_464_970_229;

/// What five software pianos at close range lack: other keys, tunings, timbres and rooms, and other notes beside them.
fn other_pianos_and_rooms() -> AugmentConfig {
    AugmentConfig {
        tilt: 0.3,
        equalizer: 0.6,
        detune_cents: 10.0,
        transpose: 2,
        reverb: 0.3,
        reverb_seconds: 0.8,
        background: Some(-6.5),
        mix: 0.2,
        mix_range: 1.5,
        ..augmentation()
    }
}

/// Moderate variations of loudness, timbre and noise, none of which moves a note.
fn augmentation() -> AugmentConfig {
    AugmentConfig {
        gain: 0.7,
        tilt: 0.7,
        noise: 0.1,
        floor: Some(SILENCE),
        frequency_masks: 1,
        frequency_mask_bins: 8,
        ..AugmentConfig::default()
    }
}
