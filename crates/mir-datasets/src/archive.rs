//! Archives: what is in a zip or tar file, and how does it get onto the disk without doing harm?
//!
//! Reads zip (stored and deflated, zip64), tar, tar.gz, tar.bz2 and single .gz files, known by their first
//! bytes. An archive comes from elsewhere, so:
//!
//! - names that are absolute, hold `..`, a drive letter or a backslash are refused, and so are links and
//!   devices, before anything is written where it stays;
//! - entries are unpacked into a folder of their own beside the target and moved only when all are complete:
//!   an archive that ends too early leaves nothing;
//! - nothing is held in memory whole, and an archive that grows too much ends in an error.
//!
//! Old zip files do not say how their names are encoded. Bytes that are valid UTF-8 are that; others are in
//! the encoding of [`ArchiveConfig::names`], and [`Extracted::renamed`] lists them.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use zip::ZipArchive;

use crate::{Cause, Error, Result};

/// How to unpack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArchiveConfig {
    /// Encoding of names in zip files that do not say it and are no UTF-8.
    pub names: NameEncoding,
    /// Whether to leave out what other systems add: `__MACOSX/`, `._*`, `.DS_Store`.
    pub skip_side_files: bool,
    /// Whether files that are there already may be replaced; otherwise they are an error.
    pub overwrite: bool,
    /// Most entries.
    pub max_entries: usize,
    /// How many times larger than the archive its content may be, at least 1. The first 64 MiB are free.
    pub max_ratio: f64,
}

impl Default for ArchiveConfig {
    /// CP437, without side files, nothing replaced, two million entries, two hundred times the size.
    fn default() -> Self {
        Self {
            names: NameEncoding::Cp437,
            skip_side_files: true,
            overwrite: false,
            max_entries: 2_000_000,
            max_ratio: 200.0,
        }
    }
}

/// An encoding of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameEncoding {
    /// That of the first personal computers, which the format names.
    Cp437,
    /// ISO 8859-1.
    Latin1,
}

/// What came out of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Extracted {
    /// Files below the target, in the order of the archive.
    pub files: Vec<PathBuf>,
    /// Entries that were left out as side files.
    pub skipped: usize,
    /// Names whose encoding had to be guessed.
    pub renamed: Vec<String>,
    /// Bytes written.
    pub bytes: u64,
}

/// Content up to here is never too large.
const FREE_BYTES: u64 = 64 << 20;

/// Unpacks an archive into a folder, which is made if it is not there.
///
/// # Errors
/// [`Error::Archive`] for an entry that is not safe, a damaged or unknown archive, one that grows beyond the
/// limits, or a file that is there already; [`Error::Io`] if the disk does not take it. In all these cases the
/// folder is as it was, unless files were being moved into it.
pub fn extract(
    archive: impl AsRef<Path>,
    target: impl AsRef<Path>,
    config: &ArchiveConfig,
) -> Result<Extracted> {
    let (archive, target) = (archive.as_ref(), target.as_ref());
    let io = |action, path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { action, path, source }
    };
    fs::create_dir_all(target).map_err(io("create", target))?;
    let staging = tempfile::Builder::new()
        .prefix(".unpacking-")
        .tempdir_in(target)
        .map_err(io("create", target))?;
    let mut unpacker = Unpacker::new(archive, staging.path(), config)?;
    let mut file = File::open(archive).map_err(io("read", archive))?;
    let mut start = [0; 4];
    let count = file.read(&mut start).map_err(io("read", archive))?;
    file.seek(SeekFrom::Start(0)).map_err(io("read", archive))?;
    let file = BufReader::new(file);
    match &start[..count] {
        [b'P', b'K', ..] => unpacker.zip(file)?,
        [0x1f, 0x8b, ..] if is_tar(MultiGzDecoder::new(open(archive)?)) => {
            unpacker.tar(MultiGzDecoder::new(file))?;
        }
        [0x1f, 0x8b, ..] => {
            // The name of a single file is that of the archive without its ending.
            let name = archive.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            unpacker.write(&name, MultiGzDecoder::new(file))?;
        }
        [b'B', b'Z', b'h', ..] => unpacker.tar(MultiBzDecoder::new(file))?,
        _ if is_tar(open(archive)?) => unpacker.tar(file)?,
        _ => return Err(unpacker.error("", "is no zip, tar or gzip file")),
    }
    let Unpacker { extracted, .. } = unpacker;
    for file in &extracted.files {
        if !config.overwrite && target.join(file).exists() {
            return Err(Error::Archive {
                path: archive.to_owned(),
                entry: file.display().to_string(),
                reason: "is there already; remove it or allow to overwrite".into(),
            });
        }
    }
    for file in &extracted.files {
        let to = target.join(file);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(io("create", folder))?;
        }
        fs::rename(staging.path().join(file), &to).map_err(io("write", &to))?;
    }
    Ok(extracted)
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let failed = |source| Error::Io { action: "read", path: path.to_owned(), source };
    Ok(BufReader::new(File::open(path).map_err(failed)?))
}

