//! What the training loop costs beside the steps: a network so small that a step is all but nothing, in the
//! loop with its observer and without. The difference of both, per step, is the price of the loop; one
//! validation and one checkpoint at the end are in it.

use std::{path::Path, sync::atomic::AtomicBool};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mir_core::{
    Fingerprint, KeyRange,
    batch::{Batch, BatchPosition, BatchSource, TranscriptionTargets},
};
use mir_features::FrontEndConfig;
use mir_models::{
    Device,
    config::{HeadKind, OnsetsFramesConfig, TrainConfig},
    infer::TranscriptionModel,
    train::{FitProgress, Observer, Trainer, TranscriptionBatch, fit},
};
use ndarray::{Array2, Array3, Array4};

const STEPS: u64 = 200;

/// The same batch for ever.
struct Same(TranscriptionBatch, BatchPosition);

#[derive(Debug, thiserror::Error)]
#[error("it does not fail")]
struct Never;

impl BatchSource for Same {
    type Batch = TranscriptionBatch;
    type Error = Never;

    fn next_batch(&mut self) -> Result<TranscriptionBatch, Never> {
        self.1.batch += 1;
        Ok(self.0.clone())
    }

    fn position(&self) -> BatchPosition {
        self.1
    }

    fn seek(&mut self, position: BatchPosition) -> Result<(), Never> {
        self.1 = position;
        Ok(())
    }

    fn batches_per_epoch(&self) -> u64 {
        u64::MAX
    }
}

struct Idle(tempfile::TempDir);

impl Observer for Idle {
    fn on_step(&mut self, _: &FitProgress<'_>) -> mir_models::Result<()> {
        Ok(())
    }

    fn on_validation(&mut self, _: &mut TranscriptionModel, _: u64) -> mir_models::Result<f64> {
        Ok(f64::NAN)
    }

    fn on_best(&mut self, _: &TranscriptionModel, _: f64, _: u64) -> mir_models::Result<()> {
        Ok(())
    }

    fn folder(&self) -> Option<&Path> {
        Some(self.0.path())
    }
}

fn batch() -> TranscriptionBatch {
    let cells = || Array3::zeros((1, 1, KeyRange::PIANO.len()));
    Batch {
        inputs: Array4::zeros((1, 1, 1, 4)),
        targets: TranscriptionTargets {
            onset: cells(),
            offset: cells(),
            frame: cells(),
            velocity: cells(),
            mask: Array2::ones((1, 1)),
        },
        windows: Vec::new(),
    }
}

fn trainer(steps: u64) -> Trainer {
    let architecture = OnsetsFramesConfig {
        bins: 4,
        conv_channels: 1,
        fc_units: 1,
        lstm_units: 0,
        conv_skip: false,
        input_norm: false,
        velocity_head: HeadKind::None,
        ..OnsetsFramesConfig::small()
    };
    let never = u64::MAX;
    let config = TrainConfig {
        steps,
        validate_every: never,
        checkpoint_every: never,
        ..TrainConfig::default()
    };
    Trainer::new(architecture, FrontEndConfig::default(), config, Device::Cpu)
        .expect("the configuration is valid")
}

fn harness(c: &mut Criterion) {
    let mut group = c.benchmark_group("fit");
    group.sample_size(20).throughput(Throughput::Elements(STEPS));
    group.bench_function("steps alone", |b| {
        b.iter_batched(
            || (trainer(STEPS + 1), batch()),
            |(mut trainer, batch)| {
                for _ in 0..STEPS {
                    let next = trainer.position();
                    trainer.step(&batch, next).expect("the batch fits");
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("steps in the loop", |b| {
        b.iter_batched(
            || {
                let folder = tempfile::tempdir().expect("a folder can be made");
                (trainer(STEPS), Idle(folder), Same(batch(), BatchPosition::default()))
            },
            |(mut trainer, mut observer, mut source)| {
                let checkpoints = observer.0.path().join("checkpoints");
                std::fs::create_dir_all(&checkpoints).expect("a folder can be made");
                let stop = AtomicBool::new(false);
                let data = Fingerprint::of_bytes(b"idle");
                fit(&mut trainer, &mut source, &checkpoints, data, None, &mut observer, &stop)
                    .expect("the batches fit");
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, harness);
criterion_main!(benches);
