//! Beat tracking: does the estimate tap along with the music?
//!
//! # Conventions
//! Beats are seconds, ascending. Beats before `min_beat_time` (5 s) are left out on both sides by
//! [`evaluate`], and only there.
//!
//! # Criteria
//! | function | question |
//! |---|---|
//! | [`f_measure`] | how many beats lie within 70 ms of each other? |
//! | [`cemgil`] | the same with a Gaussian of 40 ms in place of the window |
//! | [`goto`] | is a quarter of the piece tracked without a break? 0 or 1 |
//! | [`p_score`] | how much do two pulse trains at 100 Hz correlate within 20 % of a beat? |
//! | [`continuity`] | how many beats follow each other correctly in phase and period? |
//! | [`information_gain`] | how far is the histogram of beat errors from a flat one? |
//!
//! "Any metric level" means the best score against five variants of the reference: as it is, off the
//! beat, at double tempo, and at half tempo from the first or the second beat.
//!
//! Without beats on one side all scores are 0; those that need intervals also with a single beat.
//!
//! Source: Davies, Degara and Plumbley, "Evaluation methods for musical audio beat tracking
//! algorithms", Technical Report C4DM-TR-09-06, Queen Mary University of London, 2009.
//!
//! # Differences from mir_eval
//! Values agree with `mir_eval.beat` 0.8.2, its choices at the edges included: an estimated beat before
//! the first reference beat is measured by the span of all reference beats (information gain). Times
//! above 30 000 s are accepted. Where mir_eval stops or gives NaN, because all reference beats lie
//! within 10 ms (P-score) or all beats of a side fall together (information gain), the score is 0.
//!
//! ```
//! use mir_eval::beat::{BeatConfig, evaluate};
//! let reference: Vec<f64> = (0..40).map(|i| 0.5 * f64::from(i)).collect();
//! let double: Vec<f64> = (0..80).map(|i| 0.25 * f64::from(i)).collect();
//! let scores = evaluate(&reference, &double, &BeatConfig::default())?;
//! assert!(scores.correct_total < 0.1 && scores.any_total > 0.9);
//! # Ok::<(), mir_eval::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use crate::{
    Counts, Error, NamedScores, Result, Side,
    error::{check_times, check_tolerance},
    matching::match_events,
    score::{Undefined, Value},
};

/// Pulses per second of the P-score.
const PULSE_RATE: f64 = 100.0;

/// Tolerances of the beat metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BeatConfig {
    /// Beats before this time are left out, seconds, at least 0.
    pub min_beat_time: f64,
    /// Window of the F-measure in seconds, at least 0.
    pub f_measure_threshold: f64,
    /// Standard deviation of Cemgil's Gaussian in seconds, above 0.
    pub cemgil_sigma: f64,
    /// Goto: a beat is wrong if it is off by more than this part of half an interval, at least 0 and
    /// below 1.
    pub goto_threshold: f64,
    /// Goto: the mean error of the tracked part has to lie below this, at least 0.
    pub goto_mu: f64,
    /// Goto: the standard deviation of the error has to lie below this, at least 0.
    pub goto_sigma: f64,
    /// Window of the P-score as a part of the median interval, in [0, 1].
    pub p_score_threshold: f64,
    /// Continuity: error of the phase as a part of the interval, at least 0.
    pub continuity_phase_threshold: f64,
    /// Continuity: error of the interval as a part of it, at least 0.
    pub continuity_period_threshold: f64,
    /// Bins of the histogram of the information gain, at least 2; odd, so that one is centred at 0.
    pub bins: usize,
}

impl Default for BeatConfig {
    fn default() -> Self {
        Self {
            min_beat_time: 5.0,
            f_measure_threshold: 0.07,
            cemgil_sigma: 0.04,
            goto_threshold: 0.35,
            goto_mu: 0.2,
            goto_sigma: 0.2,
            p_score_threshold: 0.2,
            continuity_phase_threshold: 0.175,
            continuity_period_threshold: 0.175,
            bins: 41,
        }
    }
}

