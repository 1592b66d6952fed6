//! The error type of this crate.

use std::path::PathBuf;

/// The cause of an error in another library.
///
/// ```
/// let cause: mir_audio::Cause = "the lid of the piano is closed".into();
/// assert_eq!(cause.to_string(), "the lid of the piano is closed");
/// ```
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What can go wrong between a file and samples.
///
/// ```
/// use mir_audio::{Error, LoadOptions, load};
/// match load("no such file.wav", &LoadOptions::default()) {
///     Err(error @ Error::Io { .. }) => assert_eq!(error.to_string(), "cannot read no such file.wav"),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is missing, is a folder, or cannot be opened or read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// No known audio format was found in the file.
    #[error(
        "{} is not audio in a known format; convert it to WAV or FLAC if it should be",
        path.display()
    )]
    NotAudio {
        /// The file.
        path: PathBuf,
        /// What the probe says.
        source: Cause,
    },
    /// A stream of samples without a header ends within a sample.
    #[error(
        "the stream of {bytes} bytes ends with {rest} bytes of a sample of {expected}; it was cut off, or its \
         samples have another format"
    )]
    PartialSample {
        /// Length of the stream.
        bytes: u64,
        /// Bytes that are left over.
        rest: usize,
        /// Bytes of a sample.
        expected: usize,
    },
    /// The container holds no audio.
    #[error("{} has no audio track", path.display())]
    NoAudioTrack {
        /// The file.
        path: PathBuf,
    },
    /// The container holds fewer audio streams than were asked for.
    #[error(
        "{} has {streams} audio streams, number {stream} (counted from 0) is not among them",
        path.display()
    )]
    NoSuchStream {
        /// The file.
        path: PathBuf,
        /// The stream that was asked for, from 0.
        stream: usize,
        /// How many there are.
        streams: usize,
    },
    /// There is no decoder for the codec, or not for this variant of it.
    #[error("cannot decode {codec} in {}; convert it to WAV or FLAC", path.display())]
    UnsupportedCodec {
        /// The file.
        path: PathBuf,
        /// Name of the codec.
        codec: String,
        /// What the decoder says.
        source: Cause,
    },
    /// The content is damaged.
    #[error(
        "{} is damaged after {decoded} samples; the option allow_truncated keeps what is readable",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Samples per channel before the damage.
        decoded: u64,
        /// What the decoder says.
        source: Cause,
    },
    /// The file ends before the length that its header states.
    #[error(
        "{} is truncated: {decoded} of {claimed} samples; the option allow_truncated keeps them",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Samples per channel that were decoded.
        decoded: u64,
        /// Samples per channel that the header states.
        claimed: u64,
    },
    /// The decoder met a state that it does not expect. The file is damaged or unusual.
    #[error(
        "the decoder failed on {} after {decoded} samples (a defect that this file brings out)",
        path.display()
    )]
    DecoderPanicked {
        /// The file.
        path: PathBuf,
        /// Samples per channel before the failure.
        decoded: u64,
        /// The message of the failure.
        message: String,
    },
    /// A sample of the file is NaN or infinite.
    #[error(
        "sample {sample} of channel {channel} in {} is {value}, expected a finite number",
        path.display()
    )]
    NonFiniteSample {
        /// The file.
        path: PathBuf,
        /// Channel, from 0.
        channel: usize,
        /// Sample index at the rate of the file, from 0.
        sample: u64,
        /// The value.
        value: f32,
    },
    /// Rate or channels change within the file.
    #[error(
        "{field} of {} changes from {expected} to {actual} after {decoded} samples",
        path.display()
    )]
    FormatChanged {
        /// The file.
        path: PathBuf,
        /// Name of the property.
        field: &'static str,
        /// Its value at the start.
        expected: u64,
        /// Its later value.
        actual: u64,
        /// Samples per channel before the change.
        decoded: u64,
    },
    /// A file exceeds one of the [`Limits`](crate::Limits).
    #[error("{field} of {} is {actual}, the limit is {limit}", path.display())]
    LimitExceeded {
        /// The file.
        path: PathBuf,
        /// Name of the limited quantity.
        field: &'static str,
        /// The limit.
        limit: u64,
        /// The value of the file, or the value at which reading stopped.
        actual: u64,
    },
    /// An option lies outside its admissible range.
    #[error("{field} is {actual}, expected {expected}")]
    OutOfRange {
        /// Name of the option.
        field: &'static str,
        /// The admissible range, in words.
        expected: &'static str,
        /// The value that came.
        actual: f64,
    },
    /// Two recordings, or a recording and an operation on it, do not fit together.
    #[error("{field} is {actual}, expected {expected}")]
    Mismatch {
        /// Name of the property.
        field: &'static str,
        /// The value that was needed.
        expected: u64,
        /// The value that came.
        actual: u64,
    },
    /// The loudness could not be measured.
    #[error("the loudness cannot be measured")]
    Loudness {
        /// What the meter says.
        source: Cause,
    },
    /// The audio does not fit into a WAV file, whose sizes have 32 bits.
    #[error(
        "{} would have {bytes} bytes, a WAV file holds at most 4294967295; write parts, or fewer bits",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes that the samples need.
        bytes: u64,
    },
    /// An encoder that writes to memory failed.
    #[error("cannot encode the samples as {format}")]
    Encode {
        /// Name of the format.
        format: &'static str,
        /// What the encoder says.
        source: Cause,
    },
    /// The file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Cause,
    },
    /// A value of the vocabulary is not valid, or a file could not be published.
    #[error(transparent)]
    Core(#[from] mir_core::Error),
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
