//! Multiple fundamental frequencies: how much of what sounds at each time was found?
//!
//! # Conventions
//! Reference and estimate are times (seconds, ascending) with any number of frequencies at each. If the
//! time bases differ, the estimate is read at the reference's times: nearest neighbour (half-way goes to
//! the earlier one), nothing outside its own range.
//!
//! # Criterion
//! At each time as many pairs as possible within `window` semitones (0.5, inclusive) are matched; the
//! chroma scores do the same modulo an octave. With sums over all times of `r` references, `e` estimates
//! and `t` pairs at each:
//!
//! | score | formula |
//! |---|---|
//! | precision | `Σt / Σe` |
//! | recall | `Σt / Σr` |
//! | accuracy | `Σt / Σ(r + e − t)` |
//! | substitution | `Σ(min(r, e) − t) / Σr` |
//! | miss | `Σ max(0, r − e) / Σr` |
//! | false alarm | `Σ max(0, e − r) / Σr` |
//! | total error | `Σ(max(r, e) − t) / Σr`, the sum of the three errors; may exceed 1 |
//!
//! A ratio with denominator 0 is 0.
//!
//! # Differences from mir_eval
//! Values agree with `mir_eval.multipitch` 0.8.2. Times above 30 000 s are accepted.
//!
//! Source: Poliner & Ellis, "A discriminative model for polyphonic piano transcription", EURASIP JASP
//! 2007; Bay, Ehmann & Downie, ISMIR 2009.

use mir_core::MultiF0;
use serde::{Deserialize, Serialize};

use crate::{
    Error, NamedScores, Result, Side,
    error::{check_length, check_times, check_tolerance},
    frame::{FrameCounts, FrameScores},
    matching::{Graph, match_events},
    score::{Value, values_by_counts},
};

/// Tolerances of the multi-pitch metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultipitchConfig {
    /// Largest difference in semitones, at least 0.
    pub window: f64,
    /// Lowest admissible frequency in hertz, above 0: lower ones are taken for MIDI numbers or other
    /// mistakes.
    pub min_hz: f64,
    /// Highest admissible frequency in hertz.
    pub max_hz: f64,
}

impl Default for MultipitchConfig {
    fn default() -> Self {
        Self { window: 0.5, min_hz: 20.0, max_hz: 5000.0 }
    }
}

impl MultipitchConfig {
    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// [`Error::Config`] names the first field outside its range.
    pub fn validate(&self) -> Result<()> {
        check_tolerance("window", self.window)?;
        if !(self.min_hz.is_finite() && self.min_hz > 0.0) {
            return Err(Error::Config {
                field: "min_hz",
                expected: "finite and above 0",
                actual: self.min_hz,
            });
        }
        if !(self.max_hz.is_finite() && self.max_hz >= self.min_hz) {
            return Err(Error::Config {
                field: "max_hz",
                expected: "finite and not below min_hz",
                actual: self.max_hz,
            });
        }
        Ok(())
    }
}

/// All fourteen scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultipitchScores {
    /// Pitch has to agree.
    pub pitch: FrameScores,
    /// Pitch has to agree up to octaves.
    pub chroma: FrameScores,
}

/// How many of the wrong pitches are right but for an octave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OctaveErrors {
    /// Pitches of the reference for which only an estimate some octaves away is there.
    pub count: usize,
    /// Over the pitches of the reference, in [0, 1]; 0 without one.
    pub rate: f64,
    /// Over all substitutions, in [0, 1]; 0 without one.
    pub share_of_substitutions: f64,
}

impl MultipitchScores {
    /// Octave errors: pairs that match modulo an octave and no longer match as pitches. They are part of
    /// the substitutions.
    pub fn octave_errors(&self) -> OctaveErrors {
        let FrameCounts { entries, substituted, .. } = self.pitch.counts;
        let count = self.chroma.counts.entries.matched - entries.matched;
        let over = |whole: usize| if whole > 0 { count as f64 / whole as f64 } else { 0.0 };
        OctaveErrors {
            count,
            rate: over(entries.reference),
            share_of_substitutions: over(substituted),
        }
    }
}

impl NamedScores for MultipitchScores {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        let Self { pitch, chroma } = self;
        vec![
            ("Precision", pitch.precision),
            ("Recall", pitch.recall),
            ("Accuracy", pitch.accuracy),
            ("Substitution Error", pitch.substitution),
            ("Miss Error", pitch.miss),
            ("False Alarm Error", pitch.false_alarm),
            ("Total Error", pitch.total_error),
            ("Chroma Precision", chroma.precision),
            ("Chroma Recall", chroma.recall),
            ("Chroma Accuracy", chroma.accuracy),
            ("Chroma Substitution Error", chroma.substitution),
            ("Chroma Miss Error", chroma.miss),
            ("Chroma False Alarm Error", chroma.false_alarm),
            ("Chroma Total Error", chroma.total_error),
        ]
    }

    fn values(&self) -> Vec<(&'static str, Value)> {
        values_by_counts(self.entries(), |name| match name.starts_with("Chroma") {
            true => self.chroma.counts.entries,
            false => self.pitch.counts.entries,
        })
    }
}

