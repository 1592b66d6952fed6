//! The command line.

use std::path::{Path, PathBuf};

use clap::Parser;

use crate::common::{
    CommonArgs,
    failure::{Failure, Outcome},
};

/// Features of recordings, as arrays, tables and pictures
#[derive(Debug, Parser)]
#[command(
    name = "features",
    max_term_width = 80,
    after_help = "Formats by the extension of --out:
  .npy              the first array of the feature
  .npz .h5          all its arrays, times in seconds, frequencies in Hz
  .csv .json        the same as text
  .png .svg         a picture with axes in seconds and Hz

Examples:
  features song.mp3 --feature log-mel --preset hw3 --out song.npy
  features recordings/ --feature cqt --set bins_per_octave=24 --set bins=168 \\
      --out pictures --to png"
)]
pub struct Args {
    /// Recordings, or folders of recordings
    #[arg(required_unless_present = "list", value_name = "AUDIO")]
    pub inputs: Vec<PathBuf>,
    /// Which feature; --list names them
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    pub feature: Option<String>,
    /// Published settings of the feature; --list names them
    #[arg(long, value_name = "P")]
    pub preset: Option<String>,
    /// The file to write; for several inputs, or with --to, a folder
    #[arg(long, value_name = "FILE|DIR", required_unless_present = "list")]
    pub out: Option<PathBuf>,
    /// Format of the files in a folder [default: npy]
    #[arg(long, value_name = "FORMAT")]
    pub to: Option<String>,
    /// Resample to this rate, unless the feature or preset has its own
    /// [default: that of the file]
    #[arg(long, value_name = "HZ")]
    pub rate: Option<u32>,
    /// Keep the channels of a recording apart instead of mixing them
    #[arg(long)]
    pub channels: bool,
    /// Name all features with their presets
    #[arg(long)]
    pub list: bool,
    #[command(flatten)]
    pub common: CommonArgs,
}

impl Args {
    /// Where to write.
    ///
    /// # Errors
    /// A usage failure without `--out`.
    pub fn out(&self) -> Outcome<&Path> {
        self.out.as_deref().ok_or_else(|| Failure::usage("--out is missing"))
    }
}
