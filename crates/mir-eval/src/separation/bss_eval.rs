//! One computation for all versions of BSS Eval.

use std::ops::Range;

use mir_fft::RealPlanner64;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{
    assignment::best_order,
    decomposition::{Decomposer, Energies, Problem},
    signals::Signals,
};
use crate::{Error, Result, Side};

/// The largest number of sources, as in `mir_eval`.
pub const MAX_SOURCES: usize = 100;
/// Delays of the distortion filters in all published results.
pub(super) const FILTER_LENGTH: usize = 512;

/// Over what the distortion filters are estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterSpan {
    /// The whole signal, once: version 4.
    Signal,
    /// Each window anew: version 3.
    Window,
}

/// What counts as the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distortion {
    /// The true image: filtering is an error, which the ISR measures. `bss_eval_images`, version 4.
    Images,
    /// The filtered source: any filter of `filter_length` taps is forgiven, and the ISR is NaN.
    /// `bss_eval_sources`.
    Sources,
}

/// What a silent source makes of a window. A source is silent if all its samples are exactly 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SilenceRule {
    /// The window is undefined for all sources, as in `mir_eval` and `museval`. An estimate that falls
    /// silent thus takes windows away from the other sources.
    Window,
    /// Only the silent target is undefined. A silent estimate of a target that sounds still has an SDR
    /// of images: 0 dB.
    Target,
}

/// Parameters of [`bss_eval`]. The default is version 4 as `museval.evaluate` calls it, at 44.1 kHz.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BssEvalConfig {
    /// Samples of a window, at least 1; `None` for the whole signal.
    pub window: Option<usize>,
    /// Samples from one window to the next, at least 1.
    pub hop: usize,
    /// Taps of the distortion filters, 1 to 65536.
    pub filter_length: usize,
    /// Over what the filters are estimated.
    pub filters: FilterSpan,
    /// What counts as the target.
    pub distortion: Distortion,
    /// Whether the best order of the estimates is looked for, in the sense of the mean SIR: one for the
    /// signal with filters of the signal, one for each window otherwise.
    pub permutation: bool,
    /// What a silent source makes of a window.
    pub silence: SilenceRule,
    /// What is added to the diagonal of the Gram matrix: `museval` adds 2⁻⁵², `mir_eval` nothing. It
    /// matters for signals of very little energy only. At least 0.
    pub diagonal_loading: f64,
}

impl Default for BssEvalConfig {
    fn default() -> Self {
        Self {
            window: Some(44_100),
            hop: 44_100,
            filter_length: FILTER_LENGTH,
            filters: FilterSpan::Signal,
            distortion: Distortion::Images,
            permutation: false,
            silence: SilenceRule::Window,
            diagonal_loading: f64::EPSILON,
        }
    }
}

impl BssEvalConfig {
    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// [`Error::Config`] names the first field outside its range.
    pub fn validate(&self) -> Result<()> {
        if self.window == Some(0) {
            return Err(Error::Config { field: "window", expected: "at least 1", actual: 0.0 });
        }
        if self.hop == 0 {
            return Err(Error::Config { field: "hop", expected: "at least 1", actual: 0.0 });
        }
        if !(1..=65_536).contains(&self.filter_length) {
            let (expected, actual) = ("1 to 65536", self.filter_length as f64);
            return Err(Error::Config { field: "filter_length", expected, actual });
        }
        crate::error::check_tolerance("diagonal_loading", self.diagonal_loading)
    }

    /// The windows over a signal: `floor((samples − window + hop) / hop)` of them, at least one; what
    /// does not fill a window at the end is left out. A window that is no shorter than the signal is the
    /// signal.
    fn windows(&self, samples: usize) -> Vec<Range<usize>> {
        match self.window {
            Some(window) if window < samples => {
                let count = (samples - window) / self.hop + 1;
                (0..count).map(|i| i * self.hop..i * self.hop + window).collect()
            }
            _ => std::iter::once(0..samples).collect(),
        }
    }
}

/// Why a score is undefined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undefined {
    /// This reference source is silent in the window.
    SilentReference(usize),
    /// This estimated source is.
    SilentEstimate(usize),
}

/// Scores in dB by reference source and window. Undefined ones are NaN, and `undefined` says why; a ratio
/// with nothing in the denominator is infinite.
#[derive(Clone, Debug, PartialEq)]
pub struct BssEvalScores {
    /// Source to distortion ratio, `[sources, windows]`.
    pub sdr: Array2<f64>,
    /// Image to spatial distortion ratio, `[sources, windows]`; NaN for [`Distortion::Sources`].
    pub isr: Array2<f64>,
    /// Source to interference ratio, `[sources, windows]`.
    pub sir: Array2<f64>,
    /// Source to artifacts ratio, `[sources, windows]`.
    pub sar: Array2<f64>,
    /// The estimate that was compared with each reference source, `[sources, windows]`.
    pub perm: Array2<usize>,
    /// Why scores are undefined, `[sources, windows]`.
    pub undefined: Array2<Option<Undefined>>,
    /// The windows in samples.
    pub windows: Vec<Range<usize>>,
}

