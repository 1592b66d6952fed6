//! Keys and pedal that were estimated from sounding notes, played again by the rules of MIDI: does it sound as before?

use mir_core::{Key, Note, Velocity};
use mir_midi::{Pedal, PedalEvent, PedalRule, Performance, Score, Strictness, pedal};
use mir_models::decode::{KeyConfig, KeysAndPedal, keys_and_pedal};
use proptest::prelude::*;

fn note(key: u8, onset: f64, offset: f64) -> Note {
    Note::new(onset, offset, Key::new(key).unwrap().pitch(), Velocity::MEDIUM).unwrap()
}

fn performance(played: &KeysAndPedal) -> Performance {
    let event = |time, value| PedalEvent { time, pedal: Pedal::Sustain, value };
    Performance {
        notes: played.keys.clone(),
        pedals: played.pedal.iter().flat_map(|s| [event(s.down, 127), event(s.up, 0)]).collect(),
    }
}

/// Notes of few keys on a grid of 32 ms, as a network gives them, so that ends often coincide.
fn notes() -> impl Strategy<Value = Vec<Note>> {
    let time = |frame: u32| f64::from(frame) * 0.032;
    let raw = prop::collection::vec((55u8..62, 0u32..300, 0u32..60), 0..80);
    raw.prop_map(move |raw| {
        raw.iter().map(|&(key, at, length)| note(key, time(at), time(at + length))).collect()
    })
}

proptest! {
    #[test]
    fn what_is_played_sounds_as_before(
        notes in notes(), window in prop::sample::select(vec![0.0, 0.05, 0.3]),
    ) {
        let config = KeyConfig { window, ..KeyConfig::default() };
        let played = keys_and_pedal(&notes, &config).unwrap();
        prop_assert_eq!(&pedal::apply(&performance(&played), PedalRule::Default), &played.sounding);

        // Without a pedal the notes would sound thus: nothing has moved by more than the window.
        // Of two strikes of a pitch at one time the later one sounds, so that the order counts.
        let mut notes = notes;
        Note::sort(&mut notes);
        let before = pedal::apply(&Performance::from(notes), PedalRule::Default);
        let whole = |notes: &[Note]| -> Vec<Note> {
            notes.iter().filter(|note| note.duration() > 0.0).copied().collect()
        };
        let (before, after) = (whole(&before), whole(&played.sounding));
        for note in &before {
            let same = after.iter().find(|other| {
                other.pitch() == note.pitch() && (other.onset() - note.onset()).abs() < 1e-9
            });
            let moved = same.map(|other| other.offset() - note.offset());
            prop_assert!(moved.is_some_and(|x| (0.0..=window).contains(&x)), "{note:?}: {moved:?}");
        }
    }

    #[test]
    fn a_midi_file_keeps_it_within_a_tick(notes in notes()) {
        // What is cut to nothing, or has no length, a file may hold differently.
        let notes: Vec<Note> = notes.into_iter().filter(|note| note.duration() > 0.0).collect();
        let played = keys_and_pedal(&notes, &KeyConfig::default()).unwrap();
        let bytes = Score::from_performance(&performance(&played)).to_bytes().unwrap();
        let (score, _) = Score::parse(&bytes, Strictness::Strict).unwrap();
        let again = score.notes(PedalRule::Default);
        prop_assert_eq!(again.len(), played.sounding.len());
        for (got, expected) in again.iter().zip(&played.sounding) {
            prop_assert_eq!(got.pitch(), expected.pitch());
            prop_assert!((got.onset() - expected.onset()).abs() < 2e-6);
            prop_assert!((got.offset() - expected.offset()).abs() < 2e-6);
        }
    }
}

/// Spans of time with the sustain pedal down, to the end of the piece if it stays down.
fn down(performance: &Performance, end: f64) -> Vec<(f64, f64)> {
    let (mut spans, mut since) = (Vec::new(), None);
    let sustain = performance.pedals.iter().filter(|event| event.pedal == Pedal::Sustain);
    for event in sustain {
        match (since, event.is_down()) {
            (None, true) => since = Some(event.time),
            (Some(start), false) => {
                spans.push((start, event.time));
                since = None;
            }
            _ => {}
        }
    }
    spans.extend(since.map(|start| (start, end)));
    spans
}

fn seconds(spans: &[(f64, f64)]) -> f64 {
    spans.iter().map(|(start, end)| end - start).sum()
}

/// Time that is in both; spans of each are in order.
fn shared(a: &[(f64, f64)], b: &[(f64, f64)]) -> f64 {
    let overlap = |x: &(f64, f64), y: &(f64, f64)| (x.1.min(y.1) - x.0.max(y.0)).max(0.0);
    a.iter().map(|x| b.iter().map(|y| overlap(x, y)).sum::<f64>()).sum()
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Pianists whose keys and pedals were recorded: how much of it comes out of the ends of sound alone?
#[test]
fn what_pianists_did_is_guessed_better_than_by_ends_of_sound() {
    let Some(root) = mir_testkit::test_data("asap") else { return };
    let mut files = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_score = path.file_name().is_some_and(|name| name == "midi_score.mid");
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "mid") && !is_score {
                files.push(path);
            }
        }
    }
    files.sort();
    let (mut guessed, mut right, mut there) = (0.0, 0.0, 0.0);
    let (mut key_errors, mut sound_errors) = (Vec::new(), Vec::new());
    for path in &files {
        let performance = Score::read(path).unwrap().performance();
        let sounding = pedal::apply(&performance, PedalRule::Default);
        let config = KeyConfig { window: 0.0, ..KeyConfig::default() };
        let played = keys_and_pedal(&sounding, &config).unwrap();
        assert_eq!(played.sounding, sounding, "{}", path.display());
        let end = sounding.iter().map(Note::offset).fold(0.0, f64::max);
        let truth = down(&performance, end);
        let spans: Vec<_> = played.pedal.iter().map(|s| (s.down, s.up)).collect();
        guessed += seconds(&spans);
        right += shared(&spans, &truth);
        there += seconds(&truth);
        // What the pedal held, and where the finger really left the key.
        let mut keys = performance.notes;
        Note::sort(&mut keys);
        for ((guess, sound), key) in played.keys.iter().zip(&played.sounding).zip(&keys) {
            let same = (key.onset() - sound.onset()).abs() < 1e-9 && key.pitch() == sound.pitch();
            if same && sound.offset() > key.offset() + 0.1 {
                key_errors.push((guess.offset() - key.offset()).abs());
                sound_errors.push(sound.offset() - key.offset());
            }
        }
    }
    let (held, precision, recall) = (key_errors.len(), right / guessed, right / there);
    let (key_error, sound_error) = (middle(key_errors), middle(sound_errors));
    println!(
        "{} performances: pedal precision {precision:.3}, recall {recall:.3}; of {held} notes that the pedal held, \
         keys are off by {key_error:.3} s, ends of sound by {sound_error:.3} s (medians)",
        files.len()
    );
    // Ends are exact here: a network's are not, and more of them are needed to infer a pedal.
    assert!(precision > 0.9 && recall > 0.7, "precision {precision}, recall {recall}");
    assert!(key_error < 0.5 * sound_error, "{key_error} s, {sound_error} s");
}
