//! `tune`: the decoder of a trained network, fitted to a validation split anew.

use std::sync::Arc;

use mir_core::Note;
use mir_datasets::{Dataset, Split, loaders::AudioFolder};
use mir_models::{
    activations::TranscriptionActivations,
    arch::{HighResolutionNotes, OnsetsFrames},
    weights::Storage,
};

use crate::{
    args::{DataArgs, TuneArgs},
    common::{
        CommonArgs,
        failure::{Failure, Outcome},
        ranks::Ranks,
        signals::Stop,
    },
    data,
    evaluate::{PieceScores, Summary},
    experiment::Experiment,
    method,
    model::ModelArgs,
    validation::{self, Described, Trainee},
};

/// The verb `tune`.
///
/// # Errors
/// A failure of the data, the weights, or the output.
pub fn tune(common: &CommonArgs, args: &TuneArgs, stop: &Stop) -> Outcome<()> {
    let mut experiment =
        Experiment::resolve(args.data.data.into(), &ModelArgs::default(), common, None)?;
    if let Some(transcriber) = method::open_high_resolution(args.weights.as_deref(), common)? {
        if args.transpositions.is_some() {
            let message = "--transpositions: these networks hear a recording in its own key";
            return Err(Failure::usage(message));
        }
        return fit::<HighResolutionNotes>(
            common,
            args,
            stop,
            transcriber.into_model(),
            experiment,
        );
    }
    let mut model = method::open_model(args.weights.as_deref(), common)?;
    if let Some(keys) = &args.transpositions {
        let others: Vec<i32> = keys.iter().copied().filter(|&semitones| semitones != 0).collect();
        model.hear_in_keys(&others)?;
    }
    // Where rows lie against events is a property of the weights, of the labels that they learned.
    experiment.decoder.row_shift = model.meta().decoder.row_shift;
    fit::<OnsetsFrames>(common, args, stop, model, experiment)
}

/// Fits the decoder of one kind of network.
fn fit<N: Trainee>(
    common: &CommonArgs,
    args: &TuneArgs,
    stop: &Stop,
    mut model: N::Model,
    experiment: Experiment,
) -> Outcome<()> {
    // The features of the weights, and the decoder of the settings.
    let experiment = Experiment { front_end: model.front_end(), ..experiment };
    let alone = DataArgs { extra: Vec::new(), ..args.data.clone() };
    let validation = (data::open(&alone, &experiment)?, Split::Validation);
    let mut sets = vec![("validation split".to_owned(), validation)];
    for folder in &args.data.extra {
        let set: Arc<dyn Dataset> = Arc::new(AudioFolder::open(folder)?);
        sets.push((folder.display().to_string(), (set, Split::Train)));
    }
    let (mut heard, mut ends_of_sets) = (Vec::new(), Vec::new());
    for (_, (data, split)) in &sets {
        let (ranks, quiet) = (Ranks::alone(), common.quiet);
        let (data, settings) = (data.as_ref(), &args.data);
        let store = data::features(data, *split, &experiment, settings, &ranks, quiet, stop)?;
        for recording in validation::heard::<N>(&model, store.as_ref()) {
            if stop.raised() {
                return Err(Failure::interrupted("stopped; nothing is written", stop.signal()));
            }
            heard.push(recording?);
        }
        ends_of_sets.push(heard.len());
    }
    let pairs: Vec<_> = heard.iter().map(|(a, notes)| (a, notes.as_slice())).collect();
    N::fit_decoder(&mut model, &pairs, &experiment)?;
    let decoding = N::decoding(&model, &experiment);
    let scores = |pairs: &[(&TranscriptionActivations, &[Note])]| -> Outcome<Summary> {
        let scores: Outcome<Vec<_>> = pairs
            .iter()
            .map(|(said, notes)| PieceScores::new(&decoding, said, notes, &decoding.notes(said)?))
            .collect();
        Ok(Summary::of(&scores?))
    };
    let all = scores(&pairs)?;
    let f1 = [all.note_f1, all.note_with_offset_f1, all.frame_head_f1];
    model.note(&N::scores(&model, f1));
    model.save(&args.out, if args.half { Storage::F16 } else { Storage::F32 })?;
    if !common.quiet {
        let mut start = 0;
        for ((name, _), end) in sets.iter().zip(ends_of_sets) {
            println!("{name}: {}", scores(&pairs[start..end])?.headline());
            start = end;
        }
        println!("{}: {decoding}", args.out.display());
    }
    Ok(())
}
