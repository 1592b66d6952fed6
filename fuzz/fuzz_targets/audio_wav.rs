//! Audio in what begins like WAV: samples or an error, never a panic.
#![no_main]

mod audio;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audio::read(bytes, "fuzz.wav", &[(0, b"RIFF"), (8, b"WAVEfmt ")]));
