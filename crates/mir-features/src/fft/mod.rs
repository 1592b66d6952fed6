//! Spectra of many frames at once: one frame in each lane of the vector registers.
//!
//! A transform of one frame in vector registers spends much of its time moving numbers between lanes. With
//! frame `i` in lane `i`, each operation of the plain algorithm becomes one vector operation with the same
//! factor for all lanes, and nothing is ever moved. What comes after it (powers, sums over bands, logarithms)
//! has no use for other frames either and stays in the lanes; only the results are put into rows.
//!
//! # Steps
//! 1. *Comb.* Frames overlap: sample `n` of frame `i` is sample `(n mod hop)` of stretch `i + n / hop`, with
//!    stretches of one hop. Written as a matrix with a column for each stretch, the signal holds
//!    every vector of the transform as neighbours in a row, and each sample is moved only once
//!    ([`Comb`](comb::Comb)).
//! 2. *Transform.* `n_fft` real numbers are `M = n_fft / 2` complex ones, `z[n] = x[2n] + i·x[2n + 1]`. With
//!    `M = R·C`, transforms of `R` numbers that lie `C` apart, a turn, and transforms of `C` numbers that lie side
//!    by side make up the whole (Bailey 1990, "FFTs in external or hierarchical memory"): the frames of 16 lanes
//!    do not fit into the first-level cache, and go through the second-level one twice. The small transforms
//!    have steps of radix 4 and 8, of which all operands fit into registers.
//! 3. *Real numbers.* Bins `k` and `M − k` of the real spectrum come from the same two of the complex one (see
//!    [`spectrum`](crate::spectrum)). They are results of two rows of step 2, which are still at hand.
//!
//! # Equal bits
//! Nothing depends on the number of lanes or on what other lanes hold, and products and sums are not fused: a frame
//! has the same spectrum alone and in company, with vectors of 16 lanes, of 8 or with none.

mod comb;
mod complex;
mod plan;
#[cfg(target_arch = "x86_64")]
mod tiles;
mod transpose;

use std::{cell::RefCell, ops::Range};

use pulp::{Arch, Scalar, Simd, WithSimd};

use crate::{BLOCK, FrameBlock};
use comb::{Comb, CombPlan};
use complex::{Lanes, Source};
use plan::{Plan, Sink};
pub(crate) use transpose::lanes_to_rows;

/// What is wanted of a spectrum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// `|X|²`, one number for each bin.
    Power,
    /// `|X|`, one number for each bin.
    Magnitude,
    /// `X`, two numbers for each bin.
    Complex,
}

impl Output {
    /// Numbers for each bin.
    pub(crate) const fn parts(self) -> usize {
        if matches!(self, Self::Complex) { 2 } else { 1 }
    }
}

/// Planned spectra of frames that follow each other.
#[derive(Clone, Debug)]
pub(crate) struct LaneFft {
    plan: Plan,
    /// Half the window: pairs of bins come out doubled.
    window: Vec<f32>,
    comb: CombPlan,
    arch: Arch,
}

/// Working memory of one thread; allocated when it is first used.
#[derive(Clone, Debug, Default)]
pub(crate) struct LaneScratch {
    comb: Aligned,
    matrix: Aligned,
    values: Aligned,
}

impl LaneFft {
    /// For frames under a window, `hop` samples from one to the next. `None` unless the length is a power of two
    /// from 512 to 8192.
    pub(crate) fn new(window: &[f32], hop: usize) -> Option<Self> {
        Self::on(Arch::new(), window, hop)
    }

    /// With the vectors of a certain processor.
    fn on(arch: Arch, window: &[f32], hop: usize) -> Option<Self> {
        Some(Self {
            plan: Plan::new(window.len() / 2).filter(|_| window.len().is_multiple_of(2))?,
            window: window.iter().map(|w| 0.5 * w).collect(),
            comb: CombPlan::new(window.len(), hop),
            arch,
        })
    }

    /// Bins of the spectrum, `n_fft / 2 + 1`.
    pub(crate) const fn bins(&self) -> usize {
        self.plan.len() + 1
    }

