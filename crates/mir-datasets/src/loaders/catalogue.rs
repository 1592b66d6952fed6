//! All data sets by name.

use std::{fmt, path::Path, sync::Arc};

use super::{
    Info, Maestro, MaestroConfig, Maps, MapsConfig, adc2004, asap, bach10, bach10_sibelius,
    beatles, billboard, dsd100, folder, giantsteps, groove_midi, gtzan, guitarset, haydn_op20,
    ikala, maestro, maps, mdb_synth, medleydb, mirex05, musdb18, musicnet, orchset, rwc,
    rwc_instruments, salami, slakh, vocadito, wjazzd,
};
use crate::{
    Dataset, Error, Result,
    mini::{Mini, MiniConfig},
};

/// A data set that can be opened by name.
#[derive(Clone, Copy)]
pub struct Entry {
    /// What is known of it.
    pub info: &'static Info,
    open: fn(&Path) -> Result<Arc<dyn Dataset>>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.info.fmt(f)
    }
}

impl Entry {
    /// Lists its recordings below a folder, with the default settings of its loader.
    ///
    /// # Errors
    /// Those of the loader.
    pub fn open(&self, root: impl AsRef<Path>) -> Result<Arc<dyn Dataset>> {
        (self.open)(root.as_ref())
    }
}

macro_rules! entries {
    ($($module:ident),* $(,)?) => {
        [$(Entry { info: &$module::INFO, open: |root| Ok(Arc::new($module::open(root)?)) }),*]
    };
}

/// The loaders that take nothing but a folder.
static PLAIN: &[Entry] = &entries![
    adc2004,
    asap,
    bach10,
    bach10_sibelius,
    beatles,
    billboard,
    dsd100,
    groove_midi,
    gtzan,
    guitarset,
    haydn_op20,
    ikala,
    medleydb,
    mirex05,
    musdb18,
    musicnet,
    orchset,
    rwc_instruments,
    salami,
    slakh,
    vocadito,
    wjazzd,
];

/// The loaders that have settings of their own or share a module, and the data set that needs no folder.
static OTHERS: &[Entry] = &[
    Entry { info: &folder::INFO, open: |root| Ok(Arc::new(folder::AudioFolder::open(root)?)) },
    Entry { info: &mdb_synth::BASS, open: |root| Ok(Arc::new(mdb_synth::open_bass(root)?)) },
    Entry { info: &mdb_synth::MELODY, open: |root| Ok(Arc::new(mdb_synth::open_melody(root)?)) },
    Entry { info: &mdb_synth::MULTI, open: |root| Ok(Arc::new(mdb_synth::open_mf0(root)?)) },
    Entry { info: &mdb_synth::STEMS, open: |root| Ok(Arc::new(mdb_synth::open_stems(root)?)) },
    Entry { info: &giantsteps::KEY, open: |root| Ok(Arc::new(giantsteps::open_key(root)?)) },
    Entry { info: &giantsteps::TEMPO, open: |root| Ok(Arc::new(giantsteps::open_tempo(root)?)) },
    Entry { info: &rwc::CLASSICAL, open: |root| Ok(Arc::new(rwc::open_classical(root)?)) },
    Entry { info: &rwc::GENRE, open: |root| Ok(Arc::new(rwc::open_genre(root)?)) },
    Entry { info: &rwc::JAZZ, open: |root| Ok(Arc::new(rwc::open_jazz(root)?)) },
    Entry { info: &rwc::POPULAR, open: |root| Ok(Arc::new(rwc::open_popular(root)?)) },
    Entry { info: &musicnet::INFO_16K, open: |root| Ok(Arc::new(musicnet::open_16k(root)?)) },
    Entry { info: &musicnet::INFO_EM, open: |root| Ok(Arc::new(musicnet::open_em(root)?)) },
    Entry {
        info: &maestro::INFO,
        open: |root| Ok(Arc::new(Maestro::open(root, MaestroConfig::default())?)),
    },
    Entry {
        info: &maps::INFO,
        open: |root| Ok(Arc::new(Maps::open(root, MapsConfig::default())?)),
    },
    Entry { info: &crate::mini::INFO, open: |_| Ok(Arc::new(Mini::new(MiniConfig::default())?)) },
];

/// All data sets, in order of their names.
///
/// ```
/// use mir_datasets::{Kind, loaders::catalogue};
///
/// let melodies = catalogue().into_iter().filter(|entry| entry.info.holds.contains(&Kind::F0));
/// assert!(melodies.map(|entry| entry.info.name).any(|name| name == "vocadito"));
/// ```
pub fn catalogue() -> Vec<Entry> {
    let mut all: Vec<Entry> = PLAIN.iter().chain(OTHERS).copied().collect();
    all.sort_by_key(|entry| entry.info.name);
    all
}

/// The data set of a name.
///
/// # Errors
/// [`Error::UnknownDataset`] with the nearest known name.
///
/// ```
/// use mir_datasets::{Error, loaders::find};
///
/// match find("vocadit") {
///     Err(Error::UnknownDataset { nearest, .. }) => assert_eq!(nearest, Some("vocadito")),
///     other => panic!("{other:?}"),
/// }
/// ```
pub fn find(name: &str) -> Result<Entry> {
    let all = catalogue();
    if let Some(entry) = all.iter().find(|entry| entry.info.name == name) {
        return Ok(*entry);
    }
    let known: Vec<&'static str> = all.iter().map(|entry| entry.info.name).collect();
    let close = |known: &&&'static str| distance(name, known) <= known.len().div_ceil(2);
    let nearest = known.iter().filter(close).min_by_key(|known| distance(name, known)).copied();
    Err(Error::UnknownDataset { name: name.to_owned(), nearest, known })
}

/// Opens a data set by name, with the default settings of its loader.
///
/// # Errors
/// As [`find`], and those of the loader.
pub fn open(name: &str, root: impl AsRef<Path>) -> Result<Arc<dyn Dataset>> {
    find(name)?.open(root)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_complete_and_named_once() {
        let all = catalogue();
        for pair in all.windows(2) {
            assert!(pair[0].info.name < pair[1].info.name, "{}", pair[1].info.name);
        }
        for Entry { info, .. } in &all {
            for text in
                [info.title, info.version, info.license, info.citation, info.layout, info.home]
            {
                assert!(!text.is_empty(), "{}", info.name);
            }
            // An index that names the digest of nothing was made from a failed download.
            for remote in info.remotes {
                let digits = match remote.checksum {
                    super::super::Checksum::Md5(digits) => (digits, 32),
                    super::super::Checksum::Sha256(digits) => (digits, 64),
                };
                assert_eq!(digits.0.len(), digits.1, "{}", remote.file);
                assert_ne!(digits.0, "d41d8cd98f00b204e9800998ecf8427e");
            }
        }
    }

    #[test]
    fn distances_are_counted() {
        for (a, b, expected) in [("", "abc", 3), ("maps", "maps", 0), ("mpas", "maps", 2)] {
            assert_eq!(distance(a, b), expected);
        }
    }
}
