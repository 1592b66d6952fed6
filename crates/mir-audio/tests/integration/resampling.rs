//! Resampled audio keeps its time, its length and its content.

use std::f64::consts::{PI, TAU};

use mir_audio::{
    AudioBuffer, Error, ResampleConfig, ResampleMethod, Resampler, SampleRate, SincWindow,
};
use mir_testkit::{assert_close, fixtures, signal};
use proptest::prelude::*;
use serde::Deserialize;

const RATES: [u32; 10] =
    [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000];

fn resampler(from: u32, to: u32) -> Resampler {
    by_method(from, to, ResampleMethod::Spectral)
}

fn by_method(from: u32, to: u32, method: ResampleMethod) -> Resampler {
    let (from, to) = (SampleRate::new(from).unwrap(), SampleRate::new(to).unwrap());
    Resampler::new(ResampleConfig { method, ..ResampleConfig::new(from, to) }).unwrap()
}

/// Where the impulse response lies, in samples: from the phase of its spectrum at two frequencies,
/// which a shift of `d` samples turns by `−2π·f·d`.
fn centre(x: &[f32], near: f64, frequency: f64) -> f64 {
    let phase = |f: f64| {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, &x) in x.iter().enumerate() {
            let angle = TAU * f * (n as f64 - near);
            re += f64::from(x) * angle.cos();
            im -= f64::from(x) * angle.sin();
        }
        im.atan2(re)
    };
    near - phase(frequency) / (TAU * frequency)
}

#[test]
fn an_impulse_keeps_its_time_between_all_pairs_of_rates() {
    for from in RATES {
        for to in RATES {
            let position = 9_001;
            let rate = SampleRate::new(from).unwrap();
            let audio = signal::impulse(rate, position, 20_000);
            let out = resampler(from, to).process(&audio).unwrap();
            let expected = position as f64 * f64::from(to) / f64::from(from);
            // A frequency well inside the pass band of both rates.
            let frequency = 0.1 * f64::from(from.min(to)) / f64::from(to);
            let actual = centre(out.channel(0), expected, frequency);
            assert_close(actual, expected, 1e-3, &format!("{from} to {to}: position"));
        }
    }
}

#[test]
fn lengths_are_rounded_up() {
    for (from, to, samples, expected) in [
        (44_100, 16_000, 44_100, 16_000),
        (44_100, 16_000, 44_101, 16_001),
        (44_100, 16_000, 1, 1),
        (44_100, 16_000, 0, 0),
        (8_000, 192_000, 3, 72),
        (16_000, 16_000, 5, 5),
    ] {
        let rate = SampleRate::new(from).unwrap();
        let audio = AudioBuffer::silence(rate, 2, samples).unwrap();
        let out = resampler(from, to).process(&audio).unwrap();
        assert_eq!((out.channels(), out.len()), (2, expected), "{samples}: {from} to {to}");
    }
}

#[test]
fn a_tone_inside_the_band_is_the_same_tone() {
    for (from, to) in [(44_100, 16_000), (16_000, 44_100), (48_000, 44_100), (22_050, 16_000)] {
        let (source, target) = (SampleRate::new(from).unwrap(), SampleRate::new(to).unwrap());
        let hz = 0.35 * f64::from(from.min(to));
        let audio = signal::sine(source, hz, 0.5, from as usize);
        let out = resampler(from, to).process(&audio).unwrap();
        let expected = signal::sine(target, hz, 0.5, to as usize);
        // The ends see the silence around the recording.
        for n in 4000..to as usize - 4000 {
            let (a, b) = (out.channel(0)[n], expected.channel(0)[n]);
            assert_close(f64::from(a), f64::from(b), 2e-5, &format!("{from} to {to}, sample {n}"));
        }
    }
}

#[test]
fn tones_above_the_band_are_silenced() {
    // Everything that comes out is alias; from 2.5 % above the edge on it lies below −120 dB.
    for (from, to) in [(44_100, 16_000), (48_000, 16_000), (44_100, 22_050), (96_000, 44_100)] {
        let source = SampleRate::new(from).unwrap();
        let (edge, end) = (f64::from(to) / 2.0, f64::from(from) / 2.0);
        for step in 0..25 {
            let hz = edge * 1.025 + (end - edge * 1.025) * f64::from(step) / 25.0;
            let audio = signal::sine(source, hz, 1.0, from as usize);
            let out = resampler(from, to).process(&audio).unwrap();
            let middle = &out.channel(0)[to as usize / 4..to as usize * 3 / 4];
            let peak = middle.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
            assert!(peak < 1e-6, "{from} to {to}: alias of {peak} at {hz:.0} Hz");
        }
    }
}

