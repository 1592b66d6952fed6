//! Weights of other programs, loaded under their names: the networks say what PyTorch says.
//!
//! `scripts/parity/networks.py` wrote the fixture; weights and input are set by the formula that stands there.

use std::{collections::BTreeMap, fs, path::Path};

use mir_models::{
    Device,
    arch::{HighResolutionNotes, HighResolutionPedals, NoteHeads, OnsetsFrames, PedalHeads},
    config::{CourseModel, HighResolutionConfig, OnsetsFramesConfig},
    nn::Mode,
    params::Params,
    weights::{Fit, NameMap, import},
};
use safetensors::{Dtype, tensor::TensorView};
use serde::Deserialize;
use tch::{Kind, Tensor};

#[derive(Deserialize)]
struct Fixture {
    versions: String,
    networks: BTreeMap<String, Golden>,
}

#[derive(Deserialize)]
struct Golden {
    tensors: BTreeMap<String, Vec<usize>>,
    heads: BTreeMap<String, Vec<f64>>,
}

const FRAMES: usize = 12;
const BINS: usize = 229;

/// Numbers in [−1, 1) by a mixing function of 32-bit integers.
fn uniform(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let first = crc32fast::hash(name.as_bytes());
    (0..count as u32).map(move |i| {
        let mut x = i.wrapping_add(first);
        for _ in 0..2 {
            x = (x ^ (x >> 16)).wrapping_mul(0x045d_9f3b);
        }
        f64::from(x ^ (x >> 16)) / 2f64.powi(31) - 1.0
    })
}

/// A tensor as training might leave it.
fn value(name: &str, shape: &[usize]) -> Vec<f32> {
    let fan_in: usize = shape.iter().skip(1).product();
    uniform(name, shape.iter().product())
        .map(|u| {
            let value = if name.ends_with("running_var") {
                1.0 + 0.5 * u
            } else if name.ends_with("running_mean") || name.contains("bias") {
                0.1 * u
            } else if shape.len() == 1 {
                1.0 + 0.2 * u
            } else {
                u * (3.0 / fan_in as f64).sqrt()
            };
            value as f32
        })
        .collect()
}

