//! Writing WAV files, which appear complete or not at all.

use std::{
    fmt,
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hound::{SampleFormat, WavSpec, WavWriter};
use mir_core::{AudioBuffer, SampleRate, publish::AtomicFile};
use serde::{Deserialize, Serialize};

use crate::{Cause, Error, Result};

/// How samples are stored in a WAV file.
///
/// ```
/// assert_eq!(mir_audio::WavFormat::default(), mir_audio::WavFormat::Int16);
/// ```
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
/// ```
/// use mir_audio::{AudioBuffer, LoadOptions, SampleRate, WavFormat, load, write_wav};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("noise.wav");
/// let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.1, -0.2, 0.3]);
/// write_wav(&path, &audio, WavFormat::Float32)?;
/// assert_eq!(load(&path, &LoadOptions::default())?, audio);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::TooLarge`] for more than 4 GiB, [`Error::Core`] for samples that are not finite or a file
/// that cannot be made, [`Error::Write`] if the disk is full, or for more than 65535 channels.
pub fn write_wav(path: impl AsRef<Path>, audio: &AudioBuffer, format: WavFormat) -> Result<()> {
    let mut stream = WavStream::create(path, audio.sample_rate(), audio.channels(), format)?;
    stream.write(audio)?;
    stream.finish()
}

/// A WAV file that is written block by block, and appears when it is finished.
///
/// Dropped before [`finish`](Self::finish), it leaves nothing behind.
///
/// ```
/// use mir_audio::{AudioBuffer, SampleRate, WavFormat, WavStream, info};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("long.wav");
/// let mut stream = WavStream::create(&path, SampleRate::HZ_16000, 1, WavFormat::Int16)?;
/// for _ in 0..10 {
///     stream.write(&AudioBuffer::silence(SampleRate::HZ_16000, 1, 1600)?)?;
/// }
/// stream.finish()?;
/// assert_eq!(info(&path)?.duration(), Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WavStream {
    path: PathBuf,
    writer: WavWriter<SharedFile>,
    /// The same file, to be published in the end: the writer gives nothing back.
    file: SharedFile,
    rate: SampleRate,
    channels: usize,
    format: WavFormat,
    bytes: u64,
    clipped: u64,
}

impl fmt::Debug for WavStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WavStream").field("path", &self.path).finish_non_exhaustive()
    }
}

impl WavStream {
    /// Begins a file.
    ///
    /// # Errors
    /// [`Error::Core`] for a file that cannot be made, [`Error::Write`] if the disk is full, or for more
    /// than 65535 channels.
    pub fn create(
        path: impl AsRef<Path>,
        rate: SampleRate,
        channels: usize,
        format: WavFormat,
    ) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let failed = |source: Cause| Error::Write { path: path.clone(), source };
        let spec = WavSpec {
            channels: u16::try_from(channels).map_err(|source| failed(source.into()))?,
            sample_rate: rate.hz(),
            bits_per_sample: format.bits(),
            sample_format: match format {
                WavFormat::Float32 => SampleFormat::Float,
                WavFormat::Int16 | WavFormat::Int24 => SampleFormat::Int,
            },
        };
        let file = SharedFile(Arc::new(Mutex::new(AtomicFile::create(&path)?)));
        let writer = WavWriter::new(file.clone(), spec).map_err(|source| failed(source.into()))?;
        Ok(Self { path, writer, file, rate, channels, format, bytes: 0, clipped: 0 })
    }

    /// Appends a block.
    ///
    /// # Errors
    /// [`Error::Mismatch`] for another rate or number of channels, [`Error::Core`] for samples that are
    /// not finite, [`Error::TooLarge`] beyond 4 GiB, [`Error::Write`] if the disk is full.
    pub fn write(&mut self, audio: &AudioBuffer) -> Result<()> {
        let pairs = [
            ("sample rate in Hz", u64::from(self.rate.hz()), u64::from(audio.sample_rate().hz())),
            ("number of channels", self.channels as u64, audio.channels() as u64),
        ];
        for (field, expected, actual) in pairs {
            if expected != actual {
                return Err(Error::Mismatch { field, expected, actual });
            }
        }
        audio.check_finite()?;
        let samples = audio.len() as u64 * audio.channels() as u64;
        let bytes = self.bytes.saturating_add(samples * u64::from(self.format.bits() / 8));
        if bytes.saturating_add(HEADER) > u64::from(u32::MAX) {
            return Err(Error::TooLarge { path: self.path.clone(), bytes });
        }
        self.bytes = bytes;
        let bits = u32::from(self.format.bits());
        let mut write = || -> Result<(), hound::Error> {
            for frame in audio.samples().columns() {
                for &x in frame {
                    if self.format == WavFormat::Float32 {
                        self.writer.write_sample(x)?;
                    } else {
                        self.writer.write_sample(quantize(x, bits, &mut self.clipped))?;
                    }
                }
            }
            Ok(())
        };
        let written = write();
        written.map_err(|source| Error::Write { path: self.path.clone(), source: source.into() })
    }

    /// Completes the header, and gives the file its name.
    ///
    /// # Errors
    /// [`Error::Core`] or [`Error::Write`] if the disk is full.
    pub fn finish(self) -> Result<()> {
        let Self { path, writer, file, clipped, .. } = self;
        writer
            .finalize()
            .map_err(|source| Error::Write { path: path.clone(), source: source.into() })?;
        if clipped > 0 {
            log::warn!("{}: {clipped} samples were clipped", path.display());
        }
        let file = Arc::into_inner(file.0).expect("the writer is gone");
        // Nobody panics while holding the lock.
        file.into_inner().unwrap_or_else(PoisonError::into_inner).commit()?;
        Ok(())
    }
}

/// A sample as an integer of `bits` bits; counts those beyond full scale, which are clipped.
pub(crate) fn quantize(x: f32, bits: u32, clipped: &mut u64) -> i32 {
    let scale = f64::from(1_u32 << (bits - 1));
    let value = (f64::from(x) * scale).round();
    let kept = value.clamp(-scale, scale - 1.0);
    *clipped += u64::from((value - kept).abs() > 0.0);
    kept as i32
}

/// A file with two owners.
#[derive(Clone)]
struct SharedFile(Arc<Mutex<AtomicFile>>);

impl SharedFile {
    fn lock(&self) -> MutexGuard<'_, AtomicFile> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for SharedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

impl Seek for SharedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.lock().seek(to)
    }
}
