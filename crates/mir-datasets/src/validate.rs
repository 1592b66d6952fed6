//! Validation: is every file of a data set there, and is it what it should be?
//!
//! [`validate`] compares a folder with an [`Index`]; [`check`] reads every recording of a data set instead,
//! for those that have no index.
//!
//! ```no_run
//! use mir_datasets::{Index, ValidateConfig, validate};
//!
//! let index = Index::read("maestro_index_2.0.0.json")?;
//! let config = ValidateConfig { cache: Some("maestro.cache.json".into()), ..Default::default() };
//! let report = validate("/data/maestro", &index, &config)?;
//! println!("{} good, {} missing, {} invalid", report.good, report.missing.len(), report.invalid.len());
//! # Ok::<(), mir_datasets::Error>(())
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant, UNIX_EPOCH},
};

use mir_core::publish;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    Dataset, Error, Result, TrackId,
    index::{Digests, FileId, Index, IndexedFile},
    random,
    stats::chain,
};

/// What to validate, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidateConfig {
    /// Only the files of this track; `None` for all.
    pub id: Option<String>,
    /// Only files of this key, `audio` say; `None` for all.
    pub key: Option<String>,
    /// Only so many files, drawn by `seed`; `None` for all.
    pub sample: Option<usize>,
    /// Seed of the sample.
    pub seed: u64,
    /// Whether to list files below the folder that the index does not name.
    pub extra: bool,
    /// File that remembers digests by path, size and time of change. A run that was interrupted goes on
    /// where it stopped, and a later one hashes only what has changed.
    pub cache: Option<PathBuf>,
}

/// A file that is not what the index says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Invalid {
    /// Which file.
    pub file: FileId,
    /// Its path below the folder.
    pub path: String,
    /// The size that the index says, if it does.
    pub expected_size: Option<u64>,
    /// The digest that the index says.
    pub expected: String,
    /// What it is.
    pub found: Digests,
}

/// What a folder has of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ValidationReport {
    /// Files that are what they should be, or whose digest the index does not know.
    pub good: usize,
    /// Entries without a path.
    pub null: usize,
    /// Files that are not there.
    pub missing: Vec<FileId>,
    /// Files with another content.
    pub invalid: Vec<Invalid>,
    /// Files that cannot be read, and why.
    pub unreadable: Vec<(FileId, String)>,
    /// Files that the index does not name, if they were asked for; in order.
    pub extra: Vec<String>,
    /// Files whose digests came from the cache.
    pub cached: usize,
}

impl ValidationReport {
    /// Whether nothing is missing, invalid or unreadable.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.invalid.is_empty() && self.unreadable.is_empty()
    }
}

/// What the cache keeps of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    /// Time of change in nanoseconds of the Unix epoch.
    changed: u64,
    #[serde(flatten)]
    digests: Digests,
}

/// The remembered digests, and when they were last written down.
struct Cache {
    path: PathBuf,
    seen: BTreeMap<String, Seen>,
    written: Instant,
}

/// Time between two writings of the cache.
const WRITE_EVERY: Duration = Duration::from_secs(5);

impl Cache {
    /// A cache that cannot be used is as good as none: it only saves time.
    fn open(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let seen = serde_json::from_str(&text).unwrap_or_default();
        Self { path: path.to_owned(), seen, written: Instant::now() }
    }

    fn write(&mut self) -> Result<()> {
        self.written = Instant::now();
        let text = serde_json::to_string(&self.seen)
            .map_err(|source| mir_core::Error::Json { path: self.path.clone(), source })?;
        Ok(publish::write(&self.path, text.as_bytes())?)
    }
}

/// What became of one file.
enum Outcome {
    Good { cached: bool },
    Missing,
    Invalid(Box<Invalid>),
    Unreadable(String),
}

/// Compares the files below a folder with an index, in parallel.
///
/// Digests are taken over the bytes of the files as they are, compressed or not. SHA-256 counts where the
/// index has it, otherwise MD5; a file whose size is another is not hashed for the comparison alone.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be listed, [`Error::Core`] if the cache cannot be written. What is
/// wrong with single files is in the report.
pub fn validate(
    root: impl AsRef<Path>,
    index: &Index,
    config: &ValidateConfig,
) -> Result<ValidationReport> {
    let root = root.as_ref();
    let cache = config.cache.as_deref().map(|path| Mutex::new(Cache::open(path)));
    let chosen = choose(index, config);
    let mut report = ValidationReport {
        null: chosen.iter().filter(|file| file.path.is_none()).count(),
        ..ValidationReport::default()
    };
    let outcomes = chosen
        .par_iter()
        .filter_map(|file| Some((*file, file.path.as_deref()?)))
        .map(|(file, path)| Ok((file, examine(root, file, path, cache.as_ref())?)))
        .collect::<Result<Vec<_>>>()?;
    for (file, outcome) in outcomes {
        match outcome {
            Outcome::Good { cached } => {
                report.good += 1;
                report.cached += usize::from(cached);
            }
            Outcome::Missing => report.missing.push(file.id.clone()),
            Outcome::Invalid(invalid) => report.invalid.push(*invalid),
            Outcome::Unreadable(reason) => report.unreadable.push((file.id.clone(), reason)),
        }
    }
    if let Some(cache) = cache {
        cache.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).write()?;
    }
    if config.extra {
        let named: BTreeSet<&str> =
            index.files().iter().filter_map(|file| file.path.as_deref()).collect();
        walk(root, "", &mut |path| {
            if !named.contains(path) {
                report.extra.push(path.to_owned());
            }
        })?;
        report.extra.sort();
    }
    Ok(report)
}

