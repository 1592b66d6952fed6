//! Scores played with recorded notes, and the ways in which parts can be played.

use std::collections::HashSet;

use mir_core::{AudioBuffer, Interval, Key, Note, SampleRate, Velocity};
use mir_datasets::{
    Error,
    sampled::{
        Combination, Factors, NoteBank, NoteKey, NoteLevel, PartPlan, RenderConfig, SampledNote,
        combinations, render,
    },
};

const RATE: SampleRate = SampleRate::HZ_16000;

fn key(pitch: u8, level: NoteLevel) -> NoteKey {
    NoteKey { instrument: "violin".to_owned(), pitch, level, style: "NO".to_owned(), make: 1 }
}

/// A scale of sines with silence between them, as such collections record it.
fn bank() -> NoteBank {
    let (mut samples, mut intervals) = (vec![0.0f32; 800], Vec::new());
    for pitch in 60..67 {
        let start = samples.len();
        let step = std::f64::consts::TAU * Key::new(pitch).unwrap().pitch().hz() / 16_000.0;
        samples.extend((0..8_000).map(|n| 0.5 * (step * f64::from(n)).sin() as f32));
        intervals
            .push(Interval::new(RATE.seconds(start - 400), RATE.seconds(samples.len())).unwrap());
        samples.extend([0.0; 1_600]);
    }
    let mut bank = NoteBank::new();
    let audio = AudioBuffer::mono(RATE, samples);
    bank.add_scale(&key(60, NoteLevel::Forte), &audio, &intervals).unwrap();
    assert_eq!(bank.len(), 7);
    bank
}

fn part(notes: &[(u8, f64, f64)], delay: f64) -> PartPlan {
    let note = |&(pitch, onset, offset): &(u8, f64, f64)| {
        Note::new(onset, offset, Key::new(pitch).unwrap().pitch(), Velocity::MEDIUM).unwrap()
    };
    PartPlan {
        instrument: "violin".to_owned(),
        notes: notes.iter().map(note).collect(),
        manner: Combination { delay, level: NoteLevel::Forte, style: "NO".to_owned(), make: 1 },
    }
}

#[test]
fn notes_sound_where_the_score_says_and_are_added() {
    let bank = bank();
    let parts = [part(&[(60, 0.1, 0.3), (64, 0.2, 0.4)], 0.0), part(&[(62, 0.5, 0.6)], 0.1)];
    let rendering = render(&parts, &bank, RATE, RenderConfig::default()).unwrap();
    assert!(rendering.replaced.is_empty());
    assert!((rendering.notes[1][0].onset() - 0.6).abs() < 1e-12);
    let level = |stem: usize, from: f64, to: f64| {
        let samples = &rendering.stems[stem].channel(0)[RATE.sample_at(from)..RATE.sample_at(to)];
        samples.iter().fold(0.0f32, |peak, x| peak.max(x.abs()))
    };
    for (stem, from, to, loud) in [
        (0, 0.0, 0.09, 0.0),
        (0, 0.11, 0.19, 0.5),
        (0, 0.22, 0.29, 1.0),
        (0, 0.33, 0.39, 0.5),
        (0, 0.43, 0.6, 0.0),
        (1, 0.0, 0.59, 0.0),
        (1, 0.61, 0.69, 0.5),
    ] {
        assert!((level(stem, from, to) - loud).abs() < 0.12, "{stem} {from} {to}");
    }
    for (n, &mix) in rendering.mix.channel(0).iter().enumerate() {
        let sum: f32 = rendering.stems.iter().map(|stem| stem.channel(0)[n]).sum();
        assert_eq!(mix.to_bits(), (sum + 0.0).to_bits());
    }
}

