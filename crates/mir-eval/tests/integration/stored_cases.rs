//! Random and edge cases with the scores of mir_eval 0.8.2, as stored by
//! `tests/fixtures/generate_mir_eval.py`.

use std::collections::BTreeMap;

use mir_eval::{
    Cents, NamedScores,
    alignment::{self, AlignmentConfig},
    beat::{self, BeatConfig},
    chord,
    hierarchy::{self, HierarchyConfig, Level},
    key,
    melody::{self, Interpolation, MelodyConfig, MelodySeries},
    multipitch::{self, MultipitchConfig},
    onset::{self, OnsetConfig},
    pattern::{self, Pattern, PatternConfig},
    segment::{self, SegmentConfig},
    tempo::{self, ReferenceTempo, TempoConfig},
    transcription::{self, TranscriptionConfig},
    transcription_velocity::{self, TranscriptionVelocityConfig, VelocityNotes},
};
use mir_testkit::{assert_close, fixtures};
use serde::Deserialize;
use serde_json::Value;

const TOLERANCE: f64 = 1e-12;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    origin: String,
    name: String,
    task: String,
    options: BTreeMap<String, Value>,
    reference: Value,
    estimate: Value,
    expected: BTreeMap<String, f64>,
    #[serde(default)]
    velocity: BTreeMap<String, f64>,
    #[serde(default)]
    pairs: Vec<(usize, usize)>,
}

/// Compares all entries, both ways: no score may be missing and none too many.
pub(crate) fn assert_entries(
    scores: &impl NamedScores,
    expected: &BTreeMap<String, f64>,
    tolerance: f64,
    case: &str,
) {
    let entries = scores.entries();
    assert_eq!(entries.len(), expected.len(), "{case}: number of scores");
    for (name, value) in entries {
        let wanted = expected.get(name).unwrap_or_else(|| panic!("{case}: no {name}"));
        assert_close(value, *wanted, tolerance, &format!("{case}: {name}"));
    }
}

fn cases(task: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = fixtures(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/mir_eval.json");
    cases.retain(|case| case.task == task);
    assert!(!cases.is_empty(), "no case of {task}");
    assert!(cases.iter().all(|case| case.origin == "mir_eval 0.8.2"));
    cases
}

fn parse<T: for<'a> Deserialize<'a>>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn transcription_config(options: &BTreeMap<String, Value>) -> TranscriptionConfig {
    let mut config = TranscriptionConfig::default();
    for (name, value) in options {
        match name.as_str() {
            "strict" => config.strict = value.as_bool().unwrap(),
            "offset_ratio" => config.offset_ratio = value.as_f64(),
            "onset_tolerance" => config.onset_tolerance = value.as_f64().unwrap(),
            "pitch_tolerance" => config.pitch_tolerance = Cents(value.as_f64().unwrap()),
            "offset_min_tolerance" => config.offset_min_tolerance = value.as_f64().unwrap(),
            "beta" => config.beta = value.as_f64().unwrap(),
            other => panic!("unknown option {other}"),
        }
    }
    config
}

struct Columns {
    intervals: Vec<[f64; 2]>,
    hz: Vec<f64>,
    velocities: Vec<f64>,
}

fn columns(value: &Value) -> Columns {
    let rows: Vec<[f64; 4]> = parse(value);
    Columns {
        intervals: rows.iter().map(|r| [r[0], r[1]]).collect(),
        hz: rows.iter().map(|r| r[2]).collect(),
        velocities: rows.iter().map(|r| r[3]).collect(),
    }
}

#[test]
fn notes_score_as_in_mir_eval() {
    for case in cases("transcription") {
        let (r, e) = (columns(&case.reference), columns(&case.estimate));
        let config = transcription_config(&case.options);
        let scores =
            transcription::evaluate_hz(&r.intervals, &r.hz, &e.intervals, &e.hz, &config).unwrap();
        assert_entries(&scores, &case.expected, TOLERANCE, &case.name);
    }
}

#[test]
fn the_very_same_notes_are_matched() {
    for case in cases("transcription") {
        let (r, e) = (columns(&case.reference), columns(&case.estimate));
        let config = transcription_config(&case.options);
        let pairs =
            transcription::match_notes_hz(&r.intervals, &r.hz, &e.intervals, &e.hz, &config)
                .unwrap();
        assert_eq!(pairs, case.pairs, "{}", case.name);
    }
}

#[test]
fn notes_with_velocity_score_as_in_mir_eval() {
    for case in cases("transcription").iter().filter(|c| !c.velocity.is_empty()) {
        let (r, e) = (columns(&case.reference), columns(&case.estimate));
        let view = |c: &Columns| -> VelocityNotes<'static> {
            VelocityNotes {
                intervals: c.intervals.clone().leak(),
                hz: c.hz.clone().leak(),
                velocities: c.velocities.clone().leak(),
            }
        };
        let config = TranscriptionVelocityConfig {
            notes: transcription_config(&case.options),
            ..TranscriptionVelocityConfig::default()
        };
        let scores = transcription_velocity::evaluate_hz(view(&r), view(&e), &config).unwrap();
        assert_entries(&scores, &case.velocity, TOLERANCE, &case.name);
    }
}

