//! The program `convert` as its users run it: one file, many, folders, and input that is wrong.

use std::{fs, path::PathBuf, process::Output};

use mir_audio::{LoadOptions, WavFormat, load, write_wav};
use mir_core::SampleRate;
use mir_testkit::signal::{noise, sine};
use serde_json::Value;

use super::{Folder, assert_done, assert_fails, program, run};

/// A second of a tone in a file of that name.
fn tone(folder: &Folder, name: &str) -> PathBuf {
    let audio = sine(SampleRate::HZ_44100, 440.0, 0.3, 44_100);
    write_wav(folder.new_file(name), &audio, WavFormat::Int16).unwrap();
    folder.path(name)
}

/// Runs the program in the folder; its arguments are separated by spaces.
fn convert(folder: &Folder, arguments: &str) -> Output {
    run(program("convert").args(arguments.split_whitespace()).current_dir(folder.root()))
}

#[test]
fn a_file_becomes_another_rate_format_and_number_of_channels() {
    let folder = Folder::new();
    tone(&folder, "a.wav");
    let output = convert(&folder, "a.wav --out b.flac --rate 16000 --mono");
    assert_done(&output);
    let audio = load(folder.path("b.flac"), &LoadOptions::default()).unwrap();
    assert_eq!((audio.sample_rate(), audio.len()), (SampleRate::HZ_16000, 16_000));
    for (format, name, codec) in [
        ("wav", "c.wav", "pcm_s16le"),
        ("wav24", "c24.wav", "pcm_s24le"),
        ("wav32", "c32.wav", "pcm_f32le"),
        ("flac24", "c.flac", "flac"),
    ] {
        let output = convert(&folder, &format!("a.wav --out {name} --format {format}"));
        assert_done(&output);
        assert_eq!(mir_audio::info(folder.path(name)).unwrap().codec, codec);
    }
    // All but the last are the same samples as before.
    let original = load(folder.path("a.wav"), &LoadOptions::default()).unwrap();
    for name in ["c.wav", "c24.wav", "c32.wav", "c.flac"] {
        assert!(load(folder.path(name), &LoadOptions::default()).unwrap() == original, "{name}");
    }
}

#[test]
fn a_folder_keeps_its_form_and_a_bad_file_does_not_stop_it() {
    let folder = Folder::new();
    tone(&folder, "in/a.wav");
    tone(&folder, "in/deep/er/b.wav");
    folder.write("in/deep/broken.mp3", "no sound");
    let output = convert(&folder, "in --out out --rate 22050 --json summary.json");
    assert_fails(&output, 1, &["1 of 3 files failed", "broken.mp3"]);
    assert_eq!(folder.names("out"), ["a.wav", "deep"]);
    assert_eq!(folder.names("out/deep"), ["er"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("2 of 3 files, 2.0 s of audio"), "{text}");
    let summary: Value =
        serde_json::from_slice(&fs::read(folder.path("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["files"].as_array().unwrap().len(), 2);
    assert_eq!(summary["files"][0]["report"]["decoded"], 44_100);
    assert_eq!(summary["failed"].as_array().unwrap().len(), 1);

    let quiet = convert(&folder, "in/a.wav in/deep/er/b.wav --out flat --quiet");
    assert_done(&quiet);
    assert!(quiet.stdout.is_empty() && quiet.stderr.is_empty());
    assert_eq!(folder.names("flat"), ["a.wav", "b.wav"]);
}

#[test]
fn files_that_differ_in_their_ending_alone_keep_it() {
    let folder = Folder::new();
    tone(&folder, "in/a.wav");
    tone(&folder, "in/b.wav");
    assert_done(&convert(&folder, "in/a.wav --out in/a.flac"));
    assert_done(&convert(&folder, "in in/a.wav --out out"));
    assert_eq!(folder.names("out"), ["a.flac.wav", "a.wav.wav", "b.wav"]);
}

#[test]
fn settings_reach_every_option() {
    let folder = Folder::new();
    let quiet = noise(SampleRate::HZ_44100, 0.01, 88_200, 1);
    write_wav(folder.path("a.wav"), &quiet, WavFormat::Float32).unwrap();
    let output =
        convert(&folder, "a.wav --out part.wav --set load.start=0.5 --set load.duration=0.25");
    assert_done(&output);
    let part = load(folder.path("part.wav"), &LoadOptions::default()).unwrap();
    assert_eq!(part.len(), 11_025);
    assert_done(&convert(&folder, "a.wav --out peak.wav --set peak=-6.0206"));
    let peak = load(folder.path("peak.wav"), &LoadOptions::default()).unwrap().peak();
    assert!((peak - 0.5).abs() < 1e-3, "{peak}");
    folder.write("c.toml", "loudness = -23.0\nformat = \"wav32\"\n");
    assert_done(&convert(&folder, "a.wav --out loud.wav --config c.toml"));
    let audio = load(folder.path("loud.wav"), &LoadOptions::default()).unwrap();
    let loudness = mir_audio::level::loudness(&audio).unwrap().integrated.unwrap();
    assert!((loudness + 23.0).abs() < 0.1, "{loudness}");

    assert_fails(
        &convert(&folder, "a.wav --out x.wav --set load.strt=1"),
        2,
        &["did you mean 'start'"],
    );
    assert_fails(
        &convert(&folder, "a.wav --out x.wav --set peak=0.0 --set loudness=-23.0"),
        2,
        &["peak"],
    );
    assert!(!folder.path("x.wav").exists());
}

#[test]
fn an_input_is_never_written() {
    let folder = Folder::new();
    let before = fs::read(tone(&folder, "a.wav")).unwrap();
    tone(&folder, "in/a.wav");
    for arguments in
        ["a.wav --out a.wav", "a.wav --out ./in/../a.wav", "in --out in", "in a.wav --out in"]
    {
        let output = convert(&folder, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        assert!(fs::read(folder.path("a.wav")).unwrap() == before, "{arguments}");
        assert_eq!(folder.names("in"), ["a.wav"], "{arguments}");
    }
    // Another format beside the inputs is welcome.
    assert_done(&convert(&folder, "in --out in --format flac"));
    assert_eq!(folder.names("in"), ["a.flac", "a.wav"]);
}

#[test]
fn wrong_use_and_wrong_data_have_their_own_codes() {
    let folder = Folder::new();
    tone(&folder, "in/a.wav");
    tone(&folder, "other/a.wav");
    fs::create_dir(folder.path("empty")).unwrap();
    folder.write("text.wav", "This is a letter.");
    let cases: [(&str, i32, &[&str]); 7] = [
        ("in --out out --rate 0", 2, &["--rate"]),
        ("in --out out --format mp3", 2, &["mp3"]),
        ("in other --out out", 2, &["would both become"]),
        ("empty --out out", 3, &["no audio file", "empty"]),
        ("missing.wav --out x.wav", 3, &["missing.wav"]),
        ("text.wav --out x.wav", 3, &["text.wav", "not audio"]),
        ("in/a.wav", 2, &["--out"]),
    ];
    for (arguments, code, texts) in cases {
        assert_fails(&convert(&folder, arguments), code, texts);
    }
    assert!(!folder.path("x.wav").exists());
    let help = convert(&folder, "--help");
    assert_done(&help);
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(help.lines().all(|line| line.len() <= 80) && help.contains("Examples:"), "{help}");
}
