//! The windowed sinc of torchaudio, with its values.
//!
//! # Formula
//! With the rates in lowest terms `from : to`, base `b = min(from, to) · rolloff` and
//! `w = ⌈width · from / b⌉`, sample `n = q·to + p` of the result is
//!
//! ```text
//! y[n] = Σ_j x[q·from + j] · h(j / from − p / to),   −w <= j < w + from
//! h(t) = (b / from) · sinc(b·t) · window(b·t),       0 where |b·t| > width
//! ```
//!
//! and `x` is 0 outside the recording. Source: `torchaudio.functional.resample` (2.11), whose
//! `_get_sinc_resample_kernel` rounds `p / to` to single precision; so does this.
//!
//! # Cost
//! A phase keeps only the weights inside its window, about `2·width·from / b`, and not the whole row of
//! `2·w + from` that a strided convolution multiplies.

use crate::{Error, Result, SincWindow};

/// Weights of all phases together, at most: 128 MiB.
const MAX_WEIGHTS: usize = 32 << 20;

pub(super) fn validate(width: u32, rolloff: f64, window: SincWindow) -> Result<()> {
    let refuse = |field, expected, actual| Err(Error::OutOfRange { field, expected, actual });
    if !(1..=1024).contains(&width) {
        return refuse("lowpass_filter_width", "1 to 1024", f64::from(width));
    }
    if !(rolloff > 0.0 && rolloff <= 1.0) {
        return refuse("rolloff", "above 0 and at most 1", rolloff);
    }
    match window {
        SincWindow::Kaiser { beta } if !(0.0..=500.0).contains(&beta) => {
            refuse("beta", "0 to 500", beta)
        }
        _ => Ok(()),
    }
}

/// The weights of every phase.
#[derive(Clone, Debug)]
pub(super) struct SincTable {
    from: usize,
    to: usize,
    phases: Vec<Phase>,
    weights: Vec<f32>,
}

/// Weights `weights[at..at + count]` belong to the samples from `first` on, relative to `q·from`.
#[derive(Clone, Copy, Debug)]
struct Phase {
    first: i64,
    at: usize,
    count: usize,
}

impl SincTable {
    pub(super) fn new(
        from: usize,
        to: usize,
        width: u32,
        rolloff: f64,
        window: SincWindow,
    ) -> Result<Self> {
        let zeros = f64::from(width);
        let base = from.min(to) as f64 * rolloff;
        let reach = zeros * from as f64 / base;
        let needed = (2.0 * reach + 2.0) * to as f64;
        if needed > MAX_WEIGHTS as f64 {
            return Err(Error::OutOfRange {
                field: "number of filter weights",
                expected: "at most 33554432; choose a smaller width or rates with a common factor",
                actual: needed,
            });
        }
        let bound = reach.ceil() as i64;
        let mut table = Self { from, to, phases: Vec::with_capacity(to), weights: Vec::new() };
        for p in 0..to {
            // Single precision on purpose: see the formula.
            let shift = f64::from(p as f32 / to as f32);
            let centre = shift * from as f64;
            let first = ((centre - reach).floor() as i64).max(-bound);
            let last = ((centre + reach).ceil() as i64).min(bound + from as i64 - 1);
            let at = table.weights.len();
            for j in first..=last {
                let t = ((j as f64 / from as f64 - shift) * base).clamp(-zeros, zeros);
                let weight = sinc(t) * window.at(t, zeros) * base / from as f64;
                table.weights.push(weight as f32);
            }
            table.phases.push(Phase { first, at, count: table.weights.len() - at });
        }
        Ok(table)
    }

    /// The first sample that output `n` needs, and its weights.
    fn row(&self, n: u64) -> (i64, &[f32]) {
        let phase = self.phases[(n % self.to as u64) as usize];
        let block = (n / self.to as u64) as i64 * self.from as i64;
        (block + phase.first, &self.weights[phase.at..phase.at + phase.count])
    }
}

