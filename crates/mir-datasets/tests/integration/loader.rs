//! Windows and batches: content, order, repetition, and what happens when reading fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mir_core::{
    KeyRange, PianoRoll, RollRule,
    batch::{BatchPosition, BatchSource},
};
use mir_datasets::{
    AugmentConfig, BatchLoader, BatchPlan, Error, FeatureStore, LoaderConfig, MemStore, Sampling,
    TranscriptionBatch, WindowConfig, WindowSampler, recordings,
};
use ndarray::s;

use crate::support::{Hooked, SineSet, Sines, builder, store};

fn config(workers: usize) -> LoaderConfig {
    LoaderConfig {
        batch_size: 3,
        window: WindowConfig { frames: 20, ..WindowConfig::default() },
        seed: 5,
        workers,
        prefetch: 5,
        ..LoaderConfig::default()
    }
}

fn take(loader: &mut BatchLoader, count: usize) -> Vec<TranscriptionBatch> {
    (0..count).map(|_| loader.next_batch().unwrap()).collect()
}

fn augmented() -> AugmentConfig {
    AugmentConfig {
        gain: 0.5,
        tilt: 0.3,
        noise: 0.1,
        frequency_masks: 2,
        frequency_mask_bins: 20,
        time_masks: 1,
        time_mask_frames: 5,
        ..AugmentConfig::default()
    }
}

/// Instrument, room and a second recording too.
fn surrounded() -> AugmentConfig {
    AugmentConfig {
        equalizer: 0.5,
        detune_cents: 20.0,
        reverb: 0.5,
        background: Some(-6.0),
        floor: Some(-11.6),
        mix: 0.5,
        transpose: 2,
        ..augmented()
    }
}

#[test]
fn the_stream_is_the_same_for_any_number_of_workers() {
    let store: Arc<dyn FeatureStore> = Arc::new(store(6));
    for augment in [AugmentConfig::default(), augmented(), surrounded()] {
        let stream = |workers| {
            let config = LoaderConfig { augment: augment.clone(), ..config(workers) };
            take(&mut BatchLoader::new(Arc::clone(&store), config).unwrap(), 20)
        };
        let alone = stream(0);
        assert_eq!(alone, stream(1));
        assert_eq!(alone, stream(4));
        assert_ne!(alone[0], alone[1]);
    }
}

#[test]
fn a_loader_continues_at_any_position() {
    let store: Arc<dyn FeatureStore> = Arc::new(store(6));
    let mut loader = BatchLoader::new(Arc::clone(&store), config(2)).unwrap();
    let per_epoch = loader.batches_per_epoch();
    let first = take(&mut loader, 2 * per_epoch as usize + 1);
    assert_eq!(loader.position(), BatchPosition { epoch: 2, batch: 1 });
    assert_ne!(first[0], first[per_epoch as usize], "epochs differ");

    let mut other = BatchLoader::new(store, config(0)).unwrap();
    let position = BatchPosition { epoch: 1, batch: per_epoch - 1 };
    other.seek(position).unwrap();
    assert_eq!(other.position(), position);
    let last_of_epoch = 2 * per_epoch as usize - 1;
    assert_eq!(other.next_batch().unwrap(), first[last_of_epoch]);
    assert_eq!(other.next_batch().unwrap(), first[last_of_epoch + 1]);

    let past = BatchPosition { epoch: 0, batch: per_epoch };
    assert!(matches!(other.seek(past), Err(Error::Position { .. })));
    let far = BatchPosition { epoch: u64::MAX, batch: 0 };
    assert!(matches!(other.seek(far), Err(Error::Position { .. })));
}

