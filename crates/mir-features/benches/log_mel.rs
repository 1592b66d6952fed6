//! How many samples per second do the features of one minute of audio take, on one thread?
//!
//! `cargo bench -p mir-features --bench log_mel`; divide the samples per second by 16 000 to get
//! multiples of real time.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mir_features::{LogMel, LogMelConfig, SampleRate};
use mir_testkit::signal;
use ndarray::Array2;

const SECONDS: usize = 60;

fn log_mel(criterion: &mut Criterion) {
    let audio = signal::noise(SampleRate::HZ_16000, 0.5, SECONDS * 16_000, 7);
    let samples = audio.channel(0);
    let mut group = criterion.benchmark_group("log_mel");
    group.throughput(Throughput::Elements(samples.len() as u64));
    for (preset, config) in [
        ("jongwook", LogMelConfig::jongwook()),
        ("hw3", LogMelConfig::hw3()),
        ("hpt", LogMelConfig::hpt()),
    ] {
        let id = BenchmarkId::from_parameter(format!(
            "preset={preset},n_fft={},hop={},n_mels={}",
            config.n_fft, config.hop, config.n_mels
        ));
        let log_mel = LogMel::new(config).expect("presets are valid");
        let mut out = Array2::zeros((log_mel.frames(samples.len()), log_mel.bins()));
        group.bench_function(id, |b| {
            b.iter(|| log_mel.process_into(black_box(samples), &mut out));
        });
    }
    group.finish();
}

criterion_group!(benches, log_mel);
criterion_main!(benches);
