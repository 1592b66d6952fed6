//! One module for each published data set, on the layout that its users have on disk.

pub mod maps;

pub use maps::{Maps, MapsConfig, MapsPiano};
