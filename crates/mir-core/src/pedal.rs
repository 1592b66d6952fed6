//! The sustain pedal over time.

use serde::{Deserialize, Serialize};

use crate::{Key, KeyRange, Note, Result, Velocity};

/// From the pedal's way down to its way up, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PedalSpan {
    /// When it goes down.
    pub down: f64,
    /// When it comes up, later.
    pub up: f64,
}

impl PedalSpan {
    /// The key that stands for the pedal where a press is treated as a note: that of its controller's number, 64.
    pub const KEY: Key = KeyRange::PEDAL.low();

    /// The press as a note of [`KEY`](Self::KEY), so that what is made for notes can be used for it: rolls, stores,
    /// metrics.
    ///
    /// ```
    /// use mir_core::{KeyRange, PedalSpan};
    /// let span = PedalSpan { down: 0.5, up: 2.0 };
    /// let note = span.to_note()?;
    /// assert_eq!(KeyRange::PEDAL.index_of(PedalSpan::KEY), Some(0));
    /// assert_eq!(PedalSpan::of_note(&note), span);
    /// # Ok::<(), mir_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error`](crate::Error) for times that make no note: negative, not finite, or up before down.
    pub fn to_note(self) -> Result<Note> {
        Note::new(self.down, self.up, Self::KEY.pitch(), Velocity::MEDIUM)
    }

    /// The press of such a note.
    pub const fn of_note(note: &Note) -> Self {
        Self { down: note.onset(), up: note.offset() }
    }
}
