//! `tune`: the decoder of a trained network, fitted to a validation split anew.

use mir_core::Note;
use mir_datasets::{Split, recordings};
use mir_models::{
    activations::TranscriptionActivations, decode::NoteDecoderConfig, thresholds, weights::Storage,
};

use crate::{
    args::TuneArgs,
    common::{
        CommonArgs,
        failure::{Failure, Outcome},
        signals::Stop,
    },
    data, evaluate,
    experiment::Experiment,
    model::ModelArgs,
};

/// The verb `tune`.
///
/// # Errors
/// A failure of the data, the weights, or the output.
pub fn tune(common: &CommonArgs, args: &TuneArgs, stop: &Stop) -> Outcome<()> {
    let experiment =
        Experiment::resolve(args.data.data.into(), &ModelArgs::default(), common, None)?;
    let mut model = evaluate::open_model(args.weights.as_deref(), common)?;
    // The features of the weights, and the decoder of the settings.
    let experiment = Experiment { front_end: model.meta().front_end.clone(), ..experiment };
    let data = data::open(&args.data, &experiment)?;
    let (split, quiet) = (Split::Validation, common.quiet);
    let store = data::features(data.as_ref(), split, &experiment, &args.data, quiet, stop)?;
    let mut scored: Vec<(TranscriptionActivations, Vec<Note>)> = Vec::new();
    for recording in recordings(store.as_ref()) {
        if stop.raised() {
            return Err(Failure::interrupted("stopped; nothing is written", stop.signal()));
        }
        let recording = recording?;
        let map = recording.features;
        let features = map.data.index_axis(ndarray::Axis(0), 0);
        scored.push((model.activations(features, map.grid)?, recording.notes));
    }
    let pairs: Vec<_> = scored.iter().map(|(a, notes)| (a, notes.as_slice())).collect();
    // Where rows lie against events is a property of the weights, of the labels that they learned.
    let row_shift = model.meta().decoder.row_shift;
    let base = NoteDecoderConfig { row_shift, ..experiment.decoder };
    let tuned = thresholds::tune(&pairs, &base, &experiment.search)?;
    let meta = model.meta_mut();
    for (name, value) in [
        ("note_f1", tuned.note_f1),
        ("note_with_offset_f1", tuned.note_with_offset_f1),
        ("onset_threshold", tuned.decoder.onset_threshold),
        ("frame_threshold", tuned.decoder.frame_threshold),
    ] {
        meta.scores.insert(format!("validation/{name}"), value);
    }
    meta.decoder = tuned.decoder;
    model.save(&args.out, if args.half { Storage::F16 } else { Storage::F32 })?;
    if !common.quiet {
        println!(
            "{}: validation note F1 {:.4}, with offset {:.4}; onset threshold {:.2}, {}",
            args.out.display(),
            tuned.note_f1,
            tuned.note_with_offset_f1,
            model.meta().decoder.onset_threshold,
            match &model.meta().decoder.ends {
                Some(_) => "ends learned".to_owned(),
                None => format!("frame threshold {:.2}", model.meta().decoder.frame_threshold),
            }
        );
    }
    Ok(())
}
