//! Data sets and tracks: which recordings are there, what is played in them, and who may hear what?
//!
//! A [`Dataset`] lists its [`Track`]s without touching their content; a track loads audio and notes
//! when asked. Both traits are object-safe, so that a program can choose the data set at run time.
//!
//! # Conventions
//! - Tracks are in bytewise order of their ids, in [`Dataset::tracks`] and in every split.
//! - [`Track::piece`] names the composition. Splits that claim to be free of leaks never hold one piece
//!   in training and in validation or test.
//! - Notes end where their sound ends: the pedal is already in their offsets.
//! - A track says what it is annotated with ([`Track::labels`]) without reading it. Where it has several
//!   annotations of a kind, [`Track::notes`] and its like read the first, the one that most users mean;
//!   [`Track::annotation`] reads any.
//! - An empty annotation file is an empty annotation; a missing one is an error.

use std::{borrow::Borrow, collections::BTreeMap, fmt, path::PathBuf, str::FromStr, sync::Arc};

use mir_audio::LoadOptions;
use mir_core::{AudioBuffer, Beats, F0Track, Fingerprint, Labeled, MultiF0, Note, PedalSpan};
use serde::{Deserialize, Serialize};

use crate::{Annotation, Error, Kind, Label, Partition, Result, Stem, random};

/// The name of a track, unique in its data set; also a file stem and the name of a group in a store.
///
/// 1 to 200 bytes, no slash, backslash or control character, not starting with a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrackId(Arc<str>);

impl TrackId {
    /// From a name.
    ///
    /// # Errors
    /// [`Error::TrackName`] for a name that cannot be a file stem.
    pub fn new(id: impl AsRef<str>) -> Result<Self> {
        let id = id.as_ref();
        let bad = |c: char| c == '/' || c == '\\' || c.is_control();
        if id.is_empty() || id.len() > 200 || id.starts_with('.') || id.contains(bad) {
            return Err(Error::TrackName { id: id.to_owned() });
        }
        Ok(Self(id.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for TrackId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for TrackId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for TrackId {
    type Err = Error;

    fn from_str(id: &str) -> Result<Self> {
        Self::new(id)
    }
}

impl TryFrom<String> for TrackId {
    type Error = Error;

    fn try_from(id: String) -> Result<Self> {
        Self::new(id)
    }
}

impl From<TrackId> for String {
    fn from(id: TrackId) -> Self {
        id.0.as_ref().to_owned()
    }
}

/// Who may hear a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Weights are fitted to it.
    Train,
    /// Settings are chosen on it.
    Validation,
    /// Looked at once, for the score.
    Test,
}

impl Split {
    /// The three splits.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// `train`, `validation` or `test`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Split {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|split| split.name() == name).ok_or_else(|| {
            Error::InvalidConfig {
                field: "split",
                expected: "train, validation or test",
                actual: name.to_owned(),
            }
        })
    }
}

/// One recording with its annotations. Nothing is read before a method asks for it.
///
/// A loader says what there is in [`labels`](Self::labels) and reads it in
/// [`annotation`](Self::annotation); the methods named after a kind follow from these two.
pub trait Track: fmt::Debug + Send + Sync {
    /// Its name.
    fn id(&self) -> &TrackId;

    /// The composition, so that splits can keep all its recordings on one side.
    fn piece(&self) -> &str;

    /// What it is played on.
    fn instrument(&self) -> &str;

    /// Who plays or made it, where the data set says so; splits can keep an artist on one side.
    fn artist(&self) -> Option<&str> {
        None
    }

    /// What else the data set says of it, by name: title, genre, style, tempo class.
    fn metadata(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        &NONE
    }

    /// The audio, decoded or rendered.
    ///
    /// # Errors
    /// [`Error::Audio`] for a file that cannot be read, [`Error::MissingFile`] where there is none,
    /// [`Error::Render`] for a generated recording.
    fn audio(&self, options: &LoadOptions) -> Result<AudioBuffer>;

    /// Its parts that can be heard alone; may be empty.
    fn stems(&self) -> &[Stem] {
        &[]
    }

    /// The audio of one stem.
    ///
    /// # Errors
    /// [`Error::NoStem`] for a name that [`stems`](Self::stems) does not list, and as
    /// [`audio`](Self::audio).
    fn stem(&self, name: &str, options: &LoadOptions) -> Result<AudioBuffer> {
        let _ = options;
        Err(Error::NoStem {
            track: self.id().clone(),
            stem: name.to_owned(),
            available: self.stems().iter().map(|stem| stem.name.clone()).collect(),
        })
    }

