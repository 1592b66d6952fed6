//! How fast is one minute of mono audio brought to another rate, on one thread?
//!
//! `cargo bench -p mir-audio --bench resample`; divide the samples per second by the input rate to get
//! multiples of real time.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mir_audio::{LoadOptions, ResampleConfig, Resampler, SampleRate, WavFormat, load, write_wav};
use mir_testkit::signal;

fn resample(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("resample");
    for (from, to) in [(44_100, 16_000), (48_000, 16_000), (22_050, 44_100)] {
        let rate = |hz| SampleRate::new(hz).expect("rates are not zero");
        let audio = signal::noise(rate(from), 0.5, 60 * from as usize, 3);
        let config = ResampleConfig::new(rate(from), rate(to));
        let resampler = Resampler::new(config).expect("rates are admissible");
        group.throughput(Throughput::Elements(audio.len() as u64));
        let id = BenchmarkId::from_parameter(format!("from={from},to={to}"));
        group.bench_function(id, |b| b.iter(|| resampler.process(black_box(&audio))));
    }
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("noise.wav");
    let audio = signal::noise(SampleRate::HZ_44100, 0.5, 60 * 44_100, 3);
    write_wav(&path, &audio, WavFormat::Int16).expect("a WAV file");
    let mut group = criterion.benchmark_group("load");
    group.throughput(Throughput::Elements(audio.len() as u64));
    let id = BenchmarkId::from_parameter("codec=pcm_s16le,channels=1");
    group.bench_function(id, |b| b.iter(|| load(&path, &LoadOptions::default())));
    group.finish();
}

criterion_group!(benches, resample, decode);
criterion_main!(benches);
