//! Counts, for every frame, the pairs of other frames that both hierarchies put in the same order.

use std::{collections::HashMap, hash::Hash, ops::Range};

use super::{HierarchyConfig, Level, TripletScore, on_grid};
use crate::f_measure;

/// A hierarchy as groups of frames that meet.
pub(super) struct Blocks {
    levels: usize,
    frames: usize,
    /// Level (from 1) and frame ranges of every group, by level.
    groups: Vec<(usize, Vec<Range<usize>>)>,
}

impl Blocks {
    /// Segments of a level with the same key form a group; the key comes from index and label.
    pub(super) fn new<L: AsRef<str>, K: Hash + Eq>(
        levels: &[Level<'_, L>],
        frames: usize,
        config: &HierarchyConfig,
        key: impl Fn(usize, &str) -> K,
    ) -> Self {
        let mut groups: Vec<(usize, Vec<Range<usize>>)> = Vec::new();
        let frame = |time: f64| (on_grid(time, config.frame_size) as usize).min(frames);
        for (depth, level) in levels.iter().enumerate() {
            let mut known: HashMap<K, usize> = HashMap::new();
            for (index, (interval, label)) in level.intervals.iter().zip(level.labels).enumerate() {
                let range = frame(interval[0])..frame(interval[1]);
                if range.is_empty() {
                    continue;
                }
                let group = *known.entry(key(index, label.as_ref())).or_insert_with(|| {
                    groups.push((depth + 1, Vec::new()));
                    groups.len() - 1
                });
                groups[group].1.push(range);
            }
        }
        Self { levels: levels.len(), frames, groups }
    }

    fn edges(&self) -> impl Iterator<Item = usize> {
        self.groups.iter().flat_map(|(_, ranges)| ranges).flat_map(|r| [r.start, r.end])
    }
}

/// A hierarchy over the pieces of time between any two edges of either side: all frames of a piece meet
/// the same frames.
struct Pieces {
    levels: usize,
    /// Level and piece ranges of every group, by level.
    groups: Vec<(usize, Vec<Range<usize>>)>,
    /// The groups of every piece, by level.
    members: Vec<Vec<usize>>,
}

impl Pieces {
    fn new(blocks: &Blocks, edges: &[usize]) -> Self {
        let mut members = vec![Vec::new(); edges.len() - 1];
        let piece = |frame: usize| edges.partition_point(|&edge| edge < frame);
        let groups = blocks.groups.iter().enumerate().map(|(group, (level, ranges))| {
            let ranges: Vec<_> = ranges.iter().map(|r| piece(r.start)..piece(r.end)).collect();
            for member in ranges.iter().cloned().flatten() {
                // Segments that overlap may put a piece into a group twice.
                if members[member].last() != Some(&group) {
                    members[member].push(group);
                }
            }
            (*level, ranges)
        });
        Self { levels: blocks.levels, groups: groups.collect(), members }
    }

    /// The level at which `piece` meets each piece; 0 where it never does.
    fn meet(&self, piece: usize, row: &mut [usize]) {
        row.fill(0);
        for &group in &self.members[piece] {
            let (level, ranges) = &self.groups[group];
            ranges.iter().for_each(|range| row[range.clone()].fill(*level));
        }
    }
}

/// How many frames meet a frame at which level of either side.
struct Histogram {
    estimate_levels: usize,
    counts: Vec<u64>,
}

impl Histogram {
    fn new(reference_levels: usize, estimate_levels: usize) -> Self {
        let counts = vec![0; (reference_levels + 1) * (estimate_levels + 1)];
        Self { estimate_levels: estimate_levels + 1, counts }
    }

    fn at(&mut self, reference: usize, estimate: usize) -> &mut u64 {
        &mut self.counts[reference * self.estimate_levels + estimate]
    }

    /// Fraction of the pairs that the judge orders as the truth does, `None` without a pair. The truth is
    /// the reference, or with `swapped` the estimate.
    fn ordered(&self, swapped: bool, transitive: bool) -> Option<f64> {
        let columns = self.estimate_levels;
        let rows = self.counts.len() / columns;
        let (levels, others) = if swapped { (columns, rows) } else { (rows, columns) };
        let count = |level: usize, other: usize| {
            self.counts[if swapped { other * columns + level } else { level * columns + other }]
        };
        let total = |level: usize| (0..others).map(|other| count(level, other)).sum::<u64>();
        let (mut pairs, mut wrong) = (0u64, 0u64);
        for far in 0..levels {
            let last = if transitive { levels } else { levels.min(far + 2) };
            for near in far + 1..last {
                pairs += total(far) * total(near);
                // Wrong: the far frame is not farther than the near one.
                let mut not_above = 0;
                for other in 0..others {
                    not_above += count(near, other);
                    wrong += count(far, other) * not_above;
                }
            }
        }
        (pairs > 0).then(|| 1.0 - wrong as f64 / pairs as f64)
    }
}

/// A mean over frames.
#[derive(Default)]
struct Mean {
    sum: f64,
    frames: usize,
}

impl Mean {
    fn add(&mut self, value: Option<f64>, frames: usize) {
        if let Some(value) = value {
            self.sum += value * frames as f64;
            self.frames += frames;
        }
    }

