//! Notes on beats.

use mir_core::{Key, Note, Velocity};
use mir_midi::{
    Error,
    quantise::{BeatGrid, QuantiseConfig, quantise},
    score::{Division, TempoChange, TempoMap},
};
use proptest::prelude::*;

fn note(key: u8, onset: f64, offset: f64, velocity: u8) -> Note {
    let pitch = Key::new(key).unwrap().pitch();
    Note::new(onset, offset, pitch, Velocity::new(velocity).unwrap()).unwrap()
}

fn spans(notes: &[Note]) -> Vec<(f64, f64)> {
    notes
        .iter()
        .map(|n| ((n.onset() * 1e6).round() / 1e6, (n.offset() * 1e6).round() / 1e6))
        .collect()
}

/// A beat every second.
fn seconds() -> BeatGrid {
    BeatGrid::from_times(vec![0.0, 1.0, 2.0]).unwrap()
}

#[test]
fn strength_says_how_far_notes_move() {
    let notes = [note(60, 1.10, 1.40, 64)];
    for (strength, expected) in [(0.0, (1.1, 1.4)), (0.5, (1.05, 1.325)), (1.0, (1.0, 1.25))] {
        let config = QuantiseConfig { strength, ..Default::default() };
        let (moved, report) = quantise(&notes, &seconds(), &config).unwrap();
        assert_eq!(spans(&moved), [expected], "{strength}");
        assert!((report.largest_move - 0.1 * strength).abs() < 1e-12);
        assert!((report.mean_move - report.largest_move).abs() < 1e-12);
    }
}

#[test]
fn onsets_and_durations_move_each_on_their_own() {
    let notes = [note(60, 1.10, 1.40, 64)];
    let with = |onsets, durations| {
        let config = QuantiseConfig { onsets, durations, ..Default::default() };
        spans(&quantise(&notes, &seconds(), &config).unwrap().0)[0]
    };
    assert_eq!(with(true, false), (1.0, 1.3));
    assert_eq!(with(false, true), (1.1, 1.35));
    assert_eq!(with(false, false), (1.1, 1.4));
}

#[test]
fn steps_divide_the_beat_and_no_note_gets_lost() {
    let notes = [note(60, 0.30, 0.31, 64), note(62, 5.68, 5.69, 64)];
    let config = QuantiseConfig { steps_per_beat: 3, ..Default::default() };
    let (moved, _) = quantise(&notes, &seconds(), &config).unwrap();
    // Triplets; past the last beat the last one goes on.
    assert_eq!(spans(&moved), [(0.333333, 0.666667), (5.666667, 6.0)]);
}

#[test]
fn notes_that_meet_are_one_and_counted() {
    let notes = [note(60, 0.98, 1.2, 64), note(60, 1.02, 1.7, 90), note(61, 1.0, 1.5, 1)];
    let (moved, report) = quantise(&notes, &seconds(), &QuantiseConfig::default()).unwrap();
    assert_eq!(report.collisions, 1);
    assert_eq!(spans(&moved), [(1.0, 1.75), (1.0, 1.5)]);
    assert_eq!(moved[0].velocity().value(), 90);
    let (none, report) = quantise(&[], &seconds(), &QuantiseConfig::default()).unwrap();
    assert!(none.is_empty() && report.mean_move.abs() < 1e-12);
}

#[test]
fn notes_that_come_from_both_sides_of_a_beat_meet() {
    let beats = BeatGrid::from_times(vec![0.8426825744683878, 2.423652041275537]).unwrap();
    let notes = [note(60, 0.13911845463892608, 0.2, 1), note(60, 1.2691819223496623, 1.3, 1)];
    let config = QuantiseConfig { steps_per_beat: 1, ..Default::default() };
    let (moved, report) = quantise(&notes, &beats, &config).unwrap();
    assert_eq!((moved.len(), report.collisions), (1, 1));
}

#[test]
fn beats_come_from_tempo_maps() {
    let slower = TempoChange { tick: 960, tempo: 1_000_000 };
    let map = TempoMap::new(Division::Metrical(480), vec![slower]);
    let beats = BeatGrid::from_tempo_map(&map, 3.0).unwrap();
    for (beat, time) in [(0.0, 0.0), (1.0, 0.5), (2.0, 1.0), (3.0, 2.0), (4.0, 3.0), (6.0, 5.0)] {
        assert!((beats.seconds(beat) - time).abs() < 1e-12, "{beat}");
        assert!((beats.position(time) - beat).abs() < 1e-12, "{time}");
    }
    let code = TempoMap::new(Division::Timecode { fps: 25, subframe: 40 }, vec![]);
    assert!(matches!(BeatGrid::from_tempo_map(&code, 1.0), Err(Error::Beats { .. })));
    assert!(matches!(BeatGrid::from_tempo_map(&map, 1e30), Err(Error::Limit { .. })));
}

#[test]
fn what_is_no_grid_is_refused() {
    for (times, index) in [
        (vec![], 0),
        (vec![1.0], 1),
        (vec![0.0, 1.0, 1.0], 2),
        (vec![0.0, f64::NAN], 1),
        (vec![2.0, 1.0], 1),
    ] {
        let error = BeatGrid::from_times(times).unwrap_err();
        assert!(matches!(error, Error::Beats { index: i, .. } if i == index), "{error}");
    }
    for config in [
        QuantiseConfig { steps_per_beat: 0, ..Default::default() },
        QuantiseConfig { strength: 1.1, ..Default::default() },
        QuantiseConfig { strength: f64::NAN, ..Default::default() },
    ] {
        assert!(matches!(quantise(&[], &seconds(), &config), Err(Error::Config { .. })));
    }
}

proptest! {
    #[test]
    fn quantising_twice_changes_nothing_more(
        raw in prop::collection::vec((60u8..64, 0.0f64..9.0, 0.0f64..2.0, 1u8..128), 0..30),
        lengths in prop::collection::vec(0.2f64..2.0, 2..9),
        steps in 1u32..7,
    ) {
        let mut time = 0.0;
        let times = lengths.iter().map(|length| { time += length; time }).collect();
        let beats = BeatGrid::from_times(times).unwrap();
        let notes: Vec<Note> = raw.iter().map(|&(k, on, d, v)| note(k, on, on + d, v)).collect();
        let config = QuantiseConfig { steps_per_beat: steps, ..Default::default() };
        let (once, report) = quantise(&notes, &beats, &config).unwrap();
        prop_assert_eq!(once.len() + report.collisions, notes.len());
        // Where the first point lies before time 0, notes are not on the grid.
        prop_assume!(once.iter().all(|n| n.onset() > 0.0));
        let (twice, report) = quantise(&once, &beats, &config).unwrap();
        prop_assert_eq!(twice.len(), once.len());
        prop_assert!(report.largest_move < 1e-9);
        for (a, b) in once.iter().zip(&twice) {
            prop_assert!((a.offset() - b.offset()).abs() < 1e-9);
        }
    }
}
