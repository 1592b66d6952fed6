//! Does a device compute what the processor computes, and does it keep doing so?

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use mir_core::batch::BatchSource;
use mir_datasets::BatchLoader;
use mir_models::{
    Device,
    config::{OnsetsFramesConfig, Precision, TrainConfig},
    schedule::Schedule,
    train::Trainer,
};
use ndarray::Axis;

use crate::{Counted, Scope, course};

/// Largest difference between devices, of activations and relative of losses.
const TOLERANCE: f64 = 1e-3;

fn still() -> OnsetsFramesConfig {
    OnsetsFramesConfig { conv_dropout: 0.0, fc_dropout: 0.0, ..course::architecture() }
}

fn trainer(device: Device, precision: Precision, steps: u64) -> Result<Trainer> {
    let config = TrainConfig {
        steps,
        precision,
        schedule: Schedule::Constant { rate: 3e-3 },
        accumulate: 1,
        ..course::config()
    };
    Ok(Trainer::new(still(), course::front_end(), config, device)?)
}

/// Trains; the loss of each step.
fn losses(trainer: &mut Trainer, steps: u64) -> Result<Vec<f64>> {
    let mut source = BatchLoader::new(course::store()?, course::loader_config(1))?;
    source.seek(trainer.position())?;
    let mut losses = Vec::new();
    for _ in 0..steps {
        let batch = source.next_batch()?;
        losses.push(trainer.step(&batch, source.position())?.loss);
    }
    Ok(losses)
}

/// The device gives the losses of ten steps and the activations after them that the processor gives.
///
/// # Errors
/// The first that differs.
pub fn parity(scope: &Scope<'_>) -> Counted {
    let steps = 10;
    let mut here = trainer(Device::Cpu, Precision::F32, steps)?;
    let mut there = trainer(scope.device, Precision::F32, steps)?;
    let (a, b) = (losses(&mut here, steps)?, losses(&mut there, steps)?);
    let mut worst: f64 = 0.0;
    for (step, (a, b)) in a.iter().zip(&b).enumerate() {
        let difference = (a - b).abs() / a.abs();
        ensure!(difference <= TOLERANCE, "step {step}: loss {b} instead of {a}");
        worst = worst.max(difference);
    }
    let recording = course::store()?.recording(0)?;
    let map = recording.features;
    let input = map.data.index_axis(Axis(0), 0);
    let (a, b) = (
        here.snapshot()?.activations(input, map.grid)?,
        there.snapshot()?.activations(input, map.grid)?,
    );
    let cells = a.onset.iter().chain(&a.frame).zip(b.onset.iter().chain(&b.frame));
    let mut count = 0;
    for (a, b) in cells {
        let difference = f64::from((a - b).abs());
        ensure!(difference <= TOLERANCE, "an activation is {b} instead of {a}");
        worst = worst.max(difference);
        count += 1;
    }
    Ok(format!("{steps} losses and {count} activations, largest difference {worst:.1e}"))
}

/// With bfloat16 the loss falls as it does with 32-bit floats.
///
/// # Errors
/// If it does not.
pub fn bf16(scope: &Scope<'_>) -> Counted {
    let steps = 80;
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let ends = |precision| -> Result<(f64, f64)> {
        let losses = losses(&mut trainer(scope.device, precision, steps)?, steps)?;
        Ok((mean(&losses[..5]), mean(&losses[60..])))
    };
    let (_, whole) = ends(Precision::F32)?;
    let (first, last) = ends(Precision::Bf16)?;
    ensure!(last < 0.5 * first, "the loss went from {first:.3} to {last:.3}");
    ensure!(last < 1.15 * whole, "the loss ends at {last:.4}, in 32 bits at {whole:.4}");
    Ok(format!("{steps} steps, loss {first:.3} to {last:.4}, in 32 bits to {whole:.4}"))
}

/// Resident memory of this process, bytes; nothing where the system does not say.
fn resident() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    Some(4096 * text.split_whitespace().nth(1)?.parse::<u64>().ok()?)
}

/// Training for a long time takes no more memory than it did after the first tenth.
///
/// # Errors
/// If it grows by more than a hundredth and 8 MiB, or a loss is no number.
pub fn soak(scope: &Scope<'_>) -> Counted {
    let length = Duration::from_secs(scope.soak);
    let begun = Instant::now();
    let mut trainer = trainer(scope.device, Precision::F32, u64::MAX)?;
    let mut source = BatchLoader::new(course::store()?, course::loader_config(2))?;
    let (mut steps, mut warm, mut most) = (0u64, None, 0);
    while begun.elapsed() < length {
        let batch = source.next_batch()?;
        trainer.step(&batch, source.position())?;
        steps += 1;
        if steps.is_multiple_of(50) {
            trainer.snapshot()?;
            let now = resident().unwrap_or(0);
            if begun.elapsed() < length / 10 {
                warm = warm.max(Some(now));
            } else {
                most = most.max(now);
            }
        }
    }
    let warm = warm.unwrap_or(most);
    let grown = most.saturating_sub(warm);
    ensure!(
        grown <= (warm / 100).max(8 << 20),
        "memory grew from {warm} to {most} bytes in {steps} steps"
    );
    Ok(format!(
        "{steps} steps in {} s, memory {} MiB, grown by {} KiB",
        scope.soak,
        warm >> 20,
        grown >> 10
    ))
}
