//! Variations of the room and of the instrument, on the energies behind log-scaled features.
//!
//! Energies of sounds that have nothing to do with each other add up, frame by frame and bin by bin. That
//! is all that a late reverberation, a steady noise and a second recording need, so none of them has to go
//! back to the waveform, and no feature is computed twice.

use mir_features::{BinAxis, Transposition};
use rand_chacha::rand_core::Rng;

use super::AugmentConfig;
use crate::random;

/// What the bins and frames of features stand for.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    /// Energy is `exp(exponent · value)`; `None` if the features are no logarithms of energies.
    pub exponent: Option<f64>,
    /// Meaning of the bins.
    pub axis: BinAxis,
    /// Seconds from frame to frame.
    pub period: f64,
}

/// One draw of the variations in this file, for all channels of a window.
#[derive(Clone, Debug)]
pub(crate) struct Acoustics {
    transposition: Option<Transposition>,
    /// Energy of the tail against that of the sound, and how much of it is left after a frame.
    reverb: Option<(f32, f32)>,
    /// Energy of the noise in each bin; empty for none.
    noise: Vec<f32>,
    /// What is added to each bin at the end; empty for nothing.
    curve: Vec<f32>,
    exponent: f32,
}

/// Coefficients of the random curve of [`AugmentConfig::equalizer`].
const CURVE_ORDER: usize = 8;

impl Acoustics {
    /// Draws always the same numbers, whatever is switched on: switching one variation on does not change the
    /// others. The semitones are given, since the targets move with them.
    pub(crate) fn draw(
        config: &AugmentConfig,
        scale: &Scale,
        bins: usize,
        semitones: i32,
        rng: &mut impl Rng,
    ) -> Self {
        let cents = config.detune_cents * random::symmetric(rng);
        let (level, length) = (config.reverb * random::uniform(rng), random::uniform(rng));
        let (loudness, slope) = (random::uniform(rng), random::symmetric(rng));
        let coefficients: [f64; CURVE_ORDER] =
            std::array::from_fn(|k| config.equalizer * random::symmetric(rng) / (k + 1) as f64);

        let cents = cents + 100.0 * f64::from(semitones);
        let moves = config.detune_cents > 0.0 || semitones != 0;
        // Bins that are no frequencies were refused with the configuration.
        let transposition = moves.then(|| Transposition::new(&scale.axis, cents).ok()).flatten();
        let exponent = scale.exponent.unwrap_or(1.0);
        let reverb = (config.reverb > 0.0).then(|| {
            let seconds = config.reverb_seconds * (0.25 + 0.75 * length);
            (level as f32, 10f64.powf(-6.0 * scale.period / seconds) as f32)
        });
        let noise = match (config.background, config.floor) {
            (Some(loudest), Some(floor)) => {
                let middle = floor + loudness * (loudest - floor);
                line(bins, middle, slope).map(|value| (exponent * value).exp() as f32).collect()
            }
            _ => Vec::new(),
        };
        let curve = if config.equalizer > 0.0 { smooth(bins, &coefficients) } else { Vec::new() };
        Self { transposition, reverb, noise, curve, exponent: exponent as f32 }
    }

    /// Changes one channel of a window, `[frames, bins]` in row-major order.
    pub(crate) fn apply(&self, x: &mut [f32], bins: usize) {
        if let Some(transposition) = &self.transposition {
            transposition.apply(x);
        }
        if self.reverb.is_some() || !self.noise.is_empty() {
            self.surround(x, bins);
        }
        if !self.curve.is_empty() {
            for row in x.chunks_exact_mut(bins) {
                row.iter_mut().zip(&self.curve).for_each(|(value, shift)| *value += shift);
            }
        }
    }

    /// Adds the energies of the reverberation and of the noise.
    fn surround(&self, x: &mut [f32], bins: usize) {
        let (level, decay) = self.reverb.unwrap_or((0.0, 0.0));
        let silent = vec![0.0; if self.noise.is_empty() { bins } else { 0 }];
        let noise = if self.noise.is_empty() { &silent } else { &self.noise };
        // What was heard before the window is not known: as if its first frame had lasted for ever.
        let mut tail: Vec<f32> = x.iter().take(bins).map(|v| (self.exponent * v).exp()).collect();
        for row in x.chunks_exact_mut(bins) {
            for ((value, tail), noise) in row.iter_mut().zip(&mut tail).zip(noise) {
                let energy = (self.exponent * *value).exp();
                *value =
                    (energy + level * *tail + noise).max(f32::MIN_POSITIVE).ln() / self.exponent;
                *tail = decay * *tail + (1.0 - decay) * energy;
            }
        }
    }
}

/// Adds the energies of a second window, `shift` louder, to the first `other.len()` values.
pub(crate) fn mix(x: &mut [f32], other: &[f32], shift: f64, scale: &Scale) {
    let exponent = scale.exponent.unwrap_or(1.0) as f32;
    for (value, other) in x.iter_mut().zip(other) {
        let (a, b) = (*value, other + shift as f32);
        // ln(eᵃ + eᵇ) without leaving the range of the exponential.
        *value = a.max(b) + (-(exponent * (a - b).abs())).exp().ln_1p() / exponent;
    }
}

