//! Halving a sample rate: a low-pass filter that computes every second output only.
//!
//! Mostly a half-band filter: every second coefficient is zero, and the others come in pairs, so that an output
//! costs one multiplication for each pair. It is designed for the band that is needed afterwards: what aliases
//! elsewhere does no harm. Where librosa's own roll-off counts, a filter that ends as its resampler does.
//!
//! In double precision: what lies outside a band may be a thousand times as loud as the band, and what is rounded
//! off it lands inside.

use std::f64::consts::PI;

use pulp::{Arch, NullaryFnOnce};

/// Attenuation of everything that would alias into the band that is kept, dB: a loud sine a hundred times above what
/// the transform is to tell stays below the precision of its values.
const ATTENUATION: f64 = 140.0;

/// Values of one pass of the filter: enough to fill vector registers.
const BLOCK: usize = 16;

/// Samples of one rate, `C` interleaved values each, from position `start` on.
#[derive(Clone, Debug, Default)]
pub(super) struct Line<const C: usize> {
    pub(super) start: i64,
    pub(super) data: Vec<[f64; C]>,
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
    pub(super) fn slice(&self, first: i64, len: usize) -> &[[f64; C]] {
        let first = usize::try_from(first - self.start).expect("samples that are still needed");
        &self.data[first..first + len]
    }
}

/// A planned low-pass filter for halving a rate, with unit gain: a Kaiser window over the ideal response
/// (Kaiser 1974).
///
/// `y[i] = m·x[2i] + Σ_j c[j]·(x[2i − 2j − 1] + x[2i + 2j + 1]) + Σ_j e[j]·(x[2i − 2j − 2] + x[2i + 2j + 2])`.
#[derive(Clone, Debug)]
pub(super) struct Decimator {
    /// `m`, ½ of a half-band filter.
    middle: f64,
    /// `c`: odd distances from the middle.
    odd: Vec<f64>,
    /// `e`: even distances. None of a half-band filter, otherwise as many as odd ones.
    even: Vec<f64>,
}

impl Decimator {
    /// A half-band filter that keeps frequencies up to `pass`, as a fraction below ½ of the *output* rate.
    pub(super) fn half_band(pass: f64) -> Self {
        // In cycles per input sample the band ends at pass / 2, its aliases begin at (1 − pass) / 2.
        let transition = 0.5 - pass;
        let taps = (ATTENUATION - 7.95) / (14.36 * transition);
        let pairs = ((taps / 4.0).ceil() as usize).max(3);
        let beta = 0.1102 * (ATTENUATION - 8.7);
        Self::kaiser(0.5, beta, 2.0 * pairs as f64, pairs, 0)
    }

    /// The filter with which librosa 0.11 halves a rate: that of the SoX resampler at its quality HQ, to 2e-8 of
    /// its largest coefficient. It passes 0.913 of the band that is left and stops all that would alias.
    ///
    /// The three numbers were fitted to the impulse response of Python's soxr 1.1.0 in double precision.
    pub(super) fn soxr() -> Self {
        Self::kaiser(0.478_435_91, 13.040_04, 194.5, 97, 97)
    }

    /// A Kaiser window `reach` samples to each side, over the ideal response up to `cutoff` of half the input rate.
    fn kaiser(cutoff: f64, beta: f64, reach: f64, odd: usize, even: usize) -> Self {
        let coefficient = |n: f64| {
            let kaiser = bessel_i0(beta * (1.0 - (n / reach).powi(2)).sqrt());
            (PI * cutoff * n).sin() / (PI * n) * kaiser
        };
        let middle = cutoff * bessel_i0(beta);
        let odd: Vec<f64> = (0..odd).map(|j| coefficient(2.0 * j as f64 + 1.0)).collect();
        let even: Vec<f64> = (0..even).map(|j| coefficient(2.0 * j as f64 + 2.0)).collect();
        // Gain 1 at 0 Hz. In a half-band filter the middle makes up one half of it, exactly, and the pairs the other.
        let (middle, gain) = if even.is_empty() {
            (0.5, 0.5 / (2.0 * odd.iter().sum::<f64>()))
        } else {
            let gain = 1.0 / (middle + 2.0 * odd.iter().chain(&even).sum::<f64>());
            (middle * gain, gain)
        };
        let scaled = |c: Vec<f64>| c.into_iter().map(|c| c * gain).collect();
        Self { middle, odd: scaled(odd), even: scaled(even) }
    }

