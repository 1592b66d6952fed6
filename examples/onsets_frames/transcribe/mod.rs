//! `transcribe`: notes of recordings as MIDI, text, picture and sound, or of a stream as they end.

mod live;
mod output;
mod settings;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use mir_audio::{BlockReader, LoadOptions};
use mir_core::{AudioBuffer, Note};
use mir_models::{
    activations::TranscriptionActivations,
    decode::KeysAndPedal,
    infer::{HighResolutionTranscriber, NotesAndPedal},
};

use self::{
    output::Transcript,
    settings::{Ear, Setup},
};
use crate::{
    args::{OutputFormat, TranscribeArgs},
    common::{
        CommonArgs,
        failure::{Failure, Outcome, chain},
        progress::Progress,
        signals::Stop,
    },
};

/// Samples that are read at a time: half a minute at 16 kHz.
const BLOCK: usize = 480_000;

/// Transcribes files one after the other; a bad one does not stop the others. Or a stream.
///
/// # Errors
/// A usage failure before anything is written; at the end, a partial failure if some files could not be
/// transcribed.
pub fn transcribe(common: &CommonArgs, args: &TranscribeArgs, stop: &Stop) -> Outcome<()> {
    let Some(out) = args.out.as_deref().filter(|_| !args.live.stream) else {
        return live::transcribe(common, args, stop);
    };
    let live = &args.live;
    if live.rate.is_some() || live.sample_format.is_some() || live.latency.is_some() {
        let text = "--rate, --sample-format and --latency go with --stream";
        return Err(Failure::usage(text));
    }
    let jobs = jobs(&args.inputs, out)?;
    let setup = Setup::new(common, args)?;
    fs::create_dir_all(out)
        .map_err(|e| Failure::data(format!("cannot make the folder {}: {e}", out.display())))?;
    let start = Instant::now();
    let (mut failed, mut seconds) = (Vec::new(), 0.0);
    for (stem, input) in &jobs {
        match transcribe_file(&setup, input, &out.join(stem), stop) {
            Ok(done) => seconds += done,
            Err(_) if stop.raised() => {
                return Err(Failure::interrupted(
                    "stopped; finished files are complete",
                    stop.signal(),
                ));
            }
            Err(failure) => {
                eprintln!("error: {failure}");
                failed.push(input.display().to_string());
            }
        }
    }
    let rate = seconds / start.elapsed().as_secs_f64();
    if !common.quiet {
        let done = jobs.len() - failed.len();
        println!("{done} of {} files, {seconds:.1} s of audio, {rate:.1} x real time", jobs.len());
    }
    if let Some(path) = &common.json {
        let summary = serde_json::json!({
            "files": jobs.len(), "failed": failed, "seconds": seconds, "audio_seconds_per_second": rate,
        });
        mir_core::publish::write(path, format!("{summary:#}\n").as_bytes())?;
    }
    match failed.len() {
        0 => Ok(()),
        n if n == jobs.len() => Err(Failure::data("no file could be transcribed")),
        n => Err(Failure::partial(format!(
            "{n} of {} files failed: {}",
            jobs.len(),
            failed.join(", ")
        ))),
    }
}

/// Writes the formats that were asked for; the length of the recording in seconds.
fn transcribe_file(setup: &Setup, input: &Path, out: &Path, stop: &Stop) -> Outcome<f64> {
    let (transcript, seconds) = listen(setup, input, stop)?;
    for &format in &setup.formats {
        output::write(format, out, &transcript, setup)?;
    }
    Ok(seconds)
}

