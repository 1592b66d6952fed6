//! One network in training.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use mir_core::batch::BatchPosition;
use mir_features::FrontEndConfig;
use tch::Device;

use crate::{
    Error, Result,
    arch::OnsetsFrames,
    config::{OnsetsFramesConfig, TrainConfig},
    error::TorchContext,
    infer::TranscriptionModel,
    loss::{Share, TargetTensors, transcription_loss},
    nn::Mode,
    optim::{Optimizer, clip_gradients, zero_gradients},
    params::{Params, named_rng},
    schedule::Plateau,
    tensor,
    train::{Ema, TranscriptionBatch},
    weights::{Fit, ImportReport, ModelMeta, NameMap, import},
};

/// What one training step did.
#[derive(Clone, Debug)]
pub struct StepReport {
    /// The step, from 0.
    pub step: u64,
    /// The loss.
    pub loss: f64,
    /// Its unweighted parts by name.
    pub parts: Vec<(&'static str, f64)>,
    /// Global L2 norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Learning rate.
    pub rate: f64,
    /// Time of the step without the wait for its data.
    pub compute: Duration,
}

/// A network, its optimiser, and where they are in their run.
#[derive(Debug)]
pub struct Trainer {
    pub(crate) params: Params,
    network: OnsetsFrames,
    front_end: FrontEndConfig,
    config: TrainConfig,
    pub(crate) optimizer: Optimizer,
    pub(crate) ema: Option<Ema>,
    pub(crate) plateau: Plateau,
    pub(crate) step: u64,
    /// Where the batch after `step` comes from.
    pub(crate) position: BatchPosition,
}

impl Trainer {
    /// An untrained network.
    ///
    /// # Errors
    /// [`Error::Config`] for an invalid configuration, or what LibTorch says.
    pub fn new(
        architecture: OnsetsFramesConfig,
        front_end: FrontEndConfig,
        config: TrainConfig,
        device: Device,
    ) -> Result<Self> {
        config.validate()?;
        let mut params = Params::new(device, config.seed);
        let network = OnsetsFrames::new(&mut params, architecture)?;
        let optimizer = Optimizer::new(&params, config.optimizer.clone(), &config.groups)?;
        let ema = (config.ema_decay > 0.0)
            .then(|| Ema::new(&params, config.ema_decay, config.ema_start))
            .transpose()?;
        Ok(Self {
            params,
            network,
            front_end,
            config,
            optimizer,
            ema,
            plateau: Plateau::default(),
            step: 0,
            position: BatchPosition::default(),
        })
    }

    /// Steps taken.
    pub fn step_count(&self) -> u64 {
        self.step
    }

    /// Where the next batch has to come from.
    pub fn position(&self) -> BatchPosition {
        self.position
    }

    /// The configuration of the training.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The configuration of the network.
    pub fn architecture(&self) -> &OnsetsFramesConfig {
        self.network.config()
    }

    /// The features that the network reads.
    pub fn front_end(&self) -> &FrontEndConfig {
        &self.front_end
    }

    /// Number of trainable values.
    pub fn parameters(&self) -> usize {
        self.params.count_trainable()
    }

    /// Forward pass, loss, backward pass, clipping, update. `next` is the position of the batch after
    /// this one.
    ///
    /// # Errors
    /// As [`step_accumulated`](Self::step_accumulated).
    pub fn step(&mut self, batch: &TranscriptionBatch, next: BatchPosition) -> Result<StepReport> {
        self.step_accumulated(std::slice::from_ref(batch), next)
    }

