//! Architecture of the high-resolution networks.

use mir_core::{Fingerprinted, KeyRange};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Architecture of the high-resolution networks for notes and for pedals (Kong et al., "High-Resolution Piano
/// Transcription with Pedals by Regressing Onset and Offset Times", IEEE/ACM TASLP 2021; sizes of its published
/// program by default: 20,218,778 parameters for notes, 13,861,277 for pedals).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HighResolutionConfig {
    /// Bins of the input features, at least 16.
    pub bins: usize,
    /// Keys of the output.
    pub keys: KeyRange,
    /// Maps of the four blocks of convolutions, each at least 1.
    pub conv_channels: [usize; 4],
    /// Units of the linear layer after them, at least 1.
    pub fc_units: usize,
    /// Units of each recurrent layer and direction, at least 1.
    pub gru_units: usize,
    /// Recurrent layers of an acoustic model, 1 to 16. Those that couple the heads are single.
    pub gru_layers: usize,
    /// Dropout after each block, in [0, 1).
    pub conv_dropout: f64,
    /// Dropout around the recurrent layers, in [0, 1).
    pub fc_dropout: f64,
}

impl Default for HighResolutionConfig {
    fn default() -> Self {
        Self {
            bins: 229,
            keys: KeyRange::PIANO,
            conv_channels: [48, 64, 96, 128],
            fc_units: 768,
            gru_units: 256,
            gru_layers: 2,
            conv_dropout: 0.2,
            fc_dropout: 0.5,
        }
    }
}

impl Fingerprinted for HighResolutionConfig {
    const DOMAIN: &'static str = "mir-models/high-resolution/1";
}

impl HighResolutionConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    ///
    /// ```
    /// use mir_models::config::HighResolutionConfig;
    /// assert!(HighResolutionConfig::default().validate().is_ok());
    /// assert!(HighResolutionConfig { bins: 15, ..Default::default() }.validate().is_err());
    /// ```
    pub fn validate(&self) -> Result<()> {
        // Four poolings must leave a bin.
        let counts = [
            ("bins", self.bins, 16),
            ("fc_units", self.fc_units, 1),
            ("gru_units", self.gru_units, 1),
        ];
        let channels = self.conv_channels.map(|channels| ("conv_channels", channels, 1));
        for (field, value, low) in counts.into_iter().chain(channels) {
            if !(low..=65_536).contains(&value) {
                return Err(Error::config(field, "at least 1 (bins: 16), at most 65536", value));
            }
        }
        if !(1..=16).contains(&self.gru_layers) {
            return Err(Error::config("gru_layers", "1 to 16", self.gru_layers));
        }
        for (field, value) in [("conv_dropout", self.conv_dropout), ("fc_dropout", self.fc_dropout)]
        {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::config(field, "at least 0 and below 1", value));
            }
        }
        Ok(())
    }
}
