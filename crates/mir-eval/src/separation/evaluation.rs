//! All metrics of `mir_eval.separation.evaluate` under its names.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{
    bss_eval::BssEvalScores,
    signals::Signals,
    v3::{
        ImageScores, SourceScores, bss_eval_images, bss_eval_images_framewise, bss_eval_sources,
        bss_eval_sources_framewise,
    },
};
use crate::Result;

/// Parameters of [`evaluate`]: those of `mir_eval.separation`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeparationConfig {
    /// Samples of a window of the framewise metrics, at least 1.
    pub window: usize,
    /// Samples from one window to the next, at least 1.
    pub hop: usize,
    /// Whether the best order of the estimates is looked for; `None` for whole signals only.
    pub compute_permutation: Option<bool>,
}

impl Default for SeparationConfig {
    fn default() -> Self {
        Self { window: 30 * 44_100, hop: 15 * 44_100, compute_permutation: None }
    }
}

/// Scores of [`evaluate`].
#[derive(Clone, Debug, PartialEq)]
pub struct SeparationScores {
    /// Images, whole signals.
    pub images: ImageScores,
    /// Images, window by window.
    pub images_frames: BssEvalScores,
    /// Sources, window by window; mono signals only.
    pub sources_frames: Option<BssEvalScores>,
    /// Sources, whole signals; mono signals only.
    pub sources: Option<SourceScores>,
}

/// A score of [`SeparationScores::entries`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum SeparationEntry {
    /// One value a source, dB.
    Values(Vec<f64>),
    /// For each source the estimate.
    Order(Vec<usize>),
    /// `[sources][windows]`: dB, or the estimate as a number; NaN where the window is undefined.
    Frames(Vec<Vec<f64>>),
}

/// All metrics of `mir_eval.separation.evaluate`: images and, for mono signals, sources; each of the
/// whole signals and in windows.
///
/// # Errors
/// Those of [`bss_eval`](super::bss_eval()).
pub fn evaluate<'a>(
    reference: impl Into<Signals<'a>>,
    estimate: impl Into<Signals<'a>>,
    config: &SeparationConfig,
) -> Result<SeparationScores> {
    let (r, e) = (reference.into(), estimate.into());
    let (window, hop) = (config.window, config.hop);
    let whole = config.compute_permutation.unwrap_or(true);
    let frames = config.compute_permutation.unwrap_or(false);
    let images_frames = bss_eval_images_framewise(r, e, window, hop, frames)?;
    let images = bss_eval_images(r, e, whole)?;
    let (mut sources_frames, mut sources) = (None, None);
    if r.channels() == 1 {
        sources_frames = Some(bss_eval_sources_framewise(r, e, window, hop, frames)?);
        sources = Some(bss_eval_sources(r, e, whole)?);
    }
    Ok(SeparationScores { images, images_frames, sources_frames, sources })
}

impl SeparationScores {
    /// The scores under the names and in the order of `mir_eval`.
    pub fn entries(&self) -> Vec<(&'static str, SeparationEntry)> {
        let values = |values: &[f64]| SeparationEntry::Values(values.to_vec());
        let rows = |values: &Array2<f64>| {
            SeparationEntry::Frames(values.rows().into_iter().map(|row| row.to_vec()).collect())
        };
        // mir_eval keeps orders of windows as floats, NaN where there is none.
        let orders = |scores: &BssEvalScores| {
            let number = |(&estimate, undefined): (&usize, &Option<_>)| match undefined {
                None => estimate as f64,
                Some(_) => f64::NAN,
            };
            let orders = scores.perm.rows().into_iter().zip(scores.undefined.rows());
            let orders =
                orders.map(|(row, undefined)| row.iter().zip(undefined).map(number).collect());
            SeparationEntry::Frames(orders.collect())
        };
        let (images, frames) = (&self.images, &self.images_frames);
        let mut entries = vec![
            ("Images - Source to Distortion", values(&images.sdr)),
            ("Images - Image to Spatial", values(&images.isr)),
            ("Images - Source to Interference", values(&images.sir)),
            ("Images - Source to Artifact", values(&images.sar)),
            ("Images - Source permutation", SeparationEntry::Order(images.perm.clone())),
            ("Images Frames - Source to Distortion", rows(&frames.sdr)),
            ("Images Frames - Image to Spatial", rows(&frames.isr)),
            ("Images Frames - Source to Interference", rows(&frames.sir)),
            ("Images Frames - Source to Artifact", rows(&frames.sar)),
            ("Images Frames - Source permutation", orders(frames)),
        ];
        if let Some(frames) = &self.sources_frames {
            entries.extend([
                ("Sources Frames - Source to Distortion", rows(&frames.sdr)),
                ("Sources Frames - Source to Interference", rows(&frames.sir)),
                ("Sources Frames - Source to Artifact", rows(&frames.sar)),
                ("Sources Frames - Source permutation", orders(frames)),
            ]);
        }
        if let Some(sources) = &self.sources {
            entries.extend([
                ("Sources - Source to Distortion", values(&sources.sdr)),
                ("Sources - Source to Interference", values(&sources.sir)),
                ("Sources - Source to Artifact", values(&sources.sar)),
                ("Sources - Source permutation", SeparationEntry::Order(sources.perm.clone())),
            ]);
        }
        entries
    }
}
