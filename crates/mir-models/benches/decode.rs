//! Decoding activations to notes.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mir_core::{FrameGrid, KeyRange, SampleRate};
use mir_models::{
    activations::TranscriptionActivations,
    decode::{NoteDecoderConfig, decode},
};
use mir_testkit::signal::Random;
use ndarray::Array2;

/// One hour at 31.25 frames/s.
const FRAMES: usize = 112_500;

fn one_hour(c: &mut Criterion) {
    let mut random = Random::new(1);
    // Mostly silence, as in music: about one cell in a hundred is active.
    let mut cells =
        || Array2::from_shape_simple_fn((FRAMES, 88), || (random.uniform().powi(40)) as f32);
    let activations = TranscriptionActivations {
        grid: FrameGrid::new(SampleRate::HZ_16000, 512, 0).expect("a hop above 0"),
        keys: KeyRange::PIANO,
        onset: cells(),
        frame: cells(),
        offset: None,
        velocity: Some(cells()),
    };
    let config = NoteDecoderConfig::default();
    let mut group = c.benchmark_group("decode");
    group.sample_size(10).throughput(Throughput::Elements(FRAMES as u64));
    group.bench_function("one hour", |b| b.iter(|| decode(&activations, &config)));
    group.finish();
}

criterion_group!(benches, one_hour);
criterion_main!(benches);
