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

use mir_core::{
    FrameGrid, SampleRate,
    batch::{BatchPosition, BatchSource, NearTargets, TranscriptionTargets},
};
use mir_features::{FrontEndConfig, LogMelConfig};
use mir_models::{
    Device, Error,
    arch::{HighResolutionNotes, HighResolutionPedals},
    config::{HighResolutionConfig, NonFiniteConfig, NonFinitePolicy, TrainConfig},
    infer::{HighResolutionMeta, HighResolutionModel},
    train::{
        FitEnd, FitProgress, Network, Observer, Trainer, TranscriptionBatch, dry_run,
        find_batch_size, fit, latest_checkpoint, replay,
    },
    weights::Storage,
};
use ndarray::{Array2, Array3, Axis, s};

use super::training::{ONE_AT_A_TIME, Toy, data, model_bytes, toy, train_config, trainer};

/// The toy, its onsets felt in the frames beside them.
struct Felt {
    toy: Toy,
    /// A step whose inputs are no numbers.
    poisoned: Option<u64>,
    /// Keys of the targets, from the lowest.
    keys: usize,
}

fn felt() -> Felt {
    Felt { toy: toy(), poisoned: None, keys: 88 }
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
        drawn.targets = lowest(drawn.targets, self.keys);
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

/// The targets of the lowest keys.
fn lowest(targets: TranscriptionTargets, keys: usize) -> TranscriptionTargets {
    let cut = |roll: Array3<f32>| roll.slice_move(s![.., .., ..keys]);
    TranscriptionTargets {
        onset: cut(targets.onset),
        offset: cut(targets.offset),
        frame: cut(targets.frame),
        velocity: cut(targets.velocity),
        mask: targets.mask,
        near: targets.near.map(|near| NearTargets {
            onset: cut(near.onset),
            offset: cut(near.offset),
            mask: cut(near.mask),
        }),
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
        // The steps are those of the notes, which are not trained where the pedal is.
        let of_notes = if model.meta().pedals { 0 } else { step };
        assert_eq!(model.meta().step, of_notes);
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

fn run<N: Network<Model = HighResolutionModel>>(
    trainer: &mut Trainer<N>,
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
fn the_loss_falls_and_an_interrupted_run_ends_like_an_uninterrupted_one() {
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
    let mut source = Felt { poisoned: Some(2), ..felt() };
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

#[test]
fn the_pedal_is_trained_alone_and_joined_with_the_notes() {
    let folder = tempfile::tempdir().unwrap();
    let mut watch = Watch { folder: Some(folder.path()), ..Watch::default() };
    let mut pedals: Trainer<HighResolutionPedals> =
        Trainer::of(network(), front_end(), train_config(20), Device::Cpu).unwrap();
    let mut source = Felt { keys: 1, ..felt() };
    assert_eq!(run(&mut pedals, &mut source, folder.path(), &mut watch).unwrap(), FitEnd::Finished);
    assert!(watch.losses[&19] < 0.7 * watch.losses[&0], "{:?}", watch.losses);
    let mut joined = pedals.snapshot().unwrap();

    let features = Array2::from_shape_fn((70, 40), |(t, f)| ((t * 7 + f * 3) % 11) as f32 - 5.0);
    let grid = FrameGrid::new(SampleRate::HZ_16000, 160, 0).unwrap();
    let say = |model: &HighResolutionModel| model.activations(features.view(), grid).unwrap();
    let heard = say(&joined).pedal.unwrap();
    let mut notes = high_resolution(train_config(1)).snapshot().unwrap();
    notes.meta_mut().decoder.onset_threshold = 0.25;
    notes.meta_mut().scores.insert("validation/note_f1".to_owned(), 0.5);
    joined.take_notes(&notes).unwrap();
    assert!((joined.meta().decoder.onset_threshold - 0.25).abs() < 1e-12);
    assert!(joined.meta().scores.contains_key("validation/note_f1"));
    let said = say(&joined);
    mir_testkit::assert_all_close(&said.notes.onset, &say(&notes).notes.onset, 1e-6, "notes");
    mir_testkit::assert_all_close(&said.pedal.unwrap().frame, &heard.frame, 1e-6, "the pedal");

    let other = HighResolutionConfig { gru_units: 5, ..network() };
    let meta = HighResolutionMeta {
        front_end: joined.meta().front_end.clone(),
        ..HighResolutionMeta::new(other)
    };
    let other = HighResolutionModel::new(meta, Device::Cpu).unwrap();
    assert!(matches!(joined.take_notes(&other), Err(Error::Config { .. })));
}
