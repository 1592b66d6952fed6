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
use mir_core::{AudioBuffer, Note, PedalSpan, SampleRate, formats};
use mir_datasets::{Split, Track};
use mir_eval::{
    frame::{self, NoteFrameConfig},
    pedal::{self, PedalConfig},
    report::Table,
    stats::UndefinedPolicy,
    transcription,
    transcription_velocity::{self, TranscriptionVelocityConfig},
};
use mir_models::{activations::TranscriptionActivations, thresholds::roll_scores};
use serde::Serialize;

use crate::{
    args::EvaluateArgs,
    common::{
        CommonArgs,
        failure::{Failure, Outcome},
        progress::Progress,
        ranks::Ranks,
        signals::Stop,
    },
    data,
    experiment::Experiment,
    method::{Decoding, Method},
    model::ModelArgs,
    report::{self, Findings, Head},
};

/// Scores of one recording, as mir_eval defines them.
#[derive(Clone, Debug, Default, Serialize)]
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
    /// Onset, pitch, offset and velocity; of networks that hear velocities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note_with_offset_and_velocity_f1: Option<f64>,
    /// Frame-wise, of the decoded notes.
    pub frame_f1: f64,
    /// Frame-wise, of the frame probabilities.
    pub frame_head_f1: f64,
    /// Onset alone.
    pub onset_f1: f64,
    /// The pedal, where network and recording say something of it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub pedal: Option<PedalF1>,
}

/// Scores of the sustain pedal, as Kong et al. (2021) define them.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct PedalF1 {
    /// Presses by their starts.
    pub pedal_f1: f64,
    /// By starts and ends.
    pub pedal_with_offset_f1: f64,
    /// Frame by frame.
    pub pedal_frame_f1: f64,
}

/// One recording with both lists of notes.
#[derive(Debug)]
pub struct Transcription {
    pub reference: Vec<Note>,
    pub estimate: Vec<Note>,
    pub scores: PieceScores,
    /// What a report says beyond the scores, where one is wanted.
    pub findings: Option<Findings>,
}

/// The verb `evaluate`.
///
/// # Errors
/// A failure of the data, the weights, or the output.
pub fn evaluate(
    common: &CommonArgs,
    args: &EvaluateArgs,
    ranks: &Ranks,
    stop: &Stop,
) -> Outcome<()> {
    let start = Instant::now();
    if args.report.is_some() && !ranks.is_alone() {
        let message = "--report needs all recordings in one process: start it without mpirun";
        return Err(Failure::usage(message));
    }
    let split: Split = args.split.parse()?;
    let experiment =
        Experiment::resolve(args.data.data.into(), &ModelArgs::default(), common, None)?;
    let dataset = data::open(&args.data, &experiment)?;
    let method = if args.peak_picker {
        Method::tuned_peaks(dataset.as_ref(), &experiment)?
    } else {
        Method::open(args.weights.as_deref(), args.decoder, common)?
    };
    let tracks = dataset.split(split)?;
    let detail = if args.report.is_some() { Detail::Report } else { Detail::Scores };
    let own = ranks.share(tracks.clone());
    let (transcriptions, rate) = transcribe_tracks(&method, own, detail, common.quiet, stop)?;
    if let Some(folder) = &args.out {
        fs::create_dir_all(folder).map_err(|e| {
            Failure::data(format!("cannot make the folder {}: {e}", folder.display()))
        })?;
        write_notes(&transcriptions, folder)?;
    }
    if let Some(path) = &args.report {
        let decoding = method.decoding();
        let title = "Error analysis of a piano transcription";
        let mut head = Head::of(title, dataset.as_ref(), split, &transcriptions, &decoding);
        method.describe(args.weights.as_deref(), &mut head)?;
        head.seed = experiment.train.seed;
        let log = args.weights.as_deref().and_then(report::log_beside);
        report::write(path, head, &transcriptions, log.as_deref())?;
    }
    let mut rates = [rate];
    ranks.sum(&mut rates)?;
    let summary = Summary {
        run_dir: args.out.as_deref().map(|path| path.display().to_string()),
        steps: method.steps(),
        seconds: start.elapsed().as_secs_f64(),
        audio_seconds_per_second: rates[0],
        ..Summary::of(&gathered(&tracks, &scores_of(&transcriptions), ranks)?)
    };
    print(&summary, common)
}

