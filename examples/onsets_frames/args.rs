//! The command line.

use std::path::PathBuf;

use clap::{Args as ArgGroup, Parser, Subcommand, ValueEnum};

use crate::common::CommonArgs;

/// Piano transcription with Onsets and Frames
#[derive(Debug, Parser)]
#[command(
    name = "onsets_frames",
    max_term_width = 80,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  onsets_frames
      train on built-in data, score, draw
  onsets_frames transcribe recording.mp3 --out notes
      write notes/recording.mid, .tsv and .png"
)]
pub struct Args {
    /// What to do; training on the built-in data set if left out
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub train: TrainArgs,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// What to do
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a network, then score and draw its transcriptions of the test split
    #[command(after_help = "Examples:
  onsets_frames train --steps 500 --out runs/short
  onsets_frames train --data maps --root MAPS --out runs/maps")]
    Train(TrainArgs),
    /// Score a trained network on a split
    #[command(after_help = "Examples:
  onsets_frames evaluate --weights runs/short/model.safetensors
  onsets_frames evaluate --data maps --root MAPS --json scores.json")]
    Evaluate(EvaluateArgs),
    /// Write the notes of recordings as MIDI, TSV and picture
    #[command(after_help = "Examples:
  onsets_frames transcribe recording.mp3 --out notes
  onsets_frames transcribe concerts/ a.flac --out notes --device cuda")]
    Transcribe(TranscribeArgs),
}

/// The data sets
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DataName {
    /// Built in: short pieces, played by a synthesised piano
    Mini,
    /// MAPS in its flac/ogg + tsv layout, under --root
    Maps,
}

/// Which data
#[derive(ArgGroup, Clone, Debug)]
pub struct DataArgs {
    /// Data set
    #[arg(long, value_enum, default_value_t = DataName::Mini)]
    pub data: DataName,
    /// Folder of the data set
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Folder for computed features [default: mir/features in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Leave out recordings that cannot be read, and say which
    #[arg(long)]
    pub skip_bad: bool,
}

/// Settings of a training
#[derive(ArgGroup, Clone, Debug)]
pub struct TrainArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// Preset of all settings [default: the data set's own]
    #[arg(long, value_enum)]
    pub preset: Option<DataName>,
    /// Run folder [default: runs/onsets_frames-N, the first free N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Continue the interrupted run in this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "force"])]
    pub resume: Option<PathBuf>,
    /// Use a run folder that already holds something
    #[arg(long)]
    pub force: bool,
    /// Training steps
    #[arg(short = 'i', long, visible_alias = "iterations", value_name = "N")]
    pub steps: Option<u64>,
}

/// Settings of an evaluation
#[derive(ArgGroup, Clone, Debug)]
pub struct EvaluateArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// Weights [default: the network that comes with this program]
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Score a spectral peak picker that has learned nothing, its thresholds tuned
    /// on the validation split, in place of a network
    #[arg(long, conflicts_with = "weights")]
    pub peak_picker: bool,
    /// train, validation or test
    #[arg(long, default_value = "test")]
    pub split: String,
    /// Folder for reference and estimate of every recording
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Settings of a transcription
#[derive(ArgGroup, Clone, Debug)]
pub struct TranscribeArgs {
    /// Recordings, or folders of recordings
    #[arg(required = true, value_name = "FILE_OR_DIR")]
    pub inputs: Vec<PathBuf>,
    /// Folder for NAME.mid, NAME.tsv and NAME.png
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Weights [default: the network that comes with this program]
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
}
