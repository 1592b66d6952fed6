//! Peak picking: which values of a curve stand out?

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// When a value is a peak (Böck, Krebs and Schedl 2012, "Evaluating the online capabilities of onset
/// detection methods").
///
/// ```
/// use mir_features::{PeakPicker, PeakPickerConfig};
/// let config = PeakPickerConfig { delta: 0.1, ..PeakPickerConfig::default() };
/// assert!(PeakPicker::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeakPickerConfig {
    /// Values before it that must not be larger.
    pub pre_max: usize,
    /// Values from it on that must not be larger, itself included, at least 1.
    pub post_max: usize,
    /// Values before it that count for the mean.
    pub pre_avg: usize,
    /// Values from it on that count for the mean, itself included, at least 1.
    pub post_avg: usize,
    /// How far it must lie above the mean, at least 0.
    pub delta: f64,
    /// Values after a peak among which none is looked for.
    pub wait: usize,
}

impl Default for PeakPickerConfig {
    /// The onset detector's at 43 frames per second (22.05 kHz, hop 512).
    fn default() -> Self {
        Self { pre_max: 1, post_max: 1, pre_avg: 4, post_avg: 5, delta: 0.07, wait: 1 }
    }
}

/// A planned peak picker.
///
/// ```
/// use mir_features::{PeakPicker, PeakPickerConfig};
/// let picker = PeakPicker::new(PeakPickerConfig { post_max: 2, ..Default::default() })?;
/// assert_eq!(picker.pick(&[0.0, 0.0, 1.0, 0.2, 0.1, 0.0, 0.0, 0.8, 0.0]), [2, 7]);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PeakPicker {
    config: PeakPickerConfig,
}

impl PeakPicker {
    /// Validates the configuration.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for the first field that is not admissible.
    pub fn new(config: PeakPickerConfig) -> Result<Self> {
        for (field, value) in [("post_max", config.post_max), ("post_avg", config.post_avg)] {
            if value == 0 {
                return Err(Error::OutOfRange { field, expected: "at least 1", actual: 0.0 });
            }
        }
        if !(config.delta.is_finite() && config.delta >= 0.0) {
            return Err(Error::OutOfRange {
                field: "delta",
                expected: "a finite number from 0",
                actual: config.delta,
            });
        }
        Ok(Self { config })
    }

    /// The configuration.
    pub const fn config(&self) -> &PeakPickerConfig {
        &self.config
    }

    /// Positions of the peaks, ascending. The windows are cut at the ends of the curve.
    pub fn pick(&self, curve: &[f32]) -> Vec<usize> {
        let PeakPickerConfig { pre_max, post_max, pre_avg, post_avg, delta, wait } = self.config;
        let around = |n: usize, before: usize, after: usize| {
            &curve[n.saturating_sub(before)..n.saturating_add(after).min(curve.len())]
        };
        let is_peak = |n: usize| {
            let value = curve[n];
            if around(n, pre_max, post_max).iter().any(|&x| x > value) {
                return false;
            }
            let near = around(n, pre_avg, post_avg);
            let mean = near.iter().map(|&x| f64::from(x)).sum::<f64>() / near.len() as f64;
            f64::from(value) >= mean + delta
        };
        let mut peaks = vec![];
        let mut n = 0;
        while n < curve.len() {
            if is_peak(n) {
                peaks.push(n);
                n = n.saturating_add(wait);
            }
            n += 1;
        }
        peaks
    }
}
