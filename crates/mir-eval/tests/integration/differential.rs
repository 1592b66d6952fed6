//! Random and odd annotation pairs of every task with mir_eval's answers, as stored by
//! `scripts/parity/eval.py --store`: its scores to 1e-9, and its refusals.

use mir_eval::task::{Annotation, ScoreValue, Task, TaskConfig};
use mir_testkit::{assert_close, fixtures};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    origin: String,
    config: TaskConfig,
    reference: Value,
    estimate: Value,
    /// Scores by name, `null` for NaN; or `error`.
    expected: Map<String, Value>,
}

#[test]
fn mir_eval_agrees_on_every_stored_pair() {
    let cases: Vec<Case> = fixtures(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/differential.json");
    let mut pairs = std::collections::BTreeMap::<&str, usize>::new();
    let mut refused = 0;
    for (index, case) in cases.into_iter().enumerate() {
        assert_eq!(case.origin, "mir_eval 0.8.2");
        let task = case.config.task();
        let name = format!("{task}, case {index}");
        *pairs.entry(task.name()).or_default() += 1;
        let scores = Annotation::from_json(task, case.reference).and_then(|reference| {
            let estimate = Annotation::from_json(task, case.estimate)?;
            case.config.evaluate(&reference, &estimate)
        });
        if let Some(error) = case.expected.get("error") {
            assert!(scores.is_err(), "{name}: mir_eval refuses it: {error}");
            refused += 1;
            continue;
        }
        let scores = scores.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(scores.entries().len(), case.expected.len(), "{name}");
        for (score, value) in scores.entries() {
            let value = match value {
                ScoreValue::Number(number) => *number,
                ScoreValue::Flag(flag) => f64::from(*flag),
                other => panic!("{name}: {score} is {other:?}"),
            };
            match case.expected[*score].as_f64() {
                Some(expected) => assert_close(value, expected, 1e-9, &format!("{name}: {score}")),
                None => assert!(value.is_nan(), "{name}: {score} is {value}"),
            }
        }
    }
    let text_tasks = Task::ALL.iter().filter(|task| task.name() != "separation").count();
    assert_eq!(pairs.len(), text_tasks, "every task has cases: {pairs:?}");
    assert!(pairs.values().sum::<usize>() >= 900 && refused >= 20, "{pairs:?}, {refused} refused");
}
