//! Averages over keys and frames, with the scores of scikit-learn as stored by
//! `tests/fixtures/generate_averages.py`.

use std::collections::BTreeMap;

use mir_eval::{
    Error,
    frame::{AverageConfig, evaluate_averages},
    stats::UndefinedPolicy,
};
use mir_testkit::{assert_close, fixtures};
use ndarray::Array2;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    origin: String,
    name: String,
    reference: Vec<Vec<u8>>,
    estimate: Vec<Vec<u8>>,
    expected: BTreeMap<String, Value>,
}

fn roll(rows: &[Vec<u8>]) -> Array2<bool> {
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j] > 0)
}

#[test]
fn averages_are_those_of_scikit_learn() {
    let cases: Vec<Case> = fixtures(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/averages.json");
    for case in &cases {
        assert_eq!(case.origin, "scikit-learn 1.9.1");
        let (reference, estimate) = (roll(&case.reference), roll(&case.estimate));
        for (undefined, key) in [(UndefinedPolicy::Zero, "zero"), (UndefinedPolicy::Skip, "skip")] {
            let config = AverageConfig { undefined, ..AverageConfig::default() };
            let scores = evaluate_averages(&reference, &estimate, &config).unwrap();
            for (name, average) in [
                ("micro", scores.micro),
                ("macro", scores.per_key),
                ("weighted", scores.weighted),
                ("samples", scores.per_frame),
            ] {
                let wanted: [Option<f64>; 3] =
                    serde_json::from_value(case.expected[&format!("{name} {key}")].clone())
                        .unwrap();
                let got = [average.precision, average.recall, average.f1];
                for (got, wanted) in got.into_iter().zip(wanted) {
                    let what = format!("{}: {name} {key}", case.name);
                    assert_eq!(got.is_some(), wanted.is_some(), "{what}");
                    assert_close(got.unwrap_or(0.0), wanted.unwrap_or(0.0), 1e-12, &what);
                }
                if undefined == UndefinedPolicy::Zero {
                    let wanted = case.expected[&format!("{name} accuracy")].as_f64().unwrap();
                    assert_close(average.accuracy.unwrap(), wanted, 1e-12, &case.name);
                }
            }
            let exact = case.expected["exact"].as_f64().unwrap();
            assert_close(scores.exact_frames.unwrap(), exact, 1e-12, &case.name);
        }
    }
}

#[test]
fn keys_that_never_occur_may_be_left_out_or_refused() {
    let reference = ndarray::array![[true, false], [true, false]];
    let estimate = ndarray::array![[true, false], [false, false]];
    let average = |config: &AverageConfig| evaluate_averages(&reference, &estimate, config);
    let all = average(&AverageConfig::default()).unwrap();
    assert_eq!((all.per_key.recall, all.per_key.units, all.per_key.empty), (Some(0.25), 2, 1));
    let occurring = AverageConfig { occurring_keys_only: true, ..AverageConfig::default() };
    assert_eq!(average(&occurring).unwrap().per_key.recall, Some(0.5));
    let refuse = AverageConfig { undefined: UndefinedPolicy::Refuse, ..AverageConfig::default() };
    assert!(matches!(average(&refuse), Err(Error::UndefinedValue { index: 1 })));
    let none = Array2::from_elem((0, 2), false);
    let nothing = evaluate_averages(&none, &none, &AverageConfig::default()).unwrap();
    assert_eq!((nothing.per_frame.f1, nothing.exact_frames), (None, None));
    assert!(evaluate_averages(&none, &reference, &AverageConfig::default()).is_err());
}
