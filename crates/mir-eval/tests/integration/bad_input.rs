//! Input that cannot be scored is refused by name, never by a panic or a NaN.

use mir_eval::{
    Cents, Error, Key, NamedScores, Note, Side, Velocity,
    beat::{self, BeatConfig},
    chord::{self, Chord, Comparison},
    key::{self, KeyLabel},
    melody::{self, MelodyConfig, MelodySeries},
    multipitch::{self, MultipitchConfig},
    onset::{self, OnsetConfig},
    pattern::{self, PatternConfig},
    segment::{self, SegmentConfig},
    tempo::{self, ReferenceTempo, TempoConfig},
    text,
    transcription::{self, TranscriptionConfig},
    transcription_velocity::{self, TranscriptionVelocityConfig, VelocityNotes},
};

fn score_notes(intervals: &[[f64; 2]], hz: &[f64]) -> Error {
    let config = TranscriptionConfig::default();
    let good = transcription::evaluate_hz(&[[0.0, 1.0]], &[440.0], &[], &[], &config);
    assert!(good.is_ok());
    transcription::evaluate_hz(&[[0.0, 1.0]], &[440.0], intervals, hz, &config).unwrap_err()
}

#[test]
fn impossible_notes_are_named() {
    for (bad, index) in [(f64::NAN, 0), (-0.1, 1), (f64::INFINITY, 0)] {
        let mut intervals = [[0.0, 1.0], [0.0, 1.0]];
        intervals[index][0] = bad;
        let error = score_notes(&intervals, &[440.0; 2]);
        assert!(
            matches!(error, Error::InvalidTime { side: Side::Estimate, index: i, .. } if i == index),
            "{bad}: {error}"
        );
    }
    for interval in [[1.0, 1.0], [1.0, 0.5]] {
        let error = score_notes(&[interval], &[440.0]);
        assert!(matches!(error, Error::EmptyNote { index: 0, .. }), "{error}");
    }
    for hz in [0.0, -440.0, f64::NAN, f64::INFINITY] {
        let error = score_notes(&[[0.0, 1.0]], &[hz]);
        assert!(matches!(error, Error::InvalidFrequency { .. }), "{error}");
    }
    let error = score_notes(&[[0.0, 1.0]], &[]);
    assert!(matches!(error, Error::Length { expected: 1, actual: 0, .. }), "{error}");
}

#[test]
fn a_note_of_no_length_is_refused() {
    let note = Note::new(1.0, 1.0, Key::new(60).unwrap().pitch(), Velocity::MEDIUM).unwrap();
    let error = transcription::evaluate(&[note], &[], &TranscriptionConfig::default()).unwrap_err();
    assert!(matches!(error, Error::EmptyNote { side: Side::Reference, .. }), "{error}");
}

#[test]
fn impossible_velocities_are_named() {
    for velocities in [[-1.0], [f64::NAN]] {
        let notes =
            |velocities| VelocityNotes { intervals: &[[0.0, 1.0]], hz: &[440.0], velocities };
        let config = TranscriptionVelocityConfig::default();
        let error =
            transcription_velocity::evaluate_hz(notes(&[64.0]), notes(&velocities), &config)
                .unwrap_err();
        assert!(matches!(error, Error::InvalidVelocity { .. }), "{error}");
        let error =
            transcription_velocity::evaluate_hz(notes(&[]), notes(&[64.0]), &config).unwrap_err();
        assert!(matches!(error, Error::Length { side: Side::Reference, .. }), "{error}");
    }
}

