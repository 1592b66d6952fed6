//! Validation: what a network says of recordings it has not learned from, and the decoder that suits it.

use std::path::Path;

use mir_core::{FrameGrid, Note};
use mir_datasets::{FeatureStore, recordings};
use mir_features::FrontEndConfig;
use mir_models::{
    Device, Result,
    activations::{PedalActivations, TranscriptionActivations},
    arch::{HighResolutionNotes, HighResolutionPedals, OnsetsFrames},
    config::{HighResolutionConfig, OnsetsFramesConfig},
    infer::{HighResolutionModel, TranscriptionModel},
    thresholds::{tune, tune_pedal, tune_regression},
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

/// A network with its description: a file of its own kind.
pub trait Described: Sized {
    /// Reads a file of its kind.
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

    /// Notes scores by name.
    fn note(&mut self, scores: &[(&str, f64)]);

    /// Notes what it was trained on.
    fn trained_on(&mut self, data: &str);
}

/// A network that this program can train, and what is done with its model along the way. For one that hears the pedal,
/// notes are presses.
pub trait Trainee: Network<Model: Described> {
    /// Which network the settings ask for.
    fn architecture(experiment: &Experiment) -> Self::Config;

    /// The names of its tensors in files of its own.
    fn names() -> NameMap;

    /// Whether its model has another network, which is there before the training and stays as it is.
    const BESIDE_ANOTHER: bool = false;

    /// The settings that fit a model with that other network.
    fn fitting(beside: &Self::Model, experiment: Experiment) -> Experiment {
        let _ = beside;
        experiment
    }

    /// Takes that other network over.
    ///
    /// # Errors
    /// If the two do not fit.
    fn complete(model: &mut Self::Model, beside: Option<&Self::Model>) -> Result<()> {
        let _ = (model, beside);
        Ok(())
    }

    /// What it says of features `[frames, bins]`.
    ///
    /// # Errors
    /// For features that do not fit.
    fn hear(
        model: &Self::Model,
        features: ArrayView2<'_, f32>,
        grid: FrameGrid,
    ) -> Result<TranscriptionActivations>;

    /// How that is decoded.
    fn decoding(model: &Self::Model, experiment: &Experiment) -> Decoding;

    /// The settings with the decoder of a model in place of theirs.
    fn with_decoder_of(model: &Self::Model, experiment: Experiment) -> Experiment;

    /// Gives a model the decoder of the settings.
    fn set_decoder(model: &mut Self::Model, experiment: &Experiment);

    /// Fits the decoder of the settings to recordings and gives it to a model; the F1 of rolls that was reached.
    ///
    /// # Errors
    /// Without recordings, or for thresholds out of range.
    fn fit_decoder(
        model: &mut Self::Model,
        pairs: &[Pair<'_>],
        experiment: &Experiment,
    ) -> Result<f64>;

    /// What validation has found out, by name: notes, notes with their ends, rolls, and thresholds.
    fn scores(model: &Self::Model, f1: [f64; 3]) -> Vec<(&'static str, f64)>;
}

/// What a network says of the recordings of a store, one after the other.
pub fn heard<'a, N: Trainee>(
    model: &'a N::Model,
    store: &'a dyn FeatureStore,
) -> impl Iterator<Item = Result<Heard>> + use<'a, N> {
    recordings(store).map(|recording| {
        let loading = |error| mir_models::Error::Batch { source: Box::new(error) };
        let recording = recording.map_err(loading)?;
        let map = recording.features;
        let activations = N::hear(model, map.data.index_axis(Axis(0), 0), map.grid)?;
        Ok((activations, recording.notes))
    })
}

impl Described for TranscriptionModel {
    fn open(path: &Path, device: Device) -> Result<Self> {
        Self::open(path, device)
    }

    fn save(&self, path: &Path, storage: Storage) -> Result<()> {
        self.save(path, storage)
    }

    fn front_end(&self) -> FrontEndConfig {
        self.meta().front_end.clone()
    }

    fn note(&mut self, scores: &[(&str, f64)]) {
        let named = scores.iter().map(|(name, value)| ((*name).to_owned(), *value));
        self.meta_mut().scores.extend(named);
    }

    fn trained_on(&mut self, data: &str) {
        data.clone_into(&mut self.meta_mut().training_data);
    }
}

impl Trainee for OnsetsFrames {
    fn architecture(experiment: &Experiment) -> OnsetsFramesConfig {
        experiment.model.clone()
    }

    fn names() -> NameMap {
        NameMap::default()
    }

    fn hear(
        model: &TranscriptionModel,
        features: ArrayView2<'_, f32>,
        grid: FrameGrid,
    ) -> Result<TranscriptionActivations> {
        model.activations(features, grid)
    }

    fn decoding(model: &TranscriptionModel, experiment: &Experiment) -> Decoding {
        Decoding::of(model.meta(), experiment.original_decoder)
    }

    fn with_decoder_of(model: &TranscriptionModel, experiment: Experiment) -> Experiment {
        let (decoder, roll_threshold) = (model.meta().decoder.clone(), model.meta().roll_threshold);
        Experiment { decoder, roll_threshold, ..experiment }
    }

    fn set_decoder(model: &mut TranscriptionModel, experiment: &Experiment) {
        let meta = model.meta_mut();
        meta.decoder.clone_from(&experiment.decoder);
        meta.roll_threshold = experiment.roll_threshold;
    }

    fn fit_decoder(
        model: &mut TranscriptionModel,
        pairs: &[Pair<'_>],
        experiment: &Experiment,
    ) -> Result<f64> {
        let tuned = tune(pairs, &experiment.decoder, &experiment.search)?;
        let meta = model.meta_mut();
        (meta.decoder, meta.roll_threshold) = (tuned.decoder, tuned.roll_threshold);
        Ok(tuned.roll_f1)
    }

    fn scores(model: &TranscriptionModel, f1: [f64; 3]) -> Vec<(&'static str, f64)> {
        let meta = model.meta();
        vec![
            ("validation/note_f1", f1[0]),
            ("validation/note_with_offset_f1", f1[1]),
            ("validation/frame_head_f1", f1[2]),
            ("validation/onset_threshold", meta.decoder.onset_threshold),
            ("validation/frame_threshold", meta.decoder.frame_threshold),
            ("validation/roll_threshold", meta.roll_threshold),
        ]
    }
}

impl Described for HighResolutionModel {
    fn open(path: &Path, device: Device) -> Result<Self> {
        Self::open(path, device)
    }

    fn save(&self, path: &Path, storage: Storage) -> Result<()> {
        self.save(path, storage)
    }

    fn front_end(&self) -> FrontEndConfig {
        FrontEndConfig::LogMel(self.meta().front_end.clone())
    }

    fn note(&mut self, scores: &[(&str, f64)]) {
        let named = scores.iter().map(|(name, value)| ((*name).to_owned(), *value));
        self.meta_mut().scores.extend(named);
    }

    fn trained_on(&mut self, data: &str) {
        data.clone_into(&mut self.meta_mut().training_data);
    }
}

/// The settings of the high-resolution networks.
fn settings(experiment: &Experiment) -> HighResolution {
    experiment.high_resolution.clone().unwrap_or_default()
}

impl Trainee for HighResolutionNotes {
    fn architecture(experiment: &Experiment) -> HighResolutionConfig {
        settings(experiment).network
    }

    fn names() -> NameMap {
        NameMap { prefix: "note_model.".to_owned(), ..NameMap::of_bytedance_notes() }
    }

    fn hear(
        model: &HighResolutionModel,
        features: ArrayView2<'_, f32>,
        grid: FrameGrid,
    ) -> Result<TranscriptionActivations> {
        Ok(model.activations(features, grid)?.notes)
    }

    fn decoding(model: &HighResolutionModel, _: &Experiment) -> Decoding {
        Decoding::regression(model.meta())
    }

    fn with_decoder_of(model: &HighResolutionModel, experiment: Experiment) -> Experiment {
        let decoder = model.meta().decoder.clone();
        let roll_threshold = model.meta().roll_threshold;
        let high_resolution = Some(HighResolution { decoder, ..settings(&experiment) });
        Experiment { high_resolution, roll_threshold, ..experiment }
    }

    fn set_decoder(model: &mut HighResolutionModel, experiment: &Experiment) {
        let meta = model.meta_mut();
        meta.decoder = settings(experiment).decoder;
        meta.roll_threshold = experiment.roll_threshold;
    }

    fn fit_decoder(
        model: &mut HighResolutionModel,
        pairs: &[Pair<'_>],
        experiment: &Experiment,
    ) -> Result<f64> {
        let tuned = tune_regression(pairs, &settings(experiment).decoder, &experiment.search)?;
        let meta = model.meta_mut();
        (meta.decoder, meta.roll_threshold) = (tuned.decoder, tuned.roll_threshold);
        Ok(tuned.roll_f1)
    }

    fn scores(model: &HighResolutionModel, f1: [f64; 3]) -> Vec<(&'static str, f64)> {
        let meta = model.meta();
        vec![
            ("validation/note_f1", f1[0]),
            ("validation/note_with_offset_f1", f1[1]),
            ("validation/frame_head_f1", f1[2]),
            ("validation/onset_threshold", meta.decoder.onset_threshold),
            ("validation/offset_threshold", meta.decoder.offset_threshold),
            ("validation/frame_threshold", meta.decoder.frame_threshold),
            ("validation/roll_threshold", meta.roll_threshold),
        ]
    }
}

impl Trainee for HighResolutionPedals {
    fn architecture(experiment: &Experiment) -> HighResolutionConfig {
        settings(experiment).network
    }

    fn names() -> NameMap {
        NameMap { prefix: "pedal_model.".to_owned(), ..NameMap::of_bytedance_pedals() }
    }

    /// That for notes.
    const BESIDE_ANOTHER: bool = true;

    fn fitting(beside: &HighResolutionModel, mut experiment: Experiment) -> Experiment {
        experiment.front_end = beside.front_end();
        let settings = experiment.high_resolution.get_or_insert_default();
        settings.network = beside.meta().architecture.clone();
        experiment
    }

    fn complete(
        model: &mut HighResolutionModel,
        beside: Option<&HighResolutionModel>,
    ) -> Result<()> {
        beside.map_or(Ok(()), |beside| model.take_notes(beside))
    }

    fn hear(
        model: &HighResolutionModel,
        features: ArrayView2<'_, f32>,
        grid: FrameGrid,
    ) -> Result<TranscriptionActivations> {
        let said = model.pedal_activations(features, grid)?;
        Ok(said.map(PedalActivations::into_key).unwrap_or_else(|| unreachable!("it was trained")))
    }

    fn decoding(model: &HighResolutionModel, _: &Experiment) -> Decoding {
        Decoding::pedal(model.meta())
    }

    fn with_decoder_of(model: &HighResolutionModel, experiment: Experiment) -> Experiment {
        let pedal_decoder = model.meta().pedal_decoder.clone();
        let high_resolution = Some(HighResolution { pedal_decoder, ..settings(&experiment) });
        Experiment { high_resolution, ..experiment }
    }

    fn set_decoder(model: &mut HighResolutionModel, experiment: &Experiment) {
        model.meta_mut().pedal_decoder = settings(experiment).pedal_decoder;
    }

    fn fit_decoder(
        model: &mut HighResolutionModel,
        pairs: &[Pair<'_>],
        experiment: &Experiment,
    ) -> Result<f64> {
        let tuned = tune_pedal(pairs, &settings(experiment).pedal_decoder, &experiment.search)?;
        model.meta_mut().pedal_decoder = tuned.decoder;
        Ok(tuned.roll_f1)
    }

    fn scores(model: &HighResolutionModel, f1: [f64; 3]) -> Vec<(&'static str, f64)> {
        let decoder = &model.meta().pedal_decoder;
        vec![
            ("validation/pedal_f1", f1[0]),
            ("validation/pedal_with_offset_f1", f1[1]),
            ("validation/pedal_frame_f1", f1[2]),
            ("validation/pedal_frame_threshold", decoder.frame_threshold),
            ("validation/pedal_offset_threshold", decoder.offset_threshold),
        ]
    }
}
