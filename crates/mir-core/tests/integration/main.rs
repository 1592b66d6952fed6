//! The public API of `mir-core`, as another crate uses it.

#[cfg(feature = "formats")]
mod formats;
mod publish;
