//! Verbs that write: feature stores, plain files, generated music.

use std::path::Path;

use mir_datasets::{
    Dataset, export,
    synthetic::{Synthetic, SyntheticConfig, SyntheticKind},
};
use serde_json::json;

use crate::{
    args::{Args, SynthArgs},
    common::{
        failure::{Failure, Outcome},
        progress::Progress,
        ranks::Ranks,
    },
    show::Shown,
};

/// The folder of `--out`.
fn out(args: &Args) -> Outcome<&Path> {
    let missing = || Failure::usage("this writes files: say where with --out FOLDER");
    args.data.out.as_deref().ok_or_else(missing)
}

/// Features of every split into stores.
#[cfg(feature = "hdf5")]
pub fn preprocess(args: &Args, dataset: &dyn Dataset, ranks: &Ranks) -> Outcome<Shown> {
    use mir_core::SampleRate;
    use mir_datasets::{BuildOptions, Error, OnError, Split, StoreBuilder};
    use mir_features::{FrontEndConfig, WaveformConfig};

    let out = out(args)?;
    let config = match args.data.preset.as_str() {
        "waveform" => FrontEndConfig::Waveform(WaveformConfig::default()),
        name => FrontEndConfig::log_mel_preset(name, SampleRate::HZ_16000).ok_or_else(|| {
            let known = FrontEndConfig::LOG_MEL_PRESETS.join(", ");
            Failure::usage(format!("no preset '{name}'; there are waveform, {known}"))
        })?,
    };
    let builder = StoreBuilder::new(&config)?.with_values(args.data.values.into());
    let (mut table, mut stores, mut failed) = (String::new(), Vec::new(), Vec::new());
    for split in Split::ALL {
        match dataset.split(split) {
            Err(Error::EmptySplit { .. }) => continue,
            Ok(tracks) if tracks.is_empty() => continue,
            other => other?,
        };
        let bar =
            std::cell::RefCell::new(Progress::new(split.name(), "tracks", 0, args.common.quiet));
        let show = |progress: mir_datasets::Progress| {
            let mut bar = bar.borrow_mut();
            bar.set_total(progress.tracks_total as u64);
            bar.set(progress.tracks_done as u64, format!("{:.0} s", progress.seconds_done));
        };
        let options = BuildOptions {
            on_error: if args.data.skip_bad { OnError::Skip } else { OnError::Fail },
            threads: args.data.threads,
            progress: Some(&show),
            ..BuildOptions::default()
        };
        let built = ranks.together(
            |share| Ok(builder.prepare_share(out, dataset, split, share, options)?),
            || Ok(builder.build_or_open(out, dataset, split, options)?),
        )?;
        bar.into_inner().finish("");
        let report = &built.report;
        table.push_str(&format!(
            "{:11}{} tracks, {:.0} s, {} frames, {} notes{}\n",
            split.name(),
            report.tracks,
            report.seconds,
            report.frames,
            report.notes,
            if built.reused { " (found)" } else { "" },
        ));
        failed.extend(report.skipped.iter().map(|skipped| json!(skipped)));
        stores.push(json!({ "split": split, "reused": built.reused, "resumed": built.resumed,
                            "report": report }));
    }
    Ok((table, json!({ "name": dataset.name(), "stores": stores, "failed": failed })))
}

/// Without stores.
#[cfg(not(feature = "hdf5"))]
pub fn preprocess(_: &Args, _: &dyn Dataset, _: &Ranks) -> Outcome<Shown> {
    Err(Failure::usage("stores need the feature hdf5; build this example with it"))
}

/// Removes the stores of a data set, and what interrupted builds left of them.
#[cfg(feature = "hdf5")]
pub fn purge(args: &Args, dataset: &dyn Dataset) -> Outcome<Shown> {
    let prefix = format!("{}-", dataset.name());
    let gone = mir_datasets::cache::purge(out(args)?, |entry| {
        let name = entry.path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with(&prefix)
    })?;
    let bytes: u64 = gone.iter().map(|entry| entry.bytes).sum();
    let names: Vec<_> = gone.iter().map(|entry| json!(entry.path)).collect();
    let table = format!("{} removed, {:.1} MB\n", gone.len(), bytes as f64 / 1e6);
    Ok((table, json!({ "removed": names, "bytes": bytes })))
}

/// Without stores.
#[cfg(not(feature = "hdf5"))]
pub fn purge(_: &Args, _: &dyn Dataset) -> Outcome<Shown> {
    Err(Failure::usage("stores need the feature hdf5; build this example with it"))
}

/// The data set as plain files.
pub fn export(args: &Args, dataset: &dyn Dataset) -> Outcome<Shown> {
    write(dataset, out(args)?, args.common.quiet)
}

/// Generated music as plain files.
pub fn synth(args: &Args, synth: &SynthArgs) -> Outcome<Shown> {
    let kind: SyntheticKind = synth.kind.parse()?;
    let config = SyntheticConfig {
        tracks: synth.tracks,
        seconds: synth.seconds,
        seed: args.common.seed.unwrap_or(0),
        ..SyntheticConfig::new(kind)
    };
    write(&Synthetic::new(config)?, &synth.out, args.common.quiet)
}

fn write(dataset: &dyn Dataset, out: &Path, quiet: bool) -> Outcome<Shown> {
    let total = dataset.tracks().len();
    let mut bar = Progress::new("export", "tracks", total as u64, quiet);
    export::export(dataset, out, |done| bar.set(done as u64, ""))?;
    bar.finish("");
    let table = format!("{total} tracks of {} in {}\n", dataset.name(), out.display());
    Ok((table, json!({ "name": dataset.name(), "tracks": total, "out": out })))
}
