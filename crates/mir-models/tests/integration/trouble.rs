//! Trainings that end early, and trainings in trouble: values that are no numbers, no memory.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use mir_core::batch::{BatchPosition, BatchSource};
use mir_models::{
    Error,
    config::{
        EarlyStoppingConfig, NonFiniteConfig, NonFinitePolicy, OutOfMemoryPolicy, TrainConfig,
    },
    infer::TranscriptionModel,
    train::{
        Answer, FitEnd, FitProgress, Incident, Observer, Observers, Rehearsal, StopReason, Trainer,
        TranscriptionBatch, fit, latest_checkpoint, replay,
    },
};
use ndarray::{Axis, s};
use tch::{Device, Kind, Tensor};

use super::training::{Never, ONE_AT_A_TIME, Toy, data, model_bytes, toy, train_config, trainer};

/// What becomes of the batches of some positions.
#[derive(Clone, Copy)]
enum Spell {
    /// Their first input is this.
    Poison(f32),
    /// They are not there.
    Omit,
}

struct Spelled {
    toy: Toy,
    at: Vec<u64>,
    spell: Spell,
}

impl Spelled {
    /// Batches are counted through the epochs.
    fn hit(&self) -> bool {
        let BatchPosition { epoch, batch } = self.toy.position();
        self.at.contains(&(epoch * self.toy.batches_per_epoch() + batch))
    }
}

impl BatchSource for Spelled {
    type Batch = TranscriptionBatch;
    type Error = Never;

    fn next_batch(&mut self) -> Result<TranscriptionBatch, Never> {
        match self.spell {
            Spell::Poison(value) => {
                let hit = self.hit();
                let mut batch = self.toy.next_batch()?;
                if hit {
                    batch.inputs[(0, 0, 0, 0)] = value;
                }
                Ok(batch)
            }
            Spell::Omit => {
                while self.hit() {
                    self.toy.next_batch()?;
                }
                self.toy.next_batch()
            }
        }
    }

    fn position(&self) -> BatchPosition {
        self.toy.position()
    }

    fn seek(&mut self, position: BatchPosition) -> Result<(), Never> {
        self.toy.seek(position)
    }

    fn batches_per_epoch(&self) -> u64 {
        self.toy.batches_per_epoch()
    }
}

/// The examples of every batch one by one.
struct Halves(Toy, Option<TranscriptionBatch>);

impl BatchSource for Halves {
    type Batch = TranscriptionBatch;
    type Error = Never;

    fn next_batch(&mut self) -> Result<TranscriptionBatch, Never> {
        if let Some(second) = self.1.take() {
            return Ok(second);
        }
        let whole = self.0.next_batch()?;
        let half = |item: usize| {
            let mut half = whole.clone();
            half.inputs = whole.inputs.slice(s![item..=item, .., .., ..]).to_owned();
            let targets = &mut half.targets;
            for cells in
                [&mut targets.onset, &mut targets.offset, &mut targets.frame, &mut targets.velocity]
            {
                *cells = cells.slice(s![item..=item, .., ..]).to_owned();
            }
            targets.mask = targets.mask.slice(s![item..=item, ..]).to_owned();
            half
        };
        self.1 = Some(half(1));
        Ok(half(0))
    }

    fn position(&self) -> BatchPosition {
        self.0.position()
    }

    fn seek(&mut self, position: BatchPosition) -> Result<(), Never> {
        self.0.seek(position)
    }

    fn batches_per_epoch(&self) -> u64 {
        2 * self.0.batches_per_epoch()
    }
}

/// Validates by a script and notes what happens.
#[derive(Default)]
pub(super) struct Script<'a> {
    pub(super) scores: Vec<f64>,
    /// The best score of an earlier part of the run.
    pub(super) before: Option<(f64, u64)>,
    pub(super) best: Vec<u64>,
    pub(super) rates: BTreeMap<u64, f64>,
    pub(super) incidents: Vec<Incident>,
    pub(super) folder: Option<PathBuf>,
    pub(super) stop: Option<(u64, &'a AtomicBool)>,
    /// Reasons of pauses.
    pub(super) pauses: Vec<String>,
    /// Raised by the first pause.
    pub(super) stop_at_pause: Option<&'a AtomicBool>,
}

