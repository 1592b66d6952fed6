//! Annotation files: what is written is read back, whatever comes in never panics, and real files hold
//! what their makers say.

mod corruption;
mod files;
mod round_trips;

use std::path::Path;

use mir_core::{Note, Pitch, Velocity};

/// The name by which errors call a text of a test.
fn here() -> &'static Path {
    Path::new("test")
}

fn note(onset: f64, offset: f64, midi: f64, velocity: u8) -> Note {
    let velocity = Velocity::new(velocity).unwrap();
    Note::new(onset, offset, Pitch::from_midi(midi).unwrap(), velocity).unwrap()
}
