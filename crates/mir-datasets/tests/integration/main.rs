//! Integration tests of mir-datasets.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod build;
mod contrastive;
#[cfg(all(feature = "hdf5", unix))]
mod crash;
mod loader;
mod maestro;
mod maps;
mod mini;
mod store;
mod support;
mod windows;
