//! The training loop.

use std::{
    cell::Cell,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
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
        Answer, Incident, Network, StepReport, StopReason, Trainer, TranscriptionBatch,
        checkpoint::CheckpointWriter,
        latest_checkpoint,
        pause::{Moment, PauseFile, Snapshot, Wish},
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
    /// What the observer would like to happen next.
    pub requests: &'a Requests,
}

/// What an observer asks the training for after a step. It happens before the next one.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    stop: Cell<bool>,
    checkpoint: Cell<bool>,
    validate: Cell<bool>,
}

impl Requests {
    /// End the training, with a checkpoint.
    pub fn stop(&self) {
        self.stop.set(true);
    }

    /// Write a checkpoint.
    pub fn checkpoint(&self) {
        self.checkpoint.set(true);
    }

    /// Validate; it counts like any other validation.
    pub fn validate(&self) {
        self.validate.set(true);
    }
}

/// What a caller does along the way of a training whose network is described by an `M`. An error stops the training.
pub trait Observer<M = TranscriptionModel> {
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
    fn on_validation(&mut self, model: &mut M, step: u64) -> Result<f64>;

    /// When a validation gave the best score so far.
    ///
    /// # Errors
    /// Whatever should stop the training.
    fn on_best(&mut self, model: &M, score: f64, step: u64) -> Result<()>;

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

    /// When the training has paused on request, with the snapshot that it has written.
    fn on_pause(&mut self, reason: &str, snapshot: &Path) {
        log::warn!("paused: {reason}; the state is in {}", snapshot.display());
    }

