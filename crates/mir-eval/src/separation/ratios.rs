//! Ratios without distortion filters.

use super::{bss_eval::decibels, signals::Signals, v3::SourceScores, v3::bss_eval_sources};
use crate::{Error, Result, Side};

/// Samples that are read at a time.
const BLOCK: usize = 4096;

fn check_lengths<T>(reference: &[T], estimate: &[T]) -> Result<()> {
    if reference.len() == estimate.len() {
        return Ok(());
    }
    let (expected, actual) = (reference.len(), estimate.len());
    Err(Error::Length { side: Side::Estimate, series: "samples", expected, actual })
}

/// Signal to noise ratio in dB: `10·log10(‖s‖² / ‖ŝ − s‖²)`, `+∞` for equal signals (silence included),
/// `−∞` for a silent reference with another estimate.
///
/// The samples may be those of several channels in any order, the same for both.
///
/// # Errors
/// [`Error::Length`] if the lengths differ.
pub fn snr<T: Copy + Into<f64>>(reference: &[T], estimate: &[T]) -> Result<f64> {
    let (signal, error) = signal_and_error(reference, estimate)?;
    Ok(decibels(signal, error))
}

/// The SDR of the music demixing challenges ("global SDR", "uSDR"), dB:
/// `10·log10((‖s‖² + δ) / (‖s − ŝ‖² + δ))` over all samples of all channels of a track.
///
/// Finite for every input if `δ > 0`: two silent signals give 0. Published values use δ = 1e-7 (Mitsufuji
/// et al., "Music Demixing Challenge 2021", and Demucs) or 1e-8; a data set's score is the mean over
/// tracks. Not comparable with the median of windows of [`museval`](super::museval).
///
/// # Errors
/// [`Error::Length`] if the lengths differ; [`Error::Config`] unless `delta` is finite and at least 0.
///
/// ```
/// let sdr = mir_eval::separation::energy_sdr(&[0.5_f32, -0.5, 0.5], &[0.4, -0.4, 0.4], 1e-7)?;
/// assert!((sdr - 13.979).abs() < 1e-3);
/// # Ok::<(), mir_eval::Error>(())
/// ```
pub fn energy_sdr<T: Copy + Into<f64>>(reference: &[T], estimate: &[T], delta: f64) -> Result<f64> {
    crate::error::check_tolerance("delta", delta)?;
    let (signal, error) = signal_and_error(reference, estimate)?;
    Ok(decibels(signal + delta, error + delta))
}

fn signal_and_error<T: Copy + Into<f64>>(reference: &[T], estimate: &[T]) -> Result<(f64, f64)> {
    check_lengths(reference, estimate)?;
    let pairs = reference.iter().zip(estimate).map(|(&s, &e)| (s.into(), e.into()));
    Ok(pairs.fold((0.0, 0.0), |(signal, error), (s, e): (f64, f64)| {
        (signal + s * s, error + (e - s) * (e - s))
    }))
}

/// Scale-invariant SDR in dB: `10·log10(‖αs‖² / ‖αs − ŝ‖²)` with `α = ⟨ŝ, s⟩ / ‖s‖²`.
///
/// `zero_mean` takes the means out first. NaN if the reference is silent (without its mean), or the
/// estimate is.
///
/// Source: Le Roux, Wisdom, Erdogan and Hershey, "SDR – half-baked or well done?", ICASSP 2019.
///
/// # Errors
/// [`Error::Length`] if the lengths differ.
///
/// ```
/// use mir_eval::separation::si_sdr;
/// let (reference, estimate) = ([1.0, -1.0, 1.0, -1.0], [2.1, -2.0, 2.1, -2.0]);
/// assert!(si_sdr(&reference, &estimate, true)? > 100.0);
/// # Ok::<(), mir_eval::Error>(())
/// ```
pub fn si_sdr<T: Copy + Into<f64>>(
    reference: &[T],
    estimate: &[T],
    zero_mean: bool,
) -> Result<f64> {
    check_lengths(reference, estimate)?;
    let mean = |x: &[T]| match zero_mean {
        true if !x.is_empty() => x.iter().map(|&x| x.into()).sum::<f64>() / x.len() as f64,
        _ => 0.0,
    };
    let (s_mean, e_mean) = (mean(reference), mean(estimate));
    let pairs = || {
        let pairs = reference.iter().zip(estimate);
        pairs.map(|(&s, &e)| (s.into() - s_mean, e.into() - e_mean))
    };
    let (inner, energy) = pairs().fold((0.0, 0.0), |(i, n), (s, e)| (i + s * e, n + s * s));
    let scale = inner / energy;
    let error: f64 = pairs().map(|(s, e)| (scale * s - e).powi(2)).sum();
    let target = scale * scale * energy;
    Ok(if target == 0.0 && error == 0.0 { f64::NAN } else { decibels(target, error) })
}

