//! The high-resolution network for notes in training.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use mir_core::batch::{BatchPosition, BatchSource, NearTargets};
use mir_features::{FrontEndConfig, LogMelConfig};
use mir_models::{
    Device, Error,
    arch::HighResolutionNotes,
    config::{HighResolutionConfig, NonFiniteConfig, NonFinitePolicy, TrainConfig},
    infer::HighResolutionModel,
    train::{
        FitEnd, FitProgress, Observer, Trainer, TranscriptionBatch, dry_run, find_batch_size, fit,
        latest_checkpoint, replay,
    },
    weights::Storage,
};
use ndarray::Axis;

use super::training::{ONE_AT_A_TIME, Toy, data, model_bytes, toy, train_config, trainer};

/// The toy, its onsets felt in the frames beside them; from some step on its inputs may be no numbers.
struct Felt {
    toy: Toy,
    poisoned: Option<u64>,
}

fn felt() -> Felt {
    Felt { toy: toy(), poisoned: None }
}

impl BatchSource for Felt {
    type Batch = TranscriptionBatch;
    type Error = <Toy as BatchSource>::Error;

    fn next_batch(&mut self) -> Result<Self::Batch, Self::Error> {
        let BatchPosition { epoch, batch } = self.toy.position();
        let mut drawn = self.toy.next_batch()?;
        let rolls = &drawn.targets;
        let mut near = NearTargets {
            onset: rolls.onset.clone(),
            offset: rolls.offset.clone(),
            mask: rolls.onset.mapv(|_| 1.0),
        };
        for (mut felt, onset) in
            near.onset.lanes_mut(Axis(1)).into_iter().zip(rolls.onset.lanes(Axis(1)))
        {
            for frame in 1..onset.len() {
                felt[frame - 1] = felt[frame - 1].max(0.5 * onset[frame]);
                felt[frame] = felt[frame].max(0.5 * onset[frame - 1]);
            }
        }
        // What lies at the edges is not known.
        near.mask.index_axis_mut(Axis(1), 0).fill(0.0);
        drawn.targets.near = Some(near);
        if self.poisoned == Some(epoch * self.batches_per_epoch() + batch) {
            drawn.inputs[(0, 0, 0, 0)] = f32::NAN;
        }
        Ok(drawn)
    }

    fn position(&self) -> BatchPosition {
        self.toy.position()
    }

    fn seek(&mut self, position: BatchPosition) -> Result<(), Self::Error> {
        self.toy.seek(position)
    }

    fn batches_per_epoch(&self) -> u64 {
        self.toy.batches_per_epoch()
    }
}

fn network() -> HighResolutionConfig {
    HighResolutionConfig {
        bins: 40,
        conv_channels: [3, 4, 5, 6],
        fc_units: 24,
        gru_units: 6,
        gru_layers: 1,
        ..HighResolutionConfig::default()
    }
}

fn front_end() -> FrontEndConfig {
    FrontEndConfig::LogMel(LogMelConfig { n_mels: 40, ..LogMelConfig::hpt() })
}

fn high_resolution(config: TrainConfig) -> Trainer<HighResolutionNotes> {
    Trainer::of(network(), front_end(), config, Device::Cpu).unwrap()
}

/// Notes the losses, stops at a step, keeps what it is given.
#[derive(Default)]
struct Watch<'a> {
    folder: Option<&'a Path>,
    stop: Option<(u64, &'a AtomicBool)>,
    losses: BTreeMap<u64, f64>,
    steps: Vec<u64>,
}

impl Observer<HighResolutionModel> for Watch<'_> {
    fn on_step(&mut self, progress: &FitProgress<'_>) -> mir_models::Result<()> {
        self.losses.insert(progress.report.step, progress.report.loss);
        if let Some((at, flag)) = self.stop {
            flag.store(progress.report.step + 1 == at, Ordering::SeqCst);
        }
        Ok(())
    }

    fn on_validation(
        &mut self,
        model: &mut HighResolutionModel,
        step: u64,
    ) -> mir_models::Result<f64> {
        assert_eq!((model.meta().step, model.meta().pedals), (step, false));
        Ok(step as f64)
    }

    fn on_best(
        &mut self,
        model: &HighResolutionModel,
        _: f64,
        step: u64,
    ) -> mir_models::Result<()> {
        self.steps.push(step);
        let Some(folder) = self.folder else { return Ok(()) };
        model.save(&folder.join("model.safetensors"), Storage::F32)
    }

    fn folder(&self) -> Option<&Path> {
        self.folder
    }
}