#[test]
fn a_mixed_window_has_the_energies_and_the_notes_of_both() {
    let store: Arc<dyn FeatureStore> = Arc::new(store(6));
    let plan = |mix| {
        let augment = AugmentConfig { mix, mix_range: 0.0, ..AugmentConfig::default() };
        BatchPlan::new(Arc::clone(&store), LoaderConfig { augment, ..config(0) }).unwrap()
    };
    let (plain, mixed, some) = (plan(0.0), plan(1.0), plan(0.5));
    let (mut louder, mut seen) = (0, [0, 0]);
    for batch in 0..plain.batches_per_epoch() {
        let position = BatchPosition { epoch: 0, batch };
        let [plain, mixed, some] = [&plain, &mixed, &some].map(|p| p.batch(position).unwrap());
        assert_eq!(plain.windows, mixed.windows);
        for (before, after) in plain.inputs.iter().zip(&mixed.inputs) {
            // No energy is lost, and twice the energy is ln 2 / 2 more where both are the same.
            assert!(*after >= *before - 1e-5);
            louder += usize::from(*after > *before + 0.3);
        }
        let rolls =
            |batch: &TranscriptionBatch| [batch.targets.onset.clone(), batch.targets.frame.clone()];
        for (before, after) in rolls(&plain).iter().zip(&rolls(&mixed)) {
            assert!(before.iter().zip(after).all(|(before, after)| after >= before));
        }
        for item in 0..3 {
            let inputs =
                |batch: &TranscriptionBatch| batch.inputs.slice(s![item, .., .., ..]).to_owned();
            seen[usize::from(inputs(&some) == inputs(&mixed))] += 1;
        }
    }
    assert!(louder > 1000, "{louder}");
    assert!(seen[0] > 0 && seen[1] > 0, "about half of the windows are mixed: {seen:?}");
}

#[test]
fn a_transposed_window_sounds_as_much_higher_as_its_notes_are() {
    let store: Arc<dyn FeatureStore> = Arc::new(store(6));
    let plan = |transpose| {
        let augment = AugmentConfig { transpose, ..AugmentConfig::default() };
        BatchPlan::new(Arc::clone(&store), LoaderConfig { augment, ..config(0) }).unwrap()
    };
    let (plain, moved) = (plan(0), plan(3));
    let hz: Vec<f64> = (0..229).map_while(|bin| store.header().axis.hz(bin)).collect();
    let mut seen = std::collections::BTreeSet::new();
    let epochs = (0..4).flat_map(|epoch| (0..plain.batches_per_epoch()).map(move |b| (epoch, b)));
    for (epoch, batch) in epochs {
        let [before, after] =
            [&plain, &moved].map(|p| p.batch(BatchPosition { epoch, batch }).unwrap());
        for item in 0..3 {
            let roll =
                |batch: &TranscriptionBatch| batch.targets.frame.slice(s![item, .., ..]).to_owned();
            let (written, played) = (roll(&before), roll(&after));
            if written.iter().all(|&sounds| sounds < 0.5) {
                continue;
            }
            let fits = |up: &i32| {
                played.indexed_iter().all(|((frame, key), &sounds)| {
                    let from = usize::try_from(key as i32 - up).ok();
                    let was = from.and_then(|key| written.get((frame, key))).copied();
                    (sounds - was.unwrap_or(0.0)).abs() < 1e-6
                })
            };
            let semitones = (-3..=3).find(fits).unwrap();
            seen.insert(semitones);
            for (frame, bin) in (0..20).flat_map(|frame| (40..180).map(move |bin| (frame, bin))) {
                // What is heard in a bin was heard before where its frequency came from.
                let f = hz[bin] * 2f64.powf(-f64::from(semitones) / 12.0);
                let above = hz.iter().position(|&centre| centre > f).unwrap();
                let share = (f - hz[above - 1]) / (hz[above] - hz[above - 1]);
                let value = |bin: usize| f64::from(before.inputs[(item, 0, frame, bin)]);
                let expected = (1.0 - share) * value(above - 1) + share * value(above);
                let heard = f64::from(after.inputs[(item, 0, frame, bin)]);
                assert!((heard - expected).abs() < 1e-3, "{heard} {expected} {semitones}");
            }
        }
    }
    assert!(seen.len() > 3 && seen.iter().all(|n| n.abs() <= 3), "{seen:?}");
}

#[test]
fn variations_that_do_not_go_with_the_features_are_refused() {
    let store: Arc<dyn FeatureStore> = Arc::new(store(6));
    let augment = AugmentConfig { background: Some(-5.0), ..AugmentConfig::default() };
    let refused = BatchPlan::new(store, LoaderConfig { augment, ..config(0) });
    assert!(matches!(refused, Err(Error::InvalidConfig { field: "augment.background", .. })));
}

#[test]
fn another_seed_gives_other_windows() {
    let store: Arc<dyn FeatureStore> = Arc::new(store(6));
    let windows = |seed| {
        let config = LoaderConfig { seed, ..config(0) };
        let plan = BatchPlan::new(Arc::clone(&store), config).unwrap();
        plan.batch(BatchPosition::default()).unwrap().windows
    };
    assert_eq!(windows(1), windows(1));
    assert_ne!(windows(1), windows(2));
}

