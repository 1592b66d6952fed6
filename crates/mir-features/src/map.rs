//! Features over time: what does each number stand for?

use mir_core::FrameGrid;
use ndarray::Array3;
use serde::{Deserialize, Serialize};

/// Features `[channels, frames, bins]` with the time of the frames and the meaning of the bins.
///
/// ```
/// use mir_features::{AudioBuffer, LogMel, LogMelConfig};
/// let config = LogMelConfig::jongwook();
/// let audio = AudioBuffer::mono(config.sample_rate, vec![0.1; 16_000]);
/// let map = LogMel::new(config)?.process(&audio)?;
/// assert_eq!((map.channels(), map.frames(), map.bins()), map.data.dim());
/// // Where in the recording is the tenth frame, and what is the tenth bin?
/// assert!(map.grid.time_of(9) < 1.0 && map.axis.hz(9).is_some());
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureMap {
    /// Time of the frames.
    pub grid: FrameGrid,
    /// Meaning of the bins.
    pub axis: BinAxis,
    /// The values, `[channels, frames, bins]`.
    pub data: Array3<f32>,
}

impl FeatureMap {
    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.data.dim().0
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.data.dim().1
    }

    /// Number of bins.
    pub fn bins(&self) -> usize {
        self.data.dim().2
    }
}

/// What the bins of a feature stand for.
///
/// ```
/// use mir_features::BinAxis;
/// let axis = BinAxis::Linear { hz_per_bin: 10.0, bins: 1025 };
/// assert_eq!((axis.len(), axis.hz(100)), (1025, Some(1000.0)));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum BinAxis {
    /// Bands of a mel filterbank.
    Mel {
        /// Frequency of the peak of each band, Hz.
        centres_hz: Vec<f64>,
    },
    /// Bins of a Fourier transform: bin `b` is at `b · hz_per_bin`.
    Linear {
        /// Distance from bin to bin, Hz.
        hz_per_bin: f64,
        /// Number of bins.
        bins: usize,
    },
    /// Geometric spacing: bin `b` is at `f_min · 2^(b / bins_per_octave)`.
    LogHz {
        /// Frequency of bin 0, Hz.
        f_min: f64,
        /// Bins in an octave.
        bins_per_octave: f64,
        /// Number of bins.
        bins: usize,
    },
    /// Pitch classes: bin 0 is C, the octave is divided evenly.
    Chroma {
        /// Number of bins, a multiple of 12 as a rule.
        bins: usize,
    },
    /// Tempi.
    Tempo {
        /// Beats per minute of each bin; infinite for lag 0 (stored as `null`).
        #[serde(with = "infinite_as_null")]
        bpm: Vec<f64>,
    },
    /// Numbers that belong to no frequency: coefficients, bands, a single value.
    Values {
        /// What they are.
        name: String,
        /// How many.
        bins: usize,
    },
}

/// JSON knows no infinity.
mod infinite_as_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(values: &[f64], s: S) -> Result<S::Ok, S::Error> {
        let values: Vec<Option<f64>> = values.iter().map(|&v| v.is_finite().then_some(v)).collect();
        values.serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<f64>, D::Error> {
        let values = Vec::<Option<f64>>::deserialize(d)?;
        Ok(values.into_iter().map(|v| v.unwrap_or(f64::INFINITY)).collect())
    }
}

impl BinAxis {
    /// Numbers without a frequency.
    pub(crate) fn values(name: &str, bins: usize) -> Self {
        Self::Values { name: name.to_owned(), bins }
    }

    /// Number of bins.
    pub fn len(&self) -> usize {
        match self {
            Self::Mel { centres_hz } => centres_hz.len(),
            Self::Linear { bins, .. }
            | Self::LogHz { bins, .. }
            | Self::Chroma { bins }
            | Self::Values { bins, .. } => *bins,
            Self::Tempo { bpm } => bpm.len(),
        }
    }

    /// Whether there is no bin.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Frequency of a bin in Hz, `None` past the last and where a bin has none.
    pub fn hz(&self, bin: usize) -> Option<f64> {
        if bin >= self.len() {
            return None;
        }
        Some(match self {
            Self::Mel { centres_hz } => centres_hz[bin],
            Self::Linear { hz_per_bin, .. } => bin as f64 * hz_per_bin,
            Self::LogHz { f_min, bins_per_octave, .. } => {
                f_min * (bin as f64 / bins_per_octave).exp2()
            }
            Self::Chroma { .. } | Self::Tempo { .. } | Self::Values { .. } => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_axis_knows_its_frequencies() {
        let linear = BinAxis::Linear { hz_per_bin: 7.8125, bins: 1025 };
        assert!((linear.hz(1024).unwrap() - 8000.0).abs() < 1e-9);
        assert_eq!(linear.hz(1025), None);
        let log = BinAxis::LogHz { f_min: 27.5, bins_per_octave: 12.0, bins: 88 };
        assert!((log.hz(48).unwrap() - 440.0).abs() < 1e-9);
        let mel = BinAxis::Mel { centres_hz: vec![] };
        assert!(mel.is_empty());
        assert_eq!(mel.hz(0), None);
        assert_eq!((BinAxis::Chroma { bins: 12 }).hz(0), None);
        let tempo = BinAxis::Tempo { bpm: vec![f64::INFINITY, 60.0] };
        assert_eq!(tempo.len(), 2);
        assert_eq!(tempo.hz(1), None);
    }
}
