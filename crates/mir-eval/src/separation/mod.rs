//! Source separation: how much of the target is in an estimate, and what else?
//!
//! # Conventions
//! Signals are `[sources, samples, channels]`, or `[sources, samples]` for mono, in `f32` or `f64`
//! ([`Signals`]); windows and hops are samples; scores are dB, `10·log10` of a ratio of energies that are
//! summed over channels.
//!
//! # BSS Eval
//! An estimate `ŝ` of the source `s_j` is projected on the delayed versions (0 to 511 samples) of the
//! channels of that source, `P_j ŝ`, and of all sources, `P ŝ`:
//!
//! `e_spat = P_j ŝ − s_j`, `e_interf = P ŝ − P_j ŝ`, `e_artif = ŝ − P ŝ`.
//!
//! | | images | sources |
//! |---|---|---|
//! | SDR | `‖s‖² / ‖e_spat + e_interf + e_artif‖²` | `‖s + e_spat‖² / ‖e_interf + e_artif‖²` |
//! | ISR | `‖s‖² / ‖e_spat‖²` | |
//! | SIR | `‖s + e_spat‖² / ‖e_interf‖²` | the same |
//! | SAR | `‖s + e_spat + e_interf‖² / ‖e_artif‖²` | the same |
//!
//! The SDR of images is that of the plain difference; the SDR of sources forgives any filter of 512 taps
//! and is higher. The two do not belong into one table.
//!
//! | function | what it is |
//! |---|---|
//! | [`bss_eval_sources`], [`bss_eval_sources_framewise`] | versions 2 and 3, sources, as in `mir_eval` |
//! | [`bss_eval_images`], [`bss_eval_images_framewise`] | version 3, images, as in `mir_eval` |
//! | [`museval::evaluate`] | version 4, the one of SiSEC 2018 and of MUSDB18 results |
//! | [`bss_eval`] | all of these by configuration |
//! | [`si_sdr`], [`scale_invariant`] | scale-invariant SDR, SIR, SAR: one tap, no delay |
//! | [`snr`], [`energy_sdr`] | plain ratios; the SDR of the music demixing challenges |
//! | [`improvement`], [`weighted_mean`] | NSDR and GNSDR |
//!
//! Sources: Vincent, Gribonval and Févotte, "Performance measurement in blind audio source separation",
//! IEEE Trans. Audio, Speech and Language Processing 14(4), 2006; Vincent et al., "The Signal Separation
//! Evaluation Campaign (2007-2010)", Signal Processing 92, 2012 (images); Stöter, Liutkus and Ito, "The
//! 2018 Signal Separation Evaluation Campaign", LVA/ICA 2018 (version 4).
//!
//! # Silence and short input
//! A source is silent in a window if all its samples there are exactly 0. Its scores are NaN there, with
//! the reason in `undefined`; [`SilenceRule`] says whether the other sources share that. Nothing else is
//! undefined: a ratio with nothing in the denominator is `+∞`, as the SIR of a single source is. Without
//! sources or samples the scores are empty. A signal that is shorter than a window is one window.
//!
//! # Differences from mir_eval and museval
//! Values agree with `mir_eval.separation` 0.8.2 and `museval` 0.4.1 to 1e-5 dB where the Gram matrix
//! of the references is well conditioned. Where it is not, those packages solve a system that rounding
//! dominates, and their last digits are noise; here such directions are left out (`toeplitz.rs`).
//! Further:
//! - A source that is silent throughout gives NaN and a reason, where both raise an error. Stereo signals
//!   whose channels cancel each other are not silent.
//! - The ISR of a silent window is NaN; `mir_eval` leaves it uninitialised.
//! - The best order over windows leaves silent windows out; `museval` then always takes the first order.
//! - From eight sources on, the best order is found by the Hungarian method: the same mean SIR, and of
//!   several equal ones possibly another.
//!
//! # Cost
//! Correlations and projections are computed by transforms in blocks, one factorisation serves all
//! estimates, and the block Toeplitz structure of the Gram matrix is used. Memory beyond the signals does
//! not grow with their length; that of the factor is `(sources·channels·taps)²/2` numbers.
//!
//! ```
//! use mir_eval::separation::bss_eval_sources;
//! use ndarray::Array2;
//! let tones = |(source, n)| ((source + 2) as f64 * 0.01 * (n * n % 997) as f64).sin();
//! let reference = Array2::from_shape_fn((2, 4000), tones);
//! let swapped = reference.select(ndarray::Axis(0), &[1, 0]);
//! let scores = bss_eval_sources(&reference, &swapped, true)?;
//! assert_eq!(scores.perm, [1, 0]);
//! # Ok::<(), mir_eval::Error>(())
//! ```

mod assignment;
mod bss_eval;
mod correlation;
mod decomposition;
mod evaluation;
pub mod museval;
mod ratios;
mod signals;
mod spectra;
mod toeplitz;
mod v3;

pub use bss_eval::{
    BssEvalConfig, BssEvalScores, Distortion, FilterSpan, MAX_SOURCES, SilenceRule, Undefined,
    bss_eval,
};
pub use evaluation::{SeparationConfig, SeparationEntry, SeparationScores, evaluate};
pub use ratios::{
    ScaleInvariantScores, energy_sdr, improvement, scale_invariant, si_sdr, snr, weighted_mean,
};
pub use signals::Signals;
pub use v3::{
    ImageScores, SourceScores, bss_eval_images, bss_eval_images_framewise, bss_eval_sources,
    bss_eval_sources_framewise,
};
