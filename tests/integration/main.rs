//! Tests of the workspace as a whole.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[cfg(all(feature = "models", feature = "hdf5"))]
mod cli;
mod consumer;
