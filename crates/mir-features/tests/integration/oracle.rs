//! The definitions as slow loops in `f64`.

use std::f64::consts::TAU;

use mir_core::{AudioBuffer, SampleRate};
use mir_features::{
    FilterNorm, FrameLayout, LogMel, LogMelConfig, LogScale, MelConfig, MelFilterbank, MelScale,
    Pad, SpectrumPower, Stft, StftConfig, Window,
};
use mir_testkit::{assert_close, signal};
use ndarray::Array2;
use proptest::prelude::*;

/// Reflected, or zero, samples beyond the ends, for recordings longer than half a frame.
fn sample(x: &[f32], at: i64, pad: Pad) -> f64 {
    let n = x.len() as i64;
    let at = match pad {
        Pad::Zero => at,
        Pad::Reflect if at < 0 => -at,
        Pad::Reflect if at >= n => 2 * (n - 1) - at,
        Pad::Reflect => at,
        other => panic!("no oracle for {other:?}"),
    };
    if (0..n).contains(&at) { f64::from(x[at as usize]) } else { 0.0 }
}

fn hann(n: usize, n_fft: usize) -> f64 {
    0.5 - 0.5 * (TAU * n as f64 / n_fft as f64).cos()
}

/// `|X[b]|²` of the Hann-windowed frame that starts at `start`.
fn power(x: &[f32], start: i64, n_fft: usize, bin: usize, pad: Pad) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for n in 0..n_fft {
        let value = hann(n, n_fft) * sample(x, start + n as i64, pad);
        let phase = TAU * ((bin * n) % n_fft) as f64 / n_fft as f64;
        re += value * phase.cos();
        im -= value * phase.sin();
    }
    re * re + im * im
}

fn log_mel(config: &LogMelConfig, x: &[f32], frame: usize) -> Vec<f64> {
    let x = if config.trim_last_sample { &x[..x.len() - 1] } else { x };
    let centre = (frame + usize::from(config.drop_first)) as i64 * i64::from(config.hop);
    let start = centre - config.n_fft as i64 / 2;
    let spectrum: Vec<f64> = (0..=config.n_fft / 2)
        .map(|bin| {
            let p = power(x, start, config.n_fft, bin, config.pad);
            if config.power == SpectrumPower::Power { p } else { p.sqrt() }
        })
        .collect();
    let (low, high) = (config.mel_scale.mel(config.f_min), config.mel_scale.mel(config.f_max));
    let edge =
        |i: usize| config.mel_scale.hz(low + (high - low) * i as f64 / (config.n_mels + 1) as f64);
    let band = |i: usize| {
        let (a, b, c) = (edge(i), edge(i + 1), edge(i + 2));
        let height = if config.filter_norm == FilterNorm::Slaney { 2.0 / (c - a) } else { 1.0 };
        let energy: f64 = (0..spectrum.len())
            .map(|bin| {
                let f = bin as f64 * f64::from(config.sample_rate.hz()) / config.n_fft as f64;
                let weight = ((f - a) / (b - a)).min((c - f) / (c - b)).max(0.0);
                weight * height * spectrum[bin]
            })
            .sum();
        let energy = energy.max(config.floor);
        if config.log == LogScale::Ln { energy.ln() } else { 10.0 * energy.log10() }
    };
    (0..config.n_mels).map(band).collect()
}

#[test]
fn log_mel_agrees_with_its_definition() {
    let small = LogMelConfig {
        n_fft: 256,
        hop: 100,
        n_mels: 30,
        f_min: 0.0,
        floor: 1e-12,
        ..LogMelConfig::jongwook()
    };
    let configs = [
        small.clone(),
        LogMelConfig { drop_first: true, ..small.clone() },
        LogMelConfig { pad: Pad::Zero, trim_last_sample: false, ..small.clone() },
        LogMelConfig { mel_scale: MelScale::Slaney, log: LogScale::Db, ..small.clone() },
        LogMelConfig { filter_norm: FilterNorm::None, power: SpectrumPower::Power, ..small },
    ];
    let audio = signal::noise(SampleRate::HZ_16000, 0.9, 1234, 5);
    for config in configs {
        let map = LogMel::new(config.clone()).unwrap().process(&audio).unwrap();
        for frame in 0..map.frames() {
            let expected = log_mel(&config, audio.channel(0), frame);
            for (bin, expected) in expected.into_iter().enumerate() {
                let actual = f64::from(map.data[(0, frame, bin)]);
                let place = format!("{config:?}: frame {frame}, bin {bin}");
                assert_close(actual, expected, 1e-4, &place);
            }
        }
    }
}

#[test]
fn stft_agrees_with_its_definition() {
    let audio = signal::noise(SampleRate::HZ_16000, 1.0, 700, 3);
    for (n_fft, pad, centred) in
        [(128, Pad::Reflect, true), (96, Pad::Zero, true), (210, Pad::Reflect, false)]
    {
        let layout = if centred { FrameLayout::Centred } else { FrameLayout::Inside };
        let config = StftConfig { n_fft, hop: 50, pad, layout, ..StftConfig::default() };
        let stft = Stft::new(config).unwrap();
        let map = stft.process(&audio, SpectrumPower::Power).unwrap();
        for frame in 0..map.frames() {
            let start = frame as i64 * 50 - if centred { n_fft as i64 / 2 } else { 0 };
            for bin in 0..map.bins() {
                let expected = power(audio.channel(0), start, n_fft, bin, pad);
                let actual = f64::from(map.data[(0, frame, bin)]);
                let place = format!("n_fft {n_fft}, frame {frame}, bin {bin}");
                assert_close(actual, expected, 1e-5 * (1.0 + expected), &place);
            }
        }
    }
}

