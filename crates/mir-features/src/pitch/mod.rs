//! Fundamental frequency and tuning: which pitch sounds, is there one, and how is the recording tuned?
//!
//! | I want … | use |
//! |---|---|
//! | one frequency for each frame | [`Yin`] |
//! | … a smooth contour that knows where there is none | [`Pyin`] |
//! | the peaks of a spectrogram, between its bins | [`piptrack`] |
//! | the tuning of a recording | [`estimate_tuning`], [`pitch_tuning`] |
//!
//! Values agree with librosa 0.11; the tests compare them.

mod beta;
mod peaks;
mod pyin;
mod viterbi;
mod yin;

pub use peaks::{
    PiptrackConfig, SpectralPeak, TuningConfig, estimate_tuning, piptrack, pitch_tuning,
};
pub use pyin::{Pyin, PyinConfig, PyinTrack};
pub use yin::{StreamingYin, Yin, YinConfig};