    /// One update with the gradients of several batches: forward and backward pass of each, then
    /// clipping and update. The batches count as one large batch: each cell of their targets has the same
    /// weight. `next` is the position of the batch after the last one.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if loss or gradient norm is no number: the weights are unchanged then.
    /// [`Error::Shape`] if a batch does not fit the network or there is none, [`Error::OutOfMemory`], or
    /// what LibTorch says.
    pub fn step_accumulated(
        &mut self,
        batches: &[TranscriptionBatch],
        next: BatchPosition,
    ) -> Result<StepReport> {
        let start = Instant::now();
        // Dropout draws from LibTorch's generator, whose state cannot be saved: it is given a new one.
        tch::manual_seed(self.generator_seed());
        zero_gradients(&self.params);
        let shares = Share::of(batches.iter().map(|batch| &batch.targets));
        let mut value = 0.0;
        let mut parts: Vec<(&'static str, f64)> = Vec::new();
        for (batch, share) in batches.iter().zip(shares) {
            let (loss, terms) = self.accumulate(batch, share)?;
            value += loss;
            if parts.is_empty() {
                parts = terms;
            } else {
                parts.iter_mut().zip(terms).for_each(|(sum, term)| sum.1 += term.1);
            }
        }
        let gradient_norm = clip_gradients(&self.params, self.config.clip)?;
        if !gradient_norm.is_finite() {
            return Err(Error::NonFinite { what: "gradient norm", step: self.step });
        }
        let scheduled = self.config.schedule.rate(self.step, self.config.steps);
        let rate = scheduled * self.plateau.factor();
        self.optimizer.step(&self.params, rate)?;
        let report = StepReport {
            step: self.step,
            loss: value,
            parts,
            gradient_norm,
            rate,
            compute: start.elapsed(),
        };
        self.step += 1;
        self.position = next;
        if let Some(ema) = &mut self.ema {
            ema.update(&self.params, self.step)?;
        }
        Ok(report)
    }

    /// Adds the gradients of one batch to those that are there; its loss and the parts of it.
    fn accumulate(
        &self,
        batch: &TranscriptionBatch,
        share: Share,
    ) -> Result<(f64, Vec<(&'static str, f64)>)> {
        let device = self.params.device();
        let input = tensor::from_array(&batch.inputs, device)?;
        let targets = TargetTensors::new(&batch.targets, device)?;
        let mode = Mode { train: true, precision: self.config.precision };
        let heads = self.network.forward(&input, mode)?;
        let loss = transcription_loss(&heads, &targets, &self.config.loss, share)?;
        let value = loss.total.f_double_value(&[]).during("reading the loss")?;
        if !value.is_finite() {
            return Err(Error::NonFinite { what: "loss", step: self.step });
        }
        loss.total.f_backward().during("the backward pass")?;
        Ok((value, loss.parts))
    }

    /// Fills the network with weights from elsewhere before the first step: ours, another program's, or a
    /// file of PyTorch. Unlike a [resume](Self::restore) it takes over nothing else.
    ///
    /// # Errors
    /// As [`weights::import`](crate::weights::import).
    pub fn warm_start(&mut self, path: &Path, map: &NameMap, fit: Fit) -> Result<ImportReport> {
        let report = import(path, &mut self.params, map, fit)?;
        if let Some(ema) = &mut self.ema {
            *ema = Ema::new(&self.params, self.config.ema_decay, self.config.ema_start)?;
        }
        Ok(report)
    }

    /// Takes in the score of a validation: the learning rate falls when it has stopped to improve, if the
    /// configuration says so.
    pub fn observe(&mut self, score: f64) {
        if let Some(config) = &self.config.plateau {
            self.plateau.observe(config, score);
        }
    }

    /// The network as it stands, averaged weights preferred: a copy that further steps do not change.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn snapshot(&self) -> Result<TranscriptionModel> {
        let meta = ModelMeta {
            step: self.step,
            ..ModelMeta::new(self.architecture().clone(), self.front_end.clone())
        };
        let mut model = TranscriptionModel::new(meta, self.params.device())?;
        model.copy_weights(&self.params, self.ema.as_ref())?;
        Ok(model)
    }

    fn generator_seed(&self) -> i64 {
        use rand::Rng;
        let mut rng = named_rng(self.config.seed, &format!("step/{}", self.step));
        (rng.next_u64() >> 1) as i64
    }
}
