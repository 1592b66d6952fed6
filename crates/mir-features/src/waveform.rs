//! The waveform itself as a feature: for networks that listen to samples.
//!
//! A frame is a sample and has one bin, its value. Stores, windows and batches then need no second kind
//! for audio.

use std::ops::Range;

use mir_core::{AudioBuffer, Fingerprint, Fingerprinted, FrameGrid, SampleRate};
use ndarray::{ArrayRef2, Axis};
use serde::{Deserialize, Serialize};

use crate::{BinAxis, FeatureMap, FrontEnd, FrontEndConfig, Result, stft::check_audio};

/// Which waveform.
///
/// ```
/// use mir_features::{FrontEndConfig, WaveformConfig};
/// let front_end = FrontEndConfig::Waveform(WaveformConfig::default()).build()?;
/// assert_eq!((front_end.frames(16_000), front_end.bins()), (16_000, 1));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WaveformConfig {
    /// Rate that audio must have, Hz.
    pub sample_rate: SampleRate,
}

impl Default for WaveformConfig {
    /// 16 kHz, as van den Oord et al. 2018 ("Representation learning with contrastive predictive
    /// coding", section 3.1).
    fn default() -> Self {
        Self { sample_rate: SampleRate::HZ_16000 }
    }
}

impl Fingerprinted for WaveformConfig {
    const DOMAIN: &'static str = "mir-features/waveform/1";
}

/// The waveform as a front end: `[channels, samples, 1]`.
///
/// ```
/// use mir_features::{AudioBuffer, FrontEnd, SampleRate, Waveform, WaveformConfig};
/// let waveform = Waveform::new(WaveformConfig::default())?;
/// let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.5; 100]);
/// let map = waveform.process(&audio)?;
/// assert_eq!(map.data.dim(), (1, 100, 1));
/// assert_eq!(map.data[(0, 99, 0)], 0.5);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Waveform {
    config: WaveformConfig,
    grid: FrameGrid,
}

impl Waveform {
    /// Plans it.
    ///
    /// # Errors
    /// [`Error::Core`](crate::Error::Core), which no rate causes.
    pub fn new(config: WaveformConfig) -> Result<Self> {
        let grid = FrameGrid::new(config.sample_rate, 1, 0)?;
        Ok(Self { config, grid })
    }
}

impl FrontEnd for Waveform {
    fn config(&self) -> FrontEndConfig {
        FrontEndConfig::Waveform(self.config.clone())
    }

    fn fingerprint(&self) -> Fingerprint {
        self.config.fingerprint().expect("a rate is a whole number")
    }

    fn sample_rate(&self) -> SampleRate {
        self.config.sample_rate
    }

    fn grid(&self) -> FrameGrid {
        self.grid
    }

    fn axis(&self) -> BinAxis {
        BinAxis::values("sample", 1)
    }

    fn bins(&self) -> usize {
        1
    }

    fn frames(&self, samples: usize) -> usize {
        samples
    }

    fn process(&self, audio: &AudioBuffer) -> Result<FeatureMap> {
        check_audio(audio, self.config.sample_rate)?;
        let data = audio.samples().to_owned().insert_axis(Axis(2));
        Ok(FeatureMap { grid: self.grid, axis: self.axis(), data })
    }

    fn process_frames(
        &self,
        samples: &[f32],
        range: Range<usize>,
        out: &mut ArrayRef2<f32>,
    ) -> Result<()> {
        out.iter_mut().zip(&samples[range]).for_each(|(value, sample)| *value = *sample);
        Ok(())
    }
}