fn sinc(t: f64) -> f64 {
    let x = std::f64::consts::PI * t;
    if x.abs() > 0.0 { x.sin() / x } else { 1.0 }
}

impl SincWindow {
    /// The window at `t`, `|t| <= w`.
    fn at(self, t: f64, w: f64) -> f64 {
        match self {
            Self::Hann => (t * std::f64::consts::PI / w / 2.0).cos().powi(2),
            Self::Kaiser { beta } => {
                // The single precision of torchaudio's β.
                let beta = f64::from(beta as f32);
                bessel_i0(beta * (1.0 - (t / w).powi(2)).max(0.0).sqrt()) / bessel_i0(beta)
            }
        }
    }
}

/// Modified Bessel function of the first kind, order 0: `Σ ((x/2)^k / k!)²`.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    while term > sum * f64::EPSILON / 4.0 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

/// One channel.
#[derive(Debug)]
pub(super) struct SincStream {
    /// The last samples that came in, from sample `start` on.
    window: Vec<f32>,
    /// Index of the first sample of `window`; negative for the silence before the recording.
    start: i64,
    /// Samples that went out.
    emitted: u64,
}

impl SincStream {
    pub(super) fn new(table: &SincTable) -> Self {
        let earliest = table.phases.iter().map(|phase| phase.first).min().unwrap_or(0).min(0);
        Self { window: vec![0.0; earliest.unsigned_abs() as usize], start: earliest, emitted: 0 }
    }

    pub(super) fn push(&mut self, table: &SincTable, x: &[f32], out: &mut Vec<f32>) {
        self.window.extend_from_slice(x);
        self.emit(table, u64::MAX, out);
        // Samples before the next output's first are not needed any more. Moving the rest to the front
        // pays once the free part is the longer one.
        let (next, _) = table.row(self.emitted);
        let free = usize::try_from(next - self.start).unwrap_or(0).min(self.window.len());
        if free > self.window.len() / 2 {
            self.window.drain(..free);
            self.start += free as i64;
        }
    }

    /// Appends what is missing to `total` samples: silence follows the end.
    pub(super) fn finish(&mut self, table: &SincTable, total: u64, out: &mut Vec<f32>) {
        if let Some(last) = total.checked_sub(1) {
            let (first, weights) = table.row(last);
            let needed = usize::try_from(first + weights.len() as i64 - self.start).unwrap_or(0);
            if needed > self.window.len() {
                self.window.resize(needed, 0.0);
            }
        }
        self.emit(table, total, out);
    }

    fn emit(&mut self, table: &SincTable, total: u64, out: &mut Vec<f32>) {
        while self.emitted < total {
            let (first, weights) = table.row(self.emitted);
            let at = usize::try_from(first - self.start).expect("the window begins early enough");
            let Some(x) = self.window.get(at..at + weights.len()) else { return };
            out.push(dot(x, weights));
            self.emitted += 1;
        }
    }
}

/// Eight sums side by side, so that the compiler can use vectors.
fn dot(x: &[f32], y: &[f32]) -> f32 {
    let (x8, y8) = (x.chunks_exact(8), y.chunks_exact(8));
    let rest: f32 = x8.remainder().iter().zip(y8.remainder()).map(|(x, y)| x * y).sum();
    let mut sums = [0.0_f32; 8];
    for (x, y) in x8.zip(y8) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    rest + sums.iter().sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bessel_function_has_its_known_values() {
        // Abramowitz & Stegun, table 9.8.
        for (x, expected) in [(0.0, 1.0), (1.0, 1.266_065_877_752), (5.0, 27.239_871_823_604)] {
            assert!((bessel_i0(x) / expected - 1.0).abs() < 1e-12, "I0({x})");
        }
    }

    #[test]
    fn a_table_that_would_fill_the_memory_is_refused() {
        let error = SincTable::new(999_983, 999_979, 1024, 0.99, SincWindow::Hann).unwrap_err();
        assert!(matches!(error, Error::OutOfRange { field: "number of filter weights", .. }));
    }
}