impl BeatConfig {
    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// [`Error::Config`] names the first field outside its range.
    pub fn validate(&self) -> Result<()> {
        check_tolerance("min_beat_time", self.min_beat_time)?;
        check_tolerance("f_measure_threshold", self.f_measure_threshold)?;
        check_tolerance("cemgil_sigma", self.cemgil_sigma)?;
        check_tolerance("goto_mu", self.goto_mu)?;
        check_tolerance("goto_sigma", self.goto_sigma)?;
        check_tolerance("continuity_phase_threshold", self.continuity_phase_threshold)?;
        check_tolerance("continuity_period_threshold", self.continuity_period_threshold)?;
        let bad = |field, expected, actual| Err(Error::Config { field, expected, actual });
        if self.cemgil_sigma <= 0.0 {
            return bad("cemgil_sigma", "above 0", self.cemgil_sigma);
        }
        if !(0.0..1.0).contains(&self.goto_threshold) {
            return bad("goto_threshold", "at least 0 and below 1", self.goto_threshold);
        }
        if !(0.0..=1.0).contains(&self.p_score_threshold) {
            return bad("p_score_threshold", "0 to 1", self.p_score_threshold);
        }
        if self.bins < 2 {
            return bad("bins", "at least 2", self.bins as f64);
        }
        Ok(())
    }
}

/// All scores of one beat estimate, each in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeatScores {
    /// F1 within the window.
    pub f_measure: f64,
    /// Cemgil's score.
    pub cemgil: f64,
    /// Cemgil's score at the best metric level.
    pub cemgil_best: f64,
    /// Goto's criterion, 0 or 1.
    pub goto: f64,
    /// McKinney's P-score; above 1 only if beats lie so close that one pulse meets several.
    pub p_score: f64,
    /// CMLc: longest stretch of right beats at the metric level of the reference.
    pub correct_continuous: f64,
    /// CMLt: all right beats at that level.
    pub correct_total: f64,
    /// AMLc: longest stretch at the best level.
    pub any_continuous: f64,
    /// AMLt: all right beats at the best level.
    pub any_total: f64,
    /// Information gain as a fraction of the most that there can be.
    pub information_gain: f64,
    /// Beats of the reference that were scored.
    pub reference: usize,
    /// Beats of the estimate that were scored.
    pub estimated: usize,
}

impl NamedScores for BeatScores {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("F-measure", self.f_measure),
            ("Cemgil", self.cemgil),
            ("Cemgil Best Metric Level", self.cemgil_best),
            ("Goto", self.goto),
            ("P-score", self.p_score),
            ("Correct Metric Level Continuous", self.correct_continuous),
            ("Correct Metric Level Total", self.correct_total),
            ("Any Metric Level Continuous", self.any_continuous),
            ("Any Metric Level Total", self.any_total),
            ("Information gain", self.information_gain),
        ]
    }

    fn values(&self) -> Vec<(&'static str, Value)> {
        let counts = Counts { matched: 0, reference: self.reference, estimated: self.estimated };
        let nothing = (counts.reference == 0).then_some(Undefined::EmptyReference);
        let reason = counts.missing_both().or(nothing);
        let value = |(name, score)| (name, Value::unless(reason, score));
        self.entries().into_iter().map(value).collect()
    }
}

/// All scores of an estimate, over the beats from `min_beat_time` on.
///
/// # Errors
/// [`Error::Config`] for a bad configuration; [`Error::InvalidTime`] or [`Error::Unsorted`] for a bad
/// beat.
pub fn evaluate(reference: &[f64], estimate: &[f64], config: &BeatConfig) -> Result<BeatScores> {
    check(reference, estimate, config)?;
    let reference = trim_beats(reference, config.min_beat_time);
    let estimate = trim_beats(estimate, config.min_beat_time);
    let (cemgil, cemgil_best) = cemgil(reference, estimate, config)?;
    let continuity = continuity(reference, estimate, config)?;
    Ok(BeatScores {
        f_measure: f_measure(reference, estimate, config)?,
        cemgil,
        cemgil_best,
        goto: goto(reference, estimate, config)?,
        p_score: p_score(reference, estimate, config)?,
        correct_continuous: continuity.correct_continuous,
        correct_total: continuity.correct_total,
        any_continuous: continuity.any_continuous,
        any_total: continuity.any_total,
        information_gain: information_gain(reference, estimate, config)?,
        reference: reference.len(),
        estimated: estimate.len(),
    })
}

