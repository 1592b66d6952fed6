//! What most loaders are made of: a description, tracks of files, and the data set of both.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use mir_audio::LoadOptions;
use mir_core::{AudioBuffer, Fingerprint};

use super::{common::fingerprint, sound::Sound};
use crate::{
    Annotation, Dataset, Erratum, Error, Kind, Label, Partition, Result, Split, Stem, Track,
    TrackId, dataset::not_annotated, splits,
};

/// What is known of a data set without having it.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// Its name here, `medleydb`.
    pub name: &'static str,
    /// Its own name, `MedleyDB`.
    pub title: &'static str,
    /// Version of the collection.
    pub version: &'static str,
    /// Terms of use, in one line.
    pub license: &'static str,
    /// What to cite.
    pub citation: &'static str,
    /// What its tracks can be annotated with.
    pub holds: &'static [Kind],
    /// The layout on disk, in words.
    pub layout: &'static str,
    /// Where it comes from, and how it is got.
    pub home: &'static str,
    /// Archives that can be fetched; empty where its owners have to be asked, as `home` says.
    pub remotes: &'static [Remote],
}

/// A file that a data set is fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its name here, `annotation`.
    pub name: &'static str,
    /// Address.
    pub url: &'static str,
    /// File name to store it under.
    pub file: &'static str,
    /// What its content has to be.
    pub checksum: Checksum,
    /// Folder below the root to unpack it into, empty for the root itself; `None` leaves it as it is.
    pub unpack: Option<&'static str>,
}

/// A published digest of a file, in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// MD5, 32 digits.
    Md5(&'static str),
    /// SHA-256, 64 digits.
    Sha256(&'static str),
}

/// A data set whose tracks are files, as [`open`](super::open) returns it.
///
/// ```no_run
/// use mir_datasets::{Dataset, Split, loaders::vocadito, splits::{SplitConfig, draw}};
///
/// let vocadito = vocadito::open("/data/vocadito")?;
/// let split = draw(vocadito.name(), &vocadito.by_artist(), &SplitConfig::default())?;
/// let vocadito = vocadito.with_partition(split);
/// println!("{} singers to learn from", vocadito.split(Split::Train)?.len());
/// # Ok::<(), mir_datasets::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Collection {
    info: &'static Info,
    version: String,
    tracks: Vec<Arc<dyn Track>>,
    partitions: Vec<Partition>,
    errata: Vec<Erratum>,
}

impl Collection {
    /// From tracks in any order.
    pub(super) fn new(
        info: &'static Info,
        root: &Path,
        tracks: impl IntoIterator<Item = FileTrack>,
    ) -> Result<Self> {
        let mut sorted: BTreeMap<TrackId, FileTrack> = BTreeMap::new();
        for track in tracks {
            if let Some(first) = sorted.get(&track.id) {
                return Err(Error::DuplicateTrack {
                    track: track.id.clone(),
                    first: first.files().into_iter().next().unwrap_or_default(),
                    second: track.files().into_iter().next().unwrap_or_default(),
                });
            }
            sorted.insert(track.id.clone(), track);
        }
        if sorted.is_empty() {
            return Err(Error::NoRecordings {
                dataset: info.title,
                path: root.to_owned(),
                expected: info.layout,
            });
        }
        Ok(Self {
            info,
            version: info.version.to_owned(),
            tracks: sorted.into_values().map(|track| Arc::new(track) as Arc<dyn Track>).collect(),
            partitions: splits::published(info.name),
            errata: Vec::new(),
        })
    }

    /// The same with another version.
    pub(super) fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// The same with known faults; those of tracks that are not here are left out.
    pub(super) fn with_errata(mut self, errata: impl IntoIterator<Item = Erratum>) -> Self {
        let listed = |id: &str| self.tracks.iter().any(|track| track.id().as_str() == id);
        self.errata = errata.into_iter().filter(|erratum| listed(&erratum.track)).collect();
        self
    }

    /// The same with all tracks in one split: data sets that are used for testing alone.
    pub(super) fn all_for(self, split: Split) -> Self {
        let ids = self.tracks.iter().map(|track| track.id().to_string()).collect();
        let source = "the data set is used for this alone".to_owned();
        self.divided("all", source, |partition| *partition.ids_mut(split) = ids)
    }

