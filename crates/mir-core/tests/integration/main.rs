//! The public API of `mir-core`, as another crate uses it.

#[cfg(feature = "formats")]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod formats;
mod publish;
