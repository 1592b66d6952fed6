//! Metrics of music information retrieval: how good is an estimate, given the truth?
//!
//! Values agree with `mir_eval` 0.8.2 to the last digits, at a hundredth of the time and with memory
//! that grows with the input, not with its square. Each metric is a module with the same four parts:
//! its conventions in the module documentation, an `XxxConfig` with the published tolerances as
//! `Default`, `evaluate(reference, estimate, &config)` giving scores with named fields, and functions
//! on plain slices for people who do not use the types of this workspace.
//!
//! | question | module |
//! |---|---|
//! | which notes are right? | [`transcription`], with velocity [`transcription_velocity`] |
//! | which onsets are right? | [`onset`] |
//! | is the pedal down when it should be? | [`pedal`] |
//! | is the melody there, and at the right pitch? | [`melody`] |
//! | does it tap along with the beat? | [`beat`] |
//! | is it the right key, or a relative? | [`key`] |
//! | is it the right chord, and for how long? | [`chord`] |
//! | are the parts of the form found? | [`segment`] |
//! | are parts within parts found? | [`hierarchy`] |
//! | are repeated themes found? | [`pattern`] |
//! | is every word sung where it is said to be? | [`alignment`] |
//! | is it the tempo at which people tap? | [`tempo`] |
//! | how much of what sounds was found? | [`multipitch`] |
//! | how do two piano rolls agree, cell by cell? | [`frame`] |
//! | is everything early or late? | [`timing`] |
//! | which kinds of mistakes are these, and where? | [`analysis`] |
//! | what kind of mistakes are they, and where? | [`analysis`] |
//! | how much of the target is in a separated source? | `separation` (feature) |
//! | which belongs to which? | [`matching`] |
//! | how good on average, how sure, and is another better? | [`stats`] |
//! | how do I show it? | [`report`] |
//! | what does it look like? | `plots` (feature) |
//! | how do I read annotation files? | [`text`] |
//! | how do I score a task by its name? | [`task`] |
//!
//! # Undefined values
//! [`NamedScores::entries`] gives `mir_eval`'s numbers, which are 0 (or NaN) where there is nothing to
//! score; [`NamedScores::values`] gives [`Undefined`] with a reason there:
//!
//! | scores | nothing in the reference | nothing in the estimate | nothing on either side |
//! |---|---|---|---|
//! | precision | 0 | undefined | undefined |
//! | recall | undefined | 0 | undefined |
//! | error rates | undefined | 1 (all is missed), false alarms 0 | undefined |
//! | F-measures, accuracies | 0 | 0 | undefined |
//! | overlap of matched notes | undefined | undefined | undefined |
//! | beats, patterns | undefined | 0 | undefined |
//! | voicing recall, raw pitch and chroma accuracy | undefined without a voiced frame | 0 | undefined |
//! | voicing false alarm | undefined without an unvoiced frame | 0 | undefined |
//! | a chord comparison | undefined without a chord in its vocabulary | 0 | undefined |
//! | segment deviation | undefined | undefined | undefined |
//! | segments, hierarchies | undefined | as one segment | undefined |
//! | alignment | an error | an error | an error |
//!
//! [`Counts`] travel with the scores. [`stats`] and [`report`] ask for a policy before they take a mean,
//! and say how many values it is over.
//!
//! # Features
//! | feature | what it adds |
//! |---|---|
//! | `plots` | piano rolls, curves and matrices as PNG and SVG |
//! | `separation` | metrics of source separation: BSS Eval 2 to 4, SI-SDR, plain SDR |
//!
//! # Other crates
//! `mir-core` (the types: notes, grids, rolls), `mir-audio`, `mir-features`, `mir-midi`,
//! `mir-datasets`, `mir-models`.
#![warn(clippy::print_stdout)]
#![doc(test(attr(deny(warnings))))]

pub mod alignment;
pub mod analysis;
pub mod beat;
pub mod chord;
mod error;
pub mod frame;
pub mod hierarchy;
mod intervals;
pub mod key;
mod markup;
pub mod matching;
pub mod melody;
pub mod multipitch;
pub mod onset;
pub mod pattern;
pub mod pedal;
#[cfg(feature = "plots")]
pub mod plots;
pub mod report;
mod score;
pub mod segment;
#[cfg(feature = "separation")]
pub mod separation;
pub mod stats;
pub mod task;
pub mod tempo;
pub mod text;
pub mod timing;
pub mod transcription;
pub mod transcription_velocity;

pub use error::{Error, Result, Side};
pub use mir_core::{
    Cents, F0Frame, F0Track, FrameGrid, Key, KeyRange, MultiF0, Note, Pitch, RollRule, SampleRate,
    Velocity,
};
pub use score::{Counts, NamedScores, Score, Undefined, Value, f_measure};
