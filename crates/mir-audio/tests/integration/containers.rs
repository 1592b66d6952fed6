//! Every container and sample width, several streams in one file, and parts of long files.

use mir_audio::{
    AudioBuffer, Error, Gapless, LoadOptions, SampleRate, info, load, load_bytes, load_folder,
    load_streams, load_with_report, map_files, streams, write_wav,
};
use mir_testkit::{assert_close, test_data};

use crate::{fixture, formats::peak_at};

/// 8000 samples at 16 kHz, all 0 but sample 2000, which is ½: where it comes out, and what is known.
#[test]
fn an_impulse_lies_where_the_container_lets_it_be_known() {
    for (name, container, codec, length, peak, gapless) in [
        ("impulse.m4a", "isomp4", "aac", 8000, 2000, Gapless::Exact),
        ("impulse.aac", "aac", "aac", 8192, 2000, Gapless::Assumed(1024)),
        ("impulse-aac.mkv", "matroska", "aac", 8192, 2000, Gapless::Assumed(1024)),
        ("impulse-alac.m4a", "isomp4", "alac", 8000, 2000, Gapless::Exact),
        ("impulse-alac.caf", "caf", "alac", 8000, 2000, Gapless::Exact),
        ("impulse-flac.mkv", "matroska", "flac", 8000, 2000, Gapless::Exact),
        ("impulse-flac.oga", "ogg", "flac", 8000, 2000, Gapless::Exact),
        ("impulse.webm", "matroska", "vorbis", 8320, 2000, Gapless::Unknown),
        // Nothing says that 1105 samples of delay come first, and encoders differ.
        ("impulse-headerless.mp3", "mp3", "mp3", 9216, 3105, Gapless::Unknown),
        ("impulse-mp3.mkv", "matroska", "mp3", 9216, 3105, Gapless::Unknown),
        ("impulse.mp2", "mp2", "mp2", 8064, 2481, Gapless::Unknown),
    ] {
        let (audio, report) = load_with_report(fixture(name), &LoadOptions::default()).unwrap();
        assert_eq!(report.info.container, container, "{name}");
        assert_eq!(report.info.codec, codec, "{name}");
        assert_eq!((audio.len(), peak_at(audio.channel(0))), (length, peak), "{name}");
        assert_eq!(report.info.gapless, gapless, "{name}");
        assert_eq!(report.decoded, length as u64, "{name}");
        assert_eq!(audio.sample_rate(), SampleRate::HZ_16000, "{name}");
        assert_eq!(info(fixture(name)).unwrap(), report.info, "{name}");
        if matches!(codec, "alac" | "flac") {
            assert_close(f64::from(audio.channel(0)[2000]), 0.5, 1e-9, name);
            assert_close(audio.channel(0).iter().map(|&x| f64::from(x)).sum(), 0.5, 1e-9, name);
        }
    }
}

#[test]
fn what_the_encoder_added_is_counted() {
    for (name, start, end) in
        [("impulse.m4a", 1024, 192), ("impulse.mp3", 1105, 111), ("impulse.ogg", 256, 320)]
    {
        let (_, report) = load_with_report(fixture(name), &LoadOptions::default()).unwrap();
        assert_eq!((report.trimmed_start, report.trimmed_end), (start, end), "{name}");
        assert_eq!((report.claimed, report.decoded), (Some(8000), 8000), "{name}");
    }
}