#[test]
fn uncentred_frames_lie_inside_the_recording() {
    let layout = FrameLayout::Inside;
    let config = StftConfig { layout, n_fft: 100, hop: 30, ..StftConfig::default() };
    let stft = Stft::new(config).unwrap();
    for (samples, frames) in [(0, 0), (99, 0), (100, 1), (129, 1), (130, 2)] {
        assert_eq!(stft.frames(samples), frames, "{samples} samples");
    }
    assert_eq!(stft.grid().origin(), 50);
}

#[test]
fn power_is_the_squared_modulus_of_the_spectrum() {
    let audio = signal::noise(SampleRate::HZ_16000, 1.0, 3000, 8);
    let config = StftConfig { window: Window::Hamming, ..StftConfig::default() };
    let stft = Stft::new(config).unwrap();
    let complex = stft.spectrum(&audio).unwrap();
    let power = stft.process(&audio, SpectrumPower::Power).unwrap();
    let magnitude = stft.process(&audio, SpectrumPower::Magnitude).unwrap();
    for ((c, &p), &m) in complex.data.iter().zip(&power.data).zip(&magnitude.data) {
        assert_close(f64::from(c.norm_sqr()), f64::from(p), 1e-3, "power");
        assert_close(f64::from(c.norm()), f64::from(m), 1e-4, "magnitude");
    }
}

#[test]
fn bands_are_products_with_the_matrix() {
    let bank = MelFilterbank::new(MelConfig::default()).unwrap();
    let spectrum: Vec<f32> = signal::noise(SampleRate::HZ_16000, 1.0, 1025, 1)
        .channel(0)
        .iter()
        .map(|x| x.abs())
        .collect();
    let mut bands = vec![f32::NAN; 229];
    bank.process_into(&spectrum, &mut bands);
    for (band, weights) in bank.to_matrix().rows().into_iter().enumerate() {
        let pairs = weights.iter().zip(&spectrum);
        let expected: f64 = pairs.map(|(&w, &x)| f64::from(w) * f64::from(x)).sum();
        assert_close(f64::from(bands[band]), expected, 1e-6, &format!("band {band}"));
    }
}

proptest! {
    #[test]
    fn every_filterbank_is_the_min_of_two_lines(
        rate in prop::sample::select(vec![8000u32, 16_000, 22_050, 44_100, 48_000]),
        n_fft in prop::sample::select(vec![64usize, 256, 400, 1024, 2048]),
        n_mels in 1usize..150, low in 0.0f64..0.4, high in 0.5f64..=1.0,
        slaney in any::<bool>(), area in any::<bool>(),
    ) {
        let nyquist = f64::from(rate) / 2.0;
        let config = MelConfig {
            sample_rate: SampleRate::new(rate).unwrap(),
            n_fft, n_mels,
            f_min: low * nyquist, f_max: high * nyquist,
            mel_scale: if slaney { MelScale::Slaney } else { MelScale::Htk },
            filter_norm: if area { FilterNorm::Slaney } else { FilterNorm::None },
        };
        let bank = MelFilterbank::new(config).unwrap();
        let p = bank.edges();
        prop_assert!(p.windows(2).all(|w| w[0] < w[1]));
        let matrix: Array2<f32> = bank.to_matrix();
        for band in 0..n_mels {
            let height = if area { 2.0 / (p[band + 2] - p[band]) } else { 1.0 };
            for bin in 0..=n_fft / 2 {
                let f = bin as f64 * f64::from(rate) / n_fft as f64;
                let up = (f - p[band]) / (p[band + 1] - p[band]);
                let down = (p[band + 2] - f) / (p[band + 2] - p[band + 1]);
                let expected = height * up.min(down).max(0.0);
                let actual = f64::from(matrix[(band, bin)]);
                prop_assert!((actual - expected).abs() <= 1e-6 * height, "band {} bin {}", band, bin);
            }
        }
    }

    #[test]
    fn mel_and_hertz_are_inverse(hz in 0.0f64..24_000.0, slaney in any::<bool>()) {
        let scale = if slaney { MelScale::Slaney } else { MelScale::Htk };
        prop_assert!((scale.hz(scale.mel(hz)) - hz).abs() <= 1e-9 * (1.0 + hz));
    }

    #[test]
    fn gain_shifts_the_log_spectrum(gain in 0.05f32..0.9, seed in 0u64..50) {
        let log_mel = LogMel::new(LogMelConfig { floor: 1e-30, ..LogMelConfig::hw3() }).unwrap();
        let audio = signal::noise(SampleRate::HZ_16000, 1.0, 3000, seed);
        let quiet = audio.samples().mapv(|x| x * gain);
        let quiet = AudioBuffer::new(audio.sample_rate(), quiet).unwrap();
        let (a, b) = (log_mel.process(&audio).unwrap(), log_mel.process(&quiet).unwrap());
        for (&a, &b) in a.data.iter().zip(&b.data) {
            prop_assert!((b - a - 2.0 * gain.ln()).abs() < 1e-3);
        }
    }
}
