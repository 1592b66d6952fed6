//! One file.

use clap::ValueEnum;
use mir_audio::{
    BlockReader, DecodeReport, FlacDepth, LoadOptions, WavFormat, WavStream, level,
    load_with_report, write_flac, write_wav,
};
use serde::{Deserialize, Serialize};

use crate::common::{
    failure::{Failure, Outcome, chain},
    jobs::Job,
    signals::Stop,
};

/// Samples that are read at a time: three seconds at 44.1 kHz.
const BLOCK: usize = 1 << 17;

/// Everything that can be set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Format of the results.
    pub format: Format,
    /// What to read, at which rate, mixed how.
    pub load: LoadOptions,
    /// Gain that makes the largest magnitude this many dBFS.
    pub peak: Option<f64>,
    /// Gain that makes the loudness this many LUFS (EBU R 128).
    pub loudness: Option<f64>,
}

impl Settings {
    /// # Errors
    /// A usage failure for settings that exclude each other.
    pub fn validate(&self) -> Outcome<()> {
        if self.peak.is_some() && self.loudness.is_some() {
            return Err(Failure::usage("peak and loudness exclude each other; set one of them"));
        }
        Ok(())
    }
}

/// The formats that can be written
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// WAV, 16-bit integers
    #[default]
    Wav,
    /// WAV, 24-bit integers
    Wav24,
    /// WAV, 32-bit floating point
    Wav32,
    /// FLAC, 16 bits
    Flac,
    /// FLAC, 24 bits
    Flac24,
}

impl Format {
    /// The format that an ending stands for.
    pub fn of_extension(extension: &str) -> Option<Self> {
        match extension.to_lowercase().as_str() {
            "wav" | "wave" => Some(Self::Wav),
            "flac" => Some(Self::Flac),
            _ => None,
        }
    }

    /// The ending of its files.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Wav | Self::Wav24 | Self::Wav32 => "wav",
            Self::Flac | Self::Flac24 => "flac",
        }
    }

    fn encoding(self) -> Encoding {
        match self {
            Self::Wav => Encoding::Wav(WavFormat::Int16),
            Self::Wav24 => Encoding::Wav(WavFormat::Int24),
            Self::Wav32 => Encoding::Wav(WavFormat::Float32),
            Self::Flac => Encoding::Flac(FlacDepth::Int16),
            Self::Flac24 => Encoding::Flac(FlacDepth::Int24),
        }
    }
}

enum Encoding {
    Wav(WavFormat),
    Flac(FlacDepth),
}

/// What became of a file.
#[derive(Debug)]
pub struct Done {
    pub seconds: f64,
    pub report: DecodeReport,
}

/// Converts one file.
///
/// # Errors
/// A data failure that names the file.
pub fn convert(job: &Job, settings: &Settings, stop: &Stop) -> Outcome<Done> {
    let converted = match settings.format.encoding() {
        _ if stop.raised() => return Err(Failure::interrupted("stopped", stop.signal())),
        // What needs no look at the whole goes block by block.
        Encoding::Wav(format) if settings.peak.is_none() && settings.loudness.is_none() => {
            in_blocks(job, settings, format, stop)
        }
        encoding => at_once(job, settings, &encoding),
    };
    converted.map_err(|error| {
        let (text, name) = (chain(&error), job.input.display().to_string());
        Failure::data(if text.contains(&name) { text } else { format!("{name}: {text}") })
    })
}

fn in_blocks(
    job: &Job,
    settings: &Settings,
    format: WavFormat,
    stop: &Stop,
) -> mir_audio::Result<Done> {
    let mut reader = BlockReader::open(&job.input, &settings.load, BLOCK)?;
    let rate = reader.sample_rate();
    let mut out = WavStream::create(&job.output, rate, reader.channels(), format)?;
    let mut samples = 0;
    for block in reader.by_ref() {
        let block = block?;
        samples += block.len();
        out.write(&block)?;
        if stop.raised() {
            break;
        }
    }
    if !stop.raised() {
        out.finish()?;
    }
    Ok(Done { seconds: rate.seconds(samples), report: reader.report().clone() })
}

fn at_once(job: &Job, settings: &Settings, encoding: &Encoding) -> mir_audio::Result<Done> {
    let (mut audio, report) = load_with_report(&job.input, &settings.load)?;
    if let Some(peak) = settings.peak {
        audio = level::normalize_peak(audio, peak)?;
    }
    if let Some(target) = settings.loudness {
        audio = level::normalize_loudness(audio, target)?;
    }
    match encoding {
        Encoding::Wav(format) => write_wav(&job.output, &audio, *format)?,
        Encoding::Flac(depth) => write_flac(&job.output, &audio, *depth)?,
    }
    Ok(Done { seconds: audio.duration(), report })
}
