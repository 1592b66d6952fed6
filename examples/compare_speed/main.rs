//! Ours beside the Python peers, in one run: features, resampling, decoding and training steps, in turns,
//! with the same threads and arithmetic.
//!
//! ```text
//! python3 -m venv peers
//! peers/bin/pip install torch==2.11.0 torchaudio==2.11.0 librosa==0.11.0 soxr soundfile
//! cargo run --release --example compare_speed -- --python peers/bin/python
//! ```
//!
//! Prints, for each task, the median of both sides and how many times as fast ours is; `--table FILE` writes the
//! same as a table. Without `--python` only ours is measured; without the feature `models` there are no networks.

mod audio;
mod features;
mod peer;
mod report;
#[cfg(feature = "models")]
mod training;
#[cfg(feature = "models")]
mod transcription;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use mir_core::SampleRate;
use peer::Peer;
use report::Report;
use serde_json::json;

/// Ours beside the Python peers
#[derive(Debug, Parser)]
#[command(max_term_width = 80)]
struct Args {
    /// Python with torch, torchaudio, librosa, soxr and soundfile
    #[arg(long)]
    python: Option<PathBuf>,
    /// Threads of the training step on both sides
    #[cfg(feature = "models")]
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Turns that each side takes
    #[arg(long, default_value_t = 7)]
    turns: usize,
    /// Write all figures to this file as a Markdown table
    #[arg(long, value_name = "FILE.md")]
    table: Option<PathBuf>,
    /// Recordings to decode, beside the WAV and FLAC files made here
    #[arg(long, value_name = "FILE")]
    audio: Vec<PathBuf>,
    /// Device of the training steps on both sides
    #[cfg(feature = "models")]
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Only the networks
    #[cfg(feature = "models")]
    #[arg(long)]
    only_training: bool,
    /// Networks whose training steps and forward passes are timed
    #[cfg(feature = "models")]
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["small", "full"])]
    network: Vec<training::Network>,
    /// Write the figures of the networks to this file
    #[cfg(feature = "models")]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Training steps in a turn
    #[cfg(feature = "models")]
    #[arg(long, default_value_t = 3)]
    steps: usize,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut peer = args.python.as_ref().map(Peer::start).transpose()?;
    if let Some(peer) = &mut peer {
        println!("peers: {}", peer.ask(&json!({ "do": "versions" }))?);
    }
    let mut report = Report::default();
    if !args.only_training() {
        features::features(&args, peer.as_mut(), &mut report)?;
        audio::resample(&args, peer.as_mut(), &mut report)?;
        audio::decode(&args, peer.as_mut(), &mut report)?;
    }
    #[cfg(feature = "models")]
    {
        training::networks(&args, peer.as_mut(), &mut report)?;
        transcription::transcribe(&args, &mut report)?;
    }
    args.table.as_deref().map_or(Ok(()), |path| report.write(path))
}

impl Args {
    #[cfg(feature = "models")]
    fn only_training(&self) -> bool {
        self.only_training
    }

    #[cfg(not(feature = "models"))]
    fn only_training(&self) -> bool {
        false
    }
}

/// White noise in ±0.5.
fn noise_samples(samples: usize) -> Vec<f32> {
    let noise = mir_testkit::signal::noise(SampleRate::HZ_16000, 0.5, samples, 1);
    noise.channel(0).to_vec()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
