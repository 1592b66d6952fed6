//! Rhythm: when do notes begin, how fast is the music, where are its beats?
//!
//! | | what | from |
//! |---|---|---|
//! | [`OnsetStrength`] | how much the log-mel spectrum grows | audio, or a spectrogram in dB |
//! | [`PeakPicker`], [`OnsetDetector`] | onsets | onset strength |
//! | [`Tempogram`], [`FourierTempogram`] | local periodicity | onset strength |
//! | [`TempoEstimator`] | beats per minute | a tempogram |
//! | [`BeatTracker`] | beats | onset strength |
//! | [`PredominantPulse`] | a pulse curve | onset strength |
//!
//! All follow librosa 0.11, whose defaults are the defaults here. Onset strength without a `top_db` can be
//! streamed; everything else refers to the whole recording, through the range of its decibels, its
//! normalisation or its search.

mod beat;
mod onset;
mod peaks;
mod pulse;
mod strength;
mod tempo;
mod tempogram;

pub use beat::{BeatTrack, BeatTracker, BeatTrackerConfig};
pub use onset::{OnsetDetector, OnsetDetectorConfig};
pub use peaks::{PeakPicker, PeakPickerConfig};
pub use pulse::{PredominantPulse, PredominantPulseConfig};
pub use strength::{OnsetAggregate, OnsetStrength, OnsetStrengthConfig, StreamingOnsetStrength};
pub use tempo::{TempoEstimator, TempoEstimatorConfig};
pub use tempogram::{FourierTempogram, FourierTempogramConfig, Tempogram, TempogramConfig};
