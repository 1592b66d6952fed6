//! A file that makes a running training pause, so that its state can be looked at.
//!
//! While a training runs, `pause.json` in its run folder may be written, changed and deleted. It is looked
//! at after every step, and read when it has changed:
//!
//! ```json
//! { "step_gt": 1000, "metric": { "name": "loss", "above": 2.0 }, "command": null }
//! ```
//!
//! Any condition that holds makes the training pause: `unconditional` (or `now`), `step_gt` (that many steps
//! are done), `step_every` (a multiple of it is done), `time_gt` (seconds since the training was started
//! or resumed), `metric` (`loss`, `loss/onset` and the other parts, `gradient_norm`, `rate`, or `validation`,
//! the latest score, is above or below a value). It writes a [snapshot](Snapshot) and waits until no condition
//! holds any more, because the file was changed or deleted. `command` goes before the conditions: `resume`
//! lets the training run on, `snapshot` writes a snapshot without a pause, `quit` ends the training with a
//! checkpoint. A file that is not understood is reported and changes nothing.
//!
//! The keys `inconditional`, `step_gt` and `step_every` are those of the onsets-and-velocities system
//! (Fernández 2023), whose program drops into a debugger instead; there as here `step_gt` includes the step
//! itself.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use mir_core::publish;
use serde::{Deserialize, Serialize};

use super::{
    checkpoint::json,
    incident::{batch_bytes, gradients_of, weights_of},
};
use crate::{
    Error, Result,
    nn::{LayerOutput, Mode, Recording},
    tensor::{self, TensorStatistics},
    train::{Network, StepReport, Trainer, TranscriptionBatch},
    weights::{self, Storage},
};

const FILE: &str = "pause.json";

/// What `pause.json` holds; everything may be left out.
///
/// ```
/// use mir_models::train::PauseRequest;
///
/// let text = r#"{ "inconditional": false, "step_gt": 100, "step_every": null }"#;
/// let request: PauseRequest = serde_json::from_str(text)?;
/// request.validate()?;
/// assert_eq!(request.step_gt, Some(100));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PauseRequest {
    /// Pause at once.
    #[serde(alias = "inconditional", alias = "now")]
    pub unconditional: bool,
    /// Pause when so many steps are done, or more.
    pub step_gt: Option<u64>,
    /// Pause whenever a multiple of this number of steps is done, at least 1.
    pub step_every: Option<u64>,
    /// Pause so many seconds after the training was started or resumed, at least 0.
    pub time_gt: Option<f64>,
    /// Pause when a number is too high or too low.
    pub metric: Option<MetricCondition>,
    /// What to do whatever the conditions are.
    pub command: Option<PauseCommand>,
}

/// A number that is watched; at least one limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricCondition {
    /// `loss`, `loss/PART`, `gradient_norm`, `rate` or `validation`.
    pub name: String,
    /// Pause above this value.
    #[serde(default)]
    pub above: Option<f64>,
    /// Pause below this value.
    #[serde(default)]
    pub below: Option<f64>,
}

/// What `pause.json` tells a training to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseCommand {
    /// Run on, whatever the conditions say.
    Resume,
    /// Write a snapshot, once, and run on.
    Snapshot,
    /// End with a checkpoint.
    Quit,
}

impl PauseRequest {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        if self.step_every == Some(0) {
            return Err(Error::config("step_every", "at least 1", 0));
        }
        if let Some(seconds) = self.time_gt.filter(|s| !(s.is_finite() && *s >= 0.0)) {
            return Err(Error::config("time_gt", "finite and at least 0", seconds));
        }
        let Some(metric) = &self.metric else {
            return Ok(());
        };
        let limits = [metric.above, metric.below];
        if limits.iter().all(Option::is_none) {
            return Err(Error::config("metric", "a limit `above` or `below`", "none"));
        }
        match limits.iter().flatten().find(|limit| !limit.is_finite()) {
            None => Ok(()),
            Some(limit) => Err(Error::config("metric", "a finite limit", limit)),
        }
    }

    /// Why a training should pause now, if it should.
    fn reason(&self, moment: &Moment) -> Option<String> {
        let Moment { step, seconds, metrics } = moment;
        if self.unconditional {
            return Some("unconditional".to_owned());
        }
        if let Some(limit) = self.step_gt.filter(|limit| step >= limit) {
            return Some(format!("step {step} >= {limit}"));
        }
        if let Some(every) = self.step_every.filter(|every| step.is_multiple_of(*every)) {
            return Some(format!("step {step} is a multiple of {every}"));
        }
        if let Some(limit) = self.time_gt.filter(|limit| seconds >= limit) {
            return Some(format!("{seconds:.1} s >= {limit} s"));
        }
        let MetricCondition { name, above, below } = self.metric.as_ref()?;
        let value = *metrics.get(name)?;
        if let Some(limit) = above.filter(|limit| value > *limit) {
            return Some(format!("{name} {value} > {limit}"));
        }
        let limit = below.filter(|limit| value < *limit)?;
        Some(format!("{name} {value} < {limit}"))
    }
}

