//! One file, packet by packet, at its own rate: probing, decoding, taking off encoder delay, counting.

use std::{
    fmt,
    fs::{self, File},
    io::{self, BufReader},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use mir_core::SampleRate;
use symphonia::core::{
    codecs::{
        audio::{
            AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
            well_known::{
                CODEC_ID_AAC, CODEC_ID_AC3, CODEC_ID_ALAC, CODEC_ID_EAC3, CODEC_ID_FLAC,
                CODEC_ID_MONKEYS_AUDIO, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3,
                CODEC_ID_MUSEPACK, CODEC_ID_OPUS, CODEC_ID_SPEEX, CODEC_ID_VORBIS,
                CODEC_ID_WAVPACK, CODEC_ID_WMA,
            },
        },
        registry::CodecRegistry,
    },
    errors::Error as SymphoniaError,
    formats::{FormatOptions, FormatReader, SeekMode, SeekTo, Track, TrackType, probe::Hint},
    io::{MediaSourceStream, MediaSourceStreamOptions},
    meta::MetadataOptions,
    packet::Packet,
    units::Timestamp,
};

use crate::{AudioInfo, DecodeReport, Error, Gapless, LoadOptions, Result, mp4};

/// Priming of nearly all AAC encoders but Apple's.
const AAC_PRIMING: u32 = 1024;
/// From which start on a jump is worth it, in seconds.
const SEEK_FROM: f64 = 1.0;

/// An open file and its decoder.
pub(crate) struct Decoder {
    path: PathBuf,
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track_id: u32,
    options: LoadOptions,
    report: DecodeReport,
    /// Samples of priming still to be dropped.
    skip: u64,
    /// Whether all of the file's length was claimed by a header that can be trusted.
    strict_length: bool,
    planes: Vec<Vec<f32>>,
    ended: bool,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("path", &self.path)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// Opens a file, finds its default audio track and makes the decoder.
    pub(crate) fn open(path: &Path, options: &LoadOptions) -> Result<Self> {
        let file = open_file(path)?;
        guard(path, 0, || Self::probe(path, file, options))?
    }

    fn probe(path: &Path, file: File, options: &LoadOptions) -> Result<Self> {
        let mut hint = Hint::new();
        if let Some(extension) = path.extension().and_then(|e| e.to_str()) {
            hint.with_extension(extension);
        }
        let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
        let format = symphonia::default::get_probe()
            .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|source| match source {
                SymphoniaError::IoError(source)
                    if source.kind() != io::ErrorKind::UnexpectedEof =>
                {
                    io_error(path, source)
                }
                source => Error::NotAudio { path: path.to_owned(), source: source.into() },
            })?;
        let track = format
            .default_track(TrackType::Audio)
            .ok_or_else(|| Error::NoAudioTrack { path: path.to_owned() })?
            .clone();
        let container = format.format_info().short_name;
        let (decoder, params) = make_decoder(path, &track, options)?;
        let registry = symphonia::default::get_codecs();

        let rate = params.sample_rate.unwrap_or(0);
        let channels = params.channels.as_ref().map_or(0, |c| c.count());
        let sample_rate = SampleRate::new(rate).map_err(|source| Error::UnsupportedCodec {
            path: path.to_owned(),
            codec: codec_name(registry, params.codec),
            source: source.into(),
        })?;
        let timing = Timing::of(&track, &params, container, || {
            // A handle of its own: a duplicate would share its position with the demuxer's.
            let file = File::open(path).ok()?;
            mp4::presentation(BufReader::new(file), track.id, rate).ok()?
        });
        let info = AudioInfo {
            sample_rate,
            channels,
            frames: timing.length,
            codec: codec_name(registry, params.codec),
            container: container.to_owned(),
            gapless: timing.gapless,
        };
        Ok(Self {
            path: path.to_owned(),
            track_id: track.id,
            format,
            decoder,
            options: options.clone(),
            report: DecodeReport {
                claimed: timing.length,
                decoded: 0,
                trimmed_start: timing.already_trimmed.0,
                trimmed_end: timing.already_trimmed.1,
                damaged_packets: 0,
                truncated: false,
                info,
            },
            skip: timing.priming,
            strict_length: timing.strict,
            planes: vec![],
            ended: false,
        })
    }

    /// What the file says about itself.
    pub(crate) fn info(&self) -> &AudioInfo {
        &self.report.info
    }

    /// What happened so far.
    pub(crate) fn report(&self) -> &DecodeReport {
        &self.report
    }

    pub(crate) fn into_report(self) -> DecodeReport {
        self.report
    }

    /// Where the next samples lie, in samples from the start of the audio.
    pub(crate) fn position(&self) -> u64 {
        self.report.decoded
    }

    /// Jumps to a packet at or before `target`, if that is possible without changing any sample:
    /// in lossless formats, whose packets do not depend on each other.
    pub(crate) fn seek(&mut self, target: u64) -> Result<()> {
        let info = &self.report.info;
        let independent = matches!(info.container.as_str(), "wave" | "aiff" | "flac")
            && (info.codec == "flac" || info.codec.starts_with("pcm"));
        let worth_it = target as f64 > SEEK_FROM * f64::from(info.sample_rate.hz());
        // Past the end there is nothing to jump to; reading on finds out where that is.
        let inside = info.frames.is_some_and(|frames| target < frames);
        if !(independent && worth_it && inside) {
            return Ok(());
        }
        let to = SeekTo::Timestamp {
            ts: Timestamp::new(i64::try_from(target).unwrap_or(i64::MAX)),
            track_id: self.track_id,
        };
        let format = &mut self.format;
        let jumped = guard(&self.path, 0, || format.seek(SeekMode::Accurate, to))?;
        match jumped.ok().and_then(|to| u64::try_from(to.actual_ts.get()).ok()) {
            Some(actual) if actual <= target => {
                self.decoder.reset();
                self.report.decoded = actual;
                Ok(())
            }
            // The reader is somewhere now: begin again, and read up to the target.
            _ => {
                *self = Self::open(&self.path.clone(), &self.options.clone())?;
                Ok(())
            }
        }
    }

    /// The next samples, one slice a channel, never empty; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<&[Vec<f32>]>> {
        while !self.ended {
            let Some(packet) = self.next_packet()? else {
                self.ended = true;
                self.check_length()?;
                break;
            };
            if packet.track_id != self.track_id {
                continue;
            }
            self.decode(&packet)?;
            self.trim();
            let length = self.planes.first().map_or(0, Vec::len);
            if length > 0 {
                self.check_finite()?;
                self.report.decoded += length as u64;
                self.check_duration()?;
                return Ok(Some(&self.planes));
            }
        }
        Ok(None)
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        let format = &mut self.format;
        match guard(&self.path, self.report.decoded, || format.next_packet())? {
            Ok(packet) => Ok(packet),
            // Some readers report the end of a truncated file as an error of the file.
            Err(SymphoniaError::IoError(source))
                if source.kind() == io::ErrorKind::UnexpectedEof =>
            {
                Ok(None)
            }
            Err(SymphoniaError::IoError(source)) => Err(io_error(&self.path, source)),
            // A further logical stream of the same file begins.
            Err(SymphoniaError::ResetRequired) => {
                self.next_stream()?;
                self.next_packet()
            }
            Err(_) if self.options.allow_truncated => Ok(None),
            Err(source) => Err(self.damaged(source)),
        }
    }

    /// Continues with the next logical stream of a chained file, if it has the same format.
    fn next_stream(&mut self) -> Result<()> {
        let track = self
            .format
            .default_track(TrackType::Audio)
            .ok_or_else(|| Error::NoAudioTrack { path: self.path.clone() })?
            .clone();
        let (decoder, _) = make_decoder(&self.path, &track, &self.options)?;
        self.decoder = decoder;
        self.track_id = track.id;
        // The header of the first stream knows nothing of the others.
        self.report.claimed = None;
        Ok(())
    }

    fn decode(&mut self, packet: &Packet) -> Result<()> {
        let decoder = &mut self.decoder;
        let planes = &mut self.planes;
        let decoded = guard(&self.path, self.report.decoded, || {
            decoder.decode(packet).map(|buffer| {
                let spec = (buffer.spec().rate(), buffer.num_planes());
                if !buffer.is_empty() {
                    buffer.copy_to_vecs_planar(planes);
                } else {
                    planes.iter_mut().for_each(Vec::clear);
                }
                spec
            })
        })?;
        match decoded {
            Ok((rate, channels)) => {
                if self.planes.first().is_some_and(|plane| !plane.is_empty()) {
                    self.check_spec(rate, channels)?;
                }
                Ok(())
            }
            Err(SymphoniaError::ResetRequired) => {
                self.decoder.reset();
                Ok(())
            }
            Err(
                source @ (SymphoniaError::DecodeError(_)
                | SymphoniaError::IoError(_)
                | SymphoniaError::LimitError(_)),
            ) => {
                if !self.options.allow_truncated {
                    return Err(self.damaged(source));
                }
                self.report.damaged_packets += 1;
                let length = self.silence_for(packet);
                self.planes = vec![vec![0.0; length]; self.report.info.channels];
                Ok(())
            }
            Err(source) => Err(Error::UnsupportedCodec {
                path: self.path.clone(),
                codec: self.report.info.codec.clone(),
                source: source.into(),
            }),
        }
    }

    /// Length of the silence that stands for a damaged packet: what the packet says, within reason.
    fn silence_for(&self, packet: &Packet) -> usize {
        packet.dur.get().min(1 << 16) as usize
    }

    /// Takes priming off the start and padding off the end.
    fn trim(&mut self) {
        let length = self.planes.first().map_or(0, Vec::len);
        let from = self.skip.min(length as u64) as usize;
        self.skip -= from as u64;
        self.report.trimmed_start += from as u64;
        let mut to = length;
        if let (Gapless::Exact, true, Some(claimed)) =
            (self.report.info.gapless, self.report.info.codec == "aac", self.report.claimed)
        {
            let left = claimed.saturating_sub(self.report.decoded);
            to = from + ((length - from) as u64).min(left) as usize;
            self.report.trimmed_end += (length - to) as u64;
        }
        if (from, to) != (0, length) {
            for plane in &mut self.planes {
                plane.truncate(to);
                plane.drain(..from);
            }
        }
    }

    fn check_spec(&mut self, rate: u32, channels: usize) -> Result<()> {
        let info = &mut self.report.info;
        if info.channels == 0 {
            // Some containers leave it to the first packet.
            info.channels = channels;
        }
        let pairs = [
            ("sample rate", u64::from(info.sample_rate.hz()), u64::from(rate)),
            ("number of channels", info.channels as u64, channels as u64),
        ];
        for (field, expected, actual) in pairs {
            if expected != actual {
                return Err(Error::FormatChanged {
                    path: self.path.clone(),
                    field,
                    expected,
                    actual,
                    decoded: self.report.decoded,
                });
            }
        }
        Ok(())
    }

    fn check_finite(&self) -> Result<()> {
        for (channel, plane) in self.planes.iter().enumerate() {
            // Without an early exit the common case is vectorised.
            let broken = plane.iter().fold(false, |any, x| any | !x.is_finite());
            if let Some(sample) = plane.iter().position(|x| broken && !x.is_finite()) {
                return Err(Error::NonFiniteSample {
                    path: self.path.clone(),
                    channel,
                    sample: self.report.decoded + sample as u64,
                    value: plane[sample],
                });
            }
        }
        Ok(())
    }

    fn check_duration(&self) -> Result<()> {
        let rate = f64::from(self.report.info.sample_rate.hz());
        let limit = self.options.limits.max_duration * rate;
        if self.report.decoded as f64 > limit {
            return Err(Error::LimitExceeded {
                path: self.path.clone(),
                field: "length in samples",
                limit: limit as u64,
                actual: self.report.decoded,
            });
        }
        Ok(())
    }

    /// Compares the length with what the header states, where it can be trusted.
    fn check_length(&mut self) -> Result<()> {
        let decoded = self.report.decoded;
        let Some(claimed) = self.report.claimed.filter(|&claimed| decoded < claimed) else {
            return Ok(());
        };
        if !self.strict_length {
            log::warn!(
                "{}: {decoded} of {claimed} samples that the header states",
                self.path.display()
            );
            return Ok(());
        }
        if self.options.allow_truncated {
            self.report.truncated = true;
            return Ok(());
        }
        Err(Error::Truncated { path: self.path.clone(), decoded, claimed })
    }

    fn damaged(&self, source: SymphoniaError) -> Error {
        Error::Damaged {
            path: self.path.clone(),
            decoded: self.report.decoded,
            source: source.into(),
        }
    }
}

