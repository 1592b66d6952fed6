//! Our times beside mir_eval's, in one run on the same inputs:
//! `cargo bench -p mir-eval --bench compare -- PYTHON`, with a Python that has mir_eval 0.8.2.
//!
//! Every score has to agree to 1e-9, or the run fails. Times are the best and the median of several runs
//! on one core; mir_eval's inputs are numpy arrays before its clock starts. The floor is what no
//! implementation can leave out, timed alone: a logarithm for every frequency and, for notes, one sort of the
//! onsets a side.

use std::{collections::BTreeMap, fs, hint::black_box, process::Command, time::Instant};

use serde::Deserialize;

mod large;

/// What `compare_mir_eval.py` prints of one task.
#[derive(Deserialize)]
struct Theirs {
    seconds: Vec<f64>,
    scores: BTreeMap<String, f64>,
}

fn main() {
    // Cargo adds `--bench`.
    let Some(python) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) else {
        eprintln!("nothing compared: name a Python that has mir_eval, as the last argument");
        return;
    };
    let tasks = large::tasks();
    let inputs: BTreeMap<_, _> = tasks.iter().map(|t| (t.name, &t.arguments)).collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("inputs.json");
    let text = serde_json::to_string(&inputs).expect("inputs are plain JSON");
    fs::write(&input, text).expect("the temporary folder can be written to");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/compare_mir_eval.py");
    let output = Command::new(&python).arg(script).arg(&input).output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: BTreeMap<String, Theirs> =
        serde_json::from_slice(&output.stdout).expect("the script prints JSON");

    println!(
        "task                     size                        ours (ms)  mir_eval (ms)   times   floor"
    );
    println!(
        "                                                   best  median    best  median  (best)    (ms)"
    );
    for task in &tasks {
        let theirs = &theirs[task.name];
        check(task.name, &(task.evaluate)(), &theirs.scores);
        let (best, median) = summary(measure(&task.evaluate));
        let floor = task.floor.as_ref().map(|floor| summary(measure(floor)).0);
        let (their_best, their_median) = summary(theirs.seconds.clone());
        println!(
            "{:<24} {:<27} {:>7.3} {:>7.3} {:>7.1} {:>7.1} {:>7.0} {:>7}",
            task.name,
            task.size,
            1e3 * best,
            1e3 * median,
            1e3 * their_best,
            1e3 * their_median,
            their_best / best,
            floor.map_or_else(String::new, |seconds| format!("{:.3}", 1e3 * seconds)),
        );
    }
}

/// Seconds of runs over about a second, at least ten.
fn measure<T>(work: impl Fn() -> T) -> Vec<f64> {
    let begin = Instant::now();
    let mut seconds = Vec::new();
    while seconds.len() < 10 || (begin.elapsed().as_secs_f64() < 1.0 && seconds.len() < 10_000) {
        let start = Instant::now();
        black_box(work());
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds
}

/// Best and median.
fn summary(mut seconds: Vec<f64>) -> (f64, f64) {
    seconds.sort_unstable_by(f64::total_cmp);
    (seconds[0], seconds[seconds.len() / 2])
}

fn check(task: &str, ours: &large::Entries, theirs: &BTreeMap<String, f64>) {
    assert_eq!(ours.len(), theirs.len(), "{task}: number of scores");
    for (name, value) in ours {
        let expected = theirs[*name];
        assert!((value - expected).abs() <= 1e-9, "{task}: {name} is {value}, there {expected}");
    }
}
