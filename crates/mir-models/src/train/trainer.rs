//! One network in training.

use std::{
    borrow::Cow,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use mir_core::batch::BatchPosition;
use mir_features::FrontEndConfig;
use ndarray::{Axis, s};
use tch::Device;

use crate::{
    Error, Result,
    arch::OnsetsFrames,
    comm::{Communicator, Single},
    config::{OnsetsFramesConfig, OutOfMemoryPolicy, TrainConfig},
    error::TorchContext,
    loss::{Share, TargetTensors},
    nn::Mode,
    optim::{Optimizer, clip_gradients, zero_gradients},
    params::{Params, named_rng},
    schedule::Plateau,
    tensor,
    train::{
        EarlyStopping, Ema, Network, Rehearsal, StopReason, Trained, TranscriptionBatch, Trouble,
        Verdict,
    },
    weights::{Fit, ImportReport, NameMap, import},
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
pub struct Trainer<N = OnsetsFrames> {
    pub(crate) params: Params,
    pub(super) network: N,
    front_end: FrontEndConfig,
    config: TrainConfig,
    pub(crate) optimizer: Optimizer,
    pub(crate) ema: Option<Ema>,
    pub(crate) plateau: Plateau,
    pub(crate) step: u64,
    /// Where the batch after `step` comes from.
    pub(crate) position: BatchPosition,
    pub(crate) stopping: EarlyStopping,
    pub(crate) trouble: Trouble,
    /// Parts of the loss of the step in hand, for the account of one that failed.
    pub(super) terms: Vec<(&'static str, f64)>,
    rehearsal: Option<Rehearsal>,
    pub(super) communicator: Arc<dyn Communicator>,
}

/// What the backward passes of a step left.
pub(super) struct Gradients {
    pub(super) loss: f64,
    pub(super) parts: Vec<(&'static str, f64)>,
    /// Before clipping.
    pub(super) norm: f64,
}

/// A batch as it is, or cut along its examples into parts of nearly equal size.
fn pieces(batch: &TranscriptionBatch, parts: usize) -> Vec<Cow<'_, TranscriptionBatch>> {
    if parts == 1 {
        return vec![Cow::Borrowed(batch)];
    }
    let examples = batch.inputs.len_of(Axis(0));
    let parts = parts.min(examples.max(1));
    (0..parts)
        .map(|part| {
            let rows = examples * part / parts..examples * (part + 1) / parts;
            Cow::Owned(TranscriptionBatch {
                inputs: batch.inputs.slice(s![rows.clone(), .., .., ..]).to_owned(),
                targets: batch.targets.select(&rows.clone().collect::<Vec<_>>()),
                windows: batch.windows.get(rows.clone()).unwrap_or_default().to_vec(),
            })
        })
        .collect()
}

impl Trainer {
    /// An untrained network of Onsets and Frames.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn new(
        architecture: OnsetsFramesConfig,
        front_end: FrontEndConfig,
        config: TrainConfig,
        device: Device,
    ) -> Result<Self> {
        Self::of(architecture, front_end, config, device)
    }
}

impl<N: Network> Trainer<N> {
    /// An untrained network of any kind.
    ///
    /// ```
    /// use mir_features::{FrontEndConfig, LogMelConfig};
    /// use mir_models::{Device, arch::HighResolutionNotes, config::*, train::Trainer};
    /// let front_end = FrontEndConfig::LogMel(LogMelConfig::hpt());
    /// let network = HighResolutionConfig { gru_units: 8, ..HighResolutionConfig::default() };
    /// let trainer: Trainer<HighResolutionNotes> =
    ///     Trainer::of(network, front_end, TrainConfig::default(), Device::Cpu)?;
    /// assert_eq!(trainer.step_count(), 0);
    /// # Ok::<(), mir_models::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] for an invalid configuration, or what LibTorch says.
    pub fn of(
        architecture: N::Config,
        front_end: FrontEndConfig,
        config: TrainConfig,
        device: Device,
    ) -> Result<Self> {
        config.validate()?;
        let mut params = Params::new(device, config.seed);
        let network = N::build(&mut params, architecture)?;
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
            stopping: EarlyStopping::default(),
            trouble: Trouble::default(),
            terms: Vec::new(),
            rehearsal: None,
            communicator: Arc::new(Single),
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
    pub fn architecture(&self) -> &N::Config {
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
    /// When memory runs out and [`OutOfMemoryPolicy::Split`] is set, every batch is computed in two parts
    /// from then on, then in four.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if loss or gradient norm is no number, [`Error::OutOfMemory`]: weights and
    /// running statistics are unchanged then. [`Error::Shape`] if a batch does not fit the network or there
    /// is none, or what LibTorch says.
    pub fn step_accumulated(
        &mut self,
        batches: &[TranscriptionBatch],
        next: BatchPosition,
    ) -> Result<StepReport> {
        self.step_at(batches, next, None)
    }

    /// The same with a learning rate in place of the schedule's.
    pub(super) fn step_at(
        &mut self,
        batches: &[TranscriptionBatch],
        next: BatchPosition,
        rate: Option<f64>,
    ) -> Result<StepReport> {
        let start = Instant::now();
        let Gradients { loss, parts, norm } = self.gradients_or_less(batches)?;
        let rate = rate.unwrap_or_else(|| self.rate());
        self.optimizer.step(&self.params, rate)?;
        let report = StepReport {
            step: self.step,
            loss,
            parts,
            gradient_norm: norm,
            rate,
            compute: start.elapsed(),
        };
        self.trouble.succeeded();
        self.step += 1;
        self.position = next;
        if let Some(ema) = &mut self.ema {
            ema.update(&self.params, self.step)?;
        }
        Ok(report)
    }

    /// The learning rate of the next step.
    pub fn rate(&self) -> f64 {
        let scheduled = self.config.schedule.rate(self.step, self.config.steps);
        scheduled * self.plateau.factor() * self.trouble.rate_factor(self.step)
    }

    /// The gradients of a step, from smaller parts of the batches if there is no memory for more. Where
    /// there are none in the end, the running statistics are as they were.
    fn gradients_or_less(&mut self, batches: &[TranscriptionBatch]) -> Result<Gradients> {
        let statistics = self.params.copy_buffers()?;
        let mut retries = 0;
        loop {
            let error = match self.gradients(batches) {
                Ok(gradients) => return Ok(gradients),
                Err(error) => error,
            };
            self.params.restore_buffers(&statistics)?;
            let examples = batches.iter().map(|b| b.inputs.len_of(Axis(0))).min().unwrap_or(0);
            let smaller = 2 * self.trouble.parts() <= examples;
            let split = self.config.out_of_memory == OutOfMemoryPolicy::Split;
            if !(matches!(error, Error::OutOfMemory { .. }) && split && smaller && retries < 2) {
                return Err(error);
            }
            // The tensors of the step are gone; the gradients would stay.
            zero_gradients(&self.params);
            self.trouble.cut();
            retries += 1;
            log::warn!(
                "out of memory at step {}: batches of {examples} examples are computed in {} parts",
                self.step,
                self.trouble.parts()
            );
        }
    }

    /// Forward and backward pass of all batches, and clipping.
    pub(super) fn gradients(&mut self, batches: &[TranscriptionBatch]) -> Result<Gradients> {
        // Dropout draws from LibTorch's generator, whose state cannot be saved: it is given a new one.
        tch::manual_seed(self.generator_seed());
        zero_gradients(&self.params);
        self.terms.clear();
        let pieces: Vec<Cow<'_, TranscriptionBatch>> =
            batches.iter().flat_map(|batch| pieces(batch, self.trouble.parts())).collect();
        let shares = self.shares(pieces.iter().map(|batch| &batch.targets))?;
        let added = pieces
            .iter()
            .zip(shares)
            .try_fold(0.0, |loss, (batch, share)| Ok(loss + self.accumulate(batch, share)?));
        let loss = self.combine(added)?;
        let norm = clip_gradients(&self.params, self.config.clip)?;
        if !norm.is_finite() {
            return Err(Error::NonFinite { what: "gradient norm", step: self.step });
        }
        Ok(Gradients { loss, parts: std::mem::take(&mut self.terms), norm })
    }

    /// Adds the gradients of one batch to those that are there and the parts of its loss to `terms`; the
    /// loss.
    fn accumulate(&mut self, batch: &TranscriptionBatch, share: Share) -> Result<f64> {
        if let Some(rehearsal) = &mut self.rehearsal {
            rehearsal.check(self.step, batch.inputs.len_of(Axis(0))).during("a rehearsal")?;
        }
        let device = self.params.device();
        let input = tensor::from_array(&batch.inputs, device)?;
        let targets = TargetTensors::new(&batch.targets, device)?;
        let mode = Mode { train: true, precision: self.config.precision };
        let loss = self.network.loss(&input, &targets, &self.config.loss, share, mode)?;
        if self.terms.is_empty() {
            self.terms.clone_from(&loss.parts);
        } else {
            self.terms.iter_mut().zip(&loss.parts).for_each(|(sum, term)| sum.1 += term.1);
        }
        let value = loss.total.f_double_value(&[]).during("reading the loss")?;
        if !value.is_finite() {
            return Err(Error::NonFinite { what: "loss", step: self.step });
        }
        loss.total.f_backward().during("the backward pass")?;
        Ok(value)
    }

    pub(super) fn set_out_of_memory(&mut self, policy: OutOfMemoryPolicy) {
        self.config.out_of_memory = policy;
    }

    /// Makes faults happen from now on; see [`Rehearsal`].
    pub fn rehearse(&mut self, rehearsal: Rehearsal) {
        self.rehearsal = Some(rehearsal);
    }

    /// Skips, rollbacks and cuts so far.
    pub fn trouble(&self) -> &Trouble {
        &self.trouble
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

    /// What a validation means for the best network and for the end of the training: `score` is what the
    /// validation returned, the configuration may name another one among the scores of the model.
    pub(super) fn judge(
        &mut self,
        model: &N::Model,
        score: f64,
        best: Option<(f64, u64)>,
    ) -> Result<(f64, Verdict)> {
        let Some(config) = &self.config.early_stopping else {
            let improved = score.is_finite() && best.is_none_or(|(best, _)| score > best);
            return Ok((score, Verdict { improved, stop: None }));
        };
        let value = match &config.metric {
            None => score,
            Some(name) => N::score(model, name).ok_or_else(|| {
                let expected = "the name of a score that the validation notes in the model";
                Error::config("early_stopping.metric", expected, name)
            })?,
        };
        Ok((value, self.stopping.observe(config, value)))
    }

    /// Why the training has ended before its last step, if validation ended it.
    pub fn stopped(&self) -> Option<StopReason> {
        self.stopping.stopped(self.config.early_stopping.as_ref()?)
    }

    /// The network as it stands, averaged weights preferred: a copy that further steps do not change.
    ///
    /// # Errors
    /// As [`Network::model`].
    pub fn snapshot(&self) -> Result<N::Model> {
        self.network.model(&Trained {
            params: &self.params,
            ema: self.ema.as_ref(),
            front_end: &self.front_end,
            step: self.step,
        })
    }

    fn generator_seed(&self) -> i64 {
        use rand::Rng;
        // The processes of a training drop out independently.
        let name = match self.communicator.rank() {
            0 => format!("step/{}", self.step),
            rank => format!("step/{}/{rank}", self.step),
        };
        let mut rng = named_rng(self.config.seed, &name);
        (rng.next_u64() >> 1) as i64
    }
}
