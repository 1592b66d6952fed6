//! Training data for separation: what would these stems sound like in other company?
//!
//! Every item is a passage of stems, varied one by one, and summed again: so the mixture is always the sum of
//! its sources, sample by sample, whatever was done to them.
//!
//! # Items
//! An epoch visits every track [`RemixConfig::per_track`] times, in an order of its own. A visit begins at a random
//! sample. With [`RemixConfig::remix`] as probability the sources come from tracks drawn one by one, each at a
//! place of its own; otherwise all come from the track, at one place. All of it is a function of seed, epoch
//! and number, so the stream is the same for any number of workers, and goes on at any position.
//!
//! What was drawn is in [`Remix`], and can be stored beside a result.
//!
//! # Sources
//! Random mixing: Uhlich et al. 2017, "Improving music source separation based on deep neural networks through
//! data augmentation and network blending"; 64 passages of every track, gain 0.25 to 1.25 and
//! swapped channels as in Open-Unmix (Stöter et al. 2019).

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use mir_audio::{LoadOptions, augment};
use mir_core::{
    AudioBuffer, SampleRate,
    batch::{Batch, BatchPosition, Window},
};
use ndarray::{Array2, Array3, Array4, Axis, s};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result, Track,
    positioned::{self, Positioned, batch_source},
    random::{self, Purpose, Shuffle},
};

/// How items are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RemixConfig {
    /// Names of the stems that are the sources, in the order of the targets.
    pub sources: Vec<String>,
    /// Rate, Hz. Stems of another one are resampled.
    pub sample_rate: SampleRate,
    /// Channels, 1 or 2. Mono stems fill both of two.
    pub channels: usize,
    /// Length of an item, seconds: above 0, at most 600.
    pub seconds: f64,
    /// Items of every track in an epoch, 1 to 1,000,000.
    pub per_track: usize,
    /// Items in a batch, 1 to 65,536. Those that do not fill one are left out of the epoch.
    pub batch_size: usize,
    /// Probability that the sources of an item come from tracks drawn one by one, 0 to 1.
    pub remix: f64,
    /// Factor on every source, drawn uniformly between these two, at least 0.
    pub gain: [f64; 2],
    /// Probability that a source is silent, 0 to 1; one of them at least is kept.
    pub dropout: f64,
    /// Everything else that is done to a source: swapped channels, polarity, delay, pitch, tempo …
    pub augment: augment::AugmentConfig,
    /// A passage all of whose sources are quieter than this, dB of full scale (RMS), is drawn again, up to ten
    /// times. Minus infinity is written as `None`.
    pub silence_db: Option<f64>,
    /// Seed of everything.
    pub seed: u64,
    /// Threads that prepare batches ahead, 0 to 256. No influence on the batches.
    pub workers: usize,
    /// Batches ahead of the consumer, 1 to 4096. No influence on the batches.
    pub prefetch: usize,
    /// Memory for decoded stems, bytes: those that were needed last are kept. No influence on the batches.
    pub cache_bytes: u64,
}

impl Default for RemixConfig {
    /// Four sources of MUSDB18, and items as in Open-Unmix: 6 s, 64 of every track, always remixed.
    fn default() -> Self {
        Self {
            sources: ["vocals", "drums", "bass", "other"].map(str::to_owned).to_vec(),
            sample_rate: SampleRate::HZ_44100,
            channels: 2,
            seconds: 6.0,
            per_track: 64,
            batch_size: 16,
            remix: 1.0,
            gain: [0.25, 1.25],
            dropout: 0.0,
            augment: augment::AugmentConfig { swap_channels: 0.5, ..Default::default() },
            silence_db: Some(-60.0),
            seed: 0,
            workers: 1,
            prefetch: 4,
            cache_bytes: 2 << 30,
        }
    }
}

