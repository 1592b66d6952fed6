//! One side of a comparison.

use std::path::Path;

#[cfg(feature = "separation")]
use mir_core::{AudioBuffer, Error as CoreError};
#[cfg(feature = "separation")]
use ndarray::{Array1, Array2, Array3, Axis};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Task;
use crate::{
    Error, Result, hierarchy::Level, key::KeyLabel, melody::MelodySeries, pattern::Pattern, text,
    transcription_velocity::VelocityNotes,
};

/// What a task compares, reference or estimate.
#[derive(Clone, Debug, PartialEq)]
pub enum Annotation {
    /// Times in seconds.
    Events(Vec<f64>),
    /// Labelled intervals.
    Labeled(LabeledIntervals),
    /// Labelled intervals, one list a level.
    Levels(Vec<LabeledIntervals>),
    /// A melody.
    Series(Series),
    /// Several pitches at each time.
    Ragged(RaggedSeries),
    /// Notes.
    Notes(Notes),
    /// A key.
    Key(KeyLabel),
    /// Two tempi in beats per minute and the weight of the first; that of an estimate plays no part.
    Tempo {
        /// The tempi.
        tempi: [f64; 2],
        /// The weight, in [0, 1].
        weight: f64,
    },
    /// Repeated patterns.
    Patterns(Vec<Pattern>),
    /// Sources, `[sources, samples, channels]`.
    #[cfg(feature = "separation")]
    Sources(Array3<f64>),
}

/// Intervals in seconds, and one label for each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabeledIntervals {
    /// Start and end.
    pub intervals: Vec<[f64; 2]>,
    /// The labels.
    pub labels: Vec<String>,
}

impl LabeledIntervals {
    pub(super) fn level(&self) -> Level<'_, String> {
        Level { intervals: &self.intervals, labels: &self.labels }
    }
}

/// Times in seconds, and one frequency for each; the meaning is that of [`MelodySeries`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Times in seconds.
    pub times: Vec<f64>,
    /// Frequencies in hertz; 0 for none, negative for an unvoiced guess.
    pub hz: Vec<f64>,
    /// Voicing of an estimate or reward of a reference, in [0, 1].
    #[serde(default)]
    pub voicing: Option<Vec<f64>>,
}

impl Series {
    pub(super) fn melody(&self) -> MelodySeries<'_> {
        MelodySeries { times: &self.times, hz: &self.hz, voicing: self.voicing.as_deref() }
    }
}

/// Times in seconds, and any number of frequencies for each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RaggedSeries {
    /// Times in seconds.
    pub times: Vec<f64>,
    /// Frequencies in hertz.
    pub hz: Vec<Vec<f64>>,
}

/// Notes: one entry a note in each list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notes {
    /// Start and end in seconds.
    pub intervals: Vec<[f64; 2]>,
    /// Frequency in hertz.
    pub hz: Vec<f64>,
    /// Velocity; empty for a task that does not look at it.
    #[serde(default)]
    pub velocities: Vec<f64>,
}

impl Notes {
    pub(super) fn with_velocity(&self) -> VelocityNotes<'_> {
        VelocityNotes { intervals: &self.intervals, hz: &self.hz, velocities: &self.velocities }
    }
}

impl Annotation {
    /// Reads one side of a task: one file, or one a level for `hierarchy`.
    ///
    /// # Errors
    /// [`Error::FileCount`] for no file, for more than the task takes, and for `separation`, whose audio
    /// this crate does not read (`Annotation::from_audio` takes it); the errors of the readers in
    /// [`text`].
    pub fn read<P: AsRef<Path>>(task: Task, files: &[P]) -> Result<Self> {
        let labeled = |path: &P| -> Result<LabeledIntervals> {
            let (intervals, labels) = text::read_labeled_intervals(path)?;
            Ok(LabeledIntervals { intervals, labels })
        };
        if let (Task::Hierarchy, [_, ..]) = (task, files) {
            return Ok(Self::Levels(files.iter().map(labeled).collect::<Result<_>>()?));
        }
        let [path] = files else {
            return Err(Error::FileCount { task, actual: files.len() });
        };
        Ok(match task {
            Task::Alignment | Task::Beat | Task::Onset => Self::Events(text::read_events(path)?),
            Task::Chord | Task::Segment => Self::Labeled(labeled(path)?),
            Task::Key => Self::Key(text::read_key(path)?),
            Task::Melody => {
                let (times, hz) = text::read_time_series(path)?;
                Self::Series(Series { times, hz, voicing: None })
            }
            Task::Multipitch => {
                let (times, hz) = text::read_ragged_time_series(path)?;
                Self::Ragged(RaggedSeries { times, hz })
            }
            Task::Pattern => Self::Patterns(text::read_patterns(path)?),
            Task::Tempo => {
                let (tempi, weight) = text::read_tempi(path)?;
                Self::Tempo { tempi, weight }
            }
            Task::Transcription => {
                let (intervals, hz) = text::read_valued_intervals(path)?;
                Self::Notes(Notes { intervals, hz, velocities: Vec::new() })
            }
            Task::TranscriptionVelocity => {
                let notes = text::read_velocity_intervals(path)?;
                let (hz, velocities) = (notes.pitches, notes.velocities);
                Self::Notes(Notes { intervals: notes.intervals, hz, velocities })
            }
            // Taken above.
            Task::Hierarchy => Self::Levels(vec![labeled(path)?]),
            #[cfg(feature = "separation")]
            Task::Separation => return Err(Error::FileCount { task, actual: files.len() }),
        })
    }

