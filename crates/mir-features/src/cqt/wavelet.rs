//! Wavelets of a constant-Q transform: how long is each, and which few Fourier coefficients describe it?
//!
//! With `r = 2^(1/B)` and the relative bandwidth `α = (r² − 1) / (r² + 1)`, bin `k` at `f_k` has the length
//! `L_k = (filter_scale / α) · rate / (f_k + γ/α)` samples (librosa 0.11, `filters.wavelet_lengths`). The
//! wavelet is a window of `⌊L/2⌋ − ⌊−L/2⌋` points times `exp(2πi·f_k·t / rate)`, normalised, with
//! `t = ⌊−L/2⌋ … ⌊L/2⌋ − 1`. Its spectrum is known in closed form, because the windows are sums of cosines:
//! nothing as long as the wavelet is ever built.

use std::f64::consts::{PI, TAU};

use mir_fft::Planner64;
use mir_fft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use crate::Window;

/// To what a wavelet is scaled before it is multiplied by its length.
///
/// ```
/// use mir_features::{Cqt, CqtConfig, WaveletNorm};
/// let config = CqtConfig { norm: WaveletNorm::L2, ..CqtConfig::default() };
/// assert!(Cqt::new(config).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaveletNorm {
    /// Sum of the magnitudes 1: a sine of amplitude `a` gives `a/2·L` before scaling. librosa's default.
    #[default]
    L1,
    /// Sum of the squared magnitudes 1.
    L2,
    /// Largest magnitude 1.
    Max,
    /// As the window is.
    None,
}

/// The least share of a spectrum that is left out.
pub(super) const MIN_SPARSITY: f64 = 1e-8;

/// A spectrum that ends with more than this share of its largest coefficient is cut, not faded out: the edges of the
/// frame then let in what is loud and far away. Wavelets of 12 bins an octave stay below.
const ABRUPT: f64 = 1e-4;

/// Relative bandwidth `α` of bins that divide the octave into `bins_per_octave` equal steps.
pub(super) fn relative_bandwidth(bins_per_octave: f64) -> f64 {
    let squared = (2.0 / bins_per_octave).exp2();
    (squared - 1.0) / (squared + 1.0)
}

/// Bandwidth of a window in Fourier bins, `n·Σw² / (Σw)²` of a thousand points.
pub(super) fn window_bandwidth(window: Window) -> f64 {
    // librosa's table has this value for the Hann window, where the formula gives 1.5.
    if window == Window::Hann {
        return 1.500_183_105_468_75;
    }
    let w = window.coefficients(1000);
    1000.0 * w.iter().map(|x| x * x).sum::<f64>() / w.iter().sum::<f64>().powi(2)
}

/// The part of a wavelet's spectrum that is kept: bins `first..` of a transform of `n_fft` points, those
/// in between that are left out as zeros.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    pub(super) first: usize,
    pub(super) coefficients: Vec<Complex<f64>>,
}

impl Kernel {
    /// Whether side lobes that show were left out below 0 Hz, or above half the rate.
    pub(super) fn is_cut(&self, n_fft: usize) -> bool {
        let last = self.first + self.coefficients.len() - 1;
        let largest = self.coefficients.iter().map(|c| c.norm()).fold(0.0, f64::max);
        let abrupt = |c: Option<&Complex<f64>>| c.is_some_and(|c| c.norm() > ABRUPT * largest);
        self.first == 0 && abrupt(self.coefficients.first())
            || last == n_fft / 2 && abrupt(self.coefficients.last())
    }
}

/// What a wavelet is made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wavelet {
    /// Frequency in cycles per sample of the rate that it is made at.
    pub(super) cycles: f64,
    /// Length at that rate, samples.
    pub(super) length: f64,
    pub(super) window: Window,
    pub(super) norm: WaveletNorm,
}

impl Wavelet {
    /// Points of the window.
    fn points(&self) -> usize {
        ((self.length / 2.0).floor() - (-self.length / 2.0).floor()) as usize
    }

