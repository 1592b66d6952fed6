//! Batches for training: random windows with targets, in an order that can be repeated and continued.
//!
//! [`BatchPlan`] is the pure part: the batch at a position, computed from seed, epoch and number alone.
//! [`BatchLoader`] runs a plan ahead of its consumer on worker threads and delivers in order, so the
//! stream is the same for any number of workers.
//!
//! # Shapes
//! Inputs `[batch, channels, context + frames + context, bins]`; targets `[batch, frames, keys]`; mask
//! `[batch, frames]`.

use std::sync::Arc;

use mir_core::{
    KeyRange, RollRule,
    batch::{Batch, BatchPosition, TranscriptionTargets},
};
use ndarray::Array4;
use serde::{Deserialize, Serialize};

use crate::{
    AugmentConfig, Error, FeatureStore, Result, WindowConfig, WindowSampler, augment,
    positioned::{self, Positioned, batch_source},
    random::{self, Purpose},
    targets::{self, NoteIndex},
};

/// A batch of note transcription: features `[batch, channels, frames, bins]` and rolls.
pub type TranscriptionBatch = Batch<Array4<f32>, TranscriptionTargets>;

/// What happens to windows at the end of an epoch that do not fill a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remainder {
    /// They are left to later epochs. An epoch of fewer windows than a batch has one full batch.
    #[default]
    Drop,
    /// They make a smaller batch.
    Short,
    /// The batch is filled with windows from the start of the epoch.
    Fill,
}

/// How batches are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoaderConfig {
    /// Windows in a batch, 1 to 65,536.
    pub batch_size: usize,
    /// The windows.
    pub window: WindowConfig,
    /// Which frames a note covers.
    pub roll: RollRule,
    /// Keys of the targets.
    pub keys: KeyRange,
    /// Variations of the features; all off by default.
    pub augment: AugmentConfig,
    /// Seed of windows and augmentation.
    pub seed: u64,
    /// Threads that prepare batches ahead, 0 to 256; 0 prepares each when it is asked for. Has no
    /// influence on the batches.
    pub workers: usize,
    /// Batches that may be ready or in work ahead of the consumer, 1 to 4096: bounds the memory. Has no
    /// influence on the batches.
    pub prefetch: usize,
    /// Largest memory of the batches ahead of the consumer, bytes: fewer than `prefetch` are prepared if
    /// they would take more, but one at least. Has no influence on the batches.
    pub prefetch_bytes: u64,
    /// What happens to windows that do not fill a batch.
    pub remainder: Remainder,
}

impl Default for LoaderConfig {
    /// 8 windows of 6.4 s, piano keys, one worker, 4 batches ahead within 1 GiB.
    fn default() -> Self {
        Self {
            batch_size: 8,
            window: WindowConfig::default(),
            roll: RollRule::default(),
            keys: KeyRange::PIANO,
            augment: AugmentConfig::default(),
            seed: 0,
            workers: 1,
            prefetch: 4,
            prefetch_bytes: 1 << 30,
            remainder: Remainder::default(),
        }
    }
}

impl LoaderConfig {
    fn validate(&self) -> Result<()> {
        for (field, expected, value, low, high) in [
            ("batch_size", "1 to 65536", self.batch_size, 1, 65_536),
            ("workers", "0 to 256", self.workers, 0, 256),
            ("prefetch", "1 to 4096", self.prefetch, 1, 4096),
        ] {
            if !(low..=high).contains(&value) {
                return Err(Error::InvalidConfig { field, expected, actual: value.to_string() });
            }
        }
        self.augment.validate()
    }
}

/// The batches of a store as a function of their position.
#[derive(Debug)]
pub struct BatchPlan {
    store: Arc<dyn FeatureStore>,
    config: LoaderConfig,
    sampler: WindowSampler,
    notes: Vec<NoteIndex>,
}

impl BatchPlan {
    /// Plans the batches of a store.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a setting outside its range; [`Error::EmptySplit`] for a store
    /// without a frame.
    pub fn new(store: Arc<dyn FeatureStore>, config: LoaderConfig) -> Result<Self> {
        config.validate()?;
        let sampler = WindowSampler::new(store.as_ref(), config.window, config.seed)?;
        let notes = (0..store.tracks().len())
            .map(|track| NoteIndex::new(store.notes(track).to_vec()))
            .collect();
        Ok(Self { store, config, sampler, notes })
    }

