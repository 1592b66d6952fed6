//! Standard MIDI Files, pedals, and a piano.
//!
//! # Example
//! ```
//! use mir_core::{Key, Note, Velocity};
//! use mir_midi::{Pedal, PedalEvent, Performance, pedal::{self, PedalRule}};
//!
//! let performance = Performance {
//!     notes: vec![Note::new(0.0, 0.5, Key::new(60)?.pitch(), Velocity::new(80)?)?],
//!     pedals: vec![PedalEvent { time: 0.2, pedal: Pedal::Sustain, value: 127 },
//!                  PedalEvent { time: 1.4, pedal: Pedal::Sustain, value: 0 }],
//! };
//! let sounding = pedal::apply(&performance, PedalRule::Default);
//! assert_eq!(sounding[0].offset(), 1.4);
//! # Ok::<(), mir_core::Error>(())
//! ```
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout)]
#![doc(test(attr(deny(warnings))))]

mod error;
pub mod pedal;
mod performance;
pub mod piano;
mod random;

pub use error::{Error, Result};
pub use pedal::PedalRule;
pub use performance::{Pedal, PedalEvent, Performance};
