//! The examples as their users run them.

mod convert;
#[cfg(feature = "separation")]
mod evaluate;
#[cfg(feature = "plots")]
mod features;
#[cfg(all(feature = "models", feature = "hdf5"))]
mod high_resolution;
#[cfg(all(feature = "plots", feature = "synth", feature = "formats"))]
mod notes;
#[cfg(all(feature = "models", feature = "hdf5"))]
mod onsets_frames;
#[cfg(all(feature = "models", feature = "hdf5"))]
mod report;
#[cfg(feature = "models")]
mod selfcheck;
#[cfg(all(feature = "models", feature = "hdf5"))]
mod transcribe;
#[cfg(all(feature = "models", feature = "hdf5"))]
mod trials;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

/// An example, ready to be given arguments.
fn program(name: &str) -> Command {
    // Tests lie in target/PROFILE/deps, examples beside them in target/PROFILE/examples.
    let test = std::env::current_exe().unwrap();
    let examples = test.parent().and_then(Path::parent).unwrap().join("examples");
    let mut command = Command::new(examples.join(name));
    command.env("XDG_CACHE_HOME", examples.join("../cli-test-cache"));
    command
}

fn run(program: &mut Command) -> Output {
    program.output().expect("cargo builds the examples before it runs the tests")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn assert_done(output: &Output) {
    assert!(output.status.success(), "{:?}: {}", output.status.code(), stderr(output));
}

/// Asserts an exit code, and that one message, from `error:` to the next, holds each of the texts.
#[track_caller]
fn assert_fails(output: &Output, code: i32, texts: &[&str]) {
    let message = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    let says = |error: &str| texts.iter().all(|text| error.contains(text));
    assert!(message.split("error:").skip(1).any(says), "no error with {texts:?} in: {message}");
}

/// A folder that is gone after the test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    /// Where something of that name lies, or would lie.
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The path as an argument.
    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The same, in a folder that exists.
    fn new_file(&self, name: &str) -> String {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        self.text(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.new_file(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// What lies in a folder of it, sorted; nothing if there is no such folder.
    fn names(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(folder))
            .map(|all| all.map(|e| e.unwrap().file_name().to_string_lossy().into()).collect())
            .unwrap_or_default();
        names.sort();
        names
    }
}
