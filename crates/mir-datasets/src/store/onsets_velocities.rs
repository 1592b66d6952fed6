//! The files of the Onsets-and-Velocities programs (Fernandez 2023), read and written for interchange.
//!
//! One file holds all recordings of a data set joined along time; features and rolls are two such files
//! with the same recordings. All values are `f32`.
//!
//! # Layout
//! | data set | content |
//! |---|---|
//! | `data` | `f32` `[rows, frames of all recordings]`, chunks of 333 frames |
//! | `metadata` | a text for every recording |
//! | `data_idxs` | `i64` `[2, recordings]`: first frame, and one past the last, joined without gaps |
//!
//! All three are compressed with LZF, which h5py reads and plain HDF5 does not. Nothing else is in the file:
//! front end and grid stand in its name ([`log_mel_name`], [`roll_name`]).
//!
//! Rows of a roll, 259: velocities of onsets (128 keys), velocities of what sounds (128 keys), positions of
//! sustain, soft and sostenuto pedal.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    str::FromStr,
};

use hdf5::types::VarLenUnicode;
use mir_core::{FrameGrid, KeyRange, RollRule, publish::AtomicFile};
use mir_features::{FrontEndConfig, LogMelConfig};
use mir_midi::{Performance, roll::VelocityRoll};
use ndarray::{Array2, ArrayRef2, Axis, concatenate, s};

use super::{FeatureStore, writer::hdf5_error};
use crate::{Error, Result};

/// Rows of a roll.
pub const ROLL_ROWS: usize = 259;

/// Frames of a chunk: 8 seconds of 24 ms.
const CHUNK: usize = 333;

/// `MAESTROv3_logmel_sr=16000_stft=2048w384h_mel=229(50-8000).h5`; the edges of the bands without fractions.
///
/// ```
/// use mir_datasets::store::onsets_velocities::log_mel_name;
/// use mir_features::LogMelConfig;
/// assert_eq!(
///     log_mel_name("MAPS", &LogMelConfig::onsets_velocities_v2()),
///     "MAPS_logmel_sr=16000_stft=2048w384h_mel=229(50-8000).h5"
/// );
/// ```
pub fn log_mel_name(dataset: &str, config: &LogMelConfig) -> String {
    format!(
        "{dataset}_logmel_sr={}_stft={}w{}h_mel={}({:.0}-{:.0}).h5",
        config.sample_rate.hz(),
        config.n_fft,
        config.hop,
        config.n_mels,
        config.f_min,
        config.f_max,
    )
}

/// `MAESTROv3_roll_quant=0.024_midivals=128_extendsus=True.h5`, for notes that last as long as the pedal.
///
/// ```
/// use mir_datasets::store::onsets_velocities::roll_name;
/// assert_eq!(roll_name("MAPS", 0.024), "MAPS_roll_quant=0.024_midivals=128_extendsus=True.h5");
/// ```
pub fn roll_name(dataset: &str, seconds_of_a_frame: f64) -> String {
    format!("{dataset}_roll_quant={seconds_of_a_frame}_midivals=128_extendsus=True.h5")
}

/// A roll as these files keep it, `[259, frames]`.
///
/// # Panics
/// Unless the roll is of all 128 keys.
pub fn roll_rows(roll: &VelocityRoll) -> Array2<f32> {
    assert_eq!(roll.onset.ncols(), 128, "a roll of all keys");
    let parts = [roll.onset.t(), roll.frame.t(), roll.pedals.t()];
    concatenate(Axis(0), &parts)
        .map_or_else(|_| unreachable!("all have the same frames"), |rows| rows.mapv(f32::from))
}

/// Writes one file, recording by recording; it appears when [`finish`](Self::finish) has synced it.
#[derive(Debug)]
pub struct JoinedWriter {
    // Declared first, so that the library lets go of the file before the temporary name is removed.
    file: hdf5::File,
    target: AtomicFile,
    rows: usize,
    frames: usize,
    recordings: usize,
}