/// What is wanted of transcriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Notes and scores.
    Scores,
    /// An error analysis as well.
    Report,
}

/// Transcribes and scores recordings; also the seconds of audio transcribed in a second.
///
/// # Errors
/// A data failure that names the recording; an interruption.
pub fn transcribe_tracks(
    method: &Method,
    tracks: Vec<Arc<dyn Track>>,
    detail: Detail,
    quiet: bool,
    stop: &Stop,
) -> Outcome<(Vec<Transcription>, f64)> {
    let mut progress = Progress::new("evaluate", "recordings", tracks.len() as u64, quiet);
    let decoding = method.decoding();
    let (mut done, mut seconds, mut busy) = (Vec::new(), 0.0, 0.0);
    for loaded in Ahead::new(tracks, method.sample_rate()) {
        let (track, audio, reference) = loaded?;
        if stop.raised() {
            return Err(Failure::interrupted("stopped while scoring", stop.signal()));
        }
        let start = Instant::now();
        let (activations, pedal) = method.hear(&audio)?;
        let estimate = decoding.notes(&activations)?;
        busy += start.elapsed().as_secs_f64();
        seconds += audio.duration();
        let scores = PieceScores {
            track: track.id().to_string(),
            instrument: track.instrument().to_owned(),
            seconds: audio.duration(),
            pedal: pedal
                .and_then(|spans| pedal_f1(track.as_ref(), &spans).transpose())
                .transpose()?,
            ..PieceScores::new(&decoding, &activations, &reference, &estimate)?
        };
        let findings = match detail {
            Detail::Scores => None,
            Detail::Report => {
                Some(Findings::new(&decoding, &activations, &audio, &reference, &estimate)?)
            }
        };
        progress
            .set(done.len() as u64 + 1, format!("note F1 {:.3} {}", scores.note_f1, track.id()));
        done.push(Transcription { reference, estimate, scores, findings });
    }
    progress.finish(format!("{} recordings, {:.1} min", done.len(), seconds / 60.0));
    Ok((done, seconds / f64::max(busy, 1e-9)))
}

/// Onset, pitch, offset and velocity agree.
fn velocity_f1(reference: &[Note], estimate: &[Note]) -> Outcome<Option<f64>> {
    let config = TranscriptionVelocityConfig::default();
    let scores = transcription_velocity::evaluate(reference, estimate, &config)?;
    Ok(scores.note_with_offset.map(|scores| scores.f1))
}

