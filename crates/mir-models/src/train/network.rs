//! What a training has to know of a network.

use std::fmt;

use mir_features::{FrontEndConfig, LogMelConfig};
use serde::{Serialize, de::DeserializeOwned};
use tch::Tensor;

use crate::{
    Error, Result,
    arch::{
        HighResolutionNotes, HighResolutionPedals, NoteHeads, OnsetsFrames, PedalHeads,
        start_as_published,
    },
    config::{HighResolutionConfig, LossConfig, OnsetsFramesConfig},
    error::TorchContext,
    infer::{HighResolutionMeta, HighResolutionModel, TranscriptionModel},
    loss::{Loss, Share, TargetTensors, high_resolution_loss, pedal_loss, transcription_loss},
    nn::Mode,
    params::Params,
    train::Ema,
    weights::ModelMeta,
};

/// A network that a [`Trainer`](super::Trainer) can train: how it is built, what it loses, and what comes out in the
/// end.
pub trait Network: fmt::Debug + Sized {
    /// Its architecture.
    type Config: Clone + PartialEq + fmt::Debug + Serialize + DeserializeOwned;
    /// The network with its description, as it is validated and saved.
    type Model;

    /// What checkpoints and incidents call it.
    const NAME: &'static str;

    /// Builds the network, registering its tensors.
    ///
    /// # Errors
    /// [`Error::Config`] for an invalid architecture.
    fn build(params: &mut Params, config: Self::Config) -> Result<Self>;

    /// Its architecture.
    fn config(&self) -> &Self::Config;

    /// The loss of a batch of features `[batch, 1, frames, bins]`, each part times the batch's share.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Config`] for a batch that does not fit, or what LibTorch says.
    fn loss(
        &self,
        input: &Tensor,
        targets: &TargetTensors,
        config: &LossConfig,
        share: Share,
        mode: Mode,
    ) -> Result<Loss>;

    /// What it says about features, by name: probabilities, and velocities as fractions.
    ///
    /// # Errors
    /// As [`loss`](Self::loss).
    fn outputs(&self, input: &Tensor, mode: Mode) -> Result<Vec<(&'static str, Tensor)>>;

    /// A copy of the network as its training has made it, which further steps do not change.
    ///
    /// # Errors
    /// [`Error::Config`] for features that it cannot be described with, or what LibTorch says.
    fn model(&self, trained: &Trained<'_>) -> Result<Self::Model>;

    /// A score that a validation has noted in a model.
    fn score(model: &Self::Model, name: &str) -> Option<f64>;
}

/// What a training has made of a network.
#[derive(Debug)]
pub struct Trained<'a> {
    /// Its values.
    pub params: &'a Params,
    /// Their moving averages, which are better where there are any.
    pub ema: Option<&'a Ema>,
    /// The features that it reads.
    pub front_end: &'a FrontEndConfig,
    /// Steps behind it.
    pub step: u64,
}

impl Trained<'_> {
    /// Copies the values, averages preferred, to parameters of the same names and shapes.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn copy_to(&self, params: &Params) -> Result<()> {
        params.copy_from(self.params, self.ema.into_iter().flat_map(Ema::tensors))
    }
}

impl Network for OnsetsFrames {
    type Config = OnsetsFramesConfig;
    type Model = TranscriptionModel;

    const NAME: &'static str = "onsets-frames";

    fn build(params: &mut Params, config: OnsetsFramesConfig) -> Result<Self> {
        Self::new(params, config)
    }

    fn config(&self) -> &OnsetsFramesConfig {
        Self::config(self)
    }

    fn loss(
        &self,
        input: &Tensor,
        targets: &TargetTensors,
        config: &LossConfig,
        share: Share,
        mode: Mode,
    ) -> Result<Loss> {
        transcription_loss(&self.forward(input, mode)?, targets, config, share)
    }

    fn outputs(&self, input: &Tensor, mode: Mode) -> Result<Vec<(&'static str, Tensor)>> {
        let heads = self.forward(input, mode)?;
        let mut outputs =
            vec![("frame", probability(&heads.frame)?), ("onset", probability(&heads.onset)?)];
        if let Some(offset) = &heads.offset {
            outputs.push(("offset", probability(offset)?));
        }
        outputs.extend(heads.velocity.map(|velocity| ("velocity", velocity)));
        Ok(outputs)
    }

