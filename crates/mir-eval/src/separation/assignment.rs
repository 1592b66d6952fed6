//! Which estimate belongs to which reference?

/// From this number of sources on, the assignment algorithm replaces the search through all orders.
const MANY: usize = 8;
/// What stands for an infinite or undefined score where sums have to stay finite, in dB.
const HUGE: f64 = 1e6;

/// The order of the estimates with the largest mean score: entry `j` is the estimate of target `j`.
/// `scores` are `[target][estimate]`, `n × n`; of equal means the first order in the dictionary wins.
///
/// Few sources are searched through as `mir_eval` does, so that infinite scores and ties end alike; the
/// sum over many is maximised by the Hungarian method (Kuhn 1955) in `O(n³)`.
pub(super) fn best_order(scores: &[f64], n: usize) -> Vec<usize> {
    let scores: Vec<f64> = scores.iter().map(|&x| if x.is_nan() { -HUGE } else { x }).collect();
    if n < MANY { search(&scores, n) } else { hungarian(&scores, n) }
}

/// All orders in the order of the dictionary.
fn search(scores: &[f64], n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    let mean = |order: &[usize]| {
        order.iter().enumerate().map(|(j, &e)| scores[j * n + e]).sum::<f64>() / n as f64
    };
    let (mut best, mut best_mean) = (order.clone(), mean(&order));
    while next_order(&mut order) {
        let mean = mean(&order);
        if mean > best_mean {
            (best, best_mean) = (order.clone(), mean);
        }
    }
    best
}

/// The next permutation in the order of the dictionary; `false` after the last.
fn next_order(order: &mut [usize]) -> bool {
    let Some(pivot) = order.windows(2).rposition(|pair| pair[0] < pair[1]) else { return false };
    let value = order[pivot];
    if let Some(successor) = order.iter().rposition(|&x| x > value) {
        order.swap(pivot, successor);
    }
    order[pivot + 1..].reverse();
    true
}

/// The Hungarian method with potentials: rows are added one by one, each by a shortest augmenting path.
fn hungarian(scores: &[f64], n: usize) -> Vec<usize> {
    let cost = |row: usize, column: usize| -scores[row * n + column].clamp(-HUGE, HUGE);
    let (mut row_potential, mut column_potential) = (vec![0.0; n], vec![0.0; n + 1]);
    // Row of a column; the extra last column holds the row that is being added.
    let mut row_of = vec![None; n + 1];
    for row in 0..n {
        row_of[n] = Some(row);
        let mut slack = vec![f64::INFINITY; n];
        let mut from = vec![n; n];
        let mut seen = vec![false; n + 1];
        let mut column = n;
        while let Some(row) = row_of[column] {
            seen[column] = true;
            let (mut step, mut next) = (f64::INFINITY, n);
            for c in (0..n).filter(|&c| !seen[c]) {
                let reduced = cost(row, c) - row_potential[row] - column_potential[c];
                if reduced < slack[c] {
                    (slack[c], from[c]) = (reduced, column);
                }
                if slack[c] < step {
                    (step, next) = (slack[c], c);
                }
            }
            for c in 0..=n {
                if seen[c] {
                    if let Some(row) = row_of[c] {
                        row_potential[row] += step;
                    }
                    column_potential[c] -= step;
                } else {
                    slack[c] -= step;
                }
            }
            column = next;
        }
        while column != n {
            row_of[column] = row_of[from[column]];
            column = from[column];
        }
    }
    let mut order = vec![0; n];
    for (column, row) in row_of.iter().take(n).enumerate() {
        if let Some(row) = row {
            order[*row] = column;
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use mir_testkit::signal::Random;

    use super::*;

    fn sum(scores: &[f64], n: usize, order: &[usize]) -> f64 {
        order.iter().enumerate().map(|(j, &e)| scores[j * n + e]).sum()
    }

    #[test]
    fn the_hungarian_method_finds_what_the_search_finds() {
        let mut random = Random::new(7);
        for case in 0..300 {
            let n = 1 + case % 7;
            // Coarse values, so that there are ties.
            let scores: Vec<f64> = (0..n * n).map(|_| random.below(12) as f64 - 4.0).collect();
            let (a, b) = (search(&scores, n), hungarian(&scores, n));
            let (a, b) = (sum(&scores, n, &a), sum(&scores, n, &b));
            assert!((a - b).abs() < 1e-9, "case {case}: {a} and {b}");
        }
    }

    #[test]
    fn the_order_is_that_of_the_dictionary() {
        let mut order = vec![0, 1, 2];
        let mut all = vec![order.clone()];
        while next_order(&mut order) {
            all.push(order.clone());
        }
        assert_eq!(
            all,
            [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].map(Vec::from)
        );
    }

    #[test]
    fn ties_and_infinite_scores_take_the_first_order() {
        assert_eq!(best_order(&[1.0; 9], 3), [0, 1, 2]);
        let inf = f64::INFINITY;
        assert_eq!(best_order(&[0.0, inf, inf, 0.0], 2), [1, 0]);
        assert_eq!(best_order(&[f64::NAN, 1.0, 1.0, f64::NAN], 2), [1, 0]);
    }

    #[test]
    fn many_sources_are_put_in_order() {
        let n = 12;
        let scores: Vec<f64> = (0..n * n)
            .map(|i| if (i / n + 5) % n == i % n { f64::INFINITY } else { 3.0 })
            .collect();
        let expected: Vec<usize> = (0..n).map(|j| (j + 5) % n).collect();
        assert_eq!(best_order(&scores, n), expected);
    }
}
