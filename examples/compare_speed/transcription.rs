//! The network that comes with the programs, from a file of audio to a file of notes.

use std::time::Instant;

use anyhow::{Context, Result};
use mir_audio::{FlacDepth, LoadOptions, load, write_flac};
use mir_core::SampleRate;
use mir_datasets::{
    Dataset, Split,
    mini::{Mini, MiniConfig},
};
use mir_midi::Score;
use mir_models::{
    DeviceChoice,
    infer::{Transcriber, TranscriptionModel},
};

use crate::{
    Args, median,
    report::{Report, Unit},
};

const WEIGHTS: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/onsets_frames_maps.safetensors"));

/// Recordings that are transcribed, made by the built-in data set.
const FILES: usize = 6;

/// Decoding, resampling, features, network, notes and MIDI, one file after the other.
pub(crate) fn transcribe(args: &Args, report: &mut Report) -> Result<()> {
    mir_models::set_threads(args.threads);
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let (mut files, mut seconds) = (Vec::new(), 0.0);
    let as_recorded =
        LoadOptions { sample_rate: Some(SampleRate::HZ_44100), ..LoadOptions::default() };
    for track in Mini::new(MiniConfig::default())?.split(Split::Test)?.iter().take(FILES) {
        let audio = track.audio(&as_recorded)?;
        let path = folder.path().join(format!("{}.flac", track.id()));
        write_flac(&path, &audio, FlacDepth::Int16)?;
        seconds += audio.duration();
        files.push(path);
    }
    let device = args.device.parse::<DeviceChoice>()?.resolve()?;
    let model = TranscriptionModel::from_bytes(WEIGHTS, "the weights that come along", device)?;
    let transcriber = Transcriber::new(model)?;
    let options = LoadOptions {
        sample_rate: Some(transcriber.sample_rate()),
        mono: true,
        ..LoadOptions::default()
    };
    let mut times = Vec::new();
    // Once before it counts.
    for turn in 0..=args.turns {
        let start = Instant::now();
        for path in &files {
            let notes = transcriber.transcribe(&load(path, &options)?)?;
            Score::from_notes(&notes).write(path.with_extension("mid"))?;
        }
        if turn > 0 {
            times.push(start.elapsed().as_secs_f64());
        }
    }
    let task = format!(
        "transcription, FLAC of 44.1 kHz to MIDI, {}, {} threads",
        args.device, args.threads
    );
    report.add(&task, Unit::RealTime, seconds / median(&mut times), &[], "");
    Ok(())
}
