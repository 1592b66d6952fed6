//! Onsets and Frames (Hawthorne et al., "Onsets and Frames: Dual-Objective Piano Transcription",
//! ISMIR 2018), with the structure and the parameter names of jongwook/onsets-and-frames.
//!
//! ```text
//! log-mel ─┬─ ConvStack ─ BiLSTM ─ Linear ────────────────────────────────▶ onset
//!          ├─ ConvStack ─ BiLSTM ─ Linear ──────────────┬─────────────────▶ offset
//!          ├─ ConvStack ─ Linear ── activation ─┐       │
//!          │            [onset, offset] detached┴ concat ─ BiLSTM ─ Linear ▶ frame
//!          └─ ConvStack ─ Linear ────────────────────────────────────────▶ velocity
//! ```

use tch::Tensor;

use crate::{
    Result,
    config::{HeadKind, OnsetFeed, OnsetsFramesConfig, Stem},
    error::TorchContext,
    nn::{BatchNorm, BiLstm, Conv2d, Linear, Mode, dropout, layers::float},
    params::{Params, Scope},
};

/// What the network says, each `[batch, frames, keys]`. Onset, offset and frame are logits; velocity is
/// linear, a fraction of 127.
#[derive(Debug)]
pub struct Heads {
    /// Logits of "a note starts".
    pub onset: Tensor,
    /// Logits of "a note sounds".
    pub frame: Tensor,
    /// Logits of "a note has just ended".
    pub offset: Option<Tensor>,
    /// Velocity of a note that starts.
    pub velocity: Option<Tensor>,
}

/// The convolution stack that reads the features for one head or more.
#[derive(Debug)]
struct ConvStack {
    convs: [Conv2d; 3],
    norms: [BatchNorm; 3],
    fc: Linear,
    fc_relu: bool,
    stem: Stem,
    conv_dropout: f64,
    fc_dropout: f64,
}

impl ConvStack {
    fn new(mut scope: Scope<'_>, config: &OnsetsFramesConfig) -> Result<Self> {
        let c = config.conv_channels;
        let mut cnn = scope.child("cnn");
        // The indices are those of PyTorch's `Sequential`: 2, 5, 10 are ReLUs, 6, 11 pooling layers, 7,
        // 12 dropouts.
        let convs = [
            Conv2d::new(cnn.child(0), 1, c, [3, 3])?,
            Conv2d::new(cnn.child(3), c, c, [3, 3])?,
            Conv2d::new(cnn.child(8), c, 2 * c, [3, 3])?,
        ];
        let norms = [
            BatchNorm::new(cnn.child(1), c)?,
            BatchNorm::new(cnn.child(4), c)?,
            BatchNorm::new(cnn.child(9), 2 * c)?,
        ];
        let pooled = config.bins / 4;
        Ok(Self {
            convs,
            norms,
            fc: Linear::new(scope.child("fc").child(0), 2 * c * pooled, config.fc_units)?,
            fc_relu: config.fc_relu,
            stem: config.stem,
            conv_dropout: config.conv_dropout,
            fc_dropout: config.fc_dropout,
        })
    }

    /// `[batch, 1, frames, bins]` → `[batch, frames, fc_units]`.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let pool = |x: Tensor| -> Result<Tensor> {
            let x = x.f_max_pool2d([1, 2], [1, 2], [0, 0], [1, 1], false).during("pooling")?;
            dropout(x, self.conv_dropout, mode)
        };
        let pool_after: [bool; 3] = match self.stem {
            Stem::Kelz => [false, true, true],
            Stem::Early => [true, true, false],
        };
        let mut x = channels_last(x)?;
        for ((conv, norm), pooled) in self.convs.iter().zip(&self.norms).zip(pool_after) {
            x = norm.forward(&conv.forward(&x, mode)?, mode)?.f_relu_().during("a ReLU")?;
            if pooled {
                x = pool(x)?;
            }
        }
        // [B, C, T, F] -> [B, T, C·F]: a row per frame, channel-major within it.
        let x = x.f_transpose(1, 2).and_then(|x| x.f_flatten(-2, -1)).during("flattening")?;
        let mut x = self.fc.forward(&x, mode)?;
        if self.fc_relu {
            x = x.f_relu().during("a ReLU")?;
        }
        dropout(x, self.fc_dropout, mode)
    }
}

