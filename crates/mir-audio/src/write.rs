//! Writing WAV files, which appear complete or not at all.

use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};
use mir_core::{AudioBuffer, publish::AtomicFile};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How samples are stored in a WAV file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WavFormat {
    /// 16-bit integers: `round(x · 2^15)`, clipped.
    #[default]
    Int16,
    /// 24-bit integers: `round(x · 2^23)`, clipped.
    Int24,
    /// 32-bit floating point: the samples as they are.
    Float32,
}

impl WavFormat {
    const fn bits(self) -> u16 {
        match self {
            Self::Int16 => 16,
            Self::Int24 => 24,
            Self::Float32 => 32,
        }
    }
}

/// Bytes of the largest header that comes before the samples.
const HEADER: u64 = 128;

/// Writes a WAV file, replacing an older one. Nothing is left behind if it fails.
///
/// Samples beyond full scale are clipped by the integer formats, with a warning in the log.
///
/// # Errors
/// [`Error::TooLarge`] for more than 4 GiB, [`Error::Core`] for samples that are not finite or a file
/// that cannot be made, [`Error::Write`] if the disk is full, or for more than 65535 channels.
pub fn write_wav(path: impl AsRef<Path>, audio: &AudioBuffer, format: WavFormat) -> Result<()> {
    let path = path.as_ref();
    let samples = audio.len() as u64 * audio.channels() as u64;
    let bytes = samples.saturating_mul(u64::from(format.bits() / 8));
    if bytes.saturating_add(HEADER) > u64::from(u32::MAX) {
        return Err(Error::TooLarge { path: path.to_owned(), bytes });
    }
    audio.check_finite()?;
    let spec = WavSpec {
        channels: u16::try_from(audio.channels())
            .map_err(|source| Error::Write { path: path.to_owned(), source: source.into() })?,
        sample_rate: audio.sample_rate().hz(),
        bits_per_sample: format.bits(),
        sample_format: match format {
            WavFormat::Float32 => SampleFormat::Float,
            WavFormat::Int16 | WavFormat::Int24 => SampleFormat::Int,
        },
    };
    let mut file = AtomicFile::create(path)?;
    let clipped = write_samples(&mut file, spec, audio, format)
        .map_err(|source| Error::Write { path: path.to_owned(), source: source.into() })?;
    if clipped > 0 {
        log::warn!("{}: {clipped} samples were clipped", path.display());
    }
    file.commit()?;
    Ok(())
}

/// Writes header and samples; returns how many were clipped.
fn write_samples(
    file: &mut AtomicFile,
    spec: WavSpec,
    audio: &AudioBuffer,
    format: WavFormat,
) -> Result<u64, hound::Error> {
    let mut writer = WavWriter::new(file, spec)?;
    let scale = f64::from(1_u32 << (format.bits() - 1));
    let mut clipped = 0;
    for frame in audio.samples().columns() {
        for &x in frame {
            if format == WavFormat::Float32 {
                writer.write_sample(x)?;
            } else {
                let value = (f64::from(x) * scale).round();
                let kept = value.clamp(-scale, scale - 1.0);
                clipped += u64::from((value - kept).abs() > 0.0);
                writer.write_sample(kept as i32)?;
            }
        }
    }
    writer.finalize()?;
    Ok(clipped)
}
