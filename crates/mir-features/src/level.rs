//! Level and zero crossings: what can be told without a spectrum?

use mir_core::SampleRate;
use serde::{Deserialize, Serialize};

use crate::{
    BinAxis, Error, FrameFeature, FrameLayout, Framing, Pad, Result, frames::frame_feature_methods,
};

/// Makes a planned feature with a `framing` and a `value` of the samples of a frame a feature of frames.
macro_rules! one_value {
    ($feature:ident, $config:ident, $name:literal) => {
        impl FrameFeature for $feature {
            type Scratch = ();

            fn framing(&self) -> &Framing {
                &self.framing
            }

            fn axis(&self) -> BinAxis {
                BinAxis::values($name, 1)
            }

            fn bins(&self) -> usize {
                1
            }

            fn scratch(&self) {}

            fn frame_into(&self, samples: &[f32], (): &mut (), out: &mut [f32]) {
                out[0] = self.value(samples);
            }
        }

        frame_feature_methods!($feature, $config);
    };
}

/// How the level should be measured.
///
/// ```
/// use mir_features::{Rms, RmsConfig};
/// let config = RmsConfig { frame_length: 441, ..RmsConfig::default() };
/// assert!(Rms::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsConfig {
    /// Rate of the audio.
    pub sample_rate: SampleRate,
    /// Samples in a frame, at least 1.
    pub frame_length: usize,
    /// Samples from frame to frame, at least 1.
    pub hop: u32,
    /// How the frames lie.
    pub layout: FrameLayout,
    /// What frames see beyond the ends.
    pub pad: Pad,
}

impl Default for RmsConfig {
    /// librosa's: 2048/512 at 22.05 kHz, zeros beyond the ends.
    fn default() -> Self {
        Self {
            sample_rate: SampleRate::HZ_22050,
            frame_length: 2048,
            hop: 512,
            layout: FrameLayout::Centred,
            pad: Pad::Zero,
        }
    }
}

/// The root of the mean of the squared samples of each frame.
///
/// ```
/// use mir_features::{AudioBuffer, Rms, RmsConfig, SampleRate};
/// let rms = Rms::new(RmsConfig::default())?;
/// let map = rms.process(&AudioBuffer::mono(SampleRate::HZ_22050, vec![0.5; 22_050]))?;
/// assert_eq!(map.data.dim(), (1, 44, 1));
/// assert!((map.data[(0, 20, 0)] - 0.5).abs() < 1e-6);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct Rms {
    config: RmsConfig,
    framing: Framing,
}

impl Rms {
    /// Validates the configuration.
    ///
    /// # Errors
    /// As [`Framing::new`].
    pub fn new(config: RmsConfig) -> Result<Self> {
        let RmsConfig { sample_rate, frame_length, hop, layout, pad } = config;
        let framing = Framing::new(sample_rate, frame_length, hop, layout, pad)?;
        Ok(Self { config, framing })
    }
}

impl Rms {
    fn value(&self, samples: &[f32]) -> f32 {
        // Eight sums that do not wait for each other.
        let mut sums = [0.0_f64; 8];
        let (chunks, rest) = samples.as_chunks::<8>();
        for chunk in chunks {
            for (sum, &x) in sums.iter_mut().zip(chunk) {
                *sum += f64::from(x) * f64::from(x);
            }
        }
        let rest: f64 = rest.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let energy = sums.iter().sum::<f64>() + rest;
        (energy / samples.len() as f64).sqrt() as f32
    }
}

one_value!(Rms, RmsConfig, "root mean square");

/// How zero crossings should be counted.
///
/// ```
/// use mir_features::{ZeroCrossingRate, ZeroCrossingRateConfig};
/// let config = ZeroCrossingRateConfig { threshold: 1e-3, ..ZeroCrossingRateConfig::default() };
/// assert!(ZeroCrossingRate::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZeroCrossingRateConfig {
    /// Rate of the audio.
    pub sample_rate: SampleRate,
    /// Samples in a frame, at least 1.
    pub frame_length: usize,
    /// Samples from frame to frame, at least 1.
    pub hop: u32,
    /// How the frames lie.
    pub layout: FrameLayout,
    /// What frames see beyond the ends.
    pub pad: Pad,
    /// Samples of at most this magnitude count as 0, at least 0.
    pub threshold: f64,
}

impl Default for ZeroCrossingRateConfig {
    /// librosa's: 2048/512 at 22.05 kHz, the first and last sample repeated beyond the ends.
    fn default() -> Self {
        Self {
            sample_rate: SampleRate::HZ_22050,
            frame_length: 2048,
            hop: 512,
            layout: FrameLayout::Centred,
            pad: Pad::Edge,
            threshold: 1e-10,
        }
    }
}

/// The share of the samples of a frame that differ in sign from the one before; 0 counts as positive.
///
/// ```
/// use mir_features::{AudioBuffer, SampleRate, ZeroCrossingRate, ZeroCrossingRateConfig};
/// let rate = ZeroCrossingRate::new(ZeroCrossingRateConfig::default())?;
/// let square = (0..22_050).map(|n| if n / 50 % 2 == 0 { 1.0 } else { -1.0 }).collect();
/// let map = rate.process(&AudioBuffer::mono(SampleRate::HZ_22050, square))?;
/// assert!((map.data[(0, 20, 0)] - 0.02).abs() < 1e-3);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct ZeroCrossingRate {
    config: ZeroCrossingRateConfig,
    framing: Framing,
}

impl ZeroCrossingRate {
    /// Validates the configuration.
    ///
    /// # Errors
    /// As [`Framing::new`]; [`Error::OutOfRange`] for a threshold below 0.
    pub fn new(config: ZeroCrossingRateConfig) -> Result<Self> {
        let ZeroCrossingRateConfig { sample_rate, frame_length, hop, layout, pad, threshold } =
            config;
        if !(threshold.is_finite() && threshold >= 0.0) {
            return Err(Error::OutOfRange {
                field: "threshold",
                expected: "a finite number from 0",
                actual: threshold,
            });
        }
        let framing = Framing::new(sample_rate, frame_length, hop, layout, pad)?;
        Ok(Self { config, framing })
    }
}

impl ZeroCrossingRate {
    fn value(&self, samples: &[f32]) -> f32 {
        let threshold = self.config.threshold as f32;
        let negative = |x: f32| x < -threshold;
        let crossings = samples.windows(2).filter(|w| negative(w[0]) != negative(w[1])).count();
        (crossings as f64 / samples.len() as f64) as f32
    }
}

one_value!(ZeroCrossingRate, ZeroCrossingRateConfig, "zero-crossing rate");
