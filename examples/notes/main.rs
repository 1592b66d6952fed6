//! Note lists out of MIDI files and back, as text, pictures and sound.
//!
//! Needs nothing but the files that it is given. A MIDI file becomes a table of the notes that sound under
//! a pedal rule; a table, or any other note list that `mir_core::formats` reads, becomes MIDI; either
//! becomes labels, a piano roll or sound. The light form builds neither LibTorch nor HDF5:
//!
//! ```text
//! cargo run --release --example notes -- piece.mid --pedal none --out piece.tsv
//! cargo run -p mir-workspace --release --example notes --no-default-features \
//!     --features plots,synth,formats -- piece.tsv --out piece.mid
//! ```
// The modules of a program have no outside.
#![expect(unreachable_pub, reason = "an example's modules are shared by path")]

mod args;
#[path = "../common/mod.rs"]
mod common;
mod files;

use std::{collections::BTreeMap, fs, path::Path, process::ExitCode};

use clap::Parser;
use mir_core::Note;

use crate::{
    args::Args,
    common::{
        config,
        failure::{Failure, Outcome},
        signals::Stop,
    },
    files::{Settings, Target},
};

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(args: &Args) -> Outcome<()> {
    let stop = Stop::listen()?;
    let common = &args.common;
    let settings = config::resolve(&Settings::default(), common.config.as_deref(), &common.set)?;
    let jobs = files::jobs(args)?;
    let reference = match &args.reference {
        Some(path) => Some(files::read(path, args)?.notes),
        None => None,
    };
    if let Some(folder) = jobs[0].2.parent().filter(|p| !p.as_os_str().is_empty()) {
        fs::create_dir_all(folder)
            .map_err(|e| Failure::data(format!("cannot make {}: {e}", folder.display())))?;
    }
    let (mut totals, mut failed) = (BTreeMap::from([("files", 0), ("notes", 0)]), Vec::new());
    for (input, target, out) in &jobs {
        if stop.raised() {
            let message = "stopped; finished files are complete";
            return Err(Failure::interrupted(message, stop.signal()));
        }
        match convert(input, (*target, out), reference.as_deref(), args, &settings) {
            Ok(count) => {
                *totals.entry("files").or_default() += 1;
                *totals.entry("notes").or_default() += count;
            }
            Err(failure) if jobs.len() == 1 => return Err(failure),
            Err(failure) => {
                eprintln!("error: {failure}");
                failed.push(input.display().to_string());
            }
        }
    }
    if let Some(path) = &common.json {
        totals.insert("failed", failed.len());
        let text =
            serde_json::to_string_pretty(&totals).map_err(|e| Failure::data(e.to_string()))?;
        mir_core::publish::write(path, text.as_bytes())?;
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => {
            let (count, all) = (failed.len(), jobs.len());
            let list = failed.join(", ");
            Err(Failure::partial(format!("{count} of {all} files failed: {list}")))
        }
    }
}

/// One file into another; the number of notes.
fn convert(
    input: &Path,
    out: (Target, &Path),
    reference: Option<&[Note]>,
    args: &Args,
    settings: &Settings,
) -> Outcome<usize> {
    let source = files::read(input, args)?;
    files::write(out, &source, reference, args, settings)?;
    if !args.common.quiet {
        for finding in &source.findings {
            eprintln!("note: {}: {finding}", input.display());
        }
        println!("{}: {} notes", out.1.display(), source.notes.len());
    }
    Ok(source.notes.len())
}
