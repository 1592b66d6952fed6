//! The same training gives the same bits, however it is cut.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Result, ensure};
use mir_core::batch::{BatchPosition, BatchSource};
use mir_datasets::BatchLoader;
use mir_models::{
    config::{
        AdadeltaConfig, AdamConfig, Clip, OptimizerConfig, RmsPropConfig, SgdConfig, TrainConfig,
    },
    train::{FitEnd, best_checkpoint, latest_checkpoint},
};

use crate::{
    Counted, Scope,
    course::{self, Course},
};

/// The batches do not depend on the number of workers, nor on where the reading began.
///
/// # Errors
/// The first batch that differs.
pub fn loader(_: &Scope<'_>) -> Counted {
    let store = course::store()?;
    let open = |workers| BatchLoader::new(Arc::clone(&store), course::loader_config(workers));
    let mut first = open(0)?;
    let count = 5 * first.batches_per_epoch();
    let mut batches = Vec::new();
    for _ in 0..count {
        batches.push((first.position(), first.next_batch()?));
    }
    let mut compared = 0;
    for workers in [0, 1, 2, 4] {
        let mut loader = open(workers)?;
        let starts = [0, count / 2 + 1, 3, count - 1];
        for start in starts {
            loader.seek(batches[start as usize].0)?;
            for (position, batch) in batches.iter().skip(start as usize).take(9) {
                ensure!(loader.position() == *position, "another position");
                ensure!(loader.next_batch()? == *batch, "{workers} workers, {position:?}");
                compared += 1;
            }
        }
    }
    ensure!(open(0)?.next_batch()? != batches[1].1, "all batches are equal");
    Ok(format!("{compared} batches equal, from 0 to 4 workers and after seeks"))
}

/// Trainings whose state differs in kind.
fn courses() -> Vec<TrainConfig> {
    let base = course::config();
    let of = |optimizer| TrainConfig { optimizer, ..base.clone() };
    vec![
        base.clone(),
        of(OptimizerConfig::Sgd(SgdConfig {
            momentum: 0.9,
            nesterov: true,
            ..SgdConfig::default()
        })),
        of(OptimizerConfig::RmsProp(RmsPropConfig {
            momentum: 0.5,
            centred: true,
            ..RmsPropConfig::default()
        })),
        TrainConfig {
            clip: Clip::TensorNorm(0.1),
            ema_decay: 0.0,
            ..of(OptimizerConfig::Adam(AdamConfig {
                amsgrad: true,
                decoupled: true,
                weight_decay: 0.01,
                ..AdamConfig::default()
            }))
        },
        of(OptimizerConfig::Adadelta(AdadeltaConfig::default())),
    ]
}

/// What is read from a checkpoint and written again is the same, byte for byte.
///
/// # Errors
/// The first file that differs.
pub fn round_trip(scope: &Scope<'_>) -> Counted {
    let data = course::identity(course::store()?.as_ref())?;
    let mut compared = 0;
    for (number, config) in courses().into_iter().enumerate() {
        let config = TrainConfig { steps: 5, ..config };
        let folder = scope.folder.join(number.to_string());
        course::run_whole(&folder, config.clone(), 0)?;
        let original = newest(&folder)?;
        let mut copy = course::trainer(config)?;
        let best = copy.restore(&original, data)?.best;
        let again = scope.folder.join(format!("{number}-again"));
        fs::create_dir(&again)?;
        let written = copy.save_checkpoint(&again, data, best)?;
        let (a, b) = (files(&original)?, files(&written)?);
        ensure!(a == b, "training {number}: {:?} and {:?}", a.keys(), b.keys());
        compared += a.len();
    }
    Ok(format!("{compared} files of {} kinds of state", courses().len()))
}

fn newest(folder: &Path) -> Result<std::path::PathBuf> {
    let found = latest_checkpoint(&folder.join("checkpoints"));
    found.ok_or_else(|| anyhow::anyhow!("no checkpoint in {}", folder.display()))
}

fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    fs::read_dir(folder)?
        .map(|entry| {
            let entry = entry?;
            Ok((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?))
        })
        .collect()
}

