//! GTZAN: a thousand clips of half a minute in ten genres, with tempo and beats.
//!
//! # Layout
//! ```text
//! ROOT/genres/country/country.00000.wav                      (or below gtzan_genre/)
//! ROOT/beats/gtzan_country_00000.beats, tempo/gtzan_country_00000.bpm
//!                                                            (or below gtzan_tempo_beat-main/)
//! ```
//!
//! # Conventions
//! The genre is in the metadata and what splits should be spread by. **Artists and whole clips occur more
//! than once and some labels are wrong**; without a list of artists no split of it is free of leaks.
//!
//! Source: G. Tzanetakis, P. Cook, IEEE TSAP 10(5), 2002; B. L. Sturm, The state of the art ten years after a
//! state of the art, 2014; beats by U. Marchand, G. Peeters.

use std::path::{Path, PathBuf};

use mir_core::formats::{Delimiter, read_text, text_rows};

use super::{
    collection::{Collection, FileTrack, Info},
    common::{has_ending, list, stem},
    read,
};
use crate::{Annotation, Erratum, Kind, Result};

/// What is known of it.
pub const INFO: Info = Info {
    name: "gtzan",
    title: "GTZAN",
    version: "1.0",
    license: "not stated",
    citation: "G. Tzanetakis, P. Cook: Musical genre classification of audio signals. IEEE Transactions on \
               Speech and Audio Processing 10(5), 2002.",
    holds: &[Kind::Beats, Kind::Tempo],
    layout: "genres/country/country.00000.wav, beats/gtzan_country_00000.beats, \
             tempo/gtzan_country_00000.bpm",
    home: "no longer distributed (genres.tar.gz, MD5 5b3d6dddb579ab49814ab86dba69e7c7)",
    remotes: &[],
};

/// Lists its clips; reads none of them.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    let there = |candidates: [PathBuf; 2]| {
        let [first, second] = candidates;
        if second.is_dir() { second } else { first }
    };
    let genres = there([root.join("genres"), root.join("gtzan_genre/genres")]);
    let labels = there([root.to_owned(), root.join("gtzan_tempo_beat-main")]);
    let mut tracks = Vec::new();
    for folder in if genres.is_dir() { list(&genres)? } else { Vec::new() } {
        if !folder.is_dir() {
            continue;
        }
        let genre = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for path in list(&folder)?.into_iter().filter(|path| has_ending(path, "wav")) {
            let name = stem(&path, "<genre>.<number>.wav")?;
            let file = format!("gtzan_{}", name.replace('.', "_"));
            tracks.push(
                FileTrack::new(&INFO, &name, path)?
                    .meta("genre", &genre)
                    .label(Kind::Beats, "", labels.join(format!("beats/{file}.beats")), read::beats)
                    .label(Kind::Tempo, "", labels.join(format!("tempo/{file}.bpm")), tempo),
            );
        }
    }
    let errata = [Erratum {
        track: "jazz.00054".to_owned(),
        what: "its audio is corrupt in the published archive",
        source: "B. L. Sturm 2014",
    }];
    Ok(Collection::new(&INFO, root, tracks)?.with_errata(errata))
}

fn tempo(path: &Path) -> Result<Annotation> {
    let text = read_text(path)?;
    let row = text_rows(&text, Delimiter::Any, path).next();
    // An empty file says as little as none; the error names its first line.
    let row = row.or_else(|| text_rows("?", Delimiter::Any, path).next());
    let row = row.expect("a text of one character has a row");
    Ok(Annotation::Tempo(row.number(0, "tempo", "beats a minute, above 0", |bpm| bpm > 0.0)?))
}
