//! Chroma from constant-Q transforms: how much of each pitch class is there? And what is made of it.
//!
//! | | |
//! |---|---|
//! | [`ChromaCqt`] | folds octaves of a constant-Q transform into pitch classes |
//! | [`Cens`] | quantised, smoothed: compares performances of a piece (Müller, Kurth and Clausen 2005, "Audio matching via chroma-based statistical features") |
//! | [`tonnetz`] | tonal centroids: fifths, minor and major thirds as angles (Harte, Sandler and Gasser 2006, "Detecting harmonic change in musical audio") |
//!
//! All take and give `[frames, …]` maps and agree with librosa 0.11 (`chroma_cqt`, `chroma_cens`, `tonnetz`).
//! Chroma and tonal centroids work frame by frame; CENS smooths over [`CensConfig::smoothing`] frames.

use mir_core::Fingerprinted;
use ndarray::{Array2, ArrayRef2};
use serde::{Deserialize, Serialize};

use crate::{BinAxis, Error, Result, VectorNorm};

/// How the bins of a constant-Q transform are folded.
///
/// ```
/// use mir_features::{ChromaCqt, ChromaCqtConfig, CqtConfig, VectorNorm};
/// let config = ChromaCqtConfig { norm: VectorNorm::None, ..ChromaCqtConfig::default() };
/// assert!(ChromaCqt::new(config, &CqtConfig::default().axis()).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChromaCqtConfig {
    /// Pitch classes, 1 to 4096.
    pub n_chroma: usize,
    /// Whether class 0 is C; otherwise A.
    pub base_c: bool,
    /// Values below this count as 0; finite.
    pub threshold: f64,
    /// To what frames are scaled.
    pub norm: VectorNorm,
}

impl Default for ChromaCqtConfig {
    /// librosa's defaults: twelve classes from C, the largest scaled to 1.
    fn default() -> Self {
        Self { n_chroma: 12, base_c: true, threshold: 0.0, norm: VectorNorm::Max }
    }
}

impl Fingerprinted for ChromaCqtConfig {
    const DOMAIN: &'static str = "mir-features/chroma-cqt/2";
}

/// A planned folding of constant-Q magnitudes into chroma.
///
/// ```
/// use mir_features::{ChromaCqt, ChromaCqtConfig, CqtConfig};
/// use ndarray::Array2;
/// let cqt = CqtConfig::default(); // from C1
/// let chroma = ChromaCqt::new(ChromaCqtConfig::default(), &cqt.axis())?;
/// let mut magnitudes = Array2::zeros((1, 84));
/// magnitudes[(0, 45)] = 2.0; // A4
/// let classes = chroma.process(&magnitudes)?;
/// assert_eq!((classes.dim(), classes[(0, 9)]), ((1, 12), 1.0));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChromaCqt {
    config: ChromaCqtConfig,
    /// The class of each bin.
    classes: Vec<usize>,
}

impl ChromaCqt {
    /// Plans for bins of a geometric axis: that of a [`Cqt`](crate::Cqt) without tuning, for bins that are
    /// tuned to the recording belong to the classes of their nominal frequencies.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for no class, a threshold or norm that is not finite, or an axis that is not geometric
    /// with a multiple of `n_chroma` bins in an octave.
    pub fn new(config: ChromaCqtConfig, axis: &BinAxis) -> Result<Self> {
        if !(1..=4096).contains(&config.n_chroma) {
            return Err(Error::OutOfRange {
                field: "n_chroma",
                expected: "1 to 4096",
                actual: config.n_chroma as f64,
            });
        }
        config.norm.validate()?;
        if !config.threshold.is_finite() {
            return Err(Error::OutOfRange {
                field: "threshold",
                expected: "a finite number",
                actual: config.threshold,
            });
        }
        let (f_min, per_octave, bins) = match *axis {
            BinAxis::LogHz { f_min, bins_per_octave, bins } => (f_min, bins_per_octave, bins),
            _ => (440.0, 0.0, 0),
        };
        let merged = per_octave / config.n_chroma as f64;
        if merged < 1.0 || merged.fract() != 0.0 {
            return Err(Error::OutOfRange {
                field: "bins_per_octave",
                expected: "a geometric axis with a multiple of n_chroma bins in an octave",
                actual: per_octave,
            });
        }
        let (merged, per_octave) = (merged as usize, per_octave as usize);
        // The pitch class of bin 0 on a scale of twelve, as a number of classes to turn by.
        let midi = 69.0 + 12.0 * (f_min / 440.0).log2();
        let base = if config.base_c { 0.0 } else { 9.0 };
        let turn = (midi.rem_euclid(12.0) - base) * (config.n_chroma as f64 / 12.0);
        let turn = turn.round_ties_even() as i64;
        let classes = (0..bins)
            .map(|bin| {
                // A class reaches to both sides of its centre.
                let class = (bin % per_octave + merged / 2) % per_octave / merged;
                (class as i64 + turn).rem_euclid(config.n_chroma as i64) as usize
            })
            .collect();
        Ok(Self { config, classes })
    }

