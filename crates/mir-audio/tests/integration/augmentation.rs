//! Variants of a recording: each change does what it says, keeps its time, and can be repeated.

use mir_audio::{
    AudioBuffer, Error, SampleRate,
    augment::{
        self, AugmentConfig, BandRejectRange, EqualizerRange, NoiseColor, NoiseRange, ReverbRange,
        Transform, convolve,
    },
    mix,
};
use mir_testkit::{
    assert_close,
    signal::{self, amplitude},
};
use proptest::prelude::*;

const RATE: SampleRate = SampleRate::HZ_44100;

fn power(x: &[f32]) -> f64 {
    x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / x.len() as f64
}

/// Where the energy around the loudest sample has its centre.
fn centre(x: &[f32]) -> f64 {
    let peak = (0..x.len()).max_by(|&a, &b| x[a].abs().total_cmp(&x[b].abs())).unwrap();
    let around = peak.saturating_sub(2000)..(peak + 2000).min(x.len());
    let energy = |n: usize| f64::from(x[n]).powi(2);
    around.clone().map(|n| n as f64 * energy(n)).sum::<f64>() / around.map(energy).sum::<f64>()
}

fn stereo(left: &AudioBuffer, right: &AudioBuffer) -> AudioBuffer {
    AudioBuffer::from_channels(left.sample_rate(), &[left.channel(0), right.channel(0)]).unwrap()
}

#[test]
fn plain_changes_are_exact() {
    let audio =
        AudioBuffer::from_channels(RATE, &[[0.1, 0.2, 0.3, 0.4], [-0.5, 0.0, 0.5, 1.0]]).unwrap();
    let after = |transform: Transform| transform.apply(audio.clone()).unwrap();
    assert_eq!(after(Transform::InvertPolarity).channel(0), [-0.1, -0.2, -0.3, -0.4]);
    assert_eq!(after(Transform::SwapChannels).channel(0), audio.channel(1));
    assert_eq!(after(Transform::SwapChannels).channel(1), audio.channel(0));
    assert_eq!(after(Transform::Delay { samples: 3 }).channel(0), [0.0, 0.0, 0.0, 0.1]);
    assert_eq!(after(Transform::Delay { samples: -3 }).channel(0), [0.4, 0.0, 0.0, 0.0]);
    for samples in [99, -99, i64::MIN, i64::MAX] {
        assert!(after(Transform::Delay { samples }).channel(0).iter().all(|&x| x.abs() < 1e-9));
    }
    assert_eq!(after(Transform::Crop { start: 1, samples: 2 }).channel(1), [0.0, 0.5]);
    assert_eq!(after(Transform::Crop { start: 3, samples: 3 }).channel(1), [1.0, 0.0, 0.0]);
    assert_eq!(after(Transform::Crop { start: 9, samples: 1 }).channel(1), [0.0]);
    let louder = after(Transform::Gain { decibels: 20.0 });
    assert_close(f64::from(louder.channel(0)[3]), 4.0, 1e-6, "20 dB");
}

#[test]
fn noise_has_the_ratio_that_was_asked_for() {
    let tone = signal::sine(RATE, 440.0, 0.5, 44_100);
    let audio = stereo(&tone, &signal::sine(RATE, 700.0, 0.1, 44_100));
    for color in [NoiseColor::White, NoiseColor::Pink] {
        for snr in [-10.0, 0.0, 30.0] {
            let noisy = Transform::Noise { color, snr, seed: 5 }.apply(audio.clone()).unwrap();
            let total = |noisy: &AudioBuffer| -> (f64, f64) {
                let each = |c| {
                    let pairs = noisy.channel(c).iter().zip(audio.channel(c));
                    let added: Vec<f32> = pairs.map(|(a, b)| a - b).collect();
                    (power(audio.channel(c)), power(&added))
                };
                let (a, b) = (each(0), each(1));
                (a.0 + b.0, a.1 + b.1)
            };
            let (signal, noise) = total(&noisy);
            assert_close(10.0 * (signal / noise).log10(), snr, 0.01, "SNR in dB");
        }
    }
    // To silence nothing is added.
    let silence = AudioBuffer::silence(RATE, 1, 100).unwrap();
    let noisy = Transform::Noise { color: NoiseColor::White, snr: 0.0, seed: 1 };
    assert!(noisy.apply(silence.clone()).unwrap() == silence);
    assert!(mix::at_snr(&tone, &AudioBuffer::silence(RATE, 1, 0).unwrap(), 0.0).unwrap() == tone);
    assert!(matches!(mix::at_snr(&audio, &tone, 0.0), Err(Error::Mismatch { .. })));
    assert!(matches!(mix::at_snr(&tone, &tone, f64::NAN), Err(Error::OutOfRange { .. })));
}

