//! YIN: the period at which a frame differs least from itself.
//!
//! De Cheveigné and Kawahara 2002, "YIN, a fundamental frequency estimator for speech and music"; details as
//! in librosa 0.11.

use mir_core::{AudioBuffer, Fingerprinted, FrameGrid, SampleRate};
use mir_fft::{
    ComplexToReal, RealPlanner64, RealToComplex, num_complex::Complex, num_traits::Float,
};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

use crate::{Error, FrameLayout, Framing, Pad, Result, stft::check_audio, stream::FrameQueue};

/// Which periods are looked for, and in which frames.
///
/// ```
/// use mir_features::{Yin, YinConfig};
/// let config = YinConfig { f_max: 880.0, ..YinConfig::default() };
/// assert!(Yin::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct YinConfig {
    /// Rate of the audio.
    pub sample_rate: SampleRate,
    /// Lowest frequency, Hz: above 0, and a period must be shorter than a frame less one sample.
    pub f_min: f64,
    /// Highest frequency, Hz: above `f_min`, at most half the sample rate.
    pub f_max: f64,
    /// Samples of a frame, 4 to 16777216.
    pub frame_length: usize,
    /// Samples from frame to frame, at least 1.
    pub hop: u32,
    /// A dip below this counts as the period, if it is the first; above 0.
    pub trough_threshold: f64,
    /// Whether frame `k` is centred on sample `k·hop`, or starts there.
    pub centred: bool,
    /// What centred frames see beyond the ends.
    pub pad: Pad,
}

impl Default for YinConfig {
    /// Frames of 2048 samples every 512 at 22.05 kHz, C2 to C7: librosa's defaults and recommendation.
    fn default() -> Self {
        Self {
            sample_rate: SampleRate::HZ_22050,
            f_min: 65.406_391_325_149_66,
            f_max: 2_093.004_522_404_789,
            frame_length: 2048,
            hop: 512,
            trough_threshold: 0.1,
            centred: true,
            pad: Pad::Zero,
        }
    }
}

impl Fingerprinted for YinConfig {
    const DOMAIN: &'static str = "mir-features/yin/2";
}

impl YinConfig {
    fn framing(&self) -> Result<Framing> {
        let layout = if self.centred { FrameLayout::Centred } else { FrameLayout::Inside };
        Framing::new(self.sample_rate, self.frame_length, self.hop, layout, self.pad)
    }

    pub(super) fn validate(&self) -> Result<()> {
        self.pad.validate()?;
        let nyquist = f64::from(self.sample_rate.hz()) / 2.0;
        if !(4..=1 << 24).contains(&self.frame_length) {
            return Err(Error::OutOfRange {
                field: "frame_length",
                expected: "4 to 16777216 samples",
                actual: self.frame_length as f64,
            });
        }
        if !(self.f_min > 0.0 && self.f_min < self.f_max && self.f_max <= nyquist) {
            return Err(Error::InvalidBand { f_min: self.f_min, f_max: self.f_max, nyquist });
        }
        if 2.0 * nyquist / self.f_min >= (self.frame_length - 1) as f64 {
            return Err(Error::OutOfRange {
                field: "f_min",
                expected: "a frequency whose period is shorter than frame_length - 1 samples",
                actual: self.f_min,
            });
        }
        if !(self.trough_threshold.is_finite() && self.trough_threshold > 0.0) {
            return Err(Error::OutOfRange {
                field: "trough_threshold",
                expected: "a finite number above 0",
                actual: self.trough_threshold,
            });
        }
        Ok(())
    }
}

/// A planned YIN pitch estimator.
///
/// ```
/// use mir_features::{AudioBuffer, SampleRate, Yin, YinConfig};
/// # use std::f64::consts::TAU;
/// let sine = |n| (TAU * 440.0 * f64::from(n) / 22050.0).sin() as f32;
/// let audio = AudioBuffer::mono(SampleRate::HZ_22050, (0..22050).map(sine).collect());
/// let f0 = Yin::new(YinConfig::default())?.process(&audio)?;
/// assert_eq!(f0.len(), 1);
/// assert!((f0[0][20] - 440.0).abs() < 1.0);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct Yin {
    config: YinConfig,
    pub(super) framing: Framing,
    pub(super) difference: Difference,
}

