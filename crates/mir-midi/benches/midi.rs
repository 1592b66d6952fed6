//! Speed of this crate. `cargo bench -p mir-midi`
//!
//! The synthesiser's throughput is in samples of output: divided by the sample rate, it reads as
//! "times real time".

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mir_core::{Key, Note, SampleRate, Velocity};
use mir_midi::{
    Pedal, PedalEvent, Performance,
    piano::{self, PianoConfig},
};

/// A minute of dense music: ten notes a second from A0 to A6 in broken chords, pedal changed once a
/// second, so that about ten strings ring at any time and many more in the bass.
fn dense_minute() -> Performance {
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
    Performance { notes: (0..600).map(note).collect(), pedals: (0..60).flat_map(pedal).collect() }
}

fn synthesiser(c: &mut Criterion) {
    let performance = dense_minute();
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

criterion_group!(benches, synthesiser);
criterion_main!(benches);
