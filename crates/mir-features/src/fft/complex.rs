//! Complex numbers, one for each lane, and transforms of a few of them.
//!
//! Only additions, subtractions and multiplications, none of them fused: each lane, on every machine, gets the
//! bits that a plain loop would give.

use std::f64::consts::TAU;

use pulp::Simd;

/// Real and imaginary parts of as many numbers as there are lanes.
pub(super) type Lanes<S> = [<S as Simd>::f32s; 2];

/// Numbers on the stack that begin where a line of the cache does: vectors that straddle two cost twice.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Column<S: Simd, const P: usize>(pub(super) [Lanes<S>; P]);

/// `exp(−2πi·turn)`.
pub(super) fn unit(turn: f64) -> [f32; 2] {
    let angle = -TAU * turn;
    [angle.cos() as f32, angle.sin() as f32]
}

#[inline(always)]
pub(super) fn add<S: Simd>(simd: S, a: Lanes<S>, b: Lanes<S>) -> Lanes<S> {
    [simd.add_f32s(a[0], b[0]), simd.add_f32s(a[1], b[1])]
}

#[inline(always)]
pub(super) fn sub<S: Simd>(simd: S, a: Lanes<S>, b: Lanes<S>) -> Lanes<S> {
    [simd.sub_f32s(a[0], b[0]), simd.sub_f32s(a[1], b[1])]
}

/// `a + i·b`.
#[inline(always)]
pub(super) fn add_i<S: Simd>(simd: S, a: Lanes<S>, b: Lanes<S>) -> Lanes<S> {
    [simd.sub_f32s(a[0], b[1]), simd.add_f32s(a[1], b[0])]
}

/// `a − i·b`.
#[inline(always)]
pub(super) fn sub_i<S: Simd>(simd: S, a: Lanes<S>, b: Lanes<S>) -> Lanes<S> {
    [simd.add_f32s(a[0], b[1]), simd.sub_f32s(a[1], b[0])]
}

/// The product with one number for all lanes.
#[inline(always)]
pub(super) fn mul<S: Simd>(simd: S, a: Lanes<S>, w: [f32; 2]) -> Lanes<S> {
    let (re, im) = (simd.splat_f32s(w[0]), simd.splat_f32s(w[1]));
    [
        simd.sub_f32s(simd.mul_f32s(a[0], re), simd.mul_f32s(a[1], im)),
        simd.add_f32s(simd.mul_f32s(a[0], im), simd.mul_f32s(a[1], re)),
    ]
}

/// The transform of four numbers.
#[inline(always)]
fn four<S: Simd>(simd: S, a: [Lanes<S>; 4]) -> [Lanes<S>; 4] {
    let (even, even_turned) = (add(simd, a[0], a[2]), sub(simd, a[0], a[2]));
    let (odd, odd_turned) = (add(simd, a[1], a[3]), sub(simd, a[1], a[3]));
    [
        add(simd, even, odd),
        sub_i(simd, even_turned, odd_turned),
        sub(simd, even, odd),
        add_i(simd, even_turned, odd_turned),
    ]
}

/// The transform of eight numbers.
#[inline(always)]
fn eight<S: Simd>(simd: S, a: [Lanes<S>; 8]) -> [Lanes<S>; 8] {
    let even = four(simd, [a[0], a[2], a[4], a[6]]);
    let odd = four(simd, [a[1], a[3], a[5], a[7]]);
    let half = simd.splat_f32s(std::f32::consts::FRAC_1_SQRT_2);
    // exp(−2πi/8)·z = ((re + im) + i·(im − re))/√2, and exp(−2πi·3/8)·z is −i times that of its kind.
    let turn = |[re, im]: Lanes<S>| {
        [simd.mul_f32s(simd.add_f32s(re, im), half), simd.mul_f32s(simd.sub_f32s(im, re), half)]
    };
    let (first, third) = (turn(odd[1]), turn(odd[3]));
    [
        add(simd, even[0], odd[0]),
        add(simd, even[1], first),
        sub_i(simd, even[2], odd[2]),
        sub_i(simd, even[3], third),
        sub(simd, even[0], odd[0]),
        sub(simd, even[1], first),
        add_i(simd, even[2], odd[2]),
        add_i(simd, even[3], third),
    ]
}

