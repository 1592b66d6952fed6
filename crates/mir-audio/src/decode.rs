//! One file, packet by packet, at its own rate: probing, decoding, taking off encoder delay, counting.

use std::{
    fmt,
    io::{self, BufReader},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use mir_core::SampleRate;
use symphonia::core::{
    codecs::audio::AudioDecoder,
    errors::Error as SymphoniaError,
    formats::{FormatOptions, FormatReader, SeekMode, SeekTo, Track, TrackType, probe::Hint},
    io::{MediaSourceStream, MediaSourceStreamOptions},
    meta::MetadataOptions,
    packet::Packet,
    units::Timestamp,
};

use crate::{
    AudioInfo, DecodeReport, Error, Gapless, LoadOptions, Result,
    input::Input,
    mp4,
    open::{Timing, audio_tracks, choose_track, codec_name, make_decoder},
    pcm::Pcm,
    rf64,
};

/// Where samples lie, and one vector of them a channel.
pub(crate) type Piece<'a> = (u64, &'a [Vec<f32>]);

/// From which start on a jump is worth it, in seconds.
const SEEK_FROM: f64 = 1.0;

/// An open file and its decoder.
pub(crate) struct Decoder {
    input: Input,
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    /// How samples lie in the packets, where they are taken out without the decoder.
    pcm: Option<Pcm>,
    track_id: u32,
    /// Whether packets count time in samples of the stream, so that a jump can be exact.
    sample_clock: bool,
    options: LoadOptions,
    report: DecodeReport,
    /// Samples of priming that the decoder leaves to us.
    priming: u64,
    /// Samples of priming still to be dropped.
    skip: u64,
    /// After a jump: the sample that was wanted. Until it is reached, packets tell where they lie.
    jump: Option<u64>,
    /// Whether all of the file's length was claimed by a header that can be trusted.
    strict_length: bool,
    planes: Vec<Vec<f32>>,
    ended: bool,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("input", &self.input.path())
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// Opens an input, finds the audio stream that is asked for and makes its decoder.
    pub(crate) fn open(input: &Input, options: &LoadOptions) -> Result<Self> {
        guard(input.path(), 0, || {
            let (format, frames) = probe(input)?;
            let track = choose_track(input.path(), format.as_ref(), options)?;
            let stream = Stream::describe(input, format.as_ref(), &track, frames, options)?;
            Ok(Self::new(input, format, stream, options))
        })?
    }

    /// What each audio stream of an input says about itself.
    pub(crate) fn streams(input: &Input, options: &LoadOptions) -> Result<Vec<AudioInfo>> {
        guard(input.path(), 0, || {
            let (format, frames) = probe(input)?;
            let described: Vec<AudioInfo> = audio_tracks(format.as_ref())
                .map(|track| {
                    Ok(Stream::describe(input, format.as_ref(), track, frames, options)?.info)
                })
                .collect::<Result<_>>()?;
            if described.is_empty() {
                return Err(Error::NoAudioTrack { path: input.path().to_owned() });
            }
            Ok(described)
        })?
    }

    fn new(
        input: &Input,
        format: Box<dyn FormatReader>,
        stream: Stream,
        options: &LoadOptions,
    ) -> Self {
        let Stream { info, timing, decoder, pcm, track } = stream;
        let rate = info.sample_rate.hz();
        Self {
            input: input.clone(),
            format,
            decoder,
            pcm,
            track_id: track.id,
            sample_clock: track
                .time_base
                .is_some_and(|base| base.numer.get() == 1 && base.denom.get() == rate),
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
            priming: timing.priming,
            skip: timing.priming,
            jump: None,
            strict_length: timing.strict,
            planes: vec![],
            ended: false,
        }
    }

