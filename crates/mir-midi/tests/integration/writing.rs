//! Writing, and reading back.

use mir_core::{Key, Note, Pitch, Velocity};
use mir_midi::{
    Error, Pedal, PedalEvent, PedalRule, Performance, Score, Strictness,
    score::{
        Control, Division, KeySignature, Other, OtherKind, PitchBend, Pressure, Program,
        TempoChange, TempoMap, Text, TextKind, TickNote, TimeSignature, Track,
    },
};
use proptest::prelude::*;

fn note(key: u8, onset: f64, offset: f64, velocity: u8) -> Note {
    let pitch = Key::new(key).unwrap().pitch();
    Note::new(onset, offset, pitch, Velocity::new(velocity).unwrap()).unwrap()
}

fn read_back(score: &Score) -> Score {
    let (read, findings) = Score::parse(&score.to_bytes().unwrap(), Strictness::Strict).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    read
}

/// 480 ticks in a quarter note at 120 a minute: 960 ticks a second.
fn coarse() -> TempoMap {
    TempoMap::new(Division::Metrical(480), vec![])
}

/// Byte for byte, so that a change of the format shows.
#[test]
fn a_small_file_is_written_as_the_specification_says() {
    let performance = Performance {
        notes: vec![note(60, 0.0, 0.5, 80), note(60, 0.5, 1.0, 0)],
        pedals: vec![PedalEvent { time: 0.5, pedal: Pedal::Sustain, value: 127 }],
    };
    let bytes = Score::from_performance_with(&performance, &coarse()).to_bytes().unwrap();
    let expected: &[u8] = &[
        b'M', b'T', b'h', b'd', 0, 0, 0, 6, 0, 0, 0, 1, 0x01, 0xe0, //
        b'M', b'T', b'r', b'k', 0, 0, 0, 33, //
        0, 0xff, 0x51, 3, 0x07, 0xa1, 0x20, // tempo 500 000
        0, 0x90, 60, 80, //
        0x83, 0x60, 0x80, 60, 64, // 480 ticks on: the release comes first,
        0, 0xb0, 64, 127, // then the pedal,
        0, 0x90, 60, 1, // then the new note, of an audible velocity
        0x83, 0x60, 0x80, 60, 64, //
        0, 0xff, 0x2f, 0,
    ];
    assert_eq!(bytes, expected);
}

#[test]
fn times_are_rounded_to_the_nearest_tick() {
    let performance = Performance::from(vec![note(60, 0.0104, 0.0105, 1)]);
    let score = Score::from_performance_with(&performance, &coarse());
    let read = read_back(&score).notes(PedalRule::None);
    // 9.98 and 10.08 ticks: both round to 10, and a note has at least one tick.
    assert!((read[0].onset() - 10.0 / 960.0).abs() < 1e-12);
    assert!((read[0].offset() - 11.0 / 960.0).abs() < 1e-12);
}

#[test]
fn overlapping_notes_of_a_key_are_cut_at_the_next() {
    let score = Score::from_notes(&[
        note(60, 0.0, 2.0, 10),
        note(60, 1.0, 3.0, 20),
        note(60, 1.0, 4.0, 30),
    ]);
    let read: Vec<(f64, f64, u8)> = read_back(&score)
        .notes(PedalRule::None)
        .iter()
        .map(|n| (n.onset(), n.offset(), n.velocity().value()))
        .collect();
    assert_eq!(read, [(0.0, 1.0, 10), (1.0, 4.0, 30)]);
}

#[test]
fn notes_beyond_the_keys_are_left_out() {
    let pitch = Pitch::from_midi(200.0).unwrap();
    let high = Note::new(0.0, 1.0, pitch, Velocity::MEDIUM).unwrap();
    let quarter = Note::new(0.0, 1.0, Pitch::from_midi(60.3).unwrap(), Velocity::MEDIUM).unwrap();
    let read = read_back(&Score::from_notes(&[high, quarter])).notes(PedalRule::None);
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].pitch().key(), Key::new(60).ok());
    assert!(read_back(&Score::from_notes(&[])).notes(PedalRule::None).is_empty());
}

