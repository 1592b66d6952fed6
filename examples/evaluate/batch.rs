//! Many cases in one file: how this program is compared with mir_eval in bulk.

use std::{fs, path::Path, time::Instant};

use mir_eval::task::{Annotation, TaskConfig};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    common::failure::{Failure, Outcome, chain},
    output::store,
};

/// One line of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    config: TaskConfig,
    reference: Value,
    estimate: Value,
}

/// Scores each line; a case that is refused gives `{"error": …}` in its line. With `runs`, each line tells
/// how long that many evaluations took, reading left out.
pub fn score(path: &Path, output: Option<&Path>, runs: Option<u32>) -> Outcome<()> {
    let text = fs::read_to_string(path)
        .map_err(|e| Failure::data(format!("cannot read {}: {e}", path.display())))?;
    let mut lines = String::new();
    for (index, line) in text.lines().enumerate() {
        let case: Case = serde_json::from_str(line)
            .map_err(|e| Failure::data(format!("{}, line {}: {e}", path.display(), index + 1)))?;
        lines += &evaluate(case, runs)
            .unwrap_or_else(|error| json!({ "error": chain(&error) }).to_string());
        lines.push('\n');
    }
    store(output, &[path], || Ok(lines))
}

fn evaluate(case: Case, runs: Option<u32>) -> mir_eval::Result<String> {
    let reference = Annotation::from_json(case.config.task(), case.reference)?;
    let estimate = Annotation::from_json(case.config.task(), case.estimate)?;
    let Some(runs) = runs else {
        return Ok(case.config.evaluate(&reference, &estimate)?.to_json());
    };
    let mut seconds = Vec::new();
    for _ in 0..runs {
        let start = Instant::now();
        std::hint::black_box(case.config.evaluate(&reference, &estimate)?);
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(json!({ "seconds": seconds }).to_string())
}
