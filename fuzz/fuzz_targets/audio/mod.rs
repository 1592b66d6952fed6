//! What the audio targets share.

use std::sync::LazyLock;

use mir_audio::{Error, Limits, LoadOptions, load_bytes};

/// Reads the bytes as a recording, strictly and leniently. `marks` are put at their places first, so that
/// the container is found and the search goes past the first bytes.
///
/// A panic of the decoder that was caught is what this crate promises, and fuzzing goes on; with
/// `MIR_FUZZ_DECODER` set it is passed on, to find defects of the decoding library.
pub fn read(bytes: &[u8], name: &str, marks: &[(usize, &[u8])]) {
    static STRICT: LazyLock<bool> = LazyLock::new(|| {
        let strict = std::env::var_os("MIR_FUZZ_DECODER").is_some();
        if !strict {
            // libFuzzer's hook ends the process at a panic even if it is caught.
            drop(std::panic::take_hook());
        }
        strict
    });
    let strict = *STRICT;
    let mut bytes = bytes.to_vec();
    for &(at, mark) in marks {
        if bytes.len() < at + mark.len() {
            return;
        }
        bytes[at..at + mark.len()].copy_from_slice(mark);
    }
    for allow_truncated in [false, true] {
        let options = LoadOptions {
            allow_truncated,
            limits: Limits { max_bytes: 256 << 20, ..Limits::default() },
            ..LoadOptions::default()
        };
        match load_bytes(bytes.as_slice(), name, &options) {
            Ok((audio, _)) => assert!(audio.check_finite().is_ok()),
            Err(error @ Error::DecoderPanicked { .. }) if strict => panic!("{error}: {error:?}"),
            Err(_) => {}
        }
    }
}
