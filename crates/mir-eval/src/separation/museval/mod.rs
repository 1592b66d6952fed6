//! BSS Eval version 4 as `museval` computes it, and its score files.
//!
//! Version 4 estimates the distortion filters once, on the whole signal, and scores windows of 1 s with
//! them; a track's score is the median over its windows, a data set's the median over its tracks
//! ([`TrackScores::summary`], [`crate::stats`]).
//!
//! ```
//! use mir_core::SampleRate;
//! use mir_eval::separation::{Signals, museval::{MusevalConfig, TrackTarget, evaluate_track}};
//! use ndarray::Array3;
//! let tone = |hz: f64| {
//!     let sample = |(_, n, _)| (std::f64::consts::TAU * hz * n as f64 / 8000.0).sin() * (n % 97) as f64;
//!     Array3::from_shape_fn((1, 8000, 1), sample)
//! };
//! let (vocals, drums) = (tone(440.0), tone(95.0));
//! let (vocals_hat, drums_hat) = (&vocals + 0.1 * &drums, &drums - 0.1 * &vocals);
//! let target = |name, reference, estimate| {
//!     TrackTarget { name, reference: Signals::from(reference), estimate: Signals::from(estimate) }
//! };
//! let targets = [target("vocals", &vocals, &vocals_hat), target("drums", &drums, &drums_hat)];
//! let scores = evaluate_track(&targets, SampleRate::new(8000)?, 0.5, 0.5, &MusevalConfig::default())?;
//! assert_eq!(scores.targets[0].frames.len(), 2);
//! println!("{}", scores.to_json());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use mir_core::SampleRate;
use serde::{Deserialize, Serialize};

use super::{
    bss_eval::{BssEvalConfig, BssEvalScores, FilterSpan, SilenceRule, bss_eval, evaluate as any},
    signals::Signals,
};
use crate::{Error, Result};

mod json;

pub use json::{FrameMetrics, FrameScores, Metric, TargetScores, TrackScores};

/// Over what the distortion filters are estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The whole signal: BSS Eval version 4.
    V4,
    /// Each window anew: version 3.
    V3,
}

/// Parameters of [`evaluate`]. The default is that of `museval.evaluate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MusevalConfig {
    /// Samples of a window, at least 1.
    pub window: usize,
    /// Samples from one window to the next, at least 1.
    pub hop: usize,
    /// Over what the distortion filters are estimated.
    pub mode: Mode,
    /// Whether an estimate of another length is cut, or padded with silence, to that of the reference. If
    /// not, it is refused.
    pub padding: bool,
    /// What a silent source makes of a window.
    pub silence: SilenceRule,
}

impl Default for MusevalConfig {
    fn default() -> Self {
        Self {
            window: 44_100,
            hop: 44_100,
            mode: Mode::V4,
            padding: true,
            silence: SilenceRule::Window,
        }
    }
}

/// SDR, ISR, SIR and SAR of images in windows: `museval.evaluate`.
///
/// # Errors
/// Those of [`bss_eval`].
pub fn evaluate<'a>(
    reference: impl Into<Signals<'a>>,
    estimate: impl Into<Signals<'a>>,
    config: &MusevalConfig,
) -> Result<BssEvalScores> {
    let (reference, estimate) = (reference.into(), estimate.into());
    let full = BssEvalConfig {
        window: Some(config.window),
        hop: config.hop,
        filters: match config.mode {
            Mode::V4 => FilterSpan::Signal,
            Mode::V3 => FilterSpan::Window,
        },
        silence: config.silence,
        ..BssEvalConfig::default()
    };
    let ([sources, _, channels], actual) = (reference.shape(), estimate.shape());
    if !config.padding || [sources, actual[1], channels] != actual {
        return bss_eval(reference, estimate, &full);
    }
    any(reference, estimate, &full)
}

/// A named source of a track with its estimate, each `[1, samples, channels]`.
#[derive(Clone, Copy, Debug)]
pub struct TrackTarget<'a> {
    /// Name of the target: `vocals`, `drums`, `bass`, `other`, `accompaniment`.
    pub name: &'a str,
    /// The true source.
    pub reference: Signals<'a>,
    /// The estimated one.
    pub estimate: Signals<'a>,
}

/// The scores of a track by the protocol of MUSDB18 (`museval.eval_mus_track`), `window` and `hop` in
/// seconds (both 1 there).
///
/// All targets are evaluated together. Where `vocals` and `accompaniment` are both there, these two are
/// evaluated against each other, and the rest, with the vocals, without the accompaniment. Fewer than two
/// targets of a kind cannot be told apart: they are left out, as `museval` does. The order is that of the
/// targets, `vocals` and `accompaniment` last.
///
/// # Errors
/// Those of [`bss_eval`]; [`Error::Config`] unless window and hop have at least one sample.
pub fn evaluate_track(
    targets: &[TrackTarget<'_>],
    rate: SampleRate,
    window: f64,
    hop: f64,
    config: &MusevalConfig,
) -> Result<TrackScores> {
    let samples = |field, seconds: f64| {
        // Cut, as museval does.
        let samples = seconds * f64::from(rate.hz());
        if (1.0..1e15).contains(&samples) {
            Ok(samples as usize)
        } else {
            Err(Error::Config { field, expected: "at least one sample", actual: seconds })
        }
    };
    let config = MusevalConfig {
        window: samples("window", window)?,
        hop: samples("hop", hop)?,
        ..config.clone()
    };
    let mut scores = TrackScores::default();
    let mut add = |targets: &[TrackTarget<'_>], wanted: &dyn Fn(&str) -> bool| -> Result<()> {
        if targets.len() < 2 {
            return Ok(());
        }
        let reference: Vec<Signals<'_>> = targets.iter().map(|t| t.reference).collect();
        let estimate: Vec<Signals<'_>> = targets.iter().map(|t| t.estimate).collect();
        let reference = Signals::together(&reference)?;
        let result = evaluate(reference, Signals::together(&estimate)?, &config)?;
        for (i, target) in targets.iter().enumerate().filter(|(_, t)| wanted(t.name)) {
            scores.targets.push(TargetScores::from_bss_eval(target.name, &result, i, window, hop));
        }
        Ok(())
    };
    let is_pair = |name: &str| name == "vocals" || name == "accompaniment";
    let named = |name: &str| targets.iter().find(|t| t.name == name).copied();
    if let (Some(vocals), Some(accompaniment)) = (named("vocals"), named("accompaniment")) {
        let stems: Vec<TrackTarget<'_>> =
            targets.iter().filter(|t| t.name != "accompaniment").copied().collect();
        add(&stems, &|name| !is_pair(name))?;
        add(&[vocals, accompaniment], &|_| true)?;
    } else {
        add(targets, &|_| true)?;
    }
    Ok(scores)
}
