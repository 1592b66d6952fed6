//! The published splits and what leaks in them.

use std::{collections::BTreeSet, fs};

use mir_datasets::{Split, loaders::maps, splits::published};
use mir_testkit::test_data;

#[test]
fn the_leak_validator_finds_exactly_what_is_known_to_leak() {
    let medleydb = published("medleydb");
    let repeated = medleydb[0].repeated();
    assert_eq!(repeated.len(), 1);
    assert_eq!(repeated[0].key, "MatthewEntwistle_DontYouEver");
    let sides: Vec<Split> = repeated[0].tracks.iter().map(|(split, _)| *split).collect();
    assert_eq!(sides, [Split::Train, Split::Test]);
    let repaired = medleydb.iter().find(|p| p.name == "melody-2017-repaired").unwrap();
    assert!(repaired.repeated().is_empty());
    let multi = medleydb.iter().find(|p| p.name == "multi-f0-2017").unwrap();
    assert_eq!(Split::ALL.map(|split| multi.ids(split).len()), [184, 28, 28]);
    for dataset in ["musicnet", "wjazzd"] {
        for partition in published(dataset) {
            assert!(partition.repeated().is_empty(), "{dataset} {}", partition.name);
        }
    }

    let kelz = &published("maps")[0];
    assert!(kelz.repeated().is_empty());
    let shared = kelz.shared(|id| Some(maps::parse_name(id)?.0.to_owned()));
    let test: BTreeSet<&str> = shared
        .iter()
        .filter(|shared| shared.of(Split::Test).next().is_some())
        .map(|shared| shared.key.as_str())
        .collect();
    let leaking = |split: Split| {
        let of_test = shared.iter().filter(|shared| test.contains(shared.key.as_str()));
        let recordings: Vec<&str> = of_test.flat_map(|shared| shared.of(split)).collect();
        let pieces: BTreeSet<&str> =
            recordings.iter().map(|id| maps::parse_name(id).unwrap().0).collect();
        (recordings.len(), pieces.len())
    };
    assert_eq!(leaking(Split::Train), (59, 40));
    assert_eq!(leaking(Split::Validation).0, 12);
}

#[test]
fn the_shipped_lists_are_the_published_ones() {
    for (file, dataset, name) in [
        ("maps_kelz_split.json", "maps", "kelz-2"),
        ("mdb_ismir_split.json", "medleydb", "melody-2017"),
        ("deepsalience_multif0_data_splits.json", "medleydb", "multi-f0-2017"),
        ("musicnet_my_split.json", "musicnet", "framewise-pitch"),
        ("wjazzd_split.json", "wjazzd", "framewise-pitch"),
    ] {
        let Some(path) = test_data(&format!("splits/{file}")) else { return };
        let lists: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let shipped = published(dataset).into_iter().find(|p| p.name == name).unwrap();
        for (split, keys) in [
            (Split::Train, ["train", "train"]),
            (Split::Validation, ["validation", "validate"]),
            (Split::Test, ["test", "test"]),
        ] {
            let list = keys.iter().find_map(|key| lists.get(key)).unwrap().as_array().unwrap();
            let names = list.iter().map(|id| id.as_str().unwrap().rsplit('/').next().unwrap());
            let published: BTreeSet<&str> = names.collect();
            let ours: BTreeSet<&str> = shipped.ids(split).iter().map(String::as_str).collect();
            assert_eq!(ours, published, "{file} {split}");
        }
    }
}

#[test]
fn a_partition_survives_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("split.json");
    let partition = &published("musicnet")[0];
    partition.write(&path).unwrap();
    assert_eq!(&mir_datasets::Partition::read(&path).unwrap(), partition);
    fs::write(&path, "{\"trane\": []}").unwrap();
    let refused = mir_datasets::Partition::read(&path);
    assert!(matches!(refused, Err(mir_datasets::Error::Core(_))), "{refused:?}");
}
