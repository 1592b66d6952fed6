//! Analysis windows: how are the samples of one frame weighted?
//!
//! # Conventions
//! Every formula is written for a *symmetric* window of `n` points, `k = 0 … n − 1`, with `m = n − 1`.
//! The *periodic* window of `n` points is the symmetric one of `n + 1` without its last point, as librosa,
//! PyTorch (`periodic=True`) and SciPy (`fftbins=True`) have it; Fourier analysis wants that one. All are
//! designed in `f64`.
//!
//! | here | SciPy, librosa | PyTorch |
//! |---|---|---|
//! | [`Window::Hann`], [`Hamming`](Window::Hamming), [`Blackman`](Window::Blackman), [`Bartlett`](Window::Bartlett) | same names | `*_window` |
//! | [`Window::Rectangular`] | `boxcar` | `ones` |
//! | [`Window::Triangular`] | `triang` | |
//! | [`Window::Sine`] | `cosine` | `signal.windows.cosine` |
//! | [`Window::Kaiser`], [`Gaussian`](Window::Gaussian), [`Exponential`](Window::Exponential), … | same names | same names |
//! | [`Window::Povey`] | | Kaldi's default |

mod design;

use std::f64::consts::{PI, TAU};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The shape of an analysis window; `x = 2πk/m` in the formulas.
///
/// ```
/// use mir_features::Window;
/// assert_eq!(Window::Bartlett.coefficients(4), [0.0, 0.5, 1.0, 0.5]);
/// assert_eq!(Window::Bartlett.symmetric(5), [0.0, 0.5, 1.0, 0.5, 0.0]);
/// let json = serde_json::to_string(&Window::Kaiser { beta: 14.0 })?;
/// assert_eq!(json, r#"{"kaiser":{"beta":14.0}}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Window {
    /// `0.5 − 0.5·cos x`.
    #[default]
    Hann,
    /// `0.54 − 0.46·cos x`.
    Hamming,
    /// `0.42 − 0.5·cos x + 0.08·cos 2x`.
    Blackman,
    /// 1 everywhere.
    Rectangular,
    /// A triangle that reaches 0 at both ends.
    Bartlett,
    /// A triangle that would reach 0 one point outside (odd `n`) or half a point outside (even `n`).
    Triangular,
    /// Four cosine terms, 92 dB (Harris 1978).
    BlackmanHarris,
    /// Four cosine terms, 98 dB (Nuttall 1981, minimum).
    Nuttall,
    /// Five cosine terms with a flat main lobe: amplitudes can be read off.
    FlatTop,
    /// `0.62 − 0.48·|k/m − ½| + 0.38·cos(2π|k/m − ½|)` (Bartlett–Hann).
    BartlettHann,
    /// `(1 − |u|)·cos(π|u|) + sin(π|u|)/π` with `u` from −1 to 1.
    Bohman,
    /// Piecewise cubic: four rectangles convolved.
    Parzen,
    /// `sin(π(k + ½)/n)`.
    Sine,
    /// `sinc(2k/m − 1)`.
    Lanczos,
    /// A Hann window to the power 0.85 (Kaldi, after Daniel Povey).
    Povey,
    /// `α − (1 − α)·cos x`.
    GeneralHamming {
        /// `α`, finite.
        alpha: f64,
    },
    /// Hann-shaped ends, 1 in between.
    Tukey {
        /// Share of the window that tapers, 0 (rectangular) to 1 (Hann).
        alpha: f64,
    },
    /// `I₀(β·√(1 − u²)) / I₀(β)` with `u` from −1 to 1.
    Kaiser {
        /// `β`, 0 to 700.
        beta: f64,
    },
    /// `exp(−j²/2σ²)`, `j` counted from the middle.
    Gaussian {
        /// `σ` in samples, above 0.
        std: f64,
    },
    /// `exp(−½·|j/σ|^(2p))`.
    GeneralGaussian {
        /// Shape: 1 for a Gaussian, ½ for a Laplace distribution; above 0.
        power: f64,
        /// `σ` in samples, above 0.
        std: f64,
    },
    /// `exp(−|j|/τ)`.
    Exponential {
        /// `τ` in samples, above 0.
        tau: f64,
    },
    /// Equal side lobes (Dolph–Chebyshev).
    Chebyshev {
        /// Attenuation of the side lobes in dB, 20 to 300.
        attenuation: f64,
    },
    /// Nearly equal side lobes close to the main lobe, falling further out (Taylor).
    Taylor {
        /// Number of nearly equal side lobes, 1 to 100.
        side_lobes: u32,
        /// Their attenuation in dB, 10 to 300.
        attenuation: f64,
    },
}