    fn model(&self, trained: &Trained<'_>) -> Result<TranscriptionModel> {
        let meta = ModelMeta::new(Self::config(self).clone(), trained.front_end.clone());
        let meta = ModelMeta { step: trained.step, ..meta };
        let model = TranscriptionModel::new(meta, trained.params.device())?;
        trained.copy_to(model.params())?;
        Ok(model)
    }

    fn score(model: &TranscriptionModel, name: &str) -> Option<f64> {
        model.meta().scores.get(name).copied()
    }
}

impl Network for HighResolutionNotes {
    type Config = HighResolutionConfig;
    type Model = HighResolutionModel;

    const NAME: &'static str = "high-resolution-notes";

    fn build(params: &mut Params, config: HighResolutionConfig) -> Result<Self> {
        let network = Self::new(params, config)?;
        start_as_published(params)?;
        Ok(network)
    }

    fn config(&self) -> &HighResolutionConfig {
        Self::config(self)
    }

    fn loss(
        &self,
        input: &Tensor,
        targets: &TargetTensors,
        config: &LossConfig,
        share: Share,
        mode: Mode,
    ) -> Result<Loss> {
        high_resolution_loss(&self.forward(input, mode)?, targets, config, share)
    }

    fn outputs(&self, input: &Tensor, mode: Mode) -> Result<Vec<(&'static str, Tensor)>> {
        let NoteHeads { onset, offset, frame, velocity } = self.forward(input, mode)?;
        probabilities(&[
            ("frame", frame),
            ("offset", offset),
            ("onset", onset),
            ("velocity", velocity),
        ])
    }

    /// Without a network for the pedal.
    fn model(&self, trained: &Trained<'_>) -> Result<HighResolutionModel> {
        let meta = HighResolutionMeta {
            pedals: false,
            front_end: log_mel(trained)?,
            step: trained.step,
            ..HighResolutionMeta::new(Self::config(self).clone())
        };
        let model = HighResolutionModel::new(meta, trained.params.device())?;
        trained.copy_to(model.note_params())?;
        Ok(model)
    }

    fn score(model: &HighResolutionModel, name: &str) -> Option<f64> {
        model.meta().scores.get(name).copied()
    }
}

impl Network for HighResolutionPedals {
    type Config = HighResolutionConfig;
    type Model = HighResolutionModel;

    const NAME: &'static str = "high-resolution-pedals";

    fn build(params: &mut Params, config: HighResolutionConfig) -> Result<Self> {
        let network = Self::new(params, config)?;
        start_as_published(params)?;
        Ok(network)
    }

    fn config(&self) -> &HighResolutionConfig {
        Self::config(self)
    }

    fn loss(
        &self,
        input: &Tensor,
        targets: &TargetTensors,
        config: &LossConfig,
        share: Share,
        mode: Mode,
    ) -> Result<Loss> {
        pedal_loss(&self.forward(input, mode)?, targets, config, share)
    }

    fn outputs(&self, input: &Tensor, mode: Mode) -> Result<Vec<(&'static str, Tensor)>> {
        let PedalHeads { onset, offset, frame } = self.forward(input, mode)?;
        probabilities(&[("frame", frame), ("offset", offset), ("onset", onset)])
    }

    /// Beside a network for notes that has learned nothing: see
    /// [`take_notes`](HighResolutionModel::take_notes).
    fn model(&self, trained: &Trained<'_>) -> Result<HighResolutionModel> {
        let meta = HighResolutionMeta {
            front_end: log_mel(trained)?,
            ..HighResolutionMeta::new(Self::config(self).clone())
        };
        let model = HighResolutionModel::new(meta, trained.params.device())?;
        model.pedal_params().map_or(Ok(()), |params| trained.copy_to(params))?;
        Ok(model)
    }

    fn score(model: &HighResolutionModel, name: &str) -> Option<f64> {
        model.meta().scores.get(name).copied()
    }
}

/// The features of a training, which high-resolution networks are described with.
fn log_mel(trained: &Trained<'_>) -> Result<LogMelConfig> {
    match trained.front_end {
        FrontEndConfig::LogMel(config) => Ok(config.clone()),
        _ => Err(Error::config("front_end", "log_mel", "another front end")),
    }
}

fn probabilities(heads: &[(&'static str, Tensor)]) -> Result<Vec<(&'static str, Tensor)>> {
    heads.iter().map(|(name, logits)| Ok((*name, probability(logits)?))).collect()
}

fn probability(logits: &Tensor) -> Result<Tensor> {
    logits.f_sigmoid().during("reading what a network says")
}
