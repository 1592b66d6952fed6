//! The program `features` as its users run it.

use std::{f32::consts::TAU, fs, path::Path, process::Output};

use mir_audio::{WavFormat, write_wav};
use mir_core::{AudioBuffer, SampleRate};
use serde_json::Value;

use super::{Folder, assert_done, assert_fails, program};

fn run(arguments: &[&str]) -> Output {
    super::run(program("features").args(arguments))
}

/// Two seconds of a tone of 440 Hz at 22.05 kHz that is struck twice a second, in stereo.
fn wav(folder: &Folder, name: &str) -> String {
    let sample = |n: usize| {
        let since = (n % 11_025) as f32 / 22_050.0;
        0.5 * (TAU * 440.0 * n as f32 / 22_050.0).sin() * (-6.0 * since).exp()
    };
    let left: Vec<f32> = (0..44_100).map(sample).collect();
    let right: Vec<f32> = left.iter().map(|x| 0.5 * x).collect();
    let audio = AudioBuffer::from_channels(SampleRate::HZ_22050, &[&left, &right]).unwrap();
    let path = folder.new_file(name);
    write_wav(&path, &audio, WavFormat::Int16).unwrap();
    path
}

fn json(folder: &Folder, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.path(name)).unwrap()).unwrap()
}

/// The header of a NPY file.
fn npy_header(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    assert_eq!(&bytes[..6], b"\x93NUMPY");
    String::from_utf8_lossy(&bytes[10..128.min(bytes.len())]).into_owned()
}

#[test]
fn every_listed_feature_is_computed() {
    let folder = Folder::new();
    let input = wav(&folder, "a.wav");
    let list = run(&["--list"]);
    assert_done(&list);
    let list = String::from_utf8(list.stdout).unwrap();
    let names: Vec<&str> = list
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert!(names.len() >= 35, "{names:?}");
    for name in names {
        let out = folder.text(&format!("{name}.json"));
        assert_done(&run(&[&input, "--feature", name, "--out", &out]));
        let arrays = &json(&folder, &format!("{name}.json"))["arrays"];
        assert!(!arrays[0]["data"].as_array().unwrap().is_empty(), "{name}");
    }
}

#[test]
fn the_presets_of_a_feature_have_their_own_shapes() {
    let folder = Folder::new();
    let input = wav(&folder, "a.wav");
    let out = folder.path("a.npy");
    for (preset, shape) in [
        ("hw3", "(1, 62, 229)"),
        ("jongwook", "(1, 63, 229)"),
        ("librosa", "(1, 87, 128)"),
        ("kaldi", "(1, 198, 23)"),
    ] {
        let output = run(&[
            &input,
            "--feature",
            "log-mel",
            "--preset",
            preset,
            "--out",
            &folder.text("a.npy"),
        ]);
        assert_done(&output);
        let header = npy_header(&out);
        assert!(header.contains("'<f4'") && header.contains(shape), "{preset}: {header}");
    }
    let arguments = [&input, "--feature", "stft", "--channels", "--rate", "11025", "--out"];
    assert_done(&run(&[&arguments[..], &[&folder.text("a.npy")]].concat()));
    let header = npy_header(&out);
    assert!(header.contains("'<c8'") && header.contains("(2, 44, 1025)"), "{header}");
}

#[test]
fn values_mean_what_their_axes_say() {
    let folder = Folder::new();
    let input = wav(&folder, "a.wav");
    let out = folder.text("cqt.json");
    let settings = ["--set", "bins=48", "--set", "f_min=110.0"];
    let arguments = [&[input.as_str(), "--feature", "cqt", "--out", &out], &settings[..]].concat();
    assert_done(&run(&arguments));
    let array = &json(&folder, "cqt.json")["arrays"][0];
    let frame: Vec<f64> =
        array["data"][0][4].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    let loudest = (0..48).max_by(|&a, &b| frame[a].total_cmp(&frame[b])).unwrap();
    assert!((array["frequencies"][loudest].as_f64().unwrap() - 440.0).abs() < 1e-6);
    assert!((array["times"][4].as_f64().unwrap() - 4.0 * 512.0 / 22_050.0).abs() < 1e-9);

    let csv = folder.text("onsets.csv");
    assert_done(&run(&[&input, "--feature", "onsets", "--out", &csv]));
    let text = fs::read_to_string(&csv).unwrap();
    let times: Vec<f64> = text.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    for struck in [0.5, 1.0, 1.5] {
        assert!(times.iter().any(|t| (t - struck).abs() < 0.05), "{struck}: {times:?}");
    }
}

