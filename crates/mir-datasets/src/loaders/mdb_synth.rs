//! The synthesised sets of MedleyDB: recordings made anew from their annotations, so that the pitch is
//! exact.
//!
//! | name | audio | annotation |
//! |---|---|---|
//! | `mdb_melody_synth` | `audio_mix/ID_MIX_melsynth.wav`, `audio_melody/ID_STEM_01.RESYN.wav` | `annotation_melody/ID_STEM_01.RESYN.csv` |
//! | `mdb_bass_synth` | `audio_mix/ID_MIX_basssynth.wav`, `audio_bass/ID_STEM_01.RESYN.wav` | `annotation_bass/ID_STEM_01.RESYN.csv` |
//! | `mdb_mf0_synth` | `audio_mix/ID_MIX_mf0synth.wav` | `annotation_mf0/ID_MIX_mf0synth.csv` |
//! | `mdb_stem_synth` | `audio_stems/ID_STEM_01.RESYN.wav` | `annotation_stems/ID_STEM_01.RESYN.csv` |
//!
//! # Conventions
//! A frame every 128/44100 s, the first centred at 0. The files print six decimals, so times are computed
//! again from the number of the frame. [`Track::piece`](crate::Track::piece) is the recording of MedleyDB:
//! split by it, or stems of a song stand on both sides.
//!
//! Source: J. Salamon, R. M. Bittner, J. Bonada, J. J. Bosch, E. Gómez, J. P. Bello, ISMIR 2017.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use mir_core::{
    MultiF0,
    formats::{parse_multi_f0, read_text},
};

use super::{
    collection::{Collection, FileTrack, Info},
    common::{has_ending, list},
    read,
};
use crate::{Kind, Result};

/// MDB-stem-synth.
pub const STEMS: Info = Info {
    name: "mdb_stem_synth",
    title: "MDB-stem-synth",
    version: "1.0.0",
    license: "CC BY-NC 4.0: non-commercial use",
    citation: "J. Salamon, R. M. Bittner, J. Bonada, J. J. Bosch, E. Gómez, J. P. Bello: An \
               analysis/synthesis framework for automatic f0 annotation of multitrack datasets. ISMIR, \
               2017.",
    holds: &[Kind::F0],
    layout: "audio_stems/ID_STEM_01.RESYN.wav and annotation_stems/ID_STEM_01.RESYN.csv",
    home: "Zenodo 1481172, open",
    remotes: &[super::Remote {
        name: "all",
        url: "https://zenodo.org/records/1481172/files/MDB-stem-synth.tar.gz",
        file: "MDB-stem-synth.tar.gz",
        checksum: super::Checksum::Md5("31c1f6b4888e5fd108af91c69789a809"),
        unpack: Some(""),
    }],
};

/// MDB-melody-synth.
pub const MELODY: Info = Info {
    name: "mdb_melody_synth",
    title: "MDB-melody-synth",
    layout: "audio_mix/ID_MIX_melsynth.wav and annotation_melody/ID_STEM_01.RESYN.csv",
    home: "synthdatasets.weebly.com, open",
    remotes: &[],
    ..STEMS
};

/// MDB-bass-synth.
pub const BASS: Info = Info {
    name: "mdb_bass_synth",
    title: "MDB-bass-synth",
    layout: "audio_mix/ID_MIX_basssynth.wav and annotation_bass/ID_STEM_01.RESYN.csv",
    home: "synthdatasets.weebly.com, open",
    remotes: &[],
    ..STEMS
};

/// MDB-mf0-synth.
pub const MULTI: Info = Info {
    name: "mdb_mf0_synth",
    title: "MDB-mf0-synth",
    holds: &[Kind::MultiF0],
    layout: "audio_mix/ID_MIX_mf0synth.wav and annotation_mf0/ID_MIX_mf0synth.csv",
    home: "synthdatasets.weebly.com, open",
    remotes: &[],
    ..STEMS
};

/// Distance of two frames, seconds.
const HOP: f64 = 128.0 / 44_100.0;

