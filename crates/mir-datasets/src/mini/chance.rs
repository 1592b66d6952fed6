//! Studies drawn by chance: what do chords sound like that no composer writes?
//!
//! Composed music uses few combinations of keys and leaves the ends of the keyboard to rare moments. A
//! network that has only heard such music learns its habits instead of the sound of the notes. These
//! studies use every register alike: two hands walk over the whole keyboard and strike one to five keys
//! at a time, in changing rhythm, loudness and pedal. Every seed
//! gives other notes.

use mir_core::{Key, KeyRange};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::notation::{Articulation, Score, ScoreNote, WHOLE};
use crate::random;

/// A study of `bars` bars of 4/4. The tempo, too, is drawn: 70 to 120 quarter notes per minute.
pub(crate) fn score(title: &str, bars: u32, seed: [u64; 3]) -> Score {
    let mut key = [0; 32];
    let words = [seed[0], seed[1], seed[2], u64::from_le_bytes(*b"mini-cha")];
    for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    let mut rng = ChaCha8Rng::from_seed(key);
    let tempo = 70.0 + 50.0 * random::uniform(&mut rng);
    let mut notes = Vec::new();
    for voice in 0..2 {
        hand(&mut rng, voice, bars * WHOLE, &mut notes);
    }
    // Half of the bars are pedalled.
    let pedal = (0..=bars)
        .map(|bar| (bar * WHOLE, bar < bars && random::uniform(&mut rng) < 0.5))
        .collect();
    Score::from_notes(title, WHOLE, tempo, pedal, notes)
}

fn hand(rng: &mut ChaCha8Rng, voice: usize, end: u32, notes: &mut Vec<ScoreNote>) {
    /// Lengths in 16ths; short ones are drawn more often.
    const LENGTHS: [u32; 10] = [1, 1, 1, 2, 2, 2, 3, 4, 4, 8];
    let lowest = usize::from(KeyRange::PIANO.low().number());
    let mut position = 0;
    let mut base = lowest + random::below(rng, KeyRange::PIANO.len());
    let mut level = 70.0;
    while position < end {
        // One hand may not reach the other's place at will: a walk, and now and then a leap.
        base = if random::uniform(rng) < 0.1 {
            lowest + random::below(rng, KeyRange::PIANO.len())
        } else {
            (base + random::below(rng, 13)).saturating_sub(6)
        };
        base = base.clamp(lowest, usize::from(KeyRange::PIANO.high().number()));
        level = (level + 12.0 * random::symmetric(rng)).clamp(28.0, 112.0);
        let length = LENGTHS[random::below(rng, LENGTHS.len())] * (WHOLE / 16);
        let length = length.min(end - position);
        let staccato = random::uniform(rng) < 0.2;
        let size = [1, 1, 1, 1, 2, 2, 3, 3, 4, 5][random::below(rng, 10)];
        let mut key = base;
        for member in 0..size {
            let Some(key_on_piano) = u8::try_from(key)
                .ok()
                .and_then(|key| Key::new(key).ok())
                .filter(|&key| KeyRange::PIANO.index_of(key).is_some())
            else {
                break;
            };
            notes.push(ScoreNote {
                start: position,
                length,
                key: key_on_piano,
                voice,
                member,
                level,
                articulation: if staccato { Articulation::Staccato } else { Articulation::Plain },
                accent: false,
                rolled: false,
                trill: None,
                grace: None,
            });
            // 1 to 7 semitones up, and no more than a hand can span.
            key += 1 + random::below(rng, 7);
            if key > base + 14 {
                break;
            }
        }
        position += length;
        if random::uniform(rng) < 0.1 {
            position += WHOLE / 8;
        }
    }
}
