//! Windows of an index: which there are, exactly once an epoch, with context, by voicing.

use std::{collections::HashMap, sync::Arc};

use mir_core::batch::{BatchPosition, BatchSource, Window};
use mir_datasets::{
    BatchLoader, BatchPlan, Error, FeatureStore, LoaderConfig, Remainder, Sampling, Voicing,
    WindowConfig, WindowIndex, WindowSampler,
};
use ndarray::s;
use proptest::prelude::*;

use crate::support::{SineSet, Sines, builder, store};

fn shuffled(frames: usize, stride: usize) -> WindowConfig {
    WindowConfig { frames, stride, sampling: Sampling::Shuffled, ..WindowConfig::default() }
}

/// How often each window comes.
fn counts(windows: impl IntoIterator<Item = Window>) -> HashMap<Window, usize> {
    let mut counts = HashMap::new();
    windows.into_iter().for_each(|window| *counts.entry(window).or_insert(0) += 1);
    counts
}

proptest! {
    #[test]
    fn the_windows_cover_every_frame_and_begin_inside(
        lengths in prop::collection::vec(0usize..400, 1..6), frames in 1usize..50, overlap in 0usize..49
    ) {
        let stride = frames - overlap.min(frames - 1);
        let index = WindowIndex::of_lengths(&lengths, shuffled(frames, stride)).unwrap();
        let windows: Vec<Window> = index.iter().collect();
        for (track, &length) in lengths.iter().enumerate() {
            let mut covered = vec![false; length];
            let own: Vec<&Window> = windows.iter().filter(|w| w.track == track).collect();
            let expected = match length {
                0 => 0,
                _ if length <= frames => 1,
                _ => 1 + (length - frames).div_ceil(stride),
            };
            prop_assert_eq!(own.len(), expected);
            for window in own {
                prop_assert!(window.start < length && window.start % stride == 0);
                let end = length.min(window.start + frames);
                covered[window.start..end].fill(true);
            }
            prop_assert!(covered.iter().all(|&c| c));
        }
    }
}

#[test]
fn an_epoch_has_every_window_once_in_an_order_of_its_own() {
    let store = store(5);
    let index = WindowIndex::new(&store, shuffled(20, 7)).unwrap();
    let sampler = WindowSampler::new(&store, shuffled(20, 7), 3).unwrap();
    assert_eq!(sampler.windows_per_epoch(), index.len());
    let all = counts(index.iter());
    let epoch = |epoch| sampler.windows(epoch, 0, index.len() as usize);
    assert_eq!(counts(epoch(0)), all);
    assert_eq!(counts(epoch(1)), all);
    assert_ne!(epoch(0), epoch(1));
    assert_eq!(epoch(1)[13..30], sampler.windows(1, 13, 17));
    let in_order = WindowConfig { sampling: Sampling::InOrder, ..shuffled(20, 7) };
    let in_order = WindowSampler::new(&store, in_order, 3).unwrap();
    assert!(index.iter().eq(in_order.windows(4, 0, index.len() as usize)));
}

#[test]
fn batches_of_an_epoch_hold_every_window_once_for_any_number_of_workers() {
    let store: Arc<dyn FeatureStore> = Arc::new(store(6));
    let index = WindowIndex::new(store.as_ref(), shuffled(20, 9)).unwrap();
    for remainder in [Remainder::Drop, Remainder::Short, Remainder::Fill] {
        let config = |workers| LoaderConfig {
            batch_size: 4,
            window: shuffled(20, 9),
            workers,
            remainder,
            ..LoaderConfig::default()
        };
        let epoch = |workers| -> Vec<_> {
            let mut loader = BatchLoader::new(Arc::clone(&store), config(workers)).unwrap();
            // From the second epoch on, as after a restart.
            loader.seek(BatchPosition { epoch: 1, batch: 0 }).unwrap();
            let batches = loader.batches_per_epoch();
            let batches: Vec<_> = (0..batches).map(|_| loader.next_batch().unwrap()).collect();
            assert_eq!(loader.position(), BatchPosition { epoch: 2, batch: 0 });
            batches
        };
        let batches = epoch(0);
        assert_eq!(batches, epoch(1));
        assert_eq!(batches, epoch(8));
        let counts = counts(batches.iter().flat_map(|batch| batch.windows.iter().copied()));
        let windows = index.len() as usize;
        assert_ne!(windows % 4, 0, "the case is of interest");
        match remainder {
            Remainder::Drop => {
                assert_eq!(batches.len(), windows / 4);
                assert!(counts.len() == windows - windows % 4 && counts.values().all(|&n| n == 1));
            }
            Remainder::Short => {
                assert_eq!(batches.last().unwrap().inputs.dim().0, windows % 4);
                assert!(counts.len() == windows && counts.values().all(|&n| n == 1));
            }
            Remainder::Fill => {
                assert!(batches.iter().all(|batch| batch.windows.len() == 4));
                assert!(counts.len() == windows && counts.values().all(|&n| n <= 2));
            }
        }
    }
}

