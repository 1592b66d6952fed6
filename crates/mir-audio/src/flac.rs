//! Writing FLAC files, which appear complete or not at all.

use std::{
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use flacenc::{
    bitsink::ByteSink, component::BitRepr, config::Encoder, error::Verify, source::MemSource,
};
use mir_core::{AudioBuffer, publish::AtomicFile};
use serde::{Deserialize, Serialize};

use crate::{Cause, Error, Result, write::quantize};

/// Most channels that FLAC knows.
const MAX_CHANNELS: usize = 8;
/// Highest rate that a FLAC header holds.
const MAX_RATE: u32 = 655_350;

/// Bits of a sample in a FLAC file.
///
/// ```
/// assert_eq!(mir_audio::FlacDepth::default(), mir_audio::FlacDepth::Int16);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlacDepth {
    /// `round(x · 2^15)`, clipped.
    #[default]
    Int16,
    /// `round(x · 2^23)`, clipped.
    Int24,
}

impl FlacDepth {
    const fn bits(self) -> u32 {
        match self {
            Self::Int16 => 16,
            Self::Int24 => 24,
        }
    }
}

/// Writes a FLAC file, replacing an older one. Nothing is left behind if it fails.
///
/// Read again, the integers are exactly those that were written. Samples beyond full scale are clipped,
/// with a warning in the log. The file is built in memory.
///
/// ```
/// use mir_audio::{AudioBuffer, FlacDepth, LoadOptions, SampleRate, load, write_flac};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("ramp.flac");
/// let ramp = (0..5000).map(|n| n as f32 / 8192.0).collect();
/// let audio = AudioBuffer::mono(SampleRate::HZ_44100, ramp);
/// write_flac(&path, &audio, FlacDepth::Int16)?;
/// assert_eq!(load(&path, &LoadOptions::default())?, audio);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::OutOfRange`] for no samples, more than 8 channels or a rate above 655 350 Hz, [`Error::Core`] for samples
/// that are not finite or a file that cannot be made, [`Error::Write`] if the disk is full.
pub fn write_flac(path: impl AsRef<Path>, audio: &AudioBuffer, depth: FlacDepth) -> Result<()> {
    let path = path.as_ref();
    check(audio)?;
    let failed = |source: Cause| Error::Write { path: path.to_owned(), source };
    let encoded = encode(audio, depth).map_err(failed)?;
    let mut file = AtomicFile::create(path)?;
    file.write_all(&encoded).map_err(|source| failed(source.into()))?;
    file.commit()?;
    Ok(())
}

/// The bytes of a FLAC file, for documents that sounds stand in. As [`write_flac`] writes them.
///
/// ```
/// use mir_audio::{AudioBuffer, FlacDepth, SampleRate, flac_bytes};
/// let silence = AudioBuffer::silence(SampleRate::HZ_16000, 1, 16_000)?;
/// let bytes = flac_bytes(&silence, FlacDepth::Int16)?;
/// assert!(bytes.starts_with(b"fLaC") && bytes.len() < 1000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::OutOfRange`] and [`Error::Core`] as [`write_flac`]; [`Error::Encode`] if the encoder fails.
pub fn flac_bytes(audio: &AudioBuffer, depth: FlacDepth) -> Result<Vec<u8>> {
    check(audio)?;
    encode(audio, depth).map_err(|source| Error::Encode { format: "FLAC", source })
}

/// Whether FLAC can hold it.
fn check(audio: &AudioBuffer) -> Result<()> {
    if audio.is_empty() {
        return Err(Error::OutOfRange {
            field: "samples",
            expected: "at least 1 for FLAC, whose readers take 0 for an unknown length",
            actual: 0.0,
        });
    }
    let limits = [
        ("channels", "at most 8 for FLAC", audio.channels(), MAX_CHANNELS),
        (
            "sample rate",
            "at most 655350 Hz for FLAC",
            audio.sample_rate().hz() as usize,
            MAX_RATE as usize,
        ),
    ];
    for (field, expected, actual, most) in limits {
        if actual > most {
            return Err(Error::OutOfRange { field, expected, actual: actual as f64 });
        }
    }
    Ok(audio.check_finite()?)
}

fn encode(audio: &AudioBuffer, depth: FlacDepth) -> Result<Vec<u8>, Cause> {
    let mut clipped = 0;
    let mut samples = Vec::with_capacity(audio.len() * audio.channels());
    for frame in audio.samples().columns() {
        samples.extend(frame.iter().map(|&x| quantize(x, depth.bits(), &mut clipped)));
    }
    if clipped > 0 {
        log::warn!("{clipped} samples were clipped");
    }
    let (channels, bits) = (audio.channels(), depth.bits() as usize);
    let rate = audio.sample_rate().hz() as usize;
    let source = MemSource::from_samples(&samples, channels, bits, rate);
    // A defect of the encoder must not end the program.
    let encoding = catch_unwind(AssertUnwindSafe(|| -> Result<Vec<u8>, Cause> {
        let config = Encoder::default().into_verified().map_err(|(_, error)| error.to_string())?;
        let stream = flacenc::encode_with_fixed_block_size(&config, source, config.block_size)
            .map_err(|error| error.to_string())?;
        let mut sink = ByteSink::new();
        stream.write(&mut sink).map_err(|error| error.to_string())?;
        let mut bytes = sink.as_slice().to_vec();
        state_block_size(&mut bytes, config.block_size);
        Ok(bytes)
    }));
    encoding.unwrap_or_else(|_| Err("the encoder failed".into()))
}

/// Writes the block size into the header as both its smallest and its largest (RFC 9639 §8.2).
///
/// The smallest does not count the last block, of which there may be no other; the encoder puts the length
/// of a single short block there, and readers refuse less than 16.
fn state_block_size(bytes: &mut [u8], block_size: usize) {
    let size = u16::try_from(block_size).unwrap_or(u16::MAX).to_be_bytes();
    // The mark `fLaC`, four bytes of block header, then the two sizes.
    if let Some(field) = bytes.get_mut(8..12) {
        field.copy_from_slice(&[size, size].concat());
    }
}