fn run(
    trainer: &mut Trainer<HighResolutionNotes>,
    source: &mut Felt,
    folder: &Path,
    watch: &mut Watch<'_>,
) -> mir_models::Result<FitEnd> {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let flag = AtomicBool::new(false);
    let stop = watch.stop.map_or(&flag, |(_, flag)| flag);
    fit(trainer, source, folder, data(), None, watch, stop)
}

#[test]
fn it_learns_and_an_interrupted_run_ends_like_an_uninterrupted_one() {
    tch::set_num_threads(1);
    let config = TrainConfig { accumulate: 2, ..train_config(24) };
    let whole = tempfile::tempdir().unwrap();
    let mut watch = Watch { folder: Some(whole.path()), ..Watch::default() };
    let mut trained = high_resolution(config.clone());
    assert_eq!(run(&mut trained, &mut felt(), whole.path(), &mut watch).unwrap(), FitEnd::Finished);
    assert!(watch.losses[&23] < 0.6 * watch.losses[&0], "{:?}", watch.losses);
    assert_eq!(watch.steps, [5, 10, 15, 20, 24]);
    let kept =
        HighResolutionModel::open(&whole.path().join("model.safetensors"), Device::Cpu).unwrap();
    assert_eq!((kept.meta().step, &kept.meta().architecture), (24, &network()));
    assert_eq!(kept.parameters(), trained.parameters());

    let parts = tempfile::tempdir().unwrap();
    let flag = AtomicBool::new(false);
    let mut losses = BTreeMap::new();
    for stop in [7, 99] {
        flag.store(false, Ordering::SeqCst);
        let mut trainer = high_resolution(config.clone());
        if let Some(checkpoint) = latest_checkpoint(parts.path()) {
            assert_eq!(
                trainer.restore(&checkpoint, data()).unwrap().network,
                "high-resolution-notes"
            );
        }
        let mut watch = Watch { stop: Some((stop, &flag)), ..Watch::default() };
        let end = run(&mut trainer, &mut felt(), parts.path(), &mut watch).unwrap();
        assert_eq!(end == FitEnd::Finished, stop == 99);
        losses.extend(watch.losses);
    }
    assert_eq!(losses, watch.losses);
    assert!(model_bytes(parts.path()) == model_bytes(whole.path()), "other weights");

    // Checkpoints know what kind of network they are of.
    let checkpoint = latest_checkpoint(parts.path()).unwrap();
    let refused = trainer(config).restore(&checkpoint, data()).unwrap_err();
    assert!(refused.to_string().contains("another network"), "{refused}");
}

#[test]
fn a_step_that_gave_no_number_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let non_finite =
        NonFiniteConfig { policy: NonFinitePolicy::Abort, ..NonFiniteConfig::default() };
    let config = TrainConfig { non_finite, ..train_config(8) };
    let mut watch = Watch { folder: Some(folder.path()), ..Watch::default() };
    let mut source = Felt { toy: toy(), poisoned: Some(2) };
    let end = run(&mut high_resolution(config), &mut source, folder.path(), &mut watch);
    assert!(matches!(end, Err(Error::NonFinite { step: 2, .. })), "{end:?}");
    let account = folder.path().join("incidents/step-000000002");
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let replayed = replay(&account, Device::Cpu).unwrap();
    assert_eq!(replayed.incident.network, "high-resolution-notes");
    assert_eq!(replayed.first().as_deref(), Some("the inputs of batch 0"));

    let path = account.join("incident.json");
    let text = fs::read_to_string(&path).unwrap().replace("high-resolution-notes", "perceptron");
    fs::write(&path, text).unwrap();
    let refused = replay(&account, Device::Cpu).unwrap_err();
    assert!(refused.to_string().contains("perceptron"), "{refused}");
}

#[test]
fn it_is_tried_before_it_is_trained() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let tried = dry_run(high_resolution(train_config(4)), &mut felt()).unwrap();
    let names: Vec<&str> = tried.parts.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["onset", "frame", "offset", "velocity"]);
    assert_eq!((tried.shape, tried.idle.len()), ([2, 24, 40], 0));
    let example = felt().next_batch().unwrap();
    let sizes = find_batch_size(high_resolution(train_config(4)), &example, 4).unwrap();
    assert_eq!(sizes.fitting.len(), 3);

    let whole = toy().next_batch().unwrap();
    let refused = find_batch_size(high_resolution(train_config(4)), &whole, 1).unwrap_err();
    assert!(matches!(refused, Error::Config { field: "reach", .. }), "{refused}");
}
