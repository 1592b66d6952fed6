//! An impulse has to come out where it went in, whatever the format.

use mir_audio::{Gapless, LoadOptions, SampleRate, info, load, load_with_report};
use mir_testkit::{assert_close, test_data};

use crate::fixture;

pub(crate) fn peak_at(samples: &[f32]) -> usize {
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
    let Some(folder) = test_data("maps/test/flac") else {
        return;
    };
    let recordings = walk(&folder);
    assert!(recordings.len() > 3, "no recordings in the folder");
    for path in &recordings[..3] {
        let (audio, report) = load_with_report(path, &LoadOptions::default()).unwrap();
        assert_eq!(report.claimed, Some(audio.len() as u64));
        // From a jump far into the file on, samples are those of the whole.
        let options = LoadOptions { start: 30.0, duration: Some(1.0), ..LoadOptions::default() };
        let part = load(path, &options).unwrap();
        assert!(part == audio.excerpt(480_000..496_000));
    }
}

#[test]
fn aac_begins_where_its_edit_list_says() {
    let Some(stem) = test_data("musdb18-sample/train/Music Delta - 80s Rock.stem.mp4") else {
        return;
    };
    let (audio, report) = load_with_report(stem, &LoadOptions::default()).unwrap();
    assert_eq!(report.info.codec, "aac");
    assert_eq!(report.info.gapless, Gapless::Exact);
    // 301 939 samples by the track's clock, 2048 of them priming; 6.800 s by the clock of the movie.
    assert_eq!(audio.len(), 299_891);
    assert_eq!(report.trimmed_start, 2048);
}

#[test]
fn one_signal_in_three_formats_is_one_signal() {
    let Some(folder) = test_data("madmom/audio") else {
        return;
    };
    let load = |name| load(folder.join(name), &LoadOptions::default()).unwrap();
    let (wav, flac) = (load("stereo_sample.wav"), load("stereo_sample.flac"));
    assert!(wav == flac);

    // The lossy version lies at the same place: correlation is largest without a shift.
    let lossy = load("stereo_sample.m4a");
    let (x, y) = (wav.channel(0), lossy.channel(0));
    let correlation = |shift: i64| -> f64 {
        let at = |n: i64| usize::try_from(n + shift).ok().and_then(|n| y.get(n));
        let pairs = (4000..x.len() as i64 - 4000).map(|n| (x[n as usize], at(n)));
        pairs.map(|(x, y)| f64::from(x) * f64::from(y.copied().unwrap_or(0.0))).sum()
    };
    let best =
        (-1100..=1100_i64).max_by(|&a, &b| correlation(a).total_cmp(&correlation(b))).unwrap();
    assert_eq!(best, 0);
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
        if path.extension().is_some_and(|e| e == "txt") {
            continue;
        }
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
