//! Features of music audio: what do we show to a network or a matcher instead of raw samples?
//!
//! | I want … | use |
//! |---|---|
//! | a log-mel spectrogram | [`LogMel`], presets in [`LogMelConfig`] |
//! | … frame by frame from a microphone | [`StreamingLogMel`] |
//! | … of a crop only | [`LogMel::process_frames`] |
//! | a spectrogram or complex spectrum | [`Stft`] |
//! | a mel filterbank for my own spectra | [`MelFilterbank`] |
//! | a constant-Q or variable-Q transform, any hop | [`Cqt`], [`StreamingCqt`] |
//! | … at several harmonics | [`Hcqt`], [`StreamingHcqt`], or [`HarmonicStacking`] of one transform |
//! | bands spaced like pitches | [`LogFiltered`] |
//! | the fundamental frequency | [`Yin`], [`Pyin`] |
//! | the tuning | [`estimate_tuning`] |
//! | tones apart from strokes | [`Hpss`] |
//! | to mask a mixture, or an example | [`soft_mask`], [`ratio_masks`], [`SpecAugment`] |
//! | the same features in another key | [`Transposition`] |
//! | samples back from a spectrum, or from magnitudes alone | [`Istft`], [`GriffinLim`] |
//! | cepstral coefficients, derivatives | [`Mfcc`], [`Delta`] |
//! | Kaldi's filterbank | [`KaldiFbank`] |
//! | decibels, normalisation | [`db`], [`Pcen`], [`normalize`] |
//! | pitch classes | [`ChromaStft`], [`ChromaCqt`], [`Cens`], [`tonnetz`] |
//! | brightness, noisiness, level | [`spectral`], [`level`] |
//! | onsets, tempo, beats | [`rhythm`] |
//! | any of them sample by sample | `stream()` of the feature, [`Streaming`] |
//! | to store with a model how its input was made | [`FrontEndConfig`], [`FrontEnd`] |
//!
//! # Conventions
//! - Maps are `[channels, frames, bins]`, `f32`, with the time of the frames ([`FrameGrid`]) and the
//!   meaning of the bins ([`BinAxis`]) beside them.
//! - A frame is dated to the sample that it is centred on.
//! - `process` checks its input and allocates; `process_into` does neither, and stays on its thread.
//! - Results do not depend on the number of threads, nor on how a stream was cut.
//! - A preset never changes its values: fingerprints of all presets are pinned by tests.
//!
//! # Example
//! ```
//! use mir_features::{AudioBuffer, LogMel, LogMelConfig, SampleRate};
//!
//! let log_mel = LogMel::new(LogMelConfig::jongwook())?;
//! let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.0; 16_000]);
//! let map = log_mel.process(&audio)?;
//! assert_eq!(map.data.dim(), (1, 32, 229));
//! assert!((map.data[(0, 0, 0)] - 1e-5_f32.ln()).abs() < 1e-5); // silence is the floor
//! # Ok::<(), mir_features::Error>(())
//! ```
//!
//! # Features
//! | feature | what it adds |
//! |---|---|
//! | `parallel` (default) | long recordings are spread over rayon's threads |
//!
//! # Other crates
//! `mir-core` (vocabulary), `mir-audio` (decode, resample, write), `mir-midi` (MIDI, pedal, synthesis),
//! `mir-eval` (metrics, plots), `mir-datasets` (loaders, stores, batches), `mir-models` (networks,
//! training, inference).
#![warn(clippy::print_stdout)]
#![doc(test(attr(deny(warnings))))]

mod bands;
pub mod chroma;
pub mod chroma_cqt;
pub mod cqt;
pub mod db;
mod dct;
pub mod delta;
mod error;
mod extended;
mod fft;
mod frames;
mod framing;
mod front_end;
pub mod griffin_lim;
pub mod hpss;
pub mod istft;
pub mod kaldi;
pub mod level;
mod ln;
pub mod log_filtered;
pub mod log_mel;
mod map;
pub mod mask;
pub mod mel;
pub mod mfcc;
pub mod normalize;
pub mod pcen;
pub mod pitch;
pub mod rhythm;
mod rows;
pub mod spec_augment;
pub mod spectral;
mod spectrogram;
mod spectrum;
pub mod stacking;
pub mod stft;
mod stream;
mod transposition;
mod waveform;
mod window;

