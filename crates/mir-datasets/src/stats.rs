//! How much is in a data set: recordings, seconds, notes of every split.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;

use crate::{Dataset, Kind, Result, Split, Track, TrackId};

/// How much is in a split, or in the whole of a data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Amount {
    /// Recordings.
    pub recordings: usize,
    /// Seconds of audio of those whose audio is there.
    pub seconds: f64,
    /// Recordings whose audio is not there.
    pub without_audio: usize,
    /// Notes of those that have any, by their first annotation of notes.
    pub notes: u64,
    /// Different pieces.
    pub pieces: usize,
}

/// The amounts of a data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stats {
    /// By split; a split without recordings is left out.
    pub splits: BTreeMap<Split, Amount>,
    /// All recordings, also those in no split.
    pub all: Amount,
    /// Recordings whose audio or notes could not be read, and why.
    pub failed: Vec<(TrackId, String)>,
}

/// What one recording adds.
struct Share {
    seconds: Option<f64>,
    notes: u64,
    fault: Option<String>,
}

impl Share {
    fn of(track: &dyn Track) -> Self {
        let mut fault = None;
        let mut keep = |error: crate::Error| fault = Some(chain(&error));
        let seconds = match track.seconds() {
            Ok(seconds) => Some(seconds),
            // No audio is the usual state of many data sets, and counted; it is no failure.
            Err(crate::Error::MissingFile { .. }) => None,
            Err(error) => {
                keep(error);
                None
            }
        };
        let has_notes = track.labels().iter().any(|label| label.kind == Kind::Notes);
        let notes = match has_notes.then(|| track.notes()) {
            None => 0,
            Some(Ok(notes)) => notes.len() as u64,
            Some(Err(error)) => {
                keep(error);
                0
            }
        };
        Self { seconds, notes, fault }
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Counts what is in a data set, reading the notes and the headers of the audio files in parallel.
///
/// A recording that cannot be read is listed in [`Stats::failed`], and counted with what could be.
///
/// # Errors
/// Those of [`Dataset::split`], but for empty splits.
///
/// ```
/// use mir_datasets::{Split, mini::{Mini, MiniConfig}, stats};
///
/// let config = MiniConfig { train_versions: 1, chance_studies: 0, ..MiniConfig::default() };
/// let stats = stats::count(&Mini::new(config)?)?;
/// assert!(stats.splits[&Split::Train].notes > 1000);
/// # Ok::<(), mir_datasets::Error>(())
/// ```
pub fn count(dataset: &dyn Dataset) -> Result<Stats> {
    let shares: BTreeMap<&TrackId, Share> = dataset
        .tracks()
        .par_iter()
        .map(|track| (track.id(), Share::of(track.as_ref())))
        .collect::<Vec<_>>()
        .into_iter()
        .collect();
    let amount = |tracks: &[std::sync::Arc<dyn Track>]| {
        let mut pieces = std::collections::BTreeSet::new();
        let mut amount = Amount { recordings: tracks.len(), ..Amount::default() };
        for track in tracks {
            pieces.insert(track.piece());
            if let Some(share) = shares.get(track.id()) {
                amount.seconds += share.seconds.unwrap_or(0.0);
                amount.without_audio += usize::from(share.seconds.is_none());
                amount.notes += share.notes;
            }
        }
        amount.pieces = pieces.len();
        amount
    };
    let mut stats = Stats { all: amount(dataset.tracks()), ..Stats::default() };
    for split in Split::ALL {
        match dataset.split(split) {
            Ok(tracks) if tracks.is_empty() => {}
            Ok(tracks) => {
                stats.splits.insert(split, amount(&tracks));
            }
            Err(crate::Error::EmptySplit { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    stats.failed =
        shares.into_iter().filter_map(|(id, share)| Some((id.clone(), share.fault?))).collect();
    Ok(stats)
}
