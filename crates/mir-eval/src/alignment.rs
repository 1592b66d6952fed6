//! Alignment: how far from the right time is each event of a known sequence, such as the words of a song?
//!
//! # Conventions
//! Reference and estimate are one time for each event: seconds, in order, equal in number, at least one.
//!
//! # Criteria
//! With `d = |estimate − reference|` of each event:
//!
//! | score | formula |
//! |---|---|
//! | percentage correct | fraction of the events with `d` at most `window` (0.3 s, inclusive) |
//! | median and mean absolute error | of `d`, in seconds |
//! | percentage of correct segments | overlap of the segments between successive events over the length of the reference |
//! | perceptual | mean of a skewed bell curve of `estimate − reference`: how synchronous singers found it |
//!
//! All but the errors are fractions in [0, 1] in spite of their names. The perceptual score is not 1, and
//! not at its largest, for an exact estimate: listeners put up better with words that come late.
//!
//! # Undefined
//! Without `duration`, a reference of one event, or of events that all fall together, has no segments: their
//! score is `None`, and NaN among the [`NamedScores`].
//!
//! Sources: Mauch, Fujihara and Goto, "Lyrics-to-audio alignment and phrase-level segmentation using
//! incomplete internet-style chord annotations", SMC 2010; Fujihara et al., "LyricSynchronizer", IEEE Journal
//! of Selected Topics in Signal Processing 5(6), 2011; Lizé-Masclef, Vaglio and Moussallam, "User-centered
//! evaluation of lyrics to audio alignment", ISMIR 2021; MIREX 2020, Lyrics-to-Audio Alignment.
//!
//! # Differences from mir_eval
//! Values agree with `mir_eval.alignment` 0.8.2, which stops where the segments are undefined.
//!
//! ```
//! use mir_eval::alignment::{AlignmentConfig, evaluate};
//! let scores = evaluate(&[0.0, 1.0, 2.0], &[0.1, 1.0, 2.5], &AlignmentConfig::default())?;
//! assert_eq!(scores.percentage_correct, 2.0 / 3.0);
//! assert!((scores.median_absolute_error - 0.1).abs() < 1e-15);
//! # Ok::<(), mir_eval::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use crate::{
    Error, NamedScores, Result, Side,
    error::{check_length, check_times, check_tolerance},
    stats,
};

/// Tolerance of the alignment metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlignmentConfig {
    /// Largest difference of an event that is correct, in seconds, at least 0.
    pub window: f64,
    /// Length of the recording in seconds, above 0 and not before any event. With it the time before the
    /// first and after the last event counts as segments too (Fujihara et al.), without it it does not
    /// (MIREX).
    pub duration: Option<f64>,
}

impl Default for AlignmentConfig {
    fn default() -> Self {
        Self { window: 0.3, duration: None }
    }
}

impl AlignmentConfig {
    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// [`Error::Config`] names the first field outside its range.
    pub fn validate(&self) -> Result<()> {
        check_tolerance("window", self.window)?;
        match self.duration.filter(|duration| !(duration.is_finite() && *duration > 0.0)) {
            None => Ok(()),
            Some(actual) => {
                Err(Error::Config { field: "duration", expected: "finite and above 0", actual })
            }
        }
    }
}

/// All scores of one alignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlignmentScores {
    /// Fraction of the events within the window, in [0, 1].
    pub percentage_correct: f64,
    /// Median absolute error in seconds.
    pub median_absolute_error: f64,
    /// Mean absolute error in seconds.
    pub mean_absolute_error: f64,
    /// Overlap of segments, in [0, 1]; `None` if the reference has no length.
    pub percentage_correct_segments: Option<f64>,
    /// Perceptual score, in [0, 1].
    pub perceptual: f64,
}

impl NamedScores for AlignmentScores {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("pc", self.percentage_correct),
            ("mae", self.median_absolute_error),
            ("aae", self.mean_absolute_error),
            ("pcs", self.percentage_correct_segments.unwrap_or(f64::NAN)),
            ("perceptual", self.perceptual),
        ]
    }
}

/// All scores of an estimate: one time in seconds for each event.
///
/// # Errors
/// [`Error::Config`] for a bad configuration; [`Error::TooFewValues`] without events; [`Error::Length`] if
/// the sides differ in number; [`Error::InvalidTime`] and [`Error::Unsorted`] for bad times, also for one
/// after the end of the recording.
pub fn evaluate(
    reference: &[f64],
    estimate: &[f64],
    config: &AlignmentConfig,
) -> Result<AlignmentScores> {
    let error = absolute_error(reference, estimate)?;
    Ok(AlignmentScores {
        percentage_correct: percentage_correct(reference, estimate, config.window)?,
        median_absolute_error: error.median,
        mean_absolute_error: error.mean,
        percentage_correct_segments: percentage_correct_segments(
            reference,
            estimate,
            config.duration,
        )?,
        perceptual: karaoke_perceptual_metric(reference, estimate)?,
    })
}

/// Checks that two alignments can be compared.
///
/// # Errors
/// As [`evaluate`].
pub fn validate(reference: &[f64], estimate: &[f64]) -> Result<()> {
    if reference.is_empty() {
        return Err(Error::TooFewValues { statistic: "an alignment", expected: 1, actual: 0 });
    }
    check_length(Side::Estimate, "times", reference.len(), estimate.len())?;
    check_times(Side::Reference, reference)?;
    check_times(Side::Estimate, estimate)
}

/// How far events lie from where they should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbsoluteError {
    /// Median in seconds.
    pub median: f64,
    /// Mean in seconds.
    pub mean: f64,
}

