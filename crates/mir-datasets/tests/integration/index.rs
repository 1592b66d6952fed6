//! Indexes and validation, on the sample indexes of mirdata and on folders made here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use mir_datasets::{
    Index, ValidateConfig, ValidationReport,
    index::{Digests, FileId},
    loaders, validate,
    validate::check,
};
use mir_testkit::test_data;
use serde::Deserialize;
use tempfile::TempDir;

use crate::datasets::put;

#[derive(Deserialize)]
struct Expected {
    data_home: String,
    ok: usize,
    null: usize,
    missing: Vec<serde_json::Value>,
    invalid: Vec<serde_json::Value>,
    n_missing: usize,
    n_invalid: usize,
}

/// Whether the files that were found are those of the list, which may end in dots.
fn same(found: &BTreeSet<Vec<String>>, listed: &[serde_json::Value]) -> bool {
    listed.iter().all(|entry| match serde_json::from_value::<Vec<String>>(entry.clone()) {
        Ok(entry) => found.contains(&entry),
        Err(_) => entry == "...",
    })
}

fn ids<'a>(files: impl Iterator<Item = &'a FileId>) -> BTreeSet<Vec<String>> {
    files.map(|file| vec![file.group.clone(), file.id.clone(), file.key.clone()]).collect()
}

#[test]
fn every_index_is_written_back_unchanged_and_validation_finds_what_it_should() {
    let Some(folder) = test_data("mirdata") else { return };
    let text = fs::read_to_string(folder.join("expected_validation.json")).unwrap();
    let expected: BTreeMap<String, Expected> = serde_json::from_str(&text).unwrap();
    assert_eq!(expected.len(), 29);
    for (name, expected) in expected {
        let path = folder.join("indexes").join(&name);
        let index = Index::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = fs::read_to_string(&path).unwrap();
        // Equal as a stream of tokens: values and order of keys.
        let tokens = |text: &str| -> String {
            let mut inside = false;
            let mut escaped = false;
            text.chars()
                .filter(|c| {
                    if *c == '"' && !escaped {
                        inside = !inside;
                    }
                    escaped = *c == '\\' && !escaped;
                    inside || !c.is_whitespace()
                })
                .collect()
        };
        let plain = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(plain(&index.render()), plain(&text), "{name}");
        if !text.contains("\\u") {
            assert!(tokens(&index.render()) == tokens(&text), "{name}: order of keys");
        }
        let report =
            validate(folder.join(expected.data_home), &index, &ValidateConfig::default()).unwrap();
        assert_eq!((report.good, report.null), (expected.ok, expected.null), "{name}");
        assert_eq!(report.missing.len(), expected.n_missing, "{name}");
        assert_eq!(report.invalid.len(), expected.n_invalid, "{name}");
        assert!(report.unreadable.is_empty(), "{name}");
        let missing = ids(report.missing.iter());
        assert!(same(&missing, &expected.missing), "{name}: {missing:?}");
        let invalid = ids(report.invalid.iter().map(|invalid| &invalid.file));
        assert!(same(&invalid, &expected.invalid), "{name}: {invalid:?}");
        // Two pieces have no chorus, and their files are rightly empty.
        let empty = if name.starts_with("rwc_classical") { 2 } else { 0 };
        assert_eq!(index.suspects().count(), empty, "{name}");
    }
}

/// A data set of one recording, its index, and where they are.
fn indexed() -> (TempDir, Index) {
    let root = TempDir::new().unwrap();
    put(root.path(), "GT/Beethoven-S3-I-ex1.mel", "0.0\t0\n0.01\t440\n");
    put(root.path(), "audio/stereo/Beethoven-S3-I-ex1.wav", crate::support::wav(0.1));
    let orchset = loaders::open("orchset", root.path()).unwrap();
    let index = Index::build(orchset.as_ref(), root.path(), |_| {}).unwrap();
    (root, index)
}

fn run(root: &TempDir, index: &Index, config: &ValidateConfig) -> ValidationReport {
    validate(root.path(), index, config).unwrap()
}

