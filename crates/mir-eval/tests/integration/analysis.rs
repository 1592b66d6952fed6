//! Error analysis: the rules on small lists, and what has to hold for every pair of lists.

use mir_eval::{
    Counts, Error, Key, Note, Velocity,
    analysis::{
        Analysis, AnalysisConfig, ClassCounts, Judgement, NoteClass, NoteQuality, PassageConfig,
        PassageOrder, PrecisionRecall, ThresholdCounts, analyze, binned, confusions,
        worst_passages,
    },
    transcription::{self, TranscriptionConfig},
};
use proptest::prelude::*;

fn note(key: u8, onset: f64, offset: f64) -> Note {
    Note::new(onset, offset, Key::new(key).unwrap().pitch(), Velocity::MEDIUM).unwrap()
}

fn analyzed(reference: &[Note], estimate: &[Note]) -> Analysis {
    analyze(reference, estimate, &AnalysisConfig::default()).unwrap()
}

fn classes(judgements: &[Judgement]) -> Vec<NoteClass> {
    judgements.iter().map(|j| j.class).collect()
}

/// The classes of both lists.
fn both(reference: &[Note], estimate: &[Note]) -> (Vec<NoteClass>, Vec<NoteClass>) {
    let analysis = analyzed(reference, estimate);
    (classes(&analysis.reference), classes(&analysis.estimate))
}

#[test]
fn every_rule_has_its_example() {
    use NoteClass::{
        Correct, Doubled, FalseAlarm, Merged, Missed, Octave, Semitone, Split, Timing, Twelfth,
        WrongOffset,
    };
    let c = note(60, 1.0, 2.0);
    let at = |key, onset| note(key, onset, onset + 1.0);
    for (what, reference, estimate, expected) in [
        ("right", vec![c], vec![c], (vec![Correct], vec![Correct])),
        ("cut short", vec![c], vec![note(60, 1.0, 1.2)], (vec![WrongOffset], vec![WrongOffset])),
        ("late", vec![c], vec![at(60, 1.1)], (vec![Timing], vec![Timing])),
        ("too late", vec![c], vec![at(60, 1.2)], (vec![Missed], vec![FalseAlarm])),
        ("an octave high", vec![c], vec![at(72, 1.0)], (vec![Octave], vec![Octave])),
        ("two octaves low", vec![c], vec![at(36, 1.04)], (vec![Octave], vec![Octave])),
        ("a twelfth", vec![c], vec![at(79, 1.0)], (vec![Twelfth], vec![Twelfth])),
        ("a neighbour", vec![c], vec![at(59, 1.0)], (vec![Semitone], vec![Semitone])),
        ("a third", vec![c], vec![at(64, 1.0)], (vec![Missed], vec![FalseAlarm])),
        ("an octave, not together", vec![c], vec![at(72, 1.1)], (vec![Missed], vec![FalseAlarm])),
        ("a ghost octave", vec![c], vec![c, at(72, 1.0)], (vec![Correct], vec![Correct, Octave])),
        (
            "an octave swallowed",
            vec![c, at(72, 1.0)],
            vec![c],
            (vec![Correct, Octave], vec![Correct]),
        ),
        ("heard twice", vec![c], vec![c, at(60, 1.03)], (vec![Correct], vec![Correct, Doubled])),
        (
            "heard before and at its time",
            vec![c],
            vec![note(60, 0.88, 1.0), c],
            (vec![Correct], vec![Doubled, Correct]),
        ),
        (
            "cut in two",
            vec![c],
            vec![note(60, 1.0, 1.5), note(60, 1.5, 2.0)],
            (vec![WrongOffset], vec![WrongOffset, Split]),
        ),
        (
            "not struck again",
            vec![note(60, 1.0, 1.5), note(60, 1.5, 2.0)],
            vec![c],
            (vec![WrongOffset, Merged], vec![WrongOffset]),
        ),
        ("silence", vec![c], vec![], (vec![Missed], vec![])),
        ("noise", vec![], vec![c], (vec![], vec![FalseAlarm])),
        ("nothing", vec![], vec![], (vec![], vec![])),
    ] {
        assert_eq!(both(&reference, &estimate), expected, "{what}");
    }
}

