//! One module for each published data set, on the layout that its users have on disk.
//!
//! [`open`] opens a data set by name; [`catalogue()`] lists them all. Each module says in its own
//! documentation what layout it understands, what its numbers mean, and what is known to be wrong.

pub mod adc2004;
pub mod asap;
pub mod bach10;
pub mod bach10_sibelius;
pub mod beatles;
pub mod billboard;
mod catalogue;
mod collection;
mod common;
pub mod dsd100;
mod folder;
pub mod giantsteps;
pub mod groove_midi;
pub mod gtzan;
pub mod guitarset;
pub mod haydn_op20;
pub mod ikala;
pub mod maestro;
pub mod maps;
mod mat;
pub mod mdb_synth;
pub mod medleydb;
pub mod mirex05;
pub mod musdb18;
pub mod musicnet;
pub mod orchset;
mod read;
pub mod rwc;
pub mod rwc_instruments;
pub mod salami;
pub mod slakh;
mod sound;
mod stems;
pub mod vocadito;
pub mod wjazzd;
#[cfg(feature = "sqlite")]
mod wjazzd_db;

pub use catalogue::{Entry, catalogue, find, open};
pub use collection::{Checksum, Collection, Info, Remote};
pub use folder::AudioFolder;
pub use maestro::{Maestro, MaestroConfig, MaestroRow, MaestroTrack, MaestroVersion};
pub use maps::{Maps, MapsConfig, MapsPiano};
pub use stems::mix_stems;

pub(crate) use common::is_below;
