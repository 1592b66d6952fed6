//! Tests of the public interface.

mod bad_input;
mod fingerprints;
mod golden;
mod oracle;
mod peers;
mod streaming;
