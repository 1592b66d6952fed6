//! A smaller data set: some recordings of each split, as a list, or as a copy in the layout of the original.
//!
//! [`draw`] chooses by seed; [`place`] puts the files of the choice into a new folder, under the names that they
//! have below the folder of the data set, so that whoever reads the one reads the other. Files that no track has,
//! such as tables of metadata, are not taken along.
//!
//! ```
//! use mir_datasets::{Split, mini::{Mini, MiniConfig}, subset};
//!
//! let mini = Mini::new(MiniConfig::default())?;
//! let small = subset::draw(&mini, |split| if split == Split::Train { 3 } else { 1 }, 7)?;
//! assert_eq!(Split::ALL.map(|split| small.ids(split).len()), [3, 1, 1]);
//! # Ok::<(), mir_datasets::Error>(())
//! ```

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Dataset, Error, Partition, Result, Split, random};

/// Name of the list that [`place`] writes.
pub const LIST: &str = "splits.json";

/// Some recordings of each split, drawn without replacement: those that a Fisher-Yates shuffle (ChaCha8) of the split
/// puts first. With one seed a larger subset holds the smaller one.
///
/// A split of size 0 may be missing.
///
/// # Errors
/// [`Error::InvalidConfig`] for a size above that of its split; as [`Dataset::split`].
pub fn draw(dataset: &dyn Dataset, sizes: impl Fn(Split) -> usize, seed: u64) -> Result<Partition> {
    let mut partition = Partition {
        dataset: dataset.name().to_owned(),
        name: "subset".to_owned(),
        version: "1".to_owned(),
        source: format!("drawn from the splits of version {} with seed {seed}", dataset.version()),
        ..Partition::default()
    };
    for (number, split) in Split::ALL.into_iter().enumerate().filter(|&(_, split)| sizes(split) > 0)
    {
        let (tracks, size) = (dataset.split(split)?, sizes(split));
        if size > tracks.len() {
            return Err(Error::InvalidConfig {
                field: "size of the subset",
                expected: "at most that of the split",
                actual: format!("{size} of {} recordings of {split}", tracks.len()),
            });
        }
        let mut rng = random::stream(seed, 0, number as u64, random::Purpose::Choice);
        let order = random::permutation(&mut rng, tracks.len());
        let ids = partition.ids_mut(split);
        ids.extend(order[..size].iter().map(|&index| tracks[index].id().to_string()));
        ids.sort_unstable();
    }
    Ok(partition)
}

/// What becomes of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// A second name for the same file where the file system has them (hard links), a copy elsewhere.
    #[default]
    Links,
    /// A copy of every file.
    Copies,
    /// Only the list is written.
    Nothing,
}

/// What [`place`] has put into the folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// Files, without the list.
    pub files: usize,
    /// Their lengths together.
    pub bytes: u64,
}

/// Puts the recordings of a partition into a new or empty folder, with the list [`LIST`] of them, which
/// [`Partition::read`] reads. It is written last: a folder without it is incomplete.
///
/// # Errors
/// [`Error::InvalidConfig`] for a track without files below `root`, or a folder that holds something;
/// [`Error::EmptySplit`] if no track of a split is in the data set; [`Error::Io`] for a file that cannot be read or
/// placed.
pub fn place(
    dataset: &dyn Dataset,
    partition: &Partition,
    root: impl AsRef<Path>,
    out: impl AsRef<Path>,
    how: Place,
) -> Result<Placed> {
    let (root, out) = (root.as_ref(), out.as_ref());
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { action, path, source }
    };
    fs::create_dir_all(out).map_err(failed("create", out))?;
    if fs::read_dir(out).map_err(failed("read", out))?.next().is_some() {
        return Err(Error::InvalidConfig {
            field: "folder of the subset",
            expected: "a folder that is new or empty",
            actual: out.display().to_string(),
        });
    }
    let mut placed = Placed::default();
    for (from, to) in files(dataset, partition, root, out)?.iter().filter(|_| how != Place::Nothing)
    {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(failed("create", folder))?;
        }
        let linked = how == Place::Links && fs::hard_link(from, to).is_ok();
        if !linked {
            copy(from, to).map_err(failed("copy", from))?;
        }
        placed.files += 1;
        placed.bytes += fs::metadata(to).map_err(failed("read", to))?.len();
    }
    partition.write(out.join(LIST))?;
    Ok(placed)
}

