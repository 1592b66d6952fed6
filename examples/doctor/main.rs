//! What is installed, what was loaded from where, and whether it works: the first thing to run when
//! something does not.
//!
//! Needs nothing but LibTorch. The exit code is 0 if every part of the self-test passed.
//!
//! ```text
//! cargo run --release --example doctor
//! cargo run --release --example doctor -- --device cuda --json environment.json
//! ```
// The modules of a program have no outside.
#![expect(unreachable_pub, reason = "an example's modules are shared by path")]

#[path = "../common/mod.rs"]
mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use mir_audio::{AudioBuffer, LoadOptions, SampleRate, WavFormat};
use mir_models::{
    DeviceChoice,
    environment::{Check, Environment, self_test},
};
use serde::Serialize;
use serde_json::json;

use crate::common::{
    CommonArgs, cache,
    failure::{Failure, Outcome},
};

/// Show versions, libraries, devices and caches, and test them
#[derive(Debug, Parser)]
#[command(
    name = "doctor",
    max_term_width = 80,
    after_help = "Examples:
  doctor
  doctor --device cuda:0 --json environment.json"
)]
struct Args {
    #[command(flatten)]
    common: CommonArgs,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(args: &Args) -> Outcome<()> {
    let device = args.common.device.parse::<DeviceChoice>()?.resolve()?;
    let environment = Environment::probe();
    let mut checks = self_test(device);
    checks.push(audio_check());
    let caches = caches();
    if !args.common.quiet {
        show(&environment, &caches, &checks, &format!("{device:?}"));
    }
    if let Some(path) = &args.common.json {
        let codecs: Vec<_> = mir_audio::codecs().iter().map(|codec| codec.feature).collect();
        let report = json!({
            "environment": environment,
            "codecs": codecs,
            "caches": caches,
            "checks": checks,
        });
        fs::write(path, format!("{report:#}\n"))
            .map_err(|error| Failure::data(format!("{}: {error}", path.display())))?;
    }
    match checks.iter().find_map(|check| check.failure.as_ref().map(|why| (check.name, why))) {
        None => Ok(()),
        Some((name, why)) => Err(Failure::data(format!("{name} failed: {why}"))),
    }
}

/// Sound written and read back.
fn audio_check() -> Check {
    let start = std::time::Instant::now();
    let path = std::env::temp_dir().join(format!("mir-doctor-{}.wav", std::process::id()));
    let ramp = (0..16_000).map(|n| n as f32 / 16_000.0).collect();
    let audio = AudioBuffer::mono(SampleRate::HZ_16000, ramp);
    let failure = mir_audio::write_wav(&path, &audio, WavFormat::Float32)
        .and_then(|()| mir_audio::load(&path, &LoadOptions::default()))
        .map_or_else(
            |error| Some(error.to_string()),
            |read| (read != audio).then(|| "other samples came back".to_owned()),
        );
    let _ = fs::remove_file(&path);
    Check { name: "sound written and read", failure, seconds: start.elapsed().as_secs_f64() }
}

/// A folder or file below the user's cache folder.
#[derive(Debug, Serialize)]
struct Cached {
    path: PathBuf,
    bytes: u64,
}

/// What lies in the user's cache folder: LibTorch, CMake, features, models.
fn caches() -> Vec<Cached> {
    let mut found: Vec<Cached> = fs::read_dir(cache::user_folder())
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| Cached { bytes: bytes_below(&entry.path()), path: entry.path() })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Bytes of a file, or of all files of a folder; links are not followed, what cannot be read counts nothing.
fn bytes_below(path: &Path) -> u64 {
    let Ok(about) = fs::symlink_metadata(path) else { return 0 };
    if !about.is_dir() {
        return about.len();
    }
    fs::read_dir(path).into_iter().flatten().flatten().map(|entry| bytes_below(&entry.path())).sum()
}

fn show(environment: &Environment, caches: &[Cached], checks: &[Check], device: &str) {
    println!("mir       {}", environment.version);
    println!("LibTorch  {}", environment.libtorch);
    for library in &environment.libraries {
        println!("          {library}");
    }
    println!("CUDA      {}", environment.cuda);
    println!("devices   {} (testing {device})", environment.devices.join(", "));
    println!("threads   {} on {} cores", environment.threads, environment.cores);
    for (name, value) in &environment.variables {
        println!("variable  {name}={value}");
    }
    for codec in mir_audio::codecs() {
        println!("codec     {}: {}", codec.feature, codec.what);
    }
    for Cached { path, bytes } in caches {
        println!("cache     {} ({:.1} MB)", path.display(), *bytes as f64 / 1e6);
    }
    if caches.is_empty() {
        println!("cache     nothing in {}", cache::user_folder().display());
    }
    for Check { name, failure, seconds } in checks {
        let outcome = failure.as_deref().unwrap_or("ok");
        println!("test      {name}: {outcome} ({:.0} ms)", 1e3 * seconds);
    }
}
