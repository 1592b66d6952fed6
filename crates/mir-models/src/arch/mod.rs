//! Complete networks, one file per paper.

mod high_resolution;
mod onsets_frames;

pub use high_resolution::{HighResolutionNotes, HighResolutionPedals, NoteHeads, PedalHeads};
pub use onsets_frames::{Heads, OnsetsFrames};
