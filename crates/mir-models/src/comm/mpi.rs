//! Processes started by `mpirun`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mpi::{
    Threading,
    collective::SystemOperation,
    environment::{self, Universe},
    topology::SimpleCommunicator,
    traits::{Communicator as _, CommunicatorCollectives, Equivalence, Root},
};

use super::Communicator;
use crate::{Error, Result};

/// The processes that `mpirun` has started, or this one alone if it was started without.
///
/// MPI itself ends all processes when one of them fails in an exchange. Dropping this ends the use of MPI: it
/// waits for the other ranks, so a process that gives up early has to [`abort`](Communicator::abort).
pub struct Mpi {
    // MPI lasts as long as this does, and cannot be begun a second time.
    _universe: Universe,
    rank: usize,
    size: usize,
    /// MPI was asked for one thread at a time.
    turn: Mutex<()>,
}

impl std::fmt::Debug for Mpi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mpi").field("rank", &self.rank).field("size", &self.size).finish()
    }
}

impl Mpi {
    /// Begins the use of MPI: once in a process, before anything else.
    ///
    /// # Errors
    /// [`Error::Communication`] if it was begun before, or the library cannot be called from several threads.
    pub fn new() -> Result<Self> {
        let wrong = |reason: &str| Error::Communication { reason: reason.to_owned() };
        let (universe, threading) = environment::initialize_with_threading(Threading::Serialized)
            .ok_or_else(|| wrong("MPI was begun before in this process"))?;
        if threading < Threading::Serialized {
            return Err(wrong(
                "this MPI library serves the main thread only; build it with threads",
            ));
        }
        let world = universe.world();
        let number = |n: i32| usize::try_from(n).map_err(|_| wrong("MPI gave a negative number"));
        let (rank, size) = (number(world.rank())?, number(world.size())?);
        Ok(Self { _universe: universe, rank, size, turn: Mutex::new(()) })
    }

    fn world(&self) -> (SimpleCommunicator, MutexGuard<'_, ()>) {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        (SimpleCommunicator::world(), turn)
    }

    fn reduce<T: Copy + Equivalence>(&self, values: &mut [T]) {
        let (world, _turn) = self.world();
        let own = values.to_vec();
        world.all_reduce_into(&own[..], values, SystemOperation::sum());
    }
}

impl Communicator for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn broadcast(&self, values: &mut [f32]) -> Result<()> {
        let (world, _turn) = self.world();
        world.process_at_rank(0).broadcast_into(values);
        Ok(())
    }

    fn sum(&self, values: &mut [f32]) -> Result<()> {
        self.reduce(values);
        Ok(())
    }

    fn sum_exact(&self, values: &mut [f64]) -> Result<()> {
        self.reduce(values);
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        let (world, _turn) = self.world();
        world.barrier();
        Ok(())
    }

    fn abort(&self, code: i32) -> ! {
        SimpleCommunicator::world().abort(code)
    }
}
