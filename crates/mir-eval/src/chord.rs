//! Chord estimation: for how much of the time does the estimate name the right chord?
//!
//! # Conventions
//! Chords are intervals (seconds, in order) with a label each, in the syntax of Harte: a root, a quality
//! or a list of degrees, a bass: `C`, `G#:min7`, `Bb:maj(9,*5)/3`, `D:(1,5)`; `N` for no chord, `X` for one
//! that cannot be named. The estimate is cropped to the span of the reference and filled with `N`; what
//! lies between two intervals belongs to the earlier one.
//!
//! # Criteria
//! There is no single rule for "the same chord": [`Comparison`] lists twelve. Each says of a pair of
//! chords right, wrong, or outside its vocabulary; the score is the time that is right over the time that
//! is within the vocabulary, and 0 if none is. Three more scores ignore the labels and compare where
//! chords change: [`directional_hamming_distance`].
//!
//! Sources: C. Harte, "Towards automatic extraction of harmony information from music signals", PhD
//! thesis, Queen Mary University of London, 2010; MIREX, Audio Chord Estimation.
//!
//! # Differences from mir_eval
//! Values agree with `mir_eval.chord` 0.8.2, its choices for `X` included: as an estimate it shares its
//! (missing) root with `N`, and all pitch classes with everything under [`Comparison::Mirex`]. An empty
//! reference gives 0 for all scores; estimated chords that touch the reference's span in one point are
//! left out where mir_eval stops. Intervals that are not in order are refused.
//!
//! ```
//! use mir_eval::chord::evaluate;
//! let scores = evaluate(
//!     &[[0.0, 1.0], [1.0, 4.0]], &["C", "G:7"],
//!     &[[0.0, 1.0], [1.0, 4.0]], &["C:min", "G"],
//! )?;
//! assert_eq!((scores.root, scores.majmin, scores.sevenths), (1.0, 0.75, 0.0));
//! # Ok::<(), mir_eval::Error>(())
//! ```

mod label;

use serde::{Deserialize, Serialize};

use crate::{
    Error, NamedScores, Result, Side,
    error::check_length,
    intervals::{adjust, boundaries, check_intervals},
    score::{Undefined, Value},
};

use label::{DOM7, MAJ, MAJ7, MIN, MIN7, MINOR_THIRD, OCTAVE, TRIAD};

pub use label::Chord;

/// The rules by which two chords are "the same".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Root and third.
    Thirds,
    /// Root, third and bass.
    ThirdsInv,
    /// Root and everything up to the (augmented) fifth.
    Triads,
    /// The same and bass.
    TriadsInv,
    /// Root and everything within an octave.
    Tetrads,
    /// The same and bass.
    TetradsInv,
    /// Root.
    Root,
    /// At least three pitch classes in common; references of one or two are outside.
    Mirex,
    /// Triads, where the reference is major, minor or no chord.
    Majmin,
    /// The same and bass.
    MajminInv,
    /// Tetrads, where the reference is maj, min, maj7, 7, min7 or no chord.
    Sevenths,
    /// The same and bass.
    SeventhsInv,
}

impl Comparison {
    /// All rules, in the order of the scores.
    pub const ALL: [Self; 12] = [
        Self::Thirds,
        Self::ThirdsInv,
        Self::Triads,
        Self::TriadsInv,
        Self::Tetrads,
        Self::TetradsInv,
        Self::Root,
        Self::Mirex,
        Self::Majmin,
        Self::MajminInv,
        Self::Sevenths,
        Self::SeventhsInv,
    ];

