//! Networks of music information retrieval on LibTorch: architectures, losses, training that resumes
//! exactly, weight files that carry everything needed to use them, and decoding.
//!
//! ```no_run
//! # #[cfg(feature = "torch")] {
//! use mir_models::{DeviceChoice, infer::{Transcriber, TranscriptionModel}};
//! # let audio = mir_core::AudioBuffer::mono(mir_core::SampleRate::HZ_16000, vec![0.0; 16_000]);
//!
//! let device = DeviceChoice::Auto.resolve()?;
//! let model = TranscriptionModel::open("model.safetensors".as_ref(), device)?;
//! let notes = Transcriber::new(model)?.transcribe(&audio)?; // mono, at the model's rate
//! # drop(notes);
//! # }
//! # Ok::<(), mir_models::Error>(())
//! ```
//!
//! # Conventions
//! Network inputs are `[batch, channels, frames, bins]`, outputs `[batch, frames, keys]`. Arrays cross the
//! border of this crate, tensors do not, except in [`nn`] and [`arch`]. Random numbers come from seeds.
//!
//! # Features
//! | feature | what it adds |
//! |---|---|
//! | `torch` (default) | networks, training and inference. Without it: configurations, schedules, decoding, threshold search |
//! | `mpi` | training in several processes that `mpirun` starts; needs an installed MPI and libclang |
//!
//! # Other crates
//! `mir-core` (vocabulary), `mir-audio`, `mir-features`, `mir-midi`, `mir-eval`, `mir-datasets`.
#![warn(clippy::print_stdout)]
#![doc(test(attr(deny(warnings))))]

pub mod activations;
#[cfg(feature = "torch")]
pub mod arch;
pub mod baseline;
pub mod comm;
pub mod config;
pub mod decode;
#[cfg(feature = "torch")]
mod device;
#[cfg(feature = "torch")]
pub mod environment;
mod error;
#[cfg(feature = "torch")]
pub mod export;
#[cfg(feature = "torch")]
pub mod infer;
#[cfg(feature = "torch")]
pub mod loss;
#[cfg(feature = "torch")]
mod names;
#[cfg(feature = "torch")]
pub mod nn;
#[cfg(feature = "torch")]
pub mod optim;
#[cfg(feature = "torch")]
pub mod params;
pub mod pytorch;
pub mod run;
pub mod schedule;
#[cfg(feature = "torch")]
pub mod tensor;
pub mod thresholds;
#[cfg(feature = "torch")]
pub mod train;
#[cfg(feature = "torch")]
pub mod weights;

#[cfg(feature = "torch")]
pub use device::{DeviceChoice, set_threads, threads};
pub use error::{Error, Result};
#[cfg(feature = "torch")]
pub use tch::Device;
