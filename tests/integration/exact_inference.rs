//! Do segments with context hear the notes that are heard in the recording as a whole?
//!
//! That the whole, which is computed in blocks, is what a single pass gives is tested beside the layers.

use mir_core::{AudioBuffer, Note, SampleRate};
use mir_datasets::{
    Dataset, LoadOptions, Split,
    mini::{Mini, MiniConfig},
};
use mir_eval::transcription::{self, TranscriptionConfig};
use mir_models::{
    Device,
    infer::{Segments, Transcriber, TranscriptionModel},
};

/// The network that comes with the program.
const SHIPPED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/onsets_frames_maps.safetensors"));

fn shipped() -> TranscriptionModel {
    TranscriptionModel::from_bytes(SHIPPED, "the shipped weights", Device::Cpu).unwrap()
}

/// Test pieces of the built-in data set, each with its notes.
fn pieces(count: usize) -> Vec<(AudioBuffer, Vec<Note>)> {
    let rate = SampleRate::HZ_16000;
    let options = LoadOptions { sample_rate: Some(rate), mono: true, ..LoadOptions::default() };
    let tracks = Mini::new(MiniConfig::default()).unwrap().split(Split::Test).unwrap();
    let piece = |track: &std::sync::Arc<dyn mir_datasets::Track>| {
        (track.audio(&options).unwrap(), track.notes().unwrap())
    };
    tracks.iter().take(count).map(piece).collect()
}

#[test]
fn segments_hear_the_notes_of_the_whole_recording() {
    let whole = Transcriber::new(shipped()).unwrap().with_segments(Segments::WHOLE).unwrap();
    let cut = Transcriber::new(shipped()).unwrap();
    let config = TranscriptionConfig::default();
    let (mut exact, mut overlap) = ([0.0; 2], [0.0; 2]);
    let pieces = pieces(8);
    let longest = pieces.iter().map(|(audio, _)| audio.duration()).fold(0.0, f64::max);
    assert!(longest > 20.0, "there is a boundary: {longest} s");
    for (audio, notes) in &pieces {
        for (transcriber, sums) in [(&whole, &mut exact), (&cut, &mut overlap)] {
            let estimate = transcriber.transcribe(audio).unwrap();
            let scores = transcription::evaluate(notes, &estimate, &config).unwrap();
            sums[0] += scores.note.f1 / pieces.len() as f64;
            sums[1] += scores.note_with_offset.unwrap().f1 / pieces.len() as f64;
        }
    }
    assert!(exact[0] > 0.7, "the network hears this piano: {exact:?}");
    for (exact, overlap) in exact.iter().zip(overlap) {
        assert!((exact - overlap).abs() <= 0.005, "whole {exact}, segments {overlap}");
    }
}
