//! Files that are missing, broken, odd, or not audio at all.

use std::{fs, path::PathBuf};

use mir_audio::{
    AudioBuffer, Error, Limits, LoadOptions, SampleRate, WavFormat, info, load, load_with_report,
    write_wav,
};
use mir_testkit::signal;
use tempfile::TempDir;

use crate::fixture;

fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn error_of(path: impl AsRef<std::path::Path>) -> Error {
    load(path, &LoadOptions::default()).unwrap_err()
}

#[test]
fn a_missing_file_and_a_folder_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("missing.wav"), folder.path().to_owned()] {
        let error = error_of(&path);
        assert!(matches!(error, Error::Io { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()));
    }
}

#[test]
fn what_is_not_audio_is_said_to_be_none() {
    for (name, bytes) in [
        ("empty.wav", &b""[..]),
        ("text.txt", b"This is a letter, and not a sound.\n"),
        ("text.mp3", &[b'a'; 5000]),
        ("zeros.flac", &[0; 100_000]),
        ("riff.wav", b"RIFF\x04\0\0\0WAVE"),
        ("midi.mid", b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x04\0\xff\x2f\0"),
    ] {
        let (_folder, path) = file(name, bytes);
        let error = error_of(&path);
        assert!(
            matches!(error, Error::NotAudio { .. } | Error::NoAudioTrack { .. }),
            "{name}: {error:?}"
        );
    }
}

#[test]
fn a_codec_without_decoder_is_named() {
    for error in [error_of(fixture("impulse.opus")), info(fixture("impulse.opus")).unwrap_err()] {
        assert!(matches!(error, Error::UnsupportedCodec { .. }), "{error:?}");
        assert!(error.to_string().contains("Opus"), "{error}");
    }
}

#[test]
fn no_sample_and_one_sample_are_audio() {
    let folder = tempfile::tempdir().unwrap();
    for samples in [0, 1] {
        let path = folder.path().join("short.wav");
        let audio = signal::noise(SampleRate::HZ_44100, 0.5, samples, 1);
        write_wav(&path, &audio, WavFormat::Float32).unwrap();
        for sample_rate in [None, Some(SampleRate::HZ_16000)] {
            let options = LoadOptions { sample_rate, ..LoadOptions::default() };
            assert_eq!(load(&path, &options).unwrap().len(), samples);
        }
    }
}

#[test]
fn a_sample_that_is_not_a_number_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nan.wav");
    let audio = AudioBuffer::from_channels(SampleRate::HZ_16000, &[[0.0_f32; 5000], [0.5; 5000]]);
    write_wav(&path, &audio.unwrap(), WavFormat::Float32).unwrap();
    for value in [f32::NAN, f32::INFINITY] {
        let mut bytes = fs::read(&path).unwrap();
        let data = bytes.len() - 5000 * 8;
        let at = data + (4321 * 2 + 1) * 4;
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        fs::write(&path, bytes).unwrap();
        let error = error_of(&path);
        let named = matches!(error, Error::NonFiniteSample { channel: 1, sample: 4321, .. });
        assert!(named, "{error:?}");
    }
}

#[test]
fn a_truncated_file_says_how_much_is_there() {
    let bytes = fs::read(fixture("noise.flac")).unwrap();
    let (_folder, path) = file("cut.flac", &bytes[..bytes.len() / 2]);
    let error = error_of(&path);
    let Error::Truncated { decoded, claimed, .. } = error else { panic!("{error:?}") };
    assert_eq!(claimed, 20_000);
    assert!(decoded < 20_000 && decoded > 0, "{decoded}");

    let options = LoadOptions { allow_truncated: true, ..LoadOptions::default() };
    let (audio, report) = load_with_report(&path, &options).unwrap();
    assert_eq!(audio.len() as u64, decoded);
    assert!(report.truncated);
    // A part that is complete can be read from a truncated file all the same.
    let options = LoadOptions { duration: Some(0.01), ..LoadOptions::default() };
    assert_eq!(load(&path, &options).unwrap().len(), 80);
}

#[test]
fn a_truncated_wav_says_how_much_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.wav");
    let audio = signal::noise(SampleRate::HZ_16000, 0.5, 10_000, 1);
    write_wav(&path, &audio, WavFormat::Int16).unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 2 * 3000]).unwrap();
    let error = error_of(&path);
    let named = matches!(error, Error::Truncated { decoded: 7000, claimed: 10_000, .. });
    assert!(named, "{error:?}");
}

#[test]
fn a_header_that_lies_costs_no_memory() {
    // 4 GiB of stereo are claimed; ten bytes are there.
    let mut bytes = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x02\0".to_vec();
    bytes.extend(44_100_u32.to_le_bytes());
    bytes.extend(176_400_u32.to_le_bytes());
    bytes.extend(b"\x04\0\x10\0data\xf0\xff\xff\xff0123456789");
    let (_folder, path) = file("bomb.wav", &bytes);
    let error = error_of(&path);
    assert!(matches!(error, Error::Truncated { .. }), "{error:?}");
}

#[test]
fn limits_are_kept_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.wav");
    let audio = AudioBuffer::silence(SampleRate::HZ_16000, 6, 16_000).unwrap();
    write_wav(&path, &audio, WavFormat::Int16).unwrap();
    let limits = Limits::default;
    for (expected, limits) in [
        ("number of channels", Limits { max_channels: 5, ..limits() }),
        ("sample rate in Hz", Limits { max_sample_rate: 8_000, ..limits() }),
        ("length in samples", Limits { max_duration: 0.5, ..limits() }),
        ("size in bytes", Limits { max_bytes: 100_000, ..limits() }),
    ] {
        let options = LoadOptions { limits, ..LoadOptions::default() };
        let error = load(&path, &options).unwrap_err();
        let Error::LimitExceeded { field, .. } = error else { panic!("{error:?}") };
        assert_eq!(field, expected);
    }
    assert_eq!(load(&path, &LoadOptions::default()).unwrap().channels(), 6);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for options in [
        LoadOptions { start: -1.0, ..LoadOptions::default() },
        LoadOptions { start: f64::NAN, ..LoadOptions::default() },
        LoadOptions { duration: Some(-0.1), ..LoadOptions::default() },
        LoadOptions { duration: Some(f64::INFINITY), ..LoadOptions::default() },
    ] {
        let error = load(fixture("impulse.flac"), &options).unwrap_err();
        assert!(matches!(error, Error::OutOfRange { .. }), "{error:?}");
    }
    assert!(serde_json::from_str::<LoadOptions>(r#"{"sampel_rate":1}"#).is_err());
}

#[test]
fn every_damaged_byte_gives_audio_or_an_error() {
    for (name, stride) in
        [("impulse.flac", 7), ("impulse.ogg", 31), ("impulse.mp3", 31), ("impulse.aiff", 997)]
    {
        let original = fs::read(fixture(name)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        for at in (0..original.len()).step_by(stride).chain(0..64.min(original.len())) {
            for allow_truncated in [false, true] {
                let mut bytes = original.clone();
                bytes[at] ^= 0x55;
                fs::write(&path, &bytes).unwrap();
                let options = LoadOptions { allow_truncated, ..LoadOptions::default() };
                match load(&path, &options) {
                    Ok(audio) => assert!(audio.len() < 1 << 20, "{name}, byte {at}"),
                    Err(error) => assert!(error.to_string().contains(name), "{error}"),
                }
            }
            fs::write(&path, &original[..at]).unwrap();
            if let Ok(audio) = load(&path, &LoadOptions::default()) {
                assert!(audio.len() <= 8000, "{name} cut at {at}");
            }
        }
    }
}