    /// Whether the estimate is right; `None` if the reference lies outside the vocabulary of the rule.
    pub fn compare(self, reference: &Chord, estimate: &Chord) -> Option<bool> {
        let semitones = reference.semitones;
        let (mask, bass, known) = match self {
            Self::Thirds => (MINOR_THIRD, false, true),
            Self::ThirdsInv => (MINOR_THIRD, true, true),
            Self::Triads => (TRIAD, false, true),
            Self::TriadsInv => (TRIAD, true, true),
            Self::Tetrads => (OCTAVE, false, true),
            Self::TetradsInv => (OCTAVE, true, true),
            Self::Majmin | Self::MajminInv => {
                let known = semitones == 0 || [MAJ, MIN].contains(&(semitones & TRIAD));
                (TRIAD, self == Self::MajminInv, known)
            }
            Self::Sevenths | Self::SeventhsInv => {
                let known = [0, MAJ, MIN, MAJ7, DOM7, MIN7].contains(&semitones);
                (OCTAVE, self == Self::SeventhsInv, known)
            }
            Self::Root => return (!reference.unknown).then(|| reference.root() == estimate.root()),
            Self::Mirex => {
                if reference.unknown || (1..3).contains(&semitones.count_ones()) {
                    return None;
                }
                let common = reference.pitch_classes() & estimate.pitch_classes();
                let both_silent = reference.root().is_none() && estimate.root().is_none();
                return Some(common.count_ones() >= 3 || both_silent);
            }
        };
        (known && !reference.unknown).then(|| {
            reference.root() == estimate.root()
                && (!bass || reference.bass() == estimate.bass())
                && reference.agrees(estimate, mask)
        })
    }
}

/// All scores of one chord estimate, each in [0, 1]: one per [`Comparison`], then the segmentation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the first twelve are the variants of `Comparison`")]
pub struct ChordScores {
    pub thirds: f64,
    pub thirds_inv: f64,
    pub triads: f64,
    pub triads_inv: f64,
    pub tetrads: f64,
    pub tetrads_inv: f64,
    pub root: f64,
    pub mirex: f64,
    pub majmin: f64,
    pub majmin_inv: f64,
    pub sevenths: f64,
    pub sevenths_inv: f64,
    /// 1 unless estimated chords span several reference chords.
    pub underseg: f64,
    /// 1 unless reference chords are split by the estimate.
    pub overseg: f64,
    /// The smaller of the two.
    pub seg: f64,
    /// Seconds within the vocabulary of each comparison, in the order of [`Comparison::ALL`].
    pub within: [f64; 12],
    /// Length of the reference in seconds.
    pub duration: f64,
}

impl NamedScores for ChordScores {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("thirds", self.thirds),
            ("thirds_inv", self.thirds_inv),
            ("triads", self.triads),
            ("triads_inv", self.triads_inv),
            ("tetrads", self.tetrads),
            ("tetrads_inv", self.tetrads_inv),
            ("root", self.root),
            ("mirex", self.mirex),
            ("majmin", self.majmin),
            ("majmin_inv", self.majmin_inv),
            ("sevenths", self.sevenths),
            ("sevenths_inv", self.sevenths_inv),
            ("underseg", self.underseg),
            ("overseg", self.overseg),
            ("seg", self.seg),
        ]
    }

    fn values(&self) -> Vec<(&'static str, Value)> {
        // The segmentation scores come last and need no vocabulary.
        let seconds = self.within.into_iter().chain([self.duration; 3]);
        let value = |((name, score), seconds)| {
            let reason = (seconds <= 0.0).then_some(Undefined::EmptyReference);
            (name, Value::unless(reason, score))
        };
        self.entries().into_iter().zip(seconds).map(value).collect()
    }
}

