//! Real files, well-formed and odd, where they are at hand.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mir_midi::{Error, PedalRule, Score, Strictness, read_notes};
use mir_testkit::{assert_close, signal::Random, test_data};

/// All files below a folder, sorted.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn is_midi(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    ["mid", "midi", "kar", "rmi"].contains(&extension)
}

#[test]
fn every_file_of_the_corpus_is_read_or_refused_with_a_reason() {
    for folder in ["midi-odd", "asap", "note-seq", "musicnet"] {
        let Some(folder) = test_data(folder) else {
            return;
        };
        let mut read = 0;
        for path in files_below(&folder) {
            let bytes = fs::read(&path).unwrap();
            match Score::parse(&bytes, Strictness::Lenient) {
                Ok((score, _)) => {
                    read += 1;
                    for rule in [
                        PedalRule::None,
                        PedalRule::Default,
                        PedalRule::Magenta,
                        PedalRule::Jongwook,
                    ] {
                        assert!(
                            score.notes(rule).iter().all(|n| n.offset().is_finite()),
                            "{}",
                            path.display()
                        );
                    }
                    // What is strictly fine has no defect in lenient reading either, and reads the same.
                    if let Ok((strict, findings)) = Score::parse(&bytes, Strictness::Strict) {
                        assert_eq!(strict, score, "{}", path.display());
                        assert!(findings.iter().all(|d| !d.finding.is_defect()));
                    }
                }
                Err(error) => assert!(
                    matches!(error, Error::NotMidi { .. } | Error::Unsupported { .. }),
                    "{}: {error}",
                    path.display()
                ),
            }
        }
        assert!(read > 0, "{}", folder.display());
    }
}

#[test]
fn midi_2_clips_and_karaoke_are_refused_by_name() {
    let Some(folder) = test_data("midi-odd/jazz-soft") else {
        return;
    };
    let error = Score::read(folder.join("midi2/test-c-major-scale-m1-g0.midi2")).unwrap_err();
    let Error::File { source, .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(*source, Error::Unsupported { kind, .. } if kind.contains("MIDI 2.0")));
    let error = Score::read(folder.join("midi/test-karaoke-kar.mid")).unwrap_err();
    let Error::File { source, .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(*source, Error::Unsupported { kind, .. } if kind.contains("karaoke")));
}

/// A row of a table of notes or pedals: its numbers.
fn rows(path: &Path) -> Vec<Vec<f64>> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .skip(1)
        .map(|line| line.split('\t').map(|cell| cell.parse().unwrap()).collect())
        .collect()
}

#[test]
fn notes_and_pedals_of_performances_equal_those_of_pretty_midi() {
    let (Some(expected), Some(asap)) = (test_data("midi-expected/notes"), test_data("asap")) else {
        return;
    };
    let mut compared = 0;
    for table in files_below(&expected) {
        let name = table.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(stem) = name.strip_suffix(".notes.tsv") else {
            continue;
        };
        // `Bach__Fugue__bwv_848__Denisova06M` stands for a path; some have an underscored folder.
        let path = files_below(&asap)
            .into_iter()
            .find(|path| {
                let relative = path.strip_prefix(&asap).unwrap().with_extension("");
                is_midi(path) && relative.to_str().unwrap().replace('/', "__") == *stem
            })
            .unwrap_or_else(|| panic!("no file for {stem}"));
        let mut got: Vec<[f64; 4]> = read_notes(&path, PedalRule::None)
            .unwrap()
            .iter()
            .map(|n| [n.onset(), n.offset(), n.pitch().midi(), f64::from(n.velocity().value())])
            .collect();
        let mut want: Vec<[f64; 4]> =
            rows(&table).iter().map(|r| [r[0], r[1], r[2], r[3]]).collect();
        let order = |a: &[f64; 4], b: &[f64; 4]| {
            // The tables hold six decimals, and notes of a chord must not swap in the last of them.
            let key = |r: &[f64; 4]| ((r[0] * 1e5).round(), r[2], r[1]);
            key(a).partial_cmp(&key(b)).unwrap()
        };
        got.sort_by(order);
        want.sort_by(order);
        assert_eq!(got.len(), want.len(), "{stem}");
        for (got, want) in got.iter().zip(&want) {
            for (got, want) in got.iter().zip(want) {
                assert_close(*got, *want, 1e-6, stem);
            }
        }
        let pedals = rows(&expected.join(format!("{stem}.pedals.tsv")));
        let performance = Score::read(&path).unwrap().performance();
        assert_eq!(performance.pedals.len(), pedals.len(), "{stem}");
        for (got, want) in performance.pedals.iter().zip(&pedals) {
            assert_close(got.time, want[0], 1e-6, stem);
            assert_close(f64::from(got.pedal.controller()), want[1], 0.0, stem);
            assert_close(f64::from(got.value), want[2], 0.0, stem);
        }
        compared += 1;
    }
    assert_eq!(compared, 6);
}

