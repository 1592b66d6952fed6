//! Any bytes as a MIDI file: read both ways, played under every pedal rule, written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mir_midi::{PedalRule, Score, Strictness};

fuzz_target!(|bytes: &[u8]| {
    let strict = Score::parse(bytes, Strictness::Strict);
    let Ok((score, findings)) = Score::parse(bytes, Strictness::Lenient) else {
        assert!(strict.is_err(), "strict reading accepts what lenient reading refuses");
        return;
    };
    if let Ok((strict, _)) = strict {
        assert_eq!(strict, score);
        assert!(findings.iter().all(|diagnostic| !diagnostic.finding.is_defect()));
    }
    for rule in PedalRule::ALL {
        assert!(score.notes(rule).iter().all(|note| note.offset().is_finite()));
    }
    // A silence may be too long to be written; what is written is in order.
    if let Ok(written) = score.to_bytes() {
        let (again, _) = Score::parse(&written, Strictness::Strict).expect("written files are clean");
        assert_eq!(again.notes(PedalRule::None), score.notes(PedalRule::None));
    }
});