    /// The configuration.
    pub const fn config(&self) -> &LoaderConfig {
        &self.config
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn FeatureStore> {
        &self.store
    }

    /// Batches in an epoch, at least 1.
    pub fn batches_per_epoch(&self) -> u64 {
        let (windows, size) = (self.sampler.windows_per_epoch(), self.config.batch_size as u64);
        match self.config.remainder {
            Remainder::Drop => (windows / size).max(1),
            Remainder::Short | Remainder::Fill => windows.div_ceil(size),
        }
    }

    /// Memory of a full batch, bytes.
    pub fn batch_bytes(&self) -> u64 {
        let (header, window) = (self.store.header(), &self.config.window);
        let input = header.channels as u64 * window.input_frames() as u64 * header.bins as u64;
        // Four rolls and the mask.
        let targets = window.frames as u64 * (4 * self.config.keys.len() as u64 + 1);
        (self.config.batch_size * size_of::<f32>()) as u64 * (input + targets)
    }

    /// Batches that may be ahead of the consumer: `prefetch`, or fewer to stay within `prefetch_bytes`.
    pub fn prefetch(&self) -> usize {
        let fitting = self.config.prefetch_bytes / self.batch_bytes().max(1);
        usize::try_from(fitting).unwrap_or(usize::MAX).clamp(1, self.config.prefetch)
    }

    /// The batch at a position.
    ///
    /// # Errors
    /// [`Error::Position`] past the end of the epoch; what [`FeatureStore::read_into`] gives.
    pub fn batch(&self, position: BatchPosition) -> Result<TranscriptionBatch> {
        positioned::check(position, self.batches_per_epoch())?;
        let first = position.batch * self.config.batch_size as u64;
        let size = match self.config.remainder {
            Remainder::Short => {
                let left = self.sampler.windows_per_epoch() - first;
                usize::try_from(left).unwrap_or(usize::MAX).min(self.config.batch_size)
            }
            Remainder::Drop | Remainder::Fill => self.config.batch_size,
        };
        let windows = self.sampler.windows(position.epoch, first, size);

        let header = self.store.header();
        let (frames, bins) = (self.config.window.frames, header.bins);
        let (context, input_frames) =
            (self.config.window.context, self.config.window.input_frames());
        let shape = (size, header.channels, input_frames, bins);
        let mut inputs = Array4::from_elem(shape, self.config.window.padding as f32);
        let mut targets = targets::zeros(size, frames, self.config.keys.len());
        // Windows that reach past an end are read here and spread to their place; empty for all others.
        let mut short = Vec::new();
        for (item, (window, mut input)) in windows.iter().zip(inputs.outer_iter_mut()).enumerate() {
            let available = self.store.tracks()[window.track].frames;
            let heard = window.start.saturating_sub(context)
                ..available.min(window.start + frames + context);
            let covered = heard.len();
            let values =
                input.as_slice_mut().unwrap_or_else(|| unreachable!("a fresh array is contiguous"));
            let stream = random::stream(
                self.config.seed,
                position.epoch,
                first + item as u64,
                Purpose::Augment,
            );
            let vary = |channel: &mut [f32]| {
                augment::apply(&self.config.augment, channel, bins, &mut stream.clone());
            };
            if covered == input_frames {
                self.store.read_into(window.track, heard, values)?;
                values.chunks_exact_mut(input_frames * bins).for_each(vary);
            } else if covered > 0 {
                let before = context - (window.start - heard.start);
                short.resize(header.channels * covered * bins, 0.0);
                self.store.read_into(window.track, heard, &mut short)?;
                let channels = values.chunks_exact_mut(input_frames * bins);
                for (to, from) in channels.zip(short.chunks_exact_mut(covered * bins)) {
                    vary(from);
                    to[before * bins..(before + covered) * bins].copy_from_slice(from);
                }
            }
            let range = window.start..available.min(window.start + frames);
            targets::draw(
                &mut targets,
                item,
                &self.notes[window.track],
                header.grid,
                self.config.keys,
                range,
                self.config.roll,
            );
        }
        Ok(Batch { inputs, targets, windows })
    }
}

/// An endless stream of batches, prepared ahead by worker threads.
///
/// Dropping it in the middle of an epoch stops the workers and waits for the batches in work.
#[derive(Debug)]
pub struct BatchLoader {
    plan: Arc<BatchPlan>,
    batches: Positioned<TranscriptionBatch>,
}

impl BatchLoader {
    /// Starts at the first batch of epoch 0.
    ///
    /// # Errors
    /// As [`BatchPlan::new`].
    pub fn new(store: Arc<dyn FeatureStore>, config: LoaderConfig) -> Result<Self> {
        let plan = Arc::new(BatchPlan::new(store, config)?);
        let work = Arc::clone(&plan);
        let batches = Positioned::new(
            plan.config.workers,
            plan.prefetch(),
            plan.batches_per_epoch(),
            move |position| work.batch(position),
        );
        Ok(Self { plan, batches })
    }

    /// The plan: the same batches, at any position.
    pub fn plan(&self) -> &Arc<BatchPlan> {
        &self.plan
    }
}

batch_source!(BatchLoader, TranscriptionBatch);
