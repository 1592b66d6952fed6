//! The vibrating strings: sums of decaying sinusoids, fast.
//!
//! A partial is `Im(z·w^n)`, with `w = exp(−σ + iω)`. Its state `z` is advanced once a block in `f64`.
//! Within a block, groups of [`LANES`] neighbouring samples follow the recurrence of a damped
//! sinusoid, `y_k = 2·Re(u)·y_{k−1} − |u|²·y_{k−2}` with `u = w^LANES`: two products a sample, no
//! horizontal sums, and rounding errors that start afresh with each block.

use std::f64::consts::TAU;

use super::PianoConfig;
use crate::random::Random;

/// Samples a block; partials that have become inaudible are dropped between blocks.
pub(super) const BLOCK: usize = 256;

/// Samples that are computed side by side: two SSE registers, one AVX register.
const LANES: usize = 8;

/// Partials below this amplitude are dropped. A C4 at velocity 127 has a first partial near 1.
const INAUDIBLE: f64 = 3e-5;

/// Partials of a string. High partials of low strings lie below [`INAUDIBLE`] anyway.
const MAX_PARTIALS: usize = 120;

/// `ln(1000)`: a T60 of T seconds is a decay rate of `LN_1000 / T` per second.
const LN_1000: f64 = 6.907_755_278_982_137;

/// A complex number; a crate for one product would be too much.
#[derive(Clone, Copy, Debug, Default)]
struct Complex {
    re: f64,
    im: f64,
}

impl Complex {
    fn polar(log_radius: f64, angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        let radius = log_radius.exp();
        Self { re: radius * cos, im: radius * sin }
    }

    fn times(self, other: Self) -> Self {
        Self {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
    }

    fn norm_sqr(self) -> f64 {
        self.re * self.re + self.im * self.im
    }
}

/// One decaying sinusoid.
#[derive(Clone, Debug)]
pub(super) struct Partial {
    /// Value at the start of the block; the signal is its imaginary part.
    z: Complex,
    /// Radians a sample.
    omega: f64,
    /// Decay rate a sample.
    sigma: f64,
    /// `w^BLOCK`.
    step: Complex,
    /// Real and imaginary parts of `w^0 … w^15`.
    head: [[f32; 2 * LANES]; 2],
    /// `2·Re(u)` and `−|u|²`.
    feedback: [f32; 2],
}

impl Partial {
    /// A partial of `hz` that starts at a zero crossing with an amplitude and a T60 in seconds.
    fn new(hz: f64, amplitude: f64, t60: f64, rate: f64) -> Self {
        let mut partial = Self {
            z: Complex { re: amplitude, im: 0.0 },
            omega: TAU * hz / rate,
            sigma: LN_1000 / (t60 * rate),
            step: Complex::default(),
            head: [[0.0; 2 * LANES]; 2],
            feedback: [0.0; 2],
        };
        partial.plan();
        partial
    }

    fn plan(&mut self) {
        let power = |n: f64| Complex::polar(-self.sigma * n, self.omega * n);
        let w = power(1.0);
        let mut p = Complex { re: 1.0, im: 0.0 };
        let mut u = p;
        for n in 0..2 * LANES {
            if n == LANES {
                u = p;
            }
            self.head[0][n] = p.re as f32;
            self.head[1][n] = p.im as f32;
            p = p.times(w);
        }
        self.step = power(BLOCK as f64);
        self.feedback = [(2.0 * u.re) as f32, -(u.norm_sqr()) as f32];
    }

    /// Shortens the decay to at most a T60 in seconds.
    fn damp(&mut self, t60: f64, rate: f64) {
        let sigma = LN_1000 / (t60 * rate);
        if sigma > self.sigma {
            self.sigma = sigma;
            self.plan();
        }
    }

    fn is_audible(&self) -> bool {
        self.z.norm_sqr() > INAUDIBLE * INAUDIBLE
    }

    /// The first samples of the block, exactly.
    fn start(&self) -> ([f32; LANES], [f32; LANES]) {
        let (re, im) = (self.z.re as f32, self.z.im as f32);
        let [cos, sin] = &self.head;
        let value = |n: usize| re * sin[n] + im * cos[n];
        (std::array::from_fn(value), std::array::from_fn(|n| value(n + LANES)))
    }