    /// The same divided as its folders or tables say.
    pub(super) fn divided(
        self,
        name: &str,
        source: String,
        fill: impl FnOnce(&mut Partition),
    ) -> Self {
        let mut partition = Partition {
            dataset: self.info.name.to_owned(),
            name: name.to_owned(),
            version: self.version.clone(),
            source,
            ..Partition::default()
        };
        fill(&mut partition);
        self.with_partition(partition)
    }

    /// The same data set divided in another way: [`Dataset::split`] follows this partition.
    #[must_use]
    pub fn with_partition(mut self, partition: Partition) -> Self {
        self.partitions.insert(0, partition);
        self
    }

    /// What is known of the data set.
    pub fn info(&self) -> &'static Info {
        self.info
    }

    /// Its tracks, grouped by piece, to be divided by [`splits::draw`].
    pub fn by_piece(&self) -> Vec<splits::SplitItem> {
        self.items(|track| Some(track.piece()))
    }

    /// Its tracks, grouped by artist; those without one are alone.
    pub fn by_artist(&self) -> Vec<splits::SplitItem> {
        self.items(|track| track.artist())
    }

    fn items(&self, group: impl Fn(&dyn Track) -> Option<&str>) -> Vec<splits::SplitItem> {
        let item = |track: &Arc<dyn Track>| {
            let alone = splits::SplitItem::alone(track.id().as_str());
            match group(track.as_ref()) {
                Some(group) => splits::SplitItem { group: group.to_owned(), ..alone },
                None => alone,
            }
        };
        self.tracks.iter().map(item).collect()
    }
}

impl Dataset for Collection {
    fn name(&self) -> &str {
        self.info.name
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn license(&self) -> &str {
        self.info.license
    }

    fn citation(&self) -> &str {
        self.info.citation
    }

    fn tracks(&self) -> &[Arc<dyn Track>] {
        &self.tracks
    }

    fn split(&self, split: Split) -> Result<Vec<Arc<dyn Track>>> {
        let ids = self.partitions.first().map_or(&[][..], |partition| partition.ids(split));
        splits::select(self, ids, split)
    }

    fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    fn errata(&self) -> Vec<Erratum> {
        self.errata.clone()
    }
}

type Read = dyn Fn(&Path) -> Result<Annotation> + Send + Sync;

/// How one annotation is read.
#[derive(Clone)]
struct Reader {
    path: PathBuf,
    read: Arc<Read>,
}

/// A recording of files: what a loader says of it, and functions that read its annotations on demand.
#[derive(Clone)]
pub(super) struct FileTrack {
    dataset: &'static str,
    id: TrackId,
    piece: String,
    instrument: String,
    artist: Option<String>,
    metadata: BTreeMap<String, String>,
    sound: Sound,
    stems: Vec<Stem>,
    stem_sounds: Vec<Sound>,
    labels: Vec<Label>,
    readers: Vec<Reader>,
    duration: Option<f64>,
}

impl fmt::Debug for FileTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dataset, id, labels, .. } = self;
        write!(f, "{dataset} {id} with {} stems and {labels:?}", self.stems.len())
    }
}

impl FileTrack {
    /// A recording; its piece is the recording itself until [`piece`](Self::piece) says otherwise.
    pub(super) fn new(info: &Info, id: &str, sound: impl Into<Sound>) -> Result<Self> {
        let id = TrackId::new(id)?;
        Ok(Self {
            dataset: info.name,
            piece: id.to_string(),
            id,
            instrument: String::new(),
            artist: None,
            metadata: BTreeMap::new(),
            sound: sound.into(),
            stems: Vec::new(),
            stem_sounds: Vec::new(),
            labels: Vec::new(),
            readers: Vec::new(),
            duration: None,
        })
    }

    pub(super) fn piece(mut self, piece: impl Into<String>) -> Self {
        self.piece = piece.into();
        self
    }

    pub(super) fn instrument(mut self, instrument: impl Into<String>) -> Self {
        self.instrument = instrument.into();
        self
    }

    /// Empty names are left out.
    pub(super) fn artist(mut self, artist: impl Into<String>) -> Self {
        self.artist = Some(artist.into()).filter(|artist| !artist.is_empty());
        self
    }