/// What conditions are about.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moment {
    /// Steps done.
    pub(super) step: u64,
    /// Since the training was started or resumed.
    pub(super) seconds: f64,
    pub(super) metrics: BTreeMap<String, f64>,
}

impl Moment {
    pub(super) fn new(report: &StepReport, seconds: f64, validation: Option<f64>) -> Self {
        let parts = report.parts.iter().map(|&(name, value)| (format!("loss/{name}"), value));
        let mut metrics: BTreeMap<String, f64> = parts.collect();
        for (name, value) in [
            ("loss", Some(report.loss)),
            ("gradient_norm", Some(report.gradient_norm)),
            ("rate", Some(report.rate)),
            ("validation", validation),
        ] {
            metrics.extend(value.map(|value| (name.to_owned(), value)));
        }
        Self { step: report.step + 1, seconds, metrics }
    }
}

/// What a training is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wish {
    RunOn,
    /// With the reason.
    Pause(String),
    Snapshot,
    Quit,
}

/// The file as it was read last.
pub(super) struct PauseFile {
    path: PathBuf,
    /// Time of change and length of the file that was read.
    read: Option<(SystemTime, u64)>,
    request: PauseRequest,
    /// The command to write a snapshot was obeyed.
    obeyed: bool,
    warned: bool,
}

impl PauseFile {
    pub(super) fn new(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let request = PauseRequest::default();
        Self { path, read: None, request, obeyed: false, warned: false }
    }

    /// What the file, as it is now, wants at a moment.
    pub(super) fn wish(&mut self, moment: &Moment) -> Wish {
        self.refresh();
        match self.request.command {
            Some(PauseCommand::Resume) => return Wish::RunOn,
            Some(PauseCommand::Quit) => return Wish::Quit,
            Some(PauseCommand::Snapshot) if !self.obeyed => {
                self.obeyed = true;
                return Wish::Snapshot;
            }
            Some(PauseCommand::Snapshot) | None => {}
        }
        if let Some(metric) = &self.request.metric
            && !moment.metrics.contains_key(&metric.name)
            && metric.name != "validation"
            && !self.warned
        {
            self.warned = true;
            let known: Vec<&str> = moment.metrics.keys().map(String::as_str).collect();
            let path = self.path.display();
            log::warn!("{path}: there is no '{}'; known are {}", metric.name, known.join(", "));
        }
        self.request.reason(moment).map_or(Wish::RunOn, Wish::Pause)
    }

    /// Reads the file if it has changed.
    fn refresh(&mut self) {
        let stamp =
            fs::metadata(&self.path).and_then(|meta| Ok((meta.modified()?, meta.len()))).ok();
        if stamp == self.read {
            return;
        }
        self.read = stamp;
        if stamp.is_none() {
            self.request = PauseRequest::default();
            return;
        }
        let request = fs::read_to_string(&self.path)
            .map_err(|error| error.to_string())
            .and_then(|text| {
                serde_json::from_str::<PauseRequest>(&text).map_err(|error| error.to_string())
            })
            .and_then(|request| {
                request.validate().map(|()| request).map_err(|error| error.to_string())
            });
        match request {
            Ok(request) => {
                self.request = request;
                self.obeyed = false;
                self.warned = false;
            }
            Err(reason) => log::warn!("{} changes nothing: {reason}", self.path.display()),
        }
    }
}

/// What a training looked like when it paused, in `snapshots/step-000001234/snapshot.json` of the run
/// folder. Beside it lie `batch.safetensors`, inputs and targets of the latest step's first batch, and
/// `outputs.safetensors`, what the network says to it in evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Steps done.
    pub step: u64,
    /// Why it was written.
    pub reason: String,
    /// The checkpoint of the same step.
    pub checkpoint: String,
    /// Loss, its parts, gradient norm, rate and the latest validation score; without what is no number.
    pub metrics: BTreeMap<String, f64>,
    /// Weights and running statistics by name.
    pub weights: BTreeMap<String, TensorStatistics>,
    /// Gradients of the latest step by name, after clipping.
    pub gradients: BTreeMap<String, TensorStatistics>,
    /// Outputs of the layers in evaluation, in the order in which they were computed.
    pub activations: Vec<LayerOutput>,
}

