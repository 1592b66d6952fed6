//! What the example programs share: their common flags, configuration files, exit codes, batches, progress.
#![allow(dead_code, reason = "each example uses the part that it needs")]

pub mod cache;
pub mod config;
pub mod failure;
pub mod jobs;
pub mod progress;
pub mod ranks;
pub mod signals;

use std::path::PathBuf;

use clap::Args;

/// Flags that every example understands.
#[derive(Args, Clone, Debug)]
pub struct CommonArgs {
    /// Write the numbers of the final table to this file as JSON
    #[arg(long, value_name = "FILE", global = true)]
    pub json: Option<PathBuf>,
    /// Show neither progress nor tables
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto", global = true)]
    pub device: String,
    /// Seed of data, initial weights and order
    #[arg(long, value_name = "N", global = true)]
    pub seed: Option<u64>,
    /// Read settings from a TOML file
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Change one setting, as in `--set train.steps=500`; may be repeated
    #[arg(long, value_name = "A.B=C", global = true)]
    pub set: Vec<String>,
}
