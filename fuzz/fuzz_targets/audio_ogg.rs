//! Audio in what begins like Ogg: samples or an error, never a panic.
#![no_main]

mod audio;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audio::read(bytes, "fuzz.ogg", &[(0, b"OggS\0\x02")]));