#[test]
fn impossible_tolerances_are_named() {
    let configs = [
        TranscriptionConfig { onset_tolerance: f64::NAN, ..Default::default() },
        TranscriptionConfig { offset_ratio: Some(-0.1), ..Default::default() },
        TranscriptionConfig {
            pitch_tolerance: mir_eval::Cents(f64::INFINITY),
            ..Default::default()
        },
        TranscriptionConfig { beta: -1.0, ..Default::default() },
    ];
    for config in configs {
        let error = transcription::evaluate(&[], &[], &config).unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{error}");
    }
    let error = onset::evaluate(&[], &[], &OnsetConfig { window: -1.0 }).unwrap_err();
    assert!(matches!(error, Error::Config { field: "window", .. }), "{error}");
    let config = MultipitchConfig { max_hz: 1.0, ..Default::default() };
    let none: [Vec<f64>; 0] = [];
    let error = multipitch::evaluate_hz(&[], &none, &[], &none, &config).unwrap_err();
    assert!(matches!(error, Error::Config { field: "max_hz", .. }), "{error}");
}

#[test]
fn onsets_have_to_be_times_in_order() {
    let score = |estimate: &[f64]| onset::evaluate(&[], estimate, &OnsetConfig::default());
    assert!(score(&[1.0, 1.0]).is_ok());
    assert!(matches!(score(&[2.0, 1.0]), Err(Error::Unsorted { index: 1, .. })));
    assert!(matches!(score(&[f64::NAN]), Err(Error::InvalidTime { index: 0, .. })));
    assert!(matches!(score(&[-1.0]), Err(Error::InvalidTime { index: 0, .. })));
}

#[test]
fn pitches_have_to_be_frequencies() {
    let score = |times: &[f64], hz: &[Vec<f64>]| {
        let none: [Vec<f64>; 0] = [];
        multipitch::evaluate_hz(&[], &none, times, hz, &MultipitchConfig::default()).unwrap_err()
    };
    for hz in [0.0, 19.0, 5001.0, -440.0, f64::NAN] {
        let error = score(&[0.0], &[vec![hz]]);
        assert!(matches!(error, Error::InvalidFrequency { side: Side::Estimate, .. }), "{error}");
    }
    assert!(matches!(score(&[0.0], &[]), Error::Length { .. }));
    assert!(matches!(score(&[1.0, 0.0], &[vec![], vec![]]), Error::Unsorted { .. }));
}

fn score_melody(
    times: &[f64],
    hz: &[f64],
    voicing: Option<&[f64]>,
) -> mir_eval::Result<melody::MelodyScores> {
    let reference = MelodySeries { times: &[0.0, 1.0], hz: &[440.0, 0.0], voicing: None };
    let estimate = MelodySeries { times, hz, voicing };
    melody::evaluate_hz(reference, estimate, &MelodyConfig::default())
}

#[test]
fn melodies_have_to_be_series() {
    let error = score_melody(&[0.0], &[], None).unwrap_err();
    assert!(matches!(error, Error::Length { series: "frequencies", actual: 0, .. }), "{error}");
    let error = score_melody(&[0.0], &[440.0], Some(&[])).unwrap_err();
    assert!(matches!(error, Error::Length { series: "voicings", actual: 0, .. }), "{error}");
    let error = score_melody(&[1.0, 0.5], &[440.0; 2], None).unwrap_err();
    assert!(matches!(error, Error::Unsorted { side: Side::Estimate, index: 1, .. }), "{error}");
    let error = score_melody(&[-1.0], &[440.0], None).unwrap_err();
    assert!(matches!(error, Error::InvalidTime { .. }), "{error}");
    for hz in [f64::NAN, f64::INFINITY] {
        let error = score_melody(&[0.0, 1.0], &[1.0, hz], None).unwrap_err();
        assert!(matches!(error, Error::Entry { series: "frequency", index: 1, .. }), "{error}");
    }
    for voicing in [-0.1, 1.1, f64::NAN] {
        let error = score_melody(&[0.0], &[440.0], Some(&[voicing])).unwrap_err();
        assert!(matches!(error, Error::Entry { series: "voicing", index: 0, .. }), "{error}");
    }
    let error = melody::raw_pitch_accuracy(&[1.0], &[1.0], &[], Cents(50.0)).unwrap_err();
    assert!(matches!(error, Error::Length { expected: 1, actual: 0, .. }), "{error}");
}

