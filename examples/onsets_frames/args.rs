//! The command line.

use std::path::PathBuf;

use clap::{Args as ArgGroup, Parser, Subcommand, ValueEnum};

use mir_models::decode::OriginalDecoder;

use crate::{
    common::CommonArgs,
    model::{ModelArgs, ModelName, SizeArgs},
};

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
  onsets_frames train --data maps --root MAPS --out runs/maps
  onsets_frames train --data maps --root MAPS --out runs/all --init runs/maps/model.safetensors \
    --set maps.validation_piano=none

The last goes on learning from the validation recordings as well: nothing is chosen by them
any more, so the weights of the last step are kept, with the decoder of the first run.")]
    Train(TrainArgs),
    /// Find a learning rate: train with a rate that grows from step to step
    #[command(
        name = "find-lr",
        after_help = "Examples:
  onsets_frames find-lr
  onsets_frames find-lr --data maps --root MAPS --out rates"
    )]
    FindLr(RateArgs),
    /// Find how many windows fit into memory, and what they cost
    #[command(
        name = "find-batch-size",
        after_help = "Examples:
  onsets_frames find-batch-size --most 64
  onsets_frames find-batch-size --set loader.window.frames=640 --device cuda"
    )]
    FindBatchSize(BatchSizeArgs),
    /// Do a step that gave no number once more and name the layer that failed
    #[command(after_help = "Examples:
  onsets_frames replay runs/maps/incidents/step-000001234
  onsets_frames replay runs/maps/incidents/step-000001234 --device cpu")]
    Replay(ReplayArgs),
    /// Score a trained network on a split
    #[command(after_help = "Examples:
  onsets_frames evaluate --weights runs/short/model.safetensors
  onsets_frames evaluate --data maps --root MAPS --json scores.json")]
    Evaluate(EvaluateArgs),
    /// Fit the decoder of a trained network to the validation split, and to the recordings
    /// of --extra: thresholds, and when notes end
    Tune(TuneArgs),
    /// Train several networks on the same data, with the same number of steps, and
    /// draw their scores together
    #[command(after_help = "Examples:
  onsets_frames compare --steps 1000 --out runs/compare
  onsets_frames compare --models cnn,onf --reference-logs gct634/log_examples")]
    Compare(CompareArgs),
    /// Turn a checkpoint of the course or of jongwook's program into weights
    #[command(after_help = "Examples:
  onsets_frames convert-checkpoint model-10000.pt --model cnn --out cnn.safetensors
  onsets_frames evaluate --weights cnn.safetensors --decoder hw3")]
    ConvertCheckpoint(ConvertArgs),
    /// Write down the notes of recordings, or of a live stream
    #[command(after_help = "Examples:
  onsets_frames transcribe recording.mp3 --out notes
  onsets_frames transcribe concerts/ --out notes --format mid,json,wav
  arecord -t raw -f S16_LE -r 44100 -c 1 | onsets_frames transcribe --stream

--set and --config take settings of the decoder (decoder.onset_threshold,
decoder.frame_threshold, decoder.min_duration), of --offsets keys (keys.window,
keys.min_notes) and of wav (sample_rate).

Memory does not grow with a recording, but for npz (40 MB an hour and array),
wav (635 MB an hour at 44100 Hz) and --exact.")]
    Transcribe(TranscribeArgs),
    /// Let other pianos play the notes of the training recordings, in other keys and at
    /// other speeds: more to train on, with train --extra DIR; or those of the validation
    /// recordings, to fit a decoder to, with tune --extra DIR
    Render(RenderArgs),
    /// Make a smaller data set out of a part of each split, drawn by --seed
    #[command(
        name = "make-subset",
        after_help = "Examples:
  onsets_frames make-subset --root MAPS --out small --train 20 --validation 4 --test 5
  onsets_frames make-subset --root MAPS --out list --list --seed 7"
    )]
    MakeSubset(SubsetArgs),
}

/// Whole sets of settings
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PresetName {
    /// A few minutes on the built-in data
    Mini,
    /// MAPS, a larger network and more steps
    Maps,
    /// As the course GCT634 trains, labels and decodes, to compare with its logs
    Compat,
    /// As Kong et al. train the high-resolution network: 200,000 steps, for a GPU
    Hpt,
}

impl From<DataName> for PresetName {
    fn from(data: DataName) -> Self {
        match data {
            DataName::Mini => Self::Mini,
            DataName::Maps | DataName::Maestro => Self::Maps,
        }
    }
}

/// The data sets
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DataName {
    /// Built in: short pieces, played by a synthesised piano
    Mini,
    /// MAPS under --root, in its flac/ogg + tsv layout or its first one
    Maps,
    /// MAESTRO under --root, any version; or the 16 kHz subset of the course, with its data.json
    Maestro,
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
    /// Folder of more recordings to learn from, each with its notes beside it as NAME.tsv,
    /// such as the verb render makes
    #[arg(long, value_name = "DIR")]
    pub extra: Vec<PathBuf>,
    /// Folder for computed features [default: mir/features in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Leave out recordings that cannot be read, and say which
    #[arg(long)]
    pub skip_bad: bool,
}