#[test]
fn pink_noise_falls_by_3_db_an_octave_and_white_noise_does_not() {
    let quiet = signal::sine(RATE, 440.0, 1e-6, 1 << 16);
    let slope = |color| {
        let noise = Transform::Noise { color, snr: -100.0, seed: 9 }.apply(quiet.clone()).unwrap();
        // Mean power in bands of 200 Hz, five octaves apart.
        let band = |low: f64| -> f64 {
            (0..100)
                .map(|n| amplitude(noise.channel(0), RATE, low + 2.0 * f64::from(n)).powi(2))
                .sum()
        };
        10.0 * (band(6_400.0) / band(200.0)).log10() / 5.0
    };
    assert_close(slope(NoiseColor::White), 0.0, 0.4, "white");
    // The lower band reaches over one octave, in which pink noise falls already.
    assert!((-3.4..=-2.4).contains(&slope(NoiseColor::Pink)), "{}", slope(NoiseColor::Pink));
}

#[test]
fn an_equalizer_lifts_its_centre_and_a_notch_takes_it_out() {
    let settled = |transform: Transform, hz: f64| {
        let out = transform.apply(signal::sine(RATE, hz, 0.1, 44_100)).unwrap();
        20.0 * (amplitude(&out.channel(0)[22_050..], RATE, hz) / 0.1).log10()
    };
    for decibels in [-12.0, 6.0] {
        let peak = Transform::Peak { hz: 1000.0, q: 2.0, decibels };
        assert_close(settled(peak, 1000.0), decibels, 1e-3, "centre");
        assert_close(settled(peak, 20.0), 0.0, 0.05, "far below");
        assert_close(settled(peak, 18_000.0), 0.0, 0.05, "far above");
    }
    let notch = Transform::BandReject { hz: 1000.0, q: 2.0 };
    assert!(settled(notch, 1000.0) < -80.0);
    assert_close(settled(notch, 50.0), 0.0, 0.05, "far below");
    // Beyond half the rate nothing changes.
    let tone = signal::sine(RATE, 440.0, 0.5, 1000);
    let beyond = Transform::Peak { hz: 30_000.0, q: 1.0, decibels: 20.0 };
    assert!(beyond.apply(tone.clone()).unwrap() == tone);
}

#[test]
fn convolution_is_the_sum_that_defines_it() {
    let audio = signal::noise(RATE, 0.5, 5000, 1);
    for (length, direct) in [(1, 0), (17, 3), (900, 0), (1500, 700), (9000, 8999)] {
        let mut response = signal::noise(RATE, 0.2, length, 2);
        response.channel_mut(0)[direct] = 1.0;
        let out = convolve(&audio, &response).unwrap();
        assert_eq!(out.len(), audio.len());
        let (x, h) = (audio.channel(0), response.channel(0));
        for n in (0..x.len()).step_by(131) {
            let terms = (0..x.len()).filter_map(|k| {
                let at = (n + direct).checked_sub(k)?;
                Some(f64::from(x[k]) * f64::from(*h.get(at)?))
            });
            assert_close(
                f64::from(out.channel(0)[n]),
                terms.sum(),
                2e-5,
                &format!("{length}: {n}"),
            );
        }
    }
    let both = stereo(&audio, &audio);
    let left_only = AudioBuffer::from_channels(RATE, &[[1.0_f32, 0.0], [0.0, 0.0]]).unwrap();
    let wet = convolve(&both, &left_only).unwrap();
    assert_close(power(wet.channel(0)), power(audio.channel(0)), 1e-5, "left");
    assert!(power(wet.channel(1)) < 1e-12);
    let other = AudioBuffer::silence(SampleRate::HZ_16000, 1, 10).unwrap();
    assert!(matches!(convolve(&audio, &other), Err(Error::Mismatch { .. })));
    let none = AudioBuffer::silence(RATE, 1, 0).unwrap();
    assert!(matches!(convolve(&audio, &none), Err(Error::OutOfRange { .. })));
}

