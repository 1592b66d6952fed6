//! Weights of other programs, under other names.

use std::path::{Path, PathBuf};

use mir_models::{
    Device, Error,
    params::{Init, Params},
    weights::{Fit, NameMap, import},
};

fn module() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pytorch/module-zip.pt")
}

/// A network with the shapes of the pickled module, under names of its own.
fn network(classes: usize) -> Params {
    let mut params = Params::new(Device::Cpu, 0);
    let mut root = params.root();
    let zero = Init::Constant(0.0);
    let mut weight = |name: &str, shape: &[usize]| {
        let _ = root.weight(name, shape, zero).unwrap();
    };
    weight("head.weight", &[classes, 3]);
    weight("head.bias", &[classes]);
    weight("norm.weight", &[2]);
    weight("norm.bias", &[2]);
    weight("norm.running_mean", &[2]);
    weight("norm.running_var", &[2]);
    weight("scale", &[1]);
    params
}

fn map() -> NameMap {
    let mut map = NameMap::default();
    map.rename = [("body.0.", "head."), ("body.2.", "norm.")]
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .to_vec();
    map.ignore.push("window".to_owned());
    map
}

fn mean(params: &Params, name: &str) -> f64 {
    let (_, tensor) = params.all().find(|(n, _)| *n == name).unwrap();
    tensor.abs().mean(tch::Kind::Double).double_value(&[])
}

#[test]
fn a_pickled_module_fills_a_network_of_other_names() {
    let mut params = network(2);
    let report = import(&module(), &mut params, &map(), Fit::Strict).unwrap();
    assert_eq!(report.loaded.len(), 7);
    assert!(report.is_exact());
    assert!(mean(&params, "head.weight") > 0.0);
    assert!((mean(&params, "norm.running_var") - 1.0).abs() < 1e-12);
}

#[test]
fn what_does_not_fit_is_named_and_nothing_is_changed() {
    let mut params = network(5);
    let all = NameMap { ignore: Vec::new(), ..map() };
    match import(&module(), &mut params, &all, Fit::Strict) {
        Err(Error::Weights { reason, .. }) => {
            assert!(
                reason.contains("2 of another shape ('head.bias': [2] in the file, [5] here"),
                "{reason}"
            );
            assert!(reason.contains("unexpected"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert!(mean(&params, "norm.running_var") < 1e-12);
    let report = import(&module(), &mut params, &all, Fit::Partial).unwrap();
    assert_eq!(report.loaded.len(), 5);
    assert_eq!(report.unexpected, ["body.2.num_batches_tracked", "window"]);
    assert_eq!(report.mismatched[1].name, "head.weight");
    assert_eq!(
        (report.mismatched[1].file.as_slice(), report.mismatched[1].network.as_slice()),
        (&[2, 3][..], &[5, 3][..])
    );
    assert!((mean(&params, "norm.running_var") - 1.0).abs() < 1e-12);
    let other = NameMap { prefix: "elsewhere.".to_owned(), ..NameMap::default() };
    let report = import(&module(), &mut params, &other, Fit::Partial).unwrap();
    assert_eq!((report.loaded.len(), report.missing.len()), (0, 7));
}

#[test]
fn two_names_for_one_tensor_are_reported() {
    let mut map = map();
    map.rename.push(("window".to_owned(), "scale".to_owned()));
    map.ignore.clear();
    let report = import(&module(), &mut network(2), &map, Fit::Partial).unwrap();
    assert!(report.unexpected.iter().any(|name| name == "window" || name == "scale"));
}
