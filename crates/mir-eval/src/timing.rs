//! Timing: is an estimate early or late as a whole, and how does it score once that is removed?
//!
//! Labels, audio and frames are often offset against each other by a few milliseconds; a constant shift
//! says nothing about a transcriber, but costs notes at the edge of the tolerance. [`onset_bias`]
//! measures the shift, [`align_onset`] removes it. Only matched notes count, so a shift of more than the
//! onset tolerance cannot be seen: widen `onset_tolerance` to look further.
//!
//! Scores after alignment are optimistic by construction. Report them beside the plain ones.

use mir_core::Note;
use serde::{Deserialize, Serialize};

use crate::{
    Result, stats,
    transcription::{TranscriptionConfig, match_notes},
};

/// How far matched onsets lie from their references: estimate − reference, so late is positive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnsetBias {
    /// Median difference in seconds.
    pub median: f64,
    /// Mean difference in seconds.
    pub mean: f64,
    /// Population standard deviation of the differences in seconds.
    pub std: f64,
    /// Number of matched notes.
    pub matched: usize,
}

/// Estimate − reference of every matched onset in seconds, in the order of the reference: what a
/// histogram of timing errors is drawn from. Notes are matched by onset and pitch (offsets are ignored).
///
/// # Errors
/// As [`transcription::evaluate`](crate::transcription::evaluate).
pub fn onset_differences(
    reference: &[Note],
    estimate: &[Note],
    config: &TranscriptionConfig,
) -> Result<Vec<f64>> {
    let config = TranscriptionConfig { offset_ratio: None, ..config.clone() };
    let pairs = match_notes(reference, estimate, &config)?;
    let late = |&(r, e): &(usize, usize)| estimate[e].onset() - reference[r].onset();
    Ok(pairs.iter().map(late).collect())
}

/// Statistics of the onset differences of notes that agree in onset and pitch (offsets are ignored).
/// `None` without such a note.
///
/// # Errors
/// As [`transcription::evaluate`](crate::transcription::evaluate).
pub fn onset_bias(
    reference: &[Note],
    estimate: &[Note],
    config: &TranscriptionConfig,
) -> Result<Option<OnsetBias>> {
    let differences = onset_differences(reference, estimate, config)?;
    Ok(stats::describe(&differences).map(|d| OnsetBias {
        median: d.median,
        mean: d.mean,
        std: d.std,
        matched: differences.len(),
    }))
}

/// Two note lists without the median difference of their onsets.
#[derive(Clone, Debug, PartialEq)]
pub struct Aligned {
    /// The reference.
    pub reference: Vec<Note>,
    /// The estimate.
    pub estimate: Vec<Note>,
    /// How much earlier the estimate is now against the reference, in seconds: the median of
    /// [`onset_bias`].
    pub shift: f64,
}

/// Removes the median onset difference. The list that is early is moved later, so that no note is
/// pushed below time 0 and cut; scores depend on differences alone. Without a matched note nothing is
/// moved.
///
/// # Errors
/// As [`onset_bias`].
pub fn align_onset(
    reference: &[Note],
    estimate: &[Note],
    config: &TranscriptionConfig,
) -> Result<Aligned> {
    let shift = onset_bias(reference, estimate, config)?.map_or(0.0, |bias| bias.median);
    let moved = |notes: &[Note], by: f64| notes.iter().map(|n| n.shifted(by)).collect();
    Ok(Aligned {
        reference: moved(reference, shift.max(0.0)),
        estimate: moved(estimate, (-shift).max(0.0)),
        shift,
    })
}

#[cfg(test)]
mod tests {
    use mir_core::{Key, Velocity};

    use super::*;
    use crate::transcription::evaluate;

    fn notes(onsets: &[f64]) -> Vec<Note> {
        let pitch = Key::new(60).unwrap().pitch();
        let note = |&on: &f64| Note::new(on, on + 0.4, pitch, Velocity::MEDIUM).unwrap();
        onsets.iter().map(note).collect()
    }

    #[test]
    fn a_constant_shift_is_measured_and_removed() {
        let config = TranscriptionConfig::default();
        let reference = notes(&[0.02, 1.0, 2.0, 3.0]);
        for shift in [0.03, -0.02] {
            let mut estimate = notes(&[0.02 + shift, 1.0 + shift, 2.0 + shift]);
            estimate.extend(notes(&[3.0 + 2.0 * shift]));
            let bias = onset_bias(&reference, &estimate, &config).unwrap().unwrap();
            assert!((bias.median - shift).abs() < 1e-12, "{bias:?}");
            let aligned = align_onset(&reference, &estimate, &config).unwrap();
            let scores = evaluate(&aligned.reference, &aligned.estimate, &config).unwrap();
            assert_eq!(scores.note.counts.matched, 4);
            let left = onset_bias(&aligned.reference, &aligned.estimate, &config).unwrap().unwrap();
            assert!(left.median.abs() < 1e-12);
        }
    }

    #[test]
    fn nothing_matched_means_nothing_moved() {
        let config = TranscriptionConfig::default();
        let (reference, estimate) = (notes(&[0.0]), notes(&[5.0]));
        assert_eq!(onset_bias(&reference, &estimate, &config).unwrap(), None);
        let aligned = align_onset(&reference, &estimate, &config).unwrap();
        assert_eq!((aligned.reference, aligned.estimate), (reference, estimate));
    }
}
