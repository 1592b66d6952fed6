//! Beat tracking by dynamic programming (Ellis 2007, "Beat tracking by dynamic programming").
//!
//! A beat is worth the onset strength around it, smoothed; a step of `d` frames between beats costs
//! `tightness·ln²(d / period)`. The best path ends at the last beat that is worth at least half the median.

use mir_core::AudioBuffer;
use serde::{Deserialize, Serialize};

use super::{
    OnsetAggregate, OnsetStrength, OnsetStrengthConfig, TempoEstimator, TempoEstimatorConfig,
    onset::seconds,
};
use crate::{Error, FeatureMap, Result};

/// How beats should be tracked.
///
/// ```
/// use mir_features::{BeatTracker, BeatTrackerConfig};
/// let config = BeatTrackerConfig { bpm: Some(120.0), ..BeatTrackerConfig::default() };
/// assert!(BeatTracker::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BeatTrackerConfig {
    /// Onset strength, and how the tempo is found.
    pub tempo: TempoEstimatorConfig,
    /// The tempo, if it is known, beats per minute, above 0.
    pub bpm: Option<f64>,
    /// How strictly the tempo is kept, above 0.
    pub tightness: f64,
    /// Leaves out weak beats at both ends.
    pub trim: bool,
}

impl Default for BeatTrackerConfig {
    /// librosa's: the median over bins as onset strength, tightness 100, trimmed.
    fn default() -> Self {
        let strength = OnsetStrengthConfig {
            aggregate: OnsetAggregate::Median,
            ..OnsetStrengthConfig::default()
        };
        Self {
            tempo: TempoEstimatorConfig { strength, ..TempoEstimatorConfig::default() },
            bpm: None,
            tightness: 100.0,
            trim: true,
        }
    }
}

/// The beats of one channel.
///
/// ```
/// use mir_features::{AudioBuffer, BeatTracker, BeatTrackerConfig, SampleRate};
/// let silence = AudioBuffer::mono(SampleRate::HZ_22050, vec![0.0; 66_150]);
/// let beats = BeatTracker::new(BeatTrackerConfig::default())?.process(&silence)?;
/// assert!(beats[0].frames.is_empty());
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BeatTrack {
    /// Beats per minute; 0 for silence.
    pub bpm: f64,
    /// Frames of the beats, ascending.
    pub frames: Vec<usize>,
    /// Their times in seconds.
    pub times: Vec<f64>,
}

/// A planned beat tracker. The best sequence of beats depends on the whole recording: there is no streaming form.
///
/// ```
/// use mir_features::{AudioBuffer, BeatTracker, BeatTrackerConfig, SampleRate};
/// let clicks = (0..220_500).map(|n| if n % 11_264 < 100 { (n as f32).sin() } else { 0.0 }).collect();
/// let audio = AudioBuffer::mono(SampleRate::HZ_22050, clicks);
/// let beats = BeatTracker::new(BeatTrackerConfig::default())?.process(&audio)?;
/// let steps: Vec<usize> = beats[0].frames.windows(2).map(|w| w[1] - w[0]).collect();
/// assert!(steps.len() > 10 && steps.iter().all(|&step| step == 22));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct BeatTracker {
    config: BeatTrackerConfig,
    strength: OnsetStrength,
    tempo: TempoEstimator,
}

