//! What every task says where there is nothing to score: `mir_eval`'s number among the entries, and a
//! reason among the values.

use mir_eval::{
    NamedScores, Undefined, Value,
    beat::{self, BeatConfig},
    chord, frame,
    hierarchy::{self, HierarchyConfig, Level},
    melody::{self, MelodyConfig, MelodySeries},
    multipitch::{self, MultipitchConfig},
    onset::{self, OnsetConfig},
    pattern::{self, PatternConfig},
    pedal::{self, PedalConfig},
    segment::{self, SegmentConfig},
    transcription::{self, TranscriptionConfig},
    transcription_velocity::{self, TranscriptionVelocityConfig, VelocityNotes},
};

/// Reference and estimate as they come: both empty, one of them, none.
const SIDES: [(bool, bool); 4] = [(false, false), (true, false), (false, true), (true, true)];

/// Checks that names and order agree, that numbers are those of the entries, and gives the reasons.
fn reasons(scores: &impl NamedScores) -> Vec<(&'static str, Undefined)> {
    let (entries, values) = (scores.entries(), scores.values());
    assert_eq!(entries.len(), values.len());
    let mut reasons = Vec::new();
    for ((name, number), (same, value)) in entries.into_iter().zip(values) {
        assert_eq!(name, same);
        match value {
            Value::Defined(value) => {
                assert!(value.is_finite(), "{name}");
                assert_eq!(value.total_cmp(&number), std::cmp::Ordering::Equal, "{name}");
            }
            Value::Undefined(reason) => reasons.push((name, reason)),
        }
    }
    reasons
}

/// The table of the crate's documentation, for scores made of counts.
fn check_counts(task: &str, mut score: impl FnMut(bool, bool) -> Vec<(&'static str, Undefined)>) {
    for (reference, estimate) in SIDES {
        let found = score(reference, estimate);
        for (name, reason) in &found {
            let case = format!("{task}: {name} with {reference} {estimate}");
            let expected = if name.contains("Overlap") {
                Undefined::NothingMatched
            } else if name.contains("Precision") {
                Undefined::EmptyEstimate
            } else if name.contains("Recall") || name.contains("Error") {
                Undefined::EmptyReference
            } else {
                Undefined::BothEmpty
            };
            assert_eq!(*reason, expected, "{case}");
        }
        let has = |part: &str| found.iter().any(|(name, _)| name.contains(part));
        assert_eq!(has("Precision"), !estimate, "{task}");
        assert_eq!(has("Recall"), !reference, "{task}");
        assert_eq!(has("F-measure") || has("Accuracy"), !reference && !estimate, "{task}");
    }
}

fn some<T: Copy>(there: bool, value: T) -> Vec<T> {
    if there { vec![value] } else { Vec::new() }
}

#[test]
fn scores_of_counts_follow_the_table() {
    check_counts("onset", |r, e| {
        let config = OnsetConfig::default();
        reasons(&onset::evaluate(&some(r, 1.0), &some(e, 1.0), &config).unwrap())
    });
    check_counts("transcription", |r, e| {
        let config = TranscriptionConfig::default();
        let notes = |there| (some(there, [1.0, 2.0]), some(there, 440.0));
        let ((r, r_hz), (e, e_hz)) = (notes(r), notes(e));
        reasons(&transcription::evaluate_hz(&r, &r_hz, &e, &e_hz, &config).unwrap())
    });
    check_counts("transcription_velocity", |r, e| {
        let notes = |there| (some(there, [1.0, 2.0]), some(there, 440.0));
        fn view(notes: &(Vec<[f64; 2]>, Vec<f64>)) -> VelocityNotes<'_> {
            VelocityNotes { intervals: &notes.0, hz: &notes.1, velocities: &notes.1 }
        }
        let (r, e) = (notes(r), notes(e));
        let config = TranscriptionVelocityConfig::default();
        reasons(&transcription_velocity::evaluate_hz(view(&r), view(&e), &config).unwrap())
    });
    check_counts("multipitch", |r, e| {
        let config = MultipitchConfig::default();
        let (r, e) = ([some(r, 440.0)], [some(e, 440.0)]);
        reasons(&multipitch::evaluate_hz(&[0.0], &r, &[0.0], &e, &config).unwrap())
    });
    check_counts("frame", |r, e| {
        let (r, e) = (ndarray::array![[r]], ndarray::array![[e]]);
        reasons(&frame::evaluate_binary(&r, &e).unwrap())
    });
    check_counts("pedal", |r, e| {
        let (r, e) = (some(r, [1.0, 2.0]), some(e, [1.0, 2.0]));
        reasons(&pedal::evaluate(&r, &e, &PedalConfig::default()).unwrap())
    });
}

