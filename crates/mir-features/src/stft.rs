//! Short-time Fourier transform: which frequencies sound when?
//!
//! # Conventions
//! `X[k, b] = s · Σ_n w[n] · x[k·hop − n_fft/2 + n] · exp(−2πi·b·n / n_fft)`, bins `0..=n_fft/2`, with
//! `s = 1` unless the configuration scales. Frames are *centred*: frame `k` is dated to sample `k·hop`,
//! and there are `1 + samples / hop` of them. [`FrameLayout`] has the other conventions. A recording of no
//! samples has no frames.
//!
//! | | librosa 0.11 | `torch.stft` | `torchaudio` | here |
//! |---|---|---|---|---|
//! | padding of centred frames | zeros | mirrored | mirrored | [`StftConfig::pad`] |
//! | window shorter than the frame | centred in it | same | same | same |
//! | scale | 1 | 1, or 1/√n_fft | 1, 1/√n_fft, or 1/√Σw² | [`StftConfig::scale`] |
//!
//! # Differences from librosa and PyTorch
//! Recordings shorter than the reflection needs are extended with zeros, where both raise an error.
//! `n_fft` is even.

use mir_core::{AudioBuffer, FrameGrid, SampleRate};
use mir_fft::num_complex::Complex;
use ndarray::{Array3, ArrayRef2};
use serde::{Deserialize, Serialize};

use crate::{
    BinAxis, Error, FeatureMap, FrameLayout, Framing, Pad, Result, Spectrogram, SpectrogramConfig,
    SpectrumPower, Window,
    frames::{BLOCK, Cutter},
    mel::check_n_fft,
    spectrum::{Spectra, SpectrumScratch},
    stream::{Ahead, FrameQueue},
};

/// A factor on the whole transform.
///
/// ```
/// use mir_features::{StftConfig, StftScale};
/// let config = StftConfig { scale: StftScale::FrameLength, ..StftConfig::default() };
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StftScale {
    /// 1.
    #[default]
    None,
    /// `1/√n_fft`: `normalized=True` of `torch.stft`, `"frame_length"` of torchaudio, DeepConvSep.
    FrameLength,
    /// `1/√(Σ w²)`: `normalized=True`, or `"window"`, of torchaudio.
    Window,
}

/// How a short-time Fourier transform is cut.
///
/// ```
/// use mir_features::{Stft, StftConfig};
/// let config = StftConfig { n_fft: 1024, hop: 256, ..StftConfig::default() };
/// assert!(Stft::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StftConfig {
    /// Rate of the audio.
    pub sample_rate: SampleRate,
    /// Length of the Fourier transform in samples: even, at least 2.
    pub n_fft: usize,
    /// Samples from frame to frame, at least 1.
    pub hop: u32,
    /// Length of the window in samples, centred in the frame; 1 to `n_fft`, `None` for `n_fft`.
    pub win_length: Option<usize>,
    /// Shape of the window.
    pub window: Window,
    /// Takes the symmetric form of the window instead of the periodic one.
    pub symmetric_window: bool,
    /// How the frames lie.
    pub layout: FrameLayout,
    /// What frames see beyond the ends.
    pub pad: Pad,
    /// A factor on the whole transform.
    pub scale: StftScale,
}

impl Default for StftConfig {
    /// Frames of 2048 samples every 512 at 16 kHz, Hann window, centred, reflected.
    fn default() -> Self {
        Self {
            sample_rate: SampleRate::HZ_16000,
            n_fft: 2048,
            hop: 512,
            win_length: None,
            window: Window::Hann,
            symmetric_window: false,
            layout: FrameLayout::Centred,
            pad: Pad::Reflect,
            scale: StftScale::None,
        }
    }
}

impl StftConfig {
    /// librosa's defaults at a rate: 2048/512, Hann, centred, zeros beyond the ends.
    pub fn librosa(sample_rate: SampleRate) -> Self {
        Self { sample_rate, pad: Pad::Zero, ..Self::default() }
    }

    /// torchaudio's defaults at a rate: 400/200, Hann, centred, mirrored.
    pub fn torchaudio(sample_rate: SampleRate) -> Self {
        Self { sample_rate, n_fft: 400, hop: 200, ..Self::default() }
    }

