//! Configurations of networks, losses and training: plain data, `Default` = the published system.

mod optimizer;
mod stopping;

use mir_core::{Fingerprinted, KeyRange};
use serde::{Deserialize, Serialize};

pub use optimizer::{
    AdadeltaConfig, AdamConfig, Flavour, OptimizerConfig, ParameterGroup, RmsPropConfig, SgdConfig,
};
use optimizer::{fraction, not_negative, positive};
pub use stopping::{EarlyStoppingConfig, NonFiniteConfig, NonFinitePolicy, OutOfMemoryPolicy};

use crate::{Error, Result, schedule::PlateauConfig};

/// Where a head takes its features from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// There is no such head.
    None,
    /// A linear layer on the features of another head's convolution stack: nearly free.
    Shared,
    /// Its own convolution stack, as published.
    #[default]
    Own,
}

/// What the frame head reads of the onset head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnsetFeed {
    /// Probabilities, after the sigmoid.
    #[default]
    Prob,
    /// Logits.
    Logit,
}

/// How the convolution stack treats the frequency axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stem {
    /// Two layers at full resolution, then pooling: the stack of Kelz et al. 2016, as published.
    #[default]
    Kelz,
    /// Pooling after each of the first two layers: the same receptive field in time for about half of
    /// the arithmetic, the second layer seeing half as many bins.
    Early,
}

/// Architecture of an Onsets-and-Frames network (Hawthorne et al. 2018; sizes of
/// jongwook/onsets-and-frames by default, 26,491,256 parameters).
///
/// The options beyond the published structure are `stem`, `conv_skip`, `input_norm` and the `Shared`
/// heads; all are off by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnsetsFramesConfig {
    /// Bins of the input features, at least 4.
    pub bins: usize,
    /// Keys of the output, one column each.
    pub keys: KeyRange,
    /// Maps `c` of the first two convolutions; the third has `2c`. At least 1.
    pub conv_channels: usize,
    /// Units of the fully connected layer after the convolutions, at least 1.
    pub fc_units: usize,
    /// A ReLU after that layer, as in Magenta's code (jongwook and the course have none).
    pub fc_relu: bool,
    /// Units per direction of each bidirectional LSTM; 0 leaves the recurrence out.
    pub lstm_units: usize,
    /// How the convolution stack treats the frequency axis.
    pub stem: Stem,
    /// Adds the convolution stack's own linear logits to those of the LSTM: the network learns like a
    /// plain CNN from the first step, the recurrence corrects it.
    pub conv_skip: bool,
    /// Batch normalisation of every input bin over batch and time, before the first convolution.
    pub input_norm: bool,
    /// What the frame head reads of the onset head (always without gradient).
    pub onset_feed: OnsetFeed,
    /// Whose convolution stack the frame head reads: its own, as published, or the onset head's. Not
    /// `None`.
    pub frame_head: HeadKind,
    /// The offset head.
    pub offset_head: HeadKind,
    /// The velocity head.
    pub velocity_head: HeadKind,
    /// Dropout after each pooling layer, in [0, 1).
    pub conv_dropout: f64,
    /// Dropout after the fully connected layer, in [0, 1).
    pub fc_dropout: f64,
}

impl Default for OnsetsFramesConfig {
    fn default() -> Self {
        Self::jongwook(48)
    }
}

impl Fingerprinted for OnsetsFramesConfig {
    const DOMAIN: &'static str = "mir-models/onsets-frames/1";
}

impl OnsetsFramesConfig {
    /// The structure of jongwook/onsets-and-frames at a model complexity (published: 48): `16·complexity`
    /// units, half of it per LSTM direction.
    pub fn jongwook(complexity: usize) -> Self {
        Self {
            bins: 229,
            keys: KeyRange::PIANO,
            conv_channels: complexity,
            fc_units: 16 * complexity,
            fc_relu: false,
            lstm_units: 8 * complexity,
            stem: Stem::Kelz,
            conv_skip: false,
            input_norm: false,
            onset_feed: OnsetFeed::Prob,
            frame_head: HeadKind::Own,
            offset_head: HeadKind::Own,
            velocity_head: HeadKind::Own,
            conv_dropout: 0.25,
            fc_dropout: 0.5,
        }
    }

