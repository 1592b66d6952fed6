//! What a pianist does: keys and pedals.

use mir_core::Note;
use serde::{Deserialize, Serialize};

/// One of the three pedals of a piano.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pedal {
    /// The right pedal lifts all dampers; controller 64.
    Sustain,
    /// The middle pedal keeps the dampers up that are up; controller 66.
    Sostenuto,
    /// The left pedal shifts the hammers; controller 67.
    Soft,
}

impl Pedal {
    /// The number of its MIDI controller.
    pub const fn controller(self) -> u8 {
        match self {
            Self::Sustain => 64,
            Self::Sostenuto => 66,
            Self::Soft => 67,
        }
    }

    /// The pedal of a MIDI controller, `None` for any other controller.
    pub const fn from_controller(number: u8) -> Option<Self> {
        match number {
            64 => Some(Self::Sustain),
            66 => Some(Self::Sostenuto),
            67 => Some(Self::Soft),
            _ => None,
        }
    }
}

/// A pedal at a new position.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PedalEvent {
    /// When, in seconds, at least 0.
    pub time: f64,
    /// Which pedal.
    pub pedal: Pedal,
    /// Its position, 0 (up) to 127 (down).
    pub value: u8,
}

impl PedalEvent {
    /// Whether the pedal counts as pressed: `value >= 64`, the threshold of the MIDI specification
    /// for switches.
    pub const fn is_down(&self) -> bool {
        self.value >= 64
    }
}

/// The movements of one player: keys from their way down to their way up, and pedals.
///
/// What *sounds* is another question: [`pedal::apply`](crate::pedal::apply) answers it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Performance {
    /// Key-down to key-up, seconds.
    pub notes: Vec<Note>,
    /// Pedal movements, in any order of time; of two at one time the later in the list counts.
    pub pedals: Vec<PedalEvent>,
}

impl From<Vec<Note>> for Performance {
    /// A performance without pedal.
    fn from(notes: Vec<Note>) -> Self {
        Self { notes, pedals: Vec::new() }
    }
}
