//! Is the training harness reliable on this machine? Checkpoints, exact resume, crashes, interrupts, full
//! disks, and the numbers on which training rests, each tried many times and counted.
//!
//! Prints one line for each check: its name, what was counted and how many there were, how long it took, and
//! whether all of it held. The exit code is 0 only if every check held. Needs no data.
//!
//! ```text
//! cargo run --release --example selfcheck -- --quick     # minutes
//! cargo run --release --example selfcheck                # 200 kills, 40 interrupts
//! cargo run --release --example selfcheck -- --only kills --kills 20
//! ```
// The modules of a program have no outside.
#![expect(unreachable_pub, reason = "an example's modules are shared by path")]

#[path = "../common/mod.rs"]
mod common;

mod child;
mod course;
mod crashes;
mod device;
mod endings;
mod exactness;
mod faults;
mod golden;
#[cfg(feature = "mpi")]
mod ranks;

// The requests that are compared with PyTorch, as the tests of the library read them.
#[path = "../../crates/mir-models/examples/parity/cases.rs"]
mod cases;
#[path = "../../crates/mir-models/examples/parity/stored.rs"]
mod stored;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Parser, Subcommand};
use serde_json::json;

use crate::common::failure::{Failure, Outcome};

/// Try whether training survives crashes, interrupts and full disks, and count
#[derive(Debug, Parser)]
#[command(
    name = "selfcheck",
    max_term_width = 80,
    after_help = "Examples:
  selfcheck --quick
  selfcheck --only kills --kills 20 --json counts.json"
)]
pub struct Args {
    /// The short form, below five minutes: 10 kills, 4 interrupts
    #[arg(long)]
    quick: bool,
    /// Only the checks whose name contains this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Processes to kill
    #[arg(long, value_name = "N")]
    kills: Option<usize>,
    /// Processes to interrupt
    #[arg(long, value_name = "N")]
    interrupts: Option<usize>,
    /// Also try a device beside the processor: cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Seconds to train on the device while watching the memory
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    soak: u64,
    /// Seed of the random moments
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write the counts to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Do not tell each kill and interrupt on standard error
    #[arg(short, long)]
    quiet: bool,
    #[command(subcommand)]
    child: Option<Child>,
}

/// What the program does when it has started itself.
#[derive(Debug, Subcommand)]
enum Child {
    /// Train into a run folder
    #[command(hide = true)]
    Train { folder: PathBuf, phase: PathBuf },
    /// Write a checkpoint and die at one of its operations
    #[command(hide = true)]
    Publish { folder: PathBuf, at: usize },
    /// Train as one of several processes
    #[cfg(feature = "mpi")]
    #[command(hide = true)]
    Rank { folder: PathBuf },
}

/// How much there is to do, and where.
#[derive(Debug)]
pub struct Scope<'a> {
    /// Processes to kill.
    pub kills: usize,
    /// Processes to interrupt.
    pub interrupts: usize,
    /// Whether this is the short form.
    pub quick: bool,
    /// Seed of the random moments.
    pub seed: u64,
    /// The device that is tried.
    pub device: mir_models::Device,
    /// Seconds of training on it.
    pub soak: u64,
    /// Whether single kills are not told.
    pub quiet: bool,
    /// An empty folder for a check, gone afterwards.
    pub folder: &'a std::path::Path,
}

/// What a check has counted, in words: `200 kills`.
pub type Counted = anyhow::Result<String>;

type Check = fn(&Scope<'_>) -> Counted;

/// All checks in the order in which they run: those that explain the failure of others first.
const CHECKS: &[(&str, Check)] = &[
    ("optimiser parity", golden::optimisers),
    ("layers and clipping", golden::layers),
    ("schedule tables", golden::schedules),
    ("TensorBoard vectors", golden::event_files),
    ("loader determinism", exactness::loader),
    ("checkpoint round trip", exactness::round_trip),
    ("exact resume", exactness::resume),
    ("retention", exactness::retention),
    ("damaged checkpoints", exactness::damage),
    ("early stopping", endings::early_stopping),
    ("trouble policies", endings::policies),
    ("fault points", faults::points),
    ("full disk", faults::full_disk),
    #[cfg(feature = "mpi")]
    ("two ranks equal one", ranks::two_equal_one),
    ("interrupts", crashes::interrupts),
    ("kills", crashes::kills),
];

/// What is tried with `--device`.
const DEVICE_CHECKS: &[(&str, Check)] = &[
    ("device parity", device::parity),
    ("device bf16", device::bf16),
    ("device soak", device::soak),
];

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match &args.child {
        Some(Child::Train { folder, phase }) => child::train(folder, phase),
        Some(Child::Publish { folder, at }) => child::publish(folder, *at),
        #[cfg(feature = "mpi")]
        Some(Child::Rank { folder }) => child::rank(folder),
        None => run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(args: &Args) -> Outcome<()> {
    // The order of additions depends on the number of threads: every process here has one.
    mir_models::set_threads(1);
    let wanted = |name: &str| args.only.as_ref().is_none_or(|text| name.contains(text.as_str()));
    let choice = args.device.as_deref().unwrap_or("cpu");
    let device = choice.parse::<mir_models::DeviceChoice>()?.resolve()?;
    let more = if args.device.is_some() { DEVICE_CHECKS } else { &[] };
    let begun = Instant::now();
    let (mut report, mut failed) = (Vec::new(), Vec::new());
    for (name, check) in CHECKS.iter().chain(more).filter(|(name, _)| wanted(name)) {
        let folder = tempfile::tempdir()?;
        let scope = Scope {
            kills: args.kills.unwrap_or(if args.quick { 10 } else { 200 }),
            interrupts: args.interrupts.unwrap_or(if args.quick { 4 } else { 40 }),
            quick: args.quick,
            seed: args.seed,
            device,
            soak: args.soak,
            quiet: args.quiet,
            folder: folder.path(),
        };
        let start = Instant::now();
        let counted = check(&scope);
        let taken = start.elapsed();
        let (text, verdict) = match &counted {
            Ok(text) => (text.clone(), "ok"),
            Err(error) => (format!("{error:#}"), "FAILED"),
        };
        println!("{name:<22} {text} ({}): {verdict}", seconds(taken));
        report.push(json!({
            "check": name, "counted": text, "seconds": taken.as_secs_f64(), "ok": counted.is_ok(),
        }));
        if counted.is_err() {
            failed.push(*name);
        }
    }
    if report.is_empty() {
        return Err(Failure::usage("no check has such a name"));
    }
    println!("{} checks, {} failed ({})", report.len(), failed.len(), seconds(begun.elapsed()));
    if let Some(path) = &args.json {
        mir_core::publish::write(path, format!("{:#}\n", json!({ "checks": report })).as_bytes())?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::partial(format!(
        "{} of {} checks failed: {}",
        failed.len(),
        report.len(),
        failed.join(", ")
    )))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
