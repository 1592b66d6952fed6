//! Pitch, keys and intervals of pitch.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Semitones of a note letter, `A` to `G`, above the C below it; nothing for any other character.
///
/// ```
/// assert_eq!("CDEFGAB".chars().filter_map(mir_core::letter_semitones).collect::<Vec<_>>(),
///     [0, 2, 4, 5, 7, 9, 11]);
/// assert_eq!(mir_core::letter_semitones('H'), None);
/// ```
pub const fn letter_semitones(letter: char) -> Option<u8> {
    Some(match letter {
        'C' => 0,
        'D' => 2,
        'E' => 4,
        'F' => 5,
        'G' => 7,
        'A' => 9,
        'B' => 11,
        _ => return None,
    })
}

/// A pitch on the MIDI scale, fractional: 69 is A4 at 440 Hz, one unit is an equal-tempered semitone.
///
/// `midi = 69 + 12·log2(f / 440 Hz)`. Always finite.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Pitch(f64);

impl Pitch {
    /// From a MIDI number, fractional allowed.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless finite and within ±1000 (far outside hearing; it keeps every
    /// frequency a finite positive number).
    pub fn from_midi(midi: f64) -> Result<Self> {
        if midi.abs() <= 1000.0 {
            Ok(Self(midi))
        } else {
            Err(Error::OutOfRange {
                field: "pitch",
                expected: "a MIDI number within ±1000",
                actual: midi,
            })
        }
    }

    /// From a frequency in hertz.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless finite and positive.
    pub fn from_hz(hz: f64) -> Result<Self> {
        let error =
            Error::OutOfRange { field: "frequency", expected: "finite and above 0 Hz", actual: hz };
        if !(hz.is_finite() && hz > 0.0) {
            return Err(error);
        }
        Self::from_midi(69.0 + 12.0 * (hz / 440.0).log2()).map_err(|_| error)
    }

    /// As a fractional MIDI number.
    pub const fn midi(self) -> f64 {
        self.0
    }

    /// As a frequency in hertz: `440·2^((midi − 69) / 12)`.
    pub fn hz(self) -> f64 {
        440.0 * ((self.0 - 69.0) / 12.0).exp2()
    }

    /// The nearest key, `None` outside 0..=127. Half-way goes to the even number.
    pub fn key(self) -> Option<Key> {
        let rounded = self.0.round_ties_even();
        (0.0..=127.0).contains(&rounded).then_some(Key(rounded as u8))
    }

    /// The interval from `other` up to this pitch.
    pub fn cents_above(self, other: Self) -> Cents {
        Cents((self.0 - other.0) * 100.0)
    }
}

