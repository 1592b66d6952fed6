//! How long does a note sound, when the pedals keep it ringing after its key came up?
//!
//! # Conventions
//! The sustain pedal is down while controller 64 is at 64 or above, if the rule does not say otherwise.
//! Times are seconds. Every rule returns its notes in the order of [`Note::sort`].
//!
//! # Why there are several rules
//! Published transcription systems disagree, so labels made by different rules differ by whole seconds
//! and scores are comparable under one rule only:
//!
//! | rule | name | a key released under the pedal ends at | a new onset of its pitch ends it |
//! |---|---|---|---|
//! | [`Default`](PedalRule::Default) | `default` | the pedal's release | always |
//! | [`None`](PedalRule::None) | `none` | its own release | no |
//! | [`Jongwook`](PedalRule::Jongwook) | `jongwook` | the pedal's release or the next event of its pitch | yes, or one event later |
//! | [`Magenta`](PedalRule::Magenta) | `magenta` | the pedal's release | while the pedal is down |
//! | [`PrettyMidi`](PedalRule::PrettyMidi) | `pretty_midi` | the pedal's release, by frames | no |
//! | [`Hpt`](PedalRule::Hpt) | `hpt` | the pedal's release | if both end under one pedal |
//! | [`OnsetsVelocities`](PedalRule::OnsetsVelocities) | `onsets_velocities` | the release of sustain and sostenuto | always |
//!
//! # Overlapping, zero-length and never-closed notes
//! * Overlapping notes of a pitch are a new onset before the release: see the last column. Under `none`,
//!   `pretty_midi` and, while the pedal is up, `magenta` and `hpt` they stay as they are; `jongwook` ends
//!   the older one at the new onset, `onsets_velocities` 1 ms before it.
//! * A note of no length keeps its onset; the pedal holds it like any other under `default`, `magenta`
//!   and `jongwook`, and under `onsets_velocities` it lasts at least 1 ms. A note that a rule *cuts* to
//!   nothing, because its pitch is struck twice at one time, is left out: of two strikes at one time the
//!   later in the list sounds (`onsets_velocities`: one note with the larger velocity).
//! * Notes that a file never closes end with their track before a rule sees them
//!   ([`score`](crate::score)).
//! * A sustain pedal that is never released holds until the last event (under `pretty_midi` it is
//!   ignored, as it is there).
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
//! assert_eq!(pedal::apply(&performance, "default".parse()?)[0].offset(), 1.0);
//! # Ok::<(), mir_midi::Error>(())
//! ```

mod hpt;
mod jongwook;
mod keyboard;
mod pretty_midi;
mod sustain;

use std::{collections::HashMap, fmt, str::FromStr};

use mir_core::{Note, PedalSpan, Pitch};
use serde::{Deserialize, Serialize};

use crate::{Error, Pedal, Performance};

/// Which rule turns keys and pedals into sounding notes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PedalRule {
    /// The rule of this project: [`Magenta`](Self::Magenta), and a new onset of a pitch *always* ends
    /// a note of that pitch that still sounds, because a string cannot be in two notes at once.
    #[default]
    Default,
    /// Key-down to key-up; the pedals are ignored. (pretty_midi's notes.)
    None,
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
    /// `Instrument.get_piano_roll` of pretty_midi at 31.25 frames a second.
    ///
    /// Times are rounded down to frames. A note that has a frame within a closed pedal interval ends
    /// with the interval, also if its pitch is struck again.
    PrettyMidi,
    /// `extend_pedal` of bytedance/piano_transcription (Kong et al. 2021, "High-resolution piano
    /// transcription with pedals").
    ///
    /// A release strictly between pedal down and pedal up moves to pedal up; a second note of the pitch
    /// that is held by the same pedal cuts the first at its own onset.
    Hpt,
    /// The keyboard of the onsets-and-velocities system (Fernandez 2023).
    ///
    /// The sustain pedal is down above 7 and holds all keys that come up; the sostenuto pedal is down
    /// above 0 and holds the keys that were down when it was pressed; the soft pedal does nothing. A
    /// new onset always ends an older note of its pitch; if the key was not released before, it counts
    /// as released 1 ms earlier. No note is shorter than 1 ms.
    OnsetsVelocities,
}