    /// A small network that learns quickly on a CPU: one convolution stack with early pooling for all
    /// heads, its linear logits added to those of an LSTM for onsets and one for frames.
    pub fn small() -> Self {
        Self {
            // LibTorch's CPU kernels work on blocks of 16 channels: 20 would cost as much as 32.
            conv_channels: 16,
            fc_units: 256,
            fc_relu: false,
            lstm_units: 64,
            stem: Stem::Early,
            conv_skip: true,
            input_norm: true,
            frame_head: HeadKind::Shared,
            offset_head: HeadKind::None,
            velocity_head: HeadKind::Shared,
            // Dropout on the planes would cost as much as the convolutions.
            conv_dropout: 0.0,
            fc_dropout: 0.25,
            ..Self::jongwook(16)
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        let count = |field, value: usize, low: usize, expected| {
            if (low..=65_536).contains(&value) {
                Ok(())
            } else {
                Err(Error::config(field, expected, value))
            }
        };
        count("bins", self.bins, 4, "4 to 65536")?;
        count("conv_channels", self.conv_channels, 1, "1 to 65536")?;
        count("fc_units", self.fc_units, 1, "1 to 65536")?;
        count("lstm_units", self.lstm_units, 0, "0 to 65536")?;
        if self.frame_head == HeadKind::None {
            return Err(Error::config("frame_head", "own or shared", "none"));
        }
        for (field, value) in [("conv_dropout", self.conv_dropout), ("fc_dropout", self.fc_dropout)]
        {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::config(field, "at least 0 and below 1", value));
            }
        }
        Ok(())
    }
}

/// Weights of the parts of the transcription loss.
///
/// Onset, offset and frame: mean binary cross entropy over all unmasked cells. Velocity:
/// `Σ onset·(v − v̂)² / Σ onset`, 0 without onsets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// Weight of the onset part, at least 0.
    pub onset: f64,
    /// Weight of the offset part, at least 0.
    pub offset: f64,
    /// Weight of the frame part, at least 0.
    pub frame: f64,
    /// Weight of the velocity part, at least 0.
    pub velocity: f64,
    /// Weight of positive onset cells against negative ones, above 0; 1 as published.
    pub onset_positive_weight: f64,
}

impl LossConfig {
    /// For small networks with few steps: the velocity part is kept from drowning the others in the
    /// features that they share, and onsets, one cell in some hundred, count five times. With the
    /// published weights such a network sits on a plateau for its first thousand steps.
    pub fn quick() -> Self {
        Self { velocity: 0.02, onset_positive_weight: 5.0, ..Self::default() }
    }
}

impl Default for LossConfig {
    fn default() -> Self {
        Self { onset: 1.0, offset: 1.0, frame: 1.0, velocity: 1.0, onset_positive_weight: 1.0 }
    }
}

/// How gradients are limited before the step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clip {
    /// Not at all.
    None,
    /// Each element to `±limit`.
    Value(f64),
    /// The L2 norm over all parameters together.
    GlobalNorm(f64),
    /// The L2 norm of each parameter tensor by itself.
    TensorNorm(f64),
}

/// Arithmetic of the convolutions and linear layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// `f32`: 32-bit floats throughout.
    #[default]
    F32,
    /// `bf16-mixed`: bfloat16 in convolutions and linear layers; weights, optimiser, norms, recurrence,
    /// attention and losses stay 32-bit. No scaling of the loss: the exponent has the range of 32-bit.
    #[serde(rename = "bf16-mixed", alias = "bf16")]
    Bf16,
}

