//! Integration tests of mir-datasets.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[cfg(feature = "archive")]
mod archive;
mod build;
mod contrastive;
#[cfg(all(feature = "hdf5", unix))]
mod crash;
mod datasets;
#[cfg(feature = "download")]
mod download;
mod index;
#[cfg(feature = "hdf5")]
mod interchange;
mod loader;
mod maestro;
mod maps;
mod mini;
mod sampled;
mod splits;
mod store;
mod support;
mod synthetic;
mod windows;