/// Each file with its place, which is the same below the other folder.
fn files(
    dataset: &dyn Dataset,
    partition: &Partition,
    root: &Path,
    out: &Path,
) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut files = Vec::new();
    for split in Split::ALL.into_iter().filter(|&split| !partition.ids(split).is_empty()) {
        for track in partition.tracks(dataset, split)? {
            let own = track.files();
            let outside = |actual: String| Error::InvalidConfig {
                field: "data set of the subset",
                expected: "one of files below its folder",
                actual,
            };
            if own.is_empty() {
                return Err(outside(format!("{} without files", track.id())));
            }
            for file in own {
                let below =
                    file.strip_prefix(root).map_err(|_| outside(file.display().to_string()));
                let to = out.join(below?);
                files.push((file, to));
            }
        }
    }
    // A file may belong to several tracks.
    files.sort();
    files.dedup();
    Ok(files)
}

/// A copy that is not read-only, whatever the original is.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let (mut source, mut target) = (fs::File::open(from)?, fs::File::create_new(to)?);
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loaders::{Maps, MapsConfig};

    /// The layout of jongwook/onsets-and-frames; contents are not read.
    fn maps(root: &Path) -> Maps {
        for folder in ["flac", "tsv/matched"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for index in 0..12 {
            let piano = ["AkPnBcht", "AkPnBcht", "AkPnBsdf", "ENSTDkCl"][index % 4];
            let name = format!("MAPS_MUS-study{index}_{piano}");
            fs::write(root.join(format!("flac/{name}.flac")), name.as_bytes()).unwrap();
            fs::write(root.join(format!("tsv/matched/{name}.tsv")), "# header\n").unwrap();
        }
        Maps::open(root, MapsConfig::default()).unwrap()
    }

    fn sizes(split: Split) -> usize {
        match split {
            Split::Train => 4,
            Split::Validation => 2,
            Split::Test => 1,
        }
    }

    #[test]
    fn a_subset_has_the_layout_and_the_splits_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("maps");
        let whole = maps(&root);
        let drawn = draw(&whole, sizes, 3).unwrap();
        assert_eq!(drawn, draw(&whole, sizes, 3).unwrap());
        assert!(drawn.repeated().is_empty());
        for (name, how) in [("links", Place::Links), ("copies", Place::Copies)] {
            let out = folder.path().join(name);
            let placed = place(&whole, &drawn, &root, &out, how).unwrap();
            assert_eq!(placed.files, 14);
            let small = Maps::open(&out, MapsConfig::default()).unwrap();
            for split in Split::ALL {
                let ids: Vec<_> =
                    small.split(split).unwrap().iter().map(|t| t.id().to_string()).collect();
                assert_eq!(ids, drawn.ids(split), "{split}");
            }
            let id = &drawn.test[0];
            assert_eq!(fs::read_to_string(out.join(format!("flac/{id}.flac"))).unwrap(), *id);
            assert_eq!(Partition::read(out.join(LIST)).unwrap(), drawn);
            // A second subset does not go over the first.
            let again = place(&whole, &drawn, &root, &out, how);
            assert!(matches!(again, Err(Error::InvalidConfig { .. })), "{again:?}");
        }
        let list = folder.path().join("list");
        assert_eq!(place(&whole, &drawn, &root, &list, Place::Nothing).unwrap(), Placed::default());
        assert_eq!(fs::read_dir(list).unwrap().count(), 1);
    }

    #[test]
    fn a_larger_subset_holds_the_smaller_one() {
        let folder = tempfile::tempdir().unwrap();
        let whole = maps(folder.path());
        let all = whole.split(Split::Train).unwrap().len();
        let of = |size| {
            draw(&whole, |split| if split == Split::Train { size } else { 0 }, 1).unwrap().train
        };
        for size in 1..all {
            let (small, large) = (of(size), of(size + 1));
            assert!(small.iter().all(|id| large.contains(id)), "{small:?} {large:?}");
        }
        let too_many = draw(&whole, |_| 100, 1);
        assert!(matches!(too_many, Err(Error::InvalidConfig { .. })), "{too_many:?}");
    }

    #[test]
    fn what_has_no_files_is_not_placed() {
        let mini = crate::mini::Mini::new(crate::mini::MiniConfig::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let drawn = draw(&mini, |_| 1, 0).unwrap();
        let placed = place(&mini, &drawn, folder.path(), folder.path().join("x"), Place::Copies);
        assert!(matches!(placed, Err(Error::InvalidConfig { .. })), "{placed:?}");
    }
}
