//! The program `notes` as its users run it.

use std::{fs, process::Output};

use mir_core::{
    Key, Note, Velocity,
    formats::{NoteFormat, read_notes},
};
use mir_midi::{Pedal, PedalEvent, PedalRule, Performance, Score, score::Program};

use super::{Folder, assert_done, assert_fails, program};

fn run(arguments: &[&str]) -> Output {
    super::run(program("notes").args(arguments))
}

fn note(key: u8, onset: f64, offset: f64, velocity: u8) -> Note {
    let pitch = Key::new(key).unwrap().pitch();
    Note::new(onset, offset, pitch, Velocity::new(velocity).unwrap()).unwrap()
}

/// Two notes on exact ticks, the first held by the pedal until 1.5 s.
fn midi(folder: &Folder, name: &str) -> String {
    let pedal = |time, value| PedalEvent { time, pedal: Pedal::Sustain, value };
    let performance = Performance {
        notes: vec![note(60, 0.5, 1.0, 80), note(64, 0.75, 2.0, 100)],
        pedals: vec![pedal(0.75, 127), pedal(1.5, 0)],
    };
    Score::from_performance(&performance).write(folder.path(name)).unwrap();
    folder.text(name)
}

#[test]
fn the_pedal_rule_decides_the_ends() {
    let folder = Folder::new();
    let (input, out) = (midi(&folder, "a.mid"), folder.text("a.tsv"));
    for rule in PedalRule::ALL {
        assert_done(&run(&[&input, "--pedal", rule.name(), "--out", &out]));
        let notes = read_notes(&out).unwrap();
        assert_eq!(notes.len(), 2, "{rule}");
        let (end, tolerance) = match rule {
            PedalRule::None => (1.0, 1e-6),
            // Frames of 32 ms.
            PedalRule::PrettyMidi => (1.5, 0.033),
            _ => (1.5, 1e-6),
        };
        assert!((notes[0].offset() - end).abs() < tolerance, "{rule}: {}", notes[0].offset());
    }
    let text = fs::read_to_string(&out).unwrap();
    assert!(text.starts_with("onset\toffset\tnote\tvelocity\n0.500000\t"), "{text}");
}

#[test]
fn every_text_comes_back_as_midi() {
    let folder = Folder::new();
    let input = midi(&folder, "a.mid");
    let expected = [note(60, 0.5, 1.0, 80), note(64, 0.75, 2.0, 100)];
    for name in ["a.tsv", "a.csv", "a.json", "a.jams", "a.jamz", "a.svl", "a.txt"] {
        let (text, back) = (folder.text(name), folder.text("back.mid"));
        assert_done(&run(&[&input, "--pedal", "none", "--out", &text]));
        assert_eq!(NoteFormat::read(&text).unwrap().len(), 2, "{name}");
        assert_done(&run(&[&text, "--out", &back]));
        let notes = mir_midi::read_notes(&back, PedalRule::None).unwrap();
        assert_eq!(notes.len(), 2, "{name}");
        for (got, expected) in notes.iter().zip(&expected) {
            assert_eq!(got.pitch(), expected.pitch(), "{name}");
            assert!((got.onset() - expected.onset()).abs() < 1e-6, "{name}");
            assert!((got.offset() - expected.offset()).abs() < 1e-6, "{name}");
            // Labels have no velocity.
            assert!(name == "a.txt" || got.velocity() == expected.velocity(), "{name}");
        }
    }
}

#[test]
fn pictures_and_sound_are_made() {
    let folder = Folder::new();
    let input = midi(&folder, "a.mid");
    for (name, magic) in [("a.png", &b"\x89PNG"[..]), ("a.svg", b"<svg"), ("a.wav", b"RIFF")] {
        let out = folder.text(name);
        assert_done(&run(&[&input, "--out", &out, "--set", "sample_rate=16000"]));
        let bytes = fs::read(&out).unwrap();
        assert!(bytes[..200.min(bytes.len())].windows(4).any(|w| w == magic), "{name}");
    }
    let reference = folder.text("ref.tsv");
    fs::write(&reference, "0.5\t1.5\t60\t80\n3.0\t4.0\t72\t80\n").unwrap();
    let out = folder.text("errors.svg");
    assert_done(&run(&[&input, "--ref", &reference, "--out", &out]));
    let svg = fs::read_to_string(&out).unwrap();
    for text in ["1 hit", "1 missed", "1 extra", "0 offset error"] {
        assert!(svg.contains(text), "{text}");
    }
    let output = run(&[&input, "--ref", &reference, "--out", &folder.text("x.tsv")]);
    assert_fails(&output, 2, &["--ref"]);
}

