//! Tests of the public interface of `mir-models`.
#![cfg(feature = "torch")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod link;
mod training;