/// The files that the configuration asks for.
fn choose<'a>(index: &'a Index, config: &ValidateConfig) -> Vec<&'a IndexedFile> {
    let wanted = |file: &&IndexedFile| {
        config.id.as_ref().is_none_or(|id| *id == file.id.id)
            && config.key.as_ref().is_none_or(|key| *key == file.id.key)
    };
    let files: Vec<&IndexedFile> = index.files().iter().filter(wanted).collect();
    match config.sample {
        Some(count) if count < files.len() => {
            let mut rng = random::stream(config.seed, 0, 0, random::Purpose::Choice);
            let mut drawn = random::permutation(&mut rng, files.len());
            drawn.truncate(count);
            drawn.sort_unstable();
            drawn.into_iter().map(|at| files[at]).collect()
        }
        _ => files,
    }
}

fn examine(
    root: &Path,
    file: &IndexedFile,
    path: &str,
    cache: Option<&Mutex<Cache>>,
) -> Result<Outcome> {
    let full = root.join(path);
    let about = match std::fs::metadata(&full) {
        Ok(about) if about.is_file() => about,
        Ok(_) => return Ok(Outcome::Unreadable("it is no file".to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Outcome::Missing),
        Err(error) => return Ok(Outcome::Unreadable(error.to_string())),
    };
    let Some(expected) = file.sha256.as_ref().or(file.md5.as_ref()) else {
        return Ok(Outcome::Good { cached: false });
    };
    let changed = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let changed = changed.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let remembered = cache.zip(changed).and_then(|(cache, changed)| {
        let cache = cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let seen = cache.seen.get(path)?;
        (seen.changed == changed && seen.digests.size == about.len()).then(|| seen.digests.clone())
    });
    let cached = remembered.is_some();
    let found = match remembered.map_or_else(|| Digests::of_file(&full), Ok) {
        Ok(found) => found,
        Err(error) => return Ok(Outcome::Unreadable(chain(&error))),
    };
    if let (Some(cache), Some(changed), false) = (cache, changed, cached) {
        let mut cache = cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let seen = Seen { changed, digests: found.clone() };
        cache.seen.insert(path.to_owned(), seen);
        if cache.written.elapsed() >= WRITE_EVERY {
            cache.write()?;
        }
    }
    let digest = if file.sha256.is_some() { &found.sha256 } else { &found.md5 };
    let sizes_agree = file.size.is_none_or(|size| size == found.size);
    if digest.eq_ignore_ascii_case(expected) && sizes_agree {
        return Ok(Outcome::Good { cached });
    }
    Ok(Outcome::Invalid(Box::new(Invalid {
        file: file.id.clone(),
        path: path.to_owned(),
        expected_size: file.size,
        expected: expected.clone(),
        found,
    })))
}

/// All files below a folder, as paths with slashes. Links are not followed.
fn walk(folder: &Path, prefix: &str, visit: &mut impl FnMut(&str)) -> Result<()> {
    let failed = |source| Error::Io { action: "list", path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(failed)?.is_dir() {
            walk(&entry.path(), &format!("{name}/"), visit)?;
        } else {
            visit(&name);
        }
    }
    Ok(())
}

/// What reading every recording of a data set found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Recordings of which everything is there and can be read.
    pub good: usize,
    /// Files that are not there.
    pub missing: Vec<(TrackId, PathBuf)>,
    /// Annotations and audio files that cannot be read, and why.
    pub faulty: Vec<(TrackId, String)>,
}

/// Reads every annotation of a data set and the headers of its audio files, in parallel.
pub fn check(dataset: &dyn Dataset) -> Check {
    let examined: Vec<(TrackId, Vec<PathBuf>, Vec<String>)> = dataset
        .tracks()
        .par_iter()
        .map(|track| {
            let (there, missing): (Vec<PathBuf>, Vec<PathBuf>) =
                track.files().into_iter().partition(|path| path.is_file());
            let mut faults = Vec::new();
            for label in track.labels() {
                match track.annotation(label) {
                    Ok(_) | Err(Error::MissingFile { .. }) => {}
                    Err(error) => faults.push(chain(&error)),
                }
            }
            for path in there.iter().filter(|path| is_audio(path)) {
                if let Err(error) = mir_audio::info(path) {
                    faults.push(chain(&error));
                }
            }
            (track.id().clone(), missing, faults)
        })
        .collect();
    let mut check = Check::default();
    for (id, missing, faults) in examined {
        check.good += usize::from(missing.is_empty() && faults.is_empty());
        check.missing.extend(missing.into_iter().map(|path| (id.clone(), path)));
        check.faulty.extend(faults.into_iter().map(|fault| (id.clone(), fault)));
    }
    check
}

fn is_audio(path: &Path) -> bool {
    let known = ["wav", "flac", "ogg", "mp3", "mp4", "m4a", "aif", "aiff"];
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    known.contains(&ending.as_str())
}
