//! The regression files of mir_eval itself, where the test data is at hand.

use std::{collections::BTreeMap, fs, path::Path};

use mir_eval::{
    NamedScores,
    alignment::{self, AlignmentConfig},
    beat::{self, BeatConfig},
    chord,
    hierarchy::{self, HierarchyConfig, Level},
    key,
    melody::{self, MelodyConfig, MelodySeries},
    multipitch::{self, MultipitchConfig},
    onset::{self, OnsetConfig},
    pattern::{self, PatternConfig},
    segment::{self, SegmentConfig},
    tempo::{self, TempoConfig},
    text,
    transcription::{self, TranscriptionConfig},
    transcription_velocity::{self, TranscriptionVelocityConfig, VelocityNotes},
};
use mir_testkit::test_data;
use serde_json::Value;

use crate::stored_cases::assert_entries;

/// Rows of numbers; `#` starts a comment.
fn rows(path: &Path) -> Vec<Vec<f64>> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let number = |field: &str| -> f64 { field.parse().unwrap() };
    lines.map(|line| line.split_whitespace().map(number).collect()).collect()
}

/// Runs one task on its seven cases of number tables and compares with the stored scores.
fn check<S: NamedScores>(task: &str, score: impl Fn(Vec<Vec<f64>>, Vec<Vec<f64>>) -> S) {
    check_files(task, "txt", 7, |r, e| score(rows(r), rows(e)));
}

/// Runs one task on its cases and compares with the stored scores.
fn check_files<S: NamedScores>(
    task: &str,
    annotation: &str,
    cases: usize,
    score: impl Fn(&Path, &Path) -> S,
) {
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
        let scores = score(&file("ref", annotation), &file("est", annotation));
        assert_entries(&scores, &stored(&output), 1e-9, &format!("{task} {number}"));
        checked += 1;
    }
    assert_eq!(checked, cases, "cases of {task}");
}

