//! What the voices can be set to. Ranges stand behind each field; `validate` checks them.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::sustained::{Formant, Tone};
use crate::{Error, Result};

/// Checks one parameter.
pub(super) fn check(field: &'static str, actual: f64, range: RangeInclusive<f64>) -> Result<()> {
    if range.contains(&actual) {
        return Ok(());
    }
    let expected = format!("{} to {}", range.start(), range.end());
    Err(Error::Config { field, expected, actual })
}

/// Bowed strings; the default is a violin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BowedConfig {
    /// Players in unison, 1 to 16.
    pub players: u32,
    /// Largest detuning of a player, cents, 0 to 50.
    pub detune_cents: f64,
    /// Time to full level, s, 0.005 to 2.
    pub attack: f64,
    /// Time to fall by 60 dB after the note, s, 0.02 to 2.
    pub release: f64,
    /// Vibrato rate, Hz, 0 to 12.
    pub vibrato_hz: f64,
    /// Vibrato depth to each side, cents, 0 to 100.
    pub vibrato_cents: f64,
    /// Fall of the spectrum, dB an octave, 0 to 30.
    pub slope_db: f64,
    /// Level of the bow's noise against the tone, dB, −80 to 0.
    pub noise_db: f64,
    /// Frequencies of the body's resonances, Hz, 40 to 8000 each.
    pub body_hz: [f64; 4],
}

impl Default for BowedConfig {
    fn default() -> Self {
        Self {
            players: 1,
            detune_cents: 3.0,
            attack: 0.06,
            release: 0.15,
            vibrato_hz: 5.8,
            vibrato_cents: 18.0,
            slope_db: 6.5,
            noise_db: -38.0,
            body_hz: [280.0, 460.0, 1100.0, 2600.0],
        }
    }
}

impl BowedConfig {
    /// A cello.
    pub fn cello() -> Self {
        Self {
            attack: 0.08,
            vibrato_hz: 5.2,
            vibrato_cents: 15.0,
            slope_db: 7.5,
            body_hz: [100.0, 190.0, 600.0, 1900.0],
            ..Self::default()
        }
    }

    /// A section of strings.
    pub fn ensemble() -> Self {
        Self { players: 6, detune_cents: 12.0, attack: 0.14, release: 0.35, ..Self::default() }
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        check("players", f64::from(self.players), 1.0..=16.0)?;
        check("detune_cents", self.detune_cents, 0.0..=50.0)?;
        check("attack", self.attack, 0.005..=2.0)?;
        check("release", self.release, 0.02..=2.0)?;
        check("vibrato_hz", self.vibrato_hz, 0.0..=12.0)?;
        check("vibrato_cents", self.vibrato_cents, 0.0..=100.0)?;
        check("slope_db", self.slope_db, 0.0..=30.0)?;
        check("noise_db", self.noise_db, -80.0..=0.0)?;
        self.body_hz.iter().try_for_each(|&hz| check("body_hz", hz, 40.0..=8000.0))
    }

    pub(super) fn tone(&self) -> Tone {
        Tone {
            players: self.players,
            detune_cents: self.detune_cents,
            attack: self.attack,
            release: self.release,
            vibrato_hz: self.vibrato_hz,
            vibrato_cents: self.vibrato_cents,
            slope_db: self.slope_db,
            noise_db: self.noise_db,
            formants: self
                .body_hz
                .iter()
                .map(|&hz| Formant { hz, width: 0.3 * hz, gain: 1.5 })
                .collect(),
            ..Tone::default()
        }
    }
}

/// Woodwinds, brass and pipes; the default is a flute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindConfig {
    /// Time to full level, s, 0.005 to 2.
    pub attack: f64,
    /// Time to fall by 60 dB after the note, s, 0.02 to 2.
    pub release: f64,
    /// Rate of vibrato and tremolo, Hz, 0 to 12.
    pub vibrato_hz: f64,
    /// Vibrato depth to each side, cents, 0 to 100.
    pub vibrato_cents: f64,
    /// Tremolo depth to each side, dB, 0 to 12.
    pub tremolo_db: f64,
    /// Fall of the spectrum at full level, dB an octave, 0 to 30.
    pub slope_db: f64,
    /// How much steeper the spectrum is 20 dB below full level, dB an octave, 0 to 20.
    pub softening_db: f64,
    /// Level of the even harmonics, dB, −60 to 0: a closed cylinder has hardly any.
    pub even_db: f64,
    /// Level of the breath against the tone, dB, −80 to 0.
    pub breath_db: f64,
    /// Centre of the resonance, Hz, 100 to 8000.
    pub formant_hz: f64,
}

impl Default for WindConfig {
    fn default() -> Self {
        Self {
            attack: 0.05,
            release: 0.09,
            vibrato_hz: 5.0,
            vibrato_cents: 6.0,
            tremolo_db: 1.5,
            slope_db: 15.0,
            softening_db: 3.0,
            even_db: -2.0,
            breath_db: -28.0,
            formant_hz: 900.0,
        }
    }
}

