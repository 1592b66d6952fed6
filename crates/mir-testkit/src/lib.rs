//! What the tests of this workspace share: signals with fixed seeds, assertions that name the worst
//! element, and the way to the recordings that the project may not ship.
//!
//! A *dev*-dependency only. In `mir-core`'s own unit tests its types are those of a second copy of
//! `mir-core`; use it from `crates/mir-core/tests/` there.
#![forbid(unsafe_code)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use serde::de::DeserializeOwned;

pub mod html;
pub mod mat;
pub mod signal;

/// Tests that were skipped in this process because the recordings are not there.
static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// A path under the folder that `MIR_TEST_DATA` names, or `None` with a message and a running count
/// when the variable is unset or the path is missing: the test then returns.
///
/// ```
/// let Some(folder) = mir_testkit::test_data("maps/test") else { return };
/// # let _ = folder;
/// ```
pub fn test_data(relative: &str) -> Option<PathBuf> {
    let found = env::var_os("MIR_TEST_DATA").map(|root| Path::new(&root).join(relative));
    match found {
        Some(path) if path.exists() => Some(path),
        found => {
            let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
            let reason = match found {
                None => "MIR_TEST_DATA is not set".to_owned(),
                Some(path) => format!("{} does not exist", path.display()),
            };
            eprintln!("skipped (number {count} here): needs {relative}, {reason}");
            None
        }
    }
}

/// Reads a JSON fixture of the calling crate: `path` is relative to the crate's folder, which the
/// caller passes as `env!("CARGO_MANIFEST_DIR")`.
///
/// # Panics
/// If the file is missing, does not parse, or holds an empty list: a fixture that is not there must
/// not look like a test that passed.
pub fn fixtures<T: DeserializeOwned>(manifest_dir: &str, path: &str) -> Vec<T> {
    let path = Path::new(manifest_dir).join(path);
    let text = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("fixture {}: {error}", path.display()));
    let cases: Vec<T> = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("fixture {}: {error}", path.display()));
    assert!(!cases.is_empty(), "fixture {} is empty", path.display());
    cases
}

/// Asserts `|actual − expected| <= tolerance`, naming the case. Equal infinities pass; NaN never does.
///
/// # Panics
/// If the two differ by more.
#[track_caller]
pub fn assert_close(actual: f64, expected: f64, tolerance: f64, case: &str) {
    let close = (actual - expected).abs() <= tolerance
        || (actual.is_infinite() && actual.total_cmp(&expected).is_eq());
    assert!(close, "{case}: {actual} instead of {expected} (tolerance {tolerance:e})");
}

/// Asserts that two series agree element by element within an absolute tolerance, naming the worst.
///
/// # Panics
/// If the lengths differ, or an element does by more than `tolerance`.
#[track_caller]
pub fn assert_all_close<'a>(
    actual: impl IntoIterator<Item = &'a f32>,
    expected: impl IntoIterator<Item = &'a f32>,
    tolerance: f32,
    case: &str,
) {
    let actual: Vec<f32> = actual.into_iter().copied().collect();
    let expected: Vec<f32> = expected.into_iter().copied().collect();
    assert_eq!(actual.len(), expected.len(), "{case}: lengths");
    let distance = |i: usize| {
        let d = (actual[i] - expected[i]).abs();
        if d.is_nan() { f32::INFINITY } else { d }
    };
    let worst = (0..actual.len()).max_by(|&a, &b| distance(a).total_cmp(&distance(b)));
    if let Some(i) = worst {
        assert!(
            distance(i) <= tolerance,
            "{case}: element {i} is {} instead of {} (tolerance {tolerance:e})",
            actual[i],
            expected[i],
        );
    }
}
