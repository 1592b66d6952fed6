//! How would this performance sound on a piano, on which piano, and in which room?
//!
//! A synthesiser made for training and testing transcription systems: every note starts at its exact
//! sample, so labels need no alignment, and what differs between pianos is a named number.
//!
//! # Model
//! - **Strings**: decaying sinusoids at the stretched partials `n·f0·√(1 + B·n²)` (Fletcher 1964;
//!   B over the keyboard after Rigaud et al. 2011), up to 120 a note.
//! - **Hammer**: a low-pass whose cut-off rises with velocity, the comb of the strike position, and a
//!   knock of soundboard modes and noise. Level rises by 40 dB from velocity 20 to 120.
//! - **Decay**: two stages with beats between the strings of a key (Weinreich 1977); high partials
//!   decay faster.
//! - **Dampers** fall when [`pedal::apply`] under [`PedalRule::Default`] ends a
//!   note; keys above `highest_damper` have none. A string that is struck again loses its old motion.
//!   Half pedal is not modelled: the sustain pedal is up or down.
//! - **Body** colours the spectrum, **strings under the pedal** answer, a **room** and **background
//!   noise** are added.
//!
//! # Conventions
//! Mono. Output ends when all has decayed, at most [`TAIL`] seconds after the last note or pedal event.
//! Equal arguments give equal samples on any number of threads: a call runs on one thread, so render
//! several pieces in parallel.
//!
//! # Example
//! ```
//! use mir_core::{Key, Note, SampleRate, Velocity};
//! use mir_midi::{Performance, piano::{self, PianoConfig}};
//!
//! let a4 = Note::new(0.5, 1.0, Key::new(69)?.pitch(), Velocity::new(90)?)?;
//! let audio = piano::render(
//!     &Performance::from(vec![a4]), &PianoConfig::grand(), SampleRate::HZ_16000, 0)?;
//! assert!(audio.duration() > 1.0 && audio.peak() < 1.0);
//! # Ok::<(), mir_midi::Error>(())
//! ```

mod config;
mod room;
mod strings;

use std::collections::HashMap;

use mir_core::{AudioBuffer, Note, SampleRate};

pub use self::config::{Parameter, ParameterSpread, PianoConfig};
use self::strings::{Strings, Stroke, decibels, release_of};
use crate::{
    Error, Pedal, Performance, Result,
    pedal::{self, PedalRule},
    random::Random,
};

/// Longest sound after the last event, seconds.
pub const TAIL: f64 = 3.0;

/// Longest piece that is rendered at once, seconds.
pub const MAX_SECONDS: f64 = 4.0 * 3600.0;

/// T60 of the old motion of a string that is struck again, seconds.
const RESTRIKE: f64 = 0.25;

/// The last part of the output fades, so that a long room does not end with a click, seconds.
const FADE: f64 = 0.05;

/// The sound of a performance on a piano, mono.
///
/// `seed` draws what differs between two takes on one instrument: small differences in level (±0.5
/// dB), hammer noise and background noise. The largest sample is `config.peak`. A performance without
/// notes gives no samples.
///
/// # Errors
/// [`Error::Config`] if a parameter lies outside its range, [`Error::TooLong`] if the last event is
/// after [`MAX_SECONDS`].
pub fn render(
    performance: &Performance,
    config: &PianoConfig,
    sample_rate: SampleRate,
    seed: u64,
) -> Result<AudioBuffer> {
    config.validate()?;
    let notes = pedal::apply(performance, PedalRule::Default);
    let Some(last) = notes.iter().map(Note::offset).max_by(f64::total_cmp) else {
        return Ok(AudioBuffer::mono(sample_rate, Vec::new()));
    };
    if last > MAX_SECONDS {
        return Err(Error::TooLong { seconds: last, limit: MAX_SECONDS });
    }
    let rate = f64::from(sample_rate.hz());
    let mut audio = vec![0.0; sample_rate.sample_at(last + TAIL)];

    let mut strings = Strings::new(config, rate);
    // Notes are in order of onset, so the generator's draws do not depend on the order of the input.
    let mut random = Random::new(seed, 1);
    for stroke in strokes(&notes, config, sample_rate) {
        strings.strike(&stroke, &mut random, &mut audio);
    }
    let lifted = pedal_spans(performance, sample_rate, audio.len());
    room::pedal_resonance(config, &lifted, rate, &mut audio);
    room::room(config, rate, &mut audio);
    finish(config, last, sample_rate, seed, &mut audio);
    Ok(AudioBuffer::mono(sample_rate, audio))
}