/// What container and codec say about the place of the signal in the decoder's output.
struct Timing {
    /// Length of the signal, if that is known reliably.
    length: Option<u64>,
    /// Whether a shorter signal means that the file is truncated.
    strict: bool,
    /// Samples that we have to take off the start.
    priming: u64,
    /// Samples that the decoder takes off start and end by itself.
    already_trimmed: (u64, u64),
    gapless: Gapless,
}

impl Timing {
    fn of(
        track: &Track,
        params: &AudioCodecParameters,
        container: &str,
        presentation: impl FnOnce() -> Option<mp4::Presentation>,
    ) -> Self {
        let by_decoder =
            (u64::from(track.delay.unwrap_or(0)), u64::from(track.padding.unwrap_or(0)));
        let plain = Self {
            length: track.num_frames,
            strict: true,
            priming: 0,
            already_trimmed: by_decoder,
            gapless: Gapless::Exact,
        };
        match params.codec {
            CODEC_ID_AAC => {
                let known = (container == "isomp4").then(presentation).flatten();
                match known {
                    Some(edit) => Self {
                        length: edit
                            .length
                            .or_else(|| track.num_frames.map(|n| n.saturating_sub(edit.priming))),
                        priming: edit.priming,
                        already_trimmed: (0, 0),
                        ..plain
                    },
                    None => Self {
                        length: None,
                        strict: false,
                        priming: u64::from(AAC_PRIMING),
                        already_trimmed: (0, 0),
                        gapless: Gapless::Assumed(AAC_PRIMING),
                    },
                }
            }
            // Only the encoder's own tag knows the delay, and only that one counts reliably; without
            // it the length is an estimate from the bit rate.
            CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3 => Self {
                length: track.num_frames.filter(|_| track.delay.is_some()),
                strict: false,
                gapless: if track.delay.is_some() { Gapless::Exact } else { Gapless::Unknown },
                ..plain
            },
            CODEC_ID_VORBIS => Self {
                strict: false,
                gapless: if container == "ogg" { Gapless::Exact } else { Gapless::Unknown },
                ..plain
            },
            _ => plain,
        }
    }
}

