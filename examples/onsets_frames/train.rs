//! `train`: the whole experiment, from data to a table of scores.

use std::{
    env, fs, iter,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use mir_audio::{WavFormat, write_wav};
use mir_core::{Fingerprint, SampleRate};
use mir_datasets::{BatchLoader, Dataset, FeatureStore, Split};
use mir_eval::plots::{RollPlot, piano_roll};
use mir_midi::{Performance, Score, piano, piano::PianoConfig};
use mir_models::{
    Device, DeviceChoice,
    arch::{HighResolutionNotes, HighResolutionPedals, OnsetsFrames},
    comm::Shard,
    run::{Existing, RunFolder, RunInfo},
    train::{FitEnd, FitProgress, Incident, Observer, StopReason, Trainer, fit, latest_checkpoint},
    weights::{Fit, Storage},
};

use crate::{
    args::TrainArgs,
    common::{
        CommonArgs,
        failure::{Failure, Outcome},
        progress::Progress,
        ranks::Ranks,
        signals::Stop,
    },
    course::{self, Metrics},
    data,
    evaluate::{self, Detail, Summary, Transcription},
    experiment::{Experiment, Kind},
    method::Method,
    probe, report,
    validation::{self, Described, Trainee},
};

/// The verb `train`, and what the program does without a verb.
///
/// # Errors
/// Any failure of configuration, data, training or output.
pub fn train(common: &CommonArgs, args: &TrainArgs, ranks: &Ranks, stop: &Stop) -> Outcome<()> {
    run(common, args, ranks, stop).map(drop)
}

/// A training with its scores; none if nothing was to be trained, it was asked to quit, or another rank has them.
///
/// # Errors
/// As [`train`].
pub fn run(
    common: &CommonArgs,
    args: &TrainArgs,
    ranks: &Ranks,
    stop: &Stop,
) -> Outcome<Option<Summary>> {
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
    let data = data::open(&args.settings.data, &experiment)?;
    // The folder is checked before minutes are spent on features.
    RunFolder::check(&folder, existing)?;
    let validates = match data.split(Split::Validation) {
        Err(mir_datasets::Error::EmptySplit { .. }) => false,
        tracks => !tracks?.is_empty(),
    };
    let plan = Plan { common, args, ranks, stop, start, folder, existing, data, validates, device };
    match experiment.trained() {
        Kind::OnsetsFrames => plan.train::<OnsetsFrames>(experiment),
        Kind::Notes => plan.train::<HighResolutionNotes>(experiment),
        Kind::Pedal => plan.train::<HighResolutionPedals>(experiment),
    }
}

/// A training whose settings and data are known to be there.
struct Plan<'a> {
    common: &'a CommonArgs,
    args: &'a TrainArgs,
    ranks: &'a Ranks,
    stop: &'a Stop,
    start: Instant,
    folder: PathBuf,
    existing: Existing,
    data: Arc<dyn Dataset>,
    /// Whether there are recordings to validate on.
    validates: bool,
    device: Device,
}

