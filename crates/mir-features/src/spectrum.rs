//! The spectrum of one frame: window, Fourier transform of real samples, power.
//!
//! Two forms, because one is much faster: the complex spectrum comes from realfft; the power spectrum,
//! which every mel feature starts from, from a complex transform of half the length whose two halves
//! are separated and squared in one vectorised pass ([`PowerFft`]). That pass takes a quarter of the
//! time of the separation in realfft, and the transform as a whole half of it, with the same bits.

use std::{f64::consts::TAU, fmt, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};
use rustfft::{Fft, FftPlanner};

use crate::{Window, framing::Signal};

/// Values that are computed side by side.
const LANES: usize = 4;

/// The `win_length` coefficients of a window, centred in a frame of `n_fft`.
fn frame_window(n_fft: usize, window: Window, win_length: usize) -> Vec<f32> {
    let mut padded = vec![0.0; n_fft];
    let left = (n_fft - win_length) / 2;
    for (slot, w) in padded[left..].iter_mut().zip(window.coefficients(win_length)) {
        *slot = w as f32;
    }
    padded
}

/// A planned complex spectrum of windowed frames.
pub(crate) struct ComplexFft {
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
}

impl fmt::Debug for ComplexFft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComplexFft").field("n_fft", &self.window.len()).finish_non_exhaustive()
    }
}

/// Working memory of a [`ComplexFft`] in one thread.
#[derive(Debug)]
pub(crate) struct ComplexScratch {
    frame: Vec<f32>,
    fft: Vec<Complex<f32>>,
    spectrum: Vec<Complex<f32>>,
}

impl ComplexFft {
    /// Plans frames of `n_fft` samples under a window of `win_length`, which is centred in the frame.
    pub(crate) fn new(n_fft: usize, window: Window, win_length: usize) -> Self {
        Self {
            window: frame_window(n_fft, window, win_length),
            fft: RealFftPlanner::new().plan_fft_forward(n_fft),
        }
    }

    pub(crate) fn scratch(&self) -> ComplexScratch {
        ComplexScratch {
            frame: self.fft.make_input_vec(),
            fft: self.fft.make_scratch_vec(),
            spectrum: self.fft.make_output_vec(),
        }
    }

    /// The spectrum of the frame that starts at `start`.
    pub(crate) fn spectrum<'a>(
        &self,
        signal: &Signal<'_>,
        start: i64,
        scratch: &'a mut ComplexScratch,
    ) -> &'a [Complex<f32>] {
        signal.fill(start, &mut scratch.frame);
        for (x, &w) in scratch.frame.iter_mut().zip(&self.window) {
            *x *= w;
        }
        self.fft
            .process_with_scratch(&mut scratch.frame, &mut scratch.spectrum, &mut scratch.fft)
            .expect("buffers were made by the plan");
        &scratch.spectrum
    }
}

/// A planned power spectrum of windowed frames.
///
/// With `M = n_fft / 2`, the transform `Z` of `z[n] = x[2n] + i·x[2n+1]` holds the spectra of the even
/// and of the odd samples, `E = (Z[k] + Z*[M−k]) / 2` and `O = (Z[k] − Z*[M−k]) / 2i`; then
/// `X[k] = E + W·O` and `X[M−k] = (E − W·O)*` with `W = exp(−2πi·k / n_fft)`.
pub(crate) struct PowerFft {
    window: Vec<f32>,
    half: Arc<dyn Fft<f32>>,
    /// `W` for `k = 1, 2, …`, apart, so that blocks of them can be loaded.
    twiddles_re: Vec<f32>,
    twiddles_im: Vec<f32>,
}

impl fmt::Debug for PowerFft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PowerFft").field("n_fft", &self.n_fft()).finish_non_exhaustive()
    }
}

/// Working memory of a [`PowerFft`] in one thread.
#[derive(Debug)]
pub(crate) struct PowerScratch {
    frame: Vec<f32>,
    half: Vec<Complex<f32>>,
    fft: Vec<Complex<f32>>,
    power: Vec<f32>,
}

impl PowerFft {
    /// Plans frames of `n_fft` samples, an even number, under a window of `win_length`, which is
    /// centred in the frame.
    pub(crate) fn new(n_fft: usize, window: Window, win_length: usize) -> Self {
        let pairs = (n_fft / 2 - 1) / 2;
        let angles = (1..=pairs).map(|k| -TAU * k as f64 / n_fft as f64);
        Self {
            window: frame_window(n_fft, window, win_length),
            half: FftPlanner::new().plan_fft_forward(n_fft / 2),
            twiddles_re: angles.clone().map(|angle| angle.cos() as f32).collect(),
            twiddles_im: angles.map(|angle| angle.sin() as f32).collect(),
        }
    }

    pub(crate) fn n_fft(&self) -> usize {
        self.window.len()
    }

    /// Bins of the spectrum, `n_fft / 2 + 1`.
    pub(crate) fn bins(&self) -> usize {
        self.n_fft() / 2 + 1
    }

    pub(crate) fn scratch(&self) -> PowerScratch {
        PowerScratch {
            frame: vec![0.0; self.n_fft()],
            half: vec![Complex::default(); self.n_fft() / 2],
            fft: vec![Complex::default(); self.half.get_inplace_scratch_len()],
            power: vec![0.0; self.bins()],
        }
    }