/// The notes of a recording, read block by block; and its length in seconds.
fn listen(setup: &Setup, input: &Path, stop: &Stop) -> Outcome<(Transcript, f64)> {
    let named = |error: &(dyn std::error::Error + 'static)| {
        let text = chain(error);
        let name = input.display().to_string();
        Failure::data(if text.contains(&name) { text } else { format!("{name}: {text}") })
    };
    let rate = setup.ear.sample_rate();
    let options = LoadOptions { sample_rate: Some(rate), mono: true, ..LoadOptions::default() };
    let claimed = mir_audio::info(input).map_err(|e| named(&e))?;
    let total = claimed.duration().unwrap_or(0.0);
    let mut progress = Progress::new("transcribe", "s", total.ceil() as u64, setup.quiet);
    let name = input.file_name().unwrap_or_default().to_string_lossy().into_owned();

    let transcriber = match &setup.ear {
        Ear::Notes(transcriber) => transcriber,
        Ear::HighResolution(transcriber) => {
            let audio = mir_audio::load(input, &options).map_err(|e| named(&e))?;
            let heard = hear_whole(transcriber, &audio, &mut progress, stop)
                .map_err(|failure| failure.of_file(input))?;
            let (NotesAndPedal { notes, pedal }, activations) = heard;
            let seconds = audio.duration();
            progress.finish(format!("{name}: {} notes in {seconds:.1} s", notes.len()));
            let kept = setup.formats.contains(&OutputFormat::Npz).then_some(activations);
            let played = KeysAndPedal { sounding: notes.clone(), keys: notes.clone(), pedal };
            return Ok((
                Transcript { name, seconds, notes, played: Some(played), activations: kept },
                seconds,
            ));
        }
    };
    let mut stream = transcriber.stream()?;
    if setup.formats.contains(&OutputFormat::Npz) {
        stream = stream.keeping_activations();
    }
    let (mut notes, mut samples) = (Vec::new(), 0);
    let start = Instant::now();
    for block in BlockReader::open(input, &options, BLOCK).map_err(|e| named(&e))? {
        let block = block.map_err(|e| named(&e))?;
        if stop.raised() {
            return Err(Failure::interrupted("stopped", stop.signal()));
        }
        stream.push(block.channel(0), &mut notes).map_err(|e| named(&e))?;
        samples += block.len();
        let seconds = rate.seconds(samples);
        let speed = seconds / start.elapsed().as_secs_f64().max(1e-9);
        progress.set(seconds as u64, format!("{name}, {speed:.0} x real time"));
    }
    let activations = stream.finish(&mut notes).map_err(|e| named(&e))?;
    Note::sort(&mut notes);
    if samples == 0 {
        return Err(Failure::data(format!("{}: the file holds no samples", input.display())));
    }
    let seconds = rate.seconds(samples);
    progress.finish(format!("{name}: {} notes in {seconds:.1} s", notes.len()));
    let played = setup.played(&notes)?;
    Ok((Transcript { name, seconds, notes, played, activations }, seconds))
}

/// Notes and pedal of a recording that is heard as a whole, and what the network said about the notes.
fn hear_whole(
    transcriber: &HighResolutionTranscriber,
    audio: &AudioBuffer,
    progress: &mut Progress,
    stop: &Stop,
) -> Outcome<(NotesAndPedal, TranscriptionActivations)> {
    if audio.is_empty() {
        return Err(Failure::data("the file holds no samples"));
    }
    let rate = transcriber.sample_rate();
    let start = Instant::now();
    let said = transcriber.activations(audio, |samples| {
        let seconds = rate.seconds(samples);
        let speed = seconds / start.elapsed().as_secs_f64().max(1e-9);
        progress.set(seconds as u64, format!("{speed:.1} x real time"));
        !stop.raised()
    })?;
    let said = said.ok_or_else(|| Failure::interrupted("stopped", stop.signal()))?;
    Ok((transcriber.decode(&said)?, said.notes))
}

/// Input files by the stem of their outputs, folders searched for audio.
fn jobs(inputs: &[PathBuf], out: &Path) -> Outcome<BTreeMap<String, PathBuf>> {
    let mut jobs = BTreeMap::new();
    for input in inputs {
        let files = if input.is_dir() { mir_audio::find(input)? } else { vec![input.clone()] };
        if files.is_empty() {
            return Err(Failure::data(format!("no audio file in the folder {}", input.display())));
        }
        for file in files {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(other) = jobs.insert(stem.clone(), file.clone()) {
                return Err(Failure::usage(format!(
                    "{} and {} would both become {}; transcribe them into different folders",
                    other.display(),
                    file.display(),
                    out.join(stem).with_extension("mid").display()
                )));
            }
        }
    }
    Ok(jobs)
}
