//! Tests of the public interface.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic, as the tests themselves may")]

mod bad_input;
mod cqt;
mod derived;
mod fingerprints;
mod golden;
mod oracle;
mod peers;
mod pitch;
mod streaming;
