//! The shared vocabulary of the MIR crates: what a note, a pitch, a frame grid or an audio buffer *is*.
//!
//! Every other crate of the workspace speaks in these types, so nothing is converted at a border and
//! no unit is lost there. The crate holds types and conversions between them; algorithms live above.
//!
//! # Conventions
//! - Time is `f64` seconds everywhere above the sample level. Sample and frame *indices* are `usize`
//!   and become seconds only through [`SampleRate`] and [`FrameGrid`].
//! - Pitch is a type ([`Pitch`], [`Key`]), never a bare number in a public signature.
//! - Matrices over time have frames first: `[frames, keys]`, `[channels, frames, bins]`.
//! - Whoever holds a value may rely on its invariants: fields are private where one exists, and the
//!   constructors check.
//!
//! # Example
//! ```
//! use mir_core::{FrameGrid, Key, KeyRange, Note, PianoRoll, RollRule, SampleRate, Velocity};
//!
//! let grid = FrameGrid::new(SampleRate::HZ_16000, 512, 0)?;
//! let note = Note::new(0.10, 0.90, Key::new(60)?.pitch(), Velocity::new(80)?)?;
//! let roll = PianoRoll::from_notes(&[note], grid, KeyRange::PIANO, 40, RollRule::Round);
//! assert_eq!(roll.frame.row(3)[60 - 21], 1.0); // 0.10 s · 31.25 frames/s = 3.1
//! # Ok::<(), mir_core::Error>(())
//! ```
//!
//! # Features
//! | feature | what it adds |
//! |---|---|
//! | `formats` | annotation files: note text, Audacity, Sonic Visualiser, JAMS and others |
//!
//! # Other crates
//! `mir-audio` (decode, resample, write), `mir-features` (STFT, mel), `mir-midi` (MIDI, pedal,
//! synthesis), `mir-eval` (metrics, plots), `mir-datasets` (loaders, stores, batches), `mir-models`
//! (networks, training, inference).
#![warn(clippy::print_stdout)]
#![doc(test(attr(deny(warnings))))]

mod annotation;
mod audio;
pub mod batch;
mod error;
mod fingerprint;
#[cfg(feature = "formats")]
pub mod formats;
mod grid;
mod note;
mod pedal;
mod pitch;
pub mod publish;
mod rate;
mod regression;
mod roll;

pub use annotation::{Beat, Beats, F0Frame, F0Track, Interval, Labeled, MultiF0};
pub use audio::AudioBuffer;
pub use error::{Error, Result};
pub use fingerprint::{Fingerprint, Fingerprinted};
pub use grid::{FrameGrid, Rounding};
pub use note::{Note, Velocity};
pub use pedal::PedalSpan;
pub use pitch::{Cents, Key, KeyRange, Pitch, letter_semitones};
pub use rate::SampleRate;
pub use regression::RegressionRoll;
pub use roll::{NoteRows, PianoRoll, RollReport, RollRule};
