//! The error type of this crate.

use std::path::PathBuf;

/// What can go wrong between a configuration and a list of notes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field of a configuration lies outside its range.
    #[error("configuration: {field} is {actual}, expected {expected}")]
    Config {
        /// The field.
        field: &'static str,
        /// The admissible range, in words.
        expected: &'static str,
        /// The value.
        actual: String,
    },
    /// A device was asked for that this machine, or this build of LibTorch, does not offer.
    #[error("device {requested} is not available: {reason}")]
    Device {
        /// What was asked for.
        requested: String,
        /// What was found instead, and what to do.
        reason: String,
    },
    /// An array has another shape than the network takes.
    #[error("{what} has shape {actual:?}, expected {expected}")]
    Shape {
        /// Which array.
        what: &'static str,
        /// The expected shape, in words.
        expected: String,
        /// The shape that came.
        actual: Vec<usize>,
    },
    /// A file could not be opened, read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `read`, `write`, …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A weight file is damaged, foreign, or does not fit the network that should be filled.
    #[error("weights {}: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong, which tensor or field, and what to do.
        reason: String,
    },
    /// A weight file of PyTorch cannot be read.
    #[error("PyTorch file {}", path.display())]
    PyTorch {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        #[source]
        problem: Box<crate::pytorch::Problem>,
    },
    /// A checkpoint folder is incomplete or belongs to another configuration.
    #[error("checkpoint {}: {reason}", path.display())]
    Checkpoint {
        /// The folder.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The processes of a training cannot go on together.
    #[error("the processes of this training cannot go on together: {reason}")]
    Communication {
        /// What is wrong and what to do.
        reason: String,
    },
    /// A parameter of this name exists already.
    #[error("parameter '{name}' is registered twice")]
    DuplicateParameter {
        /// Its name.
        name: String,
    },
    /// The loss or a gradient stopped being a number.
    #[error(
        "{what} is not finite at step {step}; lower the learning rate, or look at the data of that step"
    )]
    NonFinite {
        /// `loss` or `gradient norm`.
        what: &'static str,
        /// The training step.
        step: u64,
    },
    /// The machine, or the graphics card, has no memory left.
    #[error("out of memory in {operation}; make the batch or the sequence shorter")]
    OutOfMemory {
        /// What was being computed.
        operation: &'static str,
        /// What LibTorch says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// LibTorch refused an operation.
    #[error("LibTorch failed in {operation}")]
    Torch {
        /// What was being computed.
        operation: &'static str,
        /// What LibTorch says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Computing the features failed.
    #[error("cannot compute the features")]
    Features {
        /// The cause.
        #[from]
        source: mir_features::Error,
    },
    /// Scoring failed.
    #[error("cannot score the transcription")]
    Eval {
        /// The cause.
        #[from]
        source: mir_eval::Error,
    },
    /// The data source of a training failed.
    #[error("cannot load a batch")]
    Batch {
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A value of the vocabulary is invalid.
    #[error(transparent)]
    Core(#[from] mir_core::Error),
    /// A configuration or a metric could not be written as JSON, or read from it.
    #[error("{what} is not valid JSON for this purpose")]
    Json {
        /// What was read or written.
        what: &'static str,
        /// The cause.
        source: serde_json::Error,
    },
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A configuration error; the value is shown as it prints.
    pub(crate) fn config(
        field: &'static str,
        expected: &'static str,
        actual: impl std::fmt::Display,
    ) -> Self {
        Self::Config { field, expected, actual: actual.to_string() }
    }
}

/// Names the operation in an error of LibTorch.
#[cfg(feature = "torch")]
pub(crate) trait TorchContext<T> {
    /// Wraps the error; memory exhaustion becomes a variant of its own.
    fn during(self, operation: &'static str) -> Result<T>;
}

#[cfg(feature = "torch")]
impl<T> TorchContext<T> for std::result::Result<T, tch::TchError> {
    fn during(self, operation: &'static str) -> Result<T> {
        self.map_err(|error| {
            let text = error.to_string();
            let source = Box::new(error);
            // LibTorch has no error type for it; both allocators name it in words.
            if text.contains("out of memory") || text.contains("can't allocate memory") {
                Error::OutOfMemory { operation, source }
            } else {
                Error::Torch { operation, source }
            }
        })
    }
}
