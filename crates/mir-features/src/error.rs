//! The error type of this crate.

use mir_core::SampleRate;

/// What can be wrong with a configuration or an input of a feature extractor.
///
/// ```
/// use mir_features::{Error, LogMel, LogMelConfig};
/// let config = LogMelConfig { n_fft: 7, ..LogMelConfig::default() };
/// assert!(matches!(LogMel::new(config), Err(Error::OutOfRange { field: "n_fft", .. })));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field of a configuration lies outside its admissible range.
    #[error("{field} is {actual}, expected {expected}")]
    OutOfRange {
        /// Name of the field.
        field: &'static str,
        /// The admissible range, in words.
        expected: &'static str,
        /// The value that came.
        actual: f64,
    },
    /// The frequency range of a filterbank is empty or reaches past half the sample rate.
    #[error(
        "the bands reach from {f_min} Hz to {f_max} Hz, expected 0 <= f_min < f_max <= {nyquist} Hz \
         (half the sample rate)"
    )]
    InvalidBand {
        /// Lower edge in Hz.
        f_min: f64,
        /// Upper edge in Hz.
        f_max: f64,
        /// Half the sample rate, in Hz.
        nyquist: f64,
    },
    /// The audio has another rate than the extractor was made for.
    #[error("the audio has {actual}, the feature extractor works at {expected}; resample it first")]
    SampleRate {
        /// Rate of the configuration.
        expected: SampleRate,
        /// Rate of the audio.
        actual: SampleRate,
    },
    /// The configuration depends on the whole recording and cannot work on a part of it.
    #[error(
        "{field} refers to the maximum of the whole recording: it cannot be computed from a part of it"
    )]
    NeedsWholeSignal {
        /// Name of the field.
        field: &'static str,
    },
    /// There is not enough of something.
    #[error("{actual} {what}, at least {expected} are needed")]
    TooShort {
        /// What there is too little of.
        what: &'static str,
        /// How much is needed.
        expected: usize,
        /// How much there is.
        actual: usize,
    },
    /// Two arrays do not fit together.
    #[error("{what} has the shape {actual:?}, expected {expected:?}")]
    Shape {
        /// The array.
        what: &'static str,
        /// The shape that fits.
        expected: Vec<usize>,
        /// The shape that came.
        actual: Vec<usize>,
    },
    /// A value of the vocabulary is not valid: a sample that is not finite, say.
    #[error(transparent)]
    Core(#[from] mir_core::Error),
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
