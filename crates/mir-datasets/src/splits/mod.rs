//! Splits: who trains, who chooses, who is scored, and does anything leak between them?
//!
//! A [`Partition`] is data: a name, a version, a source and three lists of track ids. The published ones
//! are shipped ([`published()`]); others are drawn by seed ([`draw`]), grouped so that a piece, a composer or
//! an artist stays on one side. [`Partition::shared`] finds what does not.
//!
//! ```
//! use mir_datasets::{Split, splits};
//!
//! let musicnet = &splits::published("musicnet")[0];
//! assert_eq!((musicnet.ids(Split::Train).len(), musicnet.ids(Split::Test).len()), (320, 10));
//! assert!(musicnet.repeated().is_empty());
//!
//! // The published split of MedleyDB for melody extraction has one song on both sides.
//! let medleydb = &splits::published("medleydb")[0];
//! assert_eq!(medleydb.repeated()[0].key, "MatthewEntwistle_DontYouEver");
//! ```

mod published;
mod random;

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use mir_core::publish;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::{
    published::published,
    random::{SplitConfig, SplitItem, draw},
};
use crate::{Dataset, Error, Result, Split, Track};

/// A division of a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// Name of the data set, as [`Dataset::name`].
    pub dataset: String,
    /// Name of the division.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it was published, or how it was drawn.
    pub source: String,
    /// Ids for training.
    #[serde(default)]
    pub train: Vec<String>,
    /// Ids for validation.
    #[serde(default)]
    pub validation: Vec<String>,
    /// Ids for testing.
    #[serde(default)]
    pub test: Vec<String>,
}

/// What stands on more than one side of a partition, by one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shared {
    /// The id, piece or artist.
    pub key: String,
    /// The tracks with it, each with its split, in order of the splits.
    pub tracks: Vec<(Split, String)>,
}

impl Shared {
    /// Its tracks in a split.
    pub fn of(&self, split: Split) -> impl Iterator<Item = &str> {
        self.tracks.iter().filter(move |(of, _)| *of == split).map(|(_, id)| id.as_str())
    }
}

impl Partition {
    /// The ids of a split, in the order in which they were published.
    pub fn ids(&self, split: Split) -> &[String] {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }

    /// The ids of a split, to be changed.
    pub fn ids_mut(&mut self, split: Split) -> &mut Vec<String> {
        match split {
            Split::Train => &mut self.train,
            Split::Validation => &mut self.validation,
            Split::Test => &mut self.test,
        }
    }

