//! Training resumes exactly, and inference does not depend on how the audio arrives.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use mir_core::{
    Fingerprint, FrameGrid, SampleRate,
    batch::{Batch, BatchPosition, BatchSource, TranscriptionTargets, Window},
};
use mir_features::{FrontEndConfig, LogMelConfig, Transposition};
use mir_models::{
    Error,
    config::{
        AdadeltaConfig, AdamConfig, Clip, OnsetsFramesConfig, OptimizerConfig, ParameterGroup,
        RmsPropConfig, SgdConfig, TrainConfig,
    },
    infer::{Segments, Transcriber, TranscriptionModel},
    schedule::{PlateauConfig, Schedule},
    train::{
        FitEnd, FitProgress, Observer, Trainer, TranscriptionBatch, best_checkpoint, fit,
        latest_checkpoint,
    },
    weights::{ModelMeta, Storage},
};
use mir_testkit::signal::{Random, noise};
use ndarray::{Array2, Array4, s};
use tch::Device;

/// Windows in which key `k` sounds where bin `2k` is loud: learnable at once.
pub(super) struct Toy {
    position: BatchPosition,
    seed: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("the toy source does not fail")]
pub(super) struct Never;

const BINS: usize = 40;
const FRAMES: usize = 24;

impl BatchSource for Toy {
    type Batch = TranscriptionBatch;
    type Error = Never;

    fn next_batch(&mut self) -> Result<Self::Batch, Never> {
        let BatchPosition { epoch, batch } = self.position;
        let mut random = Random::new(self.seed ^ (epoch << 32) ^ batch);
        let mut targets = TranscriptionTargets::zeros(2, FRAMES, 88, false);
        targets.mask.fill(1.0);
        let mut inputs = Array4::from_elem((2, 1, FRAMES, BINS), -5.0f32);
        for item in 0..2 {
            for _ in 0..4 {
                let (key, start) = (random.below(20), random.below(FRAMES - 6));
                targets.onset[(item, start, key)] = 1.0;
                targets.frame.slice_mut(s![item, start..start + 5, key]).fill(1.0);
                targets.velocity.slice_mut(s![item, start..start + 5, key]).fill(0.5);
                inputs.slice_mut(s![item, 0, start..start + 5, 2 * key]).fill(1.0);
            }
        }
        self.position = if batch + 1 == self.batches_per_epoch() {
            BatchPosition { epoch: epoch + 1, batch: 0 }
        } else {
            BatchPosition { epoch, batch: batch + 1 }
        };
        let window = Window { track: 0, start: 0, frames: FRAMES };
        Ok(Batch { inputs, targets, windows: vec![window; 2] })
    }

    fn position(&self) -> BatchPosition {
        self.position
    }

    fn seek(&mut self, position: BatchPosition) -> Result<(), Never> {
        self.position = position;
        Ok(())
    }

    fn batches_per_epoch(&self) -> u64 {
        7
    }
}

pub(super) fn toy() -> Toy {
    Toy { position: BatchPosition::default(), seed: 3 }
}

pub(super) fn architecture() -> OnsetsFramesConfig {
    OnsetsFramesConfig {
        bins: BINS,
        conv_channels: 4,
        fc_units: 32,
        lstm_units: 8,
        ..OnsetsFramesConfig::small()
    }
}

pub(super) fn train_config(steps: u64) -> TrainConfig {
    TrainConfig {
        steps,
        schedule: Schedule::OneCycle { peak: 1e-2, warmup: 0.2 },
        ema_decay: 0.9,
        validate_every: 5,
        checkpoint_every: 4,
        ..TrainConfig::default()
    }
}

pub(super) fn trainer(config: TrainConfig) -> Trainer {
    Trainer::new(architecture(), FrontEndConfig::default(), config, Device::Cpu).unwrap()
}

/// Notes the losses, and raises the stop flag after a number of steps.
#[derive(Default)]
struct Watch<'a> {
    losses: BTreeMap<u64, f64>,
    stop: Option<(u64, &'a AtomicBool)>,
    best: Vec<u64>,
}

