//! Resampling: the same sound at another rate, at the same time.
//!
//! Two methods, one interface, offline and in pieces with equal results:
//!
//! - [`ResampleMethod::Spectral`], the default: flat to the edge of the band, aliases below −120 dB,
//!   exactly linear phase.
//! - [`ResampleMethod::Sinc`]: the short windowed sinc of `torchaudio.transforms.Resample`, with its
//!   values. Weights that were trained behind it expect its aliases and its soft edge.
//!
//! Both put sample `n` of the result at `n / to` seconds, and turn `n` samples into `⌈n · to / from⌉`.

use mir_core::{AudioBuffer, SampleRate};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

mod sinc;
mod spectral;

use sinc::{SincStream, SincTable};
use spectral::{SpectralPlan, SpectralStream};

/// Highest rate on either side: beyond it, rates without a common factor need blocks of gigabytes.
const MAX_RATE: u32 = 1_000_000;

/// How samples between samples are found.
///
/// ```
/// use mir_audio::ResampleMethod;
/// assert_eq!(ResampleMethod::default(), ResampleMethod::Spectral);
/// let json = serde_json::to_string(&ResampleMethod::torchaudio())?;
/// assert_eq!(serde_json::from_str::<ResampleMethod>(&json)?, ResampleMethod::torchaudio());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ResampleMethod {
    /// Blocks are transformed, filtered and transformed back at the other length.
    #[default]
    Spectral,
    /// The sum of samples, each times a windowed sinc around it.
    Sinc {
        /// Zero crossings of the sinc on each side, 1 to 1024.
        lowpass_filter_width: u32,
        /// Edge of the pass band as a fraction of the lower half rate, above 0 and at most 1.
        rolloff: f64,
        /// What the sinc is multiplied by.
        window: SincWindow,
    },
}

/// The window of [`ResampleMethod::Sinc`]; `t` in zero crossings, `w` the filter width.
///
/// ```
/// use mir_audio::{ResampleConfig, ResampleMethod, Resampler, SampleRate, SincWindow};
/// let window = SincWindow::Kaiser { beta: 14.0 };
/// let method = ResampleMethod::Sinc { lowpass_filter_width: 16, rolloff: 0.95, window };
/// let config = ResampleConfig { method, ..ResampleConfig::new(SampleRate::HZ_44100, SampleRate::HZ_16000) };
/// assert!(Resampler::new(config).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SincWindow {
    /// `cos²(π·t / 2w)`: `sinc_interp_hann`.
    Hann,
    /// `I₀(β·√(1 − (t/w)²)) / I₀(β)`: `sinc_interp_kaiser`.
    Kaiser {
        /// β, finite and at least 0.
        beta: f64,
    },
}

impl ResampleMethod {
    /// Defaults of `torchaudio.transforms.Resample`: Hann, width 6, rolloff 0.99.
    pub const fn torchaudio() -> Self {
        Self::Sinc { lowpass_filter_width: 6, rolloff: 0.99, window: SincWindow::Hann }
    }

    /// The settings by which torchaudio's documentation imitates resampy's `kaiser_best`.
    pub const fn kaiser_best() -> Self {
        Self::Sinc {
            lowpass_filter_width: 64,
            rolloff: 0.9475937167399596,
            window: SincWindow::Kaiser { beta: 14.769656459379492 },
        }
    }

    /// The settings by which torchaudio's documentation imitates resampy's `kaiser_fast`.
    pub const fn kaiser_fast() -> Self {
        Self::Sinc {
            lowpass_filter_width: 16,
            rolloff: 0.85,
            window: SincWindow::Kaiser { beta: 8.555504641634386 },
        }
    }
}

/// From which rate to which, and how.
///
/// ```
/// use mir_audio::{ResampleConfig, ResampleMethod, SampleRate};
/// let config = ResampleConfig {
///     method: ResampleMethod::torchaudio(),
///     ..ResampleConfig::new(SampleRate::HZ_44100, SampleRate::HZ_16000)
/// };
/// assert_eq!(config.to.hz(), 16_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResampleConfig {
    /// Rate of the input, at most 1 MHz.
    pub from: SampleRate,
    /// Rate of the output, at most 1 MHz.
    pub to: SampleRate,
    /// The method.
    #[serde(default)]
    pub method: ResampleMethod,
}

impl ResampleConfig {
    /// Between two rates, by the default method.
    pub const fn new(from: SampleRate, to: SampleRate) -> Self {
        Self { from, to, method: ResampleMethod::Spectral }
    }
}

/// A resampler between two rates.
///
/// `n` samples become `⌈n · to / from⌉`.
///
/// ```
/// use mir_audio::{AudioBuffer, ResampleConfig, Resampler, SampleRate};
/// let config = ResampleConfig::new(SampleRate::HZ_44100, SampleRate::HZ_16000);
/// let audio = AudioBuffer::silence(SampleRate::HZ_44100, 2, 44_101)?;
/// let resampled = Resampler::new(config)?.process(&audio)?;
/// assert_eq!((resampled.channels(), resampled.len()), (2, 16_001));
/// # Ok::<(), mir_audio::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Resampler {
    config: ResampleConfig,
    plan: Plan,
}

#[derive(Clone, Debug)]
enum Plan {
    /// The rates are equal.
    Identity,
    Spectral(SpectralPlan),
    Sinc(SincTable),
}

