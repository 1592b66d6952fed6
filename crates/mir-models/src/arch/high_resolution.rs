//! High-resolution piano transcription (Kong et al., "High-Resolution Piano Transcription with Pedals by Regressing
//! Onset and Offset Times", IEEE/ACM TASLP 2021), with the structure and the parameter names of
//! bytedance/piano_transcription.
//!
//! ```text
//! log-mel ─ bin norm ─┬─ acoustic ─ velocity ──────────┬──────────────────▶ velocity
//!                     ├─ acoustic ─ onset ─ [onset, √onset·velocity] ─ GRU ─▶ onset
//!                     ├─ acoustic ─ offset ────────────┬───────│──────────▶ offset
//!                     └─ acoustic ─ frame ─ [frame, onset, offset] ─ GRU ──▶ frame
//! ```
//!
//! Onset and offset are trained to say how far the next event is
//! ([`RegressionRoll`](mir_core::RegressionRoll)), so that its time can be read between frames.
//!
//! All normalisations but the one after the linear layer have an eps of 0.01: the published program passes its momentum
//! in that place, and its weights belong to it.

use tch::Tensor;

use crate::{
    Error, Result,
    arch::channels_last,
    config::HighResolutionConfig,
    error::TorchContext,
    nn::{
        BatchNorm, BatchNormOptions, Cell, Conv2d, ConvOptions, Linear, Mode, Recurrent,
        RecurrentOptions, dropout, layers::float,
    },
    params::{Init, Params, Scope},
};

/// What the network for notes says: logits, each `[batch, frames, keys]`.
#[derive(Debug)]
pub struct NoteHeads {
    /// Of "an onset is near".
    pub onset: Tensor,
    /// Of "an offset is near".
    pub offset: Tensor,
    /// Of "a note sounds".
    pub frame: Tensor,
    /// Of the velocity as a fraction of 128, where a note starts.
    pub velocity: Tensor,
}

/// What the network for the sustain pedal says: logits, each `[batch, frames, 1]`.
#[derive(Debug)]
pub struct PedalHeads {
    /// Of "the pedal goes down near here".
    pub onset: Tensor,
    /// Of "the pedal goes up near here".
    pub offset: Tensor,
    /// Of "the pedal is down".
    pub frame: Tensor,
}

/// Two convolutions with their normalisations.
#[derive(Debug)]
struct Block {
    convs: [Conv2d; 2],
    norms: [BatchNorm; 2],
}

impl Block {
    fn new(mut scope: Scope<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let options = ConvOptions { bias: false, ..ConvOptions::same([3, 3]) };
        Ok(Self {
            convs: [
                Conv2d::with(scope.child("conv1"), inputs, outputs, options)?,
                Conv2d::with(scope.child("conv2"), outputs, outputs, options)?,
            ],
            norms: [norm(scope.child("bn1"), outputs)?, norm(scope.child("bn2"), outputs)?],
        })
    }

    /// `[batch, in, frames, bins]` → `[batch, out, frames, ⌊bins / 2⌋]`.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut x = x.shallow_clone();
        for (conv, norm) in self.convs.iter().zip(&self.norms) {
            x = norm.forward(&conv.forward(&x, mode)?, mode)?.f_relu_().during("a ReLU")?;
        }
        x.f_avg_pool2d([1, 2], [1, 2], [0, 0], false, true, None::<i64>).during("pooling")
    }
}

/// Of the convolutions and of the input.
fn norm(scope: Scope<'_>, channels: usize) -> Result<BatchNorm> {
    BatchNorm::with(scope, channels, BatchNormOptions { eps: 0.01, ..BatchNormOptions::default() })
}

fn gru(
    scope: Scope<'_>,
    inputs: usize,
    layers: usize,
    config: &HighResolutionConfig,
) -> Result<Recurrent> {
    let options = RecurrentOptions {
        cell: Cell::Gru,
        hidden: config.gru_units,
        layers,
        bidirectional: true,
        dropout: 0.0,
    };
    Recurrent::new(scope, inputs, options)
}

