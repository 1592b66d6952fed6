//! Can another project use one crate of this workspace?
//!
//! For each crate a project is written into a temporary folder, outside the workspace and its Cargo
//! configuration, that names only this crate, by path. It is built offline and run. The builds share
//! the target folder, the lock file and the profile of the workspace, so LibTorch's bindings and HDF5
//! are not compiled again.

use std::{
    env, fs,
    path::Path,
    process::{Command, Output},
};

/// The build script that the README shows for projects that depend on `mir-models`.
const BUILD_SCRIPT: &str = r#"fn main() {
    if let Ok(lib) = std::env::var("DEP_MIR_MODELS_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
"#;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Crates whose code is compiled here once more; their speed does not matter.
const INTERNAL: [&str; 8] = [
    "mir-core",
    "mir-fft",
    "mir-audio",
    "mir-features",
    "mir-midi",
    "mir-eval",
    "mir-datasets",
    "mir-models",
];

/// The development profile of the workspace, so that dependencies are not compiled in another one.
fn profile() -> String {
    let path = Path::new(ROOT).join("Cargo.toml");
    let manifest = fs::read_to_string(path).expect("the manifest of the workspace");
    let mut lines = Vec::new();
    let mut within = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            within = line.starts_with("[profile.dev");
        }
        if within {
            lines.push(line);
        }
    }
    assert!(lines.len() > 3, "the manifest has a development profile");
    lines.join("\n") + "\n"
}

/// The manifest of a project that depends on these crates, and nothing else.
fn manifest(name: &str, crates: &[&str]) -> String {
    let mut text = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n"
    );
    text += &profile();
    for internal in INTERNAL {
        text += &format!("[profile.dev.package.{internal}]\nopt-level = 0\n");
    }
    text += "\n[dependencies]\n";
    for dependency in crates {
        let path = Path::new(ROOT).join("crates").join(dependency);
        // A literal TOML string: nothing in a path is an escape.
        text += &format!("{dependency} = {{ path = '{}' }}\n", path.display());
    }
    // The bindings of LibTorch ask for this feature of the C compiler's driver, which would be another one
    // without it: HDF5 would be compiled once more.
    text += "\n[build-dependencies]\ncc = { version = \"1\", features = [\"parallel\"] }\n";
    text
}

/// Cargo in a project's folder, building into the workspace's target folder.
fn cargo(project: &Path, arguments: &[&str]) -> Output {
    let target =
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp lies in target");
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).arg("--offline").current_dir(project).env("CARGO_TARGET_DIR", target);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    // What Cargo told this test about its own package would be wrong there.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
    command.output().expect("Cargo runs")
}

/// Writes a project, lets Cargo do `verb` with it, and gives back what was printed.
fn cargo_does(verb: &str, crates: &[&str], program: &str, build_script: Option<&str>) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let project = folder.path();
    let write = |name: &str, text: &str| fs::write(project.join(name), text).expect(name);
    let name = format!("consumer-{}", crates.join("-"));
    fs::create_dir(project.join("src")).expect("src");
    write("Cargo.toml", &manifest(&name, crates));
    write("src/main.rs", program);
    if let Some(script) = build_script {
        write("build.rs", script);
    }
    fs::copy(Path::new(ROOT).join("Cargo.lock"), project.join("Cargo.lock")).expect("Cargo.lock");

    let output = cargo(project, &[verb, "--quiet"]);
    // The project's folder is new each time, and so would be its share of the target folder.
    cargo(project, &["clean", "--package", &name]);
    assert!(
        output.status.success(),
        "{crates:?} from another project: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Builds and runs a program that depends on one crate.
fn run(crate_name: &str, program: &str) -> String {
    cargo_does("run", &[crate_name], program, None)
}

fn readme() -> String {
    fs::read_to_string(Path::new(ROOT).join("README.md")).expect("README.md")
}

#[test]
fn another_project_writes_and_reads_audio() {
    let printed = run(
        "mir-audio",
        r#"
use mir_audio::{AudioBuffer, LoadOptions, SampleRate, WavFormat};

fn main() -> Result<(), mir_audio::Error> {
    let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.25; 8_000]);
    mir_audio::write_wav("out.wav", &audio, WavFormat::Float32)?;
    let read = mir_audio::load("out.wav", &LoadOptions::default())?;
    println!("{} samples, equal: {}", read.len(), read == audio);
    Ok(())
}
"#,
    );
    assert_eq!(printed, "8000 samples, equal: true\n");
}

