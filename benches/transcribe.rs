//! The whole chain from a file to notes: decode, mix, resample, log-mel, network, decoder.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mir_audio::{BlockReader, LoadOptions, WavFormat, write_wav};
use mir_core::SampleRate;
use mir_datasets::{
    Dataset, Split,
    mini::{Mini, MiniConfig},
};
use mir_models::{
    Device,
    infer::{Transcriber, TranscriptionModel},
};

/// The network that comes with `onsets_frames`.
const WEIGHTS: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/onsets_frames_maps.safetensors"));

fn file_to_notes(c: &mut Criterion) {
    let mini = Mini::new(MiniConfig::default()).expect("the built-in data set is valid");
    let track = &mini.split(Split::Test).expect("there is a test split")[0];
    let options = LoadOptions { sample_rate: Some(SampleRate::HZ_44100), ..LoadOptions::default() };
    let audio = track.audio(&options).expect("the piece can be rendered");
    let folder = tempfile::tempdir().expect("a folder for the recording");
    let path = folder.path().join("piece.wav");
    write_wav(&path, &audio, WavFormat::Int16).expect("the recording can be written");

    let model = TranscriptionModel::from_bytes(WEIGHTS, "the shipped weights", Device::Cpu)
        .expect("the shipped weights are complete");
    let transcriber = Transcriber::new(model).expect("the front end is known");
    let options = LoadOptions {
        sample_rate: Some(transcriber.sample_rate()),
        mono: true,
        ..LoadOptions::default()
    };
    let mut group = c.benchmark_group("transcribe");
    // Elements are milliseconds of audio: "kelem/s" reads as "times real time".
    group.sample_size(10).throughput(Throughput::Elements((1e3 * audio.duration()) as u64));
    group.bench_function("file to notes", |b| {
        b.iter(|| {
            let mut stream = transcriber.stream().expect("the decoder is valid");
            let mut notes = Vec::new();
            for block in BlockReader::open(&path, &options, 480_000).expect("the file is there") {
                let block = block.expect("the file is sound");
                stream.push(block.channel(0), &mut notes).expect("the samples are numbers");
            }
            stream.finish(&mut notes).expect("the network runs");
            notes
        });
    });
    group.finish();
}

criterion_group!(benches, file_to_notes);
criterion_main!(benches);
