//! Layers, optimisers, schedules and clipping have the values that PyTorch has: cases that
//! `scripts/parity/pytorch.py --store` wrote.

#[path = "../../examples/parity/cases.rs"]
mod cases;

use std::{collections::BTreeSet, fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    versions: String,
    limit: f64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    request: cases::Request,
    expected: Value,
}

/// All numbers of a value, in order, cut into the lists that they stand in.
fn lists(value: &Value, out: &mut Vec<Vec<f64>>) {
    match value {
        Value::Array(members) if members.iter().all(Value::is_number) => {
            out.push(members.iter().filter_map(Value::as_f64).collect());
        }
        Value::Array(members) => members.iter().for_each(|member| lists(member, out)),
        Value::Object(fields) => fields.values().for_each(|field| lists(field, out)),
        Value::Number(number) => out.extend(number.as_f64().map(|number| vec![number])),
        _ => {}
    }
}

#[test]
fn stored_cases_have_the_values_of_pytorch() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pytorch/parity.json");
    let stored: Stored = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(stored.versions.contains("PyTorch 2.11.0"));
    // Processors with other vector units add in another order.
    let tolerance = 5.0 * stored.limit;
    let mut names = BTreeSet::new();
    for Case { name, request, expected } in stored.cases {
        let answer = cases::answer(request).unwrap();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        lists(&answer, &mut ours);
        lists(&expected, &mut theirs);
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (a, b) in ours.iter().zip(&theirs) {
            assert_eq!(a.len(), b.len(), "{name}");
            let magnitude = b.iter().fold(1e-30f64, |m, x| m.max(x.abs()));
            for (a, b) in a.iter().zip(b) {
                assert!((a - b).abs() <= tolerance * magnitude, "{name}: {a} instead of {b}");
            }
        }
        names.insert(name);
    }
    for name in [
        "Conv2d",
        "ConvTranspose1d",
        "LSTM",
        "GRU",
        "TransformerEncoderLayer",
        "AdamW",
        "RMSprop",
        "OneCycleLR",
        "tensor_norm",
    ] {
        assert!(names.contains(name), "{name} is not stored");
    }
    assert!(names.len() > 35, "{names:?}");
}
