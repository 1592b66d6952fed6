//! The cases that `scripts/parity/pytorch.py --store` wrote, and whether our answers are PyTorch's.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::cases;

/// Cases with the answers of PyTorch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stored {
    /// What gave the answers.
    pub(crate) versions: String,
    limit: f64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    request: Value,
    expected: Value,
}

/// What was compared.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// Names of the cases.
    pub(crate) names: BTreeSet<String>,
    /// Numbers in all of them.
    pub(crate) values: usize,
}

impl Stored {
    /// The stored cases.
    pub(crate) fn read() -> serde_json::Result<Self> {
        serde_json::from_str(include_str!("../../tests/fixtures/pytorch/parity.json"))
    }

    /// Answers the cases of some kinds, of all if none is named, and compares every number.
    ///
    /// # Errors
    /// The first case that cannot be answered, or has another answer.
    pub(crate) fn compare(&self, kinds: &[&str]) -> Result<Compared, String> {
        // Processors with other vector units add in another order.
        let tolerance = 5.0 * self.limit;
        let mut compared = Compared::default();
        for Case { name, request, expected } in &self.cases {
            if !kinds.is_empty() && !kinds.iter().any(|kind| request["case"] == *kind) {
                continue;
            }
            let answer = serde_json::from_value(request.clone())
                .map_err(Into::into)
                .and_then(cases::answer)
                .map_err(|error| format!("{name}: {error}"))?;
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            lists(&answer, &mut ours);
            lists(expected, &mut theirs);
            let lengths = |lists: &[Vec<f64>]| lists.iter().map(Vec::len).collect::<Vec<_>>();
            if lengths(&ours) != lengths(&theirs) {
                return Err(format!("{name}: lists of other lengths"));
            }
            for (a, b) in ours.iter().zip(&theirs) {
                let magnitude = b.iter().fold(1e-30f64, |m, x| m.max(x.abs()));
                let other = a.iter().zip(b).find(|(a, b)| (*a - *b).abs() > tolerance * magnitude);
                if let Some((a, b)) = other {
                    return Err(format!("{name}: {a} instead of {b}"));
                }
                compared.values += b.len();
            }
            compared.names.insert(name.clone());
        }
        Ok(compared)
    }
}

/// All numbers of a value in order, cut into the lists that they stand in.
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
