//! Bands of a spectrum: each a weighted sum of neighbouring bins.

use std::ops::Range;

/// Weights of bands, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bands {
    /// The first bin of each band, and its weights.
    ranges: Vec<(usize, Range<usize>)>,
    weights: Vec<f32>,
}

impl Bands {
    /// Adds a band that begins at a bin.
    pub(crate) fn push(&mut self, first: usize, weights: impl IntoIterator<Item = f64>) {
        let from = self.weights.len();
        self.weights.extend(weights.into_iter().map(|w| w as f32));
        self.ranges.push((first, from..self.weights.len()));
    }

    /// Number of bands.
    pub(crate) const fn len(&self) -> usize {
        self.ranges.len()
    }

    /// The sum of each band, as many as `out` has elements.
    pub(crate) fn sum_into(&self, spectrum: &[f32], out: &mut [f32]) {
        for (slot, (first, range)) in out.iter_mut().zip(&self.ranges) {
            let weights = &self.weights[range.clone()];
            *slot = weights.iter().zip(&spectrum[*first..]).map(|(w, x)| w * x).sum();
        }
    }
}
