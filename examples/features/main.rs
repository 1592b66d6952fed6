//! Any feature of `mir-features`, out of recordings into arrays, tables and pictures.
//!
//! Needs nothing but the recordings that it is given. A file becomes a file; several files, or a folder
//! with its sub-folders, become a folder. A bad recording does not stop the others: it is named in the
//! end, and the exit code says so. The light form builds neither LibTorch nor HDF5:
//!
//! ```text
//! cargo run --release --example features -- song.mp3 --feature log-mel --preset hw3 --out song.npy
//! cargo run -p mir-workspace --release --example features --no-default-features \
//!     --features plots -- song.mp3 --feature cqt --out song.png
//! ```
// The modules of a program have no outside.
#![expect(unreachable_pub, reason = "an example's modules are shared by path")]

mod args;
mod catalogue;
#[path = "../common/mod.rs"]
mod common;
mod output;
mod request;
mod result;

use std::process::ExitCode;

use clap::Parser;
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::{
    args::Args,
    common::{
        failure::{Failure, Outcome},
        jobs::{self, Job},
        signals::Stop,
    },
    output::Format,
    request::Request,
};

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(args: &Args) -> Outcome<()> {
    if args.list {
        print!("{}", catalogue::list());
        return Ok(());
    }
    let stop = Stop::listen()?;
    let (out, request) = (args.out()?, Request::new(args)?);
    let format = Format::choose(args.to.as_deref(), out)?;
    let jobs = jobs::plan(&args.inputs, out, format.extension())?;
    let work = |job: &Job| match stop.raised() {
        true => Err(Failure::interrupted("stopped", stop.signal())),
        false => convert(job, format, &request, args),
    };
    // A single recording has the threads for itself.
    let results: Vec<Outcome<Value>> = match jobs.as_slice() {
        [job] => vec![work(job)],
        jobs => jobs.par_iter().map(work).collect(),
    };
    if stop.raised() {
        let text = "stopped; files that were finished are complete";
        return Err(Failure::interrupted(text, stop.signal()));
    }
    jobs::summary(&jobs, results, args.common.json.as_deref())
}

/// One recording into one file; what is in it, for `--json`.
fn convert(job: &Job, format: Format, request: &Request, args: &Args) -> Outcome<Value> {
    let result = request.compute(&job.input).map_err(|failure| failure.of_file(&job.input))?;
    output::write(&job.output, format, &result)?;
    if !args.common.quiet {
        println!("{}: {}", job.output.display(), result.summary());
    }
    let shapes: Vec<Value> = result
        .parts
        .iter()
        .map(|part| json!({ "name": part.name, "shape": part.shape() }))
        .collect();
    Ok(json!({ "arrays": shapes }))
}
