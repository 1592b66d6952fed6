//! DSD100: a hundred songs in four stems, the corpus of SiSEC 2016.
//!
//! # Layout
//! ```text
//! ROOT/Mixtures/Dev/051 - ARTIST - TITLE/mixture.wav         (and Test)
//! ROOT/Sources/Dev/051 - ARTIST - TITLE/bass.wav, drums.wav, other.wav, vocals.wav
//! ```
//! Songs without one of the stems are listed too; the stem is missing when it is asked for.
//!
//! # Conventions
//! The mixture is the sum of the four; accompaniment is all but the vocals. `Dev` is training, `Test` is
//! test.
//!
//! Source: A. Liutkus et al., The 2016 signal separation evaluation campaign, LVA/ICA 2017.

use std::path::Path;

use super::{
    collection::{Collection, FileTrack, Info},
    common::list,
};
use crate::{Result, Split};

/// What is known of it.
pub const INFO: Info = Info {
    name: "dsd100",
    title: "DSD100",
    version: "2016",
    license: "per song, research use only",
    citation: "A. Liutkus, F.-R. Stöter, Z. Rafii, D. Kitamura, B. Rivet, N. Ito, N. Ono, J. Fontecave: \
               The 2016 signal separation evaluation campaign. LVA/ICA, 2017.",
    holds: &[],
    layout: "Mixtures/Dev/NNN - ARTIST - TITLE/mixture.wav and Sources/Dev/NNN - ARTIST - TITLE/bass.wav, \
             drums.wav, other.wav, vocals.wav (and Test)",
    home: "liutkus.net/DSD100.zip, open; about 14 GB",
    remotes: &[],
};

const STEMS: [&str; 4] = ["bass", "drums", "other", "vocals"];

/// Lists its songs; reads none of them.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    let (mut tracks, mut parts) = (Vec::new(), [Vec::new(), Vec::new()]);
    for (part, ids) in ["Dev", "Test"].into_iter().zip(&mut parts) {
        let folder = root.join("Mixtures").join(part);
        if !folder.is_dir() {
            continue;
        }
        for path in list(&folder)?.into_iter().filter(|path| path.is_dir()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut fields = name.splitn(3, " - ").skip(1);
            let (artist, title) =
                (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            let mut track = FileTrack::new(&INFO, &name, path.join("mixture.wav"))?
                .artist(artist)
                .meta("title", title);
            let sources = root.join("Sources").join(part).join(&name);
            for stem in STEMS {
                track = track.stem(stem, stem, sources.join(format!("{stem}.wav")));
            }
            tracks.push(track);
            ids.push(name);
        }
    }
    let [train, test] = parts;
    let source = "folders Dev and Test of the release".to_owned();
    Ok(Collection::new(&INFO, root, tracks)?.divided("official", source, |partition| {
        *partition.ids_mut(Split::Train) = train;
        *partition.ids_mut(Split::Test) = test;
    }))
}
