//! Note and multi-pitch metrics at several sizes.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mir_eval::{
    multipitch::{self, MultipitchConfig},
    transcription::{self, TranscriptionConfig},
};

mod data;

fn metrics(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("transcription");
    for notes in [1_000, 10_000, 20_000] {
        let (reference, estimate) = data::piece(notes);
        let config = TranscriptionConfig::default();
        group.throughput(Throughput::Elements(notes as u64));
        let id = BenchmarkId::from_parameter(format!("notes={notes}"));
        group.bench_function(id, |bencher| {
            bencher.iter(|| {
                transcription::evaluate(black_box(&reference), black_box(&estimate), &config)
            });
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("multipitch");
    for count in [3_000, 60_000] {
        let (times, reference, estimate) = data::frames(count);
        let config = MultipitchConfig::default();
        group.throughput(Throughput::Elements(count as u64));
        let id = BenchmarkId::from_parameter(format!("frames={count}"));
        group.bench_function(id, |bencher| {
            bencher.iter(|| {
                let (times, reference) = (black_box(&times), black_box(&reference));
                multipitch::evaluate_hz(times, reference, times, black_box(&estimate), &config)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, metrics);
criterion_main!(benches);