/// The four ratios of a pair of target and estimate.
#[derive(Clone, Copy, Debug)]
struct Ratios {
    sdr: f64,
    isr: f64,
    sir: f64,
    sar: f64,
    undefined: Option<Undefined>,
}

impl Ratios {
    fn new(energies: &Energies, distortion: Distortion) -> Self {
        let e = energies;
        let (sdr, isr) = match distortion {
            Distortion::Images => (decibels(e.target, e.error), decibels(e.target, e.spatial)),
            Distortion::Sources => (decibels(e.own_projection, e.unexplained), f64::NAN),
        };
        Self {
            sdr,
            isr,
            sir: decibels(e.own_projection, e.interference),
            sar: decibels(e.projection, e.artifacts),
            undefined: None,
        }
    }

    fn undefined(reason: Undefined) -> Self {
        Self { sdr: f64::NAN, isr: f64::NAN, sir: f64::NAN, sar: f64::NAN, undefined: Some(reason) }
    }
}

/// `10·log10(over / under)`, infinite if nothing is below.
pub(super) fn decibels(over: f64, under: f64) -> f64 {
    if under == 0.0 { f64::INFINITY } else { 10.0 * (over / under).log10() }
}

/// BSS Eval in all its versions: SDR, ISR, SIR and SAR of estimated sources in windows.
///
/// Reference and estimate hold the same number of sources and channels; the module says how the ratios
/// are defined. Without sources, samples or channels the scores are empty.
///
/// # Errors
/// [`Error::Config`]; [`Error::SignalShape`] if the shapes differ; [`Error::TooManySources`] above
/// [`MAX_SOURCES`]; [`Error::InvalidSample`] for a sample that is not a finite number below 1e100;
/// [`Error::TooLarge`] if the factor of the Gram matrix does not fit the memory.
///
/// ```
/// use mir_eval::separation::{BssEvalConfig, bss_eval};
/// use ndarray::Array3;
/// let noise = |seed: u64| {
///     let mut state = seed;
///     Array3::from_shape_simple_fn((2, 4000, 1), move || {
///         state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
///         (state >> 33) as f32 / (1_u64 << 30) as f32 - 1.0
///     })
/// };
/// let reference = noise(1);
/// let estimate = &reference + &(0.1 * noise(2));
/// let config = BssEvalConfig { window: Some(1000), hop: 1000, ..Default::default() };
/// let scores = bss_eval(&reference, &estimate, &config)?;
/// assert_eq!(scores.sdr.dim(), (2, 4));
/// assert!(scores.sdr.iter().all(|sdr| (sdr - 20.0).abs() < 1.0));
/// # Ok::<(), mir_eval::Error>(())
/// ```
pub fn bss_eval<'a>(
    reference: impl Into<Signals<'a>>,
    estimate: impl Into<Signals<'a>>,
    config: &BssEvalConfig,
) -> Result<BssEvalScores> {
    let (reference, estimate) = (reference.into(), estimate.into());
    let (expected, actual) = (reference.shape(), estimate.shape());
    if expected != actual {
        return Err(Error::SignalShape { expected, actual });
    }
    evaluate(reference, estimate, config)
}

