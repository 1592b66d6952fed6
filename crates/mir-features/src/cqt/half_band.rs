//! Halving a sample rate: a half-band low-pass filter that computes every second output only.
//!
//! Every second coefficient of such a filter is zero, and the others come in pairs, so an output costs one
//! multiplication for each pair. The filters are designed for the band that is needed afterwards: what
//! aliases elsewhere does no harm.

use std::f64::consts::PI;

/// Attenuation of everything that would alias into the band that is kept, dB.
const ATTENUATION: f64 = 120.0;

/// Values of one pass of the filter: enough to fill vector registers.
const BLOCK: usize = 16;

/// Samples of one rate, `C` interleaved values each, from position `start` on.
#[derive(Clone, Debug, Default)]
pub(super) struct Line<const C: usize> {
    pub(super) start: i64,
    pub(super) data: Vec<[f32; C]>,
}

impl<const C: usize> Line<C> {
    pub(super) const fn at(start: i64) -> Self {
        Self { start, data: vec![] }
    }

    /// Position after the last sample.
    pub(super) fn end(&self) -> i64 {
        self.start + self.data.len() as i64
    }

    /// Drops what lies before `position`, once that is worth moving the rest.
    pub(super) fn forget(&mut self, position: i64) {
        let drop = usize::try_from(position - self.start).unwrap_or(0).min(self.data.len());
        if drop > self.data.len() / 2 {
            self.data.drain(..drop);
            self.start += drop as i64;
        }
    }

    /// The samples `first..first + len`.
    pub(super) fn slice(&self, first: i64, len: usize) -> &[[f32; C]] {
        let first = usize::try_from(first - self.start).expect("samples that are still needed");
        &self.data[first..first + len]
    }
}

/// A planned half-band filter with unit gain.
///
/// `y[i] = x[2i]/2 + Σ_j c[j]·(x[2i − 2j − 1] + x[2i + 2j + 1])`: a Kaiser window over the ideal response
/// (Kaiser 1974).
#[derive(Clone, Debug)]
pub(super) struct HalfBand {
    pairs: Vec<f32>,
}

impl HalfBand {
    /// A filter that keeps frequencies up to `pass`, as a fraction below ½ of the *output* rate.
    pub(super) fn new(pass: f64) -> Self {
        // In cycles per input sample the band ends at pass / 2, its aliases begin at (1 − pass) / 2.
        let transition = 0.5 - pass;
        let taps = (ATTENUATION - 7.95) / (14.36 * transition);
        let pairs = ((taps / 4.0).ceil() as usize).max(3);
        let beta = 0.1102 * (ATTENUATION - 8.7);
        let reach = 2.0 * pairs as f64;
        let mut ideal: Vec<f64> = (0..pairs)
            .map(|j| {
                let n = 2.0 * j as f64 + 1.0;
                let kaiser = bessel_i0(beta * (1.0 - (n / reach).powi(2)).sqrt());
                (PI * n / 2.0).sin() / (PI * n) * kaiser
            })
            .collect();
        // Gain 1 at 0 Hz: the pairs make up one half, the centre the other.
        let sum: f64 = 2.0 * ideal.iter().sum::<f64>();
        ideal.iter_mut().for_each(|c| *c *= 0.5 / sum);
        Self { pairs: ideal.into_iter().map(|c| c as f32).collect() }
    }

    /// Inputs that an output sees on each side of its centre.
    pub(super) fn reach(&self) -> i64 {
        2 * self.pairs.len() as i64 - 1
    }

    /// Position of the first output that can be computed from inputs from `start` on.
    pub(super) fn first_output(&self, start: i64) -> i64 {
        (start + self.reach() + 1).div_euclid(2)
    }

