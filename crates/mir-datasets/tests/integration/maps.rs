//! MAPS: the layout, the splits, and the published facts on the real files.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use mir_core::{Note, SampleRate};
use mir_datasets::{
    Annotation, Dataset, Error, Kind, Label, LoadOptions, OnError, Result, Split, Track,
    loaders::{
        Maps, MapsConfig, MapsPiano,
        maps::{MapsCategory, MapsName, published_pieces},
    },
    one_per_piece, shared_pieces,
};
use mir_testkit::{assert_close, test_data};
use tempfile::TempDir;

use crate::support::{builder, midi, wav};

const LABELS: &str = "# onset,offset,note,velocity\n0.100000\t0.400000\t60.000000\t80.000000\n";

/// A folder in the layout with recordings of these names, of 1 s each.
fn layout(part: &Path, names: &[&str]) {
    fs::create_dir_all(part.join("wav")).unwrap();
    fs::create_dir_all(part.join("tsv/matched")).unwrap();
    for name in names {
        fs::write(part.join(format!("wav/{name}.wav")), wav(1.0)).unwrap();
        fs::write(part.join(format!("tsv/matched/{name}.tsv")), LABELS).unwrap();
    }
}

fn open(root: &Path) -> Result<Maps> {
    Maps::open(root, MapsConfig::default())
}

fn names(tracks: &[Arc<dyn Track>]) -> Vec<String> {
    tracks.iter().map(|t| t.id().to_string()).collect()
}

#[test]
fn splits_share_neither_piece_nor_piano() {
    let root = TempDir::new().unwrap();
    layout(
        root.path(),
        &[
            "MAPS_MUS-alb_esp2_AkPnCGdD",
            "MAPS_MUS-chpn-p1_AkPnBcht",
            "MAPS_MUS-chpn-p1_AkPnBsdf",
            "MAPS_MUS-new_piece_SptkBGAm",
            "MAPS_MUS-new_piece_ENSTDkCl",
            "MAPS_MUS-scn15_12_StbgTGd2",
        ],
    );
    let maps = open(root.path()).unwrap();
    assert_eq!(maps.tracks().len(), 6);
    let split = |split| names(&maps.split(split).unwrap());
    // scn15_12 is played by a test piano, though not here; new_piece is, here.
    assert_eq!(split(Split::Train), ["MAPS_MUS-alb_esp2_AkPnCGdD"]);
    assert_eq!(split(Split::Validation), ["MAPS_MUS-chpn-p1_AkPnBsdf"]);
    assert_eq!(split(Split::Test), ["MAPS_MUS-new_piece_ENSTDkCl"]);

    let all = MapsConfig { validation_piano: None, ..MapsConfig::default() };
    let maps = Maps::open(root.path(), all).unwrap();
    assert_eq!(maps.split(Split::Train).unwrap().len(), 3);
    assert!(matches!(maps.split(Split::Validation), Err(Error::EmptySplit { .. })));
}

#[test]
fn train_and_test_may_lie_in_two_folders() {
    let root = TempDir::new().unwrap();
    layout(&root.path().join("train"), &["MAPS_MUS-alb_esp2_AkPnCGdD"]);
    layout(&root.path().join("test"), &["MAPS_MUS-scn15_12_ENSTDkCl"]);
    let maps = open(root.path()).unwrap();
    assert_eq!(maps.split(Split::Train).unwrap().len(), 1);
    assert_eq!(maps.split(Split::Test).unwrap().len(), 1);

    layout(&root.path().join("train"), &["MAPS_MUS-scn15_12_ENSTDkCl"]);
    match open(root.path()) {
        Err(Error::DuplicateTrack { first, second, .. }) => {
            assert!(first.starts_with(root.path().join("train")));
            assert!(second.starts_with(root.path().join("test")));
        }
        other => panic!("{other:?}"),
    }
}

/// A recording of the original release: audio, text and MIDI file of one name.
fn triple(root: &Path, folder: &str, name: &str) {
    let home = root.join(folder);
    fs::create_dir_all(&home).unwrap();
    fs::write(home.join(format!("{name}.wav")), wav(2.0)).unwrap();
    // A thousand ticks are half a second. The first key is let go at 0.5 s, but the pedal holds it to 1 s.
    let played = midi(
        1000,
        &[
            (200, [0x90, 60, 81]),
            (200, [0x90, 64, 32]),
            (600, [0xb0, 64, 127]),
            (1000, [0x80, 60, 0]),
            (1000, [0x80, 64, 0]),
            (2000, [0xb0, 64, 0]),
            (2400, [0x90, 60, 5]),
            (3000, [0x80, 60, 0]),
        ],
    );
    fs::write(home.join(format!("{name}.mid")), played).unwrap();
    let text = "OnsetTime\tOffsetTime\tMidiPitch\r\n0.1\t1\t60\r\n0.1\t1\t64\r\n1.2\t1.5\t60\r\n";
    fs::write(home.join(format!("{name}.txt")), text).unwrap();
}

