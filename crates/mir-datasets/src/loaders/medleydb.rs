//! MedleyDB: multitrack recordings with melodies, and the pitch of their stems.
//!
//! # Layout
//! Any of these folders may be missing; what is there is listed.
//! ```text
//! ROOT/Audio/ID/ID_MIX.wav, ID_STEMS/ID_STEM_01.wav          (or V1/ID, V2/ID)
//! ROOT/Annotations/Melody_Annotations/MELODY1/ID_MELODY1.csv (or Annotations/Melody/Melody1, melody1)
//! ROOT/Annotations/Pitch_Annotations/ID_STEM_01.csv          (or Annotations/Pitch, pitch)
//! ROOT/Annotations/Source_ID/ID_SOURCEID.lab                 (or Instrument_Activations/SOURCEID)
//! ROOT/Metadata/ID_METADATA.yaml                             (or in the folder of the audio)
//! ```
//!
//! # Annotations
//! - `f0 melody2`: at each moment the stem that is predominant then; the one that studies of melody use.
//! - `f0 melody1`: the stem that is predominant most of the time. `multi_f0 melody3`: all melodic stems.
//! - `f0 STEM_04`: the pitch of a stem, by [`read_pitch`] on a complete grid.
//! - `events sources`: which instrument plays when.
//!
//! Melodies have a frame every 256/44100 s. In the metadata `yes` and `no` are texts.
//!
//! Source: R. M. Bittner et al., ISMIR 2014; marl/medleydb, which also lists the faults of [`ERRATA`].

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use mir_core::{
    F0Frame, F0Track, Interval, Labeled, Pitch,
    formats::{Delimiter, read_text, text_rows},
};
use serde::Deserialize;

use super::{
    collection::{Collection, FileTrack, Info},
    common::{first_there, list},
    read,
};
use crate::{Erratum, Kind, Result};

/// What is known of it.
pub const INFO: Info = Info {
    name: "medleydb",
    title: "MedleyDB",
    version: "2",
    license: "CC BY-NC-SA 4.0: non-commercial use",
    citation: "R. M. Bittner, J. Salamon, M. Tierney, M. Mauch, C. Cannam, J. P. Bello: MedleyDB: A \
               multitrack dataset for annotation-intensive MIR research. ISMIR, 2014.",
    holds: &[Kind::F0, Kind::MultiF0, Kind::Events],
    layout: "Audio/ID/ID_MIX.wav, Annotations/Melody_Annotations or Annotations/Melody, \
             Annotations/Pitch_Annotations or Annotations/Pitch, Metadata/ID_METADATA.yaml",
    home: "audio by request at Zenodo 1649325 (version 1) and 1715175 (version 2); annotations at \
           github.com/marl/medleydb",
    remotes: &[],
};

/// Stems that bleed, have effects, occur twice or do not match, as the repository's `ERRATA.md` lists them.
pub const ERRATA: &[(&str, &str, &str)] = &[
    (
        "AClassicEducation_NightOwl",
        "RAW_02_09, RAW_02_10, RAW_02_13 do not match their stem",
        "ERRATA.md",
    ),
    ("BrandonWebster_DontHearAThing", "STEM_02 bleeds", "ERRATA.md"),
    ("CelestialShore_DieForUs", "STEM_01 and STEM_02 have effects", "ERRATA.md"),
    ("ClaraBerryAndWooldog_Boys", "STEM_01 and STEM_05 bleed", "ERRATA.md"),
    ("LizNelson_ImComingHome", "STEM_02 bleeds", "ERRATA.md"),
    ("Lushlife_ToynbeeSuite", "STEM_12 bleeds", "ERRATA.md"),
    ("MusicDelta_Beethoven", "pitch of STEM_06 and STEM_16: time does not go on once", "its files"),
];

/// Distance of two frames of melodies and most pitch files, seconds.
const HOP: f64 = 256.0 / 44_100.0;

