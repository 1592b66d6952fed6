//! Ours beside the Python peers, in one run: log-mel features and training steps, in turns, with the
//! same threads and arithmetic.
//!
//! ```text
//! python3 -m venv peers && peers/bin/pip install torch==2.11.0 torchaudio==2.11.0 librosa==0.11.0
//! cargo run --release --example compare_speed -- --python peers/bin/python
//! ```
//!
//! Prints, for each task, the median time of both sides and their ratio. Without `--python` only ours
//! is measured.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use mir_core::{
    AudioBuffer, SampleRate,
    batch::{Batch, BatchPosition, TranscriptionTargets},
};
use mir_features::{FrontEndConfig, LogMel, LogMelConfig};
use mir_models::{
    config::{OnsetsFramesConfig, TrainConfig},
    train::{Trainer, TranscriptionBatch},
};
use ndarray::{Array, Array2, Array3};
use serde_json::{Value, json};

/// Ours beside the Python peers
#[derive(Debug, Parser)]
#[command(max_term_width = 80)]
struct Args {
    /// Python with torch, torchaudio and librosa
    #[arg(long)]
    python: Option<PathBuf>,
    /// Threads of the training step on both sides
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Turns that each side takes
    #[arg(long, default_value_t = 7)]
    turns: usize,
    /// Training steps in a turn
    #[arg(long, default_value_t = 3)]
    steps: usize,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut peer = args.python.as_ref().map(Peer::start).transpose()?;
    if let Some(peer) = &mut peer {
        println!("peers: {}", peer.ask(&json!({ "do": "versions" }))?);
    }
    log_mel(&args, peer.as_mut())?;
    train_step(&args, peer.as_mut())
}

/// One minute of audio at 16 kHz on one core.
fn log_mel(args: &Args, mut peer: Option<&mut Peer>) -> Result<()> {
    const SECONDS: usize = 60;
    let samples = noise_samples(SECONDS * 16_000);
    let audio = AudioBuffer::mono(SampleRate::HZ_16000, samples);
    let front_end = LogMel::new(LogMelConfig::jongwook())?;
    let mut out = Array2::zeros((front_end.frames(audio.len()), 229));
    let (mut ours, mut librosa, mut torchaudio) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(peer) = peer.as_deref_mut() {
        peer.ask(&json!({ "do": "threads", "threads": 1 }))?;
    }
    for _ in 0..args.turns {
        for _ in 0..5 {
            let start = Instant::now();
            front_end.process_into(audio.channel(0), &mut out);
            ours.push(start.elapsed().as_secs_f64());
        }
        if let Some(peer) = peer.as_deref_mut() {
            for (name, times) in
                [("log_mel_librosa", &mut librosa), ("log_mel_torchaudio", &mut torchaudio)]
            {
                times.extend(peer.times(&json!({ "do": name, "seconds": SECONDS, "repeat": 2 }))?);
            }
        }
    }
    let rate = SECONDS as f64 / median(&mut ours);
    println!("log-mel 2048/512/229, one core: ours {rate:.0} x real time");
    for (name, mut times) in [("librosa", librosa), ("torchaudio", torchaudio)] {
        if !times.is_empty() {
            let theirs = SECONDS as f64 / median(&mut times);
            println!("    {name} {theirs:.0} x real time, ours / {name} {:.2}", rate / theirs);
        }
    }
    Ok(())
}

/// Whole training steps of the small network, 32-bit floats.
fn train_step(args: &Args, mut peer: Option<&mut Peer>) -> Result<()> {
    mir_models::set_threads(args.threads);
    let model = OnsetsFramesConfig::small();
    let (batch, frames) = (8, 200);
    let mut trainer = Trainer::new(
        model.clone(),
        FrontEndConfig::default(),
        TrainConfig { steps: 1_000_000, ..TrainConfig::default() },
        mir_models::Device::Cpu,
    )?;
    let data = random_batch(batch, frames, model.bins);
    let request = json!({
        "do": "train_step", "model": model, "batch": batch, "frames": frames, "repeat": args.steps,
    });
    if let Some(peer) = peer.as_deref_mut() {
        peer.ask(&json!({ "do": "threads", "threads": args.threads }))?;
        peer.times(&request)?;
    }
    trainer.step(&data, BatchPosition::default())?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..args.turns {
        for _ in 0..args.steps {
            ours.push(trainer.step(&data, BatchPosition::default())?.compute.as_secs_f64());
        }
        if let Some(peer) = peer.as_deref_mut() {
            theirs.extend(peer.times(&request)?);
        }
    }
    let ours = median(&mut ours);
    println!(
        "training step, {batch} x {frames} frames, {} parameters, {} threads: ours {:.1} ms",
        trainer.parameters(),
        args.threads,
        1e3 * ours
    );
    if !theirs.is_empty() {
        let theirs = median(&mut theirs);
        println!("    PyTorch eager {:.1} ms, ours / PyTorch {:.3}", 1e3 * theirs, ours / theirs);
    }
    Ok(())
}

fn random_batch(batch: usize, frames: usize, bins: usize) -> TranscriptionBatch {
    let noise = noise_samples(batch * frames * bins);
    let cells = |salt: usize, share: f32| {
        Array3::from_shape_fn((batch, frames, 88), |(b, t, k)| {
            f32::from(noise[(b * 7919 + t * 88 + k + salt) % noise.len()] > 0.5 - share)
        })
    };
    let (onset, frame) = (cells(0, 0.01), cells(5, 0.05));
    Batch {
        inputs: Array::from_shape_fn((batch, 1, frames, bins), |(b, _, t, f)| {
            10.0 * noise[(b * frames + t) * bins + f] - 5.0
        }),
        targets: TranscriptionTargets {
            offset: onset.clone(),
            velocity: frame.mapv(|x| 0.5 * x),
            onset,
            frame,
            mask: Array2::ones((batch, frames)),
        },
        windows: Vec::new(),
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

/// The Python process.
struct Peer {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(python: &PathBuf) -> Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/compare/peers.py");
        let mut child = Command::new(python)
            .arg(script)
            .env("OMP_NUM_THREADS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", python.display()))?;
        let requests = child.stdin.take().context("the peer has no standard input")?;
        let answers = child.stdout.take().context("the peer has no standard output")?;
        Ok(Self { child, requests, answers: BufReader::new(answers) })
    }

    fn ask(&mut self, request: &Value) -> Result<Value> {
        writeln!(self.requests, "{request}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let mut answer: Value =
            serde_json::from_str(&line).context("the Python peer did not answer")?;
        match answer.get("error") {
            Some(error) => bail!("the Python peer failed: {error}"),
            None => Ok(answer["ok"].take()),
        }
    }

    fn times(&mut self, request: &Value) -> Result<Vec<f64>> {
        Ok(serde_json::from_value(self.ask(request)?)?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends by itself when its input closes; a stuck one must not outlive us.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
