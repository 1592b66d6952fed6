//! Deltas: how fast does each bin of a feature change?
//!
//! The derivative of a polynomial fitted to `width` frames around each frame (Savitzky and Golay 1964), as
//! `librosa.feature.delta` has it: order 1 is the slope `Σ_j j·x[k + j] / Σ_j j²`, order 2 the curvature.

use std::collections::VecDeque;

use ndarray::{Array3, ArrayRef2};
use serde::{Deserialize, Serialize};

use crate::{Error, FeatureMap, Result};

/// What frames near the ends see beyond them.
///
/// ```
/// use mir_features::{Delta, DeltaConfig, DeltaEdge};
/// let config = DeltaConfig { edge: DeltaEdge::Nearest, ..DeltaConfig::default() };
/// assert!(Delta::new(config).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeltaEdge {
    /// Nothing: the polynomial of the first (last) `width` frames counts for them too. Needs that many.
    #[default]
    Interp,
    /// The first (last) frame, over and over.
    Nearest,
    /// The frames mirrored at the first (last), which is not repeated.
    Mirror,
    /// Zeros.
    Zero,
}

/// Which derivative should be computed.
///
/// ```
/// use mir_features::{Delta, DeltaConfig};
/// let config = DeltaConfig { width: 5, ..DeltaConfig::default() };
/// assert!(Delta::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeltaConfig {
    /// Frames that the polynomial is fitted to: odd, 3 to 1023, above `order`.
    pub width: usize,
    /// Order of the derivative and of the polynomial, 1 to 8.
    pub order: usize,
    /// What lies beyond the ends.
    pub edge: DeltaEdge,
}

impl Default for DeltaConfig {
    /// librosa's: the slope of 9 frames.
    fn default() -> Self {
        Self { width: 9, order: 1, edge: DeltaEdge::Interp }
    }
}

/// A planned derivative over time.
///
/// ```
/// use mir_features::{Delta, DeltaConfig};
/// let delta = Delta::new(DeltaConfig::default())?;
/// let ramp = ndarray::Array2::from_shape_fn((20, 1), |(frame, _)| 3.0 * frame as f32);
/// let mut slope = ndarray::Array2::zeros((20, 1));
/// delta.process_into(&ramp, &mut slope)?;
/// assert!(slope.iter().all(|y| (y - 3.0_f32).abs() < 1e-5));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Delta {
    config: DeltaConfig,
    /// Weight of each frame of the window, the earliest first.
    weights: Vec<f64>,
}

impl Delta {
    /// Validates the configuration and fits the weights.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a width or an order that is not admissible.
    pub fn new(config: DeltaConfig) -> Result<Self> {
        let DeltaConfig { width, order, .. } = config;
        if order == 0 || order > 8 {
            return Err(Error::OutOfRange {
                field: "order",
                expected: "1 to 8",
                actual: order as f64,
            });
        }
        if !(3..=1023).contains(&width) || width % 2 == 0 || width <= order {
            return Err(Error::OutOfRange {
                field: "width",
                expected: "an odd number from 3 to 1023, above the order",
                actual: width as f64,
            });
        }
        Ok(Self { weights: weights(width, order), config })
    }

    /// The configuration.
    pub const fn config(&self) -> &DeltaConfig {
        &self.config
    }

    /// The derivative of every channel and bin, for each frame, of the shape of `map`. Allocates.
    ///
    /// # Errors
    /// [`Error::TooShort`] for fewer frames than the width, with [`DeltaEdge::Interp`].
    pub fn process(&self, map: &FeatureMap) -> Result<FeatureMap> {
        let mut data = Array3::zeros(map.data.dim());
        for (map, mut out) in map.data.outer_iter().zip(data.outer_iter_mut()) {
            self.process_into(&map, &mut out)?;
        }
        Ok(FeatureMap { grid: map.grid, axis: map.axis.clone(), data })
    }

