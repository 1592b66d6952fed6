//! Integration tests of mir-datasets.

mod build;
mod loader;
mod maps;
mod store;
mod support;