impl PedalRule {
    /// All rules.
    pub const ALL: [Self; 7] = [
        Self::Default,
        Self::None,
        Self::Jongwook,
        Self::Magenta,
        Self::PrettyMidi,
        Self::Hpt,
        Self::OnsetsVelocities,
    ];

    /// The name of the rule on a command line and in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::None => "none",
            Self::Jongwook => "jongwook",
            Self::Magenta => "magenta",
            Self::PrettyMidi => "pretty_midi",
            Self::Hpt => "hpt",
            Self::OnsetsVelocities => "onsets_velocities",
        }
    }
}

impl fmt::Display for PedalRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for PedalRule {
    type Err = Error;

    /// From a [`name`](Self::name).
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|rule| rule.name() == name).ok_or_else(|| Error::UnknownName {
            what: "pedal rule",
            expected: "default, none, jongwook, magenta, pretty_midi, hpt or onsets_velocities",
            actual: name.to_owned(),
        })
    }
}

/// The sounding notes of a performance under a rule.
///
/// Pedal events at a time that is negative or not finite are ignored. The module documentation has the
/// rules for notes that overlap or have no length.
pub fn apply(performance: &Performance, rule: PedalRule) -> Vec<Note> {
    let mut notes = match rule {
        PedalRule::None => performance.notes.clone(),
        _ => {
            let hand = Hand::new(performance);
            match rule {
                PedalRule::OnsetsVelocities => keyboard::notes(performance, &hand),
                PedalRule::PrettyMidi => {
                    hand.with_ends(pretty_midi::ends(&hand, pretty_midi::FRAME_RATE))
                }
                _ => {
                    let ends = ends(&hand.strokes, hand.strings, &hand.moves, rule);
                    hand.with_ends(ends.into_iter().map(f64::from_bits))
                }
            }
        }
    };
    Note::sort(&mut notes);
    notes
}

/// When the sustain pedal is down, in order of time: from an event that [presses](crate::PedalEvent::is_down) it to one
/// that does not. A pedal that never comes up does so with the last event.
///
/// ```
/// use mir_core::PedalSpan;
/// use mir_midi::{Pedal, PedalEvent, Performance, pedal};
/// let event = |time, value| PedalEvent { time, pedal: Pedal::Sustain, value };
/// let pedals = vec![event(0.5, 30), event(0.6, 90), event(0.7, 127), event(1.5, 20)];
/// let played = Performance { pedals, ..Performance::default() };
/// assert_eq!(pedal::spans(&played), [PedalSpan { down: 0.6, up: 1.5 }]);
/// ```
pub fn spans(performance: &Performance) -> Vec<PedalSpan> {
    let hand = Hand::new(performance);
    let spans = hpt::intervals(&hand.strokes, &hand.moves).into_iter();
    spans
        .filter(|(down, up)| down < up)
        .map(|(down, up)| PedalSpan { down: f64::from_bits(down), up: f64::from_bits(up) })
        .collect()
}

/// A key from its way down to its way up.
///
/// Instants are whole numbers that grow with time: ticks, or the bits of seconds, since the bits of
/// numbers from 0 upwards are in the order of the numbers. So the rules serve scores and performances.
pub(crate) trait Struck {
    /// When the key goes down and comes up.
    fn span(&self) -> (u64, u64);

    /// A number from 0 for each pitch. Two notes are on one string when their pitches are equal.
    fn string(&self) -> usize;
}

/// A note of a performance.
#[derive(Clone, Copy, Debug)]
struct Stroke {
    start: u64,
    end: u64,
    string: u32,
}

impl Struck for Stroke {
    fn span(&self) -> (u64, u64) {
        (self.start, self.end)
    }

    fn string(&self) -> usize {
        self.string as usize
    }
}

