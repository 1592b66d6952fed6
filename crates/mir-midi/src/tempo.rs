//! At which second is a tick?
//!
//! Elapsed time is kept as an integer, microseconds·ticks, until one division at the end. So times do
//! not drift over thousands of tempo changes, and 64-bit tick counts stay exact.

use crate::event::TempoChange;

/// What a tick is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Division {
    /// Ticks in a quarter note, 1..=32767; how long that is, the tempo says.
    Metrical(u16),
    /// SMPTE time code, without tempo.
    Timecode {
        /// Frames a second: 24, 25, 29 (which means 30000 / 1001) or 30.
        fps: u8,
        /// Ticks in a frame, at least 1.
        subframe: u8,
    },
}

/// 120 quarter notes a minute, the tempo of a file that names none, in microseconds a quarter note.
pub const DEFAULT_TEMPO: u32 = 500_000;

/// Ticks beyond this are taken for it. Damaged files hold such deltas; the sum of two ticks must fit.
pub(crate) const MAX_TICK: u64 = 1 << 62;

/// A stretch of constant tempo.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Segment {
    /// First tick.
    start: u64,
    /// First tick of the next segment.
    end: u64,
    /// Microseconds a quarter note; 1 for time code.
    tempo: u32,
    /// Microseconds·ticks (ticks, for time code) before `start`.
    elapsed: u128,
}

/// Ticks to seconds, and back.
///
/// # Example
/// ```
/// use mir_midi::score::{Division, TempoChange, TempoMap};
///
/// // A bar of four quarters at 120 a minute, then 60 a minute.
/// let changes = vec![TempoChange { tick: 4 * 480, tempo: 1_000_000 }];
/// let map = TempoMap::new(Division::Metrical(480), changes);
/// assert_eq!(map.seconds(4 * 480), 2.0);
/// assert_eq!(map.seconds(5 * 480), 3.0);
/// assert_eq!(map.tick(2.5), 4 * 480 + 240);
/// assert_eq!(map.quarters(5 * 480), Some(5.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TempoMap {
    division: Division,
    /// Ascending, without gap, the first from tick 0, the last to the end of time.
    segments: Vec<Segment>,
    /// Microseconds·ticks (or ticks, for time code) in a second.
    per_second: f64,
    /// Factor on ticks, for time code; 1 in metrical time.
    scale: u32,
}

impl TempoMap {
    /// From the tempo changes of all tracks that share it, in any order; of two at one tick the later
    /// in the list counts. A tempo of 0 is ignored, and so are all tempi in time code. Before the first
    /// change the tempo is [`DEFAULT_TEMPO`].
    pub fn new(division: Division, mut changes: Vec<TempoChange>) -> Self {
        let (per_second, scale) = match division {
            Division::Metrical(ticks) => (f64::from(ticks.max(1)) * 1e6, 1),
            Division::Timecode { fps: 29, subframe } => {
                (30_000.0 * f64::from(subframe.max(1)), 1001)
            }
            Division::Timecode { fps, subframe } => {
                (f64::from(fps.max(1)) * f64::from(subframe.max(1)), 1)
            }
        };
        let metrical = matches!(division, Division::Metrical(_));
        let tempo = if metrical { DEFAULT_TEMPO } else { 1 };
        let mut segments = vec![Segment { start: 0, end: u64::MAX, tempo, elapsed: 0 }];
        if metrical {
            changes.retain(|change| change.tempo > 0 && change.tick <= MAX_TICK);
            changes.sort_by_key(|change| change.tick);
            for TempoChange { tick, tempo } in changes {
                let last = segments.len() - 1;
                let previous = &mut segments[last];
                if tick == previous.start {
                    previous.tempo = tempo;
                } else {
                    previous.end = tick;
                    let passed = u128::from(tick - previous.start) * u128::from(previous.tempo);
                    let elapsed = previous.elapsed + passed;
                    segments.push(Segment { start: tick, end: u64::MAX, tempo, elapsed });
                }
            }
        }
        Self { division, segments, per_second, scale }
    }

    /// What a tick is.
    pub const fn division(&self) -> Division {
        self.division
    }

    /// Time of a tick, seconds.
    pub fn seconds(&self, tick: u64) -> f64 {
        self.walk().seconds(tick)
    }

    /// The tick nearest to a time. Times before 0 and NaN give 0, absurdly late ones a tick that no
    /// file can hold.
    pub fn tick(&self, seconds: f64) -> u64 {
        let after = self.segments.partition_point(|segment| self.start_time(segment) <= seconds);
        let segment = &self.segments[after.saturating_sub(1)];
        let unit = f64::from(segment.tempo) * f64::from(self.scale);
        let passed = ((seconds - self.start_time(segment)) * self.per_second / unit).round();
        // Float-to-integer casts saturate: what is negative or NaN becomes 0.
        (segment.start.saturating_add(passed as u64)).min(MAX_TICK)
    }

    /// Position of a tick in quarter notes from the start; `None` in time code, which knows none.
    pub fn quarters(&self, tick: u64) -> Option<f64> {
        match self.division {
            Division::Metrical(ticks) => Some(tick as f64 / f64::from(ticks.max(1))),
            Division::Timecode { .. } => None,
        }
    }

    /// The tempo changes, the first at tick 0; none in time code.
    pub fn changes(&self) -> Vec<TempoChange> {
        let change = |segment: &Segment| TempoChange { tick: segment.start, tempo: segment.tempo };
        match self.division {
            Division::Metrical(_) => self.segments.iter().map(change).collect(),
            Division::Timecode { .. } => Vec::new(),
        }
    }

    fn start_time(&self, segment: &Segment) -> f64 {
        (segment.elapsed * u128::from(self.scale)) as f64 / self.per_second
    }