/// As [`bss_eval`]; the estimate may be longer than the reference (cut) or shorter (silence follows).
pub(super) fn evaluate(
    reference: Signals<'_>,
    estimate: Signals<'_>,
    config: &BssEvalConfig,
) -> Result<BssEvalScores> {
    config.validate()?;
    let [sources, samples, channels] = reference.shape();
    if sources > MAX_SOURCES {
        return Err(Error::TooManySources { limit: MAX_SOURCES, actual: sources });
    }
    if sources == 0 || samples == 0 || channels == 0 {
        return Ok(BssEvalScores::empty(0, Vec::new()));
    }
    reference.check_finite(Side::Reference)?;
    estimate.check_finite(Side::Estimate)?;
    let pairs = if config.permutation {
        (0..sources).flat_map(|j| (0..sources).map(move |e| (j, e))).collect()
    } else {
        (0..sources).map(|j| (j, j)).collect()
    };
    let problem = Problem {
        reference,
        estimate,
        taps: config.filter_length,
        loading: config.diagonal_loading,
        pairs,
    };
    let windows = config.windows(samples);
    let mut planner = RealPlanner64::new();
    let mut plan = None;
    let mut ratios: Vec<Vec<Ratios>> = Vec::with_capacity(windows.len());
    for window in &windows {
        let silent = Silent::new(&problem, window);
        if let (SilenceRule::Window, Some(reason)) = (config.silence, silent.first()) {
            ratios.push(vec![Ratios::undefined(reason); problem.pairs.len()]);
            continue;
        }
        if plan.is_none() || config.filters == FilterSpan::Window {
            let span = match config.filters {
                FilterSpan::Signal => 0..samples,
                FilterSpan::Window => window.clone(),
            };
            let filters = problem.filters(&mut planner, &span)?;
            plan = Some(Decomposer::new(&mut planner, &problem, &filters, window.len()));
        }
        let energies = plan.as_mut().map(|plan| plan.energies(window)).unwrap_or_default();
        let of_pair = |(&(target, estimate), energies): (&(usize, usize), &Energies)| {
            let defined = Ratios::new(energies, config.distortion);
            match silent.of_pair(target, estimate) {
                None => defined,
                Some(reason @ Undefined::SilentEstimate(_))
                    if config.distortion == Distortion::Images =>
                {
                    Ratios { sdr: defined.sdr, ..Ratios::undefined(reason) }
                }
                Some(reason) => Ratios::undefined(reason),
            }
        };
        ratios.push(problem.pairs.iter().zip(&energies).map(of_pair).collect());
    }
    Ok(BssEvalScores::ordered(sources, windows, &ratios, config))
}

/// Which sources are silent in a window.
struct Silent {
    reference: Vec<bool>,
    estimate: Vec<bool>,
}

impl Silent {
    fn new(problem: &Problem<'_>, window: &Range<usize>) -> Self {
        let side = |signals: Signals<'_>| {
            (0..signals.sources()).map(|j| signals.is_silent(j, window.clone())).collect()
        };
        Self { reference: side(problem.reference), estimate: side(problem.estimate) }
    }

    fn first(&self) -> Option<Undefined> {
        let find = |side: &[bool]| side.iter().position(|&silent| silent);
        find(&self.reference)
            .map(Undefined::SilentReference)
            .or_else(|| find(&self.estimate).map(Undefined::SilentEstimate))
    }

    fn of_pair(&self, target: usize, estimate: usize) -> Option<Undefined> {
        if self.reference[target] {
            Some(Undefined::SilentReference(target))
        } else {
            self.estimate[estimate].then_some(Undefined::SilentEstimate(estimate))
        }
    }
}

impl BssEvalScores {
    fn empty(sources: usize, windows: Vec<Range<usize>>) -> Self {
        let shape = (sources, windows.len());
        let nan = Array2::from_elem(shape, f64::NAN);
        Self {
            sdr: nan.clone(),
            isr: nan.clone(),
            sir: nan.clone(),
            sar: nan,
            perm: Array2::from_shape_fn(shape, |(source, _)| source),
            undefined: Array2::from_elem(shape, None),
            windows,
        }
    }

    /// Picks the ratios of the best order out of those of all pairs, `[window][pair]`.
    fn ordered(
        sources: usize,
        windows: Vec<Range<usize>>,
        ratios: &[Vec<Ratios>],
        config: &BssEvalConfig,
    ) -> Self {
        let mut scores = Self::empty(sources, windows);
        if config.permutation {
            match config.filters {
                FilterSpan::Window => {
                    for (ratios, mut perm) in ratios.iter().zip(scores.perm.columns_mut()) {
                        let sir: Vec<f64> = ratios.iter().map(|r| r.sir).collect();
                        let order = best_order(&sir, sources);
                        perm.iter_mut().zip(order).for_each(|(place, estimate)| *place = estimate);
                    }
                }
                FilterSpan::Signal => {
                    let mean = |pair: usize| {
                        let sir = ratios.iter().map(|r| r[pair].sir).filter(|x| !x.is_nan());
                        let (sum, count) = sir.fold((0.0, 0), |(s, n), x| (s + x, n + 1));
                        sum / f64::from(count)
                    };
                    let sir: Vec<f64> = (0..sources * sources).map(mean).collect();
                    let order = best_order(&sir, sources);
                    for mut perm in scores.perm.columns_mut() {
                        perm.iter_mut()
                            .zip(&order)
                            .for_each(|(place, estimate)| *place = *estimate);
                    }
                }
            }
        }
        for (window, ratios) in ratios.iter().enumerate() {
            for source in 0..sources {
                let place = [source, window];
                let pair =
                    if config.permutation { source * sources + scores.perm[place] } else { source };
                let ratios = &ratios[pair];
                scores.sdr[place] = ratios.sdr;
                scores.isr[place] = ratios.isr;
                scores.sir[place] = ratios.sir;
                scores.sar[place] = ratios.sar;
                scores.undefined[place] = ratios.undefined;
            }
        }
        scores
    }
}