/// The last of all events.
fn last_instant(strokes: &[impl Struck], moves: &[Move]) -> u64 {
    let last_move = moves.last().map_or(0, |m| m.time);
    strokes.iter().map(|stroke| stroke.span().1).fold(last_move, u64::max)
}

/// The sustain pedal at an instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    pub(crate) time: u64,
    pub(crate) down: bool,
}

/// The instant at which each stroke falls silent. Strokes are in order of their start and moves in
/// order of their time, and `strings` is above all strings. The rules that need seconds ask for nothing
/// here: under them the strokes end with their keys.
pub(crate) fn ends(
    strokes: &[impl Struck],
    strings: usize,
    moves: &[Move],
    rule: PedalRule,
) -> Vec<u64> {
    match rule {
        PedalRule::Default => sustain::ends(strokes, strings, moves, true),
        PedalRule::Magenta => sustain::ends(strokes, strings, moves, false),
        PedalRule::Jongwook => jongwook::ends(strokes, strings, moves),
        PedalRule::Hpt => hpt::ends(strokes, strings, moves),
        PedalRule::None | PedalRule::PrettyMidi | PedalRule::OnsetsVelocities => {
            strokes.iter().map(|stroke| stroke.span().1).collect()
        }
    }
}

/// Whether a rule works on seconds, so that instants and [`ends`] are not all there is to it.
pub(crate) const fn needs_seconds(rule: PedalRule) -> bool {
    matches!(rule, PedalRule::PrettyMidi | PedalRule::OnsetsVelocities)
}

/// A performance as the rules need it.
struct Hand<'a> {
    /// In order of onset, equal onsets in the order of the performance.
    notes: Vec<&'a Note>,
    /// Of the notes, one by one.
    strokes: Vec<Stroke>,
    strings: usize,
    /// In order of time, equal times in the order of the performance.
    moves: Vec<Move>,
}

impl<'a> Hand<'a> {
    fn new(performance: &'a Performance) -> Self {
        let mut notes: Vec<&Note> = performance.notes.iter().collect();
        notes.sort_by_key(|note| instant(note.onset()));
        let mut strings = Strings::default();
        let strokes = notes
            .iter()
            .map(|note| Stroke {
                start: instant(note.onset()),
                end: instant(note.offset()),
                string: strings.of(note.pitch()),
            })
            .collect();
        let mut moves: Vec<Move> = performance
            .pedals
            .iter()
            .filter(|event| event.pedal == Pedal::Sustain)
            .filter(|event| event.time.is_finite() && event.time >= 0.0)
            .map(|event| Move { time: instant(event.time), down: event.is_down() })
            .collect();
        moves.sort_by_key(|m| m.time);
        Self { notes, strokes, strings: 128 + strings.others.len(), moves }
    }

    /// The notes with other ends. Left out are notes of which nothing remains, unless they had no
    /// length before.
    fn with_ends(&self, ends: impl IntoIterator<Item = f64>) -> Vec<Note> {
        self.notes
            .iter()
            .zip(ends)
            .filter(|(note, end)| *end > note.onset() || note.duration() <= 0.0)
            .filter_map(|(n, end)| Note::new(n.onset(), end, n.pitch(), n.velocity()).ok())
            .collect()
    }
}

/// Seconds from 0 upwards as a whole number in the same order. Takes −0 to 0.
fn instant(seconds: f64) -> u64 {
    (seconds + 0.0).to_bits()
}

/// Numbers the strings: whole keys have their own number, which needs no hashing, other pitches follow.
#[derive(Default)]
struct Strings {
    others: HashMap<u64, u32>,
}

impl Strings {
    fn of(&mut self, pitch: Pitch) -> u32 {
        let midi = pitch.midi();
        let key = midi as u8;
        if key < 128 && f64::from(key).to_bits() == midi.to_bits() {
            return u32::from(key);
        }
        let next = 128 + self.others.len() as u32;
        *self.others.entry(midi.to_bits()).or_insert(next)
    }
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