/// The same for sources at 48 kHz.
const HOP_48: f64 = 256.0 / 48_000.0;

const AUDIO: [&str; 4] = ["Audio", "V1", "V2", "audio"];
const PITCH: [&str; 3] = ["Annotations/Pitch_Annotations", "Annotations/Pitch", "pitch"];
const SOURCES: [&str; 2] = ["Annotations/Source_ID", "Annotations/Instrument_Activations/SOURCEID"];

fn melody_folders(number: u8) -> [String; 3] {
    [
        format!("Annotations/Melody_Annotations/MELODY{number}"),
        format!("Annotations/Melody/Melody{number}"),
        format!("melody{number}"),
    ]
}

/// One instrument or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn text(&self) -> String {
        match self {
            Self::One(text) => text.clone(),
            Self::More(texts) => texts.join(", "),
        }
    }
}

/// What is used of a metadata file.
#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    artist: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    genre: String,
    #[serde(default)]
    excerpt: String,
    #[serde(default)]
    has_bleed: String,
    #[serde(default)]
    instrumental: String,
    #[serde(default)]
    origin: String,
    #[serde(default)]
    stems: BTreeMap<String, StemMetadata>,
}

#[derive(Deserialize)]
struct StemMetadata {
    #[serde(default)]
    component: String,
    filename: String,
    instrument: OneOrMore,
}

/// Lists its recordings; reads their metadata and nothing else.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) where nothing of the layout is there,
/// [`Error::Malformed`](crate::Error::Malformed) for metadata that are no YAML of the known form.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    let found = Found::below(root)?;
    let tracks = found.ids().map(|id| track(root, &found, id)).collect::<Result<Vec<_>>>()?;
    let errata =
        ERRATA.iter().map(|(id, what, source)| Erratum { track: (*id).to_owned(), what, source });
    Ok(Collection::new(&INFO, root, tracks)?.with_errata(errata))
}

/// The files of the layout, by recording.
#[derive(Default)]
struct Found {
    recordings: BTreeSet<String>,
    /// Name of a stem (`STEM_04`) and its pitch file.
    pitch: BTreeMap<String, BTreeMap<String, PathBuf>>,
    metadata: BTreeMap<String, PathBuf>,
}

impl Found {
    fn below(root: &Path) -> Result<Self> {
        let mut found = Self::default();
        for folder in AUDIO {
            for path in listed(&root.join(folder))? {
                let name = name_of(&path);
                if path.is_dir() {
                    let metadata = path.join(format!("{name}_METADATA.yaml"));
                    if metadata.is_file() {
                        found.metadata.insert(name.clone(), metadata);
                    }
                    found.recordings.insert(name);
                } else if let Some((id, _)) =
                    name.split_once("_MIX.").or_else(|| name.split_once("_STEM_"))
                {
                    found.recordings.insert(id.to_owned());
                }
            }
        }
        for path in listed(&root.join("Metadata"))? {
            if let Some(id) = name_of(&path).strip_suffix("_METADATA.yaml") {
                found.recordings.insert(id.to_owned());
                found.metadata.insert(id.to_owned(), path);
            }
        }
        for number in 1..=3 {
            for folder in melody_folders(number) {
                for path in listed(&root.join(folder))? {
                    if let Some(id) = name_of(&path).strip_suffix(&format!("_MELODY{number}.csv")) {
                        found.recordings.insert(id.to_owned());
                    }
                }
            }
        }
        for folder in PITCH {
            for path in listed(&root.join(folder))? {
                let name = name_of(&path);
                let stem = name.strip_suffix(".csv").and_then(|name| name.split_once("_STEM_"));
                if let Some((id, number)) = stem {
                    found.recordings.insert(id.to_owned());
                    let stems = found.pitch.entry(id.to_owned()).or_default();
                    stems.entry(format!("STEM_{number}")).or_insert(path);
                }
            }
        }
        Ok(found)
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        self.recordings.iter().map(String::as_str)
    }
}

