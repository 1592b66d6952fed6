//! Indexes: which files does a data set consist of, and what are their digests?
//!
//! The form is that of mirdata, so that its published indexes are read, written back unchanged, and ours are
//! read by it: a JSON object with `version`, and `metadata`, `tracks` and `multitracks` of files
//! `[path, MD5]`. Ours say `[path, MD5, SHA-256, size]`; a reader of the first two does not notice.
//!
//! Paths are relative to the folder of the data set and separated by `/`. A null path is a file that a
//! recording does not have.
//!
//! ```
//! use mir_datasets::Index;
//!
//! let text = r#"{"version": "1.0", "tracks": {"7": {"audio": ["a/7.wav", null], "beats": [null, null]}}}"#;
//! let index = Index::parse(text, "index.json".as_ref())?;
//! assert_eq!(index.files()[0].path.as_deref(), Some("a/7.wav"));
//! assert!(index.files()[1].path.is_none());
//! # Ok::<(), mir_datasets::Error>(())
//! ```

mod json;

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use md5::{Digest as _, Md5};
use mir_core::{formats::read_text, publish};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use self::json::Json;
use crate::{Dataset, Error, Result, loaders::is_below};

/// The MD5 of no bytes at all: in an index it is the sign of a failed download.
pub const MD5_OF_NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// Which file of an index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FileId {
    /// `metadata`, `tracks` or `multitracks`.
    pub group: String,
    /// The track; of metadata the name of the file.
    pub id: String,
    /// The file of the track: `audio`, `notes`.
    pub key: String,
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.group, self.id, self.key)
    }
}

/// A file of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedFile {
    /// Which one.
    pub id: FileId,
    /// Where it is, below the folder of the data set; `None` where there is none.
    pub path: Option<String>,
    /// MD5, 32 hex digits.
    pub md5: Option<String>,
    /// SHA-256, 64 hex digits.
    pub sha256: Option<String>,
    /// Size in bytes.
    pub size: Option<u64>,
}

/// Size and digests of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    /// Bytes.
    pub size: u64,
    /// MD5, 32 hex digits.
    pub md5: String,
    /// SHA-256, 64 hex digits.
    pub sha256: String,
}

impl Digests {
    /// Of a file, in one pass and a small buffer.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn of_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let io = |source| Error::Io { action: "read", path: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        let (mut md5, mut sha256, mut size) = (Md5::new(), Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(io(error)),
            };
            md5.update(&buffer[..count]);
            sha256.update(&buffer[..count]);
            size += count as u64;
        }
        Ok(Self { size, md5: hex(&md5.finalize()), sha256: hex(&sha256.finalize()) })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The files of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    document: Json,
    files: Vec<IndexedFile>,
}

