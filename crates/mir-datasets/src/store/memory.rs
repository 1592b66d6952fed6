//! A store in memory.

use std::ops::Range;

use mir_core::Note;

use super::{
    FeatureStore, Prepared, Recording, SkippedTrack, StoreHeader, StoredTrack, plan_read,
    values::Values,
};
use crate::Result;

/// A feature store in memory, for small data sets and tests.
#[derive(Clone, Debug)]
pub struct MemStore {
    header: StoreHeader,
    tracks: Vec<StoredTrack>,
    features: Vec<Values>,
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
    /// [`Error::NonFiniteFeature`](crate::Error::NonFiniteFeature) for NaN and infinities;
    /// [`Error::BeyondFormat`](crate::Error::BeyondFormat) for values that the header's format cannot hold.
    pub fn push(&mut self, recording: Recording) -> Result<()> {
        let prepared = Prepared::new(&self.header, recording)?;
        self.push_prepared(prepared);
        Ok(())
    }

    pub(crate) fn push_prepared(&mut self, prepared: Prepared) {
        self.tracks.push(prepared.track);
        self.features.push(prepared.values);
        self.notes.push(prepared.notes);
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
            self.features[track].read(from, &mut out[to]);
        }
        Ok(())
    }
}