/// A miniature of the original release: two pianos, all categories, a recording of each form of name.
fn original() -> TempDir {
    let root = TempDir::new().unwrap();
    for (piano, home) in [("AkPnStgb", "AkPnStgb"), ("ENSTDkAm", "ENSTDkAm2/ENSTDkAm")] {
        for (folder, name) in [
            ("MUS", "MUS-alb_esp2"),
            ("ISOL/NO", "ISOL_NO_F_S0_M60"),
            ("ISOL/TR1", "ISOL_TR1_P_S1_M21"),
            ("ISOL/CH", "ISOL_CH0.5_M"),
            ("RAND/P2", "RAND_P2_M21-108_I32-96_S0_n1"),
            ("UCHO/C3/I60-68", "UCHO_C0-4-7_I60-68_S1_n12"),
        ] {
            triple(root.path(), &format!("{home}/{folder}"), &format!("MAPS_{name}_{piano}"));
        }
    }
    for file in ["license.txt", "MD5SUM", "readme.txt"] {
        fs::write(root.path().join(file), "").unwrap();
    }
    root
}

#[test]
fn the_original_release_is_found_by_itself() {
    let root = original();
    let maps = open(root.path()).unwrap();
    assert_eq!(names(maps.tracks()), ["MAPS_MUS-alb_esp2_AkPnStgb", "MAPS_MUS-alb_esp2_ENSTDkAm"]);
    assert_eq!(names(&maps.split(Split::Test).unwrap()), ["MAPS_MUS-alb_esp2_ENSTDkAm"]);
    assert!(maps.split(Split::Train).is_err(), "a test piano plays the only piece");
    let piece = &maps.tracks()[0];
    assert_eq!((piece.piece(), piece.instrument()), ("alb_esp2", "AkPnStgb"));
    assert_eq!(piece.audio(&LoadOptions::default()).unwrap().len(), 32_000);
    assert_eq!(piece.files().len(), 3);

    // Times from the text, velocities from the MIDI file.
    let notes = piece.notes().unwrap();
    let found: Vec<_> = notes
        .iter()
        .map(|n| (n.onset(), n.offset(), n.pitch().midi(), n.velocity().value()))
        .collect();
    let expected = [(0.1, 1.0, 60.0, 81), (0.1, 1.0, 64.0, 32), (1.2, 1.5, 60.0, 5)];
    assert_eq!(found, expected);
    // The pedal makes the notes of the MIDI file those of the text.
    let played = piece.annotation(&Label::new(Kind::Notes, "midi")).unwrap();
    let Annotation::Notes(played) = played else { panic!("{played:?}") };
    assert_eq!(played.len(), notes.len());
    for (text, midi) in notes.iter().zip(&played) {
        assert_eq!((text.pitch(), text.velocity()), (midi.pitch(), midi.velocity()));
        assert_close(midi.onset(), text.onset(), 1e-3, "onset");
        assert_close(midi.offset(), text.offset(), 1e-3, "offset");
    }

    let midi = root.path().join("AkPnStgb/MUS/MAPS_MUS-alb_esp2_AkPnStgb.mid");
    fs::write(&midi, "no MIDI").unwrap();
    assert!(matches!(piece.notes(), Err(Error::Annotation { .. })));
    fs::remove_file(midi).unwrap();
    let maps = open(root.path()).unwrap();
    let velocities: Vec<u8> =
        maps.tracks()[0].notes().unwrap().iter().map(|n| n.velocity().value()).collect();
    assert_eq!(velocities, [64, 64, 64]);
    assert_eq!(maps.tracks()[0].labels().len(), 1);
}

