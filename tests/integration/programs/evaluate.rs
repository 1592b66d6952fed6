//! The program `evaluate` on the regression files of mir_eval: the stored numbers, under mir_eval's names
//! in mir_eval's order; and what it says when it is used wrongly.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use mir_audio::{LoadOptions, WavFormat, load, write_wav};
use mir_core::AudioBuffer;
use mir_testkit::{assert_close, test_data};
use serde_json::{Map, Value};

use super::{Folder, assert_done, assert_fails, program, stderr};

/// The names of all scores in the order of mir_eval 0.8.2.
const NAMES: &str = include_str!("../../fixtures/mir_eval_names.json");

/// Tasks whose cases are one file a side: extension of the annotations, and number of cases.
const FILE_TASKS: [(&str, &str, usize); 12] = [
    ("alignment", "txt", 3),
    ("beat", "txt", 7),
    ("chord", "lab", 7),
    ("key", "txt", 7),
    ("melody", "txt", 7),
    ("multipitch", "txt", 7),
    ("onset", "txt", 7),
    ("pattern", "txt", 2),
    ("segment", "lab", 7),
    ("tempo", "lab", 3),
    ("transcription", "txt", 7),
    ("transcription_velocity", "txt", 7),
];

fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    super::run(program("evaluate").args(arguments))
}

/// Runs a task with `--output` and reads what it stored, names in order.
fn scores(arguments: &[&str]) -> Vec<(String, Value)> {
    let folder = Folder::new();
    let file = folder.text("scores.json");
    let output = run([arguments, &["--quiet", "--output", &file]].concat());
    assert_done(&output);
    assert!(output.stdout.is_empty(), "--quiet prints nothing");
    let text = fs::read_to_string(file).unwrap();
    let Value::Object(values) = python_json(&text) else { panic!("{text}") };
    let mut entries: Vec<(String, Value)> = values.into_iter().collect();
    // The order of the text: a map of serde_json may be sorted.
    entries.sort_by_key(|(name, _)| text.find(&format!("\"{name}\": ")));
    entries
}

/// JSON as Python writes it, where NaN and infinities are words of their own: `null` here.
fn python_json(text: &str) -> Value {
    let text = text.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null");
    serde_json::from_str(&text).unwrap()
}

fn names(task: &str) -> Vec<String> {
    let all: Map<String, Value> = serde_json::from_str(NAMES).unwrap();
    serde_json::from_value(all[task].clone()).unwrap()
}

