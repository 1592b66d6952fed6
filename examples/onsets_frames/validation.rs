//! Validation: what a network says of recordings it has not learned from, and the decoder that suits it.

use mir_core::Note;
use mir_datasets::{FeatureStore, recordings};
use mir_models::{
    activations::TranscriptionActivations, infer::TranscriptionModel, thresholds::Tuned,
};
use ndarray::Axis;

/// What a network says of a recording, and the notes that are played there.
pub type Heard = (TranscriptionActivations, Vec<Note>);

/// The recordings of a store, one after the other.
pub fn heard<'a>(
    model: &'a TranscriptionModel,
    store: &'a dyn FeatureStore,
) -> impl Iterator<Item = mir_models::Result<Heard>> + 'a {
    recordings(store).map(|recording| {
        let loading = |error| mir_models::Error::Batch { source: Box::new(error) };
        let recording = recording.map_err(loading)?;
        let map = recording.features;
        let activations = model.activations(map.data.index_axis(Axis(0), 0), map.grid)?;
        Ok((activations, recording.notes))
    })
}

/// Gives the network its decoder, and notes what it reached with it: the scores by name.
pub fn adopt(model: &mut TranscriptionModel, tuned: &Tuned) -> Vec<(&'static str, f64)> {
    let scores = vec![
        ("validation/note_f1", tuned.note_f1),
        ("validation/note_with_offset_f1", tuned.note_with_offset_f1),
        ("validation/frame_head_f1", tuned.roll_f1),
        ("validation/onset_threshold", tuned.decoder.onset_threshold),
        ("validation/frame_threshold", tuned.decoder.frame_threshold),
        ("validation/roll_threshold", tuned.roll_threshold),
    ];
    let meta = model.meta_mut();
    meta.decoder = tuned.decoder.clone();
    meta.roll_threshold = tuned.roll_threshold;
    meta.scores.extend(scores.iter().map(|(name, value)| ((*name).to_owned(), *value)));
    scores
}
