//! What is made from spectrograms, against librosa 0.11: chroma, separation.

use mir_core::SampleRate;
use mir_features::{
    BinAxis, Cens, CensConfig, ChromaCqt, ChromaCqtConfig, Error, Hpss, HpssConfig, VectorNorm,
    tonnetz,
};
use mir_testkit::{assert_close, fixtures, signal, test_data};
use ndarray::{Array2, ArrayView2, s};
use serde::Deserialize;

/// Magnitudes of noise, `[frames, bins]`.
fn magnitudes(frames: usize, bins: usize, seed: u64) -> Array2<f32> {
    let noise = signal::noise(SampleRate::HZ_22050, 1.0, frames * bins, seed);
    Array2::from_shape_fn((frames, bins), |(t, k)| noise.channel(0)[t * bins + k].abs())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChromaCase {
    name: String,
    #[serde(rename = "tool")]
    _tool: String,
    #[serde(rename = "version")]
    _version: String,
    bins: usize,
    bins_per_octave: usize,
    n_chroma: usize,
    f_min: f64,
    threshold: f64,
    norm: VectorNorm,
    seed: u64,
    frames: usize,
    chroma: Vec<f64>,
    cens: Vec<f64>,
    tonnetz: Vec<f64>,
}

#[test]
fn chroma_agree_with_librosa() {
    for case in fixtures::<ChromaCase>(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/chroma_cqt.json")
    {
        let map = magnitudes(case.frames, case.bins, case.seed);
        let axis = BinAxis::LogHz {
            f_min: case.f_min,
            bins_per_octave: case.bins_per_octave as f64,
            bins: case.bins,
        };
        let config = ChromaCqtConfig {
            n_chroma: case.n_chroma,
            threshold: case.threshold,
            norm: case.norm,
            ..ChromaCqtConfig::default()
        };
        let raw = ChromaCqtConfig { threshold: 0.0, norm: VectorNorm::None, ..config.clone() };
        let chroma = ChromaCqt::new(config, &axis).unwrap().process(&map).unwrap();
        let raw = ChromaCqt::new(raw, &axis).unwrap().process(&map).unwrap();
        let cens = Cens::new(CensConfig { smoothing: Some(5), ..CensConfig::default() }).unwrap();
        let check = |what: &str, actual: &Array2<f32>, expected: &[f64]| {
            for (i, (a, b)) in actual.iter().zip(expected).enumerate() {
                assert_close(f64::from(*a), *b, 2e-6, &format!("{}: {what}, value {i}", case.name));
            }
        };
        check("chroma", &chroma, &case.chroma);
        check("cens", &cens.process(&raw), &case.cens);
        check("tonnetz", &tonnetz(&chroma).unwrap(), &case.tonnetz);
    }
}

/// A NumPy file of doubles, `[rows, columns]`.
fn npy(path: &std::path::Path, rows: usize) -> Array2<f32> {
    let bytes = std::fs::read(path).unwrap();
    let header = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    let text = String::from_utf8_lossy(&bytes[10..10 + header]).into_owned();
    assert!(text.contains("'<f8'"), "{text}");
    let values: Vec<f32> = bytes[10 + header..]
        .as_chunks::<8>()
        .0
        .iter()
        .map(|&b| f64::from_le_bytes(b) as f32)
        .collect();
    let columns = values.len() / rows;
    if text.contains("'fortran_order': True") {
        ArrayView2::from_shape((columns, rows), &values).unwrap().reversed_axes().to_owned()
    } else {
        Array2::from_shape_vec((rows, columns), values).unwrap()
    }
}

#[test]
fn tonal_centroids_are_those_of_msaf() {
    let Some(folder) = test_data("librosa-test-data") else { return };
    let chroma = npy(&folder.join("feature-tonnetz-chroma.npy"), 12);
    let expected = npy(&folder.join("feature-tonnetz-msaf.npy"), 6);
    let actual = tonnetz(&chroma.reversed_axes()).unwrap().reversed_axes();
    // As librosa compares them: the first frame differs.
    for (i, (a, b)) in actual.slice(s![.., 1..]).iter().zip(expected.slice(s![.., 1..])).enumerate()
    {
        assert_close(f64::from(*a), f64::from(*b), 1e-5, &format!("value {i}"));
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HpssCase {
    name: String,
    #[serde(rename = "tool")]
    _tool: String,
    #[serde(rename = "version")]
    _version: String,
    harmonic: usize,
    percussive: usize,
    power: Option<f64>,
    margin_harmonic: f64,
    margin_percussive: f64,
    seed: u64,
    frames: usize,
    bins: usize,
    h: Vec<(usize, usize, f64)>,
    p: Vec<(usize, usize, f64)>,
    mask_h: Vec<(usize, usize, f64)>,
    mask_p: Vec<(usize, usize, f64)>,
}

#[test]
fn separation_agrees_with_librosa() {
    for case in fixtures::<HpssCase>(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/hpss.json") {
        let mut map = magnitudes(case.frames, case.bins, case.seed);
        map.column_mut(3).fill(0.0);
        map.row_mut(5).fill(0.0);
        let hpss = Hpss::new(HpssConfig {
            harmonic: case.harmonic,
            percussive: case.percussive,
            power: case.power,
            margin_harmonic: case.margin_harmonic,
            margin_percussive: case.margin_percussive,
        })
        .unwrap();
        let parts = hpss.process(&map).unwrap();
        let masks = hpss.masks(&map).unwrap();
        for (what, actual, expected) in [
            ("tones", &parts.harmonic, &case.h),
            ("strokes", &parts.percussive, &case.p),
            ("mask of tones", &masks.harmonic, &case.mask_h),
            ("mask of strokes", &masks.percussive, &case.mask_p),
        ] {
            for &(t, k, value) in expected {
                let name = format!("{}: {what} at {t}, {k}", case.name);
                assert_close(f64::from(actual[(t, k)]), value, 1e-6, &name);
            }
        }
    }
}

#[test]
fn chroma_configurations_are_checked() {
    let axis = |bins_per_octave| BinAxis::LogHz { f_min: 32.7, bins_per_octave, bins: 84 };
    let config = ChromaCqtConfig::default();
    for bins_per_octave in [10.0, 6.0, 13.5] {
        let result = ChromaCqt::new(config.clone(), &axis(bins_per_octave));
        assert!(matches!(result, Err(Error::OutOfRange { field: "bins_per_octave", .. })));
    }
    let linear = BinAxis::Linear { hz_per_bin: 10.0, bins: 100 };
    assert!(ChromaCqt::new(config.clone(), &linear).is_err());
    let none = ChromaCqtConfig { n_chroma: 0, ..config.clone() };
    assert!(matches!(ChromaCqt::new(none, &axis(12.0)), Err(Error::OutOfRange { .. })));
    let chroma = ChromaCqt::new(config, &axis(12.0)).unwrap();
    assert!(matches!(chroma.process(&Array2::zeros((3, 80))), Err(Error::OutOfRange { .. })));
    assert_eq!(chroma.process(&Array2::zeros((0, 84))).unwrap().dim(), (0, 12));
    assert!(chroma.process(&Array2::zeros((2, 84))).unwrap().iter().all(|&x| x == 0.0));
    assert!(tonnetz(&Array2::zeros((3, 0))).is_err());
    assert!(matches!(
        Cens::new(CensConfig { smoothing: Some(0), ..CensConfig::default() }),
        Err(Error::OutOfRange { field: "smoothing", .. })
    ));
}
