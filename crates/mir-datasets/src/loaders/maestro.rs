//! MAESTRO: two hundred hours of virtuoso piano, recorded together with the MIDI of the instrument.
//!
//! # Layout
//! ```text
//! ROOT/maestro-v3.0.0.csv                 (or .json; versions 1.0.0, 2.0.0, 3.0.0)
//! ROOT/2018/NAME.midi
//! ROOT/2018/NAME.wav                      (or NAME.flac, looked for first)
//! ```
//! ROOT may also be the folder that holds `maestro-v3.0.0/`. With `data.json` (the JSON form of versions
//! 1 and 2) in place of the table it is the small subset at 16 kHz that a course hands out. Where there
//! is no MIDI, `NAME.tsv` with onset, offset, note and velocity takes its place.
//!
//! # Conventions
//! - A track is named by its file without folder and ending, which is unique in every version.
//! - [`Track::notes`] are those of [`PedalRule::Default`]: extended by the sustain pedal. For other
//!   rules read [`MaestroTrack::score`].
//! - Splits are those of the table. **From version 1 to 2 the split of 312 recordings changed**: what
//!   was trained on version 1 must not be tested on a later one.
//! - [`Track::piece`] is composer and title. In version 3 thirteen rows share them with a row of another
//!   split, because the titles are generic; [`shared_pieces`](crate::shared_pieces) shows them, nothing
//!   is dropped.
//!
//! Source: C. Hawthorne et al., Enabling factorized piano music modeling and generation with the MAESTRO
//! dataset, ICLR 2019; tables of the three releases.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use mir_audio::LoadOptions;
use mir_core::{
    AudioBuffer, Fingerprint, Note, PedalSpan,
    formats::{read_notes, read_text},
};
use mir_midi::{PedalRule, Score};
use serde::{Deserialize, Serialize};

use super::{
    Checksum, Info, Remote,
    common::{fingerprint, first_existing, is_below, rows},
    sound::Sound,
};
use crate::{
    Annotation, Dataset, Erratum, Error, Kind, Label, Result, Split, Track, TrackId,
    dataset::{notes_only, only_notes},
};

/// What is known of it.
pub const INFO: Info = Info {
    name: "maestro",
    title: "MAESTRO",
    version: "3.0.0",
    license: "CC BY-NC-SA 4.0: non-commercial use",
    citation: "C. Hawthorne, A. Stasyuk, A. Roberts, I. Simon, C.-Z. A. Huang, S. Dieleman, E. Elsen, \
               J. Engel, D. Eck: Enabling factorized piano music modeling and generation with the \
               MAESTRO dataset. International Conference on Learning Representations, 2019.",
    holds: &[Kind::Notes],
    layout: LAYOUT,
    home: "magenta.tensorflow.org/datasets/maestro, open; 101 GB, 120 GB unpacked",
    remotes: &[
        Remote {
            name: "all",
            url: "https://storage.googleapis.com/magentadata/datasets/maestro/v3.0.0/maestro-v3.0.0.zip",
            file: "maestro-v3.0.0.zip",
            checksum: Checksum::Sha256(
                "6680fea5be2339ea15091a249fbd70e49551246ddbd5ca50f1b2352c08c95291",
            ),
            unpack: Some(""),
        },
        Remote {
            name: "midi",
            url: "https://storage.googleapis.com/magentadata/datasets/maestro/v3.0.0/maestro-v3.0.0-midi.zip",
            file: "maestro-v3.0.0-midi.zip",
            checksum: Checksum::Sha256(
                "70470ee253295c8d2c71e6d9d4a815189e35c89624b76d22fce5a019d5dde12c",
            ),
            unpack: Some(""),
        },
    ],
};

const LAYOUT: &str = "maestro-v3.0.0.csv (or 2.0.0, 1.0.0; or .json) beside the folders of the \
                      years, or data.json of the small subset";

/// The recordings of version 2 in which other instruments sound along; version 3 leaves them out.
const CHAMBER: [&str; 6] = [
    "MIDI-Unprocessed_Chamber1_MID--AUDIO_07_R3_2018_wav--2",
    "MIDI-Unprocessed_Chamber2_MID--AUDIO_09_R3_2018_wav--3",
    "MIDI-Unprocessed_Chamber3_MID--AUDIO_10_R3_2018_wav--3",
    "MIDI-Unprocessed_Chamber4_MID--AUDIO_11_R3_2018_wav--3",
    "MIDI-Unprocessed_Chamber5_MID--AUDIO_18_R3_2018_wav--2",
    "MIDI-Unprocessed_Chamber6_MID--AUDIO_20_R3_2018_wav--3",
];

