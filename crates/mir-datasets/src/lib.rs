//! Data sets for music information retrieval: from a folder of recordings to batches for training.
//!
//! | I want … | use |
//! |---|---|
//! | to list recordings and load audio, stems and annotations | [`Dataset`], [`Track`], [`loaders`] |
//! | a published split, one drawn by seed, or to know what leaks | [`splits`] |
//! | a stretch of a recording with what is annotated in it | [`mod@excerpt`] |
//! | annotated pitch on the frames of a feature | [`on_grid`] |
//! | to know whether all files are there and whole | [`Index`], [`mod@validate`] |
//! | to count recordings, seconds and notes | [`stats`] |
//! | a piano data set that needs no download | [`mini`] |
//! | features of a whole split, computed once and cached | [`StoreBuilder`], [`FeatureStore`], [`store`] |
//! | random windows with targets for training | [`BatchLoader`], [`LoaderConfig`] |
//! | whole recordings for an evaluation | [`recordings`] |
//! | batches for contrastive learning, mixtures for separation | [`contrastive`], [`remix`] |
//! | scores played with recorded notes | [`sampled`] |
//! | music with stems, melodies, several pitches, made by seed | [`synthetic`] |
//! | the notes of recordings on other instruments | [`rerender`] |
//! | more training recordings beside those of a data set | [`WithTraining`] |
//! | the sustain pedal in place of the notes | [`PedalAsNotes`] |
//! | any data set as plain files | [`export`](mod@export) |
//! | a smaller data set out of a larger one | [`subset`] |
//!
//! # Conventions
//! - Tracks are in bytewise order of their names everywhere.
//! - Features are `[channels, frames, bins]`, targets `[batch, frames, keys]`, times are seconds.
//! - Whatever is random is a function of a seed and a position; threads change speed, never content.
//! - Files appear complete or not at all, and every error names the file and what to do.
//!
//! # Example
//! ```no_run
//! use mir_core::batch::BatchSource;
//! use mir_datasets::{
//!     BatchLoader, BuildOptions, LoaderConfig, Split, StoreBuilder,
//!     loaders::{Maps, MapsConfig},
//! };
//! use mir_features::FrontEndConfig;
//!
//! let maps = Maps::open("/data/maps", MapsConfig::default())?;
//! let builder = StoreBuilder::new(&FrontEndConfig::default())?;
//! let built = builder.build_or_open("cache", &maps, Split::Train, BuildOptions::default())?;
//! let mut batches = BatchLoader::new(built.store, LoaderConfig::default())?;
//! let batch = batches.next_batch()?;
//! assert_eq!(batch.inputs.dim(), (8, 1, 200, 229));
//! # Ok::<(), mir_datasets::Error>(())
//! ```
//!
//! # Features
//! | feature | what it adds |
//! |---|---|
//! | `archive` (default) | `archive`: zip, tar, tar.gz and tar.bz2, safely |
//! | `download` | `download`: open data sets from the network, with resume and checksums |
//! | `sqlite` | the database of WJazzD; builds SQLite with a C compiler |
//! | `hdf5` (default) | stores on disk: [`Hdf5Store`], [`StoreBuilder::build_or_open`]; builds HDF5 with CMake |
//!
//! # Other crates
//! `mir-core` (vocabulary), `mir-audio` (decode, resample), `mir-features` (front ends), `mir-midi`
//! (MIDI, pedal, synthesis), `mir-eval` (metrics), `mir-models` (networks; reads our batches, and
//! neither depends on the other).
#![warn(clippy::print_stdout)]
#![doc(test(attr(deny(warnings))))]

mod annotation;
#[cfg(feature = "archive")]
pub mod archive;
pub mod arrays;
mod augment;
mod build;
#[cfg(feature = "hdf5")]
pub mod cache;
pub mod contrastive;
mod dataset;
#[cfg(feature = "download")]
pub mod download;
mod error;
pub mod excerpt;
pub mod export;
pub mod index;
mod loader;
pub mod loaders;
pub mod mini;
pub mod on_grid;
mod ordered;
mod pedal_as_notes;
mod positioned;
mod random;
pub mod remix;
pub mod rerender;
pub mod sampled;
pub mod splits;
pub mod stats;
pub mod store;
pub mod subset;
pub mod synthetic;
mod targets;
pub mod validate;
mod window;
mod with_training;

pub use annotation::{Annotation, Kind, Label, Stem};
pub use augment::AugmentConfig;
pub use build::{BuildOptions, BuildReport, Built, OnError, Progress, Share, StoreBuilder};
pub use dataset::{Dataset, Erratum, Split, Track, TrackId, one_per_piece, shared_pieces};
pub use error::{Cause, Error, Result};
pub use index::Index;
pub use loader::{BatchLoader, BatchPlan, LoaderConfig, Remainder, TranscriptionBatch};
pub use pedal_as_notes::PedalAsNotes;
pub use splits::Partition;
pub use store::{
    FeatureStore, MemStore, Recording, SkippedTrack, StoreHeader, StoredTrack, ValueFormat,
    recordings,
};
#[cfg(feature = "hdf5")]
pub use store::{Hdf5Store, Hdf5Writer};
pub use validate::{ValidateConfig, ValidationReport, validate};
pub use window::{Sampling, Voicing, WindowConfig, WindowIndex, WindowSampler};
pub use with_training::WithTraining;

pub use mir_audio::LoadOptions;
pub use mir_core::{AudioBuffer, Fingerprint, Note, PedalSpan};
