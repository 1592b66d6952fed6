//! Pieces played with recorded notes: what would this score sound like on those instruments?
//!
//! A [`NoteBank`] holds single notes with their [`NoteKey`] (instrument, pitch, loudness, style, make), and finds
//! one for every note of a score, or the nearest that there is; [`render`] plays parts with them, and says
//! what it had to replace. [`combinations`] draws how the parts of a piece are played: how late, how loud, in
//! which style, on which make.
//!
//! # Source
//! Miron, Janer, Gómez 2017, "Generating data to train convolutional neural networks for classical music
//! source separation", with notes of the RWC collection. Differences from its program (MTG/DeepConvSep): a
//! missing note is replaced and reported instead of ending the piece, notes are added instead of overwriting
//! each other, they have fades, and combinations are drawn without listing them all.

mod bank;
mod factors;
mod render;

pub use bank::{FoundNote, NoteBank, NoteKey, NoteLevel, Replaced, SampledNote};
pub use factors::{Combination, Combinations, Factors, combinations};
pub use render::{PartPlan, RenderConfig, Rendering, render};
