//! Run folders.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use mir_core::{Fingerprint, publish};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Error, Result,
    run::{EventWriter, Sink},
};

/// What to do with a folder that already holds something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Refuse it.
    #[default]
    Refuse,
    /// Continue the run that it holds.
    Resume,
    /// Use it all the same: older results are replaced file by file, older checkpoints removed.
    Force,
}

/// What `run.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The command line.
    pub command: Vec<String>,
    /// The seed.
    pub seed: u64,
    /// Version of this library.
    pub version: String,
    /// Version of LibTorch.
    pub libtorch: String,
    /// Device and threads.
    pub device: String,
    /// Fingerprint of the training data and how they were processed.
    pub data: Option<Fingerprint>,
    /// Start, seconds since 1970.
    pub started: f64,
    /// End, seconds since 1970.
    pub ended: Option<f64>,
    /// How it ended: `finished`, `interrupted`, or the error.
    pub outcome: Option<String>,
}

impl RunInfo {
    /// The information that is known at the start.
    pub fn new(command: Vec<String>, seed: u64, device: String) -> Self {
        Self {
            command,
            seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            libtorch: "2.11.0".to_owned(),
            device,
            data: None,
            started: unix_time(),
            ended: None,
            outcome: None,
        }
    }

    /// Notes how the run ended, now.
    pub fn end(&mut self, outcome: impl Into<String>) {
        self.ended = Some(unix_time());
        self.outcome = Some(outcome.into());
    }
}

/// An open run folder.
pub struct RunFolder {
    path: PathBuf,
    /// Held while the folder is in use.
    _lock: File,
    /// Not buffered: what was logged before a checkpoint outlives the process, as the checkpoint does.
    metrics: File,
    events: EventWriter,
    sinks: Vec<Box<dyn Sink>>,
    start: Instant,
}

impl std::fmt::Debug for RunFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sinks = self.sinks.len();
        f.debug_struct("RunFolder").field("path", &self.path).field("sinks", &sinks).finish()
    }
}

impl RunFolder {
    /// Makes or opens a run folder.
    ///
    /// `resume_at` is the number of steps after which a run is continued: what was logged of later ones, by a
    /// run that died after its last checkpoint, is dropped.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be made or written; [`Error::Checkpoint`] if it holds something and
    /// `existing` is [`Existing::Refuse`], or if another process is training into it.
    pub fn open(path: &Path, existing: Existing, resume_at: Option<u64>) -> Result<Self> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { action: "write the run folder", path, source }
        };
        Self::check(path, existing)?;
        fs::create_dir_all(path).map_err(io(path))?;
        let lock = locked(path)?;
        let checkpoints = path.join("checkpoints");
        if existing == Existing::Force {
            for old in [&checkpoints, &path.join("test")] {
                if old.exists() {
                    fs::remove_dir_all(old).map_err(io(old))?;
                }
            }
            for entry in fs::read_dir(path).map_err(io(path))?.flatten() {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if name.starts_with("events.out.tfevents.") || name == "metrics.jsonl" {
                    fs::remove_file(entry.path()).map_err(io(&entry.path()))?;
                }
            }
        }
        for folder in [&checkpoints, &path.join("test")] {
            fs::create_dir_all(folder).map_err(io(folder))?;
        }
        let metrics_path = path.join("metrics.jsonl");
        if let Some(step) = resume_at {
            drop_later_metrics(&metrics_path, step)?;
        }
        let metrics = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&metrics_path)
            .map_err(io(&metrics_path))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
            metrics,
            events: EventWriter::create(path, resume_at.map(|done| done + 1))?,
            sinks: Vec::new(),
            start: Instant::now(),
        })
    }

    /// Whether a folder may be used, before anything expensive is done.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if it holds something and `existing` is [`Existing::Refuse`], or if a file of
    /// that name is in the way.
    pub fn check(path: &Path, existing: Existing) -> Result<()> {
        let wrong =
            |reason: &str| Error::Checkpoint { path: path.to_owned(), reason: reason.to_owned() };
        if path.exists() && !path.is_dir() {
            return Err(wrong("a file of this name is in the way; choose another folder"));
        }
        let occupied = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
        match existing {
            Existing::Refuse if occupied => Err(wrong(
                "the folder holds something already; use --resume to continue that run, --force to \
                 replace it, or another folder",
            )),
            Existing::Resume if !occupied => Err(wrong("there is no run here to resume")),
            _ => Ok(()),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the checkpoints go.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// Writes a file of the run; it appears complete or not at all.
    ///
    /// # Errors
    /// [`Error::Core`] if it cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        Ok(publish::write(self.path.join(name), content)?)
    }

    /// Writes `run.json`.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_info(&self, info: &RunInfo) -> Result<()> {
        let json = serde_json::to_vec_pretty(info)
            .map_err(|source| Error::Json { what: "run.json", source })?;
        self.write("run.json", &json)
    }

    /// Logs one number to `metrics.jsonl` and to TensorBoard. `step` counts from 1, the steps that are done:
    /// the loss of the tenth step and a validation after ten steps are both of step 10, and both are kept where
    /// a run goes on after ten steps.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn scalar(&mut self, name: &str, step: u64, value: f64) -> Result<()> {
        let seconds = (self.start.elapsed().as_secs_f64() * 1e3).round() / 1e3;
        let mut line =
            json!({ "seconds": seconds, "step": step, "name": name, "value": value }).to_string();
        line.push('\n');
        self.metrics.write_all(line.as_bytes()).map_err(|source| Error::Io {
            action: "write",
            path: self.path.join("metrics.jsonl"),
            source,
        })?;
        self.feed(|sink| sink.scalar(name, step, value));
        self.events.scalar(name, step, value)
    }

    /// Adds a place to which every number goes as well. One that fails is dropped with a warning: a full
    /// disk or a closed pipe elsewhere does not stop a training.
    pub fn add_sink(&mut self, sink: Box<dyn Sink>) {
        self.sinks.push(sink);
    }

    /// The event file, for distributions, texts, sounds and settings.
    pub fn events(&mut self) -> &mut EventWriter {
        &mut self.events
    }

    fn feed(&mut self, mut write: impl FnMut(&mut dyn Sink) -> Result<()>) {
        self.sinks.retain_mut(|sink| match write(sink.as_mut()) {
            Ok(()) => true,
            Err(error) => {
                log::warn!("a log was given up: {error}");
                false
            }
        });
    }

    /// Logs one picture (the bytes of a PNG file) to TensorBoard.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn image(&mut self, name: &str, step: u64, png: &[u8]) -> Result<()> {
        self.events.image(name, step, png)
    }

    /// Hands the events logged so far to the operating system; the lines of `metrics.jsonl` are there already.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        self.feed(|sink| sink.flush());
        self.events.flush()
    }
}

