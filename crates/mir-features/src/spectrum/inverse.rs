//! From a spectrum to samples.

use std::{fmt, sync::Arc};

use mir_fft::num_complex::Complex;
use mir_fft::{Fft, Planner32};

use super::pairs::{Twiddles, for_pairs};

/// A planned inverse transform, not divided by the length.
pub(crate) struct InverseFrameFft {
    half: Arc<dyn Fft<f32>>,
    twiddles: Twiddles,
}

impl fmt::Debug for InverseFrameFft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InverseFrameFft").field("n_fft", &self.n_fft()).finish_non_exhaustive()
    }
}

/// Working memory of an [`InverseFrameFft`] in one thread.
#[derive(Clone, Debug)]
pub(crate) struct InverseScratch {
    half: Vec<Complex<f32>>,
    fft: Vec<Complex<f32>>,
}

impl InverseFrameFft {
    /// Plans frames of an even number of samples.
    pub(crate) fn new(n_fft: usize) -> Self {
        Self { half: Planner32::new().plan_fft_inverse(n_fft / 2), twiddles: Twiddles::new(n_fft) }
    }

    pub(crate) fn n_fft(&self) -> usize {
        2 * self.half.len()
    }

    pub(crate) fn scratch(&self) -> InverseScratch {
        InverseScratch {
            half: vec![Complex::default(); self.half.len()],
            fft: vec![Complex::default(); self.half.get_inplace_scratch_len()],
        }
    }

    /// The samples `2n` and `2n + 1` of a frame, times `n_fft`, as real and imaginary part of element `n`.
    /// The spectrum has `n_fft / 2 + 1` bins; imaginary parts of the first and the last, which real signals
    /// do not have, are left out.
    pub(crate) fn samples<'a>(
        &self,
        spectrum: &[Complex<f32>],
        scratch: &'a mut InverseScratch,
    ) -> &'a [Complex<f32>] {
        let (z, m) = (&mut scratch.half, self.half.len());
        let (first, last) = (spectrum[0].re, spectrum[m].re);
        z[0] = Complex::new(first + last, first - last);
        if m.is_multiple_of(2) {
            z[m / 2] = 2.0 * spectrum[m / 2].conj();
        }
        // Z[k] = 2·(E + i·O), Z[M − k] = 2·(E − i·O)*, with 2·O = W*·(X[k] − X*[M − k]).
        for_pairs(&self.twiddles, m, spectrum, z, |a, b, w| {
            let even = Complex::new(a.re + b.re, a.im - b.im);
            let turned = Complex::new(a.re - b.re, a.im + b.im);
            let odd = Complex::new(
                w.re * turned.re + w.im * turned.im,
                w.re * turned.im - w.im * turned.re,
            );
            (
                Complex::new(even.re - odd.im, even.im + odd.re),
                Complex::new(even.re + odd.im, odd.re - even.im),
            )
        });
        self.half.process_with_scratch(&mut scratch.half, &mut scratch.fft);
        &scratch.half
    }
}

#[cfg(test)]
mod tests {
    use super::{super::FrameFft, *};

    #[test]
    fn the_inverse_undoes_the_transform_for_every_length() {
        for n_fft in (2..70).step_by(2).chain([100, 210, 400, 2048]) {
            let samples: Vec<f32> = (0..n_fft).map(|n| ((n * n) as f32 * 0.37).sin()).collect();
            let forward = FrameFft::new(vec![1.0; n_fft]);
            let mut spectrum = vec![Complex::default(); n_fft / 2 + 1];
            forward.spectrum_into(&samples, &mut forward.scratch(), &mut spectrum);
            // These parts belong to no real signal.
            spectrum[0].im = 3.0;
            spectrum[n_fft / 2].im = -2.0;
            let inverse = InverseFrameFft::new(n_fft);
            let mut scratch = inverse.scratch();
            let pairs = inverse.samples(&spectrum, &mut scratch);
            let got = pairs.iter().flat_map(|z| [z.re, z.im]).map(|x| x / n_fft as f32);
            assert_eq!(pairs.len(), n_fft / 2);
            for (n, (got, expected)) in got.zip(samples).enumerate() {
                assert!((got - expected).abs() < 1e-6, "n_fft {n_fft}, sample {n}: {got}");
            }
        }
    }
}
