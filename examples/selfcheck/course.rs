//! The training that everything is tried with: a small network with all that makes a resume hard, namely
//! dropout, augmentation, workers that prefetch, accumulated gradients, averaged weights, a best checkpoint.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::{Context, Result};
use mir_core::{Fingerprint, Fingerprinted, Key, Note, Velocity};
use mir_datasets::{
    AugmentConfig, BatchLoader, FeatureStore, LoaderConfig, MemStore, Recording, StoreHeader,
    StoredTrack, TrackId, ValueFormat, WindowConfig, store::SCHEMA,
};
use mir_features::{FeatureMap, FrontEndConfig, LogMelConfig};
use mir_models::{
    Device,
    config::{OnsetsFramesConfig, TrainConfig},
    infer::TranscriptionModel,
    run::{Existing, RunFolder},
    schedule::Schedule,
    train::{FitEnd, FitProgress, Observer, Trainer, fit, latest_checkpoint},
    weights::Storage,
};
use ndarray::{Array3, Axis};

/// Bands of the features.
const BINS: usize = 40;
/// Frames of each recording, and of a window.
const FRAMES: usize = 150;
const WINDOW: usize = 24;
/// Steps of the whole training.
pub const STEPS: u64 = 48;

/// What the loop is doing, for whoever wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    Starting,
    Restoring,
    DataWait,
    Step,
    Logging,
    Validation,
    BestModel,
    Ended,
}

impl Phase {
    pub const ALL: [Self; 8] = [
        Self::Starting,
        Self::Restoring,
        Self::DataWait,
        Self::Step,
        Self::Logging,
        Self::Validation,
        Self::BestModel,
        Self::Ended,
    ];
}

/// Who is told the phases.
pub type Tell<'a> = &'a dyn Fn(Phase);

/// The features.
pub fn front_end() -> FrontEndConfig {
    FrontEndConfig::LogMel(LogMelConfig { n_mels: BINS, ..LogMelConfig::default() })
}

/// The network.
pub fn architecture() -> OnsetsFramesConfig {
    OnsetsFramesConfig {
        bins: BINS,
        conv_channels: 4,
        fc_units: 32,
        lstm_units: 8,
        conv_dropout: 0.25,
        fc_dropout: 0.5,
        ..OnsetsFramesConfig::small()
    }
}

/// The training, with a checkpoint every fourth step: twelve of them.
pub fn config() -> TrainConfig {
    TrainConfig {
        steps: STEPS,
        schedule: Schedule::OneCycle { peak: 1e-2, warmup: 0.2 },
        accumulate: 2,
        ema_decay: 0.9,
        validate_every: 9,
        checkpoint_every: 4,
        ..TrainConfig::default()
    }
}

/// The batches: augmented, and prepared ahead by workers. An epoch has eight, so that most checkpoints lie
/// within one.
pub fn loader_config(workers: usize) -> LoaderConfig {
    LoaderConfig {
        batch_size: 2,
        window: WindowConfig { frames: WINDOW, ..WindowConfig::default() },
        augment: AugmentConfig {
            gain: 0.7,
            tilt: 0.5,
            noise: 0.2,
            frequency_masks: 1,
            frequency_mask_bins: 6,
            time_masks: 1,
            time_mask_frames: 4,
            ..AugmentConfig::default()
        },
        workers,
        seed: 5,
        ..LoaderConfig::default()
    }
}

/// Recordings in which key `21 + k` sounds where band `2k` is loud.
pub fn store() -> Result<Arc<dyn FeatureStore>> {
    let front_end = front_end();
    let planned = front_end.build()?;
    let (grid, axis) = (planned.grid(), planned.axis());
    let mut store = MemStore::new(StoreHeader {
        schema: SCHEMA,
        dataset: "selfcheck".to_owned(),
        version: "1".to_owned(),
        split: "train".to_owned(),
        front_end_fingerprint: planned.fingerprint(),
        front_end,
        grid,
        channels: 1,
        bins: BINS,
        axis: axis.clone(),
        values: ValueFormat::F32,
        sources: Fingerprint::of_bytes(b"selfcheck"),
    });
    for track in 0..3 {
        let mut data = Array3::from_shape_fn((1, FRAMES, BINS), |(_, frame, bin)| {
            ((frame * 31 + bin * 17 + track * 7) % 23) as f32 / 23.0 - 6.0
        });
        let mut notes = Vec::new();
        for number in 0..40 {
            let (key, start) = ((number * 7 + track) % 20, (number * 3 + track * 5) % (FRAMES - 6));
            data.slice_mut(ndarray::s![0, start..start + 5, 2 * key]).fill(0.0);
            let pitch = Key::new(21 + key as u8)?.pitch();
            let (onset, offset) = (grid.time_of(start), grid.time_of(start + 5));
            notes.push(Note::new(onset, offset, pitch, Velocity::MEDIUM)?);
        }
        Note::sort(&mut notes);
        store.push(Recording {
            track: StoredTrack {
                id: TrackId::new(format!("track-{track}"))?,
                piece: String::new(),
                instrument: String::new(),
                frames: FRAMES,
                seconds: grid.time_of(FRAMES),
            },
            features: FeatureMap { grid, axis: axis.clone(), data },
            notes,
        })?;
    }
    Ok(Arc::new(store))
}

