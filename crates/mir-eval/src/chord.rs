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

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    Error, NamedScores, Result, Side,
    error::check_length,
    intervals::{adjust, boundaries, check_intervals},
    score::{Undefined, Value},
};

/// Semitones up to the fifth, raised once: what makes a triad.
const TRIAD: u16 = 0x0ff;
/// All semitones of an octave.
const OCTAVE: u16 = 0xfff;
/// The minor third.
const MINOR_THIRD: u16 = 1 << 3;

const MAJ: u16 = bits(&[0, 4, 7]);
const MIN: u16 = bits(&[0, 3, 7]);
const MAJ7: u16 = bits(&[0, 4, 7, 11]);
const MIN7: u16 = bits(&[0, 3, 7, 10]);
const DOM7: u16 = bits(&[0, 4, 7, 10]);

/// A simpler quality with added degrees that an extended chord stands for.
type Extension = Option<(u16, &'static [i32])>;

/// The qualities, their semitones above the root, and what extended ones consist of.
#[rustfmt::skip]
const QUALITIES: [(&str, u16, Extension); 24] = [
    ("maj", MAJ, None),
    ("min", MIN, None),
    ("aug", bits(&[0, 4, 8]), None),
    ("dim", bits(&[0, 3, 6]), None),
    ("sus4", bits(&[0, 5, 7]), None),
    ("sus2", bits(&[0, 2, 7]), None),
    ("7", DOM7, None),
    ("maj7", MAJ7, None),
    ("min7", MIN7, None),
    ("minmaj7", bits(&[0, 3, 7, 11]), Some((MIN, &[7]))),
    ("maj6", bits(&[0, 4, 7, 9]), None),
    ("min6", bits(&[0, 3, 7, 9]), None),
    ("dim7", bits(&[0, 3, 6, 9]), None),
    ("hdim7", bits(&[0, 3, 6, 10]), None),
    ("maj9", MAJ7, Some((MAJ7, &[9]))),
    ("min9", MIN7, Some((MIN7, &[9]))),
    ("9", DOM7, Some((DOM7, &[9]))),
    ("min11", MIN7, Some((MIN7, &[9, 11]))),
    ("11", DOM7, Some((DOM7, &[9, 11]))),
    ("maj13", MAJ7, Some((MAJ7, &[9, 11, 13]))),
    ("min13", MIN7, Some((MIN7, &[9, 11, 13]))),
    ("13", DOM7, Some((DOM7, &[9, 11, 13]))),
    ("1", bits(&[0]), None),
    ("5", bits(&[0, 7]), None),
];

/// Semitones of the degrees 1 to 13 above the root.
const DEGREES: [i32; 13] = [0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 17, 19, 21];

const fn bits(semitones: &[u16]) -> u16 {
    let (mut set, mut i) = (0, 0);
    while i < semitones.len() {
        set |= 1 << semitones[i];
        i += 1;
    }
    set
}

/// A chord as the comparisons see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chord {
    /// Root and bass: semitones above C and above the root. `None` for `N` and `X`.
    root_and_bass: Option<(u8, u8)>,
    /// Semitones above the root that sound; bit 0 is the root.
    semitones: u16,
    /// Whether this is `X`.
    unknown: bool,
}

impl Chord {
    /// No chord: `N`.
    pub const NONE: Self = Self { root_and_bass: None, semitones: 0, unknown: false };
    /// A chord without a name: `X`.
    pub const UNKNOWN: Self = Self { root_and_bass: None, semitones: 0, unknown: true };

    /// From a label, with the upper degrees of extended chords (`9`, `min11`, …) folded into the octave
    /// instead of left out. The comparisons leave them out; where one chord ends and the next begins is
    /// decided with them.
    ///
    /// # Errors
    /// [`Error::Label`] for a label outside the syntax, or of a quality without a definition (`aug7`,
    /// `maj11`).
    pub fn with_extensions(label: &str) -> Result<Self> {
        parse(label, true).ok_or_else(|| no_chord(label))
    }

    /// Semitones of the root above C; `None` for `N` and `X`.
    pub fn root(&self) -> Option<u8> {
        self.root_and_bass.map(|(root, _)| root)
    }

    /// Semitones of the bass above the root; `None` for `N` and `X`.
    pub fn bass(&self) -> Option<u8> {
        self.root_and_bass.map(|(_, bass)| bass)
    }

    /// Semitones above the root that sound, bit 0 for the root itself; 0 for `N` and `X`.
    pub fn semitones(&self) -> u16 {
        self.semitones
    }

    /// Whether two chords agree in the semitones of `mask`; `X` agrees with `X` only.
    fn agrees(&self, other: &Self, mask: u16) -> bool {
        self.unknown == other.unknown && (self.semitones ^ other.semitones) & mask == 0
    }

