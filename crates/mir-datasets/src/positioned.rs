//! An endless stream of batches that knows its position: what all loaders have in common.

use mir_core::batch::BatchPosition;

use crate::{
    Error, Result,
    ordered::{Ordered, Workers},
};

/// Batches of epoch after epoch, prepared ahead by worker threads and delivered in order.
#[derive(Debug)]
pub(crate) struct Positioned<T> {
    stream: Ordered<Result<T>>,
    batches_per_epoch: u64,
    /// Number of the next batch, counted over all epochs.
    next: u64,
}

impl<T: Send + 'static> Positioned<T> {
    /// Starts at the first batch of epoch 0; `batches_per_epoch` is at least 1.
    pub(crate) fn new(
        workers: usize,
        prefetch: usize,
        batches_per_epoch: u64,
        batch: impl Fn(BatchPosition) -> Result<T> + Send + Sync + 'static,
    ) -> Self {
        let stream = Ordered::new(Workers::single(workers), prefetch, u64::MAX, move |number| {
            batch(position_of(number, batches_per_epoch))
        });
        Self { stream, batches_per_epoch, next: 0 }
    }

    pub(crate) fn next_batch(&mut self) -> Result<T> {
        // 2^64 batches are not reached: the stream has no end.
        let result = self
            .stream
            .next()
            .unwrap_or_else(|| unreachable!("the stream of batches is endless"))
            .and_then(|batch| batch);
        match &result {
            Ok(_) => self.next += 1,
            // The position stays, so that the caller may try again once the cause is gone.
            Err(_) => self.stream.seek(self.next),
        }
        result
    }

    pub(crate) const fn position(&self) -> BatchPosition {
        position_of(self.next, self.batches_per_epoch)
    }

    pub(crate) fn seek(&mut self, position: BatchPosition) -> Result<()> {
        check(position, self.batches_per_epoch)?;
        self.next = position
            .epoch
            .checked_mul(self.batches_per_epoch)
            .and_then(|before| before.checked_add(position.batch))
            .ok_or(Error::Position { position, batches_per_epoch: self.batches_per_epoch })?;
        self.stream.seek(self.next);
        Ok(())
    }

    pub(crate) const fn batches_per_epoch(&self) -> u64 {
        self.batches_per_epoch
    }
}

/// Whether an epoch has that batch.
pub(crate) const fn check(position: BatchPosition, batches_per_epoch: u64) -> Result<()> {
    if position.batch < batches_per_epoch {
        return Ok(());
    }
    Err(Error::Position { position, batches_per_epoch })
}

const fn position_of(number: u64, batches_per_epoch: u64) -> BatchPosition {
    BatchPosition { epoch: number / batches_per_epoch, batch: number % batches_per_epoch }
}

/// A loader with a field `batches` is a [`BatchSource`](mir_core::batch::BatchSource).
macro_rules! batch_source {
    ($loader:ident, $batch:ty) => {
        impl mir_core::batch::BatchSource for $loader {
            type Batch = $batch;
            type Error = $crate::Error;

            fn next_batch(&mut self) -> $crate::Result<$batch> {
                self.batches.next_batch()
            }

            fn position(&self) -> mir_core::batch::BatchPosition {
                self.batches.position()
            }

            fn seek(&mut self, position: mir_core::batch::BatchPosition) -> $crate::Result<()> {
                self.batches.seek(position)
            }

            fn batches_per_epoch(&self) -> u64 {
                self.batches.batches_per_epoch()
            }
        }
    };
}
pub(crate) use batch_source;
