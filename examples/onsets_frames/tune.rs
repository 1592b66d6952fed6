//! `tune`: the decoder of a trained network, fitted to a validation split anew.

use std::sync::Arc;

use mir_datasets::{Dataset, Split, loaders::AudioFolder};
use mir_models::{decode::NoteDecoderConfig, thresholds, weights::Storage};

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
    method::{self, Decoding},
    model::ModelArgs,
    validation,
};

/// The verb `tune`.
///
/// # Errors
/// A failure of the data, the weights, or the output.
pub fn tune(common: &CommonArgs, args: &TuneArgs, stop: &Stop) -> Outcome<()> {
    let experiment =
        Experiment::resolve(args.data.data.into(), &ModelArgs::default(), common, None)?;
    let mut model = method::open_model(args.weights.as_deref(), common)?;
    if let Some(keys) = &args.transpositions {
        let others: Vec<i32> = keys.iter().copied().filter(|&semitones| semitones != 0).collect();
        model.hear_in_keys(&others)?;
    }
    // The features of the weights, and the decoder of the settings.
    let experiment = Experiment { front_end: model.meta().front_end.clone(), ..experiment };
    let alone = DataArgs { extra: Vec::new(), ..args.data.clone() };
    let validation = (data::open(&alone, &experiment)?, Split::Validation);
    let mut sets = vec![("validation split".to_owned(), validation)];
    for folder in &args.data.extra {
        let set: Arc<dyn Dataset> = Arc::new(AudioFolder::open(folder)?);
        sets.push((folder.display().to_string(), (set, Split::Train)));
    }
    let (mut heard, mut ends) = (Vec::new(), Vec::new());
    for (_, (data, split)) in &sets {
        let (ranks, quiet) = (Ranks::alone(), common.quiet);
        let (data, settings) = (data.as_ref(), &args.data);
        let store = data::features(data, *split, &experiment, settings, &ranks, quiet, stop)?;
        for recording in validation::heard(&model, store.as_ref()) {
            if stop.raised() {
                return Err(Failure::interrupted("stopped; nothing is written", stop.signal()));
            }
            heard.push(recording?);
        }
        ends.push(heard.len());
    }
    let pairs: Vec<_> = heard.iter().map(|(a, notes)| (a, notes.as_slice())).collect();
    // Where rows lie against events is a property of the weights, of the labels that they learned.
    let row_shift = model.meta().decoder.row_shift;
    let base = NoteDecoderConfig { row_shift, ..experiment.decoder };
    let tuned = thresholds::tune(&pairs, &base, &experiment.search)?;
    validation::adopt(&mut model, &tuned);
    model.save(&args.out, if args.half { Storage::F16 } else { Storage::F32 })?;
    if !common.quiet {
        let decoding = Decoding::of(model.meta(), None);
        let mut start = 0;
        for ((name, _), end) in sets.iter().zip(ends) {
            let scores: Outcome<Vec<_>> = heard[start..end]
                .iter()
                .map(|(said, notes)| {
                    PieceScores::new(&decoding, said, notes, &decoding.notes(said)?)
                })
                .collect();
            println!("{name}: {}", Summary::of(&scores?).headline());
            start = end;
        }
        println!(
            "{}: onset threshold {:.2}, {}, roll threshold {:.2}",
            args.out.display(),
            tuned.decoder.onset_threshold,
            match &tuned.decoder.ends {
                Some(_) => "ends learned".to_owned(),
                None => format!("frame threshold {:.2}", tuned.decoder.frame_threshold),
            },
            tuned.roll_threshold
        );
    }
    Ok(())
}