impl WindConfig {
    /// A clarinet: odd harmonics.
    pub fn clarinet() -> Self {
        Self {
            attack: 0.04,
            vibrato_cents: 0.0,
            tremolo_db: 0.0,
            slope_db: 8.0,
            softening_db: 5.0,
            even_db: -26.0,
            breath_db: -44.0,
            formant_hz: 1500.0,
            ..Self::default()
        }
    }

    /// An oboe or bassoon.
    pub fn reed() -> Self {
        Self {
            attack: 0.03,
            slope_db: 5.0,
            softening_db: 3.0,
            even_db: 0.0,
            breath_db: -46.0,
            formant_hz: 1200.0,
            ..Self::default()
        }
    }

    /// A saxophone.
    pub fn saxophone() -> Self {
        Self {
            attack: 0.04,
            vibrato_cents: 14.0,
            slope_db: 6.5,
            softening_db: 6.0,
            even_db: -3.0,
            breath_db: -36.0,
            formant_hz: 700.0,
            ..Self::default()
        }
    }

    /// A trumpet or horn: its brightness follows its loudness.
    pub fn brass() -> Self {
        Self {
            attack: 0.07,
            release: 0.12,
            vibrato_cents: 4.0,
            tremolo_db: 0.5,
            slope_db: 4.5,
            softening_db: 9.0,
            even_db: 0.0,
            breath_db: -50.0,
            formant_hz: 1300.0,
            ..Self::default()
        }
    }

    /// A pipe that speaks at once and does not vary.
    pub fn organ() -> Self {
        Self {
            attack: 0.02,
            release: 0.08,
            vibrato_cents: 0.0,
            tremolo_db: 0.0,
            slope_db: 7.0,
            softening_db: 0.0,
            even_db: 0.0,
            breath_db: -50.0,
            ..Self::default()
        }
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        check("attack", self.attack, 0.005..=2.0)?;
        check("release", self.release, 0.02..=2.0)?;
        check("vibrato_hz", self.vibrato_hz, 0.0..=12.0)?;
        check("vibrato_cents", self.vibrato_cents, 0.0..=100.0)?;
        check("tremolo_db", self.tremolo_db, 0.0..=12.0)?;
        check("slope_db", self.slope_db, 0.0..=30.0)?;
        check("softening_db", self.softening_db, 0.0..=20.0)?;
        check("even_db", self.even_db, -60.0..=0.0)?;
        check("breath_db", self.breath_db, -80.0..=0.0)?;
        check("formant_hz", self.formant_hz, 100.0..=8000.0)
    }

    pub(super) fn tone(&self) -> Tone {
        let hz = self.formant_hz;
        Tone {
            attack: self.attack,
            release: self.release,
            vibrato_hz: self.vibrato_hz,
            vibrato_cents: self.vibrato_cents,
            tremolo_db: self.tremolo_db,
            slope_db: self.slope_db,
            softening_db: self.softening_db,
            even_db: self.even_db,
            noise_db: self.breath_db,
            formants: vec![Formant { hz, width: 0.7 * hz, gain: 1.5 }],
            ..Tone::default()
        }
    }
}

/// A voice on a vowel; the default sings "ah".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SingerConfig {
    /// Singers in unison, 1 to 16.
    pub singers: u32,
    /// Time to full level, s, 0.005 to 2.
    pub attack: f64,
    /// Time to fall by 60 dB after the note, s, 0.02 to 2.
    pub release: f64,
    /// Vibrato rate, Hz, 0 to 12.
    pub vibrato_hz: f64,
    /// Vibrato depth to each side, cents, 0 to 100.
    pub vibrato_cents: f64,
    /// How far below its pitch a note begins, cents, 0 to 300.
    pub scoop_cents: f64,
    /// Random wandering of the pitch, cents, 0 to 50.
    pub drift_cents: f64,
    /// Level of the breath against the tone, dB, −80 to 0.
    pub breath_db: f64,
    /// Frequencies of the first four formants, Hz, 100 to 8000 each.
    pub formants_hz: [f64; 4],
}

impl Default for SingerConfig {
    fn default() -> Self {
        Self {
            singers: 1,
            attack: 0.08,
            release: 0.12,
            vibrato_hz: 5.6,
            vibrato_cents: 45.0,
            scoop_cents: 60.0,
            drift_cents: 8.0,
            breath_db: -34.0,
            formants_hz: [700.0, 1150.0, 2700.0, 3400.0],
        }
    }
}

impl SingerConfig {
    /// The same voice on "oo".
    pub fn oo() -> Self {
        Self { formants_hz: [330.0, 750.0, 2400.0, 3300.0], ..Self::default() }
    }

    /// The same voice on "ee".
    pub fn ee() -> Self {
        Self { formants_hz: [290.0, 2200.0, 2900.0, 3500.0], ..Self::default() }
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        check("singers", f64::from(self.singers), 1.0..=16.0)?;
        check("attack", self.attack, 0.005..=2.0)?;
        check("release", self.release, 0.02..=2.0)?;
        check("vibrato_hz", self.vibrato_hz, 0.0..=12.0)?;
        check("vibrato_cents", self.vibrato_cents, 0.0..=100.0)?;
        check("scoop_cents", self.scoop_cents, 0.0..=300.0)?;
        check("drift_cents", self.drift_cents, 0.0..=50.0)?;
        check("breath_db", self.breath_db, -80.0..=0.0)?;
        self.formants_hz.iter().try_for_each(|&hz| check("formants_hz", hz, 100.0..=8000.0))
    }

