//! Batches for contrastive learning: which windows share a batch?
//!
//! A network that learns to tell the true future of a recording from other sounds takes those other sounds
//! from its batch. So the composition of batches decides what it learns: in a batch of one recording the
//! room and the instrument give no hint, in a mixed batch they do.
//!
//! [`GroupPlan`] is the pure part: the windows of every batch, from seed, epoch and number.
//! [`ContrastiveLoader`] reads them out of a store ahead of its consumer.
//!
//! # Conventions
//! A recording of `T` frames has `⌊T / L⌋` windows of `L` frames, one after the other, from an offset that every
//! epoch draws anew within the frames that are left over. (A store of [`WaveformConfig`] has samples as
//! frames.) Every window of that grid comes exactly once an epoch, but for what [`LastGroup`] says. A window
//! never reaches over the end of a recording.
//!
//! # Packs
//! With a cap on the data in use ([`ContrastiveConfig::pack_frames`]) recordings are divided, in order, into
//! packs of at most that many frames (one recording at least); batches are made within a pack, and
//! packs come one after the other, in an order that every epoch draws anew. So only one pack has to fit
//! into the memory that the system keeps of the store's file.
//!
//! # Source
//! Sampling types after tiagoCuervo/JTM and facebookresearch/CPC_audio (Riviere et al. 2020,
//! "Unsupervised pretraining transfers well across languages"). There, windows of `uniform` may straddle two
//! recordings, and groups whose size divides evenly lose their last batch; here neither happens.
//!
//! [`WaveformConfig`]: mir_features::WaveformConfig

mod groups;
mod loader;

use mir_core::batch::Window;
use serde::{Deserialize, Serialize};

pub use self::loader::{ContrastiveBatch, ContrastiveLoader, ContrastiveTargets};
use crate::{Error, Result};

/// Which windows share a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum GroupSampling {
    /// Any.
    #[default]
    Uniform,
    /// Those of one recording.
    SameRecording,
    /// Those of recordings of one category.
    SameCategory,
    /// Row `b` of a batch goes on where row `b` of the batch before ended: for networks that carry a state
    /// from batch to batch. [`ContrastiveTargets::reset`] says where a row begins something new.
    Sequential,
    /// A share of the windows of every recording goes into batches of that recording alone, the rest into
    /// mixed ones.
    Mixed {
        /// That share, 0 to 1.
        same_recording: f64,
    },
    /// Several windows of each of several recordings, as many of different ones as there are.
    PerRecording {
        /// Windows of each, 1 to the batch size, which it divides.
        windows: usize,
    },
}

/// What happens to windows that do not fill a batch of their group (pack, recording, category).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastGroup {
    /// The batch is filled with other windows of the group, drawn again.
    #[default]
    Fill,
    /// They are left out of this epoch.
    Drop,
    /// They make a smaller batch.
    Short,
}

/// How batches are composed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContrastiveConfig {
    /// Frames of a window, 1 to 100,000,000. (In a store of waveforms: samples.)
    pub frames: usize,
    /// Windows in a batch, 1 to 65,536.
    pub batch_size: usize,
    /// Which windows share a batch.
    pub sampling: GroupSampling,
    /// What happens to windows that do not fill one. [`GroupSampling::Sequential`] always drops them.
    pub last: LastGroup,
    /// Whether every epoch draws the offset of the windows; without, they begin at frame 0.
    pub offset: bool,
    /// Most frames of a pack; `None` for one pack.
    pub pack_frames: Option<u64>,
    /// Seed of everything.
    pub seed: u64,
    /// Threads that read batches ahead, 0 to 256; 0 reads each when it is asked for. No influence on the
    /// batches.
    pub workers: usize,
    /// Batches that may be ready or in work ahead of the consumer, 1 to 4096. No influence on the batches.
    pub prefetch: usize,
}

impl Default for ContrastiveConfig {
    /// 8 windows of 20,480 samples (1.28 s at 16 kHz), as in CPC_audio.
    fn default() -> Self {
        Self {
            frames: 20_480,
            batch_size: 8,
            sampling: GroupSampling::default(),
            last: LastGroup::default(),
            offset: true,
            pack_frames: None,
            seed: 0,
            workers: 1,
            prefetch: 4,
        }
    }
}

