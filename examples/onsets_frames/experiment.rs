//! All settings of an experiment, and the presets of the data sets.

use mir_core::{KeyRange, RegressionRoll, RollRule};
use mir_datasets::{
    AugmentConfig, LoaderConfig, WindowConfig,
    loaders::{MaestroConfig, MapsConfig},
    mini::MiniConfig,
};
use mir_features::{FrontEndConfig, LogMelConfig};
use mir_models::{
    config::{
        AdamConfig, Clip, CourseModel, HeadKind, HighResolutionConfig, LossConfig,
        OnsetsFramesConfig, OptimizerConfig, Stem, TrainConfig,
    },
    decode::{
        NoteDecoderConfig, OriginalDecoder, PedalDecoderConfig, Refinement, RegressionDecoderConfig,
    },
    infer::HighResolutionMeta,
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
    /// The high-resolution network, which is trained in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_resolution: Option<HighResolution>,
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
    /// Which recordings of MAESTRO.
    #[serde(default)]
    pub maestro: MaestroConfig,
}

/// The high-resolution networks, and their decoders before they are tuned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HighResolution {
    /// The network for the pedal is trained, beside one for notes that is there already.
    pub pedal: bool,
    /// The networks.
    pub network: HighResolutionConfig,
    /// The decoder of notes.
    pub decoder: RegressionDecoderConfig,
    /// The decoder of the pedal.
    pub pedal_decoder: PedalDecoderConfig,
}

/// The kinds of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Onsets and Frames.
    OnsetsFrames,
    /// High resolution, for notes.
    Notes,
    /// High resolution, for the pedal.
    Pedal,
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
            PresetName::Hpt => Self::hpt(),
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
        experiment.checked()
    }

    /// The same settings with those of `--set` in place of some.
    ///
    /// # Errors
    /// A usage failure that names the setting.
    pub fn changed(self, set: &[String]) -> Outcome<Self> {
        config::resolve(&self, None, set)?.checked()
    }

    /// Which kind of network is trained.
    pub fn trained(&self) -> Kind {
        match &self.high_resolution {
            None => Kind::OnsetsFrames,
            Some(settings) if settings.pedal => Kind::Pedal,
            Some(_) => Kind::Notes,
        }
    }

    fn checked(self) -> Outcome<Self> {
        self.model.validate()?;
        self.train.validate()?;
        self.decoder.validate()?;
        if let Some(settings) = &self.high_resolution {
            settings.network.validate()?;
            settings.decoder.validate()?;
            settings.pedal_decoder.validate()?;
        }
        Ok(self)
    }

    /// A few minutes of training on the built-in data set.
    fn mini() -> Self {
        let front_end = LogMelConfig::jongwook();
        Self {
            model: OnsetsFramesConfig::small(),
            high_resolution: None,
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
            maestro: MaestroConfig::default(),
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

    /// The training of Kong et al. (2021), with what we have in place of its variations of the sound.
    fn hpt() -> Self {
        let optimizer =
            OptimizerConfig::Adam(AdamConfig { amsgrad: true, ..AdamConfig::default() });
        let augment = AugmentConfig {
            detune_cents: 10.0,
            equalizer: 0.6,
            reverb: 0.3,
            reverb_seconds: 0.8,
            ..AugmentConfig::default()
        };
        let mini = Self::mini();
        let mut preset = Self {
            train: TrainConfig {
                steps: 200_000,
                schedule: Schedule::Exponential {
                    initial: 5e-4,
                    factor: 0.9,
                    every: 10_000,
                    smooth: false,
                },
                optimizer,
                clip: Clip::None,
                validate_every: 5000,
                checkpoint_every: 5000,
                ..TrainConfig::default()
            },
            loader: LoaderConfig { batch_size: 12, augment, ..mini.loader },
            ..mini
        };
        preset.raise_resolution();
        preset.loader.window.frames = 1000;
        preset
    }

    /// Puts the high-resolution network in place of the other, with its features and labels: windows stay as long as
    /// they were, variations as strong.
    pub fn raise_resolution(&mut self) {
        let front_end = LogMelConfig::hpt();
        let FrontEndConfig::LogMel(before) = &self.front_end else { return };
        let more = f64::from(before.hop) / f64::from(front_end.hop);
        let longer = |frames: usize| (frames as f64 * more).round() as usize;
        let front_end = FrontEndConfig::LogMel(front_end);
        // Both are logarithms, of other bases and powers.
        let exponents = [&self.front_end, &front_end].map(FrontEndConfig::energy_exponent);
        let [Some(old), Some(new)] = exponents else { return };
        let louder = |value: f64| value * old / new;
        self.front_end = front_end;
        let LoaderConfig { window, augment, .. } = &mut self.loader;
        (window.frames, window.context) = (longer(window.frames), longer(window.context));
        augment.time_mask_frames = longer(augment.time_mask_frames);
        for value in [
            Some(&mut window.padding),
            Some(&mut augment.gain),
            Some(&mut augment.tilt),
            Some(&mut augment.equalizer),
            Some(&mut augment.noise),
            Some(&mut augment.mix_range),
            augment.floor.as_mut(),
            augment.background.as_mut(),
            augment.mask_value.as_mut(),
        ]
        .into_iter()
        .flatten()
        {
            *value = louder(*value);
        }
        self.loader.roll = RollRule::Inclusive;
        self.loader.reach = Some(RegressionRoll::REACH);
        self.high_resolution = Some(HighResolution::default());
        self.roll_threshold = HighResolutionMeta::ROLL_THRESHOLD;
        self.original_decoder = None;
    }

    /// Trains the high-resolution network for the pedal: its one key is in no other key's place, and two pedals at a
    /// time are none.
    pub fn hear_pedal(&mut self) {
        self.high_resolution.get_or_insert_default().pedal = true;
        self.loader.keys = KeyRange::PEDAL;
        (self.loader.augment.transpose, self.loader.augment.mix) = (0, 0.0);
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