impl Observer for Script<'_> {
    fn on_step(&mut self, progress: &FitProgress<'_>) -> mir_models::Result<()> {
        self.rates.insert(progress.report.step, progress.report.rate);
        if let Some((at, flag)) = self.stop {
            flag.store(progress.report.step + 1 == at, Ordering::SeqCst);
        }
        Ok(())
    }

    fn on_validation(
        &mut self,
        model: &mut TranscriptionModel,
        step: u64,
    ) -> mir_models::Result<f64> {
        let index = (step as usize / 5).saturating_sub(1);
        let score = self.scores.get(index).copied().unwrap_or(0.0);
        model.meta_mut().scores.insert("validation/loss".to_owned(), -score);
        Ok(score)
    }

    fn on_best(&mut self, _: &TranscriptionModel, _: f64, step: u64) -> mir_models::Result<()> {
        self.best.push(step);
        Ok(())
    }

    fn on_incident(&mut self, incident: &Incident) -> mir_models::Result<()> {
        self.incidents.push(incident.clone());
        Ok(())
    }

    fn on_pause(&mut self, reason: &str, snapshot: &Path) {
        assert!(snapshot.join("snapshot.json").exists());
        self.pauses.push(reason.to_owned());
        if let Some(flag) = self.stop_at_pause {
            flag.store(true, Ordering::SeqCst);
        }
    }

    fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }
}

fn turn() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn run<S>(
    trainer: &mut Trainer,
    source: &mut S,
    folder: &Path,
    script: &mut Script<'_>,
) -> mir_models::Result<FitEnd>
where
    S: BatchSource<Batch = TranscriptionBatch>,
{
    let _turn = turn();
    let flag = AtomicBool::new(false);
    let stop = script.stop.map_or(script.stop_at_pause.unwrap_or(&flag), |(_, flag)| flag);
    fit(trainer, source, folder, data(), script.before, script, stop)
}

fn stopping(patience: u64) -> EarlyStoppingConfig {
    EarlyStoppingConfig { patience, min_delta: 0.05, ..EarlyStoppingConfig::default() }
}

fn stopping_run(early_stopping: EarlyStoppingConfig) -> TrainConfig {
    TrainConfig { early_stopping: Some(early_stopping), ..train_config(60) }
}

#[test]
fn a_training_ends_when_validation_has_lost_its_patience_and_stays_ended() {
    let folder = tempfile::tempdir().unwrap();
    // 0.52 is better than 0.5, but not by enough.
    let scores = vec![0.3, 0.5, 0.52, 0.4, 0.9];
    let mut script = Script { scores, ..Script::default() };
    let mut first = trainer(stopping_run(stopping(2)));
    let end = run(&mut first, &mut toy(), folder.path(), &mut script).unwrap();
    assert_eq!(end, FitEnd::Stopped(StopReason::Patience));
    assert_eq!((first.step_count(), script.best), (20, vec![5, 10]));
    let newest = latest_checkpoint(folder.path()).unwrap();
    assert!(newest.ends_with("step-000000020"));

    let mut again = trainer(stopping_run(stopping(2)));
    again.restore(&newest, data()).unwrap();
    let mut script = Script::default();
    let end = run(&mut again, &mut toy(), folder.path(), &mut script).unwrap();
    assert_eq!(end, FitEnd::Stopped(StopReason::Patience));
    assert_eq!(script.rates.len(), 0);

    // With more patience the same run goes on.
    let mut patient = trainer(stopping_run(stopping(3)));
    patient.restore(&newest, data()).unwrap();
    let end = run(&mut patient, &mut toy(), folder.path(), &mut Script::default()).unwrap();
    assert_eq!((end, patient.step_count()), (FitEnd::Stopped(StopReason::Patience), 25));
}