    /// One side of a task from JSON: the fields of this module's types (a list for events and patterns, a
    /// string for a key, `[tempo, tempo, weight]`).
    ///
    /// # Errors
    /// [`Error::Json`] for JSON of another form, [`Error::Label`] for a key that there is not.
    ///
    /// ```
    /// use mir_eval::task::{Annotation, Task};
    /// let beats = Annotation::from_json(Task::Beat, serde_json::json!([0.5, 1.0]))?;
    /// assert_eq!(beats, Annotation::Events(vec![0.5, 1.0]));
    /// # Ok::<(), mir_eval::Error>(())
    /// ```
    pub fn from_json(task: Task, json: serde_json::Value) -> Result<Self> {
        Ok(match task {
            Task::Alignment | Task::Beat | Task::Onset => Self::Events(typed(task, json)?),
            Task::Chord | Task::Segment => Self::Labeled(typed(task, json)?),
            Task::Hierarchy => Self::Levels(typed(task, json)?),
            Task::Key => Self::Key(typed::<String>(task, json)?.parse()?),
            Task::Melody => Self::Series(typed(task, json)?),
            Task::Multipitch => Self::Ragged(typed(task, json)?),
            Task::Pattern => Self::Patterns(typed(task, json)?),
            #[cfg(feature = "separation")]
            Task::Separation => {
                let sources: Vec<Vec<f64>> = typed(task, json)?;
                let mono = |source: Vec<f64>| Array1::from(source).insert_axis(Axis(0));
                Self::Sources(stack(&sources.into_iter().map(mono).collect::<Vec<_>>())?)
            }
            Task::Tempo => {
                let [first, second, weight] = typed(task, json)?;
                Self::Tempo { tempi: [first, second], weight }
            }
            Task::Transcription | Task::TranscriptionVelocity => Self::Notes(typed(task, json)?),
        })
    }
}

#[cfg(feature = "separation")]
impl Annotation {
    /// The recordings of the sources, one each.
    ///
    /// # Errors
    /// [`mir_core::Error::Mismatch`] if they differ in sample rate, [`Error::SignalShape`] if they differ
    /// in length or channels.
    pub fn from_audio(sources: &[AudioBuffer]) -> Result<Self> {
        for pair in sources.windows(2) {
            let [expected, actual] = [&pair[0], &pair[1]].map(AudioBuffer::sample_rate);
            if expected != actual {
                let (expected, actual) = (expected.to_string(), actual.to_string());
                return Err(CoreError::Mismatch { field: "sample rate", expected, actual }.into());
            }
        }
        let samples = |source: &AudioBuffer| source.samples().mapv(f64::from);
        Ok(Self::Sources(stack(&sources.iter().map(samples).collect::<Vec<_>>())?))
    }
}

/// Sources of shape `[channels, samples]` as one array `[sources, samples, channels]`.
#[cfg(feature = "separation")]
fn stack(sources: &[Array2<f64>]) -> Result<Array3<f64>> {
    let (channels, samples) = sources.first().map_or((0, 0), Array2::dim);
    if let Some(other) = sources.iter().find(|source| source.dim() != (channels, samples)) {
        let (other_channels, other_samples) = other.dim();
        return Err(Error::SignalShape {
            expected: [1, samples, channels],
            actual: [1, other_samples, other_channels],
        });
    }
    let mut stacked = Array3::zeros((sources.len(), samples, channels));
    for (mut slot, source) in stacked.outer_iter_mut().zip(sources) {
        slot.assign(&source.t());
    }
    Ok(stacked)
}

fn typed<T: DeserializeOwned>(task: Task, json: serde_json::Value) -> Result<T> {
    serde_json::from_value(json).map_err(|source| Error::Json { task, source })
}