#[test]
fn a_note_in_place_of_another_is_told_from_one_beside_it() {
    let (c, high) = (note(60, 0.0, 1.0), note(72, 0.0, 1.0));
    let instead = analyzed(&[c], &[high]).estimate[0];
    let expected =
        Judgement { class: NoteClass::Octave, partner: Some(0), interval: 12, one_to_one: true };
    assert_eq!(instead, expected);
    let beside = analyzed(&[c], &[c, high]).estimate[1];
    assert_eq!(beside, Judgement { one_to_one: false, ..expected });
    let swallowed = analyzed(&[c, high], &[c]).reference[1];
    assert_eq!(swallowed, Judgement { interval: -12, one_to_one: false, ..expected });

    let pieces = [analyzed(&[c], &[high]), analyzed(&[c], &[c, high]), analyzed(&[c, high], &[c])];
    let found: Vec<_> = confusions(&pieces)
        .into_iter()
        .map(|c| (c.interval, c.instead, c.ghosts, c.swallowed))
        .filter(|&(_, instead, ghosts, swallowed)| instead + ghosts + swallowed > 0)
        .collect();
    assert_eq!(found, [(-12, 0, 0, 1), (12, 1, 1, 0)]);
    let intervals: Vec<i32> = confusions([]).iter().map(|c| c.interval).collect();
    assert_eq!(intervals, [-24, -19, -12, -1, 1, 12, 19, 24]);
}

#[test]
fn bad_configurations_and_notes_are_refused() {
    let c = [note(60, 0.0, 1.0)];
    for timing_tolerance in [0.01, f64::NAN, f64::INFINITY] {
        let config = AnalysisConfig { timing_tolerance, ..AnalysisConfig::default() };
        let refused = analyze(&c, &c, &config);
        assert!(matches!(refused, Err(Error::Config { field: "timing_tolerance", .. })));
    }
    let empty = [note(60, 1.0, 1.0)];
    let refused = analyze(&c, &empty, &AnalysisConfig::default());
    assert!(matches!(refused, Err(Error::EmptyNote { .. })));

    let analysis = analyzed(&c, &c);
    for boundaries in [vec![1.0, 1.0], vec![2.0, 1.0], vec![f64::NAN]] {
        let refused = binned(&[(&c, &c, &analysis)], NoteQuality::Pitch, &boundaries);
        assert!(matches!(refused, Err(Error::Config { field: "boundaries", .. })));
    }
    let other = binned(&[(&c, &[], &analysis)], NoteQuality::Pitch, &[60.0]);
    assert!(matches!(other, Err(Error::Length { .. })));
    for config in [
        PassageConfig { seconds: 0.0, ..PassageConfig::default() },
        PassageConfig { step: 1e-9, ..PassageConfig::default() },
        PassageConfig { step: 9.0, ..PassageConfig::default() },
        PassageConfig { least_notes: 0, ..PassageConfig::default() },
    ] {
        let refused = worst_passages(&c, &c, &analysis, &config);
        assert!(matches!(refused, Err(Error::Config { .. })), "{config:?}");
    }
    let (one, two) = (ThresholdCounts { threshold: 0.1, counts: Counts::default() }, 0.2);
    let two = ThresholdCounts { threshold: two, ..one };
    let nan = ThresholdCounts { threshold: f64::NAN, ..one };
    for pieces in [vec![vec![one], vec![two]], vec![vec![one, one]], vec![vec![nan]]] {
        let refused = PrecisionRecall::new(pieces);
        assert!(matches!(refused, Err(Error::Config { field: "threshold", .. })));
    }
}

#[test]
fn curves_over_thresholds_are_pooled() {
    let at = |threshold, matched, estimated| ThresholdCounts {
        threshold,
        counts: Counts { matched, reference: 10, estimated },
    };
    let pieces = [vec![at(0.5, 4, 8), at(0.3, 6, 9)], vec![at(0.3, 8, 20), at(0.5, 8, 8)]];
    let curve = PrecisionRecall::new(pieces).unwrap();
    let half = Counts { matched: 12, reference: 20, estimated: 16 };
    assert_eq!(curve.points()[1], ThresholdCounts { threshold: 0.5, counts: half });
    assert_eq!(curve.best().unwrap().counts, half);
    assert_eq!(curve.nearest(0.32), curve.points().first());
    let empty = PrecisionRecall::new(Vec::<Vec<ThresholdCounts>>::new()).unwrap();
    assert_eq!((empty.best(), empty.nearest(0.5)), (None, None));
}

