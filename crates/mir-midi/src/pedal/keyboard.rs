//! The state machine of the onsets-and-velocities system: a keyboard with three pedals.

use std::collections::HashMap;

use mir_core::{Note, Velocity};

use super::Hand;
use crate::{Pedal, Performance};

/// The sustain pedal acts above this value.
const SUSTAIN_THRESHOLD: u8 = 7;

/// The sostenuto pedal acts above this value.
const SOSTENUTO_THRESHOLD: u8 = 0;

/// A key pressed again without a release was released this long before, in seconds; and this is the
/// length of a note that has none.
const INSTANT: f64 = 0.001;

#[derive(Clone, Copy)]
enum Action {
    Lift { string: u32 },
    Pedal { pedal: Pedal, value: u8 },
    Press { string: u32, note: u32 },
}

/// The sounding notes of a performance.
///
/// Where we differ from the original: simultaneous presses of a key are one press with the larger
/// velocity (an error there), the simulated release never precedes its onset, notes of no length last
/// 1 ms, and what rings at the end rings until the last event of any of the three pedals (there: of
/// the sustain pedal).
pub(super) fn notes(performance: &Performance, hand: &Hand<'_>) -> Vec<Note> {
    let mut machine = Machine {
        hand,
        down: vec![None; hand.strings],
        resonant: HashMap::new(),
        hooked: vec![false; hand.strings],
        sustain: 0,
        sostenuto: 0,
        ends: vec![None; hand.notes.len()],
        velocities: hand.notes.iter().map(|note| note.velocity()).collect(),
    };
    let events = events(performance, hand);
    for &(time, _, action) in &events {
        match action {
            Action::Press { string, note } => machine.press(string, note, time),
            Action::Lift { string } => machine.lift(string, time),
            Action::Pedal { pedal: Pedal::Sustain, value } => machine.move_sustain(value, time),
            Action::Pedal { pedal: Pedal::Sostenuto, value } => {
                machine.move_sostenuto(value, time);
            }
            Action::Pedal { pedal: Pedal::Soft, .. } => {}
        }
    }
    let last = events.last().map_or(0.0, |event| event.0);
    let end_all: Vec<u32> = machine.resonant.drain().map(|(_, note)| note).collect();
    for note in end_all {
        machine.ends[note as usize] = Some(last);
    }
    let notes = hand.notes.iter().zip(machine.ends).zip(machine.velocities);
    notes
        .filter_map(|((note, end), velocity)| {
            // Without an end it was merged into a simultaneous press.
            let end = end?;
            let end = if end > note.onset() { end } else { note.onset() + INSTANT };
            Note::new(note.onset(), end, note.pitch(), velocity).ok()
        })
        .collect()
}

/// All events in order of time; at one time releases come first, then the pedals, then presses. Of
/// several positions of a pedal at one time only the last counts.
fn events(performance: &Performance, hand: &Hand<'_>) -> Vec<(f64, u8, Action)> {
    let mut events: Vec<(f64, u8, Action)> = Vec::new();
    for event in &performance.pedals {
        if event.time.is_finite() && event.time >= 0.0 {
            let action = Action::Pedal { pedal: event.pedal, value: event.value };
            events.push((event.time, 1, action));
        }
    }
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut kept = Vec::with_capacity(events.len() + 2 * hand.notes.len());
    for (i, event) in events.iter().enumerate() {
        let later = events[i + 1..].iter().take_while(|later| later.0 <= event.0);
        let same = |later: &&(f64, u8, Action)| match (later.2, event.2) {
            (Action::Pedal { pedal: a, .. }, Action::Pedal { pedal: b, .. }) => a == b,
            _ => false,
        };
        // Looks no further than the first of its kind, so crowds at one time cost nothing.
        if !later.into_iter().any(|later| same(&later)) {
            kept.push(*event);
        }
    }
    for (i, (note, stroke)) in hand.notes.iter().zip(&hand.strokes).enumerate() {
        let string = stroke.string;
        kept.push((note.onset(), 2, Action::Press { string, note: i as u32 }));
        let rank = if note.duration() > 0.0 { 0 } else { 3 };
        kept.push((note.offset(), rank, Action::Lift { string }));
    }
    kept.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    kept
}

struct Machine<'a> {
    hand: &'a Hand<'a>,
    /// The note of each string whose key is down.
    down: Vec<Option<u32>>,
    /// The notes whose keys came up but which a pedal holds.
    resonant: HashMap<u32, u32>,
    /// Strings that the sostenuto pedal holds.
    hooked: Vec<bool>,
    sustain: u8,
    sostenuto: u8,
    ends: Vec<Option<f64>>,
    velocities: Vec<Velocity>,
}

impl Machine<'_> {
    fn press(&mut self, string: u32, note: u32, time: f64) {
        if let Some(held) = self.down[string as usize] {
            let onset = self.hand.notes[held as usize].onset();
            if onset >= time {
                // Both at once: one press.
                let louder = self.velocities[held as usize].max(self.velocities[note as usize]);
                self.velocities[held as usize] = louder;
                return;
            }
            self.lift(string, (time - INSTANT).max(onset));
        }
        self.down[string as usize] = Some(note);
        if let Some(older) = self.resonant.remove(&string) {
            self.ends[older as usize] = Some(time);
        }
    }

    fn lift(&mut self, string: u32, time: f64) {
        // A release without a press is ignored.
        let Some(note) = self.down[string as usize].take() else { return };
        if self.sustain > SUSTAIN_THRESHOLD || self.hooked[string as usize] {
            self.resonant.insert(string, note);
        } else {
            self.ends[note as usize] = Some(time);
        }
    }

    fn move_sustain(&mut self, value: u8, time: f64) {
        let was_down = self.sustain > SUSTAIN_THRESHOLD;
        self.sustain = value;
        if was_down && value <= SUSTAIN_THRESHOLD {
            let (ends, hooked) = (&mut self.ends, &self.hooked);
            self.resonant.retain(|&string, note| {
                let keep = hooked[string as usize];
                if !keep {
                    ends[*note as usize] = Some(time);
                }
                keep
            });
        }
    }

    fn move_sostenuto(&mut self, value: u8, time: f64) {
        let was_down = self.sostenuto > SOSTENUTO_THRESHOLD;
        self.sostenuto = value;
        let is_down = value > SOSTENUTO_THRESHOLD;
        if !was_down && is_down {
            for (hooked, down) in self.hooked.iter_mut().zip(&self.down) {
                *hooked |= down.is_some();
            }
        } else if was_down && !is_down {
            self.hooked.fill(false);
            if self.sustain <= SUSTAIN_THRESHOLD {
                for (_, note) in self.resonant.drain() {
                    self.ends[note as usize] = Some(time);
                }
            }
        }
    }
}