#[test]
fn notes_keep_their_beats_in_a_tempo_map() {
    // A bar of four quarters at 120 a minute, then 60 a minute.
    let slower = TempoChange { tick: 4 * 480, tempo: 1_000_000 };
    let map = TempoMap::new(Division::Metrical(480), vec![slower]);
    let performance = Performance {
        notes: vec![note(60, 1.5, 2.0, 64), note(62, 2.0, 3.0, 64)],
        pedals: vec![PedalEvent { time: 2.5, pedal: Pedal::Sustain, value: 127 }],
    };
    let score = Score::from_performance_with(&performance, &map);
    let spans: Vec<_> = score.tracks[0].notes.iter().map(|n| (n.start, n.end)).collect();
    assert_eq!(spans, [(3 * 480, 4 * 480), (4 * 480, 5 * 480)]);
    let read = read_back(&score);
    assert_eq!(read.performance(), performance);
    assert_eq!(read.tempo_map(0), map);
    // Time code has no tempo at all.
    let map = TempoMap::new(Division::Timecode { fps: 25, subframe: 40 }, vec![]);
    let read = read_back(&Score::from_performance_with(&performance, &map));
    assert_eq!(read.performance(), performance);
    assert!(read.tracks[0].tempos.is_empty());
}

#[test]
fn long_silences_are_bridged_and_absurd_ones_refused() {
    // An hour is some 1.8·10⁹ ticks; the format's largest distance is 2.7·10⁸.
    let late = [note(60, 3600.0, 3601.0, 9)];
    assert_eq!(read_back(&Score::from_notes(&late)).notes(PedalRule::None), late);
    for time in [1e6, 1e300] {
        let score = Score::from_notes(&[note(60, time, time, 1)]);
        assert!(matches!(score.to_bytes(), Err(Error::Limit { .. })), "{time}");
    }
}

/// A score with every kind of event.
fn full_score() -> Score {
    let track = Track {
        notes: vec![
            TickNote { start: 0, end: 480, channel: 3, key: 60, velocity: 64 },
            TickNote { start: 240, end: 480, channel: 3, key: 60, velocity: 65 },
            TickNote { start: 480, end: 500, channel: 3, key: 60, velocity: 127 },
        ],
        controls: vec![
            Control { tick: 0, channel: 3, number: 0, value: 8 },
            Control { tick: 0, channel: 3, number: 66, value: 127 },
            Control { tick: 481, channel: 15, number: 127, value: 0 },
        ],
        programs: vec![Program { tick: 0, channel: 3, number: 40 }],
        pitch_bends: vec![
            PitchBend { tick: 1, channel: 3, value: -8192 },
            PitchBend { tick: 2, channel: 3, value: 8191 },
            PitchBend { tick: 3, channel: 3, value: 0 },
        ],
        pressures: vec![
            Pressure { tick: 5, channel: 3, key: Some(60), value: 1 },
            Pressure { tick: 5, channel: 3, key: None, value: 127 },
        ],
        tempos: vec![TempoChange { tick: 480, tempo: 16_777_215 }],
        time_signatures: vec![TimeSignature {
            tick: 0,
            numerator: 7,
            denominator_power: 33,
            clocks_per_click: 24,
            notated_32nds: 8,
        }],
        key_signatures: vec![KeySignature { tick: 0, sharps: -7, minor: true }],
        texts: vec![
            Text { tick: 0, kind: TextKind::TrackName, bytes: b"viola".to_vec() },
            Text { tick: 7, kind: TextKind::Lyric, bytes: vec![0xff, 0] },
        ],
        others: vec![
            Other { tick: 0, kind: OtherKind::SysEx, bytes: vec![0x7e, 0x7f, 9, 1, 0xf7] },
            Other { tick: 9, kind: OtherKind::Escape, bytes: vec![0xf3, 1] },
            Other { tick: 9, kind: OtherKind::Meta(0x54), bytes: vec![1, 2, 3, 4, 5] },
        ],
        end: 10_000,
    };
    Score {
        division: Division::Metrical(480),
        independent: false,
        tracks: vec![Track::default(), track],
    }
}