/// `[batch, 1, frames, bins]` laid out with the channels last, an order that the layers after it keep:
/// normalisation, pooling and convolution of few channels move a third less memory than plane by plane.
fn channels_last(x: &Tensor) -> Result<Tensor> {
    x.f_contiguous()
        .and_then(|x| x.f_squeeze_dim(1)?.f_unsqueeze(-1)?.f_permute([0, 3, 1, 2]))
        .during("laying out the input")
}

/// Features → optional BiLSTM → logits, with the features' own linear logits added on request.
#[derive(Debug)]
struct RecurrentHead {
    lstm: Option<BiLstm>,
    linear: Linear,
    skip: Option<Linear>,
}

impl RecurrentHead {
    fn new(
        scope: &mut Scope<'_>,
        first_index: usize,
        inputs: usize,
        config: &OnsetsFramesConfig,
    ) -> Result<Self> {
        let keys = config.keys.len();
        let units = config.lstm_units;
        if units == 0 {
            let linear = Linear::new(scope.child(first_index), inputs, keys)?;
            return Ok(Self { lstm: None, linear, skip: None });
        }
        let lstm = BiLstm::new(scope.child(first_index).child("rnn"), inputs, units)?;
        let linear = Linear::new(scope.child(first_index + 1), 2 * units, keys)?;
        let skip =
            config.conv_skip.then(|| Linear::new(scope.child("skip"), inputs, keys)).transpose()?;
        Ok(Self { lstm: Some(lstm), linear, skip })
    }

    fn forward(&self, features: &Tensor, mode: Mode) -> Result<Tensor> {
        let Some(lstm) = &self.lstm else {
            return float(&self.linear.forward(features, mode)?);
        };
        let logits = float(&self.linear.forward(&lstm.forward(features, mode)?, mode)?)?;
        match &self.skip {
            None => Ok(logits),
            Some(skip) => {
                let direct = float(&skip.forward(features, mode)?)?;
                logits.f_add(&direct).during("adding logits")
            }
        }
    }
}

/// A head with a convolution stack of its own.
#[derive(Debug)]
struct Stack {
    conv: ConvStack,
    head: RecurrentHead,
}

impl Stack {
    fn new(mut scope: Scope<'_>, config: &OnsetsFramesConfig) -> Result<Self> {
        let conv = ConvStack::new(scope.child(0), config)?;
        let head = RecurrentHead::new(&mut scope, 1, config.fc_units, config)?;
        Ok(Self { conv, head })
    }
}

/// A head that is a linear layer on convolution features, its own or another head's.
#[derive(Debug)]
struct LinearHead {
    conv: Option<ConvStack>,
    linear: Linear,
}

impl LinearHead {
    fn new(
        mut scope: Scope<'_>,
        kind: HeadKind,
        config: &OnsetsFramesConfig,
    ) -> Result<Option<Self>> {
        let conv = match kind {
            HeadKind::None => return Ok(None),
            HeadKind::Shared => None,
            HeadKind::Own => Some(ConvStack::new(scope.child(0), config)?),
        };
        let linear = Linear::new(scope.child(1), config.fc_units, config.keys.len())?;
        Ok(Some(Self { conv, linear }))
    }

    fn forward(&self, x: &Tensor, shared: &Tensor, mode: Mode) -> Result<Tensor> {
        let own = self.conv.as_ref().map(|conv| conv.forward(x, mode)).transpose()?;
        float(&self.linear.forward(own.as_ref().unwrap_or(shared), mode)?)
    }
}

/// The offset head: recurrent with its own stack, linear when it shares one.
#[derive(Debug)]
enum OffsetHead {
    Own(Stack),
    Shared(LinearHead),
}