    /// The bins of the spectrum that carry all but the share `sparsity` of its magnitude, of a transform of
    /// `n_fft` points with the wavelet in the middle, times `length / n_fft`. Far side lobes, which are left out in
    /// any case, are part of the whole that the share is one of only if they are asked for: to leave out one
    /// coefficient more or less changes a transform by some 1e-4, and to know them all takes time.
    pub(super) fn kernel(&self, n_fft: usize, sparsity: f64, far_lobes: bool) -> Kernel {
        let sparsity = sparsity.max(MIN_SPARSITY);
        let centre = self.cycles * n_fft as f64;
        let side_lobe = n_fft as f64 / self.length;
        let all = 0..n_fft / 2 + 1;
        let (bins, spectrum) = match cosine_terms(self.window) {
            // Side lobes fall with the third power of their distance in lobes: past this one, their sum is
            // a thousandth of what may be left out.
            Some((terms, true)) if !far_lobes => {
                let reach = (100.0 / sparsity).sqrt() * side_lobe;
                let first = (centre - reach).max(0.0) as usize;
                let last = ((centre + reach).ceil() as usize).min(n_fft / 2);
                (first..last + 1, self.closed_form(terms, n_fft, first..last + 1))
            }
            Some((terms, _)) => (all.clone(), self.closed_form(terms, n_fft, all)),
            None => (all, self.transformed(n_fft)),
        };
        let magnitudes: Vec<f64> = spectrum.iter().map(|c| c.norm()).collect();
        let threshold = threshold(&magnitudes, sparsity);
        let kept = |&(_, &m): &(usize, &f64)| m >= threshold;
        let first = magnitudes.iter().enumerate().find(kept).map_or(0, |(i, _)| i);
        let last = magnitudes.iter().enumerate().rfind(kept).map_or(0, |(i, _)| i);
        let coefficients = (first..=last)
            .map(|i| if magnitudes[i] >= threshold { spectrum[i] } else { Complex::default() })
            .collect();
        Kernel { first: bins.start + first, coefficients }
    }

    /// The spectrum of a window that is `Σ_c a_c·cos(2πc·j/n)`, at some bins.
    fn closed_form(
        &self,
        terms: &[f64],
        n_fft: usize,
        bins: std::ops::Range<usize>,
    ) -> Vec<Complex<f64>> {
        let n = self.points();
        let before = -(-self.length / 2.0).floor();
        let scale = self.length / n_fft as f64 / self.normaliser(terms);
        bins.map(|bin| {
            let phi = TAU * (self.cycles - bin as f64 / n_fft as f64);
            let mut sum = Complex::<f64>::default();
            for (c, &a) in terms.iter().enumerate() {
                let step = TAU * c as f64 / n as f64;
                if c == 0 {
                    sum += dirichlet(phi, n) * a;
                } else {
                    sum += (dirichlet(phi + step, n) + dirichlet(phi - step, n)) * (a / 2.0);
                }
            }
            // The middle of the wavelet is at point n_fft / 2: every other bin changes its sign.
            let sign = if bin % 2 == 0 { scale } else { -scale };
            sum * Complex::from_polar(sign.abs(), -phi * before) * sign.signum()
        })
        .collect()
    }

    /// The spectrum of any window, all bins up to half the rate.
    fn transformed(&self, n_fft: usize) -> Vec<Complex<f64>> {
        let points = self.points();
        let before = -(-self.length / 2.0).floor();
        let window = self.window.coefficients(points);
        let normaliser = match self.norm {
            WaveletNorm::L1 => window.iter().map(|w| w.abs()).sum(),
            WaveletNorm::L2 => window.iter().map(|w| w * w).sum::<f64>().sqrt(),
            WaveletNorm::Max => window.iter().fold(0.0, |m: f64, w| m.max(w.abs())),
            WaveletNorm::None => 1.0,
        };
        let mut buffer = vec![Complex::default(); n_fft];
        let left = (n_fft - points) / 2;
        for (j, (slot, w)) in buffer[left..].iter_mut().zip(&window).enumerate() {
            let phase = TAU * self.cycles * (j as f64 - before);
            *slot = Complex::from_polar(w * self.length / n_fft as f64 / normaliser, phase);
        }
        Planner64::new().plan_fft_forward(n_fft).process(&mut buffer);
        buffer.truncate(n_fft / 2 + 1);
        buffer
    }