#[test]
fn another_project_computes_features() {
    let printed = run(
        "mir-features",
        r#"
use mir_features::{AudioBuffer, LogMel, LogMelConfig, SampleRate};

fn main() -> Result<(), mir_features::Error> {
    let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.0; 16_000]);
    let map = LogMel::new(LogMelConfig::jongwook())?.process(&audio)?;
    println!("{:?}", map.data.dim());
    Ok(())
}
"#,
    );
    assert_eq!(printed, "(1, 32, 229)\n");
}

#[test]
fn another_project_reads_midi() {
    let printed = run(
        "mir-midi",
        r#"
use mir_midi::{PedalRule, Score, Strictness};

fn main() -> Result<(), mir_midi::Error> {
    // One track, 96 ticks per quarter note: C4 for a quarter note at 120 quarter notes a minute.
    let track = [0, 0x90, 60, 80, 96, 0x80, 60, 0, 0, 0xff, 0x2f, 0];
    let mut file = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0".to_vec();
    file.push(track.len() as u8);
    file.extend(track);
    let (score, _) = Score::parse(&file, Strictness::Strict)?;
    for note in score.notes(PedalRule::Default) {
        println!("{} to {} s", note.onset(), note.offset());
    }
    Ok(())
}
"#,
    );
    assert_eq!(printed, "0 to 0.5 s\n");
}

#[test]
fn another_project_scores_onsets() {
    let printed = run(
        "mir-eval",
        r#"
use mir_eval::onset::{self, OnsetConfig};

fn main() -> Result<(), mir_eval::Error> {
    let score = onset::evaluate(&[0.5, 1.0], &[0.51, 2.0], &OnsetConfig::default())?;
    println!("{}", score.f1);
    Ok(())
}
"#,
    );
    assert_eq!(printed, "0.5\n");
}

#[test]
fn another_project_opens_stores() {
    let printed = run(
        "mir-datasets",
        r#"
use mir_datasets::{Error, Hdf5Store};

fn main() -> Result<(), Error> {
    std::fs::write("broken.h5", "this is no HDF5").expect("written");
    let error = Hdf5Store::open("broken.h5").err().expect("refused");
    println!("names the file: {}", error.to_string().contains("broken.h5"));
    Ok(())
}
"#,
    );
    assert_eq!(printed, "names the file: true\n");
}

#[test]
fn another_project_links_libtorch_by_the_recipe_of_the_readme() {
    assert!(readme().contains(BUILD_SCRIPT), "the README shows another build script");
    assert!(
        env::var_os("LIBTORCH").is_some(),
        "the recipe asks for LIBTORCH to be set; ./setup.sh tells Cargo, which tells this test"
    );
    let printed = cargo_does(
        "run",
        &["mir-models"],
        r#"
use mir_models::DeviceChoice;

fn main() -> Result<(), mir_models::Error> {
    mir_models::set_threads(1);
    println!("{:?}, {} thread", DeviceChoice::Cpu.resolve()?, mir_models::threads());
    Ok(())
}
"#,
        Some(BUILD_SCRIPT),
    );
    assert_eq!(printed, "Cpu, 1 thread\n");
}

#[test]
fn the_program_in_the_readme_compiles() {
    let readme = readme();
    let (_, rest) = readme.split_once("```rust\n").expect("a Rust program");
    let (program, _) = rest.split_once("```").expect("the end of the program");
    let crates = ["mir-audio", "mir-features", "mir-midi", "mir-eval"];
    let printed = cargo_does("build", &crates, program, None);
    assert!(printed.is_empty(), "{printed}");
}