#[test]
fn reverberation_has_its_level_and_its_decay() {
    let noise = signal::noise(RATE, 0.5, 4 * 44_100, 3);
    let room = Transform::Reverb { seconds: 0.5, decibels: -6.0, seed: 1 };
    let out = room.apply(noise.clone()).unwrap();
    let settled = 44_100..4 * 44_100;
    let added: Vec<f32> =
        settled.clone().map(|n| out.channel(0)[n] - noise.channel(0)[n]).collect();
    let level = 10.0 * (power(&added) / power(&noise.channel(0)[settled])).log10();
    assert_close(level, -6.0, 0.5, "reverberation in dB");

    let impulse = signal::impulse(RATE, 1000, 44_100);
    let out = room.apply(impulse).unwrap();
    assert!(out.channel(0)[..1000].iter().all(|x| x.abs() < 1e-6), "nothing comes before");
    let tail = &out.channel(0)[1001..];
    let fall = 10.0 * (power(&tail[..4410]) / power(&tail[13_230..17_640])).log10();
    // 0.3 s of 0.5 s.
    assert_close(fall, 36.0, 1.5, "decay in dB");
}

#[test]
fn stretching_keeps_pitch_and_level() {
    for (rate, hz) in [(RATE, 440.0), (SampleRate::HZ_16000, 311.1)] {
        let tone = signal::sine(rate, hz, 0.5, 2 * rate.hz() as usize);
        for ratio in [0.5, 0.8, 1.0, 1.01, 1.5, 3.0] {
            let out = Transform::Stretch { ratio }.apply(tone.clone()).unwrap();
            assert_eq!(out.len(), (tone.len() as f64 * ratio).round() as usize);
            let steady = &out.channel(0)[out.len() / 4..3 * out.len() / 4];
            assert_close(amplitude(steady, rate, hz), 0.5, 0.01, &format!("{ratio} x {hz} Hz"));
        }
    }
}

#[test]
fn stretching_by_1_changes_nothing() {
    let audio = stereo(&signal::noise(RATE, 0.5, 20_000, 1), &signal::noise(RATE, 0.3, 20_000, 2));
    let out = Transform::Stretch { ratio: 1.0 }.apply(audio.clone()).unwrap();
    for channel in 0..2 {
        for (n, (a, b)) in out.channel(channel).iter().zip(audio.channel(channel)).enumerate() {
            assert_close(f64::from(*a), f64::from(*b), 1e-4, &format!("{channel}: {n}"));
        }
    }
}

#[test]
fn pitch_moves_by_semitones_and_time_stays() {
    let tone = signal::sine(RATE, 440.0, 0.5, 88_200);
    for semitones in [-12.0, -5.0, -0.1, 0.1, 5.0, 12.0] {
        let out = Transform::Pitch { semitones }.apply(tone.clone()).unwrap();
        assert_eq!(out.len(), tone.len());
        let hz = 440.0 * 2_f64.powf(semitones / 12.0);
        let steady = &out.channel(0)[22_050..66_150];
        assert_close(amplitude(steady, RATE, hz), 0.5, 0.02, &format!("{semitones} semitones"));
    }
}

