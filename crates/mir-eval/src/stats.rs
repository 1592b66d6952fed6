//! Statistics over pieces: how good is a system on average, how sure is that, and is another better?
//!
//! Scores of a data set are one value a piece. What to do with a piece whose score is undefined (nothing
//! to score) changes every mean, so [`summarize`] asks for an [`UndefinedPolicy`] and says how many values
//! were used and how many were not. Random numbers come from a seed in the configuration: equal seeds
//! give equal results on every machine.
//!
//! ```
//! use mir_eval::stats::{UndefinedPolicy, summarize};
//! let summary = summarize(&[Some(0.9), None, Some(0.7)], UndefinedPolicy::Skip)?;
//! assert_eq!((summary.used, summary.undefined), (2, 1));
//! assert!((summary.mean - 0.8).abs() < 1e-12);
//! # Ok::<(), mir_eval::Error>(())
//! ```

mod paired;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

pub use paired::{SignTest, WilcoxonTest, paired_bootstrap_p, sign_test, wilcoxon_signed_rank};

/// What to do with values that are undefined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UndefinedPolicy {
    /// Leave them out.
    Skip,
    /// Count them as 0, as `mir_eval` does.
    Zero,
    /// Refuse to go on.
    Refuse,
}

/// Mean, median and spread of the values of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Mean.
    pub mean: f64,
    /// Median; the mean of the middle two for an even number.
    pub median: f64,
    /// Population standard deviation (divisor `n`).
    pub std: f64,
    /// Number of values that entered, those counted as 0 included.
    pub used: usize,
    /// Number of values that were undefined.
    pub undefined: usize,
    /// What was done with these.
    pub policy: UndefinedPolicy,
}

/// Statistics of a list; a value is undefined if it is `None` or not finite.
///
/// # Errors
/// [`Error::UndefinedValue`] under [`UndefinedPolicy::Refuse`]; [`Error::TooFewValues`] if nothing is left.
pub fn summarize(values: &[Option<f64>], policy: UndefinedPolicy) -> Result<Summary> {
    let used = apply(policy, values)?;
    let undefined = values.iter().filter(|v| defined(v).is_none()).count();
    let summary = describe(&used).ok_or(Error::TooFewValues {
        statistic: "a summary",
        expected: 1,
        actual: 0,
    })?;
    Ok(Summary { undefined, policy, ..summary })
}

fn defined(value: &Option<f64>) -> Option<f64> {
    value.filter(|v| v.is_finite())
}

/// The values that a policy lets into a mean.
pub(crate) fn apply(policy: UndefinedPolicy, values: &[Option<f64>]) -> Result<Vec<f64>> {
    let mut used = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        match (defined(value), policy) {
            (Some(value), _) => used.push(value),
            (None, UndefinedPolicy::Skip) => {}
            (None, UndefinedPolicy::Zero) => used.push(0.0),
            (None, UndefinedPolicy::Refuse) => return Err(Error::UndefinedValue { index }),
        }
    }
    Ok(used)
}

/// Statistics of finite values, `None` without one.
pub(crate) fn describe(values: &[f64]) -> Option<Summary> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len();
    let middle = *sorted.get(n / 2)?;
    let mean = mean(&sorted);
    let variance = sorted.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
    Some(Summary {
        mean,
        median: if n % 2 == 1 { middle } else { (sorted[n / 2 - 1] + middle) / 2.0 },
        std: variance.sqrt(),
        used: n,
        undefined: 0,
        policy: UndefinedPolicy::Refuse,
    })
}

/// Density of the standard normal distribution.
pub(crate) fn normal_density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt()
}

/// Probability of a value below `z` under the standard normal distribution.
pub(crate) fn normal_below(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// How often to resample, and for which interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResamplingConfig {
    /// Number of resamples, at least 100.
    pub resamples: usize,
    /// Probability that the interval covers, between 0 and 1.
    pub level: f64,
    /// Seed of the random numbers.
    pub seed: u64,
}

impl Default for ResamplingConfig {
    fn default() -> Self {
        Self { resamples: 10_000, level: 0.95, seed: 0 }
    }
}