/// Stored scores; yes and no are 1 and 0.
fn stored(path: &Path) -> BTreeMap<String, f64> {
    let values: BTreeMap<String, Value> =
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let number = |value: Value| {
        value.as_f64().or(value.as_bool().map(f64::from)).expect("a number, or yes or no")
    };
    values.into_iter().map(|(name, value)| (name, number(value))).collect()
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

fn score_melody(reference: &Path, estimate: &Path) -> melody::MelodyScores {
    let (r_times, r_hz) = text::read_time_series(reference).unwrap();
    let (e_times, e_hz) = text::read_time_series(estimate).unwrap();
    let series = |times, hz| MelodySeries { times, hz, voicing: None };
    let config = MelodyConfig::default();
    melody::evaluate_hz(series(&r_times, &r_hz), series(&e_times, &e_hz), &config).unwrap()
}

#[test]
fn the_melody_files_score_as_published() {
    check_files("melody", "txt", 7, score_melody);
}

#[test]
fn a_reward_and_a_voicing_beside_the_melody_are_read_and_used() {
    let Some(folder) = test_data("mir_eval/melody") else {
        return;
    };
    let read = |name: &str| text::read_time_series(folder.join(name)).unwrap();
    let (r_times, r_hz) = read("ref00.txt");
    let (e_times, e_hz) = read("est00.txt");
    let (reward, voicing) = (read("reward00.txt").1, read("voicingest00.txt").1);
    let scores = melody::evaluate_hz(
        MelodySeries { times: &r_times, hz: &r_hz, voicing: Some(&reward) },
        MelodySeries { times: &e_times, hz: &e_hz, voicing: Some(&voicing) },
        &MelodyConfig::default(),
    )
    .unwrap();
    // mir_eval 0.8.2 on the same files.
    let expected = REWARDED.map(|(name, value)| (name.to_owned(), value)).into();
    assert_entries(&scores, &expected, 1e-9, "melody 00 with reward and voicing");
}

/// Scores of the first melody with a reward and a voicing beside it.
const REWARDED: [(&str, f64); 5] = [
    ("Voicing Recall", 0.7215054151624548),
    ("Voicing False Alarm", 0.22463042757706322),
    ("Raw Pitch Accuracy", 0.9614488314801252),
    ("Raw Chroma Accuracy", 0.9614488314801252),
    ("Overall Accuracy", 0.7220741278060587),
];

#[test]
fn the_melody_estimates_of_deep_salience_score_as_stored() {
    let Some(folder) = test_data("deepsalience/melody2") else {
        return;
    };
    let annotations = test_data("medleydb/Annotations/Melody").expect("comes with the estimates");
    let text = fs::read_to_string(folder.join("expected_melody_scores.json")).unwrap();
    let stored: Value = serde_json::from_str(&text).unwrap();
    let scores = stored["scores"].as_object().unwrap();
    assert_eq!(scores.len(), 10);
    for (name, expected) in scores {
        let (estimate, reference) = name.split_once(" vs ").unwrap();
        let level = if reference.contains("MELODY1") { "Melody1" } else { "Melody2" };
        let reference = annotations.join(level).join(reference);
        let expected = serde_json::from_value(expected.clone()).unwrap();
        assert_entries(&score_melody(&reference, &folder.join(estimate)), &expected, 1e-9, name);
    }
}

#[test]
fn the_beat_files_score_as_published() {
    check_files("beat", "txt", 7, |r, e| {
        let read = |path| text::read_events(path).unwrap();
        beat::evaluate(&read(r), &read(e), &BeatConfig::default()).unwrap()
    });
}

#[test]
fn the_key_files_score_as_published() {
    check_files("key", "txt", 7, |r, e| {
        key::evaluate(text::read_key(r).unwrap(), text::read_key(e).unwrap())
    });
}

#[test]
fn the_tempo_files_score_as_published_and_the_bad_ones_are_refused() {
    check_files("tempo", "lab", 3, |r, e| {
        let (r, e) = (text::read_tempo(r).unwrap(), text::read_tempo(e).unwrap());
        tempo::evaluate(&r, e.tempi(), &TempoConfig::default()).unwrap()
    });
    let Some(folder) = test_data("mir_eval/tempo") else {
        return;
    };
    for name in ["bad00.lab", "bad02.lab"] {
        assert!(text::read_tempo(folder.join(name)).is_err(), "{name}");
    }
}

#[test]
fn the_chord_files_score_as_published() {
    check_files("chord", "lab", 7, |r, e| {
        let (r_intervals, r_labels) = text::read_labeled_intervals(r).unwrap();
        let (e_intervals, e_labels) = text::read_labeled_intervals(e).unwrap();
        chord::evaluate(&r_intervals, &r_labels, &e_intervals, &e_labels).unwrap()
    });
}

#[test]
fn the_segment_files_score_as_published() {
    check_files("segment", "lab", 7, |r, e| {
        let (r_intervals, r_labels) = text::read_labeled_intervals(r).unwrap();
        let (e_intervals, e_labels) = text::read_labeled_intervals(e).unwrap();
        let config = SegmentConfig::default();
        segment::evaluate(&r_intervals, &r_labels, &e_intervals, &e_labels, &config).unwrap()
    });
}

#[test]
fn the_pattern_files_score_as_published() {
    check_files("pattern", "txt", 2, |r, e| {
        let read = |path| text::read_patterns(path).unwrap();
        pattern::evaluate(&read(r), &read(e), &PatternConfig::default()).unwrap()
    });
}

#[test]
fn the_alignment_files_score_as_published() {
    let Some(folder) = test_data("mir_eval/alignment") else {
        return;
    };
    for case in ["00", "02", "04_mirex"] {
        let events =
            |kind: &str| text::read_events(folder.join(format!("{kind}{case}.txt"))).unwrap();
        let scores =
            alignment::evaluate(&events("ref"), &events("est"), &AlignmentConfig::default())
                .unwrap();
        let expected = stored(&folder.join(format!("output{case}.json")));
        assert_entries(&scores, &expected, 1e-9, &format!("alignment {case}"));
    }
}

#[test]
fn the_hierarchy_files_score_as_published() {
    let Some(folder) = test_data("mir_eval/hierarchy") else {
        return;
    };
    let read = |name: &str| text::read_labeled_intervals(folder.join(name)).unwrap();
    let (reference, estimate) =
        (["ref00.lab", "ref01.lab"].map(read), ["est00.lab", "est01.lab"].map(read));
    fn levels(side: &[(Vec<[f64; 2]>, Vec<String>)]) -> Vec<Level<'_, String>> {
        side.iter().map(|(intervals, labels)| Level { intervals, labels }).collect()
    }
    for (window, output) in [(5.0, "output_w=05.json"), (30.0, "output_w=30.json")] {
        let config = HierarchyConfig { window: Some(window), ..HierarchyConfig::default() };
        let scores = hierarchy::evaluate(&levels(&reference), &levels(&estimate), &config).unwrap();
        assert_entries(&scores, &stored(&folder.join(output)), 1e-9, output);
    }
}
