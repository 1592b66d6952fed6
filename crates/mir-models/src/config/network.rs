//! Architecture of the transcription networks.

use std::{fmt, str::FromStr};

use mir_core::{Fingerprinted, KeyRange};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Where a head takes its features from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// There is no such head.
    None,
    /// A linear layer on the features of another head's convolution stack: nearly free.
    Shared,
    /// Its own convolution stack, as published.
    #[default]
    Own,
}

/// In which form the frame head reads what another head says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    /// Probabilities, after the sigmoid.
    #[default]
    Prob,
    /// Logits.
    Logit,
}

/// How the frame head comes to its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameHead {
    /// A recurrent layer over what the other heads and a linear layer of its own say, as published.
    #[default]
    Combined,
    /// Like the onset head: recurrence and linear layer on its features, without a look at other heads.
    Independent,
}

/// The convolution stack, and how it treats the frequency axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stem {
    /// Two layers at full resolution, then pooling: the stack of Kelz et al. 2016, as published.
    #[default]
    Kelz,
    /// Pooling after each of the first two layers: the same receptive field in time for about half of
    /// the arithmetic, the second layer seeing half as many bins.
    Early,
    /// Steps of two bins in the first two layers in place of pooling: nothing is computed that would be pooled
    /// away. Two such stacks cost as much as one with early pooling.
    Strided,
    /// No convolutions: the heads read the features themselves.
    None,
}

/// Architecture of an Onsets-and-Frames network (Hawthorne et al. 2018; sizes of
/// jongwook/onsets-and-frames by default, 26,491,256 parameters).
///
/// The options beyond the published structure are `stem`, `conv_skip`, `input_norm` and the `Shared`
/// heads; all are off by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnsetsFramesConfig {
    /// Bins of the input features, at least 4.
    pub bins: usize,
    /// Keys of the output, one column each.
    pub keys: KeyRange,
    /// Maps `c` of the first two convolutions; the third has `2c`. At least 1.
    pub conv_channels: usize,
    /// Units of the fully connected layer after the convolutions, at least 1.
    pub fc_units: usize,
    /// A ReLU after that layer, as in Magenta's code (jongwook and the course have none).
    pub fc_relu: bool,
    /// Units per direction of each bidirectional LSTM; 0 leaves the recurrence out.
    pub lstm_units: usize,
    /// Layers of each bidirectional LSTM, 1 to 16.
    #[serde(skip_serializing_if = "is_published")]
    pub lstm_layers: usize,
    /// The convolution stack.
    pub stem: Stem,
    /// Adds the convolution stack's own linear logits to those of the LSTM: the network learns like a
    /// plain CNN from the first step, the recurrence corrects it.
    pub conv_skip: bool,
    /// Batch normalisation of every input bin over batch and time, before the first convolution.
    pub input_norm: bool,
    /// How the frame head comes to its result.
    #[serde(skip_serializing_if = "is_default")]
    pub frame_result: FrameHead,
    /// In which form a combined frame head reads the onset and offset heads.
    pub onset_feed: Feed,
    /// In which form it reads its own linear layer.
    #[serde(skip_serializing_if = "is_default")]
    pub activation_feed: Feed,
    /// Whether the frame loss trains the onset and offset heads too, as in the first version of Magenta's
    /// network; otherwise a combined frame head reads them without gradient.
    #[serde(skip_serializing_if = "is_default")]
    pub frame_trains_onsets: bool,
    /// Whose convolution stack the frame head reads: its own, as published, or the onset head's. Not
    /// `None`.
    pub frame_head: HeadKind,
    /// The offset head.
    pub offset_head: HeadKind,
    /// The velocity head.
    pub velocity_head: HeadKind,
    /// Dropout after each pooling layer, in [0, 1).
    pub conv_dropout: f64,
    /// Dropout after the fully connected layer, in [0, 1).
    pub fc_dropout: f64,
}

impl Default for OnsetsFramesConfig {
    fn default() -> Self {
        Self::jongwook(48)
    }
}

impl Fingerprinted for OnsetsFramesConfig {
    const DOMAIN: &'static str = "mir-models/onsets-frames/1";
}

impl OnsetsFramesConfig {
    /// The structure of jongwook/onsets-and-frames at a model complexity (published: 48): `16·complexity`
    /// units, half of it per LSTM direction.
    pub fn jongwook(complexity: usize) -> Self {
        Self {
            bins: 229,
            keys: KeyRange::PIANO,
            conv_channels: complexity,
            fc_units: 16 * complexity,
            fc_relu: false,
            lstm_units: 8 * complexity,
            lstm_layers: 1,
            stem: Stem::Kelz,
            conv_skip: false,
            input_norm: false,
            frame_result: FrameHead::Combined,
            onset_feed: Feed::Prob,
            activation_feed: Feed::Prob,
            frame_trains_onsets: false,
            frame_head: HeadKind::Own,
            offset_head: HeadKind::Own,
            velocity_head: HeadKind::Own,
            conv_dropout: 0.25,
            fc_dropout: 0.5,
        }
    }