fn assert_scores(task: &str, case: &str, scores: &[(String, Value)], stored: &Path) {
    let found: Vec<&String> = scores.iter().map(|(name, _)| name).collect();
    assert_eq!(found, names(task).iter().collect::<Vec<_>>(), "{case}: names and order");
    let stored: Map<String, Value> =
        serde_json::from_str(&fs::read_to_string(stored).unwrap()).unwrap();
    assert_eq!(scores.len(), stored.len(), "{case}");
    let number = |value: &Value| value.as_f64().or(value.as_bool().map(f64::from)).unwrap();
    for (name, value) in scores {
        let expected = &stored[name];
        assert_eq!(value.is_boolean(), expected.is_boolean(), "{case}: {name}");
        assert_close(number(value), number(expected), 1e-9, &format!("{case}: {name}"));
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The file beside `output…` that starts with another word.
fn beside(output: &Path, kind: &str, extension: &str) -> PathBuf {
    let stem = output.file_stem().unwrap().to_str().unwrap().replace("output", kind);
    output.with_file_name(format!("{stem}.{extension}"))
}

#[test]
fn the_regression_files_score_as_stored() {
    for (task, extension, cases) in FILE_TASKS {
        let Some(folder) = test_data(&format!("mir_eval/{task}")) else { return };
        let mut checked = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let output = entry.unwrap().path();
            if !text(&output).ends_with(".json") {
                continue;
            }
            let (reference, estimate) =
                (beside(&output, "ref", extension), beside(&output, "est", extension));
            let scores = scores(&[task, text(&reference), text(&estimate)]);
            assert_scores(task, text(&output), &scores, &output);
            checked += 1;
        }
        assert_eq!(checked, cases, "cases of {task}");
    }
}

#[test]
fn hierarchies_take_several_files_a_side() {
    let Some(folder) = test_data("mir_eval/hierarchy") else { return };
    let file = |name: &str| text(&folder.join(name)).to_owned();
    for window in ["05", "30"] {
        let scores = scores(&[
            "hierarchy",
            "--ref",
            &file("ref00.lab"),
            &file("ref01.lab"),
            "--est",
            &file("est00.lab"),
            "--est",
            &file("est01.lab"),
            "--window",
            window.trim_start_matches('0'),
        ]);
        let stored = folder.join(format!("output_w={window}.json"));
        assert_scores("hierarchy", window, &scores, &stored);
    }
}

/// Compares with 0.01 dB: the stored values come from an older solver.
fn assert_separation(case: &str, scores: &[(String, Value)], prefix: &str, stored: &Value) {
    for (name, expected) in stored.as_object().unwrap() {
        let Some((_, value)) = scores.iter().find(|(n, _)| *n == format!("{prefix} - {name}"))
        else {
            continue;
        };
        let flat = |value: &Value| -> Vec<f64> {
            let row = |row: &Value| match row {
                Value::Array(row) => row.iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect(),
                number => vec![number.as_f64().unwrap_or(f64::NAN)],
            };
            value.as_array().unwrap().iter().flat_map(row).collect()
        };
        let (value, expected) = (flat(value), flat(expected));
        assert_eq!(value.len(), expected.len(), "{case}: {prefix} - {name}");
        for (value, expected) in value.into_iter().zip(expected) {
            if expected.is_nan() {
                assert!(value.is_nan(), "{case}: {prefix} - {name}");
            } else {
                assert_close(value, expected, 0.01, &format!("{case}: {prefix} - {name}"));
            }
        }
    }
}

#[test]
fn separated_sources_score_as_stored() {
    let Some(folder) = test_data("mir_eval/separation") else { return };
    let mut checked = 0;
    for case in ["01", "03", "06", "07", "09"] {
        let stored = fs::read_to_string(folder.join(format!("output{case}.json"))).unwrap();
        let stored = python_json(&stored);
        let side = |kind: &str| text(&folder.join(format!("{kind}{case}"))).to_owned();
        let frames = &stored["Framewise"];
        let (window, hop) = (frames["win"].to_string(), frames["hop"].to_string());
        let scores =
            scores(&["separation", &side("ref"), &side("est"), "--window", &window, "--hop", &hop]);
        let found: Vec<String> = scores.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(found, names("separation"), "{case}: names and order");
        assert_separation(case, &scores, "Sources", &stored["Sources"]);
        assert_separation(case, &scores, "Sources Frames", frames);
        checked += 1;
    }
    assert_eq!(checked, 5);
}

#[test]
fn sources_with_channels_are_scored_as_images_only() {
    let Some(folder) = test_data("mir_eval/separation") else { return };
    let stereo = Folder::new();
    for (side, gain) in [("ref01", 1.0), ("est01", 0.5)] {
        for name in ["0.wav", "1.wav"] {
            let mono = load(folder.join(side).join(name), &LoadOptions::default()).unwrap();
            let left = mono.channel(0).to_vec();
            let right: Vec<f32> = left.iter().rev().map(|x| x * gain).collect();
            let audio = AudioBuffer::from_channels(mono.sample_rate(), &[left, right]).unwrap();
            let path = stereo.new_file(&format!("{side}/{name}"));
            write_wav(path, &audio, WavFormat::Float32).unwrap();
        }
    }
    let (reference, estimate) = (stereo.text("ref01"), stereo.text("est01"));
    let scores = scores(&["separation", &reference, &estimate, "--multichannel"]);
    let mut images = names("separation");
    images.retain(|name| name.starts_with("Images"));
    assert_eq!(scores.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), images);
}