#[test]
fn a_run_that_is_interrupted_in_mid_patience_ends_at_the_same_step() {
    tch::set_num_threads(1);
    let scores = vec![0.3, 0.5, 0.4, 0.4, 0.4, 0.9];
    let whole = tempfile::tempdir().unwrap();
    let mut script = Script { scores: scores.clone(), ..Script::default() };
    let mut uninterrupted = trainer(stopping_run(stopping(3)));
    let end = run(&mut uninterrupted, &mut toy(), whole.path(), &mut script).unwrap();
    assert_eq!((end, uninterrupted.step_count()), (FitEnd::Stopped(StopReason::Patience), 25));

    let parts = tempfile::tempdir().unwrap();
    let flag = AtomicBool::new(false);
    let mut ends = Vec::new();
    for stop in [12, 17, 21, 99] {
        flag.store(false, Ordering::SeqCst);
        let mut trainer = trainer(stopping_run(stopping(3)));
        let checkpoint = latest_checkpoint(parts.path());
        let before = checkpoint.and_then(|path| trainer.restore(&path, data()).unwrap().best);
        let stop = Some((stop, &flag));
        let mut script = Script { scores: scores.clone(), before, stop, ..Script::default() };
        ends.push(run(&mut trainer, &mut toy(), parts.path(), &mut script).unwrap());
    }
    let stopped = FitEnd::Stopped(StopReason::Patience);
    assert_eq!(ends, [FitEnd::Interrupted, FitEnd::Interrupted, FitEnd::Interrupted, stopped]);
    assert!(model_bytes(parts.path()) == model_bytes(whole.path()), "other weights");
    let state = |folder: &Path| {
        fs::read_to_string(latest_checkpoint(folder).unwrap().join("trainer.json")).unwrap()
    };
    assert_eq!(state(parts.path()), state(whole.path()));
}

#[test]
fn another_score_can_be_monitored_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let metric = |name: &str| EarlyStoppingConfig {
        metric: Some(name.to_owned()),
        goal: mir_models::schedule::Goal::Lower,
        target: Some(-0.5),
        ..stopping(9)
    };
    let mut script = Script { scores: vec![0.2, 0.1, 0.6], ..Script::default() };
    let mut by_loss = trainer(stopping_run(metric("validation/loss")));
    let end = run(&mut by_loss, &mut toy(), folder.path(), &mut script).unwrap();
    assert_eq!((end, by_loss.step_count()), (FitEnd::Stopped(StopReason::Target), 15));
    assert_eq!(script.best, [5, 15]);

    let folder = tempfile::tempdir().unwrap();
    let mut unknown = trainer(stopping_run(metric("validation/los")));
    let end = run(&mut unknown, &mut toy(), folder.path(), &mut Script::default());
    assert!(matches!(end, Err(Error::Config { field: "early_stopping.metric", .. })), "{end:?}");
}

fn policy(policy: NonFinitePolicy) -> TrainConfig {
    let non_finite = NonFiniteConfig { policy, rate_steps: 6, ..NonFiniteConfig::default() };
    TrainConfig { non_finite, ..train_config(20) }
}

