//! Which piano, in which room.

use std::ops::RangeInclusive;

use mir_core::Key;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A piano, its tuning, the room and the recording, as plain numbers.
///
/// All levels are in decibels, all times in seconds. Decay times are T60: the time to fall by 60 dB.
/// The range behind each field is what [`validate`](Self::validate) admits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PianoConfig {
    /// Identity of the individual instrument: seeds the detuning of each key and string and the
    /// ripple of the body. Two pianos that differ in nothing else are still two pianos.
    pub character: u64,
    /// Distance of A4 from 440 Hz, cents, ±100.
    pub a4_cents: f64,
    /// Stretch of the tuning, cents at C8; the bass is lowered by about half of it at A0 (a cubic
    /// through middle C, after Railsback 1938). −20 to 100.
    pub stretch_cents: f64,
    /// Largest random detuning of a key, cents, 0 to 50.
    pub key_detune_cents: f64,
    /// Largest detuning between the strings of one key, cents, 0 to 10: the beating.
    pub unison_detune_cents: f64,
    /// Factor on the inharmonicity of the plain strings, 0 to 10; 1 is a typical grand. See
    /// [`inharmonicity`](Self::inharmonicity).
    pub treble_inharmonicity: f64,
    /// Factor on the inharmonicity of the wound strings, 0 to 10; 1 is a typical grand, short pianos
    /// have more.
    pub bass_inharmonicity: f64,
    /// Where the hammer strikes, as a fraction of the string's length, 0.02 to 0.5: partials with a
    /// node there are weak.
    pub strike_position: f64,
    /// Cut-off of the hammer's low-pass at middle C and velocity 64, Hz, 100 to 10 000; it grows
    /// with the fundamental to the power 0.4.
    pub brightness_hz: f64,
    /// How far the cut-off rises from velocity 20 to 120, octaves, 0 to 5.
    pub brightness_octaves: f64,
    /// Amplitude of partial n falls as n to the minus this, before hammer and body; 0 to 3.
    pub spectral_slope: f64,
    /// Rise in level from velocity 20 to 120, dB, 0 to 80.
    pub dynamic_range_db: f64,
    /// T60 of the first partial at A0, s, 0.1 to 60; in between, decay times are interpolated
    /// geometrically over the keys.
    pub decay_bass: f64,
    /// T60 of the first partial at C8, s, 0.05 to 20.
    pub decay_treble: f64,
    /// Growth of a partial's decay rate per kHz above the first partial, as a fraction of the first
    /// partial's rate, 0 to 5.
    pub decay_per_khz: f64,
    /// Initial level of the second, slow stage of the decay, dB below the first, −40 to 0.
    pub aftersound_db: f64,
    /// T60 of the slow stage over that of the first, 1 to 10.
    pub aftersound_ratio: f64,
    /// Level of the knock (hammer noise and the board's own modes) against the tone, dB, −80 to 10.
    pub hammer_noise_db: f64,
    /// T60 after the damper falls at middle C, s, 0.01 to 3; doubles every three octaves down.
    pub release: f64,
    /// The highest key that has a damper; above it strings ring freely.
    pub highest_damper: Key,
    /// Level at which undamped strings answer while the sustain pedal is down, dB, −100 to 0.
    pub pedal_resonance_db: f64,
    /// Height of the ripple that body and microphone put on the spectrum, dB, 0 to 20.
    pub body_ripple_db: f64,
    /// Tilt of the spectrum, dB per octave around 500 Hz, ±12.
    pub body_tilt_db: f64,
    /// Below this frequency the soundboard radiates less (12 dB per octave), Hz, 0 to 300.
    pub body_low_cut_hz: f64,
    /// T60 of the room, s, 0.05 to 10.
    pub room_decay: f64,
    /// Size of the room: its longest echo path in metres, 2 to 100.
    pub room_size: f64,
    /// Level of the room against the direct sound, dB, −100 to 20.
    pub room_db: f64,
    /// Level of the background noise against full scale, dB, −140 to −20 (RMS).
    pub noise_db: f64,
    /// Largest sample of the result as a fraction of full scale, 0.01 to 0.999.
    pub peak: f64,
}

impl Default for PianoConfig {
    fn default() -> Self {
        Self::grand()
    }
}

/// A numeric field by name, for checks and tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Name of the field.
    pub name: &'static str,
    /// Its unit, empty for a ratio.
    pub unit: &'static str,
    /// Its value.
    pub value: f64,
    /// The values it may have.
    pub range: RangeInclusive<f64>,
}