    /// The transform of DeepConvSep (Chandna et al. 2017) at 44.1 kHz: a symmetric window, zeros beyond
    /// the ends, `⌈samples / hop⌉ + 2` frames, scale `1/√n_fft`.
    pub fn deep_conv_sep(window: Window, n_fft: usize, hop: u32) -> Self {
        Self {
            sample_rate: SampleRate::HZ_44100,
            n_fft,
            hop,
            win_length: None,
            window,
            symmetric_window: true,
            layout: FrameLayout::Covering,
            pad: Pad::Zero,
            scale: StftScale::FrameLength,
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an odd or too small `n_fft`, a window that is empty, longer than that or
    /// has parameters out of range, a constant to pad with that is not finite, or a hop of 0 (in
    /// [`Error::Core`]).
    pub fn validate(&self) -> Result<()> {
        check_n_fft(self.n_fft)?;
        let win_length = self.win_length.unwrap_or(self.n_fft);
        if win_length == 0 || win_length > self.n_fft {
            return Err(Error::OutOfRange {
                field: "win_length",
                expected: "1 to n_fft samples",
                actual: win_length as f64,
            });
        }
        self.window.validate()?;
        self.framing().map(drop)
    }

    /// How the frames lie.
    pub(crate) fn framing(&self) -> Result<Framing> {
        Framing::new(self.sample_rate, self.n_fft, self.hop, self.layout, self.pad)
    }

    /// Meaning of the bins.
    pub(crate) fn axis(&self) -> BinAxis {
        BinAxis::Linear {
            hz_per_bin: f64::from(self.sample_rate.hz()) / self.n_fft as f64,
            bins: self.n_fft / 2 + 1,
        }
    }

    /// Frequency of every bin, Hz.
    pub(crate) fn frequencies(&self) -> Vec<f64> {
        let hz_per_bin = f64::from(self.sample_rate.hz()) / self.n_fft as f64;
        (0..=self.n_fft / 2).map(|bin| bin as f64 * hz_per_bin).collect()
    }

    /// The window in the middle of a frame, without the scale of the transform.
    pub(crate) fn frame_window(&self) -> Vec<f64> {
        let win_length = self.win_length.unwrap_or(self.n_fft);
        let window = if self.symmetric_window {
            self.window.symmetric(win_length)
        } else {
            self.window.coefficients(win_length)
        };
        let mut padded = vec![0.0; self.n_fft];
        let left = (self.n_fft - win_length) / 2;
        padded[left..left + win_length].copy_from_slice(&window);
        padded
    }

    /// The factor on the whole transform.
    pub(crate) fn factor(&self) -> f64 {
        match self.scale {
            StftScale::None => 1.0,
            StftScale::FrameLength => (self.n_fft as f64).sqrt().recip(),
            StftScale::Window => {
                let energy: f64 = self.frame_window().iter().map(|w| w * w).sum();
                energy.sqrt().recip()
            }
        }
    }

    /// The window with the scale of the transform, which costs nothing that way.
    pub(crate) fn analysis_window(&self) -> Vec<f32> {
        self.exact_window().into_iter().map(|w| w as f32).collect()
    }

    /// As [`analysis_window`](Self::analysis_window), not rounded.
    pub(crate) fn exact_window(&self) -> Vec<f64> {
        let factor = self.factor();
        self.frame_window().into_iter().map(|w| w * factor).collect()
    }
}

/// A planned short-time Fourier transform.
///
/// ```
/// use mir_features::{SpectrumPower, Stft, StftConfig};
/// # use mir_core::{AudioBuffer, SampleRate};
/// let audio = AudioBuffer::silence(SampleRate::HZ_16000, 1, 16_000)?;
/// let stft = Stft::new(StftConfig::default())?;
/// let spectrum = stft.spectrum(&audio)?;
/// assert_eq!(spectrum.data.dim(), (1, 32, 1025));
/// let map = stft.process(&audio, SpectrumPower::Power)?;
/// assert_eq!(map.data.dim(), (1, 32, 1025));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct Stft {
    config: StftConfig,
    framing: Framing,
    /// Magnitude and power; both have the transform that the complex spectrum comes from too.
    spectrograms: [Spectrogram; 2],
}

impl Stft {
    /// Validates the configuration and plans the transform.
    ///
    /// # Errors
    /// As [`StftConfig::validate`].
    pub fn new(config: StftConfig) -> Result<Self> {
        config.validate()?;
        let spectrogram =
            |power| Spectrogram::new(SpectrogramConfig { stft: config.clone(), power });
        Ok(Self {
            framing: config.framing()?,
            spectrograms: [
                spectrogram(SpectrumPower::Magnitude)?,
                spectrogram(SpectrumPower::Power)?,
            ],
            config,
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &StftConfig {
        &self.config
    }

    /// Time of the frames.
    pub const fn grid(&self) -> FrameGrid {
        self.framing.grid()
    }

    /// How the frames lie.
    pub const fn framing(&self) -> &Framing {
        &self.framing
    }

    /// Meaning of the bins.
    pub fn axis(&self) -> BinAxis {
        self.config.axis()
    }

    /// Number of bins, `n_fft / 2 + 1`.
    pub const fn bins(&self) -> usize {
        self.config.n_fft / 2 + 1
    }

    /// Number of frames of a recording of `samples` samples.
    pub fn frames(&self, samples: usize) -> usize {
        self.framing.frames(samples)
    }

    /// The same frames as magnitude or power.
    pub const fn spectrogram(&self, power: SpectrumPower) -> &Spectrogram {
        match power {
            SpectrumPower::Magnitude => &self.spectrograms[0],
            SpectrumPower::Power => &self.spectrograms[1],
        }
    }

    /// Magnitude or power of every channel, `[channels, frames, n_fft / 2 + 1]`. Allocates.
    ///
    /// # Errors
    /// [`Error::SampleRate`] for audio of another rate, [`Error::Core`] for samples that are not finite.
    pub fn process(&self, audio: &AudioBuffer, power: SpectrumPower) -> Result<FeatureMap> {
        self.spectrogram(power).process(audio)
    }

    /// Magnitude or power of one channel into `out`, `[frames, n_fft / 2 + 1]`, on this thread.
    ///
    /// # Panics
    /// If `out` has another shape.
    pub fn process_into(&self, samples: &[f32], power: SpectrumPower, out: &mut ArrayRef2<f32>) {
        self.spectrogram(power).process_into(samples, out);
    }

    /// The complex spectrum of every channel, `[channels, frames, n_fft / 2 + 1]`. Allocates; long
    /// recordings are spread over threads (feature `parallel`).
    ///
    /// # Errors
    /// As [`process`](Self::process).
    pub fn spectrum(&self, audio: &AudioBuffer) -> Result<Spectrum> {
        check_audio(audio, self.config.sample_rate)?;
        let frames = self.frames(audio.len());
        let mut data = Array3::zeros((audio.channels(), frames, self.bins()));
        for (channel, mut map) in data.outer_iter_mut().enumerate() {
            crate::rows::fill_parallel(&mut map, 0, |frames, out| {
                self.fill(audio.channel(channel), frames.start, out);
            });
        }
        Ok(Spectrum { grid: self.grid(), axis: self.axis(), data })
    }

    /// The complex spectrum of one channel into `out`, `[frames, n_fft / 2 + 1]`, on this thread.
    ///
    /// # Panics
    /// If `out` has another shape.
    pub fn spectrum_into(&self, samples: &[f32], out: &mut ArrayRef2<Complex<f32>>) {
        let shape = (self.frames(samples.len()), self.bins());
        assert_eq!(out.dim(), shape, "shape of the output");
        self.fill(samples, 0, out);
    }

    const fn spectra(&self) -> &Spectra {
        &self.spectrograms[0].spectra
    }

    fn fill(&self, samples: &[f32], first: usize, out: &mut ArrayRef2<Complex<f32>>) {
        let signal = self.framing.signal(samples);
        let mut scratch = self.spectra().scratch();
        let mut cutter = Cutter::default();
        let (frames, bins) = out.dim();
        // Rows that do not lie one behind the other are computed elsewhere and copied.
        let mut rows =
            vec![Complex::default(); if out.is_standard_layout() { 0 } else { BLOCK * bins }];
        let mut row = 0;
        while row < frames {
            let block = cutter.block(&self.framing, &signal, first + row, frames - row);
            let count = block.len();
            let slots = match out.as_slice_mut() {
                Some(all) => &mut all[row * bins..(row + count) * bins],
                None => &mut rows[..count * bins],
            };
            self.spectra().spectrum_rows(block, &mut scratch, slots);
            if !rows.is_empty() {
                for (lane, values) in rows.chunks_exact(bins).take(count).enumerate() {
                    out.row_mut(row + lane).iter_mut().zip(values).for_each(|(slot, &v)| *slot = v);
                }
            }
            row += count;
        }
    }

    /// Starts a stream of one channel that gives complex spectra as the samples arrive.
    pub fn stream(self) -> StreamingStft {
        StreamingStft {
            scratch: self.spectra().scratch(),
            queue: FrameQueue::new(self.framing.clone()),
            ahead: Ahead::default(),
            stft: self,
        }
    }
}

/// Push samples, pop complex spectra: bit for bit the frames of [`Stft::spectrum_into`] on the whole.
///
/// ```
/// use mir_features::{Complex, Stft, StftConfig};
/// let mut stream = Stft::new(StftConfig::default())?.stream();
/// stream.push(&[0.0; 1024]);
/// let mut spectrum = vec![Complex::default(); 1025];
/// assert!(!stream.pop_into(&mut spectrum)); // the mirrored start needs sample 1024
/// stream.push(&[0.0; 1024]);
/// assert!(stream.pop_into(&mut spectrum));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct StreamingStft {
    stft: Stft,
    scratch: SpectrumScratch,
    queue: FrameQueue,
    ahead: Ahead<Complex<f32>>,
}

impl StreamingStft {
    /// The transform that is streamed.
    pub const fn stft(&self) -> &Stft {
        &self.stft
    }

    /// Adds the next samples.
    ///
    /// # Panics
    /// After [`finish`](Self::finish).
    pub fn push(&mut self, samples: &[f32]) {
        self.queue.push(samples);
    }

    /// Says that no more samples follow.
    pub const fn finish(&mut self) {
        self.queue.finish();
    }

    /// The next frame into `out`, or `false` if its samples have not all arrived.
    ///
    /// # Panics
    /// If `out` has not `n_fft / 2 + 1` elements.
    pub fn pop_into(&mut self, out: &mut [Complex<f32>]) -> bool {
        assert_eq!(out.len(), self.stft.bins(), "bins of the output");
        if self.ahead.is_empty() {
            let Some(block) = self.queue.pop_block(BLOCK) else { return false };
            let rows = self.ahead.fill(block.len(), out.len());
            self.stft.spectra().spectrum_rows(block, &mut self.scratch, rows);
        }
        self.ahead.pop_into(out);
        true
    }
}

/// A complex spectrum over time.
///
/// ```
/// use mir_features::{AudioBuffer, SampleRate, SpectrumPower, Stft, StftConfig};
/// let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.25; 4096]);
/// let stft = Stft::new(StftConfig::default())?;
/// let spectrum = stft.spectrum(&audio)?;
/// let (magnitude, phase) = (spectrum.magnitude(SpectrumPower::Magnitude), spectrum.phase());
/// assert_eq!(magnitude.data.dim(), spectrum.data.dim());
/// assert_eq!(phase.grid, spectrum.grid);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// Time of the frames.
    pub grid: FrameGrid,
    /// Meaning of the bins.
    pub axis: BinAxis,
    /// The values, `[channels, frames, bins]`.
    pub data: Array3<Complex<f32>>,
}

impl Spectrum {
    /// From magnitudes and phases in radians, of the same shape.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shapes differ.
    pub fn from_polar(magnitude: &FeatureMap, phase: &FeatureMap) -> Result<Self> {
        if magnitude.data.dim() != phase.data.dim() {
            return Err(Error::Shape {
                what: "phase",
                expected: magnitude.data.shape().to_vec(),
                actual: phase.data.shape().to_vec(),
            });
        }
        let data = ndarray::Zip::from(&magnitude.data)
            .and(&phase.data)
            .map_collect(|&magnitude, &phase| Complex::from_polar(magnitude, phase));
        Ok(Self { grid: magnitude.grid, axis: magnitude.axis.clone(), data })
    }

