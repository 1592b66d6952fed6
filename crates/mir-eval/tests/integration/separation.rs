//! Source separation: stored results of BSS Eval and of its ports.

use std::{fs, path::Path};

use mir_eval::separation::{
    BssEvalScores, bss_eval_images, bss_eval_images_framewise, bss_eval_sources,
    bss_eval_sources_framewise,
};
use mir_testkit::{assert_close, test_data};
use ndarray::{Array2, Array3};
use serde_json::Value;

/// The WAV files of a folder in the order of their names, channels averaged: `[sources, samples]`.
fn wav_folder(folder: &Path) -> Array2<f64> {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let read = |file: &std::path::PathBuf| -> Vec<f64> {
        let mut wav = hound::WavReader::open(file).unwrap();
        let channels = usize::from(wav.spec().channels);
        let samples: Vec<f64> =
            wav.samples::<i16>().map(|x| f64::from(x.unwrap()) / 32768.0).collect();
        samples.chunks(channels).map(|frame| frame.iter().sum::<f64>() / channels as f64).collect()
    };
    let sources: Vec<Vec<f64>> = files.iter().map(read).collect();
    Array2::from_shape_fn((sources.len(), sources[0].len()), |(source, n)| sources[source][n])
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} in {value}"))
}

/// The images that the stored scores were computed on: further channels are the first times a gain.
fn images(mono: &Array2<f64>, gain: f64, case: &Value) -> Array3<f64> {
    let shape = (mono.nrows(), mono.ncols(), number(case, "nchan") as usize);
    let sample = |(source, n, channel)| mono[[source, n]] * if channel == 0 { 1.0 } else { gain };
    Array3::from_shape_fn(shape, sample)
}

fn list(value: &Value) -> Vec<f64> {
    let number = |x: &Value| match x {
        Value::Null => f64::INFINITY,
        x => x.as_f64().unwrap(),
    };
    value.as_array().unwrap().iter().map(number).collect()
}

fn check(actual: &[f64], expected: &Value, tolerance: f64, case: &str) {
    let expected = list(expected);
    assert_eq!(actual.len(), expected.len(), "{case}");
    for (actual, expected) in actual.iter().zip(expected) {
        assert_close(*actual, expected, tolerance, case);
    }
}

fn check_frames(
    scores: &BssEvalScores,
    expected: &Value,
    has_isr: bool,
    tolerance: f64,
    case: &str,
) {
    let parts = [
        (&scores.sdr, "Source to Distortion"),
        (&scores.sir, "Source to Interference"),
        (&scores.sar, "Source to Artifact"),
        (&scores.isr, "Image to Spatial"),
    ];
    for (actual, key) in &parts[..if has_isr { 4 } else { 3 }] {
        for (source, row) in actual.rows().into_iter().enumerate() {
            let case = format!("{case}, {key} of source {source}");
            check(&row.to_vec(), &expected[key][source], tolerance, &case);
        }
    }
    let perm = scores.perm.mapv(|estimate| estimate as f64);
    for (source, row) in perm.rows().into_iter().enumerate() {
        check(&row.to_vec(), &expected["Source permutation"][source], 0.0, case);
    }
}

/// The stored scores stem from the MATLAB toolbox.
#[test]
fn the_scores_of_the_matlab_toolbox_come_out() {
    let Some(folder) = test_data("mir_eval/separation") else { return };
    let mut checked = 0;
    for case in ["01", "03", "06", "07", "09"] {
        let text = fs::read_to_string(folder.join(format!("output{case}.json"))).unwrap();
        // Infinity is no JSON.
        let stored: Value = serde_json::from_str(&text.replace("Infinity", "null")).unwrap();
        let reference = wav_folder(&folder.join(format!("ref{case}")));
        let estimate = wav_folder(&folder.join(format!("est{case}")));
        let tolerance = 0.01;

        let scores = bss_eval_sources(&reference, &estimate, true).unwrap();
        let expected = &stored["Sources"];
        check(&scores.sdr, &expected["Source to Distortion"], tolerance, case);
        check(&scores.sir, &expected["Source to Interference"], tolerance, case);
        check(&scores.sar, &expected["Source to Artifact"], tolerance, case);
        let perm: Vec<f64> = scores.perm.iter().map(|&x| x as f64).collect();
        check(&perm, &expected["Source permutation"], 0.0, case);

        let expected = &stored["Framewise"];
        let (window, hop) = (number(expected, "win") as usize, number(expected, "hop") as usize);
        let scores = bss_eval_sources_framewise(&reference, &estimate, window, hop, false).unwrap();
        check_frames(&scores, expected, false, tolerance, &format!("{case} framewise"));

        let expected = &stored["Images"];
        let (r, e) = (
            images(&reference, 1.0, expected),
            images(&estimate, number(expected, "gain"), expected),
        );
        let scores = bss_eval_images(&r, &e, true).unwrap();
        let name = format!("{case} images");
        check(&scores.sdr, &expected["Source to Distortion"], tolerance, &name);
        check(&scores.isr, &expected["Image to Spatial"], tolerance, &name);
        check(&scores.sir, &expected["Source to Interference"], tolerance, &name);
        check(&scores.sar, &expected["Source to Artifact"], tolerance, &name);

        let expected = &stored["Images Framewise"];
        let (r, e) = (
            images(&reference, 1.0, expected),
            images(&estimate, number(expected, "gain"), expected),
        );
        let (window, hop) = (number(expected, "win") as usize, number(expected, "hop") as usize);
        let scores = bss_eval_images_framewise(&r, &e, window, hop, false).unwrap();
        check_frames(&scores, expected, true, tolerance, &format!("{case} images framewise"));
        checked += 1;
    }
    assert_eq!(checked, 5);
}
