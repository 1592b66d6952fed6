//! Pitch and tuning against librosa 0.11.

use std::f64::consts::TAU;

use mir_core::{AudioBuffer, SampleRate};
use mir_features::{
    Error, Pad, PiptrackConfig, Pyin, PyinConfig, SpectrumPower, Stft, StftConfig, TuningConfig,
    Yin, YinConfig, estimate_tuning, piptrack, pitch_tuning,
};
use mir_testkit::{assert_close, fixtures, signal, test_data};
use ndarray::Axis;
use serde::Deserialize;

/// Five harmonics that glide from `f0` by `slope` Hz a second, and a little noise.
fn glide(rate: SampleRate, f0: f64, slope: f64, samples: usize, seed: u64) -> AudioBuffer {
    let noise = signal::noise(rate, 0.01, samples, seed);
    let tone = |n: usize| {
        let t = n as f64 / f64::from(rate.hz());
        let phase = TAU * (f0 * t + 0.5 * slope * t * t);
        let sum: f64 = (1..=5).map(|h| (f64::from(h) * phase).sin() / f64::from(h)).sum();
        (sum * 0.2) as f32
    };
    AudioBuffer::mono(rate, noise.channel(0).iter().enumerate().map(|(n, x)| tone(n) + x).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct YinCase {
    name: String,
    #[serde(rename = "tool")]
    _tool: String,
    #[serde(rename = "version")]
    _version: String,
    sample_rate: SampleRate,
    f0: f64,
    slope: f64,
    samples: usize,
    seed: u64,
    f_min: f64,
    f_max: f64,
    frame_length: usize,
    hop: u32,
    centred: bool,
    pad: Pad,
    yin: Vec<f64>,
    pyin: Vec<Option<f64>>,
    probability: Vec<f64>,
}

#[test]
fn yin_and_pyin_agree_with_librosa() {
    for case in fixtures::<YinCase>(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/yin.json") {
        let audio = if case.f0 > 0.0 {
            glide(case.sample_rate, case.f0, case.slope, case.samples, case.seed)
        } else {
            signal::noise(case.sample_rate, 0.5, case.samples, case.seed)
        };
        let config = YinConfig {
            sample_rate: case.sample_rate,
            f_min: case.f_min,
            f_max: case.f_max,
            frame_length: case.frame_length,
            hop: case.hop,
            centred: case.centred,
            pad: case.pad,
            ..YinConfig::default()
        };
        let f0 = Yin::new(config.clone()).unwrap().process(&audio).unwrap().remove(0);
        assert_eq!(f0.len(), case.yin.len(), "{}", case.name);
        for (frame, (actual, expected)) in f0.iter().zip(&case.yin).enumerate() {
            // Both work in single precision: the parabola through three close values magnifies it.
            let name = format!("{}: frame {frame}", case.name);
            assert_close(*actual, *expected, 2e-5 * expected, &name);
        }
        let config = PyinConfig { yin: config, ..PyinConfig::default() };
        let track = Pyin::new(config).unwrap().process(&audio).unwrap().remove(0);
        assert_eq!(track.f0.len(), case.pyin.len(), "{}", case.name);
        for (frame, expected) in case.pyin.iter().enumerate() {
            let name = format!("{}: frame {frame}", case.name);
            assert_eq!(track.voiced[frame], expected.is_some(), "{name}");
            if let Some(expected) = expected {
                assert_close(track.f0[frame], *expected, 1e-5, &name);
            }
            assert_close(track.voiced_probability[frame], case.probability[frame], 1e-5, &name);
        }
    }
}

/// A one-dimensional NumPy file of single precision.
fn npy(path: &std::path::Path) -> Vec<f64> {
    let bytes = std::fs::read(path).unwrap();
    let header = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    let text = String::from_utf8_lossy(&bytes[10..10 + header]).into_owned();
    assert!(text.contains("'<f4'"), "{text}");
    let values = bytes[10 + header..].as_chunks().0;
    values.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect()
}

/// A logarithmic chirp from 220 to 640 Hz in a second.
fn chirp() -> Vec<f32> {
    let growth = (640.0f64 / 220.0).ln();
    let sample = |n: usize| {
        let t = n as f64 / 22_050.0;
        let cycles = 220.0 / growth * ((growth * t).exp() - 1.0);
        // A sine: librosa's chirp starts with a phase of −π/2.
        (TAU * cycles).sin() as f32
    };
    (0..22_050).map(sample).collect()
}

#[test]
fn librosa_hears_the_same_chirp() {
    let Some(folder) = test_data("librosa-test-data") else { return };
    let audio = AudioBuffer::mono(SampleRate::HZ_22050, chirp());
    let config = YinConfig { f_min: 110.0, f_max: 880.0, centred: false, ..YinConfig::default() };
    let yin = Yin::new(config).unwrap().process(&audio).unwrap().remove(0);
    let expected = npy(&folder.join("pitch-yin.npy"));
    assert_eq!(yin.len(), expected.len());
    // The values come from a version that looked at the first half of a frame: a hop earlier. The
    // tolerance is librosa's own.
    for (frame, (a, b)) in yin.iter().zip(&expected[1..]).enumerate() {
        assert_close(a.log2(), b.log2(), 1e-2, &format!("frame {frame}"));
    }
}

#[test]
fn a_chirp_in_silence_is_voiced_where_the_plugin_hears_it() {
    let Some(folder) = test_data("librosa-test-data") else { return };
    // Values of the pYIN plugin, a second of silence on either side; below 0 where there is no voice.
    let samples = [vec![0.0; 22_050], chirp(), vec![0.0; 22_050]].concat();
    let audio = AudioBuffer::mono(SampleRate::HZ_22050, samples);
    let yin = YinConfig { f_min: 60.0, f_max: 900.0, centred: false, ..YinConfig::default() };
    let config = PyinConfig { yin, ..PyinConfig::default() };
    let track = Pyin::new(config).unwrap().process(&audio).unwrap().remove(0);
    let expected = npy(&folder.join("pitch-pyin.npy"));
    assert_eq!(track.f0.len(), expected.len());
    // It looked at the first half of a frame, as above; frames that see an end of the chirp may differ.
    let same = |frame: usize| (44..83).contains(&frame) || !(40..87).contains(&frame);
    for (frame, &expected) in expected[1..].iter().enumerate().filter(|&(frame, _)| same(frame)) {
        assert_eq!(track.voiced[frame], expected > 0.0, "frame {frame}");
        if expected > 0.0 {
            assert_close(track.f0[frame].log2(), expected.log2(), 1e-2, &format!("frame {frame}"));
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TuningCase {
    name: String,
    #[serde(rename = "tool")]
    _tool: String,
    #[serde(rename = "version")]
    _version: String,
    f0: f64,
    slope: f64,
    samples: usize,
    seed: u64,
    n_fft: usize,
    threshold: f64,
    bins_per_octave: usize,
    resolution: f64,
    count: usize,
    peaks: Vec<(usize, usize, f64, f64)>,
    tuning: f64,
}

#[test]
fn peaks_and_tuning_agree_with_librosa() {
    for case in fixtures::<TuningCase>(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/tuning.json") {
        let rate = SampleRate::HZ_22050;
        let audio = glide(rate, case.f0, case.slope, case.samples, case.seed);
        let stft = StftConfig {
            sample_rate: rate,
            n_fft: case.n_fft,
            hop: case.n_fft as u32 / 4,
            pad: Pad::Zero,
            ..StftConfig::default()
        };
        let map = Stft::new(stft).unwrap().process(&audio, SpectrumPower::Magnitude).unwrap();
        let spectra = map.data.index_axis(Axis(0), 0);
        let config = PiptrackConfig {
            n_fft: case.n_fft,
            threshold: case.threshold,
            ..PiptrackConfig::default()
        };
        let peaks = piptrack(&spectra, &config).unwrap();
        assert_eq!(peaks.len(), case.count, "{}", case.name);
        for (peak, (frame, bin, hz, magnitude)) in peaks.iter().zip(&case.peaks) {
            assert_eq!((peak.frame, peak.bin), (*frame, *bin), "{}", case.name);
            assert_close(peak.hz, *hz, 1e-5 * hz, &case.name);
            assert_close(peak.magnitude, *magnitude, 1e-5 * magnitude, &case.name);
        }
        let config = TuningConfig {
            peaks: config,
            resolution: case.resolution,
            bins_per_octave: case.bins_per_octave,
        };
        assert_close(estimate_tuning(&spectra, &config).unwrap(), case.tuning, 1e-9, &case.name);
    }
}

#[test]
fn odd_input_has_defined_results() {
    let yin = Yin::new(YinConfig::default()).unwrap();
    let rate = SampleRate::HZ_22050;
    assert!(yin.process(&AudioBuffer::mono(rate, vec![])).unwrap()[0].is_empty());
    assert_eq!(yin.process(&AudioBuffer::mono(rate, vec![1.0])).unwrap()[0].len(), 1);
    let silence = AudioBuffer::silence(rate, 1, 5000).unwrap();
    assert!(yin.process(&silence).unwrap()[0].iter().all(|hz| hz.is_finite()));
    let pyin = Pyin::new(PyinConfig::default()).unwrap();
    let track = pyin.process(&silence).unwrap().remove(0);
    assert!(track.voiced.iter().all(|voiced| !voiced));
    assert!(pyin.process(&AudioBuffer::mono(rate, vec![])).unwrap()[0].f0.is_empty());
    let other = AudioBuffer::silence(SampleRate::HZ_16000, 1, 5000).unwrap();
    assert!(matches!(yin.process(&other), Err(Error::SampleRate { .. })));
    assert_close(pitch_tuning(&[], 0.01, 12).unwrap(), 0.0, 0.0, "no frequency");
    assert_close(pitch_tuning(&[0.0, -3.0], 0.01, 12).unwrap(), 0.0, 0.0, "no frequency above 0");
    assert!(matches!(pitch_tuning(&[440.0], 0.0, 12), Err(Error::OutOfRange { .. })));
    assert!(matches!(pitch_tuning(&[440.0], 0.1, 0), Err(Error::OutOfRange { .. })));
}

#[test]
fn configurations_are_checked() {
    let base = YinConfig::default();
    for config in [
        YinConfig { f_min: 0.0, ..base.clone() },
        YinConfig { f_max: 20_000.0, ..base.clone() },
        YinConfig { f_min: 500.0, f_max: 400.0, ..base.clone() },
    ] {
        assert!(matches!(Yin::new(config), Err(Error::InvalidBand { .. })));
    }
    for (config, field) in [
        (YinConfig { frame_length: 2, ..base.clone() }, "frame_length"),
        (YinConfig { frame_length: 200, ..base.clone() }, "f_min"),
        (YinConfig { trough_threshold: 0.0, ..base }, "trough_threshold"),
    ] {
        assert!(matches!(Yin::new(config), Err(Error::OutOfRange { field: f, .. }) if f == field));
    }
    for config in [
        PyinConfig { n_thresholds: 0, ..PyinConfig::default() },
        PyinConfig { resolution: 0.0, ..PyinConfig::default() },
        PyinConfig { resolution: 0.001, ..PyinConfig::default() },
        PyinConfig { switch_probability: 2.0, ..PyinConfig::default() },
        PyinConfig { beta_parameters: (0.0, 1.0), ..PyinConfig::default() },
    ] {
        assert!(matches!(Pyin::new(config), Err(Error::OutOfRange { .. })));
    }
}
