//! Percussion by key, after the percussion map of General MIDI.

use std::f64::consts::TAU;

use super::{DrumsConfig, Event};
use crate::random::Random;

/// `ln 1000`: T60 is this over the decay rate.
const LN_1000: f64 = 6.907_755_278_982_137;

/// A stroke: a skin whose pitch falls, and band-passed noise.
#[derive(Clone, Copy)]
struct Stroke {
    /// Final frequency of the skin, Hz.
    hz: f64,
    /// How far above it the pitch begins, as a factor.
    drop: f64,
    /// T60 of the skin, s.
    tone_t60: f64,
    tone: f64,
    /// Corner frequencies of the noise, Hz.
    band: (f64, f64),
    /// T60 of the noise, s.
    noise_t60: f64,
    noise: f64,
}

const fn stroke(
    (hz, drop, tone_t60, tone): (f64, f64, f64, f64),
    (low, high, noise_t60, noise): (f64, f64, f64, f64),
) -> Stroke {
    Stroke { hz, drop, tone_t60, tone, band: (low, high), noise_t60, noise }
}

/// What sounds on a key.
fn stroke_of(key: u8) -> Stroke {
    match key {
        // Bass drums.
        0..=36 => stroke((52.0, 3.0, 0.45, 1.0), (200.0, 4000.0, 0.03, 0.3)),
        // Side stick, claves, wood blocks.
        37 | 75..=77 => stroke((1200.0, 1.0, 0.06, 0.6), (1500.0, 7000.0, 0.03, 0.4)),
        // Snares, clap.
        38 | 40 => stroke((185.0, 1.4, 0.18, 0.6), (900.0, 7500.0, 0.3, 0.8)),
        39 => stroke((900.0, 1.0, 0.02, 0.1), (900.0, 3500.0, 0.25, 1.0)),
        // Toms, low to high, with bongos and congas.
        41 | 43 | 45 | 47 | 48 | 50 => {
            let hz = 75.0 * (f64::from(key - 41) / 8.0).exp2();
            stroke((hz, 1.6, 0.5, 1.0), (300.0, 3000.0, 0.05, 0.2))
        }
        60..=68 => {
            let hz = 420.0 * (-f64::from(key - 60) / 7.0).exp2();
            stroke((hz, 1.2, 0.25, 0.9), (800.0, 5000.0, 0.03, 0.3))
        }
        // Hi-hats: closed, pedal, open.
        42 | 44 => stroke((1000.0, 1.0, 0.01, 0.0), (6000.0, 14_000.0, 0.09, 0.8)),
        46 => stroke((1000.0, 1.0, 0.01, 0.0), (5500.0, 14_000.0, 0.7, 0.8)),
        // Ride, bell, cowbell, triangles.
        51 | 53 | 59 => stroke((3400.0, 1.0, 0.8, 0.25), (4500.0, 13_000.0, 1.2, 0.5)),
        56 => stroke((560.0, 1.0, 0.25, 0.8), (800.0, 4000.0, 0.05, 0.2)),
        80 | 81 => stroke((4600.0, 1.0, 1.0, 0.7), (6000.0, 12_000.0, 0.1, 0.2)),
        // Crashes, splash, china.
        49 | 52 | 55 | 57 => stroke((1000.0, 1.0, 0.01, 0.0), (2500.0, 13_000.0, 2.0, 0.9)),
        // Tambourine, shakers and what is left.
        _ => stroke((1000.0, 1.0, 0.01, 0.0), (4000.0, 11_000.0, 0.15, 0.7)),
    }
}

/// Adds a stroke to `out`, which starts at sample 0 of the piece. Pitches outside of MIDI are silent.
pub(super) fn play(config: &DrumsConfig, event: &Event, random: &mut Random, out: &mut [f32]) {
    let Some(key) = event.key else { return };
    let stroke = stroke_of(key);
    let start = event.start.min(out.len());
    let out = &mut out[start..];
    skin(&stroke, config, event, out);
    noise(&stroke, config, event, random, out);
}

fn skin(stroke: &Stroke, config: &DrumsConfig, event: &Event, out: &mut [f32]) {
    let fall = (-LN_1000 / (stroke.tone_t60 * config.decay * event.rate)).exp();
    // The skin is tense while it is far out: the pitch settles within 40 ms.
    let settle = (-1.0 / (0.02 * event.rate)).exp();
    let mut level = event.level() * stroke.tone;
    let (mut phase, mut above) = (0.0f64, stroke.drop - 1.0);
    for out in out {
        let hz = stroke.hz * config.tuning * (1.0 + above);
        if level < 1e-5 || hz >= 0.48 * event.rate {
            break;
        }
        *out += (level * phase.sin()) as f32;
        phase = (phase + TAU * hz / event.rate) % TAU;
        above *= settle;
        level *= fall;
    }
}

fn noise(
    stroke: &Stroke,
    config: &DrumsConfig,
    event: &Event,
    random: &mut Random,
    out: &mut [f32],
) {
    let fall = (-LN_1000 / (stroke.noise_t60 * config.decay * event.rate)).exp();
    let pole = |hz: f64| (-TAU * hz.min(0.45 * event.rate) / event.rate).exp();
    let (low, high) = (pole(stroke.band.0 * config.tuning), pole(stroke.band.1 * config.tuning));
    let mut level = event.level() * stroke.noise * 10f64.powf(config.noise_db / 20.0);
    let (mut slow, mut fast) = (0.0, 0.0);
    for out in out {
        if level < 1e-5 {
            break;
        }
        // The difference of two one-pole low-passes is a band-pass.
        fast = random.symmetric() * (1.0 - high) + fast * high;
        slow = fast * (1.0 - low) + slow * low;
        *out += (2.0 * level * (fast - slow)) as f32;
        level *= fall;
    }
}
