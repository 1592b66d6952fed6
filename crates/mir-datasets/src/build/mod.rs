//! From recordings to a feature store: decode, resample, compute features, store.
//!
//! Tracks are prepared in parallel and written in order, so the bytes of a store do not depend on the
//! number of threads, and memory holds a few tracks, never the data set.
//!
//! # What a killed build leaves
//! Every finished track of a store on disk is also a file of its own, in a folder beside the store:
//! `maps-train_log-mel-229_1f3a9c02.parts`. A build that is killed, fails or is cancelled leaves that
//! folder, the next build of the store takes the tracks out of it, and a finished build removes it. A part
//! is known by the bytes of its recording and all settings, so also a build for which some
//! recordings were added or repaired takes what is still right. The store has the same bytes as one
//! that was built in one go.
//!
//! # Two builds of one store
//! The second waits for the first (the operating system holds the lock, and frees it when a process
//! ends, however that happens), and then reads the first one's store.
//!
//! # One build by many processes
//! Each prepares its share of the tracks as parts ([`StoreBuilder::prepare_share`]), in a folder that all of them
//! see; once all have, one of them builds the store and finds every track prepared.
//!
//! # Cache
//! A store is cached under a name that carries its fingerprint, `maps-train_log-mel-229_1f3a9c02.h5`.
//! The fingerprint covers names and bytes of all recordings, the data set's version, the front end with
//! all its settings and the version of its computation. Whatever changes among these makes a new file;
//! nothing stale is ever read.

#[cfg(feature = "hdf5")]
mod cached;
#[cfg(feature = "hdf5")]
mod part;
#[cfg(feature = "hdf5")]
pub(crate) mod staging;

use std::{
    error::Error as _,
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use mir_audio::LoadOptions;
use mir_core::{Fingerprint, Note};
use mir_features::{FrontEnd, FrontEndConfig};
use serde::{Deserialize, Serialize};

use crate::{
    Dataset, Error, FeatureStore, MemStore, Recording, Result, SkippedTrack, Split, StoreHeader,
    StoredTrack, Track, ValueFormat,
    ordered::{Ordered, Workers},
    store::{Prepared, SCHEMA},
};

/// How far a build is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Tracks that are stored or skipped.
    pub tracks_done: usize,
    /// Tracks among them that an earlier, interrupted build had finished.
    pub tracks_resumed: usize,
    /// Tracks in all.
    pub tracks_total: usize,
    /// Seconds of audio that are stored.
    pub seconds_done: f64,
    /// Seconds in all, where every track knows its length before it is decoded; an estimate.
    pub seconds_total: Option<f64>,
}

/// What happens when a track cannot be prepared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The build stops; nothing is published.
    #[default]
    Fail,
    /// The track is left out and reported; the build fails only if no track is left.
    Skip,
}

/// How a build runs. Nothing here has an influence on the features.
#[derive(Clone, Copy, Default)]
pub struct BuildOptions<'a> {
    /// What happens when a track cannot be prepared.
    pub on_error: OnError,
    /// Worker threads; 0 takes one for each core.
    pub threads: usize,
    /// Called on the calling thread before the first and after every track.
    pub progress: Option<&'a dyn Fn(Progress)>,
    /// Once true, the build stops after the tracks in work with [`Error::Cancelled`].
    pub cancel: Option<&'a AtomicBool>,
}

impl std::fmt::Debug for BuildOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuildOptions")
            .field("on_error", &self.on_error)
            .field("threads", &self.threads)
            .field("progress", &self.progress.is_some())
            .field("cancel", &self.cancel)
            .finish()
    }
}

/// One of several processes that build a store together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which one, from 0.
    pub index: usize,
    /// How many there are, more than `index`.
    pub count: usize,
}

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BuildReport {
    /// Tracks in the store.
    pub tracks: usize,
    /// Seconds of audio.
    pub seconds: f64,
    /// Frames.
    pub frames: usize,
    /// Notes.
    pub notes: usize,
    /// Tracks that were left out, and why.
    pub skipped: Vec<SkippedTrack>,
}

impl BuildReport {
    /// Of an existing store.
    pub fn of(store: &dyn FeatureStore) -> Self {
        let tracks = store.tracks();
        Self {
            tracks: tracks.len(),
            seconds: tracks.iter().map(|track| track.seconds).sum(),
            frames: tracks.iter().map(|track| track.frames).sum(),
            notes: (0..tracks.len()).map(|track| store.notes(track).len()).sum(),
            skipped: store.skipped().to_vec(),
        }
    }
}

