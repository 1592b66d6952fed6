//! Tests of two systems on the same pieces that look at ranks, at signs, or at resampled pieces.

use serde::{Deserialize, Serialize};

use super::{ResamplingConfig, SplitMix64, check_values, differences, mean, normal_below};
use crate::Result;

/// The Wilcoxon signed-rank test of two systems.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WilcoxonTest {
    /// The smaller one of the sums of ranks with either sign.
    pub statistic: f64,
    /// Two-sided probability of a statistic at most this large if the differences were symmetric about 0.
    pub p_value: f64,
    /// Pieces on which the systems differ.
    pub used: usize,
    /// Pieces with equal scores, which are left out.
    pub equal: usize,
}

/// The Wilcoxon signed-rank test (Wilcoxon 1945): do the differences lean to one side, large ones counting
/// more than small ones, but no more than their rank?
///
/// Equal scores are left out; differences of equal size share the mean of their ranks. Up to 50 differing
/// pieces the probability is exact, ties included; above it comes from the normal approximation with the
/// correction for ties.
///
/// # Errors
/// [`Error::Unpaired`](crate::Error::Unpaired) if the lists differ in length;
/// [`Error::TooFewValues`](crate::Error::TooFewValues) below two pieces;
/// [`Error::UndefinedValue`](crate::Error::UndefinedValue) for a value that is not finite.
///
/// ```
/// use mir_eval::stats::wilcoxon_signed_rank;
/// let test = wilcoxon_signed_rank(&[0.5, 0.6, 0.7, 0.8], &[0.6, 0.8, 1.0, 0.7])?;
/// assert_eq!((test.statistic, test.used), (1.5, 4));
/// # Ok::<(), mir_eval::Error>(())
/// ```
pub fn wilcoxon_signed_rank(first: &[f64], second: &[f64]) -> Result<WilcoxonTest> {
    const EXACT: usize = 50;
    let all = differences(first, second)?;
    check_values("the signed-rank test", &all)?;
    let mut used: Vec<f64> = all.iter().copied().filter(|d| d.abs() > 0.0).collect();
    used.sort_unstable_by(|a, b| a.abs().total_cmp(&b.abs()));
    let ranks = doubled_ranks(&used);
    let total: u64 = ranks.iter().sum();
    let above: u64 = used.iter().zip(&ranks).filter(|(d, _)| **d > 0.0).map(|(_, r)| r).sum();
    let statistic = above.min(total - above);
    let p_value = if used.len() <= EXACT {
        exact_tail(&ranks, statistic)
    } else {
        // In doubled ranks: variance of the sum is Σ r² / 4.
        let deviation = ranks.iter().map(|&r| (r * r) as f64).sum::<f64>().sqrt() / 2.0;
        2.0 * normal_below((statistic as f64 - total as f64 / 2.0) / deviation)
    };
    Ok(WilcoxonTest {
        statistic: statistic as f64 / 2.0,
        p_value: p_value.min(1.0),
        used: used.len(),
        equal: all.len() - used.len(),
    })
}

/// Twice the ranks of values sorted by size (so that they are whole), equal sizes sharing the mean.
fn doubled_ranks(sorted: &[f64]) -> Vec<u64> {
    let mut ranks = Vec::with_capacity(sorted.len());
    // Scores are ratios of counts: equal differences may differ in their last digits.
    let same = |a: &f64, b: &f64| (a.abs() - b.abs()).abs() <= 1e-12 * a.abs().max(b.abs());
    for group in sorted.chunk_by(same) {
        let before = ranks.len() as u64;
        ranks.extend(vec![2 * before + group.len() as u64 + 1; group.len()]);
    }
    ranks
}

