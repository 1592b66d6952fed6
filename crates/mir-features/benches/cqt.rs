//! Constant-Q and harmonic constant-Q transforms, one thread: the reports read samples per second.
//!
//! `planning` is the design of the wavelets; `transforms alone` the Fourier transforms that a frame of the
//! 360-bin transform needs, the floor of this method.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mir_features::{Complex, Cqt, CqtConfig, Hcqt, HcqtConfig, SampleRate};
use mir_fft::Planner32;
use ndarray::{Array2, Array3};

fn noise(samples: usize) -> Vec<f32> {
    mir_testkit::signal::noise(SampleRate::HZ_22050, 0.5, samples, 1).channel(0).to_vec()
}

fn cqt(c: &mut Criterion) {
    let mut group = c.benchmark_group("cqt");
    group.sample_size(10);
    for rate in [SampleRate::HZ_22050, SampleRate::HZ_44100] {
        let samples = noise(20 * rate.hz() as usize);
        group.throughput(Throughput::Elements(samples.len() as u64));
        for hop in [256, 441] {
            let config = CqtConfig { sample_rate: rate, hop, ..CqtConfig::deep_salience() };
            let cqt = Cqt::new(config.clone()).expect("an admissible configuration");
            let mut out = Array2::zeros((cqt.frames(samples.len()), cqt.bins()));
            let id = BenchmarkId::new("360 bins", format!("rate={},hop={hop}", rate.hz()));
            group
                .bench_function(id, |b| b.iter(|| cqt.process_into(black_box(&samples), &mut out)));

            let hcqt = Hcqt::new(HcqtConfig { cqt: config, ..HcqtConfig::default() })
                .expect("an admissible configuration");
            let mut out = Array3::zeros((6, hcqt.frames(samples.len()), hcqt.bins()));
            let id = BenchmarkId::new("6 x 360 bins", format!("rate={},hop={hop}", rate.hz()));
            group.bench_function(id, |b| {
                b.iter(|| hcqt.process_into(black_box(&samples), &mut out))
            });
        }
    }
    group.finish();
}

fn planning(c: &mut Criterion) {
    let mut group = c.benchmark_group("planning");
    group.sample_size(10);
    group
        .bench_function("360 bins", |b| b.iter(|| Cqt::new(black_box(CqtConfig::deep_salience()))));
    group
        .bench_function("6 x 360 bins", |b| b.iter(|| Hcqt::new(black_box(HcqtConfig::default()))));
    group.finish();
}

fn floor(c: &mut Criterion) {
    // Six octaves, one transform of 128 points each.
    let fft = Planner32::new().plan_fft_forward(128);
    let mut buffers = vec![Complex::new(0.1, 0.2); 6 * 128];
    let mut scratch = vec![Complex::default(); fft.get_inplace_scratch_len()];
    c.bench_function("transforms alone, a frame", |b| {
        b.iter(|| fft.process_with_scratch(black_box(&mut buffers), &mut scratch));
    });
}

criterion_group!(benches, cqt, planning, floor);
criterion_main!(benches);
