//! What is kept of a step that gave no number, so that it can be looked at and done again.
//!
//! `incidents/step-000000123/` in the run folder holds `incident.json` (an [`Incident`]),
//! `model.safetensors` (weights and running statistics before the step) and, up to 64 MB of them,
//! `batch-0.safetensors` and so on (inputs and targets). [`replay`](super::replay()) reads it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use mir_core::{
    batch::{BatchPosition, NearTargets, TranscriptionTargets, Window},
    publish,
};
use mir_features::FrontEndConfig;
use ndarray::{Array3, ArrayD, Ix2, Ix3, Ix4};
use serde::{Deserialize, Serialize};
use tch::Device;

use super::checkpoint::json;
use crate::{
    Error, Result,
    arch::OnsetsFrames,
    config::TrainConfig,
    tensor::{TensorStatistics, from_array},
    train::{Answer, Network, Trainer, TranscriptionBatch},
    weights::{self, Storage},
};

/// Batches above this size are not kept.
const LARGEST: usize = 64 << 20;
/// Folders of a run; what comes after is logged only.
const MOST: usize = 20;
const VERSION: u32 = 1;
pub(super) const ACCOUNT: &str = "incident.json";
pub(super) const MODEL: &str = "model.safetensors";

/// The account of a step that gave no number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Version of the layout, 1.
    pub version: u32,
    /// The step, which was not done.
    pub step: u64,
    /// What was no number: `loss` or `gradient norm`.
    pub what: String,
    /// What the training did.
    pub answer: Answer,
    /// Where the first batch of the step came from.
    pub position: BatchPosition,
    /// Where the batch after the step comes from.
    pub next: BatchPosition,
    /// Parts in which every batch was computed.
    pub parts: usize,
    /// The learning rate that the step would have had.
    pub rate: f64,
    /// What the batches were cut from.
    pub windows: Vec<Vec<Window>>,
    /// The parts of the loss up to where it failed; nothing for what is no number.
    pub terms: BTreeMap<String, Option<f64>>,
    /// Weights and running statistics by name.
    pub weights: BTreeMap<String, TensorStatistics>,
    /// Gradients by name, as far as the step came.
    pub gradients: BTreeMap<String, TensorStatistics>,
    /// Whether the batches were small enough to be kept.
    pub kept: bool,
    /// What kind of network it is.
    #[serde(default = "onsets_frames")]
    pub network: String,
    /// The network.
    pub(super) architecture: serde_json::Value,
    /// Its features.
    pub front_end: FrontEndConfig,
    /// The training; its seed and the step give the seed of dropout.
    pub train: TrainConfig,
}

/// The only kind that there was in the beginning.
pub(super) fn onsets_frames() -> String {
    OnsetsFrames::NAME.to_owned()
}

impl Incident {
    /// The account of the step that a trainer has just failed to do.
    pub(super) fn of<N: Network>(
        trainer: &Trainer<N>,
        what: &str,
        answer: Answer,
        batches: &[TranscriptionBatch],
        next: BatchPosition,
    ) -> Result<Self> {
        let number = |value: f64| value.is_finite().then_some(value);
        Ok(Self {
            version: VERSION,
            step: trainer.step,
            what: what.to_owned(),
            answer,
            position: trainer.position,
            next,
            parts: trainer.trouble.parts(),
            rate: trainer.rate(),
            windows: batches.iter().map(|batch| batch.windows.clone()).collect(),
            terms: (trainer.terms.iter())
                .map(|&(name, value)| (name.to_owned(), number(value)))
                .collect(),
            weights: weights_of(trainer)?,
            gradients: gradients_of(trainer)?,
            kept: batches.iter().map(size).sum::<usize>() <= LARGEST,
            network: N::NAME.to_owned(),
            architecture: architecture_of(trainer)?,
            front_end: trainer.front_end().clone(),
            train: trainer.config().clone(),
        })
    }

    /// Writes the account with weights and batches into a folder of its own below `parent`; its path, or
    /// nothing where there are enough of them.
    pub(super) fn write<N>(
        &self,
        trainer: &Trainer<N>,
        parent: &Path,
        batches: &[TranscriptionBatch],
    ) -> Result<Option<PathBuf>> {
        let there = fs::read_dir(parent).map_or(0, Iterator::count);
        if there >= MOST {
            return Ok(None);
        }
        // Steps that are skipped keep their number for the next attempt.
        let step = format!("step-{:09}", self.step);
        let names = (1..).map(|n| if n == 1 { step.clone() } else { format!("{step}-{n}") });
        let free = names.take(MOST + 1).find(|name| !parent.join(name).exists()).unwrap_or(step);
        let mut files = vec![(ACCOUNT.to_owned(), json(self)?)];
        let model = weights::to_bytes(trainer.params.all(), None, Storage::F32)?;
        files.push((MODEL.to_owned(), model));
        if self.kept {
            for (index, batch) in batches.iter().enumerate() {
                files.push((batch_name(index), batch_bytes(batch)?));
            }
        }
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        let io = |source| Error::Io { action: "make", path: parent.to_owned(), source };
        fs::create_dir_all(parent).map_err(io)?;
        let path = parent.join(free);
        publish::write_folder(&path, &files)?;
        Ok(Some(path))
    }
}