    pub(super) fn tone(&self) -> Tone {
        // Widths of adult voices; the amplitudes of higher formants come from the glottal slope.
        let formant = |(&hz, width): (&f64, f64)| Formant { hz, width, gain: 8.0 };
        let widths = [80.0, 100.0, 130.0, 180.0];
        Tone {
            players: self.singers,
            detune_cents: if self.singers > 1 { 12.0 } else { 0.0 },
            attack: self.attack,
            release: self.release,
            vibrato_hz: self.vibrato_hz,
            vibrato_cents: self.vibrato_cents,
            scoop_cents: self.scoop_cents,
            drift_cents: self.drift_cents,
            slope_db: 9.0,
            softening_db: 3.0,
            noise_db: self.breath_db,
            formants: self.formants_hz.iter().zip(widths).map(formant).collect(),
            ..Tone::default()
        }
    }
}

/// Plucked strings, bells and bars; the default is a guitar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PluckedConfig {
    /// T60 of the first partial at middle C, s, 0.05 to 30; it halves every two octaves up.
    pub decay: f64,
    /// Growth of a partial's decay rate per kHz above the first partial, 0 to 10.
    pub decay_per_khz: f64,
    /// T60 after the note ends, s, 0.02 to 30.
    pub release: f64,
    /// Fall of the spectrum, dB an octave, 0 to 30.
    pub slope_db: f64,
    /// Where the string is plucked, as a fraction of its length, 0.02 to 0.5.
    pub position: f64,
    /// Frequencies of the partials over the first: empty for a string, whose partials are harmonic. At
    /// most 32 ratios, 1 to 64 each.
    pub ratios: Vec<f64>,
    /// Level of the noise of the stroke against the tone, dB, −80 to 0.
    pub noise_db: f64,
}

impl Default for PluckedConfig {
    fn default() -> Self {
        Self {
            decay: 3.0,
            decay_per_khz: 1.2,
            release: 0.15,
            slope_db: 6.0,
            position: 0.13,
            ratios: Vec::new(),
            noise_db: -30.0,
        }
    }
}

impl PluckedConfig {
    /// A bass.
    pub fn bass() -> Self {
        Self { decay: 4.0, decay_per_khz: 2.5, slope_db: 10.0, position: 0.2, ..Self::default() }
    }

    /// A harp: it rings on.
    pub fn harp() -> Self {
        Self { decay: 4.0, release: 2.5, slope_db: 9.0, position: 0.4, ..Self::default() }
    }

    /// A harpsichord: bright, with dampers.
    pub fn harpsichord() -> Self {
        Self { decay: 3.5, decay_per_khz: 0.4, slope_db: 3.0, position: 0.08, ..Self::default() }
    }

    /// A bell or glockenspiel: the partials of a free bar, ringing long.
    pub fn bell() -> Self {
        Self {
            decay: 5.0,
            decay_per_khz: 0.3,
            release: 4.0,
            slope_db: 5.0,
            ratios: vec![1.0, 2.756, 5.404, 8.933],
            ..Self::default()
        }
    }

    /// A marimba or xylophone: a bar that is tuned to a double octave, and short.
    pub fn mallet() -> Self {
        Self {
            decay: 0.9,
            decay_per_khz: 1.0,
            release: 0.9,
            slope_db: 8.0,
            ratios: vec![1.0, 4.0, 9.2],
            noise_db: -22.0,
            ..Self::default()
        }
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        check("decay", self.decay, 0.05..=30.0)?;
        check("decay_per_khz", self.decay_per_khz, 0.0..=10.0)?;
        check("release", self.release, 0.02..=30.0)?;
        check("slope_db", self.slope_db, 0.0..=30.0)?;
        check("position", self.position, 0.02..=0.5)?;
        check("number of ratios", self.ratios.len() as f64, 0.0..=32.0)?;
        check("noise_db", self.noise_db, -80.0..=0.0)?;
        self.ratios.iter().try_for_each(|&ratio| check("ratios", ratio, 1.0..=64.0))
    }
}

/// A drum kit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrumsConfig {
    /// Factor on all tunings, 0.5 to 2.
    pub tuning: f64,
    /// Factor on all decay times, 0.2 to 5.
    pub decay: f64,
    /// Level of the noise of skins and wires, dB, −40 to 20.
    pub noise_db: f64,
}

impl Default for DrumsConfig {
    fn default() -> Self {
        Self { tuning: 1.0, decay: 1.0, noise_db: 0.0 }
    }
}

impl DrumsConfig {
    /// Checks every parameter.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        check("tuning", self.tuning, 0.5..=2.0)?;
        check("decay", self.decay, 0.2..=5.0)?;
        check("noise_db", self.noise_db, -40.0..=20.0)
    }
}
