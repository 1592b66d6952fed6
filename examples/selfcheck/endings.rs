//! Trainings that end early, and those that meet values that are no numbers or run out of memory.

use std::{fs, sync::atomic::AtomicBool};

use anyhow::{Result, ensure};
use mir_core::batch::BatchSource;
use mir_datasets::BatchLoader;
use mir_models::{
    config::{
        EarlyStoppingConfig, NonFiniteConfig, NonFinitePolicy, OutOfMemoryPolicy, TrainConfig,
    },
    schedule::Goal,
    train::{EarlyStopping, FitEnd, Rehearsal, StopReason, Trainer},
};

use crate::{
    Counted, Scope,
    course::{self, Course},
};

/// A sequence of validations and where it ends, counted from 1.
type Script = (EarlyStoppingConfig, &'static [f64], Option<(usize, StopReason)>);

fn scripts() -> Vec<Script> {
    use StopReason::{Diverged, NotFinite, Patience, Target};
    let base = EarlyStoppingConfig { patience: 2, ..EarlyStoppingConfig::default() };
    let lower = EarlyStoppingConfig { goal: Goal::Lower, ..base.clone() };
    let of = |config: &EarlyStoppingConfig, values: &'static [f64], end| -> Script {
        (config.clone(), values, end)
    };
    vec![
        of(&base, &[0.1, 0.2, 0.3, 0.4], None),
        of(&base, &[0.5, 0.5, 0.5], Some((3, Patience))),
        of(&base, &[0.5, 0.4, 0.6, 0.5, 0.7, 0.1, 0.7], Some((7, Patience))),
        of(&lower, &[3.0, 2.0, 2.5, 1.0], None),
        of(&lower, &[1.0, 2.0, 3.0], Some((3, Patience))),
        of(&base, &[0.5, f64::NAN], Some((2, NotFinite))),
        (
            EarlyStoppingConfig { min_delta: 0.125, ..base.clone() },
            &[0.5, 0.625, 0.6],
            Some((3, Patience)),
        ),
        (
            EarlyStoppingConfig { warmup: 3, ..base.clone() },
            &[0.9, 0.1, 0.1, 0.1, 0.1],
            Some((5, Patience)),
        ),
        (
            EarlyStoppingConfig { target: Some(0.75), ..base.clone() },
            &[0.5, 0.6, 0.75, 0.9],
            Some((3, Target)),
        ),
        (
            EarlyStoppingConfig { divergence: Some(8.0), ..lower },
            &[2.0, 8.0, 9.0],
            Some((3, Diverged)),
        ),
    ]
}

/// Scripted validations end where they should; a real training that is stopped by one stays stopped.
///
/// # Errors
/// The first that ends elsewhere.
pub fn early_stopping(scope: &Scope<'_>) -> Counted {
    let scripts = scripts();
    for (number, (config, values, expected)) in scripts.iter().enumerate() {
        let mut state = EarlyStopping::default();
        let end = values.iter().enumerate().find_map(|(index, &value)| {
            let stop = state.observe(config, value).stop;
            stop.map(|reason| (index + 1, reason))
        });
        ensure!(end == *expected, "script {number} ends with {end:?} instead of {expected:?}");
    }
    // Reached by the first validation, at step 9.
    let stopping = EarlyStoppingConfig { target: Some(-10.0), ..EarlyStoppingConfig::default() };
    let config = TrainConfig { early_stopping: Some(stopping), ..course::config() };
    let stop = AtomicBool::new(false);
    for _ in 0..2 {
        let course = Course {
            config: config.clone(),
            workers: 1,
            tell: &|_| (),
            stop: &stop,
            stop_at: None,
        };
        let end = course.run(scope.folder)?;
        ensure!(end == FitEnd::Stopped(StopReason::Target), "the training ended with {end:?}");
        ensure!(scope.folder.join("checkpoints/step-000000009").is_dir(), "it ended elsewhere");
    }
    Ok(format!("{} scripts and a training", scripts.len()))
}

/// A training in which a weight becomes no number, under each policy; one without memory for its batches.
///
/// # Errors
/// The first that ended otherwise.
pub fn policies(scope: &Scope<'_>) -> Counted {
    let steps = 12;
    let mut tried = 0;
    // A learning rate that leaves the range of numbers within a few steps.
    for policy in [NonFinitePolicy::Skip, NonFinitePolicy::Rollback, NonFinitePolicy::Abort] {
        let config = TrainConfig {
            steps,
            schedule: mir_models::schedule::Schedule::Constant { rate: 1e38 },
            ema_decay: 0.0,
            non_finite: NonFiniteConfig { policy, ..NonFiniteConfig::default() },
            ..course::config()
        };
        let folder = scope.folder.join(format!("{policy:?}"));
        let ended = course::run_whole(&folder, config, 1);
        let error = ended.err().map(|error| format!("{error:#}"));
        let told = error.as_ref().is_some_and(|text| text.contains("not finite"));
        ensure!(told, "{policy:?}: the training ended with {error:?}");
        let accounts = fs::read_dir(folder.join("incidents")).map_or(0, Iterator::count);
        ensure!(accounts >= 1, "{policy:?}: no account of the incident");
        tried += 1;
    }
    // Batches of which only the half fits give the weights of those that fit.
    let split = |limit: usize| -> Result<(Vec<f64>, Trainer)> {
        let config =
            TrainConfig { steps, out_of_memory: OutOfMemoryPolicy::Split, ..course::config() };
        let mut trainer = course::trainer(config)?;
        trainer.rehearse(Rehearsal::new(move |step, examples| {
            let full = step >= 3 && examples > limit;
            full.then(|| "DefaultCPUAllocator: can't allocate memory".to_owned())
        }));
        let mut source = BatchLoader::new(course::store()?, course::loader_config(0))?;
        let mut losses = Vec::new();
        for _ in 0..steps {
            let batch = source.next_batch()?;
            losses.push(trainer.step(&batch, source.position())?.loss);
        }
        Ok((losses, trainer))
    };
    let (whole, _) = split(2)?;
    let (halves, trainer) = split(1)?;
    ensure!(whole[..3] == halves[..3], "the steps before the lack of memory differ");
    ensure!(halves.iter().all(|loss| loss.is_finite()), "a loss is no number");
    ensure!(trainer.step_count() == steps, "steps are missing");
    ensure!(split(0).is_err(), "a training without any memory went on");
    Ok(format!("{tried} policies for values that are no numbers, 3 trainings short of memory"))
}
