//! Building stores: order, failures, cancelling, the cache.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicBool, Ordering},
};

use mir_datasets::{BuildOptions, BuildReport, Error, FeatureStore, OnError, Progress, Split};

use crate::support::{Defect, SineSet, Sines, builder};

fn with_defect(position: usize, defect: Defect) -> SineSet {
    SineSet::of((0..5).map(|i| {
        let mut track = Sines::new(i, 16_000 + 5000 * i);
        if i == position {
            track.defect = defect;
        }
        track
    }))
}

#[test]
fn progress_counts_tracks_and_seconds_to_the_end() {
    let set = SineSet::new(5);
    let seen: RefCell<Vec<Progress>> = RefCell::default();
    let report = |progress| seen.borrow_mut().push(progress);
    let options = BuildOptions { progress: Some(&report), threads: 2, ..BuildOptions::default() };
    let store = builder().build_in_memory(&set, Split::Train, options).unwrap();
    let seen = seen.into_inner();
    let counts: Vec<usize> = seen.iter().map(|p| p.tracks_done).collect();
    assert_eq!(counts, [0, 1, 2, 3, 4, 5]);
    let last = seen.last().unwrap();
    assert!((last.seconds_done - last.seconds_total.unwrap()).abs() < 1e-9);
    let report = BuildReport::of(&store);
    assert_eq!(report.tracks, 5);
    assert!((report.seconds - last.seconds_done).abs() < 1e-9);
    assert!(report.notes > 0 && report.frames > 0);
}

#[test]
fn a_bad_track_stops_the_build_or_is_left_out_and_reported() {
    for defect in [Defect::NoAudio, Defect::LateNotes, Defect::NaN] {
        let set = with_defect(2, defect);
        let error =
            builder().build_in_memory(&set, Split::Train, BuildOptions::default()).unwrap_err();
        match error {
            Error::TrackFailed { track, source } => {
                assert_eq!(track.as_str(), "sines-02");
                match defect {
                    Defect::LateNotes => {
                        assert!(matches!(*source, Error::LabelsBeyondAudio { .. }))
                    }
                    Defect::NaN => assert!(matches!(*source, Error::Features { .. })),
                    _ => assert!(matches!(*source, Error::Render { .. })),
                }
            }
            other => panic!("{other:?}"),
        }
        let options = BuildOptions { on_error: OnError::Skip, ..BuildOptions::default() };
        let store = builder().build_in_memory(&set, Split::Train, options).unwrap();
        assert_eq!(store.tracks().len(), 4);
        assert_eq!(store.skipped().len(), 1);
        assert_eq!(store.skipped()[0].track.as_str(), "sines-02");
        assert!(store.skipped()[0].reason.contains("sines-02"));
    }
}

#[test]
fn nothing_to_store_is_an_error() {
    let mut track = Sines::new(0, 16_000);
    track.defect = Defect::NoAudio;
    let options = BuildOptions { on_error: OnError::Skip, ..BuildOptions::default() };
    assert!(matches!(
        builder().build_in_memory(&SineSet::of([track]), Split::Train, options),
        Err(Error::AllFailed { total: 1, .. })
    ));
    assert!(matches!(
        builder().build_in_memory(&SineSet::new(2), Split::Test, options),
        Err(Error::EmptySplit { .. })
    ));
}

#[test]
fn a_panic_is_never_skipped() {
    let options = BuildOptions { on_error: OnError::Skip, ..BuildOptions::default() };
    assert!(matches!(
        builder().build_in_memory(&with_defect(1, Defect::Panic), Split::Train, options),
        Err(Error::WorkerPanicked { item: 1, .. })
    ));
}

#[test]
fn a_build_can_be_cancelled() {
    let cancel = AtomicBool::new(false);
    let stop_after_two =
        |progress: Progress| cancel.store(progress.tracks_done == 2, Ordering::Relaxed);
    let options = BuildOptions {
        progress: Some(&stop_after_two),
        cancel: Some(&cancel),
        ..BuildOptions::default()
    };
    assert!(matches!(
        builder().build_in_memory(&SineSet::new(5), Split::Train, options),
        Err(Error::Cancelled { done: 2, total: 5 })
    ));
}

#[cfg(feature = "hdf5")]
mod cached {
    use std::{fs, thread};

    use mir_core::batch::BatchPosition;
    use mir_datasets::{
        BatchPlan, LoaderConfig, Share, StoreBuilder, ValueFormat,
        cache::{self, EntryKind},
        recordings,
    };
    use mir_features::{FrontEndConfig, LogMelConfig};
    use tempfile::TempDir;

    use super::*;

    use crate::support::names;

