//! Data sets by name, and their features.

use std::sync::Arc;

use mir_datasets::{
    BuildOptions, Dataset, Error, FeatureStore, OnError, PedalAsNotes, Split, StoreBuilder, Track,
    WithTraining,
    loaders::{AudioFolder, Maestro, Maps},
    mini::Mini,
};

use crate::{
    args::{DataArgs, DataName},
    common::{
        cache,
        failure::{Failure, Outcome},
        progress::Progress,
        ranks::Ranks,
        signals::Stop,
    },
    experiment::{Experiment, Kind},
};

/// Opens a data set.
///
/// # Errors
/// A usage failure without `--root` where one is needed, a data failure if nothing is there.
pub fn open(args: &DataArgs, experiment: &Experiment) -> Outcome<Arc<dyn Dataset>> {
    let mut data = named(args, experiment)?;
    for folder in &args.extra {
        data = Arc::new(WithTraining::new(data, Arc::new(AudioFolder::open(folder)?))?);
    }
    Ok(data)
}

/// The same, as the network of the settings learns it.
///
/// # Errors
/// As [`open`].
pub fn learned(args: &DataArgs, experiment: &Experiment) -> Outcome<Arc<dyn Dataset>> {
    Ok(learned_of(open(args, experiment)?, experiment))
}

/// A data set as the network of the settings learns it: for one that hears the pedal its presses are the notes.
pub fn learned_of(data: Arc<dyn Dataset>, experiment: &Experiment) -> Arc<dyn Dataset> {
    match experiment.trained() {
        Kind::Pedal => Arc::new(PedalAsNotes::new(data)),
        _ => data,
    }
}

fn named(args: &DataArgs, experiment: &Experiment) -> Outcome<Arc<dyn Dataset>> {
    match (args.data, &args.root) {
        (DataName::Mini, None) => Ok(Arc::new(Mini::new(experiment.mini.clone())?)),
        (DataName::Mini, Some(_)) => {
            Err(Failure::usage("--root does not go with --data mini, which is built in"))
        }
        (DataName::Maps, Some(root)) => Ok(Arc::new(Maps::open(root, experiment.maps.clone())?)),
        (DataName::Maestro, Some(root)) => {
            Ok(Arc::new(Maestro::open(root, experiment.maestro.clone())?))
        }
        (DataName::Maestro, None) => Err(Failure::usage(
            "--data maestro needs --root DIR, the folder that holds maestro-v3.0.0.csv or data.json",
        )),
        (DataName::Maps, None) => Err(Failure::usage(
            "--data maps needs --root DIR, the folder that holds flac/ and tsv/ (or train/ and test/)",
        )),
    }
}

/// The features of a split: from the cache, or computed into it.
///
/// # Errors
/// A data failure that names the recording; an interruption.
pub fn features(
    data: &dyn Dataset,
    split: Split,
    experiment: &Experiment,
    args: &DataArgs,
    ranks: &Ranks,
    quiet: bool,
    stop: &Stop,
) -> Outcome<Arc<dyn FeatureStore>> {
    let progress = std::cell::RefCell::new(Progress::new("features", "recordings", 0, quiet));
    let report = |p: mir_datasets::Progress| {
        let mut progress = progress.borrow_mut();
        progress.set_total(p.tracks_total as u64);
        progress.set(p.tracks_done as u64, format!("{split}, {:.0} s of audio", p.seconds_done));
    };
    let options = BuildOptions {
        on_error: if args.skip_bad { OnError::Skip } else { OnError::Fail },
        progress: Some(&report),
        cancel: Some(&stop.flag),
        ..BuildOptions::default()
    };
    let builder = StoreBuilder::new(&experiment.front_end)?;
    let folder = cache::feature_folder(args.cache.as_deref());
    let failure = |error| match error {
        Error::Cancelled { .. } => Failure::interrupted(error.to_string(), stop.signal()),
        error => error.into(),
    };
    let built = ranks.together(
        |share| builder.prepare_share(&folder, data, split, share, options).map_err(failure),
        || builder.build_or_open(&folder, data, split, options).map_err(failure),
    )?;
    let summary = format!(
        "{split}: {} recordings, {:.1} min, {} notes{}",
        built.report.tracks,
        built.report.seconds / 60.0,
        built.report.notes,
        if built.reused { ", from the cache" } else { "" }
    );
    progress.into_inner().finish(summary);
    for skipped in &built.report.skipped {
        eprintln!("skipped {}: {}", skipped.track, skipped.reason);
    }
    Ok(built.store)
}

/// The features of the first training recording, in memory: enough to try a network.
///
/// # Errors
/// A data failure that names the recording.
pub fn first(data: &dyn Dataset, experiment: &Experiment) -> Outcome<Arc<dyn FeatureStore>> {
    let tracks = data.split(Split::Train)?.into_iter().take(1).collect();
    let first = First { data, tracks };
    let builder = StoreBuilder::new(&experiment.front_end)?;
    Ok(Arc::new(builder.build_in_memory(&first, Split::Train, BuildOptions::default())?))
}

/// A data set of which only some training recordings are there.
#[derive(Debug)]
struct First<'a> {
    data: &'a dyn Dataset,
    tracks: Vec<Arc<dyn Track>>,
}

impl Dataset for First<'_> {
    fn name(&self) -> &str {
        self.data.name()
    }

    fn version(&self) -> &str {
        self.data.version()
    }

    fn license(&self) -> &str {
        self.data.license()
    }

    fn citation(&self) -> &str {
        self.data.citation()
    }

    fn tracks(&self) -> &[Arc<dyn Track>] {
        &self.tracks
    }

    fn split(&self, _: Split) -> mir_datasets::Result<Vec<Arc<dyn Track>>> {
        Ok(self.tracks.clone())
    }
}