#[test]
fn a_perfect_piece_has_no_worst_passage() {
    let notes: Vec<Note> = (0..50).map(|i| note(60, f64::from(i), f64::from(i) + 0.9)).collect();
    let analysis = analyzed(&notes, &notes);
    let worst = worst_passages(&notes, &notes, &analysis, &PassageConfig::default()).unwrap();
    assert_eq!(worst, []);
    // An hour of silence between two notes costs no time and no memory.
    let far = [note(60, 0.0, 1.0), note(60, 1e9, 1e9 + 1.0)];
    let config = PassageConfig { least_notes: 1, ..PassageConfig::default() };
    let worst = worst_passages(&far, &[], &analyzed(&far, &[]), &config).unwrap();
    assert_eq!(worst.len(), 2);
}

/// Few keys and coarse times, so that notes meet; on a grid of 1/64 s, which binary numbers hold exactly.
fn notes() -> impl Strategy<Value = Vec<Note>> {
    let keys = prop::sample::select(vec![48u8, 60, 61, 72, 79, 84]);
    let note = (0u32..300, 1u32..60, keys, 1u8..128).prop_map(|(on, length, key, velocity)| {
        let seconds = |x: u32| f64::from(x) / 64.0;
        let pitch = Key::new(key).unwrap().pitch();
        let velocity = Velocity::new(velocity).unwrap();
        Note::new(seconds(on), seconds(on + length), pitch, velocity).unwrap()
    });
    prop::collection::vec(note, 0..30)
}

fn interval(r: &Note, e: &Note) -> i32 {
    (e.pitch().midi() - r.pitch().midi()).round() as i32
}

fn apart(a: &Note, b: &Note) -> f64 {
    (a.onset() - b.onset()).abs()
}

fn class_of_interval(interval: i32) -> Option<NoteClass> {
    match interval.abs() {
        12 | 24 => Some(NoteClass::Octave),
        19 => Some(NoteClass::Twelfth),
        1 => Some(NoteClass::Semitone),
        _ => None,
    }
}

