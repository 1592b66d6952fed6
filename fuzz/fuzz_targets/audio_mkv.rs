//! Audio in what begins like Matroska: samples or an error, never a panic.
#![no_main]

mod audio;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audio::read(bytes, "fuzz.mkv", &[(0, b"\x1a\x45\xdf\xa3")]));