#[test]
fn every_kind_of_event_survives() {
    let score = full_score();
    let (read, findings) = Score::parse(&score.to_bytes().unwrap(), Strictness::Strict).unwrap();
    assert_eq!(read, score);
    assert!(findings.iter().all(|d| !d.finding.is_defect()));
    assert_eq!(read.tracks[1].name(), "viola");
    assert_eq!(read.tracks[1].time_signatures[0].denominator(), None);
    let independent = Score { independent: true, ..score };
    assert_eq!(
        Score::parse(&independent.to_bytes().unwrap(), Strictness::Strict).unwrap().0,
        independent
    );
}

#[test]
fn what_a_file_cannot_hold_is_refused_by_name() {
    type Edit = fn(&mut Score);
    let cases: &[(&str, Edit)] = &[
        ("channel", |s| s.tracks[1].controls[2].channel = 16),
        ("value", |s| s.tracks[1].controls[2].value = 128),
        ("controller", |s| s.tracks[1].controls[2].number = 128),
        ("key", |s| s.tracks[1].notes[2].key = 128),
        ("velocity", |s| s.tracks[1].notes[2].velocity = 128),
        ("velocity", |s| s.tracks[1].notes[2].velocity = 0),
        ("end of a note", |s| s.tracks[1].notes[2].end = 480),
        ("program", |s| s.tracks[1].programs[0].number = 128),
        ("pitch bend", |s| s.tracks[1].pitch_bends[0].value = 8192),
        ("pitch bend", |s| s.tracks[1].pitch_bends[0].value = i16::MIN),
        ("pressure", |s| s.tracks[1].pressures[0].value = 128),
        ("tempo", |s| s.tracks[1].tempos[0].tempo = 1 << 24),
        ("tempo", |s| s.tracks[1].tempos[0].tempo = 0),
        ("sharps", |s| s.tracks[1].key_signatures[0].sharps = 8),
        ("type of a meta event", |s| s.tracks[1].others[2].kind = OtherKind::Meta(0x2f)),
        ("ticks in a quarter note", |s| s.division = Division::Metrical(0)),
        ("ticks in a quarter note", |s| s.division = Division::Metrical(0x8000)),
        ("frames a second", |s| s.division = Division::Timecode { fps: 26, subframe: 1 }),
    ];
    for (expected, edit) in cases {
        let mut score = full_score();
        edit(&mut score);
        match score.to_bytes() {
            Err(Error::Unwritable { field, .. }) => assert_eq!(field, *expected),
            other => panic!("{expected}: {other:?}"),
        }
        // Nor do readers of such a score panic.
        for rule in PedalRule::ALL {
            assert!(score.notes(rule).len() <= 3);
        }
    }
}

#[test]
fn files_are_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mid");
    Score::from_notes(&[note(60, 0.0, 1.0, 64)]).write(&path).unwrap();
    assert_eq!(mir_midi::read_notes(&path, PedalRule::None).unwrap(), [note(60, 0.0, 1.0, 64)]);
    let bad = Score::from_notes(&[note(60, 1e9, 1e9, 1)]).write(&path);
    assert!(bad.is_err());
    assert_eq!(mir_midi::read_notes(&path, PedalRule::None).unwrap().len(), 1);
    let nowhere = Score::from_notes(&[]).write(folder.path().join("no/such/a.mid"));
    assert!(matches!(nowhere, Err(Error::Core(_))));
}

