//! Voices and SoundFonts.

use mir_core::{AudioBuffer, Key, Note, SampleRate, Velocity};
use mir_midi::{
    Error, Performance, Score,
    score::{Control, Program, TickNote, Track},
    voices::{BowedConfig, Instrument, Part, WindConfig, mix, render},
};
use mir_testkit::signal::amplitude;

const RATE: SampleRate = SampleRate::HZ_16000;

fn note(key: u8, onset: f64, offset: f64, velocity: u8) -> Note {
    let pitch = Key::new(key).unwrap().pitch();
    Note::new(onset, offset, pitch, Velocity::new(velocity).unwrap()).unwrap()
}

/// One instrument of each kind, and the percussion.
fn instruments() -> Vec<Instrument> {
    let programs = [0, 6, 9, 12, 19, 24, 33, 40, 42, 46, 48, 52, 56, 65, 68, 71, 73, 122];
    let mut all: Vec<Instrument> = programs.map(Instrument::from_program).to_vec();
    all.push(Instrument::percussion());
    all
}

/// Amplitude of one frequency between two times, seconds.
fn amplitude_at(audio: &AudioBuffer, hz: f64, from: f64, to: f64) -> f64 {
    let range = RATE.sample_at(from)..RATE.sample_at(to).min(audio.len());
    amplitude(&audio.channel(0)[range], RATE, hz)
}

#[test]
fn every_program_sounds_and_is_reproducible() {
    for program in 0..=127 {
        Instrument::from_program(program).validate().unwrap();
    }
    let performance = Performance::from(vec![note(60, 0.25, 0.75, 90), note(38, 0.5, 0.9, 60)]);
    for instrument in instruments() {
        let take = |seed| render(&performance, &instrument, RATE, seed).unwrap();
        let audio = take(1);
        audio.check_finite().unwrap();
        assert!(audio.peak() > 0.6 && audio.peak() < 0.71, "{instrument:?}: {}", audio.peak());
        // Nothing before the onset but the piano's background noise, and sound soon after.
        let x = audio.channel(0);
        assert!(x[..4000].iter().all(|x| x.abs() < 2e-3), "{instrument:?}");
        assert!(x[4000..5600].iter().any(|x| x.abs() > 0.05), "{instrument:?}");
        assert!(audio.duration() < 0.9 + 3.0 + 1e-9);
        assert_eq!(audio, take(1), "{instrument:?}");
        assert_ne!(audio, take(2), "{instrument:?}");
    }
}

#[test]
fn pitched_voices_have_their_pitch() {
    let performance = Performance::from(vec![note(69, 0.0, 1.0, 100)]);
    for instrument in instruments() {
        if matches!(instrument, Instrument::Drums(_)) {
            continue;
        }
        let audio = render(&performance, &instrument, RATE, 3).unwrap();
        let at = |hz: f64| amplitude_at(&audio, hz, 0.2, 0.9);
        // Vibrato spreads the line; a quarter tone aside there is far less.
        let nearby = at(440.0 * 2f64.powf(-2.0 / 12.0)).max(at(440.0 * 2f64.powf(2.0 / 12.0)));
        assert!(at(440.0) > 4.0 * nearby, "{instrument:?}: {} and {nearby}", at(440.0));
    }
}

#[test]
fn a_clarinet_has_odd_harmonics_and_brass_is_brighter_when_loud() {
    let one = |config: WindConfig, velocity| {
        let steady = WindConfig { vibrato_cents: 0.0, tremolo_db: 0.0, ..config };
        let performance = Performance::from(vec![note(60, 0.0, 1.0, velocity)]);
        render(&performance, &Instrument::Wind(steady), RATE, 1).unwrap()
    };
    let f0 = 261.6256;
    let clarinet = one(WindConfig::clarinet(), 100);
    let at = |audio: &AudioBuffer, n: f64| amplitude_at(audio, n * f0, 0.2, 0.9);
    assert!(at(&clarinet, 3.0) > 5.0 * at(&clarinet, 2.0));
    let (loud, soft) = (one(WindConfig::brass(), 120), one(WindConfig::brass(), 40));
    let brightness = |audio: &AudioBuffer| at(audio, 6.0) / at(audio, 1.0);
    assert!(brightness(&loud) > 3.0 * brightness(&soft));
}

#[test]
fn nothing_lies_above_the_nyquist_frequency() {
    // If anything folded back, it would stand between the harmonics.
    let steady = BowedConfig { vibrato_cents: 0.0, noise_db: -80.0, ..BowedConfig::default() };
    let performance = Performance::from(vec![note(100, 0.0, 1.0, 127)]);
    let audio = render(&performance, &Instrument::Bowed(steady), RATE, 1).unwrap();
    let f0 = Key::new(100).unwrap().pitch().hz();
    let strongest = amplitude_at(&audio, f0, 0.2, 0.9);
    for n in 1..=6 {
        let folded = (16_000.0 - f64::from(n) * f0).rem_euclid(16_000.0);
        let is_harmonic = (folded / f0 - (folded / f0).round()).abs() < 0.1;
        if folded < 8000.0 && !is_harmonic {
            assert!(amplitude_at(&audio, folded, 0.2, 0.9) < 2e-3 * strongest, "{folded} Hz");
        }
    }
}

