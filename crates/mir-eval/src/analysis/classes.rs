//! One class for every note.

use std::{collections::BTreeMap, fmt, iter::Sum, ops::Add};

use mir_core::Note;
use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisConfig, Judgement};
use crate::{
    Result,
    matching::Graph,
    transcription::{TranscriptionConfig, judged_pairs, match_notes},
};

/// What a note is. The [module](super) has the definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteClass {
    /// Onset, pitch and offset are right.
    Correct,
    /// Onset and pitch are right.
    WrongOffset,
    /// The pitch is right, the onset is off by more than the tolerance and not by much.
    Timing,
    /// One or two octaves off.
    Octave,
    /// An octave and a fifth off: the third harmonic.
    Twelfth,
    /// A neighbouring key.
    Semitone,
    /// Two reference notes became one estimated note; this is the one without an estimate.
    Merged,
    /// A second estimated note at the onset of one reference note.
    Doubled,
    /// A second estimated note while one reference note sounds.
    Split,
    /// A reference note that nothing in the estimate explains.
    Missed,
    /// An estimated note that nothing in the reference explains.
    FalseAlarm,
}

impl NoteClass {
    /// All classes, from right to wrong.
    pub const ALL: [Self; 11] = [
        Self::Correct,
        Self::WrongOffset,
        Self::Timing,
        Self::Octave,
        Self::Twelfth,
        Self::Semitone,
        Self::Merged,
        Self::Doubled,
        Self::Split,
        Self::Missed,
        Self::FalseAlarm,
    ];

    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::WrongOffset => "wrong offset",
            Self::Timing => "wrong onset",
            Self::Octave => "octave",
            Self::Twelfth => "twelfth",
            Self::Semitone => "semitone",
            Self::Merged => "merged",
            Self::Doubled => "doubled",
            Self::Split => "split",
            Self::Missed => "missed",
            Self::FalseAlarm => "false alarm",
        }
    }

    /// Whether the note scores count it as right: its onset and its pitch are.
    pub const fn is_right(self) -> bool {
        matches!(self, Self::Correct | Self::WrongOffset)
    }

    /// Semitones by which notes of this class are off, if it is about an interval.
    pub(super) const fn intervals(self) -> &'static [i32] {
        match self {
            Self::Octave => &[12, -12, 24, -24],
            Self::Twelfth => &[19, -19],
            Self::Semitone => &[1, -1],
            _ => &[],
        }
    }
}

impl fmt::Display for NoteClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The classes that are about an interval, in the order in which they are tried.
const INTERVAL_CLASSES: [NoteClass; 3] =
    [NoteClass::Octave, NoteClass::Twelfth, NoteClass::Semitone];

/// How many notes are of which class; those of several pieces add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassCounts {
    /// Notes of the reference; classes without a note are left out.
    pub reference: BTreeMap<NoteClass, usize>,
    /// Notes of the estimate; classes without a note are left out.
    pub estimate: BTreeMap<NoteClass, usize>,
}

impl ClassCounts {
    /// Reference notes of a class.
    pub fn of_reference(&self, class: NoteClass) -> usize {
        self.reference.get(&class).copied().unwrap_or(0)
    }

    /// Estimated notes of a class.
    pub fn of_estimate(&self, class: NoteClass) -> usize {
        self.estimate.get(&class).copied().unwrap_or(0)
    }
}

impl Add for ClassCounts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        for (class, count) in other.reference {
            *self.reference.entry(class).or_default() += count;
        }
        for (class, count) in other.estimate {
            *self.estimate.entry(class).or_default() += count;
        }
        self
    }
}

impl Sum for ClassCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

/// Applies the rules of the module one after the other.
pub(super) fn classify(
    reference: &[Note],
    estimate: &[Note],
    config: &AnalysisConfig,
) -> Result<Analysis> {
    let mut rules = Rules {
        reference: Column::new(reference),
        estimate: Column::new(estimate),
        tolerances: &config.tolerances,
        timing: config.timing_tolerance,
    };
    for pair in judged_pairs(reference, estimate, &config.tolerances)? {
        let class = if pair.offset { NoteClass::Correct } else { NoteClass::WrongOffset };
        rules.join(class, pair.reference, pair.estimate, 0);
    }
    rules.pair_late_and_early()?;
    for class in INTERVAL_CLASSES {
        rules.pair_at_intervals(class);
    }
    rules.find_repeated();
    rules.find_beside();
    let rest = |column: Column<'_>, class| -> Vec<Judgement> {
        let alone = Judgement { class, partner: None, interval: 0, one_to_one: false };
        column.judged.into_iter().map(|judgement| judgement.unwrap_or(alone)).collect()
    };
    Ok(Analysis {
        reference: rest(rules.reference, NoteClass::Missed),
        estimate: rest(rules.estimate, NoteClass::FalseAlarm),
    })
}

