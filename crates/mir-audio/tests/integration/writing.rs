//! WAV files come back as they were written, or do not appear.

use mir_audio::{
    AudioBuffer, Error, LoadOptions, SampleRate, WavFormat, info, load, mix, write_wav,
};
use mir_testkit::{assert_close, signal};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn what_is_written_is_read(
        channels in 1usize..8, samples in 0usize..2000, rate in 1u32..200_000,
        format in prop::sample::select(vec![WavFormat::Int16, WavFormat::Int24, WavFormat::Float32]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wav");
        let rate = SampleRate::new(rate).unwrap();
        let rows: Vec<Vec<f32>> = (0..channels)
            .map(|c| signal::noise(rate, 0.99, samples, c as u64).channel(0).to_vec())
            .collect();
        let audio = AudioBuffer::from_channels(rate, &rows).unwrap();
        write_wav(&path, &audio, format).unwrap();
        let back = load(&path, &LoadOptions::default()).unwrap();
        prop_assert_eq!(back.sample_rate(), rate);
        prop_assert_eq!((back.channels(), back.len()), (channels, samples));
        prop_assert_eq!(info(&path).unwrap().frames, Some(samples as u64));
        let half_step = match format {
            WavFormat::Int16 => 0.5 / 32_768.0,
            WavFormat::Int24 => 0.5 / 8_388_608.0 + 1e-7,
            WavFormat::Float32 => 0.0,
        };
        for (a, b) in audio.samples().iter().zip(back.samples()) {
            prop_assert!((a - b).abs() <= half_step);
        }
        // Written again, integers are the same file.
        let again = folder.path().join("y.wav");
        write_wav(&again, &back, format).unwrap();
        prop_assert!(std::fs::read(&path).unwrap() == std::fs::read(&again).unwrap());
    }
}

#[test]
fn full_scale_is_clipped_not_wrapped() {
    let folder = tempfile::tempdir().unwrap();
    for format in [WavFormat::Int16, WavFormat::Int24] {
        let path = folder.path().join("x.wav");
        let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![1.0, -1.0, 7.5, -7.5]);
        write_wav(&path, &audio, format).unwrap();
        let back = load(&path, &LoadOptions::default()).unwrap();
        for (&x, expected) in back.channel(0).iter().zip([1.0, -1.0, 1.0, -1.0]) {
            assert_close(f64::from(x), expected, 4e-5, "clipped sample");
        }
    }
}

#[test]
fn nothing_appears_if_writing_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.wav");
    let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.0, f32::NAN]);
    let error = write_wav(&path, &audio, WavFormat::Float32).unwrap_err();
    assert!(matches!(error, Error::Core(mir_core::Error::NonFiniteSample { sample: 1, .. })));
    let missing = folder.path().join("no/such/folder.wav");
    let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.0]);
    let error = write_wav(&missing, &audio, WavFormat::Int16).unwrap_err();
    assert!(matches!(error, Error::Core(mir_core::Error::Io { .. })));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn mixing_keeps_to_its_arithmetic() {
    let rate = SampleRate::HZ_16000;
    let stereo = AudioBuffer::from_channels(rate, &[[1.0_f32, 2.0], [3.0, 4.0]]).unwrap();
    let swapped = mix::select_channels(&stereo, &[1, 0, 1]).unwrap();
    assert_eq!(swapped.channels(), 3);
    assert!(swapped.channel(0) == [3.0, 4.0] && swapped.channel(1) == [1.0, 2.0]);
    let missing = mix::select_channels(&stereo, &[2]).unwrap_err();
    assert!(matches!(missing, Error::Mismatch { actual: 2, .. }));

    let quiet = mix::gain(stereo.clone(), mix::from_db(-20.0));
    assert_close(f64::from(quiet.channel(1)[1]), 0.4, 1e-6, "-20 dB");

    let joined = mix::concat(&[stereo.clone(), quiet]).unwrap();
    assert_eq!(joined.len(), 4);
    assert!(joined.excerpt(0..2) == stereo);
    let total = mix::sum(&[stereo.clone(), joined]).unwrap();
    assert_eq!(total.len(), 4);
    assert_close(f64::from(total.channel(0)[1]), 4.0, 1e-6, "sum");

    let mono = AudioBuffer::silence(rate, 1, 2).unwrap();
    assert!(matches!(mix::concat(&[stereo, mono]), Err(Error::Mismatch { .. })));
    assert!(matches!(mix::sum(&[]), Err(Error::OutOfRange { .. })));
}
