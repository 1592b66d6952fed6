//! Real files beside pretty_midi and mido: the same notes, controls, tempi and signatures.

use std::{fs, path::Path};

use mir_core::Note;
use mir_midi::{
    Diagnostic, Finding, PedalRule, Score, Strictness, read_notes,
    score::{Division, TempoMap, Track},
};
use mir_testkit::{assert_close, test_data};

use crate::corpus::{files_below, is_midi};

/// Rows of numbers.
type Table = Vec<Vec<f64>>;

/// A table of notes or pedals.
fn rows(path: &Path) -> Table {
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

/// What differs from pretty_midi or mido on purpose: file, what of it (all of it if empty), and why.
const DOCUMENTED_DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "midi-odd/jazz-soft/midi/test-karaoke-kar.mid",
        "",
        "karaoke files are refused, both readers take them for notes",
    ),
    (
        "midi-odd/muspy/negative-ticks-per-beat.mid",
        "",
        "one frame a second is no time code; mido reads the file and has -1 ticks a beat",
    ),
    (
        "midi-odd/muspy/zero-ticks-per-beat.mid",
        "",
        "no ticks in a beat leave every time undefined; mido reads it as long as nobody asks for a time",
    ),
    (
        "midi-odd/jazz-soft/midi/test-all-microsoft-gs-wavetable-synth-sounds.mid",
        "controls",
        "pretty_midi copies the 452 controls of the channel to each of its 128 programs",
    ),
];

fn is_documented(file: &str, what: &str) -> bool {
    DOCUMENTED_DIFFERENCES
        .iter()
        .any(|&(name, part, _)| name == file && (part.is_empty() || part == what))
}

/// Whether the rows of two tables agree to a millionth, relative above 1. The account has the first 20
/// rows of long tables.
fn tables_agree(got: &[Vec<f64>], want: &[Vec<f64>]) -> bool {
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-6 * b.abs().max(1.0);
    let rows_agree = got
        .iter()
        .zip(want)
        .all(|(got, want)| got.len() == want.len() && got.iter().zip(want).all(close));
    rows_agree && (got.len() == want.len() || (want.len() == 20 && got.len() > 20))
}

/// Where a score and the two readers' account of its file differ.
fn differences(
    score: &Score,
    findings: &[Diagnostic],
    expected: &serde_json::Value,
) -> Vec<(&'static str, String)> {
    let mut different = Vec::new();
    let mut check = |what: &'static str, got: String, want: String| {
        if got != want {
            different.push((what, format!("{got} instead of {want}")));
        }
    };
    let counts = |key: &str| -> u64 {
        let instruments = expected["pretty_midi"]["instruments"].as_array().unwrap();
        let lengths = instruments.iter().map(|i| i[key].as_u64().unwrap());
        lengths.sum()
    };

    // The notes: their number, and the first of every instrument.
    let notes = score.notes(PedalRule::None);
    check("notes", notes.len().to_string(), counts("notes").to_string());
    for first in expected["pretty_midi"]["instruments"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|i| i["first_notes"].as_array().unwrap())
    {
        let cell = |i: usize| first[i].as_f64().unwrap();
        let found = notes.iter().any(|n| {
            (n.onset() - cell(0)).abs() < 1e-6
                && (n.offset() - cell(1)).abs() < 1e-6
                && (n.pitch().midi() - cell(2)).abs() < 1e-9
                && (f64::from(n.velocity().value()) - cell(3)).abs() < 1e-9
        });
        if !found {
            check("a first note", "none".to_owned(), first.to_string());
        }
    }
    // pretty_midi loses what plays on a channel of a track without notes.
    let plays = |track: &Track, channel: u8| track.notes.iter().any(|n| n.channel == channel);
    let controls = |track: &Track| {
        track.controls.iter().filter(|control| plays(track, control.channel)).count()
    };
    let bends =
        |track: &Track| track.pitch_bends.iter().filter(|bend| plays(track, bend.channel)).count();
    let got: usize = score.tracks.iter().map(controls).sum();
    check("controls", got.to_string(), counts("controls").to_string());
    let got: usize = score.tracks.iter().map(bends).sum();
    check("pitch bends", got.to_string(), counts("bends").to_string());

    let mut tables: Vec<(&'static str, Table, Table)> = Vec::new();
    // pretty_midi takes tempo and signatures from the first track.
    if let Some(first) = score.tracks.first() {
        let map = TempoMap::new(score.division, first.tempos.clone());
        let mut tempi: Table = map
            .changes()
            .iter()
            .map(|c| vec![map.seconds(c.tick), 60e6 / f64::from(c.tempo)])
            .collect();
        tempi.dedup_by(|b, a| (b[1] - a[1]).abs() < 1e-9);
        let signatures: Table = first
            .time_signatures
            .iter()
            .map(|s| {
                let denominator = f64::from(s.denominator().unwrap());
                vec![f64::from(s.numerator), denominator, map.seconds(s.tick)]
            })
            .collect();
        // Keys by the pitch class of the tonic, minor ones from 12 on.
        let keys: Table = first
            .key_signatures
            .iter()
            .map(|k| {
                let tonic = 7 * i32::from(k.sharps) + if k.minor { 9 } else { 0 };
                let number = tonic.rem_euclid(12) + 12 * i32::from(k.minor);
                vec![f64::from(number), map.seconds(k.tick)]
            })
            .collect();
        let account = &expected["pretty_midi"];
        let changes = &account["tempo_changes"];
        // Where there are many tempi, the account has their number only.
        if let Some(count) = changes["count"].as_u64() {
            check("number of tempi", tempi.len().to_string(), count.to_string());
        } else {
            let columns = rows_of(changes);
            let want = columns[0].iter().zip(&columns[1]).map(|(&t, &bpm)| vec![t, bpm]).collect();
            tables.push(("tempi", tempi, want));
        }
        tables.push(("time signatures", signatures, rows_of(&account["time_signatures"])));
        tables.push(("key signatures", keys, rows_of(&account["key_signatures"])));
    }
    for (what, got, want) in &tables {
        if !tables_agree(got, want) {
            check(what, format!("{got:?}"), format!("{want:?}"));
        }
    }

    let mido = &expected["mido"];
    check("tracks", score.tracks.len().to_string(), mido["tracks"].to_string());
    if let Division::Metrical(ticks) = score.division {
        check("ticks in a quarter", ticks.to_string(), mido["ticks_per_beat"].to_string());
    }
    // mido counts messages, so notes without length too.
    let dropped: usize =
        findings.iter().map(|d| if let Finding::ZeroLength(n) = d.finding { n } else { 0 }).sum();
    let messages = score.tracks.iter().map(|track| track.notes.len()).sum::<usize>() + dropped;
    check("note-ons", messages.to_string(), mido["note_on_vel_gt0"].to_string());
    if let Some(length) = mido["length_s"].as_f64() {
        let got = score.duration();
        if (got - length).abs() >= 1e-6 {
            check("length", got.to_string(), length.to_string());
        }
    }
    different
}

