//! A traced network computes what ours does, on any shape.

use mir_models::{
    Device, Error, config::OnsetsFramesConfig, export::ExportMeta, infer::TranscriptionModel,
    weights::ModelMeta,
};
use tch::{CModule, Kind, Tensor};

fn model(architecture: OnsetsFramesConfig) -> TranscriptionModel {
    let architecture =
        OnsetsFramesConfig { bins: 24, conv_channels: 4, fc_units: 16, ..architecture };
    let meta = ModelMeta::new(architecture, mir_features::FrontEndConfig::default());
    TranscriptionModel::new(meta, Device::Cpu).unwrap()
}

#[test]
fn batch_and_frames_of_a_traced_network_are_free() {
    let folder = tempfile::tempdir().unwrap();
    for architecture in [OnsetsFramesConfig::jongwook(2), OnsetsFramesConfig::small()] {
        let model = model(OnsetsFramesConfig { lstm_units: 4, ..architecture });
        let path = folder.path().join("model.pt");
        let beside = model.export_torchscript(&path).unwrap();
        let meta: ExportMeta = serde_json::from_slice(&std::fs::read(beside).unwrap()).unwrap();
        assert_eq!(&meta.model, model.meta());
        let module = CModule::load_on_device(&path, Device::Cpu).unwrap();
        for shape in [[1, 1, 3, 24], [5, 1, 31, 24]] {
            let x = Tensor::linspace(-3, 3, shape.iter().product(), (Kind::Float, Device::Cpu))
                .reshape(shape);
            let traced = module.forward_ts(&[&x]).unwrap();
            let (own, heads) = model.joined_heads(&x).unwrap();
            assert_eq!(heads, meta.heads);
            assert_eq!(traced.size(), [heads.len() as i64, shape[0], shape[2], 88]);
            let difference = (traced - own).abs().max().double_value(&[]);
            assert!(difference < 1e-5, "{difference}");
        }
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
    let json = model(OnsetsFramesConfig::small()).export_torchscript("model.json".as_ref());
    assert!(matches!(json, Err(Error::Config { .. })));
}