/// A file with these tensors, their names behind a prefix.
fn weight_file(path: &Path, prefix: &str, tensors: &BTreeMap<String, Vec<usize>>) {
    let bytes: BTreeMap<String, (Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, shape)| {
            let bytes = value(name, shape).into_iter().flat_map(f32::to_le_bytes).collect();
            (format!("{prefix}{name}"), (shape.clone(), bytes))
        })
        .collect();
    let views = bytes.iter().map(|(name, (shape, bytes))| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn logits(probabilities: &[f64]) -> Vec<f64> {
    probabilities.iter().map(|p| (p / (1.0 - p)).ln()).collect()
}

#[test]
fn what_a_module_holds_twice_is_taken_once() {
    let map = NameMap::of_jongwook();
    assert_eq!(map.apply("combined_stack.0.rnn._flat_weights.0"), None);
    assert_eq!(map.apply("melspectrogram.stft.forward_basis"), None);
    let name = "combined_stack.0.rnn.bias_hh_l0";
    assert_eq!(map.apply(name).as_deref(), Some(name));
}

/// A network under test: from the input to its heads by name.
type Network = Box<dyn Fn(&Tensor) -> Vec<(&'static str, Tensor)>>;

struct Case {
    name: &'static str,
    build: Box<dyn Fn(&mut Params) -> Network>,
    map: NameMap,
    prefix: &'static str,
}

fn onsets_frames(
    name: &'static str,
    config: OnsetsFramesConfig,
    map: NameMap,
    prefix: &'static str,
) -> Case {
    let build = move |params: &mut Params| -> Network {
        let network = OnsetsFrames::new(params, config.clone()).unwrap();
        Box::new(move |x| {
            let heads = network.forward(x, Mode::EVAL).unwrap();
            [
                ("onset", Some(heads.onset)),
                ("frame", Some(heads.frame)),
                ("offset", heads.offset),
                ("velocity", heads.velocity),
            ]
            .into_iter()
            .filter_map(|(name, head)| Some((name, head?)))
            .collect()
        })
    };
    Case { name, build: Box::new(build), map, prefix }
}

fn high_resolution() -> HighResolutionConfig {
    HighResolutionConfig {
        conv_channels: [2, 3, 4, 5],
        fc_units: 8,
        gru_units: 4,
        ..HighResolutionConfig::default()
    }
}

fn bytedance() -> [Case; 2] {
    let notes = |params: &mut Params| -> Network {
        let network = HighResolutionNotes::new(params, high_resolution()).unwrap();
        Box::new(move |x| {
            let NoteHeads { onset, offset, frame, velocity } =
                network.forward(x, Mode::EVAL).unwrap();
            vec![("onset", onset), ("offset", offset), ("frame", frame), ("velocity", velocity)]
        })
    };
    let pedals = |params: &mut Params| -> Network {
        let network = HighResolutionPedals::new(params, high_resolution()).unwrap();
        Box::new(move |x| {
            let PedalHeads { onset, offset, frame } = network.forward(x, Mode::EVAL).unwrap();
            vec![("onset", onset), ("offset", offset), ("frame", frame)]
        })
    };
    [
        Case {
            name: "bytedance-notes",
            build: Box::new(notes),
            map: NameMap::of_bytedance_notes(),
            prefix: "model.note_model.",
        },
        Case {
            name: "bytedance-pedals",
            build: Box::new(pedals),
            map: NameMap::of_bytedance_pedals(),
            prefix: "model.pedal_model.",
        },
    ]
}

#[test]
fn networks_with_the_weights_of_other_programs_say_what_pytorch_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pytorch/networks.json");
    let fixture: Fixture = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(fixture.versions.contains("PyTorch 2.11.0"));
    let course = |model: CourseModel| {
        let config = OnsetsFramesConfig::course(model, 4, 16);
        onsets_frames(model.name(), config, NameMap::of_course(model), "model_state_dict.")
    };
    let mut cases: Vec<_> = CourseModel::ALL.map(course).into();
    let config = OnsetsFramesConfig::jongwook(2);
    cases.push(onsets_frames("jongwook", config, NameMap::of_jongwook(), ""));
    cases.extend(bytedance());
    assert_eq!(fixture.networks.len(), cases.len());

    let folder = tempfile::tempdir().unwrap();
    let input: Vec<f32> = uniform("input", FRAMES * BINS).map(|u| (u * 3.0 - 4.0) as f32).collect();
    let input = Tensor::from_slice(&input).reshape([1, 1, FRAMES as i64, BINS as i64]);
    for Case { name, build, map, prefix } in cases {
        let golden = &fixture.networks[name];
        let file = folder.path().join(format!("{name}.safetensors"));
        weight_file(&file, prefix, &golden.tensors);
        let mut params = Params::new(Device::Cpu, 0);
        let network = build(&mut params);
        let report = import(&file, &mut params, &map, Fit::Strict).unwrap();
        assert_eq!(report.loaded.len(), golden.tensors.len(), "{name}");

        let heads = tch::no_grad(|| network(&input));
        assert_eq!(heads.len(), golden.heads.len(), "{name}");
        for (head, tensor) in heads {
            // The course's program gives logits, the others probabilities, but jongwook's of velocities.
            let probabilities = match name {
                "jongwook" => head != "velocity",
                _ => name.starts_with("bytedance"),
            };
            let stored = golden.heads[head].clone();
            let expected = if probabilities { logits(&stored) } else { stored };
            let flat = tensor.to_kind(Kind::Double).flatten(0, -1).contiguous();
            let all: Vec<f64> = Vec::try_from(&flat).unwrap();
            let step = if all.len() > 100 { 13 } else { 1 };
            let found: Vec<f64> = all.into_iter().step_by(step).collect();
            assert_eq!(found.len(), expected.len());
            let magnitude = expected.iter().fold(0f64, |m, x| m.max(x.abs()));
            assert!(magnitude > 0.05, "{name}, {head}: nothing to compare");
            for (a, b) in found.iter().zip(&expected) {
                assert!((a - b).abs() <= 1e-5 * magnitude.max(1.0), "{name}, {head}: {a}, {b}");
            }
        }
    }
}
