//! Sounds: an `Audio` message around a WAV file.

use mir_core::AudioBuffer;

use super::message::Message;

/// An `Audio` message with 16-bit WAV.
pub(super) fn encode(audio: &AudioBuffer) -> Message {
    let mut message = Message::default();
    message.float(1, audio.sample_rate().hz() as f32);
    message.integer(2, audio.channels() as u64);
    message.integer(3, audio.len() as u64);
    message.bytes(4, &wav(audio));
    message.bytes(5, b"audio/wav");
    message
}

/// The bytes of a WAV file with 16-bit samples.
fn wav(audio: &AudioBuffer) -> Vec<u8> {
    let channels = audio.channels();
    let rate = audio.sample_rate().hz();
    let data = 2 * channels * audio.len();
    let mut out = Vec::with_capacity(44 + data);
    let u32 = |out: &mut Vec<u8>, value: usize| out.extend((value as u32).to_le_bytes());
    let u16 = |out: &mut Vec<u8>, value: usize| out.extend((value as u16).to_le_bytes());
    out.extend(b"RIFF");
    u32(&mut out, 36 + data);
    out.extend(b"WAVEfmt ");
    u32(&mut out, 16);
    u16(&mut out, 1); // PCM
    u16(&mut out, channels);
    u32(&mut out, rate as usize);
    u32(&mut out, 2 * channels * rate as usize);
    u16(&mut out, 2 * channels);
    u16(&mut out, 16);
    out.extend(b"data");
    u32(&mut out, data);
    for index in 0..audio.len() {
        for channel in 0..channels {
            let sample = audio.channel(channel)[index].clamp(-1.0, 1.0);
            out.extend(((sample * 32767.0).round() as i16).to_le_bytes());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use mir_core::SampleRate;

    use super::*;

    #[test]
    fn channels_are_interleaved_and_clipped() {
        let audio =
            AudioBuffer::from_channels(SampleRate::HZ_16000, &[&[0.5, 2.0], &[-1.0, 0.0]]).unwrap();
        let bytes = wav(&audio);
        assert_eq!(bytes.len(), 52);
        assert_eq!(u32::from_le_bytes(bytes[4..8].try_into().unwrap()), 44);
        assert_eq!(u32::from_le_bytes(bytes[28..32].try_into().unwrap()), 64_000);
        let samples: Vec<i16> =
            bytes[44..].as_chunks::<2>().0.iter().map(|&b| i16::from_le_bytes(b)).collect();
        assert_eq!(samples, [16384, -32767, 32767, 0]);
    }
}
