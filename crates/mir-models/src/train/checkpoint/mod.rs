//! Checkpoints: everything that a run needs to go on, published as one folder.
//!
//! `checkpoints/step-000012345/` holds `model.safetensors`, `optimizer.safetensors`, `ema.safetensors`
//! where weights are averaged, `trainer.json`, and `MANIFEST.json` with size and fingerprint of each,
//! written last. The folder is filled under a temporary name, synced, and renamed. A reader accepts
//! only folders whose files all match their manifest, the newest first.
//!
//! The newest ones are kept, and that of the best validation score, whose name is in the text file `best`
//! beside them; the newest one is known by its name.

mod writer;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use mir_core::{Fingerprint, batch::BatchPosition, publish};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    config::{NonFiniteConfig, OutOfMemoryPolicy, TrainConfig},
    schedule::Plateau,
    train::{
        EarlyStopping, Network, Trainer, Trouble,
        incident::{architecture_of, onsets_frames},
    },
    weights::{self, Storage},
};

pub(crate) use writer::CheckpointWriter;

/// What `trainer.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointInfo {
    /// Version of the layout, 2.
    pub version: u32,
    /// Steps taken.
    pub step: u64,
    /// Where the next batch comes from.
    pub position: BatchPosition,
    /// Updates of each parameter.
    pub optimizer_steps: BTreeMap<String, u64>,
    /// The factor on the learning rate and what it depends on.
    pub plateau: Plateau,
    /// The best validation and the patience that is left.
    #[serde(default)]
    pub stopping: EarlyStopping,
    /// Skips, rollbacks and cuts.
    #[serde(default)]
    pub trouble: Trouble,
    /// What kind of network it is.
    #[serde(default = "onsets_frames")]
    pub network: String,
    /// The network.
    architecture: serde_json::Value,
    /// The training.
    pub train: TrainConfig,
    /// Fingerprint of the data that it was trained on.
    pub data: Fingerprint,
    /// Best validation score so far and the step it was reached at.
    pub best: Option<(f64, u64)>,
}

/// Size and fingerprint of one file of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ManifestEntry {
    bytes: u64,
    fingerprint: Fingerprint,
}

type Manifest = BTreeMap<String, ManifestEntry>;

/// Version of the layout of a checkpoint.
const VERSION: u32 = 2;
/// Holds the name of the best checkpoint.
const BEST: &str = "best";
const MANIFEST: &str = "MANIFEST.json";
const TRAINER: &str = "trainer.json";
const MODEL: &str = "model.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const EMA: &str = "ema.safetensors";

impl<N: Network> Trainer<N> {
    /// Writes a checkpoint below `folder` and removes the oldest ones beyond the number to keep, but for
    /// that of the best score. Returns its path.
    ///
    /// # Errors
    /// [`Error::Core`] if it cannot be written: nothing half-written is left then, and older checkpoints
    /// stay.
    pub fn save_checkpoint(
        &self,
        folder: &Path,
        data: Fingerprint,
        best: Option<(f64, u64)>,
    ) -> Result<PathBuf> {
        self.checkpoint(data, best)?.write(folder)
    }

    /// A copy of everything that a checkpoint holds, which later steps do not change.
    fn checkpoint(&self, data: Fingerprint, best: Option<(f64, u64)>) -> Result<Checkpoint> {
        let info = CheckpointInfo {
            version: VERSION,
            step: self.step,
            position: self.position,
            optimizer_steps: self.optimizer.steps(),
            plateau: self.plateau.clone(),
            stopping: self.stopping.clone(),
            trouble: self.trouble.clone(),
            network: N::NAME.to_owned(),
            architecture: architecture_of(self)?,
            train: self.config().clone(),
            data,
            best,
        };
        let state: Vec<_> = self.optimizer.tensors().collect();
        let state = state.iter().map(|(name, tensor)| (name.as_str(), *tensor));
        let mut files = vec![
            (MODEL, weights::to_bytes(self.params.all(), None, Storage::F32)?),
            (OPTIMIZER, weights::to_bytes(state, None, Storage::F32)?),
            (TRAINER, json(&info)?),
        ];
        if let Some(ema) = &self.ema {
            files.push((EMA, weights::to_bytes(ema.tensors(), None, Storage::F32)?));
        }
        Ok(Checkpoint {
            step: self.step,
            best: best.map(|(_, step)| step),
            keep: self.config().keep_checkpoints,
            files,
        })
    }