impl RemixConfig {
    fn validate(&self) -> Result<()> {
        let invalid =
            |field, expected, actual: String| Err(Error::InvalidConfig { field, expected, actual });
        let mut names: Vec<&String> = self.sources.iter().collect();
        names.sort();
        names.dedup();
        if names.is_empty() || names.len() != self.sources.len() {
            return invalid("sources", "at least one, each once", format!("{:?}", self.sources));
        }
        for (field, expected, value, low, high) in [
            ("channels", "1 or 2", self.channels, 1, 2),
            ("per_track", "1 to 1000000", self.per_track, 1, 1_000_000),
            ("batch_size", "1 to 65536", self.batch_size, 1, 65_536),
            ("workers", "0 to 256", self.workers, 0, 256),
            ("prefetch", "1 to 4096", self.prefetch, 1, 4096),
        ] {
            if !(low..=high).contains(&value) {
                return invalid(field, expected, value.to_string());
            }
        }
        if !(self.seconds > 0.0 && self.seconds <= 600.0) {
            return invalid("seconds", "above 0, at most 600", self.seconds.to_string());
        }
        for (field, value) in [("remix", self.remix), ("dropout", self.dropout)] {
            if !(0.0..=1.0).contains(&value) {
                return invalid(field, "0 to 1", value.to_string());
            }
        }
        let [low, high] = self.gain;
        if !(low >= 0.0 && low <= high && high.is_finite()) {
            return invalid("gain", "two numbers, 0 ≤ low ≤ high", format!("{:?}", self.gain));
        }
        self.augment.validate().map_err(|source| Error::Augment { source: Box::new(source) })
    }

    /// Samples of an item, at least 1.
    fn samples(&self) -> usize {
        self.sample_rate.sample_at(self.seconds).max(1)
    }
}

/// How one source of an item was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RemixedSource {
    /// Index of the track that it was taken from.
    pub track: usize,
    /// First sample.
    pub start: usize,
    /// Factor; 0 for a source that was left out.
    pub gain: f64,
    /// What else was done, in order.
    pub transforms: Vec<augment::Transform>,
}

/// How one item was made: its sources in their order.
pub type Remix = Vec<RemixedSource>;

/// What a separator should find in a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct RemixTargets {
    /// The sources, `[batch, sources, channels, samples]`.
    pub sources: Array4<f32>,
    /// How every item was made.
    pub remixes: Vec<Remix>,
}

/// Mixtures `[batch, channels, samples]` and their sources. The windows are those of the first source.
pub type RemixBatch = Batch<Array3<f32>, RemixTargets>;

/// The batches as a function of their position.
#[derive(Debug)]
pub struct RemixPlan {
    tracks: Vec<Arc<dyn Track>>,
    config: RemixConfig,
    stems: StemCache,
}

impl RemixPlan {
    /// Plans the batches of tracks that have all the sources as stems.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a setting outside its range, [`Error::Augment`] for one of the variations;
    /// [`Error::NoStem`] for a track that lacks a source; [`Error::NoBatch`] if an epoch has too few items
    /// for a batch.
    pub fn new(tracks: Vec<Arc<dyn Track>>, config: RemixConfig) -> Result<Self> {
        config.validate()?;
        for track in &tracks {
            for source in &config.sources {
                if !track.stems().iter().any(|stem| stem.name == *source) {
                    return Err(Error::NoStem {
                        track: track.id().clone(),
                        stem: source.clone(),
                        available: track.stems().iter().map(|stem| stem.name.clone()).collect(),
                    });
                }
            }
        }
        let stems = StemCache { capacity: config.cache_bytes, kept: Mutex::default() };
        let plan = Self { tracks, config, stems };
        if plan.items() < plan.config.batch_size as u64 {
            return Err(Error::NoBatch {
                windows: plan.items(),
                batch_size: plan.config.batch_size,
            });
        }
        Ok(plan)
    }

    /// The configuration.
    pub const fn config(&self) -> &RemixConfig {
        &self.config
    }

    /// Batches in an epoch, at least 1.
    pub fn batches_per_epoch(&self) -> u64 {
        self.items() / self.config.batch_size as u64
    }

    fn items(&self) -> u64 {
        (self.tracks.len() * self.config.per_track) as u64
    }

