//! Downloads: the archives of open data sets, complete and unchanged, or a word on how to get the others.
//!
//! A file is written under a hidden name, goes on where it stopped, and gets its own name when its checksum
//! is right; then it is unpacked by [`archive`]. Data sets that are handed out on request give
//! [`Error::Manual`], which says whom to ask, under which terms, and where to put what comes.
//!
//! ```no_run
//! use mir_datasets::{download::{DownloadConfig, download}, loaders::find};
//!
//! let guitarset = find("guitarset")?.info;
//! println!("{}", guitarset.license);
//! let got = download(guitarset, &["annotation"], "/data/guitarset", &DownloadConfig::default(), &|_| {})?;
//! println!("{} files", got[0].files);
//! # Ok::<(), mir_datasets::Error>(())
//! ```

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use ureq::Agent;

use crate::{
    Error, Result,
    archive::{self, ArchiveConfig},
    index::Digests,
    loaders::{Checksum, Info, Remote},
};

/// How to download.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DownloadConfig {
    /// Attempts after the first, at each address.
    pub retries: u32,
    /// Seconds before the second attempt; each next waits twice as long. 0 to 3600.
    pub backoff: f64,
    /// Seconds to wait for a connection and for an answer, above 0.
    pub timeout: f64,
    /// Addresses of folders to look for the files in before their own.
    pub mirrors: Vec<String>,
    /// Whether a file with another checksum is kept, with a warning in the log: for servers and proxies that
    /// change what they pass on.
    pub accept_wrong_checksum: bool,
    /// Whether the archive stays after it was unpacked.
    pub keep_archives: bool,
    /// How to unpack.
    pub archive: ArchiveConfig,
}

impl Default for DownloadConfig {
    /// Five retries from two seconds on, thirty seconds of patience, archives kept.
    fn default() -> Self {
        Self {
            retries: 5,
            backoff: 2.0,
            timeout: 30.0,
            mirrors: Vec::new(),
            accept_wrong_checksum: false,
            keep_archives: true,
            archive: ArchiveConfig::default(),
        }
    }
}

impl DownloadConfig {
    fn validate(&self) -> Result<()> {
        let fields = [
            ("backoff", self.backoff, (0.0..=3600.0).contains(&self.backoff), "0 to 3600 s"),
            (
                "timeout",
                self.timeout,
                (1e-3..=86_400.0).contains(&self.timeout),
                "0.001 to 86400 s",
            ),
        ];
        match fields.into_iter().find(|(_, _, good, _)| !good) {
            None => Ok(()),
            Some((field, value, _, expected)) => {
                Err(Error::InvalidConfig { field, expected, actual: value.to_string() })
            }
        }
    }
}

/// How far a download is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownloadProgress {
    /// Name of the remote.
    pub remote: &'static str,
    /// Bytes that are there.
    pub done: u64,
    /// Bytes in all, if the server says.
    pub total: Option<u64>,
}

/// What became of a remote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Downloaded {
    /// Name of the remote.
    pub remote: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Whether it was there already, with the right checksum.
    pub was_there: bool,
    /// Files that came out of it, 0 where it is no archive.
    pub files: usize,
}

/// Downloads archives of a data set into its folder and unpacks them: those named, or all if none is.
///
/// What is there with the right checksum is not downloaded again, so that this works without a network once
/// it has succeeded.
///
/// # Errors
/// [`Error::Manual`] for a data set without open archives; [`Error::InvalidConfig`] for a name that it does not
/// have; [`Error::Download`] when all attempts failed, [`Error::Checksum`] for a file with another content;
/// those of [`archive::extract`].
pub fn download(
    info: &'static Info,
    names: &[&str],
    root: impl AsRef<Path>,
    config: &DownloadConfig,
    progress: &dyn Fn(DownloadProgress),
) -> Result<Vec<Downloaded>> {
    config.validate()?;
    let root = root.as_ref();
    if info.remotes.is_empty() {
        return Err(Error::Manual {
            dataset: info.title,
            home: info.home,
            license: info.license,
            layout: info.layout,
            root: root.to_owned(),
        });
    }
    if let Some(unknown) = names.iter().find(|name| info.remotes.iter().all(|r| r.name != **name)) {
        return Err(Error::InvalidConfig {
            field: "name of a remote",
            expected: "one of those that the data set lists",
            actual: (*unknown).to_owned(),
        });
    }
    fs::create_dir_all(root).map_err(io_error("create", root))?;
    let wanted = |remote: &&Remote| names.is_empty() || names.contains(&remote.name);
    info.remotes.iter().filter(wanted).map(|remote| fetch(remote, root, config, progress)).collect()
}

fn io_error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action, path: path.clone(), source }
}

