//! Piano transcription with Onsets and Frames: audio in, notes out.
//!
//! Without arguments it makes a small piano data set of its own (nothing is downloaded), trains a
//! network on it, and scores the held-out pieces, half of them on a piano that training never heard:
//! a few minutes on two CPU cores. What it leaves behind is described in the README.
//!
//! ```text
//! cargo run --release --example onsets_frames
//! cargo run --release --example onsets_frames -- transcribe recording.mp3 --out notes
//! cargo run --release --example onsets_frames -- train --data maps --root DIR --out runs/maps
//! ```
//! Built with `--features mpi`, `train` and `evaluate` share their work among the processes that `mpirun` starts.
// The modules of a program have no outside.
#![expect(unreachable_pub, reason = "an example's modules are shared by path")]

#[path = "../common/mod.rs"]
mod common;

mod args;
mod compare;
mod convert;
mod course;
mod data;
mod evaluate;
mod experiment;
mod method;
mod model;
mod probe;
mod render;
mod report;
mod subset;
mod train;
mod transcribe;
mod tune;
mod validation;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    args::{Args, Command},
    common::{
        failure::{Failure, Outcome},
        ranks::Ranks,
        signals::Stop,
    },
};

fn main() -> ExitCode {
    let mut args = Args::parse();
    match Ranks::join() {
        Ok(ranks) => {
            ranks.quieten(&mut args.common);
            ranks.end(run(&args, &ranks))
        }
        Err(failure) => failure.report(),
    }
}

fn run(args: &Args, ranks: &Ranks) -> Outcome<()> {
    let stop = Stop::listen()?;
    match &args.command {
        None => train::train(&args.common, &args.train, ranks, &stop),
        Some(Command::Train(train)) => train::train(&args.common, train, ranks, &stop),
        Some(Command::Evaluate(scores)) => evaluate::evaluate(&args.common, scores, ranks, &stop),
        Some(_) if !ranks.is_alone() => {
            Err(Failure::usage("only train and evaluate share their work among processes"))
        }
        Some(Command::FindLr(rates)) => probe::find_lr(&args.common, rates, &stop),
        Some(Command::FindBatchSize(sizes)) => probe::batch_size(&args.common, sizes),
        Some(Command::Replay(incident)) => probe::replay(&args.common, incident),
        Some(Command::Tune(tune)) => tune::tune(&args.common, tune, &stop),
        Some(Command::Compare(compare)) => compare::compare(&args.common, compare, &stop),
        Some(Command::ConvertCheckpoint(convert)) => convert::convert(&args.common, convert),
        Some(Command::Transcribe(files)) => transcribe::transcribe(&args.common, files, &stop),
        Some(Command::Render(render)) => render::render(&args.common, render, &stop),
        Some(Command::MakeSubset(subset)) => subset::make(&args.common, subset),
    }
}