/// Two-sided probability of a sum of at most `statistic` if every rank has either sign with probability ½.
fn exact_tail(ranks: &[u64], statistic: u64) -> f64 {
    let total: u64 = ranks.iter().sum();
    let mut probability = vec![0.0; total as usize + 1];
    probability[0] = 1.0;
    for &rank in ranks {
        for sum in (0..probability.len()).rev() {
            let with = sum.checked_sub(rank as usize).map_or(0.0, |rest| probability[rest]);
            probability[sum] = 0.5 * (probability[sum] + with);
        }
    }
    2.0 * probability[..=statistic as usize].iter().sum::<f64>()
}

/// The sign test of two systems.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignTest {
    /// Pieces on which the second system is better.
    pub better: usize,
    /// Pieces on which it is worse.
    pub worse: usize,
    /// Pieces with equal scores, which are left out.
    pub equal: usize,
    /// Two-sided probability of counts at least this uneven if either system won with probability ½.
    pub p_value: f64,
}

/// The sign test (Arbuthnott 1710): does the second system win more often than a coin? Asks nothing of the
/// size of the differences; exact for any number of pieces.
///
/// # Errors
/// As [`wilcoxon_signed_rank`].
///
/// ```
/// use mir_eval::stats::sign_test;
/// let test = sign_test(&[0.1, 0.2, 0.3, 0.4], &[0.2, 0.3, 0.4, 0.4])?;
/// assert_eq!((test.better, test.worse, test.equal), (3, 0, 1));
/// assert!((test.p_value - 0.25).abs() < 1e-12);
/// # Ok::<(), mir_eval::Error>(())
/// ```
pub fn sign_test(first: &[f64], second: &[f64]) -> Result<SignTest> {
    let differences = differences(first, second)?;
    check_values("the sign test", &differences)?;
    let better = differences.iter().filter(|d| **d > 0.0).count();
    let worse = differences.iter().filter(|d| **d < 0.0).count();
    let n = (better + worse) as f64;
    let ln_factorial = |x: f64| libm::lgamma(x + 1.0);
    let probability = |k: usize| {
        let k = k as f64;
        let ln = ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k);
        (ln - n * std::f64::consts::LN_2).exp()
    };
    let tail: f64 = (0..=better.min(worse)).map(probability).sum();
    Ok(SignTest {
        better,
        worse,
        equal: differences.len() - better - worse,
        p_value: (2.0 * tail).min(1.0),
    })
}