/// Downloads one file, checks it, gives it its name and unpacks it.
///
/// # Errors
/// As [`download`].
pub fn fetch(
    remote: &Remote,
    root: &Path,
    config: &DownloadConfig,
    progress: &dyn Fn(DownloadProgress),
) -> Result<Downloaded> {
    let path = root.join(remote.file);
    let was_there = path.is_file() && mismatch(remote, &path)?.is_none();
    if !was_there {
        let part = root.join(format!(".{}.part", remote.file));
        transfer(remote, &part, config, progress)?;
        if let Some((expected, found)) = mismatch(remote, &part)? {
            if !config.accept_wrong_checksum {
                // What is wrong cannot be gone on with.
                fs::remove_file(&part).map_err(io_error("remove", &part))?;
                return Err(Error::Checksum { path, expected, found });
            }
            log::warn!("{}: digest {found} instead of {expected}, kept as asked", path.display());
        }
        fs::rename(&part, &path).map_err(io_error("write", &path))?;
    }
    let mut files = 0;
    if let Some(folder) = remote.unpack {
        files = archive::extract(&path, root.join(folder), &config.archive)?.files.len();
        if !config.keep_archives {
            fs::remove_file(&path).map_err(io_error("remove", &path))?;
        }
    }
    Ok(Downloaded { remote: remote.name, path, was_there, files })
}

/// The digest that a file should have and the one that it has, if they differ.
fn mismatch(remote: &Remote, path: &Path) -> Result<Option<(String, String)>> {
    let digests = Digests::of_file(path)?;
    let (expected, found) = match remote.checksum {
        Checksum::Md5(expected) => (expected, digests.md5),
        Checksum::Sha256(expected) => (expected, digests.sha256),
    };
    Ok((!expected.eq_ignore_ascii_case(&found)).then(|| (expected.to_owned(), found)))
}

/// Fills `part` from the mirrors and the address, with retries.
fn transfer(
    remote: &Remote,
    part: &Path,
    config: &DownloadConfig,
    progress: &dyn Fn(DownloadProgress),
) -> Result<()> {
    let timeout = Some(Duration::from_secs_f64(config.timeout));
    let agent: Agent = Agent::config_builder()
        .timeout_connect(timeout)
        .timeout_recv_response(timeout)
        .http_status_as_error(false)
        .build()
        .into();
    let mirrors = config.mirrors.iter();
    let mut urls: Vec<String> =
        mirrors.map(|base| format!("{}/{}", base.trim_end_matches('/'), remote.file)).collect();
    urls.push(remote.url.to_owned());
    let mut last = None;
    for url in urls {
        for attempt in 0..=config.retries {
            if attempt > 0 {
                let wait = config.backoff * 2f64.powi(attempt.min(20) as i32 - 1);
                std::thread::sleep(Duration::from_secs_f64(wait.min(3600.0)));
            }
            match once(&agent, &url, remote, part, progress) {
                Ok(()) => return Ok(()),
                Err(Fault::Disk(error)) => return Err(io_error("write", part)(error)),
                Err(Fault::Network(cause)) => {
                    log::warn!("{url}: {cause}");
                    last = Some(Error::Download { url: url.clone(), source: cause });
                }
            }
        }
    }
    Err(last.expect("there is at least one address and one attempt"))
}

/// Why an attempt failed: only faults of the network are worth another.
enum Fault {
    Network(crate::Cause),
    Disk(io::Error),
}

fn once(
    agent: &Agent,
    url: &str,
    remote: &Remote,
    part: &Path,
    progress: &dyn Fn(DownloadProgress),
) -> Result<(), Fault> {
    let network = |cause: String| Fault::Network(cause.into());
    let mut done = fs::metadata(part).map_or(0, |about| about.len());
    let mut request = agent.get(url);
    if done > 0 {
        request = request.header("Range", format!("bytes={done}-"));
    }
    let response = request.call().map_err(|error| Fault::Network(Box::new(error)))?;
    let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    let length: Option<u64> = header("content-length").and_then(|text| text.parse().ok());
    match response.status().as_u16() {
        200 => done = 0,
        206 => {
            let range = header("content-range").unwrap_or_default();
            if !range.starts_with(&format!("bytes {done}-")) {
                return Err(network(format!("the server sent the range '{range}'")));
            }
        }
        // There is nothing after what we have: the checksum decides whether that is all.
        416 if done > 0 => return Ok(()),
        status => return Err(network(format!("the server answered {status}"))),
    }
    let total = length.map(|length| done + length);
    let mut options = OpenOptions::new();
    let options = options.create(true).write(true).append(done > 0).truncate(done == 0);
    let mut file: File = options.open(part).map_err(Fault::Disk)?;
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Fault::Network(Box::new(error))),
        };
        file.write_all(&buffer[..count]).map_err(Fault::Disk)?;
        done += count as u64;
        progress(DownloadProgress { remote: remote.name, done, total });
    }
    file.sync_all().map_err(Fault::Disk)?;
    match total {
        Some(total) if total != done => Err(network(format!("{done} of {total} bytes came"))),
        _ => Ok(()),
    }
}
