//! `train`: the whole experiment, from data to a table of scores.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use mir_audio::{WavFormat, write_wav};
use mir_core::{Fingerprint, Note, SampleRate};
use mir_datasets::{BatchLoader, FeatureStore, Split, recordings};
use mir_eval::plots::{RollPlot, piano_roll};
use mir_midi::{Performance, Score, piano, piano::PianoConfig};
use mir_models::{
    DeviceChoice,
    activations::TranscriptionActivations,
    infer::TranscriptionModel,
    run::{Existing, RunFolder, RunInfo},
    thresholds::tune,
    train::{FitEnd, FitProgress, Incident, Observer, StopReason, Trainer, fit, latest_checkpoint},
    weights::Storage,
};

use crate::{
    args::{PresetName, TrainArgs},
    common::{
        CommonArgs,
        failure::{Failure, Outcome},
        progress::Progress,
        signals::Stop,
    },
    course, data,
    evaluate::{self, Detail, Method, Summary, Transcription},
    experiment::Experiment,
    model::ModelArgs,
    probe, report,
};

/// The verb `train`, and what the program does without a verb.
///
/// # Errors
/// Any failure of configuration, data, training or output.
pub fn train(common: &CommonArgs, args: &TrainArgs, stop: &Stop) -> Outcome<()> {
    run(common, args, stop).map(drop)
}

/// A training with its scores; none if nothing was to be trained, or it was asked to quit.
///
/// # Errors
/// As [`train`].
pub fn run(common: &CommonArgs, args: &TrainArgs, stop: &Stop) -> Outcome<Option<Summary>> {
    let start = Instant::now();
    let (folder, existing) = run_folder(args)?;
    let experiment = match existing {
        Existing::Resume => resumed(&folder, common)?,
        _ => {
            let settings = &args.settings;
            Experiment::resolve(settings.preset(), &settings.model, common, args.steps)?
        }
    };
    if args.dry_run_schedule {
        let (schedule, steps) = (&experiment.train.schedule, experiment.train.steps);
        print!("{}", schedule.to_csv(steps, steps.div_ceil(1000)));
        return Ok(None);
    }
    if args.dry_run {
        probe::dry_run(common, &args.settings.data, &experiment)?;
        return Ok(None);
    }
    let device = common.device.parse::<DeviceChoice>()?.resolve()?;
    let source = &args.settings.data;
    let data = data::open(source, &experiment)?;
    // The folder is checked before minutes are spent on features.
    RunFolder::check(&folder, existing)?;
    let open =
        |split| data::features(data.as_ref(), split, &experiment, source, common.quiet, stop);
    let (training, validation) = (open(Split::Train)?, open(Split::Validation)?);
    let identity =
        Fingerprint::of("onsets-frames/data/1", &[training.header(), validation.header()])?;

    let mut trainer = Trainer::new(
        experiment.model.clone(),
        experiment.front_end.clone(),
        experiment.train.clone(),
        device,
    )?;
    let mut best = None;
    let mut resume_at = None;
    if existing == Existing::Resume {
        let checkpoint = latest_checkpoint(&folder.join("checkpoints")).ok_or_else(|| {
            Failure::data(format!(
                "{} holds no complete checkpoint to resume from",
                folder.display()
            ))
        })?;
        best = trainer.restore(&checkpoint, identity)?.best;
        resume_at = Some(trainer.step_count());
    }
    let mut run = RunFolder::open(&folder, existing, resume_at)?;
    let config = toml::to_string(&experiment).map_err(|e| Failure::usage(e.to_string()))?;
    run.write("config.toml", config.as_bytes())?;
    let mut info = RunInfo::new(
        env::args().collect(),
        experiment.train.seed,
        format!("{device:?}, {} threads", mir_models::threads()),
    );
    info.data = Some(identity);
    run.write_info(&info)?;

    let mut source = BatchLoader::new(training, experiment.loader.clone())?;
    let checkpoints = run.checkpoints();
    let mut watch = Watch {
        run: &mut run,
        progress: Progress::new("train", "steps", experiment.train.steps, common.quiet)
            .resumed_at(trainer.step_count()),
        validation,
        experiment: &experiment,
        licence: format!("{} {}, {}", data.name(), data.version(), data.license()),
        wait: Duration::ZERO,
        busy: Duration::ZERO,
        score: best.map(|(score, _)| score),
    };
    let end = fit(&mut trainer, &mut source, &checkpoints, identity, best, &mut watch, &stop.flag);
    let (wait, busy) = (watch.wait, watch.busy);
    let summary = format!(
        "{} parameters, {} steps, data wait {:.1} % of step time",
        trainer.parameters(),
        trainer.step_count(),
        100.0 * wait.as_secs_f64() / (wait + busy).as_secs_f64().max(1e-9)
    );
    watch.progress.finish(summary);
    run.flush()?;
    let outcome = match end {
        Ok(FitEnd::Finished) => "finished".to_owned(),
        Ok(FitEnd::Interrupted) => "interrupted".to_owned(),
        Ok(FitEnd::Stopped(reason)) => format!("stopped: {reason}"),
        Err(ref error) => error.to_string(),
    };
    info.end(outcome);
    run.write_info(&info)?;
    match end? {
        FitEnd::Interrupted => {
            let message = format!(
                "stopped at step {}; continue with --resume {}",
                trainer.step_count(),
                folder.display()
            );
            return Err(Failure::interrupted(message, stop.signal()));
        }
        FitEnd::Stopped(reason @ StopReason::NotFinite) => {
            let message = format!("stopped at step {}: {reason}", trainer.step_count());
            return Err(Failure::not_finite(message));
        }
        FitEnd::Stopped(StopReason::Requested) => {
            let (step, folder) = (trainer.step_count(), folder.display());
            println!("stopped at step {step} as asked; continue with --resume {folder}");
            return Ok(None);
        }
        FitEnd::Finished | FitEnd::Stopped(_) => {}
    }

    let model = TranscriptionModel::open(&folder.join("model.safetensors"), device)?;
    let method = Method::network(model, experiment.original_decoder)?;
    let tests = data.split(Split::Test)?;
    let (transcriptions, rate) =
        evaluate::transcribe_tracks(&method, tests, Detail::Report, common.quiet, stop)?;
    evaluate::write_notes(&transcriptions, &folder.join("test"))?;
    for transcription in transcriptions.iter().take(2) {
        render(transcription, &folder.join("test"), experiment.train.seed)?;
    }
    let summary = Summary {
        run_dir: Some(folder.display().to_string()),
        steps: trainer.step_count(),
        seconds: start.elapsed().as_secs_f64(),
        audio_seconds_per_second: rate,
        ..Summary::of(&evaluate::scores_of(&transcriptions))
    };
    let json = serde_json::to_string_pretty(&summary).map_err(|e| Failure::data(e.to_string()))?;
    run.write("results.json", json.as_bytes())?;
    let (decoding, weights) = (method.decoding(), folder.join("model.safetensors"));
    let title = format!("Training run {}", folder.display());
    let mut head = report::Head::of(&title, data.as_ref(), Split::Test, &transcriptions, &decoding);
    method.describe(Some(&weights), &mut head)?;
    head.settings = config;
    head.seed = experiment.train.seed;
    let page = report::html(head, &transcriptions, Some(&folder.join("metrics.jsonl")))?;
    run.write("report.html", page.as_bytes())?;
    if !common.quiet {
        println!("run folder {}", folder.display());
    }
    evaluate::print(&summary, common)?;
    Ok(Some(summary))
}

