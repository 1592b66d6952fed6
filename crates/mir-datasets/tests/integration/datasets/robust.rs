//! Damaged and odd files: loaders answer with errors, never with a panic.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mir_datasets::{Dataset, LoadOptions, loaders};
use mir_testkit::test_data;
use tempfile::TempDir;

use super::put;
use crate::support::wav;

/// Reads whatever a data set offers; how it ends does not matter, only that it does.
fn read_all(dataset: &dyn Dataset) -> usize {
    let mut read = 0;
    for track in dataset.tracks() {
        for label in track.labels() {
            read += usize::from(track.annotation(label).is_ok());
        }
        read += usize::from(track.seconds().is_ok());
        let _ = track.source_fingerprint();
    }
    read
}

#[test]
fn no_loader_finds_recordings_in_an_empty_folder_or_in_none() {
    let root = TempDir::new().unwrap();
    for entry in loaders::catalogue() {
        if entry.info.name == "mini" {
            continue;
        }
        let name = entry.info.name;
        assert!(entry.open(root.path()).is_err(), "{name}: an empty folder");
        assert!(entry.open(root.path().join("none")).is_err(), "{name}: no folder");
        put(root.path(), "file", "");
        assert!(entry.open(root.path().join("file")).is_err(), "{name}: a file");
    }
}

/// The files of a sample that are small enough to be damaged many times.
fn small_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(small_files(&path));
        } else if path.metadata().unwrap().len() < 60_000 {
            found.push(path);
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else if path.metadata().unwrap().len() < 2_000_000 {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn files_cut_at_every_sixteenth_and_files_of_noise_do_no_harm() {
    for (name, folder) in [
        ("asap", "asap/Bach"),
        ("beatles", "mirdata/mir_datasets/beatles"),
        ("billboard", "mirdata/mir_datasets/billboard/McGill-Billboard/0035"),
        ("giantsteps_key", "mirdata/mir_datasets/giantsteps_key"),
        ("giantsteps_tempo", "mirdata/mir_datasets/giantsteps_tempo"),
        ("groove_midi", "mirdata/mir_datasets/groove_midi"),
        ("gtzan", "mirdata/mir_datasets/gtzan_genre/gtzan_tempo_beat-main"),
        ("guitarset", "mirdata/mir_datasets/guitarset/annotation"),
        ("haydn_op20", "mirdata/mir_datasets/haydn_op20"),
        ("ikala", "mirdata/mir_datasets/ikala"),
        ("mdb_stem_synth", "mirdata/mir_datasets/mdb_stem_synth"),
        ("medleydb", "mirdata/mir_datasets/medleydb_melody"),
        ("medleydb", "medleydb/Metadata"),
        ("orchset", "mirdata/mir_datasets/orchset"),
        ("rwc_classical", "mirdata/mir_datasets/rwc_classical"),
        ("rwc_popular", "mirdata/mir_datasets/rwc_popular"),
        ("salami", "mirdata/mir_datasets/salami"),
        ("slakh", "slakh-metadata"),
        ("vocadito", "mirdata/mir_datasets/vocadito"),
        ("wjazzd", "wjazzd"),
    ] {
        let Some(source) = test_data(folder) else { return };
        let root = TempDir::new().unwrap();
        // The loaders look for folders by name: what is copied keeps its own below the root.
        let nested =
            ["annotation", "Metadata", "gtzan_tempo_beat-main", "Bach", "McGill-Billboard/0035"]
                .into_iter()
                .find(|name| source.ends_with(name));
        let home = nested.map_or_else(|| root.path().to_owned(), |name| root.path().join(name));
        copy(&source, &home);
        if name == "asap" {
            let table = test_data("asap/metadata.csv").unwrap();
            fs::copy(table, root.path().join("metadata.csv")).unwrap();
        }
        if name == "vocadito" {
            // The real one is too long to be damaged so often.
            put(root.path(), "Audio/vocadito_1.wav", wav(0.1));
        }
        if name == "gtzan" {
            put(root.path(), "genres/country/country.00000.wav", wav(0.1));
        }
        for path in small_files(&home) {
            let whole = fs::read(&path).unwrap();
            for cut in 0..16 {
                fs::write(&path, &whole[..whole.len() * cut / 16]).unwrap();
                if let Ok(dataset) = loaders::open(name, root.path()) {
                    read_all(dataset.as_ref());
                }
            }
            let noise: Vec<u8> = whole
                .iter()
                .zip(0u32..)
                .map(|(b, n)| b ^ (n.wrapping_mul(97) >> 3) as u8)
                .collect();
            fs::write(&path, noise).unwrap();
            if let Ok(dataset) = loaders::open(name, root.path()) {
                read_all(dataset.as_ref());
            }
            fs::write(&path, whole).unwrap();
        }
        // Metadata alone hold nothing to read.
        if name != "slakh" && nested != Some("Metadata") {
            let dataset = loaders::open(name, root.path()).unwrap();
            assert!(read_all(dataset.as_ref()) > 0, "{name}: whole again, and read");
        }
    }
}

#[test]
fn odd_midi_and_audio_files_in_place_of_good_ones_do_no_harm() {
    let (Some(midi), Some(audio)) = (test_data("midi-odd"), test_data("audio-odd")) else { return };
    let root = TempDir::new().unwrap();
    let mut count = 0;
    for source in all_files(&midi) {
        put(root.path(), "musicnet_em/1727.mid", fs::read(&source).unwrap());
        let em = loaders::open("musicnet_em", root.path()).unwrap();
        let _ = em.tracks()[0].notes();
        count += 1;
    }
    for source in all_files(&audio) {
        if source.metadata().unwrap().len() > 300_000 {
            continue;
        }
        put(root.path(), "Audio/vocadito_1.wav", fs::read(&source).unwrap());
        let vocadito = loaders::open("vocadito", root.path()).unwrap();
        let options = LoadOptions { duration: Some(1.0), ..LoadOptions::default() };
        let _ = (vocadito.tracks()[0].seconds(), vocadito.tracks()[0].audio(&options));
        count += 1;
    }
    assert!(count > 150, "{count} files");
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { all_files(&path) } else { vec![path] }).collect()
}