/// Notes as strokes, in the same order, each damped by its damper or by the next stroke of its key.
fn strokes(notes: &[Note], config: &PianoConfig, rate: SampleRate) -> Vec<Stroke> {
    let highest = f64::from(config.highest_damper.number()) + 0.5;
    let mut next_onset: HashMap<u64, f64> = HashMap::new();
    let mut strokes: Vec<Stroke> = notes
        .iter()
        .rev()
        .map(|note| {
            let midi = note.pitch().midi();
            let next = next_onset.insert(midi.to_bits(), note.onset());
            let damper = (midi < highest).then_some((note.offset(), release_of(config, midi)));
            let damped = match (damper, next) {
                (Some((offset, _)), Some(onset)) if onset <= offset => Some((onset, RESTRIKE)),
                (Some(damper), _) => Some(damper),
                (None, next) => next.map(|onset| (onset, RESTRIKE)),
            };
            Stroke {
                midi,
                velocity: f64::from(note.velocity().value().max(1)),
                start: rate.sample_at(note.onset()),
                damped: damped.map(|(time, t60)| (rate.sample_at(time), t60)),
            }
        })
        .collect();
    strokes.reverse();
    strokes
}

/// The spans of samples in which the sustain pedal is down.
fn pedal_spans(performance: &Performance, rate: SampleRate, end: usize) -> Vec<(usize, usize)> {
    let mut moves: Vec<(usize, bool)> = performance
        .pedals
        .iter()
        .filter(|p| p.pedal == Pedal::Sustain && p.time.is_finite() && p.time >= 0.0)
        .map(|p| (rate.sample_at(p.time), p.is_down()))
        .collect();
    moves.sort_by_key(|&(sample, _)| sample);
    let mut spans = Vec::new();
    let mut down_since = None;
    for (sample, down) in moves {
        match (down_since, down) {
            (None, true) => down_since = Some(sample),
            (Some(start), false) => {
                spans.push((start, sample));
                down_since = None;
            }
            _ => {}
        }
    }
    spans.extend(down_since.map(|start| (start, end)));
    spans
}

/// Cuts the end where all has decayed, sets the peak and adds the background.
fn finish(config: &PianoConfig, last: f64, rate: SampleRate, seed: u64, audio: &mut Vec<f32>) {
    let peak = audio.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    // 80 dB below the peak; nothing is cut before the last event.
    let end = audio
        .iter()
        .rposition(|x| x.abs() > 1e-4 * peak)
        .map_or(0, |n| n + 1)
        .max(rate.sample_at(last))
        .min(audio.len());
    audio.truncate(end);
    let fade = rate.sample_at(FADE).min(audio.len());
    let start = audio.len() - fade;
    for (n, x) in audio[start..].iter_mut().enumerate() {
        *x *= 1.0 - (n + 1) as f32 / fade as f32;
    }
    let gain = if peak > 0.0 { config.peak as f32 / peak } else { 0.0 };
    // Uniform noise in ±a has an RMS of a / √3. Half of it is smoothed, because rooms and microphones
    // are louder in the low frequencies.
    let level = (decibels(config.noise_db) * 3f64.sqrt()) as f32;
    let mut noise = Random::new(seed, 2);
    let mut smooth = 0.0f32;
    let peak = config.peak as f32;
    for x in audio {
        let white = noise.symmetric() as f32;
        smooth = 0.95 * smooth + 0.3 * white;
        *x = (*x * gain + level * (0.5 * white + 0.7 * smooth)).clamp(-peak, peak);
    }
}

#[cfg(test)]
mod tests {
    use mir_core::{Key, Velocity};
    use mir_testkit::signal::amplitude;
    use proptest::prelude::*;

    use super::*;
    use crate::PedalEvent;

    const RATE: SampleRate = SampleRate::HZ_16000;

    fn note(key: u8, onset: f64, offset: f64, velocity: u8) -> Note {
        let pitch = Key::new(key).unwrap().pitch();
        Note::new(onset, offset, pitch, Velocity::new(velocity).unwrap()).unwrap()
    }

