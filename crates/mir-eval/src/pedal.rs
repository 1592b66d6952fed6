//! Pedalling: is the pedal pressed and lifted when it should be, and is it down in the right frames?
//!
//! # Criteria
//! A press is an interval from pedal down to pedal up, in seconds. Presses are matched like notes of one
//! pitch ([`crate::transcription`]): the *event* scores by their starts, the *with offset*
//! scores by starts and ends. The *frame* scores compare whether the pedal is down at the times `0`, `hop`,
//! `2·hop`, …: a frame is down if its time lies in a press, its end excluded.
//!
//! The published system allows 0.2 s at the start, a fifth of the press at its end, and at least 0.05 s
//! there; its paper speaks of 50 ms, which [`PedalConfig::as_printed`] has. Without reference or without
//! estimate the scores are 0; the counts tell the cases apart.
//!
//! Source: Kong, Li, Song, Wan and Wang, "High-resolution piano transcription with pedals by regressing
//! onset and offset times", IEEE/ACM TASLP 29, 2021.
//!
//! ```
//! use mir_eval::pedal::{PedalConfig, evaluate};
//! let reference = [[0.5, 2.0], [2.5, 4.0]];
//! let estimate = [[0.6, 2.1], [2.6, 3.0]];
//! let scores = evaluate(&reference, &estimate, &PedalConfig::default())?;
//! assert_eq!((scores.event.f1, scores.event_with_offset.f1), (1.0, 0.5));
//! # Ok::<(), mir_eval::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use crate::{
    Counts, Error, NamedScores, Result, Score,
    score::{Value, values_by_counts},
    transcription::{self, TranscriptionConfig},
};

/// More frames than this are a mistake in `hop`.
const MAX_FRAMES: f64 = 1e9;

/// Tolerances of the pedal metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PedalConfig {
    /// Largest difference of pressing in seconds, at least 0.
    pub onset_tolerance: f64,
    /// Largest difference of lifting as a fraction of the press, at least 0.
    pub offset_ratio: f64,
    /// The tolerance of lifting is not below this many seconds, at least 0.
    pub offset_min_tolerance: f64,
    /// Time between frames in seconds, above 0.
    pub hop: f64,
}

impl Default for PedalConfig {
    /// The tolerances that the published scores were computed with, and frames of 10 ms.
    fn default() -> Self {
        Self { onset_tolerance: 0.2, offset_ratio: 0.2, offset_min_tolerance: 0.05, hop: 0.01 }
    }
}

impl PedalConfig {
    /// The onset tolerance of the paper's text: 50 ms.
    pub fn as_printed() -> Self {
        Self { onset_tolerance: 0.05, ..Self::default() }
    }

    /// The tolerances as those of notes, of which each press is one: no pitch, no velocity.
    pub fn notes(&self) -> TranscriptionConfig {
        TranscriptionConfig {
            onset_tolerance: self.onset_tolerance,
            offset_ratio: Some(self.offset_ratio),
            offset_min_tolerance: self.offset_min_tolerance,
            ..TranscriptionConfig::default()
        }
    }

    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// [`Error::Config`] names the first field outside its range.
    pub fn validate(&self) -> Result<()> {
        self.notes().validate()?;
        if !(self.hop.is_finite() && self.hop > 0.0) {
            let (field, expected) = ("hop", "finite and above 0");
            return Err(Error::Config { field, expected, actual: self.hop });
        }
        Ok(())
    }
}

/// All pedal scores of one piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PedalScores {
    /// Presses that start where they should.
    pub event: Score,
    /// Presses that start and end where they should.
    pub event_with_offset: Score,
    /// Frames in which the pedal is down.
    pub frame: Score,
}

impl NamedScores for PedalScores {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("Pedal_Precision", self.event.precision),
            ("Pedal_Recall", self.event.recall),
            ("Pedal_F-measure", self.event.f1),
            ("Pedal_Precision_with_offset", self.event_with_offset.precision),
            ("Pedal_Recall_with_offset", self.event_with_offset.recall),
            ("Pedal_F-measure_with_offset", self.event_with_offset.f1),
            ("Pedal_Frame_Precision", self.frame.precision),
            ("Pedal_Frame_Recall", self.frame.recall),
            ("Pedal_Frame_F-measure", self.frame.f1),
        ]
    }

    fn values(&self) -> Vec<(&'static str, Value)> {
        values_by_counts(self.entries(), |name| match name {
            _ if name.contains("Frame") => self.frame.counts,
            _ => self.event.counts,
        })
    }
}