/// Whether a stream is a tar file: the sum of its first block is the one that the block says at byte 148.
fn is_tar(stream: impl Read) -> bool {
    let mut block = Vec::new();
    let complete = stream.take(512).read_to_end(&mut block).is_ok() && block.len() == 512;
    if !complete {
        return false;
    }
    let stated = String::from_utf8_lossy(&block[148..156]);
    let stated = stated.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    // The field itself counts as spaces.
    let sum: u32 =
        block[..148].iter().chain(&[b' '; 8]).chain(&block[156..]).map(|&b| u32::from(b)).sum();
    u32::from_str_radix(stated, 8).is_ok_and(|stated| stated == sum)
}

/// The state of unpacking.
struct Unpacker<'a> {
    archive: &'a Path,
    staging: &'a Path,
    config: &'a ArchiveConfig,
    limit: u64,
    entries: usize,
    /// Files that came out: an entry that comes twice replaces itself.
    seen: BTreeSet<PathBuf>,
    extracted: Extracted,
}

impl<'a> Unpacker<'a> {
    fn new(archive: &'a Path, staging: &'a Path, config: &'a ArchiveConfig) -> Result<Self> {
        if !(config.max_ratio.is_finite() && config.max_ratio >= 1.0) {
            return Err(Error::InvalidConfig {
                field: "max_ratio",
                expected: "at least 1",
                actual: config.max_ratio.to_string(),
            });
        }
        let failed = |source| Error::Io { action: "read", path: archive.to_owned(), source };
        let size = fs::metadata(archive).map_err(failed)?.len();
        let limit = ((size as f64 * config.max_ratio) as u64).max(FREE_BYTES);
        let extracted = Extracted::default();
        let seen = BTreeSet::new();
        Ok(Self { archive, staging, config, limit, entries: 0, seen, extracted })
    }

    fn error(&self, entry: &str, reason: impl Into<Cause>) -> Error {
        Error::Archive {
            path: self.archive.to_owned(),
            entry: entry.to_owned(),
            reason: reason.into(),
        }
    }

    fn zip(&mut self, file: BufReader<File>) -> Result<()> {
        let mut zip = ZipArchive::new(file).map_err(|error| self.error("", error))?;
        for index in 0..zip.len() {
            let entry = zip.by_index(index).map_err(|error| self.error("", error))?;
            let name = match std::str::from_utf8(entry.name_raw()) {
                Ok(name) => name.to_owned(),
                Err(_) => {
                    let name = self.config.names.decode(entry.name_raw());
                    self.extracted.renamed.push(name.clone());
                    name
                }
            };
            // Only entries made on Unix have a mode; its high bits are the kind of file.
            let kind = entry.unix_mode().map_or(0, |mode| mode & 0o170_000);
            if !matches!(kind, 0 | 0o100_000 | 0o040_000) {
                return Err(self.error(&name, "is a link or a device"));
            }
            if entry.is_dir() || name.ends_with('/') {
                self.folder(&name)?;
            } else {
                self.write(&name, entry)?;
            }
        }
        Ok(())
    }

