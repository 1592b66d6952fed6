//! Reading, on files written by hand.

use mir_midi::{Diagnostic, Error, Finding, PedalRule, Score, Strictness};

/// A header of 6 bytes: format, number of tracks, division.
fn header(format: u16, tracks: u16, division: u16) -> Vec<u8> {
    let mut bytes = b"MThd\0\0\0\x06".to_vec();
    for word in [format, tracks, division] {
        bytes.extend(word.to_be_bytes());
    }
    bytes
}

fn chunk(id: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = id.to_vec();
    bytes.extend((body.len() as u32).to_be_bytes());
    bytes.extend(body);
    bytes
}

const END: &[u8] = &[0, 0xff, 0x2f, 0];

/// A file of one track at 100 ticks a quarter note, so 200 ticks a second.
fn file(events: &[u8]) -> Vec<u8> {
    [header(0, 1, 100), chunk(b"MTrk", &[events, END].concat())].concat()
}

/// Pitch, onset, offset of every note, keys only.
fn notes(bytes: &[u8]) -> Vec<(f64, f64, f64)> {
    let (score, _) = Score::parse(bytes, Strictness::Lenient).unwrap();
    spans(&score)
}

fn spans(score: &Score) -> Vec<(f64, f64, f64)> {
    let notes = score.notes(PedalRule::None);
    notes.iter().map(|n| (n.pitch().midi(), n.onset(), n.offset())).collect()
}

fn findings(bytes: &[u8]) -> Vec<Diagnostic> {
    Score::parse(bytes, Strictness::Lenient).unwrap().1
}

#[test]
fn a_note_on_of_velocity_zero_ends_a_note() {
    let bytes = file(&[0, 0x90, 60, 80, 100, 60, 0]);
    assert_eq!(notes(&bytes), [(60.0, 0.0, 0.5)]);
    assert!(findings(&bytes).is_empty());
}

#[test]
fn one_release_ends_all_open_notes_of_its_key() {
    let bytes = file(&[0, 0x90, 60, 80, 50, 60, 70, 50, 60, 0]);
    assert_eq!(notes(&bytes), [(60.0, 0.0, 0.5), (60.0, 0.25, 0.5)]);
}

#[test]
fn a_release_at_the_tick_of_a_new_strike_ends_the_older_note() {
    // The release comes after the new note-on, as some sequencers write it.
    let bytes = file(&[0, 0x90, 60, 80, 100, 60, 70, 0, 60, 0, 100, 60, 0]);
    assert_eq!(notes(&bytes), [(60.0, 0.0, 0.5), (60.0, 0.5, 1.0)]);
}

#[test]
fn notes_without_length_are_left_out_and_reported() {
    let bytes = file(&[0, 0x90, 60, 80, 0, 60, 0, 0, 62, 80, 100, 62, 0]);
    assert_eq!(notes(&bytes), [(62.0, 0.0, 0.5)]);
    assert_eq!(findings(&bytes)[0].finding, Finding::ZeroLength(1));
}

#[test]
fn notes_never_ended_end_with_their_track() {
    let bytes = file(&[0, 0x90, 60, 80, 100, 62, 80, 100, 62, 0]);
    assert_eq!(notes(&bytes), [(60.0, 0.0, 1.0), (62.0, 0.5, 1.0)]);
    assert_eq!(findings(&bytes)[0].finding, Finding::NeverClosed(1));
    // It is legal, so strict reading accepts it.
    assert!(Score::parse(&bytes, Strictness::Strict).is_ok());
}

#[test]
fn releases_without_a_note_are_ignored() {
    assert!(notes(&file(&[0, 0x80, 60, 64, 10, 60, 64])).is_empty());
}

#[test]
fn tempo_counts_from_any_track() {
    let tempo = [100, 0xff, 0x51, 3, 0x0f, 0x42, 0x40]; // 1 s a quarter from tick 100 on
    let bytes = [
        header(1, 2, 100),
        chunk(b"MTrk", &[&[0, 0x90, 60, 80, 0x81, 0x48, 60, 0], END].concat()),
        chunk(b"MTrk", &[&tempo, END].concat()),
    ]
    .concat();
    assert_eq!(notes(&bytes), [(60.0, 0.0, 1.5)]);
}

