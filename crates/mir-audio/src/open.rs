//! Before the first sample: which format, which stream, which decoder, where does the signal begin?

use std::path::Path;

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
    formats::{FormatReader, Track, TrackType},
};

use crate::{Error, Gapless, LoadOptions, Result, mp4};

/// Priming of nearly all AAC encoders but Apple's.
const AAC_PRIMING: u32 = 1024;

/// The audio streams of a container, in its order.
pub(crate) fn audio_tracks(format: &dyn FormatReader) -> impl Iterator<Item = &Track> {
    format
        .tracks()
        .iter()
        .filter(|track| track.codec_params.as_ref().is_some_and(|params| params.audio().is_some()))
}

/// The stream that the options name, or the one that the container prefers.
pub(crate) fn choose_track(
    path: &Path,
    format: &dyn FormatReader,
    options: &LoadOptions,
) -> Result<Track> {
    let Some(stream) = options.stream else {
        return format
            .default_track(TrackType::Audio)
            .cloned()
            .ok_or_else(|| Error::NoAudioTrack { path: path.to_owned() });
    };
    audio_tracks(format).nth(stream).cloned().ok_or_else(|| Error::NoSuchStream {
        path: path.to_owned(),
        stream,
        streams: audio_tracks(format).count(),
    })
}

/// What container and codec say about the place of the signal in the decoder's output.
pub(crate) struct Timing {
    /// Length of the signal, if that is known reliably.
    pub(crate) length: Option<u64>,
    /// Whether a shorter signal means that the file is truncated.
    pub(crate) strict: bool,
    /// Samples that we have to take off the start.
    pub(crate) priming: u64,
    /// Samples that the decoder takes off start and end by itself.
    pub(crate) already_trimmed: (u64, u64),
    pub(crate) gapless: Gapless,
}

impl Timing {
    pub(crate) fn of(
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
pub(crate) fn make_decoder(
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
pub(crate) fn codec_name(registry: &CodecRegistry, id: AudioCodecId) -> String {
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