#[test]
fn an_empty_melody_is_scored_as_none() {
    let scores = score_melody(&[], &[], None).unwrap();
    assert_eq!(scores, score_melody(&[0.0, 1.0], &[0.0, 0.0], None).unwrap());
    let none = MelodySeries { times: &[], hz: &[], voicing: None };
    for hop in [None, Some(0.01)] {
        let config = MelodyConfig { hop, ..Default::default() };
        let scores = melody::evaluate_hz(none, none, &config).unwrap();
        assert_eq!(scores, melody::MelodyScores::default());
    }
}

#[test]
fn impossible_melody_configurations_are_named() {
    let score = |config: MelodyConfig| {
        let series = MelodySeries { times: &[0.0, 1.0], hz: &[440.0; 2], voicing: None };
        melody::evaluate_hz(series, series, &config).unwrap_err()
    };
    for hop in [0.0, -0.1, f64::NAN, 1e-300] {
        let error = score(MelodyConfig { hop: Some(hop), ..Default::default() });
        assert!(matches!(error, Error::Config { field: "hop", .. }), "{error}");
    }
    let error = score(MelodyConfig { base_frequency: 0.0, ..Default::default() });
    assert!(matches!(error, Error::Config { field: "base_frequency", .. }), "{error}");
    let error = score(MelodyConfig { cent_tolerance: Cents(f64::NAN), ..Default::default() });
    assert!(matches!(error, Error::Config { field: "cent_tolerance", .. }), "{error}");
}

#[test]
fn beats_have_to_be_times_in_order() {
    let score = |beats: &[f64]| beat::evaluate(&[], beats, &BeatConfig::default());
    assert!(score(&[6.0, 6.0]).is_ok());
    assert!(matches!(score(&[6.0, 5.5]), Err(Error::Unsorted { index: 1, .. })));
    assert!(matches!(score(&[f64::NAN]), Err(Error::InvalidTime { .. })));
    for (config, name) in [
        (BeatConfig { bins: 1, ..Default::default() }, "bins"),
        (BeatConfig { cemgil_sigma: 0.0, ..Default::default() }, "cemgil_sigma"),
        (BeatConfig { goto_threshold: 1.0, ..Default::default() }, "goto_threshold"),
        (BeatConfig { p_score_threshold: 1.1, ..Default::default() }, "p_score_threshold"),
        (BeatConfig { min_beat_time: f64::NAN, ..Default::default() }, "min_beat_time"),
    ] {
        let error = beat::evaluate(&[], &[], &config).unwrap_err();
        assert!(matches!(error, Error::Config { field, .. } if field == name), "{error}");
    }
}

#[test]
fn beats_that_fall_together_give_numbers() {
    let scores = beat::evaluate(&[6.0; 3], &[6.0; 4], &BeatConfig::default()).unwrap();
    assert!((scores.cemgil - 6.0 / 7.0).abs() < 1e-12);
    assert_eq!((scores.p_score + scores.information_gain).to_bits(), 0.0f64.to_bits());
}

#[test]
fn keys_have_to_be_keys() {
    for label in ["", "C", "major", "H major", "C dorian", "X minor", "Cb major", "C major 7"] {
        let error = label.parse::<KeyLabel>().unwrap_err();
        assert!(matches!(error, Error::Label { kind: "key", .. }), "{error}");
    }
    // A tonic counts modulo an octave, so that no value of the type is out of range.
    let mode = key::Mode::Major;
    let score =
        key::weighted_score(KeyLabel::Key { tonic: 255, mode }, KeyLabel::Key { tonic: 3, mode });
    assert!((score - 1.0).abs() < 1e-15);
}

