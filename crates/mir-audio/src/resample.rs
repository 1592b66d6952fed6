//! Resampling: the same sound at another rate, at the same time.
//!
//! # Method
//! Blocks are transformed, filtered (anti-aliasing below the lower of the two half rates) and
//! transformed back at the other length: rubato's synchronous FFT resampler. The stop band lies below
//! −120 dB.
//!
//! # Why an impulse keeps its time
//! The filter delays by half a block, which is a whole number of samples on both sides only if both
//! block lengths are even. With `g = gcd(from, to)`, `M = from / g`, `L = to / g` the blocks are
//! `2·k·M` and `2·k·L`, `k` a power of two (so that the transforms stay fast) with the longer block
//! between 2049 and 4096 samples where the rates allow it. Other block lengths shift the sound by up to
//! half a sample.

use mir_core::{AudioBuffer, SampleRate};
use rubato::{
    Fft, FixedSync, Resampler as _, WindowFunction, audioadapter_buffers::direct::SequentialSlice,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Longest block that `k` may lead to.
const MAX_BLOCK: usize = 4096;
/// Highest rate on either side: beyond it, rates without a common factor need blocks of gigabytes.
const MAX_RATE: u32 = 1_000_000;

/// From which rate to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResampleConfig {
    /// Rate of the input.
    pub from: SampleRate,
    /// Rate of the output.
    pub to: SampleRate,
}

/// A resampler between two rates.
///
/// `n` samples become `⌈n · to / from⌉`.
///
/// ```
/// use mir_audio::{AudioBuffer, ResampleConfig, Resampler, SampleRate};
/// let config = ResampleConfig { from: SampleRate::HZ_44100, to: SampleRate::HZ_16000 };
/// let audio = AudioBuffer::silence(SampleRate::HZ_44100, 2, 44_101)?;
/// let resampled = Resampler::new(config)?.process(&audio)?;
/// assert_eq!((resampled.channels(), resampled.len()), (2, 16_001));
/// # Ok::<(), mir_audio::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Resampler {
    config: ResampleConfig,
    /// Input and output samples of a block.
    block: (usize, usize),
}

impl Resampler {
    /// Checks the rates and chooses the block length.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a rate above 1 MHz.
    pub fn new(config: ResampleConfig) -> Result<Self> {
        for (field, rate) in [("from", config.from), ("to", config.to)] {
            if rate.hz() > MAX_RATE {
                return Err(Error::OutOfRange {
                    field,
                    expected: "at most 1000000 Hz",
                    actual: f64::from(rate.hz()),
                });
            }
        }
        let (from, to) = (config.from.hz() as usize, config.to.hz() as usize);
        let divisor = gcd(from, to);
        let (m, l) = (from / divisor, to / divisor);
        let mut k = 1;
        while 2 * (2 * k) * m.max(l) <= MAX_BLOCK {
            k *= 2;
        }
        Ok(Self { config, block: (2 * k * m, 2 * k * l) })
    }

    /// The configuration.
    pub const fn config(&self) -> &ResampleConfig {
        &self.config
    }

    /// Number of samples that `samples` samples become: `⌈samples · to / from⌉`.
    pub fn output_len(&self, samples: u64) -> u64 {
        let product = u128::from(samples) * u128::from(self.config.to.hz());
        u64::try_from(product.div_ceil(u128::from(self.config.from.hz()))).unwrap_or(u64::MAX)
    }

    /// The whole of `audio` at the other rate. Allocates.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the audio does not have the rate `from`.
    pub fn process(&self, audio: &AudioBuffer) -> Result<AudioBuffer> {
        if audio.sample_rate() != self.config.from {
            return Err(Error::Mismatch {
                field: "sample rate in Hz",
                expected: u64::from(self.config.from.hz()),
                actual: u64::from(audio.sample_rate().hz()),
            });
        }
        let length = self.output_len(audio.len() as u64) as usize;
        let mut out = vec![Vec::with_capacity(length + self.block.1); audio.channels()];
        for (channel, out) in out.iter_mut().enumerate() {
            // One channel at a time: its block stays in the cache.
            let mut stream = StreamingResampler::new(*self, 1);
            let out = std::slice::from_mut(out);
            stream.push(&[audio.channel(channel)], out);
            stream.finish(out);
        }
        into_buffer(self.config.to, out)
    }

    /// A resampler for audio of `channels` channels that comes in pieces.
    pub fn streaming(&self, channels: usize) -> StreamingResampler {
        StreamingResampler::new(*self, channels)
    }
}

/// Resamples audio that comes in pieces: the result does not depend on how it was cut.
#[derive(Debug)]
pub struct StreamingResampler {
    resampler: Resampler,
    channels: Vec<Channel>,
    /// Samples of each channel that came in.
    received: u64,
    /// Samples of each channel that went out.
    emitted: u64,
    /// Output samples of the filter's delay, still to be dropped.
    delay: usize,
}

#[derive(Debug)]
struct Channel {
    /// `None` if the rates are equal: nothing is to be done.
    fft: Option<Box<Fft<f32>>>,
    /// Input samples that do not make a block yet.
    pending: Vec<f32>,
    /// Room for one block of output.
    output: Vec<f32>,
}

