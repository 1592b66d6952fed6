//! Stores on disk: found in the cache, or built into it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use mir_core::{Fingerprint, Fingerprinted};

use super::{
    BuildOptions, BuildReport, Built, OnError, Outcome, Share, StoreBuilder, check_cancelled,
    one_line, part, run, source_digests, staging, staging::Staging,
};
use crate::{
    Dataset, Error, Hdf5Store, Hdf5Writer, Result, Split, StoreHeader, Track, ValueFormat,
    store::Prepared,
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
        let Plan { tracks, header, path, folder, parts } =
            self.plan(cache_dir.as_ref(), dataset, split, options)?;
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

    /// Prepares the tracks of one of several processes for the [build](Self::build_or_open) that one of them does
    /// when all are ready: of every `count` tracks the one with the number `index`. The number of tracks prepared; 0
    /// if the store is there already.
    ///
    /// Tracks that cannot be prepared are left to the build: it reports them. A build of another program waits
    /// until the shares that are under way are done.
    ///
    /// ```no_run
    /// use mir_datasets::{BuildOptions, Share, Split, StoreBuilder, mini::{Mini, MiniConfig}};
    /// use mir_features::FrontEndConfig;
    ///
    /// let (data, split) = (Mini::new(MiniConfig::default())?, Split::Train);
    /// let builder = StoreBuilder::new(&FrontEndConfig::default())?;
    /// let share = Share { index: 1, count: 4 };
    /// let prepared = builder.prepare_share("cache", &data, split, share, BuildOptions::default())?;
    /// println!("{prepared} tracks of the second process of four");
    /// # Ok::<(), mir_datasets::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidConfig`](crate::Error::InvalidConfig) for an index that is not below the count; as
    /// [`build_or_open`](Self::build_or_open), but for `TrackFailed` and `AllFailed`.
    pub fn prepare_share(
        &self,
        cache_dir: impl AsRef<Path>,
        dataset: &dyn Dataset,
        split: Split,
        share: Share,
        options: BuildOptions<'_>,
    ) -> Result<usize> {
        let Share { index, count } = share;
        if index >= count {
            return Err(Error::InvalidConfig {
                field: "index of a share",
                expected: "less than the count",
                actual: format!("{index} of {count}"),
            });
        }
        // Which part belongs to which track depends on all of them only through the path of the finished store.
        let plan = self.plan(cache_dir.as_ref(), dataset, split, options)?;
        if open_finished(&plan.path, &plan.header, options).is_some() {
            return Ok(0);
        }
        let own = |number: &usize| number % count == index;
        let numbers: Vec<usize> = (0..plan.tracks.len()).filter(own).collect();
        let tracks: Vec<Arc<dyn Track>> =
            numbers.iter().map(|&number| Arc::clone(&plan.tracks[number])).collect();
        let total = tracks.len();
        let _staging =
            Staging::enter_beside_others(&plan.folder, || check_cancelled(options, 0, total))?;
        let prepare = {
            let (builder, work) = (self.clone(), tracks.clone());
            move |item: usize| {
                let part = plan.parts[numbers[item]].as_ref();
                builder.prepare(work[item].as_ref(), part, &plan.header)
            }
        };
        let options = BuildOptions { on_error: OnError::Skip, ..options };
        let mut prepared = 0;
        let count_one = |_: Prepared| {
            prepared += 1;
            Ok(())
        };
        match run(&tracks, options, prepare, count_one) {
            Ok(_) | Err(Error::AllFailed { .. }) => Ok(prepared),
            Err(error) => Err(error),
        }
    }

    /// What is to be built, and where.
    fn plan(
        &self,
        cache_dir: &Path,
        dataset: &dyn Dataset,
        split: Split,
        options: BuildOptions<'_>,
    ) -> Result<Plan> {
        let tracks = dataset.split(split)?;
        let digests = source_digests(&tracks, options)?;
        let header = self.header(dataset, split, &tracks, &digests)?;
        let name = cache_name(&header);
        let path = cache_dir.join(format!("{name}_{}.h5", header.fingerprint()?.short()));
        // Named without the recordings: a build of a few more takes the parts of all others.
        let short = header.front_end_fingerprint.short();
        let folder = cache_dir.join(format!("{name}_{short}.{}", staging::EXTENSION));
        let parts = tracks
            .iter()
            .zip(&digests)
            .map(|(track, digest)| part_of(track.as_ref(), *digest, &header, &folder))
            .collect::<Result<_>>()?;
        Ok(Plan { tracks, header, path, folder, parts })
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

/// A build before it begins.
struct Plan {
    tracks: Vec<Arc<dyn Track>>,
    header: StoreHeader,
    /// Where the store goes.
    path: PathBuf,
    /// Where the parts lie.
    folder: PathBuf,
    /// One for each track.
    parts: Vec<Part>,
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