#[test]
fn tempi_have_to_be_tempi() {
    let index_of = |tempi| match ReferenceTempo::new(tempi, 0.5) {
        Err(Error::Entry { series: "tempo", index, .. }) => index,
        other => panic!("{other:?}"),
    };
    assert_eq!(index_of([-1.0, 60.0]), 0);
    assert_eq!(index_of([60.0, f64::NAN]), 1);
    assert_eq!(index_of([0.0, 0.0]), 1);
    let error = ReferenceTempo::new([60.0, 120.0], 1.5).unwrap_err();
    assert!(matches!(error, Error::Entry { series: "weight", .. }), "{error}");
    let reference = ReferenceTempo::new([60.0, 120.0], 0.5).unwrap();
    let error = tempo::evaluate(&reference, [1.0, -1.0], &TempoConfig::default()).unwrap_err();
    assert!(matches!(error, Error::Entry { side: Side::Estimate, index: 1, .. }), "{error}");
    let error = tempo::evaluate(&reference, [1.0; 2], &TempoConfig { tolerance: 1.1 }).unwrap_err();
    assert!(matches!(error, Error::Config { field: "tolerance", .. }), "{error}");
}

#[test]
fn a_text_that_is_no_annotation_is_refused_with_its_line() {
    let path = std::path::Path::new("a.txt");
    let line_of = |error: Error| match error {
        Error::Core(mir_core::Error::Parse { line, .. }) => line,
        other => panic!("{other}"),
    };
    assert_eq!(line_of(text::parse_events("# times\n1.0\nsoon\n", path).unwrap_err()), 3);
    assert_eq!(line_of(text::parse_events("1.0 2.0", path).unwrap_err()), 1);
    assert_eq!(line_of(text::parse_intervals("0 1\n1\n", path).unwrap_err()), 2);
    assert_eq!(line_of(text::parse_time_series("0,,1", path).unwrap_err()), 1);
    assert_eq!(line_of(text::parse_labeled_intervals("\n\n0 1", path).unwrap_err()), 3);
    assert_eq!(line_of(text::parse_valued_intervals("0 1 high", path).unwrap_err()), 1);
    assert_eq!(line_of(text::parse_key("C major\nD minor", path).unwrap_err()), 2);
    assert_eq!(line_of(text::parse_tempo("# nothing", path).unwrap_err()), 1);
    assert_eq!(line_of(text::parse_labeled_events("1.0 one\n2.0\n", path).unwrap_err()), 2);
    assert_eq!(line_of(text::parse_ragged_time_series("0 1\n1 2 x\n", path).unwrap_err()), 2);
    assert_eq!(line_of(text::parse_velocity_intervals("0 1 60", path).unwrap_err()), 1);
    let error = text::read_events("there/is/no/such.txt").unwrap_err();
    assert!(matches!(error, Error::Core(mir_core::Error::Io { .. })), "{error}");
}

#[test]
fn tasks_refuse_what_is_not_theirs() {
    use mir_eval::task::{Annotation, Task, TaskConfig, pair_files};
    assert!(matches!("melodi".parse::<Task>(), Err(Error::Label { kind: "task", .. })));
    for &task in Task::ALL {
        assert_eq!(task.name().parse::<Task>().unwrap(), task);
        assert_eq!(TaskConfig::new(task).task(), task);
        let config = serde_json::to_value(TaskConfig::new(task)).unwrap();
        assert_eq!(config["task"], task.name());
        assert_eq!(serde_json::from_value::<TaskConfig>(config).unwrap(), TaskConfig::new(task));
        let unknown = serde_json::json!({ "task": task.name(), "no_such_setting": 1 });
        assert!(serde_json::from_value::<TaskConfig>(unknown).is_err(), "{task}");
        assert!(matches!(
            Annotation::read(task, &[""; 0]),
            Err(Error::FileCount { actual: 0, .. })
        ));
        let wrong = Annotation::from_json(task, serde_json::json!({ "a": [] }));
        assert!(matches!(wrong, Err(Error::Json { .. })), "{task}");
    }
    let (beats, key) = (Annotation::Events(vec![1.0]), Annotation::Key("C major".parse().unwrap()));
    let error = TaskConfig::new(Task::Beat).evaluate(&beats, &key).unwrap_err();
    assert!(matches!(error, Error::Annotation { task: Task::Beat }), "{error}");
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.txt", "a.lab"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let error = pair_files(folder.path(), folder.path()).unwrap_err();
    assert!(matches!(error, Error::AmbiguousName { .. }), "{error}");
}

