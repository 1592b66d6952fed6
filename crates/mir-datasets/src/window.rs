//! Windows: which stretches of which recordings make up an epoch?
//!
//! A window is a crop of `frames` frames that starts on the frame grid, so features and targets are cut,
//! never resampled. The windows of an epoch are a pure function of seed, epoch and number of the window.
//!
//! A recording shorter than the window is taken whole, from its first frame, and padded at the end.

use mir_core::batch::Window;
use serde::{Deserialize, Serialize};

use crate::{
    Error, FeatureStore, Result,
    random::{self, Purpose},
};

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
}

impl Default for WindowConfig {
    /// 200 frames (6.4 s at 31.25 frames/s), drawn by duration, padded with 0.
    fn default() -> Self {
        Self { frames: 200, sampling: Sampling::default(), padding: 0.0 }
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
}

impl WindowSampler {
    /// A sampler over all tracks of a store. Tracks without a frame are never drawn.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a configuration outside its ranges; [`Error::EmptySplit`] if no
    /// track has a frame.
    pub fn new(store: &dyn FeatureStore, config: WindowConfig, seed: u64) -> Result<Self> {
        if !(1..=1_000_000).contains(&config.frames) {
            return Err(Error::InvalidConfig {
                field: "window.frames",
                expected: "1 to 1000000",
                actual: config.frames.to_string(),
            });
        }
        if !config.padding.is_finite() {
            return Err(Error::InvalidConfig {
                field: "window.padding",
                expected: "a finite number",
                actual: config.padding.to_string(),
            });
        }
        let lengths: Vec<usize> = store.tracks().iter().map(|track| track.frames).collect();
        let ends: Vec<u64> = lengths
            .iter()
            .scan(0, |end, &frames| {
                *end += frames as u64;
                Some(*end)
            })
            .collect();
        if ends.last().is_none_or(|&total| total == 0) {
            return Err(Error::EmptySplit {
                dataset: store.header().dataset.clone(),
                split: store.header().split.clone(),
            });
        }
        Ok(Self { config, seed, lengths, ends })
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
        }
    }

    /// Windows `first..first + count` of an epoch. Past the end of the epoch they start over, with
    /// other crops of the same tracks.
    pub fn windows(&self, epoch: u64, first: u64, count: usize) -> Vec<Window> {
        let tracks: Option<Vec<usize>> = match self.config.sampling {
            Sampling::ByDuration => None,
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