/// What differs between two indexes, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IndexDiff {
    /// Paths of the second alone.
    pub added: Vec<String>,
    /// Paths of the first alone.
    pub removed: Vec<String>,
    /// Paths of both whose digests differ.
    pub changed: Vec<String>,
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// [`Error::Core`] for a file that cannot be read or is no JSON, [`Error::Index`] for an entry that is
    /// no file, or whose path leaves the folder of the data set.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::parse(&read_text(path)?, path)
    }

    /// From a text; `path` names it in errors.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let document: Json = serde_json::from_str(text)
            .map_err(|source| mir_core::Error::Json { path: path.to_owned(), source })?;
        let mut files = Vec::new();
        for (group, content) in document.members() {
            for (id, entry) in content.members() {
                let named = |key: &str| FileId {
                    group: group.clone(),
                    id: id.clone(),
                    key: key.to_owned(),
                };
                match (group.as_str(), entry) {
                    ("metadata", Json::List(_)) => files.push(file(named(id), entry, path)?),
                    ("metadata" | "tracks" | "multitracks", Json::Object(members)) => {
                        for (key, entry) in members {
                            // The tracks of a multitrack are names, not files.
                            if group != "multitracks" || key != "tracks" {
                                files.push(file(named(key), entry, path)?);
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(Self { document, files })
    }

    /// The index as text, keys in the order in which they came, indented by two.
    pub fn render(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.document)
            .expect("a tree of texts and numbers is always written");
        text.push('\n');
        text
    }

    /// Writes it; the file appears complete or not at all.
    ///
    /// # Errors
    /// [`Error::Core`] if it cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(publish::write(path.as_ref(), self.render().as_bytes())?)
    }

    /// What the index says of its version.
    pub fn version(&self) -> Option<String> {
        let (_, version) = self.document.members().iter().find(|(key, _)| key == "version")?;
        match version {
            Json::Plain(serde_json::Value::Null) | Json::List(_) | Json::Object(_) => None,
            Json::Plain(value) => {
                Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            }
        }
    }

    /// All files, in the order of the index.
    pub fn files(&self) -> &[IndexedFile] {
        &self.files
    }

    /// Indexes the files of a data set that are there, hashing them in parallel; `progress` hears of each
    /// file that is done, from any thread.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be read.
    pub fn build(
        dataset: &dyn Dataset,
        root: impl AsRef<Path>,
        progress: impl Fn(&Path) + Sync,
    ) -> Result<Self> {
        let root = root.as_ref();
        let tracks = dataset
            .tracks()
            .par_iter()
            .map(|track| {
                let mut members = Vec::new();
                for path in track.files().into_iter().filter(|path| path.is_file()) {
                    let digests = Digests::of_file(&path)?;
                    progress(&path);
                    let relative = relative(&path, root);
                    // A key names the place of a file in its track: the path without the track's name.
                    members.push((relative.clone(), entry(&relative, &digests)));
                }
                Ok((track.id().to_string(), Json::Object(members)))
            })
            .collect::<Result<Vec<_>>>()?;
        let document = Json::Object(vec![
            ("version".to_owned(), Json::text(dataset.version())),
            ("tracks".to_owned(), Json::Object(tracks)),
        ]);
        let text = serde_json::to_string(&document).expect("a tree of texts is always written");
        Self::parse(&text, root)
    }

    /// Entries that claim the digest of an empty file: made from failed downloads.
    pub fn suspects(&self) -> impl Iterator<Item = &IndexedFile> {
        self.files.iter().filter(|file| {
            file.md5.as_deref() == Some(MD5_OF_NOTHING) && file.size.is_none_or(|size| size > 0)
        })
    }

    /// What `other` has more, less, or with another digest.
    pub fn diff(&self, other: &Self) -> IndexDiff {
        fn by_path(index: &Index) -> BTreeMap<&str, &IndexedFile> {
            index.files.iter().filter_map(|file| Some((file.path.as_deref()?, file))).collect()
        }
        let (first, second) = (by_path(self), by_path(other));
        let only = |a: &BTreeMap<&str, &IndexedFile>, b: &BTreeMap<&str, &IndexedFile>| {
            a.keys().filter(|path| !b.contains_key(*path)).map(|path| (*path).to_owned()).collect()
        };
        let differs =
            |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
        let changed = first.iter().filter_map(|(path, a)| {
            let b = second.get(path)?;
            (differs(&a.md5, &b.md5) || differs(&a.sha256, &b.sha256)).then(|| (*path).to_owned())
        });
        IndexDiff {
            added: only(&second, &first),
            removed: only(&first, &second),
            changed: changed.collect(),
        }
    }
}

/// A path below a folder, with slashes; elsewhere the path itself.
fn relative(path: &Path, root: &Path) -> String {
    let below: PathBuf = path.strip_prefix(root).unwrap_or(path).to_owned();
    let parts = below.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    parts.collect::<Vec<_>>().join("/")
}

fn entry(path: &str, digests: &Digests) -> Json {
    Json::List(vec![
        Json::text(path),
        Json::text(&digests.md5),
        Json::text(&digests.sha256),
        Json::Plain(digests.size.into()),
    ])
}

/// A file of an entry `[path, MD5]`, or `[path, MD5, SHA-256, size]`.
fn file(id: FileId, entry: &Json, index: &Path) -> Result<IndexedFile> {
    let bad = |expected: &'static str| Error::Index {
        path: index.to_owned(),
        entry: id.to_string(),
        expected,
    };
    let Json::List(parts) = entry else {
        return Err(bad("a list of path and MD5"));
    };
    let text = |at: usize, expected: &'static str| match parts.get(at) {
        None => Ok(None),
        Some(part) if part.is_null() => Ok(None),
        Some(part) => part.as_text().map(|text| Some(text.to_owned())).ok_or_else(|| bad(expected)),
    };
    let digest = |at: usize, digits: usize, expected: &'static str| {
        let text = text(at, expected)?;
        // Published indexes hold digests with a letter that is none of hexadecimal: they match no file.
        let good = |text: &String| {
            text.len() == digits && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if text.as_ref().is_none_or(good) { Ok(text) } else { Err(bad(expected)) }
    };
    if parts.len() < 2 {
        return Err(bad("a list of path and MD5"));
    }
    let path = text(0, "a path or null")?;
    if path.as_deref().is_some_and(|path| !is_below(path)) {
        return Err(bad("a path below the folder of the data set"));
    }
    let size = match parts.get(3) {
        Some(Json::Plain(value)) if !value.is_null() => {
            Some(value.as_u64().ok_or_else(|| bad("a size in bytes"))?)
        }
        _ => None,
    };
    let md5 = digest(1, 32, "an MD5 of 32 digits or null")?;
    let sha256 = digest(2, 64, "a SHA-256 of 64 digits or null")?;
    Ok(IndexedFile { path, md5, sha256, size, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_are_no_files_are_refused() {
        let path = Path::new("index.json");
        for entry in [
            r#""a.wav""#,
            r#"["a.wav"]"#,
            r#"["../a.wav", null]"#,
            r#"["/a.wav", null]"#,
            r#"[7, null]"#,
            r#"["a.wav", "123"]"#,
            r#"["a.wav", null, "zz"]"#,
            r#"["a.wav", null, null, -1]"#,
        ] {
            let text = format!(r#"{{"version": null, "tracks": {{"t": {{"audio": {entry}}}}}}}"#);
            let index = Index::parse(&text, path);
            assert!(matches!(index, Err(Error::Index { .. })), "{entry}: {index:?}");
        }
    }

    #[test]
    fn an_index_differs_where_its_files_do() {
        let parse = |files: &str| {
            let text = format!(r#"{{"version": "1", "tracks": {{"t": {{{files}}}}}}}"#);
            Index::parse(&text, Path::new("x")).unwrap()
        };
        let (a, b) = ("a".repeat(32), "b".repeat(32));
        let old = parse(&format!(r#""k": ["same", "{a}"], "l": ["old", null], "m": ["m", "{a}"]"#));
        let new = parse(&format!(r#""k": ["same", "{a}"], "l": ["new", null], "m": ["m", "{b}"]"#));
        let diff = old.diff(&new);
        assert_eq!(
            (diff.added, diff.removed, diff.changed),
            (vec!["new".to_owned()], vec!["old".to_owned()], vec!["m".to_owned()])
        );
        let suspect = parse(&format!(r#""k": ["x", "{MD5_OF_NOTHING}"]"#));
        assert_eq!(suspect.suspects().count(), 1);
    }
}