/// Everything that decides how a network is trained. Defaults: jongwook/onsets-and-frames, with the
/// gradient clipping in the place where it has an effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Optimiser steps of the whole run, at least 1.
    pub steps: u64,
    /// Learning rate over the steps.
    pub schedule: crate::schedule::Schedule,
    /// A factor on it that falls when validation stops to improve.
    pub plateau: Option<PlateauConfig>,
    /// The optimiser.
    pub optimizer: OptimizerConfig,
    /// Parameters that are updated in another way than the rest.
    pub groups: Vec<ParameterGroup>,
    /// Batches of each optimiser step, at least 1: their gradients are added up, each cell of the targets
    /// counting the same, as if they were one batch (only batch normalisation sees them apart).
    pub accumulate: u64,
    /// Gradient clipping.
    pub clip: Clip,
    /// The loss.
    pub loss: LossConfig,
    /// Arithmetic.
    pub precision: Precision,
    /// When validation ends the training early; never if left out.
    pub early_stopping: Option<EarlyStoppingConfig>,
    /// What happens when the loss or a gradient is no number.
    pub non_finite: NonFiniteConfig,
    /// What happens when there is no memory left.
    pub out_of_memory: OutOfMemoryPolicy,
    /// Decay of the moving average of the weights that validation and the final model use, in [0, 1);
    /// 0 switches it off. The average warms up as `min(decay, (1 + t) / (10 + t))`.
    pub ema_decay: f64,
    /// Steps before the average starts; until then it equals the weights.
    pub ema_start: u64,
    /// Seed of initialisation, dropout and data order.
    pub seed: u64,
    /// Steps between validations, at least 1.
    pub validate_every: u64,
    /// Steps between checkpoints, at least 1.
    pub checkpoint_every: u64,
    /// Checkpoints to keep, the newest ones, at least 1.
    pub keep_checkpoints: usize,
    /// Steps between log lines, at least 1.
    pub log_every: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            steps: 500_000,
            schedule: crate::schedule::Schedule::Exponential {
                initial: 6e-4,
                factor: 0.98,
                every: 10_000,
                smooth: false,
            },
            plateau: None,
            optimizer: OptimizerConfig::default(),
            groups: Vec::new(),
            accumulate: 1,
            clip: Clip::GlobalNorm(3.0),
            loss: LossConfig::default(),
            precision: Precision::F32,
            early_stopping: None,
            non_finite: NonFiniteConfig::default(),
            out_of_memory: OutOfMemoryPolicy::default(),
            ema_decay: 0.0,
            ema_start: 0,
            seed: 42,
            validate_every: 500,
            checkpoint_every: 1000,
            keep_checkpoints: 3,
            log_every: 10,
        }
    }
}

impl TrainConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        for (field, value) in [
            ("steps", self.steps),
            ("accumulate", self.accumulate),
            ("validate_every", self.validate_every),
            ("checkpoint_every", self.checkpoint_every),
            ("keep_checkpoints", self.keep_checkpoints as u64),
            ("log_every", self.log_every),
        ] {
            if value == 0 {
                return Err(Error::config(field, "at least 1", value));
            }
        }
        fraction("ema_decay", self.ema_decay)?;
        for (field, value) in [
            ("loss.onset", self.loss.onset),
            ("loss.offset", self.loss.offset),
            ("loss.frame", self.loss.frame),
            ("loss.velocity", self.loss.velocity),
        ] {
            not_negative(field, value)?;
        }
        positive("loss.onset_positive_weight", self.loss.onset_positive_weight)?;
        positive(
            "clip",
            match self.clip {
                Clip::None => 1.0,
                Clip::Value(limit) | Clip::GlobalNorm(limit) | Clip::TensorNorm(limit) => limit,
            },
        )?;
        self.optimizer.validate()?;
        for group in &self.groups {
            group.validate()?;
        }
        if let Some(plateau) = &self.plateau {
            plateau.validate()?;
        }
        if let Some(stopping) = &self.early_stopping {
            stopping.validate()?;
        }
        self.non_finite.validate()?;
        self.schedule.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_valid_and_survives_toml() {
        for config in [
            OnsetsFramesConfig::default(),
            OnsetsFramesConfig::jongwook(8),
            OnsetsFramesConfig::small(),
        ] {
            config.validate().unwrap();
            let text = toml::to_string(&config).unwrap();
            assert_eq!(toml::from_str::<OnsetsFramesConfig>(&text).unwrap(), config);
        }
        let train = TrainConfig::default();
        train.validate().unwrap();
        let text = toml::to_string(&train).unwrap();
        assert_eq!(toml::from_str::<TrainConfig>(&text).unwrap(), train);
    }

    #[test]
    fn a_bad_field_is_named() {
        let bad = OnsetsFramesConfig { conv_dropout: 1.0, ..OnsetsFramesConfig::small() };
        assert!(matches!(bad.validate(), Err(Error::Config { field: "conv_dropout", .. })));
        let bad = TrainConfig { clip: Clip::GlobalNorm(f64::NAN), ..TrainConfig::default() };
        assert!(matches!(bad.validate(), Err(Error::Config { field: "clip", .. })));
        assert!(toml::from_str::<TrainConfig>("stepz = 3").is_err());
    }
}
