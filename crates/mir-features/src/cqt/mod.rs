//! Constant-Q and variable-Q transforms: how much of each musical pitch is there, and when?
//!
//! # Conventions
//! Bin `k` is at `f_k = f_min·2^((k + tuning) / bins_per_octave)`. Its wavelet is a window of `L_k` samples
//! times a complex exponential, with `L_k` inversely proportional to the bandwidth
//! ([`CqtConfig::length`]); of its spectrum, frequencies below 0 Hz and above half the rate are left out.
//! Frame `n` is centred on sample `n·hop`; there are `1 + samples / hop` of them, and none of a recording
//! without samples. Any hop will do.
//!
//! # How a frame depends on time
//! A frame sees half of the longest wavelet's frame on either side and nothing else: that is a second or
//! more at 30 Hz. [`StreamingCqt`] gives the frames of the whole, bit for bit, that much later.
//!
//! # Differences from librosa
//! Definitions are those of librosa 0.11 (Schörkhuber and Klapuri 2010), sparsity included. librosa
//! thins out the signal before it designs the wavelets, so the rounding of their lengths depends on the
//! factors of two in the hop. By default ours are designed at the rate of the recording, which is what librosa
//! does for odd hops. [`CqtConfig::librosa`] follows its rates for all others, halves them by its resampler's filter,
//! and cuts frames where librosa does; `scripts/parity` finds them equal to 2e-5 of the largest value for any
//! sparsity, but for the ends: librosa resamples, mirrors and cuts off after thinning, and frames that see an end
//! differ by some hundredths, where ours see silence beyond it. librosa rounds frame counts up where the recording
//! ends less than a thinned sample before the next frame.
//!
//! Leaving out a share of a wavelet's spectrum (`sparsity`) spreads it over its whole frame, whose edges
//! then cut through it. [`WaveletRate::Full`] cuts at a lower rate than the design's, and that shows in
//! proportion to the share: less than 1e-4 of the largest value for sparsity 0, below 2e-2 for librosa's default
//! of 0.01. Neither is nearer to the wavelets in full: leaving out itself changes values by as much, in librosa
//! too. librosa holds its wavelets in single precision: once in some thousand bins, it leaves out one coefficient
//! more or less than its definition, which changes that bin by a thousandth.
//!
//! # Example
//! ```
//! use mir_features::{AudioBuffer, Cqt, CqtConfig, SampleRate};
//! # use std::f64::consts::TAU;
//! let cqt = Cqt::new(CqtConfig { hop: 1764, ..CqtConfig::default() })?;
//! let sine = |n| (TAU * 440.0 * f64::from(n) / 22050.0).sin() as f32;
//! let audio = AudioBuffer::mono(SampleRate::HZ_22050, (0..22050).map(sine).collect());
//! let map = cqt.process(&audio)?;
//! assert_eq!(map.data.dim(), (1, 13, 84));
//! // A sine of amplitude 1 gives half the square root of the wavelet's length.
//! assert!((map.data[(0, 6, 45)] - 0.5 * cqt.config().length(45).sqrt() as f32).abs() < 0.15);
//! # Ok::<(), mir_features::Error>(())
//! ```

mod bank;
mod config;
mod decimate;
mod hcqt;
mod inverse;
mod pseudo;
mod stream;
mod wavelet;

use std::ops::Range;

use mir_core::{AudioBuffer, Fingerprint, Fingerprinted, FrameGrid};
use mir_fft::num_complex::Complex;
use ndarray::{Array3, ArrayRef2, ArrayViewMut1, ArrayViewMut2, Axis};

pub use config::{CqtConfig, Gamma, WaveletRate};
pub use hcqt::{Hcqt, HcqtConfig};
pub use inverse::InverseCqt;
pub use pseudo::{HybridCqt, PseudoCqt, StreamingHybridCqt};
pub use stream::{StreamingCqt, StreamingHcqt};
pub use wavelet::WaveletNorm;

use self::bank::{Bank, Sink};
use crate::{BinAxis, FeatureMap, Result, Spectrum, extended::Extended, stft::check_audio};

/// Samples that are pushed at a time: they and what is made of them stay in the cache.
const CHUNK: i64 = 8192;
/// Frames that one thread computes at a time, at least.
const BLOCK: usize = 512;