/// The run folder, and what may be in it.
fn run_folder(args: &TrainArgs) -> Outcome<(PathBuf, Existing)> {
    if let Some(folder) = &args.resume {
        return Ok((folder.clone(), Existing::Resume));
    }
    let existing = if args.force { Existing::Force } else { Existing::Refuse };
    let first_free = || {
        (1..).map(|n| PathBuf::from(format!("runs/onsets_frames-{n}"))).find(|path| !path.exists())
    };
    let folder = args.out.clone().or_else(first_free);
    let folder = folder.ok_or_else(|| Failure::usage("name a run folder with --out"))?;
    Ok((folder, existing))
}

/// The configuration of an interrupted run, with what may change at a resume.
fn resumed(folder: &Path, common: &CommonArgs) -> Outcome<Experiment> {
    let path = folder.join("config.toml");
    if !path.exists() {
        return Err(Failure::usage(format!(
            "{} holds no config.toml: it is no run folder that could be resumed",
            folder.display()
        )));
    }
    let common = CommonArgs { config: Some(path), seed: None, ..common.clone() };
    Experiment::resolve(PresetName::Mini, &ModelArgs::default(), &common, None)
}

/// Follows a training: progress, metrics, validation, the best network.
struct Watch<'a> {
    run: &'a mut RunFolder,
    progress: Progress,
    validation: Arc<dyn FeatureStore>,
    experiment: &'a Experiment,
    licence: String,
    wait: Duration,
    busy: Duration,
    score: Option<f64>,
}