impl Observer for Watch<'_> {
    fn on_step(&mut self, progress: &FitProgress<'_>) -> mir_models::Result<()> {
        self.losses.insert(progress.report.step, progress.report.loss);
        if let Some((at, flag)) = self.stop {
            flag.store(progress.report.step + 1 == at, Ordering::SeqCst);
        }
        Ok(())
    }

    fn on_validation(&mut self, _: &mut TranscriptionModel, step: u64) -> mir_models::Result<f64> {
        Ok(-(step as f64 - 10.0).abs())
    }

    fn on_best(&mut self, _: &TranscriptionModel, _: f64, step: u64) -> mir_models::Result<()> {
        self.best.push(step);
        Ok(())
    }
}

pub(super) fn data() -> Fingerprint {
    Fingerprint::of_bytes(b"toy")
}

/// LibTorch has one generator for the whole process: two trainings at a time would share it.
pub(super) static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn run(trainer: &mut Trainer, folder: &Path, watch: &mut Watch<'_>) -> FitEnd {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let flag = AtomicBool::new(false);
    let stop = watch.stop.map_or(&flag, |(_, flag)| flag);
    fit(trainer, &mut toy(), folder, data(), None, watch, stop).unwrap()
}

pub(super) fn model_bytes(folder: &Path) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let checkpoint = latest_checkpoint(folder).unwrap();
    let read = |name: &str| fs::read(checkpoint.join(name)).unwrap();
    (read("model.safetensors"), read("optimizer.safetensors"), read("ema.safetensors"))
}

/// Optimisers whose state differs in kind, with everything else that a checkpoint has to carry.
fn courses() -> Vec<TrainConfig> {
    let plateau = Some(PlateauConfig { patience: 0, factor: 0.5, ..PlateauConfig::default() });
    let base = train_config(20);
    let sgd = SgdConfig { momentum: 0.9, nesterov: true, ..SgdConfig::default() };
    let rms = RmsPropConfig { momentum: 0.5, centred: true, ..RmsPropConfig::default() };
    let adam =
        AdamConfig { amsgrad: true, decoupled: true, weight_decay: 0.01, ..AdamConfig::default() };
    let group =
        ParameterGroup { names: vec!["*bias".to_owned()], rate: 0.5, weight_decay: Some(0.0) };
    vec![
        base.clone(),
        TrainConfig { optimizer: OptimizerConfig::Sgd(sgd), accumulate: 3, ..base.clone() },
        TrainConfig {
            optimizer: OptimizerConfig::RmsProp(rms),
            plateau,
            ema_start: 6,
            ..base.clone()
        },
        TrainConfig {
            optimizer: OptimizerConfig::Adam(adam),
            groups: vec![group],
            clip: Clip::Value(0.01),
            ..base.clone()
        },
        TrainConfig {
            optimizer: OptimizerConfig::Adadelta(AdadeltaConfig::default()),
            clip: Clip::TensorNorm(0.1),
            ..base
        },
    ]
}

#[test]
fn an_interrupted_run_ends_like_an_uninterrupted_one() {
    tch::set_num_threads(1);
    for config in courses() {
        let whole = tempfile::tempdir().unwrap();
        let mut watch = Watch::default();
        assert_eq!(run(&mut trainer(config.clone()), whole.path(), &mut watch), FitEnd::Finished);
        assert_eq!(watch.losses.len(), 20);
        assert_eq!(watch.best, [5, 10]);

        let parts = tempfile::tempdir().unwrap();
        let flag = AtomicBool::new(false);
        let mut losses = BTreeMap::new();
        for stop in [9, 14, 99] {
            flag.store(false, Ordering::SeqCst);
            let mut trainer = trainer(config.clone());
            if let Some(checkpoint) = latest_checkpoint(parts.path()) {
                trainer.restore(&checkpoint, data()).unwrap();
            }
            let mut watch = Watch { stop: Some((stop, &flag)), ..Watch::default() };
            let end = run(&mut trainer, parts.path(), &mut watch);
            assert_eq!(end == FitEnd::Finished, stop == 99);
            losses.extend(watch.losses);
        }
        assert_eq!(losses, watch.losses, "{config:?}");
        assert!(
            model_bytes(parts.path()) == model_bytes(whole.path()),
            "{config:?}: other weights"
        );
    }
}

