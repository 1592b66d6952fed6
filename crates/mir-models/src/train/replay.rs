//! A step that gave no number, done once more with a look at every layer.

use std::{collections::BTreeMap, fs, path::Path};

use tch::Device;

use super::incident::{ACCOUNT, Incident, MODEL, batch_name, gradients_of, read_batch};
use crate::{
    Error, Result,
    arch::{HighResolutionNotes, HighResolutionPedals, OnsetsFrames},
    nn::{LayerOutput, Recording},
    tensor::TensorStatistics,
    train::{Network, Trainer},
    weights,
};

/// What a replay found.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// The account of the incident.
    pub incident: Incident,
    /// The inputs of the batches.
    pub inputs: Vec<TensorStatistics>,
    /// The outputs of the layers in the order in which they were computed.
    pub layers: Vec<LayerOutput>,
    /// Gradients by name, as far as the step came.
    pub gradients: BTreeMap<String, TensorStatistics>,
    /// What was no number this time; nothing if the step could be done.
    pub failed: Option<String>,
    /// The loss, if it could be computed.
    pub loss: Option<f64>,
}

impl Replay {
    /// The first place that held a value that is no number: a batch, a layer, a gradient.
    pub fn first(&self) -> Option<String> {
        let bad = |statistics: &TensorStatistics| statistics.not_finite > 0;
        let batch = self.inputs.iter().position(bad).map(|i| format!("the inputs of batch {i}"));
        let layer = || self.layers.iter().find(|layer| bad(&layer.statistics));
        let layer = || layer().map(|layer| format!("the output of {}", layer.layer));
        let gradient = || self.gradients.iter().find(|(_, gradient)| bad(gradient));
        let gradient = || gradient().map(|(name, _)| format!("the gradient of {name}"));
        batch.or_else(layer).or_else(gradient)
    }
}

/// Does the step of an incident folder once more, with the same weights, batches and dropout, and notes
/// what every layer puts out. The folder is only read.
///
/// # Errors
/// [`Error::Io`] or [`Error::Checkpoint`] if the folder is no incident, is damaged, or keeps no batches
/// because they were too large; what the step gives, but for [`Error::NonFinite`].
pub fn replay(folder: &Path, device: Device) -> Result<Replay> {
    let wrong = |reason: String| Error::Checkpoint { path: folder.to_owned(), reason };
    let incident: Incident = serde_json::from_slice(&read_file(&folder.join(ACCOUNT))?)
        .map_err(|error| wrong(format!("{ACCOUNT} is not understood: {error}")))?;
    if !incident.kept {
        return Err(wrong("its batches were above 64 MB and were not kept".to_owned()));
    }
    match incident.network.as_str() {
        OnsetsFrames::NAME => repeated::<OnsetsFrames>(folder, incident, device),
        HighResolutionNotes::NAME => repeated::<HighResolutionNotes>(folder, incident, device),
        HighResolutionPedals::NAME => repeated::<HighResolutionPedals>(folder, incident, device),
        other => Err(wrong(format!("it is of a network '{other}', which is not known here"))),
    }
}

fn repeated<N: Network>(folder: &Path, incident: Incident, device: Device) -> Result<Replay> {
    let architecture: N::Config = serde_json::from_value(incident.architecture.clone())
        .map_err(|source| Error::Json { what: "the network of an incident", source })?;
    let mut trainer =
        Trainer::<N>::of(architecture, incident.front_end.clone(), incident.train.clone(), device)?;
    let model = folder.join(MODEL);
    weights::fill(&read_file(&model)?, &model, trainer.params.all())?;
    trainer.step = incident.step;
    while trainer.trouble.parts() < incident.parts.min(4) {
        trainer.trouble.cut();
    }
    let batches = (incident.windows.iter().enumerate())
        .map(|(index, windows)| read_batch(&folder.join(batch_name(index)), windows.clone()))
        .collect::<Result<Vec<_>>>()?;
    let inputs = batches
        .iter()
        .map(|batch| TensorStatistics::of(batch.inputs.as_slice().unwrap_or_default()))
        .collect();
    let recording = Recording::start();
    let outcome = trainer.step_accumulated(&batches, incident.next);
    let layers = recording.finish(&trainer.params);
    let (loss, failed) = match outcome {
        Ok(report) => (Some(report.loss), None),
        Err(Error::NonFinite { what, .. }) => (None, Some(what.to_owned())),
        Err(error) => return Err(error),
    };
    let gradients = gradients_of(&trainer)?;
    Ok(Replay { incident, inputs, layers, gradients, failed, loss })
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| Error::Io { action: "read", path: path.to_owned(), source })
}