    /// The spectrum of one frame: the same bits as in a block.
    pub(crate) fn frame<'a>(
        &self,
        samples: &[f32],
        output: Output,
        scratch: &'a mut LaneScratch,
    ) -> &'a [f32] {
        let values = scratch.values.get(output.parts() * self.bins());
        let matrix = scratch.matrix.get(2 * self.plan.scratch_len()).as_chunks_mut().0;
        let source = One { samples, window: &self.window };
        self.plan.forward(Scalar, &source, matrix, &mut Values::<Scalar> { output, values });
        values
    }

    /// The spectra of a block. Calls `each` for as many frames at a time as there are lanes, with these frames (of
    /// the block), the number of lanes, and the values `[bins, parts, lanes]`; the last lanes may hold no frame.
    pub(crate) fn block(
        &self,
        block: FrameBlock<'_>,
        output: Output,
        scratch: &mut LaneScratch,
        mut each: impl FnMut(Range<usize>, usize, &[f32]),
    ) {
        let lanes = lanes_of(self.arch);
        let comb = scratch.comb.get(self.comb.len());
        self.comb.fill(block, comb);
        let matrix = scratch.matrix.get(2 * self.plan.scratch_len() * lanes);
        let values = scratch.values.get(output.parts() * self.bins() * lanes);
        for first in (0..block.len()).step_by(lanes) {
            let source = self.comb.read(comb, first, &self.window);
            let (matrix, values) = (&mut *matrix, &mut *values);
            self.arch.dispatch(Forward { plan: &self.plan, source, matrix, output, values });
            each(first..block.len().min(first + lanes), lanes, values);
        }
    }
}

/// Frames that are computed side by side on this processor.
pub(crate) fn lanes() -> usize {
    lanes_of(Arch::new())
}

fn lanes_of(arch: Arch) -> usize {
    struct Width;
    impl WithSimd for Width {
        type Output = usize;
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    let lanes = arch.dispatch(Width);
    assert!(BLOCK.is_multiple_of(lanes), "a block of {BLOCK} frames fills {lanes} lanes");
    lanes
}

/// The transform with the vectors of a processor.
struct Forward<'a> {
    plan: &'a Plan,
    source: Comb<'a>,
    matrix: &'a mut [f32],
    output: Output,
    values: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let matrix = S::as_mut_simd_f32s(self.matrix).0.as_chunks_mut().0;
        let values = S::as_mut_simd_f32s(self.values).0;
        let mut sink = Values::<S> { output: self.output, values };
        self.plan.forward(simd, &self.source, matrix, &mut sink);
    }
}

/// The samples of one frame.
struct One<'a> {
    samples: &'a [f32],
    window: &'a [f32],
}

impl Source<Scalar> for One<'_> {
    #[inline(always)]
    fn get(&self, _: Scalar, n: usize) -> Lanes<Scalar> {
        let value = |i: usize| self.samples[i] * self.window[i];
        [value(2 * n), value(2 * n + 1)]
    }
}

/// Keeps what is wanted of each bin.
struct Values<'a, S: Simd> {
    output: Output,
    values: &'a mut [S::f32s],
}

impl<S: Simd> Sink<S> for Values<'_, S> {
    #[inline(always)]
    fn put(&mut self, simd: S, k: usize, [re, im]: Lanes<S>) {
        if self.output == Output::Complex {
            self.values[2 * k] = re;
            self.values[2 * k + 1] = im;
            return;
        }
        let power = simd.add_f32s(simd.mul_f32s(re, re), simd.mul_f32s(im, im));
        // The root is as long as a dozen products, but other operations go on beside it.
        self.values[k] =
            if self.output == Output::Magnitude { simd.sqrt_f32s(power) } else { power };
    }
}

/// Memory that begins where a line of the cache does: vectors that straddle two lines cost twice.
///
/// Goes back to its thread when it is dropped, and comes from there: for a second of audio, half a megabyte of new
/// pages takes longer than the transforms.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aligned(Vec<f32>);

thread_local! {
    /// Memory that was used in this thread before.
    static SPARE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(vec![]) };
}

impl Aligned {
    /// Elements in a line.
    const LINE: usize = 16;
    /// Pieces that a thread keeps, at most: as many as the scratch of a feature has.
    const SPARES: usize = 5;

    /// `len` elements of any value. Allocates if there were never as many.
    pub(crate) fn get(&mut self, len: usize) -> &mut [f32] {
        if self.0.capacity() == 0 {
            // The smallest piece that is large enough.
            self.0 = SPARE.with_borrow_mut(|spare| {
                let fit = (0..spare.len()).filter(|&i| spare[i].len() >= len + Self::LINE);
                fit.min_by_key(|&i| spare[i].len())
                    .map(|i| spare.swap_remove(i))
                    .unwrap_or_default()
            });
        }
        if self.0.len() < len + Self::LINE {
            self.0.resize(len + Self::LINE, 0.0);
        }
        let offset = self.0.as_ptr().align_offset(Self::LINE * size_of::<f32>());
        // Where the alignment is unknown (the address is not, in a constant), any place will do.
        let offset = if offset < Self::LINE { offset } else { 0 };
        &mut self.0[offset..offset + len]
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.0);
        if memory.is_empty() {
            return;
        }
        // A thread that ends may have dropped its own already.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            spare.push(memory);
            if spare.len() > Self::SPARES {
                spare.remove(0);
            }
        });
    }
}

#[cfg(test)]
mod tests;
