//! How many samples per second do the transforms of one minute of audio take, on one thread, and how far
//! are they from the Fourier transforms alone?
//!
//! `cargo bench -p mir-features --bench transform`; divide the samples per second by 16 000 to get multiples
//! of real time. `floor` is rustfft on as many buffers of half the length, with nothing around it.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mir_features::{Complex, Istft, IstftConfig, SampleRate, SpectrumPower, Stft, StftConfig};
use mir_fft::Planner32;
use mir_testkit::signal;
use ndarray::Array2;

const SECONDS: usize = 60;
const SIZES: [(usize, u32); 3] = [(1024, 256), (2048, 512), (4096, 512)];

fn transforms(criterion: &mut Criterion) {
    let audio = signal::noise(SampleRate::HZ_16000, 0.5, SECONDS * 16_000, 7);
    let samples = audio.channel(0);
    for (n_fft, hop) in SIZES {
        let mut group = criterion.benchmark_group(format!("n_fft={n_fft},hop={hop}"));
        group.throughput(Throughput::Elements(samples.len() as u64));
        let config = StftConfig { n_fft, hop, ..StftConfig::default() };
        let stft = Stft::new(config.clone()).expect("the configuration is valid");
        let shape = (stft.frames(samples.len()), stft.bins());

        let mut power = Array2::zeros(shape);
        group.bench_function(BenchmarkId::from_parameter("power"), |b| {
            b.iter(|| stft.process_into(black_box(samples), SpectrumPower::Power, &mut power));
        });
        let mut spectrum = Array2::zeros(shape);
        group.bench_function(BenchmarkId::from_parameter("complex"), |b| {
            b.iter(|| stft.spectrum_into(black_box(samples), &mut spectrum));
        });
        let istft = Istft::new(IstftConfig { stft: config, ..IstftConfig::default() })
            .expect("the configuration is valid");
        let mut back = vec![0.0; samples.len()];
        group.bench_function(BenchmarkId::from_parameter("inverse"), |b| {
            b.iter(|| istft.process_into(black_box(&spectrum), &mut back));
        });

        let fft = Planner32::new().plan_fft_forward(n_fft / 2);
        let mut frame: Vec<Complex<f32>> =
            samples[..n_fft].chunks_exact(2).map(|x| Complex::new(x[0], x[1])).collect();
        let mut result = frame.clone();
        let mut scratch = vec![Complex::default(); fft.get_outofplace_scratch_len()];
        group.bench_function(BenchmarkId::from_parameter("floor"), |b| {
            b.iter(|| {
                for _ in 0..shape.0 {
                    let frame = black_box(&mut frame);
                    fft.process_outofplace_with_scratch(frame, &mut result, &mut scratch);
                    black_box(&mut result);
                }
            });
        });
        group.finish();
    }
}

criterion_group!(benches, transforms);
criterion_main!(benches);