    /// The batch at a position.
    ///
    /// # Errors
    /// [`Error::Position`] past the end of the epoch; those of [`Track::stem`]; [`Error::Augment`] if a
    /// variation cannot be carried out.
    pub fn batch(&self, position: BatchPosition) -> Result<RemixBatch> {
        positioned::check(position, self.batches_per_epoch())?;
        let (size, samples) = (self.config.batch_size, self.config.samples());
        let mut sources =
            Array4::zeros((size, self.config.sources.len(), self.config.channels, samples));
        let mut remixes = Vec::with_capacity(size);
        for (row, mut out) in sources.outer_iter_mut().enumerate() {
            let item = position.batch * size as u64 + row as u64;
            let (remix, audio) = self.item(position.epoch, item)?;
            for (mut out, audio) in out.outer_iter_mut().zip(&audio) {
                out.assign(audio);
            }
            remixes.push(remix);
        }
        let windows = remixes
            .iter()
            .map(|remix| Window { track: remix[0].track, start: remix[0].start, frames: samples })
            .collect();
        let inputs = sources.sum_axis(Axis(1));
        Ok(Batch { inputs, targets: RemixTargets { sources, remixes }, windows })
    }

    /// One item: how it was made, and its sources.
    fn item(&self, epoch: u64, item: u64) -> Result<(Remix, Vec<Array2<f32>>)> {
        /// How often a silent passage is drawn again.
        const ATTEMPTS: u64 = 10;
        let mut order = random::stream(self.config.seed, epoch, 0, Purpose::Shuffle);
        let visit = Shuffle::new(&mut order, self.items()).at(item);
        let own = visit as usize / self.config.per_track;
        let threshold = self.config.silence_db.map_or(0.0, |db| 10f64.powf(db / 20.0));
        let mut rng = random::stream(self.config.seed, epoch, item, Purpose::Crop);
        for attempt in 0.. {
            let remix = self.draw(own, epoch, item, &mut rng)?;
            let audio = remix
                .iter()
                .zip(&self.config.sources)
                .map(|(source, name)| self.render(source, name))
                .collect::<Result<Vec<_>>>()?;
            if attempt == ATTEMPTS || audio.iter().any(|audio| rms(audio) >= threshold) {
                return Ok((remix, audio));
            }
        }
        unreachable!("the last attempt is taken")
    }

    fn draw(
        &self,
        own: usize,
        epoch: u64,
        item: u64,
        rng: &mut rand_chacha::ChaCha8Rng,
    ) -> Result<Remix> {
        let config = &self.config;
        let count = config.sources.len();
        let remixed = random::uniform(rng) < config.remix;
        let kept = random::below(rng, count);
        let place = random::uniform(rng);
        (0..count)
            .map(|source| {
                let (other, other_place) =
                    (random::below(rng, self.tracks.len()), random::uniform(rng));
                let (track, place) = if remixed { (other, other_place) } else { (own, place) };
                // The track that is visited is heard in every item, if only by one of its sources.
                let track = if source == kept { own } else { track };
                let factor =
                    config.gain[0] + (config.gain[1] - config.gain[0]) * random::uniform(rng);
                let dropped = random::uniform(rng) < config.dropout && source != kept;
                let seed = rand_chacha::rand_core::Rng::next_u64(rng);
                let transforms = config
                    .augment
                    .draw(seed, epoch.wrapping_mul(1 << 32).wrapping_add(item))
                    .map_err(|source| Error::Augment { source: Box::new(source) })?;
                let length = self.stem(track, &config.sources[source])?.len();
                let free = length.saturating_sub(config.samples());
                Ok(RemixedSource {
                    track,
                    start: ((free + 1) as f64 * place) as usize,
                    gain: if dropped { 0.0 } else { factor },
                    transforms,
                })
            })
            .collect()
    }

    fn stem(&self, track: usize, name: &str) -> Result<Arc<AudioBuffer>> {
        let options =
            LoadOptions { sample_rate: Some(self.config.sample_rate), ..LoadOptions::default() };
        self.stems.get(track, name, || self.tracks[track].stem(name, &options))
    }

