//! Configurations of networks, losses and training: plain data, `Default` = the published system.

mod high_resolution;
mod network;
mod optimizer;
mod stopping;

use serde::{Deserialize, Serialize};

pub use high_resolution::HighResolutionConfig;
pub use network::{CourseModel, Feed, FrameHead, HeadKind, OnsetsFramesConfig, Stem};
pub use optimizer::{
    AdadeltaConfig, AdamConfig, Flavour, OptimizerConfig, ParameterGroup, RmsPropConfig, SgdConfig,
};
use optimizer::{fraction, not_negative, positive};
pub use stopping::{EarlyStoppingConfig, NonFiniteConfig, NonFinitePolicy, OutOfMemoryPolicy};

use crate::{Error, Result, schedule::PlateauConfig};

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
    /// Weight of positive frame cells against negative ones, above 0; 1 as published.
    pub frame_positive_weight: f64,
    /// Weight of positive offset cells against negative ones, above 0; 1 as published.
    pub offset_positive_weight: f64,
    /// Weight `c` of the frame cells in which a note starts, and `c/n` of its n-th cell after that (Hawthorne et
    /// al. 2018, section 3.1, c = 5): a network that is unsure late in a note errs for less. 0 for equal weights.
    pub frame_onset_weight: f64,
    /// Exponent γ of the focal loss (Lin et al. 2017): the cross entropy of a cell counts `(1 − p)^γ` times, p the
    /// probability of what is true. For onsets, offsets and frames; 0 switches it off.
    pub focal_gamma: f64,
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
        Self {
            onset: 1.0,
            offset: 1.0,
            frame: 1.0,
            velocity: 1.0,
            onset_positive_weight: 1.0,
            frame_positive_weight: 1.0,
            offset_positive_weight: 1.0,
            frame_onset_weight: 0.0,
            focal_gamma: 0.0,
        }
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
            ("loss.frame_onset_weight", self.loss.frame_onset_weight),
            ("loss.focal_gamma", self.loss.focal_gamma),
        ] {
            not_negative(field, value)?;
        }
        for (field, value) in [
            ("loss.onset_positive_weight", self.loss.onset_positive_weight),
            ("loss.frame_positive_weight", self.loss.frame_positive_weight),
            ("loss.offset_positive_weight", self.loss.offset_positive_weight),
        ] {
            positive(field, value)?;
        }
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
        let mut networks = vec![
            OnsetsFramesConfig::default(),
            OnsetsFramesConfig::jongwook(8),
            OnsetsFramesConfig::small(),
            OnsetsFramesConfig::magenta_2018(),
            OnsetsFramesConfig::magenta_2019(),
        ];
        networks.extend(CourseModel::ALL.map(|model| OnsetsFramesConfig::course(model, 48, 256)));
        for config in networks {
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
