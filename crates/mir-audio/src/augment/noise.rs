//! Noise of two colours.

use mir_core::AudioBuffer;
use serde::{Deserialize, Serialize};

use super::random::Random;
use crate::Result;

/// How the power of noise depends on frequency.
///
/// ```
/// assert_eq!(mir_audio::augment::NoiseColor::default(), mir_audio::augment::NoiseColor::White);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseColor {
    /// The same at all frequencies.
    #[default]
    White,
    /// Falling with 1/f, 3 dB an octave, from 1/4000 of the rate on.
    Pink,
}

/// Noise in the form of `audio`, independent in every channel.
pub(super) fn like(audio: &AudioBuffer, color: NoiseColor, seed: u64) -> Result<AudioBuffer> {
    let mut noise = AudioBuffer::silence(audio.sample_rate(), audio.channels(), audio.len())?;
    for channel in 0..noise.channels() {
        let mut random = Random::new(seed, channel as u64);
        let mut pink = Pink::default();
        for x in noise.channel_mut(channel) {
            let white = random.bell();
            *x = match color {
                NoiseColor::White => white,
                NoiseColor::Pink => pink.filter(white),
            } as f32;
        }
    }
    Ok(noise)
}

/// White to pink: Paul Kellet's sum of first-order low-passes (1999), within ±0.05 dB of 1/f from 9 Hz on
/// at 44.1 kHz.
#[derive(Default)]
struct Pink([f64; 6], f64);

impl Pink {
    const POLES: [(f64, f64); 6] = [
        (0.998_86, 0.055_517_9),
        (0.993_32, 0.075_075_9),
        (0.969, 0.153_852),
        (0.866_5, 0.310_485_6),
        (0.55, 0.532_952_2),
        (-0.761_6, -0.016_898),
    ];

    fn filter(&mut self, white: f64) -> f64 {
        let mut sum = self.1 + 0.536_2 * white;
        for (state, (pole, weight)) in self.0.iter_mut().zip(Self::POLES) {
            *state = pole * *state + weight * white;
            sum += *state;
        }
        self.1 = 0.115_926 * white;
        sum
    }
}