/// All scores of an estimate.
///
/// # Errors
/// [`Error::Config`] for a bad configuration, [`Error::InvalidFrequency`] for a pitch outside its band.
pub fn evaluate(
    reference: &MultiF0,
    estimate: &MultiF0,
    config: &MultipitchConfig,
) -> Result<MultipitchScores> {
    config.validate()?;
    let side = |side, series: &MultiF0| {
        Frames::new(side, series.times(), series.pitches(), config, |pitch| {
            (pitch.hz(), pitch.midi())
        })
    };
    let reference = side(Side::Reference, reference)?;
    let estimate = side(Side::Estimate, estimate)?;
    Ok(compare(&reference, &estimate, config.window))
}

/// [`evaluate`] on plain slices: times in seconds, and frequencies in hertz at each.
///
/// # Errors
/// [`Error::Config`]; [`Error::Length`] if times and frequencies differ in number;
/// [`Error::InvalidTime`], [`Error::Unsorted`] and [`Error::InvalidFrequency`] for bad entries.
pub fn evaluate_hz<R: AsRef<[f64]>, E: AsRef<[f64]>>(
    reference_times: &[f64],
    reference_hz: &[R],
    estimate_times: &[f64],
    estimate_hz: &[E],
    config: &MultipitchConfig,
) -> Result<MultipitchScores> {
    config.validate()?;
    let midi = |&hz: &f64| (hz, 69.0 + 12.0 * (hz / 440.0).log2());
    let reference = Frames::new(Side::Reference, reference_times, reference_hz, config, midi)?;
    let estimate = Frames::new(Side::Estimate, estimate_times, estimate_hz, config, midi)?;
    Ok(compare(&reference, &estimate, config.window))
}

/// The pitches of a series at other times: those of the nearest time (the earlier one half-way), none
/// outside the range of the series. `times` and `target_times` in seconds, ascending.
///
/// # Errors
/// [`Error::Length`] if times and frequencies differ in number; [`Error::InvalidTime`] and
/// [`Error::Unsorted`] for bad times.
pub fn resample<L: AsRef<[f64]>>(
    times: &[f64],
    hz: &[L],
    target_times: &[f64],
) -> Result<Vec<Vec<f64>>> {
    check_length(Side::Estimate, "frequency lists", times.len(), hz.len())?;
    check_times(Side::Estimate, times)?;
    check_times(Side::Reference, target_times)?;
    let mut nearest = Nearest::new(times);
    let at = |&time: &f64| {
        nearest.index_of(time).map_or_else(Vec::new, |index| hz[index].as_ref().to_vec())
    };
    Ok(target_times.iter().map(at).collect())
}

/// Size of the maximum matching of two lists of pitches (fractional MIDI numbers, in any order) within
/// `window` semitones, with `chroma` modulo an octave: the true positives of one frame.
///
/// # Errors
/// [`Error::Config`] for a window that is negative or not finite; [`Error::Entry`] for a pitch that is
/// not finite.
///
/// ```
/// use mir_eval::multipitch::true_positives;
/// assert_eq!(true_positives(&[60.0, 64.0], &[64.3, 72.0], 0.5, false)?, 1);
/// assert_eq!(true_positives(&[60.0, 64.0], &[64.3, 72.0], 0.5, true)?, 2);
/// # Ok::<(), mir_eval::Error>(())
/// ```
pub fn true_positives(
    reference: &[f64],
    estimate: &[f64],
    window: f64,
    chroma: bool,
) -> Result<usize> {
    check_tolerance("window", window)?;
    for (side, pitches) in [(Side::Reference, reference), (Side::Estimate, estimate)] {
        if let Some(index) = pitches.iter().position(|pitch| !pitch.is_finite()) {
            let (series, expected) = ("pitch", "a finite MIDI number");
            return Err(Error::Entry { side, series, index, expected, actual: pitches[index] });
        }
    }
    if chroma {
        return Ok(Wrapped::default().match_count(reference, estimate, window));
    }
    let sorted = |pitches: &[f64]| {
        let mut pitches = pitches.to_vec();
        pitches.sort_unstable_by(f64::total_cmp);
        pitches
    };
    Ok(match_count(&sorted(reference), &sorted(estimate), window))
}

/// Validated frames: pitches in one list, those of each frame ascending.
struct Frames {
    times: Vec<f64>,
    /// The pitches of frame `i` are `pitches[starts[i]..starts[i + 1]]`, fractional MIDI numbers.
    starts: Vec<usize>,
    pitches: Vec<f64>,
}