#[test]
fn batches_that_give_no_number_are_passed_over_as_if_they_were_not_there() {
    tch::set_num_threads(1);
    let run_with = |spell: Spell| {
        let folder = tempfile::tempdir().unwrap();
        let mut source = Spelled { toy: toy(), at: vec![2, 9, 10, 17], spell };
        let mut script = Script { folder: Some(folder.path().join("run")), ..Script::default() };
        let mut trainer = trainer(policy(NonFinitePolicy::Skip));
        let checkpoints = folder.path().join("run/checkpoints");
        fs::create_dir_all(&checkpoints).unwrap();
        let end = run(&mut trainer, &mut source, &checkpoints, &mut script).unwrap();
        assert_eq!((end, trainer.step_count()), (FitEnd::Finished, 20));
        (model_bytes(&checkpoints), trainer.position(), script.incidents, folder)
    };
    let (omitted, place, none, _) = run_with(Spell::Omit);
    assert!(none.is_empty());
    let (skipped, same_place, incidents, folder) = run_with(Spell::Poison(f32::NAN));
    // Running statistics as well: a forward pass has seen what is no number.
    assert!(skipped == omitted, "other weights");
    assert_eq!(place, same_place);
    let steps: Vec<_> = incidents.iter().map(|i| (i.step, i.what.as_str(), i.answer)).collect();
    let answer = |step| (step, "loss", Answer::Skipped);
    assert_eq!(steps, [2, 8, 8, 14].map(answer));

    let accounts = folder.path().join("run/incidents");
    let mut names: Vec<_> =
        fs::read_dir(&accounts).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    let expected = ["step-000000002", "step-000000008", "step-000000008-2", "step-000000014"];
    assert_eq!(names, expected);
    let read = fs::read(accounts.join("step-000000008-2/incident.json")).unwrap();
    let read: Incident = serde_json::from_slice(&read).unwrap();
    assert_eq!(read, incidents[2]);
    assert_eq!(read.windows[0].len(), 2);
    assert!(read.weights.values().all(|statistics| statistics.not_finite == 0));
}

#[test]
fn too_many_in_a_row_lead_back_to_a_checkpoint_with_a_lower_rate() {
    let folder = tempfile::tempdir().unwrap();
    let at = vec![6, 7, 8, 9];
    let mut source = Spelled { toy: toy(), at, spell: Spell::Poison(f32::NAN) };
    let mut script = Script::default();
    let mut trainer = trainer(policy(NonFinitePolicy::Skip));
    let end = run(&mut trainer, &mut source, folder.path(), &mut script).unwrap();
    assert_eq!((end, trainer.step_count()), (FitEnd::Finished, 20));
    let answers: Vec<_> = script.incidents.iter().map(|incident| incident.answer).collect();
    assert_eq!(answers, [Answer::Skipped, Answer::Skipped, Answer::Skipped, Answer::RolledBack]);
    assert_eq!(trainer.trouble().counts(), (4, 1));
    // Back from step 6 to the checkpoint of the validation at step 5.
    let config = train_config(20);
    for (step, rate) in script.rates {
        let factor = if (5..11).contains(&step) { 0.5 } else { 1.0 };
        let expected = factor * config.schedule.rate(step, 20);
        assert!((rate - expected).abs() < 1e-12, "step {step}: {rate}");
    }
    assert_eq!(trainer.position().epoch * 7 + trainer.position().batch, 24);
}

#[test]
fn a_training_in_trouble_resumes_like_any_other() {
    tch::set_num_threads(1);
    let source =
        || Spelled { toy: toy(), at: vec![2, 6, 7, 8, 9, 15], spell: Spell::Poison(f32::NAN) };
    let whole = tempfile::tempdir().unwrap();
    let mut uninterrupted = trainer(policy(NonFinitePolicy::Skip));
    run(&mut uninterrupted, &mut source(), whole.path(), &mut Script::default()).unwrap();
    let parts = tempfile::tempdir().unwrap();
    let flag = AtomicBool::new(false);
    for stop in [3, 7, 13, 99] {
        flag.store(false, Ordering::SeqCst);
        let mut trainer = trainer(policy(NonFinitePolicy::Skip));
        if let Some(checkpoint) = latest_checkpoint(parts.path()) {
            trainer.restore(&checkpoint, data()).unwrap();
        }
        let mut script = Script { stop: Some((stop, &flag)), ..Script::default() };
        run(&mut trainer, &mut source(), parts.path(), &mut script).unwrap();
    }
    assert!(model_bytes(parts.path()) == model_bytes(whole.path()), "other weights");
}

