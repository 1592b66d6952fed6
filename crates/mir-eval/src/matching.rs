//! Matching: which estimate belongs to which reference, at most one to one, with as many pairs as
//! possible?
//!
//! [`Graph`] is the general case, a sparse bipartite graph solved by Hopcroft and Karp (1973).
//! [`match_events`] is the special case of points in time under a window, solved by one sweep.
//!
//! # Which of the maximum matchings
//! The *size* of a maximum matching is unique, the pairs are not, and scores such as the overlap of
//! matched notes depend on the pairs. [`Graph::maximum_matching`] therefore visits vertices in the
//! order of `mir_eval.util._bipartite_match` (D. Eppstein's formulation): estimates by the smallest
//! reference that they may be matched with, then by their own index; references ascending; a greedy
//! pass first. Equal candidates give equal pairs. Unlike there, paths are followed without recursion,
//! so their length is not limited, and memory is linear in vertices and candidate pairs.

/// Matched pairs of indices (reference, estimate).
pub(crate) type Pairs = Vec<(usize, usize)>;

/// No vertex, no list entry.
const NONE: usize = usize::MAX;
/// An estimate that starts an alternating path: it is not matched yet.
const ROOT: usize = usize::MAX - 1;

/// The pairs that may be matched: for every estimate the references that it is close enough to.
///
/// ```
/// use mir_eval::matching::Graph;
/// // Estimate 0 fits both references, estimate 1 only the first.
/// let graph = Graph::new(2, [vec![0, 1], vec![0]]);
/// assert_eq!(graph.maximum_matching(), [(0, 1), (1, 0)]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Graph {
    references: usize,
    /// The neighbours of estimate `e` are `neighbours[starts[e]..starts[e + 1]]`, ascending.
    starts: Vec<usize>,
    neighbours: Vec<usize>,
}

impl Graph {
    /// A graph with `references` references, from the candidates of estimate 0, 1, 2, … in any order.
    ///
    /// # Panics
    /// If a candidate is not below `references`.
    pub fn new<L: IntoIterator<Item = usize>>(
        references: usize,
        candidates: impl IntoIterator<Item = L>,
    ) -> Self {
        let mut graph = Self::with_references(references);
        for list in candidates {
            graph.push_estimate(list);
        }
        graph
    }

    pub(crate) fn with_references(references: usize) -> Self {
        Self { references, starts: vec![0], neighbours: Vec::new() }
    }

    /// Adds one estimate with its candidates.
    pub(crate) fn push_estimate(&mut self, candidates: impl IntoIterator<Item = usize>) {
        let start = self.neighbours.len();
        self.neighbours.extend(candidates);
        let list = &mut self.neighbours[start..];
        list.sort_unstable();
        assert!(
            list.last().is_none_or(|&last| last < self.references),
            "a candidate lies outside the {} references",
            self.references
        );
        self.starts.push(self.neighbours.len());
    }

    /// Number of estimates.
    pub fn estimates(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of references.
    pub fn references(&self) -> usize {
        self.references
    }

    /// The references that an estimate may be matched with, ascending.
    ///
    /// # Panics
    /// If `estimate` is not below [`estimates`](Self::estimates).
    pub fn candidates(&self, estimate: usize) -> &[usize] {
        &self.neighbours[self.starts[estimate]..self.starts[estimate + 1]]
    }

    /// A maximum matching as pairs (reference, estimate), by reference. The module documentation says
    /// which one.
    pub fn maximum_matching(&self) -> Vec<(usize, usize)> {
        Search::new(self).run()
    }

    /// Estimates that have candidates, in the order in which a scan over (reference, estimate) meets
    /// them.
    fn visiting_order(&self) -> Vec<usize> {
        let mut order: Vec<(usize, usize)> = (0..self.estimates())
            .filter_map(|estimate| Some((*self.candidates(estimate).first()?, estimate)))
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(_, estimate)| estimate).collect()
    }
}

/// State of one Hopcroft-Karp search.
///
/// A phase layers the graph by alternating breadth-first search from the unmatched estimates until a
/// layer holds an unmatched reference, then walks back along vertex-disjoint shortest paths.
struct Search<'g> {
    graph: &'g Graph,
    /// Estimate of every reference, or `NONE`.
    partner: Vec<usize>,
    /// Unmatched estimates in visiting order.
    free: Vec<usize>,
    /// Per estimate: the reference before it in the layering, `ROOT`, or `NONE` if it is not layered or
    /// was used.
    before: Vec<usize>,
    /// Per reference: first and last entry of its list of estimates one layer up.
    head: Vec<usize>,
    tail: Vec<usize>,
    /// Per reference: whether it lies in an earlier layer of this phase.
    layered: Vec<bool>,
    /// Pool of list entries (estimate, next entry).
    entries: Vec<(usize, usize)>,
    /// References touched in this phase, to clear them without a pass over all.
    touched: Vec<usize>,
}

