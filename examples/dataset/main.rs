//! Data sets by name: what recordings a folder holds, with which annotations, how they are divided, what
//! leaks, and how much there is.
//!
//! ```text
//! cargo run --release --example dataset                      (the data sets that are known)
//! cargo run --release --example dataset -- vocadito /data/vocadito list
//! cargo run -p mir-workspace --release --example dataset --no-default-features -- mini - stats
//! ```
//! `mini` needs no folder: any text will do.
// The modules of a program have no outside.
#![expect(unreachable_pub, reason = "an example's modules are shared by path")]

#[path = "../common/mod.rs"]
mod common;

mod args;
#[cfg(feature = "download")]
mod fetching;
mod show;
mod validation;

use std::process::ExitCode;

use clap::Parser;
use mir_datasets::loaders;

use crate::{
    args::{Args, Verb},
    common::failure::{Failure, Outcome},
};

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(args: &Args) -> Outcome<()> {
    let (table, numbers) = match (&args.name, &args.root, args.verb) {
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
                #[cfg(feature = "download")]
                Verb::Download => unreachable!("it needs no recordings, and was done above"),
            }
        }
    };
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