    /// Puts a checkpoint's state into this trainer, which has to be of the same configuration.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the folder is incomplete, damaged, or of another network, training or
    /// data set, naming what differs.
    pub fn restore(&mut self, checkpoint: &Path, data: Fingerprint) -> Result<CheckpointInfo> {
        let wrong = |reason: String| Error::Checkpoint { path: checkpoint.to_owned(), reason };
        let files = verified(checkpoint)?;
        let file = |name: &str| {
            files.get(name).ok_or_else(|| wrong(format!("{name} is not in the manifest")))
        };
        let info: CheckpointInfo = serde_json::from_slice(file(TRAINER)?)
            .map_err(|error| wrong(format!("{TRAINER} is not understood: {error}")))?;
        if info.version != VERSION {
            return Err(wrong(format!("layout {}, expected {VERSION}; train anew", info.version)));
        }
        let architecture = serde_json::from_value::<N::Config>(info.architecture.clone());
        let same = architecture.is_ok_and(|architecture| architecture == *self.architecture());
        if info.network != N::NAME || !same {
            return Err(wrong(
                "it belongs to another network; resume with its configuration".to_owned(),
            ));
        }
        if !same_course(&info.train, self.config()) {
            return Err(wrong(
                "it belongs to another training configuration; only logging, validation and \
                 checkpoint intervals, early stopping and what happens in trouble may change at a \
                 resume"
                    .to_owned(),
            ));
        }
        if info.data != data {
            return Err(wrong(format!(
                "it was trained on data {}, these are {data}; resume on the same data",
                info.data
            )));
        }
        weights::fill(file(MODEL)?, &checkpoint.join(MODEL), self.params.all())?;
        let state: Vec<_> = self.optimizer.tensors().collect();
        let targets = state.iter().map(|(name, tensor)| (name.as_str(), *tensor));
        weights::fill(file(OPTIMIZER)?, &checkpoint.join(OPTIMIZER), targets)?;
        if let Some(ema) = &self.ema {
            weights::fill(file(EMA)?, &checkpoint.join(EMA), ema.tensors())?;
        }
        if !self.optimizer.restore_steps(&info.optimizer_steps) {
            return Err(wrong("its optimiser has other parameters".to_owned()));
        }
        self.plateau = info.plateau.clone();
        self.stopping = info.stopping.clone();
        self.trouble = info.trouble.clone();
        self.step = info.step;
        self.position = info.position;
        Ok(info)
    }
}

/// The content of a checkpoint, not yet on disk.
struct Checkpoint {
    step: u64,
    /// Step of the best score so far.
    best: Option<u64>,
    /// Checkpoints to keep.
    keep: usize,
    files: Vec<(&'static str, Vec<u8>)>,
}

impl Checkpoint {
    fn write(self, folder: &Path) -> Result<PathBuf> {
        let bytes = self.files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        // A system that does not know how much room there is, is none that has none.
        if let Ok(free) = fs4::available_space(folder) {
            leaves_room(folder, bytes, free)?;
        }
        let manifest: Manifest = self
            .files
            .iter()
            .map(|(name, bytes)| {
                let fingerprint = Fingerprint::of_bytes(bytes);
                ((*name).to_owned(), ManifestEntry { bytes: bytes.len() as u64, fingerprint })
            })
            .collect();
        let manifest = json(&manifest)?;
        let mut files: Vec<_> =
            self.files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        files.push((MANIFEST, &manifest));
        let path = folder.join(folder_name(self.step));
        publish::write_folder(&path, &files)?;
        if let Some(best) = self.best {
            point_to_best(folder, best)?;
        }
        self.retire(folder);
        Ok(path)
    }

