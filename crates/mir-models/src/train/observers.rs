//! Several observers of one training.

use std::path::Path;

use crate::{
    Error, Result,
    infer::TranscriptionModel,
    train::{FitProgress, Incident, Observer},
};

/// Observers that are called one after the other, in the order of the list. The first one validates: its
/// score counts, and what the others return is not looked at. The run folder is the first that is named.
#[expect(missing_debug_implementations, reason = "observers need not have one")]
pub struct Observers<'a, M = TranscriptionModel>(pub Vec<&'a mut dyn Observer<M>>);

impl<M> Observer<M> for Observers<'_, M> {
    fn on_step(&mut self, progress: &FitProgress<'_>) -> Result<()> {
        self.0.iter_mut().try_for_each(|observer| observer.on_step(progress))
    }

    fn on_validation(&mut self, model: &mut M, step: u64) -> Result<f64> {
        let mut first = None;
        for observer in &mut self.0 {
            let score = observer.on_validation(model, step)?;
            first.get_or_insert(score);
        }
        first.ok_or_else(|| Error::config("observers", "at least one, which validates", 0))
    }

    fn on_best(&mut self, model: &M, score: f64, step: u64) -> Result<()> {
        self.0.iter_mut().try_for_each(|observer| observer.on_best(model, score, step))
    }

    fn on_incident(&mut self, incident: &Incident) -> Result<()> {
        self.0.iter_mut().try_for_each(|observer| observer.on_incident(incident))
    }

    fn on_pause(&mut self, reason: &str, snapshot: &Path) {
        self.0.iter_mut().for_each(|observer| observer.on_pause(reason, snapshot));
    }

    fn folder(&self) -> Option<&Path> {
        self.0.iter().find_map(|observer| observer.folder())
    }
}