impl Window {
    /// Checks the parameters of the shape.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a parameter outside the range in its documentation.
    pub fn validate(self) -> Result<()> {
        let check = |field, value: f64, low: f64, high: f64, expected| {
            if value >= low && value <= high && value.is_finite() {
                Ok(())
            } else {
                Err(Error::OutOfRange { field, expected, actual: value })
            }
        };
        let positive = |field, value| check(field, value, f64::MIN_POSITIVE, f64::MAX, "above 0");
        match self {
            Self::GeneralHamming { alpha } => {
                check("window.alpha", alpha, f64::MIN, f64::MAX, "a finite number")
            }
            Self::Tukey { alpha } => check("window.alpha", alpha, 0.0, 1.0, "0 to 1"),
            Self::Kaiser { beta } => check("window.beta", beta, 0.0, 700.0, "0 to 700"),
            Self::Gaussian { std } => positive("window.std", std),
            Self::GeneralGaussian { power, std } => {
                positive("window.power", power)?;
                positive("window.std", std)
            }
            Self::Exponential { tau } => positive("window.tau", tau),
            Self::Chebyshev { attenuation } => {
                check("window.attenuation", attenuation, 20.0, 300.0, "20 to 300 dB")
            }
            Self::Taylor { side_lobes, attenuation } => {
                check("window.side_lobes", f64::from(side_lobes), 1.0, 100.0, "1 to 100")?;
                check("window.attenuation", attenuation, 10.0, 300.0, "10 to 300 dB")
            }
            _ => Ok(()),
        }
    }

    /// The `length` coefficients of the periodic window; a window of one sample is 1. Allocates.
    pub fn coefficients(self, length: usize) -> Vec<f64> {
        if length <= 1 {
            return vec![1.0; length];
        }
        let mut window = self.symmetric(length + 1);
        window.truncate(length);
        window
    }

