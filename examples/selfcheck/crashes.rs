//! Processes that train are killed and interrupted at random moments, and taken up again.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use mir_core::Fingerprint;
use mir_models::train::latest_checkpoint;
use mir_testkit::signal::Random;

use crate::{
    Counted, Scope,
    child::{Doing, PhaseFile},
    course::{self, Phase, STEPS},
};

/// A training that hangs is a failure too.
const PATIENCE: Duration = Duration::from_secs(120);

/// A run folder with the processes that train into it, one after the other.
struct Runs {
    folder: PathBuf,
    phase: PathBuf,
}

impl Runs {
    fn new(parent: &Path, name: impl ToString) -> Self {
        let folder = parent.join(name.to_string());
        let phase = folder.with_extension("phase");
        Self { folder, phase }
    }

    fn start(&self) -> Result<Child> {
        let _ = std::fs::remove_file(&self.phase);
        let program = env::current_exe()?;
        let mut command = Command::new(program);
        command.arg("train").arg(&self.folder).arg(&self.phase);
        command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().context("cannot start myself")
    }

    /// A process that has begun to train.
    fn begun(&self) -> Result<Child> {
        let mut child = self.start()?;
        let start = Instant::now();
        while !PhaseFile::read(&self.phase).is_ok_and(|now| now.phase >= Phase::DataWait) {
            ensure!(start.elapsed() < PATIENCE, "training does not begin");
            if let Some(status) = child.try_wait()? {
                bail!("training ended before it began: {status}: {}", said(child));
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(child)
    }

    /// Trains to the end.
    fn finish(&self) -> Result<BTreeMap<String, Fingerprint>> {
        let output = self.start()?.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "training failed: {}: {said}", output.status);
        course::result(&self.folder, STEPS)
    }
}

fn said(child: Child) -> String {
    let output = child.wait_with_output();
    output.map_or_else(|error| error.to_string(), |o| String::from_utf8_lossy(&o.stderr).into())
}

/// The uninterrupted training: what it comes to, and how long it trains.
fn reference(scope: &Scope<'_>) -> Result<(BTreeMap<String, Fingerprint>, Duration)> {
    let runs = Runs::new(scope.folder, "whole");
    let child = runs.begun()?;
    let start = Instant::now();
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok((course::result(&runs.folder, STEPS)?, start.elapsed()))
}

/// Starts processes and disturbs each at a random moment, until `wanted` of them were still at work then.
fn disturb(
    scope: &Scope<'_>,
    wanted: usize,
    mut hit: impl FnMut(&Runs, &mut Child, &mut Random) -> Result<()>,
    mut ended: impl FnMut(usize, &Runs, ExitStatus, Doing) -> Result<String>,
) -> Result<()> {
    let (whole, length) = reference(scope)?;
    let mut random = Random::new(scope.seed);
    let (mut done, mut late) = (0, 0);
    while done < wanted {
        let runs = Runs::new(scope.folder, done + late);
        let mut child = runs.begun()?;
        let wait = length.mul_f64(random.uniform());
        thread::sleep(wait);
        // What comes after the training is not worth a hit.
        let ended_by_itself = PhaseFile::read(&runs.phase)?.phase == Phase::Ended;
        let finished = child.try_wait()?.is_some() || ended_by_itself;
        if !finished {
            hit(&runs, &mut child, &mut random)?;
        }
        let status = wait_for(&mut child)?;
        if finished || status.success() {
            // It was done before it could be hit.
            late += 1;
            ensure!(late <= 10 + 2 * wanted, "most trainings ended before they could be hit");
        } else {
            let doing = PhaseFile::read(&runs.phase)?;
            let newest = latest_checkpoint(&runs.folder.join("checkpoints"));
            let newest = newest
                .as_deref()
                .and_then(Path::file_name)
                .map_or_else(|| "the beginning".into(), |name| name.to_string_lossy().into_owned());
            let what = ended(done, &runs, status, doing)?;
            course::ensure_same(&whole, &runs.finish()?)
                .with_context(|| format!("{what}, resumed from {newest}"))?;
            done += 1;
            if !scope.quiet {
                let seconds = wait.as_secs_f64();
                eprintln!(
                    "{done:>5} {what} after {seconds:.2} s, resumed from {newest}: the same end"
                );
            }
        }
        std::fs::remove_dir_all(&runs.folder)?;
    }
    Ok(())
}

fn wait_for(child: &mut Child) -> Result<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() > PATIENCE {
            child.kill()?;
            bail!("a training did not end");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Kills with SIGKILL, each resumed to the end of the undisturbed training.
///
/// # Errors
/// The first that ended elsewhere.
pub fn kills(scope: &Scope<'_>) -> Counted {
    let mut phases: BTreeMap<String, usize> = BTreeMap::new();
    disturb(
        scope,
        scope.kills,
        |_, child, _| Ok(child.kill()?),
        |_, _, _, doing| {
            let phase = format!("{:?}", doing.phase);
            let (kind, text) = match doing.writing {
                Some(writing) => {
                    let kind = writing.split(' ').next().unwrap_or_default();
                    (
                        format!("{phase} while the writer was at {kind}"),
                        format!("{phase} / {writing}"),
                    )
                }
                None => (phase.clone(), phase),
            };
            *phases.entry(kind).or_default() += 1;
            Ok(format!("killed in {text}"))
        },
    )?;
    let list: Vec<_> = phases.iter().map(|(phase, count)| format!("{phase} {count}")).collect();
    Ok(format!(
        "{} kills, each resumed to the identical end; hit: {}",
        scope.kills,
        list.join(", ")
    ))
}

/// SIGINT and SIGTERM in turns, every third twice in a row: the exit code says which, and the training goes on
/// from the step it was interrupted at.
///
/// # Errors
/// The first with another exit code or another end.
pub fn interrupts(scope: &Scope<'_>) -> Counted {
    let mut number = 0;
    let mut twice = 0;
    let sent = std::cell::Cell::new(("", 0, false, Phase::Starting));
    disturb(
        scope,
        scope.interrupts,
        |runs, child, random| {
            let (signal, code) = if number % 2 == 0 { ("INT", 130) } else { ("TERM", 143) };
            let again = number % 3 == 2;
            number += 1;
            sent.set((signal, code, again, PhaseFile::read(&runs.phase)?.phase));
            send(child, signal)?;
            if again {
                thread::sleep(Duration::from_millis(random.below(20) as u64));
                // It may have ended by now.
                let _ = send(child, signal);
            }
            Ok(())
        },
        |_, _, status, _| {
            let (signal, code, again, phase) = sent.get();
            ensure!(status.code() == Some(code), "SIG{signal} gave {status}");
            twice += usize::from(again);
            let times = if again { "twice" } else { "once" };
            Ok(format!("SIG{signal} {times} in {phase:?}"))
        },
    )?;
    Ok(format!(
        "{} interrupts ({twice} of them twice), each resumed to the identical end",
        scope.interrupts
    ))
}

fn send(child: &Child, signal: &str) -> Result<()> {
    let status = Command::new("kill")
        .arg(format!("-{signal}"))
        .arg(child.id().to_string())
        .stderr(Stdio::null())
        .status()?;
    ensure!(status.success(), "cannot send SIG{signal}");
    Ok(())
}