/// Convolutions and recurrence of one head.
#[derive(Debug)]
struct Acoustic {
    blocks: [Block; 4],
    fc5: Linear,
    bn5: BatchNorm,
    gru: Recurrent,
    fc: Linear,
    conv_dropout: f64,
    fc_dropout: f64,
}

impl Acoustic {
    fn new(mut scope: Scope<'_>, outputs: usize, config: &HighResolutionConfig) -> Result<Self> {
        let [a, b, c, d] = config.conv_channels;
        let after = BatchNormOptions { momentum: 0.01, ..BatchNormOptions::default() };
        Ok(Self {
            blocks: [
                Block::new(scope.child("conv_block1"), 1, a)?,
                Block::new(scope.child("conv_block2"), a, b)?,
                Block::new(scope.child("conv_block3"), b, c)?,
                Block::new(scope.child("conv_block4"), c, d)?,
            ],
            fc5: Linear::without_bias(scope.child("fc5"), d * (config.bins / 16), config.fc_units)?,
            bn5: BatchNorm::with(scope.child("bn5"), config.fc_units, after)?,
            gru: gru(scope.child("gru"), config.fc_units, config.gru_layers, config)?,
            fc: Linear::new(scope.child("fc"), 2 * config.gru_units, outputs)?,
            conv_dropout: config.conv_dropout,
            fc_dropout: config.fc_dropout,
        })
    }

    /// `[batch, 1, frames, bins]` → logits `[batch, frames, outputs]`.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut x = channels_last(x)?;
        for block in &self.blocks {
            x = dropout(block.forward(&x, mode)?, self.conv_dropout, mode)?;
        }
        // [B, C, T, F] -> [B, T, C·F]: a row per frame, channel-major within it.
        let x = x.f_transpose(1, 2).and_then(|x| x.f_flatten(-2, -1)).during("flattening")?;
        let x = float(&self.fc5.forward(&x, mode)?)?.f_transpose(1, 2).during("a linear layer")?;
        let x = self
            .bn5
            .forward(&x, mode)?
            .f_transpose(1, 2)
            .and_then(|x| x.f_relu())
            .during("a ReLU")?;
        let x = self.gru.forward(&dropout(x, self.fc_dropout, mode)?, None, mode)?.0;
        float(&self.fc.forward(&dropout(x, self.fc_dropout, mode)?, mode)?)
    }
}

/// A recurrent layer over what several heads say.
#[derive(Debug)]
struct Coupling {
    gru: Recurrent,
    fc: Linear,
    dropout: f64,
}

impl Coupling {
    fn new(
        root: &mut Scope<'_>,
        name: &str,
        heads: usize,
        config: &HighResolutionConfig,
    ) -> Result<Self> {
        let keys = config.keys.len();
        Ok(Self {
            gru: gru(root.child(format!("{name}_gru")), heads * keys, 1, config)?,
            fc: Linear::new(root.child(format!("{name}_fc")), 2 * config.gru_units, keys)?,
            dropout: config.fc_dropout,
        })
    }

    fn forward(&self, heads: &[Tensor], mode: Mode) -> Result<Tensor> {
        let joined = Tensor::f_cat(heads, -1).during("joining heads")?;
        let x = self.gru.forward(&joined, None, mode)?.0;
        float(&self.fc.forward(&dropout(x, self.dropout, mode)?, mode)?)
    }
}