#[test]
fn onsets_score_as_in_mir_eval() {
    for case in cases("onset") {
        let (r, e): (Vec<f64>, Vec<f64>) = (parse(&case.reference), parse(&case.estimate));
        let mut config = OnsetConfig::default();
        if let Some(window) = case.options.get("window") {
            config.window = window.as_f64().unwrap();
        }
        let scores = onset::evaluate(&r, &e, &config).unwrap();
        assert_entries(&scores, &case.expected, TOLERANCE, &case.name);
    }
}

#[derive(Deserialize)]
struct Series {
    times: Vec<f64>,
    hz: Vec<Vec<f64>>,
}

#[test]
fn multiple_pitches_score_as_in_mir_eval() {
    for case in cases("multipitch") {
        let (r, e): (Series, Series) = (parse(&case.reference), parse(&case.estimate));
        let mut config = MultipitchConfig::default();
        if let Some(window) = case.options.get("window") {
            config.window = window.as_f64().unwrap();
        }
        let scores = multipitch::evaluate_hz(&r.times, &r.hz, &e.times, &e.hz, &config).unwrap();
        assert_entries(&scores, &case.expected, TOLERANCE, &case.name);
    }
}

/// The numbers that mir_eval 0.8.2 gives for the inputs of the benchmarks.
#[test]
fn large_inputs_score_as_in_mir_eval() {
    let (reference, estimate) = crate::data::piece(10_000);
    let config = TranscriptionConfig::default();
    let scores = transcription::evaluate(&reference, &estimate, &config).unwrap();
    let notes = scores.note_with_offset.unwrap();
    assert_close(notes.f1, 0.7486, TOLERANCE, "F-measure");
    assert_close(notes.overlap, 0.894_052_848_263, TOLERANCE, "overlap");

    let (times, reference, estimate) = crate::data::frames(60_000);
    let config = MultipitchConfig::default();
    let scores = multipitch::evaluate_hz(&times, &reference, &times, &estimate, &config).unwrap();
    assert_close(scores.pitch.precision, 0.801_843_333_333, TOLERANCE, "precision");
    assert_close(scores.pitch.accuracy, 0.669_230_790_631, TOLERANCE, "accuracy");
    assert_close(scores.pitch.substitution, 0.198_156_666_667, TOLERANCE, "substitution");
}

#[derive(Deserialize)]
struct Melody {
    times: Vec<f64>,
    hz: Vec<f64>,
    voicing: Option<Vec<f64>>,
}

impl Melody {
    fn view(&self) -> MelodySeries<'_> {
        MelodySeries { times: &self.times, hz: &self.hz, voicing: self.voicing.as_deref() }
    }
}

#[test]
fn melodies_score_as_in_mir_eval() {
    for case in cases("melody") {
        let mut config = MelodyConfig::default();
        for (name, value) in &case.options {
            match name.as_str() {
                "hop" => config.hop = value.as_f64(),
                "cent_tolerance" => config.cent_tolerance = Cents(value.as_f64().unwrap()),
                "base_frequency" => config.base_frequency = value.as_f64().unwrap(),
                "kind" if value == "nearest" => config.interpolation = Interpolation::Nearest,
                "kind" if value == "zero" => config.interpolation = Interpolation::Zero,
                other => panic!("unknown option {other}"),
            }
        }
        let (r, e): (Melody, Melody) = (parse(&case.reference), parse(&case.estimate));
        let scores = melody::evaluate_hz(r.view(), e.view(), &config).unwrap();
        assert_entries(&scores, &case.expected, TOLERANCE, &case.name);
    }
}

#[test]
fn beats_score_as_in_mir_eval() {
    for case in cases("beat") {
        // The names of the options are those of the fields.
        let config: BeatConfig =
            serde_json::from_value(serde_json::to_value(&case.options).unwrap()).unwrap();
        let (r, e): (Vec<f64>, Vec<f64>) = (parse(&case.reference), parse(&case.estimate));
        let scores = beat::evaluate(&r, &e, &config).unwrap();
        assert_entries(&scores, &case.expected, TOLERANCE, &case.name);
    }
}

#[test]
fn keys_score_as_in_mir_eval() {
    for case in cases("key") {
        let key = |value: &Value| value.as_str().unwrap().parse().unwrap();
        let scores = key::evaluate(key(&case.reference), key(&case.estimate));
        assert_entries(&scores, &case.expected, TOLERANCE, &case.name);
    }
}

