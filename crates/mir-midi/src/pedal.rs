//! How long does a note sound, when the sustain pedal keeps it ringing after its key came up?
//!
//! # Conventions
//! The pedal is down while controller 64 is at 64 or above. Times are seconds. Every rule returns its
//! notes in the order of [`Note::sort`].
//!
//! # Why there are several rules
//! Published transcription systems disagree, so labels made by different rules differ by whole seconds
//! and scores are comparable under one rule only:
//!
//! | rule | a key released under the pedal ends at | a new onset of its pitch ends it |
//! |---|---|---|
//! | [`None`](PedalRule::None) | its own release | no |
//! | [`Default`](PedalRule::Default) | the pedal's release | always |
//! | [`Magenta`](PedalRule::Magenta) | the pedal's release | while the pedal is down |
//! | [`Jongwook`](PedalRule::Jongwook) | the pedal's release or the next event of its pitch | yes, or one event later |
//!
//! # Example
//! ```
//! use mir_core::{Key, Note, Velocity};
//! use mir_midi::{Pedal, PedalEvent, Performance, pedal::{self, PedalRule}};
//!
//! let pedal = |time, value| PedalEvent { time, pedal: Pedal::Sustain, value };
//! let performance = Performance {
//!     notes: vec![Note::new(0.1, 0.5, Key::new(60)?.pitch(), Velocity::MEDIUM)?],
//!     pedals: vec![pedal(0.4, 127), pedal(1.0, 0)],
//! };
//! assert_eq!(pedal::apply(&performance, PedalRule::None)[0].offset(), 0.5);
//! assert_eq!(pedal::apply(&performance, PedalRule::Default)[0].offset(), 1.0);
//! # Ok::<(), mir_core::Error>(())
//! ```

use std::collections::HashMap;

use mir_core::Note;
use serde::{Deserialize, Serialize};

use crate::{Pedal, Performance};

/// Which rule turns keys and sustain pedal into sounding notes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PedalRule {
    /// Key-down to key-up; the pedal is ignored. (pretty_midi's notes.)
    None,
    /// The rule of this project: [`Magenta`](Self::Magenta), and a new onset of a pitch *always* ends
    /// a note of that pitch that still sounds, because a string cannot be in two notes at once.
    #[default]
    Default,
    /// The published data preparation of jongwook/onsets-and-frames, in order of events.
    ///
    /// A note ends at the next event of its pitch, a release or a new onset. If the pedal is down
    /// there, it ends at the first *later* event that is a pedal release or an event of the pitch. So
    /// a pitch struck again under the pedal, without a release in between, overlaps its successor.
    Jongwook,
    /// `apply_sustain_control_changes` of magenta/note-seq.
    ///
    /// Events are sorted by time, at one time pedal down, pedal up, note on, note off. A release under
    /// the pedal ends nothing; the pedal's release ends every note whose key is up; a new onset under
    /// the pedal ends the sounding notes of its pitch; at the last event all that sounds ends.
    Magenta,
}

/// The sounding notes of a performance under a rule.
///
/// Rules agree on the following: sostenuto and soft pedal are ignored, and so are pedal events at a
/// time that is negative or not finite. A pedal that is never released holds until the last event of
/// the performance. Notes that would be cut to nothing, because the same pitch is struck again at the
/// very time of their onset, are left out.
pub fn apply(performance: &Performance, rule: PedalRule) -> Vec<Note> {
    let mut notes = match rule {
        PedalRule::None => performance.notes.clone(),
        PedalRule::Default => sustain(performance, true),
        PedalRule::Magenta => sustain(performance, false),
        PedalRule::Jongwook => jongwook(performance),
    };
    Note::sort(&mut notes);
    notes
}

/// What happens at a time. The order of the variants is Magenta's order within one time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    PedalDown,
    PedalUp,
    NoteOn,
    NoteOff,
}

/// An event; `note` is an index for the two note actions and 0 for the pedal.
#[derive(Clone, Copy)]
struct Event {
    time: f64,
    action: Action,
    note: u32,
}

