//! The program `selfcheck` in its small form: every check holds, and one that does not would be seen.

use super::{Folder, assert_fails, program, run};

#[test]
fn every_check_holds_in_the_small_form() {
    let folder = Folder::new();
    let json = folder.text("counts.json");
    let small = ["--quick", "--kills", "3", "--interrupts", "3", "--quiet", "--json", &json];
    let output = run(program("selfcheck").args(small));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", super::stderr(&output));
    let counts: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let checks = counts["checks"].as_array().unwrap();
    let names: Vec<&str> = checks.iter().map(|check| check["check"].as_str().unwrap()).collect();
    for name in [
        "optimiser parity",
        "schedule tables",
        "TensorBoard vectors",
        "loader determinism",
        "checkpoint round trip",
        "exact resume",
        "retention",
        "damaged checkpoints",
        "early stopping",
        "trouble policies",
        "fault points",
        "full disk",
        "interrupts",
        "kills",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    assert!(checks.iter().all(|check| check["ok"] == true), "{counts:#}");
    // One line for each, and the summary.
    assert_eq!(text.lines().count(), checks.len() + 1, "{text}");
}

#[test]
fn a_check_that_is_not_there_and_a_device_that_is_not_there_are_usage_errors() {
    assert_fails(&run(program("selfcheck").args(["--only", "nothing"])), 2, &["no check"]);
    let output = run(program("selfcheck").args(["--device", "cuda:63", "--only", "device"]));
    assert_fails(&output, 2, &["cuda:63"]);
}

#[test]
fn a_process_of_the_check_that_fails_says_why() {
    let folder = Folder::new();
    let blocked = folder.write("blocked", "x");
    let phase = folder.text("phase");
    assert_fails(&run(program("selfcheck").args(["train", &blocked, &phase])), 3, &["blocked"]);
    // Far more operations than a checkpoint has: the process outlives them all.
    std::fs::create_dir(folder.path("checkpoints")).unwrap();
    let output = run(program("selfcheck").args(["publish", &folder.text("checkpoints"), "100000"]));
    assert_fails(&output, 3, &["alive"]);
}