    /// `|X|²` of the frame that starts at `start`.
    pub(crate) fn power<'a>(
        &self,
        signal: &Signal<'_>,
        start: i64,
        scratch: &'a mut PowerScratch,
    ) -> &'a mut [f32] {
        let samples = match signal.direct(start, self.n_fft()) {
            Some(samples) => samples,
            None => {
                signal.fill(start, &mut scratch.frame);
                &scratch.frame
            }
        };
        let pairs = samples.chunks_exact(2).zip(self.window.chunks_exact(2));
        for (z, (x, w)) in scratch.half.iter_mut().zip(pairs) {
            *z = Complex::new(x[0] * w[0], x[1] * w[1]);
        }
        self.half.process_with_scratch(&mut scratch.half, &mut scratch.fft);
        self.separate(&scratch.half, &mut scratch.power);
        &mut scratch.power
    }

    /// `|X[k]|²` for all bins from the transform of half the length.
    fn separate(&self, z: &[Complex<f32>], power: &mut [f32]) {
        let m = z.len();
        let pairs = self.twiddles_re.len();
        power[0] = (z[0].re + z[0].im).powi(2);
        power[m] = (z[0].re - z[0].im).powi(2);
        if m.is_multiple_of(2) {
            power[m / 2] = z[m / 2].norm_sqr();
        }
        // Bins 1, 2, … from the front and M − 1, M − 2, … from the back.
        let (front, back) = (&z[1..=pairs], &z[m - pairs..]);
        let (low, high) = power.split_at_mut(m - pairs);
        let (low, high) = (&mut low[1..=pairs], &mut high[..pairs]);

        let blocks = (front.as_chunks::<LANES>().0.iter())
            .zip(back.as_rchunks::<LANES>().1.iter().rev())
            .zip(self.twiddles_re.as_chunks::<LANES>().0)
            .zip(self.twiddles_im.as_chunks::<LANES>().0)
            .zip(low.as_chunks_mut::<LANES>().0)
            .zip(high.as_rchunks_mut::<LANES>().1.iter_mut().rev());
        for (((((a, b), w_re), w_im), low), high) in blocks {
            // Real and imaginary parts apart and the back turned round, in arrays of their own: in this
            // form the compiler computes all lanes at once.
            let (mut a_re, mut a_im) = ([0.0; LANES], [0.0; LANES]);
            let (mut b_re, mut b_im) = ([0.0; LANES], [0.0; LANES]);
            for lane in 0..LANES {
                let (a, b) = (a[lane], b[LANES - 1 - lane]);
                (a_re[lane], a_im[lane]) = (a.re, a.im);
                (b_re[lane], b_im[lane]) = (b.re, b.im);
            }
            let (mut lower, mut upper) = ([0.0; LANES], [0.0; LANES]);
            for lane in 0..LANES {
                let a = Complex::new(a_re[lane], a_im[lane]);
                let b = Complex::new(b_re[lane], b_im[lane]);
                let w = Complex::new(w_re[lane], w_im[lane]);
                (lower[lane], upper[lane]) = pair_power(a, b, w);
            }
            upper.reverse();
            (*low, *high) = (lower, upper);
        }
        for k in pairs / LANES * LANES..pairs {
            let w = Complex::new(self.twiddles_re[k], self.twiddles_im[k]);
            (low[k], high[pairs - 1 - k]) = pair_power(front[k], back[pairs - 1 - k], w);
        }
    }
}

/// `|X[k]|²` and `|X[M−k]|²` from `a = Z[k]`, `b = Z[M−k]` and the twiddle factor of `k`.
#[inline(always)]
fn pair_power(a: Complex<f32>, b: Complex<f32>, w: Complex<f32>) -> (f32, f32) {
    // Twice the spectra of the even and the odd samples; the factor 4 goes at the end, exactly.
    let even = Complex::new(a.re + b.re, a.im - b.im);
    let odd = Complex::new(a.im + b.im, b.re - a.re);
    let turned = Complex::new(w.re * odd.re - w.im * odd.im, w.re * odd.im + w.im * odd.re);
    let power = |re: f32, im: f32| 0.25 * (re * re + im * im);
    (
        power(even.re + turned.re, even.im + turned.im),
        power(even.re - turned.re, even.im - turned.im),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pad;

    #[test]
    fn both_forms_agree_for_every_length() {
        for n_fft in (2..70).step_by(2).chain([100, 210, 400, 1024, 2048]) {
            let samples: Vec<f32> = (0..n_fft).map(|n| ((n * n) as f32 * 0.37).sin()).collect();
            let signal = Signal::whole(&samples, n_fft, Pad::Zero);
            let power = PowerFft::new(n_fft, Window::Rectangular, n_fft);
            let complex = ComplexFft::new(n_fft, Window::Rectangular, n_fft);
            let mut scratch = power.scratch();
            let power = power.power(&signal, 0, &mut scratch);
            let mut scratch = complex.scratch();
            let spectrum = complex.spectrum(&signal, 0, &mut scratch);
            assert_eq!(power.len(), spectrum.len());
            for (bin, (&p, c)) in power.iter().zip(spectrum).enumerate() {
                let expected = c.norm_sqr();
                let tolerance = 1e-6 * n_fft as f32 * (1.0 + expected.sqrt());
                assert!(
                    (p - expected).abs() <= tolerance,
                    "n_fft {n_fft}, bin {bin}: {p} instead of {expected}"
                );
            }
        }
    }
}
