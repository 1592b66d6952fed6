//! Standard MIDI Files, pedals, and a piano.
//!
//! | module | question |
//! |---|---|
//! | [`score`] | what is in a MIDI file, and how is one written? |
//! | [`pedal`] | how long does a note sound under the pedal? |
//! | [`roll`] | which frames does a note cover? |
//! | [`quantise`] | which beat was meant? |
//! | [`piano`] | how does a performance sound on a piano? |
//! | [`voices`] | how does a piece for several instruments sound? |
//! | `soundfont` | how does it sound with the samples of a SoundFont? (feature `synth`) |
//! | [`sonify`] | how do these notes sound, as plain tones or clicks? |
//!
//! Notes, performances and all results are in seconds. Ticks are the business of [`score`] alone.
//!
//! # Example
//! ```
//! use mir_core::{Key, Note, SampleRate, Velocity};
//! use mir_midi::{
//!     Pedal, PedalEvent, PedalRule, Performance, Score, Strictness, pedal,
//!     piano::{self, PianoConfig},
//! };
//!
//! let performance = Performance {
//!     notes: vec![Note::new(0.0, 0.5, Key::new(60)?.pitch(), Velocity::new(80)?)?],
//!     pedals: vec![PedalEvent { time: 0.25, pedal: Pedal::Sustain, value: 127 },
//!                  PedalEvent { time: 1.5, pedal: Pedal::Sustain, value: 0 }],
//! };
//! let sounding = pedal::apply(&performance, PedalRule::Default);
//! assert_eq!(sounding[0].offset(), 1.5);
//!
//! let file = Score::from_performance(&performance).to_bytes()?;
//! let (score, _) = Score::parse(&file, Strictness::Strict)?;
//! assert_eq!(score.performance(), performance);
//!
//! let audio = piano::render(&performance, &PianoConfig::grand(), SampleRate::HZ_16000, 1)?;
//! assert!(audio.duration() > 1.5);
//! # Ok::<(), mir_midi::Error>(())
//! ```
//!
//! # Features
//! | feature | what it adds |
//! |---|---|
//! | `synth` | SoundFont rendering (`soundfont`), through `rustysynth` |
//!
//! # Other crates
//! `mir-core` (notes, audio buffers), `mir-audio` (reads and writes audio files), `mir-eval` (scores and
//! draws note lists).
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout)]
#![doc(test(attr(deny(warnings))))]

mod diagnostic;
mod error;
mod event;
mod parts;
pub mod pedal;
mod performance;
pub mod piano;
pub mod quantise;
mod random;
pub mod roll;
pub mod score;
mod smf;
pub mod sonify;
#[cfg(feature = "synth")]
pub mod soundfont;
mod sounding;
mod tempo;
pub mod voices;

pub use diagnostic::{Diagnostic, Finding, ReadConfig, Strictness};
pub use error::{Error, Result};
pub use parts::ScorePart;
pub use pedal::PedalRule;
pub use performance::{Pedal, PedalEvent, Performance};
pub use score::{Score, read_notes};
