//! The scores that `museval` publishes for its sample of MUSDB18, from the file to the last window.

use std::fs;

use mir_audio::{LoadOptions, SampleRate, load_bytes};
use mir_eval::separation::{
    Signals,
    museval::{MusevalConfig, TrackScores, TrackTarget, evaluate_track},
};
use mir_testkit::{assert_close, test_data};
use ndarray::Array3;

/// Samples of a stem as the scores saw it: everything after the encoder's delay.
const SAMPLES: usize = 300_032;

/// MT19937 of Matsumoto and Nishimura (1998), seeded with `init_genrand`, 53 bits a number: the estimates
/// are those of `numpy.random.seed(0)` and `numpy.random.random`.
struct MersenneTwister {
    state: Vec<u32>,
    next: usize,
}

impl MersenneTwister {
    fn new(seed: u32) -> Self {
        let mut state = vec![seed; 624];
        for i in 1..624 {
            let last = state[i - 1];
            state[i] = 1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
        }
        Self { state, next: 624 }
    }

    fn bits(&mut self) -> u32 {
        if self.next == 624 {
            for i in 0..624 {
                let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % 624] & 0x7fff_ffff);
                let twist = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + 397) % 624] ^ (y >> 1) ^ twist;
            }
            self.next = 0;
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn uniform(&mut self) -> f64 {
        let (high, low) = (self.bits() >> 5, self.bits() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }
}

/// The edit list ends 152 samples before the last packet does. The decoder behind the published scores
/// gave all samples of that packet, and the filters are fitted to the whole signal: lengthens the edit,
/// the media and the last packet.
fn to_the_end_of_the_last_packet(mut file: Vec<u8>) -> Vec<u8> {
    let fields: [(&[u8; 4], usize, u32, u32); 3] =
        [(b"elst", 12, 6_800, 6_804), (b"mdhd", 20, 301_939, 302_080), (b"stts", 24, 883, 1_024)];
    for (name, offset, from, to) in fields {
        let mut count = 0;
        for start in 0..file.len().saturating_sub(offset + 4) {
            let field = start + offset..start + offset + 4;
            if file[start..].starts_with(name) && file[field.clone()] == from.to_be_bytes() {
                file[field].copy_from_slice(&to.to_be_bytes());
                count += 1;
            }
        }
        assert_eq!(count, 5, "one {} a stem", String::from_utf8_lossy(name));
    }
    file
}

#[test]
fn the_published_scores_of_the_musdb_sample_come_out() {
    let Some(folder) = test_data("musdb18-sample") else { return };
    let name = "Music Delta - 80s Rock";
    let file = fs::read(folder.join(format!("train/{name}.stem.mp4"))).unwrap();
    let file = to_the_end_of_the_last_packet(file);
    // Mixture, drums, bass, other, vocals. The scores were computed on 16-bit stems; their rounding is
    // all that there is above 16 kHz, and most of what the filters do there depends on it.
    let stem = |stream| {
        let options = LoadOptions { stream: Some(stream), ..LoadOptions::default() };
        let (audio, _) = load_bytes(&*file, "stems.mp4", &options).unwrap();
        assert_eq!(audio.samples().dim(), (2, SAMPLES));
        let sample = |(_, n, c)| {
            let x = f64::from(audio.samples()[[c, n]]);
            (x * 32_768.0).round_ties_even().clamp(-32_768.0, 32_767.0) / 32_768.0
        };
        Array3::from_shape_fn((1, SAMPLES, 2), sample)
    };
    let vocals = stem(4);
    let accompaniment = stem(1) + stem(2) + stem(3);
    let mut random = MersenneTwister::new(0);
    let mut noise = || Array3::from_shape_simple_fn((1, SAMPLES, 2), || random.uniform());
    let estimates = [noise(), noise()];
    let target = |name, reference, estimate| TrackTarget {
        name,
        reference: Signals::from(reference),
        estimate: Signals::from(estimate),
    };
    let targets = [
        target("vocals", &vocals, &estimates[0]),
        target("accompaniment", &accompaniment, &estimates[1]),
    ];
    let rate = SampleRate::new(44_100).unwrap();
    let scores = evaluate_track(&targets, rate, 1.0, 1.0, &MusevalConfig::default()).unwrap();

    let published = fs::read_to_string(folder.join(format!("museval/{name}.json"))).unwrap();
    let published = TrackScores::from_json(&published).unwrap();
    assert_eq!(published.targets.len(), 2);
    for expected in &published.targets {
        let found = scores.targets.iter().find(|target| target.name == expected.name).unwrap();
        assert_eq!((found.frames.len(), expected.frames.len()), (6, 6));
        for (found, expected) in found.frames.iter().zip(&expected.frames) {
            let (f, e) = (&found.metrics, &expected.metrics);
            assert_close(f.sdr.unwrap(), e.sdr.unwrap(), 1e-3, name);
            // Another AAC decoder rounds a few samples the other way, and the filters see it. On the
            // samples of FFmpeg these agree, too: `scripts/parity/eval_separation.py --musdb`.
            for (found, expected) in [(f.isr, e.isr), (f.sir, e.sir), (f.sar, e.sar)] {
                assert_close(found.unwrap(), expected.unwrap(), 0.1, name);
            }
        }
    }
}
