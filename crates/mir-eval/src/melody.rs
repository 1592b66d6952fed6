//! Melody extraction: is there a melody where the estimate has one, and is its pitch right?
//!
//! # Conventions
//! A melody is a series of times (seconds, ascending) with a frequency (hertz) at each. In a reference 0
//! means "no melody". An estimate may give a negative frequency instead: "no melody here, but if there
//! is one, then at this pitch", so that voicing and pitch are judged apart. A voicing in [0, 1] may be
//! given beside the frequencies and then replaces their sign; beside a reference it is the *reward* of a
//! frame.
//!
//! The estimate is brought to the times of the reference (or both to a constant `hop`): pitch linearly in
//! cents, held over gaps; binary voicing by the value before, continuous voicing linearly. Times count
//! to 10 decimals. A series that starts after 0 s is extended to 0 s by its first entry; an estimate that
//! ends too early has no melody after its end.
//!
//! # Criterion
//! With `v` the reference voicing (reward), `w` that of the estimate, and a pitch right if both sides
//! name one and they differ by less than `cent_tolerance` (50 cents):
//!
//! | score | formula |
//! |---|---|
//! | voicing recall | mean of `w` over frames with `v > 0`; 1 if there is none |
//! | voicing false alarm | mean of `w` over frames with `v = 0`; 0 if there is none |
//! | raw pitch accuracy | `Σ v·right / Σ v` |
//! | raw chroma accuracy | the same with pitches modulo an octave |
//! | overall accuracy | `(ρ·Σ v·w·right + Σ_{v = 0} (1 − w)) / frames`, `ρ` = voiced frames `/ Σ v` |
//!
//! # Empty and undefined cases
//! | case | scores |
//! |---|---|
//! | no reference frames | all 0 |
//! | no estimate frames | those of an estimate without melody |
//! | reference without melody | recall 1, raw accuracies 0 |
//!
//! [`MelodyScores::voiced`] and [`MelodyScores::frames`] tell these apart.
//!
//! Sources: Salamon et al., "Melody extraction from polyphonic music signals", IEEE Signal Processing
//! Magazine 31(2), 2014; Bittner and Bosch, "Generalized metrics for single-f0 estimation evaluation",
//! ISMIR 2019.
//!
//! # Differences from mir_eval
//! Values agree with `mir_eval.melody` 0.8.2. Empty series are scored, negative times and values that are
//! not finite are refused. Interpolation of higher order is not offered.
//!
//! ```
//! use mir_eval::melody::{MelodyConfig, MelodySeries, evaluate_hz};
//! let times = [0.0, 0.01, 0.02, 0.03];
//! let scores = evaluate_hz(
//!     MelodySeries { times: &times, hz: &[0.0, 220.0, 220.0, 220.0], voicing: None },
//!     MelodySeries { times: &times, hz: &[0.0, 220.0, -221.0, 440.0], voicing: None },
//!     &MelodyConfig::default(),
//! )?;
//! assert!((scores.raw_pitch_accuracy - 2.0 / 3.0).abs() < 1e-12);
//! assert!((scores.overall_accuracy - 0.5).abs() < 1e-12);
//! # Ok::<(), mir_eval::Error>(())
//! ```

mod details;

use mir_core::{Cents, F0Track};
use serde::{Deserialize, Serialize};

use crate::{
    Error, NamedScores, Result, Side,
    error::{check_length, check_times, check_tolerance},
    multipitch::{Nearest, same_times},
    score::{Undefined, Value},
};

pub use details::{MelodyDetails, details};

/// More frames than this are a mistake in `hop`, not a melody.
const MAX_FRAMES: f64 = 1e8;

/// How values between two frames are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// On the straight line between the two (binary voicing: the earlier one).
    #[default]
    Linear,
    /// The nearer of the two, the earlier one half-way.
    Nearest,
    /// The earlier one.
    Zero,
}

/// Tolerance and time base of the melody metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MelodyConfig {
    /// A pitch is right if it is off by less than this; finite, at least 0.
    pub cent_tolerance: Cents,
    /// Spacing of a common time base in seconds, above 0. `None`: the times of the reference.
    pub hop: Option<f64>,
    /// How the series are brought to the time base.
    pub interpolation: Interpolation,
    /// Frequency of 0 cents in hertz, above 0. A pitch of exactly 0 cents counts as none.
    pub base_frequency: f64,
}

