//! Stores: what goes in comes out, and nothing else is taken for a store.

use mir_datasets::{Error, FeatureStore, MemStore, StoreHeader};

use crate::support::store;

#[test]
fn reads_outside_the_store_are_refused() {
    let store = store(2);
    let frames = store.tracks()[0].frames;
    let bins = store.header().bins;
    let mut buffer = vec![0.0; 4 * bins];
    assert!(matches!(
        store.read_into(2, 0..4, &mut buffer),
        Err(Error::OutOfStore { what: "track", actual: 2, available: 2 })
    ));
    assert!(matches!(
        store.read_into(0, frames - 3..frames + 1, &mut buffer),
        Err(Error::OutOfStore { what: "frame", .. })
    ));
    assert!(matches!(store.read(0, 0..usize::MAX), Err(Error::OutOfStore { what: "frame", .. })));
    assert!(matches!(store.read_into(0, 0..3, &mut buffer), Err(Error::BufferLength { .. })));
    assert!(store.read_into(0, frames - 4..frames, &mut buffer).is_ok());
    assert!(store.read_into(0, 5..5, &mut []).is_ok());
}

#[test]
fn features_that_are_no_numbers_or_of_another_shape_are_refused() {
    let source = store(1);
    let mut recording = source.recording(0).unwrap();
    let mut target = MemStore::new(source.header().clone());
    recording.features.data[(0, 3, 5)] = f32::NAN;
    assert!(matches!(
        target.push(recording.clone()),
        Err(Error::NonFiniteFeature { frame: 3, bin: 5, .. })
    ));
    recording.features.data[(0, 3, 5)] = 0.0;
    recording.track.frames += 1;
    assert!(matches!(target.push(recording), Err(Error::BufferLength { .. })));
    assert!(target.tracks().is_empty());
}

#[test]
fn a_store_with_channels_reads_crops_of_every_channel() {
    let source = store(1);
    let mut header: StoreHeader = source.header().clone();
    header.channels = 2;
    let mut recording = source.recording(0).unwrap();
    let one = recording.features.data.clone();
    let two = &one + 1.0;
    recording.features.data =
        ndarray::concatenate(ndarray::Axis(0), &[one.view(), two.view()]).unwrap();
    let mut store = MemStore::new(header);
    store.push(recording).unwrap();
    let crop = store.read(0, 3..9).unwrap();
    assert_eq!(crop.slice(ndarray::s![0, .., ..]), one.slice(ndarray::s![0, 3..9, ..]));
    assert_eq!(crop.slice(ndarray::s![1, .., ..]), two.slice(ndarray::s![0, 3..9, ..]));
}

#[cfg(feature = "hdf5")]
mod file {
    use std::{fs, path::Path};

    use mir_core::Fingerprinted;
    use mir_datasets::{
        Hdf5Store, Hdf5Writer, Recording, SkippedTrack, TrackId, ValueFormat, recordings,
    };
    use tempfile::TempDir;

    use super::*;

    fn all(store: &dyn FeatureStore) -> Vec<Recording> {
        recordings(store).map(|r| r.unwrap()).collect()
    }

    fn write(path: &Path, source: &dyn FeatureStore) {
        let mut writer = Hdf5Writer::create(path, source.header().clone()).unwrap();
        for recording in all(source) {
            writer.push(&recording).unwrap();
        }
        writer.push_skipped(SkippedTrack {
            track: TrackId::new("silent film").unwrap(),
            reason: "no sound".to_owned(),
        });
        writer.finish().unwrap();
    }

