//! Tempo: how many beats are there in a minute?

use mir_core::{AudioBuffer, FrameGrid};
use ndarray::ArrayRef2;
use serde::{Deserialize, Serialize};

use super::{OnsetStrength, OnsetStrengthConfig, Tempogram, TempogramConfig};
use crate::{Error, FeatureMap, Result};

/// How tempo should be estimated.
///
/// ```
/// use mir_features::{TempoEstimator, TempoEstimatorConfig};
/// let config = TempoEstimatorConfig { start_bpm: 100.0, ..TempoEstimatorConfig::default() };
/// assert!(TempoEstimator::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TempoEstimatorConfig {
    /// The curve whose period is looked for; one band.
    pub strength: OnsetStrengthConfig,
    /// The most likely tempo before anything is heard, beats per minute, above 0.
    pub start_bpm: f64,
    /// Its uncertainty in octaves, above 0.
    pub std_bpm: f64,
    /// Length of the autocorrelation window in seconds, above 0.
    pub window_seconds: f64,
    /// Largest tempo, beats per minute, above 0.
    pub max_bpm: Option<f64>,
}

impl Default for TempoEstimatorConfig {
    /// librosa's: 120 ± 1 octave, at most 320, from windows of 8 s.
    fn default() -> Self {
        Self {
            strength: OnsetStrengthConfig::default(),
            start_bpm: 120.0,
            std_bpm: 1.0,
            window_seconds: 8.0,
            max_bpm: Some(320.0),
        }
    }
}

/// A planned tempo estimator: the strongest lag of the mean tempogram under a log-normal prior,
/// `argmax ln(1 + 10⁶·T) − ½·(log2(bpm / start) / std)²`. The mean is that of the whole recording: there is no
/// streaming form.
///
/// ```
/// use mir_features::{AudioBuffer, SampleRate, TempoEstimator, TempoEstimatorConfig};
/// let clicks = (0..220_500).map(|n| if n % 11_264 == 0 { 1.0 } else { 0.0 }).collect();
/// let audio = AudioBuffer::mono(SampleRate::HZ_22050, clicks);
/// let bpm = TempoEstimator::new(TempoEstimatorConfig::default())?.process(&audio)?;
/// assert!((bpm[0] - 60.0 * 22_050.0 / 11_264.0).abs() < 3.0);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct TempoEstimator {
    config: TempoEstimatorConfig,
    strength: OnsetStrength,
}

impl TempoEstimator {
    /// Validates the configuration and plans the spectrogram.
    ///
    /// # Errors
    /// As [`OnsetStrength::new`]; [`Error::OutOfRange`] for the first field that is not admissible.
    pub fn new(config: TempoEstimatorConfig) -> Result<Self> {
        for (field, value) in [
            ("start_bpm", config.start_bpm),
            ("std_bpm", config.std_bpm),
            ("window_seconds", config.window_seconds),
            ("max_bpm", config.max_bpm.unwrap_or(1.0)),
        ] {
            if !(value.is_finite() && value > 0.0) {
                let expected = "a finite number above 0";
                return Err(Error::OutOfRange { field, expected, actual: value });
            }
        }
        Ok(Self { strength: OnsetStrength::new(config.strength.clone())?, config })
    }

    /// The configuration.
    pub const fn config(&self) -> &TempoEstimatorConfig {
        &self.config
    }

    /// Beats per minute of every channel; 0 for silence. Allocates.
    ///
    /// # Errors
    /// [`Error::SampleRate`] for audio of another rate, [`Error::Core`] for samples that are not finite,
    /// [`Error::OutOfRange`] for a window of less than 2 frames.
    pub fn process(&self, audio: &AudioBuffer) -> Result<Vec<f64>> {
        self.from_strength(&self.strength.process(audio)?)
    }

    /// Beats per minute of every channel, from onset strength. Allocates.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a window of less than 2 frames.
    pub fn from_strength(&self, strength: &FeatureMap) -> Result<Vec<f64>> {
        let tempogram = self.tempogram(&strength.grid)?.process(strength);
        let bpm = self.bpm(&strength.grid, tempogram.bins());
        let channels = tempogram.data.outer_iter();
        Ok(channels.map(|channel| self.best(&bpm, &mean_over_frames(&channel))).collect())
    }

    /// Beats per minute of every frame (`aggregate=None` of librosa), `[channels][frames]`. Allocates.
    ///
    /// # Errors
    /// As [`from_strength`](Self::from_strength).
    pub fn frames_from_strength(&self, strength: &FeatureMap) -> Result<Vec<Vec<f64>>> {
        let tempogram = self.tempogram(&strength.grid)?.process(strength);
        let bpm = self.bpm(&strength.grid, tempogram.bins());
        let frame = |row: ndarray::ArrayView1<'_, f32>| {
            self.best(&bpm, &row.iter().map(|&y| f64::from(y)).collect::<Vec<_>>())
        };
        let channels = tempogram.data.outer_iter();
        Ok(channels.map(|channel| channel.rows().into_iter().map(frame).collect()).collect())
    }

    fn tempogram(&self, grid: &FrameGrid) -> Result<Tempogram> {
        let win_length = (self.config.window_seconds * f64::from(grid.sample_rate().hz())).floor();
        let win_length = (win_length / f64::from(grid.hop())).floor() as usize;
        Tempogram::new(TempogramConfig { win_length, ..TempogramConfig::default() })
    }

    fn bpm(&self, grid: &FrameGrid, lags: usize) -> Vec<f64> {
        (0..lags).map(|lag| 60.0 * grid.frame_rate() / lag as f64).collect()
    }

    /// The tempo of the strongest lag; the shorter lag where two are equal.
    fn best(&self, bpm: &[f64], correlation: &[f64]) -> f64 {
        let mut best = (f64::NEG_INFINITY, 0.0);
        if correlation.iter().all(|&c| c <= 0.0) {
            return 0.0;
        }
        // The first lag below the limit, or the first of all if there is none: librosa's rule.
        let first =
            self.config.max_bpm.map_or(0, |max| bpm.iter().position(|&bpm| bpm < max).unwrap_or(0));
        for (&bpm, &correlation) in bpm.iter().zip(correlation).skip(first.max(1)) {
            let prior = ((bpm / self.config.start_bpm).log2() / self.config.std_bpm).powi(2);
            let score = (1e6 * correlation).ln_1p() - 0.5 * prior;
            if score > best.0 {
                best = (score, bpm);
            }
        }
        best.1
    }
}

fn mean_over_frames(tempogram: &ArrayRef2<f32>) -> Vec<f64> {
    let frames = tempogram.nrows().max(1) as f64;
    let columns = tempogram.columns().into_iter();
    columns.map(|lag| lag.iter().map(|&y| f64::from(y)).sum::<f64>() / frames).collect()
}