#[test]
fn the_loss_falls() {
    let folder = tempfile::tempdir().unwrap();
    let mut watch = Watch::default();
    run(&mut trainer(train_config(60)), folder.path(), &mut watch);
    let mean = |range: std::ops::Range<u64>| {
        range.clone().map(|step| watch.losses[&step]).sum::<f64>()
            / (range.end - range.start) as f64
    };
    assert!(mean(50..60) < 0.3 * mean(0..5), "{} to {}", mean(0..5), mean(50..60));
}

#[test]
fn a_foreign_or_damaged_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut original = trainer(train_config(8));
    run(&mut original, folder.path(), &mut Watch::default());
    let newest = latest_checkpoint(folder.path()).unwrap();
    assert!(newest.ends_with("step-000000008"));

    let refused = |trainer: &mut Trainer, data: Fingerprint| {
        matches!(trainer.restore(&newest, data), Err(Error::Checkpoint { .. }))
    };
    assert!(refused(&mut trainer(train_config(8)), Fingerprint::of_bytes(b"other")));
    assert!(refused(&mut trainer(train_config(9)), data()));
    let logging = TrainConfig { log_every: 1, validate_every: 3, ..train_config(8) };
    assert!(!refused(&mut trainer(logging), data()));

    let weights = newest.join("model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&weights, &bytes).unwrap();
    assert!(refused(&mut trainer(train_config(8)), data()));
    for step in ["step-000000005", "step-000000004"] {
        let older = latest_checkpoint(folder.path()).unwrap();
        assert!(older.ends_with(step));
        fs::remove_file(older.join("MANIFEST.json")).unwrap();
    }
    assert_eq!(latest_checkpoint(folder.path()), None);
}

#[test]
fn the_newest_checkpoints_and_the_best_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let config = TrainConfig { keep_checkpoints: 2, ..train_config(20) };
    run(&mut trainer(config), folder.path(), &mut Watch::default());
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["best", "step-000000010", "step-000000016", "step-000000020"]);
    let best = best_checkpoint(folder.path()).unwrap();
    assert!(best.ends_with("step-000000010"));
    let mut other = trainer(TrainConfig { keep_checkpoints: 2, ..train_config(20) });
    assert_eq!(other.restore(&best, data()).unwrap().best, Some((0.0, 10)));
    fs::remove_file(best.join("trainer.json")).unwrap();
    assert_eq!(best_checkpoint(folder.path()), None);
}

fn model() -> TranscriptionModel {
    let front_end =
        FrontEndConfig::LogMel(LogMelConfig { n_mels: BINS, ..LogMelConfig::default() });
    TranscriptionModel::new(ModelMeta::new(architecture(), front_end), Device::Cpu).unwrap()
}

#[test]
fn a_weight_file_gives_the_same_network_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let mut original = model();
    original.meta_mut().decoder.onset_threshold = 0.25;
    original.save(&path, Storage::F32).unwrap();
    let copy = TranscriptionModel::open(&path, Device::Cpu).unwrap();
    assert_eq!(copy.meta(), original.meta());
    let grid = FrameGrid::new(SampleRate::HZ_16000, 512, 0).unwrap();
    let features = Array2::from_shape_fn((50, BINS), |(t, f)| ((t * 7 + f * 3) % 11) as f32 - 5.0);
    let activations = |m: &TranscriptionModel| m.activations(features.view(), grid).unwrap();
    assert_eq!(activations(&copy), activations(&original));

    original.save(&path, Storage::F16).unwrap();
    let half = TranscriptionModel::open(&path, Device::Cpu).unwrap();
    let (a, b) = (activations(&half), activations(&original));
    mir_testkit::assert_all_close(&a.onset, &b.onset, 2e-3, "half precision");
}

