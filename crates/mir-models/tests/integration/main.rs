//! Tests of the public interface of `mir-models`.

#[cfg(feature = "torch")]
mod link;