/// The notes of one list, and those that have been judged.
struct Column<'a> {
    notes: &'a [Note],
    judged: Vec<Option<Judgement>>,
    /// Indices by onset.
    order: Vec<usize>,
    /// Length of the longest note in seconds: what sounds at a time began no earlier than that.
    longest: f64,
}

impl<'a> Column<'a> {
    fn new(notes: &'a [Note]) -> Self {
        let mut order: Vec<usize> = (0..notes.len()).collect();
        order.sort_by(|&a, &b| notes[a].onset().total_cmp(&notes[b].onset()));
        let longest = notes.iter().map(Note::duration).fold(0.0, f64::max);
        Self { notes, judged: vec![None; notes.len()], order, longest }
    }

    /// Notes with onsets in a closed range, by onset. The range is widened a little: tolerances are compared
    /// after rounding, by whoever asks.
    fn starting(&self, from: f64, to: f64) -> impl Iterator<Item = usize> + '_ {
        const ROUNDING: f64 = 1e-3;
        let first = self.order.partition_point(|&i| self.notes[i].onset() < from - ROUNDING);
        let rest = self.order[first..].iter().copied();
        rest.take_while(move |&i| self.notes[i].onset() <= to + ROUNDING)
    }

    fn free(&self) -> Vec<usize> {
        (0..self.notes.len()).filter(|&i| self.judged[i].is_none()).collect()
    }

    /// Whether a note is another note's, up to timing.
    fn is_heard(&self, index: usize) -> bool {
        let heard = |j: Judgement| j.class.is_right() || j.class == NoteClass::Timing;
        self.judged[index].is_some_and(heard)
    }
}

struct Rules<'a> {
    reference: Column<'a>,
    estimate: Column<'a>,
    tolerances: &'a TranscriptionConfig,
    timing: f64,
}

