//! Writing a store: track by track, and visible only when it is complete.

use std::{path::Path, str::FromStr};

use hdf5::{H5Type, Location, types::VarLenUnicode};
use mir_core::{Fingerprinted, publish::AtomicFile};
use ndarray::{Array2, ArrayView3};

use super::{Prepared, Recording, SCHEMA, SkippedTrack, StoreHeader, Values, notes};
use crate::{Error, Result};

pub(super) const FORMAT: &str = "mir-feature-store";
/// Large objects start at a multiple of this: page-aligned for the memory map.
const ALIGNMENT: u64 = 4096;

/// Wraps errors of the HDF5 library with what was tried.
pub(crate) fn hdf5_error(action: &'static str, path: &Path) -> impl FnOnce(hdf5::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Hdf5 { action, path, source: source.to_string().into() }
}

/// Writes a store track by track; the file appears when [`finish`](Self::finish) has synced it.
#[derive(Debug)]
pub struct Hdf5Writer {
    // Declared first, so that the library lets go of the file before the temporary name is removed.
    file: hdf5::File,
    target: AtomicFile,
    header: StoreHeader,
    skipped: Vec<SkippedTrack>,
}

impl Hdf5Writer {
    /// Starts a store; its folder has to exist.
    ///
    /// # Errors
    /// [`Error::Core`] if the temporary file cannot be made, [`Error::Hdf5`] if HDF5 refuses it.
    pub fn create(path: impl AsRef<Path>, header: StoreHeader) -> Result<Self> {
        let path = path.as_ref();
        let target = AtomicFile::create(path)?;
        let create = || -> hdf5::Result<hdf5::File> {
            let file = hdf5::File::with_options()
                .with_fapl(|access| {
                    access
                        .alignment(ALIGNMENT, ALIGNMENT)
                        // Nobody else knows the temporary name, and some file systems have no locks.
                        .file_locking(false)
                })
                .with_fcpl(|creation| creation.obj_track_times(false))
                .create(target.temporary_path())?;
            create_group(&file, "tracks")?;
            Ok(file)
        };
        let file = create().map_err(hdf5_error("write", path))?;
        Ok(Self { file, target, header, skipped: Vec::new() })
    }

    /// Adds a track. Readers see tracks in bytewise order of their names.
    ///
    /// # Errors
    /// [`Error::BufferLength`] and [`Error::NonFiniteFeature`], [`Error::BeyondFormat`] as
    /// [`MemStore::push`](super::MemStore::push);
    /// [`Error::Hdf5`] if it cannot be written (a full disk, a name that is there already).
    pub fn push(&mut self, recording: &Recording) -> Result<()> {
        self.push_prepared(&Prepared::new(&self.header, recording.clone())?)
    }

    pub(crate) fn push_prepared(&mut self, prepared: &Prepared) -> Result<()> {
        self.write_track(prepared).map_err(hdf5_error("write", self.target.path()))
    }

    fn write_track(&self, prepared: &Prepared) -> hdf5::Result<()> {
        let track = &prepared.track;
        let group = create_group(&self.file.group("tracks")?, track.id.as_str())?;
        write_text(&group, "piece", &track.piece)?;
        write_text(&group, "instrument", &track.instrument)?;
        group.new_attr::<f64>().create("seconds")?.write_scalar(&track.seconds)?;
        let shape = (self.header.channels, track.frames, self.header.bins);
        match &prepared.values {
            Values::F32(values) => write_features(&group, shape, values)?,
            Values::F16(values) => write_features(&group, shape, values)?,
            Values::U8 { bytes, range } => {
                let features = write_features(&group, shape, bytes)?;
                features.new_attr::<f32>().create("low")?.write_scalar(&range.low)?;
                features.new_attr::<f32>().create("high")?.write_scalar(&range.high)?;
                features
            }
        };
        let mut table = Array2::zeros((prepared.notes.len(), notes::COLUMNS));
        for (mut row, note) in table.rows_mut().into_iter().zip(&prepared.notes) {
            row.iter_mut().zip(notes::row(note)).for_each(|(cell, number)| *cell = number);
        }
        group.new_dataset_builder().obj_track_times(false).with_data(&table).create("notes")?;
        Ok(())
    }

    /// Notes that a recording was left out.
    pub fn push_skipped(&mut self, skipped: SkippedTrack) {
        self.skipped.push(skipped);
    }

    /// Writes the header, syncs the file to disk and gives it its name, replacing an older one.
    ///
    /// # Errors
    /// [`Error::Hdf5`] or [`Error::Core`] if writing fails; an older file is untouched then.
    pub fn finish(self) -> Result<()> {
        let path = self.target.path().to_owned();
        let header = to_json(&self.header)?;
        let skipped = to_json(&self.skipped)?;
        let fingerprint = self.header.fingerprint()?.to_string();
        let write = |file: hdf5::File| -> hdf5::Result<()> {
            write_text(&file, "format", FORMAT)?;
            file.new_attr::<u32>().create("schema")?.write_scalar(&SCHEMA)?;
            write_text(&file, "fingerprint", &fingerprint)?;
            write_text(&file, "header", &header)?;
            write_text(&file, "skipped", &skipped)?;
            file.flush()?;
            file.close()
        };
        write(self.file).map_err(hdf5_error("write", &path))?;
        Ok(self.target.commit()?)
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    Ok(serde_json::to_string(value).map_err(|source| mir_core::Error::Serialize { source })?)
}

fn write_features<T: H5Type>(
    group: &hdf5::Group,
    shape: (usize, usize, usize),
    values: &[T],
) -> hdf5::Result<hdf5::Dataset> {
    let view = ArrayView3::from_shape(shape, values)
        .map_err(|error| hdf5::Error::Internal(error.to_string()))?;
    // Times of objects are left out: equal content gives equal bytes.
    group.new_dataset_builder().obj_track_times(false).with_data(view).create("features")
}

/// A group that does not note when it was made: equal content gives equal bytes.
fn create_group(parent: &hdf5::Group, name: &str) -> hdf5::Result<hdf5::Group> {
    parent.create_group_builder().obj_track_times(false).create(name)
}

pub(crate) fn write_text(location: &Location, name: &str, text: &str) -> hdf5::Result<()> {
    let text = VarLenUnicode::from_str(text).map_err(|e| hdf5::Error::Internal(e.to_string()))?;
    location.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&text)
}