/// The definitions of the documentation, note by note: what a class claims holds, and no rule above it would
/// have applied. (On this grid no difference of onsets lies at a tolerance.)
fn check(r: &[Note], e: &[Note], analysis: &Analysis) {
    use NoteClass as C;
    let heard = |class: C| class.is_right() || class == C::Timing;
    let config = TranscriptionConfig::default();
    for (i, j) in analysis.reference.iter().enumerate() {
        let Some(k) = j.partner else { continue };
        let back = analysis.estimate[k];
        assert_eq!(j.one_to_one, back.partner == Some(i) && back.one_to_one, "{i}");
        if j.one_to_one {
            assert_eq!((back.class, back.interval), (j.class, j.interval));
        }
        let (distance, step) = (apart(&r[i], &e[k]), interval(&r[i], &e[k]));
        assert_eq!(step, j.interval);
        match j.class {
            C::Correct | C::WrongOffset => {
                assert!(step == 0 && distance < 0.05);
                let scores = transcription::evaluate(&r[i..=i], &e[k..=k], &config).unwrap();
                let offset_right = scores.note_with_offset.unwrap().counts.matched == 1;
                assert_eq!(j.class == C::Correct, offset_right);
            }
            C::Timing => assert!(step == 0 && (0.05..0.15).contains(&distance)),
            C::Merged => {
                let sounds = e[k].onset() < r[i].onset() && r[i].onset() < e[k].offset();
                assert!(step == 0 && heard(back.class) && (distance < 0.15 || sounds));
            }
            class => assert!(distance < 0.05 && class_of_interval(step) == Some(class)),
        }
    }
    for (k, j) in analysis.estimate.iter().enumerate() {
        let Some(i) = j.partner.filter(|_| !j.one_to_one) else { continue };
        let (distance, step) = (apart(&r[i], &e[k]), interval(&r[i], &e[k]));
        assert_eq!(step, j.interval);
        let inside = r[i].onset() < e[k].onset() && e[k].onset() < r[i].offset();
        match j.class {
            C::Doubled => assert!(step == 0 && distance < 0.15),
            C::Split => assert!(step == 0 && distance > 0.15 && inside),
            class => assert!(distance < 0.05 && class_of_interval(step) == Some(class)),
        }
        if matches!(j.class, C::Doubled | C::Split) {
            assert!(heard(analysis.reference[i].class));
        }
    }
    // No pair of leftovers that an earlier rule would have joined.
    let left = |j: &Judgement| !j.one_to_one;
    for (i, a) in analysis.reference.iter().enumerate().filter(|(_, a)| left(a)) {
        for (k, b) in analysis.estimate.iter().enumerate() {
            let (distance, step) = (apart(&r[i], &e[k]), interval(&r[i], &e[k]));
            if left(b) {
                assert!(step != 0 || distance > 0.15, "{i} and {k} have one pitch");
                assert!(class_of_interval(step).is_none() || distance > 0.05, "{i} and {k}");
            }
            if a.class == C::Missed {
                assert!(class_of_interval(step).is_none() || distance > 0.05, "{i} beside {k}");
            }
        }
    }
    for (k, b) in analysis.estimate.iter().enumerate() {
        for (i, a) in analysis.reference.iter().enumerate() {
            let (distance, step) = (apart(&r[i], &e[k]), interval(&r[i], &e[k]));
            let inside = r[i].onset() < e[k].onset() && e[k].onset() < r[i].offset();
            if b.class == C::FalseAlarm {
                let repeats = step == 0 && heard(a.class) && (distance < 0.15 || inside);
                assert!(!repeats, "{k} repeats {i}");
                assert!(class_of_interval(step).is_none() || distance > 0.05, "{k} beside {i}");
            }
        }
    }
}