/// Two-sided p-value of the paired bootstrap: pieces are drawn again with replacement, and the differences
/// of the means, moved to mean 0, are counted that are at least as far from 0 as the observed one; the
/// observed one counts as one of them (Efron and Tibshirani, "An introduction to the bootstrap", 1993,
/// section 16.4).
///
/// # Errors
/// As [`compare_paired`](super::compare_paired).
pub fn paired_bootstrap_p(first: &[f64], second: &[f64], config: &ResamplingConfig) -> Result<f64> {
    config.validate()?;
    let differences = differences(first, second)?;
    check_values("the paired bootstrap", &differences)?;
    let observed = mean(&differences);
    let n = differences.len();
    // Another stream than those of the interval and the permutations.
    let mut random = SplitMix64(config.seed ^ 0x2545_f491_4f6c_dd1d);
    // Sums in another order round differently; equal ones have to count as equal.
    let threshold = observed.abs() - 1e-12 * differences.iter().map(|d| d.abs()).sum::<f64>();
    let mut extreme = |_: &usize| {
        let sum: f64 = (0..n).map(|_| differences[random.below(n)] - observed).sum();
        (sum / n as f64).abs() >= threshold
    };
    let count = (0..config.resamples).filter(&mut extreme).count();
    Ok((count + 1) as f64 / (config.resamples + 1) as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Error;

    proptest! {
        /// All sign patterns, one by one.
        #[test]
        fn the_exact_tail_counts_sign_patterns(raw in prop::collection::vec(-6i32..7, 2..11)) {
            let second: Vec<f64> = raw.iter().map(|&d| f64::from(d)).collect();
            let test = wilcoxon_signed_rank(&vec![0.0; raw.len()], &second).unwrap();
            let mut sorted: Vec<f64> = second.iter().copied().filter(|d| d.abs() > 0.0).collect();
            sorted.sort_unstable_by(|a, b| a.abs().total_cmp(&b.abs()));
            let ranks = doubled_ranks(&sorted);
            let patterns = 1u32 << ranks.len();
            let sum = |pattern: u32| -> u64 {
                ranks.iter().enumerate().filter(|(i, _)| pattern >> i & 1 == 1).map(|(_, r)| r).sum()
            };
            let low = (0..patterns).filter(|&p| sum(p) as f64 <= 2.0 * test.statistic).count();
            let p = (2.0 * low as f64 / f64::from(patterns)).min(1.0);
            prop_assert!((test.p_value - p).abs() < 1e-12, "{test:?} {p}");
        }
    }

    /// scipy.stats 1.17.1: `wilcoxon` and `binomtest`.
    #[test]
    fn both_tests_agree_with_scipy() {
        let first: Vec<f64> = (0..12).map(|i| f64::from(i) / 20.0).collect();
        let shift = [3.0, -1.0, 4.0, 1.5, 5.0, 9.0, -2.0, 6.0, 5.5, 3.5, -8.0, 7.0];
        let second: Vec<f64> = first.iter().zip(shift).map(|(a, s)| a + s / 100.0).collect();
        let test = wilcoxon_signed_rank(&first, &second).unwrap();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        close(test.statistic, SCIPY[0]);
        close(test.p_value, SCIPY[1]);
        let sign = sign_test(&first, &second).unwrap();
        assert_eq!((sign.better, sign.worse, sign.equal), (9, 3, 0));
        close(sign.p_value, SCIPY[2]);
        // More pieces than are counted exactly, with ties.
        let n = 80;
        let second: Vec<f64> = (0..n).map(|i| f64::from(i * 37 % 23 - 8)).collect();
        let test = wilcoxon_signed_rank(&vec![0.0; 80], &second).unwrap();
        close(test.statistic, SCIPY[3]);
        close(test.p_value, SCIPY[4]);
        assert_eq!((test.used, test.equal), (SCIPY[5] as usize, 80 - SCIPY[5] as usize));
    }

    const SCIPY: [f64; 6] =
        [15.0, 0.06396484375, 0.14599609375, 853.5, 0.0009911462721674622, 77.0];

    #[test]
    fn all_tests_tell_a_clear_lead_from_noise() {
        let config = ResamplingConfig::default();
        let none = vec![0.0; 40];
        let lead: Vec<f64> = (0..40).map(|i| 0.1 + 0.01 * f64::from(i % 5)).collect();
        let noise: Vec<f64> = (0..40).map(|i| if i % 2 == 0 { 0.1 } else { -0.1 }).collect();
        let p = |second: &[f64]| {
            [
                wilcoxon_signed_rank(&none, second).unwrap().p_value,
                sign_test(&none, second).unwrap().p_value,
                paired_bootstrap_p(&none, second, &config).unwrap(),
            ]
        };
        assert!(p(&lead).iter().all(|&p| p < 0.001), "{:?}", p(&lead));
        assert!(p(&noise).iter().all(|&p| p > 0.9), "{:?}", p(&noise));
        assert!(p(&none).iter().all(|&p| (p - 1.0).abs() < 1e-12), "{:?}", p(&none));
    }

    #[test]
    fn what_cannot_be_tested_is_refused() {
        let unpaired = sign_test(&[1.0, 2.0], &[1.0]).unwrap_err();
        assert!(matches!(unpaired, Error::Unpaired { expected: 2, actual: 1 }));
        let few = wilcoxon_signed_rank(&[1.0], &[2.0]).unwrap_err();
        assert!(matches!(few, Error::TooFewValues { actual: 1, .. }));
        let nan = paired_bootstrap_p(&[1.0, f64::NAN], &[1.0, 2.0], &ResamplingConfig::default());
        assert!(matches!(nan, Err(Error::UndefinedValue { index: 1 })));
    }
}