    #[test]
    fn a_store_of_shares_has_the_bytes_of_one_built_at_once() {
        let set = SineSet::new(7);
        let (alone, together) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let build = |folder: &TempDir| {
            let options = BuildOptions::default();
            builder().build_or_open(folder.path(), &set, Split::Train, options).unwrap()
        };
        let share = |index, count| {
            let (share, options) = (Share { index, count }, BuildOptions::default());
            builder().prepare_share(together.path(), &set, Split::Train, share, options)
        };
        // At the same time: they do not keep each other out.
        let prepared: Vec<usize> = thread::scope(|scope| {
            let workers: Vec<_> = (0..3).map(|i| scope.spawn(move || share(i, 3))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap().unwrap()).collect()
        });
        assert_eq!(prepared, [3, 2, 2]);
        let built = build(&together);
        assert_eq!((built.resumed, built.report.tracks), (7, 7));
        build(&alone);
        let [name] = &names(together.path())[..] else { panic!("one file") };
        let bytes = |folder: &TempDir| fs::read(folder.path().join(name)).unwrap();
        assert!(bytes(&alone) == bytes(&together), "the store depends on who prepared it");
        // There is nothing left to do, and no share beyond the last.
        assert_eq!(share(0, 3).unwrap(), 0);
        assert!(matches!(share(3, 3), Err(Error::InvalidConfig { .. })));
    }

    #[test]
    fn a_share_leaves_what_cannot_be_prepared_to_the_build() {
        let folder = TempDir::new().unwrap();
        let set = with_defect(2, Defect::NoAudio);
        let (share, options) = (Share { index: 0, count: 2 }, BuildOptions::default());
        let prepared = builder().prepare_share(folder.path(), &set, Split::Train, share, options);
        assert_eq!(prepared.unwrap(), 2);
        let built = builder().build_or_open(folder.path(), &set, Split::Train, options);
        assert!(
            matches!(built, Err(Error::TrackFailed { track, .. }) if track.as_str() == "sines-02")
        );
    }

