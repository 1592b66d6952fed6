//! The spectrum of one frame, and back: window, Fourier transform of real samples.
//!
//! A transform of `n_fft` real samples is a complex transform of half the length whose two halves are
//! taken apart afterwards (and put together before, on the way back). With `M = n_fft / 2`, the transform
//! `Z` of `z[n] = x[2n] + i·x[2n+1]` holds the spectra of the even and of the odd samples,
//! `E = (Z[k] + Z*[M−k]) / 2` and `O = (Z[k] − Z*[M−k]) / 2i`; then `X[k] = E + W·O` and
//! `X[M−k] = (E − W·O)*` with `W = exp(−2πi·k / n_fft)`.
//!
//! realfft does the same pair by pair. Here the pairs go through [`for_pairs`], [`LANES`] at a time, which
//! the compiler vectorises, and what follows (the power, say) is done in the same pass.
//!
//! Frames of a power of two are transformed in lanes instead ([`fft`](crate::fft)); [`Spectra`] chooses.

mod double;
mod forward;
mod inverse;
mod pairs;
mod spectra;

pub(crate) use double::{DoubleFft, DoubleScratch, InverseDoubleFft, InverseDoubleScratch};
pub(crate) use forward::{FrameFft, FrameScratch};
pub(crate) use inverse::{InverseFrameFft, InverseScratch};
pub(crate) use spectra::Spectra;
pub use spectra::SpectrumScratch;