/// Where the numbers come from.
pub(super) trait Source<S: Simd> {
    /// Number `n`.
    fn get(&self, simd: S, n: usize) -> Lanes<S>;
}

/// Every `step`-th number of a source, from `first` on.
pub(super) struct Every<'a, T> {
    pub(super) source: &'a T,
    pub(super) first: usize,
    pub(super) step: usize,
}

impl<S: Simd, T: Source<S>> Source<S> for Every<'_, T> {
    #[inline(always)]
    fn get(&self, simd: S, n: usize) -> Lanes<S> {
        self.source.get(simd, self.first + n * self.step)
    }
}

/// A transform of `P` = 16, 32 or 64 numbers, in two steps: `P = first · second`.
#[derive(Clone, Debug)]
pub(super) struct Small<const P: usize> {
    /// `exp(−2πi·j·k/P)` for the number `j` of the second and the result `k` of the first step.
    twiddles: Vec<[f32; 2]>,
}

impl<const P: usize> Small<P> {
    /// Radix of the first step.
    const FIRST: usize = match P {
        16 | 32 => 4,
        64 => 8,
        _ => panic!("no transform of this length"),
    };
    /// Radix of the second.
    const SECOND: usize = P / Self::FIRST;

    pub(super) fn new() -> Self {
        let turn = |j: usize, k: usize| unit((j * k) as f64 / P as f64);
        Self {
            twiddles: (0..Self::SECOND)
                .flat_map(|j| (0..Self::FIRST).map(move |k| turn(j, k)))
                .collect(),
        }
    }

    /// Where result `k` lies after [`run`](Self::run).
    #[inline(always)]
    pub(super) const fn place(k: usize) -> usize {
        k % Self::FIRST * Self::SECOND + k / Self::FIRST
    }

    /// The transform of what the source gives, its results in another order ([`place`](Self::place)).
    #[inline(always)]
    pub(super) fn run_from<S: Simd>(
        &self,
        simd: S,
        source: &impl Source<S>,
        out: &mut [Lanes<S>; P],
    ) {
        for j in 0..Self::SECOND {
            let mut row = [source.get(simd, j); 8];
            for (i, value) in row.iter_mut().enumerate().take(Self::FIRST).skip(1) {
                *value = source.get(simd, j + i * Self::SECOND);
            }
            self.first(simd, j, row, out);
        }
        Self::second(simd, out);
    }

    /// The transform in place, its results in that other order.
    #[inline(always)]
    pub(super) fn run<S: Simd>(&self, simd: S, values: &mut [Lanes<S>; P]) {
        for j in 0..Self::SECOND {
            let mut row = [values[j]; 8];
            for (i, value) in row.iter_mut().enumerate().take(Self::FIRST).skip(1) {
                *value = values[j + i * Self::SECOND];
            }
            self.first(simd, j, row, values);
        }
        Self::second(simd, values);
    }

    /// The first step of every `SECOND`-th number from `j` on.
    #[inline(always)]
    fn first<S: Simd>(&self, simd: S, j: usize, row: [Lanes<S>; 8], out: &mut [Lanes<S>; P]) {
        let row = if Self::FIRST == 4 {
            let [a, b, c, d, ..] = row;
            let [a, b, c, d] = four(simd, [a, b, c, d]);
            [a, b, c, d, a, b, c, d]
        } else {
            eight(simd, row)
        };
        out[j] = row[0];
        let twiddles = &self.twiddles[j * Self::FIRST..][..Self::FIRST];
        for (i, (&value, &w)) in row.iter().zip(twiddles).enumerate().skip(1) {
            out[j + i * Self::SECOND] = mul(simd, value, w);
        }
    }

    /// The second step of all numbers.
    #[inline(always)]
    fn second<S: Simd>(simd: S, values: &mut [Lanes<S>; P]) {
        if Self::SECOND == 4 {
            for row in values.as_chunks_mut::<4>().0 {
                *row = four(simd, *row);
            }
        } else {
            for row in values.as_chunks_mut::<8>().0 {
                *row = eight(simd, *row);
            }
        }
    }
}
