//! One request: a layer with its gradients, an optimiser over some steps, a schedule, clipping, a traced
//! network, or an event file.
//!
//! Used by the example, which a script drives, and by the tests, which read what the script stored.

use std::{collections::BTreeMap, path::PathBuf};

use mir_core::{AudioBuffer, SampleRate};
use mir_features::FrontEndConfig;
use mir_models::{
    config::{Clip, OnsetsFramesConfig, OptimizerConfig},
    infer::TranscriptionModel,
    nn::{
        BatchNorm, BatchNormOptions, Cell, Conv1d, Conv2d, ConvOptions, ConvTranspose1d,
        ConvTranspose2d, Embedding, GroupNorm, LayerNorm, Linear, Mode, PRelu, Recurrent,
        RecurrentOptions, SelfAttention, TransformerLayer, instance_norm,
    },
    optim::{Optimizer, clip_gradients, zero_gradients},
    params::{Init, Params, Scope},
    run::{EventWriter, HParam},
    schedule::{Plateau, PlateauConfig, Schedule},
    weights::ModelMeta,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Numbers of a shape, row by row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Array {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Array {
    fn tensor(&self) -> Tensor {
        let shape: Vec<i64> = self.shape.iter().map(|&n| n as i64).collect();
        Tensor::from_slice(&self.values).reshape(shape)
    }

    fn of(tensor: &Tensor) -> Result<Self> {
        let flat = tensor.detach().to_kind(Kind::Float).flatten(0, -1).contiguous();
        let shape = tensor.size().iter().map(|&n| n as usize).collect();
        Ok(Self { shape, values: Vec::try_from(&flat)? })
    }
}

/// A request.
#[derive(Deserialize)]
#[serde(tag = "case", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// A layer in training mode: its output, the gradients of `Σ output·cotangent`, its buffers afterwards.
    Layer {
        /// Name and numbers of the layer.
        layer: Layer,
        /// Weights by name.
        params: BTreeMap<String, Array>,
        /// What the layer reads.
        input: Array,
        /// What its output is multiplied with.
        cotangent: Array,
    },
    /// The standard deviation and largest magnitude of each tensor of a fresh layer.
    Init {
        /// Name and numbers of the layer.
        layer: Layer,
    },
    /// Steps of an optimiser on `Σ gradient·p + ½·Σ curvature·p²`: the parameter at the end.
    Optimizer {
        /// The optimiser.
        config: OptimizerConfig,
        /// Learning rate.
        rate: f64,
        /// The parameter before the first step.
        start: Vec<f32>,
        /// Curvature of each element.
        curvature: Vec<f32>,
        /// Linear part of each step.
        gradients: Vec<Vec<f32>>,
    },
    /// The rates of a schedule.
    Schedule {
        /// The schedule.
        schedule: Schedule,
        /// Steps.
        total: u64,
    },
    /// The factors of a plateau after each score.
    Plateau {
        /// The plateau.
        config: PlateauConfig,
        /// Scores of validations.
        scores: Vec<f64>,
    },
    /// A network with random weights as TorchScript, and what ours says to an input.
    Export {
        /// Where the file goes.
        path: PathBuf,
        /// The network.
        architecture: Box<OnsetsFramesConfig>,
        /// The input `[batch, 1, frames, bins]`.
        input: Array,
    },
    /// An event file with one value of every kind.
    Events {
        /// Where the file goes.
        folder: PathBuf,
        /// The bytes of a PNG file.
        png: Vec<u8>,
        /// Values of a distribution.
        values: Vec<f32>,
        /// Samples of two channels at 16 kHz.
        audio: [Vec<f32>; 2],
    },
    /// Gradients after clipping, and their norm before.
    Clip {
        /// What is limited.
        clip: Clip,
        /// The gradients of one parameter each.
        gradients: Vec<Vec<f32>>,
    },
}

/// A layer with its numbers.
#[expect(clippy::enum_variant_names, reason = "layer normalisation is called so")]
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Layer {
    /// Convolutions; `axes` is 1 or 2.
    Conv {
        axes: usize,
        transposed: bool,
        inputs: usize,
        outputs: usize,
        kernel: Vec<usize>,
        stride: Vec<usize>,
        padding: Vec<usize>,
        dilation: Vec<usize>,
        output_padding: Vec<usize>,
        groups: usize,
        bias: bool,
    },
    Linear {
        inputs: usize,
        outputs: usize,
        bias: bool,
    },
    BatchNorm {
        channels: usize,
        momentum: f64,
    },
    LayerNorm {
        features: usize,
    },
    GroupNorm {
        groups: usize,
        channels: usize,
    },
    InstanceNorm {},
    Recurrent {
        cell: String,
        inputs: usize,
        hidden: usize,
        layers: usize,
        bidirectional: bool,
    },
    Embedding {
        count: usize,
        features: usize,
    },
    PRelu {
        slopes: usize,
    },
    SelfAttention {
        features: usize,
        heads: usize,
        causal: bool,
    },
    Transformer {
        features: usize,
        heads: usize,
        inner: usize,
        causal: bool,
    },
}

type Forward = Box<dyn Fn(&Tensor, Mode) -> mir_models::Result<Tensor>>;

fn options<const N: usize>(layer: &Layer) -> Result<ConvOptions<N>> {
    let Layer::Conv { kernel, stride, padding, dilation, output_padding, groups, bias, .. } = layer
    else {
        return Err("not a convolution".into());
    };
    let fixed = |values: &[usize]| -> Result<[usize; N]> { Ok(values.try_into()?) };
    Ok(ConvOptions {
        kernel: fixed(kernel)?,
        stride: fixed(stride)?,
        padding: fixed(padding)?,
        dilation: fixed(dilation)?,
        groups: *groups,
        bias: *bias,
        output_padding: fixed(output_padding)?,
    })
}

fn build(layer: &Layer, scope: Scope<'_>) -> Result<Forward> {
    Ok(match *layer {
        Layer::Conv { axes, transposed, inputs, outputs, .. } => match (axes, transposed) {
            (1, false) => {
                let layer = Conv1d::with(scope, inputs, outputs, options(layer)?)?;
                Box::new(move |x, mode| layer.forward(x, mode))
            }
            (2, false) => {
                let layer = Conv2d::with(scope, inputs, outputs, options(layer)?)?;
                Box::new(move |x, mode| layer.forward(x, mode))
            }
            (1, true) => {
                let layer = ConvTranspose1d::with(scope, inputs, outputs, options(layer)?)?;
                Box::new(move |x, mode| layer.forward(x, mode))
            }
            _ => {
                let layer = ConvTranspose2d::with(scope, inputs, outputs, options(layer)?)?;
                Box::new(move |x, mode| layer.forward(x, mode))
            }
        },
        Layer::Linear { inputs, outputs, bias } => {
            let layer = if bias {
                Linear::new(scope, inputs, outputs)?
            } else {
                Linear::without_bias(scope, inputs, outputs)?
            };
            Box::new(move |x, mode| layer.forward(x, mode))
        }
        Layer::BatchNorm { channels, momentum } => {
            let layer = BatchNorm::with(
                scope,
                channels,
                BatchNormOptions { momentum, ..Default::default() },
            )?;
            Box::new(move |x, mode| layer.forward(x, mode))
        }
        Layer::LayerNorm { features } => {
            let layer = LayerNorm::new(scope, features)?;
            Box::new(move |x, _| layer.forward(x))
        }
        Layer::GroupNorm { groups, channels } => {
            let layer = GroupNorm::new(scope, groups, channels)?;
            Box::new(move |x, _| layer.forward(x))
        }
        Layer::InstanceNorm {} => Box::new(|x, _| instance_norm(x)),
        Layer::Recurrent { ref cell, inputs, hidden, layers, bidirectional } => {
            let cell = match cell.as_str() {
                "tanh" => Cell::Tanh,
                "lstm" => Cell::Lstm,
                "gru" => Cell::Gru,
                other => return Err(format!("unknown cell {other}").into()),
            };
            let options = RecurrentOptions { cell, hidden, layers, bidirectional, dropout: 0.0 };
            let layer = Recurrent::new(scope, inputs, options)?;
            Box::new(move |x, mode| layer.forward(x, None, mode).map(|(output, _)| output))
        }
        Layer::Embedding { count, features } => {
            let layer = Embedding::new(scope, count, features)?;
            Box::new(move |x, _| layer.forward(&x.to_kind(Kind::Int64)))
        }
        Layer::PRelu { slopes } => {
            let layer = PRelu::new(scope, slopes)?;
            Box::new(move |x, _| layer.forward(x))
        }
        Layer::SelfAttention { features, heads, causal } => {
            let layer = SelfAttention::new(scope, features, heads, 0.0)?;
            Box::new(move |x, mode| layer.forward(x, causal, mode))
        }
        Layer::Transformer { features, heads, inner, causal } => {
            let layer = TransformerLayer::new(scope, features, heads, inner, 0.0)?;
            Box::new(move |x, mode| layer.forward(x, causal, mode))
        }
    })
}

/// Computes what is asked for.
pub(crate) fn answer(request: Request) -> Result<Value> {
    match request {
        Request::Layer { layer, params: weights, input, cotangent } => {
            run_layer(&layer, &weights, &input, &cotangent)
        }
        Request::Init { layer } => {
            let mut params = Params::new(Device::Cpu, 1);
            let _ = build(&layer, params.root())?;
            let mut out = serde_json::Map::new();
            for (name, tensor) in params.all() {
                let tensor = tensor.to_kind(Kind::Double);
                let deviation = tensor.square().mean(Kind::Double).sqrt().double_value(&[]);
                let largest = tensor.abs().max().double_value(&[]);
                out.insert(name.to_owned(), json!([deviation, largest]));
            }
            Ok(Value::Object(out))
        }
        Request::Optimizer { config, rate, start, curvature, gradients } => {
            let mut params = Params::new(Device::Cpu, 0);
            let x = params.root().weight("x", &[start.len()], Init::Constant(0.0))?;
            params.assign("x", &[start.len()], &start)?;
            let mut optimizer = Optimizer::new(&params, config, &[])?;
            let curvature = Tensor::from_slice(&curvature);
            for gradient in gradients {
                zero_gradients(&params);
                let linear = &x * Tensor::from_slice(&gradient);
                (linear + x.square() * &curvature * 0.5).sum(Kind::Float).backward();
                optimizer.step(&params, rate)?;
            }
            Ok(json!(Array::of(&x)?))
        }
        Request::Schedule { schedule, total } => {
            schedule.validate()?;
            Ok(json!((0..total).map(|step| schedule.rate(step, total)).collect::<Vec<_>>()))
        }
        Request::Plateau { config, scores } => {
            config.validate()?;
            let mut plateau = Plateau::default();
            let factors = scores.into_iter().map(|score| {
                plateau.observe(&config, score);
                plateau.factor()
            });
            Ok(json!(factors.collect::<Vec<_>>()))
        }
        Request::Export { path, architecture, input } => {
            let meta = ModelMeta::new(*architecture, FrontEndConfig::default());
            let model = TranscriptionModel::new(meta, Device::Cpu)?;
            model.export_torchscript(&path)?;
            let (output, names) = model.joined_heads(&input.tensor())?;
            Ok(json!({ "output": Array::of(&output)?, "heads": names }))
        }
        Request::Events { folder, png, values, audio } => {
            let mut events = EventWriter::create(&folder, None)?;
            events.hparams(
                &[
                    ("rate".to_owned(), HParam::Number(0.5)),
                    ("preset".to_owned(), HParam::Text("small".to_owned())),
                    ("augment".to_owned(), HParam::Bool(true)),
                ],
                &["loss"],
            )?;
            events.scalar("loss", 3, 0.25)?;
            events.image("rolls", 4, &png)?;
            events.histogram("weights", 5, &values)?;
            events.text("notes", 6, "**bold** words, ä")?;
            events.audio("sound", 7, &AudioBuffer::from_channels(SampleRate::HZ_16000, &audio)?)?;
            events.hparams_end(true)?;
            events.flush()?;
            Ok(json!({}))
        }
        Request::Clip { clip, gradients } => {
            let mut params = Params::new(Device::Cpu, 0);
            for (index, gradient) in gradients.iter().enumerate() {
                let name = format!("{index:03}");
                let x = params.root().weight(&name, &[gradient.len()], Init::Constant(0.0))?;
                (x * Tensor::from_slice(gradient)).sum(Kind::Float).backward();
            }
            let norm = clip_gradients(&params, clip)?;
            let clipped = params.trainable().map(|(_, x)| Array::of(&x.grad()));
            Ok(json!({ "norm": norm, "gradients": clipped.collect::<Result<Vec<_>>>()? }))
        }
    }
}

fn run_layer(
    layer: &Layer,
    weights: &BTreeMap<String, Array>,
    input: &Array,
    cotangent: &Array,
) -> Result<Value> {
    let mut params = Params::new(Device::Cpu, 0);
    let forward = build(layer, params.root())?;
    let names: Vec<String> = params.all().map(|(name, _)| name.to_owned()).collect();
    if !names.iter().eq(weights.keys()) {
        return Err(format!("parameters {names:?}, given are {:?}", weights.keys()).into());
    }
    for (name, array) in weights {
        params.assign(name, &array.shape, &array.values)?;
    }
    let is_index = matches!(layer, Layer::Embedding { .. });
    let x = input.tensor().set_requires_grad(!is_index);
    let output = forward(&x, Mode { train: true, ..Mode::EVAL })?;
    (&output * cotangent.tensor()).sum(Kind::Float).backward();
    let mut gradients = BTreeMap::new();
    if !is_index {
        gradients.insert("(input)".to_owned(), Array::of(&x.grad())?);
    }
    for (name, tensor) in params.trainable() {
        gradients.insert(name.to_owned(), Array::of(&tensor.grad())?);
    }
    let trainable: Vec<&str> = params.trainable().map(|(name, _)| name).collect();
    let buffers = params
        .all()
        .filter(|(name, _)| !trainable.contains(name))
        .map(|(name, tensor)| Ok((name, Array::of(tensor)?)))
        .collect::<Result<BTreeMap<_, _>>>()?;
    Ok(json!({ "output": Array::of(&output)?, "gradients": gradients, "buffers": buffers }))
}
