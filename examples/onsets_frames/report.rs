//! The error analysis of a scored network as one HTML page.

use std::{env, fs, path::Path};

use mir_audio::{FlacDepth, flac_bytes};
use mir_core::{AudioBuffer, Fingerprint, Note};
use mir_datasets::{Dataset, Split};
use mir_eval::{
    analysis::{
        Analysis, AnalysisConfig, Passage, PassageConfig, PrecisionRecall, ThresholdCounts,
        analyze, worst_passages,
    },
    plots::{CurvesPlot, Series},
    report::{ReportPassage, ReportPiece, Sound, TranscriptionReport, worst_of_pieces},
    stats::ResamplingConfig,
    transcription::{self, TranscriptionConfig},
};
use mir_midi::{Performance, piano, piano::PianoConfig};
use mir_models::activations::TranscriptionActivations;
use rayon::prelude::*;

use crate::{
    common::failure::{Failure, Outcome},
    compare,
    evaluate::{self, Transcription},
    method::Decoding,
};

/// Passages in the page, and how many of one piece at most.
const PASSAGES: usize = 6;
const PASSAGES_OF_A_PIECE: usize = 2;

/// What the page says about a recording beside its notes.
#[derive(Debug)]
pub struct Findings {
    analysis: Analysis,
    thresholds: Vec<ThresholdCounts>,
    passages: Vec<Passage>,
    /// The recording in these passages.
    excerpts: Vec<AudioBuffer>,
    has_velocity: bool,
}

impl Findings {
    /// Analyses a transcription, while its activations and its recording are at hand.
    ///
    /// # Errors
    /// A data failure for notes that cannot be scored.
    pub fn new(
        decoding: &Decoding,
        activations: &TranscriptionActivations,
        audio: &AudioBuffer,
        reference: &[Note],
        estimate: &[Note],
    ) -> Outcome<Self> {
        let analysis = analyze(reference, estimate, &AnalysisConfig::default())?;
        let config = PassageConfig { count: PASSAGES_OF_A_PIECE, ..PassageConfig::default() };
        let passages = worst_passages(reference, estimate, &analysis, &config)?;
        let rate = audio.sample_rate();
        let sample = |seconds: f64| rate.sample_at(seconds.min(audio.duration())).min(audio.len());
        let excerpts =
            passages.iter().map(|p| audio.excerpt(sample(p.start)..sample(p.end))).collect();
        let only_onsets =
            TranscriptionConfig { offset_ratio: None, ..TranscriptionConfig::default() };
        let count = |threshold: f64| -> Outcome<ThresholdCounts> {
            let notes = decoding.at(threshold).notes(activations)?;
            let scores = transcription::evaluate(reference, &notes, &only_onsets)?;
            Ok(ThresholdCounts { threshold, counts: scores.note.counts })
        };
        let thresholds: Outcome<Vec<_>> =
            tried(decoding.onset_threshold()).into_par_iter().map(count).collect();
        let has_velocity = activations.velocity.is_some();
        Ok(Self { analysis, thresholds: thresholds?, passages, excerpts, has_velocity })
    }
}

/// Steps of 0.05, and the threshold that is in use.
fn tried(chosen: f64) -> Vec<f64> {
    let steps = (1..20).map(|i| f64::from(i) / 20.0);
    steps.filter(|t| (t - chosen).abs() > 1e-6).chain([chosen]).collect()
}

/// What the page says about the run as a whole.
#[derive(Debug, Default)]
pub struct Head {
    pub title: String,
    pub facts: Vec<(String, String)>,
    pub settings: String,
    /// Seed of the piano that plays the estimate.
    pub seed: u64,
    pub onset_threshold: f64,
}

impl Head {
    /// A name and what it is.
    pub fn fact(&mut self, name: &str, value: impl Into<String>) {
        self.facts.push((name.to_owned(), value.into()));
    }

    /// The program, the command line, the data and how notes were decoded.
    pub fn of(
        title: &str,
        data: &dyn Dataset,
        split: Split,
        transcriptions: &[Transcription],
        decoding: &Decoding,
    ) -> Self {
        let mut head = Self {
            title: title.to_owned(),
            onset_threshold: decoding.onset_threshold(),
            ..Self::default()
        };
        head.fact("Program", format!("onsets_frames {}", env!("CARGO_PKG_VERSION")));
        head.fact("Command", env::args().collect::<Vec<_>>().join(" "));
        let seconds: f64 = transcriptions.iter().map(|t| t.scores.seconds).sum();
        let notes: usize = transcriptions.iter().map(|t| t.scores.notes).sum();
        head.fact(
            "Data",
            format!(
                "{} {}, {split}: {} recordings, {:.1} min, {notes} notes; licence: {}",
                data.name(),
                data.version(),
                transcriptions.len(),
                seconds / 60.0,
                data.license()
            ),
        );
        head.fact("Decoder", decoding.to_string());
        head
    }

    /// Which weights these are.
    pub fn weights(&mut self, name: &str, bytes: &[u8]) {
        let size = bytes.len() as f64 / 1e6;
        self.fact(
            "Weights",
            format!("{name}, {size:.1} MB, fingerprint {}", Fingerprint::of_bytes(bytes)),
        );
    }
}

