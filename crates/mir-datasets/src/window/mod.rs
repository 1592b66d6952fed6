//! Windows: which stretches of which recordings make up an epoch?
//!
//! A window is a crop of `frames` frames that starts on the frame grid, so features and targets are cut,
//! never resampled. The windows of an epoch are a pure function of seed, epoch and number of the window.
//!
//! A recording shorter than the window is taken whole, from its first frame, and padded at the end.
//!
//! | wanted | [`Sampling`] |
//! |---|---|
//! | crops from anywhere, long recordings more often | `ByDuration` |
//! | one crop of every recording an epoch | `OnePerTrack` |
//! | every window of a grid exactly once an epoch, in random order | `Shuffled` |
//! | the same in order, for validation | `InOrder` |

mod index;

use mir_core::batch::Window;
use serde::{Deserialize, Serialize};

use crate::{
    Error, FeatureStore, Result,
    random::{self, Purpose, Shuffle},
};

pub use index::WindowIndex;

/// How crops are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Recording by its length, then the start uniformly: every frame (but those within a window of
    /// an end) is equally likely. An epoch has as many windows as fit into all recordings together.
    #[default]
    ByDuration,
    /// One crop of every recording an epoch, in random order. (jongwook/onsets-and-frames.)
    OnePerTrack,
    /// Every window of the [`WindowIndex`] once an epoch, in an order that every epoch draws anew.
    Shuffled,
    /// Every window of the [`WindowIndex`] once an epoch, in order.
    InOrder,
}

impl Sampling {
    /// Whether windows come from the index.
    const fn is_indexed(self) -> bool {
        matches!(self, Self::Shuffled | Self::InOrder)
    }
}

/// Which windows of the index are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voicing {
    /// All.
    #[default]
    Any,
    /// Those with at least one frame in which a note sounds.
    Some,
    /// Those in all of whose frames a note sounds.
    Every,
}

/// The shape of windows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowConfig {
    /// Frames of a window, 1 to 1,000,000.
    pub frames: usize,
    /// How crops are drawn.
    pub sampling: Sampling,
    /// Feature value of frames that the recording does not cover, finite. They are masked in the
    /// targets; the value of silence (ln 1e-5 for a natural log-mel with that floor) also keeps them
    /// quiet for networks that look across the edge.
    pub padding: f64,
    /// Frames that the input has before and after the window, 0 to 1,000,000; targets have none of
    /// them. Beyond the recording they are padding.
    pub context: usize,
    /// Frames from one window of the index to the next, 0 to 1,000,000; 0 for as many as a window has.
    /// Windows share `frames − stride` frames.
    pub stride: usize,
    /// Which windows of the index are used.
    pub voicing: Voicing,
}

impl Default for WindowConfig {
    /// 200 frames (6.4 s at 31.25 frames/s), drawn by duration, padded with 0.
    fn default() -> Self {
        Self {
            frames: 200,
            sampling: Sampling::default(),
            padding: 0.0,
            context: 0,
            stride: 0,
            voicing: Voicing::default(),
        }
    }
}

impl WindowConfig {
    /// Frames of the input: the window and its context.
    pub const fn input_frames(&self) -> usize {
        self.frames + 2 * self.context
    }

    fn stride(&self) -> usize {
        if self.stride == 0 { self.frames } else { self.stride }
    }

    fn validate(&self) -> Result<()> {
        let invalid =
            |field, expected, actual: String| Err(Error::InvalidConfig { field, expected, actual });
        if !(1..=1_000_000).contains(&self.frames) {
            return invalid("window.frames", "1 to 1000000", self.frames.to_string());
        }
        if self.context > 1_000_000 {
            return invalid("window.context", "0 to 1000000", self.context.to_string());
        }
        if self.stride > 1_000_000 {
            return invalid("window.stride", "0 to 1000000", self.stride.to_string());
        }
        if !self.padding.is_finite() {
            return invalid("window.padding", "a finite number", self.padding.to_string());
        }
        if self.voicing != Voicing::Any && !self.sampling.is_indexed() {
            let expected = "any, unless sampling is shuffled or in_order";
            return invalid("window.voicing", expected, format!("{:?}", self.voicing));
        }
        Ok(())
    }
}