#[test]
fn a_mixture_is_the_sum_of_its_stems() {
    let parts = [
        Part::new(vec![note(60, 0.0, 0.5, 100)].into(), Instrument::from_program(40)),
        Part {
            gain_db: -12.0,
            ..Part::new(vec![note(72, 0.3, 1.0, 20)].into(), Instrument::from_program(73))
        },
        Part::new(Performance::default(), Instrument::percussion()),
    ];
    let mixture = mix(&parts, RATE, 5).unwrap();
    assert!((mixture.mix.peak() - 0.7).abs() < 1e-4);
    for n in 0..mixture.mix.len() {
        let sum: f32 = mixture.stems.iter().map(|stem| stem.channel(0)[n]).sum();
        assert!((sum - mixture.mix.channel(0)[n]).abs() < 1e-6);
    }
    assert!(mixture.stems[0].peak() > 2.0 * mixture.stems[1].peak());
    assert!(mixture.stems[2].peak() < 1e-9);
    let loud = [Part { gain_db: f64::NAN, ..parts[0].clone() }];
    assert!(matches!(mix(&loud, RATE, 1), Err(Error::Config { field: "gain_db", .. })));
    assert!(mix(&[], RATE, 1).unwrap().mix.is_empty());
}

#[test]
fn the_parts_of_a_score_have_their_own_instruments_and_pedals() {
    let key =
        |start, channel, key| TickNote { start, end: start + 480, channel, key, velocity: 80 };
    let pedal = |channel| Control { tick: 100, channel, number: 64, value: 127 };
    let program = |tick, channel, number| Program { tick, channel, number };
    let track = |notes, controls, programs| Track {
        notes,
        controls,
        programs,
        end: 1000,
        ..Track::default()
    };
    let mut score = Score::from_notes(&[]);
    score.tracks = vec![
        track(vec![key(0, 0, 60), key(0, 9, 36)], vec![pedal(0)], vec![program(0, 1, 40)]),
        track(vec![key(0, 1, 72), key(480, 1, 74)], vec![], vec![program(480, 1, 73)]),
    ];
    let parts = score.parts();
    let found: Vec<(u8, u8, usize, usize)> = (parts.iter())
        .map(|p| (p.channel, p.program, p.performance.notes.len(), p.performance.pedals.len()))
        .collect();
    assert_eq!(found, [(0, 0, 1, 1), (1, 40, 1, 0), (1, 73, 1, 0), (9, 0, 1, 0)]);
    let instruments: Vec<Instrument> =
        parts.into_iter().map(|part| Part::from(part).instrument).collect();
    assert!(matches!(instruments[1], Instrument::Bowed(_)));
    assert!(matches!(instruments[2], Instrument::Wind(_)));
    assert!(matches!(instruments[3], Instrument::Drums(_)));

    // Independent tracks have programs of their own.
    score.independent = true;
    let players: Vec<(u8, u8)> = score.parts().iter().map(|p| (p.channel, p.program)).collect();
    assert_eq!(players, [(0, 0), (1, 0), (1, 73), (9, 0)]);
}

#[test]
fn bad_parameters_and_times_are_refused() {
    let config = BowedConfig { attack: f64::NAN, ..BowedConfig::default() };
    let played = render(&Performance::default(), &Instrument::Bowed(config), RATE, 1);
    assert!(matches!(played, Err(Error::Config { field: "attack", .. })));
    let late = Performance::from(vec![note(60, 1e6, 1e6, 64)]);
    let played = render(&late, &Instrument::from_program(73), RATE, 1);
    assert!(matches!(played, Err(Error::TooLong { .. })));
    let empty = render(&Performance::default(), &Instrument::percussion(), RATE, 1).unwrap();
    assert!(empty.is_empty());
}

#[cfg(feature = "synth")]
mod soundfont {
    use mir_midi::{
        Pedal, PedalEvent,
        soundfont::{SoundFont, SoundFontPart},
    };

    use super::*;

    fn chunk(id: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let mut bytes = id.to_vec();
        bytes.extend((content.len() as u32).to_le_bytes());
        bytes.extend(content);
        if content.len() % 2 == 1 {
            bytes.push(0);
        }
        bytes
    }