impl JoinedWriter {
    /// Starts a file of `rows` rows; its folder has to exist.
    ///
    /// # Errors
    /// [`Error::Core`] if the temporary file cannot be made, [`Error::Hdf5`] if HDF5 refuses it.
    pub fn create(path: impl AsRef<Path>, rows: usize) -> Result<Self> {
        let path = path.as_ref();
        let target = AtomicFile::create(path)?;
        let create = || -> hdf5::Result<hdf5::File> {
            let file = hdf5::File::with_options()
                .with_fapl(|access| access.file_locking(false))
                .with_fcpl(|creation| creation.obj_track_times(false))
                .create(target.temporary_path())?;
            let builder = || file.new_dataset_builder().obj_track_times(false).lzf();
            builder().chunk((rows, CHUNK)).empty::<f32>().shape((rows, 0..)).create("data")?;
            builder().chunk(CHUNK).empty::<VarLenUnicode>().shape(0..).create("metadata")?;
            builder().chunk((2, CHUNK)).empty::<i64>().shape((2, 0..)).create("data_idxs")?;
            Ok(file)
        };
        let file = create().map_err(hdf5_error("write", path))?;
        Ok(Self { file, target, rows, frames: 0, recordings: 0 })
    }

    /// Adds a recording, `[rows, frames]`, and its text.
    ///
    /// # Errors
    /// [`Error::BufferLength`] for another number of rows; [`Error::Hdf5`] if it cannot be written.
    pub fn push(&mut self, metadata: &str, values: &ArrayRef2<f32>) -> Result<()> {
        let (rows, frames) = values.dim();
        if rows != self.rows {
            return Err(Error::BufferLength { expected: self.rows * frames, actual: values.len() });
        }
        let (first, last, item) = (self.frames, self.frames + frames, self.recordings);
        let write = || -> hdf5::Result<()> {
            let text = VarLenUnicode::from_str(metadata)
                .map_err(|error| hdf5::Error::Internal(error.to_string()))?;
            let data = self.file.dataset("data")?;
            data.resize((rows, last))?;
            data.write_slice(&values.view(), s![.., first..last])?;
            let texts = self.file.dataset("metadata")?;
            texts.resize(item + 1)?;
            texts.write_slice(&[text], s![item..=item])?;
            let indices = self.file.dataset("data_idxs")?;
            indices.resize((2, item + 1))?;
            let bounds = Array2::from_shape_fn((2, 1), |(end, _)| [first, last][end] as i64);
            indices.write_slice(&bounds, s![.., item..=item])
        };
        write().map_err(hdf5_error("write", self.target.path()))?;
        (self.frames, self.recordings) = (last, item + 1);
        Ok(())
    }

    /// Syncs the file to disk and gives it its name, replacing an older one.
    ///
    /// # Errors
    /// [`Error::Hdf5`] or [`Error::Core`] if writing fails; an older file is untouched then.
    pub fn finish(self) -> Result<()> {
        let path = self.target.path().to_owned();
        let file = self.file;
        file.flush().and_then(|()| file.close()).map_err(hdf5_error("write", &path))?;
        Ok(self.target.commit()?)
    }
}

/// One file, open for reading.
#[derive(Debug)]
pub struct JoinedFile {
    path: PathBuf,
    data: hdf5::Dataset,
    rows: usize,
    metadata: Vec<String>,
    ranges: Vec<Range<usize>>,
}

