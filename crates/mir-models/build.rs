//! Where is LibTorch at run time?
//!
//! Cargo does not hand a dependency's link arguments on, and sets the loader's search path itself, so
//! each package that links LibTorch records its folder in its own executables. This script does so for
//! the tests, examples and benches of `mir-models`, and hands the folder on: the build script of a
//! dependent reads it from `DEP_MIR_MODELS_LIBTORCH_LIB` (the README shows the three lines).
//! Without feature `torch` nothing happens.

use std::{env, fs, path::Path, process::exit};

/// The release that tch 0.24 is generated from; setup.sh names the same one.
const LIBTORCH_VERSION: &str = "2.11.0";

fn main() {
    for name in ["LIBTORCH_USE_PYTORCH", "LIBTORCH_BYPASS_VERSION_CHECK"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_TORCH").is_none() {
        return;
    }
    if env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        refuse(
            "LIBTORCH_USE_PYTORCH is set. Programs would then depend on one Python environment, break \
             when it is updated, and be linked against its CUDA libraries, so that they do not start \
             without them. Unset it and run ./setup.sh, or set LIBTORCH to a LibTorch folder.",
        );
    }
    // torch-sys says where it found LibTorch, except on Windows, which has no run path either.
    let Some(lib) = env::var_os("DEP_TCH_LIBTORCH_LIB") else {
        return;
    };
    let lib = Path::new(&lib);
    check_version(lib);
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
    println!("cargo::metadata=libtorch_lib={}", lib.display());
}

/// Another release has other C++ symbols and constants: it fails at link time at best.
fn check_version(lib: &Path) {
    let file = lib.with_file_name("build-version");
    println!("cargo::rerun-if-changed={}", file.display());
    if env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_some() {
        return;
    }
    // A system-wide installation has no such file; the linker is the judge there.
    let Ok(found) = fs::read_to_string(&file) else {
        return;
    };
    let found = found.trim();
    if found.split('+').next() != Some(LIBTORCH_VERSION) {
        refuse(&format!(
            "{} says LibTorch {found}, but this crate needs {LIBTORCH_VERSION}. Unset LIBTORCH and run \
             ./setup.sh, or set LIBTORCH to a folder with LibTorch {LIBTORCH_VERSION}.",
            file.display(),
        ));
    }
}

/// Stops the build with a message that Cargo shows as an error of this package.
fn refuse(message: &str) -> ! {
    println!("cargo::error={message}");
    exit(1)
}
