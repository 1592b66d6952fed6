//! Feature stores: features and notes of all tracks of a split, ready for random crops.
//!
//! [`MemStore`] keeps them in memory, [`Hdf5Store`] in one HDF5 file that is read by memory map; both
//! are a [`FeatureStore`]. What a store was made from is its [`StoreHeader`], and the header's
//! fingerprint is the store's identity: a store of other recordings, another front end or another
//! version of the computation is never taken for the wanted one.
//!
//! # Layout of the file, schema 2
//! | object | content |
//! |---|---|
//! | `/` attributes | `format` = `mir-feature-store`, `schema` = 2, `fingerprint` (32 hexadecimal digits), `header` (JSON), `skipped` (JSON) |
//! | `/tracks/NAME` | one group a track; attributes `piece`, `instrument`, `seconds` |
//! | `/tracks/NAME/features` | `f32`, `f16` or `u8`, little-endian, `[channels, frames, bins]`, contiguous, uncompressed, from a multiple of 4096 bytes on |
//! | … its attributes, for `u8` | `low`, `high` (`f32`): the values of the bytes 0 and 255 |
//! | `/tracks/NAME/notes` | `f64` `[notes, 4]`: onset and offset in seconds, MIDI pitch, velocity 0 to 127 |
//!
//! In Python: `f = h5py.File(path); x = f["tracks"][name]["features"][0, 100:300]`, and for bytes
//! `low + (high - low) * x / 255`.
//!
//! The files of the Onsets-and-Velocities programs, for interchange, are in `onsets_velocities`.

mod memory;
mod values;

#[cfg(feature = "hdf5")]
mod differences;
#[cfg(feature = "hdf5")]
mod file;
#[cfg(feature = "hdf5")]
mod map;
#[cfg(feature = "hdf5")]
pub(crate) mod notes;
#[cfg(feature = "hdf5")]
pub mod onsets_velocities;
#[cfg(feature = "hdf5")]
mod writer;

use std::{fmt, ops::Range};

use mir_core::{Fingerprint, Fingerprinted, FrameGrid, Note};
use mir_features::{BinAxis, FeatureMap, FrontEndConfig};
use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, TrackId};

#[cfg(feature = "hdf5")]
pub use file::Hdf5Store;
pub use memory::MemStore;
#[cfg(feature = "hdf5")]
pub(crate) use values::ByteRange;
pub use values::ValueFormat;
pub(crate) use values::Values;
#[cfg(feature = "hdf5")]
pub use writer::Hdf5Writer;
#[cfg(feature = "hdf5")]
pub(crate) use writer::{hdf5_error, write_text};

/// Version of the layout of stores.
pub const SCHEMA: u32 = 2;

/// What a store was made from, and what its features mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreHeader {
    /// Version of the layout, [`SCHEMA`].
    pub schema: u32,
    /// Name of the data set.
    pub dataset: String,
    /// Version of the data set.
    pub version: String,
    /// Name of the split.
    pub split: String,
    /// How the features were computed.
    pub front_end: FrontEndConfig,
    /// Fingerprint of the front end: its configuration and the version of its computation.
    pub front_end_fingerprint: Fingerprint,
    /// Time of the frames.
    pub grid: FrameGrid,
    /// Channels of the features.
    pub channels: usize,
    /// Bins of the features.
    pub bins: usize,
    /// What the bins stand for.
    pub axis: BinAxis,
    /// How the values are kept.
    pub values: ValueFormat,
    /// Over names and content of all recordings, in order.
    pub sources: Fingerprint,
}

impl Fingerprinted for StoreHeader {
    const DOMAIN: &'static str = "mir-datasets/store/2";
}

/// One track of a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredTrack {
    /// Its name.
    pub id: TrackId,
    /// The composition.
    pub piece: String,
    /// What it is played on.
    pub instrument: String,
    /// Frames of its features.
    pub frames: usize,
    /// Length of its audio, seconds.
    pub seconds: f64,
}

/// A recording that could not be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedTrack {
    /// Its name.
    pub track: TrackId,
    /// Why: the error and its causes, in one line.
    pub reason: String,
}

/// One track with its content: what goes into a store, and what comes out for an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Name, piece, instrument, length.
    pub track: StoredTrack,
    /// Features `[channels, frames, bins]` on their grid.
    pub features: FeatureMap,
    /// Notes, sorted.
    pub notes: Vec<Note>,
}

/// Features and notes of many tracks, read in any order from any thread.
pub trait FeatureStore: fmt::Debug + Send + Sync {
    /// What the store was made from.
    fn header(&self) -> &StoreHeader;

    /// The tracks, in order of their ids.
    fn tracks(&self) -> &[StoredTrack];

    /// The notes of a track, sorted.
    ///
    /// # Panics
    /// If there is no such track.
    fn notes(&self, track: usize) -> &[Note];