fn rows_of(table: &serde_json::Value) -> Table {
    let cells = |row: &serde_json::Value| {
        row.as_array().unwrap().iter().map(|cell| cell.as_f64().unwrap()).collect()
    };
    table.as_array().unwrap().iter().map(cells).collect()
}

#[test]
fn every_file_equals_the_account_of_pretty_midi_and_mido() {
    let (Some(summary), Some(root)) =
        (test_data("midi-expected/summary.json"), test_data("midi-odd"))
    else {
        return;
    };
    let root = root.parent().unwrap().to_owned();
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(summary).unwrap()).unwrap();
    let mut different = Vec::new();
    let mut compared = 0;
    for (name, expected) in summary["files"].as_object().unwrap() {
        if !expected["pretty_midi"].is_object() || is_documented(name, "everything") {
            continue;
        }
        compared += 1;
        match Score::read_with(root.join(name), Strictness::Lenient) {
            Ok((score, findings)) => {
                for (what, difference) in differences(&score, &findings, expected) {
                    if !is_documented(name, what) {
                        different.push(format!("{name}: {what}: {difference}"));
                    }
                }
            }
            Err(error) => different.push(format!("{name}: {error}")),
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(compared > 140, "{compared}");
}

/// All notes and control changes of a file, by the sums that `make_whole_files.py` forms.
fn sums(score: &Score) -> (Vec<f64>, Vec<f64>) {
    let notes = score.notes(PedalRule::None);
    let note_sum = |value: fn(&Note) -> f64| notes.iter().map(value).sum::<f64>();
    let mut controls = vec![0.0; 3];
    for (i, track) in score.tracks.iter().enumerate() {
        let map = score.tempo_map(i);
        for control in &track.controls {
            let time = map.seconds(control.tick);
            let what = 128.0 * f64::from(control.number) + f64::from(control.value);
            for (sum, term) in controls.iter_mut().zip([1.0, time, time * what]) {
                *sum += term;
            }
        }
    }
    let notes = vec![
        notes.len() as f64,
        note_sum(Note::onset),
        note_sum(Note::offset),
        note_sum(|n| n.onset() * n.pitch().midi()),
        note_sum(|n| n.offset() * f64::from(n.velocity().value())),
    ];
    (notes, controls)
}

#[test]
fn all_notes_and_controls_equal_those_of_pretty_midi_and_mido() {
    let Some(root) = test_data("midi-odd").and_then(|odd| odd.parent().map(Path::to_owned)) else {
        return;
    };
    let expected: serde_json::Value =
        serde_json::from_str(include_str!("../fixtures/whole_files.json")).unwrap();
    let mut different = Vec::new();
    let (mut with_notes, mut with_controls) = (0, 0);
    for (name, expected) in expected["files"].as_object().unwrap() {
        if is_documented(name, "everything") {
            continue;
        }
        let (notes, controls) = match Score::read(root.join(name)) {
            Ok(score) => sums(&score),
            // Both readers have to give up too, which they do with `null`.
            Err(_) => (vec![], vec![]),
        };
        for (what, got, count, weights) in [
            ("notes", notes, &mut with_notes, &[0.0, 1.0, 1.0, 127.0, 127.0][..]),
            ("controls", controls, &mut with_controls, &[0.0, 1.0, 16_384.0][..]),
        ] {
            let Some(want) = expected[what].as_array() else { continue };
            let want: Vec<f64> = want.iter().map(|sum| sum.as_f64().unwrap()).collect();
            // 1 µs for each term of a sum.
            let terms = want[0];
            let close = |((got, want), weight): ((&f64, &f64), &f64)| {
                (got - want).abs() <= 1e-6 * (1.0 + weight * terms)
            };
            if got.len() != want.len() || !got.iter().zip(&want).zip(weights).all(close) {
                different.push(format!("{name}: {what}: {got:?} instead of {want:?}"));
            }
            *count += 1;
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    println!("{with_notes} files beside pretty_midi, {with_controls} beside mido");
    assert!(with_notes > 140 && with_controls > 140, "{with_notes}, {with_controls}");
}
