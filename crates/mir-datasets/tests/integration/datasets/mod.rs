//! Every loader on real files of its data set where there are any, on a miniature otherwise. The miniatures
//! are written from the layouts that the data sets document, and share no constant with the loaders.

mod melody;
mod multitrack;
mod notes;
mod robust;
mod rwc_instruments;
mod structure;

use std::{path::Path, sync::Arc};

use mir_datasets::{Annotation, Dataset, Kind, Label, Track, loaders};

/// Opens a data set of the test data; `None` where they are not there.
pub(crate) fn sample(name: &str, folder: &str) -> Option<Arc<dyn Dataset>> {
    let root = mir_testkit::test_data(folder)?;
    Some(loaders::open(name, root).unwrap_or_else(|error| panic!("{name}: {error}")))
}

/// A track by its name.
pub(crate) fn track(dataset: &dyn Dataset, id: &str) -> Arc<dyn Track> {
    let found = dataset.tracks().iter().find(|track| track.id().as_str() == id);
    let names: Vec<&str> = dataset.tracks().iter().map(|track| track.id().as_str()).collect();
    Arc::clone(found.unwrap_or_else(|| panic!("no {id} in {names:?}")))
}

/// One of several annotations of a kind.
pub(crate) fn read(track: &dyn Track, kind: Kind, variant: &str) -> Annotation {
    track.annotation(&Label::new(kind, variant)).unwrap()
}

/// Writes a file and the folders above it.
pub(crate) fn put(root: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}
