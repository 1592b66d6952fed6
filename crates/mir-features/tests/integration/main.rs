//! Tests of the public interface.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic, as the tests themselves may")]

mod bad_input;
mod cqt;
mod derived;
mod features;
mod fingerprints;
mod golden;
mod inverse;
mod librosa_features;
mod librosa_files;
mod librosa_signal;
mod oracle;
mod peers;
mod pitch;
mod stream;
mod streaming;
mod streams;