    fn written(count: usize) -> (TempDir, std::path::PathBuf, MemStore) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("store.h5");
        let source = store(count);
        write(&path, &source);
        (folder, path, source)
    }

    #[test]
    fn a_file_gives_back_what_was_written() {
        let (_folder, path, source) = written(5);
        for file in [Hdf5Store::open(&path).unwrap(), Hdf5Store::open_copying(&path).unwrap()] {
            assert_eq!(file.header(), source.header());
            assert_eq!(file.tracks(), source.tracks());
            assert_eq!(file.skipped()[0].reason, "no sound");
            assert_eq!(all(&file), all(&source));
            let frames = source.tracks()[3].frames;
            for range in [0..1, 7..20, frames - 1..frames, 4..4] {
                assert_eq!(file.read(3, range.clone()).unwrap(), source.read(3, range).unwrap());
            }
        }
    }

    #[test]
    fn half_precision_and_bytes_come_back_within_their_error_and_alike_on_all_ways() {
        let folder = TempDir::new().unwrap();
        let exact = store(4);
        for values in [ValueFormat::F16, ValueFormat::U8] {
            let header = StoreHeader { values, ..exact.header().clone() };
            let mut memory = MemStore::new(header);
            all(&exact).into_iter().for_each(|recording| memory.push(recording).unwrap());
            let path = folder.path().join(format!("{values:?}.h5"));
            let mut writer = Hdf5Writer::create(&path, memory.header().clone()).unwrap();
            all(&exact).iter().for_each(|recording| writer.push(recording).unwrap());
            writer.finish().unwrap();
            let mapped = Hdf5Store::open(&path).unwrap();
            let library = Hdf5Store::open_copying(&path).unwrap();
            assert!(mapped.is_mapped() && !library.is_mapped());
            for track in 0..4 {
                let frames = exact.tracks()[track].frames;
                for range in [0..frames, 5..11, frames - 1..frames] {
                    let kept = memory.read(track, range.clone()).unwrap();
                    assert_eq!(mapped.read(track, range.clone()).unwrap(), kept);
                    assert_eq!(library.read(track, range.clone()).unwrap(), kept);
                    let original = exact.read(track, range).unwrap();
                    // 16 natural-log units: relative 2^-11 of 16, or half of 16 / 255.
                    let bound = if values == ValueFormat::F16 { 0.008 } else { 0.04 };
                    for (a, b) in kept.iter().zip(&original) {
                        assert!((a - b).abs() < bound, "{values:?}: {a} {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        let source = store(1);
        let header = StoreHeader { values: ValueFormat::F16, ..source.header().clone() };
        let mut recording = source.recording(0).unwrap();
        recording.features.data[(0, 0, 0)] = 1e6;
        assert!(matches!(
            MemStore::new(header).push(recording),
            Err(Error::BeyondFormat { format: ValueFormat::F16, .. })
        ));
    }

    #[test]
    fn crops_come_from_a_memory_map_when_they_can() {
        let (_folder, path, _) = written(2);
        assert!(Hdf5Store::open(&path).unwrap().is_mapped());
        assert!(!Hdf5Store::open_copying(&path).unwrap().is_mapped());
    }

    #[test]
    fn the_size_is_that_of_the_features_and_little_more() {
        let (_folder, path, source) = written(5);
        let payload: usize =
            source.tracks().iter().map(|track| 4 * track.frames * source.header().bins).sum();
        let size = fs::metadata(&path).unwrap().len() as usize;
        assert!(size < payload + 5 * 16_384 + 65_536, "{size} for {payload}");
    }

    #[test]
    fn no_other_store_is_taken_for_the_wanted_one() {
        let (_folder, path, source) = written(1);
        assert!(Hdf5Store::open_expecting(&path, source.header()).is_ok());
        let mut wanted = source.header().clone();
        wanted.split = "test".to_owned();
        wanted.version = "2".to_owned();
        match Hdf5Store::open_expecting(&path, &wanted) {
            Err(Error::StoreMismatch { differences, expected, found, .. }) => {
                assert_eq!(
                    differences,
                    [r#"split: wanted "test", found "train""#, r#"version: wanted "2", found "1""#,]
                );
                assert_eq!(expected, wanted.fingerprint().unwrap());
                assert_eq!(found, source.header().fingerprint().unwrap());
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn files_that_are_no_stores_are_refused() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("x.h5");
        assert!(matches!(Hdf5Store::open(&path), Err(Error::Io { .. })));
        for content in ["", "RIFF", "not a store at all, but long enough to be one"] {
            fs::write(&path, content).unwrap();
            assert!(matches!(Hdf5Store::open(&path), Err(Error::NotAStore { .. })), "{content}");
        }
        fs::write(&path, b"\x89HDF\r\n\x1a\nand then nothing of the kind").unwrap();
        assert!(matches!(Hdf5Store::open(&path), Err(Error::Hdf5 { .. })));
    }

    #[test]
    fn a_cut_file_is_never_accepted() {
        let (_folder, path, _) = written(3);
        let bytes = fs::read(&path).unwrap();
        let cut = path.with_extension("cut");
        for part in 0..64 {
            let length = bytes.len() * part / 64;
            fs::write(&cut, &bytes[..length]).unwrap();
            let error = Hdf5Store::open(&cut).unwrap_err();
            assert!(
                matches!(error, Error::Hdf5 { .. } | Error::NotAStore { .. }),
                "{length} bytes: {error}"
            );
        }
    }

    #[test]
    fn a_writer_that_is_dropped_leaves_nothing() {
        let folder = TempDir::new().unwrap();
        let source = store(1);
        let path = folder.path().join("store.h5");
        let mut writer = Hdf5Writer::create(&path, source.header().clone()).unwrap();
        writer.push(&source.recording(0).unwrap()).unwrap();
        assert!(!path.exists());
        drop(writer);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_track_cannot_be_written_twice() {
        let folder = TempDir::new().unwrap();
        let source = store(1);
        let path = folder.path().join("store.h5");
        let mut writer = Hdf5Writer::create(path, source.header().clone()).unwrap();
        let recording = source.recording(0).unwrap();
        writer.push(&recording).unwrap();
        assert!(matches!(writer.push(&recording), Err(Error::Hdf5 { .. })));
    }

    #[test]
    fn a_store_is_replaced_while_it_is_read() {
        let (_folder, path, source) = written(2);
        let old = Hdf5Store::open(&path).unwrap();
        write(&path, &store(1));
        assert_eq!(all(&old), all(&source));
        assert_eq!(Hdf5Store::open(&path).unwrap().tracks().len(), 1);
    }
}