    /// Pitch classes that sound, bit 0 for C. All of them for `X`, as in mir_eval; none for `N`.
    pub fn pitch_classes(&self) -> u16 {
        match self.root_and_bass {
            Some((root, _)) => {
                let wide = u32::from(self.semitones) << root;
                (wide as u16 & OCTAVE) | (wide >> 12) as u16
            }
            None if self.unknown => OCTAVE,
            None => 0,
        }
    }
}

impl FromStr for Chord {
    type Err = Error;

    /// From a label.
    ///
    /// # Errors
    /// As [`Chord::with_extensions`].
    fn from_str(label: &str) -> Result<Self> {
        parse(label, false).ok_or_else(|| no_chord(label))
    }
}

fn no_chord(label: &str) -> Error {
    Error::Label {
        kind: "chord",
        label: label.to_owned(),
        expected: "a label such as 'C', 'G#:min7', 'Bb:maj(9)/3', 'N' or 'X'",
    }
}

/// `N | X | root [:quality] [(degrees)] [/bass]`.
fn parse(label: &str, extensions: bool) -> Option<Chord> {
    match label {
        "N" => return Some(Chord::NONE),
        "X" => return Some(Chord::UNKNOWN),
        _ => {}
    }
    let (chord, bass) = match label.split_once('/') {
        Some((chord, bass)) => (chord, Degree::parse(bass)?.semitones()),
        None => (label, 0),
    };
    let (root, quality) = match chord.split_once(':') {
        Some((root, quality)) => (root, Some(quality)),
        None => (chord, None),
    };
    let root = root_of(root)?;
    let mut counts = [0i32; 12];
    // Each degree counts once, however often it is written.
    let mut degrees: Vec<(bool, Degree)> = Vec::new();
    let mut shape = MAJ;
    if let Some(quality) = quality {
        let (name, list) = match quality.split_once('(') {
            Some((name, list)) => (name, Some(list.strip_suffix(')')?)),
            None => (quality, None),
        };
        for text in list.into_iter().flat_map(|list| list.split(',')) {
            let (omitted, text) = match text.strip_prefix('*') {
                Some(text) => (true, text),
                None => (false, text),
            };
            degrees.push((omitted, Degree::parse(text)?));
        }
        let plain = |number: &i32| (false, Degree { shift: 0, number: *number });
        shape = match QUALITIES.iter().find(|(known, ..)| *known == name) {
            Some((_, _, Some((base, added)))) if extensions => {
                degrees.extend(added.iter().map(plain));
                *base
            }
            Some((_, shape, _)) => *shape,
            None if name.is_empty() && list.is_some() => 0,
            None => return None,
        };
    }
    for (semitone, count) in counts.iter_mut().enumerate() {
        *count = i32::from(shape >> semitone & 1 == 1 || semitone == 0);
    }
    for (i, (omitted, degree)) in degrees.iter().enumerate() {
        let semitones = degree.semitones();
        if !degrees[..i].contains(&(*omitted, *degree)) && (extensions || semitones < 12) {
            counts[semitones.rem_euclid(12) as usize] += if *omitted { -1 } else { 1 };
        }
    }
    let bass = bass.rem_euclid(12) as u8;
    let sounding = (0..12).filter(|&i| counts[i] > 0).fold(1 << bass, |set, i| set | 1 << i);
    Some(Chord { root_and_bass: Some((root, bass)), semitones: sounding, unknown: false })
}

/// A letter and accidentals of one kind, as semitones above C.
fn root_of(text: &str) -> Option<u8> {
    let letter = text.chars().next()?;
    let semitone = match letter {
        'C' => 0,
        'D' => 2,
        'E' => 4,
        'F' => 5,
        'G' => 7,
        'A' => 9,
        'B' => 11,
        _ => return None,
    };
    let (shift, rest) = accidentals(&text[1..]);
    rest.is_empty().then(|| (semitone + shift).rem_euclid(12) as u8)
}

/// Semitones of the accidentals at the start of a text, and what follows.
fn accidentals(text: &str) -> (i32, &str) {
    let sharp = text.trim_start_matches('#');
    let flat = text.trim_start_matches('b');
    if flat.len() < text.len() {
        // Modulo an octave, so that no length of a label overflows.
        (-(((text.len() - flat.len()) % 1200) as i32), flat)
    } else {
        (((text.len() - sharp.len()) % 1200) as i32, sharp)
    }
}

/// A degree of the scale with its accidentals.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Degree {
    shift: i32,
    number: i32,
}

impl Degree {
    fn parse(text: &str) -> Option<Self> {
        let (shift, rest) = accidentals(text);
        let canonical = !rest.starts_with(['0', '+', '-']);
        let number = rest.parse().ok().filter(|n| canonical && (1..=13).contains(n))?;
        Some(Self { shift, number })
    }

    fn semitones(self) -> i32 {
        DEGREES[self.number as usize - 1] + self.shift
    }
}

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
