//! `transcribe`: notes of recordings as MIDI, TSV and picture.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use mir_audio::{BlockReader, LoadOptions};
use mir_core::{Note, formats};
use mir_eval::plots::{RollPlot, piano_roll};
use mir_midi::Score;
use mir_models::infer::Transcriber;

use crate::{
    args::TranscribeArgs,
    common::{
        CommonArgs,
        failure::{Failure, Outcome, chain},
        progress::Progress,
        signals::Stop,
    },
    evaluate,
};

/// Samples that are read at a time: half a minute at 16 kHz.
const BLOCK: usize = 480_000;

/// Transcribes files one after the other; a bad one does not stop the others.
///
/// # Errors
/// A usage failure before anything is written; at the end, a partial failure if some files could not be
/// transcribed.
pub fn transcribe(common: &CommonArgs, args: &TranscribeArgs, stop: &Stop) -> Outcome<()> {
    let jobs = jobs(&args.inputs, &args.out)?;
    let transcriber = Transcriber::new(evaluate::open_model(args.weights.as_deref(), common)?)?;
    fs::create_dir_all(&args.out).map_err(|e| {
        Failure::data(format!("cannot make the folder {}: {e}", args.out.display()))
    })?;
    let start = Instant::now();
    let (mut failed, mut seconds) = (Vec::new(), 0.0);
    for (stem, input) in &jobs {
        match transcribe_file(&transcriber, input, &args.out.join(stem), common.quiet, stop) {
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

/// Writes `OUT.mid`, `OUT.tsv`, `OUT.png`; the length of the recording in seconds.
fn transcribe_file(
    transcriber: &Transcriber,
    input: &Path,
    out: &Path,
    quiet: bool,
    stop: &Stop,
) -> Outcome<f64> {
    let named = |error: &(dyn std::error::Error + 'static)| {
        let text = chain(error);
        let name = input.display().to_string();
        Failure::data(if text.contains(&name) { text } else { format!("{name}: {text}") })
    };
    let rate = transcriber.sample_rate();
    let options = LoadOptions { sample_rate: Some(rate), mono: true, ..LoadOptions::default() };
    let claimed = mir_audio::info(input).map_err(|e| named(&e))?;
    let total = claimed.duration().unwrap_or(0.0);
    let mut progress = Progress::new("transcribe", "s", total.ceil() as u64, quiet);
    let name = input.file_name().unwrap_or_default().to_string_lossy();

    let mut stream = transcriber.stream()?;
    let (mut notes, mut samples) = (Vec::new(), 0);
    for block in BlockReader::open(input, &options, BLOCK).map_err(|e| named(&e))? {
        let block = block.map_err(|e| named(&e))?;
        if stop.raised() {
            return Err(Failure::interrupted("stopped", stop.signal()));
        }
        stream.push(block.channel(0), &mut notes).map_err(|e| named(&e))?;
        samples += block.len();
        progress.set(rate.seconds(samples) as u64, name.clone());
    }
    stream.finish(&mut notes).map_err(|e| named(&e))?;
    Note::sort(&mut notes);
    if samples == 0 {
        return Err(Failure::data(format!("{}: the file holds no samples", input.display())));
    }
    let duration = rate.seconds(samples);
    let beside = |extension: &str| {
        let mut name = out.as_os_str().to_owned();
        name.push(extension);
        PathBuf::from(name)
    };
    Score::from_notes(&notes).write(beside(".mid"))?;
    formats::write_notes(beside(".tsv"), &notes)?;
    let plot = RollPlot { title: name.to_string(), ..RollPlot::default() };
    piano_roll(None, &notes, &plot)?.write(beside(".png"))?;
    progress.finish(format!("{name}: {} notes in {duration:.1} s", notes.len()));
    Ok(duration)
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
