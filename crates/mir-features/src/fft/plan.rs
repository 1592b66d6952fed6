//! The transform of `2·M` real numbers in every lane.

use pulp::Simd;

use super::complex::{Column, Every, Lanes, Small, Source, add, mul, sub, unit};

/// Where the results go.
pub(super) trait Sink<S: Simd> {
    /// Result `k`; each is given once.
    fn put(&mut self, simd: S, k: usize, value: Lanes<S>);
}

/// A complex transform of `M = columns · rows` numbers, as the module says.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Length of the first transforms.
    columns: usize,
    /// Length of the second ones.
    rows: usize,
    sixteen: Small<16>,
    thirty_two: Small<32>,
    sixty_four: Small<64>,
    /// `exp(−2πi·n·k / M)` for the numbers `n` and results `k` of the first transforms.
    twiddles: Vec<[f32; 2]>,
    /// `exp(−2πi·k / 2M)`.
    real: Vec<[f32; 2]>,
}

impl Plan {
    /// For `M` numbers: a power of two from 256 to 4096, `None` for others.
    pub(super) fn new(m: usize) -> Option<Self> {
        if !m.is_power_of_two() || !(256..=4096).contains(&m) {
            return None;
        }
        let columns = 1 << (m.ilog2() / 2);
        let rows = m / columns;
        Some(Self {
            twiddles: (0..rows)
                .flat_map(|n| (0..columns).map(move |k| unit((n * k) as f64 / m as f64)))
                .collect(),
            real: (0..m).map(|k| unit(k as f64 / (2 * m) as f64)).collect(),
            columns,
            rows,
            sixteen: Small::new(),
            thirty_two: Small::new(),
            sixty_four: Small::new(),
        })
    }

    /// `M`.
    pub(super) const fn len(&self) -> usize {
        self.columns * self.rows
    }

    /// From row to row of the matrix: rows of exactly a power of two would all lie in the same lines of the
    /// first-level cache.
    const fn stride(&self) -> usize {
        self.rows + 1
    }

    /// Complex numbers of working memory for each lane.
    pub(super) const fn scratch_len(&self) -> usize {
        self.columns * self.stride()
    }

    /// The spectrum of `2·M` real numbers, of which the source gives those of even index as real, those of odd
    /// index as imaginary parts, **halved**; bins `0..=M` go into the sink.
    #[inline(always)]
    pub(super) fn forward<S: Simd>(
        &self,
        simd: S,
        source: &impl Source<S>,
        matrix: &mut [Lanes<S>],
        sink: &mut impl Sink<S>,
    ) {
        match self.columns {
            16 => self.first(simd, &self.sixteen, source, matrix),
            32 => self.first(simd, &self.thirty_two, source, matrix),
            _ => self.first(simd, &self.sixty_four, source, matrix),
        }
        match self.rows {
            16 => self.second(simd, &self.sixteen, matrix, sink),
            32 => self.second(simd, &self.thirty_two, matrix, sink),
            _ => self.second(simd, &self.sixty_four, matrix, sink),
        }
    }

    /// The transforms of the columns, turned, into the rows of the matrix.
    #[inline(always)]
    fn first<S: Simd, const P: usize>(
        &self,
        simd: S,
        small: &Small<P>,
        source: &impl Source<S>,
        matrix: &mut [Lanes<S>],
    ) {
        let stride = self.stride();
        let zero = simd.splat_f32s(0.0);
        let mut column = Column::<S, P>([[zero; 2]; P]);
        let column = &mut column.0;
        for (n, twiddles) in self.twiddles.chunks_exact(P).enumerate() {
            small.run_from(simd, &Every { source, first: n, step: self.rows }, column);
            matrix[n] = column[0];
            for (k, &w) in twiddles.iter().enumerate().skip(1) {
                matrix[k * stride + n] = mul(simd, column[Small::<P>::place(k)], w);
            }
        }
    }

    /// The transforms of the rows, of which two at a time hold the pairs of bins that belong together.
    #[inline(always)]
    fn second<S: Simd, const P: usize>(
        &self,
        simd: S,
        small: &Small<P>,
        matrix: &mut [Lanes<S>],
        sink: &mut impl Sink<S>,
    ) {
        let (columns, m) = (self.columns, self.len());
        let place = Small::<P>::place;
        let mut rows = matrix.chunks_exact_mut(self.stride());
        let whole = "the matrix has as many rows as columns were transformed, each with an element to spare";

        let row = rows.next().and_then(|row| row.first_chunk_mut::<P>()).expect(whole);
        small.run(simd, row);
        let two = simd.splat_f32s(2.0);
        let [re, im] = row[0];
        let zero = simd.splat_f32s(0.0);
        sink.put(simd, 0, [simd.mul_f32s(two, simd.add_f32s(re, im)), zero]);
        sink.put(simd, m, [simd.mul_f32s(two, simd.sub_f32s(re, im)), zero]);
        let [re, im] = row[place(P / 2)];
        sink.put(simd, m / 2, [simd.mul_f32s(two, re), simd.neg_f32s(simd.mul_f32s(two, im))]);
        for k in 1..P / 2 {
            self.pair(simd, k * columns, row[place(k)], row[place(P - k)], sink);
        }
        for k in 1..columns / 2 {
            let (front, back) = (rows.next(), rows.next_back());
            let front = front.and_then(|row| row.first_chunk_mut::<P>()).expect(whole);
            let back = back.and_then(|row| row.first_chunk_mut::<P>()).expect(whole);
            small.run(simd, front);
            small.run(simd, back);
            for i in 0..P {
                let bin = k + i * columns;
                self.pair(simd, bin, front[place(i)], back[place(P - 1 - i)], sink);
            }
        }
        let row = rows.next().and_then(|row| row.first_chunk_mut::<P>()).expect(whole);
        small.run(simd, row);
        for i in 0..P / 2 {
            let bin = columns / 2 + i * columns;
            self.pair(simd, bin, row[place(i)], row[place(P - 1 - i)], sink);
        }
    }

    /// Bins `k` and `M − k` of the real numbers from those of the complex ones.
    #[inline(always)]
    fn pair<S: Simd>(
        &self,
        simd: S,
        k: usize,
        [a_re, a_im]: Lanes<S>,
        [b_re, b_im]: Lanes<S>,
        sink: &mut impl Sink<S>,
    ) {
        let even = [simd.add_f32s(a_re, b_re), simd.sub_f32s(a_im, b_im)];
        let odd = [simd.add_f32s(a_im, b_im), simd.sub_f32s(b_re, a_re)];
        let turned = mul(simd, odd, self.real[k]);
        sink.put(simd, k, add(simd, even, turned));
        let [re, im] = sub(simd, even, turned);
        sink.put(simd, self.len() - k, [re, simd.neg_f32s(im)]);
    }
}
