//! The public API of `mir-core`, as another crate uses it.

mod publish;