impl Yin {
    /// Validates the configuration and plans the Fourier transforms.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] or [`Error::InvalidBand`] for the first field that is not admissible,
    /// [`Error::Core`] for a hop of 0.
    pub fn new(config: YinConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self { difference: Difference::new(&config), framing: config.framing()?, config })
    }

    /// The configuration.
    pub const fn config(&self) -> &YinConfig {
        &self.config
    }

    /// Time of the frames.
    pub const fn grid(&self) -> FrameGrid {
        self.framing.grid()
    }

    /// Number of frames of a recording of `samples` samples. Frames see their own samples only.
    pub fn frames(&self, samples: usize) -> usize {
        self.framing.frames(samples)
    }

    /// The frequency of every channel in every frame, Hz. There is always one, also in silence: YIN knows
    /// no voicing (see [`Pyin`](super::Pyin)). Allocates.
    ///
    /// # Errors
    /// [`Error::SampleRate`] for audio of another rate, [`Error::Core`] for samples that are not finite.
    pub fn process(&self, audio: &AudioBuffer) -> Result<Vec<Vec<f64>>> {
        check_audio(audio, self.config.sample_rate)?;
        let mut scratch = self.difference.scratch();
        let mut buffer = vec![0.0; self.framing.length()];
        Ok((0..audio.channels())
            .map(|channel| {
                let samples = audio.channel(channel);
                let signal = self.framing.signal(samples);
                (0..self.frames(samples.len()))
                    .map(|frame| {
                        let samples = signal.frame(self.framing.start(frame), &mut buffer);
                        self.hz(samples, &mut scratch)
                    })
                    .collect()
            })
            .collect())
    }

    /// The frequency of one frame.
    fn hz(&self, samples: &[f32], scratch: &mut DifferenceScratch) -> f64 {
        let dips = self.difference.frame(samples, scratch);
        let period = dips.first_below(self.config.trough_threshold);
        f64::from(self.config.sample_rate.hz()) / dips.period(period)
    }

    /// Starts a stream of one channel.
    pub fn stream(self) -> StreamingYin {
        StreamingYin {
            scratch: self.difference.scratch(),
            queue: FrameQueue::new(self.framing.clone()),
            yin: self,
        }
    }
}

/// Push samples, pop frequencies: bit for bit those of [`Yin::process`] on the whole.
///
/// ```
/// use mir_features::{Yin, YinConfig};
/// # use std::f64::consts::TAU;
/// let mut stream = Yin::new(YinConfig::default())?.stream();
/// let sine: Vec<f32> = (0..4096).map(|n| (TAU * 440.0 * n as f64 / 22050.0).sin() as f32).collect();
/// stream.push(&sine[..1000]);
/// assert_eq!(stream.pop(), None); // the first frame ends at sample 1024
/// stream.push(&sine[1000..]);
/// stream.pop().expect("a frame, the first half of it zeros");
/// let mut last = 0.0;
/// while let Some(hz) = stream.pop() {
///     last = hz;
/// }
/// assert!((last - 440.0).abs() < 1.0);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct StreamingYin {
    yin: Yin,
    scratch: DifferenceScratch,
    queue: FrameQueue,
}

impl StreamingYin {
    /// The estimator that is streamed.
    pub const fn yin(&self) -> &Yin {
        &self.yin
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

    /// The frequency of the next frame in Hz, or `None` if its samples have not all arrived.
    pub fn pop(&mut self) -> Option<f64> {
        let samples = self.queue.pop()?;
        Some(self.yin.hz(samples, &mut self.scratch))
    }
}

/// A planned cumulative mean normalised difference function of frames.
pub(super) struct Difference {
    frame_length: usize,
    pub(super) min_period: usize,
    max_period: usize,
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Difference")
            .field("frame_length", &self.frame_length)
            .field("min_period", &self.min_period)
            .field("max_period", &self.max_period)
            .finish_non_exhaustive()
    }
}

/// Working memory of one thread.
#[derive(Debug)]
pub(super) struct DifferenceScratch {
    padded: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    forward: Vec<Complex<f64>>,
    inverse: Vec<Complex<f64>>,
    /// Normalised difference at `min_period..=max_period`.
    difference: Vec<f64>,
    /// Where between the lags a parabola through each and its neighbours is lowest.
    shifts: Vec<f64>,
}

impl Difference {
    pub(super) fn new(config: &YinConfig) -> Self {
        let rate = f64::from(config.sample_rate.hz());
        let min_period = (rate / config.f_max).floor() as usize;
        let max_period = ((rate / config.f_min).ceil() as usize).min(config.frame_length - 1);
        let mut planner = RealPlanner64::new();
        // Room for lags without wrapping round; powers of two are quick.
        let size = (2 * config.frame_length - 1).next_power_of_two();
        Self {
            frame_length: config.frame_length,
            min_period,
            max_period: max_period.max(min_period + 2).min(config.frame_length - 1),
            forward: planner.plan_fft_forward(size),
            inverse: planner.plan_fft_inverse(size),
        }
    }