#[test]
fn rising_rates_add_no_images() {
    // A tone at f is repeated at from − f, above the old half rate; the filter takes it away.
    for (from, to) in [(16_000, 44_100), (22_050, 44_100), (16_000, 48_000)] {
        let (hz, image) = (0.4 * f64::from(from), 0.6 * f64::from(from));
        let audio = signal::sine(SampleRate::new(from).unwrap(), hz, 1.0, from as usize);
        let out = resampler(from, to).process(&audio).unwrap();
        // Half a second holds whole periods of both, which are orthogonal there.
        let middle = &out.channel(0)[to as usize / 4..to as usize * 3 / 4];
        let amplitude = |hz: f64| {
            let (mut re, mut im) = (0.0, 0.0);
            for (n, &x) in middle.iter().enumerate() {
                let angle = TAU * hz * n as f64 / f64::from(to);
                re += f64::from(x) * angle.cos();
                im += f64::from(x) * angle.sin();
            }
            2.0 * f64::hypot(re, im) / middle.len() as f64
        };
        assert_close(amplitude(hz), 1.0, 1e-5, "the tone");
        assert!(amplitude(image) < 1e-6, "{from} to {to}: image of {:e}", amplitude(image));
    }
}

#[test]
fn the_band_is_flat_below_its_edge() {
    // A 7 kHz tone through 44.1 to 16 kHz loses less than 0.01 dB.
    let audio = signal::sine(SampleRate::HZ_44100, 7_000.0, 1.0, 44_100);
    let out = resampler(44_100, 16_000).process(&audio).unwrap();
    let middle = &out.channel(0)[4000..12_000];
    let power: f64 = middle.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / 8000.0;
    assert_close(10.0 * (2.0 * power).log10(), 0.0, 0.01, "gain in dB");
}

