//! MAESTRO: the published tables, and recordings in a folder of the layout.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use mir_core::{Key, Note, Velocity};
use mir_datasets::{
    Dataset, Error, LoadOptions, Split,
    loaders::{Maestro, MaestroConfig, MaestroRow, MaestroVersion, maestro::read_table},
    shared_pieces,
};
use mir_midi::Score;
use mir_testkit::{assert_close, test_data};
use tempfile::TempDir;

use crate::support::wav;

const HEADER: &str =
    "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration";

/// The published table of a version.
fn published(version: &str) -> Option<Vec<MaestroRow>> {
    let path = test_data(&format!("maestro-metadata/maestro-v{version}.csv"))?;
    Some(read_table(path).unwrap())
}

#[test]
fn the_published_tables_have_the_published_counts() {
    // Rows and hours for training, validation, test; rows a year.
    let versions = [
        (
            "1.0.0",
            [(954, 139.54), (105, 15.17), (125, 16.84)],
            vec![132, 115, 147, 125, 163, 127, 106, 129, 140],
        ),
        (
            "2.0.0",
            [(967, 161.33), (137, 19.43), (178, 20.46)],
            vec![132, 115, 147, 125, 163, 127, 105, 129, 140, 99],
        ),
        (
            "3.0.0",
            [(962, 159.24), (137, 19.43), (177, 19.98)],
            vec![132, 115, 147, 125, 163, 127, 105, 129, 140, 93],
        ),
    ];
    for (version, splits, years) in versions {
        let Some(rows) = published(version) else { return };
        for (split, (count, hours)) in Split::ALL.into_iter().zip(splits) {
            let of_split = || rows.iter().filter(|row| row.split == split);
            assert_eq!(of_split().count(), count, "{version} {split}");
            let seconds: f64 = of_split().map(|row| row.duration).sum();
            assert_close(seconds / 3600.0, hours, 0.005, &format!("hours of {version} {split}"));
        }
        let mut by_year: BTreeMap<u16, usize> = BTreeMap::new();
        for row in &rows {
            *by_year.entry(row.year).or_default() += 1;
            let stem = |name: &str| name.rsplit_once('.').unwrap().0.to_owned();
            assert_eq!(stem(&row.midi), stem(&row.audio));
        }
        assert_eq!(by_year.into_values().collect::<Vec<_>>(), years, "{version}");
    }
}

#[test]
fn what_changed_between_the_versions() {
    let (Some(v1), Some(v2), Some(v3)) =
        (published("1.0.0"), published("2.0.0"), published("3.0.0"))
    else {
        return;
    };
    let splits = |rows: &[MaestroRow]| -> BTreeMap<String, Split> {
        rows.iter().map(|row| (row.midi.clone(), row.split)).collect()
    };
    let (v1, v2, v3) = (splits(&v1), splits(&v2), splits(&v3));
    let common = || v1.iter().filter_map(|(name, split)| Some((split, v2.get(name)?)));
    assert_eq!(common().count(), 1183);
    assert_eq!(common().filter(|(before, after)| before != after).count(), 312);

    let dropped: BTreeSet<&String> = v2.keys().filter(|name| !v3.contains_key(*name)).collect();
    assert_eq!(dropped.len(), 6);
    let six = [(1, "07", 2), (2, "09", 3), (3, "10", 3), (4, "11", 3), (5, "18", 2), (6, "20", 3)];
    let trios: BTreeSet<String> = six
        .iter()
        .map(|(k, n, m)| {
            format!("2018/MIDI-Unprocessed_Chamber{k}_MID--AUDIO_{n}_R3_2018_wav--{m}.midi")
        })
        .collect();
    assert_eq!(dropped.into_iter().cloned().collect::<BTreeSet<_>>(), trios);
    let tested = trios.iter().filter(|name| v2[*name] == Split::Test).collect::<Vec<_>>();
    assert!(tested.len() == 1 && tested[0].contains("Chamber5"), "{tested:?}");
    assert!(v3.iter().all(|(name, split)| v2[name] == *split), "no split changed");
}

