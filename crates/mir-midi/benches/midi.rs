//! Speed of this crate. `cargo bench -p mir-midi`
//!
//! The synthesiser's throughput is in samples of output: divided by the sample rate, it reads as
//! "times real time". Readers go from bytes in memory to notes under the default pedal rule; with
//! `MIR_TEST_DATA` set, the performances of its `asap` folder are read too. Rolls are those of an hour of
//! dense music.

use std::{fs, hint::black_box, path::PathBuf};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mir_core::{FrameGrid, Key, KeyRange, Note, PianoRoll, RollRule, SampleRate, Velocity};
use mir_midi::{
    Pedal, PedalEvent, PedalRule, Performance, Score, Strictness, pedal,
    piano::{self, PianoConfig},
    roll::VelocityRoll,
};

/// Minutes of dense music: ten notes a second from A0 to A6 in broken chords, pedal changed once a
/// second, so that about ten strings ring at any time and many more in the bass.
fn dense_minutes(minutes: u32) -> Performance {
    let note = |i: u32| {
        let onset = f64::from(i) * 0.1;
        let key = 33 + (i * 19 + i / 7 * 5) % 60;
        let velocity = 40 + (i * 37 % 70);
        let pitch = Key::new(key as u8).expect("on the keyboard").pitch();
        let velocity = Velocity::new(velocity as u8).expect("at most 127");
        Note::new(onset, onset + 0.3, pitch, velocity).expect("ends after it starts")
    };
    let pedal = |i: u32| {
        let moves = [(0.05, 127), (0.95, 0)];
        moves.map(|(after, value)| PedalEvent {
            time: f64::from(i) + after,
            pedal: Pedal::Sustain,
            value,
        })
    };
    Performance {
        notes: (0..600 * minutes).map(note).collect(),
        pedals: (0..60 * minutes).flat_map(pedal).collect(),
    }
}

fn synthesiser(c: &mut Criterion) {
    let performance = dense_minutes(1);
    let mut group = c.benchmark_group("piano");
    group.sample_size(10);
    for rate in [SampleRate::HZ_16000, SampleRate::HZ_44100] {
        for (name, config) in
            [("grand", PianoConfig::grand()), ("bright_grand", PianoConfig::bright_grand())]
        {
            let length =
                piano::render(&performance, &config, rate, 0).expect("a valid instrument").len();
            group.throughput(Throughput::Elements(length as u64));
            let id = BenchmarkId::new(name, format!("rate={}", rate.hz()));
            group.bench_function(id, |b| {
                b.iter(|| {
                    piano::render(black_box(&performance), &config, rate, 0)
                        .map(|audio| audio.len())
                })
            });
        }
    }
    group.finish();
}

/// The MIDI files below a folder, in no particular order.
fn midi_files(folder: PathBuf) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(midi_files(path));
        } else if path.extension().is_some_and(|e| e == "mid") {
            files.extend(fs::read(path));
        }
    }
    files
}

fn reader(c: &mut Criterion) {
    let hour = Score::from_performance(&dense_minutes(60)).to_bytes().expect("an hour fits");
    let mut sets = vec![("synthetic_hour", vec![hour])];
    if let Some(root) = std::env::var_os("MIR_TEST_DATA") {
        sets.push(("asap", midi_files(PathBuf::from(root).join("asap"))));
    }
    let mut group = c.benchmark_group("read");
    for (name, files) in sets {
        let bytes: usize = files.iter().map(Vec::len).sum();
        group.throughput(Throughput::Bytes(bytes as u64));
        for (what, rule) in [("keys", PedalRule::None), ("pedal", PedalRule::Default)] {
            group.bench_function(BenchmarkId::new(name, what), |b| {
                b.iter(|| {
                    let read = |file: &Vec<u8>| {
                        Score::parse(file, Strictness::Lenient).map(|(s, _)| s.notes(rule).len())
                    };
                    black_box(&files).iter().flat_map(read).sum::<usize>()
                });
            });
        }
        group.bench_function(BenchmarkId::new(name, "score"), |b| {
            b.iter(|| {
                let read = |file: &Vec<u8>| {
                    Score::parse(file, Strictness::Lenient).map(|(s, _)| s.tracks.len())
                };
                black_box(&files).iter().flat_map(read).sum::<usize>()
            });
        });
    }
    group.finish();
}

/// An hour at the 31.25 frames a second of Onsets and Frames, and at the 24 ms of onsets and velocities.
fn rolls(c: &mut Criterion) {
    let keys = dense_minutes(60);
    let notes = pedal::apply(&keys, PedalRule::Default);
    let sounding = Performance { notes: notes.clone(), pedals: keys.pedals };
    let mut group = c.benchmark_group("roll_of_an_hour");
    group.sample_size(20);
    for (name, hop, rule) in
        [("hop=512", 512, RollRule::Round), ("hop=384", 384, RollRule::OnsetsVelocities)]
    {
        let grid = FrameGrid::new(SampleRate::HZ_16000, hop, 0).expect("a valid grid");
        let frames = 3600 * 16_000 / hop as usize + 1;
        group.bench_function(BenchmarkId::new("bytes", name), |b| {
            b.iter(|| VelocityRoll::new(black_box(&sounding), grid, KeyRange::PIANO, frames, rule));
        });
        let (mut used, _) = VelocityRoll::new(&sounding, grid, KeyRange::PIANO, frames, rule);
        group.bench_function(BenchmarkId::new("bytes_again", name), |b| {
            b.iter(|| used.redraw(black_box(&sounding), grid, KeyRange::PIANO, rule));
        });
        group.bench_function(BenchmarkId::new("floats", name), |b| {
            b.iter(|| {
                PianoRoll::from_notes(black_box(&notes), grid, KeyRange::PIANO, frames, rule)
            });
        });
        let (roll, _) = PianoRoll::window(&notes, grid, KeyRange::PIANO, 0..frames, rule);
        group.bench_function(BenchmarkId::new("back_to_notes", name), |b| {
            b.iter(|| black_box(&roll).to_notes(rule).len());
        });
    }
    group.finish();
}

criterion_group!(benches, synthesiser, reader, rolls);
criterion_main!(benches);
