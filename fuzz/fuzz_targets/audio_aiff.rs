//! Audio in what begins like AIFF: samples or an error, never a panic.
#![no_main]

mod audio;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audio::read(bytes, "fuzz.aiff", &[(0, b"FORM"), (8, b"AIFFCOMM")]));