    /// Its annotations, the most important of each kind first.
    fn labels(&self) -> &[Label] {
        &[]
    }

    /// Reads one annotation.
    ///
    /// # Errors
    /// [`Error::NotAnnotated`] for one that [`labels`](Self::labels) does not list;
    /// [`Error::MissingFile`], or an error that names file, line and column.
    fn annotation(&self, label: &Label) -> Result<Annotation> {
        Err(not_annotated(self.id(), label.to_string(), self.labels()))
    }

    /// The notes, offsets extended by the pedal, sorted.
    ///
    /// # Errors
    /// [`Error::NotAnnotated`] if there are none; as [`annotation`](Self::annotation).
    fn notes(&self) -> Result<Vec<Note>> {
        match first(self, Kind::Notes)? {
            Annotation::Notes(notes) => Ok(notes),
            other => Err(wrong_content(self.id(), Kind::Notes, &other)),
        }
    }

    /// When the sustain pedal is down, in order of time.
    ///
    /// # Errors
    /// [`Error::NotAnnotated`] if nothing is known of it; as [`annotation`](Self::annotation).
    fn pedal(&self) -> Result<Vec<PedalSpan>> {
        Err(not_annotated(self.id(), "pedal".to_owned(), self.labels()))
    }

    /// The melody, or the pitch of a recording of one voice.
    ///
    /// # Errors
    /// As [`notes`](Self::notes).
    fn f0(&self) -> Result<F0Track> {
        match first(self, Kind::F0)? {
            Annotation::F0(track) => Ok(track),
            other => Err(wrong_content(self.id(), Kind::F0, &other)),
        }
    }

    /// All pitches over time.
    ///
    /// # Errors
    /// As [`notes`](Self::notes).
    fn multi_f0(&self) -> Result<MultiF0> {
        match first(self, Kind::MultiF0)? {
            Annotation::MultiF0(series) => Ok(series),
            other => Err(wrong_content(self.id(), Kind::MultiF0, &other)),
        }
    }

    /// The beats.
    ///
    /// # Errors
    /// As [`notes`](Self::notes).
    fn beats(&self) -> Result<Beats> {
        match first(self, Kind::Beats)? {
            Annotation::Beats(beats) => Ok(beats),
            other => Err(wrong_content(self.id(), Kind::Beats, &other)),
        }
    }

    /// Labelled intervals of a kind: chords, keys, segments, lyrics, events.
    ///
    /// # Errors
    /// As [`notes`](Self::notes).
    fn intervals(&self, kind: Kind) -> Result<Vec<Labeled<String>>> {
        match first(self, kind)? {
            Annotation::Labels(labels) => Ok(labels),
            other => Err(wrong_content(self.id(), kind, &other)),
        }
    }

    /// The tempo, in beats a minute.
    ///
    /// # Errors
    /// As [`notes`](Self::notes).
    fn tempo(&self) -> Result<f64> {
        match first(self, Kind::Tempo)? {
            Annotation::Tempo(tempo) => Ok(tempo),
            other => Err(wrong_content(self.id(), Kind::Tempo, &other)),
        }
    }

    /// Identity of the source: of the bytes of all its files, or of the parameters it is generated from.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read.
    fn source_fingerprint(&self) -> Result<Fingerprint>;

    /// The files that it consists of, also those that are not there; none for a generated recording.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Length in seconds where it is known without decoding; for progress bars only.
    fn duration_hint(&self) -> Option<f64> {
        None
    }

    /// Length of the audio in seconds: from the header of the file where it says it, otherwise decoded.
    ///
    /// # Errors
    /// As [`audio`](Self::audio).
    fn seconds(&self) -> Result<f64> {
        let audio = self.audio(&LoadOptions::default())?;
        Ok(audio.sample_rate().seconds(audio.len()))
    }
}

/// The first annotation of a kind.
fn first<T: Track + ?Sized>(track: &T, kind: Kind) -> Result<Annotation> {
    let label = track.labels().iter().find(|label| label.kind == kind);
    let label = label.ok_or_else(|| not_annotated(track.id(), kind.to_string(), track.labels()))?;
    track.annotation(label)
}

pub(crate) fn not_annotated(track: &TrackId, label: String, labels: &[Label]) -> Error {
    let available = labels.iter().map(Label::to_string).collect();
    Error::NotAnnotated { track: track.clone(), label, available }
}

