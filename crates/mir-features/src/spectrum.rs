//! The spectrum of one frame: window, real FFT, power. Shared by everything that starts from an STFT.

use std::{fmt, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

use crate::{Window, framing::Signal};

/// A planned windowed Fourier transform of one frame length.
pub(crate) struct FrameFft {
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
}

impl fmt::Debug for FrameFft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameFft").field("n_fft", &self.n_fft()).finish_non_exhaustive()
    }
}

/// Working memory of one thread.
#[derive(Debug)]
pub(crate) struct Scratch {
    frame: Vec<f32>,
    fft: Vec<Complex<f32>>,
    pub(crate) spectrum: Vec<Complex<f32>>,
    /// Room for the power or magnitude of each bin.
    pub(crate) power: Vec<f32>,
}

impl FrameFft {
    /// Plans frames of `n_fft` samples under a window of `win_length`, which is centred in the frame.
    pub(crate) fn new(n_fft: usize, window: Window, win_length: usize) -> Self {
        let mut padded = vec![0.0; n_fft];
        let left = (n_fft - win_length) / 2;
        for (slot, w) in padded[left..].iter_mut().zip(window.coefficients(win_length)) {
            *slot = w as f32;
        }
        Self { window: padded, fft: RealFftPlanner::new().plan_fft_forward(n_fft) }
    }

    pub(crate) fn n_fft(&self) -> usize {
        self.window.len()
    }

    /// Bins of the spectrum, `n_fft / 2 + 1`.
    pub(crate) fn bins(&self) -> usize {
        self.n_fft() / 2 + 1
    }

    pub(crate) fn scratch(&self) -> Scratch {
        Scratch {
            frame: vec![0.0; self.n_fft()],
            fft: self.fft.make_scratch_vec(),
            spectrum: self.fft.make_output_vec(),
            power: vec![0.0; self.bins()],
        }
    }

    /// Leaves the spectrum of the frame that starts at `start` in `scratch.spectrum`.
    pub(crate) fn transform(&self, signal: &Signal<'_>, start: i64, scratch: &mut Scratch) {
        let Scratch { frame, fft, spectrum, .. } = scratch;
        if let Some(samples) = signal.direct(start, self.n_fft()) {
            for ((slot, &x), &w) in frame.iter_mut().zip(samples).zip(&self.window) {
                *slot = x * w;
            }
        } else {
            signal.fill(start, frame);
            for (slot, &w) in frame.iter_mut().zip(&self.window) {
                *slot *= w;
            }
        }
        self.fft.process_with_scratch(frame, spectrum, fft).expect("buffers were made by the plan");
    }

    /// As [`transform`](Self::transform), and then `|X|²` in `scratch.power`.
    pub(crate) fn power(&self, signal: &Signal<'_>, start: i64, scratch: &mut Scratch) {
        self.transform(signal, start, scratch);
        for (p, c) in scratch.power.iter_mut().zip(&scratch.spectrum) {
            *p = c.re * c.re + c.im * c.im;
        }
    }
}