#[test]
fn a_band_plays_the_programs_of_the_file() {
    let folder = Folder::new();
    let input = midi(&folder, "a.mid");
    let sound = |name: &str, score: &Score| {
        score.write(folder.path("b.mid")).unwrap();
        let out = folder.text(name);
        let set = ["--set", "sound=band", "--set", "sample_rate=16000"];
        assert_done(&run(&[&[&folder.text("b.mid"), "--out", &out], &set[..]].concat()));
        fs::read(out).unwrap()
    };
    let mut score = Score::read(input).unwrap();
    let piano = sound("piano.wav", &score);
    score.tracks[0].programs.push(Program { tick: 0, channel: 0, number: 73 });
    let flute = sound("flute.wav", &score);
    assert!(piano.len() > 32_000 && flute.len() > 32_000 && piano != flute);
}

#[test]
fn midi_out_of_midi_keeps_what_is_no_pedal() {
    let folder = Folder::new();
    let input = midi(&folder, "a.mid");
    let mut score = Score::read(&input).unwrap();
    score.tracks[0].programs.push(Program { tick: 0, channel: 0, number: 73 });
    score.write(&input).unwrap();
    for (rule, first_end, pedals) in [("none", 1.0, 2), ("default", 1.5, 0)] {
        assert_done(&run(&[&input, "--pedal", rule, "--out", &folder.text("b.mid")]));
        let written = Score::read(folder.path("b.mid")).unwrap();
        assert_eq!(written.tracks[0].programs, score.tracks[0].programs, "{rule}");
        let played = written.performance();
        assert!((played.notes[0].offset() - first_end).abs() < 1e-6, "{rule}");
        assert_eq!(played.pedals.len(), pedals, "{rule}");
    }
}

#[test]
fn several_files_go_into_a_folder_and_a_bad_one_does_not_stop_the_others() {
    let folder = Folder::new();
    let (a, b) = (midi(&folder, "a.mid"), folder.text("b.mid"));
    fs::write(&b, b"no midi").unwrap();
    let (out, json) = (folder.text("out"), folder.text("totals.json"));
    let output = run(&[&a, &b, "--out", &out, "--to", "jams", "--json", &json]);
    assert_fails(&output, 1, &["b.mid", "1 of 2"]);
    assert_eq!(NoteFormat::read(folder.path("out/a.jams")).unwrap().len(), 2);
    let totals: serde_json::Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!((totals["files"].as_u64(), totals["failed"].as_u64()), (Some(1), Some(1)));
    let twice = run(&[&a, &a, "--out", &out]);
    assert_fails(&twice, 2, &["both"]);
}

#[test]
fn an_input_is_never_written_and_mistakes_are_named() {
    let folder = Folder::new();
    let input = midi(&folder, "a.mid");
    let before = fs::read(&input).unwrap();
    assert_fails(&run(&[&input, "--out", &input]), 2, &["a.mid", "input"]);
    assert_eq!(fs::read(&input).unwrap(), before);

    let tsv = folder.text("bad.tsv");
    fs::write(&tsv, "onset\toffset\tnote\tvelocity\n0.5\tx\t60\t80\n").unwrap();
    let output = run(&[&tsv, "--out", &folder.text("b.mid")]);
    assert_fails(&output, 3, &["bad.tsv", "line 2", "offset", "'x'"]);
    let output = run(&["none.mid", "--out", &folder.text("b.tsv")]);
    assert_fails(&output, 3, &["none.mid"]);
    assert_fails(&run(&[&input, "--out", &folder.text("b.xyz")]), 2, &["xyz", "tsv"]);
    let output = run(&[&input, "--pedal", "nonne", "--out", &folder.text("b.tsv")]);
    assert_fails(&output, 2, &["nonne", "none"]);
    let output = run(&[&input, "--set", "sample_rat=1", "--out", &folder.text("b.wav")]);
    assert_fails(&output, 2, &["sample_rat", "sample_rate"]);

    // A file that was cut: lenient reading says so, strict reading refuses.
    let cut = folder.text("cut.mid");
    fs::write(&cut, &before[..before.len() - 6]).unwrap();
    assert_done(&run(&[&cut, "--out", &folder.text("cut.tsv")]));
    let output = run(&[&cut, "--strict", "--out", &folder.text("strict.tsv")]);
    assert_fails(&output, 3, &["cut.mid", "byte"]);
    assert_eq!(folder.names(""), ["a.mid", "bad.tsv", "cut.mid", "cut.tsv"]);
}
