//! The verbs `transcribe` and `make-subset` of `onsets_frames`: every output, keys and pedal, live streams, subsets.

use std::{
    fs,
    io::{Read, Write},
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use mir_audio::{WavFormat, write_wav};
use mir_core::{
    AudioBuffer, Note, SampleRate,
    formats::{self, NoteFormat},
};
use mir_datasets::{
    Dataset, LoadOptions, Split,
    loaders::{Maps, MapsConfig},
    mini::{Mini, MiniConfig},
};
use mir_eval::transcription::{self, TranscriptionConfig};
use mir_midi::{Pedal, PedalEvent, PedalRule, Performance, piano, piano::PianoConfig};
use mir_models::{Device, infer::TranscriptionModel};
use serde_json::Value;

use super::{Folder, assert_done, assert_fails, onsets_frames, program, stderr};

fn run(arguments: &[&str]) -> Output {
    super::run(program("onsets_frames").args(arguments).args(["--device", "cpu"]))
}

pub(super) fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Broken chords, each under a pedal of its own, on our piano.
pub(super) fn arpeggios(folder: &Folder) -> String {
    let (mut text, mut pedals) = (String::new(), Vec::new());
    for bar in 0..4 {
        let start = 0.5 + 2.0 * f64::from(bar);
        for (index, key) in [48, 55, 60, 64].iter().enumerate() {
            let onset = start + 0.3 * index as f64;
            text += &format!("{onset}\t{}\t{}\t90\n", onset + 0.25, key + bar);
        }
        let event = |time, value| PedalEvent { time, pedal: Pedal::Sustain, value };
        pedals.extend([event(start + 0.05, 127), event(start + 1.8, 0)]);
    }
    let notes = formats::parse_notes(&text, Path::new("x")).unwrap();
    let performance = Performance { notes, pedals };
    let audio =
        piano::render(&performance, &PianoConfig::grand(), SampleRate::HZ_16000, 1).unwrap();
    write_wav(folder.path("arpeggios.wav"), &audio, WavFormat::Int16).unwrap();
    folder.text("arpeggios.wav")
}

#[test]
fn every_output_is_written_on_request() {
    let folder = Folder::new();
    let (input, out) = (arpeggios(&folder), folder.text("out"));
    let formats = "npz,wav,png,jams,json,tsv,mid";
    assert_done(&run(&["transcribe", &input, "--out", &out, "--format", formats]));
    let names =
        ["jams", "json", "mid", "npz", "png", "tsv", "wav"].map(|e| format!("arpeggios.{e}"));
    assert_eq!(folder.names("out"), names);
    let of = |extension: &str| folder.path(&format!("out/arpeggios.{extension}"));

    let notes = formats::read_notes(of("tsv")).unwrap();
    assert!(notes.len() >= 12, "{} notes", notes.len());
    assert_eq!(NoteFormat::read(of("jams")).unwrap().len(), notes.len());
    assert_eq!(mir_midi::read_notes(of("mid"), PedalRule::None).unwrap().len(), notes.len());
    let score = mir_midi::Score::read(of("mid")).unwrap();
    assert_eq!(score.performance().pedals, [], "sound needs no pedal");

    let told = json(&of("json"));
    assert_eq!(
        (&told["file"], &told["settings"]["offsets"]),
        (&"arpeggios.wav".into(), &"sound".into())
    );
    assert_eq!(told["weights"]["sha256_first_16_bytes"].as_str().unwrap().len(), 32);
    assert!(told["settings"]["decoder"]["onset_threshold"].is_number());
    for (value, note) in told["notes"].as_array().unwrap().iter().zip(&notes) {
        let key = note.pitch().key().unwrap();
        assert_eq!(
            (&value["pitch"], &value["name"]),
            (&key.number().into(), &key.to_string().into())
        );
        assert!((value["offset"].as_f64().unwrap() - note.offset()).abs() < 1e-6);
    }
    let sound = mir_audio::load(of("wav"), &mir_audio::LoadOptions::default()).unwrap();
    assert!(sound.peak() > 0.1 && sound.duration() > notes[notes.len() - 1].onset());

    // One array each, uncompressed: names and headers stand in the file as they are.
    let npz = fs::read(of("npz")).unwrap();
    let holds = |text: &str| npz.windows(text.len()).any(|window| window == text.as_bytes());
    let frames = 1 + (16_000.0 * told["seconds"].as_f64().unwrap()) as usize / 512;
    for name in ["onset.npy", "frame.npy", "velocity.npy", "times.npy"] {
        assert!(holds(name), "{name}");
    }
    assert!(holds(&format!("'<f4', 'fortran_order': False, 'shape': ({frames}, 88)")), "{frames}");
}

#[test]
fn keys_and_pedal_played_again_give_the_sound() {
    let folder = Folder::new();
    let (input, out) = (arpeggios(&folder), folder.text("out"));
    // Generous: the point is not how well this network hears ends.
    let mut program = program("onsets_frames");
    program.args(["transcribe", &input, "--out", &out, "--format", "mid,json,tsv"]);
    program.args(["--offsets", "keys", "--device", "cpu"]);
    for set in ["keys.min_notes=2", "keys.window=0.3", "keys.min_spread=0"] {
        program.args(["--set", set]);
    }
    assert_done(&super::run(&mut program));
    let told = json(&folder.path("out/arpeggios.json"));
    let pedal = told["pedal"].as_array().unwrap();
    assert!(!pedal.is_empty(), "no pedal");
    let score = mir_midi::Score::read(folder.path("out/arpeggios.mid")).unwrap();
    assert_eq!(score.performance().pedals.len(), 2 * pedal.len());
    let midi = folder.path("out/arpeggios.mid");
    let (keys, sounding) = (
        mir_midi::read_notes(&midi, PedalRule::None).unwrap(),
        mir_midi::read_notes(&midi, PedalRule::Default).unwrap(),
    );
    let notes = told["notes"].as_array().unwrap();
    assert_eq!((keys.len(), sounding.len()), (notes.len(), notes.len()));
    let mut held = 0;
    for ((value, key), sound) in notes.iter().zip(&keys).zip(&sounding) {
        assert!((value["offset"].as_f64().unwrap() - key.offset()).abs() < 2e-6);
        assert!((value["sounds_until"].as_f64().unwrap() - sound.offset()).abs() < 2e-6);
        held += usize::from(key.offset() < sound.offset());
    }
    assert!(held > 0, "no note is held by the pedal");
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let folder = Folder::new();
    let (input, out) = (arpeggios(&folder), folder.text("out"));
    for (extra, code, texts) in [
        (vec!["--soundfont", "x.sf2"], 2, vec!["--soundfont", "wav"]),
        (vec!["--soundfont", "none.sf2", "--format", "wav"], 3, vec!["none.sf2"]),
        (vec!["--set", "decoder.onset_thresold=0.3"], 2, vec!["onset_threshold"]),
        (vec!["--set", "decoder.onset_threshold=3"], 2, vec!["onset_threshold", "0 to 1"]),
        (vec!["--set", "keys.window=-1"], 2, vec!["window"]),
        (vec!["--set", "sample_rate=0"], 2, vec!["sample_rate"]),
    ] {
        let output = run(&[&["transcribe", &input, "--out", &out], &extra[..]].concat());
        assert_fails(&output, code, &texts);
    }
    for arguments in [
        vec!["transcribe", &input, "--out", &out, "--format", "mp3"],
        vec!["transcribe", &input, "--out", &out, "--rate", "16000"],
        vec!["transcribe", &input, "--stream"],
        vec!["transcribe", &input],
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
    }
    assert!(!folder.path("out").exists());
}

#[cfg(unix)]
#[test]
fn an_interrupt_between_blocks_leaves_nothing() {
    let folder = Folder::new();
    // Twenty minutes of silence: more than can be read before the interrupt comes.
    let silence = AudioBuffer::silence(SampleRate::HZ_16000, 1, 20 * 60 * 16_000).unwrap();
    write_wav(folder.path("long.wav"), &silence, WavFormat::Int16).unwrap();
    let child = program("onsets_frames")
        .args(["transcribe", &folder.text("long.wav"), "--out", &folder.text("out")])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !folder.path("out").exists() {
        thread::sleep(Duration::from_millis(20));
    }
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    assert_fails(&child.wait_with_output().unwrap(), 130, &["stopped"]);
    assert_eq!(folder.names("out"), [""; 0]);
}

/// Gives `bytes` to a stream and reads all that it prints.
fn stream(bytes: &[u8], arguments: &[&str]) -> Output {
    let mut child = program("onsets_frames")
        .args(["transcribe", "--stream", "--device", "cpu"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    // In pieces whose ends are within samples; a program that has ended reads no more.
    let writer = thread::spawn(move || {
        let _ = bytes.chunks(10_001).try_for_each(|piece| input.write_all(piece));
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn s16(audio: &AudioBuffer) -> Vec<u8> {
    let sample = |x: &f32| ((x * 32_768.0).round() as i16).to_le_bytes();
    audio.channel(0).iter().flat_map(sample).collect()
}

/// A piece of the built-in data set.
fn piece() -> AudioBuffer {
    let mini = Mini::new(MiniConfig::default()).unwrap();
    let options = LoadOptions {
        sample_rate: Some(SampleRate::HZ_44100),
        mono: true,
        duration: Some(20.0),
        ..LoadOptions::default()
    };
    mini.split(Split::Test).unwrap()[0].audio(&options).unwrap()
}

fn f1(reference: &[Note], estimate: &[Note]) -> f64 {
    transcription::evaluate(reference, estimate, &TranscriptionConfig::default()).unwrap().note.f1
}

#[test]
fn a_stream_prints_the_notes_of_the_file() {
    let folder = Folder::new();
    let audio = piece();
    write_wav(folder.path("piece.wav"), &audio, WavFormat::Int16).unwrap();
    let out = folder.text("out");
    assert_done(&run(&["transcribe", &folder.text("piece.wav"), "--out", &out, "--format", "tsv"]));
    let whole = formats::read_notes(folder.path("out/piece.tsv")).unwrap();
    assert!(whole.len() > 20, "{} notes", whole.len());

    let json = folder.text("stream.json");
    let floats: Vec<u8> = audio.channel(0).iter().flat_map(|x| x.to_le_bytes()).collect();
    // The less a network hears ahead, the more of its notes differ.
    for (bytes, arguments, least) in [
        (s16(&audio), vec!["--rate", "44100", "--json", &json], 0.98),
        (floats, vec!["--sample-format", "f32", "--latency", "2.8"], 0.98),
    ] {
        let output = stream(&bytes, &arguments);
        assert_done(&output);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().next(), Some("onset\toffset\tnote\tvelocity"));
        let notes = formats::parse_notes(&text, Path::new("standard output")).unwrap();
        let f1 = f1(&whole, &notes);
        assert!(f1 >= least, "note F1 between file and stream {arguments:?}: {f1}");
    }
    let told: Value = self::json(Path::new(&json));
    assert!((told["seconds"].as_f64().unwrap() - audio.duration()).abs() < 0.01, "{told}");
}

#[test]
fn notes_are_printed_while_the_stream_goes_on() {
    let audio = piece();
    let mut child = program("onsets_frames")
        .args(["transcribe", "--stream", "--latency", "3", "--device", "cpu"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&s16(&audio)).unwrap();
    // The input stays open: what is read now was printed before its end.
    let mut output = child.stdout.take().unwrap();
    let (mut text, mut buffer) = (String::new(), [0; 1024]);
    while text.lines().count() < 6 {
        let length = output.read(&mut buffer).unwrap();
        assert!(length > 0, "the program ended: {text}");
        text += std::str::from_utf8(&buffer[..length]).unwrap();
    }
    // Nobody reads any more, and that is no failure.
    drop(output);
    let rest = thread::spawn(move || {
        let bytes = s16(&audio);
        let _ = (0..20).try_for_each(|_| input.write_all(&bytes));
    });
    let status = child.wait().unwrap();
    rest.join().unwrap();
    assert!(status.success(), "{status:?}");
}

#[test]
fn a_stream_that_is_cut_or_no_sound_is_named() {
    let silence = vec![0; 44_100];
    let output = stream(&[&silence[..], &[0]].concat(), &[]);
    assert_fails(&output, 3, &["44101 bytes", "cut off"]);
    let output = stream(&[&silence[..], &[0, 0]].concat(), &["--sample-format", "f32"]);
    assert_fails(&output, 3, &["44102 bytes", "of a sample of 4"]);
    let output = stream(&f32::NAN.to_le_bytes(), &["--sample-format", "f32"]);
    assert_fails(&output, 3, &["sample 0", "no number"]);
    assert_fails(&stream(&[], &["--latency", "0.5"]), 2, &["--latency 0.5", "to 600"]);
    assert_fails(&stream(&[], &["--rate", "0"]), 2, &["--rate"]);
    let empty = stream(&[], &[]);
    assert_done(&empty);
    assert_eq!(empty.stdout, b"onset\toffset\tnote\tvelocity\n");
}

#[cfg(unix)]
#[test]
fn an_interrupted_stream_prints_what_it_has_heard() {
    let mut child = program("onsets_frames")
        .args(["transcribe", "--stream", "--device", "cpu"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    // The header says that signals are heard.
    let mut header = [0; 27];
    output.read_exact(&mut header).unwrap();
    let _open = child.stdin.take().unwrap();
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    assert_fails(&child.wait_with_output().unwrap(), 130, &["stopped"]);
}

#[test]
fn a_subset_is_a_smaller_data_set() {
    let folder = Folder::new();
    let (root, out, json) =
        (onsets_frames::maps(&folder), folder.text("small"), folder.text("lists.json"));
    let make = |extra: &[&str]| {
        let common = ["make-subset", "--root", &root, "--out", &out];
        run(&[&common[..], extra].concat())
    };
    let sizes = ["--train", "1", "--validation", "1", "--test", "1"];
    assert_done(&make(&[&sizes[..], &["--seed", "5", "--json", &json]].concat()));
    assert_eq!(folder.names("small"), ["flac", "splits.json", "tsv"]);
    let small = Maps::open(&out, MapsConfig::default()).unwrap();
    let lists = self::json(Path::new(&json));
    for split in Split::ALL {
        let tracks = small.split(split).unwrap();
        assert_eq!(tracks.len(), 1, "{split}");
        assert_eq!(lists[split.name()][0], tracks[0].id().as_str());
    }
    let notes = small.split(Split::Test).unwrap()[0].notes().unwrap();
    assert_eq!(notes.len(), 2);
    assert_fails(&make(&sizes), 2, &["small", "empty"]);
    assert_fails(&make(&[]), 2, &["100 of 2 recordings of train"]);
    let output = run(&["make-subset", "--data", "mini", "--out", &out]);
    assert_fails(&output, 2, &["--data maps"]);
}

#[test]
fn other_pianos_play_what_is_trained_on() {
    let folder = Folder::new();
    let root = onsets_frames::maps(&folder);
    let out = folder.text("more");
    let render = ["render", "--data", "maps", "--root", &root, "--out", &out, "--quiet"];
    assert_done(&run(&render));
    let names = folder.names("more");
    // Two training pieces, each with sound and notes; none of validation or test.
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(
        names.iter().all(|name| name.starts_with("MAPS_MUS-study_") && !name.contains("three"))
    );
    let first = names.iter().find(|name| name.ends_with(".tsv")).unwrap();
    let notes = formats::read_notes(folder.path("more").join(first)).unwrap();
    assert_eq!(notes.len(), 2);
    assert!((0.45..0.55).contains(&notes[0].onset()) && notes[0].pitch().midi() < 66.0);

    // What is there is not made again; what is missing is, equal to the last bit.
    let sound = folder.path("more").join(first.replace(".tsv", ".flac"));
    let before = fs::read(&sound).unwrap();
    fs::write(&sound, b"").unwrap();
    assert_done(&run(&render));
    assert_eq!(fs::read(&sound).unwrap(), b"");
    fs::remove_file(folder.path("more").join(first)).unwrap();
    assert_done(&run(&render));
    assert_eq!(fs::read(&sound).unwrap(), before);

    let trained = onsets_frames::train_maps(&folder, &["--steps", "2", "--extra", &out]);
    assert_done(&trained);
    assert!(stderr(&trained).contains("train: 4 recordings"), "{}", stderr(&trained));
    let twice = onsets_frames::train_maps(
        &folder,
        &["--steps", "1", "--force", "--extra", &out, "--extra", &out],
    );
    assert_fails(&twice, 2, &["names that the data set does not have", "study_"]);
    let wild = [&render[..], &["--tempo", "2"]].concat();
    assert_fails(&run(&wild), 2, &["tempo", "0 to 0.5"]);

    // Another seed has other names; a decoder is fitted to what validation plays, and nothing learns from the test.
    assert_done(&run(&[&render[..], &["--seed", "1"]].concat()));
    assert_eq!(folder.names("more").len(), 8);
    let other = folder.text("validation");
    let of_split = |split| {
        let arguments = ["render", "--data", "maps", "--root", &root, "--out", &other, "--quiet"];
        run(&[&arguments[..], &["--split", split]].concat())
    };
    assert_done(&of_split("validation"));
    let names = folder.names("validation");
    assert!(names.len() == 2 && names.iter().all(|name| name.contains("three")), "{names:?}");
    assert_fails(&of_split("test"), 2, &["nothing may learn from the test split"]);
    let (weights, fitted) =
        (folder.text("run/model.safetensors"), folder.text("fitted.safetensors"));
    let cache = folder.text("cache");
    let tune = ["tune", "--data", "maps", "--root", &root, "--weights", &weights, "--out", &fitted];
    let tuned = run(&[&tune[..], &["--cache", &cache, "--extra", &other]].concat());
    assert_done(&tuned);
    let said = String::from_utf8_lossy(&tuned.stdout).into_owned();
    assert!(said.contains("validation split: note F1") && said.contains(&other), "{said}");

    // Heard in three keys, which the file keeps, and in one again.
    let keys_of = |path: &str| {
        let model = TranscriptionModel::open(Path::new(path), Device::Cpu).unwrap();
        model.meta().transpositions.clone()
    };
    let (again, cached) = (folder.text("again.safetensors"), ["--cache", &cache, "--quiet"]);
    for (weights, keys, expected) in [(&weights, "-1,1", &[-1, 1][..]), (&again, "0", &[])] {
        let tune = ["tune", "--data", "maps", "--root", &root, "--weights", weights];
        let rest = ["--out", &again, "--transpositions", keys];
        assert_done(&run(&[&tune[..], &rest, &cached].concat()));
        assert_eq!(keys_of(&again), expected);
    }
    let far =
        ["tune", "--data", "maps", "--root", &root, "--out", &again, "--transpositions", "40"];
    assert_fails(&run(&[&far[..], &cached].concat()), 2, &["transpositions", "40"]);
}