impl Plan<'_> {
    /// The model beside whose network this one is trained, if there has to be one.
    fn beside<N: Trainee>(&self) -> Outcome<Option<N::Model>> {
        if !N::BESIDE_ANOTHER {
            return Ok(None);
        }
        let kept = self.folder.join(BESIDE);
        let path = match self.existing {
            Existing::Resume => Some(kept.as_path()),
            _ => self.args.init.as_deref(),
        };
        let path = path.ok_or_else(|| {
            Failure::usage(
                "the pedal is learned beside a network for notes: name its weights with --init",
            )
        })?;
        Ok(Some(N::Model::open(path, self.device)?))
    }

    /// Trains, tests and reports.
    fn train<N: Trainee>(self, mut experiment: Experiment) -> Outcome<Option<Summary>> {
        let Self {
            common,
            args,
            ranks,
            stop,
            ref folder,
            existing,
            ref data,
            validates,
            device,
            ..
        } = self;
        if !validates && existing != Existing::Resume {
            experiment = with_decoder_of::<N>(args.init.as_deref(), experiment, device)?;
        }
        let beside = self.beside::<N>()?;
        if let Some(model) = &beside {
            experiment = N::fitting(model, experiment);
        }
        let learned = data::learned_of(Arc::clone(data), &experiment);
        let open = |split| {
            let settings = &args.settings.data;
            data::features(
                learned.as_ref(),
                split,
                &experiment,
                settings,
                ranks,
                common.quiet,
                stop,
            )
        };
        let training = open(Split::Train)?;
        let validation = validates.then(|| open(Split::Validation)).transpose()?;
        let headers: Vec<_> =
            iter::once(&training).chain(&validation).map(|s| s.header()).collect();
        let identity = Fingerprint::of("onsets-frames/data/1", &headers)?;

        let mut trainer = Trainer::<N>::of(
            N::architecture(&experiment),
            experiment.front_end.clone(),
            experiment.train.clone(),
            device,
        )?;
        if let Some(weights) = &args.init {
            let report = trainer.warm_start(weights, &N::names(), Fit::Partial)?;
            if report.loaded.is_empty() && beside.is_none() {
                let message = format!("{}: {report}: nothing to start from", weights.display());
                return Err(Failure::data(message));
            }
            if !common.quiet {
                println!("from {}: {report}", weights.display());
            }
        }
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
        trainer.join(ranks.communicator())?;
        let loader = BatchLoader::new(training, experiment.loader.clone())?;
        let mut source = Shard::new(loader, ranks.communicator());
        let config = toml::to_string(&experiment).map_err(|e| Failure::usage(e.to_string()))?;
        let mut info = RunInfo::new(
            env::args().collect(),
            experiment.train.seed,
            match ranks.size() {
                1 => format!("{device:?}, {} threads", mir_models::threads()),
                n => format!("{n} processes, each {device:?}, {} threads", mir_models::threads()),
            },
        );
        info.data = Some(identity);
        let mut run = None;
        if ranks.is_root() {
            let folder = RunFolder::open(folder, existing, resume_at)?;
            folder.write("config.toml", config.as_bytes())?;
            folder.write_info(&info)?;
            if let Some(model) = &beside {
                model.save(&folder.path().join(BESIDE), Storage::F32)?;
            }
            run = Some(folder);
        }

        let mut watch = Watch::<N> {
            run: run.as_mut(),
            progress: Progress::new("train", "steps", experiment.train.steps, common.quiet)
                .resumed_at(trainer.step_count()),
            validation,
            experiment: &experiment,
            beside,
            licence: format!("{} {}, {}", data.name(), data.version(), data.license()),
            wait: Duration::ZERO,
            busy: Duration::ZERO,
            score: best.map(|(score, _)| score),
        };
        let checkpoints = folder.join("checkpoints");
        let end =
            fit(&mut trainer, &mut source, &checkpoints, identity, best, &mut watch, &stop.flag);
        let (wait, busy) = (watch.wait, watch.busy);
        let summary = format!(
            "{} parameters, {} steps, data wait {:.1} % of step time",
            trainer.parameters(),
            trainer.step_count(),
            100.0 * wait.as_secs_f64() / (wait + busy).as_secs_f64().max(1e-9)
        );
        watch.progress.finish(summary);
        let Some(mut run) = run else {
            // Rank 0 has the network, and says how it ended.
            return match end? {
                FitEnd::Interrupted => Err(Failure::interrupted("stopped", stop.signal())),
                _ => Ok(None),
            };
        };
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

        let weights = folder.join("model.safetensors");
        let method = Method::open(Some(&weights), experiment.original_decoder, common)?;
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
            seconds: self.start.elapsed().as_secs_f64(),
            audio_seconds_per_second: rate,
            ..Summary::of(&evaluate::scores_of(&transcriptions))
        };
        let json =
            serde_json::to_string_pretty(&summary).map_err(|e| Failure::data(e.to_string()))?;
        run.write("results.json", json.as_bytes())?;
        let decoding = method.decoding();
        let title = format!("Training run {}", folder.display());
        let mut head =
            report::Head::of(&title, data.as_ref(), Split::Test, &transcriptions, &decoding);
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
}

/// In a run folder: the model whose other network is kept, for networks that are trained beside one.
const BESIDE: &str = "beside.safetensors";

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

/// The experiment with the decoder of weights to start from: there is nothing to fit one to.
fn with_decoder_of<N: Trainee>(
    weights: Option<&Path>,
    experiment: Experiment,
    device: Device,
) -> Outcome<Experiment> {
    let weights = weights.ok_or_else(|| {
        Failure::usage(
            "there are no validation recordings to fit a decoder to: name weights with --init, whose decoder is kept",
        )
    })?;
    Ok(N::with_decoder_of(&N::Model::open(weights, device)?, experiment))
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
    let text = fs::read_to_string(&path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    let experiment: Experiment = toml::from_str(&text)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    experiment.changed(&common.set)
}

/// Follows a training: progress, metrics, validation, the best network.
struct Watch<'a, N: Trainee> {
    /// Of rank 0.
    run: Option<&'a mut RunFolder>,
    progress: Progress,
    /// None if nothing is chosen.
    validation: Option<Arc<dyn FeatureStore>>,
    experiment: &'a Experiment,
    /// What the model is completed with.
    beside: Option<N::Model>,
    licence: String,
    wait: Duration,
    busy: Duration,
    score: Option<f64>,
}

