//! One training in several processes.

use std::sync::Arc;

use mir_core::batch::TranscriptionTargets;
use tch::Tensor;

use crate::{
    Error, Result,
    comm::Communicator,
    error::TorchContext,
    loss::Share,
    params::{Params, values},
    train::{Network, Trainer},
};

/// Values of gradients that are added up at once: 16 MiB.
const BUCKET: usize = 4 << 20;

/// How a rank failed, for the others.
const FAILURES: usize = 3;

impl<N: Network> Trainer<N> {
    /// Makes this trainer one of several, one in each process, that train the same network: all take the
    /// weights of rank 0, and every step has the gradients of the batches of all of them, each cell of the
    /// targets counting the same. Batch normalisation sees the batches of its own process only.
    ///
    /// Call it before the first step or after a [resume](Self::restore), on every rank, and give every rank
    /// other batches ([`Shard`](crate::comm::Shard)). Only rank 0 writes checkpoints.
    ///
    /// # Errors
    /// [`Error::Communication`] if the processes cannot reach each other, or what LibTorch says.
    pub fn join(&mut self, communicator: Arc<dyn Communicator>) -> Result<()> {
        self.communicator = communicator;
        if self.communicator.size() == 1 {
            return Ok(());
        }
        let tensors: Vec<Tensor> = self.params.all().map(|(_, t)| t.shallow_clone()).collect();
        exchange(&tensors, |values| self.communicator.broadcast(values))
    }

    /// The processes of which this is one.
    pub fn communicator(&self) -> &Arc<dyn Communicator> {
        &self.communicator
    }

    /// The running statistics of rank 0 everywhere: what validation and checkpoints see.
    pub(super) fn share_statistics(&self) -> Result<()> {
        if self.communicator.size() == 1 {
            return Ok(());
        }
        let trainable: Vec<&str> = self.params.trainable().map(|(name, _)| name).collect();
        let buffers: Vec<Tensor> = self
            .params
            .all()
            .filter(|(name, _)| trainable.binary_search(name).is_err())
            .map(|(_, tensor)| tensor.shallow_clone())
            .collect();
        exchange(&buffers, |values| self.communicator.broadcast(values))
    }

    /// The share of each batch in a step of all processes.
    pub(super) fn shares<'a>(
        &self,
        batches: impl Iterator<Item = &'a TranscriptionTargets>,
    ) -> Result<Vec<Share>> {
        if self.communicator.size() == 1 {
            return Ok(Share::of(batches));
        }
        let counts = Share::counts(batches);
        let mut totals = [0.0; 2];
        for [frames, onsets] in &counts {
            totals[0] += frames;
            totals[1] += onsets;
        }
        self.communicator.sum_exact(&mut totals)?;
        Ok(Share::within(&counts, totals))
    }

    /// After the backward passes: the gradients, the loss and its parts are summed over all processes, or all
    /// of them learn that one has failed.
    pub(super) fn combine(&mut self, local: Result<f64>) -> Result<f64> {
        if self.communicator.size() == 1 {
            return local;
        }
        let mut failed = [0.0; FAILURES];
        if let Err(error) = &local {
            let kind = match error {
                Error::NonFinite { .. } => 0,
                Error::OutOfMemory { .. } => 1,
                _ => 2,
            };
            failed[kind] = 1.0;
        }
        self.communicator.sum_exact(&mut failed)?;
        let loss = match (local, failed.map(|count| count > 0.0)) {
            (Err(error), _) => return Err(error),
            (Ok(loss), [false, false, false]) => loss,
            (Ok(_), [true, false, false]) => {
                return Err(Error::NonFinite { what: "loss of another process", step: self.step });
            }
            (Ok(_), [_, true, false]) => {
                return Err(Error::OutOfMemory {
                    operation: "a step of another process",
                    source: "another process has no memory left".into(),
                });
            }
            (Ok(_), [_, _, true]) => {
                let reason = format!("another process failed at step {}", self.step);
                return Err(Error::Communication { reason });
            }
        };
        sum_gradients(&self.params, self.communicator.as_ref())?;
        let mut numbers = vec![loss];
        numbers.extend(self.terms.iter().map(|(_, value)| *value));
        self.communicator.sum_exact(&mut numbers)?;
        self.terms.iter_mut().zip(&numbers[1..]).for_each(|(term, sum)| term.1 = *sum);
        Ok(numbers[0])
    }
}

fn sum_gradients(params: &Params, communicator: &dyn Communicator) -> Result<()> {
    let gradients: Vec<Tensor> =
        params.trainable().map(|(_, t)| t.grad()).filter(Tensor::defined).collect();
    exchange(&gradients, |values| communicator.sum(values))
}

/// Puts the values of the tensors through an exchange, many tensors at a time.
fn exchange(tensors: &[Tensor], mut work: impl FnMut(&mut [f32]) -> Result<()>) -> Result<()> {
    let _guard = tch::no_grad_guard();
    let mut rest = tensors;
    while !rest.is_empty() {
        let mut bucket = Vec::new();
        let mut count = 0;
        while count < rest.len() && (count == 0 || bucket.len() + rest[count].numel() <= BUCKET) {
            bucket.extend(values(&rest[count])?);
            count += 1;
        }
        work(&mut bucket)?;
        let mut at = 0;
        for tensor in &rest[..count] {
            let end = at + tensor.numel();
            let source = Tensor::f_from_slice(&bucket[at..end])
                .and_then(|t| t.f_reshape(tensor.size()))
                .during("an exchange between processes")?;
            tensor.shallow_clone().f_copy_(&source).during("an exchange between processes")?;
            at = end;
        }
        rest = &rest[count..];
    }
    Ok(())
}