/// Entries of a folder, none where there is no such folder.
fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.is_dir() { list(folder) } else { Ok(Vec::new()) }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn track(root: &Path, found: &Found, id: &str) -> Result<FileTrack> {
    let in_folders = |name: &str| -> Vec<PathBuf> {
        AUDIO
            .iter()
            .flat_map(|folder| {
                [root.join(folder).join(id).join(name), root.join(folder).join(name)]
            })
            .collect()
    };
    let mix = first_there(in_folders(&format!("{id}_MIX.wav")));
    let mut track = FileTrack::new(&INFO, id, mix)?;
    // The names of recordings begin with their artists', in one word.
    let artist = id.split_once('_').map_or(id, |(artist, _)| artist);
    track = track.artist(artist);
    if let Some(path) = found.metadata.get(id) {
        let metadata: Metadata = read::yaml(path)?;
        track = track
            .meta("artist", &metadata.artist)
            .meta("title", &metadata.title)
            .meta("genre", &metadata.genre)
            .meta("excerpt", &metadata.excerpt)
            .meta("has_bleed", &metadata.has_bleed)
            .meta("instrumental", &metadata.instrumental)
            .meta("origin", &metadata.origin);
        for stem in metadata.stems.values() {
            let name = stem_name(&stem.filename).unwrap_or(&stem.filename).to_owned();
            let below = format!("{id}_STEMS/{}", stem.filename);
            let sound = first_there([in_folders(&below), in_folders(&stem.filename)].concat());
            track = track.stem(&name, &stem.instrument.text(), sound);
            track = track.meta(&format!("component {name}"), &stem.component);
        }
    }
    for number in [2, 1] {
        let path = melody(root, id, number);
        track = track.label_if_there(Kind::F0, &format!("melody{number}"), path, read::f0);
    }
    track = track.label_if_there(Kind::MultiF0, "melody3", melody(root, id, 3), read::multi_f0);
    for (stem, path) in found.pitch.get(id).into_iter().flatten() {
        let read = |path: &Path| Ok(read_pitch(path)?.track);
        track = track.label(Kind::F0, stem, path.clone(), read);
    }
    let sources = SOURCES.map(|folder| root.join(folder).join(format!("{id}_SOURCEID.lab")));
    Ok(track.label_if_there(Kind::Events, "sources", first_there(sources.into()), read_sources))
}

/// `STEM_04` of `ID_STEM_04.wav`.
fn stem_name(file: &str) -> Option<&str> {
    let at = file.rfind("STEM_")?;
    file[at..].split('.').next()
}

fn melody(root: &Path, id: &str, number: u8) -> PathBuf {
    let files = melody_folders(number)
        .map(|folder| root.join(folder).join(format!("{id}_MELODY{number}.csv")));
    first_there(files.into())
}

/// A pitch file on a complete grid, and what had to be changed for that.
#[derive(Clone, Debug, PartialEq)]
pub struct PitchFile {
    /// Frame `k` is at `k·hop`, from 0 to the last row.
    pub track: F0Track,
    /// Distance of two frames, seconds: 256/44100, 256/48000, or the median of the file.
    pub hop: f64,
    /// Rows in the file.
    pub rows: usize,
    /// Rows whose time does not follow that of the row above.
    pub backward_steps: usize,
    /// Rows at the time of another; the later row counts.
    pub duplicates: usize,
    /// Places where rows are missing between two others: unvoiced there.
    pub gaps: usize,
    /// Rows that say 0 Hz.
    pub zero_rows: usize,
    /// Rows that were put a frame off because their own was taken.
    pub moved: usize,
}