    fn path(&self) -> &Path {
        self.input.path()
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

    /// How many samples before the wanted one a jump has to land, so that the decoder has forgotten that
    /// it was not there from the start; `None` where a jump would change samples.
    fn run_up(&self) -> Option<u64> {
        if !self.sample_clock {
            return None;
        }
        match self.report.info.codec.as_str() {
            // Each packet stands for itself.
            "flac" | "alac" => Some(0),
            codec if codec.starts_with("pcm") || codec.starts_with("adpcm") => Some(0),
            // Neighbouring windows overlap; the longest has 8192 samples.
            "vorbis" => Some(8192),
            // Frames overlap by one, and the shape of a window depends on the one before.
            "aac" => Some(3 * 1024),
            // A frame may begin up to 511 bytes before its header: at the lowest bit rates, 24 frames.
            "mp1" | "mp2" | "mp3" => Some(32 * 1152),
            _ => None,
        }
    }

    /// Jumps to a packet at or before `target`, if that is possible without changing any sample.
    pub(crate) fn seek(&mut self, target: u64) -> Result<()> {
        let info = &self.report.info;
        let worth_it = target as f64 > SEEK_FROM * f64::from(info.sample_rate.hz());
        // Past the end there is nothing to jump to; reading on finds out where that is.
        let inside = info.frames.is_none_or(|frames| target < frames);
        let landing = self.run_up().and_then(|run_up| target.checked_sub(run_up));
        let (true, true, Some(landing)) = (worth_it, inside, landing) else {
            return Ok(());
        };
        let ts = landing.saturating_add(self.priming);
        let to = SeekTo::Timestamp {
            ts: Timestamp::new(i64::try_from(ts).unwrap_or(i64::MAX)),
            track_id: self.track_id,
        };
        let format = &mut self.format;
        let jumped = guard(self.input.path(), 0, || format.seek(SeekMode::Accurate, to))?;
        if jumped.is_ok_and(|to| to.actual_ts.get() <= i64::try_from(ts).unwrap_or(i64::MAX)) {
            self.decoder.reset();
            self.jump = Some(target);
            return Ok(());
        }
        // The reader is somewhere now: begin again, and read up to the target.
        *self = Self::open(&self.input.clone(), &self.options.clone())?;
        Ok(())
    }

    /// After a jump, takes the position from the packet itself.
    fn find_position(&mut self, packet: &Packet) {
        let Some(target) = self.jump else { return };
        let trimmed = i64::try_from(packet.trim_start.get()).unwrap_or(i64::MAX);
        let priming = i64::try_from(self.priming).unwrap_or(i64::MAX);
        let begin = packet.pts.get().saturating_add(trimmed).saturating_sub(priming);
        self.report.decoded = u64::try_from(begin).unwrap_or(0);
        self.skip = u64::try_from(begin.saturating_neg()).unwrap_or(0);
        if self.report.decoded >= target {
            self.jump = None;
        }
    }

    /// The next samples, one vector a channel, never empty, and where they lie; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Piece<'_>>> {
        while !self.ended {
            let Some(packet) = self.next_packet()? else {
                self.ended = true;
                self.check_length()?;
                break;
            };
            if packet.track_id != self.track_id {
                continue;
            }
            self.find_position(&packet);
            self.decode(&packet)?;
            self.trim();
            let length = self.planes.first().map_or(0, Vec::len);
            if length > 0 {
                self.check_finite()?;
                let position = self.report.decoded;
                self.report.decoded += length as u64;
                self.check_duration()?;
                return Ok(Some((position, &self.planes)));
            }
        }
        Ok(None)
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        let format = &mut self.format;
        match guard(self.input.path(), self.report.decoded, || format.next_packet())? {
            Ok(packet) => Ok(packet),
            // Some readers report the end of a truncated file as an error of the file.
            Err(SymphoniaError::IoError(source))
                if source.kind() == io::ErrorKind::UnexpectedEof =>
            {
                Ok(None)
            }
            Err(SymphoniaError::IoError(source)) if is_environment(&source) => {
                Err(io_error(self.path(), source))
            }
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
            .ok_or_else(|| Error::NoAudioTrack { path: self.path().to_owned() })?
            .clone();
        let (decoder, _) = make_decoder(self.input.path(), &track, &self.options)?;
        self.decoder = decoder;
        // The decoder says what has changed.
        self.pcm = None;
        self.track_id = track.id;
        // The header of the first stream knows nothing of the others.
        self.report.claimed = None;
        Ok(())
    }

    fn decode(&mut self, packet: &Packet) -> Result<()> {
        let whole = packet.trim_start.get() == 0 && packet.trim_end.get() == 0;
        if let Some(pcm) = self.pcm.filter(|_| whole) {
            pcm.decode(&packet.data, &mut self.planes);
            return Ok(());
        }
        let decoder = &mut self.decoder;
        let planes = &mut self.planes;
        let decoded = guard(self.input.path(), self.report.decoded, || {
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
                let length = self.silence_for(packet);
                // Before the wanted sample a packet may miss what came before the jump.
                let in_run_up =
                    self.jump.is_some_and(|jump| self.report.decoded + length as u64 <= jump);
                if !in_run_up {
                    if !self.options.allow_truncated {
                        return Err(self.damaged(source));
                    }
                    self.report.damaged_packets += 1;
                }
                self.planes = vec![vec![0.0; length]; self.report.info.channels];
                Ok(())
            }
            Err(source) => Err(Error::UnsupportedCodec {
                path: self.path().to_owned(),
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
                    path: self.path().to_owned(),
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
                    path: self.path().to_owned(),
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
                path: self.path().to_owned(),
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
                self.path().display()
            );
            return Ok(());
        }
        if self.options.allow_truncated {
            self.report.truncated = true;
            return Ok(());
        }
        Err(Error::Truncated { path: self.path().to_owned(), decoded, claimed })
    }

    fn damaged(&self, source: SymphoniaError) -> Error {
        Error::Damaged {
            path: self.path().to_owned(),
            decoded: self.report.decoded,
            source: source.into(),
        }
    }
}

/// One audio stream of an open container.
struct Stream {
    info: AudioInfo,
    timing: Timing,
    decoder: Box<dyn AudioDecoder>,
    pcm: Option<Pcm>,
    track: Track,
}

impl Stream {
    fn describe(
        input: &Input,
        format: &dyn FormatReader,
        track: &Track,
        frames: Option<u64>,
        options: &LoadOptions,
    ) -> Result<Self> {
        let path = input.path();
        let container = format.format_info().short_name;
        let (decoder, params) = make_decoder(path, track, options)?;
        let codec = codec_name(symphonia::default::get_codecs(), params.codec);
        let rate = params.sample_rate.unwrap_or(0);
        let sample_rate = SampleRate::new(rate).map_err(|source| Error::UnsupportedCodec {
            path: path.to_owned(),
            codec: codec.clone(),
            source: source.into(),
        })?;
        let mut timing = Timing::of(track, &params, container, || {
            // A handle of its own: a duplicate would share its position with the demuxer's.
            let reader = BufReader::new(input.open().ok()?);
            mp4::presentation(reader, track.id, rate).ok()?
        });
        timing.length = frames.or(timing.length);
        let info = AudioInfo {
            sample_rate,
            channels: params.channels.as_ref().map_or(0, |c| c.count()),
            frames: timing.length,
            codec,
            container: container.to_owned(),
            gapless: timing.gapless,
        };
        Ok(Self { info, timing, decoder, pcm: Pcm::of(&params), track: track.clone() })
    }
}

/// Finds out what format an input has. Also returns the length in samples of RF64 files, which the
/// demuxer cannot know.
fn probe(input: &Input) -> Result<(Box<dyn FormatReader>, Option<u64>)> {
    let path = input.path();
    let source = input.open().map_err(|source| io_error(path, source))?;
    let (source, frames) = rf64::adapt(source).map_err(|source| io_error(path, source))?;
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|e| e.to_str()) {
        hint.with_extension(extension);
    }
    let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
    let format = symphonia::default::get_probe()
        .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|source| match source {
            SymphoniaError::IoError(source) if is_environment(&source) => io_error(path, source),
            source => Error::NotAudio { path: path.to_owned(), source: source.into() },
        })?;
    Ok((format, frames))
}

/// Whether a failure comes from the disk or the system, and not from following a damaged file to places
/// that do not exist.
fn is_environment(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    !matches!(error.kind(), Kind::UnexpectedEof | Kind::InvalidInput | Kind::InvalidData)
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
