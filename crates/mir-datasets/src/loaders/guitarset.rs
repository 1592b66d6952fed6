//! GuitarSet: guitar, with notes and pitch for every string.
//!
//! # Layout
//! ```text
//! ROOT/annotation/00_BN1-129-Eb_comp.jams
//! ROOT/audio_mono-mic/00_BN1-129-Eb_comp_mic.wav
//! ROOT/audio_mono-pickup_mix/00_BN1-129-Eb_comp_mix.wav
//! ROOT/audio_hex-pickup_debleeded/00_BN1-129-Eb_comp_hex_cln.wav     six channels, or
//! ROOT/audio_hex-pickup_original/00_BN1-129-Eb_comp_hex.wav
//! ```
//! The name is player, style, tempo, key, and whether it accompanies (`comp`) or plays alone (`solo`).
//!
//! # Conventions
//! - Strings are `E`, `A`, `D`, `G`, `B`, `e` from below: stems are the channels of the pickup, and
//!   `notes E`, `f0 E` belong to one string. `notes` and `multi_f0` hold all.
//! - The pitch of a string is made of its contours, whose frames are irregular: each point goes to the
//!   nearest frame of 256/44100 s.
//! - `chords instructed` is what the player was to play, `chords performed` what came out.
//! - The audio is that of the microphone, or of the pickup's mix where there is none.
//! - A style, tempo and key is one piece, by all players; players are the artists.
//!
//! Source: Q. Xi, R. M. Bittner, J. Pauwels, X. Ye, J. P. Bello, ISMIR 2018.

use std::{collections::BTreeMap, path::Path};

use mir_core::{
    F0Frame, F0Track, MultiF0, Note, Pitch,
    formats::{Jams, JamsAnnotation},
};

use super::{
    Checksum, Remote,
    collection::{Collection, FileTrack, Info},
    common::{first_there, has_ending, list, stem},
    sound::Sound,
};
use crate::{Annotation, Erratum, Error, Kind, Result};

macro_rules! remote {
    ($name:literal, $folder:literal, $md5:literal) => {
        Remote {
            name: $name,
            url: concat!("https://zenodo.org/records/3371780/files/", $folder, ".zip"),
            file: concat!($folder, ".zip"),
            checksum: Checksum::Md5($md5),
            unpack: Some($folder),
        }
    };
}

/// What is known of it.
pub const INFO: Info = Info {
    name: "guitarset",
    title: "GuitarSet",
    version: "1.1.0",
    license: "CC BY 4.0",
    citation: "Q. Xi, R. M. Bittner, J. Pauwels, X. Ye, J. P. Bello: GuitarSet: A dataset for guitar \
               transcription. ISMIR, 2018.",
    holds: &[
        Kind::Notes,
        Kind::F0,
        Kind::MultiF0,
        Kind::Beats,
        Kind::Chords,
        Kind::Keys,
        Kind::Tempo,
    ],
    layout: "annotation/NAME.jams and audio_mono-mic/NAME_mic.wav (or audio_mono-pickup_mix)",
    home: "Zenodo 3371780, open",
    remotes: &[
        remote!("annotation", "annotation", "b39b78e63d3446f2e54ddb7a54df9b10"),
        remote!("mic", "audio_mono-mic", "275966d6610ac34999b58426beb119c3"),
        remote!("mix", "audio_mono-pickup_mix", "aecce79f425a44e2055e46f680e10f6a"),
        remote!("hex_cln", "audio_hex-pickup_debleeded", "c31d97279464c9a67e640cb9061fb0c6"),
        remote!("hex", "audio_hex-pickup_original", "f9911bf217cb40e9e68edf3726ef86cc"),
    ],
};

/// The strings from below, in the order of the pickup's channels and of `data_source`.
pub const STRINGS: [&str; 6] = ["E", "A", "D", "G", "B", "e"];

/// Distance of two frames of pitch, seconds.
const HOP: f64 = 256.0 / 44_100.0;

const ERRATA: [(&str, &str); 3] = [
    ("04_BN3-154-E_comp", "annotations are 0.409 s late"),
    ("04_Jazz1-200-B_comp", "annotations are 0.309 s late"),
    ("02_Funk2-119-G_comp", "one note is listed twice"),
];

/// Lists its excerpts; reads none of them.
///
/// # Errors
/// [`Error::NoRecordings`] for another layout.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    let folder = root.join("annotation");
    let files = if folder.is_dir() { list(&folder)? } else { Vec::new() };
    let mut tracks = Vec::new();
    for jams in files.into_iter().filter(|path| has_ending(path, "jams")) {
        tracks.push(track(root, &jams, &stem(&jams, "<player>_<piece>_<comp or solo>.jams")?)?);
    }
    let errata =
        ERRATA.map(|(track, what)| Erratum { track: track.to_owned(), what, source: "mirdata" });
    Ok(Collection::new(&INFO, root, tracks)?.with_errata(errata))
}

