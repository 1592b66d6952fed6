//! Inverse short-time Fourier transform: from a spectrum, changed or not, back to samples.
//!
//! `y[n] = Σ_k w[n − s_k]·x_k[n − s_k] / Σ_k w²[n − s_k]` with the inverse transforms `x_k` of the frames and
//! their starts `s_k`: the signal whose transform is nearest to the given one in the least-squares sense
//! (Griffin and Lim 1984, equation 6). Transform and inverse are the identity wherever the squared windows
//! do not sum to 0.
//!
//! # Differences from librosa and PyTorch
//! Where the squared windows sum to less than [`IstftConfig::norm_floor`] of their largest sum, the sum is
//! taken as it is. librosa divides by any number above 1e-38, which turns rounding errors into noise at the
//! ends of uncentred transforms; PyTorch refuses such settings.

use mir_core::AudioBuffer;
use mir_fft::num_complex::Complex;
use ndarray::{Array2, ArrayRef2};
use serde::{Deserialize, Serialize};

use crate::{
    Error, FrameLayout, Framing, Result, Spectrum, StftConfig,
    spectrum::{InverseFrameFft, InverseScratch},
};

/// How a transform should be undone.
///
/// ```
/// use mir_features::{Istft, IstftConfig, SampleRate, StftConfig};
/// let stft = StftConfig::librosa(SampleRate::HZ_44100);
/// assert!(Istft::new(IstftConfig { stft, ..IstftConfig::default() }).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IstftConfig {
    /// The transform that is undone.
    pub stft: StftConfig,
    /// Share of the largest sum of squared windows below which a sum is not divided by, 0 to 1.
    pub norm_floor: f64,
}

impl Default for IstftConfig {
    /// Of the default transform, with a floor of 1e-8.
    fn default() -> Self {
        Self { stft: StftConfig::default(), norm_floor: 1e-8 }
    }
}

/// A planned inverse transform.
///
/// ```
/// use mir_features::{AudioBuffer, Istft, IstftConfig, SampleRate, Stft, StftConfig};
/// let stft = StftConfig::default();
/// let audio = AudioBuffer::mono(SampleRate::HZ_16000, (0..5000).map(|n| (n as f32).sin()).collect());
/// let spectrum = Stft::new(stft.clone())?.spectrum(&audio)?;
/// let istft = Istft::new(IstftConfig { stft, ..Default::default() })?;
/// let back = istft.process(&spectrum, Some(audio.len()))?;
/// for (a, b) in audio.channel(0).iter().zip(back.channel(0)) {
///     assert!((a - b).abs() < 1e-5);
/// }
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct Istft {
    config: IstftConfig,
    framing: Framing,
    fft: InverseFrameFft,
    /// Window of the synthesis, with the scale of transform and inverse.
    window: Vec<f32>,
    /// `w²` of the plain window.
    squared: Vec<f64>,
    /// One over the sum of squared windows in the middle of a recording, for each position in a hop.
    steady: Vec<f32>,
    /// Smallest sum that is divided by.
    floor: f64,
}