/// Scale-invariant ratios in dB, one entry a reference source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScaleInvariantScores {
    /// Scale-invariant SDR: target to everything else.
    pub si_sdr: Vec<f64>,
    /// Scale-invariant SIR: target to the other sources.
    pub si_sir: Vec<f64>,
    /// Scale-invariant SAR: target to what is in no source.
    pub si_sar: Vec<f64>,
}

/// Scale-invariant SDR, SIR and SAR of estimate `j` against source `j`, without a search for the order.
///
/// With `αs` the projection of the estimate on the source and `P ŝ` that on all sources (no delays, one
/// scale for all channels of a source): `SI-SDR = ‖αs‖²/‖ŝ − αs‖²`, `SI-SIR = ‖αs‖²/‖P ŝ − αs‖²`,
/// `SI-SAR = ‖αs‖²/‖ŝ − P ŝ‖²`, so that `10^(−SDR/10) = 10^(−SIR/10) + 10^(−SAR/10)`. `zero_mean` takes
/// the mean out of every channel first. NaN for a silent source or estimate.
///
/// The SAR of [`bss_eval`](super::bss_eval()) with one tap has `‖P ŝ‖²` above the line instead.
///
/// Source: Le Roux, Wisdom, Erdogan and Hershey, "SDR – half-baked or well done?", ICASSP 2019.
///
/// # Errors
/// [`Error::SignalShape`] if the shapes differ; [`Error::InvalidSample`].
pub fn scale_invariant<'a>(
    reference: impl Into<Signals<'a>>,
    estimate: impl Into<Signals<'a>>,
    zero_mean: bool,
) -> Result<ScaleInvariantScores> {
    let (reference, estimate) = (reference.into(), estimate.into());
    let (expected, actual) = (reference.shape(), estimate.shape());
    if expected != actual {
        return Err(Error::SignalShape { expected, actual });
    }
    reference.check_finite(Side::Reference)?;
    estimate.check_finite(Side::Estimate)?;
    let sources = reference.sources();
    let reference = Centred::new(reference, zero_mean);
    let estimate = Centred::new(estimate, zero_mean);
    let mut gram = vec![0.0; sources * sources];
    let mut right = vec![0.0; sources * sources];
    each_block(&reference, &estimate, |s, e| {
        for a in 0..sources {
            for b in 0..sources {
                gram[a * sources + b] += dot(&s[a], &s[b]);
                right[a * sources + b] += dot(&s[a], &e[b]);
            }
        }
    });
    // Coefficients of the projection of each estimate on all sources.
    let weights: Vec<Vec<f64>> = (0..sources)
        .map(|e| solve(&gram, (0..sources).map(|a| right[a * sources + e]).collect()))
        .collect();
    let scale: Vec<f64> =
        (0..sources).map(|j| right[j * sources + j] / gram[j * sources + j]).collect();
    let mut energies = vec![[0.0; 3]; sources];
    each_block(&reference, &estimate, |s, e| {
        for (j, sums) in energies.iter_mut().enumerate() {
            for i in 0..e[j].len() {
                let target = scale[j] * s[j][i];
                let all: f64 = s.iter().zip(&weights[j]).map(|(s, w)| w * s[i]).sum();
                let parts = [e[j][i] - target, all - target, e[j][i] - all];
                sums.iter_mut().zip(parts).for_each(|(sum, x)| *sum += x * x);
            }
        }
    });
    let ratio = |part: usize| {
        let of_source = |j: usize| {
            let target = scale[j] * scale[j] * gram[j * sources + j];
            // With one source there is nothing to interfere, and 0/0 is no ratio.
            let error = if part == 1 && sources == 1 { 0.0 } else { energies[j][part] };
            if target == 0.0 && energies[j][0] == 0.0 { f64::NAN } else { decibels(target, error) }
        };
        (0..sources).map(of_source).collect()
    };
    Ok(ScaleInvariantScores { si_sdr: ratio(0), si_sir: ratio(1), si_sar: ratio(2) })
}

/// Signals without the means of their channels.
struct Centred<'a> {
    signals: Signals<'a>,
    means: Vec<f64>,
}

impl<'a> Centred<'a> {
    fn new(signals: Signals<'a>, zero_mean: bool) -> Self {
        let [sources, samples, channels] = signals.shape();
        let mut means = vec![0.0; sources * channels];
        if zero_mean {
            let mut block = vec![0.0; BLOCK];
            for (i, mean) in means.iter_mut().enumerate() {
                for start in (0..samples).step_by(BLOCK) {
                    signals.read(i / channels, i % channels, start, &mut block);
                    *mean += block.iter().sum::<f64>() / samples as f64;
                }
            }
        }
        Self { signals, means }
    }

