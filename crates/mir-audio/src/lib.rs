//! Audio files to samples and back: decoded, cut, mixed and resampled, aligned to the sample.
//!
//! | I want … | use |
//! |---|---|
//! | the samples of a file, at a rate of my choice | [`load`] |
//! | … and to know whether they are aligned and complete | [`load_with_report`] |
//! | the samples of a file in memory | [`load_bytes`] |
//! | a file that does not fit into memory | [`BlockReader`] |
//! | the parts of a `.stem.mp4` | [`streams`], [`load_streams`] |
//! | many files, on all cores | [`find`](find()), [`map_files`], [`load_folder`] |
//! | rate, channels, length, codec | [`info`] |
//! | another rate | [`Resampler`], [`StreamingResampler`] |
//! | a WAV or FLAC file | [`write_wav`], [`WavStream`], [`write_flac`], [`flac_bytes`] |
//! | gain, channels, joining, mixing | [`mix`] |
//! | variants of a recording for training | [`augment`] |
//! | loudness, and audio at a given peak or loudness | [`level`] |
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
//! | `wav` | WAV, extensible WAV, RF64, BW64: PCM, floating point, ADPCM, A-law, µ-law |
//! | `flac` | FLAC |
//! | `ogg` | Ogg Vorbis (and FLAC in Ogg with `flac`) |
//! | `mp3` | MPEG audio layers 1 to 3 |
//! | `aac` | AAC-LC in M4A, MP4 and ADTS |
//! | `alac` | ALAC in M4A |
//! | `aiff`, `caf`, `mkv` | AIFF, Core Audio, Matroska and WebM |
//! | `encode-flac` | nothing, but writes FLAC |
//! | `loudness` | nothing, but measures EBU R 128 loudness |
//!
//! All are on by default. Opus, HE-AAC, WavPack and WMA cannot be read, nor can big-endian WAV (RIFX),
//! Wave64, and A-law, µ-law and 8-bit samples in CAF.
//!
//! # Parts of long files
//! With [`LoadOptions::start`], reading jumps to the place in WAV, AIFF, CAF, FLAC, Ogg, MP4, MP3 and ADTS,
//! and gives the same samples as reading from the start: a decoder that remembers earlier packets gets a
//! run-up. (Where AAC fills bands with random noise, that noise is another.) MP3 and ADTS files have no
//! index, so frame headers are counted up to the place, at the speed of the disk. Matroska's clock is too
//! coarse to find a sample, so there all is decoded up to the place.
//!
//! # Other crates
//! `mir-core` (vocabulary), `mir-features` (STFT, mel), `mir-midi` (MIDI, pedal, synthesis), `mir-eval`
//! (metrics, plots), `mir-datasets` (loaders, stores, batches), `mir-models` (networks, training,
//! inference).
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout)]
#![doc(test(attr(deny(warnings))))]

pub mod augment;
mod batch;
mod codecs;
mod decode;
mod error;
mod find;
#[cfg(feature = "encode-flac")]
mod flac;
mod input;
pub mod level;
mod load;
pub mod mix;
mod mp4;
mod open;
mod options;
mod pcm;
mod raw;
mod report;
mod resample;
mod rf64;
mod write;

pub use batch::{load_folder, map_files};
pub use codecs::{Codec, codecs};
pub use error::{Cause, Error, Result};
pub use find::find;
#[cfg(feature = "encode-flac")]
pub use flac::{FlacDepth, flac_bytes, write_flac};
pub use load::{BlockReader, info, load, load_bytes, load_streams, load_with_report, streams};
pub use options::{Limits, LoadOptions};
pub use raw::{RawDecoder, RawFormat};
pub use report::{AudioInfo, DecodeReport, Gapless};
pub use resample::{ResampleConfig, ResampleMethod, Resampler, SincWindow, StreamingResampler};
pub use write::{WavFormat, WavStream, write_wav};

pub use mir_core::{AudioBuffer, SampleRate};
