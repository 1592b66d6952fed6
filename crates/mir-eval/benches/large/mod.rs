//! Every task on one large input: what the benchmarks and the comparison with mir_eval share.

use mir_eval::{
    Cents, Key, NamedScores,
    alignment::{self, AlignmentConfig},
    beat::{self, BeatConfig},
    chord,
    hierarchy::{self, HierarchyConfig, Level},
    key,
    melody::{self, MelodyConfig, MelodySeries},
    multipitch::{self, MultipitchConfig},
    onset::{self, OnsetConfig},
    pattern::{self, Pattern, PatternConfig},
    segment::{self, SegmentConfig},
    tempo::{self, ReferenceTempo, TempoConfig},
    transcription::{self, TranscriptionConfig},
    transcription_velocity::{self, TranscriptionVelocityConfig, VelocityNotes},
};
use mir_testkit::signal::Random;
use serde_json::{Value, json};

#[path = "../data/mod.rs"]
mod data;

/// Names and values, as [`NamedScores::entries`] gives them.
pub(crate) type Entries = Vec<(&'static str, f64)>;

/// One task: what it is called in mir_eval, how large it is, its arguments there, and our evaluation.
pub(crate) struct Task {
    pub(crate) name: &'static str,
    pub(crate) size: &'static str,
    /// Positional arguments of `mir_eval.<name>.evaluate`; numbers become arrays there.
    #[allow(dead_code, reason = "the comparison reads it, the benchmark does not")]
    pub(crate) arguments: Value,
    pub(crate) evaluate: Box<dyn Fn() -> Entries>,
    /// What no implementation can leave out, where that is known: a floor of the time.
    #[allow(dead_code, reason = "the comparison times it, the benchmark does not")]
    pub(crate) floor: Option<Box<dyn Fn() -> f64>>,
}

impl Task {
    fn with_floor(self, floor: impl Fn() -> f64 + 'static) -> Self {
        Self { floor: Some(Box::new(floor)), ..self }
    }
}

/// Pitches are compared on a logarithmic scale: one logarithm a frequency.
fn logarithms<'h>(hz: impl IntoIterator<Item = &'h f64>) -> f64 {
    hz.into_iter().filter(|hz| **hz > 0.0).map(|hz| hz.log2()).sum()
}

/// Onsets have to be brought in order before near ones can be found without looking at all.
fn sorted_onsets(intervals: &[[f64; 2]]) -> f64 {
    let mut onsets: Vec<f64> = intervals.iter().map(|i| i[0]).collect();
    onsets.sort_unstable_by(f64::total_cmp);
    onsets[onsets.len() / 2]
}

fn task(
    name: &'static str,
    size: &'static str,
    arguments: Value,
    evaluate: impl Fn() -> mir_eval::Result<Entries> + 'static,
) -> Task {
    let evaluate = move || evaluate().expect("the input is valid");
    Task { name, size, arguments, evaluate: Box::new(evaluate), floor: None }
}

/// All tasks.
pub(crate) fn tasks() -> Vec<Task> {
    let mut tasks = notes();
    tasks.extend(frames());
    tasks.extend(events());
    tasks.extend(labels());
    tasks.push(patterns());
    tasks
}