/// A loader that lists a kind and reads another is at fault, not the data; the kind is then as good as
/// missing.
fn wrong_content(track: &TrackId, kind: Kind, content: &Annotation) -> Error {
    log::error!("{track}: {kind} were read as {} entries of another kind", content.len());
    not_annotated(track, kind.to_string(), &[])
}

/// [`Track::labels`] of a track that has notes and nothing else.
pub(crate) fn only_notes() -> &'static [Label] {
    static NOTES: [Label; 1] = [Label { kind: Kind::Notes, variant: String::new() }];
    &NOTES
}

/// [`Track::annotation`] of a track that implements [`Track::notes`] and has nothing else.
pub(crate) fn notes_only<T: Track + ?Sized>(track: &T, label: &Label) -> Result<Annotation> {
    if only_notes().contains(label) {
        return Ok(Annotation::Notes(track.notes()?));
    }
    Err(not_annotated(track.id(), label.to_string(), track.labels()))
}

/// A known fault of a published recording. Loaders change nothing on their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Erratum {
    /// Name of the track.
    pub track: String,
    /// What is wrong with it.
    pub what: &'static str,
    /// Who says so.
    pub source: &'static str,
}

/// A collection of tracks and its published division.
pub trait Dataset: fmt::Debug + Send + Sync {
    /// Short name for file names and tables, `maps`.
    fn name(&self) -> &str;

    /// Version of the collection, and of the rules that divide it.
    fn version(&self) -> &str;

    /// Terms of use of the recordings, in one line.
    fn license(&self) -> &str;

    /// What to cite.
    fn citation(&self) -> &str;

    /// All tracks in order of their ids, also those that no split uses.
    fn tracks(&self) -> &[Arc<dyn Track>];

    /// The tracks of a split in order of their ids.
    ///
    /// # Errors
    /// [`Error::EmptySplit`] if there is none.
    fn split(&self, split: Split) -> Result<Vec<Arc<dyn Track>>>;

    /// The published divisions of the data set, the one that [`split`](Self::split) follows first; tracks
    /// that are not on this disk included.
    fn partitions(&self) -> &[Partition] {
        &[]
    }

    /// Known faults of recordings that are listed here.
    fn errata(&self) -> Vec<Erratum> {
        Vec::new()
    }
}

/// One track of every piece, chosen by a seed; in order of ids.
///
/// For studies where repeated pieces would count twice.
pub fn one_per_piece(tracks: &[Arc<dyn Track>], seed: u64) -> Vec<Arc<dyn Track>> {
    let mut sorted: Vec<&Arc<dyn Track>> = tracks.iter().collect();
    sorted.sort_by(|a, b| (a.piece(), a.id()).cmp(&(b.piece(), b.id())));
    let mut chosen: Vec<Arc<dyn Track>> = sorted
        .chunk_by(|a, b| a.piece() == b.piece())
        .enumerate()
        .map(|(piece, group)| {
            let mut rng = random::stream(seed, 0, piece as u64, random::Purpose::Choice);
            Arc::clone(group[random::below(&mut rng, group.len())])
        })
        .collect();
    chosen.sort_by(|a, b| a.id().cmp(b.id()));
    chosen
}

/// Pieces that occur in both lists: empty for splits without a leak. In order, each once.
pub fn shared_pieces(a: &[Arc<dyn Track>], b: &[Arc<dyn Track>]) -> Vec<String> {
    let pieces = |tracks: &[Arc<dyn Track>]| -> std::collections::BTreeSet<String> {
        tracks.iter().map(|t| t.piece().to_owned()).collect()
    };
    pieces(a).intersection(&pieces(b)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_name_is_a_file_stem() {
        for bad in ["", ".", "..", ".hidden", "a/b", "a\\b", "a\0b", "a\nb"] {
            assert!(matches!(TrackId::new(bad), Err(Error::TrackName { .. })), "{bad:?}");
        }
        assert!(TrackId::new("x".repeat(201)).is_err());
        let id = TrackId::new("Für Elise – Ø").unwrap();
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<TrackId>(&json).unwrap(), id);
        assert!(serde_json::from_str::<TrackId>("\"a/b\"").is_err());
    }

    #[test]
    fn a_split_is_known_by_its_name() {
        for split in Split::ALL {
            assert_eq!(split.name().parse::<Split>().unwrap(), split);
        }
        assert!(matches!(
            "training".parse::<Split>(),
            Err(Error::InvalidConfig { field: "split", .. })
        ));
    }
}