#[test]
fn context_surrounds_the_window_and_is_padding_beyond_the_recording() {
    let store = Arc::new(store(3));
    let (frames, context) = (20, 13);
    let config = LoaderConfig {
        batch_size: 1,
        window: WindowConfig {
            context,
            padding: -20.0,
            sampling: Sampling::InOrder,
            ..shuffled(frames, 11)
        },
        remainder: Remainder::Short,
        ..LoaderConfig::default()
    };
    let plain =
        LoaderConfig { window: WindowConfig { context: 0, ..config.window }, ..config.clone() };
    let plan = BatchPlan::new(store.clone(), config).unwrap();
    let plain = BatchPlan::new(store.clone(), plain).unwrap();
    assert!(plan.batch_bytes() > plain.batch_bytes());
    for batch in 0..plan.batches_per_epoch() {
        let position = BatchPosition { epoch: 0, batch };
        let (wide, narrow) = (plan.batch(position).unwrap(), plain.batch(position).unwrap());
        assert_eq!(wide.targets, narrow.targets, "targets have no context");
        assert_eq!(wide.inputs.dim().2, frames + 2 * context);
        assert_eq!(
            wide.inputs.slice(s![.., .., context..context + frames, ..]),
            narrow.inputs.view()
        );
        let window = wide.windows[0];
        let whole = store.read(window.track, 0..store.tracks()[window.track].frames).unwrap();
        for place in 0..frames + 2 * context {
            let row = wide.inputs.slice(s![0, 0, place, ..]);
            match (window.start + place).checked_sub(context) {
                Some(frame) if frame < whole.dim().1 => {
                    assert_eq!(row, whole.slice(s![0, frame, ..]));
                }
                _ => assert!(row.iter().all(|&v| (v + 20.0).abs() < 1e-6)),
            }
        }
    }
}

#[test]
fn the_voicing_filter_keeps_what_it_says() {
    // Two seconds, and one note of at most a second in them.
    let set = SineSet::of((0..12).map(|i| {
        let mut track = Sines::new(i, 32_000);
        track.samples_of_a_note = 32_000;
        track
    }));
    let store =
        builder().build_in_memory(&set, mir_datasets::Split::Train, Default::default()).unwrap();
    let grid = store.header().grid;
    let frames = 6;
    // By the definition: a note covers the frames from the one nearest to its onset to the one before
    // that nearest to its offset, and one at least.
    let sounds = |track: usize, frame: usize| {
        store.notes(track).iter().any(|note| {
            let first = grid.frame_at(note.onset());
            (first..grid.frame_at(note.offset()).max(first + 1)).contains(&frame)
        })
    };
    let mut sizes = Vec::new();
    for voicing in [Voicing::Any, Voicing::Some, Voicing::Every] {
        let config = WindowConfig { voicing, ..shuffled(frames, 1) };
        let index = WindowIndex::new(&store, config).unwrap();
        let any = WindowIndex::new(&store, shuffled(frames, 1)).unwrap();
        let expected: Vec<Window> = any
            .iter()
            .filter(|w| {
                let length = store.tracks()[w.track].frames;
                let voiced = (w.start..w.start + frames)
                    .filter(|&frame| frame < length && sounds(w.track, frame))
                    .count();
                match voicing {
                    Voicing::Any => true,
                    Voicing::Some => voiced > 0,
                    Voicing::Every => voiced == frames,
                }
            })
            .collect();
        assert!(index.iter().eq(expected.iter().copied()), "{voicing:?}");
        sizes.push(index.len());
    }
    assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2] && sizes[2] > 0, "{sizes:?}");
}

#[test]
fn settings_outside_their_range_are_refused() {
    let store = store(1);
    let base = WindowConfig::default();
    for (field, config) in [
        ("window.context", WindowConfig { context: 1_000_001, ..base }),
        ("window.stride", WindowConfig { stride: 1_000_001, ..base }),
        ("window.voicing", WindowConfig { voicing: Voicing::Some, ..base }),
    ] {
        match WindowSampler::new(&store, config, 0) {
            Err(Error::InvalidConfig { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{other:?}"),
        }
    }
    // Two seconds of a silent track leave no window.
    let silent = SineSet::of([Sines::new(0, 1_000)]);
    let silent =
        builder().build_in_memory(&silent, mir_datasets::Split::Train, Default::default()).unwrap();
    let config = WindowConfig { voicing: Voicing::Some, ..shuffled(5, 5) };
    assert!(matches!(WindowSampler::new(&silent, config, 0), Err(Error::EmptySplit { .. })));
}

#[test]
fn batches_ahead_stay_within_their_memory() {
    let store: Arc<dyn FeatureStore> = Arc::new(store(3));
    let plan = |prefetch_bytes| {
        let config = LoaderConfig { prefetch: 10, prefetch_bytes, ..LoaderConfig::default() };
        BatchPlan::new(Arc::clone(&store), config).unwrap()
    };
    let batch = plan(0).batch(BatchPosition::default()).unwrap();
    let targets = &batch.targets;
    let cells = batch.inputs.len()
        + targets.onset.len()
        + targets.offset.len()
        + targets.frame.len()
        + targets.velocity.len()
        + targets.mask.len();
    let bytes = 4 * cells as u64;
    assert_eq!(plan(0).batch_bytes(), bytes);
    assert_eq!(plan(0).prefetch(), 1, "one at least, or nothing would go on");
    assert_eq!(plan(3 * bytes).prefetch(), 3);
    assert_eq!(plan(4 * bytes - 1).prefetch(), 3);
    assert_eq!(plan(u64::MAX).prefetch(), 10);
}