proptest! {
    #[test]
    fn a_written_score_reads_back_the_same(
        raw in prop::collection::vec((0u8..128, 0.0f64..60.0, 0.0f64..4.0, 1u8..128), 0..60),
        moves in prop::collection::vec((0.0f64..60.0, 0u8..128), 0..30),
    ) {
        let performance = Performance {
            notes: raw.iter().map(|&(k, on, d, v)| note(k, on, on + d, v)).collect(),
            pedals: moves.iter()
                .map(|&(time, value)| PedalEvent { time, pedal: Pedal::Sustain, value })
                .collect(),
        };
        let score = Score::from_performance(&performance);
        let read = read_back(&score);
        prop_assert_eq!(read.performance(), score.performance());
        prop_assert_eq!(read_back(&read), read.clone());
        for (got, want) in read.performance().pedals.iter().zip({
            let mut sorted = performance.pedals.clone();
            sorted.sort_by(|a, b| a.time.total_cmp(&b.time));
            sorted
        }) {
            prop_assert!((got.time - want.time).abs() < 1e-6);
        }
        // Without overlaps every note survives.
        let mut apart = performance.notes.clone();
        apart.sort_by_key(|n| n.pitch().key().map(Key::number));
        apart.dedup_by_key(|n| n.pitch().key());
        Note::sort(&mut apart);
        let back = read_back(&Score::from_notes(&apart)).notes(PedalRule::None);
        prop_assert_eq!(back.len(), apart.len());
        for n in &apart {
            prop_assert!(back.iter().any(|b| b.pitch() == n.pitch()
                && (b.onset() - n.onset()).abs() < 1e-6
                // A note lasts at least one tick, of 2 µs.
                && (b.offset() - n.offset().max(n.onset() + 1e-6)).abs() < 2e-6
                && (n.duration() < 2e-6 || (b.offset() - n.offset()).abs() < 1e-6)
                && b.velocity() == n.velocity()));
        }
    }
}

/// Two instruments on two tracks, one of them under a pedal of its own channel.
#[test]
fn sounding_keys_keep_their_instruments_and_lose_their_pedals() {
    let strike =
        |start, channel, key| TickNote { start, end: start + 480, channel, key, velocity: 70 };
    let control = |tick, number, value| Control { tick, channel: 0, number, value };
    let piano = Track {
        notes: vec![strike(0, 0, 60), strike(960, 0, 60)],
        controls: vec![control(240, 64, 127), control(300, 7, 90), control(1920, 64, 0)],
        tempos: vec![TempoChange { tick: 0, tempo: 600_000 }],
        end: 1920,
        ..Track::default()
    };
    let flute = Track {
        notes: vec![strike(0, 1, 60)],
        programs: vec![Program { tick: 0, channel: 1, number: 73 }],
        end: 480,
        ..Track::default()
    };
    let score =
        Score { division: Division::Metrical(480), independent: false, tracks: vec![piano, flute] };
    assert_eq!(score.sounding(PedalRule::None), score);
    let sounding = read_back(&score.sounding(PedalRule::Default));
    let spans = |track: usize| -> Vec<_> {
        sounding.tracks[track].notes.iter().map(|n| (n.start, n.end, n.channel)).collect()
    };
    assert_eq!(spans(0), [(0, 960, 0), (960, 1920, 0)]);
    assert_eq!(spans(1), [(0, 480, 1)]);
    assert_eq!(sounding.tracks[0].controls, [control(300, 7, 90)]);
    assert_eq!(sounding.tracks[0].tempos, score.tracks[0].tempos);
    assert_eq!(sounding.tracks[1].programs, score.tracks[1].programs);
}

proptest! {
    /// Where a rule lets a string be in one note only, the file has room for all that sounds.
    #[test]
    fn sounding_keys_are_the_notes_of_the_rule(
        strokes in prop::collection::vec((58u8..62, 0.0..4.0f64, 0.01..1.0f64), 0..12),
        pedals in prop::collection::vec((0.0..5.0f64, 0u8..128), 0..6),
    ) {
        let notes = strokes.iter().map(|&(key, onset, length)| note(key, onset, onset + length, 64));
        let pedal = |&(time, value): &(f64, u8)| PedalEvent { time, pedal: Pedal::Sustain, value };
        let performance = Performance {
            notes: notes.collect(),
            pedals: pedals.iter().map(pedal).collect(),
        };
        let score = Score::from_performance(&performance);
        let sounding = read_back(&score.sounding(PedalRule::Default)).notes(PedalRule::None);
        let expected = score.notes(PedalRule::Default);
        prop_assert_eq!(sounding.len(), expected.len());
        for (got, expected) in sounding.iter().zip(&expected) {
            prop_assert_eq!(got.pitch(), expected.pitch());
            prop_assert!((got.onset() - expected.onset()).abs() < 1e-6);
            prop_assert!((got.offset() - expected.offset()).abs() < 2e-6);
        }
    }
}
