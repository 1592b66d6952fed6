//! Any folder of recordings as a data set: for features of files that belong to no collection.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use mir_audio::LoadOptions;
use mir_core::{AudioBuffer, Fingerprint, formats::read_notes};

use super::{Info, common};
use crate::{
    Annotation, Dataset, Error, Kind, Label, Result, Split, Track, TrackId,
    dataset::{not_annotated, only_notes},
};

/// What is known of it.
pub(super) const INFO: Info = Info {
    name: "folder",
    title: "any folder of recordings",
    version: "1",
    license: "that of the recordings",
    citation: "none: your own recordings",
    holds: &[Kind::Notes],
    layout: "audio files at any depth, beside NAME.wav perhaps its notes as NAME.tsv",
    home: "this disk",
    remotes: &[],
};

/// All recordings below a folder. Every split is all of them. A file `NAME.tsv` beside a recording, with onset,
/// offset, MIDI note and velocity in each line, holds its notes.
///
/// The name of a track is its path below the folder, without ending, with `-` between the folders.
///
/// ```
/// use mir_datasets::{Dataset, loaders::AudioFolder};
/// # let folder = tempfile::tempdir()?;
/// # let silence = mir_core::AudioBuffer::silence(mir_core::SampleRate::HZ_16000, 1, 160)?;
/// # std::fs::create_dir(folder.path().join("live"))?;
/// # mir_audio::write_wav(folder.path().join("live/take 1.wav"), &silence, mir_audio::WavFormat::Int16)?;
/// let folder = AudioFolder::open(folder.path())?;
/// assert_eq!(folder.tracks()[0].id().as_str(), "live-take 1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AudioFolder {
    tracks: Vec<Arc<dyn Track>>,
}

impl AudioFolder {
    /// Lists the recordings.
    ///
    /// # Errors
    /// [`Error::ListAudio`] if the folder cannot be read, [`Error::NoRecordings`] if there is none;
    /// [`Error::DuplicateTrack`] for files whose names differ in their ending only.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let found = mir_audio::find(folder)
            .map_err(|source| Error::ListAudio { source: Box::new(source) })?;
        let mut files: Vec<AudioFile> = found
            .into_iter()
            .map(|path| {
                let within = path.strip_prefix(folder).unwrap_or(&path).with_extension("");
                let parts: Vec<_> = within.iter().map(|part| part.to_string_lossy()).collect();
                let notes = Some(path.with_extension("tsv")).filter(|notes| notes.is_file());
                Ok(AudioFile { id: TrackId::new(parts.join("-"))?, path, notes })
            })
            .collect::<Result<_>>()?;
        files.sort_by(|a, b| a.id.cmp(&b.id));
        if let Some(pair) = files.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(Error::DuplicateTrack {
                track: pair[0].id.clone(),
                first: pair[0].path.clone(),
                second: pair[1].path.clone(),
            });
        }
        if files.is_empty() {
            return Err(Error::NoRecordings {
                dataset: INFO.name,
                path: folder.to_owned(),
                expected: "audio files",
            });
        }
        Ok(Self { tracks: files.into_iter().map(|file| Arc::new(file) as _).collect() })
    }
}

impl Dataset for AudioFolder {
    fn name(&self) -> &str {
        INFO.name
    }

    fn version(&self) -> &str {
        INFO.version
    }

    fn license(&self) -> &str {
        INFO.license
    }

    fn citation(&self) -> &str {
        INFO.citation
    }

    fn tracks(&self) -> &[Arc<dyn Track>] {
        &self.tracks
    }

    fn split(&self, _: Split) -> Result<Vec<Arc<dyn Track>>> {
        Ok(self.tracks.clone())
    }
}

/// A recording, perhaps with its notes.
#[derive(Debug)]
struct AudioFile {
    id: TrackId,
    path: PathBuf,
    notes: Option<PathBuf>,
}

impl Track for AudioFile {
    fn id(&self) -> &TrackId {
        &self.id
    }

    fn piece(&self) -> &str {
        self.id.as_str()
    }

    fn instrument(&self) -> &str {
        ""
    }

    fn audio(&self, options: &LoadOptions) -> Result<AudioBuffer> {
        mir_audio::load(&self.path, options)
            .map_err(|source| Error::Audio { track: self.id.clone(), source: Box::new(source) })
    }

    fn labels(&self) -> &[Label] {
        if self.notes.is_some() { only_notes() } else { &[] }
    }

    fn annotation(&self, label: &Label) -> Result<Annotation> {
        match &self.notes {
            Some(path) if only_notes().contains(label) => {
                let notes = read_notes(path).map_err(|source| Error::Notes {
                    track: self.id.clone(),
                    source: Box::new(source),
                })?;
                Ok(Annotation::Notes(notes))
            }
            _ => Err(not_annotated(&self.id, label.to_string(), self.labels())),
        }
    }

    fn source_fingerprint(&self) -> Result<Fingerprint> {
        let files = self.files();
        let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        common::fingerprint("mir-datasets/folder/1", &files)
    }

    fn files(&self) -> Vec<PathBuf> {
        std::iter::once(&self.path).chain(&self.notes).cloned().collect()
    }

    fn duration_hint(&self) -> Option<f64> {
        mir_audio::info(&self.path).ok()?.duration()
    }
}

#[cfg(test)]
mod tests {
    use mir_audio::{WavFormat, write_wav};
    use mir_core::SampleRate;

    use super::*;

    #[test]
    fn a_table_beside_a_recording_holds_its_notes() {
        let root = tempfile::tempdir().unwrap();
        let silence = AudioBuffer::silence(SampleRate::HZ_16000, 1, 1600).unwrap();
        for name in ["with", "without"] {
            let path = root.path().join(format!("{name}.wav"));
            write_wav(path, &silence, WavFormat::Int16).unwrap();
        }
        let table = root.path().join("with.tsv");
        std::fs::write(&table, "0.01\t0.05\t60\t80\n").unwrap();
        let folder = AudioFolder::open(root.path()).unwrap();
        let [with, without] = folder.tracks() else { panic!("{:?}", folder.tracks()) };
        assert_eq!(with.notes().unwrap().len(), 1);
        assert_eq!(with.files().len(), 2);
        assert!(matches!(without.notes(), Err(Error::NotAnnotated { .. })));

        let before = with.source_fingerprint().unwrap();
        std::fs::write(&table, "0.01\t0.06\t60\t80\n").unwrap();
        assert_ne!(with.source_fingerprint().unwrap(), before);
        std::fs::write(&table, "0.01\tlong\t60\t80\n").unwrap();
        let message = crate::stats::chain(&with.notes().unwrap_err());
        assert!(message.contains("with.tsv"), "{message}");
    }
}
