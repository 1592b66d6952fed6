//! How a program fails: one message, and an exit code that says what kind of failure it was.

use std::{error::Error, fmt, path::Path, process::ExitCode};

/// A failure on its way to the user.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

/// `Result` with [`Failure`].
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// Some inputs of a batch failed, the others are done.
    pub fn partial(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    /// The command line or the configuration is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    /// The data or a file is wrong.
    pub fn data(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 3 }
    }

    /// Values were no numbers.
    pub fn not_finite(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 4 }
    }

    /// The user stopped the program with a signal.
    pub fn interrupted(message: impl Into<String>, signal: usize) -> Self {
        Self { message: message.into(), code: 128 + signal as u8 }
    }

    /// Names the file that it is about, if it is about a file and does not say which.
    pub fn of_file(mut self, path: &Path) -> Self {
        let path = path.display().to_string();
        if self.code == 3 && !self.message.contains(&path) {
            self.message = format!("{path}: {}", self.message);
        }
        self
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Prints the message to standard error; the exit code.
    pub fn report(&self) -> ExitCode {
        eprintln!("error: {}", self.message);
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// An error and its causes in one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Transparent variants repeat the message of their cause.
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(feature = "models")]
impl From<mir_models::Error> for Failure {
    fn from(error: mir_models::Error) -> Self {
        use mir_models::Error as E;
        let code = match &error {
            E::Config { .. } | E::Device { .. } => 2,
            E::NonFinite { .. } => 4,
            E::OutOfMemory { .. } => 5,
            _ => 3,
        };
        Self { message: chain(&error), code }
    }
}

impl From<mir_eval::Error> for Failure {
    fn from(error: mir_eval::Error) -> Self {
        use mir_eval::Error as E;
        let code = if matches!(error, E::Config { .. } | E::FileCount { .. }) { 2 } else { 3 };
        Self { message: chain(&error), code }
    }
}

impl From<mir_datasets::Error> for Failure {
    fn from(error: mir_datasets::Error) -> Self {
        let code = if matches!(error, mir_datasets::Error::InvalidConfig { .. }) { 2 } else { 3 };
        Self { message: chain(&error), code }
    }
}

impl From<mir_features::Error> for Failure {
    fn from(error: mir_features::Error) -> Self {
        use mir_features::Error as E;
        let code = match error {
            E::Core(mir_core::Error::OutOfRange { .. })
            | E::OutOfRange { .. }
            | E::InvalidBand { .. }
            | E::NeedsWholeSignal { .. } => 2,
            _ => 3,
        };
        Self { message: chain(&error), code }
    }
}

macro_rules! data_failures {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::data(chain(&error))
            }
        }
    )*};
}
data_failures!(mir_core::Error, mir_audio::Error, mir_midi::Error, std::io::Error);