#[test]
fn other_scores_are_undefined_without_a_reference() {
    for (reference, estimate) in SIDES {
        let wanted = |found: Vec<(&str, Undefined)>, all: usize, both: Undefined, task: &str| {
            let reason = if estimate { Undefined::EmptyReference } else { both };
            let expected = if reference { 0 } else { all };
            assert_eq!(found.len(), expected, "{task} {reference} {estimate}: {found:?}");
            assert!(found.iter().all(|&(_, r)| r == reason), "{task}: {found:?}");
        };
        let (r, e) = (some(reference, 6.0), some(estimate, 6.0));
        let beats = beat::evaluate(&r, &e, &BeatConfig::default()).unwrap();
        wanted(reasons(&beats), 10, Undefined::BothEmpty, "beat");

        let pattern = |there| if there { vec![vec![vec![[1.0, 60.0]]]] } else { Vec::new() };
        let (r, e) = (pattern(reference), pattern(estimate));
        let patterns = pattern::evaluate(&r, &e, &PatternConfig::default()).unwrap();
        wanted(reasons(&patterns), 17, Undefined::BothEmpty, "pattern");

        let intervals = |there| (some(there, [0.0, 2.0]), some(there, "C"));
        let ((r, r_labels), (e, e_labels)) = (intervals(reference), intervals(estimate));
        let chords = chord::evaluate(&r, &r_labels, &e, &e_labels).unwrap();
        wanted(reasons(&chords), 15, Undefined::EmptyReference, "chord");

        let level = |intervals, labels| [Level { intervals, labels }];
        let (r, e) = (level(&r[..], &r_labels[..]), level(&e[..], &e_labels[..]));
        let levels = hierarchy::evaluate(&r, &e, &HierarchyConfig::default()).unwrap();
        wanted(reasons(&levels), 9, Undefined::EmptyReference, "hierarchy");
    }
}

#[test]
fn chords_outside_a_vocabulary_leave_its_score_undefined() {
    let scores = chord::evaluate(&[[0.0, 1.0]], &["C:dim"], &[[0.0, 1.0]], &["C:dim"]).unwrap();
    let names: Vec<&str> = reasons(&scores).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["majmin", "majmin_inv", "sevenths", "sevenths_inv"]);
}

#[test]
fn a_melody_without_voice_and_one_without_rest_lack_different_scores() {
    let score = |hz: &[f64]| {
        let times: Vec<f64> = (0..hz.len()).map(|i| i as f64 * 0.01).collect();
        let estimate = vec![220.0; hz.len()];
        let series = |hz| MelodySeries { times: &times, hz, voicing: None };
        reasons(
            &melody::evaluate_hz(series(hz), series(&estimate), &MelodyConfig::default()).unwrap(),
        )
    };
    let names = |hz: &[f64]| score(hz).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let pitch = ["Voicing Recall", "Raw Pitch Accuracy", "Raw Chroma Accuracy"];
    assert_eq!(names(&[0.0, 0.0]), pitch);
    assert_eq!(names(&[220.0, 220.0]), ["Voicing False Alarm"]);
    assert_eq!(names(&[]).len(), 5);
    assert!(names(&[0.0, 220.0]).is_empty());
}

#[test]
fn segments_lack_deviations_without_boundaries() {
    let trimmed = SegmentConfig { trim: true, ..SegmentConfig::default() };
    let scores = segment::evaluate(&[[0.0, 4.0]], &["A"], &[[0.0, 4.0]], &["A"], &trimmed).unwrap();
    let names: Vec<&str> = reasons(&scores).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Ref-to-est deviation", "Est-to-ref deviation"]);
    let none: [&str; 0] = [];
    let nothing =
        segment::evaluate(&[], &none, &[[0.0, 4.0]], &["A"], &SegmentConfig::default()).unwrap();
    assert!(reasons(&nothing).iter().all(|&(_, reason)| reason == Undefined::EmptyReference));
    assert_eq!(reasons(&nothing).len(), 22);
}
