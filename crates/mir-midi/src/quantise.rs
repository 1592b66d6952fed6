//! Which beat was meant?
//!
//! A performance is moved towards the points of a grid: so many equal steps in every beat, without
//! swing. Between beats time is linear, and before the first and after the last one the nearest beat
//! goes on. Positions are in beats from the first one.
//!
//! # Example
//! ```
//! use mir_core::{Key, Note, Velocity};
//! use mir_midi::quantise::{BeatGrid, QuantiseConfig, quantise};
//!
//! // Two beats a second, sixteenth notes if a beat is a quarter note.
//! let beats = BeatGrid::from_times(vec![0.0, 0.5, 1.0])?;
//! let note = Note::new(0.26, 0.49, Key::new(60)?.pitch(), Velocity::MEDIUM)?;
//! let (notes, report) = quantise(&[note], &beats, &QuantiseConfig::default())?;
//! assert_eq!((notes[0].onset(), notes[0].offset()), (0.25, 0.5));
//! assert!((report.largest_move - 0.01).abs() < 1e-12);
//! # Ok::<(), mir_midi::Error>(())
//! ```

use mir_core::Note;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    score::{Division, TempoMap},
};

/// How notes are moved to a grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuantiseConfig {
    /// Steps in a beat, at least 1: 4 are sixteenth notes if a beat is a quarter note, 3 are triplets.
    pub steps_per_beat: u32,
    /// How far a note goes to its grid point, 0 (stays) to 1 (all the way).
    pub strength: f64,
    /// Whether onsets move. If not, notes keep their onset.
    pub onsets: bool,
    /// Whether durations become multiples of a step, at least one. If not, notes keep their duration in
    /// seconds.
    pub durations: bool,
}

impl Default for QuantiseConfig {
    /// Sixteenth notes, all the way, onsets and durations.
    fn default() -> Self {
        Self { steps_per_beat: 4, strength: 1.0, onsets: true, durations: true }
    }
}

impl QuantiseConfig {
    /// Whether the configuration makes sense.
    ///
    /// # Errors
    /// [`Error::Config`] for no steps in a beat and for a strength outside 0 to 1.
    pub fn validate(&self) -> Result<()> {
        if self.steps_per_beat == 0 {
            let expected = "at least 1".to_owned();
            return Err(Error::Config { field: "steps_per_beat", expected, actual: 0.0 });
        }
        if !(0.0..=1.0).contains(&self.strength) {
            let expected = "0 to 1".to_owned();
            return Err(Error::Config { field: "strength", expected, actual: self.strength });
        }
        Ok(())
    }
}

/// When the beats are.
#[derive(Clone, Debug, PartialEq)]
pub struct BeatGrid {
    /// Seconds, strictly ascending, at least two.
    times: Vec<f64>,
}

impl BeatGrid {
    /// From the times of the beats in seconds, as annotated or tracked.
    ///
    /// # Errors
    /// [`Error::Beats`] unless there are at least two, all finite and strictly ascending.
    pub fn from_times(times: Vec<f64>) -> Result<Self> {
        if times.len() < 2 {
            return Err(Error::Beats { expected: "at least two beats", index: times.len() });
        }
        if let Some(index) = times.iter().position(|time| !time.is_finite()) {
            return Err(Error::Beats { expected: "a finite time", index });
        }
        match times.windows(2).position(|pair| pair[0] >= pair[1]) {
            Some(index) => {
                Err(Error::Beats { expected: "a time after the last", index: index + 1 })
            }
            None => Ok(Self { times }),
        }
    }

    /// The quarter notes of a tempo map from tick 0 up to a time.
    ///
    /// # Errors
    /// [`Error::Beats`] for time code, which knows no beats; [`Error::Limit`] beyond 10 000 000 beats.
    pub fn from_tempo_map(map: &TempoMap, seconds: f64) -> Result<Self> {
        const MOST: u64 = 10_000_000;
        let Division::Metrical(ticks) = map.division() else {
            return Err(Error::Beats { expected: "metrical time", index: 0 });
        };
        let ticks = u64::from(ticks.max(1));
        let beats = map.tick(seconds).div_ceil(ticks).max(1);
        if beats > MOST {
            let (limit, actual) = (MOST as f64, beats as f64);
            return Err(Error::Limit { field: "number of beats", limit, actual });
        }
        Self::from_times((0..=beats).map(|beat| map.seconds(beat * ticks)).collect())
    }

    /// Position of a time in beats from the first one; negative before it.
    pub fn position(&self, seconds: f64) -> f64 {
        let after = self.times.partition_point(|&time| time <= seconds);
        let first = after.clamp(1, self.times.len() - 1) - 1;
        let (start, end) = (self.times[first], self.times[first + 1]);
        first as f64 + (seconds - start) / (end - start)
    }

    /// Time of a position, the inverse of [`position`](Self::position).
    pub fn seconds(&self, position: f64) -> f64 {
        // Float-to-integer casts saturate: what is negative becomes 0.
        let first = (position as usize).min(self.times.len() - 2);
        let (start, end) = (self.times[first], self.times[first + 1]);
        start + (position - first as f64) * (end - start)
    }
}

/// What quantising did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QuantiseReport {
    /// Notes of a pitch that came to lie on the onset of another one. The louder of the two stayed.
    pub collisions: usize,
    /// Mean distance that an onset moved, seconds; 0 without notes.
    pub mean_move: f64,
    /// Largest distance that an onset moved, seconds.
    pub largest_move: f64,
}

/// The notes on the grid in the order of [`Note::sort`], and what happened to them.
///
/// Notes that would start before time 0 start there. A note of no length gets one step if durations are
/// quantised. Of notes of one pitch with one onset the loudest stays, the longest of equally loud ones.
///
/// # Errors
/// [`Error::Config`] as [`QuantiseConfig::validate`].
pub fn quantise(
    notes: &[Note],
    beats: &BeatGrid,
    config: &QuantiseConfig,
) -> Result<(Vec<Note>, QuantiseReport)> {
    config.validate()?;
    let steps = f64::from(config.steps_per_beat);
    // Exactly `to` at strength 1, so that notes on one grid point are equal to the last bit.
    let towards = |from: f64, to: f64| (1.0 - config.strength) * from + config.strength * to;
    let mut report = QuantiseReport::default();
    let mut moved = Vec::with_capacity(notes.len());
    for note in notes {
        let (start, end) = (beats.position(note.onset()), beats.position(note.offset()));
        let grid_start = (start * steps).round() / steps;
        let onset = if config.onsets {
            towards(note.onset(), beats.seconds(grid_start)).max(0.0)
        } else {
            note.onset()
        };
        let offset = if config.durations {
            let length = ((end - start) * steps).round().max(1.0) / steps;
            let from = if config.onsets { grid_start } else { start };
            towards(note.offset(), beats.seconds(from + length))
        } else {
            onset + note.duration()
        };
        let distance = (onset - note.onset()).abs();
        report.mean_move += distance / notes.len() as f64;
        report.largest_move = report.largest_move.max(distance);
        moved.push(Note::new(onset, offset.max(onset), note.pitch(), note.velocity())?);
    }
    Note::sort(&mut moved);
    let before = moved.len();
    // Sorted by onset, pitch, offset: those that collide are neighbours.
    moved.dedup_by(|later, kept| {
        let collide = later.onset() <= kept.onset() && later.pitch() == kept.pitch();
        if collide && later.velocity() >= kept.velocity() {
            *kept = *later;
        }
        collide
    });
    report.collisions = before - moved.len();
    Ok((moved, report))
}
