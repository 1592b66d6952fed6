//! A store as one HDF5 file.
//!
//! The layout stands in the documentation of [`store`](crate::store).
//!
//! # Why one data set for each track
//! Tracks differ in length and come one after the other. Each is written as soon as it is there, in
//! memory bounded by the tracks in work, and its frames lie next to each other in the file, so a crop is
//! one copy out of the memory map.
//!
//! # Reading past the library
//! HDF5 serialises all calls of a process behind one lock. It is asked once, at opening, where each
//! data set lies; crops are then copied from a memory map, by any number of threads. Where that is not
//! possible (a foreign file with chunks, a file system without maps) crops go through the library.

use std::{
    fs,
    io::Read as _,
    ops::Range,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Mutex,
};

use hdf5::{Dataset, Location, types::VarLenUnicode};
use mir_core::{Fingerprint, Fingerprinted, Note, Pitch, Velocity, publish::AtomicFile};
use ndarray::{Array2, s};
use serde::de::DeserializeOwned;

use super::{
    FeatureStore, Recording, SCHEMA, SkippedTrack, StoreHeader, StoredTrack, check_recording,
    map::FileMap, plan_read,
};
use crate::{Error, Result, TrackId};

const FORMAT: &str = "mir-feature-store";
const MAGIC: [u8; 8] = *b"\x89HDF\r\n\x1a\n";
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
    /// [`Error::BufferLength`] and [`Error::NonFiniteFeature`] as [`MemStore::push`](super::MemStore::push);
    /// [`Error::Hdf5`] if it cannot be written (a full disk, a name that is there already).
    pub fn push(&mut self, recording: &Recording) -> Result<()> {
        check_recording(&self.header, recording)?;
        self.write_track(recording).map_err(hdf5_error("write", self.target.path()))
    }

    fn write_track(&self, recording: &Recording) -> hdf5::Result<()> {
        let track = &recording.track;
        let group = create_group(&self.file.group("tracks")?, track.id.as_str())?;
        write_text(&group, "piece", &track.piece)?;
        write_text(&group, "instrument", &track.instrument)?;
        group.new_attr::<f64>().create("seconds")?.write_scalar(&track.seconds)?;
        // Times of objects are left out: equal content gives equal bytes.
        group
            .new_dataset_builder()
            .obj_track_times(false)
            .with_data(&recording.features.data)
            .create("features")?;
        let mut notes = Array2::zeros((recording.notes.len(), 4));
        for (mut row, note) in notes.rows_mut().into_iter().zip(&recording.notes) {
            row[0] = note.onset();
            row[1] = note.offset();
            row[2] = note.pitch().midi();
            row[3] = f64::from(note.velocity().value());
        }
        group.new_dataset_builder().obj_track_times(false).with_data(&notes).create("notes")?;
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

/// A group that does not note when it was made: equal content gives equal bytes.
fn create_group(parent: &hdf5::Group, name: &str) -> hdf5::Result<hdf5::Group> {
    parent.create_group_builder().obj_track_times(false).create(name)
}

pub(crate) fn write_text(location: &Location, name: &str, text: &str) -> hdf5::Result<()> {
    let text = VarLenUnicode::from_str(text).map_err(|e| hdf5::Error::Internal(e.to_string()))?;
    location.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&text)
}

/// Where the features of the tracks are read from.
#[derive(Debug)]
enum Payload {
    /// Out of the memory map: byte address of the features of each track.
    Mapped { map: FileMap, starts: Vec<usize> },
    /// Through the library, one call at a time.
    Library { datasets: Mutex<Vec<Dataset>> },
}

/// A store in an HDF5 file; its layout stands in [`store`](crate::store).
#[derive(Debug)]
pub struct Hdf5Store {
    path: PathBuf,
    header: StoreHeader,
    fingerprint: Fingerprint,
    tracks: Vec<StoredTrack>,
    notes: Vec<Vec<Note>>,
    skipped: Vec<SkippedTrack>,
    payload: Payload,
}

