//! Batches for training: random windows with targets, in an order that can be repeated and continued.
//!
//! [`BatchPlan`] is the pure part: the batch at a position, computed from seed, epoch and number alone.
//! [`BatchLoader`] runs a plan ahead of its consumer on worker threads and delivers in order, so the
//! stream is the same for any number of workers.
//!
//! # Shapes
//! Inputs `[batch, channels, context + frames + context, bins]`; targets `[batch, frames, keys]`; mask
//! `[batch, frames]`.

use std::{ops::Range, sync::Arc};

use mir_core::{
    KeyRange, RollRule,
    batch::{Batch, BatchPosition, TranscriptionTargets, Window},
};
use ndarray::Array4;
use serde::{Deserialize, Serialize};

use crate::{
    AugmentConfig, Error, FeatureStore, Result, WindowConfig, WindowSampler,
    augment::{self, Acoustics, Scale},
    positioned::{self, Positioned, batch_source},
    random::{self, Purpose},
    targets::{self, NoteIndex, Scene},
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
    /// How far an onset or an offset is felt, seconds, above 0, at most 1: the targets then say how near events are,
    /// too ([`NearTargets`](mir_core::batch::NearTargets)). `None` for networks that do not learn it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reach: Option<f64>,
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
            reach: None,
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
        if let Some(reach) = self.reach.filter(|&reach| !(reach > 0.0 && reach <= 1.0)) {
            let (field, expected) = ("reach", "above 0, at most 1 s");
            return Err(Error::InvalidConfig { field, expected, actual: reach.to_string() });
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
    scale: Scale,
}

impl BatchPlan {
    /// Plans the batches of a store.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a setting outside its range; [`Error::EmptySplit`] for a store
    /// without a frame.
    pub fn new(store: Arc<dyn FeatureStore>, config: LoaderConfig) -> Result<Self> {
        config.validate()?;
        let header = store.header();
        let scale = Scale {
            exponent: header.front_end.energy_exponent(),
            axis: header.axis.clone(),
            period: header.grid.period(),
        };
        config.augment.check_against(&scale)?;
        let sampler = WindowSampler::new(store.as_ref(), config.window, config.seed)?;
        let notes = (0..store.tracks().len())
            .map(|track| NoteIndex::new(store.notes(track).to_vec()))
            .collect();
        Ok(Self { store, config, sampler, notes, scale })
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
        let rolls = if self.config.reach.is_some() { 7 } else { 4 };
        let targets = window.frames as u64 * (rolls * self.config.keys.len() as u64 + 1);
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
        let frames = self.config.window.frames;
        let shape = (size, header.channels, self.config.window.input_frames(), header.bins);
        let mut inputs = Array4::from_elem(shape, self.config.window.padding as f32);
        let (keys, near) = (self.config.keys.len(), self.config.reach.is_some());
        let mut targets = TranscriptionTargets::zeros(size, frames, keys, near);
        let mut reader = Reader { plan: self, short: Vec::new(), other: Vec::new() };
        for (item, (&window, mut input)) in windows.iter().zip(inputs.outer_iter_mut()).enumerate()
        {
            let number = first + item as u64;
            let values =
                input.as_slice_mut().unwrap_or_else(|| unreachable!("a fresh array is contiguous"));
            reader.window(window, position.epoch, number, values)?;
            let covered = self.covered(window);
            let semitones = self.transposed(position.epoch, number);
            self.draw(&mut targets, item, window, covered, semitones);
            if let Some(mixed_in) = self.mixed_in(position.epoch, number) {
                self.draw(&mut targets, item, mixed_in.window, covered, semitones);
            }
        }
        Ok(Batch { inputs, targets, windows })
    }
}

/// A window that is mixed into another.
#[derive(Clone, Copy, Debug)]
struct MixedIn {
    window: Window,
    /// By how much its values move before.
    shift: f64,
}

impl BatchPlan {
    /// What is mixed into window `number` of an epoch.
    fn mixed_in(&self, epoch: u64, number: u64) -> Option<MixedIn> {
        let augment = &self.config.augment;
        if augment.mix <= 0.0 {
            return None;
        }
        let mut rng = random::stream(self.config.seed, epoch, number, Purpose::Mix);
        let chosen = random::uniform(&mut rng) < augment.mix;
        let shift = -augment.mix_range * random::uniform(&mut rng);
        let windows = usize::try_from(self.sampler.windows_per_epoch()).unwrap_or(usize::MAX);
        let other = random::below(&mut rng, windows) as u64;
        chosen.then(|| MixedIn { window: self.sampler.windows(epoch, other, 1)[0], shift })
    }

    /// By how many semitones window `number` of an epoch moves up.
    fn transposed(&self, epoch: u64, number: u64) -> i32 {
        let most = self.config.augment.transpose;
        if most == 0 {
            return 0;
        }
        let mut rng = random::stream(self.config.seed, epoch, number, Purpose::Transpose);
        random::below(&mut rng, 2 * usize::from(most) + 1) as i32 - i32::from(most)
    }

    /// Frames of the recording in a window, context not counted.
    fn covered(&self, window: Window) -> usize {
        let available = self.store.tracks()[window.track].frames;
        available.saturating_sub(window.start).min(self.config.window.frames)
    }

    /// Draws the first `frames` frames of a window, some semitones higher, into row `item` of the targets, beside
    /// what is there.
    fn draw(
        &self,
        targets: &mut TranscriptionTargets,
        item: usize,
        window: Window,
        frames: usize,
        semitones: i32,
    ) {
        let frames = window.start..window.start + frames.min(self.covered(window));
        let LoaderConfig { keys, roll: rule, reach, .. } = self.config;
        let (notes, grid) = (&self.notes[window.track], self.store.header().grid);
        let scene = Scene { notes, grid, keys, frames, semitones, rule, reach };
        targets::draw(targets, item, &scene);
    }

    /// Reads a window into `[channels, input frames, bins]`; which of these frames the recording covers. The others
    /// are left as they are.
    fn read(&self, window: Window, to: &mut [f32], short: &mut Vec<f32>) -> Result<Range<usize>> {
        let (context, frames) = (self.config.window.context, self.config.window.input_frames());
        let (bins, channels) = (self.store.header().bins, self.store.header().channels);
        let available = self.store.tracks()[window.track].frames;
        let start = window.start.saturating_sub(context);
        let heard = start..available.min(window.start + frames - context).max(start);
        let before = context - (window.start - heard.start);
        let covered = before..before + heard.len();
        if heard.len() == frames {
            self.store.read_into(window.track, heard, to)?;
        } else if !heard.is_empty() {
            // The store gives what there is in one piece; it is spread to its place.
            short.resize(channels * heard.len() * bins, 0.0);
            self.store.read_into(window.track, heard, short)?;
            let from = short.chunks_exact(covered.len() * bins);
            for (to, from) in to.chunks_exact_mut(frames * bins).zip(from) {
                to[covered.start * bins..covered.end * bins].copy_from_slice(from);
            }
        }
        Ok(covered)
    }
}

/// Reads windows of features and varies them, in buffers that it keeps.
#[derive(Debug)]
struct Reader<'a> {
    plan: &'a BatchPlan,
    short: Vec<f32>,
    other: Vec<f32>,
}

