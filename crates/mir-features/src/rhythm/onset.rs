//! Onset detection: when do notes begin?

use mir_core::AudioBuffer;
use serde::{Deserialize, Serialize};

use super::{OnsetStrength, OnsetStrengthConfig, PeakPicker, PeakPickerConfig};
use crate::{Error, FeatureMap, Result};

/// How onsets should be detected.
///
/// ```
/// use mir_features::{OnsetDetector, OnsetDetectorConfig};
/// let config = OnsetDetectorConfig { backtrack: true, ..OnsetDetectorConfig::default() };
/// assert!(OnsetDetector::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnsetDetectorConfig {
    /// The curve whose peaks are onsets; one band.
    pub strength: OnsetStrengthConfig,
    /// Scales the curve to 0 … 1 first.
    pub normalised: bool,
    /// Rules of the peaks; `None` for librosa's, which are given in seconds: 30 ms before for the maximum,
    /// 100 ms on both sides for the mean, 0.07 above it, 30 ms between onsets.
    pub peaks: Option<PeakPickerConfig>,
    /// Moves every onset back to the minimum before it.
    pub backtrack: bool,
}

impl Default for OnsetDetectorConfig {
    /// librosa's.
    fn default() -> Self {
        Self {
            strength: OnsetStrengthConfig::default(),
            normalised: true,
            peaks: None,
            backtrack: false,
        }
    }
}

/// A planned onset detector. Onset strength is scaled by its maximum over the whole recording: there is no streaming
/// form; that of onset strength itself is [`OnsetStrength::stream`].
///
/// ```
/// use mir_features::{AudioBuffer, OnsetDetector, OnsetDetectorConfig, SampleRate};
/// let clicks = (0..44_100).map(|n| if n % 11_025 == 5000 { 1.0 } else { 0.0 }).collect();
/// let audio = AudioBuffer::mono(SampleRate::HZ_22050, clicks);
/// let onsets = OnsetDetector::new(OnsetDetectorConfig::default())?.process(&audio)?;
/// assert_eq!(onsets[0].len(), 4);
/// assert!((onsets[0][1] - 16_025.0 / 22_050.0).abs() < 0.05);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct OnsetDetector {
    config: OnsetDetectorConfig,
    strength: OnsetStrength,
    picker: PeakPicker,
}

impl OnsetDetector {
    /// Validates the configuration and plans the spectrogram.
    ///
    /// # Errors
    /// As [`OnsetStrength::new`] and [`PeakPicker::new`]; [`Error::OutOfRange`] for more than one band.
    pub fn new(config: OnsetDetectorConfig) -> Result<Self> {
        if config.strength.bands.len() > 1 {
            return Err(Error::OutOfRange {
                field: "bands",
                expected: "one band at most",
                actual: config.strength.bands.len() as f64,
            });
        }
        let strength = OnsetStrength::new(config.strength.clone())?;
        let rate = f64::from(config.strength.log_mel.sample_rate.hz());
        let hop = f64::from(config.strength.log_mel.hop);
        let frames = |seconds: f64| (seconds * rate / hop).floor() as usize;
        let peaks = config.peaks.clone().unwrap_or(PeakPickerConfig {
            pre_max: frames(0.03),
            post_max: 1,
            pre_avg: frames(0.10),
            post_avg: frames(0.10) + 1,
            delta: 0.07,
            wait: frames(0.03),
        });
        Ok(Self { picker: PeakPicker::new(peaks)?, strength, config })
    }

    /// The configuration.
    pub const fn config(&self) -> &OnsetDetectorConfig {
        &self.config
    }

    /// Onsets of every channel in seconds, ascending. Allocates.
    ///
    /// # Errors
    /// [`Error::SampleRate`] for audio of another rate, [`Error::Core`] for samples that are not finite.
    pub fn process(&self, audio: &AudioBuffer) -> Result<Vec<Vec<f64>>> {
        let strength = self.strength.process(audio)?;
        Ok(self.frames(&strength).into_iter().map(|frames| seconds(&strength, &frames)).collect())
    }

    /// Frames of the onsets of every channel, from onset strength `[channels, frames, 1]`. Allocates.
    pub fn frames(&self, strength: &FeatureMap) -> Vec<Vec<usize>> {
        let channels = strength.data.outer_iter();
        channels.map(|channel| self.pick(&channel.column(0).to_vec())).collect()
    }

    fn pick(&self, strength: &[f32]) -> Vec<usize> {
        let silent = strength.iter().all(|&x| x == 0.0);
        if silent || strength.iter().any(|x| !x.is_finite()) {
            return vec![];
        }
        let mut curve = strength.to_vec();
        if self.config.normalised {
            let low = curve.iter().copied().fold(f32::INFINITY, f32::min);
            let high = curve.iter().copied().fold(f32::NEG_INFINITY, f32::max) - low;
            curve.iter_mut().for_each(|x| *x = (*x - low) / (high + f32::MIN_POSITIVE));
        }
        let mut onsets = self.picker.pick(&curve);
        if self.config.backtrack {
            backtrack(&mut onsets, &curve);
        }
        onsets
    }
}

/// Times of frames on the grid of a map.
pub(super) fn seconds(map: &FeatureMap, frames: &[usize]) -> Vec<f64> {
    frames.iter().map(|&frame| map.grid.time_of(frame)).collect()
}

/// Moves every event back to the last local minimum of `energy` before it, or to the beginning.
fn backtrack(events: &mut [usize], energy: &[f32]) {
    for event in events {
        let is_minimum = |n: usize| {
            energy[n] <= energy[n - 1] && n + 1 < energy.len() && energy[n] < energy[n + 1]
        };
        *event = (1..=*event).rev().find(|&n| is_minimum(n)).unwrap_or(0);
    }
}