    fn tar(&mut self, stream: impl Read) -> Result<()> {
        let mut tar = tar::Archive::new(stream);
        let entries = tar.entries().map_err(|error| self.error("", error))?;
        for entry in entries {
            let entry = entry.map_err(|error| self.error("", error))?;
            let bytes = entry.path_bytes();
            let name = match std::str::from_utf8(&bytes) {
                Ok(name) => name.to_owned(),
                Err(_) => {
                    let name = self.config.names.decode(&bytes);
                    self.extracted.renamed.push(name.clone());
                    name
                }
            };
            match entry.header().entry_type() {
                tar::EntryType::Regular
                | tar::EntryType::Continuous
                | tar::EntryType::GNUSparse => {
                    self.write(&name, entry)?;
                }
                tar::EntryType::Directory => self.folder(&name)?,
                tar::EntryType::XGlobalHeader => {}
                _ => return Err(self.error(&name, "is a link or a device")),
            }
        }
        Ok(())
    }

    /// The path of an entry below the target; `None` for what is left out.
    fn path(&mut self, name: &str) -> Result<Option<PathBuf>> {
        self.entries += 1;
        if self.entries > self.config.max_entries {
            return Err(self.error(name, "is one entry too many"));
        }
        let drive = name.len() > 1 && name.as_bytes()[1] == b':';
        let outside = name.is_empty() || drive || name.contains(['\\', '\0']);
        let path = Path::new(name);
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if outside || !path.components().all(inside) {
            return Err(self.error(name, "leaves the folder that it is unpacked into"));
        }
        let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
        let side = |part: Component<'_>| {
            let part = part.as_os_str().to_string_lossy();
            part == "__MACOSX" || part == ".DS_Store" || part.starts_with("._")
        };
        if self.config.skip_side_files && path.components().any(side) {
            self.extracted.skipped += 1;
            return Ok(None);
        }
        Ok(Some(path).filter(|path| !path.as_os_str().is_empty()))
    }

    fn folder(&mut self, name: &str) -> Result<()> {
        self.path(name).map(drop)
    }

    fn write(&mut self, name: &str, content: impl Read) -> Result<()> {
        let Some(path) = self.path(name)? else { return Ok(()) };
        let to = self.staging.join(&path);
        let io = |source| Error::Io { action: "write", path: to.clone(), source };
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(io)?;
        }
        let mut file = File::create(&to).map_err(io)?;
        let left = self.limit.saturating_sub(self.extracted.bytes);
        // A fault of the archive and one of the disk look alike here; the cause tells them apart.
        let written = io::copy(&mut content.take(left + 1), &mut file)
            .map_err(|error| self.error(name, error))?;
        if written > left {
            return Err(self.error(name, "makes the content larger than the limit"));
        }
        self.extracted.bytes += written;
        if self.seen.insert(path.clone()) {
            self.extracted.files.push(path);
        }
        Ok(())
    }
}

/// The upper half of code page 437, from 0x80.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

impl NameEncoding {
    fn decode(self, bytes: &[u8]) -> String {
        let character = |byte: &u8| match (self, byte) {
            (_, 0..=0x7f) | (Self::Latin1, _) => char::from(*byte),
            (Self::Cp437, _) => CP437.chars().nth(usize::from(byte - 0x80)).unwrap_or('\u{fffd}'),
        };
        bytes.iter().map(character).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_are_read() {
        assert_eq!(CP437.chars().count(), 128);
        assert_eq!(NameEncoding::Cp437.decode(b"Beno\x8ct.txt"), "Benoît.txt");
        assert_eq!(NameEncoding::Cp437.decode(b"\x80\xe1\xff"), "Çß\u{a0}");
        assert_eq!(NameEncoding::Latin1.decode(b"Beno\xeet.txt"), "Benoît.txt");
    }
}
