//! Plain samples, taken out of their packets without a decoder.
//!
//! In a WAV, AIFF or CAF file of integers or floats nothing is coded: samples only have to be taken apart
//! by channel and made `f32`. The decoder of symphonia does that sample by sample through a reader; a pass
//! for each channel over the bytes is several times faster and gives the same bits. Formats that are rare
//! (8 and 64 bits, unsigned, logarithmic, fewer bits than their width) stay with symphonia.

use symphonia::core::codecs::audio::{
    AudioCodecParameters,
    well_known::{
        CODEC_ID_PCM_F32BE, CODEC_ID_PCM_F32LE, CODEC_ID_PCM_S16BE, CODEC_ID_PCM_S16LE,
        CODEC_ID_PCM_S24BE, CODEC_ID_PCM_S24LE, CODEC_ID_PCM_S32BE, CODEC_ID_PCM_S32LE,
    },
};

/// How the samples of a stream lie in its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pcm {
    kind: Kind,
    channels: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    S16Le,
    S16Be,
    S24Le,
    S24Be,
    S32Le,
    S32Be,
    F32Le,
    F32Be,
}

impl Pcm {
    /// The layout of a stream, if it is one of those that are read here.
    pub(crate) fn of(params: &AudioCodecParameters) -> Option<Self> {
        let (kind, bits) = match params.codec {
            CODEC_ID_PCM_S16LE => (Kind::S16Le, 16),
            CODEC_ID_PCM_S16BE => (Kind::S16Be, 16),
            CODEC_ID_PCM_S24LE => (Kind::S24Le, 24),
            CODEC_ID_PCM_S24BE => (Kind::S24Be, 24),
            CODEC_ID_PCM_S32LE => (Kind::S32Le, 32),
            CODEC_ID_PCM_S32BE => (Kind::S32Be, 32),
            CODEC_ID_PCM_F32LE => (Kind::F32Le, 32),
            CODEC_ID_PCM_F32BE => (Kind::F32Be, 32),
            _ => return None,
        };
        let whole = |width: Option<u32>| width.is_none_or(|width| width == bits);
        let channels = params.channels.as_ref()?.count();
        (channels > 0 && whole(params.bits_per_sample) && whole(params.bits_per_coded_sample))
            .then_some(Self { kind, channels })
    }

    /// The samples of a packet, one vector a channel. Bytes after the last whole frame are left out.
    pub(crate) fn decode(self, packet: &[u8], planes: &mut Vec<Vec<f32>>) {
        planes.resize_with(self.channels, Vec::new);
        match self.kind {
            Kind::S16Le => separate(packet, planes, |b| s16(i16::from_le_bytes(b))),
            Kind::S16Be => separate(packet, planes, |b| s16(i16::from_be_bytes(b))),
            Kind::S24Le => separate(packet, planes, |[a, b, c]| s24([a, b, c])),
            Kind::S24Be => separate(packet, planes, |[a, b, c]| s24([c, b, a])),
            Kind::S32Le => separate(packet, planes, |b| s32(i32::from_le_bytes(b))),
            Kind::S32Be => separate(packet, planes, |b| s32(i32::from_be_bytes(b))),
            Kind::F32Le => separate(packet, planes, f32::from_le_bytes),
            Kind::F32Be => separate(packet, planes, f32::from_be_bytes),
        }
    }
}