impl Reader<'_> {
    /// Window `number` of an epoch into `[channels, input frames, bins]`; frames beyond the recording are left.
    fn window(&mut self, window: Window, epoch: u64, number: u64, to: &mut [f32]) -> Result<()> {
        let Self { plan, short, other } = self;
        let config = &plan.config;
        let bins = plan.store.header().bins;
        let covered = plan.read(window, to, short)?;
        let mixed_in = plan.mixed_in(epoch, number);
        if let Some(mixed_in) = mixed_in {
            other.clear();
            other.resize(to.len(), f32::NEG_INFINITY);
            plan.read(mixed_in.window, other, short)?;
        }
        let stream = |purpose| random::stream(config.seed, epoch, number, purpose);
        let acoustics = config.augment.has_acoustics().then(|| {
            let semitones = plan.transposed(epoch, number);
            let rng = &mut stream(Purpose::Room);
            Acoustics::draw(&config.augment, &plan.scale, bins, semitones, rng)
        });
        let cells = covered.start * bins..covered.end * bins;
        let per_channel = config.window.input_frames() * bins;
        for (index, channel) in to.chunks_exact_mut(per_channel).enumerate() {
            let channel = &mut channel[cells.clone()];
            if let Some(MixedIn { shift, .. }) = mixed_in {
                let other = &other[index * per_channel..][cells.clone()];
                augment::mix(channel, other, shift, &plan.scale);
            }
            if let Some(acoustics) = &acoustics {
                acoustics.apply(channel, bins);
            }
            augment::apply(&config.augment, channel, bins, &mut stream(Purpose::Augment));
        }
        Ok(())
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
