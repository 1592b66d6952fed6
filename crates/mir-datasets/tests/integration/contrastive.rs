//! Contrastive batches: what shares a batch, exactly once, packs, position.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use mir_core::batch::{BatchPosition, BatchSource, Window};
use mir_datasets::{
    Error, FeatureStore, Split, StoreBuilder,
    contrastive::{
        ContrastiveConfig, ContrastiveLoader, GroupPlan, GroupSampling, LastGroup, Member,
    },
};
use mir_features::{FrontEndConfig, WaveformConfig};
use proptest::prelude::*;

use crate::support::SineSet;

const SIZE: usize = 6;

fn config(sampling: GroupSampling, last: LastGroup) -> ContrastiveConfig {
    ContrastiveConfig {
        frames: 10,
        batch_size: SIZE,
        sampling,
        last,
        seed: 4,
        ..ContrastiveConfig::default()
    }
}

fn samplings() -> [GroupSampling; 6] {
    [
        GroupSampling::Uniform,
        GroupSampling::SameRecording,
        GroupSampling::SameCategory,
        GroupSampling::Sequential,
        GroupSampling::Mixed { same_recording: 0.5 },
        GroupSampling::PerRecording { windows: 2 },
    ]
}

fn tracks(batch: &[Member]) -> HashSet<usize> {
    batch.iter().map(|member| member.window.track).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_window_comes_once_and_stays_inside_its_recording(
        lengths in prop::collection::vec(0u64..400, 1..9), epoch in 0u64..5,
        cap in prop::option::of(100u64..900), offset: bool,
    ) {
        let categories: Vec<u32> = (0..lengths.len() as u32).map(|track| track % 3).collect();
        for sampling in samplings() {
            for last in [LastGroup::Drop, LastGroup::Short, LastGroup::Fill] {
                let config =
                    ContrastiveConfig { pack_frames: cap, offset, ..config(sampling, last) };
                let plan = match GroupPlan::new(&lengths, &categories, config) {
                    Ok(plan) => plan,
                    Err(error) => {
                        prop_assert!(matches!(error, Error::NoBatch { .. }), "{:?}", error);
                        continue;
                    }
                };
                let batches = plan.epoch(epoch);
                prop_assert_eq!(batches.len() as u64, plan.batches_per_epoch());
                prop_assert_eq!(&batches, &plan.epoch(epoch));
                let mut counts: HashMap<Window, usize> = HashMap::new();
                for member in batches.iter().flatten() {
                    let window = member.window;
                    prop_assert!((window.start + window.frames) as u64 <= lengths[window.track]);
                    *counts.entry(window).or_default() += 1;
                }
                let all: u64 = lengths.iter().map(|length| length / 10).sum();
                // Windows of one recording do not share a frame.
                let mut windows: Vec<Window> = counts.keys().copied().collect();
                windows.sort_by_key(|window| (window.track, window.start));
                for pair in windows.windows(2) {
                    prop_assert!(
                        pair[0].track != pair[1].track || pair[0].start + 10 <= pair[1].start
                    );
                }
                let once = counts.values().all(|&count| count == 1);
                let full = batches.iter().all(|batch| batch.len() == SIZE);
                if sampling == GroupSampling::Sequential || last == LastGroup::Drop {
                    prop_assert!(once && full);
                    prop_assert!(counts.len() as u64 <= all);
                } else if last == LastGroup::Short {
                    prop_assert!(once);
                    prop_assert_eq!(counts.len() as u64, all);
                } else {
                    prop_assert!(full);
                    prop_assert_eq!(counts.len() as u64, all);
                }
            }
        }
    }
}

#[test]
fn batches_hold_what_their_sampling_says() {
    let lengths = [330, 120, 610, 250, 480, 95, 300];
    let categories = [0, 1, 0, 2, 1, 2, 0];
    let plan = |sampling| {
        GroupPlan::new(&lengths, &categories, config(sampling, LastGroup::Drop)).unwrap()
    };
    let uniform = plan(GroupSampling::Uniform).epoch(0);
    assert!(uniform.iter().filter(|batch| tracks(batch).len() > 2).count() > uniform.len() / 2);
    for batch in plan(GroupSampling::SameRecording).epoch(0) {
        assert_eq!(tracks(&batch).len(), 1);
    }
    let mut mixed_recordings = 0;
    for batch in plan(GroupSampling::SameCategory).epoch(0) {
        let of: HashSet<u32> = tracks(&batch).into_iter().map(|track| categories[track]).collect();
        assert_eq!(of.len(), 1);
        mixed_recordings += usize::from(tracks(&batch).len() > 1);
    }
    assert!(mixed_recordings > 0);
    let own = |share| {
        let batches = plan(GroupSampling::Mixed { same_recording: share }).epoch(0);
        batches.iter().filter(|batch| tracks(batch).len() == 1).count()
    };
    assert_eq!(own(1.0), lengths.iter().map(|l| l / 10 / SIZE as u64).sum::<u64>() as usize);
    assert!(own(0.5) < own(1.0) && own(0.5) > own(0.0));
    let per = plan(GroupSampling::PerRecording { windows: 2 }).epoch(0);
    let threes = per.iter().filter(|batch| {
        let tracks = tracks(batch);
        tracks.len() == 3
            && tracks.iter().all(|&t| batch.iter().filter(|m| m.window.track == t).count() == 2)
    });
    // All but the end of the longest recording, which is left alone with its windows.
    assert!(threes.count() * 2 > per.len());
}