impl Snapshot {
    /// Writes a snapshot below `folder`, the run folder; its path. The trainer stays as it is.
    pub(super) fn write<N: Network>(
        trainer: &Trainer<N>,
        folder: &Path,
        reason: &str,
        moment: &Moment,
        batch: &TranscriptionBatch,
    ) -> Result<PathBuf> {
        let name = format!("step-{:09}", trainer.step);
        let _guard = tch::no_grad_guard();
        let input = tensor::from_array(&batch.inputs, trainer.params.device())?;
        let mode = Mode { train: false, precision: trainer.config().precision };
        let recording = Recording::start();
        let outputs = trainer.network.outputs(&input, mode)?;
        let activations = recording.finish(&trainer.params);
        let snapshot = Self {
            step: trainer.step,
            reason: reason.to_owned(),
            checkpoint: name.clone(),
            metrics: (moment.metrics.iter())
                .filter(|(_, value)| value.is_finite())
                .map(|(name, value)| (name.clone(), *value))
                .collect(),
            weights: weights_of(trainer)?,
            gradients: gradients_of(trainer)?,
            activations,
        };
        let outputs = outputs.iter().map(|(name, tensor)| (*name, tensor));
        let files = [
            ("snapshot.json", json(&snapshot)?),
            ("batch.safetensors", batch_bytes(batch)?),
            ("outputs.safetensors", weights::to_bytes(outputs, None, Storage::F32)?),
        ];
        let parent = folder.join("snapshots");
        let io = |source| Error::Io { action: "make", path: parent.clone(), source };
        fs::create_dir_all(&parent).map_err(io)?;
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        let path = parent.join(name);
        publish::write_folder(&path, &files)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> PauseRequest {
        serde_json::from_str(text).unwrap()
    }

    fn moment(step: u64, seconds: f64, loss: f64) -> Moment {
        Moment { step, seconds, metrics: BTreeMap::from([("loss".to_owned(), loss)]) }
    }

    #[test]
    fn each_condition_holds_when_it_says() {
        let metric = |limit| format!(r#"{{ "metric": {{ "name": "loss", {limit} }} }}"#);
        for (text, step, seconds, loss, holds) in [
            ("{}".to_owned(), 1, 9.0, 9.0, false),
            (r#"{ "now": true }"#.to_owned(), 1, 0.0, 1.0, true),
            (r#"{ "inconditional": true }"#.to_owned(), 1, 0.0, 1.0, true),
            (r#"{ "step_gt": 5 }"#.to_owned(), 4, 0.0, 1.0, false),
            (r#"{ "step_gt": 5 }"#.to_owned(), 5, 0.0, 1.0, true),
            (r#"{ "step_every": 5 }"#.to_owned(), 9, 0.0, 1.0, false),
            (r#"{ "step_every": 5 }"#.to_owned(), 10, 0.0, 1.0, true),
            (r#"{ "time_gt": 2.5 }"#.to_owned(), 1, 2.4, 1.0, false),
            (r#"{ "time_gt": 2.5 }"#.to_owned(), 1, 2.6, 1.0, true),
            (metric("\"above\": 2"), 1, 0.0, 2.0, false),
            (metric("\"above\": 2"), 1, 0.0, 2.1, true),
            (metric("\"below\": 2"), 1, 0.0, 1.9, true),
            (metric("\"below\": 2"), 1, 0.0, f64::NAN, false),
            (r#"{ "metric": { "name": "lost", "above": 0 } }"#.to_owned(), 1, 0.0, 9.0, false),
        ] {
            let request = request(&text);
            request.validate().unwrap();
            let reason = request.reason(&moment(step, seconds, loss));
            assert_eq!(reason.is_some(), holds, "{text}: {reason:?}");
        }
    }

    #[test]
    fn senseless_requests_are_refused_by_name() {
        for (text, name) in [
            (r#"{ "step_every": 0 }"#, "step_every"),
            (r#"{ "time_gt": -1 }"#, "time_gt"),
            (r#"{ "metric": { "name": "loss" } }"#, "metric"),
        ] {
            match request(text).validate() {
                Err(Error::Config { field, .. }) => assert_eq!(field, name),
                other => panic!("{text}: {other:?}"),
            }
        }
        assert!(serde_json::from_str::<PauseRequest>(r#"{ "stepgt": 3 }"#).is_err());
    }

    #[test]
    fn the_file_is_read_when_it_changes_and_a_bad_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = PauseFile::new(folder.path());
        let now = moment(5, 0.0, 1.0);
        let write = |text: &str| fs::write(folder.path().join(FILE), text).unwrap();
        assert_eq!(file.wish(&now), Wish::RunOn);
        write(r#"{ "step_gt": 5 }"#);
        assert_eq!(file.wish(&now), Wish::Pause("step 5 >= 5".to_owned()));
        write(r#"{ "step_gt": "#);
        assert!(matches!(file.wish(&now), Wish::Pause(_)));
        write(r#"{ "step_gt": 5, "command": "resume" }"#);
        assert_eq!(file.wish(&now), Wish::RunOn);
        write(r#"{ "command": "snapshot" }"#);
        assert_eq!(file.wish(&now), Wish::Snapshot);
        assert_eq!(file.wish(&now), Wish::RunOn, "one snapshot for one request");
        write(r#"{ "command": "quit" }"#);
        assert_eq!(file.wish(&now), Wish::Quit);
        fs::remove_file(folder.path().join(FILE)).unwrap();
        assert_eq!(file.wish(&now), Wish::RunOn);
    }
}
