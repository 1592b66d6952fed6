//! Values of librosa, torchaudio and SciPy for every feature, on the same noise. The fixtures hold tool and
//! version; a tolerance is relative to the larger of the value and 1 % of the largest value of the case. torchaudio
//! computed in double precision, with bands that were designed in double precision too. One is held to less than
//! 1e-5: a mean that is subtracted from logarithms near 20 takes digits with it.

use mir_core::{AudioBuffer, SampleRate};
use mir_features::{
    BeatTracker, ChromaStft, Delta, FeatureMap, FourierTempogram, FrameFeature, GriffinLim,
    KaldiFbank, LogMel, LogMelConfig, LogScale, MelConfig, Mfcc, OnsetDetector, OnsetStrength,
    Pcen, Rms, SpectralBandwidth, SpectralCentroid, SpectralContrast, SpectralFlatness,
    SpectralRolloff, SpectrumPower, Stft, TempoEstimator, Tempogram, Window, ZeroCrossingRate,
};
use mir_testkit::{assert_close, fixtures, signal};
use ndarray::Array3;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

const RATE: SampleRate = SampleRate::HZ_22050;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    tool: String,
    version: String,
    feature: String,
    config: Value,
    audio: String,
    frames: usize,
    bins: usize,
    tolerance: f64,
    values: Vec<(usize, usize, f64)>,
}

