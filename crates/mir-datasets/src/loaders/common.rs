//! What the loaders share: folders, tables, names that come out of files, fingerprints.

use std::{
    fs::{self, File},
    path::{Component, Path, PathBuf},
};

use mir_core::Fingerprint;
use serde::de::DeserializeOwned;

use crate::{Error, Result, TrackId};

/// Entries of a folder that are not hidden, sorted by their bytes.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::Io { action: "list", path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// Whether a file name ends in `.ending`, in capitals or not.
pub(super) fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// The file name without its ending; `expected` says how names of this data set look.
pub(super) fn stem(path: &Path, expected: &'static str) -> Result<String> {
    path.file_stem()
        .and_then(|stem| stem.to_str())
        .map(str::to_owned)
        .ok_or_else(|| Error::FileName { path: path.to_owned(), expected })
}

/// The first of some files that exists; otherwise [`Error::MissingFile`] naming the first.
pub(super) fn first_existing(
    track: &TrackId,
    what: &'static str,
    candidates: &[PathBuf],
) -> Result<PathBuf> {
    candidates.iter().find(|path| path.is_file()).cloned().ok_or_else(|| Error::MissingFile {
        track: track.clone(),
        what,
        path: candidates.first().cloned().unwrap_or_default(),
    })
}

/// The first of some files that exists, or the first of them: for files that are asked for later.
///
/// # Panics
/// If there are none to choose from.
pub(super) fn first_there(candidates: Vec<PathBuf>) -> PathBuf {
    let there = candidates.iter().position(|path| path.is_file()).unwrap_or(0);
    candidates.into_iter().nth(there).expect("loaders name at least one place for a file")
}

/// Identity of the content of some files, in the order given.
pub(super) fn fingerprint(domain: &str, files: &[&Path]) -> Result<Fingerprint> {
    let digests = files
        .iter()
        .map(|path| {
            File::open(path).and_then(Fingerprint::of_reader).map_err(|source| Error::Io {
                action: "read",
                path: path.to_path_buf(),
                source,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Fingerprint::of(domain, &digests)?)
}

/// The rows of a table with a header line and their line numbers; columns that `T` does not name are
/// ignored, as is the kind of line end.
pub(super) fn rows<T: DeserializeOwned>(text: &str, path: &Path) -> Result<Vec<(u64, T)>> {
    // The reader counts a line late where lines end in CR LF.
    let text = text.replace("\r\n", "\n");
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let bad = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        Error::Table { path: path.to_owned(), line, reason: error.to_string() }
    };
    let headers = reader.headers().map_err(bad)?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(bad)?;
        let line = record.position().map_or(1, csv::Position::line);
        rows.push((line, record.deserialize(Some(&headers)).map_err(bad)?));
    }
    Ok(rows)
}

/// Whether a path that a table names stays below the folder of the table.
pub(crate) fn is_below(relative: &str) -> bool {
    !relative.is_empty()
        && !relative.contains('\\')
        && Path::new(relative).components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Row {
        name: String,
        year: u16,
    }

    #[test]
    fn a_table_is_read_whatever_its_line_ends() {
        let path = Path::new("table.csv");
        let unix = "name,extra,year\n\"Études, „livre“ 1\",x,2004\nB,y,2018\n";
        let expected = [(2, "Études, „livre“ 1", 2004), (3, "B", 2018)];
        for text in [unix.to_owned(), unix.replace('\n', "\r\n")] {
            let found: Vec<(u64, Row)> = rows(&text, path).unwrap();
            let found: Vec<_> = found.iter().map(|(l, r)| (*l, r.name.as_str(), r.year)).collect();
            assert_eq!(found, expected);
        }
        for (text, line) in [("name,year\nA,2004\nB,never\n", 3), ("name,year\nA\n", 2)] {
            match rows::<Row>(text, path) {
                Err(Error::Table { line: found, .. }) => assert_eq!(found, line, "{text}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_path_of_a_table_stays_below_it() {
        assert!(is_below("2018/a b.wav"));
        for bad in ["", "/etc/passwd", "../x", "a/../../x", "a\\b"] {
            assert!(!is_below(bad), "{bad}");
        }
    }
}