/// One line of the comparison of the training instruments with the unheard one.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpread {
    /// Name of the field.
    pub name: &'static str,
    /// Its unit, empty for a ratio.
    pub unit: &'static str,
    /// Lowest and highest value among [`PianoConfig::training`].
    pub training: RangeInclusive<f64>,
    /// Its value in [`PianoConfig::unheard`].
    pub unheard: f64,
}

/// # Instruments
///
/// | parameter | unit | training instruments | unheard |
/// |---|---|---|---|
/// | `a4_cents` | cents | −6 to 8 | **−17** |
/// | `stretch_cents` | cents at C8 | 18 to 34 | **52** |
/// | `key_detune_cents` | cents | 1 to 4 | **7** |
/// | `unison_detune_cents` | cents | 0.5 to 1.6 | **2.6** |
/// | `treble_inharmonicity` | | 0.8 to 1.4 | **1.9** |
/// | `bass_inharmonicity` | | 0.7 to 2 | **3** |
/// | `strike_position` | | 0.105 to 0.135 | **0.155** |
/// | `brightness_hz` | Hz | 700 to 1600 | 1300 |
/// | `decay_bass` | s | 9 to 20 | **6.5** |
/// | `decay_treble` | s | 0.5 to 0.9 | **0.38** |
/// | `aftersound_db` | dB | −16 to −10 | **−20** |
/// | `hammer_noise_db` | dB | −34 to −22 | **−16** |
/// | `release` | s | 0.12 to 0.3 | **0.42** |
/// | `room_decay` | s | 0.3 to 2.2 | **3** |
/// | `room_size` | m | 5 to 32 | **42** |
/// | `room_db` | dB | −24 to −9 | −12 |
/// | `noise_db` | dB | −75 to −58 | **−54** |
///
/// Bold values lie outside the range of training. [`spread`](Self::spread) gives the table of all
/// parameters as data.
impl PianoConfig {
    /// A well-kept concert grand in a studio.
    pub fn grand() -> Self {
        Self {
            character: 1,
            a4_cents: 0.0,
            stretch_cents: 25.0,
            key_detune_cents: 1.0,
            unison_detune_cents: 0.7,
            treble_inharmonicity: 1.0,
            bass_inharmonicity: 0.8,
            strike_position: 0.12,
            brightness_hz: 1100.0,
            brightness_octaves: 2.2,
            spectral_slope: 0.8,
            dynamic_range_db: 40.0,
            decay_bass: 18.0,
            decay_treble: 0.8,
            decay_per_khz: 0.6,
            aftersound_db: -13.0,
            aftersound_ratio: 3.0,
            hammer_noise_db: -28.0,
            release: 0.18,
            highest_damper: highest_damper(),
            pedal_resonance_db: -34.0,
            body_ripple_db: 4.0,
            body_tilt_db: -1.0,
            body_low_cut_hz: 100.0,
            room_decay: 0.5,
            room_size: 8.0,
            room_db: -20.0,
            noise_db: -72.0,
            peak: 0.7,
        }
    }

    /// A bright modern grand, closely miked.
    pub fn bright_grand() -> Self {
        Self {
            character: 2,
            a4_cents: 8.0,
            stretch_cents: 30.0,
            key_detune_cents: 1.5,
            unison_detune_cents: 0.5,
            treble_inharmonicity: 1.2,
            bass_inharmonicity: 0.7,
            strike_position: 0.115,
            brightness_hz: 1600.0,
            brightness_octaves: 2.6,
            spectral_slope: 0.65,
            decay_bass: 20.0,
            decay_treble: 0.9,
            decay_per_khz: 0.45,
            aftersound_db: -15.0,
            hammer_noise_db: -24.0,
            release: 0.12,
            pedal_resonance_db: -30.0,
            body_tilt_db: 0.3,
            room_decay: 0.3,
            room_size: 5.0,
            room_db: -24.0,
            noise_db: -75.0,
            ..Self::grand()
        }
    }

    /// An upright in a living room: short strings, not quite in tune.
    pub fn upright() -> Self {
        Self {
            character: 3,
            a4_cents: -6.0,
            stretch_cents: 34.0,
            key_detune_cents: 4.0,
            unison_detune_cents: 1.6,
            treble_inharmonicity: 1.4,
            bass_inharmonicity: 2.0,
            strike_position: 0.135,
            brightness_hz: 900.0,
            brightness_octaves: 1.8,
            spectral_slope: 0.9,
            decay_bass: 9.0,
            decay_treble: 0.5,
            decay_per_khz: 0.9,
            aftersound_db: -10.0,
            aftersound_ratio: 2.5,
            hammer_noise_db: -22.0,
            release: 0.3,
            pedal_resonance_db: -36.0,
            body_ripple_db: 6.0,
            body_tilt_db: -1.5,
            body_low_cut_hz: 140.0,
            room_decay: 0.4,
            room_size: 5.0,
            room_db: -17.0,
            noise_db: -58.0,
            ..Self::grand()
        }
    }