/// Checks the limits, then makes the decoder of a track. Also returns what it knows of the format.
fn make_decoder(
    path: &Path,
    track: &Track,
    options: &LoadOptions,
) -> Result<(Box<dyn AudioDecoder>, AudioCodecParameters)> {
    let params = track
        .codec_params
        .as_ref()
        .and_then(|params| params.audio())
        .ok_or_else(|| Error::NoAudioTrack { path: path.to_owned() })?;
    // Decoders allocate by the number of channels: check first.
    check_limits(path, params, options)?;
    let registry = symphonia::default::get_codecs();
    let decoder =
        registry.make_audio_decoder(params, &AudioDecoderOptions::default()).map_err(|source| {
            Error::UnsupportedCodec {
                path: path.to_owned(),
                codec: codec_name(registry, params.codec),
                source: source.into(),
            }
        })?;
    let params = decoder.codec_params().clone();
    check_limits(path, &params, options)?;
    Ok((decoder, params))
}

fn check_limits(path: &Path, params: &AudioCodecParameters, options: &LoadOptions) -> Result<()> {
    let limits = &options.limits;
    let channels = params.channels.as_ref().map_or(0, |c| c.count()) as u64;
    let rate = u64::from(params.sample_rate.unwrap_or(0));
    for (field, limit, actual) in [
        ("number of channels", limits.max_channels as u64, channels),
        ("sample rate in Hz", u64::from(limits.max_sample_rate), rate),
    ] {
        if actual > limit {
            return Err(Error::LimitExceeded { path: path.to_owned(), field, limit, actual });
        }
    }
    Ok(())
}