/// The network.
#[derive(Debug)]
pub struct OnsetsFrames {
    config: OnsetsFramesConfig,
    input_norm: Option<BatchNorm>,
    onset: Stack,
    offset: Option<OffsetHead>,
    frame: LinearHead,
    combined: Option<(BiLstm, Linear)>,
    velocity: Option<LinearHead>,
}

impl OnsetsFrames {
    /// Builds the network, registering its tensors.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for an invalid configuration,
    /// [`Error::DuplicateParameter`](crate::Error::DuplicateParameter) if the names are taken.
    pub fn new(params: &mut Params, config: OnsetsFramesConfig) -> Result<Self> {
        config.validate()?;
        let mut root = params.root();
        let input_norm = config
            .input_norm
            .then(|| BatchNorm::new(root.child("input_norm"), config.bins))
            .transpose()?;
        let onset = Stack::new(root.child("onset_stack"), &config)?;
        let offset = match config.offset_head {
            HeadKind::None => None,
            HeadKind::Own => {
                Some(OffsetHead::Own(Stack::new(root.child("offset_stack"), &config)?))
            }
            HeadKind::Shared => {
                LinearHead::new(root.child("offset_stack"), HeadKind::Shared, &config)?
                    .map(OffsetHead::Shared)
            }
        };
        let frame = LinearHead::new(root.child("frame_stack"), config.frame_head, &config)?
            .ok_or_else(|| crate::Error::config("frame_head", "own or shared", "none"))?;
        let combined = (config.lstm_units > 0)
            .then(|| -> Result<_> {
                let keys = config.keys.len();
                let inputs = keys * if offset.is_some() { 3 } else { 2 };
                let mut scope = root.child("combined_stack");
                let lstm = BiLstm::new(scope.child(0).child("rnn"), inputs, config.lstm_units)?;
                Ok((lstm, Linear::new(scope.child(1), 2 * config.lstm_units, keys)?))
            })
            .transpose()?;
        let velocity =
            LinearHead::new(root.child("velocity_stack"), config.velocity_head, &config)?;
        Ok(Self { config, input_norm, onset, offset, frame, combined, velocity })
    }

    /// The configuration.
    pub fn config(&self) -> &OnsetsFramesConfig {
        &self.config
    }