/// Gives networks the values that the published training starts from; those of their constructors are PyTorch's.
///
/// Convolutions and linear layers as Glorot and Bengio (2010), their biases 0. Of recurrent layers the forward
/// direction alone, as in the published program: uniform in `±√(3 / fan_in)`, what the new value reads of the old one
/// orthogonal, biases 0.
pub(crate) fn start_as_published(params: &mut Params) -> Result<()> {
    let all: Vec<(String, Vec<i64>)> =
        params.trainable().map(|(name, tensor)| (name.to_owned(), tensor.size())).collect();
    for (name, shape) in all {
        let fan = |axis: usize| {
            let field: i64 = shape.get(2..).unwrap_or_default().iter().product();
            (shape[axis] * field) as usize
        };
        let (layer, tensor) = name.rsplit_once('.').unwrap_or(("", &name));
        let normalisation = layer.rsplit('.').next().is_some_and(|layer| layer.starts_with("bn"));
        let parts = match (tensor, shape.len()) {
            _ if normalisation || tensor.ends_with("_reverse") => continue,
            (_, 1) => vec![Init::Constant(0.0)],
            (tensor, _) if tensor.starts_with("weight_ih") => vec![lecun(fan(1))],
            (tensor, _) if tensor.starts_with("weight_hh") => {
                vec![lecun(fan(1)), lecun(fan(1)), Init::Orthogonal { gain: 1.0 }]
            }
            _ => vec![Init::xavier_uniform(fan(1), fan(0), 1.0)],
        };
        params.redraw(&name, &parts)?;
    }
    Ok(())
}

/// Uniform with variance `1 / fan_in`.
fn lecun(fan_in: usize) -> Init {
    Init::Uniform { bound: (3.0 / fan_in.max(1) as f64).sqrt() }
}

/// The input with every bin normalised over batch and time.
fn normalized(bn0: &BatchNorm, input: &Tensor, bins: usize, mode: Mode) -> Result<Tensor> {
    let size = input.size();
    if size.len() != 4 || size[1] != 1 || size[3] != bins as i64 {
        return Err(Error::Shape {
            what: "the input of a high-resolution network",
            expected: format!("[batch, 1, frames, {bins}]"),
            actual: size.iter().map(|&n| n as usize).collect(),
        });
    }
    let bins_first = input.f_transpose(1, 3).during("permuting")?;
    bn0.forward(&bins_first, mode)?.f_transpose(1, 3).during("permuting")
}

/// The network for notes.
///
/// ```
/// use mir_models::{Device, arch::HighResolutionNotes, config::HighResolutionConfig, params::Params};
/// let mut params = Params::new(Device::Cpu, 0);
/// HighResolutionNotes::new(&mut params, HighResolutionConfig::default())?;
/// assert_eq!(params.count_trainable(), 20_218_778);
/// # Ok::<(), mir_models::Error>(())
/// ```
#[derive(Debug)]
pub struct HighResolutionNotes {
    config: HighResolutionConfig,
    bn0: BatchNorm,
    frame: Acoustic,
    onset: Acoustic,
    offset: Acoustic,
    velocity: Acoustic,
    onset_coupling: Coupling,
    frame_coupling: Coupling,
}

impl HighResolutionNotes {
    /// Builds the network, registering its tensors.
    ///
    /// # Errors
    /// [`Error::Config`] for an invalid configuration, [`Error::DuplicateParameter`] if the names are taken.
    pub fn new(params: &mut Params, config: HighResolutionConfig) -> Result<Self> {
        config.validate()?;
        let keys = config.keys.len();
        let mut root = params.root();
        Ok(Self {
            bn0: norm(root.child("bn0"), config.bins)?,
            frame: Acoustic::new(root.child("frame_model"), keys, &config)?,
            onset: Acoustic::new(root.child("reg_onset_model"), keys, &config)?,
            offset: Acoustic::new(root.child("reg_offset_model"), keys, &config)?,
            velocity: Acoustic::new(root.child("velocity_model"), keys, &config)?,
            onset_coupling: Coupling::new(&mut root, "reg_onset", 2, &config)?,
            frame_coupling: Coupling::new(&mut root, "frame", 3, &config)?,
            config,
        })
    }

    /// The configuration.
    pub fn config(&self) -> &HighResolutionConfig {
        &self.config
    }

