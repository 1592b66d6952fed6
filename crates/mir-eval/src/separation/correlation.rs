//! Correlations at short lags of long signals, in blocks that fit the cache.

use mir_fft::RealPlanner64;

use super::{
    signals::Channel,
    spectra::{BATCH, Fft, Spectra, add_cross_spectra},
};

/// Length of the transforms for signals of `samples` and filters of `taps`: long enough that the overlap
/// of `taps − 1` samples costs little, short enough for the cache.
pub(super) fn block_len(samples: usize, taps: usize) -> usize {
    let taps = taps.next_power_of_two().max(16);
    samples.saturating_add(taps).next_power_of_two().clamp(4 * taps, 16 * taps)
}

/// `out[(l·R + r)·taps + τ] = Σ_u left_l(u)·right_r(u + τ)` for `0 ≤ τ < taps`, over `samples` samples.
///
/// A block of the left signal, followed by zeros, meets the same block of the right one with the next
/// `taps − 1` samples, so that no product is missed at a border and none wraps around. Only one inverse
/// transform a pair is needed, at the end.
pub(super) fn correlate(
    planner: &mut RealPlanner64,
    left: &[Channel<'_>],
    right: &[Channel<'_>],
    samples: usize,
    taps: usize,
) -> Vec<f64> {
    let len = block_len(samples, taps);
    let hop = len - taps + 1;
    let mut fft = Fft::new(planner, len);
    let mut left_spectra = Spectra::zeros(len, left.len(), BATCH);
    let mut right_spectra = Spectra::zeros(len, right.len(), BATCH);
    let mut sums = Spectra::zeros(len, left.len() * right.len(), 1);
    for first in (0..samples).step_by(hop * BATCH) {
        for block in 0..BATCH {
            // Blocks past the end are zero and add nothing.
            let start = (first + block * hop) as isize;
            for (i, channel) in left.iter().enumerate() {
                channel.read(start, &mut fft.time[..hop]);
                fft.time[hop..].fill(0.0);
                fft.forward(&mut left_spectra, i, block);
            }
            for (i, channel) in right.iter().enumerate() {
                channel.read(start, &mut fft.time);
                fft.forward(&mut right_spectra, i, block);
            }
        }
        add_cross_spectra(&left_spectra, &right_spectra, &mut sums);
    }
    let scale = 1.0 / len as f64;
    let mut out = Vec::with_capacity(left.len() * right.len() * taps);
    for pair in 0..left.len() * right.len() {
        fft.inverse(&sums, pair, 0);
        out.extend(fft.time[..taps].iter().map(|x| x * scale));
    }
    out
}
