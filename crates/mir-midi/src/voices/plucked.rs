//! Tones that are struck once and decay.

use std::f64::consts::{PI, TAU};

use super::{Event, PluckedConfig};
use crate::random::Random;

/// `ln 1000`: T60 is this over the decay rate.
const LN_1000: f64 = 6.907_755_278_982_137;

/// Most partials of a tone.
const MAX_PARTIALS: u32 = 40;

/// Adds a note to `out`, which starts at sample 0 of the piece.
pub(super) fn play(config: &PluckedConfig, event: &Event, random: &mut Random, out: &mut [f32]) {
    let rate = event.rate;
    let start = event.start.min(out.len());
    let out = &mut out[start..];
    let held = event.end.saturating_sub(event.start);
    let decay = config.decay * (261.6 / event.hz).sqrt();
    let ratios: Vec<f64> = if config.ratios.is_empty() {
        (1..=MAX_PARTIALS).map(f64::from).collect()
    } else {
        config.ratios.clone()
    };
    for ratio in ratios {
        let hz = event.hz * ratio;
        if hz >= 0.48 * rate {
            continue;
        }
        let fall = 10f64.powf(-config.slope_db / 20.0 * ratio.log2());
        // A string does not sound the partials that have a node where it is plucked.
        let comb = if config.ratios.is_empty() {
            (PI * ratio * config.position).sin().abs().max(0.05)
        } else {
            1.0
        };
        let amplitude = event.level() * fall * comb * (1.0 + 0.1 * random.symmetric());
        let t60 = decay / (1.0 + config.decay_per_khz * (hz - event.hz) / 1000.0);
        decaying_sine(out, rate, hz, amplitude, t60, held, config.release.min(t60));
    }
    let level = event.level() * 10f64.powf(config.noise_db / 20.0);
    noise_burst(out, rate, level, 0.03, random);
}

/// Adds a sinusoid that decays with a T60 (seconds), and with another one from sample `held` on.
fn decaying_sine(
    out: &mut [f32],
    rate: f64,
    hz: f64,
    amplitude: f64,
    t60: f64,
    held: usize,
    release: f64,
) {
    let (step_sin, step_cos) = (TAU * hz / rate).sin_cos();
    let fall = |t60: f64| (-LN_1000 / (t60 * rate)).exp();
    let (slow, fast) = (fall(t60), fall(release));
    let (mut sin, mut cos, mut level) = (0.0f64, 1.0f64, amplitude);
    for (n, out) in out.iter_mut().enumerate() {
        if level < 1e-5 {
            break;
        }
        *out += (level * sin) as f32;
        (sin, cos) = (sin * step_cos + cos * step_sin, cos * step_cos - sin * step_sin);
        level *= if n < held { slow } else { fast };
    }
}

/// Adds white noise that decays with a T60 in seconds.
pub(super) fn noise_burst(out: &mut [f32], rate: f64, level: f64, t60: f64, random: &mut Random) {
    let fall = (-LN_1000 / (t60 * rate)).exp();
    let mut level = level;
    for out in out {
        if level < 1e-5 {
            break;
        }
        *out += (level * random.symmetric()) as f32;
        level *= fall;
    }
}
