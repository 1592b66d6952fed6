//! Samples without a header, as pipes carry them: `arecord -t raw`, `ffmpeg -f s16le -`.

use crate::{Error, Result};

/// How a sample is written, little-endian.
///
/// ```
/// assert_eq!(mir_audio::RawFormat::Float32.bytes(), 4);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RawFormat {
    /// 16-bit integers; full scale is 32 768.
    #[default]
    Int16,
    /// 32-bit IEEE floats, taken as they are: also those that are not finite.
    Float32,
}

impl RawFormat {
    /// Bytes of a sample.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Int16 => 2,
            Self::Float32 => 4,
        }
    }
}

/// Turns bytes that arrive in pieces of any length into samples of one channel.
///
/// ```
/// use mir_audio::{RawDecoder, RawFormat};
/// let mut decoder = RawDecoder::new(RawFormat::Int16);
/// let mut samples = Vec::new();
/// decoder.push(&[0x00, 0x40, 0x00], &mut samples); // one sample and a half
/// decoder.push(&[0xc0], &mut samples);
/// assert_eq!(samples, [0.5, -0.5]);
/// decoder.finish()?;
/// # Ok::<(), mir_audio::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RawDecoder {
    format: RawFormat,
    /// The first bytes of a sample that is not complete.
    rest: Vec<u8>,
    bytes: u64,
}

impl RawDecoder {
    /// At the start of a stream.
    pub const fn new(format: RawFormat) -> Self {
        Self { format, rest: Vec::new(), bytes: 0 }
    }

    /// Reads the next bytes and appends the samples that are complete.
    pub fn push(&mut self, bytes: &[u8], samples: &mut Vec<f32>) {
        self.bytes += bytes.len() as u64;
        self.rest.extend_from_slice(bytes);
        let whole = self.rest.len() - self.rest.len() % self.format.bytes();
        for sample in self.rest[..whole].chunks_exact(self.format.bytes()) {
            samples.push(match *sample {
                [low, high] => f32::from(i16::from_le_bytes([low, high])) / 32_768.0,
                [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
                _ => continue,
            });
        }
        self.rest.drain(..whole);
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// [`Error::PartialSample`] if its last sample is incomplete: cut off, or of another format.
    pub fn finish(self) -> Result<()> {
        match self.rest.len() {
            0 => Ok(()),
            rest => {
                Err(Error::PartialSample { bytes: self.bytes, rest, expected: self.format.bytes() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_incomplete_sample_is_an_error() {
        for (format, bytes) in [(RawFormat::Int16, 5), (RawFormat::Float32, 6)] {
            let (mut decoder, mut samples) = (RawDecoder::new(format), Vec::new());
            decoder.push(&vec![0; bytes], &mut samples);
            assert_eq!(samples.len(), bytes / format.bytes());
            let error = decoder.finish().unwrap_err();
            assert!(matches!(error, Error::PartialSample { rest: 1 | 2, .. }), "{error:?}");
        }
        assert!(RawDecoder::new(RawFormat::Int16).finish().is_ok());
    }

    proptest! {
        #[test]
        fn the_result_does_not_depend_on_the_cuts(
            values in prop::collection::vec(any::<f32>(), 0..50), piece in 1usize..20,
        ) {
            let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            let (mut decoder, mut samples) = (RawDecoder::new(RawFormat::Float32), Vec::new());
            bytes.chunks(piece).for_each(|bytes| decoder.push(bytes, &mut samples));
            let bits = |all: &[f32]| all.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&samples), bits(&values));
            prop_assert!(decoder.finish().is_ok());
        }
    }
}
