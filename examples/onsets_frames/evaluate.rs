//! `evaluate`: how good are the notes of a trained network on recordings it has not learned from?

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::Instant,
};

use mir_audio::LoadOptions;
use mir_core::{AudioBuffer, FrameGrid, Note, SampleRate, formats};
use mir_datasets::{Dataset, Split, Track};
use mir_eval::{
    frame::{self, NoteFrameConfig},
    report::Table,
    stats::UndefinedPolicy,
    transcription::{self, TranscriptionConfig},
};
use mir_models::{
    DeviceChoice,
    baseline::PeakPicker,
    decode::{NoteDecoderConfig, OriginalDecoder, decode},
    infer::{Transcriber, TranscriptionModel},
    thresholds::tune,
};
use serde::Serialize;

use crate::{
    args::EvaluateArgs,
    common::{
        CommonArgs,
        failure::{Failure, Outcome},
        progress::Progress,
        signals::Stop,
    },
    course, data,
    experiment::Experiment,
    model::ModelArgs,
};

/// The network that comes with the program.
const SHIPPED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/onsets_frames_maps.safetensors"));

/// Scores of one recording, as mir_eval defines them.
#[derive(Clone, Debug, Serialize)]
pub struct PieceScores {
    /// The recording.
    pub track: String,
    /// What it is played on.
    pub instrument: String,
    /// Its length in seconds.
    pub seconds: f64,
    /// Notes of the reference.
    pub notes: usize,
    /// Onset and pitch.
    pub note_precision: f64,
    pub note_recall: f64,
    pub note_f1: f64,
    /// Onset, pitch and offset.
    pub note_with_offset_f1: f64,
    /// Frame-wise, of the decoded notes.
    pub frame_f1: f64,
    /// Onset alone.
    pub onset_f1: f64,
}

/// One recording with both lists of notes.
#[derive(Debug)]
pub struct Transcription {
    pub reference: Vec<Note>,
    pub estimate: Vec<Note>,
    pub scores: PieceScores,
}

/// A network from a file, or the one that comes with the program.
///
/// # Errors
/// A data failure if the file is unusable, a usage failure for a device that is not there.
pub fn open_model(weights: Option<&Path>, common: &CommonArgs) -> Outcome<TranscriptionModel> {
    let device = common.device.parse::<DeviceChoice>()?.resolve()?;
    Ok(match weights {
        Some(path) => TranscriptionModel::open(path, device)?,
        None => TranscriptionModel::from_bytes(SHIPPED, "(the weights of this program)", device)?,
    })
}

/// The verb `evaluate`.
///
/// # Errors
/// A failure of the data, the weights, or the output.
pub fn evaluate(common: &CommonArgs, args: &EvaluateArgs, stop: &Stop) -> Outcome<()> {
    let start = Instant::now();
    let split: Split = args.split.parse()?;
    let experiment =
        Experiment::resolve(args.data.data.into(), &ModelArgs::default(), common, None)?;
    let dataset = data::open(&args.data, &experiment)?;
    let method = if args.peak_picker {
        Method::tuned_peaks(dataset.as_ref(), &experiment)?
    } else {
        Method::network(open_model(args.weights.as_deref(), common)?, args.decoder)?
    };
    let tracks = dataset.split(split)?;
    let (transcriptions, rate) = transcribe_tracks(&method, tracks, common.quiet, stop)?;
    if let Some(folder) = &args.out {
        fs::create_dir_all(folder).map_err(|e| {
            Failure::data(format!("cannot make the folder {}: {e}", folder.display()))
        })?;
        write_notes(&transcriptions, folder)?;
    }
    let summary = Summary {
        run_dir: args.out.as_deref().map(|path| path.display().to_string()),
        steps: method.steps(),
        seconds: start.elapsed().as_secs_f64(),
        audio_seconds_per_second: rate,
        ..Summary::of(&scores_of(&transcriptions))
    };
    report(&summary, common)
}

/// What transcribes.
#[derive(Debug)]
pub enum Method {
    /// A trained network, and whose decoder in place of ours.
    Network(Box<Transcriber>, Option<OriginalDecoder>),
    /// A peak picker, and the decoder with its thresholds.
    Peaks(Box<PeakPicker>, NoteDecoderConfig),
}

impl Method {
    /// A trained network.
    ///
    /// # Errors
    /// A data failure if its front end is unknown.
    pub fn network(model: TranscriptionModel, decoder: Option<OriginalDecoder>) -> Outcome<Self> {
        Ok(Self::Network(Box::new(Transcriber::new(model)?), decoder))
    }

