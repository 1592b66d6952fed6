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
    /// An entry of a structured annotation file (JSON, XML) cannot be understood.
    #[error("{}, {place}: {field} is '{actual}', expected {expected}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// Where in the file: which annotation or layer, which row.
        place: String,
        /// Name of the value.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        actual: String,
    },
    /// A file is not JSON, or not JSON of the expected form.
    #[error("{} is not valid JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The cause, with line and column.
        source: serde_json::Error,
    },
    /// A file is not well-formed XML.
    #[error("{}, line {line}: not well-formed XML: {reason}", path.display())]
    Xml {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// An annotation file is compressed in a way that is not read.
    #[error("{} is compressed with {kind}; decompress it first", path.display())]
    Compressed {
        /// The file.
        path: PathBuf,
        /// The compression.
        kind: &'static str,
    },
    /// An annotation file is larger than any annotation can be.
    #[error("{} holds more than {limit} bytes, the most that is read of an annotation", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, bytes.
        limit: u64,
    },
    /// The extension of a file name does not say which annotation format is meant.
    #[error("{}: no annotation format has this extension; known are {known}", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The extensions that are known.
        known: &'static str,
    },
    /// Annotations cannot be told in the format that was asked for.
    #[error("{format} cannot hold {what} {actual}")]
    NotRepresentable {
        /// The format.
        format: &'static str,
        /// What it cannot hold.
        what: &'static str,
        /// The value.
        actual: f64,
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
