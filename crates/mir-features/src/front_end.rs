//! Front ends: what does a network see of a recording?
//!
//! A checkpoint or a feature store keeps a [`FrontEndConfig`]; [`FrontEndConfig::build`] turns it into
//! the object that computes exactly those features again.

use std::{convert::identity, fmt, ops::Range};

use mir_core::{AudioBuffer, Fingerprint, Fingerprinted, FrameGrid, SampleRate};
use ndarray::ArrayRef2;
use serde::{Deserialize, Serialize};

use crate::{
    BinAxis, ChromaStft, ChromaStftConfig, Cqt, CqtConfig, FeatureMap, KaldiFbank,
    KaldiFbankConfig, LogMel, LogMelConfig, LogScale, Mfcc, MfccConfig, Result, Spectrogram,
    SpectrogramConfig, SpectrumPower, Waveform, WaveformConfig,
};

/// All front ends, each with its configuration.
///
/// ```
/// use mir_features::{FrontEndConfig, LogMelConfig};
/// let config = FrontEndConfig::LogMel(LogMelConfig::hw3());
/// let json = serde_json::to_string(&config)?;
/// assert!(json.starts_with(r#"{"kind":"log_mel","#));
/// assert_eq!(serde_json::from_str::<FrontEndConfig>(&json)?, config);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FrontEndConfig {
    /// A log-mel spectrogram.
    LogMel(LogMelConfig),
    /// Magnitudes of a constant-Q or variable-Q transform.
    Cqt(CqtConfig),
    /// A magnitude or power spectrogram.
    Spectrogram(SpectrogramConfig),
    /// Cepstral coefficients.
    Mfcc(MfccConfig),
    /// Kaldi's filterbank.
    KaldiFbank(KaldiFbankConfig),
    /// Chroma of a Fourier transform.
    ChromaStft(ChromaStftConfig),
    /// The samples themselves.
    Waveform(WaveformConfig),
}

impl Default for FrontEndConfig {
    fn default() -> Self {
        Self::LogMel(LogMelConfig::default())
    }
}

impl FrontEndConfig {
    /// Names of the log-mel front ends that [`log_mel_preset`](Self::log_mel_preset) knows.
    pub const LOG_MEL_PRESETS: [&str; 9] = [
        "hw3",
        "jongwook",
        "magenta",
        "hpt",
        "onsets_velocities_v1",
        "onsets_velocities_v2",
        "librosa",
        "torchaudio",
        "kaldi",
    ];

    /// A published log-mel front end by name; `None` for a name that is not in
    /// [`LOG_MEL_PRESETS`](Self::LOG_MEL_PRESETS). The last three are for audio of any rate and take
    /// `sample_rate`; the others work at 16 kHz.
    ///
    /// ```
    /// use mir_features::{FrontEndConfig, SampleRate};
    /// for name in FrontEndConfig::LOG_MEL_PRESETS {
    ///     let config = FrontEndConfig::log_mel_preset(name, SampleRate::HZ_22050).unwrap();
    ///     assert!(config.build().is_ok());
    /// }
    /// ```
    pub fn log_mel_preset(name: &str, sample_rate: SampleRate) -> Option<Self> {
        Some(Self::LogMel(match name {
            "hw3" => LogMelConfig::hw3(),
            "jongwook" => LogMelConfig::jongwook(),
            "magenta" => LogMelConfig::magenta(),
            "hpt" => LogMelConfig::hpt(),
            "onsets_velocities_v1" => LogMelConfig::onsets_velocities_v1(),
            "onsets_velocities_v2" => LogMelConfig::onsets_velocities_v2(),
            "librosa" => LogMelConfig::librosa(sample_rate),
            "torchaudio" => LogMelConfig::torchaudio(sample_rate),
            "kaldi" => {
                let config = KaldiFbankConfig { sample_rate, ..KaldiFbankConfig::default() };
                return Some(Self::KaldiFbank(config));
            }
            _ => return None,
        }))
    }

    /// Plans the front end.
    ///
    /// # Errors
    /// As the constructor of the front end: [`LogMel::new`], [`Cqt::new`].
    pub fn build(&self) -> Result<Box<dyn FrontEnd>> {
        Ok(match self {
            Self::LogMel(config) => Box::new(LogMel::new(config.clone())?),
            Self::Cqt(config) => Box::new(Cqt::new(config.clone())?),
            Self::Spectrogram(config) => Box::new(Spectrogram::new(config.clone())?),
            Self::Mfcc(config) => Box::new(Mfcc::new(config.clone())?),
            Self::KaldiFbank(config) => Box::new(KaldiFbank::new(config.clone())?),
            Self::ChromaStft(config) => Box::new(ChromaStft::new(config.clone())?),
            Self::Waveform(config) => Box::new(Waveform::new(config.clone())?),
        })
    }
}

