//! The reference values that librosa's tests have for beats, tempo, chroma and spectral metrics, computed by others in
//! MATLAB from curves and spectra that the files hold.

use std::{collections::BTreeMap, path::PathBuf};

use mir_core::{FrameGrid, SampleRate};
use mir_features::{
    BeatTracker, BeatTrackerConfig, BinAxis, Cens, CensConfig, ChromaCqt, ChromaCqtConfig,
    FeatureMap, LogMelConfig, OnsetStrengthConfig, SpectralBandwidth, SpectralBandwidthConfig,
    SpectralCentroid, SpectralCentroidConfig, SpectralContrast, SpectralContrastConfig, StftConfig,
    TempoEstimator, TempoEstimatorConfig, VectorNorm,
};
use mir_testkit::{assert_close, mat, test_data};
use ndarray::{Array2, Axis};

fn reference(name: &str) -> Option<BTreeMap<String, mat::Matrix>> {
    let folder: PathBuf = test_data("librosa-test-data")?;
    Some(mat::read(&folder.join(format!("{name}.mat"))))
}

/// `[frames, bins]` of a matrix `[bins, frames]`.
fn frames(matrix: &Array2<f64>) -> Array2<f32> {
    matrix.t().mapv(|x| x as f32).as_standard_layout().into_owned()
}

fn map(data: Array2<f32>, grid: FrameGrid) -> FeatureMap {
    let axis = BinAxis::Values { name: "reference".to_owned(), bins: data.ncols() };
    FeatureMap { grid, axis, data: data.insert_axis(Axis(0)) }
}

/// The onset strength of a recording at 8 kHz, every 4 ms, and what computes from it.
fn onset_strength(file: &BTreeMap<String, mat::Matrix>) -> (FeatureMap, TempoEstimatorConfig) {
    let log_mel = LogMelConfig { hop: 32, ..LogMelConfig::librosa(SampleRate::new(8000).unwrap()) };
    let grid = FrameGrid::new(log_mel.sample_rate, log_mel.hop, 0).unwrap();
    let strength = OnsetStrengthConfig { log_mel, ..OnsetStrengthConfig::default() };
    let tempo = TempoEstimatorConfig { strength, ..TempoEstimatorConfig::default() };
    (map(frames(&file["onsetenv"].re), grid), tempo)
}

#[test]
fn the_tempo_is_the_faster_of_the_reference() {
    let Some(file) = reference("beat-tempo-000") else { return };
    let (strength, config) = onset_strength(&file);
    let bpm = TempoEstimator::new(config).unwrap().from_strength(&strength).unwrap();
    // Two tempi, and the share of the first.
    let expected = file["t"].re[(0, 1)];
    assert_close(bpm[0], expected, 1e-9 * expected, "tempo");
}

#[test]
fn the_beats_are_the_reference() {
    let Some(file) = reference("beat-beat-000") else { return };
    let (strength, tempo) = onset_strength(&file);
    // The reference weighs the tempo four times as much as librosa does.
    let config = BeatTrackerConfig { tempo, tightness: 400.0, ..BeatTrackerConfig::default() };
    let track = BeatTracker::new(config).unwrap().from_strength(&strength).unwrap().remove(0);
    let expected = &file["beats"].re;
    // It counts frames from 1, and leaves out the last beat, which is weak.
    assert_eq!(track.times.len(), expected.len() + 1);
    for (beat, (&time, &expected)) in track.times.iter().zip(expected).enumerate() {
        assert_close(time, expected, 0.004 + 1e-9, &format!("beat {beat}"));
    }
}

#[test]
fn normalised_chroma_are_those_of_the_chroma_toolbox() {
    let Some(file) = reference("features-CT-cqt") else { return };
    // Ten octaves of semitones from MIDI key 1.
    let f_min = 440.0 * ((1.0 - 69.0) / 12.0_f64).exp2();
    let axis = BinAxis::LogHz { f_min, bins_per_octave: 12.0, bins: 120 };
    let config = ChromaCqtConfig { norm: VectorNorm::None, ..ChromaCqtConfig::default() };
    let magnitudes = frames(&file["f_cqt"].re);
    let chroma = ChromaCqt::new(config, &axis).unwrap().process(&magnitudes).unwrap();
    for (smoothing, step, name) in
        [(21, 5, "features-CT-CENS_21-5"), (41, 1, "features-CT-CENS_41-1")]
    {
        let Some(file) = reference(name) else { return };
        let config = CensConfig { smoothing: Some(smoothing), ..CensConfig::default() };
        let cens = Cens::new(config).unwrap().process(&chroma);
        let expected = &file["f_CENS"].re;
        assert_eq!(cens.nrows().div_ceil(step), expected.ncols(), "{name}");
        for ((class, frame), &value) in expected.indexed_iter() {
            let place = format!("{name}: class {class}, frame {frame}");
            assert_close(f64::from(cens[(frame * step, class)]), value, 1e-6, &place);
        }
    }
}

#[test]
fn spectral_metrics_of_the_reference_spectrogram() {
    let Some(file) = reference("met-bandwidth-001") else { return };
    let stft = StftConfig { n_fft: 512, hop: 256, ..StftConfig::librosa(SampleRate::HZ_22050) };
    let grid = FrameGrid::new(stft.sample_rate, stft.hop, 0).unwrap();
    let spectra = map(frames(&file["S"].re), grid);
    let centroid = SpectralCentroid::new(SpectralCentroidConfig { stft: stft.clone() }).unwrap();
    let config = SpectralBandwidthConfig { stft: stft.clone(), power: 1.0, normalised: false };
    let bandwidth = SpectralBandwidth::new(config).unwrap();
    let (centroid, bandwidth) = (
        centroid.process_spectrum(&spectra).unwrap(),
        bandwidth.process_spectrum(&spectra).unwrap(),
    );
    for (frame, (&centre, &width)) in file["centroid"].re.iter().zip(&file["bw"].re).enumerate() {
        let place = format!("frame {frame}");
        let actual = f64::from(centroid.data[(0, frame, 0)]);
        assert_close(actual, centre, 1e-6 * centre, &place);
        // The reference takes the mean over bins, librosa and we the sum.
        let actual = f64::from(bandwidth.data[(0, frame, 0)]) / 257.0;
        assert_close(actual, width, 1e-6 * width, &place);
    }
    let Some(file) = reference("met-contrast-001") else { return };
    let config = SpectralContrastConfig { stft, linear: true, ..SpectralContrastConfig::default() };
    let contrast = SpectralContrast::new(config).unwrap().process_spectrum(&spectra).unwrap();
    let expected = &file["contrast"].re;
    let largest = expected.iter().copied().fold(0.0, f64::max);
    for ((band, frame), &value) in expected.indexed_iter() {
        // Of the 75 bins of this octave, 2 % round to two; the reference counts one bin less, and rounds to one.
        if band != 5 {
            let actual = f64::from(contrast.data[(0, frame, band)]);
            assert_close(actual, value, 1e-6 * largest, &format!("band {band}, frame {frame}"));
        }
    }
}
