//! A data set with more to train on: validation and test stay as they are.

use std::sync::Arc;

use crate::{Dataset, Error, Result, Split, Track};

/// A data set whose training split also has the recordings of another.
///
/// Its name is that of the first, its version names both. The caller answers for what the added recordings hold: a
/// piece of the test split must not be among them.
///
/// ```
/// use std::sync::Arc;
/// use mir_datasets::{
///     Dataset, Split, WithTraining,
///     mini::{Mini, MiniConfig},
///     synthetic::{Synthetic, SyntheticConfig, SyntheticKind},
/// };
///
/// let mini: Arc<dyn Dataset> = Arc::new(Mini::new(MiniConfig::default())?);
/// let other: Arc<dyn Dataset> = Arc::new(Synthetic::new(SyntheticConfig::new(SyntheticKind::Melody))?);
/// let both = WithTraining::new(Arc::clone(&mini), Arc::clone(&other))?;
/// let count = |data: &dyn Dataset| data.split(Split::Train).map(|tracks| tracks.len());
/// assert_eq!(count(&both)?, count(mini.as_ref())? + count(other.as_ref())?);
/// assert_eq!(both.split(Split::Test)?.len(), mini.split(Split::Test)?.len());
/// # Ok::<(), mir_datasets::Error>(())
/// ```
#[derive(Debug)]
pub struct WithTraining {
    base: Arc<dyn Dataset>,
    version: String,
    tracks: Vec<Arc<dyn Track>>,
    train: Vec<Arc<dyn Track>>,
}

impl WithTraining {
    /// Adds the training split of `more`.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if both have a track of one name; as [`Dataset::split`].
    pub fn new(base: Arc<dyn Dataset>, more: Arc<dyn Dataset>) -> Result<Self> {
        let added = more.split(Split::Train)?;
        let train = merged(base.split(Split::Train)?, &added)?;
        let tracks = merged(base.tracks().to_vec(), &added)?;
        let version = format!("{} with {} {}", base.version(), more.name(), more.version());
        Ok(Self { base, version, tracks, train })
    }
}

/// Both lists as one, in order of their names.
fn merged(
    mut tracks: Vec<Arc<dyn Track>>,
    added: &[Arc<dyn Track>],
) -> Result<Vec<Arc<dyn Track>>> {
    tracks.extend(added.iter().cloned());
    tracks.sort_by(|a, b| a.id().cmp(b.id()));
    match tracks.windows(2).find(|pair| pair[0].id() == pair[1].id()) {
        None => Ok(tracks),
        Some(pair) => Err(Error::InvalidConfig {
            field: "recordings that are added",
            expected: "names that the data set does not have",
            actual: pair[0].id().to_string(),
        }),
    }
}

impl Dataset for WithTraining {
    fn name(&self) -> &str {
        self.base.name()
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn license(&self) -> &str {
        self.base.license()
    }

    fn citation(&self) -> &str {
        self.base.citation()
    }

    fn tracks(&self) -> &[Arc<dyn Track>] {
        &self.tracks
    }

    fn split(&self, split: Split) -> Result<Vec<Arc<dyn Track>>> {
        match split {
            Split::Train => Ok(self.train.clone()),
            Split::Validation | Split::Test => self.base.split(split),
        }
    }
}