#[test]
fn rows_of_sequential_batches_go_on_until_they_say_otherwise() {
    let config =
        ContrastiveConfig { batch_size: 3, ..config(GroupSampling::Sequential, LastGroup::Fill) };
    let plan = GroupPlan::new(&[330, 120, 610, 255], &[], config).unwrap();
    let batches = plan.epoch(1);
    assert_eq!(batches.len(), (33 + 12 + 61 + 25) / 3);
    assert!(batches[0].iter().all(|member| member.reset), "nothing is carried into an epoch");
    let mut resets = 0;
    for pair in batches.windows(2) {
        for (before, now) in pair[0].iter().zip(&pair[1]) {
            let goes_on = before.window.track == now.window.track
                && before.window.start + 10 == now.window.start;
            assert_eq!(now.reset, !goes_on);
            resets += usize::from(now.reset);
        }
    }
    assert_eq!(resets, 3, "where one of the four recordings ends and the next begins");
}

#[test]
fn packs_come_one_after_the_other() {
    let lengths = [330, 120, 610, 250, 480, 95];
    let config = ContrastiveConfig {
        pack_frames: Some(800),
        ..config(GroupSampling::Uniform, LastGroup::Fill)
    };
    let pack_of = |track: usize| [0, 0, 1, 2, 2, 3][track];
    let plan = GroupPlan::new(&lengths, &[], config).unwrap();
    let mut orders = HashSet::new();
    for epoch in 0..6 {
        let mut order: Vec<usize> = plan
            .epoch(epoch)
            .iter()
            .map(|batch| {
                let packs: HashSet<usize> = tracks(batch).into_iter().map(pack_of).collect();
                assert_eq!(packs.len(), 1, "a batch of two packs");
                packs.into_iter().next().unwrap()
            })
            .collect();
        order.dedup();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3]);
        orders.insert(order);
    }
    assert!(orders.len() > 1);
}

#[test]
fn the_loader_reads_samples_for_any_number_of_workers_and_goes_on_anywhere() {
    let builder = StoreBuilder::new(&FrontEndConfig::Waveform(WaveformConfig::default())).unwrap();
    let set = SineSet::new(4);
    let store: Arc<dyn FeatureStore> =
        Arc::new(builder.build_in_memory(&set, Split::Train, Default::default()).unwrap());
    let stream = |workers, from: BatchPosition| {
        let config = ContrastiveConfig {
            frames: 2_000,
            batch_size: 4,
            sampling: GroupSampling::Sequential,
            workers,
            ..ContrastiveConfig::default()
        };
        let mut loader = ContrastiveLoader::new(Arc::clone(&store), &[], config).unwrap();
        loader.seek(from).unwrap();
        (0..12).map(|_| loader.next_batch().unwrap()).collect::<Vec<_>>()
    };
    let all = stream(0, BatchPosition::default());
    assert_eq!(all, stream(1, BatchPosition::default()));
    assert_eq!(all, stream(8, BatchPosition::default()));
    let mut loader = ContrastiveLoader::new(
        Arc::clone(&store),
        &[],
        ContrastiveConfig {
            frames: 2_000,
            batch_size: 4,
            sampling: GroupSampling::Sequential,
            ..ContrastiveConfig::default()
        },
    )
    .unwrap();
    (0..5).for_each(|_| drop(loader.next_batch().unwrap()));
    assert_eq!(stream(1, loader.position())[..7], all[5..]);
    for batch in &all {
        assert_eq!(batch.inputs.dim(), (4, 1, 2_000, 1));
        for (window, input) in batch.windows.iter().zip(batch.inputs.outer_iter()) {
            let range = window.start..window.start + 2_000;
            assert_eq!(input, store.read(window.track, range).unwrap());
        }
    }
    let beyond = BatchPosition { epoch: 0, batch: loader.batches_per_epoch() };
    assert!(matches!(loader.seek(beyond), Err(Error::Position { .. })));
}

#[test]
fn impossible_compositions_are_refused() {
    let base = ContrastiveConfig::default();
    let lengths = [100_000];
    let refused = |config, categories: &[u32]| match GroupPlan::new(&lengths, categories, config) {
        Err(Error::InvalidConfig { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let with = |sampling| ContrastiveConfig { sampling, ..base.clone() };
    assert_eq!(refused(ContrastiveConfig { frames: 0, ..base.clone() }, &[]), "frames");
    assert_eq!(refused(ContrastiveConfig { batch_size: 0, ..base.clone() }, &[]), "batch_size");
    assert_eq!(refused(with(GroupSampling::SameCategory), &[]), "categories");
    assert_eq!(
        refused(with(GroupSampling::Mixed { same_recording: f64::NAN }), &[]),
        "sampling.same_recording"
    );
    assert_eq!(refused(with(GroupSampling::PerRecording { windows: 3 }), &[]), "sampling.windows");
    assert!(matches!(
        GroupPlan::new(&[100], &[], base.clone()),
        Err(Error::NoBatch { windows: 0, batch_size: 8 })
    ));
}