#[test]
fn events_lie_where_labels_are_moved() {
    let length = 88_200;
    let click = signal::impulse(RATE, 30_000, length);
    for transform in [
        Transform::Crop { start: 12_345, samples: 40_000 },
        Transform::Delay { samples: 4321 },
        Transform::Delay { samples: -4321 },
        Transform::Stretch { ratio: 0.7 },
        Transform::Stretch { ratio: 1.9 },
        Transform::Pitch { semitones: -3.0 },
        Transform::Pitch { semitones: 7.0 },
        Transform::Speed { factor: 0.8 },
        Transform::Speed { factor: 1.006 },
        Transform::Peak { hz: 3000.0, q: 1.0, decibels: 6.0 },
        Transform::Reverb { seconds: 0.05, decibels: -20.0, seed: 3 },
    ] {
        let out = transform.apply(click.clone()).unwrap();
        let expected = transform.moved(RATE.seconds(30_000), RATE);
        let actual = centre(out.channel(0)) / f64::from(RATE.hz());
        assert_close(actual, expected, 2e-3, &format!("{transform:?}"));
    }
    let faster = Transform::Speed { factor: 1.25 };
    let out = faster.apply(signal::sine(RATE, 440.0, 0.5, length)).unwrap();
    assert_eq!(out.len(), 70_560);
    assert_close(amplitude(&out.channel(0)[10_000..60_000], RATE, 550.0), 0.5, 1e-3, "faster");
    assert_close(faster.semitones(), 12.0 * 1.25_f64.log2(), 1e-9, "semitones");
}

/// Sides that cancel in the middle are the hard case: the middle alone has no phase.
#[test]
fn stretching_keeps_the_stereo_image() {
    let left = signal::noise(RATE, 0.5, 40_000, 4);
    let right = mix::gain(left.clone(), -0.5);
    let out = Transform::Stretch { ratio: 1.3 }.apply(stereo(&left, &right)).unwrap();
    for (left, right) in out.channel(0).iter().zip(out.channel(1)) {
        assert_close(
            f64::from(-0.5 * left),
            f64::from(*right),
            1e-5,
            "right is the left, upside down",
        );
    }
    assert!(power(out.channel(0)) > 0.5 * power(left.channel(0)));
}

fn everything() -> AugmentConfig {
    AugmentConfig {
        invert_polarity: 0.5,
        swap_channels: 0.5,
        delay: Some([-100, 100]),
        stretch: Some([0.8, 1.25]),
        speed: Some([0.99, 1.01]),
        pitch: Some([-1.0, 1.0]),
        equalizers: 2,
        equalizer: EqualizerRange::default(),
        band_reject: Some(BandRejectRange { hz: [100.0, 5000.0], q: [1.0, 4.0] }),
        reverb: Some(ReverbRange { seconds: [0.1, 0.6], decibels: [-30.0, -6.0] }),
        noise: Some(NoiseRange { color: NoiseColor::Pink, snr: [20.0, 60.0] }),
        gain: Some([-6.0, 6.0]),
    }
}