    #[test]
    fn a_store_is_built_once_and_found_again() {
        let folder = TempDir::new().unwrap();
        let cache = folder.path().join("deep/cache");
        let build = |set: &SineSet| {
            builder().build_or_open(&cache, set, Split::Train, BuildOptions::default()).unwrap()
        };
        let first = build(&SineSet::new(3));
        assert!(!first.reused);
        let again = build(&SineSet::new(3));
        assert!(again.reused);
        assert_eq!(first.report, again.report);
        let [name] = &names(&cache)[..] else { panic!("one file") };
        assert!(name.starts_with("sines-train_log-mel-229_") && name.ends_with(".h5"), "{name}");

        assert!(!build(&SineSet::new(4)).reused, "other recordings");
        assert_eq!(names(&cache).len(), 2);
        let other = FrontEndConfig::LogMel(LogMelConfig::magenta());
        let built = StoreBuilder::new(&other)
            .unwrap()
            .build_or_open(&cache, &SineSet::new(3), Split::Train, BuildOptions::default())
            .unwrap();
        assert!(!built.reused, "another front end");
        assert_eq!(names(&cache).len(), 3);
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_number_of_threads() {
        let bytes = |threads| {
            let folder = TempDir::new().unwrap();
            let options = BuildOptions { threads, ..BuildOptions::default() };
            builder()
                .build_or_open(folder.path(), &SineSet::new(9), Split::Train, options)
                .unwrap();
            let [name] = &names(folder.path())[..] else { panic!("one file") };
            fs::read(folder.path().join(name)).unwrap()
        };
        let one = bytes(1);
        // HDF5 notes times in whole seconds, where it does.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert!(one == bytes(1), "a second run differs");
        assert!(one == bytes(4), "four threads differ from one");
    }

    #[test]
    fn memory_and_file_give_the_same_batches() {
        let folder = TempDir::new().unwrap();
        let set = SineSet::new(4);
        let options = BuildOptions::default();
        let file = builder().build_or_open(folder.path(), &set, Split::Train, options).unwrap();
        let memory = builder().build_in_memory(&set, Split::Train, options).unwrap();
        assert_eq!(memory.header(), file.store.header());
        for (a, b) in recordings(&memory).zip(recordings(file.store.as_ref())) {
            assert_eq!(a.unwrap(), b.unwrap());
        }
        let plan = |store| BatchPlan::new(store, LoaderConfig::default()).unwrap();
        let position = BatchPosition::default();
        assert_eq!(
            plan(std::sync::Arc::new(memory)).batch(position).unwrap(),
            plan(file.store).batch(position).unwrap()
        );
    }

    #[test]
    fn a_damaged_store_is_built_again() {
        let folder = TempDir::new().unwrap();
        let build = || {
            builder()
                .build_or_open(
                    folder.path(),
                    &SineSet::new(2),
                    Split::Train,
                    BuildOptions::default(),
                )
                .unwrap()
        };
        build();
        let path = folder.path().join(&names(folder.path())[0]);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(!build().reused);
        assert!(fs::read(&path).unwrap() == bytes);
        assert!(build().reused);
    }

    #[test]
    fn a_failed_or_cancelled_build_leaves_no_store_and_the_next_one_goes_on_with_its_tracks() {
        let folder = TempDir::new().unwrap();
        let cancel = AtomicBool::new(false);
        let stop = |progress: Progress| cancel.store(progress.tracks_done == 2, Ordering::Relaxed);
        let cancelled = BuildOptions {
            threads: 1,
            progress: Some(&stop),
            cancel: Some(&cancel),
            ..BuildOptions::default()
        };
        let build = |set: &SineSet, options| {
            builder().build_or_open(folder.path(), set, Split::Train, options)
        };
        let stores = || {
            let entries = cache::entries(folder.path()).unwrap();
            entries.iter().filter(|entry| matches!(entry.kind, EntryKind::Store(_))).count()
        };
        let failed = build(&SineSet::new(9), cancelled).unwrap_err();
        assert!(matches!(failed, Error::Cancelled { .. }));
        assert_eq!(stores(), 0);
        let seen: RefCell<Vec<Progress>> = RefCell::default();
        let report = |progress| seen.borrow_mut().push(progress);
        let options = BuildOptions { progress: Some(&report), ..BuildOptions::default() };
        let built = build(&SineSet::new(9), options).unwrap();
        assert!((2..9).contains(&built.resumed), "{}", built.resumed);
        assert_eq!(seen.borrow().last().unwrap().tracks_resumed, built.resumed);
        assert_eq!(names(folder.path()).len(), 1, "the parts are gone");

        // A recording that is repaired costs no other one.
        let broken = with_defect(3, Defect::NoAudio);
        let failed = build(&broken, BuildOptions::default()).unwrap_err();
        assert!(matches!(failed, Error::TrackFailed { .. }));
        assert_eq!(stores(), 1);
        let repaired = with_defect(3, Defect::None);
        let built = build(&repaired, BuildOptions { threads: 1, ..BuildOptions::default() });
        assert!(built.unwrap().resumed >= 3);
        assert_eq!(stores(), 2);
    }

    #[test]
    fn a_part_that_was_damaged_is_prepared_again() {
        let fresh = TempDir::new().unwrap();
        let whole = builder().build_or_open(
            fresh.path(),
            &SineSet::new(5),
            Split::Train,
            BuildOptions::default(),
        );
        whole.unwrap();
        let store = names(fresh.path()).remove(0);

        let folder = TempDir::new().unwrap();
        let broken = with_defect(4, Defect::NoAudio);
        builder()
            .build_or_open(folder.path(), &broken, Split::Train, BuildOptions::default())
            .unwrap_err();
        let parts = folder.path().join(&names(folder.path())[0]);
        let parts: Vec<_> = names(&parts).iter().map(|name| parts.join(name)).collect();
        let parts: Vec<_> =
            parts.iter().filter(|path| path.extension().is_some_and(|e| e == "part")).collect();
        assert!(!parts.is_empty());
        for path in &parts {
            let mut bytes = fs::read(path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 0x10;
            fs::write(path, bytes).unwrap();
        }
        let set = with_defect(4, Defect::None);
        let built = builder()
            .build_or_open(folder.path(), &set, Split::Train, BuildOptions::default())
            .unwrap();
        assert_eq!(built.resumed, 0);
        assert_ne!(names(folder.path()), [store], "other lengths, another store");
        assert_eq!(names(folder.path()).len(), 1);
    }

    #[test]
    fn the_cache_lists_its_entries_and_purges_what_it_is_told() {
        let folder = TempDir::new().unwrap();
        let build = |set: &SineSet| {
            builder().build_or_open(folder.path(), set, Split::Train, BuildOptions::default())
        };
        build(&SineSet::new(2)).unwrap();
        build(&with_defect(4, Defect::NoAudio)).unwrap_err();
        let store = folder
            .path()
            .join(names(folder.path()).into_iter().find(|name| name.ends_with(".h5")).unwrap());
        fs::write(folder.path().join("my notes.txt"), "keep me").unwrap();
        fs::write(folder.path().join("old_1234.h5"), "no HDF5").unwrap();
        fs::write(store.with_extension("h5.tmp-1-0"), "half a store").unwrap();
        let kinds = || -> Vec<&'static str> {
            let entries = cache::entries(folder.path()).unwrap();
            assert!(entries.iter().all(|entry| entry.bytes > 0));
            entries
                .iter()
                .map(|entry| match &entry.kind {
                    EntryKind::Store(header) => {
                        assert_eq!(header.dataset, "sines");
                        "store"
                    }
                    EntryKind::Unreadable => "unreadable",
                    EntryKind::Parts => "parts",
                    EntryKind::Unfinished => "unfinished",
                    other => panic!("{other:?}"),
                })
                .collect()
        };
        let mut all = kinds();
        all.sort_unstable();
        assert_eq!(all, ["parts", "store", "unfinished", "unreadable"]);
        let gone = cache::purge(folder.path(), |entry| !matches!(entry.kind, EntryKind::Store(_)));
        assert_eq!(gone.unwrap().len(), 3);
        assert_eq!(kinds(), ["store"]);
        assert!(build(&SineSet::new(2)).unwrap().reused);
        cache::purge(folder.path(), |_| true).unwrap();
        assert_eq!(names(folder.path()), ["my notes.txt"]);
    }

    #[test]
    fn a_build_at_work_is_not_purged() {
        let folder = TempDir::new().unwrap();
        let looked = RefCell::new(0);
        let look = |_| {
            let building = cache::entries(folder.path()).unwrap();
            assert!(building.iter().all(|entry| entry.kind == EntryKind::Building), "{building:?}");
            assert!(cache::purge(folder.path(), |_| true).unwrap().is_empty());
            *looked.borrow_mut() += usize::from(!building.is_empty());
        };
        let options = BuildOptions { progress: Some(&look), ..BuildOptions::default() };
        builder().build_or_open(folder.path(), &SineSet::new(3), Split::Train, options).unwrap();
        assert_eq!(looked.into_inner(), 4);
    }

    #[test]
    fn other_formats_are_other_stores_with_the_same_recordings() {
        let folder = TempDir::new().unwrap();
        let set = SineSet::new(3);
        let mut sizes = Vec::new();
        for values in [ValueFormat::F32, ValueFormat::F16, ValueFormat::U8] {
            let builder = builder().with_values(values);
            let options = BuildOptions::default();
            let memory = builder.build_in_memory(&set, Split::Train, options).unwrap();
            let built = builder.build_or_open(folder.path(), &set, Split::Train, options).unwrap();
            assert!(!built.reused);
            let again = builder.build_or_open(folder.path(), &set, Split::Train, options).unwrap();
            assert!(again.reused);
            for (a, b) in recordings(&memory).zip(recordings(again.store.as_ref())) {
                assert_eq!(a.unwrap(), b.unwrap());
            }
            let entries = cache::entries(folder.path()).unwrap();
            let of_format = entries.iter().find(
                |entry| matches!(&entry.kind, EntryKind::Store(header) if header.values == values),
            );
            sizes.push(of_format.unwrap().bytes);
        }
        assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2], "{sizes:?}");
    }

    #[test]
    fn a_store_with_gaps_serves_only_those_who_accept_them() {
        let folder = TempDir::new().unwrap();
        let broken = with_defect(3, Defect::NoAudio);
        let skip = BuildOptions { on_error: OnError::Skip, ..BuildOptions::default() };
        let build =
            |options| builder().build_or_open(folder.path(), &broken, Split::Train, options);
        assert!(!build(skip).unwrap().reused);
        let again = build(skip).unwrap();
        assert!(again.reused);
        assert_eq!(again.report.skipped.len(), 1);
        assert!(matches!(build(BuildOptions::default()), Err(Error::TrackFailed { .. })));
    }

    #[test]
    fn a_cache_that_is_no_folder_is_named() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(
            builder().build_or_open(&file, &SineSet::new(1), Split::Train, BuildOptions::default()),
            Err(Error::Io { action: "create", .. })
        ));
    }

    #[test]
    fn two_builders_at_once_do_not_harm_each_other() {
        let folder = TempDir::new().unwrap();
        let build = || {
            let set = SineSet::new(4);
            let options = BuildOptions { threads: 1, ..BuildOptions::default() };
            let built =
                builder().build_or_open(folder.path(), &set, Split::Train, options).unwrap();
            built.report
        };
        let reports: Vec<BuildReport> = std::thread::scope(|scope| {
            let builds: Vec<_> = (0..4).map(|_| scope.spawn(build)).collect();
            builds.into_iter().map(|b| b.join().unwrap()).collect()
        });
        assert!(reports.iter().all(|report| *report == reports[0]));
        assert_eq!(names(folder.path()).len(), 1);
    }
}