/// Data, network and the settings of its training
#[derive(ArgGroup, Clone, Debug)]
pub struct SettingsArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// Preset of all settings [default: the data set's own]
    #[arg(long, value_enum)]
    pub preset: Option<PresetName>,
    #[command(flatten)]
    pub model: ModelArgs,
}

impl SettingsArgs {
    /// The preset that was asked for, or the data set's own.
    pub fn preset(&self) -> PresetName {
        self.preset.unwrap_or_else(|| self.data.data.into())
    }
}

/// Settings of a training
#[derive(ArgGroup, Clone, Debug)]
pub struct TrainArgs {
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Run folder [default: runs/onsets_frames-N, the first free N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Continue the interrupted run in this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "force"])]
    pub resume: Option<PathBuf>,
    /// Use a run folder that already holds something
    #[arg(long)]
    pub force: bool,
    /// Start from these weights; the network may be another: what has the same name and
    /// shape is taken over. With nothing to validate on, their decoder is kept, too
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub init: Option<PathBuf>,
    /// Training steps
    #[arg(short = 'i', long, visible_alias = "iterations", value_name = "N")]
    pub steps: Option<u64>,
    /// Check settings, data and network with one forward and backward pass, and
    /// write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the learning rates of the run as comma-separated values, and do nothing
    /// else
    #[arg(long, conflicts_with = "dry_run")]
    pub dry_run_schedule: bool,
}

/// Settings of a learning-rate range test
#[derive(ArgGroup, Clone, Debug)]
pub struct RateArgs {
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// First rate
    #[arg(long, value_name = "X", default_value_t = 1e-7)]
    pub lowest: f64,
    /// Last rate
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub highest: f64,
    /// Steps
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub steps: u64,
    /// Folder for rates.csv and rates.png
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Settings of a search for the batch size
#[derive(ArgGroup, Clone, Debug)]
pub struct BatchSizeArgs {
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Largest size to try
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub most: usize,
}

/// Settings of a replay
#[derive(ArgGroup, Clone, Debug)]
pub struct ReplayArgs {
    /// A folder below incidents/ of a run folder
    #[arg(value_name = "DIR")]
    pub incident: PathBuf,
}

/// Settings of a comparison
#[derive(ArgGroup, Clone, Debug)]
pub struct CompareArgs {
    /// Networks to train, by name
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["cnn", "rnn", "crnn", "onf"])]
    pub models: Vec<ModelName>,
    /// Folder with the logs of the course (baseline_log.txt, rnn_log.txt, ...), which
    /// are drawn too
    #[arg(long, value_name = "DIR")]
    pub reference_logs: Option<PathBuf>,
    /// Folder for a run folder of each network, curves and table
    #[arg(long, value_name = "DIR", default_value = "runs/compare")]
    pub out: PathBuf,
    /// Use run folders that already hold something
    #[arg(long)]
    pub force: bool,
    /// Training steps of each network
    #[arg(short = 'i', long, visible_alias = "iterations", value_name = "N")]
    pub steps: Option<u64>,
    /// Preset of all other settings
    #[arg(long, value_enum, default_value_t = PresetName::Compat)]
    pub preset: PresetName,
    #[command(flatten)]
    pub sizes: SizeArgs,
    #[command(flatten)]
    pub data: DataArgs,
}

/// Settings of a conversion
#[derive(ArgGroup, Clone, Debug)]
pub struct ConvertArgs {
    /// Checkpoint: .pt or .pth of PyTorch, or safetensors under its names
    #[arg(value_name = "FILE")]
    pub input: PathBuf,
    /// Which network it is; cnn, rnn, crnn and onf are those of the course
    #[arg(long, value_enum, visible_alias = "model_type", ignore_case = true)]
    pub model: ModelName,
    /// Where the weights go
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Store them in half precision
    #[arg(long)]
    pub half: bool,
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
    /// Decode as an original program does: hw3, jongwook or magenta [default: our own
    /// decoder with the thresholds of the weights]
    #[arg(long, value_name = "NAME", conflicts_with = "peak_picker")]
    pub decoder: Option<OriginalDecoder>,
    /// train, validation or test
    #[arg(long, default_value = "test")]
    pub split: String,
    /// Folder for reference and estimate of every recording
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write an error analysis as one HTML page: kinds of mistakes, hard notes, the
    /// worst passages with their sound
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
}

/// Settings of a fit of the decoder
#[derive(ArgGroup, Clone, Debug)]
pub struct TuneArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// Weights [default: the network that comes with this program]
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Where the weights go with their new decoder
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Hear recordings in other keys too, so many semitones away, and take the mean: better,
    /// and slower by a pass each; 0 for none [default: those of the weights]
    #[arg(long, value_name = "N", value_delimiter = ',', allow_hyphen_values = true)]
    pub transpositions: Option<Vec<i32>>,
    /// Store them in half precision
    #[arg(long)]
    pub half: bool,
}

