//! Sixteen by sixteen numbers, rows into columns, in the vectors of AVX-512.

use std::arch::x86_64::__m512;

use pulp::{NullaryFnOnce, x86::V4};

/// Numbers in a vector.
pub(super) const SIDE: usize = 16;

/// Writes `to[column][row] = from[row][column]`, with rows of `to` that begin every `step` elements. `false`, and
/// nothing done, where the processor has no such vectors or there are fewer rows than a tile has.
pub(super) fn transpose(from: &[[f32; SIDE]], to: &mut [f32], step: usize) -> bool {
    let Some(simd) = V4::try_new().filter(|_| from.len() >= SIDE) else { return false };
    simd.vectorize(Tiles { simd, from, to, step });
    true
}

struct Tiles<'a> {
    simd: V4,
    from: &'a [[f32; SIDE]],
    to: &'a mut [f32],
    step: usize,
}

impl NullaryFnOnce for Tiles<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let last = self.from.len() - SIDE;
        // The last tile lies over the one before it, and says the same once more.
        for first in (0..self.from.len()).step_by(SIDE).map(|first| first.min(last)) {
            let tile = self.from[first..].first_chunk().expect("a whole tile");
            for (row, column) in self.to.chunks_exact_mut(self.step).zip(columns(self.simd, tile)) {
                row[first..first + SIDE].copy_from_slice(&column);
            }
        }
    }
}

/// The columns of a tile: rows trade places with their neighbours, pairs with the next pair, fours with the others.
#[inline(always)]
fn columns(simd: V4, tile: &[[f32; SIDE]; SIDE]) -> [[f32; SIDE]; SIDE] {
    let avx = simd.avx512f;
    let row = |i: usize| bytemuck::cast::<_, __m512>(tile[i]);
    let mut pairs = [row(0); SIDE];
    for i in (0..SIDE).step_by(2) {
        pairs[i] = avx._mm512_unpacklo_ps(row(i), row(i + 1));
        pairs[i + 1] = avx._mm512_unpackhi_ps(row(i), row(i + 1));
    }
    // Vector 4·i + j holds columns j, 4 + j, 8 + j and 12 + j of the rows from 4·i to 4·i + 3.
    let mut fours = pairs;
    for i in (0..SIDE).step_by(4) {
        for j in 0..2 {
            let pair = |i: usize| avx._mm512_castps_pd(pairs[i]);
            let (a, b) = (pair(i + j), pair(i + j + 2));
            fours[i + 2 * j] = avx._mm512_castpd_ps(avx._mm512_unpacklo_pd(a, b));
            fours[i + 2 * j + 1] = avx._mm512_castpd_ps(avx._mm512_unpackhi_pd(a, b));
        }
    }
    // Of two vectors, the quarters of even and of odd number.
    let even = |a, b| avx._mm512_shuffle_f32x4::<0b10_00_10_00>(a, b);
    let odd = |a, b| avx._mm512_shuffle_f32x4::<0b11_01_11_01>(a, b);
    let mut columns = [[0.0; SIDE]; SIDE];
    for j in 0..4 {
        let [a, b, c, d] = [fours[j], fours[4 + j], fours[8 + j], fours[12 + j]];
        let (first, second) = (even(a, b), even(c, d));
        columns[j] = bytemuck::cast(even(first, second));
        columns[8 + j] = bytemuck::cast(odd(first, second));
        let (first, second) = (odd(a, b), odd(c, d));
        columns[4 + j] = bytemuck::cast(even(first, second));
        columns[12 + j] = bytemuck::cast(odd(first, second));
    }
    columns
}
