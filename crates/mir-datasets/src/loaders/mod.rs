//! One module for each published data set, on the layout that its users have on disk.

mod common;
mod folder;
pub mod maestro;
pub mod maps;

pub use folder::AudioFolder;
pub use maestro::{Maestro, MaestroConfig, MaestroRow, MaestroTrack, MaestroVersion};
pub use maps::{Maps, MapsConfig, MapsPiano};
