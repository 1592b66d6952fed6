//! Times BSS Eval. `scripts/compare/eval_separation.py` has the Python packages beside it.
#![expect(clippy::unwrap_used, reason = "what a bench sets up has to work")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mir_eval::separation::{
    bss_eval_images_framewise, bss_eval_sources,
    museval::{MusevalConfig, evaluate},
};
use mir_testkit::signal::Random;
use ndarray::Array3;

/// Coloured noise and estimates of it with noise and leakage.
fn sources(sources: usize, samples: usize, channels: usize) -> (Array3<f32>, Array3<f32>) {
    let mut random = Random::new(1);
    let mut draw = || 2.0 * random.uniform() as f32 - 1.0;
    let mut reference = Array3::<f32>::zeros((sources, samples, channels));
    for mut source in reference.outer_iter_mut() {
        for n in 1..samples {
            for channel in 0..channels {
                source[[n, channel]] = 0.8 * source[[n - 1, channel]] + 0.1 * draw();
            }
        }
    }
    let mut estimate = reference.mapv(|x| 0.9 * x + 0.02 * draw());
    for j in 0..sources {
        let other = reference.index_axis(ndarray::Axis(0), (j + 1) % sources).mapv(|x| 0.1 * x);
        let mut own = estimate.index_axis_mut(ndarray::Axis(0), j);
        own += &other;
    }
    (reference, estimate)
}

fn separation(c: &mut Criterion) {
    const RATE: usize = 44_100;
    let mut group = c.benchmark_group("separation");
    group.sample_size(10);
    for seconds in [10, 30] {
        let (reference, estimate) = sources(4, seconds * RATE, 2);
        group.throughput(Throughput::Elements((seconds * RATE) as u64));
        let id = |name| BenchmarkId::new(name, format!("4 stereo stems, {seconds} s"));
        let config = MusevalConfig::default();
        group.bench_function(id("version 4"), |b| {
            b.iter(|| evaluate(black_box(&reference), &estimate, &config).unwrap());
        });
        group.bench_function(id("version 3 images, 10 s / 5 s"), |b| {
            let run = || {
                bss_eval_images_framewise(
                    black_box(&reference),
                    &estimate,
                    10 * RATE,
                    5 * RATE,
                    false,
                )
            };
            b.iter(|| run().unwrap());
        });
    }
    let (reference, estimate) = sources(4, 10 * RATE, 1);
    group.throughput(Throughput::Elements((10 * RATE) as u64));
    group.bench_function("bss_eval_sources/4 mono, 10 s, all orders", |b| {
        b.iter(|| bss_eval_sources(black_box(&reference), &estimate, true).unwrap());
    });
    group.finish();
}

criterion_group!(benches, separation);
criterion_main!(benches);
