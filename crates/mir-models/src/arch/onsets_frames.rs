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
    arch::channels_last,
    config::{Feed, FrameHead, HeadKind, OnsetsFramesConfig, Stem},
    error::TorchContext,
    nn::{BLOCK, BatchNorm, BiLstm, Conv2d, ConvOptions, Linear, Mode, dropout, layers::float},
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

/// Frames on either side that a convolution stack sees: three layers of three frames.
const REACH: usize = 3;

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
        let strided = config.stem == Stem::Strided;
        let options = |halved: bool| ConvOptions {
            stride: [1, if halved { 2 } else { 1 }],
            ..ConvOptions::same([3, 3])
        };
        let convs = [
            Conv2d::with(cnn.child(0), 1, c, options(strided))?,
            Conv2d::with(cnn.child(3), c, c, options(strided))?,
            Conv2d::with(cnn.child(8), c, 2 * c, options(false))?,
        ];
        let norms = [
            BatchNorm::new(cnn.child(1), c)?,
            BatchNorm::new(cnn.child(4), c)?,
            BatchNorm::new(cnn.child(9), 2 * c)?,
        ];
        // A step rounds up, pooling down.
        let left = if strided { config.bins.div_ceil(4) } else { config.bins / 4 };
        Ok(Self {
            convs,
            norms,
            fc: Linear::new(scope.child("fc").child(0), 2 * c * left, config.fc_units)?,
            fc_relu: config.fc_relu,
            stem: config.stem,
            conv_dropout: config.conv_dropout,
            fc_dropout: config.fc_dropout,
        })
    }

    /// `[batch, 1, frames, bins]` → `[batch, frames, fc_units]`; outside of training in blocks, with as many frames
    /// on either side as reach into them.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let frames = x.size().get(2).map_or(0, |&frames| frames as usize);
        if mode.train || frames <= BLOCK {
            return self.block(x, mode);
        }
        let mut parts = Vec::new();
        for start in (0..frames).step_by(BLOCK) {
            let end = (start + BLOCK).min(frames);
            let (from, to) = (start.saturating_sub(REACH), (end + REACH).min(frames));
            let with_reach =
                x.f_narrow(2, from as i64, (to - from) as i64).during("cutting a block")?;
            let part = self.block(&with_reach, mode)?;
            let kept = part.f_narrow(1, (start - from) as i64, (end - start) as i64);
            parts.push(kept.during("cutting a block")?);
        }
        Tensor::f_cat(&parts, 1).during("joining blocks")
    }

    fn block(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let pool = |x: Tensor| -> Result<Tensor> {
            let x = x.f_max_pool2d([1, 2], [1, 2], [0, 0], [1, 1], false).during("pooling")?;
            dropout(x, self.conv_dropout, mode)
        };
        let pool_after: [bool; 3] = match self.stem {
            Stem::Early => [true, true, false],
            Stem::Strided => [false; 3],
            // Without a stack there is no place for pooling; see `Front`.
            Stem::Kelz | Stem::None => [false, true, true],
        };
        let mut x = channels_last(x)?;
        for ((conv, norm), pooled) in self.convs.iter().zip(&self.norms).zip(pool_after) {
            x = norm.forward(&conv.forward(&x, mode)?, mode)?.f_relu_().during("a ReLU")?;
            if pooled {
                x = pool(x)?;
            }
        }
        if self.stem == Stem::Strided {
            x = dropout(x, self.conv_dropout, mode)?;
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

/// What a head reads: the features as they are, or what a convolution stack makes of them.
#[derive(Debug)]
enum Front {
    Plain,
    Conv(Box<ConvStack>),
}

impl Front {
    fn new(scope: Scope<'_>, config: &OnsetsFramesConfig) -> Result<Self> {
        if config.stem == Stem::None {
            return Ok(Self::Plain);
        }
        Ok(Self::Conv(Box::new(ConvStack::new(scope, config)?)))
    }

    /// Values that it gives for each frame.
    fn width(config: &OnsetsFramesConfig) -> usize {
        if config.stem == Stem::None { config.bins } else { config.fc_units }
    }

    /// `[batch, 1, frames, bins]` → `[batch, frames, width]`.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        match self {
            Self::Plain => x.f_squeeze_dim(1).during("reading features"),
            Self::Conv(stack) => stack.forward(x, mode),
        }
    }
}

