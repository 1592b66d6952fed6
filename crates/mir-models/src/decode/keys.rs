//! When did the keys come up, and when was the pedal down? An estimate from the ends of sound.
//!
//! A network that learned pedal-extended labels says how long a note *sounds*. It does not say what held it: a
//! finger or the pedal. [`keys_and_pedal`] guesses, by one observation: fingers come up one after the other, while the
//! rising pedal damps all strings that no finger holds in one moment. Where several notes that were struck at
//! different times end together, a pedal is inferred that rises there; their keys may have come up before.

use std::collections::HashMap;

use mir_core::{Note, PedalSpan};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What counts as a pedal, and how fingers behave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyConfig {
    /// Ends within this many seconds are one moment, and become one, the last of them: 0 to 1. With 0 no end moves.
    pub window: f64,
    /// Fewest notes that end together when the pedal rises, at least 2.
    pub min_notes: usize,
    /// These notes were struck over at least this many seconds, at least 0: otherwise they are a chord, which fingers
    /// let go of together too.
    pub min_spread: f64,
    /// Shortest span of the pedal, seconds, above 0.002.
    pub min_pedal: f64,
    /// Time from the strike, or the last damping, until the pedal goes down, seconds, 0.002 to 1.
    pub lag: f64,
    /// Shortest time that a key is held, if its note sounds as long, seconds, at least 0.
    pub min_key: f64,
    /// Semitones that one hand spans, at least 0: a note within them of another may be by the same hand.
    pub reach: f64,
}

impl Default for KeyConfig {
    /// Three notes within 50 ms, struck over at least 60 ms; spans from 0.1 s.
    fn default() -> Self {
        Self {
            window: 0.05,
            min_notes: 3,
            min_spread: 0.06,
            min_pedal: 0.1,
            lag: 0.05,
            min_key: 0.08,
            reach: 12.0,
        }
    }
}

impl KeyConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        if self.min_notes < 2 {
            return Err(Error::config("min_notes", "at least 2", self.min_notes));
        }
        for (field, value, least, most, expected) in [
            ("window", self.window, 0.0, 1.0, "0 to 1 s"),
            ("min_spread", self.min_spread, 0.0, f64::MAX, "at least 0 s"),
            ("min_pedal", self.min_pedal, SHORT, f64::MAX, "at least 0.002 s"),
            ("lag", self.lag, SHORT, 1.0, "0.002 to 1 s"),
            ("min_key", self.min_key, 0.0, f64::MAX, "at least 0 s"),
            ("reach", self.reach, 0.0, f64::MAX, "at least 0 semitones"),
        ] {
            if !(least..=most).contains(&value) {
                return Err(Error::config(field, expected, value));
            }
        }
        Ok(())
    }
}

/// Shortest time between two events that have to keep their order, seconds: far above a tick of a MIDI file.
const SHORT: f64 = 0.002;

/// An estimate of what a pianist did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct KeysAndPedal {
    /// The notes as they sound: no two of a pitch overlap.
    pub sounding: Vec<Note>,
    /// The same notes in the same order, from the key's way down to its way up.
    pub keys: Vec<Note>,
    /// The pedal, in order of time, apart from each other.
    pub pedal: Vec<PedalSpan>,
}