/// Scores of the pedal, if the data set knows it and it is pressed at all: else there is nothing to recall.
fn pedal_f1(track: &dyn Track, estimate: &[PedalSpan]) -> Outcome<Option<PedalF1>> {
    let reference = match track.pedal() {
        Err(mir_datasets::Error::NotAnnotated { .. }) => return Ok(None),
        reference => reference?,
    };
    if reference.is_empty() {
        return Ok(None);
    }
    let intervals = |spans: &[PedalSpan]| -> Vec<[f64; 2]> {
        spans.iter().map(|span| [span.down, span.up]).collect()
    };
    let (reference, estimate) = (intervals(&reference), intervals(estimate));
    let scores = pedal::evaluate(&reference, &estimate, &PedalConfig::default())?;
    Ok(Some(PedalF1 {
        pedal_f1: scores.event.f1,
        pedal_with_offset_f1: scores.event_with_offset.f1,
        pedal_frame_f1: scores.frame.f1,
    }))
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

/// The scores of all recordings, of which every rank has those of its share.
fn gathered(
    tracks: &[Arc<dyn Track>],
    own: &[PieceScores],
    ranks: &Ranks,
) -> Outcome<Vec<PieceScores>> {
    // One row for each recording; all but the own ones are left to the others.
    let mut rows = vec![[0.0; PieceScores::NUMBERS]; tracks.len()];
    for (row, scores) in ranks.share(rows.iter_mut().collect()).into_iter().zip(own) {
        *row = scores.numbers();
    }
    ranks.sum(rows.as_flattened_mut())?;
    let all = tracks.iter().zip(rows);
    Ok(all.map(|(track, row)| PieceScores::of(track.as_ref(), row)).collect())
}

impl PedalF1 {
    /// The mean over recordings; nothing of none.
    fn mean(all: impl Iterator<Item = Self>) -> Option<Self> {
        let (mut sum, mut count) = (Self::default(), 0.0);
        for one in all {
            sum.pedal_f1 += one.pedal_f1;
            sum.pedal_with_offset_f1 += one.pedal_with_offset_f1;
            sum.pedal_frame_f1 += one.pedal_frame_f1;
            count += 1.0;
        }
        (count > 0.0).then(|| Self {
            pedal_f1: sum.pedal_f1 / count,
            pedal_with_offset_f1: sum.pedal_with_offset_f1 / count,
            pedal_frame_f1: sum.pedal_frame_f1 / count,
        })
    }
}

impl PieceScores {
    /// How good an estimate is: everything but what it is of.
    ///
    /// # Errors
    /// A data failure for notes that cannot be scored.
    pub fn new(
        decoding: &Decoding,
        activations: &TranscriptionActivations,
        reference: &[Note],
        estimate: &[Note],
    ) -> Outcome<Self> {
        let notes = transcription::evaluate(reference, estimate, &decoding.tolerances())?;
        let config = NoteFrameConfig::default();
        let frames = frame::evaluate_notes(reference, estimate, activations.grid, &config);
        let velocities = match &activations.velocity {
            Some(_) => velocity_f1(reference, estimate)?,
            None => None,
        };
        Ok(Self {
            notes: reference.len(),
            note_precision: notes.note.precision,
            note_recall: notes.note.recall,
            note_f1: notes.note.f1,
            note_with_offset_f1: notes.note_with_offset.map_or(0.0, |scores| scores.f1),
            note_with_offset_and_velocity_f1: velocities,
            frame_f1: frames.f1,
            frame_head_f1: roll_scores(activations, reference, decoding.roll_threshold)?.f1,
            onset_f1: notes.onset.f1,
            ..Self::default()
        })
    }

    /// How many numbers there are, with two that say whether there are velocities and a pedal.
    const NUMBERS: usize = 15;

    fn numbers(&self) -> [f64; Self::NUMBERS] {
        let pedal = self.pedal.unwrap_or_default();
        [
            self.seconds,
            self.notes as f64,
            self.note_precision,
            self.note_recall,
            self.note_f1,
            self.note_with_offset_f1,
            self.note_with_offset_and_velocity_f1.unwrap_or_default(),
            f64::from(u8::from(self.note_with_offset_and_velocity_f1.is_some())),
            self.frame_f1,
            self.frame_head_f1,
            self.onset_f1,
            pedal.pedal_f1,
            pedal.pedal_with_offset_f1,
            pedal.pedal_frame_f1,
            f64::from(u8::from(self.pedal.is_some())),
        ]
    }

    /// The numbers and what they are of.
    fn of(track: &dyn Track, numbers: [f64; Self::NUMBERS]) -> Self {
        let [
            seconds,
            notes,
            note_precision,
            note_recall,
            note_f1,
            note_with_offset_f1,
            with_velocity,
            has_velocity,
            frame_f1,
            frame_head_f1,
            onset_f1,
            pedal_f1,
            pedal_with_offset_f1,
            pedal_frame_f1,
            has_pedal,
        ] = numbers;
        let pedal = PedalF1 { pedal_f1, pedal_with_offset_f1, pedal_frame_f1 };
        Self {
            track: track.id().to_string(),
            instrument: track.instrument().to_owned(),
            seconds,
            notes: notes as usize,
            note_precision,
            note_recall,
            note_f1,
            note_with_offset_f1,
            note_with_offset_and_velocity_f1: (has_velocity > 0.0).then_some(with_velocity),
            frame_f1,
            frame_head_f1,
            onset_f1,
            pedal: (has_pedal > 0.0).then_some(pedal),
        }
    }
}

/// The numbers of a run; means over recordings.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    pub run_dir: Option<String>,
    pub note_f1: f64,
    pub note_with_offset_f1: f64,
    pub frame_f1: f64,
    pub frame_head_f1: f64,
    pub onset_f1: f64,
    /// Over the recordings in which the pedal is pressed, if it was heard.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub pedal: Option<PedalF1>,
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
            frame_head_f1: mean(|p| p.frame_head_f1),
            onset_f1: mean(|p| p.onset_f1),
            pedal: PedalF1::mean(pieces.iter().filter_map(|p| p.pedal)),
            pieces: pieces.to_vec(),
            ..Self::default()
        }
    }

    /// The numbers that count, in words.
    pub fn headline(&self) -> String {
        let Self { note_f1, note_with_offset_f1, frame_f1, frame_head_f1, .. } = self;
        format!(
            "note F1 {note_f1:.3}, with offset {note_with_offset_f1:.3}, frame F1 {frame_f1:.3} \
             (of the frame head {frame_head_f1:.3})"
        )
    }
}