    /// `[batch, 1, frames, bins]` → the heads.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of channels or bins.
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Result<NoteHeads> {
        let operation = "coupling heads";
        let x = normalized(&self.bn0, input, self.config.bins, mode)?;
        let offset = self.offset.forward(&x, mode)?;
        let velocity = self.velocity.forward(&x, mode)?;
        let near = self.onset.forward(&x, mode)?.f_sigmoid().during(operation)?;
        let loud = velocity.f_sigmoid().and_then(|v| v.f_detach()).during(operation)?;
        // The slope of the root is infinite at 0.
        let weighted = near
            .f_clamp_min(1e-12)
            .and_then(|near| near.f_sqrt()?.f_mul(&loud))
            .during(operation)?;
        let onset = self.onset_coupling.forward(&[near, weighted], mode)?;
        let detached = |logits: &Tensor| logits.f_detach()?.f_sigmoid();
        let frame = self.frame.forward(&x, mode)?.f_sigmoid().during(operation)?;
        let others = [detached(&onset).during(operation)?, detached(&offset).during(operation)?];
        let [near_onset, near_offset] = others;
        let frame = self.frame_coupling.forward(&[frame, near_onset, near_offset], mode)?;
        Ok(NoteHeads { onset, offset, frame, velocity })
    }
}

/// The network for the sustain pedal.
///
/// ```
/// use mir_models::{Device, arch::HighResolutionPedals, config::HighResolutionConfig, params::Params};
/// let mut params = Params::new(Device::Cpu, 0);
/// HighResolutionPedals::new(&mut params, HighResolutionConfig::default())?;
/// assert_eq!(params.count_trainable(), 13_861_277);
/// # Ok::<(), mir_models::Error>(())
/// ```
#[derive(Debug)]
pub struct HighResolutionPedals {
    config: HighResolutionConfig,
    bn0: BatchNorm,
    onset: Acoustic,
    offset: Acoustic,
    frame: Acoustic,
}

impl HighResolutionPedals {
    /// Builds the network, registering its tensors. It has one output a head; `keys` is not used.
    ///
    /// # Errors
    /// As [`HighResolutionNotes::new`].
    pub fn new(params: &mut Params, config: HighResolutionConfig) -> Result<Self> {
        config.validate()?;
        let mut root = params.root();
        Ok(Self {
            bn0: norm(root.child("bn0"), config.bins)?,
            onset: Acoustic::new(root.child("reg_pedal_onset_model"), 1, &config)?,
            offset: Acoustic::new(root.child("reg_pedal_offset_model"), 1, &config)?,
            frame: Acoustic::new(root.child("reg_pedal_frame_model"), 1, &config)?,
            config,
        })
    }

    /// The configuration.
    pub fn config(&self) -> &HighResolutionConfig {
        &self.config
    }

