//! Second-order filters (Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients").

use std::f64::consts::TAU;

use mir_core::{AudioBuffer, SampleRate};

/// Coefficients with `a0 = 1`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
}

impl Biquad {
    /// A peak of `decibels` at `hz`; `None` at or above half the rate, where there is nothing to change.
    pub(super) fn peak(rate: SampleRate, hz: f64, q: f64, decibels: f64) -> Option<Self> {
        let (cos, alpha) = angles(rate, hz, q)?;
        let a = 10_f64.powf(decibels / 40.0);
        let first = [1.0 + alpha * a, -2.0 * cos, 1.0 - alpha * a];
        Some(Self::normalized(first, [1.0 + alpha / a, -2.0 * cos, 1.0 - alpha / a]))
    }

    /// A notch at `hz`.
    pub(super) fn notch(rate: SampleRate, hz: f64, q: f64) -> Option<Self> {
        let (cos, alpha) = angles(rate, hz, q)?;
        Some(Self::normalized([1.0, -2.0 * cos, 1.0], [1.0 + alpha, -2.0 * cos, 1.0 - alpha]))
    }

    fn normalized(b: [f64; 3], [a0, a1, a2]: [f64; 3]) -> Self {
        Self { b: b.map(|b| b / a0), a: [a1 / a0, a2 / a0] }
    }

    /// Filters every channel, from silence.
    pub(super) fn apply(&self, audio: &mut AudioBuffer) {
        let ([b0, b1, b2], [a1, a2]) = (self.b, self.a);
        for channel in 0..audio.channels() {
            // Direct form II transposed, in f64: low frequencies put the poles close to the circle.
            let (mut s1, mut s2) = (0.0, 0.0);
            for x in audio.channel_mut(channel) {
                let input = f64::from(*x);
                let y = b0 * input + s1;
                s1 = b1 * input - a1 * y + s2;
                s2 = b2 * input - a2 * y;
                *x = y as f32;
            }
        }
    }
}

fn angles(rate: SampleRate, hz: f64, q: f64) -> Option<(f64, f64)> {
    let turn = hz / f64::from(rate.hz());
    (turn < 0.5).then(|| ((TAU * turn).cos(), (TAU * turn).sin() / (2.0 * q)))
}