    /// `|X|` or `|X|²` of every element. Allocates.
    pub fn magnitude(&self, power: SpectrumPower) -> FeatureMap {
        self.map(|c| match power {
            SpectrumPower::Magnitude => c.norm(),
            SpectrumPower::Power => c.norm_sqr(),
        })
    }

    /// The phase of every element in radians, −π to π; 0 for 0. Allocates.
    pub fn phase(&self) -> FeatureMap {
        self.map(|c| c.arg())
    }

    fn map(&self, value: impl Fn(Complex<f32>) -> f32) -> FeatureMap {
        let data = self.data.mapv(value);
        FeatureMap { grid: self.grid, axis: self.axis.clone(), data }
    }
}

/// Checks that audio has the rate of the extractor and only finite samples.
pub(crate) fn check_audio(audio: &AudioBuffer, expected: SampleRate) -> Result<()> {
    if audio.sample_rate() != expected {
        return Err(Error::SampleRate { expected, actual: audio.sample_rate() });
    }
    // All exponent bits set means NaN or infinity. The integer form without an early exit is
    // vectorised, and costs one percent of a log-mel spectrogram.
    let suspicious = (0..audio.channels()).any(|channel| {
        audio
            .channel(channel)
            .iter()
            .fold(false, |any, x| any | (x.to_bits() & 0x7f80_0000 == 0x7f80_0000))
    });
    if suspicious {
        audio.check_finite()?;
    }
    Ok(())
}