impl<'de> Deserialize<'de> for Pitch {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        Self::from_midi(f64::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

impl From<Key> for Pitch {
    fn from(key: Key) -> Self {
        key.pitch()
    }
}

/// An interval of pitch in hundredths of an equal-tempered semitone.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cents(pub f64);

/// A key of the MIDI keyboard, 0..=127; 60 is middle C.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Key(u8);

impl Key {
    /// From a MIDI note number.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] above 127.
    #[inline]
    pub fn new(number: u8) -> Result<Self> {
        if number <= 127 {
            Ok(Self(number))
        } else {
            Err(Error::OutOfRange { field: "key", expected: "0 to 127", actual: f64::from(number) })
        }
    }

    /// The MIDI note number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The equal-tempered pitch of the key.
    #[inline]
    pub fn pitch(self) -> Pitch {
        Pitch(f64::from(self.0))
    }
}

impl fmt::Display for Key {
    /// Scientific pitch notation with sharps: 60 is `C4`, 21 is `A0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
        write!(f, "{}{}", NAMES[usize::from(self.0 % 12)], i16::from(self.0 / 12) - 1)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        Self::new(u8::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// A non-empty run of neighbouring keys, both ends included: the columns of a roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(Key, Key)", into = "(Key, Key)")]
pub struct KeyRange {
    low: Key,
    high: Key,
}

impl KeyRange {
    /// The 88 keys of the piano, A0 (21) to C8 (108).
    pub const PIANO: Self = Self { low: Key(21), high: Key(108) };
    /// The one key that stands for the sustain pedal: [`PedalSpan::KEY`](crate::PedalSpan::KEY).
    pub const PEDAL: Self = Self { low: Key(64), high: Key(64) };
    /// All 128 MIDI keys.
    pub const MIDI: Self = Self { low: Key(0), high: Key(127) };

    /// From the lowest and the highest key.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if `high` lies below `low`.
    pub fn new(low: Key, high: Key) -> Result<Self> {
        if low <= high {
            Ok(Self { low, high })
        } else {
            Err(Error::OutOfRange {
                field: "highest key",
                expected: "not below the lowest key",
                actual: f64::from(high.0),
            })
        }
    }

    /// The lowest key.
    pub const fn low(self) -> Key {
        self.low
    }

    /// The highest key.
    pub const fn high(self) -> Key {
        self.high
    }

    /// Number of keys, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a key range is never empty")]
    pub const fn len(self) -> usize {
        (self.high.0 - self.low.0) as usize + 1
    }

    /// Column of a key, `None` outside the range.
    pub fn index_of(self, key: Key) -> Option<usize> {
        (self.low..=self.high).contains(&key).then(|| usize::from(key.0 - self.low.0))
    }

    /// Key of a column, `None` past the end.
    pub fn key_at(self, index: usize) -> Option<Key> {
        (index < self.len()).then(|| Key(self.low.0 + index as u8))
    }

    /// The keys from low to high.
    pub fn keys(self) -> impl DoubleEndedIterator<Item = Key> + ExactSizeIterator {
        (0..self.len() as u8).map(move |index| Key(self.low.0 + index))
    }
}

impl TryFrom<(Key, Key)> for KeyRange {
    type Error = Error;

    fn try_from((low, high): (Key, Key)) -> Result<Self> {
        Self::new(low, high)
    }
}

impl From<KeyRange> for (Key, Key) {
    fn from(range: KeyRange) -> Self {
        (range.low, range.high)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn concert_pitch_and_the_ends_of_the_piano() {
        assert!((Pitch::from_hz(440.0).unwrap().midi() - 69.0).abs() < 1e-12);
        assert!((KeyRange::PIANO.low().pitch().hz() - 27.5).abs() < 1e-12);
        assert!((KeyRange::PIANO.high().pitch().hz() - 4_186.009_044_809_578).abs() < 1e-9);
        assert_eq!(KeyRange::PIANO.len(), 88);
        assert_eq!(KeyRange::PIANO.keys().len(), 88);
        assert_eq!(Key::new(60).unwrap().to_string(), "C4");
        assert_eq!(Key::new(0).unwrap().to_string(), "C-1");
    }

    #[test]
    fn what_is_no_pitch_is_refused() {
        for hz in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Pitch::from_hz(hz), Err(Error::OutOfRange { .. })), "{hz}");
        }
        assert!(Pitch::from_midi(f64::NAN).is_err());
        assert!(Key::new(128).is_err());
        assert!(serde_json::from_str::<Key>("128").is_err());
        assert!(serde_json::from_str::<KeyRange>("[70,60]").is_err());
    }

    proptest! {
        #[test]
        fn hertz_and_midi_are_inverse(midi in -20.0f64..150.0) {
            let back = Pitch::from_hz(Pitch::from_midi(midi).unwrap().hz()).unwrap();
            prop_assert!((back.midi() - midi).abs() < 1e-10);
        }

        #[test]
        fn columns_and_keys_are_inverse(index in 0usize..88) {
            let key = KeyRange::PIANO.key_at(index).unwrap();
            prop_assert_eq!(KeyRange::PIANO.index_of(key), Some(index));
        }
    }
}