impl<'g> Search<'g> {
    fn new(graph: &'g Graph) -> Self {
        let references = graph.references();
        let mut search = Self {
            graph,
            partner: vec![NONE; references],
            free: Vec::new(),
            before: vec![NONE; graph.estimates()],
            head: vec![NONE; references],
            tail: vec![NONE; references],
            layered: vec![false; references],
            entries: Vec::new(),
            touched: Vec::new(),
        };
        for estimate in graph.visiting_order() {
            let mut candidates = graph.candidates(estimate).iter();
            match candidates.find(|&&reference| search.partner[reference] == NONE) {
                Some(&reference) => search.partner[reference] = estimate,
                None => search.free.push(estimate),
            }
        }
        search
    }

    fn run(mut self) -> Vec<(usize, usize)> {
        let mut matched = vec![false; self.graph.estimates()];
        loop {
            let (goals, visited) = self.layer();
            if goals.is_empty() {
                break;
            }
            for goal in goals {
                if let Some(root) = self.augment(goal) {
                    matched[root] = true;
                }
            }
            self.free.retain(|&estimate| !matched[estimate]);
            for estimate in visited {
                self.before[estimate] = NONE;
            }
            for &reference in &self.touched {
                self.head[reference] = NONE;
                self.layered[reference] = false;
            }
            self.touched.clear();
            self.entries.clear();
        }
        let pairs = self.partner.into_iter().enumerate();
        pairs.filter(|&(_, estimate)| estimate != NONE).collect()
    }

    /// Layers the graph. Gives the unmatched references of the last layer, and all estimates met.
    fn layer(&mut self) -> (Vec<usize>, Vec<usize>) {
        let mut layer = self.free.clone();
        let mut visited = layer.clone();
        let mut goals = Vec::new();
        let mut next = Vec::new();
        for &estimate in &layer {
            self.before[estimate] = ROOT;
        }
        while !layer.is_empty() && goals.is_empty() {
            for &estimate in &layer {
                for &reference in self.graph.candidates(estimate) {
                    if self.layered[reference] {
                        continue;
                    }
                    let entry = self.entries.len();
                    self.entries.push((estimate, NONE));
                    if self.head[reference] == NONE {
                        self.head[reference] = entry;
                        next.push(reference);
                    } else {
                        self.entries[self.tail[reference]].1 = entry;
                    }
                    self.tail[reference] = entry;
                }
            }
            layer.clear();
            for &reference in &next {
                self.layered[reference] = true;
                let partner = self.partner[reference];
                if partner == NONE {
                    goals.push(reference);
                } else {
                    layer.push(partner);
                    self.before[partner] = reference;
                }
            }
            visited.extend_from_slice(&layer);
            self.touched.append(&mut next);
        }
        (goals, visited)
    }

    /// Walks back from an unmatched reference to an unmatched estimate and swaps the pairs on the way.
    /// Every vertex is used by at most one path of a phase. Gives the estimate that was matched.
    fn augment(&mut self, goal: usize) -> Option<usize> {
        // One step of the path: a reference, its next list entry, and the estimate being tried.
        let mut path: Vec<(usize, usize, usize)> = Vec::new();
        let enter = |head: &mut [usize], path: &mut Vec<_>, reference: usize| {
            let entry = std::mem::replace(&mut head[reference], NONE);
            if entry != NONE {
                path.push((reference, entry, NONE));
            }
        };
        enter(&mut self.head, &mut path, goal);
        while let Some((_, entry, trying)) = path.last_mut() {
            if *entry == NONE {
                path.pop();
                continue;
            }
            let (estimate, next) = self.entries[*entry];
            *entry = next;
            *trying = estimate;
            match std::mem::replace(&mut self.before[estimate], NONE) {
                NONE => {}
                ROOT => {
                    for (reference, _, estimate) in path {
                        self.partner[reference] = estimate;
                    }
                    return Some(estimate);
                }
                reference => enter(&mut self.head, &mut path, reference),
            }
        }
        None
    }
}

/// A maximum matching of events in time, as pairs of indices (reference, estimate) by time: estimate
/// `e` may be matched with reference `r` if `e − window <= r <= e + window`, both ends included.
///
/// Both lists ascending. One sweep, `O(n + m)`.
///
/// ```
/// use mir_eval::matching::match_events;
/// assert_eq!(match_events(&[1.0, 2.0, 3.0], &[1.04, 2.96], 0.05), [(0, 0), (2, 1)]);
/// ```
pub fn match_events(reference: &[f64], estimate: &[f64], window: f64) -> Vec<(usize, usize)> {
    sweep(reference, estimate, |r, e| r < e - window, |r, e| r <= e + window)
}