impl BeatTracker {
    /// Validates the configuration and plans the spectrogram.
    ///
    /// # Errors
    /// As [`TempoEstimator::new`]; [`Error::OutOfRange`] for tempo or tightness.
    pub fn new(config: BeatTrackerConfig) -> Result<Self> {
        for (field, value) in [("bpm", config.bpm.unwrap_or(1.0)), ("tightness", config.tightness)]
        {
            if !(value.is_finite() && value > 0.0) {
                let expected = "a finite number above 0";
                return Err(Error::OutOfRange { field, expected, actual: value });
            }
        }
        Ok(Self {
            strength: OnsetStrength::new(config.tempo.strength.clone())?,
            tempo: TempoEstimator::new(config.tempo.clone())?,
            config,
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &BeatTrackerConfig {
        &self.config
    }

    /// The beats of every channel. Allocates.
    ///
    /// # Errors
    /// As [`TempoEstimator::process`].
    pub fn process(&self, audio: &AudioBuffer) -> Result<Vec<BeatTrack>> {
        self.from_strength(&self.strength.process(audio)?)
    }

    /// The beats of every channel, from onset strength `[channels, frames, 1]`. Allocates.
    ///
    /// # Errors
    /// As [`TempoEstimator::from_strength`].
    pub fn from_strength(&self, strength: &FeatureMap) -> Result<Vec<BeatTrack>> {
        let tempi = match self.config.bpm {
            Some(bpm) => vec![bpm; strength.channels()],
            None => self.tempo.from_strength(strength)?,
        };
        let frame_rate = strength.grid.frame_rate();
        let track = |(channel, bpm): (ndarray::ArrayView2<'_, f32>, f64)| {
            let curve: Vec<f64> = channel.column(0).iter().map(|&x| f64::from(x)).collect();
            let silent = curve.iter().all(|&x| x == 0.0);
            let period = (frame_rate * 60.0 / bpm).round_ties_even();
            if silent || !(1.0..=1e9).contains(&period) {
                return BeatTrack::default();
            }
            let frames = track(&curve, period as usize, self.config.tightness, self.config.trim);
            BeatTrack { bpm, times: seconds(strength, &frames), frames }
        };
        Ok(strength.data.outer_iter().zip(tempi).map(track).collect())
    }
}

/// Frames of the beats of an onset curve with beats every `period` frames or so.
fn track(curve: &[f64], period: usize, tightness: f64, trim: bool) -> Vec<usize> {
    let score = local_score(&unit_variance(curve), period);
    let (links, cumulative) = best_paths(&score, period, tightness);
    let mut beats = vec![];
    let mut at = last_beat(&cumulative);
    while let Some(beat) = at {
        beats.push(beat);
        at = links[beat];
    }
    beats.reverse();
    without_weak_ends(&score, &beats, trim)
}

/// The curve divided by its (sample) standard deviation.
fn unit_variance(curve: &[f64]) -> Vec<f64> {
    let n = curve.len() as f64;
    let mean = curve.iter().sum::<f64>() / n;
    let squares: f64 = curve.iter().map(|x| (x - mean).powi(2)).sum();
    let deviation = (squares / (n - 1.0).max(1.0)).sqrt() + f64::from(f32::MIN_POSITIVE);
    curve.iter().map(|x| x / deviation).collect()
}

/// The curve smoothed by a Gaussian of 1/32 of the period.
fn local_score(curve: &[f64], period: usize) -> Vec<f64> {
    let n = curve.len();
    let weight = |offset: f64| (-0.5 * (offset * 32.0 / period as f64).powi(2)).exp();
    let window: Vec<f64> = (0..=2 * period).map(|k| weight(k as f64 - period as f64)).collect();
    let value = |i: usize| {
        let first = (i + period + 1).saturating_sub(n);
        // One term less than a full convolution at the end: librosa's bounds.
        let end = (i + period).min(window.len());
        (first..end).map(|k| window[k] * curve[i + period - k]).sum()
    };
    (0..n).map(value).collect()
}

/// For every frame the beat before it on the best path that ends there, and the worth of that path.
fn best_paths(score: &[f64], period: usize, tightness: f64) -> (Vec<Option<usize>>, Vec<f64>) {
    let threshold = 0.01 * score.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let nearest = (period as f64 / 2.0).round_ties_even() as usize;
    let cost: Vec<f64> = (0..=2 * period)
        .map(|d| tightness * ((d as f64).ln() - (period as f64).ln()).powi(2))
        .collect();
    let mut links = vec![None; score.len()];
    let mut cumulative = vec![0.0; score.len()];
    let mut first_beat = true;
    for (i, &here) in score.iter().enumerate() {
        let mut best: Option<(f64, usize)> = None;
        for (d, cost) in cost.iter().enumerate().skip(nearest.max(1)) {
            let Some(before) = i.checked_sub(d) else { break };
            let worth = cumulative[before] - cost;
            if best.is_none_or(|(most, _)| worth > most) {
                best = Some((worth, before));
            }
        }
        cumulative[i] = here + best.map_or(0.0, |(worth, _)| worth);
        if !(first_beat && here < threshold) {
            links[i] = best.map(|(_, before)| before);
            first_beat = false;
        }
    }
    (links, cumulative)
}

/// The last local maximum that is worth at least half the median of them.
fn last_beat(cumulative: &[f64]) -> Option<usize> {
    let last = cumulative.len().checked_sub(1)?;
    let is_peak = |&i: &usize| {
        let above_left = i > 0 && cumulative[i] > cumulative[i - 1];
        above_left && (i == last || cumulative[i] >= cumulative[i + 1])
    };
    let peaks: Vec<usize> = (0..=last).filter(is_peak).collect();
    let mut worths: Vec<f64> = peaks.iter().map(|&i| cumulative[i]).collect();
    worths.sort_by(f64::total_cmp);
    let middle = worths.len() / 2;
    let median = match worths.len() {
        0 => return Some(last),
        n if n % 2 == 1 => worths[middle],
        _ => (worths[middle - 1] + worths[middle]) / 2.0,
    };
    Some(peaks.into_iter().rfind(|&i| cumulative[i] >= 0.5 * median).unwrap_or(last))
}

/// The beats between the first and the last frame whose score is above half the root mean square of the
/// smoothed scores of the beats (or above 0, without trimming).
fn without_weak_ends(score: &[f64], beats: &[usize], trim: bool) -> Vec<usize> {
    // Symmetric Hann window of five points.
    const SMOOTHING: [f64; 5] = [0.0, 0.5, 1.0, 0.5, 0.0];
    let threshold = if trim {
        let at = |i: usize| beats.get(i).map_or(0.0, |&beat| score[beat]);
        let n = beats.len();
        let smooth = |i: usize| -> f64 {
            let terms = SMOOTHING.iter().enumerate();
            terms.map(|(k, w)| if i + 2 >= k { w * at(i + 2 - k) } else { 0.0 }).sum()
        };
        // A convolution of full length, less its first half window and all that is beyond the frames.
        let full = (n + 4).saturating_sub(2).min(score.len());
        let squares: f64 = (0..full).map(|i| smooth(i).powi(2)).sum();
        0.5 * (squares / full.max(1) as f64).sqrt()
    } else {
        0.0
    };
    let strong = |x: &f64| *x > threshold;
    let first = score.iter().position(strong).unwrap_or(score.len());
    let last = score.iter().rposition(strong).unwrap_or(0);
    beats.iter().copied().filter(|beat| (first..=last).contains(beat)).collect()
}