impl Resampler {
    /// Checks the configuration, and plans.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a rate above 1 MHz, or settings of [`ResampleMethod::Sinc`] outside
    /// their range or that need more than 32 million filter weights.
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
        let plan = match config.method {
            ResampleMethod::Sinc { lowpass_filter_width, rolloff, window } => {
                sinc::validate(lowpass_filter_width, rolloff, window)?;
                if from == to {
                    Plan::Identity
                } else {
                    Plan::Sinc(SincTable::new(m, l, lowpass_filter_width, rolloff, window)?)
                }
            }
            ResampleMethod::Spectral if from == to => Plan::Identity,
            ResampleMethod::Spectral => Plan::Spectral(SpectralPlan::new(from, to, m, l)),
        };
        Ok(Self { config, plan })
    }

    /// The configuration.
    pub const fn config(&self) -> &ResampleConfig {
        &self.config
    }

    /// Number of samples that `samples` samples become: `⌈samples · to / from⌉`.
    ///
    /// ```
    /// use mir_audio::{ResampleConfig, Resampler, SampleRate};
    /// let config = ResampleConfig::new(SampleRate::HZ_44100, SampleRate::HZ_16000);
    /// assert_eq!(Resampler::new(config)?.output_len(1), 1);
    /// # Ok::<(), mir_audio::Error>(())
    /// ```
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
        let mut out = vec![Vec::with_capacity(length); audio.channels()];
        for (channel, out) in out.iter_mut().enumerate() {
            // One channel at a time: its block stays in the cache.
            let mut stream = self.streaming(1);
            let out = std::slice::from_mut(out);
            stream.push(&[audio.channel(channel)], out);
            stream.finish(out);
        }
        into_buffer(self.config.to, out)
    }

    /// A resampler for audio of `channels` channels that comes in pieces.
    ///
    /// ```
    /// use mir_audio::{ResampleConfig, Resampler, SampleRate};
    /// let config = ResampleConfig::new(SampleRate::HZ_48000, SampleRate::HZ_16000);
    /// let mut stream = Resampler::new(config)?.streaming(1);
    /// let mut out = vec![vec![]];
    /// for piece in [[0.5_f32; 480]; 10] {
    ///     stream.push(&[piece], &mut out);
    /// }
    /// stream.finish(&mut out);
    /// assert_eq!(out[0].len(), 1600);
    /// # Ok::<(), mir_audio::Error>(())
    /// ```
    pub fn streaming(&self, channels: usize) -> StreamingResampler {
        StreamingResampler::new(self.clone(), channels)
    }
}

/// Resamples audio that comes in pieces: the result does not depend on how it was cut.
///
/// Made by [`Resampler::streaming`].
///
/// ```
/// use mir_audio::{ResampleConfig, Resampler, SampleRate};
/// let config = ResampleConfig::new(SampleRate::HZ_44100, SampleRate::HZ_16000);
/// let mut stream = Resampler::new(config)?.streaming(2);
/// let mut out = vec![vec![]; 2];
/// stream.push(&[[0.5; 441], [0.25; 441]], &mut out);
/// stream.finish(&mut out);
/// assert_eq!((out[0].len(), out[1].len()), (160, 160));
/// # Ok::<(), mir_audio::Error>(())
/// ```
#[derive(Debug)]
pub struct StreamingResampler {
    resampler: Resampler,
    channels: Vec<Channel>,
    /// Samples of each channel that came in.
    received: u64,
}

/// The state of one channel.
#[derive(Debug)]
enum Channel {
    Identity,
    Spectral(SpectralStream),
    Sinc(SincStream),
}

impl Channel {
    fn new(plan: &Plan) -> Self {
        match plan {
            Plan::Identity => Self::Identity,
            Plan::Spectral(plan) => Self::Spectral(SpectralStream::new(*plan)),
            Plan::Sinc(table) => Self::Sinc(SincStream::new(table)),
        }
    }
}

impl StreamingResampler {
    fn new(resampler: Resampler, channels: usize) -> Self {
        let channels = (0..channels).map(|_| Channel::new(&resampler.plan)).collect();
        Self { resampler, channels, received: 0 }
    }

    /// Takes one slice a channel, all of the same length, and appends what is ready to `out`.
    ///
    /// # Panics
    /// If the number of channels is another, or the slices differ in length.
    pub fn push<C: AsRef<[f32]>>(&mut self, input: &[C], out: &mut [Vec<f32>]) {
        assert_eq!(input.len(), self.channels.len(), "input channels");
        assert_eq!(out.len(), self.channels.len(), "output channels");
        let length = input.first().map_or(0, |x| x.as_ref().len());
        for ((channel, x), out) in self.channels.iter_mut().zip(input).zip(out) {
            let x = x.as_ref();
            assert_eq!(x.len(), length, "length of the channels");
            match (channel, &self.resampler.plan) {
                (Channel::Spectral(stream), _) => stream.push(x, out),
                (Channel::Sinc(stream), Plan::Sinc(table)) => stream.push(table, x, out),
                _ => out.extend_from_slice(x),
            }
        }
        self.received += length as u64;
    }

    /// Appends the rest, which the filter still held back, to `out`, and starts anew.
    ///
    /// # Panics
    /// If `out` has another number of channels.
    pub fn finish(&mut self, out: &mut [Vec<f32>]) {
        assert_eq!(out.len(), self.channels.len(), "output channels");
        let total = self.resampler.output_len(self.received);
        for (channel, out) in self.channels.iter_mut().zip(out) {
            match (&mut *channel, &self.resampler.plan) {
                (Channel::Spectral(stream), _) => stream.finish(total, out),
                (Channel::Sinc(stream), Plan::Sinc(table)) => stream.finish(table, total, out),
                _ => {}
            }
            *channel = Channel::new(&self.resampler.plan);
        }
        self.received = 0;
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
