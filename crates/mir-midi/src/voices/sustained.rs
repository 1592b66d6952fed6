//! Tones that last as long as they are driven.

use std::f64::consts::TAU;

use super::Event;
use crate::random::Random;

/// Samples between two looks at pitch and spectrum.
const BLOCK: usize = 64;

/// Most harmonics of a tone.
const MAX_HARMONICS: usize = 80;

/// A resonance: amplitude `1 + gain / (1 + ((f − hz) / (width / 2))²)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Formant {
    pub(super) hz: f64,
    pub(super) width: f64,
    pub(super) gain: f64,
}

/// What a tone is made of; see the configurations for the units.
#[derive(Clone, Debug)]
pub(super) struct Tone {
    pub(super) players: u32,
    pub(super) detune_cents: f64,
    pub(super) attack: f64,
    pub(super) release: f64,
    pub(super) vibrato_hz: f64,
    pub(super) vibrato_cents: f64,
    pub(super) tremolo_db: f64,
    pub(super) scoop_cents: f64,
    pub(super) drift_cents: f64,
    pub(super) slope_db: f64,
    pub(super) softening_db: f64,
    pub(super) even_db: f64,
    pub(super) noise_db: f64,
    pub(super) formants: Vec<Formant>,
}

impl Default for Tone {
    fn default() -> Self {
        Self {
            players: 1,
            detune_cents: 0.0,
            attack: 0.05,
            release: 0.1,
            vibrato_hz: 5.0,
            vibrato_cents: 0.0,
            tremolo_db: 0.0,
            scoop_cents: 0.0,
            drift_cents: 2.0,
            slope_db: 6.0,
            softening_db: 0.0,
            even_db: 0.0,
            noise_db: -60.0,
            formants: Vec::new(),
        }
    }
}

impl Tone {
    /// Adds a note to `out`, which starts at sample 0 of the piece.
    pub(super) fn play(&self, event: &Event, random: &mut Random, out: &mut [f32]) {
        let release = (self.release * event.rate).ceil() as usize;
        let end = (event.end.max(event.start + BLOCK) + release).min(out.len());
        let start = event.start.min(end);
        for _ in 0..self.players {
            let player = Player::new(self, event, random);
            player.sound(&mut out[start..end]);
        }
        self.breathe(event, random, &mut out[start..end]);
    }

    /// Level at a time after the onset, 0 to 1; `length` is that of the note in seconds.
    fn envelope(&self, seconds: f64, length: f64) -> f64 {
        let rise = |t: f64| {
            let x = (t / self.attack).clamp(0.0, 1.0);
            0.5 - 0.5 * (0.5 * TAU * x).cos()
        };
        if seconds <= length {
            return rise(seconds);
        }
        // −60 dB at the end of the release, and 0 there: no click.
        let x = ((seconds - length) / self.release).min(1.0);
        rise(length) * (1000f64.powf(-x) - 0.001 * x)
    }

    /// Noise of bow or breath: white, through a one-pole low-pass two octaves above the tone.
    fn breathe(&self, event: &Event, random: &mut Random, out: &mut [f32]) {
        let level = event.level() * 10f64.powf(self.noise_db / 20.0);
        let pole = (-TAU * (4.0 * event.hz).clamp(500.0, 0.4 * event.rate) / event.rate).exp();
        let length = (event.end - event.start.min(event.end)) as f64 / event.rate;
        let mut smooth = 0.0;
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            let seconds = (block * BLOCK) as f64 / event.rate;
            let gain = level * self.envelope(seconds, length);
            let next = level * self.envelope(seconds + BLOCK as f64 / event.rate, length);
            let step = (next - gain) / BLOCK as f64;
            for (n, out) in out.iter_mut().enumerate() {
                smooth = random.symmetric() * (1.0 - pole) + smooth * pole;
                *out += ((gain + step * n as f64) * smooth) as f32;
            }
        }
    }
}

/// One player of a note.
struct Player<'a> {
    tone: &'a Tone,
    rate: f64,
    /// Seconds of the note without release.
    length: f64,
    hz: f64,
    level: f64,
    /// Amplitudes of the harmonics at full level, without formants.
    harmonics: Vec<f64>,
    vibrato_phase: f64,
    /// Three slow sines that make the pitch wander: rate and phase.
    drift: [(f64, f64); 3],
}

