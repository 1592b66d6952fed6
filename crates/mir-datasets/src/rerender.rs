//! The notes of recordings, varied so that another instrument can play them: more to learn from than was recorded.
//!
//! A network that has heard five pianos knows five pianos. Whoever has their notes can let others play them, in
//! other keys and at other speeds; what sounds then is up to the caller (`mir_midi::piano`, `mir_midi::soundfont`).
//!
//! ```
//! use mir_core::{Key, Note, Velocity};
//! use mir_datasets::rerender::RerenderConfig;
//!
//! let note = Note::new(1.0, 2.0, Key::new(60)?.pitch(), Velocity::new(64)?)?;
//! let config = RerenderConfig { transpose: 3, tempo: 0.1, seed: 7 };
//! let variation = config.draw(0);
//! let varied = variation.apply(&[note])[0];
//! assert!((varied.pitch().midi() - 60.0).abs() <= 3.0);
//! assert!((varied.onset() - 1.0).abs() <= 0.1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use mir_core::{KeyRange, Note, Pitch};
use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    random::{self, Purpose},
};

/// How far the notes may be moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RerenderConfig {
    /// Semitones up or down, uniform among the whole numbers in ±`transpose`; 0 to 12.
    pub transpose: u8,
    /// All times are multiplied by a number that is uniform in 1 ± `tempo`; 0 to 0.5.
    pub tempo: f64,
    /// Seed of all draws.
    pub seed: u64,
}

impl Default for RerenderConfig {
    /// Three semitones, a tenth of the speed.
    fn default() -> Self {
        Self { transpose: 3, tempo: 0.1, seed: 0 }
    }
}

impl RerenderConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] names the first field outside its range.
    pub fn validate(&self) -> Result<()> {
        if self.transpose > 12 {
            let actual = self.transpose.to_string();
            return Err(Error::InvalidConfig { field: "transpose", expected: "0 to 12", actual });
        }
        if !(0.0..=0.5).contains(&self.tempo) {
            let actual = self.tempo.to_string();
            return Err(Error::InvalidConfig { field: "tempo", expected: "0 to 0.5", actual });
        }
        Ok(())
    }

    /// The variation of recording `number`: a function of the seed and the number.
    pub fn draw(&self, number: u64) -> Variation {
        let mut rng = random::stream(self.seed, 0, number, Purpose::Rerender);
        let choices = 2 * usize::from(self.transpose) + 1;
        Variation {
            semitones: random::below(&mut rng, choices) as i32 - i32::from(self.transpose),
            stretch: 1.0 + self.tempo * random::symmetric(&mut rng),
            instrument: random::uniform(&mut rng),
            seed: rng.next_u64(),
        }
    }
}

/// What becomes of one recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variation {
    /// By how much every note moves.
    pub semitones: i32,
    /// By what every time is multiplied, above 0.
    pub stretch: f64,
    /// Which of the instruments, [0, 1) from the first to the last.
    pub instrument: f64,
    /// For whatever the instrument draws.
    pub seed: u64,
}

impl Variation {
    /// The varied notes, in the same order, without those that leave the piano.
    pub fn apply(&self, notes: &[Note]) -> Vec<Note> {
        let (lowest, highest) = (KeyRange::PIANO.low(), KeyRange::PIANO.high());
        let range = f64::from(lowest.number()) - 0.5..f64::from(highest.number()) + 0.5;
        let moved = notes.iter().filter_map(|note| {
            let midi = note.pitch().midi() + f64::from(self.semitones);
            let pitch = Pitch::from_midi(midi).ok().filter(|_| range.contains(&midi))?;
            let (onset, offset) = (note.onset() * self.stretch, note.offset() * self.stretch);
            Note::new(onset, offset, pitch, note.velocity()).ok()
        });
        moved.collect()
    }

    /// One of several: `list[⌊instrument · n⌋]`; `None` of none.
    pub fn choose<'a, T>(&self, list: &'a [T]) -> Option<&'a T> {
        list.get((self.instrument * list.len() as f64) as usize)
    }
}

#[cfg(test)]
mod tests {
    use mir_core::{Key, Velocity};

    use super::*;

    fn note(key: u8) -> Note {
        let (pitch, velocity) = (Key::new(key).unwrap().pitch(), Velocity::new(80).unwrap());
        Note::new(0.5, 1.5, pitch, velocity).unwrap()
    }

    #[test]
    fn every_semitone_and_every_instrument_is_drawn() {
        let config = RerenderConfig::default();
        let draws: Vec<Variation> = (0..200).map(|number| config.draw(number)).collect();
        for semitones in -3..=3 {
            assert!(draws.iter().any(|draw| draw.semitones == semitones), "{semitones}");
        }
        for name in ["a", "b", "c"] {
            assert!(draws.iter().any(|draw| draw.choose(&["a", "b", "c"]) == Some(&name)));
        }
        assert!(draws.iter().all(|draw| (0.9..1.1).contains(&draw.stretch)));
        assert_eq!(draws[5], config.draw(5));
        assert_eq!(draws[0].choose::<u8>(&[]), None);
    }

    #[test]
    fn notes_move_together_and_none_leaves_the_piano() {
        let variation = Variation { semitones: 2, stretch: 0.9, instrument: 0.0, seed: 0 };
        let varied = variation.apply(&[note(60), note(107), note(106)]);
        assert_eq!(varied.iter().map(|n| n.pitch().midi() as u8).collect::<Vec<_>>(), [62, 108]);
        assert!((varied[0].onset() - 0.45).abs() < 1e-12);
        assert!((varied[0].offset() - 1.35).abs() < 1e-12);
        assert_eq!(varied[0].velocity().value(), 80);
    }

    #[test]
    fn impossible_ranges_are_refused() {
        for config in [
            RerenderConfig { transpose: 13, ..RerenderConfig::default() },
            RerenderConfig { tempo: 0.6, ..RerenderConfig::default() },
            RerenderConfig { tempo: f64::NAN, ..RerenderConfig::default() },
        ] {
            assert!(matches!(config.validate(), Err(Error::InvalidConfig { .. })));
        }
    }
}
