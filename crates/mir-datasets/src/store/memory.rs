//! A store in memory.

use std::ops::Range;

use mir_core::Note;

use super::{
    FeatureStore, Recording, SkippedTrack, StoreHeader, StoredTrack, check_recording, plan_read,
};
use crate::Result;

/// A feature store in memory, for small data sets and tests.
#[derive(Clone, Debug)]
pub struct MemStore {
    header: StoreHeader,
    tracks: Vec<StoredTrack>,
    /// Row-major `[channels, frames, bins]` for each track.
    features: Vec<Vec<f32>>,
    notes: Vec<Vec<Note>>,
    skipped: Vec<SkippedTrack>,
}

impl MemStore {
    /// An empty store.
    pub const fn new(header: StoreHeader) -> Self {
        Self {
            header,
            tracks: Vec::new(),
            features: Vec::new(),
            notes: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// Adds a track. Tracks are kept in the order in which they come.
    ///
    /// # Errors
    /// [`Error::BufferLength`](crate::Error::BufferLength) if the features do not have the shape that header and track say;
    /// [`Error::NonFiniteFeature`](crate::Error::NonFiniteFeature) for NaN and infinities.
    pub fn push(&mut self, recording: Recording) -> Result<()> {
        check_recording(&self.header, &recording)?;
        self.tracks.push(recording.track);
        self.features.push(recording.features.data.iter().copied().collect());
        self.notes.push(recording.notes);
        Ok(())
    }

    /// Notes that a recording was left out.
    pub fn push_skipped(&mut self, skipped: SkippedTrack) {
        self.skipped.push(skipped);
    }
}

impl FeatureStore for MemStore {
    fn header(&self) -> &StoreHeader {
        &self.header
    }

    fn tracks(&self) -> &[StoredTrack] {
        &self.tracks
    }

    fn notes(&self, track: usize) -> &[Note] {
        &self.notes[track]
    }

    fn skipped(&self) -> &[SkippedTrack] {
        &self.skipped
    }

    fn read_into(&self, track: usize, frames: Range<usize>, out: &mut [f32]) -> Result<()> {
        let plan = plan_read(&self.header, &self.tracks, track, &frames, out.len())?;
        for (from, to) in plan {
            out[to].copy_from_slice(&self.features[track][from]);
        }
        Ok(())
    }
}