#[test]
fn all_forms_of_a_table_hold_the_same_rows() {
    let Some(folder) = test_data("maestro-metadata") else { return };
    let csv = folder.join("maestro-v3.0.0.csv");
    let rows = read_table(&csv).unwrap();
    // In the JSON of version 3 seven titles have lost the quotation marks around them.
    let bare = |rows: &[MaestroRow]| -> Vec<MaestroRow> {
        let title = |row: &MaestroRow| row.title.trim_matches('"').to_owned();
        rows.iter().map(|row| MaestroRow { title: title(row), ..row.clone() }).collect()
    };
    let json = read_table(folder.join("maestro-v3.0.0.json")).unwrap();
    assert!(bare(&json) == bare(&rows));
    let titles = json.iter().zip(&rows).filter(|(json, csv)| json.title != csv.title);
    assert_eq!(titles.count(), 7);
    let scratch = TempDir::new().unwrap();
    let text = fs::read_to_string(&csv).unwrap().replace("\r\n", "\n");
    for (name, text) in [("lf.csv", text.clone()), ("crlf.csv", text.replace('\n', "\r\n"))] {
        let path = scratch.path().join(name);
        fs::write(&path, text).unwrap();
        assert!(read_table(&path).unwrap() == rows, "{name}");
    }
    let excerpt = read_table(folder.join("maestro-v2.0.0-excerpt.json")).unwrap();
    let full = read_table(folder.join("maestro-v2.0.0.csv")).unwrap();
    for row in &excerpt {
        let twin = full.iter().find(|other| other.midi == row.midi).unwrap();
        assert_eq!(
            (&row.composer, &row.title, row.split),
            (&twin.composer, &twin.title, twin.split)
        );
    }
}

#[test]
fn a_recording_of_the_second_version() {
    let Some(root) = test_data("mirdata/mir_datasets/maestro") else { return };
    let maestro = Maestro::open(&root, MaestroConfig::default()).unwrap();
    assert_eq!(maestro.release(), MaestroVersion::V2);
    let present = MaestroConfig { present_only: true, ..MaestroConfig::default() };
    let maestro = Maestro::open(&root, present).unwrap();
    let [track] = maestro.tracks() else { panic!("{} tracks", maestro.tracks().len()) };
    assert_eq!(track.id().as_str(), "MIDI-Unprocessed_Chamber3_MID--AUDIO_10_R3_2018_wav--1");
    assert_eq!(track.piece(), "Alban Berg: Sonata Op. 1");
    let notes = track.notes().unwrap();
    let end = notes.iter().map(Note::offset).fold(0.0, f64::max);
    let hint = track.duration_hint().unwrap();
    assert!(!notes.is_empty() && (end - hint).abs() < 5.0, "{end} s of {hint} s");
    assert!(!track.audio(&LoadOptions::default()).unwrap().is_empty());
}

/// A recording of one note in the layout, its files named `year/name`.
fn write_recording(root: &Path, name: &str, audio_ending: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let note =
        Note::new(0.25, 0.75, Key::new(60).unwrap().into(), Velocity::new(70).unwrap()).unwrap();
    Score::from_notes(&[note]).write(path.with_extension("midi")).unwrap();
    fs::write(path.with_extension(audio_ending), wav(1.0)).unwrap();
}

fn row(name: &str, split: &str) -> String {
    format!("A,\"Études, Op. {split}\",{split},2004,{name}.midi,{name}.wav,0.75\n")
}

