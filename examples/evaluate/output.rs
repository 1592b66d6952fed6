//! What the user gets to see, and to keep.

use std::path::Path;

use mir_eval::{
    report::Table,
    stats::ResamplingConfig,
    task::{FilePair, FilePairs, Scores},
};
use serde_json::json;

use crate::{
    args::Args,
    common::failure::{Failure, Outcome},
    inputs::{Piece, files},
};

/// The scores of one piece.
pub fn one(args: &Args, piece: &Piece, scores: &Scores) -> Outcome<()> {
    if args.csv.is_some() {
        return Err(Failure::usage(
            "--csv takes the scores of two folders; --json those of a piece",
        ));
    }
    if !args.common.quiet {
        let name = |files: &[std::path::PathBuf]| {
            let name = files.first().and_then(|path| path.file_name()).unwrap_or_default();
            let more = if files.len() > 1 { " [...]" } else { "" };
            format!("{}{more}", name.to_string_lossy())
        };
        print!("{} vs. {}\n{scores}", name(&piece.reference), name(&piece.estimate));
    }
    let inputs = [piece.reference.as_slice(), &piece.estimate].concat();
    store(args.output.as_deref(), &inputs, || Ok(scores.to_json()))?;
    store(args.common.json.as_deref(), &inputs, || pretty(scores))
}

/// The scores of all pieces of two folders, their mean, median and interval.
pub fn many(
    args: &Args,
    found: FilePairs,
    score: impl Fn(&Piece) -> Outcome<Scores>,
) -> Outcome<()> {
    let mut failures: Vec<String> = (found.unmatched_references.iter())
        .map(|path| format!("{} has no estimate", path.display()))
        .chain(
            found
                .unmatched_estimates
                .iter()
                .map(|path| format!("{} has no reference", path.display())),
        )
        .collect();
    let mut table = None;
    let (mut inputs, mut stored) = (Vec::new(), Vec::new());
    for FilePair { name, reference, estimate } in &found.pairs {
        inputs.extend([reference.clone(), estimate.clone()]);
        let piece = Piece { reference: files(reference)?, estimate: files(estimate)? };
        match score(&piece) {
            Ok(scores) => {
                let table = table
                    .get_or_insert_with(|| Table::new(scores.columns(), args.undefined.into()));
                table.push(name, scores.numbers())?;
                stored.push(format!("{}: {}", json!(name), scores.to_json()));
            }
            Err(failure) => failures.push(format!("{name}: {failure}")),
        }
    }
    let Some(table) = table else {
        let reason = failures.first().map_or("the folders are empty", String::as_str);
        return Err(Failure::data(format!("no piece could be scored: {reason}")));
    };
    let seed = args.common.seed.unwrap_or_default();
    let table = table.with_intervals(ResamplingConfig { seed, ..ResamplingConfig::default() })?;
    if !args.common.quiet {
        print!("{table}");
    }
    store(args.output.as_deref(), &inputs, || Ok(format!("{{{}}}", stored.join(", "))))?;
    store(args.csv.as_deref(), &inputs, || Ok(table.to_csv()))?;
    store(args.common.json.as_deref(), &inputs, || {
        let mut json = table.to_json();
        json["failures"] = json!(failures);
        pretty(&json)
    })?;
    if failures.is_empty() {
        return Ok(());
    }
    let (scored, failed) = (table.rows().len(), failures.len());
    Err(Failure::partial(format!("{scored} scored, {failed} not: {}", failures.join("; "))))
}

fn pretty(value: &impl serde::Serialize) -> Outcome<String> {
    serde_json::to_string_pretty(value).map_err(|e| Failure::data(e.to_string()))
}

/// Writes a file that was asked for, unless it is one of the inputs.
pub fn store(
    path: Option<&Path>,
    inputs: &[impl AsRef<Path>],
    text: impl FnOnce() -> Outcome<String>,
) -> Outcome<()> {
    let Some(path) = path else { return Ok(()) };
    let same = |input: &Path| match (input.canonicalize(), path.canonicalize()) {
        (Ok(input), Ok(path)) => input == path,
        _ => false,
    };
    if inputs.iter().any(|input| same(input.as_ref())) {
        return Err(Failure::usage(format!(
            "{} is an input, it is not overwritten",
            path.display()
        )));
    }
    let text = text()?;
    Ok(mir_core::publish::write(path, format!("{}\n", text.trim_end()).as_bytes())?)
}
