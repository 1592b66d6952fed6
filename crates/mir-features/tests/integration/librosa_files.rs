//! The MATLAB reference values that librosa itself is tested with.

use std::{fs, path::PathBuf};

use mir_core::SampleRate;
use mir_features::{
    ChromaFilterbank, ChromaFilterbankConfig, FilterNorm, MelConfig, MelFilterbank, MelScale,
    hz_to_octaves,
};
use mir_testkit::{assert_close, mat, test_data};

/// Files of the reference folder whose names begin so.
fn files(prefix: &str) -> Vec<PathBuf> {
    let Some(folder) = test_data("librosa-test-data") else { return vec![] };
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with(prefix) && name.ends_with(".mat")
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no files {prefix}*.mat");
    files
}

fn rate(hz: f64) -> SampleRate {
    SampleRate::new(hz as u32).unwrap()
}

#[test]
fn mel_and_octaves_of_frequencies_are_the_reference_values() {
    for (prefix, to_mel) in [("feature-hz_to_mel", true), ("feature-mel_to_hz", false)] {
        for path in files(prefix) {
            let file = mat::read(&path);
            let htk = file["htk"].scalar() > 0.5;
            let scale = if htk { MelScale::Htk } else { MelScale::Slaney };
            for (&x, &expected) in file["f"].re.iter().zip(&file["result"].re) {
                let got = if to_mel { scale.mel(x) } else { scale.hz(x) };
                let tolerance = 1e-9 * expected.abs().max(1.0);
                assert_close(got, expected, tolerance, &path.display().to_string());
            }
        }
    }
    for path in files("feature-hz_to_octs") {
        let file = mat::read(&path);
        for (&f, &expected) in file["f"].re.iter().zip(&file["result"].re) {
            let got = hz_to_octaves(f, 0.0, 12);
            assert_close(got, expected, 1e-9, &path.display().to_string());
        }
    }
}

#[test]
fn mel_filterbanks_are_the_reference_matrices() {
    let normalised = files("feature-melfbnorm");
    let area = |path: &PathBuf| !normalised.contains(path);
    for path in files("feature-melfb") {
        let file = mat::read(&path);
        let value = |name: &str| file[name].scalar();
        let bank = MelFilterbank::new(MelConfig {
            sample_rate: rate(value("sr")),
            n_fft: value("nfft") as usize,
            n_mels: value("nfilts") as usize,
            f_min: value("fmin"),
            f_max: value("fmax"),
            mel_scale: if value("htk") > 0.5 { MelScale::Htk } else { MelScale::Slaney },
            filter_norm: if area(&path) { FilterNorm::Slaney } else { FilterNorm::None },
        });
        let matrix = bank.unwrap().to_matrix();
        let expected = &file["wts"].re;
        // The reference has columns up to the whole rate; they are 0 above half of it.
        assert_eq!(matrix.nrows(), expected.nrows(), "{}", path.display());
        let largest = expected.iter().copied().fold(0.0, f64::max);
        for ((band, bin), &weight) in matrix.indexed_iter() {
            let place = format!("{}: band {band}, bin {bin}", path.display());
            assert_close(f64::from(weight), expected[(band, bin)], 1e-6 * largest, &place);
        }
    }
}

#[test]
fn chroma_filterbanks_are_the_reference_matrices() {
    for path in files("feature-chromafb") {
        let file = mat::read(&path);
        let value = |name: &str| file[name].scalar();
        let n_chroma = value("nchroma") as usize;
        let width = value("octwidth");
        let bank = ChromaFilterbank::new(ChromaFilterbankConfig {
            sample_rate: rate(value("sr")),
            n_fft: value("nfft") as usize,
            n_chroma,
            tuning: n_chroma as f64 * (value("a440") / 440.0).log2(),
            centre_octave: value("ctroct"),
            octave_width: (width > 0.0).then_some(width),
            base_c: false,
            ..ChromaFilterbankConfig::default()
        })
        .unwrap();
        for ((class, bin), &weight) in bank.weights().indexed_iter() {
            let place = format!("{}: class {class}, bin {bin}", path.display());
            assert_close(f64::from(weight), file["wts"].re[(class, bin)], 1e-6, &place);
        }
    }
}
