//! At which second is a tick?
//!
//! Elapsed time is kept as an integer, microseconds·ticks, until one division at the end. So times do
//! not drift over thousands of tempo changes, and 64-bit tick counts stay exact.

/// What a tick is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Division {
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

/// 120 quarter notes a minute, the tempo of a file that names none.
pub(crate) const DEFAULT_TEMPO: u32 = 500_000;

/// From `tick` on, a quarter note lasts `tempo` microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TempoChange {
    pub(crate) tick: u64,
    pub(crate) tempo: u32,
}

/// Ticks to seconds.
#[derive(Clone, Debug)]
pub(crate) struct TempoMap {
    /// Ascending in tick, the first at 0, with the microseconds·ticks that elapsed before.
    segments: Vec<(TempoChange, u128)>,
    /// Microseconds·ticks (or ticks, for time code) in a second.
    per_second: f64,
    /// Factor on ticks, for time code; 1 in metrical time.
    scale: u128,
}

impl TempoMap {
    /// From the tempo changes of all tracks that share it, in any order; of two at one tick the later
    /// in the list counts.
    pub(crate) fn new(division: Division, mut changes: Vec<TempoChange>) -> Self {
        let (per_second, scale) = match division {
            Division::Metrical(ticks) => (f64::from(ticks) * 1e6, 1),
            Division::Timecode { fps: 29, subframe } => (30_000.0 * f64::from(subframe), 1001),
            Division::Timecode { fps, subframe } => (f64::from(fps) * f64::from(subframe), 1),
        };
        let start = TempoChange {
            tick: 0,
            tempo: match division {
                Division::Metrical(_) => DEFAULT_TEMPO,
                Division::Timecode { .. } => 1,
            },
        };
        let mut segments = vec![(start, 0)];
        if matches!(division, Division::Metrical(_)) {
            changes.sort_by_key(|change| change.tick);
            for change in changes {
                let (previous, elapsed) = segments[segments.len() - 1];
                if change.tick == previous.tick {
                    segments.pop();
                }
                let passed = u128::from(change.tick - previous.tick) * u128::from(previous.tempo);
                segments.push((change, elapsed + passed));
            }
        }
        Self { segments, per_second, scale }
    }

    /// Time of a tick.
    pub(crate) fn seconds(&self, tick: u64) -> f64 {
        let after = self.segments.partition_point(|(change, _)| change.tick <= tick);
        let (change, elapsed) = self.segments[after - 1];
        let passed = u128::from(tick - change.tick) * u128::from(change.tempo);
        let total = (elapsed + passed) * self.scale;
        // Converting 128 bits is slow, and 64 are enough for any real piece.
        let total = u64::try_from(total).map_or_else(|_| total as f64, |total| total as f64);
        total / self.per_second
    }
}

#[cfg(test)]
mod tests {
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
        let map = TempoMap::new(Division::Timecode { fps: 29, subframe: 100 }, vec![]);
        assert!((map.seconds(3_000_000) - 1001.0).abs() < 1e-9);
    }

    #[test]
    fn of_two_tempi_at_one_tick_the_later_counts() {
        let change = |tick, tempo| TempoChange { tick, tempo };
        let changes = vec![change(0, 1_000_000), change(480, 250_000), change(480, 2_000_000)];
        let map = TempoMap::new(Division::Metrical(480), changes);
        assert!((map.seconds(960) - 3.0).abs() < 1e-15);
    }
}
