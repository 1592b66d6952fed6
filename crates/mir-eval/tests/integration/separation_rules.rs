//! Source separation: definitions, stored cases, silence, short and bad input, score files.

use std::fs;

use mir_core::SampleRate;
use mir_eval::{
    Error,
    separation::{
        BssEvalConfig, BssEvalScores, Distortion, FilterSpan, MAX_SOURCES, Signals, SilenceRule,
        Undefined, bss_eval, bss_eval_images, bss_eval_images_framewise, bss_eval_sources,
        bss_eval_sources_framewise, energy_sdr, improvement,
        museval::{self, Metric, Mode, MusevalConfig, TrackScores, TrackTarget, evaluate_track},
        scale_invariant, si_sdr, snr, weighted_mean,
    },
};
use mir_testkit::{assert_close, fixtures, signal::Random, test_data};
use ndarray::{Array2, Array3, Axis, s};
use serde::Deserialize;

/// The generator of the published test vectors: `x ← (1103515245·x + 12345) mod 2³¹`, `x / 2³¹ − 0.5`.
fn noise(seed: u64, samples: usize) -> Vec<f64> {
    let mut x = seed;
    let mut next = || {
        x = (1_103_515_245 * x + 12_345) % (1 << 31);
        x as f64 / f64::from(1_u32 << 31) - 0.5
    };
    (0..samples).map(|_| next()).collect()
}

/// Two mono sources with estimates, `[2, 8000, 1]`.
fn two_sources() -> (Array3<f64>, Array3<f64>) {
    let (s1, s2, n1, n2) = (noise(1, 8000), noise(2, 8000), noise(3, 8000), noise(4, 8000));
    let s2: Vec<f64> = s2.iter().map(|x| 0.5 * x).collect();
    let reference = Array3::from_shape_fn((2, 8000, 1), |(j, n, _)| [s1[n], s2[n]][j]);
    let estimate = Array3::from_shape_fn((2, 8000, 1), |(j, n, _)| {
        [0.9 * s1[n] + 0.2 * s2[n] + 0.1 * n1[n], 0.8 * s2[n] + 0.1 * s1[n] + 0.05 * n2[n]][j]
    });
    (reference, estimate)
}

fn close(actual: &[f64], expected: &[f64], case: &str) {
    assert_eq!(actual.len(), expected.len(), "{case}");
    actual.iter().zip(expected).for_each(|(a, e)| assert_close(*a, *e, 6e-6, case));
}

