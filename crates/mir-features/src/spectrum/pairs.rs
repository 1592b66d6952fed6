//! Bins that belong together: `k` and `M − k`.

use std::f64::consts::TAU;

use mir_fft::num_complex::Complex;

/// Pairs that are computed side by side.
pub(super) const LANES: usize = 4;

/// `W[k] = exp(−2πi·k / n_fft)` for `k = 1, 2, …` below a quarter of `n_fft`, real and imaginary parts
/// apart so that blocks of them can be loaded.
#[derive(Clone, Debug)]
pub(super) struct Twiddles {
    re: Vec<f32>,
    im: Vec<f32>,
}

impl Twiddles {
    pub(super) fn new(n_fft: usize) -> Self {
        let pairs = (n_fft / 2 - 1) / 2;
        let angles = (1..=pairs).map(|k| -TAU * k as f64 / n_fft as f64);
        Self {
            re: angles.clone().map(|angle| angle.cos() as f32).collect(),
            im: angles.map(|angle| angle.sin() as f32).collect(),
        }
    }

    /// Number of pairs: bin 0 and the middle one have no partner.
    pub(super) fn len(&self) -> usize {
        self.re.len()
    }
}

/// Writes `pair(from[k], from[M − k], W[k])` to `to[k]` and `to[M − k]` for every pair. `from` and `to` hold
/// the bins from 0 up to `M − 1` or `M`.
#[inline(always)]
pub(super) fn for_pairs<T: Copy + Default>(
    twiddles: &Twiddles,
    m: usize,
    from: &[Complex<f32>],
    to: &mut [T],
    pair: impl Fn(Complex<f32>, Complex<f32>, Complex<f32>) -> (T, T),
) {
    let pairs = twiddles.len();
    // Bins 1, 2, … from the front and M − 1, M − 2, … from the back.
    let (front, back) = (&from[1..=pairs], &from[m - pairs..m]);
    let (low, high) = to.split_at_mut(m - pairs);
    let (low, high) = (&mut low[1..=pairs], &mut high[..pairs]);

    let blocks = (front.as_chunks::<LANES>().0.iter())
        .zip(back.as_rchunks::<LANES>().1.iter().rev())
        .zip(twiddles.re.as_chunks::<LANES>().0)
        .zip(twiddles.im.as_chunks::<LANES>().0)
        .zip(low.as_chunks_mut::<LANES>().0)
        .zip(high.as_rchunks_mut::<LANES>().1.iter_mut().rev());
    for (((((a, b), w_re), w_im), low), high) in blocks {
        // Real and imaginary parts apart and the back turned round, in arrays of their own: in this form the
        // compiler computes all lanes at once.
        let (mut a_re, mut a_im) = ([0.0; LANES], [0.0; LANES]);
        let (mut b_re, mut b_im) = ([0.0; LANES], [0.0; LANES]);
        for lane in 0..LANES {
            let (a, b) = (a[lane], b[LANES - 1 - lane]);
            (a_re[lane], a_im[lane]) = (a.re, a.im);
            (b_re[lane], b_im[lane]) = (b.re, b.im);
        }
        let (mut lower, mut upper) = ([T::default(); LANES], [T::default(); LANES]);
        for lane in 0..LANES {
            let a = Complex::new(a_re[lane], a_im[lane]);
            let b = Complex::new(b_re[lane], b_im[lane]);
            let w = Complex::new(w_re[lane], w_im[lane]);
            (lower[lane], upper[lane]) = pair(a, b, w);
        }
        upper.reverse();
        (*low, *high) = (lower, upper);
    }
    for k in pairs / LANES * LANES..pairs {
        let w = Complex::new(twiddles.re[k], twiddles.im[k]);
        (low[k], high[pairs - 1 - k]) = pair(front[k], back[pairs - 1 - k], w);
    }
}