impl Default for MelodyConfig {
    fn default() -> Self {
        Self {
            cent_tolerance: Cents(50.0),
            hop: None,
            interpolation: Interpolation::Linear,
            base_frequency: 10.0,
        }
    }
}

impl MelodyConfig {
    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// [`Error::Config`] names the first field outside its range.
    pub fn validate(&self) -> Result<()> {
        check_tolerance("cent_tolerance", self.cent_tolerance.0)?;
        for (field, value) in [("hop", self.hop), ("base_frequency", Some(self.base_frequency))] {
            if let Some(actual) = value.filter(|value| !(value.is_finite() && *value > 0.0)) {
                return Err(Error::Config { field, expected: "finite and above 0", actual });
            }
        }
        Ok(())
    }
}

/// A melody on plain slices.
#[derive(Clone, Copy, Debug)]
pub struct MelodySeries<'a> {
    /// Times in seconds, ascending.
    pub times: &'a [f64],
    /// One frequency in hertz for each time; 0 for none, negative for an unvoiced guess.
    pub hz: &'a [f64],
    /// One voicing in [0, 1] for each time. `None`: 1 where the frequency is positive, else 0. A frame
    /// without a frequency is unvoiced in any case.
    pub voicing: Option<&'a [f64]>,
}

/// Reference and estimate, frame by frame on one time base. All four have the same length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MelodyFrames {
    /// Voicing (reward) of the reference, in [0, 1].
    pub reference_voicing: Vec<f64>,
    /// Pitch of the reference in cents, 0 for none.
    pub reference_cents: Vec<f64>,
    /// Voicing of the estimate, in [0, 1].
    pub estimate_voicing: Vec<f64>,
    /// Pitch of the estimate in cents, 0 for none.
    pub estimate_cents: Vec<f64>,
}

/// All scores of one melody, each in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MelodyScores {
    /// How much of the melody the estimate says is there.
    pub voicing_recall: f64,
    /// How much melody the estimate says is there where none is.
    pub voicing_false_alarm: f64,
    /// Fraction of the melody with the right pitch, whatever the voicing of the estimate.
    pub raw_pitch_accuracy: f64,
    /// The same modulo an octave.
    pub raw_chroma_accuracy: f64,
    /// Fraction of all frames that are right in voicing and pitch.
    pub overall_accuracy: f64,
    /// Frames of the reference with melody.
    pub voiced: usize,
    /// Frames.
    pub frames: usize,
}

impl NamedScores for MelodyScores {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("Voicing Recall", self.voicing_recall),
            ("Voicing False Alarm", self.voicing_false_alarm),
            ("Raw Pitch Accuracy", self.raw_pitch_accuracy),
            ("Raw Chroma Accuracy", self.raw_chroma_accuracy),
            ("Overall Accuracy", self.overall_accuracy),
        ]
    }

    fn values(&self) -> Vec<(&'static str, Value)> {
        let missing = |frames: usize| (frames == 0).then_some(Undefined::EmptyReference);
        let reason = |name: &str| match name {
            "Overall Accuracy" => missing(self.frames),
            "Voicing False Alarm" => missing(self.frames - self.voiced),
            _ => missing(self.voiced),
        };
        let value = |(name, score)| (name, Value::unless(reason(name), score));
        self.entries().into_iter().map(value).collect()
    }
}

/// All scores of an estimate. The voicing of the reference is the reward of its frames.
///
/// # Errors
/// [`Error::Config`] for a bad configuration.
pub fn evaluate(
    reference: &F0Track,
    estimate: &F0Track,
    config: &MelodyConfig,
) -> Result<MelodyScores> {
    let columns = |track: &F0Track| -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let hz = |pitch: Option<mir_core::Pitch>| pitch.map_or(0.0, |pitch| pitch.hz());
        let times = track.frames().iter().map(|f| f.time).collect();
        let frequencies = track.frames().iter().map(|f| hz(f.pitch)).collect();
        (times, frequencies, track.frames().iter().map(|f| f64::from(f.voicing)).collect())
    };
    let (reference, estimate) = (columns(reference), columns(estimate));
    let series = |(times, hz, voicing)| MelodySeries { times, hz, voicing: Some(voicing) };
    evaluate_hz(
        series((&reference.0, &reference.1, &reference.2)),
        series((&estimate.0, &estimate.1, &estimate.2)),
        config,
    )
}

