//! Rooms: convolution with an impulse response, measured or made up.

use mir_core::AudioBuffer;
use mir_fft::RealPlanner32;

use super::random::Random;
use crate::{Error, Result};

/// The recording as it sounds in the room of an impulse response: their convolution, as long as the
/// recording.
///
/// The largest magnitude of the response is taken for the direct sound, and put at time 0: events keep
/// their time. A response of one channel serves all channels; otherwise each has its own. The level is
/// that of the response. Computed in single precision by overlapping transforms.
///
/// ```
/// use mir_audio::{AudioBuffer, SampleRate, augment::convolve};
/// let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![1.0, 0.0, 0.0, 0.0]);
/// // One sample of delay, then the direct sound, then an echo.
/// let room = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.0, 1.0, 0.0, 0.5]);
/// let wet = convolve(&audio, &room)?;
/// assert!((wet.channel(0)[0] - 1.0).abs() < 1e-6 && (wet.channel(0)[2] - 0.5).abs() < 1e-6);
/// # Ok::<(), mir_audio::Error>(())
/// ```
///
/// # Errors
/// [`Error::Mismatch`] for a response of another rate or number of channels, [`Error::OutOfRange`] for an
/// empty one, [`Error::Core`] for samples that are not finite.
pub fn convolve(audio: &AudioBuffer, response: &AudioBuffer) -> Result<AudioBuffer> {
    let expected = if response.channels() == 1 { 1 } else { audio.channels() };
    let pairs = [
        (
            "sample rate in Hz of the response",
            audio.sample_rate().hz(),
            response.sample_rate().hz(),
        ),
        ("number of channels of the response", expected as u32, response.channels() as u32),
    ];
    for (field, expected, actual) in pairs {
        if expected != actual {
            return Err(Error::Mismatch {
                field,
                expected: u64::from(expected),
                actual: u64::from(actual),
            });
        }
    }
    if response.is_empty() {
        return Err(Error::OutOfRange {
            field: "samples of the response",
            expected: "at least 1",
            actual: 0.0,
        });
    }
    audio.check_finite()?;
    response.check_finite()?;
    let direct = direct_sound(response);
    let channels: Vec<Vec<f32>> = (0..audio.channels())
        .map(|channel| {
            let response = response.channel(channel.min(response.channels() - 1));
            overlap_add(audio.channel(channel), response, direct)
        })
        .collect();
    Ok(AudioBuffer::from_channels(audio.sample_rate(), &channels)?)
}

/// Where the largest magnitude of any channel lies.
fn direct_sound(response: &AudioBuffer) -> usize {
    let loudest = |at: usize| {
        (0..response.channels()).map(|c| response.channel(c)[at].abs()).fold(0.0, f32::max)
    };
    (0..response.len()).rev().max_by(|&a, &b| loudest(a).total_cmp(&loudest(b))).unwrap_or(0)
}

/// `out[n] = Σ_k x[k] · h[n + skip − k]`, as long as `x`.
fn overlap_add(x: &[f32], h: &[f32], skip: usize) -> Vec<f32> {
    // Half of a transform for the response: then as much is gained as transformed.
    let size = (2 * h.len()).next_power_of_two().max(1024);
    let step = size - h.len() + 1;
    let mut planner = RealPlanner32::new();
    let (forward, inverse) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
    let mut block = forward.make_input_vec();
    let mut response = forward.make_output_vec();
    block[..h.len()].copy_from_slice(h);
    forward.process(&mut block, &mut response).expect("sizes were planned");
    // The transforms are not scaled.
    response.iter_mut().for_each(|bin| *bin /= size as f32);

    let mut spectrum = forward.make_output_vec();
    let mut out = vec![0.0; x.len()];
    for (index, piece) in x.chunks(step).enumerate() {
        block.fill(0.0);
        block[..piece.len()].copy_from_slice(piece);
        forward.process(&mut block, &mut spectrum).expect("sizes were planned");
        spectrum.iter_mut().zip(&response).for_each(|(bin, h)| *bin *= h);
        inverse.process(&mut spectrum, &mut block).expect("a real spectrum times a real one");
        let at = index * step;
        let (from, to) = if at < skip { (skip - at, 0) } else { (0, at - skip) };
        let ready = block[..piece.len() + h.len() - 1].iter().skip(from);
        out[to..].iter_mut().zip(ready).for_each(|(sum, y)| *sum += y);
    }
    out
}

/// The tail of a made-up room: noise that falls by 60 dB in `seconds`, with an energy of 1, so that the
/// reverberation of a steady broad-band sound is as loud as the sound.
pub(super) fn tail(audio: &AudioBuffer, seconds: f64, seed: u64) -> Result<AudioBuffer> {
    let rate = audio.sample_rate();
    let length = rate.sample_at(seconds).max(1);
    let fall = -1000_f64.ln() / (seconds * f64::from(rate.hz()));
    let channels: Vec<Vec<f32>> = (0..audio.channels())
        .map(|channel| {
            let mut random = Random::new(seed, channel as u64);
            let x: Vec<f64> =
                (0..length).map(|n| random.bell() * (fall * n as f64).exp()).collect();
            let energy: f64 = x.iter().map(|x| x * x).sum();
            let scale = 1.0 / energy.sqrt().max(f64::MIN_POSITIVE);
            x.iter().map(|x| (x * scale) as f32).collect()
        })
        .collect();
    Ok(AudioBuffer::from_channels(rate, &channels)?)
}

/// The sound and `wet` times its reverberation in a made-up room.
pub(super) fn reverberate(
    audio: &AudioBuffer,
    seconds: f64,
    wet: f64,
    seed: u64,
) -> Result<AudioBuffer> {
    let tail = tail(audio, seconds, seed)?;
    let mut out = audio.clone();
    for channel in 0..out.channels() {
        let reflected = overlap_add(audio.channel(channel), tail.channel(channel), 0);
        for (x, y) in out.channel_mut(channel).iter_mut().zip(reflected) {
            *x += (wet * f64::from(y)) as f32;
        }
    }
    Ok(out)
}
