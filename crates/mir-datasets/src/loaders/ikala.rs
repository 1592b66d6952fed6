//! iKala: clips of karaoke songs, accompaniment and voice on a channel each.
//!
//! # Layout
//! ```text
//! ROOT/Wavfile/10161_chorus.wav            left: accompaniment, right: voice
//! ROOT/PitchLabel/10161_chorus.pv          a MIDI number each 32 ms
//! ROOT/Lyrics/10161_chorus.lab             start and end in ms, word, pronunciation
//! ROOT/id_mapping.txt                      singer and song
//! ROOT/ikala-pyin-notes/10161_chorus_vamp_pyin_pyin_notes.csv
//! ```
//!
//! # Conventions
//! - [`Track::audio`](crate::Track::audio) is the sum of both channels, twice as loud as their mean; it may
//!   exceed full scale.
//! - Pitch: frame `n` is centred at 0.016 + 0.032·n s; 0 is unvoiced.
//! - Clips of a song share it as their piece; the artist is the singer.
//!
//! The data set was withdrawn by its owners; its files are still in use.
//!
//! Source: T.-S. Chan et al., Vocal activity informed singing voice separation with the iKala dataset,
//! ICASSP 2015.

use std::{collections::BTreeMap, path::Path};

use mir_core::{
    F0Frame, F0Track, Interval, Labeled, Pitch,
    formats::{
        Delimiter,
        NoteColumn::{Duration, Hertz, Onset},
        read_text, text_rows,
    },
};

use super::{
    collection::{Collection, FileTrack, Info},
    common::{has_ending, list, stem},
    read,
    sound::Sound,
};
use crate::{Kind, Result};

/// What is known of it.
pub const INFO: Info = Info {
    name: "ikala",
    title: "iKala",
    version: "2.0",
    license: "custom, research only; withdrawn by its owners",
    citation: "T.-S. Chan, T.-C. Yeh, Z.-C. Fan, H.-W. Chen, L. Su, Y.-H. Yang, R. Jang: Vocal activity \
               informed singing voice separation with the iKala dataset. ICASSP, 2015.",
    holds: &[Kind::F0, Kind::Notes, Kind::Lyrics],
    layout: "Wavfile/10161_chorus.wav, PitchLabel/10161_chorus.pv, Lyrics/10161_chorus.lab",
    home: "no longer distributed",
    remotes: &[],
};

/// Centre of the first frame and distance of two, seconds.
const FIRST: f64 = 0.016;
const HOP: f64 = 0.032;

/// Lists its clips; reads its table of singers and nothing else.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout, errors of the table.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    let singers = singers(&root.join("id_mapping.txt"))?;
    let folder = root.join("Wavfile");
    let files = if folder.is_dir() { list(&folder)? } else { Vec::new() };
    let mut tracks = Vec::new();
    for path in files.into_iter().filter(|path| has_ending(path, "wav")) {
        let clip = stem(&path, "<song>_<verse or chorus>.wav")?;
        let (song, section) = clip.split_once('_').unwrap_or((&clip, ""));
        let notes = root.join("ikala-pyin-notes").join(format!("{clip}_vamp_pyin_pyin_notes.csv"));
        let track = FileTrack::new(&INFO, &clip, Sound::ChannelSum(path.clone()))?
            .piece(song)
            .artist(singers.get(song).map_or("", String::as_str))
            .meta("section", section)
            .stem("accompaniment", "accompaniment", Sound::Channel(path.clone(), 0))
            .stem("vocals", "voice", Sound::Channel(path, 1))
            .label(Kind::F0, "", root.join("PitchLabel").join(format!("{clip}.pv")), read_pitch)
            .label(
                Kind::Lyrics,
                "",
                root.join("Lyrics").join(format!("{clip}.lab")),
                |path: &Path| {
                    Ok(read_lyrics(path)?.into_iter().map(|word| word.text).collect::<Vec<_>>())
                },
            )
            .label_if_there(Kind::Notes, "pyin", notes, read::notes(&[Onset, Duration, Hertz]));
        tracks.push(track);
    }
    Collection::new(&INFO, root, tracks)
}

/// Singers by song; empty where there is no table.
fn singers(path: &Path) -> Result<BTreeMap<String, String>> {
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let text = read_text(path)?;
    let rows = text_rows(&text, Delimiter::Any, path).filter(|row| row.text(0) != "singer");
    Ok(rows.map(|row| (row.text(1).to_owned(), row.text(0).to_owned())).collect())
}

/// Reads a pitch file: a MIDI number a line, 0 where unvoiced.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) with the line of what is no MIDI number.
pub fn read_pitch(path: &Path) -> Result<F0Track> {
    const MIDI: &str = "a MIDI number from 0 to 127";
    let text = read_text(path)?;
    let frames = text_rows(&text, Delimiter::Any, path).enumerate().map(|(n, row)| {
        let midi = row.number(0, "pitch", MIDI, |midi| (0.0..=127.0).contains(&midi))?;
        let pitch = if midi > 0.0 { Some(Pitch::from_midi(midi)?) } else { None };
        let voicing = if pitch.is_some() { 1.0 } else { 0.0 };
        Ok(F0Frame { time: FIRST + HOP * n as f64, pitch, voicing })
    });
    Ok(F0Track::new(frames.collect::<Result<Vec<_>>>()?)?)
}

/// A sung word.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// The word and when it is sung.
    pub text: Labeled<String>,
    /// How it is pronounced, where the file says so; several syllables are separated by spaces.
    pub pronunciation: String,
}

/// Reads a file of lyrics: start and end in milliseconds, word, and perhaps its pronunciation.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) with line and column.
pub fn read_lyrics(path: &Path) -> Result<Vec<Word>> {
    const MS: &str = "milliseconds, at least 0";
    let text = read_text(path)?;
    text_rows(&text, Delimiter::Any, path)
        .map(|row| {
            let ms = |column, name| {
                Ok::<_, mir_core::Error>(row.number(column, name, MS, |ms| ms >= 0.0)? / 1000.0)
            };
            let interval = Interval::new(ms(0, "start")?, ms(1, "end")?)
                .map_err(|_| row.error(1, "end", "not before the start"))?;
            let text = Labeled { interval, label: row.text(2).to_owned() };
            Ok(Word { text, pronunciation: row.rest(3) })
        })
        .collect()
}