/// The beats from `min_beat_time` on.
pub fn trim_beats(beats: &[f64], min_beat_time: f64) -> &[f64] {
    &beats[beats.partition_point(|&beat| beat < min_beat_time)..]
}

/// F1 of a maximum matching within `f_measure_threshold` (inclusive).
///
/// # Errors
/// As [`evaluate`].
pub fn f_measure(reference: &[f64], estimate: &[f64], config: &BeatConfig) -> Result<f64> {
    check(reference, estimate, config)?;
    let counts = Counts {
        matched: match_events(reference, estimate, config.f_measure_threshold).len(),
        reference: reference.len(),
        estimated: estimate.len(),
    };
    Ok(counts.score(1.0).f1)
}

/// Cemgil's score against the reference and against its best variant:
/// `Σ_r exp(−d(r)² / 2σ²) / ((|R| + |E|) / 2)`, `d` the distance to the nearest estimated beat.
///
/// # Errors
/// As [`evaluate`].
pub fn cemgil(reference: &[f64], estimate: &[f64], config: &BeatConfig) -> Result<(f64, f64)> {
    check(reference, estimate, config)?;
    if reference.is_empty() || estimate.is_empty() {
        return Ok((0.0, 0.0));
    }
    let width = 2.0 * config.cemgil_sigma * config.cemgil_sigma;
    let scores = variations(reference).map(|beats| {
        let closeness = |&beat: &f64| {
            let distance = beat - estimate[nearest(estimate, beat)];
            (-distance * distance / width).exp()
        };
        let sum: f64 = beats.iter().map(closeness).sum();
        sum / (0.5 * (estimate.len() + beats.len()) as f64)
    });
    Ok((scores[0], scores.into_iter().fold(0.0, f64::max)))
}

/// Goto's criterion: 1 if the longest stretch between two wrong beats is more than a quarter of the
/// piece and its errors are small in mean and spread, else 0.
///
/// # Errors
/// As [`evaluate`].
pub fn goto(reference: &[f64], estimate: &[f64], config: &BeatConfig) -> Result<f64> {
    check(reference, estimate, config)?;
    if reference.is_empty() || estimate.is_empty() {
        return Ok(0.0);
    }
    // Errors in half intervals. The first and last beat have but one interval and count as wrong.
    let mut errors = vec![1.0; reference.len()];
    for (error, around) in errors.iter_mut().skip(1).zip(reference.windows(3)) {
        let beat = around[1];
        let (previous, next) = (0.5 * (beat - around[0]), 0.5 * (around[2] - beat));
        let first = estimate.partition_point(|&e| e < beat - previous);
        if let [e] = estimate[first..estimate.partition_point(|&e| e < beat + next).max(first)] {
            let offset = e - beat;
            *error = offset / if offset < 0.0 { previous } else { next };
        }
    }
    let wrong: Vec<usize> =
        (0..errors.len()).filter(|&i| errors[i].abs() > config.goto_threshold).collect();
    let track = if wrong.len() < 3 {
        let (from, to) = (wrong[0] + 1, wrong[wrong.len() - 1].saturating_sub(1));
        errors.get(from..to).unwrap_or_default()
    } else {
        // Strictly greater: the first of the longest stretches.
        let gap = |pair: &[usize]| pair[1] - pair[0];
        let mut longest = [wrong[0], wrong[1]];
        for pair in wrong.windows(2) {
            if gap(pair) > gap(&longest) {
                longest = [pair[0], pair[1]];
            }
        }
        if (gap(&longest) - 1) as f64 <= 0.25 * (reference.len() as f64 - 2.0) {
            return Ok(0.0);
        }
        &errors[longest[0]..=longest[1]]
    };
    if track.len() < 2 {
        return Ok(0.0);
    }
    let n = track.len() as f64;
    let mean = track.iter().sum::<f64>() / n;
    let size = track.iter().map(|e| e.abs()).sum::<f64>() / n;
    let spread = (track.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    Ok(f64::from(size < config.goto_mu && spread < config.goto_sigma))
}

/// McKinney's P-score: pairs of pulses (100 Hz) no further apart than `p_score_threshold` times the
/// median reference interval, divided by the larger number of beats.
///
/// # Errors
/// As [`evaluate`].
pub fn p_score(reference: &[f64], estimate: &[f64], config: &BeatConfig) -> Result<f64> {
    check(reference, estimate, config)?;
    if reference.len() <= 1 || estimate.len() <= 1 {
        return Ok(0.0);
    }
    let origin = reference[0].min(estimate[0]);
    let pulses = |beats: &[f64]| -> Vec<i64> {
        let mut pulses: Vec<i64> =
            beats.iter().map(|beat| ((beat - origin) * PULSE_RATE).ceil() as i64).collect();
        pulses.dedup();
        pulses
    };
    let (r, e) = (pulses(reference), pulses(estimate));
    let mut intervals: Vec<i64> = r.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if intervals.is_empty() {
        return Ok(0.0);
    }
    intervals.sort_unstable();
    let middle = intervals.len() / 2;
    let median = if intervals.len() % 2 == 1 {
        intervals[middle] as f64
    } else {
        (intervals[middle - 1] + intervals[middle]) as f64 / 2.0
    };
    let window = (config.p_score_threshold * median).round_ties_even() as i64;
    let (mut low, mut high, mut pairs) = (0, 0, 0);
    for pulse in &r {
        while low < e.len() && e[low] < pulse - window {
            low += 1;
        }
        while high < e.len() && e[high] <= pulse + window {
            high += 1;
        }
        pairs += high - low;
    }
    Ok(pairs as f64 / reference.len().max(estimate.len()) as f64)
}

/// The four continuity scores, each in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Continuity {
    /// CMLc.
    pub correct_continuous: f64,
    /// CMLt.
    pub correct_total: f64,
    /// AMLc.
    pub any_continuous: f64,
    /// AMLt.
    pub any_total: f64,
}

