//! Whole training steps.

use anyhow::Result;
use mir_core::batch::{Batch, BatchPosition, TranscriptionTargets};
use mir_features::FrontEndConfig;
use mir_models::{
    DeviceChoice,
    config::{OnsetsFramesConfig, TrainConfig},
    train::{Trainer, TranscriptionBatch},
};
use ndarray::{Array, Array2, Array3};
use serde_json::json;

use crate::{Args, median, noise_samples, peer::Peer};

/// Whole training steps of the small network, 32-bit floats.
pub(crate) fn train_step(args: &Args, mut peer: Option<&mut Peer>) -> Result<()> {
    mir_models::set_threads(args.threads);
    let device = args.device.parse::<DeviceChoice>()?.resolve()?;
    let model = OnsetsFramesConfig::small();
    let (batch, frames) = (8, 200);
    let mut trainer = Trainer::new(
        model.clone(),
        FrontEndConfig::default(),
        TrainConfig { steps: 1_000_000, ..TrainConfig::default() },
        device,
    )?;
    let data = random_batch(batch, frames, model.bins);
    let request = json!({
        "do": "train_step", "model": model, "batch": batch, "frames": frames, "repeat": args.steps,
        "device": args.device,
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
    let ratio = (!theirs.is_empty()).then(|| ours / median(&mut theirs));
    if let Some(path) = &args.json {
        let result = json!({ "training_seconds": ours, "training_ratio": ratio });
        mir_core::publish::write(path, format!("{result}\n").as_bytes())?;
    }
    println!(
        "training step on {}, {batch} x {frames} frames, {} parameters, {} threads: ours {:.1} ms",
        args.device,
        trainer.parameters(),
        args.threads,
        1e3 * ours
    );
    if let Some(ratio) = ratio {
        println!("    PyTorch eager {:.1} ms, ours / PyTorch {ratio:.3}", 1e3 * ours / ratio);
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