    /// Inputs that an output sees on each side of its centre.
    pub(super) fn reach(&self) -> i64 {
        (2 * self.odd.len() as i64 - 1).max(2 * self.even.len() as i64)
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
        scratch: &mut DecimatorScratch,
    ) {
        let first = output.end();
        let count =
            usize::try_from((input.end() - self.reach() + 1).div_euclid(2) - first).unwrap_or(0);
        if count == 0 {
            return;
        }
        // odd[i] = x[2(first − odd pairs + i) + 1], even[i] = x[2(first − even pairs + i)].
        let pairs = [self.odd.len(), self.even.len()];
        let counts = [count + 2 * pairs[0] - 1, count + 2 * pairs[1]];
        let DecimatorScratch { odd, even } = scratch;
        // Room for whole blocks; what they compute past the end is thrown away.
        odd.resize(counts[0] * C + BLOCK, 0.0);
        even.resize(counts[1] * C + BLOCK, 0.0);
        let every_second = |from: i64, out: &mut [f64]| {
            let slots = out.as_chunks_mut::<C>().0;
            let samples = input.slice(from, 2 * slots.len() - 1);
            let (last, pairs) = (samples[samples.len() - 1], samples.as_chunks::<2>().0);
            for (slot, pair) in slots.iter_mut().zip(pairs) {
                *slot = pair[0];
            }
            slots[slots.len() - 1] = last;
        };
        every_second(2 * (first - pairs[0] as i64) + 1, &mut odd[..counts[0] * C]);
        every_second(2 * (first - pairs[1] as i64), &mut even[..counts[1] * C]);
        let before = output.data.len();
        output.data.resize(before + (count * C).next_multiple_of(BLOCK) / C, [0.0; C]);
        let out = output.data[before..].as_flattened_mut();
        Arch::new().dispatch(Sums::<C> { filter: self, odd, even, out });
        output.data.truncate(before + count);
    }
}

/// Outputs of `C` values each from inputs at odd and at even distances, as [`Decimator::extend`] lays them out.
struct Sums<'a, const C: usize> {
    filter: &'a Decimator,
    odd: &'a [f64],
    even: &'a [f64],
    out: &'a mut [f64],
}

impl<const C: usize> NullaryFnOnce for Sums<'_, C> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { filter, odd, even, out } = self;
        let pairs = [filter.odd.len(), filter.even.len()];
        for (i, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            let (odd, even) = (&odd[i * BLOCK..], &even[i * BLOCK..]);
            // Sums stay in registers until all pairs are added.
            let mut sum = block::<C>(even, pairs[1]).map(|x| filter.middle * x);
            for (j, &c) in filter.odd.iter().enumerate() {
                let left = block::<C>(odd, pairs[0] - 1 - j);
                let right = block::<C>(odd, pairs[0] + j);
                for lane in 0..BLOCK {
                    sum[lane] += c * (left[lane] + right[lane]);
                }
            }
            for (j, &c) in filter.even.iter().enumerate() {
                let left = block::<C>(even, pairs[1] - 1 - j);
                let right = block::<C>(even, pairs[1] + 1 + j);
                for lane in 0..BLOCK {
                    sum[lane] += c * (left[lane] + right[lane]);
                }
            }
            *out = sum;
        }
    }
}

/// A block of samples of `C` values each, from one of them on.
#[inline(always)]
fn block<const C: usize>(line: &[f64], at: usize) -> &[f64; BLOCK] {
    line[C * at..].first_chunk().expect("a whole block")
}

/// A signal at twice the rate by a half-band filter, zeros around it.
pub(super) fn interpolate(filter: &Decimator, signal: &[f32]) -> Vec<f32> {
    let at = |i: i64| usize::try_from(i).ok().and_then(|i| signal.get(i).copied()).unwrap_or(0.0);
    let between = |i: i64| -> f32 {
        let pairs = (0i64..).zip(&filter.odd);
        let sum: f64 = pairs.map(|(j, c)| c * f64::from(at(i - j) + at(i + 1 + j))).sum();
        (2.0 * sum) as f32
    };
    (0i64..).zip(signal).flat_map(|(i, &x)| [x, between(i)]).collect()
}