/// A WAV file of one kind of sample.
fn wav(tag: u16, bits: u16, extensible: bool, rf64: bool, samples: &[u8]) -> Vec<u8> {
    let block = 2 * bits / 8;
    let mut format = if extensible { 0xfffe_u16 } else { tag }.to_le_bytes().to_vec();
    format.extend(2_u16.to_le_bytes());
    format.extend(16_000_u32.to_le_bytes());
    format.extend((16_000 * u32::from(block)).to_le_bytes());
    format.extend(block.to_le_bytes());
    format.extend(bits.to_le_bytes());
    if extensible {
        format.extend(22_u16.to_le_bytes());
        format.extend(bits.to_le_bytes());
        format.extend(3_u32.to_le_bytes());
        format.extend(tag.to_le_bytes());
        format.extend(b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
    }
    let size = |n: usize| if rf64 { u32::MAX } else { n as u32 }.to_le_bytes();
    let mut out = if rf64 { b"RF64" } else { b"RIFF" }.to_vec();
    out.extend(size(20 + format.len() + samples.len()));
    out.extend(b"WAVE");
    if rf64 {
        out.extend(b"ds64\x1c\0\0\0");
        out.extend([0; 8]);
        out.extend((samples.len() as u64).to_le_bytes());
        out.extend([0; 12]);
    }
    out.extend(b"fmt ");
    out.extend((format.len() as u32).to_le_bytes());
    out.extend(format);
    out.extend(b"data");
    out.extend(size(samples.len()));
    out.extend(samples);
    if rf64 {
        // A chunk after the samples must not be taken for sound.
        out.extend(b"LIST\x04\0\0\0INFO");
    }
    out
}

#[test]
fn all_widths_of_wav_are_read_plain_extensible_and_long() {
    let values = [0.0, 0.5, -0.5, -1.0, 0.25, 0.75, -0.25, 0.125];
    let bytes = |tag: u16, bits: u16| -> Vec<u8> {
        let one = |&x: &f64| match (tag, bits) {
            (1, 8) => vec![(x * 128.0 + 128.0) as u8],
            (1, bits) => {
                let value = (x * 2f64.powi(i32::from(bits) - 1)) as i32;
                value.to_le_bytes()[..usize::from(bits / 8)].to_vec()
            }
            (_, 32) => (x as f32).to_le_bytes().to_vec(),
            (_, _) => x.to_le_bytes().to_vec(),
        };
        values.iter().flat_map(one).collect()
    };
    for (tag, bits) in [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64)] {
        for (extensible, rf64) in [(false, false), (true, false), (false, true), (true, true)] {
            let case = format!("{bits} bits, tag {tag}, extensible {extensible}, RF64 {rf64}");
            let file = wav(tag, bits, extensible, rf64, &bytes(tag, bits));
            let (audio, report) =
                load_bytes(file.clone(), "x.wav", &LoadOptions::default()).expect(&case);
            assert_eq!((audio.channels(), audio.len()), (2, 4), "{case}");
            assert_eq!(report.claimed, Some(4), "{case}");
            for (index, &expected) in values.iter().enumerate() {
                let actual = audio.channel(index % 2)[index / 2];
                assert_close(f64::from(actual), expected, 1e-9, &case);
            }
            // One sample less than stated is a truncated file, in every form.
            let tail = if rf64 { 12 } else { 0 };
            let cut = file.len() - tail - usize::from(2 * bits / 8);
            let error = load_bytes(&file[..cut], "x.wav", &LoadOptions::default()).unwrap_err();
            let truncated = matches!(error, Error::Truncated { decoded: 3, claimed: 4, .. });
            assert!(truncated, "{case}: {error:?}");
        }
    }
}

#[test]
fn the_streams_of_a_file_are_listed_and_read() {
    let path = fixture("streams.mp4");
    let listed = streams(&path).unwrap();
    assert_eq!(listed.iter().map(|s| s.channels).collect::<Vec<_>>(), [1, 2, 1]);
    assert!(listed.iter().all(|s| s.frames == Some(8000) && s.gapless == Gapless::Exact));
    let all = load_streams(&path, &LoadOptions::default()).unwrap();
    assert_eq!(all.len(), 3);
    for (index, audio) in all.iter().enumerate() {
        let options = LoadOptions { stream: Some(index), ..LoadOptions::default() };
        assert!(load(&path, &options).unwrap() == *audio, "stream {index}");
        assert_eq!((audio.len(), audio.channels()), (8000, listed[index].channels));
    }
    assert_eq!(peak_at(all[0].channel(0)), 2000);
    assert_eq!(peak_at(all[1].channel(1)), 2000);
    assert!(all[1].channel(0)[2000] > 0.2 && all[1].channel(1)[2000] < -0.2);
    assert!(all[2].peak() < 1e-4);
    // Without a choice it is the first.
    assert!(load(&path, &LoadOptions::default()).unwrap() == all[0]);
    let options = LoadOptions { stream: Some(3), ..LoadOptions::default() };
    let error = load(&path, &options).unwrap_err();
    assert!(matches!(error, Error::NoSuchStream { stream: 3, streams: 3, .. }), "{error:?}");
    assert_eq!(streams(fixture("impulse.flac")).unwrap().len(), 1);
}

#[test]
fn the_parts_of_a_song_add_up_to_its_mix() {
    let Some(song) = test_data("musdb18-sample/train/Music Delta - 80s Rock.stem.mp4") else {
        return;
    };
    assert_eq!(streams(&song).unwrap().len(), 5);
    let stems = load_streams(&song, &LoadOptions::default()).unwrap();
    let [mix, parts @ ..] = stems.as_slice() else { panic!("no streams") };
    assert_eq!(parts.len(), 4);
    let sum = mir_audio::mix::sum(parts).unwrap();
    let power = |x: &[f32]| x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
    for channel in 0..2 {
        let (mix, sum) = (mix.channel(channel), sum.channel(channel));
        assert_eq!(mix.len(), sum.len());
        let difference: Vec<f32> = mix.iter().zip(sum).map(|(a, b)| a - b).collect();
        // Each stream is a lossy encoding of its own.
        assert!(power(&difference) < 0.02 * power(mix), "channel {channel}");
    }
}

