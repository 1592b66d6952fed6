//! Several processes train as one.

use std::{path::Path, process::Command, sync::Arc};

use anyhow::{Context, Result, ensure};
use mir_core::batch::BatchSource;
use mir_datasets::{BatchLoader, TranscriptionBatch};
use mir_models::{
    Device,
    comm::{Communicator, Mpi, Shard},
    config::{OnsetsFramesConfig, TrainConfig},
    train::Trainer,
};

use crate::{Counted, Scope, course};

/// Two processes give the losses and gradients of one with the double batch, step by step.
///
/// Steps of one process that accumulate two batches are the double batch: dropout is off, and batch
/// normalisation sees the two halves apart on both sides.
///
/// # Errors
/// The first step that differs by more than a millionth.
pub fn two_equal_one(scope: &Scope<'_>) -> Counted {
    let one = alone()?;
    let output = Command::new("mpirun")
        .args(["-n", "2", "--oversubscribe"])
        .arg(std::env::current_exe()?)
        .arg("rank")
        .arg(scope.folder)
        // Containers have no other user.
        .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        .output()
        .context("mpirun cannot be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "mpirun failed: {}: {said}", output.status);
    let two = std::fs::read(scope.folder.join(RESULT)).context("the ranks wrote nothing")?;
    let two: Vec<[f64; 2]> = serde_json::from_slice(&two)?;
    ensure!(one.len() == two.len(), "{} steps instead of {}", two.len(), one.len());
    let mut worst: f64 = 0.0;
    for (step, (a, b)) in one.iter().zip(&two).enumerate() {
        for (a, b) in a.iter().zip(b) {
            let difference = (a - b).abs() / a.abs();
            ensure!(difference <= 1e-6, "step {step}: {b} instead of {a}");
            worst = worst.max(difference);
        }
    }
    Ok(format!("{} steps, largest difference {worst:.1e}", one.len() - 1))
}

/// Trains as one of the processes that mpirun has started.
///
/// # Errors
/// What the training gives.
pub fn train(folder: &Path) -> Result<()> {
    mir_models::set_threads(1);
    let communicator = Arc::new(Mpi::new()?);
    let work = || -> Result<()> {
        let mut trainer = trainer()?;
        trainer.join(Arc::clone(&communicator) as Arc<dyn Communicator>)?;
        let loader = BatchLoader::new(course::store()?, course::loader_config(1))?;
        let mut source = Shard::new(loader, Arc::clone(&communicator) as Arc<dyn Communicator>);
        let numbers = steps(&mut trainer, &mut source, 1)?;
        if communicator.is_root() {
            let json = serde_json::to_vec(&numbers)?;
            mir_core::publish::write(folder.join(RESULT), &json)?;
        }
        Ok(())
    };
    work().map_err(|error| {
        // The other rank waits for this one.
        eprintln!("error: {error:#}");
        communicator.abort(3)
    })
}

/// Losses and gradient norms of rank 0.
const RESULT: &str = "ranks.json";
/// Twenty updates, and the loss at the weights to which they lead.
const STEPS: u64 = 21;

fn trainer() -> Result<Trainer> {
    let architecture =
        OnsetsFramesConfig { conv_dropout: 0.0, fc_dropout: 0.0, ..course::architecture() };
    let config = TrainConfig { steps: STEPS, ..course::config() };
    Ok(Trainer::new(architecture, course::front_end(), config, Device::Cpu)?)
}

fn steps<S>(trainer: &mut Trainer, source: &mut S, batches: usize) -> Result<Vec<[f64; 2]>>
where
    S: BatchSource<Batch = TranscriptionBatch>,
{
    let mut numbers = Vec::new();
    for _ in 0..STEPS {
        let all = (0..batches).map(|_| source.next_batch()).collect::<Result<Vec<_>, _>>()?;
        let report = trainer.step_accumulated(&all, source.position())?;
        numbers.push([report.loss, report.gradient_norm]);
    }
    Ok(numbers)
}

fn alone() -> Result<Vec<[f64; 2]>> {
    let mut source = BatchLoader::new(course::store()?, course::loader_config(1))?;
    steps(&mut trainer()?, &mut source, 2)
}