/// All scores of an estimate: intervals in seconds, one label each.
///
/// # Errors
/// [`Error::Length`] if labels and intervals differ in number; [`Error::Label`] for a bad label;
/// [`Error::InvalidTime`], [`Error::EmptyInterval`], [`Error::Unsorted`] for bad intervals, and
/// [`Error::Overlap`] where different chords overlap.
pub fn evaluate<R: AsRef<str>, E: AsRef<str>>(
    reference_intervals: &[[f64; 2]],
    reference_labels: &[R],
    estimate_intervals: &[[f64; 2]],
    estimate_labels: &[E],
) -> Result<ChordScores> {
    check_intervals(Side::Reference, reference_intervals, reference_labels.len())?;
    check_intervals(Side::Estimate, estimate_intervals, estimate_labels.len())?;
    let reference = encode(reference_labels)?;
    let estimate = encode(estimate_labels)?;
    let ends = boundaries(reference_intervals);
    let (Some(&start), Some(&end)) = (ends.first(), ends.last()) else {
        return Ok(ChordScores::default());
    };
    let none = (Chord::NONE, Chord::NONE);
    let (estimate_intervals, estimate) =
        adjust(estimate_intervals, &estimate, [start, end], none, none);

    let times = boundaries(reference_intervals.iter().chain(&estimate_intervals));
    let (mut r, mut e) = (0, 0);
    let mut right = [0.0; 12];
    let mut total = [0.0; 12];
    for pair in times.windows(2) {
        let begun = |intervals: &[[f64; 2]], at: usize| {
            intervals.get(at + 1).is_some_and(|next| next[0] <= pair[0])
        };
        while begun(reference_intervals, r) {
            r += 1;
        }
        while begun(&estimate_intervals, e) {
            e += 1;
        }
        let duration = pair[1] - pair[0];
        for (rule, (right, total)) in
            Comparison::ALL.into_iter().zip(right.iter_mut().zip(&mut total))
        {
            if let Some(same) = rule.compare(&reference[r].0, &estimate[e].0) {
                *total += duration;
                *right += if same { duration } else { 0.0 };
            }
        }
    }
    let score = |i: usize| if total[i] > 0.0 { right[i] / total[i] } else { 0.0 };
    let merged_reference = merge(reference_intervals, &reference);
    let merged_estimate = merge(&estimate_intervals, &estimate);
    let underseg = underseg(&merged_reference, &merged_estimate)?;
    let overseg = overseg(&merged_reference, &merged_estimate)?;
    Ok(ChordScores {
        thirds: score(0),
        thirds_inv: score(1),
        triads: score(2),
        triads_inv: score(3),
        tetrads: score(4),
        tetrads_inv: score(5),
        root: score(6),
        mirex: score(7),
        majmin: score(8),
        majmin_inv: score(9),
        sevenths: score(10),
        sevenths_inv: score(11),
        underseg,
        overseg,
        seg: underseg.min(overseg),
        within: total,
        duration: end - start,
    })
}

/// Right, wrong or outside the vocabulary, for each pair of labels: `mir_eval`'s `thirds`, `triads`,
/// `mirex` and so on in one function.
///
/// # Errors
/// [`Error::Length`] if the lists differ in length; [`Error::Label`] for a bad label.
///
/// ```
/// use mir_eval::chord::{Comparison, compare_labels};
/// let compared =
///     compare_labels(Comparison::Majmin, &["C", "G:7", "D:dim"], &["C:maj", "G:min", "D"])?;
/// assert_eq!(compared, [Some(true), Some(false), None]);
/// # Ok::<(), mir_eval::Error>(())
/// ```
pub fn compare_labels<R: AsRef<str>, E: AsRef<str>>(
    rule: Comparison,
    reference: &[R],
    estimate: &[E],
) -> Result<Vec<Option<bool>>> {
    check_length(Side::Estimate, "labels", reference.len(), estimate.len())?;
    let pairs = reference.iter().zip(estimate);
    pairs.map(|(r, e)| Ok(rule.compare(&r.as_ref().parse()?, &e.as_ref().parse()?))).collect()
}

/// Mean of comparisons weighted by durations, over those within the vocabulary; 0 if there are none.
///
/// # Errors
/// [`Error::Length`] if the slices differ in length; [`Error::Entry`] for a weight that is negative or
/// not finite.
pub fn weighted_accuracy(comparisons: &[Option<bool>], weights: &[f64]) -> Result<f64> {
    let side = Side::Reference;
    check_length(side, "weights", comparisons.len(), weights.len())?;
    let (mut right, mut total) = (0.0, 0.0);
    for (index, (comparison, &weight)) in comparisons.iter().zip(weights).enumerate() {
        if !(weight.is_finite() && weight >= 0.0) {
            let expected = "finite and at least 0";
            return Err(Error::Entry { side, series: "weight", index, expected, actual: weight });
        }
        if let Some(same) = comparison {
            total += weight;
            right += if *same { weight } else { 0.0 };
        }
    }
    Ok(if total > 0.0 { right / total } else { 0.0 })
}

/// Part of the reference's span that is not covered if each reference interval may keep only its longest
/// piece between boundaries of the estimate; in [0, 1), and 0 without a reference.
///
/// `1 −` this is the over-segmentation score; with the sides exchanged the under-segmentation score.
///
/// # Errors
/// [`Error::InvalidTime`], [`Error::EmptyInterval`], [`Error::Unsorted`] for bad intervals and
/// [`Error::Overlap`] for reference intervals that overlap.
pub fn directional_hamming_distance(reference: &[[f64; 2]], estimate: &[[f64; 2]]) -> Result<f64> {
    check_intervals(Side::Reference, reference, reference.len())?;
    check_intervals(Side::Estimate, estimate, estimate.len())?;
    check_overlap(Side::Reference, reference)?;
    Ok(hamming(reference, estimate))
}