impl Case {
    fn config<C: DeserializeOwned>(&self) -> C {
        serde_json::from_value(self.config.clone())
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    fn audio(&self, rate: SampleRate) -> AudioBuffer {
        match self.audio.as_str() {
            "noise" => signal::noise(rate, 0.5, 12_000, 21),
            "bursts" => bursts(rate),
            other => panic!("no audio {other}"),
        }
    }
}

/// Noise in bursts of 0.48 s that fade.
fn bursts(rate: SampleRate) -> AudioBuffer {
    let noise = signal::noise(rate, 0.5, 110_250, 5);
    let fade = |n: usize| 1.0 - (n % 10_500) as f64 / 10_500.0;
    let samples = noise.channel(0).iter().enumerate();
    AudioBuffer::mono(
        rate,
        samples.map(|(n, &x)| (f64::from(x) * fade(n).powi(8)) as f32).collect(),
    )
}

fn process<F: FrameFeature>(feature: mir_features::Result<F>, case: &Case) -> Vec<Vec<f64>> {
    let feature = feature.unwrap();
    rows(&feature.process(&case.audio(feature.framing().sample_rate())).unwrap())
}

fn rows(map: &FeatureMap) -> Vec<Vec<f64>> {
    let rows = map.data.rows().into_iter();
    rows.map(|row| row.iter().map(|&y| f64::from(y)).collect()).collect()
}

fn column(values: &[f64]) -> Vec<Vec<f64>> {
    values.iter().map(|&y| vec![y]).collect()
}

/// librosa's default mel spectrogram, in powers.
fn mel_power(audio: &AudioBuffer) -> FeatureMap {
    let stft = Stft::new(mir_features::StftConfig::librosa(RATE)).unwrap();
    let spectra = stft.process(audio, SpectrumPower::Power).unwrap();
    let config = LogMelConfig::librosa(RATE);
    let bank = mir_features::MelFilterbank::new(MelConfig {
        sample_rate: RATE,
        n_fft: 2048,
        n_mels: 128,
        f_min: 0.0,
        f_max: config.f_max,
        mel_scale: config.mel_scale,
        filter_norm: config.filter_norm,
    })
    .unwrap();
    let mut data = Array3::zeros((1, spectra.frames(), 128));
    for (spectrum, mut bands) in spectra.data.rows().into_iter().zip(data.rows_mut()) {
        bank.process_into(spectrum.as_slice().unwrap(), bands.as_slice_mut().unwrap());
    }
    FeatureMap { grid: spectra.grid, axis: LogMel::new(config).unwrap().axis(), data }
}

fn strength(case: &Case) -> FeatureMap {
    let strength = OnsetStrength::new(Default::default()).unwrap();
    strength.process(&case.audio(RATE)).unwrap()
}

fn compute(case: &Case) -> Vec<Vec<f64>> {
    match case.feature.as_str() {
        "spectral_centroid" => process(SpectralCentroid::new(case.config()), case),
        "spectral_bandwidth" => process(SpectralBandwidth::new(case.config()), case),
        "spectral_rolloff" => process(SpectralRolloff::new(case.config()), case),
        "spectral_flatness" => process(SpectralFlatness::new(case.config()), case),
        "spectral_contrast" => process(SpectralContrast::new(case.config()), case),
        "rms" => process(Rms::new(case.config()), case),
        "zero_crossing_rate" => process(ZeroCrossingRate::new(case.config()), case),
        "chroma_stft" => process(ChromaStft::new(case.config()), case),
        "mfcc" => process(Mfcc::new(case.config()), case),
        "log_mel" => process(LogMel::new(case.config()), case),
        "kaldi_fbank" => process(KaldiFbank::new(case.config()), case),
        "delta" => {
            let config = LogMelConfig { top_db: Some(80.0), ..LogMelConfig::librosa(RATE) };
            assert_eq!(config.log, LogScale::Db);
            let map = LogMel::new(config).unwrap().process(&case.audio(RATE)).unwrap();
            rows(&Delta::new(case.config()).unwrap().process(&map).unwrap())
        }
        "pcen" => {
            let mut map = mel_power(&case.audio(RATE));
            map.data.mapv_inplace(|y| y * 1024.0);
            rows(&Pcen::new(case.config(), &map.grid).unwrap().process(&map).unwrap())
        }
        "onset_strength" => {
            let strength = OnsetStrength::new(case.config()).unwrap();
            rows(&strength.process(&case.audio(RATE)).unwrap())
        }
        "onset_detector" => {
            let detector = OnsetDetector::new(case.config()).unwrap();
            column(&detector.process(&case.audio(RATE)).unwrap()[0])
        }
        "tempogram" => rows(&Tempogram::new(case.config()).unwrap().process(&strength(case))),
        "fourier_tempogram" => {
            let tempogram = FourierTempogram::new(case.config()).unwrap();
            let spectrum = tempogram.process(&strength(case)).unwrap();
            rows(&spectrum.magnitude(SpectrumPower::Magnitude))
        }
        "tempo" => {
            let tempo = TempoEstimator::new(case.config()).unwrap();
            column(&tempo.process(&case.audio(RATE)).unwrap())
        }
        "beat_tracker" => {
            let beats = BeatTracker::new(case.config()).unwrap();
            let track = beats.process(&case.audio(RATE)).unwrap().remove(0);
            let all: Vec<f64> = [track.bpm].into_iter().chain(track.times).collect();
            column(&all)
        }
        "griffin_lim" => {
            let lim = GriffinLim::new(case.config()).unwrap();
            let stft = Stft::new(lim.config().stft.clone()).unwrap();
            let map = stft.process(&case.audio(RATE), SpectrumPower::Magnitude).unwrap();
            let samples = lim.process(&map, Some(12_000)).unwrap();
            column(&samples.channel(0).iter().map(|&x| f64::from(x)).collect::<Vec<_>>())
        }
        other => panic!("no feature {other}"),
    }
}

#[test]
fn every_feature_agrees_with_its_reference() {
    let cases: Vec<Case> = fixtures(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/features.json");
    // All that differ are told at once: which ones belong together says what is wrong.
    let mut wrong = vec![];
    for case in cases {
        let label = format!("{} against {} {}", case.name, case.tool, case.version);
        let got = compute(&case);
        if (got.len(), got[0].len()) != (case.frames, case.bins) {
            let shapes = ((got.len(), got[0].len()), (case.frames, case.bins));
            wrong
                .push(format!("{label}: {:?} instead of {:?} frames and bins", shapes.0, shapes.1));
            continue;
        }
        let largest = case.values.iter().fold(0.0_f64, |most, v| most.max(v.2.abs()));
        for &(frame, bin, expected) in &case.values {
            let difference =
                (got[frame][bin] - expected).abs() / expected.abs().max(0.01 * largest);
            if difference.is_nan() || difference > case.tolerance {
                let got = got[frame][bin];
                wrong.push(format!(
                    "{label}: frame {frame}, bin {bin}: {got} instead of {expected}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowCase {
    name: String,
    tool: String,
    version: String,
    window: Window,
    symmetric: bool,
    values: Vec<f64>,
}

#[test]
fn every_window_agrees_with_scipy() {
    let cases: Vec<WindowCase> =
        fixtures(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/windows.json");
    for case in cases {
        let n = case.values.len();
        let got =
            if case.symmetric { case.window.symmetric(n) } else { case.window.coefficients(n) };
        assert_eq!(got.len(), n);
        for (k, (got, expected)) in got.iter().zip(&case.values).enumerate() {
            let label = format!("{} ({} {}), point {k} of {n}", case.name, case.tool, case.version);
            assert_close(*got, *expected, 1e-10, &label);
        }
    }
}
