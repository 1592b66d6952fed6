//! What this program does in the processes that it starts, kills and interrupts.

use std::{
    cell::Cell,
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use anyhow::{Context, Result};
use mir_core::publish::fault::{self, Fault, Operation};
use mir_models::train::FitEnd;

use crate::{
    common::{
        failure::{Failure, Outcome},
        signals::Stop,
    },
    course::{self, Course, Phase},
    faults,
};

/// Where a training notes what it is doing: one byte for the loop, one for the thread that writes
/// checkpoints, and the name of the file that this is writing. What is written to a file outlives a kill.
pub struct PhaseFile(File);

/// What a training was doing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doing {
    /// The loop.
    pub phase: Phase,
    /// The writer of checkpoints: its operation and the name of the file.
    pub writing: Option<String>,
}

const OPERATIONS: [Operation; 5] =
    [Operation::Create, Operation::Write, Operation::Sync, Operation::Rename, Operation::Remove];
/// Bytes of a name in the file.
const NAME: usize = 64;

impl PhaseFile {
    fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(path)?;
        file.write_all_at(&[0; 2 + NAME], 0)?;
        Ok(Self(file))
    }

    fn tell(&self, phase: Phase) {
        let _ = self.0.write_all_at(&[phase as u8], 0);
    }

    fn tell_operation(&self, operation: Operation, path: &Path) {
        let number = OPERATIONS.iter().position(|o| *o == operation).map_or(0, |n| n as u8 + 1);
        let mut bytes = [0; 1 + NAME];
        bytes[0] = number;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let length = name.len().min(NAME);
        bytes[1..=length].copy_from_slice(&name.as_bytes()[..length]);
        let _ = self.0.write_all_at(&bytes, 1);
    }

    /// What the process that wrote the file was doing last.
    ///
    /// # Errors
    /// If the file is not there (yet).
    pub fn read(path: &Path) -> Result<Doing> {
        let bytes = std::fs::read(path)?;
        anyhow::ensure!(bytes.len() == 2 + NAME, "the phase is not written yet");
        let phase = *Phase::ALL.get(usize::from(bytes[0])).context("no such phase")?;
        let operation = usize::from(bytes[1]).checked_sub(1).and_then(|n| OPERATIONS.get(n));
        let name = String::from_utf8_lossy(&bytes[2..]);
        // The last operation of a checkpoint syncs the folder of all of them: then the writer is at rest.
        let writing = operation
            .map(|operation| format!("{operation} {}", name.trim_end_matches('\0')))
            .filter(|text| text != "sync checkpoints");
        Ok(Doing { phase, writing })
    }
}

/// Trains with two workers until the end or a signal, noting what it does.
///
/// # Errors
/// What the training gives, and the interruption.
pub fn train(folder: &Path, phase: &Path) -> Outcome<()> {
    let stop = Stop::listen()?;
    mir_models::set_threads(1);
    let work = || -> Result<FitEnd> {
        let phase = Arc::new(PhaseFile::create(phase)?);
        let course = Course {
            config: course::config(),
            workers: 2,
            tell: &|now| phase.tell(now),
            stop: &stop.flag,
            stop_at: None,
        };
        let noted = Arc::clone(&phase);
        let note = move |operation, path: &Path| {
            noted.tell_operation(operation, path);
            None
        };
        fault::with(note, || course.run(folder))
    };
    match work() {
        Ok(FitEnd::Finished) => Ok(()),
        Ok(_) => Err(Failure::interrupted("interrupted", stop.signal())),
        Err(error) => Err(Failure::data(format!("{error:#}"))),
    }
}

/// Continues the training of a folder for one step, unless that step is there already, and dies at the
/// operation `at` of its checkpoint.
///
/// # Errors
/// If it comes that far without dying.
pub fn publish(folder: &Path, at: usize) -> Outcome<()> {
    mir_models::set_threads(1);
    let seen = Cell::new(0);
    let die = move |_, _: &Path| {
        seen.set(seen.get() + 1);
        (seen.get() > at).then_some(Fault::Abort)
    };
    let saved = fault::with(die, || faults::save_next(folder));
    let text = saved.map_or_else(|error| format!("{error:#}"), |_| "saved".to_owned());
    Err(Failure::data(format!("alive after operation {at}: {text}")))
}

/// Trains as one of the processes that `mpirun` has started.
///
/// # Errors
/// What the training gives.
#[cfg(feature = "mpi")]
pub fn rank(folder: &Path) -> Outcome<()> {
    crate::ranks::train(folder).map_err(|error| Failure::data(format!("{error:#}")))
}
