//! Inputs that the benchmarks, the comparison with mir_eval and a test of the scores share.

use mir_eval::{Key, Note, Velocity};
use mir_testkit::signal::Random;

/// A piece with 15 notes a second on 88 keys, and an estimate of it that is late or early by up to
/// 60 ms and has one wrong key in ten.
pub(crate) fn piece(notes: usize) -> (Vec<Note>, Vec<Note>) {
    let mut random = Random::new(1);
    let mut draw = || {
        let onset = random.uniform() * notes as f64 / 15.0 + 1.0;
        let length = 0.1 + random.uniform();
        let key = 21 + random.below(88) as u8;
        let late = 0.12 * random.uniform() - 0.06;
        let wrong = random.below(10) == 0;
        (onset, length, key, late, wrong)
    };
    let note = |onset: f64, length: f64, key: u8| {
        let pitch = Key::new(key).expect("a key of the piano").pitch();
        Note::new(onset, onset + length, pitch, Velocity::MEDIUM).expect("a note that lasts")
    };
    (0..notes)
        .map(|_| {
            let (onset, length, key, late, wrong) = draw();
            let heard = if wrong { 21 + (key - 20) % 88 } else { key };
            (note(onset, length, key), note(onset + late, length, heard))
        })
        .unzip()
}

/// Frames of 10 ms with five pitches each, one in five of them an octave too high in the estimate.
pub(crate) fn frames(count: usize) -> (Vec<f64>, Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let mut random = Random::new(2);
    let hz = |key: usize| 440.0 * ((key as f64 - 69.0) / 12.0).exp2();
    let times = (0..count).map(|i| i as f64 * 0.01).collect();
    let (mut reference, mut estimate) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let keys: Vec<usize> = (0..5).map(|_| 36 + random.below(48)).collect();
        reference.push(keys.iter().map(|&k| hz(k)).collect());
        let mut heard = |&k: &usize| hz(if random.below(5) == 0 { k + 12 } else { k });
        estimate.push(keys.iter().map(&mut heard).collect());
    }
    (times, reference, estimate)
}
