//! Tests of the workspace as a whole.

mod consumer;
#[cfg(feature = "models")]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod exact_inference;
#[cfg(feature = "models")]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod keys_and_pedal;
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod long_recording;
#[cfg(feature = "separation")]
mod museval_scores;
#[cfg(feature = "models")]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod overfit;
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod programs;
