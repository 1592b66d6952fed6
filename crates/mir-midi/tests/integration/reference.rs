//! Against other implementations: pretty_midi's reader, and the pedal rules as slow loops.

use mir_core::{Key, Note, Velocity};
use mir_midi::{Pedal, PedalEvent, PedalRule, Performance, Score, Strictness, pedal};
use mir_testkit::{assert_close, fixtures};
use proptest::prelude::*;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    tool: String,
    tolerance: f64,
    /// The bytes, in hexadecimal.
    file: String,
    /// Onset, offset, key, velocity.
    notes: Vec<[f64; 4]>,
}

/// The files are random, with overlaps, re-strikes and tempo changes; made by `make_reading.py`.
#[test]
fn notes_equal_those_of_the_reference_reader() {
    for (i, case) in fixtures::<Case>(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/reading.json")
        .iter()
        .enumerate()
    {
        let bytes: Vec<u8> = (0..case.file.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&case.file[at..at + 2], 16).unwrap())
            .collect();
        let (score, _) = Score::parse(&bytes, Strictness::Strict).unwrap();
        let mut got: Vec<[f64; 4]> = score
            .notes(PedalRule::None)
            .iter()
            .map(|n| [n.onset(), n.offset(), n.pitch().midi(), f64::from(n.velocity().value())])
            .collect();
        let mut want = case.notes.clone();
        // Times of one tick differ in the last bit, so they are ordered at 1 µs.
        let order = |note: &[f64; 4]| {
            let micros = |seconds: f64| (seconds * 1e6).round() as i64;
            (micros(note[0]), micros(note[1]), note[2] as i64, note[3] as i64)
        };
        got.sort_by_key(order);
        want.sort_by_key(order);
        assert_eq!(got.len(), want.len(), "case {i} of {}", case.tool);
        for (got, want) in got.iter().flatten().zip(want.iter().flatten()) {
            assert_close(*got, *want, case.tolerance, &format!("case {i} of {}", case.tool));
        }
    }
}

/// Magenta's rule as its authors describe it: a list of sounding notes, event by event. Quadratic.
fn magenta(performance: &Performance, always_cut: bool) -> Vec<Note> {
    #[derive(Clone, Copy, PartialEq)]
    struct Sounding {
        note: usize,
        released: bool,
    }
    let notes = &performance.notes;
    // Time, rank within a time, and what: pedal position or note.
    let mut events: Vec<(f64, u8, usize)> = Vec::new();
    for pedal in &performance.pedals {
        events.push((pedal.time, if pedal.value >= 64 { 0 } else { 1 }, 0));
    }
    for (i, note) in notes.iter().enumerate() {
        events.push((note.onset(), 2, i));
        events.push((note.offset(), 3, i));
    }
    events.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let mut ends: Vec<f64> = notes.iter().map(Note::offset).collect();
    let mut active: Vec<Sounding> = Vec::new();
    let mut down = false;
    for &(time, what, note) in &events {
        match what {
            0 => down = true,
            1 => {
                down = false;
                for s in active.iter().filter(|s| s.released) {
                    ends[s.note] = time;
                }
                active.retain(|s| !s.released);
            }
            2 => {
                if down || always_cut {
                    let same = |s: &Sounding| notes[s.note].pitch() == notes[note].pitch();
                    for s in active.iter().filter(|s| same(s)) {
                        ends[s.note] = time;
                    }
                    active.retain(|s| !same(s));
                }
                active.push(Sounding { note, released: false });
            }
            _ if down => {
                active.iter_mut().filter(|s| s.note == note).for_each(|s| s.released = true)
            }
            _ => active.retain(|s| s.note != note),
        }
    }
    let last = events.last().map_or(0.0, |event| event.0);
    for s in active {
        ends[s.note] = last;
    }
    let mut result: Vec<Note> = notes
        .iter()
        .zip(ends)
        .filter(|(note, end)| *end > note.onset() || note.duration() <= 0.0)
        .map(|(n, end)| Note::new(n.onset(), end, n.pitch(), n.velocity()).unwrap())
        .collect();
    Note::sort(&mut result);
    result
}