/// Name of a codec, also of those that cannot be decoded.
fn codec_name(registry: &CodecRegistry, id: AudioCodecId) -> String {
    if let Some(known) = registry.get_audio_decoder(id) {
        return known.codec.info.short_name.to_owned();
    }
    match id {
        CODEC_ID_AAC => "AAC",
        CODEC_ID_AC3 => "AC-3",
        CODEC_ID_ALAC => "ALAC",
        CODEC_ID_EAC3 => "E-AC-3",
        CODEC_ID_FLAC => "FLAC",
        CODEC_ID_MONKEYS_AUDIO => "Monkey's Audio",
        CODEC_ID_MP1 => "MP1",
        CODEC_ID_MP2 => "MP2",
        CODEC_ID_MP3 => "MP3",
        CODEC_ID_MUSEPACK => "Musepack",
        CODEC_ID_OPUS => "Opus",
        CODEC_ID_SPEEX => "Speex",
        CODEC_ID_VORBIS => "Vorbis",
        CODEC_ID_WAVPACK => "WavPack",
        CODEC_ID_WMA => "WMA",
        _ => "an unknown codec",
    }
    .to_owned()
}

fn open_file(path: &Path) -> Result<File> {
    // Opening a folder succeeds on some systems, and only reading fails.
    let open = || {
        if fs::metadata(path)?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        File::open(path)
    };
    open().map_err(|source| io_error(path, source))
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.to_owned(), source }
}

/// Runs a call into the decoding library, whose panics become errors.
///
/// What the call worked on is not used again afterwards, so a broken state cannot be seen.
fn guard<T>(path: &Path, decoded: u64, call: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Error::DecoderPanicked {
            path: path.to_owned(),
            decoded,
            message: text.unwrap_or_else(|| "no message".to_owned()),
        }
    })
}
