//! Validation: what a network says of recordings it has not learned from, and the decoder that suits it.

use std::path::Path;

use mir_core::{FrameGrid, Note};
use mir_datasets::{FeatureStore, recordings};
use mir_features::FrontEndConfig;
use mir_models::{
    Device, Result,
    activations::TranscriptionActivations,
    arch::{HighResolutionNotes, OnsetsFrames},
    config::{HighResolutionConfig, OnsetsFramesConfig},
    infer::{HighResolutionModel, TranscriptionModel},
    thresholds::{tune, tune_regression},
    train::Network,
    weights::{NameMap, Storage},
};
use ndarray::{ArrayView2, Axis};

use crate::{
    experiment::{Experiment, HighResolution},
    method::Decoding,
};

/// What a network says of a recording, and the notes that are played there.
pub type Heard = (TranscriptionActivations, Vec<Note>);

/// The same, borrowed.
pub type Pair<'a> = (&'a TranscriptionActivations, &'a [Note]);

/// A network with its description that this program can train: one kind for each kind of decoder.
pub trait Trainee: Sized {
    /// The network.
    type Network: Network<Model = Self>;

    /// Which network the settings ask for.
    fn architecture(experiment: &Experiment) -> <Self::Network as Network>::Config;

    /// The names of its tensors in files of its own.
    fn names() -> NameMap;

    /// Reads a file of its own.
    ///
    /// # Errors
    /// If it is damaged or foreign.
    fn open(path: &Path, device: Device) -> Result<Self>;

    /// Writes one.
    ///
    /// # Errors
    /// If it cannot be written.
    fn save(&self, path: &Path, storage: Storage) -> Result<()>;

    /// The features that it reads.
    fn front_end(&self) -> FrontEndConfig;

    /// What it says of features `[frames, bins]`.
    ///
    /// # Errors
    /// For features that do not fit.
    fn hear(
        &self,
        features: ArrayView2<'_, f32>,
        grid: FrameGrid,
    ) -> Result<TranscriptionActivations>;

    /// How its notes are decoded.
    fn decoding(&self, experiment: &Experiment) -> Decoding;

    /// The settings with its decoder in place of theirs.
    fn lend_decoder(&self, experiment: Experiment) -> Experiment;

    /// Takes over the decoder of the settings.
    fn take_decoder(&mut self, experiment: &Experiment);

    /// Fits the decoder of the settings to recordings and takes it over; the F1 of rolls that was reached.
    ///
    /// # Errors
    /// Without recordings, or for thresholds out of range.
    fn fit_decoder(&mut self, pairs: &[Pair<'_>], experiment: &Experiment) -> Result<f64>;

    /// The thresholds of its decoder by name.
    fn thresholds(&self) -> Vec<(&'static str, f64)>;

    /// Notes scores in its description.
    fn note(&mut self, scores: &[(&str, f64)]);

    /// Notes what it was trained on.
    fn trained_on(&mut self, data: &str);
}

/// What a network says of the recordings of a store, one after the other.
pub fn heard<'a, M: Trainee>(
    model: &'a M,
    store: &'a dyn FeatureStore,
) -> impl Iterator<Item = Result<Heard>> + 'a {
    recordings(store).map(|recording| {
        let loading = |error| mir_models::Error::Batch { source: Box::new(error) };
        let recording = recording.map_err(loading)?;
        let map = recording.features;
        let activations = model.hear(map.data.index_axis(Axis(0), 0), map.grid)?;
        Ok((activations, recording.notes))
    })
}

/// Notes what a network has reached on validation data, with the thresholds that it was reached with: the scores by
/// name.
pub fn note_scores<M: Trainee>(
    model: &mut M,
    note_f1: f64,
    note_with_offset_f1: f64,
    roll_f1: f64,
) -> Vec<(&'static str, f64)> {
    let mut scores = vec![
        ("validation/note_f1", note_f1),
        ("validation/note_with_offset_f1", note_with_offset_f1),
        ("validation/frame_head_f1", roll_f1),
    ];
    scores.extend(model.thresholds());
    model.note(&scores);
    scores
}

impl Trainee for TranscriptionModel {
    type Network = OnsetsFrames;

    fn architecture(experiment: &Experiment) -> OnsetsFramesConfig {
        experiment.model.clone()
    }

    fn names() -> NameMap {
        NameMap::default()
    }

    fn open(path: &Path, device: Device) -> Result<Self> {
        Self::open(path, device)
    }

    fn save(&self, path: &Path, storage: Storage) -> Result<()> {
        self.save(path, storage)
    }

    fn front_end(&self) -> FrontEndConfig {
        self.meta().front_end.clone()
    }