/// Keys and pedal behind sounding notes, in the order of [`Note::sort`].
///
/// Fingers come up one after the other, while the rising pedal damps all strings that no finger holds in one moment.
/// So a pedal is inferred where several notes that were struck at different times end together:
///
/// 1. Ends within `window` are one moment. If it is the end of `min_notes` notes struck over `min_spread`, the pedal
///    rises there, and all of them end there.
/// 2. The pedal goes down `lag` after the first of them was struck, or after the last end before, whatever is later:
///    no note ends under it, but where it is struck again.
/// 3. The key of a note that the pedal holds comes up when the next note within `reach` is struck, but not before
///    `min_key` and not before the pedal is down. All other keys come up where their notes end.
///
/// A note ends where its pitch is struck again; one of which nothing remains is left out.
///
/// # What is certain, and what is not
/// Certain: played under the rule that a note whose key is up sounds until the pedal rises or its pitch is struck
/// again, keys and pedal give back exactly the ends in [`KeysAndPedal::sounding`]. These are the ends that came in, but
/// for those that a pedal moves by at most [`KeyConfig::window`].
///
/// A guess: everything else. A pedal under which only notes end that were struck together is not found, a note that
/// dies away under the pedal cuts its span short, and when a finger left a key that the pedal held cannot be heard at
/// all. From the exact ends of 32 recorded performances (ASAP), 96 % of the inferred pedal was pedal, which was 76 % of
/// it; the keys of notes that it held were off by 0.12 s in the median, the ends of their sound by 0.34 s.
///
/// # Errors
/// [`Error::Config`] for a value outside its range.
///
/// ```
/// use mir_core::{Key, Note, Velocity};
/// use mir_models::decode::{KeyConfig, keys_and_pedal};
///
/// let note = |key, onset, offset| Note::new(onset, offset, Key::new(key)?.pitch(), Velocity::MEDIUM);
/// // A broken chord whose notes are damped together.
/// let notes = [note(60, 0.0, 2.0)?, note(64, 0.5, 2.0)?, note(67, 1.0, 2.0)?];
/// let played = keys_and_pedal(&notes, &KeyConfig::default())?;
/// assert_eq!((played.pedal[0].down, played.pedal[0].up), (0.05, 2.0));
/// assert_eq!(played.keys[0].offset(), 0.5); // when the second note was struck
/// assert_eq!(played.sounding, notes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn keys_and_pedal(notes: &[Note], config: &KeyConfig) -> Result<KeysAndPedal> {
    config.validate()?;
    let mut strokes = strokes(notes);
    // Strokes that nothing but a damper ends, in the order of their ends.
    let mut damped: Vec<usize> =
        (0..strokes.len()).filter(|&i| !strokes[i].struck_again()).collect();
    damped.sort_by(|&a, &b| strokes[a].end.total_cmp(&strokes[b].end));

    let mut pedal = Vec::new();
    let (mut first, mut last_end) = (0, f64::NEG_INFINITY);
    while first < damped.len() {
        let limit = strokes[damped[first]].end + config.window;
        let count = damped[first..].iter().take_while(|&&i| strokes[i].end <= limit).count();
        let together = &damped[first..first + count];
        match span(&strokes, together, last_end, config) {
            Some(span) => {
                for &i in together {
                    strokes[i].end = span.up.min(strokes[i].next);
                }
                pedal.push(span);
                (first, last_end) = (first + count, span.up);
            }
            None => {
                last_end = strokes[damped[first]].end;
                first += 1;
            }
        }
    }
    let keys = (0..strokes.len()).map(|i| release(&strokes, i, &pedal, config)).collect();
    let list = |ends: Vec<f64>| -> Vec<Note> {
        let note = |(stroke, end): (&Stroke, f64)| {
            Note::new(stroke.note.onset(), end, stroke.note.pitch(), stroke.note.velocity()).ok()
        };
        strokes.iter().zip(ends).filter_map(note).collect()
    };
    let sounding = list(strokes.iter().map(|stroke| stroke.end).collect());
    Ok(KeysAndPedal { sounding, keys: list(keys), pedal })
}

/// A note with its end.
#[derive(Clone, Copy, Debug)]
struct Stroke {
    note: Note,
    /// When it falls silent.
    end: f64,
    /// When its pitch is struck again, infinite if it is not.
    next: f64,
}

impl Stroke {
    fn struck_again(&self) -> bool {
        self.end >= self.next
    }
}