/// Prints the table and writes `--json`.
///
/// # Errors
/// A data failure if the file cannot be written.
pub fn print(summary: &Summary, common: &CommonArgs) -> Outcome<()> {
    if !common.quiet {
        println!("{}", table(&summary.pieces)?);
        let instruments: BTreeSet<&str> =
            summary.pieces.iter().map(|p| p.instrument.as_str()).collect();
        for instrument in instruments.iter().filter(|_| instruments.len() > 1) {
            let of = |p: &&PieceScores| p.instrument == *instrument;
            let pieces: Vec<PieceScores> = summary.pieces.iter().filter(of).cloned().collect();
            println!("on {instrument}: {}", Summary::of(&pieces).headline());
        }
        let speed = summary.audio_seconds_per_second;
        if let Some(pedal) = summary.pedal {
            println!(
                "pedal: F1 of presses {:.3}, with offset {:.3}, of frames {:.3}",
                pedal.pedal_f1, pedal.pedal_with_offset_f1, pedal.pedal_frame_f1
            );
        }
        println!("{}; {speed:.0} x real time", summary.headline());
    }
    if let Some(path) = &common.json {
        let json =
            serde_json::to_string_pretty(summary).map_err(|e| Failure::data(e.to_string()))?;
        mir_core::publish::write(path, format!("{json}\n").as_bytes())?;
    }
    Ok(())
}

/// One line a recording, and their mean.
///
/// # Errors
/// Never for scores of one method; it is passed on.
pub fn table(pieces: &[PieceScores]) -> Outcome<Table> {
    let mut columns = vec!["P", "R", "note F1", "with offset"];
    let with_velocity = pieces.iter().any(|p| p.note_with_offset_and_velocity_f1.is_some());
    if with_velocity {
        columns.push("offset + velocity");
    }
    columns.extend(["frame F1", "frame head", "onset F1"]);
    let mut table = Table::new(columns, UndefinedPolicy::Refuse);
    for p in pieces {
        let mut values = vec![p.note_precision, p.note_recall, p.note_f1, p.note_with_offset_f1];
        values.extend(p.note_with_offset_and_velocity_f1);
        values.extend([p.frame_f1, p.frame_head_f1, p.onset_f1]);
        table.push(p.track.clone(), values.into_iter().map(Some))?;
    }
    Ok(table)
}

/// Recordings with their reference notes, loaded by a thread of its own while the one before is
/// transcribed.
pub struct Ahead {
    loaded: mpsc::IntoIter<Outcome<Loaded>>,
}

/// A recording, its sound, and what is played.
pub type Loaded = (Arc<dyn Track>, AudioBuffer, Vec<Note>);

impl Ahead {
    /// At a rate, mono.
    pub fn new(tracks: Vec<Arc<dyn Track>>, rate: SampleRate) -> Self {
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