    /// A soft, dark instrument with worn felt.
    pub fn mellow() -> Self {
        Self {
            character: 4,
            a4_cents: -3.0,
            stretch_cents: 18.0,
            key_detune_cents: 2.5,
            unison_detune_cents: 1.0,
            treble_inharmonicity: 0.8,
            bass_inharmonicity: 1.2,
            strike_position: 0.105,
            brightness_hz: 700.0,
            brightness_octaves: 2.0,
            spectral_slope: 1.0,
            decay_bass: 14.0,
            decay_treble: 0.6,
            decay_per_khz: 0.8,
            aftersound_db: -12.0,
            hammer_noise_db: -34.0,
            release: 0.22,
            body_ripple_db: 5.0,
            body_tilt_db: -2.5,
            room_decay: 0.8,
            room_size: 12.0,
            room_db: -15.0,
            noise_db: -65.0,
            ..Self::grand()
        }
    }

    /// A grand in a large hall, heard from some distance.
    pub fn concert_hall() -> Self {
        Self {
            character: 5,
            a4_cents: 3.0,
            stretch_cents: 27.0,
            unison_detune_cents: 0.8,
            brightness_hz: 1300.0,
            decay_bass: 19.0,
            decay_treble: 0.85,
            aftersound_db: -16.0,
            hammer_noise_db: -30.0,
            release: 0.16,
            pedal_resonance_db: -32.0,
            room_decay: 2.2,
            room_size: 32.0,
            room_db: -9.0,
            noise_db: -66.0,
            ..Self::grand()
        }
    }

    /// An instrument outside what the training instruments cover in tuning, stretch, decay, hammer
    /// noise and room: what a trained network has to cope with on a piano it never heard.
    pub fn unheard() -> Self {
        Self {
            character: 77,
            a4_cents: -17.0,
            stretch_cents: 52.0,
            key_detune_cents: 7.0,
            unison_detune_cents: 2.6,
            treble_inharmonicity: 1.9,
            bass_inharmonicity: 3.0,
            strike_position: 0.155,
            brightness_hz: 1300.0,
            brightness_octaves: 2.3,
            spectral_slope: 0.85,
            decay_bass: 6.5,
            decay_treble: 0.38,
            decay_per_khz: 0.7,
            aftersound_db: -20.0,
            aftersound_ratio: 3.5,
            hammer_noise_db: -16.0,
            release: 0.42,
            pedal_resonance_db: -28.0,
            body_ripple_db: 7.0,
            body_tilt_db: -0.5,
            body_low_cut_hz: 120.0,
            room_decay: 3.0,
            room_size: 42.0,
            room_db: -12.0,
            noise_db: -54.0,
            ..Self::grand()
        }
    }

