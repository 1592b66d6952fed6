//! YIN: the period at which a frame differs least from itself.
//!
//! De Cheveigné and Kawahara 2002, "YIN, a fundamental frequency estimator for speech and music"; details as
//! in librosa 0.11.

use mir_core::{AudioBuffer, Fingerprinted, FrameGrid, SampleRate};
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

use crate::{Error, Pad, Result, extended::Extended, stft::check_audio};

/// Which periods are looked for, and in which frames.
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
    const DOMAIN: &'static str = "mir-features/yin/1";
}

impl YinConfig {
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
    grid: FrameGrid,
    difference: Difference,
}

impl Yin {
    /// Validates the configuration and plans the Fourier transforms.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] or [`Error::InvalidBand`] for the first field that is not admissible,
    /// [`Error::Core`] for a hop of 0.
    pub fn new(config: YinConfig) -> Result<Self> {
        let origin = if config.centred { 0 } else { config.frame_length as i64 / 2 };
        let grid = FrameGrid::new(config.sample_rate, config.hop, origin)?;
        config.validate()?;
        Ok(Self { difference: Difference::new(&config), grid, config })
    }

    /// The configuration.
    pub const fn config(&self) -> &YinConfig {
        &self.config
    }

    /// Time of the frames.
    pub const fn grid(&self) -> FrameGrid {
        self.grid
    }

    /// Number of frames of a recording of `samples` samples. Frames see their own samples only.
    pub fn frames(&self, samples: usize) -> usize {
        let padded = if self.config.centred && samples > 0 {
            samples + 2 * (self.config.frame_length / 2)
        } else {
            samples
        };
        let covered = padded.checked_sub(self.config.frame_length);
        covered.map_or(0, |covered| 1 + covered / self.config.hop as usize)
    }

    /// The frequency of every channel in every frame, Hz. There is always one, also in silence: YIN knows
    /// no voicing (see [`Pyin`](super::Pyin)). Allocates.
    ///
    /// # Errors
    /// [`Error::SampleRate`] for audio of another rate, [`Error::Core`] for samples that are not finite.
    pub fn process(&self, audio: &AudioBuffer) -> Result<Vec<Vec<f64>>> {
        check_audio(audio, self.config.sample_rate)?;
        let threshold = self.config.trough_threshold as f32;
        Ok((0..audio.channels())
            .map(|channel| {
                let samples = audio.channel(channel);
                let mut scratch = self.difference.scratch();
                (0..self.frames(samples.len()))
                    .map(|frame| {
                        let dips = self.difference.frame(samples, frame, &mut scratch);
                        let period = dips.first_below(threshold);
                        f64::from(self.config.sample_rate.hz()) / dips.period(period)
                    })
                    .collect()
            })
            .collect())
    }
}

/// A planned cumulative mean normalised difference function of frames.
pub(super) struct Difference {
    frame_length: usize,
    hop: usize,
    centred: bool,
    pad: Pad,
    pub(super) min_period: usize,
    max_period: usize,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
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
    frame: Vec<f32>,
    padded: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    forward: Vec<Complex<f32>>,
    inverse: Vec<Complex<f32>>,
    /// Normalised difference at `min_period..=max_period`.
    difference: Vec<f32>,
    /// Where between the lags a parabola through each and its neighbours is lowest.
    shifts: Vec<f32>,
}

impl Difference {
    pub(super) fn new(config: &YinConfig) -> Self {
        let rate = f64::from(config.sample_rate.hz());
        let min_period = (rate / config.f_max).floor() as usize;
        let max_period = ((rate / config.f_min).ceil() as usize).min(config.frame_length - 1);
        let mut planner = RealFftPlanner::new();
        // Room for lags without wrapping round; powers of two are quick.
        let size = (2 * config.frame_length - 1).next_power_of_two();
        Self {
            frame_length: config.frame_length,
            hop: config.hop as usize,
            centred: config.centred,
            pad: config.pad,
            min_period,
            max_period: max_period.max(min_period + 2).min(config.frame_length - 1),
            forward: planner.plan_fft_forward(size),
            inverse: planner.plan_fft_inverse(size),
        }
    }

    pub(super) fn scratch(&self) -> DifferenceScratch {
        let lags = self.max_period - self.min_period + 1;
        DifferenceScratch {
            frame: vec![],
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
        frame: usize,
        scratch: &'a mut DifferenceScratch,
    ) -> Dips<'a> {
        let offset = if self.centred { self.frame_length as i64 / 2 } else { 0 };
        let start = (frame * self.hop) as i64 - offset;
        scratch.frame.clear();
        let source = Extended { samples, pad: self.pad };
        source.read(start..start + self.frame_length as i64, &mut scratch.frame);

        scratch.padded.fill(0.0);
        scratch.padded[..self.frame_length].copy_from_slice(&scratch.frame);
        self.forward
            .process_with_scratch(&mut scratch.padded, &mut scratch.spectrum, &mut scratch.forward)
            .expect("buffers were made by the plan");
        for z in &mut scratch.spectrum {
            *z = Complex::new(z.norm_sqr(), 0.0);
        }
        self.inverse
            .process_with_scratch(&mut scratch.spectrum, &mut scratch.padded, &mut scratch.inverse)
            .expect("buffers were made by the plan");
        let size = scratch.padded.len() as f32;
        let correlation = &scratch.padded;

        let (mut energy, mut sum) = (0.0, 0.0);
        for lag in 1..=self.max_period {
            energy += scratch.frame[lag - 1] * scratch.frame[lag - 1];
            // librosa leaves the first sample out at the first lag.
            let left_out = if lag == 1 { 0.0 } else { energy };
            let difference = 2.0 * ((correlation[0] - correlation[lag]) / size) - left_out;
            sum += difference;
            if let Some(index) = lag.checked_sub(self.min_period) {
                let mean = sum / lag as f32;
                scratch.difference[index] = difference / (mean + f32::MIN_POSITIVE);
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
pub(crate) fn parabolic_shifts(x: &[f32], shifts: &mut [f32]) {
    shifts.fill(0.0);
    for (window, shift) in x.windows(3).zip(shifts.iter_mut().skip(1)) {
        let a = window[2] + window[0] - 2.0 * window[1];
        let b = (window[2] - window[0]) / 2.0;
        *shift = if b.abs() >= a.abs() { 0.0 } else { -b / a };
    }
}

/// The normalised difference of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dips<'a> {
    min_period: usize,
    pub(super) difference: &'a [f32],
    shifts: &'a [f32],
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
    fn first_below(&self, threshold: f32) -> usize {
        let d = self.difference;
        (0..d.len()).find(|&i| d[i] < threshold && self.is_dip(i)).unwrap_or_else(|| {
            // The first of equals.
            (1..d.len()).fold(0, |best, i| if d[i] < d[best] { i } else { best })
        })
    }

    /// The period of a lag in samples, between the samples.
    pub(super) fn period(&self, index: usize) -> f64 {
        (self.min_period + index) as f64 + f64::from(self.shifts[index])
    }
}
