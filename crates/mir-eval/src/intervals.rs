//! Labelled stretches of time: checks, and bringing two of them to one span.

use crate::{Error, Result, Side, error::check_length};

/// Checks that intervals are finite, at least 0, longer than nothing, and in order of their starts, with
/// one label each.
pub(crate) fn check_intervals(side: Side, intervals: &[[f64; 2]], labels: usize) -> Result<()> {
    check_length(side, "labels", intervals.len(), labels)?;
    let mut previous = 0.0;
    for (index, &[start, end]) in intervals.iter().enumerate() {
        for actual in [start, end] {
            if !(actual.is_finite() && actual >= 0.0) {
                return Err(Error::InvalidTime { side, index, actual });
            }
        }
        if end <= start {
            return Err(Error::EmptyInterval { side, index, start, end });
        }
        if start < previous {
            return Err(Error::Unsorted { side, index, previous, actual: start });
        }
        previous = start;
    }
    Ok(())
}

/// Crops intervals (in order) to `span` and fills what is missing at either end.
pub(crate) fn adjust<L: Clone>(
    intervals: &[[f64; 2]],
    labels: &[L],
    span: [f64; 2],
    start_label: L,
    end_label: L,
) -> (Vec<[f64; 2]>, Vec<L>) {
    let mut kept = Vec::with_capacity(intervals.len() + 2);
    let mut names = Vec::with_capacity(intervals.len() + 2);
    for (&[start, end], label) in intervals.iter().zip(labels) {
        let (start, end) = (start.max(span[0]), end.min(span[1]));
        if start < end {
            if kept.is_empty() && start > span[0] {
                kept.push([span[0], start]);
                names.push(start_label.clone());
            }
            kept.push([start, end]);
            names.push(label.clone());
        }
    }
    let last = kept.iter().map(|i| i[1]).fold(span[0], f64::max);
    if last < span[1] {
        names.push(if kept.is_empty() { start_label } else { end_label });
        kept.push([last, span[1]]);
    }
    (kept, names)
}

/// All ends of intervals, ascending, each once.
pub(crate) fn boundaries<'a>(intervals: impl IntoIterator<Item = &'a [f64; 2]>) -> Vec<f64> {
    let mut times: Vec<f64> = intervals.into_iter().flatten().copied().collect();
    times.sort_unstable_by(f64::total_cmp);
    times.dedup_by(|a, b| a <= b);
    times
}