    /// Recordings that were left out when the store was built.
    fn skipped(&self) -> &[SkippedTrack];

    /// Fills `out` with frames of a track, `[channels, frames, bins]` in row-major order.
    ///
    /// # Errors
    /// [`Error::OutOfStore`] for a track or frames that are not there; [`Error::BufferLength`] unless
    /// `out` has exactly their length; [`Error::Hdf5`] if a file cannot be read.
    fn read_into(&self, track: usize, frames: Range<usize>, out: &mut [f32]) -> Result<()>;

    /// Frames of a track, `[channels, frames, bins]`.
    ///
    /// # Errors
    /// As [`read_into`](Self::read_into).
    fn read(&self, track: usize, frames: Range<usize>) -> Result<Array3<f32>> {
        let header = self.header();
        let shape = (header.channels, frames.len(), header.bins);
        // Checked before the memory is taken: the range may come from anywhere.
        check_range(self.tracks(), track, &frames)?;
        let mut out = Array3::zeros(shape);
        let slice = out.as_slice_mut().unwrap_or_default();
        self.read_into(track, frames, slice)?;
        Ok(out)
    }

    /// A whole track.
    ///
    /// # Errors
    /// As [`read_into`](Self::read_into).
    fn recording(&self, track: usize) -> Result<Recording> {
        let info = find(self.tracks(), track)?.clone();
        let header = self.header();
        Ok(Recording {
            features: FeatureMap {
                grid: header.grid,
                axis: header.axis.clone(),
                data: self.read(track, 0..info.frames)?,
            },
            notes: self.notes(track).to_vec(),
            track: info,
        })
    }
}

/// All tracks of a store, whole and in order: what an evaluation goes through.
pub fn recordings(store: &dyn FeatureStore) -> impl ExactSizeIterator<Item = Result<Recording>> {
    (0..store.tracks().len()).map(|track| store.recording(track))
}

fn find(tracks: &[StoredTrack], track: usize) -> Result<&StoredTrack> {
    tracks.get(track).ok_or(Error::OutOfStore {
        what: "track",
        actual: track,
        available: tracks.len(),
    })
}

fn check_range(tracks: &[StoredTrack], track: usize, frames: &Range<usize>) -> Result<()> {
    let info = find(tracks, track)?;
    if frames.start > frames.end || frames.end > info.frames {
        return Err(Error::OutOfStore {
            what: "frame",
            actual: frames.end.max(frames.start),
            available: info.frames,
        });
    }
    Ok(())
}

/// Checks track, range and buffer of a read; gives for each channel the values of the source
/// (counted in a track of layout `[channels, frames, bins]`) and where they go.
fn plan_read(
    header: &StoreHeader,
    tracks: &[StoredTrack],
    track: usize,
    frames: &Range<usize>,
    out: usize,
) -> Result<impl Iterator<Item = (Range<usize>, Range<usize>)> + use<>> {
    check_range(tracks, track, frames)?;
    let (stride, length) = (tracks[track].frames * header.bins, frames.len() * header.bins);
    let (channels, first) = (header.channels, frames.start * header.bins);
    if out != channels * length {
        return Err(Error::BufferLength { expected: channels * length, actual: out });
    }
    Ok((0..channels).map(move |channel| {
        let start = channel * stride + first;
        (start..start + length, channel * length..(channel + 1) * length)
    }))
}

/// A track in the form in which a store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Prepared {
    pub(crate) track: StoredTrack,
    pub(crate) values: Values,
    pub(crate) notes: Vec<Note>,
}

impl Prepared {
    /// Checks that a recording fits a store, and brings its values into the store's format.
    pub(crate) fn new(header: &StoreHeader, recording: Recording) -> Result<Self> {
        let Recording { track, features, notes } = recording;
        let (channels, frames, bins) = features.data.dim();
        let expected = (header.channels, track.frames, header.bins);
        if (channels, frames, bins) != expected {
            return Err(Error::BufferLength {
                expected: expected.0 * expected.1 * expected.2,
                actual: channels * frames * bins,
            });
        }
        let wrong = |value: &f32| !value.is_finite();
        if let Some(((_, frame, bin), &value)) =
            features.data.indexed_iter().find(|(_, value)| wrong(value))
        {
            return Err(Error::NonFiniteFeature { track: track.id, frame, bin, value });
        }
        let data = features.data.as_standard_layout().into_owned();
        // An array in standard layout may still begin within its memory.
        let (data, offset) = data.into_raw_vec_and_offset();
        let data = match offset {
            Some(offset) if offset > 0 => data[offset..].to_vec(),
            _ => data,
        };
        let Some(values) = Values::encode(header.values, data) else {
            return Err(Error::BeyondFormat { track: track.id, format: header.values });
        };
        Ok(Self { track, values, notes })
    }
}