#[test]
fn single_notes_and_chords_come_on_request_and_are_in_no_split() {
    let root = original();
    let config = MapsConfig { categories: MapsCategory::ALL.to_vec(), ..MapsConfig::default() };
    let maps = Maps::open(root.path(), config).unwrap();
    assert_eq!(maps.tracks().len(), 12);
    for category in MapsCategory::ALL {
        let of_it = |t: &&Arc<dyn Track>| t.metadata()["category"] == category.code();
        let count = if category == MapsCategory::Isol { 6 } else { 2 };
        assert_eq!(maps.tracks().iter().filter(of_it).count(), count, "{category:?}");
    }
    for track in maps.tracks() {
        let name = track.id().as_str();
        assert_eq!(MapsName::parse(name).unwrap().to_string(), name);
        assert_eq!(track.notes().unwrap().len(), 3);
    }
    let chord = maps.tracks().iter().find(|t| t.id().as_str().contains("UCHO")).unwrap();
    assert_eq!(chord.piece(), "UCHO_C0-4-7_I60-68_S1_n12", "the same chord on every piano");
    assert_eq!(
        (chord.metadata()["polyphony"].as_str(), chord.metadata()["pedal"].as_str()),
        ("3", "down")
    );
    assert_eq!(maps.split(Split::Test).unwrap().len(), 1);

    let none = MapsConfig { categories: vec![], ..MapsConfig::default() };
    let refused = Maps::open(root.path(), none);
    assert!(matches!(refused, Err(Error::InvalidConfig { field: "categories", .. })));
    let odd = root.path().join("AkPnStgb/ISOL/NO/MAPS_ISOL_NO_X_S0_M60_AkPnStgb.wav");
    fs::write(&odd, wav(0.1)).unwrap();
    let isolated = MapsConfig { categories: vec![MapsCategory::Isol], ..MapsConfig::default() };
    assert!(matches!(Maps::open(root.path(), isolated.clone()), Err(Error::FileName { .. })));
    fs::remove_file(odd).unwrap();
    fs::remove_file(root.path().join("AkPnStgb/ISOL/CH/MAPS_ISOL_CH0.5_M_AkPnStgb.txt")).unwrap();
    assert!(matches!(Maps::open(root.path(), isolated), Err(Error::MissingFile { .. })));
}

