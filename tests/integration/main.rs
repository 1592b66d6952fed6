//! Tests of the workspace as a whole.

#[cfg(all(feature = "models", feature = "hdf5"))]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod cli;
mod consumer;
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod convert_cli;
#[cfg(feature = "separation")]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod evaluate_cli;
#[cfg(feature = "plots")]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod features_cli;
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod long_recording;
#[cfg(feature = "separation")]
mod museval_scores;
#[cfg(all(feature = "plots", feature = "synth", feature = "formats"))]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod notes_cli;