    /// Removes the oldest checkpoints but the best. A failure to remove is no reason to stop a training.
    fn retire(&self, folder: &Path) {
        let mut found = checkpoints(folder);
        found.retain(|&(step, _)| Some(step) != self.best);
        found.sort();
        let surplus = found.len().saturating_sub(self.keep);
        for (_, path) in &found[..surplus] {
            if let Err(error) = fs::remove_dir_all(path) {
                log::warn!("cannot remove the old checkpoint {}: {error}", path.display());
            }
        }
    }
}

/// Whether a disk with so many free bytes has room for twice a checkpoint: the training writes its log there too, and
/// nothing is gained by a write that fills the disk before it fails.
fn leaves_room(folder: &Path, bytes: u64, free: u64) -> Result<()> {
    let wanted = 2 * bytes;
    if free >= wanted {
        return Ok(());
    }
    let message = format!(
        "{} MB are free, {} MB wanted, which is twice a checkpoint",
        free / 1_000_000,
        wanted.div_ceil(1_000_000)
    );
    let source = io::Error::new(io::ErrorKind::StorageFull, message);
    Err(Error::Io { action: "write a checkpoint to", path: folder.to_owned(), source })
}

/// Writes the name of the best checkpoint, if the file does not hold it: a run that was killed between the
/// two writes makes up for it with its next checkpoint.
fn point_to_best(folder: &Path, best: u64) -> Result<()> {
    let (file, name) = (folder.join(BEST), folder_name(best));
    let named = fs::read_to_string(&file).is_ok_and(|text| text.trim() == name);
    if !named && folder.join(&name).is_dir() {
        publish::write(file, format!("{name}\n").as_bytes())?;
    }
    Ok(())
}

/// The newest complete checkpoint below a folder, `None` if there is none. Damaged ones are passed over
/// with a warning, leftovers of an interrupted write cleared up: not for a folder into which a training is
/// writing at the time.
pub fn latest_checkpoint(folder: &Path) -> Option<PathBuf> {
    publish::recover_folders(folder);
    // What a death while the name of the best was written left, named as `AtomicFile` names it.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&format!("{BEST}.tmp-")) {
            let _ = fs::remove_file(entry.path());
        }
    }
    let mut found = checkpoints(folder);
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).find(|path| match verified(path) {
        Ok(_) => true,
        Err(error) => {
            log::warn!("passed over: {error}");
            false
        }
    })
}

/// The checkpoint of the best validation score below a folder, if there is one and it is complete.
pub fn best_checkpoint(folder: &Path) -> Option<PathBuf> {
    let name = fs::read_to_string(folder.join(BEST)).ok()?;
    let step: u64 = name.trim().strip_prefix("step-")?.parse().ok()?;
    let path = folder.join(folder_name(step));
    match verified(&path) {
        Ok(_) => Some(path),
        Err(error) => {
            log::warn!("passed over: {error}");
            None
        }
    }
}

/// Whether two configurations train the same way: all fields but the intervals, the end, and what happens
/// in trouble.
fn same_course(a: &TrainConfig, b: &TrainConfig) -> bool {
    let course = |config: &TrainConfig| TrainConfig {
        validate_every: 1,
        checkpoint_every: 1,
        keep_checkpoints: 1,
        log_every: 1,
        early_stopping: None,
        non_finite: NonFiniteConfig::default(),
        out_of_memory: OutOfMemoryPolicy::default(),
        ..config.clone()
    };
    course(a) == course(b)
}

fn folder_name(step: u64) -> String {
    format!("step-{step:09}")
}

/// Checkpoint folders with their steps.
fn checkpoints(folder: &Path) -> Vec<(u64, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let step = name.to_str()?.strip_prefix("step-")?.parse().ok()?;
            Some((step, entry.path()))
        })
        .collect()
}

/// The files of a checkpoint, each checked against the manifest.
fn verified(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let wrong = |reason: String| Error::Checkpoint { path: folder.to_owned(), reason };
    let read = |name: &str| {
        fs::read(folder.join(name))
            .map_err(|error| wrong(format!("{name} cannot be read: {error}")))
    };
    let manifest: Manifest = serde_json::from_slice(&read(MANIFEST)?)
        .map_err(|error| wrong(format!("{MANIFEST} is not understood: {error}")))?;
    let mut files = BTreeMap::new();
    for (name, entry) in manifest {
        let bytes = read(&name)?;
        if bytes.len() as u64 != entry.bytes || Fingerprint::of_bytes(&bytes) != entry.fingerprint {
            return Err(wrong(format!("{name} is damaged; use an older checkpoint")));
        }
        files.insert(name, bytes);
    }
    Ok(files)
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(|source| Error::Json { what: "a checkpoint", source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_wants_twice_its_room() {
        let folder = Path::new("runs/1/checkpoints");
        assert!(leaves_room(folder, 5_000_000, 10_000_000).is_ok());
        let error = leaves_room(folder, 5_000_000, 9_999_999).unwrap_err();
        let Error::Io { source, .. } = &error else { panic!("{error}") };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().contains("runs/1/checkpoints"), "{error}");
        assert!(source.to_string().starts_with("9 MB are free, 10 MB wanted"), "{source}");
    }
}