/// Values of the `museval` code on these signals, five decimals.
#[test]
fn the_published_vectors_come_out() {
    let (reference, estimate) = two_sources();
    let images = bss_eval_images(&reference, &estimate, true).unwrap();
    close(&images.sdr, &[15.26982, 10.45326], "SDR of images");
    close(&images.isr, &[19.67304, 13.69135], "ISR");
    close(&images.sir, &[19.11416, 12.24186], "SIR");
    close(&images.sar, &[19.64964, 18.85014], "SAR");
    let sources = bss_eval_sources(&reference, &estimate, true).unwrap();
    close(&sources.sdr, &[16.33844, 11.33790], "SDR of sources");
    close(&sources.sir, &images.sir, "the SIR is the same");
    let v4 = BssEvalConfig { window: Some(2000), hop: 1500, ..BssEvalConfig::default() };
    let scores = bss_eval(&reference, &estimate, &v4).unwrap();
    let row = |scores: &Array2<f64>| scores.row(0).to_vec();
    close(&row(&scores.sdr), &[15.30258, 15.27101, 15.24333, 15.11767, 15.30209], "v4 SDR");
    close(&row(&scores.isr), &[19.64943, 19.67038, 19.64912, 19.75513, 19.67862], "v4 ISR");
    close(&row(&scores.sir), &[18.88162, 19.01293, 18.96297, 19.02827, 19.23768], "v4 SIR");
    close(&row(&scores.sar), &[19.48091, 19.56532, 19.63283, 19.67047, 19.35150], "v4 SAR");
    let scores = bss_eval_images_framewise(&reference, &estimate, 2000, 1500, false).unwrap();
    close(&row(&scores.isr), &[18.85081, 18.62863, 18.61869, 18.26069, 18.58065], "v3 ISR");
    close(&row(&scores.sir), &[18.93722, 19.02434, 18.97434, 18.85068, 19.26580], "v3 SIR");
    close(&row(&scores.sar), &[21.46013, 21.57277, 21.56889, 21.86035, 21.47455], "v3 SAR");
    for (j, expected) in [16.06664, 11.04636].into_iter().enumerate() {
        let column = |x: &Array3<f64>| x.slice(s![j, .., 0]).to_vec();
        close(&[si_sdr(&column(&reference), &column(&estimate), true).unwrap()], &[expected], "SI");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    origin: String,
    name: String,
    metric: String,
    shape: [usize; 3],
    window: usize,
    hop: usize,
    permutation: bool,
    silent: Option<(usize, usize, usize, usize)>,
    expected: std::collections::BTreeMap<String, Vec<Vec<serde_json::Value>>>,
}

/// The signals of `generate_separation.py`.
fn signals(case: &Case) -> (Array3<f64>, Array3<f64>) {
    let [sources, samples, channels] = case.shape;
    let mut reference = Array3::zeros(case.shape);
    let mut estimate = Array3::zeros(case.shape);
    for j in 0..sources {
        for c in 0..channels {
            let mut x = noise((1 + 10 * j + c) as u64, samples);
            (1..samples).for_each(|n| x[n] += 0.5 * x[n - 1]);
            reference.slice_mut(s![j, .., c]).iter_mut().zip(x).for_each(|(r, x)| *r = x);
            let error = noise((101 + 10 * j + c) as u64, samples);
            estimate.slice_mut(s![j, .., c]).iter_mut().zip(error).for_each(|(e, x)| *e = 0.1 * x);
        }
    }
    let shared = reference.slice(s![.., .., channels - 1]).mapv(|x| 0.3 * x);
    let mut first = reference.slice_mut(s![.., .., 0]);
    first += &shared;
    estimate += &(0.9 * &reference);
    if sources > 1 {
        let order: Vec<usize> = (0..sources).map(|j| (j + 1) % sources).collect();
        estimate += &(0.2 * &reference.select(Axis(0), &order));
    }
    if case.permutation {
        estimate.invert_axis(Axis(0));
    }
    if let Some((side, source, first, last)) = case.silent {
        let last = last.min(samples);
        let side = if side == 0 { &mut reference } else { &mut estimate };
        side.slice_mut(s![source, first.min(last)..last, ..]).fill(0.0);
    }
    (reference, estimate)
}

#[test]
fn stored_cases_agree_with_mir_eval_and_museval() {
    let cases = fixtures::<Case>(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/separation.json");
    for case in &cases {
        assert!(case.origin.contains("mir_eval 0.8.2"), "{}", case.name);
        let (r, e) = signals(case);
        let (window, hop, permutation) = (case.window, case.hop, case.permutation);
        let museval = |mode| MusevalConfig { window, hop, mode, ..MusevalConfig::default() };
        let whole = |distortion| BssEvalConfig {
            window: None,
            filters: FilterSpan::Window,
            distortion,
            permutation,
            diagonal_loading: 0.0,
            ..BssEvalConfig::default()
        };
        let scores = match case.metric.as_str() {
            "sources" => bss_eval(&r, &e, &whole(Distortion::Sources)),
            "images" => bss_eval(&r, &e, &whole(Distortion::Images)),
            "sources_framewise" => bss_eval_sources_framewise(&r, &e, window, hop, permutation),
            "images_framewise" => bss_eval_images_framewise(&r, &e, window, hop, permutation),
            "museval_v4" => museval::evaluate(&r, &e, &museval(Mode::V4)),
            "museval_v3" => museval::evaluate(&r, &e, &museval(Mode::V3)),
            other => panic!("{other}"),
        };
        compare(&scores.unwrap(), case);
    }
}

fn compare(scores: &BssEvalScores, case: &Case) {
    let perm = Array2::from_shape_fn(scores.perm.dim(), |place| match scores.undefined[place] {
        None => scores.perm[place] as f64,
        Some(_) => f64::NAN,
    });
    for (name, rows) in &case.expected {
        let actual = match name.as_str() {
            "sdr" => &scores.sdr,
            "isr" => &scores.isr,
            "sir" => &scores.sir,
            "sar" => &scores.sar,
            "perm" => &perm,
            other => panic!("{other}"),
        };
        assert_eq!(actual.dim(), (rows.len(), rows[0].len()), "{} {name}", case.name);
        for (actual, expected) in actual.iter().zip(rows.iter().flatten()) {
            let expected = match expected {
                serde_json::Value::String(text) => text.parse().unwrap(),
                number => number.as_f64().unwrap(),
            };
            if expected.is_nan() {
                assert!(actual.is_nan(), "{} {name}: {actual}", case.name);
            } else if expected > 150.0 {
                // Rounding in both: the filters can imitate whatever is in so short a window. The Gram
                // matrix, which has the squares, then keeps half of the digits.
                assert!(*actual > 120.0, "{} {name}: {actual}", case.name);
            } else {
                assert_close(*actual, expected, 1e-5, &format!("{} {name}", case.name));
            }
        }
    }
}

#[test]
fn single_and_double_precision_and_every_layout_are_read_alike() {
    let (reference, estimate) = two_sources();
    let (r, e) = (reference.mapv(|x| x as f32), estimate.mapv(|x| x as f32));
    let of_single = bss_eval_sources(&r, &e, false).unwrap();
    let of_double = bss_eval_sources(&r.mapv(f64::from), &e.mapv(f64::from), false).unwrap();
    assert_eq!(of_single, of_double);
    let flat = |x: &Array3<f64>| x.index_axis(Axis(2), 0).to_owned();
    let of_two_dimensions = bss_eval_sources(&flat(&reference), &flat(&estimate), false).unwrap();
    assert_eq!(of_two_dimensions, bss_eval_sources(&reference, &estimate, false).unwrap());
    // Stereo: interleaved, planar, and in arrays of their own.
    let stereo = |x: &Array3<f64>, seed| {
        let other = noise(seed, 8000);
        let sample = |(j, n, c): (usize, usize, usize)| x[[j, n, 0]] + c as f64 * 0.3 * other[n];
        Array3::from_shape_fn((2, 8000, 2), sample)
    };
    let (r, e) = (stereo(&reference, 9), stereo(&estimate, 8));
    let interleaved = bss_eval_images(&r, &e, false).unwrap();
    let planar = r.view().permuted_axes([0, 2, 1]).as_standard_layout().into_owned();
    let planar = planar.view().permuted_axes([0, 2, 1]);
    assert_eq!(bss_eval_images(&planar, &e, false).unwrap(), interleaved);
    let (first, second) = (r.slice(s![..1, .., ..]), r.slice(s![1.., .., ..]));
    let separate = [Signals::from(&first), Signals::from(&second)];
    let together = Signals::together(&separate).unwrap();
    assert_eq!(bss_eval_images(together, &e, false).unwrap(), interleaved);
}

#[test]
fn a_silent_source_gives_a_reason_and_no_error() {
    let (reference, mut estimate) = two_sources();
    estimate.slice_mut(s![1, 2000..4000, ..]).fill(0.0);
    let config = BssEvalConfig { window: Some(2000), hop: 2000, ..BssEvalConfig::default() };
    let scores = bss_eval(&reference, &estimate, &config).unwrap();
    for (window, values) in scores.sir.columns().into_iter().enumerate() {
        assert!(values.iter().all(|x| x.is_nan() == (window == 1)), "window {window}");
    }
    assert_eq!(scores.undefined[[0, 1]], Some(Undefined::SilentEstimate(1)));
    // The rule of targets keeps the other source, and the SDR.
    let config = BssEvalConfig { silence: SilenceRule::Target, ..config };
    let scores = bss_eval(&reference, &estimate, &config).unwrap();
    assert!(scores.sir[[0, 1]].is_finite() && scores.undefined[[0, 1]].is_none());
    assert_close(scores.sdr[[1, 1]], 0.0, 1e-12, "SDR of a silent estimate");
    assert!(scores.sir[[1, 1]].is_nan());
    // Silent throughout.
    let mut silent = reference.clone();
    silent.slice_mut(s![0, .., ..]).fill(0.0);
    let scores = bss_eval_images(&silent, &estimate, true).unwrap();
    assert_eq!(scores.undefined, [Some(Undefined::SilentReference(0)); 2]);
    assert!(scores.sdr.iter().all(|x| x.is_nan()));
    let scores = bss_eval(&silent, &estimate, &config).unwrap();
    // Nothing else sounds that could interfere.
    assert!(scores.sir[[1, 0]] > 150.0 && scores.sar[[1, 0]].is_finite());
    assert!(scores.sdr[[0, 0]].is_nan());
}

#[test]
fn perfect_and_single_sources_are_infinite_or_far_up() {
    let (reference, estimate) = two_sources();
    let scores = bss_eval_images(&reference, &reference, true).unwrap();
    assert_eq!(scores.sdr, [f64::INFINITY; 2]);
    assert!(scores.sir.iter().chain(&scores.sar).chain(&scores.isr).all(|&x| x > 200.0));
    let one = |x: &Array3<f64>| x.slice(s![..1, .., ..]).to_owned();
    let scores = bss_eval_images(&one(&reference), &one(&estimate), true).unwrap();
    assert_eq!(scores.sir, [f64::INFINITY]);
}

#[test]
fn equal_channels_and_equal_sources_do_no_harm() {
    let (reference, estimate) = two_sources();
    let mono = bss_eval_images(&reference, &estimate, false).unwrap();
    let doubled = |x| Signals::from(x).with_channels(2).unwrap();
    let stereo = bss_eval_images(doubled(&reference), doubled(&estimate), false).unwrap();
    close(&stereo.sdr, &mono.sdr, "SDR");
    close(&stereo.sir, &mono.sir, "SIR");
    close(&stereo.sar, &mono.sar, "SAR");
    // A third source that is the first, three samples late: not recognised by channels, but singular.
    let late = |x: &Array3<f64>| {
        let sample = |(j, n, _): (usize, usize, usize)| match j {
            2 => {
                if n < 3 {
                    0.0
                } else {
                    x[[0, n - 3, 0]]
                }
            }
            j => x[[j, n, 0]],
        };
        Array3::from_shape_fn((3, 8000, 1), sample)
    };
    let scores = bss_eval_images(&late(&reference), &late(&estimate), false).unwrap();
    assert!((scores.sar[0] - mono.sar[0]).abs() < 0.1, "{} and {}", scores.sar[0], mono.sar[0]);
}

#[test]
fn short_signals_and_windows_have_scores() {
    let (reference, estimate) = two_sources();
    for samples in [1, 2, 30, 700] {
        let cut = |x: &Array3<f64>| x.slice(s![.., ..samples, ..]).to_owned();
        let (r, e) = (cut(&reference), cut(&estimate));
        let scores = bss_eval_images_framewise(&r, &e, 1000, 500, true).unwrap();
        assert_eq!(scores.sdr.dim(), (2, 1));
        assert!(scores.sdr.iter().all(|x| x.is_finite()), "{samples} samples");
        assert!(scores.sar.iter().all(|x| !x.is_nan()), "{samples} samples");
    }
    let none = Array3::<f64>::zeros((0, 100, 1));
    assert!(bss_eval_sources(&none, &none, true).unwrap().sdr.is_empty());
    let none = Array3::<f32>::zeros((2, 0, 1));
    assert!(bss_eval_images(&none, &none, true).unwrap().perm.is_empty());
}

#[test]
fn bad_input_is_refused_by_name() {
    let (reference, estimate) = two_sources();
    let short = estimate.slice(s![.., ..4000, ..]);
    let refused = bss_eval_sources(&reference, &short, true);
    assert!(matches!(refused, Err(Error::SignalShape { expected: [2, 8000, 1], .. })));
    // museval pads.
    let config = MusevalConfig { window: 2000, hop: 2000, ..MusevalConfig::default() };
    let padded = museval::evaluate(&reference, &short, &config).unwrap();
    assert!(padded.sdr[[0, 1]].is_finite() && padded.sdr[[0, 2]].is_nan());
    let strict = MusevalConfig { padding: false, ..config };
    let refused = museval::evaluate(&reference, &short, &strict);
    assert!(matches!(refused, Err(Error::SignalShape { .. })));
    let mut broken = estimate.clone();
    broken[[1, 77, 0]] = f64::NAN;
    let refused = bss_eval_sources(&reference, &broken, true);
    assert!(matches!(refused, Err(Error::InvalidSample { signal: 1, sample: 77, .. })));
    let many = Array3::<f32>::ones((MAX_SOURCES + 1, 10, 1));
    let refused = bss_eval_sources(&many, &many, true);
    assert!(matches!(refused, Err(Error::TooManySources { actual: 101, .. })));
    for (window, hop, name) in [(0, 1, "window"), (1, 0, "hop")] {
        let refused = bss_eval_images_framewise(&reference, &estimate, window, hop, false);
        assert!(matches!(refused, Err(Error::Config { field, .. }) if field == name));
    }
    assert!(matches!(snr(&[1.0], &[1.0, 2.0]), Err(Error::Length { .. })));
    assert!(Signals::from(&Array3::<f32>::zeros((1, 5, 2))).with_channels(4).is_none());
}

#[test]
fn scale_invariant_ratios_add_up() {
    let (reference, estimate) = two_sources();
    let scores = scale_invariant(&reference, &estimate, true).unwrap();
    for j in 0..2 {
        let part = |x: f64| 10_f64.powf(-x / 10.0);
        let sum = part(scores.si_sir[j]) + part(scores.si_sar[j]);
        assert_close(sum, part(scores.si_sdr[j]), 1e-12, "the errors are orthogonal");
    }
    close(&scores.si_sdr, &[16.06664, 11.04636], "SI-SDR");
    // One tap, sources: the same SDR and SIR.
    let config = BssEvalConfig {
        window: None,
        filter_length: 1,
        distortion: Distortion::Sources,
        diagonal_loading: 0.0,
        ..BssEvalConfig::default()
    };
    let one_tap = bss_eval(&reference, &estimate, &config).unwrap();
    let plain = scale_invariant(&reference, &estimate, false).unwrap();
    for j in 0..2 {
        assert_close(one_tap.sdr[[j, 0]], plain.si_sdr[j], 1e-8, "SDR");
        assert_close(one_tap.sir[[j, 0]], plain.si_sir[j], 1e-8, "SIR");
    }
    let (zeros, ones) = (Array3::<f64>::zeros((1, 9, 1)), Array3::<f64>::ones((1, 9, 1)));
    let silent = scale_invariant(&zeros, &ones, false);
    assert!(silent.unwrap().si_sdr[0].is_nan());
}

#[test]
fn plain_ratios_have_their_values_at_the_edges() {
    let nothing = [0.0_f32; 3];
    assert_close(energy_sdr(&nothing, &nothing, 1e-7).unwrap(), 0.0, 0.0, "nothing of nothing");
    assert_close(snr(&[1.0, 2.0], &[1.0, 2.0]).unwrap(), f64::INFINITY, 0.0, "nothing is missing");
    assert_close(snr(&[1.0, -1.0], &[0.9, -0.9]).unwrap(), 20.0, 1e-9, "a tenth is missing");
    assert!(si_sdr(&nothing, &[1.0, 2.0, 3.0], true).unwrap().is_nan());
    assert_eq!(weighted_mean(&[1.0, 4.0, f64::NAN], &[2.0, 1.0, 5.0]).unwrap(), Some(2.0));
    assert_eq!(weighted_mean(&[], &[]).unwrap(), None);
    let (reference, estimate) = two_sources();
    let mixture = reference.sum_axis(Axis(0)).insert_axis(Axis(0));
    let gain = improvement(&reference, &estimate, &mixture).unwrap();
    assert!(gain.sdr.iter().all(|&x| x > 3.0), "{:?}", gain.sdr);
    let same = improvement(&reference, Signals::from(&mixture).with_sources(2).unwrap(), &mixture);
    assert_eq!(same.unwrap().sdr, [0.0, 0.0]);
}

#[test]
fn the_best_order_puts_swapped_estimates_back() {
    let (reference, estimate) = two_sources();
    let swapped = estimate.select(Axis(0), &[1, 0]);
    let straight = bss_eval_images(&reference, &estimate, true).unwrap();
    let back = bss_eval_images(&reference, &swapped, true).unwrap();
    assert_eq!(back.perm, [1, 0]);
    close(&back.sdr, &straight.sdr, "SDR");
    // A silent window does not decide: museval would take the first order.
    let mut silent = swapped.clone();
    silent.slice_mut(s![0, ..2000, ..]).fill(0.0);
    let v4 =
        BssEvalConfig { window: Some(2000), hop: 2000, permutation: true, ..Default::default() };
    let scores = bss_eval(&reference, &silent, &v4).unwrap();
    assert_eq!(scores.perm.column(3).to_vec(), [1, 0]);
}

#[test]
fn tracks_follow_the_protocol_of_musdb() {
    let mut random = Random::new(3);
    let mut make = || Array3::from_shape_simple_fn((1, 3000, 2), || random.uniform() as f32 - 0.5);
    let stems: Vec<(Array3<f32>, Array3<f32>)> = (0..3).map(|_| (make(), make())).collect();
    let target = |name, i: usize| TrackTarget {
        name,
        reference: Signals::from(&stems[i].0),
        estimate: Signals::from(&stems[i].1),
    };
    let targets = [target("vocals", 0), target("accompaniment", 1), target("drums", 2)];
    let rate = SampleRate::new(1000).unwrap();
    let scores = evaluate_track(&targets, rate, 1.0, 1.0, &MusevalConfig::default()).unwrap();
    let names: Vec<&str> = scores.targets.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["drums", "vocals", "accompaniment"]);
    assert_eq!(scores.targets[0].frames.len(), 3);
    let alone = evaluate_track(&targets[..1], rate, 1.0, 1.0, &MusevalConfig::default()).unwrap();
    assert!(alone.targets.is_empty());
    let read = TrackScores::from_json(&scores.to_json()).unwrap();
    assert_eq!(read.targets.len(), 3);
    let (a, b) = (read.targets[1].frames[2].metrics.sir, scores.targets[1].frames[2].metrics.sir);
    assert!((a.unwrap() - b.unwrap()).abs() <= 5.000_001e-6);
}

#[test]
fn score_files_are_read_and_written_again() {
    let text = "{\"targets\": [{\"name\": \"a \\\"NaN\\\"\", \"frames\": [{\"time\": 0.0, \"duration\": 1.0,
        \"metrics\": {\"SDR\": NaN, \"SIR\": -Infinity, \"SAR\": null, \"ISR\": 1.5}}]}]}";
    let scores = TrackScores::from_json(text).unwrap();
    assert_eq!(scores.targets[0].name, "a \"NaN\"");
    assert_eq!(scores.targets[0].frames[0].metrics.sdr, None);
    let summary = scores.summary("a \"NaN\"", Metric::Isr).unwrap();
    assert_close(summary.median, 1.5, 0.0, "median");
    assert!(matches!(scores.summary("b", Metric::Sdr), Err(Error::UnknownTarget { .. })));
    assert_eq!(TrackScores::from_json(&scores.to_json()).unwrap(), scores);
    assert!(matches!(TrackScores::from_json("{\"targets\": 1}"), Err(Error::ScoreFile { .. })));

    let Some(file) = test_data("musdb18-sample/museval/Music Delta - 80s Rock.json") else {
        return;
    };
    let text = fs::read_to_string(file).unwrap();
    let scores = TrackScores::from_json(&text).unwrap();
    assert_eq!(scores.targets.len(), 2);
    assert_eq!(scores.to_json().trim_end(), text.trim_end());
}