    /// The derivative of one channel `[frames, bins]` into `out`, of the same shape.
    ///
    /// # Errors
    /// As [`process`](Self::process).
    ///
    /// # Panics
    /// If `out` has another shape.
    pub fn process_into(&self, map: &ArrayRef2<f32>, out: &mut ArrayRef2<f32>) -> Result<()> {
        assert_eq!(out.dim(), map.dim(), "shape of the output");
        let frames = map.nrows();
        self.check_length(frames)?;
        for (frame, mut out) in out.rows_mut().into_iter().enumerate() {
            for (bin, slot) in out.iter_mut().enumerate() {
                *slot = self.value(frame, frames, |frame| map[(frame, bin)]);
            }
        }
        Ok(())
    }

    fn check_length(&self, frames: usize) -> Result<()> {
        if self.config.edge == DeltaEdge::Interp && frames < self.config.width {
            return Err(Error::TooShort {
                what: "frames for a delta",
                expected: self.config.width,
                actual: frames,
            });
        }
        Ok(())
    }

    /// The derivative at one frame of `frames`.
    fn value(&self, frame: usize, frames: usize, at: impl Fn(usize) -> f32) -> f32 {
        let (half, last) = (self.weights.len() as i64 / 2, frames as i64 - 1);
        let centre = match self.config.edge {
            // The derivative of order p of a polynomial of degree p is the same everywhere.
            DeltaEdge::Interp => (frame as i64).clamp(half, last - half),
            _ => frame as i64,
        };
        let term = |(weight, position): (&f64, i64)| {
            let position = match self.config.edge {
                DeltaEdge::Interp | DeltaEdge::Nearest => position.clamp(0, last),
                DeltaEdge::Zero if !(0..=last).contains(&position) => return 0.0,
                DeltaEdge::Zero => position,
                DeltaEdge::Mirror => mirrored(position, last),
            };
            weight * f64::from(at(position as usize))
        };
        self.weights.iter().zip(centre - half..).map(term).sum::<f64>() as f32
    }

    /// Starts a stream of frames with `bins` bins.
    pub fn stream(self, bins: usize) -> StreamingDelta {
        StreamingDelta {
            delta: self,
            bins,
            rows: VecDeque::new(),
            base: 0,
            next_frame: 0,
            finished: false,
        }
    }
}

/// Mirrors a position into `0..=last`, as often as it takes.
fn mirrored(position: i64, last: i64) -> i64 {
    if last == 0 {
        return 0;
    }
    let phase = position.rem_euclid(2 * last);
    if phase > last { 2 * last - phase } else { phase }
}

/// Least-squares weights of the derivative of order `order` in the middle of `width` points.
fn weights(width: usize, order: usize) -> Vec<f64> {
    // Normal equations in powers of u = j/half, which lie in −1..1 and keep them well conditioned.
    let half = (width / 2) as f64;
    let points: Vec<f64> = (0..width).map(|i| (i as f64 - half) / half).collect();
    let terms = order + 1;
    let moment = |p: usize| points.iter().map(|u| u.powi(p as i32)).sum::<f64>();
    let mut rows: Vec<Vec<f64>> = (0..terms)
        .map(|i| {
            let unit = (0..terms).map(|j| if i == j { 1.0 } else { 0.0 });
            (0..terms).map(|j| moment(i + j)).chain(unit).collect()
        })
        .collect();
    // Gauss–Jordan with pivots: small and symmetric positive definite.
    for column in 0..terms {
        let pivot = (column..terms)
            .max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))
            .unwrap_or(column);
        rows.swap(column, pivot);
        let scale = rows[column][column];
        rows[column].iter_mut().for_each(|x| *x /= scale);
        let pivot = rows[column].clone();
        for (other, row) in rows.iter_mut().enumerate() {
            if other != column {
                let factor = row[column];
                row.iter_mut().zip(&pivot).for_each(|(x, p)| *x -= factor * p);
            }
        }
    }
    let factorial: f64 = (1..=order).map(|i| i as f64).product();
    let scale = factorial / half.powi(order as i32);
    let inverse = &rows[order][terms..];
    let weight = |u: &f64| {
        scale * inverse.iter().enumerate().map(|(p, c)| c * u.powi(p as i32)).sum::<f64>()
    };
    points.iter().map(weight).collect()
}

