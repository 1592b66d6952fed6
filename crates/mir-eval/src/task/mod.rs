//! Tasks by name: how do I score whatever I am given, with the names and the numbers of `mir_eval`?
//!
//! The metric modules have types of their own. This module stands above them, for programs that learn at
//! run time what is to be scored: a [`Task`] has a name, [`Annotation::read`] reads the files that
//! `mir_eval`'s evaluators read, a [`TaskConfig`] holds the settings, and [`Scores`] are the entries that
//! `mir_eval.TASK.evaluate` returns, in its order.
//!
//! | task | a side is |
//! |---|---|
//! | `alignment`, `beat`, `onset` | one file of times |
//! | `chord`, `segment` | one file of start, end, label |
//! | `hierarchy` | one such file a level, from the whole to the parts |
//! | `key` | one file with tonic and mode |
//! | `melody` | one file of time, frequency |
//! | `multipitch` | one file of time and any number of frequencies |
//! | `pattern` | one file in the form of MIREX 2013 |
//! | `separation` (feature) | one recording a source; this crate reads no audio, see `Annotation::from_audio` |
//! | `tempo` | one file of two tempi and a weight |
//! | `transcription` | one file of start, end, frequency |
//! | `transcription_velocity` | one file of start, end, frequency, velocity |
//!
//! # Undefined values
//! [`Scores`] hold `mir_eval`'s number in every case, NaN included; the metric modules tell why a value
//! is what it is.
//!
//! ```
//! use mir_eval::task::{Annotation, Task, TaskConfig};
//! let config = TaskConfig::new("onset".parse::<Task>()?);
//! let reference = Annotation::Events(vec![1.0, 2.0]);
//! let estimate = Annotation::Events(vec![1.01, 3.0]);
//! let scores = config.evaluate(&reference, &estimate)?;
//! assert_eq!(scores.to_json(), r#"{"F-measure": 0.5, "Precision": 0.5, "Recall": 0.5}"#);
//! # Ok::<(), mir_eval::Error>(())
//! ```

mod annotation;
mod files;
mod scores;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use self::{
    annotation::{Annotation, LabeledIntervals, Notes, RaggedSeries, Series},
    files::{FilePair, FilePairs, pair_files},
    scores::{ScoreValue, Scores},
};
#[cfg(feature = "separation")]
use crate::separation::{self, SeparationConfig};
use crate::{
    Error, Result,
    alignment::{self, AlignmentConfig},
    beat::{self, BeatConfig},
    chord,
    hierarchy::{self, HierarchyConfig},
    key,
    melody::{self, MelodyConfig},
    multipitch::{self, MultipitchConfig},
    onset::{self, OnsetConfig},
    pattern::{self, PatternConfig},
    segment::{self, SegmentConfig},
    tempo::{self, ReferenceTempo, TempoConfig},
    transcription::{self, TranscriptionConfig},
    transcription_velocity::{self, TranscriptionVelocityConfig},
};

/// A task of `mir_eval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// When does each word or note of a known list sound?
    Alignment,
    /// When does one tap?
    Beat,
    /// Which chord is it?
    Chord,
    /// How is the form nested?
    Hierarchy,
    /// Which key is it in?
    Key,
    /// Which pitch does the melody have?
    Melody,
    /// Which pitches sound?
    Multipitch,
    /// When does something begin?
    Onset,
    /// Which themes are repeated?
    Pattern,
    /// What are the parts of the form?
    Segment,
    /// How do the sources sound alone?
    #[cfg(feature = "separation")]
    Separation,
    /// How fast is it?
    Tempo,
    /// Which notes are played?
    Transcription,
    /// Which notes are played, and how loud?
    TranscriptionVelocity,
}

impl Task {
    /// All tasks, in the order of their names.
    pub const ALL: &[Self] = &[
        Self::Alignment,
        Self::Beat,
        Self::Chord,
        Self::Hierarchy,
        Self::Key,
        Self::Melody,
        Self::Multipitch,
        Self::Onset,
        Self::Pattern,
        Self::Segment,
        #[cfg(feature = "separation")]
        Self::Separation,
        Self::Tempo,
        Self::Transcription,
        Self::TranscriptionVelocity,
    ];

