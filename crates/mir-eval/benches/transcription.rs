//! Note and multi-pitch metrics at several sizes. `compare_mir_eval.py` beside this file times
//! `mir_eval` on the same data.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mir_eval::{
    Key, Note, Velocity,
    multipitch::{self, MultipitchConfig},
    transcription::{self, TranscriptionConfig},
};
use mir_testkit::signal::Random;

/// A piece with 15 notes a second on 88 keys, and an estimate of it that is late or early by up to
/// 60 ms and has one wrong key in ten.
fn piece(notes: usize) -> (Vec<Note>, Vec<Note>) {
    let mut random = Random::new(1);
    let mut draw = || {
        let onset = random.uniform() * notes as f64 / 15.0 + 1.0;
        let length = 0.1 + random.uniform();
        let key = 21 + random.below(88) as u8;
        let late = 0.12 * random.uniform() - 0.06;
        let wrong = random.below(10) == 0;
        (onset, length, key, late, wrong)
    };
    let note = |onset: f64, length: f64, key: u8| {
        let pitch = Key::new(key).expect("a key of the piano").pitch();
        Note::new(onset, onset + length, pitch, Velocity::MEDIUM).expect("a note that lasts")
    };
    (0..notes)
        .map(|_| {
            let (onset, length, key, late, wrong) = draw();
            let heard = if wrong { 21 + (key - 20) % 88 } else { key };
            (note(onset, length, key), note(onset + late, length, heard))
        })
        .unzip()
}

/// Frames of 10 ms with five pitches each, one in five of them an octave too high in the estimate.
fn frames(count: usize) -> (Vec<f64>, Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let mut random = Random::new(2);
    let hz = |key: usize| 440.0 * ((key as f64 - 69.0) / 12.0).exp2();
    let times = (0..count).map(|i| i as f64 * 0.01).collect();
    let (mut reference, mut estimate) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let keys: Vec<usize> = (0..5).map(|_| 36 + random.below(48)).collect();
        reference.push(keys.iter().map(|&k| hz(k)).collect());
        let mut heard = |&k: &usize| hz(if random.below(5) == 0 { k + 12 } else { k });
        estimate.push(keys.iter().map(&mut heard).collect());
    }
    (times, reference, estimate)
}

fn metrics(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("transcription");
    for notes in [1_000, 10_000, 20_000] {
        let (reference, estimate) = piece(notes);
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
        let (times, reference, estimate) = frames(count);
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
