//! Filling the rows of a map, on one thread or on several: the rows do not depend on each other.

use std::ops::Range;

use ndarray::{ArrayRef2, ArrayViewMut2};

/// Rows that one thread computes at a time: enough to make up for its working memory.
#[cfg(feature = "parallel")]
const BLOCK: usize = 512;

/// Calls `fill(frames, rows)` for blocks of rows of `map` that cover it; row 0 is frame `first`.
#[cfg(feature = "parallel")]
pub(crate) fn fill_parallel<T: Send + Sync>(
    map: &mut ArrayViewMut2<'_, T>,
    first: usize,
    fill: impl Fn(Range<usize>, &mut ArrayRef2<T>) + Sync,
) {
    use ndarray::{Axis, parallel::prelude::*};
    let frames = map.nrows();
    if frames <= BLOCK {
        fill(first..first + frames, map);
        return;
    }
    map.axis_chunks_iter_mut(Axis(0), BLOCK).into_par_iter().enumerate().for_each(
        |(block, mut rows)| {
            let start = first + block * BLOCK;
            fill(start..start + rows.nrows(), &mut rows);
        },
    );
}

/// Calls `fill(frames, rows)` for all rows of `map`; row 0 is frame `first`.
#[cfg(not(feature = "parallel"))]
pub(crate) fn fill_parallel<T: Send + Sync>(
    map: &mut ArrayViewMut2<'_, T>,
    first: usize,
    fill: impl Fn(Range<usize>, &mut ArrayRef2<T>) + Sync,
) {
    fill(first..first + map.nrows(), map);
}
