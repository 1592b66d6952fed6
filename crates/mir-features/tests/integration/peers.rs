//! Values of librosa and torchaudio on the same noise. The fixtures hold tool and version.

use mir_core::{AudioBuffer, SampleRate};
use mir_features::{LogMel, LogMelConfig, MelConfig, MelFilterbank, Stft, StftConfig};
use mir_testkit::{assert_close, fixtures, signal};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case<C, V> {
    name: String,
    tool: String,
    version: String,
    config: C,
    seed: u64,
    amplitude: f32,
    samples: usize,
    frames: usize,
    #[serde(default)]
    tolerance: f64,
    values: Vec<V>,
}

impl<C, V> Case<C, V> {
    fn audio(&self) -> AudioBuffer {
        signal::noise(SampleRate::HZ_16000, self.amplitude, self.samples, self.seed)
    }

    fn label(&self) -> String {
        format!("{} against {} {}", self.name, self.tool, self.version)
    }
}

#[test]
fn log_mel_agrees_with_librosa_and_torchaudio() {
    type LogMelCase = Case<LogMelConfig, (usize, usize, f64)>;
    let cases: Vec<LogMelCase> =
        fixtures(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/log_mel.json");
    for case in cases {
        let map = LogMel::new(case.config.clone()).unwrap().process(&case.audio()).unwrap();
        assert_eq!(map.frames(), case.frames, "{}", case.label());
        for &(frame, bin, expected) in &case.values {
            assert_close(
                f64::from(map.data[(0, frame, bin)]),
                expected,
                case.tolerance,
                &format!("{}, frame {frame}, bin {bin}", case.label()),
            );
        }
    }
}

#[test]
fn the_fixture_configurations_are_the_presets() {
    type LogMelCase = Case<LogMelConfig, (usize, usize, f64)>;
    let cases: Vec<LogMelCase> =
        fixtures(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/log_mel.json");
    let presets = [
        LogMelConfig::hw3(),
        LogMelConfig::jongwook(),
        LogMelConfig::magenta(),
        LogMelConfig::hpt(),
    ];
    for preset in presets {
        assert!(cases.iter().any(|case| case.config == preset), "{preset:?}");
    }
}

#[test]
fn the_complex_spectrum_agrees_with_librosa() {
    type StftCase = Case<StftConfig, (usize, usize, f64, f64)>;
    let cases: Vec<StftCase> = fixtures(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/stft.json");
    for case in cases {
        let stft = Stft::new(case.config.clone()).unwrap();
        let spectrum = stft.spectrum(&case.audio()).unwrap();
        assert_eq!(spectrum.data.dim().1, case.frames, "{}", case.label());
        for &(frame, bin, re, im) in &case.values {
            let c = spectrum.data[(0, frame, bin)];
            let place = format!("{}, frame {frame}, bin {bin}", case.label());
            // Values reach 20: single precision, a few units in the last place.
            assert_close(f64::from(c.re), re, 2e-5, &place);
            assert_close(f64::from(c.im), im, 2e-5, &place);
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BankCase {
    name: String,
    tool: String,
    version: String,
    config: MelConfig,
    nonzero: usize,
    sum: f64,
    largest: f64,
    entries: Vec<(usize, usize, f64)>,
}

#[test]
fn filterbanks_agree_with_librosa() {
    let path = "tests/fixtures/mel_filterbank.json";
    let cases: Vec<BankCase> = fixtures(env!("CARGO_MANIFEST_DIR"), path);
    for case in cases {
        let label = format!("{} against {} {}", case.name, case.tool, case.version);
        let matrix = MelFilterbank::new(case.config).unwrap().to_matrix();
        let sum: f64 = matrix.iter().map(|&w| f64::from(w)).sum();
        assert_close(sum, case.sum, 1e-6 * case.sum, &format!("{label}: sum"));
        let nonzero = matrix.iter().filter(|&&w| f64::from(w) > 1e-9 * case.largest).count();
        assert_eq!(nonzero, case.nonzero, "{label}: weights above 0");
        for (band, bin, expected) in case.entries {
            let actual = f64::from(matrix[(band, bin)]);
            let place = format!("{label}: band {band}, bin {bin}");
            assert_close(actual, expected, 1e-7 * case.largest, &place);
        }
    }
}