/// Recall and precision of one bin by the definition.
fn slow_polyphony(notes: &[Note], index: usize) -> f64 {
    let t = notes[index].onset();
    notes.iter().filter(|n| n.onset() <= t + 0.05 && n.offset() > t).count() as f64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_judgement_follows_the_rules(r in notes(), e in notes()) {
        check(&r, &e, &analyzed(&r, &e));
    }

    #[test]
    fn the_classes_partition_the_notes(r in notes(), e in notes()) {
        let analysis = analyzed(&r, &e);
        let counts = analysis.classes();
        prop_assert_eq!(counts.reference.values().sum::<usize>(), r.len());
        prop_assert_eq!(counts.estimate.values().sum::<usize>(), e.len());
        for class in NoteClass::ALL {
            let (of_r, of_e) = (counts.of_reference(class), counts.of_estimate(class));
            match class {
                NoteClass::Correct | NoteClass::WrongOffset | NoteClass::Timing => {
                    prop_assert_eq!(of_r, of_e);
                }
                NoteClass::Merged | NoteClass::Missed => prop_assert_eq!(of_e, 0),
                NoteClass::Doubled | NoteClass::Split | NoteClass::FalseAlarm => {
                    prop_assert_eq!(of_r, 0);
                }
                _ => {}
            }
        }
        let scores = transcription::evaluate(&r, &e, &TranscriptionConfig::default()).unwrap();
        prop_assert_eq!(analysis.counts(), scores.note.counts);
        let with_offset = scores.note_with_offset.unwrap().counts.matched;
        prop_assert!(counts.of_reference(NoteClass::Correct) <= with_offset);
        let twice: ClassCounts = [counts.clone(), counts.clone()].into_iter().sum();
        prop_assert_eq!(twice.reference.values().sum::<usize>(), 2 * r.len());
    }

    #[test]
    fn equal_lists_are_correct(r in notes()) {
        // Notes of one key that begin together may be paired crosswise, and then end at another time.
        prop_assert!(analyzed(&r, &r).reference.iter().all(|j| j.class.is_right()));
        let mut apart = r;
        apart.sort_by(|a, b| (a.pitch().midi(), a.onset()).partial_cmp(&(b.pitch().midi(), b.onset())).unwrap());
        apart.dedup_by(|b, a| interval(a, b) == 0 && super::analysis::apart(a, b) < 0.06);
        prop_assert!(analyzed(&apart, &apart).reference.iter().all(|j| j.class == NoteClass::Correct));
    }

    #[test]
    fn bins_hold_every_note_once(r in notes(), e in notes(), cut in 1.0f64..100.0) {
        let analysis = analyzed(&r, &e);
        let pieces = [(&r[..], &e[..], &analysis); 2];
        let counts = analysis.counts();
        for quality in [
            NoteQuality::Pitch, NoteQuality::Velocity, NoteQuality::Polyphony, NoteQuality::Duration,
        ] {
            for boundaries in [quality.boundaries(), vec![cut], vec![]] {
                let bins = binned(&pieces, quality, &boundaries).unwrap();
                let sum = |of: fn(&mir_eval::analysis::Bin) -> usize| bins.iter().map(of).sum::<usize>();
                prop_assert_eq!(sum(|b| b.reference), 2 * r.len());
                prop_assert_eq!(sum(|b| b.estimated), 2 * e.len());
                prop_assert_eq!(sum(|b| b.found), 2 * counts.matched);
                prop_assert_eq!(sum(|b| b.right), 2 * counts.matched);
                let correct = analysis.classes().of_reference(NoteClass::Correct);
                prop_assert_eq!(sum(|b| b.found_with_offset), 2 * correct);
            }
        }
        // One bin by hand: the notes of at least two voices.
        let bins = binned(&pieces[..1], NoteQuality::Polyphony, &[2.0]).unwrap();
        let many = (0..r.len()).filter(|&i| slow_polyphony(&r, i) >= 2.0);
        let found = many.clone().filter(|&i| analysis.reference[i].class.is_right()).count();
        prop_assert_eq!((bins[1].reference, bins[1].found), (many.count(), found));
    }

    #[test]
    fn passages_are_the_worst_of_all_windows(r in notes(), e in notes(), by_f1: bool) {
        let analysis = analyzed(&r, &e);
        let order = if by_f1 { PassageOrder::F1 } else { PassageOrder::Errors };
        let config = PassageConfig {
            seconds: 1.0, step: 0.25, count: 3, least_notes: 2, order,
        };
        let worst = worst_passages(&r, &e, &analysis, &config).unwrap();
        let count = |notes: &[Note], judged: &[Judgement], start: f64| {
            let inside = notes.iter().zip(judged).filter(|(n, _)| {
                start <= n.onset() && n.onset() < start + 1.0
            });
            let right = inside.clone().filter(|(_, j)| j.class.is_right()).count();
            (inside.count(), right)
        };
        let mut every: Vec<(usize, f64)> = Vec::new();
        for window in 0..40 {
            let start = 0.25 * f64::from(window);
            let (n, found) = count(&r, &analysis.reference, start);
            let (m, right) = count(&e, &analysis.estimate, start);
            let errors = n - found + m - right;
            if errors > 0 && n + m >= 2 {
                every.push((errors, (found + right) as f64 / (n + m) as f64));
            }
        }
        prop_assert_eq!(worst.is_empty(), every.is_empty());
        if let Some(first) = worst.first() {
            let best = if by_f1 {
                every.iter().map(|w| w.1).fold(1.0, f64::min)
            } else {
                every.iter().map(|w| w.0).max().unwrap() as f64
            };
            let value = if by_f1 { first.f1() } else { first.errors() as f64 };
            prop_assert!((value - best).abs() < 1e-12, "{} instead of {}", value, best);
        }
        for (i, a) in worst.iter().enumerate() {
            let (n, found) = count(&r, &analysis.reference, a.start);
            let (m, right) = count(&e, &analysis.estimate, a.start);
            prop_assert_eq!((a.reference, a.found, a.estimated, a.right), (n, found, m, right));
            prop_assert!(worst[..i].iter().all(|b| a.end <= b.start || b.end <= a.start));
        }
    }
}