/// What `transcribe` writes, in this order
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum OutputFormat {
    /// Notes as a MIDI file; with --offsets keys also the pedal
    Mid,
    /// Notes as a table: onset, offset, MIDI note, velocity
    Tsv,
    /// Notes and pedal with file, weights and settings
    Json,
    /// Notes as a JAMS document
    Jams,
    /// A piano roll
    Png,
    /// How the notes sound on a piano, or with --soundfont
    Wav,
    /// Arrays [frames, 88] onset, frame, velocity ...; times
    Npz,
}

/// Where notes end
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Offsets {
    /// Where the sound ends, as the network hears it; no pedal
    #[default]
    Sound,
    /// Where keys may have come up, and a pedal: an estimate
    Keys,
}

/// How a sample is written on standard input, little-endian
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SampleFormat {
    /// 16-bit integers
    #[default]
    S16,
    /// 32-bit floats
    F32,
}

/// Settings of a transcription
#[derive(ArgGroup, Clone, Debug)]
pub struct TranscribeArgs {
    /// Recordings, or folders of recordings
    #[arg(required_unless_present = "stream", value_name = "FILE_OR_DIR")]
    pub inputs: Vec<PathBuf>,
    /// Folder for NAME.mid, NAME.tsv and so on
    #[arg(long, required_unless_present = "stream", value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to write
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_values = ["mid", "tsv", "png"],
        value_name = "FORMAT"
    )]
    pub format: Vec<OutputFormat>,
    /// Where notes end. What held a note, a finger or the pedal, cannot be heard:
    /// keys infers a pedal from notes that are damped together, and puts releases
    /// where the hand goes on; MIDI gets the pedal, and played it sounds alike
    #[arg(long, value_enum, default_value_t, verbatim_doc_comment)]
    pub offsets: Offsets,
    /// Play wav with the piano of this SoundFont (.sf2)
    #[arg(long, value_name = "FILE")]
    pub soundfont: Option<PathBuf>,
    /// Weights [default: the network that comes with this program]
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Read each recording at once, where segments with some context around them would do:
    /// memory grows with its length, by one to two gigabytes an hour
    #[arg(long)]
    pub exact: bool,
    #[command(flatten)]
    pub live: LiveArgs,
}

/// Audio from standard input
#[derive(ArgGroup, Clone, Debug)]
pub struct LiveArgs {
    /// Read raw mono samples from standard input, little-endian, and print each note
    /// once it has ended, as a line of a table
    #[arg(long, verbatim_doc_comment, conflicts_with_all = ["inputs", "out", "format", "offsets", "soundfont", "exact"])]
    pub stream: bool,
    /// Samples a second [default: 44100]
    #[arg(long, value_name = "HZ")]
    pub rate: Option<u32>,
    /// How a sample is written [default: s16]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub sample_format: Option<SampleFormat>,
    /// Print a note at most this long after its end, at least 2.8: less costs more
    /// work [default: 4.3]
    #[arg(long, verbatim_doc_comment, value_name = "SECONDS")]
    pub latency: Option<f64>,
}

/// Settings of rendered recordings
#[derive(ArgGroup, Clone, Debug)]
pub struct RenderArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// A SoundFont (.sf2) whose pianos play; may be given several times [default: the
    /// synthesised pianos of the built-in data set]
    #[arg(long, value_name = "FILE")]
    pub soundfont: Vec<PathBuf>,
    /// train or validation
    #[arg(long, default_value = "train")]
    pub split: String,
    /// General MIDI programs of each SoundFont that play, counted from 0
    #[arg(long, value_delimiter = ',', value_name = "N", default_value = "0")]
    pub program: Vec<u8>,
    /// Move up or down by this many semitones at most
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub transpose: u8,
    /// Play slower or faster by this share at most
    #[arg(long, value_name = "X", default_value_t = 0.1)]
    pub tempo: f64,
    /// Folder for NAME.flac and NAME.tsv; what is there already is not made again
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Settings of a subset
#[derive(ArgGroup, Clone, Debug)]
pub struct SubsetArgs {
    /// Data set
    #[arg(long, value_enum, default_value_t = DataName::Maps)]
    pub data: DataName,
    /// Folder of the data set
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Folder for the smaller data set, in the layout of the large one; new or empty
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Recordings of the training split
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub train: usize,
    /// Recordings of the validation split
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub validation: usize,
    /// Recordings of the test split
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub test: usize,
    /// Copy the files, where a second name for each (a hard link) would do
    #[arg(long)]
    pub copy: bool,
    /// Write only the list of recordings, splits.json
    #[arg(long, conflicts_with = "copy")]
    pub list: bool,
}
