//! The error type of this crate.

use std::{fmt, path::PathBuf};

use crate::task::Task;

/// Which of the two annotations an error speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The truth.
    Reference,
    /// What is judged.
    Estimate,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reference => "reference",
            Self::Estimate => "estimate",
        })
    }
}

/// What can be wrong with annotations, configurations or pictures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two series that belong together differ in length.
    #[error("{side}: {series} has {actual} entries, expected {expected}")]
    Length {
        /// Whose series.
        side: Side,
        /// Name of the series.
        series: &'static str,
        /// Entries of the series that it belongs to.
        expected: usize,
        /// Its own entries.
        actual: usize,
    },
    /// A time is negative or not finite.
    #[error("{side}: time {index} is {actual} s, expected a finite number of at least 0")]
    InvalidTime {
        /// Whose time.
        side: Side,
        /// Index of the note, event or frame.
        index: usize,
        /// The time in seconds.
        actual: f64,
    },
    /// A note does not end after it starts.
    #[error(
        "{side}: note {index} lasts from {onset} s to {offset} s; the metrics need notes that end \
         after they start (give such notes a length or leave them out)"
    )]
    EmptyNote {
        /// Whose note.
        side: Side,
        /// Index of the note.
        index: usize,
        /// Its start in seconds.
        onset: f64,
        /// Its end in seconds.
        offset: f64,
    },
    /// A time lies before the one in front of it.
    #[error("{side}: time {index} is {actual} s, after {previous} s; sort the times")]
    Unsorted {
        /// Whose times.
        side: Side,
        /// Index of the time that comes too early.
        index: usize,
        /// The time before it in seconds.
        previous: f64,
        /// The time itself in seconds.
        actual: f64,
    },
    /// A frequency lies outside the admissible band.
    #[error("{side}: frequency of entry {index} is {actual} Hz, expected {low} to {high} Hz")]
    InvalidFrequency {
        /// Whose frequency.
        side: Side,
        /// Index of the note or frame.
        index: usize,
        /// The frequency in hertz.
        actual: f64,
        /// Lowest admissible frequency, hertz.
        low: f64,
        /// Highest admissible frequency, hertz.
        high: f64,
    },
    /// A velocity is negative or not finite.
    #[error("{side}: velocity of note {index} is {actual}, expected a finite number of at least 0")]
    InvalidVelocity {
        /// Whose velocity.
        side: Side,
        /// Index of the note.
        index: usize,
        /// The velocity.
        actual: f64,
    },
    /// An interval does not end after it starts.
    #[error(
        "{side}: interval {index} lasts from {start} s to {end} s, expected an end after the start"
    )]
    EmptyInterval {
        /// Whose interval.
        side: Side,
        /// Index of the interval.
        index: usize,
        /// Its start in seconds.
        start: f64,
        /// Its end in seconds.
        end: f64,
    },
    /// An interval starts before the one in front of it has ended.
    #[error(
        "{side}: an interval starts at {start} s, before the end of the one before at {previous_end} s"
    )]
    Overlap {
        /// Whose intervals.
        side: Side,
        /// End of the earlier interval in seconds.
        previous_end: f64,
        /// Start of the later one in seconds.
        start: f64,
    },
    /// A level of a hierarchy does not cover what the others do.
    #[error(
        "{side}: level {level} lasts from {start} s to {end} s, expected 0 s to {expected_end} s as \
         the first level"
    )]
    LevelSpan {
        /// Whose level.
        side: Side,
        /// Index of the level.
        level: usize,
        /// Its start in seconds.
        start: f64,
        /// Its end in seconds.
        end: f64,
        /// End of the first level in seconds.
        expected_end: f64,
    },
    /// A pattern has no occurrence, or one without points.
    #[error("{side}: pattern {pattern} has no occurrence, or one without points; leave it out")]
    EmptyPattern {
        /// Whose pattern.
        side: Side,
        /// Index of the pattern.
        pattern: usize,
    },
    /// A value of a series lies outside its range.
    #[error("{side}: {series} {index} is {actual}, expected {expected}")]
    Entry {
        /// Whose value.
        side: Side,
        /// Name of the series.
        series: &'static str,
        /// Index of the value.
        index: usize,
        /// The admissible range in words.
        expected: &'static str,
        /// The value that came.
        actual: f64,
    },
    /// A label does not follow the grammar of its kind.
    #[error("'{label}' is no {kind}: expected {expected}")]
    Label {
        /// What the label should name.
        kind: &'static str,
        /// The label.
        label: String,
        /// The grammar in words.
        expected: &'static str,
    },
    /// A cell of a matrix is NaN or infinite.
    #[error("{side}: the cell in row {row}, column {column} is {actual}, expected a finite number")]
    InvalidCell {
        /// Whose matrix.
        side: Side,
        /// Row.
        row: usize,
        /// Column.
        column: usize,
        /// The value.
        actual: f32,
    },
    /// Two matrices that are compared cell by cell differ in shape.
    #[error("the estimate has shape {actual:?}, the reference {expected:?}")]
    Shape {
        /// Rows and columns of the reference.
        expected: (usize, usize),
        /// Rows and columns of the estimate.
        actual: (usize, usize),
    },
    /// A field of a configuration lies outside its range.
    #[error("{field} is {actual}, expected {expected}")]
    Config {
        /// Name of the field.
        field: &'static str,
        /// The admissible range in words.
        expected: &'static str,
        /// The value that came.
        actual: f64,
    },
    /// A statistic needs more values than there are.
    #[error("{statistic} needs at least {expected} values, got {actual}")]
    TooFewValues {
        /// Name of the statistic.
        statistic: &'static str,
        /// Values needed.
        expected: usize,
        /// Values given.
        actual: usize,
    },
    /// A value that a statistic is asked to use is undefined (or not finite).
    #[error("value {index} is undefined; leave it out or count it as zero by choosing that policy")]
    UndefinedValue {
        /// Index of the value.
        index: usize,
    },
    /// Two systems that are compared piece by piece have different numbers of pieces.
    #[error("the first system has {expected} scores, the second {actual}; pair them by piece")]
    Unpaired {
        /// Scores of the first system.
        expected: usize,
        /// Scores of the second.
        actual: usize,
    },
    /// A table row has another number of values than the table has columns.
    #[error("row '{row}' has {actual} values, the table has {expected} columns")]
    TableRow {
        /// Name of the row.
        row: String,
        /// Columns of the table.
        expected: usize,
        /// Values of the row.
        actual: usize,
    },
    /// The estimated sources have another shape than the reference, or separate ones differ.
    #[error("signals have shape {actual:?} (sources, samples, channels), expected {expected:?}")]
    SignalShape {
        /// Sources, samples and channels expected.
        expected: [usize; 3],
        /// Those that came.
        actual: [usize; 3],
    },
    /// More sources than can be separated by any system.
    #[error(
        "{actual} sources, expected at most {limit}; is the array [sources, samples, channels]?"
    )]
    TooManySources {
        /// The most that are admitted.
        limit: usize,
        /// Sources that came.
        actual: usize,
    },
    /// A sample is NaN, infinite or too large for its energy to be a number.
    #[error("{side}: source {signal}, channel {channel}: sample {sample} is {actual}")]
    InvalidSample {
        /// Whose signal.
        side: Side,
        /// Index of the source.
        signal: usize,
        /// Index of the channel.
        channel: usize,
        /// Index of the sample.
        sample: usize,
        /// Its value.
        actual: f64,
    },
    /// The factor of the Gram matrix does not fit the memory.
    #[error(
        "no memory for a least-squares problem with {unknowns} unknowns; use fewer sources or taps"
    )]
    TooLarge {
        /// Sources times channels times taps.
        unknowns: usize,
    },
    /// A table of scores has no such target.
    #[error("there is no target '{target}'")]
    UnknownTarget {
        /// Its name.
        target: String,
    },
    /// A score file of `museval` does not have its form.
    #[error("not a museval score file")]
    ScoreFile {
        /// The cause.
        source: serde_json::Error,
    },
    /// A picture's file name has an extension that no writer serves.
    #[cfg(feature = "plots")]
    #[error("cannot draw '{}': the extension has to be .png or .svg", path.display())]
    PictureFormat {
        /// The file.
        path: PathBuf,
    },
    /// A picture could not be encoded.
    #[cfg(feature = "plots")]
    #[error("cannot encode the picture as PNG")]
    Png {
        /// The cause.
        source: png::EncodingError,
    },
    /// A task was given annotations of another kind.
    #[error("these are no annotations for the task {task}; read them with Annotation::read")]
    Annotation {
        /// The task.
        task: Task,
    },
    /// A task was given another number of files than it takes.
    #[error(
        "{task}: {actual} files for one side; hierarchy takes one a level, separation takes no text \
         but audio, every other task takes one"
    )]
    FileCount {
        /// The task.
        task: Task,
        /// The number of files.
        actual: usize,
    },
    /// An annotation in JSON has not the form of its task.
    #[error("{task}: the annotation has another form in JSON")]
    Json {
        /// The task.
        task: Task,
        /// The cause.
        source: serde_json::Error,
    },
    /// Two entries of a folder have the same name without extension.
    #[error(
        "'{}' and '{}' have the same name without extension; one piece may have one of them",
        first.display(), second.display()
    )]
    AmbiguousName {
        /// The first entry.
        first: PathBuf,
        /// The second entry.
        second: PathBuf,
    },
    /// A file could not be written, or a value of the vocabulary is impossible.
    #[error(transparent)]
    Core(#[from] mir_core::Error),
}

/// `Result` with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Checks a field of a configuration: finite and at least 0.
pub(crate) fn check_tolerance(field: &'static str, value: f64) -> Result<()> {
    if value.is_finite() && value >= 0.0 {
        Ok(())
    } else {
        Err(Error::Config { field, expected: "finite and at least 0", actual: value })
    }
}

/// Checks that times are finite, at least 0 and do not decrease. Equal neighbours are admitted: two
/// events may fall together.
pub(crate) fn check_times(side: Side, times: &[f64]) -> Result<()> {
    let mut previous = 0.0;
    for (index, &actual) in times.iter().enumerate() {
        if !(actual.is_finite() && actual >= 0.0) {
            return Err(Error::InvalidTime { side, index, actual });
        }
        if actual < previous {
            return Err(Error::Unsorted { side, index, previous, actual });
        }
        previous = actual;
    }
    Ok(())
}

/// Checks that two series that belong together have the same length.
pub(crate) fn check_length(
    side: Side,
    series: &'static str,
    expected: usize,
    actual: usize,
) -> Result<()> {
    if actual == expected {
        return Ok(());
    }
    Err(Error::Length { side, series, expected, actual })
}