#[test]
fn a_truncated_or_foreign_weight_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    model().save(&path, Storage::F32).unwrap();
    let whole = fs::read(&path).unwrap();
    let weights_error = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        match TranscriptionModel::open(&path, Device::Cpu) {
            Err(Error::Weights { path: named, reason }) => {
                assert_eq!(named, path);
                reason
            }
            other => panic!("{other:?}"),
        }
    };
    for length in [0, 4, 100, whole.len() - 1] {
        assert!(weights_error(&whole[..length]).contains("not a complete"), "{length}");
    }
    assert!(weights_error(b"RIFF....WAVEfmt ").contains("not a complete"));
    // Which network it is stands in the header, which is all that is read for it.
    let format = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        mir_models::weights::format_of(&path)
    };
    assert_eq!(format(&whole[..whole.len() - 1]).unwrap(), "mir-models/onsets-frames");
    for bytes in [&whole[..0], &whole[..4], &whole[..100], b"RIFF....WAVEfmt ", &[0xff; 64]] {
        let error = format(bytes).unwrap_err();
        assert!(matches!(&error, Error::Weights { path: named, .. } if *named == path), "{error}");
        assert!(error.to_string().contains("not a complete"), "{error}");
    }
    let missing = folder.path().join("none.safetensors");
    assert!(matches!(TranscriptionModel::open(&missing, Device::Cpu), Err(Error::Io { .. })));
}

#[test]
fn a_stream_gives_the_notes_of_the_whole_recording() {
    let mut model = model();
    // Untrained activations hover around 0.5; thresholds there give plenty of notes.
    model.meta_mut().decoder.onset_threshold = 0.5;
    let mut transcriber = Transcriber::new(model).unwrap();
    let audio = noise(SampleRate::HZ_16000, 0.5, 16_000 * 40 + 123, 9);
    for segments in
        [Segments::default(), Segments::live(128), Segments { keep: 7, before: 3, after: 2 }]
    {
        transcriber = transcriber.with_segments(segments).unwrap();
        let whole = transcriber.transcribe(&audio).unwrap();
        assert!(whole.len() > 100, "{} notes", whole.len());
        for block in [1000, 100_000, usize::MAX] {
            let mut stream = transcriber.stream().unwrap();
            let mut notes = Vec::new();
            for samples in audio.channel(0).chunks(block) {
                stream.push(samples, &mut notes).unwrap();
            }
            assert_eq!(stream.finish(&mut notes).unwrap(), None, "nobody asked for activations");
            mir_core::Note::sort(&mut notes);
            assert_eq!(notes, whole, "blocks of {block}, {segments:?}");
        }
    }
    let none = transcriber.with_segments(Segments { keep: 0, before: 3, after: 3 });
    assert!(matches!(none, Err(Error::Config { field: "keep", .. })));
}

#[test]
fn a_stream_hands_over_the_activations_of_the_whole_recording() {
    let transcriber = Transcriber::new(model()).unwrap();
    let audio = noise(SampleRate::HZ_16000, 0.5, 16_000 * 20, 9);
    let mut stream = transcriber.stream().unwrap().keeping_activations();
    let mut notes = Vec::new();
    for samples in audio.channel(0).chunks(12_345) {
        stream.push(samples, &mut notes).unwrap();
    }
    let kept = stream.finish(&mut notes).unwrap().unwrap();
    assert_eq!(kept, transcriber.activations(&audio).unwrap());
    assert!(kept.frames() > 600, "{} frames", kept.frames());
}