fn notes() -> Vec<Task> {
    let (reference, estimate) = data::piece(10_000);
    let mut random = Random::new(3);
    type Columns = (Vec<[f64; 2]>, Vec<f64>, Vec<f64>);
    let mut columns = |notes: &[mir_eval::Note]| -> Columns {
        let intervals = notes.iter().map(|n| [n.onset(), n.offset()]).collect();
        let hz = notes.iter().map(|n| n.pitch().hz()).collect();
        let velocities = notes.iter().map(|_| (1 + random.below(127)) as f64).collect();
        (intervals, hz, velocities)
    };
    let (r, e) = (columns(&reference), columns(&estimate));
    let plain = json!([r.0, r.1, e.0, e.1]);
    let with_velocity = json!([r.0, r.1, r.2, e.0, e.1, e.2]);
    let sorted = |intervals: &[[f64; 2]]| {
        let mut onsets: Vec<f64> = intervals.iter().map(|i| i[0]).collect();
        onsets.sort_unstable_by(f64::total_cmp);
        onsets
    };
    let onsets = (sorted(&r.0), sorted(&e.0));
    let (r2, e2) = (r.clone(), e.clone());
    let (r3, e3) = (r.clone(), e.clone());
    let floor =
        move || logarithms(r3.1.iter().chain(&e3.1)) + sorted_onsets(&r3.0) + sorted_onsets(&e3.0);
    vec![
        task("transcription", "10,000 notes", plain, move || {
            let config = TranscriptionConfig::default();
            Ok(transcription::evaluate_hz(&r.0, &r.1, &e.0, &e.1, &config)?.entries())
        })
        .with_floor(floor),
        task("transcription_velocity", "10,000 notes", with_velocity, move || {
            fn view((intervals, hz, velocities): &Columns) -> VelocityNotes<'_> {
                VelocityNotes { intervals, hz, velocities }
            }
            let config = TranscriptionVelocityConfig::default();
            let scores = transcription_velocity::evaluate_hz(view(&r2), view(&e2), &config)?;
            Ok(scores.entries())
        }),
        task("onset", "10,000 onsets", json!([onsets.0, onsets.1]), move || {
            Ok(onset::evaluate(&onsets.0, &onsets.1, &OnsetConfig::default())?.entries())
        }),
    ]
}

fn frames() -> Vec<Task> {
    let (times, reference, estimate) = data::frames(60_000);
    let multi = json!([times, reference, times, estimate]);
    // A melody of ten minutes with vibrato, and an estimate at another hop.
    let mut random = Random::new(4);
    let melody = |hop: f64, error: &mut dyn FnMut() -> f64| -> (Vec<f64>, Vec<f64>) {
        let count = (600.0 / hop) as usize;
        let times: Vec<f64> = (0..count).map(|i| i as f64 * hop).collect();
        let hz = |&t: &f64| {
            let midi = 60.0 + 9.0 * (t / 3.0).sin() + 0.3 * (t * 35.0).sin() + error();
            if (t / 1.7).sin() > 0.6 { 0.0 } else { 440.0 * ((midi - 69.0) / 12.0).exp2() }
        };
        let hz = times.iter().map(hz).collect();
        (times, hz)
    };
    let r = melody(0.01, &mut || 0.0);
    let e =
        melody(0.0058, &mut || if random.below(10) == 0 { 12.0 } else { random.uniform() - 0.4 });
    let single = json!([r.0, r.1, e.0, e.1]);
    let (reference2, estimate2) = (reference.clone(), estimate.clone());
    let (r2, e2) = (r.1.clone(), e.1.clone());
    vec![
        task("multipitch", "60,000 frames", multi, move || {
            let config = MultipitchConfig::default();
            Ok(multipitch::evaluate_hz(&times, &reference, &times, &estimate, &config)?.entries())
        })
        .with_floor(move || logarithms(reference2.iter().chain(&estimate2).flatten())),
        task("melody", "60,000 frames", single, move || {
            let config = MelodyConfig { cent_tolerance: Cents(50.0), ..MelodyConfig::default() };
            let reference = MelodySeries { times: &r.0, hz: &r.1, voicing: None };
            let estimate = MelodySeries { times: &e.0, hz: &e.1, voicing: None };
            Ok(melody::evaluate_hz(reference, estimate, &config)?.entries())
        })
        .with_floor(move || logarithms(r2.iter().chain(&e2))),
    ]
}

