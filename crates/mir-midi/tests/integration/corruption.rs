//! Damage of every kind, generated from seeds: reading never panics, never hangs, never grows.
//!
//! The tests run a tenth of the cases. All 20 000:
//! `MIR_MIDI_CORRUPTIONS=20000 cargo test -p mir-midi --test integration corruption -- --nocapture`

use std::time::{Duration, Instant};

use mir_midi::{
    PedalRule, ReadConfig, Score, Strictness,
    score::{
        Control, Division, KeySignature, Other, OtherKind, PitchBend, Pressure, Program,
        TempoChange, Text, TextKind, TickNote, TimeSignature, Track,
    },
};
use mir_testkit::{signal::Random, test_data};

use crate::corpus::{files_below, is_midi};

const CASES: usize = 2000;

/// A score with events of every kind in every track.
fn varied_score(random: &mut Random) -> Score {
    let byte = |random: &mut Random| random.below(128) as u8;
    let mut tracks = Vec::new();
    for _ in 0..1 + random.below(4) {
        let mut track = Track::default();
        let mut tick = 0;
        for _ in 0..random.below(60) {
            tick += random.below(300) as u64;
            let channel = random.below(16) as u8;
            match random.below(12) {
                0 => {
                    track.controls.push(Control { tick, channel, number: 64, value: byte(random) })
                }
                1 => track.programs.push(Program { tick, channel, number: byte(random) }),
                2 => track.pitch_bends.push(PitchBend { tick, channel, value: -3 }),
                3 => track.pressures.push(Pressure { tick, channel, key: None, value: 5 }),
                4 => {
                    track.tempos.push(TempoChange { tick, tempo: 1 + random.below(1 << 23) as u32 })
                }
                5 => track.time_signatures.push(TimeSignature {
                    tick,
                    numerator: 3,
                    denominator_power: 2,
                    clocks_per_click: 24,
                    notated_32nds: 8,
                }),
                6 => track.key_signatures.push(KeySignature { tick, sharps: -3, minor: true }),
                7 => track.texts.push(Text { tick, kind: TextKind::Lyric, bytes: b"la".to_vec() }),
                8 => {
                    track.others.push(Other { tick, kind: OtherKind::SysEx, bytes: vec![1, 0xf7] })
                }
                _ => track.notes.push(TickNote {
                    start: tick,
                    end: tick + 1 + random.below(500) as u64,
                    channel,
                    key: byte(random),
                    velocity: 1 + random.below(127) as u8,
                }),
            }
        }
        tracks.push(track);
    }
    let division = match random.below(3) {
        0 => Division::Timecode { fps: 25, subframe: 40 },
        1 => Division::Metrical(32_767),
        _ => Division::Metrical(96),
    };
    Score { division, independent: random.below(5) == 0, tracks }
}

/// Changes a file somewhere from `first` on.
fn damage(bytes: &mut Vec<u8>, first: usize, random: &mut Random) {
    let first = first.min(bytes.len());
    let place = (first + random.below(bytes.len().saturating_sub(first).max(1)))
        .min(bytes.len().saturating_sub(1));
    let noise = random.next_u64();
    match random.below(8) {
        0 => bytes.truncate(place.max(first)),
        1 => {
            bytes.remove(place);
        }
        2 => bytes.insert(place, noise as u8),
        3 => bytes[place] = noise as u8,
        4 => bytes[place] ^= 1 << (noise % 8),
        // A long number, a status byte, or the head of a chunk in the middle of something.
        5 => {
            bytes.splice(place..place, [0xff; 9].into_iter().take((noise % 10) as usize));
        }
        6 => {
            bytes.splice(place..place, *b"MTrk\xff\xff\xff\xff");
        }
        // A stretch of the file once more.
        _ => {
            let end = (place + (noise % 64) as usize).min(bytes.len());
            let stretch = bytes[place..end].to_vec();
            bytes.splice(place..place, stretch);
        }
    }
    if bytes.is_empty() {
        bytes.push(0);
    }
}