impl Hdf5Store {
    /// Opens a store and checks it: format, schema, fingerprint against header, shapes, sizes.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no such file; [`Error::NotAStore`] with the offending field for any
    /// other content; [`Error::Hdf5`] if HDF5 cannot read it (a truncated file).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path.as_ref(), true)
    }

    /// As [`open`](Self::open), reading through the library instead of a memory map: slower by far, but
    /// safe where another program may cut the file while it is read.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_copying(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path.as_ref(), false)
    }

    /// Opens a store that has to be the one described by `expected`.
    ///
    /// # Errors
    /// [`Error::StoreMismatch`] with the differing fields; else as [`open`](Self::open).
    pub fn open_expecting(path: impl AsRef<Path>, expected: &StoreHeader) -> Result<Self> {
        let store = Self::open(path)?;
        let wanted = expected.fingerprint()?;
        if store.fingerprint != wanted {
            return Err(Error::StoreMismatch {
                differences: differences(expected, &store.header),
                expected: wanted,
                found: store.fingerprint,
                path: store.path,
            });
        }
        Ok(store)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fingerprint of the header: the identity of the store.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether crops come from a memory map.
    pub const fn is_mapped(&self) -> bool {
        matches!(self.payload, Payload::Mapped { .. })
    }

    fn open_with(path: &Path, mapped: bool) -> Result<Self> {
        check_magic(path)?;
        let failed = || hdf5_error("open", path);
        let file = hdf5::File::with_options()
            .with_fapl(|access| access.file_locking(false))
            .open(path)
            .map_err(failed())?;
        let reader = Reader { path };

        reader.expect("format", FORMAT, &reader.text(&file, "format")?)?;
        let schema: u32 =
            file.attr("schema").and_then(|attr| attr.read_scalar()).map_err(failed())?;
        reader.expect("schema", &SCHEMA.to_string(), &schema.to_string())?;
        let header: StoreHeader = reader.json(&file, "header")?;
        let skipped = reader.json(&file, "skipped")?;
        let fingerprint = header.fingerprint()?;
        let stated = reader.text(&file, "fingerprint")?;
        reader.expect("fingerprint", &fingerprint.to_string(), &stated)?;

        let group = file.group("tracks").map_err(failed())?;
        let mut names = group.member_names().map_err(failed())?;
        names.sort();
        let mut tracks = Vec::new();
        let mut notes = Vec::new();
        let mut datasets = Vec::new();
        for name in names {
            let (track, track_notes, dataset) = reader.track(&group, &name, &header)?;
            tracks.push(track);
            notes.push(track_notes);
            datasets.push(dataset);
        }
        let payload = match map_all(path, &datasets) {
            Some(payload) if mapped => payload,
            _ => {
                log::debug!("{}: read through HDF5, without a memory map", path.display());
                Payload::Library { datasets: Mutex::new(datasets) }
            }
        };
        Ok(Self { path: path.to_owned(), header, fingerprint, tracks, notes, skipped, payload })
    }
}

impl FeatureStore for Hdf5Store {
    fn header(&self) -> &StoreHeader {
        &self.header
    }

    fn tracks(&self) -> &[StoredTrack] {
        &self.tracks
    }

    fn notes(&self, track: usize) -> &[Note] {
        &self.notes[track]
    }

    fn skipped(&self) -> &[SkippedTrack] {
        &self.skipped
    }

    fn read_into(&self, track: usize, frames: Range<usize>, out: &mut [f32]) -> Result<()> {
        let plan = plan_read(&self.header, &self.tracks, track, &frames, out.len())?;
        match &self.payload {
            Payload::Mapped { map, starts } => {
                for (from, to) in plan {
                    map.read(starts[track], from, &mut out[to]);
                }
            }
            Payload::Library { datasets } => {
                let datasets = datasets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let values = datasets[track]
                    .read_slice::<f32, _, ndarray::Ix3>(s![.., frames, ..])
                    .map_err(hdf5_error("read", &self.path))?;
                for (value, from) in out.iter_mut().zip(&values) {
                    *value = *from;
                }
            }
        }
        Ok(())
    }
}

/// A map of the file, if every data set lies in it as plain little-endian `f32`.
fn map_all(path: &Path, datasets: &[Dataset]) -> Option<Payload> {
    let map = FileMap::open(path)
        .inspect_err(|error| log::debug!("{}: no memory map: {error}", path.display()))
        .ok()?;
    let starts = datasets
        .iter()
        .map(|dataset| {
            let bytes = dataset.size().checked_mul(4)?;
            if bytes == 0 {
                return Some(0);
            }
            let dtype = dataset.dtype().ok()?;
            let little = matches!(dtype.byte_order(), hdf5::datatype::ByteOrder::LittleEndian);
            let start = usize::try_from(dataset.offset()?).ok()?;
            let fits = start.checked_add(bytes)? <= map.len();
            (little && fits && dataset.filters().is_empty()).then_some(start)
        })
        .collect::<Option<Vec<usize>>>()?;
    Some(Payload::Mapped { map, starts })
}

/// Checks the first bytes before the file is handed to the library.
fn check_magic(path: &Path) -> Result<()> {
    let io_error = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let mut first = Vec::with_capacity(MAGIC.len());
    fs::File::open(path)
        .map_err(io_error)?
        .take(MAGIC.len() as u64)
        .read_to_end(&mut first)
        .map_err(io_error)?;
    if first != MAGIC {
        return Err(Error::NotAStore {
            path: path.to_owned(),
            field: "the file's beginning".to_owned(),
            expected: "that of an HDF5 file".to_owned(),
            actual: format!("{:?}", String::from_utf8_lossy(&first)),
        });
    }
    Ok(())
}

/// Reads parts of a store and names the file in every error.
struct Reader<'a> {
    path: &'a Path,
}