/// A store that is ready to be read, and how it came about.
#[derive(Clone, Debug)]
pub struct Built {
    /// The store.
    pub store: Arc<dyn FeatureStore>,
    /// What it holds.
    pub report: BuildReport,
    /// Whether it was found in the cache.
    pub reused: bool,
    /// Tracks that came from an earlier, interrupted build.
    pub resumed: usize,
}

/// Computes the features of data sets.
#[derive(Clone, Debug)]
pub struct StoreBuilder {
    front_end: Arc<dyn FrontEnd>,
    values: ValueFormat,
}

impl StoreBuilder {
    /// Plans the front end.
    ///
    /// # Errors
    /// [`Error::Features`] for a configuration that the front end refuses.
    pub fn new(front_end: &FrontEndConfig) -> Result<Self> {
        let front_end = front_end
            .build()
            .map_err(|source| Error::Features { track: None, source: Box::new(source) })?;
        Ok(Self { front_end: front_end.into(), values: ValueFormat::default() })
    }

    /// Keeps the values in another format than 32-bit floats.
    ///
    /// ```
    /// use mir_datasets::{StoreBuilder, ValueFormat};
    /// use mir_features::FrontEndConfig;
    /// let builder = StoreBuilder::new(&FrontEndConfig::default())?.with_values(ValueFormat::U8);
    /// # let _ = builder;
    /// # Ok::<(), mir_datasets::Error>(())
    /// ```
    #[must_use]
    pub fn with_values(self, values: ValueFormat) -> Self {
        Self { values, ..self }
    }

    /// The front end.
    pub fn front_end(&self) -> &dyn FrontEnd {
        self.front_end.as_ref()
    }

    /// Features and notes of one track; none where it is not annotated with notes.
    ///
    /// # Errors
    /// Those of [`Track::audio`] and [`Track::notes`]; [`Error::Features`];
    /// [`Error::LabelsBeyondAudio`] if a note begins after the audio has ended.
    pub fn recording(&self, track: &dyn Track) -> Result<Recording> {
        let rate = self.front_end.sample_rate();
        let audio = track.audio(&LoadOptions {
            sample_rate: Some(rate),
            mono: true,
            ..LoadOptions::default()
        })?;
        // Features are of use without labels, too.
        let notes = match track.notes() {
            Err(Error::NotAnnotated { .. }) => Vec::new(),
            other => other?,
        };
        let onset = notes.iter().map(Note::onset).fold(0.0, f64::max);
        if onset > audio.duration() {
            return Err(Error::LabelsBeyondAudio {
                track: track.id().clone(),
                onset,
                duration: audio.duration(),
            });
        }
        let features = self.front_end.process(&audio).map_err(|source| Error::Features {
            track: Some(track.id().clone()),
            source: Box::new(source),
        })?;
        Ok(Recording {
            track: StoredTrack {
                id: track.id().clone(),
                piece: track.piece().to_owned(),
                instrument: track.instrument().to_owned(),
                frames: features.frames(),
                seconds: audio.duration(),
            },
            features,
            notes,
        })
    }

    /// A store in memory.
    ///
    /// # Errors
    /// As [`build_or_open`](Self::build_or_open), without those of files.
    pub fn build_in_memory(
        &self,
        dataset: &dyn Dataset,
        split: Split,
        options: BuildOptions<'_>,
    ) -> Result<MemStore> {
        let tracks = dataset.split(split)?;
        let digests = source_digests(&tracks, options)?;
        let header = self.header(dataset, split, &tracks, &digests)?;
        let mut store = MemStore::new(header.clone());
        let (builder, work) = (self.clone(), tracks.clone());
        let prepare = move |item: usize| {
            let result = builder
                .recording(work[item].as_ref())
                .and_then(|recording| Prepared::new(&header, recording));
            Ok(Outcome { result, resumed: false })
        };
        let (skipped, _) = run(&tracks, options, prepare, |prepared| {
            store.push_prepared(prepared);
            Ok(())
        })?;
        skipped.into_iter().for_each(|s| store.push_skipped(s));
        Ok(store)
    }

    /// The header of the store of these tracks.
    fn header(
        &self,
        dataset: &dyn Dataset,
        split: Split,
        tracks: &[Arc<dyn Track>],
        digests: &[Option<Fingerprint>],
    ) -> Result<StoreHeader> {
        let sources: Vec<(&str, Option<Fingerprint>)> =
            tracks.iter().map(|track| track.id().as_str()).zip(digests.iter().copied()).collect();
        let front_end = &self.front_end;
        Ok(StoreHeader {
            schema: SCHEMA,
            dataset: dataset.name().to_owned(),
            version: dataset.version().to_owned(),
            split: split.name().to_owned(),
            front_end: front_end.config(),
            front_end_fingerprint: front_end.fingerprint(),
            grid: front_end.grid(),
            channels: 1,
            bins: front_end.bins(),
            axis: front_end.axis(),
            values: self.values,
            sources: Fingerprint::of("mir-datasets/sources/1", &sources)?,
        })
    }
}