/// Lists the stems of MDB-stem-synth.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout, here and below.
pub fn open_stems(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    let mut tracks = Vec::new();
    for (name, sound, annotation) in both(root, "audio_stems", "annotation_stems")? {
        let (song, _) = name.split_once("_STEM_").unwrap_or((&name, ""));
        let track = song_of(FileTrack::new(&STEMS, &name, sound)?, song);
        tracks.push(track.label(Kind::F0, "", annotation, read::f0_at(HOP)));
    }
    Collection::new(&STEMS, root, tracks)
}

/// Lists the mixes of MDB-melody-synth, with the stem that carries the melody.
///
/// # Errors
/// As [`open_stems`].
pub fn open_melody(root: impl AsRef<Path>) -> Result<Collection> {
    mixes(&MELODY, root.as_ref(), "melody", "_MIX_melsynth.wav")
}

/// Lists the mixes of MDB-bass-synth, with the stem that carries the bass.
///
/// # Errors
/// As [`open_stems`].
pub fn open_bass(root: impl AsRef<Path>) -> Result<Collection> {
    mixes(&BASS, root.as_ref(), "bass", "_MIX_basssynth.wav")
}

/// Lists the mixes of MDB-mf0-synth.
///
/// # Errors
/// As [`open_stems`].
pub fn open_mf0(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    let mut tracks = Vec::new();
    for (name, sound, annotation) in both(root, "audio_mix", "annotation_mf0")? {
        let song = name.strip_suffix("_MIX_mf0synth").unwrap_or(&name);
        let track = song_of(FileTrack::new(&MULTI, song, sound)?, song);
        tracks.push(track.label(Kind::MultiF0, "", annotation, multi_f0));
    }
    Collection::new(&MULTI, root, tracks)
}

/// Each annotation with its name, and the audio of the same name.
fn both(root: &Path, audio: &str, annotation: &str) -> Result<Vec<(String, PathBuf, PathBuf)>> {
    list(root)?;
    let folder = root.join(annotation);
    let files = if folder.is_dir() { list(&folder)? } else { Vec::new() };
    let files = files.into_iter().filter(|path| has_ending(path, "csv"));
    Ok(files
        .map(|path| {
            let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let sound = root.join(audio).join(format!("{file}.wav"));
            (file.strip_suffix(".RESYN").unwrap_or(&file).to_owned(), sound, path)
        })
        .collect())
}

/// The mixes whose melody or bass was made anew: one annotated stem each.
fn mixes(info: &'static Info, root: &Path, part: &str, ending: &str) -> Result<Collection> {
    let stems = both(root, &format!("audio_{part}"), &format!("annotation_{part}"))?;
    let mut songs: BTreeMap<String, Vec<(String, PathBuf, PathBuf)>> = BTreeMap::new();
    for (name, sound, annotation) in stems {
        let (song, number) = name.split_once("_STEM_").unwrap_or((&name, ""));
        let stem = format!("STEM_{number}");
        songs.entry(song.to_owned()).or_default().push((stem, sound, annotation));
    }
    let mut tracks = Vec::new();
    for (song, stems) in songs {
        let mix = root.join("audio_mix").join(format!("{song}{ending}"));
        let mut track = song_of(FileTrack::new(info, &song, mix)?, &song);
        for (stem, sound, annotation) in stems {
            track =
                track.stem(&stem, part, sound).label(Kind::F0, &stem, annotation, read::f0_at(HOP));
        }
        tracks.push(track);
    }
    Collection::new(info, root, tracks)
}

fn song_of(track: FileTrack, song: &str) -> FileTrack {
    track.piece(song).artist(song.split_once('_').map_or(song, |(artist, _)| artist))
}

fn multi_f0(path: &Path) -> Result<MultiF0> {
    let series = parse_multi_f0(&read_text(path)?, path)?;
    let times = (0..series.times().len()).map(|index| index as f64 * HOP).collect();
    Ok(MultiF0::new(times, series.pitches().to_vec())?)
}