#[test]
fn a_source_of_nothing_but_trouble_ends_the_training() {
    for (first, incidents, rollbacks) in [
        (NonFinitePolicy::Abort, 1, 0),
        (NonFinitePolicy::Rollback, 3, 2),
        (NonFinitePolicy::Skip, 12, 2),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let at = (6..1000).collect();
        let mut source = Spelled { toy: toy(), at, spell: Spell::Poison(f32::INFINITY) };
        let mut script = Script::default();
        let mut trainer = trainer(policy(first));
        let end = run(&mut trainer, &mut source, folder.path(), &mut script);
        assert!(matches!(end, Err(Error::NonFinite { .. })), "{first:?}: {end:?}");
        assert_eq!(script.incidents.len(), incidents, "{first:?}");
        assert_eq!(script.incidents.last().unwrap().answer, Answer::Aborted);
        assert_eq!(trainer.trouble().counts().1, rollbacks, "{first:?}");
    }
}

/// Makes the first value of a tensor in a weight file no number.
fn spoil(path: &Path, tensor: &str) {
    let mut bytes = fs::read(path).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let json: serde_json::Value = serde_json::from_slice(&bytes[8..header]).unwrap();
    let at = header + json[tensor]["data_offsets"][0].as_u64().unwrap() as usize;
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn an_incident_is_done_again_and_its_origin_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = Spelled { toy: toy(), at: vec![3], spell: Spell::Poison(f32::NAN) };
    let mut script = Script { folder: Some(folder.path().to_owned()), ..Script::default() };
    let config = TrainConfig { accumulate: 2, ..policy(NonFinitePolicy::Abort) };
    let end = run(&mut trainer(config), &mut source, folder.path(), &mut script);
    assert!(matches!(end, Err(Error::NonFinite { step: 1, .. })), "{end:?}");

    let account = folder.path().join("incidents/step-000000001");
    let _turn = turn();
    let replayed = replay(&account, Device::Cpu).unwrap();
    assert_eq!(replayed.failed.as_deref(), Some("loss"));
    assert_eq!(replayed.loss, None);
    // The poisoned batch is the second one of its step.
    assert_eq!(replayed.first().as_deref(), Some("the inputs of batch 1"));

    // The first batch twice: nothing is wrong any more, until a layer is.
    let batch = |index: u32| account.join(format!("batch-{index}.safetensors"));
    fs::copy(batch(0), batch(1)).unwrap();
    let healthy = replay(&account, Device::Cpu).unwrap();
    assert_eq!((healthy.first(), healthy.failed), (None, None));
    assert!(healthy.loss.unwrap() > 0.0 && !healthy.gradients.is_empty());
    spoil(&account.join("model.safetensors"), "onset_stack.0.cnn.3.weight");
    let spoiled = replay(&account, Device::Cpu).unwrap();
    assert_eq!(spoiled.first().as_deref(), Some("the output of onset_stack.0.cnn.3"));

    fs::remove_file(batch(1)).unwrap();
    assert!(matches!(replay(&account, Device::Cpu), Err(Error::Io { .. })));
    fs::write(account.join("incident.json"), "{}").unwrap();
    assert!(matches!(replay(&account, Device::Cpu), Err(Error::Checkpoint { .. })));
}

