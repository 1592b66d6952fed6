//! Where are the recordings of MAPS? Two layouts, told apart by their folders.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    super::common::{has_ending, list, stem},
    INFO, MapsCategory, MapsName, MapsTrack,
};
use crate::{Error, Result, TrackId};

/// What the names of files before their ending look like.
const NAME: &str = "MAPS_MUS-<piece>_<piano>, or after the rules of ISOL, RAND or UCHO";

/// Folders that hold audio, and the endings of audio files, in order of preference.
const AUDIO_FOLDERS: [&str; 4] = ["flac", "wav", "ogg", "audio"];
const AUDIO_ENDINGS: [&str; 3] = ["flac", "wav", "ogg"];

/// Folders in folders below a category: the original has three at most.
const MAX_DEPTH: usize = 6;

/// All recordings of some categories below `root`, in order of their names.
pub(super) fn find_recordings(root: &Path, categories: &[MapsCategory]) -> Result<Vec<MapsTrack>> {
    // A missing root is an error of the file system, with its reason; a missing sub-folder is not.
    list(root)?;
    let mut tracks = Vec::new();
    for part in [root.to_owned(), root.join("train"), root.join("test")] {
        tracks.extend(find_labelled_by_table(&part)?);
    }
    for part in [root.to_owned(), root.join("MAPS")] {
        tracks.extend(find_original(&part, categories)?);
    }
    tracks.retain(|track| categories.contains(&track.name.category()));
    let mut found: BTreeMap<TrackId, MapsTrack> = BTreeMap::new();
    for track in tracks {
        if let Some(first) = found.get(&track.id) {
            return Err(Error::DuplicateTrack {
                track: track.id,
                first: first.audio.clone(),
                second: track.audio,
            });
        }
        found.insert(track.id.clone(), track);
    }
    if found.is_empty() {
        return Err(Error::NoRecordings {
            dataset: INFO.title,
            path: root.to_owned(),
            expected: INFO.layout,
        });
    }
    Ok(found.into_values().collect())
}

/// The recordings of one folder with `flac` (or another kind) and `tsv`; none if it does not have them.
fn find_labelled_by_table(part: &Path) -> Result<Vec<MapsTrack>> {
    let mut audio: BTreeMap<String, PathBuf> = BTreeMap::new();
    for folder in AUDIO_FOLDERS.map(|name| part.join(name)) {
        if !folder.is_dir() {
            continue;
        }
        let files = list(&folder)?;
        for ending in AUDIO_ENDINGS {
            for path in files.iter().filter(|path| has_ending(path, ending)) {
                audio.entry(stem(path, NAME)?).or_insert_with(|| path.clone());
            }
        }
    }
    let labels = part.join("tsv");
    let matched = labels.join("matched");
    let labels = if matched.is_dir() { matched } else { labels };
    if labels.is_dir() {
        for path in list(&labels)?.iter().filter(|path| has_ending(path, "tsv")) {
            if !audio.contains_key(&stem(path, NAME)?) {
                log::warn!("{}: labels without audio, ignored", path.display());
            }
        }
    }
    let tracks = audio.into_iter().map(|(name, audio)| {
        let labels = labels.join(format!("{name}.tsv"));
        track(&name, audio, labels, None)
    });
    tracks.collect()
}

/// The recordings of the original release in one folder: a folder for each piano, in it one for each
/// category, in it recordings or folders of them. Archives that were unpacked into folders of their own
/// (`ENSTDkAm1/ENSTDkAm/MUS`) are found too.
fn find_original(part: &Path, categories: &[MapsCategory]) -> Result<Vec<MapsTrack>> {
    if !part.is_dir() {
        return Ok(Vec::new());
    }
    let mut tracks = Vec::new();
    for piano in folders_of_pianos(part)? {
        let homes: Vec<PathBuf> =
            std::iter::once(piano.clone()).chain(folders_of_pianos(&piano)?).collect();
        for home in homes {
            for category in MapsCategory::ALL.iter().filter(|c| categories.contains(c)) {
                let folder = home.join(category.code());
                if folder.is_dir() {
                    walk(&folder, MAX_DEPTH, &mut tracks)?;
                }
            }
        }
    }
    Ok(tracks)
}

/// The folders that are named after a piano, or after a part of its archive.
fn folders_of_pianos(part: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = list(part)?;
    folders.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.trim_end_matches(['1', '2']);
        let named = |piano: super::MapsPiano| piano.code().trim_end_matches(['1', '2']) == name;
        super::MapsPiano::ALL.into_iter().any(named) && path.is_dir()
    });
    Ok(folders)
}

/// The recordings in a folder and those below it.
fn walk(folder: &Path, depth: usize, tracks: &mut Vec<MapsTrack>) -> Result<()> {
    for path in list(folder)? {
        if has_ending(&path, "wav") && path.is_file() {
            let name = stem(&path, NAME)?;
            let midi = Some(path.with_extension("mid")).filter(|midi| midi.is_file());
            let labels = path.with_extension("txt");
            tracks.push(track(&name, path, labels, midi)?);
        } else if depth > 0 && path.is_dir() {
            walk(&path, depth - 1, tracks)?;
        }
    }
    Ok(())
}

fn track(name: &str, audio: PathBuf, labels: PathBuf, midi: Option<PathBuf>) -> Result<MapsTrack> {
    let id = TrackId::new(name)?;
    let Some(name) = MapsName::parse(name) else {
        return Err(Error::FileName { path: audio, expected: NAME });
    };
    if !labels.is_file() {
        return Err(Error::MissingFile { track: id, what: "label file", path: labels });
    }
    Ok(MapsTrack::new(id, name, audio, labels, midi))
}
