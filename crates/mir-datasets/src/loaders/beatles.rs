//! Beatles: chords, keys, sections and beats of the albums (Isophonics).
//!
//! # Layout
//! ```text
//! ROOT/annotations/chordlab/The Beatles/ALBUM/SONG.lab     and keylab, seglab (also without annotations/)
//! ROOT/annotations/beat/The Beatles/ALBUM/SONG.txt
//! ROOT/audio/ALBUM/SONG.wav                                your own copies
//! ```
//! A track is `ALBUM SONG`, listed if it has any of the four.
//!
//! # Conventions
//! Files separate by tabs or spaces, sometimes several. Of the keys only rows that say `Key` count, `Silence`
//! does not. A beat that says `New Point` takes the position after that of the beat before it, four to a bar.
//!
//! Source: C. Harte, Towards automatic extraction of harmony information from music signals, 2010; M. Mauch
//! et al., OMRAS2 metadata project 2009.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use mir_core::{
    Beat, Beats, Interval, Labeled,
    formats::{Delimiter, read_text, text_rows},
};

use super::{
    collection::{Collection, FileTrack, Info},
    common::{first_there, has_ending, list},
    read,
};
use crate::{Kind, Result};

/// What is known of it.
pub const INFO: Info = Info {
    name: "beatles",
    title: "Beatles (Isophonics)",
    version: "1.2",
    license: "not stated; research use",
    citation: "M. Mauch, C. Cannam, M. Davies, S. Dixon, C. Harte, S. Kolozali, D. Tidhar, M. Sandler: \
               OMRAS2 metadata project 2009. ISMIR late-breaking demo, 2009.",
    holds: &[Kind::Chords, Kind::Keys, Kind::Segments, Kind::Beats],
    layout: "annotations/chordlab/The Beatles/ALBUM/SONG.lab (and keylab, seglab, beat), audio/ALBUM/SONG.wav",
    home: "isophonics.net, open (MD5 of the archive 62425c552d37c6bb655a78e4603828cc); audio is not \
           distributed",
    remotes: &[],
};

const FOLDERS: [&str; 4] = ["chordlab", "keylab", "seglab", "beat"];

/// Lists its songs; reads none of them.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    // Album and song, and the file in each of the four folders.
    let mut songs: BTreeMap<(String, String), [Option<PathBuf>; 4]> = BTreeMap::new();
    for (number, folder) in FOLDERS.into_iter().enumerate() {
        for base in ["annotations", ""] {
            let artist = root.join(base).join(folder).join("The Beatles");
            for album in if artist.is_dir() { list(&artist)? } else { Vec::new() } {
                if !album.is_dir() {
                    continue;
                }
                for path in list(&album)? {
                    if has_ending(&path, "lab") || has_ending(&path, "txt") {
                        let song = path.file_stem().unwrap_or_default().to_string_lossy();
                        let key = (name(&album), song.into_owned());
                        songs.entry(key).or_default()[number].get_or_insert(path);
                    }
                }
            }
        }
    }
    let mut tracks = Vec::new();
    for ((album, song), [chords, keys, segments, beats]) in songs {
        let sounds = ["wav", "flac", "mp3"]
            .map(|ending| root.join("audio").join(&album).join(format!("{song}.{ending}")));
        let mut track =
            FileTrack::new(&INFO, &format!("{album} {song}"), first_there(sounds.into()))?
                .piece(&song)
                .artist("The Beatles")
                .meta("album", &album);
        if let Some(path) = chords {
            track = track.label(Kind::Chords, "", path, read::labels);
        }
        if let Some(path) = keys {
            track = track.label(Kind::Keys, "", path, read_keys);
        }
        if let Some(path) = segments {
            track = track.label(Kind::Segments, "", path, read::labels);
        }
        if let Some(path) = beats {
            track = track.label(Kind::Beats, "", path, read_beats);
        }
        tracks.push(track);
    }
    Collection::new(&INFO, root, tracks)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Reads keys: start, end, `Key` or `Silence`, key.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) with line and column.
pub fn read_keys(path: &Path) -> Result<Vec<Labeled<String>>> {
    let text = read_text(path)?;
    text_rows(&text, Delimiter::Any, path)
        .filter(|row| row.text(2) == "Key")
        .map(|row| {
            let interval = Interval::new(row.time(0, "start")?, row.time(1, "end")?)
                .map_err(|_| row.error(1, "end", "not before the start"))?;
            Ok(Labeled { interval, label: row.text(3).to_owned() })
        })
        .collect()
}

/// Reads beats: time, and the position in the bar or `New Point`.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) with line and column.
pub fn read_beats(path: &Path) -> Result<Beats> {
    let text = read_text(path)?;
    let mut beats: Vec<Beat> = Vec::new();
    let mut to_infer: Vec<usize> = Vec::new();
    for row in text_rows(&text, Delimiter::Any, path) {
        let time = row.time(0, "time")?;
        if beats.last().is_some_and(|last| last.time >= time) {
            return Err(row.error(0, "time", "later than in the line before").into());
        }
        let position = match row.text(1) {
            "" => None,
            "New" => {
                to_infer.push(beats.len());
                None
            }
            _ => {
                const POSITION: &str = "1 to 32, or New Point";
                let whole = |value: f64| (1.0..=32.0).contains(&value) && value.fract() == 0.0;
                Some(row.number(1, "position", POSITION, whole)? as u32)
            }
        };
        beats.push(Beat { time, position });
    }
    for index in to_infer {
        let before = index.checked_sub(1).and_then(|before| beats[before].position);
        let after = beats.get(index + 1).and_then(|beat| beat.position);
        beats[index].position = match (before, after) {
            (Some(before), _) => Some(before % 4 + 1),
            (None, Some(after)) => Some((after + 2) % 4 + 1),
            (None, None) => None,
        };
    }
    Ok(Beats::new(beats)?)
}
