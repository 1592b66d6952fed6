//! What does a threshold trade?

use serde::{Deserialize, Serialize};

use crate::{Counts, Error, Result};

/// What was found at one threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdCounts {
    /// The threshold.
    pub threshold: f64,
    /// Matched, reference and estimated notes.
    pub counts: Counts,
}

/// Precision and recall over thresholds.
///
/// The notes of all pieces count as one list (pooled counts): at thresholds where a piece has no estimate its
/// own precision would be undefined.
///
/// ```
/// use mir_eval::Counts;
/// use mir_eval::analysis::{PrecisionRecall, ThresholdCounts};
/// let at = |threshold, matched, estimated| ThresholdCounts {
///     threshold,
///     counts: Counts { matched, reference: 10, estimated },
/// };
/// let curve = PrecisionRecall::new([[at(0.3, 8, 16), at(0.5, 7, 8), at(0.7, 3, 3)]])?;
/// assert_eq!(curve.best().unwrap().threshold, 0.5);
/// assert_eq!(curve.points()[0].counts.recall(), Some(0.8));
/// # Ok::<(), mir_eval::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrecisionRecall {
    points: Vec<ThresholdCounts>,
}

impl PrecisionRecall {
    /// The curve of several pieces, each with one entry for each of the same thresholds, in any order.
    ///
    /// # Errors
    /// [`Error::Config`] for a threshold that is not finite, comes twice, or is not there for every piece.
    pub fn new<P>(pieces: impl IntoIterator<Item = P>) -> Result<Self>
    where
        P: IntoIterator<Item = ThresholdCounts>,
    {
        let wrong = |expected, actual| Err(Error::Config { field: "threshold", expected, actual });
        let mut pooled: Option<Vec<ThresholdCounts>> = None;
        for piece in pieces {
            let mut piece: Vec<ThresholdCounts> = piece.into_iter().collect();
            piece.sort_by(|a, b| a.threshold.total_cmp(&b.threshold));
            if let Some(bad) = piece.iter().find(|p| !p.threshold.is_finite()) {
                return wrong("finite", bad.threshold);
            }
            if let Some(pair) = piece.windows(2).find(|p| p[0].threshold >= p[1].threshold) {
                return wrong("once a piece", pair[0].threshold);
            }
            let Some(sum) = &mut pooled else {
                pooled = Some(piece);
                continue;
            };
            let same = |(a, b): (&ThresholdCounts, &ThresholdCounts)| {
                a.threshold.total_cmp(&b.threshold).is_eq()
            };
            if sum.len() != piece.len() || !sum.iter().zip(&piece).all(same) {
                return wrong(
                    "the same for every piece",
                    piece.first().map_or(0.0, |p| p.threshold),
                );
            }
            sum.iter_mut()
                .zip(&piece)
                .for_each(|(sum, more)| sum.counts = sum.counts + more.counts);
        }
        Ok(Self { points: pooled.unwrap_or_default() })
    }

    /// The counts by threshold, ascending.
    pub fn points(&self) -> &[ThresholdCounts] {
        &self.points
    }

    /// The threshold with the largest F1, the lowest of equal ones; none without a note.
    pub fn best(&self) -> Option<&ThresholdCounts> {
        let f1 = |p: &ThresholdCounts| p.counts.f1();
        let defined = self.points.iter().filter(|p| f1(p).is_some());
        defined.reduce(|best, point| if f1(point) > f1(best) { point } else { best })
    }

    /// The threshold that lies nearest to a value, the lower of two; none without any.
    pub fn nearest(&self, threshold: f64) -> Option<&ThresholdCounts> {
        let distance = |p: &ThresholdCounts| (p.threshold - threshold).abs();
        self.points.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }
}
