//! The error type of this crate.

use std::path::PathBuf;

/// What can be wrong with a MIDI file, a score, or an instrument.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter of an instrument lies outside its range.
    #[error("piano parameter {field} is {actual}, expected {expected}")]
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
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The bytes are not a Standard MIDI File, or a kind of MIDI file that is not supported.
    #[error("byte {offset}: not a Standard MIDI File: expected {expected}, found {actual}")]
    NotMidi {
        /// Where, from the start of the file.
        offset: usize,
        /// What should be there.
        expected: &'static str,
        /// What is there.
        actual: String,
    },
    /// The file breaks the Standard MIDI File specification, and strictness was asked for.
    #[error("byte {offset}: {defect}; read it leniently to accept what can be understood")]
    Defect {
        /// Where, from the start of the file.
        offset: usize,
        /// What is wrong.
        defect: String,
    },
    /// The MIDI parser gave up on the content of the tracks.
    #[error("the tracks cannot be parsed: {reason}")]
    Tracks {
        /// What the parser said.
        reason: String,
    },
    /// The content exceeds a limit that protects from damaged files.
    #[error("the file has {field} {actual}, more than the limit of {limit}")]
    Limit {
        /// What is limited.
        field: &'static str,
        /// The limit.
        limit: f64,
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