#[test]
fn commas_spaces_and_labels_with_both_are_read() {
    let path = std::path::Path::new("a.csv");
    let (times, values) = text::parse_time_series("\u{feff}0.5, 1\r\n 1.5\t-2 \r\n", path).unwrap();
    assert_eq!((times.as_slice(), values.as_slice()), (&[0.5, 1.5][..], &[1.0, -2.0][..]));
    let (intervals, labels) =
        text::parse_labeled_intervals("0,1,C:maj(9, 11)\n1 2 verse one\n", path).unwrap();
    assert_eq!(intervals, [[0.0, 1.0], [1.0, 2.0]]);
    assert_eq!(labels, ["C:maj(9, 11)", "verse one"]);
}

#[test]
fn chords_have_to_follow_the_syntax() {
    let bad = [
        "",
        "H",
        "c",
        "C:",
        "C:foo",
        "C:maj(",
        "C:maj()",
        "C(9)",
        "C:maj(14)",
        "C:maj(09)",
        "C/",
        "C/0",
        "C#b",
        "C:maj/3/5",
        "N:maj",
        "N/3",
        "C:aug7",
        "C:maj11",
        "C:maj(9",
        "C:maj9)",
        "C:maj(+9)",
        "Ç",
        " C",
        "C:(3,)",
        "C:Maj",
    ];
    for label in bad {
        let error = label.parse::<Chord>().unwrap_err();
        assert!(matches!(error, Error::Label { kind: "chord", .. }), "{label}: {error}");
        assert!(Chord::with_extensions(label).is_err(), "{label}");
    }
    for label in ["C", "Gbb:min7(*b3,#11)/bb7", "D:(1,5)", "A:13/13", "N", "X"] {
        assert!(label.parse::<Chord>().is_ok(), "{label}");
    }
}

#[test]
fn chord_intervals_have_to_be_intervals_in_order() {
    let score = |intervals: &[[f64; 2]], labels: &[&str]| {
        chord::evaluate(&[[0.0, 4.0]], &["C"], intervals, labels)
    };
    assert!(matches!(score(&[[0.0, 1.0]], &[]), Err(Error::Length { series: "labels", .. })));
    assert!(matches!(score(&[[0.0, 0.0]], &["C"]), Err(Error::EmptyInterval { index: 0, .. })));
    assert!(matches!(score(&[[-1.0, 0.0]], &["C"]), Err(Error::InvalidTime { index: 0, .. })));
    assert!(matches!(score(&[[0.0, f64::NAN]], &["C"]), Err(Error::InvalidTime { index: 0, .. })));
    let swapped = score(&[[1.0, 2.0], [0.0, 1.0]], &["C", "G"]);
    assert!(matches!(swapped, Err(Error::Unsorted { index: 1, .. })));
    let overlap = score(&[[0.0, 2.0], [1.0, 3.0]], &["C", "G"]);
    assert!(matches!(overlap, Err(Error::Overlap { side: Side::Estimate, .. })));
    let distance = chord::directional_hamming_distance(&[[0.0, 2.0], [1.0, 3.0]], &[]);
    assert!(matches!(distance, Err(Error::Overlap { side: Side::Reference, .. })));
    let error = chord::weighted_accuracy(&[Some(true)], &[-1.0]).unwrap_err();
    assert!(matches!(error, Error::Entry { series: "weight", .. }), "{error}");
}