    /// A studio without noise, so that levels can be measured; the peak still normalises.
    fn dry() -> PianoConfig {
        PianoConfig {
            room_db: -100.0,
            noise_db: -140.0,
            pedal_resonance_db: -100.0,
            hammer_noise_db: -80.0,
            ..PianoConfig::grand()
        }
    }

    fn rms(audio: &AudioBuffer, from: f64, to: f64) -> f64 {
        let x = &audio.channel(0)[RATE.sample_at(from)..RATE.sample_at(to).min(audio.len())];
        let energy: f64 = x.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        (energy / x.len() as f64).sqrt()
    }

    fn db(ratio: f64) -> f64 {
        20.0 * ratio.log10()
    }

    /// Amplitude of one frequency between two times, seconds.
    fn amplitude_at(audio: &AudioBuffer, hz: f64, from: f64, to: f64) -> f64 {
        let range = RATE.sample_at(from)..RATE.sample_at(to);
        amplitude(&audio.channel(0)[range], RATE, hz)
    }

    #[test]
    fn a_note_starts_at_its_sample_and_not_before() {
        for onset in [0.0, 0.1234, 1.0] {
            let performance = Performance::from(vec![note(60, onset, onset + 0.5, 100)]);
            let audio = render(&performance, &dry(), RATE, 1).unwrap();
            let start = RATE.sample_at(onset);
            let x = audio.channel(0);
            assert!(x[..start].iter().all(|x| x.abs() < 1e-6), "{onset}");
            let first = x.iter().position(|x| x.abs() > 1e-2).unwrap();
            assert!(first - start < 32, "{onset}: {first} after {start}");
        }
    }

    #[test]
    fn the_damper_falls_at_key_up_unless_the_pedal_is_down() {
        let mut performance =
            Performance::from(vec![note(60, 0.0, 0.5, 100), note(40, 2.5, 2.6, 20)]);
        let damped = render(&performance, &dry(), RATE, 1).unwrap();
        for (time, value) in [(0.2, 100), (1.5, 10)] {
            performance.pedals.push(PedalEvent { time, pedal: Pedal::Sustain, value });
        }
        let pedalled = render(&performance, &dry(), RATE, 1).unwrap();
        assert!(db(rms(&damped, 0.8, 1.0) / rms(&damped, 0.3, 0.5)) < -50.0);
        assert!(db(rms(&pedalled, 0.8, 1.0) / rms(&pedalled, 0.3, 0.5)) > -12.0);
        assert!(db(rms(&pedalled, 1.8, 2.0) / rms(&pedalled, 1.3, 1.5)) < -50.0);
    }

    #[test]
    fn the_highest_keys_have_no_damper() {
        let after = |key| {
            let audio = render(
                &Performance::from(vec![note(key, 0.0, 0.1, 100), note(30, 0.9, 1.0, 1)]),
                &dry(),
                RATE,
                1,
            )
            .unwrap();
            db(rms(&audio, 0.3, 0.4) / rms(&audio, 0.0, 0.1))
        };
        assert!(after(90) < -60.0);
        assert!(after(91) > -30.0);
    }

    #[test]
    fn velocity_changes_level_and_brightness() {
        // Both in one piece, because the peak is normalised.
        let performance = Performance::from(vec![note(60, 0.0, 1.0, 120), note(60, 2.0, 3.0, 20)]);
        let audio = render(&performance, &dry(), RATE, 1).unwrap();
        let difference = db(rms(&audio, 0.0, 1.0) / rms(&audio, 2.0, 3.0));
        assert!((38.0..48.0).contains(&difference), "{difference} dB");
        let config = dry();
        let b = config.inharmonicity(60.0);
        let sixth = 261.63 * 6.0 * ((1.0 + 36.0 * b) / (1.0 + b)).sqrt();
        let ratio = |from: f64| {
            amplitude_at(&audio, sixth, from, from + 0.3)
                / amplitude_at(&audio, 261.63, from, from + 0.3)
        };
        assert!(db(ratio(0.05) / ratio(2.05)) > 10.0);
    }