    /// `[batch, 1, frames, bins]` → the heads.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for another number of channels or bins.
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Result<Heads> {
        let size = input.size();
        if size.len() != 4 || size[1] != 1 || size[3] != self.config.bins as i64 {
            return Err(crate::Error::Shape {
                what: "the input of Onsets and Frames",
                expected: format!("[batch, 1, frames, {}]", self.config.bins),
                actual: size.iter().map(|&n| n as usize).collect(),
            });
        }
        let x = match &self.input_norm {
            None => input.shallow_clone(),
            Some(norm) => {
                // [B, 1, T, F] -> [B, F, 1, T] and back: one mean and variance a bin.
                let bins_first = input.f_permute([0, 3, 1, 2]).during("permuting")?;
                norm.forward(&bins_first, mode)?.f_permute([0, 2, 3, 1]).during("permuting")?
            }
        };
        let onset_features = self.onset.conv.forward(&x, mode)?;
        let onset = self.onset.head.forward(&onset_features, mode)?;
        let frame_features = match &self.frame.conv {
            Some(conv) => conv.forward(&x, mode)?,
            None => onset_features.shallow_clone(),
        };
        let offset = match &self.offset {
            None => None,
            Some(OffsetHead::Own(stack)) => {
                Some(stack.head.forward(&stack.conv.forward(&x, mode)?, mode)?)
            }
            Some(OffsetHead::Shared(head)) => Some(head.forward(&x, &frame_features, mode)?),
        };
        let activation = float(&self.frame.linear.forward(&frame_features, mode)?)?;
        let frame = match &self.combined {
            None => activation,
            Some((lstm, linear)) => {
                // Detached: the frame loss must not train the onset and offset stacks.
                let detached = |logits: &Tensor| {
                    let logits = logits.f_detach()?;
                    match self.config.onset_feed {
                        OnsetFeed::Prob => logits.f_sigmoid(),
                        OnsetFeed::Logit => Ok(logits),
                    }
                };
                let mut inputs = vec![detached(&onset).during("feeding onsets")?];
                if let Some(offset) = &offset {
                    inputs.push(detached(offset).during("feeding offsets")?);
                }
                inputs.push(activation.f_sigmoid().during("a sigmoid")?);
                let joined = Tensor::f_cat(&inputs, -1).during("joining heads")?;
                let logits = float(&linear.forward(&lstm.forward(&joined, mode)?, mode)?)?;
                if self.config.conv_skip {
                    logits.f_add(&activation).during("adding logits")?
                } else {
                    logits
                }
            }
        };
        let velocity = self
            .velocity
            .as_ref()
            .map(|head| head.forward(&x, &onset_features, mode))
            .transpose()?;
        Ok(Heads { onset, frame, offset, velocity })
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    fn network(config: OnsetsFramesConfig) -> (Params, OnsetsFrames) {
        let mut params = Params::new(Device::Cpu, 1);
        let network = OnsetsFrames::new(&mut params, config).unwrap();
        (params, network)
    }

    #[test]
    fn parameter_counts_are_the_published_ones() {
        for (complexity, expected) in [
            (8, 899_416),
            (16, 3_204_856),
            (24, 6_916_760),
            (32, 12_035_128),
            (48, 26_491_256),
            (64, 46_573_240),
        ] {
            let (params, _) = network(OnsetsFramesConfig::jongwook(complexity));
            assert_eq!(params.count_trainable(), expected, "complexity {complexity}");
        }
    }

    #[test]
    fn every_length_keeps_its_frames() {
        let small = OnsetsFramesConfig::small();
        let bare = OnsetsFramesConfig {
            lstm_units: 0,
            offset_head: HeadKind::Shared,
            velocity_head: HeadKind::None,
            ..OnsetsFramesConfig::jongwook(4)
        };
        for config in [OnsetsFramesConfig::jongwook(4), small, bare] {
            let (_params, network) = network(config.clone());
            for frames in [1, 2, 200] {
                let x = Tensor::zeros([2, 1, frames, 229], (Kind::Float, Device::Cpu));
                let heads = network.forward(&x, Mode::EVAL).unwrap();
                for head in [
                    Some(&heads.onset),
                    Some(&heads.frame),
                    heads.offset.as_ref(),
                    heads.velocity.as_ref(),
                ]
                .into_iter()
                .flatten()
                {
                    assert_eq!(head.size(), [2, frames, 88]);
                    assert_eq!(head.kind(), Kind::Float);
                }
                assert_eq!(heads.offset.is_some(), config.offset_head != HeadKind::None);
                assert_eq!(heads.velocity.is_some(), config.velocity_head != HeadKind::None);
            }
        }
    }

    #[test]
    fn other_bins_are_refused() {
        let (_params, network) = network(OnsetsFramesConfig::small());
        let x = Tensor::zeros([1, 1, 10, 128], (Kind::Float, Device::Cpu));
        assert!(matches!(network.forward(&x, Mode::EVAL), Err(crate::Error::Shape { .. })));
    }

    #[test]
    fn the_frame_loss_does_not_reach_the_onset_stack() {
        let (params, network) = network(OnsetsFramesConfig::jongwook(4));
        let x = Tensor::randn([1, 1, 20, 229], (Kind::Float, Device::Cpu));
        let mode = Mode { train: true, ..Mode::EVAL };
        network.forward(&x, mode).unwrap().frame.sum(Kind::Float).backward();
        let mut reached = 0;
        for (name, tensor) in params.trainable() {
            let gradient = tensor.grad();
            let touched = gradient.defined() && gradient.abs().max().double_value(&[]) > 0.0;
            let of_frames = name.starts_with("frame_stack") || name.starts_with("combined_stack");
            assert!(!touched || of_frames, "{name}");
            reached += usize::from(touched);
        }
        assert!(reached > 10);
    }
}