/// Locks the run folder, so that two processes do not train into it. The lock is the system's, and ends with
/// the process.
fn locked(path: &Path) -> Result<File> {
    let name = path.join(".lock");
    let io = |source| Error::Io { action: "lock", path: name.clone(), source };
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(&name).map_err(io)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::Checkpoint {
            path: path.to_owned(),
            reason: "another process is training into this folder; wait for it or stop it"
                .to_owned(),
        }),
        // Some network file systems have no locks; a run is better than none there.
        Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Unsupported => {
            Err(io(error))
        }
        _ => Ok(file),
    }
}

/// Removes the lines of steps after the first `done`, and a last line that was cut off.
fn drop_later_metrics(path: &Path, done: u64) -> Result<()> {
    let Ok(text) = fs::read_to_string(path) else {
        return Ok(());
    };
    let keep = |line: &&str| {
        serde_json::from_str::<serde_json::Value>(line)
            .ok()
            .and_then(|value| value["step"].as_u64())
            .is_some_and(|logged| logged <= done)
    };
    let kept: String = text.lines().filter(keep).flat_map(|line| [line, "\n"]).collect();
    Ok(publish::write(path, kept.as_bytes())?)
}

fn unix_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_occupied_folder_is_refused_unless_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        RunFolder::open(&path, Existing::Refuse, None).unwrap();
        let refused = RunFolder::open(&path, Existing::Refuse, None);
        assert!(matches!(refused, Err(Error::Checkpoint { .. })));
        RunFolder::open(&path, Existing::Force, None).unwrap();
        let open = RunFolder::open(&path, Existing::Resume, None).unwrap();
        let second = RunFolder::open(&path, Existing::Resume, None);
        assert!(
            matches!(second, Err(Error::Checkpoint { reason, .. }) if reason.contains("another process"))
        );
        drop(open);
        let empty = folder.path().join("other");
        assert!(RunFolder::check(&empty, Existing::Resume).is_err());
        fs::write(folder.path().join("file"), "x").unwrap();
        assert!(RunFolder::check(&folder.path().join("file"), Existing::Force).is_err());
    }

    #[test]
    fn a_sink_that_fails_is_given_up_and_the_others_go_on() {
        struct Broken;
        impl Sink for Broken {
            fn scalar(&mut self, _: &str, _: u64, _: f64) -> Result<()> {
                Err(Error::config("sink", "whole", "broken"))
            }
            fn flush(&mut self) -> Result<()> {
                Ok(())
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let mut run = RunFolder::open(folder.path(), Existing::Refuse, None).unwrap();
        let table = folder.path().join("metrics.csv");
        run.add_sink(Box::new(Broken));
        run.add_sink(Box::new(crate::run::CsvSink::create(&table).unwrap()));
        run.scalar("loss", 0, 1.0).unwrap();
        run.scalar("loss", 1, 2.0).unwrap();
        run.flush().unwrap();
        assert_eq!(run.sinks.len(), 1);
        assert_eq!(fs::read_to_string(table).unwrap().lines().count(), 3);
    }

    #[test]
    fn a_resumed_run_forgets_what_will_be_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = RunFolder::open(folder.path(), Existing::Refuse, None).unwrap();
        for step in 1..=10 {
            run.scalar("loss", step, 0.5).unwrap();
        }
        run.flush().unwrap();
        drop(run);
        let mut run = RunFolder::open(folder.path(), Existing::Resume, Some(4)).unwrap();
        run.scalar("loss", 5, 0.25).unwrap();
        run.flush().unwrap();
        let text = fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
        assert_eq!(text.lines().count(), 5);
        assert!(text.lines().last().unwrap().contains("0.25"));
    }
}