/// A release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaestroVersion {
    /// The subset of a course: 170 recordings at 16 kHz, listed in `data.json`.
    Small,
    /// 1.0.0: 1184 recordings, 954 / 105 / 125 for training, validation and test.
    V1,
    /// 2.0.0: 1282 recordings, 967 / 137 / 178.
    V2,
    /// 3.0.0: 1276 recordings, 962 / 137 / 177.
    V3,
}

impl MaestroVersion {
    /// All, the newest first.
    pub const ALL: [Self; 4] = [Self::V3, Self::V2, Self::V1, Self::Small];

    /// `3.0.0` …, `small`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::V1 => "1.0.0",
            Self::V2 => "2.0.0",
            Self::V3 => "3.0.0",
        }
    }

    /// Files that can hold its table, relative to the root, in order of preference.
    fn tables(self) -> Vec<String> {
        if self == Self::Small {
            return vec!["data.json".to_owned()];
        }
        let name = format!("maestro-v{}", self.name());
        ["", &format!("{name}/")]
            .iter()
            .flat_map(|folder| ["csv", "json"].map(|ending| format!("{folder}{name}.{ending}")))
            .collect()
    }
}

impl fmt::Display for MaestroVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaestroConfig {
    /// The release; `None` takes the newest whose table is there.
    pub version: Option<MaestroVersion>,
    /// Lists only recordings whose audio and labels are both there, for partial copies. Otherwise the
    /// whole table is listed, and a missing file is an error when it is asked for.
    pub present_only: bool,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct MaestroRow {
    /// Composer, as spelled in the table.
    pub composer: String,
    /// Title, as spelled in the table.
    pub title: String,
    /// Split.
    pub split: Split,
    /// Year of the competition.
    pub year: u16,
    /// MIDI file, relative to the table.
    pub midi: String,
    /// Audio file, relative to the table.
    pub audio: String,
    /// Length of the MIDI in seconds.
    pub duration: f64,
}

/// A row as it is written in all forms of the table.
#[derive(Deserialize)]
struct RawRow {
    canonical_composer: String,
    canonical_title: String,
    split: String,
    year: u16,
    midi_filename: String,
    audio_filename: String,
    duration: f64,
}

impl RawRow {
    fn check(self, path: &Path, line: u64) -> Result<MaestroRow> {
        let bad = |reason: String| Error::Table { path: path.to_owned(), line, reason };
        for name in [&self.midi_filename, &self.audio_filename] {
            if !is_below(name) {
                return Err(bad(format!("'{name}' is no path below the folder of the table")));
            }
        }
        if !(self.duration.is_finite() && self.duration >= 0.0) {
            return Err(bad(format!("duration is {}, expected seconds", self.duration)));
        }
        let split = self.split.parse().map_err(|_| {
            bad(format!("split is '{}', expected train, validation or test", self.split))
        })?;
        Ok(MaestroRow {
            composer: self.canonical_composer,
            title: self.canonical_title,
            split,
            year: self.year,
            midi: self.midi_filename,
            audio: self.audio_filename,
            duration: self.duration,
        })
    }
}

/// The JSON form of version 3: columns, each keyed by the number of the row.
#[derive(Deserialize)]
struct Columns {
    canonical_composer: BTreeMap<u32, String>,
    canonical_title: BTreeMap<u32, String>,
    split: BTreeMap<u32, String>,
    year: BTreeMap<u32, u16>,
    midi_filename: BTreeMap<u32, String>,
    audio_filename: BTreeMap<u32, String>,
    duration: BTreeMap<u32, f64>,
}

impl Columns {
    /// One row for every number of the first column; a number without one of the fields is an error.
    fn rows(mut self, path: &Path) -> Result<Vec<RawRow>> {
        fn take<T>(column: &mut BTreeMap<u32, T>, name: &str, row: u32, path: &Path) -> Result<T> {
            column.remove(&row).ok_or_else(|| Error::Table {
                path: path.to_owned(),
                line: u64::from(row),
                reason: format!("row \"{row}\" has no {name}"),
            })
        }
        let numbers: Vec<u32> = self.midi_filename.keys().copied().collect();
        numbers
            .into_iter()
            .map(|row| {
                Ok(RawRow {
                    canonical_composer: take(&mut self.canonical_composer, "composer", row, path)?,
                    canonical_title: take(&mut self.canonical_title, "title", row, path)?,
                    split: take(&mut self.split, "split", row, path)?,
                    year: take(&mut self.year, "year", row, path)?,
                    midi_filename: take(&mut self.midi_filename, "MIDI file", row, path)?,
                    audio_filename: take(&mut self.audio_filename, "audio file", row, path)?,
                    duration: take(&mut self.duration, "duration", row, path)?,
                })
            })
            .collect()
    }
}

/// Reads the table of a release: CSV (known by its ending), or JSON as a list of rows (versions
/// 1 and 2) or as columns (version 3).
///
/// # Errors
/// [`Error::Core`] for a file that cannot be read or is no JSON, [`Error::Table`] with the line (in JSON:
/// the number of the row) for a field that cannot be used.
pub fn read_table(path: impl AsRef<Path>) -> Result<Vec<MaestroRow>> {
    let path = path.as_ref();
    let text = read_text(path)?;
    if super::common::has_ending(path, "csv") {
        return rows::<RawRow>(&text, path)?
            .into_iter()
            .map(|(line, row)| row.check(path, line))
            .collect();
    }
    let bad = |source| mir_core::Error::Json { path: path.to_owned(), source };
    let rows: Vec<RawRow> = if text.trim_start().starts_with('[') {
        serde_json::from_str(&text).map_err(bad)?
    } else {
        serde_json::from_str::<Columns>(&text).map_err(bad)?.rows(path)?
    };
    rows.into_iter().zip(0..).map(|(row, number)| row.check(path, number)).collect()
}

/// One recording.
#[derive(Clone, Debug)]
pub struct MaestroTrack {
    id: TrackId,
    piece: String,
    folder: Arc<Path>,
    row: MaestroRow,
}

impl MaestroTrack {
    fn new(row: MaestroRow, folder: Arc<Path>) -> Result<Self> {
        let name = row.midi.rsplit('/').next().unwrap_or(&row.midi);
        let id = TrackId::new(name.rsplit_once('.').map_or(name, |(stem, _)| stem))?;
        Ok(Self { id, piece: format!("{}: {}", row.composer, row.title), folder, row })
    }