/// The sweep behind [`match_events`]: `too_early(r, e)` has to hold for all smaller `r` and larger `e`
/// as well, `in_reach(r, e)` (asked where `too_early` is false) for all smaller `r` and larger `e`.
///
/// Windows then only move forward, and giving every estimate the first reference left is optimal.
pub(crate) fn sweep(
    reference: &[f64],
    estimate: &[f64],
    too_early: impl Fn(f64, f64) -> bool,
    in_reach: impl Fn(f64, f64) -> bool,
) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut next = 0;
    for (index, &e) in estimate.iter().enumerate() {
        while reference.get(next).is_some_and(|&r| too_early(r, e)) {
            next += 1;
        }
        if reference.get(next).is_some_and(|&r| in_reach(r, e)) {
            pairs.push((next, index));
            next += 1;
        }
    }
    pairs
}

/// Size of a maximum matching between positions 0, 1, 2, … and ranges of positions (a convex graph):
/// every position takes the waiting range that ends first (Glover 1967). `O(n log n)`.
pub(crate) fn match_ranges(mut ranges: Vec<std::ops::Range<usize>>) -> usize {
    use std::{cmp::Reverse, collections::BinaryHeap};

    ranges.retain(|range| !range.is_empty());
    ranges.sort_unstable_by_key(|range| range.start);
    let mut waiting = BinaryHeap::new();
    let mut matched = 0;
    let mut arriving = ranges.into_iter().peekable();
    let mut position = 0;
    loop {
        if waiting.is_empty() {
            match arriving.peek() {
                None => return matched,
                Some(range) => position = position.max(range.start),
            }
        }
        while let Some(range) = arriving.next_if(|range| range.start <= position) {
            waiting.push(Reverse(range.end));
        }
        while waiting.pop().is_some_and(|Reverse(end)| {
            let expired = end <= position;
            matched += usize::from(!expired);
            expired
        }) {}
        position += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition: the best over all assignments of the estimates.
    fn brute_force(candidates: &[Vec<usize>], used: u32) -> usize {
        let Some((first, rest)) = candidates.split_first() else {
            return 0;
        };
        let skip = brute_force(rest, used);
        let free = first.iter().filter(|&&r| used & (1 << r) == 0);
        free.map(|&r| 1 + brute_force(rest, used | (1 << r))).fold(skip, usize::max)
    }

    fn candidate_lists() -> impl Strategy<Value = Vec<Vec<usize>>> {
        let list = prop::collection::btree_set(0usize..7, 0..5);
        prop::collection::vec(list.prop_map(Vec::from_iter), 0..8)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_assignment_has_more_pairs(candidates in candidate_lists()) {
            let graph = Graph::new(7, candidates.clone());
            let pairs = graph.maximum_matching();
            prop_assert_eq!(pairs.len(), brute_force(&candidates, 0));
            let mut estimates: Vec<usize> = pairs.iter().map(|&(_, e)| e).collect();
            estimates.sort_unstable();
            estimates.dedup();
            prop_assert_eq!(estimates.len(), pairs.len());
            prop_assert!(pairs.windows(2).all(|w| w[0].0 < w[1].0));
            prop_assert!(pairs.iter().all(|&(r, e)| candidates[e].contains(&r)));
        }

        #[test]
        fn ranges_and_graphs_agree(raw in prop::collection::vec((0usize..9, 0usize..5), 0..9)) {
            let ranges: Vec<_> = raw.iter().map(|&(start, length)| start..start + length).collect();
            let graph = Graph::new(14, ranges.clone());
            prop_assert_eq!(match_ranges(ranges), graph.maximum_matching().len());
        }

        #[test]
        fn events_and_graphs_agree(
            mut reference in prop::collection::vec(0u32..60, 0..9),
            mut estimate in prop::collection::vec(0u32..60, 0..9),
        ) {
            reference.sort_unstable();
            estimate.sort_unstable();
            let near = |&e: &u32| {
                let close = reference.iter().enumerate().filter(move |&(_, &r)| r.abs_diff(e) <= 4);
                close.map(|(index, _)| index).collect::<Vec<_>>()
            };
            let graph = Graph::new(reference.len(), estimate.iter().map(near));
            let seconds = |x: &[u32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            let pairs = match_events(&seconds(&reference), &seconds(&estimate), 4.0);
            prop_assert_eq!(pairs.len(), graph.maximum_matching().len());
        }
    }

    #[test]
    fn a_path_as_long_as_the_graph_is_followed() {
        // Estimate i fits references i and i + 1 and the greedy pass gives it i; the last estimate
        // fits reference 0 only, so that every pair has to move.
        let n = 200_000;
        let chain = (0..n).map(|i| vec![i, i + 1]).chain([vec![0]]);
        let graph = Graph::new(n + 1, chain);
        assert_eq!(graph.maximum_matching().len(), n + 1);
    }

    #[test]
    fn empty_graphs_have_no_pairs() {
        assert_eq!(Graph::new(0, Vec::<Vec<usize>>::new()).maximum_matching(), []);
        assert_eq!(Graph::new(3, [vec![], vec![]]).maximum_matching(), []);
        assert_eq!(match_events(&[], &[1.0], 1.0), []);
        assert_eq!(match_ranges(vec![]), 0);
    }
}