#[test]
fn damaged_files_never_panic_and_never_hang() {
    let cases = std::env::var("MIR_MIDI_CORRUPTIONS")
        .map_or(CASES, |cases| cases.parse().expect("MIR_MIDI_CORRUPTIONS is a number of cases"));
    let mut originals: Vec<Vec<u8>> = test_data("midi-odd")
        .iter()
        .flat_map(|folder| files_below(folder))
        .filter(|path| is_midi(path))
        .map(|path| std::fs::read(path).unwrap())
        .filter(|bytes| (20..6000).contains(&bytes.len()))
        .collect();
    let mut random = Random::new(20);
    originals.extend((0..60).map(|_| varied_score(&mut random).to_bytes().unwrap()));

    let limits = ReadConfig { max_events: 100_000, ..ReadConfig::default() };
    let (mut past_header, mut read, mut strictly, mut slowest) = (0, 0, 0, Duration::ZERO);
    for case in 0..cases {
        let mut bytes = originals[random.below(originals.len())].clone();
        // Half of the cases are damaged past the header only.
        let first = if case % 2 == 0 { 14 } else { 0 };
        for _ in 0..=random.below(6) {
            damage(&mut bytes, first, &mut random);
        }
        past_header += usize::from(first > 0);
        let start = Instant::now();
        let lenient = Score::parse(&bytes, limits);
        let strict = Score::parse(&bytes, ReadConfig { strictness: Strictness::Strict, ..limits });
        assert!(strict.is_err() || lenient.is_ok(), "case {case}");
        strictly += usize::from(strict.is_ok());
        if let Ok((score, findings)) = lenient {
            read += 1;
            assert!(findings.iter().all(|d| d.offset <= bytes.len()), "case {case}");
            for rule in PedalRule::ALL {
                let notes = score.notes(rule);
                // The state machine gives notes without length a millisecond.
                let latest = limits.max_seconds + 0.002;
                assert!(notes.iter().all(|n| n.offset() <= latest), "case {case}, {rule}");
            }
            // What was understood can be written, and then is in order.
            match score.to_bytes() {
                Ok(written) => {
                    let (again, _) = Score::parse(&written, Strictness::Strict)
                        .unwrap_or_else(|error| panic!("case {case}: {error}"));
                    assert_eq!(again, with_writable_ends(score), "case {case}");
                }
                // A damaged delta can be longer than anything that is written.
                Err(error) => assert!(matches!(error, mir_midi::Error::Limit { .. }), "{error}"),
            }
        }
        slowest = slowest.max(start.elapsed());
    }
    println!(
        "{cases} damaged files: {past_header} damaged past the header only, {read} read leniently, \
         {strictly} strictly; the slowest took {slowest:?}"
    );
    assert!(past_header * 5 >= cases, "at least a fifth past the header");
    assert!(read * 5 >= cases, "{read} of {cases} read");
}

/// The score as it comes back: long silences are bridged by events of a sequencer's own.
fn with_writable_ends(mut score: Score) -> Score {
    let written = Score::parse(&score.to_bytes().unwrap(), Strictness::Lenient).unwrap().0;
    for (track, written) in score.tracks.iter_mut().zip(&written.tracks) {
        let bridge = |e: &&Other| e.kind == OtherKind::Meta(0x7f) && e.bytes.is_empty();
        if written.others.iter().filter(bridge).count() > track.others.iter().filter(bridge).count()
        {
            track.others.clone_from(&written.others);
        }
    }
    score
}

#[test]
fn sizes_are_limited() {
    use mir_midi::Error;
    // Four million events of two bytes each: program changes in running status.
    let mut body = vec![0, 0xc0, 1];
    body.resize(8_000_000, 0);
    let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk".to_vec();
    bytes.extend((body.len() as u32).to_be_bytes());
    bytes.extend(body);
    let limits = |max_events, max_bytes| ReadConfig { max_events, max_bytes, ..Default::default() };
    for config in [limits(1000, 64 << 20), limits(1000, 1000)] {
        let result = Score::parse(&bytes, config);
        assert!(matches!(result, Err(Error::Limit { .. })), "{config:?}");
    }
    let config = ReadConfig { max_seconds: f64::NAN, ..Default::default() };
    assert!(matches!(Score::parse(&bytes, config), Err(Error::Config { .. })));
    // A chunk of four gigabytes that is not there costs nothing.
    let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\xff\xff\xff\xff".to_vec();
    bytes.extend([0, 0xff, 0x01, 0xff, 0xff, 0xff, 0x7f, b'x']);
    assert!(Score::parse(&bytes, Strictness::Lenient).unwrap().0.tracks[0].texts.is_empty());
}