/// Median and mean of the absolute differences.
///
/// # Errors
/// As [`validate`].
pub fn absolute_error(reference: &[f64], estimate: &[f64]) -> Result<AbsoluteError> {
    validate(reference, estimate)?;
    let distances: Vec<f64> = differences(reference, estimate).map(f64::abs).collect();
    let summary = stats::describe(&distances);
    Ok(summary
        .map_or(AbsoluteError::default(), |s| AbsoluteError { median: s.median, mean: s.mean }))
}

/// Fraction of the events whose absolute difference is at most `window` seconds.
///
/// # Errors
/// As [`validate`], and [`Error::Config`] for a window that is negative or not finite.
pub fn percentage_correct(reference: &[f64], estimate: &[f64], window: f64) -> Result<f64> {
    check_tolerance("window", window)?;
    validate(reference, estimate)?;
    let correct = differences(reference, estimate).filter(|d| d.abs() <= window).count();
    Ok(correct as f64 / reference.len() as f64)
}

/// Overlap of segment `i` of the reference with segment `i` of the estimate, summed over all segments and
/// divided by their length in the reference. Segments lie between successive events and, with a
/// `duration`, before the first and after the last event too. `None` if there is nothing to divide by.
///
/// # Errors
/// As [`validate`]; [`Error::Config`] for a duration that is not above 0; [`Error::InvalidTime`] for an
/// event after it.
pub fn percentage_correct_segments(
    reference: &[f64],
    estimate: &[f64],
    duration: Option<f64>,
) -> Result<Option<f64>> {
    AlignmentConfig { duration, ..Default::default() }.validate()?;
    validate(reference, estimate)?;
    let last = reference.len() - 1;
    let Some(duration) = duration else {
        let length = reference[last] - reference[0];
        return Ok((length > 0.0).then(|| overlap(reference, estimate) / length));
    };
    for (side, times) in [(Side::Reference, reference), (Side::Estimate, estimate)] {
        if times[last] > duration {
            return Err(Error::InvalidTime { side, index: last, actual: times[last] });
        }
    }
    let whole = |times: &[f64]| [&[0.0], times, &[duration]].concat();
    Ok(Some(overlap(&whole(reference), &whole(estimate)) / duration))
}

/// Time that the same segment covers on both sides.
fn overlap(reference: &[f64], estimate: &[f64]) -> f64 {
    let segments = reference.windows(2).zip(estimate.windows(2));
    segments.map(|(r, e)| (r[1].min(e[1]) - r[0].max(e[0])).max(0.0)).sum()
}

/// Mean over the events of how synchronous people found words that came by this much too early or too
/// late when they sang along: a skew-normal density of `estimate − reference`, scaled to a largest value
/// of about 1.
///
/// # Errors
/// As [`validate`].
pub fn karaoke_perceptual_metric(reference: &[f64], estimate: &[f64]) -> Result<f64> {
    // Lizé-Masclef et al. 2021, fitted to the answers of their listeners.
    const SKEWNESS: f64 = 1.12244251;
    const LOCATION: f64 = -0.22270315;
    const SCALE: f64 = 0.29779424;
    const LARGEST: f64 = 1.6857;
    validate(reference, estimate)?;
    let score = |difference: f64| {
        let z = (difference - LOCATION) / SCALE;
        let density = 2.0 / SCALE * stats::normal_density(z) * stats::normal_below(SKEWNESS * z);
        density / LARGEST
    };
    Ok(differences(reference, estimate).map(score).sum::<f64>() / reference.len() as f64)
}

/// Estimate − reference.
fn differences(reference: &[f64], estimate: &[f64]) -> impl Iterator<Item = f64> {
    reference.iter().zip(estimate).map(|(r, e)| e - r)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_undefined_where_nothing_has_a_length() {
        for times in [&[2.0][..], &[1.0, 1.0, 1.0]] {
            assert_eq!(percentage_correct_segments(times, times, None).unwrap(), None);
            let whole = percentage_correct_segments(times, times, Some(4.0)).unwrap().unwrap();
            assert!((whole - 1.0).abs() < 1e-15);
            let scores = evaluate(times, times, &AlignmentConfig::default()).unwrap();
            assert!(scores.entries()[3].1.is_nan());
        }
    }

    #[test]
    fn what_cannot_be_aligned_is_refused() {
        let config = AlignmentConfig::default();
        let refused =
            |r: &[f64], e: &[f64], config: &AlignmentConfig| evaluate(r, e, config).unwrap_err();
        assert!(matches!(refused(&[], &[], &config), Error::TooFewValues { expected: 1, .. }));
        assert!(matches!(refused(&[1.0], &[], &config), Error::Length { actual: 0, .. }));
        let unsorted = refused(&[1.0, 2.0], &[2.0, 1.0], &config);
        assert!(matches!(unsorted, Error::Unsorted { side: Side::Estimate, index: 1, .. }));
        let negative = refused(&[-1.0], &[1.0], &config);
        assert!(matches!(negative, Error::InvalidTime { side: Side::Reference, .. }));
        let short = AlignmentConfig { duration: Some(1.5), ..config.clone() };
        let late = refused(&[1.0, 1.2], &[1.0, 2.0], &short);
        assert!(matches!(late, Error::InvalidTime { side: Side::Estimate, index: 1, .. }));
        for bad in [
            AlignmentConfig { duration: Some(0.0), ..config.clone() },
            AlignmentConfig { window: f64::NAN, ..config },
        ] {
            assert!(matches!(refused(&[1.0], &[1.0], &bad), Error::Config { .. }));
        }
    }
}