    /// What the table says of it.
    pub fn row(&self) -> &MaestroRow {
        &self.row
    }

    /// The MIDI as the instrument recorded it, with its pedals.
    ///
    /// # Errors
    /// [`Error::MissingFile`], [`Error::Midi`].
    pub fn score(&self) -> Result<Score> {
        let path = first_existing(&self.id, "MIDI file", &[self.folder.join(&self.row.midi)])?;
        Score::read(path).map_err(|e| self.midi_error(e))
    }

    fn midi_error(&self, source: mir_midi::Error) -> Error {
        Error::Midi { track: self.id.clone(), source: Box::new(source) }
    }

    fn audio_file(&self) -> Result<PathBuf> {
        let named = self.folder.join(&self.row.audio);
        first_existing(&self.id, "audio file", &[named.with_extension("flac"), named])
    }

    fn label_file(&self) -> Result<PathBuf> {
        let midi = self.folder.join(&self.row.midi);
        let table = midi.with_extension("tsv");
        first_existing(&self.id, "MIDI file", &[midi, table])
    }
}

impl Track for MaestroTrack {
    fn id(&self) -> &TrackId {
        &self.id
    }

    fn piece(&self) -> &str {
        &self.piece
    }

    fn instrument(&self) -> &str {
        "piano"
    }

    fn audio(&self, options: &LoadOptions) -> Result<AudioBuffer> {
        mir_audio::load(self.audio_file()?, options)
            .map_err(|source| Error::Audio { track: self.id.clone(), source: Box::new(source) })
    }

    fn notes(&self) -> Result<Vec<Note>> {
        let path = self.label_file()?;
        if super::common::has_ending(&path, "tsv") {
            return read_notes(path).map_err(|source| Error::Notes {
                track: self.id.clone(),
                source: Box::new(source),
            });
        }
        mir_midi::read_notes(path, PedalRule::Default).map_err(|e| self.midi_error(e))
    }

    fn pedal(&self) -> Result<Vec<PedalSpan>> {
        Ok(mir_midi::pedal::spans(&self.score()?.performance()))
    }

    fn labels(&self) -> &[Label] {
        only_notes()
    }

    fn annotation(&self, label: &Label) -> Result<Annotation> {
        notes_only(self, label)
    }

    fn files(&self) -> Vec<PathBuf> {
        [self.audio_file(), self.label_file()].into_iter().flatten().collect()
    }

    fn source_fingerprint(&self) -> Result<Fingerprint> {
        fingerprint("mir-datasets/maestro/1", &[&self.audio_file()?, &self.label_file()?])
    }

    fn seconds(&self) -> Result<f64> {
        Sound::File(self.audio_file()?).seconds(&self.id)
    }

