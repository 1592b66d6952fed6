//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::common::CommonArgs;

/// Data sets: what is there, whether it is whole, how it is divided
#[derive(Debug, Parser)]
#[command(
    name = "dataset",
    max_term_width = 80,
    args_conflicts_with_subcommands = true,
    after_help = "Without arguments: the data sets that are known.

Examples:
  dataset vocadito /data/vocadito list
      recordings and what they are annotated with
  dataset maestro /data/maestro-v3.0.0 stats --json stats.json
      recordings, seconds and notes of every split
  dataset vocadito /data/vocadito validate --index index.json
      what is missing, changed or cannot be read
  dataset maps /data/maps preprocess --out cache --values u8
      log-mel spectra and notes of every split as stores
  dataset synth ensemble /data/made-up --tracks 100
      music by seed, with stems, as a data set of its own"
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
    pub data: DataArgs,
    #[command(subcommand)]
    pub command: Option<Command>,
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

/// What needs no data set.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write generated music: a data set that needs no download
    Synth(SynthArgs),
}

/// `synth KIND OUT`.
#[derive(ClapArgs, Debug)]
pub struct SynthArgs {
    /// ensemble, melody or multi-f0
    pub kind: String,
    /// The folder
    pub out: PathBuf,
    /// Number of tracks
    #[arg(long, default_value_t = 24)]
    pub tracks: u32,
    /// Seconds of a track
    #[arg(long, default_value_t = 20.0)]
    pub seconds: f64,
}

/// Flags of preprocess, purge and export.
#[derive(ClapArgs, Debug)]
pub struct DataArgs {
    /// preprocess, purge: folder of the stores; export: folder of the files
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// preprocess: a log-mel preset, or waveform
    #[arg(long, value_name = "NAME", default_value = "jongwook")]
    pub preset: String,
    /// preprocess: how values are kept
    #[arg(long, value_enum, default_value_t)]
    pub values: Values,
    /// preprocess: threads; 0 takes one for each core
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// preprocess: leave out recordings that cannot be read
    #[arg(long)]
    pub skip_bad: bool,
}

/// How a store keeps values.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Values {
    /// 32-bit floats
    #[default]
    F32,
    /// 16-bit floats
    F16,
    /// Bytes
    U8,
}

#[cfg(feature = "hdf5")]
impl From<Values> for mir_datasets::ValueFormat {
    fn from(values: Values) -> Self {
        match values {
            Values::F32 => Self::F32,
            Values::F16 => Self::F16,
            Values::U8 => Self::U8,
        }
    }
}

/// What to do with a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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
    /// Features of every split into stores below --out; goes on where it
    /// was stopped
    Preprocess,
    /// Remove its stores below --out
    Purge,
    /// Audio, stems and annotations as plain files below --out
    Export,
    /// Fetch its archives, or say how to get them
    #[cfg(feature = "download")]
    Download,
}