#[test]
fn a_folder_that_is_not_the_data_set_is_explained() {
    let root = TempDir::new().unwrap();
    match open(root.path()) {
        Err(error @ Error::NoRecordings { .. }) => {
            let text = error.to_string();
            assert!(text.contains("tsv/matched") && text.contains(&*root.path().to_string_lossy()));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(open(&root.path().join("nothing")), Err(Error::Io { action: "list", .. })));

    layout(root.path(), &["MAPS_MUS-alb_esp2_AkPnCGdD"]);
    let labels = root.path().join("tsv/matched/MAPS_MUS-alb_esp2_AkPnCGdD.tsv");
    fs::remove_file(&labels).unwrap();
    match open(root.path()) {
        Err(Error::MissingFile { path, .. }) => assert_eq!(path, labels),
        other => panic!("{other:?}"),
    }

    let root = TempDir::new().unwrap();
    layout(root.path(), &["holiday_recording"]);
    assert!(matches!(open(root.path()), Err(Error::FileName { .. })));
}

#[test]
fn no_validation_piano_has_a_name_in_files() {
    for (piano, text) in [(None, "\"none\""), (Some(MapsPiano::AkPnStgb), "\"AkPnStgb\"")] {
        let config = MapsConfig { validation_piano: piano, ..MapsConfig::default() };
        let json = serde_json::to_string(&config).unwrap();
        assert!(json.contains(&format!("\"validation_piano\":{text}")), "{json}");
        assert_eq!(serde_json::from_str::<MapsConfig>(&json).unwrap(), config);
    }
    let null: MapsConfig = serde_json::from_str("{\"validation_piano\":null}").unwrap();
    assert_eq!(null.validation_piano, None);
    let unknown = serde_json::from_str::<MapsConfig>("{\"validation_piano\":\"AkPn\"}");
    assert!(unknown.unwrap_err().to_string().contains("AkPnBsdf"), "the names are listed");
}

#[test]
fn the_validation_piano_is_no_test_piano() {
    let config =
        MapsConfig { validation_piano: Some(MapsPiano::ENSTDkCl), ..MapsConfig::default() };
    assert!(matches!(
        Maps::open(".", config),
        Err(Error::InvalidConfig { field: "validation_piano", .. })
    ));
    assert!(serde_json::from_str::<MapsConfig>(r#"{"test_pianos": ["Casio"]}"#).is_err());
    let json = serde_json::to_string(&MapsConfig::default()).unwrap();
    assert_eq!(serde_json::from_str::<MapsConfig>(&json).unwrap(), MapsConfig::default());
}

#[test]
fn broken_labels_and_audio_name_file_and_line() {
    let root = TempDir::new().unwrap();
    let name = "MAPS_MUS-alb_esp2_AkPnCGdD";
    layout(root.path(), &[name]);
    let maps = open(root.path()).unwrap();
    let track = &maps.tracks()[0];
    let before = track.source_fingerprint().unwrap();
    let labels = root.path().join(format!("tsv/matched/{name}.tsv"));

    fs::write(&labels, format!("{LABELS}0.5\tnever\t60\t80\n")).unwrap();
    assert_ne!(track.source_fingerprint().unwrap(), before);
    match track.notes() {
        Err(Error::Notes { source, .. }) => match *source {
            mir_core::Error::Parse { path, line: 3, field, .. } => {
                assert_eq!((path, field), (labels.clone(), "offset"));
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }

    fs::write(&labels, format!("{LABELS}7.5\t8\t60\t80\n")).unwrap();
    match builder().recording(track.as_ref()) {
        Err(Error::LabelsBeyondAudio { onset, duration, .. }) => {
            assert_close(onset, 7.5, 1e-9, "onset");
            assert_close(duration, 1.0, 1e-9, "duration");
        }
        other => panic!("{other:?}"),
    }
    // A note that rings longer than the recording is an ordinary thing.
    fs::write(&labels, format!("{LABELS}0.9\t8\t60\t80\n")).unwrap();
    assert_eq!(builder().recording(track.as_ref()).unwrap().notes.len(), 2);

    fs::write(root.path().join(format!("wav/{name}.wav")), "no sound").unwrap();
    assert!(matches!(track.audio(&LoadOptions::default()), Err(Error::Audio { .. })));
    fs::remove_file(&labels).unwrap();
    assert!(matches!(track.notes(), Err(Error::Notes { .. })));
    assert!(matches!(track.source_fingerprint(), Err(Error::Io { .. })));
}

#[test]
fn a_file_that_disappears_is_skipped_when_asked() {
    let root = TempDir::new().unwrap();
    layout(root.path(), &["MAPS_MUS-alb_esp2_AkPnCGdD", "MAPS_MUS-alb_esp3_AkPnCGdD"]);
    let maps = open(root.path()).unwrap();
    fs::remove_file(root.path().join("wav/MAPS_MUS-alb_esp2_AkPnCGdD.wav")).unwrap();
    let options = mir_datasets::BuildOptions { on_error: OnError::Skip, ..Default::default() };
    let store = builder().build_in_memory(&maps, Split::Train, options).unwrap();
    use mir_datasets::FeatureStore;
    assert_eq!(store.tracks().len(), 1);
    assert_eq!(store.skipped()[0].track.as_str(), "MAPS_MUS-alb_esp2_AkPnCGdD");
}

fn real(folder: &str) -> Option<(PathBuf, Maps)> {
    let root = test_data(folder)?;
    let maps = open(&root).unwrap();
    Some((root, maps))
}

fn all_notes(maps: &Maps) -> Vec<Note> {
    let tracks = maps.tracks().iter();
    tracks.flat_map(|track| track.notes().unwrap()).collect()
}

fn samples(track: &dyn Track) -> usize {
    track.audio(&LoadOptions::default()).unwrap().len()
}

fn find<'a>(maps: &'a Maps, name: &str) -> &'a dyn Track {
    let track = maps.tracks().iter().find(|t| t.id().as_str() == name);
    track.unwrap_or_else(|| panic!("{name}")).as_ref()
}

/// Minutes of all recordings; every one decodes, and its labels end before it does.
fn minutes(maps: &Maps) -> f64 {
    let tracks = maps.tracks().iter();
    let seconds = tracks.map(|track| {
        let audio = track.audio(&LoadOptions::default()).unwrap();
        assert_eq!((audio.channels(), audio.sample_rate()), (1, SampleRate::HZ_16000));
        let last = track.notes().unwrap().iter().map(Note::offset).fold(0.0, f64::max);
        assert!(0.0 < last && last < audio.duration(), "{}: {last} s", track.id());
        audio.duration()
    });
    seconds.sum::<f64>() / 60.0
}

#[test]
fn all_38_recordings_decode_and_last_as_long_as_published() {
    for (folder, expected) in [("maps/test", 55.86), ("maps/train-mini", 17.71)] {
        let Some((_, maps)) = real(folder) else { return };
        assert_eq!(maps.tracks().len(), 19);
        assert_close(minutes(&maps), expected, 0.005, folder);
    }
}

#[test]
fn files_of_the_original_release_cut_anywhere_do_no_harm() {
    let root = original();
    let name = root.path().join("AkPnStgb/MUS/MAPS_MUS-alb_esp2_AkPnStgb");
    for ending in ["txt", "mid", "wav"] {
        let path = name.with_extension(ending);
        let whole = fs::read(&path).unwrap();
        for part in 0..16 {
            fs::write(&path, &whole[..whole.len() * part / 16]).unwrap();
            let maps = open(root.path()).unwrap();
            let track = &maps.tracks()[0];
            let _ = (track.audio(&LoadOptions::default()), track.seconds(), track.duration_hint());
            for label in track.labels() {
                let _ = track.annotation(label);
            }
            if (ending, part) == ("txt", 0) {
                assert!(track.notes().unwrap().is_empty(), "an empty file is an empty annotation");
            }
        }
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(open(root.path()).unwrap().tracks()[0].notes().unwrap().len(), 3);
}

#[test]
fn the_test_recordings_have_the_published_notes() {
    let Some((_, maps)) = real("maps/test") else { return };
    let test = maps.split(Split::Test).unwrap();
    assert_eq!((maps.tracks().len(), test.len()), (19, 19));
    assert!(test.iter().all(|t| t.instrument() == "ENSTDkCl"));
    let notes = all_notes(&maps);
    assert_eq!(notes.len(), 29_685);
    assert!(notes.iter().all(|n| (21.0..=105.0).contains(&n.pitch().midi())));

    let track = find(&maps, "MAPS_MUS-alb_se2_ENSTDkCl");
    let notes = track.notes().unwrap();
    assert_eq!(notes.len(), 2201);
    assert_close(notes[0].onset(), 0.521_985, 1e-9, "onset");
    assert_close(notes[0].offset(), 6.701_973, 1e-9, "offset");
    assert_close(notes[0].pitch().midi(), 62.0, 1e-9, "pitch");
    assert_eq!(notes[0].velocity().value(), 74);
    let audio = track.audio(&LoadOptions::default()).unwrap();
    assert_eq!(audio.len(), 3_818_320);
    assert_eq!(audio.sample_rate(), SampleRate::HZ_16000);
    let other = find(&maps, "MAPS_MUS-scn15_12_ENSTDkCl");
    assert_eq!((other.notes().unwrap().len(), samples(other)), (414, 1_366_896));
}

#[test]
fn the_small_training_folder_loses_one_recording_to_the_overlap_rule() {
    let Some((root, _)) = real("maps/train-mini") else { return };
    let config = MapsConfig { validation_piano: None, ..MapsConfig::default() };
    let maps = Maps::open(&root, config).unwrap();
    assert_eq!(maps.tracks().len(), 19);
    assert_eq!(all_notes(&maps).len(), 8565);
    let train = names(&maps.split(Split::Train).unwrap());
    let dropped: Vec<String> =
        names(maps.tracks()).into_iter().filter(|name| !train.contains(name)).collect();
    assert_eq!(dropped, ["MAPS_MUS-scn15_12_StbgTGd2"]);
    assert_eq!(one_per_piece(maps.tracks(), 1).len(), 14);
    assert_eq!(names(&one_per_piece(maps.tracks(), 1)), names(&one_per_piece(maps.tracks(), 1)));
    let chopin = find(&maps, "MAPS_MUS-chpn-p10_AkPnStgb");
    assert_eq!((chopin.notes().unwrap().len(), samples(chopin)), (321, 412_896));
    let schumann = find(&maps, "MAPS_MUS-scn15_12_StbgTGd2");
    assert_eq!(samples(schumann), 1_372_123);
    assert_close(schumann.notes().unwrap()[0].onset(), 0.500_004, 1e-9, "first onset");
}

#[test]
fn the_whole_folder_divides_without_a_leak() {
    let Some((_, maps)) = real("maps") else { return };
    // train (121 recordings without a test piece) and test (19).
    assert_eq!(maps.tracks().len(), 140);
    let [train, validation, test] = Split::ALL.map(|split| maps.split(split).unwrap());
    assert_eq!(test.len(), 19);
    assert_eq!(validation.len(), 18);
    assert!(validation.iter().all(|t| t.instrument() == "AkPnBsdf"));
    assert!(train.iter().all(|t| t.instrument() != "AkPnBsdf"));
    for (a, b) in [(&train, &validation), (&train, &test), (&validation, &test)] {
        assert_eq!(shared_pieces(a, b), Vec::<String>::new());
    }
    let published = published_pieces(&MapsConfig::default().test_pianos);
    let heard: BTreeSet<&str> = train.iter().map(|t| t.piece()).collect();
    assert!(heard.iter().all(|piece| !published.contains(piece)));
    println!("train {} of 121, pieces {}", train.len(), heard.len());
    assert!(train.len() > 80, "{}", train.len());
}
