//! Lets examples, tests and benches find LibTorch at run time: records the folder that `mir-models`
//! was linked against in every executable of this package. Without feature `models` nothing happens.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Ok(lib) = env::var("DEP_MIR_MODELS_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
