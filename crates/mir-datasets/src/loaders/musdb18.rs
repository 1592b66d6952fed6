//! MUSDB18 and MUSDB18-HQ: songs in four stems, for separation.
//!
//! # Layout
//! ```text
//! ROOT/train/ARTIST - TITLE.stem.mp4               five streams: mixture, drums, bass, other, vocals
//! ROOT/test/ARTIST - TITLE/mixture.wav             HQ: and drums, bass, other, vocals beside it
//! ```
//! Both forms may stand side by side; a recording that has both is read from its WAV files.
//!
//! # Conventions
//! - [`Track::audio`](crate::Track::audio) is the mixture as it was coded. In the compressed form it is not
//!   exactly the sum of its stems; [`mix_stems`](super::mix_stems) gives that.
//! - Training and test are the folders. The fourteen songs of `datasets/musdb18/validation.txt` are taken
//!   out of training for validation.
//!
//! Source: Z. Rafii et al., Zenodo 1117372 and 3338373; sigsep/sigsep-mus-db.

use std::{collections::BTreeSet, path::Path};

use super::{
    collection::{Collection, FileTrack, Info},
    common::list,
    sound::Sound,
};
use crate::{Erratum, Result, Split};

/// What is known of it.
pub const INFO: Info = Info {
    name: "musdb18",
    title: "MUSDB18",
    version: "1",
    license: "per song, academic use only; see the licence of each song",
    citation: "Z. Rafii, A. Liutkus, F.-R. Stöter, S. I. Mimilakis, R. Bittner: The MUSDB18 corpus for \
               music separation, 2017, and MUSDB18-HQ, 2019.",
    holds: &[],
    layout: "train/ARTIST - TITLE.stem.mp4, or train/ARTIST - TITLE/mixture.wav with its stems (and test)",
    home: "Zenodo 1117372 by request; MUSDB18-HQ at Zenodo 3338373, open; 4.7 and 23 GB",
    remotes: &[super::Remote {
        name: "hq",
        url: "https://zenodo.org/records/3338373/files/musdb18hq.zip",
        file: "musdb18hq.zip",
        checksum: super::Checksum::Md5("12d4f2ecd55245a4688754dd76363103"),
        unpack: Some(""),
    }],
};

/// The songs of the training folder that validate.
const VALIDATION: &str = include_str!("../../../../datasets/musdb18/validation.txt");

/// Stems in the order of their streams; stream 0 is the mixture.
const STEMS: [&str; 4] = ["drums", "bass", "other", "vocals"];

const ERRATA: [(&str, &str); 3] = [
    ("PR - Oh No", "the left channel is not the sum of its stems"),
    ("Chris Durban - Celebrate", "stems bleed"),
    ("Hop Along - Sister Cities", "stems bleed"),
];

/// Names of the songs that are taken out of training for validation.
pub fn validation() -> impl Iterator<Item = &'static str> {
    VALIDATION.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

/// Lists its songs; reads none of them.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    let (mut tracks, mut parts) = (Vec::new(), [Vec::new(), Vec::new()]);
    for (part, ids) in ["train", "test"].into_iter().zip(&mut parts) {
        let folder = root.join(part);
        if !folder.is_dir() {
            continue;
        }
        let mut seen = BTreeSet::new();
        let entries = list(&folder)?;
        // Folders first: they hold what was not compressed.
        let (folders, files): (Vec<_>, Vec<_>) = entries.iter().partition(|path| path.is_dir());
        for path in folders.into_iter().chain(files) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let (name, compressed) = match name.strip_suffix(".stem.mp4") {
                Some(name) => (name.to_owned(), true),
                None if path.join("mixture.wav").is_file() => (name.into_owned(), false),
                None => continue,
            };
            if seen.insert(name.clone()) {
                tracks.push(track(&name, path, compressed)?);
                ids.push(name);
            }
        }
    }
    let [train, test] = parts;
    let validates: BTreeSet<&str> = validation().collect();
    let (validation, train): (Vec<_>, Vec<_>) =
        train.into_iter().partition(|name| validates.contains(name.as_str()));
    let errata = ERRATA.map(|(track, what)| Erratum {
        track: track.to_owned(),
        what,
        source: "sigsep/website: content/datasets/musdb.md",
    });
    let source = "folders of the release; validation of sigsep/sigsep-mus-db".to_owned();
    Ok(Collection::new(&INFO, root, tracks)?.with_errata(errata).divided(
        "official",
        source,
        |partition| {
            *partition.ids_mut(Split::Train) = train;
            *partition.ids_mut(Split::Validation) = validation;
            *partition.ids_mut(Split::Test) = test;
        },
    ))
}

fn track(name: &str, path: &Path, compressed: bool) -> Result<FileTrack> {
    let sound = |stream: usize, stem: &str| match compressed {
        true => Sound::Stream(path.to_owned(), stream),
        false => Sound::File(path.join(format!("{stem}.wav"))),
    };
    let (artist, title) = name.split_once(" - ").unwrap_or(("", name));
    let mut track =
        FileTrack::new(&INFO, name, sound(0, "mixture"))?.artist(artist).meta("title", title);
    for (stream, stem) in (1..).zip(STEMS) {
        track = track.stem(stem, stem, sound(stream, stem));
    }
    Ok(track)
}