/// Continuity: a beat is right if it is off by less than `continuity_phase_threshold` of the interval
/// before the nearest reference beat, its own interval by less than `continuity_period_threshold`, and
/// that reference beat was not used before.
///
/// # Errors
/// As [`evaluate`].
pub fn continuity(reference: &[f64], estimate: &[f64], config: &BeatConfig) -> Result<Continuity> {
    check(reference, estimate, config)?;
    if reference.len() <= 1 || estimate.len() <= 1 {
        return Ok(Continuity::default());
    }
    let scores = variations(reference).map(|beats| continuity_of(&beats, estimate, config));
    let best = |score: fn(&(f64, f64)) -> f64| scores.iter().map(score).fold(0.0, f64::max);
    Ok(Continuity {
        correct_continuous: scores[0].0,
        correct_total: scores[0].1,
        any_continuous: best(|s| s.0),
        any_total: best(|s| s.1),
    })
}

/// Longest stretch and number of right beats, over the larger number of beats.
fn continuity_of(reference: &[f64], estimate: &[f64], config: &BeatConfig) -> (f64, f64) {
    let mut used = vec![false; reference.len()];
    let (mut run, mut longest, mut total) = (0usize, 0, 0usize);
    for m in 0..estimate.len() {
        let n = nearest(reference, estimate[m]);
        let distance = (estimate[m] - reference[n]).abs();
        // The interval before a beat; after it at the start of either series.
        let edge = m == 0 || n == 0;
        let (r, e) = (
            interval(reference, if edge { n + 1 } else { n }),
            interval(estimate, if edge { m + 1 } else { m }),
        );
        let (phase, period) = if edge && r <= 0.0 {
            // Beats that fall together: only an exact copy is right, and its phase counts as 1.
            let copy = |x: f64, value: f64| if x > 0.0 { f64::INFINITY } else { value };
            (copy(distance, 1.0), copy(e, 0.0))
        } else {
            (distance / r, (1.0 - e / r).abs())
        };
        let right = !used[n]
            && phase < config.continuity_phase_threshold
            && period < config.continuity_period_threshold;
        used[n] |= right;
        run = if right { run + 1 } else { 0 };
        total += usize::from(right);
        longest = longest.max(run);
    }
    let beats = reference.len().max(estimate.len()) as f64;
    (longest as f64 / beats, total as f64 / beats)
}

