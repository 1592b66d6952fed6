//! Spectra in double precision, and back: for features that look at the quietest bins, or that go back and forth.
//!
//! A transform in single precision is exact to some 1e-7 of the largest amplitude of its frame. A logarithm shows
//! bins far below that, and an iteration makes the difference grow. These take two to three times as long.

use std::{fmt, sync::Arc};

use mir_fft::{ComplexToReal, RealPlanner64, RealToComplex, num_complex::Complex};

/// A planned spectrum of windowed frames of any even length.
#[derive(Clone)]
pub(crate) struct DoubleFft {
    window: Vec<f64>,
    fft: Arc<dyn RealToComplex<f64>>,
}

impl fmt::Debug for DoubleFft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DoubleFft").field("n_fft", &self.window.len()).finish_non_exhaustive()
    }
}

/// Working memory of a [`DoubleFft`] in one thread.
#[derive(Clone, Debug)]
pub(crate) struct DoubleScratch {
    frame: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    fft: Vec<Complex<f64>>,
}

impl DoubleFft {
    /// Plans frames under a window, which is as long as they are.
    pub(crate) fn new(window: Vec<f64>) -> Self {
        Self { fft: RealPlanner64::new().plan_fft_forward(window.len()), window }
    }

    /// Bins of the spectrum, `n_fft / 2 + 1`.
    pub(crate) fn bins(&self) -> usize {
        self.window.len() / 2 + 1
    }

    pub(crate) fn scratch(&self) -> DoubleScratch {
        DoubleScratch {
            frame: self.fft.make_input_vec(),
            spectrum: self.fft.make_output_vec(),
            fft: self.fft.make_scratch_vec(),
        }
    }

    /// `X` of a frame; what it lacks of the window's length is 0.
    pub(crate) fn spectrum<'a>(
        &self,
        samples: impl IntoIterator<Item = f64, IntoIter: ExactSizeIterator>,
        scratch: &'a mut DoubleScratch,
    ) -> &'a [Complex<f64>] {
        let DoubleScratch { frame, spectrum, fft } = scratch;
        let samples = samples.into_iter();
        let (heard, silence) = frame.split_at_mut(samples.len().min(self.window.len()));
        silence.fill(0.0);
        for ((slot, x), w) in heard.iter_mut().zip(samples).zip(&self.window) {
            *slot = x * w;
        }
        self.fft.process_with_scratch(frame, spectrum, fft).expect("buffers were made by the plan");
        spectrum
    }
}

/// A planned inverse transform, not divided by the length.
pub(crate) struct InverseDoubleFft(Arc<dyn ComplexToReal<f64>>);

impl fmt::Debug for InverseDoubleFft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InverseDoubleFft").field("n_fft", &self.0.len()).finish_non_exhaustive()
    }
}

/// Working memory of an [`InverseDoubleFft`] in one thread.
#[derive(Clone, Debug)]
pub(crate) struct InverseDoubleScratch {
    spectrum: Vec<Complex<f64>>,
    frame: Vec<f64>,
    fft: Vec<Complex<f64>>,
}

impl InverseDoubleFft {
    /// Plans frames of an even number of samples.
    pub(crate) fn new(n_fft: usize) -> Self {
        Self(RealPlanner64::new().plan_fft_inverse(n_fft))
    }

    pub(crate) fn scratch(&self) -> InverseDoubleScratch {
        InverseDoubleScratch {
            spectrum: self.0.make_input_vec(),
            frame: self.0.make_output_vec(),
            fft: self.0.make_scratch_vec(),
        }
    }

    /// The samples of a frame, times `n_fft`, from `n_fft / 2 + 1` bins; imaginary parts of the first and the last,
    /// which real signals do not have, are left out.
    pub(crate) fn samples<'a>(
        &self,
        bins: impl IntoIterator<Item = Complex<f64>>,
        scratch: &'a mut InverseDoubleScratch,
    ) -> &'a [f64] {
        let InverseDoubleScratch { spectrum, frame, fft } = scratch;
        spectrum.iter_mut().zip(bins).for_each(|(slot, bin)| *slot = bin);
        let last = spectrum.len() - 1;
        spectrum[0].im = 0.0;
        spectrum[last].im = 0.0;
        self.0.process_with_scratch(spectrum, frame, fft).expect("buffers were made by the plan");
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_undoes_the_transform_to_the_last_digits() {
        for n_fft in [2, 6, 64, 210, 2048] {
            let samples: Vec<f64> = (0..n_fft).map(|n| (f64::from(n * n) * 0.37).sin()).collect();
            let n_fft = n_fft as usize;
            let forward = DoubleFft::new(vec![1.0; n_fft]);
            let mut scratch = forward.scratch();
            let mut spectrum = forward.spectrum(samples.iter().copied(), &mut scratch).to_vec();
            assert_eq!(spectrum.len(), forward.bins());
            let sum: f64 = samples.iter().sum();
            assert!((spectrum[0].re - sum).abs() < 1e-10);
            // These parts belong to no real signal.
            spectrum[0].im = 3.0;
            spectrum[n_fft / 2].im = -2.0;
            let inverse = InverseDoubleFft::new(n_fft);
            let mut scratch = inverse.scratch();
            let back = inverse.samples(spectrum, &mut scratch);
            for (got, expected) in back.iter().zip(&samples) {
                assert!((got / n_fft as f64 - expected).abs() < 1e-13, "n_fft {n_fft}");
            }
        }
    }

    #[test]
    fn a_short_frame_goes_on_in_silence() {
        let fft = DoubleFft::new(vec![2.0; 8]);
        let mut scratch = fft.scratch();
        let short = fft.spectrum([1.0, 2.0], &mut scratch).to_vec();
        let long = fft.spectrum([1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], &mut scratch);
        assert_eq!(short, long);
        assert!((long[0].re - 6.0).abs() < 1e-12);
    }
}