#[test]
fn pictures_and_archives_are_made() {
    let folder = Folder::new();
    let input = wav(&folder, "a.wav");
    for (feature, name, magic) in [
        ("log-mel", "a.png", &b"\x89PNG"[..]),
        ("stft", "b.svg", b"<svg"),
        ("rms", "c.png", b"\x89PNG"),
        ("beats", "d.svg", b"<svg"),
        ("pyin", "e.npz", b"PK\x03\x04"),
        #[cfg(feature = "hdf5")]
        ("hpss", "f.h5", b"\x89HDF"),
    ] {
        let out = folder.text(name);
        assert_done(&run(&[&input, "--feature", feature, "--out", &out]));
        let bytes = fs::read(&out).unwrap();
        assert!(bytes[..200.min(bytes.len())].windows(4).any(|w| w == magic), "{name}");
    }
    let svg = folder.text("log.svg");
    assert_done(&run(&[&input, "--feature", "log-mel", "--out", &svg]));
    let svg = fs::read_to_string(svg).unwrap();
    for text in ["time (s)", "frequency (Hz)", "1000"] {
        assert!(svg.contains(text), "{text}");
    }
}

#[test]
fn folders_keep_their_form_and_a_bad_file_does_not_stop_the_others() {
    let folder = Folder::new();
    wav(&folder, "in/a.wav");
    wav(&folder, "in/deep/b.wav");
    fs::write(folder.path("in/c.wav"), b"no sound").unwrap();
    let (input, out, summary) = (folder.text("in"), folder.text("out"), folder.text("all.json"));
    let output = run(&[&input, "--feature", "rms", "--out", &out, "--json", &summary]);
    assert_fails(&output, 1, &["c.wav", "1 of 3"]);
    assert!(npy_header(&folder.path("out/a.npy")).contains("(1, 87, 1)"));
    assert!(folder.path("out/deep/b.npy").is_file() && !folder.path("out/c.npy").exists());
    let summary = json(&folder, "all.json");
    assert_eq!(summary["files"].as_array().unwrap().len(), 2);
    assert_eq!(summary["failed"].as_array().unwrap().len(), 1);
}

#[test]
fn mistakes_are_named_and_inputs_are_never_written() {
    let folder = Folder::new();
    let input = wav(&folder, "a.wav");
    let out = folder.text("a.npy");
    let fails = |arguments: &[&str], code, texts: &[&str]| {
        assert_fails(&run(&[&[input.as_str()], arguments].concat()), code, texts);
        assert!(!Path::new(&out).exists());
    };
    fails(&["--feature", "log-mell", "--out", &out], 2, &["log-mell", "log-mel", "--list"]);
    fails(&["--feature", "cqt", "--preset", "hw3", "--out", &out], 2, &["hw3", "librosa"]);
    fails(&["--feature", "cqt", "--set", "hopp=3", "--out", &out], 2, &["hopp", "'hop'"]);
    fails(&["--feature", "cqt", "--set", "hop=0", "--out", &out], 2, &["hop", "0"]);
    fails(&["--feature", "rms", "--rate", "0", "--out", &out], 2, &["--rate"]);
    fails(&["--feature", "rms", "--out", &folder.text("a.xyz")], 2, &["xyz", "npz"]);
    fails(&["--feature", "rms", "--to", "wav", "--out", &input], 2, &["wav"]);
    fails(&["--feature", "rms", "--to", "npy", "--out", &input], 2, &["a.wav", "input"]);
    fails(&["--feature", "stft", "--out", &folder.text("a.csv")], 2, &["complex", ".npy"]);
    fails(&["--out", &out], 2, &["--feature"]);
    let output = run(&["none.wav", "--feature", "rms", "--out", &out]);
    assert_fails(&output, 3, &["none.wav"]);
    fs::write(folder.path("bad.wav"), b"no sound").unwrap();
    let output = run(&[&folder.text("bad.wav"), "--feature", "rms", "--out", &out]);
    assert_fails(&output, 3, &["bad.wav"]);
}
