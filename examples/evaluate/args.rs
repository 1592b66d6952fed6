//! The command line.

use std::path::PathBuf;

use clap::{
    Parser, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use mir_eval::{
    stats::UndefinedPolicy,
    task::{Task, TaskConfig},
};

use crate::common::{CommonArgs, config, failure::Outcome};

/// Score estimates against references, with the numbers of mir_eval
#[derive(Debug, Parser)]
#[command(
    name = "evaluate",
    max_term_width = 80,
    after_help = "Examples:
  evaluate transcription ref.txt est.txt --output scores.json
      mir_eval's scores of one piece, under mir_eval's names
  evaluate beat references/ estimates/ --csv beats.csv
      all pieces of two folders, paired by name"
)]
pub struct Args {
    /// What to score
    #[arg(value_parser = task_parser(), hide_possible_values = true,
          required_unless_present = "batch", help = task_help())]
    pub task: Option<Task>,
    /// Reference: a file, or a folder of files
    /// (separation: of WAVs, hierarchy: of levels, both in name order)
    #[arg(value_name = "REF", required_unless_present_any = ["batch", "references"])]
    pub reference: Option<PathBuf>,
    /// Estimate: as REF
    #[arg(value_name = "EST", required_unless_present_any = ["batch", "references"])]
    pub estimate: Option<PathBuf>,
    /// Files of the reference, from the whole to the parts; in place of REF
    #[arg(short = 'r', long = "ref", visible_alias = "reference", value_name = "FILE",
          num_args = 1.., requires = "estimates", conflicts_with = "reference")]
    pub references: Vec<PathBuf>,
    /// Files of the estimate, from the whole to the parts; in place of EST
    #[arg(short = 'e', long = "est", visible_alias = "estimate", value_name = "FILE",
          num_args = 1.., requires = "references", conflicts_with = "reference")]
    pub estimates: Vec<PathBuf>,
    /// Store the scores in this file, as mir_eval's evaluators do: JSON in the form
    /// of Python's json module, NaN included
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write the scores of all pieces of two folders to this file
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Window of the task: hierarchy, onset, alignment in seconds, multipitch in
    /// semitones, separation in samples (as mir_eval; 1323000 unless given)
    #[arg(short, long, value_name = "WINDOW")]
    pub window: Option<String>,
    /// Hop of the task: melody in seconds, separation in samples (661500)
    #[arg(long, value_name = "HOP")]
    pub hop: Option<String>,
    /// Leave first and last boundary out (segment)
    #[arg(short, long)]
    pub trim: bool,
    /// Keep the channels of sources; without, they are mixed to one (separation)
    #[arg(long)]
    pub multichannel: bool,
    /// What to do with undefined scores in means over pieces
    #[arg(long, value_enum, default_value_t = Undefined::Skip)]
    pub undefined: Undefined,
    /// Score the cases of a file, one JSON object a line with 'config',
    /// 'reference', 'estimate'; results one a line to --output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["task", "reference", "references", "csv"],
          requires = "output")]
    pub batch: Option<PathBuf>,
    /// Score every case of --batch this often, and store the seconds of each time
    #[arg(long, value_name = "N", requires = "batch")]
    pub runs: Option<u32>,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Policies for undefined scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Undefined {
    /// Leave them out, and say how many
    Skip,
    /// Count them as 0
    Zero,
    /// Give no mean where there are any
    Refuse,
}

impl From<Undefined> for UndefinedPolicy {
    fn from(undefined: Undefined) -> Self {
        match undefined {
            Undefined::Skip => Self::Skip,
            Undefined::Zero => Self::Zero,
            Undefined::Refuse => Self::Refuse,
        }
    }
}

fn task_parser() -> impl TypedValueParser<Value = Task> {
    PossibleValuesParser::new(Task::ALL.iter().map(|task| task.name()))
        .try_map(|name| name.parse::<Task>())
}

fn task_help() -> String {
    let names: Vec<&str> = Task::ALL.iter().map(|task| task.name()).collect();
    format!("What to score: {}", names.join(", "))
}

impl Args {
    /// The settings of the task: published values, changed by `--config`, `--set` and the short forms
    /// `--window`, `--hop`, `--trim`. A setting that the task has not is refused.
    pub fn config(&self) -> Outcome<TaskConfig> {
        let task = self.task.unwrap_or(Task::Onset);
        let mut sets = self.common.set.clone();
        sets.extend(self.window.iter().map(|window| format!("window={window}")));
        sets.extend(self.hop.iter().map(|hop| format!("hop={hop}")));
        sets.extend(self.trim.then(|| "trim=true".to_owned()));
        config::resolve(&TaskConfig::new(task), self.common.config.as_deref(), &sets)
    }
}
