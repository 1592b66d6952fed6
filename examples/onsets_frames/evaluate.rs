//! `evaluate`: how good are the notes of a trained network on recordings it has not learned from?

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::Instant,
};

use mir_audio::LoadOptions;
use mir_core::{AudioBuffer, Note, SampleRate, formats};
use mir_datasets::{Dataset, Split, Track};
use mir_eval::{
    frame::{self, NoteFrameConfig},
    report::Table,
    stats::UndefinedPolicy,
    transcription::{self, TranscriptionConfig},
    transcription_velocity::{self, TranscriptionVelocityConfig},
};
use mir_models::{
    DeviceChoice,
    activations::TranscriptionActivations,
    baseline::PeakPicker,
    decode::{NoteDecoderConfig, OriginalDecoder},
    infer::{Transcriber, TranscriptionModel},
    thresholds::{roll_scores, tune},
    weights::ModelMeta,
};
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
    course, data,
    experiment::Experiment,
    model::ModelArgs,
    report::{self, Findings, Head},
};

/// The network that comes with the program.
pub const SHIPPED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/onsets_frames_maps.safetensors"));

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
        Method::network(open_model(args.weights.as_deref(), common)?, args.decoder)?
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

/// What transcribes.
#[derive(Debug)]
pub enum Method {
    /// A trained network, and whose decoder in place of ours.
    Network(Box<Transcriber>, Option<OriginalDecoder>),
    /// A peak picker, and how its activations become notes.
    Peaks(Box<PeakPicker>, Decoding),
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
        let decoding = Decoding {
            config: tuned.decoder,
            roll_threshold: tuned.roll_threshold,
            original: None,
        };
        Ok(Self::Peaks(Box::new(picker), decoding))
    }

    fn activations(&self, audio: &AudioBuffer) -> Outcome<TranscriptionActivations> {
        Ok(match self {
            Self::Network(transcriber, _) => transcriber.activations(audio)?,
            Self::Peaks(picker, _) => picker.activations(audio)?,
        })
    }

    /// How it makes notes of activations.
    pub fn decoding(&self) -> Decoding {
        match self {
            Self::Network(transcriber, original) => {
                Decoding::of(transcriber.model().meta(), *original)
            }
            Self::Peaks(_, decoding) => decoding.clone(),
        }
    }

    /// Says in a report what it is.
    ///
    /// # Errors
    /// A data failure if the weights cannot be read again.
    pub fn describe(&self, weights: Option<&Path>, head: &mut Head) -> Outcome<()> {
        let Self::Network(transcriber, _) = self else {
            head.fact("Weights", "none: a peak picker, which has learned nothing");
            return Ok(());
        };
        let (model, meta) = (transcriber.model(), transcriber.model().meta());
        match weights {
            Some(path) => head.weights(&path.display().to_string(), &fs::read(path)?),
            None => head.weights("those of the program", SHIPPED),
        }
        head.fact("Network", format!("{} parameters, {} steps", model.parameters(), meta.step));
        head.fact("Trained on", &*meta.training_data);
        head.settings =
            serde_json::to_string_pretty(meta).map_err(|e| Failure::data(e.to_string()))?;
        Ok(())
    }

    fn sample_rate(&self) -> SampleRate {
        match self {
            Self::Network(transcriber, _) => transcriber.sample_rate(),
            Self::Peaks(picker, _) => picker.sample_rate(),
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

/// How notes are made of activations.
#[derive(Clone, Debug)]
pub struct Decoding {
    config: NoteDecoderConfig,
    /// From which frame probability on a key sounds.
    roll_threshold: f64,
    original: Option<OriginalDecoder>,
}

impl Decoding {
    /// That of a network, or of an original program with its thresholds.
    pub fn of(meta: &ModelMeta, original: Option<OriginalDecoder>) -> Self {
        let ModelMeta { decoder, roll_threshold, .. } = meta;
        Self { config: decoder.clone(), roll_threshold: *roll_threshold, original }
    }

    /// The notes.
    ///
    /// # Errors
    /// Of the decoder.
    pub fn notes(&self, activations: &TranscriptionActivations) -> Outcome<Vec<Note>> {
        Ok(course::notes(activations, &self.config, self.original)?)
    }

    /// How good they are: everything but what they are of.
    ///
    /// # Errors
    /// A data failure for notes that cannot be scored.
    pub fn score(
        &self,
        activations: &TranscriptionActivations,
        reference: &[Note],
        estimate: &[Note],
    ) -> Outcome<PieceScores> {
        let notes = transcription::evaluate(reference, estimate, &TranscriptionConfig::default())?;
        let config = NoteFrameConfig::default();
        let frames = frame::evaluate_notes(reference, estimate, activations.grid, &config);
        let velocities = match &activations.velocity {
            Some(_) => velocity_f1(reference, estimate)?,
            None => None,
        };
        Ok(PieceScores {
            notes: reference.len(),
            note_precision: notes.note.precision,
            note_recall: notes.note.recall,
            note_f1: notes.note.f1,
            note_with_offset_f1: notes.note_with_offset.map_or(0.0, |scores| scores.f1),
            note_with_offset_and_velocity_f1: velocities,
            frame_f1: frames.f1,
            frame_head_f1: roll_scores(activations, reference, self.roll_threshold)?.f1,
            onset_f1: notes.onset.f1,
            ..PieceScores::default()
        })
    }

    /// The threshold of onsets.
    pub fn onset_threshold(&self) -> f64 {
        self.config.onset_threshold
    }

    /// The same with another threshold of onsets.
    pub fn at(&self, onset_threshold: f64) -> Self {
        Self { config: NoteDecoderConfig { onset_threshold, ..self.config.clone() }, ..*self }
    }
}

impl fmt::Display for Decoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NoteDecoderConfig { onset_threshold, frame_threshold, .. } = self.config;
        let whose = self.original.map_or("ours", OriginalDecoder::name);
        write!(
            f,
            "{whose}, onset threshold {onset_threshold:.3}, frame threshold {frame_threshold:.3}"
        )
    }
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
        let activations = method.activations(&audio)?;
        let estimate = decoding.notes(&activations)?;
        busy += start.elapsed().as_secs_f64();
        seconds += audio.duration();
        let scores = PieceScores {
            track: track.id().to_string(),
            instrument: track.instrument().to_owned(),
            seconds: audio.duration(),
            ..decoding.score(&activations, &reference, &estimate)?
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

impl PieceScores {
    /// How many numbers there are, with one that says whether there are velocities.
    const NUMBERS: usize = 11;

    fn numbers(&self) -> [f64; Self::NUMBERS] {
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
        ] = numbers;
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