    /// A view that remembers where it was: for many ticks in nearly ascending order.
    pub(crate) fn walk(&self) -> Walk<'_> {
        Walk { map: self, segment: self.segments[0] }
    }
}

/// See [`TempoMap::walk`].
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    map: &'a TempoMap,
    segment: Segment,
}

impl Walk<'_> {
    #[inline]
    pub(crate) fn seconds(&mut self, tick: u64) -> f64 {
        if !(self.segment.start..self.segment.end).contains(&tick) {
            let after = self.map.segments.partition_point(|segment| segment.start <= tick);
            self.segment = self.map.segments[after - 1];
        }
        let Segment { start, tempo, elapsed, .. } = self.segment;
        let ticks = tick - start;
        // 128 bits are slow, and 64 are enough for any real piece: 2^36 ticks of a 24-bit tempo.
        let total = match u64::try_from(elapsed) {
            Ok(elapsed) if ticks < 1 << 36 && elapsed < 1 << 60 => {
                // Below 2^61; the factor of time code, 1001, meets tempo 1 and elapsed 0 only.
                ((elapsed + ticks * u64::from(tempo)) * u64::from(self.map.scale)) as f64
            }
            _ => {
                let total = elapsed + u128::from(ticks) * u128::from(tempo);
                (total * u128::from(self.map.scale)) as f64
            }
        };
        total / self.map.per_second
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn time_is_exact_after_many_changes() {
        // 10 000 quarters of 333 333 µs and as many of 666 667 µs: exactly 10 000 s.
        let changes = (0..20_000u64)
            .map(|i| TempoChange {
                tick: 480 * i,
                tempo: if i % 2 == 0 { 333_333 } else { 666_667 },
            })
            .collect();
        let map = TempoMap::new(Division::Metrical(480), changes);
        assert!((map.seconds(480 * 20_000) - 10_000.0).abs() < 1e-12);
        assert!((map.seconds(480) - 0.333_333).abs() < 1e-15);
    }

    #[test]
    fn a_file_without_tempo_has_120_quarters_a_minute() {
        let map = TempoMap::new(Division::Metrical(480), vec![]);
        assert!((map.seconds(960) - 1.0).abs() < 1e-15);
        assert!(map.seconds(u64::MAX).is_finite());
    }

    #[test]
    fn time_code_ignores_tempo_and_drops_frames() {
        let changes = vec![TempoChange { tick: 0, tempo: 1 }];
        let map = TempoMap::new(Division::Timecode { fps: 25, subframe: 40 }, changes);
        assert!((map.seconds(1000) - 1.0).abs() < 1e-15);
        assert_eq!(map.tick(1.0), 1000);
        assert_eq!(map.quarters(1000), None);
        let map = TempoMap::new(Division::Timecode { fps: 29, subframe: 100 }, vec![]);
        assert!((map.seconds(3_000_000) - 1001.0).abs() < 1e-9);
        assert_eq!(map.tick(1001.0), 3_000_000);
        assert!(map.changes().is_empty());
    }

    #[test]
    fn of_two_tempi_at_one_tick_the_later_counts() {
        let change = |tick, tempo| TempoChange { tick, tempo };
        let changes = vec![change(0, 1_000_000), change(480, 250_000), change(480, 2_000_000)];
        let map = TempoMap::new(Division::Metrical(480), changes);
        assert!((map.seconds(960) - 3.0).abs() < 1e-15);
        assert_eq!(map.changes(), [change(0, 1_000_000), change(480, 2_000_000)]);
    }

    #[test]
    fn times_that_are_none_have_a_tick_too() {
        let map = TempoMap::new(Division::Metrical(480), vec![]);
        assert_eq!(map.tick(-1.0), 0);
        assert_eq!(map.tick(f64::NAN), 0);
        assert_eq!(map.tick(f64::INFINITY), MAX_TICK);
    }

    proptest! {
        /// The walk against the definition: the sum over all segments, in exact integers.
        #[test]
        fn seconds_are_the_sum_of_the_stretches(
            raw in prop::collection::vec((0u64..1 << 40, 1u32..1 << 24), 0..20),
            ticks in prop::collection::vec(0u64..1 << 45, 1..20),
            division in 1u16..32768,
        ) {
            let changes: Vec<_> =
                raw.iter().map(|&(tick, tempo)| TempoChange { tick, tempo }).collect();
            let map = TempoMap::new(Division::Metrical(division), changes.clone());
            let mut sorted = changes;
            sorted.sort_by_key(|change| change.tick);
            let mut walk = map.walk();
            for &tick in &ticks {
                let (mut at, mut tempo, mut total) = (0, DEFAULT_TEMPO, 0u128);
                for change in sorted.iter().take_while(|change| change.tick <= tick) {
                    total += u128::from(change.tick - at) * u128::from(tempo);
                    (at, tempo) = (change.tick, change.tempo);
                }
                total += u128::from(tick - at) * u128::from(tempo);
                let expected = total as f64 / (f64::from(division) * 1e6);
                prop_assert_eq!(walk.seconds(tick).to_bits(), expected.to_bits());
            }
        }

        #[test]
        fn the_nearest_tick_of_a_tick_is_itself(
            raw in prop::collection::vec((0u64..1 << 24, 1000u32..1 << 24), 0..20),
            tick in 0u64..1 << 26,
            division in 1u16..32768,
        ) {
            let changes = raw.iter().map(|&(tick, tempo)| TempoChange { tick, tempo }).collect();
            let map = TempoMap::new(Division::Metrical(division), changes);
            prop_assert_eq!(map.tick(map.seconds(tick)), tick);
        }
    }
}