/// Files whose notes differ from pretty_midi's on purpose.
const DOCUMENTED_DIFFERENCES: &[(&str, &str)] = &[(
    "midi-odd/jazz-soft/midi/test-karaoke-kar.mid",
    "karaoke files are refused, pretty_midi reads them as notes",
)];

#[test]
fn counts_and_first_notes_equal_those_of_pretty_midi_on_every_file() {
    let (Some(summary), Some(root)) =
        (test_data("midi-expected/summary.json"), test_data("midi-odd"))
    else {
        return;
    };
    let root = root.parent().unwrap().to_owned();
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(summary).unwrap()).unwrap();
    let mut differences = Vec::new();
    let mut compared = 0;
    for (name, expected) in summary["files"].as_object().unwrap() {
        let Some(instruments) = expected["pretty_midi"]["instruments"].as_array() else {
            continue;
        };
        if DOCUMENTED_DIFFERENCES.iter().any(|(file, _)| file == name) {
            continue;
        }
        compared += 1;
        let notes = match read_notes(root.join(name), PedalRule::None) {
            Ok(notes) => notes,
            Err(error) => {
                differences.push(format!("{name}: {error}"));
                continue;
            }
        };
        let count: u64 = instruments.iter().map(|i| i["notes"].as_u64().unwrap()).sum();
        if count != notes.len() as u64 {
            differences.push(format!("{name}: {} notes instead of {count}", notes.len()));
            continue;
        }
        let firsts = instruments.iter().flat_map(|i| i["first_notes"].as_array().unwrap());
        for first in firsts {
            let cell = |i: usize| first[i].as_f64().unwrap();
            let found = notes.iter().any(|n| {
                (n.onset() - cell(0)).abs() < 1e-6
                    && (n.offset() - cell(1)).abs() < 1e-6
                    && (n.pitch().midi() - cell(2)).abs() < 1e-9
                    && (f64::from(n.velocity().value()) - cell(3)).abs() < 1e-9
            });
            if !found {
                differences.push(format!("{name}: no note {first}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(compared > 100, "{compared}");
}

/// Damage of every kind to real files, seeded: bytes changed, removed, inserted, the end cut off.
#[test]
fn damaged_files_never_panic() {
    let Some(folder) = test_data("midi-odd") else {
        return;
    };
    let originals: Vec<Vec<u8>> = files_below(&folder)
        .iter()
        .filter(|path| is_midi(path))
        .map(|path| fs::read(path).unwrap())
        .filter(|bytes| (20..6000).contains(&bytes.len()))
        .collect();
    assert!(originals.len() > 20);
    let mut random = Random::new(20);
    for case in 0..3000 {
        let mut bytes = originals[random.below(originals.len())].clone();
        // Half of the damage lies past the header.
        let first = if case % 2 == 0 { 14 } else { 0 };
        for _ in 0..=random.below(6) {
            let place = first + random.below(bytes.len().saturating_sub(first).max(1));
            let place = place.min(bytes.len().saturating_sub(1));
            match random.below(4) {
                0 => bytes.truncate(place.max(15)),
                1 => {
                    bytes.remove(place);
                }
                2 => bytes.insert(place, random.next_u64() as u8),
                _ => bytes[place] = random.next_u64() as u8,
            }
        }
        let lenient = Score::parse(&bytes, Strictness::Lenient);
        let strict = Score::parse(&bytes, Strictness::Strict);
        assert!(strict.is_err() || lenient.is_ok(), "case {case}");
        if let Ok((score, _)) = lenient {
            let notes = score.notes(PedalRule::Default);
            assert!(
                notes.iter().all(|n| n.offset() <= mir_midi::score::MAX_SECONDS),
                "case {case}"
            );
        }
    }
}