/// The fingerprints of the sources of all tracks, in order; `None` for one that cannot be read and will
/// be skipped.
fn source_digests(
    tracks: &[Arc<dyn Track>],
    options: BuildOptions<'_>,
) -> Result<Vec<Option<Fingerprint>>> {
    let total = tracks.len();
    let sources = tracks.to_vec();
    let workers = workers(options.threads, total);
    let mut stream = Ordered::new(workers, 2 * workers.count, total as u64, move |item| {
        sources[item as usize].source_fingerprint()
    });
    let mut digests = Vec::with_capacity(total);
    for track in tracks {
        check_cancelled(options, digests.len(), total)?;
        let Some(digest) = stream.next() else { break };
        digests.push(match (digest.and_then(|digest| digest), options.on_error) {
            (Ok(digest), _) => Some(digest),
            (Err(_), OnError::Skip) => None,
            (Err(source), OnError::Fail) => {
                return Err(Error::TrackFailed {
                    track: track.id().clone(),
                    source: Box::new(source),
                });
            }
        });
    }
    Ok(digests)
}

/// What came of one track.
struct Outcome {
    /// The track, or why it cannot be prepared.
    result: Result<Prepared>,
    /// Whether an earlier build had prepared it.
    resumed: bool,
}

/// Prepares tracks in parallel and hands them to `sink` in order. An error of `prepare` itself ends the
/// build whatever the options say: it is not the track's fault.
///
/// Gives the tracks that were left out, and the number of those that were resumed.
fn run(
    tracks: &[Arc<dyn Track>],
    options: BuildOptions<'_>,
    prepare: impl Fn(usize) -> Result<Outcome> + Send + Sync + 'static,
    mut sink: impl FnMut(Prepared) -> Result<()>,
) -> Result<(Vec<SkippedTrack>, usize)> {
    let total = tracks.len();
    let mut progress = Progress {
        tracks_done: 0,
        tracks_resumed: 0,
        tracks_total: total,
        seconds_done: 0.0,
        seconds_total: match options.progress {
            Some(_) => tracks.iter().map(|track| track.duration_hint()).sum(),
            None => None,
        },
    };
    let report = |progress| options.progress.inspect(|report| report(progress));
    report(progress);
    let workers = workers(options.threads, total);
    // One track ahead for each worker is enough to keep all busy while the caller writes.
    let capacity = 2 * workers.count;
    let mut stream =
        Ordered::new(workers, capacity, total as u64, move |item| prepare(item as usize));
    let mut skipped: Vec<SkippedTrack> = Vec::new();
    let mut first_failure: Option<(usize, Error)> = None;
    for (index, track) in tracks.iter().enumerate() {
        check_cancelled(options, index, total)?;
        let Some(outcome) = stream.next() else { break };
        // A panic is a defect of the program, and a full disk is no fault of a track: neither is skipped.
        let outcome = outcome.and_then(|outcome| outcome)?;
        match outcome.result {
            Ok(prepared) => {
                progress.seconds_done += prepared.track.seconds;
                progress.tracks_resumed += usize::from(outcome.resumed);
                sink(prepared)?;
            }
            Err(source) if options.on_error == OnError::Fail => {
                return Err(Error::TrackFailed {
                    track: track.id().clone(),
                    source: Box::new(source),
                });
            }
            Err(error) => {
                let reason = one_line(&error);
                log::warn!("{} is left out: {reason}", track.id());
                skipped.push(SkippedTrack { track: track.id().clone(), reason });
                first_failure.get_or_insert((index, error));
            }
        }
        progress.tracks_done = index + 1;
        report(progress);
    }
    match first_failure {
        Some((index, source)) if skipped.len() == total => Err(Error::AllFailed {
            total,
            track: tracks[index].id().clone(),
            source: Box::new(source),
        }),
        _ => Ok((skipped, progress.tracks_resumed)),
    }
}

fn check_cancelled(options: BuildOptions<'_>, done: usize, total: usize) -> Result<()> {
    match options.cancel {
        Some(cancel) if cancel.load(Ordering::Relaxed) => Err(Error::Cancelled { done, total }),
        _ => Ok(()),
    }
}

/// Workers with the wanted number of threads in all, one for each core for 0: a track for each, or, where there are
/// fewer tracks than threads, several threads for a track.
fn workers(wanted: usize, tracks: usize) -> Workers {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let threads = if wanted == 0 { cores() } else { wanted };
    let count = threads.min(tracks.max(1));
    Workers { count, threads_each: threads / count }
}

/// An error and its causes, joined with colons.
fn one_line(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string does not fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
