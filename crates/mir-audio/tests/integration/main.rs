//! Tests of the public interface.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic, as the tests themselves may")]

mod bad_input;
mod blocks;
mod formats;
mod resampling;
mod writing;

use std::path::{Path, PathBuf};

/// A small file of this crate.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}