/// [`evaluate`] on plain slices.
///
/// # Errors
/// As [`align`].
pub fn evaluate_hz(
    reference: MelodySeries<'_>,
    estimate: MelodySeries<'_>,
    config: &MelodyConfig,
) -> Result<MelodyScores> {
    let frames = align(reference, estimate, config)?;
    let (r, w) = (&frames.reference_voicing, &frames.estimate_voicing);
    let (r_cents, e_cents) = (&frames.reference_cents, &frames.estimate_cents);
    let tolerance = config.cent_tolerance;
    Ok(MelodyScores {
        voicing_recall: voicing_recall(r, w)?,
        voicing_false_alarm: voicing_false_alarm(r, w)?,
        raw_pitch_accuracy: raw_pitch_accuracy(r, r_cents, e_cents, tolerance)?,
        raw_chroma_accuracy: raw_chroma_accuracy(r, r_cents, e_cents, tolerance)?,
        overall_accuracy: overall_accuracy(r, r_cents, w, e_cents, tolerance)?,
        voiced: r.iter().filter(|&&v| v > 0.0).count(),
        frames: r.len(),
    })
}

/// Both series on one time base: the input of the single metrics.
///
/// # Errors
/// [`Error::Config`], also for a `hop` that gives more than 100 million frames; [`Error::Length`] if
/// the columns of a series differ in length; [`Error::InvalidTime`] and [`Error::Unsorted`] for bad
/// times; [`Error::Entry`] for a frequency that is not finite or a voicing outside [0, 1].
pub fn align(
    reference: MelodySeries<'_>,
    estimate: MelodySeries<'_>,
    config: &MelodyConfig,
) -> Result<MelodyFrames> {
    config.validate()?;
    let reference = Series::new(Side::Reference, reference, config.base_frequency)?;
    let estimate = Series::new(Side::Estimate, estimate, config.base_frequency)?;
    let kind = config.interpolation;
    let (reference_cents, reference_voicing, mut estimate_cents, mut estimate_voicing);
    match config.hop {
        None => {
            (estimate_cents, estimate_voicing) = estimate.resampled(&reference.times, kind);
            (reference_cents, reference_voicing) = (reference.cents, reference.voicing);
        }
        Some(hop) => {
            (estimate_cents, estimate_voicing) =
                estimate.resampled(&constant_hop(hop, &estimate.times)?, kind);
            (reference_cents, reference_voicing) =
                reference.resampled(&constant_hop(hop, &reference.times)?, kind);
        }
    }
    estimate_cents.resize(reference_cents.len(), 0.0);
    estimate_voicing.resize(reference_cents.len(), 0.0);
    Ok(MelodyFrames { reference_voicing, reference_cents, estimate_voicing, estimate_cents })
}

/// Mean estimated voicing where the reference is voiced; 1 without such frames, 0 without any frame.
///
/// # Errors
/// [`Error::Length`] if the slices differ in length.
pub fn voicing_recall(reference_voicing: &[f64], estimate_voicing: &[f64]) -> Result<f64> {
    let mean = mean_voicing(reference_voicing, estimate_voicing, |v| v > 0.0)?;
    Ok(mean.unwrap_or(if reference_voicing.is_empty() { 0.0 } else { 1.0 }))
}

/// Mean estimated voicing where the reference is unvoiced; 0 without such frames.
///
/// # Errors
/// [`Error::Length`] if the slices differ in length.
pub fn voicing_false_alarm(reference_voicing: &[f64], estimate_voicing: &[f64]) -> Result<f64> {
    Ok(mean_voicing(reference_voicing, estimate_voicing, |v| v <= 0.0)?.unwrap_or(0.0))
}

