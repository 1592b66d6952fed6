//! Data sets by name: what recordings a folder holds, with which annotations, how they are divided, what
//! leaks, and how much there is; features of them as stores; generated ones.
//!
//! ```text
//! cargo run --release --example dataset                      (the data sets that are known)
//! cargo run --release --example dataset -- vocadito /data/vocadito list
//! cargo run --release --example dataset -- maps /data/maps preprocess --out cache --values u8
//! cargo run --release --example dataset -- synth ensemble made-up --tracks 100
//! cargo run -p mir-workspace --release --example dataset --no-default-features -- mini - stats
//! ```
//! `mini` needs no folder: any text will do. Built with `--features mpi`, `preprocess` shares its work among the
//! processes that `mpirun` starts.
// The modules of a program have no outside.
#![expect(unreachable_pub, reason = "an example's modules are shared by path")]

#[path = "../common/mod.rs"]
mod common;

mod args;
mod data;
#[cfg(feature = "download")]
mod fetching;
mod show;
mod validation;

use std::process::ExitCode;

use clap::Parser;
use mir_datasets::loaders;

use crate::{
    args::{Args, Command, Verb},
    common::{
        failure::{Failure, Outcome},
        ranks::Ranks,
    },
    show::Shown,
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

/// What the command line asks for, as a table and as numbers.
fn answer(args: &Args, ranks: &Ranks) -> Outcome<Shown> {
    if !ranks.is_alone() && args.verb != Some(Verb::Preprocess) {
        return Err(Failure::usage("only preprocess shares its work among processes"));
    }
    if let Some(Command::Synth(synth)) = &args.command {
        return data::synth(args, synth);
    }
    Ok(match (&args.name, &args.root, args.verb) {
        (None, ..) => show::catalogue(),
        (Some(name), None, _) => show::description(&loaders::find(name)?),
        #[cfg(feature = "download")]
        (Some(name), Some(root), Some(Verb::Download)) => {
            fetching::run(loaders::find(name)?.info, root, args)?
        }
        (Some(name), Some(root), verb) => {
            let entry = loaders::find(name)?;
            let dataset = entry.open(root)?;
            match verb.unwrap_or(Verb::List) {
                Verb::List => show::list(dataset.as_ref()),
                Verb::Info => show::info(&entry, dataset.as_ref()),
                Verb::Validate => validation::run(args, dataset.as_ref(), root)?,
                Verb::Splits => show::splits(dataset.as_ref())?,
                Verb::Stats => show::stats(dataset.as_ref())?,
                Verb::Preprocess => data::preprocess(args, dataset.as_ref(), ranks)?,
                Verb::Purge => data::purge(args, dataset.as_ref())?,
                Verb::Export => data::export(args, dataset.as_ref())?,
                #[cfg(feature = "download")]
                Verb::Download => unreachable!("it needs no recordings, and was done above"),
            }
        }
    })
}

fn run(args: &Args, ranks: &Ranks) -> Outcome<()> {
    let (table, numbers) = answer(args, ranks)?;
    if !args.common.quiet {
        print!("{table}");
    }
    if let Some(path) = &args.common.json {
        mir_core::publish::write(path, format!("{numbers:#}\n").as_bytes())?;
    }
    match numbers.get("failed").and_then(|failed| failed.as_array()) {
        Some(failed) if !failed.is_empty() => {
            Err(Failure::partial(format!("{} files or recordings are at fault", failed.len())))
        }
        _ => Ok(()),
    }
}
