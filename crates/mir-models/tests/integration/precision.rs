//! bfloat16 where it does no harm, 32-bit floats everywhere else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mir_core::batch::{BatchPosition, BatchSource};
use mir_models::{
    arch::OnsetsFrames,
    config::{Precision, TrainConfig},
    nn::{
        BatchNorm, BiLstm, Conv1d, Conv2d, GroupNorm, LayerNorm, Linear, Mode, Recording,
        SelfAttention,
    },
    params::Params,
    schedule::Schedule,
};
use tch::{Device, Kind, Tensor};

use super::training::{ONE_AT_A_TIME, architecture, toy, train_config, trainer};

const BF16: Mode = Mode { train: true, precision: Precision::Bf16 };

fn input(shape: &[i64]) -> Tensor {
    Tensor::ones(shape, (Kind::Float, Device::Cpu)) * 0.5
}

#[test]
fn each_layer_computes_in_its_kind() {
    let mut params = Params::new(Device::Cpu, 0);
    let mut root = params.root();
    let conv1 = Conv1d::new(root.child("conv1"), 4, 4, [3]).unwrap();
    let conv2 = Conv2d::new(root.child("conv2"), 4, 4, [3, 3]).unwrap();
    let linear = Linear::new(root.child("linear"), 8, 8).unwrap();
    let lstm = BiLstm::new(root.child("lstm"), 8, 4, 1).unwrap();
    let attention = SelfAttention::new(root.child("attention"), 8, 2, 0.0).unwrap();
    let layer_norm = LayerNorm::new(root.child("layer_norm"), 8).unwrap();
    let group_norm = GroupNorm::new(root.child("group_norm"), 2, 4).unwrap();
    let batch_norm = BatchNorm::new(root.child("batch_norm"), 4).unwrap();
    let (rows, planes) = (input(&[2, 4, 8]), input(&[2, 4, 6, 8]));
    let half = rows.to_kind(Kind::BFloat16);
    for (name, output, kind) in [
        ("conv1", conv1.forward(&rows, BF16), Kind::BFloat16),
        ("conv2", conv2.forward(&planes, BF16), Kind::BFloat16),
        ("linear", linear.forward(&rows, BF16), Kind::BFloat16),
        ("lstm", lstm.forward(&half, BF16), Kind::Float),
        ("attention", attention.forward(&half, false, BF16), Kind::Float),
        ("layer_norm", layer_norm.forward(&half), Kind::Float),
        ("group_norm", group_norm.forward(&half), Kind::Float),
        // Its statistics are 32-bit, its output keeps the kind of its input.
        ("batch_norm", batch_norm.forward(&planes.to_kind(Kind::BFloat16), BF16), Kind::BFloat16),
        ("linear", linear.forward(&rows, Mode { precision: Precision::F32, ..BF16 }), Kind::Float),
    ] {
        assert_eq!(output.unwrap().kind(), kind, "{name}");
    }
    assert!(params.all().all(|(_, tensor)| tensor.kind() == Kind::Float));
}

#[test]
fn what_leaves_a_network_and_what_is_kept_is_32_bit() {
    let mut params = Params::new(Device::Cpu, 1);
    let network = OnsetsFrames::new(&mut params, architecture()).unwrap();
    let recording = Recording::start();
    let heads = network.forward(&input(&[2, 1, 12, 40]), BF16).unwrap();
    let outputs = recording.finish(&params);
    let kind = |layer: &str| {
        let found = outputs.iter().find(|output| output.layer == layer);
        found.unwrap_or_else(|| panic!("{layer} in {outputs:?}")).kind.clone()
    };
    for layer in ["onset_stack.0.cnn.0", "onset_stack.0.cnn.8", "onset_stack.0.fc.0"] {
        assert_eq!(kind(layer), "BFloat16", "{layer}");
    }
    for layer in ["input_norm", "onset_stack.1.rnn", "combined_stack.0.rnn"] {
        assert_eq!(kind(layer), "Float", "{layer}");
    }
    assert_eq!([heads.onset.kind(), heads.frame.kind()], [Kind::Float; 2]);
    (heads.onset.sum(Kind::Float) + heads.frame.sum(Kind::Float)).backward();
    for (name, tensor) in params.trainable() {
        let gradient = tensor.grad();
        assert!(!gradient.defined() || gradient.kind() == Kind::Float, "{name}");
    }
}

#[test]
fn a_panic_leaves_no_trace() {
    let mut params = Params::new(Device::Cpu, 0);
    let linear = Linear::new(params.root().child("linear"), 8, 8).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _recording = Recording::start();
        let _ = linear.forward(&input(&[2, 8]), BF16).unwrap();
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    // The precision is an argument of every call: there is nothing that could stay behind.
    let after = linear.forward(&input(&[2, 8]), Mode::EVAL).unwrap();
    assert_eq!(after.kind(), Kind::Float);
    let recording = Recording::start();
    assert_eq!(recording.finish(&params), []);
}

#[test]
fn three_hundred_steps_in_bfloat16_end_where_32_bit_floats_do() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let end = |precision| {
        let schedule = Schedule::OneCycle { peak: 5e-3, warmup: 0.2 };
        let config = TrainConfig { precision, schedule, ema_decay: 0.0, ..train_config(300) };
        let (mut trainer, mut source) = (trainer(config), toy());
        let mut losses = Vec::new();
        for _ in 0..300 {
            let batch = source.next_batch().unwrap();
            losses.push(trainer.step(&batch, BatchPosition::default()).unwrap().loss);
        }
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        (mean(&losses[..10]), mean(&losses[250..]))
    };
    let (start, full) = end(Precision::F32);
    let (_, half) = end(Precision::Bf16);
    assert!(full < 0.2 * start, "from {start} to {full}: nothing was learned");
    assert!((half - full).abs() < 0.02 * full, "bf16 ends at {half}, f32 at {full}");
}