#[test]
fn a_recording_heard_in_other_keys_is_the_mean_of_what_is_heard() {
    let audio = noise(SampleRate::HZ_16000, 0.5, 16_000 * 20, 9);
    let plain = Transcriber::new(model()).unwrap();
    let map = plain.model().meta().front_end.build().unwrap().process(&audio).unwrap();
    let mut higher = map.data.clone();
    Transposition::new(&map.axis, 100.0).unwrap().apply(higher.as_slice_mut().unwrap());
    let here = plain.model().activations(map.data.slice(s![0, .., ..]), map.grid).unwrap();
    let there = plain.model().activations(higher.slice(s![0, .., ..]), map.grid).unwrap();

    let mut model = model();
    model.hear_in_keys(&[1]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    model.save(&path, Storage::F32).unwrap();
    let transcriber =
        Transcriber::new(TranscriptionModel::open(&path, Device::Cpu).unwrap()).unwrap();
    let both = transcriber.activations(&audio).unwrap();
    for (both, here, there) in
        [(&both.onset, &here.onset, &there.onset), (&both.frame, &here.frame, &there.frame)]
    {
        let mut mean = here.clone();
        let mut below = mean.slice_mut(s![.., ..87]);
        below += &there.slice(s![.., 1..]);
        below /= 2.0;
        mir_testkit::assert_all_close(both, &mean, 1e-5, "heard in two keys");
        let apart = (here - &mean).iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        assert!(apart > 1e-4, "the keys say different things: {apart}");
    }

    let mut stream = transcriber.stream().unwrap().keeping_activations();
    stream.push(audio.channel(0), &mut Vec::new()).unwrap();
    assert_eq!(stream.finish(&mut Vec::new()).unwrap().unwrap(), both);
}

#[test]
fn several_recordings_at_once_are_heard_as_one_after_the_other() {
    let mut model = model();
    model.meta_mut().decoder.onset_threshold = 0.5;
    model.hear_in_keys(&[-1]).unwrap();
    let segments = Segments { keep: 100, before: 20, after: 20 };
    let transcriber = Transcriber::new(model).unwrap().with_segments(segments).unwrap();
    // Several segments and an end, one segment, less than one, nothing.
    let recordings: Vec<_> = [300_000, 51_200, 5_000, 0, 200_000]
        .into_iter()
        .enumerate()
        .map(|(seed, samples)| noise(SampleRate::HZ_16000, 0.5, samples, seed as u64))
        .collect();
    let alone: Vec<_> =
        recordings.iter().map(|audio| transcriber.activations(audio).unwrap()).collect();
    let notes: Vec<_> = recordings.iter().map(|a| transcriber.transcribe(a).unwrap()).collect();
    let front_end = transcriber.model().meta().front_end.build().unwrap();
    let features: Vec<_> =
        recordings.iter().map(|audio| front_end.process(audio).unwrap().data).collect();
    let views: Vec<_> = features.iter().map(|data| data.slice(s![0, .., ..])).collect();
    for batch in [1, 3, 100] {
        let together = transcriber
            .model()
            .activations_of(segments, batch, &views, transcriber.grid())
            .unwrap();
        assert_eq!(together.len(), alone.len());
        for (together, alone) in together.iter().zip(&alone) {
            mir_testkit::assert_all_close(&together.onset, &alone.onset, 1e-5, "onsets");
            mir_testkit::assert_all_close(&together.frame, &alone.frame, 1e-5, "frames");
            assert_eq!(together.velocity.is_some(), alone.velocity.is_some());
        }
        let all = transcriber.transcribe_all(&recordings, batch).unwrap();
        for (all, notes) in all.iter().zip(&notes) {
            let difference = all.len().abs_diff(notes.len());
            assert!(difference <= notes.len() / 100, "{} notes, {}", all.len(), notes.len());
        }
        assert!(all[0].len() > 100 && all[3].is_empty());
    }
    assert_eq!(transcriber.transcribe_all(&[], 4).unwrap(), Vec::<Vec<_>>::new());
    let none = transcriber.transcribe_all(&recordings, 0);
    assert!(matches!(none, Err(Error::Config { field: "batch", .. })));
}

#[test]
fn samples_that_are_no_numbers_are_refused() {
    let transcriber = Transcriber::new(model()).unwrap();
    let mut audio = noise(SampleRate::HZ_16000, 0.5, 5000, 9);
    audio.channel_mut(0)[77] = f32::NAN;
    assert!(matches!(transcriber.transcribe(&audio), Err(Error::Core(_))));
    let mut stream = transcriber.stream().unwrap();
    assert!(stream.push(audio.channel(0), &mut Vec::new()).is_err());
    let empty = noise(SampleRate::HZ_16000, 0.5, 0, 9);
    assert_eq!(transcriber.transcribe(&empty).unwrap(), []);
}