    /// Empty texts are left out.
    pub(super) fn meta(mut self, name: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.metadata.insert(name.to_owned(), value);
        }
        self
    }

    pub(super) fn duration(mut self, seconds: Option<f64>) -> Self {
        self.duration = seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
        self
    }

    pub(super) fn stem(mut self, name: &str, instrument: &str, sound: impl Into<Sound>) -> Self {
        self.stems.push(Stem { name: name.to_owned(), instrument: instrument.to_owned() });
        self.stem_sounds.push(sound.into());
        self
    }

    /// Adds an annotation: its name, its file, and the function that reads it.
    pub(super) fn label<A: Into<Annotation>>(
        mut self,
        kind: Kind,
        variant: &str,
        path: PathBuf,
        read: impl Fn(&Path) -> Result<A> + Send + Sync + 'static,
    ) -> Self {
        self.labels.push(Label::new(kind, variant));
        self.readers.push(Reader { path, read: Arc::new(move |path| read(path).map(Into::into)) });
        self
    }

    /// As [`label`](Self::label), where the file is there: annotations that only some recordings have.
    pub(super) fn label_if_there<A: Into<Annotation>>(
        self,
        kind: Kind,
        variant: &str,
        path: PathBuf,
        read: impl Fn(&Path) -> Result<A> + Send + Sync + 'static,
    ) -> Self {
        if path.is_file() { self.label(kind, variant, path, read) } else { self }
    }
}

impl Track for FileTrack {
    fn id(&self) -> &TrackId {
        &self.id
    }

    fn piece(&self) -> &str {
        &self.piece
    }

    fn instrument(&self) -> &str {
        &self.instrument
    }

    fn artist(&self) -> Option<&str> {
        self.artist.as_deref()
    }

    fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    fn audio(&self, options: &LoadOptions) -> Result<AudioBuffer> {
        self.sound.load(&self.id, options)
    }

    fn stems(&self) -> &[Stem] {
        &self.stems
    }

    fn stem(&self, name: &str, options: &LoadOptions) -> Result<AudioBuffer> {
        match self.stems.iter().position(|stem| stem.name == name) {
            Some(index) => self.stem_sounds[index].load(&self.id, options),
            None => Err(Error::NoStem {
                track: self.id.clone(),
                stem: name.to_owned(),
                available: self.stems.iter().map(|stem| stem.name.clone()).collect(),
            }),
        }
    }

    fn labels(&self) -> &[Label] {
        &self.labels
    }

    fn annotation(&self, label: &Label) -> Result<Annotation> {
        let index = self.labels.iter().position(|own| own == label);
        let index =
            index.ok_or_else(|| not_annotated(&self.id, label.to_string(), &self.labels))?;
        let Reader { path, read } = &self.readers[index];
        if !path.is_file() {
            let (track, path) = (self.id.clone(), path.clone());
            return Err(Error::MissingFile { track, what: label.kind.name(), path });
        }
        read(path).map_err(|source| Error::Annotation {
            track: self.id.clone(),
            label: label.to_string(),
            source: Box::new(source),
        })
    }

    fn source_fingerprint(&self) -> Result<Fingerprint> {
        #[cfg(feature = "hdf5")]
        if let Sound::Packed(packed) = &self.sound {
            return packed.fingerprint();
        }
        let files: Vec<PathBuf> = self.files().into_iter().filter(|path| path.is_file()).collect();
        let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        fingerprint(&format!("mir-datasets/{}/1", self.dataset), &files)
    }

    fn files(&self) -> Vec<PathBuf> {
        let sounds = std::iter::once(&self.sound).chain(&self.stem_sounds);
        let sounds = sounds.filter(|sound| !matches!(sound, Sound::Nowhere(_)));
        let mut files: Vec<PathBuf> = sounds.flat_map(Sound::paths).cloned().collect();
        files.extend(self.readers.iter().map(|reader| reader.path.clone()));
        let mut seen = std::collections::BTreeSet::new();
        files.retain(|file| seen.insert(file.clone()));
        files
    }

    fn duration_hint(&self) -> Option<f64> {
        self.duration
    }

    fn seconds(&self) -> Result<f64> {
        self.sound.seconds(&self.id)
    }
}
