//! Audio in what begins like MP3: samples or an error, never a panic.
#![no_main]

mod audio;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audio::read(bytes, "fuzz.mp3", &[(0, b"\xff\xfb\x90\x40")]));
