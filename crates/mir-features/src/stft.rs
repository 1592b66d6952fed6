//! Short-time Fourier transform: which frequencies sound when?
//!
//! # Conventions
//! `X[k, b] = Σ_n w[n] · x[k·hop − n_fft/2 + n] · exp(−2πi·b·n / n_fft)`, unnormalised, bins
//! `0..=n_fft/2`. Frames are *centred*: frame `k` is dated to sample `k·hop`, and there are
//! `1 + samples / hop` of them. Uncentred frames start at `k·hop`, are dated to their middle, and only
//! those that lie inside the recording exist. A recording of no samples has no frames.
//!
//! # Differences from librosa and PyTorch
//! Recordings shorter than the reflection needs are extended with zeros, where both raise an error.

use mir_core::{AudioBuffer, FrameGrid, SampleRate};
use ndarray::{Array3, ArrayRef2};
use realfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use crate::{
    BinAxis, Error, FeatureMap, Pad, Result, Window,
    framing::Signal,
    mel::check_n_fft,
    rows,
    spectrum::{ComplexFft, PowerFft},
};

/// Which power of the spectrum's magnitude is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpectrumPower {
    /// `|X|`.
    Magnitude,
    /// `|X|²`.
    #[default]
    Power,
}

/// How a short-time Fourier transform is cut.
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
    /// Whether frame `k` is centred on sample `k·hop`, or starts there.
    pub centred: bool,
    /// What centred frames see beyond the ends.
    pub pad: Pad,
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
            centred: true,
            pad: Pad::Reflect,
        }
    }
}

/// A planned short-time Fourier transform.
///
/// ```
/// use mir_features::{SpectrumPower, Stft, StftConfig};
/// # use mir_core::{AudioBuffer, SampleRate};
/// let audio = AudioBuffer::silence(SampleRate::HZ_16000, 1, 16_000)?;
/// let map = Stft::new(StftConfig::default())?.process(&audio, SpectrumPower::Power)?;
/// assert_eq!(map.data.dim(), (1, 32, 1025));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct Stft {
    config: StftConfig,
    grid: FrameGrid,
    power: PowerFft,
    complex: ComplexFft,
}

impl Stft {
    /// Validates the configuration and plans the transform.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an odd or too small `n_fft`, a window that is empty or longer than
    /// that, or a hop of 0 (in [`Error::Core`]).
    pub fn new(config: StftConfig) -> Result<Self> {
        check_n_fft(config.n_fft)?;
        let win_length = config.win_length.unwrap_or(config.n_fft);
        if win_length == 0 || win_length > config.n_fft {
            return Err(Error::OutOfRange {
                field: "win_length",
                expected: "1 to n_fft samples",
                actual: win_length as f64,
            });
        }
        let origin = if config.centred { 0 } else { config.n_fft as i64 / 2 };
        Ok(Self {
            grid: FrameGrid::new(config.sample_rate, config.hop, origin)?,
            power: PowerFft::new(config.n_fft, config.window, win_length),
            complex: ComplexFft::new(config.n_fft, config.window, win_length),
            config,
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &StftConfig {
        &self.config
    }

    /// Time of the frames.
    pub const fn grid(&self) -> FrameGrid {
        self.grid
    }

    /// Meaning of the bins.
    pub fn axis(&self) -> BinAxis {
        BinAxis::Linear {
            hz_per_bin: f64::from(self.config.sample_rate.hz()) / self.config.n_fft as f64,
            bins: self.power.bins(),
        }
    }

    /// Number of frames of a recording of `samples` samples.
    pub fn frames(&self, samples: usize) -> usize {
        let covered = if self.config.centred {
            (samples > 0).then_some(samples)
        } else {
            samples.checked_sub(self.config.n_fft)
        };
        covered.map_or(0, |s| 1 + s / self.config.hop as usize)
    }

    fn start(&self, frame: usize) -> i64 {
        let start = frame as i64 * i64::from(self.config.hop);
        if self.config.centred { start - self.config.n_fft as i64 / 2 } else { start }
    }

    /// Magnitude or power of every channel, `[channels, frames, n_fft / 2 + 1]`. Allocates.
    ///
    /// # Errors
    /// [`Error::SampleRate`] for audio of another rate, [`Error::Core`] for samples that are not finite.
    pub fn process(&self, audio: &AudioBuffer, power: SpectrumPower) -> Result<FeatureMap> {
        check_audio(audio, self.config.sample_rate)?;
        let mut data =
            Array3::zeros((audio.channels(), self.frames(audio.len()), self.power.bins()));
        for (channel, mut map) in data.outer_iter_mut().enumerate() {
            rows::fill_parallel(&mut map, 0, |frames, out| {
                self.process_rows(audio.channel(channel), power, frames.start, out);
            });
        }
        Ok(FeatureMap { grid: self.grid, axis: self.axis(), data })
    }

    /// Magnitude or power of one channel into `out`, `[frames, n_fft / 2 + 1]`, on this thread.
    ///
    /// # Panics
    /// If `out` has another shape.
    pub fn process_into(&self, samples: &[f32], power: SpectrumPower, out: &mut ArrayRef2<f32>) {
        let shape = (self.frames(samples.len()), self.power.bins());
        assert_eq!(out.dim(), shape, "shape of the output");
        self.process_rows(samples, power, 0, out);
    }

    fn process_rows(
        &self,
        samples: &[f32],
        power: SpectrumPower,
        first: usize,
        out: &mut ArrayRef2<f32>,
    ) {
        let signal = self.signal(samples);
        let mut scratch = self.power.scratch();
        for (frame, mut row) in (first..).zip(out.rows_mut()) {
            let spectrum = self.power.power(&signal, self.start(frame), &mut scratch);
            for (slot, &squared) in row.iter_mut().zip(&*spectrum) {
                *slot = match power {
                    SpectrumPower::Magnitude => squared.sqrt(),
                    SpectrumPower::Power => squared,
                };
            }
        }
    }

    /// The complex spectrum of every channel. Allocates.
    ///
    /// # Errors
    /// As [`process`](Self::process).
    pub fn spectrum(&self, audio: &AudioBuffer) -> Result<Spectrum> {
        check_audio(audio, self.config.sample_rate)?;
        let frames = self.frames(audio.len());
        let mut data = Array3::zeros((audio.channels(), frames, self.power.bins()));
        for (channel, mut map) in data.outer_iter_mut().enumerate() {
            let signal = self.signal(audio.channel(channel));
            let mut scratch = self.complex.scratch();
            for (frame, mut row) in map.rows_mut().into_iter().enumerate() {
                let spectrum = self.complex.spectrum(&signal, self.start(frame), &mut scratch);
                row.iter_mut().zip(spectrum).for_each(|(slot, &c)| *slot = c);
            }
        }
        Ok(Spectrum { grid: self.grid, axis: self.axis(), data })
    }

    fn signal<'a>(&self, samples: &'a [f32]) -> Signal<'a> {
        Signal::whole(samples, self.config.n_fft, self.config.pad)
    }
}

/// A complex spectrum over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// Time of the frames.
    pub grid: FrameGrid,
    /// Meaning of the bins.
    pub axis: BinAxis,
    /// The values, `[channels, frames, bins]`.
    pub data: Array3<Complex<f32>>,
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