impl<'a> Player<'a> {
    fn new(tone: &'a Tone, event: &Event, random: &mut Random) -> Self {
        let cents = tone.detune_cents * random.symmetric();
        let hz = event.hz * (cents / 1200.0).exp2();
        // The highest frequency that the pitch can reach while it moves.
        let reach = (tone.vibrato_cents + 3.0 * tone.drift_cents + 1.0) / 1200.0;
        let most = (0.48 * event.rate / (hz * reach.exp2())) as usize;
        let even = 10f64.powf(tone.even_db / 20.0);
        let harmonics = (1..=most.min(MAX_HARMONICS))
            .map(|n| {
                let fall = 10f64.powf(-tone.slope_db / 20.0 * (n as f64).log2());
                if n % 2 == 0 { fall * even } else { fall }
            })
            .collect();
        Self {
            tone,
            rate: event.rate,
            length: (event.end - event.start.min(event.end)) as f64 / event.rate,
            hz,
            level: event.level() / f64::from(tone.players).sqrt(),
            harmonics,
            vibrato_phase: 0.5 * TAU * random.symmetric(),
            drift: [0.4, 1.1, 2.3]
                .map(|hz| (hz * (1.0 + 0.3 * random.symmetric()), 0.5 * TAU * random.symmetric())),
        }
    }

    /// Frequency at a time after the onset. Vibrato sets in after the attack.
    fn frequency(&self, t: f64) -> f64 {
        let tone = self.tone;
        let depth = ((t - 2.0 * tone.attack) / 0.25).clamp(0.0, 1.0);
        let vibrato = depth * (TAU * tone.vibrato_hz * t + self.vibrato_phase).sin();
        let drift: f64 = self.drift.iter().map(|(hz, phase)| (TAU * hz * t + phase).sin()).sum();
        let cents = tone.vibrato_cents * vibrato + tone.drift_cents * drift
            - tone.scoop_cents * (-t / 0.05).exp();
        self.hz * (cents / 1200.0).exp2()
    }

    /// Amplitudes of the harmonics at a time.
    fn spectrum(&self, t: f64, hz: f64, amplitudes: &mut [f64]) {
        let tone = self.tone;
        let tremolo = tone.tremolo_db * (TAU * tone.vibrato_hz * t + self.vibrato_phase).sin();
        let level = self.level * tone.envelope(t, self.length) * 10f64.powf(tremolo / 20.0);
        // Softer is darker: so many dB an octave for each dB below full level.
        let below = (-20.0 * level.max(1e-4).log10()).max(0.0);
        let steeper = tone.softening_db * below / 20.0;
        for (n, (amplitude, full)) in (1u32..).zip(amplitudes.iter_mut().zip(&self.harmonics)) {
            let octaves = f64::from(n).log2();
            let f = hz * f64::from(n);
            let body: f64 = tone
                .formants
                .iter()
                .map(|formant| {
                    let x = (f - formant.hz) / (0.5 * formant.width);
                    formant.gain / (1.0 + x * x)
                })
                .sum();
            let darker = if steeper > 0.0 { 10f64.powf(-steeper / 20.0 * octaves) } else { 1.0 };
            *amplitude = level * full * darker * (1.0 + body);
        }
    }

    /// Adds the tone to `out`, which starts at the onset.
    ///
    /// Harmonics follow from the fundamental by `sin((n+1)φ) = 2 cos φ sin nφ − sin((n−1)φ)`, a block of
    /// samples at a time.
    fn sound(&self, out: &mut [f32]) {
        let count = self.harmonics.len();
        let (mut now, mut then) = (vec![0.0; count], vec![0.0; count]);
        let mut hz = self.frequency(0.0);
        self.spectrum(0.0, hz, &mut now);
        let mut phase = 0.0f64;
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            let t = ((block + 1) * BLOCK) as f64 / self.rate;
            let next_hz = self.frequency(t);
            self.spectrum(t, next_hz, &mut then);
            let (mut low, mut high, mut twice) =
                ([0.0f32; BLOCK], [0.0f32; BLOCK], [0.0f32; BLOCK]);
            for n in 0..BLOCK {
                let (sin, cos) = phase.sin_cos();
                high[n] = sin as f32;
                twice[n] = 2.0 * cos as f32;
                let f = hz + (next_hz - hz) * n as f64 / BLOCK as f64;
                phase = (phase + TAU * f / self.rate) % TAU;
            }
            let mut sum = [0.0f32; BLOCK];
            for (&a, &b) in now.iter().zip(&then) {
                let (a, step) = (a as f32, ((b - a) / BLOCK as f64) as f32);
                for n in 0..BLOCK {
                    sum[n] += (a + step * n as f32) * high[n];
                    (low[n], high[n]) = (high[n], twice[n] * high[n] - low[n]);
                }
            }
            for (out, x) in out.iter_mut().zip(sum) {
                *out += x;
            }
            std::mem::swap(&mut now, &mut then);
            hz = next_hz;
        }
    }
}