    fn duration_hint(&self) -> Option<f64> {
        Some(self.row.duration)
    }
}

/// MAESTRO on disk.
///
/// ```no_run
/// use mir_datasets::{Dataset, Split, loaders::{Maestro, MaestroConfig}};
///
/// let maestro = Maestro::open("/data/maestro-v3.0.0", MaestroConfig::default())?;
/// assert_eq!(maestro.split(Split::Test)?.len(), 177);
/// # Ok::<(), mir_datasets::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Maestro {
    version: MaestroVersion,
    recordings: Vec<Arc<MaestroTrack>>,
    tracks: Vec<Arc<dyn Track>>,
}

impl Maestro {
    /// Lists the recordings of a release; reads its table and nothing else.
    ///
    /// # Errors
    /// [`Error::NoRecordings`] where no table is found, or where `present_only` leaves nothing; the
    /// errors of [`read_table`]; [`Error::DuplicateTrack`] for a table that lists a file twice.
    pub fn open(root: impl AsRef<Path>, config: MaestroConfig) -> Result<Self> {
        let root = root.as_ref();
        // A missing root is an error of the file system, with its reason.
        super::common::list(root)?;
        let none =
            || Error::NoRecordings { dataset: "MAESTRO", path: root.to_owned(), expected: LAYOUT };
        let (version, table) = MaestroVersion::ALL
            .into_iter()
            .filter(|version| config.version.is_none_or(|wanted| wanted == *version))
            .flat_map(|version| version.tables().into_iter().map(move |table| (version, table)))
            .map(|(version, table)| (version, root.join(table)))
            .find(|(_, table)| table.is_file())
            .ok_or_else(none)?;
        let folder: Arc<Path> = table.parent().unwrap_or(root).into();

        let mut found: BTreeMap<TrackId, MaestroTrack> = BTreeMap::new();
        for row in read_table(&table)? {
            let track = MaestroTrack::new(row, Arc::clone(&folder))?;
            if config.present_only && (track.audio_file().is_err() || track.label_file().is_err()) {
                continue;
            }
            if let Some(first) = found.get(&track.id) {
                return Err(Error::DuplicateTrack {
                    first: folder.join(&first.row.midi),
                    second: folder.join(&track.row.midi),
                    track: track.id,
                });
            }
            found.insert(track.id.clone(), track);
        }
        if found.is_empty() {
            return Err(none());
        }
        let recordings: Vec<Arc<MaestroTrack>> = found.into_values().map(Arc::new).collect();
        let tracks = recordings.iter().map(|t| Arc::clone(t) as Arc<dyn Track>).collect();
        Ok(Self { version, recordings, tracks })
    }

    /// Which release it is.
    pub fn release(&self) -> MaestroVersion {
        self.version
    }

    /// The recordings with what the table says of them, in order of their names.
    pub fn recordings(&self) -> &[Arc<MaestroTrack>] {
        &self.recordings
    }

    /// The first ten recordings for training in order of their audio files: the group `debug` of the
    /// course that made the small subset.
    pub fn debug(&self) -> Vec<Arc<dyn Track>> {
        let mut train: Vec<&Arc<MaestroTrack>> =
            self.recordings.iter().filter(|t| t.row.split == Split::Train).collect();
        train.sort_by(|a, b| a.row.audio.cmp(&b.row.audio));
        train.into_iter().take(10).map(|t| Arc::clone(t) as Arc<dyn Track>).collect()
    }
}

impl Dataset for Maestro {
    fn name(&self) -> &str {
        INFO.name
    }

    fn version(&self) -> &str {
        self.version.name()
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

    fn split(&self, split: Split) -> Result<Vec<Arc<dyn Track>>> {
        let tracks: Vec<Arc<dyn Track>> = self
            .recordings
            .iter()
            .filter(|track| track.row.split == split)
            .map(|track| Arc::clone(track) as Arc<dyn Track>)
            .collect();
        if tracks.is_empty() {
            return Err(Error::EmptySplit {
                dataset: self.name().to_owned(),
                split: split.name().to_owned(),
            });
        }
        Ok(tracks)
    }

    fn errata(&self) -> Vec<Erratum> {
        let listed = |name: &str| self.tracks.iter().any(|track| track.id().as_str() == name);
        CHAMBER
            .iter()
            .filter(|name| listed(name))
            .map(|name| Erratum {
                track: (*name).to_owned(),
                what: "other instruments sound along; left out of version 3",
                source: "release notes of MAESTRO 3.0.0",
            })
            .collect()
    }
}
