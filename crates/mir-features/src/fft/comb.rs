//! Samples of overlapping frames, side by side.

use pulp::Simd;

use super::{
    complex::{Lanes, Source},
    transpose::transpose,
};
use crate::{BLOCK, FrameBlock};

/// Where each sample of a frame lies in a matrix with a row for each sample of a hop and a column for each hop.
#[derive(Clone, Debug)]
pub(super) struct CombPlan {
    hop: usize,
    /// Samples of a hop that a frame sees.
    rows: usize,
    /// Hops that a block of frames sees; a multiple of 4.
    columns: usize,
    /// Where sample `n` of the first frame lies; the other frames follow.
    places: Vec<u32>,
}

impl CombPlan {
    pub(super) fn new(n_fft: usize, hop: usize) -> Self {
        let columns = (BLOCK - 1 + n_fft.div_ceil(hop)).next_multiple_of(4);
        Self {
            hop,
            rows: hop.min(n_fft),
            columns,
            places: (0..n_fft).map(|n| (n % hop * columns + n / hop) as u32).collect(),
        }
    }

    /// Elements of the matrix.
    pub(super) const fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// Writes the samples of a block; zeros where it has none.
    pub(super) fn fill(&self, block: FrameBlock<'_>, matrix: &mut [f32]) {
        // The signal is a matrix already, with a row for each hop.
        let shape = (self.columns, self.rows);
        transpose(block.samples(), self.hop, matrix, self.columns, shape);
    }

    /// Reads the matrix as frames from `first` on, under a window.
    pub(super) fn read<'a>(
        &'a self,
        matrix: &'a [f32],
        first: usize,
        window: &'a [f32],
    ) -> Comb<'a> {
        Comb { matrix: &matrix[first..], places: &self.places, window }
    }
}

/// A matrix, read as frames.
#[derive(Clone, Copy)]
pub(super) struct Comb<'a> {
    matrix: &'a [f32],
    places: &'a [u32],
    window: &'a [f32],
}

impl Comb<'_> {
    /// Sample `n` of each frame under the window.
    #[inline(always)]
    fn sample<S: Simd>(&self, simd: S, n: usize) -> S::f32s {
        let place = self.places[n] as usize;
        let lanes = S::as_simd_f32s(&self.matrix[place..place + S::F32_LANES]).0;
        simd.mul_f32s(lanes[0], simd.splat_f32s(self.window[n]))
    }
}

impl<S: Simd> Source<S> for Comb<'_> {
    #[inline(always)]
    fn get(&self, simd: S, n: usize) -> Lanes<S> {
        [self.sample(simd, 2 * n), self.sample(simd, 2 * n + 1)]
    }
}