/// Identity of the data in checkpoints.
pub fn identity(store: &dyn FeatureStore) -> Result<Fingerprint> {
    Ok(store.header().fingerprint()?)
}

/// A fresh network for the training.
pub fn trainer(config: TrainConfig) -> Result<Trainer> {
    Ok(Trainer::new(architecture(), front_end(), config, Device::Cpu)?)
}

/// Follows the training into its run folder.
struct Watch<'a> {
    run: RunFolder,
    store: &'a dyn FeatureStore,
    tell: Tell<'a>,
    /// Raised after this step, if there is one.
    stop: Option<(u64, &'a AtomicBool)>,
}

impl Observer for Watch<'_> {
    fn on_step(&mut self, progress: &FitProgress<'_>) -> mir_models::Result<()> {
        (self.tell)(Phase::Logging);
        let report = progress.report;
        let done = report.step + 1;
        self.run.scalar("loss", done, report.loss)?;
        self.run.scalar("gradient_norm", done, report.gradient_norm)?;
        if let Some((at, flag)) = self.stop {
            flag.fetch_or(done == at, std::sync::atomic::Ordering::SeqCst);
        }
        (self.tell)(Phase::DataWait);
        Ok(())
    }

    /// How much higher the onset activation is where a note begins.
    fn on_validation(
        &mut self,
        model: &mut TranscriptionModel,
        step: u64,
    ) -> mir_models::Result<f64> {
        (self.tell)(Phase::Validation);
        let recording = self.store.recording(0);
        let recording =
            recording.map_err(|error| mir_models::Error::Batch { source: Box::new(error) })?;
        let map = recording.features;
        let found = model.activations(map.data.index_axis(Axis(0), 0), map.grid)?;
        let sum: f64 = found.onset.iter().map(|&value| f64::from(value)).sum();
        let at_notes: f64 = recording
            .notes
            .iter()
            .map(|note| {
                let key = note.pitch().midi().round() as usize - 21;
                f64::from(found.onset[(map.grid.frame_at(note.onset()), key)])
            })
            .sum();
        let score = at_notes / recording.notes.len() as f64 - sum / found.onset.len() as f64;
        self.run.scalar("validation", step, score)?;
        (self.tell)(Phase::DataWait);
        Ok(score)
    }

    fn folder(&self) -> Option<&Path> {
        Some(self.run.path())
    }

    fn on_best(&mut self, model: &TranscriptionModel, _: f64, _: u64) -> mir_models::Result<()> {
        (self.tell)(Phase::BestModel);
        model.save(&self.run.path().join("model.safetensors"), Storage::F32)?;
        (self.tell)(Phase::DataWait);
        Ok(())
    }
}

/// A source that tells when it is waited for, and when a step begins.
struct Told<'a> {
    inner: BatchLoader,
    tell: Tell<'a>,
}

impl mir_core::batch::BatchSource for Told<'_> {
    type Batch = mir_datasets::TranscriptionBatch;
    type Error = mir_datasets::Error;

    fn next_batch(&mut self) -> Result<Self::Batch, Self::Error> {
        (self.tell)(Phase::DataWait);
        let batch = self.inner.next_batch();
        (self.tell)(Phase::Step);
        batch
    }

    fn position(&self) -> mir_core::batch::BatchPosition {
        self.inner.position()
    }

    fn seek(&mut self, position: mir_core::batch::BatchPosition) -> Result<(), Self::Error> {
        self.inner.seek(position)
    }

    fn batches_per_epoch(&self) -> u64 {
        self.inner.batches_per_epoch()
    }
}