fn events() -> Vec<Task> {
    let mut random = Random::new(5);
    let mut time = 5.0;
    let beats: Vec<f64> = (0..1000)
        .map(|_| {
            time += 0.5 + 0.04 * (random.uniform() - 0.5);
            time
        })
        .collect();
    let mut late: Vec<f64> = beats.iter().map(|b| b + 0.08 * (random.uniform() - 0.5)).collect();
    late.sort_unstable_by(f64::total_cmp);
    let (words, sung) = (beats.clone(), late.clone());
    vec![
        task("beat", "1,000 beats", json!([beats, late]), {
            let (beats, late) = (beats.clone(), late.clone());
            move || Ok(beat::evaluate(&beats, &late, &BeatConfig::default())?.entries())
        }),
        task("alignment", "1,000 events", json!([words, sung]), move || {
            Ok(alignment::evaluate(&words, &sung, &AlignmentConfig::default())?.entries())
        }),
        task("tempo", "one piece", json!([[60.0, 120.0], 0.3, [61.0, 180.0]]), || {
            let reference = ReferenceTempo::new([60.0, 120.0], 0.3)?;
            Ok(tempo::evaluate(&reference, [61.0, 180.0], &TempoConfig::default())?.entries())
        }),
        task("key", "one piece", json!(["C major", "A minor"]), || {
            Ok(key::evaluate("C major".parse()?, "A minor".parse()?).entries())
        }),
    ]
}

fn labels() -> Vec<Task> {
    type Segments = (Vec<[f64; 2]>, Vec<String>);
    let mut random = Random::new(6);
    let mut segments = |count: usize, end: f64, names: &[&str]| -> Segments {
        let mut inner: Vec<f64> = (1..count).map(|_| end * random.uniform()).collect();
        inner.sort_unstable_by(f64::total_cmp);
        let times = [&[0.0], &inner[..], &[end]].concat();
        let label = |_: &[f64]| names[random.below(names.len())].to_owned();
        let labels = times.windows(2).map(label).collect();
        (times.windows(2).map(|w| [w[0], w[1]]).collect(), labels)
    };
    let names = ["C", "G:7", "A:min", "F:maj7", "D:min7", "N", "E:min/5", "B:dim"];
    let chords = (segments(400, 240.0, &names), segments(400, 240.0, &names));
    let chord_input = json!([chords.0.0, chords.0.1, chords.1.0, chords.1.1]);
    let parts = ["A", "B", "C", "D"];
    let flat = (segments(20, 240.0, &parts), segments(20, 240.0, &parts));
    let flat_input = json!([flat.0.0, flat.0.1, flat.1.0, flat.1.1]);
    let mut tree = || [segments(8, 240.0, &parts), segments(30, 240.0, &parts)];
    let trees = (tree(), tree());
    let columns = |tree: &[Segments; 2]| {
        let [a, b] = tree;
        (json!([a.0, b.0]), json!([a.1, b.1]))
    };
    let ((ri, rl), (ei, el)) = (columns(&trees.0), columns(&trees.1));
    vec![
        task("chord", "400 chords", chord_input, move || {
            let ((ri, rl), (ei, el)) = &chords;
            Ok(chord::evaluate(ri, rl, ei, el)?.entries())
        }),
        task("segment", "20 segments, 4 minutes", flat_input, move || {
            let ((ri, rl), (ei, el)) = &flat;
            Ok(segment::evaluate(ri, rl, ei, el, &SegmentConfig::default())?.entries())
        }),
        task("hierarchy", "8 + 30 segments, 4 minutes", json!([ri, rl, ei, el]), move || {
            fn levels(tree: &[Segments; 2]) -> [Level<'_, String>; 2] {
                [&tree[0], &tree[1]].map(|(intervals, labels)| Level { intervals, labels })
            }
            let config = HierarchyConfig::default();
            Ok(hierarchy::evaluate(&levels(&trees.0), &levels(&trees.1), &config)?.entries())
        }),
    ]
}

fn patterns() -> Task {
    let mut random = Random::new(7);
    let mut side = || -> Vec<Pattern> {
        let point = |random: &mut Random| {
            let key = Key::new(60 + random.below(12) as u8).expect("a key");
            [random.below(64) as f64 / 4.0, f64::from(key.number())]
        };
        let mut occurrence = || (0..30).map(|_| point(&mut random)).collect();
        (0..10).map(|_| (0..4).map(|_| occurrence()).collect()).collect()
    };
    let (reference, estimate) = (side(), side());
    task("pattern", "10 patterns, 4 occurrences", json!([reference, estimate]), move || {
        Ok(pattern::evaluate(&reference, &estimate, &PatternConfig::default())?.entries())
    })
}