impl ResamplingConfig {
    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// [`Error::Config`] names the first field outside its range.
    pub fn validate(&self) -> Result<()> {
        if self.resamples < 100 {
            return Err(Error::Config {
                field: "resamples",
                expected: "at least 100",
                actual: self.resamples as f64,
            });
        }
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(Error::Config {
                field: "level",
                expected: "between 0 and 1",
                actual: self.level,
            });
        }
        Ok(())
    }
}

/// A range that covers the true value with the configured probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfidenceInterval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Confidence interval of the mean by the percentile bootstrap (Efron 1979): the values are drawn again
/// with replacement, and the quantiles of the means of these samples are the ends.
///
/// # Errors
/// [`Error::Config`]; [`Error::TooFewValues`] below two values; [`Error::UndefinedValue`] for one that is
/// not finite.
pub fn bootstrap_mean(values: &[f64], config: &ResamplingConfig) -> Result<ConfidenceInterval> {
    config.validate()?;
    check_values("a bootstrap interval", values)?;
    let mut random = SplitMix64(config.seed);
    let mut draw = |_| {
        let sum: f64 = values.iter().map(|_| values[random.below(values.len())]).sum();
        sum / values.len() as f64
    };
    let mut means: Vec<f64> = (0..config.resamples).map(&mut draw).collect();
    means.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - config.level) / 2.0;
    Ok(ConfidenceInterval { low: quantile(&means, tail), high: quantile(&means, 1.0 - tail) })
}

/// Quantile of sorted values, linear between neighbours.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// Two systems on the same pieces.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairedComparison {
    /// Mean of second − first.
    pub mean_difference: f64,
    /// Bootstrap interval of it.
    pub interval: ConfidenceInterval,
    /// Probability of a mean difference at least this large, in either direction, if the two systems
    /// were equally good.
    pub p_value: f64,
}

/// Compares two systems piece by piece: `first[i]` and `second[i]` are scores of the same piece.
///
/// The p-value is that of the paired permutation test (Fisher 1935): under the hypothesis that the
/// systems are equally good, the sign of every difference is a coin toss. Up to 16 pieces all sign
/// patterns are counted; above, `resamples` patterns are drawn, the observed one counting as one of them.
///
/// # Errors
/// [`Error::Unpaired`] if the lists differ in length; otherwise as [`bootstrap_mean`].
pub fn compare_paired(
    first: &[f64],
    second: &[f64],
    config: &ResamplingConfig,
) -> Result<PairedComparison> {
    let differences = differences(first, second)?;
    let interval = bootstrap_mean(&differences, config)?;
    Ok(PairedComparison {
        mean_difference: mean(&differences),
        interval,
        p_value: permutation_p(&differences, config),
    })
}

/// Second − first, piece by piece.
fn differences(first: &[f64], second: &[f64]) -> Result<Vec<f64>> {
    if first.len() != second.len() {
        return Err(Error::Unpaired { expected: first.len(), actual: second.len() });
    }
    Ok(first.iter().zip(second).map(|(a, b)| b - a).collect())
}

fn permutation_p(differences: &[f64], config: &ResamplingConfig) -> f64 {
    const EXHAUSTIVE: usize = 16;
    let observed = differences.iter().sum::<f64>().abs();
    // Sums in another order round differently; equal ones have to count as equal.
    let threshold = observed - 1e-12 * differences.iter().map(|d| d.abs()).sum::<f64>();
    let extreme = |signs: &mut dyn FnMut(usize) -> bool| {
        let flip = |(i, d): (usize, &f64)| if signs(i) { -d } else { *d };
        differences.iter().enumerate().map(flip).sum::<f64>().abs() >= threshold
    };
    if differences.len() <= EXHAUSTIVE {
        let patterns = 1u32 << differences.len();
        let count = (0..patterns).filter(|pattern| extreme(&mut |i| pattern >> i & 1 == 1)).count();
        return count as f64 / f64::from(patterns);
    }
    // Another stream than the bootstrap's.
    let mut random = SplitMix64(config.seed ^ 0x5851_f42d_4c95_7f2d);
    let count =
        (0..config.resamples).filter(|_| extreme(&mut |_| random.next() >> 63 == 1)).count();
    (count + 1) as f64 / (config.resamples + 1) as f64
}

fn check_values(statistic: &'static str, values: &[f64]) -> Result<()> {
    if values.len() < 2 {
        return Err(Error::TooFewValues { statistic, expected: 2, actual: values.len() });
    }
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(index) => Err(Error::UndefinedValue { index }),
    }
}