/// A training in one piece and one in several, each piece with another number of workers, in the midst of
/// epochs.
///
/// # Errors
/// What differs.
pub fn resume(scope: &Scope<'_>) -> Counted {
    let (mut pieces, mut trainings) = (0, 0);
    for (number, config) in courses().into_iter().enumerate() {
        let config = TrainConfig { steps: 25, ..config };
        let whole = scope.folder.join(format!("whole-{number}"));
        course::run_whole(&whole, config.clone(), 2)?;
        let parts = scope.folder.join(format!("parts-{number}"));
        let stop = AtomicBool::new(false);
        for (stop_at, workers) in [(7, 2), (10, 0), (11, 3), (99, 1)] {
            stop.store(false, Ordering::SeqCst);
            let course = Course {
                config: config.clone(),
                workers,
                tell: &|_| (),
                stop: &stop,
                stop_at: Some(stop_at),
            };
            let end = course.run(&parts)?;
            let finished = end == FitEnd::Finished;
            ensure!(finished == (stop_at == 99), "training {number} ended at another step");
            pieces += 1;
        }
        course::ensure_same(&course::result(&whole, 25)?, &course::result(&parts, 25)?)?;
        trainings += 1;
    }
    Ok(format!("{pieces} pieces of {trainings} trainings, bit for bit"))
}

/// After each checkpoint the folder holds the newest ones and the best one, and no other.
///
/// # Errors
/// Another content.
pub fn retention(scope: &Scope<'_>) -> Counted {
    let store = course::store()?;
    let data = course::identity(store.as_ref())?;
    let config = TrainConfig { keep_checkpoints: 2, ..course::config() };
    let mut trainer = course::trainer(config)?;
    let mut source = BatchLoader::new(store, course::loader_config(0))?;
    let mut best = None;
    let mut kept: Vec<u64> = Vec::new();
    // The scores rise, fall and rise again.
    let scores = [0.1, 0.3, 0.2, 0.2, 0.1, 0.0, 0.4, 0.1, 0.2, 0.3];
    for (index, score) in scores.into_iter().enumerate() {
        let batch = source.next_batch()?;
        trainer.step(&batch, source.position())?;
        let step = index as u64 + 1;
        if best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, step));
        }
        trainer.save_checkpoint(scope.folder, data, best)?;
        kept.push(step);
        let best_step = best.map(|(_, step)| step);
        let mut others: Vec<u64> = kept.iter().copied().filter(|s| Some(*s) != best_step).collect();
        let surplus = others.len().saturating_sub(2);
        others.drain(..surplus);
        kept.retain(|s| others.contains(s) || Some(*s) == best_step);
        let mut expected: Vec<String> = kept.iter().map(|step| format!("step-{step:09}")).collect();
        expected.push("best".to_owned());
        expected.sort();
        let mut found: Vec<String> = fs::read_dir(scope.folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_>>()?;
        found.sort();
        ensure!(found == expected, "step {step}: {found:?} instead of {expected:?}");
        let pointed = best_checkpoint(scope.folder);
        let name = best_step.map(|step| format!("step-{step:09}"));
        ensure!(
            pointed.as_deref().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned())
                == name,
            "step {step}: the best is {pointed:?} instead of {name:?}"
        );
    }
    // The best is a copy: the steps since then have not changed it.
    let checkpoint = best_checkpoint(scope.folder)
        .ok_or_else(|| anyhow::anyhow!("the best checkpoint is incomplete"))?;
    let restored = trainer.restore(&checkpoint, data)?;
    ensure!(restored.position != BatchPosition::default(), "the best holds the beginning");
    Ok(format!("{} checkpoints", scores.len()))
}

/// A checkpoint with a file cut, changed in one bit or missing is passed over for the one before.
///
/// # Errors
/// One that was taken.
pub fn damage(scope: &Scope<'_>) -> Counted {
    let whole = scope.folder.join("whole");
    let config = TrainConfig { steps: 8, ..course::config() };
    course::run_whole(&whole, config, 0)?;
    let checkpoints = whole.join("checkpoints");
    let newest = newest(&whole)?;
    let older = checkpoints.join("step-000000004");
    let mut refused = 0;
    for (name, bytes) in files(&newest)? {
        let path = newest.join(&name);
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        let cut = &bytes[..bytes.len() / 2];
        for damaged in [Some(cut), Some(flipped.as_slice()), None] {
            match damaged {
                Some(bytes) => fs::write(&path, bytes)?,
                None => fs::remove_file(&path)?,
            }
            let found = latest_checkpoint(&checkpoints);
            ensure!(found.as_ref() == Some(&older), "{name} damaged, {found:?} was taken");
            refused += 1;
        }
        fs::write(&path, bytes)?;
    }
    ensure!(latest_checkpoint(&checkpoints) == Some(newest), "the repaired one is refused");
    Ok(format!("{refused} damages refused"))
}
