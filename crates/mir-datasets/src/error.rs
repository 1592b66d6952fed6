//! The error type of this crate.

use std::path::PathBuf;

use mir_core::{Fingerprint, batch::BatchPosition};

use crate::TrackId;

/// A cause from a library whose own error type is not part of this crate's interface.
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What can go wrong between a folder of recordings and a batch.
///
/// Errors of other crates are boxed, so that a `Result` of this crate stays small whatever they hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `read`, `write`, `create` …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A folder does not hold the data set.
    #[error("{} holds no {dataset} recording; expected {expected}", path.display())]
    NoRecordings {
        /// Name of the data set.
        dataset: &'static str,
        /// The folder that was searched.
        path: PathBuf,
        /// The layout that is understood, in words.
        expected: &'static str,
    },
    /// A recording lacks a file that belongs to it.
    #[error(
        "{track} has no {what}: {} does not exist; add the file or remove the recording",
        path.display()
    )]
    MissingFile {
        /// The recording.
        track: TrackId,
        /// What is missing, `label file` say.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
    },
    /// A recording has no annotation of the kind that was asked for.
    #[error(
        "{track} has no {label}; it has {}",
        if available.is_empty() { "no annotations".to_owned() } else { available.join(", ") }
    )]
    NotAnnotated {
        /// The recording.
        track: TrackId,
        /// What was asked for.
        label: String,
        /// What it is annotated with.
        available: Vec<String>,
    },
    /// A recording has no stem of the name that was asked for.
    #[error(
        "{track} has no stem '{stem}'; it has {}",
        if available.is_empty() { "no stems".to_owned() } else { available.join(", ") }
    )]
    NoStem {
        /// The recording.
        track: TrackId,
        /// What was asked for.
        stem: String,
        /// The stems that it has.
        available: Vec<String>,
    },
    /// An annotation of a recording cannot be used.
    #[error("{track}: cannot load {label}")]
    Annotation {
        /// The recording.
        track: TrackId,
        /// The annotation.
        label: String,
        /// The cause, which names the file.
        source: Box<Error>,
    },
    /// No data set has this name.
    #[error(
        "'{name}' is no data set that is known here{}; known are {}",
        nearest.map_or(String::new(), |nearest| format!("; did you mean '{nearest}'?")), known.join(", ")
    )]
    UnknownDataset {
        /// The name.
        name: String,
        /// The known name that is closest.
        nearest: Option<&'static str>,
        /// All known names.
        known: Vec<&'static str>,
    },
    /// A data set is not open to programs: people have to ask for it.
    #[error(
        "{dataset} cannot be downloaded by a program. It comes from: {home}. Terms: {license}. \
         Put it below {} as: {layout}",
        root.display()
    )]
    Manual {
        /// Name of the data set.
        dataset: &'static str,
        /// Where it comes from, and how it is got.
        home: &'static str,
        /// Terms of use.
        license: &'static str,
        /// The layout that is understood.
        layout: &'static str,
        /// The folder.
        root: PathBuf,
    },
    /// A file could not be downloaded.
    #[error("cannot download {url}; what has come is kept, and the next call goes on with it")]
    Download {
        /// The last address that was tried.
        url: String,
        /// The cause.
        source: Cause,
    },
    /// A downloaded file is not the published one.
    #[error(
        "{} has the digest {found}, expected {expected}: it was changed on the way or at its source, and is \
         not kept",
        path.display()
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The published digest.
        expected: String,
        /// What came.
        found: String,
    },
    /// An archive, or an entry of it, cannot be unpacked.
    #[error("{}: {} cannot be unpacked", path.display(), if entry.is_empty() { "it" } else { entry })]
    Archive {
        /// The archive.
        path: PathBuf,
        /// The entry; empty where it is the archive as a whole.
        entry: String,
        /// What is wrong with it.
        #[source]
        reason: Cause,
    },
    /// An entry of an index cannot be used.
    #[error("{}: '{entry}' is not {expected}", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// Group, id and key of the entry.
        entry: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A file is not what its ending says: MATLAB data, YAML, a database.
    #[error("{} is no usable {format} file", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should be.
        format: &'static str,
        /// What is wrong with it.
        source: Cause,
    },
    /// A file name does not follow the rule of its data set.
    #[error("{} is not named {expected}; rename or remove the file", path.display())]
    FileName {
        /// The file.
        path: PathBuf,
        /// The form that names have.
        expected: &'static str,
    },
    /// Two files claim to be the same recording.
    #[error("{track} exists twice: {} and {}; remove one", first.display(), second.display())]
    DuplicateTrack {
        /// The recording.
        track: TrackId,
        /// The one file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A name cannot be the name of a track.
    #[error(
        "'{id}' cannot be a track name: expected 1 to 200 bytes without slashes and control \
         characters, and not starting with a dot"
    )]
    TrackName {
        /// The name.
        id: String,
    },
    /// A split has no recording.
    #[error(
        "the {split} split of {dataset} is empty; check that the folder holds its recordings and \
         that the split's settings leave any"
    )]
    EmptySplit {
        /// Name of the data set.
        dataset: String,
        /// Name of the split.
        split: String,
    },
    /// A setting lies outside the range that it admits.
    #[error("{field} is {actual}, expected {expected}")]
    InvalidConfig {
        /// Name of the setting.
        field: &'static str,
        /// The admissible range, in words.
        expected: &'static str,
        /// The value that came.
        actual: String,
    },
    /// Notes of a recording begin after its audio has ended: label and audio files do not belong
    /// together, or the audio is cut off.
    #[error(
        "{track}: a note begins at {onset:.3} s but the audio ends at {duration:.3} s; check that \
         label and audio file belong together and that the audio is complete"
    )]
    LabelsBeyondAudio {
        /// The recording.
        track: TrackId,
        /// Onset of the last note, seconds.
        onset: f64,
        /// Length of the audio, seconds.
        duration: f64,
    },
    /// Features of a recording are not finite numbers.
    #[error("{track}: feature {bin} of frame {frame} is {value}, expected a finite number")]
    NonFiniteFeature {
        /// The recording.
        track: TrackId,
        /// Frame, from 0.
        frame: usize,
        /// Bin, from 0.
        bin: usize,
        /// The value.
        value: f32,
    },
    /// Features of a recording lie outside what the store's format can hold.
    #[error("{track}: a feature lies outside the range of {format:?}; store them as F32")]
    BeyondFormat {
        /// The recording.
        track: TrackId,
        /// The format.
        format: crate::store::ValueFormat,
    },
    /// A recording could not be decoded or resampled.
    #[error("{track}: cannot load the audio")]
    Audio {
        /// The recording.
        track: TrackId,
        /// The cause, which names the file.
        source: Box<mir_audio::Error>,
    },
    /// A folder of recordings could not be listed.
    #[error("cannot list the recordings of a folder")]
    ListAudio {
        /// The cause, which names the folder.
        source: Box<mir_audio::Error>,
    },
    /// The labels of a recording cannot be used.
    #[error("{track}: cannot load the notes")]
    Notes {
        /// The recording.
        track: TrackId,
        /// The cause, which names file, line and column.
        source: Box<mir_core::Error>,
    },
    /// The MIDI file of a recording cannot be used.
    #[error("{track}: cannot load the MIDI file")]
    Midi {
        /// The recording.
        track: TrackId,
        /// The cause, which names the file.
        source: Box<mir_midi::Error>,
    },
    /// A table of a data set (its list of recordings, say) cannot be understood.
    #[error("{}, line {line}: {reason}", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// Line from 1; in JSON the number of the row from 0.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A generated recording could not be rendered.
    #[error("{track}: cannot render the recording")]
    Render {
        /// The recording.
        track: TrackId,
        /// The cause.
        source: Cause,
    },
    /// A front end could not be planned or run.
    #[error("cannot compute the features{}", track.as_ref().map_or(String::new(), |t| format!(" of {t}")))]
    Features {
        /// The recording; `None` where the configuration itself is at fault.
        track: Option<TrackId>,
        /// The cause.
        source: Box<mir_features::Error>,
    },
    /// A value of the vocabulary could not be made.
    #[error(transparent)]
    Core(#[from] mir_core::Error),
    /// The work was cancelled from outside. Nothing was published.
    #[error("cancelled after {done} of {total} recordings")]
    Cancelled {
        /// Recordings that were complete.
        done: usize,
        /// Recordings in all.
        total: usize,
    },
    /// A recording failed and the build was asked to stop at the first failure.
    #[error("{track} could not be prepared; repair or remove it, or build with on_error = skip")]
    TrackFailed {
        /// The recording.
        track: TrackId,
        /// Why.
        source: Box<Error>,
    },
    /// Every recording failed, so there is nothing to store.
    #[error("none of the {total} recordings could be prepared; the first was {track}")]
    AllFailed {
        /// Recordings in all.
        total: usize,
        /// The first that failed.
        track: TrackId,
        /// Why that one failed.
        source: Box<Error>,
    },
    /// A file is not a feature store that this version reads.
    #[error(
        "{} is not a usable feature store: {field} is {actual}, expected {expected}; delete the \
         file and build it again",
        path.display()
    )]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        field: String,
        /// What it should be.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// The HDF5 library refused an operation.
    #[error("cannot {action} the HDF5 file {}", path.display())]
    Hdf5 {
        /// `open`, `write` …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Cause,
    },
    /// A store was made by another computation or from other recordings than asked for.
    #[error(
        "{} was built with other settings ({found} instead of {expected}): {}",
        path.display(), differences.join("; ")
    )]
    StoreMismatch {
        /// The file.
        path: PathBuf,
        /// Fingerprint that was asked for.
        expected: Fingerprint,
        /// Fingerprint of the file.
        found: Fingerprint,
        /// The fields that differ, each as `field: wanted … , found …`.
        differences: Vec<String>,
    },
    /// Frames outside a track, or a track outside the store, were asked for.
    #[error("{what} {actual} lies outside the store, which has {available}")]
    OutOfStore {
        /// `track` or `frame`.
        what: &'static str,
        /// What was asked for.
        actual: usize,
        /// What there is.
        available: usize,
    },
    /// A buffer has another length than the frames that should fill it.
    #[error("the buffer has {actual} values, expected {expected}")]
    BufferLength {
        /// Values that the frames have.
        expected: usize,
        /// Values that the buffer has.
        actual: usize,
    },
    /// A bank of notes has no note that could stand for the one that is wanted.
    #[error("there is no {} near pitch {}; add notes of it", wanted.instrument, wanted.pitch)]
    NoNote {
        /// The one that is wanted.
        wanted: Box<crate::sampled::NoteKey>,
    },
    /// Audio has another rate than it should.
    #[error("audio has {actual}, expected {expected}; resample it before")]
    SampleRate {
        /// The rate that is wanted.
        expected: mir_core::SampleRate,
        /// The rate that came.
        actual: mir_core::SampleRate,
    },
    /// A variation of audio has settings outside their range, or cannot be carried out.
    #[error("cannot vary the audio")]
    Augment {
        /// The cause.
        source: Box<mir_audio::Error>,
    },
    /// The recordings have too few windows for a batch.
    #[error(
        "{windows} windows make no batch of {batch_size}; take shorter windows or smaller batches"
    )]
    NoBatch {
        /// Windows that there are.
        windows: u64,
        /// Windows that a batch has.
        batch_size: usize,
    },
    /// A position lies outside the stream of batches, as after a change of data or batch size.
    #[error(
        "batch {} of epoch {} was asked for, but an epoch has {batches_per_epoch} batches",
        position.batch, position.epoch
    )]
    Position {
        /// What was asked for.
        position: BatchPosition,
        /// What there is.
        batches_per_epoch: u64,
    },
    /// A worker thread panicked. This is a defect of the program, not of the data.
    #[error("a worker panicked at item {item}: {message}")]
    WorkerPanicked {
        /// Number of the item in its stream, from 0.
        item: u64,
        /// What it said.
        message: String,
    },
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