    /// All channels of all sources, one after the other.
    fn read(&self, channel: usize, start: usize, out: &mut [Vec<f64>]) {
        let [_, samples, channels] = self.signals.shape();
        let len = BLOCK.min(samples - start);
        for (source, out) in out.iter_mut().enumerate() {
            out.resize(len, 0.0);
            self.signals.read(source, channel, start, out);
            out.iter_mut().for_each(|x| *x -= self.means[source * channels + channel]);
        }
    }
}

/// Blocks of all sources of both sides, channel by channel.
fn each_block(
    reference: &Centred<'_>,
    estimate: &Centred<'_>,
    mut work: impl FnMut(&[Vec<f64>], &[Vec<f64>]),
) {
    let [sources, samples, channels] = reference.signals.shape();
    let (mut s, mut e) = (vec![Vec::new(); sources], vec![Vec::new(); sources]);
    for channel in 0..channels {
        for start in (0..samples).step_by(BLOCK) {
            reference.read(channel, start, &mut s);
            estimate.read(channel, start, &mut e);
            work(&s, &e);
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Least squares with a small Gram matrix, by Gaussian elimination with the largest pivot of the
/// diagonal; what depends on earlier sources to rounding gets weight 0.
fn solve(gram: &[f64], mut right: Vec<f64>) -> Vec<f64> {
    let n = right.len();
    let mut matrix = gram.to_vec();
    let mut left: Vec<usize> = (0..n).collect();
    let mut done = Vec::with_capacity(n);
    while let Some(&pivot) =
        left.iter().max_by(|&&a, &&b| matrix[a * n + a].total_cmp(&matrix[b * n + b]))
    {
        if matrix[pivot * n + pivot] <= 1e-14 * gram[pivot * n + pivot] {
            break;
        }
        left.retain(|&row| row != pivot);
        for &row in &left {
            let factor = matrix[row * n + pivot] / matrix[pivot * n + pivot];
            (0..n).for_each(|c| matrix[row * n + c] -= factor * matrix[pivot * n + c]);
            right[row] -= factor * right[pivot];
        }
        done.push(pivot);
    }
    let mut out = vec![0.0; n];
    for (i, &row) in done.iter().enumerate().rev() {
        let known: f64 = done[i + 1..].iter().map(|&c| matrix[row * n + c] * out[c]).sum();
        out[row] = (right[row] - known) / matrix[row * n + row];
    }
    out
}

/// What a separation gained over the mixture: NSDR, NSIR and NSAR in dB, one entry a source.
///
/// The scores of [`bss_eval_sources`] (no search for the order) of the estimate, less those of the
/// mixture `[1, samples, channels]` standing in for every source, as in the MIREX task of singing voice
/// separation. The mean of the NSDR over a data set is its GNSDR, see [`weighted_mean`].
///
/// # Errors
/// Those of [`bss_eval`](super::bss_eval()); [`Error::SignalShape`] unless there is one mixture.
pub fn improvement<'a>(
    reference: impl Into<Signals<'a>>,
    estimate: impl Into<Signals<'a>>,
    mixture: impl Into<Signals<'a>>,
) -> Result<SourceScores> {
    let (reference, mixture) = (reference.into(), mixture.into());
    let [sources, samples, channels] = reference.shape();
    let Some(stand_in) = mixture.with_sources(sources) else {
        let (expected, actual) = ([1, samples, channels], mixture.shape());
        return Err(Error::SignalShape { expected, actual });
    };
    let before = bss_eval_sources(reference, stand_in, false)?;
    let mut scores = bss_eval_sources(reference, estimate, false)?;
    let less = |x: &mut [f64], y: &[f64]| x.iter_mut().zip(y).for_each(|(x, y)| *x -= y);
    less(&mut scores.sdr, &before.sdr);
    less(&mut scores.sir, &before.sir);
    less(&mut scores.sar, &before.sar);
    Ok(scores)
}

/// Mean of the scores of clips, weighted by their lengths (GNSDR of NSDR values); values that are not
/// finite are left out. `None` if nothing is left.
///
/// # Errors
/// [`Error::Length`] if there are not as many lengths as scores; [`Error::Config`] for a length that is
/// negative or not finite.
pub fn weighted_mean(scores: &[f64], lengths: &[f64]) -> Result<Option<f64>> {
    if scores.len() != lengths.len() {
        let (expected, actual) = (scores.len(), lengths.len());
        return Err(Error::Length { side: Side::Reference, series: "lengths", expected, actual });
    }
    let (mut sum, mut weight) = (0.0, 0.0);
    for (&score, &length) in scores.iter().zip(lengths) {
        crate::error::check_tolerance("lengths", length)?;
        if score.is_finite() {
            sum += score * length;
            weight += length;
        }
    }
    Ok((weight > 0.0).then(|| sum / weight))
}