/// Push frames, pop deltas: bit for bit those of [`Delta::process_into`] on the whole, half a width later.
///
/// With [`DeltaEdge::Interp`], a stream of fewer frames than the width has no deltas.
///
/// ```
/// use mir_features::{Delta, DeltaConfig};
/// let mut stream = Delta::new(DeltaConfig::default())?.stream(1);
/// (0..20).for_each(|frame| stream.push(&[2.0 * frame as f32]));
/// let mut slope = [0.0];
/// assert!(stream.pop_into(&mut slope));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct StreamingDelta {
    delta: Delta,
    bins: usize,
    /// The last rows, from frame `base` on.
    rows: VecDeque<Vec<f32>>,
    base: usize,
    next_frame: usize,
    finished: bool,
}

impl StreamingDelta {
    /// Adds the next frame.
    ///
    /// # Panics
    /// After [`finish`](Self::finish), or if the frame has another number of bins.
    pub fn push(&mut self, frame: &[f32]) {
        assert!(!self.finished, "frames after the end of the stream");
        assert_eq!(frame.len(), self.bins, "bins of the frame");
        // Up to a width before the next frame may still be seen; older rows are used again.
        let width = self.delta.config.width;
        let row = if self.rows.len() > 2 * width && self.next_frame > self.base + width {
            self.base += 1;
            self.rows.pop_front()
        } else {
            None
        };
        let mut row = row.unwrap_or_else(|| vec![0.0; self.bins]);
        row.copy_from_slice(frame);
        self.rows.push_back(row);
    }

    /// Says that no more frames follow.
    pub const fn finish(&mut self) {
        self.finished = true;
    }

    /// The deltas of the next frame into `out`, or `false` if the frames after it have not all arrived.
    ///
    /// # Panics
    /// If `out` has another number of bins.
    pub fn pop_into(&mut self, out: &mut [f32]) -> bool {
        assert_eq!(out.len(), self.bins, "bins of the output");
        let received = self.base + self.rows.len();
        let width = self.delta.config.width;
        let ready = if self.finished {
            self.next_frame < received && self.delta.check_length(received).is_ok()
        } else {
            self.next_frame + width / 2 < received && received >= width
        };
        if ready {
            for (bin, slot) in out.iter_mut().enumerate() {
                let at = |frame: usize| self.rows[frame - self.base][bin];
                *slot = self.delta.value(self.next_frame, received, at);
            }
            self.next_frame += 1;
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_differentiate_polynomials() {
        for order in 1..=4 {
            for width in [5, 9, 31] {
                let weights = weights(width, order);
                let half = width as f64 / 2.0 - 0.5;
                for power in 0..=order {
                    let values = (0..width).map(|i| (i as f64 - half).powi(power as i32));
                    let got: f64 = weights.iter().zip(values).map(|(w, x)| w * x).sum();
                    let factorial: f64 = (1..=order).map(|i| i as f64).product();
                    let expected = if power == order { factorial } else { 0.0 };
                    assert!((got - expected).abs() < 1e-8, "order {order}, width {width}: {got}");
                }
            }
        }
        assert!((weights(9, 1)[8] - 4.0 / 60.0).abs() < 1e-12);
    }

    #[test]
    fn positions_are_mirrored_as_often_as_it_takes() {
        let got: Vec<i64> = (-5..6).map(|position| mirrored(position, 2)).collect();
        assert_eq!(got, [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1]);
        assert_eq!(mirrored(7, 0), 0);
    }
}