    fn hear(
        &self,
        features: ArrayView2<'_, f32>,
        grid: FrameGrid,
    ) -> Result<TranscriptionActivations> {
        self.activations(features, grid)
    }

    fn decoding(&self, experiment: &Experiment) -> Decoding {
        Decoding::of(self.meta(), experiment.original_decoder)
    }

    fn lend_decoder(&self, experiment: Experiment) -> Experiment {
        let (decoder, roll_threshold) = (self.meta().decoder.clone(), self.meta().roll_threshold);
        Experiment { decoder, roll_threshold, ..experiment }
    }

    fn take_decoder(&mut self, experiment: &Experiment) {
        let meta = self.meta_mut();
        meta.decoder.clone_from(&experiment.decoder);
        meta.roll_threshold = experiment.roll_threshold;
    }

    fn fit_decoder(&mut self, pairs: &[Pair<'_>], experiment: &Experiment) -> Result<f64> {
        let tuned = tune(pairs, &experiment.decoder, &experiment.search)?;
        let meta = self.meta_mut();
        (meta.decoder, meta.roll_threshold) = (tuned.decoder, tuned.roll_threshold);
        Ok(tuned.roll_f1)
    }

    fn thresholds(&self) -> Vec<(&'static str, f64)> {
        let meta = self.meta();
        vec![
            ("validation/onset_threshold", meta.decoder.onset_threshold),
            ("validation/frame_threshold", meta.decoder.frame_threshold),
            ("validation/roll_threshold", meta.roll_threshold),
        ]
    }

    fn note(&mut self, scores: &[(&str, f64)]) {
        let named = scores.iter().map(|(name, value)| ((*name).to_owned(), *value));
        self.meta_mut().scores.extend(named);
    }

    fn trained_on(&mut self, data: &str) {
        data.clone_into(&mut self.meta_mut().training_data);
    }
}

impl Trainee for HighResolutionModel {
    type Network = HighResolutionNotes;

    fn architecture(experiment: &Experiment) -> HighResolutionConfig {
        experiment.high_resolution.clone().unwrap_or_default().network
    }

    fn names() -> NameMap {
        NameMap { prefix: "note_model.".to_owned(), ..NameMap::of_bytedance_notes() }
    }

    fn open(path: &Path, device: Device) -> Result<Self> {
        Self::open(path, device)
    }

    fn save(&self, path: &Path, storage: Storage) -> Result<()> {
        self.save(path, storage)
    }

    fn front_end(&self) -> FrontEndConfig {
        FrontEndConfig::LogMel(self.meta().front_end.clone())
    }

    fn hear(
        &self,
        features: ArrayView2<'_, f32>,
        grid: FrameGrid,
    ) -> Result<TranscriptionActivations> {
        Ok(self.activations(features, grid)?.notes)
    }

    fn decoding(&self, _: &Experiment) -> Decoding {
        Decoding::regression(self.meta())
    }

    fn lend_decoder(&self, experiment: Experiment) -> Experiment {
        let settings = experiment.high_resolution.clone().unwrap_or_default();
        let decoder = self.meta().decoder.clone();
        Experiment {
            high_resolution: Some(HighResolution { decoder, ..settings }),
            roll_threshold: self.meta().roll_threshold,
            ..experiment
        }
    }

    fn take_decoder(&mut self, experiment: &Experiment) {
        let decoder = experiment.high_resolution.clone().unwrap_or_default().decoder;
        let meta = self.meta_mut();
        (meta.decoder, meta.roll_threshold) = (decoder, experiment.roll_threshold);
    }

    fn fit_decoder(&mut self, pairs: &[Pair<'_>], experiment: &Experiment) -> Result<f64> {
        let decoder = experiment.high_resolution.clone().unwrap_or_default().decoder;
        let tuned = tune_regression(pairs, &decoder, &experiment.search)?;
        let meta = self.meta_mut();
        (meta.decoder, meta.roll_threshold) = (tuned.decoder, tuned.roll_threshold);
        Ok(tuned.roll_f1)
    }

    fn thresholds(&self) -> Vec<(&'static str, f64)> {
        let meta = self.meta();
        vec![
            ("validation/onset_threshold", meta.decoder.onset_threshold),
            ("validation/offset_threshold", meta.decoder.offset_threshold),
            ("validation/frame_threshold", meta.decoder.frame_threshold),
            ("validation/roll_threshold", meta.roll_threshold),
        ]
    }

    fn note(&mut self, scores: &[(&str, f64)]) {
        let named = scores.iter().map(|(name, value)| ((*name).to_owned(), *value));
        self.meta_mut().scores.extend(named);
    }

    fn trained_on(&mut self, data: &str) {
        data.clone_into(&mut self.meta_mut().training_data);
    }
}