    /// The run folder, for the accounts of incidents and the [file](super::pause) that makes the training
    /// pause; without one there is neither.
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
/// `checkpoints`; `data` identifies the data in them. They are written in the background, one at a time. One
/// that cannot be written is reported and made up for by the next; the third in a row ends the run, and so
/// does the last one.
///
/// In [several processes](Trainer::join) all of them call this; each validates, with equal results, and rank 0
/// writes the checkpoints. Observers of other ranks should write nothing.
///
/// # Errors
/// What the steps, the source, the observer or the writing of checkpoints give.
pub fn fit<N, S>(
    trainer: &mut Trainer<N>,
    source: &mut S,
    checkpoints: &Path,
    data: Fingerprint,
    best: Option<(f64, u64)>,
    observer: &mut dyn Observer<N::Model>,
    stop: &AtomicBool,
) -> Result<FitEnd>
where
    N: Network,
    S: BatchSource<Batch = TranscriptionBatch>,
{
    let writer = CheckpointWriter::new(checkpoints, data);
    let mut course =
        Course { trainer, source, checkpoints, data, best, writer, saved: None, score: None };
    let start = Instant::now();
    let mut pause = observer.folder().map(PauseFile::new);
    let config = course.trainer.config().clone();
    course.source.seek(course.trainer.position()).map_err(loading)?;
    if let Some(reason) = course.trainer.stopped() {
        return Ok(FitEnd::Stopped(reason));
    }
    while course.trainer.step_count() < config.steps {
        // All processes stop after the same step.
        if course.trainer.communicator().any(stop.load(Ordering::SeqCst))? {
            course.save()?;
            course.writer.finish()?;
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
                course.writer.finish()?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        let requests = Requests::default();
        observer.on_step(&FitProgress {
            report: &report,
            total: config.steps,
            data_wait,
            requests: &requests,
        })?;
        let done = course.trainer.step_count();
        let last = done == config.steps;
        let mut end = None;
        if last || requests.validate.get() || done.is_multiple_of(config.validate_every) {
            end = course.validate(observer)?;
        }
        if requests.stop.get() {
            end = end.or(Some(StopReason::Requested));
        }
        let asked = requests.checkpoint.get() || end.is_some();
        if last || asked || done.is_multiple_of(config.checkpoint_every) {
            course.save()?;
        }
        if let Some(reason) = end.filter(|_| !last) {
            course.writer.finish()?;
            return Ok(FitEnd::Stopped(reason));
        }
        if let (Some(file), Some(batch)) = (&mut pause, batches.first()) {
            let moment = Moment::new(&report, start.elapsed().as_secs_f64(), course.score);
            if !course.pause(file, &moment, batch, observer, stop)? && !last {
                course.writer.finish()?;
                return Ok(FitEnd::Stopped(StopReason::Requested));
            }
        }
    }
    course.writer.finish()?;
    Ok(FitEnd::Finished)
}

fn loading(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Batch { source: Box::new(error) }
}

/// How often a paused training looks whether it may go on.
const PAUSE_POLL: Duration = Duration::from_millis(200);

/// A training under way.
struct Course<'a, N, S> {
    trainer: &'a mut Trainer<N>,
    source: &'a mut S,
    checkpoints: &'a Path,
    data: Fingerprint,
    best: Option<(f64, u64)>,
    writer: CheckpointWriter,
    /// The step of the last checkpoint.
    saved: Option<u64>,
    /// The latest validation.
    score: Option<f64>,
}

impl<N, S> Course<'_, N, S>
where
    N: Network,
    S: BatchSource<Batch = TranscriptionBatch>,
{
    /// Writes a checkpoint, unless there is one of this step.
    fn save(&mut self) -> Result<()> {
        let step = self.trainer.step_count();
        if self.saved != Some(step) && self.trainer.communicator().is_root() {
            self.writer.save(self.trainer, self.best)?;
            self.saved = Some(step);
        }
        Ok(())
    }

    /// Validates, keeps the network if it is the best; whether the training should end.
    fn validate(&mut self, observer: &mut dyn Observer<N::Model>) -> Result<Option<StopReason>> {
        let step = self.trainer.step_count();
        self.trainer.share_statistics()?;
        let mut model = self.trainer.snapshot()?;
        let score = observer.on_validation(&mut model, step)?;
        self.score = Some(score);
        self.trainer.observe(score);
        let (value, verdict) = self.trainer.judge(&model, score, self.best)?;
        if verdict.improved {
            self.best = Some((value, step));
            observer.on_best(&model, value, step)?;
            self.save()?;
        }
        Ok(verdict.stop)
    }

    /// Does what the pause file asks for; `false` if the training should end.
    fn pause(
        &mut self,
        file: &mut PauseFile,
        moment: &Moment,
        batch: &TranscriptionBatch,
        observer: &mut dyn Observer<N::Model>,
        stop: &AtomicBool,
    ) -> Result<bool> {
        let mut paused = false;
        // A signal ends the pause, too: the loop sees it next.
        while !stop.load(Ordering::SeqCst) {
            let reason = match file.wish(moment) {
                Wish::RunOn => break,
                Wish::Quit => {
                    self.save()?;
                    return Ok(false);
                }
                Wish::Pause(_) if paused => {
                    thread::sleep(PAUSE_POLL);
                    continue;
                }
                Wish::Pause(reason) => {
                    paused = true;
                    reason
                }
                Wish::Snapshot => "asked for".to_owned(),
            };
            self.save()?;
            // Whoever looks finds the checkpoint that the snapshot names.
            self.writer.settle()?;
            let Some(folder) = observer.folder() else { break };
            let snapshot = Snapshot::write(self.trainer, folder, &reason, moment, batch)?;
            if paused {
                observer.on_pause(&reason, &snapshot);
            }
        }
        Ok(true)
    }

    /// Answers to a step that gave no number: passes it over, goes back, or gives up.
    fn recover(
        &mut self,
        what: &'static str,
        step: u64,
        batches: &[TranscriptionBatch],
        next: BatchPosition,
        observer: &mut dyn Observer<N::Model>,
    ) -> Result<()> {
        let config = self.trainer.config().non_finite.clone();
        let first = self.trainer.position();
        let mut answer = self.trainer.trouble.answer(&config, step, first);
        // One that is being written is the newest in a moment.
        self.writer.settle()?;
        self.trainer.communicator().barrier()?;
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
