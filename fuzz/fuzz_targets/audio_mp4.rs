//! Audio in what begins like MP4: samples or an error, never a panic.
#![no_main]

mod audio;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audio::read(bytes, "fuzz.m4a", &[(4, b"ftypM4A ")]));