impl Istft {
    /// Validates the configuration and plans the inverse.
    ///
    /// # Errors
    /// As [`StftConfig::validate`]; [`Error::OutOfRange`] for the floor.
    pub fn new(config: IstftConfig) -> Result<Self> {
        config.stft.validate()?;
        if !(0.0..=1.0).contains(&config.norm_floor) {
            return Err(Error::OutOfRange {
                field: "norm_floor",
                expected: "0 to 1",
                actual: config.norm_floor,
            });
        }
        let (n_fft, hop) = (config.stft.n_fft, config.stft.hop as usize);
        let plain = config.stft.frame_window();
        // Of the inverse transform (1/n) and of the forward scale.
        let factor = 1.0 / (config.stft.factor() * n_fft as f64);
        let squared: Vec<f64> = plain.iter().map(|w| w * w).collect();
        let sums: Vec<f64> =
            (0..hop).map(|r| squared[r.min(n_fft)..].iter().step_by(hop).sum()).collect();
        let largest = sums.iter().copied().fold(0.0, f64::max);
        let floor = (config.norm_floor * largest).max(f64::from(f32::MIN_POSITIVE));
        let divide = |sum: f64| if sum > floor { sum.recip() as f32 } else { 1.0 };
        Ok(Self {
            framing: config.stft.framing()?,
            fft: InverseFrameFft::new(n_fft),
            window: plain.iter().map(|w| (w * factor) as f32).collect(),
            steady: sums.iter().map(|&sum| divide(sum)).collect(),
            squared,
            floor,
            config,
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &IstftConfig {
        &self.config
    }

    /// Smallest sum of squared windows that is divided by.
    pub(crate) const fn floor(&self) -> f64 {
        self.floor
    }

    /// Samples that `frames` frames cover: up to the middle of the last frame for centred ones, to its
    /// end for the others.
    pub fn samples(&self, frames: usize) -> usize {
        let Some(last) = frames.checked_sub(1) else { return 0 };
        let end = self.framing.start(last) + self.config.stft.n_fft as i64;
        let end = match self.framing.layout() {
            FrameLayout::Centred | FrameLayout::Started => end - self.config.stft.n_fft as i64 / 2,
            _ => end,
        };
        usize::try_from(end).unwrap_or(0)
    }

    /// The samples of every channel: `length` of them, or as many as the frames cover
    /// ([`samples`](Self::samples)). What no frame covers is 0. Allocates.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of bins.
    pub fn process(&self, spectrum: &Spectrum, length: Option<usize>) -> Result<AudioBuffer> {
        let (channels, frames, bins) = spectrum.data.dim();
        self.check_bins(bins, frames)?;
        let mut samples = Array2::zeros((channels, length.unwrap_or(self.samples(frames))));
        for (spectrum, mut out) in spectrum.data.outer_iter().zip(samples.rows_mut()) {
            self.process_into(&spectrum, out.as_slice_mut().expect("rows are contiguous"));
        }
        Ok(AudioBuffer::new(self.config.stft.sample_rate, samples)?)
    }

    fn check_bins(&self, bins: usize, frames: usize) -> Result<()> {
        let expected = self.squared.len() / 2 + 1;
        if bins == expected {
            return Ok(());
        }
        Err(Error::Shape {
            what: "spectrum",
            expected: vec![frames, expected],
            actual: vec![frames, bins],
        })
    }

    /// The samples of one channel `[frames, n_fft / 2 + 1]`, as many as `out` has.
    ///
    /// # Panics
    /// If the spectrum has another number of bins.
    pub fn process_into(&self, spectrum: &ArrayRef2<Complex<f32>>, out: &mut [f32]) {
        assert_eq!(spectrum.ncols(), self.squared.len() / 2 + 1, "bins of the spectrum");
        out.fill(0.0);
        let mut scratch = self.fft.scratch();
        let mut row = vec![Complex::default(); spectrum.ncols()];
        for (frame, spectrum) in spectrum.rows().into_iter().enumerate() {
            let start = self.framing.start(frame);
            if start >= out.len() as i64 {
                break;
            }
            let spectrum = match spectrum.as_slice() {
                Some(spectrum) => spectrum,
                None => {
                    row.iter_mut().zip(&spectrum).for_each(|(slot, &c)| *slot = c);
                    &row
                }
            };
            self.add(spectrum, start, 0, out, &mut scratch);
        }
        self.normalise(0, spectrum.nrows(), out);
    }

    /// Adds the windowed inverse of a frame that starts at sample `start` to `out`, which starts at sample
    /// `base`.
    fn add(
        &self,
        spectrum: &[Complex<f32>],
        start: i64,
        base: i64,
        out: &mut [f32],
        scratch: &mut InverseScratch,
    ) {
        let pairs = self.fft.samples(spectrum, scratch);
        let offset = start - base;
        let whole = usize::try_from(offset)
            .ok()
            .and_then(|first| out.get_mut(first..)?.get_mut(..self.window.len()));
        if let Some(out) = whole {
            let pairs = pairs.iter().zip(self.window.as_chunks::<2>().0);
            for ([even, odd], (z, w)) in out.as_chunks_mut::<2>().0.iter_mut().zip(pairs) {
                *even += z.re * w[0];
                *odd += z.im * w[1];
            }
            return;
        }
        let skipped = usize::try_from(-offset).unwrap_or(0);
        let first = usize::try_from(offset).unwrap_or(0).min(out.len());
        let frame = pairs.iter().flat_map(|z| [z.re, z.im]).zip(&self.window).skip(skipped);
        for (slot, (x, &w)) in out[first..].iter_mut().zip(frame) {
            *slot += x * w;
        }
    }

    /// Divides the samples from `base` on by the sum of squared windows of the frames `0..frames`.
    fn normalise(&self, base: usize, frames: usize, out: &mut [f32]) {
        let (n, hop) = (self.squared.len() as i64, self.framing.hop() as i64);
        let base = base as i64 - self.framing.start(0);
        let end = base + out.len() as i64;
        // Positions, counted from the first frame, that as many frames reach as in the middle of a recording.
        let steady = (n - hop).clamp(base, end)..(frames as i64 * hop).clamp(base, end);
        let steady = steady.start..steady.end.max(steady.start);
        for position in (base..steady.start).chain(steady.end..end) {
            // Frames k with 0 <= position − k·hop < n.
            let oldest = ((position - n).div_euclid(hop) + 1).max(0);
            let newest = position.div_euclid(hop).min(frames as i64 - 1);
            let sum: f64 =
                (oldest..=newest).map(|k| self.squared[(position - k * hop) as usize]).sum();
            if sum > self.floor {
                out[(position - base) as usize] *= sum.recip() as f32;
            }
        }
        let mut position = steady.start;
        while position < steady.end {
            let phase = position.rem_euclid(hop) as usize;
            let count = (self.steady.len() - phase).min((steady.end - position) as usize);
            let first = (position - base) as usize;
            for (slot, factor) in out[first..first + count].iter_mut().zip(&self.steady[phase..]) {
                *slot *= factor;
            }
            position += count as i64;
        }
    }

    /// Starts a stream of one channel.
    pub fn stream(self) -> StreamingIstft {
        StreamingIstft {
            scratch: self.fft.scratch(),
            pending: vec![],
            base: 0,
            frames: 0,
            istft: self,
        }
    }
}

/// Push spectra, get samples: bit for bit those of [`Istft::process_into`] on the whole.
///
/// Samples are complete once no later frame reaches them: one frame of delay.
///
/// ```
/// use mir_features::{Complex, Istft, IstftConfig};
/// let mut stream = Istft::new(IstftConfig::default())?.stream();
/// let mut samples = vec![];
/// for _ in 0..10 {
///     stream.push(&[Complex::default(); 1025], &mut samples);
/// }
/// assert_eq!(samples.len(), 10 * 512 - 1024); // half a frame lies before the first sample
/// stream.finish(None, &mut samples);
/// assert_eq!(samples.len(), 9 * 512);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct StreamingIstft {
    istft: Istft,
    scratch: InverseScratch,
    /// Samples from `base` on that later frames may still add to.
    pending: Vec<f32>,
    base: usize,
    frames: usize,
}

impl StreamingIstft {
    /// Adds a frame and appends the samples that are complete to `out`.
    ///
    /// # Panics
    /// If the frame has not `n_fft / 2 + 1` bins.
    pub fn push(&mut self, spectrum: &[Complex<f32>], out: &mut Vec<f32>) {
        let n_fft = self.istft.squared.len();
        assert_eq!(spectrum.len(), n_fft / 2 + 1, "bins of the spectrum");
        let start = self.istft.framing.start(self.frames);
        let end = usize::try_from(start + n_fft as i64).unwrap_or(0);
        self.pending.resize(end.saturating_sub(self.base).max(self.pending.len()), 0.0);
        let base = self.base as i64;
        self.istft.add(spectrum, start, base, &mut self.pending, &mut self.scratch);
        self.frames += 1;
        let next = usize::try_from(self.istft.framing.start(self.frames)).unwrap_or(0);
        // With a hop longer than the frame, the gap is silent.
        self.pending.resize(next.saturating_sub(self.base).max(self.pending.len()), 0.0);
        self.release(next.saturating_sub(self.base), out);
    }

    /// Says that no more frames follow, and appends the rest: up to `length` samples in all, or as many
    /// as the frames cover. The stream starts anew.
    pub fn finish(&mut self, length: Option<usize>, out: &mut Vec<f32>) {
        let length = length.unwrap_or(self.istft.samples(self.frames));
        self.pending.resize(length.saturating_sub(self.base), 0.0);
        self.release(self.pending.len(), out);
        self.pending.clear();
        (self.base, self.frames) = (0, 0);
    }

    fn release(&mut self, samples: usize, out: &mut Vec<f32>) {
        let ready = &mut self.pending[..samples];
        self.istft.normalise(self.base, self.frames, ready);
        out.extend_from_slice(ready);
        self.pending.drain(..samples);
        self.base += samples;
    }
}