/// jongwook's rule as a search forward through the list of events. Quadratic.
fn jongwook(performance: &Performance) -> Vec<Note> {
    /// Time, rank, key (none for the pedal), index of the note that starts, pedal state.
    type Event = (f64, u8, Option<u8>, Option<usize>, bool);
    let notes = &performance.notes;
    let mut raw: Vec<Event> = Vec::new();
    for pedal in &performance.pedals {
        raw.push((pedal.time, 1, None, None, pedal.value >= 64));
    }
    for (i, note) in notes.iter().enumerate() {
        let key = note.pitch().key().map(Key::number);
        let off = if note.duration() > 0.0 { 0 } else { 3 };
        raw.push((note.onset(), 2, key, Some(i), false));
        raw.push((note.offset(), off, key, None, false));
    }
    raw.sort_by(|a, b| (a.0, a.1).partial_cmp(&(b.0, b.1)).unwrap());
    let mut sustain = false;
    let mut events = Vec::new();
    for (time, rank, key, starts, position) in raw {
        if rank == 1 {
            if position == sustain {
                continue;
            }
            sustain = position;
        }
        events.push((time, rank, key, starts, sustain));
    }
    let last = events.len().saturating_sub(1);
    let mut result = Vec::new();
    for (i, event) in events.iter().enumerate() {
        let Some(note) = event.3 else { continue };
        let next = |from: usize, release_counts: bool| {
            (from + 1..=last)
                .find(|&j| {
                    let (_, rank, key, _, sustain) = events[j];
                    key == event.2 || j == last || (release_counts && rank == 1 && !sustain)
                })
                .unwrap_or(last)
        };
        let mut end = next(i, false);
        if events[end].4 && end != last {
            end = next(end, true);
        }
        let n = notes[note];
        if events[end].0 > n.onset() || n.duration() <= 0.0 {
            result.push(Note::new(n.onset(), events[end].0, n.pitch(), n.velocity()).unwrap());
        }
    }
    Note::sort(&mut result);
    result
}

/// Performances on a coarse grid of time, so that events often coincide.
fn performances() -> impl Strategy<Value = Performance> {
    let notes = prop::collection::vec((60u8..63, 0u32..40, 0u32..12, 1u8..128), 0..25);
    let pedals = prop::collection::vec((0u32..50, any::<bool>()), 0..12);
    (notes, pedals).prop_map(|(notes, pedals)| Performance {
        notes: notes
            .into_iter()
            .map(|(key, on, length, velocity)| {
                let (on, off) = (f64::from(on) / 4.0, f64::from(on + length) / 4.0);
                let pitch = Key::new(key).unwrap().pitch();
                Note::new(on, off, pitch, Velocity::new(velocity).unwrap()).unwrap()
            })
            .collect(),
        pedals: pedals
            .into_iter()
            .map(|(time, down)| PedalEvent {
                time: f64::from(time) / 4.0,
                pedal: Pedal::Sustain,
                value: if down { 127 } else { 0 },
            })
            .collect(),
    })
}

/// Onset, key, offset, velocity of each note, in an order that does not depend on ties.
fn table(notes: &[Note]) -> Vec<(u64, u64, u64, u8)> {
    let mut rows: Vec<_> = notes
        .iter()
        .map(|n| {
            (
                n.onset().to_bits(),
                n.pitch().midi().to_bits(),
                n.offset().to_bits(),
                n.velocity().value(),
            )
        })
        .collect();
    rows.sort_unstable();
    rows
}

proptest! {
    #[test]
    fn fast_and_slow_pedal_rules_agree(performance in performances()) {
        for (rule, slow) in [
            (PedalRule::Magenta, magenta(&performance, false)),
            (PedalRule::Default, magenta(&performance, true)),
        ] {
            prop_assert_eq!(table(&pedal::apply(&performance, rule)), table(&slow), "{:?}", rule);
        }
    }

    #[test]
    fn the_forward_search_agrees_where_a_key_has_one_event_at_a_time(performance in performances()) {
        // Files hold one release for notes that end together; the loop above does not model that.
        let mut performance = performance;
        Note::sort(&mut performance.notes);
        performance.notes.dedup_by(|b, a| a.pitch() == b.pitch() && a.offset() > b.onset());
        let mut last: [f64; 128] = [-1.0; 128];
        performance.notes.retain(|n| {
            let key = usize::from(n.pitch().key().unwrap().number());
            let keep = n.onset() > last[key];
            if keep {
                last[key] = n.offset();
            }
            keep
        });
        let fast = pedal::apply(&performance, PedalRule::Jongwook);
        prop_assert_eq!(table(&fast), table(&jongwook(&performance)));
    }
}
