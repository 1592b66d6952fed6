//! The regression files of mir_eval itself, where the test data is at hand.

use std::{collections::BTreeMap, fs, path::Path};

use mir_eval::{
    NamedScores,
    multipitch::{self, MultipitchConfig},
    onset::{self, OnsetConfig},
    transcription::{self, TranscriptionConfig},
    transcription_velocity::{self, TranscriptionVelocityConfig, VelocityNotes},
};
use mir_testkit::test_data;

use crate::stored_cases::assert_entries;

/// Rows of numbers; `#` starts a comment.
fn rows(path: &Path) -> Vec<Vec<f64>> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let number = |field: &str| -> f64 { field.parse().unwrap() };
    lines.map(|line| line.split_whitespace().map(number).collect()).collect()
}

/// Runs one task on its seven cases and compares with the stored scores.
fn check<S: NamedScores>(task: &str, score: impl Fn(Vec<Vec<f64>>, Vec<Vec<f64>>) -> S) {
    let Some(folder) = test_data(&format!("mir_eval/{task}")) else {
        return;
    };
    let mut checked = 0;
    for number in 0..10 {
        let file = |kind: &str, extension: &str| {
            let name = |n: String| folder.join(format!("{kind}{n}.{extension}"));
            let long = name(format!("{number:02}"));
            if long.exists() { long } else { name(number.to_string()) }
        };
        let output = file("output", "json");
        if !output.exists() {
            continue;
        }
        let expected: BTreeMap<String, f64> =
            serde_json::from_str(&fs::read_to_string(output).unwrap()).unwrap();
        let scores = score(rows(&file("ref", "txt")), rows(&file("est", "txt")));
        assert_entries(&scores, &expected, 1e-9, &format!("{task} {number}"));
        checked += 1;
    }
    assert_eq!(checked, 7, "cases of {task}");
}

fn column(rows: &[Vec<f64>], index: usize) -> Vec<f64> {
    rows.iter().map(|row| row[index]).collect()
}

fn intervals(rows: &[Vec<f64>]) -> Vec<[f64; 2]> {
    rows.iter().map(|row| [row[0], row[1]]).collect()
}

#[test]
fn the_transcription_files_score_as_published() {
    check("transcription", |r, e| {
        let config = TranscriptionConfig::default();
        let (r_hz, e_hz) = (column(&r, 2), column(&e, 2));
        transcription::evaluate_hz(&intervals(&r), &r_hz, &intervals(&e), &e_hz, &config).unwrap()
    });
}

#[test]
fn the_transcription_velocity_files_score_as_published() {
    check("transcription_velocity", |r, e| {
        // The stored scores were computed with MIDI numbers in place of frequencies.
        let hz = |rows: &[Vec<f64>]| column(rows, 2);
        let (r_intervals, r_hz, r_velocities) = (intervals(&r), hz(&r), column(&r, 3));
        let (e_intervals, e_hz, e_velocities) = (intervals(&e), hz(&e), column(&e, 3));
        transcription_velocity::evaluate_hz(
            VelocityNotes { intervals: &r_intervals, hz: &r_hz, velocities: &r_velocities },
            VelocityNotes { intervals: &e_intervals, hz: &e_hz, velocities: &e_velocities },
            &TranscriptionVelocityConfig::default(),
        )
        .unwrap()
    });
}

#[test]
fn the_onset_files_score_as_published() {
    check("onset", |r, e| {
        onset::evaluate(&column(&r, 0), &column(&e, 0), &OnsetConfig::default()).unwrap()
    });
}

#[test]
fn the_multipitch_files_score_as_published() {
    check("multipitch", |r, e| {
        let frequencies = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
            let nonzero = |row: &Vec<f64>| row[1..].iter().copied().filter(|&f| f != 0.0).collect();
            rows.iter().map(nonzero).collect()
        };
        let config = MultipitchConfig::default();
        let (r_times, e_times) = (column(&r, 0), column(&e, 0));
        multipitch::evaluate_hz(&r_times, &frequencies(&r), &e_times, &frequencies(&e), &config)
            .unwrap()
    });
}