    /// The configuration.
    pub const fn config(&self) -> &ChromaCqtConfig {
        &self.config
    }

    /// Chroma `[frames, n_chroma]` of magnitudes `[frames, bins]`. Allocates.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for another number of bins than was planned for.
    pub fn process(&self, magnitudes: &ArrayRef2<f32>) -> Result<Array2<f32>> {
        check_columns(magnitudes, self.classes.len(), "the number of bins that was planned for")?;
        let mut chroma = Array2::zeros((magnitudes.nrows(), self.config.n_chroma));
        let mut sums = vec![0.0; self.config.n_chroma];
        let mut frame = vec![0.0; self.config.n_chroma];
        for (bins, mut row) in magnitudes.rows().into_iter().zip(chroma.rows_mut()) {
            sums.fill(0.0);
            for (&class, &magnitude) in self.classes.iter().zip(bins) {
                sums[class] += f64::from(magnitude);
            }
            for (value, &sum) in frame.iter_mut().zip(&sums) {
                *value = if sum < self.config.threshold { 0.0 } else { sum as f32 };
            }
            self.config.norm.normalise(&mut frame);
            row.iter_mut().zip(&frame).for_each(|(slot, &value)| *slot = value);
        }
        Ok(chroma)
    }
}

/// How chroma is smoothed.
///
/// ```
/// use mir_features::{Cens, CensConfig};
/// let config = CensConfig { smoothing: Some(21), ..CensConfig::default() };
/// assert!(Cens::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CensConfig {
    /// Frames that are averaged under a Hann window; `None` for no smoothing, else at least 1.
    pub smoothing: Option<usize>,
    /// To what frames are scaled in the end.
    pub norm: VectorNorm,
}

impl Default for CensConfig {
    /// librosa's defaults: 41 frames, squares that sum to 1.
    fn default() -> Self {
        Self { smoothing: Some(41), norm: VectorNorm::Lp(2.0) }
    }
}

/// A planned chroma energy normalised statistics (CENS) transform. Frames are smoothed over those before and after
/// them: there is no streaming form.
///
/// ```
/// use mir_features::{Cens, CensConfig};
/// use ndarray::Array2;
/// let cens = Cens::new(CensConfig::default())?.process(&Array2::ones((100, 12)));
/// assert_eq!(cens.dim(), (100, 12));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cens {
    config: CensConfig,
    window: Vec<f64>,
}

impl Cens {
    /// Validates the configuration.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for smoothing over no frames or more than 2^24, or a norm without a finite exponent
    /// above 0.
    pub fn new(config: CensConfig) -> Result<Self> {
        config.norm.validate()?;
        let window = match config.smoothing {
            None => vec![1.0],
            Some(frames) if (1..=1 << 24).contains(&frames) => {
                // A symmetric window of two more points, whose ends are 0.
                let last = frames as f64 + 1.0;
                let hann = |k: usize| 0.5 - 0.5 * (std::f64::consts::TAU * k as f64 / last).cos();
                let window: Vec<f64> = (0..frames + 2).map(hann).collect();
                let sum: f64 = window.iter().sum();
                window.into_iter().map(|w| w / sum).collect()
            }
            Some(frames) => {
                return Err(Error::OutOfRange {
                    field: "smoothing",
                    expected: "1 to 16777216 frames",
                    actual: frames as f64,
                });
            }
        };
        Ok(Self { config, window })
    }

    /// The configuration.
    pub const fn config(&self) -> &CensConfig {
        &self.config
    }

