//! A fault at every operation of which publishing a checkpoint consists, and a disk that is full for a while.

use std::{
    cell::Cell,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result, ensure};
use mir_core::{
    batch::BatchSource,
    publish::fault::{self, Fault, Operation},
};
use mir_datasets::BatchLoader;
use mir_models::{
    config::TrainConfig,
    train::{best_checkpoint, latest_checkpoint},
};

use crate::{
    Counted, Scope,
    course::{self, STEPS},
};

/// Step at which [`save_next`] stands still: it writes a checkpoint that is there already.
const LAST: u64 = 3;

fn config() -> TrainConfig {
    TrainConfig { keep_checkpoints: 1, ..course::config() }
}

/// Takes up the newest checkpoint, trains a step unless [`LAST`] is reached, and writes a checkpoint that is
/// the best so far: as many operations as there can be. Returns its path.
///
/// # Errors
/// What the writing gives.
pub fn save_next(folder: &Path) -> Result<PathBuf> {
    let store = course::store()?;
    let data = course::identity(store.as_ref())?;
    let mut trainer = course::trainer(config())?;
    if let Some(checkpoint) = latest_checkpoint(folder) {
        trainer.restore(&checkpoint, data)?;
    }
    if trainer.step_count() < LAST {
        let mut source = BatchLoader::new(store, course::loader_config(0))?;
        source.seek(trainer.position())?;
        let batch = source.next_batch()?;
        trainer.step(&batch, source.position())?;
    }
    let step = trainer.step_count();
    Ok(trainer.save_checkpoint(folder, data, Some((step as f64, step)))?)
}

/// The folders from which a checkpoint is written: empty, with older checkpoints of which one has to go, with
/// the same one.
fn situations(parent: &Path) -> Result<Vec<(u64, PathBuf)>> {
    [0, LAST - 1, LAST]
        .into_iter()
        .map(|step| {
            let folder = parent.join(format!("after-{step}"));
            fs::create_dir_all(&folder)?;
            for _ in 0..step {
                save_next(&folder)?;
            }
            Ok((step, folder))
        })
        .collect()
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The operations of a piece of work.
fn operations<R>(work: impl FnOnce() -> Result<R>) -> Result<Vec<Operation>> {
    let (send, receive) = std::sync::mpsc::channel();
    let note = move |operation, _: &Path| {
        let _ = send.send(operation);
        None
    };
    fault::with(note, work)?;
    Ok(receive.try_iter().collect())
}

/// After whatever happened: a valid checkpoint that is no older than the one before, a best one if there was
/// one, nothing half-done, and the next checkpoint is written as if nothing had happened.
fn ensure_whole(folder: &Path, before: u64) -> Result<()> {
    let newest = latest_checkpoint(folder);
    if before > 0 {
        let name = newest.as_deref().and_then(Path::file_name).context("no checkpoint is left")?;
        let name = name.to_string_lossy();
        ensure!(*name >= *format!("step-{before:09}"), "the newest left is {name}");
        ensure!(best_checkpoint(folder).is_some(), "no best checkpoint is left");
    }
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let known = name == "best" || name.starts_with("step-");
        ensure!(known, "{name} is left behind");
    }
    let next = save_next(folder)?;
    ensure!(latest_checkpoint(folder) == Some(next.clone()), "the next checkpoint is not taken");
    ensure!(best_checkpoint(folder) == Some(next), "the next checkpoint is not the best");
    Ok(())
}

/// "No space" from each operation on, and death at each operation, in every situation; in the short form death
/// only where there are most operations.
///
/// # Errors
/// The first after which not everything was whole.
pub fn points(scope: &Scope<'_>) -> Counted {
    let (mut full, mut dead) = (0, 0);
    for (before, prepared) in situations(scope.folder)? {
        let trial = scope.folder.join("trial");
        copy(&prepared, &trial)?;
        let all = operations(|| save_next(&trial))?;
        fs::remove_dir_all(&trial)?;
        for (at, operation) in all.iter().enumerate() {
            let place = || format!("after step {before}, operation {at} ({operation})");
            copy(&prepared, &trial)?;
            let seen = Cell::new(0);
            let fail = move |_, _: &Path| {
                seen.set(seen.get() + 1);
                (seen.get() > at).then_some(Fault::NoSpace)
            };
            // Faults after the rename cost durability or space only: it may succeed.
            let _ = fault::with(fail, || save_next(&trial));
            ensure_whole(&trial, before).with_context(|| format!("full disk {}", place()))?;
            fs::remove_dir_all(&trial)?;
            full += 1;

            if scope.quick && before != LAST {
                continue;
            }
            copy(&prepared, &trial)?;
            let output = Command::new(env::current_exe()?)
                .arg("publish")
                .arg(&trial)
                .arg(at.to_string())
                .stdin(Stdio::null())
                .output()?;
            ensure!(
                output.status.code().is_none(),
                "{} {}: {}",
                place(),
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
            ensure_whole(&trial, before).with_context(|| format!("death {}", place()))?;
            fs::remove_dir_all(&trial)?;
            dead += 1;
        }
    }
    Ok(format!("{full} full disks and {dead} deaths, one at each write, sync, rename and removal"))
}

/// A disk that is full during two checkpoints costs these two; one that stays full ends the training with an
/// error and leaves what was there.
///
/// # Errors
/// If a training ended otherwise.
pub fn full_disk(scope: &Scope<'_>) -> Counted {
    let whole = scope.folder.join("whole");
    course::run_whole(&whole, course::config(), 2)?;
    let expected = course::result(&whole, STEPS)?;

    let failures = Arc::new(AtomicUsize::new(0));
    let full_for = |names: &'static [&'static str]| {
        let failures = Arc::clone(&failures);
        move |operation, path: &Path| {
            let text = path.to_string_lossy();
            let hit = operation == Operation::Write && names.iter().any(|n| text.contains(n));
            failures.fetch_add(usize::from(hit), Ordering::SeqCst);
            hit.then_some(Fault::NoSpace)
        }
    };
    let passing = scope.folder.join("passing");
    let hook = full_for(&["step-000000012", "step-000000016"]);
    fault::with(hook, || course::run_whole(&passing, course::config(), 2))?;
    course::ensure_same(&expected, &course::result(&passing, STEPS)?)?;
    ensure!(failures.swap(0, Ordering::SeqCst) == 2, "the disk was not full");

    let lasting = scope.folder.join("lasting");
    let hook = full_for(&["step-00000001", "step-00000002"]);
    let ended = fault::with(hook, || course::run_whole(&lasting, course::config(), 2));
    let error = ended.err().context("a training on a full disk ended without an error")?;
    ensure!(
        format!("{error:#}").contains("write"),
        "the error does not say what failed: {error:#}"
    );
    ensure!(failures.load(Ordering::SeqCst) >= 3, "it gave up too early");
    let newest = latest_checkpoint(&lasting.join("checkpoints"));
    ensure!(newest.is_some(), "the checkpoints before are gone");
    course::run_whole(&lasting, course::config(), 2)?;
    course::ensure_same(&expected, &course::result(&lasting, STEPS)?)?;
    Ok("2 trainings, one through a short and one up to a lasting lack of space".to_owned())
}