/// Reads the pitch of a stem: time, Hz, and in some rows a layer in brackets, which is not read.
///
/// Most files list voiced frames alone. Rows are sorted by time, put on the frame that is nearest, and
/// frames without a row are unvoiced.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) with line and column for a field that is no number or negative.
pub fn read_pitch(path: impl AsRef<Path>) -> Result<PitchFile> {
    let path = path.as_ref();
    let text = read_text(path)?;
    let mut rows: Vec<(f64, Option<Pitch>)> = Vec::new();
    for row in text_rows(&text, Delimiter::Comma, path) {
        // The frames between two rows are made, so a damaged time must not ask for millions of them.
        const TIME: &str = "seconds, 0 to 21600 (six hours)";
        let time = row.number(0, "time", TIME, |time| (0.0..=21_600.0).contains(&time))?;
        rows.push((time, row.pitch_hz(1)?));
    }
    let count = rows.len();
    let zero_rows = rows.iter().filter(|(_, pitch)| pitch.is_none()).count();
    let backward_steps = rows.windows(2).filter(|pair| pair[1].0 <= pair[0].0).count();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let before = rows.len();
    // Of equal times the last row stays: the first of them in the reversed list.
    rows.reverse();
    rows.dedup_by(|a, b| a.0.total_cmp(&b.0).is_eq());
    rows.reverse();
    let duplicates = before - rows.len();

    let hop = hop_of(&rows);
    let mut frames: BTreeMap<usize, Option<Pitch>> = BTreeMap::new();
    let mut moved = 0;
    for (time, pitch) in rows {
        let nearest = (time / hop).round() as usize;
        let mut frame = nearest;
        if let Some(taken) = frames.get(&frame) {
            // Two rows at one frame: a voiced one must not be lost.
            match (taken, pitch) {
                (_, None) => continue,
                (None, Some(_)) => {}
                (Some(_), Some(_)) => {
                    moved += 1;
                    frame += 1;
                }
            }
        }
        frames.insert(frame, pitch);
    }
    let indices: Vec<usize> = frames.keys().copied().collect();
    let gaps = indices.windows(2).filter(|pair| pair[1] > pair[0] + 1).count();
    let last = indices.last().map_or(0, |last| last + 1);
    let frame = |index: usize| {
        let pitch = frames.get(&index).copied().flatten();
        let voicing = if pitch.is_some() { 1.0 } else { 0.0 };
        F0Frame { time: index as f64 * hop, pitch, voicing }
    };
    let track = F0Track::new((0..last).map(frame).collect())?;
    Ok(PitchFile { track, hop, rows: count, backward_steps, duplicates, gaps, zero_rows, moved })
}

/// The distance of frames: one of the two known ones if the median is as good as that, otherwise the
/// median, corrected by the length of the longest stretch without a gap.
fn hop_of(rows: &[(f64, Option<Pitch>)]) -> f64 {
    let mut steps: Vec<f64> = rows.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    steps.sort_by(f64::total_cmp);
    let Some(&median) = steps.get(steps.len() / 2) else { return HOP };
    for known in [HOP, HOP_48] {
        if (median - known).abs() < 1e-5 {
            return known;
        }
    }
    let (first, last) = (rows[0].0, rows[rows.len() - 1].0);
    let frames = ((last - first) / median).round().max(1.0);
    let refined = (last - first) / frames;
    // What is no distance of frames comes from damage.
    if (1e-3..=0.1).contains(&refined) { refined } else { HOP }
}

/// Reads which instrument plays when: `start_time,end_time,instrument_label`.
fn read_sources(path: &Path) -> Result<Vec<Labeled<String>>> {
    let text = read_text(path)?;
    let mut labels = Vec::new();
    for row in
        text_rows(&text, Delimiter::Comma, path).filter(|row| row.line() > 1 || row.is_data())
    {
        let (start, end) = (row.time(0, "start_time")?, row.time(1, "end_time")?);
        let interval = Interval::new(start, end)
            .map_err(|_| row.error(1, "end_time", "not before start_time"))?;
        labels.push(Labeled { interval, label: row.text(2).to_owned() });
    }
    Ok(labels)
}
