//! Loudness, peaks, mixing down, and FLAC that comes back bit by bit.

use mir_audio::{
    AudioBuffer, Error, FlacDepth, LoadOptions, SampleRate, WavFormat, WavStream, info,
    level::{self, LoudnessMeter},
    load,
    mix::{self, Downmix},
    write_flac, write_wav,
};
use mir_testkit::{assert_close, signal};
use proptest::prelude::*;

fn stereo(left: &AudioBuffer, right: &AudioBuffer) -> AudioBuffer {
    AudioBuffer::from_channels(left.sample_rate(), &[left.channel(0), right.channel(0)]).unwrap()
}

/// EBU Tech 3341, minimum requirements, signals 1 and 2: a stereo tone of 1 kHz at −23 and −33 dBFS.
#[test]
fn tones_have_the_loudness_that_the_standard_states() {
    for (dbfs, expected) in [(-23.0, -23.0), (-33.0, -33.0)] {
        let tone = signal::sine(SampleRate::HZ_48000, 1000.0, mix::from_db(dbfs), 20 * 48_000);
        let audio = stereo(&tone, &tone);
        let loudness = level::loudness(&audio).unwrap();
        for (name, value) in [
            ("integrated", loudness.integrated),
            ("momentary", loudness.max_momentary),
            ("short term", loudness.max_short_term),
        ] {
            assert_close(value.unwrap(), expected, 0.1, name);
        }
        assert_close(loudness.true_peak.unwrap(), dbfs, 0.1, "true peak");
        assert!(loudness.range < 0.1);
    }
}

/// Tech 3341, signal 3: the quiet parts fall through the gate.
#[test]
fn quiet_parts_do_not_count() {
    let part = |dbfs: f64, seconds: usize| {
        let tone = signal::sine(SampleRate::HZ_48000, 1000.0, mix::from_db(dbfs), seconds * 48_000);
        stereo(&tone, &tone)
    };
    let audio = mix::concat(&[part(-36.0, 10), part(-23.0, 60), part(-36.0, 10)]).unwrap();
    assert_close(level::loudness(&audio).unwrap().integrated.unwrap(), -23.0, 0.1, "gated");
}

/// Tech 3341, signal 15: a tone of a quarter of the rate, whose samples miss its peaks by 3 dB.
#[test]
fn a_true_peak_lies_between_the_samples() {
    let samples: Vec<f32> = (0..48_000)
        .map(|n| {
            let angle = std::f64::consts::FRAC_PI_2 * f64::from(n) + std::f64::consts::FRAC_PI_4;
            (0.5 * angle.sin()) as f32
        })
        .collect();
    let audio = AudioBuffer::mono(SampleRate::HZ_48000, samples);
    let peak = level::loudness(&audio).unwrap().true_peak.unwrap();
    assert!((-6.4..-5.8).contains(&peak), "{peak} dBTP");
    assert_close(20.0 * f64::from(audio.peak()).log10(), -9.03, 0.01, "sample peak");
}

#[test]
fn normalised_audio_has_the_level_that_was_asked_for() {
    let noise = signal::noise(SampleRate::HZ_44100, 0.2, 3 * 44_100, 9);
    let audio = stereo(&noise, &noise);
    let louder = level::normalize_loudness(audio.clone(), -16.0).unwrap();
    assert_close(level::loudness(&louder).unwrap().integrated.unwrap(), -16.0, 0.05, "LUFS");
    let peak = level::normalize_peak(audio.clone(), -1.0).unwrap().peak();
    assert_close(f64::from(peak), mix::from_db(-1.0), 1e-6, "peak");

    // What has no level keeps it.
    for samples in [0, 100, 50_000] {
        let silence = AudioBuffer::silence(SampleRate::HZ_44100, 2, samples).unwrap();
        assert_eq!(level::loudness(&silence).unwrap().integrated, None);
        assert_eq!(level::loudness(&silence).unwrap().true_peak, None);
        assert!(level::normalize_loudness(silence.clone(), -23.0).unwrap() == silence);
        assert!(level::normalize_peak(silence.clone(), -1.0).unwrap() == silence);
    }
    let nan = AudioBuffer::mono(SampleRate::HZ_44100, vec![f32::NAN]);
    assert!(matches!(level::loudness(&nan), Err(Error::Core(_))));
    assert!(matches!(level::normalize_peak(nan, 0.0), Err(Error::Core(_))));
    let refused = level::normalize_loudness(audio.clone(), f64::NAN);
    assert!(matches!(refused, Err(Error::OutOfRange { field: "target", .. })));
    assert!(level::normalize_peak(audio, f64::INFINITY).is_err());
    assert!(LoudnessMeter::new(SampleRate::new(8).unwrap(), 1).is_err());
    assert!(LoudnessMeter::new(SampleRate::HZ_44100, 0).is_err());
}