fn s16(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

/// From three bytes, the lowest first.
fn s24([a, b, c]: [u8; 3]) -> f32 {
    // The upper bytes of a wider integer, whose sign is then right.
    (i32::from_le_bytes([0, a, b, c]) >> 8) as f32 / 8_388_608.0
}

/// Rounding once, to `f32`, is exact in the sense of IEEE 754; the scale is a power of two.
fn s32(sample: i32) -> f32 {
    sample as f32 / 2_147_483_648.0
}

/// A pass for each channel. One and two channels have loops whose strides the compiler knows.
fn separate<const BYTES: usize>(
    packet: &[u8],
    planes: &mut [Vec<f32>],
    sample: impl Fn([u8; BYTES]) -> f32 + Copy,
) {
    let samples = packet.as_chunks::<BYTES>().0;
    let frames = samples.len() / planes.len();
    let samples = &samples[..frames * planes.len()];
    planes.iter_mut().for_each(Vec::clear);
    match planes {
        [mono] => mono.extend(samples.iter().map(|&b| sample(b))),
        [left, right] => {
            let frames = samples.as_chunks::<2>().0;
            left.extend(frames.iter().map(|&[b, _]| sample(b)));
            right.extend(frames.iter().map(|&[_, b]| sample(b)));
        }
        planes => {
            let channels = planes.len();
            for (channel, plane) in planes.iter_mut().enumerate() {
                plane.extend(samples.chunks_exact(channels).map(|frame| sample(frame[channel])));
            }
        }
    }
}

#[cfg(all(test, any(feature = "wav", feature = "aiff", feature = "caf")))]
mod tests {
    use symphonia::core::{
        audio::{Channels, Position},
        codecs::audio::{AudioDecoderOptions, well_known::CODEC_ID_PCM_U8},
        packet::Packet,
        units::{Duration, Timestamp},
    };

    use super::*;

    fn params(
        codec: symphonia::core::codecs::audio::AudioCodecId,
        channels: u16,
    ) -> AudioCodecParameters {
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(codec)
            .with_sample_rate(44_100)
            .with_channels(Channels::Discrete(channels));
        params
    }

    #[test]
    fn samples_have_the_bits_that_the_decoder_of_symphonia_gives() {
        // Every pair of bytes, so every 16-bit sample; as wider samples, a spread over their range.
        let bytes: Vec<u8> =
            (0..=u16::MAX).flat_map(|x| x.wrapping_mul(40_503).to_le_bytes()).collect();
        let codecs = [
            CODEC_ID_PCM_S16LE,
            CODEC_ID_PCM_S16BE,
            CODEC_ID_PCM_S24LE,
            CODEC_ID_PCM_S24BE,
            CODEC_ID_PCM_S32LE,
            CODEC_ID_PCM_S32BE,
            CODEC_ID_PCM_F32LE,
            CODEC_ID_PCM_F32BE,
        ];
        for codec in codecs {
            for channels in [1, 2, 3, 6] {
                let params = params(codec, channels);
                // Not a whole number of frames of any format but the smallest.
                for packet in [&bytes[..], &bytes[..bytes.len() - 1], &bytes[..1], &[]] {
                    let mut expected: Vec<Vec<f32>> = vec![];
                    let mut decoder = symphonia::default::get_codecs()
                        .make_audio_decoder(&params, &AudioDecoderOptions::default())
                        .unwrap();
                    let whole = Packet::new(0, Timestamp::new(0), Duration::new(1), packet);
                    decoder.decode(&whole).unwrap().copy_to_vecs_planar(&mut expected);
                    let mut found = vec![vec![1.0; 7]];
                    Pcm::of(&params).unwrap().decode(packet, &mut found);
                    assert_eq!(found.len(), usize::from(channels));
                    for (expected, found) in expected.iter().zip(&found) {
                        let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                        assert_eq!(bits(found), bits(expected), "{codec:?}, {channels} channels");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_whole_samples_is_left_to_the_decoder() {
        assert_eq!(Pcm::of(&params(CODEC_ID_PCM_U8, 1)), None);
        let mut narrow = params(CODEC_ID_PCM_S24LE, 1);
        narrow.with_bits_per_coded_sample(20);
        assert_eq!(Pcm::of(&narrow), None);
        let mut none = params(CODEC_ID_PCM_S24LE, 1);
        none.with_channels(Channels::None);
        assert_eq!(Pcm::of(&none), None);
        let front = Channels::Positioned(Position::FRONT_LEFT);
        let mut one = params(CODEC_ID_PCM_S24LE, 1);
        one.with_channels(front);
        assert!(Pcm::of(&one).is_some());
    }
}
