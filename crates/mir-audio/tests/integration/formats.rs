//! An impulse has to come out where it went in, whatever the format.

use mir_audio::{Gapless, LoadOptions, SampleRate, info, load, load_with_report};
use mir_testkit::{assert_close, test_data};

use crate::fixture;

fn peak_at(samples: &[f32]) -> usize {
    let magnitude = |i: &usize| samples[*i].abs();
    (0..samples.len()).max_by(|a, b| magnitude(a).total_cmp(&magnitude(b))).unwrap()
}

/// The fixtures hold 8000 samples at 16 kHz, all 0 but sample 2000, which is ½.
#[test]
fn an_impulse_is_where_the_encoder_was_given_it() {
    for (name, codec, lossless) in [
        ("impulse.flac", "flac", true),
        ("impulse.aiff", "pcm_s24be", true),
        ("impulse.ogg", "vorbis", false),
        ("impulse.mp3", "mp3", false),
    ] {
        let (audio, report) = load_with_report(fixture(name), &LoadOptions::default()).unwrap();
        assert_eq!(audio.len(), 8000, "{name}");
        assert_eq!(peak_at(audio.channel(0)), 2000, "{name}");
        assert_eq!(audio.sample_rate(), SampleRate::HZ_16000);
        assert_eq!(report.info.codec, codec);
        assert_eq!(report.info.gapless, Gapless::Exact, "{name}");
        assert_eq!(report.claimed, Some(8000), "{name}");
        assert_eq!(report.decoded, 8000, "{name}");
        assert_eq!(info(fixture(name)).unwrap().frames, Some(8000), "{name}");
        if lossless {
            assert_close(f64::from(audio.channel(0)[2000]), 0.5, 1e-9, name);
            assert_close(audio.channel(0).iter().map(|&x| f64::from(x)).sum(), 0.5, 1e-9, name);
        }
    }
}

#[test]
fn channels_stay_apart_or_are_averaged() {
    let both = load(fixture("impulse.aiff"), &LoadOptions::default()).unwrap();
    assert_eq!(both.channels(), 2);
    assert_close(f64::from(both.channel(1)[2000]), -0.5, 1e-9, "right");
    let options = LoadOptions { mono: true, ..LoadOptions::default() };
    let mono = load(fixture("impulse.aiff"), &options).unwrap();
    assert_eq!(mono.channels(), 1);
    assert_close(f64::from(mono.peak()), 0.0, 1e-9, "left and right cancel");
}

#[test]
fn a_part_is_the_same_part_of_the_whole() {
    for name in ["impulse.flac", "impulse.aiff", "impulse.ogg", "impulse.mp3"] {
        let whole = load(fixture(name), &LoadOptions::default()).unwrap();
        for (start, duration) in [(0.0, 0.1), (0.1, 0.05), (0.12, 9.0), (0.5, 1.0), (7.0, 1.0)] {
            let options = LoadOptions { start, duration: Some(duration), ..LoadOptions::default() };
            let part = load(fixture(name), &options).unwrap();
            let first = SampleRate::HZ_16000.sample_at(start);
            let last = first + SampleRate::HZ_16000.sample_at(duration);
            assert!(part == whole.excerpt(first..last), "{name} from {start} s");
        }
    }
}

#[test]
fn recordings_of_the_piano_have_the_length_that_they_state() {
    let Some(folder) = test_data("maps/test") else {
        return;
    };
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "flac") && files < 3 {
            let (audio, report) = load_with_report(&path, &LoadOptions::default()).unwrap();
            assert_eq!(report.claimed, Some(audio.len() as u64));
            // From a jump far into the file on, samples are those of the whole.
            let options =
                LoadOptions { start: 30.0, duration: Some(1.0), ..LoadOptions::default() };
            let part = load(&path, &options).unwrap();
            assert!(part == audio.excerpt(480_000..496_000));
            files += 1;
        }
    }
    assert!(files > 0, "no recording in the folder");
}

#[test]
fn aac_begins_where_its_edit_list_says() {
    let Some(path) = test_data("musdb18-sample") else {
        return;
    };
    let stem = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "mp4"))
        .unwrap();
    let (audio, report) = load_with_report(stem, &LoadOptions::default()).unwrap();
    assert_eq!(report.info.codec, "aac");
    assert_eq!(report.info.gapless, Gapless::Exact);
    assert_eq!(audio.len(), 299_880, "6.800 s at 44.1 kHz");
    assert!(report.trimmed_start > 0);
}

#[test]
fn one_signal_in_three_formats_is_one_signal() {
    let Some(folder) = test_data("madmom") else {
        return;
    };
    let find = |extension: &str| {
        let mut found: Vec<_> = walk(&folder)
            .into_iter()
            .filter(|path| {
                path.file_name().is_some_and(|n| n == format!("sample.{extension}").as_str())
            })
            .collect();
        found.pop().unwrap()
    };
    let load = |path| load(path, &LoadOptions::default()).unwrap();
    let (wav, flac) = (load(find("wav")), load(find("flac")));
    assert!(wav == flac);
}

/// All files below a folder.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn odd_files_give_audio_or_an_error() {
    let Some(folder) = test_data("audio-odd") else {
        return;
    };
    let (mut good, mut bad) = (vec![], vec![]);
    for path in walk(&folder) {
        let options = LoadOptions {
            allow_truncated: path.to_string_lossy().contains("fuzz"),
            ..LoadOptions::default()
        };
        match load(&path, &options) {
            Ok(audio) => {
                assert!(audio.check_finite().is_ok());
                good.push(path);
            }
            Err(error) => {
                assert!(error.to_string().contains(path.file_name().unwrap().to_str().unwrap()));
                bad.push((path, error));
            }
        }
    }
    for (path, error) in &bad {
        let source = std::error::Error::source(error).map(ToString::to_string);
        println!("{}: {error} ({source:?})", path.display());
        let path = path.to_string_lossy();
        assert!(!path.contains("subset"), "{path} conforms: {error} ({source:?})");
    }
    assert!(good.len() > 30, "{} files could be read", good.len());
}