#[test]
fn without_reference_chords_all_scores_are_zero() {
    let none: [&str; 0] = [];
    let scores = chord::evaluate(&[], &none, &[[0.0, 1.0]], &["C"]).unwrap();
    assert_eq!(scores, chord::ChordScores::default());
    // A chord that begins where the reference ends changes nothing.
    let score = |i: &[[f64; 2]], l: &[&str]| chord::evaluate(&[[0.0, 4.0]], &["C"], i, l).unwrap();
    assert_eq!(score(&[[0.0, 4.0], [4.0, 5.0]], &["C", "G"]), score(&[[0.0, 4.0]], &["C"]));
    assert_eq!(Comparison::Root.compare(&Chord::UNKNOWN, &Chord::NONE), None);
}

#[test]
fn segments_have_to_be_intervals_in_order() {
    let score = |intervals: &[[f64; 2]], labels: &[&str], config: &SegmentConfig| {
        segment::evaluate(&[[0.0, 4.0]], &["A"], intervals, labels, config)
    };
    let config = SegmentConfig::default();
    let side = Side::Estimate;
    let error = score(&[[0.0, 1.0]], &[], &config).unwrap_err();
    assert!(matches!(error, Error::Length { series: "labels", .. }), "{error}");
    let error = score(&[[1.0, 1.0]], &["A"], &config).unwrap_err();
    assert!(matches!(error, Error::EmptyInterval { index: 0, .. }), "{error}");
    let error = score(&[[0.0, f64::INFINITY]], &["A"], &config).unwrap_err();
    assert!(matches!(error, Error::InvalidTime { index: 0, .. }), "{error}");
    let error = score(&[[1.0, 2.0], [0.0, 1.0]], &["A"; 2], &config).unwrap_err();
    assert!(matches!(error, Error::Unsorted { side: s, index: 1, .. } if s == side), "{error}");
    for frame_size in [0.0, -1.0, f64::NAN, 1e-12] {
        let config = SegmentConfig { frame_size, ..Default::default() };
        let error = score(&[[0.0, 4.0]], &["A"], &config).unwrap_err();
        assert!(matches!(error, Error::Config { field: "frame_size", .. }), "{error}");
    }
    let error = segment::detection(&[], &[], -1.0, &config).unwrap_err();
    assert!(matches!(error, Error::Config { field: "window", .. }), "{error}");
    let error = segment::Contingency::new(&[0], &[]).unwrap_err();
    assert!(matches!(error, Error::Length { series: "frames", .. }), "{error}");
}

#[test]
fn segments_that_cannot_be_compared_give_numbers() {
    let (config, none) = (SegmentConfig::default(), [""; 0]);
    let scores = segment::evaluate(&[], &none, &[[0.0, 1.0]], &["A"], &config).unwrap();
    assert_eq!(scores, segment::SegmentScores::default());
    // Shorter than a frame, and exactly one frame.
    for end in [0.05, 0.15] {
        let scores = segment::evaluate(&[[0.0, end]], &["A"], &[], &none, &config).unwrap();
        assert!(scores.entries().iter().all(|(_, value)| value.is_finite()), "{scores:?}");
    }
}

#[test]
fn patterns_have_to_have_points() {
    let config = PatternConfig::default();
    let score = |estimate: &[pattern::Pattern]| pattern::evaluate(&[], estimate, &config);
    for bad in [vec![], vec![vec![]]] {
        let error = score(&[vec![vec![[0.0, 60.0]]], bad]).unwrap_err();
        assert!(matches!(error, Error::EmptyPattern { pattern: 1, .. }), "{error}");
    }
    let error = score(&[vec![vec![[f64::NAN, 60.0]]]]).unwrap_err();
    assert!(matches!(error, Error::Entry { index: 0, .. }), "{error}");
    let error = pattern::standard(&[], &[], f64::NAN).unwrap_err();
    assert!(matches!(error, Error::Config { field: "tolerance", .. }), "{error}");
    assert!(text::parse_patterns("pattern1\noccurrence1\n1.0\n", "a.txt".as_ref()).is_err());
}