pub use chroma::{
    ChromaFilterbank, ChromaFilterbankConfig, ChromaStft, ChromaStftConfig, hz_to_octaves,
};
pub use chroma_cqt::{Cens, CensConfig, ChromaCqt, ChromaCqtConfig, tonnetz};
pub use cqt::{
    Cqt, CqtConfig, Gamma, Hcqt, HcqtConfig, HybridCqt, InverseCqt, PseudoCqt, StreamingCqt,
    StreamingHcqt, StreamingHybridCqt, WaveletNorm, WaveletRate,
};
pub use db::{DbConfig, DbReference};
pub use dct::{Dct, DctKind};
pub use delta::{Delta, DeltaConfig, DeltaEdge, StreamingDelta};
pub use error::{Error, Result};
pub use frames::{BLOCK, FrameBlock, FrameFeature};
pub use framing::{FrameLayout, Framing, Pad};
pub use front_end::{FrontEnd, FrontEndConfig};
pub use griffin_lim::{GriffinLim, GriffinLimConfig, PhaseStart};
pub use hpss::{Hpss, HpssConfig, HpssParts};
pub use istft::{Istft, IstftConfig, StreamingIstft};
pub use kaldi::{KaldiFbank, KaldiFbankConfig};
pub use level::{Rms, RmsConfig, ZeroCrossingRate, ZeroCrossingRateConfig};
pub use log_filtered::{LogFiltered, LogFilteredConfig};
pub use log_mel::{LogMel, LogMelConfig, LogMelScratch, LogScale};
pub use map::{BinAxis, FeatureMap};
pub use mask::{ZeroMask, ratio_masks, soft_mask};
pub use mel::{FilterNorm, MelConfig, MelFilterbank, MelScale};
pub use mfcc::{Mfcc, MfccConfig};
pub use normalize::{
    BinStatistics, NormalizeKind, NormalizeScope, Normalizer, NormalizerConfig, VectorNorm,
};
pub use pcen::{Pcen, PcenConfig, PcenState};
pub use pitch::{
    PiptrackConfig, Pyin, PyinConfig, PyinTrack, SpectralPeak, StreamingYin, TuningConfig, Yin,
    YinConfig, estimate_tuning, piptrack, pitch_tuning,
};
pub use rhythm::{
    BeatTrack, BeatTracker, BeatTrackerConfig, FourierTempogram, FourierTempogramConfig,
    OnsetAggregate, OnsetDetector, OnsetDetectorConfig, OnsetStrength, OnsetStrengthConfig,
    PeakPicker, PeakPickerConfig, PredominantPulse, PredominantPulseConfig, StreamingOnsetStrength,
    TempoEstimator, TempoEstimatorConfig, Tempogram, TempogramConfig,
};
pub use spec_augment::{SpecAugment, SpecAugmentConfig};
pub use spectral::{
    FluxNorm, SpectralBandwidth, SpectralBandwidthConfig, SpectralCentroid, SpectralCentroidConfig,
    SpectralContrast, SpectralContrastConfig, SpectralFlatness, SpectralFlatnessConfig,
    SpectralFlux, SpectralFluxConfig, SpectralRolloff, SpectralRolloffConfig, SpectrumFeature,
    StreamingSpectralFlux,
};
pub use spectrogram::{Spectrogram, SpectrogramConfig, SpectrumPower};
pub use spectrum::SpectrumScratch;
pub use stacking::{HarmonicStacking, HarmonicStackingConfig};
pub use stft::{Spectrum, Stft, StftConfig, StftScale, StreamingStft};
pub use stream::{Streaming, StreamingLogMel};
pub use transposition::Transposition;
pub use waveform::{Waveform, WaveformConfig};
pub use window::Window;

pub use mir_core::{AudioBuffer, Fingerprint, Fingerprinted, FrameGrid, SampleRate};
pub use mir_fft::num_complex::Complex;