    /// Goes on by `samples`, at most a block.
    fn advance(&mut self, samples: usize) {
        let step = if samples == BLOCK {
            self.step
        } else {
            let n = samples as f64;
            Complex::polar(-self.sigma * n, self.omega * n)
        };
        self.z = self.z.times(step);
    }
}

/// Adds a block of two partials. Two at a time keep the arithmetic units busy while each waits for
/// its own previous value.
fn add_pair(a: &Partial, b: &Partial, out: &mut [[f32; LANES]]) {
    let (mut a0, mut a1) = a.start();
    let (mut b0, mut b1) = b.start();
    let [pa, qa] = a.feedback;
    let [pb, qb] = b.feedback;
    for out in out {
        for lane in 0..LANES {
            out[lane] += a0[lane] + b0[lane];
            let a2 = pa * a1[lane] + qa * a0[lane];
            let b2 = pb * b1[lane] + qb * b0[lane];
            (a0[lane], a1[lane]) = (a1[lane], a2);
            (b0[lane], b1[lane]) = (b1[lane], b2);
        }
    }
}

/// Same for the last of an odd number.
fn add_single(a: &Partial, out: &mut [[f32; LANES]]) {
    let (mut a0, mut a1) = a.start();
    let [pa, qa] = a.feedback;
    for out in out {
        for lane in 0..LANES {
            out[lane] += a0[lane];
            let a2 = pa * a1[lane] + qa * a0[lane];
            (a0[lane], a1[lane]) = (a1[lane], a2);
        }
    }
}

/// Adds the sound of `partials` to `out` until it ends or nothing can be heard any more.
fn ring(partials: &mut Vec<Partial>, out: &mut [f32]) {
    let mut block = [[0.0; LANES]; BLOCK / LANES];
    for out in out.chunks_mut(BLOCK) {
        partials.retain(Partial::is_audible);
        if partials.is_empty() {
            return;
        }
        block.as_flattened_mut().fill(0.0);
        let mut pairs = partials.chunks_exact(2);
        for pair in &mut pairs {
            add_pair(&pair[0], &pair[1], &mut block);
        }
        if let [last] = pairs.remainder() {
            add_single(last, &mut block);
        }
        for partial in partials.iter_mut() {
            partial.advance(out.len());
        }
        for (out, x) in out.iter_mut().zip(block.as_flattened()) {
            *out += x;
        }
    }
}

/// One stroke of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stroke {
    /// MIDI number of the pitch.
    pub(super) midi: f64,
    /// 1..=127.
    pub(super) velocity: f64,
    /// First sample.
    pub(super) start: usize,
    /// Sample at which it is damped, and the T60 from there on, seconds.
    pub(super) damped: Option<(usize, f64)>,
}

/// The instrument at a sample rate: what depends on the key but not on the stroke.
#[derive(Debug)]
pub(super) struct Strings<'a> {
    config: &'a PianoConfig,
    rate: f64,
    body: Body,
    partials: Vec<Partial>,
}

impl<'a> Strings<'a> {
    pub(super) fn new(config: &'a PianoConfig, rate: f64) -> Self {
        Self { config, rate, body: Body::new(config), partials: Vec::new() }
    }

    /// Adds the sound of a stroke to `out`, which starts at sample 0 of the piece. `noise` is the
    /// source of the strokes' small irregularities and of the hammer noise.
    pub(super) fn strike(&mut self, stroke: &Stroke, noise: &mut Random, out: &mut [f32]) {
        let start = stroke.start.min(out.len());
        let gain = self.level(stroke.velocity) * decibels(0.5 * noise.symmetric());
        let mut partials = std::mem::take(&mut self.partials);
        partials.clear();
        self.excite(stroke, gain, &mut partials);
        self.knock(stroke, gain, noise, &mut partials, &mut out[start..]);
        let (end, t60) = stroke.damped.unwrap_or((out.len(), 0.0));
        let end = end.clamp(start, out.len());
        ring(&mut partials, &mut out[start..end]);
        if stroke.damped.is_some() {
            for partial in &mut partials {
                partial.damp(t60, self.rate);
            }
            ring(&mut partials, &mut out[end..]);
        }
        self.partials = partials;
    }

    /// Amplitude of a velocity, 1 at 127.
    fn level(&self, velocity: f64) -> f64 {
        decibels(self.config.dynamic_range_db * (velocity - 127.0) / 100.0)
    }

