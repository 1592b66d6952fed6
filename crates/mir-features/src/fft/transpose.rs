//! Rows into columns, four by four or sixteen by sixteen.

use super::Aligned;
#[cfg(target_arch = "x86_64")]
use super::tiles;

/// The transposed matrix.
#[inline(always)]
fn four(rows: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
    // Without these instructions, moving the samples of a block takes as long as transforming it.
    #[cfg(target_arch = "x86_64")]
    if let Some(sse) = pulp::core_arch::x86::Sse::try_new() {
        let [a, b, c, d] = bytemuck::cast::<_, [std::arch::x86_64::__m128; 4]>(rows);
        let (ab, cd) = (sse._mm_unpacklo_ps(a, b), sse._mm_unpacklo_ps(c, d));
        let (ab_high, cd_high) = (sse._mm_unpackhi_ps(a, b), sse._mm_unpackhi_ps(c, d));
        return bytemuck::cast([
            sse._mm_movelh_ps(ab, cd),
            sse._mm_movehl_ps(cd, ab),
            sse._mm_movelh_ps(ab_high, cd_high),
            sse._mm_movehl_ps(cd_high, ab_high),
        ]);
    }
    let [a, b, c, d] = rows;
    [
        [a[0], b[0], c[0], d[0]],
        [a[1], b[1], c[1], d[1]],
        [a[2], b[2], c[2], d[2]],
        [a[3], b[3], c[3], d[3]],
    ]
}

/// Columns that are moved at a time: those of one line of the cache.
const LINE: usize = 16;

/// Writes `to[column][row] = from[row][column]` for as many columns as there are in `columns`, with rows that
/// begin every so many elements in both; 0 for elements that lie beyond the end of `from`.
///
/// `rows` may be any number up to the step of `to`, and what lies in `to` beyond them is left as it is.
pub(super) fn transpose(
    from: &[f32],
    from_step: usize,
    to: &mut [f32],
    to_step: usize,
    (rows, columns): (usize, usize),
) {
    for first in (0..columns).step_by(LINE) {
        let strip = first..columns.min(first + LINE);
        for row in (0..rows).step_by(4) {
            let whole = row + 4 <= rows
                && strip.len().is_multiple_of(4)
                && (row + 3) * from_step + strip.end <= from.len();
            if whole {
                let line = |i: usize| {
                    from[(row + i) * from_step + strip.start..][..strip.len()].as_chunks::<4>().0
                };
                let blocks = line(0).iter().zip(line(1)).zip(line(2)).zip(line(3));
                for (block, (((a, b), c), d)) in blocks.enumerate() {
                    let place = (strip.start + 4 * block) * to_step + row;
                    for (i, values) in four([*a, *b, *c, *d]).iter().enumerate() {
                        to[place + i * to_step..][..4].copy_from_slice(values);
                    }
                }
            } else {
                for column in strip.clone() {
                    for row in row..rows.min(row + 4) {
                        let value = from.get(row * from_step + column).copied();
                        to[column * to_step + row] = value.unwrap_or(0.0);
                    }
                }
            }
        }
    }
}

/// Writes values `[bins, lanes]`, a frame in each lane, as rows `[frames, bins]`; there may be fewer frames than
/// lanes.
///
/// By way of memory that stays in the cache: written a few numbers here, a few there, rows would be fetched from
/// memory before they are overwritten, and those of spectra, which begin a little more than a multiple of 4096 bytes
/// apart, would push each other out of the first-level cache before a line is whole.
pub(crate) fn lanes_to_rows(
    values: &[f32],
    lanes: usize,
    bins: usize,
    between: &mut Aligned,
    rows: &mut [f32],
) {
    // Every row begins on a line of its own, those of spectra one line after a multiple of 4096 bytes.
    let step = bins.next_multiple_of(LINE);
    let between = between.get(step * lanes);
    if !in_tiles(values, lanes, between, step) {
        transpose(values, lanes, between, step, (bins, rows.len() / bins));
    }
    for (row, from) in rows.chunks_exact_mut(bins).zip(between.chunks_exact(step)) {
        row.copy_from_slice(&from[..bins]);
    }
}

/// Transposes with the widest vectors, if there are such.
fn in_tiles(from: &[f32], columns: usize, to: &mut [f32], step: usize) -> bool {
    #[cfg(target_arch = "x86_64")]
    if columns == tiles::SIDE {
        return tiles::transpose(from.as_chunks().0, to, step);
    }
    let _ = (from, columns, to, step);
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_lands_where_row_and_column_trade_places() {
        for (rows, columns, from_step, to_step, len) in [
            (4, 16, 16, 4, 64),
            (5, 17, 20, 7, 100),
            (16, 229, 300, 16, 4729),
            (20, 512, 512, 20, 19 * 512),
            (9, 160, 160, 12, 1300),
            (1, 1, 1, 1, 1),
        ] {
            let from: Vec<f32> = (0..len).map(|i| 1.0 + i as f32).collect();
            let mut to = vec![-1.0; columns * to_step];
            transpose(&from, from_step, &mut to, to_step, (rows, columns));
            for (i, value) in to.into_iter().enumerate() {
                let (column, row) = (i / to_step, i % to_step);
                let expected = match from.get(row * from_step + column) {
                    _ if row >= rows => -1.0,
                    value => value.copied().unwrap_or(0.0),
                };
                let label = format!("{rows} x {columns}, row {row}, column {column}");
                assert_eq!(value.to_bits(), expected.to_bits(), "{label}");
            }
        }
    }

    #[test]
    fn rows_are_columns_of_lanes() {
        for (lanes, frames, bins) in [
            (16, 16, 7),
            (16, 16, 16),
            (16, 16, 229),
            (16, 6, 5),
            (16, 3, 1026),
            (8, 8, 1),
            (8, 7, 1025),
            (1, 1, 4),
        ] {
            let values: Vec<f32> = (0..bins * lanes).map(|i| i as f32).collect();
            let mut rows = vec![f32::NAN; frames * bins];
            lanes_to_rows(&values, lanes, bins, &mut Aligned::default(), &mut rows);
            for (i, value) in rows.into_iter().enumerate() {
                let expected = (i % bins * lanes + i / bins) as f32;
                assert_eq!(value.to_bits(), expected.to_bits(), "{lanes} lanes, {bins} bins, {i}");
            }
        }
    }
}