    /// The name of the task's module in `mir_eval`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alignment => "alignment",
            Self::Beat => "beat",
            Self::Chord => "chord",
            Self::Hierarchy => "hierarchy",
            Self::Key => "key",
            Self::Melody => "melody",
            Self::Multipitch => "multipitch",
            Self::Onset => "onset",
            Self::Pattern => "pattern",
            Self::Segment => "segment",
            #[cfg(feature = "separation")]
            Self::Separation => "separation",
            Self::Tempo => "tempo",
            Self::Transcription => "transcription",
            Self::TranscriptionVelocity => "transcription_velocity",
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Task {
    type Err = Error;

    /// From the task's [`name`](Task::name).
    ///
    /// # Errors
    /// [`Error::Label`] for any other text.
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|task| task.name() == text).ok_or_else(|| Error::Label {
            kind: "task",
            label: text.to_owned(),
            expected: "alignment, beat, chord, hierarchy, key, melody, multipitch, onset, pattern, \
                       segment, separation, tempo, transcription or transcription_velocity",
        })
    }
}

/// The settings of a task: the configuration of its module. In JSON and TOML they stand beside a field
/// `task` with its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum TaskConfig {
    /// Settings of [`alignment`].
    Alignment(AlignmentConfig),
    /// Settings of [`beat`].
    Beat(BeatConfig),
    /// [`chord`] has none.
    Chord(NoSettings),
    /// Settings of [`hierarchy`].
    Hierarchy(HierarchyConfig),
    /// [`key`] has none.
    Key(NoSettings),
    /// Settings of [`melody`].
    Melody(MelodyConfig),
    /// Settings of [`multipitch`].
    Multipitch(MultipitchConfig),
    /// Settings of [`onset`].
    Onset(OnsetConfig),
    /// Settings of [`pattern`].
    Pattern(PatternConfig),
    /// Settings of [`segment`].
    Segment(SegmentConfig),
    /// Settings of [`separation`].
    #[cfg(feature = "separation")]
    Separation(SeparationConfig),
    /// Settings of [`tempo`].
    Tempo(TempoConfig),
    /// Settings of [`transcription`].
    Transcription(TranscriptionConfig),
    /// Settings of [`transcription_velocity`].
    TranscriptionVelocity(TranscriptionVelocityConfig),
}

/// The settings of a task that has none. A name in their place is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

impl TaskConfig {
    /// The published settings of a task.
    pub fn new(task: Task) -> Self {
        match task {
            Task::Alignment => Self::Alignment(AlignmentConfig::default()),
            Task::Beat => Self::Beat(BeatConfig::default()),
            Task::Chord => Self::Chord(NoSettings {}),
            Task::Hierarchy => Self::Hierarchy(HierarchyConfig::default()),
            Task::Key => Self::Key(NoSettings {}),
            Task::Melody => Self::Melody(MelodyConfig::default()),
            Task::Multipitch => Self::Multipitch(MultipitchConfig::default()),
            Task::Onset => Self::Onset(OnsetConfig::default()),
            Task::Pattern => Self::Pattern(PatternConfig::default()),
            Task::Segment => Self::Segment(SegmentConfig::default()),
            #[cfg(feature = "separation")]
            Task::Separation => Self::Separation(SeparationConfig::default()),
            Task::Tempo => Self::Tempo(TempoConfig::default()),
            Task::Transcription => Self::Transcription(TranscriptionConfig::default()),
            Task::TranscriptionVelocity => {
                Self::TranscriptionVelocity(TranscriptionVelocityConfig::default())
            }
        }
    }

