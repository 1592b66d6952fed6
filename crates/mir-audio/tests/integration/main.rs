//! Tests of the public interface.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic, as the tests themselves may")]

mod augmentation;
mod bad_input;
mod blocks;
mod containers;
mod corruption;
mod formats;
mod levels;
mod resampling;
mod writing;

use std::path::{Path, PathBuf};

use peak_alloc::PeakAlloc;

/// Counts what is allocated, for tests that run in a process of their own.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// A small file of this crate.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}