/// SplitMix64 (Steele, Lea & Flood 2014): a small generator is enough for resampling, and it never
/// changes under a published number.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0..n, for n far below 2⁶⁴ (Lemire 2019, without the rejection step).
    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_decides_over_undefined_values() {
        let values = [Some(0.5), None, Some(f64::NAN), Some(1.0)];
        let skip = summarize(&values, UndefinedPolicy::Skip).unwrap();
        assert!((skip.mean - 0.75).abs() < 1e-15);
        assert_eq!((skip.used, skip.undefined), (2, 2));
        let zero = summarize(&values, UndefinedPolicy::Zero).unwrap();
        assert!((zero.mean - 0.375).abs() < 1e-15);
        assert!((zero.median - 0.25).abs() < 1e-15);
        assert_eq!((zero.used, zero.undefined), (4, 2));
        let refused = summarize(&values, UndefinedPolicy::Refuse);
        assert!(matches!(refused, Err(Error::UndefinedValue { index: 1 })));
        let nothing = summarize(&[None], UndefinedPolicy::Skip);
        assert!(matches!(nothing, Err(Error::TooFewValues { .. })));
    }

    #[test]
    fn the_spread_is_that_of_the_population() {
        let summary = describe(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert!((summary.std - 2.0).abs() < 1e-15);
        assert!((summary.median - 4.5).abs() < 1e-15);
    }

    #[test]
    fn the_interval_narrows_with_the_square_root_of_the_pieces() {
        let values = |n: usize| -> Vec<f64> { (0..n).map(|i| (i % 10) as f64 / 10.0).collect() };
        let width = |n: usize| {
            let interval = bootstrap_mean(&values(n), &ResamplingConfig::default()).unwrap();
            assert!(interval.low < 0.45 && 0.45 < interval.high);
            interval.high - interval.low
        };
        // The normal approximation: 2 · 1.96 · std / √n with std = 0.2872.
        assert!((width(100) - 0.1126).abs() < 0.006);
        assert!((width(400) - 0.0563).abs() < 0.003);
    }

    #[test]
    fn equal_seeds_give_equal_intervals() {
        let values: Vec<f64> = (0..30).map(|i| f64::from(i).sin()).collect();
        let interval = |seed| {
            let config = ResamplingConfig { seed, ..ResamplingConfig::default() };
            bootstrap_mean(&values, &config).unwrap()
        };
        assert_eq!(interval(1), interval(1));
        assert_ne!(interval(1), interval(2));
    }

    #[test]
    fn small_samples_are_tested_exactly() {
        let compare = |b: &[f64]| {
            compare_paired(&vec![0.0; b.len()], b, &ResamplingConfig::default()).unwrap()
        };
        // Only the two patterns with all signs equal reach the observed sum.
        assert!((compare(&[0.1, 0.2, 0.3, 0.4]).p_value - 2.0 / 16.0).abs() < 1e-15);
        assert!((compare(&[0.1, -0.1]).p_value - 1.0).abs() < 1e-15);
        let clear = compare(&[0.1; 40]);
        assert!(clear.p_value < 0.001 && clear.interval.low > 0.09);
        let noise: Vec<f64> = (0..40).map(|i| if i % 2 == 0 { 0.1 } else { -0.1 }).collect();
        assert!(compare(&noise).p_value > 0.9);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let config = ResamplingConfig::default();
        let unpaired = compare_paired(&[1.0], &[1.0, 2.0], &config);
        assert!(matches!(unpaired, Err(Error::Unpaired { expected: 1, actual: 2 })));
        let few = bootstrap_mean(&[1.0], &config);
        assert!(matches!(few, Err(Error::TooFewValues { actual: 1, .. })));
        let nan = bootstrap_mean(&[1.0, f64::NAN], &config);
        assert!(matches!(nan, Err(Error::UndefinedValue { index: 1 })));
        for config in [
            ResamplingConfig { resamples: 1, ..config.clone() },
            ResamplingConfig { level: 1.0, ..config },
        ] {
            assert!(matches!(bootstrap_mean(&[1.0, 2.0], &config), Err(Error::Config { .. })));
        }
    }
}
