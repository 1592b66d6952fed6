//! Stores on disk: found in the cache, or built into it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use mir_core::{Fingerprint, Fingerprinted};

use super::{
    BuildOptions, BuildReport, Built, OnError, Outcome, StoreBuilder, check_cancelled, one_line,
    part, run, source_digests, staging, staging::Staging,
};
use crate::{
    Dataset, Hdf5Store, Hdf5Writer, Result, Split, StoreHeader, Track, ValueFormat, store::Prepared,
};

impl StoreBuilder {
    /// The store of a split, from the cache folder if it is there, else built into it.
    ///
    /// The folder is made if needed. A file of the right name that is damaged is built again; one
    /// that lacks tracks that were skipped is built again under [`OnError::Fail`]. Tracks that an
    /// earlier, interrupted build had finished are not prepared again. Two processes may build the same
    /// store at once: the second says so in the log, waits for the first, and reads its store.
    ///
    /// # Errors
    /// Of [`Error`](crate::Error): `EmptySplit` if there is no track; `TrackFailed` or `AllFailed` if tracks
    /// cannot be prepared; `Cancelled`; `Io`, `Hdf5` or `Core` if the store cannot be written. No store is
    /// left then, but the tracks that were finished are kept for the next build;
    /// [`purge`](crate::cache::purge) removes them.
    pub fn build_or_open(
        &self,
        cache_dir: impl AsRef<Path>,
        dataset: &dyn Dataset,
        split: Split,
        options: BuildOptions<'_>,
    ) -> Result<Built> {
        let tracks = dataset.split(split)?;
        let digests = source_digests(&tracks, options)?;
        let header = self.header(dataset, split, &tracks, &digests)?;
        let name = cache_name(&header);
        let path = cache_dir.as_ref().join(format!("{name}_{}.h5", header.fingerprint()?.short()));
        // Named without the recordings: a build of a few more takes the parts of all others.
        let short = header.front_end_fingerprint.short();
        let folder = cache_dir.as_ref().join(format!("{name}_{short}.{}", staging::EXTENSION));
        let parts: Vec<Part> = tracks
            .iter()
            .zip(&digests)
            .map(|(track, digest)| part_of(track.as_ref(), *digest, &header, &folder))
            .collect::<Result<_>>()?;
        let used = || parts.iter().flatten().map(|(_, path)| path.as_path());
        if let Some(built) = open_finished(&path, &header, options) {
            // A build may have been killed between its last two steps.
            if let Some(staging) = Staging::abandoned(&folder) {
                staging.clear(used());
            }
            return Ok(built);
        }
        let total = tracks.len();
        let staging = Staging::enter(&folder, || check_cancelled(options, 0, total))?;
        // The build that was waited for may have made it.
        if let Some(built) = open_finished(&path, &header, options) {
            staging.clear(used());
            return Ok(built);
        }
        remove_leftovers(&path);
        let prepare = {
            let (builder, work) = (self.clone(), tracks.clone());
            let (header, parts) = (header.clone(), parts.clone());
            move |item: usize| builder.prepare(work[item].as_ref(), parts[item].as_ref(), &header)
        };
        let mut writer = Hdf5Writer::create(&path, header.clone())?;
        let (skipped, resumed) =
            run(&tracks, options, prepare, |prepared| writer.push_prepared(&prepared))?;
        skipped.into_iter().for_each(|s| writer.push_skipped(s));
        writer.finish()?;
        let store = Hdf5Store::open_expecting(&path, &header)?;
        staging.clear(used());
        let report = BuildReport::of(&store);
        Ok(Built { report, store: Arc::new(store), reused: false, resumed })
    }

    /// One track, out of its part if there is one. Errors are those of the disk; what is wrong with the
    /// track is in the outcome.
    fn prepare(
        &self,
        track: &dyn Track,
        part: Option<&(Fingerprint, PathBuf)>,
        header: &StoreHeader,
    ) -> Result<Outcome> {
        if let Some(prepared) = part.and_then(|(key, path)| part::read(path, *key)) {
            return Ok(Outcome { result: Ok(prepared), resumed: true });
        }
        let result = self.recording(track).and_then(|recording| Prepared::new(header, recording));
        if let (Ok(prepared), Some((key, path))) = (&result, part) {
            part::write(path, *key, prepared)?;
        }
        Ok(Outcome { result, resumed: false })
    }
}

/// What a part was made from, and where it lies; `None` for a source that cannot be read: it has no
/// identity.
type Part = Option<(Fingerprint, PathBuf)>;

fn part_of(
    track: &dyn Track,
    source: Option<Fingerprint>,
    header: &StoreHeader,
    folder: &Path,
) -> Result<Part> {
    let Some(source) = source else { return Ok(None) };
    let key = Fingerprint::of(
        "mir-datasets/part/1",
        &(
            (track.id(), track.piece(), track.instrument(), source),
            (&header.version, header.front_end_fingerprint, header.channels, header.values),
        ),
    )?;
    Ok(Some((key, folder.join(format!("{key}.part")))))
}

/// `maps-train_log-mel-229`, and `…-229-u8` for values in another format.
fn cache_name(header: &StoreHeader) -> String {
    let kind = serde_json::to_value(&header.front_end)
        .ok()
        .and_then(|value| Some(value.get("kind")?.as_str()?.replace('_', "-")))
        .unwrap_or_else(|| "features".to_owned());
    let values = match header.values {
        ValueFormat::F32 => "",
        ValueFormat::F16 => "-f16",
        ValueFormat::U8 => "-u8",
    };
    format!("{}-{}_{kind}-{}{values}", header.dataset, header.split, header.bins)
}

/// The store, if it is there, whole, and complete enough.
fn open_finished(path: &Path, header: &StoreHeader, options: BuildOptions<'_>) -> Option<Built> {
    if !path.exists() {
        return None;
    }
    match Hdf5Store::open_expecting(path, header) {
        Ok(store) => {
            let report = BuildReport::of(&store);
            let complete = report.skipped.is_empty() || options.on_error == OnError::Skip;
            complete.then(|| Built { report, store: Arc::new(store), reused: true, resumed: 0 })
        }
        Err(error) => {
            log::warn!("{}; building it again", one_line(&error));
            None
        }
    }
}

/// Removes what killed builds of this store left under temporary names. Only who holds the lock may.
fn remove_leftovers(path: &Path) {
    for leftover in temporary_files(path) {
        if let Err(error) = fs::remove_file(&leftover) {
            log::warn!("{} cannot be removed: {error}", leftover.display());
        }
    }
}

/// The temporary files beside a store, named as [`AtomicFile`](mir_core::publish::AtomicFile) names them.
fn temporary_files(path: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
    else {
        return Vec::new();
    };
    let prefix = format!("{name}.tmp-");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)))
        .map(|entry| entry.path())
        .collect()
}
