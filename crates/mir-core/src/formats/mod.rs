//! Annotation file formats, read and written once for all crates.
//!
//! The note text of this workspace is one header line, then one note a line: onset and offset in
//! seconds, MIDI note, velocity, separated by tabs.

mod notes;

pub use notes::{parse_notes, read_notes, render_notes, write_notes};
