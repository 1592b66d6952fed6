//! Several processes that train one network: who they are, and how they add up and share numbers.
//!
//! A [`Communicator`] stands for the processes of one run, its ranks 0 to `size − 1`. Without the feature
//! `mpi` there is [`Single`], a process alone. With it there is `Mpi`: as many processes as `mpirun` has
//! started, on one machine or several, through the MPI library that is installed there.
//!
//! Every rank computes gradients of its own batches; sums over all ranks make them those of one large batch.
//! [`Trainer::join`](crate::train::Trainer::join) and [`Shard`] are all that a training needs.
//!
//! # Rules
//! All ranks call the same operations in the same order with equal lengths: each waits for the others. A rank
//! that cannot go on calls [`abort`](Communicator::abort), else the others wait for it for ever.

#[cfg(feature = "mpi")]
mod mpi;
mod shard;

use std::fmt;

use crate::Result;

#[cfg(feature = "mpi")]
pub use self::mpi::Mpi;
pub use shard::Shard;

/// The processes of a run.
pub trait Communicator: fmt::Debug + Send + Sync {
    /// The number of this process, from 0.
    fn rank(&self) -> usize;

    /// The number of processes, at least 1.
    fn size(&self) -> usize;

    /// Replaces the values by those of rank 0.
    ///
    /// # Errors
    /// [`Error::Communication`](crate::Error::Communication) if the processes cannot reach each other.
    fn broadcast(&self, values: &mut [f32]) -> Result<()>;

    /// Replaces each value by its sum over all ranks, the same bits on each of them.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast).
    fn sum(&self, values: &mut [f32]) -> Result<()>;

    /// The same in 64 bits, for counts, losses and metrics.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast).
    fn sum_exact(&self, values: &mut [f64]) -> Result<()>;

    /// Waits until all ranks have come here.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast).
    fn barrier(&self) -> Result<()>;

    /// Ends the processes of all ranks with an exit code.
    fn abort(&self, code: i32) -> !;

    /// Whether this process writes checkpoints and logs.
    fn is_root(&self) -> bool {
        self.rank() == 0
    }

    /// Whether something holds on any rank.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast).
    fn any(&self, holds: bool) -> Result<bool> {
        let mut count = [f64::from(u8::from(holds))];
        self.sum_exact(&mut count)?;
        Ok(count[0] > 0.0)
    }
}

/// A process alone: nothing is exchanged.
///
/// ```
/// use mir_models::comm::{Communicator, Single};
///
/// let mut values = [1.0, 2.0];
/// Single.sum(&mut values)?;
/// assert_eq!((values, Single.rank(), Single.size()), ([1.0, 2.0], 0, 1));
/// # Ok::<(), mir_models::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Single;

impl Communicator for Single {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn broadcast(&self, _: &mut [f32]) -> Result<()> {
        Ok(())
    }

    fn sum(&self, _: &mut [f32]) -> Result<()> {
        Ok(())
    }

    fn sum_exact(&self, _: &mut [f64]) -> Result<()> {
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        Ok(())
    }

    fn abort(&self, code: i32) -> ! {
        std::process::exit(code)
    }
}
