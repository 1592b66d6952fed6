//! RWC instruments: every note of fifty instruments, in several makes, styles and loudnesses.
//!
//! # Layout
//! ```text
//! ROOT/wav/151/151VNNOF.WAV       (or 151/…, or all files in one folder)
//! ROOT/mat/151vnnof.wav.mat       where its notes are; made by others, and not part of RWC
//! ```
//! A name is the number of the instrument (two digits), its make (1 to 3), a code of two letters, the style
//! (two letters, `NO` is normal) and the loudness `F`, `M` or `P`. Other names are passed over.
//!
//! # Conventions
//! A file plays the chromatic scale of the instrument, with silence between the notes. Where no `.mat` file
//! says where they are, [`segment`] finds them and [`scale`] names them. Makes of an instrument are its
//! artists, so that a split by artist tests on an instrument that was not heard. [`load_bank`] goes from the
//! folder to a [`NoteBank`](crate::sampled::NoteBank) in one call.
//!
//! Source: M. Goto, H. Hashiguchi, T. Nishimura, R. Oka, RWC music database: Music genre database and musical
//! instrument sound database, ISMIR 2003; names as in MTG/DeepConvSep.

mod bank;
mod notes;

use std::path::{Path, PathBuf};

pub use bank::{RwcBank, RwcBankConfig, load_bank};
pub use notes::{ScaleNote, read_annotation, scale, segment};

use super::{
    collection::{Collection, FileTrack, Info},
    common::{has_ending, list},
};
use crate::{Kind, Result};

/// What is known of it.
pub const INFO: Info = Info {
    name: "rwc_instruments",
    title: "RWC Musical Instrument Sound",
    version: "2001",
    license: "by signed pledge; the release of 2026 CC BY-NC 4.0: non-commercial use",
    citation: "M. Goto, H. Hashiguchi, T. Nishimura, R. Oka: RWC music database: Music genre database and \
               musical instrument sound database. ISMIR, 2003.",
    holds: &[Kind::Notes],
    layout: "wav/151/151VNNOF.WAV (and mat/151vnnof.wav.mat)",
    home: "Zenodo 17170844 (release of 2026); the first by signed pledge",
    remotes: &[],
};

/// Names of the instruments by number, as far as systems use them.
const INSTRUMENTS: [(u8, &str); 28] = [
    (1, "piano"),
    (2, "electric piano"),
    (3, "harpsichord"),
    (6, "organ"),
    (8, "harmonica"),
    (9, "classical guitar"),
    (11, "acoustic guitar"),
    (13, "electric guitar"),
    (14, "electric bass"),
    (15, "violin"),
    (16, "viola"),
    (17, "cello"),
    (18, "contrabass"),
    (19, "harp"),
    (21, "trumpet"),
    (22, "trombone"),
    (23, "tuba"),
    (24, "horn"),
    (25, "soprano saxophone"),
    (26, "alto saxophone"),
    (27, "tenor saxophone"),
    (28, "baritone saxophone"),
    (29, "oboe"),
    (30, "bassoon"),
    (31, "clarinet"),
    (32, "piccolo"),
    (33, "flute"),
    (34, "recorder"),
];

/// How loud a file is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loudness {
    /// `F`.
    Forte,
    /// `M`.
    Mezzo,
    /// `P`.
    Piano,
}

/// What a file name says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RwcName {
    /// Number of the instrument, 1 to 50.
    pub instrument: u8,
    /// Make, 1 to 3: another maker and player.
    pub make: u8,
    /// Code of the instrument, `VN`.
    pub code: String,
    /// Style of playing, `NO` for the normal one.
    pub style: String,
    /// Loudness.
    pub loudness: Loudness,
}

/// Takes a file name without ending apart; `None` for other names.
///
/// ```
/// use mir_datasets::loaders::rwc_instruments::{Loudness, parse_name};
/// let name = parse_name("311CLNOF").unwrap();
/// assert_eq!((name.instrument, name.make, name.style.as_str()), (31, 1, "NO"));
/// assert_eq!(name.loudness, Loudness::Forte);
/// // Styles may be left out.
/// assert_eq!(parse_name("172VCPZM").unwrap().style, "PZ");
/// assert_eq!(parse_name("readme"), None);
/// ```
pub fn parse_name(name: &str) -> Option<RwcName> {
    if !name.is_ascii() || name.len() != 8 {
        return None;
    }
    let letters =
        |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric()).then(|| text.to_uppercase());
    let instrument = name[..2].parse().ok().filter(|number| (1..=50).contains(number))?;
    let make = name[2..3].parse().ok().filter(|make| (1..=3).contains(make))?;
    let loudness = match &name[7..] {
        "F" | "f" => Loudness::Forte,
        "M" | "m" => Loudness::Mezzo,
        "P" | "p" => Loudness::Piano,
        _ => return None,
    };
    Some(RwcName {
        instrument,
        make,
        code: letters(&name[3..5])?,
        style: letters(&name[5..7])?,
        loudness,
    })
}

/// Lists its files; reads none of them.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    let mut files: Vec<PathBuf> = Vec::new();
    for path in list(root)?.into_iter().chain(below(&root.join("wav"))?) {
        if path.is_dir() && !path.ends_with("wav") {
            files.extend(list(&path)?)
        } else {
            files.push(path)
        }
    }
    let mut tracks = Vec::new();
    for path in files.into_iter().filter(|path| has_ending(path, "wav") && path.is_file()) {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let Some(name) = parse_name(&stem) else { continue };
        let instrument = INSTRUMENTS.iter().find(|(number, _)| *number == name.instrument);
        let instrument = instrument.map_or(name.code.as_str(), |(_, name)| name);
        let file = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let annotation = root.join(format!("mat/{file}.mat"));
        tracks.push(
            FileTrack::new(&INFO, &stem, path)?
                .piece(format!("{:02}", name.instrument))
                .artist(format!("{:02}{}", name.instrument, name.make))
                .instrument(instrument)
                .meta("code", &name.code)
                .meta("style", &name.style)
                .meta("loudness", &stem[7..])
                .label_if_there(Kind::Notes, "", annotation, notes::read_notes),
        );
    }
    Collection::new(&INFO, root, tracks)
}

fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.is_dir() { list(folder) } else { Ok(Vec::new()) }
}