#[test]
fn a_batch_holds_the_features_and_rolls_of_its_windows() {
    let store: Arc<dyn FeatureStore> = Arc::new(store(6));
    for rule in [RollRule::Round, RollRule::Magenta] {
        let config = LoaderConfig { roll: rule, ..config(0) };
        let plan = BatchPlan::new(Arc::clone(&store), config).unwrap();
        for batch in 0..plan.batches_per_epoch() {
            let batch = plan.batch(BatchPosition { epoch: 0, batch }).unwrap();
            for (item, window) in batch.windows.iter().enumerate() {
                let range = window.start..window.start + window.frames;
                let features = store.read(window.track, range.clone()).unwrap();
                assert_eq!(batch.inputs.slice(s![item, .., .., ..]), features);
                let grid = store.header().grid;
                let notes = store.notes(window.track);
                let (roll, _) = PianoRoll::window(notes, grid, KeyRange::PIANO, range, rule);
                let targets = &batch.targets;
                assert_eq!(targets.onset.slice(s![item, .., ..]), roll.onset);
                assert_eq!(targets.offset.slice(s![item, .., ..]), roll.offset);
                assert_eq!(targets.frame.slice(s![item, .., ..]), roll.frame);
                assert_eq!(targets.velocity.slice(s![item, .., ..]), roll.velocity);
                assert!(targets.mask.slice(s![item, ..]).iter().all(|&m| m > 0.5));
            }
        }
    }
}

#[test]
fn a_short_recording_is_padded_and_masked() {
    let set = SineSet::of([Sines::new(0, 5_000)]);
    let store =
        builder().build_in_memory(&set, mir_datasets::Split::Train, Default::default()).unwrap();
    let frames = store.tracks()[0].frames;
    assert!(frames < 20);
    let whole = store.read(0, 0..frames).unwrap();
    let config = LoaderConfig {
        window: WindowConfig { frames: 20, padding: -11.5, ..WindowConfig::default() },
        ..config(0)
    };
    let plan = BatchPlan::new(Arc::new(store), config).unwrap();
    let batch = plan.batch(BatchPosition::default()).unwrap();
    assert_eq!(plan.batches_per_epoch(), 1);
    assert_eq!(batch.windows[0].start, 0);
    assert_eq!(batch.inputs.slice(s![0, .., ..frames, ..]), whole);
    assert!(batch.inputs.slice(s![0, .., frames.., ..]).iter().all(|&v| (v + 11.5).abs() < 1e-6));
    assert!(batch.targets.mask.slice(s![0, ..frames]).iter().all(|&m| m > 0.5));
    assert!(batch.targets.mask.slice(s![0, frames..]).iter().all(|&m| m < 0.5));
    assert!(batch.targets.frame.slice(s![0, frames.., ..]).iter().all(|&v| v < 0.5));
}

#[test]
fn one_crop_of_every_track_makes_an_epoch() {
    let store = store(7);
    let config =
        WindowConfig { frames: 20, sampling: Sampling::OnePerTrack, ..WindowConfig::default() };
    let sampler = WindowSampler::new(&store, config, 3).unwrap();
    assert_eq!(sampler.windows_per_epoch(), 7);
    let tracks =
        |epoch| -> Vec<usize> { sampler.windows(epoch, 0, 7).iter().map(|w| w.track).collect() };
    for epoch in 0..5 {
        let mut seen = tracks(epoch);
        seen.sort_unstable();
        assert_eq!(seen, (0..7).collect::<Vec<_>>());
    }
    assert_ne!(tracks(0), tracks(1));
}

#[test]
fn long_recordings_are_heard_more_often_and_crops_stay_inside() {
    let set = SineSet::of([Sines::new(0, 32_000), Sines::new(1, 96_000)]);
    let store =
        builder().build_in_memory(&set, mir_datasets::Split::Train, Default::default()).unwrap();
    let config = WindowConfig { frames: 20, ..WindowConfig::default() };
    let sampler = WindowSampler::new(&store, config, 3).unwrap();
    let frames: Vec<usize> = store.tracks().iter().map(|t| t.frames).collect();
    assert_eq!(sampler.windows_per_epoch(), (frames[0] + frames[1]) as u64 / 20);
    let windows = sampler.windows(0, 0, 8000);
    assert!(windows.iter().all(|w| w.start + w.frames <= frames[w.track]));
    let share = windows.iter().filter(|w| w.track == 1).count() as f64 / 8000.0;
    let expected = frames[1] as f64 / (frames[0] + frames[1]) as f64;
    assert!((share - expected).abs() < 0.02, "{share} instead of {expected}");
    let last_start = frames[1] - 20;
    for edge in [0, last_start] {
        assert!(windows.iter().any(|w| w.track == 1 && w.start == edge));
    }
}

