//! A data set whose notes are the presses of the sustain pedal.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use mir_audio::LoadOptions;
use mir_core::{AudioBuffer, Fingerprint, Note, PedalSpan};

use crate::{Dataset, Error, Partition, Result, Split, Track, TrackId};

/// A data set to learn the pedal from: the notes of a recording are the presses of its sustain pedal, each a note of
/// [`PedalSpan::KEY`]. Stores, batches ([`KeyRange::PEDAL`](mir_core::KeyRange::PEDAL)) and metrics then are those of
/// notes.
///
/// Its name is that of the data set with `-pedal`, so that stores of both can lie side by side.
///
/// ```
/// use std::sync::Arc;
/// use mir_core::PedalSpan;
/// use mir_datasets::{Dataset, PedalAsNotes, Split, mini::{Mini, MiniConfig}};
///
/// let pedal = PedalAsNotes::new(Arc::new(Mini::new(MiniConfig::default())?));
/// let track = &pedal.split(Split::Train)?[0];
/// let presses = track.notes()?;
/// assert!(presses.iter().all(|press| press.pitch() == PedalSpan::KEY.pitch()));
/// assert_eq!(presses.len(), track.pedal()?.len());
/// # Ok::<(), mir_datasets::Error>(())
/// ```
#[derive(Debug)]
pub struct PedalAsNotes {
    base: Arc<dyn Dataset>,
    name: String,
    tracks: Vec<Arc<dyn Track>>,
}

impl PedalAsNotes {
    /// The same recordings in the same splits. Which of them say something of the pedal shows when they are read.
    pub fn new(base: Arc<dyn Dataset>) -> Self {
        let (name, tracks) = (format!("{}-pedal", base.name()), pressed(base.tracks().to_vec()));
        Self { base, name, tracks }
    }
}

fn pressed(tracks: Vec<Arc<dyn Track>>) -> Vec<Arc<dyn Track>> {
    tracks.into_iter().map(|track| Arc::new(Pressed(track)) as Arc<dyn Track>).collect()
}

impl Dataset for PedalAsNotes {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> &str {
        self.base.version()
    }

    fn license(&self) -> &str {
        self.base.license()
    }

    fn citation(&self) -> &str {
        self.base.citation()
    }

    fn tracks(&self) -> &[Arc<dyn Track>] {
        &self.tracks
    }

    fn split(&self, split: Split) -> Result<Vec<Arc<dyn Track>>> {
        Ok(pressed(self.base.split(split)?))
    }

    fn partitions(&self) -> &[Partition] {
        self.base.partitions()
    }
}

/// A recording whose notes are the presses of its pedal.
#[derive(Debug)]
struct Pressed(Arc<dyn Track>);

impl Track for Pressed {
    fn id(&self) -> &TrackId {
        self.0.id()
    }

    fn piece(&self) -> &str {
        self.0.piece()
    }

    fn instrument(&self) -> &str {
        self.0.instrument()
    }

    fn artist(&self) -> Option<&str> {
        self.0.artist()
    }

    fn metadata(&self) -> &BTreeMap<String, String> {
        self.0.metadata()
    }

    fn audio(&self, options: &LoadOptions) -> Result<AudioBuffer> {
        self.0.audio(options)
    }

    fn notes(&self) -> Result<Vec<Note>> {
        // A recording of which nothing is known would pass for one without notes.
        let spans = self.0.pedal().map_err(|source| Error::Annotation {
            track: self.id().clone(),
            label: "pedal".to_owned(),
            source: Box::new(source),
        })?;
        Ok(spans.into_iter().map(PedalSpan::to_note).collect::<mir_core::Result<_>>()?)
    }

    fn pedal(&self) -> Result<Vec<PedalSpan>> {
        self.0.pedal()
    }

    fn source_fingerprint(&self) -> Result<Fingerprint> {
        Ok(Fingerprint::of("mir-datasets/pedal-as-notes/1", &self.0.source_fingerprint()?)?)
    }

    fn files(&self) -> Vec<PathBuf> {
        self.0.files()
    }

    fn duration_hint(&self) -> Option<f64> {
        self.0.duration_hint()
    }

    fn seconds(&self) -> Result<f64> {
        self.0.seconds()
    }
}
