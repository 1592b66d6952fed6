//! Whole training steps, and forward passes, of networks.

use std::time::Instant;

use anyhow::Result;
use clap::ValueEnum;
use mir_core::{
    FrameGrid, SampleRate,
    batch::{Batch, BatchPosition, TranscriptionTargets},
};
use mir_features::FrontEndConfig;
use mir_models::{
    DeviceChoice,
    config::{OnsetsFramesConfig, TrainConfig},
    infer::Segments,
    train::{Trainer, TranscriptionBatch},
};
use ndarray::{Array, Array2, Array3};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Args, median, noise_samples,
    peer::Peer,
    report::{Report, Unit},
};

/// A network and the size of its batches
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Network {
    /// That of the default run of onsets_frames, 8 windows of 200 frames
    Small,
    /// All of Onsets and Frames, 26.5 million parameters, 2 windows of 200 frames
    Full,
}

impl Network {
    fn config(self) -> OnsetsFramesConfig {
        match self {
            Self::Small => OnsetsFramesConfig::small(),
            Self::Full => OnsetsFramesConfig::jongwook(48),
        }
    }

    /// Windows, and frames of each.
    fn batch(self) -> (usize, usize) {
        match self {
            Self::Small => (8, 200),
            Self::Full => (2, 200),
        }
    }
}

/// Medians in seconds, and ours over the peer's.
#[derive(Debug, Serialize)]
struct Figures {
    network: String,
    parameters: usize,
    training_seconds: f64,
    training_ratio: Option<f64>,
    forward_seconds: f64,
    forward_ratio: Option<f64>,
}

/// All networks that are asked for, 32-bit floats.
pub(crate) fn networks(
    args: &Args,
    mut peer: Option<&mut Peer>,
    report: &mut Report,
) -> Result<()> {
    mir_models::set_threads(args.threads);
    if let Some(peer) = peer.as_deref_mut() {
        peer.ask(&json!({ "do": "threads", "threads": args.threads }))?;
    }
    let mut all = Vec::new();
    for &network in &args.network {
        all.push(figures(network, args, peer.as_deref_mut(), report)?);
    }
    if let Some(path) = &args.json {
        let worst = all.iter().filter_map(|figures| figures.training_ratio).reduce(f64::max);
        let result = json!({ "training_ratio": worst, "networks": all });
        mir_core::publish::write(path, format!("{result:#}\n").as_bytes())?;
    }
    Ok(())
}

fn figures(
    network: Network,
    args: &Args,
    mut peer: Option<&mut Peer>,
    report: &mut Report,
) -> Result<Figures> {
    let device = args.device.parse::<DeviceChoice>()?.resolve()?;
    let model = network.config();
    let (batch, frames) = network.batch();
    let front_end = FrontEndConfig::default();
    let config = TrainConfig { steps: 1_000_000, ..TrainConfig::default() };
    let mut trainer = Trainer::new(model.clone(), front_end, config, device)?;
    let parameters = trainer.parameters();
    let name = network.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned());
    let ask = |what: &str, frames: usize| {
        json!({ "do": what, "model": model, "batch": batch, "frames": frames, "repeat": args.steps,
                "device": args.device })
    };

    let data = random_batch(batch, frames, model.bins);
    let (of, threads) = (&args.device, args.threads);
    let about = format!("{name} network of {parameters} parameters, {of}, {threads} threads");
    let task = format!("training step of {batch} x {frames} frames, {about}");
    let step = || Ok(trainer.step(&data, BatchPosition::default())?.compute.as_secs_f64());
    let request = ask("train_step", frames);
    let (training_seconds, training_ratio) =
        in_turns(&task, args, &request, peer.as_deref_mut(), report, step)?;

    // What is read at once of a long recording.
    let frames = Segments::default().keep;
    let features =
        Array2::from_shape_vec((frames, model.bins), noise_samples(frames * model.bins))?;
    let grid = FrameGrid::new(SampleRate::HZ_16000, 512, 0)?;
    let trained = trainer.snapshot()?;
    let pass = || {
        let start = Instant::now();
        trained.activations(features.view(), grid)?;
        Ok(start.elapsed().as_secs_f64())
    };
    let task = format!("forward pass of {frames} frames, {about}");
    let (forward_seconds, forward_ratio) =
        in_turns(&task, args, &ask("forward", frames), peer, report, pass)?;
    Ok(Figures {
        network: name,
        parameters,
        training_seconds,
        training_ratio,
        forward_seconds,
        forward_ratio,
    })
}

/// Our median, and its ratio to that of the peer, who takes turns with us.
fn in_turns(
    task: &str,
    args: &Args,
    request: &Value,
    mut peer: Option<&mut Peer>,
    report: &mut Report,
    mut ours: impl FnMut() -> Result<f64>,
) -> Result<(f64, Option<f64>)> {
    // Once before it counts: memory is there, and plans are made.
    ours()?;
    if let Some(peer) = peer.as_deref_mut() {
        peer.times(request)?;
    }
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for _ in 0..args.turns {
        for _ in 0..args.steps {
            own.push(ours()?);
        }
        if let Some(peer) = peer.as_deref_mut() {
            others.extend(peer.times(request)?);
        }
    }
    let own = median(&mut own);
    let theirs = (!others.is_empty()).then(|| median(&mut others));
    let peers: Vec<(&str, f64)> = theirs.iter().map(|x| ("PyTorch eager", 1e3 * x)).collect();
    report.add(task, Unit::Milliseconds, 1e3 * own, &peers, "");
    Ok((own, theirs.map(|theirs| own / theirs)))
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
            near: None,
        },
        windows: Vec::new(),
    }
}
