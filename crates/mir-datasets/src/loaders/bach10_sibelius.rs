//! Bach10 Sibelius: the ten chorales rendered by a score editor, in four ways.
//!
//! # Layout
//! ```text
//! ROOT/PIECE/PIECE_gt_violin.wav           styles gt, original, fast, slow; violin, clarinet, saxophone,
//!                                          bassoon (here, or below "Source separation/")
//! ROOT/PIECE/violin_g.txt                  score aligned with style gt: onset, offset, note name
//! ROOT/PIECE/violin_original.txt           score as it is written, for style original
//! ```
//!
//! # Conventions
//! A track is a piece in a style, `01-AchGottundHerr_gt`; all styles of a piece are one piece. Its audio is
//! the sum of its stems. Where a score of the style is there, `notes violin` reads it, and `notes` all four.
//!
//! Source: M. Miron, J. J. Carabias-Orti, J. Janer, Zenodo 321361.

use std::path::{Path, PathBuf};

use mir_core::{
    Note,
    formats::{parse_score_text, read_text},
};

use super::{
    collection::{Collection, FileTrack, Info},
    common::{first_there, list},
    sound::Sound,
};
use crate::{Kind, Result, Split};

/// What is known of it.
pub const INFO: Info = Info {
    name: "bach10_sibelius",
    title: "Bach10 Sibelius",
    version: "1",
    license: "see Zenodo 321361",
    citation: "M. Miron, J. Janer, E. Gómez: Generating data to train convolutional neural networks for \
               classical music source separation. Sound and Music Computing, 2017.",
    holds: &[Kind::Notes],
    layout: "PIECE/PIECE_gt_violin.wav (styles gt, original, fast, slow; clarinet, saxophone, bassoon)",
    home: "Zenodo 321361, open",
    remotes: &[],
};

const PARTS: [&str; 4] = ["violin", "clarinet", "saxophone", "bassoon"];

/// Styles, and what the score of an instrument may be called in them.
const STYLES: [(&str, &[&str]); 4] =
    [("gt", &["g", "gt"]), ("original", &["original"]), ("fast", &["fast"]), ("slow", &["slow"])];

/// Lists its renderings; reads none of them.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    let mut folders = list(root)?;
    let below = root.join("Source separation");
    if below.is_dir() {
        folders.extend(list(&below)?);
    }
    let mut tracks = Vec::new();
    for folder in folders.into_iter().filter(|folder| folder.is_dir()) {
        let piece = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for (style, endings) in STYLES {
            tracks.extend(track(&folder, &piece, style, endings)?);
        }
    }
    Ok(Collection::new(&INFO, root, tracks)?.all_for(Split::Train))
}

/// A piece in a style, if one of its parts is there.
fn track(folder: &Path, piece: &str, style: &str, endings: &[&str]) -> Result<Option<FileTrack>> {
    let sounds = PARTS.map(|part| folder.join(format!("{piece}_{style}_{part}.wav")));
    if !sounds.iter().any(|path| path.is_file()) {
        return Ok(None);
    }
    let name = format!("{piece}_{style}");
    let mut track = FileTrack::new(&INFO, &name, Sound::Sum(sounds.to_vec()))?
        .piece(piece)
        .artist("Johann Sebastian Bach")
        .meta("style", style);
    let scores: Vec<PathBuf> = PARTS
        .iter()
        .map(|part| {
            let files = endings.iter().map(|e| folder.join(format!("{part}_{e}.txt"))).collect();
            first_there(files)
        })
        .collect();
    if scores.iter().all(|score| score.is_file()) {
        let all = scores.clone();
        track = track.label(Kind::Notes, "", scores[0].clone(), move |_: &Path| {
            let parts = all.iter().map(|path| read_score(path)).collect::<Result<Vec<_>>>()?;
            let mut notes: Vec<Note> = parts.into_iter().flatten().collect();
            Note::sort(&mut notes);
            Ok(notes)
        });
    }
    for ((part, sound), score) in PARTS.into_iter().zip(sounds).zip(scores) {
        track = track.stem(part, part, sound).label_if_there(Kind::Notes, part, score, read_score);
    }
    Ok(Some(track))
}

fn read_score(path: &Path) -> Result<Vec<Note>> {
    Ok(parse_score_text(&read_text(path)?, path)?.notes)
}
