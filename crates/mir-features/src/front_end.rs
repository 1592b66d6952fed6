//! Front ends: what does a network see of a recording?
//!
//! A checkpoint or a feature store keeps a [`FrontEndConfig`]; [`FrontEndConfig::build`] turns it into
//! the object that computes exactly those features again.

use std::{fmt, ops::Range};

use mir_core::{AudioBuffer, Fingerprint, Fingerprinted, FrameGrid, SampleRate};
use ndarray::ArrayRef2;
use serde::{Deserialize, Serialize};

use crate::{BinAxis, Cqt, CqtConfig, FeatureMap, LogMel, LogMelConfig, Result};

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
}

impl Default for FrontEndConfig {
    fn default() -> Self {
        Self::LogMel(LogMelConfig::default())
    }
}

impl FrontEndConfig {
    /// Plans the front end.
    ///
    /// # Errors
    /// As the constructor of the front end: [`LogMel::new`], [`Cqt::new`].
    pub fn build(&self) -> Result<Box<dyn FrontEnd>> {
        Ok(match self {
            Self::LogMel(config) => Box::new(LogMel::new(config.clone())?),
            Self::Cqt(config) => Box::new(Cqt::new(config.clone())?),
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
        }
    }
}

/// A planned front end.
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
