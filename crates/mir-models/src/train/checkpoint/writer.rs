//! Checkpoints along a run, written while it goes on.

use std::{
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use mir_core::{
    Fingerprint,
    publish::fault::{self, with_hook},
};

use super::Checkpoint;
use crate::{
    Error, Result,
    train::{Network, Trainer},
};

/// Failed writes in a row that end a run.
const FAILURES: u32 = 3;

/// Writes checkpoints in a thread, one at a time: a training waits for the copy of its state only.
///
/// A write that fails is reported, and the next checkpoint makes up for it; the third in a row is an error.
/// Dropping it waits for the write that is under way.
pub(crate) struct CheckpointWriter {
    folder: PathBuf,
    data: Fingerprint,
    under_way: Option<JoinHandle<Result<PathBuf>>>,
    failures: u32,
}

impl CheckpointWriter {
    pub(crate) fn new(folder: &Path, data: Fingerprint) -> Self {
        Self { folder: folder.to_owned(), data, under_way: None, failures: 0 }
    }

    /// Copies the trainer's state and begins to write it, once the write before is done.
    ///
    /// # Errors
    /// That of the write before, if it was the third in a row to fail; what LibTorch says about the copy.
    pub(crate) fn save<N: Network>(
        &mut self,
        trainer: &Trainer<N>,
        best: Option<(f64, u64)>,
    ) -> Result<()> {
        self.settle()?;
        let checkpoint: Checkpoint = trainer.checkpoint(self.data, best)?;
        let (folder, hook) = (self.folder.clone(), fault::current());
        let write = move || with_hook(hook, || checkpoint.write(&folder));
        self.under_way = Some(thread::spawn(write));
        Ok(())
    }

    /// Waits for the write that is under way.
    ///
    /// # Errors
    /// Its error, if it was the third in a row to fail.
    pub(crate) fn settle(&mut self) -> Result<()> {
        if let Err(error) = self.wait() {
            self.failures += 1;
            if self.failures >= FAILURES {
                return Err(error);
            }
            log::warn!("a checkpoint is missing, the training goes on: {error}");
        }
        Ok(())
    }

    /// Waits for the last checkpoint of a run.
    ///
    /// # Errors
    /// Why it could not be written.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.wait()
    }

    fn wait(&mut self) -> Result<()> {
        let Some(thread) = self.under_way.take() else {
            return Ok(());
        };
        let stopped = |_| Error::Checkpoint {
            path: self.folder.clone(),
            reason: "the thread that was writing it has panicked".to_owned(),
        };
        thread.join().map_err(stopped)??;
        self.failures = 0;
        Ok(())
    }
}

impl Drop for CheckpointWriter {
    fn drop(&mut self) {
        if let Err(error) = self.wait() {
            log::warn!("the last checkpoint could not be written: {error}");
        }
    }
}