/// Notes in order, each cut where its pitch is struck again, without those of which nothing remains.
fn strokes(notes: &[Note]) -> Vec<Stroke> {
    let mut sorted = notes.to_vec();
    Note::sort(&mut sorted);
    let mut next: HashMap<u64, f64> = HashMap::new();
    let mut strokes: Vec<Stroke> = sorted
        .into_iter()
        .rev()
        .filter_map(|note| {
            let pitch = note.pitch().midi().to_bits();
            let next = next.insert(pitch, note.onset()).unwrap_or(f64::INFINITY);
            let end = note.offset().min(next);
            // Of two strikes of a pitch at one time the later in the list sounds.
            (next > note.onset()).then_some(Stroke { note, end, next })
        })
        .collect();
    strokes.reverse();
    strokes
}

/// The pedal that rises where these strokes end, if one does. All ends before theirs are at most `last_end`.
fn span(
    strokes: &[Stroke],
    together: &[usize],
    last_end: f64,
    config: &KeyConfig,
) -> Option<PedalSpan> {
    if together.len() < config.min_notes {
        return None;
    }
    let onsets = together.iter().map(|&i| strokes[i].note.onset());
    let (earliest, latest) =
        onsets.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    let up = together.iter().map(|&i| strokes[i].end).fold(f64::NEG_INFINITY, f64::max);
    let down = earliest.max(last_end) + config.lag;
    (latest - earliest >= config.min_spread && up - down >= config.min_pedal)
        .then_some(PedalSpan { down, up })
}

/// When the key of a stroke comes up.
fn release(strokes: &[Stroke], index: usize, pedal: &[PedalSpan], config: &KeyConfig) -> f64 {
    let Stroke { note, end, .. } = strokes[index];
    // The first span that rises at or after the end: the only one that can hold it.
    let span = pedal.get(pedal.partition_point(|span| span.up < end));
    let Some(span) = span.filter(|span| span.down < end) else {
        return end;
    };
    let earliest = (note.onset() + config.min_key).max(span.down + SHORT / 2.0);
    if earliest >= end {
        return end;
    }
    let follows = |other: &&Stroke| {
        other.note.onset() > note.onset() + config.min_spread
            && (other.note.pitch().midi() - note.pitch().midi()).abs() <= config.reach
    };
    let next = strokes[index + 1..]
        .iter()
        .take_while(|other| other.note.onset() < end)
        .find(follows)
        .map_or(end, |other| other.note.onset());
    next.clamp(earliest, end)
}

#[cfg(test)]
mod tests {
    use mir_core::{Key, Velocity};
    use proptest::prelude::*;

    use super::*;

    fn note(key: u8, onset: f64, offset: f64) -> Note {
        Note::new(onset, offset, Key::new(key).unwrap().pitch(), Velocity::MEDIUM).unwrap()
    }

    fn ends(notes: &[Note]) -> Vec<f64> {
        notes.iter().map(Note::offset).collect()
    }

    fn exact() -> KeyConfig {
        KeyConfig { window: 0.0, ..KeyConfig::default() }
    }

    #[test]
    fn fingers_that_come_up_one_by_one_need_no_pedal() {
        let notes = [note(60, 0.0, 1.0), note(62, 1.0, 2.0), note(64, 2.0, 3.0)];
        let played = keys_and_pedal(&notes, &KeyConfig::default()).unwrap();
        assert_eq!(played.keys, notes);
        assert!(played.pedal.is_empty());
    }

    #[test]
    fn a_chord_is_let_go_of_by_fingers() {
        let notes = [note(60, 0.0, 1.0), note(64, 0.01, 1.0), note(67, 0.02, 1.0)];
        let played = keys_and_pedal(&notes, &KeyConfig::default()).unwrap();
        assert_eq!((played.keys.as_slice(), played.pedal.len()), (&notes[..], 0));
    }

