//! Normalisation: bringing features to a common scale.
//!
//! | | depends on |
//! |---|---|
//! | [`VectorNorm`] | one frame: streams as it is |
//! | [`Normalizer`] | the whole recording |
//! | [`BinStatistics`] | a whole data set, measured once; applied frame by frame |

use ndarray::{ArrayRef, ArrayRef2, Axis, Dimension, Zip};
use serde::{Deserialize, Serialize};

use crate::{Error, FeatureMap, Result};

/// The length that a vector is divided by.
///
/// ```
/// use mir_features::VectorNorm;
/// let mut frame = [3.0, 4.0];
/// VectorNorm::Lp(2.0).normalise(&mut frame);
/// assert_eq!(frame, [0.6, 0.8]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VectorNorm {
    /// Nothing is divided.
    None,
    /// The largest magnitude (`norm=inf` of librosa).
    #[default]
    Max,
    /// The smallest magnitude (`norm=-inf`).
    Min,
    /// `(Σ |x|^p)^(1/p)`, `p` above 0.
    Lp(f64),
    /// The number of elements that are not 0 (`norm=0`).
    Count,
}

impl VectorNorm {
    /// Checks the exponent.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless it is finite and above 0.
    pub fn validate(self) -> Result<()> {
        match self {
            Self::Lp(p) if !(p.is_finite() && p > 0.0) => Err(Error::OutOfRange {
                field: "norm",
                expected: "a finite exponent above 0",
                actual: p,
            }),
            _ => Ok(()),
        }
    }

    /// The length of a vector; 0 for an empty one.
    ///
    /// ```
    /// use mir_features::VectorNorm;
    /// assert_eq!(VectorNorm::Lp(2.0).length(&[3.0, -4.0]), 5.0);
    /// assert_eq!(VectorNorm::Max.length(&[3.0, -4.0]), 4.0);
    /// ```
    pub fn length(self, x: &[f32]) -> f64 {
        let magnitudes = x.iter().map(|&x| f64::from(x).abs());
        match self {
            Self::None => 1.0,
            Self::Max => magnitudes.fold(0.0, f64::max),
            Self::Min if x.is_empty() => 0.0,
            Self::Min => magnitudes.fold(f64::INFINITY, f64::min),
            Self::Lp(p) if (p - 1.0).abs() < f64::EPSILON => magnitudes.sum(),
            Self::Lp(p) if (p - 2.0).abs() < f64::EPSILON => {
                magnitudes.map(|x| x * x).sum::<f64>().sqrt()
            }
            Self::Lp(p) => magnitudes.map(|x| x.powf(p)).sum::<f64>().powf(p.recip()),
            Self::Count => magnitudes.filter(|&x| x > 0.0).count() as f64,
        }
    }

    /// Divides a vector by its length; vectors shorter than the smallest normal `f32` stay as they are.
    pub fn normalise(self, x: &mut [f32]) {
        let length = self.length(x);
        if length >= f64::from(f32::MIN_POSITIVE) {
            x.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
        }
    }

    /// Divides every frame of a map by its length.
    pub fn normalise_frames(self, map: &mut FeatureMap) {
        let mut frame = vec![0.0; map.bins()];
        for mut row in map.data.rows_mut() {
            frame.iter_mut().zip(&row).for_each(|(slot, &x)| *slot = x);
            self.normalise(&mut frame);
            row.iter_mut().zip(&frame).for_each(|(slot, &x)| *slot = x);
        }
    }
}

/// Which values share their statistics.
///
/// ```
/// use mir_features::{NormalizeScope, Normalizer, NormalizerConfig};
/// let per_bin = NormalizerConfig { scope: NormalizeScope::Bin, ..NormalizerConfig::default() };
/// assert!(Normalizer::new(per_bin).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormalizeScope {
    /// All.
    #[default]
    Global,
    /// Those of one channel.
    Channel,
    /// Those of one bin of one channel.
    Bin,
}

/// What is subtracted and divided by.
///
/// ```
/// use mir_features::{NormalizeKind, Normalizer, NormalizerConfig};
/// let to_one = NormalizerConfig { kind: NormalizeKind::Peak, ..NormalizerConfig::default() };
/// assert!(Normalizer::new(to_one).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormalizeKind {
    /// `(x − mean) / max(standard deviation, floor)`.
    #[default]
    Standard,
    /// `x − mean`.
    Mean,
    /// `(x − minimum) / max(maximum − minimum, floor)`.
    MinMax,
    /// `x / max(largest magnitude, floor)`.
    Peak,
}

/// How a recording's features should be normalised.
///
/// ```
/// use mir_features::{Normalizer, NormalizerConfig};
/// let config = NormalizerConfig { floor: 1e-6, ..NormalizerConfig::default() };
/// assert!(Normalizer::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NormalizerConfig {
    /// Which values share their statistics.
    pub scope: NormalizeScope,
    /// What is done with them.
    pub kind: NormalizeKind,
    /// Smallest number that is divided by, above 0.
    pub floor: f64,
}

impl Default for NormalizerConfig {
    /// Mean 0 and variance 1 over everything.
    fn default() -> Self {
        Self { scope: NormalizeScope::Global, kind: NormalizeKind::Standard, floor: 1e-8 }
    }
}