impl Rules<'_> {
    fn join(&mut self, class: NoteClass, reference: usize, estimate: usize, interval: i32) {
        let judgement =
            |partner| Some(Judgement { class, partner: Some(partner), interval, one_to_one: true });
        self.reference.judged[reference] = judgement(estimate);
        self.estimate.judged[estimate] = judgement(reference);
    }

    /// Pairs of free notes of one pitch whose onsets are further apart than the onset tolerance: if they were
    /// not, the matching of the note scores would have had one more pair.
    fn pair_late_and_early(&mut self) -> Result<()> {
        let (r, e) = (self.reference.free(), self.estimate.free());
        let notes = |column: &Column<'_>, free: &[usize]| -> Vec<Note> {
            free.iter().map(|&i| column.notes[i]).collect()
        };
        let wide = TranscriptionConfig {
            onset_tolerance: self.timing,
            offset_ratio: None,
            ..self.tolerances.clone()
        };
        let pairs = match_notes(&notes(&self.reference, &r), &notes(&self.estimate, &e), &wide)?;
        for (i, j) in pairs {
            self.join(NoteClass::Timing, r[i], e[j], 0);
        }
        Ok(())
    }

    /// Pairs of free notes that are together at an interval of a class.
    fn pair_at_intervals(&mut self, class: NoteClass) {
        let (free_r, free_e) = (self.reference.free(), self.estimate.free());
        let mut place = vec![usize::MAX; self.reference.notes.len()];
        free_r.iter().enumerate().for_each(|(at, &r)| place[r] = at);
        let candidates = free_e.iter().map(|&e| {
            let near = self.together(&self.reference, &self.estimate.notes[e]);
            let fits =
                |&r: &usize| place[r] != usize::MAX && self.interval_of(class, r, e).is_some();
            near.filter(fits).map(|r| place[r]).collect::<Vec<_>>()
        });
        let pairs = Graph::new(free_r.len(), candidates).maximum_matching();
        for (r, e) in pairs {
            let (r, e) = (free_r[r], free_e[e]);
            if let Some(interval) = self.interval_of(class, r, e) {
                self.join(class, r, e, interval);
            }
        }
    }

    /// Free notes at the onset, or during the sound, of a note that is another's.
    fn find_repeated(&mut self) {
        for r in self.reference.free() {
            let note = &self.reference.notes[r];
            if let Some((_, e)) = self.repeated(&self.estimate, note) {
                self.reference.judged[r] = Some(Self::aside(NoteClass::Merged, e, 0));
            }
        }
        for e in self.estimate.free() {
            let note = &self.estimate.notes[e];
            if let Some((at_onset, r)) = self.repeated(&self.reference, note) {
                let class = if at_onset { NoteClass::Doubled } else { NoteClass::Split };
                self.estimate.judged[e] = Some(Self::aside(class, r, 0));
            }
        }
    }

    /// The note of the other list that this one repeats, and whether at its onset; the nearest onset first.
    fn repeated(&self, other: &Column<'_>, note: &Note) -> Option<(bool, usize)> {
        let at = note.onset();
        let wide = TranscriptionConfig { onset_tolerance: self.timing, ..self.tolerances.clone() };
        let reach = other.longest.max(self.timing);
        other
            .starting(at - reach, at + self.timing)
            .filter(|&i| other.is_heard(i))
            .filter_map(|i| {
                let whole = &other.notes[i];
                let same = self.tolerances.pitches_match(whole.pitch().midi(), note.pitch().midi());
                let at_onset = wide.onsets_match(whole.onset(), at);
                let inside = whole.onset() < at && at < whole.offset();
                (same && (at_onset || inside)).then_some((at_onset, i))
            })
            .min_by(|&(_, a), &(_, b)| self.nearer(other, at, a, b))
    }

    /// Free notes beside any note of the other list, judged or not, at an interval.
    fn find_beside(&mut self) {
        for class in INTERVAL_CLASSES {
            for r in self.reference.free() {
                let note = &self.reference.notes[r];
                let near = self.together(&self.estimate, note);
                let found = near
                    .filter_map(|e| Some((e, self.interval_of(class, r, e)?)))
                    .min_by(|a, b| self.nearer(&self.estimate, note.onset(), a.0, b.0));
                if let Some((e, interval)) = found {
                    self.reference.judged[r] = Some(Self::aside(class, e, interval));
                }
            }
            for e in self.estimate.free() {
                let note = &self.estimate.notes[e];
                let near = self.together(&self.reference, note);
                let found = near
                    .filter_map(|r| Some((r, self.interval_of(class, r, e)?)))
                    .min_by(|a, b| self.nearer(&self.reference, note.onset(), a.0, b.0));
                if let Some((r, interval)) = found {
                    self.estimate.judged[e] = Some(Self::aside(class, r, interval));
                }
            }
        }
    }

    fn aside(class: NoteClass, partner: usize, interval: i32) -> Judgement {
        Judgement { class, partner: Some(partner), interval, one_to_one: false }
    }

    /// By distance of the onset to a time, then by index.
    fn nearer(&self, column: &Column<'_>, at: f64, a: usize, b: usize) -> std::cmp::Ordering {
        let distance = |i: usize| (column.notes[i].onset() - at).abs();
        distance(a).total_cmp(&distance(b)).then(a.cmp(&b))
    }

    /// Notes of a list whose onsets agree with a note's.
    fn together<'s>(
        &'s self,
        column: &'s Column<'_>,
        note: &Note,
    ) -> impl Iterator<Item = usize> + 's {
        let (at, tolerance) = (note.onset(), self.tolerances.onset_tolerance);
        let near = column.starting(at - tolerance, at + tolerance);
        near.filter(move |&i| self.tolerances.onsets_match(column.notes[i].onset(), at))
    }

    /// Which interval of a class lies between two notes.
    fn interval_of(&self, class: NoteClass, reference: usize, estimate: usize) -> Option<i32> {
        let from = self.reference.notes[reference].pitch().midi();
        let to = self.estimate.notes[estimate].pitch().midi();
        let fits =
            |interval: &&i32| self.tolerances.pitches_match(from + f64::from(**interval), to);
        class.intervals().iter().find(fits).copied()
    }
}