impl<N: Trainee> Watch<'_, N> {
    fn scalar(&mut self, name: &str, step: u64, value: f64) -> mir_models::Result<()> {
        self.run.as_mut().map_or(Ok(()), |run| run.scalar(name, step, value))
    }
}

impl<N: Trainee> Observer<N::Model> for Watch<'_, N> {
    fn on_step(&mut self, progress: &FitProgress<'_>) -> mir_models::Result<()> {
        let report = progress.report;
        self.wait += progress.data_wait;
        self.busy += report.compute;
        let score = self.score.map_or(String::new(), |score| format!(" validation F1 {score:.3}"));
        self.progress.set(report.step + 1, format!("loss {:.4}{score}", report.loss));
        if report.step.is_multiple_of(self.experiment.train.log_every) {
            let step = report.step + 1;
            self.scalar("loss", step, report.loss)?;
            for (name, value) in &report.parts {
                self.scalar(&format!("loss/{name}"), step, *value)?;
            }
            self.scalar("rate", step, report.rate)?;
            self.scalar("gradient_norm", step, report.gradient_norm)?;
            self.scalar("time/step", step, report.compute.as_secs_f64())?;
            self.scalar("time/data_wait", step, progress.data_wait.as_secs_f64())?;
        }
        Ok(())
    }

    fn on_validation(&mut self, model: &mut N::Model, step: u64) -> mir_models::Result<f64> {
        let experiment = self.experiment;
        model.trained_on(&self.licence);
        N::complete(model, self.beside.as_ref())?;
        let Some(store) = &self.validation else {
            // Nothing to choose by: the latest network is the best, with the decoder that it came with.
            N::set_decoder(model, experiment);
            return Ok(step as f64);
        };
        let heard = validation::heard::<N>(model, store.as_ref()).collect::<Result<Vec<_>, _>>()?;
        let pairs: Vec<_> = heard.iter().map(|(a, notes)| (a, notes.as_slice())).collect();
        let roll_f1 = match experiment.original_decoder {
            None => Some(N::fit_decoder(model, &pairs, experiment)?),
            Some(_) => {
                N::set_decoder(model, experiment);
                None
            }
        };
        let decoding = N::decoding(model, experiment);
        let Metrics { named, note_f1, note_with_offset_f1 } =
            course::metrics(&pairs, &decoding, experiment)?;
        for (name, value) in &named {
            self.scalar(name, step, *value)?;
        }
        let cells = || named.get("metric/frame/frame_f1").copied().unwrap_or_default();
        let roll_f1 = roll_f1.unwrap_or_else(cells);
        let scores = N::scores(model, [note_f1, note_with_offset_f1, roll_f1]);
        for (name, value) in &scores {
            self.scalar(name, step, *value)?;
        }
        model.note(&scores);
        if let (Some((activations, notes)), Some(run)) = (pairs.first(), &mut self.run) {
            let estimate = decoding.notes(activations)?;
            let plot = RollPlot { range: Some((0.0, 20.0)), ..RollPlot::default() };
            let figure = piano_roll(Some(*notes), &estimate, &plot)?;
            run.image("validation/roll", step, &figure.png_bytes()?)?;
            run.flush()?;
        }
        self.score = Some(self.score.map_or(note_f1, |best| best.max(note_f1)));
        Ok(note_f1)
    }

    fn on_best(&mut self, model: &N::Model, _: f64, _: u64) -> mir_models::Result<()> {
        match &self.run {
            Some(run) => model.save(&run.path().join("model.safetensors"), Storage::F32),
            None => Ok(()),
        }
    }

    fn on_incident(&mut self, incident: &Incident) -> mir_models::Result<()> {
        let Incident { what, step, answer, .. } = incident;
        self.progress.note(&format!("{what} is not finite at step {step}: {answer}"));
        self.scalar("incident", *step + 1, 1.0)
    }

    fn on_pause(&mut self, reason: &str, snapshot: &Path) {
        let Some(run) = &mut self.run else { return };
        let (file, snapshot) = (run.path().join("pause.json"), snapshot.display());
        self.progress.note(&format!(
            "paused: {reason}; the state is in {snapshot}; change or delete {} to go on",
            file.display()
        ));
        if let Err(error) = run.flush() {
            self.progress.note(&error.to_string());
        }
    }

    fn folder(&self) -> Option<&Path> {
        self.run.as_ref().map(|run| run.path())
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