    #[test]
    fn partials_are_stretched() {
        let config = PianoConfig { key_detune_cents: 0.0, unison_detune_cents: 0.0, ..dry() };
        let audio =
            render(&Performance::from(vec![note(45, 0.0, 2.0, 110)]), &config, RATE, 1).unwrap();
        let b = config.inharmonicity(45.0);
        let cents = config.stretch_cents * (-15.0f64 / 48.0).powi(3);
        let f0 = 110.0 * (cents / 1200.0).exp2();
        for n in [3.0f64, 10.0] {
            let hz = f0 * n * ((1.0 + b * n * n) / (1.0 + b)).sqrt();
            assert!(
                amplitude_at(&audio, hz, 0.1, 1.9) > 5.0 * amplitude_at(&audio, hz + 4.0, 0.1, 1.9),
                "partial {n}"
            );
        }
    }

    #[test]
    fn the_decay_has_two_stages() {
        let config = PianoConfig { unison_detune_cents: 0.0, aftersound_db: -14.0, ..dry() };
        let audio =
            render(&Performance::from(vec![note(72, 0.0, 6.0, 110)]), &config, RATE, 1).unwrap();
        let slope = |from: f64| {
            db(rms(&audio, from + 0.5, from + 0.7) / rms(&audio, from, from + 0.2)) / 0.5
        };
        assert!(slope(0.2) < 1.8 * slope(4.0), "{} and {} dB/s", slope(0.2), slope(4.0));
    }

    #[test]
    fn a_take_is_reproducible_and_seeds_differ() {
        let performance = Performance::from(vec![note(60, 0.0, 0.5, 100), note(64, 0.2, 0.5, 30)]);
        let take = |seed| render(&performance, &PianoConfig::upright(), RATE, seed).unwrap();
        assert_eq!(take(7), take(7));
        assert_ne!(take(7), take(8));
        let mut reversed = performance.clone();
        reversed.notes.reverse();
        assert_eq!(render(&reversed, &PianoConfig::upright(), RATE, 7).unwrap(), take(7));
    }

    #[test]
    fn nothing_played_is_nothing_heard() {
        let audio = render(&Performance::default(), &PianoConfig::grand(), RATE, 1).unwrap();
        assert!(audio.is_empty());
    }

    #[test]
    fn a_bad_parameter_is_named() {
        for (name, config) in [
            ("decay_bass", PianoConfig { decay_bass: 0.0, ..dry() }),
            ("peak", PianoConfig { peak: f64::NAN, ..dry() }),
        ] {
            let result = render(&Performance::default(), &config, RATE, 1);
            assert!(matches!(result, Err(Error::Config { field, .. }) if field == name));
        }
        let late = Performance::from(vec![note(60, 1e6, 1e6, 1)]);
        assert!(matches!(render(&late, &dry(), RATE, 1), Err(Error::TooLong { .. })));
    }

    #[test]
    fn every_named_instrument_is_valid_and_the_unheard_one_is_outside() {
        for (name, config) in PianoConfig::training() {
            assert!(config.validate().is_ok(), "{name}");
        }
        assert!(PianoConfig::unheard().validate().is_ok());
        let spread = PianoConfig::spread();
        for name in [
            "a4_cents",
            "stretch_cents",
            "key_detune_cents",
            "decay_bass",
            "decay_treble",
            "hammer_noise_db",
            "room_decay",
            "room_size",
        ] {
            let row = spread.iter().find(|row| row.name == name).unwrap();
            assert!(!row.training.contains(&row.unheard), "{name}");
        }
        let config = PianoConfig::unheard();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<PianoConfig>(&json).unwrap(), config);
        assert!(serde_json::from_str::<PianoConfig>(r#"{"color": 1}"#).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_performance_is_finite_and_below_the_peak(
            raw in prop::collection::vec((-300.0f64..300.0, 0.0f64..2.0, 0.0f64..1.0, 0u8..=127), 1..12),
            rate in prop::sample::select(vec![1u32, 100, 8000, 44_100]),
        ) {
            let notes = raw.iter().map(|&(midi, on, length, velocity)| {
                let pitch = mir_core::Pitch::from_midi(midi).unwrap();
                Note::new(on, on + length, pitch, Velocity::new(velocity).unwrap()).unwrap()
            }).collect();
            let rate = SampleRate::new(rate).unwrap();
            let audio = render(&Performance { notes, pedals: vec![] }, &PianoConfig::unheard(), rate, 3).unwrap();
            prop_assert!(audio.check_finite().is_ok());
            prop_assert!(audio.peak() <= 0.7 + 1e-6);
        }
    }
}
