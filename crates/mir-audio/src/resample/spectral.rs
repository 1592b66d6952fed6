//! The spectral method: rubato's synchronous FFT resampler, with blocks that keep time.
//!
//! # Method
//! Blocks are transformed, filtered (anti-aliasing below the lower of the two half rates) and
//! transformed back at the other length. The stop band lies below −120 dB.
//!
//! # Why an impulse keeps its time
//! The filter delays by half a block, which is a whole number of samples on both sides only if both
//! block lengths are even. With `g = gcd(from, to)`, `M = from / g`, `L = to / g` the blocks are
//! `2·k·M` and `2·k·L`, `k` a power of two (so that the transforms stay fast) with the longer block
//! between 2049 and 4096 samples where the rates allow it. Other block lengths shift the sound by up to
//! half a sample.

use rubato::{
    Fft, FixedSync, Resampler as _, WindowFunction, audioadapter_buffers::direct::SequentialSlice,
};

/// Longest block that `k` may lead to.
const MAX_BLOCK: usize = 4096;

/// Rates and block lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SpectralPlan {
    rates: (usize, usize),
    /// Input and output samples of a block.
    block: (usize, usize),
}

impl SpectralPlan {
    /// For rates that stand in the lowest terms `m` : `l`.
    pub(super) fn new(from: usize, to: usize, m: usize, l: usize) -> Self {
        let mut k = 1;
        while 2 * (2 * k) * m.max(l) <= MAX_BLOCK {
            k *= 2;
        }
        Self { rates: (from, to), block: (2 * k * m, 2 * k * l) }
    }
}

/// One channel.
#[derive(Debug)]
pub(super) struct SpectralStream {
    fft: Box<Fft<f32>>,
    block: (usize, usize),
    /// Input samples that do not make a block yet.
    pending: Vec<f32>,
    /// Room for one block of output.
    output: Vec<f32>,
    /// Output samples of the filter's delay, still to be dropped.
    delay: usize,
    /// Samples that went out.
    emitted: u64,
}

impl SpectralStream {
    pub(super) fn new(plan: SpectralPlan) -> Self {
        let SpectralPlan { rates, block } = plan;
        let fft = Fft::new_custom(
            rates.0,
            rates.1,
            block.0,
            1,
            1,
            WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .expect("rates and block length are not zero");
        Self {
            fft: Box::new(fft),
            block,
            pending: Vec::with_capacity(block.0),
            output: vec![0.0; block.1],
            delay: block.1 / 2,
            emitted: 0,
        }
    }

    pub(super) fn push(&mut self, mut x: &[f32], out: &mut Vec<f32>) {
        if !self.pending.is_empty() {
            let missing = (self.block.0 - self.pending.len()).min(x.len());
            let (now, later) = x.split_at(missing);
            self.pending.extend_from_slice(now);
            x = later;
            if self.pending.len() < self.block.0 {
                return;
            }
            self.transform(None);
            self.pending.clear();
            self.emit(u64::MAX, out);
        }
        let mut blocks = x.chunks_exact(self.block.0);
        for input in &mut blocks {
            self.transform(Some(input));
            self.emit(u64::MAX, out);
        }
        self.pending.extend_from_slice(blocks.remainder());
    }

    /// Appends what is missing to `total` samples: silence follows the end until everything is out.
    pub(super) fn finish(&mut self, total: u64, out: &mut Vec<f32>) {
        while self.emitted < total {
            self.pending.resize(self.block.0, 0.0);
            self.transform(None);
            self.pending.clear();
            self.emit(total, out);
        }
    }

    /// Transforms one block of input, by default the pending one, into `self.output`.
    fn transform(&mut self, input: Option<&[f32]>) {
        let input = input.unwrap_or(&self.pending);
        let output_len = self.output.len();
        let input = SequentialSlice::new(input, 1, input.len()).expect("one channel");
        let mut output =
            SequentialSlice::new_mut(&mut self.output, 1, output_len).expect("one channel");
        self.fft.process_into_buffer(&input, &mut output, None).expect("both hold one block");
    }

    /// Appends the transformed block, up to `total` samples in all.
    fn emit(&mut self, total: u64, out: &mut Vec<f32>) {
        let drop = self.delay.min(self.output.len());
        self.delay -= drop;
        let left = usize::try_from(total - self.emitted).unwrap_or(usize::MAX);
        let ready = &self.output[drop..];
        let ready = &ready[..ready.len().min(left)];
        out.extend_from_slice(ready);
        self.emitted += ready.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_even_on_both_sides() {
        for (m, l, block) in [
            (441, 160, (3528, 1280)),
            (3, 1, (3072, 1024)),
            (160, 441, (1280, 3528)),
            (1, 2, (2048, 4096)),
            (44_101, 16_000, (88_202, 32_000)),
        ] {
            assert_eq!(SpectralPlan::new(100 * m, 100 * l, m, l).block, block, "{m} to {l}");
        }
    }
}