    /// `[batch, 1, frames, bins]` → the heads.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of channels or bins.
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Result<PedalHeads> {
        let x = normalized(&self.bn0, input, self.config.bins, mode)?;
        Ok(PedalHeads {
            onset: self.onset.forward(&x, mode)?,
            offset: self.offset.forward(&x, mode)?,
            frame: self.frame.forward(&x, mode)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    fn small() -> HighResolutionConfig {
        HighResolutionConfig {
            conv_channels: [2, 3, 4, 5],
            fc_units: 8,
            gru_units: 4,
            ..HighResolutionConfig::default()
        }
    }

    #[test]
    fn every_length_keeps_its_frames() {
        let (mut notes, mut pedals) = (Params::new(Device::Cpu, 1), Params::new(Device::Cpu, 1));
        let notes = HighResolutionNotes::new(&mut notes, small()).unwrap();
        let pedals = HighResolutionPedals::new(&mut pedals, small()).unwrap();
        for frames in [1, 2, 101] {
            let x = Tensor::zeros([2, 1, frames, 229], (Kind::Float, Device::Cpu));
            let NoteHeads { onset, offset, frame, velocity } =
                notes.forward(&x, Mode::EVAL).unwrap();
            for head in [onset, offset, frame, velocity] {
                assert_eq!((head.size(), head.kind()), (vec![2, frames, 88], Kind::Float));
            }
            let PedalHeads { onset, offset, frame } = pedals.forward(&x, Mode::EVAL).unwrap();
            for head in [onset, offset, frame] {
                assert_eq!(head.size(), [2, frames, 1]);
            }
        }
        let other = Tensor::zeros([1, 1, 9, 128], (Kind::Float, Device::Cpu));
        assert!(matches!(notes.forward(&other, Mode::EVAL), Err(Error::Shape { .. })));
    }

    #[test]
    fn a_training_starts_as_published() {
        let mut params = Params::new(Device::Cpu, 1);
        let _ = HighResolutionNotes::new(&mut params, small()).unwrap();
        start_as_published(&mut params).unwrap();
        let of = |name: &str| params.all().find(|(n, _)| *n == name).unwrap().1.shallow_clone();
        let largest = |tensor: &Tensor| tensor.abs().max().double_value(&[]);
        // 9 · 2 values in, 9 · 3 out; four gates' worth of units would be another bound.
        let conv = largest(&of("frame_model.conv_block2.conv1.weight"));
        assert!(conv <= (6.0f64 / 45.0).sqrt() && conv > 0.9 * (6.0f64 / 45.0).sqrt(), "{conv}");
        let input = largest(&of("velocity_model.gru.weight_ih_l0"));
        assert!(input <= (3.0f64 / 8.0).sqrt() && input > 0.8 * (3.0f64 / 8.0).sqrt(), "{input}");
        let hidden = of("reg_onset_gru.weight_hh_l0").narrow(0, 8, 4);
        let gram = hidden.matmul(&hidden.transpose(0, 1));
        assert!(largest(&(gram - Tensor::eye(4, (Kind::Float, Device::Cpu)))) < 1e-5);
        for name in ["frame_fc.bias", "reg_onset_gru.bias_hh_l0", "velocity_model.gru.bias_ih_l1"] {
            assert!(largest(&of(name)) <= 0.0, "{name}");
        }
        // What it leaves alone.
        assert!(largest(&of("frame_gru.bias_hh_l0_reverse")) > 0.0);
        for name in ["bn0.weight", "frame_model.bn5.weight", "frame_model.conv_block1.bn2.weight"] {
            assert!(largest(&(of(name) - 1.0)) <= 0.0, "{name}");
        }
    }

    #[test]
    fn the_coupling_trains_no_other_head() {
        let mut params = Params::new(Device::Cpu, 1);
        let network = HighResolutionNotes::new(&mut params, small()).unwrap();
        let x = Tensor::randn([1, 1, 20, 229], (Kind::Float, Device::Cpu));
        let mode = Mode { train: true, ..Mode::EVAL };
        let touched = |head: Tensor| -> Vec<String> {
            params.trainable().for_each(|(_, tensor)| {
                let _ = tensor.grad().defined().then(|| tensor.grad().zero_());
            });
            head.sum(Kind::Float).backward();
            let has = |tensor: &Tensor| {
                tensor.grad().defined() && tensor.grad().abs().max().double_value(&[]) > 0.0
            };
            params.trainable().filter(|(_, t)| has(t)).map(|(name, _)| name.to_owned()).collect()
        };
        let of = |names: &[String], head: &str| names.iter().any(|name| name.starts_with(head));
        let frame = touched(network.forward(&x, mode).unwrap().frame);
        assert!(of(&frame, "frame_model") && of(&frame, "frame_gru"));
        assert!(!of(&frame, "reg_onset") && !of(&frame, "reg_offset") && !of(&frame, "velocity"));
        let onset = touched(network.forward(&x, mode).unwrap().onset);
        assert!(of(&onset, "reg_onset_model") && of(&onset, "reg_onset_gru"));
        assert!(!of(&onset, "velocity") && !of(&onset, "frame"));
    }
}
