//! Audio in what begins like FLAC: samples or an error, never a panic.
#![no_main]

mod audio;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audio::read(bytes, "fuzz.flac", &[(0, b"fLaC")]));
