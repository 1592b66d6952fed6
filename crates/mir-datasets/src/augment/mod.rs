//! Augmentation of log-scaled features: what else could this passage have sounded like?
//!
//! All act on the features of a window, in the unit of the features, after the crop and before padding, in
//! this order: another window beside it, key and tuning, the room and its noise, timbre and loudness, noise of single
//! cells, masks. Each draw is a function of seed, epoch and number of
//! the window. Everything is off by default.

mod acoustics;

use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, random};

pub(crate) use acoustics::{Acoustics, Scale, mix};

/// Which variations are drawn, and how far they go. A value of 0 switches one off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Loudness: all values move by one number, uniform in ±`gain`. For a natural logarithm of
    /// magnitudes 0.69 is 6 dB. At least 0.
    pub gain: f64,
    /// Timbre: a straight line over the bins is added, from −t at the lowest to +t at the highest bin,
    /// t uniform in ±`tilt`. At least 0.
    pub tilt: f64,
    /// Timbre: a smooth curve over the bins is added, `Σₖ aₖ·cos(πk(b + ½)/B)` over k = 1 to 8 for bin b of B, each
    /// aₖ uniform in ±`equalizer`/k. At least 0.
    pub equalizer: f64,
    /// Tuning: the recording moves up or down by a number of cents that is uniform in ±`detune_cents`, 0 to
    /// 100; values between bins are interpolated. For features whose bins are frequencies.
    pub detune_cents: f64,
    /// Key: the recording moves up or down by a whole number of semitones, uniform in ±`transpose`, 0 to 12, and
    /// its notes with it; those that leave the keys of the targets are lost. For features whose bins are frequencies.
    #[serde(skip_serializing_if = "is_zero")]
    pub transpose: u8,
    /// Late reverberation: an exponentially decaying tail (Polack 1988) whose energy, against that of the
    /// sound, is uniform in 0..`reverb`. At least 0. This and all below up to `mix_range` are for features that
    /// are logarithms of energies or magnitudes.
    pub reverb: f64,
    /// Longest time in which a tail falls by 60 dB, seconds, above 0; each is uniform between a quarter of it
    /// and all.
    pub reverb_seconds: f64,
    /// Steady background noise up to this level; each is uniform between `floor`, which it needs, and this,
    /// and rises or falls over the bins by up to 1. `None` for no noise.
    pub background: Option<f64>,
    /// Share of windows, 0 to 1, into which another window of the same epoch is mixed, notes and all.
    pub mix: f64,
    /// How much quieter that one may be: its values move by a number that is uniform in −`mix_range`..0. At
    /// least 0.
    pub mix_range: f64,
    /// Noise: bell-shaped (a sum of four uniform numbers), independent for every cell, with a
    /// deviation that is uniform in 0..`noise` for each window. At least 0.
    pub noise: f64,
    /// Values stay at or above this after gain, tilt and noise: the floor of the front end, so that
    /// silence stays silence. `None` leaves them.
    pub floor: Option<f64>,
    /// Number of bands of bins that are masked (SpecAugment, Park et al. 2019).
    pub frequency_masks: usize,
    /// Largest width of such a band; each is uniform in 0..=this.
    pub frequency_mask_bins: usize,
    /// Number of stretches of frames that are masked.
    pub time_masks: usize,
    /// Largest length of such a stretch; each is uniform in 0..=this.
    pub time_mask_frames: usize,
    /// Share of windows that are not masked at all, 0 to 1.
    pub unmasked: f64,
    /// What masked cells become; `None` for the mean of the window.
    pub mask_value: Option<f64>,
}

impl Default for AugmentConfig {
    /// Nothing is changed.
    fn default() -> Self {
        Self {
            gain: 0.0,
            tilt: 0.0,
            equalizer: 0.0,
            detune_cents: 0.0,
            transpose: 0,
            reverb: 0.0,
            reverb_seconds: 1.0,
            background: None,
            mix: 0.0,
            mix_range: 1.0,
            noise: 0.0,
            floor: None,
            frequency_masks: 0,
            frequency_mask_bins: 0,
            time_masks: 0,
            time_mask_frames: 0,
            unmasked: 0.0,
            mask_value: None,
        }
    }
}

impl AugmentConfig {
    /// Whether nothing is changed.
    pub fn is_off(&self) -> bool {
        self.mix <= 0.0 && !self.has_acoustics() && self.is_plain()
    }