    /// CENS of unnormalised chroma `[frames, classes]`, of the same shape: the share of each class in its
    /// frame is quantised to quarters, a quarter for exceeding each of 0.05, 0.1, 0.2 and 0.4, then smoothed.
    /// Allocates.
    pub fn process(&self, chroma: &ArrayRef2<f32>) -> Array2<f32> {
        const STEPS: [f32; 4] = [0.4, 0.2, 0.1, 0.05];
        let (frames, classes) = chroma.dim();
        let mut quantised = Array2::<f32>::zeros((frames, classes));
        let mut frame = vec![0.0; classes];
        for (values, mut row) in chroma.rows().into_iter().zip(quantised.rows_mut()) {
            frame.iter_mut().zip(values).for_each(|(slot, &value)| *slot = value);
            VectorNorm::Lp(1.0).normalise(&mut frame);
            for (slot, &share) in row.iter_mut().zip(&frame) {
                *slot = 0.25 * STEPS.iter().filter(|&&step| share > step).count() as f32;
            }
        }
        let mut cens = Array2::zeros((frames, classes));
        let half = self.window.len() / 2;
        let mut sums = vec![0.0; classes];
        for (n, mut row) in cens.rows_mut().into_iter().enumerate() {
            sums.fill(0.0);
            // Frames beyond the ends are 0.
            for (k, &weight) in self.window.iter().enumerate() {
                if let Some(other) = (n + half).checked_sub(k).filter(|&other| other < frames) {
                    for (sum, &value) in sums.iter_mut().zip(quantised.row(other)) {
                        *sum += weight * f64::from(value);
                    }
                }
            }
            frame.iter_mut().zip(&sums).for_each(|(slot, &sum)| *slot = sum as f32);
            self.config.norm.normalise(&mut frame);
            row.iter_mut().zip(&frame).for_each(|(slot, &value)| *slot = value);
        }
        cens
    }
}

/// Tonal centroids `[frames, 6]` of chroma `[frames, classes]`: sine and cosine of the position on the circles
/// of fifths, minor thirds and major thirds (the last with radius ½), each class weighted by its share.
/// Allocates.
///
/// # Errors
/// [`Error::OutOfRange`] for chroma without classes.
///
/// ```
/// use mir_features::tonnetz;
/// use ndarray::Array2;
/// let mut chroma = Array2::zeros((1, 12));
/// chroma[(0, 0)] = 1.0; // a C alone
/// let centroid = tonnetz(&chroma)?;
/// assert!(centroid[(0, 0)].abs() < 1e-6 && (centroid[(0, 1)] - 1.0).abs() < 1e-6);
/// # Ok::<(), mir_features::Error>(())
/// ```
pub fn tonnetz(chroma: &ArrayRef2<f32>) -> Result<Array2<f32>> {
    const STEPS: [f64; 3] = [7.0 / 6.0, 3.0 / 2.0, 2.0 / 3.0];
    const RADII: [f64; 3] = [1.0, 1.0, 0.5];
    let classes = chroma.ncols();
    if classes == 0 {
        return Err(Error::OutOfRange {
            field: "chroma",
            expected: "at least 1 class",
            actual: 0.0,
        });
    }
    let basis = Array2::from_shape_fn((6, classes), |(dimension, class)| {
        let circle = dimension / 2;
        // cos(φ − π/2) is the sine.
        let quarter = if dimension % 2 == 0 { 0.5 } else { 0.0 };
        let position = STEPS[circle] * (class as f64 * 12.0 / classes as f64) - quarter;
        RADII[circle] * (std::f64::consts::PI * position).cos()
    });
    let mut out = Array2::zeros((chroma.nrows(), 6));
    let mut frame = vec![0.0; classes];
    for (values, mut row) in chroma.rows().into_iter().zip(out.rows_mut()) {
        frame.iter_mut().zip(values).for_each(|(slot, &value)| *slot = value);
        VectorNorm::Lp(1.0).normalise(&mut frame);
        for (slot, weights) in row.iter_mut().zip(basis.rows()) {
            let sum: f64 = weights.iter().zip(&frame).map(|(w, &x)| w * f64::from(x)).sum();
            *slot = sum as f32;
        }
    }
    Ok(out)
}

fn check_columns(map: &ArrayRef2<f32>, columns: usize, expected: &'static str) -> Result<()> {
    if map.ncols() == columns {
        return Ok(());
    }
    Err(Error::OutOfRange { field: "bins", expected, actual: map.ncols() as f64 })
}
