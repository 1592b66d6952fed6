//! `musicnet.h5`: all recordings and labels of MusicNet in one HDF5 file.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use hdf5::{Dataset, File, H5Type};
use mir_audio::{LoadOptions, ResampleConfig, Resampler, mix};
use mir_core::{AudioBuffer, Fingerprint, Key, Note, SampleRate, formats::MusicNetLabel};

use super::super::sound::Packed;
use crate::{Error, Result, TrackId, store::hdf5_error};

/// Rate of the audio, and the unit of the times.
const RATE: SampleRate = SampleRate::HZ_44100;

/// What the groups are named: `id_1727`.
const PREFIX: &str = "id_";

/// Latest time that is read, in samples: a week.
const MAX_SAMPLES: i64 = 7 * 86_400 * 44_100;

/// The most that deflate can shrink anything. A data set that claims more than this times the bytes of the
/// file is not in it.
const MAX_RATIO: u64 = 1032;

/// The columns of the labels that notes are made of. HDF5 finds them by name: the file keeps more of them, in
/// alphabetical order.
#[derive(Clone, Copy, Debug, H5Type)]
#[repr(C)]
struct Row {
    start_time: i64,
    end_time: i64,
    instrument: i64,
    note: i64,
}

/// The numbers of the recordings in a file.
pub(super) fn numbers(path: &Path) -> Result<BTreeSet<String>> {
    let names = open(path)?.member_names().map_err(hdf5_error("list", path))?;
    Ok(names.iter().filter_map(|name| name.strip_prefix(PREFIX)).map(str::to_owned).collect())
}

/// Reads the labels of a recording, with the columns that notes are made of; places in the score are 0.
pub(super) fn read_labels(path: &Path, number: &str) -> Result<Vec<MusicNetLabel>> {
    let rows: Vec<Row> = {
        let labels = dataset(&open(path)?, path, &format!("{PREFIX}{number}/labels"))?;
        labels.read_raw().map_err(hdf5_error("read", path))?
    };
    let label = |(index, row): (usize, &Row)| {
        let times = 0 <= row.start_time && row.start_time <= row.end_time;
        let key = u8::try_from(row.note).ok().and_then(|note| Key::new(note).ok());
        let instrument = u8::try_from(row.instrument).ok().filter(|number| *number <= 128);
        match (times && row.end_time <= MAX_SAMPLES, instrument, key) {
            (true, Some(instrument), Some(key)) => Ok(MusicNetLabel {
                start: row.start_time.unsigned_abs(),
                end: row.end_time.unsigned_abs(),
                instrument,
                key,
                start_beat: 0.0,
                beats: 0.0,
                note_value: String::new(),
            }),
            _ => Err(malformed(path, format!("row {index} of the labels of {number} is {row:?}"))),
        }
    };
    rows.iter().enumerate().map(label).collect()
}

/// The notes of a recording, sorted.
pub(super) fn read_notes(path: &Path, number: &str) -> Result<Vec<Note>> {
    let mut notes: Vec<Note> = read_labels(path, number)?.iter().map(MusicNetLabel::note).collect();
    Note::sort(&mut notes);
    Ok(notes)
}

/// One recording of the file.
#[derive(Debug)]
pub(super) struct Recording {
    path: PathBuf,
    number: String,
}

impl Recording {
    pub(super) fn new(path: &Path, number: &str) -> Self {
        Self { path: path.to_owned(), number: number.to_owned() }
    }

    fn samples(&self) -> Result<Dataset> {
        dataset(&open(&self.path)?, &self.path, &format!("{PREFIX}{}/data", self.number))
    }

    fn read(&self, options: &LoadOptions) -> Result<Vec<f32>> {
        let samples = self.samples()?;
        let length = samples.size();
        let first = RATE.sample_at(options.start).min(length);
        let last = options
            .duration
            .map_or(length, |duration| length.min(first.saturating_add(RATE.sample_at(duration))));
        let read = samples.read_slice_1d::<f32, _>(first..last);
        Ok(read.map_err(hdf5_error("read", &self.path))?.to_vec())
    }
}

impl Packed for Recording {
    fn path(&self) -> &PathBuf {
        &self.path
    }

    fn load(&self, track: &TrackId, options: &LoadOptions) -> Result<AudioBuffer> {
        let failed = |source| Error::Audio { track: track.clone(), source: Box::new(source) };
        for (field, seconds) in [("start", Some(options.start)), ("duration", options.duration)] {
            if let Some(actual) = seconds.filter(|s| !(s.is_finite() && *s >= 0.0)) {
                let expected = "finite and at least 0 s";
                return Err(failed(mir_audio::Error::OutOfRange { field, expected, actual }));
            }
        }
        let mut audio = AudioBuffer::mono(RATE, self.read(options)?);
        if let Some(channels) = &options.channels {
            audio = mix::select_channels(&audio, channels).map_err(failed)?;
        }
        if options.mono {
            audio = audio.into_mono();
        }
        let to = options.sample_rate.unwrap_or(RATE);
        let config = ResampleConfig { from: RATE, to, method: options.resampling };
        Resampler::new(config).and_then(|resampler| resampler.process(&audio)).map_err(failed)
    }

    fn seconds(&self) -> Result<f64> {
        Ok(RATE.seconds(self.samples()?.size()))
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        // The file holds all recordings: its own bytes would be read 330 times over.
        let samples = self.read(&LoadOptions::default())?;
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let labels: Vec<_> = read_labels(&self.path, &self.number)?
            .into_iter()
            .map(|label| (label.start, label.end, label.instrument, label.key.number()))
            .collect();
        let source = (&self.number, Fingerprint::of_bytes(&bytes), labels);
        Ok(Fingerprint::of("mir-datasets/musicnet/h5/1", &source)?)
    }
}

fn open(path: &Path) -> Result<File> {
    let options = &mut File::with_options();
    // Some file systems have no locks, and nobody writes.
    let options = options.with_fapl(|access| access.file_locking(false));
    options.open(path).map_err(hdf5_error("open", path))
}

/// A series of the file, of a length that the file can hold.
fn dataset(file: &File, path: &Path, name: &str) -> Result<Dataset> {
    let dataset = file.dataset(name).map_err(hdf5_error("open", path))?;
    let held = path.metadata().map_or(0, |metadata| metadata.len()).saturating_mul(MAX_RATIO);
    if dataset.ndim() != 1 || dataset.size() as u64 > held {
        let shape = dataset.shape();
        return Err(malformed(
            path,
            format!("{name} has the shape {shape:?}: no series it can hold"),
        ));
    }
    Ok(dataset)
}

fn malformed(path: &Path, what: String) -> Error {
    Error::Malformed { path: path.to_owned(), format: "MusicNet HDF5", source: what.into() }
}