/// `middle − slope` at the lowest bin to `middle + slope` at the highest.
fn line(bins: usize, middle: f64, slope: f64) -> impl Iterator<Item = f64> {
    let half = (bins as f64 - 1.0) / 2.0;
    (0..bins).map(move |bin| middle + slope * (bin as f64 - half) / half.max(0.5))
}

/// The sum of cosines of a half, one, one and a half, … periods over the bins.
fn smooth(bins: usize, coefficients: &[f64]) -> Vec<f32> {
    (0..bins)
        .map(|bin| {
            let phase = std::f64::consts::PI * (bin as f64 + 0.5) / bins as f64;
            let terms = coefficients.iter().enumerate();
            terms.map(|(k, a)| a * ((k + 1) as f64 * phase).cos()).sum::<f64>() as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    const BINS: usize = 40;

    fn scale() -> Scale {
        Scale {
            exponent: Some(2.0),
            axis: BinAxis::LogHz { f_min: 100.0, bins_per_octave: 12.0, bins: BINS },
            period: 0.032,
        }
    }

    fn varied(config: &AugmentConfig, x: &[f32], item: u64) -> Vec<f32> {
        let mut rng = random::stream(7, 0, item, Purpose::Room);
        let mut y = x.to_vec();
        Acoustics::draw(config, &scale(), BINS, 0, &mut rng).apply(&mut y, BINS);
        y
    }

    /// Silence, one loud frame, silence.
    fn click() -> Vec<f32> {
        let mut x = vec![-11.0; 60 * BINS];
        x[10 * BINS..11 * BINS].fill(1.0);
        x
    }

    #[test]
    fn a_recording_that_is_higher_lies_further_up() {
        // The axis has twelve bins an octave: 100 cents are one bin.
        let ramp: Vec<f32> = (0..BINS).map(|bin| bin as f32).collect();
        let config = AugmentConfig { detune_cents: 50.0, ..AugmentConfig::default() };
        for item in 0..10 {
            let y = varied(&config, &ramp, item);
            let moved = y[20] - ramp[20];
            assert!(moved.abs() <= 0.5 + 1e-3 && moved != 0.0, "{moved}");
            assert!(y.iter().all(|v| (0.0..=BINS as f32 - 1.0).contains(v)));
        }
    }

    #[test]
    fn a_tail_has_the_energy_and_the_decay_that_were_drawn() {
        let acoustics = Acoustics {
            transposition: None,
            reverb: Some((0.5, 0.8)),
            noise: Vec::new(),
            curve: Vec::new(),
            exponent: 2.0,
        };
        let (x, mut y) = (click(), click());
        acoustics.apply(&mut y, BINS);
        let energy = |x: &[f32], frame: usize| (2.0 * f64::from(x[frame * BINS + 5])).exp();
        let tail: Vec<f64> = (11..60).map(|frame| energy(&y, frame) - energy(&x, frame)).collect();
        let total: f64 = tail.iter().sum();
        assert!((total / energy(&x, 10) - 0.5).abs() < 1e-3, "{total}");
        assert!((tail[6] / tail[5] - 0.8).abs() < 1e-3);
        // Nothing comes before the sound.
        assert!((0..10).all(|frame| (energy(&y, frame) / energy(&x, frame) - 1.5).abs() < 1e-3));
    }

    #[test]
    fn noise_fills_the_silence_and_leaves_the_sound() {
        let config = AugmentConfig {
            background: Some(-6.0),
            floor: Some(-11.0),
            ..AugmentConfig::default()
        };
        for item in 0..20 {
            let (x, y) = (click(), varied(&config, &click(), item));
            assert!((y[10 * BINS] - x[10 * BINS]).abs() < 1e-3);
            let silence = &y[20 * BINS..21 * BINS];
            assert!(silence.iter().all(|&v| v > -11.0 && v < -4.9), "{silence:?}");
        }
    }

    #[test]
    fn a_curve_is_smooth_and_has_no_mean() {
        let config = AugmentConfig { equalizer: 1.0, ..AugmentConfig::default() };
        for item in 0..20 {
            let y = varied(&config, &[0.0; BINS], item);
            assert!(y.iter().sum::<f32>().abs() < 1e-3);
            // The steepest slope of cosine k with amplitude 1/k is π/B a bin.
            let steepest = CURVE_ORDER as f32 * std::f32::consts::PI / BINS as f32;
            assert!(y.windows(2).all(|pair| (pair[1] - pair[0]).abs() <= steepest));
            assert!(y.iter().any(|v| v.abs() > 0.01));
        }
    }

    #[test]
    fn mixed_energies_add_up() {
        let mut x = vec![0.0, -3.0, 5.0, -20.0];
        mix(&mut x, &[0.0, 4.0, -50.0], 0.0, &scale());
        let energy = |v: f32| (2.0 * f64::from(v)).exp();
        for (mixed, expected) in
            [(x[0], 2.0), (x[1], (-6f64).exp() + 8f64.exp()), (x[2], 10f64.exp())]
        {
            assert!((energy(mixed) / expected - 1.0).abs() < 1e-5);
        }
        assert!((x[3] + 20.0).abs() < 1e-9, "beyond the second window nothing changes");
        let mut quiet = vec![0.0];
        mix(&mut quiet, &[1.0], -1.0, &scale());
        assert!((energy(quiet[0]) - 2.0).abs() < 1e-5);
    }
}