    #[test]
    fn an_end_before_delays_the_pedal() {
        // The note of the left hand ends at 0.8, by a finger.
        let notes =
            [note(40, 0.0, 0.8), note(60, 0.0, 2.0), note(64, 0.5, 2.0), note(67, 1.0, 2.0)];
        let played = keys_and_pedal(&notes, &exact()).unwrap();
        assert_eq!(played.pedal, [PedalSpan { down: 0.8 + 0.05, up: 2.0 }]);
        // 64 follows within reach of 60 before the pedal is down: the finger stays until it is.
        let ends = ends(&played.keys);
        assert_eq!((ends[0], ends[2], ends[3]), (0.8, 1.0, 2.0));
        assert!(ends[1] > 0.85 && ends[1] < 0.86, "{}", ends[1]);
    }

    #[test]
    fn a_pitch_that_is_struck_again_under_the_pedal_ends_there() {
        let notes =
            [note(60, 0.0, 1.0), note(60, 1.0, 3.0), note(64, 0.5, 3.0), note(67, 1.5, 3.0)];
        let played = keys_and_pedal(&notes, &exact()).unwrap();
        assert_eq!(played.pedal, [PedalSpan { down: 0.5 + 0.05, up: 3.0 }]);
        assert_eq!(ends(&played.sounding), [1.0, 3.0, 3.0, 3.0]);
        // Overlapping notes of a pitch cannot both sound.
        let overlapping = [note(60, 0.0, 2.0), note(60, 1.0, 3.0)];
        let played = keys_and_pedal(&overlapping, &exact()).unwrap();
        assert_eq!(ends(&played.sounding), [1.0, 3.0]);
    }

    #[test]
    fn ends_within_the_window_become_one() {
        let notes = [note(60, 0.0, 1.97), note(64, 0.5, 2.0), note(67, 1.0, 1.94)];
        let config = KeyConfig { window: 0.064, ..KeyConfig::default() };
        let played = keys_and_pedal(&notes, &config).unwrap();
        assert_eq!(ends(&played.sounding), [2.0; 3]);
        assert!(keys_and_pedal(&notes, &exact()).unwrap().pedal.is_empty());
    }

    #[test]
    fn a_value_outside_its_range_is_refused() {
        for config in [
            KeyConfig { window: -0.1, ..KeyConfig::default() },
            KeyConfig { min_notes: 1, ..KeyConfig::default() },
            KeyConfig { lag: 0.0, ..KeyConfig::default() },
            KeyConfig { min_pedal: f64::NAN, ..KeyConfig::default() },
        ] {
            assert!(
                matches!(keys_and_pedal(&[], &config), Err(Error::Config { .. })),
                "{config:?}"
            );
        }
        assert_eq!(keys_and_pedal(&[], &exact()).unwrap(), KeysAndPedal::default());
    }

    proptest! {
        #[test]
        fn keys_come_up_while_their_notes_sound(
            raw in prop::collection::vec((55u8..60, 0u32..200, 0u32..40), 0..60),
            window in prop::sample::select(vec![0.0, 0.05, 0.2]),
        ) {
            // On a grid of 32 ms many ends coincide.
            let time = |frame: u32| f64::from(frame) * 0.032;
            let notes: Vec<Note> = raw
                .iter()
                .map(|&(key, start, length)| note(key, time(start), time(start + length)))
                .collect();
            let config = KeyConfig { window, ..KeyConfig::default() };
            let played = keys_and_pedal(&notes, &config).unwrap();
            prop_assert_eq!(played.keys.len(), played.sounding.len());
            for (key, sound) in played.keys.iter().zip(&played.sounding) {
                prop_assert_eq!((key.onset(), key.pitch()), (sound.onset(), sound.pitch()));
                prop_assert!(key.offset() <= sound.offset());
                let held = key.offset() < sound.offset();
                let spans = |span: &&PedalSpan| span.down < key.offset() && sound.offset() <= span.up;
                prop_assert!(!held || played.pedal.iter().any(|s| spans(&s)));
            }
            for pair in played.pedal.windows(2) {
                prop_assert!(pair[0].up < pair[1].down);
            }
            for span in &played.pedal {
                prop_assert!(span.up - span.down >= config.min_pedal);
            }
        }
    }
}