impl Event {
    /// Orders by time, by a rank within one time, and by note. The bits of numbers from 0 upwards are in
    /// the order of the numbers, and integers sort faster.
    const fn order(&self, rank: u8) -> (u64, u64) {
        (self.time.to_bits(), (rank as u64) << 32 | self.note as u64)
    }
}

/// The events of a performance in order of time and, within one time, of `rank`.
fn events(performance: &Performance, rank: impl Fn(&Event) -> u8) -> Vec<Event> {
    let mut events = Vec::with_capacity(2 * performance.notes.len() + performance.pedals.len());
    let mut push = |time: f64, action, note: usize| {
        events.push(Event {
            // Takes −0 to 0.
            time: time + 0.0,
            action,
            note: note as u32,
        });
    };
    for pedal in &performance.pedals {
        if pedal.pedal == Pedal::Sustain && pedal.time.is_finite() && pedal.time >= 0.0 {
            let action = if pedal.is_down() { Action::PedalDown } else { Action::PedalUp };
            push(pedal.time, action, 0);
        }
    }
    // One kind after the other: pedals and onsets usually come sorted, and the sort makes use of runs.
    for (i, note) in performance.notes.iter().enumerate() {
        push(note.onset(), Action::NoteOn, i);
    }
    for (i, note) in performance.notes.iter().enumerate() {
        push(note.offset(), Action::NoteOff, i);
    }
    let offsets = events.len() - performance.notes.len();
    events[offsets..].sort_unstable_by_key(|event| event.order(rank(event)));
    events.sort_by_key(|event| event.order(rank(event)));
    events
}

/// A number from 0 for the string of each note, and how many strings there are. Two notes are on one
/// string when their pitches are equal.
fn strings(notes: &[Note]) -> (Vec<u32>, usize) {
    // Nearly all pitches are whole keys, which need no hashing.
    let mut others: HashMap<u64, u32> = HashMap::new();
    let strings = notes
        .iter()
        .map(|note| {
            let midi = note.pitch().midi();
            let key = midi as u8;
            if key < 128 && f64::from(key).to_bits() == midi.to_bits() {
                return u32::from(key);
            }
            let next = 128 + others.len() as u32;
            *others.entry(midi.to_bits()).or_insert(next)
        })
        .collect();
    (strings, 128 + others.len())
}

/// Magenta's rule, and with `always_cut` the default rule. Linear in the number of events after
/// sorting, whatever they are.
fn sustain(performance: &Performance, always_cut: bool) -> Vec<Note> {
    let events = events(performance, |event| event.action as u8);
    let notes = &performance.notes;
    let (string_of, strings) = strings(notes);
    let mut ends: Vec<Option<f64>> = vec![None; notes.len()];
    // Notes that may still sound, by pitch; and those whose key came up under the pedal. Entries that
    // have ended meanwhile stay until their list is emptied.
    let mut sounding: Vec<Vec<u32>> = vec![Vec::new(); strings];
    let mut held: Vec<u32> = Vec::new();
    let mut down = false;
    for event in &events {
        match event.action {
            Action::PedalDown => down = true,
            Action::PedalUp => {
                down = false;
                for note in held.drain(..) {
                    ends[note as usize].get_or_insert(event.time);
                }
            }
            Action::NoteOn => {
                let same = &mut sounding[string_of[event.note as usize] as usize];
                if down || always_cut {
                    for note in same.drain(..) {
                        ends[note as usize].get_or_insert(event.time);
                    }
                }
                same.push(event.note);
            }
            Action::NoteOff if down => held.push(event.note),
            Action::NoteOff => {
                ends[event.note as usize].get_or_insert(event.time);
            }
        }
    }
    let last = events.last().map_or(0.0, |event| event.time);
    notes
        .iter()
        .zip(ends)
        .filter_map(|(note, end)| with_offset(note, end.unwrap_or(last)))
        .collect()
}

/// The note with another end; `None` if that leaves nothing of a note that had a length, or comes
/// before its onset.
fn with_offset(note: &Note, end: f64) -> Option<Note> {
    if end <= note.onset() && note.duration() > 0.0 {
        return None;
    }
    Note::new(note.onset(), end, note.pitch(), note.velocity()).ok()
}