impl JoinedFile {
    /// Opens a file and checks that its parts fit together.
    ///
    /// # Errors
    /// [`Error::Hdf5`] if HDF5 cannot read it, [`Error::NotAStore`] with what does not fit.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed = || hdf5_error("open", path);
        let file = hdf5::File::with_options()
            .with_fapl(|access| access.file_locking(false))
            .open(path)
            .map_err(failed())?;
        let wrong = |field: &str, expected: &str, actual: String| Error::NotAStore {
            path: path.to_owned(),
            field: field.to_owned(),
            expected: expected.to_owned(),
            actual,
        };
        let data = file.dataset("data").map_err(failed())?;
        let &[rows, frames] = data.shape().as_slice() else {
            return Err(wrong("data", "of 2 dimensions", format!("{:?}", data.shape())));
        };
        let bounds: Array2<i64> =
            file.dataset("data_idxs").and_then(|set| set.read_2d()).map_err(failed())?;
        let metadata: Vec<String> = file
            .dataset("metadata")
            .and_then(|set| set.read_1d::<VarLenUnicode>())
            .map_err(failed())?
            .iter()
            .map(|text| text.as_str().to_owned())
            .collect();
        if bounds.dim() != (2, metadata.len()) {
            let expected = format!("[2, {}], as there are texts", metadata.len());
            return Err(wrong("data_idxs", &expected, format!("{:?}", bounds.dim())));
        }
        let mut ranges = Vec::with_capacity(metadata.len());
        let mut end = 0;
        for pair in bounds.columns() {
            match (usize::try_from(pair[0]), usize::try_from(pair[1])) {
                (Ok(first), Ok(last)) if first == end && last >= first => end = last,
                _ => {
                    let expected = format!("a range from frame {end} on");
                    return Err(wrong("data_idxs", &expected, format!("{pair}")));
                }
            }
            ranges.push(pair[0] as usize..end);
        }
        if end != frames {
            return Err(wrong("data", &format!("[{rows}, {end}]"), format!("[{rows}, {frames}]")));
        }
        Ok(Self { path: path.to_owned(), data, rows, metadata, ranges })
    }

    /// Number of rows.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The text of every recording.
    pub fn metadata(&self) -> &[String] {
        &self.metadata
    }

    /// Frames of a recording.
    ///
    /// # Panics
    /// If there is no such recording.
    pub fn frames(&self, recording: usize) -> usize {
        self.ranges[recording].len()
    }

    /// Some frames of a recording, `[rows, frames]`.
    ///
    /// # Errors
    /// [`Error::OutOfStore`] for a recording or frames that are not there; [`Error::Hdf5`].
    pub fn read(&self, recording: usize, frames: Range<usize>) -> Result<Array2<f32>> {
        let available = self.ranges.len();
        let range = self.ranges.get(recording).ok_or(Error::OutOfStore {
            what: "track",
            actual: recording,
            available,
        })?;
        if frames.start > frames.end || frames.end > range.len() {
            return Err(Error::OutOfStore {
                what: "frame",
                actual: frames.end.max(frames.start),
                available: range.len(),
            });
        }
        let (first, last) = (range.start + frames.start, range.start + frames.end);
        self.data.read_slice_2d(s![.., first..last]).map_err(hdf5_error("read", &self.path))
    }

    /// Whether features and rolls are of the same recordings, frame by frame.
    ///
    /// # Errors
    /// [`Error::NotAStore`] names the other file and what differs.
    pub fn check_pair(&self, other: &Self) -> Result<()> {
        let wrong = |field: &str| Error::NotAStore {
            path: other.path.clone(),
            field: field.to_owned(),
            expected: format!("that of {}", self.path.display()),
            actual: "another one".to_owned(),
        };
        if self.metadata != other.metadata {
            return Err(wrong("metadata"));
        }
        if self.ranges != other.ranges {
            return Err(wrong("data_idxs"));
        }
        Ok(())
    }
}

/// Writes the features and rolls of a store as a pair of such files, and gives their paths. `dataset` is the
/// name that the files begin with. The text of a recording is its name.
///
/// The rolls have the frames of the features; pedals are 0, since notes of a store have the pedal in their
/// offsets.
///
/// # Errors
/// [`Error::InvalidConfig`] for a store of anything but a log-mel spectrogram; those of [`JoinedWriter`] and
/// of [`FeatureStore::read_into`].
pub fn export(
    store: &dyn FeatureStore,
    folder: impl AsRef<Path>,
    dataset: &str,
) -> Result<[PathBuf; 2]> {
    let header = store.header();
    let FrontEndConfig::LogMel(config) = &header.front_end else {
        return Err(Error::InvalidConfig {
            field: "front end",
            expected: "a log-mel spectrogram",
            actual: format!("{:?}", header.axis),
        });
    };
    let paths = [log_mel_name(dataset, config), roll_name(dataset, header.grid.period())]
        .map(|name| folder.as_ref().join(name));
    // Frame `i` of a roll begins at `i` hops, whatever the features see there.
    let grid = FrameGrid::new(config.sample_rate, config.hop, 0)?;
    let mut features = JoinedWriter::create(&paths[0], header.bins)?;
    let mut rolls = JoinedWriter::create(&paths[1], ROLL_ROWS)?;
    for (number, track) in store.tracks().iter().enumerate() {
        let values = store.read(number, 0..track.frames)?;
        let values = values.index_axis(Axis(0), 0).t().as_standard_layout().into_owned();
        features.push(track.id.as_str(), &values)?;
        let performance = Performance::from(store.notes(number).to_vec());
        let (roll, _) = VelocityRoll::new(
            &performance,
            grid,
            KeyRange::MIDI,
            track.frames,
            RollRule::OnsetsVelocities,
        );
        rolls.push(track.id.as_str(), &roll_rows(&roll))?;
    }
    features.finish()?;
    rolls.finish()?;
    Ok(paths)
}