/// The architecture of a network in the form of the accounts and checkpoints.
pub(super) fn architecture_of<N: Network>(trainer: &Trainer<N>) -> Result<serde_json::Value> {
    let what = "the description of a network";
    serde_json::to_value(trainer.architecture()).map_err(|source| Error::Json { what, source })
}

/// Statistics of weights and buffers by name.
pub(super) fn weights_of<N>(trainer: &Trainer<N>) -> Result<BTreeMap<String, TensorStatistics>> {
    let all = trainer.params.all();
    all.map(|(name, t)| Ok((name.to_owned(), TensorStatistics::of_tensor(t)?))).collect()
}

/// Statistics of the gradients that are there by name.
pub(super) fn gradients_of<N>(trainer: &Trainer<N>) -> Result<BTreeMap<String, TensorStatistics>> {
    let all = trainer.params.trainable().map(|(name, t)| (name, t.grad()));
    all.filter(|(_, gradient)| gradient.defined())
        .map(|(name, t)| Ok((name.to_owned(), TensorStatistics::of_tensor(&t)?)))
        .collect()
}

pub(super) fn batch_name(index: usize) -> String {
    format!("batch-{index}.safetensors")
}

/// Bytes of the numbers of a batch.
fn size(batch: &TranscriptionBatch) -> usize {
    let targets = &batch.targets;
    let rolls = if targets.near.is_some() { 7 } else { 4 };
    4 * (batch.inputs.len() + rolls * targets.onset.len() + targets.mask.len())
}

/// Names of the targets that say how near events are, where there are any.
const NEAR: [&str; 3] = ["near.mask", "near.offset", "near.onset"];

/// Inputs and targets as a safetensors file.
pub(super) fn batch_bytes(batch: &TranscriptionBatch) -> Result<Vec<u8>> {
    let targets = &batch.targets;
    let mut tensors = vec![
        ("frame", from_array(&targets.frame, Device::Cpu)?),
        ("inputs", from_array(&batch.inputs, Device::Cpu)?),
        ("mask", from_array(&targets.mask, Device::Cpu)?),
        ("offset", from_array(&targets.offset, Device::Cpu)?),
        ("onset", from_array(&targets.onset, Device::Cpu)?),
        ("velocity", from_array(&targets.velocity, Device::Cpu)?),
    ];
    if let Some(near) = &targets.near {
        for (name, cells) in NEAR.iter().zip([&near.mask, &near.offset, &near.onset]) {
            tensors.push((name, from_array(cells, Device::Cpu)?));
        }
    }
    weights::to_bytes(tensors.iter().map(|(name, t)| (*name, t)), None, Storage::F32)
}

/// The batch of such a file.
pub(super) fn read_batch(path: &Path, windows: Vec<Window>) -> Result<TranscriptionBatch> {
    let read = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let mut arrays = weights::arrays(&fs::read(path).map_err(read)?, path)?;
    let wrong = |name: &str, what: &str| Error::Weights {
        path: path.to_owned(),
        reason: format!("tensor '{name}' {what}: this is no batch of an incident"),
    };
    let has_near = NEAR.iter().any(|name| arrays.contains_key(*name));
    let mut take = |name: &str| arrays.remove(name).ok_or_else(|| wrong(name, "is missing"));
    let cells = |name: &str, array: ArrayD<f32>| -> Result<Array3<f32>> {
        array.into_dimensionality::<Ix3>().map_err(|_| wrong(name, "has not three axes"))
    };
    let near = if has_near {
        let [mask, offset, onset] = NEAR;
        Some(NearTargets {
            onset: cells(onset, take(onset)?)?,
            offset: cells(offset, take(offset)?)?,
            mask: cells(mask, take(mask)?)?,
        })
    } else {
        None
    };
    Ok(TranscriptionBatch {
        inputs: take("inputs")?
            .into_dimensionality::<Ix4>()
            .map_err(|_| wrong("inputs", "has not four axes"))?,
        targets: TranscriptionTargets {
            onset: cells("onset", take("onset")?)?,
            offset: cells("offset", take("offset")?)?,
            frame: cells("frame", take("frame")?)?,
            velocity: cells("velocity", take("velocity")?)?,
            mask: take("mask")?
                .into_dimensionality::<Ix2>()
                .map_err(|_| wrong("mask", "has not two axes"))?,
            near,
        },
        windows,
    })
}