    /// The peak picker, its thresholds tuned on the validation split as those of a network are.
    fn tuned_peaks(dataset: &dyn Dataset, experiment: &Experiment) -> Outcome<Self> {
        let picker = PeakPicker::new()?;
        let mut recordings = Vec::new();
        for loaded in Ahead::new(dataset.split(Split::Validation)?, picker.sample_rate()) {
            let (_, audio, notes) = loaded?;
            recordings.push((picker.activations(&audio)?, notes));
        }
        let pairs: Vec<_> = recordings.iter().map(|(a, notes)| (a, notes.as_slice())).collect();
        let tuned = tune(&pairs, &experiment.decoder, &experiment.search)?;
        Ok(Self::Peaks(Box::new(picker), tuned.decoder))
    }

    fn transcribe(&self, audio: &AudioBuffer) -> Outcome<Vec<Note>> {
        Ok(match self {
            Self::Network(transcriber, original) => {
                let decoder = &transcriber.model().meta().decoder;
                course::notes(&transcriber.activations(audio)?, decoder, *original)?
            }
            Self::Peaks(picker, decoder) => decode(&picker.activations(audio)?, decoder)?,
        })
    }

    fn sample_rate(&self) -> SampleRate {
        match self {
            Self::Network(transcriber, _) => transcriber.sample_rate(),
            Self::Peaks(picker, _) => picker.sample_rate(),
        }
    }

    fn grid(&self) -> FrameGrid {
        match self {
            Self::Network(transcriber, _) => transcriber.grid(),
            Self::Peaks(picker, _) => picker.grid(),
        }
    }

    /// Training steps behind it.
    fn steps(&self) -> u64 {
        match self {
            Self::Network(transcriber, _) => transcriber.model().meta().step,
            Self::Peaks(..) => 0,
        }
    }
}

/// Transcribes and scores recordings; also the seconds of audio transcribed in a second.
///
/// # Errors
/// A data failure that names the recording; an interruption.
pub fn transcribe_tracks(
    method: &Method,
    tracks: Vec<Arc<dyn Track>>,
    quiet: bool,
    stop: &Stop,
) -> Outcome<(Vec<Transcription>, f64)> {
    let mut progress = Progress::new("evaluate", "recordings", tracks.len() as u64, quiet);
    let (mut done, mut seconds, mut busy) = (Vec::new(), 0.0, 0.0);
    for loaded in Ahead::new(tracks, method.sample_rate()) {
        let (track, audio, reference) = loaded?;
        if stop.raised() {
            return Err(Failure::interrupted("stopped while scoring", stop.signal()));
        }
        let start = Instant::now();
        let estimate = method.transcribe(&audio)?;
        busy += start.elapsed().as_secs_f64();
        seconds += audio.duration();
        let scores = score(track.as_ref(), audio.duration(), &reference, &estimate, method.grid())?;
        progress
            .set(done.len() as u64 + 1, format!("note F1 {:.3} {}", scores.note_f1, track.id()));
        done.push(Transcription { reference, estimate, scores });
    }
    progress.finish(format!("{} recordings, {:.1} min", done.len(), seconds / 60.0));
    Ok((done, seconds / f64::max(busy, 1e-9)))
}

fn score(
    track: &dyn Track,
    seconds: f64,
    reference: &[Note],
    estimate: &[Note],
    grid: FrameGrid,
) -> Outcome<PieceScores> {
    let notes = transcription::evaluate(reference, estimate, &TranscriptionConfig::default())?;
    let frames = frame::evaluate_notes(reference, estimate, grid, &NoteFrameConfig::default());
    Ok(PieceScores {
        track: track.id().to_string(),
        instrument: track.instrument().to_owned(),
        seconds,
        notes: reference.len(),
        note_precision: notes.note.precision,
        note_recall: notes.note.recall,
        note_f1: notes.note.f1,
        note_with_offset_f1: notes.note_with_offset.map_or(0.0, |scores| scores.f1),
        frame_f1: frames.f1,
        onset_f1: notes.onset.f1,
    })
}

/// Writes reference and estimate of every recording as TSV.
///
/// # Errors
/// A data failure that names the file.
pub fn write_notes(transcriptions: &[Transcription], folder: &Path) -> Outcome<()> {
    for t in transcriptions {
        let stem = &t.scores.track;
        formats::write_notes(folder.join(format!("{stem}.ref.tsv")), &t.reference)?;
        formats::write_notes(folder.join(format!("{stem}.est.tsv")), &t.estimate)?;
    }
    Ok(())
}

