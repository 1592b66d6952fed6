//! Tests of the workspace as a whole.

mod consumer;
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod long_recording;
#[cfg(feature = "separation")]
mod museval_scores;
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod programs;
