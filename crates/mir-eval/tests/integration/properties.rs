//! What has to hold for every input.

use mir_eval::{
    Key, NamedScores, Note, Pitch, Velocity,
    beat::{self, BeatConfig},
    chord::{self, Chord, Comparison},
    melody::{self, MelodyConfig, MelodySeries},
    multipitch::{self, MultipitchConfig},
    pattern::{self, PatternConfig},
    segment::{Contingency, frame_labels},
    transcription::{self, NoteScores, TranscriptionConfig},
    transcription_velocity::{self, TranscriptionVelocityConfig},
};
use proptest::prelude::*;

/// Times on a grid of 1/64 s, which binary numbers hold exactly: sums and shifts do not round.
fn notes() -> impl Strategy<Value = Vec<Note>> {
    let note = (0u32..400, 1u32..90, 55u8..65, 1u8..128).prop_map(|(on, length, key, velocity)| {
        let seconds = |x: u32| f64::from(x) / 64.0;
        let pitch = Key::new(key).unwrap().pitch();
        let velocity = Velocity::new(velocity).unwrap();
        Note::new(seconds(on), seconds(on + length), pitch, velocity).unwrap()
    });
    prop::collection::vec(note, 0..40)
}

fn evaluate(reference: &[Note], estimate: &[Note]) -> transcription::TranscriptionScores {
    transcription::evaluate(reference, estimate, &TranscriptionConfig::default()).unwrap()
}

fn in_unit(scores: &NoteScores) -> bool {
    [scores.precision, scores.recall, scores.f1].iter().all(|s| (0.0..=1.0).contains(s))
}

fn swapped(a: &NoteScores, b: &NoteScores) -> bool {
    a.counts.matched == b.counts.matched
        && a.counts.reference == b.counts.estimated
        && (a.precision - b.recall).abs() < 1e-15
        && (a.f1 - b.f1).abs() < 1e-15
}

