//! Networks by name, and the flags of the course GCT634 that change their training.

use clap::{Args as ArgGroup, ValueEnum};
use mir_features::FrontEndConfig;
use mir_models::{
    config::{CourseModel, OnsetsFramesConfig, OptimizerConfig},
    schedule::Schedule,
};

use crate::{
    common::failure::{Failure, Outcome},
    experiment::Experiment,
};

/// Networks with a name
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModelName {
    /// One convolution stack for all heads, quick on a CPU
    Small,
    /// The baseline of the course: a convolution stack for each branch
    #[value(alias = "baseline")]
    Cnn,
    /// The course's LSTM on the features
    Rnn,
    /// The course's convolutions and LSTM
    Crnn,
    /// The course's Onsets and Frames
    Onf,
    /// jongwook/onsets-and-frames, 26.5 million parameters
    Jongwook,
    /// Onsets and Frames as published in 2018
    #[value(name = "magenta-2018")]
    Magenta2018,
    /// Its second version, for MAESTRO
    #[value(name = "magenta-2019")]
    Magenta2019,
    /// Notes between frames (Kong et al. 2021), 20.2 million parameters
    Hpt,
    /// The pedal, by the same authors, 13.9 million parameters: trained beside the network for
    /// notes of --init, into a file with both
    #[value(name = "hpt-pedal")]
    HptPedal,
}

impl ModelName {
    /// Which model of the course it is.
    pub fn course(self) -> Option<CourseModel> {
        match self {
            Self::Cnn => Some(CourseModel::Cnn),
            Self::Rnn => Some(CourseModel::Rnn),
            Self::Crnn => Some(CourseModel::Crnn),
            Self::Onf => Some(CourseModel::Onf),
            _ => None,
        }
    }

    /// The name on the command line.
    pub fn text(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn config(self, sizes: &SizeArgs) -> Outcome<OnsetsFramesConfig> {
        if let Some(course) = self.course() {
            let (channels, units) = (sizes.cnn_unit.unwrap_or(48), sizes.fc_unit.unwrap_or(256));
            return Ok(OnsetsFramesConfig::course(course, channels, units));
        }
        if sizes.cnn_unit.is_some() || sizes.fc_unit.is_some() {
            let message = format!(
                "--cnn-unit and --fc-unit go with cnn, rnn, crnn and onf, not with {}; \
                 use --set model.conv_channels=N",
                self.text()
            );
            return Err(Failure::usage(message));
        }
        Ok(match self {
            Self::Magenta2018 => OnsetsFramesConfig::magenta_2018(),
            Self::Magenta2019 => OnsetsFramesConfig::magenta_2019(),
            Self::Jongwook => OnsetsFramesConfig::jongwook(48),
            _ => OnsetsFramesConfig::small(),
        })
    }
}

/// Sizes of the models of the course
#[derive(ArgGroup, Clone, Debug, Default)]
pub struct SizeArgs {
    /// Maps of the first convolutions of cnn, crnn and onf [default: 48]
    #[arg(long, visible_alias = "cnn_unit", value_name = "N")]
    pub cnn_unit: Option<usize>,
    /// Units after their convolutions [default: 256]
    #[arg(long, visible_alias = "fc_unit", value_name = "N")]
    pub fc_unit: Option<usize>,
}

/// The network, and settings of its training under the names of the course
#[derive(ArgGroup, Clone, Debug, Default)]
pub struct ModelArgs {
    /// Network [default: the preset's]
    #[arg(long, value_enum, visible_alias = "model_type", ignore_case = true, value_name = "NAME")]
    pub model: Option<ModelName>,
    #[command(flatten)]
    pub sizes: SizeArgs,
    /// Learning rate of the first step, or the peak of a cycle
    #[arg(long, visible_alias = "learning_rate", value_name = "X")]
    pub learning_rate: Option<f64>,
    /// Windows in a batch
    #[arg(short = 'b', long, visible_alias = "batch_size", value_name = "N")]
    pub batch_size: Option<usize>,
    /// Samples of a window, cut to whole frames of 512 (hpt: 160)
    #[arg(short = 'v', long, visible_alias = "sequence_length", value_name = "N")]
    pub sequence_length: Option<usize>,
    /// Steps between validations
    #[arg(long, visible_alias = "validation_interval", value_name = "N")]
    pub validation_interval: Option<u64>,
    /// Weight decay of Adam
    #[arg(long, visible_alias = "weight_decay", value_name = "X")]
    pub weight_decay: Option<f64>,
    /// A trial: 100 steps, validation every 10
    #[arg(long)]
    pub debug: bool,
    /// Known for the sake of the course's scripts: MIDI and sound of the test pieces
    /// are always written
    #[arg(long, alias = "save_midi")]
    pub save_midi: bool,
}

impl ModelArgs {
    /// Puts the flags into the settings.
    ///
    /// # Errors
    /// A usage failure for a flag that does not go with the settings.
    pub fn apply(&self, experiment: &mut Experiment) -> Outcome<()> {
        if let Some(model) = self.model {
            experiment.model = model.config(&self.sizes)?;
            let raised = experiment.high_resolution.is_some();
            if matches!(model, ModelName::Hpt | ModelName::HptPedal) {
                if !raised {
                    experiment.raise_resolution();
                }
                if model == ModelName::HptPedal {
                    experiment.hear_pedal();
                }
            } else if raised {
                let message =
                    format!("--preset hpt goes with hpt and hpt-pedal, not with {}", model.text());
                return Err(Failure::usage(message));
            }
        } else if self.sizes.cnn_unit.is_some() || self.sizes.fc_unit.is_some() {
            let message = "--cnn-unit and --fc-unit need --model cnn, rnn, crnn or onf";
            return Err(Failure::usage(message));
        }
        let Experiment { train, loader, front_end, .. } = experiment;
        if let Some(rate) = self.learning_rate {
            match &mut train.schedule {
                Schedule::Constant { rate: value }
                | Schedule::Exponential { initial: value, .. }
                | Schedule::OneCycle { peak: value, .. } => *value = rate,
                _ => {
                    let message =
                        "the schedule of this preset has no single rate; use --set train.schedule";
                    return Err(Failure::usage(message));
                }
            }
        }
        if let Some(size) = self.batch_size {
            loader.batch_size = size;
        }
        if let Some(samples) = self.sequence_length {
            let hop = match front_end {
                FrontEndConfig::LogMel(config) => config.hop as usize,
                _ => 512,
            };
            loader.window.frames = samples / hop;
            if !samples.is_multiple_of(hop) {
                eprintln!("--sequence-length {samples} is cut to {}", samples / hop * hop);
            }
        }
        if let Some(decay) = self.weight_decay {
            let OptimizerConfig::Adam(adam) = &mut train.optimizer else {
                return Err(Failure::usage("--weight-decay goes with Adam"));
            };
            adam.weight_decay = decay;
        }
        if self.debug {
            (train.steps, train.validate_every, train.checkpoint_every) = (100, 10, 100);
        }
        if let Some(steps) = self.validation_interval {
            train.validate_every = steps;
        }
        Ok(())
    }
}