    /// The `length` coefficients of the symmetric window; a window of one sample is 1. Allocates.
    pub fn symmetric(self, length: usize) -> Vec<f64> {
        if length <= 1 {
            return vec![1.0; length];
        }
        let n = length as f64;
        let m = n - 1.0;
        let from_formula = |value: &dyn Fn(f64) -> f64| -> Vec<f64> {
            (0..length).map(|k| value(k as f64)).collect()
        };
        let cosines = |a: &[f64]| {
            from_formula(&|k| {
                let x = TAU * k / m;
                let sign = |i: usize| if i.is_multiple_of(2) { 1.0 } else { -1.0 };
                a.iter().enumerate().map(|(i, a)| sign(i) * a * (i as f64 * x).cos()).sum()
            })
        };
        // From −1 to 1, and the distance from the middle in samples.
        let u = |k: f64| 2.0 * k / m - 1.0;
        let j = |k: f64| k - m / 2.0;
        match self {
            Self::Hann => from_formula(&|k| 0.5 - 0.5 * (TAU * k / m).cos()),
            Self::Hamming => from_formula(&|k| 0.54 - 0.46 * (TAU * k / m).cos()),
            Self::Blackman => from_formula(&|k| {
                let x = TAU * k / m;
                0.42 - 0.5 * x.cos() + 0.08 * (2.0 * x).cos()
            }),
            Self::Rectangular => vec![1.0; length],
            Self::Bartlett => {
                from_formula(&|k| if k <= m / 2.0 { 2.0 * k / m } else { 2.0 - 2.0 * k / m })
            }
            Self::Triangular => {
                let half = (length + length % 2) as f64 / 2.0;
                from_formula(&|k| 1.0 - j(k).abs() / half)
            }
            Self::BlackmanHarris => cosines(&[0.358_75, 0.488_29, 0.141_28, 0.011_68]),
            Self::Nuttall => cosines(&[0.363_581_9, 0.489_177_5, 0.136_599_5, 0.010_641_1]),
            // D'Antona and Ferrero 2006, "Digital Signal Processing for Measurement Systems".
            Self::FlatTop => {
                cosines(&[0.215_578_95, 0.416_631_58, 0.277_263_158, 0.083_578_947, 0.006_947_368])
            }
            Self::BartlettHann => from_formula(&|k| {
                let distance = (k / m - 0.5).abs();
                0.62 - 0.48 * distance + 0.38 * (TAU * distance).cos()
            }),
            Self::Bohman => from_formula(&|k| {
                let u = u(k).abs();
                // The ends are 0 by definition, and would be 1e-17 by the formula.
                if k < 0.5 || k > m - 0.5 {
                    0.0
                } else {
                    (1.0 - u) * (PI * u).cos() + (PI * u).sin() / PI
                }
            }),
            Self::Parzen => from_formula(&|k| {
                let distance = j(k).abs() / (n / 2.0);
                if j(k).abs() <= m / 4.0 {
                    1.0 - 6.0 * distance.powi(2) + 6.0 * distance.powi(3)
                } else {
                    2.0 * (1.0 - distance).powi(3)
                }
            }),
            Self::Sine => from_formula(&|k| (PI * (k + 0.5) / n).sin()),
            Self::Lanczos => from_formula(&|k| design::sinc(u(k))),
            Self::Povey => from_formula(&|k| (0.5 - 0.5 * (TAU * k / m).cos()).powf(0.85)),
            Self::GeneralHamming { alpha } => {
                from_formula(&|k| alpha - (1.0 - alpha) * (TAU * k / m).cos())
            }
            Self::Tukey { alpha } => {
                let width = (alpha * m / 2.0).floor();
                from_formula(&|k| {
                    let to_end = k.min(m - k);
                    if alpha <= 0.0 || to_end > width {
                        1.0
                    } else {
                        0.5 - 0.5 * (TAU * to_end / (alpha * m)).cos()
                    }
                })
            }
            Self::Kaiser { beta } => {
                let top = design::bessel_i0(beta);
                from_formula(&|k| {
                    design::bessel_i0(beta * (1.0 - u(k).powi(2)).max(0.0).sqrt()) / top
                })
            }
            Self::Gaussian { std } => from_formula(&|k| (-0.5 * (j(k) / std).powi(2)).exp()),
            Self::GeneralGaussian { power, std } => {
                from_formula(&|k| (-0.5 * (j(k) / std).abs().powf(2.0 * power)).exp())
            }
            Self::Exponential { tau } => from_formula(&|k| (-j(k).abs() / tau).exp()),
            Self::Chebyshev { attenuation } => design::chebyshev(length, attenuation),
            Self::Taylor { side_lobes, attenuation } => {
                design::taylor(length, side_lobes, attenuation)
            }
        }
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
        assert!(Window::Hann.coefficients(0).is_empty());
    }

    #[test]
    fn parameters_are_checked() {
        for window in [
            Window::Kaiser { beta: -1.0 },
            Window::Kaiser { beta: f64::NAN },
            Window::Gaussian { std: 0.0 },
            Window::Tukey { alpha: 1.5 },
            Window::GeneralHamming { alpha: f64::INFINITY },
            Window::Taylor { side_lobes: 0, attenuation: 30.0 },
        ] {
            assert!(matches!(window.validate(), Err(Error::OutOfRange { .. })), "{window:?}");
        }
        assert!(Window::Kaiser { beta: 8.6 }.validate().is_ok());
    }
}
