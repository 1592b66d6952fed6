//! Writing, and reading back.

use mir_core::{Key, Note, Pitch, Velocity};
use mir_midi::{Error, Pedal, PedalEvent, PedalRule, Performance, Score, Strictness};
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

/// Byte for byte, so that a change of the format shows.
#[test]
fn a_small_file_is_written_as_the_specification_says() {
    let performance = Performance {
        notes: vec![note(60, 0.0, 0.5, 80), note(60, 0.5, 1.0, 0)],
        pedals: vec![PedalEvent { time: 0.5, pedal: Pedal::Sustain, value: 127 }],
    };
    let bytes = Score::from_performance(&performance).to_bytes().unwrap();
    let expected: &[u8] = &[
        b'M', b'T', b'h', b'd', 0, 0, 0, 6, 0, 0, 0, 1, 0x01, 0xe0, //
        b'M', b'T', b'r', b'k', 0, 0, 0, 34, //
        0, 0xff, 0x51, 3, 0x07, 0xa1, 0x20, // tempo 500 000
        0, 0x90, 60, 80, //
        0x83, 0x60, 0x80, 60, 64, // 480 ticks on: the release comes first,
        0, 0xb0, 64, 127, // then the pedal,
        0, 0x90, 60, 1, // then the new note, of an audible velocity
        0x83, 0x60, 0x80, 60, 64, //
        0, 0xff, 0x2f, 0,
    ];
    assert_eq!(bytes[22..], expected[22..]);
    assert_eq!(bytes[..18], expected[..18]);
    assert_eq!(usize::from(bytes[21]), bytes.len() - 22);
}

#[test]
fn times_are_rounded_to_the_nearest_tick() {
    let score = Score::from_notes(&[note(60, 0.0104, 0.0105, 1)]);
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
fn another_tempo_stretches_time() {
    let score = Score::from_notes(&[note(60, 1.0, 2.0, 64)]).with_tempo(60.0).unwrap();
    assert_eq!(read_back(&score).notes(PedalRule::None), [note(60, 2.0, 4.0, 64)]);
    for tempo in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        let result = Score::from_notes(&[]).with_tempo(tempo);
        assert!(matches!(result, Err(Error::Limit { .. })), "{tempo}");
    }
}

#[test]
fn a_silence_too_long_for_the_format_is_an_error() {
    let score = Score::from_notes(&[note(60, 1e6, 1e6, 1)]);
    assert!(matches!(score.to_bytes(), Err(Error::Limit { .. })));
    assert!(matches!(
        Score::from_notes(&[note(60, 1e300, 1e300, 1)]).to_bytes(),
        Err(Error::Limit { .. })
    ));
}

#[test]
fn files_are_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mid");
    Score::from_notes(&[note(60, 0.0, 1.0, 64)]).write(&path).unwrap();
    assert_eq!(mir_midi::read_notes(&path, PedalRule::None).unwrap(), [note(60, 0.0, 1.0, 64)]);
    let bad = Score::from_notes(&[note(60, 1e6, 1e6, 1)]).write(&path);
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
        let half_tick = 0.5 / 960.0 + 1e-9;
        for (got, want) in read.performance().pedals.iter().zip({
            let mut sorted = performance.pedals.clone();
            sorted.sort_by(|a, b| a.time.total_cmp(&b.time));
            sorted
        }) {
            prop_assert!((got.time - want.time).abs() < half_tick);
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
                && (b.onset() - n.onset()).abs() < half_tick
                && (b.offset() - n.offset()).abs() < 3.0 * half_tick
                && b.velocity() == n.velocity()));
        }
    }
}