    /// The task.
    pub const fn task(&self) -> Task {
        match self {
            Self::Alignment(_) => Task::Alignment,
            Self::Beat(_) => Task::Beat,
            Self::Chord(_) => Task::Chord,
            Self::Hierarchy(_) => Task::Hierarchy,
            Self::Key(_) => Task::Key,
            Self::Melody(_) => Task::Melody,
            Self::Multipitch(_) => Task::Multipitch,
            Self::Onset(_) => Task::Onset,
            Self::Pattern(_) => Task::Pattern,
            Self::Segment(_) => Task::Segment,
            #[cfg(feature = "separation")]
            Self::Separation(_) => Task::Separation,
            Self::Tempo(_) => Task::Tempo,
            Self::Transcription(_) => Task::Transcription,
            Self::TranscriptionVelocity(_) => Task::TranscriptionVelocity,
        }
    }

    /// All scores of an estimate, named and ordered as `mir_eval.TASK.evaluate` does.
    ///
    /// # Errors
    /// [`Error::Annotation`] for annotations that are not those of the task, and the errors of the
    /// `evaluate` of the task's module.
    pub fn evaluate(&self, reference: &Annotation, estimate: &Annotation) -> Result<Scores> {
        use Annotation as A;
        Ok(match (self, reference, estimate) {
            (Self::Alignment(config), A::Events(r), A::Events(e)) => {
                Scores::of(&alignment::evaluate(r, e, config)?)
            }
            (Self::Beat(config), A::Events(r), A::Events(e)) => {
                Scores::of(&beat::evaluate(r, e, config)?)
            }
            (Self::Chord(_), A::Labeled(r), A::Labeled(e)) => {
                Scores::of(&chord::evaluate(&r.intervals, &r.labels, &e.intervals, &e.labels)?)
            }
            (Self::Hierarchy(config), A::Levels(r), A::Levels(e)) => {
                let (r, e): (Vec<_>, Vec<_>) = (
                    r.iter().map(LabeledIntervals::level).collect(),
                    e.iter().map(LabeledIntervals::level).collect(),
                );
                Scores::of(&hierarchy::evaluate(&r, &e, config)?)
            }
            (Self::Key(_), A::Key(r), A::Key(e)) => Scores::of(&key::evaluate(*r, *e)),
            (Self::Melody(config), A::Series(r), A::Series(e)) => {
                Scores::of(&melody::evaluate_hz(r.melody(), e.melody(), config)?)
            }
            (Self::Multipitch(config), A::Ragged(r), A::Ragged(e)) => {
                Scores::of(&multipitch::evaluate_hz(&r.times, &r.hz, &e.times, &e.hz, config)?)
            }
            (Self::Onset(config), A::Events(r), A::Events(e)) => {
                Scores::of(&onset::evaluate(r, e, config)?)
            }
            (Self::Pattern(config), A::Patterns(r), A::Patterns(e)) => {
                Scores::of(&pattern::evaluate(r, e, config)?)
            }
            (Self::Segment(config), A::Labeled(r), A::Labeled(e)) => Scores::of(
                &segment::evaluate(&r.intervals, &r.labels, &e.intervals, &e.labels, config)?,
            ),
            #[cfg(feature = "separation")]
            (Self::Separation(config), A::Sources(r), A::Sources(e)) => {
                Scores::of_separation(&separation::evaluate(r, e, config)?)
            }
            (Self::Tempo(config), A::Tempo { tempi, weight }, A::Tempo { tempi: estimate, .. }) => {
                let reference = ReferenceTempo::new(*tempi, *weight)?;
                Scores::of_tempo(&tempo::evaluate(&reference, *estimate, config)?)
            }
            (Self::Transcription(config), A::Notes(r), A::Notes(e)) => Scores::of(
                &transcription::evaluate_hz(&r.intervals, &r.hz, &e.intervals, &e.hz, config)?,
            ),
            (Self::TranscriptionVelocity(config), A::Notes(r), A::Notes(e)) => Scores::of(
                &transcription_velocity::evaluate_hz(r.with_velocity(), e.with_velocity(), config)?,
            ),
            _ => return Err(Error::Annotation { task: self.task() }),
        })
    }
}
