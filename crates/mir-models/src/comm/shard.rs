//! Every rank takes its part of the batches.

use std::sync::Arc;

use mir_core::batch::{BatchPosition, BatchSource};

use super::Communicator;

/// The batches of one rank: of every `size` batches of the source the one with the rank's number.
///
/// The positions are those of the source, after the batches of all ranks: the checkpoint of a run of four
/// processes continues in one process that accumulates four batches a step. Every rank prepares the batches
/// of the others as well; where that takes longer than a step, give the source more workers.
#[derive(Debug)]
pub struct Shard<S> {
    inner: S,
    communicator: Arc<dyn Communicator>,
}

impl<S> Shard<S> {
    /// The part of this process.
    pub fn new(inner: S, communicator: Arc<dyn Communicator>) -> Self {
        Self { inner, communicator }
    }
}

impl<S: BatchSource> BatchSource for Shard<S> {
    type Batch = S::Batch;
    type Error = S::Error;

    fn next_batch(&mut self) -> Result<Self::Batch, Self::Error> {
        let (rank, size) = (self.communicator.rank(), self.communicator.size());
        for _ in 0..rank {
            self.inner.next_batch()?;
        }
        let batch = self.inner.next_batch()?;
        for _ in rank + 1..size {
            self.inner.next_batch()?;
        }
        Ok(batch)
    }

    fn position(&self) -> BatchPosition {
        self.inner.position()
    }

    fn seek(&mut self, position: BatchPosition) -> Result<(), Self::Error> {
        self.inner.seek(position)
    }

    fn batches_per_epoch(&self) -> u64 {
        (self.inner.batches_per_epoch() / self.communicator.size() as u64).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Result;

    /// One of several ranks that never exchange anything.
    #[derive(Debug)]
    struct Rank(usize, usize);

    impl Communicator for Rank {
        fn rank(&self) -> usize {
            self.0
        }
        fn size(&self) -> usize {
            self.1
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

    /// The batch at a place is its number.
    struct Numbers(u64);

    impl BatchSource for Numbers {
        type Batch = u64;
        type Error = std::convert::Infallible;

        fn next_batch(&mut self) -> Result<u64, Self::Error> {
            self.0 += 1;
            Ok(self.0 - 1)
        }
        fn position(&self) -> BatchPosition {
            BatchPosition { epoch: self.0 / 6, batch: self.0 % 6 }
        }
        fn seek(&mut self, position: BatchPosition) -> Result<(), Self::Error> {
            self.0 = 6 * position.epoch + position.batch;
            Ok(())
        }
        fn batches_per_epoch(&self) -> u64 {
            6
        }
    }

    #[test]
    fn the_ranks_share_the_batches_and_agree_on_the_position() {
        let mut taken = Vec::new();
        for rank in 0..3 {
            let mut shard = Shard::new(Numbers(0), Arc::new(Rank(rank, 3)));
            assert_eq!(shard.batches_per_epoch(), 2);
            taken.extend((0..4).map(|_| shard.next_batch().unwrap()));
            assert_eq!(shard.position(), BatchPosition { epoch: 2, batch: 0 });
            shard.seek(BatchPosition { epoch: 1, batch: 3 }).unwrap();
            assert_eq!(shard.next_batch().unwrap(), 9 + rank as u64);
        }
        taken.sort_unstable();
        assert_eq!(taken, (0..12).collect::<Vec<_>>());
    }
}