/// How a training is to be done.
pub struct Course<'a> {
    /// The training itself.
    pub config: TrainConfig,
    /// Threads that prepare batches.
    pub workers: usize,
    /// Who is told the phases.
    pub tell: Tell<'a>,
    /// Ends the training at the next step.
    pub stop: &'a AtomicBool,
    /// Raises `stop` itself after so many steps.
    pub stop_at: Option<u64>,
}

impl Course<'_> {
    /// Trains into a run folder, from its newest checkpoint where there is one.
    ///
    /// # Errors
    /// What the training gives.
    pub fn run(&self, folder: &Path) -> Result<FitEnd> {
        (self.tell)(Phase::Restoring);
        let store = store()?;
        let data = identity(store.as_ref())?;
        let mut trainer = trainer(self.config.clone())?;
        let found = latest_checkpoint(&folder.join("checkpoints"));
        let (mut best, mut resume_at) = (None, None);
        if let Some(checkpoint) = &found {
            best = trainer.restore(checkpoint, data)?.best;
            resume_at = Some(trainer.step_count());
        }
        // Whatever a run that died before its first checkpoint left is replaced.
        let existing = if found.is_some() { Existing::Resume } else { Existing::Force };
        let run = RunFolder::open(folder, existing, resume_at)?;
        let loader = BatchLoader::new(Arc::clone(&store), loader_config(self.workers))?;
        let mut source = Told { inner: loader, tell: self.tell };
        let checkpoints = run.checkpoints();
        let mut watch = Watch {
            run,
            store: store.as_ref(),
            tell: self.tell,
            stop: self.stop_at.map(|step| (step, self.stop)),
        };
        let end = fit(&mut trainer, &mut source, &checkpoints, data, best, &mut watch, self.stop)?;
        watch.run.flush()?;
        (self.tell)(Phase::Ended);
        Ok(end)
    }
}

/// Trains to the end without interruption, in this process.
///
/// # Errors
/// What the training gives.
pub fn run_whole(folder: &Path, config: TrainConfig, workers: usize) -> Result<()> {
    let stop = AtomicBool::new(false);
    Course { config, workers, tell: &|_| (), stop: &stop, stop_at: None }.run(folder)?;
    Ok(())
}

/// What a training has come to: its last and its best checkpoint, its best model, and everything that it
/// logged but the times.
///
/// # Errors
/// If something of it is missing.
pub fn result(folder: &Path, last: u64) -> Result<BTreeMap<String, Fingerprint>> {
    let checkpoints = folder.join("checkpoints");
    let best = fs::read_to_string(checkpoints.join("best")).context("no best checkpoint")?;
    let mut found = BTreeMap::new();
    for (label, name) in [("last", format!("step-{last:09}")), ("best", best.trim().to_owned())] {
        for entry in fs::read_dir(checkpoints.join(&name)).with_context(|| name.clone())? {
            let entry = entry?;
            let file = format!("{label} {name}/{}", entry.file_name().to_string_lossy());
            found.insert(file, Fingerprint::of_bytes(&fs::read(entry.path())?));
        }
    }
    let model = fs::read(folder.join("model.safetensors")).context("no best model")?;
    found.insert("model.safetensors".to_owned(), Fingerprint::of_bytes(&model));
    let mut metrics = String::new();
    for line in fs::read_to_string(folder.join("metrics.jsonl"))?.lines() {
        let mut line: serde_json::Value = serde_json::from_str(line)?;
        line.as_object_mut().context("a metric is an object")?.remove("seconds");
        metrics.push_str(&format!("{line}\n"));
    }
    found.insert("metrics.jsonl".to_owned(), Fingerprint::of_bytes(metrics.as_bytes()));
    Ok(found)
}

/// Checks that two trainings came to the same, bit for bit.
///
/// # Errors
/// Names what differs.
pub fn ensure_same(
    a: &BTreeMap<String, Fingerprint>,
    b: &BTreeMap<String, Fingerprint>,
) -> Result<()> {
    let differs: Vec<&str> = a
        .keys()
        .chain(b.keys())
        .filter(|name| a.get(*name) != b.get(*name))
        .map(String::as_str)
        .collect();
    anyhow::ensure!(differs.is_empty(), "these differ: {}", differs.join(", "));
    Ok(())
}