impl FrontEndConfig {
    /// `e` where `exp(e·value)` is an energy, for features that are logarithms of one; `None` for others.
    ///
    /// ```
    /// use mir_features::{FrontEndConfig, LogMelConfig};
    /// // The natural logarithm of a magnitude.
    /// let config = FrontEndConfig::LogMel(LogMelConfig::jongwook());
    /// assert_eq!(config.energy_exponent(), Some(2.0));
    /// ```
    pub fn energy_exponent(&self) -> Option<f64> {
        let Self::LogMel(config) = self else { return None };
        let power = match config.power {
            SpectrumPower::Magnitude => 2.0,
            SpectrumPower::Power => 1.0,
        };
        Some(match config.log {
            LogScale::Ln => power,
            LogScale::Db => power * std::f64::consts::LN_10 / 10.0,
        })
    }
}

impl Fingerprinted for FrontEndConfig {
    const DOMAIN: &'static str = "mir-features/front-end/1";

    /// The fingerprint of the configuration inside: its domain names the kind already.
    fn fingerprint(&self) -> mir_core::Result<Fingerprint> {
        match self {
            Self::LogMel(config) => config.fingerprint(),
            Self::Cqt(config) => config.fingerprint(),
            Self::Spectrogram(config) => config.fingerprint(),
            Self::Mfcc(config) => config.fingerprint(),
            Self::KaldiFbank(config) => config.fingerprint(),
            Self::ChromaStft(config) => config.fingerprint(),
            Self::Waveform(config) => config.fingerprint(),
        }
    }
}

/// A planned front end.
///
/// ```
/// use mir_features::{AudioBuffer, FrontEndConfig, LogMelConfig};
/// let front_end = FrontEndConfig::LogMel(LogMelConfig::jongwook()).build()?;
/// let audio = AudioBuffer::mono(front_end.sample_rate(), vec![0.1; 8000]);
/// let map = front_end.process(&audio)?;
/// assert_eq!((map.frames(), map.bins()), (front_end.frames(8000), front_end.bins()));
/// # Ok::<(), mir_features::Error>(())
/// ```
pub trait FrontEnd: fmt::Debug + Send + Sync {
    /// The configuration.
    fn config(&self) -> FrontEndConfig;

    /// Identity of the configuration.
    fn fingerprint(&self) -> Fingerprint;

    /// Rate that the audio must have.
    fn sample_rate(&self) -> SampleRate;

    /// Time of the frames.
    fn grid(&self) -> FrameGrid;

    /// Meaning of the bins.
    fn axis(&self) -> BinAxis;

    /// Number of bins.
    fn bins(&self) -> usize;

    /// Number of frames of a recording of `samples` samples.
    fn frames(&self, samples: usize) -> usize;

    /// The features of every channel, `[channels, frames, bins]`.
    ///
    /// # Errors
    /// [`Error::SampleRate`](crate::Error::SampleRate) for audio of another rate,
    /// [`Error::Core`](crate::Error::Core) for samples that are not finite.
    fn process(&self, audio: &AudioBuffer) -> Result<FeatureMap>;

    /// Some frames of one channel of a recording, with the samples that really surround them, into
    /// `out`, `[range, bins]`.
    ///
    /// # Errors
    /// [`Error::NeedsWholeSignal`](crate::Error::NeedsWholeSignal) if a frame depends on all others.
    ///
    /// # Panics
    /// If the range reaches past [`frames`](Self::frames), or `out` has another shape.
    fn process_frames(
        &self,
        samples: &[f32],
        range: Range<usize>,
        out: &mut ArrayRef2<f32>,
    ) -> Result<()>;
}

/// Makes a planned feature a front end: everything is there already, under the same names. What
/// `process_frames` returns is made a result.
macro_rules! front_end {
    ($feature:ident, $result:path) => {
        impl FrontEnd for $feature {
            fn config(&self) -> FrontEndConfig {
                FrontEndConfig::$feature(self.config().clone())
            }

            fn fingerprint(&self) -> Fingerprint {
                self.config()
                    .fingerprint()
                    .expect("a valid configuration has no NaN and no infinity")
            }

            fn sample_rate(&self) -> SampleRate {
                self.grid().sample_rate()
            }

            fn grid(&self) -> FrameGrid {
                self.grid()
            }

            fn axis(&self) -> BinAxis {
                self.axis()
            }

            fn bins(&self) -> usize {
                self.bins()
            }

            fn frames(&self, samples: usize) -> usize {
                self.frames(samples)
            }

            fn process(&self, audio: &AudioBuffer) -> Result<FeatureMap> {
                self.process(audio)
            }

            fn process_frames(
                &self,
                samples: &[f32],
                range: Range<usize>,
                out: &mut ArrayRef2<f32>,
            ) -> Result<()> {
                $result(self.process_frames(samples, range, out))
            }
        }
    };
}

front_end!(LogMel, identity);
front_end!(Spectrogram, identity);
front_end!(Mfcc, identity);
front_end!(KaldiFbank, identity);
front_end!(ChromaStft, identity);
front_end!(Cqt, Ok);
