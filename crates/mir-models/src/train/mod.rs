//! Training: from batches to weights, exactly resumable.
//!
//! A run of N steps and a run of n steps, a checkpoint, and N − n steps more give bit for bit the same
//! weights on a CPU with a fixed number of threads. It follows from three rules: the data stream is a
//! function of its seed and position; LibTorch's generator is seeded anew from (seed, step) before
//! every step, so that dropout has no hidden state; and everything else that changes is in the
//! checkpoint. LibTorch has one generator for the whole process, so this holds for one training at a
//! time.
//!
//! No signal handler may run on a thread that trains: oneDNN's gradient of an LSTM corrupts the heap if its
//! stack is borrowed. `docs/training.md` says what to do instead.

mod checkpoint;
mod ema;
mod fit;
mod incident;
mod network;
mod observers;
mod parallel;
pub mod pause;
mod probe;
mod rehearsal;
mod replay;
mod stopping;
mod trainer;
mod trouble;

pub use checkpoint::{CheckpointInfo, best_checkpoint, latest_checkpoint};
pub use ema::Ema;
pub use fit::{FitEnd, FitProgress, Observer, Requests, fit};
pub use incident::Incident;
pub use network::{Network, Trained};
pub use observers::Observers;
pub use pause::{MetricCondition, PauseCommand, PauseRequest, Snapshot};
pub use probe::{
    BatchProbe, BatchProbes, DryRun, RateCurve, RatePoint, RateTestConfig, dry_run,
    find_batch_size, find_rate,
};
pub use rehearsal::Rehearsal;
pub use replay::{Replay, replay};
pub use stopping::{EarlyStopping, StopReason, Verdict};
pub use trainer::{StepReport, Trainer};
pub use trouble::{Answer, Trouble};

/// A batch of log-mel windows `[batch, 1, frames, bins]` with note targets.
pub type TranscriptionBatch =
    mir_core::batch::Batch<ndarray::Array4<f32>, mir_core::batch::TranscriptionTargets>;
