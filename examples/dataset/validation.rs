//! The verb `validate`.

use std::{
    fmt::Write as _,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use mir_datasets::{Dataset, Index, ValidateConfig, validate};
use serde_json::{Value, json};

use crate::{
    args::Args,
    common::{failure::Outcome, progress::Progress},
    show::Shown,
};

/// Compares with an index, writes one, or reads every recording.
pub fn run(args: &Args, dataset: &dyn Dataset, root: &Path) -> Outcome<Shown> {
    if let Some(path) = &args.validate.write_index {
        return write(path, dataset, root, args.common.quiet);
    }
    match &args.validate.index {
        Some(path) => compare(&Index::read(path)?, root, args),
        None => Ok(read(dataset)),
    }
}

fn write(path: &Path, dataset: &dyn Dataset, root: &Path, quiet: bool) -> Outcome<Shown> {
    let total: usize = dataset.tracks().iter().map(|track| track.files().len()).sum();
    let progress = Mutex::new(Progress::new("hashing", "files", total as u64, quiet));
    let done = AtomicU64::new(0);
    let index = Index::build(dataset, root, |_| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Ok(mut progress) = progress.lock() {
            progress.set(done, "");
        }
    })?;
    index.write(path)?;
    let files = index.files().len();
    Ok((format!("{files} files in {}\n", path.display()), json!({ "files": files })))
}

fn compare(index: &Index, root: &Path, args: &Args) -> Outcome<Shown> {
    let config = ValidateConfig {
        id: args.validate.id.clone(),
        sample: args.validate.sample,
        seed: args.common.seed.unwrap_or(0),
        extra: args.validate.extra,
        cache: args.validate.cache.clone(),
        ..ValidateConfig::default()
    };
    let report = validate(root, index, &config)?;
    let mut table = format!(
        "{} good ({} by the cache), {} without a file, {} missing, {} invalid, {} unreadable\n",
        report.good,
        report.cached,
        report.null,
        report.missing.len(),
        report.invalid.len(),
        report.unreadable.len()
    );
    let mut failed = Vec::new();
    for file in &report.missing {
        failed.push(format!("missing: {file}"));
    }
    for invalid in &report.invalid {
        let size = invalid.found.size;
        failed.push(format!("invalid: {} ({}, {size} bytes)", invalid.file, invalid.path));
    }
    for (file, reason) in &report.unreadable {
        failed.push(format!("unreadable: {file}: {reason}"));
    }
    for line in
        failed.iter().chain(&report.extra.iter().map(|e| format!("extra: {e}")).collect::<Vec<_>>())
    {
        let _ = writeln!(table, "{line}");
    }
    let mut numbers = json!(report);
    numbers["failed"] = failed.into();
    Ok((table, numbers))
}

fn read(dataset: &dyn Dataset) -> Shown {
    let report = validate::check(dataset);
    let (missing, faulty) = (report.missing.len(), report.faulty.len());
    let mut table = format!("{} whole, {missing} files missing, {faulty} faults\n", report.good);
    let mut failed: Vec<Value> = Vec::new();
    let missing =
        report.missing.iter().map(|(id, path)| format!("{id}: {} is missing", path.display()));
    for line in missing.chain(report.faulty.iter().map(|(id, fault)| format!("{id}: {fault}"))) {
        let _ = writeln!(table, "{line}");
        failed.push(line.into());
    }
    let mut numbers = json!(report);
    numbers["failed"] = failed.into();
    (table, numbers)
}
