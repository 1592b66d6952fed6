//! Input that cannot be scored is refused by name, never by a panic or a NaN.

use mir_eval::{
    Error, Key, Note, Side, Velocity,
    multipitch::{self, MultipitchConfig},
    onset::{self, OnsetConfig},
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
