//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, ValueEnum};

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
      recordings, seconds and notes of every split
  dataset vocadito /data/vocadito validate --index index.json
      what is missing, changed or cannot be read"
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
    pub validate: ValidateArgs,
    /// Of `download`: only this archive; may be repeated
    #[cfg(feature = "download")]
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Flags of `validate`.
#[derive(ClapArgs, Debug)]
pub struct ValidateArgs {
    /// Compare with this index, of mirdata or written by --write-index.
    /// Without one, every recording is read instead
    #[arg(long, value_name = "FILE")]
    pub index: Option<PathBuf>,
    /// Write an index of the files that are there
    #[arg(long, value_name = "FILE", conflicts_with = "index")]
    pub write_index: Option<PathBuf>,
    /// Remember digests in this file, so that a later run hashes only what
    /// has changed
    #[arg(long, value_name = "FILE")]
    pub cache: Option<PathBuf>,
    /// Only the files of this recording
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Only so many files, drawn by --seed
    #[arg(long, value_name = "N")]
    pub sample: Option<usize>,
    /// List files that the index does not name, too
    #[arg(long)]
    pub extra: bool,
}

/// What to do with a data set.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Verb {
    /// Its recordings, with their annotations and stems
    List,
    /// Version, licence, citation, layout, known faults
    Info,
    /// Whether every file is there and whole
    Validate,
    /// Its published splits, and what leaks in them
    Splits,
    /// Recordings, seconds and notes of every split
    Stats,
    /// Fetch its archives, or say how to get them
    #[cfg(feature = "download")]
    Download,
}
