//! Audio files to samples and back: decoded, cut, mixed and resampled, aligned to the sample.
//!
//! | I want … | use |
//! |---|---|
//! | the samples of a file, at a rate of my choice | [`load`] |
//! | … and to know whether they are aligned and complete | [`load_with_report`] |
//! | a file that does not fit into memory | [`BlockReader`] |
//! | rate, channels, length, codec | [`info`] |
//! | another rate | [`Resampler`], [`StreamingResampler`] |
//! | a WAV file | [`write_wav`] |
//! | gain, channels, joining, mixing | [`mix`] |
//!
//! # Conventions
//! - Samples are `f32`, full scale ±1, `[channels, samples]`.
//! - The first sample is the first that went into the encoder, as far as the file says how much silence
//!   the encoder put before it; [`DecodeReport`] says how far that is ([`Gapless`]).
//! - A file is read completely or refused: a truncated FLAC, a NaN, a damaged packet are errors that
//!   name the place. [`LoadOptions::allow_truncated`] keeps what is readable instead.
//! - No file can make the reader panic, or allocate more than its content justifies ([`Limits`]).
//!
//! # Differences from librosa
//! `librosa.load` mixes to mono and resamples to 22 050 Hz unless told otherwise; [`load`] keeps file
//! rate and channels unless told otherwise. AAC in M4A begins where its edit list says.
//!
//! # Example
//! ```no_run
//! use mir_audio::{LoadOptions, SampleRate};
//! let options = LoadOptions {
//!     sample_rate: Some(SampleRate::HZ_16000),
//!     mono: true,
//!     ..LoadOptions::default()
//! };
//! let audio = mir_audio::load("piano.flac", &options)?;
//! println!("{:.1} s", audio.duration());
//! # Ok::<(), mir_audio::Error>(())
//! ```
//!
//! # Features
//! | feature | what it reads |
//! |---|---|
//! | `wav` | WAV: PCM, floating point, ADPCM |
//! | `flac` | FLAC |
//! | `ogg` | Ogg Vorbis (and FLAC in Ogg with `flac`) |
//! | `mp3` | MPEG audio layers 1 to 3 |
//! | `aac` | AAC-LC in M4A, MP4 and ADTS |
//! | `alac` | ALAC in M4A |
//! | `aiff`, `caf`, `mkv` | AIFF, Core Audio, Matroska and WebM |
//!
//! All are on by default. Opus, HE-AAC, WavPack and WMA cannot be read.
//!
//! # Other crates
//! `mir-core` (vocabulary), `mir-features` (STFT, mel), `mir-midi` (MIDI, pedal, synthesis), `mir-eval`
//! (metrics, plots), `mir-datasets` (loaders, stores, batches), `mir-models` (networks, training,
//! inference).
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout)]
#![doc(test(attr(deny(warnings))))]

mod decode;
mod error;
mod find;
mod load;
pub mod mix;
mod mp4;
mod options;
mod report;
mod resample;
mod write;

pub use error::{Cause, Error, Result};
pub use find::find;
pub use load::{BlockReader, info, load, load_with_report};
pub use options::{Limits, LoadOptions};
pub use report::{AudioInfo, DecodeReport, Gapless};
pub use resample::{ResampleConfig, Resampler, StreamingResampler};
pub use write::{WavFormat, write_wav};

pub use mir_core::{AudioBuffer, SampleRate};
