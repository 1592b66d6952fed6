//! Scores of any task of mir_eval: reference in, estimate in, mir_eval's numbers out.
//!
//! A pair of files gives the scores of one piece; `--output` stores them as JSON with the names and in
//! the order of mir_eval's own evaluators, so that scripts can switch. A pair of folders gives a table
//! of all pieces, and mean, median and confidence interval of every score. Nothing is needed but the
//! files; `--no-default-features` builds the program without LibTorch and HDF5.
//!
//! ```text
//! cargo run --release --example evaluate -- transcription ref.txt est.txt --output scores.json
//! cargo run --release --example evaluate -- hierarchy --ref coarse.lab fine.lab --est a.lab b.lab
//! cargo run --release --example evaluate -- separation stems/ estimates/ --window 44100 --hop 22050
//! cargo run --release --example evaluate -- beat references/ estimates/ --csv beats.csv
//! ```
// The modules of a program have no outside.
#![expect(unreachable_pub, reason = "an example's modules are shared by path")]

#[path = "../common/mod.rs"]
mod common;

mod args;
mod batch;
mod inputs;
mod output;

use std::process::ExitCode;

use clap::Parser;
use mir_eval::task::{Scores, TaskConfig};

use crate::{
    args::Args,
    common::failure::Outcome,
    inputs::{Inputs, Piece},
};

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(args: &Args) -> Outcome<()> {
    if let Some(cases) = &args.batch {
        return batch::score(cases, args.output.as_deref(), args.runs);
    }
    let config = args.config()?;
    match Inputs::find(args, config.task())? {
        Inputs::One(piece) => output::one(args, &piece, &score(args, &config, &piece)?),
        Inputs::Many(pairs) => output::many(args, pairs, |piece| score(args, &config, piece)),
    }
}

fn score(args: &Args, config: &TaskConfig, piece: &Piece) -> Outcome<Scores> {
    let reference = inputs::read(args, config.task(), &piece.reference)?;
    let estimate = inputs::read(args, config.task(), &piece.estimate)?;
    Ok(config.evaluate(&reference, &estimate)?)
}