    /// SHA-256 of the lists, 64 hex digits: what a published score names beside the split. Ids count in
    /// bytewise order, so that the order of publication does not matter.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for split in Split::ALL {
            let mut ids: Vec<&str> = self.ids(split).iter().map(String::as_str).collect();
            ids.sort_unstable();
            hash.update(split.name());
            for id in ids {
                hash.update([0]);
                hash.update(id);
            }
            hash.update([0, 0]);
        }
        hash.finalize().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Ids in more than one list. A partition with any cannot be used for a score.
    pub fn repeated(&self) -> Vec<Shared> {
        self.shared(|id| Some(id.to_owned()))
    }

    /// Keys that stand on more than one side, in order; tracks without a key share nothing.
    ///
    /// ```
    /// use mir_datasets::{loaders::maps, splits};
    ///
    /// let kelz = &splits::published("maps")[0];
    /// let shared = kelz.shared(|id| Some(maps::piece_of(maps::parse_name(id)?.0).to_owned()));
    /// assert!(!shared.is_empty(), "training plays pieces of the test");
    /// ```
    pub fn shared(&self, key: impl Fn(&str) -> Option<String>) -> Vec<Shared> {
        let mut found: BTreeMap<String, Vec<(Split, String)>> = BTreeMap::new();
        for split in Split::ALL {
            for id in self.ids(split) {
                if let Some(key) = key(id) {
                    found.entry(key).or_default().push((split, id.clone()));
                }
            }
        }
        found
            .into_iter()
            .filter(|(_, tracks)| tracks.iter().any(|(split, _)| *split != tracks[0].0))
            .map(|(key, tracks)| Shared { key, tracks })
            .collect()
    }

    /// The tracks of a split that a data set has here, in order of their ids.
    ///
    /// # Errors
    /// [`Error::EmptySplit`] if there is none.
    pub fn tracks(&self, dataset: &dyn Dataset, split: Split) -> Result<Vec<Arc<dyn Track>>> {
        select(dataset, self.ids(split), split)
    }

    /// What of it leaks, by the metadata of a data set.
    ///
    /// Tracks that the data set does not have here count by their ids alone.
    pub fn audit(&self, dataset: &dyn Dataset) -> Audit {
        let tracks: BTreeMap<&str, &Arc<dyn Track>> =
            dataset.tracks().iter().map(|track| (track.id().as_str(), track)).collect();
        Audit {
            ids: self.repeated(),
            pieces: self.shared(|id| Some(tracks.get(id)?.piece().to_owned())),
            artists: self.shared(|id| Some(tracks.get(id)?.artist()?.to_owned())),
        }
    }

    /// Reads a partition.
    ///
    /// # Errors
    /// [`Error::Core`] for a file that cannot be read or is no JSON of this form.
    pub fn read(path: impl AsRef<std::path::Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = mir_core::formats::read_text(path)?;
        serde_json::from_str(&text)
            .map_err(|source| mir_core::Error::Json { path: path.to_owned(), source }.into())
    }

    /// Writes a partition; the file appears complete or not at all.
    ///
    /// # Errors
    /// [`Error::Core`] if the file cannot be written.
    pub fn write(&self, path: impl AsRef<std::path::Path>) -> Result<()> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|source| mir_core::Error::Json { path: path.as_ref().to_owned(), source })?;
        Ok(publish::write(path.as_ref(), format!("{text}\n").as_bytes())?)
    }
}

/// What a partition shares between its sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Tracks in more than one list: an error.
    pub ids: Vec<Shared>,
    /// Pieces on more than one side: scores measure memory, too.
    pub pieces: Vec<Shared>,
    /// Artists on more than one side: common, and worth knowing.
    pub artists: Vec<Shared>,
}

/// The tracks of these ids that the data set has, in order of their ids.
pub(crate) fn select(
    dataset: &dyn Dataset,
    ids: &[String],
    split: Split,
) -> Result<Vec<Arc<dyn Track>>> {
    let ids: std::collections::BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let of_split = dataset.tracks().iter().filter(|track| ids.contains(track.id().as_str()));
    let tracks: Vec<_> = of_split.map(Arc::clone).collect();
    if tracks.is_empty() {
        return Err(Error::EmptySplit {
            dataset: dataset.name().to_owned(),
            split: split.name().to_owned(),
        });
    }
    Ok(tracks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(train: &[&str], validation: &[&str], test: &[&str]) -> Partition {
        let ids = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect();
        Partition {
            train: ids(train),
            validation: ids(validation),
            test: ids(test),
            ..Partition::default()
        }
    }

    #[test]
    fn what_is_shared_is_found_by_any_key() {
        let split = partition(&["a1", "a2", "b1"], &["c1"], &["b2", "d1", "b1"]);
        let repeated = split.repeated();
        assert_eq!(repeated.len(), 1);
        assert_eq!(repeated[0].key, "b1");
        let by_letter = split.shared(|id| Some(id[..1].to_owned()));
        assert_eq!(by_letter.len(), 1, "the two tracks of a are on one side");
        assert_eq!(by_letter[0].of(Split::Test).collect::<Vec<_>>(), ["b2", "b1"]);
        assert!(split.shared(|_| None).is_empty());
    }

    #[test]
    fn the_digest_is_of_the_lists_and_not_of_their_order() {
        let digest = partition(&["a", "b"], &[], &["c"]).digest();
        assert_eq!(digest, partition(&["b", "a"], &[], &["c"]).digest());
        assert_ne!(digest, partition(&["a"], &["b"], &["c"]).digest());
        assert_ne!(digest, partition(&["ab"], &[], &["c"]).digest());
        assert_eq!(digest.len(), 64);
    }
}