    /// The instruments to train on, by name.
    pub fn training() -> [(&'static str, Self); 5] {
        [
            ("grand", Self::grand()),
            ("bright_grand", Self::bright_grand()),
            ("upright", Self::upright()),
            ("mellow", Self::mellow()),
            ("concert_hall", Self::concert_hall()),
        ]
    }

    /// Inharmonicity coefficient B of a key: partial n of a string is at
    /// `n·f0·√(1 + B·n²)`.
    ///
    /// `B(m) = treble·exp(0.0926·m − 13.64) + bass·exp(−0.0847·m − 5.82)`, m the MIDI number: typical
    /// values of Rigaud, David and Daudet, "A parametric model of piano tuning" (DAFx 2011).
    pub fn inharmonicity(&self, midi: f64) -> f64 {
        self.treble_inharmonicity * (0.0926 * midi - 13.64).exp()
            + self.bass_inharmonicity * (-0.0847 * midi - 5.82).exp()
    }

    /// All numeric fields, in order of declaration.
    pub fn parameters(&self) -> Vec<Parameter> {
        let rows = [
            ("a4_cents", "cents", self.a4_cents, -100.0..=100.0),
            ("stretch_cents", "cents", self.stretch_cents, -20.0..=100.0),
            ("key_detune_cents", "cents", self.key_detune_cents, 0.0..=50.0),
            ("unison_detune_cents", "cents", self.unison_detune_cents, 0.0..=10.0),
            ("treble_inharmonicity", "", self.treble_inharmonicity, 0.0..=10.0),
            ("bass_inharmonicity", "", self.bass_inharmonicity, 0.0..=10.0),
            ("strike_position", "", self.strike_position, 0.02..=0.5),
            ("brightness_hz", "Hz", self.brightness_hz, 100.0..=10_000.0),
            ("brightness_octaves", "octaves", self.brightness_octaves, 0.0..=5.0),
            ("spectral_slope", "", self.spectral_slope, 0.0..=3.0),
            ("dynamic_range_db", "dB", self.dynamic_range_db, 0.0..=80.0),
            ("decay_bass", "s", self.decay_bass, 0.1..=60.0),
            ("decay_treble", "s", self.decay_treble, 0.05..=20.0),
            ("decay_per_khz", "1/kHz", self.decay_per_khz, 0.0..=5.0),
            ("aftersound_db", "dB", self.aftersound_db, -40.0..=0.0),
            ("aftersound_ratio", "", self.aftersound_ratio, 1.0..=10.0),
            ("hammer_noise_db", "dB", self.hammer_noise_db, -80.0..=10.0),
            ("release", "s", self.release, 0.01..=3.0),
            ("pedal_resonance_db", "dB", self.pedal_resonance_db, -100.0..=0.0),
            ("body_ripple_db", "dB", self.body_ripple_db, 0.0..=20.0),
            ("body_tilt_db", "dB/octave", self.body_tilt_db, -12.0..=12.0),
            ("body_low_cut_hz", "Hz", self.body_low_cut_hz, 0.0..=300.0),
            ("room_decay", "s", self.room_decay, 0.05..=10.0),
            ("room_size", "m", self.room_size, 2.0..=100.0),
            ("room_db", "dB", self.room_db, -100.0..=20.0),
            ("noise_db", "dB", self.noise_db, -140.0..=-20.0),
            ("peak", "", self.peak, 0.01..=0.999),
        ];
        rows.into_iter()
            .map(|(name, unit, value, range)| Parameter { name, unit, value, range })
            .collect()
    }

    /// What the training instruments cover, and where the unheard one lies, parameter by parameter.
    pub fn spread() -> Vec<ParameterSpread> {
        let training = Self::training().map(|(_, config)| config.parameters());
        let unheard = Self::unheard().parameters();
        unheard
            .into_iter()
            .enumerate()
            .map(|(i, parameter)| {
                let values = training.iter().map(|instrument| instrument[i].value);
                let low = values.clone().fold(f64::INFINITY, f64::min);
                let high = values.fold(f64::NEG_INFINITY, f64::max);
                ParameterSpread {
                    name: parameter.name,
                    unit: parameter.unit,
                    training: low..=high,
                    unheard: parameter.value,
                }
            })
            .collect()
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first field outside its range.
    pub fn validate(&self) -> Result<()> {
        for Parameter { name, unit, value, range } in self.parameters() {
            if !range.contains(&value) {
                return Err(Error::Config {
                    field: name,
                    expected: format!("{} to {} {unit}", range.start(), range.end())
                        .trim_end()
                        .to_owned(),
                    actual: value,
                });
            }
        }
        Ok(())
    }
}

/// F#6, the last damper of most pianos.
fn highest_damper() -> Key {
    Key::new(90).expect("90 is a key")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table in the documentation is kept by hand.
    #[test]
    fn the_documented_ranges_are_those_of_the_instruments() {
        let number = |cell: &str| -> f64 { cell.replace('−', "-").trim().parse().unwrap() };
        let mut rows = 0;
        for row in PianoConfig::spread() {
            let start = format!("/// | `{}` |", row.name);
            let Some(line) = include_str!("config.rs").lines().find(|l| l.starts_with(&start))
            else {
                continue;
            };
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let (low, high) = cells[3].split_once(" to ").unwrap();
            let bold = cells[4].contains('*');
            let unheard = cells[4].replace('*', "");
            for (documented, actual) in [
                (number(low), *row.training.start()),
                (number(high), *row.training.end()),
                (number(&unheard), row.unheard),
            ] {
                assert!((documented - actual).abs() < 1e-12, "{}: {documented} {actual}", row.name);
            }
            assert_eq!(bold, !row.training.contains(&row.unheard), "{}", row.name);
            rows += 1;
        }
        assert_eq!(rows, 17);
    }
}
