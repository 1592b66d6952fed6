//! Complete networks, one file per paper.

mod onsets_frames;

pub use onsets_frames::{Heads, OnsetsFrames};
