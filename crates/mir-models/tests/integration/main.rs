//! Tests of the public interface of `mir-models`.
#![cfg(feature = "torch")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod export;
mod high_resolution;
mod import;
mod link;
mod networks;
mod parity;
mod pause;
mod precision;
mod probe;
mod pytorch;
mod training;
mod trouble;

use peak_alloc::PeakAlloc;

/// Counts what is allocated, for tests that run in a process of their own.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;