/// Fraction of the reference voicing at whose frames the estimated pitch is right; 0 without voicing.
///
/// # Errors
/// [`Error::Length`] if the slices differ in length.
pub fn raw_pitch_accuracy(
    reference_voicing: &[f64],
    reference_cents: &[f64],
    estimate_cents: &[f64],
    tolerance: Cents,
) -> Result<f64> {
    raw_accuracy(reference_voicing, reference_cents, estimate_cents, |d| d < tolerance.0)
}

/// [`raw_pitch_accuracy`] modulo an octave.
///
/// # Errors
/// [`Error::Length`] if the slices differ in length.
pub fn raw_chroma_accuracy(
    reference_voicing: &[f64],
    reference_cents: &[f64],
    estimate_cents: &[f64],
    tolerance: Cents,
) -> Result<f64> {
    raw_accuracy(reference_voicing, reference_cents, estimate_cents, |d| {
        (d - 1200.0 * (d / 1200.0 + 0.5).floor()).abs() < tolerance.0
    })
}

/// Fraction of all frames that are right in voicing and pitch; 0 without frames.
///
/// # Errors
/// [`Error::Length`] if the slices differ in length.
pub fn overall_accuracy(
    reference_voicing: &[f64],
    reference_cents: &[f64],
    estimate_voicing: &[f64],
    estimate_cents: &[f64],
    tolerance: Cents,
) -> Result<f64> {
    let frames = reference_voicing.len();
    check_length(Side::Reference, "cents", frames, reference_cents.len())?;
    check_length(Side::Estimate, "voicings", frames, estimate_voicing.len())?;
    check_length(Side::Estimate, "cents", frames, estimate_cents.len())?;
    let (mut voiced, mut reward, mut found, mut silent) = (0.0, 0.0, 0.0, 0.0);
    for (i, &v) in reference_voicing.iter().enumerate() {
        if v > 0.0 {
            voiced += 1.0;
            reward += v;
            let difference = (reference_cents[i] - estimate_cents[i]).abs();
            if has_pitch(reference_cents[i], estimate_cents[i]) && difference < tolerance.0 {
                found += v * estimate_voicing[i];
            }
        } else {
            silent += 1.0 - estimate_voicing[i];
        }
    }
    let ratio = if reward > 0.0 { voiced / reward } else { 0.0 };
    Ok(if frames == 0 { 0.0 } else { (ratio * found + silent) / frames as f64 })
}

/// `1200·log2(|hz| / base)`, and 0 for 0 Hz.
pub fn hz_to_cents(hz: f64, base: f64) -> f64 {
    if hz.abs() > 0.0 { 1200.0 * (hz.abs() / base).log2() } else { 0.0 }
}

/// Whether both sides name a pitch.
fn has_pitch(reference: f64, estimate: f64) -> bool {
    reference.abs() > 0.0 && estimate.abs() > 0.0
}

fn mean_voicing(
    reference: &[f64],
    estimate: &[f64],
    counts: impl Fn(f64) -> bool,
) -> Result<Option<f64>> {
    check_length(Side::Estimate, "voicings", reference.len(), estimate.len())?;
    let (mut sum, mut frames) = (0.0, 0usize);
    for (_, w) in reference.iter().zip(estimate).filter(|(v, _)| counts(**v)) {
        sum += w;
        frames += 1;
    }
    Ok((frames > 0).then(|| sum / frames as f64))
}

fn raw_accuracy(
    voicing: &[f64],
    reference: &[f64],
    estimate: &[f64],
    right: impl Fn(f64) -> bool,
) -> Result<f64> {
    check_length(Side::Reference, "cents", voicing.len(), reference.len())?;
    check_length(Side::Estimate, "cents", voicing.len(), estimate.len())?;
    let total: f64 = voicing.iter().sum();
    let mut found = 0.0;
    for ((&v, &r), &e) in voicing.iter().zip(reference).zip(estimate) {
        if has_pitch(r, e) && right((r - e).abs()) {
            found += v;
        }
    }
    Ok(if total > 0.0 { found / total } else { 0.0 })
}

/// A validated series that starts at 0 s.
struct Series {
    times: Vec<f64>,
    cents: Vec<f64>,
    voicing: Vec<f64>,
}