    /// Whether instrument and room vary.
    pub(crate) fn has_acoustics(&self) -> bool {
        let off =
            [self.equalizer, self.detune_cents, self.reverb].iter().all(|&value| value <= 0.0);
        !off || self.transpose > 0 || self.background.is_some()
    }

    /// Whether loudness, tilt, cells and masks stay as they are.
    fn is_plain(&self) -> bool {
        let off = |value: f64| value <= 0.0;
        off(self.gain)
            && off(self.tilt)
            && off(self.noise)
            && (self.frequency_masks == 0 || self.frequency_mask_bins == 0)
            && (self.time_masks == 0 || self.time_mask_frames == 0)
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let floor = self.floor.map_or(Ok(()), |floor| {
            check("augment.floor", "a finite number", floor, floor.is_finite())
        });
        let amount = |field, value: f64| {
            let fits = value.is_finite() && value >= 0.0;
            check(field, "a finite number, at least 0", value, fits)
        };
        let mask_value = self.mask_value.map_or(Ok(()), |value| {
            check("augment.mask_value", "a finite number", value, value.is_finite())
        });
        let share = (0.0..=1.0).contains(&self.unmasked);
        floor
            .and(mask_value)
            .and(check("augment.unmasked", "0 to 1", self.unmasked, share))
            .and(amount("augment.gain", self.gain))
            .and(amount("augment.tilt", self.tilt))
            .and(amount("augment.noise", self.noise))
            .and(amount("augment.equalizer", self.equalizer))
            .and(amount("augment.reverb", self.reverb))
            .and(amount("augment.mix_range", self.mix_range))
            .and({
                let fits = (0.0..=100.0).contains(&self.detune_cents);
                check("augment.detune_cents", "0 to 100", self.detune_cents, fits)
            })
            .and({
                let semitones = f64::from(self.transpose);
                check("augment.transpose", "0 to 12", semitones, semitones <= 12.0)
            })
            .and({
                let fits = self.reverb_seconds.is_finite() && self.reverb_seconds > 0.0;
                check("augment.reverb_seconds", "above 0", self.reverb_seconds, fits)
            })
            .and({
                let share = (0.0..=1.0).contains(&self.mix);
                check("augment.mix", "0 to 1", self.mix, share)
            })
            .and(self.background.map_or(Ok(()), |level| {
                let fits = self.floor.is_some_and(|floor| level.is_finite() && level >= floor);
                check("augment.background", "at least augment.floor, which it needs", level, fits)
            }))
    }

