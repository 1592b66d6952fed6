//! The error type of this crate.

use std::path::PathBuf;

/// What can be wrong with a value or a file of the vocabulary.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number lies outside the range that its type admits.
    #[error("{field} is {actual}, expected {expected}")]
    OutOfRange {
        /// Name of the quantity.
        field: &'static str,
        /// The admissible range, in words.
        expected: &'static str,
        /// The value that came.
        actual: f64,
    },
    /// Two lengths or shapes that have to agree do not.
    #[error("{field} has length {actual}, expected {expected}")]
    Length {
        /// Name of the quantity.
        field: &'static str,
        /// The length that the other side has.
        expected: usize,
        /// The length that came.
        actual: usize,
    },
    /// Times of a series do not increase.
    #[error("{field}: time {actual} s at index {index} does not follow {previous} s")]
    NotIncreasing {
        /// Name of the series.
        field: &'static str,
        /// Index of the offending entry.
        index: usize,
        /// The time before it, seconds.
        previous: f64,
        /// Its own time, seconds.
        actual: f64,
    },
    /// Audio holds NaN or an infinity.
    #[error("sample {sample} of channel {channel} is {value}, expected a finite number")]
    NonFiniteSample {
        /// Channel, from 0.
        channel: usize,
        /// Sample index, from 0.
        sample: usize,
        /// The value.
        value: f32,
    },
    /// Two recordings that should be combined differ in a property.
    #[error("{field} differs: {expected} and {actual}")]
    Mismatch {
        /// Name of the property.
        field: &'static str,
        /// Its value on the first side.
        expected: String,
        /// Its value on the second side.
        actual: String,
    },
    /// A file could not be opened, read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A line of an annotation file cannot be understood.
    #[error("{}, line {line}: {field} is '{actual}', expected {expected}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// Name of the column.
        field: &'static str,
        /// What the column should hold.
        expected: &'static str,
        /// What it holds.
        actual: String,
    },
    /// A configuration cannot be written as JSON (a map with keys that are not strings, say).
    #[error("the configuration cannot be written as JSON")]
    Serialize {
        /// The cause.
        source: serde_json::Error,
    },
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