#[test]
fn draws_are_repeated_by_seed_and_item_and_do_not_disturb_each_other() {
    let all = everything();
    let first = all.draw(1, 2).unwrap();
    assert_eq!(first, all.draw(1, 2).unwrap());
    assert_ne!(first, all.draw(1, 3).unwrap());
    assert_ne!(first, all.draw(2, 2).unwrap());
    // Without one variation the others are as before.
    let fewer = AugmentConfig { pitch: None, equalizers: 0, ..all.clone() }.draw(1, 2).unwrap();
    assert!(fewer.len() + 3 == first.len() && fewer.iter().all(|change| first.contains(change)));
    assert!(AugmentConfig::default().draw(1, 2).unwrap().is_empty());
    let audio = stereo(&signal::noise(RATE, 0.5, 9000, 1), &signal::noise(RATE, 0.5, 9000, 2));
    let once = augment::apply(audio.clone(), &first).unwrap();
    assert!(once == augment::apply(audio, &first).unwrap());
    assert!(once.check_finite().is_ok());
    // What is stored says everything.
    let json = serde_json::to_string(&first).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Transform>>(&json).unwrap(), first);
    let json = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<AugmentConfig>(&json).unwrap(), all);
    assert!(serde_json::from_str::<AugmentConfig>(r#"{"gian": [0, 1]}"#).is_err());
}

#[test]
fn both_outcomes_of_a_probability_are_drawn() {
    let config = AugmentConfig { invert_polarity: 0.25, ..AugmentConfig::default() };
    let inverted = (0..4000).filter(|&item| !config.draw(3, item).unwrap().is_empty()).count();
    assert!((850..1150).contains(&inverted), "{inverted} of 4000");
}

#[test]
fn crops_reach_from_end_to_end() {
    let audio = AudioBuffer::silence(RATE, 1, 12).unwrap();
    let starts: std::collections::BTreeSet<usize> = (0..200)
        .map(|item| match augment::random_crop(&audio, 8, 1, item) {
            Transform::Crop { start, samples: 8 } => start,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(starts.into_iter().eq(0..=4));
    assert_eq!(augment::random_crop(&audio, 99, 1, 0), Transform::Crop { start: 0, samples: 99 });
}

#[test]
fn impossible_ranges_are_named() {
    let off = AugmentConfig::default();
    let refused = |config: AugmentConfig| match config.draw(0, 0) {
        Err(Error::OutOfRange { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(AugmentConfig { invert_polarity: 1.5, ..off.clone() }), "invert_polarity");
    assert_eq!(refused(AugmentConfig { swap_channels: f64::NAN, ..off.clone() }), "swap_channels");
    assert_eq!(refused(AugmentConfig { gain: Some([1.0, -1.0]), ..off.clone() }), "gain");
    assert_eq!(refused(AugmentConfig { pitch: Some([0.0, 99.0]), ..off.clone() }), "semitones");
    assert_eq!(refused(AugmentConfig { stretch: Some([0.0, 1.0]), ..off.clone() }), "ratio");
    assert_eq!(refused(AugmentConfig { delay: Some([5, 1]), ..off.clone() }), "delay");
    let equalizer = EqualizerRange { hz: [0.0, 100.0], ..EqualizerRange::default() };
    assert_eq!(refused(AugmentConfig { equalizer, ..off.clone() }), "hz");
    let reverb = Some(ReverbRange { seconds: [0.0, 1.0], decibels: [0.0, 0.0] });
    assert_eq!(refused(AugmentConfig { reverb, ..off.clone() }), "seconds");
    let noise = Some(NoiseRange { color: NoiseColor::White, snr: [0.0, f64::INFINITY] });
    assert_eq!(refused(AugmentConfig { noise, ..off }), "noise.snr");
    for transform in [
        Transform::Stretch { ratio: f64::NAN },
        Transform::Speed { factor: 0.0 },
        Transform::Gain { decibels: 1e9 },
        Transform::Reverb { seconds: 1e9, decibels: 0.0, seed: 0 },
    ] {
        let audio = AudioBuffer::silence(RATE, 1, 10).unwrap();
        let refused = transform.apply(audio);
        assert!(matches!(refused, Err(Error::OutOfRange { .. })), "{transform:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However short the recording and whatever is drawn, the result is finite and has its length.
    #[test]
    fn every_draw_can_be_carried_out(item in 0_u64..1000, samples in 0_usize..3000, hz in 8_000_u32..50_000) {
        let rate = SampleRate::new(hz).unwrap();
        let audio = stereo(&signal::noise(rate, 0.5, samples, 1), &signal::noise(rate, 0.5, samples, 2));
        let changes = everything().draw(11, item).unwrap();
        let length = changes.iter().fold(samples as f64, |length, change| match *change {
            Transform::Stretch { ratio } => (length * ratio).round(),
            Transform::Speed { factor } => length / factor,
            _ => length,
        });
        let out = augment::apply(audio, &changes).unwrap();
        prop_assert!((out.len() as f64 - length).abs() <= 2.0, "{} for {length}", out.len());
        prop_assert!(out.check_finite().is_ok());
    }
}
