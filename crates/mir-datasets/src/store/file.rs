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
    sync::Mutex,
};

use half::f16;
use hdf5::{Dataset, H5Type, Location, types::VarLenUnicode};
use mir_core::{Fingerprint, Fingerprinted, Note};
use ndarray::{Array2, s};
use serde::de::DeserializeOwned;

use super::{
    ByteRange, FeatureStore, SCHEMA, SkippedTrack, StoreHeader, StoredTrack, ValueFormat, Values,
    differences::differences,
    map::FileMap,
    notes, plan_read,
    writer::{FORMAT, hdf5_error},
};
use crate::{Error, Result, TrackId};

const MAGIC: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

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
    /// For every track, where its values are kept in bytes.
    ranges: Vec<ByteRange>,
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
        let mut ranges = Vec::new();
        let mut datasets = Vec::new();
        for name in names {
            let (track, track_notes, dataset) = reader.track(&group, &name, &header)?;
            ranges.push(reader.byte_range(&dataset, header.values)?);
            tracks.push(track);
            notes.push(track_notes);
            datasets.push(dataset);
        }
        let payload = match map_all(path, header.values, &datasets) {
            Some(payload) if mapped => payload,
            _ => {
                log::debug!("{}: read through HDF5, without a memory map", path.display());
                Payload::Library { datasets: Mutex::new(datasets) }
            }
        };
        Ok(Self {
            path: path.to_owned(),
            header,
            fingerprint,
            tracks,
            notes,
            skipped,
            ranges,
            payload,
        })
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
        let (format, range) = (self.header.values, self.ranges[track]);
        match &self.payload {
            Payload::Mapped { map, starts } => {
                for (from, to) in plan {
                    map.read(starts[track], format, range, from, &mut out[to]);
                }
            }
            Payload::Library { datasets } => {
                let datasets = datasets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let dataset = &datasets[track];
                let values = match format {
                    ValueFormat::F32 => read_frames(dataset, frames).map(Values::F32),
                    ValueFormat::F16 => read_frames::<f16>(dataset, frames).map(Values::F16),
                    ValueFormat::U8 => {
                        read_frames(dataset, frames).map(|bytes| Values::U8 { bytes, range })
                    }
                };
                let values = values.map_err(hdf5_error("read", &self.path))?;
                values.read(0..values.len(), out);
            }
        }
        Ok(())
    }
}

/// Frames of all channels, in row-major order.
fn read_frames<T: H5Type>(dataset: &Dataset, frames: Range<usize>) -> hdf5::Result<Vec<T>> {
    let values = dataset.read_slice::<T, _, ndarray::Ix3>(s![.., frames, ..])?;
    // What the library reads is a fresh array in row-major order.
    Ok(values.into_raw_vec_and_offset().0)
}

/// A map of the file, if every data set lies in it plainly and in little-endian order.
fn map_all(path: &Path, format: ValueFormat, datasets: &[Dataset]) -> Option<Payload> {
    let map = FileMap::open(path)
        .inspect_err(|error| log::debug!("{}: no memory map: {error}", path.display()))
        .ok()?;
    let starts = datasets
        .iter()
        .map(|dataset| {
            let bytes = dataset.size().checked_mul(format.bytes())?;
            if bytes == 0 {
                return Some(0);
            }
            let dtype = dataset.dtype().ok()?;
            // A byte has no order.
            let little = format == ValueFormat::U8
                || matches!(dtype.byte_order(), hdf5::datatype::ByteOrder::LittleEndian);
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
        let fits = match header.values {
            ValueFormat::F32 => dtype.is::<f32>(),
            ValueFormat::F16 => dtype.is::<f16>(),
            ValueFormat::U8 => dtype.is::<u8>(),
        };
        if !fits {
            let expected = format!("of type {:?}", header.values);
            return Err(self.not_a_store(&field, &expected, "of another type"));
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
        if table.ncols() != notes::COLUMNS {
            let actual = format!("{:?}", table.shape());
            return Err(self.not_a_store(&field(), "[notes, 4]", &actual));
        }
        table
            .rows()
            .into_iter()
            .map(|row| {
                notes::from_row([row[0], row[1], row[2], row[3]]).map_err(|error| {
                    self.not_a_store(&field(), "notes in range", &error.to_string())
                })
            })
            .collect()
    }

    /// The range of values that are kept in bytes; an empty one for other formats.
    fn byte_range(&self, features: &Dataset, format: ValueFormat) -> Result<ByteRange> {
        if format != ValueFormat::U8 {
            return Ok(ByteRange::default());
        }
        let number = |name| -> Result<f32> {
            let value: f32 = features
                .attr(name)
                .and_then(|attribute| attribute.read_scalar())
                .map_err(hdf5_error("read", self.path))?;
            if value.is_finite() {
                return Ok(value);
            }
            let field = format!("{}/{name}", features.name());
            Err(self.not_a_store(&field, "a finite number", &value.to_string()))
        };
        Ok(ByteRange { low: number("low")?, high: number("high")? })
    }
}
