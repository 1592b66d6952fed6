//! What happens to the sound outside the strings: strings that answer under the pedal, and the room.

use super::{PianoConfig, strings::decibels};
use crate::random::Random;

/// A feedback delay line with a one-pole low-pass in the loop.
#[derive(Debug)]
struct Comb {
    line: Vec<f32>,
    position: usize,
    feedback: f32,
    smooth: f32,
}

impl Comb {
    /// A loop of a number of samples that falls by 60 dB in `t60` seconds.
    fn new(samples: usize, t60: f64, rate: f64) -> Self {
        let samples = samples.max(1);
        let feedback = 10f64.powf(-3.0 * samples as f64 / (t60 * rate)) as f32;
        Self { line: vec![0.0; samples], position: 0, feedback, smooth: 0.0 }
    }

    /// What comes out of the line, low-passed: `damping` in [0, 1) is the weight of the past.
    fn output(&mut self, damping: f32) -> f32 {
        self.smooth = self.line[self.position] * (1.0 - damping) + self.smooth * damping;
        self.smooth * self.feedback
    }

    fn input(&mut self, x: f32) {
        // The floor keeps denormal numbers, which are slow, out of the loop.
        self.line[self.position] = if x.abs() < 1e-15 { 0.0 } else { x };
        self.position += 1;
        if self.position == self.line.len() {
            self.position = 0;
        }
    }
}

/// Adds the answer of the undamped strings. `lifted` are the spans of samples in which the sustain
/// pedal is down, ascending.
///
/// Twelve loops tuned to the octave from A1 have resonances at all their harmonics, which stand for the strings
/// of the whole keyboard.
pub(super) fn pedal_resonance(
    config: &PianoConfig,
    lifted: &[(usize, usize)],
    rate: f64,
    audio: &mut [f32],
) {
    // Below −90 dB nothing would be heard.
    if lifted.is_empty() || config.pedal_resonance_db <= -90.0 {
        return;
    }
    let mut strings: Vec<Comb> = (0..12)
        .map(|key| {
            let hz = 55.0 * (f64::from(key) / 12.0).exp2();
            Comb::new((rate / hz).round() as usize, 2.5, rate)
        })
        .collect();
    let level = decibels(config.pedal_resonance_db) as f32;
    // The dampers leave and reach the strings within about 20 ms.
    let approach = (1.0 - (-1.0 / (0.02 * rate)).exp()) as f32;
    let mut openness = 0.0f32;
    let mut spans = lifted.iter().peekable();
    for (n, x) in audio.iter_mut().enumerate() {
        while spans.next_if(|span| span.1 <= n).is_some() {}
        let down = spans.peek().is_some_and(|span| span.0 <= n);
        openness += approach * (f32::from(u8::from(down)) - openness);
        if openness < 1e-4 && spans.peek().is_none() {
            return;
        }
        let mut answer = 0.0;
        for string in &mut strings {
            let y = string.output(0.25) * (0.9 + 0.1 * openness);
            string.input(*x * openness + y);
            answer += y;
        }
        *x += level * answer;
    }
}

/// Adds the room: eight delay lines that feed each other through a Hadamard matrix (Jot and Chaigne
/// 1991), with lengths drawn by the instrument.
pub(super) fn room(config: &PianoConfig, rate: f64, audio: &mut [f32]) {
    const LINES: usize = 8;
    const SPEED_OF_SOUND: f64 = 343.0;
    if config.room_db <= -90.0 {
        return;
    }
    let mut random = Random::new(config.character, 3);
    let longest = config.room_size / SPEED_OF_SOUND;
    let mut lines: [Comb; LINES] = std::array::from_fn(|i| {
        // From a third of the longest path to the whole, unevenly.
        let fraction = (1.0 + 2.0 * i as f64 / (LINES - 1) as f64) / 3.0;
        let seconds = longest * fraction * (1.0 + 0.06 * random.symmetric());
        Comb::new((seconds * rate).round() as usize, config.room_decay, rate)
    });
    // Air and walls take the high frequencies first: a pole near 4 kHz at any rate.
    let damping = (-std::f64::consts::TAU * 4000.0 / rate).exp() as f32;
    let level = (decibels(config.room_db) / (LINES as f64).sqrt()) as f32;
    let mix = 1.0 / (LINES as f32).sqrt();
    for x in audio {
        let mut y: [f32; LINES] = std::array::from_fn(|i| lines[i].output(damping));
        let wet: f32 = y[0] - y[1] + y[2] - y[3] + y[4] - y[5] + y[6] - y[7];
        // Fast Hadamard transform in place.
        for width in [1, 2, 4] {
            for i in 0..LINES {
                if i & width == 0 {
                    (y[i], y[i + width]) = (y[i] + y[i + width], y[i] - y[i + width]);
                }
            }
        }
        for (line, y) in lines.iter_mut().zip(y) {
            line.input(*x + mix * y);
        }
        *x += level * wet;
    }
}
