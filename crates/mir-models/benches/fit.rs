//! What the training loop costs beside the steps.
//!
//! `fit`: a network so small that a step is all but nothing, in the loop with its observer and without. The
//! difference of both, per step, is the price of the loop; one validation and one checkpoint at the end are in it.
//!
//! `checkpoint`: how long a training stands still for one, from the end of the step before it to the request for
//! the next batch, while the files are written in the background.
//!
//! `log`: numbers into the event file of TensorBoard, and into a run folder, which writes each to disk at once.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
    rc::Rc,
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};

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
    run::{EventWriter, Existing, RunFolder},
    train::{FitProgress, Observer, Trainer, TranscriptionBatch, fit},
};
use ndarray::Array4;

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

/// When a checkpoint was asked for, for who asks and who waits for it.
type Asked = Rc<Cell<Option<Instant>>>;

/// Validates nothing; asks for a checkpoint after every step where somebody times it.
struct Idle {
    folder: tempfile::TempDir,
    asked: Option<Asked>,
}

impl Idle {
    fn new(asked: Option<Asked>) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        std::fs::create_dir_all(folder.path().join("checkpoints")).expect("a folder can be made");
        Self { folder, asked }
    }

    fn checkpoints(&self) -> PathBuf {
        self.folder.path().join("checkpoints")
    }
}

impl Observer for Idle {
    fn on_step(&mut self, progress: &FitProgress<'_>) -> mir_models::Result<()> {
        if let Some(asked) = &self.asked {
            progress.requests.checkpoint();
            asked.set(Some(Instant::now()));
        }
        Ok(())
    }

    fn on_validation(&mut self, _: &mut TranscriptionModel, _: u64) -> mir_models::Result<f64> {
        Ok(f64::NAN)
    }

    fn on_best(&mut self, _: &TranscriptionModel, _: f64, _: u64) -> mir_models::Result<()> {
        Ok(())
    }

    fn folder(&self) -> Option<&Path> {
        Some(self.folder.path())
    }
}

fn batch() -> TranscriptionBatch {
    let mut targets = TranscriptionTargets::zeros(1, 1, KeyRange::PIANO.len(), false);
    targets.mask.fill(1.0);
    Batch { inputs: Array4::zeros((1, 1, 1, 4)), targets, windows: Vec::new() }
}

fn trainer(steps: u64) -> Trainer {
    trainer_of(1, steps)
}

/// Of a network with so many units between convolutions and keys, and next to nothing else.
fn trainer_of(fc_units: usize, steps: u64) -> Trainer {
    let architecture = OnsetsFramesConfig {
        bins: 4,
        conv_channels: 1,
        fc_units,
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
            || (trainer(STEPS), Idle::new(None), Same(batch(), BatchPosition::default())),
            |(mut trainer, mut observer, mut source)| {
                let checkpoints = observer.checkpoints();
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

/// Weights whose checkpoint, with two moments each, has about this many bytes.
const CHECKPOINT: u64 = 50_000_000;

/// The same batch for ever, each once the checkpoint of the step before is on disk: the next one never waits for it.
struct Patient {
    source: Same,
    checkpoints: PathBuf,
    asked: Asked,
    stalled: Duration,
}

impl BatchSource for Patient {
    type Batch = TranscriptionBatch;
    type Error = Never;

    fn next_batch(&mut self) -> Result<TranscriptionBatch, Never> {
        if let Some(asked) = self.asked.take() {
            self.stalled += asked.elapsed();
            let step = format!("step-{:09}", self.source.position().batch);
            while !self.checkpoints.join(&step).is_dir() {
                thread::sleep(Duration::from_millis(5));
            }
        }
        self.source.next_batch()
    }

    fn position(&self) -> BatchPosition {
        self.source.position()
    }

    fn seek(&mut self, position: BatchPosition) -> Result<(), Never> {
        self.source.seek(position)
    }

    fn batches_per_epoch(&self) -> u64 {
        self.source.batches_per_epoch()
    }
}

/// A network of as many weights.
fn large(steps: u64) -> Trainer {
    let per_unit = trainer_of(2, 1).parameters() - trainer_of(1, 1).parameters();
    trainer_of((CHECKPOINT / 12) as usize / per_unit, steps)
}

fn checkpoint(c: &mut Criterion) {
    let mut group = c.benchmark_group("checkpoint");
    let bytes = 12 * large(1).parameters() as u64;
    group.sample_size(10).throughput(Throughput::Bytes(bytes));
    group.bench_function("stall", |b| {
        b.iter_custom(|times| {
            let asked = Asked::default();
            let mut observer = Idle::new(Some(Rc::clone(&asked)));
            let checkpoints = observer.checkpoints();
            let mut source = Patient {
                source: Same(batch(), BatchPosition::default()),
                checkpoints: checkpoints.clone(),
                asked,
                stalled: Duration::ZERO,
            };
            let stop = AtomicBool::new(false);
            // After the last step there is no request for a batch.
            let mut trainer = large(times + 1);
            let data = Fingerprint::of_bytes(b"large");
            fit(&mut trainer, &mut source, &checkpoints, data, None, &mut observer, &stop)
                .expect("the batches fit");
            source.stalled
        });
    });
    group.finish();
}

fn log(c: &mut Criterion) {
    const SCALARS: u64 = 10_000;
    let mut group = c.benchmark_group("log");
    group.sample_size(20).throughput(Throughput::Elements(SCALARS));
    group.bench_function("TensorBoard", |b| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut events = EventWriter::create(folder.path(), None).expect("a file can be made");
        b.iter(|| {
            for step in 0..SCALARS {
                events.scalar("loss", step, 0.5).expect("there is room");
            }
            events.flush().expect("there is room");
        });
    });
    group.bench_function("run folder", |b| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut run =
            RunFolder::open(folder.path(), Existing::Refuse, None).expect("a folder can be made");
        b.iter(|| {
            for step in 0..SCALARS {
                run.scalar("loss", step, 0.5).expect("there is room");
            }
            run.flush().expect("there is room");
        });
    });
    group.finish();
}

criterion_group!(benches, harness, checkpoint, log);
criterion_main!(benches);
