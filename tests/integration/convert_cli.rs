//! The program `convert` as its users run it: one file, many, folders, and input that is wrong.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use mir_audio::{LoadOptions, WavFormat, load, write_wav};
use mir_core::SampleRate;
use mir_testkit::signal::{noise, sine};
use serde_json::Value;
use tempfile::TempDir;

struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A second of a tone in a file of that name.
    fn tone(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let audio = sine(SampleRate::HZ_44100, 440.0, 0.3, 44_100);
        write_wav(&path, &audio, WavFormat::Int16).unwrap();
        path
    }

    /// Runs the program in the bench's folder; its arguments are separated by spaces.
    fn convert(&self, arguments: &str) -> Output {
        // Tests lie in target/PROFILE/deps, examples beside them in target/PROFILE/examples.
        let test = std::env::current_exe().unwrap();
        let examples = test.parent().and_then(Path::parent).unwrap().join("examples");
        Command::new(examples.join("convert"))
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .expect("cargo builds the examples before it runs the tests")
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(folder))
            .map(|all| all.map(|e| e.unwrap().file_name().to_string_lossy().into()).collect())
            .unwrap_or_default();
        names.sort();
        names
    }
}

/// Asserts an exit code, and that one line of the message holds each of the texts.
#[track_caller]
fn assert_ends(output: &Output, code: i32, texts: &[&str]) {
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    let found = message.lines().any(|line| texts.iter().all(|text| line.contains(text)));
    assert!(texts.is_empty() || found, "no line with {texts:?} in: {message}");
}

#[test]
fn a_file_becomes_another_rate_format_and_number_of_channels() {
    let bench = Bench::new();
    bench.tone("a.wav");
    let output = bench.convert("a.wav --out b.flac --rate 16000 --mono");
    assert_ends(&output, 0, &[]);
    let audio = load(bench.path("b.flac"), &LoadOptions::default()).unwrap();
    assert_eq!((audio.sample_rate(), audio.len()), (SampleRate::HZ_16000, 16_000));
    for (format, name, codec) in [
        ("wav", "c.wav", "pcm_s16le"),
        ("wav24", "c24.wav", "pcm_s24le"),
        ("wav32", "c32.wav", "pcm_f32le"),
        ("flac24", "c.flac", "flac"),
    ] {
        let output = bench.convert(&format!("a.wav --out {name} --format {format}"));
        assert_ends(&output, 0, &[]);
        assert_eq!(mir_audio::info(bench.path(name)).unwrap().codec, codec);
    }
    // All but the last are the same samples as before.
    let original = load(bench.path("a.wav"), &LoadOptions::default()).unwrap();
    for name in ["c.wav", "c24.wav", "c32.wav", "c.flac"] {
        assert!(load(bench.path(name), &LoadOptions::default()).unwrap() == original, "{name}");
    }
}

#[test]
fn a_folder_keeps_its_form_and_a_bad_file_does_not_stop_it() {
    let bench = Bench::new();
    bench.tone("in/a.wav");
    bench.tone("in/deep/er/b.wav");
    fs::write(bench.path("in/deep/broken.mp3"), "no sound").unwrap();
    let output = bench.convert("in --out out --rate 22050 --json summary.json");
    assert_ends(&output, 1, &["1 of 3 files failed", "broken.mp3"]);
    assert_eq!(bench.names("out"), ["a.wav", "deep"]);
    assert_eq!(bench.names("out/deep"), ["er"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("2 of 3 files, 2.0 s of audio"), "{text}");
    let summary: Value =
        serde_json::from_slice(&fs::read(bench.path("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["files"].as_array().unwrap().len(), 2);
    assert_eq!(summary["files"][0]["report"]["decoded"], 44_100);
    assert_eq!(summary["failed"].as_array().unwrap().len(), 1);

    let quiet = bench.convert("in/a.wav in/deep/er/b.wav --out flat --quiet");
    assert_ends(&quiet, 0, &[]);
    assert!(quiet.stdout.is_empty() && quiet.stderr.is_empty());
    assert_eq!(bench.names("flat"), ["a.wav", "b.wav"]);
}

#[test]
fn files_that_differ_in_their_ending_alone_keep_it() {
    let bench = Bench::new();
    bench.tone("in/a.wav");
    bench.tone("in/b.wav");
    assert_ends(&bench.convert("in/a.wav --out in/a.flac"), 0, &[]);
    assert_ends(&bench.convert("in in/a.wav --out out"), 0, &[]);
    assert_eq!(bench.names("out"), ["a.flac.wav", "a.wav.wav", "b.wav"]);
}

#[test]
fn settings_reach_every_option() {
    let bench = Bench::new();
    let quiet = noise(SampleRate::HZ_44100, 0.01, 88_200, 1);
    write_wav(bench.path("a.wav"), &quiet, WavFormat::Float32).unwrap();
    let output =
        bench.convert("a.wav --out part.wav --set load.start=0.5 --set load.duration=0.25");
    assert_ends(&output, 0, &[]);
    let part = load(bench.path("part.wav"), &LoadOptions::default()).unwrap();
    assert_eq!(part.len(), 11_025);
    assert_ends(&bench.convert("a.wav --out peak.wav --set peak=-6.0206"), 0, &[]);
    let peak = load(bench.path("peak.wav"), &LoadOptions::default()).unwrap().peak();
    assert!((peak - 0.5).abs() < 1e-3, "{peak}");
    fs::write(bench.path("c.toml"), "loudness = -23.0\nformat = \"wav32\"\n").unwrap();
    assert_ends(&bench.convert("a.wav --out loud.wav --config c.toml"), 0, &[]);
    let audio = load(bench.path("loud.wav"), &LoadOptions::default()).unwrap();
    let loudness = mir_audio::level::loudness(&audio).unwrap().integrated.unwrap();
    assert!((loudness + 23.0).abs() < 0.1, "{loudness}");

    assert_ends(
        &bench.convert("a.wav --out x.wav --set load.strt=1"),
        2,
        &["did you mean 'start'"],
    );
    assert_ends(
        &bench.convert("a.wav --out x.wav --set peak=0.0 --set loudness=-23.0"),
        2,
        &["peak"],
    );
    assert!(!bench.path("x.wav").exists());
}

#[test]
fn an_input_is_never_written() {
    let bench = Bench::new();
    let before = fs::read(bench.tone("a.wav")).unwrap();
    bench.tone("in/a.wav");
    for arguments in
        ["a.wav --out a.wav", "a.wav --out ./in/../a.wav", "in --out in", "in a.wav --out in"]
    {
        let output = bench.convert(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        assert!(fs::read(bench.path("a.wav")).unwrap() == before, "{arguments}");
        assert_eq!(bench.names("in"), ["a.wav"], "{arguments}");
    }
    // Another format beside the inputs is welcome.
    assert_ends(&bench.convert("in --out in --format flac"), 0, &[]);
    assert_eq!(bench.names("in"), ["a.flac", "a.wav"]);
}

#[test]
fn wrong_use_and_wrong_data_have_their_own_codes() {
    let bench = Bench::new();
    bench.tone("in/a.wav");
    bench.tone("other/a.wav");
    fs::create_dir(bench.path("empty")).unwrap();
    fs::write(bench.path("text.wav"), "This is a letter.").unwrap();
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
        let output = bench.convert(arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments}: {message}");
        for text in texts {
            assert!(message.contains(text), "{arguments}: {message}");
        }
    }
    assert!(!bench.path("x.wav").exists());
    let help = bench.convert("--help");
    assert_ends(&help, 0, &[]);
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(help.lines().all(|line| line.len() <= 80) && help.contains("Examples:"), "{help}");
}