impl Channel {
    fn new(block: (usize, usize), config: ResampleConfig) -> Self {
        let plan = || {
            Fft::new_custom(
                config.from.hz() as usize,
                config.to.hz() as usize,
                block.0,
                1,
                1,
                WindowFunction::BlackmanHarris2,
                FixedSync::Both,
            )
            .expect("rates and block length are not zero")
        };
        Self {
            fft: (config.from != config.to).then(|| Box::new(plan())),
            pending: Vec::with_capacity(block.0),
            output: vec![0.0; block.1],
        }
    }

    /// Transforms one block of input into `self.output`.
    fn transform(&mut self, input: Option<&[f32]>) {
        let Some(fft) = &mut self.fft else { return };
        let input = input.unwrap_or(&self.pending);
        let output_len = self.output.len();
        let input = SequentialSlice::new(input, 1, input.len()).expect("one channel");
        let mut output =
            SequentialSlice::new_mut(&mut self.output, 1, output_len).expect("one channel");
        fft.process_into_buffer(&input, &mut output, None).expect("both buffers hold one block");
    }
}

impl StreamingResampler {
    fn new(resampler: Resampler, channels: usize) -> Self {
        let channel = |_| Channel::new(resampler.block, resampler.config);
        Self {
            resampler,
            channels: (0..channels).map(channel).collect(),
            received: 0,
            emitted: 0,
            delay: resampler.block.1 / 2,
        }
    }

    /// Takes one slice a channel, all of the same length, and appends what is ready to `out`.
    ///
    /// # Panics
    /// If the number of channels is another, or the slices differ in length.
    pub fn push<C: AsRef<[f32]>>(&mut self, input: &[C], out: &mut [Vec<f32>]) {
        assert_eq!(input.len(), self.channels.len(), "input channels");
        assert_eq!(out.len(), self.channels.len(), "output channels");
        let length = input.first().map_or(0, |x| x.as_ref().len());
        self.received += length as u64;
        if self.is_identity() {
            for (x, out) in input.iter().zip(out) {
                assert_eq!(x.as_ref().len(), length, "length of the channels");
                out.extend_from_slice(x.as_ref());
            }
            return;
        }
        let block = self.resampler.block.0;
        let mut skip = self.delay;
        for ((channel, x), out) in self.channels.iter_mut().zip(input).zip(out) {
            let mut x = x.as_ref();
            assert_eq!(x.len(), length, "length of the channels");
            skip = self.delay;
            let mut emit = |output: &[f32]| {
                let drop = skip.min(output.len());
                skip -= drop;
                out.extend_from_slice(&output[drop..]);
            };
            if !channel.pending.is_empty() {
                let missing = (block - channel.pending.len()).min(x.len());
                let (now, later) = x.split_at(missing);
                channel.pending.extend_from_slice(now);
                x = later;
                if channel.pending.len() < block {
                    continue;
                }
                channel.transform(None);
                channel.pending.clear();
                emit(&channel.output);
            }
            let mut blocks = x.chunks_exact(block);
            for input in &mut blocks {
                channel.transform(Some(input));
                emit(&channel.output);
            }
            channel.pending.extend_from_slice(blocks.remainder());
        }
        let blocks = self.received / block as u64;
        self.delay = skip;
        self.emitted = (blocks * self.resampler.block.1 as u64)
            .saturating_sub(self.resampler.block.1 as u64 / 2);
    }

    /// Appends the rest, which the filter still held back, to `out`, and starts anew.
    ///
    /// # Panics
    /// If `out` has another number of channels.
    pub fn finish(&mut self, out: &mut [Vec<f32>]) {
        assert_eq!(out.len(), self.channels.len(), "output channels");
        let mut total = self.resampler.output_len(self.received);
        if self.is_identity() {
            total = 0;
        }
        for (channel, out) in self.channels.iter_mut().zip(out) {
            let (mut left, mut skip) = (total.saturating_sub(self.emitted) as usize, self.delay);
            // Silence follows the end until everything is out.
            while left > 0 {
                channel.pending.resize(self.resampler.block.0, 0.0);
                channel.transform(None);
                channel.pending.clear();
                let drop = skip.min(channel.output.len());
                skip -= drop;
                let now = left.min(channel.output.len() - drop);
                out.extend_from_slice(&channel.output[drop..drop + now]);
                left -= now;
            }
        }
        *self = Self::new(self.resampler, self.channels.len());
    }

    fn is_identity(&self) -> bool {
        self.resampler.config.from == self.resampler.config.to
    }
}

/// Channels of equal length as a buffer; one channel is not copied.
pub(crate) fn into_buffer(rate: SampleRate, mut channels: Vec<Vec<f32>>) -> Result<AudioBuffer> {
    match channels.as_mut_slice() {
        [mono] => Ok(AudioBuffer::mono(rate, std::mem::take(mono))),
        channels => Ok(AudioBuffer::from_channels(rate, channels)?),
    }
}

fn gcd(mut a: usize, mut b: usize) -> usize {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_even_on_both_sides() {
        for (from, to, block) in [
            (44_100, 16_000, (3528, 1280)),
            (48_000, 16_000, (3072, 1024)),
            (16_000, 44_100, (1280, 3528)),
            (22_050, 44_100, (2048, 4096)),
            (44_101, 16_000, (88_202, 32_000)),
        ] {
            let config = ResampleConfig {
                from: SampleRate::new(from).unwrap(),
                to: SampleRate::new(to).unwrap(),
            };
            assert_eq!(Resampler::new(config).unwrap().block, block, "{from} to {to}");
        }
    }
}