/// Time from the beat before `index` to the beat at `index`; the last interval beyond the end; 0 where
/// there is but one beat.
fn interval(beats: &[f64], index: usize) -> f64 {
    let index = index.min(beats.len() - 1);
    if index == 0 { 0.0 } else { beats[index] - beats[index - 1] }
}

/// Information gain: `1 − H / log2(bins)`, `H` the entropy in bits of the histogram of beat errors, the
/// larger one of both directions.
///
/// # Errors
/// As [`evaluate`].
pub fn information_gain(reference: &[f64], estimate: &[f64], config: &BeatConfig) -> Result<f64> {
    check(reference, estimate, config)?;
    if reference.len() <= 1 || estimate.len() <= 1 {
        return Ok(0.0);
    }
    let most = (config.bins as f64).log2();
    let forward = error_entropy(reference, estimate, config.bins);
    let backward = error_entropy(estimate, reference, config.bins);
    Ok(match (forward, backward) {
        (Some(forward), Some(backward)) => (most - forward.max(backward)) / most,
        _ => 0.0,
    })
}

/// Entropy of the errors of `estimate`, each a fraction of a reference interval wrapped to (−½, ½].
/// `None` if no error can be measured.
fn error_entropy(reference: &[f64], estimate: &[f64], bins: usize) -> Option<f64> {
    let last = reference.len() - 1;
    let step = 1.0 / bins as f64;
    let mut edges: Vec<f64> = (0..bins).map(|i| i as f64 * step - 0.5).collect();
    edges.push(0.5);
    let mut histogram = vec![0usize; bins];
    for &beat in estimate {
        let n = nearest(reference, beat);
        let distance = beat - reference[n];
        let interval = 0.5
            * if n == last {
                reference[last] - reference[last - 1]
            } else if distance >= 0.0 {
                reference[n + 1] - reference[n]
            } else {
                // Before the first beat the "previous" one is the last, as in mir_eval.
                reference[n] - reference[if n == 0 { last } else { n - 1 }]
            };
        // Into (−½, ½]: first into (−1, 0], in the steps of numpy's mod with a divisor of −1.
        let remainder = (0.5 * distance / interval + 0.5) % 1.0;
        let error = if remainder > 0.0 { remainder - 1.0 } else { remainder } + 0.5;
        // Beats that fall together give no interval and no error.
        if error.is_finite() {
            let bin = edges.partition_point(|&edge| edge <= error).clamp(1, bins) - 1;
            histogram[bin] += 1;
        }
    }
    let total: usize = histogram.iter().sum();
    let bits = |&count: &usize| {
        let p = count as f64 / total as f64;
        if count > 0 { -p * p.log2() } else { 0.0 }
    };
    (total > 0).then(|| histogram.iter().map(bits).sum())
}

/// The reference, off the beat, at double tempo, and at half tempo from the first and second beat.
fn variations(beats: &[f64]) -> [Vec<f64>; 5] {
    let middle = |pair: &[f64]| (pair[1] - pair[0]) * 0.5 + pair[0];
    let off: Vec<f64> = beats.windows(2).map(middle).collect();
    let mut double = Vec::with_capacity(2 * beats.len());
    for (i, &beat) in beats.iter().enumerate() {
        double.push(beat);
        double.extend(off.get(i));
    }
    let half = |first| beats.iter().skip(first).step_by(2).copied().collect();
    [beats.to_vec(), off, double, half(0), half(1)]
}

/// Index of the value nearest to `time` among ascending values (not empty), the first one of several.
fn nearest(values: &[f64], time: f64) -> usize {
    let distance = |i: usize| (values[i] - time).abs();
    let right = values.partition_point(|&value| value < time);
    let mut best = right.min(values.len() - 1);
    while best > 0 && distance(best - 1) <= distance(best) {
        best -= 1;
    }
    best
}

fn check(reference: &[f64], estimate: &[f64], config: &BeatConfig) -> Result<()> {
    config.validate()?;
    check_times(Side::Reference, reference)?;
    check_times(Side::Estimate, estimate)
}