    /// One source, `[channels, samples]`. Where the stem ends too early there is silence.
    fn render(&self, source: &RemixedSource, name: &str) -> Result<Array2<f32>> {
        let samples = self.config.samples();
        let mut out = Array2::zeros((self.config.channels, samples));
        if source.gain <= 0.0 {
            return Ok(out);
        }
        let stem = self.stem(source.track, name)?;
        let end = stem.len().min(source.start + samples);
        let passage = stem.excerpt(source.start.min(end)..end);
        let passage = to_channels(passage, self.config.channels)?;
        let passage = augment::apply(passage, &source.transforms)
            .map_err(|source| Error::Augment { source: Box::new(source) })?;
        let covered = passage.len().min(samples);
        out.slice_mut(s![.., ..covered]).assign(&passage.samples().slice(s![.., ..covered]));
        let gain = source.gain as f32;
        out.mapv_inplace(|sample| sample * gain);
        Ok(out)
    }
}

/// Mono fills two channels; more are averaged into one.
fn to_channels(audio: AudioBuffer, channels: usize) -> Result<AudioBuffer> {
    Ok(match (audio.channels(), channels) {
        (have, want) if have == want => audio,
        (_, 1) => audio.into_mono(),
        _ => {
            let mono = audio.into_mono();
            let one = mono.channel(0);
            AudioBuffer::from_channels(mono.sample_rate(), &[one, one])?
        }
    })
}

fn rms(audio: &Array2<f32>) -> f64 {
    let power: f64 = audio.iter().map(|&sample| f64::from(sample) * f64::from(sample)).sum();
    (power / audio.len().max(1) as f64).sqrt()
}

/// Decoded stems, as many as fit, those used last first.
#[derive(Debug)]
struct StemCache {
    capacity: u64,
    kept: Mutex<VecDeque<(usize, String, Arc<AudioBuffer>)>>,
}

impl StemCache {
    fn get(
        &self,
        track: usize,
        name: &str,
        load: impl FnOnce() -> Result<AudioBuffer>,
    ) -> Result<Arc<AudioBuffer>> {
        let lock = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut kept = lock();
            if let Some(place) = kept.iter().position(|(t, n, _)| *t == track && n == name)
                && let Some(found) = kept.remove(place)
            {
                let audio = Arc::clone(&found.2);
                kept.push_front(found);
                return Ok(audio);
            }
        }
        // Decoded without the lock, so that others go on; two that need the same stem decode it twice.
        let audio = Arc::new(load()?);
        let mut kept = lock();
        kept.push_front((track, name.to_owned(), Arc::clone(&audio)));
        let size = |audio: &AudioBuffer| 4 * (audio.channels() * audio.len()) as u64;
        let mut used: u64 = kept.iter().map(|(_, _, audio)| size(audio)).sum();
        while used > self.capacity {
            let Some((_, _, last)) = kept.pop_back() else { break };
            used -= size(&last);
        }
        Ok(audio)
    }
}

/// An endless stream of remixed batches, the same for any number of workers.
#[derive(Debug)]
pub struct RemixLoader {
    plan: Arc<RemixPlan>,
    batches: Positioned<RemixBatch>,
}

impl RemixLoader {
    /// Starts at the first batch of epoch 0.
    ///
    /// # Errors
    /// As [`RemixPlan::new`].
    pub fn new(tracks: Vec<Arc<dyn Track>>, config: RemixConfig) -> Result<Self> {
        let plan = Arc::new(RemixPlan::new(tracks, config)?);
        let work = Arc::clone(&plan);
        let batches = Positioned::new(
            plan.config.workers,
            plan.config.prefetch,
            plan.batches_per_epoch(),
            move |position| work.batch(position),
        );
        Ok(Self { plan, batches })
    }

    /// The plan: the same batches, at any position.
    pub fn plan(&self) -> &Arc<RemixPlan> {
        &self.plan
    }
}

batch_source!(RemixLoader, RemixBatch);