#[test]
fn the_tracks_of_format_2_have_their_own_tempo() {
    let tempo = [0, 0xff, 0x51, 3, 0x0f, 0x42, 0x40];
    let note = [0, 0x90, 60, 80, 100, 60, 0];
    let bytes = [
        header(2, 2, 100),
        chunk(b"MTrk", &[&tempo, &note[..], END].concat()),
        chunk(b"MTrk", &[&note, END].concat()),
    ]
    .concat();
    assert_eq!(notes(&bytes), [(60.0, 0.0, 0.5), (60.0, 0.0, 1.0)]);
    assert_eq!(findings(&bytes)[0].finding, Finding::IndependentTracks);
}

#[test]
fn time_code_is_independent_of_tempo() {
    // −25 frames a second, 40 ticks each: milliseconds.
    let tempo = [0, 0xff, 0x51, 3, 0x0f, 0x42, 0x40];
    let body = [&tempo, &[0, 0x90, 60, 80, 100, 60, 0][..], END].concat();
    let bytes = [header(0, 1, 0xe728), chunk(b"MTrk", &body)].concat();
    assert_eq!(notes(&bytes), [(60.0, 0.0, 0.1)]);
}

#[test]
fn a_riff_wrapper_is_taken_off() {
    let midi = file(&[0, 0x90, 60, 80, 100, 60, 0]);
    let mut bytes = b"RIFF\0\0\0\0RMIDINFO\x01\0\0\0x\0data".to_vec();
    bytes.extend((midi.len() as u32).to_le_bytes());
    bytes.extend(&midi);
    assert_eq!(notes(&bytes), [(60.0, 0.0, 0.5)]);
    assert!(matches!(
        Score::parse(b"RIFF\0\0\0\0WAVEfmt ", Strictness::Lenient),
        Err(Error::Unsupported { offset: 8, .. })
    ));
    assert!(matches!(
        Score::parse(b"RIFF\0\0\0\0RMIDINFO\xff\xff\xff\xff", Strictness::Lenient),
        Err(Error::NotMidi { .. })
    ));
}

#[test]
fn a_pedal_acts_on_its_own_channel() {
    let events = [
        0, 0xb0, 64, 127, 0, 0x90, 60, 80, 0, 0x91, 64, 80, 100, 0x80, 60, 0, 0, 0x81, 64, 0, 100,
        0xb0, 64, 0,
    ];
    let (score, _) = Score::parse(&file(&events), Strictness::Strict).unwrap();
    let ends: Vec<f64> = score.notes(PedalRule::Default).iter().map(|n| n.offset()).collect();
    assert_eq!(ends, [1.0, 0.5]);
    assert_eq!(score.channels().len(), 2);
    assert_eq!(score.performance().notes.len(), 2);
    assert!((score.duration() - 1.0).abs() < 1e-12);
}

/// A defect, the bytes that have it, and where it is. Strict reading refuses, lenient reads the note.
#[test]
fn defects_are_located_repaired_and_strictly_refused() {
    let note: &[u8] = &[0, 0x90, 60, 80, 100, 60, 0];
    let good = file(note);
    let mut wrong_count = good.clone();
    wrong_count[11] = 7;
    let mut unknown_format = good.clone();
    unknown_format[9] = 9;
    let cases: Vec<(&str, Vec<u8>, usize, Finding)> = vec![
        (
            "truncated",
            good[..good.len() - 1].to_vec(),
            18,
            Finding::TruncatedChunk { declared: 11, available: 10 },
        ),
        ("track count", wrong_count, 10, Finding::TrackCount { declared: 7, found: 1 }),
        ("format", unknown_format, 8, Finding::UnknownFormat(9)),
        ("bytes at the end", [&good[..], b"abc"].concat(), 33, Finding::TrailingBytes(3)),
        (
            "no end of track",
            [header(0, 1, 100), chunk(b"MTrk", note)].concat(),
            29,
            Finding::MissingEndOfTrack,
        ),
        (
            "after the end",
            [header(0, 1, 100), chunk(b"MTrk", &[note, END, &[1, 2]].concat())].concat(),
            33,
            Finding::AfterEndOfTrack(2),
        ),
        ("second header", [good.clone(), header(0, 1, 100)].concat(), 41, Finding::SecondHeader),
        (
            "illegal status",
            file(&[&[0, 0xf2, 1, 2][..], note].concat()),
            22,
            Finding::IllegalStatus(0xf2),
        ),
        (
            "running status after a text",
            file(&[0, 0x90, 60, 80, 0, 0xff, 1, 1, b'x', 100, 60, 0]),
            31,
            Finding::RunningStatus,
        ),
        (
            "unreadable",
            file(&[note, &[0, 0x90, 60, 0xff]].concat()),
            29,
            Finding::UnreadableEvent { lost: 8 },
        ),
        (
            "zero tempo",
            file(&[&[0, 0xff, 0x51, 3, 0, 0, 0][..], note].concat()),
            22,
            Finding::ZeroTempo,
        ),
        (
            "a number of five bytes",
            file(&[&[0x80, 0x80, 0x80, 0x80, 0][..], &note[1..]].concat()),
            22,
            Finding::LongNumber,
        ),
        (
            "a short tempo",
            file(&[&[0, 0xff, 0x51, 2, 1, 1][..], note].concat()),
            22,
            Finding::MetaLength { kind: 0x51, expected: 3, actual: 2 },
        ),
        (
            "a key of nine sharps",
            file(&[&[0, 0xff, 0x59, 2, 9, 0][..], note].concat()),
            22,
            Finding::KeySignature { sharps: 9, mode: 0 },
        ),
    ];
    for (case, bytes, offset, finding) in cases {
        assert_eq!(notes(&bytes), [(60.0, 0.0, 0.5)], "{case}");
        let expected = Diagnostic { offset, finding };
        let found = findings(&bytes);
        assert!(found.contains(&expected), "{case}: {expected}, found {found:?}");
        let strict = Score::parse(&bytes, Strictness::Strict);
        assert!(matches!(strict, Err(Error::Defect { .. })), "{case}");
    }
}