    /// Whether features of this kind can be varied so.
    pub(crate) fn check_against(&self, scale: &Scale) -> Result<()> {
        let energies = [
            ("augment.reverb", self.reverb),
            ("augment.mix", self.mix),
            ("augment.background", self.background.map_or(0.0, |_| 1.0)),
        ];
        for (field, value) in energies {
            let expected = "0 (or none) for features that are no logarithms of energies";
            check(field, expected, value, value <= 0.0 || scale.exponent.is_some())?;
        }
        let expected = "0 for features whose bins are no frequencies";
        let moves = scale.axis.hz(1).is_some();
        let semitones = f64::from(self.transpose);
        check(
            "augment.detune_cents",
            expected,
            self.detune_cents,
            self.detune_cents <= 0.0 || moves,
        )
        .and(check("augment.transpose", expected, semitones, self.transpose == 0 || moves))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(value: &u8) -> bool {
    *value == 0
}

fn check(field: &'static str, expected: &'static str, actual: f64, fits: bool) -> Result<()> {
    if fits {
        return Ok(());
    }
    Err(Error::InvalidConfig { field, expected, actual: actual.to_string() })
}

/// Changes one channel of a window, `[frames, bins]` in row-major order.
///
/// The same stream gives the same changes to every channel, so that channels stay consistent; only the
/// noise goes on along the stream.
pub(crate) fn apply(config: &AugmentConfig, x: &mut [f32], bins: usize, rng: &mut impl Rng) {
    if config.is_off() || x.is_empty() {
        return;
    }
    let frames = x.len() / bins;
    // Drawn always and in this order: switching one variation on does not change the others.
    let gain = config.gain * random::symmetric(rng);
    let tilt = config.tilt * random::symmetric(rng);
    let deviation = config.noise * random::uniform(rng);
    let middle = (bins as f64 - 1.0) / 2.0;
    let line: Vec<f32> = (0..bins)
        .map(|bin| (gain + tilt * (bin as f64 - middle) / middle.max(0.5)) as f32)
        .collect();
    let frequency = bands(rng, config.frequency_masks, config.frequency_mask_bins, bins);
    let time = bands(rng, config.time_masks, config.time_mask_frames, frames);

    let floor = config.floor.map_or(f32::NEG_INFINITY, |floor| floor as f32);
    let moved =
        config.gain > 0.0 || config.tilt > 0.0 || config.noise > 0.0 || config.has_acoustics();
    if moved {
        let deviation = deviation as f32;
        for row in x.chunks_exact_mut(bins) {
            for (value, &shift) in row.iter_mut().zip(&line) {
                let noise = if deviation > 0.0 { deviation * bell(rng) } else { 0.0 };
                *value = (*value + shift + noise).max(floor);
            }
        }
    }
    // Drawn last, and only where it is wanted, so that everything else stays as it is without it.
    let unmasked = config.unmasked > 0.0 && random::uniform(rng) < config.unmasked;
    if unmasked || frequency.is_empty() && time.is_empty() {
        return;
    }
    // The mean keeps the masked window's level: 0 would be a loud value for a log-mel feature.
    let mean = || x.iter().map(|&v| f64::from(v)).sum::<f64>() / x.len() as f64;
    let masked = config.mask_value.unwrap_or_else(mean) as f32;
    for band in frequency {
        x.chunks_exact_mut(bins).for_each(|row| row[band.clone()].fill(masked));
    }
    for stretch in time {
        x[stretch.start * bins..stretch.end * bins].fill(masked);
    }
}

/// Random ranges of up to `widest` within `0..length`.
fn bands(
    rng: &mut impl Rng,
    count: usize,
    widest: usize,
    length: usize,
) -> Vec<std::ops::Range<usize>> {
    (0..count)
        .map(|_| {
            let width = random::below(rng, widest.min(length) + 1);
            let start = random::below(rng, length - width + 1);
            start..start + width
        })
        .filter(|range| !range.is_empty())
        .collect()
}

/// A bell-shaped number of mean 0 and deviation 1, within ±3.5: the sum of four uniform ones.
///
/// A true normal would need logarithms and sines, ten times the cost, and these differ in their last
/// bits from machine to machine; whole numbers do not.
fn bell(rng: &mut impl Rng) -> f32 {
    let bits = rng.next_u64();
    let sum: u64 = (0..4).map(|part| (bits >> (16 * part)) & 0xffff).sum();
    // Each part is uniform in 0..=65535: mean 32767.5, variance (65536² − 1) / 12.
    (sum as f32 - 131_070.0) / 37_837.227
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn augmented(config: &AugmentConfig, value: f32, item: u64) -> Vec<f32> {
        let mut x = vec![value; 50 * 40];
        let mut rng = random::stream(7, 0, item, Purpose::Augment);
        apply(config, &mut x, 40, &mut rng);
        x
    }

    #[test]
    fn the_default_changes_nothing() {
        assert!(AugmentConfig::default().is_off());
        assert!(
            augmented(&AugmentConfig::default(), 1.5, 0).iter().all(|&v| (v - 1.5).abs() < 1e-9)
        );
    }

    #[test]
    fn gain_moves_everything_alike_and_within_its_range() {
        let config = AugmentConfig { gain: 0.5, ..AugmentConfig::default() };
        for item in 0..20 {
            let x = augmented(&config, 1.0, item);
            assert!(x.iter().all(|&v| (v - x[0]).abs() < 1e-6));
            assert!((x[0] - 1.0).abs() <= 0.5);
        }
        assert!((augmented(&config, 1.0, 0)[0] - augmented(&config, 1.0, 1)[0]).abs() > 1e-4);
    }

    #[test]
    fn tilt_is_a_line_through_the_middle() {
        let config = AugmentConfig { tilt: 0.5, ..AugmentConfig::default() };
        let x = augmented(&config, 0.0, 3);
        assert!((x[0] + x[39]).abs() < 1e-5);
        assert!(x[0].abs() > 1e-3 && x[0].abs() <= 0.5);
        assert!((x[20] - x[19] - (x[39] - x[38])).abs() < 1e-5);
    }

    #[test]
    fn noise_has_no_mean_and_a_bounded_deviation() {
        let config = AugmentConfig { noise: 0.3, ..AugmentConfig::default() };
        for item in 0..10 {
            let x = augmented(&config, 0.0, item);
            let n = x.len() as f32;
            let mean = x.iter().sum::<f32>() / n;
            let deviation = (x.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt();
            assert!(mean.abs() < 0.03, "{mean}");
            assert!(deviation <= 0.32, "{deviation}");
        }
    }

    #[test]
    fn the_bell_has_mean_0_and_deviation_1() {
        let mut rng = random::stream(7, 0, 0, Purpose::Augment);
        let draws: Vec<f64> = (0..100_000).map(|_| f64::from(bell(&mut rng))).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        assert!(draws.iter().all(|v| v.abs() < 3.5));
    }

    #[test]
    fn the_floor_holds() {
        let config = AugmentConfig { gain: 3.0, floor: Some(-1.0), ..AugmentConfig::default() };
        assert!((0..20).all(|item| augmented(&config, -0.5, item).iter().all(|&v| v >= -1.0)));
    }

    #[test]
    fn masks_take_the_mean_and_stay_within_their_widths() {
        let config = AugmentConfig {
            frequency_masks: 1,
            frequency_mask_bins: 6,
            time_masks: 1,
            time_mask_frames: 90,
            ..AugmentConfig::default()
        };
        let mut seen = 0;
        for item in 0..30 {
            let mut x: Vec<f32> = (0..50 * 40).map(|i| (i % 7) as f32).collect();
            let mean = x.iter().sum::<f32>() / x.len() as f32;
            let before = x.clone();
            apply(&config, &mut x, 40, &mut random::stream(7, 0, item, Purpose::Augment));
            for (now, then) in x.iter().zip(&before) {
                assert!((now - then).abs() < 1e-6 || (now - mean).abs() < 1e-4);
            }
            seen += usize::from(x != before);
        }
        assert!(seen > 20);
    }

    #[test]
    fn a_share_of_windows_is_left_unmasked_and_masks_have_their_value() {
        let config = AugmentConfig {
            frequency_masks: 4,
            frequency_mask_bins: 30,
            unmasked: 0.25,
            mask_value: Some(-9.0),
            ..AugmentConfig::default()
        };
        let mut untouched = 0;
        for item in 0..400 {
            let x = augmented(&config, 1.0, item);
            assert!(x.iter().all(|&v| (v - 1.0).abs() < 1e-9 || (v + 9.0).abs() < 1e-9));
            untouched += usize::from(x.iter().all(|&v| v > 0.0));
        }
        // A quarter, and the rare windows whose four bands are all empty.
        assert!((70..135).contains(&untouched), "{untouched}");
        for config in [
            AugmentConfig { unmasked: 1.5, ..AugmentConfig::default() },
            AugmentConfig { mask_value: Some(f64::NAN), ..AugmentConfig::default() },
        ] {
            assert!(matches!(config.validate(), Err(Error::InvalidConfig { .. })));
        }
    }

    #[test]
    fn impossible_amounts_are_refused() {
        for config in [
            AugmentConfig { gain: -1.0, ..AugmentConfig::default() },
            AugmentConfig { tilt: f64::NAN, ..AugmentConfig::default() },
            AugmentConfig { noise: f64::INFINITY, ..AugmentConfig::default() },
            AugmentConfig { floor: Some(f64::NAN), ..AugmentConfig::default() },
            AugmentConfig { equalizer: -1.0, ..AugmentConfig::default() },
            AugmentConfig { detune_cents: 101.0, ..AugmentConfig::default() },
            AugmentConfig { transpose: 13, ..AugmentConfig::default() },
            AugmentConfig { reverb: f64::NAN, ..AugmentConfig::default() },
            AugmentConfig { reverb_seconds: 0.0, ..AugmentConfig::default() },
            AugmentConfig { mix: 1.5, ..AugmentConfig::default() },
            AugmentConfig { mix_range: -1.0, ..AugmentConfig::default() },
            AugmentConfig { background: Some(-5.0), ..AugmentConfig::default() },
            AugmentConfig { background: Some(-9.0), floor: Some(-5.0), ..AugmentConfig::default() },
        ] {
            assert!(matches!(config.validate(), Err(Error::InvalidConfig { .. })));
        }
    }
}
