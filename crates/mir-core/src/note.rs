//! Notes.

use serde::{Deserialize, Serialize};

use crate::{Error, Pitch, Result};

/// How hard a key is struck, 0..=127 on the MIDI scale. Annotations use 1..=127; 0 is kept for data
/// that has it (and reads as "note off" when written into a MIDI file, so writers raise it to 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Velocity(u8);

impl Velocity {
    /// 64, the middle: for data and models without velocities.
    pub const MEDIUM: Self = Self(64);

    /// From the MIDI value.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] above 127.
    #[inline]
    pub fn new(value: u8) -> Result<Self> {
        if value <= 127 {
            Ok(Self(value))
        } else {
            Err(Error::OutOfRange {
                field: "velocity",
                expected: "0 to 127",
                actual: f64::from(value),
            })
        }
    }

    /// From a fraction of full scale: `round(127·fraction)`, clamped to 1..=127 (NaN gives 1).
    pub fn from_unit(fraction: f64) -> Self {
        Self((127.0 * fraction).round().clamp(1.0, 127.0).max(1.0) as u8)
    }

    /// The MIDI value, 0..=127.
    pub const fn value(self) -> u8 {
        self.0
    }

    /// As a fraction of full scale, `value / 127`.
    pub fn unit(self) -> f64 {
        f64::from(self.0) / 127.0
    }
}

impl<'de> Deserialize<'de> for Velocity {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        Self::new(u8::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// One note: when it starts and ends in seconds, its pitch, and how hard it was struck.
///
/// `0 <= onset <= offset`, both finite. A note of no length is representable because annotations
/// contain some; the metrics refuse it and the rolls give it one frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Note {
    onset: f64,
    offset: f64,
    pitch: Pitch,
    velocity: Velocity,
}

impl Note {
    /// A note from `onset` to `offset`, seconds.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `0 <= onset <= offset`, both finite.
    #[inline]
    pub fn new(onset: f64, offset: f64, pitch: Pitch, velocity: Velocity) -> Result<Self> {
        if !(onset.is_finite() && onset >= 0.0) {
            return Err(Error::OutOfRange {
                field: "onset",
                expected: "finite and at least 0 s",
                actual: onset,
            });
        }
        if !(offset.is_finite() && offset >= onset) {
            return Err(Error::OutOfRange {
                field: "offset",
                expected: "finite and not before the onset",
                actual: offset,
            });
        }
        Ok(Self { onset, offset, pitch, velocity })
    }

    /// Start in seconds.
    pub const fn onset(&self) -> f64 {
        self.onset
    }

    /// End in seconds.
    pub const fn offset(&self) -> f64 {
        self.offset
    }

    /// Length in seconds, at least 0.
    pub fn duration(&self) -> f64 {
        self.offset - self.onset
    }

    /// Pitch.
    pub const fn pitch(&self) -> Pitch {
        self.pitch
    }

    /// Velocity.
    pub const fn velocity(&self) -> Velocity {
        self.velocity
    }

    /// The same note moved in time by `seconds`, cut at 0.
    #[must_use]
    pub fn shifted(&self, seconds: f64) -> Self {
        let onset = (self.onset + seconds).max(0.0);
        Self { onset, offset: (self.offset + seconds).max(onset), ..*self }
    }

    /// Sorts notes by onset, then pitch, then offset: the order of every note list in this workspace.
    pub fn sort(notes: &mut [Self]) {
        notes.sort_by(|a, b| {
            a.onset
                .total_cmp(&b.onset)
                .then(a.pitch.midi().total_cmp(&b.pitch.midi()))
                .then(a.offset.total_cmp(&b.offset))
        });
    }
}

impl<'de> Deserialize<'de> for Note {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            onset: f64,
            offset: f64,
            pitch: Pitch,
            velocity: Velocity,
        }
        let Raw { onset, offset, pitch, velocity } = Raw::deserialize(d)?;
        Self::new(onset, offset, pitch, velocity).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    #[test]
    fn impossible_times_are_refused() {
        let pitch = Key::new(60).unwrap().pitch();
        for (onset, offset) in [(-0.1, 1.0), (1.0, 0.5), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            let note = Note::new(onset, offset, pitch, Velocity::MEDIUM);
            assert!(matches!(note, Err(Error::OutOfRange { .. })), "{onset} {offset}");
        }
        let json = r#"{"onset":2.0,"offset":1.0,"pitch":60.0,"velocity":64}"#;
        assert!(serde_json::from_str::<Note>(json).is_err());
    }

    #[test]
    fn a_note_survives_json() {
        let note = Note::new(0.1, 1.5, Pitch::from_midi(60.25).unwrap(), Velocity::new(3).unwrap())
            .unwrap();
        let json = serde_json::to_string(&note).unwrap();
        assert_eq!(serde_json::from_str::<Note>(&json).unwrap(), note);
    }

    #[test]
    fn fractions_become_audible_velocities() {
        assert_eq!(Velocity::from_unit(0.0).value(), 1);
        assert_eq!(Velocity::from_unit(2.0).value(), 127);
        assert_eq!(Velocity::from_unit(f64::NAN).value(), 1);
        assert_eq!(Velocity::from_unit(Velocity::new(77).unwrap().unit()).value(), 77);
    }
}