#[test]
fn a_folder_of_the_layout_is_read_and_its_faults_are_named() {
    let root = TempDir::new().unwrap();
    let empty = Maestro::open(root.path(), MaestroConfig::default());
    assert!(matches!(empty, Err(Error::NoRecordings { dataset: "MAESTRO", .. })));

    let folder = root.path().join("maestro-v3.0.0");
    for name in ["2004/a", "2004/b"] {
        write_recording(&folder, name, "wav");
    }
    let table = folder.join("maestro-v3.0.0.csv");
    let rows = [row("2004/b", "train"), row("2004/a", "test"), row("2006/c", "train")].concat();
    fs::write(&table, format!("{HEADER}\n{rows}")).unwrap();
    let maestro = Maestro::open(root.path(), MaestroConfig::default()).unwrap();
    assert_eq!((maestro.version(), maestro.tracks().len()), ("3.0.0", 3));
    let train = maestro.split(Split::Train).unwrap();
    assert_eq!(train.iter().map(|t| t.id().as_str()).collect::<Vec<_>>(), ["b", "c"]);
    assert!(matches!(maestro.split(Split::Validation), Err(Error::EmptySplit { .. })));
    assert!(shared_pieces(&train, &maestro.split(Split::Test).unwrap()).is_empty());
    let notes = train[0].notes().unwrap();
    assert_close(notes[0].onset(), 0.25, 1e-3, "onset");
    assert_eq!(train[0].audio(&LoadOptions::default()).unwrap().len(), 16_000);
    match train[1].notes() {
        Err(Error::MissingFile { path, .. }) => assert!(path.ends_with("2006/c.midi")),
        other => panic!("{other:?}"),
    }
    let fingerprint = train[0].source_fingerprint().unwrap();
    fs::write(folder.join("2004/b.wav"), wav(0.9)).unwrap();
    assert_ne!(train[0].source_fingerprint().unwrap(), fingerprint);

    for (bad, line) in [
        (row("2004/a", "testing"), 2),
        (row("../a", "test"), 2),
        (row("2004/a", "test") + "A,B,train\n", 3),
        (row("2004/a", "test").replace("0.75", "NaN"), 2),
    ] {
        fs::write(&table, format!("{HEADER}\n{bad}")).unwrap();
        match Maestro::open(root.path(), MaestroConfig::default()) {
            Err(Error::Table { path, line: found, .. }) => {
                assert_eq!((path, found), (table.clone(), line), "{bad}");
            }
            other => panic!("{bad}: {other:?}"),
        }
    }
    let twice = [row("2004/a", "test"), row("2006/a", "train")].concat();
    fs::write(&table, format!("{HEADER}\n{twice}")).unwrap();
    let doubled = Maestro::open(root.path(), MaestroConfig::default());
    assert!(matches!(doubled, Err(Error::DuplicateTrack { .. })));
}

#[test]
fn the_small_subset_names_wav_and_holds_flac() {
    let root = TempDir::new().unwrap();
    let mut rows = Vec::new();
    for number in 0..12 {
        let name = format!("2004/{number:02}");
        // The content decides what a file is, not its ending.
        write_recording(root.path(), &name, "flac");
        rows.push(serde_json::json!({
            "canonical_composer": "A", "canonical_title": format!("{number}"), "split": "train",
            "year": 2004, "midi_filename": format!("{name}.midi"),
            "audio_filename": format!("{name}.wav"), "duration": 0.75,
        }));
    }
    rows.reverse();
    let table = root.path().join("data.json");
    fs::write(&table, serde_json::to_vec(&rows).unwrap()).unwrap();
    let small = Maestro::open(root.path(), MaestroConfig::default()).unwrap();
    assert_eq!(small.release(), MaestroVersion::Small);
    let debug = small.debug();
    assert_eq!(debug.first().unwrap().id().as_str(), "00");
    assert_eq!(debug.len(), 10);
    assert_eq!(debug[3].audio(&LoadOptions::default()).unwrap().len(), 16_000);

    let full = fs::read(&table).unwrap();
    for part in 0..16 {
        fs::write(&table, &full[..full.len() * part / 16]).unwrap();
        assert!(Maestro::open(root.path(), MaestroConfig::default()).is_err(), "{part} / 16");
    }
}
