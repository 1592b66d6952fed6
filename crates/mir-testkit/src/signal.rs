//! Test signals: deterministic, computed in `f64`.

use std::f64::consts::TAU;

use mir_core::{AudioBuffer, SampleRate};

/// `amplitude·sin(2π·hz·n / rate)`, mono.
pub fn sine(rate: SampleRate, hz: f64, amplitude: f64, samples: usize) -> AudioBuffer {
    let step = TAU * hz / f64::from(rate.hz());
    AudioBuffer::mono(
        rate,
        (0..samples).map(|n| (amplitude * (step * n as f64).sin()) as f32).collect(),
    )
}

/// One sample of height 1 at `position`, mono.
///
/// # Panics
/// If `position` is not below `samples`.
pub fn impulse(rate: SampleRate, position: usize, samples: usize) -> AudioBuffer {
    let mut x = vec![0.0; samples];
    x[position] = 1.0;
    AudioBuffer::mono(rate, x)
}

/// White noise, uniform in ±`amplitude`, mono; equal for equal seeds on every machine.
pub fn noise(rate: SampleRate, amplitude: f32, samples: usize, seed: u64) -> AudioBuffer {
    let mut random = Random::new(seed);
    let draw = |_| amplitude * (2.0 * random.uniform() as f32 - 1.0);
    AudioBuffer::mono(rate, (0..samples).map(draw).collect())
}

/// Amplitude of the part at a frequency, by correlation with a Hann window, so that others do not leak in.
pub fn amplitude(x: &[f32], rate: SampleRate, hz: f64) -> f64 {
    let step = TAU * hz / f64::from(rate.hz());
    let (mut re, mut im) = (0.0, 0.0);
    for (n, &value) in x.iter().enumerate() {
        let weight = 1.0 - (TAU * (n as f64 + 0.5) / x.len() as f64).cos();
        let (sin, cos) = (step * n as f64).sin_cos();
        re += weight * f64::from(value) * cos;
        im += weight * f64::from(value) * sin;
    }
    2.0 * re.hypot(im) / x.len() as f64
}

/// SplitMix64: small, good enough for test signals, and frozen here so that they never change.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in 0..`n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.uniform() * n as f64) as usize
    }
}
