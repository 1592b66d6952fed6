//! Training steps and forward passes of Onsets and Frames on the CPU.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mir_core::{
    FrameGrid, SampleRate,
    batch::{Batch, BatchPosition, TranscriptionTargets},
};
use mir_features::FrontEndConfig;
use mir_models::{
    Device,
    config::{OnsetsFramesConfig, Precision, TrainConfig},
    train::Trainer,
};
use mir_testkit::signal::Random;
use ndarray::{Array2, Array3, Array4};

const BATCH: usize = 8;
const FRAMES: usize = 200;

fn configurations() -> [(&'static str, OnsetsFramesConfig); 3] {
    [
        ("small", OnsetsFramesConfig::small()),
        ("small-32", OnsetsFramesConfig { conv_channels: 32, ..OnsetsFramesConfig::small() }),
        ("jongwook-16", OnsetsFramesConfig::jongwook(16)),
    ]
}

fn train_step(c: &mut Criterion) {
    let mut random = Random::new(1);
    let mut cells = |share: f64| {
        Array3::from_shape_simple_fn((BATCH, FRAMES, 88), || f32::from(random.uniform() < share))
    };
    let (onset, frame) = (cells(0.01), cells(0.05));
    let targets = TranscriptionTargets {
        offset: onset.clone(),
        velocity: frame.mapv(|x| 0.5 * x),
        onset,
        frame,
        mask: Array2::ones((BATCH, FRAMES)),
        near: None,
    };
    let inputs = Array4::from_shape_simple_fn((BATCH, 1, FRAMES, 229), || {
        10.0 * random.uniform() as f32 - 10.0
    });
    let batch = Batch { inputs, targets, windows: Vec::new() };
    let mut group = c.benchmark_group("train_step");
    group.sample_size(10).throughput(Throughput::Elements((BATCH * FRAMES) as u64));
    for (name, model) in configurations() {
        for precision in [Precision::F32, Precision::Bf16] {
            let config = TrainConfig { steps: u64::MAX, precision, ..TrainConfig::default() };
            let front_end = FrontEndConfig::default();
            let mut trainer = Trainer::new(model.clone(), front_end, config, Device::Cpu)
                .expect("the configuration is valid");
            let id = BenchmarkId::new(name, format!("{precision:?}"));
            group.bench_function(id, |b| {
                b.iter(|| trainer.step(&batch, BatchPosition::default()).expect("the batch fits"));
            });
        }
    }
    group.finish();
}

fn forward(c: &mut Criterion) {
    let grid = FrameGrid::new(SampleRate::HZ_16000, 512, 0).expect("a hop above 0");
    // One minute of log-mel at 31.25 frames/s.
    let frames = 1875;
    let mut random = Random::new(2);
    let features =
        Array2::from_shape_simple_fn((frames, 229), || 10.0 * random.uniform() as f32 - 10.0);
    let mut group = c.benchmark_group("forward");
    group.sample_size(10).throughput(Throughput::Elements(frames as u64));
    for (name, model) in configurations() {
        let config = TrainConfig::default();
        let trainer = Trainer::new(model, FrontEndConfig::default(), config, Device::Cpu)
            .expect("the configuration is valid");
        let model = trainer.snapshot().expect("weights can be copied");
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| model.activations(features.view(), grid).expect("the features fit"));
        });
    }
    group.finish();
}

criterion_group!(benches, train_step, forward);
criterion_main!(benches);
