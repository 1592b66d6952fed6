//! Audio in what begins like CAF: samples or an error, never a panic.
#![no_main]

mod audio;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audio::read(bytes, "fuzz.caf", &[(0, b"caff\0\x01\0\0desc")]));