proptest! {
    #[test]
    fn scores_are_fractions_and_offsets_only_cost(r in notes(), e in notes()) {
        let scores = evaluate(&r, &e);
        let with_offset = scores.note_with_offset.unwrap();
        prop_assert!(in_unit(&scores.note) && in_unit(&with_offset));
        prop_assert!(with_offset.counts.matched <= scores.note.counts.matched);
        prop_assert!(scores.note.counts.matched <= scores.onset.counts.matched);
        prop_assert!(scores.note.overlap <= 1.0);
    }

    #[test]
    fn one_search_scores_every_tolerance(r in notes(), e in notes(), strict: bool) {
        let tolerances = [0.1, 0.0, 0.05, 0.03];
        let config = TranscriptionConfig { strict, ..TranscriptionConfig::default() };
        let scores = transcription::evaluate_at(&r, &e, &tolerances, &config).unwrap();
        prop_assert_eq!(scores.len(), tolerances.len());
        for (&onset_tolerance, scores) in tolerances.iter().zip(scores) {
            let config = TranscriptionConfig { onset_tolerance, ..config.clone() };
            prop_assert_eq!(scores, transcription::evaluate(&r, &e, &config).unwrap());
        }
    }

    #[test]
    fn onsets_and_offsets_are_matched_as_often_as_they_are_counted(r in notes(), e in notes()) {
        let config = TranscriptionConfig::default();
        let scores = evaluate(&r, &e);
        let intervals = |notes: &[Note]| -> Vec<[f64; 2]> {
            notes.iter().map(|n| [n.onset(), n.offset()]).collect()
        };
        let (r, e) = (intervals(&r), intervals(&e));
        let onsets = transcription::match_note_onsets(&r, &e, &config).unwrap();
        let offsets = transcription::match_note_offsets(&r, &e, &config).unwrap();
        prop_assert_eq!(onsets.len(), scores.onset.counts.matched);
        prop_assert_eq!(offsets.len(), scores.offset.unwrap().counts.matched);
    }

    #[test]
    fn equal_lists_score_one(r in notes().prop_filter("something to score", |n| !n.is_empty())) {
        let scores = evaluate(&r, &r);
        for score in [scores.note, scores.note_with_offset.unwrap()] {
            prop_assert!((score.f1 - 1.0).abs() < 1e-15);
        }
        prop_assert!((scores.onset.f1 - 1.0).abs() < 1e-15);
        prop_assert!((scores.offset.unwrap().f1 - 1.0).abs() < 1e-15);
    }

    #[test]
    fn swapping_the_sides_swaps_precision_and_recall(r in notes(), e in notes()) {
        // Not so with offset: its tolerance is a fraction of the *reference's* duration.
        prop_assert!(swapped(&evaluate(&r, &e).note, &evaluate(&e, &r).note));
    }

    #[test]
    fn order_and_a_common_shift_do_not_matter(r in notes(), e in notes(), shift in 0u32..640) {
        let shift = f64::from(shift) / 64.0;
        let moved = |notes: &[Note]| notes.iter().rev().map(|n| n.shifted(shift)).collect::<Vec<_>>();
        let (before, after) = (evaluate(&r, &e), evaluate(&moved(&r), &moved(&e)));
        prop_assert_eq!(before.note.counts, after.note.counts);
        prop_assert_eq!(before.onset, after.onset);
        prop_assert_eq!(before.offset, after.offset);
        let counts = |s: &transcription::TranscriptionScores| s.note_with_offset.unwrap().counts;
        prop_assert_eq!(counts(&before), counts(&after));
    }

    #[test]
    fn velocity_only_costs(r in notes(), e in notes()) {
        let config = TranscriptionVelocityConfig::default();
        let scores = transcription_velocity::evaluate(&r, &e, &config).unwrap();
        prop_assert!(scores.note.counts.matched <= evaluate(&r, &e).note.counts.matched);
    }

    #[test]
    fn the_gain_of_an_instrument_does_not_matter(raw in prop::collection::vec(0u8..64, 1..40)) {
        let play = |gain: u8| -> Vec<Note> {
            let note = |(i, &v): (usize, &u8)| {
                let pitch = Key::new(60).unwrap().pitch();
                Note::new(i as f64, i as f64 + 0.5, pitch, Velocity::new(gain * v).unwrap()).unwrap()
            };
            raw.iter().enumerate().map(note).collect()
        };
        let config = TranscriptionVelocityConfig::default();
        let scores = transcription_velocity::evaluate(&play(1), &play(2), &config).unwrap();
        prop_assert_eq!(scores.note.counts.matched, raw.len());
    }

    #[test]
    fn frames_keep_their_sums(
        r in prop::collection::vec(prop::collection::vec(40u8..80, 0..6), 1..30),
        e in prop::collection::vec(prop::collection::vec(40u8..80, 0..6), 1..30),
    ) {
        let series = |frames: &[Vec<u8>]| {
            let times = (0..frames.len()).map(|i| i as f64).collect();
            let pitch = |&k: &u8| Pitch::from_midi(f64::from(k)).unwrap();
            let pitches = frames.iter().map(|f| f.iter().map(pitch).collect()).collect();
            mir_eval::MultiF0::new(times, pitches).unwrap()
        };
        let config = MultipitchConfig::default();
        let scores = multipitch::evaluate(&series(&r), &series(&e), &config).unwrap();
        for s in [scores.pitch, scores.chroma] {
            let c = s.counts;
            let n = c.entries;
            prop_assert_eq!(n.matched + c.substituted + c.missed, n.reference);
            prop_assert_eq!(n.matched + c.substituted + c.false_alarms, n.estimated);
            prop_assert!((s.total_error - s.substitution - s.miss - s.false_alarm).abs() < 1e-12);
        }
        prop_assert!(scores.pitch.counts.entries.matched <= scores.chroma.counts.entries.matched);
        let own = multipitch::evaluate(&series(&r), &series(&r), &config).unwrap();
        prop_assert_eq!(own.pitch.counts.entries.matched, own.pitch.counts.entries.reference);
    }

    #[test]
    fn melody_scores_are_fractions_and_an_octave_costs_no_chroma(
        cents in prop::collection::vec(prop::option::of(3000u32..7000), 1..60),
        octave in 0u32..2,
        guess in prop::collection::vec(any::<bool>(), 60),
    ) {
        let times: Vec<f64> = (0..cents.len()).map(|i| 0.01 * i as f64).collect();
        let hz = |cents: u32| 10.0 * (f64::from(cents) / 1200.0).exp2();
        let truth: Vec<f64> = cents.iter().map(|c| c.map_or(0.0, hz)).collect();
        let sung: Vec<f64> = cents
            .iter()
            .zip(&guess)
            .map(|(c, &sure)| c.map_or(0.0, |c| hz(c + 1200 * octave) * if sure { 1.0 } else { -1.0 }))
            .collect();
        let series = |hz| MelodySeries { times: &times, hz, voicing: None };
        let config = MelodyConfig::default();
        let scores = melody::evaluate_hz(series(&truth), series(&sung), &config).unwrap();
        prop_assert!(scores.entries().iter().all(|(_, s)| (0.0..=1.0).contains(s)));
        prop_assert!(scores.raw_pitch_accuracy <= scores.raw_chroma_accuracy);
        if scores.voiced > 0 {
            prop_assert!((scores.raw_chroma_accuracy - 1.0).abs() < 1e-12);
        }
        let own = melody::evaluate_hz(series(&truth), series(&truth), &config).unwrap();
        prop_assert!((own.overall_accuracy - 1.0).abs() < 1e-12);
    }

    #[test]
    fn beat_scores_are_bounded_and_a_common_shift_changes_nothing(
        r in prop::collection::vec(1u32..100, 0..40),
        e in prop::collection::vec(1u32..100, 0..40),
        shift in 0u32..640,
    ) {
        // On a grid of 1/64 s, so that a shift does not round.
        let beats = |steps: &[u32], from: u32| -> Vec<f64> {
            let sum = |at: &mut u32, step: &u32| { *at += step; Some(f64::from(*at) / 64.0) };
            steps.iter().scan(from + 320, sum).collect()
        };
        let config = BeatConfig::default();
        let scores = beat::evaluate(&beats(&r, 0), &beats(&e, 0), &config).unwrap();
        let moved = beat::evaluate(&beats(&r, shift), &beats(&e, shift), &config).unwrap();
        for ((name, score), (_, other)) in scores.entries().into_iter().zip(moved.entries()) {
            prop_assert!(score >= 0.0 && (score <= 1.0 + 1e-12 || name == "P-score"), "{name}: {score}");
            prop_assert!((score - other).abs() < 1e-9, "{name}: {score} and {other}");
        }
        prop_assert!(scores.correct_continuous <= scores.correct_total);
        prop_assert!(scores.correct_total <= scores.any_total);
        prop_assert!(scores.cemgil <= scores.cemgil_best);
    }

    #[test]
    fn equal_beats_score_one(steps in prop::collection::vec(20u32..60, 5..40)) {
        let add = |at: &mut u32, step: &u32| { *at += step; Some(f64::from(*at) / 64.0) };
        let beats: Vec<f64> = steps.iter().scan(320, add).collect();
        let scores = beat::evaluate(&beats, &beats, &BeatConfig::default()).unwrap();
        for (name, score) in scores.entries() {
            prop_assert!((score - 1.0).abs() < 1e-9, "{name}: {score}");
        }
    }

    #[test]
    fn stricter_chord_rules_score_no_higher_and_transposition_changes_nothing(
        r in prop::collection::vec((0usize..12, 0usize..QUALITIES.len(), 1u32..40), 1..20),
        e in prop::collection::vec((0usize..12, 0usize..QUALITIES.len(), 1u32..40), 1..20),
        up in 0usize..12,
    ) {
        let play = |chords: &[(usize, usize, u32)], up: usize| {
            let (mut intervals, mut labels, mut at) = (Vec::new(), Vec::new(), 0.0);
            for &(root, quality, length) in chords {
                let end = at + f64::from(length) / 16.0;
                intervals.push([at, end]);
                labels.push(format!("{}:{}", ROOTS[(root + up) % 12], QUALITIES[quality]));
                at = end;
            }
            (intervals, labels)
        };
        let score = |up: usize| {
            let (r, e) = (play(&r, up), play(&e, up));
            chord::evaluate(&r.0, &r.1, &e.0, &e.1).unwrap()
        };
        let scores = score(0);
        prop_assert_eq!(scores, score(up));
        prop_assert!(scores.tetrads <= scores.triads && scores.triads <= scores.thirds);
        prop_assert!(scores.thirds <= scores.root && scores.tetrads_inv <= scores.tetrads);
        for (name, score) in scores.entries() {
            prop_assert!((-1e-12..=1.0 + 1e-12).contains(&score), "{name}: {score}");
        }
    }

    #[test]
    fn no_label_breaks_the_parser(label in "[A-HNX#b:/(),*0-9majindsu+ ]{0,16}") {
        // A chord is the same as itself under every rule that knows it.
        if let Ok(chord) = label.parse::<Chord>() {
            for rule in Comparison::ALL {
                prop_assert!(rule.compare(&chord, &chord) != Some(false), "{label}: {rule:?}");
            }
        }
    }

    #[test]
    fn pairs_of_frames_are_counted_as_one_by_one(
        frames in prop::collection::vec((0usize..4, 0usize..4), 2..60),
    ) {
        let (r, e): (Vec<usize>, Vec<usize>) = frames.into_iter().unzip();
        let (mut both, mut reference, mut estimated, mut agree, mut all) = (0, 0, 0, 0, 0);
        for i in 0..r.len() {
            for j in 0..i {
                let (same_r, same_e) = (r[i] == r[j], e[i] == e[j]);
                both += usize::from(same_r && same_e);
                reference += usize::from(same_r);
                estimated += usize::from(same_e);
                agree += usize::from(same_r == same_e);
                all += 1;
            }
        }
        let table = Contingency::new(&r, &e).unwrap();
        let counts = table.pairwise(1.0).counts;
        prop_assert_eq!((counts.matched, counts.reference, counts.estimated), (both, reference, estimated));
        prop_assert!((table.rand_index() - agree as f64 / all as f64).abs() < 1e-12);
    }

    #[test]
    fn names_of_labels_do_not_matter_and_exchanging_the_sides_exchanges_the_scores(
        frames in prop::collection::vec((0usize..4, 0usize..4), 2..60),
    ) {
        let (r, e): (Vec<usize>, Vec<usize>) = frames.into_iter().unzip();
        let renamed: Vec<usize> = e.iter().map(|label| 9 - 2 * label).collect();
        let scores = |r: &[usize], e: &[usize]| {
            let table = Contingency::new(r, e).unwrap();
            let (m, v) = (table.mutual_information(), table.v_measure(1.0));
            [m.raw, m.adjusted, m.normalized, table.adjusted_rand_index(), v.f_measure, v.over, v.under]
        };
        let plain = scores(&r, &e);
        for (name, value) in plain.iter().zip(scores(&r, &renamed)) {
            prop_assert!((name - value).abs() < 1e-9, "{plain:?}");
        }
        let mut swapped = scores(&e, &r);
        swapped.swap(5, 6);
        for (value, other) in plain.iter().zip(swapped) {
            prop_assert!((value - other).abs() < 1e-9, "{plain:?} and {swapped:?}");
        }
        let own = Contingency::new(&r, &r).unwrap();
        prop_assert!((own.adjusted_rand_index() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn frames_carry_the_label_of_their_segment(cuts in prop::collection::vec(1u32..50, 1..20)) {
        let end = |at: &mut u32, length: &u32| { *at += length; Some(f64::from(*at) * 0.25) };
        let ends: Vec<f64> = cuts.iter().scan(0, end).collect();
        let starts = std::iter::once(0.0).chain(ends.iter().copied());
        let intervals: Vec<[f64; 2]> = starts.zip(&ends).map(|(a, &b)| [a, b]).collect();
        let labels: Vec<String> = (0..intervals.len()).map(|i| format!("part {i}")).collect();
        let frames = frame_labels(&intervals, &labels, 0.25).unwrap();
        let expected: Vec<usize> = cuts.iter().enumerate()
            .flat_map(|(i, &length)| std::iter::repeat_n(i + 1, length as usize))
            .collect();
        prop_assert_eq!(frames, expected);
    }

    #[test]
    fn pattern_scores_are_fractions_and_equal_patterns_score_one(
        points in prop::collection::vec(prop::collection::vec(prop::collection::vec((0u8..20, 0u8..8), 1..6), 1..4), 1..5),
    ) {
        // A set of points: one that is written twice would count once in common and twice in length.
        let occurrence = |points: &Vec<(u8, u8)>| -> pattern::Occurrence {
            let unique: std::collections::BTreeSet<_> = points.iter().collect();
            unique.into_iter().map(|&(t, p)| [f64::from(t), f64::from(p)]).collect()
        };
        let patterns: Vec<pattern::Pattern> =
            points.iter().map(|p| p.iter().map(occurrence).collect()).collect();
        let config = PatternConfig::default();
        let own = pattern::evaluate(&patterns, &patterns, &config).unwrap();
        for score in [own.standard, own.establishment, own.occurrence[0], own.three_layer] {
            prop_assert!((score.f1 - 1.0).abs() < 1e-12, "{own:?}");
        }
        let other = pattern::evaluate(&patterns[..1], &patterns, &config).unwrap();
        let in_unit = |(name, s): &(&str, f64)| *name == "P" || (0.0..=1.0 + 1e-12).contains(s);
        prop_assert!(other.entries().iter().all(in_unit), "{other:?}");
    }
}

const ROOTS: [&str; 12] = ["C", "C#", "D", "Eb", "E", "F", "Gb", "G", "G#", "A", "Bb", "B"];
const QUALITIES: [&str; 10] =
    ["maj", "min", "7", "min7", "maj7", "dim", "aug", "sus4", "9", "maj6"];
