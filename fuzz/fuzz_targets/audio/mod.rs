//! What the audio targets share.

use mir_audio::{Error, Limits, LoadOptions, load_bytes};

/// Reads the bytes as a recording, strictly and leniently. `marks` are put at their places first, so that
/// the container is found and the search goes past the first bytes.
///
/// A panic of the decoder that was caught is passed on: the file that brings it out is what is looked for.
pub fn read(bytes: &[u8], name: &str, marks: &[(usize, &[u8])]) {
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
            Err(error @ Error::DecoderPanicked { .. }) => panic!("{error}: {error:?}"),
            Err(_) => {}
        }
    }
}
