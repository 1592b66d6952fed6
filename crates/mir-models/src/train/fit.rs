//! The training loop.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use mir_core::{Fingerprint, batch::BatchSource};

use crate::{
    Error, Result,
    infer::TranscriptionModel,
    train::{StepReport, Trainer, TranscriptionBatch},
};

/// How the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FitEnd {
    /// All steps are done.
    Finished,
    /// The stop flag was raised; a checkpoint was written.
    Interrupted,
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
}

/// Trains until the configured number of steps, or until `stop` is raised: then the step in hand is
/// finished, a checkpoint is written, and the loop returns.
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
    mut best: Option<(f64, u64)>,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<FitEnd>
where
    S: BatchSource<Batch = TranscriptionBatch>,
{
    let config = trainer.config().clone();
    let loading = |error: S::Error| Error::Batch { source: Box::new(error) };
    source.seek(trainer.position()).map_err(loading)?;
    let mut saved = None;
    while trainer.step_count() < config.steps {
        if stop.load(Ordering::SeqCst) {
            if saved != Some(trainer.step_count()) {
                trainer.save_checkpoint(checkpoints, data, best)?;
            }
            return Ok(FitEnd::Interrupted);
        }
        let asked = Instant::now();
        let batches = (0..config.accumulate)
            .map(|_| source.next_batch().map_err(loading))
            .collect::<Result<Vec<_>>>()?;
        let data_wait = asked.elapsed();
        let report = trainer.step_accumulated(&batches, source.position())?;
        observer.on_step(&FitProgress { report: &report, total: config.steps, data_wait })?;
        let done = trainer.step_count();
        let last = done == config.steps;
        if last || done.is_multiple_of(config.validate_every) {
            let mut model = trainer.snapshot()?;
            let score = observer.on_validation(&mut model, done)?;
            trainer.observe(score);
            if score.is_finite() && best.is_none_or(|(highest, _)| score > highest) {
                best = Some((score, done));
                observer.on_best(&model, score, done)?;
                trainer.save_checkpoint(checkpoints, data, best)?;
                saved = Some(done);
            }
        }
        if saved == Some(done) {
            continue;
        }
        if last || done.is_multiple_of(config.checkpoint_every) {
            trainer.save_checkpoint(checkpoints, data, best)?;
            saved = Some(done);
        }
    }
    Ok(FitEnd::Finished)
}