/// The scores of some transcriptions.
pub fn scores_of(transcriptions: &[Transcription]) -> Vec<PieceScores> {
    transcriptions.iter().map(|t| t.scores.clone()).collect()
}

/// The numbers of a run; means over recordings.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    pub run_dir: Option<String>,
    pub note_f1: f64,
    pub note_with_offset_f1: f64,
    pub frame_f1: f64,
    pub onset_f1: f64,
    pub seconds: f64,
    pub steps: u64,
    pub audio_seconds_per_second: f64,
    pub pieces: Vec<PieceScores>,
}

impl Summary {
    /// The means over recordings; the rest is left at zero.
    pub fn of(pieces: &[PieceScores]) -> Self {
        let mean = |value: fn(&PieceScores) -> f64| {
            pieces.iter().map(value).sum::<f64>() / pieces.len().max(1) as f64
        };
        Self {
            note_f1: mean(|p| p.note_f1),
            note_with_offset_f1: mean(|p| p.note_with_offset_f1),
            frame_f1: mean(|p| p.frame_f1),
            onset_f1: mean(|p| p.onset_f1),
            pieces: pieces.to_vec(),
            ..Self::default()
        }
    }
}

/// Prints the table and writes `--json`.
///
/// # Errors
/// A data failure if the file cannot be written.
pub fn report(summary: &Summary, common: &CommonArgs) -> Outcome<()> {
    if !common.quiet {
        println!("{}", table(&summary.pieces)?);
        let instruments: BTreeSet<&str> =
            summary.pieces.iter().map(|p| p.instrument.as_str()).collect();
        for instrument in instruments.iter().filter(|_| instruments.len() > 1) {
            let of = |p: &&PieceScores| p.instrument == *instrument;
            let pieces: Vec<PieceScores> = summary.pieces.iter().filter(of).cloned().collect();
            let Summary { note_f1, note_with_offset_f1, frame_f1, .. } = Summary::of(&pieces);
            println!(
                "on {instrument}: note F1 {note_f1:.3}, with offset {note_with_offset_f1:.3}, frame F1 {frame_f1:.3}"
            );
        }
        println!(
            "note F1 {:.3}, with offset {:.3}, frame F1 {:.3}; {:.0} x real time",
            summary.note_f1,
            summary.note_with_offset_f1,
            summary.frame_f1,
            summary.audio_seconds_per_second
        );
    }
    if let Some(path) = &common.json {
        let json =
            serde_json::to_string_pretty(summary).map_err(|e| Failure::data(e.to_string()))?;
        mir_core::publish::write(path, format!("{json}\n").as_bytes())?;
    }
    Ok(())
}

/// One line a recording, and their mean.
fn table(pieces: &[PieceScores]) -> Outcome<Table> {
    let columns = ["P", "R", "note F1", "with offset", "frame F1", "onset F1"];
    let mut table = Table::new(columns, UndefinedPolicy::Refuse);
    for p in pieces {
        let values = [
            p.note_precision,
            p.note_recall,
            p.note_f1,
            p.note_with_offset_f1,
            p.frame_f1,
            p.onset_f1,
        ];
        table.push(p.track.clone(), values.map(Some))?;
    }
    Ok(table)
}

/// Recordings with their reference notes, loaded by a thread of its own while the one before is
/// transcribed.
struct Ahead {
    loaded: mpsc::IntoIter<Outcome<Loaded>>,
}

type Loaded = (Arc<dyn Track>, AudioBuffer, Vec<Note>);

impl Ahead {
    fn new(tracks: Vec<Arc<dyn Track>>, rate: SampleRate) -> Self {
        let (sender, receiver) = mpsc::sync_channel(1);
        thread::spawn(move || {
            let options =
                LoadOptions { sample_rate: Some(rate), mono: true, ..LoadOptions::default() };
            for track in tracks {
                let load = || -> Outcome<Loaded> {
                    let (audio, notes) = (track.audio(&options)?, track.notes()?);
                    Ok((Arc::clone(&track), audio, notes))
                };
                // The receiver is gone once the evaluation has been stopped.
                if sender.send(load()).is_err() {
                    break;
                }
            }
        });
        Self { loaded: receiver.into_iter() }
    }
}

impl Iterator for Ahead {
    type Item = Outcome<Loaded>;

    fn next(&mut self) -> Option<Self::Item> {
        self.loaded.next()
    }
}
