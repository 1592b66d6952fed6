//! Reading block by block gives exactly what reading at once gives.

use mir_audio::{
    AudioBuffer, BlockReader, Error, LoadOptions, SampleRate, WavFormat, load, mix, write_wav,
};
use mir_testkit::signal;
use proptest::prelude::*;

use crate::fixture;

fn read(path: &std::path::Path, options: &LoadOptions, block: usize) -> Vec<AudioBuffer> {
    let reader = BlockReader::open(path, options, block).unwrap();
    reader.map(|block| block.unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn blocks_are_the_whole_in_pieces(
        samples in 1usize..30_000, block in 1usize..10_000, mono: bool,
        to in prop::sample::select(vec![None, Some(16_000u32), Some(48_000), Some(44_100)]),
        start in 0.0f64..0.3, duration in prop::option::of(0.0f64..0.5),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wav");
        let one = signal::noise(SampleRate::HZ_44100, 0.5, samples, 1);
        let two = signal::noise(SampleRate::HZ_44100, 0.5, samples, 2);
        let channels = [one.channel(0), two.channel(0)];
        let audio = AudioBuffer::from_channels(SampleRate::HZ_44100, &channels).unwrap();
        write_wav(&path, &audio, WavFormat::Float32).unwrap();

        let sample_rate = to.map(|hz| SampleRate::new(hz).unwrap());
        let options = LoadOptions { sample_rate, mono, start, duration, ..LoadOptions::default() };
        let whole = load(&path, &options).unwrap();
        let blocks = read(&path, &options, block);
        if whole.is_empty() {
            prop_assert!(blocks.is_empty());
        } else {
            for (index, one) in blocks.iter().enumerate() {
                let expected = block.min(whole.len() - index * block);
                prop_assert_eq!(one.len(), expected);
            }
            prop_assert!(mix::concat(&blocks).unwrap() == whole);
        }
    }
}

#[test]
fn compressed_formats_come_in_blocks_as_well() {
    for name in ["impulse.flac", "impulse.ogg", "impulse.mp3", "impulse.aiff"] {
        let options =
            LoadOptions { sample_rate: Some(SampleRate::HZ_22050), ..LoadOptions::default() };
        let blocks = read(&fixture(name), &options, 1000);
        let whole = load(fixture(name), &options).unwrap();
        assert!(mix::concat(&blocks).unwrap() == whole, "{name}");
        assert_eq!(whole.len(), 11_025);
    }
}

#[test]
fn after_an_error_there_are_no_more_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.flac");
    let bytes = std::fs::read(fixture("impulse.flac")).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
    let mut reader = BlockReader::open(&path, &LoadOptions::default(), 100).unwrap();
    let error = reader.find_map(|block| block.err());
    assert!(error.is_some());
    assert!(reader.next().is_none());
    let refused = BlockReader::open(&path, &LoadOptions::default(), 0);
    let expected = matches!(refused, Err(Error::OutOfRange { field: "block_samples", .. }));
    assert!(expected);
}