fn track(root: &Path, jams: &Path, name: &str) -> Result<FileTrack> {
    let audio = |folder: &str, ending: &str| root.join(folder).join(format!("{name}_{ending}.wav"));
    let sound =
        first_there(vec![audio("audio_mono-mic", "mic"), audio("audio_mono-pickup_mix", "mix")]);
    let pickup = first_there(vec![
        audio("audio_hex-pickup_debleeded", "hex_cln"),
        audio("audio_hex-pickup_original", "hex"),
    ]);
    let mut fields = name.split('_');
    let (player, piece, mode) =
        (fields.next().unwrap_or(""), fields.next().unwrap_or(name), fields.next().unwrap_or(""));
    let mut track = FileTrack::new(&INFO, name, sound)?
        .piece(piece)
        .artist(player)
        .instrument("guitar")
        .meta("mode", mode)
        .label(Kind::Notes, "", jams.to_owned(), |path: &Path| {
            let strings = (0..STRINGS.len()).map(|string| string_notes(path, string));
            let mut all: Vec<Note> =
                strings.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
            Note::sort(&mut all);
            Ok(all)
        })
        .label(Kind::MultiF0, "", jams.to_owned(), all_f0)
        .label(Kind::Beats, "", jams.to_owned(), |path: &Path| {
            Ok(nth(path, "beat_position", 0)?.beats()?)
        })
        .label(Kind::Chords, "instructed", jams.to_owned(), |path: &Path| {
            Ok(nth(path, "chord", 0)?.labels()?)
        })
        .label(Kind::Chords, "performed", jams.to_owned(), |path: &Path| {
            Ok(nth(path, "chord", 1)?.labels()?)
        })
        .label(Kind::Keys, "", jams.to_owned(), |path: &Path| {
            Ok(nth(path, "key_mode", 0)?.labels()?)
        })
        .label(Kind::Tempo, "", jams.to_owned(), |path: &Path| {
            let tempo = nth(path, "tempo", 0)?.labels()?;
            let tempo = tempo.first().and_then(|tempo| tempo.label.parse().ok());
            Ok(Annotation::Tempo(tempo.ok_or_else(|| lacking(path, "a tempo in numbers"))?))
        });
    for (index, string) in STRINGS.into_iter().enumerate() {
        track = track
            .stem(string, "guitar string", Sound::Channel(pickup.clone(), index))
            .label(Kind::Notes, string, jams.to_owned(), move |path: &Path| {
                string_notes(path, index)
            })
            .label(Kind::F0, string, jams.to_owned(), move |path: &Path| string_f0(path, index));
    }
    Ok(track)
}

fn lacking(path: &Path, what: &'static str) -> Error {
    Error::Malformed {
        path: path.to_owned(),
        format: "GuitarSet JAMS",
        source: format!("it lacks {what}").into(),
    }
}

/// An annotation of a namespace, by its number among those of the namespace.
fn nth(path: &Path, namespace: &'static str, number: usize) -> Result<JamsAnnotation> {
    let jams = Jams::read(path)?;
    let mut of = jams.annotations().iter().filter(|annotation| annotation.namespace() == namespace);
    of.nth(number).cloned().ok_or_else(|| lacking(path, namespace))
}

/// The annotation of a string; `None` where nothing was played on it.
fn of_string(path: &Path, namespace: &str, string: usize) -> Result<Option<JamsAnnotation>> {
    let jams = Jams::read(path)?;
    let source = string.to_string();
    let found = jams.annotations().iter().find(|annotation| {
        annotation.namespace() == namespace
            && annotation.metadata("data_source") == Some(source.as_str())
    });
    Ok(found.cloned())
}

fn string_notes(path: &Path, string: usize) -> Result<Vec<Note>> {
    Ok(of_string(path, "note_midi", string)?.map_or(Ok(Vec::new()), |a| a.notes())?)
}

/// The pitch of a string, frame by frame: the last contour point that is nearest to a frame counts.
fn string_frames(path: &Path, string: usize) -> Result<BTreeMap<usize, Pitch>> {
    let mut frames = BTreeMap::new();
    if let Some(annotation) = of_string(path, "pitch_contour", string)? {
        for contour in annotation.contours()? {
            for frame in contour.frames().iter().filter(|frame| frame.voicing > 0.0) {
                if let Some(pitch) = frame.pitch {
                    frames.insert((frame.time / HOP).round() as usize, pitch);
                }
            }
        }
    }
    Ok(frames)
}

/// Longest grid that is made, frames: a damaged time must not ask for more (six hours).
const MOST_FRAMES: usize = 3_720_000;

fn checked(path: &Path, last: Option<usize>) -> Result<usize> {
    let count = last.map_or(0, |last| last + 1);
    if count > MOST_FRAMES {
        return Err(lacking(path, "an end within six hours"));
    }
    Ok(count)
}

fn string_f0(path: &Path, string: usize) -> Result<F0Track> {
    let frames = string_frames(path, string)?;
    let count = checked(path, frames.keys().next_back().copied())?;
    let frame = |index: usize| {
        let pitch = frames.get(&index).copied();
        let voicing = if pitch.is_some() { 1.0 } else { 0.0 };
        F0Frame { time: index as f64 * HOP, pitch, voicing }
    };
    Ok(F0Track::new((0..count).map(frame).collect())?)
}

fn all_f0(path: &Path) -> Result<MultiF0> {
    let strings =
        (0..STRINGS.len()).map(|string| string_frames(path, string)).collect::<Result<Vec<_>>>()?;
    let last = strings.iter().filter_map(|frames| frames.keys().next_back().copied()).max();
    let count = checked(path, last)?;
    let pitches = (0..count).map(|index| {
        let mut sounding: Vec<Pitch> = Vec::new();
        for pitch in strings.iter().filter_map(|frames| frames.get(&index)) {
            if !sounding.contains(pitch) {
                sounding.push(*pitch);
            }
        }
        sounding
    });
    let times = (0..count).map(|index| index as f64 * HOP).collect();
    Ok(MultiF0::new(times, pitches.collect())?)
}