impl ContrastiveConfig {
    fn validate(&self) -> Result<()> {
        for (field, expected, value, low, high) in [
            ("frames", "1 to 100000000", self.frames, 1, 100_000_000),
            ("batch_size", "1 to 65536", self.batch_size, 1, 65_536),
            ("workers", "0 to 256", self.workers, 0, 256),
            ("prefetch", "1 to 4096", self.prefetch, 1, 4096),
        ] {
            if !(low..=high).contains(&value) {
                return Err(Error::InvalidConfig { field, expected, actual: value.to_string() });
            }
        }
        match self.sampling {
            GroupSampling::Mixed { same_recording } if !(0.0..=1.0).contains(&same_recording) => {
                Err(Error::InvalidConfig {
                    field: "sampling.same_recording",
                    expected: "0 to 1",
                    actual: same_recording.to_string(),
                })
            }
            GroupSampling::PerRecording { windows }
                if windows == 0 || !self.batch_size.is_multiple_of(windows) =>
            {
                Err(Error::InvalidConfig {
                    field: "sampling.windows",
                    expected: "a number that divides the batch size",
                    actual: windows.to_string(),
                })
            }
            _ => Ok(()),
        }
    }
}

/// A window of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// Where it is.
    pub window: Window,
    /// Whether it does not go on where this row of the batch before ended.
    pub reset: bool,
}

/// The composition of all batches.
///
/// ```
/// use mir_datasets::contrastive::{ContrastiveConfig, GroupPlan, GroupSampling};
/// let config = ContrastiveConfig {
///     frames: 100,
///     batch_size: 4,
///     sampling: GroupSampling::SameRecording,
///     ..ContrastiveConfig::default()
/// };
/// let plan = GroupPlan::new(&[950, 450], &[], config)?;
/// let epoch = plan.epoch(0);
/// assert_eq!(epoch.len() as u64, plan.batches_per_epoch());
/// for batch in &epoch {
///     assert!(batch.iter().all(|member| member.window.track == batch[0].window.track));
/// }
/// # Ok::<(), mir_datasets::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GroupPlan {
    config: ContrastiveConfig,
    lengths: Vec<u64>,
    categories: Vec<u32>,
    /// Tracks of every pack.
    packs: Vec<Vec<usize>>,
    batches: u64,
}

impl GroupPlan {
    /// Plans the batches of recordings of these lengths, in frames. `categories` has the category of each,
    /// and is looked at for [`GroupSampling::SameCategory`] only.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a setting outside its range, or unless there is a category for every
    /// recording where they are needed; [`Error::NoBatch`] if the windows make no batch.
    pub fn new(lengths: &[u64], categories: &[u32], config: ContrastiveConfig) -> Result<Self> {
        config.validate()?;
        let needed = config.sampling == GroupSampling::SameCategory;
        if needed && categories.len() != lengths.len() {
            return Err(Error::InvalidConfig {
                field: "categories",
                expected: "one for every recording",
                actual: format!("{} for {}", categories.len(), lengths.len()),
            });
        }
        let mut plan = Self {
            packs: packs(lengths, config.pack_frames.unwrap_or(u64::MAX)),
            lengths: lengths.to_vec(),
            categories: categories.to_vec(),
            batches: 0,
            config,
        };
        plan.batches = plan.epoch(0).len() as u64;
        if plan.batches == 0 {
            let windows = lengths.iter().map(|length| length / plan.config.frames as u64).sum();
            return Err(Error::NoBatch { windows, batch_size: plan.config.batch_size });
        }
        Ok(plan)
    }

    /// The configuration.
    pub const fn config(&self) -> &ContrastiveConfig {
        &self.config
    }

    /// Batches in an epoch, at least 1; the same in every epoch.
    pub const fn batches_per_epoch(&self) -> u64 {
        self.batches
    }

    /// All batches of an epoch, in order.
    pub fn epoch(&self, epoch: u64) -> Vec<Vec<Member>> {
        groups::epoch(self, epoch)
    }
}

/// Recordings in order, as many in a pack as fit.
fn packs(lengths: &[u64], cap: u64) -> Vec<Vec<usize>> {
    let mut packs: Vec<Vec<usize>> = Vec::new();
    let mut used = 0u64;
    for (track, &length) in lengths.iter().enumerate() {
        let fits = used.checked_add(length).is_some_and(|total| total <= cap);
        match packs.last_mut() {
            Some(pack) if fits => {
                pack.push(track);
                used += length;
            }
            _ => {
                packs.push(vec![track]);
                used = length;
            }
        }
    }
    packs
}