/// The page of some transcriptions. `metrics` is the log of the training, where there is one.
///
/// # Errors
/// A data failure for notes that cannot be drawn or played.
pub fn html(
    head: Head,
    transcriptions: &[Transcription],
    metrics: Option<&Path>,
) -> Outcome<String> {
    let scores = evaluate::scores_of(transcriptions);
    let analysed: Vec<(&Transcription, &Findings)> =
        transcriptions.iter().filter_map(|t| Some((t, t.findings.as_ref()?))).collect();
    let pieces = analysed.iter().map(|(t, findings)| ReportPiece {
        name: t.scores.track.clone(),
        reference: t.reference.clone(),
        estimate: t.estimate.clone(),
        analysis: findings.analysis.clone(),
        has_velocity: findings.has_velocity,
    });
    let lists: Vec<Vec<Passage>> = analysed.iter().map(|(_, f)| f.passages.clone()).collect();
    let order = PassageConfig::default().order;
    let passages: Outcome<Vec<ReportPassage>> = worst_of_pieces(&lists, PASSAGES, order)
        .into_par_iter()
        .map(|(piece, index)| {
            let (transcription, findings) = analysed[piece];
            let passage = findings.passages[index];
            let recording = &findings.excerpts[index];
            let estimate = played(&transcription.estimate, passage, recording, head.seed)?;
            let sounds =
                [("Recording", recording), ("Estimate, played by the built-in piano", &estimate)];
            let sounds = sounds.into_iter().filter(|(_, audio)| !audio.is_empty()).map(sound);
            Ok(ReportPassage { piece, passage, sounds: sounds.collect::<Outcome<_>>()? })
        })
        .collect();
    let thresholds =
        PrecisionRecall::new(analysed.iter().map(|(_, f)| f.thresholds.iter().copied()))?;
    let curves = match metrics {
        Some(path) if path.exists() => training(&compare::read(path)?),
        _ => Vec::new(),
    };
    // All but precision and recall.
    let table = evaluate::table(&scores)?;
    let report = TranscriptionReport {
        title: head.title,
        facts: head.facts,
        settings: head.settings,
        headline: table.columns().iter().skip(2).cloned().collect(),
        scores: table.with_intervals(ResamplingConfig::default())?,
        curves,
        pieces: pieces.collect(),
        thresholds: Some((thresholds, head.onset_threshold)),
        passages: passages?,
    };
    Ok(report.html()?)
}

/// Writes the page.
///
/// # Errors
/// As [`html`]; a data failure if it cannot be written.
pub fn write(
    path: &Path,
    head: Head,
    transcriptions: &[Transcription],
    metrics: Option<&Path>,
) -> Outcome<()> {
    Ok(mir_core::publish::write(path, html(head, transcriptions, metrics)?.as_bytes())?)
}

/// The log of the training that left these weights, where they still lie in its run folder.
pub fn log_beside(weights: &Path) -> Option<std::path::PathBuf> {
    let log = weights.parent()?.join("metrics.jsonl");
    fs::exists(&log).is_ok_and(|there| there).then_some(log)
}

/// The estimated notes that begin in a passage, as long as its recording.
fn played(
    notes: &[Note],
    passage: Passage,
    recording: &AudioBuffer,
    seed: u64,
) -> Outcome<AudioBuffer> {
    let inside = |note: &&Note| (passage.start..passage.end).contains(&note.onset());
    let moved = |note: &Note| {
        let end = note.offset().min(passage.end) - passage.start;
        Note::new(note.onset() - passage.start, end, note.pitch(), note.velocity())
    };
    let notes: Vec<Note> =
        notes.iter().filter(inside).map(moved).collect::<mir_core::Result<_>>()?;
    let rate = recording.sample_rate();
    let audio = piano::render(&Performance::from(notes), &PianoConfig::grand(), rate, seed)?;
    Ok(audio.excerpt(0..audio.len().min(recording.len())))
}

fn sound((label, audio): (&str, &AudioBuffer)) -> Outcome<Sound> {
    let bytes = flac_bytes(audio, FlacDepth::Int16).map_err(Failure::from)?;
    Ok(Sound { label: label.to_owned(), media_type: "audio/flac", bytes })
}

/// Losses and scores over the steps of a training.
fn training(log: &str) -> Vec<(CurvesPlot, Vec<Series>)> {
    let series = |names: &[(&str, &str)]| -> Vec<Series> {
        let all = names.iter().map(|(metric, name)| Series {
            name: (*name).to_owned(),
            points: compare::points_of(log, metric),
        });
        all.filter(|series| !series.points.is_empty()).collect()
    };
    let losses = series(&[
        ("loss", "whole"),
        ("loss/onset", "onset"),
        ("loss/frame", "frame"),
        ("loss/offset", "offset"),
        ("loss/velocity", "velocity"),
    ]);
    let scores = series(&[
        ("validation/note_f1", "note F1"),
        ("validation/note_with_offset_f1", "note F1 with offset"),
        ("metric/frame/frame_f1", "frame F1 (rolls at 0.5)"),
    ]);
    let plot = |y_label: &str, y_range| CurvesPlot {
        x_label: "steps".to_owned(),
        y_label: y_label.to_owned(),
        y_range,
        ..CurvesPlot::default()
    };
    [
        (plot("training loss", None), losses),
        (plot("score on validation data", Some((0.0, 1.0))), scores),
    ]
    .into_iter()
    .filter(|(_, series)| !series.is_empty())
    .collect()
}