/// Whether operations are recorded for a backward pass.
fn gradients_are_recorded() -> bool {
    let x = Tensor::zeros([1], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    (x + 1.0).requires_grad()
}

#[test]
fn without_memory_a_batch_is_cut_and_the_step_is_the_same() {
    tch::set_num_threads(1);
    for text in [
        "CUDA out of memory. Tried to allocate 20.00 MiB",
        "[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut cut = trainer(train_config(6));
        cut.rehearse(Rehearsal::new(move |_, examples| (examples > 1).then(|| text.to_owned())));
        let end = run(&mut cut, &mut toy(), folder.path(), &mut Script::default()).unwrap();
        assert_eq!((end, cut.trouble().parts()), (FitEnd::Finished, 2));
        assert!(gradients_are_recorded());

        let halves = tempfile::tempdir().unwrap();
        let config = TrainConfig { accumulate: 2, ..train_config(6) };
        let mut source = Halves(toy(), None);
        run(&mut trainer(config), &mut source, halves.path(), &mut Script::default()).unwrap();
        assert!(model_bytes(folder.path()) == model_bytes(halves.path()), "other weights");

        // What was learned of the memory is in the checkpoint.
        let mut resumed = trainer(train_config(6));
        resumed.restore(&latest_checkpoint(folder.path()).unwrap(), data()).unwrap();
        assert_eq!(resumed.trouble().parts(), 2);
    }
}

#[test]
fn a_training_that_fits_in_no_way_ends_with_a_checkpoint() {
    for (out_of_memory, parts) in [(OutOfMemoryPolicy::Split, 2), (OutOfMemoryPolicy::Stop, 1)] {
        let folder = tempfile::tempdir().unwrap();
        let mut full = trainer(TrainConfig { out_of_memory, ..train_config(20) });
        full.rehearse(Rehearsal::new(|step, _| (step == 3).then(|| "out of memory".to_owned())));
        let end = run(&mut full, &mut toy(), folder.path(), &mut Script::default());
        assert!(matches!(end, Err(Error::OutOfMemory { .. })), "{end:?}");
        assert_eq!(full.trouble().parts(), parts);
        assert!(latest_checkpoint(folder.path()).unwrap().ends_with("step-000000003"));
        assert!(gradients_are_recorded());
    }
    // Another error of LibTorch is no lack of memory.
    let folder = tempfile::tempdir().unwrap();
    let mut other = trainer(train_config(20));
    other.rehearse(Rehearsal::new(|_, _| Some("an illegal memory access".to_owned())));
    let end = run(&mut other, &mut toy(), folder.path(), &mut Script::default());
    assert!(matches!(end, Err(Error::Torch { .. })), "{end:?}");
    assert_eq!(toy().next_batch().unwrap().inputs.len_of(Axis(0)), 2);
}

/// Asks for something after a step.
struct Asks {
    at: u64,
    what: fn(&mir_models::train::Requests),
    /// Which of several observers it is, to be seen in the order of the calls.
    name: u32,
    calls: std::rc::Rc<std::cell::RefCell<Vec<u32>>>,
}

impl Observer for Asks {
    fn on_step(&mut self, progress: &FitProgress<'_>) -> mir_models::Result<()> {
        if progress.report.step + 1 == self.at {
            self.calls.borrow_mut().push(self.name);
            (self.what)(progress.requests);
        }
        Ok(())
    }

    fn on_validation(&mut self, _: &mut TranscriptionModel, _: u64) -> mir_models::Result<f64> {
        Ok(f64::NAN)
    }

    fn on_best(&mut self, _: &TranscriptionModel, _: f64, _: u64) -> mir_models::Result<()> {
        Ok(())
    }
}

#[test]
fn observers_are_called_in_order_and_get_what_they_ask_for() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let calls = std::rc::Rc::default();
    let asks = |at, name, what| Asks { at, what, name, calls: std::rc::Rc::clone(&calls) };
    let mut first = asks(2, 1, |requests| requests.checkpoint());
    let mut second = asks(2, 2, |requests| requests.validate());
    let mut third = asks(3, 3, |requests| requests.stop());
    let mut script = Script { scores: vec![0.5], ..Script::default() };
    let mut trainer =
        trainer(TrainConfig { checkpoint_every: 100, validate_every: 100, ..train_config(100) });
    let mut all = Observers(vec![&mut script, &mut first, &mut second, &mut third]);
    let never = AtomicBool::new(false);
    let end = fit(&mut trainer, &mut toy(), folder.path(), data(), None, &mut all, &never).unwrap();
    assert_eq!((end, trainer.step_count()), (FitEnd::Stopped(StopReason::Requested), 3));
    assert_eq!(*calls.borrow(), [1, 2, 3]);
    assert_eq!(script.best, [2], "the validation was asked for");
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["best", "step-000000002", "step-000000003"]);
}