#[test]
fn what_is_missing_is_replaced_and_reported() {
    let bank = bank();
    let soft = bank.find(&key(61, NoteLevel::Piano)).unwrap();
    assert_eq!(soft.replaced.unwrap().taken, key(61, NoteLevel::Forte));
    let low = bank.find(&key(58, NoteLevel::Forte)).unwrap();
    assert_eq!(low.replaced.unwrap().taken.pitch, 60);
    // Its period is that of the pitch that was wanted.
    let samples = low.audio.channel(0);
    let middle = &samples[2_000..6_000];
    let crossings = middle.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
    let hz = crossings as f64 * 16_000.0 / 4_000.0;
    assert!((hz - Key::new(58).unwrap().pitch().hz()).abs() < 6.0, "{hz}");
    for wanted in [57, 69] {
        assert!(matches!(bank.find(&key(wanted, NoteLevel::Forte)), Err(Error::NoNote { .. })));
    }
    let rendering = render(
        &[part(&[(68, 0.0, 0.1), (68, 0.2, 0.3)], 0.0)],
        &bank,
        RATE,
        RenderConfig::default(),
    );
    assert_eq!(rendering.unwrap().replaced.len(), 1);
}

#[test]
fn other_rates_and_impossible_settings_are_refused() {
    let mut bank = bank();
    let other = AudioBuffer::mono(SampleRate::HZ_44100, vec![0.1; 10]);
    assert!(matches!(
        bank.add(SampledNote { key: key(70, NoteLevel::Forte), audio: other }),
        Err(Error::SampleRate { .. })
    ));
    let parts = [part(&[(60, 0.0, 0.1)], 0.0)];
    let at = |rate, config| render(&parts, &bank, rate, config);
    assert!(matches!(
        at(SampleRate::HZ_44100, RenderConfig::default()),
        Err(Error::SampleRate { .. })
    ));
    let config = RenderConfig { attack: -1.0, ..RenderConfig::default() };
    assert!(matches!(at(RATE, config), Err(Error::InvalidConfig { field: "attack", .. })));
    let late = [part(&[(60, 0.0, 0.1)], f64::NAN)];
    assert!(matches!(
        render(&late, &bank, RATE, RenderConfig::default()),
        Err(Error::InvalidConfig { field: "delay", .. })
    ));
}

fn factors(delays: &[f64], levels: usize, makes: u8) -> Factors {
    Factors {
        delays: delays.to_vec(),
        levels: Factors::default().levels[..levels].to_vec(),
        styles: vec!["NO".to_owned()],
        makes: (1..=makes).collect(),
    }
}

fn all(factors: Factors, sample: Option<usize>) -> Vec<String> {
    combinations(factors, 4, sample, 3).map(|parts| format!("{parts:?}")).collect()
}

#[test]
fn the_counts_are_those_of_the_published_sets() {
    for (factors, expected) in [
        (factors(&[0.0, 0.1, 0.2], 3, 3), 421_200),
        (factors(&[0.0], 3, 3), 3_024),
        (factors(&[0.0, 0.1, 0.2], 1, 1), 78),
        (factors(&[0.0, 0.2], 1, 1), 14),
        (factors(&[0.0], 1, 1), 1),
        (factors(&[], 1, 1), 0),
    ] {
        assert_eq!(combinations(factors.clone(), 4, None, 0).len(), expected, "{factors:?}");
    }
}

#[test]
fn all_ways_are_different() {
    for (factors, expected) in
        [(factors(&[0.0], 3, 3), 3_024), (factors(&[0.0, 0.1, 0.2], 1, 1), 78)]
    {
        let distinct: HashSet<String> = all(factors, None).into_iter().collect();
        assert_eq!(distinct.len(), expected);
    }
}

#[test]
fn a_sample_has_no_way_twice_and_follows_its_seed() {
    let some = all(Factors::default(), Some(400));
    assert_eq!(some.iter().collect::<HashSet<_>>().len(), 400);
    assert_eq!(some, all(Factors::default(), Some(400)));
    let other: Vec<String> =
        combinations(Factors::default(), 4, Some(400), 4).map(|c| format!("{c:?}")).collect();
    assert_ne!(some, other);
    assert_eq!(all(factors(&[0.0, 0.2], 1, 1), Some(400)).len(), 14);
}
