//! Audio in what begins like ADTS: samples or an error, never a panic.
#![no_main]

mod audio;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audio::read(bytes, "fuzz.aac", &[(0, b"\xff\xf1")]));
