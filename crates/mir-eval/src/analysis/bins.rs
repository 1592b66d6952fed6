//! What is hard? Recall and precision by a quality of the notes.

use mir_core::Note;
use serde::{Deserialize, Serialize};

use super::{Analysis, Judgement, NoteClass};
use crate::{Error, Result};

/// What notes are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteQuality {
    /// Pitch, MIDI number.
    Pitch,
    /// Velocity, 0 to 127.
    Velocity,
    /// Notes of the same list that sound at the onset, this one included: those that began before it or up to
    /// 50 ms after it (a chord is not struck at once) and have not ended.
    Polyphony,
    /// Duration in seconds.
    Duration,
}

/// Onsets that are this close belong to one chord, seconds.
const CHORD: f64 = 0.05;

impl NoteQuality {
    /// Boundaries that suit piano music: half octaves from C to F sharp, eight steps of velocity, one to
    /// twelve notes, durations that double.
    pub fn boundaries(self) -> Vec<f64> {
        match self {
            Self::Pitch => (5..=17).map(|half| f64::from(6 * half)).collect(),
            Self::Velocity => (1..8).map(|step| f64::from(16 * step)).collect(),
            Self::Polyphony => vec![2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0],
            Self::Duration => vec![0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2],
        }
    }

    /// The quality of every note of a list.
    fn of(self, notes: &[Note]) -> Vec<f64> {
        match self {
            Self::Pitch => notes.iter().map(|n| n.pitch().midi()).collect(),
            Self::Velocity => notes.iter().map(|n| f64::from(n.velocity().value())).collect(),
            Self::Duration => notes.iter().map(Note::duration).collect(),
            Self::Polyphony => {
                let sorted = |time: fn(&Note) -> f64| {
                    let mut times: Vec<f64> = notes.iter().map(time).collect();
                    times.sort_unstable_by(f64::total_cmp);
                    times
                };
                let (onsets, offsets) = (sorted(Note::onset), sorted(Note::offset));
                let sounding = |note: &Note| {
                    let begun = onsets.partition_point(|&t| t <= note.onset() + CHORD);
                    let ended = offsets.partition_point(|&t| t <= note.onset());
                    (begun - ended) as f64
                };
                notes.iter().map(sounding).collect()
            }
        }
    }
}

/// The notes whose quality lies in one range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bin {
    /// Lower end of the range, part of it; `None` for the first bin, which has none.
    pub from: Option<f64>,
    /// Upper end of the range, not part of it; `None` for the last bin, which has none.
    pub to: Option<f64>,
    /// Reference notes.
    pub reference: usize,
    /// Those that were found: onset and pitch are right.
    pub found: usize,
    /// Those found with the right offset.
    pub found_with_offset: usize,
    /// Estimated notes.
    pub estimated: usize,
    /// Those that are right: onset and pitch.
    pub right: usize,
}

impl Bin {
    /// `found / reference`, `None` without a reference note.
    pub fn recall(&self) -> Option<f64> {
        share(self.found, self.reference)
    }

    /// `found_with_offset / reference`, `None` without a reference note.
    pub fn recall_with_offset(&self) -> Option<f64> {
        share(self.found_with_offset, self.reference)
    }

    /// `right / estimated`, `None` without an estimated note.
    pub fn precision(&self) -> Option<f64> {
        share(self.right, self.estimated)
    }

    /// Adds the notes of the same range of another piece.
    fn add(&mut self, other: &Self) {
        self.reference += other.reference;
        self.found += other.found;
        self.found_with_offset += other.found_with_offset;
        self.estimated += other.estimated;
        self.right += other.right;
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Recall and precision by a quality, over several pieces: reference, estimate and what became of them.
/// `n` boundaries make `n + 1` bins, of which the first and the last are open, so that every note lies in one
/// and the counts add up.
///
/// Recall goes by the quality of the reference note, precision by that of the estimated one: a pair may lie in
/// two bins (a note that ends too early is a long reference and a short estimate).
///
/// ```
/// use mir_eval::analysis::{AnalysisConfig, NoteQuality, analyze, binned};
/// use mir_eval::{Key, Note, Velocity};
/// let note = |key, onset| Note::new(onset, onset + 0.5, Key::new(key)?.pitch(), Velocity::MEDIUM);
/// let (reference, estimate) = ([note(40, 0.0)?, note(80, 1.0)?], [note(80, 1.0)?]);
/// let analysis = analyze(&reference, &estimate, &AnalysisConfig::default())?;
/// let pieces = [(&reference[..], &estimate[..], &analysis)];
/// let bins = binned(&pieces, NoteQuality::Pitch, &[60.0])?;
/// assert_eq!((bins[0].recall(), bins[1].recall()), (Some(0.0), Some(1.0)));
/// assert_eq!((bins[0].precision(), bins[1].precision()), (None, Some(1.0)));
/// # Ok::<(), mir_eval::Error>(())
/// ```
///
/// # Errors
/// [`Error::Config`] unless the boundaries are finite and ascend; [`Error::Length`] if an analysis is of other
/// lists.
pub fn binned(
    pieces: &[(&[Note], &[Note], &Analysis)],
    quality: NoteQuality,
    boundaries: &[f64],
) -> Result<Vec<Bin>> {
    let ascend = boundaries.windows(2).all(|pair| pair[0] < pair[1]);
    if let Some(&actual) = boundaries.iter().find(|b| !b.is_finite() || !ascend) {
        return Err(Error::Config {
            field: "boundaries",
            expected: "finite and ascending",
            actual,
        });
    }
    let mut bins: Vec<Bin> = (0..=boundaries.len())
        .map(|i| Bin {
            from: i.checked_sub(1).map(|i| boundaries[i]),
            to: boundaries.get(i).copied(),
            ..Bin::default()
        })
        .collect();
    for (reference, estimate, analysis) in pieces {
        analysis.check(reference, estimate)?;
        let place = |value: f64| boundaries.partition_point(|&b| b <= value);
        let mut piece = vec![Bin::default(); bins.len()];
        let judged = |notes: &[Note], judgements: &[Judgement]| -> Vec<(usize, NoteClass)> {
            let places = quality.of(notes).into_iter().map(place);
            places.zip(judgements).map(|(at, judgement)| (at, judgement.class)).collect()
        };
        for (at, class) in judged(reference, &analysis.reference) {
            piece[at].reference += 1;
            piece[at].found += usize::from(class.is_right());
            piece[at].found_with_offset += usize::from(class == NoteClass::Correct);
        }
        for (at, class) in judged(estimate, &analysis.estimate) {
            piece[at].estimated += 1;
            piece[at].right += usize::from(class.is_right());
        }
        bins.iter_mut().zip(&piece).for_each(|(bin, more)| bin.add(more));
    }
    Ok(bins)
}