#[test]
fn channels_are_chosen_before_mixing() {
    let path = fixture("impulse.aiff");
    let both = load(&path, &LoadOptions::default()).unwrap();
    let chosen = |channels: &[usize], mono| {
        let channels = Some(channels.to_vec());
        load(&path, &LoadOptions { channels, mono, ..LoadOptions::default() })
    };
    let swapped = chosen(&[1, 0], false).unwrap();
    assert!(swapped.channel(0) == both.channel(1) && swapped.channel(1) == both.channel(0));
    assert!(chosen(&[1], true).unwrap().channel(0) == both.channel(1));
    assert_close(f64::from(chosen(&[0, 1], true).unwrap().peak()), 0.0, 1e-9, "they cancel");
    assert!(matches!(chosen(&[2], false), Err(Error::Mismatch { actual: 2, .. })));
    assert!(matches!(chosen(&[], false), Err(Error::OutOfRange { .. })));
}

/// Reading from the middle gives what reading everything gives there, bit by bit, in every container
/// that lets itself be jumped in.
#[test]
fn a_jump_changes_no_sample() {
    for name in [
        "melody.mp3",
        "melody.m4a",
        "melody.aac",
        "melody.ogg",
        "melody-alac.m4a",
        "melody-flac.oga",
        "noise.flac",
        "impulse-headerless.mp3",
    ] {
        let whole = load(fixture(name), &LoadOptions::default()).unwrap();
        let rate = whole.sample_rate();
        for (start, duration) in
            [(1.1, 0.1), (1.5, 0.4), (2.003, 0.2), (3.9, 1.0), (5.0, 0.7), (5.5, 9.0), (7.0, 1.0)]
        {
            let options = LoadOptions { start, duration: Some(duration), ..LoadOptions::default() };
            let part = load(fixture(name), &options).unwrap();
            let first = rate.sample_at(start);
            let expected = whole.excerpt(first..first + rate.sample_at(duration));
            assert_eq!(part.len(), expected.len(), "{name} from {start} s");
            assert!(part == expected, "{name} from {start} s");
        }
    }
}

#[test]
fn a_part_costs_as_much_as_the_part() {
    // Ten hours of stereo are claimed and, as zeros that take no room on the disk, there.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wav");
    let second = AudioBuffer::silence(SampleRate::HZ_16000, 1, 16_000).unwrap();
    write_wav(&path, &second, mir_audio::WavFormat::Int16).unwrap();
    let mut header = std::fs::read(&path).unwrap()[..44].to_vec();
    let bytes = 36_000_u32 * 16_000 * 2;
    header[4..8].copy_from_slice(&(bytes + 36).to_le_bytes());
    header[40..44].copy_from_slice(&bytes.to_le_bytes());
    std::fs::write(&path, header).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(44 + u64::from(bytes)).unwrap();
    assert_eq!(info(&path).unwrap().duration(), Some(36_000.0));
    let started = std::time::Instant::now();
    let parts = 200;
    for index in 0..parts {
        let start = f64::from(index) * 179.0;
        let options = LoadOptions { start, duration: Some(0.5), ..LoadOptions::default() };
        assert_eq!(load(&path, &options).unwrap().len(), 8000);
    }
    // Not a speed test: reading up to the parts would take 200 × 5 hours of audio.
    println!("{parts} parts of ten hours in {:?}", started.elapsed());
}

#[test]
fn a_folder_is_read_file_by_file_and_a_bad_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["impulse.flac", "impulse.ogg", "impulse.m4a"] {
        std::fs::copy(fixture(name), folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("broken.wav"), "not audio").unwrap();
    let options = LoadOptions { mono: true, ..LoadOptions::default() };
    let all = load_folder(folder.path(), &options).unwrap();
    let names: Vec<_> = all.iter().map(|(path, _)| path.file_name().unwrap()).collect();
    assert_eq!(names, ["broken.wav", "impulse.flac", "impulse.m4a", "impulse.ogg"]);
    for (path, audio) in &all {
        match audio {
            Ok(audio) => assert!(*audio == load(path, &options).unwrap()),
            Err(error) => {
                assert!(path.ends_with("broken.wav") && matches!(error, Error::NotAudio { .. }));
            }
        }
    }
    let paths: Vec<_> = all.iter().map(|(path, _)| path.clone()).collect();
    let lengths = map_files(&paths, &options, |_, audio| audio.map_or(0, |audio| audio.len()));
    assert_eq!(lengths, [0, 8000, 8000, 8000]);
    assert!(load_folder(folder.path().join("none"), &options).is_err());
}
