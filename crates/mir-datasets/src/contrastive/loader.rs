//! Reading the windows of a plan out of a store, ahead of the consumer.

use std::sync::{Arc, Mutex, PoisonError};

use mir_core::batch::{Batch, BatchPosition};
use ndarray::Array4;

use super::{ContrastiveConfig, GroupPlan, Member};
use crate::{
    FeatureStore, Result,
    positioned::{Positioned, batch_source},
};

/// What a contrastive batch knows beside its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContrastiveTargets {
    /// For every row whether it does not go on where that row of the batch before ended: a network that
    /// carries a state forgets it there.
    pub reset: Vec<bool>,
}

/// A batch of windows, `[batch, channels, frames, bins]`.
pub type ContrastiveBatch = Batch<Array4<f32>, ContrastiveTargets>;

/// An endless stream of contrastive batches out of a store, the same for any number of workers.
#[derive(Debug)]
pub struct ContrastiveLoader {
    plan: Arc<GroupPlan>,
    batches: Positioned<ContrastiveBatch>,
}

impl ContrastiveLoader {
    /// Starts at the first batch of epoch 0. `categories` has the category of every track of the store,
    /// where the sampling needs it.
    ///
    /// # Errors
    /// As [`GroupPlan::new`].
    pub fn new(
        store: Arc<dyn FeatureStore>,
        categories: &[u32],
        config: ContrastiveConfig,
    ) -> Result<Self> {
        let lengths: Vec<u64> = store.tracks().iter().map(|track| track.frames as u64).collect();
        let (workers, prefetch) = (config.workers, config.prefetch);
        let plan = Arc::new(GroupPlan::new(&lengths, categories, config)?);
        let work = Reader { store, plan: Arc::clone(&plan), current: Mutex::default() };
        let batches =
            Positioned::new(workers, prefetch, plan.batches_per_epoch(), move |position| {
                work.batch(position)
            });
        Ok(Self { plan, batches })
    }

    /// The composition of the batches.
    pub fn plan(&self) -> &Arc<GroupPlan> {
        &self.plan
    }
}

/// The batches of an epoch, shared by the workers.
type Epoch = Arc<Vec<Vec<Member>>>;

#[derive(Debug)]
struct Reader {
    store: Arc<dyn FeatureStore>,
    plan: Arc<GroupPlan>,
    /// The composition of the epoch that was needed last.
    current: Mutex<Option<(u64, Epoch)>>,
}

impl Reader {
    fn epoch(&self, epoch: u64) -> Epoch {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some((number, batches)) if *number == epoch => Arc::clone(batches),
            _ => {
                let batches = Arc::new(self.plan.epoch(epoch));
                *current = Some((epoch, Arc::clone(&batches)));
                batches
            }
        }
    }

    fn batch(&self, position: BatchPosition) -> Result<ContrastiveBatch> {
        let epoch = self.epoch(position.epoch);
        let members = &epoch[position.batch as usize];
        let header = self.store.header();
        let shape = (members.len(), header.channels, self.plan.config.frames, header.bins);
        let mut inputs = Array4::zeros(shape);
        for (member, mut input) in members.iter().zip(inputs.outer_iter_mut()) {
            let window = member.window;
            let out =
                input.as_slice_mut().unwrap_or_else(|| unreachable!("a fresh array is contiguous"));
            self.store.read_into(window.track, window.start..window.start + window.frames, out)?;
        }
        Ok(Batch {
            inputs,
            targets: ContrastiveTargets { reset: members.iter().map(|m| m.reset).collect() },
            windows: members.iter().map(|m| m.window).collect(),
        })
    }
}

batch_source!(ContrastiveLoader, ContrastiveBatch);
