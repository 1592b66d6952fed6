//! Files of the Onsets-and-Velocities programs: written, read, and refused.

use mir_datasets::{
    BuildOptions, Error, FeatureStore, MemStore, Split, StoreBuilder,
    store::onsets_velocities::{
        JoinedFile, JoinedWriter, ROLL_ROWS, export, log_mel_name, roll_name,
    },
};
use mir_features::{FrontEndConfig, LogMelConfig};
use ndarray::{Array2, array, s};
use tempfile::TempDir;

use crate::support::{SineSet, names};

fn store(config: FrontEndConfig) -> MemStore {
    let builder = StoreBuilder::new(&config).unwrap();
    builder.build_in_memory(&SineSet::new(4), Split::Train, BuildOptions::default()).unwrap()
}

#[test]
fn a_store_goes_out_and_comes_back() {
    let folder = TempDir::new().unwrap();
    let config = LogMelConfig::onsets_velocities_v2();
    let store = store(FrontEndConfig::LogMel(config.clone()));
    let [features, rolls] = export(&store, folder.path(), "MAPS").unwrap();
    let mut expected = [log_mel_name("MAPS", &config), roll_name("MAPS", 0.024)];
    expected.sort();
    assert_eq!(names(folder.path()), expected);
    let (features, rolls) = (JoinedFile::open(features).unwrap(), JoinedFile::open(rolls).unwrap());
    features.check_pair(&rolls).unwrap();
    assert_eq!((features.rows(), rolls.rows()), (229, ROLL_ROWS));
    for (number, track) in store.tracks().iter().enumerate() {
        assert_eq!(features.metadata()[number], track.id.as_str());
        assert_eq!(features.frames(number), track.frames);
        let whole = store.read(number, 0..track.frames).unwrap();
        let back = features.read(number, 0..track.frames).unwrap();
        assert_eq!(back.t(), whole.slice(s![0, .., ..]));
        let part = features.read(number, 3..9).unwrap();
        assert_eq!(part, back.slice(s![.., 3..9]));

        // By the definition: the frame of a time is the last that does not begin after it; a note is
        // marked where it begins, and sounds up to the frame of its end.
        let roll = rolls.read(number, 0..track.frames).unwrap();
        assert!(roll.slice(s![256.., ..]).iter().all(|&pedal| pedal.abs() < 1e-6));
        let frame_of =
            |time: f64| (0..track.frames).rev().find(|&i| i as f64 * 0.024 <= time).unwrap_or(0);
        let mut expected = Array2::from_elem((256, track.frames), false);
        for note in store.notes(number) {
            let key = usize::from(note.pitch().key().unwrap().number());
            let (first, last) = (frame_of(note.onset()), frame_of(note.offset()));
            expected[(key, first)] = true;
            expected.slice_mut(s![128 + key, first..last]).fill(true);
        }
        assert_eq!(roll.slice(s![..256, ..]).mapv(|velocity| velocity > 0.0), expected);
        assert!(roll.iter().any(|&velocity| velocity > 1.0));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.h5");
    let write = |texts: [&str; 2], frames: usize, name: &str| {
        let path = folder.path().join(name);
        let mut writer = JoinedWriter::create(&path, 3).unwrap();
        for text in texts {
            writer.push(text, &Array2::from_elem((3, frames), 0.5)).unwrap();
        }
        assert!(matches!(
            writer.push("c", &array![[1.0, 2.0]]),
            Err(Error::BufferLength { expected: 6, actual: 2 })
        ));
        writer.finish().unwrap();
        JoinedFile::open(path).unwrap()
    };
    let file = write(["a", "b"], 400, "a.h5");
    assert!(matches!(file.read(2, 0..1), Err(Error::OutOfStore { what: "track", .. })));
    assert!(matches!(file.read(0, 0..401), Err(Error::OutOfStore { what: "frame", .. })));
    assert_eq!(file.read(1, 399..400).unwrap().dim(), (3, 1));
    for (other, expected) in [
        (write(["a", "c"], 400, "b.h5"), "metadata"),
        (write(["a", "b"], 399, "c.h5"), "data_idxs"),
    ] {
        match file.check_pair(&other) {
            Err(Error::NotAStore { field, .. }) => assert_eq!(field, expected),
            result => panic!("{result:?}"),
        }
    }
    drop(file);
    let damaged = hdf5::File::open_rw(&path).unwrap();
    let bounds = Array2::from_shape_vec((2, 2), vec![0i64, 401, 400, 800]).unwrap();
    damaged.dataset("data_idxs").unwrap().write(&bounds).unwrap();
    damaged.close().unwrap();
    match JoinedFile::open(&path) {
        Err(Error::NotAStore { field, .. }) => assert_eq!(field, "data_idxs"),
        other => panic!("{other:?}"),
    }
    let waveform = store(FrontEndConfig::Waveform(mir_features::WaveformConfig::default()));
    assert!(matches!(
        export(&waveform, folder.path(), "x"),
        Err(Error::InvalidConfig { field: "front end", .. })
    ));
}