    fn value(&self) -> f64 {
        if self.frames > 0 { self.sum / self.frames as f64 } else { 0.0 }
    }
}

/// The generalized area under the curve in both directions. `window` in frames.
pub(super) fn triplets(
    reference: &Blocks,
    estimate: &Blocks,
    transitive: bool,
    window: Option<usize>,
    beta: f64,
) -> TripletScore {
    let frames = reference.frames;
    let mut edges: Vec<usize> = reference.edges().chain(estimate.edges()).collect();
    edges.extend([0, frames]);
    edges.sort_unstable();
    edges.dedup();
    let (reference, estimate) = (Pieces::new(reference, &edges), Pieces::new(estimate, &edges));
    let pieces = edges.len() - 1;
    let (mut r_row, mut e_row) = (vec![0; pieces], vec![0; pieces]);
    let mut histogram = Histogram::new(reference.levels, estimate.levels);
    let (mut precision, mut recall) = (Mean::default(), Mean::default());
    for piece in 0..pieces {
        reference.meet(piece, &mut r_row);
        estimate.meet(piece, &mut e_row);
        let mut score = |seen: Range<usize>, weight: usize| {
            histogram.counts.fill(0);
            let first = edges.partition_point(|&edge| edge <= seen.start).saturating_sub(1);
            for other in first..pieces {
                let (low, high) = (edges[other].max(seen.start), edges[other + 1].min(seen.end));
                if low >= high {
                    break;
                }
                *histogram.at(r_row[other], e_row[other]) += (high - low) as u64;
            }
            // A frame is not compared with itself.
            if !seen.is_empty() {
                *histogram.at(r_row[piece], e_row[piece]) -= 1;
            }
            recall.add(histogram.ordered(false, transitive), weight);
            precision.add(histogram.ordered(true, transitive), weight);
        };
        let inside = edges[piece]..edges[piece + 1];
        match window.filter(|&window| window < frames) {
            None => score(0..frames, inside.len()),
            Some(window) => inside.for_each(|q| {
                score(q.saturating_sub(window)..frames.min(q + window), 1);
            }),
        }
    }
    let (precision, recall) = (precision.value(), recall.value());
    TripletScore { precision, recall, f1: f_measure(precision, recall, beta) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, frame by frame and pair by pair.
    fn oracle(truth: &Blocks, judge: &Blocks, transitive: bool, window: usize) -> f64 {
        let meet = |blocks: &Blocks, a: usize, b: usize| {
            let both = |ranges: &[Range<usize>]| {
                ranges.iter().any(|r| r.contains(&a)) && ranges.iter().any(|r| r.contains(&b))
            };
            blocks.groups.iter().filter(|(_, ranges)| both(ranges)).map(|g| g.0).max().unwrap_or(0)
        };
        let mut mean = Mean::default();
        for q in 0..truth.frames {
            let seen = q.saturating_sub(window)..truth.frames.min(q + window);
            let (mut pairs, mut right) = (0u32, 0u32);
            for i in seen.clone().filter(|&i| i != q) {
                for j in seen.clone().filter(|&j| j != q) {
                    let (near, far) = (meet(truth, q, i), meet(truth, q, j));
                    if near == far + 1 || (transitive && near > far) {
                        pairs += 1;
                        right += u32::from(meet(judge, q, i) > meet(judge, q, j));
                    }
                }
            }
            mean.add((pairs > 0).then(|| f64::from(right) / f64::from(pairs)), 1);
        }
        mean.value()
    }

    /// Levels of segments, some of them overlapping or leaving gaps, with one of three labels.
    fn hierarchy() -> impl Strategy<Value = Vec<Vec<(usize, usize, usize)>>> {
        let segment = (0usize..20, 1usize..12, 0usize..3);
        prop::collection::vec(prop::collection::vec(segment, 0..5), 0..4)
    }

    fn blocks(levels: &[Vec<(usize, usize, usize)>], labels: bool) -> Blocks {
        let config = HierarchyConfig { frame_size: 1.0, ..Default::default() };
        type Columns = (Vec<[f64; 2]>, Vec<String>);
        let columns = |level: &Vec<(usize, usize, usize)>| -> Columns {
            level.iter().map(|&(a, n, l)| ([a as f64, (a + n) as f64], l.to_string())).unzip()
        };
        let columns: Vec<Columns> = levels.iter().map(columns).collect();
        let levels: Vec<Level<'_, String>> =
            columns.iter().map(|(intervals, labels)| Level { intervals, labels }).collect();
        let key =
            |index: usize, label: &str| if labels { label.to_owned() } else { index.to_string() };
        Blocks::new(&levels, 20, &config, key)
    }

    proptest! {
        #[test]
        fn pieces_score_as_the_definition_does(
            r in hierarchy(), e in hierarchy(),
            labels: bool, transitive: bool, window in 0usize..25,
        ) {
            let (r, e) = (blocks(&r, labels), blocks(&e, labels));
            let score = triplets(&r, &e, transitive, Some(window), 1.0);
            prop_assert!((score.recall - oracle(&r, &e, transitive, window)).abs() < 1e-12);
            prop_assert!((score.precision - oracle(&e, &r, transitive, window)).abs() < 1e-12);
        }
    }
}
