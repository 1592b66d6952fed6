//! The error type of this crate.

use std::path::PathBuf;

use crate::Diagnostic;

/// What can be wrong with a MIDI file, a score, or an instrument.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter of an instrument or of a reader lies outside its range.
    #[error("parameter {field} is {actual}, expected {expected}")]
    Config {
        /// Name of the parameter.
        field: &'static str,
        /// The admissible range, with its unit.
        expected: String,
        /// The value that came.
        actual: f64,
    },
    /// A piece is longer than can be held in memory as audio.
    #[error("the piece ends at {seconds} s, at most {limit} s can be rendered; render it in parts")]
    TooLong {
        /// Time of its last event, seconds.
        seconds: f64,
        /// The limit, seconds.
        limit: f64,
    },
    /// A SoundFont cannot be played.
    #[error("not a usable SoundFont 2: {reason}; convert or replace the file")]
    SoundFont {
        /// What is wrong with it.
        reason: String,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The bytes are not a Standard MIDI File.
    #[error("byte {offset}: not a Standard MIDI File: expected {expected}, found {actual}")]
    NotMidi {
        /// Where, from the start of the file.
        offset: usize,
        /// What should be there.
        expected: &'static str,
        /// What is there.
        actual: String,
    },
    /// A kind of MIDI file that this crate does not read.
    #[error(
        "byte {offset}: this is {kind}, which is not supported; save it as a Standard MIDI File"
    )]
    Unsupported {
        /// Where it shows, from the start of the file.
        offset: usize,
        /// What it is.
        kind: &'static str,
    },
    /// The file breaks the Standard MIDI File specification, and strictness was asked for.
    #[error("{diagnostic}; read it leniently to accept what can be understood")]
    Defect {
        /// The first defect.
        diagnostic: Diagnostic,
    },
    /// The content exceeds a limit that protects from damaged files.
    #[error("{field} is {actual}, the limit is {limit}")]
    Limit {
        /// What is limited.
        field: &'static str,
        /// The limit.
        limit: f64,
        /// The value that came.
        actual: f64,
    },
    /// Times that are no beats.
    #[error("beat {index}: expected {expected}")]
    Beats {
        /// What should be there.
        expected: &'static str,
        /// Index of the beat.
        index: usize,
    },
    /// A name that stands for nothing.
    #[error("'{actual}' is no {what}, expected {expected}")]
    UnknownName {
        /// What is named.
        what: &'static str,
        /// The names that there are.
        expected: &'static str,
        /// The name that came.
        actual: String,
    },
    /// An event that has no form in a Standard MIDI File.
    #[error("track {track}, tick {tick}: {field} is {actual}, expected {expected}")]
    Unwritable {
        /// Index of the track.
        track: usize,
        /// Tick of the event.
        tick: u64,
        /// What is wrong with it.
        field: &'static str,
        /// What can be written.
        expected: &'static str,
        /// The value that came.
        actual: f64,
    },
    /// A problem with one file.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// A value or a written file is at fault.
    #[error(transparent)]
    Core(#[from] mir_core::Error),
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
