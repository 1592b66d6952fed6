//! Batches for training: random windows with targets, in an order that can be repeated and continued.
//!
//! [`BatchPlan`] is the pure part: the batch at a position, computed from seed, epoch and number alone.
//! [`BatchLoader`] runs a plan ahead of its consumer on worker threads and delivers in order, so the
//! stream is the same for any number of workers.
//!
//! # Shapes
//! Inputs `[batch, channels, frames, bins]`; targets `[batch, frames, keys]`; mask `[batch, frames]`.

use std::sync::Arc;

use mir_core::{
    KeyRange, RollRule,
    batch::{Batch, BatchPosition, BatchSource, TranscriptionTargets},
};
use ndarray::Array4;
use serde::{Deserialize, Serialize};

use crate::{
    AugmentConfig, Error, FeatureStore, Result, WindowConfig, WindowSampler, augment,
    ordered::Ordered,
    random::{self, Purpose},
    targets::{self, NoteIndex},
};

/// A batch of note transcription: features `[batch, channels, frames, bins]` and rolls.
pub type TranscriptionBatch = Batch<Array4<f32>, TranscriptionTargets>;

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
}

impl Default for LoaderConfig {
    /// 8 windows of 6.4 s, piano keys, one worker, 4 batches ahead.
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

    /// Full batches in an epoch, at least 1: windows that do not fill a batch are left to later epochs.
    pub fn batches_per_epoch(&self) -> u64 {
        (self.sampler.windows_per_epoch() / self.config.batch_size as u64).max(1)
    }

    /// The batch at a position.
    ///
    /// # Errors
    /// [`Error::Position`] past the end of the epoch; what [`FeatureStore::read_into`] gives.
    pub fn batch(&self, position: BatchPosition) -> Result<TranscriptionBatch> {
        self.check(position)?;
        let size = self.config.batch_size;
        let first = position.batch * size as u64;
        let windows = self.sampler.windows(position.epoch, first, size);

        let header = self.store.header();
        let (frames, bins) = (self.config.window.frames, header.bins);
        let shape = (size, header.channels, frames, bins);
        let mut inputs = Array4::from_elem(shape, self.config.window.padding as f32);
        let mut targets = targets::zeros(size, frames, self.config.keys.len());
        // Short recordings are read here and spread to their place; empty for all others.
        let mut short = Vec::new();
        for (item, (window, mut input)) in windows.iter().zip(inputs.outer_iter_mut()).enumerate() {
            let available = self.store.tracks()[window.track].frames;
            let range = window.start..available.min(window.start + frames);
            let covered = range.len();
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
            if covered == frames {
                self.store.read_into(window.track, range.clone(), values)?;
                values.chunks_exact_mut(frames * bins).for_each(vary);
            } else {
                short.resize(header.channels * covered * bins, 0.0);
                self.store.read_into(window.track, range.clone(), &mut short)?;
                let channels = values.chunks_exact_mut(frames * bins);
                for (to, from) in channels.zip(short.chunks_exact_mut(covered * bins)) {
                    vary(from);
                    to[..covered * bins].copy_from_slice(from);
                }
            }
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

    fn check(&self, position: BatchPosition) -> Result<()> {
        let batches_per_epoch = self.batches_per_epoch();
        if position.batch < batches_per_epoch {
            return Ok(());
        }
        Err(Error::Position { position, batches_per_epoch })
    }
}

/// An endless stream of batches, prepared ahead by worker threads.
///
/// Dropping it in the middle of an epoch stops the workers and waits for the batches in work.
#[derive(Debug)]
pub struct BatchLoader {
    plan: Arc<BatchPlan>,
    stream: Ordered<Result<TranscriptionBatch>>,
    /// Number of the next batch, counted over all epochs.
    next: u64,
}

impl BatchLoader {
    /// Starts at the first batch of epoch 0.
    ///
    /// # Errors
    /// As [`BatchPlan::new`].
    pub fn new(store: Arc<dyn FeatureStore>, config: LoaderConfig) -> Result<Self> {
        let plan = Arc::new(BatchPlan::new(store, config)?);
        let (workers, prefetch) = (plan.config.workers, plan.config.prefetch);
        let work = Arc::clone(&plan);
        let stream = Ordered::new(workers, prefetch, u64::MAX, move |number| {
            work.batch(position_of(number, work.batches_per_epoch()))
        });
        Ok(Self { plan, stream, next: 0 })
    }

    /// The plan: the same batches, at any position.
    pub fn plan(&self) -> &Arc<BatchPlan> {
        &self.plan
    }
}

impl BatchSource for BatchLoader {
    type Batch = TranscriptionBatch;
    type Error = Error;

    fn next_batch(&mut self) -> Result<TranscriptionBatch> {
        // 2^64 batches are not reached: the stream has no end.
        let result = self
            .stream
            .next()
            .unwrap_or_else(|| unreachable!("the stream of batches is endless"))
            .and_then(|batch| batch);
        match result {
            Ok(batch) => {
                self.next += 1;
                Ok(batch)
            }
            Err(error) => {
                // The position stays, so that the caller may try again once the cause is gone.
                self.stream.seek(self.next);
                Err(error)
            }
        }
    }

    fn position(&self) -> BatchPosition {
        position_of(self.next, self.plan.batches_per_epoch())
    }

    fn seek(&mut self, position: BatchPosition) -> Result<()> {
        self.plan.check(position)?;
        let batches_per_epoch = self.plan.batches_per_epoch();
        self.next = position
            .epoch
            .checked_mul(batches_per_epoch)
            .and_then(|before| before.checked_add(position.batch))
            .ok_or(Error::Position { position, batches_per_epoch })?;
        self.stream.seek(self.next);
        Ok(())
    }

    fn batches_per_epoch(&self) -> u64 {
        self.plan.batches_per_epoch()
    }
}

fn position_of(number: u64, batches_per_epoch: u64) -> BatchPosition {
    BatchPosition { epoch: number / batches_per_epoch, batch: number % batches_per_epoch }
}