    pub(super) fn scratch(&self) -> DifferenceScratch {
        let lags = self.max_period - self.min_period + 1;
        DifferenceScratch {
            padded: self.forward.make_input_vec(),
            spectrum: self.forward.make_output_vec(),
            forward: self.forward.make_scratch_vec(),
            inverse: self.inverse.make_scratch_vec(),
            difference: vec![0.0; lags],
            shifts: vec![0.0; lags],
        }
    }

    /// `d'(τ) = d(τ) / mean of d(1 … τ)` with `d(τ) = 2·(r(0) − r(τ)) − Σ_(n<τ) x[n]²`, the
    /// autocorrelation `r` of the frame and zeros after it.
    pub(super) fn frame<'a>(
        &self,
        samples: &[f32],
        scratch: &'a mut DifferenceScratch,
    ) -> Dips<'a> {
        scratch.padded.fill(0.0);
        let slots = scratch.padded[..self.frame_length].iter_mut();
        slots.zip(samples).for_each(|(slot, &x)| *slot = f64::from(x));
        self.forward
            .process_with_scratch(&mut scratch.padded, &mut scratch.spectrum, &mut scratch.forward)
            .expect("buffers were made by the plan");
        for z in &mut scratch.spectrum {
            *z = Complex::new(z.norm_sqr(), 0.0);
        }
        self.inverse
            .process_with_scratch(&mut scratch.spectrum, &mut scratch.padded, &mut scratch.inverse)
            .expect("buffers were made by the plan");
        let size = scratch.padded.len() as f64;
        let correlation = &scratch.padded;

        let (mut energy, mut sum) = (0.0, 0.0);
        for lag in 1..=self.max_period {
            energy += f64::from(samples[lag - 1]).powi(2);
            // librosa leaves the first sample out at the first lag.
            let left_out = if lag == 1 { 0.0 } else { energy };
            let difference = 2.0 * ((correlation[0] - correlation[lag]) / size) - left_out;
            sum += difference;
            if let Some(index) = lag.checked_sub(self.min_period) {
                let mean = sum / lag as f64;
                scratch.difference[index] = difference / (mean + f64::MIN_POSITIVE);
            }
        }
        parabolic_shifts(&scratch.difference, &mut scratch.shifts);
        Dips {
            min_period: self.min_period,
            difference: &scratch.difference,
            shifts: &scratch.shifts,
        }
    }
}

/// Where parabolas through each value and its neighbours have their extremes, relative to the value: 0 at
/// the ends, and where that is further away than a neighbour.
pub(crate) fn parabolic_shifts<T: Float>(x: &[T], shifts: &mut [T]) {
    let two = T::one() + T::one();
    shifts.fill(T::zero());
    for (window, shift) in x.windows(3).zip(shifts.iter_mut().skip(1)) {
        let a = window[2] + window[0] - two * window[1];
        let b = (window[2] - window[0]) / two;
        *shift = if b.abs() >= a.abs() { T::zero() } else { -b / a };
    }
}

/// The normalised difference of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dips<'a> {
    min_period: usize,
    pub(super) difference: &'a [f64],
    shifts: &'a [f64],
}

impl Dips<'_> {
    /// Whether there is a dip at a lag.
    pub(super) fn is_dip(&self, index: usize) -> bool {
        let d = self.difference;
        let last = d.len() - 1;
        if index == 0 {
            return d[0] < d[1];
        }
        // A flat bottom counts where it begins to rise.
        let falls = d[index] < d[index - 1];
        if index == last { falls } else { falls && d[index] <= d[index + 1] }
    }

    /// The first dip below a threshold, or else the smallest value.
    fn first_below(&self, threshold: f64) -> usize {
        let d = self.difference;
        (0..d.len()).find(|&i| d[i] < threshold && self.is_dip(i)).unwrap_or_else(|| {
            // The first of equals.
            (1..d.len()).fold(0, |best, i| if d[i] < d[best] { i } else { best })
        })
    }

    /// The period of a lag in samples, between the samples.
    pub(super) fn period(&self, index: usize) -> f64 {
        (self.min_period + index) as f64 + self.shifts[index]
    }
}