    /// A model of the course GCT634 (KAIST, homework 3; the baseline after Kelz et al. 2016) with `conv_channels`
    /// maps in its first convolutions and `fc_units` units after them (published: 48 and 256).
    ///
    /// Two branches, onset and frame, each with its own weights; recurrent layers have two layers of 88
    /// units in each direction.
    pub fn course(model: CourseModel, conv_channels: usize, fc_units: usize) -> Self {
        let plain = Self {
            conv_channels,
            fc_units,
            lstm_units: 88,
            lstm_layers: 2,
            frame_result: FrameHead::Independent,
            offset_head: HeadKind::None,
            velocity_head: HeadKind::None,
            ..Self::default()
        };
        match model {
            CourseModel::Cnn => Self { lstm_units: 0, lstm_layers: 1, ..plain },
            CourseModel::Rnn => Self { stem: Stem::None, ..plain },
            CourseModel::Crnn => plain,
            CourseModel::Onf => {
                Self { frame_result: FrameHead::Combined, activation_feed: Feed::Logit, ..plain }
            }
        }
    }

    /// The network of Hawthorne et al. 2018, Magenta's first version: no offset head, and a frame loss that trains
    /// the onset head.
    ///
    /// Magenta's convolutions have no biases and its normalisations no scales; ours have both.
    pub fn magenta_2018() -> Self {
        Self {
            conv_channels: 32,
            fc_units: 512,
            fc_relu: true,
            lstm_units: 128,
            offset_head: HeadKind::None,
            frame_trains_onsets: true,
            ..Self::default()
        }
    }

    /// Magenta's second version (Hawthorne et al., "Enabling Factorized Piano Music Modeling and Generation with
    /// the MAESTRO Dataset", ICLR 2019): larger, with an offset head. As to biases see
    /// [`magenta_2018`](Self::magenta_2018).
    pub fn magenta_2019() -> Self {
        Self { fc_relu: true, lstm_units: 256, ..Self::jongwook(48) }
    }

    /// A small network that learns quickly on a CPU: one convolution stack with early pooling for all
    /// heads, its linear logits added to those of an LSTM for onsets and one for frames.
    pub fn small() -> Self {
        Self {
            // LibTorch's CPU kernels work on blocks of 16 channels: 20 would cost as much as 32.
            conv_channels: 16,
            fc_units: 256,
            fc_relu: false,
            lstm_units: 64,
            stem: Stem::Early,
            conv_skip: true,
            input_norm: true,
            frame_head: HeadKind::Shared,
            offset_head: HeadKind::None,
            velocity_head: HeadKind::Shared,
            // Dropout on the planes would cost as much as the convolutions.
            conv_dropout: 0.0,
            fc_dropout: 0.25,
            ..Self::jongwook(16)
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        let count = |field, value: usize, low: usize, expected| {
            if (low..=65_536).contains(&value) {
                Ok(())
            } else {
                Err(Error::config(field, expected, value))
            }
        };
        count("bins", self.bins, 4, "4 to 65536")?;
        count("conv_channels", self.conv_channels, 1, "1 to 65536")?;
        count("fc_units", self.fc_units, 1, "1 to 65536")?;
        count("lstm_units", self.lstm_units, 0, "0 to 65536")?;
        if !(1..=16).contains(&self.lstm_layers) {
            return Err(Error::config("lstm_layers", "1 to 16", self.lstm_layers));
        }
        if self.frame_head == HeadKind::None {
            return Err(Error::config("frame_head", "own or shared", "none"));
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

// Options that came after the first weight files stand in a file only where they are used: the identity of the
// networks from before stays what it was.

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_published(layers: &usize) -> bool {
    *layers == 1
}

/// The models of the course GCT634, homework 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CourseModel {
    /// The baseline: a convolution stack for each branch.
    Cnn,
    /// Recurrent layers on the features.
    Rnn,
    /// Convolution stacks, then recurrent layers.
    Crnn,
    /// Onsets and Frames: the frame branch reads the onset branch.
    Onf,
}

impl CourseModel {
    /// All four, as the course asks for them.
    pub const ALL: [Self; 4] = [Self::Cnn, Self::Rnn, Self::Crnn, Self::Onf];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cnn => "cnn",
            Self::Rnn => "rnn",
            Self::Crnn => "crnn",
            Self::Onf => "onf",
        }
    }
}

impl fmt::Display for CourseModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for CourseModel {
    type Err = Error;

    /// In capitals or not; the course calls its first model `baseline`.
    fn from_str(text: &str) -> Result<Self> {
        let name = text.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|model| model.name() == name || (name == "baseline" && *model == Self::Cnn))
            .ok_or_else(|| Error::config("model", "cnn (or baseline), rnn, crnn or onf", text))
    }
}