impl Series {
    fn new(side: Side, series: MelodySeries<'_>, base: f64) -> Result<Self> {
        let MelodySeries { times, hz, voicing } = series;
        check_length(side, "frequencies", times.len(), hz.len())?;
        check_times(side, times)?;
        let entry = |series, expected, index: usize, actual| {
            Err(Error::Entry { side, series, index, expected, actual })
        };
        if let Some(i) = hz.iter().position(|hz| !hz.is_finite()) {
            return entry("frequency", "a finite number", i, hz[i]);
        }
        if let Some(voicing) = voicing {
            check_length(side, "voicings", times.len(), voicing.len())?;
            if let Some(i) = voicing.iter().position(|v| !(0.0..=1.0).contains(v)) {
                return entry("voicing", "0 to 1", i, voicing[i]);
            }
        }
        let late = times.first().is_some_and(|&first| first > 0.0);
        let source = || late.then_some(0).into_iter().chain(0..times.len());
        let voicing_of = |i: usize| match voicing {
            Some(voicing) if hz[i].abs() > 0.0 => voicing[i],
            None if hz[i] > 0.0 => 1.0,
            _ => 0.0,
        };
        Ok(Self {
            times: late.then_some(0.0).into_iter().chain(times.iter().copied()).collect(),
            cents: source().map(|i| hz_to_cents(hz[i], base)).collect(),
            voicing: source().map(voicing_of).collect(),
        })
    }

    /// Cents and voicing at `new` times (ascending, from 0 s).
    fn resampled(&self, new: &[f64], kind: Interpolation) -> (Vec<f64>, Vec<f64>) {
        if same_times(new, &self.times) {
            return (self.cents.clone(), self.voicing.clone());
        }
        let (Some(&end), Some(&last)) = (self.times.last(), new.last()) else {
            return (vec![0.0; new.len()], vec![0.0; new.len()]);
        };
        let mut times: Vec<f64> = self.times.iter().map(|&t| round10(t)).collect();
        let (mut cents, mut voicing) = (self.cents.clone(), self.voicing.clone());
        if round10(last) > round10(end) {
            times.push(round10(last));
            cents.push(0.0);
            voicing.push(0.0);
        }
        // Over gaps the last pitch is held: a line down to "0 cents" would be no pitch at all.
        let mut held = cents.clone();
        for i in 1..held.len() {
            if held[i].abs() <= 0.0 {
                held[i] = held[i - 1];
            }
        }
        let binary = voicing.iter().all(|v| *v <= 0.0 || *v >= 1.0);
        let mut nearest = Nearest::new(&times);
        let mut before = 0;
        let mut at = |t: f64| {
            let t = round10(t);
            while before + 1 < times.len() && times[before + 1] <= t {
                before += 1;
            }
            let line = |y: &[f64]| match y.get(before + 1) {
                None => y[before],
                Some(next) => {
                    let slope = (next - y[before]) / (times[before + 1] - times[before]);
                    slope * (t - times[before]) + y[before]
                }
            };
            match kind {
                Interpolation::Zero => (cents[before], voicing[before]),
                Interpolation::Nearest => {
                    let i = nearest.index_of(t).unwrap_or(before);
                    (cents[i], voicing[i])
                }
                Interpolation::Linear => (
                    if cents[before].abs() > 0.0 { line(&held) } else { 0.0 },
                    if binary { voicing[before] } else { line(&voicing) },
                ),
            }
        };
        new.iter().map(|&t| at(t)).unzip()
    }
}

/// Times from 0 s to the end of `times`, `hop` apart.
fn constant_hop(hop: f64, times: &[f64]) -> Result<Vec<f64>> {
    let Some(&end) = times.last() else {
        return Ok(Vec::new());
    };
    let hops = (round10(end) / hop).floor();
    if hops > MAX_FRAMES {
        let expected = "long enough for at most 100 million frames";
        return Err(Error::Config { field: "hop", expected, actual: hop });
    }
    // The step is computed from the end, as numpy's linspace does.
    let step = hop * hops / hops.max(1.0);
    Ok((0..=hops as usize).map(|i| round10(i as f64 * step)).collect())
}

/// To ten decimals: what is the same time on paper shall be the same time here.
fn round10(time: f64) -> f64 {
    (time * 1e10).round_ties_even() / 1e10
}
