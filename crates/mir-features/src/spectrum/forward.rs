//! From samples to a spectrum.

use std::{fmt, sync::Arc};

use mir_fft::num_complex::Complex;
use mir_fft::{Fft, Planner32};

use super::pairs::{Twiddles, for_pairs};

/// A planned spectrum of windowed frames, complex or as power.
pub(crate) struct FrameFft {
    window: Vec<f32>,
    half: Arc<dyn Fft<f32>>,
    twiddles: Twiddles,
}

impl fmt::Debug for FrameFft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameFft").field("n_fft", &self.n_fft()).finish_non_exhaustive()
    }
}

/// Working memory of a [`FrameFft`] in one thread.
#[derive(Clone, Debug)]
pub(crate) struct FrameScratch {
    half: Vec<Complex<f32>>,
    fft: Vec<Complex<f32>>,
}

impl FrameFft {
    /// Plans frames under a window, which is as long as they are: an even number of samples.
    pub(crate) fn new(window: Vec<f32>) -> Self {
        let n_fft = window.len();
        Self {
            half: Planner32::new().plan_fft_forward(n_fft / 2),
            twiddles: Twiddles::new(n_fft),
            window,
        }
    }

    pub(crate) fn n_fft(&self) -> usize {
        self.window.len()
    }

    /// Bins of the spectrum, `n_fft / 2 + 1`.
    pub(crate) fn bins(&self) -> usize {
        self.n_fft() / 2 + 1
    }

    pub(crate) fn scratch(&self) -> FrameScratch {
        FrameScratch {
            half: vec![Complex::default(); self.n_fft() / 2],
            fft: vec![Complex::default(); self.half.get_inplace_scratch_len()],
        }
    }

    /// The transform of half the length, into the working memory.
    fn transform(&self, samples: &[f32], scratch: &mut FrameScratch) {
        let pairs = samples.chunks_exact(2).zip(self.window.chunks_exact(2));
        for (z, (x, w)) in scratch.half.iter_mut().zip(pairs) {
            *z = Complex::new(x[0] * w[0], x[1] * w[1]);
        }
        self.half.process_with_scratch(&mut scratch.half, &mut scratch.fft);
    }

    /// `|X|²` of a frame into `out`, which has `n_fft / 2 + 1` bins.
    pub(crate) fn power_into(&self, samples: &[f32], scratch: &mut FrameScratch, out: &mut [f32]) {
        self.transform(samples, scratch);
        let (z, m) = (&scratch.half, self.n_fft() / 2);
        out[0] = (z[0].re + z[0].im).powi(2);
        out[m] = (z[0].re - z[0].im).powi(2);
        if m.is_multiple_of(2) {
            out[m / 2] = z[m / 2].norm_sqr();
        }
        // The pairs are twice the spectrum; a factor of a power of two loses nothing.
        for_pairs(&self.twiddles, m, z, out, |a, b, w| {
            let (even, turned) = parts(a, b, w);
            let power = |re: f32, im: f32| 0.25 * (re * re + im * im);
            (
                power(even.re + turned.re, even.im + turned.im),
                power(even.re - turned.re, even.im - turned.im),
            )
        });
    }

    /// `X` of a frame into `out`, which has `n_fft / 2 + 1` bins.
    pub(crate) fn spectrum_into(
        &self,
        samples: &[f32],
        scratch: &mut FrameScratch,
        out: &mut [Complex<f32>],
    ) {
        self.transform(samples, scratch);
        let (z, m) = (&scratch.half, self.n_fft() / 2);
        out[0] = Complex::new(z[0].re + z[0].im, 0.0);
        out[m] = Complex::new(z[0].re - z[0].im, 0.0);
        if m.is_multiple_of(2) {
            out[m / 2] = z[m / 2].conj();
        }
        for_pairs(&self.twiddles, m, z, out, |a, b, w| {
            let (even, turned) = parts(a, b, w);
            (
                Complex::new(0.5 * (even.re + turned.re), 0.5 * (even.im + turned.im)),
                Complex::new(0.5 * (even.re - turned.re), 0.5 * (turned.im - even.im)),
            )
        });
    }
}

/// `2·E` and `2·W·O` from `a = Z[k]`, `b = Z[M−k]` and the twiddle factor of `k`.
#[inline(always)]
fn parts(a: Complex<f32>, b: Complex<f32>, w: Complex<f32>) -> (Complex<f32>, Complex<f32>) {
    let even = Complex::new(a.re + b.re, a.im - b.im);
    let odd = Complex::new(a.im + b.im, b.re - a.re);
    (even, Complex::new(w.re * odd.re - w.im * odd.im, w.re * odd.im + w.im * odd.re))
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    #[test]
    fn both_forms_are_the_sum_of_the_definition_for_every_length() {
        for n_fft in (2..70).step_by(2).chain([100, 210, 400, 1024]) {
            let samples: Vec<f32> = (0..n_fft).map(|n| ((n * n) as f32 * 0.37).sin()).collect();
            let fft = FrameFft::new(vec![1.0; n_fft]);
            let mut scratch = fft.scratch();
            let mut power = vec![0.0; n_fft / 2 + 1];
            fft.power_into(&samples, &mut scratch, &mut power);
            let mut spectrum = vec![Complex::default(); n_fft / 2 + 1];
            fft.spectrum_into(&samples, &mut scratch, &mut spectrum);
            assert_eq!(power.len(), spectrum.len());
            for (bin, (power, got)) in power.into_iter().zip(spectrum).enumerate() {
                let expected: Complex<f64> = samples
                    .iter()
                    .enumerate()
                    .map(|(n, &x)| {
                        let turn = (n * bin % n_fft) as f64 / n_fft as f64;
                        Complex::from_polar(f64::from(x), -TAU * turn)
                    })
                    .sum();
                let got = Complex::new(f64::from(got.re), f64::from(got.im));
                let tolerance = 1e-6 * (n_fft as f64).sqrt();
                let label = format!("n_fft {n_fft}, bin {bin}: {got} instead of {expected}");
                assert!((got - expected).norm() <= tolerance, "{label}");
                let tolerance = 2.0 * tolerance * (1.0 + expected.norm());
                assert!((f64::from(power) - expected.norm_sqr()).abs() <= tolerance, "{label}");
            }
        }
    }
}
