//! What is known about a file, and what happened while it was read.

use mir_core::SampleRate;
use serde::{Deserialize, Serialize};

/// Whether the first sample that comes out is the first sample that went into the encoder.
///
/// Lossy encoders put silence before the signal and fill up the last packet. 1024 samples at 44.1 kHz
/// are 23 ms: half the tolerance of an onset metric.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("tone.wav");
/// # let silence = mir_audio::AudioBuffer::silence(mir_audio::SampleRate::HZ_44100, 2, 10)?;
/// # mir_audio::write_wav(&path, &silence, mir_audio::WavFormat::Int16)?;
/// use mir_audio::Gapless;
/// match mir_audio::info(&path)?.gapless {
///     Gapless::Exact => println!("onsets are where they were"),
///     Gapless::Assumed(samples) => println!("{samples} samples of delay, as most encoders have them"),
///     Gapless::Unknown => println!("onsets may be late by an encoder's delay"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gapless {
    /// Yes: the format has no delay, or the file says how long it is.
    Exact,
    /// The file does not say; this many samples were taken off, as most encoders put them there.
    Assumed(u32),
    /// The file does not say and encoders differ: nothing was taken off.
    Unknown,
}

/// What a file says about itself.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("tone.wav");
/// # let silence = mir_audio::AudioBuffer::silence(mir_audio::SampleRate::HZ_44100, 2, 44_100)?;
/// # mir_audio::write_wav(&path, &silence, mir_audio::WavFormat::Int16)?;
/// let info: mir_audio::AudioInfo = mir_audio::info(&path)?;
/// assert_eq!((info.codec.as_str(), info.container.as_str()), ("pcm_s16le", "wave"));
/// assert_eq!(info.duration(), Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioInfo {
    /// Rate of the file.
    pub sample_rate: SampleRate,
    /// Number of channels.
    pub channels: usize,
    /// Samples per channel, if the file says so reliably.
    pub frames: Option<u64>,
    /// Short name of the codec: `flac`, `mp3`, `pcm_s16le`.
    pub codec: String,
    /// Short name of the container: `wave`, `ogg`, `isomp4`.
    pub container: String,
    /// Whether encoder delay is known.
    pub gapless: Gapless,
}

impl AudioInfo {
    /// Length in seconds, if the file says how long it is.
    pub fn duration(&self) -> Option<f64> {
        let seconds = |frames| frames as f64 / f64::from(self.sample_rate.hz());
        self.frames.map(seconds)
    }
}

/// What happened while a file was read. Counts are samples per channel at the rate of the file.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("tone.wav");
/// # let silence = mir_audio::AudioBuffer::silence(mir_audio::SampleRate::HZ_44100, 2, 441)?;
/// # mir_audio::write_wav(&path, &silence, mir_audio::WavFormat::Int16)?;
/// use mir_audio::{LoadOptions, load_with_report};
/// let (audio, report) = load_with_report(&path, &LoadOptions::default())?;
/// assert_eq!((report.claimed, report.decoded), (Some(441), audio.len() as u64));
/// assert!(!report.truncated && report.damaged_packets == 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecodeReport {
    /// What the file says about itself.
    pub info: AudioInfo,
    /// Length that the header states, without encoder delay and padding.
    pub claimed: Option<u64>,
    /// Position at which reading stopped: the length of the audio, if all of it was read.
    pub decoded: u64,
    /// Samples of encoder delay that were taken off the start.
    pub trimmed_start: u64,
    /// Samples of padding that were taken off the end.
    pub trimmed_end: u64,
    /// Packets that could not be decoded and became silence (with `allow_truncated`).
    pub damaged_packets: u64,
    /// Whether the file ended before its stated length (with `allow_truncated`).
    pub truncated: bool,
}