impl Observer for Watch<'_> {
    fn on_step(&mut self, progress: &FitProgress<'_>) -> mir_models::Result<()> {
        let report = progress.report;
        self.wait += progress.data_wait;
        self.busy += report.compute;
        let score = self.score.map_or(String::new(), |score| format!(" validation F1 {score:.3}"));
        self.progress.set(report.step + 1, format!("loss {:.4}{score}", report.loss));
        if report.step.is_multiple_of(self.experiment.train.log_every) {
            let step = report.step + 1;
            self.run.scalar("loss", step, report.loss)?;
            for (name, value) in &report.parts {
                self.run.scalar(&format!("loss/{name}"), step, *value)?;
            }
            self.run.scalar("rate", step, report.rate)?;
            self.run.scalar("gradient_norm", step, report.gradient_norm)?;
            self.run.scalar("time/step", step, report.compute.as_secs_f64())?;
            self.run.scalar("time/data_wait", step, progress.data_wait.as_secs_f64())?;
        }
        Ok(())
    }

    fn on_validation(
        &mut self,
        model: &mut TranscriptionModel,
        step: u64,
    ) -> mir_models::Result<f64> {
        let loading = |error| mir_models::Error::Batch { source: Box::new(error) };
        let mut scored: Vec<(TranscriptionActivations, Vec<Note>)> = Vec::new();
        for recording in recordings(self.validation.as_ref()) {
            let recording = recording.map_err(loading)?;
            let map = recording.features;
            let activations =
                model.activations(map.data.index_axis(ndarray::Axis(0), 0), map.grid)?;
            scored.push((activations, recording.notes));
        }
        let pairs: Vec<_> = scored.iter().map(|(a, notes)| (a, notes.as_slice())).collect();
        let original = self.experiment.original_decoder;
        let decoder = match original {
            None => tune(&pairs, &self.experiment.decoder, &self.experiment.search)?.decoder,
            Some(_) => self.experiment.decoder.clone(),
        };
        let metrics = course::metrics(&pairs, &decoder, self.experiment)?;
        for (name, value) in &metrics.named {
            self.run.scalar(name, step, *value)?;
        }
        for (name, value) in [
            ("note_f1", metrics.note_f1),
            ("note_with_offset_f1", metrics.note_with_offset_f1),
            ("onset_threshold", decoder.onset_threshold),
            ("frame_threshold", decoder.frame_threshold),
        ] {
            self.run.scalar(&format!("validation/{name}"), step, value)?;
            model.meta_mut().scores.insert(format!("validation/{name}"), value);
        }
        if let Some((activations, notes)) = pairs.first() {
            let estimate = course::notes(activations, &decoder, original)?;
            let plot = RollPlot { range: Some((0.0, 20.0)), ..RollPlot::default() };
            let figure = piano_roll(Some(*notes), &estimate, &plot)?;
            self.run.image("validation/roll", step, &figure.png_bytes()?)?;
        }
        self.run.flush()?;
        let score = metrics.note_f1;
        model.meta_mut().decoder = decoder;
        model.meta_mut().training_data.clone_from(&self.licence);
        self.score = Some(self.score.map_or(score, |best| best.max(score)));
        Ok(score)
    }

    fn on_best(&mut self, model: &TranscriptionModel, _: f64, _: u64) -> mir_models::Result<()> {
        model.save(&self.run.path().join("model.safetensors"), Storage::F32)
    }

    fn on_incident(&mut self, incident: &Incident) -> mir_models::Result<()> {
        let Incident { what, step, answer, .. } = incident;
        self.progress.note(&format!("{what} is not finite at step {step}: {answer}"));
        self.run.scalar("incident", *step + 1, 1.0)
    }

    fn on_pause(&mut self, reason: &str, snapshot: &Path) {
        let (file, snapshot) = (self.run.path().join("pause.json"), snapshot.display());
        self.progress.note(&format!(
            "paused: {reason}; the state is in {snapshot}; change or delete {} to go on",
            file.display()
        ));
        if let Err(error) = self.run.flush() {
            self.progress.note(&error.to_string());
        }
    }

    fn folder(&self) -> Option<&Path> {
        Some(self.run.path())
    }
}

/// MIDI, sound and picture of a transcription.
fn render(transcription: &Transcription, folder: &Path, seed: u64) -> Outcome<()> {
    let Transcription { reference, estimate, scores, .. } = transcription;
    let file = |extension: &str| folder.join(format!("{}.{extension}", scores.track));
    fs::create_dir_all(folder)?;
    Score::from_notes(estimate).write(file("mid"))?;
    let performance = Performance::from(estimate.clone());
    let audio = piano::render(&performance, &PianoConfig::grand(), SampleRate::HZ_44100, seed)?;
    write_wav(file("wav"), &audio, WavFormat::Int16)?;
    let title = format!("{}: note F1 {:.3}", scores.track, scores.note_f1);
    let plot = RollPlot { title, ..RollPlot::default() };
    piano_roll(Some(reference), estimate, &plot)?.write(file("png"))?;
    Ok(())
}
