//! Analysis windows: how are the samples of one frame weighted?
//!
//! All windows are *periodic* (one period of the formula over `n` samples, as librosa, PyTorch and
//! SciPy's `fftbins=True` have it), designed in `f64`.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

/// The shape of an analysis window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// `0.5 − 0.5·cos(2πk/n)`.
    #[default]
    Hann,
    /// `0.54 − 0.46·cos(2πk/n)`.
    Hamming,
    /// `0.42 − 0.5·cos(2πk/n) + 0.08·cos(4πk/n)`.
    Blackman,
    /// 1 everywhere.
    Rectangular,
}

impl Window {
    /// The `length` coefficients of the window; a window of one sample is 1.
    pub fn coefficients(self, length: usize) -> Vec<f64> {
        if length == 1 {
            return vec![1.0];
        }
        let value = |k: usize| {
            let phase = TAU * k as f64 / length as f64;
            match self {
                Self::Hann => 0.5 - 0.5 * phase.cos(),
                Self::Hamming => 0.54 - 0.46 * phase.cos(),
                Self::Blackman => 0.42 - 0.5 * phase.cos() + 0.08 * (2.0 * phase).cos(),
                Self::Rectangular => 1.0,
            }
        };
        (0..length).map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_periodic() {
        let hann = Window::Hann.coefficients(4);
        for (got, expected) in hann.iter().zip([0.0, 0.5, 1.0, 0.5]) {
            assert!((got - expected).abs() < 1e-15);
        }
        for window in [Window::Hann, Window::Hamming, Window::Blackman] {
            let w = window.coefficients(16);
            assert!((w[8] - 1.0).abs() < 1e-15, "{window:?} peaks in the middle");
            for k in 1..16 {
                assert!((w[k] - w[16 - k]).abs() < 1e-15, "{window:?} is symmetric");
            }
        }
        assert!(Window::Rectangular.coefficients(3).iter().sum::<f64>() > 2.999);
        assert_eq!(Window::Hann.coefficients(1).len(), 1);
    }
}