#[test]
fn audio_of_another_rate_and_absurd_rates_are_refused() {
    let audio = AudioBuffer::silence(SampleRate::HZ_48000, 1, 10).unwrap();
    let error = resampler(44_100, 16_000).process(&audio).unwrap_err();
    assert!(matches!(error, Error::Mismatch { expected: 44_100, actual: 48_000, .. }));
    let config = ResampleConfig::new(SampleRate::new(u32::MAX).unwrap(), SampleRate::HZ_16000);
    let error = Resampler::new(config).unwrap_err();
    assert!(matches!(error, Error::OutOfRange { field: "from", .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_stream_equals_the_whole(
        from in prop::sample::select(RATES.to_vec()), to in prop::sample::select(RATES.to_vec()),
        samples in 0usize..12_000, cuts in prop::collection::vec(0usize..6_000, 0..12),
        method in prop::sample::select(vec![
            ResampleMethod::Spectral, ResampleMethod::torchaudio(), ResampleMethod::kaiser_fast(),
        ]),
    ) {
        let rate = SampleRate::new(from).unwrap();
        let left = signal::noise(rate, 0.5, samples, 4);
        let right = signal::noise(rate, 0.5, samples, 5);
        let channels = [left.channel(0), right.channel(0)];
        let audio = AudioBuffer::from_channels(rate, &channels).unwrap();
        let resampler = by_method(from, to, method);
        let whole = resampler.process(&audio).unwrap();
        prop_assert_eq!(whole.len() as u64, resampler.output_len(samples as u64));

        let mut stream = resampler.streaming(2);
        // A stream can be used again after its end: the second round gives the same.
        for _ in 0..2 {
            let mut out = vec![vec![], vec![]];
            let mut at = 0;
            for cut in &cuts {
                let end = (at + cut).min(samples);
                stream.push(&[&channels[0][at..end], &channels[1][at..end]], &mut out);
                at = end;
            }
            stream.push(&[&channels[0][at..], &channels[1][at..]], &mut out);
            stream.finish(&mut out);
            prop_assert!(out[0] == whole.channel(0) && out[1] == whole.channel(1));
        }
    }

    #[test]
    fn resampling_is_linear(gain in 0.1f32..2.0) {
        let audio = signal::noise(SampleRate::HZ_44100, 0.4, 5000, 6);
        let scaled = AudioBuffer::new(audio.sample_rate(), audio.samples().mapv(|x| x * gain)).unwrap();
        let resampler = resampler(44_100, 16_000);
        let (a, b) = (resampler.process(&audio).unwrap(), resampler.process(&scaled).unwrap());
        for (&a, &b) in a.channel(0).iter().zip(b.channel(0)) {
            prop_assert!((a * gain - b).abs() < 1e-6);
        }
    }
}

#[test]
fn a_windowed_sinc_agrees() {
    // Band-limited interpolation as a slow sum in f64: noise without its highest octave.
    let (from, to) = (32_000_u32, 22_050_u32);
    let tones: Vec<(f64, f64)> =
        (1..12).map(|k| (f64::from(k) * 571.3, 0.3 * f64::from(k))).collect();
    let at = |seconds: f64| -> f64 {
        tones.iter().map(|&(hz, phase)| 0.05 * (TAU * hz * seconds + phase).sin()).sum()
    };
    let samples: Vec<f32> = (0..from).map(|n| at(f64::from(n) / f64::from(from)) as f32).collect();
    let audio = AudioBuffer::mono(SampleRate::new(from).unwrap(), samples.clone());
    let out = resampler(from, to).process(&audio).unwrap();
    let half_width = 400_i64;
    for n in (6000..16_000).step_by(997) {
        let position = n as f64 * f64::from(from) / f64::from(to);
        let nearest = position.round() as i64;
        let interpolated: f64 = (nearest - half_width..=nearest + half_width)
            .map(|k| {
                let distance = position - k as f64;
                let sinc = if distance.abs() < 1e-12 {
                    1.0
                } else {
                    (PI * distance).sin() / (PI * distance)
                };
                let window = 0.5 + 0.5 * (PI * distance / (half_width as f64 + 1.0)).cos();
                f64::from(samples[k as usize]) * sinc * window
            })
            .sum();
        assert_close(f64::from(out.channel(0)[n]), interpolated, 1e-5, &format!("sample {n}"));
    }
}

/// One output of torchaudio's resampler.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sinc {
    name: String,
    tool: String,
    from: u32,
    to: u32,
    samples: u64,
    width: u32,
    rolloff: f64,
    /// Of the Kaiser window; without it the window is Hann's.
    beta: Option<f64>,
    expected: Vec<f32>,
}

#[test]
fn the_sinc_method_has_the_values_of_torchaudio() {
    for case in fixtures::<Sinc>(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/sinc.json") {
        assert!(case.tool.starts_with("torchaudio 2.11"));
        let window = case.beta.map_or(SincWindow::Hann, |beta| SincWindow::Kaiser { beta });
        let method = ResampleMethod::Sinc {
            lowpass_filter_width: case.width,
            rolloff: case.rolloff,
            window,
        };
        let samples =
            (0..case.samples).map(|n| ((n * 7919 % 10007) as f64 / 10007.0 - 0.5) as f32).collect();
        let audio = AudioBuffer::mono(SampleRate::new(case.from).unwrap(), samples);
        let out = by_method(case.from, case.to, method).process(&audio).unwrap();
        // Inputs reach ±½; the sums are taken in another order.
        mir_testkit::assert_all_close(out.channel(0), &case.expected, 1e-6, &case.name);
    }
}

#[test]
fn the_sinc_method_keeps_the_time_of_an_impulse() {
    for (from, to) in [(44_100, 16_000), (16_000, 44_100), (48_000, 22_050)] {
        let audio = signal::impulse(SampleRate::new(from).unwrap(), 4001, 8000);
        let expected = 4001.0 * f64::from(to) / f64::from(from);
        for method in [ResampleMethod::torchaudio(), ResampleMethod::kaiser_best()] {
            let out = by_method(from, to, method).process(&audio).unwrap();
            let frequency = 0.1 * f64::from(from.min(to)) / f64::from(to);
            let actual = centre(out.channel(0), expected, frequency);
            assert_close(actual, expected, 2e-3, &format!("{from} to {to}"));
        }
    }
}

#[test]
fn settings_of_the_sinc_outside_their_range_are_refused() {
    let refused = |method| {
        let config = ResampleConfig {
            method,
            ..ResampleConfig::new(SampleRate::HZ_44100, SampleRate::HZ_16000)
        };
        match Resampler::new(config) {
            Err(Error::OutOfRange { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    let sinc = |lowpass_filter_width, rolloff, beta| ResampleMethod::Sinc {
        lowpass_filter_width,
        rolloff,
        window: SincWindow::Kaiser { beta },
    };
    assert_eq!(refused(sinc(0, 0.99, 1.0)), "lowpass_filter_width");
    assert_eq!(refused(sinc(5000, 0.99, 1.0)), "lowpass_filter_width");
    assert_eq!(refused(sinc(6, 0.0, 1.0)), "rolloff");
    assert_eq!(refused(sinc(6, f64::NAN, 1.0)), "rolloff");
    assert_eq!(refused(sinc(6, 0.9, f64::NAN)), "beta");
    assert_eq!(refused(sinc(6, 1e-9, 1.0)), "number of filter weights");
}