#[test]
fn what_is_no_midi_file_is_refused() {
    for bytes in [&b""[..], b"MThd", b"hello, world", b"MThd\0\0\0\x02\0\0", &[0; 100]] {
        let result = Score::parse(bytes, Strictness::Lenient);
        assert!(matches!(result, Err(Error::NotMidi { .. })), "{bytes:?}");
    }
    // No ticks in a quarter note; −7 frames a second; no ticks in a frame.
    for division in [0, 0xf928, 0xe700] {
        let result = Score::parse(&header(0, 0, division), Strictness::Lenient);
        assert!(matches!(result, Err(Error::NotMidi { offset: 12, .. })), "{division:x}");
    }
    assert!(matches!(
        Score::parse(b"SMF2CLIP\0\x40\0\0", Strictness::Lenient),
        Err(Error::Unsupported { offset: 0, .. })
    ));
    assert!(matches!(Score::read("/nonexistent/a.mid"), Err(Error::Io { .. })));
}

#[test]
fn karaoke_tags_are_refused_where_they_stand_in_such_files() {
    let tag = |delta: u8| file(&[delta, 0xff, 1, 3, b'@', b'T', b'x']);
    assert!(matches!(
        Score::parse(&tag(0), Strictness::Lenient),
        Err(Error::Unsupported { offset: 22, .. })
    ));
    let (score, _) = Score::parse(&tag(1), Strictness::Strict).unwrap();
    assert_eq!(score.tracks[0].texts[0].bytes, b"@Tx");
}

#[test]
fn unknown_chunks_are_skipped_in_both_modes() {
    let bytes = [
        header(0, 1, 100),
        chunk(b"XFIH", b"1234"),
        file(&[0, 0x90, 60, 80, 100, 60, 0])[14..].to_vec(),
    ]
    .concat();
    let (score, found) = Score::parse(&bytes, Strictness::Strict).unwrap();
    assert_eq!(spans(&score).len(), 1);
    assert_eq!(found[0].finding, Finding::UnknownChunk(*b"XFIH"));
}

#[test]
fn absurdly_late_events_are_left_out() {
    // Forty deltas of 2^28 − 1 ticks at 16.7 s a quarter of one tick: some 5000 years.
    let mut events = vec![0, 0xff, 0x51, 3, 0xff, 0xff, 0xff, 0, 0x90, 60, 80, 1, 60, 0];
    for _ in 0..40 {
        events.extend([0xff, 0xff, 0xff, 0x7f, 0xb0, 1, 1]);
    }
    events.extend([0, 0x90, 61, 80, 1, 61, 0]);
    let bytes = [header(0, 1, 1), chunk(b"MTrk", &[&events[..], END].concat())].concat();
    let kept = notes(&bytes);
    assert_eq!(kept.len(), 1);
    // The controllers, the note, and the end of the track.
    assert_eq!(findings(&bytes)[0].finding, Finding::TooLate(42));
    let strict = Score::parse(&bytes, Strictness::Strict);
    assert!(matches!(strict, Err(Error::Defect { .. })));
}

#[test]
fn findings_are_listed_up_to_a_limit() {
    let events = [0u8, 0xf6].repeat(5000);
    let found = findings(&file(&events));
    assert_eq!(found.len(), 1001);
    assert_eq!(found[1000].finding, Finding::Suppressed(4000));
}