/// The rule of jongwook/onsets-and-frames: `onsets_and_frames/midi.py`, with the case in which the
/// original crashes (a note never closed, the pedal last) ended at the last event.
///
/// The original goes by the order of messages in the file. A performance has no such order within one
/// time; releases come first here, then the pedal, then onsets.
fn jongwook(performance: &Performance) -> Vec<Note> {
    let notes = &performance.notes;
    let rank = |event: &Event| match event.action {
        Action::NoteOff if notes[event.note as usize].duration() > 0.0 => 0,
        Action::PedalDown | Action::PedalUp => 1,
        Action::NoteOn => 2,
        Action::NoteOff => 3,
    };
    let mut events = events(performance, rank);
    let (string_of, strings) = strings(notes);
    let string_of = |event: &Event| string_of[event.note as usize] as usize;
    // Only a pedal that changes its state is an event to the original.
    let mut pressed = false;
    events.retain(|event| {
        let before = pressed;
        match event.action {
            Action::PedalDown => pressed = true,
            Action::PedalUp => pressed = false,
            Action::NoteOn | Action::NoteOff => return true,
        }
        pressed != before
    });
    // Overlapping notes of one pitch that end together came from a single release.
    events.dedup_by(|b, a| {
        a.action == Action::NoteOff
            && b.action == Action::NoteOff
            && a.time.total_cmp(&b.time).is_eq()
            && string_of(a) == string_of(b)
    });

    let mut pressed = false;
    let down: Vec<bool> = events
        .iter()
        .map(|event| {
            match event.action {
                Action::PedalDown => pressed = true,
                Action::PedalUp => pressed = false,
                Action::NoteOn | Action::NoteOff => {}
            }
            pressed
        })
        .collect();
    // Backwards, so that the next event of a pitch and the next release are known at each event.
    let Some(last) = events.len().checked_sub(1) else {
        return Vec::new();
    };
    // `after[i]`: where a note ends whose end candidate is event i.
    let mut after = vec![last; events.len()];
    let mut next_of: Vec<Option<usize>> = vec![None; strings];
    let mut next_release = last;
    let mut result = Vec::with_capacity(notes.len());
    for (i, event) in events.iter().enumerate().rev() {
        match event.action {
            Action::PedalUp => next_release = i,
            Action::PedalDown => {}
            Action::NoteOn | Action::NoteOff => {
                let next = next_of[string_of(event)].replace(i);
                after[i] =
                    if down[i] && i != last { next.unwrap_or(last).min(next_release) } else { i };
                if event.action == Action::NoteOn {
                    let end = next.map_or(last, |candidate| after[candidate]);
                    result.extend(with_offset(&notes[event.note as usize], events[end].time));
                }
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use mir_core::{Key, Velocity};
    use proptest::prelude::*;

    use super::*;
    use crate::PedalEvent;

    fn note(key: u8, onset: f64, offset: f64, velocity: u8) -> Note {
        let pitch = Key::new(key).unwrap().pitch();
        Note::new(onset, offset, pitch, Velocity::new(velocity).unwrap()).unwrap()
    }

    fn sustain_at(moves: &[(f64, bool)]) -> Vec<PedalEvent> {
        moves
            .iter()
            .map(|&(time, down)| PedalEvent {
                time,
                pedal: Pedal::Sustain,
                value: if down { 64 } else { 63 },
            })
            .collect()
    }

    fn spans(performance: &Performance, rule: PedalRule) -> Vec<(f64, f64, f64)> {
        apply(performance, rule).iter().map(|n| (n.pitch().midi(), n.onset(), n.offset())).collect()
    }

    /// The worked example of the Onsets-and-Frames specification, section 2.2.
    #[test]
    fn the_worked_example_gives_the_published_intervals() {
        let performance = Performance {
            notes: vec![
                note(60, 0.10, 0.50, 80),
                note(60, 0.90, 1.20, 60),
                note(64, 0.30, 0.35, 70),
                note(67, 0.60, 0.61, 50),
                note(72, 1.50, 1.70, 90),
                note(72, 1.70, 2.00, 91),
                note(76, 2.10, 2.30, 64),
                note(48, 3.00, 3.20, 40),
            ],
            pedals: sustain_at(&[(0.40, true), (1.05, false), (2.20, true), (2.40, false)]),
        };
        let expected = vec![
            (60.0, 0.10, 0.90),
            (64.0, 0.30, 0.35),
            (67.0, 0.60, 1.05),
            (60.0, 0.90, 1.20),
            (72.0, 1.50, 1.70),
            (72.0, 1.70, 2.00),
            (76.0, 2.10, 2.40),
            (48.0, 3.00, 3.20),
        ];
        for rule in [PedalRule::Default, PedalRule::Jongwook, PedalRule::Magenta] {
            assert_eq!(spans(&performance, rule), expected, "{rule:?}");
        }
    }

    /// The second example: struck twice, released once. A MIDI reader ends both at the release.
    #[test]
    fn a_restrike_without_release_is_where_the_rules_differ() {
        let performance = Performance {
            notes: vec![note(60, 0.10, 0.90, 80), note(60, 0.50, 0.90, 70)],
            pedals: sustain_at(&[(0.20, true), (1.50, false)]),
        };
        let ends =
            |rule| -> Vec<f64> { apply(&performance, rule).iter().map(Note::offset).collect() };
        assert_eq!(ends(PedalRule::None), [0.90, 0.90]);
        assert_eq!(ends(PedalRule::Jongwook), [0.90, 1.50]);
        assert_eq!(ends(PedalRule::Default), [0.50, 1.50]);
        assert_eq!(ends(PedalRule::Magenta), [0.50, 1.50]);
    }

    /// One row a case: keys (pitch, on, off), pedal moves, and the offsets by rule in order of onset.
    #[test]
    fn the_truth_table_holds() {
        type Row<'a> = (&'a str, &'a [(u8, f64, f64)], &'a [(f64, bool)], [&'a [f64]; 4]);
        let (down, up) = (true, false);
        // Columns: None, Default, Jongwook, Magenta.
        let table: &[Row<'_>] = &[
            ("no pedal", &[(60, 1., 2.)], &[], [&[2.]; 4]),
            (
                "pedal before the key, up before its release",
                &[(60, 1., 2.)],
                &[(0.5, down), (1.5, up)],
                [&[2.]; 4],
            ),
            ("pedal after the release", &[(60, 1., 2.)], &[(2.5, down), (3., up)], [&[2.]; 4]),
            (
                "pedal pressed while the key is down",
                &[(60, 1., 2.)],
                &[(1.5, down), (3., up)],
                [&[2.], &[3.], &[3.], &[3.]],
            ),
            (
                "pedal pressed at the time of the release",
                &[(60, 1., 2.)],
                &[(2., down), (3., up)],
                [&[2.], &[3.], &[2.], &[3.]],
            ),
            (
                "pedal released at the time of the release",
                &[(60, 1., 2.)],
                &[(0., down), (2., up)],
                [&[2.]; 4],
            ),
            (
                "pedal never released: until the last event",
                &[(60, 1., 2.), (64, 3., 4.)],
                &[(0., down)],
                [&[2., 4.], &[4., 4.], &[4., 4.], &[4., 4.]],
            ),
            (
                "pedal pressed twice, released once",
                &[(60, 1., 2.)],
                &[(0., down), (1.5, down), (3., up)],
                [&[2.], &[3.], &[3.], &[3.]],
            ),
            (
                "pedal released without having been pressed",
                &[(60, 1., 2.)],
                &[(1.5, up)],
                [&[2.]; 4],
            ),
            (
                "another pitch does not end a note",
                &[(60, 1., 2.), (64, 2.5, 2.6)],
                &[(0., down), (3., up)],
                [&[2., 2.6], &[3., 3.], &[3., 3.], &[3., 3.]],
            ),
            (
                "struck again under the pedal",
                &[(60, 1., 1.5), (60, 2., 2.5)],
                &[(0., down), (3., up)],
                [&[1.5, 2.5], &[2., 3.], &[2., 3.], &[2., 3.]],
            ),
            (
                "struck again after the pedal's release",
                &[(60, 1., 1.5), (60, 3.5, 4.)],
                &[(0., down), (3., up)],
                [&[1.5, 4.], &[3., 4.], &[3., 4.], &[3., 4.]],
            ),
            (
                "struck again while the key is down, no pedal",
                &[(60, 1., 3.), (60, 2., 4.)],
                &[],
                [&[3., 4.], &[2., 4.], &[2., 3.], &[3., 4.]],
            ),
            ("released and struck at one time", &[(60, 1., 2.), (60, 2., 3.)], &[], [&[2., 3.]; 4]),
            ("no length, no pedal", &[(60, 1., 1.)], &[], [&[1.]; 4]),
            (
                "no length, under the pedal",
                &[(60, 1., 1.)],
                &[(0., down), (3., up)],
                [&[1.], &[3.], &[3.], &[3.]],
            ),
            (
                "half a pedal is up below 64: re-pedalled",
                &[(60, 1., 2.)],
                &[(0., down), (2.5, up), (2.6, down), (4., up)],
                [&[2.], &[2.5], &[2.5], &[2.5]],
            ),
        ];
        let rules = [PedalRule::None, PedalRule::Default, PedalRule::Jongwook, PedalRule::Magenta];
        for (case, keys, moves, expected) in table {
            let performance = Performance {
                notes: keys.iter().map(|&(k, on, off)| note(k, on, off, 64)).collect(),
                pedals: sustain_at(moves),
            };
            for (rule, expected) in rules.into_iter().zip(expected) {
                let ends: Vec<f64> = apply(&performance, rule).iter().map(Note::offset).collect();
                assert_eq!(&ends, expected, "{case}, {rule:?}");
            }
        }
    }

    #[test]
    fn of_two_strikes_at_one_time_one_sounds() {
        let performance = Performance::from(vec![note(60, 1.0, 2.0, 50), note(60, 1.0, 3.0, 60)]);
        assert_eq!(spans(&performance, PedalRule::Default), [(60.0, 1.0, 3.0)]);
    }

    #[test]
    fn other_pedals_and_impossible_times_are_ignored() {
        let mut performance = Performance::from(vec![note(60, 1.0, 2.0, 50)]);
        for (time, pedal) in [
            (0.0, Pedal::Soft),
            (0.0, Pedal::Sostenuto),
            (f64::NAN, Pedal::Sustain),
            (-1.0, Pedal::Sustain),
        ] {
            performance.pedals.push(PedalEvent { time, pedal, value: 127 });
        }
        for rule in [PedalRule::Default, PedalRule::Jongwook, PedalRule::Magenta] {
            assert_eq!(spans(&performance, rule), [(60.0, 1.0, 2.0)]);
        }
        assert!(apply(&Performance::default(), PedalRule::Jongwook).is_empty());
    }

    proptest! {
        #[test]
        fn the_default_rule_leaves_no_pitch_sounding_twice(
            raw in prop::collection::vec((60u8..63, 0u32..40, 0u32..20), 0..30),
            moves in prop::collection::vec((0u32..60, any::<bool>()), 0..10),
        ) {
            let moves: Vec<(f64, bool)> = moves.iter().map(|&(t, d)| (f64::from(t) / 4.0, d)).collect();
            let notes: Vec<Note> = raw.iter()
                .map(|&(k, on, d)| note(k, f64::from(on) / 4.0, f64::from(on + d) / 4.0, 64))
                .collect();
            let performance = Performance { notes, pedals: sustain_at(&moves) };
            let sounding = apply(&performance, PedalRule::Default);
            for (i, a) in sounding.iter().enumerate() {
                for b in &sounding[i + 1..] {
                    prop_assert!(a.pitch() != b.pitch() || a.offset() <= b.onset());
                }
            }
            for rule in [PedalRule::Magenta, PedalRule::Jongwook] {
                for n in apply(&performance, rule) {
                    prop_assert!(n.offset().is_finite());
                }
            }
        }
    }
}