    /// Fundamental of a key with its detuning, Hz.
    fn fundamental(&self, midi: f64) -> f64 {
        let c = self.config;
        let octaves4 = (midi - 60.0) / 48.0;
        let own = c.key_detune_cents * self.trait_of(midi, 0);
        let cents = c.a4_cents + c.stretch_cents * octaves4.powi(3) + own;
        440.0 * ((midi - 69.0) / 12.0 + cents / 1200.0).exp2()
    }

    /// A number in [−1, 1) that belongs to a key of this instrument, for ever.
    fn trait_of(&self, midi: f64, which: u64) -> f64 {
        // Streams 0 to 255 are those of the instrument as a whole.
        let key = (midi.round() as i64 as u64).wrapping_add(1);
        Random::new(self.config.character, key.wrapping_mul(256).wrapping_add(which)).symmetric()
    }

    /// The partials that a stroke excites.
    fn excite(&self, stroke: &Stroke, gain: f64, partials: &mut Vec<Partial>) {
        let c = self.config;
        let midi = stroke.midi;
        // Keys beyond the piano behave like its outermost key in all but pitch.
        let keyboard = midi.clamp(21.0, 108.0);
        let f0 = self.fundamental(midi);
        let b = c.inharmonicity(keyboard);
        let along = (keyboard - 21.0) / 87.0;
        let t60 = c.decay_bass * (c.decay_treble / c.decay_bass).powf(along);
        let hammer_hz = c.brightness_hz
            * (c.brightness_octaves * (stroke.velocity - 64.0) / 100.0).exp2()
            * (f0 / 261.6).powf(0.4);
        // Wound single and double strings below about E2 and A2 beat less than three plain strings.
        let strings = match keyboard {
            k if k < 33.0 => 1,
            k if k < 45.0 => 2,
            _ => 3,
        };
        let after = decibels(c.aftersound_db);
        for n in 1..=MAX_PARTIALS {
            let n_f = n as f64;
            let stretch = |n: f64| n * (1.0 + b * n * n).sqrt();
            let hz = f0 * stretch(n_f) / stretch(1.0);
            if hz.is_nan() || hz >= 0.49 * self.rate {
                break;
            }
            let comb = (std::f64::consts::PI * n_f * c.strike_position).sin();
            let comb = comb.abs().max(0.08).copysign(comb);
            let hammer = 1.0 / (1.0 + (hz / hammer_hz).powi(2));
            let amplitude =
                2.0 * gain * comb * hammer * n_f.powf(-c.spectral_slope) * self.body.gain(hz);
            if amplitude.abs() < INAUDIBLE {
                continue;
            }
            let variation = 1.0 + 0.15 * self.trait_of(midi, n as u64);
            let t60 = t60 * variation / (1.0 + c.decay_per_khz * (hz - f0).max(0.0) / 1000.0);
            partials.push(Partial::new(hz, amplitude, t60, self.rate));
            // The slow stage: the strings of a key, moving against each other, drive the bridge
            // less (Weinreich 1977). Their detuning makes the beats.
            let slow_t60 = t60 * c.aftersound_ratio;
            let detune = |string: u64| {
                let cents = c.unison_detune_cents * self.trait_of(midi, 200 + string);
                hz * (cents / 1200.0).exp2()
            };
            let aftersounds = if strings == 1 { 1 } else { strings - 1 };
            let amplitude = amplitude * after / aftersounds as f64;
            if amplitude.abs() > INAUDIBLE {
                for string in 0..aftersounds {
                    partials.push(Partial::new(detune(string), amplitude, slow_t60, self.rate));
                }
            }
        }
    }

    /// The blow itself: the modes of the board, and a burst of noise from felt and key.
    fn knock(
        &self,
        stroke: &Stroke,
        gain: f64,
        noise: &mut Random,
        partials: &mut Vec<Partial>,
        out: &mut [f32],
    ) {
        let level = gain * decibels(self.config.hammer_noise_db);
        for mode in &self.body.modes {
            let strength = mode.level * self.body.gain(mode.hz);
            let amplitude = level * strength * (1.0 + 0.3 * noise.symmetric());
            if amplitude > INAUDIBLE && mode.hz < 0.49 * self.rate {
                partials.push(Partial::new(mode.hz, amplitude, mode.t60, self.rate));
            }
        }
        // A one-pole low-pass at 1 to 4 kHz, T60 40 ms. White noise of ±1 has an RMS of 0.58.
        let cutoff = 1000.0 * (2.0 * stroke.velocity / 127.0).exp2();
        let pole = (-TAU * cutoff / self.rate).exp() as f32;
        let fall = (-LN_1000 / (0.04 * self.rate)).exp() as f32;
        let mut level = level as f32;
        let mut smooth = 0.0;
        for out in out {
            if level < INAUDIBLE as f32 {
                break;
            }
            smooth = noise.symmetric() as f32 * (1.0 - pole) + smooth * pole;
            *out += level * smooth;
            level *= fall;
        }
    }
}