/// 1 − [`directional_hamming_distance`]: 1 unless reference intervals are split by the estimate.
///
/// # Errors
/// As [`directional_hamming_distance`].
pub fn overseg(reference: &[[f64; 2]], estimate: &[[f64; 2]]) -> Result<f64> {
    Ok(1.0 - directional_hamming_distance(reference, estimate)?)
}

/// [`overseg`] with the sides exchanged: 1 unless estimated intervals span several of the reference.
///
/// # Errors
/// As [`directional_hamming_distance`].
pub fn underseg(reference: &[[f64; 2]], estimate: &[[f64; 2]]) -> Result<f64> {
    check_intervals(Side::Reference, reference, reference.len())?;
    check_intervals(Side::Estimate, estimate, estimate.len())?;
    check_overlap(Side::Estimate, estimate)?;
    Ok(1.0 - hamming(estimate, reference))
}

/// The smaller of [`overseg`] and [`underseg`].
///
/// # Errors
/// As [`directional_hamming_distance`].
pub fn seg(reference: &[[f64; 2]], estimate: &[[f64; 2]]) -> Result<f64> {
    Ok(overseg(reference, estimate)?.min(underseg(reference, estimate)?))
}

/// Intervals (in order) without the boundaries at which the chord does not change, extensions considered.
///
/// # Errors
/// [`Error::Length`] if labels and intervals differ in number; [`Error::Label`] for a bad label;
/// [`Error::InvalidTime`], [`Error::EmptyInterval`], [`Error::Unsorted`] for bad intervals.
pub fn merge_chord_intervals<L: AsRef<str>>(
    intervals: &[[f64; 2]],
    labels: &[L],
) -> Result<Vec<[f64; 2]>> {
    check_intervals(Side::Reference, intervals, labels.len())?;
    Ok(merge(intervals, &encode(labels)?))
}

fn hamming(reference: &[[f64; 2]], estimate: &[[f64; 2]]) -> f64 {
    let (Some(first), Some(last)) = (reference.first(), reference.last()) else {
        return 0.0;
    };
    let times = boundaries(estimate);
    let mut missed = 0.0;
    for &[start, end] in reference {
        let from = times.partition_point(|&t| t < start);
        let (mut longest, mut previous) = (0.0f64, start);
        for &t in times[from..].iter().take_while(|&&t| t < end) {
            longest = longest.max(t - previous);
            previous = t;
        }
        missed += (end - start) - longest.max(end - previous);
    }
    missed / (last[1] - first[0])
}

/// The chords of labels, without and with extensions. Neighbours often share a label.
fn encode<L: AsRef<str>>(labels: &[L]) -> Result<Vec<(Chord, Chord)>> {
    let mut chords: Vec<(Chord, Chord)> = Vec::with_capacity(labels.len());
    for label in labels {
        chords.push((label.as_ref().parse()?, Chord::with_extensions(label.as_ref())?));
    }
    Ok(chords)
}

/// Intervals without the boundaries at which the chord does not change.
fn merge(intervals: &[[f64; 2]], chords: &[(Chord, Chord)]) -> Vec<[f64; 2]> {
    let mut merged: Vec<[f64; 2]> = Vec::with_capacity(intervals.len());
    let mut current = None;
    for (&interval, &(_, chord)) in intervals.iter().zip(chords) {
        match merged.last_mut() {
            Some(last) if current == Some(chord) => last[1] = interval[1],
            _ => merged.push(interval),
        }
        current = Some(chord);
    }
    merged
}

fn check_overlap(side: Side, intervals: &[[f64; 2]]) -> Result<()> {
    match intervals.windows(2).position(|pair| pair[0][1] > pair[1][0]) {
        None => Ok(()),
        Some(before) => Err(Error::Overlap {
            side,
            previous_end: intervals[before][1],
            start: intervals[before + 1][0],
        }),
    }
}
