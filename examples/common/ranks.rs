//! One program in several processes, its ranks, as `mpirun` starts it; or one process alone.
//!
//! Every rank runs the same program on its share of the work. Rank 0 speaks and writes for all.

use std::{env, process::ExitCode};

#[cfg(feature = "models")]
use std::sync::Arc;

use mir_datasets::Share;
#[cfg(feature = "models")]
use mir_models::comm::{Communicator, Single};

use super::{
    CommonArgs,
    failure::{Failure, Outcome},
};

/// The processes of this run.
#[derive(Clone, Debug)]
pub struct Ranks {
    #[cfg(feature = "models")]
    communicator: Arc<dyn Communicator>,
}

impl Ranks {
    /// Those that `mpirun` has started, else this process alone. Called once, before anything else.
    ///
    /// # Errors
    /// A usage failure if there are several, and the program was built without the feature `mpi`: each would do all
    /// of the work.
    pub fn join() -> Outcome<Self> {
        // Open MPI, and MPICH and its like. What Slurm says holds for a whole job, also for a program that was not
        // started several times.
        let names = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"];
        let started: Option<usize> =
            names.iter().find_map(|name| env::var(name).ok()?.parse().ok());
        match started {
            None | Some(0 | 1) => Ok(Self::alone()),
            Some(size) => Self::several(size),
        }
    }

    /// This process alone.
    pub fn alone() -> Self {
        Self {
            #[cfg(feature = "models")]
            communicator: Arc::new(Single),
        }
    }

    #[cfg(feature = "mpi")]
    fn several(_: usize) -> Outcome<Self> {
        Ok(Self { communicator: Arc::new(mir_models::comm::Mpi::new()?) })
    }

    #[cfg(not(feature = "mpi"))]
    fn several(size: usize) -> Outcome<Self> {
        Err(Failure::usage(format!(
            "{size} processes were started, but this program cannot share work among them: build it with --features mpi"
        )))
    }

    /// Only rank 0 shows and writes results.
    pub fn quieten(&self, common: &mut CommonArgs) {
        if !self.is_root() {
            common.quiet = true;
            common.json = None;
        }
    }

    /// Whether this process speaks and writes for all.
    pub fn is_root(&self) -> bool {
        self.rank() == 0
    }

    /// Whether there is no other process.
    pub fn is_alone(&self) -> bool {
        self.size() == 1
    }

    /// The items of this rank, of any list.
    pub fn share<T>(&self, items: Vec<T>) -> Vec<T> {
        items.into_iter().skip(self.rank()).step_by(self.size()).collect()
    }

    /// Has each of several ranks `prepare` its share, then rank 0 `finish` the whole, and then the others, which find
    /// it done. A process alone needs no preparation.
    ///
    /// # Errors
    /// That of the work, or if the processes cannot reach each other.
    pub fn together<T>(
        &self,
        prepare: impl FnOnce(Share) -> Outcome<usize>,
        finish: impl Fn() -> Outcome<T>,
    ) -> Outcome<T> {
        if self.is_alone() {
            return finish();
        }
        prepare(Share { index: self.rank(), count: self.size() })?;
        self.wait()?;
        if self.is_root() {
            let done = finish()?;
            self.wait()?;
            return Ok(done);
        }
        self.wait()?;
        finish()
    }

    /// Ends with what came of the work of this rank. If it failed, all ranks end: the others would wait for it.
    pub fn end(&self, outcome: Outcome<()>) -> ExitCode {
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) if self.is_alone() => failure.report(),
            Err(failure) => self.give_up(&failure),
        }
    }
}

#[cfg(feature = "models")]
impl Ranks {
    /// The number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.communicator.rank()
    }

    /// The number of processes.
    pub fn size(&self) -> usize {
        self.communicator.size()
    }

    /// For a training that all ranks share.
    pub fn communicator(&self) -> Arc<dyn Communicator> {
        Arc::clone(&self.communicator)
    }

    /// Replaces each value by its sum over all ranks.
    ///
    /// # Errors
    /// If the processes cannot reach each other.
    pub fn sum(&self, values: &mut [f64]) -> Outcome<()> {
        Ok(self.communicator.sum_exact(values)?)
    }

    /// Waits for the other ranks.
    ///
    /// # Errors
    /// If the processes cannot reach each other.
    pub fn wait(&self) -> Outcome<()> {
        Ok(self.communicator.barrier()?)
    }

    fn give_up(&self, failure: &Failure) -> ExitCode {
        failure.report();
        self.communicator.abort(i32::from(failure.code()))
    }
}

/// Without networks there is no communication, and one process.
#[cfg(not(feature = "models"))]
impl Ranks {
    /// The number of this process.
    pub fn rank(&self) -> usize {
        0
    }

    /// The number of processes.
    pub fn size(&self) -> usize {
        1
    }

    /// There is nothing to wait for.
    ///
    /// # Errors
    /// None.
    pub fn wait(&self) -> Outcome<()> {
        Ok(())
    }

    fn give_up(&self, failure: &Failure) -> ExitCode {
        failure.report()
    }
}
