//! Published values of the transcription front ends: a sine of 440 Hz through two of them, the band
//! edges and weights of their filterbank.

use mir_core::{AudioBuffer, SampleRate};
use mir_features::{FilterNorm, LogMel, LogMelConfig, MelConfig, MelFilterbank, MelScale};
use mir_testkit::{assert_close, signal};

fn sine() -> AudioBuffer {
    signal::sine(SampleRate::HZ_16000, 440.0, 0.5, 16_000)
}

/// One row of the table: frame, bin of the maximum, maximum, bins 0, 100, 228 and the mean, where given.
type Row = (usize, usize, f64, [Option<f64>; 3], Option<f64>);

fn check(config: LogMelConfig, frames: usize, rows: &[Row]) {
    let map = LogMel::new(config).unwrap().process(&sine()).unwrap();
    assert_eq!(map.data.dim(), (1, frames, 229));
    for &(frame, argmax, max, bins, mean) in rows {
        let row: Vec<f64> = (0..229).map(|b| f64::from(map.data[(0, frame, b)])).collect();
        let best = (0..229).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        assert_eq!(best, argmax, "frame {frame}");
        assert_close(row[best], max, 1e-3, &format!("maximum of frame {frame}"));
        for (bin, expected) in [0, 100, 228].into_iter().zip(bins) {
            if let Some(expected) = expected {
                // Below −8 the single-precision transform's own noise shows.
                let tolerance = if expected > -8.0 { 1e-3 } else { 5e-2 };
                assert_close(row[bin], expected, tolerance, &format!("frame {frame}, bin {bin}"));
            }
        }
        if let Some(mean) = mean {
            let actual = row.iter().sum::<f64>() / 229.0;
            assert_close(actual, mean, 2e-3, &format!("mean of frame {frame}"));
        }
    }
}

#[test]
fn the_homework_front_end_hears_the_sine_as_published() {
    check(
        LogMelConfig::hw3(),
        31,
        &[
            (0, 40, 10.77467, [Some(2.14860), Some(-1.35934), Some(-5.19027)], Some(-1.17792)),
            (15, 40, 10.95780, [None, None, None], None),
            (30, 40, 10.33671, [Some(3.42875), Some(-0.07948), Some(-3.91037)], Some(0.08543)),
        ],
    );
}

#[test]
fn the_jongwook_front_end_hears_the_sine_as_published() {
    check(
        LogMelConfig::jongwook(),
        32,
        &[
            (0, 41, 2.77365, [Some(-0.29894), Some(-2.59040), Some(-5.19458)], Some(-2.58516)),
            (15, 40, 3.10803, [Some(-9.23047), Some(-11.51293), Some(-11.51293)], Some(-9.99150)),
            (31, 40, 2.97357, [Some(-0.39743), Some(-2.68893), Some(-5.29311)], Some(-2.68230)),
        ],
    );
}

#[test]
fn frame_counts_are_those_of_the_originals() {
    let hw3 = LogMel::new(LogMelConfig::hw3()).unwrap();
    let jongwook = LogMel::new(LogMelConfig::jongwook()).unwrap();
    for (samples, expected) in [
        (0, (0, 0)),
        (1, (0, 0)),
        (512, (1, 1)),
        (513, (1, 2)),
        (16_000, (31, 32)),
        (102_400, (200, 200)),
        (327_680, (640, 640)),
        (5_411_840, (10_570, 10_570)),
    ] {
        let actual = (hw3.frames(samples), jongwook.frames(samples));
        assert_eq!(actual, expected, "{samples} samples");
    }
    let hpt = LogMel::new(LogMelConfig::hpt()).unwrap();
    assert_eq!(hpt.frames(160_000), 1001);
    let magenta = LogMel::new(LogMelConfig::magenta()).unwrap();
    assert_eq!(magenta.frames(16_000), 32);
}

#[test]
fn frames_are_dated_to_their_middle() {
    let date = |config| LogMel::new(config).unwrap().grid().time_of(0);
    assert_close(date(LogMelConfig::hw3()), 0.032, 1e-12, "hw3");
    assert_close(date(LogMelConfig::jongwook()), 0.0, 1e-12, "jongwook");
}

#[test]
fn silence_is_the_floor() {
    for (config, expected) in [
        (LogMelConfig::hw3(), -20.7233),
        (LogMelConfig::jongwook(), -11.5129),
        (LogMelConfig::hpt(), -100.0),
    ] {
        let audio = AudioBuffer::silence(SampleRate::HZ_16000, 1, 5000).unwrap();
        let map = LogMel::new(config).unwrap().process(&audio).unwrap();
        for &y in &map.data {
            assert_close(f64::from(y), expected, 1e-4, "silence");
        }
    }
}

