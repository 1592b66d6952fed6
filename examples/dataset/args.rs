//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::common::CommonArgs;

/// Data sets: what is there, whether it is whole, how it is divided
#[derive(Debug, Parser)]
#[command(
    name = "dataset",
    max_term_width = 80,
    after_help = "Without arguments: the data sets that are known.

Examples:
  dataset vocadito /data/vocadito list
      recordings and what they are annotated with
  dataset maestro /data/maestro-v3.0.0 stats --json stats.json
      recordings, seconds and notes of every split"
)]
pub struct Args {
    /// Name of the data set
    pub name: Option<String>,
    /// Its folder
    #[arg(requires = "verb")]
    pub root: Option<PathBuf>,
    /// What to do
    #[arg(value_enum)]
    pub verb: Option<Verb>,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// What to do with a data set.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Verb {
    /// Its recordings, with their annotations and stems
    List,
    /// Version, licence, citation, layout, known faults
    Info,
    /// Its published splits, and what leaks in them
    Splits,
    /// Recordings, seconds and notes of every split
    Stats,
}