/// Features → optional BiLSTM → logits, with the features' own linear logits added on request.
#[derive(Debug)]
struct Logits {
    lstm: Option<BiLstm>,
    linear: Linear,
    skip: Option<Linear>,
}

impl Logits {
    /// `units` in each direction of the recurrence, 0 for none.
    fn new(
        scope: &mut Scope<'_>,
        first_index: usize,
        inputs: usize,
        units: usize,
        config: &OnsetsFramesConfig,
    ) -> Result<Self> {
        let keys = config.keys.len();
        if units == 0 {
            let linear = Linear::new(scope.child(first_index), inputs, keys)?;
            return Ok(Self { lstm: None, linear, skip: None });
        }
        let mut first = scope.child(first_index);
        let lstm = BiLstm::new(first.child("rnn"), inputs, units, config.lstm_layers)?;
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

/// One head: logits of its own features, or of another head's.
#[derive(Debug)]
struct Head {
    own: Option<Front>,
    logits: Logits,
}

impl Head {
    /// `None` for a head that is not wanted.
    fn new(
        mut scope: Scope<'_>,
        kind: HeadKind,
        units: usize,
        config: &OnsetsFramesConfig,
    ) -> Result<Option<Self>> {
        let own = match kind {
            HeadKind::None => return Ok(None),
            HeadKind::Shared => None,
            HeadKind::Own => Some(Front::new(scope.child(0), config)?),
        };
        let logits = Logits::new(&mut scope, 1, Front::width(config), units, config)?;
        Ok(Some(Self { own, logits }))
    }

    /// The features that it reads.
    fn features(&self, x: &Tensor, shared: &Tensor, mode: Mode) -> Result<Tensor> {
        match &self.own {
            Some(front) => front.forward(x, mode),
            None => Ok(shared.shallow_clone()),
        }
    }

    fn forward(&self, x: &Tensor, shared: &Tensor, mode: Mode) -> Result<Tensor> {
        self.logits.forward(&self.features(x, shared, mode)?, mode)
    }
}

/// The network.
#[derive(Debug)]
pub struct OnsetsFrames {
    config: OnsetsFramesConfig,
    input_norm: Option<BatchNorm>,
    /// What the onset head reads; heads without features of their own read it too.
    onset_front: Front,
    onset: Logits,
    offset: Option<Head>,
    frame: Head,
    combined: Option<(BiLstm, Linear)>,
    velocity: Option<Head>,
}

impl OnsetsFrames {
    /// Builds the network, registering its tensors.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for an invalid configuration,
    /// [`Error::DuplicateParameter`](crate::Error::DuplicateParameter) if the names are taken.
    pub fn new(params: &mut Params, config: OnsetsFramesConfig) -> Result<Self> {
        config.validate()?;
        let (keys, units) = (config.keys.len(), config.lstm_units);
        let mut root = params.root();
        let input_norm = config
            .input_norm
            .then(|| BatchNorm::new(root.child("input_norm"), config.bins))
            .transpose()?;
        let mut scope = root.child("onset_stack");
        let onset_front = Front::new(scope.child(0), &config)?;
        let onset = Logits::new(&mut scope, 1, Front::width(&config), units, &config)?;
        // An offset head is recurrent if it has features of its own, and nearly free if it has not.
        let of_offsets = if config.offset_head == HeadKind::Own { units } else { 0 };
        let offset =
            Head::new(root.child("offset_stack"), config.offset_head, of_offsets, &config)?;
        let independent = config.frame_result == FrameHead::Independent;
        let of_frames = if independent { units } else { 0 };
        let frame = Head::new(root.child("frame_stack"), config.frame_head, of_frames, &config)?
            .ok_or_else(|| crate::Error::config("frame_head", "own or shared", "none"))?;
        let combined = (units > 0 && !independent)
            .then(|| -> Result<_> {
                let inputs = keys * if offset.is_some() { 3 } else { 2 };
                let mut scope = root.child("combined_stack");
                let mut first = scope.child(0);
                let lstm = BiLstm::new(first.child("rnn"), inputs, units, config.lstm_layers)?;
                Ok((lstm, Linear::new(scope.child(1), 2 * units, keys)?))
            })
            .transpose()?;
        let velocity = Head::new(root.child("velocity_stack"), config.velocity_head, 0, &config)?;
        Ok(Self { config, input_norm, onset_front, onset, offset, frame, combined, velocity })
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
        let x = self.normalized(input, mode)?;
        let shared = self.onset_front.forward(&x, mode)?;
        let onset = self.onset.forward(&shared, mode)?;
        let of_frames = self.frame.features(&x, &shared, mode)?;
        // An offset head without features of its own reads those of the frame head, which it resembles more.
        let offset =
            self.offset.as_ref().map(|head| head.forward(&x, &of_frames, mode)).transpose()?;
        let activation = self.frame.logits.forward(&of_frames, mode)?;
        let frame = match &self.combined {
            None => activation,
            Some(combined) => {
                self.combine(combined, [&onset, &activation], offset.as_ref(), mode)?
            }
        };
        let velocity =
            self.velocity.as_ref().map(|head| head.forward(&x, &shared, mode)).transpose()?;
        Ok(Heads { onset, frame, offset, velocity })
    }

    /// The input, its bins normalised on request.
    fn normalized(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
        let size = input.size();
        if size.len() != 4 || size[1] != 1 || size[3] != self.config.bins as i64 {
            return Err(crate::Error::Shape {
                what: "the input of Onsets and Frames",
                expected: format!("[batch, 1, frames, {}]", self.config.bins),
                actual: size.iter().map(|&n| n as usize).collect(),
            });
        }
        let Some(norm) = &self.input_norm else { return Ok(input.shallow_clone()) };
        // [B, 1, T, F] -> [B, F, 1, T] and back: one mean and variance a bin.
        let bins_first = input.f_permute([0, 3, 1, 2]).during("permuting")?;
        norm.forward(&bins_first, mode)?.f_permute([0, 2, 3, 1]).during("permuting")
    }

    /// The frame logits, out of what the heads say.
    fn combine(
        &self,
        (lstm, linear): &(BiLstm, Linear),
        [onset, activation]: [&Tensor; 2],
        offset: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor> {
        let config = &self.config;
        let feed = |logits: &Tensor, feed: Feed| match feed {
            Feed::Prob => logits.f_sigmoid().during("feeding a head"),
            Feed::Logit => Ok(logits.shallow_clone()),
        };
        // Detached, as a rule: the frame loss must not train the onset and offset heads.
        let of_other = |logits: &Tensor| {
            if config.frame_trains_onsets {
                return feed(logits, config.onset_feed);
            }
            feed(&logits.f_detach().during("feeding a head")?, config.onset_feed)
        };
        let mut inputs = vec![of_other(onset)?];
        if let Some(offset) = offset {
            inputs.push(of_other(offset)?);
        }
        inputs.push(feed(activation, config.activation_feed)?);
        let joined = Tensor::f_cat(&inputs, -1).during("joining heads")?;
        let logits = float(&linear.forward(&lstm.forward(&joined, mode)?, mode)?)?;
        if config.conv_skip {
            return logits.f_add(activation).during("adding logits");
        }
        Ok(logits)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::config::CourseModel;

    fn network(config: OnsetsFramesConfig) -> (Params, OnsetsFrames) {
        let mut params = Params::new(Device::Cpu, 1);
        let network = OnsetsFrames::new(&mut params, config).unwrap();
        (params, network)
    }

    #[test]
    fn convolutions_in_blocks_are_those_of_the_whole() {
        let _guard = tch::no_grad_guard();
        for stem in [Stem::Kelz, Stem::Early, Stem::Strided] {
            let config = OnsetsFramesConfig { stem, ..OnsetsFramesConfig::jongwook(4) };
            let mut params = Params::new(Device::Cpu, 1);
            let stack = ConvStack::new(params.root(), &config).unwrap();
            for frames in [BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 777] {
                let x = Tensor::f_randn([1, 1, frames as i64, 229], (Kind::Float, Device::Cpu));
                let x = x.unwrap();
                let whole = stack.block(&x, Mode::EVAL).unwrap();
                let blocks = stack.forward(&x, Mode::EVAL).unwrap();
                assert_eq!(blocks.size(), whole.size());
                let most = (&blocks - &whole).abs().max().double_value(&[]);
                assert!(most <= 1e-5, "{stem:?}, {frames} frames: {most}");
            }
        }
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
    fn the_models_of_the_course_have_their_parameters() {
        // Channels, units; baseline, RNN, CRNN, Onsets and Frames.
        for (c, f, expected) in [
            (48, 256, [2_973_840, 854_832, 3_821_456, 3_787_752]),
            (48, 512, [5_821_072, 854_832, 6_984_080, 6_792_680]),
            (32, 256, [1_970_160, 854_832, 2_817_776, 2_784_072]),
            (48, 768, [8_668_304, 854_832, 10_146_704, 9_797_608]),
            (16, 128, [504_400, 854_832, 1_194_320, 1_239_464]),
        ] {
            let found = CourseModel::ALL
                .map(|model| network(OnsetsFramesConfig::course(model, c, f)).0.count_trainable());
            assert_eq!(found, expected, "{c} channels, {f} units");
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
        let strided = OnsetsFramesConfig { stem: Stem::Strided, ..OnsetsFramesConfig::small() };
        let mut configs = vec![OnsetsFramesConfig::jongwook(4), small, bare, strided];
        configs.extend(CourseModel::ALL.map(|model| OnsetsFramesConfig::course(model, 4, 16)));
        for config in configs {
            let (_params, network) = network(config.clone());
            for frames in [1, 2, 200, 640] {
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
        let trained_by_frames = |config: OnsetsFramesConfig| -> Vec<String> {
            let (params, network) = network(config);
            let x = Tensor::randn([1, 1, 20, 229], (Kind::Float, Device::Cpu));
            let mode = Mode { train: true, ..Mode::EVAL };
            network.forward(&x, mode).unwrap().frame.sum(Kind::Float).backward();
            let touched = |tensor: &Tensor| {
                let gradient = tensor.grad();
                gradient.defined() && gradient.abs().max().double_value(&[]) > 0.0
            };
            let touched = params.trainable().filter(|(_, tensor)| touched(tensor));
            touched.map(|(name, _)| name.to_owned()).collect()
        };
        let of_onsets = |name: &String| name.starts_with("onset_stack");
        let course = OnsetsFramesConfig::course(CourseModel::Onf, 4, 16);
        for config in [OnsetsFramesConfig::jongwook(4), course] {
            let names = trained_by_frames(config);
            assert!(names.len() > 10);
            let of_frames = ["frame_stack", "combined_stack"];
            let other = names.iter().find(|n| !of_frames.iter().any(|of| n.starts_with(of)));
            assert_eq!(other, None);
        }
        let first = OnsetsFramesConfig { conv_channels: 4, ..OnsetsFramesConfig::magenta_2018() };
        assert!(trained_by_frames(first).iter().any(of_onsets));
    }
}
