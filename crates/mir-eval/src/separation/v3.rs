//! BSS Eval versions 2 and 3 with the signatures of `mir_eval`.

use super::{
    bss_eval::{BssEvalConfig, BssEvalScores, Distortion, FilterSpan, Undefined, bss_eval},
    signals::Signals,
};
use crate::Result;

/// Scores of [`bss_eval_sources`] in dB, one entry a reference source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceScores {
    /// Source to distortion ratios; the target may be filtered.
    pub sdr: Vec<f64>,
    /// Source to interference ratios.
    pub sir: Vec<f64>,
    /// Source to artifacts ratios.
    pub sar: Vec<f64>,
    /// The estimate that was compared with each reference source.
    pub perm: Vec<usize>,
    /// Why the scores of a source are NaN.
    pub undefined: Vec<Option<Undefined>>,
}

/// Scores of [`bss_eval_images`] in dB, one entry a reference source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageScores {
    /// Source to distortion ratios.
    pub sdr: Vec<f64>,
    /// Image to spatial distortion ratios.
    pub isr: Vec<f64>,
    /// Source to interference ratios.
    pub sir: Vec<f64>,
    /// Source to artifacts ratios.
    pub sar: Vec<f64>,
    /// The estimate that was compared with each reference source.
    pub perm: Vec<usize>,
    /// Why the scores of a source are NaN.
    pub undefined: Vec<Option<Undefined>>,
}

/// The configuration of version 3: filters of each window, no diagonal loading.
fn version_3(
    distortion: Distortion,
    window: Option<usize>,
    hop: usize,
    permutation: bool,
) -> BssEvalConfig {
    BssEvalConfig {
        window,
        hop,
        filters: FilterSpan::Window,
        distortion,
        permutation,
        diagonal_loading: 0.0,
        ..BssEvalConfig::default()
    }
}

/// SDR, SIR and SAR of whole signals, the target filtered freely: `mir_eval.separation.bss_eval_sources`.
///
/// `permutation` looks for the order of the estimates with the largest mean SIR.
///
/// # Errors
/// Those of [`bss_eval`].
pub fn bss_eval_sources<'a>(
    reference: impl Into<Signals<'a>>,
    estimate: impl Into<Signals<'a>>,
    permutation: bool,
) -> Result<SourceScores> {
    let scores = whole(Distortion::Sources, reference.into(), estimate.into(), permutation)?;
    let ImageScores { sdr, isr: _, sir, sar, perm, undefined } = scores;
    Ok(SourceScores { sdr, sir, sar, perm, undefined })
}

/// SDR, ISR, SIR and SAR of whole signals: `mir_eval.separation.bss_eval_images`.
///
/// `permutation` looks for the order of the estimates with the largest mean SIR.
///
/// # Errors
/// Those of [`bss_eval`].
///
/// ```
/// use mir_eval::separation::bss_eval_images;
/// use ndarray::Array2;
/// let tones = |(source, n)| ((source + 2) as f64 * 0.01 * (n * n % 997) as f64).sin();
/// let reference = Array2::from_shape_fn((2, 4000), tones);
/// let scores = bss_eval_images(&reference, &(0.9 * &reference), false)?;
/// // A tenth of the amplitude is missing.
/// assert!(scores.sdr.iter().all(|sdr| (sdr - 20.0).abs() < 1e-9));
/// # Ok::<(), mir_eval::Error>(())
/// ```
pub fn bss_eval_images<'a>(
    reference: impl Into<Signals<'a>>,
    estimate: impl Into<Signals<'a>>,
    permutation: bool,
) -> Result<ImageScores> {
    whole(Distortion::Images, reference.into(), estimate.into(), permutation)
}

/// Whole signals have one window, so the scores are one a source.
fn whole(
    distortion: Distortion,
    reference: Signals<'_>,
    estimate: Signals<'_>,
    permutation: bool,
) -> Result<ImageScores> {
    let scores = bss_eval(reference, estimate, &version_3(distortion, None, 1, permutation))?;
    Ok(ImageScores {
        sdr: scores.sdr.into_iter().collect(),
        isr: scores.isr.into_iter().collect(),
        sir: scores.sir.into_iter().collect(),
        sar: scores.sar.into_iter().collect(),
        perm: scores.perm.into_iter().collect(),
        undefined: scores.undefined.into_iter().collect(),
    })
}

/// [`bss_eval_sources`] in windows: `mir_eval.separation.bss_eval_sources_framewise`.
///
/// `window` and `hop` are samples (`mir_eval`: 30 s and 15 s at 44.1 kHz). If fewer than two windows fit,
/// the whole signal is one. The ISR of the result is NaN.
///
/// # Errors
/// Those of [`bss_eval`].
pub fn bss_eval_sources_framewise<'a>(
    reference: impl Into<Signals<'a>>,
    estimate: impl Into<Signals<'a>>,
    window: usize,
    hop: usize,
    permutation: bool,
) -> Result<BssEvalScores> {
    framewise(Distortion::Sources, reference.into(), estimate.into(), window, hop, permutation)
}

/// [`bss_eval_images`] in windows: `mir_eval.separation.bss_eval_images_framewise`.
///
/// `window` and `hop` are samples (`mir_eval`: 30 s and 15 s at 44.1 kHz). If fewer than two windows fit,
/// the whole signal is one.
///
/// # Errors
/// Those of [`bss_eval`].
pub fn bss_eval_images_framewise<'a>(
    reference: impl Into<Signals<'a>>,
    estimate: impl Into<Signals<'a>>,
    window: usize,
    hop: usize,
    permutation: bool,
) -> Result<BssEvalScores> {
    framewise(Distortion::Images, reference.into(), estimate.into(), window, hop, permutation)
}

fn framewise(
    distortion: Distortion,
    reference: Signals<'_>,
    estimate: Signals<'_>,
    window: usize,
    hop: usize,
    permutation: bool,
) -> Result<BssEvalScores> {
    let config = version_3(distortion, Some(window), hop, permutation);
    // Before the windows are counted: 0 is refused.
    config.validate()?;
    let fits_two = window.saturating_add(hop) <= reference.samples();
    let config = if fits_two { config } else { BssEvalConfig { window: None, ..config } };
    bss_eval(reference, estimate, &config)
}