fn piano_bands(filter_norm: FilterNorm) -> MelFilterbank {
    MelFilterbank::new(MelConfig { mel_scale: MelScale::Htk, filter_norm, ..MelConfig::default() })
        .unwrap()
}

#[test]
fn band_edges_are_the_published_ones() {
    let bank = piano_bands(FilterNorm::None);
    let edges = bank.edges();
    assert_eq!(edges.len(), 231);
    for (i, expected) in [30.0, 37.9076, 45.9008, 53.9807, 62.1480].iter().enumerate() {
        assert_close(edges[i], *expected, 1e-4, &format!("edge {i}"));
    }
    for (i, expected) in [(228, 7814.537), (229, 7906.769), (230, 8000.0)] {
        assert_close(edges[i], expected, 1e-3, &format!("edge {i}"));
    }
}

#[test]
fn weights_are_the_published_ones() {
    let plain = piano_bands(FilterNorm::None).to_matrix();
    let area = piano_bands(FilterNorm::Slaney).to_matrix();
    let row = |m: &ndarray::Array2<f32>, band: usize| -> Vec<(usize, f64)> {
        m.row(band)
            .iter()
            .enumerate()
            .filter(|&(_, &w)| w > 0.0)
            .map(|(bin, &w)| (bin, f64::from(w)))
            .collect()
    };
    let expect = |actual: Vec<(usize, f64)>, first: usize, weights: &[f64]| {
        assert_eq!(actual.len(), weights.len());
        for ((bin, weight), (offset, expected)) in actual.iter().zip(weights.iter().enumerate()) {
            assert_eq!(*bin, first + offset);
            assert_close(*weight, *expected, 1e-6, &format!("bin {bin}"));
        }
    };
    expect(row(&plain, 0), 4, &[0.158076, 0.855514]);
    expect(row(&area, 0), 4, &[0.0198828, 0.1076062]);
    let middle = [0.139306, 0.428592, 0.717878, 0.992913, 0.706728, 0.420542, 0.134356];
    expect(row(&plain, 114), 230, &middle);

    let total = |m: &ndarray::Array2<f32>| m.iter().map(|&w| f64::from(w)).sum::<f64>();
    assert_close(total(&plain), 1013.68868, 1e-4, "sum of plain weights");
    assert_close(total(&area), 29.31252, 1e-5, "sum of area-normalised weights");
    let non_zero: Vec<usize> = (0..229).map(|band| row(&plain, band).len()).collect();
    assert_eq!(non_zero.iter().min(), Some(&2));
    assert_eq!(non_zero.iter().max(), Some(&24));
}

/// The published values of Onsets and Velocities: two tones through its front end.
#[test]
fn the_onsets_and_velocities_front_end_hears_the_tones_as_published() {
    let low = signal::sine(SampleRate::HZ_16000, 440.0, 0.5, 16_000);
    let high = signal::sine(SampleRate::HZ_16000, 3000.0, 0.01, 16_000);
    let samples = low.channel(0).iter().zip(high.channel(0)).map(|(a, b)| a + b).collect();
    let log_mel = LogMel::new(LogMelConfig::onsets_velocities_v2()).unwrap();
    let map = log_mel.process(&AudioBuffer::mono(SampleRate::HZ_16000, samples)).unwrap();
    assert_eq!(map.data.dim(), (1, 42, 229));
    for (bin, frame, expected) in [
        (36, 20, 11.4214),
        (37, 20, 34.4872),
        (38, 0, 43.3870),
        (38, 1, 46.3462),
        (38, 20, 48.0849),
        (38, 41, 45.7330),
        (39, 20, 44.9042),
        (40, 20, 23.0548),
        (41, 20, 2.5100),
        (30, 20, -26.4214),
        (148, 20, 9.6091),
        (149, 20, 14.7975),
        (150, 20, -31.9151),
        (228, 0, -15.3232),
    ] {
        let actual = f64::from(map.data[(0, frame, bin)]);
        assert_close(actual, expected, 1e-3, &format!("bin {bin}, frame {frame}"));
    }
    let silence = AudioBuffer::silence(SampleRate::HZ_16000, 1, 2048).unwrap();
    let map = log_mel.process(&silence).unwrap();
    assert_eq!(map.data.dim(), (1, 6, 229));
    assert!(map.data.iter().all(|&y| (y + 100.0).abs() < 1e-4));
    let v1 = LogMel::new(LogMelConfig::onsets_velocities_v1()).unwrap();
    assert_eq!((v1.bins(), v1.frames(80_000)), (250, 209));
}