#[test]
fn folders_give_every_piece_and_the_aggregate() {
    let folder = Folder::new();
    for (piece, estimate) in [("a", "1.0\n2.0\n"), ("b", "1.0\n9.0\n"), ("c", "soon\n")] {
        folder.write(&format!("ref/{piece}.txt"), "1.0\n2.0\n");
        folder.write(&format!("est/{piece}.csv"), estimate);
    }
    folder.write("ref/d.txt", "1.0\n");
    let output = run([
        "onset",
        &folder.text("ref"),
        &folder.text("est"),
        "--csv",
        &folder.text("scores.csv"),
        "--json",
        &folder.text("scores.json"),
        "--output",
        &folder.text("mir_eval.json"),
    ]);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("2 scored, 2 not") && message.contains("d.txt has no estimate"),
        "{message}"
    );
    assert!(message.contains("c.csv, line 1: time is 'soon'"), "{message}");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("mean          0.7500     0.7500  0.7500"), "{table}");
    assert!(
        table.contains("over 2 pieces, interval of the mean by 10000 bootstrap samples"),
        "{table}"
    );
    let csv = fs::read_to_string(folder.text("scores.csv")).unwrap();
    assert_eq!(csv, "piece,F-measure,Precision,Recall\na,1,1,1\nb,0.5,0.5,0.5\n");
    let json: Value =
        serde_json::from_str(&fs::read_to_string(folder.text("scores.json")).unwrap()).unwrap();
    assert_eq!(json["summary"][0]["summary"]["mean"], 0.75);
    assert_eq!(json["summary"][0]["interval"]["low"], 0.5);
    let stored = fs::read_to_string(folder.text("mir_eval.json")).unwrap();
    assert!(stored.starts_with(r#"{"a": {"F-measure": 1.0, "#), "{stored}");
}

#[test]
fn wrong_use_is_refused_with_what_would_be_right() {
    let folder = Folder::new();
    let beats = folder.write("beats.txt", "6.0\n7.0\n");
    let late = folder.write("late.txt", "6.0\n5.0\n");
    let (none, root) = (folder.text("none.txt"), folder.text(""));
    let cases: [(&[&str], i32, &str); 9] = [
        (&["melodi", &beats, &beats], 2, "'melody'"),
        (&["beat", &beats, &beats, "--trm"], 2, "'--trim'"),
        (&["beat", &beats, &beats, "--hop", "1"], 2, "unknown field `hop`"),
        (&["onset", &beats, &beats, "--set", "windw=1"], 2, "did you mean 'window'?"),
        (&["onset", &beats, &beats, "--window=-1"], 2, "window is -1"),
        (&["beat", &beats, &root], 2, "two files or two folders"),
        (&["beat", &beats, &none], 3, "none.txt"),
        (&["beat", &beats, &late], 3, "estimate: time 1 is 5 s, after 6 s"),
        (&["beat", &beats, &beats, "--output", &beats], 2, "it is not overwritten"),
    ];
    for (arguments, code, expected) in cases {
        assert_fails(&run(arguments), code, &[expected]);
    }
    assert_eq!(fs::read_to_string(&beats).unwrap(), "6.0\n7.0\n");
}

#[test]
fn a_batch_answers_line_by_line() {
    let folder = Folder::new();
    let lines = [
        r#"{"config": {"task": "onset"}, "reference": [1.0], "estimate": [1.0]}"#,
        r#"{"config": {"task": "onset", "window": 0.1}, "reference": [2.0, 1.0], "estimate": []}"#,
        r#"{"config": {"task": "key"}, "reference": "C major", "estimate": "G major"}"#,
    ];
    let cases = folder.write("cases.jsonl", lines.join("\n"));
    assert_done(&run(["--batch", &cases, "--output", &folder.text("scores.jsonl")]));
    let answers = fs::read_to_string(folder.text("scores.jsonl")).unwrap();
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[0], r#"{"F-measure": 1.0, "Precision": 1.0, "Recall": 1.0}"#);
    assert!(
        answers[1].contains("error") && answers[1].contains("sort the times"),
        "{}",
        answers[1]
    );
    assert_eq!(answers[2], r#"{"Weighted Score": 0.5}"#);
}