    fn list(kind: &[u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
        chunk(b"LIST", &[kind.to_vec(), chunks.concat()].concat())
    }

    fn name(text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(20, 0);
        bytes
    }

    /// A SoundFont with one preset: a looped sine of 440 Hz at 44.1 kHz, on key 69.
    fn tiny() -> Vec<u8> {
        // 10 periods of 100.227 samples, so that the loop closes within a hundredth of a sample.
        let looped = 44_100.0 / 440.0 * 10.0;
        let length = looped as usize + 1 + 46;
        let samples: Vec<u8> = (0..length)
            .map(|n| (std::f64::consts::TAU * 440.0 * n as f64 / 44_100.0).sin())
            .map(|x| if x.is_finite() { (20_000.0 * x) as i16 } else { 0 })
            .flat_map(i16::to_le_bytes)
            .collect();
        let u16s =
            |values: &[u16]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let u32s =
            |values: &[u32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let info = list(
            b"INFO",
            &[
                chunk(b"ifil", &u16s(&[2, 1])),
                chunk(b"isng", b"EMU8000\0"),
                chunk(b"INAM", b"tiny\0\0"),
            ],
        );
        let data = list(b"sdta", &[chunk(b"smpl", &samples)]);
        let preset =
            |text: &str, bag: u16| [name(text), u16s(&[0, 0, bag]), u32s(&[0, 0, 0])].concat();
        let instrument = |text: &str, bag: u16| [name(text), u16s(&[bag])].concat();
        let end = 1002u32;
        let header = [
            name("sine"),
            u32s(&[0, length as u32 - 46, 0, end, 44_100]),
            vec![69, 0],
            u16s(&[0, 1]),
        ]
        .concat();
        let tables = list(
            b"pdta",
            &[
                chunk(b"phdr", &[preset("sine", 0), preset("EOP", 1)].concat()),
                chunk(b"pbag", &u16s(&[0, 0, 1, 0])),
                chunk(b"pmod", &[0; 10]),
                // Generator 41: the instrument.
                chunk(b"pgen", &u16s(&[41, 0, 0, 0])),
                chunk(b"inst", &[instrument("sine", 0), instrument("EOI", 1)].concat()),
                chunk(b"ibag", &u16s(&[0, 0, 2, 0])),
                chunk(b"imod", &[0; 10]),
                // Generator 54: loop; 53: the sample.
                chunk(b"igen", &u16s(&[54, 1, 53, 0, 0, 0])),
                chunk(b"shdr", &[header, name("EOS"), vec![0; 26]].concat()),
            ],
        );
        chunk(b"RIFF", &[b"sfbk".to_vec(), info, data, tables].concat())
    }

    fn part(notes: Vec<Note>) -> SoundFontPart {
        SoundFontPart { channel: 0, bank: 0, program: 0, performance: notes.into() }
    }

    #[test]
    fn a_sampled_note_has_its_pitch_and_time() {
        let font = SoundFont::parse(&tiny()).unwrap();
        let audio = font.render(&[part(vec![note(81, 0.5, 1.5, 100)])], false, RATE).unwrap();
        assert_eq!(audio.channels(), 2);
        let x = audio.channel(0);
        assert!(x[..8000].iter().all(|x| x.abs() < 1e-6));
        assert!(x[8000..8200].iter().any(|x| x.abs() > 1e-3));
        let at = |hz| amplitude_at(&audio, hz, 0.6, 1.4);
        assert!(at(880.0) > 20.0 * at(440.0) && at(880.0) > 20.0 * at(1000.0), "{}", at(880.0));
        let empty = font.render(&[part(vec![])], false, RATE).unwrap();
        assert!(empty.is_empty());
    }

    #[test]
    fn the_sustain_pedal_holds_a_sampled_note() {
        let font = SoundFont::parse(&tiny()).unwrap();
        let mut held = part(vec![note(69, 0.0, 0.2, 100)]);
        let after = |part: SoundFontPart| {
            let audio = font.render(&[part], false, RATE).unwrap();
            if audio.len() < 16_000 { 0.0 } else { amplitude_at(&audio, 440.0, 0.6, 1.0) }
        };
        let released = after(held.clone());
        let pedal = |time, value| PedalEvent { time, pedal: Pedal::Sustain, value };
        held.performance.pedals = vec![pedal(0.1, 127), pedal(1.2, 0)];
        assert!(after(held) > 100.0 * released.max(1e-6));
    }

    #[test]
    fn a_bad_font_is_an_error() {
        let good = tiny();
        let render = |bytes: &[u8]| {
            let font = SoundFont::parse(bytes)?;
            font.render(&[part(vec![note(69, 0.0, 0.05, 100)])], true, RATE)
        };
        assert!(render(&good).is_ok());
        let (mut refused, mut count) = (0, 0);
        let mut check = |bytes: &[u8]| {
            count += 1;
            match render(bytes) {
                Ok(_) => {}
                Err(Error::SoundFont { .. }) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        };
        for length in (0..good.len()).step_by(97) {
            check(&good[..length]);
        }
        let tables = good.len() - 500..good.len();
        for at in (0..60).chain(tables.step_by(5)) {
            for value in [0x00, 0xff] {
                let mut bytes = good.clone();
                bytes[at] = value;
                check(&bytes);
            }
        }
        assert!(refused > 20 && refused < count, "{refused} of {count}");
        let bad = SoundFontPart { program: 200, ..part(vec![]) };
        let font = SoundFont::parse(&good).unwrap();
        let played = font.render(&[bad], false, RATE);
        assert!(matches!(played, Err(Error::Limit { field: "program", .. })));
        let slow = SampleRate::new(8000).unwrap();
        let played = font.render(&[part(vec![note(69, 0.0, 0.1, 64)])], false, slow);
        assert!(matches!(played, Err(Error::Limit { .. })));
    }
}