impl Reader<'_> {
    fn not_a_store(&self, field: &str, expected: &str, actual: &str) -> Error {
        Error::NotAStore {
            path: self.path.to_owned(),
            field: field.to_owned(),
            expected: expected.to_owned(),
            actual: actual.to_owned(),
        }
    }

    fn expect(&self, field: &str, expected: &str, actual: &str) -> Result<()> {
        if actual == expected { Ok(()) } else { Err(self.not_a_store(field, expected, actual)) }
    }

    fn text(&self, location: &Location, name: &str) -> Result<String> {
        let attribute = location
            .attr(name)
            .map_err(|_| self.not_a_store(&format!("attribute '{name}'"), "a text", "missing"))?;
        attribute
            .read_scalar::<VarLenUnicode>()
            .map(|text| text.as_str().to_owned())
            .map_err(hdf5_error("read", self.path))
    }

    fn json<T: DeserializeOwned>(&self, location: &Location, name: &str) -> Result<T> {
        let text = self.text(location, name)?;
        serde_json::from_str(&text).map_err(|error| {
            let field = format!("attribute '{name}'");
            self.not_a_store(&field, "JSON of this version", &error.to_string())
        })
    }

    fn track(
        &self,
        tracks: &hdf5::Group,
        name: &str,
        header: &StoreHeader,
    ) -> Result<(StoredTrack, Vec<Note>, Dataset)> {
        let failed = || hdf5_error("read", self.path);
        let group = tracks.group(name).map_err(failed())?;
        let features = group.dataset("features").map_err(failed())?;
        let dtype = features.dtype().map_err(failed())?;
        let field = format!("tracks/{name}/features");
        if !dtype.is::<f32>() {
            return Err(self.not_a_store(&field, "32-bit floats", "of another type"));
        }
        let shape = features.shape();
        let &[channels, frames, bins] = shape.as_slice() else {
            return Err(self.not_a_store(&field, "of 3 dimensions", &format!("{shape:?}")));
        };
        if (channels, bins) != (header.channels, header.bins) {
            let expected = format!("[{}, frames, {}]", header.channels, header.bins);
            return Err(self.not_a_store(&field, &expected, &format!("{shape:?}")));
        }
        let seconds = group.attr("seconds").and_then(|attr| attr.read_scalar()).map_err(failed())?;
        let track = StoredTrack {
            id: TrackId::new(name)?,
            piece: self.text(&group, "piece")?,
            instrument: self.text(&group, "instrument")?,
            frames,
            seconds,
        };
        let table: Array2<f64> =
            group.dataset("notes").and_then(|notes| notes.read_2d()).map_err(failed())?;
        let notes = self.notes(name, &table)?;
        Ok((track, notes, features))
    }

    fn notes(&self, name: &str, table: &Array2<f64>) -> Result<Vec<Note>> {
        let field = || format!("tracks/{name}/notes");
        if table.ncols() != 4 {
            let actual = format!("{:?}", table.shape());
            return Err(self.not_a_store(&field(), "[notes, 4]", &actual));
        }
        table
            .rows()
            .into_iter()
            .map(|row| {
                let velocity = Some(row[3])
                    .filter(|velocity| (0.0..=127.0).contains(velocity))
                    .map(|velocity| velocity as u8);
                Pitch::from_midi(row[2])
                    .and_then(|pitch| {
                        let velocity = Velocity::new(velocity.unwrap_or(u8::MAX))?;
                        Note::new(row[0], row[1], pitch, velocity)
                    })
                    .map_err(|error| {
                        self.not_a_store(&field(), "notes in range", &error.to_string())
                    })
            })
            .collect()
    }
}

/// The leaves in which two headers differ, as `front_end.n_mels: wanted 229, found 128`.
fn differences(wanted: &StoreHeader, found: &StoreHeader) -> Vec<String> {
    use serde_json::{Value, to_value};

    fn walk(path: &str, wanted: &Value, found: &Value, out: &mut Vec<String>) {
        match (wanted, found) {
            (Value::Object(a), Value::Object(b)) => {
                let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
                keys.sort();
                keys.dedup();
                for key in keys {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    let missing = Value::Null;
                    walk(
                        &path,
                        a.get(key).unwrap_or(&missing),
                        b.get(key).unwrap_or(&missing),
                        out,
                    );
                }
            }
            // Long lists (the frequencies of the bins) follow from the settings: naming them is enough.
            (Value::Array(_), Value::Array(_)) if wanted != found => {
                out.push(format!("{path}: differs"));
            }
            _ if wanted != found => out.push(format!("{path}: wanted {wanted}, found {found}")),
            _ => {}
        }
    }

    let mut out = Vec::new();
    if let (Ok(wanted), Ok(found)) = (to_value(wanted), to_value(found)) {
        walk("", &wanted, &found, &mut out);
    }
    out
}