/// Draws windows from recordings of known lengths.
#[derive(Clone, Debug)]
pub struct WindowSampler {
    config: WindowConfig,
    seed: u64,
    /// Frames of every track.
    lengths: Vec<usize>,
    /// Frames before the end of every track, counted over all tracks.
    ends: Vec<u64>,
    /// For the samplings that use it.
    index: Option<WindowIndex>,
}

impl WindowSampler {
    /// A sampler over all tracks of a store. Tracks without a frame are never drawn.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a configuration outside its ranges; [`Error::EmptySplit`] if no
    /// track has a frame, or the voicing filter leaves no window.
    pub fn new(store: &dyn FeatureStore, config: WindowConfig, seed: u64) -> Result<Self> {
        config.validate()?;
        let lengths: Vec<usize> = store.tracks().iter().map(|track| track.frames).collect();
        let ends: Vec<u64> = lengths
            .iter()
            .scan(0, |end, &frames| {
                *end += frames as u64;
                Some(*end)
            })
            .collect();
        let index =
            config.sampling.is_indexed().then(|| WindowIndex::new(store, config)).transpose()?;
        if ends.last().is_none_or(|&total| total == 0)
            || index.as_ref().is_some_and(WindowIndex::is_empty)
        {
            return Err(Error::EmptySplit {
                dataset: store.header().dataset.clone(),
                split: store.header().split.clone(),
            });
        }
        Ok(Self { config, seed, lengths, ends, index })
    }

    /// The configuration.
    pub const fn config(&self) -> &WindowConfig {
        &self.config
    }

    /// Windows in one epoch, at least 1.
    pub fn windows_per_epoch(&self) -> u64 {
        match self.config.sampling {
            Sampling::ByDuration => {
                let total = self.ends.last().copied().unwrap_or(0);
                (total / self.config.frames as u64).max(1)
            }
            Sampling::OnePerTrack => self.playable().count() as u64,
            Sampling::Shuffled | Sampling::InOrder => {
                self.index.as_ref().map_or(0, WindowIndex::len)
            }
        }
    }

    /// Windows `first..first + count` of an epoch. Past the end of the epoch they start over, with
    /// other crops of the same tracks; those of an index start over as they are.
    pub fn windows(&self, epoch: u64, first: u64, count: usize) -> Vec<Window> {
        if let Some(index) = &self.index {
            let mut rng = random::stream(self.seed, epoch, 0, Purpose::Shuffle);
            let order = Shuffle::new(&mut rng, index.len());
            let number = |item: u64| match self.config.sampling {
                Sampling::Shuffled => order.at(item % index.len()),
                _ => item % index.len(),
            };
            return (first..first + count as u64).map(|item| index.get(number(item))).collect();
        }
        let tracks: Option<Vec<usize>> = match self.config.sampling {
            Sampling::ByDuration | Sampling::Shuffled | Sampling::InOrder => None,
            Sampling::OnePerTrack => {
                let playable: Vec<usize> = self.playable().collect();
                let mut rng = random::stream(self.seed, epoch, 0, Purpose::Shuffle);
                let order = random::permutation(&mut rng, playable.len());
                Some(order.into_iter().map(|i| playable[i]).collect())
            }
        };
        (first..first + count as u64)
            .map(|item| {
                let mut rng = random::stream(self.seed, epoch, item, Purpose::Crop);
                let track = match &tracks {
                    Some(order) => order[(item % order.len() as u64) as usize],
                    None => {
                        let total = self.ends.last().copied().unwrap_or(1);
                        let frame = random::below(&mut rng, total as usize) as u64;
                        self.ends.partition_point(|&end| end <= frame)
                    }
                };
                let starts = self.lengths[track].saturating_sub(self.config.frames) + 1;
                Window { track, start: random::below(&mut rng, starts), frames: self.config.frames }
            })
            .collect()
    }

    /// Tracks with at least one frame.
    fn playable(&self) -> impl Iterator<Item = usize> {
        (0..self.lengths.len()).filter(|&track| self.lengths[track] > 0)
    }
}
