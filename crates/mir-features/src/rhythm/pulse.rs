//! Predominant local pulse: a curve that peaks where beats are expected (Grosche and Müller 2011).

use mir_core::AudioBuffer;
use mir_fft::num_complex::Complex;
use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::{
    FourierTempogram, FourierTempogramConfig, OnsetAggregate, OnsetStrength, OnsetStrengthConfig,
};
use crate::{BinAxis, Error, FeatureMap, Istft, IstftConfig, Result, VectorNorm};

/// How the pulse should be found.
///
/// ```
/// use mir_features::{PredominantPulse, PredominantPulseConfig};
/// let config = PredominantPulseConfig { max_bpm: None, ..PredominantPulseConfig::default() };
/// assert!(PredominantPulse::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PredominantPulseConfig {
    /// The curve whose pulse is looked for; one band.
    pub strength: OnsetStrengthConfig,
    /// Frames that are looked at together, an even number from 2 to 1048576.
    pub win_length: usize,
    /// Smallest tempo, beats per minute.
    pub min_bpm: Option<f64>,
    /// Largest tempo, beats per minute, above the smallest.
    pub max_bpm: Option<f64>,
}

impl Default for PredominantPulseConfig {
    /// librosa's: 30 to 300 beats per minute in 384 frames, the median over bins as onset strength.
    fn default() -> Self {
        let strength = OnsetStrengthConfig {
            aggregate: OnsetAggregate::Median,
            ..OnsetStrengthConfig::default()
        };
        Self { strength, win_length: 384, min_bpm: Some(30.0), max_bpm: Some(300.0) }
    }
}

/// A planned predominant pulse: of each frame of the Fourier tempogram, the strongest bin with its phase
/// alone, overlapped and added; the positive half, scaled to a maximum of 1.
///
/// librosa scales each frame by the largest *complex* number of its bins, which is 0 where the strongest has
/// a negative real part, so that half of the frames count many times more; here all count the same, as
/// in the paper. The pulse is scaled by its maximum over the whole recording: there is no streaming form.
///
/// ```
/// use mir_features::{AudioBuffer, PredominantPulse, SampleRate};
/// let clicks = (0..220_500).map(|n| if n % 11_264 == 0 { 1.0 } else { 0.0 }).collect();
/// let audio = AudioBuffer::mono(SampleRate::HZ_22050, clicks);
/// let pulse = PredominantPulse::new(Default::default())?.process(&audio)?;
/// assert_eq!(pulse.data.dim(), (1, 431, 1));
/// assert!(pulse.data.iter().all(|y| (0.0..=1.0).contains(y)));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct PredominantPulse {
    config: PredominantPulseConfig,
    strength: OnsetStrength,
    tempogram: FourierTempogram,
    istft: Istft,
}

impl PredominantPulse {
    /// Validates the configuration and plans the transforms.
    ///
    /// # Errors
    /// As [`OnsetStrength::new`] and [`FourierTempogram::new`]; [`Error::OutOfRange`] for the limits.
    pub fn new(config: PredominantPulseConfig) -> Result<Self> {
        if let (Some(low), Some(high)) = (config.min_bpm, config.max_bpm)
            && (high <= low || low.is_nan() || high.is_nan())
        {
            return Err(Error::OutOfRange {
                field: "max_bpm",
                expected: "above min_bpm",
                actual: high,
            });
        }
        let tempogram = FourierTempogramConfig {
            win_length: config.win_length,
            ..FourierTempogramConfig::default()
        };
        Ok(Self {
            strength: OnsetStrength::new(config.strength.clone())?,
            istft: Istft::new(IstftConfig {
                stft: FourierTempogram::stft_config(&tempogram),
                ..IstftConfig::default()
            })?,
            tempogram: FourierTempogram::new(tempogram)?,
            config,
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &PredominantPulseConfig {
        &self.config
    }

    /// The pulse of every channel, `[channels, frames, 1]`, 0 to 1. Allocates.
    ///
    /// # Errors
    /// [`Error::SampleRate`] for audio of another rate, [`Error::Core`] for samples that are not finite.
    pub fn process(&self, audio: &AudioBuffer) -> Result<FeatureMap> {
        self.from_strength(&self.strength.process(audio)?)
    }

    /// The pulse of every channel, from onset strength `[channels, frames, 1]`. Allocates.
    ///
    /// # Errors
    /// [`Error::Core`] for values that are not finite.
    pub fn from_strength(&self, strength: &FeatureMap) -> Result<FeatureMap> {
        let mut tempogram = self.tempogram.process(strength)?;
        let rate = 60.0 * strength.grid.frame_rate() / self.config.win_length as f64;
        let low = self.config.min_bpm.unwrap_or(f64::NEG_INFINITY);
        let high = self.config.max_bpm.unwrap_or(f64::INFINITY);
        for mut row in tempogram.data.rows_mut() {
            let allowed = |bin: usize| (low..=high).contains(&(bin as f64 * rate));
            let strongest = (0..row.len())
                .filter(|&bin| allowed(bin))
                .max_by(|&a, &b| row[a].norm_sqr().total_cmp(&row[b].norm_sqr()));
            let phase = strongest.map(|bin| (bin, row[bin] / row[bin].norm()));
            row.fill(Complex::default());
            if let Some((bin, phase)) = phase
                && phase.is_finite()
            {
                row[bin] = phase;
            }
        }
        let frames = strength.frames();
        let mut data = Array3::zeros((strength.channels(), frames, 1));
        let mut pulse = vec![0.0; frames];
        for (tempogram, mut out) in tempogram.data.outer_iter().zip(data.outer_iter_mut()) {
            self.istft.process_into(&tempogram, &mut pulse);
            pulse.iter_mut().for_each(|y| *y = y.max(0.0));
            VectorNorm::Max.normalise(&mut pulse);
            out.iter_mut().zip(&pulse).for_each(|(slot, &y)| *slot = y);
        }
        let axis = BinAxis::values("pulse", 1);
        Ok(FeatureMap { grid: strength.grid, axis, data })
    }
}