    fn normaliser(&self, terms: &[f64]) -> f64 {
        let n = self.points();
        // The sums of cosines vanish over whole periods; short windows are summed as they are.
        if n < 2 * terms.len() {
            let window = self.window.coefficients(n);
            return match self.norm {
                WaveletNorm::L1 => window.iter().map(|w| w.abs()).sum(),
                WaveletNorm::L2 => window.iter().map(|w| w * w).sum::<f64>().sqrt(),
                WaveletNorm::Max => window.iter().fold(0.0, |m: f64, w| m.max(w.abs())),
                WaveletNorm::None => 1.0,
            };
        }
        let n_f = n as f64;
        match self.norm {
            WaveletNorm::L1 => n_f * terms[0],
            WaveletNorm::L2 => {
                let squares: f64 = terms[1..].iter().map(|a| a * a / 2.0).sum();
                (n_f * (terms[0] * terms[0] + squares)).sqrt()
            }
            WaveletNorm::Max => {
                let middle = (n / 2) as f64;
                let value = |(c, a): (usize, &f64)| a * (TAU * c as f64 * middle / n_f).cos();
                terms.iter().enumerate().map(value).sum::<f64>().abs()
            }
            WaveletNorm::None => 1.0,
        }
    }
}

/// The coefficients `a_c` of a window that is a sum of cosines, and whether its spectrum falls fast.
fn cosine_terms(window: Window) -> Option<(&'static [f64], bool)> {
    match window {
        Window::Hann => Some((&[0.5, -0.5], true)),
        Window::Blackman => Some((&[0.42, -0.5, 0.08], true)),
        Window::Hamming => Some((&[0.54, -0.46], false)),
        Window::Rectangular => Some((&[1.0], false)),
        _ => None,
    }
}

/// `Σ_(j<n) exp(iθj)`.
fn dirichlet(theta: f64, n: usize) -> Complex<f64> {
    let n = n as f64;
    let half = theta / 2.0;
    let denominator = half.sin();
    // θ is a multiple of a whole turn: n equal terms.
    let ratio = if denominator.abs() < 1e-12 {
        let turns = (half / PI).round();
        n * (PI * turns * (n - 1.0)).cos()
    } else {
        (n * half).sin() / denominator
    };
    Complex::from_polar(ratio.abs(), half * (n - 1.0)) * ratio.signum()
}

/// The magnitude from which on values are kept, so that those left out make up less than `share` of the sum
/// (librosa's `util.sparsify_rows`).
fn threshold(magnitudes: &[f64], share: f64) -> f64 {
    let mut sorted = magnitudes.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let total: f64 = sorted.iter().sum();
    let mut sum = 0.0;
    for &magnitude in &sorted {
        sum += magnitude;
        if sum >= share * total {
            return magnitude;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closed_form_is_the_transform() {
        for window in [Window::Hann, Window::Blackman, Window::Hamming, Window::Rectangular] {
            for (length, cycles) in [(100.0, 0.1), (37.3, 0.31), (8.9, 0.25), (120.6, 0.0625)] {
                for norm in [WaveletNorm::L1, WaveletNorm::L2, WaveletNorm::Max, WaveletNorm::None]
                {
                    let wavelet = Wavelet { cycles, length, window, norm };
                    let (terms, _) = cosine_terms(window).unwrap();
                    let fast = wavelet.closed_form(terms, 128, 0..65);
                    let slow = wavelet.transformed(128);
                    let largest = slow.iter().map(|c| c.norm()).fold(0.0, f64::max);
                    for (bin, (a, b)) in fast.iter().zip(&slow).enumerate() {
                        assert!(
                            (a - b).norm() < 1e-12 * largest,
                            "{wavelet:?} bin {bin}: {a} or {b}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_left_out_is_less_than_the_share() {
        let magnitudes = [1.0, 5.0, 0.01, 3.0, 0.02];
        assert!((threshold(&magnitudes, 0.01) - 1.0).abs() < 1e-15);
        assert!((threshold(&magnitudes, 0.0) - 0.01).abs() < 1e-15);
        assert!((threshold(&magnitudes, 0.003) - 0.02).abs() < 1e-15);
    }
}