/// A planned constant-Q or variable-Q transform. Can be shared between threads.
///
/// ```
/// use mir_features::{AudioBuffer, Cqt, CqtConfig};
/// let config = CqtConfig::default();
/// let (rate, bins) = (config.sample_rate, config.bins);
/// let second = AudioBuffer::silence(rate, 1, rate.hz() as usize)?;
/// let map = Cqt::new(config)?.process(&second)?;
/// assert_eq!((map.channels(), map.bins()), (1, bins));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Cqt {
    config: CqtConfig,
    fingerprint: Fingerprint,
    grid: FrameGrid,
    bank: Bank,
    /// First bin of each group.
    first_bins: Vec<usize>,
}

impl Cqt {
    /// Validates the configuration and designs the wavelets.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) for the first field that is not admissible,
    /// [`Error::InvalidBand`](crate::Error::InvalidBand) if the highest wavelet reaches past half the
    /// sample rate, [`Error::Core`](crate::Error::Core) for a hop of 0.
    pub fn new(config: CqtConfig) -> Result<Self> {
        let grid = FrameGrid::new(config.sample_rate, config.hop, 0)?;
        config.validate()?;
        let octaves = config.octaves();
        let designs = octaves.iter().map(|&octave| config.design(octave)).collect();
        Ok(Self {
            bank: Bank::new(config.hop, designs),
            fingerprint: config.fingerprint()?,
            grid,
            first_bins: octaves.iter().map(|octave| octave.first).collect(),
            config,
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &CqtConfig {
        &self.config
    }

    /// Identity of the configuration.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Time of the frames.
    pub const fn grid(&self) -> FrameGrid {
        self.grid
    }

    /// Meaning of the bins.
    pub fn axis(&self) -> BinAxis {
        self.config.axis()
    }

    /// Number of bins.
    pub const fn bins(&self) -> usize {
        self.config.bins
    }

    /// Number of frames of a recording of `samples` samples; 0 for none.
    pub fn frames(&self, samples: usize) -> usize {
        frames(samples, self.config.hop)
    }

    /// Samples before and after the middle of a frame on which it may depend.
    pub fn context(&self) -> usize {
        self.bank.context() as usize
    }

    /// The magnitudes of every channel, `[channels, frames, bins]`. Allocates; long recordings are spread
    /// over the threads of rayon's pool (feature `parallel`) with the same result.
    ///
    /// # Errors
    /// [`Error::SampleRate`](crate::Error::SampleRate) for audio of another rate,
    /// [`Error::Core`](crate::Error::Core) for samples that are not finite.
    pub fn process(&self, audio: &AudioBuffer) -> Result<FeatureMap> {
        check_audio(audio, self.config.sample_rate)?;
        let mut data = Array3::zeros((audio.channels(), self.frames(audio.len()), self.bins()));
        for (channel, map) in data.outer_iter_mut().enumerate() {
            self.fill_parallel::<Magnitude>(audio.channel(channel), map);
        }
        Ok(FeatureMap { grid: self.grid, axis: self.axis(), data })
    }

    /// The complex values of every channel, `[channels, frames, bins]`. Allocates.
    ///
    /// # Errors
    /// As [`process`](Self::process).
    pub fn spectrum(&self, audio: &AudioBuffer) -> Result<Spectrum> {
        check_audio(audio, self.config.sample_rate)?;
        let mut data = Array3::zeros((audio.channels(), self.frames(audio.len()), self.bins()));
        for (channel, map) in data.outer_iter_mut().enumerate() {
            self.fill_parallel::<Whole>(audio.channel(channel), map);
        }
        Ok(Spectrum { grid: self.grid, axis: self.axis(), data })
    }

    /// The magnitudes of one channel into `out`, `[frames, bins]`, on this thread.
    ///
    /// # Panics
    /// If `out` has another shape.
    pub fn process_into(&self, samples: &[f32], out: &mut ArrayRef2<f32>) {
        assert_eq!(out.dim(), (self.frames(samples.len()), self.bins()), "shape of the output");
        self.fill::<Magnitude>(samples, 0, out);
    }

    /// The magnitudes of some frames of a recording, with the samples that really surround them, into
    /// `out`, `[range, bins]`: equal to the same rows of the whole.
    ///
    /// # Panics
    /// If the range reaches past [`frames`](Self::frames), or `out` has another shape.
    pub fn process_frames(&self, samples: &[f32], range: Range<usize>, out: &mut ArrayRef2<f32>) {
        let frames = self.frames(samples.len());
        assert!(range.end <= frames, "frames {range:?} of a recording of {frames} frames");
        assert_eq!(out.dim(), (range.len(), self.bins()), "shape of the output");
        self.fill::<Magnitude>(samples, range.start, out);
    }

    fn fill_parallel<K: Kept>(&self, samples: &[f32], mut map: ArrayViewMut2<'_, K::Value>)
    where
        K::Value: Send,
    {
        let block = block_frames(&self.bank, self.config.hop);
        in_blocks(map.axis_chunks_iter_mut(Axis(0), block), |index, mut rows| {
            self.fill::<K>(samples, index * block, &mut rows);
        });
    }

    fn fill<K: Kept>(&self, samples: &[f32], first: usize, out: &mut ArrayRef2<K::Value>) {
        let source = Extended { samples, pad: self.config.pad };
        let frames = first..first + out.nrows();
        let mut rows = Rows::<K> { first, first_bins: &self.first_bins, out };
        run(&self.bank, source, self.config.hop, frames, &mut rows);
    }
}

/// Number of frames of a recording.
fn frames(samples: usize, hop: u32) -> usize {
    if samples == 0 { 0 } else { 1 + samples / hop as usize }
}

/// What of a complex value is kept.
trait Kept {
    type Value;
    /// Whether the phase matters.
    const PHASE: bool;
    fn keep(z: Complex<f32>, phase: Complex<f32>) -> Self::Value;
}

/// `|z|`, without the care for overflow that `hypot` takes.
struct Magnitude;

impl Kept for Magnitude {
    type Value = f32;
    const PHASE: bool = false;

    fn keep(z: Complex<f32>, _: Complex<f32>) -> f32 {
        z.norm_sqr().sqrt()
    }
}

/// The value as it is.
struct Whole;

impl Kept for Whole {
    type Value = Complex<f32>;
    const PHASE: bool = true;

    fn keep(z: Complex<f32>, phase: Complex<f32>) -> Complex<f32> {
        z * phase
    }
}

/// Frames of a block, so that the samples around it are less than half as many as those inside.
fn block_frames(bank: &Bank, hop: u32) -> usize {
    BLOCK.max((4 * bank.context() / i64::from(hop)) as usize)
}

/// Calls `work` with each block and its index, on one thread or on several.
#[cfg(feature = "parallel")]
fn in_blocks<I>(blocks: I, work: impl Fn(usize, I::Item) + Sync)
where
    I: ExactSizeIterator + Send,
    I::Item: Send,
{
    use rayon::iter::{ParallelBridge, ParallelIterator};
    if blocks.len() == 1 {
        blocks.enumerate().for_each(|(index, block)| work(index, block));
    } else {
        blocks.enumerate().par_bridge().for_each(|(index, block)| work(index, block));
    }
}

/// Calls `work` with each block and its index.
#[cfg(not(feature = "parallel"))]
fn in_blocks<I: Iterator>(blocks: I, work: impl Fn(usize, I::Item)) {
    blocks.enumerate().for_each(|(index, block)| work(index, block));
}

/// Computes frames of a recording.
fn run(bank: &Bank, source: Extended<'_>, hop: u32, frames: Range<usize>, sink: &mut impl Sink) {
    if frames.is_empty() {
        return;
    }
    let mut state = bank.state(frames.start);
    let end = bank.support(frames.end - 1).end;
    let chunk = CHUNK.max(8 * i64::from(hop));
    let mut samples = vec![];
    while state.next_frame() < frames.end {
        let from = state.position();
        samples.clear();
        source.read(from..(from + chunk).min(end), &mut samples);
        bank.push(&mut state, &samples);
        bank.pop(&mut state, frames.end, sink);
    }
}

/// Frames into the rows of a map.
struct Rows<'a, K: Kept> {
    first: usize,
    first_bins: &'a [usize],
    out: &'a mut ArrayRef2<K::Value>,
}

impl<K: Kept> Sink for Rows<'_, K> {
    fn take(
        &mut self,
        frame: usize,
        group: usize,
        bins: &[Complex<f32>],
        phase: &dyn Fn() -> Complex<f32>,
    ) {
        let mut row = self.out.row_mut(frame - self.first);
        put::<K>(&mut row, self.first_bins[group], bins, phase);
    }
}

/// Writes the bins of a group into a row.
fn put<K: Kept>(
    row: &mut ArrayViewMut1<'_, K::Value>,
    first: usize,
    bins: &[Complex<f32>],
    phase: &dyn Fn() -> Complex<f32>,
) {
    let phase = if K::PHASE { phase() } else { Complex::default() };
    if let Some(row) = row.as_slice_mut() {
        for (slot, &z) in row[first..first + bins.len()].iter_mut().zip(bins) {
            *slot = K::keep(z, phase);
        }
    } else {
        for (slot, &z) in row.iter_mut().skip(first).zip(bins) {
            *slot = K::keep(z, phase);
        }
    }
}