#[test]
fn a_failed_read_keeps_the_position_and_may_be_tried_again() {
    for workers in [0, 2] {
        let reads = AtomicUsize::new(0);
        let flaky = Hooked {
            inner: store(4),
            hook: move |track| {
                if reads.fetch_add(1, Ordering::SeqCst) == 7 {
                    return Err(Error::OutOfStore { what: "track", actual: track, available: 0 });
                }
                Ok(())
            },
        };
        let mut loader = BatchLoader::new(Arc::new(flaky), config(workers)).unwrap();
        let mut steady = BatchLoader::new(Arc::new(store(4)), config(0)).unwrap();
        let mut failures = 0;
        for _ in 0..6 {
            let before = loader.position();
            let batch = loader.next_batch().or_else(|error| {
                assert!(matches!(error, Error::OutOfStore { .. }), "{error}");
                assert_eq!(loader.position(), before);
                failures += 1;
                loader.next_batch()
            });
            assert_eq!(batch.unwrap(), steady.next_batch().unwrap());
        }
        assert_eq!(failures, 1);
    }
}

#[test]
fn a_panicking_worker_is_reported_and_nothing_hangs() {
    for workers in [0, 3] {
        let broken = Hooked { inner: store(3), hook: |_| panic!("no such reel") };
        let mut loader = BatchLoader::new(Arc::new(broken), config(workers)).unwrap();
        match loader.next_batch() {
            Err(Error::WorkerPanicked { item: 0, message }) => {
                assert!(message.contains("no such reel"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn dropping_a_loader_stops_its_workers() {
    let reads = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reads);
    let slow = Hooked {
        inner: store(3),
        hook: move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(2));
            Ok(())
        },
    };
    let mut loader = BatchLoader::new(Arc::new(slow), config(3)).unwrap();
    loader.next_batch().unwrap();
    drop(loader);
    let after = reads.load(Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(reads.load(Ordering::SeqCst), after);
}

#[test]
fn settings_outside_their_ranges_are_named() {
    let store: Arc<dyn FeatureStore> = Arc::new(store(1));
    let window = |frames, padding| WindowConfig { frames, padding, ..WindowConfig::default() };
    for (field, bad) in [
        ("batch_size", LoaderConfig { batch_size: 0, ..config(0) }),
        ("workers", LoaderConfig { workers: 1000, ..config(0) }),
        ("prefetch", LoaderConfig { prefetch: 0, ..config(0) }),
        ("window.frames", LoaderConfig { window: window(0, 0.0), ..config(0) }),
        ("window.padding", LoaderConfig { window: window(9, f64::NAN), ..config(0) }),
        (
            "augment.gain",
            LoaderConfig {
                augment: AugmentConfig { gain: -1.0, ..AugmentConfig::default() },
                ..config(0)
            },
        ),
    ] {
        match BatchLoader::new(Arc::clone(&store), bad) {
            Err(Error::InvalidConfig { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    let unknown = serde_json::from_str::<LoaderConfig>(r#"{"batch_sise": 4}"#);
    assert!(unknown.is_err());
    let json = serde_json::to_string(&config(2)).unwrap();
    assert_eq!(serde_json::from_str::<LoaderConfig>(&json).unwrap(), config(2));
}

#[test]
fn a_store_without_frames_has_no_batches() {
    let empty = MemStore::new(store(1).header().clone());
    assert!(matches!(BatchLoader::new(Arc::new(empty), config(0)), Err(Error::EmptySplit { .. })));
}

#[test]
fn whole_recordings_come_in_order_with_all_their_notes() {
    let store = store(4);
    let all: Vec<_> = recordings(&store).map(|r| r.unwrap()).collect();
    assert_eq!(all.len(), 4);
    for (track, recording) in all.iter().enumerate() {
        assert_eq!(recording.track, store.tracks()[track]);
        assert_eq!(recording.features.frames(), recording.track.frames);
        assert_eq!(recording.notes, store.notes(track));
        assert!(!recording.notes.is_empty());
    }
}