#[test]
fn a_meter_does_not_mind_how_the_recording_is_cut() {
    let noise = signal::noise(SampleRate::HZ_44100, 0.3, 5 * 44_100, 10);
    let whole = level::loudness(&noise).unwrap();
    for block in [1000, 4410, 99_999] {
        let mut meter = LoudnessMeter::new(SampleRate::HZ_44100, 1).unwrap();
        for at in (0..noise.len()).step_by(block) {
            meter.push(&noise.excerpt(at..at + block)).unwrap();
        }
        assert_eq!(meter.loudness().unwrap(), whole, "blocks of {block}");
    }
    let mut meter = LoudnessMeter::new(SampleRate::HZ_44100, 2).unwrap();
    assert!(matches!(meter.push(&noise), Err(Error::Mismatch { .. })));
}

#[test]
fn mixing_down_follows_its_rule() {
    let rate = SampleRate::HZ_48000;
    let six: Vec<[f32; 1]> = (0..6).map(|c| [10_f32.powi(-c)]).collect();
    let surround = AudioBuffer::from_channels(rate, &six).unwrap();
    let stereo = mix::downmix(&surround, Downmix::ItuStereo).unwrap();
    let h = std::f64::consts::FRAC_1_SQRT_2;
    let (l, r) = (1.0 + h * 0.01 + h * 1e-4, 0.1 + h * 0.01 + h * 1e-5);
    assert_close(f64::from(stereo.channel(0)[0]), l, 1e-6, "left");
    assert_close(f64::from(stereo.channel(1)[0]), r, 1e-6, "right");
    let mean = mix::downmix(&surround, Downmix::Mean).unwrap();
    assert_close(f64::from(mean.channel(0)[0]), 1.11111 / 6.0, 1e-6, "mean");
    let power = mix::downmix(&surround, Downmix::Power).unwrap();
    assert_close(f64::from(power.channel(0)[0]), 1.11111 / 6f64.sqrt(), 1e-6, "power");
    let four = AudioBuffer::silence(rate, 4, 1).unwrap();
    assert!(matches!(mix::downmix(&four, Downmix::ItuStereo), Err(Error::Mismatch { .. })));
    for count in [1, 2, 3, 5] {
        let audio = AudioBuffer::silence(rate, count, 3).unwrap();
        assert_eq!(mix::downmix(&audio, Downmix::ItuStereo).unwrap().channels(), 2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn flac_gives_back_every_bit(
        channels in 1usize..=8, samples in 1usize..10_000, seed: u64, loud: bool, deep: bool,
        rate in prop::sample::select(vec![8_000u32, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000]),
    ) {
        let (depth, scale) = if deep {
            (FlacDepth::Int24, 8_388_608.0_f32)
        } else {
            (FlacDepth::Int16, 32_768.0)
        };
        let rate = SampleRate::new(rate).unwrap();
        let amplitude = if loud { 1.0 } else { 0.001 };
        let rows: Vec<Vec<f32>> = (0..channels)
            .map(|c| {
                let noise = signal::noise(rate, amplitude, samples, seed.wrapping_add(c as u64));
                let tone = signal::sine(rate, 440.0, 0.3, samples);
                let pairs = noise.channel(0).iter().zip(tone.channel(0));
                pairs.map(|(a, b)| ((a + b).clamp(-1.0, 1.0 - 1.0 / scale) * scale).round() / scale)
                    .collect()
            })
            .collect();
        let audio = AudioBuffer::from_channels(rate, &rows).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.flac");
        write_flac(&path, &audio, depth).unwrap();
        let back = load(&path, &LoadOptions::default()).unwrap();
        prop_assert_eq!(back.len(), samples);
        prop_assert!(back == audio);
        prop_assert_eq!(info(&path).unwrap().frames.unwrap_or(0), samples as u64);
    }
}

#[test]
fn short_and_silent_flac_files_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.flac");
    for samples in [1, 2, 15, 16, 17, 31, 32, 33, 4095, 4096, 4097] {
        for depth in [FlacDepth::Int16, FlacDepth::Int24] {
            let rows = vec![vec![0.25_f32; samples], vec![0.0; samples]];
            let audio = AudioBuffer::from_channels(SampleRate::HZ_44100, &rows).unwrap();
            write_flac(&path, &audio, depth).unwrap();
            assert!(load(&path, &LoadOptions::default()).unwrap() == audio, "{samples}, {depth:?}");
        }
    }
    let none = AudioBuffer::silence(SampleRate::HZ_44100, 1, 0).unwrap();
    let refused = write_flac(&path, &none, FlacDepth::Int16);
    assert!(matches!(refused, Err(Error::OutOfRange { field: "samples", .. })));
    let nine = AudioBuffer::silence(SampleRate::HZ_44100, 9, 1).unwrap();
    let refused = write_flac(&path, &nine, FlacDepth::Int16);
    assert!(matches!(refused, Err(Error::OutOfRange { field: "channels", .. })));
    let fast = AudioBuffer::silence(SampleRate::new(700_000).unwrap(), 1, 1).unwrap();
    let refused = write_flac(&path, &fast, FlacDepth::Int16);
    assert!(matches!(refused, Err(Error::OutOfRange { field: "sample rate", .. })));
}

#[test]
fn a_stream_writes_the_file_that_writing_at_once_writes() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one.wav"), folder.path().join("two.wav"));
    let audio = signal::noise(SampleRate::HZ_44100, 1.2, 10_001, 11);
    for format in [WavFormat::Int16, WavFormat::Int24, WavFormat::Float32] {
        write_wav(&one, &audio, format).unwrap();
        let mut stream = WavStream::create(&two, audio.sample_rate(), 1, format).unwrap();
        for at in (0..audio.len()).step_by(777) {
            stream.write(&audio.excerpt(at..at + 777)).unwrap();
        }
        stream.finish().unwrap();
        assert!(std::fs::read(&one).unwrap() == std::fs::read(&two).unwrap(), "{format:?}");
    }
    // Not finished, not there.
    let three = folder.path().join("three.wav");
    let mut stream = WavStream::create(&three, SampleRate::HZ_44100, 1, WavFormat::Int16).unwrap();
    stream.write(&audio).unwrap();
    let other = AudioBuffer::silence(SampleRate::HZ_44100, 2, 1).unwrap();
    assert!(matches!(stream.write(&other), Err(Error::Mismatch { .. })));
    drop(stream);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn excerpts_are_rounded_to_samples() {
    let audio = signal::noise(SampleRate::HZ_16000, 0.5, 16_000, 12);
    let part = mix::excerpt(&audio, 0.25, Some(0.1)).unwrap();
    assert!(part == audio.excerpt(4000..5600));
    assert!(mix::excerpt(&audio, 2.0, None).unwrap().is_empty());
    assert!(mix::excerpt(&audio, -1.0, None).is_err());
    assert!(mix::excerpt(&audio, 0.0, Some(f64::NAN)).is_err());
}