#[test]
fn tempi_score_as_in_mir_eval() {
    #[derive(Deserialize)]
    struct Reference {
        tempi: [f64; 2],
        weight: f64,
    }
    for case in cases("tempo") {
        let mut config = TempoConfig::default();
        if let Some(tolerance) = case.options.get("tol") {
            config.tolerance = tolerance.as_f64().unwrap();
        }
        let Reference { tempi, weight } = parse(&case.reference);
        let reference = ReferenceTempo::new(tempi, weight).unwrap();
        let scores = tempo::evaluate(&reference, parse(&case.estimate), &config).unwrap();
        assert_entries(&scores, &case.expected, TOLERANCE, &case.name);
    }
}

#[derive(Deserialize)]
struct LabeledIntervals {
    intervals: Vec<[f64; 2]>,
    labels: Vec<String>,
}

#[test]
fn chords_score_as_in_mir_eval() {
    for case in cases("chord") {
        let (r, e): (LabeledIntervals, LabeledIntervals) =
            (parse(&case.reference), parse(&case.estimate));
        let scores = chord::evaluate(&r.intervals, &r.labels, &e.intervals, &e.labels).unwrap();
        assert_entries(&scores, &case.expected, TOLERANCE, &case.name);
    }
}

#[test]
fn segments_score_as_in_mir_eval() {
    for mut case in cases("segment") {
        // The names of the options are those of the fields.
        let config: SegmentConfig =
            serde_json::from_value(serde_json::to_value(&case.options).unwrap()).unwrap();
        let (r, e): (LabeledIntervals, LabeledIntervals) =
            (parse(&case.reference), parse(&case.estimate));
        let mut scores =
            segment::evaluate(&r.intervals, &r.labels, &e.intervals, &e.labels, &config).unwrap();
        if scores.deviation.is_none() {
            // Undefined on both sides; filled in to compare the rest.
            let names = ["Ref-to-est deviation", "Est-to-ref deviation"];
            for name in names {
                assert!(case.expected.insert(name.to_owned(), 0.0).is_none(), "{}", case.name);
            }
            scores.deviation =
                Some(segment::Deviation { reference_to_estimate: 0.0, estimate_to_reference: 0.0 });
        }
        // Not stored where it is rounding noise: one side has a single label and tells nothing.
        case.expected.entry("Normalized Mutual Information".to_owned()).or_insert(0.0);
        // Logarithms of factorials of a few hundred cancel in the adjusted mutual information.
        assert_entries(&scores, &case.expected, 1e-10, &case.name);
    }
}

#[test]
fn patterns_score_as_in_mir_eval() {
    for case in cases("pattern") {
        let mut config = PatternConfig::default();
        for (name, value) in &case.options {
            match name.as_str() {
                "thres" => config.occurrence_thresholds = [value.as_f64().unwrap(); 2],
                "tol" => config.tolerance = value.as_f64().unwrap(),
                "n" => config.first = parse(value),
                other => panic!("unknown option {other}"),
            }
        }
        let (r, e): (Vec<Pattern>, Vec<Pattern>) = (parse(&case.reference), parse(&case.estimate));
        let scores = pattern::evaluate(&r, &e, &config).unwrap();
        assert_entries(&scores, &case.expected, TOLERANCE, &case.name);
    }
}

#[test]
fn hierarchies_score_as_in_mir_eval() {
    for case in cases("hierarchy") {
        // The names of the options are those of the fields.
        let config: HierarchyConfig =
            serde_json::from_value(serde_json::to_value(&case.options).unwrap()).unwrap();
        let (r, e): (Vec<LabeledIntervals>, Vec<LabeledIntervals>) =
            (parse(&case.reference), parse(&case.estimate));
        let levels = |side: &'static [LabeledIntervals]| -> Vec<Level<'static, String>> {
            let level =
                |l: &'static LabeledIntervals| Level { intervals: &l.intervals, labels: &l.labels };
            side.iter().map(level).collect()
        };
        let (r, e) = (levels(r.leak()), levels(e.leak()));
        let scores = hierarchy::evaluate(&r, &e, &config).unwrap();
        assert_entries(&scores, &case.expected, TOLERANCE, &case.name);
    }
}

#[test]
fn alignments_score_as_in_mir_eval() {
    for case in cases("alignment") {
        // The names of the options are those of the fields.
        let config: AlignmentConfig =
            serde_json::from_value(serde_json::to_value(&case.options).unwrap()).unwrap();
        let (r, e): (Vec<f64>, Vec<f64>) = (parse(&case.reference), parse(&case.estimate));
        let scores = alignment::evaluate(&r, &e, &config).unwrap();
        assert_entries(&scores, &case.expected, TOLERANCE, &case.name);
    }
}