impl Frames {
    /// `convert` gives frequency in hertz and MIDI number of an entry.
    fn new<T, L: AsRef<[T]>>(
        side: Side,
        times: &[f64],
        lists: &[L],
        config: &MultipitchConfig,
        convert: impl Fn(&T) -> (f64, f64),
    ) -> Result<Self> {
        check_length(side, "frequency lists", times.len(), lists.len())?;
        check_times(side, times)?;
        let mut starts = Vec::with_capacity(lists.len() + 1);
        let mut pitches = Vec::new();
        starts.push(0);
        for (index, list) in lists.iter().enumerate() {
            let start = pitches.len();
            for entry in list.as_ref() {
                let (hz, midi) = convert(entry);
                if !(config.min_hz..=config.max_hz).contains(&hz) {
                    return Err(Error::InvalidFrequency {
                        side,
                        index,
                        actual: hz,
                        low: config.min_hz,
                        high: config.max_hz,
                    });
                }
                pitches.push(midi);
            }
            pitches[start..].sort_unstable_by(f64::total_cmp);
            starts.push(pitches.len());
        }
        Ok(Self { times: times.to_vec(), starts, pitches })
    }

    fn frame(&self, index: usize) -> &[f64] {
        &self.pitches[self.starts[index]..self.starts[index + 1]]
    }
}

fn compare(reference: &Frames, estimate: &Frames, window: f64) -> MultipitchScores {
    let frames = reference.times.len();
    let same = same_times(&reference.times, &estimate.times);
    let mut nearest = Nearest::new(&estimate.times);
    let (mut pitch, mut chroma) = (FrameCounts::default(), FrameCounts::default());
    let mut wrapped = Wrapped::default();
    for frame in 0..frames {
        let source = if same { Some(frame) } else { nearest.index_of(reference.times[frame]) };
        let r = reference.frame(frame);
        let e = source.map_or(&[][..], |source| estimate.frame(source));
        let matched = match_count(r, e, window);
        pitch.add_frame(matched, r.len(), e.len());
        // Whatever matches as pitch matches as chroma, so a full frame needs no second look.
        let matched_chroma = if matched == r.len().min(e.len()) {
            matched
        } else {
            wrapped.match_count(r, e, window)
        };
        chroma.add_frame(matched_chroma, r.len(), e.len());
    }
    MultipitchScores { pitch: pitch.scores(), chroma: chroma.scores() }
}

/// Whether two time bases are the same as far as `numpy.allclose(estimate, reference)` can tell.
pub(crate) fn same_times(reference: &[f64], estimate: &[f64]) -> bool {
    let close = |(r, e): (&f64, &f64)| (e - r).abs() <= 1e-8 + 1e-5 * r.abs();
    reference.len() == estimate.len() && reference.iter().zip(estimate).all(close)
}

/// Nearest neighbour of ascending queries among ascending times.
pub(crate) struct Nearest<'a> {
    times: &'a [f64],
    position: usize,
}

impl<'a> Nearest<'a> {
    pub(crate) fn new(times: &'a [f64]) -> Self {
        Self { times, position: 0 }
    }

    /// Index of the time nearest to `time`, the earlier one half-way; `None` outside the range.
    pub(crate) fn index_of(&mut self, time: f64) -> Option<usize> {
        let (first, last) = (*self.times.first()?, *self.times.last()?);
        if time < first || time > last {
            return None;
        }
        // Halves before the sum: the middle as scipy's interp1d computes it.
        let middle = |i: usize| self.times[i + 1] / 2.0 + self.times[i] / 2.0;
        while self.position + 1 < self.times.len() && middle(self.position) < time {
            self.position += 1;
        }
        Some(self.position)
    }
}

/// Size of the maximum matching of two ascending lists under a window.
fn match_count(reference: &[f64], estimate: &[f64], window: f64) -> usize {
    if reference.is_empty() || estimate.is_empty() {
        return 0;
    }
    match_events(reference, estimate, window).len()
}

/// Scratch for pitches modulo an octave.
#[derive(Default)]
struct Wrapped {
    reference: Vec<f64>,
    estimate: Vec<f64>,
}

impl Wrapped {
    /// Size of the maximum matching under a window on the circle of twelve semitones.
    fn match_count(&mut self, reference: &[f64], estimate: &[f64], window: f64) -> usize {
        let wrap = |from: &[f64], to: &mut Vec<f64>| {
            to.clear();
            to.extend(from.iter().map(|midi| midi.rem_euclid(12.0)));
            to.sort_unstable_by(f64::total_cmp);
        };
        wrap(reference, &mut self.reference);
        wrap(estimate, &mut self.estimate);
        // On the line first: nothing more can be gained if that uses up one side.
        let on_line = match_count(&self.reference, &self.estimate, window);
        if on_line == reference.len().min(estimate.len()) {
            return on_line;
        }
        let near = |&e: &f64| {
            let close = move |&(_, &r): &(usize, &f64)| {
                let distance = (r - e).abs();
                distance.min(12.0 - distance) <= window
            };
            self.reference.iter().enumerate().filter(close).map(|(i, _)| i)
        };
        Graph::new(self.reference.len(), self.estimate.iter().map(near)).maximum_matching().len()
    }
}
