//! The training loop.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use mir_core::{
    Fingerprint,
    batch::{BatchPosition, BatchSource},
};

use crate::{
    Error, Result,
    infer::TranscriptionModel,
    train::{
        Answer, Incident, StepReport, StopReason, Trainer, TranscriptionBatch, latest_checkpoint,
    },
};

/// How the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FitEnd {
    /// All steps are done.
    Finished,
    /// The stop flag was raised; a checkpoint was written.
    Interrupted,
    /// The training ended before its last step; a checkpoint was written.
    Stopped(StopReason),
}

/// Where the loop is.
#[derive(Clone, Debug)]
pub struct FitProgress<'a> {
    /// The step that was just done.
    pub report: &'a StepReport,
    /// Steps of the whole run.
    pub total: u64,
    /// Time that this step waited for its batches.
    pub data_wait: Duration,
}

/// What a caller does along the way. An error stops the training.
pub trait Observer {
    /// After every step.
    ///
    /// # Errors
    /// Whatever should stop the training.
    fn on_step(&mut self, progress: &FitProgress<'_>) -> Result<()>;

    /// When a validation is due, and at the end: the score to select the best network by (higher is
    /// better).
    ///
    /// # Errors
    /// Whatever should stop the training.
    fn on_validation(&mut self, model: &mut TranscriptionModel, step: u64) -> Result<f64>;

    /// When a validation gave the best score so far.
    ///
    /// # Errors
    /// Whatever should stop the training.
    fn on_best(&mut self, model: &TranscriptionModel, score: f64, step: u64) -> Result<()>;

    /// When a step gave no number and was skipped, or the training went back to a checkpoint for it.
    ///
    /// # Errors
    /// Whatever should stop the training.
    fn on_incident(&mut self, incident: &Incident) -> Result<()> {
        log::warn!(
            "{} is not finite at step {}: {}",
            incident.what,
            incident.step,
            incident.answer
        );
        Ok(())
    }

    /// The run folder, for the accounts of incidents; without one nothing is kept of them.
    fn folder(&self) -> Option<&Path> {
        None
    }
}

/// Trains until the configured number of steps, or until `stop` is raised: then the step in hand is
/// finished, a checkpoint is written, and the loop returns.
///
/// A validation may end it earlier ([`EarlyStoppingConfig`](crate::config::EarlyStoppingConfig)); a run that
/// it has ended stays so. Steps that give no number are skipped or lead back to a checkpoint
/// ([`NonFiniteConfig`](crate::config::NonFiniteConfig)).
///
/// Continues from wherever the trainer stands; the source is moved to the trainer's position first.
/// `best` is the best validation score of an earlier part of the run. Checkpoints go below
/// `checkpoints`; `data` identifies the data in them.
///
/// # Errors
/// What the steps, the source, the observer or the writing of checkpoints give.
pub fn fit<S>(
    trainer: &mut Trainer,
    source: &mut S,
    checkpoints: &Path,
    data: Fingerprint,
    best: Option<(f64, u64)>,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<FitEnd>
where
    S: BatchSource<Batch = TranscriptionBatch>,
{
    let mut course = Course { trainer, source, checkpoints, data, best, saved: None };
    let config = course.trainer.config().clone();
    course.source.seek(course.trainer.position()).map_err(loading)?;
    if let Some(reason) = course.trainer.stopped() {
        return Ok(FitEnd::Stopped(reason));
    }
    while course.trainer.step_count() < config.steps {
        if stop.load(Ordering::SeqCst) {
            course.save()?;
            return Ok(FitEnd::Interrupted);
        }
        let asked = Instant::now();
        let first = course.source.position();
        let batches = (0..config.accumulate)
            .map(|_| course.source.next_batch().map_err(loading))
            .collect::<Result<Vec<_>>>()?;
        let data_wait = asked.elapsed();
        let next = course.source.position();
        if course.trainer.trouble.is_bad(first) {
            course.trainer.position = next;
            continue;
        }
        let report = match course.trainer.step_accumulated(&batches, next) {
            Ok(report) => report,
            Err(Error::NonFinite { what, step }) => {
                course.recover(what, step, &batches, next, observer)?;
                continue;
            }
            Err(error @ Error::OutOfMemory { .. }) => {
                // Nothing has changed since the last step.
                course.save()?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        observer.on_step(&FitProgress { report: &report, total: config.steps, data_wait })?;
        let done = course.trainer.step_count();
        let last = done == config.steps;
        let mut end = None;
        if last || done.is_multiple_of(config.validate_every) {
            end = course.validate(observer)?;
        }
        if last || end.is_some() || done.is_multiple_of(config.checkpoint_every) {
            course.save()?;
        }
        if let Some(reason) = end.filter(|_| !last) {
            return Ok(FitEnd::Stopped(reason));
        }
    }
    Ok(FitEnd::Finished)
}

fn loading(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Batch { source: Box::new(error) }
}

/// A training under way.
struct Course<'a, S> {
    trainer: &'a mut Trainer,
    source: &'a mut S,
    checkpoints: &'a Path,
    data: Fingerprint,
    best: Option<(f64, u64)>,
    /// The step of the last checkpoint.
    saved: Option<u64>,
}

impl<S> Course<'_, S>
where
    S: BatchSource<Batch = TranscriptionBatch>,
{
    /// Writes a checkpoint, unless there is one of this step.
    fn save(&mut self) -> Result<()> {
        let step = self.trainer.step_count();
        if self.saved != Some(step) {
            self.trainer.save_checkpoint(self.checkpoints, self.data, self.best)?;
            self.saved = Some(step);
        }
        Ok(())
    }

    /// Validates, keeps the network if it is the best; whether the training should end.
    fn validate(&mut self, observer: &mut dyn Observer) -> Result<Option<StopReason>> {
        let step = self.trainer.step_count();
        let mut model = self.trainer.snapshot()?;
        let score = observer.on_validation(&mut model, step)?;
        self.trainer.observe(score);
        let (value, verdict) = self.trainer.judge(&model, score, self.best)?;
        if verdict.improved {
            self.best = Some((value, step));
            observer.on_best(&model, value, step)?;
            self.save()?;
        }
        Ok(verdict.stop)
    }

    /// Answers to a step that gave no number: passes it over, goes back, or gives up.
    fn recover(
        &mut self,
        what: &'static str,
        step: u64,
        batches: &[TranscriptionBatch],
        next: BatchPosition,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let config = self.trainer.config().non_finite.clone();
        let first = self.trainer.position();
        let mut answer = self.trainer.trouble.answer(&config, step, first);
        let newest =
            (answer == Answer::RolledBack).then(|| latest_checkpoint(self.checkpoints)).flatten();
        if answer == Answer::RolledBack && newest.is_none() {
            answer = Answer::Aborted;
        }
        let incident = Incident::of(self.trainer, what, answer, batches, next)?;
        if let Some(folder) = observer.folder() {
            // A full disk is no reason to lose the training as well.
            if let Err(error) = incident.write(self.trainer, &folder.join("incidents"), batches) {
                log::warn!("no account of the incident was written: {error}");
            }
        }
        observer.on_incident(&incident)?;
        match (answer, newest) {
            (Answer::Skipped, _) => {
                self.trainer.position = next;
                Ok(())
            }
            (Answer::RolledBack, Some(checkpoint)) => {
                // What has been learned of the troubles stays.
                let trouble = self.trainer.trouble.clone();
                self.best = self.trainer.restore(&checkpoint, self.data)?.best;
                self.trainer.trouble = trouble;
                let step = self.trainer.step_count();
                self.trainer.trouble.rolled_back(&config, step);
                self.saved = Some(step);
                self.source.seek(self.trainer.position()).map_err(loading)
            }
            _ => Err(Error::NonFinite { what, step }),
        }
    }
}