#[test]
fn an_index_of_ours_has_sizes_and_two_digests_and_finds_every_change() {
    let (root, index) = indexed();
    assert_eq!(index.files().len(), 2);
    let melody =
        index.files().iter().find(|file| file.path.as_deref().unwrap().ends_with("mel")).unwrap();
    assert_eq!(melody.size, Some(15));
    // sha256sum and md5sum of the same fifteen bytes.
    assert_eq!(melody.sha256.as_deref(), Some(MELODY_SHA256));
    assert_eq!(melody.md5.as_deref(), Some(MELODY_MD5));
    let again = Index::parse(&index.render(), "x".as_ref()).unwrap();
    assert_eq!(again, index);
    assert_eq!(again.version().as_deref(), Some("1.0"));
    assert!(index.diff(&again).changed.is_empty());

    let whole = run(&root, &index, &ValidateConfig::default());
    assert!(whole.is_whole() && whole.good == 2, "{whole:?}");
    put(root.path(), "GT/Beethoven-S3-I-ex1.mel", "0.0\t0\n0.01\t441\n");
    put(root.path(), "notes to myself.txt", "");
    fs::remove_file(root.path().join("audio/stereo/Beethoven-S3-I-ex1.wav")).unwrap();
    let extra = ValidateConfig { extra: true, ..ValidateConfig::default() };
    let report = run(&root, &index, &extra);
    assert_eq!((report.good, report.missing.len(), report.invalid.len()), (0, 1, 1));
    assert_eq!(report.invalid[0].expected, MELODY_SHA256);
    assert_eq!(report.invalid[0].found.size, 15);
    assert_eq!(report.extra, ["notes to myself.txt"]);
    // A folder where a file should be cannot be read as one.
    fs::create_dir_all(root.path().join("audio/stereo/Beethoven-S3-I-ex1.wav")).unwrap();
    assert_eq!(run(&root, &index, &extra).unreadable.len(), 1);
}

const MELODY_SHA256: &str = "27ebc143caccc1b6787f2223d5b44f9ebba88f8d8184183316b669726b11b34a";
const MELODY_MD5: &str = "ebb53966c9a2fc1fb96e56405f9ed0aa";

#[test]
fn a_part_can_be_validated_and_a_later_run_hashes_only_what_changed() {
    let (root, index) = indexed();
    let id = "Beethoven-S3-I-ex1".to_owned();
    let one = ValidateConfig { id: Some(id), ..ValidateConfig::default() };
    assert_eq!(run(&root, &index, &one).good, 2);
    let key = Some("GT/Beethoven-S3-I-ex1.mel".to_owned());
    assert_eq!(run(&root, &index, &ValidateConfig { key, ..one.clone() }).good, 1);
    let none = ValidateConfig { id: Some("other".to_owned()), ..ValidateConfig::default() };
    assert_eq!(run(&root, &index, &none).good, 0);
    let sample = ValidateConfig { sample: Some(1), ..ValidateConfig::default() };
    assert_eq!(run(&root, &index, &sample).good, 1);

    let cache = Some(root.path().join("cache.json"));
    let config = ValidateConfig { cache, ..ValidateConfig::default() };
    assert_eq!(run(&root, &index, &config).cached, 0);
    assert_eq!(run(&root, &index, &config).cached, 2);
    put(root.path(), "GT/Beethoven-S3-I-ex1.mel", "other, and longer than before");
    let report = run(&root, &index, &config);
    assert_eq!((report.good, report.cached, report.invalid.len()), (1, 1, 1));
    fs::write(root.path().join("cache.json"), "no JSON").unwrap();
    assert_eq!(run(&root, &index, &config).cached, 0, "a damaged cache is no cache");
}

#[test]
fn digests_are_those_of_the_published_test_vectors() {
    let root = TempDir::new().unwrap();
    put(root.path(), "abc", "abc");
    let digests = Digests::of_file(root.path().join("abc")).unwrap();
    // RFC 1321, A.5; FIPS 180-2, B.1.
    assert_eq!(digests.md5, "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(digests.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    put(root.path(), "empty", "");
    let digests = Digests::of_file(root.path().join("empty")).unwrap();
    assert_eq!(digests.md5, mir_datasets::index::MD5_OF_NOTHING);
}

#[test]
fn without_an_index_every_recording_is_read() {
    let (root, _) = indexed();
    let orchset = loaders::open("orchset", root.path()).unwrap();
    assert_eq!(check(orchset.as_ref()).good, 1);
    put(root.path(), "GT/Beethoven-S3-I-ex1.mel", "0.0\tx\n");
    let report = check(orchset.as_ref());
    assert_eq!((report.good, report.faulty.len()), (0, 1));
    assert!(report.faulty[0].1.contains("line 1"), "{}", report.faulty[0].1);
    fs::remove_file(root.path().join("audio/stereo/Beethoven-S3-I-ex1.wav")).unwrap();
    assert_eq!(check(orchset.as_ref()).missing.len(), 1);
}