    /// Appends all outputs that the inputs so far allow. An output is computed by the same operations in
    /// the same order however the inputs are cut.
    pub(super) fn extend<const C: usize>(
        &self,
        input: &Line<C>,
        output: &mut Line<C>,
        scratch: &mut HalfBandScratch,
    ) {
        let pairs = self.pairs.len() as i64;
        let first = output.end();
        let count =
            usize::try_from((input.end() - self.reach() + 1).div_euclid(2) - first).unwrap_or(0);
        if count == 0 {
            return;
        }
        // odd[i] = x[2(first − pairs + i) + 1], even[i] = x[2(first + i)].
        let odd_count = count + 2 * self.pairs.len() - 1;
        let total = count * C;
        // Room for whole blocks; what they compute past the end is thrown away.
        scratch.odd.resize(odd_count * C + BLOCK, 0.0);
        scratch.even.resize(total.next_multiple_of(BLOCK), 0.0);
        let every_second = |from: i64, out: &mut [f32]| {
            let slots = out.as_chunks_mut::<C>().0;
            let samples = input.slice(from, 2 * slots.len() - 1);
            let (last, pairs) = (samples[samples.len() - 1], samples.as_chunks::<2>().0);
            for (slot, pair) in slots.iter_mut().zip(pairs) {
                *slot = pair[0];
            }
            slots[slots.len() - 1] = last;
        };
        every_second(2 * (first - pairs) + 1, &mut scratch.odd[..odd_count * C]);
        every_second(2 * first, &mut scratch.even[..total]);
        for (block, even) in scratch.even.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            let mut sum = even.map(|x| 0.5 * x);
            for (j, &c) in self.pairs.iter().enumerate() {
                let left = block * BLOCK + C * (self.pairs.len() - 1 - j);
                let right = block * BLOCK + C * (self.pairs.len() + j);
                let left: &[f32; BLOCK] = scratch.odd[left..].first_chunk().expect("a whole block");
                let right: &[f32; BLOCK] =
                    scratch.odd[right..].first_chunk().expect("a whole block");
                for lane in 0..BLOCK {
                    sum[lane] += c * (left[lane] + right[lane]);
                }
            }
            *even = sum;
        }
        output.data.extend_from_slice(scratch.even[..total].as_chunks::<C>().0);
    }
}

/// A signal at twice the rate, zeros around it.
pub(super) fn interpolate(filter: &HalfBand, signal: &[f32]) -> Vec<f32> {
    let at = |i: i64| usize::try_from(i).ok().and_then(|i| signal.get(i).copied()).unwrap_or(0.0);
    let between = |i: i64| -> f32 {
        let pairs = (0i64..).zip(&filter.pairs);
        pairs.map(|(j, c)| 2.0 * c * (at(i - j) + at(i + 1 + j))).sum()
    };
    (0i64..).zip(signal).flat_map(|(i, &x)| [x, between(i)]).collect()
}

/// Working memory of filters in one thread.
#[derive(Debug, Default)]
pub(super) struct HalfBandScratch {
    odd: Vec<f32>,
    even: Vec<f32>,
}

/// The modified Bessel function of the first kind and order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..200 {
        term *= quarter / f64::from(k * k);
        sum += term;
        if term < 1e-17 * sum {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Response at `f` cycles per input sample.
    fn gain(filter: &HalfBand, f: f64) -> f64 {
        let pairs = filter.pairs.iter().enumerate();
        0.5 + pairs
            .map(|(j, &c)| 2.0 * f64::from(c) * (2.0 * PI * f * (2.0 * j as f64 + 1.0)).cos())
            .sum::<f64>()
    }

    #[test]
    fn the_band_passes_and_its_aliases_are_stopped() {
        for pass in [0.02, 0.1, 0.2, 0.3, 0.4, 0.45] {
            let filter = HalfBand::new(pass);
            for step in 0..=100 {
                let f = pass / 2.0 * f64::from(step) / 100.0;
                let (inside, alias) = (gain(&filter, f), gain(&filter, 0.5 - f));
                assert!((inside - 1.0).abs() < 1e-5, "pass {pass}: gain {inside} at {f}");
                assert!(alias.abs() < 1e-5, "pass {pass}: alias {alias} at {f}");
            }
        }
    }

    #[test]
    fn cuts_do_not_change_an_output() {
        let filter = HalfBand::new(0.4);
        let x: Vec<[f32; 2]> =
            (0..500).map(|n| [(n as f32).sin(), (n as f32 * 0.7).cos()]).collect();
        let mut scratch = HalfBandScratch::default();
        let mut whole = Line::at(filter.first_output(-7));
        filter.extend(&Line { start: -7, data: x.clone() }, &mut whole, &mut scratch);
        let mut cut = Line::at(filter.first_output(-7));
        let mut input = Line::at(-7);
        for part in x.chunks(37) {
            input.data.extend_from_slice(part);
            filter.extend(&input, &mut cut, &mut scratch);
        }
        assert!(whole.data.len() > 200);
        assert_eq!(whole.data, cut.data);
        assert_eq!(whole.start, cut.start);
    }
}