/// Working memory of filters in one thread.
#[derive(Debug, Default)]
pub(super) struct DecimatorScratch {
    odd: Vec<f64>,
    even: Vec<f64>,
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
    fn gain(filter: &Decimator, f: f64) -> f64 {
        let sum = |pairs: &[f64], first: f64| -> f64 {
            let distance = |j: usize| first + 2.0 * j as f64;
            pairs
                .iter()
                .enumerate()
                .map(|(j, &c)| 2.0 * c * (2.0 * PI * f * distance(j)).cos())
                .sum()
        };
        filter.middle + sum(&filter.odd, 1.0) + sum(&filter.even, 2.0)
    }

    #[test]
    fn the_other_filter_rolls_off_as_the_resampler_of_sox() {
        let filter = Decimator::soxr();
        // Cycles per output sample, and what soxr 1.1.0 (Python, HQ, double precision) does to them.
        for (f, expected) in [
            (0.0, 1.0),
            (0.44, 0.999_999_82),
            (0.4565, 1.000_000_42),
            (0.46, 0.999_811_74),
            (0.465, 0.991_495_47),
            (0.47, 0.925_438_63),
            (0.475, 0.718_194_23),
            (0.48, 0.396_581_21),
            (0.485, 0.132_829_86),
            (0.49, 0.021_761_21),
            (0.495, 0.001_070_58),
            (0.5, 0.0),
            (0.75, 0.0),
        ] {
            let actual = gain(&filter, f / 2.0);
            assert!((actual - expected).abs() < 1e-6, "{f}: {actual} instead of {expected}");
        }
    }

    #[test]
    fn the_band_passes_and_its_aliases_are_stopped() {
        for pass in [0.02, 0.1, 0.2, 0.3, 0.4, 0.45] {
            let filter = Decimator::half_band(pass);
            for step in 0..=100 {
                let f = pass / 2.0 * f64::from(step) / 100.0;
                let (inside, alias) = (gain(&filter, f), gain(&filter, 0.5 - f));
                assert!((inside - 1.0).abs() < 3e-7, "pass {pass}: gain {inside} at {f}");
                assert!(alias.abs() < 3e-7, "pass {pass}: alias {alias} at {f}");
            }
        }
    }

    #[test]
    fn cuts_do_not_change_an_output() {
        for filter in [Decimator::half_band(0.4), Decimator::soxr()] {
            let x: Vec<[f64; 2]> =
                (0..2000).map(|n| [f64::from(n).sin(), (f64::from(n) * 0.7).cos()]).collect();
            let mut scratch = DecimatorScratch::default();
            let mut whole = Line::at(filter.first_output(-7));
            filter.extend(&Line { start: -7, data: x.clone() }, &mut whole, &mut scratch);
            let mut cut = Line::at(filter.first_output(-7));
            let mut input = Line::at(-7);
            for part in x.chunks(37) {
                input.data.extend_from_slice(part);
                filter.extend(&input, &mut cut, &mut scratch);
            }
            assert!(whole.data.len() > 700);
            assert_eq!(whole.data, cut.data);
            assert_eq!(whole.start, cut.start);
        }
    }

    #[test]
    fn an_output_is_the_sum_of_its_inputs() {
        for filter in [Decimator::half_band(0.3), Decimator::soxr()] {
            let x: Vec<[f64; 1]> = (0..1000).map(|n| [(f64::from(n) * 0.37).sin()]).collect();
            let mut out = Line::at(filter.first_output(0));
            filter.extend(
                &Line { start: 0, data: x.clone() },
                &mut out,
                &mut DecimatorScratch::default(),
            );
            for (i, [actual]) in out.data.iter().enumerate() {
                let middle = 2 * (out.start as usize + i);
                let at = |n: usize| x[n][0];
                let pair = |d: usize| at(middle - d) + at(middle + d);
                let odd = filter.odd.iter().enumerate().map(|(j, &c)| c * pair(2 * j + 1));
                let even = filter.even.iter().enumerate().map(|(j, &c)| c * pair(2 * j + 2));
                let expected = filter.middle * at(middle) + odd.sum::<f64>() + even.sum::<f64>();
                assert!((actual - expected).abs() < 1e-14, "{i}: {actual}, {expected}");
            }
        }
    }
}
