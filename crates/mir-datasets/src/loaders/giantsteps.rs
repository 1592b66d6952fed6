//! GiantSteps: keys and tempi of electronic dance music.
//!
//! | name | annotation | audio |
//! |---|---|---|
//! | `giantsteps_key` | `keys_gs+/NAME.txt`: `D major`; `meta/NAME.json` | `audio/NAME.mp3` |
//! | `giantsteps_tempo` | `annotations_v2/jams/NAME.jams`, then `annotations/jams/NAME.jams` | `audio/NAME.mp3` |
//!
//! # Conventions
//! A key holds for the whole clip, whose two minutes the interval spans. `tempo` is the value that most
//! listeners tapped in version 2; `tempo v1` the older one. Names hold brackets and dots.
//!
//! Source: P. Knees et al., ISMIR 2015; Á. Faraldo, 2017 (key); H. Schreiber, M. Müller, ISMIR 2018 (tempo).

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use mir_core::{
    Interval, Labeled,
    formats::{Jams, read_text},
};
use serde::Deserialize;

use super::{
    collection::{Collection, FileTrack, Info},
    common::{has_ending, list},
};
use crate::{Annotation, Error, Kind, Result};

/// GiantSteps Key.
pub const KEY: Info = Info {
    name: "giantsteps_key",
    title: "GiantSteps Key",
    version: "+",
    license: "CC BY-NC-SA 4.0: non-commercial use; audio is not distributed freely",
    citation: "P. Knees, Á. Faraldo, P. Herrera, R. Vogl, S. Böck, F. Hörschläger, M. Le Goff: Two data \
               sets for tempo estimation and key detection in electronic dance music annotated from user \
               corrections. ISMIR, 2015.",
    holds: &[Kind::Keys],
    layout: "keys_gs+/NAME.txt and audio/NAME.mp3",
    home: "Zenodo 1095691, open",
    remotes: &[],
};

/// GiantSteps Tempo.
pub const TEMPO: Info = Info {
    name: "giantsteps_tempo",
    title: "GiantSteps Tempo",
    version: "2.0",
    holds: &[Kind::Tempo],
    layout: "annotations_v2/jams/NAME.jams (here or below giantsteps-tempo-dataset-…) and audio/NAME.mp3",
    home: "github.com/GiantSteps/giantsteps-tempo-dataset, open",
    ..KEY
};

/// Length of a clip, seconds.
const CLIP: f64 = 120.0;

/// What the shop that sells a recording says of it, as far as it is read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta {
    title: String,
    artists: Vec<Named>,
    genres: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Lists the clips of GiantSteps Key; reads what the shop says of them and nothing else.
///
/// # Errors
/// [`Error::NoRecordings`] for another layout; [`Error::Core`] for a `meta` file that is no JSON.
pub fn open_key(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    let tracks = named(&root.join("keys_gs+"), "txt")?.into_iter().map(|(name, path)| {
        let sound = root.join("audio").join(format!("{name}.mp3"));
        let meta = read_meta(&root.join("meta").join(format!("{name}.json")))?;
        let names = |list: Vec<Named>| {
            list.into_iter().map(|named| named.name).collect::<Vec<_>>().join(", ")
        };
        Ok(FileTrack::new(&KEY, &name, sound)?
            .artist(names(meta.artists))
            .meta("title", meta.title)
            .meta("genre", names(meta.genres))
            .label(Kind::Keys, "", path, read_key))
    });
    Collection::new(&KEY, root, tracks.collect::<Result<Vec<_>>>()?)
}

/// Lists the clips of GiantSteps Tempo; reads none of them.
///
/// # Errors
/// [`Error::NoRecordings`] for another layout.
pub fn open_tempo(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    let inner = list(root)?.into_iter().find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        path.is_dir() && name.starts_with("giantsteps-tempo-dataset")
    });
    let home = inner.unwrap_or_else(|| root.to_owned());
    let mut tracks: BTreeMap<String, FileTrack> = BTreeMap::new();
    for (variant, folder) in [("", "annotations_v2/jams"), ("v1", "annotations/jams")] {
        for (name, path) in named(&home.join(folder), "jams")? {
            let sound = root.join("audio").join(format!("{name}.mp3"));
            let track = match tracks.remove(&name) {
                Some(track) => track,
                None => FileTrack::new(&TEMPO, &name, sound)?,
            };
            tracks.insert(name, track.label(Kind::Tempo, variant, path, read_tempo));
        }
    }
    Collection::new(&TEMPO, root, tracks.into_values())
}

/// Files of a folder by name, without their ending; none where there is no folder.
fn named(folder: &Path, ending: &str) -> Result<Vec<(String, PathBuf)>> {
    let files = if folder.is_dir() { list(folder)? } else { Vec::new() };
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let files = files.into_iter().filter(|path| has_ending(path, ending));
    Ok(files.map(|path| (stem(&path), path)).collect())
}

/// Nothing where there is no such file.
fn read_meta(path: &Path) -> Result<Meta> {
    if !path.is_file() {
        return Ok(Meta::default());
    }
    serde_json::from_str(&read_text(path)?)
        .map_err(|source| mir_core::Error::Json { path: path.to_owned(), source }.into())
}

fn read_key(path: &Path) -> Result<Vec<Labeled<String>>> {
    let text = read_text(path)?;
    let key = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if key.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Labeled { interval: Interval::new(0.0, CLIP)?, label: key }])
}

/// The tempo with the highest confidence.
fn read_tempo(path: &Path) -> Result<Annotation> {
    let jams = Jams::read(path)?;
    let malformed = |what: &'static str| Error::Malformed {
        path: path.to_owned(),
        format: "GiantSteps JAMS",
        source: what.into(),
    };
    let tempo = jams.annotations().iter().find(|annotation| annotation.namespace() == "tempo");
    let tempo = tempo.ok_or_else(|| malformed("it has no tempo"))?;
    let body: serde_json::Value = serde_json::from_str(&tempo.render())
        .map_err(|source| mir_core::Error::Json { path: path.to_owned(), source })?;
    let confidences = body["data"].as_array().map_or(&[][..], Vec::as_slice).iter();
    let confidences = confidences.map(|row| row["confidence"].as_f64().unwrap_or(0.0));
    let rows = tempo.labels()?;
    let best = rows.iter().zip(confidences).max_by(|a, b| a.1.total_cmp(&b.1));
    let bpm = best.and_then(|(row, _)| row.label.parse::<f64>().ok()).filter(|bpm| *bpm > 0.0);
    Ok(Annotation::Tempo(bpm.ok_or_else(|| malformed("it has no tempo above 0"))?))
}
