//! Audio files to another format, rate or number of channels: one file, many, or folders.
//!
//! Files are converted on all cores, in bounded memory where the format allows it, and appear complete or
//! not at all. Inputs are never written. A bad file does not stop the others: it is named in the end, and
//! the exit code says so. It needs neither LibTorch nor HDF5:
//!
//! ```text
//! cargo run --release --example convert -- recordings/ --out piano16k --rate 16000 --mono
//! cargo run -p mir-workspace --release --example convert --no-default-features -- a.mp3 --out a.flac
//! ```
// The modules of a program have no outside.
#![expect(unreachable_pub, reason = "an example's modules are shared by path")]

#[path = "../common/mod.rs"]
mod common;

mod work;

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::Parser;
use mir_audio::LoadOptions;
use rayon::prelude::*;
use serde_json::json;

use crate::{
    common::{
        CommonArgs, config,
        failure::{Failure, Outcome},
        jobs::{self, Job},
        progress::Progress,
        signals::Stop,
    },
    work::{Format, Settings},
};

/// Convert audio files and folders
#[derive(Debug, Parser)]
#[command(
    name = "convert",
    max_term_width = 80,
    after_help = "Examples:
  convert recordings/ --out piano16k --rate 16000 --mono --format wav
  convert concert.mp3 --out opening.flac --set load.duration=30"
)]
struct Args {
    /// Recordings, or folders of recordings
    #[arg(required = true, value_name = "FILE_OR_DIR")]
    inputs: Vec<PathBuf>,
    /// A file for one file, else a folder; sub-folders are kept
    #[arg(long, value_name = "DIR_OR_FILE")]
    out: PathBuf,
    /// Rate in Hz [default: that of the file]
    #[arg(long, value_name = "HZ")]
    rate: Option<u32>,
    /// Mix all channels into one, by their mean
    #[arg(long)]
    mono: bool,
    /// Format [default: by the ending of --out, or wav]
    #[arg(long, value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    common: CommonArgs,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(args: &Args) -> Outcome<()> {
    let stop = Stop::listen()?;
    let settings = settings(args)?;
    let jobs = jobs::plan(&args.inputs, &args.out, settings.format.extension())?;
    let start = Instant::now();
    let progress = Progress::new("convert", "files", jobs.len() as u64, args.common.quiet);
    let progress = std::sync::Mutex::new((progress, 0));
    let results: Vec<Outcome<work::Done>> = jobs
        .par_iter()
        .map(|job| {
            let result = work::convert(job, &settings, &stop);
            if let Ok(mut shared) = progress.lock() {
                shared.1 += 1;
                let done = shared.1;
                shared.0.set(done, job.input.display().to_string());
            }
            result
        })
        .collect();
    if stop.raised() {
        let text = "stopped; files that were finished are complete";
        return Err(Failure::interrupted(text, stop.signal()));
    }
    summary(args, &jobs, &results, start)
}

/// The settings, the flags among them taken over.
fn settings(args: &Args) -> Outcome<Settings> {
    let by_name = args.out.extension().and_then(|e| Format::of_extension(&e.to_string_lossy()));
    let sample_rate = args
        .rate
        .map(|hz| mir_core::SampleRate::new(hz).map_err(|e| Failure::usage(format!("--rate: {e}"))))
        .transpose()?;
    let preset = Settings {
        format: args.format.or(by_name).unwrap_or_default(),
        load: LoadOptions { sample_rate, mono: args.mono, ..LoadOptions::default() },
        ..Settings::default()
    };
    let settings = config::resolve(&preset, args.common.config.as_deref(), &args.common.set)?;
    settings.validate()?;
    Ok(settings)
}

/// What was done, as text and as JSON; the failure if there was one.
fn summary(
    args: &Args,
    jobs: &[Job],
    results: &[Outcome<work::Done>],
    start: Instant,
) -> Outcome<()> {
    let mut failed = Vec::new();
    let (mut seconds, mut files) = (0.0, Vec::new());
    for (job, result) in jobs.iter().zip(results) {
        match result {
            Ok(done) => {
                seconds += done.seconds;
                files.push(json!({
                    "input": job.input, "output": job.output, "seconds": done.seconds, "report": done.report,
                }));
            }
            Err(failure) => {
                eprintln!("error: {failure}");
                failed.push(job.input.display().to_string());
            }
        }
    }
    let rate = seconds / start.elapsed().as_secs_f64();
    if !args.common.quiet {
        let count = jobs.len();
        println!(
            "{} of {count} files, {seconds:.1} s of audio, {rate:.0} x real time",
            files.len()
        );
    }
    if let Some(path) = &args.common.json {
        let summary = json!({
            "files": files, "failed": failed, "seconds": seconds, "audio_seconds_per_second": rate,
        });
        mir_core::publish::write(path, format!("{summary:#}\n").as_bytes())?;
    }
    match failed.len() {
        0 => Ok(()),
        n if n == jobs.len() => Err(Failure::data("no file could be converted")),
        n => Err(Failure::partial(format!(
            "{n} of {} files failed: {}",
            jobs.len(),
            failed.join(", ")
        ))),
    }
}