/// Soundboard and microphone as a filter that does not change in time. On sinusoids such a filter is
/// a factor, so it costs nothing while they sound.
#[derive(Debug)]
struct Body {
    /// Cosines over log-frequency: cycles an octave, phase, height in dB.
    ripples: [(f64, f64, f64); 5],
    tilt_db: f64,
    low_cut_hz: f64,
    modes: Vec<Mode>,
}

/// A mode of the soundboard that the blow excites.
#[derive(Debug)]
struct Mode {
    hz: f64,
    level: f64,
    t60: f64,
}

impl Body {
    fn new(config: &PianoConfig) -> Self {
        let mut random = Random::new(config.character, 0);
        let height = config.body_ripple_db / 5.0;
        let ripples = std::array::from_fn(|i| {
            let cycles = 0.35 * 1.7f64.powi(i as i32) * (1.0 + 0.2 * random.symmetric());
            (cycles, TAU * random.symmetric(), height)
        });
        let modes = (0..6)
            .map(|i| Mode {
                hz: 85.0 * 1.45f64.powi(i) * (1.0 + 0.1 * random.symmetric()),
                level: 0.8f64.powi(i) * (1.0 + 0.3 * random.symmetric()),
                t60: 0.18 * 0.85f64.powi(i),
            })
            .collect();
        Self { ripples, tilt_db: config.body_tilt_db, low_cut_hz: config.body_low_cut_hz, modes }
    }

    /// Amplitude factor at a frequency.
    fn gain(&self, hz: f64) -> f64 {
        let octaves = (hz / 500.0).log2();
        let ripple: f64 = self
            .ripples
            .iter()
            .map(|&(cycles, phase, height)| height * (TAU * cycles * octaves + phase).cos())
            .sum();
        let low = (hz / self.low_cut_hz.max(1e-3)).powi(2);
        decibels(ripple + self.tilt_db * octaves) * low / (1.0 + low)
    }
}

/// T60 after the damper has fallen on a key, seconds.
pub(super) fn release_of(config: &PianoConfig, midi: f64) -> f64 {
    config.release * ((60.0 - midi.clamp(21.0, 108.0)) / 36.0).exp2()
}

/// The factor of a level in decibels.
pub(super) fn decibels(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_follows_the_definition() {
        for (hz, t60) in [(27.5, 20.0), (440.0, 2.0), (1000.0, 0.05), (2000.0, 9.0), (7839.9, 0.5)]
        {
            let rate = 16_000.0;
            let samples = 40 * BLOCK + 17;
            let mut out = vec![0.0; samples];
            let mut partials = vec![Partial::new(hz, 0.5, t60, rate)];
            // Split where no block ends.
            let (first, second) = out.split_at_mut(1000);
            ring(&mut partials, first);
            ring(&mut partials, second);
            for (n, &y) in out.iter().enumerate() {
                let t = n as f64 / rate;
                let expected = 0.5 * (-LN_1000 * t / t60).exp() * (TAU * hz * t).sin();
                assert!(
                    (f64::from(y) - expected).abs() < 4e-5,
                    "{hz} Hz, sample {n}: {y} instead of {expected}"
                );
            }
        }
    }

    #[test]
    fn pairs_sound_like_singles() {
        let make = |hz| Partial::new(hz, 0.1, 1.0, 16_000.0);
        let (mut together, mut apart) = (vec![0.0; 5000], vec![0.0; 5000]);
        let all = [200.0, 431.0, 977.0, 1500.0, 3001.0];
        ring(&mut all.map(make).to_vec(), &mut together);
        for hz in all {
            ring(&mut vec![make(hz)], &mut apart);
        }
        for (a, b) in together.iter().zip(&apart) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }
}