/// All scores of an estimate: presses `[down, up]` in seconds, in any order.
///
/// # Errors
/// [`Error::Config`] for a bad configuration, also for a `hop` that gives more than a billion frames;
/// [`Error::InvalidTime`] and [`Error::EmptyNote`] for a bad press.
pub fn evaluate(
    reference: &[[f64; 2]],
    estimate: &[[f64; 2]],
    config: &PedalConfig,
) -> Result<PedalScores> {
    config.validate()?;
    // Any frequency, as long as it is the same.
    let hz = |presses: &[[f64; 2]]| vec![440.0; presses.len()];
    let events = transcription::evaluate_hz(
        reference,
        &hz(reference),
        estimate,
        &hz(estimate),
        &config.notes(),
    )?;
    let (reference, estimate) = (frames(reference, config.hop)?, frames(estimate, config.hop)?);
    let counts = Counts {
        matched: overlap(&reference, &estimate),
        reference: total(&reference),
        estimated: total(&estimate),
    };
    let score = |counts: Counts| counts.score(1.0);
    Ok(PedalScores {
        event: score(events.note.counts),
        event_with_offset: score(events.note_with_offset.map_or(Counts::default(), |s| s.counts)),
        frame: score(counts),
    })
}

/// Ranges of frames in which the pedal is down: apart from each other, ascending.
fn frames(presses: &[[f64; 2]], hop: f64) -> Result<Vec<[usize; 2]>> {
    // The first frame at or after a time; a hair's breadth of rounding does not make a frame.
    let first = |time: f64| (time / hop - 1e-9).ceil().max(0.0);
    let mut ranges: Vec<[usize; 2]> = Vec::with_capacity(presses.len());
    for press in presses {
        let [start, end] = press.map(first);
        if end > MAX_FRAMES {
            let expected = "long enough for at most a billion frames";
            return Err(Error::Config { field: "hop", expected, actual: hop });
        }
        ranges.push([start as usize, end as usize]);
    }
    ranges.sort_unstable();
    let mut merged: Vec<[usize; 2]> = Vec::with_capacity(ranges.len());
    for [start, end] in ranges {
        match merged.last_mut() {
            Some(last) if start <= last[1] => last[1] = last[1].max(end),
            _ => merged.push([start, end]),
        }
    }
    Ok(merged)
}

fn total(ranges: &[[usize; 2]]) -> usize {
    ranges.iter().map(|[start, end]| end - start).sum()
}

/// Frames that lie in both.
fn overlap(a: &[[usize; 2]], b: &[[usize; 2]]) -> usize {
    let (mut i, mut j, mut sum) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        sum += x[1].min(y[1]).saturating_sub(x[0].max(y[0]));
        if x[1] <= y[1] { i += 1 } else { j += 1 }
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_count_as_frames_do(
            r in prop::collection::vec((0u32..50, 1u32..20), 0..6),
            e in prop::collection::vec((0u32..50, 1u32..20), 0..6),
        ) {
            let presses = |x: &[(u32, u32)]| -> Vec<[f64; 2]> {
                x.iter().map(|&(a, n)| [f64::from(a) / 8.0, f64::from(a + n) / 8.0]).collect()
            };
            let (r, e) = (presses(&r), presses(&e));
            let config = PedalConfig { hop: 0.25, ..PedalConfig::default() };
            let counts = evaluate(&r, &e, &config).unwrap().frame.counts;
            let down = |x: &[[f64; 2]], frame: u32| {
                let time = f64::from(frame) * 0.25;
                x.iter().any(|i| i[0] <= time && time < i[1])
            };
            let count = |on: &dyn Fn(u32) -> bool| (0..60).filter(|&f| on(f)).count();
            prop_assert_eq!(counts.reference, count(&|f| down(&r, f)));
            prop_assert_eq!(counts.estimated, count(&|f| down(&e, f)));
            prop_assert_eq!(counts.matched, count(&|f| down(&r, f) && down(&e, f)));
        }
    }

    #[test]
    fn the_paper_and_its_code_differ_at_the_start() {
        let (reference, estimate) = ([[1.0, 3.0]], [[1.15, 3.1]]);
        let code = evaluate(&reference, &estimate, &PedalConfig::default()).unwrap();
        let paper = evaluate(&reference, &estimate, &PedalConfig::as_printed()).unwrap();
        assert_eq!((code.event.counts.matched, paper.event.counts.matched), (1, 0));
        assert_eq!(code.event_with_offset.counts.matched, 1);
        assert_eq!(code.frame.counts, Counts { matched: 185, reference: 200, estimated: 195 });
        let nothing = evaluate(&[], &[], &PedalConfig::default()).unwrap();
        assert_eq!(nothing, PedalScores::default());
        let config = PedalConfig { hop: 0.0, ..PedalConfig::default() };
        assert!(matches!(evaluate(&[], &[], &config), Err(Error::Config { field: "hop", .. })));
        let config = PedalConfig { hop: 1e-300, ..PedalConfig::default() };
        let error = evaluate(&reference, &estimate, &config).unwrap_err();
        assert!(matches!(error, Error::Config { field: "hop", .. }), "{error}");
    }
}