/// A planned normalisation of whole recordings.
///
/// ```
/// use mir_features::{
///     BinAxis, FeatureMap, FrameGrid, NormalizeScope, Normalizer, NormalizerConfig, SampleRate,
/// };
/// let normalizer = Normalizer::new(NormalizerConfig {
///     scope: NormalizeScope::Bin,
///     ..NormalizerConfig::default()
/// })?;
/// let mut map = FeatureMap {
///     grid: FrameGrid::new(SampleRate::HZ_16000, 512, 0)?,
///     axis: BinAxis::Values { name: "example".to_owned(), bins: 2 },
///     data: ndarray::array![[[1.0, 10.0], [3.0, 30.0]]],
/// };
/// normalizer.process_in_place(&mut map);
/// assert_eq!(map.data, ndarray::array![[[-1.0, -1.0], [1.0, 1.0]]]);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Normalizer {
    config: NormalizerConfig,
}

impl Normalizer {
    /// Validates the configuration.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for the floor.
    pub fn new(config: NormalizerConfig) -> Result<Self> {
        if !(config.floor.is_finite() && config.floor > 0.0) {
            return Err(Error::OutOfRange {
                field: "floor",
                expected: "a finite number above 0",
                actual: config.floor,
            });
        }
        Ok(Self { config })
    }

    /// The configuration.
    pub const fn config(&self) -> &NormalizerConfig {
        &self.config
    }

    /// Normalises a map in place; an empty one stays as it is.
    pub fn process_in_place(&self, map: &mut FeatureMap) {
        match self.config.scope {
            NormalizeScope::Global => self.values(&mut map.data),
            NormalizeScope::Channel => {
                map.data.outer_iter_mut().for_each(|mut channel| self.values(&mut channel));
            }
            NormalizeScope::Bin => {
                for mut channel in map.data.outer_iter_mut() {
                    for mut bin in channel.axis_iter_mut(Axis(1)) {
                        self.values(&mut bin);
                    }
                }
            }
        }
    }

    fn values<D: Dimension>(&self, values: &mut ArrayRef<f32, D>) {
        if values.is_empty() {
            return;
        }
        let n = values.len() as f64;
        let all = || values.iter().map(|&x| f64::from(x));
        let mean = all().sum::<f64>() / n;
        let (low, high) = all()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let (offset, scale) = match self.config.kind {
            NormalizeKind::Standard => {
                let variance = all().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
                (mean, variance.sqrt().max(self.config.floor))
            }
            NormalizeKind::Mean => (mean, 1.0),
            NormalizeKind::MinMax => (low, (high - low).max(self.config.floor)),
            NormalizeKind::Peak => (0.0, high.abs().max(low.abs()).max(self.config.floor)),
        };
        values.mapv_inplace(|x| ((f64::from(x) - offset) / scale) as f32);
    }
}

/// Mean and standard deviation of every bin, gathered over any number of recordings.
///
/// ```
/// use mir_features::BinStatistics;
/// let mut statistics = BinStatistics::new(2);
/// statistics.push(&ndarray::array![[1.0, 10.0], [3.0, 30.0]])?;
/// assert_eq!(statistics.mean(), [2.0, 20.0]);
/// assert_eq!(statistics.std(), [1.0, 10.0]);
/// let mut frame = [3.0, 20.0];
/// statistics.standardise(&mut frame, 1e-8);
/// assert_eq!(frame, [1.0, 0.0]);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BinStatistics {
    frames: u64,
    mean: Vec<f64>,
    /// Sum of squared distances from the mean.
    spread: Vec<f64>,
}

impl BinStatistics {
    /// Of no frames yet.
    pub fn new(bins: usize) -> Self {
        Self { frames: 0, mean: vec![0.0; bins], spread: vec![0.0; bins] }
    }

    /// Adds the frames of one channel, `[frames, bins]` (Welford 1962: one pass, no cancellation).
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of bins.
    pub fn push(&mut self, map: &ArrayRef2<f32>) -> Result<()> {
        if map.ncols() != self.mean.len() {
            return Err(Error::Shape {
                what: "feature",
                expected: vec![map.nrows(), self.mean.len()],
                actual: map.shape().to_vec(),
            });
        }
        for row in map.rows() {
            self.frames += 1;
            let n = self.frames as f64;
            Zip::from(&row).and(&mut self.mean[..]).and(&mut self.spread[..]).for_each(
                |&x, mean, spread| {
                    let difference = f64::from(x) - *mean;
                    *mean += difference / n;
                    *spread += difference * (f64::from(x) - *mean);
                },
            );
        }
        Ok(())
    }

    /// Number of frames so far.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Mean of every bin; 0 without frames.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Standard deviation of every bin, with the number of frames as divisor. Allocates.
    pub fn std(&self) -> Vec<f64> {
        let n = self.frames.max(1) as f64;
        self.spread.iter().map(|s| (s / n).sqrt()).collect()
    }

    /// `(x − mean) / max(standard deviation, floor)` of one frame.
    ///
    /// # Panics
    /// If the frame has another number of bins.
    pub fn standardise(&self, frame: &mut [f32], floor: f64) {
        assert_eq!(frame.len(), self.mean.len(), "bins of the frame");
        let n = self.frames.max(1) as f64;
        for ((x, mean), spread) in frame.iter_mut().zip(&self.mean).zip(&self.spread) {
            *x = ((f64::from(*x) - mean) / (spread / n).sqrt().max(floor)) as f32;
        }
    }
}
